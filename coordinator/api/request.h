/* A request, for its handler, and the functions that answer it. Loop thread. */
#ifndef CADRE_COORDINATOR_API_REQUEST_H
#define CADRE_COORDINATOR_API_REQUEST_H

#include "base/buf.h"
#include "base/json_walk.h"
#include "coordinator/answer.h"
#include "coordinator/api/auth.h"
#include "coordinator/api/context.h"
#include "coordinator/api/route_kind.h"
#include "coordinator/reads/lookup.h"
#include "wire/http.h"
#include "wire/link.h"
#include "wire/trace.h"

#include <stdbool.h>

struct request;

/* The form of a stream that the client asked for with the header Accept. */
#define FORM_LINES_TYPE "application/x-ndjson"
#define FORM_SSE_TYPE "text/event-stream"
enum stream_form { FORM_USUAL, FORM_LINES, FORM_SSE };

/* Of a request that is answered at the owner of the queue: api/forward.h. */
struct passed {
    char *head;   /* what the owner is sent, without the body; mem_free_secret */
    bool early;   /* it answered before it had the body, which is not read then */
    bool vouched; /* it took the token or the key for a good one */
};

/* The functions of the connection that a request may call; passed when the request is made. */
struct responder {
    /* The request has changed: it is answered (r->done), or its stream goes on. */
    void (*turn)(struct request *r);
    /* The connection ends at once, without the rest of the answer. */
    void (*abort)(struct request *r, const struct err *why);
    void (*cut)(struct api *a, int64_t token, int64_t session); /* as conn_cut */
};

struct request {
    struct api *api;
    struct conn *conn;
    const struct responder *to;
    struct link *link; /* of the connection */
    struct request *next;
    const struct route *route;
    struct http_target target;
    struct auth_memory *memory; /* of the connection */
    struct auth_claim claim;
    bool checking; /* its token or key is being looked up: its body is not read yet */
    bool keyed;    /* a webhook's key was the right one */
    bool allowed;  /* no token is needed from its address */
    struct who who;
    struct problem problem;
    /* The body, while the handler runs. An array is checked, and read in place; or it is absent. */
    struct json *body;
    struct json_value array;
    const struct http_message *message;
    char *key;         /* Idempotency-Key */
    bool minimal;      /* Prefer: return=minimal */
    bool has_body;     /* its head announces one */
    size_t body_bytes; /* it had so many */
    bool head_only;    /* the method is HEAD: the answer has no body */
    enum stream_form form;
    char *last_event; /* Last-Event-ID */
    bool keep_alive, done;
    int status; /* of the answer, or of the stream that was begun; 0: none yet */
    struct buf answer;
    char *headers;   /* of a good answer besides the usual ones, "A: b\r\n"; mem_free_secret */
    uint64_t number; /* of the command under way; 0: no command */
    void (*on_reply)(struct request *r, struct reply *x);
    bool changing;         /* the command under way changes something */
    bool acted;            /* ... and one did: what is still looked up belongs to its answer */
    struct problem *over;  /* the token was revoked, or expired, before the answer; or NULL */
    struct lookup *lookup; /* the lookup under way; NULL: no lookup */
    void (*on_answer)(struct request *r, struct lookup *l);
    int64_t asked_ms; /* mono */
    int64_t held_ms;  /* mono: on_held is called then; 0: nothing is held back */
    void (*on_held)(struct request *r);
    int64_t id;                    /* from here on the handler's own */
    char trace[TRACE_PARENT_SIZE]; /* of a submit: the traceparent that it came with; "": none */
    char *text, **texts;           /* each NULL or mem_free */
    size_t text_count;
    uint8_t secret[16], fresh_key[24], cookie[32];
    struct passed passed;
    struct token_row *token;
    struct stream *stream; /* freed by the connection, before the request */
};

struct request *request_new(struct api *a, struct link *l, const struct responder *to,
                            struct conn *c);
void request_free(struct request *r); /* NULL is fine */
/* Frees r->body; that of a sign-in is overwritten. */
void request_drop_body(struct request *r);

/* ---- answering ---- */
/* Closes the object and answers. Fini's a. */
void request_send(struct request *r, int status, struct json_answer *a);
/* JSON text that is no object, with the end of its line. */
void request_send_text(struct request *r, int status, const struct buf *json);
/* A body of this type. */
void request_send_content(struct request *r, int status, const char *type, const struct buf *b);
void request_send_empty(struct request *r, int status);
/* The head of an answer that would be a stream of this type. */
void request_send_stream_head(struct request *r, const char *type);
void request_send_problem(struct request *r, const struct problem *p);
/* The same with a list of all problems (JSON text) as error.problems. */
void request_send_problems(struct request *r, const struct problem *p, const char *problems);
void request_fail(struct request *r, int rc, const struct err *e);
#define BODY_HINT                                                                                  \
    "a request body may have 1MiB, an array of jobs 8MiB, a webhook's 256KiB, a sign-in 4KiB, a "  \
    "job's payload less: pass large files by path"
void request_body_too_large(struct problem *p);
void request_problem(const struct reply *x, struct problem *p); /* a reply with rc != 0 */
void request_fail_reply(struct request *r, const struct reply *x);
/* Hands the command to the spine; on_reply is called after its commit, unless the client is gone
 * by then. */
void request_ask(struct request *r, struct command *c,
                 void (*on_reply)(struct request *r, struct reply *x));

/* false: answered, since the queue is another one's by now. For what is opened on news of the
 * engine, which a coordinator that lost the queue while it looked something up would never get. */
bool request_has_engine(struct request *r);

/* The number under which request_reply finds the request. */
uint64_t request_wait(struct request *r, void (*on_reply)(struct request *r, struct reply *x));
/* What the request waited for; nothing happens when its client is gone. */
void request_reply(struct api *a, uint64_t number, struct reply *x);

/* Calls then, at once or, with a shared store, when no other coordinator remembers any more what a
 * token was good for. */
void request_hold(struct request *r, void (*then)(struct request *r));
void request_release(struct request *r, int64_t now_ms); /* what was held until now, or before */

/* The token of the request was revoked, or has expired, as p says: an answer that was read for it
 * and is not sent yet becomes p; what it did is told. */
void request_refuse_late(struct request *r, const struct problem *p);
bool request_has_expired(const struct request *r); /* its token */

/* ---- asking the store ---- */
/* A lookup that is limited to the namespace of the request's token. */
struct lookup *request_lookup(const struct request *r, lookup_fn *read);
/* Hands it to the reader thread, whose it is then; on_answer is called when it is answered, unless
 * the client is gone by then. */
void request_look_up(struct request *r, struct lookup *l,
                     void (*on_answer)(struct request *r, struct lookup *l));
void request_look_up_id(struct request *r, lookup_fn *read, int64_t id,
                        void (*on_answer)(struct request *r, struct lookup *l));
/* Answers with the result, or with the problem. The usual on_answer. */
void request_answer(struct request *r, struct lookup *l);
/* A page of a list: `limit` and the cursor from the query, which may have these keys besides. Wrong
 * ones fill r->problem. */
struct lookup *request_list(struct request *r, enum list_kind kind, lookup_fn *read,
                            const char *const *keys, size_t count);
/* Looks the page up, or answers with r->problem and frees it. */
void request_send_list(struct request *r, struct lookup *l);

/* ---- the parameters of a request ---- */
/* The n-th segment of the path, counted from 0 ("api" is 0). */
const char *request_segment(const struct request *r, size_t n);
/* Query values. Wrong ones fill r->problem. */
int64_t request_query_int(struct request *r, const char *key, int64_t min, int64_t max,
                          int64_t fallback);
bool request_query_bool(struct request *r, const char *key);
/* The parameter `namespace`, or the token's namespace; NULL: all. */
const char *request_query_namespace(struct request *r);
/* The parameter `group`, which empty names the default group; mem_free. NULL: absent. */
char *request_query_group(struct request *r);
/* `key=A,B` as bits by the place in names; 0: absent. */
uint32_t request_query_words(struct request *r, const char *key, const char *const *names,
                             size_t count);
/* A copy of a query value; NULL: absent or empty. */
char *request_query_copy(const struct request *r, const char *key);
/* Each `label=KEY=VALUE` of the query as a text by its key. json_free; NULL: there is none. */
struct json *request_query_labels(struct request *r);
/* The id in segment 3. thing: "job", as in 'cadre job list'. false: answered. */
bool request_path_id(struct request *r, const char *thing, int64_t *id);
/* A copy of the Idempotency-Key; NULL: absent, or invalid (r->problem), also with the suffix that
 * the caller will give it. */
char *request_take_key(struct request *r, const char *suffix);
/* Every query key must be among these. */
void request_query_known(struct request *r, const char *const *keys, size_t count);
/* false, with the problem filled, 503: nothing is served here (api_set_unfit). A client that knows
 * another coordinator goes there, and may repeat anything. */
bool request_is_fit(const struct api *a, struct problem *p);

#endif
