/* Prints the tiles of host/ops/local.c, the largest first: the macros of each.
 * usage: kernel_tiles */
#include "ops/local.h"

#include <stdio.h>

int main(void)
{
    char options[CLG_TILE_OPTIONS];
    for (int tile = 0; tile < CLG_TILES; tile++) {
        clg_tile_options(options, tile);
        puts(options);
    }
    return 0;
}
