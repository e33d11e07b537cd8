/* The HTTP reader and writers. Every input is also given byte by byte: the events must be the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/http.h"
#include "wire/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BODY 1000

/* ---- one parse of a whole stream, as text -------------------------------------------------- */

/* What came of a stream: "HEAD GET /a; MESSAGE 3 abc; " and the error, if one ended it. */
struct outcome {
    struct buf text;
    int rc;
    int status;
    struct err e;
};

static void outcome_fini(struct outcome *o)
{
    buf_fini(&o->text);
}

static void describe(struct outcome *o, struct http_parser *p, enum http_event event)
{
    struct http_message *m = http_parser_message(p);
    if (event == HTTP_HEAD && m->request)
        buf_addf(&o->text, "HEAD %s %s; ", m->method, m->target);
    else if (event == HTTP_HEAD)
        buf_addf(&o->text, "HEAD %d; ", m->status);
    else if (event == HTTP_MESSAGE)
        buf_addf(&o->text, "MESSAGE %zu %s; ", m->body.len, m->body.data);
}

static int pump(struct http_parser *p, const char *data, size_t len, struct outcome *o)
{
    enum http_event event;
    do {
        size_t used = SIZE_MAX;
        int rc = http_parse(p, data, len, &used, &event, &o->e);
        if (rc != 0) return rc;
        assert_true(used <= len);
        describe(o, p, event);
        data += used;
        len -= used;
    } while (event != HTTP_MORE);
    assert_int_equal(len, 0);
    return 0;
}

static int pump_eof(struct http_parser *p, struct outcome *o)
{
    enum http_event event;
    do {
        int rc = http_parse_eof(p, &event, &o->e);
        if (rc != 0) return rc;
        describe(o, p, event);
    } while (event != HTTP_MORE);
    return 0;
}

/* step: bytes given at a time. Copies each piece, so that a read past its end is seen by ASan. */
static void run(enum http_role role, const char *data, size_t len, size_t step, bool eof,
                struct outcome *o)
{
    struct http_parser *p = http_parser_new(role, MAX_BODY);
    memset(o, 0, sizeof *o);
    buf_init(&o->text, 1u << 24);
    for (size_t at = 0; at < len && o->rc == 0; at += step) {
        size_t n = len - at < step ? len - at : step;
        char *piece = mem_dup(data + at, n);
        o->rc = pump(p, piece, n, o);
        mem_free(piece);
    }
    if (o->rc == 0 && eof) o->rc = pump_eof(p, o);
    o->status = http_error_status(p);
    http_parser_free(p);
}

static void check(enum http_role role, const char *data, size_t len, bool eof, const char *events,
                  int rc, int status)
{
    const size_t steps[] = {len > 0 ? len : 1, 1, 2, 3, 7, 100};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct outcome o;
        run(role, data, len, steps[i], eof, &o);
        if (o.rc != rc || (rc != 0 && o.status != status))
            fail_msg("step %zu: rc %d status %d (%s) after %s", steps[i], o.rc, o.status, o.e.msg,
                     o.text.data);
        if (events != NULL) assert_string_equal(o.text.data, events);
        if (rc != 0) assert_true(o.e.msg[0] != '\0');
        outcome_fini(&o);
    }
}

static void good(const char *request, const char *events)
{
    check(HTTP_SERVER, request, strlen(request), false, events, 0, 0);
}

static void refused(const char *request, int status)
{
    int rc = status == 413 || status == 414 || status == 431 ? ERR_TOO_LARGE : ERR_PROTOCOL;
    check(HTTP_SERVER, request, strlen(request), false, NULL, rc, status);
}

static void answer(const char *response, const char *events)
{
    check(HTTP_CLIENT, response, strlen(response), false, events, 0, 0);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void plain_request__is_read(void **state)
{
    (void)state;
    good("GET /api/v1/jobs?limit=5 HTTP/1.1\r\nHost: a\r\n\r\n",
         "HEAD GET /api/v1/jobs?limit=5; MESSAGE 0 ; ");
}

static void body_with_length__is_read(void **state)
{
    (void)state;
    good("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
         "HEAD POST /x; MESSAGE 3 abc; ");
}

static void chunked_body__is_read(void **state)
{
    (void)state;
    good("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "3\r\nabc\r\n4;name=\"v\"\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n",
         "HEAD POST /x; MESSAGE 7 abcdefg; ");
}

static void pipelined_requests__come_one_by_one(void **state)
{
    (void)state;
    good("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"
         "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
         "DELETE /3 HTTP/1.1\r\nHost: a\r\n\r\n",
         "HEAD GET /1; MESSAGE 0 ; HEAD POST /2; MESSAGE 2 hi; HEAD DELETE /3; MESSAGE 0 ; ");
}

static void headers__are_lower_case_and_trimmed_and_first_wins(void **state)
{
    (void)state;
    const char *text =
        "GET / HTTP/1.1\r\nHOST: a\r\nX-One:\t first \t\r\nx-one: second\r\nEmpty:\r\n\r\n";
    struct http_parser *p = http_parser_new(HTTP_SERVER, MAX_BODY);
    size_t used;
    enum http_event event;
    assert_int_equal(http_parse(p, text, strlen(text), &used, &event, NULL), 0);
    assert_int_equal(event, HTTP_HEAD);
    struct http_message *m = http_parser_message(p);
    assert_int_equal(m->header_count, 4);
    assert_string_equal(m->headers[0].name, "host");
    assert_string_equal(http_header(m, "x-one"), "first");
    assert_string_equal(http_header(m, "empty"), "");
    assert_null(http_header(m, "absent"));
    assert_true(m->keep_alive);
    assert_false(m->expect_continue);
    http_parser_free(p);
}

static struct http_message *head_of(struct http_parser *p, const char *text)
{
    size_t used;
    enum http_event event;
    assert_int_equal(http_parse(p, text, strlen(text), &used, &event, NULL), 0);
    assert_int_equal(event, HTTP_HEAD);
    return http_parser_message(p);
}

static void keep_alive__follows_version_and_connection(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_parser *p = http_parser_new(HTTP_SERVER, MAX_BODY);
        assert_int_equal(head_of(p, cases[i].text)->keep_alive, cases[i].keep);
        http_parser_free(p);
    }
}

static void expect_continue__is_told_at_the_head(void **state)
{
    (void)state;
    struct http_parser *p = http_parser_new(HTTP_SERVER, MAX_BODY);
    assert_true(head_of(p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                           "Expect: 100-Continue\r\n\r\n")
                    ->expect_continue);
    http_parser_free(p);
}

static void expect_continue_of_http_1_0__counts_for_nothing(void **state)
{
    (void)state;
    struct http_parser *p = http_parser_new(HTTP_SERVER, MAX_BODY);
    assert_false(head_of(p, "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 3\r\n"
                            "Expect: 100-continue\r\n\r\n")
                     ->expect_continue);
    http_parser_free(p);
}

static void upgrade__is_served_as_plain(void **state)
{
    (void)state;
    good("GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
         "GET /b HTTP/1.1\r\nHost: a\r\n\r\n",
         "HEAD GET /a; MESSAGE 0 ; HEAD GET /b; MESSAGE 0 ; ");
}

static void bytes_behind_a_last_message__are_refused(void **state)
{
    (void)state;
    check(HTTP_SERVER, "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n", 36, false,
          "HEAD GET /; MESSAGE 0 ; ", ERR_PROTOCOL, 400);
}

static void garbage__is_refused(void **state)
{
    (void)state;
    refused("\x16\x03\x01\x02\x00\x01", 400);
    refused("hello world\r\n\r\n", 400);
    refused("GET\r\n\r\n", 400);
    refused("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused("GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nNo colon\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\n: empty\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n", 400);
    refused("GET / SIP/2.0\r\nHost: a\r\n\r\n", 400);
}

static void other_versions__are_refused(void **state)
{
    (void)state;
    refused("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505);
    refused("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505);
    refused("GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505);
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

static void host__must_be_given_once(void **state)
{
    (void)state;
    refused("GET / HTTP/1.1\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400);
    refused("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", 400);
    good("GET / HTTP/1.0\r\n\r\n", "HEAD GET /; MESSAGE 0 ; ");
}

static void connect__is_not_served(void **state)
{
    (void)state;
    refused("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501);
}

#define POST "POST / HTTP/1.1\r\nHost: a\r\n"

static void two_lengths_for_one_body__are_refused(void **state)
{
    (void)state;
    refused(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400);
    refused(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
    refused(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400);
    refused(POST "Content-Length: 3, 3\r\n\r\nabc", 400);
}

static void odd_lengths__are_refused(void **state)
{
    (void)state;
    refused(POST "Content-Length: -1\r\n\r\n", 400);
    refused(POST "Content-Length: +1\r\n\r\na", 400);
    refused(POST "Content-Length: 0x3\r\n\r\nabc", 400);
    refused(POST "Content-Length: 1 1\r\n\r\nabc", 400);
    refused(POST "Content-Length:\r\n\r\n", 400);
    refused(POST "Content-Length: 99999999999999999999999\r\n\r\n", 400);
}

static void odd_transfer_encodings__are_refused(void **state)
{
    (void)state;
    refused(POST "Transfer-Encoding: gzip\r\n\r\n", 501);
    refused(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
    refused(POST "Transfer-Encoding: identity\r\n\r\n", 501);
    refused(POST "Transfer-Encoding:\r\n\r\n", 501);
    refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
}

static void transfer_encoding_twice_or_hidden__is_refused(void **state)
{
    (void)state;
    struct outcome o;
    static const char *const texts[] = {
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding: \x0b"
             "chunked\r\n\r\n0\r\n\r\n",
        POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        run(HTTP_SERVER, texts[i], strlen(texts[i]), strlen(texts[i]), false, &o);
        assert_int_equal(o.rc, ERR_PROTOCOL);
        assert_string_equal(o.text.data, "");
        outcome_fini(&o);
    }
}

static void line_ends_other_than_crlf__are_refused(void **state)
{
    (void)state;
    refused("GET / HTTP/1.1\nHost: a\n\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\rX: y\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\n\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\nX:\rTransfer-Encoding: chunked\r\n\r\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\n\r\n1\r\naX0\r\n\r\n", 400);
}

static void continued_headers__are_refused(void **state)
{
    (void)state;
    refused("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400);
    refused("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n", 400);
}

static void nul_in_the_head__is_refused(void **state)
{
    (void)state;
    const char text[] = "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n";
    check(HTTP_SERVER, text, sizeof text - 1, false, "", ERR_PROTOCOL, 400);
}

static void odd_chunks__are_refused(void **state)
{
    (void)state;
    refused(POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\n\r\n 1\r\na\r\n", 400);
    refused(POST "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", 400);
}

/* ---- limits -------------------------------------------------------------------------------- */

static char *filled(const char *before, size_t count, const char *after)
{
    size_t a = strlen(before), b = strlen(after);
    char *s = mem_alloc(a + count + b + 1);
    memcpy(s, before, a);
    memset(s + a, 'x', count);
    memcpy(s + a + count, after, b);
    return s;
}

static void long_target__is_414(void **state)
{
    (void)state;
    char *s = filled("GET /", LIMIT_HTTP_HEAD, " HTTP/1.1\r\nHost: a\r\n\r\n");
    refused(s, 414);
    mem_free(s);
}

static void long_header__is_431(void **state)
{
    (void)state;
    char *s = filled("GET / HTTP/1.1\r\nHost: a\r\nX: ", LIMIT_HTTP_HEAD, "\r\n\r\n");
    refused(s, 431);
    mem_free(s);
}

static void head_of_exactly_the_limit__is_taken_and_one_more_is_not(void **state)
{
    (void)state;
    const char *before = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    size_t room = LIMIT_HTTP_HEAD - strlen(before) - 4;
    struct outcome o;
    char *s = filled(before, room, "\r\n\r\n");
    good(s, "HEAD GET /; MESSAGE 0 ; ");
    mem_free(s);
    s = filled(before, room + 1, "\r\n\r\n");
    run(HTTP_SERVER, s, strlen(s), 1000, false, &o);
    assert_int_equal(o.rc, ERR_TOO_LARGE);
    assert_int_equal(o.status, 431);
    outcome_fini(&o);
    mem_free(s);
}

static void head_of_blank_lines_or_blanks__ends(void **state)
{
    (void)state;
    struct outcome o;
    size_t len = 4 * LIMIT_HTTP_HEAD;
    char *s = mem_alloc(len + 1);
    for (size_t i = 0; i < len; i += 2)
        memcpy(s + i, "\r\n", 2);
    run(HTTP_SERVER, s, len, 1000, false, &o);
    assert_int_equal(o.rc, ERR_TOO_LARGE);
    outcome_fini(&o);
    mem_free(s);
}

static void many_headers__are_431(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, LIMIT_HTTP_HEAD);
    buf_adds(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < HTTP_HEADERS_MAX; i++)
        buf_addf(&b, "X-%d: y\r\n", i);
    size_t len = b.len;
    buf_adds(&b, "\r\n");
    good(b.data, "HEAD GET /; MESSAGE 0 ; ");
    buf_truncate(&b, len);
    buf_adds(&b, "One-More: y\r\n\r\n");
    refused(b.data, 431);
    buf_fini(&b);
}

static void announced_body_over_the_limit__is_413_before_the_head_is_reported(void **state)
{
    (void)state;
    const char *text = POST "Content-Length: 1001\r\n\r\n";
    check(HTTP_SERVER, text, strlen(text), false, "", ERR_TOO_LARGE, 413);
    char *s = filled(POST "Content-Length: 1000\r\n\r\n", MAX_BODY, "");
    struct outcome o;
    run(HTTP_SERVER, s, strlen(s), strlen(s), false, &o);
    assert_int_equal(o.rc, 0);
    outcome_fini(&o);
    mem_free(s);
}

static void chunked_body_over_the_limit__is_413(void **state)
{
    (void)state;
    char *s =
        filled(POST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n", MAX_BODY + 1, "\r\n0\r\n\r\n");
    refused(s, 413);
    mem_free(s);
}

static void one_byte_chunks__are_fine(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1u << 20);
    buf_adds(&b, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < MAX_BODY; i++)
        buf_adds(&b, "1\r\nx\r\n");
    buf_adds(&b, "0\r\n\r\n");
    struct outcome o;
    run(HTTP_SERVER, b.data, b.len, 512, false, &o);
    assert_int_equal(o.rc, 0);
    assert_true(str_starts(o.text.data, "HEAD POST /; MESSAGE 1000 xxx"));
    outcome_fini(&o);
    buf_fini(&b);
}

static void endless_chunk_extension_or_trailer__ends(void **state)
{
    (void)state;
    static const char *const starts[] = {
        POST "Transfer-Encoding: chunked\r\n\r\n1;a=",
        POST "Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: ",
    };
    for (size_t i = 0; i < 2; i++) {
        struct outcome o;
        char *s = filled(starts[i], 4 * LIMIT_HTTP_HEAD, "");
        run(HTTP_SERVER, s, strlen(s), 1000, false, &o);
        assert_int_equal(o.rc, ERR_TOO_LARGE);
        assert_int_equal(o.status, 413);
        outcome_fini(&o);
        mem_free(s);
    }
}

static void error__stays(void **state)
{
    (void)state;
    struct http_parser *p = http_parser_new(HTTP_SERVER, MAX_BODY);
    size_t used;
    enum http_event event;
    struct err e;
    assert_int_equal(http_parse(p, "\x01", 1, &used, &event, &e), ERR_PROTOCOL);
    assert_int_equal(http_parse(p, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, &used, &event, &e),
                     ERR_PROTOCOL);
    assert_int_equal(http_parse_eof(p, &event, &e), ERR_PROTOCOL);
    assert_int_equal(http_error_status(p), 400);
    http_parser_free(p);
}

/* ---- responses ----------------------------------------------------------------------------- */

static void responses__are_read(void **state)
{
    (void)state;
    answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
           "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
           "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 201 \r\nContent-Length: 0\r\n\r\n",
           "HEAD 200; MESSAGE 2 hi; HEAD 404; MESSAGE 1 x; HEAD 204; MESSAGE 0 ; HEAD 201; MESSAGE "
           "0 ; ");
}

static void interim_responses__are_not_seen(void **state)
{
    (void)state;
    answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
           "HEAD 200; MESSAGE 2 hi; ");
}

static void response_without_body_by_status__has_none_whatever_its_length_says(void **state)
{
    (void)state;
    answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 "
           "OK\r\nContent-Length: 0\r\n\r\n",
           "HEAD 304; MESSAGE 0 ; HEAD 200; MESSAGE 0 ; ");
}

static void body_without_length__ends_with_the_connection(void **state)
{
    (void)state;
    const char *text = "HTTP/1.1 200 OK\r\n\r\nto the end";
    check(HTTP_CLIENT, text, strlen(text), true, "HEAD 200; MESSAGE 10 to the end; ", 0, 0);
    text = "HTTP/1.1 200 OK\r\n\r\n";
    check(HTTP_CLIENT, text, strlen(text), true, "HEAD 200; MESSAGE 0 ; ", 0, 0);
}

static void end_between_messages__is_fine(void **state)
{
    (void)state;
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    check(HTTP_CLIENT, text, strlen(text), true, "HEAD 200; MESSAGE 2 hi; ", 0, 0);
    check(HTTP_CLIENT, "", 0, true, "", 0, 0);
    text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    check(HTTP_SERVER, text, strlen(text), true, "HEAD GET /; MESSAGE 0 ; ", 0, 0);
}

static void end_within_a_message__is_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "H",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(HTTP_CLIENT, texts[i], strlen(texts[i]), true, NULL, ERR_PROTOCOL, 400);
}

static int collect(const void *data, size_t len, void *user)
{
    return buf_add(user, data, len);
}

static void streamed_body__goes_to_the_function_without_a_limit(void **state)
{
    (void)state;
    struct buf in, got;
    struct outcome o = {.rc = 0};
    buf_init(&in, 1u << 20);
    buf_init(&got, 1u << 20);
    buf_init(&o.text, 1000);
    http_write_stream_head(&in, 200, "application/octet-stream");
    char block[4096];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < 10; i++)
        http_write_chunk(&in, block, sizeof block);
    http_write_stream_end(&in);
    struct http_parser *p = http_parser_new(HTTP_CLIENT, MAX_BODY);
    http_parser_stream(p, collect, &got);
    assert_int_equal(pump(p, in.data, in.len, &o), 0);
    assert_string_equal(o.text.data, "HEAD 200; MESSAGE 0 ; ");
    assert_int_equal(got.len, 10 * sizeof block);
    outcome_fini(&o);
    buf_fini(&in);
    buf_fini(&got);
    http_parser_free(p);
}

static int refuse(const void *data, size_t len, void *user)
{
    (void)data;
    (void)len;
    (void)user;
    return ERR_CLOSED;
}

static void streamed_body_that_is_not_taken__ends_the_parse_with_that_error(void **state)
{
    (void)state;
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    struct http_parser *p = http_parser_new(HTTP_CLIENT, MAX_BODY);
    struct outcome o = {.rc = 0};
    buf_init(&o.text, 1000);
    http_parser_stream(p, refuse, NULL);
    assert_int_equal(pump(p, text, strlen(text), &o), ERR_CLOSED);
    outcome_fini(&o);
    http_parser_free(p);
}

static void response_over_the_limit__is_refused(void **state)
{
    (void)state;
    char *s = filled("HTTP/1.1 200 OK\r\n\r\n", MAX_BODY + 1, "");
    check(HTTP_CLIENT, s, strlen(s), false, NULL, ERR_TOO_LARGE, 413);
    mem_free(s);
}

static void response_garbage__is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\n\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        check(HTTP_CLIENT, texts[i], strlen(texts[i]), false, NULL, ERR_PROTOCOL, 400);
}

/* Whatever comes: no crash, no event after an error, every byte taken or an error. */
static void random_bytes__never_upset_the_parser(void **state)
{
    (void)state;
    static const char *const words[] = {
        "GET ",
        "POST ",
        "/x",
        " HTTP/1.1",
        "HTTP/1.1 200 OK",
        "\r\n",
        "\r\n\r\n",
        "Host: a",
        "\r",
        "\n",
        " ",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "Connection: close",
        ":",
        "Upgrade: x\r\nConnection: upgrade",
    };
    struct rng r;
    rng_init(&r, 7);
    for (int i = 0; i < 20000; i++) {
        struct buf b;
        struct outcome o;
        buf_init(&b, 4096);
        for (uint64_t n = rng_below(&r, 14); n > 0; n--) {
            if (rng_below(&r, 8) == 0)
                buf_addc(&b, (char)rng_below(&r, 256));
            else
                buf_adds(&b, words[rng_below(&r, sizeof words / sizeof words[0])]);
        }
        run(i % 2 ? HTTP_SERVER : HTTP_CLIENT, b.data, b.len, 1 + (size_t)rng_below(&r, 9),
            i % 3 == 0, &o);
        assert_true(o.rc == 0 || o.rc == ERR_PROTOCOL || o.rc == ERR_TOO_LARGE);
        outcome_fini(&o);
        buf_fini(&b);
    }
}

/* ---- targets ------------------------------------------------------------------------------- */

static void target__is_split_and_decoded(void **state)
{
    (void)state;
    struct http_target t;
    assert_int_equal(http_target_parse("/api/v1/a%2Fb%20c/?limit=5&state=A%2CB&q=a+b&flag&&x=1=2",
                                       &t, NULL),
                     0);
    assert_int_equal(t.segments, 3);
    assert_string_equal(t.segment[0], "api");
    assert_string_equal(t.segment[2], "a/b c");
    assert_int_equal(t.queries, 5);
    assert_string_equal(http_query(&t, "limit"), "5");
    assert_string_equal(http_query(&t, "state"), "A,B");
    assert_string_equal(http_query(&t, "q"), "a b");
    assert_string_equal(http_query(&t, "flag"), "");
    assert_string_equal(http_query(&t, "x"), "1=2");
    assert_null(http_query(&t, "none"));
    http_target_fini(&t);
    assert_int_equal(http_target_parse("/", &t, NULL), 0);
    assert_int_equal(t.segments, 0);
    http_target_fini(&t);
}

static void bad_targets__are_refused(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "",
        "*",
        "x",
        "http://a/b",
        "//",
        "/a//b",
        "/%",
        "/%4",
        "/%zz",
        "/a%00b",
        "/a?x=%",
        "/a?%gg=1",
        "/a?x=%00",
        "/%ff",
        "/a?x=%c3",
        "/a#b",
        "/1/2/3/4/5/6/7/8/9/10/11/12/13",
        "/?1&2&3&4&5&6&7&8&9&10&11&12&13&14&15&16&17&18&19&20&21&22&23&24&25",
    };
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        struct http_target t;
        struct err e = {0};
        if (http_target_parse(targets[i], &t, &e) != ERR_INVALID)
            fail_msg("%s was taken", targets[i]);
        assert_true(e.msg[0] != '\0');
    }
}

static void encoded_text__decodes_to_itself(void **state)
{
    (void)state;
    char all[128 + 8];
    size_t n = 0;
    for (int c = 1; c < 128; c++)
        all[n++] = (char)c;
    memcpy(all + n, "\xc3\xa4\xe2\x82\xac", 6);
    struct buf b;
    struct http_target t;
    buf_init(&b, 4096);
    buf_adds(&b, "/");
    assert_int_equal(http_encode(&b, all), 0);
    buf_adds(&b, "?k=");
    assert_int_equal(http_encode(&b, all), 0);
    assert_int_equal(http_target_parse(b.data, &t, NULL), 0);
    assert_string_equal(t.segment[0], all);
    assert_string_equal(http_query(&t, "k"), all);
    http_target_fini(&t);
    buf_fini(&b);
}

/* ---- writers ------------------------------------------------------------------------------- */

static void written_request__reads_back(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(http_write_request(&b, &(struct http_to){"POST", "/a?b=c", "h:1"},
                                        &(struct http_content){"application/json", "{}", 2},
                                        "Authorization: Bearer x\r\n"),
                     0);
    assert_int_equal(http_write_request(&b, &(struct http_to){"GET", "/", "h:1"}, NULL, NULL), 0);
    good(b.data, "HEAD POST /a?b=c; MESSAGE 2 {}; HEAD GET /; MESSAGE 0 ; ");
    buf_fini(&b);
}

static void written_responses__read_back(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(http_write_response(&b, 200, &(struct http_content){"text/plain", "hi", 2},
                                         "X-A: b\r\n", true),
                     0);
    assert_int_equal(http_write_response(&b, 204, NULL, NULL, true), 0);
    assert_int_equal(http_write_response(&b, 401, NULL, NULL, true), 0);
    assert_int_equal(http_write_stream_head(&b, 200, "text/plain"), 0);
    assert_int_equal(http_write_chunk(&b, "abc", 3), 0);
    assert_int_equal(http_write_chunk(&b, "", 0), 0);
    assert_int_equal(http_write_chunk(&b, "0123456789abcdefg", 17), 0);
    assert_int_equal(http_write_stream_end(&b), 0);
    assert_int_equal(http_write_response(&b, 500, &(struct http_content){"text/plain", "no", 2},
                                         NULL, false),
                     0);
    answer(b.data, "HEAD 200; MESSAGE 2 hi; HEAD 204; MESSAGE 0 ; HEAD 401; MESSAGE 0 ; "
                   "HEAD 200; MESSAGE 20 abc0123456789abcdefg; HEAD 500; MESSAGE 2 no; ");
    assert_non_null(strstr(b.data, "HTTP/1.1 204 No Content\r\n\r\n"));
    assert_non_null(strstr(b.data, "Connection: close\r\n"));
    buf_fini(&b);
}

static void request_that_would_carry_a_second_one__is_not_written(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(http_write_request(&b, &(struct http_to){"GET", "/ HTTP/1.1\r\nX: y", "h"},
                                        NULL, NULL),
                     ERR_INVALID);
    assert_int_equal(http_write_request(&b, &(struct http_to){"GET", "/a b", "h"}, NULL, NULL),
                     ERR_INVALID);
    assert_int_equal(http_write_request(&b, &(struct http_to){"GET", "/", "h\r\nX: y"}, NULL, NULL),
                     ERR_INVALID);
    assert_int_equal(http_write_request(&b, &(struct http_to){"", "/", "h"}, NULL, NULL),
                     ERR_INVALID);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static void full_buffer__takes_all_or_nothing(void **state)
{
    (void)state;
    for (size_t max = 0; max < 100; max++) {
        struct buf b;
        buf_init(&b, max);
        int rc = http_write_response(&b, 200, &(struct http_content){"text/plain", "body", 4}, NULL,
                                     true);
        assert_true(rc == 0 ? str_ends(b.data, "body") : rc == ERR_TOO_LARGE && b.len == 0);
        buf_clear(&b);
        rc = http_write_request(&b, &(struct http_to){"GET", "/", "h"},
                                &(struct http_content){"text/plain", "body", 4}, NULL);
        assert_true(rc == 0 ? str_ends(b.data, "body") : rc == ERR_TOO_LARGE && b.len == 0);
        buf_clear(&b);
        rc = http_write_chunk(&b, "body", 4);
        assert_true(rc == 0 ? str_ends(b.data, "\r\n") : rc == ERR_TOO_LARGE && b.len == 0);
        buf_clear(&b);
        rc = http_encode(&b, "////////////");
        assert_true(rc == 0 ? b.len == 36 : rc == ERR_TOO_LARGE && b.len == 0);
        buf_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_request__is_read),
        cmocka_unit_test(body_with_length__is_read),
        cmocka_unit_test(chunked_body__is_read),
        cmocka_unit_test(pipelined_requests__come_one_by_one),
        cmocka_unit_test(headers__are_lower_case_and_trimmed_and_first_wins),
        cmocka_unit_test(keep_alive__follows_version_and_connection),
        cmocka_unit_test(expect_continue__is_told_at_the_head),
        cmocka_unit_test(expect_continue_of_http_1_0__counts_for_nothing),
        cmocka_unit_test(upgrade__is_served_as_plain),
        cmocka_unit_test(bytes_behind_a_last_message__are_refused),
        cmocka_unit_test(garbage__is_refused),
        cmocka_unit_test(other_versions__are_refused),
        cmocka_unit_test(host__must_be_given_once),
        cmocka_unit_test(connect__is_not_served),
        cmocka_unit_test(two_lengths_for_one_body__are_refused),
        cmocka_unit_test(odd_lengths__are_refused),
        cmocka_unit_test(odd_transfer_encodings__are_refused),
        cmocka_unit_test(transfer_encoding_twice_or_hidden__is_refused),
        cmocka_unit_test(line_ends_other_than_crlf__are_refused),
        cmocka_unit_test(continued_headers__are_refused),
        cmocka_unit_test(nul_in_the_head__is_refused),
        cmocka_unit_test(odd_chunks__are_refused),
        cmocka_unit_test(long_target__is_414),
        cmocka_unit_test(long_header__is_431),
        cmocka_unit_test(head_of_exactly_the_limit__is_taken_and_one_more_is_not),
        cmocka_unit_test(head_of_blank_lines_or_blanks__ends),
        cmocka_unit_test(many_headers__are_431),
        cmocka_unit_test(announced_body_over_the_limit__is_413_before_the_head_is_reported),
        cmocka_unit_test(chunked_body_over_the_limit__is_413),
        cmocka_unit_test(one_byte_chunks__are_fine),
        cmocka_unit_test(endless_chunk_extension_or_trailer__ends),
        cmocka_unit_test(error__stays),
        cmocka_unit_test(responses__are_read),
        cmocka_unit_test(interim_responses__are_not_seen),
        cmocka_unit_test(response_without_body_by_status__has_none_whatever_its_length_says),
        cmocka_unit_test(body_without_length__ends_with_the_connection),
        cmocka_unit_test(end_between_messages__is_fine),
        cmocka_unit_test(end_within_a_message__is_an_error),
        cmocka_unit_test(streamed_body__goes_to_the_function_without_a_limit),
        cmocka_unit_test(streamed_body_that_is_not_taken__ends_the_parse_with_that_error),
        cmocka_unit_test(response_over_the_limit__is_refused),
        cmocka_unit_test(response_garbage__is_refused),
        cmocka_unit_test(random_bytes__never_upset_the_parser),
        cmocka_unit_test(target__is_split_and_decoded),
        cmocka_unit_test(bad_targets__are_refused),
        cmocka_unit_test(encoded_text__decodes_to_itself),
        cmocka_unit_test(written_request__reads_back),
        cmocka_unit_test(written_responses__read_back),
        cmocka_unit_test(request_that_would_carry_a_second_one__is_not_written),
        cmocka_unit_test(full_buffer__takes_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
