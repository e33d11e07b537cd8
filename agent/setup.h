/* `cadre-agent setup`: the part of the installation that the Windows installer leaves to the
 * program. Users run `join` and `service install` instead; the help does not list `setup`.
 *
 * The request comes as a JSON object on standard input, so that the token and the password are on
 * no command line:
 *   token, group, coordinator, name, slots, labels ("k=v,k=v"): as the installer's properties, ""
 *   or absent: not given account, password: of the service; "automatic": false has it started by
 *   hand
 * In this order: registers the service (an existing entry keeps its account and start type),
 * protects the folders, writes agent.yaml when there is no such file, and joins when there is a
 * token and no identity. Existing files are never changed.
 *
 * Each line of standard output is "info TEXT", for the installer's log, or "error TEXT", as the
 * last line, with exit code 1. No line contains the token. */
#ifndef CADRE_AGENT_SETUP_H
#define CADRE_AGENT_SETUP_H

#include "agent/config.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

int agent_setup(void); /* the exit code */

/* Registers the service, makes the folders of configuration, state and logs, and closes them to all
 * but administrators and the service's account; of folders elsewhere only the state folder is
 * closed, when it has no other files. ERR_DENIED: at a first installation a folder exists that
 * another user made (service_admin_owner). */
struct setup_service {
    const char *argument;           /* "run", and further arguments of the program */
    const char *account, *password; /* NULL or "": its own; none */
    bool automatic;
};
int setup_service(const struct agent_config *c, const struct setup_service *s, bool *created,
                  struct err *e);

#endif
