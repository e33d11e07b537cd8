/* The marker of state folders, and the files that tell folders without one. */
#include "platform/state_folder.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/file_facts.h"
#include "platform/paths.h"

#include <string.h>

#define MARKER_MAX_BYTES 1024
#define NAME_SIZE 80
#define DONE "complete"

static const struct {
    const char *word;  /* the first line of the marker */
    const char *whose; /* "is a coordinator's state folder" */
    const char *busy;  /* before the path, when the lock is taken */
} owners[STATE_OWNERS] = {
    {"coordinator", "a coordinator's", "a coordinator is running already on"},
    {"agent", "an agent's", "another agent uses the state folder"},
    {"dev", "a trial's ('cadre-coordinator dev')", "'cadre-coordinator dev' runs already in"},
};

/* Files that only one program makes; one that ends in '*' stands for all names that begin so. */
static const struct {
    const char *name;
    enum state_owner owner;
} told_by[] = {
    {"ca.key", STATE_OF_COORDINATOR},     {"cadre.db*", STATE_OF_COORDINATOR},
    {"output.db*", STATE_OF_COORDINATOR}, {"server.key", STATE_OF_COORDINATOR},
    {"server.pem", STATE_OF_COORDINATOR}, {"admin.token", STATE_OF_COORDINATOR},
    {"agent.key*", STATE_OF_AGENT},       {"agent.pem", STATE_OF_AGENT},
    {"identity.json", STATE_OF_AGENT},    {"journal.db*", STATE_OF_AGENT},
};

/* Files that say nothing: both programs make them, people put them beside, or a mount has them. A
 * certificate of a CA without anything else is somebody's all the same. */
static const char *const tell_nothing[] = {
    STATE_MARKER,       "lock",       "port",    "names", "work", "agent.yaml",
    "coordinator.yaml", "lost+found", ".cadre-*"};

/* What lies in a folder. */
struct content {
    char found[STATE_OWNERS][NAME_SIZE]; /* a file that tells the owner; "": none */
    char foreign[NAME_SIZE];
    bool ca; /* ca.pem, which both have */
    size_t entries;
};

static bool fits(const char *pattern, const char *name)
{
    size_t len = strlen(pattern);
    if (len > 0 && pattern[len - 1] == '*') return strncmp(pattern, name, len - 1) == 0;
    return str_eq(pattern, name);
}

/* A long name is cut: it is for a message only. */
static void keep_name(char out[NAME_SIZE], const char *name)
{
    size_t n = strlen(name) < NAME_SIZE ? strlen(name) : str_utf8_whole(name, NAME_SIZE - 1);
    memcpy(out, name, n);
    out[n] = '\0';
}

static int sort_in(const char *name, void *user)
{
    struct content *c = user;
    c->entries++;
    if (str_eq(name, "ca.pem")) {
        c->ca = true;
        return 0;
    }
    for (size_t i = 0; i < sizeof told_by / sizeof *told_by; i++) {
        if (!fits(told_by[i].name, name)) continue;
        keep_name(c->found[told_by[i].owner], name);
        return 0;
    }
    for (size_t i = 0; i < sizeof tell_nothing / sizeof *tell_nothing; i++)
        if (fits(tell_nothing[i], name)) return 0;
    keep_name(c->foreign, name);
    return 0;
}

/* *owner: STATE_OWNERS when there is no marker. */
static int read_marker(const char *folder, enum state_owner *owner, bool *done, struct err *e)
{
    char *path = paths_join(folder, STATE_MARKER);
    struct buf text;
    buf_init(&text, MARKER_MAX_BYTES + 1);
    *owner = STATE_OWNERS;
    *done = false;
    int rc = file_read_no_link(path, MARKER_MAX_BYTES, &text, e);
    if (rc == ERR_NOT_FOUND) {
        rc = 0;
    } else if (rc == 0) {
        size_t len = text.data ? strcspn(text.data, "\r\n") : 0;
        for (int i = 0; i < STATE_OWNERS; i++)
            if (len == strlen(owners[i].word) && memcmp(text.data, owners[i].word, len) == 0)
                *owner = (enum state_owner)i;
        *done = text.data && strstr(text.data, "\n" DONE "\n");
        if (*owner == STATE_OWNERS)
            rc = err_set(e, ERR_CORRUPT,
                         "%s does not say whose folder this is: it is damaged, or of a newer "
                         "Cadre. Its first line is to be 'coordinator' or 'agent'",
                         path);
    }
    buf_fini(&text);
    mem_free(path);
    return rc;
}

static int refuse_other(const char *path, enum state_owner owner, enum state_owner other,
                        const char *by, struct err *e)
{
    return err_set(e, ERR_DENIED,
                   "%s is %s state folder (%s), not %s: choose another one with --state (both "
                   "programs read CADRE_STATE)",
                   path, owners[other].whose, by, owners[owner].whose);
}

static int refuse_both(const char *path, const char *a, const char *b, struct err *e)
{
    return err_set(e, ERR_DENIED,
                   "%s holds files of a coordinator and of an agent (%s, %s): move the files of "
                   "one of them into a folder of its own",
                   path, a, b);
}

/* What the names in the folder say. */
static int judge(const char *path, enum state_owner owner, const struct content *c, bool marked,
                 bool *known, struct err *e)
{
    *known = marked || c->found[owner][0];
    for (int i = 0; i < STATE_OWNERS; i++) {
        if (i == (int)owner || !c->found[i][0]) continue;
        if (*known)
            return refuse_both(path, c->found[owner][0] ? c->found[owner] : STATE_MARKER,
                               c->found[i], e);
        return refuse_other(path, owner, (enum state_owner)i, c->found[i], e);
    }
    if (*known) return 0;
    /* the coordinator has its own words for a certificate without its key */
    const char *foreign = c->foreign[0]                            ? c->foreign
                          : c->ca && owner != STATE_OF_COORDINATOR ? "ca.pem"
                                                                   : NULL;
    if (!foreign) return 0;
    return err_set(e, ERR_DENIED,
                   "%s holds what is not %s (%s): choose an empty folder, or a new one, with "
                   "--state",
                   path, owners[owner].whose, foreign);
}

/* out->known; *empty: nothing of anybody lies in it. */
static int look(const char *path, enum state_owner owner, struct state_look *out, bool *empty,
                struct err *e)
{
    struct file_facts facts;
    struct content c = {0};
    enum state_owner marked;
    *out = (struct state_look){0};
    *empty = false;
    int rc = file_look(path, &facts, e);
    if (rc != 0 || facts.kind == FILE_IS_ABSENT) return rc;
    if (facts.kind != FILE_IS_FOLDER)
        return err_set(e, ERR_DENIED, "%s is not a folder: choose another one with --state", path);
    rc = read_marker(path, &marked, &out->done, e);
    if (rc != 0) return rc;
    if (marked != STATE_OWNERS && marked != owner)
        return refuse_other(path, owner, marked, STATE_MARKER, e);
    out->marked = marked == owner;
    rc = dir_list(path, sort_in, &c, e);
    if (rc == 0) rc = judge(path, owner, &c, marked == owner, &out->known, e);
    *empty = rc == 0 && c.entries == 0;
    return rc;
}

int state_folder_look(const char *path, enum state_owner owner, struct state_look *out,
                      struct err *e)
{
    bool empty;
    return look(path, owner, out, &empty, e);
}

static int refuse_open(const char *path, bool folder, struct err *e)
{
    char *command = file_protect_command(path, folder);
    int rc = err_set(e, ERR_DENIED, "%s is open to others (they can %s): close it with: %s", path,
                     folder ? "write in it" : "read or write it", command);
    mem_free(command);
    return rc;
}

int state_folder_check_access(const char *path, const char *const *secrets, size_t count,
                              struct err *e)
{
    int rc = dir_is_open(path) ? refuse_open(path, true, e) : 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        char *file = paths_join(path, secrets[i]);
        if (file_is_exposed(file)) rc = refuse_open(file, false, e);
        mem_free(file);
    }
    return rc;
}

static int write_marker(const char *folder, enum state_owner owner, bool done, struct err *e)
{
    char *path = paths_join(folder, STATE_MARKER);
    char *text = str_dupf("%s\n%sThis is %s state folder. No other program writes here.\n",
                          owners[owner].word, done ? DONE "\n" : "", owners[owner].whose);
    int rc = file_write_atomic(path, text, strlen(text), FILE_PUBLIC, e);
    mem_free(text);
    mem_free(path);
    return rc;
}

static int take_lock(const char *folder, enum state_owner owner, struct file_lock **out,
                     struct err *e)
{
    char *path = paths_join(folder, "lock");
    int rc = file_lock_take(path, out, e);
    if (rc == ERR_CONFLICT) err_wrap(e, "%s %s", owners[owner].busy, folder);
    mem_free(path);
    return rc;
}

/* Under the lock, because two programs may have found the folder empty. */
static int mark(const char *path, enum state_owner owner, struct err *e)
{
    enum state_owner marked;
    struct state_look now;
    bool done;
    int rc = state_folder_look(path, owner, &now, e);
    if (rc == 0) rc = read_marker(path, &marked, &done, e);
    if (rc == 0 && marked == STATE_OWNERS) rc = write_marker(path, owner, false, e);
    return rc;
}

int state_folder_enter(const char *path, enum state_owner owner, struct file_lock **lock,
                       struct err *e)
{
    struct state_look before;
    struct file_lock *taken = NULL;
    bool empty;
    int rc = look(path, owner, &before, &empty, e);
    if (rc == 0) rc = dir_make(path, FILE_SECRET, e);
    if (rc == 0 && empty && dir_is_open(path)) rc = dir_protect(path, e);
    if (rc == 0) rc = state_folder_check_access(path, NULL, 0, e);
    if (rc == 0) rc = take_lock(path, owner, &taken, e);
    if (rc == 0) rc = mark(path, owner, e);
    if (rc != 0) {
        file_lock_release(taken);
        return rc;
    }
    *lock = taken;
    return 0;
}

int state_folder_finish(const char *path, enum state_owner owner, struct err *e)
{
    enum state_owner marked;
    bool done;
    int rc = read_marker(path, &marked, &done, e);
    if (rc == 0 && !done) rc = write_marker(path, owner, true, e);
    return rc;
}

enum state_owner state_folder_owner(const char *path)
{
    enum state_owner marked;
    bool done;
    struct content c = {0};
    if (read_marker(path, &marked, &done, NULL) != 0) return STATE_OWNERS;
    if (marked != STATE_OWNERS) return marked;
    char *lock = paths_join(path, "lock");
    bool used = file_exists(lock);
    mem_free(lock);
    if (!used || dir_list(path, sort_in, &c, NULL) != 0) return STATE_OWNERS;
    for (int i = 0; i < STATE_OWNERS; i++)
        if (c.found[i][0]) return (enum state_owner)i;
    return STATE_OWNERS;
}
