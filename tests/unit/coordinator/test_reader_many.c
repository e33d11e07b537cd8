/* What an overview reads, and how much of the store: among a million jobs, each list goes by an
 * index, or looks at 5,000 rows and says that there may be more. Rows are counted where they come
 * out of the database. */
#include "store_fixture.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_failures.h"
#include "coordinator/store/reader_trigger.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_reader.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BIT(state) (UINT32_C(1) << (state))
#define FAILED BIT(JOB_FAILED)
/* A job that is looked at is one row, that of its state; what it needs beside it is its own part,
 * which does not change, and its execution. One row tells that there are more, another one, once,
 * how many jobs are open. */
#define ROWS_MOST (SCAN_MOST + 2)
#define BESIDE_MOST (2 * SCAN_MOST)
/* Of SQLite's machine: what a row costs that is not told by coming out. */
#define STEPS_MOST (100 * SCAN_MOST)

static int64_t rows, rows_beside;
static const struct stmt *beside[2];

int __real_db_step(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_step(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_step(struct db *d, struct stmt *q, struct err *e)
{
    int rc = __real_db_step(d, q, e);
    bool is_beside = q == beside[0] || q == beside[1];
    rows += rc == 1 && !is_beside;
    rows_beside += rc == 1 && is_beside;
    return rc;
}

/* ---- lists of jobs ---- */

static int count_job(const struct job_view *v, void *user)
{
    (void)v;
    ++*(size_t *)user;
    return 0;
}

/* All pages of it. */
static size_t count_jobs(struct reader *r, struct job_filter f)
{
    size_t count = 0;
    f.limit = 7;
    do {
        OK(reader_jobs(r, &f, count_job, &count, &f.before_id, &e));
    } while (f.before_id);
    return count;
}

static void end_as(struct fixture *f, struct job_row j, enum job_state state, enum reason reason,
                   int64_t exit_code)
{
    add_job(f, &j);
    OK(store_job_submitted(f->store, j.id, 1, 1, T0, &e));
    struct job_end end = {.state = state,
                          .reason = reason,
                          .message = "because",
                          .exited = exit_code >= 0,
                          .exit_code = exit_code < 0 ? 0 : exit_code,
                          .ended_ms = j.created_ms + 5};
    OK(store_job_finish(f->store, j.id, &end, &e));
}

/* An execution of a flow in `ns`, and its task run n. */
static struct job_row task_run(struct fixture *f, int n, char *ns, char *labels, char id[14])
{
    struct execution_row x = {.id = job_id(n),
                              .ns = ns,
                              .flow = "f",
                              .revision = 1,
                              .labels = labels,
                              .created_ms = T0 + n};
    OK(store_execution_insert(f->store, &x, &e));
    id_format(x.id, id);
    struct job_row j = plain_job(n, "g");
    j.ns = ns;
    j.flow = "f";
    j.task = "t";
    j.execution = id;
    return j;
}

static void filters_of_the_end_and_the_origin_find_their_jobs(void **state)
{
    struct fixture *f = *state;
    char ids[3][14];
    begin(f);
    struct job_row named = plain_job(1, "g"), bare = plain_job(2, "g"), other = plain_job(3, "g");
    named.name = "nightly";
    end_as(f, named, JOB_FAILED, REASON_EXIT_CODE, 3);
    end_as(f, bare, JOB_FAILED, REASON_EXIT_CODE, 0);
    end_as(f, other, JOB_FAILED, REASON_LOST, -1);
    end_as(f, task_run(f, 4, "a", "{\"owner\":\"ops\",\"env\":\"prod\"}", ids[0]), JOB_FAILED,
           REASON_TIMEOUT, 137);
    end_as(f, task_run(f, 5, "a.b", "{\"owner\":\"dev\"}", ids[1]), JOB_SUCCESS, REASON_NONE, 0);
    end_as(f, task_run(f, 6, "a", NULL, ids[2]), JOB_FAILED, REASON_EXIT_CODE, 3);
    commit(f);
    struct reader *r = open_reader(f);
    struct json *ops = json_new(JSON_OBJECT), *both = json_new(JSON_OBJECT),
                *none = json_new(JSON_OBJECT);
    assert_int_equal(json_add(ops, "owner", json_new_str("ops")), 0);
    assert_int_equal(json_add(both, "owner", json_new_str("ops")), 0);
    assert_int_equal(json_add(both, "env", json_new_str("prod")), 0);
    assert_int_equal(json_add(none, "owner", json_new_str("")), 0);
    const struct {
        struct job_filter filter;
        size_t count;
    } cases[] = {
        {{0}, 6},
        {{.reasons = BIT(REASON_EXIT_CODE)}, 3},
        {{.reasons = BIT(REASON_EXIT_CODE) | BIT(REASON_LOST)}, 4},
        {{.reasons = BIT(REASON_NONE)}, 1},
        {{.reasons = BIT(REASON_DRAIN)}, 0},
        {{.exited = true, .exit_code = 3}, 2},
        {{.exited = true}, 2}, /* 0; of what did not exit nothing is known */
        {{.exited = true, .exit_code = 3, .unnamed = true}, 1},
        {{.unnamed = true}, 5},
        {{.name = "nightly", .reasons = BIT(REASON_EXIT_CODE)}, 1},
        {{.name = "nightly", .reasons = BIT(REASON_LOST)}, 0},
        {{.flow = "f", .ns = "a"}, 2}, /* not what is below */
        {{.flow = "f", .ns = "a.b"}, 1},
        {{.flow = "g", .ns = "a"}, 0},
        {{.task = "t"}, 3},
        {{.task = "u"}, 0},
        {{.task = "t", .states = FAILED}, 2},
        {{.labels = ops}, 1},
        {{.labels = both}, 1},
        {{.labels = none}, 0},
        {{.labels = ops, .states = BIT(JOB_SUCCESS)}, 0},
        {{.labels = ops, .name = "nightly"}, 0},
        {{.labels = ops, .kinds = BIT(SHOWN_JOB)}, 0},
        {{.labels = ops, .flow = "f", .ns = "a", .task = "t", .group = "g", .agent = 1}, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (count_jobs(r, cases[i].filter) != cases[i].count)
            fail_msg("case %zu: %zu jobs", i, count_jobs(r, cases[i].filter));
    json_free(ops);
    json_free(both);
    json_free(none);
    reader_close(r);
}

/* ---- failures ---- */

struct failures {
    char text[2000];
    size_t count;
};

static int on_failure(const struct failure_row *row, void *user)
{
    struct failures *x = user;
    size_t len = strlen(x->text);
    if (x->count++ < 20)
        (void)str_format(x->text + len, sizeof x->text - len, "%s%s/%s/%lld/%s/%s", len ? " " : "",
                         shown_state_names[row->state], reason_name(row->reason),
                         row->exited ? (long long)row->exit_code : -1, row->group,
                         row->name   ? row->name
                         : row->task ? row->task
                                     : "-");
    return 0;
}

static void failures_are(struct reader *r, struct failure_filter f, const char *expected,
                         size_t looked)
{
    struct failures x = {0};
    struct failures_seen seen;
    OK(reader_failures(r, &f, on_failure, &x, &seen, &e));
    assert_string_equal(x.text, expected);
    assert_int_equal(seen.looked, looked);
    assert_true(seen.complete);
}

static void failures_come_newest_first__without_what_a_user_cancelled(void **state)
{
    struct fixture *f = *state;
    char id[14];
    begin(f);
    struct job_row named = plain_job(1, NULL);
    named.name = "n";
    named.ns = "a.b";
    end_as(f, named, JOB_FAILED, REASON_EXIT_CODE, 3);
    end_as(f, plain_job(2, "g"), JOB_SUCCESS, REASON_NONE, 0);
    end_as(f, plain_job(3, "g"), JOB_WARNING, REASON_EXIT_CODE, 1);
    end_as(f, plain_job(4, "g"), JOB_KILLED, REASON_CANCELLED, 143);
    end_as(f, plain_job(5, "g"), JOB_CANCELLED, REASON_NO_AGENT, -1);
    end_as(f, plain_job(6, "g"), JOB_CANCELLED, REASON_CANCELLED, -1);
    end_as(f, task_run(f, 7, "a", NULL, id), JOB_KILLED, REASON_TIMEOUT, 137);
    add_plain(f, 8, "g");
    commit(f);
    struct reader *r = open_reader(f);
    failures_are(r, (struct failure_filter){0},
                 "KILLED/timeout/137/g/t CANCELLED/no-agent/-1/g/- FAILED/exit-code/3/default/n",
                 6);
    failures_are(r, (struct failure_filter){.since_ms = T0 + 10},
                 "KILLED/timeout/137/g/t CANCELLED/no-agent/-1/g/-", 6);
    failures_are(r, (struct failure_filter){.ns = "a"},
                 "KILLED/timeout/137/g/t FAILED/exit-code/3/default/n", 6);
    failures_are(r, (struct failure_filter){.ns = "a.b"}, "FAILED/exit-code/3/default/n", 6);
    failures_are(r, (struct failure_filter){.since_ms = T0 + 13}, "", 6);
    reader_close(r);
}

/* What counts is the end: of one that waited for long, that of another which is younger. */
static void ends_are_found__whenever_the_job_was_created(void **state)
{
    struct fixture *f = *state;
    const int64_t day = 86400000;
    const struct {
        int n;
        int64_t ended_ms;
    } jobs[] = {{1, T0 + 47 * (day / 24)}, {2, T0 + 1000}, {3, T0 + 2 * day}};
    begin(f);
    for (size_t i = 0; i < 3; i++) {
        struct job_row j = plain_job(jobs[i].n, "g");
        j.state = JOB_FAILED;
        j.reason = REASON_TIMEOUT;
        j.agent = 7;
        j.ended_ms = jobs[i].ended_ms;
        add_job(f, &j);
    }
    add_plain(f, 4, "g"); /* has not ended */
    commit(f);
    struct reader *r = open_reader(f);
    failures_are(r, (struct failure_filter){.since_ms = T0 + day},
                 "FAILED/timeout/-1/g/- FAILED/timeout/-1/g/-", 3);
    failures_are(r, (struct failure_filter){.since_ms = T0 + 47 * (day / 24)},
                 "FAILED/timeout/-1/g/- FAILED/timeout/-1/g/-", 3);
    failures_are(r, (struct failure_filter){.since_ms = T0 + 47 * (day / 24) + 1},
                 "FAILED/timeout/-1/g/-", 3);
    const struct {
        int64_t since_ms, until_ms;
        size_t count;
    } cases[] = {
        {T0 + day, 0, 2},         {1, 0, 3},         {0, T0 + day, 1},
        {0, T0 + 1000, 0},        {0, T0 + 1001, 1}, {T0 + 1000, T0 + 2 * day, 2},
        {T0 + 2 * day + 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct job_filter filter = {.ended_since_ms = cases[i].since_ms,
                                    .ended_until_ms = cases[i].until_ms};
        assert_int_equal(count_jobs(r, filter), cases[i].count);
        filter.states = FAILED;
        assert_int_equal(count_jobs(r, filter), cases[i].count);
        filter.states = 0;
        filter.agent = 7;
        assert_int_equal(count_jobs(r, filter), cases[i].count);
    }
    reader_close(r);
}

/* ---- a million ---- */

#define MANY 1000000

/* Jobs 1 to MANY; of ten one failed, two wait, two hundred thousand in all, the others ended well.
 * None has what the filters below ask for. */
static void add_million(const struct fixture *f)
{
    char *sql = str_dupf(
        "PRAGMA synchronous=OFF; BEGIN;"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
        " INSERT INTO jobs SELECT %lld + (i << 22), i %% 5 = 4, 0, 'a.b',"
        " iif(i %% 2, 'twin', NULL), NULL, NULL, NULL, 0, %lld + i, 0, 0, 0, 0, 0, 0, 0, 0, 2.0, 0,"
        " 0, '{}', NULL, 0 FROM n;"
        "INSERT INTO job_states SELECT id, CASE i %% 10 WHEN 1 THEN 7 WHEN 2 THEN 0 WHEN 3 THEN 0"
        " ELSE 5 END, i %% 10 IN (2, 3), 0, i %% 10 = 1, 0, iif(i %% 10 = 1, 1, 0), 0, 'g', 0, 0,"
        " 1, iif(i %% 10 IN (2, 3), 0, 1), 0, 0, iif(i %% 10 IN (2, 3), 0, %lld), 0, 0,"
        " iif(i %% 10 = 1, 1, NULL), NULL, NULL, 0, NULL"
        " FROM (SELECT id, created_ms - %lld AS i FROM jobs);"
        "INSERT INTO job_counts VALUES ('g', 0, %d, 0, 0, 0, 0);"
        "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
        MANY, (long long)id_floor(T0), (long long)T0, (long long)T0, (long long)T0, MANY / 5);
    sql_exec(f, "cadre.db", sql);
    mem_free(sql);
}

/* What was put in beside the store is in no index yet: it makes one at its start. */
static void index_again(struct fixture *f)
{
    store_close(f->store);
    sql_exec(f, "cadre.db", "DELETE FROM job_blocks");
    struct timespec begun, done;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    open_again(f);
    clock_gettime(CLOCK_MONOTONIC, &done);
    printf("opened, with an index of all jobs: %ld ms\n",
           (done.tv_sec - begun.tv_sec) * 1000 + (done.tv_nsec - begun.tv_nsec) / 1000000);
}

static void steps_begin(struct reader *r)
{
    rows = rows_beside = 0;
    beside[0] = from_queue(r, R_WHOSE);
    beside[1] = from_queue(r, R_EXECUTION_LABELS);
    for (int i = 0; i < QUEUE_READ_COUNT; i++)
        (void)sqlite3_stmt_status(sqlite_statement(from_queue(r, (enum queue_read)i)),
                                  SQLITE_STMTSTATUS_VM_STEP, 1);
}

static void is_bounded(struct reader *r, const char *what, size_t n)
{
    int64_t steps = 0;
    for (int i = 0; i < QUEUE_READ_COUNT; i++)
        steps += sqlite3_stmt_status(sqlite_statement(from_queue(r, (enum queue_read)i)),
                                     SQLITE_STMTSTATUS_VM_STEP, 1);
    if (rows > ROWS_MOST || rows_beside > BESIDE_MOST || steps > STEPS_MOST)
        fail_msg("%s %zu: %lld rows, %lld beside, %lld steps", what, n, (long long)rows,
                 (long long)rows_beside, (long long)steps);
}

static void page_is_bounded(struct reader *r, struct job_filter f, const char *what, size_t n)
{
    size_t count = 0;
    int64_t next;
    f.limit = 50;
    steps_begin(r);
    OK(reader_jobs(r, &f, count_job, &count, &next, &e));
    is_bounded(r, what, n);
    assert_int_equal(count, 0);
}

/* Each filter alone and with each other, on each way to the jobs. */
static void lists_are_bounded(struct reader *r)
{
    struct json *labels = json_new(JSON_OBJECT);
    assert_int_equal(json_add(labels, "a", json_new_str("b")), 0);
    const struct job_filter ways[] = {
        {0},
        {.states = BIT(JOB_CREATED)},
        {.states = BIT(JOB_SUBMITTED) | BIT(JOB_RUNNING)},
        {.states = BIT(JOB_RETRYING + 1) - 1},
        {.states = FAILED},
        {.states = BIT(JOB_SUCCESS)},
        {.states = BIT(JOB_SUCCESS) | FAILED},
        {.kinds = BIT(SHOWN_EVALUATION)},
        {.name = "twin"},
        {.name = "twin", .states = FAILED},
    };
    const struct job_filter more[] = {
        {.group = "rare"},
        {.ns = "c"},
        {.agent = 7},
        {.reasons = BIT(REASON_LOST)},
        {.ended_since_ms = INT64_MAX},
        {.exited = true, .exit_code = 99},
        {.ns = "a.b", .flow = "f"},
        {.task = "t"},
        {.labels = labels},
        {.kinds = BIT(SHOWN_TASK)},
        {.group = "rare", .ns = "c", .agent = 7, .labels = labels, .task = "t"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        for (size_t k = 0; k < sizeof more / sizeof *more; k++) {
            struct job_filter f = more[k];
            f.states = ways[i].states;
            f.name = ways[i].name;
            if (!f.kinds) f.kinds = ways[i].kinds;
            page_is_bounded(r, f, "filter", 100 * i + k);
            f.from_id = id_floor(T0 + 1);
            f.before_id = id_floor(T0 + MANY / 2);
            page_is_bounded(r, f, "filter with times", 100 * i + k);
        }
    }
    json_free(labels);
}

static void failures_are_bounded(struct reader *r)
{
    struct failures x = {0};
    struct failures_seen seen;
    struct failure_filter f = {.ns = NULL};
    steps_begin(r);
    OK(reader_failures(r, &f, on_failure, &x, &seen, &e));
    is_bounded(r, "failures", 0);
    assert_int_equal(rows, FAILURES_MOST);
    assert_int_equal(x.count, FAILURES_MOST);
    assert_int_equal(seen.looked, FAILURES_MOST);
    assert_false(seen.complete);
    f = (struct failure_filter){.ns = "c", .since_ms = T0 + 1};
    x = (struct failures){0};
    steps_begin(r);
    OK(reader_failures(r, &f, on_failure, &x, &seen, &e));
    is_bounded(r, "failures", 1);
    assert_int_equal(rows, FAILURES_MOST);
    assert_int_equal(x.count, 0);
    assert_false(seen.complete);
}

static void among_a_million_jobs_nothing_reads_more_than_its_bound(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    add_million(f);
    index_again(f);
    struct reader *r = open_reader(f);
    lists_are_bounded(r);
    failures_are_bounded(r);
    reader_close(r);
}

/* ---- the jobs of a group or an agent, few among many ---- */

#define CROWD 100000

/* Jobs of many groups and agents; of each 2,000, one has the group `rare`, and the one behind it
 * the agent 7. All have ended, half of them as FAILED. */
static void add_crowd(struct fixture *f)
{
    for (int n = 1; n <= CROWD;) {
        begin(f);
        for (int end = n + 1000; n < end; n++) {
            char group[16];
            OK(str_format(group, sizeof group, "g%d", n % 100));
            struct job_row j = plain_job(n, n % 2000 == 0 ? "rare" : group);
            j.state = n % 2 ? JOB_SUCCESS : JOB_FAILED;
            j.agent = n % 2000 == 1 ? 7 : 100 + n * 7919 % 500;
            j.ended_ms = T0 + n;
            add_job(f, &j);
        }
        commit(f);
    }
}

struct pages {
    size_t jobs, calls;
    int64_t rows_most;
    int64_t last;
};

static int note_page(const struct job_view *v, void *user)
{
    struct pages *p = user;
    assert_true(p->last == 0 || v->job.id < p->last);
    p->last = v->job.id;
    p->jobs++;
    return 0;
}

static struct pages all_pages(struct reader *r, struct job_filter f)
{
    struct pages p = {0};
    do {
        steps_begin(r);
        OK(reader_jobs(r, &f, note_page, &p, &f.before_id, &e));
        if (rows > p.rows_most) p.rows_most = rows;
        p.calls++;
    } while (f.before_id);
    return p;
}

static void few_jobs_among_many_are_one_page(void **state)
{
    struct fixture *f = *state;
    add_crowd(f);
    struct reader *r = open_reader(f);
    const struct {
        struct job_filter filter;
        size_t jobs;
    } cases[] = {
        {{.group = "rare"}, CROWD / 2000},
        {{.agent = 7}, CROWD / 2000},
        {{.group = "rare", .agent = 7}, 0},
        {{.group = "g1", .agent = 7}, CROWD / 2000},
        {{.group = "none"}, 0},
        {{.agent = 8}, 0},
        {{.group = "rare", .states = BIT(JOB_SUCCESS)}, 0},
        {{.group = "rare", .states = FAILED}, CROWD / 2000},
        {{.group = "rare", .from_id = id_floor(T0 + CROWD / 2 + 1)}, CROWD / 4000},
        {{.group = "rare", .before_id = id_floor(T0 + CROWD / 2)}, CROWD / 4000 - 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct job_filter filter = cases[i].filter;
        filter.limit = 60;
        struct pages p = all_pages(r, filter);
        if (p.jobs != cases[i].jobs || p.calls != 1 || p.rows_most > SCAN_MOST)
            fail_msg("case %zu: %zu jobs by %zu calls, %lld rows", i, p.jobs, p.calls,
                     (long long)p.rows_most);
        filter.limit = 7;
        assert_int_equal(all_pages(r, filter).jobs, cases[i].jobs);
    }
    /* and many are found as before */
    struct pages p = all_pages(r, (struct job_filter){.group = "g1", .limit = 300});
    assert_int_equal(p.jobs, CROWD / 100);
    p = all_pages(r, (struct job_filter){.agent = 100, .limit = 300});
    assert_in_range(p.jobs, CROWD / 500 - 50, CROWD / 500);
    reader_close(r);
}

/* One in each part that there is: the bound holds, and the next call goes on. */
static void scattered_jobs_are_bounded(void **state)
{
    struct fixture *f = *state;
    for (int n = 1; n <= CROWD / 2;) {
        begin(f);
        for (int end = n + 1000; n < end; n++)
            add_plain(f, n, n % PART_JOBS ? "g" : "rare");
        commit(f);
    }
    struct reader *r = open_reader(f);
    struct pages p = all_pages(r, (struct job_filter){.group = "rare", .limit = 500});
    assert_int_equal(p.jobs, CROWD / 2 / PART_JOBS);
    assert_in_range(p.rows_most, SCAN_MOST / 2, 2 * SCAN_MOST + 1);
    assert_true(p.calls > 9);
    reader_close(r);
}

/* ---- the next schedules ---- */

static void add_trigger(struct fixture *f, int n, char *ns, enum trigger_kind kind, bool disabled,
                        int64_t next_ms)
{
    char name[16];
    OK(str_format(name, sizeof name, "t%d", n));
    struct trigger_row t = {.ns = ns,
                            .flow = "f",
                            .name = name,
                            .kind = kind,
                            .disabled = disabled,
                            .next_ms = next_ms,
                            .cron = "0 0 1 1 *"};
    OK(store_trigger_insert(f->store, &t, &t.id, &e));
}

static int on_trigger(const struct trigger_row *t, void *user)
{
    char *text = user;
    size_t len = strlen(text);
    (void)snprintf(text + len, 200 - len, "%s%s", len ? " " : "", t->name);
    return 0;
}

/* All pages of it. */
static void upcoming_is(struct reader *r, struct upcoming_filter f, const char *expected)
{
    char text[200] = "";
    do {
        OK(reader_upcoming(r, &f, on_trigger, text, &f.after, &e));
    } while (f.after.ms);
    assert_string_equal(text, expected);
}

static void upcoming_has_schedules_that_fire__by_their_next_moment(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    upcoming_is(r, (struct upcoming_filter){.limit = 1}, "");
    begin(f);
    add_trigger(f, 1, "a", TRIGGER_SCHEDULE, false, T0 + 30);
    add_trigger(f, 2, "a", TRIGGER_SCHEDULE, false, T0 + 10);
    add_trigger(f, 3, "a", TRIGGER_SCHEDULE, true, T0 + 5);
    add_trigger(f, 4, "a", TRIGGER_POLLING, false, T0 + 6);
    add_trigger(f, 5, "a", TRIGGER_SCHEDULE, false, 0); /* never again */
    add_trigger(f, 6, "a.b", TRIGGER_SCHEDULE, false, T0 + 10);
    add_trigger(f, 7, "c", TRIGGER_SCHEDULE, false, T0 + 20);
    commit(f);
    for (size_t limit = 1; limit < 6; limit++) {
        upcoming_is(r, (struct upcoming_filter){.limit = limit}, "t2 t6 t7 t1");
        upcoming_is(r, (struct upcoming_filter){.ns = "a", .limit = limit}, "t2 t6 t1");
        upcoming_is(r, (struct upcoming_filter){.ns = "c", .limit = limit}, "t7");
        upcoming_is(r, (struct upcoming_filter){.flow = "g", .limit = limit}, "");
        upcoming_is(r, (struct upcoming_filter){.flow = "f", .ns = "a.b", .limit = limit}, "t6");
    }
    reader_close(r);
}

static void upcoming_among_many_is_bounded(void **state)
{
    struct fixture *f = *state;
    char text[200] = "";
    struct upcoming_place next = {0};
    begin(f);
    for (int n = 1; n <= 20000; n++)
        add_trigger(f, n, n == 1 ? "rare" : "a", TRIGGER_SCHEDULE, n % 2 == 0, T0 + 30000 - n);
    commit(f);
    struct reader *r = open_reader(f);
    steps_begin(r);
    OK(reader_upcoming(r, &(struct upcoming_filter){.limit = 3}, on_trigger, text, &next, &e));
    assert_string_equal(text, "t19999 t19997 t19995");
    assert_int_equal(rows, 4);
    is_bounded(r, "upcoming", 0);
    *text = '\0';
    steps_begin(r);
    struct upcoming_filter rare = {.ns = "rare", .limit = 3};
    OK(reader_upcoming(r, &rare, on_trigger, text, &next, &e));
    assert_string_equal(text, "");
    assert_true(next.ms != 0 && rows <= SCAN_MOST + 1);
    is_bounded(r, "upcoming", 1);
    upcoming_is(r, rare, "t1");
    reader_close(r);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(filters_of_the_end_and_the_origin_find_their_jobs),
        CASE(failures_come_newest_first__without_what_a_user_cancelled),
        CASE(ends_are_found__whenever_the_job_was_created),
        CASE(upcoming_has_schedules_that_fire__by_their_next_moment),
        CASE(upcoming_among_many_is_bounded),
        CASE(few_jobs_among_many_are_one_page),
        CASE(scattered_jobs_are_bounded),
        CASE(among_a_million_jobs_nothing_reads_more_than_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
