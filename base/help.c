/* Help as text: see help.h. */
#include "base/help.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define ARGUMENTS_MAX 12 /* longer ones do not stand in lists of commands */
#define COLUMN_MIN 12
#define WIDTH 100

static const char *after(const char *name, const char *noun)
{
    size_t len = strlen(noun);
    return strncmp(name, noun, len) == 0 && name[len] == ' ' ? name + len + 1 : NULL;
}

/* "login TOKEN" */
static void add_left(struct buf *out, const struct help_command *c, const char *name)
{
    const char *arguments = strlen(c->arguments) <= ARGUMENTS_MAX ? c->arguments : "";
    (void)buf_addf(out, "%s%s%s", name, arguments[0] ? " " : "", arguments);
}

static void add_line(struct buf *out, const char *left, size_t column, const char *right)
{
    (void)buf_addf(out, "  %-*s  %s\n", (int)column, left, right);
}

/* Each line of `text` with `indent` in front. */
static void add_lines(struct buf *out, const char *indent, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        (void)buf_addf(out, "%s%.*s\n", indent, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

/* The same, wrapped between words. */
static void add_wrapped(struct buf *out, const char *text)
{
    size_t column = 0;
    while (text && *text) {
        size_t n = strcspn(text, " \n");
        bool fits = column + 1 + n <= WIDTH;
        if (column > 0) (void)buf_addc(out, fits ? ' ' : '\n');
        (void)buf_add(out, text, n);
        column = n + (column > 0 && fits ? column + 1 : 0);
        text += n;
        if (*text == '\n') {
            (void)buf_addc(out, '\n');
            column = 0;
        }
        if (*text) text++;
    }
    (void)buf_addc(out, '\n');
}

static size_t wider(size_t column, size_t len)
{
    return len > column ? len : column;
}

/* ---- the program ----------------------------------------------------------------------------- */

static size_t overview_column(const struct help_program *p)
{
    size_t column = COLUMN_MIN;
    struct buf left;
    buf_init(&left, 4096);
    for (size_t i = 0; i < p->command_count; i++) {
        buf_clear(&left);
        add_left(&left, &p->commands[i], p->commands[i].name);
        if (!strchr(p->commands[i].name, ' ')) column = wider(column, left.len);
    }
    buf_fini(&left);
    return column;
}

static void add_nouns(const struct help_program *p, size_t column, struct buf *out)
{
    struct buf verbs;
    buf_init(&verbs, 4096);
    (void)buf_addf(out,
                   "\nCommands of two words; '%s help %s' shows those of '%s', with examples:\n",
                   p->name, p->nouns[0].name, p->nouns[0].name);
    for (size_t n = 0; n < p->noun_count; n++) {
        buf_clear(&verbs);
        for (size_t i = 0; i < p->command_count; i++) {
            const char *verb = after(p->commands[i].name, p->nouns[n].name);
            if (verb) (void)buf_addf(&verbs, "%s%s", verbs.len ? ", " : "", verb);
        }
        add_line(out, p->nouns[n].name, column, verbs.data);
    }
    buf_fini(&verbs);
}

void help_overview(const struct help_program *p, struct buf *out)
{
    size_t column = overview_column(p);
    struct buf left;
    buf_init(&left, 4096);
    (void)buf_addf(out, "%s\n\nUsage: %s %sCOMMAND [OPTION]... [ARGUMENT]...\n\nTo begin with:\n",
                   p->summary, p->name, p->global_count ? "[OPTION]... " : "");
    add_lines(out, "  ", p->first);
    (void)buf_adds(out, "\nCommands:\n");
    for (size_t i = 0; i < p->command_count; i++) {
        if (strchr(p->commands[i].name, ' ')) continue;
        buf_clear(&left);
        add_left(&left, &p->commands[i], p->commands[i].name);
        add_line(out, left.data, column, p->commands[i].summary);
    }
    if (p->noun_count) add_nouns(p, column, out);
    if (p->global_count) {
        (void)buf_adds(out, "\nOptions for every command:\n");
        opt_help(p->globals, p->global_count, out);
    }
    (void)buf_addf(out, "\n'%s help COMMAND' tells more of a command.\n", p->name);
    if (p->last) (void)buf_adds(out, p->last);
    buf_fini(&left);
}

/* ---- a noun ---------------------------------------------------------------------------------- */

void help_of_noun(const struct help_program *p, const char *noun, struct buf *out)
{
    const char *summary = NULL;
    size_t column = COLUMN_MIN;
    struct buf left;
    buf_init(&left, 4096);
    for (size_t i = 0; i < p->noun_count; i++)
        if (str_eq(p->nouns[i].name, noun)) summary = p->nouns[i].summary;
    if (summary) (void)buf_addf(out, "%s: %s\n\n", noun, summary);
    (void)buf_addf(out, "Usage: %s %s COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n", p->name,
                   noun);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < p->command_count; i++) {
            const struct help_command *c = &p->commands[i];
            const char *verb = after(c->name, noun);
            if (!verb) continue;
            buf_clear(&left);
            add_left(&left, c, verb);
            column = wider(column, left.len);
            if (pass == 1) add_line(out, left.data, column, c->summary);
        }
    }
    (void)buf_adds(out, "\nExamples:\n");
    for (size_t i = 0; i < p->command_count; i++)
        if (after(p->commands[i].name, noun)) add_lines(out, "  ", p->commands[i].example);
    (void)buf_addf(out, "\n'%s help %s COMMAND' tells more of a command.\n", p->name, noun);
    buf_fini(&left);
}

/* ---- a command ------------------------------------------------------------------------------- */

struct opt *help_options(const struct help_command *c, size_t *count)
{
    struct opt *rows = mem_array(c->option_count + 1, sizeof *rows);
    *count = 0;
    for (size_t i = 0; i < c->option_count; i++)
        if (c->options[i].flag && help_takes(c, c->options[i].flag))
            rows[(*count)++] = c->options[i];
    return rows;
}

void help_of_command(const struct help_program *p, const struct help_command *c, struct buf *out)
{
    size_t count;
    struct opt *rows = help_options(c, &count);
    (void)buf_addf(out, "%s\n\nUsage: %s %s%s%s%s\n", c->summary, p->name, c->name,
                   count ? " [OPTION]..." : "", c->arguments[0] ? " " : "", c->arguments);
    if (c->details) (void)buf_addc(out, '\n');
    if (c->details) add_wrapped(out, c->details);
    (void)buf_addf(out, "\n%s:\n", c->example && strchr(c->example, '\n') ? "Examples" : "Example");
    add_lines(out, "  ", c->example);
    if (count) (void)buf_adds(out, "\nOptions:\n");
    if (count && p->global_count)
        opt_help_rows(rows, count, out);
    else if (count)
        opt_help(rows, count, out);
    if (p->global_count) {
        (void)buf_adds(out, "\nOptions for every command:\n");
        opt_help(p->globals, p->global_count, out);
    }
    mem_free(rows);
}
