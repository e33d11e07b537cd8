/* Ten thousand schedules that are due in the same second: what a batch does is bounded, and others
 * are not kept waiting. Counted, not timed. */
#include "flow_world.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/schedule.h"
#include "coordinator/flow/flow.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define FLOWS 100
#define SCHEDULES (FLOWS * FLOW_TRIGGERS_MAX)
#define FIRED_MOST 200
#define PLANNED_MOST 500
#define DAY (INT64_C(24) * 60 * 60 * 1000)

static struct {
    int64_t turns, searches, executions;
} made;

void __real_schedule_on_timer(struct engine *g, struct trigger *t);
void __wrap_schedule_on_timer(struct engine *g, struct trigger *t);
void __wrap_schedule_on_timer(struct engine *g, struct trigger *t)
{
    made.turns++;
    __real_schedule_on_timer(g, t);
}

enum schedule_found __real_flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                              int64_t after_s, int64_t *out_s);
enum schedule_found __wrap_flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                              int64_t after_s, int64_t *out_s);
enum schedule_found __wrap_flow_schedule_next(const struct flow_schedule *s, const struct zone *z,
                                              int64_t after_s, int64_t *out_s)
{
    made.searches++;
    return __real_flow_schedule_next(s, z, after_s, out_s);
}

int __real_store_execution_insert(struct store *s, const struct execution_row *x, struct err *e);
int __wrap_store_execution_insert(struct store *s, const struct execution_row *x, struct err *e);
int __wrap_store_execution_insert(struct store *s, const struct execution_row *x, struct err *e)
{
    made.executions++;
    return __real_store_execution_insert(s, x, e);
}

static void apply_all(struct world *w)
{
    struct buf b;
    char id[16];
    for (int n = 0; n < FLOWS; n++) {
        buf_init(&b, 1u << 20);
        str_format(id, sizeof id, "f%d", n);
        buf_addf(&b,
                 "id: %s\nnamespace: a.b\n"
                 "tasks: [{id: t, type: io.kestra.plugin.core.log.Log, message: x}]\n"
                 "triggers:\n",
                 id);
        for (int i = 0; i < FLOW_TRIGGERS_MAX; i++)
            buf_addf(&b, "  - {id: t%d, cron: '0 0 * * *'}\n", i);
        world_apply_flow(w, b.data);
        buf_fini(&b);
    }
}

static void midnight__takes_several_batches(void **state)
{
    struct world *w = *state;
    if (time_parse("2026-01-01T12:00:00Z", &w->now.wall_ms)) fail();
    w->config.retention_ms = 30 * DAY;
    world_restart(w);
    struct hand h = hand_open(w, "a", NULL, 4);
    apply_all(w);
    world_restart(w);
    /* planned */
    int batches = 0;
    for (made.searches = 1; made.searches > 0 && batches < 1000; batches++) {
        made.searches = 0;
        world_pass(w, 1 + 20 * (batches > 0));
        world_tick(w);
        assert_in_range(made.searches, 0, PLANNED_MOST);
    }
    printf("# planned in %d batches\n", batches);
    assert_in_range(batches, SCHEDULES / PLANNED_MOST, SCHEDULES / FIRED_MOST + 2);
    /* due */
    hand_reopen(&h);
    world_pass(w, DAY - w->now.wall_ms % DAY);
    int64_t fired = 0, turns = 0;
    for (batches = 0; fired < SCHEDULES && batches < 1000; batches++) {
        made.executions = made.turns = 0;
        world_pass(w, 20);
        world_begin(w);
        world_apply(w, cmd_heard(h.agent));
        struct command *c = cmd_submit(w, NULL, NULL);
        world_apply(w, c);
        assert_int_equal(world_commit(w), 0);
        /* beside them a job leaves in the batch in which it was submitted */
        if (batches < 4) assert_non_null(world_effect(w, EFFECT_JOB));
        assert_in_range(made.executions, 0, FIRED_MOST);
        fired += made.executions;
        turns += made.turns;
        if (batches > 0) assert_in_range(made.turns, 0, 2 * FIRED_MOST);
    }
    printf("# fired in %d batches, with %lld turns\n", batches, (long long)turns);
    assert_int_equal(fired, SCHEDULES);
    assert_in_range(batches, SCHEDULES / FIRED_MOST, 2 * SCHEDULES / FIRED_MOST);
    assert_in_range(turns, SCHEDULES, 3 * SCHEDULES);
    made.executions = 0;
    world_live(w, 60000);
    assert_int_equal(made.executions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(midnight__takes_several_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
