/* Option tables: one row per setting gives its flag, its environment variable, its place in the
 * config file, its checks, its default and its help. Order: flag > environment > file > default.
 * The sources may be read in any sequence: what a stronger one has set stays, a weaker one's value
 * is checked all the same. Lists and maps are replaced by a stronger source, not merged.
 * The same machinery serves the command lines of the CLI (rows without a file key). */
#ifndef CADRE_BASE_OPT_H
#define CADRE_BASE_OPT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
    OPT_STRING,   /* char *, mem_free'd by opt_fini */
    OPT_INT,      /* int64_t, range min..max (both 0: no range) */
    OPT_BOOL,     /* bool; as a flag takes no value; --no-X sets false; in files true/false */
    OPT_DURATION, /* int64_t milliseconds; range in milliseconds */
    OPT_SIZE,     /* int64_t bytes */
    OPT_LIST,     /* struct opt_list; a flag may be repeated; file: list of strings or one string;
                     environment: comma-separated */
    OPT_MAP,      /* struct opt_map; flag K=V repeated; file: a mapping of scalars */
    OPT_TREE,     /* struct json *, an object or NULL; in the file alone: a mapping whose members
                     check_member knows */
};

struct opt_list {
    char **items;
    size_t count;
};
struct opt_map {
    struct opt_pair {
        char *key, *value;
    } * items;
    size_t count;
};

struct opt {
    const char *flag; /* "worker-group" for --worker-group; NULL: not a flag */
    char short_flag;  /* 'o' for -o; 0: none */
    const char *env;  /* "CADRE_GROUP"; NULL: none */
    const char *key;  /* dotted path in the file: "limits.output"; NULL: not in the file */
    enum opt_type type;
    size_t offset;        /* offsetof(struct config, field) */
    const char *fallback; /* default as text, NULL: zero/NULL/empty */
    int64_t absent;       /* OPT_INT without a fallback: its value when nobody set it */
    int64_t min, max;
    bool is_path;   /* names a file of this machine: any bytes. All else is UTF-8 */
    bool may_clear; /* of a list or of choices: an empty value is taken; it clears a setting */
    const char *value_name; /* for help: "ADDR:PORT"; NULL: the choices */
    const char *choices;    /* "WAIT|FAIL": the only values, in this case; NULL: any value */
    const char *help;       /* one sentence, no full stop */
    /* OPT_STRING: how a value that may hold a secret is shown, in messages and by opt_print; takes
     * any text, and NULL where nobody set it; mem_free. NULL: as it is. */
    char *(*shown)(const char *value);
    /* More checks; NULL: none. Gets the text: of a list each item, of a map each "KEY=VALUE".
     * Sets e->msg to what is wrong ("a key has at most 63 ..."). */
    int (*check)(const char *value, struct err *e);
    /* OPT_TREE: one member of the mapping, which has a key. *where: the node that is wrong, of the
     * member's; it is the member at first. */
    int (*check_member)(const struct json *member, const struct json **where, struct err *e);
    /* The same when the whole file was read, for what depends on other settings; NULL: nothing.
     * config: the struct with the settings so far. */
    int (*check_beside)(const struct json *member, const void *config, const struct json **where,
                        struct err *e);
};

enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENV, OPT_FROM_FLAG };

struct opt_set {
    const struct opt *table;
    size_t count;
    void *config;             /* the struct that the offsets are into */
    enum opt_source *sources; /* per row, who set it */
    /* Options that stand elsewhere on the same command line: opt_parse_args suggests them as well.
     * NULL: none. */
    const struct opt *others;
    size_t other_count;
    /* Where all problems of environment and file are collected, a line each, and the reading goes
     * on behind each; NULL: the first ends it. */
    struct buf *problems;
};
/* After a failure: is it collected, so that the reading goes on? */
bool opt_goes_on(const struct opt_set *s, const struct err *e);

void opt_init(struct opt_set *s, const struct opt *table, size_t count,
              void *config);      /* sets defaults */
void opt_fini(struct opt_set *s); /* frees strings, lists, maps and sources */

/* Parses flags (--flag value, --flag=value, -o value, -ovalue, -o=value, "--" ends). argv[0] is the
 * program's (or command's) name and stands in messages: "see 'PROG --help'". Positional arguments
 * are moved behind the flags, in their order. Unknown flag: ERR_INVALID, names it and the nearest
 * one. A scalar's flag given twice: the last counts. Sees "--help"/"-h" (unless the table has
 * them): returns 0 at once and sets `help`. */
struct opt_args {
    int argc;     /* positional arguments in argv[0..argc), after "--" everything is positional */
    char **argv;  /* points into the caller's argv array (permuted) */
    int dashdash; /* index in this argv of the first argument behind "--", -1 when there was none */
    bool help;
};
int opt_parse_args(struct opt_set *s, int argc, char **argv, struct opt_args *out, struct err *e);
/* `what` is UTF-8? Else ERR_INVALID: "LABEL: 'gr?n': not UTF-8 at byte 3". */
int opt_check_utf8(const char *label, const char *what, struct err *e);
/* Reads what the environment has; an empty variable counts as absent. `get` is getenv-like.
 * Message: "CADRE_SLOTS: '4x' is not a number". */
int opt_parse_env(struct opt_set *s, const char *(*get)(const char *name, void *user), void *user,
                  struct err *e);
/* A parsed config file; path stands in messages: "agent.yaml:3: unknown key 'slot', did you mean
 * 'slots'?". null (also nothing behind the colon) counts as absent. */
int opt_parse_file(struct opt_set *s, const char *path, const struct yaml_doc *doc, struct err *e);

/* Effective config as YAML text, each key with a comment telling where it came from; paths that
 * have a flag and no key stand in front, as comments. Read back as a file it gives the same config
 * (rows with a key). */
void opt_print(const struct opt_set *s, struct buf *out);
/* " --flag VALUE help (default: x; also CADRE_X, key x)" lines, aligned, wrapped at 100 columns. */
void opt_help(const struct opt *table, size_t count, struct buf *out);
/* The same without the line of --help. */
void opt_help_rows(const struct opt *table, size_t count, struct buf *out);
/* One row in its two parts: "-o, --output FORMAT", "how results ... (default: table)". */
void opt_help_row(const struct opt *o, struct buf *left, struct buf *right);

#endif
