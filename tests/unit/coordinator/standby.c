/* See standby.h. */
#include "tests/unit/coordinator/standby.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/context.h"

#include <string.h>

static struct api_options captured;

struct api *__real_api_new(const struct api_options *o);
struct api *__wrap_api_new(const struct api_options *o);
struct api *__wrap_api_new(const struct api_options *o)
{
    struct api_options shared = *o;
    shared.shared = true;
    captured = shared;
    return __real_api_new(&shared);
}

/* A fake shows any certificate, as a server may that somebody wrote who has an agent's key. Its own
 * one is asked about before the standby sees it. */
static struct {
    bool careless;
    const struct mbedtls_x509_crt *own;
    int refusals;
} eyes;

int __real_mbedtls_x509_crt_check_extended_key_usage(const struct mbedtls_x509_crt *crt,
                                                     const char *oid, size_t len);
int __wrap_mbedtls_x509_crt_check_extended_key_usage(const struct mbedtls_x509_crt *crt,
                                                     const char *oid, size_t len);
int __wrap_mbedtls_x509_crt_check_extended_key_usage(const struct mbedtls_x509_crt *crt,
                                                     const char *oid, size_t len)
{
    if (eyes.careless && !eyes.own) eyes.own = crt;
    if (eyes.careless && crt == eyes.own) return 0;
    int rc = __real_mbedtls_x509_crt_check_extended_key_usage(crt, oid, len);
    eyes.refusals += rc != 0;
    return rc;
}

static bool owns(void *user)
{
    return ((struct standby *)user)->owns;
}

static const char *owner_addresses(void *user)
{
    struct standby *s = user;
    return s->addresses[0] ? s->addresses : NULL;
}

static char *owner(void *user)
{
    (void)user;
    return str_dupf("{\"holder\":\"first\",\"addresses\":[],\"epoch\":7}");
}

static void on_accept(struct link *l, void *user)
{
    struct standby *s = user;
    if (str_eq(link_alpn(l), ALPN_HTTP)) api_accept(s->api, l);
}

void standby_open(struct standby *s, struct house *h)
{
    struct err e = {0};
    *s = (struct standby){.house = h, .options = captured, .owner_port = h->port};
    struct api_options o = captured;
    o.gather = NULL;
    o.waits = NULL;
    o.waits_list = NULL;
    o.history = NULL;
    o.owns = owns;
    o.owner_addresses = owner_addresses;
    o.owner = owner;
    o.user = s;
    s->api = api_new(&o);
    struct link_listen_options lo = {.loop = &h->loop,
                                     .tls = authority_tls(captured.authority),
                                     .address = "127.0.0.1",
                                     .on_accept = on_accept,
                                     .user = s};
    if (link_listen(&lo, &s->listener, &e)) fail_msg("%s", e.msg);
    s->port = link_listener_port(s->listener);
    captured = s->options; /* not that of the standby */
    standby_owner(s, h->port);
}

void standby_quiet(struct standby *s, int64_t ms)
{
    s->api->o.forward_ms = ms;
}

void standby_ask(struct standby *s, bool standby)
{
    s->house->port = standby ? s->port : s->owner_port;
}

void standby_owner(struct standby *s, uint16_t port)
{
    s->addresses[0] = '\0';
    if (port)
        (void)str_format(s->addresses, sizeof s->addresses, "[\"127.0.0.1:%u\"]", (unsigned)port);
}

void standby_close(struct standby *s)
{
    standby_ask(s, false);
    link_listener_close(s->listener);
    api_stop(s->api, true);
    while (api_count(s->api))
        uv_run(&s->house->loop, UV_RUN_ONCE);
    api_free(s->api);
}

/* ---- fakes ---- */

static void fake_data(struct link *l, const void *data, size_t len, void *user)
{
    struct fake *f = user;
    if (f->link == l) assert_int_equal(buf_add(&f->in, data, len), 0);
    f->changed = true;
}

static void fake_ended(struct link *l, const struct err *e, void *user)
{
    struct fake *f = user;
    (void)e;
    if (f->link == l) f->link = NULL;
    f->changed = true;
}

static const struct link_handler handler = {.on_data = fake_data, .on_close = fake_ended};

static void fake_accept(struct link *l, void *user)
{
    struct fake *f = user;
    if (f->link) f->again = true;
    buf_clear(&f->in);
    f->link = l;
    f->accepted++;
    f->changed = true;
    link_set_handler(l, &handler, f);
}

void fake_open(struct fake *f, struct standby *s, const struct identity *i)
{
    struct err e = {0};
    *f = (struct fake){.house = s->house};
    buf_init(&f->in, 64u << 20);
    if (i) {
        char *chain = str_dupf("%s\n%s", i->cert, s->house->ca_pem);
        const struct tls_server_options to = {.cert_pem = chain,
                                              .key_pem = i->key,
                                              .client_ca_pem = s->house->ca_pem};
        if (tls_config_server(&to, &f->tls, &e)) fail_msg("%s", e.msg);
        mem_free(chain);
    }
    struct link_listen_options lo = {.loop = &s->house->loop,
                                     .tls = f->tls ? f->tls : authority_tls(captured.authority),
                                     .address = "127.0.0.1",
                                     .on_accept = fake_accept,
                                     .user = f};
    if (link_listen(&lo, &f->listener, &e)) fail_msg("%s", e.msg);
    standby_owner(s, link_listener_port(f->listener));
}

void fake_look_away(void)
{
    memset(&eyes, 0, sizeof eyes);
    eyes.careless = true;
}

int fake_refusals(void)
{
    int refusals = eyes.refusals;
    memset(&eyes, 0, sizeof eyes);
    return refusals;
}

void fake_wait(struct fake *f, const char *text)
{
    while (text ? !f->in.len || !strstr(f->in.data, text) : f->link != NULL) {
        f->changed = false;
        house_run(f->house, &f->changed);
    }
}

void fake_say(struct fake *f, const char *text)
{
    assert_non_null(f->link);
    assert_int_equal(link_write(f->link, text, strlen(text)), 0);
}

void fake_hang_up(struct fake *f, bool orderly)
{
    assert_non_null(f->link);
    if (orderly)
        link_close(f->link);
    else
        link_abort(f->link, NULL);
    fake_wait(f, NULL);
}

void fake_close(struct fake *f)
{
    link_listener_close(f->listener);
    if (f->link) fake_hang_up(f, false);
    tls_config_unref(f->tls);
    buf_fini(&f->in);
}

void peer_wait_text(struct peer *p, const char *text)
{
    while (!strstr(p->in.data, text)) {
        if (p->closed) fail_msg("closed before '%s': %s", text, p->in.data);
        p->changed = false;
        house_run(p->house, &p->changed);
    }
}
