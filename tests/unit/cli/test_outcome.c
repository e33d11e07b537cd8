/* What `notify list` says became of a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/resource.h"
#include "platform/os.h"

#include <string.h>

/* 2026-01-31T08:00:00Z */
#define NOW_MS INT64_C(1769846400000)

void __wrap_os_now(struct moment *now);
void __wrap_os_now(struct moment *now)
{
    *now = (struct moment){.wall_ms = NOW_MS};
}

static void outcome_is_told_by_state_and_time(void **state)
{
    static const struct {
        const char *notice, *outcome;
    } cases[] = {
        {"\"state\":\"OPEN\",\"dueAt\":\"2026-01-31T08:00:00Z\"", "on its way"},
        {"\"state\":\"OPEN\",\"dueAt\":\"2026-01-31T08:03:20Z\"", "due in 3m"},
        {"\"state\":\"OPEN\",\"dueAt\":\"2026-01-31T08:00:00.001Z\"", "due in 1s"},
        {"\"state\":\"OPEN\",\"deliveredAt\":\"2026-01-31T07:00:00Z\",\"dueAt\":null", "delivered"},
        {"\"state\":\"OPEN\",\"deliveredAt\":\"2026-01-31T07:50:00Z\","
         "\"dueAt\":\"2026-01-31T08:05:00Z\"",
         "delivered, next in 5m"},
        {"\"state\":\"OVER\",\"deliveredAt\":\"2026-01-31T07:50:00Z\","
         "\"dueAt\":\"2026-01-31T07:59:00Z\"",
         "on its way"},
        {"\"state\":\"DONE\",\"deliveredAt\":\"2026-01-31T07:50:00Z\"", "delivered"},
        {"\"state\":\"DONE\",\"messages\":0", "not sent"},
        {"\"state\":\"OPEN\",\"reason\":\"no\",\"dueAt\":\"2026-01-31T08:15:00Z\"",
         "failed: no; next try in 15m"},
        {"\"state\":\"OPEN\",\"reason\":\"no\",\"dueAt\":\"2026-01-31T07:59:59Z\"",
         "failed: no; on its way again"},
        {"\"state\":\"OPEN\",\"reason\":\"no\",\"dueAt\":null", "given up: no"},
        {"\"state\":\"DONE\",\"reason\":\"no\"", "given up: no"},
    };
    const struct column *c = resource_notice.columns;
    (void)state;
    while (!str_eq(c->head, "OUTCOME"))
        c++;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json *notice;
        char *text = str_dupf("{%s}", cases[i].notice);
        assert_int_equal(json_parse(text, strlen(text), &notice, NULL), 0);
        char *outcome = c->make(notice);
        assert_string_equal(outcome, cases[i].outcome);
        mem_free(outcome);
        mem_free(text);
        json_free(notice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(outcome_is_told_by_state_and_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
