/* Who a request is from, and what that token may see. */
#ifndef CADRE_COORDINATOR_API_AUTH_H
#define CADRE_COORDINATOR_API_AUTH_H

#include "coordinator/answer.h"
#include "coordinator/store/model.h"

#include <stdbool.h>

struct api;
struct auth;

struct who {
    int64_t token;
    enum token_role role; /* ROLE_JOIN: nobody */
    char *ns;             /* NULL: all namespaces */
};

/* The header that a connection's last request was let in with, and its token: a client sends the
 * same one each time. */
struct auth_memory {
    char *header;
    int64_t token;
};
void auth_memory_fini(struct auth_memory *m);

struct auth *auth_new(void);
void auth_free(struct auth *a);
/* `header`: the value of Authorization or NULL. Fills who, or p. */
void auth_check(struct api *a, struct auth_memory *m, const char *header, struct who *who,
                struct problem *p);
void auth_forget(struct auth *a, int64_t token); /* revoked */
/* May this token see or touch things of this namespace (NULL: none)? Fills p when not. */
bool auth_namespace(const struct who *who, const char *ns, struct problem *p);

#endif
