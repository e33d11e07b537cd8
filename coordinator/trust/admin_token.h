/* STATE/admin.token: the API token of whoever runs the coordinator. */
#ifndef CADRE_COORDINATOR_TRUST_ADMIN_TOKEN_H
#define CADRE_COORDINATOR_TRUST_ADMIN_TOKEN_H

#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/store/store.h"

#include <stdint.h>

#define ADMIN_TOKEN_FILE "admin.token"

/* A row with a fresh random secret (its hash in *row, itself in *secret); id from now_ms. */
int token_fresh(enum token_role role, int64_t now_ms, struct token_row *row, uint8_t secret[16],
                struct err *e);
/* Makes a token of this name with role admin in the store and writes the file. */
int admin_token_make(struct store *s, const struct config *c, const char *name, const uint8_t *pin,
                     int64_t now_ms, struct err *e);
/* The id of the token in the file. 0: e tells why there is none; ERR_NOT_FOUND: nor is the file. */
int64_t admin_token_id(const struct config *c, struct err *e);
/* Writes the file again when addresses or pin in it are not the present ones (port 0, a new
 * `advertise`). A missing file is fine: the operator may have taken it away. */
int admin_token_refresh(const struct config *c, const uint8_t *pin, uint16_t port, struct err *e);

#endif
