/* agent/config: the careful edit of agent.yaml, and loading. */
#include "agent/config.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *map_value(const struct opt_map *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (str_eq(m->items[i].key, key)) return m->items[i].value;
    return NULL;
}

static void expect_edit(const char *before, const struct config_edit *edits, size_t count,
                        const char *after)
{
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(config_text_edit("a.yaml", before, edits, count, &out, NULL), 0);
    assert_string_equal(out.data, after);
    buf_fini(&out);
}

static const char *const address[] = {"q.example.com:7433"};
static const char *const addresses[] = {"a:1", "b:2"};
static const char *const group[] = {"win\"dows"};

static void a_missing_key_is_appended(void **state)
{
    (void)state;
    const struct config_edit e = {.key = "coordinator", .values = address, .count = 1};
    expect_edit("", &e, 1, "coordinator: \"q.example.com:7433\"\n");
    expect_edit("slots: 4", &e, 1, "slots: 4\ncoordinator: \"q.example.com:7433\"\n");
}

static void a_present_key_is_replaced_and_comments_stay(void **state)
{
    (void)state;
    const struct config_edit e = {.key = "coordinator", .values = addresses, .count = 2};
    expect_edit("# mine\ncoordinator: old:1  # was\nslots: 4\n", &e, 1,
                "# mine\ncoordinator: [\"a:1\", \"b:2\"]\nslots: 4\n");
}

static void a_value_over_several_lines_is_replaced_whole(void **state)
{
    (void)state;
    const struct config_edit e = {.key = "coordinator", .values = address, .count = 1};
    expect_edit("coordinator:\n  - a:1\n  - b:2\nslots: 4\n", &e, 1,
                "coordinator: \"q.example.com:7433\"\nslots: 4\n");
    expect_edit("coordinator:\n- a:1\n- b:2\nname: x\n", &e, 1,
                "coordinator: \"q.example.com:7433\"\nname: x\n");
    expect_edit("coordinator: [\n  a:1,\n]\nname: x\n", &e, 1,
                "coordinator: \"q.example.com:7433\"\nname: x\n");
    expect_edit("coordinator:\n  - a:1\n\n  # second\n  - b:2\n\n# mine\nname: x\n", &e, 1,
                "coordinator: \"q.example.com:7433\"\n\n# mine\nname: x\n");
    expect_edit("\"coordinator\": a:1\n'name': x\n", &e, 1,
                "coordinator: \"q.example.com:7433\"\n'name': x\n");
}

static void yaml_that_lines_do_not_fit__is_refused_and_not_broken(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{slots: 2}\n", "# mine\n{slots: 2,\n  name: x}\n", "{}\n", "null\n", "slots: 2\n...\n",
        "  slots: 2\n", "? coordinator\n: a:1\n",
    };
    const struct config_edit e = {.key = "coordinator", .values = address, .count = 1};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf out;
        struct err why = {0};
        buf_init(&out, 65536);
        if (config_text_edit("a.yaml", texts[i], &e, 1, &out, &why) != ERR_INVALID)
            fail_msg("'%s' became '%s'", texts[i], out.data);
        assert_non_null(strstr(why.msg, "a.yaml: "));
        assert_non_null(strstr(why.msg, "'key: value'"));
        buf_fini(&out);
    }
}

static void keys_that_only_begin_alike_or_are_nested_stay(void **state)
{
    (void)state;
    const struct config_edit e = {.key = "group", .values = group, .count = 1};
    expect_edit("groups: 1\nlabels:\n  group: x\n#group: y\n", &e, 1,
                "groups: 1\nlabels:\n  group: x\n#group: y\ngroup: \"win\\\"dows\"\n");
}

static void an_edit_without_value_leaves_the_key_alone(void **state)
{
    (void)state;
    const struct config_edit e = {.key = "group", .values = NULL, .count = 1};
    expect_edit("group: keep\n", &e, 1, "group: keep\n");
}

static char *write_temp(const char *text)
{
    char name[] = "config-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fputs(text, f);
    fclose(f);
    return mem_strdup(name);
}

static int load(const char *text, struct agent_config *c, struct err *e)
{
    char *path = write_temp(text);
    char *argv[] = {(char *)(uintptr_t) "run", (char *)(uintptr_t) "--config", path, NULL};
    struct opt_args args;
    int rc = agent_config_load(c, 3, argv, &args, e);
    remove(path);
    mem_free(path);
    return rc;
}

static void numbers_and_mappings_are_written__as_yaml_reads_them(void **state)
{
    (void)state;
    static const char *const slots[] = {"8"};
    struct opt_pair pairs[] = {{"zone", "b"}, {"a \"b\"", "#1"}};
    const struct opt_map labels = {.items = pairs, .count = 2};
    const struct config_edit edits[] = {
        {.key = "slots", .values = slots, .count = 1, .number = true},
        {.key = "labels", .map = &labels},
        {.key = "logLevel", .values = NULL, .count = 1},
    };
    struct agent_config c;
    struct buf out;
    struct err e = {0};
    expect_edit(
        "labels:\n  zone: a\n# mine\nlogLevel: warn\n", edits, 3,
        "labels: {\"zone\": \"b\", \"a \\\"b\\\"\": \"#1\"}\n# mine\nlogLevel: warn\nslots: "
        "8\n");
    buf_init(&out, 65536);
    assert_int_equal(config_text_edit("a.yaml", "", edits, 3, &out, NULL), 0);
    assert_int_equal(load(out.data, &c, &e), 0);
    assert_int_equal(agent_config_slots(&c), 8);
    assert_string_equal(map_value(&c.labels, "zone"), "b");
    assert_string_equal(map_value(&c.labels, "a \"b\""), "#1");
    assert_false(agent_config_given(&c, "slots"));
    agent_config_fini(&c);
    buf_fini(&out);
}

static void an_edited_file_reads_back(void **state)
{
    (void)state;
    struct buf out;
    struct agent_config c;
    struct err e = {0};
    const struct config_edit edits[] = {{.key = "coordinator", .values = addresses, .count = 2}};
    buf_init(&out, 65536);
    assert_int_equal(config_text_edit("a.yaml", "slots: 3\nlabels: {zone: dmz}\n", edits, 1, &out,
                                      NULL),
                     0);
    assert_int_equal(load(out.data, &c, &e), 0);
    assert_int_equal(c.coordinator.count, 2);
    assert_string_equal(c.coordinator.items[1], "b:2");
    assert_int_equal(agent_config_slots(&c), 3);
    assert_string_equal(map_value(&c.labels, "zone"), "dmz");
    agent_config_fini(&c);
    buf_fini(&out);
}

static void bad_settings_are_named_with_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted[3];
    } cases[] = {
        {"name: a\nslot: 4\n", {":2:", "slot", "slots"}},
        {"slots: many\n", {":1:", "slots", NULL}},
        {"slots: 0\n", {":1:", "slots", NULL}},
        {"slots: 5000\n", {":1:", "slots", NULL}},
        {"diskReserve: much\n", {":1:", "diskReserve", NULL}},
        {"drainTimeout: 5\n", {":1:", "drainTimeout", NULL}},
        {"drainTimeout: soon\n", {":1:", "drainTimeout", NULL}},
        {"group: \"no blanks\"\n", {":1:", "group", NULL}},
        {"group: a,b,a\n", {":1:", "group", "'a' is named twice"}},
        {"group: \"a,,b\"\n", {":1:", "group", "a group's key"}},
        {"groups: [a, \"no blanks\"]\n", {":1:", "groups", "a group's key"}},
        {"groups: [\"\"]\n", {":1:", "groups", NULL}},
        {"groups: {a: b}\n", {":1:", "groups", NULL}},
        {"groups: [a, b, a]\n", {"groups", "'a' is named twice", NULL}},
        {"groups: []\n", {"groups", "names none", NULL}},
        {"group: a\ngroups: [a, b]\n", {"'group' and 'groups' are both there", NULL, NULL}},
        {"groups: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q]\n", {"groups", "at most 16", NULL}},
        {"group: a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q\n", {"group", "at most 16", NULL}},
        {"labels: [a]\n", {":1:", "labels", NULL}},
        {"labels: {a: \"x\\u202ey\"}\n", {":1:", "labels", "U+202E"}},
        {"labels: {\"a\\u200b\": x}\n", {":1:", "labels", "U+200B"}},
        {"name: \"a\\u2066\"\n", {":1:", "name", "U+2066"}},
        {"name: \"\\u3000\"\n", {":1:", "name", "nothing but blanks"}},
        {"coordinator: \"host:99999\"\n", {":1:", "coordinator", NULL}},
        {"logLevel: loud\n", {":1:", "logLevel", NULL}},
        {"name: a\nname: b\n", {":2:", "name", NULL}},
        {"\tname: a\n", {":1:", NULL, NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct agent_config c;
        struct err e = {0};
        assert_int_not_equal(load(cases[i].text, &c, &e), 0);
        for (int n = 0; n < 3 && cases[i].wanted[n]; n++)
            if (!strstr(e.msg, cases[i].wanted[n]))
                fail_msg("'%s' is not in: %s", cases[i].wanted[n], e.msg);
    }
}

/* The groups that a file, and a flag (NULL: none), come to; list NULL: one or none. */
static void expect_groups(const char *text, const char *flag, const char *names, const char *list)
{
    struct agent_config c;
    struct agent_groups g;
    struct opt_args args;
    struct err e = {0};
    char *path = write_temp(text), *option = NULL;
    char *config = str_dupf("--config=%s", path);
    option = flag ? str_dupf("--worker-group=%s", flag) : NULL;
    char *argv[] = {(char *)(uintptr_t) "run", config, option, NULL};
    if (agent_config_load(&c, flag ? 3 : 2, argv, &args, &e) != 0) fail_msg("%s", err_text(&e));
    agent_config_groups(&c, &g);
    assert_string_equal(g.names, names);
    if (list)
        assert_string_equal(g.list, list);
    else
        assert_null(g.list);
    agent_groups_fini(&g);
    agent_config_fini(&c);
    mem_free(config);
    mem_free(option);
    assert_int_equal(remove(path), 0);
    mem_free(path);
}

static void groups_are_named_in_one_of_three_ways(void **state)
{
    (void)state;
    expect_groups("slots: 1\n", NULL, "default", NULL);
    expect_groups("group: a\n", NULL, "a", NULL);
    expect_groups("groups: [a]\n", NULL, "a", NULL);
    expect_groups("groups: a\n", NULL, "a", NULL);
    expect_groups("groups: [b, default, a]\n", NULL, "b,default,a", "[\"b\",\"default\",\"a\"]");
    expect_groups("group: a, b\n", NULL, "a,b", "[\"a\",\"b\"]");
    expect_groups("slots: 1\n", "a,b", "a,b", "[\"a\",\"b\"]");
    expect_groups("groups: [a, b]\n", "c", "c", NULL); /* the flag counts */
    expect_groups("group: a\n", "c,d", "c,d", "[\"c\",\"d\"]");
    expect_groups("groups: [a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p]\n", NULL,
                  "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p",
                  "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\","
                  "\"n\",\"o\","
                  "\"p\"]");
}

static void a_dropped_setting_goes_with_all_its_lines(void **state)
{
    (void)state;
    const struct config_edit edits[] = {{.key = "group", .values = address, .count = 1},
                                        {.key = "groups", .drop = true}};
    expect_edit("groups:\n  - a\n  - b\n# mine\nslots: 3\n", edits, 2,
                "# mine\nslots: 3\ngroup: \"q.example.com:7433\"\n");
    expect_edit("slots: 3\n", edits + 1, 1, "slots: 3\n");
}

static void a_named_file_that_is_missing_is_an_error(void **state)
{
    (void)state;
    struct agent_config c;
    struct opt_args args;
    struct err e = {0};
    char *argv[] = {(char *)(uintptr_t) "run", (char *)(uintptr_t) "--config=nowhere.yaml", NULL};
    assert_int_equal(agent_config_load(&c, 2, argv, &args, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "nowhere.yaml"));
}

static void expect_taken(const char *before, const char *after, const char *others)
{
    struct agent_config c, fresh;
    struct err e = {0};
    struct buf out;
    buf_init(&out, 1024);
    assert_int_equal(load(before, &c, &e), 0);
    c.set.config = &c;
    assert_int_equal(load(after, &fresh, &e), 0);
    fresh.set.config = &fresh;
    agent_config_take(&c, &fresh, &out);
    assert_string_equal(out.len > 0 ? out.data : "", others);
    agent_config_fini(&fresh);
    assert_int_equal(c.slots, 7);
    assert_string_equal(map_value(&c.labels, "a"), "new");
    assert_string_equal(map_value(&c.env, "E"), "new");
    assert_int_equal(c.drain_timeout_ms, 7000);
    assert_int_equal(c.disk_reserve_bytes, 7);
    agent_config_fini(&c);
    buf_fini(&out);
}

#define OLD "slots: 1\nlabels: {a: old, b: x}\nenv: {E: old}\ndrainTimeout: 1s\ndiskReserve: 1\n"
#define NEW "slots: 7\nlabels: {a: new}\nenv: {E: new, F: x}\ndrainTimeout: 7s\ndiskReserve: 7\n"

static void settings_that_need_a_restart_are_named(void **state)
{
    (void)state;
    expect_taken(OLD, NEW, "");
    expect_taken(OLD "group: a\n", NEW "group: b\n", "group");
    expect_taken(OLD "group: a\n", NEW, "group");
    expect_taken(OLD, NEW "group: b\n", "group");
    expect_taken(OLD "groups: [a, b]\n", NEW "groups: [a, c]\n", "groups");
    expect_taken(OLD "groups: [a, b]\n", NEW "groups: [a, b]\n", "");
    expect_taken(OLD "name: x\nlogLevel: warn\n", NEW "name: y\nlogLevel: debug\n",
                 "name, logLevel");
    expect_taken(OLD "coordinator: a:1\n", NEW "coordinator: [a:1, b:2]\n", "coordinator");
    expect_taken(OLD "coordinator: [a:1, b:2]\n", NEW "coordinator: [b:2, a:1]\n", "coordinator");
    expect_taken(OLD "coordinator: a:1\ngroup: g\nlogLevel: info\n",
                 NEW "logLevel: info\ngroup: g\ncoordinator: [a:1]\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_key_is_appended),
        cmocka_unit_test(a_present_key_is_replaced_and_comments_stay),
        cmocka_unit_test(a_value_over_several_lines_is_replaced_whole),
        cmocka_unit_test(yaml_that_lines_do_not_fit__is_refused_and_not_broken),
        cmocka_unit_test(keys_that_only_begin_alike_or_are_nested_stay),
        cmocka_unit_test(an_edit_without_value_leaves_the_key_alone),
        cmocka_unit_test(numbers_and_mappings_are_written__as_yaml_reads_them),
        cmocka_unit_test(an_edited_file_reads_back),
        cmocka_unit_test(bad_settings_are_named_with_file_and_line),
        cmocka_unit_test(groups_are_named_in_one_of_three_ways),
        cmocka_unit_test(a_dropped_setting_goes_with_all_its_lines),
        cmocka_unit_test(a_named_file_that_is_missing_is_an_error),
        cmocka_unit_test(settings_that_need_a_restart_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
