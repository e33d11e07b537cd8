/* The owner's row by a connection of its own, which is made anew when it was lost. */
#include "coordinator/shared.h"

#include "base/log.h"
#include "base/mem.h"
#include "cadre_version.h"
#include "coordinator/store/pg_coordinators.h"
#include "coordinator/store/pg_schema.h"
#include "coordinator/store/pg_store.h"
#include "coordinator/store_password.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/lease.h"

#include <uv.h>

#define SEIZE_LOOK_MS 250
#define ALONE_MS 12000 /* one that was killed is taken for alive for 10 s */

struct shared {
    char *folder, *password;
    const char *uri;
    char *holder;
    struct db row;              /* zeroed: not connected */
    struct db list;             /* the same */
    struct pg_coordinator self; /* id 0: not of the list */
    int64_t schema;             /* of the tables, when the row was seen last */
    struct owner_place place;
};

static struct pg_place where(const struct shared *s)
{
    return (struct pg_place){.uri = s->uri, .password = s->password, .folder = s->folder};
}

/* ---- the row -------------------------------------------------------------------------------- */

static int connect_row(struct shared *s, struct err *e)
{
    if (s->row.driver) return 0;
    struct pg_place p = where(s);
    int rc = pg_owner_open(&p, &s->row, e);
    if (rc) db_close(&s->row);
    return rc;
}

/* A connection that failed is not used again: what it had begun may still be under way there. */
static int keep_or_close(struct shared *s, int rc)
{
    if (rc && rc != ERR_FENCED) db_close(&s->row);
    return rc;
}

static struct pg_reign reign_of(const struct owner_row *row)
{
    return (struct pg_reign){.epoch = row->epoch, .batch = row->batch};
}

/* What the server, or something before it, does not support says nothing of the tables. */
static int read_row(struct shared *s, struct pg_owner *o, struct err *e)
{
    struct err why = {0};
    int rc = connect_row(s, &why);
    if (!rc) rc = pg_owner_look(&s->row, o, &why);
    if (rc == ERR_UNSUPPORTED) rc = why.code = ERR_IO;
    if (rc && e) *e = why;
    return rc;
}

static int look(void *user, struct owner_row *row, char **addresses, struct err *e)
{
    struct shared *s = user;
    struct pg_owner o = {0};
    *addresses = NULL;
    int rc = read_row(s, &o, e);
    if (!rc && o.schema > schema_newest()) rc = pg_schema_check(o.schema, e);
    if (!rc) s->schema = o.schema;
    if (!rc) {
        *row = (struct owner_row){.epoch = o.reign.epoch,
                                  .batch = o.reign.batch,
                                  .held = o.holder && o.holder[0]};
        *addresses = o.addresses && o.addresses[0] ? mem_strdup(o.addresses) : NULL;
    }
    pg_owner_fini(&o);
    return keep_or_close(s, rc);
}

/* Before anybody loads, and renews beside it. */
static int upgrade(struct shared *s, struct owner_row *row, struct err *e)
{
    struct pg_place at = where(s);
    struct pg_reign reign = reign_of(row);
    struct store_parts any = {0};
    struct store *store = NULL;
    if (s->schema >= schema_newest()) return 0;
    int rc = store_open_pg(&at, &reign, &any, &store, e);
    if (!rc) row->batch = store_reign(store).batch;
    store_close(store);
    return rc;
}

static int release(void *user, struct owner_row *mine, struct err *e)
{
    struct shared *s = user;
    struct pg_reign now = reign_of(mine);
    int rc = connect_row(s, e);
    if (!rc) rc = pg_owner_release(&s->row, &now, e);
    if (!rc) *mine = (struct owner_row){.epoch = now.epoch, .batch = now.batch};
    return keep_or_close(s, rc);
}

/* Else whoever tries next waits for an owner that died. Steps before the one that failed have
 * raised the batch. */
static void give_up(struct shared *s, struct owner_row *row)
{
    struct pg_owner o = {0};
    if (read_row(s, &o, NULL) == 0 && o.reign.epoch == row->epoch) {
        row->batch = o.reign.batch;
        (void)release(s, row, NULL);
    }
    pg_owner_fini(&o);
}

static int take(void *user, struct owner_row *row, const char *addresses, struct err *e)
{
    struct shared *s = user;
    struct pg_reign seen = reign_of(row), now;
    int rc = connect_row(s, e);
    if (!rc) rc = pg_owner_take(&s->row, &seen, s->holder, addresses ? addresses : "[]", &now, e);
    if (!rc) *row = (struct owner_row){.epoch = now.epoch, .batch = now.batch, .held = true};
    if (rc) return keep_or_close(s, rc);
    rc = upgrade(s, row, e);
    if (rc) give_up(s, row);
    return keep_or_close(s, rc);
}

static int renew(void *user, struct owner_row *mine, struct err *e)
{
    struct shared *s = user;
    struct pg_reign now = reign_of(mine);
    int rc = connect_row(s, e);
    if (!rc) rc = pg_owner_write(&s->row, &now, e);
    if (!rc) mine->batch = now.batch;
    return keep_or_close(s, rc);
}

static int resolve(void *user, struct owner_row *mine, bool *there, struct err *e)
{
    struct shared *s = user;
    struct pg_reign was = reign_of(mine), now;
    bool landed;
    db_close(&s->row);
    int rc = connect_row(s, e);
    if (!rc) rc = pg_owner_resolve(&s->row, &was, &now, &landed, e);
    if (!rc && now.batch != was.batch + (landed ? 1 : 0))
        rc = err_set(e, ERR_FENCED, "%s: the owner's row is not as this coordinator left it",
                     s->row.path);
    if (!rc) {
        *there = landed;
        *mine = (struct owner_row){.epoch = now.epoch, .batch = now.batch, .held = true};
    }
    return keep_or_close(s, rc);
}

/* ---- the list of coordinators ---------------------------------------------------------------- */

/* By a connection of its own: the owner's store asks for the row while the watch writes here. */
static int note(void *user, char **all, struct err *e)
{
    struct shared *s = user;
    *all = NULL;
    if (!s->self.id) return 0;
    struct pg_place p = where(s);
    int rc = s->list.driver ? 0 : pg_coordinators_open(&p, &s->list, e);
    if (!rc) rc = pg_coordinators_write(&s->list, &s->self, e);
    if (!rc) rc = pg_coordinators_addresses(&s->list, &s->self, all, e);
    if (rc) db_close(&s->list);
    return rc;
}

void shared_leave(struct shared *s)
{
    if (!s || !s->list.driver) return;
    (void)pg_coordinators_remove(&s->list, s->self.id, NULL); /* else it is gone in 10 s */
    db_close(&s->list);
}

/* ---- the database --------------------------------------------------------------------------- */

int shared_new(const struct config *c, struct shared **out, struct err *e)
{
    *out = NULL;
    if (!c->store) return 0;
    struct shared *s = mem_alloc(sizeof *s);
    char *self = paths_self();
    s->folder = paths_dir(self);
    mem_free(self);
    s->uri = c->store;
    s->holder = mem_strdup("a coordinator");
    s->place = (struct owner_place){.look = look,
                                    .take = take,
                                    .renew = renew,
                                    .resolve = resolve,
                                    .release = release,
                                    .note = note,
                                    .user = s};
    int rc = store_password_check(c, e);
    if (!rc && c->store_password_file)
        rc = store_password_read(c->store_password_file, &s->password, e);
    if (rc) {
        shared_free(s);
        return rc;
    }
    *out = s;
    return 0;
}

void shared_free(struct shared *s)
{
    if (!s) return;
    db_close(&s->row);
    db_close(&s->list);
    mem_free(s->holder);
    mem_free_secret(s->password);
    mem_free(s->folder);
    mem_free(s);
}

void shared_name(struct shared *s, const struct shared_self *self)
{
    s->self = (struct pg_coordinator){.id = self->id,
                                      .name = self->name,
                                      .addresses = self->addresses,
                                      .version = CADRE_VERSION,
                                      .started_ms = self->started_ms};
    mem_free(s->holder);
    s->holder = pg_coordinator_holder(&s->self);
}

const struct owner_place *shared_owner_place(const struct shared *s)
{
    return &s->place;
}

int shared_check(const struct shared *s, const char *ca, struct err *e)
{
    struct pg_place at = where(s);
    return store_check_pg(&at, ca, e);
}

int shared_open_store(const struct shared *s, const struct owner_row *own, struct store_parts *p,
                      struct store **out, struct err *e)
{
    struct pg_place at = where(s);
    struct pg_reign reign = own ? reign_of(own) : (struct pg_reign){0};
    return store_open_pg(&at, own ? &reign : NULL, p, out, e);
}

int shared_open_reader(const struct shared *s, struct reader **out, struct err *e)
{
    struct pg_place at = where(s);
    return reader_open_pg(&at, out, e);
}

int shared_seize(struct shared *s, struct owner_row *own, struct err *e)
{
    struct owner_row now;
    char *addresses = NULL;
    int rc = look(s, own, &addresses, e);
    int64_t from_ms = os_mono_ms(); /* behind the read, as a standby counts */
    mem_free(addresses);
    for (now = *own; !rc && now.held && os_mono_ms() - from_ms < OWNER_TAKEOVER_MS;) {
        uv_sleep(SEIZE_LOOK_MS);
        rc = look(s, &now, &addresses, e);
        mem_free(addresses);
        if (!rc && (now.epoch != own->epoch || now.batch != own->batch))
            rc = err_set(e, ERR_CONFLICT, "a coordinator runs on %s: stop all of them first",
                         s->row.path);
    }
    return rc ? rc : take(s, own, NULL, e);
}

static int see_schema(struct shared *s, struct err *e)
{
    struct owner_row row;
    char *addresses = NULL;
    int rc = look(s, &row, &addresses, e);
    mem_free(addresses);
    return rc;
}

int shared_upgrade(struct shared *s, struct err *e)
{
    struct err why = {0};
    struct owner_row own;
    int rc = see_schema(s, e);
    if (rc || s->schema >= schema_newest()) return rc;
    log_info("store: the tables of %s have version %lld and are upgraded to %d", s->row.path,
             (long long)s->schema, schema_newest());
    rc = shared_seize(s, &own, &why);
    if (!rc) rc = release(s, &own, &why);
    if (!rc) return 0;
    if (rc != ERR_CONFLICT && rc != ERR_FENCED) {
        if (e) *e = why;
        return rc;
    }
    /* another coordinator of this version may have done it meanwhile */
    rc = see_schema(s, e);
    if (rc || s->schema >= schema_newest()) return rc;
    return err_set(e, ERR_CONFLICT,
                   "%s has tables of an older Cadre (their version is %lld instead of %d), and a "
                   "coordinator of it owns the queue: stop the coordinators of the former version "
                   "first",
                   s->row.path, (long long)s->schema, schema_newest());
}

struct pg_place shared_place(const struct shared *s)
{
    return where(s);
}

int shared_alone(struct shared *s, struct err *e)
{
    int64_t from_ms = os_mono_ms();
    for (;;) {
        char *name = NULL;
        int rc = connect_row(s, e);
        if (!rc) rc = pg_coordinators_alive(&s->row, &name, e);
        if (rc || !name) return keep_or_close(s, rc);
        bool late = os_mono_ms() - from_ms >= ALONE_MS;
        if (late)
            rc = err_set(e, ERR_CONFLICT, "%s: the coordinator %s runs: stop all of them first",
                         s->row.path, name);
        mem_free(name);
        if (rc) return rc;
        uv_sleep(SEIZE_LOOK_MS);
    }
}

int shared_give_back(struct shared *s, const struct store *store, struct err *e)
{
    struct pg_reign last = store_reign(store);
    struct owner_row row = {.epoch = last.epoch, .batch = last.batch, .held = true};
    return release(s, &row, e);
}
