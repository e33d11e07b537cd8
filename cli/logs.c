/* See logs.h. */
#include "cli/logs.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/follow.h"
#include "cli/log_print.h"
#include "cli/resource.h"

int logs_check_since(const char *value, struct err *e)
{
    int64_t ms;
    if (time_parse(value, &ms) == 0 || duration_parse(value, &ms, NULL) == 0) return 0;
    return err_set(e, ERR_INVALID,
                   "is neither a time like 2026-01-31T08:00:00Z nor a duration like 10m");
}

static void add_number(struct buf *query, const char *key, int64_t n)
{
    char text[24];
    (void)str_format(text, sizeof text, "%lld", (long long)n);
    cli_query(query, key, n > 0 ? text : NULL);
}

static void add_query(struct buf *query, const struct logs_config *c)
{
    cli_query(query, "stream", c->stream);
    cli_query(query, "since", c->since);
    add_number(query, "attempt", c->attempt);
    add_number(query, "tail", c->tail);
}

/* ---- what is there now ---- */

static int no_event(const struct json *event, void *user)
{
    (void)event;
    (void)user;
    return 0;
}

struct listing {
    struct log_print print;
    char *job; /* of an execution: the task run at hand */
};

static int on_line(const struct json *line, void *user)
{
    struct listing *l = user;
    const char *job = json_get_str(line, "job", NULL);
    if (job && !str_eq(job, l->job)) {
        mem_free(l->job);
        l->job = mem_strdup(job);
        log_print_begin(&l->print);
    }
    int rc = log_print_line(&l->print, line);
    return l->print.out->lost.code != 0 ? 1 : rc;
}

/* Chunk by chunk, with what is known of each. target: with its query. */
static int print_lines(struct cli *cli, const char *target, const struct logs_config *c,
                       const struct json *job)
{
    struct err e = {0};
    struct client *client = cli_client(cli);
    struct buf full;
    struct listing l = {.print = {.out = &cli->out,
                                  .timestamps = c->timestamps,
                                  .json = cli_json(cli),
                                  .mark_first = json_get_int(job, "attemptCount", 0) > 1,
                                  .job = job}};
    if (!client) return EXIT_ERROR;
    buf_init(&full, 16384);
    (void)buf_adds(&full, target);
    cli_query(&full, "format", "json");
    const struct client_follow f = {.on_event = no_event, .on_line = on_line, .user = &l};
    int rc = client_follow(client, full.data, 0, &f, &e);
    buf_fini(&full);
    mem_free(l.job);
    log_print_fini(&l.print);
    return rc == 0 ? EXIT_OK : cli_fail(cli, EXIT_ERROR, &e);
}

/* ---- jobs ---- */

/* Is there such an attempt? A job that is followed may still get to it. */
static int check_attempt(const struct cli *cli, const char *id, const struct logs_config *c,
                         const struct json *job)
{
    struct err e = {0};
    int64_t count = json_get_int(job, "attemptCount", INT64_MAX);
    if (c->follow || c->attempt <= count) return EXIT_OK;
    err_set(&e, ERR_NOT_FOUND, "the job %s has no attempt %lld: it has %lld so far", id,
            (long long)c->attempt, (long long)count);
    return cli_fail(cli, EXIT_ERROR, &e);
}

static int print_job(struct cli *cli, const char *id, const struct logs_config *c,
                     const struct json *job)
{
    struct buf target;
    char *path = cli_path("jobs", id, "logs");
    bool several = json_get_int(job, "attemptCount", 0) > 1 && c->attempt == 0;
    bool bare = str_eq(c->stream, "stdout") && !c->timestamps && !cli_json(cli) && !several;
    buf_init(&target, 16384);
    (void)buf_adds(&target, path);
    add_query(&target, c);
    int code = bare ? resource_download(cli, target.data)
                    : print_lines(cli, target.data, c, c->attempt ? NULL : job);
    buf_fini(&target);
    mem_free(path);
    return code;
}

static int follow_filtered(struct cli *cli, const char *id, const struct logs_config *c,
                           const struct json *job,
                           int (*follow)(struct cli *cli, const struct follow_options *o))
{
    struct buf query;
    bool several = json_get_int(job, "attemptCount", 0) > 1 && c->attempt == 0;
    buf_init(&query, 16384);
    add_query(&query, c);
    struct follow_options o = {.id = id,
                               .query = query.data,
                               .timestamps = c->timestamps,
                               .lines = cli_json(cli),
                               .mark_first = several,
                               .job = job};
    int code = follow(cli, &o);
    buf_fini(&query);
    return code;
}

int logs_of_job(struct cli *cli, const char *id, const struct logs_config *c)
{
    struct response r;
    char *path = cli_path("jobs", id, NULL);
    const struct json *job = cli_call(cli, "GET", path, NULL, &r);
    mem_free(path);
    if (!job) return c->follow ? EXIT_CADRE : EXIT_ERROR;
    int code = check_attempt(cli, id, c, job);
    if (code == EXIT_OK && c->follow)
        code = follow_filtered(cli, id, c, job, follow_job);
    else if (code == EXIT_OK)
        code = print_job(cli, id, c, job);
    response_fini(&r);
    return code;
}

/* ---- executions ---- */

int logs_of_execution(struct cli *cli, const char *id, const struct logs_config *c)
{
    if (c->follow) return follow_filtered(cli, id, c, NULL, follow_execution);
    struct buf target;
    char *path = cli_path("executions", id, "logs");
    buf_init(&target, 16384);
    (void)buf_adds(&target, path);
    add_query(&target, c);
    int code = print_lines(cli, target.data, c, NULL);
    buf_fini(&target);
    mem_free(path);
    return code;
}
