/* coordinator/reads/what: a job in a few words. */
#include "coordinator/reads/what.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void is(const char *spec, const char *expected)
{
    struct job_row j = {0};
    char *text = what_text(&j, spec);
    if (!str_eq(text, expected))
        fail_msg("%s gives '%s', not '%s'", spec, text ? text : "(null)",
                 expected ? expected : "(null)");
    mem_free(text);
}

static void a_name_wins__then_the_task(void **state)
{
    struct job_row j = {.name = (char *)(uintptr_t) "n",
                        .flow = (char *)(uintptr_t) "f",
                        .task = (char *)(uintptr_t) "t"};
    (void)state;
    char *text = what_text(&j, "{\"command\":[\"x\"]}");
    assert_string_equal(text, "n");
    mem_free(text);
    j.name = NULL;
    text = what_text(&j, NULL);
    assert_string_equal(text, "f/t");
    mem_free(text);
}

static void a_command_is_its_words(void **state)
{
    (void)state;
    is("{\"command\":[\"echo\",\"hi there\",\"x\"],\"env\":{\"A\":\"b\"}}", "echo hi there x");
    is("{\"command\":[\"a\\\"b\",\"\\u00e9\\ud83d\\ude00\\u0007\"]}", "a\"b é😀 ");
    is("{\"command\":[\"sh\",\"-c\",\"a\\nb\"]}", "sh -c a b");
    is("{\"command\":[\"0123456789012345678901234567890123456789\",\"0123456789012345678é0\"]}",
       "0123456789012345678901234567890123456789 0123456789012345678…");
}

static void a_script_is_its_first_line_that_does_something(void **state)
{
    (void)state;
    is("{\"script\":\"#!/bin/sh\\n# all\\n\\nset -eu\\n  make it\\nrest\"}", "make it");
    is("{\"script\":\"@echo off\\r\\nrem hm\\r\\ndir\\r\\n\",\"shell\":\"cmd\"}", "dir");
    is("{\"script\":\"# only\\n# comments\"}", "# only");
    is("{\"script\":\"\\n\\n\"}", NULL);
}

static void what_is_cut_or_odd_is_no_harm(void **state)
{
    static const char whole[] =
        "{\"command\":[\"a\\u00e9b\",\"\\ud83d\\ude00\",\"c\\\\d\"],\"x\":1}";
    char part[sizeof whole];
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        struct job_row j = {0};
        memcpy(part, whole, len);
        part[len] = '\0';
        mem_free(what_text(&j, part));
    }
    is(NULL, NULL);
    is("", NULL);
    is("{}", NULL);
    is("{\"command\":[]}", NULL);
    is("{\"command\":[\"a\",{\"b\":1}]}", "a");
    is("{\"command\":[\"a\\", "a");
    is("{\"command\":[\"\\ud83dx\"]}", NULL);
    is("{\"script\":\"echo hi", "echo hi");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_wins__then_the_task),
        cmocka_unit_test(a_command_is_its_words),
        cmocka_unit_test(a_script_is_its_first_line_that_does_something),
        cmocka_unit_test(what_is_cut_or_odd_is_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
