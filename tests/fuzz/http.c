/* HTTP. The first byte chooses the cut and the side; the rest is the stream. The cut changes
 * nothing: events, texts and status are those of the stream given whole. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/http.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BODY 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

static void note_target(struct buf *log, const char *target)
{
    struct http_target t;
    struct err e = {0};
    int rc = http_target_parse(target, &t, &e);
    if (rc != 0) {
        check(rc == ERR_INVALID && e.msg[0] != '\0');
        return;
    }
    for (size_t i = 0; i < t.segments; i++)
        buf_addf(log, "[%s]", t.segment[i]);
    for (size_t i = 0; i < t.queries; i++)
        buf_addf(log, "[%s=%s]", t.query[i].key, t.query[i].value);
    http_target_fini(&t);
}

static void note(struct buf *log, struct http_parser *p, enum http_event event)
{
    struct http_message *m = http_parser_message(p);
    if (event == HTTP_HEAD) {
        buf_addf(log, "HEAD %s %d %d %d\n", m->method, m->status, m->keep_alive,
                 m->expect_continue);
        for (size_t i = 0; i < m->header_count; i++)
            buf_addf(log, "%s: %s\n", m->headers[i].name, m->headers[i].value);
        if (m->target != NULL) note_target(log, m->target);
    } else if (event == HTTP_MESSAGE) {
        check(m->body.len <= MAX_BODY);
        buf_addf(log, "MESSAGE %zu\n", m->body.len);
        buf_add(log, m->body.data, m->body.len);
    }
}

static int feed(struct http_parser *p, const uint8_t *data, size_t len, struct buf *log,
                struct err *e)
{
    enum http_event event = HTTP_HEAD;
    while (event != HTTP_MORE) {
        size_t used;
        int rc = http_parse(p, data, len, &used, &event, e);
        if (rc != 0) return rc;
        check(used <= len);
        check(event != HTTP_MORE || used == len);
        data += used;
        len -= used;
        note(log, p, event);
    }
    return 0;
}

static int run(enum http_role role, const uint8_t *data, size_t size, size_t step, struct buf *log)
{
    struct http_parser *p = http_parser_new(role, MAX_BODY);
    struct err e = {0};
    int rc = 0;
    for (size_t at = 0; at < size && rc == 0; at += step)
        rc = feed(p, data + at, size - at < step ? size - at : step, log, &e);
    enum http_event event = HTTP_HEAD;
    while (rc == 0 && event != HTTP_MORE) {
        rc = http_parse_eof(p, &event, &e);
        if (rc == 0) note(log, p, event);
    }
    if (rc != 0) {
        check(rc == ERR_PROTOCOL || rc == ERR_TOO_LARGE);
        check(e.msg[0] != '\0');
        check(http_error_status(p) >= 400 && http_error_status(p) <= 505);
        buf_addf(log, "ERROR %d\n", http_error_status(p));
    }
    http_parser_free(p);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    enum http_role role = data[0] & 1 ? HTTP_CLIENT : HTTP_SERVER;
    size_t step = data[0] / 2 + 1u;
    struct buf whole, cut;
    buf_init(&whole, 1u << 26);
    buf_init(&cut, 1u << 26);
    int a = run(role, data + 1, size - 1, size, &whole);
    int b = run(role, data + 1, size - 1, step, &cut);
    check(a == b);
    check(whole.len == cut.len && memcmp(whole.data, cut.data, whole.len) == 0);
    buf_fini(&whole);
    buf_fini(&cut);
    return 0;
}
