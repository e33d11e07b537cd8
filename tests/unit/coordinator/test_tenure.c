/* The spine of one of several coordinators: what it tells, and what it does not, when its time ends
 * or an answer of the database is lost. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/round.h"
#include "coordinator/spine.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/tenure.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "tests/unit/coordinator/row.h"
#include "wire/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The clock of the test goes ahead of the machine's. */
static atomic_llong ahead_ms;

void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);

void __wrap_os_now(struct moment *out)
{
    __real_os_now(out);
    out->mono_ms += atomic_load(&ahead_ms);
}

/* What becomes of the next COMMIT of the queue. */
enum fate { FATE_FINE, FATE_DONE_AND_LOST, FATE_LOST, FATE_HANGS };
static atomic_int fate;
static atomic_bool in_commit;
static struct stmt *the_commit, *the_insert;
static atomic_bool breaks; /* the connection, with the next statement of the batch */
static struct row row;

int __real_db_run(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_run(struct db *d, struct stmt *q, struct err *e);

int __wrap_db_run(struct db *d, struct stmt *q, struct err *e)
{
    if (q == the_insert && atomic_exchange(&breaks, false))
        return err_set(e, ERR_UNAVAILABLE, "the connection broke (test)");
    if (q != the_commit) return __real_db_run(d, q, e);
    int now = atomic_load(&fate);
    if (now == FATE_LOST) {
        atomic_store(&fate, FATE_FINE);
        return err_set(e, ERR_UNAVAILABLE, "the connection broke (test)");
    }
    while (atomic_load(&fate) == FATE_HANGS) {
        atomic_store(&in_commit, true);
        uv_sleep(1);
    }
    int rc = __real_db_run(d, q, e);
    if (rc || now != FATE_DONE_AND_LOST) return rc;
    atomic_store(&fate, FATE_FINE);
    uv_mutex_lock(&row.lock);
    row.now.batch++; /* as the database's own transaction would have it */
    uv_mutex_unlock(&row.lock);
    return err_set(e, ERR_UNAVAILABLE, "the answer was lost (test)");
}

struct rig {
    char *folder;
    uv_loop_t loop;
    struct store *store;
    struct engine *engine;
    struct spine *spine;
    struct seat seat;
    struct tenure *tenure;
    size_t replies, failures, lost, dropped;
};

static void on_effects(struct effects *list, void *user)
{
    struct rig *r = user;
    for (struct effect *x = list->first; x; x = x->next) {
        if (x->type != EFFECT_REPLY) continue;
        r->replies++;
        r->failures += x->u.reply.reply.rc != 0;
    }
}

static void on_relief(void *user)
{
    (void)user;
}

static void on_lost(void *user)
{
    struct rig *r = user;
    r->lost++;
}

static void on_dropped(void *user)
{
    struct rig *r = user;
    r->dropped++;
    r->spine = NULL;
}

/* The row is free; this one takes it now. */
static void take(struct rig *r)
{
    struct ownership o;
    struct err e = {0};
    struct owner_row mine = row_read(&row);
    ownership_init(&o);
    ownership_saw(&o, &mine, os_mono_ms());
    ownership_taking(&o, os_mono_ms());
    assert_int_equal(r->seat.place.take(&r->seat, &mine, NULL, &e), 0);
    ownership_taken(&o, true);
    r->tenure = tenure_new(&r->seat.place, &o, &mine);
}

static void start(struct rig *r)
{
    struct err e = {0};
    struct spine_handler handler = {.on_effects = on_effects,
                                    .on_relief = on_relief,
                                    .tenure = r->tenure,
                                    .on_lost = on_lost,
                                    .on_dropped = on_dropped};
    tenure_give(r->tenure, r->store);
    if (spine_start(&r->loop, r->engine, &handler, r, &r->spine, &e)) fail_msg("%s", e.msg);
}

static int setup(void **state)
{
    struct rig *r = mem_alloc(sizeof *r);
    struct err e = {0};
    struct moment now;
    struct engine_config config = {.lease_ms = 60000,
                                   .heartbeat_ms = 10000,
                                   .retention_ms = 3600000,
                                   .output_limit_bytes = 1 << 20,
                                   .payload_limit_bytes = 1 << 20,
                                   .max_agents = 10,
                                   .kill_time_ms = 15000};
    char *temp = paths_temp();
    r->folder = str_dupf("%s/cadre-tenure-%016llx", temp, (unsigned long long)os_seed());
    mem_free(temp);
    atomic_store(&ahead_ms, 0);
    atomic_store(&fate, FATE_FINE);
    atomic_store(&in_commit, false);
    os_now(&now);
    assert_int_equal(dir_make(r->folder, FILE_SECRET, &e), 0);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    if (store_open(r->folder, &r->store, &e) ||
        engine_new(r->store, &config, 1, &now, &r->engine, &e))
        fail_msg("%s", e.msg);
    the_commit = store_queue(r->store, Q_COMMIT);
    the_insert = store_queue(r->store, Q_COUNT);
    atomic_store(&breaks, false);
    row_init(&row);
    seat_init(&r->seat, &row);
    take(r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    struct err e;
    if (r->spine) spine_stop(r->spine);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    engine_free(r->engine);
    the_commit = the_insert = NULL;
    store_close(r->store);
    tenure_free(r->tenure);
    row_fini(&row);
    assert_int_equal(dir_remove_tree(r->folder, &e), 0);
    mem_free(r->folder);
    mem_free(r);
    return 0;
}

static void push_submit(struct rig *r, uint64_t request)
{
    struct command *c = command_new(CMD_SUBMIT);
    c->request = request;
    c->u.submit.spec = mem_strdup("{\"command\":[\"true\"]}");
    c->u.submit.job.attempt = 1;
    spine_push(r->spine, c);
}

/* A turn of the loop, which wakes up though nothing comes. */
static void turn(struct rig *r)
{
    uv_run(&r->loop, UV_RUN_NOWAIT);
    uv_sleep(1);
}

static void run_until(struct rig *r, const size_t *what, size_t count)
{
    while (*what < count)
        turn(r);
}

static void drop(struct rig *r)
{
    run_until(r, &r->lost, 1);
    assert_false(spine_owns_queue(r->spine));
    spine_drop(r->spine);
    run_until(r, &r->dropped, 1);
    assert_int_equal(r->lost, 1);
}

static int64_t jobs(struct rig *r)
{
    int64_t id = 0;
    struct err e = {0};
    assert_int_equal(store_job_last_id(r->store, &id, &e), 0);
    return id;
}

static void commit__takes_the_row(void **state)
{
    struct rig *r = *state;
    start(r);
    int64_t before = row_read(&row).batch;
    push_submit(r, 1);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 0);
    assert_true(row_read(&row).batch > before);
    assert_true(spine_owns_queue(r->spine));
}

static void idle__renews_by_itself(void **state)
{
    struct rig *r = *state;
    start(r);
    while (atomic_load(&r->seat.renewals) < 2) {
        turn(r);
        atomic_fetch_add(&ahead_ms, 5);
    }
    assert_int_equal(r->lost, 0);
    assert_int_equal(row_read(&row).epoch, 2);
}

static void fenced__nobody_is_told_anything(void **state)
{
    struct rig *r = *state;
    start(r);
    row_steal(&row);
    push_submit(r, 1);
    drop(r);
    assert_int_equal(r->replies, 0);
    assert_int_equal(jobs(r), 0);
    struct owner_row now = row_read(&row);
    assert_int_equal(now.batch, 0);
}

/* An owner that does nothing learns of it by its renewal. */
static void fenced__while_idle__is_lost(void **state)
{
    struct rig *r = *state;
    start(r);
    row_steal(&row);
    atomic_store(&ahead_ms, OWNER_RENEW_MS);
    drop(r);
    assert_int_equal(r->replies, 0);
}

static void what_comes_after_the_loss__is_dropped_and_not_leaked(void **state)
{
    struct rig *r = *state;
    start(r);
    row_steal(&row);
    push_submit(r, 1);
    run_until(r, &r->lost, 1);
    push_submit(r, 2);
    turn(r);
    spine_drop(r->spine);
    push_submit(r, 3);
    run_until(r, &r->dropped, 1);
    assert_int_equal(r->replies, 0);
}

static void database_is_gone__time_is_over__is_lost(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&r->seat.cut, true);
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS - 1000);
    assert_true(spine_owns_queue(r->spine));
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS);
    assert_false(spine_owns_queue(r->spine)); /* at once, before anybody has looked */
    drop(r);
}

/* It was committed, and nobody hears of it: who asked asks again, at another coordinator. */
static void commit_takes_too_long__its_effects_are_dropped(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&fate, FATE_HANGS);
    push_submit(r, 1);
    while (!atomic_load(&in_commit))
        turn(r);
    atomic_store(&r->seat.cut, true); /* it is not renewed either */
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS);
    atomic_store(&fate, FATE_FINE);
    drop(r);
    assert_int_equal(r->replies, 0);
    assert_true(jobs(r) > 0);
}

/* The row is still this one's, as the renewal shows: its time begins anew. */
static void commit_takes_too_long__a_renewal_comes_before_anybody_looked__goes_on(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&fate, FATE_HANGS);
    push_submit(r, 1);
    while (!atomic_load(&in_commit))
        turn(r);
    int renewals = atomic_load(&r->seat.renewals);
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS + 1000);
    atomic_store(&fate, FATE_FINE);
    while (atomic_load(&r->seat.renewals) == renewals || !tenure_may_send(r->tenure))
        uv_sleep(1);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 0);
    assert_int_equal(r->lost, 0);
}

/* The loop does not wait for a thread that hangs in the database. */
static void commit_hangs__is_lost_without_it(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&fate, FATE_HANGS);
    push_submit(r, 1);
    while (!atomic_load(&in_commit))
        turn(r);
    atomic_store(&r->seat.cut, true); /* it is not renewed either */
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS);
    run_until(r, &r->lost, 1);
    spine_drop(r->spine);
    for (int i = 0; i < 20; i++)
        turn(r);
    assert_int_equal(r->dropped, 0);
    atomic_store(&fate, FATE_FINE);
    run_until(r, &r->dropped, 1);
    assert_int_equal(r->replies, 0);
}

/* The loop was stopped while everything went well: what it finds then is too old. */
static void loop_is_stopped__effects_that_wait_are_dropped(void **state)
{
    struct rig *r = *state;
    start(r);
    push_submit(r, 1);
    uv_run(&r->loop, UV_RUN_NOWAIT);
    struct round_commits n = {0};
    while (n.commands == 0) {
        spine_commits(r->spine, &n);
        uv_sleep(1);
    }
    atomic_store(&r->seat.cut, true);
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS);
    drop(r);
    assert_int_equal(r->replies, 0);
}

/* ---- lost answers ---- */

static void answer_of_the_row_is_lost__it_is_there__batch_goes_on(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&r->seat.lost_answers, 1);
    push_submit(r, 1);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 0);
    assert_int_equal(atomic_load(&r->seat.resolves), 1);
    assert_int_equal(row_read(&row).epoch, 3); /* raised: what is still open can not land */
    push_submit(r, 2);
    run_until(r, &r->replies, 2);
    assert_int_equal(r->failures, 0);
}

static void answer_is_lost__it_is_not_there__the_batch_failed(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&r->seat.lost_asks, 1);
    push_submit(r, 1);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 1);
    assert_int_equal(jobs(r), 0);
    assert_int_equal(r->lost, 0);
    while (!spine_takes_requests(r->spine))
        turn(r);
    for (uint64_t n = 2; r->failures == r->replies; n++) {
        push_submit(r, n);
        run_until(r, &r->replies, n);
    }
    assert_true(jobs(r) > 0);
}

static void answer_is_lost__another_has_taken_over__is_lost(void **state)
{
    struct rig *r = *state;
    start(r);
    atomic_store(&r->seat.lost_asks, 1);
    row_steal(&row);
    push_submit(r, 1);
    drop(r);
    assert_int_equal(r->replies, 0);
    assert_int_equal(atomic_load(&r->seat.resolves), 0);
}

/* As a database does it that has the row itself: COMMIT is what is not answered. */
static void as_of_one_database(struct rig *r)
{
    r->seat.place.apart = false;
    start(r);
}

static void commit_is_not_answered__it_is_there__its_effects_are_told(void **state)
{
    struct rig *r = *state;
    as_of_one_database(r);
    atomic_store(&fate, FATE_DONE_AND_LOST);
    push_submit(r, 1);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 0);
    assert_true(jobs(r) > 0);
    assert_int_equal(atomic_load(&r->seat.resolves), 1);
}

static void commit_is_not_answered__it_is_not_there__the_batch_failed(void **state)
{
    struct rig *r = *state;
    as_of_one_database(r);
    atomic_store(&fate, FATE_LOST);
    push_submit(r, 1);
    run_until(r, &r->replies, 1);
    assert_int_equal(r->failures, 1);
    assert_int_equal(jobs(r), 0);
    assert_int_equal(atomic_load(&r->seat.resolves), 1);
}

/* Nothing can have landed: its epoch stays, and the next batch is as any. */
static void connection_breaks_before_the_commit__nobody_is_asked(void **state)
{
    struct rig *r = *state;
    as_of_one_database(r);
    atomic_store(&breaks, true);
    push_submit(r, 1);
    run_until(r, &r->replies, 1);
    assert_false(atomic_load(&breaks));
    assert_int_equal(r->failures, 1);
    assert_int_equal(jobs(r), 0);
    assert_int_equal(atomic_load(&r->seat.resolves), 0);
    assert_int_equal(row_read(&row).epoch, 2);
    assert_int_equal(r->lost, 0);
    assert_true(spine_owns_queue(r->spine));
}

static void commit_is_not_answered__nor_is_the_question__is_lost_when_time_is_over(void **state)
{
    struct rig *r = *state;
    as_of_one_database(r);
    atomic_store(&r->seat.cut, true);
    atomic_store(&fate, FATE_DONE_AND_LOST);
    push_submit(r, 1);
    while (atomic_load(&fate) != FATE_FINE)
        turn(r);
    assert_int_equal(r->replies, 0);
    assert_int_equal(r->lost, 0);
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS);
    drop(r);
    assert_int_equal(r->replies, 0);
}

/* ---- in order ---- */

static void stop__gives_the_row_back_after_the_last_commit(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    start(r);
    push_submit(r, 1);
    spine_stop(r->spine);
    r->spine = NULL;
    assert_int_equal(r->replies, 1);
    assert_int_equal(r->failures, 0);
    assert_true(row_read(&row).held);
    assert_int_equal(tenure_release(r->tenure, &e), 0);
    assert_false(row_read(&row).held);
    assert_false(tenure_may_send(r->tenure));
    assert_int_equal(tenure_release(r->tenure, &e), ERR_FENCED); /* once */
}

static void stop__after_the_loss__tells_nothing(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    start(r);
    row_steal(&row);
    push_submit(r, 1);
    spine_stop(r->spine);
    r->spine = NULL;
    assert_int_equal(r->replies, 0);
    assert_int_equal(r->lost, 0);
    assert_int_equal(tenure_release(r->tenure, &e), ERR_FENCED);
    assert_true(row_read(&row).held);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(commit__takes_the_row),
        T(idle__renews_by_itself),
        T(fenced__nobody_is_told_anything),
        T(fenced__while_idle__is_lost),
        T(what_comes_after_the_loss__is_dropped_and_not_leaked),
        T(database_is_gone__time_is_over__is_lost),
        T(commit_takes_too_long__its_effects_are_dropped),
        T(commit_takes_too_long__a_renewal_comes_before_anybody_looked__goes_on),
        T(commit_hangs__is_lost_without_it),
        T(loop_is_stopped__effects_that_wait_are_dropped),
        T(answer_of_the_row_is_lost__it_is_there__batch_goes_on),
        T(answer_is_lost__it_is_not_there__the_batch_failed),
        T(answer_is_lost__another_has_taken_over__is_lost),
        T(commit_is_not_answered__it_is_there__its_effects_are_told),
        T(commit_is_not_answered__it_is_not_there__the_batch_failed),
        T(connection_breaks_before_the_commit__nobody_is_asked),
        T(commit_is_not_answered__nor_is_the_question__is_lost_when_time_is_over),
        T(stop__gives_the_row_back_after_the_last_commit),
        T(stop__after_the_loss__tells_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
