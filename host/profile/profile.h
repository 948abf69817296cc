/* The inside of a profile: what was recorded, and what is made of it.  recorder.c records,
 * inner.c what CLBlast enqueues, profile.c runs training under it, table.c and hints.c make the
 * figures, trace.c writes the recording. */
#ifndef CLG_PROFILE_PROFILE_H
#define CLG_PROFILE_PROFILE_H

#include "profile/inner.h"
#include "profile/roofs.h"

/* One launch or copy.  Names are static texts, or those of the recording's inners. */
struct clg_command {
    const char *name;     /* a kernel, or write, read, fill, copy */
    int kernel;           /* 0: a copy */
    int helper;           /* 1: its launch's work is counted with another command */
    int work, launch;     /* which of the recording's works, and which launch of it; -1: unknown */
    size_t bytes, groups; /* of a copy; of a launch, 0: not known */
    double called, returned;     /* the call, by the host's clock */
    cl_ulong queued, start, end; /* by the device's, nanoseconds; no two commands overlap */
};

/* Commands that are not harvested yet. */
struct clg_pending {
    cl_event event, before; /* before NULL, or a marker whose end is the beginning */
    size_t command;
};

enum { CLG_WORKS = 2 }; /* of whole batches, and of an epoch's short last one */

struct clg_recording {
    clg_device *device;
    cl_command_queue kept; /* the device's queue, while it has another; else NULL */
    struct clg_command *command;
    struct clg_pending *pending;
    size_t commands, room, waiting, first, pending_room;
    int lost; /* commands beyond what is kept */
    int on;   /* 1: commands are taken */
    cl_ulong last_end;
    double began, ended;       /* by the host's clock */
    struct clg_inners *inners; /* NULL: products of CLBlast are one command each */
    struct clg_work work[CLG_WORKS];
    unsigned char *taken[CLG_WORKS]; /* launches of this step that were seen */
    int works, current;
    clg_status status; /* the first failure */
};

/* The device gets a queue with time stamps, and its launches and copies are told here; clear gives
 * the queue back, where it still has it. */
clg_status clg_recording_begin(struct clg_recording *recording, clg_device *device);
clg_status clg_recording_end(struct clg_recording *recording);
void clg_recording_clear(struct clg_recording *recording);

/* Waits for the device; what was recorded so far is forgotten (restart), or is all (pause). */
clg_status clg_recording_restart(struct clg_recording *recording);
clg_status clg_recording_pause(struct clg_recording *recording);

/* A step of B rows begins, whose launches are then known. */
clg_status clg_recording_step(struct clg_recording *recording, const struct clg_engine *engine,
                              const struct clg_net *teacher, const struct clg_rows *data,
                              int shuffle, int B);

/* Seconds to be taken from the device's clock, so that it agrees with the host's. */
double clg_recording_offset(const struct clg_recording *recording);

enum { CLG_HINTS = 6, CLG_HINT_SIZE = 320 };

struct clg_profile {
    struct clg_recording recording;
    clg_roofs roofs;
    clg_profile_summary summary;
    clg_profile_row *row;
    double (*ms)[CLG_PHASES]; /* (layers + 1), the last: of no layer */
    unsigned char (*shared)[CLG_PHASES];
    char hint[CLG_HINTS][CLG_HINT_SIZE];
    char network[256];
};

/* table.c: rows, sums and summary from the recording and the roofs. */
clg_status clg_profile_tabulate(struct clg_profile *profile);

/* hints.c */
void clg_profile_find_hints(struct clg_profile *profile);

/* A clg_rows that stands for data on a device: kind of element, counts, targets. */
struct clg_rows clg_profile_rows_of(const struct clg_net *net, const struct clg_dataset *data);

#endif
