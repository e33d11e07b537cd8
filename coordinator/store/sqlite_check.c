/* What a check finds, and what it cannot: docs/guarantees.md says it. */
#include "coordinator/store/sqlite_check.h"

#include "coordinator/store/sql_rows.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

/* Chunks that are looked at in one read: a longer one would hold back the log's reuse. */
#define CHUNKS_AT_ONCE 1000

/* Each row of the query is a fault, but for "ok". */
static int tell_rows(struct store_check *c, struct db *d, const char *sql, struct err *e)
{
    struct stmt *q = NULL;
    int rc = db_prepare_one(d, sql, &q, NULL), step = 0;
    while (rc == 0 && (step = db_step(d, q, NULL)) == 1) {
        const char *text = column_str(q, 0);
        if (!str_eq(text, "ok")) check_tell(c, d, text ? text : "damaged");
    }
    if (rc != 0 || step < 0) rc = check_failed(c, d, e);
    stmt_finish(q);
    return rc;
}

/* ---- cadre.db ------------------------------------------------------------------------------- */

static const char *const counts[] = {
    "SELECT 'a job has no state: ' || id FROM jobs WHERE id NOT IN (SELECT id FROM job_states)"
    " LIMIT 20",
    "SELECT 'a state has no job: ' || id FROM job_states WHERE id NOT IN (SELECT id FROM jobs)"
    " LIMIT 20",
    "SELECT 'the number of open jobs kept for group ''' || group_key || ''' is wrong' FROM ("
    "SELECT group_key, requires_id, created, submitted, running, killing, retrying FROM job_counts"
    " WHERE created OR submitted OR running OR killing OR retrying"
    " EXCEPT SELECT group_key, requires_id, sum(state = 0), sum(state = 1), sum(state = 2),"
    " sum(state = 3), sum(state = 4) FROM job_states WHERE state < 5"
    " GROUP BY group_key, requires_id) LIMIT 20",
};

/* ---- output.db ------------------------------------------------------------------------------ */

static void tell_chunk(struct store_check *c, const struct db *d, const struct chunk *chunk)
{
    if (c->damaged_chunks++ >= STORE_CHECK_TOLD || !c->say) return;
    char id[ID_TEXT_SIZE];
    id_format(chunk->job, id);
    char *sentence =
        str_dupf("%s: chunk %lld is damaged: %zu bytes of attempt %lld of job %s", d->path,
                 (long long)chunk->cursor, chunk->len, (long long)chunk->attempt, id);
    c->say(sentence, c->user);
    mem_free(sentence);
}

static void take(struct store_check *c, const struct db *d, struct stmt *q, struct chunk *chunk)
{
    *chunk = (struct chunk){.cursor = column_int(q, 0),
                            .job = column_int(q, 1),
                            .attempt = column_int(q, 2),
                            .stream = (int)column_int(q, 3),
                            .offset = column_int(q, 4),
                            .at_ms = column_int(q, 5),
                            .data = column_blob(q, 7),
                            .len = column_bytes(q, 7)};
    if (column_is_null(q, 6)) return; /* of a version without */
    c->chunks++;
    if (column_int(q, 6) != chunk_sum(chunk)) tell_chunk(c, d, chunk);
}

static int check_chunks(struct store_check *c, struct db *d, struct err *e)
{
    static const char sql[] = "SELECT cursor, job, attempt, stream, offset, at_ms, sum, data"
                              " FROM chunks WHERE cursor > ?1 ORDER BY cursor LIMIT ?2";
    struct stmt *q = NULL;
    struct chunk chunk = {.cursor = 0};
    int rc = db_prepare_one(d, sql, &q, NULL);
    for (int seen = CHUNKS_AT_ONCE; seen == CHUNKS_AT_ONCE && rc == 0;) {
        bind_int(q, 1, chunk.cursor);
        bind_int(q, 2, CHUNKS_AT_ONCE);
        for (seen = 0; (rc = db_step(d, q, NULL)) == 1; seen++)
            take(c, d, q, &chunk);
    }
    if (rc != 0) rc = check_failed(c, d, e);
    stmt_finish(q);
    return rc;
}

int check_file(struct db *d, enum schema which, struct store_check *c, struct err *e)
{
    int64_t pages = 0;
    int rc = db_int(d, "PRAGMA page_count", &pages, NULL);
    c->pages += rc == 0 ? pages : 0;
    rc = tell_rows(c, d, "PRAGMA integrity_check(20)", e);
    if (which == SCHEMA_OUTPUT) return rc == 0 ? check_chunks(c, d, e) : rc;
    for (size_t i = 0; rc == 0 && i < sizeof counts / sizeof *counts; i++)
        rc = tell_rows(c, d, counts[i], e);
    return rc == 0 ? check_blocks(c, d, e) : rc;
}

static int check_named(const char *folder, enum schema which, struct store_check *c, struct err *e)
{
    struct db d = {0};
    char *path = db_path(folder, which == SCHEMA_QUEUE ? QUEUE_FILE : OUTPUT_FILE);
    int rc = db_open(&d, path, DB_READER, e);
    if (rc == 0) rc = schema_check(&d, which, e);
    if (rc == ERR_CORRUPT && sqlite_handle(&d)) {
        check_tell(c, &d, "damaged, or not the expected file");
        rc = 0;
    } else if (rc == 0) {
        rc = check_file(&d, which, c, e);
    }
    db_close(&d);
    mem_free(path);
    return rc;
}

int store_check(const char *state_folder, struct store_check *c, struct err *e)
{
    c->pages = c->chunks = c->faults = c->index_faults = c->damaged_chunks = 0;
    int rc = check_named(state_folder, SCHEMA_QUEUE, c, e);
    return rc == 0 ? check_named(state_folder, SCHEMA_OUTPUT, c, e) : rc;
}
