/* What the files of the client share: see client.h. */
#ifndef CADRE_CLI_CLIENT_IMPL_H
#define CADRE_CLI_CLIENT_IMPL_H

#include "base/backoff.h"
#include "base/buf.h"
#include "cli/client.h"
#include "platform/os.h"
#include "wire/http.h"
#include "wire/link.h"
#include "wire/token.h"

#include <uv.h>

#define CLIENT_CONNECT_TIMEOUT_MS 10000

struct client {
    struct client_options o;
    char *token;
    char host[TOKEN_ADDRESSES][TOKEN_ADDRESS_SIZE];
    uint16_t port[TOKEN_ADDRESSES];
    size_t addresses, address;
    struct tls_config *tls;
    uv_loop_t loop;
    uv_timer_t timer;   /* of the link: silence */
    uv_timer_t waiting; /* between two attempts */
    uv_timer_t ticking; /* of a follow: see on_tick */
    struct rng rng;
    bool turning; /* inside of uv_run */

    struct link *link;
    bool open, sent; /* sent: the present request may have been received */
    bool call_sent;  /* the present call may have been received, by whatever attempt */
    struct err link_err;

    /* the exchange that goes on */
    struct http_parser *parser;
    bool done;
    int rc; /* the exchange's own error, not the link's */
    struct err err;
    struct client_problem problem; /* code "": none */
    struct buf error_body;         /* of a streamed request that was refused */
    struct buf incoming;           /* of a streamed answer, not yet passed on */
    int (*on_bytes)(const void *data, size_t len, void *user);
    void *bytes_user;
    const struct client_follow *follow;
    bool waited;
    bool stopped; /* on_bytes or on_tick ended the present stream */

    /* signals that ask the program to end */
    uv_signal_t signals[OS_STOP_SIGNALS_MAX];
    int signal_count, stops;
    int (*on_stop)(int count, int signal, void *user);
    void *stop_user;
    bool left; /* on_stop ended all that goes on */

    /* a request on another connection, until it is answered */
    struct link *aside;
    char *aside_target;
    size_t aside_address;
    struct backoff aside_backoff;
    uv_timer_t aside_timer; /* silence, or the wait for the next attempt */
};

static inline bool client_ended(const struct client *c)
{
    return c->stopped || c->left;
}

/* One turn of the loop. */
static inline void client_turn(struct client *c, uv_run_mode mode)
{
    c->turning = true;
    uv_run(&c->loop, mode);
    c->turning = false;
}

/* A streamed GET; the answer's bytes go to c->on_bytes, which is called outside of the loop's
 * turns. *retry: it may be sent again. */
int client_stream(struct client *c, const char *target, bool *retry, struct err *e);

/* ---- retries while the coordinator is away ---- */
struct outage {
    size_t tried; /* addresses that did not answer; each is tried once before anybody waits */
    bool told;
    bool answered;    /* the coordinator answered that it cannot serve the request now */
    bool quiet;       /* the first failure is not told: a stream that broke may be back at once */
    int64_t most_ms;  /* how long it may take */
    int64_t since_ms; /* 0: none */
    struct backoff backoff;
};
void client_outage_init(const struct client *c, struct outage *o, bool reads);
/* May the request be sent again? If so, waits first. *e: why the request failed; the final error
 * when the time is over. */
bool client_outage_wait(struct client *c, struct outage *o, struct err *e);

#endif
