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
    static const char *const forms[] = {"kernel void %s(", "kernel void\n%s(", "\nMATMUL(%s,"};
    char form[80];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        snprintf(form, sizeof form, forms[i], kernel);
        if (strstr(text, form))
            return 1;
    }
    return 0;
}

/* The file of a kernel.  The fused plan's launches have a second form, for devices with local
 * memory of their own: files of their own with kernels of the same names, which take groups of more
 * than one work-item. */
static const struct clg_kernel_source *file_of(const struct fault_kernel *kernel)
{
    const struct clg_kernel_source *file = NULL;
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++)
        if (defines(s->text, kernel->name) &&
            (!file || (strncmp(s->name, "local_", 6) == 0) == (kernel->items > 1)))
            file = s;
    return file;
}

/* What the library hands to the driver for this kernel; the caller frees it. */
static char *source_of(const struct fault_kernel *kernel)
{
    const struct clg_kernel_source *prelude = clg_kernel_sources, *file = file_of(kernel);
    while (prelude->name && strcmp(prelude->name, "prelude") != 0)
        prelude++;
    assert(prelude->name && file);
    size_t size = strlen(prelude->text) + strlen(file->text) + 64;
    char *source = malloc(size);
    assert(source);
    snprintf(source, size, "%s\n#line 1 \"%s.cl\"\n%s", prelude->text, file->name, file->text);
    return source;
}

static int is_same(const struct plan_kernel *a, const struct plan_kernel *b)
{
    return strcmp(a->kernel.name, b->kernel.name) == 0 &&
           file_of(&a->kernel) == file_of(&b->kernel);
}

/* A kernel first, so that each has the same chance, then one of its options. */
static const struct plan_kernel *draw_kernel(struct draw *draw, const struct plan *plan)
{
    const struct plan_kernel *first[PLAN_MOST], *chosen[PLAN_MOST];
    size_t count = 0, options = 0;
    for (size_t i = 0; i < plan->count; i++) {
        size_t at = 0;
        while (at < count && !is_same(first[at], &plan->kernel[i]))
            at++;
        if (at == count)
            first[count++] = &plan->kernel[i];
    }
    const struct plan_kernel *kernel = first[below(draw, count)];
    for (size_t i = 0; i < plan->count; i++)
        if (is_same(kernel, &plan->kernel[i]))
            chosen[options++] = &plan->kernel[i];
    return chosen[below(draw, options)];
}

static void draw_source(struct plan_fault *out, struct draw *draw, const struct plan_kernel *kernel,
                        const char *label)
{
    static struct mutation sites[MUTATE_MOST];
    char *source = source_of(&kernel->kernel), where[150];
    size_t count = mutate_sites(sites, source, out->fault.kernel, kernel->kernel.options);
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
    char label[240];
    memset(out, 0, sizeof *out);
    out->operations = kernel->kernel.marks;
    out->local = kernel->local;
    snprintf(out->fault.kernel, sizeof out->fault.kernel, "%s", kernel->kernel.name);
    out->fault.items = kernel->kernel.items;
    if (!kernel->every_option)
        snprintf(out->fault.options, sizeof out->fault.options, "%s", kernel->kernel.options);
    snprintf(label, sizeof label, "%s%s%s", kernel->kernel.name, options ? " " : "",
             options ? options : "");
    if (below(&draw, 3))
        draw_source(out, &draw, kernel, label);
    else
        draw_launch(out, &draw, label);
}

void plan_forget(struct plan_fault *planted)
{
    free((char *)(uintptr_t)planted->fault.source);
    planted->fault.source = NULL;
}

void plan_restrict(struct plan *plan, const char *to)
{
    const size_t count = plan->count;
    plan->count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct plan_kernel *kernel = &plan->kernel[i];
        if (strcmp(to, "plans") == 0 ? kernel->every_option
                                     : strncmp(kernel->kernel.name, to, strlen(to)) == 0)
            plan->kernel[plan->count++] = *kernel;
    }
}

static int has(const struct plan *plan, const struct clg_kernel_source *file, const char *name,
               size_t length)
{
    for (size_t i = 0; i < plan->count; i++)
        if (strlen(plan->kernel[i].kernel.name) == length &&
            strncmp(plan->kernel[i].kernel.name, name, length) == 0 &&
            file_of(&plan->kernel[i].kernel) == file)
            return 1;
    return 0;
}

void plan_missing(char *out, size_t size, const struct plan *plan)
{
    static const char *const marks[] = {"kernel void ", "kernel void\n", "\nMATMUL("};
    size_t used = 0;
    *out = '\0';
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++)
        for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
            for (const char *at = s->text; (at = strstr(at, marks[i]));) {
                at += strlen(marks[i]);
                size_t length = strcspn(at, "(,");
                if (strncmp(at, "NAME", 4) != 0 && !has(plan, s, at, length) && used < size)
                    used += (size_t)snprintf(out + used, size - used, " %.*s of %s.cl", (int)length,
                                             at, s->name);
            }
}
