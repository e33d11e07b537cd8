/* A name with several addresses: which one a link begins with. The resolver is the test's. */
#include "tests/unit/wire/link_fixture.h"

#include <string.h>

static struct addrinfo answers[2];
static struct sockaddr_in at[2];
static uv_getaddrinfo_cb asked;

int __real_uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb,
                          const char *node, const char *service, const struct addrinfo *hints);
int __wrap_uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb,
                          const char *node, const char *service, const struct addrinfo *hints);
void __real_uv_freeaddrinfo(struct addrinfo *list);
void __wrap_uv_freeaddrinfo(struct addrinfo *list);

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list)
{
    __real_uv_freeaddrinfo(list);
    asked(req, status, answers);
}

int __wrap_uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *req, uv_getaddrinfo_cb cb,
                          const char *node, const char *service, const struct addrinfo *hints)
{
    (void)node;
    asked = cb;
    return __real_uv_getaddrinfo(loop, req, on_resolved, "127.0.0.1", service, hints);
}

void __wrap_uv_freeaddrinfo(struct addrinfo *list)
{
    assert_ptr_equal(list, answers);
}

/* 127.0.0.2, where somebody takes connections and says nothing, and 127.0.0.1, where the server
 * is. */
static void answer(uint16_t port)
{
    for (int i = 0; i < 2; i++) {
        uv_ip4_addr(i == 0 ? "127.0.0.2" : "127.0.0.1", port, &at[i]);
        answers[i] = (struct addrinfo){.ai_family = AF_INET,
                                       .ai_addrlen = sizeof at[i],
                                       .ai_addr = (struct sockaddr *)&at[i],
                                       .ai_next = i == 0 ? &answers[1] : NULL};
    }
}

static void connect_by(struct world *w, unsigned first, int64_t timeout_ms)
{
    struct tls_config *c = fixture_client(&w->pki, &w->pki.client, ALPN_CADRE);
    const struct link_to to = {"localhost", link_listener_port(w->listener), timeout_ms};
    w->client.link = link_connect_by(&w->loop, c, &to, &(struct link_try){.first = first},
                                     &fixture_handler, &w->client);
    tls_config_unref(c);
}

static void on_ignored(uv_stream_t *s, int status)
{
    (void)s;
    (void)status;
}

static void first__is_the_address_to_begin_with(void **state)
{
    struct world *w = *state;
    uv_tcp_t silent;
    struct sockaddr_in a;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    answer(link_listener_port(w->listener));
    uv_tcp_init(&w->loop, &silent);
    uv_ip4_addr("127.0.0.2", link_listener_port(w->listener), &a);
    assert_int_equal(uv_tcp_bind(&silent, (const struct sockaddr *)&a, 0), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&silent, 5, on_ignored), 0);
    connect_by(w, 2, 300); /* modulo their number */
    fixture_run(w, &w->client.closed, 1);
    assert_int_equal(w->client.err.code, ERR_TIMEOUT);
    assert_int_equal(w->client.opened, 0);
    connect_by(w, 1, TIMEOUT_MS);
    fixture_run(w, &w->client.opened, 1);
    fixture_let_go(w, (uv_handle_t *)&silent);
}

static void address_that_refuses__the_others_follow_in_turn(void **state)
{
    struct world *w = *state;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    answer(link_listener_port(w->listener));
    for (unsigned first = 0; first < 2; first++) {
        connect_by(w, first, TIMEOUT_MS);
        fixture_run(w, &w->client.opened, first + 1);
        fixture_run(w, &w->server.opened, first + 1);
        fixture_close(&w->client);
        fixture_run(w, &w->client.closed, first + 1);
        fixture_run(w, &w->server.closed, first + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(first__is_the_address_to_begin_with),
        LINK_TEST(address_that_refuses__the_others_follow_in_turn),
    };
    return cmocka_run_group_tests(tests, fixture_setup_group, fixture_teardown_group);
}
