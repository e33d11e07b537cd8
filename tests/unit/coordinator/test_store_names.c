/* Who did it: the names in the rows come back from the store and from the reader, and the rows of
 * people who are not named have none. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define TEXT_SIZE 100

/* "a b -" of three names. */
static void join(char text[TEXT_SIZE], const char *a, const char *b, const char *c)
{
    OK(str_format(text, TEXT_SIZE, "%s %s %s", a ? a : "-", b ? b : "-", c ? c : "-"));
}

static void job_is(struct reader *r, int64_t id, const char *names)
{
    struct job_view v;
    char text[TEXT_SIZE];
    OK(reader_job(r, id, &v, &e));
    join(text, v.job.created_by, v.job.cancelled_by, NULL);
    assert_string_equal(text, names);
    job_view_fini(&v);
}

static void job_names_who_made_and_cancelled_it(void **state)
{
    struct fixture *f = *state;
    struct job_row j = plain_job(1, "g");
    j.created_by = "ci";
    begin(f);
    OK(store_job_insert(f->store, &j, "{}", &e));
    add_plain(f, 2, "g");
    OK(store_job_cancelled_by(f->store, job_id(2), "ann", &e));
    commit(f);
    struct reader *r = open_reader(f);
    job_is(r, job_id(1), "ci - -");
    job_is(r, job_id(2), "- ann -");
    reader_close(r);
}

/* The end came first: nobody cancelled it. */
static void job_that_ended_well_names_nobody_who_cancelled_it(void **state)
{
    struct fixture *f = *state;
    struct job_end end = {.state = JOB_SUCCESS, .ended_ms = T0};
    begin(f);
    add_plain(f, 1, "g");
    OK(store_job_submitted(f->store, job_id(1), 9, 1, T0, &e));
    OK(store_job_cancelled_by(f->store, job_id(1), "ann", &e));
    OK(store_job_finish(f->store, job_id(1), &end, &e));
    commit(f);
    struct reader *r = open_reader(f);
    job_is(r, job_id(1), "- - -");
    reader_close(r);
}

static int note_group(const struct group_row *g, void *user)
{
    join(user, g->created_by, g->updated_by, g->paused_by);
    return 0;
}

static int note_ns(const struct namespace_row *n, void *user)
{
    join(user, n->updated_by, NULL, NULL);
    return 0;
}

static void group_and_namespace_name_who_changed_them(void **state)
{
    struct fixture *f = *state;
    struct group_row g = {.key = "k", .created_by = "a", .updated_by = "b", .paused_by = "c"}, h;
    struct namespace_row n = {.ns = "x", .fallback = -1, .updated_by = "d"};
    struct group_counts counts;
    char text[TEXT_SIZE];
    begin(f);
    OK(store_group_put(f->store, &g, &e));
    OK(store_ns_put(f->store, &n, &e));
    commit(f);
    OK(store_each_group(f->store, note_group, text, &e));
    assert_string_equal(text, "a b c");
    OK(store_each_ns(f->store, note_ns, text, &e));
    assert_string_equal(text, "d - -");
    struct reader *r = open_reader(f);
    OK(reader_group(r, "k", &h, &counts, &e));
    assert_int_equal(counts.agents + counts.queued + counts.running, 0);
    (void)note_group(&h, text);
    assert_string_equal(text, "a b c");
    group_row_fini(&h);
    reader_close(r);
}

static void flow_and_its_revisions_name_who_applied_them(void **state)
{
    struct fixture *f = *state;
    struct flow_row row = {.ns = "x", .id = "f", .revision = 1, .source = "s", .updated_by = "a"};
    struct reader *r = open_reader(f);
    begin(f);
    OK(store_flow_put(f->store, &row, &e));
    row.revision = 2;
    row.updated_by = "b";
    OK(store_flow_put(f->store, &row, &e));
    commit(f);
    for (int64_t revision = 0; revision <= 2; revision++) {
        OK(reader_flow(r, "x", "f", revision, &row, &e));
        assert_string_equal(row.updated_by, revision == 1 ? "a" : "b");
        assert_string_equal(row.source, "s");
        flow_row_fini(&row);
    }
    begin(f);
    OK(store_flow_deleted(f->store, "x", "f", T0, "c", &e));
    commit(f);
    OK(reader_flow(r, "x", "f", 1, &row, &e));
    assert_string_equal(row.updated_by, "a"); /* of the revision */
    flow_row_fini(&row);
    reader_close(r);
}

static void execution_names_who_started_and_cancelled_it(void **state)
{
    struct fixture *f = *state;
    struct execution_row x = {.id = job_id(1),
                              .ns = "x",
                              .flow = "f",
                              .revision = 1,
                              .state = EXECUTION_RUNNING,
                              .created_ms = T0 + 1,
                              .created_by = "a",
                              .inputs = "{}"};
    char text[TEXT_SIZE];
    begin(f);
    OK(store_execution_insert(f->store, &x, &e));
    x.state = EXECUTION_KILLING;
    x.created_by = NULL; /* never changes */
    x.cancelled_by = "b";
    OK(store_execution_update(f->store, &x, &e));
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_execution(r, x.id, &x, &e));
    join(text, x.created_by, x.cancelled_by, x.inputs);
    assert_string_equal(text, "a b {}");
    execution_row_fini(&x);
    reader_close(r);
}

static int note_trigger(const struct trigger_row *t, void *user)
{
    join(user, t->why, t->disabled_by, NULL);
    return 0;
}

static void trigger_names_who_disabled_it(void **state)
{
    struct fixture *f = *state;
    struct trigger_row t = {.ns = "x", .flow = "f", .name = "t"};
    char text[TEXT_SIZE];
    begin(f);
    OK(store_trigger_insert(f->store, &t, &t.id, &e));
    t.disabled = true;
    t.why = "w";
    t.disabled_by = "ann";
    OK(store_trigger_update(f->store, &t, &e));
    commit(f);
    OK(store_each_trigger(f->store, note_trigger, text, &e));
    assert_string_equal(text, "w ann -");
}

/* ---- tokens ---- */

static void put_token(struct fixture *f, int64_t id, enum token_role role, int64_t expires_ms)
{
    struct token_row t = {.id = id, .role = role, .expires_ms = expires_ms, .created_by = "root"};
    OK(store_token_insert(f->store, &t, &e));
}

static void token_names_who_made_and_revoked_it(void **state)
{
    struct fixture *f = *state;
    struct token_row t;
    char text[TEXT_SIZE];
    begin(f);
    put_token(f, 1, ROLE_READ, 0);
    OK(store_token_revoke(f->store, 1, T0, "ann", &e));
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_token(r, 1, &t, &e));
    join(text, t.created_by, t.revoked_by, NULL);
    assert_string_equal(text, "root ann -");
    token_row_fini(&t);
    reader_close(r);
}

static void other_administrators_are_those_whose_tokens_hold(void **state)
{
    struct fixture *f = *state;
    int64_t others;
    begin(f);
    put_token(f, 1, ROLE_ADMIN, 0);
    put_token(f, 2, ROLE_SUBMIT, 0);
    put_token(f, 3, ROLE_JOIN, 0);
    put_token(f, 4, ROLE_ADMIN, T0); /* expired by now */
    OK(store_token_other_admins(f->store, 1, T0, &others, &e));
    assert_int_equal(others, 0);
    OK(store_token_other_admins(f->store, 1, T0 - 1, &others, &e));
    assert_int_equal(others, 1);
    OK(store_token_other_admins(f->store, 4, T0, &others, &e));
    assert_int_equal(others, 1);
    OK(store_token_revoke(f->store, 1, T0, NULL, &e));
    OK(store_token_other_admins(f->store, 4, T0, &others, &e));
    assert_int_equal(others, 0);
    commit(f);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(job_names_who_made_and_cancelled_it),
        CASE(job_that_ended_well_names_nobody_who_cancelled_it),
        CASE(group_and_namespace_name_who_changed_them),
        CASE(flow_and_its_revisions_name_who_applied_them),
        CASE(execution_names_who_started_and_cancelled_it),
        CASE(trigger_names_who_disabled_it),
        CASE(token_names_who_made_and_revoked_it),
        CASE(other_administrators_are_those_whose_tokens_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
