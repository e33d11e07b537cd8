/* What has to be true, whatever happens. */
#include "tests/sim/sim.h"
#include "tests/sim/sim_houses.h"
#include "tests/sim/sim_older.h"
#include "tests/sim/sim_placement.h"
#include "tests/sim/sim_turns.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

static const char *text(int64_t id, char out[ID_TEXT_SIZE])
{
    id_format(id, out);
    return out;
}

/* ---- what runs ---- */

void check_process_begins(struct sim *s, struct agent_model *a, int64_t job, int64_t attempt)
{
    char id[ID_TEXT_SIZE];
    struct job_model *j = map_find(&s->by_id, (uint64_t)job);
    if (!j) {
        sim_violation(s, "job %s runs, but was never written", text(job, id));
        return;
    }
    if (j->alive > 0)
        sim_violation(s,
                      "two at once: job %s attempt %lld begins on %s while attempt %lld is alive",
                      text(job, id), (long long)attempt, a->name, (long long)j->alive_attempt);
    if (attempt <= j->started_attempt)
        sim_violation(s,
                      "run twice: job %s attempt %lld begins on %s, attempt %lld had begun before",
                      text(job, id), (long long)attempt, a->name, (long long)j->started_attempt);
    if (j->row.retry.type == RETRY_NONE && j->starts > 0)
        sim_violation(s, "run again without retry: job %s", text(job, id));
    struct agent_model then = *a; /* it may have changed while the job was on its way */
    then.gpus = a->gpus_before;
    if (!agent_meets(a, j->requires) && !agent_meets(&then, j->requires))
        sim_violation(s, "wrong agent: job %s requires %s, %s does not meet it", text(job, id),
                      requires_json[j->requires], a->name);
    bool moved = j->row.fallback == FALLBACK_IGNORE && a->serves[GROUP_DEFAULT];
    if (!a->serves[j->group] && !moved)
        sim_violation(s, "wrong group: job %s runs on %s", text(job, id), a->name);
    j->alive++;
    j->alive_attempt = attempt;
    j->started_attempt = attempt;
    j->starts++;
    j->output_bytes = 0;
}

void check_process_writes(struct sim *s, int64_t job, int64_t bytes)
{
    struct job_model *j = map_find(&s->by_id, (uint64_t)job);
    if (j) j->output_bytes = bytes;
}

void check_process_ends(struct sim *s, int64_t job, int64_t attempt)
{
    (void)attempt;
    struct job_model *j = map_find(&s->by_id, (uint64_t)job);
    if (j) j->alive--;
}

void check_process_lives_on(struct sim *s, int64_t job, int change)
{
    struct job_model *j = map_find(&s->by_id, (uint64_t)job);
    if (j) j->lives_on += change;
}

void check_end_acknowledged(struct sim *s, int64_t job, int64_t attempt, int64_t agent)
{
    char id[ID_TEXT_SIZE];
    const struct job_model *j = map_find(&s->by_id, (uint64_t)job);
    if (j && j->attempt == attempt && j->agent == agent && job_is_assigned(j->state))
        sim_violation(s, "lost: the end of job %s attempt %lld was acknowledged, and it is %s",
                      text(job, id), (long long)attempt, fsm_name(&job_fsm, (int)j->state));
}

/* ---- what is written ---- */

static struct job_model *model_of_key(struct sim *s, const char *key)
{
    const char *prefix = "-/job-";
    int64_t number;
    if (!key || !str_starts(key, prefix) || str_int64(key + strlen(prefix), &number) != 0)
        return NULL;
    return number >= 0 && number < s->job_count ? &s->jobs[number] : NULL;
}

static void look(struct sim *s, int64_t id)
{
    char name[ID_TEXT_SIZE];
    struct job_row row;
    struct err e = {0};
    if (store_job_get(s->world.store, id, &row, &e) != 0) {
        sim_violation(s, "job %s changed, but is not there: %s", text(id, name), err_text(&e));
        return;
    }
    struct job_model *j = map_find(&s->by_id, (uint64_t)id);
    if (!j) {
        j = model_of_key(s, row.unique_key);
        if (j && j->known)
            sim_violation(s, "two jobs for one key: %s and %s", j->key, text(id, name));
        if (j) map_put(&s->by_id, (uint64_t)id, j);
    }
    if (!j) {
        sim_violation(s, "job %s came from nowhere", text(id, name));
        job_row_fini(&row);
        return;
    }
    if (j->known && job_is_final(j->state) && row.state != j->state)
        sim_violation(s, "final is final: job %s goes from %s to %s", text(id, name),
                      fsm_name(&job_fsm, (int)j->state), fsm_name(&job_fsm, (int)row.state));
    if (row.attempt < j->attempt) sim_violation(s, "job %s: attempts count down", text(id, name));
    if (row.attempt > j->attempt && j->known) s->retries++;
    if (row.reason == REASON_LOST) s->lost++;
    check_change(s, j, &row);
    if (!j->known || j->state != row.state || j->attempt != row.attempt) {
        j->since_ms = houses_batch_ms(s);
        j->since_load = s->starting ? 0 : s->loads;
        j->changes++;
    } else if (j->agent != row.agent) {
        j->changes++;
    }
    if (!j->known) j->known_ms = houses_batch_ms(s);
    j->known = true;
    j->row.id = id;
    j->state = row.state;
    j->attempt = row.attempt;
    j->agent = row.agent;
    bool in_default = str_is_default_group(row.group);
    if (in_default && j->group != GROUP_DEFAULT && j->row.fallback != FALLBACK_IGNORE)
        sim_violation(s, "job %s: its group changed", text(id, name));
    if (in_default && j->row.fallback == FALLBACK_IGNORE) j->group = GROUP_DEFAULT;
    job_row_fini(&row);
}

static bool stands_before(const struct job_model *a, const struct job_model *b)
{
    if (a->row.priority != b->row.priority) return a->row.priority > b->row.priority;
    return a->row.id < b->row.id;
}

static void check_slots(struct sim *s, const struct agent_model *a)
{
    int64_t busy = 0;
    for (int i = 0; i < s->job_count; i++)
        busy += s->jobs[i].known && job_is_assigned(s->jobs[i].state) && s->jobs[i].agent == a->id;
    int64_t slots = a->slots + (s->sabotage == SABOTAGE_TOO_MANY ? 2 : 0);
    if (busy > slots)
        sim_violation(s, "%s is given %lld jobs for %lld slots", a->name, (long long)busy,
                      (long long)slots);
}

static void check_hand_out(struct sim *s, const struct effect *x)
{
    char id[ID_TEXT_SIZE], other[ID_TEXT_SIZE];
    struct link *l = map_find(&s->links, x->session);
    const struct job_model *j = map_find(&s->by_id, (uint64_t)x->u.job.job);
    if (j && map_find(&s->clone_sessions, x->session)) {
        if (j->alive > 0)
            sim_violation(s, "two at once: job %s is handed to a clone while attempt %lld is alive",
                          text(x->u.job.job, id), (long long)j->alive_attempt);
        return;
    }
    if (!j || !l) {
        sim_violation(s, "job %s is handed out to nobody, or from nowhere", text(x->u.job.job, id));
        return;
    }
    const struct agent_model *a = l->agent;
    check_hand_out_rules(s, x, j);
    placement_check_hand_out(s, x, l);
    turns_check_hand_out(s, x, l);
    if (j->state != JOB_SUBMITTED || j->agent != a->id || j->attempt != x->u.job.attempt) {
        sim_violation(s, "job %s is handed out to %s, but it is not written so",
                      text(x->u.job.job, id), a->name);
        return;
    }
    struct agent_model said = check_what_it_said(s, a);
    for (int i = 0; i < s->job_count; i++) {
        const struct job_model *k = &s->jobs[i];
        bool waits = k->known && (k->state == JOB_CREATED || k->handed > j->handed);
        if (!waits || k->group != j->group || !agent_meets(&said, k->requires) ||
            !stands_before(k, j) || placement_tried(s, k->row.id, a->id))
            continue;
        sim_violation(s, "order: %s gets job %s while job %s stands before it", a->name,
                      text(x->u.job.job, id), text(k->row.id, other));
    }
    check_slots(s, a);
}

void check_batch(struct sim *s)
{
    int handed = 0;
    for (const struct effect *x = s->world.effects.first; x; x = x->next) {
        if (x->type == EFFECT_JOB_CHANGED) look(s, x->u.changed.id);
    }
    for (int pass = 0; pass < 3; pass++) {
        for (const struct effect *x = s->world.effects.first; x; x = x->next) {
            if (x->type != EFFECT_JOB) continue;
            struct job_model *j = map_find(&s->by_id, (uint64_t)x->u.job.job);
            if (pass == 0 && j) {
                j->handed = ++handed;
                j->changes++;
                j->since_ms = houses_batch_ms(s);
                j->cloned = map_find(&s->clone_sessions, x->session) != NULL;
            }
            if (pass == 1) check_hand_out(s, x);
            if (pass == 2 && j) j->handed = 0;
        }
    }
    placement_note(s);
}

static int look_at_open(const struct job_row *row, void *user)
{
    struct sim *s = user;
    if (!map_find(&s->by_id, (uint64_t)row->id)) look(s, row->id);
    return 0;
}

/* Handed out in a batch of which only the disk tells. */
static bool is_cloned(struct sim *s, const struct job_model *j)
{
    struct agent_row row;
    if (!job_is_assigned(j->state) || store_agent_find(s->world.store, j->agent, &row, NULL) != 1)
        return false;
    bool cloned = row.host_id && str_starts(row.host_id, "clone-");
    agent_row_fini(&row);
    return cloned;
}

void check_start(struct sim *s)
{
    char name[ID_TEXT_SIZE];
    struct job_row row;
    /* What was committed and never told: no effect of that batch was seen. */
    s->starting = true;
    bool lists_all = !store_faults.overlook_jobs;
    if (lists_all) store_each_open_job(s->world.store, look_at_open, s, NULL);
    for (int i = 0; i < s->job_count && !*s->violation; i++) {
        struct job_model *j = &s->jobs[i];
        if (j->known) look(s, j->row.id);
        if (is_cloned(s, j)) j->cloned = true;
        if (!j->id || j->known) continue;
        if (store_job_get(s->world.store, j->id, &row, NULL) != 0) {
            sim_violation(s, "lost: job %s was acknowledged and is not there", text(j->id, name));
        } else {
            job_row_fini(&row);
        }
    }
    s->starting = false;
}

void check_acknowledged(struct sim *s, struct job_model *j, int64_t id, bool known)
{
    (void)known;
    char name[ID_TEXT_SIZE];
    if (older_is_void(s)) { /* its user will find that it is not there */
        sim_at(s, sim_random(s, 500, 20000), user_submit, j, 0);
        return;
    }
    if (j->id && j->id != id) sim_violation(s, "one key, two answers: %s", j->key);
    if (!j->known || j->row.id != id) {
        struct job_row row;
        /* acknowledged is written, or nothing is */
        if (s->sabotage != SABOTAGE_EARLY_REPLY &&
            store_job_get(s->world.store, id, &row, NULL) != 0)
            sim_violation(s, "job %s is acknowledged, but not there", text(id, name));
        else if (s->sabotage != SABOTAGE_EARLY_REPLY)
            job_row_fini(&row);
    }
    j->id = id;
    if (!j->known && s->sabotage != SABOTAGE_EARLY_REPLY) look(s, id);
}

/* ---- the end ---- */

bool check_all_final(const struct sim *s)
{
    for (int i = 0; i < s->job_count; i++) {
        if (!s->jobs[i].id || !s->jobs[i].known || !job_is_final(s->jobs[i].state)) return false;
    }
    return true;
}

static void check_success(struct sim *s, const struct job_model *j, const struct job_row *row)
{
    char name[ID_TEXT_SIZE];
    if (row->attempt != j->started_attempt)
        sim_violation(s, "job %s: its result is of attempt %lld, but the last that ran is %lld",
                      text(row->id, name), (long long)row->attempt, (long long)j->started_attempt);
    bool tells = row->state == JOB_SUCCESS || row->reason == REASON_EXIT_CODE;
    if (tells && row->exit_code != row->attempt)
        sim_violation(s, "job %s: the result of attempt %lld was taken for that of attempt %lld",
                      text(row->id, name), (long long)row->exit_code, (long long)row->attempt);
}

static void check_output(struct sim *s, const struct job_row *row)
{
    char name[ID_TEXT_SIZE];
    int64_t remarks, bytes = 0;
    if (store_output_bytes(s->world.store, row->id, row->attempt, &bytes, &remarks, NULL) != 0)
        return;
    struct job_model *j = map_find(&s->by_id, (uint64_t)row->id);
    followers_check(s, j, bytes);
    if (j->output_gone ? bytes > j->output_bytes : bytes != j->output_bytes)
        sim_violation(s, "job %s: %lld bytes of output are kept of %lld", text(row->id, name),
                      (long long)bytes, (long long)j->output_bytes);
}

static void check_job(struct sim *s, const struct job_model *j)
{
    char name[ID_TEXT_SIZE];
    struct job_row row;
    if (!j->id) {
        sim_violation(s, "%s was never acknowledged", j->key);
        return;
    }
    if (store_job_get(s->world.store, j->id, &row, NULL) != 0) {
        sim_violation(s, "lost: job %s was acknowledged and is not there", text(j->id, name));
        return;
    }
    if (!job_is_final(row.state))
        sim_violation(s, "job %s does not end: it is %s", text(j->id, name),
                      fsm_name(&job_fsm, (int)row.state));
    bool cancelled =
        row.state == JOB_KILLED || (row.state == JOB_CANCELLED && row.reason == REASON_CANCELLED);
    if (cancelled && !j->cancel_wanted)
        sim_violation(s, "job %s was cancelled by nobody", text(j->id, name));
    bool ran = row.exited && row.reason != REASON_NOT_STARTED;
    if (row.state == JOB_SUCCESS || ran) check_success(s, j, &row);
    if (row.state == JOB_SUCCESS) check_output(s, &row);
    if (j->alive > j->lives_on) sim_violation(s, "job %s has ended, but runs", text(j->id, name));
    job_row_fini(&row);
}

void check_end(struct sim *s)
{
    for (int i = 0; i < s->job_count && !*s->violation; i++)
        check_job(s, &s->jobs[i]);
}
