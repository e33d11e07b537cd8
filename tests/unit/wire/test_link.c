/* Links: real TLS on the loopback interface, both ends on one loop. */
#include "base/mem.h"
#include "base/str.h"
#include "tests/pki/pki_fixture.h"
#include "wire/limits.h"
#include "wire/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <uv.h>

#define TIMEOUT_MS 5000

/* One end of a connection, and what happened to it. */
struct end {
    struct link *link;
    unsigned opened, drained, closed;
    struct err err;
    uint64_t received;
    char text[256]; /* the first bytes received */
    size_t text_len;
    bool echo;
    void (*data_hook)(struct end *x);
};

struct world {
    struct fixture_pki pki, foreign;
    uv_loop_t loop;
    struct link_listener *listener;
    struct tls_config *server_tls;
    struct end server, client;
    bool server_ready;
};

static void on_open(struct link *l, void *user)
{
    struct end *x = user;
    assert_ptr_equal(l, x->link);
    x->opened++;
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct end *x = user;
    assert_int_equal(x->closed, 0);
    size_t room = sizeof(x->text) - 1 - x->text_len, n = len < room ? len : room;
    memcpy(x->text + x->text_len, data, n);
    x->text_len += n;
    x->received += len;
    if (x->echo) link_write(l, data, len);
    if (x->data_hook != NULL) x->data_hook(x);
}

static void on_drain(struct link *l, void *user)
{
    struct end *x = user;
    assert_int_equal(link_pending(l), 0);
    x->drained++;
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct end *x = user;
    assert_ptr_equal(l, x->link);
    x->closed++;
    x->err = *e;
    x->link = NULL;
}

static const struct link_handler handler = {on_open, on_data, on_drain, on_close};

static void on_accept(struct link *l, void *user)
{
    struct world *w = user;
    assert_null(w->server.link);
    w->server.link = l;
    w->server.opened++;
    link_set_handler(l, &handler, &w->server);
}

/* Turns the loop until `*what` reaches `count`; a guard timer makes a hang a failure. */
static void on_guard(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

static void run_until(struct world *w, const unsigned *what, unsigned count)
{
    bool late = false;
    uv_timer_t guard;
    uv_timer_init(&w->loop, &guard);
    guard.data = &late;
    uv_timer_start(&guard, on_guard, 30000, 0);
    while (*what < count && !late)
        uv_run(&w->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&guard, NULL);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_false(late);
}

static void listen_on(struct world *w, const char *address, struct tls_config *tls)
{
    struct err e = {0};
    w->server_tls = tls;
    assert_int_equal(link_listen(&w->loop, tls, address, 0, on_accept, w, &w->listener, &e), 0);
    assert_int_not_equal(link_listener_port(w->listener), 0);
}

static void connect_to(struct world *w, const char *host, struct tls_config *tls)
{
    w->client.link = link_connect(&w->loop, tls, host, link_listener_port(w->listener), TIMEOUT_MS,
                                  &handler, &w->client);
    tls_config_unref(tls);
}

static void open_both(struct world *w)
{
    listen_on(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    connect_to(w, "127.0.0.1", fixture_client(&w->pki, &w->pki.client, ALPN_CADRE));
    run_until(w, &w->client.opened, 1);
    run_until(w, &w->server.opened, 1);
}

static void link__both_ends__carries_data_and_closes_in_order(void **state)
{
    struct world *w = *state;
    open_both(w);
    w->server.echo = true;
    struct tls_peer p;
    link_peer(w->server.link, &p);
    assert_int_equal(p.state, TLS_PEER_TRUSTED);
    assert_string_equal(p.cert.subject_cn, "agent1");
    assert_string_equal(link_alpn(w->server.link), ALPN_CADRE);
    assert_true(str_starts(link_remote(w->server.link), "127.0.0.1:"));
    assert_int_equal(link_write(w->client.link, "hello", 5), 0);
    assert_int_equal(link_write(w->client.link, " there", 6), 0);
    run_until(w, &w->client.drained, 1);
    while (w->client.received < 11)
        uv_run(&w->loop, UV_RUN_ONCE);
    assert_string_equal(w->client.text, "hello there");
    link_close(w->client.link);
    run_until(w, &w->client.closed, 1);
    run_until(w, &w->server.closed, 1);
    assert_int_equal(w->client.err.code, ERR_OK);
    assert_int_equal(w->server.err.code, ERR_OK);
}

static int setup_group(void **state)
{
    struct err e = {0};
    if (pki_init(&e) != 0) return -1;
    struct world *w = mem_alloc(sizeof(*w));
    fixture_pki_init(&w->pki, "Test CA");
    fixture_pki_init(&w->foreign, "Foreign CA");
    *state = w;
    return 0;
}

static int teardown_group(void **state)
{
    struct world *w = *state;
    fixture_pki_fini(&w->pki);
    fixture_pki_fini(&w->foreign);
    mem_free(w);
    pki_fini();
    return 0;
}

static int setup(void **state)
{
    struct world *w = *state;
    memset(&w->server, 0, sizeof(w->server));
    memset(&w->client, 0, sizeof(w->client));
    w->listener = NULL;
    w->server_tls = NULL;
    return uv_loop_init(&w->loop);
}

/* Whatever a test left open is ended; then the loop must be empty. */
static int teardown(void **state)
{
    struct world *w = *state;
    if (w->client.link != NULL) link_abort(w->client.link, NULL);
    if (w->server.link != NULL) link_abort(w->server.link, NULL);
    if (w->listener != NULL) link_listener_close(w->listener);
    tls_config_unref(w->server_tls);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&w->loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(link__both_ends__carries_data_and_closes_in_order),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
