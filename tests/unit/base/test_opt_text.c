/* Settings as text: the effective config reads back, help and sample look as they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/opt.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct config {
    char *path, *group, *name;
    int64_t slots, retries, drain_ms, output_bytes;
    bool color, detach;
    struct opt_list listen, agents;
    struct opt_map labels;
    int64_t deep;
};

#define AT(field) offsetof(struct config, field)

/* The two rows below "limits" do not stand together, on purpose. */
static const struct opt table[] = {
    {.flag = "config",
     .type = OPT_STRING,
     .offset = AT(path),
     .value_name = "FILE",
     .help = "configuration file"},
    {.key = "limits.output",
     .type = OPT_SIZE,
     .offset = AT(output_bytes),
     .fallback = "64MiB",
     .help = "output that is kept of a job"},
    {.flag = "worker-group",
     .short_flag = 'g',
     .env = "CADRE_GROUP",
     .key = "group",
     .type = OPT_STRING,
     .offset = AT(group),
     .value_name = "K",
     .help = "worker group to join"},
    {.key = "name",
     .type = OPT_STRING,
     .offset = AT(name),
     .fallback = "null",
     .help = "the agent's name"},
    {.flag = "slots",
     .env = "CADRE_SLOTS",
     .key = "slots",
     .type = OPT_INT,
     .offset = AT(slots),
     .min = 1,
     .max = 99,
     .help = "jobs at a time; by default as many as the machine has processors, which is what most "
             "people want and "
             "what the documentation describes in some detail"},
    {.flag = "retries", .key = "retries", .type = OPT_INT, .offset = AT(retries), .fallback = "3"},
    {.flag = "drain-timeout",
     .key = "drainTimeout",
     .type = OPT_DURATION,
     .offset = AT(drain_ms),
     .fallback = "5m",
     .value_name = "D",
     .help = "how long running jobs may finish"},
    {.flag = "color",
     .key = "color",
     .type = OPT_BOOL,
     .offset = AT(color),
     .fallback = "true",
     .help = "colours"},
    {.flag = "detach", .type = OPT_BOOL, .offset = AT(detach), .help = "do not wait"},
    {.flag = "listen-on-all-of-these-addresses",
     .key = "listen",
     .type = OPT_LIST,
     .offset = AT(listen),
     .fallback = "0.0.0.0:7433,[::]:7433",
     .value_name = "ADDR:PORT",
     .help = "where to listen"},
    {.key = "limits.agents", .type = OPT_LIST, .offset = AT(agents), .help = "agents"},
    {.flag = "label",
     .env = "CADRE_LABELS",
     .key = "labels",
     .type = OPT_MAP,
     .offset = AT(labels),
     .fallback = "a=b",
     .value_name = "K=V",
     .help = "label"},
    {.key = "limits.very.deep", .type = OPT_INT, .offset = AT(deep), .fallback = "-1"},
};
#define ROWS (sizeof table / sizeof *table)

static struct buf out;

static const char *map_value(const struct opt_map *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (str_eq(m->items[i].key, key)) return m->items[i].value;
    return NULL;
}

static int setup(void **state)
{
    (void)state;
    buf_init(&out, 1u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_fini(&out);
    return 0;
}

static void read_back(struct opt_set *s, const char *text, size_t len)
{
    struct yaml_doc d = {NULL, NULL};
    struct err e = {0, ""};
    if (yaml_parse("printed", text, len, &d, &e) != 0 ||
        opt_parse_file(s, "printed", &d, &e) != 0) {
        fail_msg("%s\nin\n%s", e.msg, text);
    }
    yaml_doc_fini(&d);
}

static void printed_config__shows_values_and_where_they_came_from(void **state)
{
    (void)state;
    struct config c;
    struct opt_set s;
    struct opt_args args;
    struct err e;
    opt_init(&s, table, ROWS, &c);
    char *argv[] = {"prog", "--drain-timeout", "90s", "--label", "zone=dmz", "-g", "win", NULL};
    assert_int_equal(opt_parse_args(&s, 7, argv, &args, &e), 0);
    read_back(&s, "retries: 5\n", 11);
    opt_print(&s, &out);
    assert_string_equal(out.data, "limits:\n"
                                  "  output: 64MiB                         # default\n"
                                  "  agents: []                            # default\n"
                                  "  very:\n"
                                  "    deep: -1                            # default\n"
                                  "group: win                              # from --worker-group\n"
                                  "name: \"null\"                            # default\n"
                                  "slots: null                             # not set\n"
                                  "retries: 5                              # from the file\n"
                                  "drainTimeout: 1m30s                     # from --drain-timeout\n"
                                  "color: true                             # default\n"
                                  "listen:                                 # default\n"
                                  "  - \"0.0.0.0:7433\"\n"
                                  "  - \"[::]:7433\"\n"
                                  "labels:                                 # from --label\n"
                                  "  zone: dmz\n");
    opt_fini(&s);
}

static void paths_without_a_key__are_printed_as_comments(void **state)
{
    (void)state;
    static const struct opt paths[] = {
        {.flag = "state", .env = "S", .type = OPT_STRING, .is_path = true},
    };
    static const char *const printed[][2] = {
        {"/a b", "# state: /a b"},
        {"C:\\A", "# state: C:\\A"},
        {"a\nlisten: x", "# state: a\\x0alisten: x"},
        {"gr\374n", "# state: gr\\xfcn"},
    };
    for (size_t i = 0; i < 4; i++) {
        char *config = NULL;
        struct opt_set s;
        struct opt_args args;
        struct err e;
        char *argv[] = {"prog", "--state", (char *)(uintptr_t)printed[i][0], NULL};
        opt_init(&s, paths, 1, &config);
        assert_int_equal(opt_parse_args(&s, 3, argv, &args, &e), 0);
        buf_clear(&out);
        opt_print(&s, &out);
        char line[64];
        snprintf(line, sizeof line, "%-40s# from --state\n", printed[i][1]);
        assert_string_equal(out.data, line);
        opt_fini(&s);
    }
}

static void assert_same(const struct config *a, const struct config *b)
{
    assert_true(str_eq(a->group, b->group));
    assert_true(str_eq(a->name, b->name));
    assert_true(a->slots == b->slots && a->retries == b->retries && a->deep == b->deep);
    assert_true(a->drain_ms == b->drain_ms && a->output_bytes == b->output_bytes &&
                a->color == b->color);
    assert_int_equal(a->listen.count, b->listen.count);
    for (size_t i = 0; i < a->listen.count; i++)
        assert_string_equal(a->listen.items[i], b->listen.items[i]);
    assert_int_equal(a->labels.count, b->labels.count);
    for (size_t i = 0; i < a->labels.count; i++) {
        const char *value = map_value(&b->labels, a->labels.items[i].key);
        assert_non_null(value);
        assert_string_equal(a->labels.items[i].value, value);
    }
}

static void print_and_compare(const struct opt_set *s, const struct config *c)
{
    struct config back;
    struct opt_set t;
    opt_init(&t, table, ROWS, &back);
    buf_clear(&out);
    opt_print(s, &out);
    read_back(&t, out.data, out.len);
    assert_same(c, &back);
    opt_fini(&t);
}

static void printed_config__of_awkward_texts__reads_back(void **state)
{
    (void)state;
    static char *const texts[] = {
        "",
        " ",
        "a b",
        "a: b",
        "a #b",
        "#",
        "- a",
        "true",
        "False",
        "null",
        "~",
        "12",
        "1.10",
        "0x1f",
        "1e3",
        "12:30",
        "yes",
        "No",
        "a\nb",
        "\ttab",
        "\"",
        "\\",
        "'",
        "it's",
        "[a]",
        "{a: b}",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "|",
        ">",
        "?",
        ":",
        "a:",
        "-",
        "--",
        "...",
        "---",
        "<<",
        "=",
        ",",
        "a,b",
        "\x01",
        "\x7f",
        "\x1b[0m",
        "\xc3\xa4",
        "\xc2\x85",
        "\xc2\x9b",
        "\xe2\x80\xa8",
        "\xef\xbb\xbfx",
        "\xef\xbf\xbe",
        "\xef\xbf\xbf",
        "\xf0\x9f\x98\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "trailing ",
        "C:\\dir\\new",
        "-1",
        "+1",
        ".5",
        "0755",
        "\r\n",
        "2026-01-02",
        "a\t#b",
        "https://host:1/x?y=z#f",
        "_",
        "/",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config c;
        struct opt_set s;
        opt_init(&s, table, ROWS, &c);
        char *pair = str_dupf("k%s=%s", texts[i], texts[i]);
        char *item = str_dupf("--listen-on-all-of-these-addresses=%s", *texts[i] ? texts[i] : "x");
        char *group = str_dupf("--worker-group=%s", texts[i]);
        char *argv[] = {"prog", group, "--label", pair, item, NULL};
        struct opt_args args;
        struct err e = {0, ""};
        if (opt_parse_args(&s, 5, argv, &args, &e) != 0) fail_msg("%s", e.msg);
        print_and_compare(&s, &c);
        opt_fini(&s);
        mem_free(pair);
        mem_free(item);
        mem_free(group);
    }
}

static void printed_config__of_a_very_long_key__reads_back(void **state)
{
    (void)state;
    for (size_t len = 990; len < 1100; len++) {
        struct config c;
        struct opt_set s;
        struct opt_args args;
        struct err e = {0, ""};
        opt_init(&s, table, ROWS, &c);
        char *pair = mem_alloc(len + 4);
        memset(pair, 'k', len);
        memcpy(pair + len, " =v", 4);
        char *argv[] = {"prog", "--label", pair, NULL};
        assert_int_equal(opt_parse_args(&s, 3, argv, &args, &e), 0);
        print_and_compare(&s, &c);
        opt_fini(&s);
        mem_free(pair);
    }
}

static void printed_config__of_random_values__reads_back(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 31);
    for (int round = 0; round < 300; round++) {
        struct config c;
        struct opt_set s;
        opt_init(&s, table, ROWS, &c);
        c.slots = (int64_t)rng_below(&r, 99) + 1;
        s.sources[4] = OPT_FROM_FILE;
        c.retries = (int64_t)rng_next(&r);
        c.drain_ms = (int64_t)rng_below(&r, (uint64_t)1 << (1 + round % 38));
        c.output_bytes = (int64_t)(rng_next(&r) >> (1 + round % 60));
        c.color = rng_below(&r, 2) == 0;
        char text[20];
        size_t len = (size_t)rng_below(&r, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)(1 + rng_below(&r, 127));
        text[len] = '\0';
        mem_free(c.name);
        c.name = mem_strdup(text);
        print_and_compare(&s, &c);
        opt_fini(&s);
    }
}

static void printed_text__that_is_not_utf8__still_parses(void **state)
{
    (void)state;
    struct config c, back;
    struct opt_set s, t;
    opt_init(&s, table, ROWS, &c);
    opt_init(&t, table, ROWS, &back);
    c.group = mem_strdup("a\xff\xc3");
    opt_print(&s, &out);
    read_back(&t, out.data, out.len);
    assert_string_equal(back.group, "a\xef\xbf\xbd\xef\xbf\xbd");
    opt_fini(&s);
    opt_fini(&t);
}

/* ---- help ---------------------------------------------------------------------------------- */

static void assert_width(const char *text)
{
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");
        if (len > 100) fail_msg("too wide: %.*s", (int)len, line);
        if (len > 0 && line[len - 1] == ' ') fail_msg("blank at the end: %.*s", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

static void help__is_aligned_and_wrapped(void **state)
{
    (void)state;
    opt_help(table, ROWS, &out);
    assert_width(out.data);
    assert_string_equal(
        out.data, "      --config FILE      configuration file\n"
                  "  -g, --worker-group K   worker group to join (also CADRE_GROUP, key group)\n"
                  "      --slots N          jobs at a time; by default as many as the machine has "
                  "processors, which is\n"
                  "                         what most people want and what the documentation "
                  "describes in some detail\n"
                  "                         (also CADRE_SLOTS, key slots)\n"
                  "      --retries N        (default: 3; also key retries)\n"
                  "      --drain-timeout D  how long running jobs may finish (default: 5m; also "
                  "key drainTimeout)\n"
                  "      --[no-]color       colours (also key color)\n"
                  "      --detach           do not wait\n"
                  "      --listen-on-all-of-these-addresses ADDR:PORT\n"
                  "                         where to listen (default: 0.0.0.0:7433,[::]:7433; may "
                  "be repeated; also key\n"
                  "                         listen)\n"
                  "      --label K=V        label (default: a=b; may be repeated; also "
                  "CADRE_LABELS, key labels)\n"
                  "  -h, --help             show this help\n");
}

static void help__of_no_flags__is_that_of_help(void **state)
{
    (void)state;
    opt_help(NULL, 0, &out);
    assert_string_equal(out.data, "  -h, --help  show this help\n");
}

static void help__mentions_an_own_help_flag_once(void **state)
{
    (void)state;
    static const struct opt own[] = {{.flag = "help", .type = OPT_BOOL, .help = "more than usual"}};
    opt_help(own, 1, &out);
    assert_string_equal(out.data, "      --help  more than usual\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_without_a_key__are_printed_as_comments, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(printed_config__shows_values_and_where_they_came_from,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(printed_config__of_awkward_texts__reads_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(printed_config__of_a_very_long_key__reads_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(printed_config__of_random_values__reads_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(printed_text__that_is_not_utf8__still_parses, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(help__is_aligned_and_wrapped, setup, teardown),
        cmocka_unit_test_setup_teardown(help__of_no_flags__is_that_of_help, setup, teardown),
        cmocka_unit_test_setup_teardown(help__mentions_an_own_help_flag_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
