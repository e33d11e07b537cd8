/* Reading what went wrong of late. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_FAILURES_H
#define CADRE_COORDINATOR_STORE_READER_FAILURES_H

#include "coordinator/store/reader.h"

#define FAILURES_MOST 5000 /* jobs that one call looks at */

struct failure_filter {
    const char *ns;   /* NULL: any; subtree */
    int64_t since_ms; /* only those that ended then or later */
};
/* What a job tells of its failure. Texts are borrowed for the call; NULL: there is none. */
struct failure_row {
    int64_t id, ended_ms;
    enum job_state state;
    enum reason reason;
    bool exited; /* exit_code counts */
    int64_t exit_code;
    enum shown_kind kind;
    const char *ns, *flow, *task, *name, *message;
    const char *group; /* the key by which people know it */
};
struct failures_seen {
    size_t looked; /* so many jobs that did not end as SUCCESS, FAILURES_MOST at most */
    bool complete; /* these are all that are kept */
};
/* Jobs that ended as FAILED, KILLED or CANCELLED, but not because a user cancelled them; newest
 * first. An old one may have ended just now, so all that are kept are looked at, as far as that
 * goes. */
int reader_failures(struct reader *r, const struct failure_filter *f,
                    int (*fn)(const struct failure_row *row, void *user), void *user,
                    struct failures_seen *seen, struct err *e);

#endif
