/* coordinator/sessions/not_owner: what is said to agents where the queue is another's. */
#include "tests/unit/wire/link_fixture.h"

#include "base/str.h"
#include "coordinator/sessions/not_owner.h"
#include "coordinator/sessions/sessions.h"
#include "wire/frame.h"
#include "wire/msg.h"

static struct not_owner *standby(struct world *w, int64_t first_message_ms)
{
    return not_owner_new(
        &(struct not_owner_options){.loop = &w->loop, .first_message_ms = first_message_ms});
}

/* Takes over the link that the world has opened. */
static void refuse(struct world *w, struct not_owner *n)
{
    sessions_refuse_not_owner(n, w->server.link);
    w->server.link = NULL; /* its end is told to the other one */
}

static void end(struct world *w, struct not_owner *n)
{
    not_owner_stop(n, true);
    while (not_owner_count(n) > 0)
        uv_run(&w->loop, UV_RUN_ONCE);
    not_owner_free(n);
}

static void say(struct world *w, const struct msg *m)
{
    assert_int_equal(msg_frame_add(link_out(w->client.link), m), 0);
    link_flush_later(w->client.link);
}

static void say_hello(struct world *w)
{
    char text[] = "x", capabilities[] = "{}";
    struct msg m = {.type = MSG_HELLO};
    m.u.hello = (struct msg_hello){.protocol = 3,
                                   .protocol_min = 1,
                                   .version = text,
                                   .name = text,
                                   .slots = 1,
                                   .capabilities = capabilities,
                                   .boot_id = text,
                                   .host_id = text,
                                   .journal_id = text};
    say(w, &m);
}

/* The only message that came, and then the end of the connection in order. */
static void expect_refused(struct world *w, const char *code, const char *addresses)
{
    struct frame_reader r;
    struct frame f;
    struct err e = {0};
    struct msg m;
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_OK);
    assert_int_equal(w->client.received, w->client.text_len);
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, w->client.text, w->client.text_len, &e), 0);
    assert_int_equal(frame_reader_next(&r, &f, &e), 1);
    assert_int_equal(msg_decode(f.body, f.len, (struct msg_peer){.known = false}, &m, &e), 0);
    assert_int_equal(m.type, MSG_REFUSED);
    assert_string_equal(m.u.refused.code, code);
    assert_true(str_eq(m.u.refused.addresses, addresses));
    assert_true(m.u.refused.retry_ms >= 250);
    msg_fini(&m);
    assert_int_equal(frame_reader_next(&r, &f, &e), 0);
    frame_reader_fini(&r);
}

/* One agent after the other. */
static void once(struct world *w, const char *set, const char *said)
{
    struct not_owner *n = standby(w, 0);
    fixture_open_both(w);
    refuse(w, n);
    not_owner_set(n, set); /* as it is when the answer is given */
    say_hello(w);
    expect_refused(w, "not-owner", said);
    while (not_owner_count(n) > 0)
        uv_run(&w->loop, UV_RUN_ONCE);
    end(w, n);
}

static void hello__is_told_where_the_owner_is(void **state)
{
    once(*state, "[\"a:1\",\"b:2\"]", "[\"a:1\",\"b:2\"]");
}

static void hello_while_there_is_no_owner__is_told_so(void **state)
{
    static const char *const none[] = {NULL, "[]", "7", "{"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        once(*state, none[i], NULL);
        if (i + 1 == sizeof none / sizeof *none) return;
        assert_int_equal(fixture_teardown(state), 0);
        assert_int_equal(fixture_setup(state), 0);
    }
}

static void machine_that_enrols__is_told_where_the_owner_is(void **state)
{
    struct world *w = *state;
    struct not_owner *n = standby(w, 0);
    char text[] = "x";
    fixture_open_both(w);
    refuse(w, n);
    not_owner_set(n, "[\"a:1\"]");
    say(w, &(struct msg){.type = MSG_ENROL, .u.enrol = {.token = text, .csr = text}});
    expect_refused(w, "not-owner", "[\"a:1\"]");
    end(w, n);
}

static void anything_else__is_a_violation(void **state)
{
    struct world *w = *state;
    struct not_owner *n = standby(w, 0);
    static const char garbage[] = {0, 0, 0, 3, 1, '{', 'x'};
    fixture_open_both(w);
    refuse(w, n);
    assert_int_equal(link_write(w->client.link, garbage, sizeof garbage), 0);
    expect_refused(w, "protocol", NULL);
    end(w, n);
}

static void peer_that_says_nothing__is_cut(void **state)
{
    struct world *w = *state;
    struct not_owner *n = standby(w, 1);
    fixture_open_both(w);
    refuse(w, n);
    assert_int_equal(not_owner_count(n), 1);
    fixture_run(w, &w->client.closed, 1);
    while (not_owner_count(n) > 0)
        uv_run(&w->loop, UV_RUN_ONCE);
    end(w, n);
}

static void end__closes_what_is_open_and_what_comes(void **state)
{
    struct world *w = *state;
    struct not_owner *n = standby(w, 0);
    fixture_open_both(w);
    not_owner_stop(n, false);
    refuse(w, n);
    fixture_run(w, &w->client.closed, 1);
    end(w, n);
}

/* An owner that lost the queue. */
static void sessions_that_are_turned_away__are_told_where_the_owner_is(void **state)
{
    struct world *w = *state;
    const struct sessions_options o = {.loop = &w->loop,
                                       .lease_ms = 60000,
                                       .heartbeat_ms = 10000,
                                       .output_limit_bytes = 1};
    struct sessions *all = sessions_new(&o);
    fixture_open_both(w);
    sessions_accept(all, w->server.link);
    w->server.link = NULL;
    sessions_turn_away(all, "[\"a:1\"]");
    sessions_turn_away(all, "[\"b:1\"]"); /* it was told */
    expect_refused(w, "not-owner", "[\"a:1\"]");
    while (sessions_count(all) > 0)
        uv_run(&w->loop, UV_RUN_ONCE);
    sessions_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(hello__is_told_where_the_owner_is),
        LINK_TEST(hello_while_there_is_no_owner__is_told_so),
        LINK_TEST(machine_that_enrols__is_told_where_the_owner_is),
        LINK_TEST(anything_else__is_a_violation),
        LINK_TEST(peer_that_says_nothing__is_cut),
        LINK_TEST(end__closes_what_is_open_and_what_comes),
        LINK_TEST(sessions_that_are_turned_away__are_told_where_the_owner_is),
    };
    return cmocka_run_group_tests(tests, fixture_setup_group, fixture_teardown_group);
}
