/* See not_owner.h. */
#include "coordinator/sessions/not_owner.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/sessions/session.h"
#include "platform/os.h"
#include "wire/link.h"

#include <uv.h>

#define SWEEP_MS 250

struct guest {
    struct not_owner *owner;
    struct link *link;
    struct frame_reader reader;
    struct session_facts facts;
    int64_t opened_ms;
    struct guest *next, *prev;
};

struct not_owner {
    struct not_owner_options o;
    struct guest *first;
    size_t count;
    char *addresses; /* NULL: no owner is known */
    int64_t retry_ms;
    int64_t second; /* of the clock, and the answers within it */
    int64_t in_second;
    uv_timer_t *timer; /* frees itself when closed */
    bool stopped;
};

/* ---- the answer ---- */

/* How many wait is guessed from how many came in the last second, and how often they were told to
 * come. */
static void count_answer(struct not_owner *n)
{
    int64_t second = os_mono_ms() / 1000;
    if (second != n->second) {
        int64_t waiting = second == n->second + 1 ? n->in_second * n->retry_ms / 1000 : 0;
        n->retry_ms = waiting * 1000 / NOT_OWNER_A_SECOND;
        n->second = second;
        n->in_second = 0;
    }
    int64_t now_ms = ++n->in_second * 1000 / NOT_OWNER_A_SECOND;
    if (n->retry_ms < now_ms) n->retry_ms = now_ms;
    if (n->retry_ms < refusal_retry_ms(REFUSAL_NOT_OWNER))
        n->retry_ms = refusal_retry_ms(REFUSAL_NOT_OWNER);
    if (n->retry_ms > NOT_OWNER_RETRY_MOST_MS) n->retry_ms = NOT_OWNER_RETRY_MOST_MS;
}

/* Sends the bytes that session_send... appended, and closes. */
static void part(struct guest *x, int rc, const struct err *why)
{
    if (rc) {
        log_error("session from %s: %s", link_remote(x->link), err_text(why));
        link_abort(x->link, why);
        return;
    }
    link_flush_later(x->link);
    link_close(x->link);
}

static void answer(struct guest *x)
{
    struct not_owner *n = x->owner;
    struct err e = {0};
    count_answer(n);
    log_debug("session from %s: not the owner here", link_remote(x->link));
    int rc = session_send_not_owner(&x->facts, n->addresses, n->retry_ms, link_out(x->link), &e);
    part(x, rc, &e);
}

static void refuse(struct guest *x, enum refusal r, const char *sentence)
{
    struct err e = {0};
    log_info("session from %s: refused, %s: %s", link_remote(x->link), refusal_code(r), sentence);
    int rc = session_send_refused(&x->facts, refusal_code(r), sentence, refusal_retry_ms(r),
                                  link_out(x->link), &e);
    part(x, rc, &e);
}

/* What the message says beyond its type is the owner's to judge, and so is a certificate that is
 * not valid. */
static void on_first(struct guest *x, const struct frame *f)
{
    struct msg m;
    struct err e = {0};
    const struct msg_peer from = {.agent = true, .known = x->facts.agent != 0};
    if (f->type != FRAME_JSON) {
        refuse(x, REFUSAL_PROTOCOL, "output came before welcome");
        return;
    }
    int rc = msg_decode(f->body, f->len, from, &m, &e);
    if (rc == ERR_DENIED) {
        answer(x);
    } else if (rc) {
        refuse(x, rc == ERR_TOO_LARGE ? REFUSAL_TOO_LARGE : REFUSAL_PROTOCOL, err_text(&e));
    } else if (m.type == MSG_HELLO || m.type == MSG_ENROL) {
        answer(x);
    } else {
        err_set(&e, ERR_PROTOCOL, "'%s' came before welcome", msg_name(m.type));
        refuse(x, REFUSAL_PROTOCOL, err_text(&e));
    }
    if (!rc) msg_fini(&m);
}

/* ---- the link ---- */

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct guest *x = user;
    struct frame f;
    struct err e = {0};
    (void)l;
    if (x->facts.state == SESSION_CLOSING) return;
    int rc = frame_reader_add(&x->reader, data, len, &e);
    if (!rc) rc = frame_reader_next(&x->reader, &f, &e);
    if (rc > 0)
        on_first(x, &f);
    else if (rc < 0)
        refuse(x, rc == ERR_TOO_LARGE ? REFUSAL_TOO_LARGE : REFUSAL_PROTOCOL, err_text(&e));
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct guest *x = user;
    struct not_owner *n = x->owner;
    (void)l;
    (void)e;
    if (x->prev)
        x->prev->next = x->next;
    else
        n->first = x->next;
    if (x->next) x->next->prev = x->prev;
    n->count--;
    frame_reader_fini(&x->reader);
    session_facts_fini(&x->facts);
    mem_free(x);
}

static void on_crowded(struct link *l, void *user)
{
    struct guest *x = user;
    struct err e;
    err_set(&e, ERR_UNAVAILABLE, "too many connections that are not authenticated");
    if (x->facts.state == SESSION_CLOSING)
        link_abort(l, &e);
    else
        refuse(x, REFUSAL_BUSY, err_text(&e));
}

static const struct link_handler handler = {.on_data = on_data, .on_close = on_close};

static void identify(struct guest *x)
{
    struct tls_peer peer;
    link_peer(x->link, &peer);
    if (peer.state != TLS_PEER_TRUSTED || id_parse(peer.cert.subject_cn, &x->facts.agent) != 0)
        x->facts.agent = 0;
}

void sessions_refuse_not_owner(struct not_owner *n, struct link *l)
{
    struct guest *x = mem_alloc(sizeof *x);
    x->owner = n;
    x->link = l;
    identify(x);
    if (x->facts.agent) link_admit(l);
    x->facts.number = link_serial(l);
    x->opened_ms = os_mono_ms();
    frame_reader_init(&x->reader, x->facts.agent ? LIMIT_FRAME_KNOWN : LIMIT_FRAME_UNKNOWN);
    x->next = n->first;
    if (x->next) x->next->prev = x;
    n->first = x;
    n->count++;
    link_set_handler(l, &handler, x);
    link_set_crowded(l, on_crowded);
    if (n->stopped) {
        struct err e;
        err_set(&e, ERR_UNAVAILABLE, "the coordinator stops");
        link_abort(l, &e);
    }
}

/* ---- all ---- */

/* There are few: each is here for the moment between its handshake and its hello. */
static void on_sweep(uv_timer_t *t)
{
    struct not_owner *n = t->data;
    int64_t now_ms = os_mono_ms();
    struct err e;
    for (struct guest *x = n->first; x; x = x->next) {
        if (x->facts.state == SESSION_CLOSING || now_ms - x->opened_ms < n->o.first_message_ms)
            continue;
        err_set(&e, ERR_TIMEOUT, "no first message within %lld ms",
                (long long)n->o.first_message_ms);
        link_abort(x->link, &e);
    }
}

struct not_owner *not_owner_new(const struct not_owner_options *o)
{
    struct not_owner *n = mem_alloc(sizeof *n);
    n->o = *o;
    if (!n->o.first_message_ms) n->o.first_message_ms = LIMIT_HANDSHAKE_MS;
    n->retry_ms = refusal_retry_ms(REFUSAL_NOT_OWNER);
    n->timer = mem_alloc(sizeof *n->timer);
    n->timer->data = n;
    uv_timer_init(o->loop, n->timer);
    uv_timer_start(n->timer, on_sweep, SWEEP_MS, SWEEP_MS);
    return n;
}

void not_owner_set(struct not_owner *n, const char *addresses)
{
    if (str_eq(addresses, "[]")) addresses = NULL;
    if (str_eq(n->addresses, addresses)) return;
    mem_free(n->addresses);
    n->addresses = mem_strdup(addresses);
}

size_t not_owner_count(const struct not_owner *n)
{
    return n->count;
}

void not_owner_stop(struct not_owner *n, bool cut)
{
    struct err e;
    err_set(&e, ERR_CLOSED, "the coordinator stops");
    n->stopped = true;
    for (struct guest *x = n->first; x; x = x->next) {
        x->facts.state = SESSION_CLOSING;
        if (cut)
            link_abort(x->link, &e);
        else
            link_close(x->link);
    }
}

static void on_timer_closed(uv_handle_t *h)
{
    mem_free(h);
}

void not_owner_free(struct not_owner *n)
{
    if (!n) return;
    uv_close((uv_handle_t *)n->timer, on_timer_closed);
    mem_free(n->addresses);
    mem_free(n);
}
