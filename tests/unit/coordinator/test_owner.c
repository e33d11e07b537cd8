/* Whole coordinators, one of which owns the queue: each has databases of its own here, and the row
 * that says whose turn it is, is in memory. */
#include "tests/unit/coordinator/house.h"
#include "tests/unit/coordinator/row.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/lease.h"

#include <signal.h>
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

/* A load that hangs while it is set. */
static atomic_bool load_hangs, in_load;

int __real_coordinator_open_store(const struct store_opening *o, struct store **out, struct err *e);
int __wrap_coordinator_open_store(const struct store_opening *o, struct store **out, struct err *e);

int __wrap_coordinator_open_store(const struct store_opening *o, struct store **out, struct err *e)
{
    atomic_store(&in_load, true);
    while (atomic_load(&load_hangs))
        uv_sleep(1);
    return __real_coordinator_open_store(o, out, e);
}

static struct row row;
static struct house a, b;
static struct seat at_a, at_b;

static void open_one(struct house *h, struct seat *s, const char *yaml)
{
    seat_init(s, &row);
    struct coordinator_timeouts t = {.place = &s->place};
    house_open(h, yaml, &t);
}

static int setup(void **state)
{
    (void)state;
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_IGN); /* as every program of Cadre does */
#endif
    atomic_store(&ahead_ms, 0);
    atomic_store(&load_hangs, false);
    atomic_store(&in_load, false);
    row_init(&row);
    open_one(&a, &at_a, "advertise: [127.0.0.1:1]\n");
    open_one(&b, &at_b, "advertise: [127.0.0.1:2]\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    house_close(&a);
    house_close(&b);
    row_fini(&row);
    return 0;
}

/* Both go on. */
static void turn(void)
{
    if (a.coordinator) uv_run(&a.loop, UV_RUN_NOWAIT);
    if (b.coordinator) uv_run(&b.loop, UV_RUN_NOWAIT);
    uv_sleep(1);
}

static bool owns(const struct house *h)
{
    return h->coordinator && coordinator_owns(h->coordinator);
}

static void until_owns(const struct house *h)
{
    while (!owns(h))
        turn();
}

/* a, and b has seen that. */
static void let_a_own(void)
{
    while (!owns(&a))
        uv_run(&a.loop, UV_RUN_ONCE);
    int looks = atomic_load(&at_b.looks);
    while (atomic_load(&at_b.looks) < looks + 2)
        turn();
    assert_false(owns(&b));
}

static void until_lost(const struct house *h)
{
    while (owns(h))
        turn();
}

static void submit(struct house *h, int status, const char *message)
{
    struct answer x;
    house_call(h, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"true\"]}", NULL, &x);
    if (status == 201)
        assert_int_equal(x.status, 201);
    else
        answer_is(&x, status, "no-owner", message);
    answer_fini(&x);
}

static size_t jobs(struct house *h)
{
    struct json *list = house_get(h, "/api/v1/jobs", 200);
    size_t count = json_count(json_get(list, "jobs"));
    json_free(list);
    return count;
}

static void is_ready(struct house *h, bool owner)
{
    struct answer x;
    house_call(h, "GET", "/readyz", "", NULL, NULL, &x);
    assert_int_equal(x.status, 200);
    answer_fini(&x);
    house_call(h, "GET", "/readyz?owner", "", NULL, NULL, &x);
    assert_int_equal(x.status, owner ? 200 : 503);
    answer_fini(&x);
}

static void two__one_owns__the_other_serves_without(void **state)
{
    (void)state;
    let_a_own();
    is_ready(&a, true);
    is_ready(&b, false);
    submit(&a, 201, NULL);
    submit(&b, 503, "no coordinator owns the queue");
    assert_int_equal(jobs(&a), 1);
    assert_int_equal(jobs(&b), 0);
    json_free(house_get(&b, "/api/v1/status", 200));
    assert_int_equal(atomic_load(&at_b.takes), 0);
}

/* Its renewals and commits are seen, however long that goes on. */
static void two__time_passes__the_owner_stays(void **state)
{
    (void)state;
    let_a_own();
    int64_t until_ms = os_mono_ms() + 4 * OWNER_TAKEOVER_MS;
    while (os_mono_ms() < until_ms) {
        int looks = atomic_load(&at_b.looks), renewals = atomic_load(&at_a.renewals);
        while (atomic_load(&at_b.looks) == looks || atomic_load(&at_a.renewals) == renewals)
            turn();
        atomic_fetch_add(&ahead_ms, OWNER_EXPIRY_MS / 2);
        assert_true(owns(&a));
    }
    assert_true(owns(&a));
    assert_false(owns(&b));
    assert_int_equal(atomic_load(&at_b.takes), 0);
}

static void owner_stops_in_order__other_takes_over_at_once(void **state)
{
    (void)state;
    let_a_own();
    submit(&a, 201, NULL);
    house_stop(&a);
    assert_int_equal(atomic_load(&at_a.releases), 1);
    int64_t from_ms = os_mono_ms();
    until_owns(&b);
    assert_true(os_mono_ms() - from_ms < OWNER_EXPIRY_MS);
    submit(&b, 201, NULL);
    is_ready(&b, true);
}

static void owner_is_cut_off__sends_all_away__and_becomes_a_standby(void **state)
{
    struct identity agent;
    struct peer p, q;
    int64_t retry_ms;
    (void)state;
    let_a_own();
    house_enrol(&a, "one", NULL, &agent);
    house_agent(&a, &agent, "one", 4, &p);
    peer_open(&q, &a, ALPN_HTTP, NULL, NULL);
    char *text =
        str_dupf("GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
                 a.admin);
    peer_write(&q, text, strlen(text));
    mem_free(text);
    while (q.in.len == 0)
        turn();
    atomic_store(&at_a.cut, true);
    atomic_store(&ahead_ms, OWNER_EXPIRY_MS);
    /* nobody says to the agent that its lease goes on: another one may own the queue */
    peer_send(&p, &(struct msg){.type = MSG_HEARTBEAT, .u.heartbeat = {.n = 7}});
    peer_refused(&p, "not-owner", &retry_ms);
    until_lost(&a);
    while (!p.closed || !q.closed)
        turn();
    submit(&a, 503, "no coordinator owns the queue");
    is_ready(&a, false);
    assert_int_equal(atomic_load(&at_b.takes), 0); /* its time has not come yet */
    atomic_store(&ahead_ms, 2 * OWNER_TAKEOVER_MS);
    until_owns(&b);
    submit(&b, 201, NULL);
    atomic_store(&at_a.cut, false);
    int looks = atomic_load(&at_a.looks);
    while (atomic_load(&at_a.looks) < looks + 3)
        turn();
    assert_false(owns(&a));
    peer_fini(&p);
    peer_fini(&q);
    identity_fini(&agent);
}

/* A change that is under way when the row turns out to be another one's: nobody says that it was
 * not done. */
static void owner_is_fenced__a_change_has_no_answer(void **state)
{
    (void)state;
    static const char body[] = "{\"command\":[\"true\"]}";
    struct peer p;
    let_a_own();
    submit(&a, 201, NULL);
    row_steal(&row);
    peer_open(&p, &a, ALPN_HTTP, NULL, NULL);
    char *text = str_dupf("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                          a.admin, strlen(body), body);
    peer_write(&p, text, strlen(text));
    mem_free(text);
    peer_wait_closed(&p);
    assert_int_equal(p.in.len, 0);
    peer_fini(&p);
    until_lost(&a);
    assert_int_equal(atomic_load(&at_a.releases), 0);
}

/* Three times over, in one process: what was committed is there each time. */
static void one__loses_it_and_takes_it_again(void **state)
{
    (void)state;
    let_a_own();
    house_stop(&b);
    for (size_t i = 1; i <= 3; i++) {
        submit(&a, 201, NULL);
        assert_int_equal(jobs(&a), i);
        row_steal(&row);
        until_lost(&a);
        int looks = atomic_load(&at_a.looks);
        while (atomic_load(&at_a.looks) < looks + 2)
            turn();
        assert_false(owns(&a));
        atomic_fetch_add(&ahead_ms, OWNER_TAKEOVER_MS);
        until_owns(&a);
        assert_int_equal(atomic_load(&at_a.takes), 1 + (int)i);
        assert_int_equal(jobs(&a), i);
    }
}

static void two__hand_it_to_each_other(void **state)
{
    (void)state;
    let_a_own();
    for (int i = 0; i < 2; i++) {
        struct house *owner = i % 2 ? &b : &a, *other = i % 2 ? &a : &b;
        struct seat *s = i % 2 ? &at_b : &at_a;
        atomic_store(&s->cut, true);
        atomic_fetch_add(&ahead_ms, OWNER_EXPIRY_MS);
        until_lost(owner);
        atomic_store(&s->cut, false);
        struct coordinator *none = owner->coordinator; /* it does not look, and so does not take */
        owner->coordinator = NULL;
        atomic_fetch_add(&ahead_ms, OWNER_TAKEOVER_MS);
        until_owns(other);
        owner->coordinator = none;
        assert_false(owns(owner));
        submit(other, 201, NULL);
    }
}

/* ---- ends in between ---- */

static void standby__stops(void **state)
{
    (void)state;
    let_a_own();
    house_stop(&b);
    assert_int_equal(atomic_load(&at_b.releases), 0);
    submit(&a, 201, NULL);
}

static void end_of_load(uv_timer_t *t)
{
    (void)t;
    atomic_store(&load_hangs, false);
}

static void loading__stops__gives_it_back(void **state)
{
    (void)state;
    atomic_store(&load_hangs, true);
    while (!atomic_load(&in_load))
        uv_run(&a.loop, UV_RUN_ONCE);
    assert_false(owns(&a));
    uv_timer_t t;
    uv_timer_init(&a.loop, &t);
    uv_timer_start(&t, end_of_load, 50, 0);
    house_stop(&a);
    uv_close((uv_handle_t *)&t, NULL);
    uv_run(&a.loop, UV_RUN_NOWAIT);
    assert_int_equal(atomic_load(&at_a.releases), 1);
    assert_false(row_read(&row).held);
    until_owns(&b);
}

/* Loading takes longer than the row stands for, so that it is renewed meanwhile. */
static void loading__takes_long__is_renewed(void **state)
{
    (void)state;
    atomic_store(&load_hangs, true);
    while (!atomic_load(&in_load))
        uv_run(&a.loop, UV_RUN_ONCE);
    for (int i = 1; i <= 4; i++) {
        while (atomic_load(&at_a.renewals) < i)
            turn();
        atomic_fetch_add(&ahead_ms, OWNER_EXPIRY_MS / 2);
    }
    assert_false(owns(&a) || owns(&b));
    atomic_store(&load_hangs, false);
    until_owns(&a);
    assert_int_equal(atomic_load(&at_b.takes), 0);
    submit(&a, 201, NULL);
}

static void loading__row_is_stolen__does_not_own(void **state)
{
    (void)state;
    atomic_store(&load_hangs, true);
    while (!atomic_load(&in_load))
        uv_run(&a.loop, UV_RUN_ONCE);
    row_steal(&row);
    int renewals = atomic_load(&at_a.renewals);
    struct owner_row now = row_read(&row);
    atomic_fetch_add(&ahead_ms, OWNER_EXPIRY_MS); /* however the renewals were */
    atomic_store(&load_hangs, false);
    int looks = atomic_load(&at_a.looks);
    atomic_fetch_add(&ahead_ms, OWNER_TAKEOVER_MS);
    for (int i = 0; i < 200; i++)
        turn();
    assert_false(owns(&a));
    assert_int_equal(atomic_load(&at_a.renewals), renewals);
    assert_int_equal(atomic_load(&at_a.looks), looks);
    assert_int_equal(row_read(&row).epoch - now.epoch, atomic_load(&at_b.takes));
}

/* ---- tables of a newer version ---- */

static void refuses(struct house *h, const char *method, const char *path, const char *body)
{
    struct answer x;
    house_call(h, method, path, NULL, body, NULL, &x);
    answer_is(&x, 503, "no-owner", "this coordinator serves nothing: the tables are newer (test)");
    answer_fini(&x);
}

static void until_refuses(struct house *h, bool refused)
{
    for (bool ready = refused; ready == refused;) {
        struct answer x;
        turn();
        house_call(h, "GET", "/readyz", "", NULL, NULL, &x);
        ready = x.status == 200;
        answer_fini(&x);
    }
}

static void answers(struct house *h, const char *path)
{
    struct answer x;
    house_call(h, "GET", path, "", NULL, NULL, &x);
    assert_int_equal(x.status, 200);
    answer_fini(&x);
}

static void standby__tables_are_newer__serves_nothing(void **state)
{
    struct identity agent;
    struct peer p;
    int64_t retry_ms;
    (void)state;
    let_a_own();
    house_certify(&b, "06f3k9x2m1c7a", os_wall_ms() - 60000, os_wall_ms() + 60000, PKI_CLIENT,
                  &agent);
    atomic_store(&at_b.newer, true);
    until_refuses(&b, true);
    static const char *const paths[] = {
        "/readyz",        "/readyz?owner",      "/api/v1/jobs",         "/api/v1/status",
        "/api/v1/whoami", "/api/v1/jobs/1/why", "/api/v1/coordinators", "/metrics",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        refuses(&b, "GET", paths[i], NULL);
    refuses(&b, "POST", "/api/v1/jobs", "{\"command\":[\"true\"]}");
    refuses(&b, "POST", "/api/v1/session", "{\"token\":\"x\"}");
    refuses(&b, "POST", "/api/v1/webhooks/a/b", "{}");
    answers(&b, "/healthz");
    answers(&b, "/api/v1/version");
    answers(&b, "/ca.pem");
    peer_open(&p, &b, ALPN_CADRE, agent.cert, agent.key);
    peer_hello(&p, "one", "boot-1", 4);
    peer_refused(&p, "not-owner", &retry_ms);
    assert_true(owns(&a));
    submit(&a, 201, NULL);
    peer_fini(&p);
    identity_fini(&agent);
}

static void standby__tables_are_newer__takes_nothing_over(void **state)
{
    (void)state;
    let_a_own();
    atomic_store(&at_b.newer, true);
    until_refuses(&b, true);
    house_stop(&a);
    atomic_fetch_add(&ahead_ms, 2 * OWNER_TAKEOVER_MS);
    int looks = atomic_load(&at_b.looks);
    while (atomic_load(&at_b.looks) < looks + 2)
        turn();
    assert_int_equal(atomic_load(&at_b.takes), 0);
    refuses(&b, "GET", "/api/v1/jobs", NULL);
}

/* A database that was restored. */
static void standby__tables_are_known_again__serves(void **state)
{
    (void)state;
    let_a_own();
    atomic_store(&at_b.newer, true);
    until_refuses(&b, true);
    atomic_store(&at_b.newer, false);
    until_refuses(&b, false);
    is_ready(&b, false);
    assert_int_equal(jobs(&b), 0);
    house_stop(&a);
    until_owns(&b);
    submit(&b, 201, NULL);
}

/* An answer that says nothing of the tables. */
static void standby__is_cut_off__serves(void **state)
{
    (void)state;
    let_a_own();
    atomic_store(&at_b.cut, true);
    int looks = atomic_load(&at_b.looks);
    while (atomic_load(&at_b.looks) < looks + 1)
        turn();
    is_ready(&b, false);
    assert_int_equal(jobs(&b), 0);
}

static void losing__stops(void **state)
{
    (void)state;
    let_a_own();
    row_steal(&row);
    until_lost(&a);
    house_stop(&a);
    assert_int_equal(atomic_load(&at_a.releases), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(two__one_owns__the_other_serves_without),
        T(two__time_passes__the_owner_stays),
        T(owner_stops_in_order__other_takes_over_at_once),
        T(owner_is_cut_off__sends_all_away__and_becomes_a_standby),
        T(owner_is_fenced__a_change_has_no_answer),
        T(one__loses_it_and_takes_it_again),
        T(two__hand_it_to_each_other),
        T(standby__stops),
        T(loading__stops__gives_it_back),
        T(loading__takes_long__is_renewed),
        T(loading__row_is_stolen__does_not_own),
        T(standby__tables_are_newer__serves_nothing),
        T(standby__tables_are_newer__takes_nothing_over),
        T(standby__tables_are_known_again__serves),
        T(standby__is_cut_off__serves),
        T(losing__stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
