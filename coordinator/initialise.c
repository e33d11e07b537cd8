/* init: what a state folder holds, and making what is missing. */
#include "coordinator/coordinator.h"

#include "base/mem.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "coordinator/trust/admin_token.h"
#include "coordinator/trust/authority.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/state_folder.h"

static bool is_there(const char *state, const char *name)
{
    char *path = paths_join(state, name);
    bool there = file_exists(path);
    mem_free(path);
    return there;
}

static bool has_database(const char *state)
{
    return is_there(state, "cadre.db");
}

static int make_parts(const struct config *f, int64_t now_ms, struct err *e)
{
    struct authority *a = NULL;
    struct store *s = NULL;
    struct names names;
    int rc = authority_make(f->state, now_ms, e);
    if (!rc) rc = names_keep(f, e);
    names_gather(f, &names);
    if (!rc) rc = authority_open(f->state, f->certificate_life_ms, &names, now_ms, &a, e);
    names_fini(&names);
    if (!rc) rc = store_open(f->state, &s, e);
    if (!rc && !is_there(f->state, ADMIN_TOKEN_FILE))
        rc = admin_token_make(s, f, authority_pin(a), now_ms, e);
    if (!rc) rc = state_folder_finish(f->state, STATE_OF_COORDINATOR, e);
    store_close(s);
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
    const struct id_filter first = {.limit = 1};
    bool any = false, more;
    int rc = state_folder_enter(state, STATE_OF_COORDINATOR, &lock, e);
    if (!rc) rc = store_open(state, &s, e);
    if (!rc) rc = reader_open(state, &r, e);
    if (!rc) rc = reader_tokens(r, &first, note_token, &any, &more, e);
    reader_close(r);
    store_close(s);
    file_lock_release(lock);
    if (!rc) *out = any;
    return rc;
}

int coordinator_is_initialised(const struct config *f, bool *out, struct err *e)
{
    struct state_look look;
    int rc = state_folder_look(f->state, STATE_OF_COORDINATOR, &look, e);
    if (rc) return rc;
    bool parts = authority_exists(f->state) && has_database(f->state);
    if (look.done || !parts || is_there(f->state, ADMIN_TOKEN_FILE)) {
        *out = look.done || parts;
        return 0;
    }
    return has_token_row(f->state, out, e);
}

int coordinator_init(const struct config *f, struct err *e)
{
    struct file_lock *lock = NULL;
    struct state_look look;
    int rc = state_folder_look(f->state, STATE_OF_COORDINATOR, &look, e);
    if (rc) return rc;
    bool authority = authority_exists(f->state), database = has_database(f->state);
    if (authority && database && is_there(f->state, ADMIN_TOKEN_FILE))
        return err_set(e, ERR_EXISTS,
                       "%s holds a coordinator already (ca.key, cadre.db, admin.token); nothing "
                       "was changed. Start "
                       "it with 'cadre-coordinator run', or choose another folder with --state",
                       f->state);
    if (database && !authority)
        return err_set(e, ERR_CORRUPT,
                       "%s has a database (cadre.db) but not the CA (ca.key, ca.pem) that its "
                       "agents trust: restore "
                       "both files from a backup",
                       f->state);
    rc = state_folder_enter(f->state, STATE_OF_COORDINATOR, &lock, e);
    if (!rc) rc = make_parts(f, os_wall_ms(), e);
    file_lock_release(lock);
    return rc;
}
