/* See alarm_world.h. */
#include "alarm_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

/* ---- what was told --------------------------------------------------------------------------- */

char *told[TELLS_MOST];
size_t told_count;

void forget_told(void)
{
    while (told_count > 0)
        mem_free(told[--told_count]);
}

char last_count[32];
char *last_event;

/* Without what differs from run to run. */
static void keep_event(struct json *event)
{
    static const char *const differ[] = {"id", "firstAt", "lastAt"};
    for (size_t i = 0; i < sizeof differ / sizeof *differ; i++) {
        assert_true(json_get_str(event, differ[i], "")[0]);
        json_remove(event, differ[i]);
    }
    mem_free(last_event);
    last_event = json_text(event);
}

static void deliver(struct world *w)
{
    int64_t ids[TELLS_MOST];
    size_t count = 0;
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        struct json *event = NULL;
        if (x->type != EFFECT_NOTICE) continue;
        assert_true(told_count < TELLS_MOST);
        assert_int_equal(json_parse(x->u.notice.event, strlen(x->u.notice.event), &event, NULL), 0);
        told[told_count++] =
            str_dupf("%s %s", json_get_str(event, "state", ""), json_get_str(event, "title", ""));
        (void)str_copy(last_count, sizeof last_count, json_get_str(event, "count", ""));
        keep_event(event);
        json_free(event);
        ids[count++] = x->u.notice.id;
    }
    for (size_t i = 0; i < count; i++) {
        struct command *c = command_new(CMD_NOTICED);
        c->u.id = ids[i];
        c->flag = true;
        assert_int_equal(world_do(w, c), 0);
    }
}

void live(struct world *w, int64_t ms)
{
    int64_t end_ms = w->now.mono_ms + ms;
    deliver(w);
    while (w->now.mono_ms < end_ms) {
        int64_t next_ms = engine_next_ms(w->engine), step = next_ms - w->now.mono_ms;
        if (step < 1) step = 1;
        if (step > end_ms - w->now.mono_ms) step = end_ms - w->now.mono_ms;
        world_pass(w, step);
        world_tick(w);
        deliver(w);
    }
}

void tells_these(struct world *w, int64_t ms, const char *const *expected)
{
    forget_told();
    live(w, ms);
    size_t i = 0;
    for (; expected[i]; i++) {
        if (i >= told_count) fail_msg("'%s' was not told", expected[i]);
        assert_string_equal(told[i], expected[i]);
    }
    if (told_count > i) fail_msg("'%s' was told", told[i]);
}

void last_says(const char *members)
{
    assert_non_null(last_event);
    assert_string_equal(last_event, members);
}

void tells_nothing(struct world *w, int64_t ms)
{
    tells_these(w, ms, (const char *const[]){NULL});
}

/* ---- a world with rules ---------------------------------------------------------------------- */

const char *ops[1] = {"ops"}, *both[2] = {"ops", "night"};
struct rule rules[4];

void with_rules(struct world *w, size_t count)
{
    static const char *const channels[] = {"ops", "night"};
    w->config.channels = channels;
    w->config.channel_count = 2;
    w->config.rules = rules;
    w->config.rule_count = count;
    world_restart(w);
}

void with_rule(struct world *w, enum rule_event event, int64_t limit, const char *group)
{
    rules[0] = (struct rule){.name = "r",
                             .event = event,
                             .limit = limit,
                             .group = group,
                             .channels = ops,
                             .channel_count = 1};
    with_rules(w, 1);
}

int alarm_teardown(void **state)
{
    forget_told();
    mem_free(last_event);
    last_event = NULL;
    return world_teardown(state);
}

void goes(struct world *w, uint64_t session)
{
    assert_int_equal(world_do(w, cmd_gone(session)), 0);
}
