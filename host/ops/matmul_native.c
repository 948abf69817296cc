/* The matrix products by our own kernels (kernels/matmul.cl): which body, how deep its panel, how
 * many groups.  None of this changes a bit of the result.  Left out: measuring which is fastest. */
#include "ops/matmul.h"

#include "device/launch.h"

#include <assert.h>
#include <stdio.h>

enum {
    PANEL_ROW = 32 * (int)sizeof(cl_float), /* bytes of one row of the panel, kernels/matmul.cl */
    DEPTH_MOST = 2048,                      /* deeper panels leave a core's own cache */
    DEPTH_LEAST = 16,
    TILE_ROWS = 8,
    TILE_COLUMNS = 32,
    GROUPS_LEAST = 8, /* or twice the cores: enough to share out evenly */
    LOCAL_SIDE = 64,  /* the LOCAL body: 64 x 64 of C by 16 x 16 work-items, */
    LOCAL_GROUP = 16,
    LOCAL_TILES = 2 * 16 * (LOCAL_SIDE + 1) * (int)sizeof(cl_float) /* and its two tiles */
};

static const char *const kernel_names[] = {
    [CLG_NN] = "matmul_nn", [CLG_NT] = "matmul_nt", [CLG_TN] = "matmul_tn"};

int clg_matmul_body_exists(const clg_device *device, enum clg_matmul_body body)
{
    return body == CLG_BODY_REGISTER ||
           (device->max_group >= LOCAL_GROUP * LOCAL_GROUP && device->max_items[0] >= LOCAL_GROUP &&
            device->max_items[1] >= LOCAL_GROUP && device->info.local_memory >= LOCAL_TILES);
}

/* A device that takes vectors apart puts work-items side by side in their stead: a group of one
 * leaves all but one of its lanes idle. */
enum clg_matmul_body clg_matmul_body_of(const clg_device *device)
{
    return (device->local_is_dedicated || device->native_width == 1) &&
                   clg_matmul_body_exists(device, CLG_BODY_LOCAL)
               ? CLG_BODY_LOCAL
               : CLG_BODY_REGISTER;
}

/* Rows of the panel: a power of two that takes at most half of what the device calls local. */
static int panel_depth(const clg_device *device)
{
    int depth = DEPTH_MOST;
    while (depth > DEPTH_LEAST && (uint64_t)depth * PANEL_ROW * 2 > device->info.local_memory)
        depth /= 2;
    return depth;
}

/* Into how many shares the rows are cut, so that there are enough groups and an even number of
 * them, each with whole tiles. */
static size_t row_shares(const clg_device *device, size_t columns, size_t tiles)
{
    size_t least = 2 * (size_t)device->info.units;
    if (least < GROUPS_LEAST)
        least = GROUPS_LEAST;
    size_t shares = (least + columns - 1) / columns;
    if (shares > tiles)
        shares = tiles;
    if (columns * shares % 2 != 0 && shares < tiles)
        shares++;
    return shares;
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
    if (body == CLG_BODY_LOCAL) {
        CLG_TRY(clg_args_begin(&args, device, "matmul", "-DFORM_LOCAL", kernel_names[form]));
        push_arguments(&args, C, A, B, M, N, K, form);
        size_t columns = ((size_t)N + LOCAL_SIDE - 1) / LOCAL_SIDE;
        size_t rows = ((size_t)M + LOCAL_SIDE - 1) / LOCAL_SIDE;
        return clg_launch2(&args, LOCAL_GROUP * columns, LOCAL_GROUP * rows, LOCAL_GROUP,
                           LOCAL_GROUP);
    }
    snprintf(options, sizeof options, "-DFORM_REGISTER -DDEPTH=%d", panel_depth(device));
    CLG_TRY(clg_args_begin(&args, device, "matmul", options, kernel_names[form]));
    push_arguments(&args, C, A, B, M, N, K, form);
    size_t columns = ((size_t)N + TILE_COLUMNS - 1) / TILE_COLUMNS;
    size_t tiles = ((size_t)M + TILE_ROWS - 1) / TILE_ROWS;
    return clg_launch2(&args, columns, row_shares(device, columns, tiles), 1, 1);
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
