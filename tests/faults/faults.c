/* Plants faults in the kernels and in what launches leave behind, one after the other, and asserts
 * that verification finds each and names an operation that the kernel serves.  A fault counts when
 * the survey (survey.h), which shares neither inputs nor comparison with verify, sees an element
 * more than twice its bound away from the reference; those that move nothing that far are listed
 * as equivalent, those that the compiler or the driver refuses, or that end the process, apart.
 * Every fault runs in a process of its own, forked before any OpenCL call.  Then clean runs with
 * other seeds, in which nothing may be found.
 * usage: test_faults [SEED NUMBER]: that fault alone, with every failing row.  CLGRAD_FAULTS: how
 * many faults must count, "all" for 100 with all their rows; CLGRAD_FAULTS_SEED;
 * CLGRAD_FAULTS_KERNELS: of what (plan.h). */
#define _GNU_SOURCE
#include "plan.h"
#include "survey.h"

#include "clgrad/clgrad.h"
#include "core/status.h"
#include "ops/routes.h"

#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    JOBS = 2,
    SECONDS = 60,       /* of processor time for a fault: a barrier that some miss may hang */
    FULL_SECONDS = 300, /* and where the full set has to run */
    PATIENCE = 10,      /* times as long by the clock */
    DEFAULT_FAULTS = 8,
    ALL_FAULTS = 100,
    CLEAN_RUNS_OF_SUITE = 2,
    CLEAN_RUNS = 50
};

enum verdict { ENDED, REFUSED, EQUIVALENT, FOUND, FOUND_BY_FULL, ELSEWHERE, MISSED, VERDICTS };
static const char *const verdict_names[VERDICTS] = {
    "ended the process",     "refused",         "equivalent", "found",
    "found by the full set", "FOUND ELSEWHERE", "MISSED"};

struct outcome {
    enum verdict verdict;
    double distance; /* of the survey */
    char operation[32];
    char first[400];
};

static int every_row; /* 1: verification runs to its end, and every failing row is looked at */

static void say_and_end(const char *what)
{
    fprintf(stderr, "faults: %s: %s\n", what, clg_last_error());
    _exit(3);
}

static clg_device *open_device(int local)
{
    clg_device *device = NULL;
    clg_status status = clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), NULL);
    if (status == CLG_ENODEVICE)
        _exit(77);
    if (status != CLG_OK)
        say_and_end("no device");
    device->keeps_records = 0; /* what one fault's process finds wrong is not for the others */
    clg_way_force(device, local ? CLG_WAY_LOCAL : CLG_WAY_REGISTER);
    return device;
}

/* -------------------------------------------------------------- one fault */

struct watch {
    int out; /* where the outcome goes */
    struct outcome outcome;
    unsigned operations;
};

static void tell(struct watch *watch, enum verdict verdict)
{
    watch->outcome.verdict = verdict;
    ssize_t wrote = write(watch->out, &watch->outcome, sizeof watch->outcome);
    _exit(wrote == (ssize_t)sizeof watch->outcome ? 0 : 4);
}

/* The operations in which a kernel of these is launched too: where a network's head is more than
 * one kernel covers, the fused plan takes the plain launches for it, and for its score. */
static unsigned within(unsigned operations)
{
    if (operations & (SURVEY_DENSE | SURVEY_OUTPUT | SURVEY_LOSS))
        operations |= SURVEY_FUSED_HEAD;
    if (operations & SURVEY_SCORE)
        operations |= SURVEY_FUSED_LEARN;
    return operations;
}

static int serves(unsigned operations, const char *name)
{
    operations = within(operations);
    for (int i = 0; i < SURVEY_OPERATIONS; i++)
        if (strcmp(survey_names[i], name) == 0)
            return (operations >> i & 1) != 0;
    return 0;
}

/* A row of verification: the first that fails decides, or all of them. */
static void on_row(void *user, const char *operation, const char *shape, int failed, double worst)
{
    struct watch *watch = user;
    struct outcome *outcome = &watch->outcome;
    if (!failed)
        return;
    if (!*outcome->operation || !serves(watch->operations, operation)) {
        snprintf(outcome->operation, sizeof outcome->operation, "%s", operation);
        snprintf(outcome->first, sizeof outcome->first, "%s (%s), %.3g of its bound", operation,
                 shape, worst);
    }
    if (!serves(watch->operations, operation))
        tell(watch, ELSEWHERE);
    if (!every_row)
        tell(watch, FOUND);
}

/* The survey's verdict on the faulty device: how far the farthest element is. */
static clg_status survey_fault(double *distance, clg_device *device, unsigned operations)
{
    const struct clg_limits limits = clg_limits_of(device);
    struct survey got, want;
    clg_device *reference = NULL;
    if (clg_device_open(&reference, "ref", NULL) != CLG_OK ||
        survey_run(&want, reference, reference, &limits, operations) != CLG_OK)
        say_and_end("the reference");
    clg_status status = survey_run(&got, device, reference, &limits, operations);
    if (status == CLG_OK)
        *distance = survey_distance(&got, &want);
    survey_clear(&got);
    survey_clear(&want);
    clg_device_close(reference);
    return status;
}

static void limit(unsigned seconds)
{
    const struct rlimit most = {seconds, RLIM_INFINITY};
    setrlimit(RLIMIT_CPU, &most);
    alarm(PATIENCE * seconds);
}

static void try_fault(int out, const struct plan_fault *planted)
{
    struct watch watch = {.out = out, .operations = planted->operations};
    clg_verify_options options = {.operations = 1, .user = &watch, .row = on_row};
    clg_verify_result result;
    limit(SECONDS);
    clg_device *device = open_device(planted->local);
    fault_plant(&planted->fault);
    if (survey_fault(&watch.outcome.distance, device, planted->operations) != CLG_OK) {
        snprintf(watch.outcome.first, sizeof watch.outcome.first, "%s", clg_last_error());
        tell(&watch, REFUSED);
    }
    if (watch.outcome.distance <= SURVEY_LIMIT)
        tell(&watch, EQUIVALENT);
    clg_status status = clg_verify_operations(&result, device, &options);
    if (status == CLG_EMISMATCH)
        tell(&watch, FOUND);
    if (status != CLG_OK)
        say_and_end("verification");
    limit(FULL_SECONDS);
    options.operations = 2;
    status = clg_verify_operations(&result, device, &options);
    tell(&watch, status == CLG_EMISMATCH ? FOUND_BY_FULL : MISSED);
}

/* ------------------------------------------------------- kernels, clean runs */

/* The kernels of the fused and the resident plan, and the operations that they serve.  A network's
 * step also launches plain ones, which have operations of their own. */
static unsigned plan_operations(const struct fault_kernel *kernel)
{
    static const struct {
        const char *name;
        unsigned operations;
    } kernels[] = {{"dense_fwd", SURVEY_FUSED_FWD | SURVEY_STRIPS},
                   {"delta_bwd", SURVEY_FUSED_DELTA | SURVEY_STRIPS},
                   {"head", SURVEY_FUSED_HEAD | SURVEY_STRIPS},
                   {"learn", SURVEY_FUSED_LEARN | SURVEY_STRIPS},
                   {"turn", SURVEY_FUSED_LEARN},
                   {"strips_move", SURVEY_STRIPS},
                   {"resident", SURVEY_SPAN},
                   {"resident_group", SURVEY_SPAN}};
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
        if (strcmp(kernels[i].name, kernel->name) == 0)
            return kernels[i].operations;
    return 0;
}

/* Nothing is planted: no operation of set may be beyond its bound. */
static void survey_healthy(clg_device *device, const char *name, unsigned set)
{
    double distance = 0;
    fault_mark(set < 1u << SURVEY_PLAIN ? set : 1u << SURVEY_OPERATIONS);
    if (survey_fault(&distance, device, set) != CLG_OK)
        say_and_end(name);
    if (distance <= 1)
        return;
    fprintf(stderr, "faults: nothing is planted, and %s is %.3g bounds away\n", name, distance);
    _exit(3);
}

static void send_kernels(int out)
{
    const struct fault_kernel *seen;
    struct plan_kernel kernel;
    size_t count = fault_kernels(&seen);
    for (size_t i = 0; i < count; i++) {
        const unsigned of_plan = plan_operations(&seen[i]);
        memset(&kernel, 0, sizeof kernel);
        kernel.kernel = seen[i];
        kernel.kernel.marks = of_plan ? of_plan : seen[i].marks & ((1u << SURVEY_PLAIN) - 1);
        kernel.every_option = of_plan != 0;
        kernel.local = strstr(seen[i].options, "-DFORM_LOCAL") || (of_plan && seen[i].items > 1);
        if (kernel.kernel.marks && write(out, &kernel, sizeof kernel) != (ssize_t)sizeof kernel)
            _exit(4);
    }
}

/* Surveys the healthy device, operation by operation and by both forms of the products, and sends
 * the kernels that it launched. */
static void try_healthy(int out)
{
    for (int local = 0; local < 2; local++) {
        clg_device *device = open_device(local);
        for (int i = 0; i < SURVEY_PLAIN; i++)
            if (!local || (SURVEY_DENSE | SURVEY_DELTA | SURVEY_GRAD) >> i & 1)
                survey_healthy(device, survey_names[i], 1u << i);
        survey_healthy(device, "the fused plan", SURVEY_FUSED);
        survey_healthy(device, "the resident plan", SURVEY_SPAN);
        clg_device_close(device);
    }
    send_kernels(out);
    _exit(0);
}

/* Builds whatever verification launches and leaves it in the cache, once for all children: each of
 * them then builds its wrong kernel alone. */
static void try_warming(void)
{
    const clg_verify_options options = {.operations = 1};
    clg_verify_result result;
    clg_device *device = open_device(0);
    if (clg_verify_operations(&result, device, &options) != CLG_OK)
        say_and_end("nothing is planted, and verification fails");
    clg_device_close(device);
    _exit(0);
}

/* Healthy runs of the quick set, each from another seed: nothing may be found. */
static void try_clean(unsigned first, unsigned runs)
{
    clg_device *device = open_device(0);
    clg_verify_result result;
    for (unsigned seed = first; seed < first + runs; seed++) {
        const clg_verify_options options = {.operations = 1, .seed = seed};
        if (clg_verify_operations(&result, device, &options) != CLG_OK) {
            printf("FALSE ALARM with seed %u: %s\n", seed, clg_last_error());
            fflush(stdout);
            _exit(1);
        }
    }
    clg_device_close(device);
    _exit(0);
}

/* ---------------------------------------------------------------- children */

struct child {
    pid_t pid;
    int from;
    unsigned number;
    struct plan_fault planted;
};

/* As fork; the child writes into *end, and the parent reads from it.  end may be NULL. */
static pid_t divide(int *end)
{
    int ends[2] = {-1, -1};
    fflush(NULL);
    const pid_t pid = end && pipe(ends) != 0 ? -1 : fork();
    if (pid < 0) {
        perror("faults: fork");
        exit(3);
    }
    if (end) {
        close(ends[pid ? 1 : 0]);
        *end = ends[pid ? 0 : 1];
    }
    return pid;
}

static void start(struct child *child, const struct plan *plan, unsigned seed, unsigned number)
{
    child->number = number;
    plan_draw(&child->planted, plan, seed, number);
    child->pid = divide(&child->from);
    if (child->pid == 0)
        try_fault(child->from, &child->planted);
}

static int receive(int from, void *data, size_t size)
{
    size_t had = 0;
    while (had < size) {
        ssize_t got = read(from, (char *)data + had, size - had);
        if (got <= 0)
            break;
        had += (size_t)got;
    }
    return had == size;
}

static struct outcome finish(struct child *child)
{
    struct outcome outcome = {.verdict = ENDED};
    int status = 0, told = receive(child->from, &outcome, sizeof outcome);
    close(child->from);
    waitpid(child->pid, &status, 0);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || (!told && WEXITSTATUS(status) == 3)))
        exit(WEXITSTATUS(status));
    if (!told) {
        outcome = (struct outcome){.verdict = ENDED};
        snprintf(outcome.first, sizeof outcome.first, "%s",
                 WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it exited");
    }
    plan_forget(&child->planted);
    return outcome;
}

/* The exit status of a child that has nothing to say; of one that a signal ended, 3. */
static int status_of(pid_t pid)
{
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

static void find_kernels(struct plan *plan)
{
    char missing[400];
    int from;
    const pid_t pid = divide(&from);
    if (pid == 0)
        try_healthy(from);
    while (plan->count < PLAN_MOST &&
           receive(from, &plan->kernel[plan->count], sizeof *plan->kernel))
        plan->count++;
    close(from);
    const int status = status_of(pid);
    if (status)
        exit(status);
    plan_missing(missing, sizeof missing, plan);
    printf("%zu kernels and options are launched by the survey\n", plan->count);
    if (*missing) {
        printf("FAILED: not surveyed:%s\n", missing);
        exit(1);
    }
}

static void warm(void)
{
    const pid_t pid = divide(NULL);
    if (pid == 0)
        try_warming();
    const int status = status_of(pid);
    if (status)
        exit(status);
}

/* 0 where none of so many runs found anything. */
static int clean(unsigned first, unsigned runs)
{
    const pid_t pid = divide(NULL);
    if (pid == 0)
        try_clean(first, runs);
    const int failed = status_of(pid);
    printf("%u clean runs from seed %u on: %s\n", runs, first,
           failed ? "FAILED" : "nothing was found");
    return failed != 0;
}

struct score {
    unsigned of[VERDICTS];
};

static unsigned counted(const struct score *score)
{
    return score->of[FOUND] + score->of[FOUND_BY_FULL] + score->of[ELSEWHERE] + score->of[MISSED];
}

static void report(struct score *score, struct child *done)
{
    const char *text = done->planted.text;
    struct outcome outcome = finish(done);
    score->of[outcome.verdict]++;
    printf("%3u %s: %s; %s%.3g bounds%s%s\n", done->number, verdict_names[outcome.verdict], text,
           outcome.verdict == ENDED || outcome.verdict == REFUSED ? "not " : "", outcome.distance,
           *outcome.first ? "; " : "", outcome.first);
    fflush(stdout);
}

/* The first of count children that has something to say, or has ended. */
static int wait_for_one(const struct child *child, int count)
{
    struct pollfd from[JOBS];
    for (int i = 0; i < count; i++)
        from[i] = (struct pollfd){.fd = child[i].from, .events = POLLIN};
    while (poll(from, (nfds_t)count, -1) <= 0)
        ;
    for (int i = 0; i < count; i++)
        if (from[i].revents)
            return i;
    return 0;
}

/* Faults from number `first` of seed on, `most` of them, until so many count as are wanted. */
static int plant(const struct plan *plan, unsigned seed, unsigned first, unsigned most,
                 unsigned wanted)
{
    const int jobs = most < JOBS ? (int)most : JOBS;
    struct score score = {{0}};
    struct child child[JOBS];
    unsigned next = first;
    int running = 0;
    for (;;) {
        while (running < jobs && counted(&score) < wanted && next < first + most)
            start(&child[running++], plan, seed, next++);
        if (running == 0)
            break;
        const int done = wait_for_one(child, running);
        report(&score, &child[done]);
        child[done] = child[--running];
    }
    printf("\n%u faults planted, seed %u:\n", next - first, seed);
    for (int i = 0; i < VERDICTS; i++)
        printf("%6u %s\n", score.of[i], verdict_names[i]);
    printf("%u of %u that count were found and located\n",
           score.of[FOUND] + score.of[FOUND_BY_FULL], counted(&score));
    return counted(&score) >= wanted && score.of[ELSEWHERE] + score.of[MISSED] == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct plan plan;
    const char *wanted = getenv("CLGRAD_FAULTS"), *seed = getenv("CLGRAD_FAULTS_SEED");
    unsigned count = wanted ? (unsigned)strtoul(wanted, NULL, 10) : DEFAULT_FAULTS;
    unsigned first = 0, from = seed ? (unsigned)strtoul(seed, NULL, 10) : 1;
    if (argc == 3) {
        from = (unsigned)strtoul(argv[1], NULL, 10);
        first = (unsigned)strtoul(argv[2], NULL, 10);
        count = 1;
    }
    every_row = argc == 3 || (wanted && strcmp(wanted, "all") == 0);
    if (wanted && strcmp(wanted, "all") == 0)
        count = ALL_FAULTS;
    setenv("POCL_MAX_PTHREAD_COUNT", "1", 0); /* the children share the cores */
    find_kernels(&plan);
    if (getenv("CLGRAD_FAULTS_KERNELS"))
        plan_restrict(&plan, getenv("CLGRAD_FAULTS_KERNELS"));
    if (plan.count == 0) {
        fprintf(stderr, "faults: CLGRAD_FAULTS_KERNELS: no kernel is called so\n");
        return 2;
    }
    if (every_row)
        warm();
    int failed = plant(&plan, from, first, argc == 3 ? 1 : 8 * count, count);
    return argc == 3
               ? failed
               : failed | clean(1000 * from + 1, every_row ? CLEAN_RUNS : CLEAN_RUNS_OF_SUITE);
}
