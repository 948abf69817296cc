/* Elements at a kink of their activation: closer to it than their bound, so that device and
 * reference may be on different sides and both be right, but not on it, where both take the same.
 * They are counted; whether they are accepted is the bound's affair (tally.c).  A step is no kink
 * but a jump: bounds_act.c leaves it undecided. */
#include "verify/rounding.h"
#include "verify/watch.h"

#include <math.h>

static int has_kink(const struct clg_activation *act)
{
    return act->kind == CLG_RELU || act->kind == CLG_LEAKY_RELU || act->kind == CLG_ELU;
}

/* Whether the sum x W + b (I) is not 0 and yet within its bound of it. */
static int is_near(const double *x, const double *W, double b, int I)
{
    double z = b, size = fabs(b);
    for (int i = 0; i < I; i++) {
        z += x[i] * W[i];
        size += fabs(x[i] * W[i]);
    }
    return z != 0 && fabs(z) <= clg_bound_of_sum((size_t)I + 1, size, z);
}

uint64_t clg_kinks_of_layer(const double *y, const double *bound, const double *x, const double *W,
                            const double *b, int B, int I, int O, const struct clg_activation *act)
{
    uint64_t kinks = 0;
    if (!has_kink(act))
        return 0;
    for (int r = 0; r < B; r++)
        for (int j = 0; j < O; j++) {
            size_t at = (size_t)r * (size_t)O + (size_t)j;
            /* on a kink's far side a slope below 1 makes y smaller than z, and its bound as well */
            if (bound[at] > 0 && fabs(y[at]) <= bound[at])
                kinks += (uint64_t)is_near(x + (size_t)r * (size_t)I, W + (size_t)j * (size_t)I,
                                           b[j], I);
        }
    return kinks;
}

uint64_t clg_kinks_of_maxout(const double *got, const double *want, const double *bound, int B,
                             int O, int pieces)
{
    const size_t columns = (size_t)O * (size_t)pieces;
    uint64_t kinks = 0;
    for (size_t r = 0; r < (size_t)B; r++)
        for (int j = 0; j < O; j++) {
            const double *z = want + r * columns, *by = bound + r * columns;
            size_t best = (size_t)clg_largest_piece(z, j, O, pieces) * (size_t)O + (size_t)j;
            int near = 0;
            for (int p = 0; p < pieces; p++) {
                size_t at = (size_t)p * (size_t)O + (size_t)j;
                int equal = z[at] == z[best] && got[r * columns + at] == got[r * columns + best];
                near |= at != best && !equal && z[best] - z[at] <= by[best] + by[at];
            }
            kinks += (uint64_t)near;
        }
    return kinks;
}
