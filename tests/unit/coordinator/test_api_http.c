/* The API as HTTP: what is pipelined, slow, idle, garbage or too much. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    static const struct coordinator_timeouts timeouts = {.head_ms = 400, .idle_ms = 900};
    (void)state;
    house_open(&house, "", &timeouts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static void http__pipelined_requests__are_answered_in_order(void **state)
{
    struct peer p;
    struct buf b;
    (void)state;
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    buf_init(&b, 1 << 20);
    char *auth = str_dupf("Authorization: Bearer %s\r\n", house.admin);
    for (int i = 0; i < 100; i++) {
        const char *job = "{\"command\":[\"true\"],\"namespace\":\"pipe\"}";
        if (i % 3 == 0)
            http_write_request(&b, &(struct http_to){"POST", "/api/v1/jobs", "c"},
                               &(struct http_content){"application/json", job, strlen(job)}, auth);
        else if (i % 3 == 1)
            http_write_request(&b, &(struct http_to){"GET", "/healthz", "c"}, NULL, NULL);
        else
            http_write_request(&b, &(struct http_to){"GET", "/nowhere", "c"}, NULL, NULL);
    }
    peer_write(&p, b.data, b.len);
    struct http_parser *parser = http_parser_new(HTTP_CLIENT, 1 << 20);
    size_t at = 0;
    for (int i = 0; i < 100;) {
        enum http_event event;
        struct err e;
        size_t used;
        assert_int_equal(http_parse(parser, p.in.data + at, p.in.len - at, &used, &event, &e), 0);
        at += used;
        if (event == HTTP_MESSAGE) {
            static const int want[] = {201, 200, 404};
            assert_int_equal(http_parser_message(parser)->status, want[i % 3]);
            i++;
        } else if (event == HTTP_MORE) {
            p.changed = false;
            house_run(&house, &p.changed);
        }
    }
    http_parser_free(parser);
    mem_free(auth);
    buf_fini(&b);
    peer_fini(&p);
}

/* Sends bytes and returns the status of the answer; the connection must end afterwards. */
static int status_of_bytes(const char *bytes, size_t len)
{
    struct peer p;
    int status = 0;
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, bytes, len);
    peer_wait_closed(&p);
    if (p.in.len > 12 && memcmp(p.in.data, "HTTP/1.1 ", 9) == 0)
        status = (p.in.data[9] - '0') * 100 + (p.in.data[10] - '0') * 10 + p.in.data[11] - '0';
    if (status) assert_non_null(strstr(p.in.data, "\"error\""));
    peer_fini(&p);
    return status;
}

static void http__garbage_and_excess__are_told_and_cut(void **state)
{
    struct buf b;
    (void)state;
    const char *bad[] = {
        "garbage\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(status_of_bytes(bad[i], strlen(bad[i])), 400);
    const char *version = "GET / HTTP/2.0\r\nHost: x\r\n\r\n";
    assert_int_equal(status_of_bytes(version, strlen(version)), 505);
    buf_init(&b, 1 << 20);
    buf_adds(&b, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    for (int i = 0; i < 20000; i++)
        buf_addc(&b, 'y');
    assert_int_equal(status_of_bytes(b.data, b.len), 431);
    buf_clear(&b);
    buf_adds(&b, "GET /");
    for (int i = 0; i < 20000; i++)
        buf_addc(&b, 'y');
    assert_int_equal(status_of_bytes(b.data, b.len), 414);
    buf_fini(&b);
    json_free(house_get(&house, "/api/v1/whoami", 200));
}

static void http__slow_head__is_cut(void **state)
{
    const char *half = "GET /healthz HTTP/1.1\r\nHo";
    (void)state;
    assert_int_equal(status_of_bytes(half, strlen(half)), 408);
}

static void http__idle_connection__is_closed_without_a_word(void **state)
{
    (void)state;
    assert_int_equal(status_of_bytes("", 0), 0);
}

static void http__wrong_token_with_body__is_answered_before_the_body(void **state)
{
    const char *head = "POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n";
    (void)state;
    assert_int_equal(status_of_bytes(head, strlen(head)), 401);
}

static void http__connection_close__is_honoured(void **state)
{
    struct peer p;
    (void)state;
    const char *request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, request, strlen(request));
    peer_wait_closed(&p);
    assert_non_null(strstr(p.in.data, "Connection: close"));
    assert_non_null(strstr(p.in.data, "\"ok\""));
    peer_fini(&p);
}

static void http__expect_continue__is_invited(void **state)
{
    struct peer p;
    (void)state;
    char *head = str_dupf("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Content-Length: 20\r\nExpect: 100-continue\r\n\r\n",
                          house.admin);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, head, strlen(head));
    house_run(&house, &p.changed);
    while (!strstr(p.in.data, "100 Continue\r\n\r\n")) {
        p.changed = false;
        house_run(&house, &p.changed);
    }
    peer_write(&p, "{\"command\":[\"true\"]}", 20);
    while (!strstr(p.in.data, "201 Created")) {
        p.changed = false;
        house_run(&house, &p.changed);
    }
    mem_free(head);
    peer_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http__pipelined_requests__are_answered_in_order),
        cmocka_unit_test(http__garbage_and_excess__are_told_and_cut),
        cmocka_unit_test(http__slow_head__is_cut),
        cmocka_unit_test(http__idle_connection__is_closed_without_a_word),
        cmocka_unit_test(http__wrong_token_with_body__is_answered_before_the_body),
        cmocka_unit_test(http__connection_close__is_honoured),
        cmocka_unit_test(http__expect_continue__is_invited),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
