/* Whom a flow tells of what: the list "notify". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#define TASK "tasks:\n  - {id: a, command: [ls]}\n"
#define FAILED (1u << FLOW_NOTIFY_FAILED)
#define MISSED (1u << FLOW_NOTIFY_MISSED)

static void channels_and_events__are_read(void **state)
{
    static const struct flow_notify wanted[] = {
        {(char *)(uintptr_t) "ops", FAILED | MISSED, 4},
        {(char *)(uintptr_t) "night", FAILED | MISSED, 5},
        {(char *)(uintptr_t) "mail", MISSED, 6},
        {(char *)(uintptr_t) "page", FAILED | MISSED, 7},
    };
    (void)state;
    struct flow *f =
        flow_text_parse(FLOW_HEAD "notify:\n"
                                  "  - ops\n"
                                  "  - channel: night\n"
                                  "  - {channel: mail, events: [MISSED]}\n"
                                  "  - {channel: page, events: [MISSED, FAILED]}\n" TASK);
    assert_int_equal(f->notify_count, 4);
    for (size_t i = 0; i < f->notify_count; i++) {
        assert_string_equal(f->notify[i].channel, wanted[i].channel);
        assert_int_equal(f->notify[i].events, wanted[i].events);
        assert_int_equal(f->notify[i].line, wanted[i].line);
    }
    flow_free(f);
    f = flow_text_parse(FLOW_HEAD "notify: []\n" TASK);
    assert_int_equal(f->notify_count, 0);
    flow_free(f);
}

static void what_is_no_channel_or_event__is_refused(void **state)
{
    static const char *const bad[][2] = {
        {"notify: ops", "3: notify: must be a list"},
        {"notify: [1]",
         "3: notify[0]: must be a channel, or a mapping such as {channel: ops, events: [FAILED]}"},
        {"notify: ['a b']", "3: notify[0]: 'a b' is no name of a channel"},
        {"notify: [ops, ops]", "3: notify[1]: the channel 'ops' is named twice"},
        {"notify: [ops, {channel: ops, events: [MISSED]}]",
         "3: notify[1]: the channel 'ops' is named twice"},
        {"notify: [{events: [FAILED]}]", "3: notify[0].channel: is missing"},
        {"notify: [{channel: ops, event: [FAILED]}]",
         "3: notify[0]: unknown key 'event', did you mean 'events'?"},
        {"notify: [{channel: ops, events: []}]",
         "3: notify[0].events: names no event: leave it out for all"},
        {"notify: [{channel: ops, events: FAILED}]", "3: notify[0].events: must be a list"},
        {"notify: [{channel: ops, events: [MISED]}]",
         "3: notify[0].events: 'MISED' is no event: there are FAILED and MISSED, did you mean "
         "'MISSED'?"},
        {"notify: [{channel: ops, events: [missed]}]",
         "3: notify[0].events: 'missed' is no event: there are FAILED and MISSED, did you mean "
         "'MISSED'?"},
        {"notify: [{channel: ops, events: [1]}]",
         "3: notify[0].events: '1' is no event: there are FAILED and MISSED"},
        {"notify: [{channel: ops, events: [FAILED, FAILED, MISSED]}]",
         "3: notify[0].events: has 3 items, at most 2 are allowed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = str_dupf("%s%s\n%s", FLOW_HEAD, bad[i][0], TASK);
        flow_text_refuses(text, bad[i][1]);
        mem_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_and_events__are_read),
        cmocka_unit_test(what_is_no_channel_or_event__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
