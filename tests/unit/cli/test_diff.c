/* Unified diffs, as diff -u prints them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/diff.h"

#include <string.h>

static void gives(const char *from, const char *to, const char *wanted)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_int_equal(diff_unified(&(struct diff_text){"a", from}, &(struct diff_text){"b", to},
                                  &out),
                     0);
    assert_string_equal(out.len ? out.data : "", wanted);
    buf_fini(&out);
}

static void same_texts_give_nothing(void **state)
{
    (void)state;
    gives("", "", "");
    gives("x\ny\n", "x\ny\n", "");
}

static void changes_stand_in_their_context(void **state)
{
    (void)state;
    gives("1\n2\n3\n4\n5\n6\n7\n8\n", "1\n2\n3\n4\nX\n6\n7\n8\n",
          "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n");
    gives("", "x\n", "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
    gives("x\n", "", "--- a\n+++ b\n@@ -1 +0,0 @@\n-x\n");
    gives("a\nb\n", "b\n", "--- a\n+++ b\n@@ -1,2 +1 @@\n-a\n b\n");
    gives("x", "x\n", "--- a\n+++ b\n@@ -1 +1 @@\n-x\n\\ No newline at end of file\n+x\n");
}

/* Six lines between two changes are one hunk, seven are two. */
static void distant_changes_are_hunks_of_their_own(void **state)
{
    (void)state;
    gives("a\n1\n2\n3\n4\n5\n6\nb\n", "A\n1\n2\n3\n4\n5\n6\nB\n",
          "--- a\n+++ b\n@@ -1,8 +1,8 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n");
    gives(
        "a\n1\n2\n3\n4\n5\n6\n7\nb\n", "A\n1\n2\n3\n4\n5\n6\n7\nB\n",
        "--- a\n+++ b\n@@ -1,4 +1,4 @@\n-a\n+A\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+B\n");
}

static void moved_lines_are_found_in_what_is_common(void **state)
{
    (void)state;
    gives("a\nb\nc\nd\n", "b\nc\nx\nd\ne\n",
          "--- a\n+++ b\n@@ -1,4 +1,5 @@\n-a\n b\n c\n+x\n d\n+e\n");
}

/* Beyond measure the middle is replaced as a whole; its ends are found all the same. */
static void very_long_changes_are_replaced(void **state)
{
    (void)state;
    struct buf from, to, out;
    buf_init(&from, 1 << 20);
    buf_init(&to, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < 2102; i++) {
        (void)buf_addf(&from, "%d\n", i);
        (void)buf_addf(&to, i == 0 || i == 2101 ? "%d\n" : "x%d\n", i);
    }
    struct diff_text a = {"a", from.data}, b = {"b", to.data};
    assert_int_equal(diff_unified(&a, &b, &out), 0);
    assert_non_null(strstr(out.data, "@@ -1,2102 +1,2102 @@\n 0\n-1\n-2\n"));
    assert_non_null(strstr(out.data, "-2100\n+x1\n"));
    assert_non_null(strstr(out.data, "+x2100\n 2101\n"));
    buf_fini(&from);
    buf_fini(&to);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_texts_give_nothing),
        cmocka_unit_test(changes_stand_in_their_context),
        cmocka_unit_test(distant_changes_are_hunks_of_their_own),
        cmocka_unit_test(moved_lines_are_found_in_what_is_common),
        cmocka_unit_test(very_long_changes_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
