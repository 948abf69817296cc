/* What a training step has to do: its launches in the order in which the plans make them, and what
 * each computes and moves for which layer in which phase.  Made from the network's shape alone, so
 * that it can be had before anything runs; tests hold it against what is launched. */
#ifndef CLG_PROFILE_WORK_H
#define CLG_PROFILE_WORK_H

#include "net/net.h"

/* One operation: additions and multiplications (an elementary function counts as
 * CLG_WORK_ELEMENTARY), and the bytes of its operands, each once.  effort: flops of a product with
 * its columns rounded up to whole vectors, 0 where it is no product. */
struct clg_task {
    int layer; /* -1: of none */
    clg_phase phase;
    double flops, bytes, effort;
};

/* A launch: parts [first, first + parts).  rare 1: only now and then, at the start of an epoch. */
struct clg_work_launch {
    const char *kernel;
    int first, parts, rare;
};

struct clg_work {
    int B;
    int units; /* compute units of the device */
    int spans; /* 1: a launch holds many steps */
    struct clg_work_launch *launch;
    struct clg_task *part;
    int launches, parts, launch_room, part_room;
};

/* A step of B rows by the engine's plan, planned or made; data: x.elem, features and outputs count.
 * teacher may be NULL.  clg_work_clear releases *out, after a failure too. */
clg_status clg_work_make(struct clg_work *out, const struct clg_engine *engine,
                         const struct clg_net *teacher, const struct clg_rows *data, int shuffle,
                         int B);
void clg_work_clear(struct clg_work *work);

/* work_costs.c: flops of one element of an activation, and of one parameter in an update; the
 * moments that the update touches, and the kernel that makes it alone. */
enum { CLG_WORK_ELEMENTARY = 8 }; /* flops that exp, log or tanh counts for */
double clg_work_act_flops(enum clg_act kind);
double clg_work_update_flops(const struct clg_update *u);
int clg_work_slots(const struct clg_update *u);
const char *clg_work_update_kernel(const struct clg_update *u);

/* Sums over the launches of a step that are in every one. */
struct clg_work_sums {
    int launches;
    double flops, bytes;
};
struct clg_work_sums clg_work_sum(const struct clg_work *work);

/* The layer that all parts of a launch belong to, -1 for several or none; and the same of phases.
 */
int clg_work_layer(const struct clg_work *work, int launch);
int clg_work_phase(const struct clg_work *work, int launch);

#endif
