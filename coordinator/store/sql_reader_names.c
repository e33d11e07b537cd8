/* See reader_names.h. */
#include "coordinator/store/reader_names.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sql_reader.h"

#define CANDIDATES 5000 /* names that are looked at for the nearest */

struct names {
    const struct name_asked *asked;
    char **items;
    size_t count;
    bool found;
};

/* Columns: namespace (NULL: none), name. */
static void look_at(struct names *n, struct stmt *q, char *name)
{
    const struct name_asked *a = n->asked;
    const char *ns = column_str(q, 0);
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

static struct stmt *names_of(struct reader *r, const struct name_asked *a)
{
    static const enum queue_read reads[] = {[NAME_GROUP] = R_GROUP_NAMES,
                                            [NAME_AGENT] = R_AGENT_NAMES,
                                            [NAME_FLOW] = R_FLOW_NAMES,
                                            [NAME_TRIGGER] = R_TRIGGER_NAMES};
    struct stmt *q = from_queue(r, reads[a->of]);
    if (a->of == NAME_TRIGGER) {
        bind_text(q, 1, a->ns);
        bind_text(q, 2, a->flow);
    }
    return q;
}

/* 1: a job has the group, or may have it: one list looks only so far; 0: none. */
static int has_jobs(struct reader *r, const char *group, struct err *e)
{
    int64_t id, next;
    struct job_filter f = {.group = group, .limit = 1};
    struct job_ids ids = {.items = &id};
    int rc = reader_job_ids(r, &f, &ids, &next, e);
    return rc < 0 ? rc : ids.count > 0 || next != 0;
}

/* Do rows that are kept name one that there was? */
static int is_used(struct reader *r, const struct name_asked *a, struct err *e)
{
    if (a->of == NAME_GROUP) return has_jobs(r, a->name, e);
    if (a->of != NAME_TRIGGER) return 0; /* of agents and flows the row is kept for as long */
    struct stmt *q = from_queue(r, R_TRIGGER_USED);
    bind_text(q, 1, a->ns);
    bind_text(q, 2, a->flow);
    bind_text(q, 3, a->name);
    int rc = db_step(&r->queue, q, e);
    bool used = rc == 1 && column_int(q, 0) != 0;
    db_reset(q);
    return rc < 0 ? rc : used;
}

/* 1: there is one, as an index tells at once; 0: not, or no index tells. */
static int is_there(struct reader *r, const struct name_asked *a, struct err *e)
{
    bool group = a->of == NAME_GROUP;
    if (!group && !(a->of == NAME_FLOW && a->ns)) return 0;
    struct stmt *q = from_queue(r, group ? R_GROUP_THERE : R_FLOW_THERE);
    bind_text(q, 1, group ? group_text(a->name) : a->ns);
    if (!group) bind_text(q, 2, a->name);
    int rc = db_step(&r->queue, q, e);
    db_reset(q);
    return rc;
}

/* Whether there is one; 0: no, and the names for the nearest are in `n`. When there are more than
 * are looked at, there may be one. */
static int look_through(struct reader *r, struct names *n, struct err *e)
{
    struct stmt *q = names_of(r, n->asked);
    size_t seen = 0;
    int rc;
    while ((rc = db_step(&r->queue, q, e)) == 1 && !n->found && seen++ < CANDIDATES)
        look_at(n, q, column_group(q, 1));
    db_reset(q);
    if (rc < 0) return rc;
    const struct name_asked *a = n->asked; /* an agent was looked for by reader_agent_id */
    bool told = a->of == NAME_GROUP || a->of == NAME_AGENT || (a->of == NAME_FLOW && a->exact);
    return n->found || (rc == 1 && !told);
}

int reader_knows(struct reader *r, const struct name_asked *a, char **nearest, struct err *e)
{
    struct names n = {.asked = a, .items = mem_array(CANDIDATES, sizeof *n.items)};
    char *near = NULL;
    int rc = is_there(r, a, e);
    if (rc == 0) rc = look_through(r, &n, e);
    if (rc == 0) rc = is_used(r, a, e);
    if (rc == 0) near = mem_strdup(str_nearest(a->name, (const char *const *)n.items, n.count));
    for (size_t i = 0; i < n.count; i++)
        mem_free(n.items[i]);
    mem_free(n.items);
    *nearest = near;
    return rc;
}

/* 1: found. */
static int one_id(struct reader *r, struct stmt *q, int64_t *id, struct err *e)
{
    int rc = db_step(&r->queue, q, e);
    if (rc == 1) *id = column_int(q, 0);
    db_reset(q);
    return rc;
}

int reader_agent_id(struct reader *r, const char *id_or_name, int64_t *id, struct err *e)
{
    int64_t said;
    int rc = 0;
    if (id_parse(id_or_name, &said) == 0) {
        struct stmt *q = from_queue(r, R_AGENT_ID);
        bind_int(q, 1, said);
        rc = one_id(r, q, id, e);
    }
    static const enum queue_read named[] = {R_AGENT_ID_NAMED, R_AGENT_ID_REMOVED};
    for (size_t i = 0; i < 2 && rc == 0; i++) {
        struct stmt *q = from_queue(r, named[i]);
        bind_text(q, 1, id_or_name);
        rc = one_id(r, q, id, e);
    }
    return rc;
}
