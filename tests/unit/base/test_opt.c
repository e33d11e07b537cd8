/* Settings: every type from every source, and what is said when it is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/opt.h"
#include "base/str.h"

#include <string.h>

struct config {
    char *path;
    struct opt_list advertise;
    char *group;
    int64_t slots;
    bool detach;
    bool color;
    int64_t drain_ms;
    int64_t output_bytes;
    struct opt_list agents;
    struct opt_map labels;
    int64_t priority;
    int64_t queued;
    struct json *channels;
};

static const char *map_value(const struct opt_map *m, const char *key)
{
    for (size_t i = 0; i < m->count; i++)
        if (str_eq(m->items[i].key, key)) return m->items[i].value;
    return NULL;
}

static int check_key(const char *value, struct err *e)
{
    if (str_key_valid(value)) return 0;
    return err_set(e, ERR_INVALID, "a key has 1 to 63 letters, digits, '_' and '-'");
}

static int check_address(const char *value, struct err *e)
{
    if (strchr(value, ':')) return 0;
    return err_set(e, ERR_INVALID, "'%s' has no port", value);
}

/* A channel is {size: N}. */
static int check_channel(const struct json *member, const struct json **where, struct err *e)
{
    const struct json *size = json_get(member, "size");
    if (json_type(member) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "'%s' is no channel", json_key(member));
    if (json_type(size) == JSON_NUMBER) return 0;
    if (size) *where = size;
    return err_set(e, ERR_INVALID, "'%s' has no size", json_key(member));
}

/* A channel is no larger than 10 less maxQueued, which may stand behind it. */
static int check_size(const struct json *member, const void *of, const struct json **where,
                      struct err *e)
{
    const struct config *c = of;
    const struct json *size = json_get(member, "size");
    if (json_num(size, 0) <= 10 - (double)c->queued) return 0;
    *where = size;
    return err_set(e, ERR_INVALID, "'%s' is too large", json_key(member));
}

static int check_label(const char *value, struct err *e)
{
    (void)e;
    return str_starts(value, "bad") ? ERR_INVALID : 0;
}

#define AT(field) offsetof(struct config, field)

static const struct opt table[] = {
    {.flag = "config",
     .env = "CADRE_CONFIG",
     .type = OPT_STRING,
     .is_path = true,
     .offset = AT(path),
     .value_name = "FILE"},
    {.env = "CADRE_ADVERTISE",
     .key = "advertise",
     .type = OPT_LIST,
     .offset = AT(advertise),
     .check = check_address},
    {.flag = "worker-group",
     .short_flag = 'g',
     .env = "CADRE_GROUP",
     .key = "group",
     .type = OPT_STRING,
     .offset = AT(group),
     .check = check_key},
    {.flag = "slots",
     .short_flag = 's',
     .env = "CADRE_SLOTS",
     .key = "slots",
     .type = OPT_INT,
     .offset = AT(slots),
     .fallback = "2",
     .min = 1,
     .max = 1024,
     .value_name = "N"},
    {.flag = "detach", .short_flag = 'd', .type = OPT_BOOL, .offset = AT(detach)},
    {.flag = "color",
     .env = "CADRE_COLOR",
     .key = "color",
     .type = OPT_BOOL,
     .offset = AT(color),
     .fallback = "true"},
    {.flag = "drain-timeout",
     .env = "CADRE_DRAIN",
     .key = "drainTimeout",
     .type = OPT_DURATION,
     .offset = AT(drain_ms),
     .fallback = "5m",
     .max = 86400000},
    {.flag = "output",
     .env = "CADRE_OUTPUT",
     .key = "limits.output",
     .type = OPT_SIZE,
     .offset = AT(output_bytes),
     .fallback = "64MiB",
     .min = 1024,
     .max = INT64_MAX},
    {.flag = "agent",
     .short_flag = 'a',
     .env = "CADRE_AGENTS",
     .key = "limits.agents",
     .type = OPT_LIST,
     .offset = AT(agents),
     .fallback = "x,y"},
    {.flag = "label",
     .short_flag = 'l',
     .env = "CADRE_LABELS",
     .key = "labels",
     .type = OPT_MAP,
     .offset = AT(labels),
     .value_name = "K=V",
     .check = check_label},
    {.flag = "priority", .type = OPT_INT, .offset = AT(priority)},
    {.flag = "max-queued",
     .key = "maxQueued",
     .type = OPT_INT,
     .offset = AT(queued),
     .min = INT64_MIN,
     .max = 10},
    {.key = "channels",
     .type = OPT_TREE,
     .offset = AT(channels),
     .check_member = check_channel,
     .check_beside = check_size},
};
#define ROWS (sizeof table / sizeof *table)

static struct config config;
static struct opt_set set;
static struct opt_args args;
static struct err err;

static int setup(void **state)
{
    (void)state;
    memset(&config, 0xa5, sizeof config); /* opt_init has to set every field */
    opt_init(&set, table, ROWS, &config);
    err = (struct err){0, ""};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    opt_fini(&set);
    return 0;
}

static void again(void)
{
    opt_fini(&set);
    setup(NULL);
}

/* ---- the command line ---------------------------------------------------------------------- */

#define ARGV_MAX 20
static char *argv[ARGV_MAX + 1];

/* Words with blanks between; kept until the next call. */
static int split(const char *line)
{
    static char copy[1000];
    int argc = 0;
    assert_int_equal(str_copy(copy, sizeof copy, line), 0);
    for (char *at = copy; *at;) {
        size_t len = strcspn(at, " ");
        assert_true(argc < ARGV_MAX);
        argv[argc++] = at;
        at += len;
        if (*at) *at++ = '\0';
    }
    argv[argc] = NULL;
    return argc;
}

static int parse_args(const char *line)
{
    int argc = split(line);
    return opt_parse_args(&set, argc, argv, &args, &err);
}

static void accept_args(const char *line)
{
    if (parse_args(line) != 0) fail_msg("%s: %s", line, err.msg);
}

static void refuse_args(const char *line, const char *message)
{
    again();
    if (parse_args(line) != ERR_INVALID) fail_msg("accepted: %s", line);
    assert_string_equal(err.msg, message);
}

static void defaults__are_set_first(void **state)
{
    (void)state;
    assert_null(config.path);
    assert_null(config.group);
    assert_int_equal(config.advertise.count, 0);
    assert_true(config.slots == 2);
    assert_false(config.detach);
    assert_true(config.color);
    assert_true(config.drain_ms == 300000);
    assert_true(config.output_bytes == 67108864);
    assert_int_equal(config.agents.count, 2);
    assert_string_equal(config.agents.items[1], "y");
    assert_int_equal(config.labels.count, 0);
    for (size_t row = 0; row < ROWS; row++)
        assert_int_equal(set.sources[row], OPT_FROM_DEFAULT);
}

static void flags__of_every_type_and_form__are_read(void **state)
{
    (void)state;
    accept_args("prog --config=a=b --worker-group win -s 7 --detach --no-color --drain-timeout "
                "1h30m --output=1GiB "
                "-ax1 --agent x2 -l a=1 --label b=");
    assert_string_equal(config.path, "a=b");
    assert_string_equal(config.group, "win");
    assert_true(config.slots == 7);
    assert_true(config.detach);
    assert_false(config.color);
    assert_true(config.drain_ms == 5400000);
    assert_true(config.output_bytes == 1073741824);
    assert_int_equal(config.agents.count, 2); /* the default is gone */
    assert_string_equal(config.agents.items[0], "x1");
    assert_string_equal(config.agents.items[1], "x2");
    assert_string_equal(map_value(&config.labels, "a"), "1");
    assert_string_equal(map_value(&config.labels, "b"), "");
    assert_null(map_value(&config.labels, "c"));
    assert_int_equal(args.argc, 0);
    assert_int_equal(args.dashdash, -1);
    assert_false(args.help);
}

static void short_flags__can_be_joined(void **state)
{
    (void)state;
    accept_args("prog -ds9 -gwin");
    assert_true(config.detach);
    assert_true(config.slots == 9);
    assert_string_equal(config.group, "win");
}

static void short_flag__takes_its_value_behind_an_equals_sign(void **state)
{
    (void)state;
    accept_args("prog -ds=9 -g=win -l=k=1");
    assert_true(config.detach);
    assert_true(config.slots == 9);
    assert_string_equal(config.group, "win");
    assert_string_equal(map_value(&config.labels, "k"), "1");
    refuse_args("prog -s=", "-s: '' is not a number");
    refuse_args("prog -d=yes", "-d takes no value");
}

static void scalar_given_twice__takes_the_last(void **state)
{
    (void)state;
    accept_args("prog -g a -g b --slots 3 --slots 4 --no-color --color -l k=1 -l k=2");
    assert_string_equal(config.group, "b");
    assert_true(config.slots == 4);
    assert_true(config.color);
    assert_int_equal(config.labels.count, 1);
    assert_string_equal(map_value(&config.labels, "k"), "2");
}

static void negative_number__is_a_value_not_a_flag(void **state)
{
    (void)state;
    accept_args("prog --priority -5 --max-queued=-9");
    assert_true(config.priority == -5);
    assert_true(config.queued == -9);
}

static void empty_value__is_a_value_but_no_path(void **state)
{
    (void)state;
    refuse_args("prog --config=", "--config: is empty; a path is expected");
    accept_args("prog --label zone=");
    assert_string_equal(map_value(&config.labels, "zone"), "");
}

static void positional_arguments__are_collected_in_order(void **state)
{
    (void)state;
    accept_args("prog one -s 3 two - --detach three");
    assert_int_equal(args.argc, 4);
    assert_string_equal(args.argv[0], "one");
    assert_string_equal(args.argv[1], "two");
    assert_string_equal(args.argv[2], "-");
    assert_string_equal(args.argv[3], "three");
    assert_true(config.slots == 3);
    assert_true(args.argv + args.argc == argv + 8); /* in the caller's array, at its end */
}

static void everything_behind_two_dashes__is_positional(void **state)
{
    (void)state;
    accept_args("prog one --detach -- --slots 9 -- x");
    assert_true(config.slots == 2);
    assert_int_equal(args.argc, 5);
    assert_int_equal(args.dashdash, 1);
    assert_string_equal(args.argv[args.dashdash], "--slots");
    assert_string_equal(args.argv[3], "--");
    again();
    accept_args("prog --");
    assert_int_equal(args.argc, 0);
    assert_int_equal(args.dashdash, 0);
}

static void help__wins_over_what_stands_behind_it(void **state)
{
    (void)state;
    accept_args("prog list --help --nonsense");
    assert_true(args.help);
    assert_int_equal(args.argc, 1);
    assert_string_equal(args.argv[0], "list");
    again();
    accept_args("prog -dh");
    assert_true(args.help);
    again();
    accept_args("prog -- --help");
    assert_false(args.help);
}

static void no_arguments_at_all__is_fine(void **state)
{
    (void)state;
    assert_int_equal(opt_parse_args(&set, 0, argv, &args, &err), 0);
    assert_int_equal(args.argc, 0);
    accept_args("prog");
    assert_int_equal(args.argc, 0);
}

static void unknown_flags__are_named_with_the_nearest(void **state)
{
    (void)state;
    refuse_args("/usr/bin/prog --slot 4",
                "unknown flag '--slot', did you mean '--slots'? (see 'prog --help')");
    refuse_args("C:\\Cadre\\prog.exe --slosts=4",
                "unknown flag '--slosts', did you mean '--slots'? (see 'prog --help')");
    refuse_args(
        "prog --worker-gruop a",
        "unknown flag '--worker-gruop', did you mean '--worker-group'? (see 'prog --help')");
    refuse_args(
        "prog --worker_group a",
        "unknown flag '--worker_group', did you mean '--worker-group'? (see 'prog --help')");
    refuse_args("prog --no-colour",
                "unknown flag '--no-colour', did you mean '--no-color'? (see 'prog --help')");
    refuse_args("prog -color",
                "unknown flag '-color', did you mean '--color'? (see 'prog --help')");
    refuse_args("prog --hepl", "unknown flag '--hepl', did you mean '--help'? (see 'prog --help')");
    refuse_args("prog --frobnicate", "unknown flag '--frobnicate' (see 'prog --help')");
    refuse_args("prog --no-slots", "unknown flag '--no-slots' (see 'prog --help')");
    refuse_args("prog -x", "unknown flag '-x' (see 'prog --help')");
    refuse_args("prog -dx", "unknown flag '-x' (see 'prog --help')");
    refuse_args("prog ---detach",
                "unknown flag '---detach', did you mean '--detach'? (see 'prog --help')");
    refuse_args("prog --=x", "unknown flag '--' (see 'prog --help')");
}

static void missing_values__are_noticed(void **state)
{
    (void)state;
    refuse_args("prog --slots", "--slots needs a value: --slots N");
    refuse_args("prog -g", "-g needs a value: -g VALUE");
    refuse_args("prog --slots --detach", "--slots needs a value (N), but '--detach' follows");
    refuse_args("prog --slots --output=5KiB",
                "--slots needs a value (N), but '--output=5KiB' follows");
    refuse_args("prog --slots -- 4", "--slots needs a value (N), but '--' follows");
    refuse_args("prog --detach=true", "--detach takes no value");
    refuse_args("prog --no-color=1", "--no-color takes no value");
}

static void values_that_are_not_utf8__are_refused_unless_they_are_paths(void **state)
{
    (void)state;
    refuse_args("prog -g gr\xfc", "-g: 'gr?': not UTF-8 at byte 3");
    refuse_args("prog --worker-group=\xed\xa0\xbdx", "--worker-group: '???x': not UTF-8 at byte 1");
    refuse_args("prog --agent a --agent b\xc3", "--agent: 'b?': not UTF-8 at byte 2");
    refuse_args("prog --label a=\xff", "--label: 'a=?': not UTF-8 at byte 3");
    refuse_args("prog --label \xff=a", "--label: '?=a': not UTF-8 at byte 1");
    refuse_args("prog --slots 4\xff", "--slots: '4?': not UTF-8 at byte 2");
    refuse_args("prog --color\xff", "unknown flag '--color?', did you mean '--color'? (see "
                                    "'prog --help')");
    again();
    assert_int_equal(parse_args("prog --config d\xfc/f --label gr\xc3\xbcn=\xe2\x82\xac"), 0);
    assert_string_equal(config.path, "d\xfc/f");
    assert_string_equal(config.labels.items[0].value, "\xe2\x82\xac");
}

static void wrong_values_of_flags__are_named(void **state)
{
    (void)state;
    refuse_args("prog --slots 4x", "--slots: '4x' is not a number");
    refuse_args("prog -s4x", "-s: '4x' is not a number");
    refuse_args("prog --slots=", "--slots: '' is not a number");
    refuse_args("prog --slots 4.5", "--slots: '4.5' is not a whole number");
    refuse_args("prog --slots 99999999999999999999",
                "--slots: '99999999999999999999' is too large");
    refuse_args("prog --slots 0", "--slots: must be between 1 and 1024, not 0");
    refuse_args("prog --slots 1025", "--slots: must be between 1 and 1024, not 1025");
    refuse_args("prog --max-queued 11", "--max-queued: must be at most 10, not 11");
    refuse_args("prog --drain-timeout 30",
                "--drain-timeout: '30' has no unit: write it like 30s, 5m, 1h30m or PT1H30M");
    refuse_args("prog --drain-timeout 25h", "--drain-timeout: must be at most 1d, not 1d1h");
    refuse_args("prog --output 64m", "--output: '64m': 'm' could mean two sizes, write MiB or MB");
    refuse_args("prog --output 1000", "--output: must be at least 1KiB, not 1kB");
    refuse_args("prog --worker-group a/b",
                "--worker-group: 'a/b': a key has 1 to 63 letters, digits, '_' and '-'");
    refuse_args("prog --label x", "--label: 'x' is not K=V");
    refuse_args("prog --label =x", "--label: '=x' is not KEY=VALUE");
    refuse_args("prog --label bad=x", "--label: 'bad=x' is not valid");
    refuse_args("prog --agent=", "--agent: an item is empty");
    refuse_args("prog --help=1", "--help takes no value");
}

static void wrong_value__is_shortened_and_cleaned_in_the_message(void **state)
{
    (void)state;
    char value[300] = "\x1b[31m\n";
    memset(value + 6, 'y', sizeof value - 7);
    char *words[] = {"prog", "--slots", value, NULL};
    assert_int_equal(opt_parse_args(&set, 3, words, &args, &err), ERR_INVALID);
    assert_true(str_starts(err.msg, "--slots: '?[31m?yyy"));
    assert_true(str_ends(err.msg, "y...' is not a number"));
    assert_true(strlen(err.msg) < 110);
}

/* ---- the environment ----------------------------------------------------------------------- */

struct variable {
    const char *name, *value;
};

static const char *get_variable(const char *name, void *user)
{
    const struct variable *v = user;
    return str_eq(v->name, name) ? v->value : NULL;
}

static int parse_env(const char *name, const char *value)
{
    struct variable v = {name, value};
    return opt_parse_env(&set, get_variable, &v, &err);
}

static void refuse_env(const char *name, const char *value, const char *message)
{
    again();
    if (parse_env(name, value) != ERR_INVALID) fail_msg("accepted: %s=%s", name, value);
    assert_string_equal(err.msg, message);
}

static void variables__of_every_type__are_read(void **state)
{
    (void)state;
    assert_int_equal(parse_env("CADRE_GROUP", "win"), 0);
    assert_int_equal(parse_env("CADRE_SLOTS", "9"), 0);
    assert_int_equal(parse_env("CADRE_COLOR", "0"), 0);
    assert_int_equal(parse_env("CADRE_DRAIN", "PT1M"), 0);
    assert_int_equal(parse_env("CADRE_OUTPUT", "2MiB"), 0);
    assert_int_equal(parse_env("CADRE_ADVERTISE", "a:1, b:2 ,c:3"), 0);
    assert_int_equal(parse_env("CADRE_LABELS", "a=1, b=x=y"), 0);
    assert_string_equal(config.group, "win");
    assert_true(config.slots == 9);
    assert_false(config.color);
    assert_true(config.drain_ms == 60000);
    assert_true(config.output_bytes == 2097152);
    assert_int_equal(config.advertise.count, 3);
    assert_string_equal(config.advertise.items[1], "b:2");
    assert_string_equal(map_value(&config.labels, "b"), "x=y");
    assert_int_equal(set.sources[3], OPT_FROM_ENV);
}

static void empty_variable__counts_as_absent(void **state)
{
    (void)state;
    assert_int_equal(parse_env("CADRE_SLOTS", ""), 0);
    assert_true(config.slots == 2);
    assert_int_equal(set.sources[3], OPT_FROM_DEFAULT);
}

static void wrong_variables__are_named(void **state)
{
    (void)state;
    refuse_env("CADRE_SLOTS", "4x", "CADRE_SLOTS: '4x' is not a number");
    refuse_env("CADRE_SLOTS", " 4", "CADRE_SLOTS: ' 4' is not a number");
    refuse_env("CADRE_COLOR", "yes", "CADRE_COLOR: 'yes' is neither true nor false");
    refuse_env("CADRE_COLOR", "TRUE", "CADRE_COLOR: 'TRUE' is neither true nor false");
    refuse_env("CADRE_DRAIN", "5",
               "CADRE_DRAIN: '5' has no unit: write it like 30s, 5m, 1h30m or PT1H30M");
    refuse_env("CADRE_OUTPUT", "many",
               "CADRE_OUTPUT: 'many' is not a size: write it like 512, 64KiB, 64MiB, 1GB");
    refuse_env("CADRE_LABELS", "a=1,b", "CADRE_LABELS: 'b' is not K=V");
    refuse_env("CADRE_LABELS", "a=1,", "CADRE_LABELS: '' is not K=V");
    refuse_env("CADRE_ADVERTISE", "a:1,,b:1", "CADRE_ADVERTISE: an item is empty");
    refuse_env("CADRE_ADVERTISE", "a:1,b", "CADRE_ADVERTISE: 'b' has no port");
    refuse_env("CADRE_GROUP", "a b",
               "CADRE_GROUP: 'a b': a key has 1 to 63 letters, digits, '_' and '-'");
}

/* ---- the file ------------------------------------------------------------------------------ */

static int parse_file(const char *text)
{
    struct yaml_doc d = {NULL, NULL};
    if (yaml_parse("agent.yaml", text, strlen(text), &d, &err) != 0) fail_msg("%s", err.msg);
    int rc = opt_parse_file(&set, "agent.yaml", &d, &err);
    yaml_doc_fini(&d);
    return rc;
}

static void refuse_file(const char *text, const char *message)
{
    again();
    if (parse_file(text) != ERR_INVALID) fail_msg("accepted: %s", text);
    assert_string_equal(err.msg, message);
}

static void file__with_every_type__is_read(void **state)
{
    (void)state;
    if (parse_file(
            "group: win\nslots: 9\ncolor: false\ndrainTimeout: PT1M\nadvertise: [\"a:1\", b:2]\n"
            "labels: {version: 1.10, zone: 010, gpu: true, name: x}\nmaxQueued: -3\n"
            "limits:\n  output: 2 MiB\n  agents: []\n") != 0) {
        fail_msg("%s", err.msg);
    }
    assert_string_equal(config.group, "win");
    assert_true(config.slots == 9);
    assert_false(config.color);
    assert_true(config.drain_ms == 60000);
    assert_int_equal(config.advertise.count, 2);
    assert_true(config.output_bytes == 2097152);
    assert_int_equal(config.agents.count, 0);
    assert_string_equal(map_value(&config.labels, "version"), "1.10");
    assert_string_equal(map_value(&config.labels, "zone"), "010");
    assert_string_equal(map_value(&config.labels, "gpu"), "true");
    assert_true(config.queued == -3);
    assert_int_equal(set.sources[2], OPT_FROM_FILE);
}

static void text_that_looks_like_a_number__stays_as_written(void **state)
{
    (void)state;
    assert_int_equal(parse_file("group: 007\n"), 0);
    assert_string_equal(config.group, "007");
    again();
    assert_int_equal(parse_file("group: 1e3\nslots: \"8\"\n"), 0);
    assert_string_equal(config.group, "1e3");
    assert_true(config.slots == 8);
    again();
    assert_int_equal(parse_file("advertise: a:1\n"), 0); /* one text for a list of one */
    assert_int_equal(config.advertise.count, 1);
}

static void nothing_behind_a_key__leaves_the_default(void **state)
{
    (void)state;
    assert_int_equal(parse_file("slots:\ngroup: null\nlimits:\nlabels: ~\nadvertise:\n"), 0);
    assert_true(config.slots == 2);
    assert_null(config.group);
    assert_int_equal(set.sources[3], OPT_FROM_DEFAULT);
    assert_int_equal(parse_file(""), 0);
    assert_int_equal(parse_file("# nothing\n"), 0);
}

static void unknown_keys__are_named_with_line_and_the_nearest(void **state)
{
    (void)state;
    refuse_file("group: a\n\nslot: 4\n", "agent.yaml:3: unknown key 'slot', did you mean 'slots'?");
    refuse_file("Slots: 4\n", "agent.yaml:1: unknown key 'Slots', did you mean 'slots'?");
    refuse_file("drain_timeout: 4s\n",
                "agent.yaml:1: unknown key 'drain_timeout', did you mean 'drainTimeout'?");
    refuse_file("limits:\n  outptu: 5\n",
                "agent.yaml:2: unknown key 'limits.outptu', did you mean 'limits.output'?");
    refuse_file("limit:\n  output: 5\n",
                "agent.yaml:1: unknown key 'limit', did you mean 'limits'?");
    /* the flag's name, the right name in another place, a path in one word */
    refuse_file("worker-group: a\n",
                "agent.yaml:1: unknown key 'worker-group', did you mean 'group'?");
    refuse_file("workerGroup: a\n",
                "agent.yaml:1: unknown key 'workerGroup', did you mean 'group'?");
    refuse_file("output: 5KiB\n",
                "agent.yaml:1: unknown key 'output', did you mean 'limits.output'?");
    refuse_file("limits: {slots: 5}\n",
                "agent.yaml:1: unknown key 'limits.slots', did you mean 'slots'?");
    refuse_file(
        "limits.output: 5KiB\n",
        "agent.yaml:1: unknown key 'limits.output', write 'output' indented below 'limits:'");
    /* a flag without a place in the file */
    refuse_file("config: x\n",
                "agent.yaml:1: unknown key 'config', known here: advertise, group, slots, color, "
                "drainTimeout, limits, labels, maxQueued, channels");
    refuse_file("limits:\n  frobnicate: 5\n",
                "agent.yaml:2: unknown key 'limits.frobnicate', known here: output, agents");
    refuse_file(
        "\"\": 1\n",
        "agent.yaml:1: unknown key '', known here: advertise, group, slots, color, drainTimeout, "
        "limits, labels, maxQueued, channels");
    refuse_file("\"a\\nb\": 1\n",
                "agent.yaml:1: unknown key 'a?b', known here: advertise, group, slots, color, "
                "drainTimeout, limits, labels, maxQueued, channels");
}

static void wrong_values_in_the_file__are_named_with_line_and_key(void **state)
{
    (void)state;
    refuse_file("\nslots: 4x\n", "agent.yaml:2: slots: '4x' is not a number");
    refuse_file("slots: 4.5\n", "agent.yaml:1: slots: '4.5' is not a whole number");
    refuse_file("slots: 0\n", "agent.yaml:1: slots: must be between 1 and 1024, not 0");
    refuse_file("slots: true\n", "agent.yaml:1: slots: 'true' is not a number");
    refuse_file("slots: ''\n", "agent.yaml:1: slots: '' is not a number");
    refuse_file("color: yes\n", "agent.yaml:1: color: 'yes' is neither true nor false");
    refuse_file("color: 2\n", "agent.yaml:1: color: '2' is neither true nor false");
    refuse_file(
        "drainTimeout: 30\n",
        "agent.yaml:1: drainTimeout: '30' has no unit: write it like 30s, 5m, 1h30m or PT1H30M");
    refuse_file("limits:\n  output: 1\n",
                "agent.yaml:2: limits.output: must be at least 1KiB, not 1");
    refuse_file("group: a b\n",
                "agent.yaml:1: group: 'a b': a key has 1 to 63 letters, digits, '_' and '-'");
    refuse_file("advertise:\n  - a:1\n  - b\n", "agent.yaml:3: advertise: 'b' has no port");
    refuse_file("labels:\n  a: 1\n  bad: 2\n", "agent.yaml:3: labels: 'bad=2' is not valid");
}

static void wrong_shapes_in_the_file__are_named(void **state)
{
    (void)state;
    refuse_file("slots: [1]\n", "agent.yaml:1: slots: must be a number, not a list");
    refuse_file("slots: {a: 1}\n", "agent.yaml:1: slots: must be a number, not a mapping");
    refuse_file("color: []\n", "agent.yaml:1: color: must be true or false, not a list");
    refuse_file("group: [a]\n", "agent.yaml:1: group: must be a string, not a list");
    refuse_file("drainTimeout: {}\n",
                "agent.yaml:1: drainTimeout: must be a duration such as 30s, not a mapping");
    refuse_file("limits: {output: []}\n",
                "agent.yaml:1: limits.output: must be a size such as 64MiB, not a list");
    refuse_file("advertise: {a: b}\n",
                "agent.yaml:1: advertise: must be a list of strings, such as [one, two], not a "
                "mapping");
    refuse_file("advertise:\n - a:1\n - [b]\n",
                "agent.yaml:3: advertise: an item must be a string, not a list");
    refuse_file("advertise: [null]\n",
                "agent.yaml:1: advertise: an item must be a string, not nothing");
    refuse_file("labels: x\n",
                "agent.yaml:1: labels: must be a mapping (key: value), not a single value");
    refuse_file("labels: [a=b]\n",
                "agent.yaml:1: labels: must be a mapping (key: value), not a list");
    refuse_file("labels:\n  a: [1]\n",
                "agent.yaml:2: labels: the value of 'a' must be a string, not a list");
    refuse_file("labels:\n  a:\n",
                "agent.yaml:2: labels: the value of 'a' is missing (\"\" is the empty string)");
    refuse_file("labels: {'': x}\n", "agent.yaml:1: labels: the key is missing");
    refuse_file("labels: {'a=b': x}\n", "agent.yaml:1: labels: 'a=b': a key has no '='");
    refuse_file("limits: 5\n",
                "agent.yaml:1: limits: must be a mapping (key: value), not a single value");
    refuse_file("- slots\n",
                "agent.yaml:1: settings must be written as 'key: value', not as a list");
    refuse_file("slots\n",
                "agent.yaml:1: settings must be written as 'key: value', not as a single value");
}

static void very_long_path_and_key__still_give_a_message(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    for (int i = 0; i < 300; i++)
        buf_adds(&b, "key");
    buf_adds(&b, ": 1\n");
    struct yaml_doc d;
    assert_int_equal(yaml_parse("x", b.data, b.len, &d, NULL), 0);
    char path[2000];
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(opt_parse_file(&set, path, &d, &err), ERR_INVALID);
    assert_true(strlen(err.msg) < ERR_MSG_MAX);
    assert_int_equal(opt_parse_file(&set, "f", &d, &err), ERR_INVALID);
    assert_true(str_starts(err.msg, "f:1: unknown key 'keykey"));
    yaml_doc_fini(&d);
    buf_fini(&b);
}

/* ---- which source wins --------------------------------------------------------------------- */

static const char file_text[] =
    "slots: 3\ngroup: file\nlabels: {a: file, b: file}\nlimits: {agents: [f]}\n";

static void stronger_source__wins_in_any_sequence(void **state)
{
    (void)state;
    for (int order = 0; order < 6; order++) {
        static const char *const orders[] = {"afe", "aef", "fae", "fea", "eaf", "efa"};
        again();
        for (const char *step = orders[order]; *step; step++) {
            if (*step == 'a') accept_args("prog --slots 5");
            if (*step == 'f') assert_int_equal(parse_file(file_text), 0);
            if (*step == 'e') {
                assert_int_equal(parse_env("CADRE_SLOTS", "4"), 0);
                assert_int_equal(parse_env("CADRE_LABELS", "a=env"), 0);
            }
        }
        assert_true(config.slots == 5);
        assert_int_equal(set.sources[3], OPT_FROM_FLAG);
        assert_string_equal(config.group, "file");
        assert_int_equal(config.labels.count, 1); /* replaced, not merged */
        assert_string_equal(map_value(&config.labels, "a"), "env");
        assert_int_equal(config.agents.count, 1);
    }
}

static void weaker_source__is_checked_although_it_does_not_count(void **state)
{
    (void)state;
    accept_args("prog --slots 5");
    assert_int_equal(parse_env("CADRE_SLOTS", "4x"), ERR_INVALID);
    assert_int_equal(parse_file("slots: 4x\n"), ERR_INVALID);
    assert_true(config.slots == 5);
}

static void list_of_the_file__replaces_that_of_an_earlier_file(void **state)
{
    (void)state;
    assert_int_equal(parse_file("limits: {agents: [a, b]}\n"), 0);
    assert_int_equal(parse_file("limits: {agents: [c]}\n"), 0);
    assert_int_equal(config.agents.count, 1);
    assert_string_equal(config.agents.items[0], "c");
}

static void tree__keeps_each_member_as_it_stands(void **state)
{
    (void)state;
    assert_null(config.channels);
    assert_int_equal(parse_file("channels:\n  a: {size: 1.50, to: [x, {y: z}]}\n  b: {size: 2}\n"),
                     0);
    char *text = json_text(config.channels);
    assert_string_equal(text,
                        "{\"a\":{\"size\":1.50,\"to\":[\"x\",{\"y\":\"z\"}]},\"b\":{\"size\":2}}");
    mem_free(text);
    assert_int_equal(parse_file("channels: {c: {size: 3}}\n"), 0);
    assert_int_equal(json_count(config.channels), 1);
    assert_int_equal(parse_file("channels:\n"), 0);
    assert_int_equal(json_count(config.channels), 1);
}

static void tree__that_is_wrong__is_told_at_its_line(void **state)
{
    (void)state;
    refuse_file("channels: [a]\n",
                "agent.yaml:1: channels: must be a mapping (key: value), not a list");
    refuse_file("channels: x\n",
                "agent.yaml:1: channels: must be a mapping (key: value), not a single value");
    refuse_file("channels:\n  a: 7\n", "agent.yaml:2: channels: 'a' is no channel");
    refuse_file("channels:\n  a:\n    size: x\n", "agent.yaml:3: channels: 'a' has no size");
    refuse_file("channels:\n  a: {size: 1}\n  b: {}\n", "agent.yaml:3: channels: 'b' has no size");
    assert_null(config.channels);
}

static void tree__is_looked_at_beside_the_other_settings(void **state)
{
    (void)state;
    assert_int_equal(parse_file("channels:\n  a: {size: 7}\nmaxQueued: 3\n"), 0);
    refuse_file("channels:\n  a: {size: 7}\n  b:\n    size: 8\nmaxQueued: 3\n",
                "agent.yaml:4: channels: 'b' is too large");
    refuse_file("maxQueued: 3\nchannels: {b: {size: 8}}\n",
                "agent.yaml:2: channels: 'b' is too large");
    refuse_file("channels: {a: {size: 99}, b: {}}\n", "agent.yaml:1: channels: 'b' has no size");
    refuse_file("channels: {a: {size: 99}}\nmaxQueued: 11\n",
                "agent.yaml:2: maxQueued: must be at most 10, not 11");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults__are_set_first, setup, teardown),
        cmocka_unit_test_setup_teardown(flags__of_every_type_and_form__are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(short_flags__can_be_joined, setup, teardown),
        cmocka_unit_test_setup_teardown(short_flag__takes_its_value_behind_an_equals_sign, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(scalar_given_twice__takes_the_last, setup, teardown),
        cmocka_unit_test_setup_teardown(negative_number__is_a_value_not_a_flag, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_value__is_a_value_but_no_path, setup, teardown),
        cmocka_unit_test_setup_teardown(positional_arguments__are_collected_in_order, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(everything_behind_two_dashes__is_positional, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(help__wins_over_what_stands_behind_it, setup, teardown),
        cmocka_unit_test_setup_teardown(no_arguments_at_all__is_fine, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_flags__are_named_with_the_nearest, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_values__are_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_are_not_utf8__are_refused_unless_they_are_paths,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_values_of_flags__are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_value__is_shortened_and_cleaned_in_the_message, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(variables__of_every_type__are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(empty_variable__counts_as_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_variables__are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(file__with_every_type__is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(text_that_looks_like_a_number__stays_as_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_behind_a_key__leaves_the_default, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_keys__are_named_with_line_and_the_nearest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(wrong_values_in_the_file__are_named_with_line_and_key,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_shapes_in_the_file__are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(very_long_path_and_key__still_give_a_message, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stronger_source__wins_in_any_sequence, setup, teardown),
        cmocka_unit_test_setup_teardown(weaker_source__is_checked_although_it_does_not_count, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(list_of_the_file__replaces_that_of_an_earlier_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tree__keeps_each_member_as_it_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(tree__that_is_wrong__is_told_at_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(tree__is_looked_at_beside_the_other_settings, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
