/* What people are told about the end of an attempt. */
#include "agent/runner_end.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void told(const char *why, struct process_end process, const char *message,
                 const char *notes)
{
    struct runner_end end = {.why = why,
                             .lease_ms = 60000,
                             .timeout_ms = 1000,
                             .process = &process};
    char text[LIMIT_MESSAGE];
    assert_string_equal(runner_end_message(&end, text), message);
    assert_string_equal(runner_end_notes(&end, text), notes);
}

static const struct process_list *list(int count)
{
    static struct process_list l;
    memset(&l, 0, sizeof l);
    for (int i = 0; i < count; i++)
        process_list_add(&l, (struct process_id){100 + i, 1}, "sleep", "root");
    return &l;
}

static void an_end_as_expected__says_nothing(void **state)
{
    (void)state;
    told(NULL, (struct process_end){.exit_code = 0}, "", "");
    told(NULL, (struct process_end){.exit_code = 5}, "", "");
    told(NULL, (struct process_end){.exit_code = 137}, "", "");
    told(NULL, (struct process_end){.exit_code = 143, .signal = 15}, "ended by signal 15", "");
    told("drain", (struct process_end){.exit_code = 137, .signal = 9},
         "the agent was stopped and the drain time ran out", "");
    told("cancelled", (struct process_end){.exit_code = 137, .signal = 9}, "", "");
}

static void strays__are_named_though_the_job_succeeded(void **state)
{
    (void)state;
    told(NULL, (struct process_end){.strays = list(1)},
         "a process that the job left running was ended: sleep (100)",
         "a process that the job left running was ended: sleep (100)\n");
    told(NULL, (struct process_end){.strays = list(6), .held = true, .exit_code = 2},
         "processes that the job left running were ended: sleep (100), sleep (101), sleep (102), "
         "sleep (103) and 2 more; some of the output may be missing",
         "processes that the job left running were ended: sleep (100), sleep (101), sleep (102), "
         "sleep (103) and 2 more; some of the output may be missing\n");
    told(NULL, (struct process_end){.held = true},
         "another process held the output open after the end of the job; some of the output may be "
         "missing",
         "another process held the output open after the end of the job; some of the output may be "
         "missing\n");
}

static void the_memory_killer__is_named(void **state)
{
    (void)state;
    told(NULL, (struct process_end){.exit_code = 137, .signal = 9, .oom_kills = 1},
         "ended by signal 9 (killed for want of memory)",
         "the job was killed for want of memory\n");
    told(NULL, (struct process_end){.exit_code = 137, .signal = 9, .oom_hint = true},
         "ended by signal 9 (perhaps for want of memory)",
         "the job was perhaps killed for want of memory\n");
    told(NULL, (struct process_end){.exit_code = 137, .signal = 9}, "ended by signal 9", "");
}

static void a_child_that_the_memory_killer_ended__is_told_of(void **state)
{
    (void)state;
    told(NULL, (struct process_end){.exit_code = 0, .oom_kills = 1},
         "a process of the job was killed for want of memory",
         "a process of the job was killed for want of memory\n");
    told(NULL, (struct process_end){.exit_code = 3, .oom_kills = 2},
         "2 processes of the job were killed for want of memory",
         "2 processes of the job were killed for want of memory\n");
    told(NULL, (struct process_end){.exit_code = 137, .oom_hint = true},
         "a process of the job was perhaps killed for want of memory",
         "a process of the job was perhaps killed for want of memory\n");
    told(NULL, (struct process_end){.exit_code = 143, .signal = 15, .oom_kills = 1},
         "ended by signal 15; a process of the job was killed for want of memory",
         "a process of the job was killed for want of memory\n");
    told("timeout", (struct process_end){.exit_code = 137, .signal = 9, .oom_kills = 1},
         "the job ran longer than its timeout of 1s; a process of the job was killed for want of "
         "memory",
         "a process of the job was killed for want of memory\n");
}

static void all_of_it_at_once__fits(void **state)
{
    static struct process_list l;
    char name[PROCESS_NAME_SIZE];
    (void)state;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 60; i++)
        process_list_add(&l, (struct process_id){INT64_MAX - i, 1}, name, name);
    struct process_end p = {.expired = true, .oom_kills = 1000000, .strays = &l, .held = true};
    struct runner_end end = {.why = "lost", .lease_ms = 123456789, .process = &p};
    char text[LIMIT_MESSAGE];
    assert_non_null(strstr(runner_end_message(&end, text), "and 56 more; some of the output"));
    assert_non_null(strstr(text, "its guard ended the job; 1000000 processes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_end_as_expected__says_nothing),
        cmocka_unit_test(strays__are_named_though_the_job_succeeded),
        cmocka_unit_test(the_memory_killer__is_named),
        cmocka_unit_test(a_child_that_the_memory_killer_ended__is_told_of),
        cmocka_unit_test(all_of_it_at_once__fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
