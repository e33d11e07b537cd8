/* agent/addresses.h: the addresses of the configuration, and the learnt ones. */
#include "agent/addresses.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct place {
    char *folder, *file;
    struct opt_list own;
    char *items[2];
    struct addresses a;
};

static int setup(void **state)
{
    struct place *p = mem_alloc(sizeof *p);
    char *temp = paths_temp(),
         *name = str_dupf("cadre-addresses-%llx", (unsigned long long)os_seed());
    p->folder = paths_join(temp, name);
    mem_free(temp);
    mem_free(name);
    assert_int_equal(dir_make(p->folder, FILE_SECRET, NULL), 0);
    p->file = paths_join(p->folder, "addresses.json");
    p->items[0] = mem_strdup("old:7433");
    p->own = (struct opt_list){.items = p->items, .count = 1};
    addresses_load(&p->a, &p->own, p->folder);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    dir_remove_tree(p->folder, NULL);
    mem_free(p->items[0]);
    mem_free(p->folder);
    mem_free(p->file);
    mem_free(p);
    return 0;
}

static bool learn(struct place *p, const char *json)
{
    bool changed;
    struct err e = {0};
    assert_int_equal(addresses_learn(&p->a, p->folder, json, &changed, &e), 0);
    return changed;
}

static void assert_all(const struct addresses *a, const char *expected)
{
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < addresses_count(a); i++)
        (void)buf_addf(&text, "%s%s", i ? " " : "", addresses_at(a, i));
    assert_string_equal(text.data, expected);
    buf_fini(&text);
}

static void learnt__come_behind_the_agents_own_and_outlive_it(void **state)
{
    struct place *p = *state;
    assert_all(&p->a, "old:7433");
    assert_true(learn(p, "[\"old:7433\", \"new:7433\", \"[2001:db8::1]:9\", \"new:7433\"]"));
    assert_all(&p->a, "old:7433 new:7433 [2001:db8::1]:9");
    struct addresses again;
    addresses_load(&again, &p->own, p->folder);
    assert_all(&again, "old:7433 new:7433 [2001:db8::1]:9");
}

static void list__replaces_the_one_before_and_is_written_only_when_it_differs(void **state)
{
    struct place *p = *state;
    assert_true(learn(p, "[\"a:1\"]"));
    assert_false(learn(p, "[\"a:1\"]"));
    assert_true(learn(p, "[\"b:1\"]"));
    assert_all(&p->a, "old:7433 b:1");
    assert_true(learn(p, "[]"));
    assert_all(&p->a, "old:7433");
}

static void own_address_without_a_port__is_not_learnt_with_one(void **state)
{
    struct place *p = *state;
    mem_free(p->items[0]);
    p->items[0] = mem_strdup("old");
    assert_true(learn(p, "[\"old:7433\", \"old:7434\", \"new\", \"new:7433\"]"));
    assert_all(&p->a, "old old:7434 new");
}

static void no_list__changes_nothing(void **state)
{
    struct place *p = *state;
    assert_true(learn(p, "[\"a:1\"]"));
    assert_false(learn(p, NULL)); /* an older coordinator, or one without `advertise` */
    assert_all(&p->a, "old:7433 a:1");
}

static void what_is_no_address__is_left_out(void **state)
{
    struct place *p = *state;
    assert_true(learn(p,
                      "[\"\", 7, null, {}, [\"x:1\"], \"http://x\", \"a b\", \"a:0\", \"a:65536\", "
                      "\"\\u001b[2J:1\", \"ok:1\"]"));
    assert_all(&p->a, "old:7433 ok:1");
    assert_true(learn(p, "{\"a\":\"b:1\"}"));
    assert_all(&p->a, "old:7433");
}

static void too_many__the_first_ones_count(void **state)
{
    struct place *p = *state;
    struct buf json;
    buf_init(&json, 4096);
    for (int i = 0; i < 40; i++)
        buf_addf(&json, "%s\"h%d:1\"", i ? "," : "[", i);
    buf_adds(&json, "]");
    assert_true(learn(p, json.data));
    assert_int_equal(addresses_count(&p->a), 1 + TOKEN_ADDRESSES);
    assert_string_equal(addresses_at(&p->a, TOKEN_ADDRESSES), "h7:1");
    buf_fini(&json);
}

static void damaged_file__counts_for_nothing_and_is_written_anew(void **state)
{
    struct place *p = *state;
    static const char *const texts[] = {
        "", "{", "[]", "null", "{\"addresses\":7}", "{\"addresses\":[7]}", "\xff\xfe"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(file_write_atomic(p->file, texts[i], strlen(texts[i]), FILE_PUBLIC, NULL),
                         0);
        addresses_load(&p->a, &p->own, p->folder);
        assert_all(&p->a, "old:7433");
    }
    assert_true(learn(p, "[\"a:1\"]"));
    addresses_load(&p->a, &p->own, p->folder);
    assert_all(&p->a, "old:7433 a:1");
}

/* ---- which is tried ---- */

static void assert_next(struct place *p, const char *expected)
{
    unsigned round;
    struct buf text;
    size_t words = 1;
    for (const char *s = expected; *s; s++)
        words += *s == ' ';
    buf_init(&text, 4096);
    for (size_t i = 0; i < words; i++)
        (void)buf_addf(&text, "%s%s", i ? " " : "", addresses_next(&p->a, &round));
    assert_string_equal(text.data, expected);
    buf_fini(&text);
}

static void good(struct place *p, const char *address)
{
    struct err e = {0};
    assert_int_equal(addresses_good(&p->a, p->folder, address, &e), 0);
}

static void each_is_tried_in_turn__the_last_good_one_first(void **state)
{
    struct place *p = *state;
    assert_true(learn(p, "[\"a:1\",\"b:1\"]"));
    assert_next(p, "old:7433 a:1 b:1 old:7433");
    good(p, "a:1");
    assert_next(p, "a:1 b:1 old:7433 a:1");
    addresses_load(&p->a, &p->own, p->folder); /* also after a restart */
    assert_next(p, "a:1 b:1 old:7433");
    good(p, "old:7433");
    addresses_load(&p->a, &p->own, p->folder);
    assert_next(p, "old:7433 a:1");
}

static void another_configuration__is_tried_first(void **state)
{
    struct place *p = *state;
    assert_true(learn(p, "[\"a:1\"]"));
    good(p, "a:1");
    good(p, "owner:1");
    mem_free(p->items[0]);
    p->items[0] = mem_strdup("new:7433");
    addresses_load(&p->a, &p->own, p->folder);
    assert_all(&p->a, "new:7433 a:1");
    assert_next(p, "new:7433 a:1");
}

static void owner_that_is_told__is_next(void **state)
{
    struct place *p = *state;
    assert_true(learn(p, "[\"a:1\"]"));
    assert_next(p, "old:7433");
    assert_true(addresses_told(&p->a, "[\"x:1\",\"nonsense:0\",\"y:1\"]", 1000));
    assert_next(p, "x:1 y:1 a:1");
    assert_false(addresses_told(&p->a, "[\"x:1\",\"y:1\"]", 2999)); /* it was tried */
    assert_next(p, "old:7433");
    assert_true(addresses_told(&p->a, "[\"x:1\",\"y:1\"]", 3000));
    assert_next(p, "x:1");
    assert_true(addresses_told(&p->a, "[\"z:1\"]", 3001)); /* another one */
    assert_next(p, "z:1 a:1");
    assert_false(addresses_told(&p->a, NULL, 3002)); /* none */
    assert_next(p, "old:7433");
    assert_false(addresses_told(&p->a, "{", 9000));
    assert_next(p, "a:1");
}

static void owner_that_welcomed__is_kept(void **state)
{
    struct place *p = *state;
    assert_true(addresses_told(&p->a, "[\"x:1\"]", 1000));
    good(p, "x:1");
    assert_all(&p->a, "old:7433 x:1");
    good(p, "y:1");
    assert_all(&p->a, "old:7433 y:1 x:1");
    addresses_load(&p->a, &p->own, p->folder);
    assert_all(&p->a, "old:7433 y:1 x:1");
    assert_next(p, "y:1 x:1 old:7433");
    assert_true(learn(p, "[\"x:1\",\"z:1\"]")); /* each once */
    assert_all(&p->a, "old:7433 x:1 z:1 y:1");
    for (int i = 0; i < 20; i++) {
        char name[16];
        (void)str_format(name, sizeof name, "h%d:1", i);
        good(p, name);
    }
    assert_int_equal(addresses_count(&p->a), 1 + 2 + TOKEN_ADDRESSES);
    assert_string_equal(addresses_at(&p->a, 3), "h19:1");
}

static void who_sends_away__is_not_asked_next(void **state)
{
    struct place *p = *state;
    assert_true(learn(p, "[\"a:1\"]"));
    good(p, "a:1");
    assert_false(addresses_told(&p->a, NULL, 1000)); /* said in a session */
    assert_next(p, "old:7433 a:1");
}

static void who_fell_silent__is_asked_last(void **state)
{
    struct place *p = *state;
    addresses_silent(&p->a); /* the only one */
    assert_next(p, "old:7433 old:7433");
    assert_true(learn(p, "[\"a:1\",\"b:1\"]"));
    good(p, "a:1");
    addresses_silent(&p->a);
    assert_next(p, "b:1 old:7433 a:1 b:1");
    addresses_silent(&p->a); /* it is one among others by now */
    assert_next(p, "old:7433");
}

static void agent_of_one_address__writes_no_file(void **state)
{
    struct place *p = *state;
    good(p, "old:7433");
    assert_false(file_exists(p->file));
}

static void folder_that_is_gone__is_told_and_the_list_counts_all_the_same(void **state)
{
    struct place *p = *state;
    struct err e = {0};
    bool changed;
    dir_remove_tree(p->folder, NULL);
    assert_int_not_equal(addresses_learn(&p->a, p->folder, "[\"a:1\"]", &changed, &e), 0);
    assert_non_null(strstr(e.msg, p->folder));
    assert_all(&p->a, "old:7433 a:1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(learnt__come_behind_the_agents_own_and_outlive_it),
        TEST(list__replaces_the_one_before_and_is_written_only_when_it_differs),
        TEST(own_address_without_a_port__is_not_learnt_with_one),
        TEST(no_list__changes_nothing),
        TEST(what_is_no_address__is_left_out),
        TEST(too_many__the_first_ones_count),
        TEST(damaged_file__counts_for_nothing_and_is_written_anew),
        TEST(each_is_tried_in_turn__the_last_good_one_first),
        TEST(another_configuration__is_tried_first),
        TEST(owner_that_is_told__is_next),
        TEST(owner_that_welcomed__is_kept),
        TEST(who_sends_away__is_not_asked_next),
        TEST(who_fell_silent__is_asked_last),
        TEST(agent_of_one_address__writes_no_file),
        TEST(folder_that_is_gone__is_told_and_the_list_counts_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
