/* Who was heard, on the way to the engine. */
#include "base/mem.h"
#include "coordinator/engine/command.h"
#include "coordinator/sessions/heard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>

static void nobody__makes_no_command(void **state)
{
    (void)state;
    struct heard h = {0}, none = {0};
    heard_move(&h, &none);
    assert_null(heard_take(&h));
    heard_fini(&h);
    heard_fini(&none);
}

static void taken__has_all_that_was_moved_and_leaves_nothing(void **state)
{
    (void)state;
    struct heard fresh = {0}, h = {0};
    heard_add(&fresh, 3);
    heard_move(&h, &fresh);
    assert_int_equal(fresh.count, 0);
    heard_add(&fresh, 1);
    heard_add(&fresh, 3);
    heard_move(&h, &fresh);
    heard_add(&fresh, 9); /* after that: not among them */
    struct command *c = heard_take(&h);
    assert_int_equal(c->type, CMD_HEARD);
    assert_int_equal(c->u.heard.count, 3);
    assert_int_equal(c->u.heard.agents[0], 3);
    assert_int_equal(c->u.heard.agents[1], 1);
    assert_int_equal(c->u.heard.agents[2], 3);
    command_free(c);
    assert_null(heard_take(&h));
    assert_int_equal(fresh.count, 1);
    heard_fini(&fresh);
    heard_fini(&h);
}

static bool has(const struct command *c, int64_t agent)
{
    for (size_t i = 0; i < c->u.heard.count; i++)
        if (c->u.heard.agents[i] == agent) return true;
    return false;
}

/* The engine is busy, or its disk hangs, for as long as it likes. */
static void nobody_takes__the_list_stays_short_and_misses_none(void **state)
{
    enum { AGENTS = 10000, TURNS = 3000 };
    (void)state;
    struct heard fresh = {0}, h = {0};
    for (int64_t turn = 0; turn < TURNS; turn++) {
        for (int64_t i = 0; i < 100; i++)
            heard_add(&fresh, (turn * 100 + i) % AGENTS + 1);
        heard_move(&h, &fresh);
        assert_true(h.count <= 2 * AGENTS + 100);
        assert_true(fresh.cap <= 4 * (2 * AGENTS + 100));
    }
    struct command *c = heard_take(&h);
    for (int64_t agent = 1; agent <= AGENTS; agent += 97)
        assert_true(has(c, agent));
    command_free(c);
    heard_fini(&fresh);
    heard_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody__makes_no_command),
        cmocka_unit_test(taken__has_all_that_was_moved_and_leaves_nothing),
        cmocka_unit_test(nobody_takes__the_list_stays_short_and_misses_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
