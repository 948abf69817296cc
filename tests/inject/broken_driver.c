/* An OpenCL driver that dies when it is loaded, or hangs where BROKEN_DRIVER_HANGS is set; adds a
 * byte to the file BROKEN_DRIVER_MARK each time. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BROKEN_DRIVER_MARK");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fputc('x', file);
        fclose(file);
    }
    while (getenv("BROKEN_DRIVER_HANGS"))
        pause();
    abort();
}
