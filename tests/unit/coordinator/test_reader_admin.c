/* Reading of agents, groups, namespaces and tokens, and of sums. */
#include "store_fixture.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_groups.h"
#include "coordinator/store/reader_load.h"

#include <string.h>

/* ---- agents and groups ----------------------------------------------------------------------- */

struct agents {
    int count;
    char names[100];
    int64_t busy;
    uint32_t states; /* that are awaited; 0: any */
};

static int note_agent(const struct agent_row *a, int64_t busy, void *user)
{
    struct agents *n = user;
    size_t len = strlen(n->names);
    OK(str_format(n->names + len, sizeof n->names - len, "%s ", a->name));
    n->busy += busy;
    n->count++;
    if (n->states) assert_true(n->states >> agent_state_of(a) & 1);
    return 0;
}

static void add_agents(struct fixture *f)
{
    static const struct agent_row agents[] = {
        {.id = 11, .name = "c", .group = "g", .online = true, .slots = 4},
        {.id = 12, .name = "a", .group = "g", .slots = 8},
        {.id = 13, .name = "b", .online = true, .held = true, .slots = 2},
        {.id = 16,
         .name = "ill",
         .group = "g",
         .online = true,
         .held = true,
         .slots = 5,
         .unwell_since_ms = T0},
        {.id = 17, .name = "ill and off", .group = "g", .unwell_since_ms = T0},
        {.id = 14, .name = "gone", .group = "g", .slots = 2, .removed_ms = T0},
    };
    begin(f);
    for (size_t i = 0; i < sizeof agents / sizeof *agents; i++)
        OK(store_agent_insert(f->store, &agents[i], &e));
    for (int n = 1; n <= 5; n++)
        add_plain(f, n, "g");
    OK(store_job_submitted(f->store, job_id(1), 11, 1, T0, &e));
    OK(store_job_submitted(f->store, job_id(2), 11, 1, T0, &e));
    OK(store_job_running(f->store, job_id(2), T0, &e));
    OK(store_job_submitted(f->store, job_id(3), 13, 1, T0, &e));
    struct job_end end = {.state = JOB_FAILED, .ended_ms = T0};
    OK(store_job_finish(f->store, job_id(3), &end, &e));
    commit(f);
}

static void agents_come_by_name_with_what_they_do(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_agents(f);
    struct agents n = {0};
    struct agent_filter page = {.limit = 5};
    bool more;
    OK(reader_agents(r, &page, note_agent, &n, &more, &e));
    assert_string_equal(n.names, "a b c ill ill and off ");
    assert_int_equal(n.busy, 2);
    assert_false(more);
    n = (struct agents){0};
    page = (struct agent_filter){.after = "a", .limit = 1};
    OK(reader_agents(r, &page, note_agent, &n, &more, &e));
    assert_string_equal(n.names, "b ");
    assert_true(more);
    static const struct {
        uint32_t states;
        const char *group, *after, *names;
    } of[] = {
        {1u << AGENT_ONLINE, NULL, NULL, "c "},
        {1u << AGENT_OFFLINE, NULL, NULL, "a ill and off "},
        {1u << AGENT_DRAINING, NULL, NULL, "b "},
        {1u << AGENT_UNWELL, NULL, NULL, "ill "},
        {1u << AGENT_OFFLINE | 1u << AGENT_UNWELL, NULL, NULL, "a ill ill and off "},
        {1u << AGENT_OFFLINE | 1u << AGENT_UNWELL, NULL, "c", "ill ill and off "},
        {1u << AGENT_UNWELL, "none", NULL, ""},
        {1u << AGENT_UNWELL | 1u << AGENT_ONLINE, "g", NULL, "c ill "},
        {15, NULL, NULL, "a b c ill ill and off "},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        n = (struct agents){.states = of[i].states};
        page = (struct agent_filter){.states = of[i].states,
                                     .group = of[i].group,
                                     .after = of[i].after,
                                     .limit = 5};
        OK(reader_agents(r, &page, note_agent, &n, &more, &e));
        assert_string_equal(n.names, of[i].names);
    }
    reader_close(r);
}

static void agent_is_found_by_id_and_by_name(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_agents(f);
    char id[ID_TEXT_SIZE];
    begin(f);
    id_format(12, id);
    struct agent_row looks_like_an_id = {.id = 15, .name = "0123456789abc"};
    OK(store_agent_insert(f->store, &looks_like_an_id, &e));
    commit(f);
    struct agent_row a;
    int64_t busy;
    OK(reader_agent(r, id, &a, &busy, &e));
    assert_string_equal(a.name, "a");
    assert_int_equal(busy, 0);
    agent_row_fini(&a);
    OK(reader_agent(r, "c", &a, &busy, &e));
    assert_int_equal(a.id, 11);
    assert_int_equal(busy, 2);
    agent_row_fini(&a);
    OK(reader_agent(r, "0123456789abc", &a, &busy, &e));
    assert_int_equal(a.id, 15);
    agent_row_fini(&a);
    FAILS(ERR_NOT_FOUND, reader_agent(r, "gone", &a, &busy, &e));
    id_format(14, id);
    FAILS(ERR_NOT_FOUND, reader_agent(r, id, &a, &busy, &e));
    FAILS(ERR_NOT_FOUND, reader_agent(r, "", &a, &busy, &e));
    reader_close(r);
}

static void agent_that_was_removed__is_found_when_it_is_asked_for(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    struct agent_row a;
    int64_t busy;
    char id[ID_TEXT_SIZE];
    add_agents(f);
    begin(f);
    struct agent_row later = {.id = 26,
                              .name = "gone",
                              .removed_ms = T0 + 5,
                              .removed_by = "bob",
                              .removed_reason = "sold"};
    OK(store_agent_insert(f->store, &later, &e));
    commit(f);
    id_format(14, id);
    OK(reader_removed_agent(r, id, &a, &busy, &e));
    assert_int_equal(a.id, 14);
    assert_null(a.removed_reason);
    agent_row_fini(&a);
    OK(reader_removed_agent(r, "gone", &a, &busy, &e));
    assert_int_equal(a.id, 26); /* of that name it was removed last */
    assert_string_equal(a.removed_by, "bob");
    assert_string_equal(a.removed_reason, "sold");
    assert_int_equal(a.removed_ms, T0 + 5);
    agent_row_fini(&a);
    FAILS(ERR_NOT_FOUND, reader_removed_agent(r, "c", &a, &busy, &e)); /* it is there */
    FAILS(ERR_NOT_FOUND, reader_removed_agent(r, "nobody", &a, &busy, &e));
    FAILS(ERR_NOT_FOUND, reader_removed_agent(r, "", &a, &busy, &e));
    reader_close(r);
}

static int note_group(const struct group_row *g, const struct group_counts *n, void *user)
{
    char *all = user;
    size_t len = strlen(all);
    OK(str_format(all + len, 200 - len, "%s:%d/%d u%d q%d r%d ", g->key, (int)n->agents,
                  (int)n->online, (int)n->unwell, (int)n->queued, (int)n->running));
    return 0;
}

/* Groups g001, g002 and so on that do nothing. */
static void add_idle_groups(struct fixture *f, int count)
{
    char *sql =
        str_dupf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                 " INSERT INTO groups (key, paused, max_queued, created_ms)"
                 " SELECT 'g' || substr('000' || i, length('000' || i) - 2), 0, 0, 1 FROM n",
                 count);
    sql_exec(f, "cadre.db", sql);
    mem_free(sql);
}

static void set_counts(struct fixture *f, const char *group, int requires_id, int queued,
                       int running)
{
    char *sql = str_dupf("INSERT INTO job_counts VALUES ('%s', %d, %d, %d, 0, 0, 9)", group,
                         requires_id, queued, running);
    sql_exec(f, "cadre.db", sql);
    mem_free(sql);
}

struct busy {
    char text[400];
    size_t count;
};

static int note_busy(const struct group_row *g, const struct group_counts *n, void *user)
{
    struct busy *x = user;
    size_t len = strlen(x->text);
    if (++x->count <= 8)
        OK(str_format(x->text + len, sizeof x->text - len, "%s=%lld/%lld/%lld ",
                      g->key ? g->key : "default", (long long)n->queued, (long long)n->running,
                      (long long)n->agents));
    return 0;
}

static struct busy_seen busy_are(struct reader *r, size_t limit, const char *expected, size_t count)
{
    struct busy x = {.text = ""};
    struct busy_seen seen;
    OK(reader_groups_busy(r, limit, note_busy, &x, &seen, &e));
    assert_string_equal(x.text, expected);
    assert_int_equal(x.count, count);
    return seen;
}

static void busy_groups_come_first__however_many_there_are(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    struct busy_seen seen = busy_are(r, 5, "default=0/0/0 ", 1);
    assert_true(!seen.more && seen.complete);
    struct agent_row agent = {.id = 13, .name = "b", .online = true, .slots = 2};
    begin(f);
    OK(store_agent_insert(f->store, &agent, &e));
    commit(f);
    add_idle_groups(f, 700);
    set_counts(f, "g700", 1, 2, 0); /* the last one by key */
    set_counts(f, "g700", 2, 3, 1);
    set_counts(f, "g600", 1, 4, 5);
    set_counts(f, "g500", 1, 4, 6);
    set_counts(f, "g400", 1, 0, 7);
    set_counts(f, "g300", 1, 0, 8);
    set_counts(f, "g002", 1, 0, 0); /* one that is tried again later does not wait now */
    seen = busy_are(r, 8,
                    "g700=5/1/0 g500=4/6/0 g600=4/5/0 g300=0/8/0 g400=0/7/0 default=0/0/1 "
                    "g001=0/0/0 g002=0/0/0 ",
                    8);
    assert_true(seen.more && seen.complete);
    seen = busy_are(r, 2, "g700=5/1/0 g500=4/6/0 ", 2);
    assert_true(seen.more && seen.complete);
    seen = busy_are(r, 5, "g700=5/1/0 g500=4/6/0 g600=4/5/0 g300=0/8/0 g400=0/7/0 ", 5);
    assert_true(seen.more && seen.complete);
    seen = busy_are(r, 1000,
                    "g700=5/1/0 g500=4/6/0 g600=4/5/0 g300=0/8/0 g400=0/7/0 default=0/0/1 "
                    "g001=0/0/0 g002=0/0/0 ",
                    500);
    assert_true(seen.more && seen.complete);
    /* all of them, none twice */
    sql_exec(f, "cadre.db", "DELETE FROM groups WHERE key > 'g009' AND key < 'g300'");
    sql_exec(f, "cadre.db", "DELETE FROM groups WHERE key > 'g300' AND key < 'g700'");
    seen = busy_are(r, 12,
                    "g700=5/1/0 g300=0/8/0 default=0/0/1 g001=0/0/0 g002=0/0/0 g003=0/0/0 "
                    "g004=0/0/0 g005=0/0/0 ",
                    12);
    assert_false(seen.more);
    /* so many different requirements that the last group's are not reached */
    sql_exec(f, "cadre.db",
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
             " INSERT INTO job_counts SELECT 'g003', i, 1, 0, 0, 0, 0 FROM n");
    seen = busy_are(r, 2, "g003=5000/0/0 default=0/0/1 ", 2);
    assert_true(seen.more && !seen.complete);
    reader_close(r);
    sql_exec(f, "cadre.db", "DELETE FROM job_counts"); /* there are no such jobs */
}

static void groups_come_with_their_agents_and_jobs(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_agents(f);
    begin(f);
    struct group_row g = {.key = "g"}, h = {.key = "h"};
    OK(store_group_put(f->store, &h, &e));
    OK(store_group_put(f->store, &g, &e));
    struct job_row j = plain_job(50, "g");
    j.requires_id = 3;
    add_job(f, &j);
    commit(f);
    char all[200] = "";
    struct name_filter page = {.limit = 5};
    bool more;
    OK(reader_groups(r, &page, note_group, all, &more, &e));
    assert_string_equal(all, "default:1/1 u0 q0 r0 g:4/2 u1 q3 r2 h:0/0 u0 q0 r0 ");
    assert_false(more);
    all[0] = '\0';
    page = (struct name_filter){.after = "default", .limit = 1};
    OK(reader_groups(r, &page, note_group, all, &more, &e));
    assert_string_equal(all, "g:4/2 u1 q3 r2 ");
    assert_true(more);
    all[0] = '\0';
    page = (struct name_filter){.after = "g", .limit = 1};
    OK(reader_groups(r, &page, note_group, all, &more, &e));
    assert_string_equal(all, "h:0/0 u0 q0 r0 ");
    struct group_row one;
    struct group_counts counts;
    OK(reader_group(r, "g", &one, &counts, &e));
    all[0] = '\0';
    assert_int_equal(note_group(&one, &counts, all), 0);
    assert_string_equal(all, "g:4/2 u1 q3 r2 ");
    group_row_fini(&one);
    FAILS(ERR_NOT_FOUND, reader_group(r, "x", &one, &counts, &e));
    reader_close(r);
}

static void agent_of_several_groups_counts_in_each(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    struct group_row g = {.key = "g"}, h = {.key = "h"};
    struct agent_row a = {.id = 5,
                          .name = "a",
                          .group = "g",
                          .groups = "[\"g\",\"default\",\"h\"]",
                          .online = true,
                          .unwell_since_ms = T0};
    struct agent_row b = {.id = 6, .name = "b", .groups = "[\"default\",\"h\"]"};
    struct agent_row removed = {
        .id = 7, .name = "c", .group = "g", .groups = "[\"g\",\"h\"]", .removed_ms = T0};
    begin(f);
    OK(store_group_put(f->store, &g, &e));
    OK(store_group_put(f->store, &h, &e));
    OK(store_agent_insert(f->store, &a, &e));
    OK(store_agent_insert(f->store, &b, &e));
    OK(store_agent_insert(f->store, &removed, &e));
    commit(f);
    char all[200] = "";
    struct name_filter page = {.limit = 5};
    bool more;
    OK(reader_groups(r, &page, note_group, all, &more, &e));
    assert_string_equal(all, "default:2/1 u1 q0 r0 g:1/1 u1 q0 r0 h:2/1 u1 q0 r0 ");
    static const char *const found[][2] = {{"default", "a b "},
                                           {"g", "a "},
                                           {"h", "a b "},
                                           {"x", ""}};
    for (size_t i = 0; i < 4; i++) {
        struct agents n = {0};
        struct agent_filter of = {.group = found[i][0], .limit = 5};
        OK(reader_agents(r, &of, note_agent, &n, &more, &e));
        assert_string_equal(n.names, found[i][1]);
    }
    static const char *const keys[] = {"default", "h"};
    for (size_t i = 0; i < 2; i++) {
        struct group_row one;
        struct group_counts n;
        OK(reader_group(r, keys[i], &one, &n, &e));
        assert_int_equal(n.agents, 2);
        assert_int_equal(n.online, 1);
        assert_int_equal(n.unwell, 1);
        group_row_fini(&one);
    }
    reader_close(r);
}

static int count_ns(const struct namespace_row *n, void *user)
{
    assert_non_null(n->ns);
    ++*(int *)user;
    return 0;
}

static int count_token(const struct token_row *t, void *user)
{
    assert_int_equal(t->secret_hash[0], 0xab);
    ++*(int *)user;
    return 0;
}

static void namespaces_and_tokens_are_listed(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    begin(f);
    struct namespace_row n = {.ns = "a", .fallback = -1};
    OK(store_ns_put(f->store, &n, &e));
    struct token_row t = {.id = 5, .role = ROLE_ADMIN, .secret_hash = {0xab}, .uses_left = -1};
    OK(store_token_insert(f->store, &t, &e));
    t.id = 6;
    OK(store_token_insert(f->store, &t, &e));
    commit(f);
    int namespaces = 0, tokens = 0;
    bool more;
    OK(reader_namespaces(r, &(struct name_filter){.limit = 5}, count_ns, &namespaces, &more, &e));
    OK(reader_tokens(r, &(struct id_filter){.limit = 5}, count_token, &tokens, &more, &e));
    assert_int_equal(namespaces, 1);
    assert_int_equal(tokens, 2);
    assert_false(more);
    OK(reader_tokens(r, &(struct id_filter){.limit = 1}, count_token, &tokens, &more, &e));
    assert_true(more);
    OK(reader_tokens(r, &(struct id_filter){.after = 5, .limit = 1}, count_token, &tokens, &more,
                     &e));
    assert_false(more);
    OK(reader_namespaces(r, &(struct name_filter){.after = "a", .limit = 5}, count_ns, &namespaces,
                         &more, &e));
    assert_int_equal(namespaces, 1);
    assert_int_equal(tokens, 4);
    struct token_row one;
    OK(reader_token(r, 6, &one, &e));
    assert_int_equal(one.role, ROLE_ADMIN);
    token_row_fini(&one);
    FAILS(ERR_NOT_FOUND, reader_token(r, 7, &one, &e));
    reader_close(r);
}

static void stats_sum_up(void **state)
{
    struct fixture *f = *state;
    struct reader *r = open_reader(f);
    add_agents(f);
    struct store_stats s;
    OK(reader_stats(r, &s, &e));
    assert_int_equal(s.jobs[JOB_CREATED], 2);
    assert_int_equal(s.jobs[JOB_SUBMITTED], 1);
    assert_int_equal(s.jobs[JOB_RUNNING], 1);
    assert_int_equal(s.jobs[JOB_KILLING], 0);
    assert_int_equal(s.jobs[JOB_FAILED], 0);
    /* neither those of the held one nor of the one that is unwell are free */
    assert_int_equal(s.free_slots, 2);
    assert_int_equal(s.agents_online, 1);
    assert_int_equal(s.agents_draining, 1);
    assert_int_equal(s.agents_unwell, 1);
    assert_int_equal(s.agents_offline, 2);
    assert_int_equal(s.slots, 11);
    assert_true(s.database_bytes >= 20 * 4096);
    assert_true(s.output_bytes >= 4 * 4096);
    reader_close(r);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(agents_come_by_name_with_what_they_do),
        CASE(agent_is_found_by_id_and_by_name),
        CASE(agent_that_was_removed__is_found_when_it_is_asked_for),
        CASE(groups_come_with_their_agents_and_jobs),
        CASE(busy_groups_come_first__however_many_there_are),
        CASE(agent_of_several_groups_counts_in_each),
        CASE(namespaces_and_tokens_are_listed),
        CASE(stats_sum_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
