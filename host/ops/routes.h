/* The ways that a matrix product can take on a device, which of them verification found wrong
 * there, and which operations are wrong by every way.  The findings are kept beside the program
 * binaries, for each device, driver and version of the kernels, until a full verification finds
 * nothing. */
#ifndef CLG_OPS_ROUTES_H
#define CLG_OPS_ROUTES_H

#include "ops/matmul.h"

enum clg_way { CLG_WAY_REGISTER, CLG_WAY_LOCAL, CLG_WAY_CLBLAST, CLG_WAYS };
extern const char *const clg_way_names[CLG_WAYS];

/* The forms of the kernels by which the fused and the resident plan run. */
enum clg_plan_form {
    CLG_FORM_FUSED_REGISTER,
    CLG_FORM_FUSED_LOCAL,
    CLG_FORM_SPAN_ITEM,
    CLG_FORM_SPAN_GROUP,
    CLG_PLAN_FORMS
};
extern const char *const clg_plan_form_names[CLG_PLAN_FORMS];

/* What verification found. */
struct clg_routes {
    unsigned failed;       /* 1 << way for each way that gave a wrong product */
    unsigned failed_forms; /* 1 << form for each form of a plan that did something wrong */
    char operations[256]; /* wrong by the way that training takes, ", " between; "" for none */
};

/* Whether the device and this build know the way. */
int clg_way_exists(const clg_device *device, enum clg_way way);

/* The way that the products take: what --matmul says, and of the native forms the one that suits
 * the device; another where that is known to be wrong and there is one that is not.  Under --matmul
 * native another native form, under auto CLBlast as well. */
enum clg_way clg_way_of(clg_device *device);

/* Whether the form of the fused or the resident plan that the device would take is known to be
 * wrong; --plan auto then takes another plan. */
int clg_fused_is_wrong(clg_device *device);
int clg_span_is_wrong(clg_device *device);

/* Verification runs each way by itself; way CLG_WAYS ends that. */
void clg_way_force(clg_device *device, enum clg_way way);

/* Adds a name to the operations found wrong, once. */
void clg_routes_add(struct clg_routes *found, const char *operation);

/* Keeps what was found on the device, in memory and, but for --no-cache, in its record.  full 1: in
 * place of what was known; 0: beside it.  A record that cannot be written is only a cache's. */
void clg_routes_remember(clg_device *device, const struct clg_routes *found, int full);

/* What is known of the device. */
struct clg_routes clg_routes_of(clg_device *device);

/* The way of one product: the knob of its form and size (tuning.h) where that is trusted, else
 * clg_way_of. */
enum clg_way clg_way_for(clg_device *device, enum clg_form form, int M, int N, int K);

/* What training has to say of it, in one line: the ways and plans that are avoided, what is taken
 * in their place, and what is wrong by every way.  "" where there is nothing. */
void clg_routes_text(char *out, size_t size, clg_device *device);

#endif
