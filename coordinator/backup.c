/* Looks at the place of a backup before it is written. */
#include "coordinator/backup.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/backup.h"
#include "coordinator/store/marks.h"
#include "platform/file_facts.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/state_folder.h"

#include <string.h>

/* One of the two files. */
struct target {
    const char *path;
    enum store_file kind;
    bool force;
    struct file_facts facts;
};

/* Is the path in the folder, or below it? By file, not by name. Both are without links. */
static int is_within(const char *path, const char *folder, bool *out, struct err *e)
{
    struct file_facts wanted, here;
    int rc = file_look(folder, &wanted, e);
    char *at = mem_strdup(path);
    *out = false;
    while (rc == 0) {
        rc = file_look(at, &here, e);
        if (rc == 0 && file_is_same(&here, &wanted)) *out = true;
        char *up = paths_dir(at);
        bool top = *out || str_eq(up, at) || str_eq(up, ".");
        mem_free(at);
        at = up;
        if (top) break;
    }
    mem_free(at);
    return rc;
}

static int check_folder(const char *state, const struct target *t, struct err *e)
{
    char *folder = paths_dir(t->path), *real = file_real_path(folder, e);
    bool within = false;
    int rc = real ? is_within(real, state, &within, e) : e ? e->code : ERR_NOT_FOUND;
    if (rc == 0 && within)
        rc = err_set(e, ERR_EXISTS,
                     "%s is in the state folder %s: a backup belongs elsewhere, best on another "
                     "disk",
                     t->path, state);
    if (rc == 0 && state_folder_owner(real) != STATE_OWNERS)
        rc = err_set(e, ERR_EXISTS,
                     "%s is in a state folder (" STATE_MARKER
                     " or its files say so): a backup belongs elsewhere",
                     t->path);
    mem_free(real);
    mem_free(folder);
    return rc;
}

struct search {
    const char *state;
    const struct target *target;
    bool found;
    int rc;
    struct err *e;
};

static int compare(const char *name, void *user)
{
    struct search *s = user;
    struct file_facts facts;
    char *path = paths_join(s->state, name);
    s->rc = file_look(path, &facts, s->e);
    if (s->rc == 0 && file_is_same(&facts, &s->target->facts)) {
        s->found = true;
        s->rc = err_set(s->e, ERR_EXISTS, "%s is the same file as %s: a backup belongs elsewhere",
                        s->target->path, path);
    }
    mem_free(path);
    return s->rc;
}

/* By another name, a hard link or a link, it may be a file of the coordinator's. */
static int check_sources(const char *state, const struct target *t, struct err *e)
{
    struct search s = {.state = state, .target = t, .e = e};
    int rc = dir_list(state, compare, &s, e);
    return s.rc != 0 ? s.rc : rc < 0 ? rc : 0;
}

/* A log beside it is one of a database that is open, or would be taken for the backup's own. */
static int check_log(const struct target *t, struct err *e)
{
    static const char *const tails[] = {"-wal", "-journal", "-shm"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tails / sizeof *tails; i++) {
        char *log = str_dupf("%s%s", t->path, tails[i]);
        if (file_exists(log) || file_is_link(log))
            rc = err_set(e, ERR_EXISTS,
                         "%s is there, so that %s is a database in use: choose another name", log,
                         t->path);
        mem_free(log);
    }
    return rc;
}

static int check_former(const struct target *t, struct err *e)
{
    enum store_file kind;
    int rc = store_file_kind(t->path, &kind, e);
    if (rc != 0 || kind == t->kind || t->force) return rc;
    return err_set(e, ERR_EXISTS,
                   "%s is there and is not a backup%s: nothing was written. Choose another name, "
                   "or replace it with --force",
                   t->path, t->kind == STORE_FILE_OUTPUT ? " of output" : " of cadre.db");
}

static int check_target(const char *state, struct target *t, struct err *e)
{
    int rc = check_folder(state, t, e);
    if (rc == 0) rc = file_look(t->path, &t->facts, e);
    if (rc == 0) rc = check_log(t, e);
    if (rc != 0) return rc;
    if (t->facts.kind == FILE_IS_ABSENT && !file_is_link(t->path)) return 0;
    if (t->facts.kind == FILE_IS_ABSENT)
        return err_set(e, ERR_EXISTS, "%s is a link that leads nowhere: choose another name",
                       t->path);
    if (t->facts.kind != FILE_IS_REGULAR)
        return err_set(e, ERR_EXISTS, "%s is not a file: choose another name", t->path);
    rc = check_sources(state, t, e);
    return rc == 0 ? check_former(t, e) : rc;
}

static int check_state(const char *state, struct err *e)
{
    struct state_look look;
    int rc = state_folder_look(state, STATE_OF_COORDINATOR, &look, e);
    if (rc == 0 && !look.known)
        rc = err_set(e, ERR_NOT_FOUND,
                     "%s is not a coordinator's state folder: name it with --state", state);
    return rc;
}

/* The files are what there was before it was moved. */
static int check_moved(const char *state, struct err *e)
{
    struct marks m = {0};
    int rc = marks_read_files(state, &m, e);
    if (rc == 0 && m.moved_to)
        rc = err_set(e, ERR_CONFLICT,
                     "the queue of %s was moved to %s, and its files are old: save that database, "
                     "with pg_dump -Fc; docs/scale.md has the restore",
                     state, m.moved_to);
    marks_fini(&m);
    return rc;
}

int backup_make(const char *state, const char *file, bool force, struct store_check *c,
                struct err *e)
{
    char *output = str_dupf("%s.output", file);
    struct target targets[] = {{.path = file, .kind = STORE_FILE_QUEUE, .force = force},
                               {.path = output, .kind = STORE_FILE_OUTPUT, .force = force}};
    int rc = check_state(state, e);
    if (rc == 0) rc = check_moved(state, e);
    for (size_t i = 0; i < 2 && rc == 0; i++)
        rc = check_target(state, &targets[i], e);
    if (rc == 0) rc = store_backup_checked(state, file, c, e);
    mem_free(output);
    return rc;
}
