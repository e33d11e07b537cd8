/* Who is asked before the queue is moved. */
#include "coordinator/migrate.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/shared.h"
#include "coordinator/store/move.h"
#include "coordinator/store_uri.h"
#include "coordinator/trust/authority.h"
#include "coordinator/trust/names.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/state_folder.h"
#include "wire/pki.h"

#include <string.h>

struct migration {
    const struct config *config;
    struct config pg; /* a copy, whose store is the database, at whichever end it is */
    struct shared *shared;
    struct authority *authority;
    char *name; /* of the database, for people */
    void (*say)(void *user, const char *line);
};

static int mark(void *user, const char *name, const char *text, struct err *e)
{
    const struct migration *m = user;
    char *path = paths_join(m->config->state, name);
    int rc =
        text ? file_write_atomic(path, text, strlen(text), FILE_PUBLIC, e) : file_remove(path, e);
    mem_free(path);
    return rc;
}

static void say(void *user, const char *line)
{
    const struct migration *m = user;
    m->say(NULL, line);
}

static int check_settings(const struct config *c, bool to_pg, struct err *e)
{
    if (!to_pg && !c->store)
        return err_set(e, ERR_INVALID,
                       "'--to sqlite' copies from PostgreSQL: name the database as 'store', in the "
                       "configuration or with --store");
    if (to_pg && c->store && !str_eq(c->store, c->to))
        return err_set(e, ERR_INVALID,
                       "store and --to name different databases; from one PostgreSQL to another "
                       "pg_dump and pg_restore copy");
    return 0;
}

static int open_trust(struct migration *m, struct err *e)
{
    const struct config *c = m->config;
    struct names names;
    int rc = names_gather(c, &names, e);
    if (!rc)
        rc = authority_open(c->state, c->certificate_life_ms, &names, os_wall_ms(), &m->authority,
                            e);
    names_fini(&names);
    return rc;
}

/* The queue of PostgreSQL is this process's for as long as it takes. */
static int seize(struct migration *m, struct store_move *move, struct err *e)
{
    struct owner_row own = {0};
    int rc = shared_alone(m->shared, e);
    if (!rc) rc = shared_seize(m->shared, &own, e);
    if (!rc) move->reign = (struct pg_reign){.epoch = own.epoch, .batch = own.batch};
    return rc;
}

static int move_all(struct migration *m, bool to_pg, struct migrate_done *out, struct err *e)
{
    char ca[2 * PKI_HASH_BYTES + 1];
    struct pg_place place = shared_place(m->shared);
    struct store_move move = {.to_pg = to_pg,
                              .folder = m->config->state,
                              .place = &place,
                              .pg_name = m->name,
                              .ca = ca,
                              .mark = mark,
                              .say = say,
                              .user = m};
    str_hex(ca, authority_pin(m->authority), PKI_HASH_BYTES);
    int rc = to_pg ? 0 : seize(m, &move, e);
    bool seized = !rc && !to_pg;
    if (!rc) rc = store_move(&move, e);
    *out = (struct migrate_done){.to_pg = to_pg, .rows = move.rows};
    if (!seized) return rc;
    const struct owner_place *row = shared_owner_place(m->shared);
    struct owner_row own = {.epoch = move.reign.epoch, .batch = move.reign.batch, .held = true};
    int released = row->release(row->user, &own, rc ? NULL : e);
    return rc ? rc : released;
}

int migrate_store(const struct config *c, void (*say_line)(void *user, const char *line),
                  struct migrate_done *out, struct err *e)
{
    struct migration m = {.config = c, .pg = *c, .say = say_line};
    struct file_lock *lock = NULL;
    struct state_look look;
    bool to_pg = store_uri_is_postgresql(c->to);
    if (to_pg) m.pg.store = c->to;
    int rc = check_settings(c, to_pg, e);
    if (!rc) rc = state_folder_look(c->state, STATE_OF_COORDINATOR, &look, e);
    if (!rc && (!look.known || !authority_exists(c->state)))
        rc = err_set(e, ERR_NOT_FOUND,
                     "%s is not a coordinator's state folder: name it with --state", c->state);
    if (!rc) rc = state_folder_enter(c->state, STATE_OF_COORDINATOR, &lock, e);
    if (rc == ERR_CONFLICT) rc = err_wrap(e, "stop the coordinator first");
    m.name = store_uri_masked(m.pg.store);
    if (!rc) rc = open_trust(&m, e);
    if (!rc) rc = shared_new(&m.pg, &m.shared, e);
    if (!rc) rc = move_all(&m, to_pg, out, e);
    shared_free(m.shared);
    authority_free(m.authority);
    mem_free(m.name);
    file_lock_release(lock);
    return rc;
}
