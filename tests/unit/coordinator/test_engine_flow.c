/* Applying flows: all or nothing, revisions, groups that have to be there. */
#include "flow_world.h"

#include "coordinator/engine/core.h"
#include "coordinator/flow/flow.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define GOOD "id: f\nnamespace: a.b\ntasks:\n  - {id: one, command: [\"true\"]}\n"

static void assert_reply(struct world *w, const char *json)
{
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("refused: %s", err_text(&x->err));
    assert_string_equal(x->json, json);
}

static int64_t revision_of(struct world *w, const char *id)
{
    struct reader *r;
    struct flow_row f = {0};
    struct err e = {0};
    int64_t n = 0;
    assert_int_equal(world_reader(w, &r, &e), 0);
    if (reader_flow(r, "a.b", id, 0, &f, &e) == 0) n = f.revision;
    flow_row_fini(&f);
    reader_close(r);
    return n;
}

static void apply__new_changed_unchanged(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_apply(w, GOOD));
    assert_reply(w, "[{\"namespace\":\"a.b\",\"id\":\"f\",\"revision\":1,\"change\":\"created\"}]");
    world_do(w, cmd_apply(w, GOOD));
    assert_reply(w,
                 "[{\"namespace\":\"a.b\",\"id\":\"f\",\"revision\":1,\"change\":\"unchanged\"}]");
    world_crash(w);
    world_do(w, cmd_apply(w, GOOD "# more\n"));
    assert_reply(w, "[{\"namespace\":\"a.b\",\"id\":\"f\",\"revision\":2,\"change\":\"changed\"}]");
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(revision_of(w, "f"), 0);
    world_crash(w);
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    world_do(w, cmd_apply(w, GOOD));
    assert_reply(w, "[{\"namespace\":\"a.b\",\"id\":\"f\",\"revision\":3,\"change\":\"created\"}]");
}

static void apply__check_only__answers_and_changes_nothing(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_apply(w, GOOD);
    c->u.apply.check_only = true;
    world_do(w, c);
    assert_reply(w, "[{\"namespace\":\"a.b\",\"id\":\"f\",\"revision\":1,\"change\":\"created\"}]");
    assert_int_equal(revision_of(w, "f"), 0);
}

static void apply__one_bad_file__applies_none_and_tells_all(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_apply(w, GOOD);
    cmd_apply_more(c, "bad.yaml", "id: g\nnamespace: a.b\ntasks:\n  - {id: one}\nfoo: 1\n");
    cmd_apply_more(c, "again.yaml", GOOD);
    world_do(w, c);
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, ERR_INVALID);
    assert_string_equal(x->code, "invalid-flow");
    struct json *list = NULL;
    assert_int_equal(json_parse(x->json, strlen(x->json), &list, NULL), 0);
    assert_int_equal(json_count(list), 3);
    const struct json *p = json_first(list);
    assert_string_equal(json_get_str(p, "file", ""), "bad.yaml");
    assert_int_equal(json_get_int(p, "line", 0), 4);
    p = json_next(json_next(p));
    assert_string_equal(json_get_str(p, "file", ""), "again.yaml");
    assert_string_equal(json_get_str(p, "message", ""), "the flow a.b/f is in flow.yaml, too");
    json_free(list);
    assert_int_equal(revision_of(w, "f"), 0);
}

static void apply__unknown_group__names_place_and_nearest(void **state)
{
    struct world *w = *state;
    world_group(w, "linux-db", NULL);
    struct command *c = cmd_apply(w, GOOD);
    cmd_apply_more(c, "g.yaml",
                   "id: g\nnamespace: a.b\nworkerGroup: {key: linux-db}\ntasks:\n"
                   "  - id: one\n"
                   "    command: [\"true\"]\n"
                   "    workerGroup: {key: linux-bd}\n"
                   "triggers:\n"
                   "  - id: t\n"
                   "    command: [\"true\"]\n"
                   "    interval: PT30S\n"
                   "    workerGroup: {key: nowhere}\n");
    world_do(w, c);
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, ERR_INVALID);
    assert_string_equal(x->code, "unknown-group");
    assert_non_null(strstr(err_text(&x->err), "g.yaml:7: "));
    assert_non_null(strstr(x->json, "no worker group 'linux-bd', did you mean 'linux-db'?"));
    assert_non_null(strstr(x->json, "\"line\":12"));
    assert_non_null(strstr(x->json, "no worker group 'nowhere'\""));
    assert_int_equal(revision_of(w, "f"), 0);
}

static void tagged_group(struct world *w, const char *key, const char *tags)
{
    struct command *c = cmd_group(w, key, NULL);
    c->u.group.tags = mem_strdup(tags);
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
}

#define SELECTING(tags, rest)                                                                      \
    "id: s\nnamespace: a.b\ninputs: [{id: x, type: STRING, defaults: fast}]\ntasks:\n"             \
    "  - {id: one, command: [\"true\"], workerSelector: {tags: " tags rest "}}\n"

/* The group of the job that the flow's execution waits for. */
static void goes_to(struct world *w, const char *flow, const char *group)
{
    world_apply_flow(w, flow);
    struct job_row j = world_job(w, world_execution_job(w, world_start(w, "s", NULL)));
    assert_string_equal(j.group, group);
    assert_int_equal(j.state, JOB_CREATED);
    job_row_fini(&j);
}

static void selector__picks_by_agents_then_queue_then_key(void **state)
{
    struct world *w = *state;
    tagged_group(w, "c", "[\"gpu\",\"fast\",\"c\",\"gpu\"]");
    tagged_group(w, "b", "[\"gpu\"]");
    tagged_group(w, "a", "[\"gpu\"]");
    tagged_group(w, "z", "[\"slow\"]");
    goes_to(w, SELECTING("[gpu]", ", fallback: WAIT"), "a");
    goes_to(w, SELECTING("[gpu]", ", fallback: WAIT"), "b"); /* a holds one job now */
    goes_to(w, SELECTING("[gpu, fast]", ", fallback: WAIT"), "c");
    goes_to(w, SELECTING("['{{ inputs.x }}']", ", fallback: WAIT"), "c");
    goes_to(w, SELECTING("[z, gpu]", ", match: ANY, fallback: WAIT"), "z");
    goes_to(w, SELECTING("[default]", ", fallback: WAIT"), "default");
    struct hand h = hand_open(w, "m", "c", 1);
    world_apply_flow(w, SELECTING("[gpu]", ""));
    (void)h;
    struct job_row j = world_job(w, world_execution_job(w, world_start(w, "s", NULL)));
    assert_string_equal(j.group, "c"); /* more wait there, but there is an agent */
    assert_int_equal(j.fallback, FALLBACK_FAIL);
    job_row_fini(&j);
}

static void selector__that_nothing_fits__is_refused_or_fails(void **state)
{
    struct world *w = *state;
    tagged_group(w, "c", "[\"gpu\"]");
    tagged_group(w, "d", "[\"fast\"]");
    static const char *const cases[][2] = {
        {SELECTING("[gpus]", ""), "task one: workerSelector.tags: there is no worker group with "
                                  "the tag 'gpus', did you mean 'gpu'?"},
        {SELECTING("[gpu, fast]", ""), "task one: workerSelector.tags: there is no worker group "
                                       "with all of the tags gpu,fast"},
        {SELECTING("[nowhere, elsewhere]", ", match: ANY"), "with the tag 'nowhere'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_do(w, cmd_apply(w, cases[i][0]));
        assert_string_equal(world_reply(w)->code, "unknown-group");
        if (!strstr(world_reply(w)->json, cases[i][1]))
            fail_msg("%s: %s", cases[i][0], world_reply(w)->json);
    }
    world_apply_flow(w, SELECTING("['{{ inputs.x }}-er']", ", fallback: WAIT"));
    size_t groups = w->engine->groups.count;
    int64_t id = world_start(w, "s", NULL);
    assert_string_equal(world_execution_state(w, id), "FAILED");
    struct execution_row x = world_execution(w, id);
    assert_int_equal(x.reason, REASON_UNKNOWN_GROUP);
    assert_int_equal(w->engine->groups.count, groups); /* none is made up to be counted */
    execution_row_fini(&x);
    struct command *c = cmd_group(w, "e", NULL);
    c->u.group.tags = mem_strdup("[\"a b\"]");
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
}

static void unknown_groups__are_told_beside_all_else(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_apply(w, GOOD);
    cmd_apply_more(c, "g.yaml",
                   "id: g\nnamespace: a.b\nworkerGroup: {key: defualt}\nretry: 3\ntasks:\n"
                   "  - {id: one, command: x, workerGroup: {key: nowhere}}\n"
                   "  - {command: [x], workerGroup: {key: nowhere}}\n");
    world_do(w, c);
    const struct reply *x = world_reply(w);
    assert_string_equal(x->code, "invalid-flow");
    assert_non_null(strstr(x->json, "no worker group 'defualt', did you mean 'default'?"));
    assert_non_null(strstr(x->json, "task one: workerGroup: there is no worker group 'nowhere'"));
    assert_non_null(strstr(x->json, "tasks[1].workerGroup: there is no worker group 'nowhere'"));
    assert_non_null(strstr(x->json, "retry: must be a mapping"));
    assert_non_null(strstr(x->json, "tasks[1].id: is missing"));
}

static void apply__group_that_the_namespace_may_not_use__is_refused(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", NULL);
    c->u.group.allowed_namespaces = mem_strdup("[\"other\"]");
    world_do(w, c);
    world_do(w, cmd_apply(w, GOOD "workerGroup: {key: g}\n"));
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    assert_string_equal(world_reply(w)->code, "invalid-flow");
    assert_non_null(strstr(world_reply(w)->json, "group g does not take jobs of namespace a.b"));
}

static void group_that_a_flow_names__is_deleted_by_force_alone(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_apply_flow(w, GOOD "triggers:\n  - {id: t, interval: PT30S, command: [\"true\"], "
                             "workerGroup: {key: g}}\n");
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    /* its evaluation is queued there, too; without it the flow is the reason */
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_do(w, cmd_place(w, CMD_TRIGGER_DISABLE, "f", "t"));
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    assert_non_null(strstr(err_text(&world_reply(w)->err), "the flow a.b/f sends jobs to"));
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, "g");
    c->flag = true;
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
    world_group(w, "g", NULL);
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    assert_int_equal(world_reply(w)->rc, 0);
}

static void group_that_only_an_earlier_revision_names__is_deleted(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_apply_flow(w, "id: f\nnamespace: a.b\nworkerGroup: {key: g}\ntasks:\n"
                        "  - {id: one, command: [\"true\"], workerGroup: {key: g}}\n");
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_restart(w);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    world_apply_flow(w, GOOD);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    assert_int_equal(world_reply(w)->rc, 0);
}

/* As an older version left them. */
static void put_flows(struct world *w, int count, const char *source)
{
    struct err e = {0};
    assert_int_equal(store_begin(w->store, &e), 0);
    for (int i = 0; i < count; i++) {
        char *id = str_dupf("f%d", i);
        struct flow_row row = {.ns = "a.b",
                               .id = id,
                               .revision = 1,
                               .source = (char *)(uintptr_t)source};
        assert_int_equal(store_flow_put(w->store, &row, &e), 0);
        mem_free(id);
    }
    assert_int_equal(store_commit(w->store, &e), 0);
    world_restart(w);
}

static int delete_group(struct world *w, const char *key)
{
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, key));
    return world_reply(w)->rc;
}

static void flows_of_an_older_version__are_read_in_steps_before_groups_go(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_group(w, "h", NULL);
    put_flows(w, 45, GOOD "workerGroup: {key: g}\n");
    assert_int_equal(delete_group(w, "h"), ERR_UNAVAILABLE);
    world_live(w, 1000);
    assert_int_equal(delete_group(w, "h"), ERR_UNAVAILABLE); /* 20 were read */
    world_live(w, 200);
    assert_int_equal(delete_group(w, "h"), ERR_UNAVAILABLE);
    world_live(w, 200);
    assert_int_equal(delete_group(w, "g"), ERR_CONFLICT);
    assert_int_equal(delete_group(w, "h"), 0);
}

static void flow_of_an_older_version_that_is_broken__names_no_group(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    put_flows(w, 2, "workerGroup: {key: g}\n");
    assert_int_equal(delete_group(w, "g"), ERR_UNAVAILABLE);
    world_live(w, 2000);
    assert_int_equal(delete_group(w, "g"), 0);
}

static void apply__unknown_capability__is_refused_with_its_line(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_apply(w, "id: f\nnamespace: a.b\ntasks:\n"
                             "  - id: one\n"
                             "    command: [\"true\"]\n"
                             "    requires:\n"
                             "      gpu.cout: 1\n"));
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    assert_non_null(strstr(world_reply(w)->json, "did you mean 'gpu.count'?"));
    assert_null(strstr(world_reply(w)->json, "\"line\":0"));
}

static void apply__parsed_before__is_looked_at_all_the_same(void **state)
{
    struct world *w = *state;
    const char *source = "id: f\nnamespace: a.b\ntasks:\n"
                         "  - {id: one, command: [\"true\"], requires: {gpu.cout: 1}}\n";
    struct flow_problems p = {0};
    struct command *c = cmd_apply(w, source);
    assert_int_equal(flow_parse("x", source, strlen(source), NULL, &p, &c->u.apply.files[0].flow),
                     0);
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    assert_non_null(strstr(world_reply(w)->json, "\"line\":4"));
    c = cmd_apply(w, GOOD);
    assert_int_equal(flow_parse("x", GOOD, strlen(GOOD), NULL, &p, &c->u.apply.files[0].flow), 0);
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
    flow_problems_fini(&p);
    world_start(w, "f", NULL);
}

static int take_number(const struct flow_row *row, void *user)
{
    int64_t *sum = user;
    assert_null(row->source);
    *sum = *sum * 10 + row->revision;
    return 0;
}

static void revisions__are_all_there_to_be_read(void **state)
{
    struct world *w = *state;
    struct reader *r;
    struct err e = {0};
    for (int i = 0; i < 4; i++) {
        char *source = str_dupf(GOOD "# %d\n", i);
        world_apply_flow(w, source);
        mem_free(source);
    }
    assert_int_equal(world_reader(w, &r, &e), 0);
    struct flow_row f;
    assert_int_equal(reader_flow(r, "a.b", "f", 2, &f, &e), 0);
    assert_string_equal(f.source, GOOD "# 1\n");
    flow_row_fini(&f);
    assert_int_equal(reader_flow(r, "a.b", "f", 5, &f, &e), ERR_NOT_FOUND);
    int64_t sum = 0;
    bool more;
    assert_int_equal(reader_flow_revisions(r, &(struct revision_filter){"a.b", "f", 0, 3},
                                           take_number, &sum, &more, &e),
                     0);
    assert_int_equal(sum, 432);
    assert_true(more);
    assert_int_equal(reader_flow_revisions(r, &(struct revision_filter){"a.b", "f", 2, 3},
                                           take_number, &sum, &more, &e),
                     0);
    assert_int_equal(sum, 4321);
    assert_false(more);
    reader_close(r);
}

static void deleted__after_the_retention__is_forgotten_and_can_be_new(void **state)
{
    struct world *w = *state;
    world_apply_flow(w, GOOD);
    world_apply_flow(w, GOOD "# 2\n");
    world_do(w, cmd_place(w, CMD_FLOW_DELETE, "f", NULL));
    assert_int_equal(world_reply(w)->rc, 0);
    world_live(w, INT64_C(6) * 24 * 3600 * 1000);
    assert_int_equal(w->engine->flows.count, 1);
    world_live(w, INT64_C(2) * 24 * 3600 * 1000);
    assert_int_equal(w->engine->flows.count, 0);
    char *source;
    assert_int_equal(store_flow_source(w->store, "a.b", "f", 2, &source, NULL), ERR_NOT_FOUND);
    world_apply_flow(w, GOOD);
    assert_int_equal(store_flow_source(w->store, "a.b", "f", 1, &source, NULL), 0);
    mem_free(source);
}

static void stored_flow_that_cannot_be_read_any_more__fails_its_executions_alone(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct flow_row row = {.ns = "a.b",
                           .id = "old",
                           .revision = 1,
                           .source = "id: old\n",
                           .created_ms = 1,
                           .updated_ms = 1};
    struct trigger_row t = {.ns = "a.b", .flow = "old", .name = "t", .interval_ms = 30000};
    assert_int_equal(store_begin(w->store, &e), 0);
    assert_int_equal(store_flow_put(w->store, &row, &e), 0);
    assert_int_equal(store_trigger_insert(w->store, &t, &t.id, &e), 0);
    assert_int_equal(store_commit(w->store, &e), 0);
    world_restart(w);
    world_do(w, cmd_start(w, "old", NULL));
    assert_int_equal(world_reply(w)->rc, ERR_CONFLICT);
    assert_non_null(strstr(err_text(&world_reply(w)->err), "cannot be read any more"));
    world_live(w, 30000);
    t = world_trigger(w, "old", "t");
    assert_int_equal(t.result, EVALUATION_ERROR);
    assert_non_null(strstr(t.message, "cannot be read any more"));
    trigger_row_fini(&t);
    world_apply_flow(w, GOOD);
    world_start(w, "f", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(apply__new_changed_unchanged),
        WORLD_TEST(apply__check_only__answers_and_changes_nothing),
        WORLD_TEST(apply__one_bad_file__applies_none_and_tells_all),
        WORLD_TEST(apply__unknown_group__names_place_and_nearest),
        WORLD_TEST(selector__picks_by_agents_then_queue_then_key),
        WORLD_TEST(selector__that_nothing_fits__is_refused_or_fails),
        WORLD_TEST(unknown_groups__are_told_beside_all_else),
        WORLD_TEST(apply__group_that_the_namespace_may_not_use__is_refused),
        WORLD_TEST(group_that_a_flow_names__is_deleted_by_force_alone),
        WORLD_TEST(group_that_only_an_earlier_revision_names__is_deleted),
        WORLD_TEST(flows_of_an_older_version__are_read_in_steps_before_groups_go),
        WORLD_TEST(flow_of_an_older_version_that_is_broken__names_no_group),
        WORLD_TEST(apply__unknown_capability__is_refused_with_its_line),
        WORLD_TEST(apply__parsed_before__is_looked_at_all_the_same),
        WORLD_TEST(revisions__are_all_there_to_be_read),
        WORLD_TEST(deleted__after_the_retention__is_forgotten_and_can_be_new),
        WORLD_TEST(stored_flow_that_cannot_be_read_any_more__fails_its_executions_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
