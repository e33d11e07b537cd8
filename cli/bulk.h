/* Commands about all jobs that filters choose: `job cancel` and `job retry` without an id. The jobs
 * are counted first, and who sits at a terminal is asked; then those that were counted have their
 * turn, a page at a time. */
#ifndef CADRE_CLI_BULK_H
#define CADRE_CLI_BULK_H

#include "cli/logs.h"
#include "cli/resource.h"

struct bulk_config {
    struct list_config filter; /* first: LIST_AT */
    bool all, dry_run, yes;
    char *unique;
};
#define BULK_AT(field) offsetof(struct bulk_config, field)
#define BULK_OPTIONS                                                                               \
    {.flag = "all",                                                                                \
     .type = OPT_BOOL,                                                                             \
     .offset = BULK_AT(all),                                                                       \
     .help = "instead of filters: all jobs"},                                                      \
        {.flag = "dry-run",                                                                        \
         .type = OPT_BOOL,                                                                         \
         .offset = BULK_AT(dry_run),                                                               \
         .help = "only count the jobs that the filters choose"},                                   \
    {                                                                                              \
        .flag = "yes", .type = OPT_BOOL, .offset = BULK_AT(yes),                                   \
        .help = "do not ask; needed where standard input is no terminal"                           \
    }

/* What one of the commands says and does. */
#define BULK_COUNTS 5
struct bulk_verb {
    const char *rest;                /* of the path: "cancel" */
    const char *question[2];         /* "Cancel it?", "Cancel them?" */
    bool keyed;                      /* a page has an idempotency key; else it may be repeated */
    const char *counts[BULK_COUNTS]; /* members of an answer, "matched" first; NULL: no more */
    /* One of the answer's `jobs`, as text, which has `error` when it was refused; NULL: an answer
     * has none. */
    void (*print)(struct cli *cli, const struct json *job);
    /* The sums in words. */
    void (*tell)(struct cli *cli, const int64_t sums[BULK_COUNTS]);
};

/* Is the command about filters, and not about ids alone? These may come with --yes. */
bool bulk_is_asked(const struct bulk_config *c, const struct opt_args *args);
/* Returns the exit code; failures are printed. */
int bulk_run(struct cli *cli, const struct bulk_config *c, const struct opt_args *args,
             const struct bulk_verb *v);

#endif
