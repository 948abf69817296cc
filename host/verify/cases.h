/* What the files of single operations share. */
#ifndef CLG_VERIFY_CASES_H
#define CLG_VERIFY_CASES_H

#include "verify/bench.h"

/* Columns and elements are worked on in pieces of 16; every way that the last one can be filled. */
enum { CLG_CASE_PIECE = 16 };

/* A row that 16 bits do not number. */
enum { CLG_CASE_FAR = 65541 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Every activation, with numbers that are not the defaults, too. */
extern const struct clg_activation clg_case_acts[];
extern const size_t clg_case_acts_count;

/* Targets that the loss takes: classes, or values, in_unit within 0..1. */
clg_status clg_case_targets(struct clg_bench *bench, struct clg_buf **t, int B, int O,
                            enum clg_target target, int in_unit);

clg_status clg_cases_data(struct clg_bench *bench);
clg_status clg_cases_losses(struct clg_bench *bench);
clg_status clg_cases_figures(struct clg_bench *bench);
clg_status clg_cases_updates(struct clg_bench *bench);
clg_status clg_cases_fused(struct clg_bench *bench);
clg_status clg_cases_spans(struct clg_bench *bench);

#endif
