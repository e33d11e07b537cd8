/* Worker groups, namespaces, and which group a job goes to. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/namespace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const struct reply *fails(struct world *w, struct command *c, int rc, const char *code)
{
    assert_int_equal(world_do(w, c), 0);
    const struct reply *x = world_reply(w);
    if (x->rc == 0) fail_msg("it was accepted");
    assert_int_equal(x->rc, rc);
    if (code) assert_string_equal(x->code, code);
    assert_true(strlen(err_text(&x->err)) > 5);
    return x;
}

static void succeeds(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    const struct reply *x = world_reply(w);
    if (x->rc) fail_msg("%s", err_text(&x->err));
}

static struct command *ns_set(struct world *w, const char *ns, const char *group, int fallback)
{
    struct command *c = command_new(CMD_NS_SET);
    c->request = ++w->requests;
    c->u.ns.ns = mem_strdup(ns);
    c->u.ns.group = mem_strdup(group);
    c->u.ns.fallback = fallback;
    return c;
}

static struct command *submit_ns(struct world *w, const char *ns, const char *group)
{
    struct command *c = cmd_submit(w, group, NULL);
    c->u.submit.job.ns = mem_strdup(ns);
    return c;
}

static struct command *submit_fallback(struct world *w, const char *group, enum fallback f)
{
    struct command *c = cmd_submit(w, group, NULL);
    c->u.submit.job.fallback = f;
    c->u.submit.fallback_given = true;
    return c;
}

static struct command *delete_group(struct world *w, const char *key, bool force)
{
    struct command *c = cmd_text(w, CMD_GROUP_DELETE, key);
    c->flag = force;
    return c;
}

static struct command *update(struct world *w, const char *key, uint32_t mask)
{
    struct command *c = cmd_group(w, key, NULL);
    c->type = CMD_GROUP_UPDATE;
    c->mask = mask;
    return c;
}

static void assert_group(struct world *w, int64_t id, const char *group)
{
    struct job_row j = world_job(w, id);
    if (!str_eq(j.group, group)) fail_msg("group %s instead of %s", j.group ? j.group : "-", group);
    job_row_fini(&j);
}

/* ---- create, update ---- */

static void create__bad_values__are_refused(void **state)
{
    struct world *w = *state;
    fails(w, cmd_group(w, "", NULL), ERR_INVALID, NULL);
    fails(w, cmd_group(w, NULL, NULL), ERR_INVALID, NULL);
    fails(w, cmd_group(w, "-x", NULL), ERR_INVALID, NULL);
    fails(w, cmd_group(w, "a b", NULL), ERR_INVALID, NULL);
    fails(w, cmd_group(w, "a.b", NULL), ERR_INVALID, NULL);
    fails(w, cmd_group(w, "x", "{"), ERR_INVALID, NULL);
    fails(w, cmd_group(w, "x", "[]"), ERR_INVALID, NULL);
    fails(w, cmd_group(w, "x", "{\"oss\":\"linux\"}"), ERR_INVALID, NULL);
    struct command *c = cmd_group(w, "x", NULL);
    c->u.group.max_queued = -1;
    fails(w, c, ERR_INVALID, NULL);
    c = cmd_group(w, "x", NULL);
    c->u.group.allowed_namespaces = mem_strdup("\"a\"");
    fails(w, c, ERR_INVALID, NULL);
    c = cmd_group(w, "x", NULL);
    c->u.group.allowed_namespaces = mem_strdup("[\"a\",\"b..c\"]");
    fails(w, c, ERR_INVALID, NULL);
    c = cmd_group(w, "x", NULL);
    c->u.group.allowed_namespaces = mem_strdup("[7]");
    fails(w, c, ERR_INVALID, NULL);
    fails(w, submit_ns(w, NULL, "x"), ERR_INVALID, "unknown-group");
    succeeds(w, cmd_group(w, "x", NULL));
    fails(w, cmd_group(w, "x", NULL), ERR_EXISTS, NULL);
}

static void unknown_group__submit_is_refused_with_the_nearest(void **state)
{
    struct world *w = *state;
    world_group(w, "windows", NULL);
    const struct reply *x = fails(w, cmd_submit(w, "windos", NULL), ERR_INVALID, "unknown-group");
    assert_non_null(strstr(err_text(&x->err), "'windos'"));
    assert_non_null(strstr(x->hint, "'windows'"));
    assert_null(world_effect(w, EFFECT_JOB_CHANGED));
}

static void unknown_group__other_commands(void **state)
{
    struct world *w = *state;
    fails(w, update(w, "nix", 1), ERR_NOT_FOUND, NULL);
    fails(w, cmd_text(w, CMD_GROUP_PAUSE, "nix"), ERR_NOT_FOUND, NULL);
    fails(w, cmd_text(w, CMD_GROUP_RESUME, "nix"), ERR_NOT_FOUND, NULL);
    fails(w, delete_group(w, "nix", true), ERR_NOT_FOUND, NULL);
    fails(w, delete_group(w, NULL, true), ERR_NOT_FOUND, NULL);
}

static void groups__survive_a_crash_with_their_rules(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", "{\"os\":\"windows\"}");
    c->u.group.max_queued = 1;
    c->u.group.allowed_namespaces = mem_strdup("[\"company\"]");
    succeeds(w, c);
    world_crash(w);
    fails(w, submit_ns(w, "other", "g"), ERR_DENIED, "namespace-not-allowed");
    succeeds(w, submit_ns(w, "company", "g"));
    fails(w, submit_ns(w, "company", "g"), ERR_UNAVAILABLE, "queue-full");
    int64_t a = world_agent(w, "a", "g");
    world_do(w, cmd_hello(w, 70, a, "g", 1));
    assert_string_equal(world_effect(w, EFFECT_REFUSED)->u.refused.code, "requires-not-met");
}

static void update__only_what_the_mask_says(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", NULL);
    c->u.group.max_queued = 1;
    succeeds(w, c);
    c = update(w, "g", 1);
    c->u.group.description = mem_strdup("hello");
    succeeds(w, c);
    succeeds(w, cmd_submit(w, "g", NULL));
    fails(w, cmd_submit(w, "g", NULL), ERR_UNAVAILABLE, "queue-full");
    succeeds(w, update(w, "g", 8)); /* max_queued = 0 */
    succeeds(w, cmd_submit(w, "g", NULL));
}

static void update__requires__idle_agents_leave_and_busy_ones_after_their_jobs(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t busy_agent = world_agent(w, "busy", "g");
    uint64_t busy = world_connect(w, busy_agent, "g", 1);
    int64_t id = world_running(w, busy, "g", 1);
    uint64_t idle = world_connect(w, world_agent(w, "idle", "g"), "g", 1);
    uint64_t windows =
        world_connect_caps(w, world_agent(w, "win", "g"), "g", 1, "{\"os\":\"windows\"}");
    struct command *c = update(w, "g", 2);
    c->u.group.require = mem_strdup("{\"os\":\"windows\"}");
    succeeds(w, c);
    assert_int_equal(world_effects(w, EFFECT_CLOSE), 1);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, idle);
    int64_t next = world_submit(w, "g", NULL);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, next)->session, windows);
    world_do(w, cmd_finished(busy, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, busy);
    assert_null(world_effect(w, EFFECT_JOB));
}

static void leaving_agent__may_reconnect_to_end_its_jobs(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g");
    uint64_t s = world_connect(w, a, "g", 2);
    int64_t id = world_running(w, s, "g", 1);
    succeeds(w, delete_group(w, "g", true));
    world_do(w, cmd_gone(s));
    struct command *c = cmd_hello(w, 70, a, "g", 2);
    cmd_hello_attempt(c, id, 1, false);
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    world_do(w, cmd_ready(70));
    assert_null(world_effect(w, EFFECT_CLOSE));
    world_do(w, cmd_finished(70, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
    assert_non_null(world_effect(w, EFFECT_CLOSE));
    world_do(w, cmd_hello(w, 71, a, "g", 2));
    assert_string_equal(world_effect(w, EFFECT_REFUSED)->u.refused.code, "unknown-group");
}

/* ---- resolution ---- */

static void resolve__job_then_nearest_namespace_then_default(void **state)
{
    struct world *w = *state;
    world_group(w, "a", NULL);
    world_group(w, "b", NULL);
    succeeds(w, ns_set(w, "company", "a", -1));
    succeeds(w, ns_set(w, "company.team.app", "b", -1));
    succeeds(w, ns_set(w, "company.free", NULL, -1));
    static const struct {
        const char *ns, *named, *group;
    } rows[] = {
        {NULL, NULL, "default"},
        {"other", NULL, "default"},
        {"company", NULL, "a"},
        {"company.team", NULL, "a"},
        {"company.team.app", NULL, "b"},
        {"company.team.app.x.y", NULL, "b"},
        {"company.team.apple", NULL, "a"},
        {"companyx", NULL, "default"},
        {"company.free", NULL, "default"},
        {"company.free.x", NULL, "default"},
        {"company.team", "default", "default"},
        {NULL, "default", "default"},
        {"company.team.app", "a", "a"},
        {NULL, "b", "b"},
    };
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            succeeds(w, submit_ns(w, rows[i].ns, rows[i].named));
            assert_group(w, world_reply(w)->id, rows[i].group);
        }
        world_crash(w);
    }
    succeeds(w, cmd_text(w, CMD_NS_UNSET, "company.team.app"));
    succeeds(w, submit_ns(w, "company.team.app", NULL));
    assert_group(w, world_reply(w)->id, "a");
}

static void resolve__tells_where_it_comes_from(void **state)
{
    struct world *w = *state;
    world_group(w, "a", NULL);
    succeeds(w, ns_set(w, "company", "a", FALLBACK_FAIL));
    succeeds(w, cmd_text(w, CMD_RESOLVE, "company.team"));
    assert_string_equal(world_reply(w)->json, "{\"group\":\"a\",\"from\":\"namespace "
                                              "company\",\"fallback\":\"FAIL\",\"updatedBy\":null,"
                                              "\"notify\":null,\"notifyFrom\":null}");
    succeeds(w, cmd_text(w, CMD_RESOLVE, "other"));
    assert_string_equal(
        world_reply(w)->json,
        "{\"group\":\"default\",\"from\":\"default\",\"fallback\":\"WAIT\",\"updatedBy\":null,"
        "\"notify\":null,\"notifyFrom\":null}");
}

static void namespaces__bad_values__are_refused(void **state)
{
    struct world *w = *state;
    fails(w, ns_set(w, "company", "nix", -1), ERR_INVALID, "unknown-group");
    fails(w, ns_set(w, "a..b", NULL, -1), ERR_INVALID, NULL);
    fails(w, ns_set(w, "", NULL, -1), ERR_INVALID, NULL);
    fails(w, ns_set(w, "a", NULL, 4), ERR_INVALID, NULL);
    fails(w, ns_set(w, "a", NULL, -2), ERR_INVALID, NULL);
    fails(w, cmd_text(w, CMD_NS_UNSET, "a"), ERR_NOT_FOUND, NULL);
}

static void allowed_namespaces__whole_segments_only(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", NULL);
    c->u.group.allowed_namespaces = mem_strdup("[\"company.team\",\"x\"]");
    succeeds(w, c);
    succeeds(w, submit_ns(w, "company.team", "g"));
    succeeds(w, submit_ns(w, "company.team.app", "g"));
    succeeds(w, submit_ns(w, "x.y", "g"));
    fails(w, submit_ns(w, "company", "g"), ERR_DENIED, "namespace-not-allowed");
    fails(w, submit_ns(w, "company.teams", "g"), ERR_DENIED, "namespace-not-allowed");
    fails(w, submit_ns(w, NULL, "g"), ERR_DENIED, "namespace-not-allowed");
}

/* group NULL: leaves it as it is. */
static struct command *ns_notify(struct world *w, const char *ns, const char *group,
                                 const char *notify)
{
    struct command *c = ns_set(w, ns, group, -1);
    c->mask = (group ? 0 : NS_KEEPS_GROUP) | NS_SETS_NOTIFY;
    c->u.ns.notify = mem_strdup(notify);
    return c;
}

#define TO(channel) "[{\"channel\":\"" channel "\",\"events\":[\"execution-failed\"]}]"

static void resolves(struct world *w, const char *ns, const char *expected)
{
    succeeds(w, cmd_text(w, CMD_RESOLVE, ns));
    assert_non_null(strstr(world_reply(w)->json, expected));
}

static void namespace_that_tells__leaves_the_group_as_it_is(void **state)
{
    struct world *w = *state;
    static const char *const channels[] = {"ops", "night"};
    w->config.channels = channels;
    w->config.channel_count = 2;
    world_restart(w);
    world_group(w, "a", NULL);
    world_group(w, "b", NULL);
    succeeds(w, ns_set(w, "company", "a", FALLBACK_FAIL));
    succeeds(w, ns_notify(w, "company.team", NULL, TO("ops")));
    resolves(w, "company.team.app",
             "{\"group\":\"a\",\"from\":\"namespace company\",\"fallback\":\"FAIL\"");
    resolves(w, "company.team.app", "\"notify\":" TO("ops"));
    resolves(w, "company.team.app", "\"notifyFrom\":\"namespace company.team\"");
    resolves(w, "company", "\"notify\":null,\"notifyFrom\":null");
    fails(w, ns_notify(w, "company.team", NULL, TO("osp")), ERR_INVALID, "unknown-channel");
    assert_string_equal(world_reply(w)->hint, "did you mean 'ops'?");
    fails(w, ns_notify(w, "company.team", "nix", TO("ops")), ERR_INVALID, "unknown-group");
    fails(w, ns_notify(w, "company.team", NULL, "{}"), ERR_INVALID, NULL);
    fails(w, ns_notify(w, "company.team", NULL, "[["), ERR_INVALID, NULL);
    world_crash(w);
    resolves(w, "company.team.app", "\"notify\":" TO("ops"));
    succeeds(w, ns_set(w, "company.team", "b", -1)); /* it still tells */
    resolves(w, "company.team", "\"group\":\"b\",\"from\":\"namespace company.team\"");
    resolves(w, "company.team", "\"notify\":" TO("ops"));
    succeeds(w, ns_notify(w, "company.team", NULL, NULL)); /* it still has its group */
    resolves(w, "company.team", "\"group\":\"b\"");
    resolves(w, "company.team", "\"notify\":null");
    succeeds(w, cmd_text(w, CMD_NS_UNSET, "company.team"));
    succeeds(w, ns_notify(w, "company.team", NULL, "[]"));
    resolves(w, "company.team", "\"notify\":[],\"notifyFrom\":\"namespace company.team\"");
    succeeds(w, ns_notify(w, "company.team", NULL, NULL)); /* it says nothing any more */
    fails(w, cmd_text(w, CMD_NS_UNSET, "company.team"), ERR_NOT_FOUND, NULL);
    succeeds(w, ns_notify(w, "company.team", NULL, NULL));
    fails(w, cmd_text(w, CMD_NS_UNSET, "company.team"), ERR_NOT_FOUND, NULL);
}

static void group_of_a_job__never_changes(void **state)
{
    struct world *w = *state;
    world_group(w, "a", NULL);
    world_group(w, "b", NULL);
    succeeds(w, ns_set(w, "company", "a", -1));
    struct command *c = submit_ns(w, "company", NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 3};
    succeeds(w, c);
    int64_t id = world_reply(w)->id;
    succeeds(w, ns_set(w, "company", "b", -1));
    uint64_t b = world_connect(w, world_agent(w, "b1", "b"), "b", 1);
    assert_null(world_effect(w, EFFECT_JOB));
    uint64_t s = world_connect(w, world_agent(w, "a1", "a"), "a", 1);
    world_do(w, cmd_finished(s, 1, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_int_equal(x->session, s);
    assert_int_equal(x->u.job.attempt, 2);
    (void)b;
}

/* ---- limits, pause ---- */

static void max_queued__counts_queued_ones_only(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_group(w, "g", NULL);
    c->u.group.max_queued = 2;
    succeeds(w, c);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    int64_t id = world_submit(w, "g", NULL);
    world_submit(w, "g", NULL);
    world_submit(w, "g", NULL);
    fails(w, cmd_submit(w, "g", NULL), ERR_UNAVAILABLE, "queue-full");
    world_crash(w);
    fails(w, cmd_submit(w, "g", NULL), ERR_UNAVAILABLE, "queue-full");
    (void)s;
    (void)id;
    world_connect(w, world_agent(w, "b", "g"), "g", 1);
    succeeds(w, cmd_submit(w, "g", NULL));
    succeeds(w, cmd_submit(w, NULL, NULL)); /* another group has nothing to do with it */
}

static void paused__nothing_is_handed_out_and_submits_are_taken(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_connect(w, world_agent(w, "a", "g"), "g", 4);
    succeeds(w, cmd_text(w, CMD_GROUP_PAUSE, "g"));
    int64_t id = world_submit(w, "g", NULL);
    assert_null(world_effect(w, EFFECT_JOB));
    world_crash(w);
    world_connect(w, world_agent(w, "b", "g"), "g", 4);
    assert_null(world_effect(w, EFFECT_JOB));
    succeeds(w, cmd_text(w, CMD_GROUP_RESUME, "g"));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, id);
    succeeds(w, cmd_text(w, CMD_GROUP_RESUME, "g"));
}

/* ---- fallback ---- */

static void fallback__nobody_online(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    static const struct {
        enum fallback fallback;
        enum job_state state;
        enum reason reason;
        const char *group;
    } rows[] = {
        {FALLBACK_WAIT, JOB_CREATED, REASON_NONE, "g"},
        {FALLBACK_FAIL, JOB_FAILED, REASON_NO_AGENT, "g"},
        {FALLBACK_CANCEL, JOB_CANCELLED, REASON_NO_AGENT, "g"},
        {FALLBACK_IGNORE, JOB_CREATED, REASON_NONE, "default"},
    };
    for (size_t i = 0; i < 4; i++) {
        succeeds(w, submit_fallback(w, "g", rows[i].fallback));
        int64_t id = world_reply(w)->id;
        assert_int_equal(world_state(w, id), rows[i].state);
        assert_int_equal(world_reason(w, id), rows[i].reason);
        assert_group(w, id, rows[i].group);
    }
    world_connect(w, world_agent(w, "d", NULL), NULL, 9);
    assert_int_equal(world_effects(w, EFFECT_JOB), 1); /* the one that is the default group's now */
}

static void fallback__somebody_online_though_busy__waits(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_connect(w, world_agent(w, "a", "g"), "g", 1);
    world_submit(w, "g", NULL);
    for (int f = FALLBACK_FAIL; f <= FALLBACK_IGNORE; f++) {
        succeeds(w, submit_fallback(w, "g", (enum fallback)f));
        assert_int_equal(world_state(w, world_reply(w)->id), JOB_CREATED);
        assert_group(w, world_reply(w)->id, "g");
    }
    world_live(w, 3600000);
}

static void fallback__last_agent_goes__counts_after_a_while_and_not_in_a_blip(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g");
    uint64_t s = world_connect(w, a, "g", 1);
    int64_t running = world_running(w, s, "g", 1);
    succeeds(w, submit_fallback(w, "g", FALLBACK_FAIL));
    int64_t fails_ = world_reply(w)->id;
    succeeds(w, submit_fallback(w, "g", FALLBACK_IGNORE));
    int64_t moves = world_reply(w)->id;
    world_do(w, cmd_gone(s));
    world_live(w, 30000);
    struct command *c = cmd_hello(w, 70, a, "g", 1);
    cmd_hello_attempt(c, running, 1, false);
    world_do(w, c);
    world_live(w, 60000);
    assert_int_equal(world_state(w, fails_), JOB_CREATED);
    world_do(w, cmd_gone(70));
    world_live(w, 34999);
    assert_int_equal(world_state(w, fails_), JOB_CREATED);
    world_live(w, 1);
    assert_int_equal(world_state(w, fails_), JOB_FAILED);
    assert_int_equal(world_reason(w, fails_), REASON_NO_AGENT);
    assert_group(w, moves, "default");
}

static void fallback__coordinator_restarts__agents_have_time_to_come_back(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t a = world_agent(w, "a", "g");
    world_connect(w, a, "g", 1);
    world_submit(w, "g", NULL);
    succeeds(w, submit_fallback(w, "g", FALLBACK_FAIL));
    int64_t before = world_reply(w)->id;
    world_crash(w);
    succeeds(w, submit_fallback(w, "g", FALLBACK_FAIL));
    int64_t after = world_reply(w)->id;
    world_live(w, 34000);
    assert_int_equal(world_state(w, before), JOB_CREATED);
    assert_int_equal(world_state(w, after), JOB_CREATED);
    world_live(w, 1001);
    assert_int_equal(world_state(w, before), JOB_FAILED);
    assert_int_equal(world_state(w, after), JOB_FAILED);
}

static void fallback__comes_from_the_namespace_unless_given(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    succeeds(w, ns_set(w, "company", "g", FALLBACK_CANCEL));
    succeeds(w, submit_ns(w, "company", NULL));
    assert_int_equal(world_state(w, world_reply(w)->id), JOB_CANCELLED);
    struct command *c = submit_ns(w, "company", NULL);
    c->u.submit.fallback_given = true;
    succeeds(w, c);
    assert_int_equal(world_state(w, world_reply(w)->id), JOB_CREATED);
}

static void fallback__only_draining_agents__is_nobody(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    struct command *c = cmd_ready(s);
    c->u.ready.draining = true;
    world_do(w, c);
    succeeds(w, submit_fallback(w, "g", FALLBACK_FAIL));
    assert_int_equal(world_state(w, world_reply(w)->id), JOB_FAILED);
}

static void fallback__in_the_default_group(void **state)
{
    struct world *w = *state;
    succeeds(w, submit_fallback(w, NULL, FALLBACK_FAIL));
    assert_int_equal(world_state(w, world_reply(w)->id), JOB_FAILED);
    succeeds(w, submit_fallback(w, NULL, FALLBACK_IGNORE)); /* there is no other way to go */
    int64_t id = world_reply(w)->id;
    world_live(w, 3600000);
    assert_int_equal(world_state(w, id), JOB_CREATED);
}

/* ---- delete ---- */

static void delete__with_jobs__only_by_force(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    int64_t running = world_running(w, s, "g", 1);
    const struct reply *x = fails(w, delete_group(w, "g", false), ERR_CONFLICT, NULL);
    assert_non_null(strstr(err_text(&x->err), "0 queued and 1 running"));
    struct command *c = cmd_submit(w, "g", NULL);
    succeeds(w, c);
    int64_t queued = world_reply(w)->id;
    x = fails(w, delete_group(w, "g", false), ERR_CONFLICT, NULL);
    assert_non_null(strstr(err_text(&x->err), "1 queued and 1 running"));
    succeeds(w, delete_group(w, "g", true));
    assert_int_equal(world_state(w, queued), JOB_FAILED);
    assert_int_equal(world_reason(w, queued), REASON_GROUP_DELETED);
    assert_int_equal(world_state(w, running), JOB_RUNNING); /* runs on */
    fails(w, cmd_submit(w, "g", NULL), ERR_INVALID, "unknown-group");
    world_do(w, cmd_finished(s, 2, running, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, running), JOB_SUCCESS);
}

static void delete__empty__goes_and_comes_again(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", "g"), "g", 1);
    succeeds(w, delete_group(w, "g", false));
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    world_crash(w);
    fails(w, cmd_submit(w, "g", NULL), ERR_INVALID, "unknown-group");
    world_group(w, "g", NULL);
    world_submit(w, "g", NULL);
}

static void delete__retrying_and_returned_jobs__end_too(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t agent = world_agent(w, "a", "g");
    uint64_t s = world_connect(w, agent, "g", 3);
    struct command *c = cmd_submit(w, "g", NULL);
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 60000, .max_attempts = 3};
    succeeds(w, c);
    int64_t retrying = world_reply(w)->id;
    world_do(w, cmd_finished(s, 1, retrying, 1, JOB_FAILED, REASON_EXIT_CODE));
    c = cmd_submit(w, "g", NULL);
    c->u.submit.job.retry = (struct retry){.type = RETRY_CONSTANT, .max_attempts = 3};
    succeeds(w, c);
    int64_t fails_later = world_reply(w)->id;
    int64_t returned = world_submit(w, "g", NULL);
    fails(w, delete_group(w, "g", false), ERR_CONFLICT, NULL);
    succeeds(w, delete_group(w, "g", true));
    assert_int_equal(world_state(w, retrying), JOB_FAILED);
    assert_int_equal(world_reason(w, retrying), REASON_GROUP_DELETED);
    world_do(w, cmd_declined(s, 2, returned, 1));
    assert_int_equal(world_state(w, returned), JOB_FAILED);
    assert_int_equal(world_reason(w, returned), REASON_GROUP_DELETED);
    world_do(w, cmd_finished(s, 3, fails_later, 1, JOB_FAILED, REASON_EXIT_CODE));
    assert_int_equal(world_state(w, fails_later), JOB_FAILED);
    assert_int_equal(world_reason(w, fails_later), REASON_EXIT_CODE);
}

static void delete__thousands_queued__are_ended_bit_by_bit_also_over_a_crash(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    enum { N = 1700 };
    int64_t ids[N];
    world_begin(w);
    for (int i = 0; i < N; i++)
        world_apply(w, cmd_submit(w, "g", NULL));
    world_commit(w);
    int n = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next)
        if (x->type == EFFECT_REPLY) ids[n++] = x->u.reply.reply.id;
    succeeds(w, delete_group(w, "g", true));
    fails(w, cmd_group(w, "g", NULL), ERR_CONFLICT, NULL); /* not before they are through */
    world_crash(w);
    fails(w, cmd_submit(w, "g", NULL), ERR_INVALID, "unknown-group");
    world_live(w, 1000);
    for (int i = 0; i < N; i++)
        assert_int_equal(world_reason(w, ids[i]), REASON_GROUP_DELETED);
    world_group(w, "g", NULL);
    world_connect(w, world_agent(w, "a", "g"), "g", 4);
    assert_null(world_effect(w, EFFECT_JOB));
}

static void delete__a_namespace_points_to_it__only_by_force_and_submits_say_so(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    succeeds(w, ns_set(w, "company", "g", -1));
    fails(w, delete_group(w, "g", false), ERR_CONFLICT, NULL);
    succeeds(w, delete_group(w, "g", true));
    const struct reply *x = fails(w, submit_ns(w, "company.x", NULL), ERR_INVALID, "unknown-group");
    assert_non_null(strstr(err_text(&x->err), "namespace company"));
}

/* Refused with this code and this in the sentence. */
static void assert_not_created(struct world *w, const char *key, int rc, const char *says)
{
    world_do(w, cmd_group(w, key, NULL));
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, rc);
    if (!strstr(err_text(&x->err), says)) fail_msg("%s: %s", key, err_text(&x->err));
    assert_non_null(x->hint);
}

static void create__key_of_the_default_group__is_reserved(void **state)
{
    struct world *w = *state;
    static const char *const keys[] = {"default", "Default", "DEFAULT"};
    for (size_t i = 0; i < 3; i++)
        assert_not_created(w, keys[i], ERR_INVALID, "is reserved for the default group");
    world_group(w, "default-2", NULL);
    world_group(w, "defaul", NULL);
}

static void create__key_that_differs_in_case_alone__is_refused(void **state)
{
    struct world *w = *state;
    world_group(w, "Windows", NULL);
    assert_not_created(w, "windows", ERR_EXISTS, "there is a worker group 'Windows' already");
    assert_not_created(w, "WINDOWS", ERR_EXISTS, "'Windows' already");
    world_group(w, "window", NULL);
    world_group(w, "Windows-2", NULL);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "Windows"));
    assert_int_equal(world_reply(w)->rc, 0);
    world_group(w, "windows", NULL); /* the other one is gone */
    world_restart(w);
    assert_not_created(w, "Windows", ERR_EXISTS, "'windows' already");
}

/* Groups that are there already, of a release that took these keys. */
static void keys_of_before__stay_as_they_are(void **state)
{
    struct world *w = *state;
    static const char *const keys[] = {"gpu", "GPU"};
    assert_int_equal(store_begin(w->store, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        struct group_row row = {.key = mem_strdup(keys[i])};
        assert_int_equal(store_group_put(w->store, &row, NULL), 0);
        group_row_fini(&row);
    }
    assert_int_equal(store_commit(w->store, NULL), 0);
    world_restart(w);
    for (size_t i = 0; i < 2; i++) {
        char *name = str_dupf("a%zu", i);
        world_connect(w, world_agent(w, name, keys[i]), keys[i], 1);
        mem_free(name);
        assert_int_equal(world_state(w, world_submit(w, keys[i], NULL)), JOB_SUBMITTED);
        struct command *c = cmd_group(w, keys[i], NULL);
        c->type = CMD_GROUP_UPDATE;
        c->mask = 1;
        world_do(w, c);
        assert_int_equal(world_reply(w)->rc, 0);
    }
}

/* ---- the default group ---- */

static void default_group__is_paused_and_limited_like_any_other(void **state)
{
    struct world *w = *state;
    succeeds(w, cmd_text(w, CMD_GROUP_PAUSE, "default"));
    world_connect(w, world_agent(w, "unnamed", NULL), NULL, 2);
    world_connect(w, world_agent(w, "named", "default"), "default", 2);
    int64_t first = world_submit(w, NULL, NULL), second = world_submit(w, "default", NULL);
    assert_int_equal(world_state(w, first), JOB_CREATED);
    struct command *c = update(w, "default", 1 | 8);
    c->u.group.description = mem_strdup("all the rest");
    c->u.group.max_queued = 2;
    succeeds(w, c);
    const struct reply *x = fails(w, cmd_submit(w, NULL, NULL), ERR_UNAVAILABLE, "queue-full");
    assert_non_null(strstr(err_text(&x->err), "the default group"));
    world_restart(w);
    assert_int_equal(world_state(w, first), JOB_CREATED);
    fails(w, cmd_submit(w, "default", NULL), ERR_UNAVAILABLE, "queue-full");
    world_connect(w, world_agent(w, "third", NULL), NULL, 2);
    succeeds(w, cmd_text(w, CMD_GROUP_RESUME, "default"));
    assert_int_equal(world_state(w, first), JOB_SUBMITTED);
    assert_int_equal(world_state(w, second), JOB_SUBMITTED);
    assert_group(w, first, "default");
}

static void default_group__its_requires_and_namespaces_hold(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    struct command *c = update(w, "default", 2 | 4);
    c->u.group.require = mem_strdup("{\"os\":\"windows\"}");
    c->u.group.allowed_namespaces = mem_strdup("[\"company\"]");
    succeeds(w, c);
    world_do(w, cmd_hello(w, 70, world_agent(w, "a", NULL), NULL, 1));
    assert_string_equal(world_effect(w, EFFECT_REFUSED)->u.refused.code, "requires-not-met");
    fails(w, submit_ns(w, "other", NULL), ERR_DENIED, "namespace-not-allowed");
    fails(w, submit_ns(w, "other", "default"), ERR_DENIED, "namespace-not-allowed");
    succeeds(w, submit_ns(w, "company.x", NULL));
    /* neither is a job let in that comes from another group */
    c = submit_fallback(w, "g", FALLBACK_IGNORE);
    c->u.submit.job.ns = mem_strdup("other");
    succeeds(w, c);
    int64_t id = world_reply(w)->id;
    assert_int_equal(world_state(w, id), JOB_FAILED);
    assert_int_equal(world_reason(w, id), REASON_NO_AGENT);
    assert_group(w, id, "g");
}

static void default_group__cannot_be_deleted_and_is_suggested(void **state)
{
    struct world *w = *state;
    const struct reply *x = fails(w, delete_group(w, "default", true), ERR_INVALID, NULL);
    assert_non_null(strstr(err_text(&x->err), "cannot be deleted"));
    x = fails(w, cmd_submit(w, "defualt", NULL), ERR_INVALID, "unknown-group");
    assert_non_null(strstr(x->hint, "'default'"));
}

static void default_group__a_token_for_it_lets_nobody_into_others(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    struct agent_row row;
    int64_t a = world_agent(w, "a", NULL);
    assert_int_equal(store_agent_find(w->store, a, &row, NULL), 1);
    row.token_group = mem_strdup("default");
    row.id = a + 1;
    row.name[0] = 'b';
    assert_int_equal(store_begin(w->store, NULL), 0);
    assert_int_equal(store_agent_insert(w->store, &row, NULL), 0);
    assert_int_equal(store_commit(w->store, NULL), 0);
    world_do(w, cmd_hello(w, 70, row.id, "g", 1));
    assert_string_equal(world_effect(w, EFFECT_REFUSED)->u.refused.code, "wrong-group");
    world_do(w, cmd_hello(w, 71, row.id, NULL, 1));
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    agent_row_fini(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(create__bad_values__are_refused),
        WORLD_TEST(unknown_group__submit_is_refused_with_the_nearest),
        WORLD_TEST(unknown_group__other_commands),
        WORLD_TEST(groups__survive_a_crash_with_their_rules),
        WORLD_TEST(update__only_what_the_mask_says),
        WORLD_TEST(update__requires__idle_agents_leave_and_busy_ones_after_their_jobs),
        WORLD_TEST(leaving_agent__may_reconnect_to_end_its_jobs),
        WORLD_TEST(resolve__job_then_nearest_namespace_then_default),
        WORLD_TEST(resolve__tells_where_it_comes_from),
        WORLD_TEST(namespaces__bad_values__are_refused),
        WORLD_TEST(allowed_namespaces__whole_segments_only),
        WORLD_TEST(namespace_that_tells__leaves_the_group_as_it_is),
        WORLD_TEST(group_of_a_job__never_changes),
        WORLD_TEST(max_queued__counts_queued_ones_only),
        WORLD_TEST(paused__nothing_is_handed_out_and_submits_are_taken),
        WORLD_TEST(fallback__nobody_online),
        WORLD_TEST(fallback__somebody_online_though_busy__waits),
        WORLD_TEST(fallback__last_agent_goes__counts_after_a_while_and_not_in_a_blip),
        WORLD_TEST(fallback__coordinator_restarts__agents_have_time_to_come_back),
        WORLD_TEST(fallback__comes_from_the_namespace_unless_given),
        WORLD_TEST(fallback__only_draining_agents__is_nobody),
        WORLD_TEST(fallback__in_the_default_group),
        WORLD_TEST(delete__with_jobs__only_by_force),
        WORLD_TEST(delete__empty__goes_and_comes_again),
        WORLD_TEST(delete__retrying_and_returned_jobs__end_too),
        WORLD_TEST(delete__thousands_queued__are_ended_bit_by_bit_also_over_a_crash),
        WORLD_TEST(delete__a_namespace_points_to_it__only_by_force_and_submits_say_so),
        WORLD_TEST(create__key_of_the_default_group__is_reserved),
        WORLD_TEST(create__key_that_differs_in_case_alone__is_refused),
        WORLD_TEST(keys_of_before__stay_as_they_are),
        WORLD_TEST(default_group__is_paused_and_limited_like_any_other),
        WORLD_TEST(default_group__its_requires_and_namespaces_hold),
        WORLD_TEST(default_group__cannot_be_deleted_and_is_suggested),
        WORLD_TEST(default_group__a_token_for_it_lets_nobody_into_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
