/* The checker of histories: good ones pass, and each rule has some that break it. */
#include "base/mem.h"
#include "tests/support/history_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct history *read_all(const char *text)
{
    struct history *h = history_new();
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        char *line = mem_strndup(p, len);
        history_line(h, line);
        mem_free(line);
        p += len + (p[len] == '\n');
    }
    history_end(h);
    return h;
}

static void good(const char *text)
{
    struct history *h = read_all(text);
    if (history_fault_count(h) > 0) fail_msg("%s", history_fault(h, 0));
    history_free(h);
}

/* One fault, of this rule in this line. */
static void breaks(const char *place_and_rule, const char *text)
{
    struct history *h = read_all(text);
    assert_int_equal(history_fault_count(h), 1);
    if (strncmp(history_fault(h, 0), place_and_rule, strlen(place_and_rule)) != 0)
        fail_msg("wanted '%s', got '%s'", place_and_rule, history_fault(h, 0));
    history_free(h);
}

/* A job that was acknowledged and runs, and one that may be tried again. */
#define ASKED "asked a\nacknowledged a 1\n"
#define RUNS ASKED "start a 1 1 x\n"
#define ENDED RUNS "wrote a 1 one\nwrote a 1 two\nend a 1 0\n"
#define RETRIES "asked a retry=2\nacknowledged a 1\nstart a 1 1 x\n"

static void a_job_that_runs_and_ends_is_good(void **state)
{
    (void)state;
    good("");
    good("# a comment\n\n  \nlast\n");
    good(ENDED "seen a 1 SUCCESS 1 exit=0\nread a 1 one two\nlast\n");
    good(ASKED "seen a 1 CREATED 1\nseen a 1 SUBMITTED 1\nstart a 1 1 x\nwrote a 1 one\n"
               "seen a 1 RUNNING 1\nread a 1\nread a 1 one\nend a 1 3\n"
               "seen a 1 FAILED 1 exit=3 reason=exit-code\nseen a 1 FAILED 1 exit=3\nlast\n");
}

static void what_was_not_answered_may_be_or_not_be(void **state)
{
    (void)state;
    good("asked a\nlast\n");
    good("asked a\nmissing a\nlast\n");
    good("asked a\nstart a 1 1 x\nend a 1 0\nseen a 1 SUCCESS 1\nlast\n");
    good("asked a\nrefused a\nmissing a\nlast\n");
    good("asked a\nrefused a\nasked a\nacknowledged a 1\nseen a 1 CREATED 1\n");
    good("asked a\nacknowledged a 1\nacknowledged a 1\n");
}

static void attempts_that_are_lost_are_good(void **state)
{
    (void)state;
    good(RUNS "seen a 1 RUNNING 1\nseen a 1 FAILED 1 reason=lost\nlast\n");
    good(RETRIES "wrote a 1 one\nseen a 1 RETRYING 2\nseen a 1 CREATED 2\nstart a 1 2 y\n"
                 "end a 2 0\nseen a 1 SUCCESS 2\nread a 1 one\nlast\n");
    good(RETRIES "start a 1 3 y\nend a 3 0\nseen a 1 SUCCESS 3\nlast\n");
    good(ASKED "seen a 1 SUBMITTED 1\nseen a 1 CREATED 1\nseen a 1 SUBMITTED 1\n");
    /* Ended, told so, and the end did not arrive in time. */
    good(RUNS "end a 1 0\nseen a 1 FAILED 1 reason=lost\nlast\n");
}

static void unknown_words_are_told(void **state)
{
    (void)state;
    breaks("1: syntax", "begun a\n");
    breaks("1: syntax", "asked\n");
    breaks("3: syntax", ASKED "start a 1 first x\n");
    breaks("3: syntax", ASKED "start a 1 0 x\n");
    breaks("3: syntax", ASKED "start a 1 64 x\n");
    breaks("3: syntax", ASKED "seen a 1 SLEEPING 1\n");
    breaks("1: unknown", "acknowledged a 1\n");
    breaks("1: unknown", "start a 1 1 x\n");
    breaks("3: unknown", ASKED "wrote a 1 one\n");
}

static void what_was_refused_is_not_there(void **state)
{
    (void)state;
    breaks("3: refused", "asked a\nrefused a\nstart a 1 1 x\n");
    breaks("3: refused", "asked a\nrefused a\nseen a 1 CREATED 1\n");
    breaks("3: refused", "asked a\nstart a 1 1 x\nrefused a\n");
}

static void a_submit_makes_one_job(void **state)
{
    (void)state;
    breaks("3: one-id", ASKED "acknowledged a 2\n");
    breaks("3: one-id", ASKED "seen a 2 CREATED 1\n");
    breaks("3: one-id", ASKED "start a 2 1 x\n");
    breaks("4: one-id", ASKED "asked b\nacknowledged b 1\n");
}

static void what_was_acknowledged_is_there(void **state)
{
    (void)state;
    breaks("3: gone", ASKED "missing a\n");
    breaks("3: gone", "asked a\nseen a 1 CREATED 1\nmissing a\n");
    good(ASKED "lost-commits\nmissing a\nlast\n");
    good(ENDED "seen a 1 SUCCESS 1\nlost-commits\nseen a 1 RUNNING 1\nseen a 1 SUCCESS 1\nlast\n");
    breaks("4: gone", "lost-commits\n" ASKED "missing a\n");
    breaks("3: open", ASKED "last\n");
    breaks("4: open", RUNS "last\n");
    breaks("5: open", RUNS "seen a 1 RUNNING 1\nlast\n");
}

static void what_the_database_forgot_may_be_again(void **state)
{
    (void)state;
    good(ENDED "lost-commits\nseen a 1 CREATED 1\nstart a 1 1 x\nwrote a 1 one\nend a 1 0\n"
               "seen a 1 SUCCESS 1\nread a 1 two one\nlast\n");
    good(ENDED "lost-commits\nseen a 1 SUCCESS 1\nread a 1 two\nlast\n");
    breaks("5: twice", RETRIES "lost-commits\nstart a 1 1 x\n");
    breaks("7: twice", RETRIES "end a 1 0\nlost-commits\nstart a 1 1 x\nstart a 1 1 x\n");
    breaks("8: twice", ENDED "lost-commits\nwrote a 1 one\n");
    breaks("8: retry", ENDED "lost-commits\nstart a 1 2 x\n");
    breaks("8: output", ENDED "lost-commits\nread a 1 two one\n");
    breaks("8: output", ENDED "lost-commits\nread a 1 three\n");
    breaks("5: output", RUNS "wrote a 1 one\nread a 1 one one\n");
}

static void states_come_in_order(void **state)
{
    (void)state;
    breaks("5: order", RUNS "seen a 1 RUNNING 1\nseen a 1 CREATED 1\n");
    breaks("5: order", RUNS "seen a 1 RUNNING 1\nseen a 1 SUBMITTED 1\n");
    breaks("5: order", RUNS "seen a 1 KILLING 1\nseen a 1 RUNNING 1\n");
    breaks("5: order", RETRIES "seen a 1 RETRYING 2\nseen a 1 RUNNING 1\n");
    breaks("5: order", RETRIES "seen a 1 RUNNING 2\nseen a 1 RETRYING 2\n");
}

static void an_end_is_the_end(void **state)
{
    (void)state;
    breaks("8: final", ENDED "seen a 1 SUCCESS 1\nseen a 1 FAILED 1\n");
    breaks("8: final", ENDED "seen a 1 SUCCESS 1\nseen a 1 RUNNING 1\n");
    breaks("5: final", RUNS "seen a 1 FAILED 1 reason=lost\nwrote a 1 one\n");
    breaks("5: final", RUNS "seen a 1 FAILED 1 reason=lost\nend a 1 0\n");
    breaks("4: final", ASKED "seen a 1 CANCELLED 1\nstart a 1 1 x\n");
}

static void nothing_runs_twice(void **state)
{
    (void)state;
    breaks("4: twice", RETRIES "start a 1 1 y\n");
    breaks("5: twice", RETRIES "start a 1 3 y\nstart a 1 2 x\n");
    breaks("7: twice", ENDED "wrote a 1 three\n");
    breaks("4: overlap", RETRIES "start a 1 2 y met\n");
    breaks("5: overlap", RETRIES "start a 1 2 y\nwrote a 1 one\n");
    breaks("5: overlap", RETRIES "start a 1 2 y\nend a 1 0\n");
}

static void attempts_are_counted(void **state)
{
    (void)state;
    breaks("4: retry", RUNS "start a 1 2 y\n");
    breaks("6: retry", RETRIES "start a 1 2 y\nstart a 1 3 x\nstart a 1 4 y\n");
    breaks("4: retry", RUNS "seen a 1 CREATED 2\n");
}

static void the_end_that_is_told_is_the_one_that_was(void **state)
{
    (void)state;
    breaks("4: code", RUNS "seen a 1 SUCCESS 1\n");
    breaks("5: code", RUNS "end a 1 3\nseen a 1 SUCCESS 1\n");
    breaks("5: code", RUNS "end a 1 3\nseen a 1 FAILED 1 exit=4 reason=exit-code\n");
    breaks("4: code", RUNS "seen a 1 FAILED 1 exit=3 reason=exit-code\n");
    breaks("5: code", RUNS "end a 1 0\nseen a 1 FAILED 1 exit=0 reason=exit-code\n");
    /* The end is of another attempt. */
    breaks("6: code", RETRIES "end a 1 0\nstart a 1 2 y\nseen a 1 SUCCESS 2\n");
}

static void output_is_a_prefix(void **state)
{
    (void)state;
    good(ENDED "read a 1 one\nread a 1\nread a 1 one two\n");
    breaks("7: output", ENDED "read a 1 two\n");
    breaks("7: output", ENDED "read a 1 one one two\n");
    breaks("7: output", ENDED "read a 1 one two three\n");
    breaks("4: output", RUNS "read a 1 one\n");
    breaks("8: output", ENDED "seen a 1 SUCCESS 1\nread a 1 one\n");
    breaks("8: output", ENDED "seen a 1 SUCCESS 1\nread a 1\n");
}

static void a_cancel_is_kept(void **state)
{
    (void)state;
    good(ASKED "cancel a\ncancelled a\nseen a 1 CANCELLED 1\nlast\n");
    good(ASKED "cancel a\ncancelled a\nstart a 1 1 x\nseen a 1 KILLED 1\nlast\n");
    good(ENDED "cancel a\ncancelled a\nseen a 1 SUCCESS 1\nlast\n");
    breaks("7: cancel", "asked a retry=2\nacknowledged a 1\ncancel a\ncancelled a\n"
                        "start a 1 1 x\nseen a 1 KILLING 1\nstart a 1 2 y\n");
    breaks("1: unknown", "cancel a\n");
}

#define TWO ASKED "asked b\nacknowledged b 2\n"
static void turns_are_kept(void **state)
{
    (void)state;
    good("serial default\n" TWO "start a 1 1 x\nstart b 2 1 x\n");
    good(TWO "start b 2 1 x\nstart a 1 1 x\n");
    good("serial other\n" TWO "start b 2 1 x\nstart a 1 1 x\n");
    breaks("7: turn", "serial default\n" TWO "start b 2 1 x\nstart a 1 1 x\n");
    breaks("7: turn", TWO "serial default\nstart b 2 1 x\nstart a 1 1 x\n");
    /* Asked for at once: either may be first. */
    good("serial default\nasked a\nasked b\nacknowledged a 1\nacknowledged b 2\nstart b 2 1 x\n"
         "start a 1 1 x\n");
    good("serial default\n" ASKED "asked b priority=1\nacknowledged b 2\nstart b 2 1 x\n"
         "start a 1 1 x\n");
    good("serial default\n" ASKED "asked b group=g\nacknowledged b 2\nstart b 2 1 x\n"
         "start a 1 1 x\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_that_runs_and_ends_is_good),
        cmocka_unit_test(what_was_not_answered_may_be_or_not_be),
        cmocka_unit_test(attempts_that_are_lost_are_good),
        cmocka_unit_test(unknown_words_are_told),
        cmocka_unit_test(what_was_refused_is_not_there),
        cmocka_unit_test(a_submit_makes_one_job),
        cmocka_unit_test(what_was_acknowledged_is_there),
        cmocka_unit_test(what_the_database_forgot_may_be_again),
        cmocka_unit_test(states_come_in_order),
        cmocka_unit_test(an_end_is_the_end),
        cmocka_unit_test(nothing_runs_twice),
        cmocka_unit_test(attempts_are_counted),
        cmocka_unit_test(the_end_that_is_told_is_the_one_that_was),
        cmocka_unit_test(output_is_a_prefix),
        cmocka_unit_test(a_cancel_is_kept),
        cmocka_unit_test(turns_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
