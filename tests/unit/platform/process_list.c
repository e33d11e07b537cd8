/* Processes as people are told of them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "platform/process_list.h"

#include <string.h>

static void is(const struct process_list *l, bool with_user, const char *expected)
{
    char text[PROCESS_LIST_TEXT_SIZE];
    assert_string_equal(process_list_format(l, with_user, text), expected);
}

static void add(struct process_list *l, int64_t pid, const char *name)
{
    process_list_add(l, (struct process_id){pid, 7}, name, "root");
}

static void a_list__names_four_and_counts_the_others(void **state)
{
    static const char *const expected[] = {
        "",
        "p (1)",
        "p (1) and p (2)",
        "p (1), p (2) and p (3)",
        "p (1), p (2), p (3) and p (4)",
        "p (1), p (2), p (3), p (4) and 1 more",
        "p (1), p (2), p (3), p (4) and 2 more",
    };
    struct process_list l = {0};
    (void)state;
    for (int i = 0; i < 7; i++) {
        is(&l, false, expected[i]);
        add(&l, i + 1, "p");
    }
}

static void a_user__stands_behind_the_number_when_it_is_known(void **state)
{
    struct process_list l = {0};
    (void)state;
    add(&l, 4711, "sleep");
    process_list_add(&l, (struct process_id){4712, 7}, "nginx", "");
    is(&l, true, "sleep (4711, root) and nginx (4712)");
    is(&l, false, "sleep (4711) and nginx (4712)");
}

static void a_process__counts_once_and_another_with_its_number_is_another(void **state)
{
    struct process_list l = {0};
    (void)state;
    for (int i = 0; i < 200; i++)
        add(&l, 1, "p");
    assert_int_equal(l.count, 1);
    process_list_add(&l, (struct process_id){1, 8}, "q", "");
    is(&l, false, "p (1) and q (1)");
    for (int i = 0; i < 200; i++)
        add(&l, 100 + i, "p");
    assert_int_equal(l.count, 202);
    assert_true(process_list_has(&l, (struct process_id){1, 8}));
    assert_false(process_list_has(&l, (struct process_id){1, 9}));
}

static void foreign_names__are_harmless_and_not_too_long(void **state)
{
    struct process_list l = {0};
    char longest[200];
    (void)state;
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    add(&l, 1, "a\x1b[31m\nb");
    add(&l, 2, "gr\xfcn");
    add(&l, 3, "gr\xc3\xbcn");
    add(&l, INT64_MAX, longest);
    longest[PROCESS_NAME_SIZE - 1] = '\0';
    char text[PROCESS_LIST_TEXT_SIZE];
    process_list_format(&l, true, text);
    assert_non_null(strstr(text, "a?[31m?b (1, root), gr?n (2, root), gr\xc3\xbcn (3, root)"));
    assert_non_null(strstr(text, longest));
    for (int i = 0; i < 100; i++)
        add(&l, 10 + i, "p");
    assert_non_null(strstr(process_list_format(&l, true, text), " and 100 more"));
}

static void the_longest_list__fits_its_text(void **state)
{
    struct process_list l = {0};
    char name[PROCESS_NAME_SIZE], text[PROCESS_LIST_TEXT_SIZE];
    (void)state;
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    for (int i = 0; i < 100; i++)
        process_list_add(&l, (struct process_id){INT64_MAX - i, 1}, name, name);
    assert_non_null(strstr(process_list_format(&l, true, text), " and 96 more"));
}

static void what_is_in_another_list__is_taken_out(void **state)
{
    struct process_list l = {0}, other = {0};
    (void)state;
    for (int i = 1; i <= 7; i++)
        add(&l, i, i % 2 ? "odd" : "even");
    process_list_subtract(&l, &other);
    is(&l, false, "odd (1), even (2), odd (3), even (4) and 3 more");
    add(&other, 1, "odd");
    add(&other, 3, "odd");
    process_list_add(&other, (struct process_id){2, 8}, "stranger", "");
    process_list_subtract(&l, &other);
    is(&l, false, "even (2), even (4) and 3 more");
    process_list_subtract(&l, &l);
    is(&l, false, "");
}

static void numbers__are_written_as_far_as_there_is_room(void **state)
{
    struct process_list l = {0};
    char text[24] = "id";
    (void)state;
    add(&l, 4711, "a");
    add(&l, 4712, "b");
    add(&l, 1234567, "c");
    process_list_write_ids(&l, text, sizeof text);
    assert_string_equal(text, "id 4711:7 4712:7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list__names_four_and_counts_the_others),
        cmocka_unit_test(a_user__stands_behind_the_number_when_it_is_known),
        cmocka_unit_test(a_process__counts_once_and_another_with_its_number_is_another),
        cmocka_unit_test(foreign_names__are_harmless_and_not_too_long),
        cmocka_unit_test(the_longest_list__fits_its_text),
        cmocka_unit_test(what_is_in_another_list__is_taken_out),
        cmocka_unit_test(numbers__are_written_as_far_as_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
