/* Which units of a layer have ever been active.  One work-item takes a column and reads it until it
 * finds the unit alive, in most cases at once. */

/* alive[j] = 1 where any y[b][j] is above 0; others stay as they are.  alive (N) in/out, y
 * (B,N). */
kernel void mark_alive(global int *alive, global const float *y, int B, int N, int ldy)
{
    const size_t j = get_global_id(0);
    if (j >= (size_t)N || alive[j] != 0)
        return;
    for (size_t b = 0; b < (size_t)B; b++)
        if (y[b * (size_t)ldy + j] > 0.0f) {
            alive[j] = 1;
            return;
        }
}
