/* A database that returns to an older state, as by a failover to a replica that was behind: what
 * was committed since is lost, whatever was acknowledged of it. All that is known of it here goes
 * back as well, so that what is promised of the older state is asked for from then on: nothing more
 * is forgiven than what the lost commits had done. What runs by a hand-out that is lost is a stray:
 * it counts for nothing, and has to be ended soon. */
#include "tests/sim/sim_older.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/sim/sim_houses.h"
#include "wire/lease.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#define BEHIND_MOST_MS 12000
#define LEASE_MOST_MS 120000 /* of those that the simulation gives */
/* A lease that was renewed last by an owner that knew nothing yet, and a guard that is late. */
#define STRAY_MOST_MS (OWNER_EXPIRY_MS + LEASE_MOST_MS + 60000)
#define SUBMIT_AGAIN_MS 20000
#define LOSS "the database has lost commits"

static const char *const files[] = {"cadre.db", "output.db"};
enum { FILES = sizeof files / sizeof *files };

struct older { /* what the replica has */
    sqlite3 *copies[FILES];
    struct owner_row row;
    int holder_name;
    uint64_t reign;
    uint64_t agents; /* that joined, or were to be removed, until then */
    struct job_model *jobs;
};

/* ---- the files ---- */

static sqlite3 *open_file(struct sim *s, int file)
{
    sqlite3 *db = NULL;
    char *path = str_dupf("%s/%s", s->world.folder, files[file]);
    bool good = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                sqlite3_exec(db, "SELECT 1 FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK;
    if (!good) sim_violation(s, "the simulated database: %s: %s", path, sqlite3_errmsg(db));
    mem_free(path);
    return db;
}

static void copy(struct sim *s, sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (b) (void)sqlite3_backup_step(b, -1);
    if (sqlite3_backup_finish(b) != SQLITE_OK)
        sim_violation(s, "the simulated database is not copied: %s", sqlite3_errmsg(to));
}

static void copy_files(struct sim *s, const struct older *o, bool back)
{
    for (int i = 0; i < FILES && !*s->violation; i++) {
        sqlite3 *file = open_file(s, i);
        if (!*s->violation) copy(s, back ? o->copies[i] : file, back ? file : o->copies[i]);
        sqlite3_close(file);
    }
}

/* ---- the moment before ---- */

static uint64_t count_agents(const struct sim *s)
{
    uint64_t n = s->removals + (uint64_t)s->enrolling.count;
    for (int i = 0; i < s->agent_count; i++)
        n += (uint64_t)s->agents[i].joins + (uint64_t)s->agents[i].id;
    return n;
}

static struct older *older_new(struct sim *s)
{
    const struct database *db = &s->houses->db;
    struct older *o = mem_alloc(sizeof *o);
    *o = (struct older){.row = db->row,
                        .holder_name = db->holder_name,
                        .reign = db->reign,
                        .agents = count_agents(s)};
    for (int i = 0; i < FILES; i++) {
        if (sqlite3_open(":memory:", &o->copies[i]) != SQLITE_OK)
            sim_violation(s, "no room for a copy of the simulated database");
    }
    copy_files(s, o, false);
    o->jobs = mem_array((size_t)s->job_count, sizeof *o->jobs);
    memcpy(o->jobs, s->jobs, (size_t)s->job_count * sizeof *o->jobs);
    return o;
}

static void older_free(struct older *o)
{
    if (!o) return;
    for (int i = 0; i < FILES; i++)
        sqlite3_close(o->copies[i]);
    mem_free(o->jobs);
    mem_free(o);
}

/* ---- what is forgiven ---- */

bool older_lost_hand_out(const struct sim *s, const struct job_model *j, int64_t agent,
                         int64_t attempt, uint64_t reign)
{
    if (!s->houses || reign > s->houses->lost_reign) return false;
    if (!j) return true; /* the whole job is lost */
    if (!j->reverted) return false;
    return attempt > j->kept_attempt || (attempt == j->kept_attempt && agent != j->kept_agent);
}

bool older_is_void(const struct sim *s)
{
    return s->houses && s->houses->all[s->houses->at].voided;
}

/* Its user finds that it is not there. */
static void submit_again(struct sim *s, struct job_model *j)
{
    if (!j->id) return;
    j->id = 0;
    sim_at(s, sim_random(s, 1000, SUBMIT_AGAIN_MS), user_submit, j, 0);
}

static void take_back(struct sim *s, struct job_model *j, const struct job_model *then)
{
    bool held = then->known && job_is_assigned(then->state);
    if (!then->known) {
        map_remove(&s->by_id, (uint64_t)j->row.id);
        submit_again(s, j);
    }
    j->reverted = true;
    j->kept_attempt = held ? then->attempt : then->attempt - 1;
    j->kept_agent = held ? then->agent : 0;
    j->row.id = then->row.id;
    j->group = then->group;
    j->known = then->known;
    j->state = then->state;
    j->attempt = then->attempt;
    j->agent = then->agent;
    j->known_ms = then->known_ms;
    j->since_ms = sim_now(s);
    j->since_load = 0;
    j->waits = then->waits;
    j->cloned = then->cloned;
    j->cancel_done = then->cancel_done;
}

static void revert(struct sim *s, struct job_model *j, const struct job_model *then)
{
    bool changed = j->changes != then->changes;
    bool held = then->known && job_is_assigned(then->state);
    j->reverted = false;
    if (changed || held) j->output_gone = true;
    int64_t id = j->row.id;
    if (changed) take_back(s, j, then);
    if (!then->cancel_done) j->cancel_done = false;
    if (changed) machine_take_back(s, j, id);
}

/* ---- the return ---- */

static bool knows_the_older(const struct house *h, const struct older *o)
{
    if (!h->tenure || h->reign != o->reign) return false;
    struct owner_row mine = tenure_row(h->tenure);
    return mine.epoch == o->row.epoch && mine.batch == o->row.batch;
}

/* The last event of the agent that the database knows; -1: it does not know its journal. */
static int64_t last_event(struct sim *s, const struct older *o, const struct agent_model *a)
{
    const char *sql = "SELECT a.last_seq FROM agents a JOIN agent_facts f ON f.id = a.id"
                      " WHERE a.id = ?1 AND f.journal_id = ?2 AND f.host_id = ?3";
    sqlite3_stmt *q = NULL;
    int64_t seq = -1;
    if (sqlite3_prepare_v2(o->copies[0], sql, -1, &q, NULL) != SQLITE_OK)
        sim_violation(s, "the simulated database: %s", sqlite3_errmsg(o->copies[0]));
    sqlite3_bind_int64(q, 1, a->id);
    sqlite3_bind_text(q, 2, journal_id(a->journal), -1, SQLITE_STATIC);
    sqlite3_bind_text(q, 3, a->host_id, -1, SQLITE_STATIC);
    if (sqlite3_step(q) == SQLITE_ROW) seq = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return seq;
}

static void note_what_agents_know(struct sim *s, const struct older *o)
{
    for (int i = 0; i < s->agent_count; i++) {
        struct agent_model *a = &s->agents[i];
        a->known_seq = a->up ? last_event(s, o, a) : -1;
        a->knows_more = a->known_seq >= 0 && journal_acked(a->journal) > a->known_seq;
        if (a->knows_more)
            log_debug("%lld %s was told of %lld, and the database knows of %lld",
                      (long long)sim_now(s), a->name, (long long)journal_acked(a->journal),
                      (long long)a->known_seq);
    }
}

static void on_strays_over(struct sim *s, void *object, uint64_t number)
{
    (void)object;
    (void)number;
    machine_check_strays(s);
}

static void come_back(struct sim *s, const struct older *o)
{
    struct houses *all = s->houses;
    struct database *db = &all->db;
    log_debug("%lld the database returns to epoch %lld, batch %lld from epoch %lld, batch %lld",
              (long long)sim_now(s), (long long)o->row.epoch, (long long)o->row.batch,
              (long long)db->row.epoch, (long long)db->row.batch);
    s->returns++;
    if (db->holder != NO_HOUSE) database_end(s, &all->all[db->holder], false);
    copy_files(s, o, true);
    db->row = o->row;
    db->holder_name = o->holder_name;
    db->reign = o->reign;
    db->server++;
    all->lost_reign = all->newest_reign;
    for (int i = 0; i < all->count; i++)
        all->all[i].voided = !knows_the_older(&all->all[i], o);
    for (int i = 0; i < s->job_count; i++)
        revert(s, &s->jobs[i], &o->jobs[i]);
    followers_begin_anew(s);
    note_what_agents_know(s, o);
    sim_at(s, STRAY_MOST_MS, on_strays_over, NULL, 0);
}

static void on_return(struct sim *s, void *object, uint64_t number)
{
    (void)number;
    struct older *o = object;
    const struct owner_row *row = &s->houses->db.row;
    bool lost = o->row.epoch != row->epoch || o->row.batch != row->batch;
    /* who joined or was removed meanwhile is a matter for whoever runs the agents */
    if (lost && !s->healed && o->agents == count_agents(s)) come_back(s, o);
    older_free(o);
    s->houses->older = NULL;
}

/* They see nothing of what will be lost: the row is then as they saw it last. */
static void cut_standbys(struct sim *s, int64_t until_ms)
{
    for (int i = 0; i < s->houses->count; i++) {
        struct house *h = &s->houses->all[i];
        if (!h->tenure) h->cut_ms = until_ms;
    }
}

void older_plan(struct sim *s)
{
    struct houses *all = s->houses;
    if (all->older || sim_now(s) < all->strays_ms || !sim_chance(s, all->faults.older)) return;
    all->older = older_new(s);
    all->strays_ms = sim_now(s) + BEHIND_MOST_MS + STRAY_MOST_MS;
    int64_t behind = sim_random(s, 500, BEHIND_MOST_MS);
    sim_at(s, behind, on_return, all->older, 0);
    if (sim_random(s, 0, 1)) cut_standbys(s, sim_now(s) + behind);
}

void older_fini(struct sim *s)
{
    older_free(s->houses->older);
    s->houses->older = NULL;
}

/* ---- the loss is named ---- */

void older_hear(struct sim *s, const char *line)
{
    if (!strstr(line, LOSS)) return;
    for (int i = 0; i < s->agent_count; i++) {
        struct agent_model *a = &s->agents[i];
        char *begins = str_dupf("agent %s: ", a->name);
        if (str_starts(line, begins)) {
            s->losses_named++;
            a->knows_more = false;
        }
        mem_free(begins);
    }
}

void older_check_named(struct sim *s, struct agent_model *a)
{
    if (!a->knows_more || !a->link || a->link->reign <= s->houses->lost_reign) return;
    a->knows_more = false;
    /* a loss of power, or a new journal: it knows no better */
    if (journal_acked(a->journal) <= a->known_seq) return;
    if (s->sabotage == SABOTAGE_UNTOLD_LOSS) return; /* that jobs begin again has to be noticed */
    sim_violation(s, "%s knows of more than the database, is welcome, and nothing is said of it",
                  a->name);
}
