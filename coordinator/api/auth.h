/* The token of a request, and its rights. */
#ifndef CADRE_COORDINATOR_API_AUTH_H
#define CADRE_COORDINATOR_API_AUTH_H

#include "coordinator/answer.h"
#include "coordinator/store/model.h"

#include <stdbool.h>

struct api;
struct auth;

struct who {
    int64_t token;
    enum token_role role; /* ROLE_JOIN: no token */
    char *ns;             /* NULL: all namespaces */
    int64_t expires_ms;   /* wall; 0: never */
};

/* The header of the last request of a connection that was accepted, and its token: a client sends
 * the same header each time. */
struct auth_memory {
    char *header;
    int64_t token;
};
void auth_memory_fini(struct auth_memory *m);

/* Reads an Authorization header. */
struct auth_claim {
    char *header;
    int64_t token;
    bool proved;          /* the same header was accepted before: no secret is compared */
    uint64_t revocations; /* their number when the row was asked for */
    uint8_t hash[32];
};
void auth_claim_fini(struct auth_claim *c);
/* header NULL: no such header. false: p says why. */
bool auth_read(const struct auth_memory *m, const char *header, struct auth_claim *out,
               struct problem *p);

struct auth *auth_new(void);
void auth_free(struct auth *a);
/* The token's row, when it was looked up within the last second; NULL: look it up. */
const struct token_row *auth_find(const struct auth *a, int64_t token, int64_t now_ms);
/* Keeps a row that was asked for at that moment, whose texts it takes over; returns it. */
const struct token_row *auth_keep(struct auth *a, struct token_row *row, int64_t asked_ms);
/* Fills who and remembers the header, or fills p. */
void auth_judge(struct api *a, struct auth_memory *m, const struct auth_claim *c,
                const struct token_row *row, struct who *who, struct problem *p);
/* Forgets a revoked token. Rows that are being looked up may be older: auth_revocations changes. */
void auth_forget(struct auth *a, int64_t token);
uint64_t auth_revocations(const struct auth *a);
/* May this token read or change resources of this namespace (NULL: no namespace)? If not, fills
 * p. */
bool auth_namespace(const struct who *who, const char *ns, struct problem *p);

#endif
