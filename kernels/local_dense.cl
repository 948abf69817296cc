/* A layer in one launch, for devices with local memory of its own: what dense.cl does, by the same
 * arguments, to the same bits.  FORWARD chooses dense_fwd, else delta_bwd. */
#include "activation.clh"
#include "quad.clh"

#if KEEPS_Z
#define Z global float *z,
#else
#define Z
#endif

/* f and f' of four.  Where they take elementary functions, the lanes take turns in one copy of
 * them, each from the first place round to the last: written out four times they are hundreds of
 * instructions. */
#define TURNS(function, v)                                                                         \
    _Pragma("nounroll") for (int turn = 0; turn < 4; turn++) v =                                   \
        (float4)(v.s1, v.s2, v.s3, function((float16)(v.s0)).s0)

INLINE float4 act4(float4 v)
{
#if ACT_KIND == RELU || ACT_KIND == LEAKY_RELU || ACT_KIND == STEP
    return once(act16(four_times(v)));
#else
    TURNS(act16, v);
    return v;
#endif
}

INLINE float4 slope4(float4 v)
{
#if ACT_KIND == GELU || ACT_KIND == SILU || ACT_KIND == SOFTPLUS
    TURNS(slope16, v);
    return v;
#else
    return once(slope16(four_times(v)));
#endif
}

#ifdef FORWARD

/* y, and z where it is kept, (B,n) from x W. */
struct finish {
    global float *y;
#if KEEPS_Z
    global float *z;
#endif
    global const float *b;
    uint ldy;
    uint n;
};

INLINE void finish4(const struct finish *f, uint i, uint j, local const float4 *v)
{
    const size_t at = (size_t)i * f->ldy + j;
    const float4 in = *v + load4(f->b, j, f->n);
#if KEEPS_Z
    *(global float4 *)(f->z + at) = in;
#endif
    *(global float4 *)(f->y + at) = ACT_KIND == IDENTITY ? in : fill4(act4(in), j, f->n);
}

#include "local_finish.clh"

/* y (B,O) = f(x W + b).  Overwrites y and z (B,O); x (B,I), W (I,O), b (O).  Global range:
 * (ITEMS_N, ITEMS_M) for each tile of (columns, rows) of y. */
__attribute__((reqd_work_group_size(ITEMS_N, ITEMS_M, 1))) kernel void
dense_fwd(global float *y, Z global const float *x, global const float *W, global const float *b,
          int B, int I, int O, int ldy, int ldx, int ldw)
{
    local struct pieces pieces;
    const uint m0 = TILE_M * (uint)get_group_id(1), n0 = TILE_N * (uint)get_group_id(0);
    float4 sum[EACH_M][EACH_N / 4];
    struct finish f;
    tile_product(sum, &pieces, item(), x, W, m0, n0, B, O, I, (uint)ldx, (uint)ldw, 1, 0);
    f.y = y;
#if KEEPS_Z
    f.z = z;
#endif
    f.b = b;
    f.ldy = (uint)ldy;
    f.n = (uint)O;
    finish_tile(&f, sum, &pieces, m0, n0, B, O, 0);
}

#else

/* dx from dz W^T and what is kept of the layer in front, both (B,I). */
struct finish {
    global float *dx;
    global const float *kept;
    uint ldx;
};

INLINE void finish4(const struct finish *f, uint i, uint j, local const float4 *v)
{
    const size_t at = (size_t)i * f->ldx + j;
    float4 dx = *v;
#if ACT_KIND != IDENTITY
    dx = dx * slope4(*(global const float4 *)(f->kept + at));
#endif
    *(global float4 *)(f->dx + at) = dx;
}

#include "local_finish.clh"

/* dx (B,I) = (dz W^T) * f' of the layer in front, from what is kept of it: y, or z where KEEPS_Z.
 * Overwrites dx; kept (B,I), dz (B,O), W (I,O).  Global range: (ITEMS_N, ITEMS_M) for each tile of
 * (columns, rows) of dx. */
__attribute__((reqd_work_group_size(ITEMS_N, ITEMS_M, 1))) kernel void
delta_bwd(global float *dx, global const float *kept, global const float *dz,
          global const float *W, int B, int I, int O, int ldx, int ldz, int ldw)
{
    local struct pieces pieces;
    const struct finish f = {dx, kept, (uint)ldx};
    const uint m0 = TILE_M * (uint)get_group_id(1), n0 = TILE_N * (uint)get_group_id(0);
    float4 sum[EACH_M][EACH_N / 4];
    tile_product(sum, &pieces, item(), dz, W, m0, n0, B, I, O, (uint)ldz, (uint)ldw, 1, 1);
    finish_tile(&f, sum, &pieces, m0, n0, B, I, 0);
}

#endif
