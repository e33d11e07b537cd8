/* URIs of PostgreSQL, as libpq reads them (fe-connect.c, conninfo_uri_parse): credentials end at
 * the first '@' before a '/', hosts are separated by commas, every part is percent-encoded, and of
 * a parameter that is there twice the last counts. */
#include "coordinator/store_uri.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/lease.h"

#include <string.h>

#define MASK "***"

/* The parameters that libpq 14 to 17 know, and that mean something here. */
static const char *const known[] = {
    "application_name",
    "channel_binding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "options",
    "passfile",
    "password",
    "port",
    "require_auth",
    "requirepeer",
    "ssl",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "tcp_user_timeout",
    "user",
};
#define KNOWN (sizeof known / sizeof *known)

/* Those that libpq knows, too, and that must not be set, with the reason. */
static const struct refused {
    const char *key, *why;
} refused[] = {
    {"client_encoding", "is always UTF8 here"},
    {"replication", "is for copies of a database"},
    {"service", "would have host and database in another file: write them here"},
    {"target_session_attrs", "is set by Cadre: of several hosts it writes at the primary"},
};

/* One part of a URI: its decoded value, and where it stands. */
struct part {
    const char *key; /* as libpq names it */
    const char *value;
    size_t at, len;
};

/* What is kept of the parts; each value NULL or mem_free. */
struct facts {
    char *host, *hostaddr, *database, *sslmode;
    bool password;
};

struct walk {
    const char *text;
    struct facts facts;
    struct buf *masked; /* NULL: not wanted */
    size_t done;        /* so much of the text is in `masked` */
};

static const char *scheme_end(const char *store)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    for (size_t i = 0; store && i < 2; i++)
        if (str_starts(store, schemes[i])) return store + strlen(schemes[i]);
    return NULL;
}

bool store_uri_is_postgresql(const char *store)
{
    return scheme_end(store) != NULL;
}

/* ---- parts ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* what: for the sentence. *out: mem_free. */
static int decode(const char *s, size_t len, const char *what, char **out, struct err *e)
{
    char *text = mem_strndup(s, len), *to = text;
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++) {
        int c = (unsigned char)s[i];
        if (c == '%') {
            int high = i + 2 < len ? hex(s[i + 1]) : -1, low = high < 0 ? -1 : hex(s[i + 2]);
            c = low < 0 ? -1 : high * 16 + low;
            i += 2;
            if (c < 0)
                rc = err_set(e, ERR_INVALID,
                             "%s has a '%%' without two hexadecimal digits behind it; the sign "
                             "itself is written %%25",
                             what);
        }
        if (rc == 0 && (c < 0x20 || c == 0x7f))
            rc = err_set(e, ERR_INVALID, "%s has a control character", what);
        *to++ = (char)c;
    }
    *to = 0;
    if (rc == 0)
        *out = text;
    else
        mem_free_secret(text);
    return rc;
}

static void keep(char **slot, const char *value)
{
    mem_free(*slot);
    *slot = mem_strdup(value);
}

static bool is_secret(const char *key)
{
    return str_eq(key, "password") || str_eq(key, "sslpassword");
}

static int check_ports(const char *list, struct err *e)
{
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        size_t len = strcspn(p, ",");
        int64_t n = 0;
        char text[8] = "";
        bool fine = len == 0;
        if (len > 0 && len < sizeof text && strspn(p, "0123456789") >= len) {
            memcpy(text, p, len);
            fine = str_int64(text, &n) == 0 && n >= 1 && n <= 65535;
        }
        if (!fine)
            return err_set(e, ERR_INVALID,
                           "the port is not a number from 1 to 65535; in user name and password "
                           "'/' is written %%2F, ':' %%3A and '@' %%40");
    }
    return 0;
}

static int check_choice(const char *key, const char *value, const char *const *choices,
                        struct err *e)
{
    char all[ERR_MSG_MAX] = "";
    for (; *choices; choices++) {
        if (str_eq(*choices, value)) return 0;
        size_t n = strlen(all);
        (void)str_format(all + n, sizeof all - n, "%s%s", n ? ", " : "", *choices);
    }
    return err_set(e, ERR_INVALID, "%s is none of %s", key, all);
}

static int check_value(const struct part *p, struct err *e)
{
    static const char *const modes[] = {"disable",   "allow",       "prefer", "require",
                                        "verify-ca", "verify-full", NULL};
    if (str_eq(p->key, "port")) return check_ports(p->value, e);
    if (str_eq(p->key, "sslmode")) return check_choice(p->key, p->value, modes, e);
    if (str_eq(p->key, "ssl") && !str_eq(p->value, "true"))
        return err_set(e, ERR_INVALID, "ssl can only be true; sslmode says more");
    return 0;
}

static int take(struct walk *w, const struct part *p, struct err *e)
{
    struct facts *f = &w->facts;
    int rc = check_value(p, e);
    if (rc != 0) return rc;
    if (str_eq(p->key, "host")) keep(&f->host, p->value);
    if (str_eq(p->key, "hostaddr")) keep(&f->hostaddr, p->value);
    if (str_eq(p->key, "dbname")) keep(&f->database, p->value);
    if (str_eq(p->key, "sslmode")) keep(&f->sslmode, p->value);
    if (str_eq(p->key, "ssl")) keep(&f->sslmode, "require");
    if (!is_secret(p->key) || p->len == 0) return 0;
    f->password = true;
    if (!w->masked) return 0;
    (void)buf_add(w->masked, w->text + w->done, p->at - w->done);
    (void)buf_adds(w->masked, MASK);
    w->done = p->at + p->len;
    return 0;
}

static int take_raw(struct walk *w, const char *key, const char *what, const char *from, size_t len,
                    struct err *e)
{
    char *value = NULL;
    int rc = decode(from, len, what, &value, e);
    if (rc != 0) return rc;
    const struct part p = {key, value, (size_t)(from - w->text), len};
    rc = take(w, &p, e);
    mem_free_secret(value);
    return rc;
}

/* ---- the parts in their order ---- */

/* *at: behind them. */
static int walk_credentials(struct walk *w, const char **at, struct err *e)
{
    const char *user = *at, *end = user + strcspn(user, "@/");
    if (*end != '@') return 0;
    size_t user_len = strcspn(user, ":@"), all = (size_t)(end - user);
    if (strcspn(user, "?#") < all)
        return err_set(e, ERR_INVALID,
                       "in user name and password '?' is written %%3F and '#' %%23");
    *at = end + 1;
    if (strcspn(*at, "@") < strlen(*at) && strcspn(*at, "@") < strcspn(*at, "/?"))
        return err_set(e, ERR_INVALID, "there are several '@': in a password it is written %%40");
    int rc = take_raw(w, "user", "the user name", user, user_len, e);
    if (rc == 0 && user_len < all)
        rc = take_raw(w, "password", "the password", user + user_len + 1, all - user_len - 1, e);
    return rc;
}

/* One "HOST:PORT", "[ADDRESS]:PORT" or what is left of them, up to `end`. */
static int walk_host(const char *p, const char *end, struct buf *hosts, struct buf *ports,
                     struct err *e)
{
    const char *host = p, *host_end = p;
    if (*p == '[') {
        host = p + 1;
        host_end = host + strcspn(host, "]/?,");
        if (*host_end != ']' || host_end == host)
            return err_set(e, ERR_INVALID, "an IPv6 address is written in brackets, as in [::1]");
        p = host_end + 1;
        if (p < end && *p != ':')
            return err_set(e, ERR_INVALID,
                           "behind the ']' of an IPv6 address stands ':' and a "
                           "port, or nothing");
    } else {
        host_end = host + strcspn(host, ":/?,");
        p = host_end;
    }
    (void)buf_add(hosts, host, (size_t)(host_end - host));
    if (p < end) (void)buf_add(ports, p + 1, (size_t)(end - p - 1));
    return 0;
}

static int walk_hosts(struct walk *w, const char **at, struct err *e)
{
    struct buf hosts, ports;
    char *value = NULL;
    int rc = 0;
    buf_init(&hosts, STORE_URI_MAX);
    buf_init(&ports, STORE_URI_MAX);
    for (const char *p = *at; rc == 0; p = *at + 1) {
        size_t len = strcspn(p, *p == '[' ? "/?,]" : "/?,");
        if (p[len] == ']') len += strcspn(p + len, "/?,");
        *at = p + len;
        rc = walk_host(p, *at, &hosts, &ports, e);
        if (**at != ',') break;
        (void)buf_addc(&hosts, ',');
        (void)buf_addc(&ports, ',');
    }
    if (rc == 0) rc = check_ports(ports.len ? ports.data : "", e);
    if (rc == 0 && hosts.len > 0) rc = decode(hosts.data, hosts.len, "the host", &value, e);
    if (rc == 0 && value) keep(&w->facts.host, value);
    mem_free(value);
    buf_fini(&hosts);
    buf_fini(&ports);
    return rc;
}

static int refuse_key(const char *key, struct err *e)
{
    char hint[STR_SUGGEST_SIZE], shown[STR_QUOTE_SIZE];
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (str_eq(refused[i].key, key))
            return err_set(e, ERR_INVALID, "the parameter %s %s", key, refused[i].why);
    return err_set(e, ERR_INVALID, "PostgreSQL has no parameter %s%s", str_quote(shown, key),
                   str_suggest_nearest(hint, key, known, KNOWN));
}

static int walk_parameter(struct walk *w, const char *p, size_t len, struct err *e)
{
    const char *equals = memchr(p, '=', len);
    char *key = NULL;
    if (!equals) return err_set(e, ERR_INVALID, "a parameter behind the '?' is not NAME=VALUE");
    int rc = decode(p, (size_t)(equals - p), "the name of a parameter", &key, e);
    if (rc != 0) return rc;
    size_t i = 0;
    while (i < KNOWN && !str_eq(known[i], key))
        i++;
    if (i == KNOWN) rc = refuse_key(key, e);
    size_t left = len - (size_t)(equals + 1 - p);
    if (rc == 0) rc = take_raw(w, known[i], known[i], equals + 1, left, e);
    mem_free(key);
    return rc;
}

static int walk_parameters(struct walk *w, const char *p, struct err *e)
{
    int rc = 0;
    /* What is taken for parameters may be a piece of a password with '/' and '?' in it. */
    if (strchr(p, '@'))
        return err_set(e, ERR_INVALID,
                       "there is an '@' behind the '?': it is written %%40, and in user name and "
                       "password '/' is written %%2F and '?' %%3F");
    while (rc == 0 && *p) {
        size_t len = strcspn(p, "&");
        rc = walk_parameter(w, p, len, e);
        p += len;
        if (*p == '&') p++;
    }
    return rc;
}

static bool all_hosts_named(const char *list)
{
    if (str_empty(list)) return false;
    for (; list; list = strchr(list, ',') ? strchr(list, ',') + 1 : NULL)
        if (!*list || *list == ',') return false;
    return true;
}

static int check_whole(const struct facts *f, struct err *e)
{
    if (!all_hosts_named(f->host) && !all_hosts_named(f->hostaddr))
        return err_set(e, ERR_INVALID,
                       "it names no host: postgresql://USER@HOST/DATABASE, or for a socket "
                       "postgresql://USER@/DATABASE?host=/var/run/postgresql");
    if (str_empty(f->database))
        return err_set(e, ERR_INVALID, "it names no database: postgresql://USER@HOST/DATABASE");
    return 0;
}

static int check_bytes(const char *store, struct err *e)
{
    if (strlen(store) > STORE_URI_MAX)
        return err_set(e, ERR_INVALID, "it is longer than %d bytes", STORE_URI_MAX);
    for (const unsigned char *p = (const unsigned char *)store; *p; p++) {
        if (*p < 0x20 || *p == 0x7f)
            return err_set(e, ERR_INVALID, "it has a control character, such as the end of a line");
        if (*p == ' ') return err_set(e, ERR_INVALID, "it has a blank, which is written %%20");
    }
    return 0;
}

static void walk_fini(struct walk *w)
{
    struct facts *f = &w->facts;
    mem_free(f->host);
    mem_free(f->hostaddr);
    mem_free(f->database);
    mem_free(f->sslmode);
}

/* Of a text with the scheme. walk_fini in every case. */
static int walk(struct walk *w, const char *store, struct buf *masked, struct err *e)
{
    *w = (struct walk){.text = store, .masked = masked};
    const char *at = scheme_end(store);
    int rc = check_bytes(store, e);
    if (rc == 0) rc = walk_credentials(w, &at, e);
    if (rc == 0) rc = walk_hosts(w, &at, e);
    if (rc != 0) return rc;
    if (*at == '/') {
        const char *name = at + 1;
        at = name + strcspn(name, "?");
        if (memchr(name, '@', (size_t)(at - name)) || memchr(name, '/', (size_t)(at - name)))
            return err_set(e, ERR_INVALID,
                           "the name of the database has a '/' or '@'; in user name and password "
                           "they are written %%2F and %%40");
        if (at > name)
            rc = take_raw(w, "dbname", "the database's name", name, (size_t)(at - name), e);
    }
    if (rc == 0 && *at == '?') rc = walk_parameters(w, at + 1, e);
    return rc == 0 ? check_whole(&w->facts, e) : rc;
}

int store_uri_check(const char *store, struct err *e)
{
    struct walk w;
    if (str_eq(store, STORE_SQLITE)) return 0;
    if (!scheme_end(store))
        return err_set(e, ERR_INVALID, "a store is 'sqlite', or postgresql://USER@HOST/DATABASE");
    int rc = walk(&w, store, NULL, e);
    walk_fini(&w);
    return rc;
}

/* ---- what is shown, and said ---- */

/* Of a text that cannot be understood. */
static char *mask_all(const char *store)
{
    const char *end = strstr(store, "://");
    size_t scheme = strspn(store, "abcdefghijklmnopqrstuvwxyz");
    bool word = scheme <= 12 && !store[scheme];
    if (word) return mem_strdup(store); /* "sqlit" */
    if (!end || (size_t)(end - store) != scheme || scheme > 12) return mem_strdup(MASK);
    return str_dupf("%.*s://" MASK, (int)scheme, store);
}

char *store_uri_masked(const char *store)
{
    struct walk w;
    struct buf out;
    if (!store) return mem_strdup(STORE_SQLITE);
    if (!scheme_end(store)) return mask_all(store);
    buf_init(&out, 2 * STORE_URI_MAX);
    int rc = walk(&w, store, &out, NULL);
    if (rc == 0) rc = buf_adds(&out, store + w.done);
    char *text = rc == 0 ? buf_detach(&out) : mask_all(store);
    buf_fini_secret(&out);
    walk_fini(&w);
    return text;
}

bool store_uri_has_password(const char *store)
{
    struct walk w;
    if (!scheme_end(store)) return false;
    bool has = walk(&w, store, NULL, NULL) == 0 && w.facts.password;
    walk_fini(&w);
    return has;
}

/* Sockets, abstract ones, too, and addresses that lead to this host alone. */
static bool is_here(const char *host, size_t len)
{
    static const char *const here[] = {"localhost", "::1"};
    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (len == strlen(here[i]) && memcmp(host, here[i], len) == 0) return true;
    if (*host == '/' || *host == '@') return true;
    return len >= 7 && memcmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len;
}

static bool all_here(const char *list)
{
    for (const char *p = list; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!is_here(p, strcspn(p, ","))) return false;
    return true;
}

void store_uri_advise(const char *store, int64_t lease_ms, store_advice_fn *say, void *user)
{
    struct walk w;
    if (!scheme_end(store)) return;
    if (walk(&w, store, NULL, NULL) == 0) {
        const struct facts *f = &w.facts;
        const char *hosts = all_hosts_named(f->hostaddr) ? f->hostaddr : f->host;
        if (!all_here(hosts) && !str_eq(f->sslmode, "verify-full"))
            say("store: the connection goes over a network, and whoever is on the way can pose as "
                "the database: add sslmode=verify-full, and sslrootcert=FILE for its CA",
                user);
        if (f->password)
            say("store: the password is in the URI, where the file, the environment or the list of "
                "processes shows it: use storePasswordFile, or PGPASSFILE",
                user);
        if (lease_ms < OWNER_LEASE_MS)
            say("lease: under 30s, it does not outlive the take-over by another coordinator, and "
                "jobs are given up: use 30s or more",
                user);
    }
    walk_fini(&w);
}
