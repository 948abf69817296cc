/* The knobs of the launchers: which way the products take, which plan steps take, how launches are
 * cut.  Each has a short list of values and a default; no value changes a bit of a result, but for
 * products by CLBlast.  What clgrad tune chose is kept beside the program binaries for each device,
 * driver and version of the kernels.  Which value is fastest is measured by verify/tune.c. */
#ifndef CLG_OPS_TUNING_H
#define CLG_OPS_TUNING_H

#include "device/device.h"
#include "ops/ops.h"

enum clg_knob {
    CLG_KNOB_WAY, /* of the fused plan's launches, and where no finer knob says otherwise */
    /* Plans by the operations of a step's products: up to 2^18, 2^20, 2^22, 2^26, 2^30, and more.
     */
    CLG_KNOB_PLAN_256K,
    CLG_KNOB_PLAN_1M,
    CLG_KNOB_PLAN_4M,
    CLG_KNOB_PLAN_64M,
    CLG_KNOB_PLAN_1G,
    CLG_KNOB_PLAN_MORE,
    /* The register form. */
    CLG_KNOB_PANEL_FLOPS, /* products below it read B where it lies */
    CLG_KNOB_PANEL_DEPTH, /* rows of 32 floats at most */
    CLG_KNOB_GROUPS,      /* of a product with a panel, at least */
    CLG_KNOB_MANY_GROUPS, /* of one without, at least */
    CLG_KNOB_UNIT_GROUPS, /* a compute unit, at least */
    CLG_KNOB_HEAD_GROUPS, /* of the head, at least, where there are rows enough */
    CLG_KNOB_LEARN_JOBS,  /* about so many a layer */
    /* The local form's tile, by the operations of a product: up to 2^24, 2^29, and more. */
    CLG_KNOB_TILE_SMALL,
    CLG_KNOB_TILE_MEDIUM,
    CLG_KNOB_TILE_LARGE,
    /* Ways of single products, by form and operations. */
    CLG_KNOB_NN_SMALL,
    CLG_KNOB_NN_MEDIUM,
    CLG_KNOB_NN_LARGE,
    CLG_KNOB_NT_SMALL,
    CLG_KNOB_NT_MEDIUM,
    CLG_KNOB_NT_LARGE,
    CLG_KNOB_TN_SMALL,
    CLG_KNOB_TN_MEDIUM,
    CLG_KNOB_TN_LARGE,
    CLG_KNOBS
};

/* A word, and what it means to the launchers. */
struct clg_knob_value {
    const char *word;
    int64_t number;
};

struct clg_knob_row {
    const char *name, *about;
    const struct clg_knob_value *value; /* (values) */
    int values, fallback;               /* index of the default */
};
extern const struct clg_knob_row clg_knobs[CLG_KNOBS];

/* One value for each knob: 0 its default, else 1 + the index of the value. */
struct clg_tuning {
    unsigned char choice[CLG_DEVICE_KNOBS];
};

/* What the device's knob stands at. */
int64_t clg_knob(const clg_device *device, enum clg_knob knob);

/* ----------------------------------------------------- what launchers ask */

/* The numbers of the knobs about ways and tiles where they leave the choice to the launcher. */
enum { CLG_KNOB_AUTO = -1 };

/* The knob of a form's way for a product of M x N over K, and of its tile. */
enum clg_knob clg_way_knob(enum clg_form form, int M, int N, int K);
enum clg_knob clg_tile_knob(int M, int N, int K);

/* Which plan the knobs ask for where a step's products have so many operations; auto: none. */
enum clg_plan_choice clg_tuned_plan(const clg_device *device, double operations);

/* ------------------------------------------------------------------- text */

/* Room for any tuning's text. */
enum { CLG_TUNING_TEXT = 1024 };

/* "groups:16,plan-1m:fused", "none" where all is at its default. */
void clg_tuning_text(char out[CLG_TUNING_TEXT], const struct clg_tuning *tuning);

/* The other way round; CLG_EUSAGE names what is unknown.  *out is all defaults after a failure. */
clg_status clg_tuning_read(struct clg_tuning *out, const char *text);

/* ----------------------------------------------------------------- device */

struct clg_tuning clg_tuning_of(const clg_device *device);

/* Puts the device's knobs there, until the next clg_tuning_use. */
void clg_tuning_set(clg_device *device, const struct clg_tuning *tuning);

/* While held, clg_tuning_use and clg_tuning_know leave the knobs alone: tune tries values. */
void clg_tuning_hold(clg_device *device, int hold);

/* Takes what text says, "": what the record says.  For the start of a training. */
clg_status clg_tuning_use(clg_device *device, const char *text);

/* Takes what the record says where nothing is known yet. */
void clg_tuning_know(clg_device *device);

/* ----------------------------------------------------------------- record */

/* What a device's record under such a name has as its key in the cache: device, driver and every
 * kernel's source.  The caller frees it; NULL where there is no memory. */
char *clg_record_key(clg_device *device, const char *record);

/* All defaults where there is no record, or none to trust. */
struct clg_tuning clg_tuning_load(clg_device *device);

/* Keeps it, but for --no-cache; 1 where it can be read back. */
int clg_tuning_store(clg_device *device, const struct clg_tuning *tuning);

#endif
