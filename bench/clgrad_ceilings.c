/* The ceilings of a device, as the library measures them: multiply-adds a second, bytes read and
 * copied a second by working set, a launch among many, a launch that is waited for, and four bytes
 * read.  Prints one JSON object.  Leaves out what a training step makes of them: that is
 * clgrad_bench; nothing is remembered.
 *
 *     clgrad_ceilings [--device NAME] */
#include <clgrad/clgrad.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void die(const char *what, const char *detail)
{
    fprintf(stderr, "clgrad_ceilings: %s%s\n", what, detail);
    exit(2);
}

static void must(clg_status status)
{
    if (status != CLG_OK)
        die(clg_last_error(), "");
}

static void measure(clg_roofs *roofs, clg_device_info *info, const char *selector)
{
    clg_config *config = NULL;
    clg_device *device = NULL;
    must(clg_config_create(&config));
    must(clg_config_set(config, "no-cache", "true"));
    must(clg_device_open(&device, selector, config));
    must(clg_device_roofs(roofs, device, 1));
    *info = *clg_device_describe(device);
    clg_device_close(device);
    clg_config_destroy(config);
}

static double highest(const clg_roof *roof, int count)
{
    double rate = 0;
    for (int i = 0; i < count; i++)
        rate = roof[i].rate > rate ? roof[i].rate : rate;
    return rate;
}

/* {"16384": GB/s, ...}, the smallest working set first. */
static void print_bandwidth(const char *name, const clg_roof *roof, int count)
{
    printf(", \"%s\": {", name);
    for (int i = count - 1; i >= 0; i--)
        printf("\"%.0f\": %.2f%s", roof[i].size, roof[i].rate, i ? ", " : "");
    printf("}");
}

static void print_text(const char *name, const char *text)
{
    printf("\"%s\": \"", name);
    for (; *text; text++)
        if (*text != '"' && *text != '\\' && (unsigned char)*text >= ' ')
            putchar(*text);
    printf("\", ");
}

int main(int argc, char **argv)
{
    clg_device_info info;
    clg_roofs roofs;
    if (argc != 1 && (argc != 3 || strcmp(argv[1], "--device") != 0))
        die("usage: clgrad_ceilings [--device NAME], not ", argv[1]);
    measure(&roofs, &info, argc == 3 ? argv[2] : NULL);
    printf("{");
    print_text("name", "ceilings");
    print_text("device", info.name);
    print_text("platform", info.platform_name);
    print_text("driver", info.driver_version);
    print_text("opencl", info.opencl_version);
    printf("\"units\": %d, \"fma_gflops\": %.1f", info.units,
           highest(roofs.compute, roofs.computes));
    print_bandwidth("read_gb_s", roofs.read, roofs.reads);
    print_bandwidth("copy_gb_s", roofs.copy, roofs.copies);
    printf(", \"launch_us\": %.2f, \"finish_us\": %.2f, \"read_us\": %.2f}\n", roofs.launch_us,
           roofs.wait_us, roofs.read_us);
    return 0;
}
