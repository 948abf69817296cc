/* From a recording to figures: one row for each kernel and layer, rows for copies and for the gaps
 * in which the device had nothing to do, time by layer and phase, and what the roofs allow. */
#include "profile/profile.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below so many launches' cost a kernel is bound by being launched. */
static const double launch_bound = 2;

static double ms_of(const struct clg_command *command)
{
    return 1e-6 * (double)(command->end - command->start);
}

/* "dense_fwd 0", or the kernel alone where it is of no single layer. */
static void name_row(char out[48], const struct clg_command *command, int layer)
{
    if (layer >= 0)
        snprintf(out, 48, "%s %d", command->name, layer);
    else
        snprintf(out, 48, "%s", command->name);
}

/* The row of that name, made where it is new. */
static clg_status find_row(clg_profile_row **out, struct clg_profile *profile, size_t *room,
                           const char *name)
{
    clg_profile_summary *summary = &profile->summary;
    for (int i = 0; i < summary->rows; i++)
        if (strcmp(profile->row[i].name, name) == 0) {
            *out = &profile->row[i];
            return CLG_OK;
        }
    if ((size_t)summary->rows == *room) {
        clg_profile_row *more;
        const size_t wanted = *room ? 2 * *room : 32;
        CLG_TRY(clg_alloc(&more, wanted, sizeof *more, "a profile's rows"));
        if (summary->rows)
            memcpy(more, profile->row, (size_t)summary->rows * sizeof *more);
        free(profile->row);
        profile->row = more;
        *room = wanted;
    }
    *out = &profile->row[summary->rows++];
    memset(*out, 0, sizeof **out);
    snprintf((*out)->name, sizeof(*out)->name, "%s", name);
    (*out)->layer = -1;
    return CLG_OK;
}

/* ------------------------------------------------------------------- sums */

/* A launch's time to the layers and phases it works for, by predicted time. */
static void share_out(struct clg_profile *profile, const struct clg_command *command,
                      double unit_bytes)
{
    const int nobody = profile->summary.layers;
    if (command->launch < 0) {
        profile->ms[nobody][CLG_PHASE_FIGURES] += ms_of(command);
        return;
    }
    const struct clg_work *work = &profile->recording.work[command->work];
    const struct clg_work_launch *launch = &work->launch[command->launch];
    const double all = clg_work_launch_seconds(work, command->launch, &profile->roofs, unit_bytes);
    for (int p = launch->first; p < launch->first + launch->parts; p++) {
        const struct clg_task *task = &work->part[p];
        const int at = task->layer < 0 || task->layer >= nobody ? nobody : task->layer;
        const double share = all > 0 ? clg_roofs_seconds(&profile->roofs, task, unit_bytes) / all
                                     : 1.0 / launch->parts;
        profile->ms[at][task->phase] += ms_of(command) * share;
        if (clg_work_layer(work, command->launch) < 0 || clg_work_phase(work, command->launch) < 0)
            profile->shared[at][task->phase] |= launch->parts > 1;
    }
}

/* Adds a command to its row: time, and for now flops in gflops and bytes in gbps. */
static void add_command(struct clg_profile *profile, clg_profile_row *row,
                        const struct clg_command *command)
{
    row->calls++;
    row->ms += ms_of(command);
    row->kernel = command->kernel;
    if (!command->kernel) {
        row->gbps += (double)command->bytes;
        return;
    }
    if (command->launch < 0 || command->helper) {
        row->gflops = row->gbps = (double)NAN;
        return;
    }
    const struct clg_work *work = &profile->recording.work[command->work];
    const struct clg_work_launch *launch = &work->launch[command->launch];
    row->layer = clg_work_layer(work, command->launch);
    row->shared =
        launch->parts > 1 && (row->layer < 0 || clg_work_phase(work, command->launch) < 0);
    for (int p = launch->first; p < launch->first + launch->parts; p++) {
        row->gflops += work->part[p].flops;
        row->gbps += work->part[p].bytes;
    }
}

static clg_status add_commands(struct clg_profile *profile, size_t *room)
{
    const struct clg_recording *recording = &profile->recording;
    const double unit_bytes =
        recording->works ? clg_work_unit_bytes(&recording->work[0], recording->device) : 0;
    for (size_t i = 0; i < recording->commands; i++) {
        const struct clg_command *command = &recording->command[i];
        clg_profile_row *row;
        char name[48];
        const int layer = command->kernel && command->launch >= 0
                              ? clg_work_layer(&recording->work[command->work], command->launch)
                              : -1;
        name_row(name, command, layer);
        CLG_TRY(find_row(&row, profile, room, name));
        add_command(profile, row, command);
        if (command->kernel)
            share_out(profile, command, unit_bytes);
    }
    return CLG_OK;
}

/* The time in which no command ran: in front of the first, between two, behind the last. */
static clg_status add_gaps(struct clg_profile *profile, size_t *room)
{
    const struct clg_recording *recording = &profile->recording;
    const double offset = clg_recording_offset(recording);
    double last = recording->began, gaps = 0;
    clg_profile_row *row;
    uint64_t count = 0;
    for (size_t i = 0; i <= recording->commands; i++) {
        const struct clg_command *command = &recording->command[i];
        const double start =
            i == recording->commands ? recording->ended : 1e-9 * (double)command->start - offset;
        if (start > last) {
            gaps += start - last;
            count++;
        }
        if (i < recording->commands)
            last = 1e-9 * (double)command->end - offset;
    }
    CLG_TRY(find_row(&row, profile, room, "host gaps"));
    row->calls = count;
    row->ms = 1e3 * gaps;
    row->gflops = row->gbps = (double)NAN;
    return CLG_OK;
}

/* ------------------------------------------------------------------- rates */

/* What bounds a row, and how near it comes. */
static void place_under_roofs(clg_profile_row *row, const clg_roofs *roofs, double unit_bytes)
{
    const double compute = clg_roofs_compute(roofs);
    const clg_roof *memory;
    row->of_roof = (double)NAN;
    if (!row->kernel || !isfinite(row->gbps) || compute <= 0)
        return;
    memory = clg_roofs_memory(roofs, unit_bytes);
    if (row->gflops > 0 && row->flop_per_byte * memory->rate > compute) {
        row->of_roof = row->gflops / compute;
        snprintf(row->bound, sizeof row->bound, "compute");
    } else if (row->gbps > 0) {
        row->of_roof = row->gbps / memory->rate;
        snprintf(row->bound, sizeof row->bound, "%.23s", memory->name);
    }
    if (1e3 * row->ms / (double)row->calls < launch_bound * roofs->launch_us && row->of_roof < 0.5)
        snprintf(row->bound, sizeof row->bound, "launch");
}

/* From sums to rates.  A span's launch holds many steps, of which the work knows one. */
static void finish_row(clg_profile_row *row, const struct clg_profile *profile, double unit_bytes)
{
    const struct clg_recording *recording = &profile->recording;
    const double seconds = 1e-3 * row->ms;
    if (recording->works && recording->work[0].spans && strncmp(row->name, "resident", 8) == 0) {
        const double steps = (double)profile->summary.steps / (double)row->calls;
        row->gflops *= steps;
        row->gbps *= steps;
    }
    row->flop_per_byte = row->kernel && row->gbps > 0 ? row->gflops / row->gbps : (double)NAN;
    row->gflops = seconds > 0 && row->kernel ? 1e-9 * row->gflops / seconds : (double)NAN;
    row->gbps = seconds > 0 ? 1e-9 * row->gbps / seconds : (double)NAN;
    row->share = row->ms / profile->summary.wall_ms;
    place_under_roofs(row, &profile->roofs, unit_bytes);
}

static int by_time(const void *a, const void *b)
{
    const double x = ((const clg_profile_row *)a)->ms, y = ((const clg_profile_row *)b)->ms;
    return (x < y) - (x > y);
}

static void summarise(struct clg_profile *profile, double unit_bytes)
{
    const struct clg_recording *recording = &profile->recording;
    clg_profile_summary *summary = &profile->summary;
    double busy = 0;
    uint64_t launches = 0;
    for (int i = 0; i < summary->rows; i++) {
        const clg_profile_row *row = &profile->row[i];
        summary->rows_ms += row->ms;
        busy += row->kernel || isfinite(row->gbps) ? row->ms : 0;
        launches += row->kernel ? row->calls : 0;
    }
    summary->busy = busy / summary->wall_ms;
    summary->lost = recording->lost;
    if (!summary->steps || !recording->works)
        return;
    const struct clg_work_sums sums = clg_work_sum(&recording->work[0]);
    const double per_step = (double)launches / (double)summary->steps;
    summary->launches = per_step;
    summary->flops = sums.flops;
    summary->bytes = sums.bytes;
    double seconds = clg_work_seconds(&recording->work[0], &profile->roofs, unit_bytes);
    if (recording->work[0].spans)
        seconds += 1e-6 * profile->roofs.wait_us * per_step;
    summary->predicted_us = 1e6 * seconds;
}

clg_status clg_profile_tabulate(struct clg_profile *profile)
{
    const struct clg_recording *recording = &profile->recording;
    size_t room = 0;
    const double unit_bytes =
        recording->works ? clg_work_unit_bytes(&recording->work[0], recording->device) : 0;
    profile->summary.wall_ms = 1e3 * (recording->ended - recording->began);
    CLG_TRY(add_commands(profile, &room));
    CLG_TRY(add_gaps(profile, &room));
    for (int i = 0; i < profile->summary.rows; i++)
        finish_row(&profile->row[i], profile, unit_bytes);
    qsort(profile->row, (size_t)profile->summary.rows, sizeof *profile->row, by_time);
    summarise(profile, unit_bytes);
    return CLG_OK;
}
