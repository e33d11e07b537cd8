#include "tests/unit/wire/link_fixture.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define GUARD_MS 60000

uint64_t fixture_sum(uint64_t sum, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        sum = sum * 31 + p[i];
    return sum;
}

static void on_open(struct link *l, void *user)
{
    struct end *x = user;
    assert_ptr_equal(l, x->link);
    assert_false(x->world->inside_call);
    x->opened++;
    if (x->open_hook != NULL) x->open_hook(x);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct end *x = user;
    assert_int_equal(x->closed, 0);
    assert_false(x->world->inside_call);
    size_t room = sizeof(x->text) - 1 - x->text_len, n = len < room ? len : room;
    memcpy(x->text + x->text_len, data, n);
    x->text_len += n;
    x->received += len;
    x->sum = fixture_sum(x->sum, data, len);
    x->deliveries++;
    if (x->echo) link_write(l, data, len);
    if (x->data_hook != NULL) x->data_hook(x);
}

static void on_drain(struct link *l, void *user)
{
    struct end *x = user;
    assert_false(x->world->inside_call);
    assert_int_equal(link_pending(l), 0);
    x->drained++;
    if (x->drain_hook != NULL) x->drain_hook(x);
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct end *x = user;
    assert_ptr_equal(l, x->link);
    assert_false(x->world->inside_call);
    x->closed++;
    x->err = *e;
    x->link = NULL;
}

const struct link_handler fixture_handler = {on_open, on_data, on_drain, on_close};

static void on_accept(struct link *l, void *user)
{
    struct world *w = user;
    struct end *x = w->more != NULL ? &w->more[w->accepted] : &w->server;
    w->accepted++;
    if (w->refuse) return;
    if (w->more != NULL) assert_true(w->accepted <= w->more_count);
    assert_null(x->link);
    x->world = w;
    x->link = l;
    link_set_handler(l, &fixture_handler, x);
    x->opened++;
    if (x->open_hook != NULL) x->open_hook(x);
}

static void on_guard(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

/* Starts a timer that sets *late; stop_guard lets go of it. */
static void start_guard(struct world *w, uv_timer_t *guard, bool *late, uint64_t ms)
{
    uv_timer_init(&w->loop, guard);
    guard->data = late;
    uv_timer_start(guard, on_guard, ms, 0);
}

static void on_guard_gone(uv_handle_t *h)
{
    *(bool *)h->data = true;
}

void fixture_let_go(struct world *w, uv_handle_t *h)
{
    bool gone = false;
    h->data = &gone;
    uv_close(h, on_guard_gone);
    while (!gone)
        uv_run(&w->loop, UV_RUN_NOWAIT);
}

static void stop_guard(struct world *w, uv_timer_t *guard)
{
    fixture_let_go(w, (uv_handle_t *)guard);
}

void fixture_run64(struct world *w, const uint64_t *what, uint64_t count)
{
    bool late = false;
    uv_timer_t guard;
    start_guard(w, &guard, &late, GUARD_MS);
    while (*what < count && !late)
        uv_run(&w->loop, UV_RUN_ONCE);
    stop_guard(w, &guard);
    assert_false(late);
}

void fixture_run(struct world *w, const unsigned *what, unsigned count)
{
    bool late = false;
    uv_timer_t guard;
    start_guard(w, &guard, &late, GUARD_MS);
    while (*what < count && !late)
        uv_run(&w->loop, UV_RUN_ONCE);
    stop_guard(w, &guard);
    assert_false(late);
}

void fixture_run_ms(struct world *w, uint64_t ms)
{
    bool over = false;
    uv_timer_t timer;
    start_guard(w, &timer, &over, ms);
    while (!over)
        uv_run(&w->loop, UV_RUN_ONCE);
    stop_guard(w, &timer);
}

void fixture_listen(struct world *w, const char *address, struct tls_config *tls)
{
    struct err e = {0};
    w->server_tls = tls;
    struct link_listen_options o = {
        .loop = &w->loop, .tls = tls, .address = address, .on_accept = on_accept, .user = w};
    assert_int_equal(link_listen(&o, &w->listener, &e), 0);
    assert_int_not_equal(link_listener_port(w->listener), 0);
}

void fixture_connect(struct world *w, const char *host, struct tls_config *tls)
{
    w->client.link =
        link_connect(&w->loop, tls,
                     &(struct link_to){host, link_listener_port(w->listener), TIMEOUT_MS},
                     &fixture_handler, &w->client);
    tls_config_unref(tls);
}

void fixture_open_both(struct world *w)
{
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    fixture_connect(w, "127.0.0.1", fixture_client(&w->pki, &w->pki.client, ALPN_CADRE));
    fixture_run(w, &w->client.opened, 1);
    fixture_run(w, &w->server.opened, 1);
}

void fixture_close(struct end *x)
{
    x->world->inside_call = true;
    link_close(x->link);
    link_close(x->link);
    x->world->inside_call = false;
}

void fixture_abort(struct end *x, const struct err *why)
{
    x->world->inside_call = true;
    link_abort(x->link, why);
    link_abort(x->link, NULL);
    link_close(x->link);
    x->world->inside_call = false;
}

int fixture_setup_group(void **state)
{
    struct err e = {0};
    if (pki_init(&e) != 0) return -1;
    struct world *w = mem_alloc(sizeof(*w));
    fixture_pki_init(&w->pki, "Test CA");
    fixture_pki_init(&w->foreign, "Foreign CA");
    *state = w;
    return 0;
}

int fixture_teardown_group(void **state)
{
    struct world *w = *state;
    fixture_pki_fini(&w->pki);
    fixture_pki_fini(&w->foreign);
    mem_free(w);
    pki_fini();
    return 0;
}

int fixture_setup(void **state)
{
    struct world *w = *state;
    memset(&w->server, 0, sizeof(w->server));
    memset(&w->client, 0, sizeof(w->client));
    w->server.world = w->client.world = w;
    w->listener = NULL;
    w->server_tls = NULL;
    w->refuse = w->inside_call = false;
    w->accepted = 0;
    w->more = NULL;
    w->more_count = 0;
    return uv_loop_init(&w->loop);
}

int fixture_teardown(void **state)
{
    struct world *w = *state;
    w->inside_call = false;
    if (w->client.link != NULL) link_abort(w->client.link, NULL);
    if (w->server.link != NULL) link_abort(w->server.link, NULL);
    if (w->listener != NULL) link_listener_close(w->listener);
    tls_config_unref(w->server_tls);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    return uv_loop_close(&w->loop);
}

/* ---- a bare socket ---- */

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
    (void)h;
    *b = uv_buf_init(mem_alloc(suggested), (unsigned)suggested);
}

static void on_bare_gone(uv_handle_t *h)
{
    struct bare *b = h->data;
    b->open = false;
}

static void on_bare_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
    struct bare *b = s->data;
    if (n > 0) b->received += (size_t)n;
    if (n > 0 && b->tls != NULL) assert_int_equal(tls_feed(b->tls, buf->base, (size_t)n), 0);
    mem_free(buf->base);
    if (n < 0) {
        b->ended++;
        bare_close(b);
    }
}

static void on_bare_connected(uv_connect_t *c, int status)
{
    struct bare *b = c->data;
    assert_int_equal(status, 0);
    b->connected++;
    uv_read_start((uv_stream_t *)&b->tcp, on_alloc, on_bare_read);
}

void bare_connect(struct world *w, struct bare *b)
{
    struct sockaddr_in a;
    memset(b, 0, sizeof(*b));
    uv_tcp_init(&w->loop, &b->tcp);
    b->open = true;
    b->tcp.data = b->connect.data = b;
    uv_ip4_addr("127.0.0.1", link_listener_port(w->listener), &a);
    assert_int_equal(uv_tcp_connect(&b->connect, &b->tcp, (const struct sockaddr *)&a,
                                    on_bare_connected),
                     0);
    fixture_run(w, &b->connected, 1);
}

void bare_send(struct bare *b, const void *data, size_t len)
{
    uv_buf_t buf = uv_buf_init((char *)data, (unsigned)len);
    int n = uv_try_write((uv_stream_t *)&b->tcp, &buf, 1);
    assert_int_equal(n, len);
}

void bare_close(struct bare *b)
{
    if (b->open && !uv_is_closing((uv_handle_t *)&b->tcp))
        uv_close((uv_handle_t *)&b->tcp, on_bare_gone);
}

void bare_reset(struct bare *b)
{
    assert_int_equal(uv_tcp_close_reset(&b->tcp, on_bare_gone), 0);
}

void bare_finish(struct world *w, struct bare *b)
{
    bare_close(b);
    while (b->open)
        uv_run(&w->loop, UV_RUN_ONCE);
    tls_free(b->tls);
}
