/* The database that several coordinators share: the store's files, with the owner's row beside them
 * in memory. Between an owner's store and its files (db_run): one transaction holds both files and
 * the row; answers are late or lost, clients are stopped within a transaction, and the server ends
 * what is idle for too long. */
#include "tests/sim/sim_houses.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sql_store.h"

#define LOCK_WAIT_MS 3000   /* then a take-over ends the former owner's transaction */
#define LOCK_LOOK_MS 20     /* how often one that waits for the row looks */
#define NO_ANSWER_MS 2000   /* then the connection counts as broken */
#define SERVER_IDLE_MS 2000 /* idle_in_transaction_session_timeout */
#define ADRIFT_MOST_MS 3000

int __real_db_run(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_run(struct db *d, struct stmt *q, struct err *e);
int __real_db_step(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_step(struct db *d, struct stmt *q, struct err *e);

static struct sim *several; /* the simulation at hand, when it has several coordinators */

static struct database *db_of(const struct house *h)
{
    return &h->sim->houses->db;
}

static int no_answer(struct err *e)
{
    return err_set(e, ERR_UNAVAILABLE, "the database does not answer (simulated)");
}

static int not_mine(struct err *e)
{
    return err_set(e, ERR_FENCED, "another coordinator owns the queue (simulated)");
}

/* false: what it was connected to is gone; it connects anew. */
static bool is_connected(struct house *h)
{
    uint64_t server = h->server;
    h->server = db_of(h)->server;
    return server == h->server;
}

/* On the way, there or back. false: nothing comes through, or whoever asked is dead. */
static bool travels(struct house *h)
{
    struct sim *s = h->sim;
    struct database *db = db_of(h);
    if (db->reign == 0) return true; /* the first one, before time begins */
    houses_block(s, sim_chance(s, 50) ? sim_random(s, 100, 1500) : sim_random(s, 0, 8));
    if (sim_now(s) < h->cut_ms) houses_block(s, NO_ANSWER_MS);
    return is_connected(h) && sim_now(s) >= h->cut_ms && !h->doomed && !*s->violation;
}

static bool loses_answer(struct house *h)
{
    return sim_chance(h->sim, h->sim->houses->faults.lose_answer);
}

/* ---- a transaction at the server ---- */

static void let_go(struct house *h)
{
    struct database *db = db_of(h);
    db->holder = NO_HOUSE;
    db->adrift = false;
    db->transactions++;
}

static void check_landing(struct sim *s, struct house *h)
{
    struct database *db = db_of(h);
    if (h->reign != db->reign || h->voided)
        sim_violation(s, "a commit of a former owner lands: coordinator %d", h->number);
    if (h->denied)
        sim_violation(s, "coordinator %d was told that a commit never lands, and it does",
                      h->number);
    if (!h->in_batch) return;
    h->landed = true;
    check_batch(s);
}

static void land(struct sim *s, struct house *h)
{
    struct store *st = s->world.store;
    int rc = 0;
    if (db_in_transaction(&st->output))
        rc = __real_db_run(&st->output, store_output(st, O_COMMIT), NULL);
    if (rc == 0) rc = __real_db_run(&st->queue, store_queue(st, Q_COMMIT), NULL);
    if (rc) sim_violation(s, "the simulated database does not commit");
    db_of(h)->row.batch++;
    log_debug("%lld a transaction of coordinator %d is there: epoch %lld, batch %lld, output %lld",
              (long long)sim_now(s), h->number, (long long)db_of(h)->row.epoch,
              (long long)db_of(h)->row.batch, (long long)st->output_high);
    let_go(h);
    check_landing(s, h);
}

static void roll_back(struct sim *s, struct house *h)
{
    struct store *st = s->world.store;
    log_debug("%lld a transaction of coordinator %d is not there", (long long)sim_now(s),
              h->number);
    if (st && db_in_transaction(&st->output))
        (void)__real_db_run(&st->output, store_output(st, O_ROLLBACK), NULL);
    if (st && db_in_transaction(&st->queue))
        (void)__real_db_run(&st->queue, store_queue(st, Q_ROLLBACK), NULL);
    let_go(h);
}

void database_end(struct sim *s, struct house *h, bool lands)
{
    struct house *then = houses_now(s);
    houses_enter(s, h);
    if (lands)
        land(s, h);
    else
        roll_back(s, h);
    houses_enter(s, then);
}

static void on_adrift(struct sim *s, void *object, uint64_t number)
{
    struct house *h = object;
    struct database *db = db_of(h);
    if (db->transactions == number && db->holder == h->number && db->adrift)
        database_end(s, h, sim_random(s, 0, 1));
}

static void on_idle(struct sim *s, void *object, uint64_t number)
{
    struct house *h = object;
    const struct database *db = db_of(h);
    if (db->transactions != number || db->holder != h->number || db->adrift) return;
    log_debug("%lld the server ends the transaction of coordinator %d", (long long)sim_now(s),
              h->number);
    s->ended_transactions++;
    database_end(s, h, false);
}

/* Until nobody else has the row. false: it takes too long. */
static bool wait_for_row(struct house *h, int64_t most_ms)
{
    struct sim *s = h->sim;
    const struct database *db = db_of(h);
    int64_t from = sim_now(s);
    while (db->holder != NO_HOUSE && !*s->violation && !h->doomed) {
        if (sim_now(s) - from >= most_ms) return false;
        houses_block(s, LOCK_LOOK_MS);
    }
    return !h->doomed && !*s->violation;
}

/* ---- what an owner's store says ---- */

static int begin(struct house *h, struct db *d, struct stmt *q, struct err *e)
{
    struct database *db = db_of(h);
    if (!is_connected(h)) return no_answer(e);
    if (sim_now(h->sim) < h->cut_ms || !wait_for_row(h, LOCK_WAIT_MS)) return no_answer(e);
    int rc = __real_db_run(d, q, e);
    if (rc) return rc;
    db->holder = h->number;
    h->denied = false;
    return 0;
}

/* UPDATE owner SET batch = batch + 1 WHERE epoch = .. AND batch = .. */
static int own(struct house *h, const struct store *st, struct err *e)
{
    const struct owner_row *row = &db_of(h)->row;
    if (h->sim->sabotage == SABOTAGE_NO_ROW) return 0;
    return row->epoch == st->epoch && row->batch == st->batch ? 0 : not_mine(e);
}

/* The whole batch goes out, COMMIT at its end; the client may be stopped before. */
static int commit(struct house *h, struct err *e)
{
    struct sim *s = h->sim;
    struct database *db = db_of(h);
    uint64_t number = db->transactions;
    if (sim_chance(s, s->houses->faults.freeze_inside)) {
        houses_freeze(s, h, sim_random(s, 500, 20000));
        if (s->sabotage != SABOTAGE_READ_ONLY) /* that the row is wrong must not depend on it */
            sim_at(s, SERVER_IDLE_MS, on_idle, h, number);
    }
    followers_hear(s, s->world.store->output_high);
    bool through = travels(h);
    if (db->transactions != number || db->holder != h->number) return no_answer(e); /* ended */
    if (!through || loses_answer(h)) {
        s->lost_answers++;
        switch (through ? sim_random(s, 0, 2) : 1) {
        case 0:
            land(s, h);
            break;
        case 1:
            roll_back(s, h);
            break;
        default:
            db->adrift = true;
            sim_at(s, sim_random(s, 0, ADRIFT_MOST_MS), on_adrift, h, number);
        }
        houses_block(s, sim_random(s, 0, NO_ANSWER_MS));
        return no_answer(e);
    }
    land(s, h);
    if (sim_chance(s, s->houses->faults.freeze_inside))
        houses_freeze(s, h, sim_random(s, 500, 20000));
    return travels(h) ? 0 : no_answer(e);
}

/* What is adrift has its end by then, or has it now. */
static int end_or_roll_back(struct house *h, struct db *d, struct stmt *q, struct err *e)
{
    struct sim *s = h->sim;
    const struct database *db = db_of(h);
    if (db->holder == h->number && db->adrift) {
        database_end(s, h, s->sabotage == SABOTAGE_OLD_EPOCH || sim_random(s, 0, 1));
        return 0;
    }
    int rc = db_in_transaction(d) ? __real_db_run(d, q, e) : 0;
    const struct store *st = s->world.store;
    if (db->holder == h->number && !db_in_transaction(&st->queue) &&
        !db_in_transaction(&st->output))
        let_go(h);
    return rc;
}

int __wrap_db_run(struct db *d, struct stmt *q, struct err *e)
{
    if (!several || !several->world.store) return __real_db_run(d, q, e);
    struct store *st = several->world.store;
    struct house *h = houses_now(several);
    bool queue = d == &st->queue;
    if ((!queue && d != &st->output) || !st->own) return __real_db_run(d, q, e);
    if (queue && q == store_queue(st, Q_BEGIN)) return begin(h, d, q, e);
    if (queue && q == st->own) return own(h, st, e);
    if (queue && q == store_queue(st, Q_COMMIT)) return commit(h, e);
    if (queue && q == store_queue(st, Q_ROLLBACK)) return end_or_roll_back(h, d, q, e);
    if (!queue && q == store_output(st, O_ROLLBACK)) return end_or_roll_back(h, d, q, e);
    if (!queue && q == store_output(st, O_BEGIN)) { /* both are one transaction */
        int rc = db_in_transaction(&st->queue) ? 0 : store_write_queue(st, e);
        return rc == 0 ? __real_db_run(d, q, e) : rc;
    }
    return __real_db_run(d, q, e);
}

int __wrap_db_step(struct db *d, struct stmt *q, struct err *e)
{
    const struct store *st = several ? several->world.store : NULL;
    bool owners = st && st->own && (d == &st->queue || d == &st->output);
    if (owners && !is_connected(houses_now(several))) return no_answer(e);
    return __real_db_step(d, q, e);
}

void database_of_store(struct house *h, struct store *st)
{
    struct err e = {0};
    if (db_prepare_one(&st->queue, "SELECT ?1 + ?2", &st->own, &e) != 0)
        sim_violation(h->sim, "the store: %s", err_text(&e));
    st->epoch = 1; /* as of mine, at each transaction */
    st->together = true;
}

/* ---- the owner's row, on a connection of its own ---- */

static int place_look(void *user, struct owner_row *row, char **addresses, struct err *e)
{
    struct house *h = user;
    const struct database *db = db_of(h);
    *addresses = NULL;
    if (!travels(h)) return no_answer(e);
    *row = db->row;
    int owner = db->row.held ? db->holder_name : NO_HOUSE;
    if (!travels(h)) return no_answer(e);
    h->owner = owner;
    return 0;
}

static bool is_row(const struct owner_row *a, const struct owner_row *b)
{
    return a->epoch == b->epoch && a->batch == b->batch;
}

static int place_take(void *user, struct owner_row *row, const char *addresses, struct err *e)
{
    struct house *h = user;
    struct sim *s = h->sim;
    struct database *db = db_of(h);
    (void)addresses;
    if (!travels(h)) return no_answer(e);
    bool locked = s->sabotage != SABOTAGE_READ_ONLY; /* else nobody has the row */
    if (locked && !wait_for_row(h, LOCK_WAIT_MS)) {
        if (h->doomed || *s->violation) return no_answer(e);
        struct house *holder = &s->houses->all[db->holder];
        s->ended_transactions++;
        database_end(s, holder, db->adrift && sim_random(s, 0, 1));
    }
    if (!is_row(row, &db->row)) return not_mine(e);
    db->row.epoch++;
    db->row.held = true;
    db->holder_name = h->number;
    h->reign = db->reign = ++s->houses->newest_reign;
    h->voided = false;
    *row = db->row;
    bool lost = db->reign > 1 && loses_answer(h);
    return !travels(h) || lost ? no_answer(e) : 0;
}

static int place_renew(void *user, struct owner_row *mine, struct err *e)
{
    struct house *h = user;
    struct database *db = db_of(h);
    if (!travels(h) || !wait_for_row(h, LOCK_WAIT_MS)) return no_answer(e);
    if (!is_row(mine, &db->row)) return not_mine(e);
    db->row.batch++;
    struct owner_row now = db->row;
    if (loses_answer(h) || !travels(h)) return no_answer(e);
    *mine = now;
    return 0;
}

static int place_resolve(void *user, struct owner_row *mine, bool *there, struct err *e)
{
    struct house *h = user;
    struct sim *s = h->sim;
    struct database *db = db_of(h);
    bool old_epoch = s->sabotage == SABOTAGE_OLD_EPOCH;
    if (h->doomed || *s->violation) return not_mine(e);
    if (!travels(h)) return no_answer(e);
    if (!old_epoch && !wait_for_row(h, LOCK_WAIT_MS)) return no_answer(e);
    if (db->row.epoch != mine->epoch) return not_mine(e);
    *there = db->row.batch == mine->batch + 1;
    if (!*there && db->row.batch != mine->batch) return not_mine(e);
    if (!old_epoch) db->row.epoch++;
    struct owner_row now = db->row;
    bool lost = loses_answer(h);
    if (!travels(h) || lost) return no_answer(e);
    if (!*there) h->denied = true;
    *mine = now;
    s->resolved += 1;
    return 0;
}

static int place_release(void *user, struct owner_row *mine, struct err *e)
{
    struct house *h = user;
    struct database *db = db_of(h);
    if (!travels(h) || !wait_for_row(h, LOCK_WAIT_MS)) return no_answer(e);
    if (!is_row(mine, &db->row)) return not_mine(e);
    db->row.batch++;
    db->row.held = false;
    *mine = db->row;
    return 0;
}

void database_place(struct house *h)
{
    several = h->sim;
    h->place = (struct owner_place){.look = place_look,
                                    .take = place_take,
                                    .renew = place_renew,
                                    .resolve = place_resolve,
                                    .release = place_release,
                                    .user = h};
}

void database_leave(void)
{
    several = NULL;
}
