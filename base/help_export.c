/* Help for other programs, man and bash: see help.h. */
#include "base/help.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* ---- roff ------------------------------------------------------------------------------------ */

static void roff_text(struct buf *out, const char *text, size_t len)
{
    if (len > 0 && (text[0] == '.' || text[0] == '\'')) (void)buf_adds(out, "\\&");
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\')
            (void)buf_adds(out, "\\e");
        else if (text[i] == '-')
            (void)buf_adds(out, "\\-");
        else
            (void)buf_addc(out, text[i]);
    }
}

static void roff_lines(struct buf *out, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        roff_text(out, text, n);
        (void)buf_addc(out, '\n');
        text += n + (text[n] == '\n');
    }
}

static void roff_options(struct buf *out, const struct opt *rows, size_t count)
{
    struct buf left, right;
    buf_init(&left, 4096);
    buf_init(&right, 64 * 1024);
    for (size_t i = 0; i < count; i++) {
        buf_clear(&left);
        buf_clear(&right);
        opt_help_row(&rows[i], &left, &right);
        (void)buf_adds(out, ".TP\n\\fB");
        roff_text(out, left.data, left.len);
        (void)buf_adds(out, "\\fR\n");
        roff_lines(out, right.data);
    }
    buf_fini(&left);
    buf_fini(&right);
}

static void roff_command(const struct help_program *p, const struct help_command *c,
                         struct buf *out)
{
    size_t count;
    struct opt *rows = help_options(c, &count);
    struct buf usage;
    buf_init(&usage, 4096);
    (void)buf_addf(&usage, "%s %s%s%s%s", p->name, c->name, count ? " [OPTION]..." : "",
                   c->arguments[0] ? " " : "", c->arguments);
    (void)buf_adds(out, ".SS ");
    roff_text(out, usage.data, usage.len);
    (void)buf_addc(out, '\n');
    roff_lines(out, c->summary);
    if (c->details) (void)buf_adds(out, ".PP\n");
    roff_lines(out, c->details);
    roff_options(out, rows, count);
    (void)buf_adds(out, ".PP\n.nf\n");
    roff_lines(out, c->example);
    (void)buf_adds(out, ".fi\n");
    buf_fini(&usage);
    mem_free(rows);
}

void help_man(const struct help_program *p, struct buf *out)
{
    for (size_t i = 0; i < p->command_count; i++)
        roff_command(p, &p->commands[i], out);
    if (!p->global_count) return;
    (void)buf_adds(out, ".SH OPTIONS FOR EVERY COMMAND\n");
    roff_options(out, p->globals, p->global_count);
}

/* ---- bash ------------------------------------------------------------------------------------ */

/* "_cadre_agent" */
static void add_function(struct buf *out, const char *program)
{
    (void)buf_addc(out, '_');
    for (; *program; program++)
        (void)buf_addc(out, *program == '-' ? '_' : *program);
}

static void add_flags(struct buf *out, const struct opt *rows, size_t count, bool only_takers)
{
    for (size_t i = 0; i < count; i++) {
        if (only_takers && rows[i].type == OPT_BOOL) continue;
        (void)buf_addf(out, "--%s ", rows[i].flag);
        if (only_takers && rows[i].short_flag) (void)buf_addf(out, "-%c ", rows[i].short_flag);
    }
}

/* What the value of each option may be: words, or the names of files or folders. */
static void add_values(struct buf *out, const char *indent, const struct opt *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct opt *o = &rows[i];
        if (o->type == OPT_BOOL || (!o->choices && !o->is_path)) continue;
        (void)buf_addf(out, "%s--%s", indent, o->flag);
        if (o->short_flag) (void)buf_addf(out, " | -%c", o->short_flag);
        if (o->choices) {
            (void)buf_adds(out, ") values='");
            for (const char *c = o->choices; *c; c++)
                (void)buf_addc(out, *c == '|' ? ' ' : *c);
            (void)buf_adds(out, "' ;;\n");
        } else {
            (void)buf_addf(out, ") paths=%s ;;\n", str_eq(o->value_name, "DIR") ? "-d" : "-f");
        }
    }
}

static int words_in(const char *name)
{
    int n = 1;
    for (; *name; name++)
        n += *name == ' ';
    return n;
}

static void add_commands(const struct help_program *p, struct buf *out)
{
    for (int words = HELP_WORDS; words > 0; words--) {
        for (size_t i = 0; i < p->command_count; i++) {
            const struct help_command *c = &p->commands[i];
            size_t count;
            if (words_in(c->name) != words) continue;
            struct opt *rows = help_options(c, &count);
            (void)buf_addf(out, "    '%s '*)\n        known=1 flags='", c->name);
            add_flags(out, rows, count, false);
            (void)buf_adds(out, "'\n");
            if (str_starts(c->arguments, "FILE")) (void)buf_adds(out, "        operands=-f\n");
            (void)buf_adds(out, "        case $prev in\n");
            add_values(out, "        ", rows, count);
            (void)buf_adds(out, "        esac ;;\n");
            mem_free(rows);
        }
    }
}

static bool seen_before(const struct help_program *p, size_t row, size_t len)
{
    for (size_t i = 0; i < row; i++) {
        const char *name = p->commands[i].name;
        if (strncmp(name, p->commands[row].name, len) == 0 && (name[len] == ' ' || !name[len]))
            return true;
    }
    return false;
}

/* The words that may follow `prefix` ("", "job", "token create"). */
static void add_next(const struct help_program *p, const char *prefix, struct buf *out)
{
    size_t len = strlen(prefix);
    for (size_t i = 0; i < p->command_count; i++) {
        const char *name = p->commands[i].name;
        if (len > 0 && (strncmp(name, prefix, len) != 0 || name[len] != ' ')) continue;
        size_t start = len > 0 ? len + 1 : 0, n = strcspn(name + start, " ");
        if (!seen_before(p, i, start + n)) (void)buf_addf(out, "%.*s ", (int)n, name + start);
    }
}

static void add_choices(const struct help_program *p, struct buf *out)
{
    (void)buf_adds(out, "    '' | help) choices='");
    add_next(p, "", out);
    (void)buf_adds(out, "help --help --version' ;;\n");
    for (size_t i = 0; i < p->command_count; i++) {
        const char *name = p->commands[i].name;
        for (const char *at = strchr(name, ' '); at; at = strchr(at + 1, ' ')) {
            size_t len = (size_t)(at - name);
            if (seen_before(p, i, len)) continue;
            char *prefix = mem_strndup(name, len);
            (void)buf_addf(out, "    '%s' | 'help %s') choices='", prefix, prefix);
            add_next(p, prefix, out);
            (void)buf_adds(out, "' ;;\n");
            mem_free(prefix);
        }
    }
}

static void add_takers(const struct help_program *p, struct buf *out)
{
    (void)buf_adds(out, "    local takers=' ");
    for (size_t i = 0; i < p->command_count; i++) {
        size_t count;
        struct opt *rows = help_options(&p->commands[i], &count);
        add_flags(out, rows, count, true);
        mem_free(rows);
    }
    add_flags(out, p->globals, p->global_count, true);
    (void)buf_adds(out, "'\n");
}

void help_completion(const struct help_program *p, struct buf *out)
{
    (void)buf_addf(out, "# bash completion of %s, made by '%s help --completion'.\n", p->name,
                   p->name);
    add_function(out, p->name);
    (void)buf_adds(out, "() {\n"
                        "    local cur prev words cword i word skip= command= known= flags=\n"
                        "    local values= paths= operands= choices=\n"
                        "    if declare -F _init_completion >/dev/null; then\n"
                        "        _init_completion -n = || return\n"
                        "    else\n"
                        "        words=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
                        "        cur=${words[cword]} prev=${words[cword - 1]}\n"
                        "    fi\n");
    add_takers(p, out);
    (void)buf_adds(out, "    for ((i = 1; i < cword; i++)); do\n"
                        "        word=${words[i]}\n"
                        "        [[ -n $skip ]] && { skip=; continue; }\n"
                        "        case $word in\n"
                        "        # What follows is a command for another machine.\n"
                        "        --) return ;;\n"
                        "        -*) [[ $takers == *\" $word \"* ]] && skip=1 ;;\n"
                        "        *) command=\"${command:+$command }$word\" ;;\n"
                        "        esac\n"
                        "    done\n"
                        "    case \"$command \" in\n");
    add_commands(p, out);
    (void)buf_adds(out, "    esac\n    case $prev in\n");
    add_values(out, "    ", p->globals, p->global_count);
    (void)buf_adds(out,
                   "    esac\n"
                   "    if [[ -n $values ]]; then\n"
                   "        COMPREPLY=($(compgen -W \"$values\" -- \"$cur\"))\n"
                   "        return\n"
                   "    fi\n"
                   "    if [[ -n $paths || ( -n $operands && $cur != -* && -z $skip ) ]]; then\n"
                   "        COMPREPLY=($(compgen \"${paths:-$operands}\" -- \"$cur\"))\n"
                   "        compopt -o filenames 2>/dev/null\n"
                   "        return\n"
                   "    fi\n"
                   "    [[ -n $skip ]] && return\n"
                   "    if [[ -n $known || $cur == -* ]]; then\n"
                   "        COMPREPLY=($(compgen -W \"${flags}");
    add_flags(out, p->globals, p->global_count, false);
    (void)buf_adds(out, "--help\" -- \"$cur\"))\n"
                        "        return\n"
                        "    fi\n"
                        "    case $command in\n");
    add_choices(p, out);
    (void)buf_adds(out, "    esac\n"
                        "    COMPREPLY=($(compgen -W \"$choices\" -- \"$cur\"))\n"
                        "}\ncomplete -F ");
    add_function(out, p->name);
    (void)buf_addf(out, " %s\n", p->name);
}
