/* Pages of lists: cursors that are taken and refused, and where a page is cut. */
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/reads/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool takes(enum list_kind kind, const char *cursor, struct list *l)
{
    list_init(l, kind);
    return list_set_cursor(l, cursor);
}

static void cursors__of_another_list__are_refused(void **state)
{
    static const struct {
        enum list_kind kind;
        const char *cursor;
    } wrong[] = {
        {LIST_JOBS, "x"},
        {LIST_JOBS, "0123456789ab"},
        {LIST_JOBS, "0123456789abcd"},
        {LIST_TOKENS, "a/b"},
        {LIST_FLOWS, "a"},
        {LIST_FLOWS, "a/b/c"},
        {LIST_TRIGGERS, "a/b"},
        {LIST_TRIGGERS, "a/b/c/d"},
        {LIST_ATTEMPTS, "0"},
        {LIST_ATTEMPTS, "-1"},
        {LIST_ATTEMPTS, "9223372036854775808"},
        {LIST_REVISIONS, "1x"},
        {LIST_REVISIONS, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct list l;
        if (takes(wrong[i].kind, wrong[i].cursor, &l))
            fail_msg("%s was taken by %s", wrong[i].cursor, l.traits->name);
        assert_int_equal(l.place, 0);
        assert_null(l.after[0]);
        list_fini(&l);
    }
}

static void cursors__are_taken_apart(void **state)
{
    struct list l;
    (void)state;
    assert_true(takes(LIST_JOBS, "0000000000001", &l));
    assert_int_equal(l.place, 1);
    list_fini(&l);
    assert_true(takes(LIST_ATTEMPTS, "17", &l));
    assert_int_equal(l.place, 17);
    list_fini(&l);
    assert_true(takes(LIST_TRIGGERS, "a.b/f/t", &l));
    assert_string_equal(l.after[0], "a.b");
    assert_string_equal(l.after[1], "f");
    assert_string_equal(l.after[2], "t");
    list_fini(&l);
    assert_true(takes(LIST_AGENTS, "rack 7/left", &l)); /* a name may hold a slash */
    assert_string_equal(l.after[0], "rack 7/left");
    assert_true(list_set_cursor(&l, "b"));
    assert_string_equal(l.after[0], "b");
    list_fini(&l);
}

/* Writes rows of so many bytes until the page has no room; returns how many there were. */
static int fill(struct list *l, struct json_answer *a, size_t bytes, int most)
{
    char *text = mem_alloc(bytes + 1);
    memset(text, 'x', bytes);
    json_answer_init(a);
    list_begin(l, a);
    int n = 0;
    while (n < most && list_row(l)) {
        jw_str(&a->w, "text", text);
        list_row_end(l, "row-%d", ++n);
    }
    mem_free(text);
    return n;
}

static struct json *closed(struct json_answer *a)
{
    struct json *j;
    struct err e = {0};
    assert_int_equal(json_answer_end(a, &e), 0);
    assert_int_equal(json_parse(a->b.data, a->b.len, &j, &e), 0);
    json_answer_fini(a);
    return j;
}

static void page__full_of_bytes__ends_with_a_cursor(void **state)
{
    struct list l;
    struct json_answer a;
    (void)state;
    list_init(&l, LIST_GROUPS);
    int n = fill(&l, &a, 1u << 20, 10);
    assert_int_equal(n, 3);
    assert_true(a.b.len <= LIST_BYTES + (1u << 20) + 1024);
    list_end(&l, false); /* the reader was stopped, not the list at its end */
    struct json *j = closed(&a);
    assert_int_equal(json_count(json_get(j, "groups")), 3);
    assert_string_equal(json_get_str(j, "nextCursor", ""), "row-3");
    json_free(j);
    list_fini(&l);
}

static void page__at_the_end__has_no_cursor(void **state)
{
    struct list l;
    struct json_answer a;
    (void)state;
    list_init(&l, LIST_GROUPS);
    assert_int_equal(fill(&l, &a, 10, 5), 5);
    list_end(&l, false);
    struct json *j = closed(&a);
    assert_int_equal(json_type(json_get(j, "nextCursor")), JSON_NULL);
    json_free(j);
    list_fini(&l);
    list_init(&l, LIST_ATTEMPTS);
    assert_int_equal(fill(&l, &a, 10, 0), 0);
    list_end(&l, false);
    j = closed(&a);
    assert_int_equal(json_count(json_get(j, "attempts")), 0);
    assert_false(json_get_bool(j, "more", true));
    json_free(j);
    list_fini(&l);
}

static void page__cut_short__goes_on_behind_its_last_row(void **state)
{
    struct list l;
    struct json_answer a;
    (void)state;
    /* the reader of jobs tells of the row that found no room: not that one is the cursor */
    list_init(&l, LIST_JOBS);
    (void)fill(&l, &a, LIST_BYTES + 1, 1);
    assert_false(list_row(&l));
    list_end_id(&l, 77);
    struct json *j = closed(&a);
    assert_string_equal(json_get_str(j, "nextCursor", ""), "row-1");
    json_free(j);
    list_fini(&l);
    /* and when it stopped looking, its place counts, though no row came of it */
    list_init(&l, LIST_JOBS);
    (void)fill(&l, &a, 1, 0);
    list_end_id(&l, 77);
    j = closed(&a);
    char id[ID_TEXT_SIZE];
    id_format(77, id);
    assert_string_equal(json_get_str(j, "nextCursor", ""), id);
    json_free(j);
    list_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors__of_another_list__are_refused),
        cmocka_unit_test(cursors__are_taken_apart),
        cmocka_unit_test(page__full_of_bytes__ends_with_a_cursor),
        cmocka_unit_test(page__at_the_end__has_no_cursor),
        cmocka_unit_test(page__cut_short__goes_on_behind_its_last_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
