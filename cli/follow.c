/* See follow.h. */
#include "cli/follow.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/log_print.h"
#include "platform/streams.h"

#include <string.h>

struct watch {
    struct cli *cli;
    const struct follow_options *o;
    struct leash *leash;
    struct log_print print;
    const char *what, *collection;                          /* "job", "jobs" */
    void (*ended)(struct watch *w, const struct json *end); /* its object, in a final state */
    char *said;                                             /* the last waiting line */
    int64_t retry_told; /* the last attempt whose failure was printed */
    bool finished;
    bool waited;
    int code;
    /* of an execution */
    char *job; /* the task run at hand */
    bool start_told, end_told;
};

static bool state_is(const char *state, const char *const *list)
{
    for (; *list; list++)
        if (str_eq(state, *list)) return true;
    return false;
}

/* Exit code for a job's object in a final state. */
static int job_exit_code(const struct json *job)
{
    const char *state = json_get_str(job, "state", "");
    const char *reason = json_get_str(job, "reason", "");
    int64_t exit_code = json_get_int(job, "exitCode", -1);
    if (str_eq(state, "SUCCESS") || str_eq(state, "WARNING") || str_eq(state, "FIRED") ||
        str_eq(state, "NO"))
        return exit_code > 0 ? (int)(exit_code & 0xff) : 0;
    if (str_eq(reason, "cancelled")) return EXIT_CANCELLED;
    if (str_eq(reason, "timeout")) return EXIT_TIMEOUT;
    if ((str_eq(reason, "exit-code") || str_eq(reason, "not-started")) && exit_code > 0) {
        /* An exit status has 8 bits here; a code whose low ones are zero must not look like
         * success. */
        int code = (int)(exit_code & 0xff);
        return code != 0 ? code : 1;
    }
    return EXIT_CADRE;
}

static void tell_waiting(struct watch *w, const struct json *event)
{
    const struct json *waiting = json_get(event, "waiting");
    const char *message = json_get_str(waiting, "message", NULL);
    if (w->o->quiet || !message || str_eq(message, w->said)) return;
    mem_free(w->said);
    w->said = mem_strdup(message);
    w->waited = true;
    out_note(&w->cli->out, "cadre: waiting: %s", message);
}

static void tell_end(const struct watch *w, const struct json *job)
{
    const char *state = json_get_str(job, "state", "?");
    const char *reason = json_get_str(job, "reason", NULL);
    const char *message = json_get_str(job, "message", NULL);
    bool own_code = str_eq(reason, "exit-code");
    if (json_get_bool(job, "truncated", false))
        out_note(&w->cli->out,
                 "cadre: the job wrote more than the output limit: a part of its output is "
                 "missing");
    if (str_eq(state, "SUCCESS") || str_eq(state, "FIRED") || (own_code && !message)) return;
    out_note(&w->cli->out, "cadre: job %s %s%s%s%s%s%s", json_get_str(job, "id", "?"), state,
             reason ? " (" : "", reason ? reason : "", reason ? ")" : "", message ? ": " : "",
             message ? message : "");
}

/* The number and reason of a job's last attempt that failed; 0: not known. `attempts` may hold all
 * attempts, the last ones, or the last alone. */
static int64_t job_failed_attempt(const struct json *job, const char **reason)
{
    int64_t number = 0;
    for (const struct json *a = json_first(json_get(job, "attempts")); a; a = json_next(a)) {
        const char *text = json_get_str(a, "reason", NULL);
        int64_t attempt = json_get_int(a, "attempt", 0);
        if (!text || attempt < number) continue;
        number = attempt;
        *reason = text;
    }
    return number;
}

/* Prints once per attempt, however often the coordinator reports a job that waits for its next
 * attempt. */
static void tell_retry(struct watch *w, const struct json *event)
{
    const char *reason = "?";
    int64_t number = job_failed_attempt(event, &reason);
    if (w->o->quiet || number <= w->retry_told) return;
    w->retry_told = number;
    out_note(&w->cli->out, "cadre: attempt %lld failed (%s); the job is tried again",
             (long long)number, reason);
}

static const char *const final[] = {"SUCCESS",   "WARNING", "FAILED", "KILLED",
                                    "CANCELLED", "FIRED",   "NO",     NULL};

/* A job in a final state. */
static void job_ended(struct watch *w, const struct json *job)
{
    if (w->finished) return;
    w->finished = true;
    w->code = job_exit_code(job);
    if (w->o->json)
        out_json(&w->cli->out, job);
    else
        tell_end(w, job);
}

static int on_event(const struct json *event, void *user)
{
    struct watch *w = user;
    if (!str_eq(json_get_str(event, "event", ""), "state")) return 0;
    const char *state = json_get_str(event, "state", "");
    log_print_event(&w->print, event);
    if (str_eq(state, "RETRYING")) tell_retry(w, event);
    if (state_is(state, final))
        job_ended(w, event);
    else
        tell_waiting(w, event);
    return 0;
}

static int on_output(const struct frame_output *o, void *user)
{
    struct watch *w = user;
    const struct log_piece piece = {.attempt = o->attempt,
                                    .stream = (int)o->stream,
                                    .data = (const char *)o->data,
                                    .len = o->len};
    return log_print_piece(&w->print, &piece) != 0;
}

static int on_line(const struct json *line, void *user)
{
    struct watch *w = user;
    int rc = log_print_line(&w->print, line);
    return w->cli->out.lost.code != 0 ? 1 : rc;
}

/* A job that is silent does not notice that its reader left. */
static int on_tick(void *user)
{
    (void)user;
    return fd_reader_gone(1);
}

/* The stream is over, and its last event was skipped: asks for the state of the job or
 * execution. */
static void ask_end(struct watch *w)
{
    struct response r;
    char *target = cli_path(w->collection, w->o->id, NULL);
    const struct json *end = cli_call(w->cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!end) return;
    if (state_is(json_get_str(end, "state", ""), final)) w->ended(w, end);
    response_fini(&r);
}

static int follow(struct watch *w, int (*on_event_fn)(const struct json *event, void *user))
{
    struct err e = {0};
    struct out *out = &w->cli->out;
    struct client *c = cli_client(w->cli);
    struct leash watching = {.cli = w->cli,
                             .what = w->what,
                             .collection = w->collection,
                             .mode = LEASH_WATCH};
    if (!c) return EXIT_CADRE;
    w->leash = w->o->leash;
    if (!w->leash) {
        w->leash = &watching;
        leash_hold(w->leash, c);
        leash_take(w->leash, w->o->id);
    }
    w->print = (struct log_print){.out = out,
                                  .timestamps = w->o->timestamps,
                                  .json = w->o->lines,
                                  .mark_first = w->o->mark_first,
                                  .job = w->o->job};
    bool lines = w->o->timestamps || w->o->lines;
    struct buf target;
    char *path = cli_path(w->collection, w->o->id, "follow");
    buf_init(&target, 8192);
    (void)buf_addf(&target, "%s%s", path, w->o->query ? w->o->query : "");
    cli_query(&target, "format", lines ? "json" : NULL);
    struct client_follow f = {.on_event = on_event_fn,
                              .on_output = on_output,
                              .on_line = lines ? on_line : NULL,
                              .on_tick = on_tick,
                              .user = w};
    int rc = client_follow(c, target.data, 0, &f, &e);
    buf_fini(&target);
    mem_free(path);
    log_print_fini(&w->print);
    mem_free(w->said);
    mem_free(w->job);
    if (rc == 0 && !w->finished && fd_reader_gone(1)) out_reader_left(out);
    if (rc == 0 && !w->finished && out->lost.code == 0) ask_end(w);
    int code = w->code;
    if (rc == ERR_CLOSED && w->leash->stops > 0 && !w->finished) {
        code = leash_left(w->leash);
    } else if (out_flush(out) != 0) {
        code = leash_lost(w->leash, w->finished);
    } else if (!w->finished) {
        if (rc == 0)
            err_set(&e, ERR_CLOSED, "the coordinator ended the stream before the %s's end",
                    w->what);
        err_wrap(&e, "following %s %s", w->what, w->o->id);
        code = leash_cut(w->leash, &e);
    }
    if (w->leash == &watching) client_on_stop(c, NULL, NULL);
    return code;
}

int follow_job(struct cli *cli, const struct follow_options *o)
{
    struct watch w = {.cli = cli,
                      .o = o,
                      .what = "job",
                      .collection = "jobs",
                      .ended = job_ended,
                      .code = EXIT_CADRE};
    return follow(&w, on_event);
}

/* ---- executions ---- */

/* What was told counts for one task run. A stream that broke begins with the first of them again;
 * their ids grow. */
static bool is_of_before(struct watch *w, const char *id)
{
    int order = w->job ? strcmp(id, w->job) : 1;
    if (order <= 0) return order < 0;
    mem_free(w->job);
    mem_free(w->said);
    w->job = mem_strdup(id);
    w->said = NULL;
    w->retry_told = 0;
    w->start_told = w->end_told = false;
    log_print_begin(&w->print);
    return false;
}

static void tell_run(struct watch *w, const struct json *job)
{
    const char *state = json_get_str(job, "state", "?");
    const char *task = json_get_str(job, "task", "?");
    const char *reason = json_get_str(job, "reason", NULL);
    char code[32];
    if (str_eq(state, "RUNNING") && !w->o->quiet && !w->start_told) {
        w->start_told = true;
        out_note(&w->cli->out, "cadre: task %s runs on %s", task,
                 json_get_str(job, "agentName", "an agent"));
    }
    if (!state_is(state, final) || str_eq(state, "SUCCESS") || w->end_told) return;
    w->end_told = true;
    const char *exit_text = text_of(json_get(job, "exitCode"), code, sizeof code);
    const char *message = json_get_str(job, "message", NULL);
    out_note(&w->cli->out, "cadre: task %s %s%s%s%s%s%s%s%s", task, state, reason ? " (" : "",
             reason ? reason : "", reason && exit_text ? " " : "",
             reason && exit_text ? exit_text : "", reason ? ")" : "", message ? ": " : "",
             message ? message : "");
}

/* An execution in a final state. */
static void execution_ended(struct watch *w, const struct json *x)
{
    const char *state = json_get_str(x, "state", "");
    const char *message = json_get_str(x, "message", NULL);
    if (w->finished) return;
    w->finished = true;
    w->code = EXIT_OK;
    if (str_eq(state, "FAILED")) w->code = EXIT_ERROR;
    if (str_eq(state, "KILLED") || str_eq(state, "CANCELLED")) w->code = EXIT_CANCELLED;
    if (!w->o->json && !str_eq(state, "SUCCESS"))
        out_note(&w->cli->out, "cadre: execution %s %s%s%s", w->o->id, state, message ? ": " : "",
                 message ? message : "");
}

static int on_execution_event(const struct json *event, void *user)
{
    struct watch *w = user;
    const char *kind = json_get_str(event, "event", "");
    const char *state = json_get_str(event, "state", "");
    if (str_eq(kind, "state")) {
        if (is_of_before(w, json_get_str(event, "id", ""))) return 0;
        log_print_event(&w->print, event);
        if (str_eq(state, "RETRYING")) tell_retry(w, event);
        tell_waiting(w, event);
        tell_run(w, event);
        return 0;
    }
    if (!str_eq(kind, "execution")) return 0;
    if (str_eq(state, "QUEUED") && !w->o->quiet)
        out_note(
            &w->cli->out,
            "cadre: waiting: the flow runs as many executions as its concurrency limit allows");
    if (state_is(state, final)) execution_ended(w, event);
    return 0;
}

int follow_execution(struct cli *cli, const struct follow_options *o)
{
    struct watch w = {.cli = cli,
                      .o = o,
                      .what = "execution",
                      .collection = "executions",
                      .ended = execution_ended,
                      .code = EXIT_CADRE};
    int code = follow(&w, on_execution_event);
    if (!w.finished || !o->json) return code;
    /* with its task runs, which the stream reported one by one */
    struct response r;
    char *target = cli_path("executions", o->id, NULL);
    const struct json *x = cli_call(cli, "GET", target, NULL, &r);
    mem_free(target);
    if (!x) return EXIT_CADRE;
    out_json(&cli->out, x);
    response_fini(&r);
    return code;
}
