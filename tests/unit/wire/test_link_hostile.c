/* What a link's peer must not get away with, on real sockets. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/wire/link_fixture.h"
#include "wire/limits.h"
#include "wire/link_uv.h"

#include <string.h>

static void set_limits(struct world *w, int64_t handshake_ms, unsigned handshakes,
                       unsigned failures)
{
    struct door_limits l = {.places = handshakes,
                            .patience_ms = handshake_ms,
                            .failures = failures};
    link_listener_set_limits(w->listener, &l);
}

static void listen_with(struct world *w, int64_t handshake_ms, unsigned handshakes,
                        unsigned failures)
{
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    set_limits(w, handshake_ms, handshakes, failures);
}

static struct link_listener_counters counters(struct world *w)
{
    struct link_listener_counters c;
    link_listener_counters(w->listener, &c);
    return c;
}

/* ---- handshakes that come to nothing ---- */

static void server__of_foreign_ca__is_not_trusted(void **state)
{
    struct world *w = *state;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->foreign, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, &w->pki.client, ALPN_CADRE));
    link_write(w->client.link, "secret", 6);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_TLS);
    assert_true(str_starts(w->client.err.msg, "connecting to 127.0.0.1:"));
    assert_non_null(strstr(w->client.err.msg, "not issued by the CA"));
    assert_int_equal(w->client.opened, 0);
    fixture_run_ms(w, 20);
    assert_int_equal(w->accepted, 0);
    assert_int_equal(counters(w).failed, 1);
}

static void server__with_another_pin__gets_no_byte(void **state)
{
    struct world *w = *state;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_pinned(w->foreign.pin, ALPN_CADRE));
    link_write(w->client.link, "token", 5);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_TLS);
    assert_non_null(strstr(w->client.err.msg, "pinned"));
    fixture_run_ms(w, 20);
    assert_int_equal(w->server.received, 0);
}

static void client__of_foreign_ca__opens_and_is_told_in_words(void **state)
{
    struct world *w = *state;
    struct tls_peer p;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, &w->foreign.client, ALPN_CADRE));
    fixture_run(w, &w->server.opened, 1);
    link_peer(w->server.link, &p);
    assert_int_equal(p.state, TLS_PEER_UNKNOWN_CA);
    link_write(w->server.link, "refused", 7);
    fixture_close(&w->server);
    fixture_run(w, &w->client.closed, 1);
    assert_string_equal(w->client.text, "refused");
}

static void expect_cut(struct world *w, const void *data, size_t len)
{
    struct bare b;
    uint64_t before = counters(w).failed;
    bare_connect(w, &b);
    bare_send(&b, data, len);
    fixture_run(w, &b.ended, 1);
    assert_int_equal(counters(w).failed, before + 1);
    assert_int_equal(counters(w).inside, 0);
    assert_int_equal(w->accepted, 0);
    bare_finish(w, &b);
}

static void listener__plain_http__is_cut(void **state)
{
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct world *w = *state;
    listen_with(w, 0, 0, 0);
    expect_cut(w, http, strlen(http));
}

static void listener__garbage__is_cut(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    uint8_t noise[3000];
    listen_with(w, 0, 0, 1000);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pki_random(noise, sizeof(noise), &e), 0);
        noise[0] = (uint8_t)(noise[0] | 0x40);
        expect_cut(w, noise, sizeof(noise));
    }
}

static void listener__silence__is_cut_in_time(void **state)
{
    struct world *w = *state;
    struct bare b;
    listen_with(w, 50, 0, 0);
    bare_connect(w, &b);
    fixture_run(w, &b.ended, 1);
    assert_int_equal(b.received, 0);
    assert_int_equal(counters(w).late, 1);
    assert_int_equal(counters(w).inside, 0);
    bare_finish(w, &b);
}

struct dripping {
    struct bare *b;
    unsigned sent;
};

static void on_drip(uv_timer_t *t)
{
    struct dripping *d = t->data;
    static const uint8_t head[] = {22, 3, 1, 0x02, 0x00, 1, 0};
    uv_buf_t buf =
        uv_buf_init((char *)&head[d->sent < sizeof(head) ? d->sent : sizeof(head) - 1], 1);
    if (d->b->ended == 0 && uv_try_write((uv_stream_t *)&d->b->tcp, &buf, 1) == 1) d->sent++;
}

/* A byte now and then does not prolong the handshake. */
static void listener__byte_by_byte_for_ever__is_cut_in_time(void **state)
{
    struct world *w = *state;
    struct bare b;
    struct dripping d = {&b, 0};
    uv_timer_t timer;
    listen_with(w, 100, 0, 0);
    bare_connect(w, &b);
    uv_timer_init(&w->loop, &timer);
    timer.data = &d;
    uv_timer_start(&timer, on_drip, 1, 10);
    fixture_run(w, &b.ended, 1);
    fixture_let_go(w, (uv_handle_t *)&timer);
    bare_finish(w, &b);
    assert_true(d.sent > 1);
    assert_int_equal(counters(w).late, 1);
}

/* The first bytes of a real ClientHello, then the peer is gone. */
static void listener__handshake_broken_off__is_forgotten(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct tls *t = NULL;
    struct bare b;
    const void *hello;
    size_t len;
    struct tls_config *c = fixture_client(&w->pki, NULL, ALPN_CADRE);
    assert_int_equal(tls_new(c, "127.0.0.1", &t, &e), 0);
    tls_config_unref(c);
    assert_int_equal(tls_handshake(t, &e), TLS_WAIT);
    tls_pull(t, &hello, &len);
    listen_with(w, 0, 0, 1000);
    uint64_t failed = 0;
    for (size_t cut = 1; cut <= len; cut += 23) {
        bare_connect(w, &b);
        bare_send(&b, hello, cut);
        bare_finish(w, &b);
        failed++;
        while (counters(w).failed < failed)
            uv_run(&w->loop, UV_RUN_ONCE);
    }
    assert_int_equal(counters(w).inside, 0);
    assert_int_equal(w->accepted, 0);
    tls_free(t);
}

static void listener__knock_and_leave__counts_for_nothing(void **state)
{
    struct world *w = *state;
    listen_with(w, 0, 0, 2);
    for (uint64_t i = 0; i < 5; i++) {
        struct bare b;
        bare_connect(w, &b);
        bare_finish(w, &b);
        while (counters(w).failed < i + 1)
            uv_run(&w->loop, UV_RUN_ONCE);
    }
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    assert_int_equal(counters(w).refused, 0);
}

/* Thirty failures locked the address out once, and with it all who share it. */
static void listener__address_that_keeps_failing__still_gets_in(void **state)
{
    struct world *w = *state;
    listen_with(w, 0, 0, 3);
    for (int i = 0; i < 40; i++)
        expect_cut(w, "no TLS at all", 13);
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    assert_int_equal(counters(w).refused, 0);
    assert_int_equal(counters(w).failed, 40);
}

/* With all places taken by silent peers the next one waits until the oldest has had its time, far
 * less than that of a handshake. */
static void listener__all_places_taken__are_given_up(void **state)
{
    struct world *w = *state;
    struct bare silent[3];
    listen_with(w, 60000, 2, 1000);
    for (int i = 0; i < 2; i++)
        bare_connect(w, &silent[i]);
    while (counters(w).inside < 2)
        uv_run(&w->loop, UV_RUN_ONCE);
    bare_connect(w, &silent[2]);
    while (counters(w).waiting < 1)
        uv_run(&w->loop, UV_RUN_ONCE);
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    assert_true(counters(w).cut >= 1);
    assert_int_equal(counters(w).late, 0);
    for (int i = 0; i < 3; i++)
        bare_finish(w, &silent[i]);
}

static struct link_listener_counters counters_of(const struct link_listener *ls)
{
    struct link_listener_counters c;
    link_listener_counters(ls, &c);
    return c;
}

/* The places are those of both ports together, whichever an address comes to. */
static void listener__beside_another__shares_its_places(void **state)
{
    struct world *w = *state;
    struct bare silent[4];
    struct link_listener *first, *second = NULL;
    struct err e = {0};
    listen_with(w, 60000, 2, 1000);
    first = w->listener;
    struct link_listen_options o = {.loop = &w->loop,
                                    .tls = w->server_tls,
                                    .address = "127.0.0.1",
                                    .places = 100, /* not looked at */
                                    .beside = first};
    assert_int_equal(link_listen(&o, &second, &e), 0);
    bare_connect(w, &silent[0]);
    w->listener = second;
    bare_connect(w, &silent[1]);
    while (counters_of(first).inside < 2)
        uv_run(&w->loop, UV_RUN_ONCE);
    bare_connect(w, &silent[2]);
    while (counters_of(first).waiting < 1)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_int_equal(counters_of(first).inside, 2);
    assert_int_equal(counters_of(first).accepted, 1);
    assert_int_equal(counters_of(second).accepted, 2);
    assert_int_equal(counters_of(second).inside + counters_of(second).waiting, 0); /* told once */
    w->listener = first; /* who comes there gets a place of either */
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    assert_true(counters_of(first).cut + counters_of(second).cut >= 1);
    link_listener_close(first); /* the other one goes on, and the door with it */
    w->listener = second;
    bare_connect(w, &silent[3]);
    while (counters_of(second).accepted < 3)
        uv_run(&w->loop, UV_RUN_ONCE);
    for (int i = 0; i < 4; i++)
        bare_finish(w, &silent[i]);
}

static void note_crowded(struct link *l, void *user)
{
    (void)user;
    link_write(l, "crowded", 7);
    link_close(l);
}

static void crowded_hook(struct end *x)
{
    link_set_crowded(x->link, note_crowded);
    link_set_idle(x->link, true);
}

/* A peer that was served and stays without proof of who it is loses its place, and is told. */
static void listener__idle_stranger__is_told_that_its_place_goes(void **state)
{
    struct world *w = *state;
    struct bare b;
    listen_with(w, 0, 1, 1000);
    w->server.open_hook = crowded_hook;
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    bare_connect(w, &b);
    fixture_run(w, &w->client.closed, 1);
    assert_string_equal(w->client.text, "crowded");
    bare_finish(w, &b);
}

static void admit_hook(struct end *x)
{
    link_admit(x->link);
}

static void listener__admitted_peer__needs_no_place(void **state)
{
    struct world *w = *state;
    struct bare b[2];
    listen_with(w, 60000, 1, 1000);
    w->server.open_hook = admit_hook;
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    fixture_run(w, &w->server.opened, 1);
    assert_int_equal(counters(w).inside, 0);
    for (int i = 0; i < 2; i++)
        bare_connect(w, &b[i]);
    while (counters(w).cut < 1)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_int_equal(w->client.closed, 0);
    for (int i = 0; i < 2; i++)
        bare_finish(w, &b[i]);
}

/* ---- peers that vanish ---- */

/* A bare socket with a TLS session: opens, and then does what no link would do. */
static void bare_open(struct world *w, struct bare *b)
{
    struct err e = {0};
    struct tls *t = NULL;
    struct tls_config *c = fixture_client(&w->pki, &w->pki.client, ALPN_CADRE);
    assert_int_equal(tls_new(c, "127.0.0.1", &t, &e), 0);
    tls_config_unref(c);
    bare_connect(w, b);
    b->tls = t;
    while (w->server.opened == 0) {
        const void *data;
        size_t len;
        assert_int_not_equal(tls_handshake(t, &e), TLS_FAILED);
        tls_pull(t, &data, &len);
        if (len > 0) bare_send(b, data, len);
        tls_pulled(t, len);
        uv_run(&w->loop, UV_RUN_ONCE);
    }
}

static void peer__gone_in_the_middle_of_a_record__is_a_cut(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct bare b;
    const void *data;
    size_t len;
    listen_with(w, 0, 0, 0);
    bare_open(w, &b);
    assert_int_equal(tls_write(b.tls, "whole", 5, &e), TLS_OK);
    tls_pull(b.tls, &data, &len);
    bare_send(&b, data, len);
    tls_pulled(b.tls, len);
    assert_int_equal(tls_write(b.tls, "only a half of this arrives", 27, &e), TLS_OK);
    tls_pull(b.tls, &data, &len);
    bare_send(&b, data, len / 2);
    bare_close(&b);
    fixture_run(w, &w->server.closed, 1);
    assert_string_equal(w->server.text, "whole");
    assert_int_equal(w->server.err.code, ERR_CLOSED);
    bare_finish(w, &b);
}

static void peer__resets__is_a_cut(void **state)
{
    struct world *w = *state;
    struct bare b;
    listen_with(w, 0, 0, 0);
    bare_open(w, &b);
    uv_read_stop((uv_stream_t *)&b.tcp);
    link_write(w->server.link, "unread", 6);
    fixture_run(w, &w->server.drained, 1);
    bare_reset(&b);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->server.err.code, ERR_CLOSED);
    bare_finish(w, &b);
}

static void peer__sends_a_forged_record__is_cut(void **state)
{
    struct world *w = *state;
    struct bare b;
    static const uint8_t forged[] = {23, 3, 3, 0, 20, 1, 2, 3, 4, 5, 6, 7, 8,
                                     9,  0, 1, 2, 3,  4, 5, 6, 7, 8, 9, 0};
    listen_with(w, 0, 0, 0);
    bare_open(w, &b);
    bare_send(&b, forged, sizeof(forged));
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->server.err.code, ERR_TLS);
    assert_int_equal(w->server.received, 0);
    fixture_run(w, &b.ended, 1);
    bare_finish(w, &b);
}

/* Plain text in the middle of a session, as a box between the two might put there. */
static void peer__sends_plain_text_after_the_handshake__is_cut(void **state)
{
    struct world *w = *state;
    struct bare b;
    listen_with(w, 0, 0, 0);
    bare_open(w, &b);
    bare_send(&b, "HTTP/1.0 503 proxy\r\n\r\n", 22);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->server.err.code, ERR_TLS);
    fixture_run(w, &b.ended, 1);
    bare_finish(w, &b);
}

/* It stays, and takes nothing of what it is sent. */
static void peer__that_takes_nothing__is_cut_in_time(void **state)
{
    struct world *w = *state;
    struct bare b;
    char *much = mem_array(4 << 20, 1);
    int small = 16384; /* else the system might take it all */
    listen_with(w, 0, 0, 0);
    bare_open(w, &b);
    uv_read_stop((uv_stream_t *)&b.tcp);
    assert_int_equal(uv_recv_buffer_size((uv_handle_t *)&b.tcp, &small), 0);
    assert_int_equal(uv_send_buffer_size((uv_handle_t *)&w->server.link->tcp, &small), 0);
    assert_int_equal(w->server.link->stall_ms, LIMIT_STALL_MS);
    link_admit(w->server.link);
    assert_int_equal(w->server.link->stall_ms, LIMIT_STALL_KNOWN_MS);
    w->server.link->stall_ms = 100;
    link_write(w->server.link, much, 4 << 20);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->server.err.code, ERR_TIMEOUT);
    bare_finish(w, &b);
    mem_free(much);
}

/* It does not read and does not leave: link_close must come to an end all the same. */
static void peer__ignores_our_goodbye__is_left_alone(void **state)
{
    struct world *w = *state;
    struct bare b;
    listen_with(w, 0, 0, 0);
    bare_open(w, &b);
    uv_read_stop((uv_stream_t *)&b.tcp);
    fixture_close(&w->server);
    fixture_run(w, &w->server.closed, 1); /* after LINK_LINGER_MS */
    assert_int_equal(w->server.err.code, ERR_OK);
    bare_finish(w, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(server__of_foreign_ca__is_not_trusted),
        LINK_TEST(server__with_another_pin__gets_no_byte),
        LINK_TEST(client__of_foreign_ca__opens_and_is_told_in_words),
        LINK_TEST(listener__plain_http__is_cut),
        LINK_TEST(listener__garbage__is_cut),
        LINK_TEST(listener__silence__is_cut_in_time),
        LINK_TEST(listener__byte_by_byte_for_ever__is_cut_in_time),
        LINK_TEST(listener__handshake_broken_off__is_forgotten),
        LINK_TEST(listener__knock_and_leave__counts_for_nothing),
        LINK_TEST(listener__address_that_keeps_failing__still_gets_in),
        LINK_TEST(listener__all_places_taken__are_given_up),
        LINK_TEST(listener__beside_another__shares_its_places),
        LINK_TEST(listener__idle_stranger__is_told_that_its_place_goes),
        LINK_TEST(listener__admitted_peer__needs_no_place),
        LINK_TEST(peer__gone_in_the_middle_of_a_record__is_a_cut),
        LINK_TEST(peer__resets__is_a_cut),
        LINK_TEST(peer__sends_a_forged_record__is_cut),
        LINK_TEST(peer__sends_plain_text_after_the_handshake__is_cut),
        LINK_TEST(peer__that_takes_nothing__is_cut_in_time),
        LINK_TEST(peer__ignores_our_goodbye__is_left_alone),
    };
    return cmocka_run_group_tests(tests, fixture_setup_group, fixture_teardown_group);
}
