/* Activations of hidden and output layers and their derivatives, element by element, and softmax,
 * which works on rows.  ACT_KIND chooses; the functions themselves are in prelude.clh. */
#ifndef ACT_KIND
#error "ACT_KIND is the activation, a value of enum clg_act"
#endif

#if ACT_KIND == SOFTMAX

/* y = softmax(z), each row by itself.  y (B,N) is overwritten and may be z (B,N). */
kernel void softmax_fwd(global float *y, global const float *z, int B, int N, int ldz)
{
    const size_t b = get_global_id(0);
    if (b >= (size_t)B)
        return;
    global const float *row = z + b * (size_t)ldz;
    row_softmax(y + b * (size_t)ldz, row, (size_t)N, row_max(row, (size_t)N));
}

#else

/* y = f(z).  y (B,N) is overwritten and may be z (B,N). */
kernel void act_fwd(global float *y, global const float *z, int B, int N, int ldz)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    const size_t at = b * (size_t)ldz + j;
    vstore16(fill16(act16(vload16(0, z + at)), 0.0f, j, (size_t)N), 0, y + at);
}

/* dx *= f'(z), from y = f(z).  dx (B,N) in/out, y (B,N). */
kernel void act_bwd(global float *dx, global const float *y, int B, int N, int ldx)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    const size_t at = b * (size_t)ldx + j;
    vstore16(vload16(0, dx + at) * slope16(vload16(0, y + at)), 0, dx + at);
}

#endif
