/* The life of a link: real TLS on the loopback interface, both ends on one loop. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/wire/link_fixture.h"
#include "wire/limits.h"
#include "wire/link_uv.h"
#include "wire/tls_private.h"

#include <stdio.h>
#include <string.h>

static void link__both_ends__carry_data_and_close_in_order(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    w->server.echo = true;
    struct tls_peer p;
    link_peer(w->server.link, &p);
    assert_int_equal(p.state, TLS_PEER_TRUSTED);
    assert_string_equal(p.cert.subject_cn, "agent1");
    assert_string_equal(link_alpn(w->server.link), ALPN_CADRE);
    assert_string_equal(tls_version(w->server.link->tls), "TLSv1.3");
    assert_true(str_starts(link_remote(w->server.link), "127.0.0.1:"));
    assert_ptr_equal(w->client.link->user, &w->client);
    assert_int_equal(link_write(w->client.link, "hello", 5), 0);
    assert_int_equal(link_write(w->client.link, " there", 6), 0);
    assert_int_equal(link_pending(w->client.link), 11);
    fixture_run64(w, &w->client.received, 11);
    assert_string_equal(w->client.text, "hello there");
    assert_int_equal(w->client.drained, 1);
    fixture_close(&w->client);
    fixture_run(w, &w->client.closed, 1);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->client.err.code, ERR_OK);
    assert_int_equal(w->server.err.code, ERR_OK);
}

static void write__many_in_one_turn__leave_as_one_record(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(buf_addf(link_out(w->client.link), "%09d\n", i), 0);
        link_flush_later(w->client.link);
    }
    fixture_run64(w, &w->server.received, 1000);
    assert_int_equal(w->server.deliveries, 1);
    assert_int_equal(w->client.drained, 1);
}

static void fill(struct end *x, size_t bytes)
{
    char piece[1000];
    for (size_t done = 0; done < bytes; done += sizeof(piece)) {
        memset(piece, (int)(done / sizeof(piece) % 251), sizeof(piece));
        x->sent_sum = fixture_sum(x->sent_sum, piece, sizeof(piece));
        assert_int_equal(link_write(x->link, piece, sizeof(piece)), 0);
    }
}

static void flush_now__does_not_wait_for_the_turn(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    assert_int_equal(buf_adds(link_out(w->client.link), "first"), 0);
    link_flush_now(w->client.link);
    assert_int_equal(link_pending(w->client.link), 0);
    assert_int_equal(w->client.drained, 0); /* never from inside the call */
    assert_int_equal(buf_adds(link_out(w->client.link), "second"), 0);
    link_flush_later(w->client.link);
    assert_int_equal(link_pending(w->client.link), 6);
    fixture_run64(w, &w->server.received, 11);
    assert_string_equal(w->server.text, "firstsecond");
    assert_int_equal(w->server.deliveries, 2);
    assert_int_equal(w->client.drained, 1);
}

static void flush_now__of_a_link_that_closes__sends_what_was_there(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    assert_int_equal(link_write(w->client.link, "last", 4), 0);
    fixture_close(&w->client);
    assert_int_equal(buf_adds(link_out(w->client.link), "late"), 0);
    link_flush_now(w->client.link);
    fixture_run(w, &w->server.closed, 1);
    fixture_run(w, &w->client.closed, 1);
    assert_string_equal(w->server.text, "last");
}

static void flush_now__before_the_handshake__arrives_after_it(void **state)
{
    struct world *w = *state;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    assert_int_equal(buf_adds(link_out(w->client.link), "early"), 0);
    link_flush_now(w->client.link);
    fixture_run64(w, &w->server.received, 5);
    assert_string_equal(w->server.text, "early");
}

/* More than the kernel takes: the rest goes when there is room. */
static void flush_now__of_much__arrives_whole(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    fill(&w->client, 6000000);
    link_flush_now(w->client.link);
    assert_true(link_pending(w->client.link) > 0);
    link_flush_now(w->client.link);
    fixture_run64(w, &w->server.received, 6000000);
    assert_int_equal(w->server.sum, w->client.sent_sum);
}

static void write__before_the_handshake__arrives_after_it(void **state)
{
    struct world *w = *state;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    assert_int_equal(link_write(w->client.link, "early", 5), 0);
    fixture_run64(w, &w->server.received, 5);
    assert_string_equal(w->server.text, "early");
}

static void connect__by_name__tries_every_address(void **state)
{
    struct world *w = *state;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "localhost", fixture_client(&w->pki, NULL, ALPN_HTTP));
    fixture_run(w, &w->client.opened, 1);
    fixture_run(w, &w->server.opened, 1);
    assert_string_equal(link_alpn(w->server.link), ALPN_HTTP);
    struct tls_peer p;
    link_peer(w->server.link, &p);
    assert_int_equal(p.state, TLS_PEER_NONE);
}

static void connect__over_ipv6__works_and_names_the_peer(void **state)
{
    struct world *w = *state;
    uv_tcp_t probe;
    struct sockaddr_in6 a;
    uv_tcp_init(&w->loop, &probe);
    uv_ip6_addr("::1", 0, &a);
    int status = uv_tcp_bind(&probe, (const struct sockaddr *)&a, 0);
    struct sockaddr_storage got;
    int len = sizeof(got);
    if (status == 0) status = uv_tcp_getsockname(&probe, (struct sockaddr *)&got, &len);
    fixture_let_go(w, (uv_handle_t *)&probe);
    if (status != 0) skip(); /* a machine without IPv6 */
    fixture_listen(w, "::1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "::1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    fixture_run(w, &w->server.opened, 1);
    assert_true(str_starts(link_remote(w->server.link), "[::1]:"));
}

static void connect__nobody_listens__says_where_and_why(void **state)
{
    struct world *w = *state;
    char want[128];
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    uint16_t port = link_listener_port(w->listener);
    link_listener_close(w->listener);
    w->listener = NULL;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    struct tls_config *c = fixture_client(&w->pki, NULL, ALPN_CADRE);
    w->client.link = link_connect(&w->loop, c, &(struct link_to){"127.0.0.1", port, TIMEOUT_MS},
                                  &fixture_handler, &w->client);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_UNAVAILABLE);
    snprintf(want, sizeof(want), "connecting to 127.0.0.1:%u: connection refused", (unsigned)port);
    assert_string_equal(w->client.err.msg, want);
    assert_int_equal(w->client.opened, 0);
    /* By name: whatever number of addresses that is. */
    w->client.link = link_connect(&w->loop, c, &(struct link_to){"localhost", port, TIMEOUT_MS},
                                  &fixture_handler, &w->client);
    fixture_run(w, &w->client.closed, 2);
    assert_int_equal(w->client.err.code, ERR_UNAVAILABLE);
    assert_non_null(strstr(w->client.err.msg, "connecting to localhost:"));
    assert_non_null(strstr(w->client.err.msg, "connection refused"));
    tls_config_unref(c);
}

static void connect__impossible_name__says_so(void **state)
{
    struct world *w = *state;
    char long_name[400];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    struct tls_config *c = fixture_client(&w->pki, NULL, ALPN_CADRE);
    w->client.link = link_connect(&w->loop, c, &(struct link_to){"a..b", 7433, TIMEOUT_MS},
                                  &fixture_handler, &w->client);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_UNAVAILABLE);
    assert_true(
        str_starts(w->client.err.msg, "connecting to a..b:7433: the name cannot be resolved"));
    w->client.link = link_connect(&w->loop, c, &(struct link_to){long_name, 7433, TIMEOUT_MS},
                                  &fixture_handler, &w->client);
    fixture_run(w, &w->client.closed, 2);
    assert_int_equal(w->client.err.code, ERR_INVALID);
    tls_config_unref(c);
}

static void on_silent(uv_stream_t *s, int status)
{
    assert_int_equal(status, 0);
    uv_tcp_t *taken = s->data;
    uv_tcp_init(s->loop, taken);
    assert_int_equal(uv_accept(s, (uv_stream_t *)taken), 0);
}

static void connect__server_says_nothing__times_out(void **state)
{
    struct world *w = *state;
    uv_tcp_t server, taken;
    struct sockaddr_in a;
    int len = sizeof(a);
    uv_tcp_init(&w->loop, &server);
    server.data = &taken;
    uv_ip4_addr("127.0.0.1", 0, &a);
    assert_int_equal(uv_tcp_bind(&server, (const struct sockaddr *)&a, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&server, 5, on_silent), 0);
    uv_tcp_getsockname(&server, (struct sockaddr *)&a, &len);
    struct tls_config *c = fixture_client(&w->pki, NULL, ALPN_CADRE);
    w->client.link =
        link_connect(&w->loop, c, &(struct link_to){"127.0.0.1", ntohs(a.sin_port), 100},
                     &fixture_handler, &w->client);
    tls_config_unref(c);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_TIMEOUT);
    assert_non_null(strstr(w->client.err.msg, "connecting to 127.0.0.1:"));
    fixture_let_go(w, (uv_handle_t *)&server);
    fixture_let_go(w, (uv_handle_t *)&taken);
}

static void connect__given_up_at_once__closes_once(void **state)
{
    struct world *w = *state;
    static const char *const hosts[] = {"127.0.0.1", "localhost", "a..b"};
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    for (unsigned i = 0; i < 6; i++) {
        fixture_connect(w, hosts[i / 2], fixture_client(&w->pki, NULL, ALPN_CADRE));
        if (i % 2 == 0)
            fixture_close(&w->client);
        else
            fixture_abort(&w->client, NULL);
        fixture_run(w, &w->client.closed, i + 1);
        assert_int_equal(w->client.err.code, i % 2 == 0 ? ERR_OK : ERR_CLOSED);
    }
    assert_int_equal(w->client.opened, 0);
}

/* ---- closing ---- */

static void close__with_megabytes_queued__sends_them_first(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    fill(&w->client, 4000000);
    fixture_close(&w->client);
    assert_int_equal(link_write(w->client.link, "late", 4), ERR_CLOSED);
    buf_adds(link_out(w->client.link), "later");
    link_flush_later(w->client.link);
    fixture_run(w, &w->server.closed, 1);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->server.received, 4000000);
    assert_int_equal(w->server.sum, w->client.sent_sum);
    assert_int_equal(w->server.err.code, ERR_OK);
    assert_int_equal(w->client.err.code, ERR_OK);
}

/* The peer goes on sending while it is told to go: it must still get the last words. */
static void close__while_the_peer_sends__its_last_words_arrive(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    fill(&w->client, 2000000);
    assert_int_equal(link_write(w->server.link, "too large", 9), 0);
    fixture_close(&w->server);
    fixture_run(w, &w->client.closed, 1);
    fixture_run(w, &w->server.closed, 1);
    assert_string_equal(w->client.text, "too large");
    assert_int_equal(w->server.received, 0);
}

static void close__from_both_sides_at_once__is_orderly(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    fixture_close(&w->client);
    fixture_close(&w->server);
    fixture_run(w, &w->client.closed, 1);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->client.err.code, ERR_OK);
    assert_int_equal(w->server.err.code, ERR_OK);
}

static void abort__with_a_reason__tells_it_here_and_a_cut_there(void **state)
{
    struct world *w = *state;
    struct err why = {0};
    fixture_open_both(w);
    err_set(&why, ERR_PROTOCOL, "a frame too many");
    fill(&w->client, 3000000);
    fixture_abort(&w->client, &why);
    assert_int_equal(link_write(w->client.link, "late", 4), ERR_CLOSED);
    fixture_run(w, &w->client.closed, 1);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->client.err.code, ERR_PROTOCOL);
    assert_string_equal(w->client.err.msg, "a frame too many");
    assert_int_equal(w->server.err.code, ERR_CLOSED);
}

static void close_here(struct end *x)
{
    fixture_close(x);
}

static void abort_here(struct end *x)
{
    fixture_abort(x, NULL);
}

static void close_and_abort__in_callbacks__bring_nothing_more(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 6; i++) {
        memset(&w->server, 0, sizeof(w->server));
        memset(&w->client, 0, sizeof(w->client));
        w->server.world = w->client.world = w;
        void (*hook)(struct end *) = i % 2 == 0 ? close_here : abort_here;
        if (i / 2 == 0) w->server.data_hook = hook;
        if (i / 2 == 1) w->client.drain_hook = hook;
        if (i / 2 == 2) w->client.open_hook = hook;
        if (w->listener == NULL) fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
        fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
        link_write(w->client.link, "x", 1); /* several records, of which the first is enough */
        fill(&w->client, 100000);
        fixture_run(w, &w->client.closed, 1);
        if (w->server.opened > 0) fixture_run(w, &w->server.closed, 1);
        if (i / 2 == 0) assert_int_equal(w->server.deliveries, 1);
        assert_int_equal(w->client.closed, 1);
        fixture_run_ms(w, 20);
        assert_true(w->server.closed <= 1);
        if (w->server.link != NULL) {
            link_abort(w->server.link, NULL);
            fixture_run(w, &w->server.closed, 1);
        }
    }
}

static void accept__without_a_handler__closes(void **state)
{
    struct world *w = *state;
    w->refuse = true;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_OK);
    assert_int_equal(w->accepted, 1);
}

static void listener__closed__leaves_open_links_alone(void **state)
{
    struct world *w = *state;
    struct bare silent;
    fixture_open_both(w);
    bare_connect(w, &silent);
    fixture_run_ms(w, 10);
    link_listener_close(w->listener);
    w->listener = NULL;
    fixture_run(w, &silent.ended, 1);
    assert_int_equal(link_write(w->client.link, "still here", 10), 0);
    fixture_run64(w, &w->server.received, 10);
    bare_finish(w, &silent);
}

static void listener__new_certificate__is_shown_to_the_next(void **state)
{
    struct world *w = *state;
    struct fixture_cert c;
    struct tls_peer p;
    fixture_open_both(w);
    fixture_issue(&w->pki, PKI_SERVER, "renewed", "127.0.0.1", -1000, FIXTURE_HOUR_MS, &c);
    struct tls_config *fresh = fixture_server(&w->pki, &c);
    link_listener_set_tls(w->listener, fresh);
    tls_config_unref(fresh);
    fixture_cert_free(&c);
    link_peer(w->client.link, &p);
    assert_string_equal(p.cert.subject_cn, "server");
    struct end first = w->client;
    link_set_handler(first.link, &fixture_handler, &first);
    struct end server = w->server;
    link_set_handler(server.link, &fixture_handler, &server);
    w->server.link = NULL;
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 2);
    fixture_run(w, &w->server.opened, 2);
    link_peer(w->client.link, &p);
    assert_string_equal(p.cert.subject_cn, "renewed");
    assert_int_equal(link_write(first.link, "old one lives", 13), 0);
    fixture_run64(w, &server.received, 13);
    link_abort(first.link, NULL);
    fixture_run(w, &server.closed, 1);
    fixture_run(w, &first.closed, 1);
}

static void listen__impossible__says_why(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    struct link_listener *other = NULL;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    struct link_listen_options o = {.loop = &w->loop, .tls = w->server_tls, .address = "localhost"};
    assert_int_equal(link_listen(&o, &other, &e), ERR_INVALID);
    o.address = "127.0.0.1";
    o.port = link_listener_port(w->listener);
    assert_int_equal(link_listen(&o, &other, &e), ERR_UNAVAILABLE);
    assert_non_null(strstr(e.msg, "address already in use"));
    assert_null(other);
}

/* ---- back-pressure ---- */

#define BULK UINT64_C(50000000)
#define AHEAD 1000000u

/* Keeps at most AHEAD bytes queued; on_drain asks for more. */
static void produce(struct end *x)
{
    char piece[50000];
    while (x->sent < x->to_send && link_pending(x->link) < AHEAD) {
        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = (char)((x->sent + i) * 7 >> 3);
        x->sent_sum = fixture_sum(x->sent_sum, piece, sizeof(piece));
        x->sent += sizeof(piece);
        assert_int_equal(link_write(x->link, piece, sizeof(piece)), 0);
    }
}

static void bulk__both_directions__arrives_whole(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    struct end *both[] = {&w->client, &w->server};
    for (int i = 0; i < 2; i++) {
        both[i]->to_send = BULK;
        both[i]->drain_hook = produce;
        produce(both[i]);
    }
    fixture_run64(w, &w->server.received, BULK);
    fixture_run64(w, &w->client.received, BULK);
    assert_int_equal(w->server.sum, w->client.sent_sum);
    assert_int_equal(w->client.sum, w->server.sent_sum);
    assert_int_equal(w->client.received, BULK);
}

/* Else each would give its handshakes half of every turn. */
static void listener_beside_another__shares_the_turns_of_the_loop(void **state)
{
    struct world *w = *state;
    struct link_listener *other = NULL, *apart = NULL;
    struct err e = {0};
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    struct link_listen_options o = {.loop = &w->loop, .tls = w->server_tls, .address = "127.0.0.1"};
    assert_int_equal(link_listen(&o, &apart, &e), 0);
    o.beside = w->listener;
    assert_int_equal(link_listen(&o, &other, &e), 0);
    assert_ptr_equal(link_listener_hub(other), link_listener_hub(w->listener));
    assert_ptr_not_equal(link_listener_hub(apart), link_listener_hub(w->listener));
    link_listener_close(other);
    link_listener_close(apart);
}

static void slow_reader__beyond_the_limit__is_cut(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    link_pause(w->client.link);
    char *piece = mem_alloc(100000);
    int rc = 0;
    uint64_t written = 0;
    while (rc == 0 && written < 64u * 1024 * 1024) {
        rc = link_write(w->server.link, piece, 100000);
        written += 100000;
        uv_run(&w->loop, UV_RUN_NOWAIT);
    }
    mem_free(piece);
    assert_int_equal(rc, ERR_TOO_LARGE);
    assert_true(written > LIMIT_SEND_QUEUE);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->server.err.code, ERR_TOO_LARGE);
    assert_string_equal(w->server.err.msg, "the peer reads too slowly");
}

static void write__larger_than_the_limit__is_cut(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    char *piece = mem_alloc(LIMIT_SEND_QUEUE + 1);
    assert_int_equal(link_write(w->client.link, piece, LIMIT_SEND_QUEUE + 1), ERR_TOO_LARGE);
    mem_free(piece);
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_TOO_LARGE);
}

static void pause_here(struct end *x)
{
    link_pause(x->link);
}

static void pause__holds_data_back__until_resume(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    w->server.data_hook = pause_here;
    fill(&w->client, 300000);
    fixture_run_ms(w, 50);
    assert_int_equal(w->server.deliveries, 1);
    while (w->server.received < 300000) {
        unsigned before = w->server.deliveries;
        link_resume(w->server.link);
        assert_int_equal(w->server.deliveries, before); /* not from inside */
        fixture_run(w, &w->server.deliveries, before + 1);
        assert_int_equal(w->server.deliveries, before + 1);
    }
    assert_int_equal(w->server.sum, w->client.sent_sum);
}

static void pause__at_once_after_open__holds_all(void **state)
{
    struct world *w = *state;
    w->server.open_hook = pause_here;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, NULL, ALPN_CADRE));
    fill(&w->client, 500000);
    fixture_run(w, &w->server.opened, 1);
    fixture_run_ms(w, 50);
    assert_int_equal(w->server.received, 0);
    link_resume(w->server.link);
    fixture_run64(w, &w->server.received, 500000);
    assert_int_equal(w->server.sum, w->client.sent_sum);
}

static void pause__then_close__still_ends(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    link_pause(w->client.link);
    fill(&w->server, 500000);
    fixture_run_ms(w, 20);
    fixture_close(&w->client);
    fixture_run(w, &w->client.closed, 1);
    fixture_run(w, &w->server.closed, 1);
    assert_int_equal(w->client.received, 0);
}

/* ---- many, and none ---- */

#define PARALLEL 200
#define HANDSHAKES 20 /* at once: each has a time limit, and a sanitizer makes them slow */

static void greet(struct end *x, struct world *w, struct tls_config *c, const char *text)
{
    x->world = w;
    x->link = link_connect(&w->loop, c,
                           &(struct link_to){"127.0.0.1", link_listener_port(w->listener), 60000},
                           &fixture_handler, x);
    link_write(x->link, text, strlen(text));
}

static void links__two_hundred_at_once__all_echo(void **state)
{
    struct world *w = *state;
    struct end *servers = mem_array(PARALLEL, sizeof(*servers));
    struct end *clients = mem_array(PARALLEL, sizeof(*clients));
    struct tls_config *c = fixture_client(&w->pki, &w->pki.client, ALPN_CADRE);
    struct link_listener_counters n;
    char text[PARALLEL][32];
    w->more = servers;
    w->more_count = PARALLEL;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    for (int i = 0; i < PARALLEL; i++) {
        servers[i].echo = true;
        snprintf(text[i], sizeof(text[i]), "client %03d", i);
        if (i >= HANDSHAKES) fixture_run64(w, &clients[i - HANDSHAKES].received, 10);
        greet(&clients[i], w, c, text[i]);
    }
    tls_config_unref(c);
    for (int i = 0; i < PARALLEL; i++) {
        fixture_run64(w, &clients[i].received, 10);
        assert_string_equal(clients[i].text, text[i]);
    }
    link_listener_counters(w->listener, &n);
    assert_int_equal(n.opened, PARALLEL);
    assert_int_equal(n.waiting, 0);
    for (int i = 0; i < PARALLEL; i++)
        assert_int_equal(clients[i].closed, 0);
    for (int i = 0; i < PARALLEL; i++)
        link_close(clients[i].link);
    for (int i = 0; i < PARALLEL; i++) {
        fixture_run(w, &clients[i].closed, 1);
        fixture_run(w, &servers[i].closed, 1);
        assert_int_equal(clients[i].err.code, ERR_OK);
        assert_int_equal(servers[i].err.code, ERR_OK);
    }
    mem_free(servers);
    mem_free(clients);
}

static void on_iteration(uv_prepare_t *p)
{
    ++*(unsigned *)p->data;
}

static void links__idle__do_not_wake_the_loop(void **state)
{
    struct world *w = *state;
    unsigned iterations = 0;
    uv_prepare_t counter;
    fixture_open_both(w);
    fixture_run_ms(w, 20);
    uv_prepare_init(&w->loop, &counter);
    counter.data = &iterations;
    uv_prepare_start(&counter, on_iteration);
    fixture_run_ms(w, 200);
    assert_true(iterations <= 4); /* the timer of this test itself */
    fixture_let_go(w, (uv_handle_t *)&counter);
}

struct share {
    const struct end *reader;
    uint64_t before, most;
};

static void on_share(uv_prepare_t *p)
{
    struct share *s = p->data;
    uint64_t came = s->reader->received - s->before;
    if (came > s->most) s->most = came;
    s->before = s->reader->received;
}

/* How many pieces of one peer there are before the loop counts a turn: libuv for Windows looks up
 * to eight times at what has completed (uv_run in win/core.c). */
#ifdef _WIN32
#define PIECES_OF_A_TURN 8
#else
#define PIECES_OF_A_TURN 1
#endif

/* What waits in the socket of one peer is read in pieces, others have their turn between them. */
static void loud_peer__is_read_a_bounded_piece_at_a_time(void **state)
{
    struct world *w = *state;
    struct share share = {.reader = &w->server};
    uv_prepare_t watch;
    fixture_open_both(w);
    w->client.to_send = BULK;
    w->client.drain_hook = produce;
    produce(&w->client);
    uv_prepare_init(&w->loop, &watch);
    watch.data = &share;
    uv_prepare_start(&watch, on_share);
    fixture_run64(w, &w->server.received, BULK);
    assert_in_range(share.most, 1, PIECES_OF_A_TURN * 5 * 32768);
    assert_int_equal(w->server.sum, w->client.sent_sum);
    fixture_let_go(w, (uv_handle_t *)&watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(link__both_ends__carry_data_and_close_in_order),
        LINK_TEST(write__many_in_one_turn__leave_as_one_record),
        LINK_TEST(flush_now__does_not_wait_for_the_turn),
        LINK_TEST(flush_now__of_a_link_that_closes__sends_what_was_there),
        LINK_TEST(flush_now__before_the_handshake__arrives_after_it),
        LINK_TEST(flush_now__of_much__arrives_whole),
        LINK_TEST(write__before_the_handshake__arrives_after_it),
        LINK_TEST(connect__by_name__tries_every_address),
        LINK_TEST(connect__over_ipv6__works_and_names_the_peer),
        LINK_TEST(connect__nobody_listens__says_where_and_why),
        LINK_TEST(connect__impossible_name__says_so),
        LINK_TEST(connect__server_says_nothing__times_out),
        LINK_TEST(connect__given_up_at_once__closes_once),
        LINK_TEST(close__with_megabytes_queued__sends_them_first),
        LINK_TEST(close__while_the_peer_sends__its_last_words_arrive),
        LINK_TEST(close__from_both_sides_at_once__is_orderly),
        LINK_TEST(abort__with_a_reason__tells_it_here_and_a_cut_there),
        LINK_TEST(close_and_abort__in_callbacks__bring_nothing_more),
        LINK_TEST(accept__without_a_handler__closes),
        LINK_TEST(listener__closed__leaves_open_links_alone),
        LINK_TEST(listener__new_certificate__is_shown_to_the_next),
        LINK_TEST(listen__impossible__says_why),
        LINK_TEST(bulk__both_directions__arrives_whole),
        LINK_TEST(listener_beside_another__shares_the_turns_of_the_loop),
        LINK_TEST(slow_reader__beyond_the_limit__is_cut),
        LINK_TEST(write__larger_than_the_limit__is_cut),
        LINK_TEST(pause__holds_data_back__until_resume),
        LINK_TEST(pause__at_once_after_open__holds_all),
        LINK_TEST(pause__then_close__still_ends),
        LINK_TEST(loud_peer__is_read_a_bounded_piece_at_a_time),
        LINK_TEST(links__two_hundred_at_once__all_echo),
        LINK_TEST(links__idle__do_not_wake_the_loop),
    };
    return cmocka_run_group_tests(tests, fixture_setup_group, fixture_teardown_group);
}
