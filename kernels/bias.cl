/* The bias of a layer: added to each row on the way forward, its gradient summed over the rows on
 * the way back.  One work-item takes 16 columns. */

/* z[b][j] += bias[j].  z (B,N) in/out, bias (N). */
kernel void bias_fwd(global float *z, global const float *bias, int B, int N, int ldz)
{
    const size_t j = 16 * get_global_id(0), b = get_global_id(1);
    if (j >= (size_t)N || b >= (size_t)B)
        return;
    global float *row = z + b * (size_t)ldz + j;
    put16(vload16(0, row) + load16(bias, j, (size_t)N), row);
}

/* db[j] = sum over b of dz[b][j], in the order of b.  db (N) is overwritten, dz (B,N). */
kernel void bias_bwd(global float *db, global const float *dz, int B, int N, int ldz)
{
    const size_t j = 16 * get_global_id(0);
    if (j >= (size_t)N)
        return;
    float16 sum = (float16)(0.0f);
    for (size_t b = 0; b < (size_t)B; b++)
        sum += vload16(0, dz + b * (size_t)ldz + j);
    store16(sum, db, j, (size_t)N);
}
