/* What describe.c shares with the files that read single options of a network. */
#ifndef CLG_NET_DESCRIBE_H
#define CLG_NET_DESCRIBE_H

#include "net/net.h"

/* "relu", "leaky_relu:0.2", "maxout:3"; where is the option for messages, "--act maxout:99". */
clg_status clg_activation_parse(struct clg_activation *out, const char *where, const char *text);

/* The reverse, a number only where it is not the default. */
void clg_activation_text(char *text, size_t size, const struct clg_activation *act);

/* layers.c: the hidden layers of --layers and --act: units, rows and activations. */
clg_status clg_net_parse_layers(struct clg_net *net);

/* learning.c: loss, optimiser, dropout, frozen layers and class weights, once all layers and the
 * targets are known; writes defaults that depend on others into the config. */
clg_status clg_net_parse_loss(struct clg_net *net);
clg_status clg_net_parse_learning(struct clg_net *net);

#endif
