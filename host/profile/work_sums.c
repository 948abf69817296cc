/* What is asked of a step's work once it is known: sums, and the layer and phase of a launch. */
#include "profile/work.h"

#include <stdlib.h>
#include <string.h>

const char *clg_phase_name(clg_phase phase)
{
    static const char *const names[CLG_PHASES] = {"data", "forward", "backward", "update",
                                                  "figures"};
    return names[phase];
}

void clg_work_clear(struct clg_work *work)
{
    free(work->launch);
    free(work->part);
    memset(work, 0, sizeof *work);
}

struct clg_work_sums clg_work_sum(const struct clg_work *work)
{
    struct clg_work_sums sums = {0, 0, 0};
    for (int i = 0; i < work->launches; i++) {
        const struct clg_work_launch *launch = &work->launch[i];
        if (launch->rare)
            continue;
        sums.launches++;
        for (int p = launch->first; p < launch->first + launch->parts; p++) {
            sums.flops += work->part[p].flops;
            sums.bytes += work->part[p].bytes;
        }
    }
    return sums;
}

int clg_work_layer(const struct clg_work *work, int launch)
{
    const struct clg_work_launch *at = &work->launch[launch];
    for (int p = at->first + 1; p < at->first + at->parts; p++)
        if (work->part[p].layer != work->part[at->first].layer)
            return -1;
    return at->parts ? work->part[at->first].layer : -1;
}

int clg_work_phase(const struct clg_work *work, int launch)
{
    const struct clg_work_launch *at = &work->launch[launch];
    for (int p = at->first + 1; p < at->first + at->parts; p++)
        if (work->part[p].phase != work->part[at->first].phase)
            return -1;
    return at->parts ? (int)work->part[at->first].phase : -1;
}
