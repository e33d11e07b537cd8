/* Join and API tokens, and their addresses. */
#include "wire/token.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define VERSION 1
#define ID_BYTES 8
#define TAIL_BYTES (TOKEN_PIN_BYTES + ID_BYTES + TOKEN_SECRET_BYTES)
#define BYTES_MAX (2 + TOKEN_ADDRESSES * TOKEN_ADDRESS_SIZE + TAIL_BYTES)
#define BLANKS " \t\r\n"

static const char join_prefix[] = "cadre-join-";
static const char api_prefix[] = "cadre-api-";

static const char *prefix_of(enum token_kind kind)
{
    return kind == TOKEN_JOIN ? join_prefix : api_prefix;
}

/* ---- addresses ----------------------------------------------------------------------------- */

static bool all_of(const char *s, size_t len, const char *also)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!alnum && (c == '\0' || strchr(also, c) == NULL)) return false;
    }
    return len > 0;
}

/* Finds the host in s and the text after it: "" or ":port". */
static int split_host(const char *s, const char **host, size_t *len, const char **rest,
                      struct err *e)
{
    if (s[0] == '[') {
        const char *end = strchr(s, ']');
        if (end == NULL) return err_set(e, ERR_INVALID, "'%s': the closing ] is missing", s);
        *host = s + 1;
        *len = (size_t)(end - s) - 1;
        *rest = end + 1;
        if (memchr(*host, ':', *len) == NULL || !all_of(*host, *len, ":.%_-"))
            return err_set(e, ERR_INVALID, "'%s': no IPv6 address in the brackets", s);
        return 0;
    }
    if (strstr(s, "://") != NULL)
        return err_set(e, ERR_INVALID,
                       "'%s': only host and port are wanted, as in "
                       "queue.example.com:7433",
                       s);
    const char *colon = strchr(s, ':');
    if (colon != NULL && strchr(colon + 1, ':') != NULL)
        return err_set(e, ERR_INVALID,
                       "'%s': an IPv6 address is written in brackets, as in "
                       "[::1]:7433",
                       s);
    *host = s;
    *len = colon != NULL ? (size_t)(colon - s) : strlen(s);
    *rest = s + *len;
    if (!all_of(*host, *len, ".-_"))
        return err_set(e, ERR_INVALID, "'%s': '%.*s' is not a host name", s, (int)*len, *host);
    if (strspn(*host, "0123456789") >= *len) /* a resolver would take 7433 as 0.0.29.9 */
        return err_set(e, ERR_INVALID,
                       "'%s': '%.*s' is a number, and no host: host and port are wanted, as in "
                       "queue.example.com:7433",
                       s, (int)*len, *host);
    return 0;
}

static int parse_port(const char *rest, uint16_t fallback, uint16_t *port)
{
    if (rest[0] == '\0') {
        *port = fallback;
        return 0;
    }
    if (rest[0] != ':' || rest[1] < '0' || rest[1] > '9') return ERR_INVALID;
    int64_t n;
    if (str_int64(rest + 1, &n) != 0 || n > UINT16_MAX) return ERR_INVALID;
    *port = (uint16_t)n;
    return 0;
}

int address_parse(const char *s, uint16_t default_port, char *host, size_t host_size,
                  uint16_t *port, struct err *e)
{
    const char *start = s, *rest = s;
    size_t len = 0;
    uint16_t n;
    int rc = split_host(s, &start, &len, &rest, e);
    if (rc != 0) return rc;
    if (parse_port(rest, default_port, &n) != 0)
        return err_set(e, ERR_INVALID, "'%s': '%s' is not a port, which is a number up to 65535", s,
                       rest[0] == ':' ? rest + 1 : rest);
    if (len >= host_size) return err_set(e, ERR_INVALID, "'%s': the host name is too long", s);
    memcpy(host, start, len);
    host[len] = '\0';
    *port = n;
    return 0;
}

int address_parse_peer(const char *s, uint16_t default_port, char *host, size_t host_size,
                       uint16_t *port, struct err *e)
{
    char found[TOKEN_ADDRESS_SIZE];
    uint16_t n;
    int rc = address_parse(s, default_port, found, sizeof found, &n, e);
    if (rc != 0) return rc;
    if (n == 0)
        return err_set(e, ERR_INVALID,
                       "'%s': nothing listens on port 0: host and port are wanted, as in "
                       "queue.example.com:7433",
                       s);
    if (str_copy(host, host_size, found) != 0)
        return err_set(e, ERR_INVALID, "'%s': the host name is too long", s);
    *port = n;
    return 0;
}

static bool address_fits(const char *s, size_t len)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    return len > 0 && len < TOKEN_ADDRESS_SIZE && strlen(s) == len &&
           address_parse(s, DEFAULT_PORT, host, sizeof host, &port, NULL) == 0;
}

/* ---- writing ------------------------------------------------------------------------------- */

static int pack(const struct token *t, uint8_t *bytes, size_t *len)
{
    size_t at = 0;
    if (t->address_count > TOKEN_ADDRESSES || t->id <= 0) return ERR_INVALID;
    bytes[at++] = VERSION;
    bytes[at++] = (uint8_t)t->address_count;
    for (size_t i = 0; i < t->address_count; i++) {
        size_t n = strlen(t->address[i]);
        if (!address_fits(t->address[i], n)) return ERR_INVALID;
        bytes[at++] = (uint8_t)n;
        memcpy(bytes + at, t->address[i], n);
        at += n;
    }
    memcpy(bytes + at, t->pin, TOKEN_PIN_BYTES);
    at += TOKEN_PIN_BYTES;
    for (int i = 0; i < ID_BYTES; i++)
        bytes[at++] = (uint8_t)((uint64_t)t->id >> (8 * (ID_BYTES - 1 - i)));
    memcpy(bytes + at, t->secret, TOKEN_SECRET_BYTES);
    *len = at + TOKEN_SECRET_BYTES;
    return 0;
}

int token_format(const struct token *t, char *out, size_t out_size)
{
    uint8_t bytes[BYTES_MAX];
    char text[TOKEN_TEXT_SIZE];
    size_t len;
    int rc = pack(t, bytes, &len);
    if (rc == 0) {
        size_t prefix = strlen(prefix_of(t->kind));
        memcpy(text, prefix_of(t->kind), prefix);
        str_base64url(text + prefix, bytes, len);
        rc = str_copy(out, out_size, text);
    }
    mem_wipe(bytes, sizeof bytes);
    mem_wipe(text, sizeof text);
    return rc;
}

/* ---- reading ------------------------------------------------------------------------------- */

static int cut_off(struct err *e)
{
    return err_set(e, ERR_INVALID, "the token is incomplete: it was cut off when it was copied");
}

static int damaged(struct err *e)
{
    return err_set(e, ERR_INVALID, "the token is damaged: copy it again");
}

static int unpack_addresses(const uint8_t *bytes, size_t len, struct token *t, size_t *at,
                            struct err *e)
{
    if (bytes[1] > TOKEN_ADDRESSES) return damaged(e);
    t->address_count = bytes[1];
    *at = 2;
    for (size_t i = 0; i < t->address_count; i++) {
        if (*at >= len) return cut_off(e);
        size_t n = bytes[(*at)++];
        if (n > len - *at) return cut_off(e);
        memcpy(t->address[i], bytes + *at, n);
        t->address[i][n] = '\0';
        if (!address_fits(t->address[i], n)) return damaged(e);
        *at += n;
    }
    return 0;
}

static int unpack(const uint8_t *bytes, size_t len, struct token *t, struct err *e)
{
    size_t at = 0;
    uint64_t id = 0;
    if (len < 2) return cut_off(e);
    if (bytes[0] != VERSION)
        return err_set(e, ERR_INVALID,
                       "the token is of version %d, and this program knows version %d: "
                       "it may be too old",
                       (int)bytes[0], VERSION);
    int rc = unpack_addresses(bytes, len, t, &at, e);
    if (rc != 0) return rc;
    if (len - at < TAIL_BYTES) return cut_off(e);
    if (len - at > TAIL_BYTES)
        return err_set(e, ERR_INVALID,
                       "the token has extra characters after its end: copy it again");
    memcpy(t->pin, bytes + at, TOKEN_PIN_BYTES);
    at += TOKEN_PIN_BYTES;
    for (int i = 0; i < ID_BYTES; i++)
        id = id << 8 | bytes[at++];
    if (id == 0 || id > INT64_MAX) return damaged(e);
    t->id = (int64_t)id;
    memcpy(t->secret, bytes + at, TOKEN_SECRET_BYTES);
    return 0;
}

/* The text after the prefix, without surrounding blanks; a copy. */
static int decode(const char *s, size_t len, struct token *t, struct err *e)
{
    char text[TOKEN_TEXT_SIZE];
    uint8_t bytes[BYTES_MAX];
    size_t n;
    int rc;
    if (len >= sizeof text)
        return err_set(e, ERR_INVALID, "the token is too long: something was copied along with it");
    memcpy(text, s, len);
    text[len] = '\0';
    if (strpbrk(text, BLANKS) != NULL)
        rc = err_set(e, ERR_INVALID,
                     "the token has a blank or a line break inside: "
                     "it is one word, copy it in one piece");
    else if (len > 0 && !all_of(text, len, "-_"))
        rc = damaged(e);
    else if (str_unbase64url(bytes, sizeof bytes, text, &n) != 0)
        rc = cut_off(e); /* the right letters, but no whole number of bytes */
    else
        rc = unpack(bytes, n, t, e);
    mem_wipe(text, sizeof text);
    mem_wipe(bytes, sizeof bytes);
    return rc;
}

int token_parse(const char *s, struct token *out, struct err *e)
{
    struct token t;
    memset(&t, 0, sizeof t);
    s += strspn(s, BLANKS);
    size_t len = strlen(s);
    while (len > 0 && strchr(BLANKS, s[len - 1]) != NULL)
        len--;
    if (str_starts(s, join_prefix)) {
        t.kind = TOKEN_JOIN;
    } else if (str_starts(s, api_prefix)) {
        t.kind = TOKEN_API;
    } else {
        return err_set(e, ERR_INVALID,
                       len == 0 ? "the token is empty"
                                : "this is not a token: one begins with %s or %s",
                       join_prefix, api_prefix);
    }
    size_t prefix = strlen(prefix_of(t.kind));
    int rc = decode(s + prefix, len - prefix, &t, e);
    if (rc == 0) *out = t;
    mem_wipe(&t, sizeof t);
    return rc;
}

void token_fini(struct token *t)
{
    mem_wipe(t, sizeof *t);
}

int token_expect(const struct token *t, enum token_kind kind, struct err *e)
{
    if (t->kind == kind) return 0;
    return err_set(
        e, ERR_INVALID,
        kind == TOKEN_JOIN
            ? "this is an API token, for the command line; a machine joins with a join token "
              "(cadre token create join)"
            : "this is a join token, for a machine; the command line and the API take an API "
              "token (cadre token create api)");
}
