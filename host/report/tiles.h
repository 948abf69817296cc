/* Small pictures on a report's page: examples in grey, signed values in two colours. */
#ifndef CLG_REPORT_TILES_H
#define CLG_REPORT_TILES_H

#include "report/run_report.h"

/* 1 where the run's inputs are images. */
int clg_tiles_are_images(const struct clg_net *net);

/* <img ...> of a row's input; its alternative text is alt, escaped. */
clg_status clg_tile_input(FILE *out, const struct clg_report_run *run, size_t row, const char *alt);

/* The same of what an autoencoder makes of it. */
clg_status clg_tile_output(FILE *out, const struct clg_report_run *run, size_t row,
                           const char *alt);

/* values (height,width): blue above 0, orange below, the strongest at the largest in size. */
clg_status clg_tile_signed(FILE *out, const double *values, size_t height, size_t width,
                           const char *alt);

#endif
