/* Before the first step: settings from the configuration, everything on the device in one budget,
 * and the plan that turns steps into launches. */
#include "train/loop.h"

#include "core/memory.h"
#include "core/text.h"
#include "ops/tuning.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Times that a run looks at its layers: beyond as many epochs it does so at regular distances. */
enum { MOST_FIGURES = 256 };

void clg_loop_say(const struct clg_loop *loop, const char *format, ...)
{
    char line[256];
    va_list arguments;
    if (!loop->hooks.log)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    loop->hooks.log(loop->hooks.user, line);
}

uint64_t clg_epoch_steps(int *batch, const clg_config *config, size_t rows)
{
    int64_t asked = clg_config_is(config, "batch", "full") ? (int64_t)rows
                                                           : clg_config_integer(config, "batch");
    if (asked > (int64_t)rows)
        asked = (int64_t)rows;
    *batch = (int)asked;
    return (rows + (uint64_t)asked - 1) / (uint64_t)asked;
}

/* Batch, epochs, steps and periods from the configuration. */
static clg_status read_settings(struct clg_loop *loop)
{
    const clg_config *config = loop->net->config;
    const clg_config *run = loop->run ? loop->run->config : config;
    const char *save = clg_config_get(run, "save-every");
    struct clg_run_state state;
    clg_state_clear(&state);
    loop->epoch_steps = clg_epoch_steps(&loop->batch, config, loop->rows);
    /* the order within a batch that holds every row makes no difference */
    loop->shuffle = !clg_config_switch(config, "no-shuffle") && (size_t)loop->batch < loop->rows;
    CLG_TRY(clg_state_extent(&loop->steps, &loop->epochs,
                             loop->resumed ? &loop->run->state : &state, config,
                             loop->resumed ? loop->net->step : 0,
                             loop->resumed ? loop->net->epoch : 0, loop->epoch_steps));
    loop->figures_every = (loop->epochs + MOST_FIGURES - 1) / MOST_FIGURES;
    if (clg_config_is_set(config, "patience"))
        loop->patience = (int)clg_config_integer(config, "patience");
    if (clg_config_is_set(run, "log-every"))
        loop->log_every = (uint64_t)clg_config_integer(run, "log-every");
    double period = 0;
    const char *unit = clg_read_number_at(&period, save);
    if (unit && *unit == 's')
        loop->save_seconds = period;
    else
        loop->save_steps = (uint64_t)period;
    return clg_schedule_begin(&loop->schedule, config, loop->epochs);
}

void clg_loop_end(struct clg_loop *loop)
{
    clg_throttle_end(&loop->throttle);
    clg_teacher_clear(&loop->teacher);
    clg_engine_destroy(loop->engine);
    clg_figures_release(&loop->figures);
    clg_resident_release(&loop->data);
    clg_resident_release(&loop->val);
    free(loop->ended);
    free(loop->rates);
}

/* All device memory in one plan: network, training data, validation data. */
static clg_status make_resident(struct clg_loop *loop, const clg_dataset *data,
                                const clg_dataset *val)
{
    struct clg_plan plan;
    int room = loop->batch;
    clg_plan_begin(&plan, loop->device);
    CLG_TRY(clg_resident_plan(&loop->data, &plan, data, loop->net, loop->shuffle, "training data"));
    if (val) {
        CLG_TRY(clg_resident_plan(&loop->val, &plan, val, loop->net, 0, "validation data"));
        if (clg_evaluation_batch(val->rows) > room)
            room = clg_evaluation_batch(val->rows);
    }
    CLG_TRY(clg_engine_plan(&loop->engine, &plan, loop->net, room, 1));
    CLG_TRY(clg_teacher_plan(&loop->teacher, &plan, room));
    if (loop->run)
        CLG_TRY(clg_figures_plan(&loop->figures, &plan, loop->net));
    const struct clg_resident_share shares[] = {{&loop->data, data, loop->net, loop->batch},
                                                {&loop->val, val, loop->net, room}};
    clg_resident_fit(&plan, shares, val ? 2 : 1);
    if (loop->data.part)
        clg_loop_say(loop,
                     "%s: larger than the device's memory allows, it streams in parts of %zu rows",
                     data->source, loop->data.part);
    CLG_TRY(clg_loop_commit(&plan, loop, data, val));
    CLG_TRY(clg_engine_attach(loop->engine));
    CLG_TRY(clg_teacher_attach(&loop->teacher, &loop->engine->x));
    CLG_TRY(clg_engine_push(loop->engine));
    CLG_TRY(clg_resident_upload(&loop->data, data, loop->net));
    return val ? clg_resident_upload(&loop->val, val, loop->net) : CLG_OK;
}

/* Spans where the device's plan allows them and nothing speaks against them. */
static clg_status choose_plan(struct clg_loop *loop)
{
    struct clg_engine *engine = loop->engine;
    const enum clg_plan_choice wanted = loop->device->plan;
    const char *against = NULL;
    if (loop->device->kind == CLG_REFERENCE ||
        (wanted != CLG_CHOOSE_AUTO && wanted != CLG_CHOOSE_RESIDENT))
        return CLG_OK;
    if (loop->data.part)
        against = "the data set is larger than the device's memory allows";
    else if (loop->teacher.net)
        against = "a teacher's logits are needed at every step";
    else
        against = clg_engine_refuses_spans(engine, &loop->data.rows, loop->batch);
    if (against && wanted == CLG_CHOOSE_RESIDENT)
        return clg_fail(CLG_EUSAGE, "--plan resident: %s; use auto, fused or plain", against);
    if (against)
        return CLG_OK;
    engine->plan_kind = CLG_PLAN_RESIDENT;
    loop->step_seconds = clg_span_step_seconds(engine, loop->batch);
    CLG_TRY(clg_alloc(&loop->rates, CLG_LOOP_RATES, sizeof *loop->rates, "learning rates"));
    return clg_alloc(&loop->ended, CLG_SPAN_EPOCHS, sizeof *loop->ended, "the epochs of a span");
}

/* Step 0 and moments of zero, whatever the network went through before. */
static clg_status begin_anew(struct clg_loop *loop)
{
    struct clg_net *net = loop->net;
    net->step = 0;
    net->epoch = 0;
    for (int s = 0; s < clg_opt_slots(net->opt); s++) {
        assert(net->slot[s]);
        memset(net->slot[s], 0, net->count * sizeof *net->slot[s]);
        CLG_TRY(clg_buf_zero(&loop->engine->slot[s]));
    }
    return CLG_OK;
}

clg_status clg_loop_begin(struct clg_loop *loop, const clg_dataset *data, const clg_dataset *val)
{
    CLG_TRY(clg_check_trainable(loop->net, data));
    if (val)
        CLG_TRY(clg_check_trainable(loop->net, val));
    if (loop->run && loop->run->resumed)
        CLG_TRY(clg_loop_prepare_resume(loop));
    CLG_TRY(read_settings(loop));
    CLG_TRY(clg_teacher_load(&loop->teacher, loop->net));
    loop->progress = (struct clg_progress){.epochs = loop->epochs,
                                           .steps = loop->steps,
                                           .epoch_steps = loop->epoch_steps,
                                           .loss = (double)NAN,
                                           .accuracy = (double)NAN,
                                           .val_loss = (double)NAN,
                                           .val_accuracy = (double)NAN,
                                           .cost = (double)NAN};
    loop->last = (struct clg_state_figures){NAN, NAN, NAN, NAN, NAN};
    const clg_config *config = loop->run ? loop->run->config : loop->net->config;
    CLG_TRY(clg_tuning_use(loop->device, clg_config_get(config, "tuned")));
    CLG_TRY(make_resident(loop, data, val));
    loop->best.loss = INFINITY;
    CLG_TRY(loop->resumed ? clg_loop_restore(loop) : begin_anew(loop));
    CLG_TRY(choose_plan(loop));
    if (loop->run)
        CLG_TRY(clg_run_begin(loop->run));
    CLG_TRY(clg_run_record_plan(loop->run, loop->engine, &loop->hooks));
    loop->started = loop->last_save = loop->last_progress = clg_clock();
    clg_throttle_begin(&loop->throttle, loop->device);
    return CLG_OK;
}
