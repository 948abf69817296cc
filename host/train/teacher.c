/* A teacher: a trained network on the same device, run over the batches of the one that learns. */
#include "train/teacher.h"

#include <string.h>

static clg_status check_fit(const struct clg_net *teacher, const struct clg_net *net,
                            const char *path)
{
    if (net->loss != CLG_CE)
        return clg_fail(CLG_EUSAGE, "--teacher: needs --loss ce, not %s",
                        clg_loss_names[net->loss]);
    if (teacher->layer[teacher->layers - 1].act.kind != CLG_SOFTMAX)
        return clg_fail(CLG_EDATA, "%s: this teacher's output is not softmax", path);
    if (clg_net_inputs(teacher) != clg_net_inputs(net) ||
        clg_net_outputs(teacher) != clg_net_outputs(net))
        return clg_fail(CLG_EDATA, "%s: the teacher takes %d inputs to %d classes, and the network "
                                   "%d to %d",
                        path, clg_net_inputs(teacher), clg_net_outputs(teacher),
                        clg_net_inputs(net), clg_net_outputs(net));
    size_t size = net->normalise.features * sizeof *net->normalise.scale;
    if (memcmp(teacher->normalise.scale, net->normalise.scale, size) != 0 ||
        memcmp(teacher->normalise.shift, net->normalise.shift, size) != 0)
        return clg_fail(CLG_EDATA, "%s: the teacher was trained on other data or another "
                                   "--normalize (%s), and shares the network's inputs",
                        path, teacher->normalise.kind);
    return CLG_OK;
}

clg_status clg_teacher_load(struct clg_teacher *teacher, const struct clg_net *net)
{
    const char *path = clg_config_get(net->config, "teacher");
    memset(teacher, 0, sizeof *teacher);
    if (!*path)
        return CLG_OK;
    CLG_TRY(clg_net_load(&teacher->net, path, NULL));
    clg_status status = check_fit(teacher->net, net, path);
    if (status != CLG_OK)
        clg_teacher_clear(teacher);
    return status;
}

clg_status clg_teacher_plan(struct clg_teacher *teacher, struct clg_plan *plan, int max_batch)
{
    return teacher->net ? clg_engine_plan(&teacher->engine, plan, teacher->net, max_batch, 0)
                        : CLG_OK;
}

clg_status clg_teacher_attach(struct clg_teacher *teacher, const struct clg_buf *input)
{
    if (!teacher->net)
        return CLG_OK;
    CLG_TRY(clg_engine_attach(teacher->engine));
    teacher->engine->input = input;
    return clg_engine_push(teacher->engine);
}

clg_status clg_teacher_fwd(struct clg_teacher *teacher, const struct clg_buf **z, int B)
{
    *z = NULL;
    if (!teacher->net)
        return CLG_OK;
    CLG_TRY(clg_engine_fwd(teacher->engine, B, 0));
    *z = &teacher->engine->layer[teacher->engine->layers - 1].z;
    return CLG_OK;
}

void clg_teacher_clear(struct clg_teacher *teacher)
{
    clg_engine_destroy(teacher->engine);
    clg_net_destroy(teacher->net);
    teacher->engine = NULL;
    teacher->net = NULL;
}
