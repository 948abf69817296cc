/* The matrix products by CLBlast, the one file that knows it.  Built only where CLBlast was found
 * (matmul_native.c says so otherwise).  Its own kernels have no names of ours: a launch is seen as
 * clblast/sgemm. */
#include "ops/matmul.h"

#include "device/launch.h"

#include <assert.h>
#include <clblast_c.h>

int clg_matmul_has_clblast(void)
{
    return 1;
}

/* CLBlast keeps its programs, and with them the context, until the process ends.  Its one cache
 * serves all contexts: another device that is open makes its programs again. */
static void forget_programs(void)
{
    (void)CLBlastClearCache();
}

clg_status clg_matmul_clblast(clg_device *device, struct clg_buf *C, const struct clg_buf *A,
                              const struct clg_buf *B, int M, int N, int K, enum clg_form form)
{
    const int transpose_a = form == CLG_TN, transpose_b = form == CLG_NT;
    const size_t ldc = (size_t)clg_stride(device, N);
    const size_t lda = (size_t)clg_stride(device, transpose_a ? M : K);
    const size_t ldb = (size_t)clg_stride(device, transpose_b ? K : N);
    cl_event event = NULL;
    device->at_close = forget_programs;
    CLG_TRY(clg_mark_before(device));
    assert(M > 0 && N > 0 && K > 0);
    /* a view is a sub-buffer of its own: its elements start at 0 */
    CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, transpose_a ? CLBlastTransposeYes : CLBlastTransposeNo,
                     transpose_b ? CLBlastTransposeYes : CLBlastTransposeNo, (size_t)M, (size_t)N,
                     (size_t)K, 1.0f, A->mem, 0, lda, B->mem, 0, ldb, 0.0f, C->mem, 0, ldc,
                     &device->queue, device->on_launch ? &event : NULL);
    if (code != CLBlastSuccess)
        return clg_fail(CLG_EDEVICE,
                        "CLBlastSgemm: status %d for a product of %d x %d over %d on %s; --matmul "
                        "native does without CLBlast",
                        (int)code, M, N, K, device->info.name);
    if (event) {
        device->on_launch(device->on_launch_user, "clblast", "sgemm", event);
        clReleaseEvent(event);
    }
    clg_mark_forget(device);
    return CLG_OK;
}
