/* Following a stream over broken connections: see client_follow in client.h. */
#include "cli/client_impl.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/frame_filter.h"
#include "wire/limits.h"

#include <string.h>

#define TICK_MS 500
#define LINE_MAX_BYTES (16u * 1024 * 1024)

struct follow {
    struct client *c;
    const struct client_follow *f;
    struct frame_filter filter;
    struct frame_reader reader;
    struct buf line; /* not yet complete */
    int64_t cursor;
    bool alive; /* something came on this connection */
};

static int follow_frame(struct follow *w, const struct frame *frame)
{
    struct client *c = w->c;
    if (frame->type == FRAME_OUTPUT) {
        struct frame_output o;
        int rc = frame_output_decode(frame->body, frame->len, &o, &c->err);
        if (rc != 0) return rc;
        w->cursor = o.seq;
        return w->f->on_output(&o, w->f->user);
    }
    struct json *event = NULL;
    int rc = json_parse((const char *)frame->body, frame->len, &event, &c->err);
    if (rc == 0) rc = w->f->on_event(event, w->f->user);
    json_free(event);
    return rc;
}

static int follow_line(struct follow *w, const char *text, size_t len)
{
    struct json *line = NULL;
    int rc = json_parse(text, len, &line, &w->c->err);
    if (rc == 0 && json_get(line, "event")) {
        rc = w->f->on_event(line, w->f->user);
    } else if (rc == 0) {
        w->cursor = json_get_int(line, "cursor", w->cursor);
        rc = w->f->on_line(line, w->f->user);
    }
    json_free(line);
    return rc;
}

static int follow_lines(struct follow *w, const char *data, size_t len)
{
    int rc = 0;
    while (len > 0 && rc == 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) + 1 : len;
        rc = buf_add(&w->line, data, n);
        if (rc != 0) return err_set(&w->c->err, rc, "a line of the stream is too large");
        data += n;
        len -= n;
        if (!end) break;
        rc = follow_line(w, w->line.data, w->line.len);
        buf_clear(&w->line);
    }
    return rc;
}

static int follow_bytes(const void *data, size_t len, void *user)
{
    struct follow *w = user;
    struct frame frame;
    w->alive = true;
    if (w->f->on_line) return follow_lines(w, data, len);
    int rc = 0;
    for (const char *p = data; len > 0 && rc == 0;) {
        size_t used = 0;
        rc = frame_filter_add(&w->filter, &w->reader, p, len, &used, &w->c->err);
        p += used;
        len -= used;
        while (rc == 0 && (rc = frame_reader_next(&w->reader, &frame, &w->c->err)) == 1)
            rc = follow_frame(w, &frame);
    }
    return rc;
}

static void on_tick(uv_timer_t *t)
{
    struct client *c = t->data;
    if (c->follow->on_tick(c->follow->user) != 0) c->stopped = true;
}

/* The stream had begun: the coordinator was there, though there may have been nothing to tell. */
static bool was_accepted(const struct client *c)
{
    int status = c->parser ? http_parser_message(c->parser)->status : 0;
    return status >= 200 && status <= 299;
}

static int follow_all(struct client *c, const char *target, struct follow *w, struct err *e)
{
    struct outage outage;
    client_outage_init(c, &outage, false);
    for (;;) {
        struct err why = {0};
        bool retry = false;
        char *full = str_dupf("%s%ccursor=%lld", target, strchr(target, '?') ? '&' : '?',
                              (long long)w->cursor);
        bool reused = c->link != NULL;
        frame_filter_init(&w->filter, LIMIT_FRAME_KNOWN);
        frame_reader_init(&w->reader, LIMIT_FRAME_KNOWN);
        buf_init(&w->line, LINE_MAX_BYTES);
        w->alive = false;
        int rc = client_stream(c, full, &retry, &why);
        frame_reader_fini(&w->reader);
        buf_fini(&w->line);
        mem_free(full);
        if (c->left) return err_set(e, ERR_CLOSED, "interrupted");
        if (c->stopped) return 0;
        if (rc == 0) return 0;
        /* A stream ends so, too, when its token is revoked: the next answer says it. */
        if (w->alive || was_accepted(c)) {
            client_outage_init(c, &outage, false);
            outage.quiet = true;
        }
        if (retry && reused && !w->alive && !c->link) continue;
        if (!retry || !client_outage_wait(c, &outage, &why)) {
            if (c->left) return err_set(e, ERR_CLOSED, "interrupted");
            if (c->stopped) return 0;
            if (e) *e = why;
            return why.code;
        }
    }
}

int client_follow(struct client *c, const char *target, int64_t cursor,
                  const struct client_follow *f, struct err *e)
{
    struct follow w = {.c = c, .f = f, .cursor = cursor};
    c->on_bytes = follow_bytes;
    c->bytes_user = &w;
    c->follow = f;
    c->stopped = false;
    if (f->on_tick) uv_timer_start(&c->ticking, on_tick, TICK_MS, TICK_MS);
    int rc = follow_all(c, target, &w, e);
    uv_timer_stop(&c->ticking);
    c->on_bytes = NULL;
    c->follow = NULL;
    return rc;
}
