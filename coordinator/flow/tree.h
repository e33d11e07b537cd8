/* The tasks of a flow in their order, those within others included, and which of them may name
 * outputs of which. Private to coordinator/flow. */
#ifndef CADRE_COORDINATOR_FLOW_TREE_H
#define CADRE_COORDINATOR_FLOW_TREE_H

#include "coordinator/flow/read.h"

/* Lays all tasks of the flow into flow->tasks, without reading more than their place and their
 * line: `tasks`, then `errors`, then `finally`, each task before those that it holds. Fills the
 * reader's places, task_ids, task_outputs and inner_ids. What is wrong with the lists themselves is
 * reported. */
void tree_lay(const struct node *flow);

/* What the texts of the task of that index may name; task_count: those of the flow's outputs. It
 * lasts until the next call. */
struct expr_scope tree_scope(struct reader *r, size_t index);
/* The same for what an iteration of that Loop leaves when its tasks have ended. */
struct expr_scope tree_scope_at_end(struct reader *r, size_t index);

/* "task both: then[0].": a task's place before its id is known. */
void tree_place(const struct reader *r, size_t index, char *out, size_t size);

#endif
