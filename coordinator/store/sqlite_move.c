/* From one to the other.
 *
 * In this order, each step durable before the next: the target is marked as a copy that is not
 * complete, and emptied; the source is marked as moved; the rows are copied; all are counted; the
 * rows of `parts` are copied, and the target's mark goes with them. Both marks together say that
 * the source has not changed since the first row: only then it goes on, else it begins anew. */
#include "coordinator/store/move.h"

#include "coordinator/store/marks.h"
#include "coordinator/store/move_tables.h"
#include "coordinator/store/parts.h"
#include "coordinator/store/pg_load.h"
#include "coordinator/store/pg_store.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_parts.h"
#include "coordinator/store/sqlite_schema.h"

#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>

struct move {
    struct store_move *m;
    struct store *files, *pg;      /* both can be written */
    struct db pg_queue, pg_output; /* a reader's: lists come in blocks */
    struct marks files_marks, pg_marks;
    char *id; /* of the source */
    struct move_tables tables;
};

/* ---- both ends ------------------------------------------------------------------------------ */

static const char *source_name(const struct move *w)
{
    return w->m->to_pg ? w->m->folder : w->m->pg_name;
}

static const char *target_name(const struct move *w)
{
    return w->m->to_pg ? w->m->pg_name : w->m->folder;
}

static struct marks *source_marks(struct move *w)
{
    return w->m->to_pg ? &w->files_marks : &w->pg_marks;
}

static struct marks *target_marks(struct move *w)
{
    return w->m->to_pg ? &w->pg_marks : &w->files_marks;
}

static struct db *files_db(const struct move *w, bool output)
{
    return output ? &w->files->output : &w->files->queue;
}

static struct db *pg_writer(const struct move *w, bool output)
{
    return output ? &w->pg->output : &w->pg->queue;
}

static struct db *pg_reader(struct move *w, bool output)
{
    return output ? &w->pg_output : &w->pg_queue;
}

static struct db *source_db(struct move *w, bool output)
{
    return w->m->to_pg ? files_db(w, output) : pg_reader(w, output);
}

static struct db *target_db(const struct move *w, bool output)
{
    return w->m->to_pg ? pg_writer(w, output) : files_db(w, output);
}

static void say(const struct move *w, char *line)
{
    w->m->say(w->m->user, line);
    mem_free(line);
}

/* ---- marks ---------------------------------------------------------------------------------- */

static int mark_files(struct move *w, const char *name, const char *first, const char *second,
                      struct err *e)
{
    char *text =
        first ? str_dupf("%s\n%s%s", first, second ? second : "", second ? "\n" : "") : NULL;
    int rc = w->m->mark(w->m->user, name, text, e);
    mem_free(text);
    return rc;
}

#define PUT_MARK                                                                                   \
    "INSERT INTO cadre.moves (mark, place, source) VALUES (?1, ?2, ?3) ON CONFLICT (mark)"         \
    " DO UPDATE SET place = excluded.place, source = excluded.source"

/* Within a transaction. */
static int put_row(struct move *w, const char *name, const char *first, const char *second,
                   struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(&w->pg->queue, PUT_MARK, &q, e);
    if (rc == 0) {
        bind_text(q, 1, name);
        bind_text(q, 2, first);
        bind_text(q, 3, second ? second : "");
        rc = db_run(&w->pg->queue, q, e);
    }
    stmt_finish(q);
    return rc;
}

static int mark_pg(struct move *w, const char *name, const char *first, const char *second,
                   struct err *e)
{
    int rc = pg_opening_begin(w->pg, e);
    if (rc == 0) rc = put_row(w, name, first, second, e);
    return pg_opening_end(w->pg, rc, e);
}

static int mark_source(struct move *w, struct err *e)
{
    if (w->m->to_pg) return mark_files(w, MARK_MOVED, target_name(w), NULL, e);
    return mark_pg(w, MARK_MOVED, target_name(w), NULL, e);
}

/* ---- opening -------------------------------------------------------------------------------- */

static int open_pg(struct move *w, struct err *e)
{
    const struct pg_module *module;
    struct store_parts p = {.ca = w->m->to_pg ? NULL : w->m->ca,
                            .make = w->m->to_pg,
                            .end = w->m->to_pg ? MOVE_TARGET : MOVE_SOURCE};
    int64_t alone = 0;
    int rc = store_open_pg(w->m->place, w->m->to_pg ? NULL : &w->m->reign, &p, &w->pg, e);
    if (rc == 0)
        rc = db_int(&w->pg->queue, "SELECT CASE WHEN pg_try_advisory_lock(7433) THEN 1 ELSE 0 END",
                    &alone, e);
    if (rc == 0 && !alone)
        rc =
            err_set(e, ERR_CONFLICT, "another 'migrate-store' is at work on %s", w->pg->queue.path);
    if (rc == 0) rc = pg_load(w->m->place->folder, &module, e);
    if (rc == 0) rc = module->open(&w->pg_queue, &w->pg_output, w->m->place, PG_READER, e);
    /* the other end may take its time over a batch; one that connects again by itself has 30 s */
    if (rc == 0) rc = db_exec(&w->pg_queue, "SET idle_in_transaction_session_timeout = 0", e);
    if (rc == 0) rc = marks_read_pg(&w->pg->queue, &w->pg_marks, e);
    return rc;
}

static int open_files(struct move *w, struct err *e)
{
    struct store_parts p = {.ca = w->m->to_pg ? w->m->ca : NULL,
                            .make = !w->m->to_pg,
                            .end = w->m->to_pg ? MOVE_SOURCE : MOVE_TARGET};
    return store_open_parts(w->m->folder, &p, &w->files, e);
}

static int move_aside(struct move *w, const char *name, struct err *e)
{
    char *path = db_path(w->m->folder, name);
    int rc = db_file_exists(path) ? parts_move_aside(path, e) : 0;
    mem_free(path);
    return rc;
}

/* Files that were moved to PostgreSQL once are of then: they make room. */
static int make_room(struct move *w, struct err *e)
{
    bool queue, output, moved = w->files_marks.moved_to != NULL;
    store_look(w->m->folder, &queue, &output);
    if (!moved && (queue || output)) return 0; /* looked at later */
    int rc = 0;
    if (!w->files_marks.copy_of) rc = mark_files(w, MARK_COPY, source_name(w), w->id, e);
    if (rc == 0 && !w->files_marks.copy_of) {
        w->files_marks.copy_of = mem_strdup(source_name(w));
        w->files_marks.copy_id = mem_strdup(w->id);
    }
    if (rc || !moved) return rc;
    rc = move_aside(w, QUEUE_FILE, e);
    if (rc == 0) rc = move_aside(w, OUTPUT_FILE, e);
    if (rc == 0) rc = mark_files(w, MARK_MOVED, NULL, NULL, e);
    if (rc) return rc;
    mem_free(w->files_marks.moved_to);
    w->files_marks.moved_to = NULL;
    say(w, str_dupf("%s: the files of before the move are cadre.db.aside and output.db.aside",
                    w->m->folder));
    return 0;
}

static int read_id(struct move *w, struct err *e)
{
    struct db *d = w->m->to_pg ? &w->files->queue : &w->pg->queue;
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, w->m->to_pg ? "SELECT id FROM parts" : "SELECT id FROM cadre.parts",
                            &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1) w->id = column_text(q, 0);
    stmt_finish(q);
    if (rc < 0) return rc;
    return w->id ? 0 : err_set(e, ERR_CORRUPT, "%s has no row in its table parts", d->path);
}

/* A copy that is not complete is nothing to be copied. */
static int check_source(struct move *w, struct err *e)
{
    const struct marks *m = source_marks(w);
    if (m->copy_of)
        return err_set(e, ERR_CONFLICT, "%s is itself the beginning of a copy, of %s",
                       source_name(w), m->copy_of);
    if (m->moved_to && !str_eq(m->moved_to, target_name(w)))
        return err_set(e, ERR_CONFLICT, "the queue of %s was moved to %s", source_name(w),
                       m->moved_to);
    return 0;
}

/* Chunks of jobs that are gone are left behind: in PostgreSQL they wait for the end of their table
 * (pg_days.h), in a file nobody would ever delete them. */
static void leave_expired(struct move *w)
{
    for (size_t i = 0; i < w->tables.count; i++) {
        struct move_table *t = &w->tables.items[i];
        if (t->output && str_eq(t->name, "chunks"))
            t->only = "EXISTS (SELECT 1 FROM cadre_output.streams s WHERE s.job = chunks.job)";
    }
}

static int open_both(struct move *w, struct err *e)
{
    int rc = marks_read_files(w->m->folder, &w->files_marks, e);
    if (rc == 0) rc = w->m->to_pg ? open_files(w, e) : open_pg(w, e);
    if (rc == 0) rc = read_id(w, e);
    if (rc == 0) rc = check_source(w, e);
    if (rc == 0 && !w->m->to_pg) rc = make_room(w, e);
    if (rc == 0) rc = w->m->to_pg ? open_pg(w, e) : open_files(w, e);
    if (rc == 0) rc = move_tables_list(&w->files->queue, &w->files->output, &w->tables, e);
    if (rc == 0 && !w->m->to_pg) leave_expired(w);
    return rc;
}

static void close_both(struct move *w)
{
    if (w->pg && !w->m->to_pg) w->m->reign = store_reign(w->pg);
    db_close(&w->pg_queue);
    db_close(&w->pg_output);
    store_close(w->pg);
    store_close(w->files);
    marks_fini(&w->files_marks);
    marks_fini(&w->pg_marks);
    move_tables_fini(&w->tables);
    mem_free(w->id);
}

/* ---- may it begin, or go on? ---------------------------------------------------------------- */

/* The default group is there from the beginning on. */
static int is_empty(struct move *w, bool *out, struct err *e)
{
    *out = true;
    for (size_t i = 0; *out && i < w->tables.count; i++) {
        const struct move_table *t = &w->tables.items[i];
        bool any;
        if (str_eq(t->name, "groups")) continue;
        int rc = move_table_any(t, target_db(w, t->output), &any, e);
        if (rc) return rc;
        *out = !any;
    }
    return 0;
}

static int check_target(struct move *w, bool mine, struct err *e)
{
    const struct marks *m = target_marks(w);
    bool empty;
    if (mine) return 0;
    if (m->copy_of)
        return err_set(e, ERR_CONFLICT, "%s holds the beginning of a copy of another queue, of %s",
                       target_name(w), m->copy_of);
    if (m->moved_to)
        return err_set(e, ERR_CONFLICT,
                       "%s holds a queue that was moved to %s since: name another database, or "
                       "'DROP SCHEMA cadre CASCADE; DROP SCHEMA cadre_output CASCADE' there",
                       target_name(w), m->moved_to);
    int rc = is_empty(w, &empty, e);
    if (rc || empty) return rc;
    if (source_marks(w)->moved_to)
        return err_set(e, ERR_EXISTS, "the queue of %s was moved to %s before; nothing was changed",
                       source_name(w), target_name(w));
    return err_set(e, ERR_CONFLICT, "%s is not empty, and nothing is copied over another queue",
                   target_name(w));
}

static int clear_tables(struct move *w, bool output, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->tables.count; i++)
        if (w->tables.items[i].output == output)
            rc = move_table_clear(&w->tables.items[i], target_db(w, output), e);
    return rc;
}

typedef int change_file(struct move *w, bool output, struct err *e);

/* A transaction of each file. */
static int change_files(struct move *w, bool output_first, change_file *change, struct err *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) {
        bool output = (i == 0) == output_first;
        struct db *d = files_db(w, output);
        rc = db_run_text(d, "BEGIN", e);
        if (rc == 0) rc = change(w, output, e);
        if (rc == 0) rc = db_run_text(d, "COMMIT", e);
        if (rc != 0 && db_in_transaction(d)) (void)db_run_text(d, "ROLLBACK", NULL);
    }
    return rc;
}

/* The target is a copy from now on, of which there is nothing yet. */
static int begin_anew(struct move *w, struct err *e)
{
    int rc;
    if (!w->m->to_pg) {
        rc = mark_files(w, MARK_COPY, source_name(w), w->id, e);
        if (rc == 0) rc = change_files(w, false, clear_tables, e);
        return rc ? rc : mark_source(w, e);
    }
    rc = pg_opening_begin(w->pg, e);
    if (rc == 0) rc = put_row(w, MARK_COPY, source_name(w), w->id, e);
    if (rc == 0) rc = clear_tables(w, false, e);
    if (rc == 0) rc = clear_tables(w, true, e);
    if (rc == 0) rc = db_run_text(&w->pg->queue, PG_DAYS_ANEW, e);
    rc = pg_opening_end(w->pg, rc, e);
    return rc ? rc : mark_source(w, e);
}

static int begin(struct move *w, struct err *e)
{
    const struct marks *m = target_marks(w);
    bool mine = m->copy_id && (!m->copy_id[0] || str_eq(m->copy_id, w->id));
    int rc = check_target(w, mine, e);
    if (rc) return rc;
    w->m->resumed = mine && m->copy_id[0] && source_marks(w)->moved_to;
    if (!w->m->resumed) return begin_anew(w, e);
    say(w, str_dupf("going on with the copy that was begun"));
    return 0;
}

/* ---- copying -------------------------------------------------------------------------------- */

static int copy_all(struct move *w, struct err *e)
{
    for (size_t i = 0; i < w->tables.count; i++) {
        const struct move_table *t = &w->tables.items[i];
        int64_t rows;
        int rc = move_table_copy(t, source_db(w, t->output), target_db(w, t->output), &rows, e);
        if (rc) return err_wrap(e, "the table %s", t->name);
        if (rows > 0) say(w, str_dupf("%s: %" PRId64 " rows copied", t->name, rows));
    }
    return 0;
}

static int count_all(struct move *w, struct err *e)
{
    w->m->rows = 0;
    for (size_t i = 0; i < w->tables.count; i++) {
        const struct move_table *t = &w->tables.items[i];
        int64_t here, there;
        int rc = move_table_count(t, files_db(w, t->output), &here, e);
        if (rc == 0) rc = move_table_count(t, pg_reader(w, t->output), &there, e);
        if (rc) return err_wrap(e, "the table %s", t->name);
        if (here != there)
            return err_set(e, ERR_INTERNAL,
                           "the table %s has %" PRId64 " rows in %s and %" PRId64 " in %s", t->name,
                           here, w->m->folder, there, w->m->pg_name);
        w->m->rows += there;
    }
    say(w, str_dupf("%" PRId64 " rows of %zu tables, the same at both ends", w->m->rows,
                    w->tables.count));
    return 0;
}

/* ---- the end -------------------------------------------------------------------------------- */

struct part_sql {
    const char *files, *pg;
    int texts, columns; /* the first ones are texts */
    const char *remove_files, *remove_pg, *add_files, *add_pg;
};
#define QUEUE_COLUMNS "id, ca, output_mark"
#define OUTPUT_COLUMNS "id, output_mark, lost_ms, lost_cursor"
static const struct part_sql part_sql[] = {
    {.files = "SELECT " QUEUE_COLUMNS " FROM parts",
     .pg = "SELECT " QUEUE_COLUMNS " FROM cadre.parts",
     .texts = 2,
     .columns = 3,
     .remove_files = "DELETE FROM parts",
     .remove_pg = "DELETE FROM cadre.parts",
     .add_files = "INSERT INTO parts (" QUEUE_COLUMNS ") VALUES (?1, ?2, ?3)",
     .add_pg = "INSERT INTO cadre.parts (" QUEUE_COLUMNS ") VALUES (?1, ?2, ?3)"},
    {.files = "SELECT " OUTPUT_COLUMNS " FROM parts",
     .pg = "SELECT " OUTPUT_COLUMNS " FROM cadre_output.parts",
     .texts = 1,
     .columns = 4,
     .remove_files = "DELETE FROM parts",
     .remove_pg = "DELETE FROM cadre_output.parts",
     .add_files = "INSERT INTO parts (" OUTPUT_COLUMNS ") VALUES (?1, ?2, ?3, ?4)",
     .add_pg = "INSERT INTO cadre_output.parts (" OUTPUT_COLUMNS ") VALUES (?1, ?2, ?3, ?4)"},
};

static int add_part(const struct part_sql *p, struct stmt *row, struct db *to, const char *add,
                    struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(to, add, &q, e);
    for (int i = 0; rc == 0 && i < p->columns; i++) {
        if (i < p->texts)
            bind_text(q, i + 1, column_str(row, i));
        else
            bind_int(q, i + 1, column_int(row, i));
    }
    if (rc == 0) rc = db_run(to, q, e);
    stmt_finish(q);
    return rc;
}

/* In place of the target's own; within its transaction. */
static int copy_part(struct move *w, bool output, struct err *e)
{
    const struct part_sql *p = &part_sql[output];
    struct db *from = source_db(w, output), *to = target_db(w, output);
    struct stmt *row = NULL;
    int rc = db_run_text(to, w->m->to_pg ? p->remove_pg : p->remove_files, e);
    if (rc == 0) rc = db_prepare_one(from, w->m->to_pg ? p->files : p->pg, &row, e);
    if (rc == 0) rc = db_step(from, row, e);
    if (rc == 1) rc = add_part(p, row, to, w->m->to_pg ? p->add_pg : p->add_files, e);
    stmt_finish(row);
    return rc;
}

static int end(struct move *w, struct err *e)
{
    int rc;
    if (!w->m->to_pg) {
        rc = change_files(w, true, copy_part, e);
        return rc ? rc : mark_files(w, MARK_COPY, NULL, NULL, e);
    }
    rc = pg_opening_begin(w->pg, e);
    if (rc == 0) rc = copy_part(w, false, e);
    if (rc == 0) rc = copy_part(w, true, e);
    if (rc == 0)
        rc = db_run_text(&w->pg->queue, "DELETE FROM cadre.moves WHERE mark = '" MARK_COPY "'", e);
    return pg_opening_end(w->pg, rc, e);
}

int store_move(struct store_move *m, struct err *e)
{
    struct move w = {.m = m};
    int rc = open_both(&w, e);
    if (rc == 0) rc = begin(&w, e);
    if (rc == 0) rc = copy_all(&w, e);
    if (rc == 0) rc = count_all(&w, e);
    if (rc == 0) rc = end(&w, e);
    close_both(&w);
    return rc;
}
