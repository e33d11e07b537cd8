/* Jobs come in, and are taken back by those who sent them. */
#include "coordinator/engine/submit.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/reply.h"

#include <string.h>

/* The same submit again, with its key: the job that is there already. */
static bool answer_known(struct engine *g, const struct command *c, const char *key)
{
    int64_t id;
    if (!key) return false;
    int rc = store_job_by_key(g->store, key, &id, &g->err);
    if (rc == ERR_NOT_FOUND) {
        g->err = (struct err){0};
        return false;
    }
    if (!store_ok(g, rc)) return true;
    if (c->request) {
        struct effect *x = effects_add(g->out, EFFECT_REPLY);
        x->request = c->request;
        x->id = id;
        x->flag = true;
    }
    return true;
}

static void refuse_group(struct engine *g, struct command *c, const char *key,
                         const struct namespace *n)
{
    const char *near = group_nearest_key(g, key);
    char text[STR_SUGGEST_SIZE];
    const char *hint = near ? str_hint(text, near) : "cadre group list shows those that there are";
    if (n) {
        reply_error(
            g, c, ERR_INVALID, "unknown-group", hint,
            "group: there is no worker group '%s', to which the namespace %s sends its jobs", key,
            n->row.ns);
    } else {
        reply_error(g, c, ERR_INVALID, "unknown-group", hint,
                    "group: there is no worker group '%s'", key);
    }
}

struct group *job_resolve(struct engine *g, struct job_row *row, bool fallback_given,
                          const struct namespace **from)
{
    const struct namespace *n = row->group ? NULL : namespace_nearest(g, row->ns);
    if (n) {
        row->group = mem_strdup(n->row.group);
        if (!fallback_given && n->row.fallback >= 0) row->fallback = (enum fallback)n->row.fallback;
    }
    *from = n;
    struct group *group = group_find(g, row->group);
    return group && !group->deleted ? group : NULL;
}

/* NULL: refused. */
static struct group *resolve(struct engine *g, struct command *c)
{
    struct cmd_submit *s = &c->u.submit;
    const struct namespace *from;
    struct group *group = job_resolve(g, &s->job, s->fallback_given, &from);
    if (!group) refuse_group(g, c, s->job.group, from);
    return group;
}

/* Is there place, and is it allowed? false: refused. */
static bool accept(struct engine *g, struct command *c, const struct group *group)
{
    const struct cmd_submit *s = &c->u.submit;
    char name[96];
    if (!group_allows(group, s->job.ns)) {
        reply_error(g, c, ERR_DENIED, "namespace-not-allowed",
                    "cadre group show tells which namespaces may", "%s does not take jobs of %s%s",
                    group_name(group, name), s->job.ns ? "namespace " : "no namespace",
                    s->job.ns ? s->job.ns : "");
        return false;
    }
    if (group->row.max_queued > 0 && group->queued >= group->row.max_queued) {
        reply_error(g, c, ERR_UNAVAILABLE, "queue-full", "try again when some have been handed out",
                    "%s holds %lld queued jobs, as many as it may", group_name(group, name),
                    (long long)group->queued);
        return false;
    }
    size_t bytes = strlen(s->spec);
    if (g->config.payload_limit_bytes > 0 && bytes > (size_t)g->config.payload_limit_bytes) {
        reply_error(g, c, ERR_TOO_LARGE, "payload-too-large", "pass large data by reference",
                    "the job is %zu bytes, the limit is %lld", bytes,
                    (long long)g->config.payload_limit_bytes);
        return false;
    }
    return true;
}

static bool intern_requires(struct engine *g, struct command *c)
{
    struct cmd_submit *s = &c->u.submit;
    struct requires *r = NULL;
    struct err e;
    s->job.requires_id = 0;
    if (requires_parse(s->require, &r, &e)) {
        reply_err(g, c, &e, NULL, NULL);
        return false;
    }
    return !r || store_ok(g, requires_entry_intern(g, r, &s->job.requires_id));
}

/* Ids are random enough to be unique nearly always, and the store knows for certain. false: known
 * key, or failure. */
static bool insert(struct engine *g, struct command *c)
{
    struct cmd_submit *s = &c->u.submit;
    for (int tries = 0; tries < 100; tries++) {
        s->job.id = engine_new_id(g);
        int rc = store_job_insert(g->store, &s->job, s->spec, &g->err);
        if (rc != ERR_EXISTS) return store_ok(g, rc);
        g->err = (struct err){0};
        if (answer_known(g, c, s->job.unique_key)) return false;
    }
    engine_broken(g, "no free job id was found");
    return false;
}

/* Keys are the submitter's own. */
static void scope_key(struct job_row *j)
{
    if (!j->unique_key) return;
    char token[ID_TEXT_SIZE] = "-";
    if (j->submitter > 0) id_format(j->submitter, token);
    char *scoped = str_dupf("%s/%s", token, j->unique_key);
    mem_free(j->unique_key);
    j->unique_key = scoped;
}

static void enqueue_new(struct engine *g, struct job_row *row, char *spec,
                        const struct group *group)
{
    struct job *j = job_add(g, row);
    j->spec = spec;
    j->output_bytes = 0;
    job_changed(g, j);
    bool alone =
        group->online == 0 && g->now.mono_ms >= group->expect_until_ms && job_falls_back(&j->row);
    int64_t id = j->row.id;
    job_enqueue(g, j);
    if (alone) job_fall_back(g, job_find(g, id)); /* kept at hand, as it does not just wait */
}

/* ---- jobs of the engine's own making ---- */

static bool insert_own(struct engine *g, struct job_row *row, const char *spec)
{
    for (int tries = 0; tries < 100; tries++) {
        row->id = engine_new_id(g);
        int rc = store_job_insert(g->store, row, spec, &g->err);
        if (rc != ERR_EXISTS) return store_ok(g, rc);
        g->err = (struct err){0};
    }
    engine_broken(g, "no free job id was found");
    return false;
}

int64_t job_create(struct engine *g, struct job_row *row, char *spec)
{
    row->state = JOB_CREATED;
    row->attempt = 1;
    row->created_ms = g->now.wall_ms;
    if (!insert_own(g, row, spec)) {
        job_row_fini(row);
        mem_free(spec);
        return 0;
    }
    int64_t id = row->id;
    enqueue_new(g, row, spec, group_find(g, row->group));
    return g->rc ? 0 : id;
}

int64_t job_create_ended(struct engine *g, struct job_row *row, const struct job_end *end)
{
    row->state = end->state;
    row->reason = end->reason;
    row->message = mem_strdup(end->message);
    row->attempt = 1;
    row->created_ms = row->ended_ms = end->ended_ms;
    if (end->state == JOB_SUCCESS) row->started_ms = end->ended_ms;
    int64_t id = insert_own(g, row, "{}") ? row->id : 0;
    job_row_fini(row);
    if (id == 0) return 0;
    struct effect *x = effects_add(g->out, EFFECT_JOB_CHANGED);
    x->job = id;
    x->flag = true;
    return id;
}

void apply_submit(struct engine *g, struct command *c)
{
    struct cmd_submit *s = &c->u.submit;
    scope_key(&s->job);
    struct group *group = NULL;
    size_t answers = g->out->count;
    bool good = (group = resolve(g, c)) != NULL && accept(g, c, group) && intern_requires(g, c);
    if (g->rc) return;
    if (!good) {
        /* It would not be taken today, but perhaps it was: then the answer is that job. */
        const struct job_row *j = &s->job;
        int64_t known;
        if (j->unique_key && g->out->count > answers &&
            store_job_by_key(g->store, j->unique_key, &known, NULL) == 0) {
            struct effect *x = g->out->first;
            while (x->next)
                x = x->next;
            effect_fini(x);
            x->rc = 0;
            x->code = NULL;
            x->id = known;
            x->flag = true;
        }
        return;
    }
    s->job.state = JOB_CREATED;
    s->job.reason = REASON_NONE;
    s->job.attempt = 1;
    s->job.agent = 0;
    s->job.created_ms = g->now.wall_ms;
    if (!insert(g, c)) return;
    reply_ok(g, c, s->job.id);
    char *spec = s->spec;
    s->spec = NULL;
    enqueue_new(g, &s->job, spec, group);
}

/* ---- cancel ---- */

static void answer_final(struct engine *g, const struct command *c, enum job_state state)
{
    reply_error(g, c, ERR_CONFLICT, NULL, "what has ended stays as it is",
                "the job has ended already: %s", fsm_name(&job_fsm, (int)state));
}

/* The job, open. NULL: answered, or a failure was noted. */
static struct job *find_to_cancel(struct engine *g, const struct command *c)
{
    struct job *j = job_find(g, c->u.id);
    if (j) return j;
    struct job_row row;
    int rc = store_job_get(g->store, c->u.id, &row, &g->err);
    if (rc == ERR_NOT_FOUND) {
        g->err = (struct err){0};
        reply_error(g, c, ERR_NOT_FOUND, NULL, NULL, "there is no such job");
        return NULL;
    }
    if (!store_ok(g, rc)) return NULL;
    if (row.state == JOB_CREATED) return job_add(g, &row);
    if (!job_is_final(row.state))
        engine_broken(g, "an assigned job is not in memory");
    else
        answer_final(g, c, row.state);
    job_row_fini(&row);
    return NULL;
}

void apply_cancel(struct engine *g, struct command *c)
{
    struct job *j = find_to_cancel(g, c);
    if (!j) return;
    int64_t id = j->row.id;
    job_cancel(g, j);
    reply_ok(g, c, id);
}
