/* Recording what a device does: a queue with time stamps in place of the device's own, and every
 * launch and copy with its event until that is over.  What a launch was for is found by its
 * kernel's name in the work of the step (work.h); figures are made elsewhere. */
#include "profile/profile.h"

#include "core/memory.h"
#include "device/launch.h"
#include "device/wait.h"
#include "ops/routes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_COMMANDS = 1 << 19, /* that are kept */
    HARVEST_AT = 4096,       /* pending events, before those that are over are looked at */
    MOST_PENDING = 32768
};

/* ----------------------------------------------------------------- harvest */

static clg_status stamp(cl_ulong *out, cl_event event, cl_profiling_info which)
{
    CLG_CL(clGetEventProfilingInfo, (event, which, sizeof *out, out, NULL));
    return CLG_OK;
}

/* An in-order queue runs one command after another, whatever the last digits of a driver say. */
static clg_status read_stamps(struct clg_recording *recording, const struct clg_pending *pending)
{
    struct clg_command *command = &recording->command[pending->command];
    cl_ulong front = 0;
    CLG_TRY(stamp(&command->queued, pending->event, CL_PROFILING_COMMAND_QUEUED));
    CLG_TRY(stamp(&command->start, pending->event, CL_PROFILING_COMMAND_START));
    CLG_TRY(stamp(&command->end, pending->event, CL_PROFILING_COMMAND_END));
    if (pending->before) {
        CLG_TRY(stamp(&front, pending->before, CL_PROFILING_COMMAND_END));
        if (front && front < command->start)
            command->start = front;
    }
    if (command->start < recording->last_end)
        command->start = recording->last_end;
    if (command->end < command->start)
        command->end = command->start;
    recording->last_end = command->end;
    return CLG_OK;
}

static void release(const struct clg_recording *recording, const struct clg_pending *pending)
{
    if (recording->device->lost)
        return;
    clReleaseEvent(pending->event);
    if (pending->before)
        clReleaseEvent(pending->before);
}

static int is_over(cl_event event)
{
    cl_int state = CL_QUEUED;
    return clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL) !=
               CL_SUCCESS ||
           state <= CL_COMPLETE;
}

/* Reads the stamps of commands that are over; with all 1 of every one, which then must be. */
static void harvest(struct clg_recording *recording, int all)
{
    while (recording->first < recording->waiting) {
        struct clg_pending *pending = &recording->pending[recording->first];
        if (!all && !is_over(pending->event))
            break;
        if (recording->status == CLG_OK && !recording->device->lost)
            recording->status = read_stamps(recording, pending);
        release(recording, pending);
        recording->first++;
    }
    recording->waiting -= recording->first;
    if (recording->waiting)
        memmove(recording->pending, recording->pending + recording->first,
                recording->waiting * sizeof *recording->pending);
    recording->first = 0;
}

/* ------------------------------------------------------------------ record */

/* Room for twice as many things of size bytes, within most; 0 where there is none. */
static int grow(void *things, size_t *room, size_t count, size_t size, size_t most)
{
    void *list, *more;
    const size_t wanted = *room ? 2 * *room : 1024;
    if (count < *room)
        return 1;
    if (wanted > most || clg_alloc(&more, wanted, size, "a recording") != CLG_OK)
        return 0;
    memcpy(&list, things, sizeof list);
    if (count)
        memcpy(more, list, count * size);
    free(list);
    memcpy(things, &more, sizeof more);
    *room = wanted;
    return 1;
}

/* So many events at once are not waited for one by one: the last stands for all. */
static void wait_for(struct clg_recording *recording, cl_event event)
{
    cl_int code = CL_SUCCESS;
    clg_status status = clg_wait_event(recording->device, event, &code);
    if (status == CLG_OK && code != CL_SUCCESS)
        status = clg_fail_cl(code, "clWaitForEvents", "%s", recording->device->info.name);
    if (recording->status == CLG_OK)
        recording->status = status;
    harvest(recording, status != CLG_OK);
}

/* 0 where the driver will not have it kept: the recording has failed then. */
static int keep_event(struct clg_recording *recording, cl_event event)
{
    const cl_int code = clRetainEvent(event);
    if (code != CL_SUCCESS && recording->status == CLG_OK)
        recording->status = clg_fail_cl(code, "clRetainEvent", "%s", recording->device->info.name);
    return code == CL_SUCCESS;
}

/* Takes a command whose call has just returned; before may be NULL. */
static struct clg_command *take(struct clg_recording *recording, const char *name, cl_event event,
                                cl_event before)
{
    if (!recording->on)
        return NULL;
    if (recording->waiting >= HARVEST_AT && recording->waiting % 256 == 0)
        harvest(recording, 0);
    if (!grow(&recording->command, &recording->room, recording->commands,
              sizeof *recording->command, MOST_COMMANDS) ||
        !grow(&recording->pending, &recording->pending_room, recording->waiting,
              sizeof *recording->pending, MOST_COMMANDS)) {
        recording->lost++;
        return NULL;
    }
    if (!keep_event(recording, event))
        return NULL;
    if (before && !keep_event(recording, before))
        before = NULL;
    recording->pending[recording->waiting++] =
        (struct clg_pending){event, before, recording->commands};
    struct clg_command *command = &recording->command[recording->commands++];
    memset(command, 0, sizeof *command);
    command->name = name;
    command->launch = -1;
    command->called = recording->device->call_began;
    command->returned = clg_clock();
    if (recording->waiting >= MOST_PENDING)
        wait_for(recording, event);
    return command;
}

/* The first launch of this kernel that the step has not made yet, -1 for none. */
static int untaken(const struct clg_recording *recording, const char *kernel)
{
    const struct clg_work *work = &recording->work[recording->current];
    for (int i = 0; i < work->launches; i++)
        if (!recording->taken[recording->current][i] && strcmp(work->launch[i].kernel, kernel) == 0)
            return i;
    return -1;
}

/* A launch that is made now and then, any number of times; -1 for none. */
static int rare(const struct clg_recording *recording, const char *kernel)
{
    const struct clg_work *work = &recording->work[recording->current];
    for (int i = 0; i < work->launches; i++)
        if (work->launch[i].rare && strcmp(work->launch[i].kernel, kernel) == 0)
            return i;
    return -1;
}

static void forget_taken(struct clg_recording *recording)
{
    if (recording->works)
        memset(recording->taken[recording->current], 0,
               (size_t)recording->work[recording->current].launches);
}

/* Where the step has no such launch left, a new one has begun unseen: a span. */
static int find_launch(struct clg_recording *recording, const char *kernel)
{
    int found = recording->works ? untaken(recording, kernel) : -1;
    if (found < 0 && recording->works && recording->work[recording->current].spans) {
        forget_taken(recording);
        found = untaken(recording, kernel);
    }
    if (found < 0 && recording->works)
        found = rare(recording, kernel);
    if (found >= 0)
        recording->taken[recording->current][found] = 1;
    return found;
}

/* A product of CLBlast as the kernels that it enqueued. */
static void take_inners(struct clg_recording *recording)
{
    const struct clg_inners *inners = recording->inners;
    const int launch = find_launch(recording, "sgemm"), main_one = clg_inners_main(inners);
    for (int i = 0; i < inners->count; i++) {
        const struct clg_inner *inner = &inners->inner[i];
        struct clg_command *command = take(recording, inner->name, inner->event, NULL);
        if (!command)
            continue;
        command->kernel = 1;
        command->helper = i != main_one;
        command->work = recording->current;
        command->launch = launch;
        command->called = i ? inner->called : recording->device->call_began;
        command->returned = inner->returned;
    }
}

static void on_launch(void *user, const char *program, const char *kernel, cl_event event)
{
    struct clg_recording *recording = user;
    struct clg_inners *inners = recording->inners;
    const int known = inners && inners->count && !inners->lost && strcmp(program, "clblast") == 0;
    if (known && recording->on)
        take_inners(recording);
    if (inners) {
        clg_inners_forget(inners);
        inners->lost = 0;
    }
    struct clg_command *command =
        known ? NULL : take(recording, kernel, event, recording->device->before);
    if (!command)
        return;
    command->kernel = 1;
    command->groups = recording->device->groups;
    command->work = recording->current;
    command->launch = find_launch(recording, kernel);
}

static void on_copy(void *user, const char *what, size_t bytes, cl_event event)
{
    struct clg_recording *recording = user;
    struct clg_command *command = take(recording, what, event, recording->device->before);
    if (command)
        command->bytes = bytes;
}

/* ----------------------------------------------------------------- windows */

clg_status clg_recording_begin(struct clg_recording *recording, clg_device *device)
{
    cl_int code;
    memset(recording, 0, sizeof *recording);
    if (device->kind == CLG_REFERENCE)
        return clg_fail(CLG_EUSAGE, "--device ref: the reference has no launches to record");
    if (device->on_launch || device->on_copy)
        return clg_fail(CLG_EUSAGE, "%s is recorded already: stop that profile first",
                        device->info.name);
    CLG_TRY(clg_device_finish(device));
    if (clg_way_of(device) == CLG_WAY_CLBLAST)
        CLG_TRY(clg_inners_begin(&recording->inners, device));
    cl_command_queue queue =
        clCreateCommandQueue(device->context, device->id, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS) {
        clg_inners_end(recording->inners);
        return clg_fail_cl(code, "clCreateCommandQueue", "%s, with profiling", device->info.name);
    }
    recording->device = device;
    recording->kept = device->queue;
    device->queue = queue;
    device->on_launch = on_launch;
    device->on_copy = on_copy;
    device->on_launch_user = recording;
    recording->on = 1;
    recording->began = clg_clock();
    return CLG_OK;
}

clg_status clg_recording_restart(struct clg_recording *recording)
{
    CLG_TRY(clg_device_finish(recording->device));
    harvest(recording, 1);
    recording->commands = 0;
    recording->lost = 0;
    recording->on = 1;
    recording->began = clg_clock();
    return recording->status;
}

clg_status clg_recording_pause(struct clg_recording *recording)
{
    if (!recording->on)
        return recording->status;
    clg_status status = clg_device_finish(recording->device);
    recording->ended = clg_clock();
    recording->on = 0;
    harvest(recording, 1);
    return status != CLG_OK ? status : recording->status;
}

/* Gives the device its own queue back.  Nothing of a lost device is released. */
static void give_back(struct clg_recording *recording)
{
    clg_device *device = recording->device;
    if (!recording->kept)
        return;
    if (device->lost) {
        device->before = NULL;
        if (recording->inners)
            recording->inners->count = 0;
    }
    clg_mark_forget(device);
    clg_inners_end(recording->inners);
    if (!device->lost)
        clReleaseCommandQueue(device->queue);
    device->queue = recording->kept;
    recording->kept = NULL;
    device->on_launch = NULL;
    device->on_copy = NULL;
    device->on_launch_user = NULL;
}

clg_status clg_recording_end(struct clg_recording *recording)
{
    clg_status status = clg_recording_pause(recording);
    give_back(recording);
    return status;
}

void clg_recording_clear(struct clg_recording *recording)
{
    if (recording->kept) {
        (void)clg_recording_pause(recording);
        give_back(recording);
    }
    for (int i = 0; i < CLG_WORKS; i++) {
        clg_work_clear(&recording->work[i]);
        free(recording->taken[i]);
    }
    free(recording->inners);
    free(recording->command);
    free(recording->pending);
    memset(recording, 0, sizeof *recording);
}

clg_status clg_recording_step(struct clg_recording *recording, const struct clg_engine *engine,
                              const struct clg_net *teacher, const struct clg_rows *data,
                              int shuffle, int B)
{
    int at = 0;
    while (at < recording->works && recording->work[at].B != B)
        at++;
    if (at == CLG_WORKS) /* a third length: none of the loop's */
        at = 0;
    if (at == recording->works) {
        struct clg_work *work = &recording->work[at];
        clg_status status = clg_work_make(work, engine, teacher, data, shuffle, B);
        recording->works++;
        CLG_TRY(status);
        CLG_TRY(clg_alloc(&recording->taken[at], (size_t)work->launches, 1, "a recording"));
    }
    recording->current = at;
    forget_taken(recording);
    return CLG_OK;
}

/* Each call's queued lies between its beginning and its return; no command may seem to be queued
 * before its call. */
double clg_recording_offset(const struct clg_recording *recording)
{
    double low = -INFINITY, high = INFINITY;
    for (size_t i = 0; i < recording->commands; i++) {
        const struct clg_command *command = &recording->command[i];
        const double queued = 1e-9 * (double)command->queued;
        low = fmax(low, queued - command->returned);
        high = fmin(high, queued - command->called);
    }
    return low < high && isfinite(low) ? (low + high) / 2 : isfinite(high) ? high : 0;
}
