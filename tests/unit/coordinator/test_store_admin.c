/* Agents, groups, namespaces and tokens in the store. */
#include "store_fixture.h"

#include "base/str.h"

#include <string.h>

static struct agent_row plain_agent(int64_t id, const char *name)
{
    return (struct agent_row){.id = id,
                              .name = (char *)name,
                              .capabilities = "{}",
                              .slots = 4,
                              .created_ms = T0,
                              .token = 77};
}

static void add_agent(struct fixture *f, int64_t id, const char *name)
{
    struct agent_row a = plain_agent(id, name);
    OK(store_agent_insert(f->store, &a, &e));
}

/* ---- agents ---------------------------------------------------------------------------------- */

static void agent_comes_back_as_it_was_inserted(void **state)
{
    struct fixture *f = *state;
    struct agent_row a = {.id = 5,
                          .name = "build-07",
                          .group = "windows",
                          .groups = "[\"windows\",\"default\"]",
                          .token_group = "windows",
                          .capabilities = "{\"os\":\"windows\"}",
                          .version = "1.2.3",
                          .host_id = "h",
                          .boot_id = "b",
                          .journal_id = "j",
                          .slots = 8,
                          .last_seq = 12,
                          .online = true,
                          .draining = true,
                          .held = true,
                          .drain_reason = "upgrade",
                          .unwell_reason = "no inodes",
                          .unwell_since_ms = 3,
                          .created_ms = 1,
                          .last_seen_ms = 2,
                          .spki = "ab",
                          .token = 9,
                          .created_by = "windows hosts",
                          .drained_by = "ann",
                          .removed_by = "bob",
                          .removed_reason = "sold"};
    begin(f);
    OK(store_agent_insert(f->store, &a, &e));
    commit(f);
    struct agent_row b;
    assert_int_equal(store_agent_find(f->store, 5, &b, NULL), 1);
    assert_string_equal(b.name, "build-07");
    assert_string_equal(b.group, "windows");
    assert_string_equal(b.groups, "[\"windows\",\"default\"]");
    assert_string_equal(b.token_group, "windows");
    assert_string_equal(b.capabilities, "{\"os\":\"windows\"}");
    assert_string_equal(b.version, "1.2.3");
    assert_string_equal(b.host_id, "h");
    assert_string_equal(b.boot_id, "b");
    assert_string_equal(b.journal_id, "j");
    assert_string_equal(b.drain_reason, "upgrade");
    assert_string_equal(b.unwell_reason, "no inodes");
    assert_int_equal(b.unwell_since_ms, 3);
    assert_string_equal(b.spki, "ab");
    assert_int_equal(b.slots, 8);
    assert_int_equal(b.last_seq, 12);
    assert_true(b.online && b.draining && b.held);
    assert_int_equal(b.created_ms, 1);
    assert_int_equal(b.last_seen_ms, 2);
    assert_int_equal(b.removed_ms, 0);
    assert_int_equal(b.token, 9);
    assert_string_equal(b.created_by, "windows hosts");
    assert_string_equal(b.drained_by, "ann");
    assert_string_equal(b.removed_by, "bob");
    assert_string_equal(b.removed_reason, "sold");
    agent_row_fini(&b);
}

static void update_keeps_the_sequence_number(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_agent(f, 5, "a");
    OK(store_agent_seq(f->store, 5, 42, &e));
    struct agent_row a = plain_agent(5, "b");
    a.group = "g";
    a.capabilities = NULL;
    a.last_seq = 7;
    a.unwell_reason = "no processes";
    a.unwell_since_ms = T0;
    OK(store_agent_update(f->store, &a, &e));
    commit(f);
    struct agent_row b;
    assert_int_equal(store_agent_find_name(f->store, "b", &b, NULL), 1);
    assert_int_equal(b.last_seq, 42);
    assert_string_equal(b.group, "g");
    assert_string_equal(b.capabilities, "{}");
    assert_string_equal(b.unwell_reason, "no processes");
    assert_int_equal(b.unwell_since_ms, T0);
    agent_row_fini(&b);
    assert_int_equal(store_agent_find_name(f->store, "a", &b, NULL), 0);
}

static void name_is_taken_until_its_agent_is_removed(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_agent(f, 5, "a");
    add_agent(f, 6, "b");
    struct agent_row a = plain_agent(7, "a");
    FAILS(ERR_EXISTS, store_agent_insert(f->store, &a, &e));
    struct agent_row b;
    assert_int_equal(store_agent_find(f->store, 7, &b, NULL), 0);
    a = plain_agent(6, "a");
    a = plain_agent(5, "a");
    a.removed_ms = T0;
    OK(store_agent_update(f->store, &a, &e));
    assert_int_equal(store_agent_find_name(f->store, "a", &b, NULL), 0);
    add_agent(f, 7, "a");
    int64_t known;
    OK(store_agent_count(f->store, &known, &e));
    assert_int_equal(known, 2);
    commit(f);
    /* a removed one is still known by its id */
    assert_int_equal(store_agent_find(f->store, 5, &b, NULL), 1);
    assert_int_equal(b.removed_ms, T0);
    agent_row_fini(&b);
}

static void a_name_that_is_taken_is_not_taken_again(void **state)
{
    struct fixture *f = *state;
    struct err why = {0};
    struct agent_row a = plain_agent(6, "a"), b;
    begin(f);
    add_agent(f, 5, "a");
    add_agent(f, 6, "b");
    commit(f);
    begin(f);
    int rc = store_agent_update(f->store, &a, &why); /* it may be told later */
    if (rc == 0) rc = store_commit(f->store, &why);
    assert_int_equal(rc, ERR_EXISTS);
    store_rollback(f->store);
    assert_int_equal(store_agent_find_name(f->store, "b", &b, NULL), 1);
    agent_row_fini(&b);
}

static void unknown_agent_is_not_found_by_anything(void **state)
{
    struct fixture *f = *state;
    struct agent_row a = plain_agent(5, "a"), b;
    begin(f);
    assert_int_equal(store_agent_find(f->store, 5, &b, NULL), 0);
    assert_int_equal(store_agent_find_name(f->store, "a", &b, NULL), 0);
    commit(f);
    for (int i = 0; i < 3; i++) { /* these may be told later */
        struct err why = {0};
        begin(f);
        int rc = i == 0   ? store_agent_update(f->store, &a, &why)
                 : i == 1 ? store_agent_seen(f->store, 5, true, T0, &why)
                          : store_agent_seq(f->store, 5, 1, &why);
        if (rc == 0) rc = store_commit(f->store, &why);
        assert_int_equal(rc, ERR_NOT_FOUND);
        store_rollback(f->store);
    }
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM agent_facts"), 0);
}

struct online {
    int count, most;
    int64_t ids;
};

static int note_online(int64_t id, const char *group, const char *groups, void *user)
{
    struct online *o = user;
    o->ids += id;
    assert_true(str_eq(group, id == 6 ? "g" : "default"));
    assert_true(str_eq(groups, id == 6 ? "[\"g\",\"h\"]" : NULL));
    return ++o->count == o->most;
}

static void those_online_are_told_with_their_groups(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int i = 5; i <= 8; i++) {
        char name[2] = {(char)('a' + i), '\0'};
        struct agent_row a = plain_agent(i, name);
        a.online = i != 5;
        a.group = i == 6 ? "g" : NULL;
        a.groups = i == 6 ? "[\"g\",\"h\"]" : NULL;
        if (i == 8) a.removed_ms = T0;
        OK(store_agent_insert(f->store, &a, &e));
    }
    commit(f);
    struct online o = {0};
    OK(store_each_agent_online(f->store, note_online, &o, &e));
    assert_int_equal(o.count, 2);
    assert_int_equal(o.ids, 6 + 7);
    o = (struct online){.most = 1};
    OK(store_each_agent_online(f->store, note_online, &o, &e));
    assert_int_equal(o.count, 1);
}

static void at_start_every_agent_is_offline(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add_agent(f, 5, "a");
    add_agent(f, 6, "b");
    OK(store_agent_seen(f->store, 5, true, T0 + 3, &e));
    struct agent_row b;
    assert_int_equal(store_agent_find(f->store, 5, &b, NULL), 1);
    assert_true(b.online);
    assert_int_equal(b.last_seen_ms, T0 + 3);
    agent_row_fini(&b);
    OK(store_agents_all_offline(f->store, &e));
    OK(store_agents_all_offline(f->store, &e));
    commit(f);
    assert_int_equal(store_agent_find(f->store, 5, &b, NULL), 1);
    assert_false(b.online);
    agent_row_fini(&b);
}

/* ---- remnants -------------------------------------------------------------------------------- */

struct left {
    int count;
    int64_t jobs, attempts;
    char processes[64];
};

static int note_remnant(const struct remnant_row *r, void *user)
{
    struct left *l = user;
    l->count++;
    l->jobs += r->job;
    l->attempts += r->attempt;
    assert_int_equal(str_copy(l->processes, sizeof l->processes, r->processes), 0);
    assert_int_equal(r->since_ms, T0);
    return 0;
}

static void assert_left(struct fixture *f, int count, int64_t jobs, const char *last)
{
    struct left l = {.count = 0};
    OK(store_each_remnant(f->store, note_remnant, &l, &e));
    assert_int_equal(l.count, count);
    assert_int_equal(l.jobs, jobs);
    assert_string_equal(l.processes, last);
}

static void remnants__are_kept_by_attempt_until_deleted(void **state)
{
    struct fixture *f = *state;
    char one[] = "one (1, root)", two[] = "two (2, root)";
    struct remnant_row a = {.agent = 5, .job = 10, .attempt = 1, .since_ms = T0, .processes = one};
    struct remnant_row b = {.agent = 6, .job = 20, .attempt = 3, .since_ms = T0, .processes = one};
    begin(f);
    OK(store_remnant_put(f->store, &a, &e));
    OK(store_remnant_put(f->store, &b, &e));
    b.processes = two;
    OK(store_remnant_put(f->store, &b, &e));
    commit(f);
    assert_left(f, 2, 30, two);
    begin(f);
    b.attempt = 2; /* there is none */
    OK(store_remnant_delete(f->store, &b, &e));
    OK(store_remnant_delete(f->store, &a, &e));
    commit(f);
    assert_left(f, 1, 20, two);
}

/* ---- groups and namespaces ------------------------------------------------------------------- */

struct seen {
    int count;
    char text[200];
    int most;
};

static int note_group(const struct group_row *g, void *user)
{
    struct seen *s = user;
    size_t len = strlen(s->text);
    OK(str_format(s->text + len, sizeof s->text - len, "%s%s ", g->key, g->paused ? "!" : ""));
    return ++s->count == s->most;
}

static int note_ns(const struct namespace_row *n, void *user)
{
    struct seen *s = user;
    size_t len = strlen(s->text);
    OK(str_format(s->text + len, sizeof s->text - len, "%s>%s%s%s ", n->ns,
                  n->groupless ? "" : n->group, n->fallback < 0 ? "" : "+",
                  n->notify ? n->notify : ""));
    return ++s->count == s->most;
}

static void groups_are_put_replaced_and_deleted(void **state)
{
    struct fixture *f = *state;
    struct group_row g = {.key = "b", .description = "d", .require = "{}", .max_queued = 5};
    begin(f);
    OK(store_group_put(f->store, &g, &e));
    g = (struct group_row){.key = "a", .allowed_namespaces = "[\"x\"]"};
    OK(store_group_put(f->store, &g, &e));
    g = (struct group_row){.key = "b", .paused = true};
    OK(store_group_put(f->store, &g, &e));
    struct seen s = {0};
    OK(store_each_group(f->store, note_group, &s, &e));
    assert_string_equal(s.text, "default a b! ");
    s = (struct seen){.most = 1};
    OK(store_each_group(f->store, note_group, &s, &e));
    assert_string_equal(s.text, "default ");
    g = (struct group_row){.key = "default", .paused = true};
    OK(store_group_put(f->store, &g, &e));
    OK(store_group_delete(f->store, "a", &e));
    FAILS(ERR_NOT_FOUND, store_group_delete(f->store, "a", &e));
    commit(f);
    s = (struct seen){0};
    OK(store_each_group(f->store, note_group, &s, &e));
    assert_string_equal(s.text, "default! b! ");
}

static void namespaces_are_put_replaced_and_deleted(void **state)
{
    struct fixture *f = *state;
    begin(f);
    struct namespace_row n = {.ns = "x.y", .group = "g", .fallback = -1};
    OK(store_ns_put(f->store, &n, &e));
    n = (struct namespace_row){.ns = "x", .fallback = FALLBACK_FAIL};
    OK(store_ns_put(f->store, &n, &e));
    n = (struct namespace_row){.ns = "x.y", .fallback = FALLBACK_WAIT};
    OK(store_ns_put(f->store, &n, &e));
    struct seen s = {0};
    OK(store_each_ns(f->store, note_ns, &s, &e));
    assert_string_equal(s.text, "x>default+ x.y>default+ ");
    s = (struct seen){.most = 1};
    OK(store_each_ns(f->store, note_ns, &s, &e));
    assert_int_equal(s.count, 1);
    n = (struct namespace_row){.ns = "x.y", .groupless = true, .fallback = -1, .notify = "[]"};
    OK(store_ns_put(f->store, &n, &e));
    s = (struct seen){0};
    OK(store_each_ns(f->store, note_ns, &s, &e));
    assert_string_equal(s.text, "x>default+ x.y>[] ");
    OK(store_ns_delete(f->store, "x", &e));
    FAILS(ERR_NOT_FOUND, store_ns_delete(f->store, "x", &e));
    commit(f);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static struct token_row plain_token(int64_t id, int64_t uses)
{
    struct token_row t = {.id = id,
                          .role = ROLE_SUBMIT,
                          .name = "ci",
                          .group = "g",
                          .ns = "x",
                          .created_ms = 1,
                          .expires_ms = 2,
                          .uses_left = uses};
    for (int i = 0; i < 32; i++)
        t.secret_hash[i] = (uint8_t)(i * 8);
    return t;
}

static void token_comes_back_as_it_was_inserted(void **state)
{
    struct fixture *f = *state;
    struct token_row t = plain_token(3, -1), u;
    begin(f);
    OK(store_token_insert(f->store, &t, &e));
    FAILS(ERR_EXISTS, store_token_insert(f->store, &t, &e));
    commit(f);
    assert_int_equal(store_token_find(f->store, 3, &u, NULL), 1);
    assert_int_equal(u.role, ROLE_SUBMIT);
    assert_memory_equal(u.secret_hash, t.secret_hash, 32);
    assert_string_equal(u.name, "ci");
    assert_string_equal(u.group, "g");
    assert_string_equal(u.ns, "x");
    assert_int_equal(u.created_ms, 1);
    assert_int_equal(u.expires_ms, 2);
    assert_int_equal(u.revoked_ms, 0);
    assert_int_equal(u.last_used_ms, 0);
    assert_int_equal(u.uses_left, -1);
    token_row_fini(&u);
}

static int64_t uses_after(struct fixture *f, int64_t id)
{
    struct token_row u;
    OK(store_token_use(f->store, id, T0, &e));
    assert_int_equal(store_token_find(f->store, id, &u, NULL), 1);
    assert_int_equal(u.last_used_ms, T0);
    int64_t left = u.uses_left;
    token_row_fini(&u);
    return left;
}

static void limited_token_is_used_up_and_never_below_nothing(void **state)
{
    struct fixture *f = *state;
    struct token_row limited = plain_token(3, 2), unlimited = plain_token(4, -1);
    begin(f);
    OK(store_token_insert(f->store, &limited, &e));
    OK(store_token_insert(f->store, &unlimited, &e));
    assert_int_equal(uses_after(f, 3), 1);
    assert_int_equal(uses_after(f, 3), 0);
    assert_int_equal(uses_after(f, 3), 0);
    assert_int_equal(uses_after(f, 4), -1);
    commit(f);
}

static void revoked_token_says_when(void **state)
{
    struct fixture *f = *state;
    struct token_row t = plain_token(3, -1), u;
    begin(f);
    OK(store_token_insert(f->store, &t, &e));
    OK(store_token_revoke(f->store, 3, T0 + 9, "root", &e));
    FAILS(ERR_NOT_FOUND, store_token_revoke(f->store, 4, T0, "root", &e));
    OK(store_token_use(f->store, 4, T0, &e));
    assert_int_equal(store_token_find(f->store, 4, &u, NULL), 0);
    commit(f);
    assert_int_equal(store_token_find(f->store, 3, &u, NULL), 1);
    assert_int_equal(u.revoked_ms, T0 + 9);
    assert_string_equal(u.revoked_by, "root");
    token_row_fini(&u);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(agent_comes_back_as_it_was_inserted),
        CASE(update_keeps_the_sequence_number),
        CASE(name_is_taken_until_its_agent_is_removed),
        CASE(a_name_that_is_taken_is_not_taken_again),
        CASE(unknown_agent_is_not_found_by_anything),
        CASE(those_online_are_told_with_their_groups),
        CASE(at_start_every_agent_is_offline),
        CASE(remnants__are_kept_by_attempt_until_deleted),
        CASE(groups_are_put_replaced_and_deleted),
        CASE(namespaces_are_put_replaced_and_deleted),
        CASE(token_comes_back_as_it_was_inserted),
        CASE(limited_token_is_used_up_and_never_below_nothing),
        CASE(revoked_token_says_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
