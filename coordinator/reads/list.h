/* Lists, one page at a time: the number of rows, the cursor, and the end of a page. Every list of
 * the API is of one of these kinds. A page ends when it has `limit` rows or LIST_BYTES bytes, and
 * then says where the next page begins. */
#ifndef CADRE_COORDINATOR_READS_LIST_H
#define CADRE_COORDINATOR_READS_LIST_H

#include "coordinator/answer.h"

#include <stdbool.h>

#define LIST_BYTES (3u << 20) /* a page with so many bytes gets no further row */
#define LIST_PARTS 3          /* of a cursor, at most */

enum list_kind {
    LIST_JOBS,
    LIST_MATCHES, /* of jobs, for a command about each of them */
    LIST_EXECUTIONS,
    LIST_RUNS, /* task runs of an execution */
    LIST_COORDINATORS,
    LIST_TOKENS,
    LIST_NOTICES,
    LIST_FLOWS,
    LIST_TRIGGERS,
    LIST_UPCOMING, /* triggers, by when they fire next */
    LIST_AGENTS,
    LIST_GROUPS,
    LIST_BUSY, /* groups, the busiest first: one page */
    LIST_NAMESPACES,
    LIST_REVISIONS,
    LIST_ATTEMPTS,
    LIST_AGENT_EVENTS,
    LIST_KINDS
};

/* The parts of a cursor, and its names in a list. */
enum list_cursor {
    LIST_BY_ID,    /* ?cursor=ID, "nextCursor" */
    LIST_BY_TEXT,  /* ?cursor=TEXT/TEXT..., "nextCursor" */
    LIST_BY_NUMBER /* ?before=N, newest first, "more" */
};

struct list_traits {
    const char *name; /* of the array */
    enum list_cursor cursor;
    size_t parts; /* of a text */
    size_t limit, limit_max;
};
const struct list_traits *list_traits(enum list_kind kind);

struct list {
    const struct list_traits *traits;
    size_t limit;
    int64_t place; /* the page begins after this id or number; 0: at the beginning of the list */
    char *after[LIST_PARTS]; /* the same as texts, which point into `text`; NULL: no cursor */
    char *text;
    /* the page */
    struct json_answer *answer;
    char *last; /* cursor of the last row that was written; NULL: no row yet */
    bool cut;   /* the page reached LIST_BYTES before `limit` rows */
};

/* A page of the kind's usual length from the first row. */
void list_init(struct list *l, enum list_kind kind);
void list_fini(struct list *l);
/* false: the text is not a cursor of this list. */
bool list_set_cursor(struct list *l, const char *text);

/* Opens the array. */
void list_begin(struct list *l, struct json_answer *a);
/* Opens a row's object; false: there is no room for another row (stop reading). */
bool list_row(struct list *l);
/* Closes the row. */
void list_row_end(struct list *l, const char *fmt, ...) CADRE_PRINTF(2, 3);
void list_row_end_id(struct list *l, int64_t id);
/* The next page begins after this, although no row was written for it. */
void list_skip(struct list *l, const char *fmt, ...) CADRE_PRINTF(2, 3);
/* The same with what a reader says that it passed over, which is freed; NULL: nothing. */
void list_passed(struct list *l, char *passed);
/* Closes the array and writes the cursor of the next page: after the last row, or after `id` (which
 * may belong to a row that was skipped; 0: no further page). */
void list_end(struct list *l, bool more);
void list_end_id(struct list *l, int64_t id);

#endif
