/* See submit.h. */
#include "cli/submit.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/follow.h"

/* *id: mem_free; *answer: json_free. A failure is not printed yet. */
static int post(struct cli *cli, const struct submit *s, struct leash *l, char **id,
                struct json **answer, struct err *e)
{
    struct response r;
    char *key = cli_key(s->key);
    const struct request request = {"POST", s->target, .body = s->body, .key = key};
    int rc = client_call(cli->client, &request, &r, e);
    const char *text = json_get_str(r.body, "id", NULL);
    if (rc == 0 && !text)
        rc = err_set(e, ERR_PROTOCOL, "the coordinator's answer has no %s id", l->what);
    if (rc == 0) *id = mem_strdup(text);
    if (rc == 0) *answer = json_copy(r.body);
    if (rc == 0 && json_get_bool(r.body, "duplicate", false))
        cli_note(cli, "cadre: %s %s has this key already%s", l->what, *id,
                 s->detach ? "" : "; following it");
    response_fini(&r);
    mem_free(key);
    return rc;
}

/* `--detach`: the id alone on standard output; with -o json what the coordinator answered. */
static int print_id(struct cli *cli, struct leash *l, const struct json *answer)
{
    if (cli_json(cli))
        out_json(&cli->out, answer);
    else
        out_line(&cli->out, "%s", l->id);
    if (out_flush(&cli->out) == 0) return EXIT_OK;
    l->mode = LEASH_KEEP; /* it was to go on without this command */
    return leash_lost(l, false);
}

int submit_run(struct cli *cli, const struct submit *s)
{
    struct err e = {0};
    char *id = NULL;
    struct json *answer = NULL;
    struct leash l = {.cli = cli,
                      .what = s->execution ? "execution" : "job",
                      .collection = s->execution ? "executions" : "jobs",
                      .mode = s->keep ? LEASH_KEEP : LEASH_CANCEL};
    if (s->detach && s->stream) {
        err_set(&e, ERR_INVALID, "--stream chooses what is followed, and --detach follows nothing");
        return cli_fail(cli, EXIT_CADRE, &e);
    }
    struct client *c = cli_client(cli);
    if (!c) return EXIT_CADRE;
    leash_hold(&l, c);
    int rc = post(cli, s, &l, &id, &answer, &e);
    int code;
    if (rc == ERR_CLOSED && l.stops > 0) {
        code = leash_left(&l);
    } else if (rc != 0) {
        code = cli_fail(cli, EXIT_CADRE, &e);
        if (rc == ERR_UNAVAILABLE && client_call_sent(c))
            cli_note(cli, "cadre: the %s may have been submitted: see 'cadre %s list'", l.what,
                     l.what);
    } else {
        leash_take(&l, id);
        char query[32];
        (void)str_format(query, sizeof query, "?stream=%s", s->stream ? s->stream : "");
        struct follow_options o = {.id = id,
                                   .leash = &l,
                                   .json = cli_json(cli),
                                   .lines = cli_json(cli),
                                   .query = s->stream ? query : NULL};
        if (l.stops > 0 && s->keep)
            code = leash_left(&l);
        else if (s->detach && l.stops == 0)
            code = print_id(cli, &l, answer);
        else
            code = s->execution ? follow_execution(cli, &o) : follow_job(cli, &o);
    }
    client_on_stop(c, NULL, NULL);
    json_free(answer);
    mem_free(id);
    return code;
}
