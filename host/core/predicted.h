/* What outputs mean as a class: the one rule of scoring, evaluation and prediction. */
#ifndef CLG_CORE_PREDICTED_H
#define CLG_CORE_PREDICTED_H

#include "core/status.h"

/* clg_predicted_class for outputs (O) in either precision: one of wide and narrow is given. */
int clg_class_of(const double *wide, const float *narrow, int O);

#endif
