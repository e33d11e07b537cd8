/* init: what a state folder holds, and making what is missing. */
#include "coordinator/coordinator.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/shared.h"
#include "coordinator/store/parts.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/standby.h"
#include "coordinator/store/store.h"
#include "coordinator/trust/admin_token.h"
#include "coordinator/trust/authority.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/state_folder.h"
#include "wire/pki.h"

static bool is_there(const char *state, const char *name)
{
    char *path = paths_join(state, name);
    bool there = file_exists(path);
    mem_free(path);
    return there;
}

static void tell_standby(struct store *s)
{
    enum standby standby;
    struct err e = {0};
    if (store_standby(s, &standby, &e))
        log_warn("store: the database's standbys are not known: %s", err_text(&e));
    else if (standby == STANDBY_NONE)
        log_warn("store: the database has no synchronous standby: a failover can lose what was "
                 "acknowledged last");
    else if (standby == STANDBY_GONE)
        log_warn("store: the synchronous standby of the database does not answer: commits wait "
                 "for it");
}

int coordinator_open_store(const struct store_opening *o, struct store **out, struct err *e)
{
    char ca[2 * PKI_HASH_BYTES + 1];
    str_hex(ca, authority_pin(o->authority), PKI_HASH_BYTES);
    struct store_parts p = {.ca = ca,
                            .make = o->make,
                            .without_output = o->config->without_output,
                            .now_ms = os_wall_ms()};
    int rc = o->shared ? shared_open_store(o->shared, o->own, &p, out, e)
                       : store_open_parts(o->config->state, &p, out, e);
    if (!rc && o->own) tell_standby(*out);
    if (!rc && p.began_output)
        log_warn("coordinator: started without the old output: output.db was missing or not the "
                 "one of cadre.db, and a new one is begun");
    return rc;
}

/* Of a database that several could own this one owns it for as long. */
static int add_token(const struct config *f, const char *label, struct authority *a,
                     struct shared *shared, struct err *e)
{
    struct store *s = NULL;
    struct owner_row own = {0};
    int rc = shared ? shared_seize(shared, &own, e) : 0;
    struct store_opening o = {.config = f, .authority = a, .shared = shared, .own = &own};
    if (!rc) rc = coordinator_open_store(&o, &s, e);
    if (!rc) rc = admin_token_make(s, f, label, authority_pin(a), os_wall_ms(), e);
    /* also of one that failed: nobody is to wait until its time is over */
    if (s && shared) {
        int given = shared_give_back(shared, s, rc ? NULL : e);
        if (!rc) rc = given;
    }
    store_close(s);
    return rc;
}

static int make_parts(const struct config *f, int64_t now_ms, struct err *e)
{
    struct authority *a = NULL;
    struct shared *shared = NULL;
    struct store *s = NULL;
    struct names names = {0};
    int rc = shared_new(f, &shared, e);
    if (!rc) rc = authority_make(f->state, now_ms, e);
    if (!rc) rc = names_keep(f, e);
    if (!rc) rc = names_gather(f, &names, e);
    if (!rc) rc = authority_open(f->state, f->certificate_life_ms, &names, now_ms, &a, e);
    names_fini(&names);
    struct store_opening o = {.config = f, .authority = a, .make = true, .shared = shared};
    if (!rc) rc = coordinator_open_store(&o, &s, e);
    if (!rc && shared) {
        store_close(s);
        s = NULL;
    }
    if (!rc && !is_there(f->state, ADMIN_TOKEN_FILE))
        rc = s ? admin_token_make(s, f, "first administrator", authority_pin(a), now_ms, e)
               : add_token(f, "first administrator", a, shared, e);
    if (!rc) rc = state_folder_finish(f->state, STATE_OF_COORDINATOR, e);
    store_close(s);
    shared_free(shared);
    authority_free(a);
    return rc;
}

static int note_token(const struct token_row *t, void *user)
{
    (void)t;
    *(bool *)user = true;
    return 0;
}

/* A token whose file was removed is in the database still; it is not when init was cut off before
 * it. */
static int has_token_row(const char *state, bool *out, struct err *e)
{
    struct file_lock *lock = NULL;
    struct store *s = NULL;
    struct reader *r = NULL;
    struct store_parts parts = {0};
    const struct id_filter first = {.limit = 1};
    bool any = false, more;
    int rc = state_folder_enter(state, STATE_OF_COORDINATOR, &lock, e);
    if (!rc) rc = store_open_parts(state, &parts, &s, e);
    if (!rc) rc = reader_open(state, &r, e);
    if (!rc) rc = reader_tokens(r, &first, note_token, &any, &more, e);
    reader_close(r);
    store_close(s);
    file_lock_release(lock);
    if (!rc) *out = any;
    return rc;
}

/* Nothing is made in the place of what was lost. */
static int check_loss(const struct config *f, const struct state_look *look, bool with_output,
                      struct err *e)
{
    bool queue, output, made = look->done || is_there(f->state, ADMIN_TOKEN_FILE);
    if (f->store) return 0; /* the database is not in the folder */
    store_look(f->state, &queue, &output);
    if (queue && !authority_exists(f->state))
        return err_set(e, ERR_CORRUPT,
                       "%s has a database (cadre.db) but not the CA (ca.key, ca.pem) that its "
                       "agents trust: restore both files from a backup",
                       f->state);
    if (authority_exists(f->state) && !queue && (made || output))
        return err_set(e, ERR_CORRUPT,
                       "%s held a coordinator, and its database is gone (cadre.db is missing or "
                       "empty): put your latest backup back (FILE as cadre.db, FILE.output as "
                       "output.db), or choose another folder with --state",
                       f->state);
    /* an init of this version that was cut off has left the marker */
    if (with_output && queue && !output && (made || !look->marked))
        return err_set(
            e, ERR_CORRUPT,
            "%s holds a coordinator whose output.db is missing or empty: put FILE.output "
            "of your backup back as output.db, or start it with 'cadre-coordinator run "
            "--without-output'",
            f->state);
    return 0;
}

int coordinator_is_initialised(const struct config *f, bool *out, struct err *e)
{
    struct state_look look;
    bool queue, output;
    int rc = state_folder_look(f->state, STATE_OF_COORDINATOR, &look, e);
    if (rc) return rc;
    /* `run --without-output` may follow: a missing output.db is for `run` to tell of */
    if (look.done) rc = check_loss(f, &look, false, e);
    if (rc) return rc;
    if (f->store) {
        *out = look.done;
        return 0;
    }
    store_look(f->state, &queue, &output);
    if (look.done || !authority_exists(f->state) || is_there(f->state, ADMIN_TOKEN_FILE) ||
        queue != output) {
        *out = look.done || (authority_exists(f->state) &&
                             (is_there(f->state, ADMIN_TOKEN_FILE) || queue || output));
        return 0;
    }
    if (queue) return has_token_row(f->state, out, e);
    *out = false;
    return 0;
}

int coordinator_init(const struct config *f, struct err *e)
{
    struct file_lock *lock = NULL;
    struct state_look look;
    int rc = state_folder_look(f->state, STATE_OF_COORDINATOR, &look, e);
    if (!rc) rc = check_loss(f, &look, true, e);
    if (rc) return rc;
    bool queue, output;
    store_look(f->state, &queue, &output);
    if (f->store) queue = look.done;
    if (authority_exists(f->state) && queue && is_there(f->state, ADMIN_TOKEN_FILE))
        return err_set(e, ERR_EXISTS,
                       "%s holds a coordinator already (ca.key%s, admin.token); nothing was "
                       "changed. Start "
                       "it with 'cadre-coordinator run', or choose another folder with --state",
                       f->state, f->store ? "" : ", cadre.db");
    rc = state_folder_enter(f->state, STATE_OF_COORDINATOR, &lock, e);
    if (!rc) rc = make_parts(f, os_wall_ms(), e);
    file_lock_release(lock);
    return rc;
}

static int make_token(const struct config *f, struct err *e)
{
    struct authority *a = NULL;
    struct shared *shared = NULL;
    struct names names;
    int rc = names_gather(f, &names, e);
    if (!rc) rc = authority_open(f->state, f->certificate_life_ms, &names, os_wall_ms(), &a, e);
    names_fini(&names);
    if (!rc) rc = shared_new(f, &shared, e);
    if (!rc) rc = add_token(f, "administrator, made on the host", a, shared, e);
    shared_free(shared);
    authority_free(a);
    return rc;
}

int coordinator_make_token(const struct config *f, char *id, char *before, struct err *e)
{
    struct file_lock *lock = NULL;
    struct state_look look;
    int rc = state_folder_look(f->state, STATE_OF_COORDINATOR, &look, e);
    if (!rc && (!look.known || !authority_exists(f->state)))
        rc = err_set(e, ERR_NOT_FOUND, "%s is not initialised: run 'cadre-coordinator init' first",
                     f->state);
    if (!rc) rc = state_folder_enter(f->state, STATE_OF_COORDINATOR, &lock, e);
    if (rc == ERR_CONFLICT)
        rc = err_wrap(e, "stop the coordinator first, and start it again afterwards (running jobs "
                         "go on meanwhile)");
    if (rc) return rc;
    int64_t old = admin_token_id(f, NULL);
    before[0] = '\0';
    if (old) id_format(old, before);
    rc = make_token(f, e);
    if (!rc) id_format(admin_token_id(f, NULL), id);
    file_lock_release(lock);
    return rc;
}
