/* Reading for the API, beside a store that writes. */
#include "store_fixture.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/backup.h"
#include "coordinator/store/reader_load.h"
#include "coordinator/store/sqlite_db.h"
#include "coordinator/store/sql_reader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BIT(state) (UINT32_C(1) << (state))

/* ---- one job --------------------------------------------------------------------------------- */

static void job_comes_with_what_an_answer_needs(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    struct agent_row a = {.id = 9, .name = "build-07"};
    OK(store_agent_insert(f->store, &a, &e));
    struct job_row j = plain_job(1, "g");
    OK(store_requires_intern(f->store, "{\"os\":\"linux\"}", &j.requires_id, &e));
    OK(store_job_insert(f->store, &j, "{\"s\":1}", &e));
    OK(store_job_submitted(f->store, j.id, 9, 1, T0, &e));
    struct job_end end = {.state = JOB_SUCCESS, .outputs = "{\"k\":1}", .ended_ms = T0};
    OK(store_job_finish(f->store, j.id, &end, &e));
    add_plain(f, 2, NULL);
    struct job_view v;
    FAILS(ERR_NOT_FOUND, reader_job(r, j.id, &v, &e)); /* not yet committed */
    commit(f);
    OK(reader_job(r, j.id, &v, &e));
    assert_int_equal(v.job.state, JOB_SUCCESS);
    assert_string_equal(v.spec, "{\"s\":1}");
    assert_string_equal(v.outputs, "{\"k\":1}");
    assert_string_equal(v.require, "{\"os\":\"linux\"}");
    assert_string_equal(v.agent_name, "build-07");
    job_view_fini(&v);
    OK(reader_job(r, job_id(2), &v, &e));
    assert_null(v.outputs);
    assert_null(v.require);
    assert_null(v.agent_name);
    job_view_fini(&v);
    reader_close(r);
}

static void reader_wants_the_files_of_a_store(void **state)
{
    struct fixture *f = *state;
    char *folder = str_dupf("%s/nowhere", f->folder);
    struct reader *r = NULL;
    FAILS(ERR_NOT_FOUND, reader_open(folder, &r, &e));
    assert_null(r);
    mem_free(folder);
}

/* "3 2 1 " and the name of the last one's agent. */
struct attempts {
    char numbers[64], agent[40];
};

static int note_attempt(const struct attempt_row *a, const char *agent_name, void *user)
{
    struct attempts *n = user;
    size_t at = strlen(n->numbers);
    OK(str_format(n->numbers + at, sizeof n->numbers - at, "%d ", (int)a->attempt));
    assert_int_equal(a->exit_code, a->attempt);
    assert_true(a->exited);
    OK(str_copy(n->agent, sizeof n->agent, agent_name ? agent_name : "-"));
    return 0;
}

static void attempts_are(struct reader *r, const struct attempt_filter *f, const char *want,
                         bool want_more)
{
    struct attempts n = {0};
    bool more = !want_more;
    OK(reader_attempts(r, f, note_attempt, &n, &more, &e));
    assert_string_equal(n.numbers, want);
    assert_int_equal(more, want_more);
}

static void attempts_come_in_pages(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    struct agent_row g = {.id = 9, .name = "build-07"};
    OK(store_agent_insert(f->store, &g, &e));
    for (int i = 5; i >= 1; i--) {
        struct attempt_row a = {.job = 5,
                                .attempt = i,
                                .agent = i == 5 ? 9 : 8,
                                .state = JOB_FAILED,
                                .reason = REASON_EXIT_CODE,
                                .exited = true,
                                .exit_code = i};
        OK(store_attempt_add(f->store, &a, &e));
    }
    commit(f);
    attempts_are(r, &(struct attempt_filter){.job = 5, .limit = 9}, "5 4 3 2 1 ", false);
    attempts_are(r, &(struct attempt_filter){.job = 5, .limit = 2}, "5 4 ", true);
    attempts_are(r, &(struct attempt_filter){.job = 5, .before = 4, .limit = 2}, "3 2 ", true);
    attempts_are(r, &(struct attempt_filter){.job = 5, .before = 2, .limit = 2}, "1 ", false);
    attempts_are(r, &(struct attempt_filter){.job = 5, .before = 1, .limit = 2}, "", false);
    attempts_are(r, &(struct attempt_filter){.job = 5, .limit = 2, .ascending = true}, "4 5 ",
                 true);
    attempts_are(r, &(struct attempt_filter){.job = 6, .limit = 2}, "", false);
    struct attempts n = {0};
    bool more;
    struct attempt_filter newest = {.job = 5, .limit = 1};
    OK(reader_attempts(r, &newest, note_attempt, &n, &more, &e));
    assert_string_equal(n.agent, "build-07");
    reader_close(r);
}

/* ---- lists of jobs --------------------------------------------------------------------------- */

struct list {
    size_t count;
    int64_t ids[200];
};

static int note_job(const struct job_view *v, void *user)
{
    struct list *l = user;
    assert_true(l->count < 200);
    assert_null(v->spec);
    l->ids[l->count++] = v->job.id;
    return 0;
}

/* All pages of the filter; the ids must fall. */
static struct list list_jobs(struct reader *r, struct job_filter filter)
{
    struct list l = {0};
    int64_t next;
    int pages = 0;
    do {
        size_t before = l.count;
        OK(reader_jobs(r, &filter, note_job, &l, &next, &e));
        assert_true(l.count - before <= filter.limit);
        assert_true(++pages < 1000);
        filter.before_id = next;
    } while (next != 0);
    for (size_t i = 1; i < l.count; i++)
        assert_true(l.ids[i] < l.ids[i - 1]);
    return l;
}

/* Number n is in state n % 10, group g or default, namespace a.b or c, agent 1 or 2 when assigned
 * or later. */
static void add_mixed(struct fixture *f, int count)
{
    begin(f);
    for (int n = 1; n <= count; n++) {
        struct job_row j = plain_job(n, n % 2 ? "g" : NULL);
        j.ns = n % 3 ? "a.b" : "c";
        add_job(f, &j);
        enum job_state s = (enum job_state)(n % 10);
        if (s != JOB_CREATED && s != JOB_CANCELLED) {
            OK(store_job_submitted(f->store, j.id, 1 + n % 2, 1, T0, &e));
        }
        if (s == JOB_RUNNING) OK(store_job_running(f->store, j.id, T0, &e));
        if (s == JOB_KILLING) OK(store_job_killing(f->store, j.id, REASON_CANCELLED, &e));
        if (s == JOB_RETRYING) OK(store_job_retrying(f->store, j.id, 2, T0, &e));
        struct job_end end = {.state = s, .ended_ms = T0};
        if (job_is_final(s)) OK(store_job_finish(f->store, j.id, &end, &e));
    }
    commit(f);
}

static void list_is_paged_newest_first(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_mixed(f, 100);
    assert_int_equal(list_jobs(r, (struct job_filter){.limit = 7}).count, 100);
    assert_int_equal(list_jobs(r, (struct job_filter){.limit = 100}).count, 100);
    struct list l = {0};
    int64_t next;
    OK(reader_jobs(r, &(struct job_filter){.limit = 100}, note_job, &l, &next, &e));
    assert_int_equal(next, 0); /* it is known that nothing follows */
    assert_int_equal(l.ids[0], job_id(100));
    l.count = 0;
    OK(reader_jobs(r, &(struct job_filter){.limit = 5, .before_id = job_id(50)}, note_job, &l,
                   &next, &e));
    assert_int_equal(l.ids[0], job_id(49));
    assert_int_equal(next, job_id(45));
    reader_close(r);
}

static void every_filter_finds_all_of_its_jobs_and_no_other(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_mixed(f, 100);
    static const uint32_t masks[] = {
        BIT(JOB_CREATED),
        BIT(JOB_RUNNING),
        BIT(JOB_SUBMITTED) | BIT(JOB_RUNNING) | BIT(JOB_KILLING),
        BIT(JOB_RETRYING) | BIT(JOB_RUNNING),
        BIT(JOB_CREATED) | BIT(JOB_SUBMITTED) | BIT(JOB_RUNNING) | BIT(JOB_KILLING) |
            BIT(JOB_RETRYING),
        BIT(JOB_SUCCESS),
        BIT(JOB_FAILED) | BIT(JOB_CANCELLED),
        BIT(JOB_FAILED) | BIT(JOB_SUCCESS) | BIT(JOB_CREATED),
        0,
    };
    static const char *const groups[] = {NULL, "g", "", "none"};
    static const char *const namespaces[] = {NULL, "a", "a.b", "c", "a.bc"};
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        for (size_t g = 0; g < 4; g++) {
            for (size_t s = 0; s < 5; s++) {
                struct job_filter filter = {.states = masks[m],
                                            .group = groups[g],
                                            .ns = namespaces[s],
                                            .limit = 3};
                size_t wanted = 0;
                for (int n = 1; n <= 100; n++) {
                    const char *ns = n % 3 ? "a.b" : "c";
                    wanted += (!masks[m] || (masks[m] >> (n % 10) & 1)) &&
                              (!groups[g] || str_eq(groups[g], n % 2 ? "g" : "")) &&
                              (!namespaces[s] || str_namespace_covers(namespaces[s], ns));
                }
                assert_int_equal(list_jobs(r, filter).count, wanted);
            }
        }
    }
    /* 1 to 3 hold an agent; final ones but CANCELLED keep theirs: 3 + 4 of ten, one parity each */
    assert_int_equal(list_jobs(r, (struct job_filter){.agent = 1, .limit = 9}).count +
                         list_jobs(r, (struct job_filter){.agent = 2, .limit = 9}).count,
                     70);
    assert_int_equal(list_jobs(r, (struct job_filter){.agent = 3, .limit = 9}).count, 0);
    reader_close(r);
}

static void rare_job_is_found_behind_many_others(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    add_plain(f, 1, "rare");
    for (int n = 2; n < 12500; n++) {
        struct job_row j = plain_job(n, "g");
        j.state = JOB_SUCCESS;
        j.ended_ms = T0;
        add_job(f, &j);
    }
    commit(f);
    /* by group and by an open state it is found at once */
    const struct job_filter filters[] = {{.group = "rare", .limit = 10},
                                         {.states = BIT(JOB_CREATED), .limit = 10}};
    for (size_t i = 0; i < 2; i++) {
        struct list l = {0};
        int64_t next;
        OK(reader_jobs(r, &filters[i], note_job, &l, &next, &e));
        assert_int_equal(l.count, 1);
        assert_int_equal(next, 0);
    }
    struct list l = {0};
    int64_t next;
    struct job_filter filter = {.exited = true, .exit_code = 77, .limit = 10}; /* by no index */
    OK(reader_jobs(r, &filter, note_job, &l, &next, &e));
    assert_int_equal(l.count, 0);
    assert_int_not_equal(next, 0);
    assert_int_equal(list_jobs(r, filter).count, 0);
    const struct job_filter none[] = {
        {.group = "none", .limit = 10},
        {.ns = "none", .limit = 10},
        {.task = "none", .limit = 10},
        {.states = BIT(JOB_KILLED), .limit = 10},
        {.reasons = BIT(REASON_LOST), .limit = 10},
    };
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        OK(reader_jobs(r, &none[i], note_job, &l, &next, &e));
        assert_int_equal(next, 0);
    }
    reader_close(r);
}

static void a_range_of_ids_is_kept_on_every_way_to_the_jobs(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_mixed(f, 100);
    static const uint32_t masks[] = {
        0,
        BIT(JOB_CREATED),
        BIT(JOB_RUNNING) | BIT(JOB_KILLING),
        BIT(JOB_FAILED) | BIT(JOB_CANCELLED),
        BIT(JOB_SUCCESS) | BIT(JOB_FAILED),
    };
    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        struct job_filter filter = {.states = masks[m],
                                    .from_id = job_id(21),
                                    .before_id = job_id(71),
                                    .limit = 3};
        struct list l = list_jobs(r, filter);
        size_t wanted = 0;
        for (int n = 21; n < 71; n++)
            wanted += !masks[m] || (masks[m] >> (n % 10) & 1);
        assert_int_equal(l.count, wanted);
        for (size_t i = 0; i < l.count; i++)
            assert_true(l.ids[i] >= job_id(21) && l.ids[i] < job_id(71));
    }
    struct job_filter none = {.from_id = job_id(50), .before_id = job_id(50), .limit = 3};
    assert_int_equal(list_jobs(r, none).count, 0);
    none = (struct job_filter){.from_id = job_id(101), .limit = 3};
    assert_int_equal(list_jobs(r, none).count, 0);
    reader_close(r);
}

/* What SQLite's machine does for one page. */
static int64_t steps_of_a_page(struct reader *r, const struct job_filter *f)
{
    struct list l = {0};
    int64_t next, sum = 0;
    for (int i = 0; i < QUEUE_READ_COUNT; i++)
        (void)sqlite3_stmt_status(sqlite_statement(from_queue(r, (enum queue_read)i)),
                                  SQLITE_STMTSTATUS_VM_STEP, 1);
    OK(reader_jobs(r, f, note_job, &l, &next, &e));
    for (int i = 0; i < QUEUE_READ_COUNT; i++)
        sum += sqlite3_stmt_status(sqlite_statement(from_queue(r, (enum queue_read)i)),
                                   SQLITE_STMTSTATUS_VM_STEP, 1);
    return sum;
}

static void add_crowd(struct fixture *f, int from, int to)
{
    begin(f);
    for (int n = from; n < to; n++) {
        struct job_row j = plain_job(n, "g");
        j.ns = "a.b";
        j.name = n % 2 ? "twin" : NULL;
        if (n % 3 == 0) j.kind = JOB_TRIGGER;
        add_job(f, &j);
        if (n % 4 == 0) continue;
        OK(store_job_submitted(f->store, j.id, 1, 1, T0, &e));
        struct job_end end = {.state = JOB_FAILED, .ended_ms = T0};
        if (n % 4 == 1) OK(store_job_finish(f->store, j.id, &end, &e));
    }
    commit(f);
}

/* To read the index of 48,000 jobs. */
#define STEPS_OF_BLOCKS (10 * 48000 / (BLOCK_PARTS * PART_JOBS))

/* Nothing that is asked for is there: so a page goes as far as it may. */
static void no_page_reads_more_for_more_jobs(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    const struct job_filter filters[] = {
        {.group = "rare", .limit = 10},
        {.ns = "c", .limit = 10},
        {.agent = 7, .limit = 10},
        {.name = "twin", .ns = "c", .limit = 10},
        {.states = BIT(JOB_CREATED), .ns = "c", .limit = 10},
        {.states = BIT(JOB_SUBMITTED), .ns = "c", .limit = 10},
        {.states = BIT(JOB_CREATED) | BIT(JOB_SUBMITTED), .ns = "c", .limit = 10},
        {.states = BIT(JOB_FAILED), .ns = "c", .limit = 10},
        {.states = BIT(JOB_SUCCESS), .limit = 10},
        {.kinds = BIT(SHOWN_EVALUATION), .ns = "c", .limit = 10},
        {.from_id = job_id(1), .ns = "c", .limit = 10},
        {.exited = true, .exit_code = 77, .limit = 10}, /* by no index */
    };
    int64_t few[sizeof filters / sizeof *filters];
    add_crowd(f, 1, 24000);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        few[i] = steps_of_a_page(r, &filters[i]);
    add_crowd(f, 24000, 72000);
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        int64_t many = steps_of_a_page(r, &filters[i]);
        int64_t most = few[i] + few[i] / 20 + (filters[i].exited ? 0 : STEPS_OF_BLOCKS);
        if (many > most || many > 5000 * 50)
            fail_msg("filter %zu: %lld steps, and %lld beside three times the jobs", i,
                     (long long)few[i], (long long)many);
    }
    reader_close(r);
}

/* ---- output ---------------------------------------------------------------------------------- */

static void add_text(struct fixture *f, int64_t job, int64_t attempt, int stream, int64_t offset,
                     const char *text)
{
    struct chunk c = {.job = job,
                      .attempt = attempt,
                      .stream = stream,
                      .offset = offset,
                      .data = text,
                      .len = strlen(text)};
    OK(store_output_add(f->store, &c, &e));
}

struct text {
    char text[100];
    int chunks, most;
};

static int append(const struct chunk *c, void *user)
{
    struct text *t = user;
    memcpy(t->text + strlen(t->text), c->data, c->len);
    return ++t->chunks == t->most;
}

static struct text read_text(struct reader *r, int64_t attempt, uint32_t streams, int64_t *cursor,
                             size_t max_bytes, int most)
{
    struct text t = {.most = most};
    int64_t next = -1;
    struct output_filter f = {.job = 1,
                              .attempt = attempt,
                              .streams = streams,
                              .cursor = *cursor,
                              .max_bytes = max_bytes};
    OK(reader_output(r, &f, append, &t, &next, &e));
    assert_true(next >= *cursor);
    *cursor = next;
    return t;
}

static void output_comes_in_order_of_arrival_and_by_stream(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    add_text(f, 1, 1, 1, 0, "a");
    add_text(f, 2, 1, 1, 0, "other");
    add_text(f, 1, 1, 2, 0, "b");
    add_text(f, 1, 1, 1, 1, "c");
    add_text(f, 1, 2, 1, 0, "d");
    add_text(f, 1, 2, 3, 0, "e");
    commit(f);
    int64_t c = 0;
    assert_string_equal(read_text(r, 0, 0, &c, 100, 0).text, "abcde");
    int64_t end = c;
    assert_string_equal(read_text(r, 0, 0, &c, 100, 0).text, "");
    assert_int_equal(c, end);
    c = 0;
    assert_string_equal(read_text(r, 1, 0, &c, 100, 0).text, "abc");
    assert_int_equal(c, end); /* the other attempt was looked at, too */
    c = 0;
    assert_string_equal(read_text(r, 0, 1u << 1, &c, 100, 0).text, "acd");
    c = 0;
    assert_string_equal(read_text(r, 2, 1u << 1 | 1u << 3, &c, 100, 0).text, "de");
    c = 0;
    assert_string_equal(read_text(r, 7, 0, &c, 100, 0).text, "");
    reader_close(r);
}

static void output_comes_in_pages_and_goes_on_where_it_ended(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    add_text(f, 1, 1, 1, 0, "aaa");
    add_text(f, 1, 1, 1, 3, "bbb");
    add_text(f, 1, 1, 1, 6, "cccccccccc");
    commit(f);
    int64_t c = 0;
    assert_string_equal(read_text(r, 0, 0, &c, 6, 0).text, "aaabbb");
    assert_string_equal(read_text(r, 0, 0, &c, 6, 0).text, "cccccccccc"); /* one at least */
    begin(f);
    add_text(f, 1, 1, 1, 16, "d");
    commit(f);
    assert_string_equal(read_text(r, 0, 0, &c, 6, 0).text, "d");
    c = 0;
    assert_string_equal(read_text(r, 0, 0, &c, 100, 1).text, "aaa"); /* fn had enough */
    assert_string_equal(read_text(r, 0, 0, &c, 100, 0).text, "bbbccccccccccd");
    reader_close(r);
}

static void add_at(struct fixture *f, int64_t attempt, int64_t offset, int64_t at_ms,
                   const char *text)
{
    struct chunk c = {.job = 1,
                      .attempt = attempt,
                      .stream = 1,
                      .offset = offset,
                      .at_ms = at_ms,
                      .data = text,
                      .len = strlen(text)};
    OK(store_output_add(f->store, &c, &e));
}

/* The last lines of attempt 1 (0: of all), looked for in pages of one chunk. */
static const char *last_lines(struct reader *r, int64_t attempt, int64_t lines, int64_t since_ms)
{
    static struct text t;
    struct output_filter f = {.job = 1, .attempt = attempt, .since_ms = since_ms, .max_bytes = 1};
    struct output_tail tail = {.lines = lines};
    for (int looks = 0; !tail.found; looks++) {
        assert_true(looks < 20);
        OK(reader_output_tail(r, &f, &tail, &e));
    }
    t = (struct text){.most = 0};
    int64_t next = 0;
    f.cursor = tail.cursor;
    f.max_bytes = 1000;
    OK(reader_output(r, &f, append, &t, &next, &e));
    assert_true(tail.skip <= strlen(t.text));
    return t.text + tail.skip;
}

static void the_last_lines_are_counted_over_chunks(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    add_at(f, 1, 0, 10, "one\ntw");
    add_at(f, 1, 6, 20, "o\nthree");
    add_at(f, 2, 0, 30, "x\n");
    add_at(f, 1, 13, 40, "\nfour\n");
    commit(f);
    assert_string_equal(last_lines(r, 1, 1, 0), "four\n");
    assert_string_equal(last_lines(r, 1, 2, 0), "three\nfour\n");
    assert_string_equal(last_lines(r, 1, 3, 0), "two\nthree\nfour\n");
    assert_string_equal(last_lines(r, 1, 4, 0), "one\ntwo\nthree\nfour\n");
    assert_string_equal(last_lines(r, 1, 5, 0), "one\ntwo\nthree\nfour\n");
    assert_string_equal(last_lines(r, 2, 1, 0), "x\n");
    assert_string_equal(last_lines(r, 3, 1, 0), "");
    assert_string_equal(last_lines(r, 0, 3, 0), "threex\n\nfour\n");
    begin(f);
    add_at(f, 1, 19, 50, "half");
    commit(f);
    assert_string_equal(last_lines(r, 1, 1, 0), "half"); /* a line without its end */
    assert_string_equal(last_lines(r, 1, 2, 0), "four\nhalf");
    reader_close(r);
}

static void output_since_a_time_is_what_was_received_then_or_later(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    add_at(f, 1, 0, 0, "unknown\n"); /* of a database of before */
    add_at(f, 1, 8, 10, "ten\n");
    add_at(f, 1, 12, 20, "twenty\n");
    commit(f);
    assert_string_equal(last_lines(r, 1, 9, 0), "unknown\nten\ntwenty\n");
    assert_string_equal(last_lines(r, 1, 9, 10), "ten\ntwenty\n");
    assert_string_equal(last_lines(r, 1, 9, 11), "twenty\n");
    assert_string_equal(last_lines(r, 1, 9, 21), "");
    struct output_filter since = {.job = 1, .since_ms = 15, .max_bytes = 1};
    struct text t = {.most = 0};
    int64_t next = 0;
    for (int i = 0; i < 3; i++, since.cursor = next)
        OK(reader_output(r, &since, append, &t, &next, &e));
    assert_string_equal(t.text, "twenty\n");
    reader_close(r);
}

/* ---- beside the writer ----------------------------------------------------------------------- */

struct writing {
    struct fixture *f;
    atomic_bool stop;
    atomic_int batches;
};

/* Two jobs at a time, one of them handed out. */
static void *write_on(void *arg)
{
    struct writing *w = arg;
    for (int n = 1; !atomic_load(&w->stop); n += 2) {
        struct err e = {0};
        struct job_row a = plain_job(n, "g"), b = plain_job(n + 1, "g");
        int rc = store_begin(w->f->store, &e);
        if (rc == 0) rc = store_job_insert(w->f->store, &a, "{}", &e);
        if (rc == 0) rc = store_job_insert(w->f->store, &b, "{}", &e);
        if (rc == 0) rc = store_job_submitted(w->f->store, a.id, 1, 1, T0, &e);
        if (rc == 0) rc = store_commit(w->f->store, &e);
        if (rc != 0) return mem_strdup(e.msg);
        atomic_fetch_add(&w->batches, 1);
    }
    return NULL;
}

static int sum_states(const struct job_view *v, void *user)
{
    int *sum = user;
    *sum += v->job.state == JOB_CREATED ? 1 : -1;
    return 0;
}

static void reader_sees_whole_batches_while_the_writer_goes_on(void **state)
{
    struct fixture *f = *state;
    struct writing w = {.f = f};
    pthread_t thread;
    struct reader *r = open_reader(f);
    char *copy = str_dupf("%s/copy", f->folder);
    assert_int_equal(pthread_create(&thread, NULL, write_on, &w), 0);
    int64_t last = 0;
    for (int i = 0; i < 300 || atomic_load(&w.batches) < 100; i++) {
        struct store_stats s;
        OK(reader_stats(r, &s, &e));
        assert_int_equal(s.jobs[JOB_CREATED], s.jobs[JOB_SUBMITTED]);
        assert_true(s.jobs[JOB_CREATED] >= last);
        last = s.jobs[JOB_CREATED];
        int sum = 0;
        int64_t next;
        OK(reader_jobs(r, &(struct job_filter){.limit = 20}, sum_states, &sum, &next, &e));
        assert_int_equal(sum, 0);
        if (i == 50 && !fixture_is_pg()) OK(store_backup(f->folder, copy, &e));
    }
    atomic_store(&w.stop, true);
    void *failed;
    assert_int_equal(pthread_join(thread, &failed), 0);
    if (failed) fail_msg("the writer: %s", (char *)failed);
    assert_true(last > 0);
    if (!fixture_is_pg()) assert_int_equal(sql_int(f, "copy", "SELECT count(*) % 2 FROM jobs"), 0);
    mem_free(copy);
    reader_close(r);
}

static void page_that_is_read_holds_no_writer_back(void **state)
{
    SQLITE_ALONE;
    struct fixture *f = *state;
    add_mixed(f, 10);
    struct reader *r = open_reader(f);
    struct list l = {0};
    int64_t next;
    OK(reader_jobs(r, &(struct job_filter){.limit = 2}, note_job, &l, &next, &e));
    /* a call leaves no snapshot open behind it: the log can be folded into the file whole */
    assert_int_equal(sql_int(f, "cadre.db", "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
    reader_close(r);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(job_comes_with_what_an_answer_needs),
        CASE(reader_wants_the_files_of_a_store),
        CASE(attempts_come_in_pages),
        CASE(list_is_paged_newest_first),
        CASE(every_filter_finds_all_of_its_jobs_and_no_other),
        CASE(rare_job_is_found_behind_many_others),
        CASE(a_range_of_ids_is_kept_on_every_way_to_the_jobs),
        CASE(no_page_reads_more_for_more_jobs),
        CASE(output_comes_in_order_of_arrival_and_by_stream),
        CASE(the_last_lines_are_counted_over_chunks),
        CASE(output_since_a_time_is_what_was_received_then_or_later),
        CASE(output_comes_in_pages_and_goes_on_where_it_ended),
        CASE(reader_sees_whole_batches_while_the_writer_goes_on),
        CASE(page_that_is_read_holds_no_writer_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
