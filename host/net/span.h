/* What the engine's files know of spans (net/span.c).  Private to host/net. */
#ifndef CLG_NET_SPAN_H
#define CLG_NET_SPAN_H

#include "net/net.h"

/* Releases what spans kept; NULL-safe. */
void clg_engine_destroy_spans(struct clg_engine *engine);

#endif
