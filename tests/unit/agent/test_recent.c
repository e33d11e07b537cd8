/* agent/recent: what is remembered, and for how long. */
#include "agent/recent.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static char **list_of(const char *word)
{
    char **list = mem_array(2, sizeof *list);
    list[0] = mem_strdup(word);
    return list;
}

static struct launch found(const char *name, const char *path, const char *file)
{
    struct launch l = {.argv = list_of(name), .env = list_of(path), .base = list_of("HOME=/h")};
    l.program = mem_strdup(file);
    l.at_hand = file != NULL;
    return l;
}

static void remember(struct recent *r, int64_t now_ms, const char *name, const char *path)
{
    struct launch l = found(name, path, "/bin/it");
    recent_take(r, now_ms, &l);
    launch_fini(&l);
}

static bool knows(const struct recent *r, int64_t now_ms, const char *name, const char *path)
{
    struct launch l = found(name, path, NULL);
    bool known = recent_find(r, now_ms, &l);
    if (known) assert_string_equal(l.program, "/bin/it");
    launch_fini(&l);
    return known;
}

static void a_program__is_known_by_name_and_path_for_a_moment(void **state)
{
    (void)state;
    struct recent r = {0};
    assert_false(knows(&r, 0, "true", "PATH=/bin"));
    remember(&r, 100, "true", "PATH=/bin");
    assert_true(knows(&r, 100 + RECENT_MS - 1, "true", "PATH=/bin"));
    assert_false(knows(&r, 100 + RECENT_MS, "true", "PATH=/bin"));
    assert_false(knows(&r, 100, "true", "PATH=/usr/bin"));
    assert_false(knows(&r, 100, "true", "HOME=/"));
    assert_false(knows(&r, 100, "tru", "PATH=/bin"));
    remember(&r, 5000, "true", "PATH=/bin");
    assert_true(knows(&r, 5001, "true", "PATH=/bin"));
    recent_fini(&r);
}

static void what_is_not_at_hand__is_not_remembered(void **state)
{
    (void)state;
    struct recent r = {0};
    struct launch l = found("true", "PATH=/net/bin", "/net/bin/true");
    l.at_hand = false;
    recent_take(&r, 100, &l);
    launch_fini(&l);
    assert_false(knows(&r, 100, "true", "PATH=/net/bin"));
    assert_non_null(recent_base(&r, 100));
    recent_fini(&r);
}

static void the_environment__is_known_for_a_moment(void **state)
{
    (void)state;
    struct recent r = {0};
    assert_null(recent_base(&r, 0));
    remember(&r, 100, "true", "PATH=/bin");
    assert_string_equal(recent_base(&r, 100 + RECENT_MS - 1)[0], "HOME=/h");
    assert_null(recent_base(&r, 100 + RECENT_MS));
    recent_fini(&r);
}

static void the_oldest_programs__are_forgotten(void **state)
{
    (void)state;
    struct recent r = {0};
    char name[16];
    for (int i = 0; i <= RECENT_PROGRAMS; i++) {
        snprintf(name, sizeof name, "p%d", i);
        remember(&r, 0, name, "PATH=/bin");
        remember(&r, 0, name, "PATH=/bin"); /* takes no second place */
    }
    assert_false(knows(&r, 0, "p0", "PATH=/bin"));
    for (int i = 1; i <= RECENT_PROGRAMS; i++) {
        snprintf(name, sizeof name, "p%d", i);
        assert_true(knows(&r, 0, name, "PATH=/bin"));
    }
    recent_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program__is_known_by_name_and_path_for_a_moment),
        cmocka_unit_test(what_is_not_at_hand__is_not_remembered),
        cmocka_unit_test(the_environment__is_known_for_a_moment),
        cmocka_unit_test(the_oldest_programs__are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
