/* Which device --device means: auto, a type, numbers, or part of a name; and the line that says
 * why. */
#define _POSIX_C_SOURCE 200809L
#include "device/discover.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether text holds part, case ignored. */
static int holds(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, length) == 0)
            return 1;
    return 0;
}

/* "P:D" with nothing behind it. */
static int is_numbers(const char *selector, int *platform, int *device)
{
    char rest;
    return strspn(selector, "0123456789:") == strlen(selector) &&
           sscanf(selector, "%9d:%9d%c", platform, device, &rest) == 2;
}

static int is_type(const char *selector)
{
    return strcasecmp(selector, "gpu") == 0 || strcasecmp(selector, "cpu") == 0 ||
           strcasecmp(selector, "accelerator") == 0;
}

static int is_meant(const clg_device_info *info, const char *selector)
{
    int platform, device;
    if (strcasecmp(selector, "auto") == 0)
        return 1;
    if (is_type(selector))
        return strcasecmp(info->type, selector) == 0;
    if (is_numbers(selector, &platform, &device))
        return info->platform == platform && info->index == device;
    return holds(info->platform_name, selector) || holds(info->vendor, selector) ||
           holds(info->name, selector);
}

/* "0:0 NAME (cpu), 1:0 NAME (gpu, not usable: ...)" and the reference. */
static void list_all(char *out, size_t size, const struct clg_found *found, size_t count)
{
    size_t length = 0;
    for (size_t i = 0; i < count && length + 1 < size; i++) {
        const clg_device_info *info = &found[i].info;
        int unusable = !info->usable;
        int wrote = snprintf(out + length, size - length, "%d:%d %s (%s%s%s), ", info->platform,
                             info->index, info->name, info->type, unusable ? ", not usable: " : "",
                             unusable ? info->quirks : "");
        length += (size_t)wrote < size - length ? (size_t)wrote : size - length - 1;
    }
    snprintf(out + length, size - length, "and ref");
}

clg_status clg_discover_choose(const struct clg_found **out, char *reason, size_t size,
                               const struct clg_found *found, size_t count, const char *selector)
{
    const struct clg_found *best = NULL;
    size_t meant = 0, usable = 0;
    int failures = 0;
    char all[2048], which[64];
    *out = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!is_meant(&found[i].info, selector))
            continue;
        meant++;
        if (!found[i].info.usable) {
            failures += found[i].failures;
            continue;
        }
        usable++;
        if (!best || found[i].info.score > best->info.score)
            best = &found[i];
    }
    if (!best) {
        list_all(all, sizeof all, found, count);
        return clg_fail(failures ? CLG_EDEVICE : CLG_ENODEVICE, "--device %s: %s; there are %s",
                        selector, meant ? "cannot be used" : "no such device", all);
    }
    if (strcasecmp(selector, "auto") != 0)
        snprintf(which, sizeof which, usable > 1 ? "best of %zu by" : "chosen by", usable);
    else if (count == 1)
        snprintf(which, sizeof which, "the only device");
    else if (usable == 1)
        snprintf(which, sizeof which, "the only one of %zu that can be used", count);
    else
        snprintf(which, sizeof which, "highest score of %zu", usable);
    snprintf(reason, size, "device %d:%d %s: %s%s%s", best->info.platform, best->info.index,
             best->info.name, which, strcasecmp(selector, "auto") ? " --device " : "",
             strcasecmp(selector, "auto") ? selector : "");
    *out = best;
    return CLG_OK;
}
