/* The index of jobs: what it has, what it forgets, and what a check says of it.
 * The fixture's teardown checks it against the jobs after each test. */
#include "store_fixture.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/check.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_db.h"

#include <string.h>

#define BLOCK_JOBS (BLOCK_PARTS * PART_JOBS)

/* ---- a block -------------------------------------------------------------------------------- */

static struct block block_of(int64_t start, int64_t end)
{
    struct block b = {0};
    block_begin(&b, start, end);
    return b;
}

static void note_group(struct block *b, int64_t id, const char *group)
{
    block_note(b, &(struct block_job){.id = id, .group = group});
}

static void note_agent(struct block *b, int64_t id, int64_t agent)
{
    block_note(b, &(struct block_job){.id = id, .agent = agent});
}

static uint32_t of_text(const struct block *b, enum block_kind kind, const char *text,
                        const char *more)
{
    return block_mask(b, kind, block_text(kind, text, more));
}

static uint32_t of_number(const struct block *b, enum block_kind kind, int64_t n)
{
    return block_mask(b, kind, block_number(kind, n));
}

static void block_marks_the_parts_of_a_subject(void **state)
{
    struct block b = block_of(10, 1000);
    b.parts[b.part_count++] = 20;
    b.parts[b.part_count++] = 30;
    note_group(&b, 10, "g");
    note_group(&b, 29, "g");
    note_agent(&b, 30, 7);
    note_agent(&b, 999, 7);
    assert_int_equal(of_text(&b, BLOCK_GROUP, "g", NULL), 3);
    assert_int_equal(of_number(&b, BLOCK_AGENT, 7), 4);
    assert_int_equal(of_text(&b, BLOCK_GROUP, "h", NULL), 0);
    assert_int_equal(of_text(&b, BLOCK_GROUP, "", NULL), 0);
    assert_int_equal(block_part(&b, 19), 1);
    assert_int_equal(block_part(&b, 20), 2);
    b.dirty = false;
    note_group(&b, 25, "g"); /* is there */
    assert_false(b.dirty);
    note_group(&b, 35, "g");
    assert_true(b.dirty);
    block_fini(&b);
    (void)state;
}

static struct json *labels_of(const char *text)
{
    struct json *labels;
    OK(json_parse(text, strlen(text), &labels, &e));
    return labels;
}

static void job_is_found_by_all_that_it_has(void **state)
{
    struct json *labels = labels_of("{\"team\":\"web\",\"n\":3}");
    const struct block_job job = {
        .id = 50,
        .group = "",
        .ns = "a.bc.d",
        .flow = "f",
        .task = "t",
        .labels = labels,
        .agent = 1,
        .state = JOB_FAILED,
        .reason = REASON_LOST,
    };
    struct block b = block_of(1, 100);
    block_note(&b, &job);
    const struct {
        enum block_kind kind;
        const char *text, *more;
        uint32_t mask;
    } texts[] = {
        {BLOCK_GROUP, "", NULL, 1},
        {BLOCK_GROUP, "f", NULL, 0},
        {BLOCK_NAMESPACE, "a", NULL, 1},
        {BLOCK_NAMESPACE, "a.bc", NULL, 1},
        {BLOCK_NAMESPACE, "a.bc.d", NULL, 1},
        {BLOCK_NAMESPACE, "a.b", NULL, 0},
        {BLOCK_NAMESPACE, "a.", NULL, 0},
        {BLOCK_NAMESPACE, "", NULL, 0},
        {BLOCK_NAMESPACE, "a.bc.d.e", NULL, 0},
        {BLOCK_FLOW, "a.bc.d", "f", 1},
        {BLOCK_FLOW, "a.bc", "f", 0},
        {BLOCK_FLOW, "a.bc.df", NULL, 0},
        {BLOCK_TASK, "t", NULL, 1},
        {BLOCK_TASK, "f", NULL, 0},
        {BLOCK_LABEL, "team", "web", 1},
        {BLOCK_LABEL, "team", "we", 0},
        {BLOCK_LABEL, "n", "3", 0}, /* no text: no label */
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (of_text(&b, texts[i].kind, texts[i].text, texts[i].more) != texts[i].mask)
            fail_msg("case %zu", i);
    assert_int_equal(of_number(&b, BLOCK_STATE, JOB_FAILED), 1);
    assert_int_equal(of_number(&b, BLOCK_STATE, JOB_KILLED), 0);
    assert_int_equal(of_number(&b, BLOCK_REASON, REASON_LOST), 1);
    assert_int_equal(of_number(&b, BLOCK_REASON, REASON_TIMEOUT), 0);
    assert_int_equal(of_number(&b, BLOCK_AGENT, 1), 1);
    size_t subjects = b.subject_count;
    block_note(&b, &(struct block_job){.id = 50, .state = JOB_RUNNING}); /* of no final state */
    assert_int_equal(b.subject_count, subjects);
    block_fini(&b);
    json_free(labels);
    (void)state;
}

static void subjects_without_room_are_any_of_their_kind(void **state)
{
    const int64_t most = BLOCK_SUBJECTS_MOST - BLOCK_KINDS;
    struct block b = block_of(1, 100);
    b.parts[b.part_count++] = 60;
    for (int64_t i = 1; i <= most; i++)
        note_agent(&b, 50, i);
    assert_int_equal(b.subject_count, most);
    assert_int_equal(of_number(&b, BLOCK_AGENT, most + 1), 0);
    note_agent(&b, 70, most + 1);
    assert_int_equal(of_number(&b, BLOCK_AGENT, most + 1), 2);
    assert_int_equal(of_number(&b, BLOCK_AGENT, most + 2), 2);
    assert_int_equal(of_number(&b, BLOCK_AGENT, 1), 3);
    assert_int_equal(of_text(&b, BLOCK_GROUP, "g", NULL), 0); /* of another kind */
    note_group(&b, 50, "g");
    assert_int_equal(of_text(&b, BLOCK_GROUP, "h", NULL), 1);
    for (int64_t i = most; i < most + 100; i++)
        note_agent(&b, 50, i);
    assert_int_equal(b.subject_count, most + 2);
    assert_false(b.all);
    block_fini(&b);
    (void)state;
}

static void labels_leave_room_for_the_others(void **state)
{
    struct block b = block_of(1, 100);
    for (int i = 0; i < BLOCK_SUBJECTS_MOST; i++) {
        char text[40];
        OK(str_format(text, sizeof text, "{\"execution\":\"%d\"}", i));
        struct json *labels = labels_of(text);
        block_note(&b, &(struct block_job){.id = 50, .labels = labels});
        json_free(labels);
    }
    assert_int_equal(b.subject_count, BLOCK_SUBJECTS_MOST / 2 + 1);
    assert_int_equal(of_text(&b, BLOCK_LABEL, "execution", "2000"), 1); /* may be */
    note_agent(&b, 50, 7);
    assert_int_equal(of_number(&b, BLOCK_AGENT, 7), 1);
    assert_int_equal(of_number(&b, BLOCK_AGENT, 8), 0);
    block_fini(&b);
    (void)state;
}

/* A row as SQL has it, read. */
static bool reads(const char *parts, const char *subjects, struct block *b)
{
    sqlite3 *db;
    struct sqlite_stmt x = {0};
    char sql[300];
    OK(str_format(sql, sizeof sql, "SELECT 10, %s, %s", parts, subjects));
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &x.q, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(x.q), SQLITE_ROW);
    x.stmt.driver = &sqlite_driver;
    bool good = block_read(b, &x.stmt, 1000);
    sqlite3_finalize(x.q);
    sqlite3_close(db);
    return good;
}

static void damaged_row_stands_for_all(void **state)
{
    static const char *const bad[][2] = {
        {"x'14'", "x''"},                                             /* half a number */
        {"x'0a00000000000000'", "x''"},                               /* where the block begins */
        {"x'0900000000000000'", "x''"},                               /* before it */
        {"x'e803000000000000'", "x''"},                               /* behind it */
        {"x'14000000000000001400000000000000'", "x''"},               /* not ascending */
        {"zeroblob(128)", "x''"},                                     /* too many */
        {"x'ffffffffffffffff'", "x''"},                               /* negative */
        {"x''", "x'01'"},                                             /* half a subject */
        {"x''", "zeroblob(6 * 2049)"},                                /* too many */
        {"x'1400000000000000'", "x'0102030405060708090a0b0c0d0e0f'"}, /* two and a half */
    };
    struct block b = {0};
    assert_true(reads("x''", "x''", &b));
    assert_int_equal(of_text(&b, BLOCK_GROUP, "g", NULL), 0);
    assert_true(reads("x'1400000000000000'", "x'010203040200'", &b));
    assert_int_equal(b.part_count, 2);
    assert_int_equal(block_mask(&b, BLOCK_GROUP, UINT32_C(0x04030201)), 2);
    assert_true(reads("x'1400000000000000'", "NULL", &b));
    assert_int_equal(of_text(&b, BLOCK_GROUP, "g", NULL), 3);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (reads(bad[i][0], bad[i][1], &b)) fail_msg("case %zu is read", i);
        assert_int_equal(b.part_count, 1);
        assert_int_equal(of_text(&b, BLOCK_GROUP, "g", NULL), 1);
    }
    block_fini(&b);
    (void)state;
}

/* ---- jobs come ------------------------------------------------------------------------------ */

static int64_t block_count(const struct fixture *f)
{
    return sql_int(f, "cadre.db", "SELECT count(*) FROM job_blocks");
}

static void job_with_id(struct fixture *f, int64_t id, const char *group)
{
    struct job_row j = plain_job(1, group);
    j.id = id;
    add_job(f, &j);
}

/* `count` jobs of one millisecond, in no order. */
static void add_batch(struct fixture *f, int ms, int count)
{
    begin(f);
    for (int i = 0; i < count; i++)
        job_with_id(f, id_make(T0 + ms, (uint32_t)i * 2654435761u), "g");
    commit(f);
}

/* The most jobs that one of the parts has. */
static int64_t fullest_part(const struct fixture *f)
{
    /* the first part of each block, and the others; the last byte of the eight is the highest */
    return sql_int(
        f, "cadre.db",
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 14),"
        " k(j) AS (SELECT 0 UNION ALL SELECT j + 1 FROM k WHERE j < 7),"
        " p(at) AS (SELECT start FROM job_blocks UNION SELECT (SELECT sum((instr("
        "'0123456789ABCDEF', substr(hex(parts), 16 * i + 2 * j + 1, 1)) * 16 - 17"
        " + instr('0123456789ABCDEF', substr(hex(parts), 16 * i + 2 * j + 2, 1))) << (8 * j))"
        " FROM k) FROM job_blocks, n WHERE 8 * i < length(parts))"
        " SELECT max(c) FROM (SELECT count(*) AS c FROM job_states s"
        " GROUP BY (SELECT max(at) FROM p WHERE at <= s.id))");
}

static void parts_have_what_they_have_room_for(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    for (int ms = 1; ms <= 10; ms++)
        add_batch(f, ms, 200);
    assert_int_equal(block_count(f), 2000 / BLOCK_JOBS + 1);
    assert_int_equal(fullest_part(f), PART_JOBS);
    add_batch(f, 20, 1000);
    assert_int_equal(block_count(f), 3000 / BLOCK_JOBS + 1);
    assert_int_equal(fullest_part(f), PART_JOBS);
    for (int ms = 100; ms < 100 + PART_JOBS; ms++) /* sparse, each in a batch of its own */
        add_batch(f, ms, 1);
    assert_in_range(block_count(f), 3000 / BLOCK_JOBS + 1, 3000 / BLOCK_JOBS + 2);
    assert_int_equal(fullest_part(f), PART_JOBS);
}

static void ids_of_a_clock_that_went_back_have_a_block(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    add_batch(f, 1000000, 600);
    begin(f);
    for (int i = 0; i < 100; i++) /* further and further back */
        job_with_id(f, id_make(T0 + 999 - i, 7), "h");
    commit(f);
    assert_int_equal(block_count(f), 2);
    add_batch(f, 1000001, 600);
    assert_int_equal(block_count(f), 3);
    assert_int_equal(fullest_part(f), PART_JOBS + 100);
}

static int note_id(const struct job_view *v, void *user)
{
    *(int64_t *)user = v->job.id;
    return 0;
}

/* The number of the only job that the filter finds; 0: none. */
static int found(struct fixture *f, struct job_filter filter)
{
    struct reader *r;
    int64_t id = 0, next;
    r = open_reader(f);
    filter.limit = 10;
    OK(reader_jobs(r, &filter, note_id, &id, &next, &e));
    reader_close(r);
    assert_int_equal(next, 0);
    return id ? (int)((id >> 22) - (job_id(0) >> 22)) : 0;
}

/* Behind so many others that they are not met by looking at the newest. */
static void bury(struct fixture *f)
{
    begin(f);
    for (int n = 1000; n < 2000; n++)
        add_plain(f, n, "g");
    commit(f);
}

static void steps_of_a_job_are_followed(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 5, "rare");
    add_plain(f, 6, "g");
    commit(f);
    bury(f);
    assert_int_equal(found(f, (struct job_filter){.group = "rare"}), 5);
    assert_int_equal(found(f, (struct job_filter){.agent = 9}), 0);
    begin(f);
    OK(store_job_submitted(f->store, job_id(5), 9, 1, T0, &e));
    OK(store_job_submitted(f->store, job_id(6), 8, 1, T0, &e));
    commit(f);
    assert_int_equal(found(f, (struct job_filter){.agent = 9}), 5);
    assert_int_equal(found(f, (struct job_filter){.agent = 9, .group = "rare"}), 5);
    assert_int_equal(found(f, (struct job_filter){.agent = 8, .group = "rare"}), 0);
    assert_int_equal(found(f, (struct job_filter){.agent = 9, .group = "none"}), 0);
    /* back in the queue it has no agent, and then another one */
    begin(f);
    OK(store_job_requeue(f->store, job_id(5), 2, &e));
    commit(f);
    assert_int_equal(found(f, (struct job_filter){.agent = 9}), 0);
    begin(f);
    OK(store_job_set_group(f->store, job_id(5), NULL, &e));
    commit(f);
    assert_int_equal(found(f, (struct job_filter){.group = "rare"}), 0);
    assert_int_equal(found(f, (struct job_filter){.group = "default"}), 5);
    begin(f);
    OK(store_job_submitted(f->store, job_id(5), 10, 2, T0, &e));
    commit(f);
    assert_int_equal(found(f, (struct job_filter){.agent = 10, .group = "default"}), 5);
    assert_int_equal(found(f, (struct job_filter){.agent = 10, .from_id = job_id(6)}), 0);
    assert_int_equal(found(f, (struct job_filter){.agent = 10, .before_id = job_id(5)}), 0);
}

static void end_is_followed(void **state)
{
    struct fixture *f = *state;
    const uint32_t failed = UINT32_C(1) << JOB_FAILED, success = UINT32_C(1) << JOB_SUCCESS;
    const uint32_t lost = UINT32_C(1) << REASON_LOST, none = UINT32_C(1) << REASON_NONE;
    begin(f);
    add_plain(f, 5, "g");
    commit(f);
    bury(f);
    assert_int_equal(found(f, (struct job_filter){.states = failed}), 0);
    begin(f);
    OK(store_job_submitted(f->store, job_id(5), 9, 1, T0, &e));
    struct job_end end = {.state = JOB_FAILED, .reason = REASON_LOST, .ended_ms = T0};
    OK(store_job_finish(f->store, job_id(5), &end, &e));
    commit(f);
    assert_int_equal(found(f, (struct job_filter){.states = failed}), 5);
    assert_int_equal(found(f, (struct job_filter){.states = failed | success}), 5);
    assert_int_equal(found(f, (struct job_filter){.states = success}), 0);
    assert_int_equal(found(f, (struct job_filter){.reasons = lost}), 5);
    assert_int_equal(found(f, (struct job_filter){.reasons = lost | none, .states = failed}), 5);
    assert_int_equal(found(f, (struct job_filter){.reasons = lost << 1}), 0);
    assert_int_equal(found(f, (struct job_filter){.reasons = lost, .states = failed, .agent = 9}),
                     5);
}

static void task_with(struct fixture *f, int n, int64_t execution)
{
    char id[ID_TEXT_SIZE];
    id_format(execution, id);
    struct job_row j = plain_job(n, "g");
    j.ns = "com.shop";
    j.flow = "load";
    j.task = "extract";
    j.execution = id;
    add_job(f, &j);
}

static int found_by_label(struct fixture *f, const char *text)
{
    struct json *labels = labels_of(text);
    int n = found(f, (struct job_filter){.labels = labels});
    json_free(labels);
    return n;
}

static void tasks_are_found_by_flow_and_labels(void **state)
{
    struct fixture *f = *state;
    struct execution_row x = {.id = job_id(1),
                              .ns = "com.shop",
                              .flow = "load",
                              .revision = 1,
                              .state = EXECUTION_RUNNING,
                              .created_ms = T0};
    x.labels = "{\"team\":\"web\",\"env\":\"prod\"}";
    begin(f);
    OK(store_execution_insert(f->store, &x, &e));
    task_with(f, 5, x.id); /* in the batch of its execution */
    commit(f);
    bury(f);
    assert_int_equal(found(f, (struct job_filter){.ns = "com"}), 5);
    assert_int_equal(found(f, (struct job_filter){.ns = "com.shop"}), 5);
    assert_int_equal(found(f, (struct job_filter){.ns = "com.sho"}), 0);
    assert_int_equal(found(f, (struct job_filter){.ns = "com.shop", .flow = "load"}), 5);
    assert_int_equal(found(f, (struct job_filter){.ns = "com", .flow = "load"}), 0);
    assert_int_equal(found(f, (struct job_filter){.task = "extract"}), 5);
    assert_int_equal(found_by_label(f, "{\"team\":\"web\"}"), 5);
    assert_int_equal(found_by_label(f, "{\"team\":\"web\",\"env\":\"prod\"}"), 5);
    assert_int_equal(found_by_label(f, "{\"team\":\"web\",\"env\":\"test\"}"), 0);
    begin(f); /* other labels, while it goes on */
    x.labels = "{\"team\":\"data\"}";
    OK(store_execution_update(f->store, &x, &e));
    commit(f);
    assert_int_equal(found_by_label(f, "{\"team\":\"data\"}"), 5);
    assert_int_equal(found_by_label(f, "{\"team\":\"web\"}"), 0);
    begin(f); /* a later task of it */
    task_with(f, 2000, x.id);
    commit(f);
    assert_int_equal(found_by_label(f, "{\"team\":\"data\"}"), 5); /* the last of two */
}

static void add_execution(struct fixture *f, int64_t id, const char *labels)
{
    struct execution_row x = {.id = id,
                              .ns = "com.shop",
                              .flow = "load",
                              .revision = 1,
                              .state = EXECUTION_RUNNING,
                              .created_ms = T0};
    x.labels = (char *)(uintptr_t)labels;
    OK(store_execution_insert(f->store, &x, &e));
}

/* The first one, as its row has it. */
static void read_block(const struct fixture *f, struct block *b)
{
    sqlite3 *db;
    struct sqlite_stmt x = {0};
    char *path = str_dupf("%s/cadre.db", f->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT start, parts, subjects FROM job_blocks"
                                        " ORDER BY start",
                                        -1, &x.q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(x.q), SQLITE_ROW);
    x.stmt.driver = &sqlite_driver;
    assert_true(block_read(b, &x.stmt, INT64_MAX));
    sqlite3_finalize(x.q);
    sqlite3_close(db);
    mem_free(path);
}

static void tasks_of_one_batch_have_the_labels_of_their_own_executions(void **state)
{
    SQLITE_ALONE;
    const int64_t web = job_id(1), data = job_id(2), bare = job_id(3);
    const int64_t parts[4][2] = {{web, web}, {web, data}, {data, bare}, {0, bare}}; /* in turn */
    struct fixture *f = *state;
    struct block b = {0};
    begin(f);
    add_execution(f, data, "{\"team\":\"data\"}");
    commit(f);
    begin(f);
    add_execution(f, web, "{\"team\":\"web\"}");
    add_execution(f, bare, NULL);
    for (int i = 0; i < 4 * PART_JOBS; i++) {
        int n = i * 37 % (4 * PART_JOBS); /* in no order */
        int64_t execution = parts[n / PART_JOBS][n % 2];
        if (execution)
            task_with(f, 10 + n, execution);
        else
            add_plain(f, 10 + n, "g");
    }
    commit(f);
    read_block(f, &b);
    assert_int_equal(b.part_count, 4);
    assert_int_equal(of_text(&b, BLOCK_TASK, "extract", NULL), 15);
    assert_int_equal(of_text(&b, BLOCK_LABEL, "team", "web"), 3);
    assert_int_equal(of_text(&b, BLOCK_LABEL, "team", "data"), 6);
    block_fini(&b);
}

static void rollback_leaves_the_index_as_it_was(void **state)
{
    struct fixture *f = *state;
    add_batch(f, 1, 500);
    int64_t before = block_count(f);
    begin(f);
    for (int n = 100; n < 1200; n++)
        add_plain(f, n, "h");
    OK(store_write_changes(f->store, &e));
    store_rollback(f->store);
    assert_int_equal(block_count(f), before);
    add_batch(f, 2000, 100);
    assert_int_equal(found(f, (struct job_filter){.group = "h"}), 0);
    check_counts(f);
}

/* More blocks than are kept in memory, and agents from here and there in all of them. */
static void blocks_that_are_not_in_memory_are_read_again(void **state)
{
    struct fixture *f = *state;
    const int jobs = (BLOCKS_CACHED + 8) * BLOCK_JOBS;
    begin(f);
    for (int n = 1; n <= jobs; n++)
        add_plain(f, n, n % 1000 ? "g" : "h");
    commit(f);
    assert_int_equal(block_count(f), BLOCKS_CACHED + 8);
    for (int round = 0; round < 3; round++) {
        begin(f);
        for (int i = 0; i < 300; i++) {
            int n = 1 + (i * 7919 + round * 104729) % jobs;
            OK(store_job_submitted(f->store, job_id(n), 1 + i % 50, round + 1, T0, &e));
        }
        commit(f);
    }
}

/* ---- jobs go -------------------------------------------------------------------------------- */

static void end_jobs(struct fixture *f, int from, int to)
{
    begin(f);
    for (int n = from; n < to; n++) {
        OK(store_job_submitted(f->store, job_id(n), 1 + n % 3, 1, T0 + n, &e));
        struct job_end end = {.state = JOB_SUCCESS, .ended_ms = T0 + n};
        OK(store_job_finish(f->store, job_id(n), &end, &e));
    }
    commit(f);
}

static void purge(struct fixture *f, int before)
{
    bool more = true;
    while (more) {
        begin(f);
        OK(store_purge(f->store, T0 + before, 100, &more, &e));
        commit(f);
        check_counts(f); /* a block without a job is a fault */
    }
}

static void purged_jobs_take_their_blocks_along(void **state)
{
    struct fixture *f = *state;
    const int jobs = 3 * BLOCK_JOBS;
    begin(f);
    for (int n = 1; n <= jobs; n++)
        add_plain(f, n, "g");
    commit(f);
    end_jobs(f, 1, jobs); /* the last one waits */
    assert_int_equal(block_count(f), 3);
    purge(f, BLOCK_JOBS);
    assert_int_equal(block_count(f), 3); /* one is left in the first */
    purge(f, BLOCK_JOBS + 2);
    assert_int_equal(block_count(f), 2);
    purge(f, jobs);
    assert_int_equal(block_count(f), 1);
    begin(f); /* one from before all of them */
    add_plain(f, 2, "h");
    commit(f);
    assert_int_equal(found(f, (struct job_filter){.group = "h"}), 2);
    end_jobs(f, 2, 3);
    end_jobs(f, jobs, jobs + 1);
    purge(f, jobs + 1);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 0);
    assert_int_equal(block_count(f), 0);
    add_batch(f, jobs + 10, 100);
    assert_int_equal(block_count(f), 1);
}

/* ---- the check, and making it anew ---------------------------------------------------------- */

struct faults {
    char text[4000];
    size_t count;
};

static void on_fault(const char *fault, void *user)
{
    struct faults *x = user;
    x->count++;
    (void)str_copy(x->text, sizeof x->text, fault);
}

/* What a check says last, after the SQL. */
static void says(struct fixture *f, const char *sql, size_t count, const char *words)
{
    struct faults x = {.count = 0};
    struct store_check c = {.say = on_fault, .user = &x};
    sql_exec(f, "cadre.db", sql);
    OK(store_check(f->folder, &c, &e));
    size_t told = count < STORE_CHECK_TOLD ? count : STORE_CHECK_TOLD;
    if (x.count != told) fail_msg("%s: %zu faults: %s", sql, x.count, x.text);
    assert_int_equal(c.index_faults, count);
    assert_int_equal(c.faults, 0);
    if (!strstr(x.text, words)) fail_msg("\"%s\" says nothing of \"%s\"", x.text, words);
    if (count > 0 && !strstr(x.text, "run \"DELETE FROM job_blocks\" on cadre.db"))
        fail_msg("\"%s\" names no way out", x.text);
}

static void make_anew(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
    sql_exec(f, "cadre.db", "DELETE FROM job_blocks");
    open_again(f);
    check_counts(f);
}

static void check_tells_what_is_wrong_with_the_index(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    begin(f);
    for (int n = 1; n <= BLOCK_JOBS + 3; n++)
        add_plain(f, n, "g");
    OK(store_job_submitted(f->store, job_id(BLOCK_JOBS + 2), 7, 1, T0, &e));
    commit(f);
    says(f, "SELECT 1", 0, "");
    says(f, "DELETE FROM job_blocks WHERE start = 0", BLOCK_JOBS,
         "lists with a filter may leave it out. To make the index anew, stop the coordinator");
    make_anew(f);
    assert_int_equal(block_count(f), 2);
    says(f, "UPDATE job_blocks SET subjects = x'' WHERE start > 0", 4,
         "the index of jobs lacks the");
    make_anew(f);
    says(f, "UPDATE job_blocks SET subjects = substr(subjects, 1, 6) WHERE start > 0", 1,
         "lacks the agent of job");
    make_anew(f);
    says(f, "UPDATE job_blocks SET subjects = x'00' WHERE start > 0", 1,
         "is damaged: lists look at all of its jobs. To make");
    make_anew(f);
    says(f, "UPDATE job_blocks SET parts = x'0000000000000000' WHERE start > 0", 1,
         "is damaged: lists look at all of its jobs. To make");
    make_anew(f);
    says(f, "INSERT INTO job_blocks VALUES (9223372036854775800, x'', x'')", 1,
         "block 7zzzzzzzzzzzr of the index of jobs has no job: no list is wrong. To make");
    make_anew(f);
    says(f,
         "UPDATE job_states SET group_key = 'h' WHERE id = (SELECT max(id) FROM job_states);"
         "UPDATE job_counts SET created = created - 1; INSERT INTO job_counts VALUES ('h', 0, 1,"
         " 0, 0, 0, 0)",
         1, "lacks the group of job");
    make_anew(f);
}

static void index_that_is_made_has_the_same_parts(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    for (int ms = 1; ms <= 10; ms++)
        add_batch(f, ms, 200);
    make_anew(f);
    assert_int_equal(block_count(f), 2000 / BLOCK_JOBS + 1);
    assert_int_equal(fullest_part(f), PART_JOBS);
    add_batch(f, 20, 100); /* and it goes on */
    assert_int_equal(fullest_part(f), PART_JOBS);
    sql_exec(f, "cadre.db", "CREATE TABLE keep AS SELECT * FROM job_blocks");
    store_close(f->store); /* one that is there is left alone */
    open_again(f);
    assert_int_equal(sql_int(f, "cadre.db",
                             "SELECT count(*) FROM (SELECT * FROM keep EXCEPT"
                             " SELECT * FROM job_blocks)"),
                     0);
}

/* As it was left by a version whose index had groups and agents alone. */
static void index_of_an_older_version_is_made_anew(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    begin(f);
    task_with(f, 5, job_id(1));
    commit(f);
    bury(f);
    store_close(f->store);
    f->store = NULL;
    sql_exec(f, "cadre.db",
             "UPDATE job_blocks SET subjects = x'';"
             "DROP TABLE task_runs; ALTER TABLE namespaces DROP COLUMN groupless;"
             "ALTER TABLE namespaces DROP COLUMN notify;"
             "ALTER TABLE executions DROP COLUMN trace; PRAGMA user_version=26");
    open_again(f);
    check_counts(f);
    assert_int_equal(found(f, (struct job_filter){.ns = "com", .flow = NULL}), 5);
    assert_int_equal(found(f, (struct job_filter){.task = "extract"}), 5);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_marks_the_parts_of_a_subject),
        cmocka_unit_test(job_is_found_by_all_that_it_has),
        cmocka_unit_test(subjects_without_room_are_any_of_their_kind),
        cmocka_unit_test(labels_leave_room_for_the_others),
        cmocka_unit_test(damaged_row_stands_for_all),
        CASE(parts_have_what_they_have_room_for),
        CASE(ids_of_a_clock_that_went_back_have_a_block),
        CASE(steps_of_a_job_are_followed),
        CASE(end_is_followed),
        CASE(tasks_are_found_by_flow_and_labels),
        CASE(tasks_of_one_batch_have_the_labels_of_their_own_executions),
        CASE(rollback_leaves_the_index_as_it_was),
        CASE(blocks_that_are_not_in_memory_are_read_again),
        CASE(purged_jobs_take_their_blocks_along),
        CASE(check_tells_what_is_wrong_with_the_index),
        CASE(index_that_is_made_has_the_same_parts),
        CASE(index_of_an_older_version_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
