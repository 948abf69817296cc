/* The throttle: how often the host waits, and how much it lets pile up, with steps of a length that
 * the test sets itself. */
#define _GNU_SOURCE
#include "device/launch.h"
#include "device/program.h"
#include "harness.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

const struct clg_kernel_source clg_kernel_sources[] = {
    {"prelude", ""},
    {"spin", "kernel void spin(global int *out, uint rounds)\n"
             "{\n"
             "    uint x = 1;\n"
             "    for (uint i = 0; i < rounds; i++)\n"
             "        x = x * 1664525u + i;\n"
             "    out[get_global_id(0)] = (int)x;\n"
             "}\n"},
    {NULL, NULL}};

static int waits; /* in the driver, whoever asks */

cl_int clWaitForEvents(cl_uint count, const cl_event *events)
{
    cl_int (*next)(cl_uint, const cl_event *);
    void *found = dlsym(RTLD_NEXT, "clWaitForEvents");
    memcpy(&next, &found, sizeof next);
    waits++;
    return next(count, events);
}

enum { MOST = 100000 };
static clg_device *device;
static struct clg_buf out;
static cl_event launched[MOST];
static int launches, oldest; /* all before launched[oldest] are known to be finished */

static void keep_event(void *user, const char *program, const char *kernel, cl_event event)
{
    (void)user;
    (void)program;
    (void)kernel;
    ck_assert_int_lt(launches, MOST);
    clRetainEvent(event);
    launched[launches++] = event;
}

static void open_device(void)
{
    struct clg_plan plan;
    device = harness_device();
    clg_plan_begin(&plan, device);
    ck_ok(clg_plan_add(&plan, &out, CLG_I32, 64, "results"));
    ck_ok(clg_plan_commit(&plan));
    device->on_launch = keep_event;
}

static void close_device(void)
{
    clg_buf_release(&out);
    clg_device_close(device);
}

static void spin(uint32_t rounds)
{
    struct clg_args args;
    ck_ok(clg_args_begin(&args, device, "spin", "", "spin"));
    clg_arg_buf(&args, &out);
    clg_arg_uint(&args, rounds);
    ck_ok(clg_launch1(&args, 1, 1));
}

/* Rounds that take about `seconds` here. */
static uint32_t rounds_of(double seconds)
{
    uint32_t rounds = 1000;
    double took = 0;
    spin(rounds);
    ck_ok(clg_device_finish(device));
    while (took < 0.02) {
        rounds *= 2;
        double start = clg_clock();
        spin(rounds);
        ck_ok(clg_device_finish(device));
        took = clg_clock() - start;
    }
    return (uint32_t)((double)rounds * seconds / took);
}

/* Steps that the device has not finished yet. */
static int queued(void)
{
    cl_int state = CL_QUEUED;
    while (oldest < launches) {
        clGetEventInfo(launched[oldest], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state,
                       NULL);
        if (state != CL_COMPLETE)
            break;
        clReleaseEvent(launched[oldest++]);
    }
    return launches - oldest;
}

/* Takes steps of about `step` seconds for a while; the waits, the seconds, and the deepest queue
 * behind the first half second. */
static void run(double step, double seconds, int *waited, double *took, int *deepest, int *steps)
{
    struct clg_throttle throttle;
    uint32_t rounds = rounds_of(step);
    int said = 0, one;
    waits = *deepest = launches = oldest = *steps = 0;
    double start = clg_clock(), now = start;
    clg_throttle_begin(&throttle, device);
    for (; now - start < seconds; now = clg_clock()) {
        spin(rounds);
        ck_ok(clg_throttle_step(&throttle, &one));
        said += one;
        ++*steps;
        int depth = queued();
        if (now - start > 0.5 && depth > *deepest)
            *deepest = depth;
        if (depth > 1000 && depth * step > 2) /* failed: no need to run it all */
            break;
    }
    clg_throttle_end(&throttle);
    ck_ok(clg_device_finish(device));
    *took = clg_clock() - start;
    *waited = waits;
    ck_assert_int_eq(said, waits);
    ck_assert_int_eq(queued(), 0);
}

/* The clock decides here, and another program may hold the machine just then: what is asked for
 * must come in one of three tries. */
enum { TRIES = 3 };

START_TEST(waits_seldom)
{
    static const double lengths[] = {0, 1e-4, 0.005, 0.07}, seconds[] = {0.3, 0.4, 0.6, 0.8};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int waited, deepest, steps, fine = 0;
        double took;
        for (int try = 0; try < TRIES && !fine; try++) {
            run(lengths[i], seconds[i], &waited, &took, &deepest, &steps);
            /* two waits measure, and the first guess of a step's length may be far too high: two
             * more until the interval is right */
            fine = waited <= 20 * took + 4 && (waited >= 3 || steps < 5 || lengths[i] == 0);
        }
        ck_assert_msg(fine, "steps of %g s: %d waits in %g s", lengths[i], waited, took);
    }
}
END_TEST

START_TEST(queues_little)
{
    static const double lengths[] = {0.002, 0.06};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int waited, deepest, steps, fine = 0;
        double took, step = 0;
        for (int try = 0; try < TRIES && !fine; try++) {
            run(lengths[i], 0.9, &waited, &took, &deepest, &steps);
            step = took / steps;
            /* 100 ms are meant; twice as much passes, for one half may have been measured while the
             * machine was busy.  Unthrottled, thousands of steps would pile up. */
            fine = deepest * step <= (step > 0.05 ? 3 * step : 0.2);
        }
        ck_assert_msg(fine, "%d steps of %g s were queued", deepest, step);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("throttle");
    TCase *tests = tcase_create("throttle");
    tcase_add_unchecked_fixture(tests, open_device, close_device);
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, waits_seldom);
    tcase_add_test(tests, queues_little);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
