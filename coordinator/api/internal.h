/* What the files of api/ share: connections, requests, and the ways to answer them. */
#ifndef CADRE_COORDINATOR_API_INTERNAL_H
#define CADRE_COORDINATOR_API_INTERNAL_H

#include "base/buf.h"
#include "base/json.h"
#include "coordinator/api/api.h"
#include "coordinator/map.h"
#include "wire/http.h"
#include "wire/link.h"

#include <stdbool.h>

#define API_HEAD_MS 10000   /* from a request's first byte to the end of its head */
#define API_BODY_MS 60000   /* ... to the end of its body */
#define API_IDLE_MS 60000   /* between two requests */
#define API_PIPELINE_MAX 64 /* requests of one connection under way */
#define API_CONNECTIONS_MAX 4096
#define API_PENDING_BYTES (1u << 20) /* unsent, above which nothing more is produced */
#define API_ANSWER_BYTES (6u << 20)
#define API_LIST_BYTES (3u << 20)   /* a list's page ends here, whatever its limit */
#define API_INPUT_BYTES (64u << 10) /* unparsed, above which the link is paused */

/* An answer that is not success. status 0: none. */
struct problem {
    int status;
    const char *code; /* static */
    char message[512];
    char hint[256];
    char field[128];
};
/* Fills p unless it has something already. hint and field may be NULL. */
void problem_set(struct problem *p, int status, const char *code, const char *hint,
                 const char *field, const char *fmt, ...) CADRE_PRINTF(6, 7);
/* From a library's failure. */
void problem_from(struct problem *p, int rc, const struct err *e);

struct who {
    int64_t token;
    enum token_role role; /* ROLE_JOIN: nobody */
    char *ns;             /* NULL: all namespaces */
};

struct conn;
struct request;
struct stream;

struct route {
    const char *method;
    const char *path;     /* segments; ":" stands for any one */
    enum token_role role; /* ROLE_JOIN: no token needed */
    bool wants_body;      /* a JSON object */
    void (*handle)(struct request *r);
};

struct request {
    struct api *api;
    struct conn *conn;
    struct request *next;
    const struct route *route;
    struct http_target target;
    struct who who;
    struct problem problem;
    struct json *body; /* only while route->handle runs */
    char *key;         /* Idempotency-Key */
    bool minimal;      /* Prefer: return=minimal */
    bool keep_alive, done;
    struct buf answer;
    uint64_t number; /* of the command under way, 0: none */
    void (*on_reply)(struct request *r, struct effect *x);
    /* the handler's own */
    int64_t id;
    char *text;
    uint8_t secret[16];
    struct token_row *token;
    struct stream *stream;
};

struct conn {
    struct api *api;
    struct link *link;
    struct http_parser *parser;
    char *authorization;      /* header of the last request that was let in, and its token: */
    int64_t token;            /* a client sends the same one each time */
    struct buf input;         /* arrived, not yet parsed */
    struct request *incoming; /* its head is there, its body is not */
    struct request *first, **last;
    size_t count;
    bool turning; /* inside conn_turn */
    bool ended;   /* no more requests; closes when all is answered */
    bool closing;
    bool paused;
    int64_t heard_ms, message_ms /* first byte of the message under way, 0: none */;
    struct conn *next, *prev;
};

struct auth;

struct api {
    struct api_options o;
    struct auth *auth;
    struct map waiting; /* command number -> request */
    uint64_t last_number;
    struct map followers; /* job -> first stream of it */
    struct map execution_followers;
    struct stream *woken; /* to be pumped by api_settle */
    struct conn *first;
    size_t count;
    int64_t swept_ms;
    void *timer;
    bool stopped;
};

int64_t api_mono_ms(void);
int64_t api_wall_ms(void);

/* ---- answering ---- */
struct answer {
    struct buf b;
    struct jw w; /* inside an open object */
};
void answer_init(struct answer *a);
/* Closes the object and answers. Fini's a. */
void request_send(struct request *r, int status, struct answer *a);
void request_send_empty(struct request *r, int status);
void request_send_problem(struct request *r, const struct problem *p);
/* The same with a list of all that is wrong (JSON text) as error.problems. */
void request_send_problems(struct request *r, const struct problem *p, const char *problems);
void request_fail(struct request *r, int rc, const struct err *e);
/* A reply with rc != 0. */
void request_fail_reply(struct request *r, const struct effect *x);
/* Hands the command to the spine; on_reply is called after its commit, unless the client is gone
 * by then. */
void request_ask(struct request *r, struct command *c,
                 void (*on_reply)(struct request *r, struct effect *x));

/* The n-th segment of the path, counted from 0 ("api" is 0). */
const char *request_segment(const struct request *r, size_t n);
/* Query values. Wrong ones fill r->problem. */
int64_t request_query_int(struct request *r, const char *key, int64_t min, int64_t max,
                          int64_t fallback);
bool request_query_bool(struct request *r, const char *key);
/* `namespace`, or that of the token; NULL: all. */
const char *request_query_namespace(struct request *r);
/* The cursor "a/b/c" in its parts, which point into what is returned; mem_free. NULL: there is
 * none. */
char *request_query_place(struct request *r, char **parts, size_t count);
/* The Idempotency-Key as a copy; NULL: none, or it is none (r->problem). */
char *request_take_key(struct request *r);
/* Every query key must be among these. */
void request_query_known(struct request *r, const char *const *keys, size_t count);

/* ---- connections (conn.c) ---- */
void conn_turn(struct conn *c); /* flushes what is answered, goes on with what waits */
void conn_sweep(struct conn *c, int64_t now_ms);
void conn_close(struct conn *c, bool cut);
void conn_cut_token(struct conn *c, int64_t token); /* ends a stream that this token opened */
struct request *request_new(struct conn *c);
void request_free(struct request *r);

/* ---- routes (route.c) ---- */
/* Finds the route and checks the token; r->problem tells what is wrong. */
void route_head(struct request *r, const struct http_message *m);
/* The whole message is there. */
void route_message(struct request *r, const struct http_message *m);

/* ---- who may (auth.c) ---- */
struct auth *auth_new(void);
void auth_free(struct auth *a);
/* `header`: the value of Authorization or NULL. Fills who, or p. */
void auth_check(struct conn *c, const char *header, struct who *who, struct problem *p);
void auth_forget(struct auth *a, int64_t token); /* revoked */
/* May this token see or touch things of this namespace (NULL: none)? Fills p when not. */
bool auth_namespace(const struct who *who, const char *ns, struct problem *p);

/* ---- request bodies (body.c) ---- */
struct body {
    const struct json *object;
    struct problem *p; /* first fault sticks */
    const char *at;    /* "retry." in front of keys; "" */
};
void body_known(struct body *b, const char *const *keys, size_t count);
void body_fail(struct body *b, const char *key, const char *fmt, ...) CADRE_PRINTF(3, 4);
bool body_has(const struct body *b, const char *key);                    /* present and not null */
const char *body_str(struct body *b, const char *key, size_t max_bytes); /* NULL: absent */
int64_t body_int(struct body *b, const char *key, int64_t min, int64_t max, int64_t fallback);
double body_num(struct body *b, const char *key, double min, double max, double fallback);
bool body_bool(struct body *b, const char *key, bool fallback);
int64_t body_duration(struct body *b, const char *key, int64_t min_ms, int64_t max_ms,
                      int64_t fallback);
const struct json *body_object(struct body *b, const char *key); /* NULL: absent */
const struct json *body_array(struct body *b, const char *key);
/* Index in names; `fallback` when absent. */
int body_choice(struct body *b, const char *key, const char *const *names, size_t count,
                int fallback);
const char *body_group_key(struct body *b, const char *key);
const char *body_namespace(struct body *b, const char *key);

/* ---- jobs as JSON (job_json.c) ---- */
enum { JOB_JSON_SPEC = 1, JOB_JSON_ATTEMPTS = 2, JOB_JSON_WAITING = 4 };
/* Members of an open object. waiting: JSON text or NULL, written with JOB_JSON_WAITING. */
int job_json(struct jw *w, struct reader *reader, const struct job_view *v, unsigned parts,
             const char *waiting, struct err *e);
/* Reads the job named by the path and checks the namespace; false: answered. */
bool job_of_path(struct request *r, struct job_view *v);
/* Answers with the whole job; `waiting` may be NULL. */
void job_send(struct request *r, int status, int64_t id, const char *waiting, int duplicate);

/* ---- executions as JSON (executions.c) ---- */
void execution_json(struct jw *w, const struct execution_row *x); /* members of an open object */
/* As job_of_path. */
bool execution_of_path(struct request *r, struct execution_row *x);

/* ---- streams (stream.c) ---- */
void stream_logs(struct request *r);
void stream_follow(struct request *r);
/* Sends what there is; true: it is over. */
bool stream_pump(struct stream *st);
void stream_drained(struct stream *st); /* the client has room again */
void stream_sweep(struct stream *st, int64_t now_ms);
void stream_free(struct stream *st);
void stream_on_job(struct api *a, int64_t job, bool state);
void stream_on_execution(struct api *a, int64_t execution);

/* ---- handlers, one file per resource ---- */
void jobs_submit(struct request *r);
void jobs_list(struct request *r);
void jobs_show(struct request *r);
void jobs_cancel(struct request *r);
void jobs_why(struct request *r);
void flows_apply(struct request *r);
void flows_list(struct request *r);
void flows_show(struct request *r);
void flows_revisions(struct request *r);
void flows_delete(struct request *r);
void flows_run(struct request *r);
void executions_list(struct request *r);
void executions_show(struct request *r);
void executions_cancel(struct request *r);
void executions_logs(struct request *r);
void executions_follow(struct request *r);
void triggers_list(struct request *r);
void triggers_show(struct request *r);
void triggers_enable(struct request *r);
void triggers_disable(struct request *r);
void triggers_run(struct request *r);
void agents_list(struct request *r);
void agents_show(struct request *r);
void agents_drain(struct request *r);
void agents_resume(struct request *r);
void agents_remove(struct request *r);
void groups_list(struct request *r);
void groups_show(struct request *r);
void groups_create(struct request *r);
void groups_update(struct request *r);
void groups_delete(struct request *r);
void groups_pause(struct request *r);
void groups_resume(struct request *r);
void namespaces_list(struct request *r);
void namespaces_show(struct request *r);
void namespaces_set(struct request *r);
void namespaces_unset(struct request *r);
void tokens_list(struct request *r);
void tokens_create(struct request *r);
void tokens_revoke(struct request *r);
void status_health(struct request *r);
void status_version(struct request *r);
void status_whoami(struct request *r);
void status_show(struct request *r);

#endif
