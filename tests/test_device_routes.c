/* What verification found wrong on a device: kept between two openings of it, forgotten by a full
 * set that passes, never read under --no-cache; and the choice that follows from it. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include "net/net.h"
#include "ops/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clg_config *config;
static clg_device *device;

static void open_with(const char *key, const char *value)
{
    clg_device_close(device);
    ck_ok(clg_config_set(config, key, value));
    ck_ok(clg_device_open(&device, getenv("CLGRAD_TEST_DEVICE"), config));
}

static void remember(unsigned failed, const char *operation, int full)
{
    struct clg_routes found = {.failed = failed};
    if (operation)
        clg_routes_add(&found, operation);
    clg_routes_remember(device, &found, full);
}

START_TEST(findings_are_added_once)
{
    struct clg_routes found = {0};
    clg_routes_add(&found, "grad");
    clg_routes_add(&found, "update");
    clg_routes_add(&found, "grad");
    clg_routes_add(&found, "gradient");
    ck_assert_str_eq(found.operations, "grad, update, gradient");
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "operation_%d", i);
        clg_routes_add(&found, name);
    }
    ck_assert_uint_lt(strlen(found.operations), sizeof found.operations);
}
END_TEST

START_TEST(record_lasts_until_a_full_set_passes)
{
    char text[1024];
    open_with("no-cache", "false");
    remember(0, NULL, 1);
    clg_routes_text(text, sizeof text, device);
    ck_assert_str_eq(text, "");
    remember(1u << CLG_WAY_CLBLAST, "loss_fwd", 0);
    open_with("no-cache", "false");
    struct clg_routes known = clg_routes_of(device);
    ck_assert_uint_eq(known.failed, 1u << CLG_WAY_CLBLAST);
    ck_assert_str_eq(known.operations, "loss_fwd");
    clg_routes_text(text, sizeof text, device);
    ck_assert_msg(strstr(text, "failed verification of loss_fwd"), "\"%s\"", text);
    remember(0, "score", 0); /* beside what is known */
    open_with("no-cache", "false");
    known = clg_routes_of(device);
    ck_assert_str_eq(known.operations, "score, loss_fwd");
    remember(0, NULL, 1);
    open_with("no-cache", "false");
    known = clg_routes_of(device);
    ck_assert_uint_eq(known.failed, 0);
    ck_assert_str_eq(known.operations, "");
}
END_TEST

START_TEST(products_take_a_way_that_is_right)
{
    char text[1024];
    open_with("no-cache", "false");
    remember(0, NULL, 1);
    const enum clg_way first = clg_way_of(device);
    ck_assert_int_ne(first, CLG_WAY_CLBLAST);
    const enum clg_way other = first == CLG_WAY_LOCAL ? CLG_WAY_REGISTER : CLG_WAY_LOCAL;
    remember(1u << first, NULL, 1);
    open_with("no-cache", "false");
    if (clg_way_exists(device, other)) {
        ck_assert_int_eq(clg_way_of(device), other);
        clg_routes_text(text, sizeof text, device);
        ck_assert_msg(strstr(text, clg_way_names[other]), "\"%s\"", text);
    }
    clg_way_force(device, first); /* as verification does */
    ck_assert_int_eq(clg_way_of(device), first);
    clg_way_force(device, CLG_WAYS);
    open_with("no-cache", "true");
    ck_assert_int_eq(clg_way_of(device), first);
    open_with("no-cache", "false");
    remember((1u << CLG_WAYS) - 1, NULL,
             1); /* nothing is right: trains all the same, and says so */
    ck_assert_int_eq(clg_way_of(device), first);
    clg_routes_text(text, sizeof text, device);
    ck_assert_msg(strstr(text, "by every route"), "\"%s\"", text);
    remember(0, NULL, 1);
    clg_routes_text(text, sizeof text, device);
    ck_assert_str_eq(text, "");
}
END_TEST

/* The plan that a small network trains by under --plan auto. */
static enum clg_plan_kind plan_of(const clg_dataset *data)
{
    clg_config *options;
    struct clg_plan plan;
    struct clg_resident resident = {.has_perm = 0};
    clg_net *net;
    clg_engine *engine;
    ck_ok(clg_config_create(&options));
    ck_ok(clg_config_set(options, "layers", "3"));
    ck_ok(clg_config_set(options, "batch", "4"));
    ck_ok(clg_net_create(&net, options, data));
    clg_plan_begin(&plan, device);
    ck_ok(clg_resident_plan(&resident, &plan, data, net, 1, "test"));
    ck_ok(clg_plan_commit(&plan));
    ck_ok(clg_engine_create(&engine, device, net, 4, 1));
    const int spans =
        device->plan == CLG_CHOOSE_AUTO && !clg_engine_refuses_spans(engine, &resident.rows, 4);
    const enum clg_plan_kind kind = spans ? CLG_PLAN_RESIDENT : engine->plan_kind;
    clg_engine_destroy(engine);
    clg_resident_release(&resident);
    clg_net_destroy(net);
    clg_config_destroy(options);
    return kind;
}

static void remember_forms(unsigned forms)
{
    const struct clg_routes found = {.failed_forms = forms};
    clg_routes_remember(device, &found, 1);
    open_with("no-cache", "false");
}

/* Resident, then fused, then plain: each where the one before is known to be wrong. */
START_TEST(plans_that_are_wrong_are_avoided)
{
    static const float x[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const int32_t labels[] = {0, 1, 0, 1, 0, 1, 0, 1, 0, 1};
    clg_dataset *data;
    char text[1024];
    open_with("no-cache", "false");
    ck_ok(clg_dataset_from_arrays(&data, x, 10, 1, labels, 2, NULL, 0));
    const unsigned span =
        1u << (device->local_is_dedicated ? CLG_FORM_SPAN_GROUP : CLG_FORM_SPAN_ITEM);
    const unsigned fused = 1u << (clg_way_of(device) == CLG_WAY_LOCAL ? CLG_FORM_FUSED_LOCAL
                                                                      : CLG_FORM_FUSED_REGISTER);
    remember_forms(0);
    ck_assert_int_eq(plan_of(data), CLG_PLAN_RESIDENT);
    remember_forms(span);
    ck_assert_int_eq(plan_of(data), CLG_PLAN_FUSED);
    clg_routes_text(text, sizeof text, device);
    ck_assert_msg(strstr(text, "the resident plan, which --plan auto avoids"), "\"%s\"", text);
    remember_forms(span | fused);
    ck_assert_int_eq(plan_of(data), CLG_PLAN_PLAIN);
    clg_routes_text(text, sizeof text, device);
    ck_assert_msg(strstr(text, "the fused plan, which --plan auto avoids"), "\"%s\"", text);
    ck_assert_ptr_null(strchr(text, '\n'));
    open_with("plan", "fused"); /* what is asked for is taken */
    ck_assert_int_eq(plan_of(data), CLG_PLAN_FUSED);
    open_with("plan", "auto");
    remember_forms(~(span | fused) & ((1u << CLG_PLAN_FORMS) - 1)); /* other forms' faults */
    ck_assert_int_eq(plan_of(data), CLG_PLAN_RESIDENT);
    open_with("no-cache", "true");
    ck_assert_int_eq(plan_of(data), CLG_PLAN_RESIDENT);
    open_with("no-cache", "false");
    remember_forms(0);
    clg_dataset_destroy(data);
}
END_TEST

static void begin(void)
{
    char cache[4096];
    snprintf(cache, sizeof cache, "%s/cache", harness_folder());
    ck_assert_int_eq(setenv("CLGRAD_CACHE", cache, 1), 0);
    ck_ok(clg_config_create(&config));
}

static void end(void)
{
    clg_device_close(device);
    device = NULL;
    clg_config_destroy(config);
}

int main(void)
{
    clg_device_close(harness_device()); /* or there is none: skipped */
    Suite *suite = suite_create("routes");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_test(all, findings_are_added_once);
    tcase_add_test(all, record_lasts_until_a_full_set_passes);
    tcase_add_test(all, products_take_a_way_that_is_right);
    tcase_add_test(all, plans_that_are_wrong_are_avoided);
    suite_add_tcase(suite, all);
    return harness_run(suite);
}
