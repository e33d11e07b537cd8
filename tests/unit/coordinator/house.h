/* A whole coordinator in a folder of its own, with its clients, on one loop: HTTP clients,
 * agents, and peers that misbehave. Real TLS, real databases. */
#ifndef CADRE_TESTS_HOUSE_H
#define CADRE_TESTS_HOUSE_H

#include "base/json.h"
#include "coordinator/coordinator.h"
#include "wire/frame.h"
#include "wire/http.h"
#include "wire/link.h"
#include "wire/msg.h"
#include "wire/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

/* As whom the agents of a test hear the coordinator. */
static const struct msg_peer house_coordinator = {.agent = false, .known = true};

#define HOUSE_TIMEOUT_MS 30000 /* of a test: hanging for so long is a failure */

struct house {
    char folder[256];
    struct config config;
    uv_loop_t loop;
    struct coordinator *coordinator;
    char address[64];
    uint16_t port;
    char admin[TOKEN_TEXT_SIZE];
    char *ca_pem, *ca_key_pem;
    bool stopped;
};

/* `yaml`: the configuration file's text, "" for defaults. */
void house_open(struct house *h, const char *yaml, const struct coordinator_timeouts *timeouts);
/* Stops, checks that the loop is empty, removes the folder. */
void house_close(struct house *h);
/* The coordinator alone. */
void house_stop(struct house *h);
void house_start(struct house *h, const struct coordinator_timeouts *timeouts);

/* Turns the loop until *flag; fails after HOUSE_TIMEOUT_MS. */
void house_run(struct house *h, const bool *flag);
void house_run_ms(struct house *h, uint64_t ms);

/* ---- HTTP ---- */
struct answer {
    int status;
    char *text; /* the body */
    size_t len;
    struct json *json; /* NULL: the body is none */
    char allow[64], retry_after[16], set_cookie[256];
};
/* token NULL: the administrator's; "": none. body NULL: none. headers: "A: b\r\n" or NULL. */
void house_call(struct house *h, const char *method, const char *path, const char *token,
                const char *body, const char *headers, struct answer *out);
void answer_fini(struct answer *a);
/* Short forms; the answer's status must be `status`. What they return: mem_free / json_free. */
struct json *house_get(struct house *h, const char *path, int status);
struct json *house_post(struct house *h, const char *path, const char *body, int status);
/* The error's code and message must be as said (message: a part of it, NULL: any). */
void answer_is(const struct answer *a, int status, const char *code, const char *message_part);
/* Makes a token by the API: its text (mem_free). id may be NULL. */
char *house_token(struct house *h, const char *body, char id[14]);

/* Signs in with this token, as the page does; what a Cookie header is to have then. mem_free */
char *house_sign_in(struct house *h, const char *token);
/* What a request of the page has beside its cookie. The host is that of house_call. */
#define HOUSE_PAGE "X-Cadre-Page: 1\r\nOrigin: https://cadre\r\n"

/* ---- bare links ---- */
/* Connects with the ALPN, optionally with a certificate, sends bytes, collects what comes. */
struct peer {
    struct house *house;
    struct link *link;
    struct tls_config *tls;
    bool open, closed, changed;
    struct err err;
    struct buf in;
    struct frame_reader frames; /* fed when `framed` */
    bool framed;
};
void peer_open(struct peer *p, struct house *h, const char *alpn, const char *cert_pem,
               const char *key_pem);
void peer_write(struct peer *p, const void *data, size_t len);
void peer_send(struct peer *p, const struct msg *m);
/* The next frame of a framed peer; false: the link ended first. */
bool peer_frame(struct peer *p, struct frame *f);
/* The next message must be of this type. msg_fini. */
void peer_expect(struct peer *p, enum msg_type type, struct msg *m);
/* The next message must be a refusal with this code, and then the end. */
void peer_refused(struct peer *p, const char *code, int64_t *retry_ms);
void peer_wait_closed(struct peer *p);
void peer_fini(struct peer *p); /* closes */

/* ---- agents ---- */
struct identity {
    char *cert, *key, *id;
    struct pki_key *pair;
};
/* Enrols by the real way with a token of its own. group NULL: default. */
void house_enrol(struct house *h, const char *name, const char *group, struct identity *out);
/* A certificate as the CA of this coordinator would issue it, with any name and times. */
void house_certify(struct house *h, const char *common_name, int64_t from_ms, int64_t until_ms,
                   enum pki_usage usage, struct identity *out);
void identity_fini(struct identity *i);
/* Says hello and ready; *p is a framed peer afterwards. */
void house_agent(struct house *h, const struct identity *i, const char *name, int64_t slots,
                 struct peer *p);
void peer_hello(struct peer *p, const char *name, const char *boot_id, int64_t slots);
void peer_started(struct peer *p, int64_t seq, int64_t job, int64_t attempt);
void peer_output(struct peer *p, int64_t seq, int64_t job, int64_t attempt, int stream,
                 int64_t offset, const void *data, size_t len);
void peer_finished(struct peer *p, int64_t seq, int64_t job, int64_t attempt, int exit_code);

#endif
