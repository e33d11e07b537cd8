/* The commands of a program as one table. Everything that is told of a command comes from its row:
 * help in all its forms, the manual page, the completion of shells, suggestions for what does not
 * exist, and which options the command takes. */
#ifndef CADRE_BASE_HELP_H
#define CADRE_BASE_HELP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"

#include <stdbool.h>
#include <stddef.h>

struct help_command {
    const char *name;      /* "job list": one to HELP_WORDS words */
    const char *arguments; /* "ID", or "" */
    const char *summary;   /* one line, lower case, no full stop */
    const char *details;   /* paragraphs, or NULL */
    const char *example;   /* whole command lines, one a line */
    const struct opt *options;
    size_t option_count;
    const char *flags; /* of `options` only these, separated by blanks; NULL: all of them */
};
#define HELP_WORDS 3

/* The first words of commands of several words. */
struct help_noun {
    const char *name, *summary;
};

/* What people say, and our word for it. */
struct help_word {
    const char *said, *meant;
};

struct help_program {
    const char *name;
    const char *summary; /* one sentence */
    const char *first;   /* the first command lines to try, one a line */
    const char *last;    /* closing lines of the overview */
    const struct help_command *commands;
    size_t command_count;
    const struct help_noun *nouns;
    size_t noun_count;
    const struct opt *globals; /* options that stand anywhere in front of "--" */
    size_t global_count;
    /* Usual words of other programs, up to a row of NULL; NULL: none. */
    const struct help_word *said_nouns;    /* "pod": "job" */
    const struct help_word *said_verbs;    /* "ls": "list"; a word may stand several times */
    const struct help_word *said_commands; /* "ps": "job list" */
};

/* ---- finding (help_find.c) ---- */

/* The command that the words of argv name, the longest name first; its words stand in front
 * afterwards, and the options that stood between or before them follow. *words: how many; 0 when
 * NULL is returned. argv has argc arguments without the program's name. */
const struct help_command *help_find(const struct help_program *p, int argc, char **argv,
                                     int *words);
/* Do the commands of this noun ("job", "token create") exist? */
bool help_is_noun(const struct help_program *p, const char *noun);
/* "unknown command 'ps'; did you mean 'cadre job list'?" for arguments that help_find does not
 * know. Returns ERR_INVALID. */
int help_unknown(const struct help_program *p, int argc, char *const *argv, struct err *e);
/* Does the command take this option? */
bool help_takes(const struct help_command *c, const char *flag);
/* ERR_INVALID for an option of the command line that is not the command's; s was parsed with all
 * of the command's `options`. */
int help_check_flags(const struct help_program *p, const struct help_command *c,
                     const struct opt_set *s, struct err *e);

/* ---- texts (help.c) ---- */

void help_overview(const struct help_program *p, struct buf *out);
void help_of_noun(const struct help_program *p, const char *noun, struct buf *out);
void help_of_command(const struct help_program *p, const struct help_command *c, struct buf *out);
/* The rows of the command's options; mem_free. */
struct opt *help_options(const struct help_command *c, size_t *count);
/* ---- asking (help_topic.c) ---- */

/* What `PROGRAM help WORD...` prints. argv: the words, with options. "--man" and "--completion"
 * alone print the parts below. ERR_INVALID as help_unknown. */
int help_topic(const struct help_program *p, int argc, char **argv, struct buf *out, struct err *e);
/* Do the arguments ask for help of a noun or of the program (`job`, `job --help`, `--help job`)?
 * Then that is appended. false: they are for a command, or unknown. */
bool help_is_asked(const struct help_program *p, int argc, char **argv, struct buf *out,
                   struct err *e);

/* ---- for other programs (help_export.c) ---- */

/* What stands in a manual page's section COMMANDS, in roff, and the section of the options for
 * every command. */
void help_man(const struct help_program *p, struct buf *out);
/* A file for bash-completion. */
void help_completion(const struct help_program *p, struct buf *out);

#endif
