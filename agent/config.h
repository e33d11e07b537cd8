/* agent.yaml, its flags and environment variables. */
#ifndef CADRE_AGENT_CONFIG_H
#define CADRE_AGENT_CONFIG_H

#include "base/buf.h"
#include "base/err.h"
#include "base/opt.h"
#include "wire/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct agent_config {
    char *config_path;
    char *state;
    struct opt_list coordinator; /* "host:port", tried in turn */
    char *group;                 /* its key, or several with commas between; NULL: not said */
    struct opt_list groups;      /* the same as a list, in the file alone */
    char *name;                  /* NULL: the host's name */
    int64_t slots;               /* 0: number of processors */
    struct opt_map labels;
    int64_t drain_timeout_ms;
    int64_t disk_reserve_bytes; /* 0: none */
    struct opt_map env;
    char *log_level;
    char *metrics_file;            /* NULL: none */
    bool replace, no_start;        /* join only */
    char *account, *password_file; /* service install only */

    struct opt_set set; /* where each value comes from; filled by agent_config_load */
};

/* The options of all commands; main.c has which command takes which. */
#define AGENT_OPTIONS 17
extern const struct opt agent_options[AGENT_OPTIONS];

/* Flags, environment, file (a missing file is fine unless --config named it and argv[0] does not
 * end in "join"), defaults, checks across settings. args: the rest of argv. On help
 * only args->help is set. On failure *c needs no fini. */
int agent_config_load(struct agent_config *c, int argc, char **argv, struct opt_args *args,
                      struct err *e);
/* The same, but collects all problems of environment and file, a line each (opt.h); when it fails
 * and there are none, e tells. */
int agent_config_check(struct agent_config *c, int argc, char **argv, struct opt_args *args,
                       struct buf *problems, struct err *e);
void agent_config_fini(struct agent_config *c);
/* Takes the settings out of `fresh` that may change while jobs run; what the two had of them is
 * swapped. *others: the keys of settings that differ and need a restart of the agent ("group,
 * name"), appended. */
void agent_config_take(struct agent_config *c, struct agent_config *fresh, struct buf *others);
/* Was the setting of this key given on the command line or by the environment? */
bool agent_config_given(const struct agent_config *c, const char *key);
/* The worker groups that it serves. */
struct agent_groups {
    char *keys[LIMIT_GROUPS + 1];
    size_t count; /* 0: none is said, so it is the default group */
    char *list;   /* JSON array text of several; NULL: there is one */
    char *names;  /* for people: "a,b" */
};
void agent_config_groups(const struct agent_config *c, struct agent_groups *out);
void agent_groups_fini(struct agent_groups *g);
/* Name and slots with their defaults filled in: never NULL, never 0. name: mem_free. */
char *agent_config_name(const struct agent_config *c);
int64_t agent_config_slots(const struct agent_config *c);

/* Sets top-level keys in the file's text and leaves every other line as it is. Without values and
 * map the key is left alone. Values are quoted as YAML needs it. `coordinator` may be a list. */
struct config_edit {
    const char *key;
    const char *const *values;
    size_t count;              /* 1: a scalar; more: a flow list */
    const struct opt_map *map; /* instead of values: a flow mapping */
    bool number;               /* the value stands without quotes */
    bool drop;                 /* instead of values: the setting is taken out */
};
/* ERR_INVALID: YAML of a form that the edit does not know; `path` is for the sentence. */
int config_text_edit(const char *path, const char *text, const struct config_edit *edits,
                     size_t count, struct buf *out, struct err *e);

#endif
