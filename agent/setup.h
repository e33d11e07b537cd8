/* `cadre-agent setup`: what the Windows installer has the program itself do. It is no command for
 * people and not in the help; `join` and `service install` are.
 *
 * The wish comes as a JSON object on standard input, so that the token and the password stand on no
 * command line:
 *   token, group, coordinator, name, slots, labels ("k=v,k=v"): as the installer's properties, ""
 *   or absent: not given account, password: of the service; "automatic": false has it started by
 *   hand
 * In this order: registers the service (an entry that is there keeps account and start type),
 * protects the folders, seeds agent.yaml when there is none, joins when there is a token and no
 * identity. What exists is never changed.
 *
 * Standard output has one line each: "info TEXT" for the installer's log, "error TEXT" as the last
 * one, with exit code 1. Neither has the token in it. */
#ifndef CADRE_AGENT_SETUP_H
#define CADRE_AGENT_SETUP_H

#include "agent/config.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

int agent_setup(void); /* the exit code */

/* Registers the service, makes the folders of configuration, state and logs, and closes them to all
 * but administrators and the service's account; of those that are elsewhere only the state's, when
 * there is nothing else in it. ERR_DENIED: with a first installation, one that somebody else
 * prepared (service_admin_owner). */
struct setup_service {
    const char *argument;           /* "run", and what else the program is told */
    const char *account, *password; /* NULL or "": its own; none */
    bool automatic;
};
int setup_service(const struct agent_config *c, const struct setup_service *s, bool *created,
                  struct err *e);

#endif
