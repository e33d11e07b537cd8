/* The addresses under which the agent looks for its coordinator: those of its configuration, then
 * those that the coordinator told in its last welcome, which are kept in the state folder
 * (addresses.json). So a coordinator can move to another address, when it told of the new one while
 * the old one still worked. Each address is good only as far as its certificate goes: every
 * connection is checked against the CA that the agent joined. Loop thread. */
#ifndef CADRE_AGENT_ADDRESSES_H
#define CADRE_AGENT_ADDRESSES_H

#include "base/err.h"
#include "base/opt.h"
#include "wire/token.h"

#include <stdbool.h>
#include <stddef.h>

struct addresses {
    const struct opt_list *own;                       /* of the configuration; borrowed */
    char learnt[TOKEN_ADDRESSES][TOKEN_ADDRESS_SIZE]; /* none of them is in `own` */
    size_t learnt_count;
};

/* A file that is missing has none; an unreadable or damaged one is logged and has none: the agent
 * goes on with its own addresses, and the next welcome writes the file anew. */
void addresses_load(struct addresses *a, const struct opt_list *own, const char *state_folder);
/* json: the list of a welcome; NULL: the coordinator told none, and nothing changes. What is no
 * address is left out, and so is what is over TOKEN_ADDRESSES. *changed: the list is another one
 * now, also when the result says that its file could not be written. */
int addresses_learn(struct addresses *a, const char *state_folder, const char *json, bool *changed,
                    struct err *e);
size_t addresses_count(const struct addresses *a);
/* n < addresses_count. "host:port", the port optional. */
const char *addresses_at(const struct addresses *a, size_t n);

#endif
