/* See forward_head.h. */
#include "coordinator/api/forward_head.h"

#include "base/str.h"

#include <string.h>

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same word, whatever the case of its letters; name is in lower case. */
static bool is_word(const char *text, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++)
        if (!name[i] || lower(text[i]) != name[i]) return false;
    return name[len] == '\0';
}

/* Does the list "a, b" name it? */
static bool names(const char *list, const char *name)
{
    while (*list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, " \t,");
        if (len && is_word(list, len, name)) return true;
        list += len;
    }
    return false;
}

/* What is of one connection only. */
static bool is_of_hop(const char *name, size_t len)
{
    static const char *const hop[] = {"connection", "keep-alive", "proxy-connection",
                                      "te",         "trailer",    "upgrade"};
    for (size_t i = 0; i < sizeof hop / sizeof *hop; i++)
        if (is_word(name, len, hop[i])) return true;
    return false;
}

/* Credentials and the body's length are never taken away, whatever Connection says of them. */
static bool is_named_by_connection(const struct http_message *m, const char *name)
{
    static const char *const kept[] = {"authorization", "cookie", "host", "content-length",
                                       "idempotency-key"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (str_eq(name, kept[i])) return false;
    for (size_t i = 0; i < m->header_count; i++)
        if (str_eq(m->headers[i].name, "connection") && names(m->headers[i].value, name))
            return true;
    return false;
}

static bool is_passed(const struct http_message *m, const char *name)
{
    static const char *const own[] = {"transfer-encoding", "expect", FORWARD_MARK};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (str_eq(name, own[i])) return false;
    return !is_of_hop(name, strlen(name)) && !is_named_by_connection(m, name);
}

int forward_head_ask(const struct http_message *m, struct buf *out)
{
    int rc = buf_addf(out, "%s %s HTTP/1.1\r\n", m->method, m->target);
    for (size_t i = 0; !rc && i < m->header_count; i++) {
        const struct http_header *h = &m->headers[i];
        if (is_passed(m, h->name)) rc = buf_addf(out, "%s: %s\r\n", h->name, h->value);
    }
    if (!rc && m->has_body)
        rc = buf_adds(out, m->length ? "expect: 100-continue\r\n"
                                     : "expect: 100-continue\r\ntransfer-encoding: chunked\r\n");
    if (!rc) rc = buf_adds(out, FORWARD_MARK ": 1\r\nconnection: close\r\n\r\n");
    return rc;
}

int forward_head_answer(const char *head, size_t len, bool last, struct buf *out)
{
    if (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) return ERR_PROTOCOL;
    const char *line = head, *end = head + len - 2; /* of the last header */
    int rc = 0;
    while (!rc && line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next) return ERR_PROTOCOL;
        const char *colon = memchr(line, ':', (size_t)(++next - line));
        if (line == head || !colon || !is_of_hop(line, (size_t)(colon - line)))
            rc = buf_add(out, line, (size_t)(next - line));
        line = next;
    }
    if (!rc && last) rc = buf_adds(out, "Connection: close\r\n");
    if (!rc) rc = buf_adds(out, "\r\n");
    return rc;
}
