/* Why a job waits: computed when somebody asks, with the numbers that make the answer useful. */
#include "coordinator/engine/why.h"

#include "base/duration.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/job.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/reply.h"

#include <string.h>

#define COUNT_MOST 100000 /* places before a job are counted up to here */
#define NAMES_MOST 3      /* agents named in a sentence */
#define QUEUES_MOST 256   /* of a group, that are looked at for its first job */

struct census {
    int64_t known, online, fitting, slots, busy;
    int64_t unwell, draining;  /* each agent in one of the places, this one first */
    int64_t leaving;           /* the group requires what they do not have any more */
    int64_t let_out;           /* another of their groups does, or is gone */
    int64_t shared;            /* of those fitting, they serve other groups, too */
    int64_t unwell_fitting;    /* of those unwell */
    const struct tried *tried; /* those that could not start it count as not fitting; NULL: none */
};

static void take_census(struct engine *g, const struct job *j, struct queue *q, struct census *out)
{
    struct group *group = q->group;
    *out = (struct census){.tried = tried_find(g, j->row.id)};
    for (const struct member *m = group->first; m; m = m->next) {
        struct agent *a = m->agent;
        out->known++;
        bool unwell = agent_is_unwell(&a->row);
        bool draining = !unwell && (a->row.draining || a->row.held);
        out->unwell += unwell;
        bool fits = agent_fits(g, a, q) && !(out->tried && tried_by(out->tried, a->id));
        out->unwell_fitting += unwell && fits;
        out->draining += draining;
        bool here = a->member_count == 1 || !agent_meets_group(a, group);
        out->leaving += a->leaving && !unwell && !draining && here;
        out->let_out += a->leaving && !unwell && !draining && !here;
        if (!a->counted) continue;
        out->online++;
        if (!fits) continue;
        out->fitting++;
        out->shared += a->member_count > 1;
        out->slots += a->row.slots;
        out->busy += agent_taken_slots(a);
    }
}

static void say(struct jw *w, const char *code, const char *message)
{
    jw_str(w, "code", code);
    jw_str(w, "message", message);
}

/* The clause that keeps most agents out, with what some of them have. */
static void say_unmet(struct group *group, const struct requires *r, const struct census *n,
                      struct jw *w)
{
    size_t worst = 0;
    int64_t most = -1;
    for (size_t i = 0; i < requires_count(r); i++) {
        int64_t failing = 0;
        for (const struct member *m = group->first; m; m = m->next)
            failing += m->agent->counted && !requires_clause_met(r, i, m->agent->caps);
        if (failing > most) {
            most = failing;
            worst = i;
        }
    }
    struct buf clause, text;
    char name[96];
    buf_init(&clause, 4096);
    buf_init(&text, 8192);
    requires_clause_print(r, worst, &clause);
    if (str_eq(requires_clause_name(r, worst), CAP_PROTOCOL))
        buf_addf(&text, "the job needs %s: %lld of %lld in %s are", clause.data,
                 (long long)(n->online - most), (long long)n->online, group_name(group, name));
    else
        buf_addf(&text, "%lld of %lld agents in %s meet %s", (long long)(n->online - most),
                 (long long)n->online, group_name(group, name), clause.data);
    int named = 0;
    for (const struct member *m = group->first; m; m = m->next) {
        const struct agent *a = m->agent;
        if (!a->counted || requires_clause_met(r, worst, a->caps)) continue;
        if (named == NAMES_MOST) {
            buf_adds(&text, ", …");
            break;
        }
        buf_addf(&text, "%s %s has ", named++ == 0 ? ":" : ",", a->row.name);
        caps_print(a->caps, requires_clause_name(r, worst), &text);
    }
    if (most < n->online) buf_adds(&text, "; none meets all that is required");
    say(w, "none-satisfies", text.data);
    jw_str(w, "clause", clause.data);
    jw_int(w, "agents", n->online);
    jw_int(w, "failing", most);
    buf_fini(&clause);
    buf_fini(&text);
}

/* Names an agent of the group that is not let in, and why. */
struct refused {
    struct buf *text;
    const char *sign;
    int64_t count;
};

static int add_refused(const struct refusal_row *r, void *user)
{
    struct refused *refused = user;
    char at[TIME_TEXT_SIZE];
    if (refused->count++ == NAMES_MOST) {
        buf_adds(refused->text, "; …");
        return 1;
    }
    time_format(r->at_ms, at);
    at[strcspn(at, ".")] = '\0'; /* to the second */
    buf_addf(refused->text, "%s %s was refused at %sZ: %s", refused->sign, r->name, at, r->message);
    refused->sign = ";";
    return 0;
}

static void say_away(struct engine *g, const struct group *group, const struct census *n,
                     struct jw *w)
{
    struct buf text;
    char name[96];
    const char *sign = ":";
    buf_init(&text, 8192);
    buf_addf(&text, "%s has no agent online", group_name(group, name));
    if (n->draining > 0) {
        buf_addf(&text, "%s %lld of %lld are draining", sign, (long long)n->draining,
                 (long long)n->known);
        sign = ",";
    }
    if (n->leaving > 0) {
        buf_addf(&text, "%s %lld of %lld do not meet what it requires any more", sign,
                 (long long)n->leaving, (long long)n->known);
        sign = ",";
    }
    if (n->let_out > 0) {
        buf_addf(&text, "%s %lld of %lld may not be in another of their groups any more", sign,
                 (long long)n->let_out, (long long)n->known);
        sign = ",";
    }
    struct refused refused = {.text = &text, .sign = *sign == ':' ? sign : ";"};
    int rc = store_each_refusal(g->store, group->row.key, NAMES_MOST + 1, add_refused, &refused,
                                &g->err);
    if (!store_ok(g, rc)) refused.count = 0;
    say(w, "no-agent-online", text.data);
    buf_fini(&text);
    jw_int(w, "draining", n->draining);
    jw_int(w, "refused", refused.count);
}

/* "; could not be started on a, b" */
static void add_tried(const struct group *group, const struct tried *t, struct buf *out)
{
    const char *sign = "; could not be started on ";
    for (const struct member *m = group->first; m && t; m = m->next) {
        const struct agent *a = m->agent;
        if (!tried_by(t, a->id)) continue;
        buf_addf(out, "%s%s", sign, a->row.name);
        sign = ", ";
    }
}

/* Those who would do, if they could start jobs. */
static void say_unwell(struct engine *g, struct group *group, struct queue *q,
                       const struct census *n, struct jw *w)
{
    struct buf text;
    char name[96], since[TIME_TEXT_SIZE];
    int named = 0;
    buf_init(&text, 8192);
    buf_addf(&text, "%lld of %lld agents in %s %s unwell", (long long)n->unwell_fitting,
             (long long)n->known, group_name(group, name), n->unwell_fitting == 1 ? "is" : "are");
    for (const struct member *m = group->first; m; m = m->next) {
        struct agent *a = m->agent;
        if (!agent_is_unwell(&a->row) || !agent_fits(g, a, q)) continue;
        if (n->tried && tried_by(n->tried, a->id)) continue;
        if (named == NAMES_MOST) {
            buf_adds(&text, "; …");
            break;
        }
        time_format(a->row.unwell_since_ms, since);
        buf_addf(&text, "%s %s since %s: %s", named++ == 0 ? ":" : ";", a->row.name, since,
                 a->row.unwell_reason);
    }
    if (n->draining > 0)
        buf_addf(&text, "; %lld %s draining", (long long)n->draining,
                 n->draining == 1 ? "is" : "are");
    add_tried(group, n->tried, &text);
    say(w, "unwell", text.data);
    buf_fini(&text);
    jw_int(w, "unwell", n->unwell_fitting);
    jw_int(w, "draining", n->draining);
}

/* Soon another agent comes back, or its attempt fails. */
static void say_only_tried(const struct group *group, const struct tried *t, struct jw *w)
{
    struct buf text;
    char name[96];
    buf_init(&text, 4096);
    buf_addf(&text, "%s has no other fitting agent online", group_name(group, name));
    add_tried(group, t, &text);
    if (t->message) buf_addf(&text, ": %s", t->message);
    say(w, "no-agent-online", text.data);
    buf_fini(&text);
}

static void say_position(struct engine *g, const struct group *group, const struct job *j,
                         const struct census *n, struct jw *w)
{
    int64_t before = 0;
    char name[96];
    struct buf text;
    int rc = store_queue_position(g->store, &j->row, COUNT_MOST, &before, &g->err);
    if (!store_ok(g, rc)) return;
    group_name(group, name);
    bool busy = before == 0 && n->busy >= n->slots;
    buf_init(&text, 4096);
    if (busy)
        buf_addf(&text, "all %lld fitting agents in %s are busy (%lld of %lld slots)",
                 (long long)n->fitting, name, (long long)n->busy, (long long)n->slots);
    else
        buf_addf(&text, "number %lld%s in the queue of %s", (long long)before + 1,
                 before >= COUNT_MOST ? " or more" : "", name);
    if (n->shared > 0)
        buf_addf(&text, "; %lld of its fitting agents %s other groups, too", (long long)n->shared,
                 n->shared == 1 ? "serves" : "serve");
    if (n->unwell_fitting > 0)
        buf_addf(&text, "; %lld more %s unwell", (long long)n->unwell_fitting,
                 n->unwell_fitting == 1 ? "is" : "are");
    add_tried(group, n->tried, &text);
    say(w, busy ? "all-busy" : "queued", text.data);
    buf_fini(&text);
    jw_int(w, "position", before + 1);
    jw_int(w, "agents", n->fitting);
    jw_int(w, "shared", n->shared);
    jw_int(w, "slots", n->slots);
    jw_int(w, "busy", n->busy);
    jw_int(w, "unwell", n->unwell_fitting);
}

static void say_created(struct engine *g, const struct job *j, struct jw *w)
{
    struct group *group = group_of_job(g, &j->row);
    struct queue *q = queue_get(g, group, j->row.requires_id);
    struct census n;
    char name[96], text[160];
    if (group->row.paused) {
        str_format(text, sizeof text, "%s is paused", group_name(group, name));
        say(w, "group-paused", text);
        return;
    }
    take_census(g, j, q, &n);
    if (g->rc) return;
    if (n.fitting == 0 && n.unwell_fitting > 0)
        say_unwell(g, group, q, &n, w);
    else if (n.online == 0)
        say_away(g, group, &n, w);
    else if (n.fitting == 0 && n.tried)
        say_only_tried(group, n.tried, w);
    else if (n.fitting == 0 && q->requires && q->requires->compiled)
        say_unmet(group, q->requires->compiled, &n, w);
    else
        say_position(g, group, j, &n, w);
}

/* An attempt before has left a process that its agent could not end. */
static void say_alive(struct engine *g, const struct remnant *r, struct jw *w)
{
    struct agent_row row = {0};
    const struct agent *a = agent_find(g, r->row.agent);
    const char *name = a ? a->row.name : NULL; /* not known before its first hello */
    int rc = name ? 1 : store_agent_find(g->store, r->row.agent, &row, &g->err);
    if (!store_ok(g, rc)) return;
    if (!name) name = rc == 1 ? row.name : "its agent";
    char *text = str_dupf("%s of attempt %lld %s still alive on %s", r->row.processes,
                          (long long)r->row.attempt, remnant_is(r), name);
    say(w, "alive", text);
    jw_int(w, "attempt", r->row.attempt);
    jw_str(w, "processes", r->row.processes);
    jw_str(w, "agent", name);
    jw_time(w, "since", r->row.since_ms);
    mem_free(text);
    agent_row_fini(&row);
}

static void say_retrying(struct engine *g, const struct job *j, struct jw *w)
{
    char text[96], at[TIME_TEXT_SIZE];
    if (j->remnant) {
        say_alive(g, j->remnant, w);
        return;
    }
    time_format(j->row.retry_at_ms, at);
    at[strcspn(at, ".")] = '\0'; /* to the second */
    if (j->row.retry_at_ms > g->now.wall_ms)
        str_format(text, sizeof text, "attempt %lld is due at %sZ", (long long)j->row.attempt, at);
    else
        str_format(text, sizeof text, "attempt %lld is due now", (long long)j->row.attempt);
    say(w, "retry-at", text);
    jw_time(w, "at", j->row.retry_at_ms);
    jw_int(w, "attempt", j->row.attempt);
}

/* head: the job is not named in the question. */
static void answer(struct engine *g, const struct job *j, bool head, struct reply *r)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 16384);
    jw_init(&w, &b);
    if (j && (j->row.state == JOB_CREATED || j->row.state == JOB_RETRYING)) {
        jw_object(&w, NULL);
        if (head) jw_id(&w, "job", j->row.id);
        if (j->row.state == JOB_CREATED)
            say_created(g, j, &w);
        else
            say_retrying(g, j, &w);
        jw_end(&w);
    } else {
        jw_null(&w, NULL);
    }
    reply_json(r, &b);
    buf_fini(&b);
}

static bool first_of(struct engine *g, const struct queue *q, struct queue_head *out)
{
    const struct queue_head *first = window_first(&q->window);
    struct queue_key k = {.group = q->group->row.key, .requires_id = q->requires_id};
    size_t count = first ? 1 : 0;
    if (first)
        *out = *first;
    else if (!store_ok(g, store_queue_heads(g->store, &k, out, 1, &count, &g->err)))
        return false;
    return count > 0;
}

/* The best of the first jobs of its queues, as far as they are looked at, and of those aside. 0:
 * none waits, or a failure was noted. */
static int64_t head_of(struct engine *g, const struct group *group)
{
    const struct tried *t = group->aside.first;
    struct queue_head best = t ? t->head : (struct queue_head){0}, head;
    for (size_t i = 0; i < group->pending_count && i < QUEUES_MOST; i++)
        if (first_of(g, group->pending[i], &head) && (!best.id || queue_head_before(&head, &best)))
            best = head;
    return g->rc ? 0 : best.id;
}

/* Of a namespace that the token may not see, nothing is told. */
static void answer_head(struct engine *g, const struct job *j, struct reply *r)
{
    struct reply no = {0};
    if (principal_sees(g, j->row.ns, &no))
        answer(g, j, true, r);
    else
        answer(g, NULL, true, r);
    reply_fini(&no);
}

static void why_of_group(struct engine *g, const char *key, struct reply *r)
{
    struct group *group = group_find(g, key);
    if (!group || group->deleted) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such group");
        return;
    }
    int64_t id = head_of(g, group);
    const struct job *j = id ? job_find(g, id) : NULL;
    struct job stored = {0};
    int rc = id && !j ? store_job_find(g->store, id, &stored.row, &g->err) : 0;
    if (!store_ok(g, rc)) return;
    if (j || rc == 1)
        answer_head(g, j ? j : &stored, r);
    else
        answer(g, NULL, true, r);
    if (rc == 1) job_row_fini(&stored.row);
}

void apply_why(struct engine *g, const struct command *c, struct reply *r)
{
    if (c->text) {
        why_of_group(g, c->text, r);
        return;
    }
    const struct job *j = job_find(g, c->u.id);
    if (j) {
        if (principal_sees(g, j->row.ns, r)) answer(g, j, false, r);
        return;
    }
    struct job stored = {0};
    int rc = store_job_find(g->store, c->u.id, &stored.row, &g->err);
    if (rc == 0) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such job");
        return;
    }
    if (!store_ok(g, rc)) return;
    if (principal_sees(g, stored.row.ns, r)) answer(g, &stored, false, r);
    job_row_fini(&stored.row);
}
