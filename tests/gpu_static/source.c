/* Prints a kernel program as a driver gets it, prelude and included files joined, for a compiler
 * that is not a driver.
 * usage: kernel_source NAME */
#include "device/program.h"

#include <stdio.h>
#include <string.h>

static const char *source_of(const char *name)
{
    for (const struct clg_kernel_source *s = clg_kernel_sources; s->name; s++)
        if (strcmp(s->name, name) == 0)
            return s->text;
    return NULL;
}

int main(int argc, char **argv)
{
    const char *text = argc == 2 ? source_of(argv[1]) : NULL;
    if (!text) {
        fprintf(stderr, "usage: kernel_source NAME, the name of a file of kernels/\n");
        return 2;
    }
    printf("%s\n#line 1 \"%s.cl\"\n%s", source_of("prelude"), argv[1], text);
    return 0;
}
