/* The memory killer's counts, as the kernel writes them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "platform/linux/oom.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t count_in(const char *text)
{
    char path[] = "oom-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    int64_t count = oom_count(path);
    unlink(path);
    return count;
}

static void the_count__stands_in_the_files_of_both_kinds(void **state)
{
    (void)state;
    assert_int_equal(count_in("low 0\nhigh 3\nmax 17\noom 2\noom_kill 5\noom_group_kill 1\n"), 5);
    assert_int_equal(count_in("nr_free_pages 1\noom_kill 0\ndrop_pagecache 9\n"), 0);
    assert_int_equal(count_in("oom_kill_disable 0\nunder_oom 0\noom_kill 12"), 12);
    assert_true(oom_count("/proc/vmstat") >= 0);
}

static void without_a_count__there_is_none(void **state)
{
    (void)state;
    assert_int_equal(oom_count("/nonexistent/memory.events"), -1);
    assert_int_equal(count_in(""), -1);
    assert_int_equal(count_in("low 0\nhigh 0\nmax 0\noom 4\noom_group_kill 3\n"), -1);
    assert_int_equal(count_in("xoom_kill 3\n"), -1);
    assert_int_equal(count_in("oom_kill\n"), -1);
    assert_int_equal(count_in("oom_kill many\n"), -1);
    assert_int_equal(count_in("oom_kill -2\n"), -1);
    assert_int_equal(count_in("oom_kill 99999999999999999999999\n"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_count__stands_in_the_files_of_both_kinds),
        cmocka_unit_test(without_a_count__there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
