/* Distillation's teacher (Hinton, Vinyals, Dean: Distilling the knowledge in a neural network,
 * 2015): its logits enter the loss of the network that learns (struct clg_loss_spec). */
#ifndef CLG_TRAIN_TEACHER_H
#define CLG_TRAIN_TEACHER_H

#include "net/net.h"

struct clg_teacher {
    struct clg_net *net; /* NULL: no teacher, and all of these do nothing */
    struct clg_engine *engine;
};

/* Loads the model that net's config names and checks that it fits. */
clg_status clg_teacher_load(struct clg_teacher *teacher, const struct clg_net *net);
clg_status clg_teacher_plan(struct clg_teacher *teacher, struct clg_plan *plan, int max_batch);

/* After the commit: its input is the batch of the network that learns. */
clg_status clg_teacher_attach(struct clg_teacher *teacher, const struct clg_buf *input);

/* Enqueue: its forward pass; *z its logits, NULL where there is no teacher. */
clg_status clg_teacher_fwd(struct clg_teacher *teacher, const struct clg_buf **z, int B);
void clg_teacher_clear(struct clg_teacher *teacher);

#endif
