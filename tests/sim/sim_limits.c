/* What the rules of groups, leases and limits of time make of every change. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_houses.h"
#include "tests/sim/sim_placement.h"
#include "tests/sim/sim_turns.h"

#include "base/id.h"
#include "base/str.h"
#include "coordinator/engine/job.h"
#include "wire/lease.h"

#include <stdio.h>
#include <string.h>

#define SLACK_MS 2000 /* for a batch that waits, and for a tick */

static const char *text(int64_t id, char out[ID_TEXT_SIZE])
{
    id_format(id, out);
    return out;
}

static int64_t lease_of(const struct sim *s, const struct job_model *j)
{
    return j->row.lease_ms > 0 ? j->row.lease_ms : s->world.config.lease_ms;
}

static int64_t grace_of(const struct job_model *j)
{
    return j->row.kill_grace_ms > 0 ? j->row.kill_grace_ms : KILL_GRACE_DEFAULT_MS;
}

/* ---- who gets a job ---- */

static int gpus_said(const char *capabilities)
{
    const char *gpus = capabilities ? strstr(capabilities, "\"count\":") : NULL;
    return gpus ? gpus[8] - '0' : 0;
}

struct agent_model check_what_it_said(struct sim *s, const struct agent_model *a)
{
    struct agent_model said = *a;
    struct agent_row row;
    if (s->sabotage == SABOTAGE_WRONG_AGENT) return said;
    if (store_agent_find(s->world.store, a->id, &row, NULL) != 1) return said;
    said.gpus = gpus_said(row.capabilities);
    agent_row_fini(&row);
    return said;
}

/* By what is written, not by what the engine has in memory. */
void check_hand_out_rules(struct sim *s, const struct effect *x, const struct job_model *j)
{
    char id[ID_TEXT_SIZE];
    const struct link *l = map_find(&s->links, x->session);
    const struct agent_model *a = l->agent;
    turns_check_groups(s, a, j);
    text(j->row.id, id);
    struct agent_row row;
    if (store_agent_find(s->world.store, a->id, &row, NULL) != 1) {
        sim_violation(s, "%s gets job %s, but is not known", a->name, id);
        return;
    }
    if (row.held || row.draining || row.removed_ms > 0 || !row.online || row.unwell_since_ms > 0)
        sim_violation(s, "%s gets job %s, but is %s", a->name, id,
                      row.held                  ? "held"
                      : row.draining            ? "draining"
                      : row.unwell_since_ms > 0 ? "unwell"
                      : row.removed_ms > 0      ? "removed"
                                                : "offline");
    struct agent_model said = *a;
    said.gpus = gpus_said(row.capabilities);
    if (s->sabotage != SABOTAGE_WRONG_AGENT && !agent_meets(&said, j->requires))
        sim_violation(s, "wrong agent: job %s is handed out to %s, which said %s", id, a->name,
                      row.capabilities);
    agent_row_fini(&row);
}

/* ---- from state to state ---- */

/* The coordinator gave the attempt up by its own clock. */
static void check_lost(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    const struct agent_model *a = map_find(&s->agents_by_id, (uint64_t)row->agent);
    if (!a || a->id != row->agent || j->cloned || row->reason != REASON_LOST || !row->message ||
        !strstr(row->message, "out of touch"))
        return;
    int64_t silent = sim_now(s) - a->lease_base_ms;
    if (silent < lease_of(s, j))
        sim_violation(s, "lease: job %s is given up after %lld ms without %s, its lease is %lld",
                      text(row->id, id), (long long)silent, a->name, (long long)lease_of(s, j));
}

static void check_retry(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    const struct retry *r = &j->row.retry;
    char id[ID_TEXT_SIZE];
    bool unbroken = j->since_load == s->loads;
    if (j->state == JOB_RETRYING && row->state != JOB_RETRYING && unbroken &&
        !job_is_final(row->state)) {
        int64_t waited = sim_now(s) - j->since_ms, least = r->interval_ms;
        for (int64_t i = 2; r->type == RETRY_EXPONENTIAL && i < row->attempt; i++)
            least *= 2;
        if (r->type == RETRY_EXPONENTIAL && least > r->max_interval_ms) least = r->max_interval_ms;
        if (waited < least)
            sim_violation(s, "retry: job %s attempt %lld comes after %lld ms, not %lld",
                          text(row->id, id), (long long)row->attempt, (long long)waited,
                          (long long)least);
    }
    int64_t most = r->type == RETRY_NONE ? 1 : r->max_attempts;
    if (row->attempt > most)
        sim_violation(s, "retry: job %s is at attempt %lld of %lld", text(row->id, id),
                      (long long)row->attempt, (long long)most);
}

static void check_fallback(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    if (row->reason != REASON_NO_AGENT || j->state == row->state) return;
    bool right = (row->state == JOB_FAILED && j->row.fallback == FALLBACK_FAIL) ||
                 (row->state == JOB_CANCELLED && j->row.fallback == FALLBACK_CANCEL);
    if (!right) sim_violation(s, "fallback: job %s did not ask for that", text(row->id, id));
}

static void check_queue_timeout(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    if (row->reason != REASON_QUEUE_TIMEOUT || j->state != JOB_CREATED || !j->known) return;
    int64_t waited = sim_now(s) - j->known_ms;
    /* Across a start of the coordinator the wall clock has to be believed. */
    if (j->row.queue_timeout_ms <= 0 || (s->loaded_ms < j->known_ms && row->attempt == 1 &&
                                         waited < j->row.queue_timeout_ms - SLACK_MS))
        sim_violation(s, "queue timeout: job %s ends after %lld ms of %lld", text(row->id, id),
                      (long long)waited, (long long)j->row.queue_timeout_ms);
}

/* What only its machine could not do is not the job's failure. */
static void check_charge(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    if (row->reason != REASON_NOT_STARTED || row->state != JOB_FAILED) return;
    if (!j->misnamed && j->could_not_start == 0)
        sim_violation(s, "charged: job %s is not-started for what its machine could not do: %s",
                      text(row->id, id), row->message ? row->message : "-");
    placement_check_failure(s, row);
}

void check_change(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    bool over = !job_is_assigned(row->state) || row->attempt != j->attempt;
    /* The one case in which nobody knows: the agent answers, but the process does not go. */
    bool unknown = row->message && strstr(row->message, "did not report the end");
    if (j->known && j->alive > j->lives_on && over && !unknown)
        sim_violation(s,
                      "two at once: job %s attempt %lld is over (%s) while attempt %lld is alive",
                      text(row->id, id), (long long)j->attempt, fsm_name(&job_fsm, (int)row->state),
                      (long long)j->alive_attempt);
    if (j->known && job_is_final(j->state)) return;
    check_lost(s, j, row);
    check_retry(s, j, row);
    check_fallback(s, j, row);
    check_queue_timeout(s, j, row);
    check_charge(s, j, row);
}

/* ---- how long it takes ---- */

static int note_wait(const struct remnant_row *row, void *user)
{
    struct sim *s = user;
    struct job_model *j = map_find(&s->by_id, (uint64_t)row->job);
    if (j && j->state == JOB_RETRYING && j->attempt == row->attempt + 1) j->waits = true;
    return 0;
}

/* By what is written, not by what the engine has in memory. */
static void find_waits(struct sim *s)
{
    for (int i = 0; i < s->job_count; i++)
        s->jobs[i].waits = false;
    store_each_remnant(s->world.store, note_wait, s, NULL);
}

static int64_t retrying_limit(const struct job_model *j)
{
    int64_t delay = j->row.retry.type == RETRY_CONSTANT ? j->row.retry.interval_ms
                                                        : j->row.retry.max_interval_ms;
    if (!j->waits) return delay;
    return j->row.queue_timeout_ms > 0 ? delay + j->row.queue_timeout_ms : NEVER;
}

/* NEVER: there is no limit. */
static int64_t limit_of(const struct sim *s, const struct job_model *j)
{
    int64_t kill = j->row.kill_grace_ms > 0 ? lease_kill_time_ms(j->row.kill_grace_ms)
                                            : s->world.config.kill_time_ms;
    switch (j->state) {
    case JOB_CREATED:
        return j->row.queue_timeout_ms > 0 ? j->row.queue_timeout_ms : NEVER;
    case JOB_RETRYING:
        return retrying_limit(j);
    case JOB_SUBMITTED:
    case JOB_RUNNING:
        return j->row.timeout_ms > 0 ? j->row.timeout_ms + grace_of(j) + BACKSTOP_SLACK_MS : NEVER;
    case JOB_KILLING:
        return grace_of(j) + lease_of(s, j) + kill;
    default:
        return NEVER;
    }
}

void check_limits(struct sim *s)
{
    char id[ID_TEXT_SIZE];
    int64_t now = houses_batch_ms(s); /* what was due then is done */
    find_waits(s);
    for (int i = 0; i < s->job_count; i++) {
        const struct job_model *j = &s->jobs[i];
        if (!j->known || job_is_final(j->state)) continue;
        int64_t limit = limit_of(s, j);
        int64_t from = j->since_ms > s->loaded_ms ? j->since_ms : s->loaded_ms;
        if (limit != NEVER && now > from + limit + SLACK_MS)
            sim_violation(s, "job %s is %s for %lld ms, at most %lld are right",
                          text(j->row.id, id), fsm_name(&job_fsm, (int)j->state),
                          (long long)(now - from), (long long)limit);
        if (j->cancel_done && j->state != JOB_KILLING)
            sim_violation(s, "cancel: job %s was cancelled, and is %s", text(j->row.id, id),
                          fsm_name(&job_fsm, (int)j->state));
    }
}
