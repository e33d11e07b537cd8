/* What the two files know of each other.
 *
 * Both have one row in the table `parts`. The id is made once, by whoever finds that neither file
 * has one; output.db gets it first, so that after a death in between cadre.db takes it over.
 *
 * How much output there was: the cursor of the newest chunk that cadre.db knows of. Each commit
 * that changes both files writes it (output.db is committed first). The cursor of a chunk that is
 * deleted is kept in output.db, in the transaction that deletes it. So output.db never has less
 * than cadre.db knows of, unless it was replaced by an older one. */
#include "coordinator/store/sql_part_sql.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/sqlite_parts.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define ID_SIZE 33

struct part {
    bool there; /* it has the row */
    char id[ID_SIZE];
    char ca[2 * 32 + 1]; /* cadre.db only; "": none yet */
    int64_t mark;
};

static void copy_text(char *to, size_t size, struct stmt *q, int at)
{
    const char *text = column_str(q, at);
    if (!text || str_copy(to, size, text) != 0) to[0] = '\0';
}

static int read_part(struct db *d, const char *sql, struct part *out, struct err *e)
{
    struct stmt *q = NULL;
    *out = (struct part){0};
    int rc = db_prepare_one(d, sql, &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    if (rc == 1) {
        out->there = true;
        copy_text(out->id, sizeof out->id, q, 0);
        copy_text(out->ca, sizeof out->ca, q, 1);
        out->mark = column_int(q, 2);
    }
    stmt_finish(q);
    return rc < 0 ? rc : 0;
}

static int read_high(struct db *output, int64_t *high, struct err *e)
{
    return db_int(output, OUTPUT_HIGH, high, e);
}

/* n: negative: the statement has no second parameter. */
static int write_row(struct db *d, const char *sql, const char *text, int64_t n, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, sql, &q, e);
    if (rc == 0) bind_text(q, 1, text);
    if (rc == 0 && n >= 0) bind_int(q, 2, n);
    if (rc == 0) rc = db_run(d, q, e);
    stmt_finish(q);
    return rc;
}

static void fresh_id(char id[ID_SIZE])
{
    unsigned char bytes[(ID_SIZE - 1) / 2];
    sqlite3_randomness(sizeof bytes, bytes);
    str_hex(id, bytes, sizeof bytes);
}

#define RESTORE                                                                                    \
    "put FILE and FILE.output of one backup back as cadre.db and output.db. With 'run "            \
    "--without-output' it starts with none of the old output"

static int refuse_pair(const struct store *s, const char *what, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "%s %s: " RESTORE, s->output.path, what);
}

/* New files of `init`, and those of versions that had no ids. */
static int introduce(struct store *s, struct part *queue, struct part *output, struct err *e)
{
    int rc = 0;
    if (!output->there) {
        if (queue->there)
            memcpy(output->id, queue->id, sizeof output->id);
        else
            fresh_id(output->id);
        rc = write_row(&s->output, PART_NEW, output->id, queue->mark, e);
    }
    if (rc == 0 && !queue->there) {
        memcpy(queue->id, output->id, sizeof queue->id);
        rc = write_row(&s->queue, PART_NEW, queue->id, 0, e);
    }
    queue->there = output->there = true;
    return rc;
}

int parts_check_ca(struct store *s, const struct store_parts *p, struct err *e)
{
    struct part queue;
    int rc = read_part(&s->queue, QUEUE_PART, &queue, e);
    if (rc != 0 || !p->ca || !queue.ca[0] || str_eq(queue.ca, p->ca)) return rc;
    return err_set(
        e, ERR_CONFLICT,
        "%s belongs to another CA than ca.key and ca.pem beside it: put the files of one "
        "coordinator together (a backup of the database, and your copy of ca.key and "
        "ca.pem)",
        s->queue.path);
}

int parts_join(struct store *s, const struct store_parts *p, bool new_output, struct err *e)
{
    struct part queue, output;
    int rc = read_part(&s->queue, QUEUE_PART, &queue, e);
    if (rc == 0) rc = read_part(&s->output, OUTPUT_PART, &output, e);
    if (rc == 0 && queue.there && !output.there && !new_output)
        return refuse_pair(s, "is not the one of cadre.db beside it", e);
    if (rc == 0 && (!queue.there || !output.there)) rc = introduce(s, &queue, &output, e);
    if (rc == 0 && !str_eq(queue.id, output.id))
        return refuse_pair(s, "is not the one of cadre.db beside it", e);
    if (rc == 0 && p->ca && !queue.ca[0]) rc = write_row(&s->queue, PART_CA, p->ca, -1, e);
    if (rc == 0) rc = read_high(&s->output, &s->output_high, e);
    if (rc == 0 && s->output_high < queue.mark)
        return refuse_pair(s, "is older than cadre.db beside it", e);
    s->output_kept = s->output_high;
    s->output_marked = queue.mark;
    return rc;
}

/* The line that jobs of before get has a cursor of its own, behind all that there were. */
int parts_note_loss(struct store *s, int64_t now_ms, struct err *e)
{
    char sql[160];
    sqlite3_snprintf(sizeof sql, sql,
                     "UPDATE parts SET lost_ms = %lld, lost_cursor = %lld, output_mark = %lld",
                     (long long)now_ms, (long long)s->output_high + 1,
                     (long long)s->output_high + 1);
    int rc = db_exec(&s->output, sql, e);
    if (rc == 0) s->output_kept = ++s->output_high;
    return rc;
}

/* ---- the marks of a running store ----------------------------------------------------------- */

int parts_commit_output(struct store *s, struct err *e)
{
    if (!s->output_cut) return 0;
    struct stmt *q = store_output(s, O_MARK);
    bind_int(q, 1, s->output_high);
    return db_run(&s->output, q, e);
}

int parts_commit_queue(struct store *s, struct err *e)
{
    if (s->output_high == s->output_marked) return 0;
    struct stmt *q = store_queue(s, Q_MARK);
    bind_int(q, 1, s->output_high);
    return db_run(&s->queue, q, e);
}

void parts_settle(struct store *s, bool queue_changed)
{
    s->output_kept = s->output_high;
    s->output_cut = false;
    if (queue_changed) s->output_marked = s->output_high;
}

void parts_forget(struct store *s)
{
    s->output_high = s->output_kept;
    s->output_cut = false;
}

/* ---- moving aside --------------------------------------------------------------------------- */

/* To the first free one of output.db.aside, output.db.aside.2, ... */
int parts_move_aside(const char *path, struct err *e)
{
    static const char *const tails[] = {"-wal", "-shm", ""};
    char *to = str_dupf("%s.aside", path);
    for (int n = 2; db_file_exists(to); n++) {
        mem_free(to);
        to = str_dupf("%s.aside.%d", path, n);
    }
    int rc = 0;
    for (size_t i = 0; i < 3 && rc == 0; i++) {
        char *from = str_dupf("%s%s", path, tails[i]), *name = str_dupf("%s%s", to, tails[i]);
        if (db_file_exists(from) && rename(from, name) != 0)
            rc = err_set(e, ERR_IO, "%s cannot be renamed to %s", from, name);
        mem_free(name);
        mem_free(from);
    }
    mem_free(to);
    return rc;
}

void store_look(const char *state_folder, bool *queue, bool *output)
{
    char *a = db_path(state_folder, QUEUE_FILE), *b = db_path(state_folder, OUTPUT_FILE);
    *queue = db_file_exists(a);
    *output = db_file_exists(b);
    mem_free(a);
    mem_free(b);
}
