#include "coordinator/web.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "wire/pki.h"
#include "wire/tls.h"
#include "wire/token.h"

#include <string.h>
#include <uv.h>

/* ---- the two files ---- */

struct files {
    struct buf chain, key;
};

static void files_init(struct files *f)
{
    buf_init(&f->chain, WEB_FILE_BYTES);
    buf_init(&f->key, WEB_FILE_BYTES);
}

static void files_fini(struct files *f)
{
    buf_fini(&f->chain);
    buf_fini_secret(&f->key);
}

static bool same(const struct buf *a, const struct buf *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool files_same(const struct files *a, const struct files *b)
{
    return same(&a->chain, &b->chain) && same(&a->key, &b->key);
}

static int read_file(const char *key, const char *path, const char *what, struct buf *out,
                     struct err *e)
{
    int rc = file_read(path, WEB_FILE_BYTES, out, e);
    if (!rc && out->len == 0) rc = err_set(e, ERR_INVALID, "%s is empty", path);
    if (!rc && memchr(out->data, '\0', out->len))
        rc = err_set(e, ERR_INVALID, "%s is no text", path);
    if (!rc) return 0;
    char why[ERR_MSG_MAX];
    (void)str_copy(why, sizeof why, err_text(e));
    return err_set(e, rc, "%s: %s; it is to be %s, in PEM, that the coordinator's account may read",
                   key, why, what);
}

/* Any thread. */
static int files_read(const char *chain, const char *key, struct files *f, struct err *e)
{
    int rc = read_file("web.certificate", chain,
                       "a file with the server's certificate and those between it and its root",
                       &f->chain, e);
    if (!rc) rc = read_file("web.key", key, "the file with the certificate's key", &f->key, e);
    return rc;
}

/* What they say, as a configuration. life: of the certificate. */
static int files_use(const struct config *c, const struct files *f, struct tls_config **out,
                     struct span *life, struct err *e)
{
    struct pki_cert_info info;
    int rc = pki_cert_info(f->chain.data, &info, e);
    if (rc) return err_wrap(e, "web.certificate: %s", c->web_certificate);
    rc = tls_config_web(f->chain.data, f->key.data, out, e);
    if (rc) return err_wrap(e, "web.key: %s, of %s", c->web_key, c->web_certificate);
    *life = (struct span){info.not_before_ms, info.not_after_ms};
    return 0;
}

static int load(const struct config *c, struct files *f, struct tls_config **out, struct span *life,
                struct err *e)
{
    int rc = files_read(c->web_certificate, c->web_key, f, e);
    if (!rc) rc = files_use(c, f, out, life, e);
    return rc;
}

int web_check(const struct config *c, struct err *e)
{
    struct files f;
    struct tls_config *tls = NULL;
    struct span life;
    if (!c->web_listen) return 0;
    files_init(&f);
    int rc = load(c, &f, &tls, &life, e);
    tls_config_unref(tls);
    files_fini(&f);
    return rc;
}

/* ---- the port ---- */

struct web {
    const struct config *config;
    struct link_listener *listener; /* NULL: stopped */
    char *address;
    struct files seen; /* what was read last, whether it was good or not */
    uv_timer_t timer;
    uv_work_t work;
    struct span life; /* of the certificate in use */
    bool told;        /* ... that it is over */
    bool busy, again; /* reading; asked to read once more meanwhile */
    bool asked;       /* by a person, who is told what they say also when they are the same */
    bool closed;      /* the timer is */
    /* of the thread that reads, while busy */
    char *certificate, *key;
    struct files read;
    struct err read_err;
    int read_rc, told_rc; /* told_rc: what was said of files that cannot be read */
};

static void free_when_idle(struct web *w)
{
    if (w->busy || !w->closed) return;
    files_fini(&w->seen);
    mem_free(w->certificate);
    mem_free(w->key);
    mem_free(w->address);
    mem_free(w);
}

static void read_again(uv_work_t *work)
{
    struct web *w = work->data;
    files_init(&w->read);
    w->read_rc = files_read(w->certificate, w->key, &w->read, &w->read_err);
}

static void complain(const struct err *e)
{
    log_error("%s; the certificate that was read before stays in use", err_text(e));
}

/* Once for each certificate. */
static void warn_of_end(struct web *w)
{
    if (w->told || os_wall_ms() < w->life.until_ms) return;
    log_warn("web.certificate: %s has expired; browsers refuse it", w->certificate);
    w->told = true;
}

static void take(struct web *w)
{
    struct tls_config *tls = NULL;
    struct err e = {0};
    files_fini(&w->seen);
    w->seen = w->read;
    files_init(&w->read);
    struct span life;
    if (files_use(w->config, &w->seen, &tls, &life, &e)) {
        complain(&e);
        return;
    }
    w->life = life;
    w->told = false;
    link_listener_set_tls(w->listener, tls);
    tls_config_unref(tls);
    log_info("web: the certificate in %s was read again; new connections have it", w->certificate);
    warn_of_end(w);
}

static void on_read(uv_work_t *work, int status)
{
    struct web *w = work->data;
    w->busy = false;
    if (status == 0 && w->listener) {
        if (w->read_rc && (w->asked || w->read_rc != w->told_rc)) complain(&w->read_err);
        w->told_rc = w->read_rc;
        if (!w->read_rc && (w->asked || !files_same(&w->read, &w->seen))) take(w);
        w->asked = false;
    }
    if (status == 0) files_fini(&w->read);
    if (w->again && w->listener) web_again(w);
    free_when_idle(w);
}

static void look(struct web *w)
{
    if (!w->busy) w->busy = uv_queue_work(w->timer.loop, &w->work, read_again, on_read) == 0;
}

void web_again(struct web *w)
{
    if (!w || !w->listener) return;
    w->again = w->busy; /* what is read now may be of before */
    w->asked = !w->busy;
    look(w);
}

static void on_timer(uv_timer_t *t)
{
    struct web *w = t->data;
    if (w->listener) look(w);
    warn_of_end(w);
}

static int listen_on(struct web *w, const struct link_listen_options *shared,
                     struct tls_config *tls, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    struct link_listen_options o = *shared;
    int rc = address_parse(w->config->web_listen, WEB_PORT, host, sizeof host, &port, e);
    if (rc) return err_wrap(e, "web.listen");
    o.tls = tls;
    o.address = host;
    o.port = port;
    rc = link_listen(&o, &w->listener, e);
    if (rc)
        return err_wrap(e, "web.listen: %s%s", w->config->web_listen,
                        port && port < 1024
                            ? " (a port below 1024 may want a capability: docs/page.md)"
                            : "");
    bool v6 = strchr(host, ':') != NULL;
    w->address = str_dupf("%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
                          (unsigned)link_listener_port(w->listener));
    return 0;
}

int web_open(const struct config *c, const struct link_listen_options *o, struct web **out,
             struct err *e)
{
    struct tls_config *tls = NULL;
    *out = NULL;
    if (!c->web_listen) return 0;
    struct web *w = mem_alloc(sizeof *w);
    w->config = c;
    w->certificate = mem_strdup(c->web_certificate);
    w->key = mem_strdup(c->web_key);
    files_init(&w->seen);
    int rc = load(c, &w->seen, &tls, &w->life, e);
    if (!rc) rc = listen_on(w, o, tls, e);
    tls_config_unref(tls);
    if (rc) {
        w->closed = true;
        free_when_idle(w);
        return rc;
    }
    warn_of_end(w);
    w->timer.data = w->work.data = w;
    uv_timer_init(o->loop, &w->timer);
    uv_timer_start(&w->timer, on_timer, WEB_FILES_EVERY_MS, WEB_FILES_EVERY_MS);
    *out = w;
    return 0;
}

const char *web_address(const struct web *w)
{
    return w ? w->address : NULL;
}

void web_life(const struct web *w, struct span *out)
{
    *out = w ? w->life : (struct span){0};
}

void web_count(const struct web *w, struct link_listener_counters *sum)
{
    struct link_listener_counters own;
    if (!w || !w->listener) return;
    link_listener_counters(w->listener, &own);
    sum->accepted += own.accepted;
    sum->opened += own.opened;
    sum->failed += own.failed;
    sum->late += own.late;
    sum->cut += own.cut;
    sum->refused += own.refused;
    sum->waiting += own.waiting;
    sum->inside += own.inside;
}

static void on_closed(uv_handle_t *h)
{
    struct web *w = h->data;
    w->closed = true;
    free_when_idle(w);
}

void web_close(struct web *w)
{
    if (!w || !w->listener) return;
    link_listener_close(w->listener);
    w->listener = NULL;
    uv_close((uv_handle_t *)&w->timer, on_closed);
}
