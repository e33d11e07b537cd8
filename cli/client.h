/* The coordinator's API as the command line needs it: one TLS connection, one request at a time,
 * called as if it blocked (a loop of its own turns inside). Trust comes from the token: it pins the
 * CA. */
#ifndef CADRE_CLI_CLIENT_H
#define CADRE_CLI_CLIENT_H

#include "base/err.h"
#include "base/json.h"
#include "wire/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;

#define CLIENT_READ_WAIT_MS 5000
#define CLIENT_WAIT_MS 30000 /* for what changes something, and for a stream that broke */

struct client_options {
    /* "HOST:PORT" or "https://HOST:PORT/", several with commas; NULL: the token's addresses. They
     * are tried in turn. */
    const char *url;
    const char *token;      /* "cadre-api-..." */
    const char *token_from; /* the file that it was in, for messages, or NULL */
    /* How long a request is tried again while the coordinator is away or cannot take it; 0: not at
     * all; negative: CLIENT_READ_WAIT_MS for what only reads, else CLIENT_WAIT_MS. */
    int64_t wait_ms;
    /* Called once per outage, with "the coordinator is not reachable (...); trying for 30 s". */
    void (*on_away)(const char *sentence, void *user);
    void *user;
};

/* Can `url` of the options be one? */
int client_check_urls(const char *urls, struct err *e);

/* ERR_INVALID: an invalid token or url (says why and what to do). */
int client_new(const struct client_options *o, struct client **out, struct err *e);
void client_free(struct client *c);

struct request {
    const char *method, *target;
    const char *body; /* JSON, or NULL */
    const char *key;  /* idempotency key, or NULL */
    bool repeat;      /* may be repeated without a key, as a cancel may */
};

struct response {
    int status;
    struct json *body; /* NULL: none, or not JSON */
    char *raw;         /* the body as it came */
    size_t raw_len;
};
void response_fini(struct response *r);

/* GETs and requests with an idempotency key are repeated while the coordinator is away; other
 * requests are not repeated once the coordinator may have received them. 0: an answer of status
 * 2xx. ERR_UNAVAILABLE: not reachable within the wait; ERR_TLS: the coordinator is not trusted;
 * otherwise *e is the API's error ("message; hint") and out->status its status. The caller frees
 * `out` in every case. */
int client_call(struct client *c, const struct request *request, struct response *out,
                struct err *e);

/* The last error that the coordinator answered; NULL: none yet. */
struct client_problem {
    char code[48], field[128]; /* field: "" for none */
    char message[ERR_MSG_MAX]; /* as it stood in *e */
};
const struct client_problem *client_problem(const struct client *c);

/* Passes the bytes of a response of any length to fn as they arrive (job logs). Retries as
 * client_call does until the first byte. */
int client_download(struct client *c, const char *target,
                    int (*fn)(const void *data, size_t len, void *user), void *user, struct err *e);

struct client_follow {
    /* Called outside of the loop's turns, so that they may write and wait (client_write). Non-zero
     * ends the follow without error. event: JSON object. */
    int (*on_event)(const struct json *event, void *user);
    int (*on_output)(const struct frame_output *o, void *user);
    /* The stream has lines of JSON (format=json): those that are no events come here, nothing comes
     * to on_output. NULL: it has frames. */
    int (*on_line)(const struct json *line, void *user);
    /* Called twice a second, also while the coordinator is away; non-zero as above. NULL: not
     * wanted. */
    int (*on_tick)(void *user);
    void *user;
};
/* GET target (which may have a query) with cursor=N, and again after the last cursor whenever the
 * connection breaks, until the stream says that it is complete. An event that is too large is
 * skipped, so the last event may be missing. ERR_UNAVAILABLE when the coordinator stays away for
 * longer than the wait; ERR_CLOSED when on_stop ended it. */
int client_follow(struct client *c, const char *target, int64_t cursor,
                  const struct client_follow *f, struct err *e);

/* From now on the signals of os_stop_signals call fn, count 1, 2, ..., while the client waits for
 * whatever it is: an answer, a connection, the end of a stream, a slow reader. Non-zero ends what
 * goes on, and all later calls, with ERR_CLOSED. fn is called in the loop: it must not call the
 * client, but for client_post_aside and the questions below. A later call replaces fn. */
void client_on_stop(struct client *c, int (*fn)(int count, int signal, void *user), void *user);
/* May the coordinator have received the request of the present or last client_call? */
bool client_call_sent(const struct client *c);
/* Sends a POST on a connection of its own at once, without waiting, and again until the coordinator
 * has answered it, while the loop turns. The request must be idempotent. */
void client_post_aside(struct client *c, const char *target);
bool client_aside_answered(const struct client *c);

/* Writes all bytes to fd 1 or 2 while the loop turns, so that signals are not kept waiting by a
 * slow reader. user: the client. Errors: platform/streams.h; ERR_CLOSED when on_stop ended the
 * wait. */
int client_write(int fd, const void *data, size_t len, void *user, struct err *e);

#endif
