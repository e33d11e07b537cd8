/* The list of coordinators. */
#include "coordinator/store/pg_coordinators.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/str.h"
#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_statements.h"

#include <string.h>

#define ADDRESSES_MOST 8 /* of a welcome (wire/PROTOCOL.md) */
#define LIST_BYTES 4096  /* the same */

/* With it goes what was not seen for a day, and what this coordinator was before it was killed. */
#define WRITE                                                                                      \
    "WITH gone AS (DELETE FROM cadre.coordinators c WHERE (c.seen_ms < " PG_NOW_MS " - 86400000"   \
    " OR (c.name = ?2 AND c.addresses = ?3 AND NOT " PG_COORDINATOR_ALIVE "))"                     \
    " AND c.id <> ?1) INSERT INTO cadre.coordinators"                                              \
    " (id, name, addresses, version, started_ms, seen_ms)"                                         \
    " VALUES (?1, ?2, ?3, ?4, ?5, " PG_NOW_MS                                                      \
    ") ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms"
#define ALIVE                                                                                      \
    "SELECT c.addresses FROM cadre.coordinators c WHERE " PG_COORDINATOR_ALIVE                     \
    " AND c.id <> ?1 ORDER BY c.id LIMIT 8"
#define REMOVE "DELETE FROM cadre.coordinators WHERE id = ?1"

char *pg_coordinator_holder(const struct pg_coordinator *c)
{
    return str_dupf("%s %lld", c->name, (long long)c->id);
}

int pg_coordinators_open(const struct pg_place *place, struct db *out, struct err *e)
{
    const struct pg_module *m;
    *out = (struct db){0};
    int rc = pg_load(place->folder, &m, e);
    return rc == 0 ? m->open(out, NULL, place, PG_LIST, e) : rc;
}

int pg_coordinators_write(struct db *d, const struct pg_coordinator *c, struct err *e)
{
    struct stmt *q = NULL;
    int64_t rows;
    int rc = db_prepare_one(d, WRITE, &q, e);
    if (rc == 0) {
        bind_int(q, 1, c->id);
        bind_text(q, 2, c->name);
        bind_text(q, 3, c->addresses);
        bind_text(q, 4, c->version);
        bind_int(q, 5, c->started_ms);
        rc = db_count(d, q, &rows, e);
    }
    stmt_finish(q);
    return rc;
}

/* ---- where all of them are ---- */

struct places {
    const char *text[ADDRESSES_MOST];
    size_t count;
};

static void add_place(struct places *p, const char *text)
{
    bool known = !text;
    for (size_t i = 0; i < p->count && !known; i++)
        known = str_eq(p->text[i], text);
    if (!known && p->count < ADDRESSES_MOST) p->text[p->count++] = text;
}

/* The first address of each, then the second ones: nobody is left out for another's many. */
static void add_places(struct places *p, struct json *const *lists, size_t count)
{
    const struct json *at[ADDRESSES_MOST + 1];
    bool more = true;
    for (size_t i = 0; i < count; i++)
        at[i] = json_first(lists[i]);
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (!at[i]) continue;
            add_place(p, json_str(at[i], NULL));
            at[i] = json_next(at[i]);
            more = true;
        }
    }
}

static char *list_of(const struct places *p)
{
    struct buf b;
    struct jw w;
    buf_init(&b, LIST_BYTES);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (size_t i = 0; i < p->count; i++)
        jw_str(&w, NULL, p->text[i]);
    jw_end(&w);
    char *out = jw_finish(&w) ? NULL : buf_detach(&b);
    buf_fini(&b);
    return out;
}

static int read_lists(struct db *d, int64_t but, struct json **lists, size_t *count, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, ALIVE, &q, e);
    if (rc == 0) bind_int(q, 1, but);
    while (rc == 0 && (rc = db_step(d, q, e)) == 1) {
        const char *text = column_str(q, 0);
        if (*count <= ADDRESSES_MOST && text &&
            json_parse(text, strlen(text), &lists[*count], NULL) == 0)
            ++*count;
        rc = 0;
    }
    stmt_finish(q);
    return rc;
}

int pg_coordinators_addresses(struct db *d, const struct pg_coordinator *c, char **out,
                              struct err *e)
{
    struct json *lists[ADDRESSES_MOST + 1] = {NULL};
    struct places p = {.count = 0};
    size_t count = 0;
    if (json_parse(c->addresses, strlen(c->addresses), &lists[0], NULL) == 0) count = 1;
    int rc = read_lists(d, c->id, lists, &count, e);
    add_places(&p, lists, count);
    *out = rc == 0 ? list_of(&p) : NULL;
    for (size_t i = 0; i < count; i++)
        json_free(lists[i]);
    return rc;
}

int pg_coordinators_alive(struct db *d, char **name, struct err *e)
{
    struct stmt *q = NULL;
    *name = NULL;
    int rc = db_prepare_one(d,
                            "SELECT c.name FROM cadre.coordinators c WHERE " PG_COORDINATOR_ALIVE
                            " LIMIT 1",
                            &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1) *name = column_text(q, 0);
    stmt_finish(q);
    return rc < 0 ? rc : 0;
}

int pg_coordinators_remove(struct db *d, int64_t id, struct err *e)
{
    struct stmt *q = NULL;
    int64_t rows;
    int rc = db_prepare_one(d, REMOVE, &q, e);
    if (rc == 0) bind_int(q, 1, id);
    if (rc == 0) rc = db_count(d, q, &rows, e);
    stmt_finish(q);
    return rc;
}
