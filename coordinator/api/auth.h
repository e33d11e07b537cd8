/* The token of a request, its session of the page if it came in one, and its rights. */
#ifndef CADRE_COORDINATOR_API_AUTH_H
#define CADRE_COORDINATOR_API_AUTH_H

#include "coordinator/answer.h"
#include "coordinator/store/model.h"
#include "coordinator/store/model_page_session.h"

#include <stdbool.h>

struct api;
struct auth;

struct who {
    int64_t token;
    int64_t session;      /* of the page; 0: the request brought the token itself */
    enum token_role role; /* ROLE_JOIN: no token */
    char *ns;             /* NULL: all namespaces */
    int64_t expires_ms;   /* wall, of the token or of the session; 0: never */
};

/* The header of the last request of a connection that was accepted, and its token: a client sends
 * the same header each time. */
struct auth_memory {
    char *header;
    int64_t token;
};
void auth_memory_fini(struct auth_memory *m);

/* What a request says of itself: by an Authorization header, or by the cookie of a session. */
struct auth_claim {
    char *header;
    int64_t token;
    bool cookie;          /* hash is of a session; the token is not known yet */
    bool proved;          /* the same header was accepted before: no secret is compared */
    uint64_t revocations; /* their number when the row was asked for */
    uint8_t hash[32];
};
void auth_claim_fini(struct auth_claim *c);
/* header NULL: no such header. false: p says why. */
bool auth_read(const struct auth_memory *m, const char *header, struct auth_claim *out,
               struct problem *p);
/* The same of the token's text alone, which has no header to be remembered by. */
bool auth_read_token(const char *text, struct auth_claim *out, struct problem *p);
/* number: of a cookie, 32 bytes. */
void auth_read_cookie(const uint8_t *number, struct auth_claim *out);
void auth_say_session_ended(struct problem *p);

struct auth *auth_new(void);
void auth_free(struct auth *a);
/* The token's row, when it was looked up within the last second; NULL: look it up. */
const struct token_row *auth_find(const struct auth *a, int64_t token, int64_t now_ms);
/* Keeps a row that was asked for at that moment, whose texts it takes over; returns it. */
const struct token_row *auth_keep(struct auth *a, struct token_row *row, int64_t asked_ms);
/* The same of a session of the page, by its hash. */
const struct page_session_row *auth_find_session(const struct auth *a, const uint8_t hash[32],
                                                 int64_t now_ms);
const struct page_session_row *auth_keep_session(struct auth *a, const struct page_session_row *row,
                                                 int64_t asked_ms);
/* Fills who and remembers the header, or fills p. */
void auth_judge(struct api *a, struct auth_memory *m, const struct auth_claim *c,
                const struct token_row *row, struct who *who, struct problem *p);
/* The same in a session; NULL: there is none with this hash. */
void auth_judge_session(struct api *a, const struct page_session_row *session,
                        const struct token_row *row, struct who *who, struct problem *p);
/* Forgets a revoked token, a session that has ended. Rows that are being looked up may be older:
 * auth_revocations changes. */
void auth_forget(struct auth *a, int64_t token);
void auth_forget_session(struct auth *a, int64_t session);
uint64_t auth_revocations(const struct auth *a);
/* May this token read or change resources of this namespace (NULL: no namespace)? If not, fills
 * p. */
bool auth_namespace(const struct who *who, const char *ns, struct problem *p);

#endif
