/* No list reads more than 5,000 rows for one answer. A row is a thing that the list is of, given or
 * passed over: an agent, a flow, a chunk of output. What one such row needs beside it is not
 * counted: the data of a chunk, the counts of a group. Rows are counted where they come out of the
 * database, and SQLite's steps tell of those that it passes over itself. The lists of jobs,
 * failures and next schedules: test_reader_many. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_agent_event.h"
#include "coordinator/store/reader_groups.h"
#include "coordinator/store/reader_names.h"
#include "coordinator/store/reader_notice.h"
#include "coordinator/store/reader_trigger.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_reader.h"

#include <string.h>

#define MANY 20000                /* of everything */
#define ROWS_MOST (SCAN_MOST + 1) /* one tells that there are more */
#define JOB 7

static struct reader *r; /* of the store that all tests share */
static int64_t rows;
static const struct stmt *beside[4]; /* what one row needs */

int __real_db_step(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_step(struct db *d, struct stmt *q, struct err *e);
int __wrap_db_step(struct db *d, struct stmt *q, struct err *e)
{
    int rc = __real_db_step(d, q, e);
    bool counts = rc == 1;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        counts = counts && q != beside[i];
    rows += counts;
    return rc;
}

/* ---- the store ---- */

#define NUMBERS "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"

static const char queue_rows[] =
    "PRAGMA synchronous=OFF; BEGIN;" NUMBERS
    " INSERT INTO agents (id, name, group_key, online, draining, held, slots, last_seq,"
    " last_seen_ms, removed_ms) SELECT i, printf('a%05d', i), iif(i = 20000, 'rare', 'g'),"
    " i < 20000, 0, 0, 1, 0, 0, 0 FROM n;" NUMBERS
    " INSERT INTO agent_facts (id, created_ms, token, capabilities)"
    " SELECT i, 1, 0, '{}' FROM n;" NUMBERS
    " INSERT INTO groups (key, paused, max_queued, created_ms)"
    " SELECT printf('g%05d', i), 0, 0, 1 FROM n;" NUMBERS
    " INSERT INTO namespaces (ns, fallback) SELECT printf('n%05d', i), -1 FROM n;" NUMBERS
    " INSERT INTO tokens (id, role, secret_hash, created_ms, expires_ms, revoked_ms,"
    " last_used_ms, uses_left) SELECT i, 1, zeroblob(32), 1, 0, 0, 0, 0 FROM n;" NUMBERS
    " INSERT INTO notices SELECT i, 'c', 'e', 's', 1, 2, 1, 0, 1, 1, 0, 0, 1, NULL, '{}'"
    " FROM n;"
    /* of a-x all but two: between a and a.b in the order of names, and not of a */
    NUMBERS " INSERT INTO flows (ns, id, revision, created_ms, updated_ms, deleted_ms)"
    " SELECT CASE i WHEN 1 THEN 'a' WHEN 2 THEN 'a.b' ELSE 'a-x' END, printf('f%05d', i), 1, 1, 1,"
    " 0 FROM n;" NUMBERS " INSERT INTO flow_revisions (ns, flow, revision, created_ms, source)"
    " SELECT 'a', 'f00001', i, 1, 'x' FROM n;" NUMBERS
    " INSERT INTO triggers (id, ns, flow, name, file_disabled, disabled, concurrent,"
    " interval_ms, next_ms, job, result, ended_ms, execution, evaluations, fired, errors, skipped)"
    " SELECT i, iif(i = 20000, 'a.b', 'a-x'), iif(i = 20000, 'f00002', 'f00003'),"
    " printf('t%05d', i), 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM n;" NUMBERS
    " INSERT INTO executions (id, state, open, reason, position, job, warned, created_ms,"
    " started_ms, ended_ms, ns, flow, revision, submitter) SELECT i, 1, i % 2, 0, 0, 0, 0, 1, 1, 0,"
    " 'a', 'f00001', 1, 0 FROM n;" NUMBERS
    " INSERT INTO agent_events SELECT 1, i, 1, 1, 1, 1, NULL, NULL FROM n;" NUMBERS
    " INSERT INTO attempts SELECT 7, i, 1, 5, 0, 0, 1, 1, 1, NULL FROM n;"
    "COMMIT";
/* The first chunk is of stream 2, all others are of stream 1. */
static const char output_rows[] =
    NUMBERS " INSERT INTO chunks (cursor, job, attempt, stream, offset, data, at_ms)"
            " SELECT i, 7, 1, iif(i = 1, 2, 1), i, CAST('x' AS BLOB), i FROM n";

static int open_all(void **state)
{
    if (fixture_setup(state)) return 1;
    sql_exec(*state, "cadre.db", queue_rows);
    sql_exec(*state, "output.db", output_rows);
    r = open_reader(*state);
    beside[0] = from_output(r, W_CHUNK);
    beside[1] = from_queue(r, R_STARTED);
    beside[2] = from_queue(r, R_ATTEMPT_OLDER);
    return 0;
}

static int close_all(void **state)
{
    reader_close(r);
    return fixture_teardown(state);
}

static int64_t steps(void)
{
    int64_t sum = 0;
    for (int i = 0; i < QUEUE_READ_COUNT; i++)
        sum += sqlite3_stmt_status(sqlite_statement(from_queue(r, (enum queue_read)i)),
                                   SQLITE_STMTSTATUS_VM_STEP, 1);
    for (int i = 0; i < OUTPUT_READ_COUNT; i++)
        sum += sqlite3_stmt_status(sqlite_statement(from_output(r, (enum output_read)i)),
                                   SQLITE_STMTSTATUS_VM_STEP, 1);
    return sum;
}

static void count_begin(void)
{
    (void)steps();
    rows = 0;
}

/* Of SQLite's machine so many steps for each of the rows, and what is summed up once. */
static void count_is(const char *what, int64_t rows_most, int64_t steps_each, int64_t once)
{
    int64_t n = steps();
    if (rows > rows_most || n > rows_most * steps_each + once)
        fail_msg("%s: %lld rows, %lld steps", what, (long long)rows, (long long)n);
}

/* ---- the lists ---- */

#define COUNT_ROWS(name, type)                                                                     \
    static int name(const struct type *row, void *user)                                            \
    {                                                                                              \
        (void)row;                                                                                 \
        ++*(size_t *)user;                                                                         \
        return 0;                                                                                  \
    }
COUNT_ROWS(on_ns, namespace_row)
COUNT_ROWS(on_token, token_row)
COUNT_ROWS(on_notice, notice_row)
COUNT_ROWS(on_event, agent_event_row)
COUNT_ROWS(on_revision, flow_row)
COUNT_ROWS(on_trigger, trigger_row)
COUNT_ROWS(on_execution, execution_row)
COUNT_ROWS(on_chunk, chunk)

static int on_agent(const struct agent_row *a, int64_t busy, void *user)
{
    (void)a, (void)busy;
    ++*(size_t *)user;
    return 0;
}

static int on_group(const struct group_row *g, const struct group_counts *n, void *user)
{
    (void)g, (void)n;
    ++*(size_t *)user;
    return 0;
}

static int on_flow(const struct flow_row *row, int64_t triggers, void *user)
{
    (void)row, (void)triggers;
    ++*(size_t *)user;
    return 0;
}

static int on_attempt(const struct attempt_row *a, const char *agent, void *user)
{
    (void)a, (void)agent;
    ++*(size_t *)user;
    return 0;
}

/* A list without a filter reads its page, and the row that tells of another one. */
static void lists_without_a_filter_read_their_page(void **state)
{
    (void)state;
    size_t n = 0;
    bool more = false;
    struct name_filter names = {.limit = 1000};
    struct id_filter ids = {.limit = 1000};
    count_begin();
    OK(reader_namespaces(r, &names, on_ns, &n, &more, &e));
    count_is("namespaces", 1001, 30, 0);
    assert_true(n == 1000 && more);
    OK(reader_groups(r, &names, on_group, &n, &more, &e));
    count_is("groups", 2002, 30, 36 * MANY); /* all agents are summed up beside them */
    assert_true(n == 2000 && more);
    count_begin();
    OK(reader_tokens(r, &ids, on_token, &n, &more, &e));
    count_is("tokens", 1001, 50, 0);
    assert_true(n == 3000 && more);
    count_begin();
    OK(reader_notices(r, &ids, on_notice, &n, &more, &e));
    count_is("notices", 1001, 50, 0);
    assert_true(n == 4000 && more);
    count_begin();
    struct agent_event_filter events = {.agent = 1, .limit = 500};
    OK(reader_agent_events(r, &events, on_event, &n, &more, &e));
    count_is("agent events", 501, 50, 0);
    assert_true(n == 4500 && more);
    count_begin();
    struct revision_filter revisions = {.ns = "a", .flow = "f00001", .limit = 500};
    OK(reader_flow_revisions(r, &revisions, on_revision, &n, &more, &e));
    count_is("revisions", 501, 50, 0);
    assert_true(n == 5000 && more);
    count_begin();
    struct attempt_filter attempts = {.job = JOB, .limit = 500};
    OK(reader_attempts(r, &attempts, on_attempt, &n, &more, &e));
    attempts.ascending = true;
    OK(reader_attempts(r, &attempts, on_attempt, &n, &more, &e));
    count_is("attempts", 1002, 100, 0);
    assert_true(n == 6000 && more);
}

/* Few groups, or all of them, have something to do. */
static void busy_groups_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct busy_seen seen;
    for (int turn = 0; turn < 3; turn++) {
        static const char *const counts[] = {
            "SELECT 1", "INSERT INTO job_counts VALUES ('g20000', 1, 1, 0, 0, 0, 0)",
            NUMBERS " INSERT INTO job_counts SELECT printf('g%05d', i), 2, 0, 1, 0, 0, 0 FROM n"};
        size_t n = 0;
        sql_exec(f, "cadre.db", counts[turn]);
        count_begin();
        OK(reader_groups_busy(r, 500, on_group, &n, &seen, &e));
        count_is("busy groups", 501, 100, 36 * MANY + 70 * SCAN_MOST);
        assert_true(n == 500 && seen.more);
        assert_int_equal(seen.complete, turn < 2);
    }
    sql_exec(f, "cadre.db", "DELETE FROM job_counts"); /* there are no such jobs */
}

/* All pages of agents; *calls: how many these are. */
static size_t agents_of(struct agent_filter f, size_t *calls)
{
    char *passed = NULL, *after = NULL;
    size_t n = 0;
    bool more;
    f.limit = 1000;
    *calls = 0;
    do {
        f.after = after;
        f.passed = &passed;
        count_begin();
        OK(reader_agents(r, &f, on_agent, &n, &more, &e));
        count_is("agents", ROWS_MOST, 60, 0);
        mem_free(after);
        after = passed;
        ++*calls;
    } while (more && after);
    mem_free(after);
    return n;
}

static void agents_that_are_passed_over_count(void **state)
{
    (void)state;
    size_t calls;
    assert_int_equal(agents_of((struct agent_filter){.group = "rare"}, &calls), 1);
    assert_in_range(calls, MANY / SCAN_MOST, MANY / SCAN_MOST + 1);
    assert_int_equal(agents_of((struct agent_filter){.states = 1u << AGENT_OFFLINE}, &calls), 1);
    assert_int_equal(agents_of((struct agent_filter){.group = "none"}, &calls), 0);
    assert_int_equal(agents_of((struct agent_filter){.states = 0}, &calls), 1000); /* a page */
    assert_int_equal(calls, 1);
}

static void flows_that_are_passed_over_count(void **state)
{
    (void)state;
    struct flow_filter f = {.ns = "a", .limit = 100};
    char *passed = NULL, *place = NULL;
    size_t n = 0, calls = 0;
    bool more;
    do {
        f.passed = &passed;
        count_begin();
        OK(reader_flows(r, &f, on_flow, &n, &more, &e));
        count_is("flows", ROWS_MOST, 45, 5 * MANY); /* the triggers of a flow are counted */
        mem_free(place);
        place = passed;
        if (place) {
            char *slash = strchr(place, '/');
            *slash = '\0';
            f.after_ns = place;
            f.after_id = slash + 1;
        }
        calls++;
    } while (more && place);
    mem_free(place);
    assert_int_equal(n, 2);
    assert_in_range(calls, MANY / SCAN_MOST, MANY / SCAN_MOST + 1);
}

static void triggers_that_are_passed_over_count(void **state)
{
    (void)state;
    struct trigger_filter f = {.flow = "f00002", .limit = 100};
    char *passed = NULL, *place = NULL;
    size_t n = 0, calls = 0;
    bool more;
    do {
        f.passed = &passed;
        count_begin();
        OK(reader_triggers(r, &f, on_trigger, &n, &more, &e));
        count_is("triggers", ROWS_MOST, 60, 0);
        mem_free(place);
        place = passed;
        if (place) {
            char *flow = strchr(place, '/'), *name = strrchr(place, '/');
            *flow = *name = '\0';
            f.after_ns = place;
            f.after_flow = flow + 1;
            f.after_name = name + 1;
        }
        calls++;
    } while (more && place);
    mem_free(place);
    assert_int_equal(n, 1);
    assert_in_range(calls, MANY / SCAN_MOST, MANY / SCAN_MOST + 1);
}

static void executions_that_are_passed_over_count(void **state)
{
    (void)state;
    const struct execution_filter filters[] = {
        {.trigger = "t"},
        {.states = 1u << EXECUTION_FAILED},
        {.ns = "b"},
        {.states = 1u << EXECUTION_QUEUED, .trigger = "t"},
        {.ns = "a", .flow = "f00001", .trigger = "t"},
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct execution_filter f = filters[i];
        size_t n = 0;
        int64_t next = 0;
        f.limit = 50;
        count_begin();
        OK(reader_executions(r, &f, on_execution, &n, &next, &e));
        count_is("executions", ROWS_MOST, 60, 0);
        assert_true(n == 0 && next != 0);
    }
}

static void chunks_that_are_passed_over_count(void **state)
{
    (void)state;
    struct output_filter f = {.job = JOB, .streams = 1u << 3, .max_bytes = 1 << 20};
    int64_t next = 0;
    size_t n = 0, calls = 0;
    for (; next < MANY; calls++) {
        f.cursor = next;
        count_begin();
        OK(reader_output(r, &f, on_chunk, &n, &next, &e));
        count_is("output", SCAN_MOST, 25, 0);
        assert_true(next > f.cursor);
    }
    assert_int_equal(n, 0);
    assert_int_equal(calls, MANY / SCAN_MOST);
    f = (struct output_filter){.job = JOB, .max_bytes = 1 << 20}; /* each is given */
    count_begin();
    OK(reader_output(r, &f, on_chunk, &n, &next, &e));
    count_is("output", SCAN_MOST, 25, 0);
    assert_int_equal(n, SCAN_MOST);
    f.since_ms = MANY; /* all but the last are too old */
    count_begin();
    OK(reader_output(r, &f, on_chunk, &n, &next, &e));
    count_is("output since", SCAN_MOST, 25, 0);
    assert_int_equal(n, SCAN_MOST);
}

static void the_tail_is_looked_for_a_part_at_a_time(void **state)
{
    (void)state;
    const uint32_t streams[] = {1u << 2, 1u << 1, 0};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
        struct output_filter f = {.job = JOB, .streams = streams[i], .max_bytes = 1 << 20};
        struct output_tail t = {.lines = 1};
        size_t calls = 0;
        for (; !t.found; calls++) {
            count_begin();
            OK(reader_output_tail(r, &f, &t, &e));
            count_is("tail", SCAN_MOST, 25, 0);
        }
        assert_in_range(calls, MANY / SCAN_MOST, MANY / SCAN_MOST + 1);
        assert_int_equal(t.cursor, 0);
    }
}

/* ---- the names of filters ---- */

static int knows(struct name_asked a)
{
    char *near = NULL;
    count_begin();
    int rc = reader_knows(r, &a, &near, NULL);
    mem_free(near);
    return rc;
}

static void names_are_found_among_many(void **state)
{
    (void)state;
    struct name_asked group = {.of = NAME_GROUP, .name = "g20000"};
    struct name_asked flow = {.of = NAME_FLOW, .name = "f20000", .ns = "a-x", .exact = true};
    assert_int_equal(knows(group), 1);
    count_is("a group", 1, 30, 0);
    assert_int_equal(knows(flow), 1);
    count_is("a flow", 1, 30, 0);
    group.name = "h"; /* and no job has it */
    assert_int_equal(knows(group), 0);
    count_is("no group", ROWS_MOST, 30, 0);
    flow.ns = "a";
    assert_int_equal(knows(flow), 0);
    count_is("no flow", ROWS_MOST, 30, 0);
    /* a flow of any namespace: there are more than are looked at */
    assert_int_equal(knows((struct name_asked){.of = NAME_FLOW, .name = "none"}), 1);
    count_is("a flow somewhere", ROWS_MOST, 30, 0);
    assert_int_equal(
        knows((struct name_asked){.of = NAME_TRIGGER, .name = "none", .ns = "a", .flow = "f00001"}),
        0);
    count_is("no trigger", SCAN_MOST, 15, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_without_a_filter_read_their_page),
        cmocka_unit_test(busy_groups_are_bounded),
        cmocka_unit_test(agents_that_are_passed_over_count),
        cmocka_unit_test(flows_that_are_passed_over_count),
        cmocka_unit_test(triggers_that_are_passed_over_count),
        cmocka_unit_test(executions_that_are_passed_over_count),
        cmocka_unit_test(chunks_that_are_passed_over_count),
        cmocka_unit_test(the_tail_is_looked_for_a_part_at_a_time),
        cmocka_unit_test(names_are_found_among_many),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
