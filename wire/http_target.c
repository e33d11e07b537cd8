/* Request targets: path segments and query, percent-decoding and encoding (RFC 3986). */
#include "wire/http.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Decodes in place: the result is never longer. */
static int decode(char *s, bool plus_is_blank, struct err *e)
{
    char *out = s;
    for (const char *in = s; *in != '\0'; in++) {
        char c = *in;
        if (c == '%') {
            int high = hex_digit(in[1]);
            int low = high < 0 ? -1 : hex_digit(in[2]);
            if (low < 0)
                return err_set(e, ERR_INVALID, "a %% without two hex digits in the target");
            c = (char)(high << 4 | low);
            if (c == '\0') return err_set(e, ERR_INVALID, "a NUL in the target");
            in += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        *out++ = c;
    }
    *out = '\0';
    if (!str_utf8_valid(s, (size_t)(out - s)))
        return err_set(e, ERR_INVALID, "the target is not UTF-8 when decoded");
    return 0;
}

/* Cuts s at the first `mark` and returns the text after it; NULL: there is no mark. */
static char *cut(char *s, char mark)
{
    char *at = strchr(s, mark);
    if (at == NULL) return NULL;
    *at = '\0';
    return at + 1;
}

static int parse_path(char *path, struct http_target *t, struct err *e)
{
    char *rest = path + 1;
    while (rest != NULL && *rest != '\0') {
        char *segment = rest;
        rest = cut(segment, '/');
        if (*segment == '\0') return err_set(e, ERR_INVALID, "an empty segment in the path");
        if (t->segments == HTTP_SEGMENTS_MAX)
            return err_set(e, ERR_INVALID, "the path has more than %d segments", HTTP_SEGMENTS_MAX);
        int rc = decode(segment, false, e);
        if (rc != 0) return rc;
        t->segment[t->segments++] = segment;
    }
    return 0;
}

static int parse_query(char *query, struct http_target *t, struct err *e)
{
    while (query != NULL) {
        char *key = query;
        query = cut(key, '&');
        if (*key == '\0') continue;
        char *value = cut(key, '=');
        if (value == NULL) value = key + strlen(key);
        if (t->queries == HTTP_QUERY_MAX)
            return err_set(e, ERR_INVALID, "the query has more than %d parts", HTTP_QUERY_MAX);
        int rc = decode(key, true, e);
        if (rc == 0) rc = decode(value, true, e);
        if (rc != 0) return rc;
        t->query[t->queries].key = key;
        t->query[t->queries].value = value;
        t->queries++;
    }
    return 0;
}

int http_target_parse(const char *target, struct http_target *out, struct err *e)
{
    struct http_target t = {.segments = 0};
    if (target[0] != '/') return err_set(e, ERR_INVALID, "the target does not begin with /");
    if (strchr(target, '#') != NULL) return err_set(e, ERR_INVALID, "a # in the target");
    t.storage = mem_strdup(target);
    char *query = cut(t.storage, '?');
    int rc = parse_path(t.storage, &t, e);
    if (rc == 0) rc = parse_query(query, &t, e);
    if (rc == 0)
        *out = t;
    else
        mem_free(t.storage);
    return rc;
}

void http_target_fini(struct http_target *t)
{
    mem_free(t->storage);
    *t = (struct http_target){.segments = 0};
}

const char *http_query(const struct http_target *t, const char *key)
{
    for (size_t i = 0; i < t->queries; i++) {
        if (strcmp(t->query[i].key, key) == 0) return t->query[i].value;
    }
    return NULL;
}

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

int http_encode(struct buf *b, const char *s)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t before = b->len;
    int rc = 0;
    for (; *s != '\0' && rc == 0; s++) {
        unsigned char c = (unsigned char)*s;
        char escape[] = {'%', digits[c >> 4], digits[c & 15]};
        rc = unreserved(*s) ? buf_addc(b, *s) : buf_add(b, escape, sizeof escape);
    }
    if (rc != 0) buf_truncate(b, before);
    return rc;
}
