/* Opening the store and the reader on PostgreSQL. */
#include "coordinator/store/pg_store.h"

#include "coordinator/store/marks.h"
#include "coordinator/store/pg_check.h"
#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/sql_reader.h"
#include "coordinator/store/sql_store.h"

#include "base/mem.h"
#include "base/str.h"

/* Fails, with all that is sent behind it, when the row is another's: the driver then says
 * ERR_FENCED. */
#define OWN                                                                                        \
    "WITH mine AS (UPDATE cadre.owner SET batch = batch + 1 WHERE part = 0 AND epoch = ?1"         \
    " AND batch = ?2 RETURNING 1) SELECT 1 / count(*) FROM mine"

/* ---- tables --------------------------------------------------------------------------------- */

static void back(struct db *d)
{
    if (db_in_transaction(d)) (void)db_run_text(d, "ROLLBACK", NULL);
}

int pg_opening_begin(struct store *s, struct err *e)
{
    int rc = db_run_text(&s->queue, "BEGIN", e);
    return rc == 0 ? store_own(s, e) : rc;
}

int pg_opening_end(struct store *s, int rc, struct err *e)
{
    if (rc == 0) rc = db_run_text(&s->queue, "COMMIT", e);
    if (rc == 0 && s->epoch != 0) s->batch++;
    back(&s->queue);
    return rc;
}

static int take_step(struct store *s, const char *sql, struct err *e)
{
    int rc = pg_opening_begin(s, e);
    if (rc == 0) rc = db_exec(&s->queue, sql, e);
    return pg_opening_end(s, rc, e);
}

static int look_for_tables(struct db *d, int64_t *version, struct err *e)
{
    int64_t there = 0;
    int rc = db_int(d, PG_SCHEMA_LOOK, &there, e);
    *version = 0;
    return rc == 0 && there ? db_int(d, PG_SCHEMA_VERSION, version, e) : rc;
}

/* All steps, for one transaction: nobody finds tables of an older version there. The target of a
 * move is marked as such with its first row. */
static char *all_steps(bool target, int *version)
{
    char *all = pg_schema_step(0, version), *step;
    while ((step = pg_schema_step(*version, version))) {
        char *longer = str_dupf("%s %s", all, step);
        mem_free(all);
        mem_free(step);
        all = longer;
    }
    if (!target) return all;
    char *marked = str_dupf("%s " PG_MARK_UNKNOWN, all);
    mem_free(all);
    return marked;
}

static int make_tables(struct store *s, bool target, int64_t *version, struct err *e)
{
    struct err why = {0};
    int next = 0;
    char *sql = all_steps(target, &next);
    int64_t epoch = s->epoch;
    s->epoch = 0; /* there is no row yet */
    int rc = take_step(s, sql, &why);
    s->epoch = epoch;
    mem_free(sql);
    *version = next;
    if (rc == 0) return 0;
    /* another may have made them at the same time */
    int64_t now = 0;
    if (rc != ERR_UNAVAILABLE && look_for_tables(&s->queue, &now, NULL) == 0 && now > 0) {
        *version = now;
        return 0;
    }
    if (e) *e = why;
    return err_wrap(e, "the tables cannot be made");
}

/* Without the owner's row nothing is changed: a coordinator may be at work there, or the database
 * may be another's. */
static int check_owned(const struct store *s, const struct store_parts *p, int64_t version,
                       struct err *e)
{
    if (s->epoch != 0 || version >= schema_newest()) return 0;
    if (p->end == MOVE_TARGET)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s has tables of an older Cadre (their version is %lld instead of %d): "
                       "nothing is copied into them. Go on with the version that made them, or "
                       "name an empty database",
                       s->queue.path, (long long)version, schema_newest());
    return pg_schema_check(version, e);
}

static int upgrade(struct store *s, int64_t *version, struct err *e)
{
    int rc = 0;
    while (rc == 0 && *version < schema_newest()) {
        int next = 0;
        char *sql = pg_schema_step((int)*version, &next);
        if (!sql) break;
        rc = take_step(s, sql, e);
        mem_free(sql);
        if (rc != 0) err_wrap(e, "upgrade of %s to version %d", s->queue.path, next);
        *version = next;
    }
    return rc;
}

static int bring_tables(struct store *s, const struct store_parts *p, struct err *e)
{
    int64_t version = 0;
    int rc = look_for_tables(&s->queue, &version, e);
    if (rc == 0 && version == 0 && !p->make)
        rc = err_set(e, ERR_NOT_FOUND, PG_NO_TABLES, s->queue.path);
    if (rc == 0 && version == 0) rc = make_tables(s, p->end == MOVE_TARGET, &version, e);
    if (rc == 0) rc = check_owned(s, p, version, e);
    if (rc == 0) rc = upgrade(s, &version, e);
    return rc == 0 ? pg_schema_check(version, e) : rc;
}

/* ---- parts ---------------------------------------------------------------------------------- */

struct part {
    bool there;
    char *id, *ca;
    int64_t mark;
};

static int read_part(struct db *d, const char *sql, struct part *out, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, sql, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1)
        *out = (struct part){.there = true,
                             .id = column_text(q, 0),
                             .mark = column_int(q, 1),
                             .ca = column_text(q, 2)};
    stmt_finish(q);
    return rc < 0 ? rc : 0;
}

static void part_fini(struct part *p)
{
    mem_free(p->id);
    mem_free(p->ca);
}

static int check_ca(const struct db *d, const char *ca, const char *of_database, struct err *e)
{
    if (!ca || !of_database || str_eq(ca, of_database)) return 0;
    return err_set(e, ERR_CONFLICT,
                   "%s belongs to another CA than ca.key and ca.pem of the state folder: every "
                   "coordinator of a database has a copy of the first one's state folder",
                   d->path);
}

static int check_parts(struct store *s, const struct store_parts *p, const struct part *queue,
                       const struct part *output, struct err *e)
{
    if (queue->there != output->there || !str_eq(queue->id, output->id))
        return err_set(e, ERR_CONFLICT,
                       "the schemas cadre and cadre_output of %s are not of one coordinator: "
                       "restore both from one dump",
                       s->queue.path);
    return check_ca(&s->queue, p->ca, queue->ca, e);
}

/* Of two that come at the same time the second one waits, and finds what the first one wrote. */
#define NEW_PARTS                                                                                  \
    "LOCK TABLE cadre.parts IN SHARE ROW EXCLUSIVE MODE;"                                          \
    "INSERT INTO cadre.parts (id, output_mark)"                                                    \
    " SELECT replace(CAST(gen_random_uuid() AS text), '-', ''), 0"                                 \
    " WHERE NOT EXISTS (SELECT 1 FROM cadre.parts);"                                               \
    "INSERT INTO cadre_output.parts (id, output_mark) SELECT id, 0 FROM cadre.parts"               \
    " WHERE NOT EXISTS (SELECT 1 FROM cadre_output.parts);"

static int write_ca(struct db *d, const char *ca, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, "UPDATE cadre.parts SET ca = ?1 WHERE ca IS NULL", &q, e);
    if (rc == 0) bind_text(q, 1, ca);
    if (rc == 0) rc = db_run(d, q, e);
    stmt_finish(q);
    return rc;
}

/* The newest cursor that there ever was. */
static int read_marks(struct store *s, int64_t mark, struct err *e)
{
    int rc = db_int(&s->output,
                    "SELECT coalesce(max(n), 0) FROM (SELECT max(cursor) AS n FROM chunks"
                    " UNION ALL SELECT output_mark FROM cadre_output.parts) x",
                    &s->output_high, e);
    if (rc != 0) return rc;
    if (s->output_high < mark)
        return err_set(e, ERR_CONFLICT,
                       "the schema cadre_output of %s is older than cadre: restore both from one "
                       "dump",
                       s->queue.path);
    s->output_kept = s->output_high;
    s->output_marked = mark;
    return 0;
}

/* *queue, *output: part_fini. */
static int look_at_parts(struct store *s, const struct store_parts *p, struct part *queue,
                         struct part *output, struct err *e)
{
    part_fini(queue);
    part_fini(output);
    *queue = *output = (struct part){0};
    int rc = read_part(&s->queue, "SELECT id, output_mark, ca FROM cadre.parts", queue, e);
    if (rc == 0)
        rc = read_part(&s->output, "SELECT id, output_mark, NULL FROM cadre_output.parts", output,
                       e);
    return rc == 0 ? check_parts(s, p, queue, output, e) : rc;
}

/* Of `init`. The row would be raised unseen by whoever renews it meanwhile. */
static int write_parts(struct store *s, bool introduce, const char *ca, struct err *e)
{
    if (s->epoch != 0)
        return err_set(e, ERR_CONFLICT,
                       "%s was not finished by 'cadre-coordinator init': run it again, with the "
                       "same state folder",
                       s->queue.path);
    int rc = pg_opening_begin(s, e);
    if (rc == 0 && introduce) rc = db_exec(&s->queue, NEW_PARTS, e);
    if (rc == 0 && ca) rc = write_ca(&s->queue, ca, e);
    return pg_opening_end(s, rc, e);
}

static int join_parts(struct store *s, const struct store_parts *p, struct err *e)
{
    struct part queue = {0}, output = {0};
    int rc = look_at_parts(s, p, &queue, &output, e);
    bool introduce = !queue.there, name_ca = p->ca && !queue.ca;
    if (rc == 0 && (introduce || name_ca)) {
        rc = write_parts(s, introduce, name_ca ? p->ca : NULL, e);
        if (rc == 0) rc = look_at_parts(s, p, &queue, &output, e);
    }
    if (rc == 0) rc = read_marks(s, queue.mark, e);
    if (rc == 0) rc = days_open(s, e);
    part_fini(&queue);
    part_fini(&output);
    return rc;
}

/* ---- opening -------------------------------------------------------------------------------- */

/* Statements are sent to be prepared without a wait; what is wrong with one is said here. */
static int check_prepared(struct db *d, struct err *e)
{
    int64_t one;
    return db_int(d, "SELECT 1", &one, e);
}

static int open_store(struct store *s, const struct pg_place *place, const struct store_parts *p,
                      struct err *e)
{
    const struct pg_module *m;
    enum pg_use use = p->end == MOVE_NOT ? PG_WRITER : PG_MOVE;
    int rc = pg_load(place->folder, &m, e);
    if (rc == 0) rc = m->open(&s->queue, &s->output, place, use, e);
    if (rc == 0) rc = pg_check(&s->queue, m, place, e);
    if (rc == 0 && s->epoch != 0) rc = db_prepare_one(&s->queue, OWN, &s->own, e);
    if (rc == 0) rc = bring_tables(s, p, e);
    if (rc == 0 && p->end == MOVE_NOT) rc = marks_check_pg(&s->queue, e);
    if (rc == 0 && p->end != MOVE_TARGET) rc = join_parts(s, p, e);
    if (rc == 0) rc = store_prepare(s, e);
    return rc == 0 ? check_prepared(&s->queue, e) : rc;
}

int store_check_pg(const struct pg_place *place, const char *ca, struct err *e)
{
    const struct pg_module *m;
    struct db d = {0};
    struct part queue = {0};
    int64_t version = 0;
    int rc = pg_load(place->folder, &m, e);
    if (rc == 0) rc = m->open(&d, NULL, place, PG_OWNER, e);
    if (rc == 0) rc = pg_check(&d, m, place, e);
    if (rc == 0) rc = look_for_tables(&d, &version, e);
    if (rc == 0 && version > 0)
        rc = read_part(&d, "SELECT id, output_mark, ca FROM cadre.parts", &queue, e);
    if (rc == 0 && version > 0) rc = marks_check_pg(&d, e);
    if (rc == 0) rc = check_ca(&d, ca, queue.ca, e);
    part_fini(&queue);
    db_close(&d);
    return rc;
}

int store_open_pg(const struct pg_place *place, const struct pg_reign *own, struct store_parts *p,
                  struct store **out, struct err *e)
{
    struct store *s = mem_alloc(sizeof *s);
    changes_init(&s->changes);
    s->together = true;
    if (own) {
        s->epoch = own->epoch;
        s->batch = own->batch;
    }
    int rc = open_store(s, place, p, e);
    if (rc != 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

static int open_reader(struct reader *r, const struct pg_place *place, struct err *e)
{
    const struct pg_module *m;
    int64_t version = 0;
    int rc = pg_load(place->folder, &m, e);
    if (rc == 0) rc = m->open(&r->queue, &r->output, place, PG_READER, e);
    if (rc == 0) rc = look_for_tables(&r->queue, &version, e);
    if (rc == 0 && version == 0) rc = err_set(e, ERR_NOT_FOUND, PG_NO_TABLES, r->queue.path);
    if (rc == 0) rc = pg_schema_check(version, e);
    if (rc == 0) rc = marks_check_pg(&r->queue, e);
    if (rc == 0) rc = reader_prepare(r, e);
    return rc == 0 ? check_prepared(&r->queue, e) : rc;
}

int reader_open_pg(const struct pg_place *place, struct reader **out, struct err *e)
{
    struct reader *r = mem_alloc(sizeof *r);
    int rc = open_reader(r, place, e);
    if (rc != 0) {
        reader_close(r);
        return rc;
    }
    *out = r;
    return 0;
}
