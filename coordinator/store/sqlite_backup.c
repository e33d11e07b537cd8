/* Backup, and telling what a file is. */
#include "coordinator/store/backup.h"

#include "coordinator/store/sqlite_check.h"
#include "coordinator/store/sqlite_schema.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* https://sqlite.org/fileformat2.html, section 1.3 */
#define HEAD_BYTES 100
#define HEAD_MAGIC "SQLite format 3"
#define HEAD_APPLICATION 68

static int copy_pages(struct db *from, struct db *to, struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(sqlite_handle(to), "main", sqlite_handle(from), "main");
    if (!b) return db_fail(to, e);
    /* All pages in one step: one consistent moment. The writer goes on meanwhile, into its log. */
    sqlite3_backup_step(b, -1);
    int rc = sqlite3_backup_finish(b);
    return rc == SQLITE_OK ? 0 : db_fail(to, e);
}

/* A copy that has not got its name yet. */
struct draft {
    char *path;                /* mem_free */
    struct store_check *check; /* NULL: not wanted */
};

static int check_copy(struct db *copy, enum schema which, struct store_check *c, struct err *e)
{
    int rc = c ? check_file(copy, which, c, e) : 0;
    if (rc != 0 || !c || c->faults == 0) return rc;
    return err_set(e, ERR_CORRUPT,
                   "the database is damaged, nothing was written, and a former backup stays: see "
                   "'cadre-coordinator check', and docs/guide.md on how to restore");
}

/* A file of its own name beside `path`. */
static int copy_file(const char *folder, enum schema which, const char *path, struct draft *out,
                     struct err *e)
{
    struct db from = {0}, to = {0};
    char *source = db_path(folder, which == SCHEMA_QUEUE ? QUEUE_FILE : OUTPUT_FILE);
    int rc = db_open(&from, source, DB_READER, e);
    if (rc == 0) rc = schema_check(&from, which, e);
    if (rc == 0) rc = db_draft(path, &out->path, e);
    if (rc == 0) rc = db_open(&to, out->path, DB_MAKER, e);
    if (rc == 0) rc = copy_pages(&from, &to, e);
    if (rc == 0) rc = check_copy(&to, which, out->check, e);
    db_close(&to);
    db_close(&from);
    mem_free(source);
    return rc;
}

static int give_name(const char *draft, const char *path, struct err *e)
{
    if (rename(draft, path) == 0) return 0;
    /* Windows does not replace */
    if (errno == EEXIST && remove(path) == 0 && rename(draft, path) == 0) return 0;
    return err_set(e, ERR_IO, "%s cannot be renamed to %s", draft, path);
}

static int make_backup(const char *folder, const char *path, struct store_check *c, struct err *e)
{
    char *output_path = str_dupf("%s.output", path);
    struct draft queue = {.check = c}, output = {.check = c};
    /* The queue first: the output copied after it has all that its results speak of. */
    int rc = copy_file(folder, SCHEMA_QUEUE, path, &queue, e);
    if (rc == 0) rc = copy_file(folder, SCHEMA_OUTPUT, output_path, &output, e);
    if (rc == 0) rc = give_name(output.path, output_path, e);
    if (rc == 0) rc = give_name(queue.path, path, e);
    if (rc != 0 && queue.path) remove(queue.path);
    if (rc != 0 && output.path) remove(output.path);
    mem_free(queue.path);
    mem_free(output.path);
    mem_free(output_path);
    return rc;
}

int store_backup(const char *state_folder, const char *path, struct err *e)
{
    return make_backup(state_folder, path, NULL, e);
}

int store_backup_checked(const char *state_folder, const char *path, struct store_check *c,
                         struct err *e)
{
    c->pages = c->chunks = c->faults = c->index_faults = c->damaged_chunks = 0;
    return make_backup(state_folder, path, c, e);
}

/* By SQLite's own file functions, which take UTF-8 everywhere, but without its locks and logs. */
static int read_head(const char *path, unsigned char head[HEAD_BYTES], struct err *e)
{
    struct sqlite s = {0};
    struct db d = {.connection = (struct db_connection *)&s, .path = mem_strdup(path)};
    sqlite3_file *file = NULL;
    int rc = sqlite3_open_v2(path, &s.handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (!s.handle) mem_exhausted();
    if (rc == SQLITE_OK)
        rc = sqlite3_file_control(s.handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    int result = rc == SQLITE_OK && file && file->pMethods ? 0 : db_fail(&d, e);
    if (result == 0) {
        rc = file->pMethods->xRead(file, head, HEAD_BYTES, 0);
        /* a shorter file is filled up with zeros */
        if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
            result = err_set(e, ERR_IO, "%s: cannot be read (code %d)", path, rc);
    }
    sqlite3_close(s.handle);
    mem_free(d.path);
    return result;
}

int store_file_kind(const char *path, enum store_file *out, struct err *e)
{
    unsigned char head[HEAD_BYTES] = {0};
    int rc = read_head(path, head, e);
    if (rc != 0) return rc;
    const unsigned char *a = head + HEAD_APPLICATION;
    int application =
        (int)((uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]);
    *out = STORE_FILE_OTHER;
    if (memcmp(head, HEAD_MAGIC, sizeof HEAD_MAGIC) != 0) return 0;
    if (application == schema_application(SCHEMA_QUEUE)) *out = STORE_FILE_QUEUE;
    if (application == schema_application(SCHEMA_OUTPUT)) *out = STORE_FILE_OUTPUT;
    return 0;
}
