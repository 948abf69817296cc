/* The matrix products by our own kernels (kernels/matmul.cl): which body, how deep its panel, how
 * many groups.  None of this changes a bit of the result.  Left out: measuring which is fastest. */
#include "ops/matmul.h"

#include "ops/fused.h"
#include "ops/local.h"
#include "ops/tuning.h"

#include <assert.h>
#include <stdio.h>

/* An A that a core's own cache does not hold is taken in parts of rows that it does hold, all
 * columns of C for each; but where K is so deep that a part has few rows, the panels would cost
 * more. */
enum { LARGE_BYTES = 1 << 20, PART_BYTES = 1 << 19, DEEP = 512 };

static const char *const kernel_names[] = {
    [CLG_NN] = "matmul_nn", [CLG_NT] = "matmul_nt", [CLG_TN] = "matmul_tn"};

int clg_matmul_body_exists(const clg_device *device, enum clg_matmul_body body)
{
    return body == CLG_BODY_REGISTER || clg_tile_exists(device);
}

enum clg_matmul_body clg_matmul_body_of(const clg_device *device)
{
    return clg_tile_suits(device) ? CLG_BODY_LOCAL : CLG_BODY_REGISTER;
}

static void push_arguments(struct clg_args *args, struct clg_buf *C, const struct clg_buf *A,
                           const struct clg_buf *B, int M, int N, int K, enum clg_form form)
{
    const clg_device *device = args->device;
    clg_arg_buf(args, C);
    clg_arg_buf(args, A);
    clg_arg_buf(args, B);
    clg_arg_int(args, M);
    clg_arg_int(args, N);
    clg_arg_int(args, K);
    clg_arg_int(args, clg_stride(device, N));
    clg_arg_int(args, clg_stride(device, form == CLG_TN ? M : K));
    clg_arg_int(args, clg_stride(device, form == CLG_NT ? K : N));
}

clg_status clg_matmul_native_body(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                                  const struct clg_buf *B, int M, int N, int K, enum clg_form form,
                                  enum clg_matmul_body body)
{
    struct clg_args args;
    char options[64];
    assert(M > 0 && N > 0 && K > 0);
    if (body == CLG_BODY_LOCAL)
        return clg_matmul_local(device, C, A, B, M, N, K, form, clg_tile_for(device, M, N, K));
    const int small =
        form != CLG_NT && 2.0 * M * N * K < (double)clg_knob(device, CLG_KNOB_PANEL_FLOPS);
    const double bytes = (double)sizeof(cl_float) * M * K;
    const int by_rows = !small && bytes > LARGE_BYTES && K <= DEEP;
    const int depth = small ? 0 : clg_panel_depth(device);
    snprintf(options, sizeof options, "-DFORM_REGISTER -DDEPTH=%d%s", depth,
             by_rows ? " -DROWS_AT=1" : "");
    CLG_TRY(clg_args_begin(&args, device, "matmul", options, kernel_names[form]));
    clg_args_local(&args, clg_panel_bytes(depth));
    push_arguments(&args, C, A, B, M, N, K, form);
    size_t columns = ((size_t)N + CLG_TILE_COLUMNS - 1) / CLG_TILE_COLUMNS;
    size_t tiles = ((size_t)M + CLG_TILE_ROWS - 1) / CLG_TILE_ROWS;
    size_t shares =
        clg_row_shares(device, columns, tiles,
                       (size_t)clg_knob(device, small ? CLG_KNOB_MANY_GROUPS : CLG_KNOB_GROUPS));
    if (!by_rows)
        return clg_launch2(&args, shares, columns, 1, 1);
    const size_t parts = (size_t)(bytes / PART_BYTES) + 1; /* fewer than tiles: K is not deep */
    return clg_launch2(&args, columns, parts < shares ? shares : parts, 1, 1);
}

clg_status clg_matmul_native(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                             const struct clg_buf *B, int M, int N, int K, enum clg_form form)
{
    return clg_matmul_native_body(device, C, A, B, M, N, K, form, clg_matmul_body_of(device));
}

#ifndef CLG_HAS_CLBLAST
int clg_matmul_has_clblast(void)
{
    return 0;
}

clg_status clg_matmul_clblast(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                              const struct clg_buf *B, int M, int N, int K, enum clg_form form)
{
    (void)device, (void)C, (void)A, (void)B, (void)M, (void)N, (void)K, (void)form;
    return clg_fail(CLG_EUSAGE,
                    "--matmul clblast: this build has no CLBlast; use native or auto, or "
                    "build with CLBlast installed");
}
#endif
