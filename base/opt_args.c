/* Settings from the command line. */
#include "base/opt_value.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>

#define LABEL_SIZE 128

struct args {
    struct opt_set *s;
    int argc, at; /* the next argument to look at */
    char **argv;
    char **flags, **positional;
    int flag_count, positional_count;
    struct opt_args *out;
    struct err *e;
};

/* ---- complaints ------------------------------------------------------------------------------ */

/* The program's name without folder and .exe. */
static void program_name(const char *argv0, char out[LABEL_SIZE])
{
    const char *name = argv0 ? argv0 : "";
    for (const char *p = name; *p; p++) {
        if ((*p == '/' || *p == '\\') && p[1]) name = p + 1;
    }
    size_t len = strlen(name);
    if (str_ends(name, ".exe")) len -= 4;
    snprintf(out, LABEL_SIZE, "%.*s", len < LABEL_SIZE ? (int)len : LABEL_SIZE - 1, name);
}

static size_t add_names(const struct opt *table, size_t count, char **names)
{
    size_t n = 0;
    for (size_t row = 0; row < count; row++) {
        const struct opt *o = &table[row];
        if (!o->flag) continue;
        names[n++] = mem_strdup(o->flag);
        if (o->type == OPT_BOOL) names[n++] = str_dupf("no-%s", o->flag);
    }
    return n;
}

/* The nearest flag with its dashes; mem_free. NULL: no flag is near. */
static char *nearest_flag(const struct opt_set *s, const char *name)
{
    char **names = mem_array(2 * (s->count + s->other_count) + 1, sizeof *names);
    size_t count = add_names(s->table, s->count, names);
    count += add_names(s->others, s->other_count, names + count);
    names[count++] = mem_strdup("help");
    /* "--nn" must not become "--no-x": only a flag that begins with "no" means that */
    for (size_t i = 0; i < count; i++)
        if (str_starts(names[i], "no-") && !str_starts(name, "no")) names[i][0] = '\0';
    const char *near = str_nearest(name, (const char *const *)names, count);
    char *flag = near ? str_dupf("--%s", near) : NULL;
    while (count > 0)
        mem_free(names[--count]);
    mem_free(names);
    return flag;
}

static int unknown_flag(const struct args *a, const char *flag)
{
    char program[LABEL_SIZE], shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
    program_name(a->argv[0], program);
    str_quote(shown, flag);
    const char *name = flag;
    while (*name == '-')
        name++;
    char *near = strlen(name) > 1 ? nearest_flag(a->s, name) : NULL;
    str_suggest(suggestion, near);
    mem_free(near);
    return err_set(a->e, ERR_INVALID, "unknown flag %s%s (see '%s --help')", shown, suggestion,
                   program);
}

/* ---- one flag -------------------------------------------------------------------------------- */

/* The row of a flag's name (not NUL-terminated), or s->count. */
static size_t find_flag(const struct opt_set *s, const char *name, size_t len)
{
    size_t row = 0;
    for (; row < s->count; row++) {
        const char *flag = s->table[row].flag;
        if (flag && strlen(flag) == len && memcmp(flag, name, len) == 0) break;
    }
    return row;
}

static size_t find_short(const struct opt_set *s, char c)
{
    size_t row = 0;
    while (row < s->count && s->table[row].short_flag != c)
        row++;
    return row;
}

static int put(struct args *a, size_t row, const char *text, const char *label)
{
    void *field = opt_take(a->s, row, OPT_FROM_FLAG) ? opt_field(a->s, row) : NULL;
    return opt_put(&a->s->table[row], field, text, label, a->e);
}

/* The next argument as a flag's value. */
static int put_next(struct args *a, size_t row, const char *label)
{
    const char *name = a->s->table[row].value_name;
    const char *hint = name ? name : "VALUE";
    if (a->at == a->argc) {
        return err_set(a->e, ERR_INVALID, "%s needs a value: %s %s", label, label, hint);
    }
    char *value = a->argv[a->at];
    /* the value was forgotten, most likely; one that looks like this can be given as
     * --flag=VALUE */
    bool is_flag =
        str_eq(value, "--") || (str_starts(value, "--") &&
                                find_flag(a->s, value + 2, strcspn(value + 2, "=")) < a->s->count);
    if (is_flag) {
        char shown[STR_QUOTE_SIZE];
        return err_set(a->e, ERR_INVALID, "%s needs a value (%s), but %s follows", label, hint,
                       str_quote(shown, value));
    }
    a->flags[a->flag_count++] = value;
    a->at++;
    return put(a, row, value, label);
}

static int long_flag(struct args *a, const char *arg)
{
    const char *name = arg + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] ? name + len + 1 : NULL;
    char label[LABEL_SIZE];
    snprintf(label, sizeof label, "--%.*s", len < 100 ? (int)len : 100, name);
    size_t row = find_flag(a->s, name, len);
    bool off = false;
    if (row == a->s->count && len > 3 && str_starts(name, "no-")) {
        row = find_flag(a->s, name + 3, len - 3);
        off = row < a->s->count && a->s->table[row].type == OPT_BOOL;
        if (!off) row = a->s->count;
    }
    if (row == a->s->count) {
        if (len == 4 && str_starts(name, "help")) {
            if (value) return err_set(a->e, ERR_INVALID, "%s takes no value", label);
            a->out->help = true;
            return 0;
        }
        return unknown_flag(a, label);
    }
    if (a->s->table[row].type == OPT_BOOL) {
        if (value) return err_set(a->e, ERR_INVALID, "%s takes no value", label);
        return put(a, row, off ? "false" : "true", label);
    }
    return value ? put(a, row, value, label) : put_next(a, row, label);
}

/* -o value, -ovalue, -o=value, -vo value (v without a value). */
static int short_flags(struct args *a, const char *arg)
{
    for (const char *c = arg + 1; *c; c++) {
        char label[3] = {'-', *c, '\0'};
        size_t row = find_short(a->s, *c);
        if (row == a->s->count) {
            if (*c == 'h') {
                a->out->help = true;
                return 0;
            }
            return unknown_flag(a, c == arg + 1 ? arg : label);
        }
        bool equals = c[1] == '=';
        if (a->s->table[row].type != OPT_BOOL) {
            return c[1] ? put(a, row, c + 1 + equals, label) : put_next(a, row, label);
        }
        if (equals) return err_set(a->e, ERR_INVALID, "%s takes no value", label);
        int rc = put(a, row, "true", label);
        if (rc != 0) return rc;
    }
    return 0;
}

/* ---- all flags ------------------------------------------------------------------------------- */

static void rest_is_positional(struct args *a)
{
    while (a->at < a->argc)
        a->positional[a->positional_count++] = a->argv[a->at++];
}

static int next(struct args *a)
{
    char *arg = a->argv[a->at];
    bool is_flag = arg[0] == '-' && arg[1]; /* "-" alone means standard input */
    if (!is_flag) {
        a->positional[a->positional_count++] = arg;
        a->at++;
        return 0;
    }
    a->flags[a->flag_count++] = arg;
    a->at++;
    if (str_eq(arg, "--")) {
        a->out->dashdash = a->positional_count;
        rest_is_positional(a);
        return 0;
    }
    return str_starts(arg, "--") ? long_flag(a, arg) : short_flags(a, arg);
}

/* Flags, then positional arguments, then (after --help) the arguments that were not read. */
static void permute(struct args *a)
{
    char **at = a->argv + 1;
    int left = a->argc - a->at;
    memmove(at + a->flag_count + a->positional_count, a->argv + a->at, (size_t)left * sizeof *at);
    memcpy(at, a->flags, (size_t)a->flag_count * sizeof *at);
    memcpy(at + a->flag_count, a->positional, (size_t)a->positional_count * sizeof *at);
    a->out->argv = at + a->flag_count;
    a->out->argc = a->positional_count;
}

static int parse(struct args *a)
{
    *a->out = (struct opt_args){.argc = 0, .argv = a->argv, .dashdash = -1};
    if (a->argc <= 1) return 0;
    a->flags = mem_array((size_t)a->argc, sizeof *a->flags);
    a->positional = mem_array((size_t)a->argc, sizeof *a->positional);
    int rc = 0;
    while (rc == 0 && a->at < a->argc && !a->out->help)
        rc = next(a);
    if (rc == 0) permute(a);
    mem_free(a->flags);
    mem_free(a->positional);
    return rc;
}

int opt_parse_args(struct opt_set *s, int argc, char **argv, struct opt_args *out, struct err *e)
{
    struct args a = {.s = s, .argc = argc, .at = 1, .argv = argv, .out = out, .e = e};
    return parse(&a);
}
