/* See reader_names.h. */
#include "coordinator/store/reader_names.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sqlite_reader.h"

#define CANDIDATES 5000 /* names that are looked at for the nearest */

struct names {
    const struct name_asked *asked;
    char **items;
    size_t count;
    bool found;
};

/* Columns: namespace (NULL: none), name. */
static void look_at(struct names *n, sqlite3_stmt *q, char *name)
{
    const struct name_asked *a = n->asked;
    const char *ns = (const char *)sqlite3_column_text(q, 0);
    if (ns && a->ns && !(a->exact ? str_eq(a->ns, ns) : str_namespace_covers(a->ns, ns))) {
        mem_free(name);
        return;
    }
    n->found = n->found || str_eq(name, a->name);
    if (n->count < CANDIDATES)
        n->items[n->count++] = name;
    else
        mem_free(name);
}

static sqlite3_stmt *names_of(struct reader *r, const struct name_asked *a)
{
    static const enum queue_read reads[] = {[NAME_GROUP] = R_GROUP_NAMES,
                                            [NAME_AGENT] = R_AGENT_NAMES,
                                            [NAME_FLOW] = R_FLOW_NAMES,
                                            [NAME_TRIGGER] = R_TRIGGER_NAMES};
    sqlite3_stmt *q = from_queue(r, reads[a->of]);
    if (a->of == NAME_TRIGGER) {
        bind_text(q, 1, a->ns);
        bind_text(q, 2, a->flow);
    }
    return q;
}

/* Do rows that are kept name one that there was? */
static int is_used(struct reader *r, const struct name_asked *a, struct err *e)
{
    sqlite3_stmt *q;
    if (a->of == NAME_GROUP) {
        q = from_queue(r, R_GROUP_USED);
        bind_text(q, 1, group_text(a->name));
    } else if (a->of == NAME_TRIGGER) {
        q = from_queue(r, R_TRIGGER_USED);
        bind_text(q, 1, a->ns);
        bind_text(q, 2, a->flow);
        bind_text(q, 3, a->name);
    } else {
        return 0; /* of agents and flows the row is kept for as long */
    }
    int rc = db_step(&r->queue, q, e);
    bool used = rc == 1 && sqlite3_column_int(q, 0) != 0;
    db_reset(q);
    return rc < 0 ? rc : used;
}

int reader_knows(struct reader *r, const struct name_asked *a, char **nearest, struct err *e)
{
    struct names n = {.asked = a, .items = mem_array(CANDIDATES, sizeof *n.items)};
    sqlite3_stmt *q = names_of(r, a);
    char *near = NULL;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1)
        look_at(&n, q, column_group(q, 1));
    db_reset(q);
    if (rc == 0 && n.found) rc = 1;
    if (rc == 0) rc = is_used(r, a, e);
    if (rc == 0) near = mem_strdup(str_nearest(a->name, (const char *const *)n.items, n.count));
    for (size_t i = 0; i < n.count; i++)
        mem_free(n.items[i]);
    mem_free(n.items);
    *nearest = near;
    return rc;
}

/* 1: found. */
static int one_id(struct reader *r, sqlite3_stmt *q, int64_t *id, struct err *e)
{
    int rc = db_step(&r->queue, q, e);
    if (rc == 1) *id = sqlite3_column_int64(q, 0);
    db_reset(q);
    return rc;
}

int reader_agent_id(struct reader *r, const char *id_or_name, int64_t *id, struct err *e)
{
    int64_t said;
    int rc = 0;
    if (id_parse(id_or_name, &said) == 0) {
        sqlite3_stmt *q = from_queue(r, R_AGENT_ID);
        bind_int(q, 1, said);
        rc = one_id(r, q, id, e);
    }
    static const enum queue_read named[] = {R_AGENT_ID_NAMED, R_AGENT_ID_REMOVED};
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        sqlite3_stmt *q = from_queue(r, named[i]);
        bind_text(q, 1, id_or_name);
        rc = one_id(r, q, id, e);
    }
    return rc;
}
