/* Layers' inputs turned: what learn.cl reads column by column then lies in the order in which it is
 * read.  Pays where a batch and its layers are large: down a column every number is on a page of
 * its own.  Jobs as in learn.clh; left out: which layers, which is the host's choice. */
#include "learn.clh"
#include "tile.clh"

/* The rows m0..m1 of input^T (I,B) for each job, from input (B,I); both lie in batch, but for the
 * first layer's input, which is x.  Global range: (jobs), groups of one. */
__attribute__((reqd_work_group_size(1, 1, 1))) kernel void
turn(global float *batch, global const float *x, global const int *jobs, int first, int B)
{
    struct job job;
    read_job(&job, jobs + JOB_INTS * ((size_t)first + get_group_id(0)));
    const size_t ldx = (size_t)job.ldx, ldt = (size_t)job.ldw, rows = (size_t)B;
    global const float *from = job.x_at < 0 ? x : batch + job.x_at;
    for (size_t j = (size_t)job.m0; j < (size_t)job.m1; j += 16) {
        global float *to = batch + (size_t)job.w_at + j * ldt;
        for (size_t b = 0; b < rows; b += 16) {
            float16 block[16];
            transpose16(block, from + b * ldx + j, ldx, b, rows);
#pragma unroll
            for (size_t i = 0; i < 16; i++)
                put16(block[i], to + i * ldt + b);
        }
    }
}
