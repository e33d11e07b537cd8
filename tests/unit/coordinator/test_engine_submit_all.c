/* Several jobs in one command: each by itself, or all or none. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static struct command *several(struct world *w, size_t count, bool atomic)
{
    struct command *c = command_new(CMD_SUBMIT_ALL);
    c->request = ++w->requests;
    c->u.submits.items = mem_array(count, sizeof *c->u.submits.items);
    c->u.submits.count = count;
    c->u.submits.atomic = atomic;
    for (size_t i = 0; i < count; i++)
        c->u.submits.items[i].spec = mem_strdup("{\"command\":[\"true\"]}");
    return c;
}

static struct command *with_key(struct command *c, const char *key)
{
    for (size_t i = 0; i < c->u.submits.count; i++)
        c->u.submits.items[i].job.unique_key = str_dupf("%s/%zu", key, i);
    return c;
}

static void name_group(struct command *c, size_t item, const char *key)
{
    mem_free(c->u.submits.items[item].job.group);
    c->u.submits.items[item].job.group = mem_strdup(key);
}

/* A group that takes so many queued jobs. */
static void small_group(struct world *w, const char *key, int64_t most)
{
    struct command *c = cmd_group(w, key, NULL);
    c->u.group.max_queued = most;
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_reply(w)->rc, 0);
}

static const struct reply *answer(struct world *w, struct command *c)
{
    size_t count = c->u.submits.count;
    assert_int_equal(world_do(w, c), 0);
    const struct reply *r = world_reply(w);
    assert_int_equal(r->item_count, count);
    return r;
}

static size_t count_jobs(struct world *w)
{
    int64_t position;
    struct err e = {0};
    struct job_row behind_all = {.group = (char[]){"default"},
                                 .priority = -1000000,
                                 .id = INT64_MAX};
    assert_int_equal(store_queue_position(w->store, &behind_all, 100, &position, &e), 0);
    return (size_t)position;
}

/* ---- each by itself ---- */

static void each__good_ones__are_queued_in_their_order(void **state)
{
    struct world *w = *state;
    const struct reply *r = answer(w, several(w, 3, false));
    assert_int_equal(r->rc, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_null(r->items[i].refused);
        assert_false(r->items[i].known);
        assert_int_equal(r->items[i].state, JOB_CREATED);
        if (i) assert_true(r->items[i].id > r->items[i - 1].id);
    }
    assert_int_equal(count_jobs(w), 3);
}

static void each__bad_ones_among_them__are_refused_alone(void **state)
{
    struct world *w = *state;
    struct command *c = several(w, 4, false);
    name_group(c, 0, "nowhere");
    name_group(c, 2, "nowhere");
    const struct reply *r = answer(w, c);
    assert_int_equal(r->rc, 0);
    for (size_t i = 0; i < 4; i++) {
        if (i % 2) {
            assert_null(r->items[i].refused);
            assert_int_equal(world_state(w, r->items[i].id), JOB_CREATED);
        } else {
            assert_int_equal(r->items[i].id, 0);
            assert_int_equal(r->items[i].refused->rc, ERR_INVALID);
            assert_string_equal(r->items[i].refused->code, "unknown-group");
        }
    }
    assert_int_equal(count_jobs(w), 2);
}

static void each__into_a_queue_that_fills__the_rest_is_refused(void **state)
{
    struct world *w = *state;
    small_group(w, "small", 2);
    struct command *c = several(w, 4, false);
    for (size_t i = 0; i < 4; i++)
        name_group(c, i, "small");
    const struct reply *r = answer(w, c);
    assert_null(r->items[0].refused);
    assert_null(r->items[1].refused);
    assert_string_equal(r->items[2].refused->code, "queue-full");
    assert_string_equal(r->items[3].refused->code, "queue-full");
}

static void each__again_with_the_key__is_the_same_jobs(void **state)
{
    struct world *w = *state;
    int64_t first[3];
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    const struct reply *r = answer(w, with_key(several(w, 3, false), "k"));
    for (size_t i = 0; i < 3; i++)
        first[i] = r->items[i].id;
    assert_int_equal(world_do(w, cmd_started(s, 1, first[0], 1)), 0);
    world_crash(w);
    struct command *c = with_key(several(w, 4, false), "k");
    name_group(c, 1, "nowhere"); /* what is there already was taken */
    r = answer(w, c);
    for (size_t i = 0; i < 3; i++) {
        assert_null(r->items[i].refused);
        assert_int_equal(r->items[i].id, first[i]);
        assert_true(r->items[i].known);
        assert_int_equal(r->items[i].state, i ? JOB_CREATED : JOB_RUNNING);
    }
    assert_false(r->items[3].known);
    assert_true(r->items[3].id > first[2]);
    assert_int_equal(count_jobs(w), 3); /* and one runs */
}

static void each__that_falls_back_at_once__shows_what_became_of_it(void **state)
{
    struct world *w = *state;
    world_group(w, "empty", NULL);
    world_pass(w, 60000);
    world_tick(w);
    struct command *c = several(w, 3, false);
    name_group(c, 1, "empty");
    c->u.submits.items[1].job.fallback = FALLBACK_FAIL;
    c->u.submits.items[1].fallback_given = true;
    const struct reply *r = answer(w, c);
    assert_int_equal(r->items[0].state, JOB_CREATED);
    assert_int_equal(r->items[1].state, JOB_FAILED);
    assert_int_equal(r->items[2].state, JOB_CREATED);
}

/* ---- all or none ---- */

static void refused_at(struct world *w, struct command *c, size_t item, const char *code)
{
    const struct reply *r = answer(w, c);
    assert_int_not_equal(r->rc, 0);
    assert_string_equal(r->code, code);
    assert_int_equal(r->refused_item, item + 1);
}

static void together__good_ones__are_all_there(void **state)
{
    struct world *w = *state;
    const struct reply *r = answer(w, several(w, 3, true));
    assert_int_equal(r->rc, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(world_state(w, r->items[i].id), JOB_CREATED);
    assert_int_equal(count_jobs(w), 3);
}

static void together__one_bad_one__nothing_is_stored(void **state)
{
    struct world *w = *state;
    for (size_t bad = 0; bad < 3; bad++) {
        struct command *c = with_key(several(w, 3, true), "k");
        name_group(c, bad, "nowhere");
        refused_at(w, c, bad, "unknown-group");
        assert_int_equal(count_jobs(w), 0);
    }
    /* and no key is taken by what was refused */
    const struct reply *r = answer(w, with_key(several(w, 3, true), "k"));
    for (size_t i = 0; i < 3; i++)
        assert_false(r->items[i].known);
    assert_int_equal(count_jobs(w), 3);
}

static void together__more_than_the_queue_takes__nothing_is_stored(void **state)
{
    struct world *w = *state;
    small_group(w, "small", 3);
    struct command *c = several(w, 6, true);
    for (size_t i = 1; i < 6; i++)
        name_group(c, i, "small");
    refused_at(w, c, 4, "queue-full");
    assert_int_equal(count_jobs(w), 0);
    c = several(w, 3, true);
    for (size_t i = 0; i < 3; i++)
        name_group(c, i, "small");
    assert_int_equal(answer(w, c)->rc, 0);
}

/* They never stand in the queue. */
static void together__that_fall_back_at_once__fill_no_queue(void **state)
{
    struct world *w = *state;
    small_group(w, "small", 1);
    world_pass(w, 60000);
    world_tick(w);
    struct command *c = several(w, 3, true);
    for (size_t i = 0; i < 3; i++) {
        name_group(c, i, "small");
        c->u.submits.items[i].job.fallback = FALLBACK_CANCEL;
        c->u.submits.items[i].fallback_given = true;
    }
    const struct reply *r = answer(w, c);
    assert_int_equal(r->rc, 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(r->items[i].state, JOB_CANCELLED);
}

static void together__again_with_the_key__is_the_same_jobs(void **state)
{
    struct world *w = *state;
    int64_t first[3];
    const struct reply *r = answer(w, with_key(several(w, 3, true), "k"));
    for (size_t i = 0; i < 3; i++)
        first[i] = r->items[i].id;
    world_crash(w);
    r = answer(w, with_key(several(w, 3, true), "k"));
    assert_int_equal(r->rc, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(r->items[i].id, first[i]);
        assert_true(r->items[i].known);
    }
    assert_int_equal(count_jobs(w), 3);
    /* one that is new, and refused, does not touch the others */
    struct command *c = with_key(several(w, 4, true), "k");
    name_group(c, 3, "nowhere");
    refused_at(w, c, 3, "unknown-group");
    assert_int_equal(count_jobs(w), 3);
}

/* The coordinator dies in the middle of the batch. */
static void together__killed_before_the_commit__nothing_is_there(void **state)
{
    struct world *w = *state;
    world_begin(w);
    world_apply(w, with_key(several(w, 3, true), "k"));
    world_crash(w);
    assert_int_equal(count_jobs(w), 0);
    const struct reply *r = answer(w, with_key(several(w, 3, true), "k"));
    for (size_t i = 0; i < 3; i++)
        assert_false(r->items[i].known);
}

/* ---- whose they are ---- */

static int64_t token_of(struct world *w, const char *ns, enum token_role role)
{
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = ++w->requests;
    c->u.token = (struct token_row){.role = role, .uses_left = -1, .ns = mem_strdup(ns)};
    assert_int_equal(world_do(w, c), 0);
    assert_int_equal(world_reply(w)->rc, 0);
    return world_reply(w)->id;
}

static struct command *of_namespaces(struct world *w, int64_t token, bool atomic)
{
    static const char *const names[] = {"mine", "mine.below", "yours", NULL};
    struct command *c = several(w, 4, atomic);
    c->by = (struct principal){.token = token, .role = ROLE_SUBMIT};
    for (size_t i = 0; i < 4; i++)
        c->u.submits.items[i].job.ns = mem_strdup(names[i]);
    return c;
}

static void namespace_of_the_token__holds_for_each_item(void **state)
{
    struct world *w = *state;
    int64_t token = token_of(w, "mine", ROLE_SUBMIT);
    const struct reply *r = answer(w, of_namespaces(w, token, false));
    assert_null(r->items[0].refused);
    assert_null(r->items[1].refused);
    assert_string_equal(r->items[2].refused->code, "namespace");
    assert_string_equal(r->items[3].refused->code, "namespace");
    assert_int_equal(count_jobs(w), 2);
    refused_at(w, of_namespaces(w, token, true), 2, "namespace");
    assert_int_equal(count_jobs(w), 2);
}

static void token_that_may_not__is_refused_as_a_whole(void **state)
{
    struct world *w = *state;
    static const char *const codes[] = {"role", "token-unknown"};
    int64_t token = token_of(w, NULL, ROLE_READ);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(world_do(w, of_namespaces(w, token + i, i > 0)), 0);
        const struct reply *r = world_reply(w);
        assert_string_equal(r->code, codes[i]);
        assert_int_equal(r->refused_item, 0);
        assert_int_equal(r->item_count, 0);
    }
    assert_int_equal(count_jobs(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(each__good_ones__are_queued_in_their_order),
        WORLD_TEST(each__bad_ones_among_them__are_refused_alone),
        WORLD_TEST(each__into_a_queue_that_fills__the_rest_is_refused),
        WORLD_TEST(each__again_with_the_key__is_the_same_jobs),
        WORLD_TEST(each__that_falls_back_at_once__shows_what_became_of_it),
        WORLD_TEST(together__good_ones__are_all_there),
        WORLD_TEST(together__one_bad_one__nothing_is_stored),
        WORLD_TEST(together__more_than_the_queue_takes__nothing_is_stored),
        WORLD_TEST(together__that_fall_back_at_once__fill_no_queue),
        WORLD_TEST(together__again_with_the_key__is_the_same_jobs),
        WORLD_TEST(together__killed_before_the_commit__nothing_is_there),
        WORLD_TEST(namespace_of_the_token__holds_for_each_item),
        WORLD_TEST(token_that_may_not__is_refused_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
