/* Draws faults: a kernel, one of the options it is built with, then a change of its source, or of
 * what a launch leaves behind. */
#include "plan.h"

#include "device/program.h"
#include "mutate.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct draw {
    uint64_t state;
};

static unsigned below(struct draw *draw, size_t n)
{
    uint64_t z = draw->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (unsigned)((z ^ (z >> 31)) % n);
}

/* Whether the file defines the kernel, by itself or through a macro whose first argument it is. */
static int defines(const char *text, const char *kernel)
{
    char plain[80], made[80];
    snprintf(plain, sizeof plain, "kernel void %s(", kernel);
    snprintf(made, sizeof made, "\nMATMUL(%s,", kernel);
    return strstr(text, plain) != NULL || strstr(text, made) != NULL;
}

/* What the library hands to the driver for this kernel; the caller frees it. */
static char *source_of(const char *kernel)
{
    const struct clg_kernel_source *prelude = NULL, *file = NULL;
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++) {
        if (strcmp(s->name, "prelude") == 0)
            prelude = s;
        else if (defines(s->text, kernel))
            file = s;
    }
    assert(prelude && file);
    size_t size = strlen(prelude->text) + strlen(file->text) + 64;
    char *source = malloc(size);
    assert(source);
    snprintf(source, size, "%s\n#line 1 \"%s.cl\"\n%s", prelude->text, file->name, file->text);
    return source;
}

/* A kernel name first, so that each has the same chance, then one of its options. */
static const struct plan_kernel *draw_kernel(struct draw *draw, const struct plan *plan)
{
    const char *names[PLAN_MOST];
    const struct plan_kernel *chosen[PLAN_MOST];
    size_t count = 0, options = 0;
    for (size_t i = 0; i < plan->count; i++) {
        size_t at = 0;
        while (at < count && strcmp(names[at], plan->kernel[i].kernel.name) != 0)
            at++;
        if (at == count)
            names[count++] = plan->kernel[i].kernel.name;
    }
    const char *name = names[below(draw, count)];
    for (size_t i = 0; i < plan->count; i++)
        if (strcmp(name, plan->kernel[i].kernel.name) == 0)
            chosen[options++] = &plan->kernel[i];
    return chosen[below(draw, options)];
}

static void draw_source(struct plan_fault *out, struct draw *draw, const char *label)
{
    static struct mutation sites[MUTATE_MOST];
    char *source = source_of(out->fault.kernel), where[200];
    size_t count = mutate_sites(sites, source, out->fault.kernel, out->fault.options);
    assert(count > 0);
    /* one in eight is a work-group that does nothing; they come first */
    const struct mutation *site = &sites[below(draw, 8) ? below(draw, count) : below(draw, 3)];
    out->fault.kind = FAULT_SOURCE;
    out->fault.source = mutate_apply(source, site);
    mutate_describe(where, sizeof where, source, site);
    snprintf(out->text, sizeof out->text, "%s, %s", label, where);
    free(source);
}

static void draw_launch(struct plan_fault *out, struct draw *draw, const char *label)
{
    static const char *const names[FAULT_KINDS] = {[FAULT_FLIP] = "flips a bit",
                                                   [FAULT_SKIP] = "launch left out",
                                                   [FAULT_STALE] = "old contents",
                                                   [FAULT_PREVIOUS] = "last launch's result"};
    struct fault *fault = &out->fault;
    fault->kind = (enum fault_kind)(FAULT_FLIP + below(draw, 4));
    fault->period = 1 + below(draw, 3);
    fault->phase = below(draw, fault->period);
    fault->result = below(draw, 3);
    fault->bit = below(draw, 32);
    fault->place = below(draw, 2) ? 1 + below(draw, 5) : below(draw, 1000) / 1000.0;
    if (fault->kind == FAULT_FLIP)
        snprintf(out->text, sizeof out->text,
                 "%s: bit %u at %.3g of result %u, launches %u modulo %u", label, fault->bit,
                 fault->place, fault->result, fault->phase, fault->period);
    else
        snprintf(out->text, sizeof out->text, "%s: %s, result %u, launches %u modulo %u", label,
                 names[fault->kind], fault->result, fault->phase, fault->period);
}

void plan_draw(struct plan_fault *out, const struct plan *plan, unsigned seed, unsigned number)
{
    struct draw draw = {0x2545F4914F6CDD1Du * seed + 0x9E3779B97F4A7C15u * number};
    const struct plan_kernel *kernel = draw_kernel(&draw, plan);
    const char *options = strstr(kernel->kernel.options, "-D");
    char label[128];
    memset(out, 0, sizeof *out);
    out->operations = kernel->kernel.marks;
    out->local = kernel->local;
    snprintf(out->fault.kernel, sizeof out->fault.kernel, "%s", kernel->kernel.name);
    snprintf(out->fault.options, sizeof out->fault.options, "%s", kernel->kernel.options);
    snprintf(label, sizeof label, "%s%s%s", kernel->kernel.name, options ? " " : "",
             options ? options : "");
    if (below(&draw, 3))
        draw_source(out, &draw, label);
    else
        draw_launch(out, &draw, label);
}

void plan_forget(struct plan_fault *planted)
{
    free((char *)(uintptr_t)planted->fault.source);
    planted->fault.source = NULL;
}

static int has(const struct plan *plan, const char *name, size_t length)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strlen(plan->kernel[i].kernel.name) == length &&
            strncmp(plan->kernel[i].kernel.name, name, length) == 0)
            return 1;
    return 0;
}

/* Whether the file's kernels are those of the fused and the resident plan, which are no faults' here:
 * test_device_plans, test_device_span and test_device_verify_plans hold them to the plain plan's
 * bits and spoil each of their results. */
static int is_of_a_plan(const char *file)
{
    static const char *const files[] = {"dense",      "head",        "learn",    "turn",
                                        "local_dense", "local_head", "local_learn", "resident",
                                        "resident_group"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(file, files[i]) == 0)
            return 1;
    return 0;
}

void plan_missing(char *out, size_t size, const struct plan *plan)
{
    static const char *const marks[] = {"kernel void ", "\nMATMUL("};
    size_t used = 0;
    *out = '\0';
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++)
        for (size_t i = 0; i < 2 && !is_of_a_plan(s->name); i++)
            for (const char *at = s->text; (at = strstr(at, marks[i]));) {
                at += strlen(marks[i]);
                size_t length = strcspn(at, "(,");
                if (strncmp(at, "NAME", 4) != 0 && !has(plan, at, length) && used < size)
                    used += (size_t)snprintf(out + used, size - used, " %.*s", (int)length, at);
            }
}
