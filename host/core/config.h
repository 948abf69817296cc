/* The table of options, and typed reading of them.  The public half is in clgrad.h. */
#ifndef CLG_CORE_CONFIG_H
#define CLG_CORE_CONFIG_H

#include "core/status.h"

/* Typed values of keys that exist (a missing key is an error of ours and asserts).  Values were
 * checked by clg_config_set, so these cannot fail. */
double clg_config_number(const clg_config *config, const char *key);
int64_t clg_config_integer(const clg_config *config, const char *key);
int clg_config_switch(const clg_config *config, const char *key);

/* 1 where the value of key is text. */
int clg_config_is(const clg_config *config, const char *key, const char *text);

/* The index of key's value among the choices its option lists ("a|b|c"), -1 where none. */
int clg_config_choice(const clg_config *config, const char *key);

/* The number behind the part-th colon of key's value ("step:5:0.1": part 1 is 5, part 2 is 0.1);
 * fallback where there are fewer. */
double clg_config_part(const clg_config *config, const char *key, int part, double fallback);

/* Whether a model file keeps option number `option` of clg_config_options(). */
int clg_config_is_kept(size_t option);

/* The options that describe a network and its learning, one "key=value\n" a line, in table order:
 * what a model file keeps.  Nothing of the run, its paths or its device.  The caller frees it. */
clg_status clg_config_model_text(char **text, const clg_config *config);

/* The reverse; unknown keys fail as CLG_EDATA naming path. */
clg_status clg_config_parse_model_text(clg_config *config, const char *text, const char *path);

#endif
