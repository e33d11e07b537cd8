/* What the commands of `cadre` share: the table of commands, the global options, output. */
#ifndef CADRE_CLI_CLI_H
#define CADRE_CLI_CLI_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/opt.h"
#include "cli/client.h"
#include "cli/out.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit codes of our own (design 8); `run` adds the job's. */
#define EXIT_OK 0
#define EXIT_ERROR 1 /* the command failed */
#define EXIT_USAGE 2 /* the command line is wrong */
#define EXIT_TIMEOUT 124
#define EXIT_CADRE 125 /* Cadre could not run the job */
#define EXIT_CANCELLED 137

/* What a file of a token has to hold, for messages. */
#define CLI_API_TOKEN "an API token ('cadre token create api' prints one)"

struct command;
struct resource;

struct cli {
    char *url, *token, *token_file, *wait,
        *output; /* as given by flag, environment or the user's config file */
    bool help;
    char *resolved_token; /* found by cli_client */
    char *token_from;     /* the file that it was in, or NULL */
    char *resolved_url;
    struct client *client;
    const struct command *command; /* the command that runs */
    struct out out;                /* what is printed */
};

struct command {
    const char *name;      /* "job list" */
    const char *arguments; /* for help: "ID" */
    const char *summary;   /* one line */
    const char *details;   /* more, or NULL */
    const char *example;   /* whole command lines, one a line */
    const struct opt *options;
    size_t option_count;
    size_t config_size; /* of the struct that the options fill */
    int usage_code;     /* exit code of a wrong command line; 0: EXIT_USAGE */
    bool takes_paths;   /* arguments name files of this machine: any bytes. All else is UTF-8 */
    bool takes_words;   /* arguments go to a job as they are, empty ones as well */
    int lost_code;      /* exit code when standard output cannot be written; 0: EXIT_ERROR */
    /* Of commands that resource_list and resource_run run: see resource.h. */
    const struct resource *resource;
    const char *method, *rest; /* the request; rest: path behind the name, or NULL */
    void (*print)(struct out *out, const char *name,
                  const struct json *answer); /* NULL: as `show` does */
    /* args: positional arguments. Returns the exit code; errors are printed by cli_fail. */
    int (*run)(struct cli *cli, void *config, const struct opt_args *args);
};

/* Connects on first use: finds address and token (flag, environment, config file, the coordinator's
 * own state folder for root). NULL: printed already. */
struct client *cli_client(struct cli *cli);
bool cli_json(const struct cli *cli);
/* ---- standard error (tell.c) ----
 * As all that is printed, each line is escaped as a whole: see out.h. With -o json each is one
 * object: {"error": {"code", "message", "field"}} or {"note": "..."}. */

/* "cadre: sentence"; returns `code`. */
int cli_fail(const struct cli *cli, int code, const struct err *e);
/* The same of a wrong command line; what is wrong with a file that it names keeps its own code. */
int cli_fail_usage(const struct cli *cli, int code, const struct err *e);
/* The same for a wrong command line; returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *fmt, ...) CADRE_PRINTF(2, 3);
/* The lines of the files instead, "a.yaml:9: message", when the answer lists problems of files. */
int cli_fail_problems(const struct cli *cli, int code, const struct response *r,
                      const struct err *e);
void cli_note(const struct cli *cli, const char *fmt, ...) CADRE_PRINTF(2, 3); /* chatter */
/* The same from inside the client's loop: does not wait for a slow reader of stderr. */
void cli_note_now(const struct cli *cli, const char *fmt, ...) CADRE_PRINTF(2, 3);

/* One request; on failure prints and returns NULL. The response is the caller's to fini when not
 * NULL is returned. */
const struct json *cli_call(struct cli *cli, const char *method, const char *target,
                            const char *body, struct response *out);
/* "/api/v1/jobs/" + encoded name; mem_free. */
char *cli_path(const char *collection, const char *name, const char *rest);
/* "company.team/nightly" as it is, with as many words between slashes as `form`
 * ("NAMESPACE/FLOW"); "company.team.nightly", as people also write it, becomes that. mem_free.
 * NULL: printed already. */
char *cli_slashed(const struct cli *cli, const char *place, const char *form);
/* The same as a path below the collection; mem_free. NULL: printed already. */
char *cli_place(const struct cli *cli, const char *collection, const char *place, const char *rest,
                const char *form);
/* Appends ?key=value or &key=value; value NULL: nothing. */
void cli_query(struct buf *target, const char *key, const char *value);

/* An idempotency key: a copy of `given`, or made up: the time and 96 random bits. Keys that sort by
 * time stand together in the coordinator's index, which costs it less. NULL: no randomness.
 * mem_free */
char *cli_key(const char *given);
int cli_check_key(const char *value, struct err *e); /* for option tables */
int cli_check_wait(const char *value, struct err *e);

/* `--require K=EXPR` options as member `member` of the object that w is in. ERR_INVALID: an item is
 * not K=EXPR. */
int cli_write_requires(struct jw *w, const char *member, const struct opt_list *list,
                       struct err *e);

/* A table of text: columns aligned, header in capitals, nothing but the header when empty. */
#define TABLE_COLUMNS 10
struct table {
    size_t columns;
    size_t rows;
    char **cells;
    const char *head[TABLE_COLUMNS];
};
void table_init(struct table *t, size_t columns, const char *const *head);
void table_add(struct table *t, const char *const *cells); /* NULL cells print as "-" */
void table_print(struct table *t, struct out *out);        /* frees */
void table_fini(struct table *t);                          /* frees without printing */

/* Short forms for people. out: at least DURATION_TEXT_SIZE. */
void text_age(const char *rfc3339, char *out);   /* "3m" since then; "-" when NULL */
bool text_until(const char *rfc3339, char *out); /* "3m" until then; false: NULL, or it is past */
/* "label: value" lines of a show command. NULL values print "-". */
void show_line(struct out *out, const char *label, const char *value);
const char *text_of(const struct json *j, char *scratch,
                    size_t size); /* string as it is, numbers and booleans as text, null: NULL */

/* ~/.config/cadre/config.yaml */
int user_config_write(const char *url, const char *token, char **path, struct err *e);

#endif
