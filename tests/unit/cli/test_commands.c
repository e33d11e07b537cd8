/* A walk over the table of commands: each has what its help needs, each example can be typed, each
 * option is accepted where it belongs and nowhere else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 32
#define ROOM 256

static struct help_program program;

static int setup(void **state)
{
    (void)state;
    commands_help_init(&program);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    commands_help_fini(&program);
    return 0;
}

/* The words of a line as a shell has them, up to a redirection. room: a copy of the line. */
static int split(char *room, char **argv)
{
    int argc = 0;
    char *at = room;
    while (*at && argc < WORDS_MAX - 1) {
        while (*at == ' ')
            at++;
        if (!*at || *at == '<' || *at == '>') break;
        char *out = at;
        argv[argc++] = out;
        bool quoted = false;
        for (; *at && (quoted || *at != ' '); at++) {
            if (*at == '\'')
                quoted = !quoted;
            else
                *out++ = *at;
        }
        if (*at) at++;
        *out = 0;
    }
    argv[argc] = NULL;
    return argc;
}

static const struct help_command *find(const char *line, int *argc, char **argv, char *room)
{
    int words;
    assert_int_equal(str_copy(room, ROOM, line), 0);
    *argc = split(room, argv);
    return help_find(&program, *argc, argv, &words);
}

/* Parses the options of a line behind the command's name. */
static int parse(const struct help_command *h, int argc, char **argv, struct err *e)
{
    const struct command *c = commands[h - program.commands];
    struct opt_set set;
    struct opt_args args;
    void *config = mem_alloc(c->config_size ? c->config_size : 1);
    opt_init(&set, c->options, c->option_count, config);
    int rc = opt_parse_args(&set, argc, argv, &args, e);
    opt_fini(&set);
    mem_free(config);
    return rc;
}

static int words_in(const char *name)
{
    int n = 1;
    for (; *name; name++)
        n += *name == ' ';
    return n;
}

static void example__of_each_command__can_be_typed(void **state)
{
    (void)state;
    for (size_t i = 0; i < program.command_count; i++) {
        const struct help_command *h = &program.commands[i];
        if (str_empty(h->example)) fail_msg("%s has no example", h->name);
        char *lines = mem_strdup(h->example);
        for (char *line = lines, *next; *line; line = next) {
            char room[ROOM];
            char *argv[WORDS_MAX];
            int argc;
            struct err e = {0};
            size_t n = strcspn(line, "\n");
            next = line + n + (line[n] == '\n');
            line[n] = 0;
            if (!str_starts(line, "cadre ")) fail_msg("%s: '%s'", h->name, line);
            if (find(line + 6, &argc, argv, room) != h)
                fail_msg("%s: '%s' is another command", h->name, line);
            int words = words_in(h->name);
            if (parse(h, argc - words + 1, argv + words - 1, &e) != 0)
                fail_msg("%s: '%s': %s", h->name, line, e.msg);
        }
        mem_free(lines);
    }
}

static void assert_narrow(const char *name, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n > 100) fail_msg("%s: more than 100 columns: %.*s", name, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

static void help__of_each_command__is_whole(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1u << 20);
    for (size_t i = 0; i < program.command_count; i++) {
        const struct help_command *h = &program.commands[i];
        buf_clear(&out);
        help_of_command(&program, h, &out);
        assert_narrow(h->name, out.data);
        assert_non_null(strstr(out.data, "\nExample"));
        size_t len = strlen(h->summary);
        assert_true(len > 0 && len <= 80);
        assert_false(isupper((unsigned char)h->summary[0]));
        assert_true(h->summary[len - 1] != '.');
        if (strstr(out.data, "default: -") || strstr(out.data, "may be repeated ("))
            fail_msg("%s:\n%s", h->name, out.data);
        for (size_t k = 0; k < h->option_count; k++)
            if (str_empty(h->options[k].help)) fail_msg("%s: %s", h->name, h->options[k].flag);
    }
    buf_fini(&out);
}

static void overview__fits_one_screen(void **state)
{
    (void)state;
    struct buf out;
    size_t lines = 0;
    buf_init(&out, 1u << 20);
    help_overview(&program, &out);
    assert_narrow("overview", out.data);
    for (const char *c = out.data; *c; c++)
        lines += *c == '\n';
    assert_in_range(lines, 24, 40);
    for (size_t i = 0; i < program.command_count; i++) {
        char first[64];
        (void)str_format(first, sizeof first, "\n  %.*s",
                         (int)strcspn(program.commands[i].name, " "), program.commands[i].name);
        assert_non_null(strstr(out.data, first));
    }
    buf_fini(&out);
}

static void noun__of_each_command__is_described(void **state)
{
    (void)state;
    for (size_t i = 0; i < program.command_count; i++) {
        const char *name = program.commands[i].name;
        size_t n = strcspn(name, " ");
        bool found = !name[n];
        for (size_t k = 0; k < program.noun_count && !found; k++)
            found =
                strlen(program.nouns[k].name) == n && strncmp(program.nouns[k].name, name, n) == 0;
        if (!found) fail_msg("the noun of '%s' is not described", name);
    }
    for (size_t k = 0; k < program.noun_count; k++)
        assert_true(help_is_noun(&program, program.nouns[k].name));
}

static const struct opt *row_of(const struct help_command *h, const char *flag)
{
    for (size_t i = 0; i < h->option_count; i++)
        if (str_eq(h->options[i].flag, flag)) return &h->options[i];
    return NULL;
}

/* What stands in front of a command's words is read without knowing which command it is. */
static void option__of_several_commands__takes_a_value_in_all_or_in_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < program.command_count; i++) {
        const struct help_command *h = &program.commands[i];
        for (size_t k = 0; k < h->option_count; k++) {
            for (size_t j = 0; j < program.command_count; j++) {
                const struct opt *other = row_of(&program.commands[j], h->options[k].flag);
                if (other && (other->type == OPT_BOOL) != (h->options[k].type == OPT_BOOL))
                    fail_msg("--%s of '%s' and '%s'", other->flag, h->name,
                             program.commands[j].name);
            }
        }
    }
}

static void foreign_option__of_each_command__refused_with_its_name(void **state)
{
    (void)state;
    size_t refused = 0;
    for (size_t i = 0; i < program.command_count; i++) {
        const struct help_command *h = &program.commands[i];
        for (size_t j = 0; j < program.command_count; j++) {
            for (size_t k = 0; k < program.commands[j].option_count; k++) {
                const struct opt *o = &program.commands[j].options[k];
                char flag[64], quoted[70];
                struct err e = {0};
                if (row_of(h, o->flag)) continue;
                (void)str_format(flag, sizeof flag, "--%s", o->flag);
                (void)str_format(quoted, sizeof quoted, "'%s'", flag);
                char *argv[] = {(char *)(uintptr_t)h->name, flag, NULL};
                assert_int_equal(parse(h, 2, argv, &e), ERR_INVALID);
                assert_non_null(strstr(e.msg, quoted));
                refused++;
            }
        }
    }
    assert_true(refused > 1000);
}

/* Each of our words for a word of others is a command, a noun, a verb. */
static void suggestions__name_what_there_is(void **state)
{
    (void)state;
    char room[ROOM];
    char *argv[WORDS_MAX];
    int argc;
    for (const struct help_word *w = program.said_commands; w->said; w++) {
        bool is_help = str_starts(w->meant, "help ");
        if (!is_help && !find(w->meant, &argc, argv, room)) fail_msg("%s", w->meant);
        if (find(w->said, &argc, argv, room)) fail_msg("%s is a command", w->said);
    }
    for (const struct help_word *w = program.said_nouns; w->said; w++)
        if (!help_is_noun(&program, w->meant)) fail_msg("%s", w->meant);
    for (const struct help_word *w = program.said_verbs; w->said; w++) {
        bool found = false;
        for (size_t i = 0; i < program.command_count && !found; i++) {
            const char *space = strchr(program.commands[i].name, ' ');
            found = space && str_eq(space + 1, w->meant);
        }
        if (!found) fail_msg("no noun has the command '%s'", w->meant);
    }
}

static void foreign_words__suggest_ours(void **state)
{
    (void)state;
    static const struct {
        const char *said, *meant;
    } cases[] = {
        {"jobs", "job list"},
        {"agents", "agent list"},
        {"ls", "job list"},
        {"ps", "job list"},
        {"ps -a", "job list"},
        {"logs", "job logs"},
        {"logs -f 06f3k9x2m1c7a", "job logs"},
        {"exec", "run -- COMMAND"},
        {"kill", "job cancel"},
        {"rm", "job cancel"},
        {"top", "status"},
        {"nodes", "agent list"},
        {"get pods", "job list"},
        {"get nodes", "agent list"},
        {"get flows", "flow list"},
        {"describe node build-07", "agent show"},
        {"delete group windows", "group delete"},
        {"create group windows", "group create"},
        {"create token", "token create join"},
        {"group rm windows", "group delete"},
        {"agent rm build-07", "agent remove"},
        {"token rm x", "token revoke"},
        {"job stop x", "job cancel"},
        {"job kill x", "job cancel"},
        {"job inspect x", "job show"},
        {"job get", "job list"},
        {"job status x", "job show"},
        {"job ls", "job list"},
        {"job lst", "job list"},
        {"jbo list", "job list"},
        {"node drain x", "agent drain"},
        {"node status", "agent show"},
        {"workers", "agent list"},
        {"queues", "group list"},
        {"squeue", "job list"},
        {"sinfo", "agent list"},
        {"sbatch x.sh", "run --script"},
        {"srun hostname", "run"},
        {"scancel 7", "job cancel"},
        {"workflows", "flow list"},
        {"apply -f a.yaml", "flow apply"},
        {"cordon x", "agent drain"},
        {"stauts", "status"},
        {"completion bash", "help --completion"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char room[ROOM], wanted[200];
        char *argv[WORDS_MAX];
        int argc;
        struct err e = {0};
        assert_null(find(cases[i].said, &argc, argv, room));
        (void)help_unknown(&program, argc, argv, &e);
        (void)str_format(wanted, sizeof wanted, "; did you mean 'cadre %s'?", cases[i].meant);
        if (!str_ends(e.msg, wanted)) fail_msg("%s: %s", cases[i].said, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example__of_each_command__can_be_typed),
        cmocka_unit_test(help__of_each_command__is_whole),
        cmocka_unit_test(overview__fits_one_screen),
        cmocka_unit_test(noun__of_each_command__is_described),
        cmocka_unit_test(option__of_several_commands__takes_a_value_in_all_or_in_none),
        cmocka_unit_test(foreign_option__of_each_command__refused_with_its_name),
        cmocka_unit_test(suggestions__name_what_there_is),
        cmocka_unit_test(foreign_words__suggest_ours),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
