/* The identity of this agent: the files that `join` left in the state folder (agent.key, agent.pem,
 * ca.pem, identity.json). */
#ifndef CADRE_AGENT_IDENTITY_H
#define CADRE_AGENT_IDENTITY_H

#include "base/err.h"

#include <stdbool.h>

struct identity {
    char *agent; /* id text */
    char *key_pem, *cert_pem, *ca_pem;
};

bool identity_exists(const char *state_folder);
/* ERR_NOT_FOUND: not joined yet (the message says how to); ERR_DENIED: not readable, or the key's
 * file is open to others; ERR_CORRUPT: the parts do not belong together. */
int identity_load(const char *state_folder, struct identity *out, struct err *e);
/* Writes all files; identity.json, which makes the identity valid, last. */
int identity_save(const char *state_folder, const struct identity *id, struct err *e);
/* A renewed certificate. */
int identity_save_cert(const char *state_folder, const char *cert_pem, struct err *e);
void identity_fini(struct identity *id); /* wipes the key; fine on a zeroed struct */

#endif
