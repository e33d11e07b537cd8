/* Reading marks. */
#include "coordinator/store/marks.h"

#include "coordinator/store/sqlite_db.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void marks_fini(struct marks *m)
{
    mem_free(m->moved_to);
    mem_free(m->copy_of);
    mem_free(m->copy_id);
    *m = (struct marks){0};
}

/* ---- files ---------------------------------------------------------------------------------- */

static char *read_line(FILE *f)
{
    char line[MARK_BYTES_MOST] = "";
    if (!fgets(line, sizeof line, f)) line[0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return mem_strdup(line);
}

/* second NULL: there is one line. */
static int read_file(const char *folder, const char *name, char **first, char **second,
                     struct err *e)
{
    char *path = str_dupf("%s/%s", folder, name);
    bool there = db_file_exists(path); /* which takes UTF-8 everywhere */
    FILE *f = there ? fopen(path, "r") : NULL;
    int rc = 0;
    if (f) {
        *first = read_line(f);
        if (second) *second = read_line(f);
        fclose(f);
    } else if (there) {
        rc = err_set(e, ERR_IO, "%s cannot be read: %s", path, strerror(errno));
    }
    mem_free(path);
    return rc;
}

int marks_read_files(const char *folder, struct marks *out, struct err *e)
{
    *out = (struct marks){0};
    int rc = read_file(folder, MARK_MOVED, &out->moved_to, NULL, e);
    return rc ? rc : read_file(folder, MARK_COPY, &out->copy_of, &out->copy_id, e);
}

int marks_check_files(const char *folder, struct err *e)
{
    struct marks m;
    int rc = marks_read_files(folder, &m, e);
    if (rc == 0 && m.copy_of)
        rc = err_set(e, ERR_CONFLICT,
                     "the databases of %s are the beginning of a copy: "
                     "'cadre-coordinator migrate-store --to sqlite' goes on with it",
                     folder);
    else if (rc == 0 && m.moved_to)
        rc = err_set(e, ERR_CONFLICT,
                     "the queue of %s was moved to %s: name that as 'store'. To go on with the old "
                     "one instead, remove %s/" MARK_MOVED,
                     folder, m.moved_to, folder);
    marks_fini(&m);
    return rc;
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void take_row(struct stmt *q, struct marks *out)
{
    const char *mark = column_str(q, 0);
    if (str_eq(mark, MARK_MOVED) && !out->moved_to) out->moved_to = column_text(q, 1);
    if (!str_eq(mark, MARK_COPY) || out->copy_of) return;
    out->copy_of = column_text(q, 1);
    out->copy_id = column_text(q, 2);
}

int marks_read_pg(struct db *d, struct marks *out, struct err *e)
{
    struct stmt *q = NULL;
    *out = (struct marks){0};
    int rc = db_prepare_one(d, "SELECT mark, place, source FROM cadre.moves", &q, e);
    if (rc == 0) rc = db_step(d, q, e);
    for (; rc == 1; rc = db_step(d, q, e))
        take_row(q, out);
    stmt_finish(q);
    return rc;
}

int marks_check_pg(struct db *d, struct err *e)
{
    struct marks m;
    int rc = marks_read_pg(d, &m, e);
    if (rc == 0 && m.copy_of)
        rc = err_set(e, ERR_CONFLICT,
                     "%s holds the beginning of a copy: 'cadre-coordinator migrate-store' goes on "
                     "with it",
                     d->path);
    else if (rc == 0 && m.moved_to)
        rc = err_set(e, ERR_CONFLICT,
                     "the queue of %s was moved to %s: coordinators use that one. To go on with "
                     "the old one instead, 'DELETE FROM cadre.moves' there",
                     d->path, m.moved_to);
    marks_fini(&m);
    return rc;
}
