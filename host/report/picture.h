/* Grey pictures made of tiles: one a unit, or one an example. */
#ifndef CLG_REPORT_PICTURE_H
#define CLG_REPORT_PICTURE_H

#include "net/net.h"

struct clg_picture {
    size_t tiles;         /* how many */
    size_t height, width; /* of a tile */
    /* Fills grey (count = height * width) with tile number `tile`. */
    void (*grey)(unsigned char *grey, const void *user, size_t tile, size_t count);
    const void *user;
};

/* Gives the tiles the shape of the network's input: its image, else a square, else a line. */
void clg_picture_shape(struct clg_picture *picture, const struct clg_net *net);

/* Writes the tiles in a grid that is nearly square, a black line between them. */
clg_status clg_picture_write(const char *path, const struct clg_picture *picture);

#endif
