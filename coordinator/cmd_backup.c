/* backup and check: copies of the databases, and damage in them. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/backup.h"
#include "coordinator/command_line.h"
#include "coordinator/store/check.h"
#include "coordinator/store_uri.h"
#include "platform/complain.h"
#include "platform/state_folder.h"

#include <inttypes.h>
#include <stdlib.h>

#define BACKUP "cadre-coordinator backup"
#define CHECK "cadre-coordinator check"

static void say_fault(const char *fault, void *user)
{
    complain_as(user, fault);
}

static void say_damage(const char *program, const struct store_check *c)
{
    char *line = NULL;
    if (c->faults == 0 && c->index_faults > 0)
        complain_as(program, "the index of jobs is wrong, no job is: " STORE_INDEX_REMEDY);
    if (c->faults > 0)
        line = str_dupf("%lld faults: stop the coordinator and restore a backup",
                        (long long)c->faults);
    else if (c->damaged_chunks > 0)
        line = str_dupf("%lld of %lld pieces of output are damaged; 'cadre job logs' leaves them "
                        "out and says so. Look at that disk",
                        (long long)c->damaged_chunks, (long long)c->chunks);
    if (line) complain_as(program, line);
    mem_free(line);
}

/* What is about files has nothing to do with a database elsewhere. */
static bool is_elsewhere(const struct config *c, const char *program, const char *instead)
{
    if (!c->store) return false;
    char *store = store_uri_masked(c->store);
    char *line = str_dupf("the queue is in PostgreSQL (%s), not in files: %s", store, instead);
    complain_as(program, line);
    mem_free(line);
    mem_free(store);
    return true;
}

int command_backup(const struct command_args *a)
{
    struct err e = {0};
    if (is_elsewhere(a->config, BACKUP,
                     "save it with pg_dump -Fc, and keep a copy of ca.key and ca.pem of "
                     "the state folder; docs/scale.md has the restore"))
        return EXIT_USAGE;
    struct store_check c = {.say = say_fault, .user = (void *)(uintptr_t)BACKUP};
    if (str_eq(a->argv[0], "-")) {
        complain_as(BACKUP, "a backup is two files, FILE and FILE.output, and nothing for standard "
                            "output: name a file, as in " BACKUP " /backup/cadre.db");
        return EXIT_USAGE;
    }
    if (backup_make(a->config->state, a->argv[0], a->config->force, &c, &e)) {
        complain_as(BACKUP, err_text(&e));
        return EXIT_FAILURE;
    }
    char *text = str_dupf(
        "backup written to %s and %s.output\n"
        "Keys and certificates are not in it: keep a copy of %s/ca.key and ca.pem in a safe "
        "place.\n",
        a->argv[0], a->argv[0], a->config->state);
    int code = command_print("backup", text);
    mem_free(text);
    say_damage(BACKUP, &c);
    return c.damaged_chunks > 0 ? EXIT_FAILURE : code;
}

int command_check(const struct command_args *a)
{
    struct err e = {0};
    struct state_look look;
    struct store_check c = {.say = say_fault, .user = (void *)(uintptr_t)CHECK};
    const char *state = a->config->state;
    if (is_elsewhere(a->config, CHECK, "PostgreSQL checks it, with pg_amcheck and pg_checksums"))
        return EXIT_USAGE;
    int rc = state_folder_look(state, STATE_OF_COORDINATOR, &look, &e);
    if (!rc && !look.known)
        rc = err_set(&e, ERR_NOT_FOUND,
                     "%s is not a coordinator's state folder: name it with --state", state);
    if (!rc) rc = store_check(state, &c, &e);
    if (rc) {
        complain_as(CHECK, err_text(&e));
        return EXIT_FAILURE;
    }
    say_damage(CHECK, &c);
    if (c.faults > 0 || c.index_faults > 0 || c.damaged_chunks > 0) return EXIT_FAILURE;
    char *text = str_dupf("no damage found: %" PRId64 " pages, %" PRId64
                          " pieces of output with a checksum\n",
                          c.pages, c.chunks);
    int code = command_print("check", text);
    mem_free(text);
    return code;
}
