/* Looking up jobs. */
#include "coordinator/reads/lookup.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/reads/job_json.h"
#include "coordinator/reads/known.h"
#include "coordinator/store/reader_ids.h"

/* 0: the job is there and the token may see it; otherwise the problem or the result tells why. */
static int find(struct lookup *l, struct reader *r, struct job_view *v, struct err *e)
{
    char id[ID_TEXT_SIZE];
    id_format(l->id, id);
    int rc = reader_job(r, l->id, v, e);
    if (rc == ERR_NOT_FOUND)
        problem_set(&l->problem, 404, "not-found",
                    "finished jobs are forgotten after the retention time", "there is no job %s",
                    id);
    if (rc) return rc;
    if (!lookup_may_see(l->only_ns, v->job.ns, &l->problem)) {
        job_view_fini(v);
        return ERR_DENIED;
    }
    l->found = l->id;
    l->waits = job_json_waits(v->job.state);
    return 0;
}

int lookup_job(struct lookup *l, struct reader *r, struct err *e)
{
    struct job_view v;
    int rc = find(l, r, &v, e);
    if (rc) return rc;
    if (!l->waits || !l->may_wait) {
        struct job_json_parts parts = {.spec = true,
                                       .attempts = JOB_JSON_ATTEMPTS_MAX,
                                       .with_waiting = true,
                                       .waiting = l->waiting};
        rc = job_json(&l->answer.w, r, &v, &parts, e);
        if (l->duplicate >= 0) jw_bool(&l->answer.w, "duplicate", l->duplicate != 0);
    }
    job_view_fini(&v);
    return rc;
}

int lookup_job_exists(struct lookup *l, struct reader *r, struct err *e)
{
    struct job_view v;
    int rc = find(l, r, &v, e);
    if (rc) return rc;
    if (l->number > v.job.attempt) {
        (void)problem_set(&l->problem, 404, "not-found", "the attempts are counted from 1",
                          "the job has no attempt %lld: the last one is number %lld",
                          (long long)l->number, (long long)v.job.attempt);
        rc = ERR_NOT_FOUND;
    }
    job_view_fini(&v);
    return rc;
}

int lookup_why(struct lookup *l, struct reader *r, struct err *e)
{
    struct job_view v;
    int rc = find(l, r, &v, e);
    if (rc) return rc;
    struct jw *w = &l->answer.w;
    jw_id(w, "id", l->id);
    jw_str(w, "state", job_json_state(&v.job));
    jw_raw(w, "waiting", l->waits ? l->waiting : NULL);
    job_view_fini(&v);
    return 0;
}

/* ---- lists ---- */

struct page {
    struct lookup *l;
    struct reader *r;
};

static int on_job(const struct job_view *v, void *user)
{
    static const struct job_json_parts brief = {0};
    struct page *p = user;
    if (!list_row(&p->l->list)) return 1;
    (void)job_json(&p->l->answer.w, p->r, v, &brief, NULL);
    list_row_end_id(&p->l->list, v->job.id);
    return 0;
}

/* The filter that was asked for; borrows the lookup's texts. */
static int filter_of(struct lookup *l, struct reader *r, struct job_filter *f, struct err *e)
{
    struct name_asked group = {.of = NAME_GROUP, .name = l->group};
    *f = (struct job_filter){.states = l->states,
                             .kinds = l->kinds,
                             .group = l->group,
                             .ns = l->ns,
                             .name = l->name,
                             .before_id = lookup_before(l),
                             .from_id = l->from_id,
                             .reasons = l->reasons,
                             .exited = l->exited,
                             .exit_code = l->exit_code,
                             .ended_since_ms = l->ended_since_ms,
                             .ended_until_ms = l->ended_until_ms,
                             .flow = l->flow,
                             .task = l->task,
                             .unnamed = l->unnamed,
                             .labels = l->labels,
                             .uncancelled = l->uncancelled,
                             .limit = l->list.limit};
    struct name_asked flow = {.of = NAME_FLOW, .name = l->flow, .ns = l->ns, .exact = true};
    int rc = l->agent ? known_agent(l, r, l->agent, &f->agent, e) : 0;
    if (!rc && l->group) rc = known_name(l, r, &group, e);
    return !rc && l->flow ? known_name(l, r, &flow, e) : rc;
}

int lookup_jobs(struct lookup *l, struct reader *r, struct err *e)
{
    struct page p = {l, r};
    struct job_filter f;
    int64_t next = 0;
    int rc = filter_of(l, r, &f, e);
    if (rc) return rc;
    list_begin(&l->list, &l->answer);
    rc = reader_jobs(r, &f, on_job, &p, &next, e);
    list_end_id(&l->list, next);
    return rc;
}

int lookup_job_ids(struct lookup *l, struct reader *r, struct err *e)
{
    struct job_filter f;
    int rc = filter_of(l, r, &f, e);
    if (rc) return rc;
    l->found = f.agent;
    l->ids = mem_array(f.limit < READER_IDS_MOST ? f.limit : READER_IDS_MOST, sizeof *l->ids);
    struct job_ids ids = {.items = l->ids, .specs_most = l->specs_most};
    rc = reader_job_ids(r, &f, &ids, &l->next, e);
    if (rc) return rc;
    l->id_count = ids.count;
    l->spec_bytes = ids.spec_bytes;
    struct jw *w = &l->answer.w;
    jw_int(w, "matched", (int64_t)l->id_count);
    if (l->since_ms) jw_time(w, "since", l->since_ms);
    if (l->until_ms) jw_time(w, "until", l->until_ms);
    if (l->ended_since_ms) jw_time(w, "endedSince", l->ended_since_ms);
    if (l->ended_until_ms) jw_time(w, "endedUntil", l->ended_until_ms);
    jw_id(w, "startCursor", l->id_count ? l->ids[0] + 1 : 0);
    jw_id(w, "nextCursor", l->next);
    return 0;
}

static void put_attempt(struct lookup *l, const struct attempt_row *a, enum job_kind kind,
                        const char *agent_name)
{
    attempt_json(&l->answer.w, a, kind, agent_name);
    list_row_end(&l->list, "%lld", (long long)a->attempt);
}

static int on_attempt(const struct attempt_row *a, const char *agent_name, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    put_attempt(l, a, JOB_TASK, agent_name); /* not the last one: it cannot have ended well */
    return 0;
}

int lookup_attempts(struct lookup *l, struct reader *r, struct err *e)
{
    struct job_view v;
    struct attempt_row last;
    bool more = false;
    int rc = find(l, r, &v, e);
    if (rc) return rc;
    struct attempt_filter f = {.job = l->id, .before = l->list.place, .limit = l->list.limit};
    list_begin(&l->list, &l->answer);
    /* the job's own row holds the newest one */
    if (job_json_last_attempt(&v.job, &last) && (!f.before || last.attempt < f.before) &&
        list_row(&l->list)) {
        put_attempt(l, &last, v.job.kind, v.agent_name);
        f.before = last.attempt;
        f.limit--;
    }
    rc = reader_attempts(r, &f, on_attempt, l, &more, e);
    list_end(&l->list, more);
    job_view_fini(&v);
    return rc;
}
