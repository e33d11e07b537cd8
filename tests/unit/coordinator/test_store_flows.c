/* Flows, executions, triggers: kept, read in pages, purged. */
#include "store_fixture.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_trigger.h"

#include <stdio.h>
#include <string.h>

static void put_flow(struct fixture *f, const char *ns, const char *id, int64_t revision)
{
    struct flow_row row = {.ns = (char *)ns,
                           .id = (char *)id,
                           .revision = revision,
                           .source = "id: x\n",
                           .created_ms = T0,
                           .updated_ms = T0 + revision};
    OK(store_flow_put(f->store, &row, &e));
}

static struct execution_row plain_execution(int n, const char *flow)
{
    return (struct execution_row){.id = job_id(n),
                                  .ns = "a.b",
                                  .flow = (char *)flow,
                                  .revision = 1,
                                  .state = EXECUTION_RUNNING,
                                  .created_ms = T0 + n};
}

/* A task run of execution number n. */
static void add_run(struct fixture *f, int n, int execution, const char *task)
{
    char id[ID_TEXT_SIZE];
    id_format(job_id(execution), id);
    struct job_row j = plain_job(n, NULL);
    j.ns = "a.b";
    j.flow = "f";
    j.execution = id;
    j.task = (char *)task;
    add_job(f, &j);
}

static void end_job(struct fixture *f, int n, const char *outputs)
{
    struct job_end end = {.state = JOB_SUCCESS, .outputs = outputs, .ended_ms = T0 + n};
    OK(store_job_submitted(f->store, job_id(n), 1, 1, T0, &e));
    OK(store_job_running(f->store, job_id(n), T0, &e));
    OK(store_job_finish(f->store, job_id(n), &end, &e));
}

static struct reader *reading(struct fixture *f)
{
    struct reader *r;
    r = open_reader(f);
    return r;
}

/* ---- flows ---------------------------------------------------------------------------------- */

static int note_flow(const struct flow_row *row, int64_t triggers, void *user)
{
    char *text = user;
    size_t len = strlen(text);
    snprintf(text + len, 300 - len, "%s.%s:%lld/%lld ", row->ns, row->id, (long long)row->revision,
             (long long)triggers);
    return 0;
}

static void flows_are_listed_in_pages_by_namespace(void **state)
{
    struct fixture *f = *state;
    static const char *const names[][2] = {{"a", "z"},       {"a.b", "x"},   {"a.b", "y"},
                                           {"a.b-c", "w"},   {"a.b.c", "v"}, {"a.b.c", "gone"},
                                           {"company", "u"}, {"a.bc", "t"}};
    begin(f);
    for (size_t i = 0; i < 8; i++)
        put_flow(f, names[i][0], names[i][1], 1);
    put_flow(f, "a.b", "y", 2);
    OK(store_flow_deleted(f->store, "a.b.c", "gone", T0, "ci", &e));
    FAILS(ERR_NOT_FOUND, store_flow_deleted(f->store, "a.b.c", "never", T0, "ci", &e));
    struct trigger_row t = {.ns = "a.b", .flow = "x", .name = "t"};
    OK(store_trigger_insert(f->store, &t, &t.id, &e));
    commit(f);
    struct reader *r = reading(f);
    char text[300] = "";
    bool more;
    struct flow_filter all = {.limit = 100}, below = {.ns = "a.b", .limit = 2};
    OK(reader_flows(r, &all, note_flow, text, &more, &e));
    assert_string_equal(
        text, "a.z:1/0 a.b.x:1/1 a.b.y:2/0 a.b-c.w:1/0 a.b.c.v:1/0 a.bc.t:1/0 company.u:1/0 ");
    assert_false(more);
    *text = '\0';
    OK(reader_flows(r, &below, note_flow, text, &more, &e));
    assert_string_equal(text, "a.b.x:1/1 a.b.y:2/0 ");
    assert_true(more);
    below.after_ns = "a.b";
    below.after_id = "y";
    *text = '\0';
    OK(reader_flows(r, &below, note_flow, text, &more, &e));
    assert_string_equal(text, "a.b.c.v:1/0 ");
    assert_false(more);
    struct flow_row row;
    FAILS(ERR_NOT_FOUND, reader_flow(r, "a.b.c", "gone", 0, &row, &e));
    OK(reader_flow(r, "a.b.c", "gone", 1, &row, &e));
    assert_string_equal(row.source, "id: x\n");
    flow_row_fini(&row);
    reader_close(r);
}

static void a_revision_is_written_once(void **state)
{
    struct fixture *f = *state;
    begin(f);
    put_flow(f, "a.b", "f", 1);
    struct flow_row again = {.ns = "a.b", .id = "f", .revision = 1, .source = "other"};
    FAILS(ERR_EXISTS, store_flow_put(f->store, &again, &e));
    commit(f);
    char *source;
    OK(store_flow_source(f->store, "a.b", "f", 1, &source, &e));
    assert_string_equal(source, "id: x\n");
    mem_free(source);
    FAILS(ERR_NOT_FOUND, store_flow_source(f->store, "a.b", "f", 2, &source, &e));
}

/* ---- executions ----------------------------------------------------------------------------- */

static int note_execution(const struct execution_row *x, void *user)
{
    char *text = user;
    size_t len = strlen(text);
    for (int n = 1; n < 20; n++) {
        if (x->id == job_id(n)) snprintf(text + len, 100 - len, "%d ", n);
    }
    return 0;
}

static void assert_list(struct reader *r, const struct execution_filter *f, const char *wanted,
                        int next)
{
    char text[100] = "";
    int64_t before = -1;
    OK(reader_executions(r, f, note_execution, text, &before, &e));
    assert_string_equal(text, wanted);
    assert_int_equal(before, next ? job_id(next) : 0);
}

static void executions_are_listed_by_flow_state_and_trigger(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int n = 1; n <= 9; n++) {
        struct execution_row x = plain_execution(n, n % 3 ? "f" : "g");
        x.trigger = n % 2 ? "t" : NULL;
        x.inputs = "{\"a\":1}";
        OK(store_execution_insert(f->store, &x, &e));
        if (n > 4) continue;
        x.state = EXECUTION_FAILED;
        x.ended_ms = T0;
        x.message = "task one failed";
        OK(store_execution_update(f->store, &x, &e));
    }
    commit(f);
    struct reader *r = reading(f);
    assert_list(r, &(struct execution_filter){.limit = 100}, "9 8 7 6 5 4 3 2 1 ", 0);
    assert_list(r, &(struct execution_filter){.limit = 4}, "9 8 7 6 ", 6);
    assert_list(r, &(struct execution_filter){.limit = 4, .before_id = job_id(6)}, "5 4 3 2 ", 2);
    assert_list(r, &(struct execution_filter){.limit = 9, .ns = "a.b", .flow = "g"}, "9 6 3 ", 0);
    assert_list(r, &(struct execution_filter){.limit = 9, .ns = "a"}, "9 8 7 6 5 4 3 2 1 ", 0);
    assert_list(r, &(struct execution_filter){.limit = 9, .ns = "b"}, "", 0);
    assert_list(r, &(struct execution_filter){.limit = 9, .trigger = "t"}, "9 7 5 3 1 ", 0);
    assert_list(r, &(struct execution_filter){.limit = 9, .states = 1u << EXECUTION_RUNNING},
                "9 8 7 6 5 ", 0);
    assert_list(r, &(struct execution_filter){.limit = 9, .states = 1u << EXECUTION_FAILED},
                "4 3 2 1 ", 0);
    struct execution_row x;
    OK(reader_execution(r, job_id(2), &x, &e));
    assert_string_equal(x.message, "task one failed");
    assert_string_equal(x.inputs, "{\"a\":1}");
    execution_row_fini(&x);
    FAILS(ERR_NOT_FOUND, reader_execution(r, 5, &x, &e));
    reader_close(r);
}

static int note_output(const char *task, const char *outputs, void *user)
{
    char *text = user;
    size_t len = strlen(text);
    snprintf(text + len, 100 - len, "%s=%s ", task, outputs ? outputs : "-");
    return 0;
}

static int note_run(const struct job_view *v, void *user)
{
    return note_output(v->job.task, v->outputs, user);
}

static void task_runs_and_their_outputs_come_in_order(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_run(f, 3, 1, "one");
    add_run(f, 4, 2, "of another");
    add_run(f, 5, 1, "two");
    add_run(f, 6, 1, "three");
    add_plain(f, 7, NULL);
    end_job(f, 3, "{\"k\":1}");
    end_job(f, 5, NULL);
    commit(f);
    char text[100] = "";
    struct job_left left;
    OK(store_job_outputs(f->store, job_id(3), &left, &e));
    assert_string_equal(left.outputs, "{\"k\":1}");
    mem_free(left.outputs);
    OK(store_job_outputs(f->store, job_id(5), &left, &e));
    assert_null(left.outputs);
    *text = '\0';
    struct reader *r = reading(f);
    bool more;
    *text = '\0';
    OK(reader_task_runs(r, &(struct task_run_filter){job_id(1), 0, 2}, note_run, text, &more, &e));
    assert_string_equal(text, "one={\"k\":1} two=- ");
    assert_true(more);
    *text = '\0';
    OK(reader_task_runs(r, &(struct task_run_filter){job_id(1), job_id(5), 2}, note_run, text,
                        &more, &e));
    assert_string_equal(text, "three=- ");
    assert_false(more);
    reader_close(r);
}

static void keys_of_executions_are_unique_and_forgotten(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct execution_row x = plain_execution(1, "f"), y = plain_execution(2, "f");
    x.unique_key = y.unique_key = "7/k";
    OK(store_execution_insert(f->store, &x, &e));
    FAILS(ERR_EXISTS, store_execution_insert(f->store, &y, &e));
    y.id = x.id;
    y.unique_key = "7/other";
    FAILS(ERR_EXISTS, store_execution_insert(f->store, &y, &e));
    int64_t id;
    assert_int_equal(store_execution_find_key(f->store, "7/k", &id, NULL), 1);
    assert_int_equal(id, x.id);
    assert_int_equal(store_execution_find_key(f->store, "7/other", &id, NULL), 0);
    bool more;
    OK(store_forget_keys(f->store, T0 + 1000, 100, &more, &e));
    assert_int_equal(store_execution_find_key(f->store, "7/k", &id, NULL), 0);
    commit(f);
}

/* ---- purge ---------------------------------------------------------------------------------- */

static bool job_is_there(struct fixture *f, int n)
{
    struct job_row j;
    bool there = store_job_get(f->store, job_id(n), &j, NULL) == 0;
    if (there) job_row_fini(&j);
    return there;
}

static bool execution_is_there(struct fixture *f, int n)
{
    struct execution_row x;
    bool there = store_execution_get(f->store, job_id(n), &x, NULL) == 0;
    if (there) execution_row_fini(&x);
    return there;
}

static void task_runs_are_purged_with_their_execution_and_not_before(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int n = 1; n <= 2; n++) {
        struct execution_row x = plain_execution(n, "f");
        OK(store_execution_insert(f->store, &x, &e));
        add_run(f, 10 + n, n, "one");
        add_run(f, 20 + n, n, "two");
        end_job(f, 10 + n, NULL);
        struct chunk c = {.job = job_id(10 + n), .attempt = 1, .stream = 1, .data = "x", .len = 1};
        OK(store_output_add(f->store, &c, &e));
        if (n == 2) continue;
        end_job(f, 20 + n, NULL);
        x.state = EXECUTION_SUCCESS;
        x.ended_ms = T0 + 30;
        OK(store_execution_update(f->store, &x, &e));
    }
    add_plain(f, 40, NULL);
    end_job(f, 40, NULL);
    commit(f);
    bool more = true;
    for (int rounds = 0; more; rounds++) { /* in the smallest steps */
        assert_true(rounds < 100);
        begin(f);
        OK(store_purge(f->store, T0 + 1000, 1, &more, &e));
        commit(f);
    }
    assert_false(execution_is_there(f, 1) || job_is_there(f, 11) || job_is_there(f, 21));
    assert_true(execution_is_there(f, 2) && job_is_there(f, 12) && job_is_there(f, 22));
    assert_false(job_is_there(f, 40));
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 1);
}

/* Before it is written, and between two writes. */
static void execution_reads_as_the_batch_leaves_it(void **state)
{
    struct fixture *f = *state;
    struct execution_row x = {.id = job_id(5),
                              .ns = "a.b",
                              .flow = "f",
                              .revision = 2,
                              .inputs = "{\"a\":1}",
                              .message = "first",
                              .created_ms = T0},
                         read;
    begin(f);
    OK(store_execution_insert(f->store, &x, &e));
    OK(store_execution_get(f->store, x.id, &read, &e));
    assert_string_equal(read.inputs, "{\"a\":1}");
    assert_string_equal(read.message, "first");
    execution_row_fini(&read);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM executions"), 0);
    commit(f);
    begin(f);
    x.state = EXECUTION_RUNNING;
    x.message = "second";
    x.job = 77;
    x.inputs = NULL; /* never changes */
    x.asleep_ms = T0 + 5;
    x.wake_ms = T0 + 9;
    x.labels = "{\"l\":\"1\"}";
    OK(store_execution_update(f->store, &x, &e));
    OK(store_execution_get(f->store, x.id, &read, &e));
    assert_int_equal(read.state, EXECUTION_RUNNING);
    assert_int_equal(read.job, 77);
    assert_int_equal(read.asleep_ms, T0 + 5);
    assert_int_equal(read.wake_ms, T0 + 9);
    assert_string_equal(read.labels, "{\"l\":\"1\"}");
    assert_null(read.outputs);
    assert_int_equal(read.revision, 2);
    assert_string_equal(read.message, "second");
    assert_string_equal(read.inputs, "{\"a\":1}");
    execution_row_fini(&read);
    store_rollback(f->store);
    OK(store_execution_get(f->store, x.id, &read, &e));
    assert_int_equal(read.state, EXECUTION_CREATED);
    assert_string_equal(read.message, "first");
    execution_row_fini(&read);
}

/* In the batch that made it, too: it is inserted with what the update said. */
static void labels_and_outputs_stay_unless_an_update_has_others(void **state)
{
    struct fixture *f = *state;
    struct execution_row x = plain_execution(1, "f"), read;
    begin(f);
    x.labels = "{\"l\":\"1\"}";
    x.trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    OK(store_execution_insert(f->store, &x, &e));
    OK(store_execution_get(f->store, x.id, &read, &e));
    assert_string_equal(read.trace, x.trace);
    execution_row_fini(&read);
    x.labels = "{\"l\":\"2\"}";
    x.trace = NULL; /* never changes */
    x.wake_ms = T0 + 9;
    OK(store_execution_update(f->store, &x, &e));
    commit(f);
    begin(f);
    x.labels = NULL;
    x.wake_ms = 0;
    OK(store_execution_update(f->store, &x, &e));
    OK(store_execution_get(f->store, x.id, &read, &e));
    assert_string_equal(read.labels, "{\"l\":\"2\"}");
    assert_int_equal(read.wake_ms, 0);
    execution_row_fini(&read);
    x.outputs = "{\"o\":1}";
    OK(store_execution_update(f->store, &x, &e));
    commit(f);
    begin(f);
    x.labels = "{}";
    x.outputs = NULL;
    OK(store_execution_update(f->store, &x, &e));
    commit(f);
    OK(store_execution_get(f->store, x.id, &read, &e));
    assert_string_equal(read.labels, "{}");
    assert_string_equal(read.outputs, "{\"o\":1}");
    assert_string_equal(read.trace, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    execution_row_fini(&read);
}

/* ---- triggers ------------------------------------------------------------------------------- */

static int count_evaluation(const struct evaluation_row *v, void *user)
{
    (void)v;
    ++*(int *)user;
    return 0;
}

static void history_goes_with_its_ended_jobs(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct trigger_row t = {.ns = "a.b", .flow = "f", .name = "t", .interval_ms = 1000};
    OK(store_trigger_insert(f->store, &t, &t.id, &e));
    int64_t id;
    FAILS(ERR_EXISTS, store_trigger_insert(f->store, &t, &id, &e));
    for (int n = 1; n <= 2 * TRIGGER_HISTORY; n++) {
        add_plain(f, n, NULL);
        if (n != 3) end_job(f, n, NULL); /* number 3 is still being killed */
        struct evaluation_row v = {.trigger = t.id,
                                   .number = n,
                                   .result = EVALUATION_NOT_FIRED,
                                   .job = job_id(n),
                                   .exited = true,
                                   .exit_code = 1};
        OK(store_evaluation_add(f->store, &v, &e));
    }
    commit(f);
    for (int n = 1; n <= 2 * TRIGGER_HISTORY; n++)
        assert_int_equal(job_is_there(f, n), n == 3 || n > TRIGGER_HISTORY);
    struct reader *r = reading(f);
    int count = 0;
    OK(reader_evaluations(r, t.id, count_evaluation, &count, &e));
    assert_int_equal(count, TRIGGER_HISTORY);
    reader_close(r);
    begin(f);
    OK(store_trigger_delete(f->store, t.id, &e));
    FAILS(ERR_NOT_FOUND, store_trigger_delete(f->store, t.id, &e));
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM evaluations"), 0);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 1);
}

static void what_only_some_kinds_have_is_kept(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct trigger_row t = {.ns = "a.b",
                            .flow = "f",
                            .name = "t",
                            .kind = TRIGGER_SCHEDULE,
                            .planned_ms = 1000,
                            .missed = 2,
                            .backlog = 3,
                            .cron = "0 3 * * *",
                            .zone = "Europe/Berlin",
                            .key_hash = "ab"};
    OK(store_trigger_insert(f->store, &t, &t.id, &e));
    t.planned_ms = 2000;
    t.kind = TRIGGER_WEBHOOK; /* is not changed */
    t.zone = NULL;
    OK(store_trigger_update(f->store, &t, &e));
    commit(f);
    struct reader *r = reading(f);
    struct trigger_row got;
    OK(reader_trigger(r, "a.b", "f", "t", &got, &e));
    assert_int_equal(got.kind, TRIGGER_SCHEDULE);
    assert_int_equal(got.planned_ms, 2000);
    assert_int_equal(got.missed, 2);
    assert_int_equal(got.backlog, 3);
    assert_string_equal(got.cron, "0 3 * * *");
    assert_null(got.zone);
    assert_string_equal(got.key_hash, "ab");
    trigger_row_fini(&got);
    reader_close(r);
}

static int keep_evaluation(const struct evaluation_row *v, void *user)
{
    *(struct evaluation_row *)user = *v;
    ((struct evaluation_row *)user)->message = NULL;
    return 0;
}

static void a_line_of_the_history_takes_the_place_of_one_with_its_number(void **state)
{
    struct fixture *f = *state;
    struct evaluation_row v = {.trigger = 1, .number = 1, .result = EVALUATION_SKIPPED};
    begin(f);
    OK(store_evaluation_add(f->store, &v, &e));
    commit(f);
    begin(f);
    v.planned_ms = 5000;
    v.moments = 7;
    OK(store_evaluation_add(f->store, &v, &e));
    commit(f);
    struct reader *r = reading(f);
    struct evaluation_row got = {0};
    OK(reader_evaluations(r, 1, keep_evaluation, &got, &e));
    assert_int_equal(got.planned_ms, 5000);
    assert_int_equal(got.moments, 7);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM evaluations"), 1);
    reader_close(r);
}

static int keep_backfill(const struct backfill_row *b, void *user)
{
    struct backfill_row *to = user;
    backfill_row_fini(to);
    *to = *b;
    to->inputs = mem_strdup(b->inputs);
    to->created_by = mem_strdup(b->created_by);
    return 0;
}

static void a_backfill_is_kept_while_it_is_under_way(void **state)
{
    struct fixture *f = *state;
    struct backfill_row b = {.id = 7,
                             .trigger = 3,
                             .start_ms = 1000,
                             .end_ms = 9000,
                             .cursor_ms = 0,
                             .parallel = 4,
                             .missed = true,
                             .created_ms = T0,
                             .inputs = "{\"a\":1}",
                             .created_by = "ann"};
    struct backfill_row got = {0};
    begin(f);
    OK(store_backfill_insert(f->store, &b, &e));
    b.cursor_ms = 5000;
    b.started = 2;
    b.end_ms = 1; /* does not change */
    OK(store_backfill_update(f->store, &b, &e));
    commit(f);
    OK(store_each_backfill(f->store, keep_backfill, &got, &e));
    assert_int_equal(got.id, 7);
    assert_int_equal(got.trigger, 3);
    assert_int_equal(got.start_ms, 1000);
    assert_int_equal(got.end_ms, 9000);
    assert_int_equal(got.cursor_ms, 5000);
    assert_int_equal(got.parallel, 4);
    assert_int_equal(got.started, 2);
    assert_true(got.missed);
    assert_int_equal(got.created_ms, T0);
    assert_string_equal(got.inputs, "{\"a\":1}");
    assert_string_equal(got.created_by, "ann");
    begin(f);
    OK(store_backfill_delete(f->store, 7, &e));
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM backfills"), 0);
    backfill_row_fini(&got);
}

static void assert_fired(struct fixture *f, int64_t at_ms, int64_t first_ms, int64_t last_ms)
{
    struct fired_range got = {0};
    assert_int_equal(store_fired_find(f->store, 1, at_ms, &got, NULL), first_ms >= 0);
    if (first_ms < 0) return;
    assert_int_equal(got.first_ms, first_ms);
    assert_int_equal(got.last_ms, last_ms);
}

static void what_has_fired_is_kept_as_ranges_of_each_trigger(void **state)
{
    struct fixture *f = *state;
    struct trigger_row t = {.ns = "a.b", .flow = "f", .name = "t", .kind = TRIGGER_SCHEDULE};
    struct fired_range got = {0};
    int64_t id = 0, count = 0;
    begin(f);
    OK(store_trigger_insert(f->store, &t, &id, &e));
    assert_int_equal(id, 1);
    OK(store_fired_put(f->store, 1, &(struct fired_range){2000, 3000}, &e));
    OK(store_fired_put(f->store, 1, &(struct fired_range){5000, 5000}, &e));
    OK(store_fired_put(f->store, 2, &(struct fired_range){1000, 9000}, &e));
    OK(store_missed_add(f->store, 1, 4000, &e));
    assert_fired(f, 1999, -1, -1);
    assert_fired(f, 2000, 2000, 3000);
    assert_fired(f, 4999, 2000, 3000);
    assert_fired(f, 9999, 5000, 5000);
    OK(store_fired_put(f->store, 1, &(struct fired_range){2000, 4000}, &e));
    assert_fired(f, 2500, 2000, 4000);
    assert_int_equal(store_fired_after(f->store, 1, 2000, &got, NULL), 1);
    assert_int_equal(got.first_ms, 5000);
    assert_int_equal(store_fired_after(f->store, 1, 5000, &got, NULL), 0);
    OK(store_fired_count(f->store, 1, &count, &e));
    assert_int_equal(count, 2);
    OK(store_fired_remove(f->store, 1, 2000, &e));
    assert_fired(f, 2500, -1, -1);
    assert_int_equal(store_fired_remove(f->store, 1, 2000, NULL), ERR_NOT_FOUND);
    assert_int_equal(store_missed_has(f->store, 1, 4000, NULL), 1);
    assert_int_equal(store_missed_has(f->store, 1, 5000, NULL), 0);
    assert_int_equal(store_missed_has(f->store, 2, 4000, NULL), 0);
    OK(store_trigger_delete(f->store, 1, &e));
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT sum(trigger_id) FROM fired_moments"), 2);
}

static int note_trigger(const struct trigger_row *t, void *user)
{
    return note_output(t->flow, t->name, user);
}

static void triggers_are_listed_in_pages_and_changed(void **state)
{
    struct fixture *f = *state;
    static const char *const names[][3] = {{"a", "f", "t"},
                                           {"a.b", "f", "t"},
                                           {"a.b", "f", "u"},
                                           {"a.b", "g", "t"},
                                           {"a.c", "f", "t"}};
    struct trigger_row t = {0};
    begin(f);
    for (size_t i = 0; i < 5; i++) {
        t = (struct trigger_row){.ns = (char *)names[i][0],
                                 .flow = (char *)names[i][1],
                                 .name = (char *)names[i][2]};
        OK(store_trigger_insert(f->store, &t, &t.id, &e));
    }
    t.disabled = true;
    t.why = "disabled by an operator";
    t.result = EVALUATION_FIRED;
    t.evaluations = 7;
    t.execution = job_id(1);
    OK(store_trigger_update(f->store, &t, &e));
    OK(store_trigger_job(f->store, t.id, job_id(2), &e));
    commit(f);
    struct reader *r = reading(f);
    char text[100] = "";
    bool more;
    struct trigger_filter page = {.ns = "a.b", .limit = 2};
    OK(reader_triggers(r, &page, note_trigger, text, &more, &e));
    assert_string_equal(text, "f=t f=u ");
    assert_true(more);
    page.after_ns = "a.b";
    page.after_flow = "f";
    page.after_name = "u";
    *text = '\0';
    OK(reader_triggers(r, &page, note_trigger, text, &more, &e));
    assert_string_equal(text, "g=t ");
    assert_false(more);
    OK(reader_trigger(r, "a.c", "f", "t", &t, &e));
    assert_true(t.disabled && t.job == job_id(2) && t.evaluations == 7);
    assert_string_equal(t.why, "disabled by an operator");
    trigger_row_fini(&t);
    FAILS(ERR_NOT_FOUND, reader_trigger(r, "a.c", "f", "x", &t, &e));
    reader_close(r);
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(execution_reads_as_the_batch_leaves_it),
        FIXTURE_TEST(labels_and_outputs_stay_unless_an_update_has_others),
        FIXTURE_TEST(flows_are_listed_in_pages_by_namespace),
        FIXTURE_TEST(a_revision_is_written_once),
        FIXTURE_TEST(executions_are_listed_by_flow_state_and_trigger),
        FIXTURE_TEST(task_runs_and_their_outputs_come_in_order),
        FIXTURE_TEST(keys_of_executions_are_unique_and_forgotten),
        FIXTURE_TEST(task_runs_are_purged_with_their_execution_and_not_before),
        FIXTURE_TEST(history_goes_with_its_ended_jobs),
        FIXTURE_TEST(what_only_some_kinds_have_is_kept),
        FIXTURE_TEST(a_line_of_the_history_takes_the_place_of_one_with_its_number),
        FIXTURE_TEST(a_backfill_is_kept_while_it_is_under_way),
        FIXTURE_TEST(what_has_fired_is_kept_as_ranges_of_each_trigger),
        FIXTURE_TEST(triggers_are_listed_in_pages_and_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
