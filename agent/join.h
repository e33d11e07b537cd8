/* `cadre-agent join TOKEN`: enrols this machine (PROTOCOL.md section 4). */
#ifndef CADRE_AGENT_JOIN_H
#define CADRE_AGENT_JOIN_H

#include "agent/config.h"
#include "base/err.h"

enum join_addresses {
    JOIN_WROTE_ADDRESSES, /* those of the token are the configuration's */
    JOIN_LEFT_LIST,       /* the list that stood in the file stays */
    JOIN_LEFT_OTHER_LIST, /* ... though it has no address of the token */
};

struct join_result {
    char *agent, *name, *group, *address; /* group NULL: default; several: "a,b" */
    enum join_addresses addresses;
};

/* Makes the key, trusts only the CA that the token pins, sends the request, and leaves identity and
 * config on disk. Blocking: runs a loop of its own, up to 15 s an address, and as long again for
 * the coordinator that owns the queue to be found. ERR_EXISTS: joined
 * already and no --replace. ERR_DENIED: refused, with the coordinator's sentence. The token is kept
 * nowhere. */
int join_run(const struct agent_config *c, const char *token_text, struct join_result *out,
             struct err *e);
void join_result_fini(struct join_result *r);

#endif
