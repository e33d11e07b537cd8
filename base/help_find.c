/* Which command the words of a command line name: see help.h. */
#include "base/help_words.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* ---- words and options ----------------------------------------------------------------------- */

static bool is_flag_of(const struct opt *o, const char *arg)
{
    if (arg[1] != '-') return o->short_flag && arg[1] == o->short_flag && !arg[2];
    return str_eq(o->flag, arg + 2);
}

static bool row_takes_value(const struct opt *table, size_t count, const char *arg)
{
    for (size_t i = 0; i < count; i++)
        if (is_flag_of(&table[i], arg)) return table[i].type != OPT_BOOL;
    return false;
}

/* Is the argument behind this option its value? Of an option that no command has: no. */
static bool takes_next(const struct help_program *p, const char *arg)
{
    bool takes = row_takes_value(p->globals, p->global_count, arg);
    for (size_t i = 0; i < p->command_count && !takes; i++)
        takes = row_takes_value(p->commands[i].options, p->commands[i].option_count, arg);
    return takes;
}

void help_words(const struct help_program *p, int argc, char *const *argv, struct help_words *w)
{
    *w = (struct help_words){.count = 0};
    for (int i = 0; i < argc && w->count < HELP_WORDS && !str_eq(argv[i], "--"); i++) {
        if (argv[i][0] != '-' || !argv[i][1]) {
            w->text[w->count] = argv[i];
            w->at[w->count++] = i;
            continue;
        }
        bool help = str_eq(argv[i], "--help") || str_eq(argv[i], "-h");
        w->help = w->help || help;
        w->options = w->options || !help;
        if (takes_next(p, argv[i])) i++;
    }
}

char *help_words_join(const struct help_words *w, int n)
{
    struct buf b;
    buf_init(&b, 64 * 1024);
    for (int i = 0; i < n; i++)
        (void)buf_addf(&b, "%s%s", i ? " " : "", w->text[i]);
    return buf_detach(&b);
}

static void to_front(const struct help_words *w, int n, char **argv)
{
    for (int i = 0; i < n; i++) {
        char *word = argv[w->at[i]];
        memmove(argv + i + 1, argv + i, (size_t)(w->at[i] - i) * sizeof *argv);
        argv[i] = word;
    }
}

static const struct help_command *by_name(const struct help_program *p, const char *name)
{
    for (size_t i = 0; i < p->command_count; i++)
        if (str_eq(p->commands[i].name, name)) return &p->commands[i];
    return NULL;
}

const struct help_command *help_find(const struct help_program *p, int argc, char **argv,
                                     int *words)
{
    struct help_words w;
    const struct help_command *found = NULL;
    help_words(p, argc, argv, &w);
    *words = 0;
    for (int n = w.count; n > 0 && !found; n--) {
        char *name = help_words_join(&w, n);
        found = by_name(p, name);
        mem_free(name);
        if (!found) continue;
        to_front(&w, n, argv);
        *words = n;
    }
    return found;
}

/* What follows the noun in the command's name, or NULL. */
static const char *verb_of(const struct help_command *c, const char *noun)
{
    size_t len = strlen(noun);
    return strncmp(c->name, noun, len) == 0 && c->name[len] == ' ' ? c->name + len + 1 : NULL;
}

bool help_is_noun(const struct help_program *p, const char *noun)
{
    for (size_t i = 0; i < p->command_count; i++)
        if (verb_of(&p->commands[i], noun)) return true;
    return false;
}

/* ---- options --------------------------------------------------------------------------------- */

bool help_takes(const struct help_command *c, const char *flag)
{
    size_t len = strlen(flag), n;
    if (!c->flags) {
        for (size_t i = 0; i < c->option_count; i++)
            if (str_eq(c->options[i].flag, flag)) return true;
        return false;
    }
    for (const char *s = c->flags; *s; s += n + (s[n] == ' ')) {
        n = strcspn(s, " ");
        if (n == len && memcmp(s, flag, n) == 0) return true;
    }
    return false;
}

int help_check_flags(const struct help_program *p, const struct help_command *c,
                     const struct opt_set *s, struct err *e)
{
    for (size_t i = 0; i < s->count; i++) {
        const char *flag = s->table[i].flag;
        if (!flag || s->sources[i] != OPT_FROM_FLAG || help_takes(c, flag)) continue;
        return err_set(e, ERR_INVALID, "--%s is not an option of '%s %s'; see '%s %s --help'", flag,
                       p->name, c->name, p->name, c->name);
    }
    return 0;
}

/* ---- suggestions ----------------------------------------------------------------------------- */

static const char *said(const struct help_word *list, const char *word)
{
    for (; list && list->said; list++)
        if (str_eq(list->said, word)) return list->meant;
    return NULL;
}

/* Our noun for a word: itself, its plural, or what others call it. */
static const char *noun_for(const struct help_program *p, const char *word)
{
    size_t len = strlen(word);
    char *one = mem_strndup(word, len > 1 && word[len - 1] == 's' ? len - 1 : len);
    const char *noun = said(p->said_nouns, word);
    if (!noun) noun = said(p->said_nouns, one);
    for (size_t i = 0; i < p->noun_count && !noun; i++)
        if (str_eq(p->nouns[i].name, word) || str_eq(p->nouns[i].name, one))
            noun = p->nouns[i].name;
    mem_free(one);
    return noun;
}

static const char *nearest_noun(const struct help_program *p, const char *word)
{
    const char **names = mem_array(p->noun_count + 1, sizeof *names);
    for (size_t i = 0; i < p->noun_count; i++)
        names[i] = p->nouns[i].name;
    const char *near = str_nearest(word, names, p->noun_count);
    mem_free(names);
    return near;
}

static const struct help_command *with_verb(const struct help_program *p, const char *noun,
                                            const char *verb)
{
    for (size_t i = 0; i < p->command_count; i++)
        if (str_eq(verb_of(&p->commands[i], noun), verb)) return &p->commands[i];
    return NULL;
}

/* The noun's command for a verb: its own, what others call it, or one of similar spelling. */
static const struct help_command *verb_for(const struct help_program *p, const char *noun,
                                           const char *word)
{
    const struct help_command *c = with_verb(p, noun, word);
    for (const struct help_word *w = p->said_verbs; w && w->said && !c; w++)
        if (str_eq(w->said, word)) c = with_verb(p, noun, w->meant);
    if (c) return c;
    const char **names = mem_array(p->command_count + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < p->command_count; i++)
        if (verb_of(&p->commands[i], noun)) names[n++] = verb_of(&p->commands[i], noun);
    const char *near = str_nearest(word, names, n);
    mem_free(names);
    return near ? with_verb(p, noun, near) : NULL;
}

/* "get jobs", "delete group": the verb in front. */
static const char *turned_round(const struct help_program *p, const struct help_words *w)
{
    const char *noun = w->count > 1 ? noun_for(p, w->text[1]) : NULL;
    const struct help_command *c = noun ? verb_for(p, noun, w->text[0]) : NULL;
    return c ? c->name : NULL;
}

static const char *of_noun(const struct help_program *p, const struct help_words *w,
                           const char *noun)
{
    if (!noun) return NULL;
    bool is_one = w->count == 1 || str_eq(w->text[1], "help");
    const struct help_command *c = verb_for(p, noun, is_one ? "list" : w->text[1]);
    if (c) return c->name;
    return str_eq(noun, w->text[0]) ? NULL : noun;
}

static const char *spelled(const struct help_program *p, const char *name)
{
    const char **names = mem_array(p->command_count + p->noun_count + 1, sizeof *names);
    size_t n = 0;
    for (size_t i = 0; i < p->command_count; i++)
        names[n++] = p->commands[i].name;
    for (size_t i = 0; i < p->noun_count; i++)
        /* two edits make any short word of any other */
        if (strlen(p->nouns[i].name) > 4 || strncmp(p->nouns[i].name, name, 2) == 0)
            names[n++] = p->nouns[i].name;
    const char *near = str_nearest(name, names, n);
    mem_free(names);
    return near;
}

static const char *suggestion(const struct help_program *p, const struct help_words *w)
{
    char *two = help_words_join(w, w->count > 1 ? 2 : 1);
    const char *near = said(p->said_commands, two);
    if (!near) near = turned_round(p, w);
    if (!near) near = of_noun(p, w, noun_for(p, w->text[0]));
    bool ours = help_is_noun(p, w->text[0]);
    if (!near && !ours) near = said(p->said_commands, w->text[0]);
    if (!near && !ours && w->count > 1) near = of_noun(p, w, nearest_noun(p, w->text[0]));
    if (!near && !ours) near = spelled(p, two);
    if (!near && !ours) near = spelled(p, w->text[0]);
    mem_free(two);
    return near;
}

static void list_verbs(const struct help_program *p, const char *noun, struct buf *out)
{
    for (size_t i = 0; i < p->command_count; i++) {
        const char *verb = verb_of(&p->commands[i], noun);
        if (verb) (void)buf_addf(out, "%s%s", out->len ? ", " : "", verb);
    }
}

int help_unknown(const struct help_program *p, int argc, char *const *argv, struct err *e)
{
    struct help_words w;
    struct buf verbs;
    char shown[STR_QUOTE_SIZE];
    help_words(p, argc, argv, &w);
    if (w.count == 0)
        return err_set(e, ERR_INVALID, "unknown option %s; see '%s help'",
                       str_quote(shown, argc > 0 ? argv[0] : ""), p->name);
    bool noun = help_is_noun(p, w.text[0]);
    bool pair = w.count > 1 && (noun_for(p, w.text[0]) || noun_for(p, w.text[1]));
    char *two = help_words_join(&w, pair ? 2 : 1);
    str_quote(shown, two);
    mem_free(two);
    const char *near = noun && w.count == 1 ? NULL : suggestion(p, &w);
    if (near)
        return err_set(e, ERR_INVALID, "unknown command %s; did you mean '%s %s'?", shown, p->name,
                       near);
    if (!noun) return err_set(e, ERR_INVALID, "unknown command %s; see '%s help'", shown, p->name);
    buf_init(&verbs, 4096);
    list_verbs(p, w.text[0], &verbs);
    int rc = w.count > 1
                 ? err_set(e, ERR_INVALID, "%s is not a command; the commands of '%s' are: %s",
                           shown, w.text[0], verbs.data)
                 : err_set(e, ERR_INVALID, "%s needs a command: %s", shown, verbs.data);
    buf_fini(&verbs);
    return rc;
}
