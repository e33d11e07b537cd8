/* Which command is meant, what is suggested, and what is printed of a table of commands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/help.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

struct config {
    char *state, *file, *output;
    bool force;
};
#define AT(field) offsetof(struct config, field)

static const struct opt list_options[] = {
    {.flag = "state", .type = OPT_STRING, .offset = AT(state), .choices = "NEW|OLD", .help = "s"},
    {.flag = "force", .short_flag = 'f', .type = OPT_BOOL, .offset = AT(force), .help = "f"},
};
static const struct opt globals[] = {
    {.flag = "output",
     .short_flag = 'o',
     .type = OPT_STRING,
     .offset = AT(output),
     .choices = "table|json",
     .help = "form"},
};
static const struct help_command commands[] = {
    {.name = "run", .arguments = "-- WORD...", .summary = "run it", .example = "prog run -- x"},
    {.name = "item list",
     .arguments = "",
     .summary = "list items",
     .example = "prog item list --state NEW",
     .options = list_options,
     .option_count = 2},
    {.name = "item delete",
     .arguments = "ID",
     .summary = "delete an item",
     .details = "More.",
     .example = "prog item delete 7\nprog item delete -f 7",
     .options = list_options,
     .option_count = 2,
     .flags = "force"},
    {.name = "key make api", .arguments = "", .summary = "a key", .example = "prog key make api"},
};
static const struct help_noun nouns[] = {{"item", "a thing"}, {"key", "what opens"}};
static const struct help_word said_nouns[] = {{"pod", "item"}, {NULL, NULL}};
static const struct help_word said_verbs[] = {
    {"ls", "list"}, {"get", "list"}, {"rm", "delete"}, {"new", "make api"}, {NULL, NULL}};
static const struct help_word said_commands[] = {{"ps", "item list"}, {NULL, NULL}};

static const struct help_program program = {.name = "prog",
                                            .summary = "prog does it.",
                                            .first = "prog run -- x",
                                            .last = "The end.\n",
                                            .commands = commands,
                                            .command_count = 4,
                                            .nouns = nouns,
                                            .noun_count = 2,
                                            .globals = globals,
                                            .global_count = 1,
                                            .said_nouns = said_nouns,
                                            .said_verbs = said_verbs,
                                            .said_commands = said_commands};

#define ROOM 256

/* "a b c" as an argv; lives as long as the copy in `room`. */
static int split(const char *line, char *room, char **argv)
{
    int argc = 0;
    assert_int_equal(str_copy(room, ROOM, line), 0);
    while (*room) {
        size_t n = strcspn(room, " ");
        argv[argc++] = room;
        room += n;
        if (*room) *room++ = 0;
    }
    argv[argc] = NULL;
    return argc;
}

static void assert_finds(const char *line, const char *name, const char *order)
{
    char room[ROOM];
    struct buf got;
    char *argv[32];
    int words, argc = split(line, room, argv);
    const struct help_command *c = help_find(&program, argc, argv, &words);
    if (!name) {
        assert_null(c);
        assert_int_equal(words, 0);
        return;
    }
    assert_non_null(c);
    assert_string_equal(c->name, name);
    buf_init(&got, ROOM);
    for (int i = 0; i < argc; i++)
        (void)buf_addf(&got, "%s%s", i ? " " : "", argv[i]);
    assert_string_equal(got.data, order);
    buf_fini(&got);
}

static void command__found_by_its_words__options_go_behind_them(void **state)
{
    (void)state;
    assert_finds("run -- item list", "run", "run -- item list");
    assert_finds("item list --force", "item list", "item list --force");
    assert_finds("--force item list", "item list", "item list --force");
    assert_finds("item --state NEW list", "item list", "item list --state NEW");
    assert_finds("--state NEW -f item list x", "item list", "item list --state NEW -f x");
    assert_finds("--state=NEW item list", "item list", "item list --state=NEW");
    assert_finds("-o json key make -f api", "key make api", "key make api -o json -f");
    assert_finds("--help item list", "item list", "item list --help");
    assert_finds("item -- list", NULL, "");
    assert_finds("-- run", NULL, "");
    assert_finds("item", NULL, "");
    assert_finds("key make", NULL, "");
    assert_finds("--state run", NULL, ""); /* "run" is the option's value */
    assert_finds("", NULL, "");
}

static void assert_unknown(const char *line, const char *message)
{
    char room[ROOM];
    char *argv[32];
    struct err e = {0};
    int argc = split(line, room, argv);
    assert_int_equal(help_unknown(&program, argc, argv, &e), ERR_INVALID);
    assert_string_equal(e.msg, message);
}

static void unknown_command__what_was_meant_is_suggested(void **state)
{
    (void)state;
    assert_unknown("ps", "unknown command 'ps'; did you mean 'prog item list'?");
    assert_unknown("ps -a", "unknown command 'ps'; did you mean 'prog item list'?");
    assert_unknown("items", "unknown command 'items'; did you mean 'prog item list'?");
    assert_unknown("items list", "unknown command 'items list'; did you mean 'prog item list'?");
    assert_unknown("pods", "unknown command 'pods'; did you mean 'prog item list'?");
    assert_unknown("item ls", "unknown command 'item ls'; did you mean 'prog item list'?");
    assert_unknown("item rm 7", "unknown command 'item rm'; did you mean 'prog item delete'?");
    assert_unknown("item lst", "unknown command 'item lst'; did you mean 'prog item list'?");
    assert_unknown("itme list", "unknown command 'itme'; did you mean 'prog item list'?");
    assert_unknown("get pods", "unknown command 'get pods'; did you mean 'prog item list'?");
    assert_unknown("delete item 7",
                   "unknown command 'delete item'; did you mean 'prog item delete'?");
    assert_unknown("new key", "unknown command 'new key'; did you mean 'prog key make api'?");
    assert_unknown("rnu", "unknown command 'rnu'; did you mean 'prog run'?");
}

static void unknown_command__nothing_is_near__says_where_to_look(void **state)
{
    (void)state;
    assert_unknown("frobnicate", "unknown command 'frobnicate'; see 'prog help'");
    assert_unknown("item frobnicate",
                   "'item frobnicate' is not a command; the commands of 'item' are: list, delete");
    assert_unknown("item --force", "'item' needs a command: list, delete");
    assert_unknown("--frobnicate", "unknown option '--frobnicate'; see 'prog help'");
    assert_unknown("a\x1b[31mb", "unknown command 'a?[31mb'; see 'prog help'");
}

static int asks(const char *line, struct buf *out)
{
    char room[ROOM];
    char *argv[32];
    struct err e = {0};
    int argc = split(line, room, argv);
    buf_clear(out);
    if (argc > 0 && str_eq(argv[0], "help"))
        return help_topic(&program, argc - 1, argv + 1, out, &e) == 0;
    return help_is_asked(&program, argc, argv, out, &e);
}

static void help__every_form_of_a_noun__is_the_same_text(void **state)
{
    (void)state;
    struct buf expected, out;
    buf_init(&expected, 1u << 20);
    buf_init(&out, 1u << 20);
    help_of_noun(&program, "item", &expected);
    assert_non_null(strstr(expected.data, "  list          list items\n"));
    assert_non_null(strstr(expected.data, "  delete ID     delete an item\n"));
    assert_non_null(strstr(expected.data, "  prog item delete -f 7\n"));
    static const char *const forms[] = {"item",         "item --help",     "item -h",
                                        "help item",    "item help",       "--help item",
                                        "help item -h", "help --help item"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_true(asks(forms[i], &out));
        assert_string_equal(out.data, expected.data);
    }
    assert_true(asks("key make", &out));
    assert_non_null(strstr(out.data, "Usage: prog key make COMMAND"));
    buf_fini(&expected);
    buf_fini(&out);
}

static void help__of_a_command__has_its_own_options_alone(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_true(asks("help item delete", &out));
    assert_non_null(strstr(out.data, "Usage: prog item delete [OPTION]... ID\n"));
    assert_non_null(strstr(out.data, "\nMore.\n"));
    assert_non_null(strstr(out.data, "\nExamples:\n  prog item delete 7\n"));
    assert_non_null(strstr(out.data, "-f, --force"));
    assert_non_null(strstr(out.data, "--output table|json"));
    assert_null(strstr(out.data, "--state"));
    assert_true(asks("item help list", &out));
    assert_non_null(strstr(out.data, "--state NEW|OLD"));
    buf_fini(&out);
}

static void help__of_the_program(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1u << 20);
    static const char *const forms[] = {"help", "--help", "-h", "help help", "help -h"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        assert_true(asks(forms[i], &out));
        assert_non_null(strstr(out.data, "Usage: prog [OPTION]... COMMAND"));
        assert_non_null(strstr(out.data, "  item            list, delete\n"));
        assert_non_null(strstr(out.data, "  key             make api\n"));
    }
    assert_false(asks("help items", &out));
    assert_false(asks("help item lst", &out));
    assert_false(asks("help --force", &out));
    assert_false(asks("item --force", &out));
    assert_false(asks("item lst --help", &out));
    assert_false(asks("--force", &out));
    buf_fini(&out);
}

static void foreign_option__refused_with_its_place(void **state)
{
    (void)state;
    char *argv[] = {"prog item delete", "--state", "NEW", NULL};
    struct config c = {0};
    struct opt_set s;
    struct opt_args args;
    struct err e = {0};
    opt_init(&s, list_options, 2, &c);
    assert_int_equal(opt_parse_args(&s, 3, argv, &args, &e), 0);
    assert_int_equal(help_check_flags(&program, &commands[1], &s, &e), 0);
    assert_int_equal(help_check_flags(&program, &commands[2], &s, &e), ERR_INVALID);
    assert_string_equal(e.msg, "--state is not an option of 'prog item delete'; see 'prog item "
                               "delete --help'");
    opt_fini(&s);
}

static void manual_and_completion__have_each_command(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1u << 20);
    assert_true(asks("help --man", &out));
    for (size_t i = 0; i < 4; i++) {
        char *heading = str_dupf("\n.SS prog %s", commands[i].name);
        assert_true(str_starts(out.data, heading + 1) || strstr(out.data, heading));
        mem_free(heading);
    }
    assert_non_null(strstr(out.data, ".TP\n\\fB\\-f, \\-\\-force\\fR\nf\n"));
    assert_non_null(strstr(out.data, "\nprog item delete \\-f 7\n"));
    assert_true(asks("help --completion", &out));
    for (size_t i = 0; i < 4; i++) {
        char *arm = str_dupf("    '%s '*)\n", commands[i].name);
        assert_non_null(strstr(out.data, arm));
        mem_free(arm);
    }
    assert_non_null(strstr(out.data, "complete -F _prog prog\n"));
    assert_non_null(strstr(out.data, "--state) values='NEW OLD' ;;"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(command__found_by_its_words__options_go_behind_them),
        cmocka_unit_test(unknown_command__what_was_meant_is_suggested),
        cmocka_unit_test(unknown_command__nothing_is_near__says_where_to_look),
        cmocka_unit_test(help__every_form_of_a_noun__is_the_same_text),
        cmocka_unit_test(help__of_a_command__has_its_own_options_alone),
        cmocka_unit_test(help__of_the_program),
        cmocka_unit_test(foreign_option__refused_with_its_place),
        cmocka_unit_test(manual_and_completion__have_each_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
