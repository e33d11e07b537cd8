/* Reading how much there is to do: by kinds of jobs, and by groups of agents. */
#include "store_fixture.h"

#include "base/str.h"
#include "coordinator/store/reader_load.h"

#include <string.h>

struct seen {
    struct class_load classes[16];
    char groups[16][80];
    struct group_agents agents[16];
    bool paused[16];
    size_t count;
};

static int on_class(const struct class_load *c, void *user)
{
    struct seen *s = user;
    assert_true(s->count < 16);
    s->classes[s->count] = *c;
    assert_int_equal(str_copy(s->groups[s->count], sizeof s->groups[0], c->group), 0);
    s->count++;
    return 0;
}

static int on_agents(const struct group_agents *a, void *user)
{
    struct seen *s = user;
    s->agents[s->count] = *a;
    assert_int_equal(str_copy(s->groups[s->count], sizeof s->groups[0], a->group), 0);
    s->count++;
    return 0;
}

static int on_key(const char *group, bool paused, void *user)
{
    struct seen *s = user;
    s->paused[s->count] = paused;
    assert_int_equal(str_copy(s->groups[s->count], sizeof s->groups[0], group), 0);
    s->count++;
    return s->count == 16;
}

static void add(struct fixture *f, int n, const char *group, const char *require, int64_t priority)
{
    struct job_row j = plain_job(n, group);
    j.priority = priority;
    if (require) OK(store_requires_intern(f->store, require, &j.requires_id, &e));
    add_job(f, &j);
}

static void classes__tell_the_oldest_of_all_priorities(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    begin(f);
    add(f, 9, "g", NULL, 50);
    add(f, 7, "g", NULL, 0);
    add(f, 3, "g", NULL, -5); /* the oldest is not the first in the queue */
    add(f, 5, "g", NULL, -5);
    add(f, 6, "g", "{\"os\":\"linux\"}", 0);
    add(f, 2, NULL, NULL, 0);
    add(f, 1, NULL, NULL, 0);
    OK(store_job_submitted(f->store, job_id(1), 1, 1, T0, &e)); /* does not wait any more */
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_class_loads(r, on_class, &s, &e));
    assert_int_equal(s.count, 3);
    assert_string_equal(s.groups[0], "default");
    assert_int_equal(s.classes[0].jobs[JOB_CREATED], 1);
    assert_int_equal(s.classes[0].jobs[JOB_SUBMITTED], 1);
    assert_int_equal(s.classes[0].oldest_ms, plain_job(2, NULL).created_ms);
    int64_t oldest = 0;
    for (size_t i = 1; i < 3; i++) {
        assert_string_equal(s.groups[i], "g");
        if (s.classes[i].jobs[JOB_CREATED] == 4) oldest = s.classes[i].oldest_ms;
        if (s.classes[i].jobs[JOB_CREATED] == 1)
            assert_int_equal(s.classes[i].oldest_ms, plain_job(6, "g").created_ms);
    }
    assert_int_equal(oldest, plain_job(3, "g").created_ms);
    reader_close(r);
}

static void classes__without_a_queue__have_no_oldest(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    begin(f);
    add(f, 1, "g", NULL, 0);
    OK(store_job_submitted(f->store, job_id(1), 1, 1, T0, &e));
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_class_loads(r, on_class, &s, &e));
    assert_int_equal(s.count, 1);
    assert_int_equal(s.classes[0].oldest_ms, 0);
    reader_close(r);
}

static void priorities_above_the_limit__are_not_looked_at(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    begin(f);
    for (int n = 1; n <= LOAD_PRIORITIES + 1; n++)
        add(f, n, "g", NULL, n); /* the oldest has the least */
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_class_loads(r, on_class, &s, &e));
    assert_int_equal(s.classes[0].oldest_ms, plain_job(2, "g").created_ms);
    reader_close(r);
}

static void add_agent(struct fixture *f, int n, const char *group, const struct agent_row *like)
{
    char name[16];
    (void)str_format(name, sizeof name, "a%d", n);
    struct agent_row a = *like;
    a.id = job_id(1000 + n);
    a.name = name;
    a.group = (char *)(uintptr_t)group;
    a.capabilities = (char *)(uintptr_t) "{}";
    a.spki = (char *)(uintptr_t) "00";
    OK(store_agent_insert(f->store, &a, &e));
    OK(store_agent_update(f->store, &a, &e));
}

/* An agent that is unwell and drains is unwell: each is counted once. */
static void agents__are_each_in_one_state(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    begin(f);
    add_agent(f, 1, "g", &(struct agent_row){.online = true, .slots = 4});
    add_agent(f, 2, "g", &(struct agent_row){.online = true, .slots = 2, .draining = true});
    add_agent(f, 3, "g", &(struct agent_row){.online = true, .slots = 1, .held = true});
    add_agent(
        f, 4, "g",
        &(struct agent_row){.online = true, .slots = 8, .draining = true, .unwell_since_ms = T0});
    add_agent(f, 5, "g", &(struct agent_row){.slots = 16, .draining = true});
    add_agent(f, 6, "g", &(struct agent_row){.online = true, .slots = 32, .removed_ms = T0});
    add_agent(f, 7, "h", &(struct agent_row){.slots = 1});
    add(f, 1, "g", NULL, 0);
    OK(store_job_submitted(f->store, job_id(1), job_id(1001), 1, T0, &e));
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_group_agents(r, on_agents, &s, &e));
    assert_int_equal(s.count, 2);
    const struct group_agents *g = &s.agents[0];
    assert_string_equal(s.groups[0], "g");
    assert_int_equal(g->online, 1);
    assert_int_equal(g->draining, 2);
    assert_int_equal(g->unwell, 1);
    assert_int_equal(g->offline, 1);
    assert_int_equal(g->slots, 15);
    assert_int_equal(g->free_slots, 3);
    assert_string_equal(s.groups[1], "h");
    assert_int_equal(s.agents[1].offline, 1);
    assert_int_equal(s.agents[1].slots, 0);
    reader_close(r);
}

static void group_keys__come_in_order_with_what_is_paused(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    begin(f);
    OK(store_group_put(f->store, &(struct group_row){.key = (char *)(uintptr_t) "zeta"}, &e));
    OK(store_group_put(f->store,
                       &(struct group_row){.key = (char *)(uintptr_t) "beta", .paused = true}, &e));
    commit(f);
    struct reader *r = open_reader(f);
    OK(reader_group_keys(r, on_key, &s, &e));
    assert_int_equal(s.count, 3);
    assert_string_equal(s.groups[0], "default");
    assert_string_equal(s.groups[1], "beta");
    assert_string_equal(s.groups[2], "zeta");
    assert_false(s.paused[0]);
    assert_true(s.paused[1]);
    reader_close(r);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(classes__tell_the_oldest_of_all_priorities),
        CASE(classes__without_a_queue__have_no_oldest),
        CASE(priorities_above_the_limit__are_not_looked_at),
        CASE(agents__are_each_in_one_state),
        CASE(group_keys__come_in_order_with_what_is_paused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
