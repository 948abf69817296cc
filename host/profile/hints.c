/* A line of advice where a profile's figures call for one.  Each says what was measured and which
 * option changes it; what no option changes is not advised. */
#include "profile/profile.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Shares of the wall time from which something is worth a line. */
static const double much = 0.25, some = 0.1;

static void CLG_PRINTF(2, 3) say(struct clg_profile *profile, const char *format, ...)
{
    va_list arguments;
    if (profile->summary.hints == CLG_HINTS)
        return;
    va_start(arguments, format);
    vsnprintf(profile->hint[profile->summary.hints++], CLG_HINT_SIZE, format, arguments);
    va_end(arguments);
}

static const clg_profile_row *row_named(const struct clg_profile *profile, const char *name)
{
    for (int i = 0; i < profile->summary.rows; i++)
        if (strcmp(profile->row[i].name, name) == 0)
            return &profile->row[i];
    return NULL;
}

/* Time of kernels that are over in about the time that launching them takes. */
static double launched_ms(const struct clg_profile *profile)
{
    double ms = 0;
    for (int i = 0; i < profile->summary.rows; i++)
        if (strcmp(profile->row[i].bound, "launch") == 0)
            ms += profile->row[i].ms;
    return ms;
}

static void about_launches(struct clg_profile *profile)
{
    const clg_profile_summary *s = &profile->summary;
    const clg_profile_row *gaps = row_named(profile, "host gaps");
    const double lost = (launched_ms(profile) + (gaps ? gaps->ms : 0)) / s->wall_ms;
    if (s->launches < 1 || lost < much)
        return;
    say(profile,
        "launch-bound: %.0f %% of the time goes to %.3g launches a step and the gaps between them; "
        "a larger --batch%s makes them fewer",
        100 * lost, s->launches, strcmp(s->plan, "plain") == 0 ? " or --plan auto" : "");
}

static void about_plan(struct clg_profile *profile)
{
    const clg_profile_summary *s = &profile->summary;
    if (strcmp(s->plan, "plain") == 0 && profile->recording.device->plan == CLG_CHOOSE_PLAIN)
        say(profile, "--plan plain makes %.3g launches a step; --plan auto fuses them where it can",
            s->launches);
}

/* Products whose columns fill their vectors badly. */
static void about_padding(struct clg_profile *profile)
{
    const struct clg_work *work = &profile->recording.work[0];
    if (work->spans) /* such networks are bound by latency, not by vectors */
        return;
    for (int i = 0; profile->recording.works && i < work->launches; i++)
        for (int p = 0; p < work->launch[i].parts; p++) {
            const struct clg_task *task = &work->part[work->launch[i].first + p];
            double layer_ms = 0;
            if (task->effort < 1.25 * task->flops || task->layer < 0 || task->flops <= 0)
                continue;
            for (int phase = 0; phase < CLG_PHASES; phase++)
                layer_ms += profile->ms[task->layer][phase];
            if (layer_ms < some * profile->summary.wall_ms)
                continue;
            say(profile,
                "padding: the products of layer %d take whole vectors of 16 columns, %.0f %% of "
                "which are padding; a number of units that 16 divides costs the same",
                task->layer, 100 * (1 - task->flops / task->effort));
            return;
        }
}

/* Kernels that have fewer work-groups than the device has compute units. */
static void about_groups(struct clg_profile *profile)
{
    const struct clg_recording *recording = &profile->recording;
    const int units = recording->device->info.units;
    double ms = 0;
    size_t few = 0;
    const char *name = NULL;
    for (size_t i = 0; i < recording->commands; i++) {
        const struct clg_command *command = &recording->command[i];
        if (!command->kernel || !command->groups || command->groups >= (size_t)units)
            continue;
        ms += 1e-6 * (double)(command->end - command->start);
        few = command->groups;
        name = command->name;
    }
    if (!name || ms < some * profile->summary.wall_ms ||
        strcmp(profile->summary.plan, "resident") == 0)
        return;
    say(profile,
        "small launches: %.0f %% of the time has fewer work-groups than the device has compute "
        "units (%s: %zu of %d); a larger --batch or wider --layers use more of it",
        100 * ms / profile->summary.wall_ms, name, few, units);
}

/* A long product that is far from what the library's own product reached when it was probed. */
static void about_products(struct clg_profile *profile)
{
    const clg_profile_row *row = &profile->row[0];
    for (int i = 0; i < profile->summary.rows; i++, row++) {
        const double flops = 1e6 * row->gflops * row->ms / (double)(row->calls ? row->calls : 1);
        const double reached = clg_roofs_product(&profile->roofs, flops > 0 ? flops : 1);
        if (row->kernel && row->share > much && strcmp(row->bound, "compute") == 0 &&
            row->gflops < 0.4 * reached) {
            say(profile,
                "%s runs at %.0f GFLOP/s and the library's own product of that size at %.0f: "
                "clgrad "
                "tune may find a faster form, a larger --batch may help",
                row->name, row->gflops, reached);
            return;
        }
    }
}

static void about_reading(struct clg_profile *profile)
{
    const clg_profile_row *read = row_named(profile, "read");
    if (read && read->share > some && profile->summary.steps)
        say(profile,
            "reading back takes %.0f %% of the time, %.2g times a step: a larger --log-every or "
            "--save-every, or longer epochs",
            100 * read->share, (double)read->calls / (double)profile->summary.steps);
}

void clg_profile_find_hints(struct clg_profile *profile)
{
    about_plan(profile);
    about_launches(profile);
    about_groups(profile);
    about_products(profile);
    about_padding(profile);
    about_reading(profile);
    if (profile->summary.lost)
        say(profile, "%d commands were beyond what a profile keeps: fewer --steps",
            profile->summary.lost);
}
