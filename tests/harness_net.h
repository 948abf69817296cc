/* Networks from options, for tests. */
#ifndef CLG_TESTS_HARNESS_NET_H
#define CLG_TESTS_HARNESS_NET_H

#include "harness.h"
#include "net/net.h"

/* A configuration from "key=value" words, ended by NULL. */
clg_config *net_config(const char *const *words);
#define NET_CONFIG(...) net_config((const char *const[]){__VA_ARGS__, NULL})
#define NET_PLAIN NET_CONFIG("seed=1")

/* A described network; config is given up. */
clg_net *net_described(clg_config *config, size_t features, int classes, size_t outputs);

/* The same, with parameters drawn. */
clg_net *net_drawn(clg_config *config, size_t features, int classes, size_t outputs);

#endif
