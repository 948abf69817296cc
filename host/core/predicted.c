/* The predicted class of an example, from its outputs alone. */
#include "core/predicted.h"

#include <stddef.h>

int clg_class_of(const double *wide, const float *narrow, int O)
{
    double most = wide ? wide[0] : (double)narrow[0];
    int best = 0;
    if (O == 1)
        return most >= 0.5;
    for (int j = 1; j < O; j++) {
        double y = wide ? wide[j] : (double)narrow[j];
        if (y > most) {
            most = y;
            best = j;
        }
    }
    return best;
}

int clg_predicted_class(const float *y, int O)
{
    return clg_class_of(NULL, y, O);
}
