/* Failures of OpenCL calls: each code of the standard has its own name, others none, and the line
 * names call, code and number. */
#include "harness.h"

#include "device/device.h"

#include <stdio.h>
#include <string.h>

START_TEST(codes_have_names)
{
    static const struct {
        cl_int first, last;
    } ranges[] = {{-19, -1}, {-68, -30}}; /* of OpenCL 1.2 */
    ck_assert_str_eq(clg_cl_name(CL_SUCCESS), "CL_SUCCESS");
    ck_assert_str_eq(clg_cl_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    ck_assert_str_eq(clg_cl_name(CL_INVALID_DEVICE_PARTITION_COUNT),
                     "CL_INVALID_DEVICE_PARTITION_COUNT");
    ck_assert_str_eq(clg_cl_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    for (size_t r = 0; r < 2; r++)
        for (cl_int a = ranges[r].first; a <= ranges[r].last; a++) {
            ck_assert_msg(strncmp(clg_cl_name(a), "CL_", 3) == 0, "%d: %s", (int)a, clg_cl_name(a));
            for (cl_int b = ranges[r].first; b < a; b++)
                ck_assert_str_ne(clg_cl_name(a), clg_cl_name(b));
        }
    ck_assert_str_eq(clg_cl_name(-20), "unknown");
    ck_assert_str_eq(clg_cl_name(1), "unknown");
}
END_TEST

START_TEST(lines_name_call_and_code)
{
    ck_fails(clg_fail_cl(CL_OUT_OF_RESOURCES, "clFinish", "%s", ""), CLG_EDEVICE,
             "clFinish: CL_OUT_OF_RESOURCES (-5)");
    ck_fails(clg_fail_cl(CL_OUT_OF_HOST_MEMORY, "clCreateBuffer", "layer %d", 3), CLG_ENOMEM,
             "layer 3: clCreateBuffer: CL_OUT_OF_HOST_MEMORY (-6)");
    ck_fails(clg_fail_cl(CL_MEM_OBJECT_ALLOCATION_FAILURE, "clFlush", "%s", ""), CLG_ENOMEM,
             "clFlush: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("OpenCL codes");
    TCase *tests = tcase_create("codes");
    tcase_add_test(tests, codes_have_names);
    tcase_add_test(tests, lines_name_call_and_code);
    suite_add_tcase(suite, tests);
    return harness_run(suite);
}
