/* See bulk.h. */
#include "cli/bulk.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/streams.h"

#include <stdio.h>
#include <string.h>

/* A command under way. */
struct bulk {
    struct cli *cli;
    const struct bulk_config *c;
    const struct bulk_verb *v;
    char *key;   /* of all pages: each job has a key of its own by it; or NULL */
    char *start; /* the cursor of the newest job that was counted; NULL: none was */
    /* The filter, with the times that the coordinator took --since 1h for when it counted. */
    struct list_config filter;
    char *since, *until, *ended_since, *ended_until, *flow; /* mem_free */
    int64_t counted;
    int64_t sums[BULK_COUNTS];
    struct json *jobs; /* -o json, where the answers have any; else NULL */
    int code;          /* of what became of single jobs */
};

/* What chooses jobs; not `kind`, which all have, as the coordinator has it. */
static size_t filters_of(const struct bulk_config *c)
{
    struct buf target;
    buf_init(&target, 65536);
    (void)buf_adds(&target, "/");
    size_t filters = resource_filter(&c->filter, &target);
    buf_fini(&target);
    return filters - (c->filter.kind != NULL);
}

bool bulk_is_asked(const struct bulk_config *c, const struct opt_args *args)
{
    return args->argc == 0 || c->filter.kind || filters_of(c) > 0 || c->all || c->dry_run ||
           c->unique;
}

/* ---- pages ---- */

/* Asks about one page; *cursor becomes that of the next one, NULL: there is none. */
static int ask(struct bulk *b, bool dry_run, char **cursor, struct response *out, struct err *e)
{
    struct buf target;
    buf_init(&target, 65536);
    (void)buf_addf(&target, "/api/v1/jobs/%s", b->v->rest);
    (void)resource_filter(&b->filter, &target);
    cli_query(&target, "all", b->c->all ? "true" : NULL);
    cli_query(&target, "dryRun", dry_run ? "true" : NULL);
    cli_query(&target, "cursor", *cursor);
    const struct request request = {.method = "POST",
                                    .target = target.data,
                                    .key = dry_run ? NULL : b->key,
                                    .repeat = dry_run || !b->v->keyed};
    int rc = client_call(b->cli->client, &request, out, e);
    if (rc == 0 && !out->body)
        rc = err_set(e, ERR_PROTOCOL, "the coordinator's answer is not JSON");
    mem_free(*cursor);
    *cursor = rc == 0 ? mem_strdup(json_get_str(out->body, "nextCursor", NULL)) : NULL;
    buf_fini(&target);
    return rc;
}

static void fix_time(char **fixed, char **asked, const struct json *answer, const char *key)
{
    const char *time = json_get_str(answer, key, NULL);
    if (!*asked || *fixed || !time) return;
    *asked = *fixed = mem_strdup(time);
}

static int count(struct bulk *b, struct err *e)
{
    char *cursor = NULL;
    int rc;
    do {
        struct response r = {0};
        rc = ask(b, true, &cursor, &r, e);
        b->counted += json_get_int(r.body, "matched", 0);
        fix_time(&b->since, &b->filter.since, r.body, "since");
        fix_time(&b->until, &b->filter.until, r.body, "until");
        fix_time(&b->ended_since, &b->filter.ended_since, r.body, "endedSince");
        fix_time(&b->ended_until, &b->filter.ended_until, r.body, "endedUntil");
        if (!b->start) b->start = mem_strdup(json_get_str(r.body, "startCursor", NULL));
        response_fini(&r);
    } while (rc == 0 && cursor);
    mem_free(cursor);
    return rc;
}

static void take(struct bulk *b, const struct json *answer)
{
    const struct json *jobs = json_get(answer, "jobs");
    for (size_t i = 0; i < BULK_COUNTS && b->v->counts[i]; i++)
        b->sums[i] += json_get_int(answer, b->v->counts[i], 0);
    for (const struct json *j = json_first(jobs); j; j = json_next(j)) {
        if (json_get(j, "error")) b->code = EXIT_ERROR;
        if (b->jobs)
            json_push(b->jobs, json_copy(j));
        else if (b->v->print)
            b->v->print(b->cli, j);
    }
}

static int act(struct bulk *b, struct err *e)
{
    char *cursor = mem_strdup(b->start);
    int rc = 0;
    while (rc == 0 && cursor) {
        struct response r = {0};
        rc = ask(b, false, &cursor, &r, e);
        if (rc == 0) take(b, r.body);
        response_fini(&r);
        if (rc == 0 && out_flush(&b->cli->out) != 0) break;
    }
    mem_free(cursor);
    return rc;
}

/* ---- words ---- */

static void tell_json(struct bulk *b)
{
    struct json *sums = json_new(JSON_OBJECT);
    for (size_t i = 0; i < BULK_COUNTS && b->v->counts[i]; i++)
        json_put(sums, b->v->counts[i], json_new_int(b->sums[i]));
    json_put(sums, "jobs", b->jobs);
    if (!b->v->print) json_remove(sums, "jobs");
    b->jobs = NULL;
    out_json(&b->cli->out, sums);
    json_free(sums);
}

static void tell_count(struct bulk *b)
{
    if (cli_json(b->cli)) {
        struct json *j = json_new(JSON_OBJECT);
        json_put(j, "matched", json_new_int(b->counted));
        out_json(&b->cli->out, j);
        json_free(j);
    } else {
        out_line(&b->cli->out, "%lld %s", (long long)b->counted,
                 b->counted == 1 ? "job matches" : "jobs match");
    }
}

/* Does who sits at the terminal want it? */
static bool agrees(const struct bulk *b)
{
    char line[16] = "";
    char *question =
        str_dupf("%lld %s. %s [y/N] ", (long long)b->counted,
                 b->counted == 1 ? "job matches" : "jobs match", b->v->question[b->counted != 1]);
    out_error_bytes(&b->cli->out, question, strlen(question));
    mem_free(question);
    if (!fgets(line, sizeof line, stdin)) return false;
    line[strcspn(line, "\r\n")] = '\0';
    return str_eq(line, "y") || str_eq(line, "Y") || str_eq(line, "yes");
}

static int run(struct bulk *b)
{
    struct err e = {0};
    int rc = count(b, &e);
    if (rc == 0 && b->c->dry_run) {
        tell_count(b);
        return EXIT_OK;
    }
    if (rc == 0 && b->counted && !b->c->yes && !agrees(b)) {
        cli_note(b->cli, "cadre: nothing was done");
        return EXIT_ERROR;
    }
    if (rc == 0) rc = act(b, &e);
    bool json = cli_json(b->cli);
    bool tell = rc == 0 || b->sums[0]; /* what was done before a failure, too */
    if (json && tell) tell_json(b);
    if (!json && tell) b->v->tell(b->cli, b->sums);
    if (json && b->code != EXIT_OK && rc == 0)
        rc = err_set(&e, ERR_CONFLICT, "some of the jobs were refused");
    return rc == 0 ? b->code : cli_fail(b->cli, EXIT_ERROR, &e);
}

/* ---- the command line ---- */

/* An option that goes with no id. */
static const char *option_of_many(const struct bulk_config *c)
{
    return c->all ? "all" : c->dry_run ? "dry-run" : c->unique ? "unique" : NULL;
}

static int check(struct cli *cli, const struct bulk_config *c, const struct opt_args *args,
                 const struct bulk_verb *v)
{
    const char *empty = resource_empty_filter(&c->filter), *option = option_of_many(c);
    bool filters = filters_of(c) > 0;
    if (args->argc > 0 && option)
        return cli_usage(cli, "job %s: --%s is about the jobs that filters choose, not about '%s'",
                         v->rest, option, args->argv[0]);
    if (args->argc > 0)
        return cli_usage(cli,
                         "job %s takes '%s', or options that choose jobs such as --state, not both",
                         v->rest, args->argv[0]);
    if (empty)
        return cli_usage(cli,
                         "--%s is empty: leave it out, or say --all; see 'cadre job %s --help'",
                         empty, v->rest);
    if (filters == c->all)
        return cli_usage(cli,
                         c->all ? "--all is about all jobs: it goes with no filter"
                                : "say which jobs: by ID or NAME, by filters such as --state, or "
                                  "all with --all; see 'cadre job %s --help'",
                         v->rest);
    if (c->dry_run && c->yes)
        return cli_usage(cli, "--dry-run does nothing: --yes goes without it");
    if (!c->dry_run && !c->yes && (cli_json(cli) || !fd_is_terminal(0)))
        return cli_usage(cli,
                         "you cannot be asked first (there is no terminal, or -o json is given): "
                         "--dry-run counts the jobs, --yes goes on without a question");
    return EXIT_OK;
}

int bulk_run(struct cli *cli, const struct bulk_config *c, const struct opt_args *args,
             const struct bulk_verb *v)
{
    struct bulk b = {.cli = cli, .c = c, .v = v};
    int code = check(cli, c, args, v);
    if (code == EXIT_OK) code = resource_split_flow(cli, &c->filter, &b.filter, &b.flow);
    if (code == EXIT_OK && !cli_client(cli)) code = EXIT_ERROR;
    if (code != EXIT_OK) {
        mem_free(b.flow);
        return code;
    }
    if (v->keyed) b.key = cli_key(c->unique);
    if (cli_json(cli)) b.jobs = json_new(JSON_ARRAY);
    code = run(&b);
    json_free(b.jobs);
    mem_free(b.since);
    mem_free(b.until);
    mem_free(b.ended_since);
    mem_free(b.ended_until);
    mem_free(b.flow);
    mem_free(b.start);
    mem_free(b.key);
    return code;
}
