/* What happened to agents, in the store: counted, bounded, deleted. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_agent_event.h"

#include <stdio.h>
#include <string.h>

#define MINUTE INT64_C(60000)
#define DAY (24 * 60 * MINUTE)

static void add(struct fixture *f, int64_t agent, enum agent_event_kind kind, int64_t at_ms,
                const char *text)
{
    bool again = kind == AGENT_CONNECTED || kind == AGENT_DISCONNECTED;
    struct agent_event_row v = {.agent = agent,
                                .kind = kind,
                                .last_ms = at_ms,
                                .by = kind == AGENT_DRAINED ? "ann" : NULL,
                                .text = (char *)(uintptr_t)text};
    OK(store_agent_event_add(f->store, &v, again, &e));
}

struct seen {
    char text[4000];
    size_t count;
    int64_t last_number;
};

static int note(const struct agent_event_row *v, void *user)
{
    struct seen *s = user;
    size_t len = strlen(s->text);
    assert_true(s->count == 0 || v->number < s->last_number);
    s->last_number = v->number;
    if (s->count++ < 20)
        snprintf(s->text + len, sizeof s->text - len, "%s x%d %d-%d%s%s%s%s\n",
                 agent_event_names[v->kind], (int)v->times, (int)((v->first_ms - T0) / 1000),
                 (int)((v->last_ms - T0) / 1000), v->by ? " by " : "", v->by ? v->by : "",
                 v->text ? ": " : "", v->text ? v->text : "");
    return 0;
}

static struct seen page(struct fixture *f, int64_t agent, int64_t before, size_t limit, bool *more)
{
    struct agent_event_filter filter = {.agent = agent, .before = before, .limit = limit};
    struct reader *r;
    struct seen s = {0};
    r = open_reader(f);
    OK(reader_agent_events(r, &filter, note, &s, more, &e));
    reader_close(r);
    return s;
}

static void history_is(struct fixture *f, int64_t agent, const char *expected)
{
    bool more;
    struct seen s = page(f, agent, 0, 500, &more);
    assert_false(more);
    if (!str_eq(s.text, expected)) fail_msg("is:\n%sshould be:\n%s", s.text, expected);
}

static void events__come_newest_first_in_pages(void **state)
{
    struct fixture *f = *state;
    bool more;
    begin(f);
    add(f, 5, AGENT_ENROLLED, T0, "with a token");
    add(f, 5, AGENT_DRAINED, T0 + 1000, "disk");
    add(f, 6, AGENT_ENROLLED, T0 + 2000, NULL);
    add(f, 5, AGENT_RESUMED, T0 + 3000, NULL);
    commit(f);
    history_is(f, 5,
               "resumed x1 3-3\ndrained x1 1-1 by ann: disk\nenrolled x1 0-0: with a token\n");
    history_is(f, 6, "enrolled x1 2-2\n");
    history_is(f, 7, "");
    struct seen s = page(f, 5, 0, 2, &more);
    assert_true(more);
    assert_int_equal(s.count, 2);
    s = page(f, 5, s.last_number, 2, &more);
    assert_false(more);
    assert_string_equal(s.text, "enrolled x1 0-0: with a token\n");
    s = page(f, 5, 1, 2, &more);
    assert_int_equal(s.count, 0);
}

static void what_happens_again_soon__is_counted_and_moves_to_the_end(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add(f, 5, AGENT_CONNECTED, T0, "one");
    add(f, 5, AGENT_DISCONNECTED, T0 + 10000, "cut");
    add(f, 5, AGENT_CONNECTED, T0 + 20000, "two");
    add(f, 6, AGENT_CONNECTED, T0 + 20000, "another agent");
    commit(f);
    history_is(f, 5, "connected x2 0-20: two\ndisconnected x1 10-10: cut\n");
    history_is(f, 6, "connected x1 20-20: another agent\n");
    begin(f);
    add(f, 5, AGENT_CONNECTED, T0 + 20000 + AGENT_EVENT_AGAIN_MS - 1, "in time");
    commit(f);
    history_is(f, 5, "connected x3 0-139: in time\ndisconnected x1 10-10: cut\n");
    begin(f);
    add(f, 5, AGENT_CONNECTED, T0 + 20000 + 2 * AGENT_EVENT_AGAIN_MS - 1, "too late");
    commit(f);
    history_is(f, 5,
               "connected x1 259-259: too late\nconnected x3 0-139: in time\n"
               "disconnected x1 10-10: cut\n");
}

static void what_people_do__is_never_counted(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add(f, 5, AGENT_DRAINED, T0, "a");
    add(f, 5, AGENT_DRAINED, T0 + 1000, "b");
    commit(f);
    history_is(f, 5, "drained x1 1-1 by ann: b\ndrained x1 0-0 by ann: a\n");
}

static void event_that_began_long_ago__counts_no_more(void **state)
{
    struct fixture *f = *state;
    begin(f);
    for (int64_t ms = 0; ms < AGENT_EVENT_SPAN_MS + MINUTE; ms += MINUTE)
        add(f, 5, AGENT_CONNECTED, T0 + ms, NULL);
    commit(f);
    history_is(f, 5, "connected x1 3600-3600\nconnected x60 0-3540\n");
}

static void clock_that_was_set_back__counts_on(void **state)
{
    struct fixture *f = *state;
    begin(f);
    add(f, 5, AGENT_CONNECTED, T0, "before");
    add(f, 5, AGENT_CONNECTED, T0 - DAY, "after");
    commit(f);
    history_is(f, 5, "connected x2 0-0: after\n");
}

/* Also when rows move, and leave numbers that nobody has. */
static void history__has_an_end(void **state)
{
    struct fixture *f = *state;
    bool more;
    size_t most = 0;
    for (int i = 0; i < 1000; i++) {
        int64_t at = T0 + i * 3 * MINUTE;
        begin(f);
        add(f, 5, AGENT_DRAINED, at, "x");
        if (i % 7 == 0) add(f, 5, AGENT_CONNECTED, at, NULL);
        if (i % 7 == 0) add(f, 5, AGENT_DISCONNECTED, at, NULL);
        if (i % 7 == 0) add(f, 5, AGENT_CONNECTED, at + 1000, NULL);
        add(f, 6, AGENT_CONNECTED, T0 + i, NULL);
        commit(f);
        if (i % 10) continue;
        struct seen s = page(f, 5, 0, 500, &more);
        if (s.count > most) most = s.count;
    }
    assert_in_range(most, AGENT_EVENTS_MOST - 15, AGENT_EVENTS_MOST);
    assert_int_equal(page(f, 6, 0, 500, &more).count, 1);
    struct seen s = page(f, 5, 0, 1, &more);
    assert_string_equal(s.text, "drained x1 179820-179820 by ann: x\n"); /* the newest stays */
}

static void old_events__go_a_bounded_number_at_a_time(void **state)
{
    struct fixture *f = *state;
    bool more;
    begin(f);
    for (int i = 0; i < 10; i++) {
        add(f, 5, AGENT_DRAINED, T0 + i * 1000, NULL);
        add(f, 6, AGENT_DRAINED, T0 + i * 1000, NULL);
    }
    commit(f);
    begin(f);
    OK(store_agent_events_purge(f->store, T0, 10, &more, &e));
    assert_false(more);
    assert_false(store_dirty(f->store)); /* nothing was old: no commit for nothing */
    OK(store_agent_events_purge(f->store, T0 + 8000, 10, &more, &e));
    assert_true(more);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM agent_events"), 20);
    OK(store_agent_events_purge(f->store, T0 + 8000, 10, &more, &e));
    assert_false(more);
    commit(f);
    history_is(f, 5, "drained x1 9-9 by ann\ndrained x1 8-8 by ann\n");
    history_is(f, 6, "drained x1 9-9 by ann\ndrained x1 8-8 by ann\n");
}

static void agent__that_is_forgotten__takes_its_events_along(void **state)
{
    struct fixture *f = *state;
    struct agent_row a = {.id = 5, .name = "a", .removed_ms = T0}, b = {.id = 6, .name = "b"};
    bool more;
    begin(f);
    OK(store_agent_insert(f->store, &a, &e));
    OK(store_agent_insert(f->store, &b, &e));
    add(f, 5, AGENT_REMOVED, T0, "sold");
    add(f, 6, AGENT_ENROLLED, T0, NULL);
    OK(store_purge_setup(f->store, T0, 100, NULL, &more, &e));
    commit(f);
    history_is(f, 5, "removed x1 0-0: sold\n"); /* not yet */
    begin(f);
    OK(store_purge_setup(f->store, T0 + 1, 100, NULL, &more, &e));
    commit(f);
    history_is(f, 5, "");
    history_is(f, 6, "enrolled x1 0-0\n");
}

static void event__outside_a_transaction__is_refused(void **state)
{
    struct fixture *f = *state;
    struct agent_event_row v = {.agent = 5, .kind = AGENT_ENROLLED, .last_ms = T0};
    FAILS(ERR_INTERNAL, store_agent_event_add(f->store, &v, false, &e));
    history_is(f, 5, "");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(events__come_newest_first_in_pages),
        CASE(what_happens_again_soon__is_counted_and_moves_to_the_end),
        CASE(what_people_do__is_never_counted),
        CASE(event_that_began_long_ago__counts_no_more),
        CASE(clock_that_was_set_back__counts_on),
        CASE(history__has_an_end),
        CASE(old_events__go_a_bounded_number_at_a_time),
        CASE(agent__that_is_forgotten__takes_its_events_along),
        CASE(event__outside_a_transaction__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
