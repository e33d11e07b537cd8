/* The addresses under which the agent looks for its coordinator: those of its configuration, then
 * those that the coordinator told in its last welcome, then those of coordinators that it was sent
 * to by another one and that welcomed it. What it learns is kept in the state folder
 * (addresses.json), never in the configuration. So a coordinator can move to another address, when
 * it told of the new one while the old one still worked; and of several coordinators any may die.
 * Each address is good only as far as its certificate goes: every connection is checked against the
 * CA that the agent joined. Loop thread. */
#ifndef CADRE_AGENT_ADDRESSES_H
#define CADRE_AGENT_ADDRESSES_H

#include "base/err.h"
#include "base/opt.h"
#include "wire/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An owner's addresses that were told before are tried again after this time. */
#define ADDRESSES_AGAIN_MS 2000

struct address_list {
    char at[TOKEN_ADDRESSES][TOKEN_ADDRESS_SIZE];
    size_t count;
};

struct addresses {
    const struct opt_list *own;    /* of the configuration; borrowed */
    struct address_list learnt;    /* none of them is in `own` */
    struct address_list owners;    /* none of them is in the two; the newest first */
    char good[TOKEN_ADDRESS_SIZE]; /* of the last welcome; "": the first of all */
    /* Where the owner is, as was told last; those before `next` were tried since. */
    struct address_list told;
    size_t next;
    int64_t told_ms;
    size_t turn; /* tries of the other addresses since the last welcome */
};

/* A file that is missing has none; an unreadable or damaged one is logged and has none: the agent
 * goes on with its own addresses, and the next welcome writes the file anew. With another `own`
 * than when the file was written, the agent begins with those. */
void addresses_load(struct addresses *a, const struct opt_list *own, const char *state_folder);
/* json: the list of a welcome; NULL: the coordinator told none, and nothing changes. What is no
 * address is left out, and so is what is over TOKEN_ADDRESSES. *changed: the list is another one
 * now, also when the result says that its file could not be written. */
int addresses_learn(struct addresses *a, const char *state_folder, const char *json, bool *changed,
                    struct err *e);
size_t addresses_count(const struct addresses *a);
/* n < addresses_count. "host:port", the port optional. */
const char *addresses_at(const struct addresses *a, size_t n);

/* The owner is found at these (JSON list; NULL: nobody knows): they are the next ones. true: one of
 * them was not tried within the last ADDRESSES_AGAIN_MS. */
bool addresses_told(struct addresses *a, const char *json, int64_t now_ms);
/* The next one to try: what was told, then the last good one and those behind it, in turn. *round:
 * how often each of these was tried since the last welcome. Valid until the next call of any
 * function here. */
const char *addresses_next(struct addresses *a, unsigned *round);
/* The last good one fell silent: where there are others, they are tried before it. */
void addresses_silent(struct addresses *a);
/* This one led to a welcome: it is the first to try again. It may be one that addresses_next gave
 * before. */
int addresses_good(struct addresses *a, const char *state_folder, const char *address,
                   struct err *e);

#endif
