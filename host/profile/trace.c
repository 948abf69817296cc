/* A recording as a Chrome trace: the calls of the host's thread, what the queue ran, its copies,
 * and an arrow from each call to its command.  Times are microseconds since the recording began;
 * numbers are printed from integers, so that no locale changes them. */
#include "profile/profile.h"

#include "core/file.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { HOST = 1, QUEUE = 2, COPIES = 3 };

struct trace {
    struct clg_writer *writer;
    clg_status status; /* the first failure */
};

static void CLG_PRINTF(2, 3) put(struct trace *trace, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (trace->status == CLG_OK)
        trace->status = clg_writer_put(trace->writer, text, (size_t)length);
}

/* "12.345": nanoseconds as microseconds. */
struct stamp {
    char text[32];
};

static struct stamp stamp(int64_t ns)
{
    struct stamp out;
    snprintf(out.text, sizeof out.text, "%" PRId64 ".%03d", ns / 1000, (int)(ns % 1000));
    return out;
}

static int64_t ns_of(double seconds)
{
    return seconds > 0 ? llround(1e9 * seconds) : 0;
}

static void name_track(struct trace *trace, int track, const char *name)
{
    put(trace,
        "{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}},"
        "\n",
        track, name);
}

static void slice(struct trace *trace, int track, const char *kind, const char *name, int64_t begin,
                  int64_t length)
{
    put(trace,
        "{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"cat\":\"%s\",\"name\":\"%s\",\"ts\":%s,\"dur\":%s",
        track, kind, name, stamp(begin).text, stamp(length).text);
}

/* What is known of a launch beside its name. */
static void arguments(struct trace *trace, const struct clg_recording *recording,
                      const struct clg_command *command)
{
    if (!command->kernel) {
        put(trace, ",\"args\":{\"bytes\":%zu}},\n", command->bytes);
        return;
    }
    const struct clg_work *work = &recording->work[command->work];
    const int known = command->launch >= 0;
    const int phase = known ? clg_work_phase(work, command->launch) : -1;
    put(trace, ",\"args\":{\"layer\":%d,\"phase\":\"%s\",\"groups\":%zu}},\n",
        known ? clg_work_layer(work, command->launch) : -1,
        phase >= 0 ? clg_phase_name((clg_phase)phase) : "", command->groups);
}

static void put_command(struct trace *trace, const struct clg_recording *recording, size_t index,
                        int64_t origin)
{
    const struct clg_command *command = &recording->command[index];
    const int64_t called = ns_of(command->called - recording->began);
    const int64_t returned = ns_of(command->returned - recording->began);
    const int64_t start = (int64_t)command->start - origin, end = (int64_t)command->end - origin;
    const int track = command->kernel ? QUEUE : COPIES;
    const int64_t begin = start > called ? start : called;
    slice(trace, HOST, "call", command->name, called, returned - called);
    put(trace, ",\"args\":{\"id\":%zu}},\n", index);
    slice(trace, track, command->kernel ? "kernel" : "copy", command->name, start, end - start);
    arguments(trace, recording, command);
    put(trace,
        "{\"ph\":\"s\",\"pid\":1,\"tid\":%d,\"cat\":\"run\",\"name\":\"run\",\"id\":%zu,\"ts\":%s},"
        "\n"
        "{\"ph\":\"f\",\"bp\":\"e\",\"pid\":1,\"tid\":%d,\"cat\":\"run\",\"name\":\"run\","
        "\"id\":%zu,\"ts\":%s},\n",
        HOST, index, stamp(called).text, track, index, stamp(begin).text);
}

/* The device's clock at the moment that is 0 in the trace; no command begins before it. */
static int64_t origin_of(const struct clg_recording *recording)
{
    const double began = recording->began + clg_recording_offset(recording);
    int64_t origin = llround(1e9 * began);
    for (size_t i = 0; i < recording->commands; i++)
        if ((int64_t)recording->command[i].start < origin)
            origin = (int64_t)recording->command[i].start;
    return origin;
}

clg_status clg_profile_trace(const clg_profile *profile, const char *path)
{
    const struct clg_recording *recording = &profile->recording;
    struct trace trace = {NULL, CLG_OK};
    if (recording->on)
        return clg_fail(CLG_EUSAGE, "clg_profile_trace: stop the profile first");
    CLG_TRY(clg_writer_open(&trace.writer, path));
    const int64_t origin = origin_of(recording);
    put(&trace, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    name_track(&trace, HOST, "host");
    name_track(&trace, QUEUE, "queue");
    name_track(&trace, COPIES, "copies");
    for (size_t i = 0; i < recording->commands; i++)
        put_command(&trace, recording, i, origin);
    put(&trace,
        "{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":\"clgrad\"}"
        "}"
        "],\n\"otherData\":{\"version\":\"%s\",\"wall_us\":\"%s\",\"lost\":\"%d\"}}\n",
        CLG_VERSION, stamp(ns_of(recording->ended - recording->began)).text, recording->lost);
    if (trace.status != CLG_OK) {
        clg_writer_abandon(trace.writer);
        return trace.status;
    }
    return clg_writer_commit(trace.writer);
}
