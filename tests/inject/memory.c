/* Refuses one allocation after another. */
#define _GNU_SOURCE
#include "memory.h"

#include "allocation.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void inject_every_allocation(const char *name, clg_status (*work)(void))
{
    const char *wanted = getenv("CLGRAD_INJECT");
    uint64_t most = wanted && strcmp(wanted, "all") == 0 ? UINT64_MAX : 100, step = 1;
    uint64_t index = 1, runs = 0, went_on = 0;
    clg_status status = work(); /* what is made once is made */
    ck_assert_msg(status == CLG_OK, "%s: %s", name, clg_last_error());
    inject_allocation(0);
    status = work();
    uint64_t all = inject_allocations();
    ck_assert_uint_gt(all, 0);
    if (all > most) /* the first ones, then a sample */
        step = all / most + 1;
    for (; index <= all; index += index < 60 ? 1 : step, runs++) {
        long long before = inject_held();
        inject_allocation(index);
        status = work();
        int refused = inject_refused();
        inject_allocation(0);
        long long left = inject_held() - before;
        ck_assert_msg(left <= 0, "%s, allocation %llu: %lld bytes leaked (%s)", name,
                      (unsigned long long)index, left, clg_last_error());
        int told = status == CLG_ENOMEM || strstr(clg_last_error(), "CL_OUT_OF_HOST_MEMORY");
        ck_assert_msg(status == CLG_OK || (told && refused), "%s, allocation %llu: status %d: %s",
                      name, (unsigned long long)index, (int)status, clg_last_error());
        ck_assert_msg(status == CLG_OK || !strchr(clg_last_error(), '\n'), "%s", clg_last_error());
        went_on += status == CLG_OK;
    }
    printf("%-12s %6llu allocations, %llu refused one by one, %llu times it went on\n", name,
           (unsigned long long)all, (unsigned long long)runs, (unsigned long long)went_on);
}
