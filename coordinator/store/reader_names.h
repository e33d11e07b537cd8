/* The names that filters give: is there such a thing, or was there? Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_NAMES_H
#define CADRE_COORDINATOR_STORE_READER_NAMES_H

#include "coordinator/store/reader.h"

struct name_asked {
    enum { NAME_GROUP, NAME_AGENT, NAME_FLOW, NAME_TRIGGER } of;
    const char *name;
    const char *ns;   /* of a flow: it or one below it, NULL: any; of a trigger: its */
    bool exact;       /* not below it */
    const char *flow; /* of a trigger */
};

/* 1: there is one, or rows that are kept name one that there was; 0: no, and *nearest is the name
 * that was probably meant (mem_free; NULL: none). Of rows that name a group or a trigger the newest
 * 5,000 are looked at, and of names 5,000: where no index tells and there are more, there may be
 * one (1). */
int reader_knows(struct reader *r, const struct name_asked *a, char **nearest, struct err *e);

/* The id of an agent by id or name; of several that were removed the last. 1: found. */
int reader_agent_id(struct reader *r, const char *id_or_name, int64_t *id, struct err *e);

#endif
