/* Flows in a world: short ways to apply them, run them, and be the agent that does their work. */
#ifndef CADRE_TESTS_FLOW_WORLD_H
#define CADRE_TESTS_FLOW_WORLD_H

#include "engine_world.h"

/* Of flows in texts. */
#define CORE_FLOW "io.kestra.plugin.core.flow."
#define LOG_TASK(id) "{id: " id ", type: io.kestra.plugin.core.log.Log, message: x}"
#define TRUE_TASK(id) "{id: " id ", command: [\"true\"]}"

/* An agent in the test's hands: it numbers its events itself. */
struct hand {
    struct world *w;
    int64_t agent, seq;
    uint64_t session;
    const char *group;
};
struct hand hand_open(struct world *w, const char *name, const char *group, int64_t slots);
void hand_reopen(struct hand *h); /* after a crash or restart of the coordinator */
/* The job handed out in the last batch to this agent; 0: none. */
int64_t hand_job(const struct hand *h);
void hand_start(struct hand *h, int64_t job);
/* Ends it; outputs: JSON text or NULL. */
void hand_success(struct hand *h, int64_t job, const char *outputs);
void hand_exit(struct hand *h, int64_t job, int64_t code); /* FAILED with this code, not 0 */
void hand_killed(struct hand *h, int64_t job);
/* The job of the last run of the task ends, with this code. */
void hand_end_task(struct hand *h, int64_t execution, const char *task, int64_t code);
void hand_crash(struct hand *h); /* of the coordinator: the agent comes back at once */

struct command *cmd_apply(struct world *w, const char *source);
void cmd_apply_more(struct command *c, const char *name, const char *source);
/* Has to succeed. The flow is ns.id of the source. */
void world_apply_flow(struct world *w, const char *source);
struct command *cmd_place(struct world *w, enum command_type type, const char *flow,
                          const char *trigger); /* in namespace a.b */
struct command *cmd_start(struct world *w, const char *flow, const char *inputs);
int64_t world_start(struct world *w, const char *flow, const char *inputs); /* has to succeed */
/* Applies the flow a.b.f, of which these are the keys besides id and namespace, and starts it. */
int64_t world_run(struct world *w, const char *rest);
void world_cancel(struct world *w, int64_t execution);

struct execution_row world_execution(struct world *w, int64_t id); /* execution_row_fini */
const char *world_execution_state(struct world *w, int64_t id);
void world_assert_state(struct world *w, int64_t id, const char *state);
struct execution_row world_shown(struct world *w, int64_t id); /* as people see it */
int64_t world_execution_job(struct world *w, int64_t id);      /* one that is open; 0: none */
/* Its task runs, "NUMBER TASK STATE PARENT" a line; mem_free. */
char *world_runs(struct world *w, int64_t id);
void world_assert_runs(struct world *w, int64_t id, const char *expected);
/* Of the last run of the task, which has to have one. */
int64_t world_task_job(struct world *w, int64_t id, const char *task);
int world_run_count(struct world *w, int64_t id);
struct trigger_row world_trigger(struct world *w, const char *flow, const char *name);
/* The evaluation under way; 0: none. */
int64_t world_evaluation(struct world *w, const char *flow, const char *name);
/* How many executions of the flow there are, and in *last the newest. */
int world_executions(struct world *w, const char *flow, int64_t *last);

#endif
