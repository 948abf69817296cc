/* Stands between the library and OpenCL: counts calls, lets one of them fail or never come back,
 * and knows which objects are held. */
#ifndef CLG_TESTS_INJECT_OPENCL_H
#define CLG_TESTS_INJECT_OPENCL_H

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdint.h>

/* Calls counted from here on; number `index` (from 1; 0: none) fails with code. */
void inject_opencl(unsigned index, cl_int code);

/* Called with the number of every call while it is set. */
extern void (*inject_opencl_seen)(uint64_t index);

/* How many there were since, and the name of the one that failed, "" for none. */
unsigned inject_opencl_calls(void);
const char *inject_opencl_failed(void);

/* The name of call number index of the last count, "" beyond them. */
const char *inject_opencl_name(unsigned index);

/* From blocking call number index on (from 1; 0: none) the driver never completes anything: no
 * blocking call comes back. */
void inject_hang(unsigned index);
unsigned inject_blocking_calls(void);

/* References held: what was created and retained, less what was released. */
int inject_objects(void);

#endif
