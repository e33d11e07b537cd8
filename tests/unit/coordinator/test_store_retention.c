/* What nothing needs any more goes, a bounded number of rows at a time; what is named by something
 * that is kept stays. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/sql_store.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define LATER (T0 + 100 * DAY_MS)

static int64_t rows(struct fixture *f, const char *table)
{
    char *sql = str_dupf("SELECT count(*) FROM %s", table);
    int64_t n = sql_int(f, "cadre.db", sql);
    mem_free(sql);
    return n;
}

/* What the engine would be told: "7 8 " and "a.b.f ". */
struct told {
    char requires[200], flows[200];
};

static void on_requires(int64_t id, void *user)
{
    struct told *t = user;
    size_t at = strlen(t->requires);
    OK(str_format(t->requires + at, sizeof t->requires - at, "%d ", (int)id));
}

static void on_flow(const char *ns, const char *id, void *user)
{
    struct told *t = user;
    size_t at = strlen(t->flows);
    OK(str_format(t->flows + at, sizeof t->flows - at, "%s.%s ", ns, id));
}

static bool tidy(struct fixture *f, size_t most, struct told *t)
{
    const struct store_gone gone = {on_requires, on_flow, t};
    bool more;
    begin(f);
    OK(store_tidy(f->store, most, &gone, &more, &e));
    commit(f);
    return more;
}

static bool purge_setup(struct fixture *f, int64_t before_ms, size_t most, struct told *t)
{
    const struct store_gone gone = {on_requires, on_flow, t};
    bool more;
    begin(f);
    OK(store_purge_setup(f->store, before_ms, most, &gone, &more, &e));
    commit(f);
    return more;
}

static void finish(struct fixture *f, int n)
{
    struct job_end end = {.state = JOB_FAILED, .ended_ms = T0 + n};
    OK(store_job_finish(f->store, job_id(n), &end, &e));
}

static void purge_jobs(struct fixture *f)
{
    bool more;
    begin(f);
    OK(store_purge(f->store, LATER, 1000, &more, &e));
    commit(f);
    assert_false(more);
}

/* ---- requires ------------------------------------------------------------------------------- */

static int64_t intern(struct fixture *f, int n)
{
    char *text = str_dupf("{\"cpus\":\">= %d\"}", n);
    int64_t id;
    OK(store_requires_intern(f->store, text, &id, &e));
    mem_free(text);
    return id;
}

static void requires_stay_while_a_job_has_them(void **state)
{
    struct fixture *f = *state;
    struct told t = {0};
    int64_t ids[4];
    begin(f);
    for (int i = 0; i < 4; i++)
        ids[i] = intern(f, i);
    struct job_row j = plain_job(1, "g");
    j.requires_id = ids[1];
    add_job(f, &j);
    j = plain_job(2, "h");
    j.requires_id = ids[1];
    add_job(f, &j);
    commit(f);
    assert_false(tidy(f, 100, &t));
    assert_string_equal(t.requires, "1 3 "); /* the last one keeps its number from being reused */
    assert_int_equal(rows(f, "requires"), 2);
    begin(f);
    finish(f, 1);
    commit(f);
    purge_jobs(f);
    t = (struct told){0};
    assert_false(tidy(f, 100, &t));
    assert_string_equal(t.requires, "");
    begin(f);
    finish(f, 2);
    commit(f);
    assert_false(tidy(f, 100, &t));
    assert_string_equal(t.requires, ""); /* ended, and still shown */
    purge_jobs(f);
    assert_false(tidy(f, 100, &t));
    assert_string_equal(t.requires, "2 ");
    begin(f);
    assert_int_equal(intern(f, 0), 5);
    commit(f);
}

static void requires_of_a_job_in_the_same_transaction_stay(void **state)
{
    struct fixture *f = *state;
    bool more;
    begin(f);
    struct job_row j = plain_job(1, "g");
    j.requires_id = intern(f, 1);
    intern(f, 2);
    add_job(f, &j);
    OK(store_tidy(f->store, 100, NULL, &more, &e));
    commit(f);
    assert_int_equal(rows(f, "requires"), 2);
}

static void requires_go_in_steps(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 0; i < 26; i++)
        intern(f, i);
    commit(f);
    int64_t left = 26;
    int steps = 0;
    for (bool more = true; more; steps++) {
        more = tidy(f, 10, &(struct told){0});
        assert_true(left - rows(f, "requires") <= 10);
        left = rows(f, "requires");
    }
    assert_int_equal(left, 1);
    assert_int_equal(steps, 3);
}

/* ---- tokens --------------------------------------------------------------------------------- */

static void add_token(struct fixture *f, const struct token_row *t)
{
    OK(store_token_insert(f->store, t, &e));
}

static bool has_token(struct fixture *f, int64_t id)
{
    struct token_row t;
    if (store_token_find(f->store, id, &t, NULL) != 1) return false;
    token_row_fini(&t);
    return true;
}

static void tokens_go_when_done_with_for_long(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct token_row t;
        bool stays;
    } cases[] = {
        {{.uses_left = -1}, true},
        {{.uses_left = -1, .last_used_ms = T0}, true},
        {{.uses_left = 3, .last_used_ms = T0}, true},
        {{.uses_left = 1}, true},
        {{.uses_left = 0, .last_used_ms = T0}, false},
        {{.uses_left = 0, .last_used_ms = LATER}, true},
        {{.uses_left = -1, .expires_ms = T0}, false},
        {{.uses_left = 1, .expires_ms = LATER - 1}, false},
        {{.uses_left = 1, .expires_ms = LATER}, true},
        {{.uses_left = -1, .revoked_ms = T0}, false},
        {{.uses_left = -1, .revoked_ms = LATER, .expires_ms = LATER}, true},
        {{.uses_left = 0, .last_used_ms = T0, .expires_ms = T0, .revoked_ms = T0}, false},
    };
    enum { N = sizeof cases / sizeof *cases };
    begin(f);
    for (int i = 0; i < N; i++) {
        struct token_row t = cases[i].t;
        t.id = i + 1;
        t.created_ms = T0;
        add_token(f, &t);
    }
    commit(f);
    assert_false(purge_setup(f, LATER, 100, &(struct told){0}));
    for (int i = 0; i < N; i++) {
        if (has_token(f, i + 1) != cases[i].stays) fail_msg("case %d", i);
    }
}

static void tokens_go_in_steps(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 25; i++)
        add_token(f, &(struct token_row){.id = i, .uses_left = -1, .expires_ms = T0});
    commit(f);
    assert_true(purge_setup(f, LATER, 10, &(struct told){0}));
    assert_int_equal(rows(f, "tokens"), 15);
    assert_true(purge_setup(f, LATER, 10, &(struct told){0}));
    assert_false(purge_setup(f, LATER, 10, &(struct told){0}));
    assert_int_equal(rows(f, "tokens"), 0);
}

/* ---- agents --------------------------------------------------------------------------------- */

static void add_agent(struct fixture *f, int64_t id, int64_t removed_ms)
{
    char *name = str_dupf("a%d", (int)id);
    struct agent_row a = {.id = id, .name = name, .removed_ms = removed_ms};
    OK(store_agent_insert(f->store, &a, &e));
    mem_free(name);
}

static bool has_agent(struct fixture *f, int64_t id)
{
    struct agent_row a;
    if (store_agent_find(f->store, id, &a, NULL) != 1) return false;
    agent_row_fini(&a);
    return true;
}

static void removed_agents_stay_while_a_job_names_them(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 1; i <= 5; i++)
        add_agent(f, i, i == 1 ? 0 : i == 5 ? LATER : T0 + 1000 + i);
    add_plain(f, 1, "g"); /* agent 2 had it last */
    OK(store_job_submitted(f->store, job_id(1), 2, 1, T0, &e));
    add_plain(f, 2, "g"); /* agent 3 tried it */
    struct attempt_row tried = {.job = job_id(2), .attempt = 1, .agent = 3, .state = JOB_FAILED};
    OK(store_attempt_add(f->store, &tried, &e));
    add_plain(f, 2000, "g"); /* younger than the removals */
    commit(f);
    assert_false(purge_setup(f, LATER, 100, &(struct told){0}));
    assert_true(has_agent(f, 1));
    assert_true(has_agent(f, 2));
    assert_true(has_agent(f, 3));
    assert_false(has_agent(f, 4));
    assert_true(has_agent(f, 5));
    assert_int_equal(rows(f, "agent_facts"), 4);
    begin(f);
    finish(f, 1);
    commit(f);
    purge_jobs(f);
    assert_false(purge_setup(f, LATER, 100, &(struct told){0}));
    assert_false(has_agent(f, 2));
    assert_true(has_agent(f, 3));
    assert_int_equal(rows(f, "agents"), 3);
    assert_int_equal(rows(f, "agent_facts"), 3);
}

static void removed_agents_are_looked_at_in_steps(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_plain(f, 1, "g");
    OK(store_job_submitted(f->store, job_id(1), 1, 1, T0, &e));
    for (int i = 1; i <= 20; i++) /* the first is named, and in the way of nobody */
        add_agent(f, i, T0 + 1000 + i);
    commit(f);
    int64_t left = 20;
    int steps = 0;
    for (bool more = true; more; steps++) {
        more = purge_setup(f, LATER, 6, &(struct told){0}); /* each costs two rows here */
        assert_true(left - rows(f, "agents") <= 3);
        left = rows(f, "agents");
        assert_true(steps < 20);
    }
    assert_int_equal(left, 1);
    assert_true(has_agent(f, 1));
}

static void removed_agent_stays_while_too_many_old_jobs_are_kept(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_agent(f, 1, T0 + 5000);
    for (int i = 1; i <= 1000; i++)
        add_plain(f, i, "g");
    commit(f);
    assert_true(purge_setup(f, LATER, 500, &(struct told){0})); /* one look is all of the budget */
    assert_true(has_agent(f, 1));
    assert_false(purge_setup(f, LATER, 500, &(struct told){0}));
    assert_true(has_agent(f, 1));
}

/* ---- revisions and flows -------------------------------------------------------------------- */

static void put_flow(struct fixture *f, const char *id, int64_t revision, int64_t at_ms)
{
    struct flow_row row = {.ns = "a.b",
                           .id = (char *)(uintptr_t)id,
                           .revision = revision,
                           .source = "id: f",
                           .created_ms = T0,
                           .updated_ms = at_ms};
    OK(store_flow_put(f->store, &row, &e));
}

static void add_execution(struct fixture *f, int n, int64_t revision)
{
    struct execution_row x = {.id = job_id(n),
                              .ns = "a.b",
                              .flow = "f",
                              .revision = revision,
                              .state = EXECUTION_RUNNING,
                              .created_ms = T0 + n};
    OK(store_execution_insert(f->store, &x, &e));
}

static void end_execution(struct fixture *f, int n, int64_t revision)
{
    struct execution_row x = {.id = job_id(n),
                              .ns = "a.b",
                              .flow = "f",
                              .revision = revision,
                              .state = EXECUTION_SUCCESS,
                              .created_ms = T0 + n,
                              .ended_ms = T0 + n};
    OK(store_execution_update(f->store, &x, &e));
}

static bool has_revision(struct fixture *f, int64_t revision)
{
    char *source;
    if (store_flow_source(f->store, "a.b", "f", revision, &source, NULL) != 0) return false;
    mem_free(source);
    return true;
}

static void revisions_stay_while_present_or_with_an_execution(void **state)
{
    struct fixture *f = *state;
    struct told t = {0};
    begin(f);
    for (int i = 1; i <= 4; i++)
        put_flow(f, "f", i, i == 4 ? LATER : T0 + i); /* so the third is of the past only later */
    add_execution(f, 1, 1);
    commit(f);
    assert_false(purge_setup(f, LATER, 100, &t));
    assert_true(has_revision(f, 1));
    assert_false(has_revision(f, 2));
    assert_true(has_revision(f, 3));
    assert_true(has_revision(f, 4));
    begin(f);
    end_execution(f, 1, 1);
    commit(f);
    purge_jobs(f);
    assert_false(purge_setup(f, LATER + DAY_MS + 1, 100, &t));
    assert_false(has_revision(f, 1));
    assert_false(has_revision(f, 3));
    assert_true(has_revision(f, 4));
    assert_int_equal(rows(f, "old_revisions"), 0);
    assert_string_equal(t.flows, "");
}

static void deleted_flow_goes_with_its_last_execution(void **state)
{
    struct fixture *f = *state;
    struct told t = {0};
    begin(f);
    put_flow(f, "f", 1, T0);
    put_flow(f, "f", 2, T0 + 1);
    put_flow(f, "other", 1, T0);
    add_execution(f, 1, 2);
    OK(store_flow_deleted(f->store, "a.b", "f", T0 + 2, NULL, &e));
    commit(f);
    assert_false(purge_setup(f, LATER, 100, &t));
    assert_false(has_revision(f, 1));
    assert_true(has_revision(f, 2));
    assert_int_equal(rows(f, "flows"), 2);
    begin(f);
    end_execution(f, 1, 2);
    commit(f);
    purge_jobs(f);
    assert_false(purge_setup(f, LATER + DAY_MS + 1, 100, &t));
    assert_string_equal(t.flows, "a.b.f ");
    assert_int_equal(rows(f, "flows"), 1);
    assert_int_equal(rows(f, "flow_revisions"), 1);
}

static void flow_that_was_brought_back_stays(void **state)
{
    struct fixture *f = *state;
    struct told t = {0};
    begin(f);
    put_flow(f, "f", 1, T0);
    OK(store_flow_deleted(f->store, "a.b", "f", T0 + 2, NULL, &e));
    put_flow(f, "f", 2, T0 + 3);
    commit(f);
    assert_false(purge_setup(f, LATER, 100, &t));
    assert_false(has_revision(f, 1));
    assert_true(has_revision(f, 2));
    assert_int_equal(rows(f, "flows"), 1);
    assert_string_equal(t.flows, "");
}

static void revisions_go_in_steps(void **state)
{
    struct fixture *f = *state;
    struct told t = {0};
    begin(f);
    for (int i = 1; i <= 26; i++)
        put_flow(f, "f", i, T0 + i);
    commit(f);
    assert_true(purge_setup(f, LATER, 10, &t));
    assert_int_equal(rows(f, "flow_revisions"), 16);
    assert_true(purge_setup(f, LATER, 10, &t));
    assert_false(purge_setup(f, LATER, 10, &t));
    assert_int_equal(rows(f, "flow_revisions"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(requires_stay_while_a_job_has_them),
        TEST(requires_of_a_job_in_the_same_transaction_stay),
        TEST(requires_go_in_steps),
        TEST(tokens_go_when_done_with_for_long),
        TEST(tokens_go_in_steps),
        TEST(removed_agents_stay_while_a_job_names_them),
        TEST(removed_agents_are_looked_at_in_steps),
        TEST(removed_agent_stays_while_too_many_old_jobs_are_kept),
        TEST(revisions_stay_while_present_or_with_an_execution),
        TEST(deleted_flow_goes_with_its_last_execution),
        TEST(flow_that_was_brought_back_stays),
        TEST(revisions_go_in_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
