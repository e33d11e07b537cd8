/* The coordinator's certificate authority (design 7): its key and certificate, the server's
 * certificate, and the signing of agents' requests. Files in the state folder: ca.key ca.pem
 * server.key server.pem; keys are 0600. Loop thread. */
#ifndef CADRE_COORDINATOR_TRUST_AUTHORITY_H
#define CADRE_COORDINATOR_TRUST_AUTHORITY_H

#include "base/err.h"
#include "coordinator/trust/names.h"
#include "wire/tls.h"

#include <stdbool.h>
#include <stdint.h>

#define AUTHORITY_LIFE_MS (INT64_C(3652) * 86400 * 1000) /* of the CA: ten years */

struct authority;

/* Are both files of the CA there? */
bool authority_exists(const char *state);
/* Makes the CA where there is none. ERR_CORRUPT: one of its two files is missing. */
int authority_make(const char *state, int64_t now_ms, struct err *e);
/* Loads the CA, checks that certificate and key belong together, and sees to the server
 * certificate as authority_refresh does. life_ms: of the certificates it issues. */
int authority_open(const char *state, int64_t life_ms, const struct names *names, int64_t now_ms,
                   struct authority **out, struct err *e);
void authority_free(struct authority *a);

/* Issues a new server certificate (with a new key) when there is none, when it lacks one of the
 * names, is not of this CA, or two thirds of its life are over. *changed: authority_tls is a new
 * one. */
int authority_refresh(struct authority *a, const struct names *names, int64_t now_ms, bool *changed,
                      struct err *e);
/* How long from now the next refresh may wait, at most an hour. */
int64_t authority_wait_ms(const struct authority *a, int64_t now_ms);

/* The lives of the CA and of the server certificate. */
struct standing; /* coordinator/engine/standing.h */
void authority_lives(const struct authority *a, struct standing *out);

/* What a listener needs; belongs to the authority, valid until the next refresh that changes it. */
struct tls_config *authority_tls(const struct authority *a);
const char *authority_ca(const struct authority *a);     /* PEM */
const uint8_t *authority_pin(const struct authority *a); /* PKI_HASH_BYTES */

/* Signs a checked request: subject CN = the agent's id. *pem: mem_free. */
int authority_sign(const struct authority *a, const char *csr_pem, int64_t agent, int64_t now_ms,
                   char **pem, struct err *e);

#endif
