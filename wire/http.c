/* HTTP/1.1: llhttp does the grammar; limits, strictness and events are ours. */

/* llhttp has a method of the name that we have for an event. */
#define HTTP_HEAD LLHTTP_METHOD_HEAD
#include <llhttp.h>
#undef HTTP_HEAD

#include "wire/http.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

/* Bytes of chunk extensions and trailers, which are ignored. */
#define EXTRAS_MAX LIMIT_HTTP_HEAD
/* Memory for a body of up to that length is taken with its first byte, for a longer one as its
 * bytes come. */
#define BODY_AT_ONCE 2048

enum piece { PIECE_NONE, PIECE_TARGET, PIECE_NAME, PIECE_VALUE };

struct http_parser {
    llhttp_t ll;
    llhttp_settings_t settings;
    enum http_role role;
    size_t max_body;
    size_t body_limit; /* of this message */
    bool secret;       /* its body is */
    http_body_fn *body_fn;
    void *body_user;

    struct http_message m;
    /* The target and the headers, each with a NUL behind it. Until the head is complete the text
     * may move, and the message shows none of them. */
    struct buf text;
    struct {
        size_t name, value;
    } at[HTTP_HEADERS_MAX]; /* places in it */
    size_t headers;
    enum piece piece;         /* being collected ... */
    size_t piece_at, name_at; /* ... from here on; and where the name of its header is */
    bool line_done;           /* the request or status line is complete */
    bool head_done;           /* the head is complete ... */
    bool head_reported;       /* ... and HTTP_HEAD was returned */
    bool message_done;        /* the message is complete ... */
    bool message_reported;    /* ... and HTTP_MESSAGE was returned: the next call begins anew */
    bool closed;              /* llhttp knows that the stream has ended */
    size_t head_bytes;
    char last;          /* byte of the head seen last, 0 at its beginning */
    size_t extra_bytes; /* of chunk extensions and trailers */

    int rc; /* first error sticks */
    int status;
    struct err e;
};

/* ---- small things -------------------------------------------------------------------------- */

static int fail(struct http_parser *p, int rc, int status, const char *what)
{
    if (p->rc == 0) {
        p->rc = err_set(&p->e, rc, "%s", what);
        p->status = status;
    }
    return -1;
}

static int bad(struct http_parser *p, const char *what)
{
    return fail(p, ERR_PROTOCOL, 400, what);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_word(const char *s, const char *word)
{
    for (; *s != '\0' && lower(*s) == *word; s++)
        word++;
    return *s == *word;
}

const char *http_header(const struct http_message *m, const char *name)
{
    for (size_t i = 0; i < m->header_count; i++) {
        if (strcmp(m->headers[i].name, name) == 0) return m->headers[i].value;
    }
    return NULL;
}

size_t http_header_count(const struct http_message *m, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < m->header_count; i++)
        n += strcmp(m->headers[i].name, name) == 0;
    return n;
}

static void free_body(struct http_parser *p)
{
    if (p->secret)
        buf_fini_secret(&p->m.body);
    else
        buf_fini(&p->m.body);
    p->secret = false;
}

static void begin_message(struct http_parser *p)
{
    free_body(p);
    p->m.target = NULL;
    p->m.method[0] = '\0';
    p->m.status = 0;
    p->m.header_count = 0;
    p->m.keep_alive = false;
    p->m.expect_continue = false;
    p->m.has_body = false;
    p->m.length = 0;
    p->body_limit = p->max_body;
    buf_clear(&p->text);
    p->headers = 0;
    p->piece = PIECE_NONE;
    p->line_done = p->head_done = p->head_reported = false;
    p->message_done = p->message_reported = false;
    p->head_bytes = 0;
    p->last = 0;
    p->extra_bytes = 0;
}

/* ---- events of llhttp ---------------------------------------------------------------------- */

static void end_name(struct http_parser *p)
{
    for (size_t i = p->piece_at; i < p->text.len; i++)
        p->text.data[i] = lower(p->text.data[i]);
    p->name_at = p->piece_at;
}

static int end_value(struct http_parser *p)
{
    if (p->headers == HTTP_HEADERS_MAX)
        return fail(p, ERR_TOO_LARGE, 431, "there are too many headers");
    if (memchr(p->text.data + p->piece_at, '\0', p->text.len - p->piece_at) != NULL)
        return bad(p, "a NUL in a header");
    while (p->text.len > p->piece_at && strchr(" \t", p->text.data[p->text.len - 1]) != NULL)
        buf_truncate(&p->text, p->text.len - 1);
    p->at[p->headers].name = p->name_at;
    p->at[p->headers++].value = p->piece_at;
    return 0;
}

/* What was collected is whole; `next` comes after it. */
static int end_piece(struct http_parser *p, enum piece next)
{
    if (p->piece == next) return 0;
    if (p->piece == PIECE_NAME) end_name(p);
    if (p->piece == PIECE_VALUE && end_value(p) != 0) return -1;
    if (p->piece != PIECE_NONE && buf_addc(&p->text, '\0') != 0)
        return fail(p, ERR_TOO_LARGE, 431, "a header is too long");
    p->piece = next;
    p->piece_at = p->text.len;
    return 0;
}

static int on_url(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = ll->data;
    if (p->m.method[0] == '\0')
        (void)str_copy(p->m.method, sizeof p->m.method, llhttp_method_name(ll->method));
    if (end_piece(p, PIECE_TARGET) != 0) return -1;
    if (buf_add(&p->text, at, len) != 0)
        return fail(p, ERR_TOO_LARGE, 414, "the target is too long");
    return 0;
}

static int on_line_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    p->line_done = true;
    return 0;
}

static int on_extra(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = ll->data;
    (void)at;
    if (len > EXTRAS_MAX - p->extra_bytes)
        return fail(p, ERR_TOO_LARGE, 413, "the body has too many bytes that are not content");
    p->extra_bytes += len;
    return 0;
}

/* Also called for trailers, after the head is complete. */
static int add_header(struct http_parser *p, enum piece piece, const char *at, size_t len)
{
    if (p->head_done) return on_extra(&p->ll, at, len);
    if (end_piece(p, piece) != 0) return -1;
    if (buf_add(&p->text, at, len) != 0) return fail(p, ERR_TOO_LARGE, 431, "a header is too long");
    return 0;
}

static int on_header_field(llhttp_t *ll, const char *at, size_t len)
{
    return add_header(ll->data, PIECE_NAME, at, len);
}

static int on_header_value(llhttp_t *ll, const char *at, size_t len)
{
    return add_header(ll->data, PIECE_VALUE, at, len);
}

/* The text of the head is whole and moves no more. */
static int show_head(struct http_parser *p)
{
    if (p->piece == PIECE_NAME && end_piece(p, PIECE_VALUE) != 0) return -1;
    if (end_piece(p, PIECE_NONE) != 0) return -1;
    if (p->m.request) p->m.target = p->text.data; /* the first piece */
    for (size_t i = 0; i < p->headers; i++)
        p->m.headers[i] = (struct http_header){.name = p->text.data + p->at[i].name,
                                               .value = p->text.data + p->at[i].value};
    p->m.header_count = p->headers;
    return 0;
}

/* How long the body is must have one answer (RFC 9112 section 6.3): two of them let a message hide
 * within another. */
static int check_framing(struct http_parser *p)
{
    size_t lengths = http_header_count(&p->m, "content-length");
    size_t codings = http_header_count(&p->m, "transfer-encoding");
    if (lengths > 1) return bad(p, "Content-Length is given twice");
    if (lengths > 0 && codings > 0)
        return bad(p, "both Content-Length and Transfer-Encoding are given");
    if (codings > 1) return bad(p, "Transfer-Encoding is given twice");
    if (codings > 0 && !same_word(http_header(&p->m, "transfer-encoding"), "chunked"))
        return fail(p, ERR_PROTOCOL, 501, "the only Transfer-Encoding known here is chunked");
    if (codings > 0 && p->ll.http_minor == 0)
        return bad(p, "Transfer-Encoding does not exist in HTTP/1.0");
    return 0;
}

static int check_request(struct http_parser *p)
{
    size_t hosts = http_header_count(&p->m, "host");
    const char *expect = http_header(&p->m, "expect");
    if (p->ll.method == HTTP_CONNECT) return fail(p, ERR_PROTOCOL, 501, "CONNECT is not served");
    if (hosts > 1 || (hosts == 0 && p->ll.http_minor > 0))
        return bad(p, "exactly one Host header is needed");
    if (p->ll.content_length > p->max_body && (p->ll.flags & F_CONTENT_LENGTH) != 0)
        return fail(p, ERR_TOO_LARGE, 413, "the body is over the limit");
    /* HTTP/1.0 knows no answer before the answer */
    p->m.expect_continue =
        p->ll.http_minor > 0 && expect != NULL && same_word(expect, "100-continue");
    p->m.length = (p->ll.flags & F_CONTENT_LENGTH) != 0 ? (size_t)p->ll.content_length : 0;
    p->m.has_body = p->m.length > 0 || http_header_count(&p->m, "transfer-encoding") > 0;
    return 0;
}

static int on_headers_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    if (show_head(p) != 0) return -1;
    if (ll->http_major != 1 || ll->http_minor > 1)
        return fail(p, ERR_PROTOCOL, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (check_framing(p) != 0) return -1;
    if (p->m.request) {
        if (check_request(p) != 0) return -1;
    } else {
        p->m.status = ll->status_code;
    }
    ll->upgrade = 0; /* upgrades are ignored: the message is an ordinary message */
    p->head_done = true;
    p->m.keep_alive = llhttp_should_keep_alive(ll) != 0;
    /* No body, whatever the headers say (RFC 9112 section 6.3). llhttp cannot be told that and be
     * paused at once, so the event waits for http_parse. */
    int status = p->m.status;
    if (!p->m.request && (status < 200 || status == 204 || status == 304)) return 1;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *ll, const char *at, size_t len)
{
    struct http_parser *p = ll->data;
    if (p->body_fn != NULL) {
        int rc = p->body_fn(at, len, p->body_user);
        return rc != 0 ? fail(p, rc, 500, "the body was not accepted") : 0;
    }
    if (p->m.body.len == 0 && p->m.length <= BODY_AT_ONCE)
        (void)buf_reserve(&p->m.body, p->secret ? BODY_SECRET : p->m.length);
    if (len > p->body_limit - p->m.body.len || buf_add(&p->m.body, at, len) != 0)
        return fail(p, ERR_TOO_LARGE, 413, "the body is over the limit");
    return 0;
}

static int on_message_complete(llhttp_t *ll)
{
    struct http_parser *p = ll->data;
    p->message_done = true;
    return HPE_PAUSED;
}

/* ---- parser -------------------------------------------------------------------------------- */

struct http_parser *http_parser_new(enum http_role role, size_t max_body)
{
    struct http_parser *p = mem_alloc(sizeof *p);
    p->role = role;
    p->max_body = p->body_limit = max_body;
    llhttp_settings_init(&p->settings);
    p->settings.on_url = on_url;
    p->settings.on_url_complete = on_line_complete;
    p->settings.on_header_field = on_header_field;
    p->settings.on_header_value = on_header_value;
    p->settings.on_chunk_extension_name = on_extra;
    p->settings.on_chunk_extension_value = on_extra;
    p->settings.on_headers_complete = on_headers_complete;
    p->settings.on_body = on_body;
    p->settings.on_message_complete = on_message_complete;
    llhttp_init(&p->ll, role == HTTP_SERVER ? HTTP_REQUEST : HTTP_RESPONSE, &p->settings);
    p->ll.data = p;
    p->m.request = role == HTTP_SERVER;
    buf_init(&p->m.body, max_body);
    buf_init(&p->text, LIMIT_HTTP_HEAD);
    return p;
}

void http_parser_free(struct http_parser *p)
{
    if (p == NULL) return;
    free_body(p);
    buf_fini(&p->text);
    mem_free(p);
}

void http_parser_stream(struct http_parser *p, http_body_fn *fn, void *user)
{
    p->body_fn = fn;
    p->body_user = user;
}

void http_parser_limit_body(struct http_parser *p, size_t most)
{
    p->body_limit = most < p->max_body ? most : p->max_body;
}

void http_parser_body_is_secret(struct http_parser *p)
{
    p->secret = true;
}

void http_parser_take_body(struct http_parser *p, struct buf *out)
{
    *out = p->m.body;
    buf_init(&p->m.body, p->max_body);
}

void http_parser_drop_body(struct http_parser *p)
{
    free_body(p);
    buf_init(&p->m.body, p->max_body);
}

int http_error_status(const struct http_parser *p)
{
    return p->status;
}

struct http_message *http_parser_message(struct http_parser *p)
{
    return &p->m;
}

/* What llhttp tolerates and other readers take differently: line ends that are not CR LF, continued
 * lines. NULL: nothing. */
static const char *head_fault(struct http_parser *p, const char *data, size_t len)
{
    char last = p->last;
    for (size_t i = 0; i < len; i++) {
        char c = data[i];
        if ((last == '\r') != (c == '\n')) return "a line that does not end in CR LF";
        if (last == '\n' && (c == ' ' || c == '\t')) return "a header continued on a new line";
        if (c == '\0') return "a NUL in the head";
        last = c;
        /* most bytes come behind others of their line */
        while ((unsigned char)last > '\r' && i + 1 < len && (unsigned char)data[i + 1] > '\r')
            last = data[++i];
    }
    p->last = last;
    return NULL;
}

/* Goes before an error of llhttp, which was at the last of these bytes: so the error does not
 * depend on how the stream was cut. */
static void check_head_bytes(struct http_parser *p, const char *data, size_t len)
{
    const char *fault = head_fault(p, data, len);
    p->head_bytes += len;
    if (fault == NULL) return;
    p->rc = 0;
    bad(p, fault);
}

static void explain(struct http_parser *p, llhttp_errno_t code)
{
    switch (code) {
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        fail(p, ERR_PROTOCOL, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        break;
    case HPE_CLOSED_CONNECTION:
        bad(p, "bytes after the last message of the connection");
        break;
    default:
        bad(p, llhttp_get_error_reason(&p->ll));
        break;
    }
}

/* Feeds one slice. In the head it is cut so that its limit is met exactly. Returns the bytes
 * taken. */
static size_t feed(struct http_parser *p, const char *data, size_t len)
{
    bool in_head = !p->head_done;
    if (in_head && len > LIMIT_HTTP_HEAD - p->head_bytes) len = LIMIT_HTTP_HEAD - p->head_bytes;
    llhttp_errno_t code = llhttp_execute(&p->ll, data, len);
    size_t used = len;
    if (code != HPE_OK && llhttp_get_error_pos(&p->ll) != NULL)
        used = (size_t)(llhttp_get_error_pos(&p->ll) - data);
    if (code == HPE_PAUSED)
        llhttp_resume(&p->ll);
    else if (code != HPE_OK)
        explain(p, code);
    if (in_head) check_head_bytes(p, data, used);
    if (in_head && !p->head_done && p->head_bytes == LIMIT_HTTP_HEAD)
        fail(p, ERR_TOO_LARGE, p->line_done ? 431 : 414,
             p->line_done ? "the head is over the limit" : "the target is over the limit");
    return used;
}

/* The event that is due, HTTP_MORE when none is. An interim response (1xx) is none. */
static enum http_event next_event(struct http_parser *p)
{
    if (!p->m.request && p->head_done && p->m.status < 200) {
        if (p->message_done) begin_message(p);
        return HTTP_MORE;
    }
    if (p->head_done && !p->head_reported) {
        p->head_reported = true;
        return HTTP_HEAD;
    }
    if (p->message_done && !p->message_reported) {
        p->message_reported = true;
        return HTTP_MESSAGE;
    }
    return HTTP_MORE;
}

static int report(const struct http_parser *p, struct err *e)
{
    return err_set(e, p->rc, "%s", p->e.msg);
}

int http_parse(struct http_parser *p, const void *data, size_t len, size_t *used,
               enum http_event *event, struct err *e)
{
    size_t at = 0;
    enum http_event due = HTTP_MORE;
    if (p->rc != 0) return report(p, e);
    if (p->message_reported) begin_message(p);
    bool once = p->head_reported; /* an empty body ends without a further byte */
    due = next_event(p);
    while (due == HTTP_MORE && (at < len || once)) {
        once = false;
        at += len > 0 ? feed(p, (const char *)data + at, len - at) : feed(p, "", 0);
        if (p->rc != 0) return report(p, e);
        due = next_event(p);
    }
    *used = at;
    *event = due;
    return 0;
}

int http_parse_eof(struct http_parser *p, enum http_event *event, struct err *e)
{
    if (p->rc != 0) return report(p, e);
    if (p->message_reported) begin_message(p);
    enum http_event due = next_event(p);
    if (due == HTTP_MORE && !p->closed) {
        feed(p, "", 0); /* continues after the last event, until the parser needs more bytes */
        if (p->rc == 0) due = next_event(p);
    }
    if (due == HTTP_MORE && p->rc == 0 && !p->closed) {
        p->closed = true;
        llhttp_errno_t code = llhttp_finish(&p->ll);
        if (code != HPE_OK && code != HPE_PAUSED)
            bad(p, "the connection was closed in the middle of a message");
        else
            due = next_event(p);
    }
    if (p->rc != 0) return report(p, e);
    *event = due;
    return 0;
}
