/* The last refusal of an agent: who leaves one, how often it is written, and when it goes. */
#include "engine_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* refusal_row_fini. false: there is none. */
static bool find(struct world *w, int64_t agent, struct refusal_row *out)
{
    struct reader *r;
    struct err e = {0};
    assert_int_equal(world_reader(w, &r, &e), 0);
    int rc = reader_refusal(r, agent, out, &e);
    reader_close(r);
    if (rc != 0) assert_int_equal(rc, ERR_NOT_FOUND);
    return rc == 0;
}

static void has(struct world *w, int64_t agent, const char *reason, const char *part)
{
    struct refusal_row r;
    if (!find(w, agent, &r)) fail_msg("no refusal is kept");
    assert_string_equal(r.reason, reason);
    if (!strstr(r.message, part)) fail_msg("'%s' is not in '%s'", part, r.message);
    refusal_row_fini(&r);
}

static void has_none(struct world *w, int64_t agent)
{
    struct refusal_row r = {0};
    if (find(w, agent, &r)) fail_msg("refused: %s", r.message);
}

static int64_t time_of(struct world *w, int64_t agent)
{
    struct refusal_row r;
    assert_true(find(w, agent, &r));
    int64_t at_ms = r.at_ms;
    refusal_row_fini(&r);
    return at_ms;
}

static void knock(struct world *w, int64_t agent, const char *group)
{
    assert_int_equal(world_do(w, cmd_hello(w, ++w->sessions, agent, group, 1)), 0);
}

static struct command *cmd_refused(int64_t agent, const char *code, const char *message)
{
    struct command *c = command_new(CMD_REFUSED);
    c->u.refused.agent = agent;
    c->u.refused.code = mem_strdup(code);
    c->u.refused.message = mem_strdup(message);
    return c;
}

static void a_refused_agent__leaves_its_reason__until_it_is_let_in(void **state)
{
    struct world *w = *state;
    world_group(w, "win", "{\"os\":\"windows\"}");
    int64_t a = world_agent(w, "a", "win");
    has_none(w, a);
    knock(w, a, "win");
    has(w, a, "requires-not-met", "os = windows");
    world_restart(w);
    has(w, a, "requires-not-met", "os = windows");
    world_pass(w, 4000);
    knock(w, a, "nowhere");
    has(w, a, "unknown-group", "'nowhere'");
    world_group(w, "nowhere", NULL);
    knock(w, a, "nowhere");
    has_none(w, a);
}

static void the_same_again__is_written_once_a_minute(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    knock(w, a, "x");
    int64_t first = time_of(w, a);
    world_pass(w, 59000);
    knock(w, a, "x");
    assert_int_equal(time_of(w, a), first);
    world_pass(w, 1000);
    knock(w, a, "x");
    assert_int_equal(time_of(w, a), first + 60000);
    /* another one at once, but no more than one a second */
    world_pass(w, 999);
    knock(w, a, "y");
    has(w, a, "unknown-group", "'x'");
    world_pass(w, 1);
    knock(w, a, "y");
    has(w, a, "unknown-group", "'y'");
}

static void strangers_and_removed_agents__leave_nothing(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), known = 0;
    struct err e = {0};
    knock(w, 4711, "x");
    has_none(w, 4711);
    world_do(w, cmd_refused(4711, "protocol", "garbage"));
    has_none(w, 4711);
    knock(w, a, "x");
    has(w, a, "unknown-group", "'x'");
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    has_none(w, a);
    world_pass(w, 60000);
    knock(w, a, "x");
    world_do(w, cmd_refused(a, "protocol", "garbage"));
    has_none(w, a);
    assert_int_equal(store_agent_count(w->store, &known, &e), 0);
}

static void what_the_loop_refuses__is_kept_too(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_do(w, cmd_refused(a, "protocol-version", "speaks otherwise"));
    has(w, a, "protocol-version", "speaks otherwise");
    world_connect(w, a, NULL, 1);
    has_none(w, a);
}

static void a_second_session_elsewhere__is_told_of_where_the_agent_is_shown(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_connect(w, a, NULL, 1);
    struct command *c = cmd_hello(w, ++w->sessions, a, NULL, 1);
    mem_free(c->u.hello.host_id);
    c->u.hello.host_id = mem_strdup("another");
    world_do(w, c);
    has(w, a, "duplicate", "another machine");
}

static void why__names_the_agents_that_are_not_let_in(void **state)
{
    struct world *w = *state;
    struct json *tree = NULL;
    world_group(w, "win", "{\"os\":\"windows\"}");
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        int64_t id = world_agent(w, name, "win");
        world_pass(w, 1000);
        knock(w, id, "win");
    }
    world_do(w, cmd_id(w, CMD_WHY, world_submit(w, "win", NULL)));
    const char *json = world_reply(w)->json;
    assert_int_equal(json_parse(json, strlen(json), &tree, NULL), 0);
    const char *text = json_get_str(tree, "message", "");
    assert_string_equal(json_get_str(tree, "code", ""), "no-agent-online");
    assert_non_null(strstr(text, "group win has no agent online: e was refused at "));
    assert_non_null(strstr(text, "; c was refused at "));
    assert_null(strstr(text, "b was"));
    assert_non_null(strstr(text, "; …"));
    json_free(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(a_refused_agent__leaves_its_reason__until_it_is_let_in),
        WORLD_TEST(the_same_again__is_written_once_a_minute),
        WORLD_TEST(strangers_and_removed_agents__leave_nothing),
        WORLD_TEST(what_the_loop_refuses__is_kept_too),
        WORLD_TEST(a_second_session_elsewhere__is_told_of_where_the_agent_is_shown),
        WORLD_TEST(why__names_the_agents_that_are_not_let_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
