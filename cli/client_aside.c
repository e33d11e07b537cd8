/* A request beside the stream that is followed: on a connection of its own, sent again until the
 * coordinator has answered it. See client_post_aside in client.h. */
#include "cli/client_impl.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define ASIDE_TIMEOUT_MS 15000
#define ASIDE_ANSWER_MAX (1024u * 1024)

struct aside {
    struct client *client;
    char *request;
    struct http_parser *parser;
};

static void aside_send(struct client *c);

static void on_silence(uv_timer_t *t)
{
    struct client *c = t->data;
    struct err e;
    if (!c->aside) return;
    err_set(&e, ERR_TIMEOUT, "no answer");
    link_abort(c->aside, &e);
}

static void aside_open(struct link *l, void *user)
{
    struct aside *a = user;
    if (link_write(l, a->request, strlen(a->request)) != 0) link_abort(l, NULL);
}

/* An answer settles the request, whatever it says, unless the coordinator cannot take it now. */
static void aside_answered(struct aside *a, struct link *l)
{
    int status = http_parser_message(a->parser)->status;
    if (status != 429 && status != 503) {
        mem_free(a->client->aside_target);
        a->client->aside_target = NULL;
    }
    link_close(l);
}

static void aside_data(struct link *l, const void *data, size_t len, void *user)
{
    struct aside *a = user;
    const char *p = data;
    enum http_event event = HTTP_MORE;
    do {
        size_t used = 0;
        if (http_parse(a->parser, p, len, &used, &event, NULL) != 0) {
            link_abort(l, NULL);
            return;
        }
        p += used;
        len -= used;
        if (event == HTTP_MESSAGE) {
            aside_answered(a, l);
            return;
        }
    } while (len > 0 || event != HTTP_MORE);
}

static void on_again(uv_timer_t *t)
{
    aside_send(t->data);
}

static void aside_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    (void)e;
    struct aside *a = user;
    struct client *c = a->client;
    c->aside = NULL;
    uv_timer_stop(&c->aside_timer);
    if (c->aside_target) {
        c->aside_address = (c->aside_address + 1) % c->addresses;
        uv_timer_start(&c->aside_timer, on_again,
                       (uint64_t)backoff_next(&c->aside_backoff, &c->rng), 0);
    }
    http_parser_free(a->parser);
    mem_free_secret(a->request);
    mem_free(a);
}

static void aside_send(struct client *c)
{
    static const struct link_handler events = {aside_open, aside_data, NULL, aside_close};
    const char *host = c->host[c->aside_address];
    struct buf text, extra;
    buf_init(&text, 16384);
    buf_init(&extra, 8192);
    (void)buf_addf(&extra, "Authorization: Bearer %s\r\n", c->token);
    if (http_write_request(&text, &(struct http_to){"POST", c->aside_target, host}, NULL,
                           extra.data) == 0) {
        struct aside *a = mem_alloc(sizeof *a);
        a->client = c;
        a->request = buf_detach(&text);
        a->parser = http_parser_new(HTTP_CLIENT, ASIDE_ANSWER_MAX);
        c->aside = link_connect(&c->loop, c->tls,
                                &(struct link_to){host, c->port[c->aside_address],
                                                  CLIENT_CONNECT_TIMEOUT_MS},
                                &events, a);
        uv_update_time(&c->loop);
        uv_timer_start(&c->aside_timer, on_silence, ASIDE_TIMEOUT_MS, 0);
    }
    buf_fini_secret(&extra);
    buf_fini_secret(&text);
}

void client_post_aside(struct client *c, const char *target)
{
    mem_free(c->aside_target);
    c->aside_target = mem_strdup(target);
    if (c->aside) return;
    c->aside_address = c->address;
    aside_send(c);
}

bool client_aside_answered(const struct client *c)
{
    return !c->aside_target;
}
