/* What preparations found out on their threads a moment ago, so that the next job of the same kind
 * need not wait for a thread: the environment of the account, and where programs are. Only of
 * programs whose search touches no file system but the one of this program itself: who looks there
 * hangs no sooner than the agent does anyway. One thread. */
#ifndef CADRE_AGENT_RECENT_H
#define CADRE_AGENT_RECENT_H

#include "agent/script.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENT_MS 1000 /* for so long it holds */
#define RECENT_PROGRAMS 8

struct recent_program {
    char *name, *path; /* as sought: argv[0] and PATH */
    char *file;        /* NULL: name is the file */
    int64_t at_ms;
};

struct recent {
    char **base; /* NULL: not known */
    int64_t base_ms;
    struct recent_program programs[RECENT_PROGRAMS];
    size_t next; /* to be replaced */
};

void recent_fini(struct recent *r);
/* Takes over what *l tells of it, which was prepared and looked up at now_ms. */
void recent_take(struct recent *r, int64_t now_ms, struct launch *l);
/* NULL: not known, or too long ago. */
const char *const *recent_base(const struct recent *r, int64_t now_ms);
/* Fills l->program. false: not known, or too long ago. */
bool recent_find(const struct recent *r, int64_t now_ms, struct launch *l);

#endif
