/* Finding the names of this host. */
#include "coordinator/trust/names.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <string.h>
#include <uv.h>

#define NAMES_FILE "names"      /* in the state folder; one name per line */
#define TOKEN_FOUND_MAX 4       /* how many addresses a token has when none is configured */
#define TOKEN_ADDRESS_BYTES 300 /* in all, so that the text stays under the limit of `enrol` */

static void add_name(struct names *n, const char *name)
{
    if (str_empty(name) || n->count == PKI_SAN_MAX) return;
    for (size_t i = 0; i < n->count; i++)
        if (str_eq(n->items[i], name)) return;
    n->items[n->count++] = mem_strdup(name);
}

static void add_host_of(struct names *n, const char *address)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    if (address_parse(address, DEFAULT_PORT, host, sizeof host, &port, NULL) == 0)
        add_name(n, host);
}

static bool is_any(const char *host)
{
    return str_eq(host, "0.0.0.0") || str_eq(host, "::");
}

static bool is_link_local(const uv_interface_address_t *a)
{
    if (a->address.address4.sin_family != AF_INET6) return false;
    const unsigned char *b = (const unsigned char *)&a->address.address6.sin6_addr;
    return b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

/* Addresses of interfaces that other hosts may reach: no loopback, nothing that needs a scope. */
static void each_interface(void (*fn)(const char *text, void *user), void *user)
{
    uv_interface_address_t *list;
    int count;
    if (uv_interface_addresses(&list, &count)) return;
    for (int i = 0; i < count; i++) {
        char text[64];
        if (list[i].is_internal || is_link_local(&list[i])) continue;
        int rc = list[i].address.address4.sin_family == AF_INET6
                     ? uv_ip6_name(&list[i].address.address6, text, sizeof text)
                     : uv_ip4_name(&list[i].address.address4, text, sizeof text);
        if (!rc) fn(text, user);
    }
    uv_free_interface_addresses(list, count);
}

static void on_name(const char *text, void *user)
{
    add_name(user, text);
}

int names_keep(const struct config *c, struct err *e)
{
    struct buf text;
    if (c->names.count == 0) return 0;
    buf_init(&text, 64 * 1024);
    for (size_t i = 0; i < c->names.count; i++)
        buf_addf(&text, "%s\n", c->names.items[i]);
    char *path = paths_join(c->state, NAMES_FILE);
    int rc = file_write_atomic(path, text.data, text.len, FILE_PUBLIC, e);
    mem_free(path);
    buf_fini(&text);
    return rc;
}

/* text: of the file at path, which is taken apart. */
static int add_lines(struct names *n, const char *path, char *text, struct err *e)
{
    char shown[STR_QUOTE_SIZE];
    int number = 1;
    for (char *line = text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        line = str_trim(line);
        if (*line && !pki_name_valid(line))
            return err_set(e, ERR_INVALID,
                           "%s:%d: %s is neither a host's name nor an address: mend the line, or "
                           "take it out",
                           path, number, str_quote(shown, line));
        add_name(n, line);
    }
    return 0;
}

static int add_kept(struct names *n, const char *state, struct err *e)
{
    struct buf text;
    char *path = paths_join(state, NAMES_FILE);
    struct err why = {0};
    buf_init(&text, 64 * 1024);
    int rc = file_read(path, 64 * 1024 - 1, &text, &why);
    if (rc != 0 && rc != ERR_NOT_FOUND)
        log_warn("the certificate is made without the names given to init: %s", err_text(&why));
    rc = rc == 0 && text.len > 0 ? add_lines(n, path, text.data, e) : 0;
    buf_fini(&text);
    mem_free(path);
    return rc;
}

int names_gather(const struct config *c, struct names *out, struct err *e)
{
    *out = (struct names){0};
    for (size_t i = 0; i < c->names.count; i++)
        add_name(out, c->names.items[i]);
    int rc = add_kept(out, c->state, e);
    if (rc) {
        names_fini(out);
        return rc;
    }
    for (size_t i = 0; i < c->advertise.count; i++)
        add_host_of(out, c->advertise.items[i]);
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    if (address_parse(c->listen, DEFAULT_PORT, host, sizeof host, &port, NULL) == 0 &&
        !is_any(host))
        add_name(out, host);
    if (os_hostname(host, sizeof host) == 0) add_name(out, host);
    add_name(out, "localhost");
    add_name(out, "127.0.0.1");
    add_name(out, "::1");
    each_interface(on_name, out);
    return 0;
}

void names_fini(struct names *n)
{
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->items[i]);
    *n = (struct names){0};
}

struct address_sink {
    struct token *t;
    uint16_t port;
    size_t bytes, most;
};

static void add_address(struct address_sink *s, const char *host, uint16_t port)
{
    char text[TOKEN_ADDRESS_SIZE];
    bool v6 = strchr(host, ':') != NULL;
    if (str_format(text, sizeof text, "%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
                   (unsigned)port))
        return;
    char parsed[TOKEN_ADDRESS_SIZE];
    uint16_t parsed_port;
    if (address_parse(text, port, parsed, sizeof parsed, &parsed_port, NULL)) return;
    size_t n = strlen(text);
    if (s->t->address_count >= s->most || s->bytes + n + 1 > TOKEN_ADDRESS_BYTES) return;
    for (size_t i = 0; i < s->t->address_count; i++)
        if (str_eq(s->t->address[i], text)) return;
    memcpy(s->t->address[s->t->address_count++], text, n + 1);
    s->bytes += n + 1;
}

static void on_address(const char *text, void *user)
{
    struct address_sink *s = user;
    add_address(s, text, s->port);
}

static void add_advertised(struct address_sink *s, const struct config *c)
{
    for (size_t i = 0; i < c->advertise.count; i++) {
        char name[TOKEN_ADDRESS_SIZE];
        uint16_t port;
        if (!address_parse(c->advertise.items[i], s->port, name, sizeof name, &port, NULL))
            add_address(s, name, port);
    }
}

static char *address_list(const struct token *t)
{
    struct buf text;
    struct jw w;
    buf_init(&text, TOKEN_ADDRESSES * TOKEN_ADDRESS_SIZE * 2);
    jw_init(&w, &text);
    jw_array(&w, NULL);
    for (size_t i = 0; i < t->address_count; i++)
        jw_str(&w, NULL, t->address[i]);
    jw_end(&w);
    char *out = jw_finish(&w) ? NULL : buf_detach(&text);
    buf_fini(&text);
    return out;
}

char *names_advertised(const struct config *c, uint16_t port)
{
    struct token t = {0};
    struct address_sink s = {.t = &t, .port = port, .most = TOKEN_ADDRESSES};
    add_advertised(&s, c);
    return t.address_count == 0 ? NULL : address_list(&t);
}

static void add_found(struct address_sink *s, const char *listen_host)
{
    char host[TOKEN_ADDRESS_SIZE];
    if (!is_any(listen_host)) {
        add_address(s, listen_host, s->port);
        return;
    }
    s->most = TOKEN_FOUND_MAX;
    if (os_hostname(host, sizeof host) == 0) add_address(s, host, s->port);
    each_interface(on_address, s);
}

void names_for_token(const struct config *c, uint16_t port, bool local, struct token *t)
{
    struct address_sink s = {.t = t, .port = port, .most = TOKEN_ADDRESSES};
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t own_port;
    t->address_count = 0;
    if (address_parse(c->listen, DEFAULT_PORT, host, sizeof host, &own_port, NULL)) return;
    if (local && is_any(host)) add_address(&s, "127.0.0.1", port);
    add_advertised(&s, c);
    if (c->advertise.count == 0) add_found(&s, host);
}

/* ---- this one of several ---- */

/* Names of this host, and those that `names` says that it has. */
static void gather_own(const struct config *c, const char *listen_host, struct names *out)
{
    char host[TOKEN_ADDRESS_SIZE];
    *out = (struct names){0};
    for (size_t i = 0; i < c->names.count; i++)
        add_name(out, c->names.items[i]);
    (void)add_kept(out, c->state, NULL);
    if (!is_any(listen_host)) add_name(out, listen_host);
    if (os_hostname(host, sizeof host) == 0) add_name(out, host);
    each_interface(on_name, out);
}

/* A host may know the first part of its name alone: "queue1" is queue1.example.com. */
static bool is_own(const struct names *own, const char *host)
{
    for (size_t i = 0; i < own->count; i++) {
        const char *name = own->items[i];
        size_t n = strlen(name);
        bool begins = !strpbrk(name, ".:") && strncmp(host, name, n) == 0 && host[n] == '.';
        if (begins || str_eq(host, name)) return true;
    }
    return false;
}

/* any_port: behind something that maps ports. */
static void add_own(struct address_sink *s, const struct config *c, const struct names *own,
                    bool any_port)
{
    for (size_t i = 0; i < c->advertise.count; i++) {
        char host[TOKEN_ADDRESS_SIZE];
        uint16_t port;
        if (!address_parse(c->advertise.items[i], s->port, host, sizeof host, &port, NULL) &&
            is_own(own, host) && (any_port || port == s->port))
            add_address(s, host, port);
    }
}

char *names_reachable(const struct config *c, uint16_t port)
{
    struct token t = {0};
    struct address_sink s = {.t = &t, .port = port, .most = TOKEN_ADDRESSES};
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t listen_port;
    struct names own;
    if (address_parse(c->listen, DEFAULT_PORT, host, sizeof host, &listen_port, NULL))
        return mem_strdup("[]");
    gather_own(c, host, &own);
    add_own(&s, c, &own, false);
    if (t.address_count == 0) add_own(&s, c, &own, true);
    if (t.address_count == 0) add_found(&s, host);
    names_fini(&own);
    return address_list(&t);
}
