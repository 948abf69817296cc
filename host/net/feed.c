/* A data set that the device has no room for: two parts of it lie there, and the one read longest
 * ago makes place for the next.  A part is a run of places in an epoch's order, gathered on the host
 * from the data's memory or its mapped file, so that a batch finds its rows one after the other; a
 * step's own batch and the one that is gathered ahead of it are never in more than two parts.  What
 * reaches the network is the same to the bit as from a whole data set. */
#include "net/net.h"

#include "core/memory.h"
#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

struct clg_feed {
    const struct clg_dataset *data;
    const struct clg_net *net;
    struct clg_normalise normalise;
    int32_t *map;     /* (data->classes): classes as the network numbers them; NULL without */
    size_t part;      /* rows of a part: a multiple of the batch */
    size_t read;      /* bytes of a mapped file since its pages were let go */
    int latest;       /* which part was asked for last */
    struct {
        int epoch;    /* 0: in the order of the rows, -1: nothing yet */
        size_t first; /* its first place in the order */
    } held[CLG_FEED_PARTS];
    unsigned char *bytes; /* (part, features) */
    double *reals;        /* (part, features) */
    int32_t *labels;      /* (part) */
    double *values;       /* (part, outputs) */
};

void clg_feed_destroy(struct clg_feed *feed)
{
    if (!feed)
        return;
    clg_normalise_clear(&feed->normalise);
    free(feed->map);
    free(feed->bytes);
    free(feed->reals);
    free(feed->labels);
    free(feed->values);
    free(feed);
}

static clg_status make_targets(struct clg_feed *feed)
{
    const struct clg_net *net = feed->net;
    const struct clg_dataset *data = feed->data;
    if (net->target_input || (!data->labels && !data->values))
        return CLG_OK;
    if (net->target == CLG_TARGET_CLASS) {
        CLG_TRY(clg_net_map_classes(&feed->map, net, data));
        return clg_alloc(&feed->labels, feed->part, sizeof *feed->labels, "part of the data");
    }
    CLG_TRY(clg_net_check_values(net, data));
    return clg_alloc(&feed->values, feed->part * (size_t)clg_net_outputs(net),
                     sizeof *feed->values, "part of the data");
}

clg_status clg_feed_create(struct clg_feed **out, const struct clg_dataset *data,
                             const struct clg_net *net, size_t part)
{
    struct clg_feed *feed = NULL;
    clg_status status;
    CLG_TRY(clg_alloc(&feed, 1, sizeof *feed, "a feed"));
    feed->data = data;
    feed->net = net;
    feed->part = part;
    for (int p = 0; p < CLG_FEED_PARTS; p++)
        feed->held[p].epoch = -1;
    CLG_TRY_DONE(clg_net_normalise_for(&feed->normalise, net, data));
    if (data->storage == CLG_BYTES)
        CLG_TRY_DONE(clg_alloc(&feed->bytes, part, data->features, "part of the data"));
    else
        CLG_TRY_DONE(clg_alloc(&feed->reals, part, data->features * sizeof *feed->reals,
                               "part of the data"));
    CLG_TRY_DONE(make_targets(feed));
    *out = feed;
done:
    if (status != CLG_OK)
        clg_feed_destroy(feed);
    return status;
}

/* One row of the data set into line i of the part. */
static clg_status stage(struct clg_feed *feed, size_t i, size_t row)
{
    const struct clg_dataset *data = feed->data;
    const size_t features = data->features, outputs = data->values ? data->outputs : 1;
    if (feed->bytes)
        memcpy(feed->bytes + i * features,
               (const unsigned char *)data->x + (data->pick ? data->pick[row] : row) * features,
               features);
    else
        CLG_TRY(clg_normalise_row(feed->reals + i * features, &feed->normalise, data, row));
    if (feed->labels)
        feed->labels[i] = feed->map[data->labels[row]];
    for (size_t o = 0; feed->values && o < outputs; o++)
        feed->values[i * outputs + o] =
            data->values ? data->values[row * outputs + o] : data->labels[row];
    return CLG_OK;
}

static clg_status send(const struct clg_feed *feed, struct clg_rows *rows, size_t at, size_t n)
{
    const size_t features = feed->data->features, outputs = (size_t)rows->outputs;
    CLG_TRY(feed->bytes
                ? clg_buf_upload(&rows->x, feed->bytes, at * features, n * features)
                : clg_real_upload(&rows->x, feed->reals, at * features, n * features));
    if (feed->labels)
        return clg_buf_upload(&rows->t, feed->labels, at, n);
    return feed->values ? clg_real_upload(&rows->t, feed->values, at * outputs, n * outputs)
                          : CLG_OK;
}

/* The places from `first` on of an epoch's order into part p of rows. */
static clg_status load(struct clg_feed *feed, struct clg_rows *rows, int p, int epoch,
                       size_t first)
{
    const size_t all = feed->data->rows;
    const size_t n = all - first < feed->part ? all - first : feed->part;
    struct clg_shuffle shuffle;
    if (epoch)
        clg_shuffle_begin(&shuffle, all, feed->net->seed, (uint32_t)epoch);
    feed->held[p].epoch = -1;
    for (size_t i = 0; i < n; i++) {
        CLG_TRY(stage(feed, i,
                      epoch ? clg_shuffle_at(&shuffle, (uint32_t)(first + i)) : first + i));
        clg_dataset_let_go(feed->data, &feed->read, epoch != 0);
    }
    CLG_TRY(send(feed, rows, (size_t)p * feed->part, n));
    feed->held[p].epoch = epoch;
    feed->held[p].first = first;
    return CLG_OK;
}

clg_status clg_feed_find(struct clg_feed *feed, struct clg_rows *rows, int epoch,
                           size_t place, size_t *at, size_t *left)
{
    const size_t first = place / feed->part * feed->part;
    int p = 0;
    while (p < CLG_FEED_PARTS && (feed->held[p].epoch != epoch || feed->held[p].first != first))
        p++;
    if (p == CLG_FEED_PARTS) {
        p = (feed->latest + 1) % CLG_FEED_PARTS;
        CLG_TRY(load(feed, rows, p, epoch, first));
    }
    feed->latest = p;
    *at = (size_t)p * feed->part + place - first;
    *left = feed->part - (place - first);
    return CLG_OK;
}
