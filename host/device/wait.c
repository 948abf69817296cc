/* The thread that sits in the driver's blocking calls, one a device, made at the first of them.  A
 * call that is given up keeps the thread and its record; both go when the driver comes back. */
#define _GNU_SOURCE
#include "device/wait.h"

#include "core/memory.h"
#include "core/text.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Seconds: the first wait behind a kernel that was just made holds its compilation. */
static const double first_limit = 120, later_limit = 30;
/* A wait may take so many times as long as the longest so far. */
static const double margin = 20;

/* Copies up to this size go through memory of the waiter's, so that a call that is given up holds
 * none of the caller's.  Such writes are not waited for: what they hold is free again once a later
 * command of the queue, which is in-order, has come to its end. */
enum { BOUNCE = 1 << 16, ALIGNMENT = 64 };

enum kind { FINISH, EVENT, BUILD, READ, WRITE };
static const char *const call_names[] = {[FINISH] = "clFinish",
                                         [EVENT] = "clWaitForEvents",
                                         [BUILD] = "clBuildProgram",
                                         [READ] = "clEnqueueReadBuffer",
                                         [WRITE] = "clEnqueueWriteBuffer"};

struct call {
    enum kind kind;
    cl_command_queue queue;
    cl_event event;
    cl_program program;
    cl_device_id id;
    const char *options;
    cl_mem mem;
    size_t offset, bytes;
    void *to;
    const void *from;
    int wants_event;
    cl_int code; /* what came of it */
};

struct clg_waiter {
    int has_thread; /* 0: calls are made where they are asked for */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t asked, answered;
    enum { IDLE, ASKED, ANSWERED, LEAVE, ABANDONED } state;
    struct call call;
    char *options; /* a copy for call */
    size_t behind; /* bytes of written that commands not known to be over hold */
    unsigned char got[BOUNCE], written[BOUNCE];
};

static void waiter_free(struct clg_waiter *waiter)
{
    pthread_cond_destroy(&waiter->asked);
    pthread_cond_destroy(&waiter->answered);
    pthread_mutex_destroy(&waiter->lock);
    free(waiter->options);
    free(waiter);
}

static void make_call(struct call *call)
{
    cl_event *event = call->wants_event ? &call->event : NULL;
    switch (call->kind) {
    case FINISH:
        call->code = clFinish(call->queue);
        break;
    case EVENT:
        call->code = clWaitForEvents(1, &call->event);
        break;
    case BUILD:
        call->code = clBuildProgram(call->program, 1, &call->id, call->options, NULL, NULL);
        break;
    case READ:
        call->code = clEnqueueReadBuffer(call->queue, call->mem, CL_TRUE, call->offset, call->bytes,
                                         call->to, 0, NULL, event);
        break;
    case WRITE:
        call->code = clEnqueueWriteBuffer(call->queue, call->mem, CL_TRUE, call->offset,
                                          call->bytes, call->from, 0, NULL, event);
        break;
    }
}

static void *serve(void *argument)
{
    struct clg_waiter *waiter = argument;
    int abandoned = 0;
    pthread_mutex_lock(&waiter->lock);
    while (waiter->state != LEAVE && !abandoned) {
        if (waiter->state != ASKED) {
            pthread_cond_wait(&waiter->asked, &waiter->lock);
            continue;
        }
        pthread_mutex_unlock(&waiter->lock);
        make_call(&waiter->call);
        pthread_mutex_lock(&waiter->lock);
        abandoned = waiter->state == ABANDONED;
        if (!abandoned)
            waiter->state = ANSWERED;
        pthread_cond_signal(&waiter->answered);
    }
    pthread_mutex_unlock(&waiter->lock);
    if (abandoned) /* nobody else knows it any more */
        waiter_free(waiter);
    return NULL;
}

/* Signals are for the application's own threads. */
static int start_thread(struct clg_waiter *waiter)
{
    sigset_t all, before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return errno;
    int error = pthread_create(&waiter->thread, NULL, serve, waiter);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* A simulator takes what it takes, and Oclgrind's checks only work in the thread that began. */
static int is_simulator(const clg_device *device)
{
    return device->info.score < 1e6; /* discover.c: no device in hardware */
}

static clg_status waiter_of(struct clg_waiter **out, clg_device *device)
{
    struct clg_waiter *waiter;
    pthread_condattr_t monotonic;
    *out = device->waiter;
    if (*out)
        return CLG_OK;
    CLG_TRY(clg_alloc(&waiter, 1, sizeof *waiter, "a waiting thread"));
    pthread_mutex_init(&waiter->lock, NULL);
    pthread_cond_init(&waiter->asked, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter->answered, &monotonic);
    pthread_condattr_destroy(&monotonic);
    waiter->has_thread = !is_simulator(device);
    int error = waiter->has_thread ? start_thread(waiter) : 0;
    if (error) {
        waiter_free(waiter);
        clg_fail(CLG_ENOMEM, "%s: no thread to wait in: %s", device->info.name, strerror(error));
        return CLG_ENOMEM;
    }
    *out = device->waiter = waiter;
    return CLG_OK;
}

clg_status clg_wait_limit(clg_device *device)
{
    const char *text = getenv("CLGRAD_TIMEOUT");
    double seconds = 0;
    device->time_limit = 0;
    if (!text || !*text)
        return CLG_OK;
    if (!clg_read_number(&seconds, text) || !(seconds > 0 && seconds <= 1e9))
        return clg_fail(CLG_EUSAGE, "CLGRAD_TIMEOUT=%.40s: not a number of seconds above 0", text);
    device->time_limit = seconds;
    return CLG_OK;
}

static double limit_of(const clg_device *device, enum kind kind)
{
    double limit = device->made_kernel || kind == BUILD ? first_limit : later_limit;
    if (device->time_limit > 0)
        return device->time_limit;
    return limit > margin * device->longest_wait ? limit : margin * device->longest_wait;
}

static struct timespec now_and(double seconds)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += (time_t)seconds;
    time.tv_nsec += (long)((seconds - (double)(time_t)seconds) * 1e9);
    if (time.tv_nsec >= 1000000000) {
        time.tv_nsec -= 1000000000;
        time.tv_sec++;
    }
    return time;
}

static double seconds_since(const struct timespec *begin)
{
    struct timespec now = now_and(0);
    return (double)(now.tv_sec - begin->tv_sec) + 1e-9 * (double)(now.tv_nsec - begin->tv_nsec);
}

/* Hands the call over and waits for its end; 0 where the limit came first. */
static int hand_over(struct clg_waiter *waiter, double limit)
{
    struct timespec end = now_and(limit);
    int late = 0;
    pthread_mutex_lock(&waiter->lock);
    waiter->state = ASKED;
    pthread_cond_signal(&waiter->asked);
    while (waiter->state == ASKED && !late)
        late = pthread_cond_timedwait(&waiter->answered, &waiter->lock, &end) == ETIMEDOUT;
    int answered = waiter->state == ANSWERED;
    if (answered) {
        waiter->state = IDLE;
    } else {
        waiter->state = ABANDONED;
        pthread_detach(waiter->thread);
    }
    pthread_mutex_unlock(&waiter->lock);
    return answered;
}

static clg_status fail_lost(const clg_device *device)
{
    clg_fail(CLG_EDEVICE,
             "%s: %s has not come back for %g s: the device or its driver hangs and is given up; "
             "try another --device, or a larger CLGRAD_TIMEOUT",
             device->info.name, device->lost_in, device->lost_after);
    return CLG_EDEVICE; /* a constant, so that the compiler sees it fail */
}

/* Makes the call that waiter->call holds. */
static clg_status make(clg_device *device, struct clg_waiter *waiter)
{
    enum kind kind = waiter->call.kind;
    double limit = limit_of(device, kind);
    struct timespec begin = now_and(0);
    if (!waiter->has_thread)
        make_call(&waiter->call);
    else if (!hand_over(waiter, limit)) {
        device->lost = 1;
        device->lost_in = call_names[kind];
        device->lost_after = limit;
        device->waiter = NULL;
        return fail_lost(device);
    }
    double took = seconds_since(&begin);
    if (kind != BUILD && kind != EVENT && waiter->call.code == CL_SUCCESS)
        waiter->behind = 0;
    if (kind != BUILD) {
        device->longest_wait = took > device->longest_wait ? took : device->longest_wait;
        device->made_kernel = 0;
    }
    return CLG_OK;
}

static clg_status begin(struct clg_waiter **waiter, clg_device *device, enum kind kind)
{
    if (device->lost)
        return fail_lost(device);
    CLG_TRY(waiter_of(waiter, device));
    memset(&(*waiter)->call, 0, sizeof(*waiter)->call);
    (*waiter)->call.kind = kind;
    (*waiter)->call.queue = device->queue;
    (*waiter)->call.id = device->id;
    return CLG_OK;
}

clg_status clg_wait_finish(clg_device *device, cl_int *code)
{
    struct clg_waiter *waiter;
    CLG_TRY(begin(&waiter, device, FINISH));
    CLG_TRY(make(device, waiter));
    *code = waiter->call.code;
    return CLG_OK;
}

clg_status clg_wait_event(clg_device *device, cl_event event, cl_int *code)
{
    struct clg_waiter *waiter;
    CLG_TRY(begin(&waiter, device, EVENT));
    waiter->call.event = event;
    CLG_TRY(make(device, waiter));
    *code = waiter->call.code;
    return CLG_OK;
}

clg_status clg_wait_build(clg_device *device, cl_program program, const char *options, cl_int *code)
{
    struct clg_waiter *waiter;
    CLG_TRY(begin(&waiter, device, BUILD));
    free(waiter->options);
    waiter->options = NULL;
    CLG_TRY(clg_text_copy(&waiter->options, options));
    waiter->call.program = program;
    waiter->call.options = waiter->options;
    CLG_TRY(make(device, waiter));
    *code = waiter->call.code;
    return CLG_OK;
}

clg_status clg_wait_read(clg_device *device, cl_mem mem, size_t offset, size_t bytes, void *data,
                         cl_event *event, cl_int *code)
{
    struct clg_waiter *waiter;
    CLG_TRY(begin(&waiter, device, READ));
    struct call *call = &waiter->call;
    call->mem = mem;
    call->offset = offset;
    call->bytes = bytes;
    call->to = bytes <= BOUNCE ? waiter->got : data;
    call->wants_event = event != NULL;
    CLG_TRY(make(device, waiter));
    if (call->code == CL_SUCCESS && call->to != data)
        memcpy(data, call->to, bytes);
    if (event)
        *event = call->event;
    *code = call->code;
    return CLG_OK;
}

static clg_status write_behind(clg_device *device, struct clg_waiter *waiter, cl_mem mem,
                               size_t offset, size_t bytes, const void *data, cl_event *event,
                               cl_int *code)
{
    if (bytes > BOUNCE - waiter->behind) {
        CLG_TRY(clg_wait_finish(device, code));
        if (*code != CL_SUCCESS)
            return CLG_OK;
    }
    unsigned char *from = waiter->written + waiter->behind;
    memcpy(from, data, bytes);
    *code = clEnqueueWriteBuffer(device->queue, mem, CL_FALSE, offset, bytes, from, 0, NULL, event);
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    waiter->behind = bytes < BOUNCE - waiter->behind ? waiter->behind + bytes : BOUNCE;
    return CLG_OK;
}

clg_status clg_wait_write(clg_device *device, cl_mem mem, size_t offset, size_t bytes,
                          const void *data, cl_event *event, cl_int *code)
{
    struct clg_waiter *waiter;
    CLG_TRY(begin(&waiter, device, WRITE));
    struct call *call = &waiter->call;
    call->mem = mem;
    call->offset = offset;
    call->bytes = bytes;
    if (bytes <= BOUNCE)
        return write_behind(device, waiter, mem, offset, bytes, data, event, code);
    call->from = data;
    call->wants_event = event != NULL;
    CLG_TRY(make(device, waiter));
    if (event)
        *event = call->event;
    *code = call->code;
    return CLG_OK;
}

void clg_wait_close(clg_device *device)
{
    struct clg_waiter *waiter = device->waiter;
    if (!waiter)
        return;
    if (waiter->has_thread) {
        pthread_mutex_lock(&waiter->lock);
        waiter->state = LEAVE;
        pthread_cond_signal(&waiter->asked);
        pthread_mutex_unlock(&waiter->lock);
        pthread_join(waiter->thread, NULL);
    }
    waiter_free(waiter);
    device->waiter = NULL;
}

clg_status clg_device_finish(clg_device *device)
{
    cl_int code = CL_SUCCESS;
    if (device->kind == CLG_OPENCL)
        CLG_TRY(clg_wait_finish(device, &code));
    return code == CL_SUCCESS ? CLG_OK : clg_fail_cl(code, "clFinish", "%s", "");
}
