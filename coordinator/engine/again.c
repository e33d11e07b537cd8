/* See again.h. */
#include "coordinator/engine/again.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/reply.h"
#include "coordinator/engine/submit.h"

#include <string.h>

static void refuse_open(const struct job_row *row, struct reply *r)
{
    int state = shown_state(row->kind, row->state, row->exit_code);
    reply_error(r, ERR_CONFLICT, NULL, "wait for its end, or cancel it first",
                "the job has not ended: it is %s", shown_state_names[state]);
}

static void refuse_of_flow(const struct job_row *row, struct reply *r)
{
    char hint[300];
    bool check = row->kind == JOB_TRIGGER;
    (void)str_format(hint, sizeof hint, "cadre %s %s/%s%s%s", check ? "trigger run" : "flow run",
                     row->ns ? row->ns : "", row->flow, check ? "/" : "",
                     check && row->task ? row->task : "");
    if (check)
        reply_error(r, ERR_CONFLICT, NULL, hint,
                    "the job is an evaluation of a trigger, which cannot be run again alone");
    else
        reply_error(r, ERR_CONFLICT, NULL, hint,
                    "the job is a task of an execution, which cannot be run again alone");
}

/* May it run again? false: answered. */
static bool may_again(const struct engine *g, const struct job_row *row, struct reply *r)
{
    if (!principal_sees(g, row->ns, r)) return false;
    if (row->flow || row->execution || row->kind == JOB_TRIGGER)
        refuse_of_flow(row, r);
    else if (!job_is_final(row->state))
        refuse_open(row, r);
    else
        return true;
    return false;
}

/* The limit may have been lowered since the job was submitted, and another release may have stored
 * it. false: answered. */
static bool check_spec(const struct engine *g, const char *spec, struct reply *r)
{
    struct spec s = {0};
    struct err e = {0};
    char size[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
    size_t limit = (size_t)g->config.payload_limit_bytes;
    int rc = spec_decode_stored(spec, &s, &e);
    size_t bytes = rc ? 0 : spec_payload_bytes(&s);
    spec_fini(&s);
    if (rc) {
        reply_error(r, ERR_INVALID, NULL, "submit it anew",
                    "the job was stored by another release and cannot run with this one: %s",
                    err_text(&e));
    } else if (limit > 0 && bytes > limit) {
        size_round((int64_t)bytes, size);
        size_round((int64_t)limit, most);
        reply_error(r, ERR_TOO_LARGE, "payload-too-large", "pass large data by reference",
                    "the job has %s, at most %s are taken", size, most);
    } else {
        return true;
    }
    return false;
}

/* A copy of what was asked for, and nothing of what became of it. Takes the key. */
static struct job_row make(int64_t token, char *key, const struct job_row *of)
{
    return (struct job_row){.kind = of->kind,
                            .ns = mem_strdup(of->ns),
                            .name = mem_strdup(of->name),
                            .group = mem_strdup(of->group),
                            .fallback = of->fallback,
                            .requires_id = of->requires_id,
                            .priority = of->priority,
                            .queue_timeout_ms = of->queue_timeout_ms,
                            .timeout_ms = of->timeout_ms,
                            .lease_ms = of->lease_ms,
                            .kill_grace_ms = of->kill_grace_ms,
                            .retry = of->retry,
                            .output_limit = of->output_limit,
                            .retry_of = of->id,
                            .submitter = token,
                            .unique_key = key};
}

static void submit_again(struct engine *g, int64_t token, const struct job_row *of, char *spec,
                         const char *key, struct reply *r)
{
    struct cmd_submit s = {.spec = spec};
    const struct group *group = submit_group(g, of, strlen(spec), r);
    if (!group) return;
    struct job_row row = make(token, mem_strdup(key), of);
    (void)submit_new(g, &s, &row, group, r);
}

/* The job as it ended. false: answered, or a failure was noted. */
static bool find(struct engine *g, int64_t id, struct job_row *row, struct reply *r)
{
    const struct job *j = job_find(g, id);
    if (j) {
        (void)may_again(g, &j->row, r); /* it has not ended */
        return false;
    }
    int rc = store_job_find(g->store, id, row, &g->err);
    if (rc == 0) {
        char text[ID_TEXT_SIZE];
        id_format(id, text);
        reply_error(r, ERR_NOT_FOUND, NULL, "finished jobs are forgotten after the retention time",
                    "there is no job %s", text);
        return false;
    }
    if (!store_ok(g, rc)) return false;
    if (may_again(g, row, r)) return true;
    job_row_fini(row);
    return false;
}

/* The key is of an earlier request: was that one for the same job? */
static void check_known(struct engine *g, int64_t job, struct reply *r)
{
    char made[ID_TEXT_SIZE], asked[ID_TEXT_SIZE];
    int64_t made_id = r->id, of;
    if (!r->known || g->rc) return;
    if (!store_ok(g, store_job_retry_of(g->store, made_id, &of, &g->err)) || of == job) return;
    id_format(made_id, made);
    id_format(job, asked);
    reply_fini(r);
    reply_error(r, ERR_CONFLICT, NULL, "use another Idempotency-Key",
                "the key belongs to the job %s, which is no retry of %s", made, asked);
}

static void make_again(struct engine *g, int64_t token, int64_t job, const char *key,
                       struct reply *r)
{
    struct job_row row;
    char *spec = NULL;
    if (submit_known(g, key, r)) {
        check_known(g, job, r);
        return;
    }
    if (!find(g, job, &row, r)) return;
    if (store_ok(g, store_job_spec(g->store, row.id, &spec, &g->err)) && check_spec(g, spec, r))
        submit_again(g, token, &row, spec, key, r);
    mem_free(spec);
    job_row_fini(&row);
}

void run_again(struct engine *g, int64_t token, const struct cmd_again *again, struct reply *r)
{
    char *key = scoped_key(token, again->unique_key);
    make_again(g, token, again->job, key, r);
    mem_free(key);
}

char *again_key(const char *key, int64_t job)
{
    char id[ID_TEXT_SIZE];
    id_format(job, id);
    return key ? str_dupf("%s/%s", key, id) : NULL;
}

void apply_retry(struct engine *g, const struct command *c, struct reply *r)
{
    char from[ID_TEXT_SIZE], to[ID_TEXT_SIZE], text[64];
    run_again(g, c->by.token, &c->u.again, r);
    if (g->rc || r->rc || r->known) return;
    id_format(c->u.again.job, from);
    id_format(r->id, to);
    (void)str_format(text, sizeof text, "%s as %s", from, to);
    audit_about(g, text);
}
