/* HTTP/1.1 (RFC 9112), both directions, incremental. The only file that sees llhttp is http.c.
 * Pure.
 *
 * One http_parser reads a stream of requests (or responses). Limits: LIMIT_HTTP_HEAD,
 * HTTP_HEADERS_MAX, max_body. Chunked bodies are understood. Upgrade, 100-continue (the caller
 * answers it) and trailers are ignored: a request that asks for an upgrade is served without one; a
 * client never sees interim responses (1xx). Refused, because two parsers could read different
 * messages: both Content-Length and Transfer-Encoding, one of them twice, line ends other than CR
 * LF, continued header lines, no or several Host headers. */
#ifndef CADRE_WIRE_HTTP_H
#define CADRE_WIRE_HTTP_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEADERS_MAX 64

struct http_header {
    char *name; /* lower case */
    char *value;
};

struct http_message {
    bool request;
    char method[16]; /* requests; it stands from the first byte of the target on */
    char *target;    /* requests: as sent, "/api/v1/jobs?limit=5" */
    int status;      /* responses */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    struct buf body; /* empty for streamed responses */
    bool has_body;   /* the head announces a body that is not empty */
    size_t length;   /* its Content-Length, not over max_body; 0: chunked, or no body */
    bool keep_alive;
    bool expect_continue;
};

/* The first header of that name; the name is in lower case. NULL: absent. */
const char *http_header(const struct http_message *m, const char *name);
size_t http_header_count(const struct http_message *m, const char *name); /* of that name */

enum http_event {
    HTTP_MORE,    /* all input was consumed; more is needed */
    HTTP_HEAD,    /* head is complete (reported once per message, before any body) */
    HTTP_MESSAGE, /* message complete; further input may hold the next one */
};

struct http_parser; /* opaque */

enum http_role { HTTP_SERVER, HTTP_CLIENT };

struct http_parser *http_parser_new(enum http_role role, size_t max_body);
void http_parser_free(struct http_parser *p);
/* Client only: body bytes go to fn instead of message.body (no max_body then), from now on; NULL:
 * into the message again. Call it at HTTP_HEAD, when the status is known. fn returns 0 or an error
 * that ends the parse (http_parse returns it). */
typedef int http_body_fn(const void *data, size_t len, void *user);
void http_parser_stream(struct http_parser *p, http_body_fn *fn, void *user);
/* Takes up to len bytes, stops after one event. *used: how many bytes were consumed. Call again
 * with the rest (also when nothing is left: the HTTP_MESSAGE of an empty body needs no byte) until
 * it says HTTP_MORE. Negative: ERR_PROTOCOL, ERR_TOO_LARGE (e names which limit), and so again for
 * every further call; http_error_status() then tells 400, 413, 414, 431, 501 or 505. */
int http_parse(struct http_parser *p, const void *data, size_t len, size_t *used,
               enum http_event *event, struct err *e);
/* The peer closed; completes a body that had no length (HTTP_MESSAGE); HTTP_MORE between two
 * messages; ERR_PROTOCOL in the middle of one. An event that is still due comes first: call until
 * HTTP_MORE. */
int http_parse_eof(struct http_parser *p, enum http_event *event, struct err *e);
int http_error_status(const struct http_parser *p);
/* The message of the last HTTP_HEAD/HTTP_MESSAGE; valid until the next http_parse call after
 * HTTP_MESSAGE. */
struct http_message *http_parser_message(struct http_parser *p);

/* The body of the message whose head was reported last may have no more than this, which is not
 * more than max_body. The caller has looked at the length that the head states. */
void http_parser_limit_body(struct http_parser *p, size_t most);
/* That body is a secret: its memory, which is then taken at once for a body of up to BODY_SECRET
 * bytes, is overwritten before it is given back. */
#define BODY_SECRET 4096
void http_parser_body_is_secret(struct http_parser *p);
/* Hands the body over; it is empty in the message then. buf_fini *out. */
void http_parser_take_body(struct http_parser *p, struct buf *out);
/* Gives the memory of the body back. */
void http_parser_drop_body(struct http_parser *p);

/* Target helpers. Path segments and query values are percent-decoded ('+' in a query is a blank); a
 * slash at the end of the path is ignored. ERR_INVALID: bad escapes, NUL, not UTF-8, an empty
 * segment, more parts than there is room for, a target that does not begin with a slash. */
#define HTTP_SEGMENTS_MAX 12
#define HTTP_QUERY_MAX 24
struct http_target {
    char *segment[HTTP_SEGMENTS_MAX];
    size_t segments;
    struct {
        char *key, *value;
    } query[HTTP_QUERY_MAX];
    size_t queries;
    char *storage;
};
int http_target_parse(const char *target, struct http_target *out, struct err *e);
void http_target_fini(struct http_target *t);
const char *http_query(const struct http_target *t, const char *key); /* NULL: absent */
/* Appends s percent-encoded as one path segment or query value. */
int http_encode(struct buf *b, const char *s);

/* A body. */
struct http_content {
    const char *type;
    const void *data;
    size_t len;
};
/* Writers append all or nothing. content NULL: no body; content->data NULL: the head alone, as for
 * a body of that length (an answer to HEAD). ERR_TOO_LARGE: b is at its ceiling. */
int http_write_response(struct buf *b, int status, const struct http_content *content,
                        const char *extra_headers /* "A: b\r\n" or NULL */, bool keep_alive);
/* Response head of a chunked stream; then chunks; then the end. */
int http_write_stream_head(struct buf *b, int status, const char *content_type);
int http_write_chunk(struct buf *b, const void *data, size_t len); /* len 0: nothing is written */
int http_write_stream_end(struct buf *b);
/* ERR_INVALID: a blank or control character in method, target or host. */
struct http_to {
    const char *method, *target, *host;
};
int http_write_request(struct buf *b, const struct http_to *to, const struct http_content *content,
                       const char *extra_headers);
const char *http_status_text(int status);

#endif
