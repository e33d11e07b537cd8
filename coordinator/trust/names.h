/* Names: under which this coordinator is to be found, for its certificate and for tokens. Loop
 * thread. */
#ifndef CADRE_COORDINATOR_TRUST_NAMES_H
#define CADRE_COORDINATOR_TRUST_NAMES_H

#include "coordinator/config.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <stdint.h>

/* Names and addresses for the server certificate, no two equal. */
struct names {
    char *items[PKI_SAN_MAX];
    size_t count;
};
/* In this order, as many as fit: --name, those that names_keep has kept, advertise, the listen
 * address, the host's name, localhost, 127.0.0.1, ::1, the addresses of all network interfaces.
 * ERR_INVALID: what was kept has a line that is no name. *out can be given to names_fini anyway. */
int names_gather(const struct config *c, struct names *out, struct err *e);
void names_fini(struct names *n);
/* Writes the names of --name into the state folder: after `init` with --name, `run` needs no
 * --name. */
int names_keep(const struct config *c, struct err *e);

/* The address list of a token: `advertise`; else the address that is listened on; else (it is
 * "any") the host's name and addresses. `local`: for use on this very host, 127.0.0.1 comes
 * along when it is served. port: the one really listened on. Fills t->address and
 * t->address_count; a token stays under 512 bytes. */
void names_for_token(const struct config *c, uint16_t port, bool local, struct token *t);
/* `advertise` for agents, a JSON list of "host:port". NULL: it is not set. port: the one that is
 * really listened on, for those without one. mem_free. */
char *names_advertised(const struct config *c, uint16_t port);
/* Of one of several coordinators, for the others and for agents that are sent to it: those of
 * `advertise`, which may name all of them, that are this one's (its host is this host's name, one
 * of its addresses, the one that is listened on, or in `names`; with this port, if there is such
 * one). None: the address that is listened on, or the host's name and addresses. A JSON list;
 * "[]": nothing is known. mem_free. */
char *names_reachable(const struct config *c, uint16_t port);

#endif
