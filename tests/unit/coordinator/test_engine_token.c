/* Tokens, and enrolling with them. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct command *token(struct world *w, enum token_role role, int64_t uses)
{
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token.role = role;
    c->u.token.uses_left = uses;
    memset(c->u.token.secret_hash, 7, sizeof c->u.token.secret_hash);
    return c;
}

static int64_t make(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

static void refused(struct world *w, struct command *c, const char *code)
{
    uint64_t session = c->session;
    assert_int_equal(world_do(w, c), 0);
    const struct effect *x = world_effect(w, EFFECT_REFUSED);
    if (!x) fail_msg("it was not refused (%s)", code);
    assert_string_equal(x->u.refused.code, code);
    assert_int_equal(x->session, session);
    assert_true(strlen(x->u.refused.sentence) > 10);
    assert_null(world_effect(w, EFFECT_ENROLLED));
    assert_false(store_dirty(w->store));
}

static int64_t enrolled(struct world *w, struct command *c)
{
    assert_int_equal(world_do(w, c), 0);
    const struct effect *x = world_effect(w, EFFECT_REFUSED);
    if (x) fail_msg("refused: %s: %s", x->u.refused.code, x->u.refused.sentence);
    x = world_effect(w, EFFECT_ENROLLED);
    assert_non_null(x);
    return x->u.enrolled.agent;
}

/* ---- enrol ---- */

static void enrol__makes_an_agent(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t id = enrolled(w, cmd_enrol(w, w->token, "build-01", "g", "key-1"));
    const struct effect *x = world_effect(w, EFFECT_ENROLLED);
    assert_string_equal(x->u.enrolled.name, "build-01");
    assert_string_equal(x->u.enrolled.group, "g");
    struct agent_row a;
    assert_int_equal(store_agent_find(w->store, id, &a, NULL), 1);
    assert_string_equal(a.spki, "key-1");
    assert_int_equal(a.token, w->token);
    assert_null(a.token_group);
    assert_false(a.online);
    agent_row_fini(&a);
}

static void enrol__unknown_token__also_for_a_wrong_secret_or_an_api_token(void **state)
{
    struct world *w = *state;
    refused(w, cmd_enrol(w, 4711, "a", NULL, "k"), "unknown-token");
    struct command *c = cmd_enrol(w, w->token, "a", NULL, "k");
    c->u.enrol.secret_hash[31] ^= 1;
    refused(w, c, "unknown-token");
    int64_t api = make(w, token(w, ROLE_ADMIN, -1));
    refused(w, cmd_enrol(w, api, "a", NULL, "k"), "unknown-token");
}

static void enrol__revoked(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, w->token));
    refused(w, cmd_enrol(w, w->token, "a", NULL, "k"), "token-revoked");
}

static void enrol__wrong_secret_of_a_revoked_token__tells_nothing_of_it(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, w->token));
    struct command *c = cmd_enrol(w, w->token, "a", NULL, "k");
    c->u.enrol.secret_hash[0] ^= 1;
    refused(w, c, "unknown-token");
}

static void enrol__expired(void **state)
{
    struct world *w = *state;
    struct command *c = token(w, ROLE_JOIN, 1);
    c->u.token.expires_ms = w->now.wall_ms + 1000;
    int64_t id = make(w, c);
    world_pass(w, 999);
    world_tick(w);
    enrolled(w, cmd_enrol(w, id, "in-time", NULL, "k"));
    c = token(w, ROLE_JOIN, 1);
    c->u.token.expires_ms = w->now.wall_ms + 1000;
    id = make(w, c);
    world_pass(w, 1000);
    refused(w, cmd_enrol(w, id, "late", NULL, "k"), "token-expired");
}

static void enrol__used_up(void **state)
{
    struct world *w = *state;
    int64_t id = make(w, token(w, ROLE_JOIN, 2));
    enrolled(w, cmd_enrol(w, id, "a", NULL, "k1"));
    enrolled(w, cmd_enrol(w, id, "b", NULL, "k2"));
    refused(w, cmd_enrol(w, id, "c", NULL, "k3"), "token-used-up");
}

static void enrol__two_in_one_batch_with_one_use__one_gets_in(void **state)
{
    struct world *w = *state;
    int64_t id = make(w, token(w, ROLE_JOIN, 1));
    world_begin(w);
    world_apply(w, cmd_enrol(w, id, "a", NULL, "k1"));
    world_apply(w, cmd_enrol(w, id, "b", NULL, "k2"));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_ENROLLED), 1);
    assert_int_equal(world_effects(w, EFFECT_REFUSED), 1);
}

static void enrol__wrong_group(void **state)
{
    struct world *w = *state;
    world_group(w, "a", NULL);
    world_group(w, "b", NULL);
    struct command *c = token(w, ROLE_JOIN, -1);
    c->u.token.group = mem_strdup("a");
    int64_t id = make(w, c);
    refused(w, cmd_enrol(w, id, "x", "b", "k"), "wrong-group");
    enrolled(w, cmd_enrol(w, id, "x", "a", "k"));
    enrolled(w, cmd_enrol(w, id, "y", NULL, "k2")); /* takes the token's */
    assert_string_equal(world_effect(w, EFFECT_ENROLLED)->u.enrolled.group, "a");
}

static void enrol__unknown_group(void **state)
{
    struct world *w = *state;
    refused(w, cmd_enrol(w, w->token, "x", "nix", "k"), "unknown-group");
}

static void enrol__name_taken_and_replaced(void **state)
{
    struct world *w = *state;
    int64_t old = enrolled(w, cmd_enrol(w, w->token, "a", NULL, "k1"));
    uint64_t s = world_connect(w, old, NULL, 1);
    refused(w, cmd_enrol(w, w->token, "a", NULL, "k2"), "name-taken");
    struct command *c = cmd_enrol(w, w->token, "a", NULL, "k2");
    c->u.enrol.replace = true;
    int64_t new = enrolled(w, c);
    assert_int_not_equal(old, new);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, s);
    world_do(w, cmd_hello(w, 70, old, NULL, 1));
    assert_string_equal(world_effect(w, EFFECT_REFUSED)->u.refused.code, "revoked");
    world_connect(w, new, NULL, 1);
}

static void enrol__replace_where_there_is_nobody__is_fine(void **state)
{
    struct world *w = *state;
    struct command *c = cmd_enrol(w, w->token, "a", NULL, "k");
    c->u.enrol.replace = true;
    enrolled(w, c);
}

static void enrol__again_with_same_token_and_key__is_the_same_agent_and_no_use(void **state)
{
    struct world *w = *state;
    int64_t id = make(w, token(w, ROLE_JOIN, 1));
    int64_t agent = enrolled(w, cmd_enrol(w, id, "a", NULL, "k1"));
    world_crash(w);
    assert_int_equal(enrolled(w, cmd_enrol(w, id, "a", NULL, "k1")), agent);
    assert_int_equal(enrolled(w, cmd_enrol(w, id, "a", NULL, "k1")), agent);
    refused(w, cmd_enrol(w, id, "a", NULL, "k2"), "token-used-up");
    int64_t other = make(w, token(w, ROLE_JOIN, 1));
    refused(w, cmd_enrol(w, other, "a", NULL, "k1"), "name-taken");
}

static void enrol__name_of_a_removed_agent__is_free(void **state)
{
    struct world *w = *state;
    int64_t old = enrolled(w, cmd_enrol(w, w->token, "a", NULL, "k1"));
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, old));
    int64_t new = enrolled(w, cmd_enrol(w, w->token, "a", NULL, "k1"));
    assert_int_not_equal(old, new);
}

static void enrol__too_many_agents(void **state)
{
    struct world *w = *state;
    world_teardown(state);
    w = mem_alloc(sizeof *w);
    *state = w;
    w->config = (struct engine_config){.lease_ms = 300000, .heartbeat_ms = 10000, .max_agents = 1};
    world_open(w);
    enrolled(w, cmd_enrol(w, w->token, "a", NULL, "k1"));
    refused(w, cmd_enrol(w, w->token, "b", NULL, "k2"), "busy");
}

/* ---- tokens ---- */

static void token__bad_values__are_refused(void **state)
{
    struct world *w = *state;
    struct command *rows[6];
    for (int i = 0; i < 6; i++)
        rows[i] = token(w, ROLE_SUBMIT, -1);
    rows[0]->u.token.role = (enum token_role)9;
    rows[1]->u.token.uses_left = 0;
    rows[2]->u.token.uses_left = -2;
    rows[3]->u.token.ns = mem_strdup("a..b");
    rows[4]->u.token.group = mem_strdup("nix");
    rows[5]->u.token.name = mem_strdup("a\nb");
    for (int i = 0; i < 6; i++) {
        world_do(w, rows[i]);
        if (world_reply(w)->rc != ERR_INVALID) fail_msg("row %d is accepted", i);
    }
}

static void token__id_given__is_kept_and_not_twice(void **state)
{
    struct world *w = *state;
    struct command *c = token(w, ROLE_ADMIN, -1);
    c->u.token.id = 77;
    assert_int_equal(make(w, c), 77);
    c = token(w, ROLE_ADMIN, -1);
    c->u.token.id = 77;
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, ERR_EXISTS);
}

static void token__times_are_the_engines(void **state)
{
    struct world *w = *state;
    struct command *c = token(w, ROLE_READ, -1);
    c->u.token.revoked_ms = 5;
    c->u.token.last_used_ms = 5;
    int64_t id = make(w, c);
    struct token_row t;
    assert_int_equal(store_token_find(w->store, id, &t, NULL), 1);
    assert_int_equal(t.created_ms, w->now.wall_ms);
    assert_int_equal(t.revoked_ms, 0);
    assert_int_equal(t.last_used_ms, 0);
    token_row_fini(&t);
    world_pass(w, 5000);
    c = cmd_id(w, CMD_TOKEN_USED, id);
    c->request = 0;
    world_do(w, c);
    assert_int_equal(w->effects.count, 0);
    store_token_find(w->store, id, &t, NULL);
    assert_int_equal(t.last_used_ms, w->now.wall_ms);
    token_row_fini(&t);
}

static void token__revoke_twice_or_unknown(void **state)
{
    struct world *w = *state;
    int64_t id = make(w, token(w, ROLE_READ, -1));
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, id));
    assert_int_equal(world_reply(w)->rc, 0);
    /* for whoever holds what it opened: the one that asked may be gone */
    assert_int_equal(world_effect(w, EFFECT_TOKEN_REVOKED)->u.revoked.token, id);
    int64_t at = w->now.wall_ms;
    world_pass(w, 1000);
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, id));
    assert_int_equal(world_reply(w)->rc, 0);
    struct token_row t;
    store_token_find(w->store, id, &t, NULL);
    assert_int_equal(t.revoked_ms, at);
    token_row_fini(&t);
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, 4711));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    assert_null(world_effect(w, EFFECT_TOKEN_REVOKED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(enrol__makes_an_agent),
        WORLD_TEST(enrol__unknown_token__also_for_a_wrong_secret_or_an_api_token),
        WORLD_TEST(enrol__revoked),
        WORLD_TEST(enrol__wrong_secret_of_a_revoked_token__tells_nothing_of_it),
        WORLD_TEST(enrol__expired),
        WORLD_TEST(enrol__used_up),
        WORLD_TEST(enrol__two_in_one_batch_with_one_use__one_gets_in),
        WORLD_TEST(enrol__wrong_group),
        WORLD_TEST(enrol__unknown_group),
        WORLD_TEST(enrol__name_taken_and_replaced),
        WORLD_TEST(enrol__replace_where_there_is_nobody__is_fine),
        WORLD_TEST(enrol__again_with_same_token_and_key__is_the_same_agent_and_no_use),
        WORLD_TEST(enrol__name_of_a_removed_agent__is_free),
        WORLD_TEST(enrol__too_many_agents),
        WORLD_TEST(token__bad_values__are_refused),
        WORLD_TEST(token__id_given__is_kept_and_not_twice),
        WORLD_TEST(token__times_are_the_engines),
        WORLD_TEST(token__revoke_twice_or_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
