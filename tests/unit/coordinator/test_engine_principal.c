/* Whether a token may still act is decided in the transaction that acts; and who did it stands in
 * the rows and in the log. */
#include "engine_world.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/core.h"
#include "coordinator/flow/flow.h"
#include "coordinator/store/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define HOUR_MS INT64_C(3600000)

static bool fails; /* the next commit does */

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (!fails) return __real_store_commit(s, e);
    fails = false;
    store_rollback(s);
    return err_set(e, ERR_IO, "the disk is gone (test)");
}

static int64_t make_token(struct world *w, enum token_role role, const char *ns, int64_t life_ms)
{
    struct command *c = command_new(CMD_TOKEN_CREATE);
    char name[40];
    c->request = ++w->requests;
    assert_int_equal(str_format(name, sizeof name, "%s of %s", role_names[role], ns ? ns : "all"),
                     0);
    c->u.token = (struct token_row){.role = role, .uses_left = -1, .ns = mem_strdup(ns)};
    c->u.token.name = mem_strdup(name);
    if (life_ms) c->u.token.expires_ms = w->now.wall_ms + life_ms;
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

static struct command *by(struct command *c, int64_t token, enum token_role role)
{
    c->by = (struct principal){.token = token, .role = role};
    return c;
}

static struct command *revoke(struct world *w, int64_t token)
{
    return cmd_id(w, CMD_TOKEN_REVOKE, token);
}

static struct command *submit(struct world *w, int64_t token)
{
    return by(cmd_submit(w, NULL, NULL), token, ROLE_SUBMIT);
}

/* The last reply refuses; NULL: it does not. */
static void replied(const struct world *w, const char *code)
{
    const struct reply *r = world_reply(w);
    if (!str_eq(r->code, code)) fail_msg("%s: %s", r->code ? r->code : "done", r->err.msg);
    assert_int_equal(r->rc, code ? ERR_DENIED : 0);
}

/* ---- who may ---- */

/* All that a request can ask for, with nothing in it: it is refused before that is looked at. */
static void every_command__of_a_token_that_ended__is_refused(void **state)
{
    struct world *w = *state;
    int64_t revoked = make_token(w, ROLE_ADMIN, NULL, 0);
    int64_t expired = make_token(w, ROLE_ADMIN, NULL, HOUR_MS);
    int64_t reader = make_token(w, ROLE_READ, NULL, 0);
    struct command *end = revoke(w, revoked);
    end->flag = true;
    assert_int_equal(world_do(w, end), 0);
    replied(w, NULL);
    world_live(w, HOUR_MS);
    const struct {
        int64_t token;
        const char *code;
    } cases[] = {{4711, "token-unknown"},
                 {w->token, "token-unknown"}, /* for joining */
                 {revoked, "token-revoked"},
                 {expired, "token-expired"},
                 {reader, "role"}};
    for (int type = CMD_SUBMIT; type <= CMD_TRIGGER_NEXT; type++) {
        if (type == CMD_TOKEN_USED) continue;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            struct command *c =
                by(command_new((enum command_type)type), cases[i].token, ROLE_ADMIN);
            c->request = ++w->requests;
            world_do(w, c);
            replied(w, cases[i].code);
            assert_int_equal(world_effects(w, EFFECT_TOKEN_REVOKED), 0);
            assert_false(engine_wrote(w->engine));
        }
    }
}

static void revocation__counts_for_what_follows_in_its_batch(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_SUBMIT, NULL, 0);
    world_begin(w);
    world_apply(w, submit(w, token));
    world_apply(w, revoke(w, token));
    world_apply(w, submit(w, token));
    assert_int_equal(world_commit(w), 0);
    replied(w, "token-revoked"); /* the last one */
    assert_int_equal(world_effects(w, EFFECT_JOB_CHANGED), 1);
}

static void token__that_revokes_itself__does_nothing_more(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_ADMIN, NULL, 0), other = make_token(w, ROLE_ADMIN, NULL, 0);
    world_begin(w);
    world_apply(w, by(revoke(w, token), token, ROLE_ADMIN));
    world_apply(w, by(revoke(w, other), token, ROLE_ADMIN));
    assert_int_equal(world_commit(w), 0);
    replied(w, "token-revoked");
    assert_int_equal(world_effects(w, EFFECT_TOKEN_REVOKED), 1);
}

static void token__from_the_moment_of_its_end__is_expired(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_SUBMIT, NULL, HOUR_MS);
    world_pass(w, HOUR_MS - 1);
    world_do(w, submit(w, token));
    replied(w, NULL);
    world_pass(w, 1);
    world_do(w, submit(w, token));
    replied(w, "token-expired");
}

static void revocation__that_was_rolled_back__did_not_happen(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_SUBMIT, NULL, 0);
    world_do(w, submit(w, token));
    fails = true;
    assert_int_equal(world_do(w, revoke(w, token)), ERR_IO);
    assert_int_equal(world_do(w, submit(w, token)), 0);
    replied(w, NULL);
    assert_int_equal(world_do(w, revoke(w, token)), 0);
    world_restart(w);
    world_do(w, submit(w, token));
    replied(w, "token-revoked");
}

static void namespace__of_another__is_refused_in_the_command(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_SUBMIT, "mine", 0), job = world_submit(w, NULL, NULL);
    struct command *c = submit(w, token);
    c->u.submit.job.ns = mem_strdup("mine.too");
    world_do(w, c);
    replied(w, NULL);
    int64_t own = world_reply(w)->id;
    c = submit(w, token);
    c->u.submit.job.ns = mem_strdup("mines");
    world_do(w, c);
    replied(w, "namespace");
    static const enum command_type by_id[] = {CMD_CANCEL, CMD_WHY};
    for (int restarted = 0; restarted < 2; restarted++) { /* in memory, and in the store alone */
        for (int i = 0; i < 2; i++) {
            world_do(w, by(cmd_id(w, by_id[i], job), token, ROLE_READ));
            replied(w, "namespace");
        }
        world_do(w, by(cmd_id(w, CMD_WHY, own), token, ROLE_READ));
        replied(w, NULL);
        /* the first job of the group is another's, which is not told of */
        world_do(w, by(cmd_text(w, CMD_WHY, "default"), token, ROLE_READ));
        replied(w, NULL);
        assert_string_equal(world_reply(w)->json, "null");
        world_do(w, cmd_text(w, CMD_WHY, "default"));
        assert_non_null(strstr(world_reply(w)->json, "no-agent-online"));
        world_restart(w);
    }
    static const enum command_type by_place[] = {CMD_FLOW_DELETE, CMD_TRIGGER_ENABLE,
                                                 CMD_TRIGGER_DISABLE, CMD_TRIGGER_RUN};
    for (size_t i = 0; i < sizeof by_place / sizeof *by_place; i++) {
        c = by(command_new(by_place[i]), token, ROLE_SUBMIT);
        c->request = ++w->requests;
        c->u.place.ns = mem_strdup("min");
        world_do(w, c);
        replied(w, "namespace");
    }
    assert_int_equal(world_state(w, job), JOB_CREATED);
}

/* As the API has read it. */
static struct command *cmd_apply_parsed(struct world *w, const char *source)
{
    struct flow_problems problems = {0};
    struct command *c = command_new(CMD_FLOW_APPLY);
    c->request = ++w->requests;
    c->u.apply.files = mem_array(1, sizeof *c->u.apply.files);
    c->u.apply.count = 1;
    c->u.apply.files[0].name = mem_strdup("f.yaml");
    c->u.apply.files[0].source = mem_strdup(source);
    if (flow_parse("f.yaml", source, strlen(source), NULL, &problems, &c->u.apply.files[0].flow))
        fail_msg("%s: %s", source, problems.items[0].sentence);
    flow_problems_fini(&problems);
    return c;
}

#define FLOW_TRIGGER "io.kestra.plugin.core.trigger.Flow"
#define LISTENS(conditions)                                                                        \
    "id: f\nnamespace: mine.x\ntasks: [{id: a, command: [ls]}]\n"                                  \
    "triggers: [{id: t, type: " FLOW_TRIGGER ", conditions: [" conditions "]}]\n"
#define OF_FLOW(ns)                                                                                \
    "{type: io.kestra.plugin.core.condition.ExecutionFlow, namespace: " ns ", flowId: g}"
#define OF_NAMESPACE(ns, how)                                                                      \
    "{type: io.kestra.plugin.core.condition.ExecutionNamespace, namespace: " ns how "}"

/* A trigger is told the outputs of the executions that it listens to. */
static void trigger__that_listens_outside_of_the_namespace__is_refused(void **state)
{
    static const struct {
        const char *source, *code, *of;
    } cases[] = {
        {LISTENS(OF_FLOW("mine")), NULL, NULL},
        {LISTENS(OF_FLOW("mine.x.y")), NULL, NULL},
        {LISTENS(OF_NAMESPACE("mine", ", comparison: EQUALS")), NULL, NULL},
        {LISTENS(OF_NAMESPACE("mine.", ", comparison: PREFIX")), NULL, NULL},
        {LISTENS(OF_NAMESPACE("mine.x", ", comparison: PREFIX")), NULL, NULL},
        {LISTENS(OF_NAMESPACE("mine", ", comparison: PREFIX")), "namespace",
         "of namespaces whose name begins with mine"},
        {LISTENS(OF_NAMESPACE("min", ", comparison: PREFIX")), "namespace", "begins with min"},
        {LISTENS(OF_FLOW("mines")), "namespace", "told of executions of mines"},
        {LISTENS(OF_FLOW("other.x")), "namespace", "told of executions of other.x"},
        {LISTENS(""), "namespace", "told of executions of all namespaces"},
    };
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_SUBMIT, "mine", 0),
            any = make_token(w, ROLE_SUBMIT, NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_do(w, by(cmd_apply_parsed(w, cases[i].source), token, ROLE_SUBMIT));
        replied(w, cases[i].code);
        if (cases[i].of && !strstr(err_text(&world_reply(w)->err), cases[i].of))
            fail_msg("%s: not %s", err_text(&world_reply(w)->err), cases[i].of);
        world_do(w, by(cmd_apply_parsed(w, cases[i].source), any, ROLE_SUBMIT));
        replied(w, NULL);
    }
}

/* ---- the last administrator ---- */

static void may_not_revoke(struct world *w, struct command *c, const char *part)
{
    assert_int_equal(world_do(w, c), 0);
    const struct reply *r = world_reply(w);
    assert_string_equal(r->code, "last-administrator");
    assert_non_null(strstr(r->err.msg, part));
    assert_non_null(strstr(r->hint, "--force"));
    assert_non_null(strstr(r->hint, "cadre-coordinator token create"));
    assert_int_equal(world_effects(w, EFFECT_TOKEN_REVOKED), 0);
}

static void last_administrator__is_not_revoked_by_accident(void **state)
{
    struct world *w = *state;
    int64_t last = make_token(w, ROLE_ADMIN, NULL, 0);
    int64_t brief = make_token(w, ROLE_ADMIN, NULL, HOUR_MS);
    int64_t other = make_token(w, ROLE_SUBMIT, NULL, 0);
    world_do(w, by(revoke(w, other), last, ROLE_ADMIN));
    replied(w, NULL);
    world_pass(w, HOUR_MS); /* brief is over: nobody but the last one is left */
    may_not_revoke(w, by(revoke(w, last), last, ROLE_ADMIN),
                   "'admin of all' is the last administrator's token, and the one in use");
    world_do(w, revoke(w, brief));
    replied(w, NULL);
    int64_t next = make_token(w, ROLE_ADMIN, NULL, 0);
    world_do(w, by(revoke(w, last), last, ROLE_ADMIN));
    replied(w, NULL);
    may_not_revoke(w, revoke(w, next), "is the last administrator's token");
    struct command *c = revoke(w, next);
    c->flag = true;
    world_do(w, c);
    replied(w, NULL);
    assert_int_equal(world_effects(w, EFFECT_TOKEN_REVOKED), 1);
}

/* Another token that is about to end would leave nobody soon after. */
static void last_administrator__is_not_left_to_one_that_ends_soon(void **state)
{
    struct world *w = *state;
    int64_t last = make_token(w, ROLE_ADMIN, NULL, 0);
    int64_t brief = make_token(w, ROLE_ADMIN, NULL, HOUR_MS);
    int64_t also = make_token(w, ROLE_ADMIN, NULL, HOUR_MS);
    may_not_revoke(w, revoke(w, last), "is the last administrator's token");
    world_do(w, revoke(w, brief));
    replied(w, NULL);
    int64_t days = make_token(w, ROLE_ADMIN, NULL, 48 * HOUR_MS);
    world_do(w, revoke(w, last));
    replied(w, NULL);
    may_not_revoke(w, revoke(w, days), "is the last administrator's token");
    world_pass(w, HOUR_MS);
    may_not_revoke(w, revoke(w, days), "is the last administrator's token");
    int64_t alike = make_token(w, ROLE_ADMIN, NULL, 47 * HOUR_MS);
    world_do(w, revoke(w, days));
    replied(w, NULL);
    may_not_revoke(w, revoke(w, alike), "is the last administrator's token");
    (void)also;
}

/* Each of two revokes the other, in one batch: one of them comes first. */
static void two_administrators__cannot_end_each_other(void **state)
{
    struct world *w = *state;
    int64_t a = make_token(w, ROLE_ADMIN, NULL, 0), b = make_token(w, ROLE_ADMIN, NULL, 0);
    world_begin(w);
    world_apply(w, by(revoke(w, a), b, ROLE_ADMIN));
    world_apply(w, by(revoke(w, b), a, ROLE_ADMIN));
    assert_int_equal(world_commit(w), 0);
    replied(w, "token-revoked");
    assert_int_equal(world_effects(w, EFFECT_TOKEN_REVOKED), 1);
}

/* ---- who did it ---- */

static void job_is(struct world *w, int64_t id, const char *created, const char *cancelled)
{
    struct reader *r;
    struct job_view v;
    struct err e = {0};
    assert_int_equal(world_reader(w, &r, &e), 0);
    assert_int_equal(reader_job(r, id, &v, &e), 0);
    if (!str_eq(v.job.created_by, created) || !str_eq(v.job.cancelled_by, cancelled))
        fail_msg("made by %s, cancelled by %s", v.job.created_by, v.job.cancelled_by);
    job_view_fini(&v);
    reader_close(r);
}

static void job__names_who_made_and_cancelled_it(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_SUBMIT, NULL, 0), other = make_token(w, ROLE_ADMIN, NULL, 0);
    int64_t old = world_submit(w, NULL, NULL);
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    world_do(w, submit(w, token));
    int64_t queued = world_reply(w)->id;
    job_is(w, queued, "submit of all", NULL);
    job_is(w, old, NULL, NULL);
    world_do(w, by(cmd_id(w, CMD_CANCEL, queued), other, ROLE_SUBMIT));
    job_is(w, queued, "submit of all", "admin of all");
    /* one that is handed out: the first who cancelled it */
    world_do(w, by(cmd_id(w, CMD_CANCEL, old), token, ROLE_SUBMIT));
    world_do(w, by(cmd_id(w, CMD_CANCEL, old), other, ROLE_SUBMIT));
    job_is(w, old, NULL, "submit of all");
    world_do(w, cmd_finished(s, 1, old, 1, JOB_KILLED, REASON_CANCELLED));
    /* and the name outlives the token */
    world_do(w, revoke(w, token));
    struct err e = {0};
    bool more;
    world_begin(w);
    assert_int_equal(store_purge_setup(w->store, w->now.wall_ms + 1, 1000, NULL, &more, &e), 0);
    assert_int_equal(world_commit(w), 0);
    struct token_row t;
    assert_int_equal(store_token_find(w->store, token, &t, &e), 0);
    job_is(w, queued, "submit of all", "admin of all");
    job_is(w, old, NULL, "submit of all");
}

static void token_without_a_name__is_named_by_its_id(void **state)
{
    struct world *w = *state;
    char id[ID_TEXT_SIZE];
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token = (struct token_row){.role = ROLE_SUBMIT, .uses_left = -1};
    world_do(w, c);
    int64_t token = world_reply(w)->id;
    id_format(token, id);
    world_do(w, submit(w, token));
    job_is(w, world_reply(w)->id, id, NULL);
}

static struct agent_row agent_row_of(struct world *w, int64_t id)
{
    struct agent_row a;
    assert_int_equal(store_agent_find(w->store, id, &a, NULL), 1);
    return a;
}

static void agent__names_who_drained_and_removed_it(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, ROLE_ADMIN, NULL, 0), id = world_agent(w, "a", NULL);
    world_connect(w, id, NULL, 1);
    world_do(w, by(cmd_id(w, CMD_AGENT_DRAIN, id), token, ROLE_ADMIN));
    struct agent_row a = agent_row_of(w, id);
    assert_string_equal(a.drained_by, "admin of all");
    assert_non_null(a.created_by); /* the join token */
    agent_row_fini(&a);
    world_do(w, by(cmd_id(w, CMD_AGENT_RESUME, id), token, ROLE_ADMIN));
    a = agent_row_of(w, id);
    assert_null(a.drained_by);
    agent_row_fini(&a);
    struct command *c = cmd_id(w, CMD_AGENT_REMOVE, id);
    c->text = mem_strdup("its disk failed");
    world_do(w, by(c, token, ROLE_ADMIN));
    a = agent_row_of(w, id);
    assert_string_equal(a.removed_by, "admin of all");
    assert_string_equal(a.removed_reason, "its disk failed");
    agent_row_fini(&a);
}

static int note_group(const struct group_row *g, void *user)
{
    char *text = user;
    snprintf(text, 100, "%s|%s|%s", g->created_by ? g->created_by : "-",
             g->updated_by ? g->updated_by : "-", g->paused_by ? g->paused_by : "-");
    return 0;
}

static void group_is(struct world *w, const char *names)
{
    char text[100] = "";
    struct err e = {0};
    assert_int_equal(store_each_group(w->store, note_group, text, &e), 0);
    assert_string_equal(text, names);
}

static void group__names_who_made_changed_and_paused_it(void **state)
{
    struct world *w = *state;
    int64_t a = make_token(w, ROLE_ADMIN, NULL, 0);
    world_do(w, by(cmd_group(w, "g", NULL), a, ROLE_ADMIN));
    group_is(w, "admin of all|-|-");
    world_do(w, by(cmd_text(w, CMD_GROUP_PAUSE, "g"), a, ROLE_ADMIN));
    group_is(w, "admin of all|-|admin of all");
    world_restart(w); /* nothing of it is lost on the way through memory */
    struct command *c = by(command_new(CMD_GROUP_UPDATE), a, ROLE_ADMIN);
    c->request = ++w->requests;
    c->u.group.key = mem_strdup("g");
    c->u.group.max_queued = 3;
    c->mask = 8;
    world_do(w, c);
    group_is(w, "admin of all|admin of all|admin of all");
    world_do(w, by(cmd_text(w, CMD_GROUP_RESUME, "g"), a, ROLE_ADMIN));
    group_is(w, "admin of all|admin of all|-");
}

/* ---- the log ---- */

struct heard {
    char lines[4000];
    int count;
};

static void hear(enum log_level level, const char *line, void *user)
{
    struct heard *h = user;
    size_t len = strlen(h->lines);
    if (level != LOG_INFO || !str_starts(line, "audit: ")) return;
    h->count++;
    snprintf(h->lines + len, sizeof h->lines - len, "%s\n", line);
}

static void heard_is(struct heard *h, int count, const char *part)
{
    log_set_sink(NULL, NULL);
    if (h->count != count || (part && !strstr(h->lines, part)))
        fail_msg("%d lines with '%s' were expected: %s", count, part ? part : "", h->lines);
    *h = (struct heard){0};
    log_set_sink(hear, h);
}

static void removal__with_a_reason__has_it_in_the_log(void **state)
{
    struct world *w = *state;
    struct heard h = {0};
    int64_t a = make_token(w, ROLE_ADMIN, NULL, 0), one = world_agent(w, "one", NULL);
    int64_t two = world_agent(w, "two", NULL), three = world_agent(w, "three", NULL);
    world_running(w, world_connect(w, three, NULL, 1), NULL, 1);
    log_set_sink(hear, &h);
    struct command *c = cmd_id(w, CMD_AGENT_REMOVE, one);
    c->text = mem_strdup("its disk failed");
    world_do(w, by(c, a, ROLE_ADMIN));
    heard_is(&h, 1, "audit: agent remove one, reason: its disk failed by 'admin of all' (token ");
    c = cmd_id(w, CMD_AGENT_REMOVE, two);
    c->text = mem_strdup("");
    world_do(w, by(c, a, ROLE_ADMIN));
    heard_is(&h, 1, "audit: agent remove two by 'admin of all' (token ");
    struct agent_row row = agent_row_of(w, two);
    assert_null(row.removed_reason);
    agent_row_fini(&row);
    c = cmd_id(w, CMD_AGENT_REMOVE, three); /* it is busy */
    c->text = mem_strdup("sold");
    world_do(w, by(c, a, ROLE_ADMIN));
    heard_is(&h, 0, NULL);
    row = agent_row_of(w, three);
    assert_null(row.removed_reason);
    agent_row_fini(&row);
    log_set_sink(NULL, NULL);
}

static void every_command_that_was_done__is_a_line_in_the_log(void **state)
{
    struct world *w = *state;
    struct heard h = {0};
    char id[ID_TEXT_SIZE], line[200];
    int64_t a = make_token(w, ROLE_ADMIN, NULL, 0), agent = world_agent(w, "build-07", NULL);
    log_set_sink(hear, &h);
    world_do(w, by(cmd_group(w, "g", NULL), a, ROLE_ADMIN));
    heard_is(&h, 1, "audit: group create g by 'admin of all' (token ");
    world_do(w, by(cmd_id(w, CMD_AGENT_DRAIN, agent), a, ROLE_ADMIN));
    heard_is(&h, 1, "audit: agent drain build-07 by 'admin of all'");
    world_do(w, submit(w, a));
    int64_t job = world_reply(w)->id;
    id_format(job, id);
    assert_int_equal(str_format(line, sizeof line, "audit: submit %s by 'admin of all'", id), 0);
    heard_is(&h, 1, line);
    world_do(w, by(cmd_id(w, CMD_WHY, job), a, ROLE_READ)); /* changes nothing */
    world_do(w, by(cmd_id(w, CMD_CANCEL, 4711), a, ROLE_SUBMIT));
    world_do(w, submit(w, 4711)); /* refused */
    world_submit(w, NULL, NULL);  /* of nobody */
    heard_is(&h, 0, NULL);
    fails = true;
    world_do(w, submit(w, a)); /* and what was rolled back did not happen */
    heard_is(&h, 0, NULL);
    log_set_sink(NULL, NULL);
}

static struct command *several(struct world *w, enum command_type type, const int64_t *jobs,
                               size_t count)
{
    struct command *c = command_new(type);
    c->request = ++w->requests;
    c->u.several.jobs = mem_dup(jobs, count * sizeof *jobs);
    c->u.several.count = count;
    c->u.several.states = UINT32_MAX;
    return c;
}

static void jobs_of_a_filter__are_a_line_with_the_first_and_the_last(void **state)
{
    struct world *w = *state;
    struct heard h = {0};
    char from[ID_TEXT_SIZE], to[ID_TEXT_SIZE], line[200];
    int64_t a = make_token(w, ROLE_ADMIN, NULL, 0), jobs[4];
    for (int i = 3; i >= 0; i--) /* newest first */
        jobs[i] = world_submit(w, NULL, NULL);
    id_format(jobs[2], from);
    id_format(jobs[0], to);
    log_set_sink(hear, &h);
    world_do(w, by(several(w, CMD_CANCEL_ALL, jobs, 3), a, ROLE_ADMIN));
    (void)str_format(line, sizeof line, "audit: cancel 3 jobs by a filter, from %s to %s by '",
                     from, to);
    heard_is(&h, 1, line);
    world_do(w, by(several(w, CMD_CANCEL_ALL, jobs, 3), a, ROLE_ADMIN));
    heard_is(&h, 0, NULL);                                              /* nothing was done */
    world_do(w, by(several(w, CMD_RETRY_ALL, jobs, 4), a, ROLE_ADMIN)); /* one has not ended */
    (void)str_format(line, sizeof line, "audit: retry 3 jobs by a filter, from %s to %s by '", from,
                     to);
    heard_is(&h, 1, line);
    world_do(w, by(several(w, CMD_CANCEL_ALL, jobs, 4), a, ROLE_ADMIN));
    id_format(jobs[3], from);
    (void)str_format(line, sizeof line, "audit: cancel 1 job by a filter, %s by '", from);
    heard_is(&h, 1, line);
    log_set_sink(NULL, NULL);
}

static void many_submits_of_a_batch__share_a_line(void **state)
{
    struct world *w = *state;
    struct heard h = {0};
    int64_t a = make_token(w, ROLE_SUBMIT, NULL, 0), b = make_token(w, ROLE_SUBMIT, "x", 0);
    log_set_sink(hear, &h);
    world_begin(w);
    for (int i = 0; i < 300; i++) {
        struct command *c = submit(w, i % 3 ? a : b);
        c->u.submit.job.ns = mem_strdup("x");
        world_apply(w, c);
    }
    assert_int_equal(world_commit(w), 0);
    log_set_sink(NULL, NULL);
    assert_int_equal(h.count, 2);
    assert_non_null(strstr(h.lines, "audit: submit 200 times, from "));
    assert_non_null(strstr(h.lines, "audit: submit 100 times, from "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(every_command__of_a_token_that_ended__is_refused),
        WORLD_TEST(revocation__counts_for_what_follows_in_its_batch),
        WORLD_TEST(token__that_revokes_itself__does_nothing_more),
        WORLD_TEST(token__from_the_moment_of_its_end__is_expired),
        WORLD_TEST(revocation__that_was_rolled_back__did_not_happen),
        WORLD_TEST(namespace__of_another__is_refused_in_the_command),
        WORLD_TEST(trigger__that_listens_outside_of_the_namespace__is_refused),
        WORLD_TEST(last_administrator__is_not_revoked_by_accident),
        WORLD_TEST(last_administrator__is_not_left_to_one_that_ends_soon),
        WORLD_TEST(two_administrators__cannot_end_each_other),
        WORLD_TEST(job__names_who_made_and_cancelled_it),
        WORLD_TEST(token_without_a_name__is_named_by_its_id),
        WORLD_TEST(agent__names_who_drained_and_removed_it),
        WORLD_TEST(group__names_who_made_changed_and_paused_it),
        WORLD_TEST(removal__with_a_reason__has_it_in_the_log),
        WORLD_TEST(every_command_that_was_done__is_a_line_in_the_log),
        WORLD_TEST(jobs_of_a_filter__are_a_line_with_the_first_and_the_last),
        WORLD_TEST(many_submits_of_a_batch__share_a_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
