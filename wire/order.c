/* Orders are checked as if a stranger had written them: what comes out is put into HTTP, mail and
 * the arguments of programs. */
#include "wire/order.h"

#include "base/str.h"

#include <string.h>

#define HOST_MAX 255

/* ---- texts ---------------------------------------------------------------------------------- */

static bool has_control(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return true;
    return false;
}

/* *out stays NULL when the member is absent. */
static int text_of(const struct json *root, const char *key, const char **out, struct err *e)
{
    const struct json *node = json_get(root, key);
    if (!node || json_type(node) == JSON_NULL) return 0;
    if (json_type(node) != JSON_STRING) return err_set(e, ERR_INVALID, "'%s' must be a text", key);
    *out = json_str(node, "");
    return 0;
}

/* A text that stands in one line of a protocol. */
static int line_of(const struct json *root, const char *key, const char **out, struct err *e)
{
    int rc = text_of(root, key, out, e);
    if (rc || !*out) return rc;
    if (!**out) return err_set(e, ERR_INVALID, "'%s' is empty", key);
    if (!has_control(*out)) return 0;
    *out = NULL;
    return err_set(e, ERR_INVALID, "'%s' has a control character", key);
}

/* Of a file, which the program opens in whatever folder it is. */
static int path_of(const struct json *root, const char *key, const char **out, struct err *e)
{
    int rc = line_of(root, key, out, e);
    if (rc || !*out || **out == '/') return rc;
    *out = NULL;
    return err_set(e, ERR_INVALID, "'%s' must be an absolute path", key);
}

static int needed(const char *value, const char *key, struct err *e)
{
    return value ? 0 : err_set(e, ERR_INVALID, "'%s' is missing", key);
}

/* ---- addresses ------------------------------------------------------------------------------ */

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/* Of a name, or of an IPv6 address with its brackets: how many bytes it has. 0: it is none. Names
 * may have letters of other scripts. */
static size_t host_len(const char *s, size_t len)
{
    size_t n = 0;
    if (len > 0 && *s == '[') {
        while (++n < len && strchr("0123456789abcdefABCDEF:.", s[n])) {
        }
        if (n < len && s[n] == '%') /* its zone */
            while (++n < len && strchr(letters, s[n])) {
            }
        return n > 2 && n < len && s[n] == ']' ? n + 1 : 0;
    }
    while (n < len && (strchr(letters, s[n]) || (unsigned char)s[n] >= 0x80 || s[n] == '_' ||
                       (n > 0 && strchr("-.", s[n]))))
        n++;
    return n;
}

/* HOST or HOST:PORT. like: an example. */
static int check_host(const char *s, size_t len, const char *name, const char *like, struct err *e)
{
    size_t n = host_len(s, len);
    int64_t port = 0;
    char digits[8] = "";
    if (n == 0 || n > HOST_MAX || (n < len && s[n] != ':'))
        return err_set(e, ERR_INVALID, "%s is no HOST or HOST:PORT, such as %s", name, like);
    if (n == len) return 0;
    if (len - n - 1 < sizeof digits) memcpy(digits, s + n + 1, len - n - 1);
    if (digits[strspn(digits, "0123456789")] || str_int64(digits, &port) || port < 1 ||
        port > 65535)
        return err_set(e, ERR_INVALID, "%s has what is no port, which is 1 to 65535, such as %s",
                       name, like);
    return 0;
}

int order_check_url(const char *url, const char *name, struct err *e)
{
    const char *host = str_starts(url, "https://")  ? url + 8
                       : str_starts(url, "http://") ? url + 7
                                                    : NULL;
    size_t len = host ? strcspn(host, "/?#") : 0;
    if (len == 0)
        return err_set(e, ERR_INVALID, "%s does not begin with https://HOST or http://HOST", name);
    if (strchr(url, ' ') || has_control(url))
        return err_set(e, ERR_INVALID, "%s has a blank or a control character", name);
    for (size_t i = len; i > 0; i--) { /* behind who and with which password */
        if (host[i - 1] != '@') continue;
        host += i;
        len -= i;
        break;
    }
    return check_host(host, len, name, "https://hooks.example.com:8443/x", e);
}

/* ---- webhook -------------------------------------------------------------------------------- */

/* RFC 9110, 5.6.2. */
static bool is_token(const char *s)
{
    static const char fits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "!#$%&'*+-.^_`|~";
    return *s && !s[strspn(s, fits)];
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_same_header(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b))
        a++, b++;
    return lower(*a) == lower(*b);
}

const struct json *order_header(const struct json *headers, const char *name)
{
    const struct json *h = json_first(headers);
    while (h && !is_same_header(json_key(h), name))
        h = json_next(h);
    return h;
}

static int check_headers(const struct json *headers, struct err *e)
{
    if (!headers) return 0;
    if (json_type(headers) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "'headers' must be an object of texts");
    if (json_count(headers) > ORDER_LIST_MAX)
        return err_set(e, ERR_INVALID, "'headers' has more than %d members", ORDER_LIST_MAX);
    for (const struct json *h = json_first(headers); h; h = json_next(h)) {
        if (!is_token(json_key(h)))
            return err_set(e, ERR_INVALID, "'headers' has a name that is none of HTTP's");
        if (json_type(h) != JSON_STRING || has_control(json_str(h, "")))
            return err_set(e, ERR_INVALID, "the header '%s' must be a text of one line",
                           json_key(h));
    }
    return 0;
}

static int read_webhook(struct order *o, struct err *e)
{
    int rc = line_of(o->root, "url", &o->url, e);
    o->content_type = "application/json";
    o->headers = json_get(o->root, "headers");
    if (!rc) rc = path_of(o->root, "urlFile", &o->url_file, e);
    if (!rc) rc = line_of(o->root, "contentType", &o->content_type, e);
    if (!rc) rc = path_of(o->root, "authorizationFile", &o->authorization_file, e);
    if (!rc && o->url && strlen(o->url) > ORDER_URL_MAX)
        rc = err_set(e, ERR_INVALID, "'url' has more than %d bytes", ORDER_URL_MAX);
    if (!rc && o->url) rc = order_check_url(o->url, "'url'", e);
    if (!rc && !o->url == !o->url_file)
        rc = err_set(e, ERR_INVALID, "one of 'url' and 'urlFile' is needed");
    if (!rc) rc = check_headers(o->headers, e);
    if (!rc && o->authorization_file && order_header(o->headers, "Authorization"))
        rc = err_set(e, ERR_INVALID,
                     "'headers' has Authorization beside 'authorizationFile', which is the same "
                     "header: leave out one of them");
    return rc;
}

/* ---- mail ----------------------------------------------------------------------------------- */

/* What stands between < and > in SMTP (RFC 5321, 4.1.2), without comments and quotes. */
static bool is_address(const char *s)
{
    const char *at = strrchr(s, '@');
    return at && at > s && at[1] && strlen(s) <= 254 && !has_control(s) && !strpbrk(s, " <>\"()");
}

static int check_recipients(const struct json *to, struct err *e)
{
    if (json_type(to) != JSON_ARRAY || json_count(to) == 0 || json_count(to) > ORDER_LIST_MAX)
        return err_set(e, ERR_INVALID, "'to' must be a list of 1 to %d addresses", ORDER_LIST_MAX);
    for (const struct json *a = json_first(to); a; a = json_next(a))
        if (!is_address(json_str(a, "")))
            return err_set(e, ERR_INVALID, "'to' has what is no address: ann@example.com is one");
    return 0;
}

static bool is_local(const char *server)
{
    static const char *const local[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        size_t n = strlen(local[i]);
        if (str_starts(server, local[i]) && (!server[n] || server[n] == ':')) return true;
    }
    return false;
}

static int read_tls(struct order *o, struct err *e)
{
    const char *tls = "starttls";
    int rc = text_of(o->root, "tls", &tls, e);
    if (rc) return rc;
    if (str_eq(tls, "starttls"))
        o->tls = ORDER_STARTTLS;
    else if (str_eq(tls, "implicit"))
        o->tls = ORDER_IMPLICIT;
    else if (str_eq(tls, "none"))
        o->tls = ORDER_PLAIN;
    else
        return err_set(e, ERR_INVALID, "'tls' is one of starttls, implicit, none");
    if (o->tls == ORDER_PLAIN && !is_local(o->server))
        return err_set(e, ERR_INVALID,
                       "'tls' may be none for a server on this host alone: localhost, 127.0.0.1, "
                       "[::1]");
    return 0;
}

static int read_mail(struct order *o, struct err *e)
{
    int rc = line_of(o->root, "server", &o->server, e);
    o->subject = "";
    o->to = json_get(o->root, "to");
    if (!rc) rc = needed(o->server, "server", e);
    if (!rc) rc = check_host(o->server, strlen(o->server), "'server'", "smtp.example.com:587", e);
    if (!rc) rc = line_of(o->root, "user", &o->user, e);
    if (!rc) rc = path_of(o->root, "passwordFile", &o->password_file, e);
    if (!rc && !o->user != !o->password_file)
        rc = err_set(e, ERR_INVALID, "'user' and 'passwordFile' are given together or not at all");
    if (!rc) rc = line_of(o->root, "from", &o->from, e);
    if (!rc) rc = needed(o->from, "from", e);
    if (!rc && !is_address(o->from))
        rc = err_set(e, ERR_INVALID, "'from' is no address: cadre@example.com is one");
    if (!rc) rc = text_of(o->root, "subject", &o->subject, e);
    if (!rc) rc = check_recipients(o->to, e);
    return rc ? rc : read_tls(o, e);
}

/* ---- command -------------------------------------------------------------------------------- */

static int read_command(struct order *o, struct err *e)
{
    const struct json *c = o->command = json_get(o->root, "command");
    if (json_type(c) != JSON_ARRAY || json_count(c) == 0 || json_count(c) > ORDER_LIST_MAX)
        return err_set(e, ERR_INVALID, "'command' must be a list of 1 to %d texts", ORDER_LIST_MAX);
    for (const struct json *a = json_first(c); a; a = json_next(a))
        if (json_type(a) != JSON_STRING)
            return err_set(e, ERR_INVALID, "'command' must be a list of texts");
    if (*json_str(json_first(c), "") != '/')
        return err_set(e, ERR_INVALID, "'command' begins with the absolute path of a program");
    return 0;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int read_kind(struct order *o, struct err *e)
{
    const char *kind = json_get_str(o->root, "kind", "");
    if (str_eq(kind, "webhook")) {
        o->kind = ORDER_WEBHOOK;
        return read_webhook(o, e);
    }
    if (str_eq(kind, "mail")) {
        o->kind = ORDER_MAIL;
        return read_mail(o, e);
    }
    if (str_eq(kind, "command")) {
        o->kind = ORDER_COMMAND;
        return read_command(o, e);
    }
    return err_set(e, ERR_INVALID, "'kind' is one of webhook, mail, command");
}

static int read_common(struct order *o, const char *id, struct err *e)
{
    if (!*id)
        return err_set(e, ERR_INVALID, "'id' must be a text of 1 to %d letters", ORDER_ID_SIZE - 1);
    o->id = json_get_str(o->root, "id", "");
    o->body = "";
    const struct json *timeout = json_get(o->root, "timeoutMs");
    o->timeout_ms = timeout ? json_int(timeout, 0) : ORDER_TIMEOUT_MS;
    if (o->timeout_ms < 1 || o->timeout_ms > ORDER_TIMEOUT_MS)
        return err_set(e, ERR_INVALID, "'timeoutMs' is 1 to %d", ORDER_TIMEOUT_MS);
    int rc = text_of(o->root, "body", &o->body, e);
    return rc ? rc : path_of(o->root, "caFile", &o->ca_file, e);
}

int order_parse(const char *line, size_t len, char id[ORDER_ID_SIZE], struct order *out,
                struct err *e)
{
    struct order o = {0};
    *id = '\0';
    if (len > ORDER_LINE_MAX)
        return err_set(e, ERR_TOO_LARGE, "the line has more than %u bytes", ORDER_LINE_MAX);
    int rc = json_parse(line, len, &o.owned, e);
    if (rc) return rc;
    o.root = o.owned;
    if (json_type(o.root) != JSON_OBJECT) {
        order_fini(&o);
        return err_set(e, ERR_INVALID, "the line is no JSON object");
    }
    const char *said = json_get_str(o.root, "id", "");
    if (str_copy(id, ORDER_ID_SIZE, said) || has_control(id)) *id = '\0';
    rc = read_common(&o, id, e);
    if (!rc) rc = read_kind(&o, e);
    if (rc) {
        order_fini(&o);
        return rc;
    }
    *out = o;
    return 0;
}

void order_fini(struct order *o)
{
    json_free(o->owned);
    *o = (struct order){0};
}
