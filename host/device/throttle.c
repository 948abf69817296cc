/* How far the host runs ahead of the device: two half queues of about 50 ms each.  Whenever half a
 * queue of steps has been enqueued the host marks the place and waits for the mark before it, so
 * the device always has the newer half to work on. */
#define _POSIX_C_SOURCE 199309L
#include "device/launch.h"

#include "device/wait.h"

#include <string.h>
#include <time.h>

/* Seconds of work in half a queue: a little more than lies between two waits at their most. */
static const double half_seconds = 0.054, least_between_waits = 0.05;
enum { MEASURING_WAITS = 2 };

double clg_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void clg_throttle_begin(struct clg_throttle *throttle, clg_device *device)
{
    memset(throttle, 0, sizeof *throttle);
    throttle->device = device;
    throttle->last_wait = clg_clock();
}

void clg_throttle_end(struct clg_throttle *throttle)
{
    if (throttle->mark && !throttle->device->lost)
        clReleaseEvent(throttle->mark);
    memset(throttle, 0, sizeof *throttle);
}

/* Marks the place in the queue, and sees to it that the device gets there. */
static clg_status mark_place(cl_event *mark, const clg_device *device)
{
    cl_int code = clEnqueueMarkerWithWaitList(device->queue, 0, NULL, mark);
    if (code != CL_SUCCESS) {
        *mark = NULL;
        return clg_fail_cl(code, "clEnqueueMarkerWithWaitList", "%s", device->info.name);
    }
    return CLG_OK;
}

/* Waits for mark, which is released: the last of `steps` steps since the last wait. */
static clg_status wait_for(struct clg_throttle *throttle, cl_event mark, uint64_t steps)
{
    cl_int code;
    CLG_TRY(clg_wait_event(throttle->device, mark, &code));
    clReleaseEvent(mark);
    if (code != CL_SUCCESS)
        return clg_fail_cl(code, "clWaitForEvents", "%s", throttle->device->info.name);
    double now = clg_clock();
    throttle->step = (now - throttle->last_wait) / (double)steps;
    throttle->last_wait = now;
    throttle->waits++;
    return CLG_OK;
}

/* Steps that fill half a queue. */
static uint64_t steps_in_half(double step)
{
    double fit = step > 0 ? half_seconds / step : 1e6;
    return fit < 1 ? 1 : fit > 1e6 ? 1000000 : (uint64_t)fit;
}

/* The first step's time holds the compiler's, the second's is the measure. */
static clg_status measure(struct clg_throttle *throttle)
{
    cl_event mark;
    CLG_TRY(mark_place(&mark, throttle->device));
    CLG_TRY(wait_for(throttle, mark, 1));
    if (throttle->waits == MEASURING_WAITS)
        throttle->half = steps_in_half(throttle->step);
    throttle->since_mark = 0;
    return CLG_OK;
}

/* Follows the measured time.  Not at once: a validation or a save may lie in one measure.  But the
 * first measure over many steps corrects that of the one step before as far as it must. */
static void adapt(struct clg_throttle *throttle)
{
    uint64_t half = throttle->half, fit = steps_in_half(throttle->step);
    if (throttle->waits > MEASURING_WAITS + 1)
        fit = fit < (half + 1) / 2 ? (half + 1) / 2 : fit > 2 * half ? 2 * half : fit;
    throttle->half = fit;
}

/* Half a queue is full: marks it, and waits for the half in front.  Where that would be over too
 * soon after the last wait (few long steps, or steps faster than they were) it waits for both. */
static clg_status turn(struct clg_throttle *throttle)
{
    cl_event mark, before = throttle->mark;
    uint64_t steps = throttle->marked, behind = throttle->since_mark;
    double now = clg_clock(), end = throttle->last_wait + throttle->step * (double)steps;
    CLG_TRY(mark_place(&mark, throttle->device));
    throttle->mark = mark;
    throttle->marked = behind;
    throttle->since_mark = 0;
    if (!before)
        return clg_device_flush(throttle->device);
    if ((now > end ? now : end) < throttle->last_wait + least_between_waits) {
        clReleaseEvent(before);
        throttle->mark = NULL;
        throttle->marked = 0;
        before = mark;
        steps += behind;
    }
    CLG_TRY(wait_for(throttle, before, steps));
    adapt(throttle);
    return CLG_OK;
}

clg_status clg_throttle_step(struct clg_throttle *throttle, int *waited)
{
    int waits = throttle->waits;
    if (waited)
        *waited = 0;
    if (throttle->device->kind == CLG_REFERENCE)
        return CLG_OK;
    throttle->since_mark++;
    if (waits < MEASURING_WAITS)
        CLG_TRY(measure(throttle));
    else if (throttle->since_mark >= throttle->half)
        CLG_TRY(turn(throttle));
    if (waited)
        *waited = throttle->waits > waits;
    return CLG_OK;
}
