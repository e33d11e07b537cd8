/* Triggers that fire at the end of executions are found by what they listen to. What an end costs
 * is counted, not timed. */
#include "flow_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/flow.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_trigger.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

#define ENDS "tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: hello}]\n"
#define WAITS "workerGroup: {key: idle}\ntasks: [{id: work, command: [work]}]\n"

#define KESTRA "type: io.kestra.plugin.core.trigger.Flow"
#define IN(ns)                                                                                     \
    KESTRA ", conditions: [{type: io.kestra.plugin.core.condition.ExecutionNamespace, "            \
           "namespace: " ns "}]"
#define BEGINS(ns) IN(ns ", prefix: true")

static int looks;

const struct flow *__real_flow_present(struct engine *g, struct flow_entry *f);
const struct flow *__wrap_flow_present(struct engine *g, struct flow_entry *f);
const struct flow *__wrap_flow_present(struct engine *g, struct flow_entry *f)
{
    looks++;
    return __real_flow_present(g, f);
}

static void apply(struct world *w, const char *ns, const char *id, const char *tasks,
                  const char *listens)
{
    char *triggers = listens ? str_dupf("triggers: [{id: t, %s}]\n", listens) : NULL;
    char *source = str_dupf("id: %s\nnamespace: %s\n%s%s", id, ns, tasks, triggers ? triggers : "");
    world_apply_flow(w, source);
    mem_free(source);
    mem_free(triggers);
}

static void run(struct world *w, const char *ns, const char *id)
{
    struct command *c = cmd_start(w, id, NULL);
    mem_free(c->u.start.ns);
    c->u.start.ns = mem_strdup(ns);
    assert_int_equal(world_do(w, c), 0);
    if (world_reply(w)->rc) fail_msg("%s", err_text(&world_reply(w)->err));
    world_live(w, 10);
}

static int64_t fired(struct world *w, const char *ns, const char *id)
{
    struct trigger_row t = {0};
    struct reader *r;
    struct err e = {0};
    assert_int_equal(world_reader(w, &r, &e), 0);
    if (reader_trigger(r, ns, id, "t", &t, &e)) fail_msg("%s/%s: %s", ns, id, err_text(&e));
    reader_close(r);
    int64_t n = t.fired;
    trigger_row_fini(&t);
    return n;
}

static void an_end__does_not_look_at_those_of_other_flows(void **state)
{
    struct world *w = *state;
    world_group(w, "idle", NULL);
    apply(w, "a.b", "one", ENDS, NULL);
    apply(w, "a.b", "next", WAITS, "flow: {id: one, namespace: a.b}");
    for (int n = 0; n < 300; n++) {
        char id[16], listens[200];
        str_format(id, sizeof id, "f%d", n);
        str_format(listens, sizeof listens,
                   n % 3 == 0   ? "flow: {id: other%d, namespace: a.b}"
                   : n % 3 == 1 ? "flow: {id: one, namespace: a.c%d}"
                                : BEGINS("a.b%d"),
                   n);
        apply(w, "x.y", id, WAITS, listens);
    }
    world_restart(w);
    run(w, "a.b", "one"); /* reads them */
    looks = 0;
    run(w, "a.b", "one");
    int some = looks;
    printf("# flows that an execution looked at: %d beside 300 that listen to others\n", some);
    assert_in_range(some, 1, 12);
    assert_int_equal(fired(w, "a.b", "next"), 2);
}

static void each_place__is_found(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *listens;
        int fires[4]; /* at the end of a/one, a.b/one, a.b/two, a.bc.d/one */
    } cases[] = {
        {KESTRA ", states: [SUCCESS]", {1, 1, 1, 1}},
        {"flow: {id: one, namespace: a.b}", {0, 1, 0, 0}},
        {"flow: {id: two, namespace: a.b}", {0, 0, 1, 0}},
        {"flow: {id: one, namespace: a.bc}", {0, 0, 0, 0}},
        {IN("a.b"), {0, 1, 1, 0}},
        {IN("a"), {1, 0, 0, 0}},
        {IN("a.bc"), {0, 0, 0, 0}},
        {BEGINS("a"), {1, 1, 1, 1}},
        {BEGINS("a.b"), {0, 1, 1, 1}},
        {BEGINS("a.b."), {0, 0, 0, 0}},
        {BEGINS("a.bc"), {0, 0, 0, 1}},
        {BEGINS("a.bc.d"), {0, 0, 0, 1}},
        {BEGINS("b"), {0, 0, 0, 0}},
    };
    static const char *const ended[4][2] = {{"a", "one"},
                                            {"a.b", "one"},
                                            {"a.b", "two"},
                                            {"a.bc.d", "one"}};
    size_t count = sizeof cases / sizeof *cases;
    char id[16];
    int64_t expected[sizeof cases / sizeof *cases] = {0};
    world_group(w, "idle", NULL);
    for (size_t i = 0; i < 4; i++)
        apply(w, ended[i][0], ended[i][1], ENDS, NULL);
    for (size_t i = 0; i < count; i++) {
        str_format(id, sizeof id, "f%zu", i);
        apply(w, "x", id, WAITS, cases[i].listens);
    }
    for (size_t n = 0; n < 4; n++) {
        if (n == 2) world_crash(w);
        run(w, ended[n][0], ended[n][1]);
        for (size_t i = 0; i < count; i++) {
            str_format(id, sizeof id, "f%zu", i);
            expected[i] += cases[i].fires[n];
            if (fired(w, "x", id) != expected[i])
                fail_msg("%s, at the end of %s/%s: %lld", cases[i].listens, ended[n][0],
                         ended[n][1], (long long)fired(w, "x", id));
        }
    }
}

static void a_new_revision__listens_to_what_it_says(void **state)
{
    struct world *w = *state;
    world_group(w, "idle", NULL);
    apply(w, "a.b", "one", ENDS, NULL);
    apply(w, "a.b", "two", ENDS, NULL);
    apply(w, "x", "l", WAITS, "flow: {id: one, namespace: a.b}");
    apply(w, "x", "m", WAITS,
          "flow: {id: one, namespace: a.b}"); /* in the same place, and stays there */
    run(w, "a.b", "one");
    assert_int_equal(fired(w, "x", "l"), 1);
    apply(w, "x", "l", WAITS, "flow: {id: two, namespace: a.b}");
    run(w, "a.b", "one");
    assert_int_equal(fired(w, "x", "l"), 1);
    run(w, "a.b", "two");
    assert_int_equal(fired(w, "x", "l"), 2);
    apply(w, "x", "l", WAITS, NULL);
    run(w, "a.b", "two");
    apply(w, "x", "l", WAITS, "flow: {id: one, namespace: a.b}"); /* another of that name */
    run(w, "a.b", "one");
    assert_int_equal(fired(w, "x", "l"), 1);
    assert_int_equal(fired(w, "x", "m"), 3);
}

static void a_flow_that_is_deleted__listens_to_nothing(void **state)
{
    struct world *w = *state;
    world_group(w, "idle", NULL);
    apply(w, "a.b", "one", ENDS, NULL);
    apply(w, "a.b", "l", WAITS, "flow: {id: one, namespace: a.b}");
    apply(w, "a.b", "m", WAITS, "flow: {id: one, namespace: a.b}");
    apply(w, "a.b", "n", WAITS, "flow: {id: one, namespace: a.b}");
    run(w, "a.b", "one");
    assert_int_equal(world_do(w, cmd_place(w, CMD_FLOW_DELETE, "m", NULL)), 0);
    run(w, "a.b", "one");
    assert_int_equal(fired(w, "a.b", "l"), 2);
    assert_int_equal(fired(w, "a.b", "n"), 2);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "n", "t")), 0);
    run(w, "a.b", "one");
    assert_int_equal(fired(w, "a.b", "n"), 2);
    assert_int_equal(world_do(w, cmd_place(w, CMD_TRIGGER_ENABLE, "n", "t")), 0);
    run(w, "a.b", "one");
    assert_int_equal(fired(w, "a.b", "n"), 3);
}

static void after_a_start__they_are_read_before_an_end_needs_them_some_at_a_time(void **state)
{
    struct world *w = *state;
    world_group(w, "idle", NULL);
    apply(w, "a.b", "one", ENDS, NULL);
    for (int n = 0; n < 120; n++) {
        char id[16];
        str_format(id, sizeof id, "f%d", n);
        apply(w, "x.y", id, WAITS, "flow: {id: other, namespace: a.b}");
    }
    apply(w, "x.y", "next", WAITS, "flow: {id: one, namespace: a.b}");
    world_restart(w);
    looks = 0;
    world_live(w, 1001);
    assert_in_range(looks, 1, 50);
    world_live(w, 10000);
    assert_int_equal(looks, 121);
    looks = 0;
    run(w, "a.b", "one");
    assert_in_range(looks, 1, 12);
    assert_int_equal(fired(w, "x.y", "next"), 1);
}

/* ---- many at once ---- */

static size_t ends_of_last_batch(const struct world *w)
{
    size_t n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        n += x->type == EFFECT_EXECUTION_CHANGED && x->u.changed.final;
    return n;
}

static int64_t fired_in(struct world *w, const char *ns)
{
    int64_t all = 0;
    for (int n = 0; n < 10; n++) {
        char id[16];
        str_format(id, sizeof id, "f%d", n);
        all += fired(w, ns, id);
    }
    return all;
}

/* Each end starts ten: 1, 10, 100, 1000. */
static void ends_that_lead_to_many__begin_a_hundred_in_a_batch_and_none_is_lost(void **state)
{
    struct world *w = *state;
    static const char *const before[] = {"r", "l.one", "l.two"};
    static const char *const layers[] = {"l.one", "l.two", "l.three"};
    size_t most = 0, ended = 0;
    apply(w, "r", "root", ENDS, NULL);
    for (size_t k = 0; k < 3; k++) {
        for (int n = 0; n < 10; n++) {
            char id[16], listens[200];
            str_format(id, sizeof id, "f%d", n);
            str_format(listens, sizeof listens, IN("%s"), before[k]);
            apply(w, layers[k], id, ENDS, listens);
        }
    }
    struct command *c = cmd_start(w, "root", NULL);
    mem_free(c->u.start.ns);
    c->u.start.ns = mem_strdup("r");
    assert_int_equal(world_do(w, c), 0);
    ended += ends_of_last_batch(w);
    for (int n = 0; n < 60; n++) {
        if (n == 7) world_crash(w);
        world_pass(w, 1);
        world_tick(w);
        size_t ends = ends_of_last_batch(w);
        most = ends > most ? ends : most;
        ended += ends;
    }
    assert_int_equal(most, 100);
    assert_int_equal(ended, 1111);
    assert_int_equal(fired_in(w, "l.one"), 10);
    assert_int_equal(fired_in(w, "l.two"), 100);
    assert_int_equal(fired_in(w, "l.three"), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(an_end__does_not_look_at_those_of_other_flows),
        WORLD_TEST(each_place__is_found),
        WORLD_TEST(a_new_revision__listens_to_what_it_says),
        WORLD_TEST(a_flow_that_is_deleted__listens_to_nothing),
        WORLD_TEST(after_a_start__they_are_read_before_an_end_needs_them_some_at_a_time),
        WORLD_TEST(ends_that_lead_to_many__begin_a_hundred_in_a_batch_and_none_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
