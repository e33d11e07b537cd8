/* Sessions of the page in the engine: who may sign in and out, what a session may still do, and
 * how many there are. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
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

static int64_t make_token(struct world *w, int64_t life_ms)
{
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token = (struct token_row){.role = ROLE_SUBMIT, .uses_left = -1};
    if (life_ms) c->u.token.expires_ms = w->now.wall_ms + life_ms;
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

static struct command *sign_in(struct world *w, int64_t token)
{
    struct command *c = command_new(CMD_SIGN_IN);
    c->request = ++w->requests;
    c->by = (struct principal){.token = token, .role = ROLE_JOIN};
    c->u.page_session.ends_ms = w->now.wall_ms + PAGE_SESSION_LIFE_MS;
    memcpy(c->u.page_session.hash, &c->request, sizeof c->request);
    return c;
}

static int64_t signed_in(struct world *w, int64_t token)
{
    assert_int_equal(world_do(w, sign_in(w, token)), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    assert_true(world_reply(w)->id > 0);
    return world_reply(w)->id;
}

static struct command *sign_out(struct world *w, int64_t token, int64_t session)
{
    struct command *c = cmd_id(w, CMD_SIGN_OUT, session);
    c->by = (struct principal){.token = token, .role = ROLE_READ};
    return c;
}

static struct command *submit(struct world *w, int64_t token, int64_t session)
{
    struct command *c = cmd_submit(w, NULL, NULL);
    c->by = (struct principal){.token = token, .session = session, .role = ROLE_SUBMIT};
    return c;
}

/* The last reply refuses; NULL: it does not. */
static void replied(const struct world *w, const char *code)
{
    const struct reply *r = world_reply(w);
    if (!str_eq(r->code, code)) fail_msg("%s: %s", r->code ? r->code : "done", r->err.msg);
    assert_int_equal(r->rc, code ? ERR_DENIED : 0);
}

static struct page_session_row row_of(struct world *w, int64_t session)
{
    struct page_session_row p;
    assert_int_equal(store_page_session_find(w->store, session, &p, NULL), 1);
    return p;
}

static bool is_there(struct world *w, int64_t session)
{
    struct page_session_row p;
    return store_page_session_find(w->store, session, &p, NULL) == 1;
}

/* ---- signing in ---- */

static void session__ends_with_its_time_or_with_its_token(void **state)
{
    struct world *w = *state;
    int64_t lasting = make_token(w, 0), brief = make_token(w, HOUR_MS);
    int64_t until_ms = w->now.wall_ms + PAGE_SESSION_LIFE_MS;
    struct page_session_row p = row_of(w, signed_in(w, lasting));
    assert_int_equal(p.token, lasting);
    assert_int_equal(p.created_ms, w->now.wall_ms);
    assert_int_equal(p.ends_ms, until_ms);
    p = row_of(w, signed_in(w, brief));
    assert_int_equal(p.ends_ms, w->now.wall_ms + HOUR_MS);
}

static void sign_in__of_who_may_not__is_refused(void **state)
{
    struct world *w = *state;
    int64_t revoked = make_token(w, 0), expired = make_token(w, HOUR_MS);
    world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, revoked));
    world_live(w, HOUR_MS);
    const struct {
        int64_t token;
        const char *code;
    } cases[] = {{0, "token-missing"},
                 {4711, "token-unknown"},
                 {w->token, "token-unknown"}, /* for joining */
                 {revoked, "token-revoked"},
                 {expired, "token-expired"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_do(w, sign_in(w, cases[i].token));
        replied(w, cases[i].code);
        assert_false(engine_wrote(w->engine));
    }
}

static void sign_in__over_the_number_of_sessions__ends_the_oldest_of_the_token(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), other = make_token(w, 0), first, second = 0;
    int64_t others = signed_in(w, other);
    first = signed_in(w, token);
    for (int i = 1; i < PAGE_SESSIONS_MOST; i++) {
        int64_t id = signed_in(w, token);
        if (i == 1) second = id;
        assert_null(world_effect(w, EFFECT_SIGNED_OUT));
    }
    assert_true(is_there(w, first));
    signed_in(w, token);
    assert_int_equal(world_effects(w, EFFECT_SIGNED_OUT), 1);
    assert_int_equal(world_effect(w, EFFECT_SIGNED_OUT)->u.signed_out.session, first);
    assert_false(is_there(w, first));
    assert_true(is_there(w, second));
    assert_true(is_there(w, others));
}

/* ---- what it may do ---- */

static void session__that_holds__may_what_its_token_may(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), session = signed_in(w, token);
    world_do(w, submit(w, token, session));
    replied(w, NULL);
    struct command *c = submit(w, token, session);
    c->by.role = ROLE_ADMIN;
    world_do(w, c);
    replied(w, "role");
    world_restart(w);
    world_do(w, submit(w, token, session));
    replied(w, NULL);
    assert_int_equal(world_do(w, cmd_id(w, CMD_TOKEN_REVOKE, token)), 0);
    world_do(w, submit(w, token, session));
    replied(w, "token-revoked");
}

static void session__that_is_none__may_nothing(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), other = make_token(w, 0);
    int64_t others = signed_in(w, other);
    world_do(w, submit(w, token, 4711));
    replied(w, "session-ended");
    world_do(w, submit(w, token, others));
    replied(w, "session-ended");
    assert_false(engine_wrote(w->engine));
}

static void session__from_the_moment_of_its_end__may_nothing(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), session = signed_in(w, token);
    world_pass(w, PAGE_SESSION_LIFE_MS - 1);
    world_do(w, submit(w, token, session));
    replied(w, NULL);
    world_pass(w, 1);
    world_do(w, submit(w, token, session));
    replied(w, "session-ended");
    world_do(w, submit(w, token, 0));
    replied(w, NULL);
}

/* ---- signing out ---- */

static void sign_out__counts_for_what_follows_in_its_batch(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), session = signed_in(w, token), kept = signed_in(w, token);
    world_begin(w);
    world_apply(w, submit(w, token, session));
    world_apply(w, sign_out(w, token, session));
    world_apply(w, submit(w, token, session));
    assert_int_equal(world_commit(w), 0);
    replied(w, "session-ended"); /* the last one */
    assert_int_equal(world_effects(w, EFFECT_JOB_CHANGED), 1);
    assert_int_equal(world_effects(w, EFFECT_SIGNED_OUT), 1);
    assert_int_equal(world_effect(w, EFFECT_SIGNED_OUT)->u.signed_out.session, session);
    world_do(w, submit(w, token, kept));
    replied(w, NULL);
}

static void sign_out__that_was_rolled_back__did_not_happen(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), session = signed_in(w, token);
    fails = true;
    assert_int_equal(world_do(w, sign_out(w, token, session)), ERR_IO);
    assert_null(world_effect(w, EFFECT_SIGNED_OUT));
    world_do(w, submit(w, token, session));
    replied(w, NULL);
}

static void sign_out__of_another_token_or_twice__finds_nothing(void **state)
{
    struct world *w = *state;
    int64_t token = make_token(w, 0), other = make_token(w, 0), session = signed_in(w, token);
    const struct {
        int64_t token, session;
        int rc;
    } cases[] = {{other, session, ERR_NOT_FOUND},
                 {token, 4711, ERR_NOT_FOUND},
                 {token, session, 0},
                 {token, session, ERR_NOT_FOUND}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_do(w, sign_out(w, cases[i].token, cases[i].session));
        assert_int_equal(world_reply(w)->rc, cases[i].rc);
        assert_int_equal(world_effects(w, EFFECT_SIGNED_OUT), cases[i].rc == 0);
    }
}

/* ---- afterwards ---- */

/* Whatever else is kept, and for how long. */
static void session__that_has_ended__goes(void **state)
{
    struct world *w = *state;
    int64_t old = signed_in(w, make_token(w, HOUR_MS)), token = make_token(w, 0);
    int64_t session = signed_in(w, token);
    world_live(w, HOUR_MS / 2);
    assert_true(is_there(w, old));
    world_live(w, HOUR_MS);
    assert_false(is_there(w, old));
    assert_true(is_there(w, session));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(session__ends_with_its_time_or_with_its_token),
        WORLD_TEST(sign_in__of_who_may_not__is_refused),
        WORLD_TEST(sign_in__over_the_number_of_sessions__ends_the_oldest_of_the_token),
        WORLD_TEST(session__that_holds__may_what_its_token_may),
        WORLD_TEST(session__that_is_none__may_nothing),
        WORLD_TEST(session__from_the_moment_of_its_end__may_nothing),
        WORLD_TEST(sign_out__counts_for_what_follows_in_its_batch),
        WORLD_TEST(sign_out__that_was_rolled_back__did_not_happen),
        WORLD_TEST(sign_out__of_another_token_or_twice__finds_nothing),
        WORLD_TEST(session__that_has_ended__goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
