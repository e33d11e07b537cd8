/* Opening the reader's connections to the files of a state folder. */
#include "coordinator/store/sql_reader.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sqlite_schema.h"

#include "base/mem.h"

static int open_file(struct db *d, const char *folder, enum schema which, struct err *e)
{
    bool queue = which == SCHEMA_QUEUE;
    char *path = db_path(folder, queue ? QUEUE_FILE : OUTPUT_FILE);
    int rc = db_open(d, path, DB_READER, e);
    mem_free(path);
    if (rc == 0) rc = schema_check(d, which, e);
    return rc ? rc : db_exec(d, "PRAGMA cache_size=-4096", e);
}

int reader_open(const char *state_folder, struct reader **out, struct err *e)
{
    struct reader *r = mem_alloc(sizeof *r);
    int rc = open_file(&r->queue, state_folder, SCHEMA_QUEUE, e);
    if (rc == 0) rc = open_file(&r->output, state_folder, SCHEMA_OUTPUT, e);
    if (rc == 0) rc = reader_prepare(r, e);
    if (rc != 0) {
        reader_close(r);
        return rc;
    }
    *out = r;
    return 0;
}
