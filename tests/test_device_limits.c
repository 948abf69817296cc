/* What is taken of a device: groups no larger than each kernel allows, whatever the device does,
 * no launch beyond the limits that it states, and nothing of a caller's context that is not given
 * back. */
#include "harness_train.h"

#include "device/launch.h"
#include "ops/matmul.h"

#include <string.h>

static clg_device *device;

/* A driver whose kernels take small groups, products apart: those state their own size. */
static size_t most_items = SIZE_MAX;

/* A driver that states 0 bytes of local memory for every kernel, as PoCL 6 does. */
static int hides_local;

cl_int __real_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id id,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_ret);
cl_int __wrap_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id id,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_ret);

cl_int __wrap_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id id,
                                       cl_kernel_work_group_info what, size_t size, void *value,
                                       size_t *size_ret)
{
    char name[64] = "";
    size_t *items = value;
    cl_int code = __real_clGetKernelWorkGroupInfo(kernel, id, what, size, value, size_ret);
    clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
    if (code == CL_SUCCESS && what == CL_KERNEL_WORK_GROUP_SIZE &&
        strncmp(name, "matmul", 6) != 0 && *items > most_items)
        *items = most_items;
    if (code == CL_SUCCESS && what == CL_KERNEL_LOCAL_MEM_SIZE && hides_local)
        *(cl_ulong *)value = 0;
    return code;
}

/* A training whose operations are all compared with the reference. */
static void train_and_compare(clg_device *on)
{
    clg_dataset *data = harness_blobs(70, 40, 3, 1);
    clg_config *config = harness_config("layers", "33:tanh", "l2", "0.01", NULL);
    clg_verify_options options = {.steps = 2};
    clg_verify_result result;
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    ck_ok(clg_verify_training(&result, net, on, data, &options));
    ck_assert_int_gt(result.cases, 0);
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
}

static void reset(void)
{
    most_items = SIZE_MAX;
    hides_local = 0;
}

START_TEST(groups_fit_each_kernel)
{
    static const size_t limits[] = {1, 8, 24};
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        most_items = limits[k];
        clg_device *small = harness_device();
        train_and_compare(small);
        clg_device_close(small);
    }
}
END_TEST

START_TEST(groups_fit_each_dimension)
{
    clg_device *flat = harness_device();
    flat->max_items[0] = 4;
    flat->max_items[1] = 1;
    train_and_compare(flat);
    clg_device_close(flat);
}
END_TEST

/* One launch of a kernel that takes 28 bytes of arguments, over 64 work-items. */
static clg_status launch_permute(clg_device *on, const struct clg_buf *perm)
{
    struct clg_args args;
    CLG_TRY(clg_args_begin(&args, on, "permute", "", "permute"));
    clg_arg_buf(&args, perm);
    clg_arg_ulong(&args, 40);
    clg_arg_ulong(&args, 1);
    clg_arg_uint(&args, 1);
    return clg_launch1(&args, 40, 64);
}

/* A launch beyond what the device states is refused by us: some drivers end the process. */
START_TEST(stated_limits_are_obeyed)
{
    clg_device *small = harness_device();
    struct clg_plan plan;
    struct clg_buf buf = {0};
    clg_plan_begin(&plan, small);
    ck_ok(clg_plan_add(&plan, &buf, CLG_I32, 64, "a test"));
    ck_ok(clg_plan_commit(&plan));
    small->max_parameters = sizeof(cl_mem) + 20;
    small->max_range = 64;
    ck_ok(launch_permute(small, &buf));
    small->max_parameters--;
    ck_fails(launch_permute(small, &buf), CLG_EDEVICE, "bytes of arguments");
    small->max_parameters++;
    small->max_range--;
    ck_fails(launch_permute(small, &buf), CLG_EDEVICE, "counts to 63");
    clg_buf_release(&buf);
    clg_device_close(small);
}
END_TEST

/* The panel of the products shrinks with the local memory, and its least is still checked, also
 * where the driver does not state it. */
START_TEST(local_memory_is_obeyed)
{
    hides_local = _i;
    clg_device *small = harness_device();
    if (clg_matmul_body_of(small) == CLG_BODY_REGISTER)
        small->info.local_memory = 8192;
    train_and_compare(small);
    small->info.local_memory = 1024;
    clg_dataset *data = harness_blobs(70, 40, 3, 1);
    clg_config *config = harness_config("layers", "33:tanh", NULL);
    clg_verify_options options = {.steps = 1};
    clg_verify_result result;
    clg_net *net;
    ck_ok(clg_net_create(&net, config, data));
    ck_fails(clg_verify_training(&result, net, small, data, &options), CLG_EDEVICE, "local memory");
    clg_net_destroy(net);
    clg_config_destroy(config);
    clg_dataset_destroy(data);
    clg_device_close(small);
}
END_TEST

/* CLBlast keeps programs of every context that it was used with. */
START_TEST(a_callers_context_is_given_back)
{
    clg_config *config = harness_config("matmul", "clblast", NULL);
    clg_device *attached = NULL;
    cl_uint before = 0, after = 1;
    cl_int code;
    if (!clg_matmul_has_clblast())
        return;
    cl_context context = clCreateContext(NULL, 1, &device->id, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    cl_command_queue queue = clCreateCommandQueue(context, device->id, 0, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof before, &before, NULL);
    ck_ok(clg_device_attach(&attached, context, device->id, queue, config));
    train_and_compare(attached);
    clg_device_close(attached);
    clGetContextInfo(context, CL_CONTEXT_REFERENCE_COUNT, sizeof after, &after, NULL);
    ck_assert_uint_eq(after, before);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    clg_config_destroy(config);
}
END_TEST

int main(void)
{
    device = harness_device();
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");
    tcase_set_timeout(tests, 250);
    tcase_add_checked_fixture(tests, NULL, reset);
    tcase_add_test(tests, groups_fit_each_kernel);
    tcase_add_test(tests, groups_fit_each_dimension);
    tcase_add_test(tests, stated_limits_are_obeyed);
    tcase_add_loop_test(tests, local_memory_is_obeyed, 0, 2);
    tcase_add_test(tests, a_callers_context_is_given_back);
    suite_add_tcase(suite, tests);
    int failed = harness_run(suite);
    clg_device_close(device);
    return failed;
}
