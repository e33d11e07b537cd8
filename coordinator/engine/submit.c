/* Users submit jobs and cancel jobs. */
#include "coordinator/engine/submit.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/audit.h"
#include "coordinator/engine/implied.h"
#include "coordinator/engine/principal.h"
#include "coordinator/engine/progress.h"
#include "coordinator/engine/reply.h"

#include <string.h>

bool submit_known(struct engine *g, const char *key, struct reply *r)
{
    int64_t id;
    if (!key) return false;
    int rc = store_job_find_key(g->store, key, &id, &g->err);
    if (rc == 0) {
        return false;
    }
    if (!store_ok(g, rc)) return true;
    reply_fini(r);
    r->id = id;
    r->known = true;
    return true;
}

static void refuse_group(const struct engine *g, const char *key, const struct namespace *n,
                         struct reply *r)
{
    const char *near = group_nearest_key(g, key);
    char text[STR_SUGGEST_SIZE];
    const char *hint = near ? str_hint(text, near) : "'cadre group list' shows them";
    if (n) {
        reply_error(
            r, ERR_INVALID, "unknown-group", hint,
            "group: there is no worker group '%s', to which the namespace %s sends its jobs", key,
            n->row.ns);
    } else {
        reply_error(r, ERR_INVALID, "unknown-group", hint, "group: there is no worker group '%s'",
                    key);
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
    if (!row->group) row->group = mem_strdup(STR_DEFAULT_GROUP);
    *from = n;
    struct group *group = group_find(g, row->group);
    return group && !group->deleted ? group : NULL;
}

static void refuse_full(const struct group *group, struct reply *r)
{
    char name[96];
    reply_error(r, ERR_UNAVAILABLE, "queue-full", "try again when some have been handed out",
                "%s holds %lld queued jobs, as many as it may", group_name(group, name),
                (long long)group->queued);
}

/* Is there place, and is it allowed? false: refused. */
static bool accept(const struct group *group, const char *ns, size_t spec_bytes, struct reply *r)
{
    char name[96];
    if (!group_allows(group, ns)) {
        reply_error(r, ERR_DENIED, "namespace-not-allowed",
                    "cadre group show tells which namespaces may", "%s does not take jobs of %s%s",
                    group_name(group, name), ns ? "namespace " : "no namespace", ns ? ns : "");
        return false;
    }
    if (group->row.max_queued > 0 && group->queued >= group->row.max_queued) {
        refuse_full(group, r);
        return false;
    }
    if (spec_bytes > SPEC_STORED_MAX) {
        char size[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
        size_round((int64_t)spec_bytes, size);
        size_round(SPEC_STORED_MAX, most);
        reply_error(r, ERR_TOO_LARGE, "payload-too-large", "pass large data by reference",
                    "the job has %s as JSON text, at most %s are taken", size, most);
        return false;
    }
    return true;
}

static bool intern_requires(struct engine *g, const struct cmd_submit *s, int64_t *id,
                            struct reply *r)
{
    struct requires *compiled = NULL;
    struct err e;
    *id = 0;
    if (job_requires(s->require, REQUIRES_ASKED, &s->needs, &compiled, &e)) {
        reply_err(r, &e, NULL, NULL);
        return false;
    }
    return !compiled || store_ok(g, requires_entry_intern(g, compiled, id));
}

struct group *submit_group(struct engine *g, const struct job_row *row, size_t spec_bytes,
                           struct reply *r)
{
    struct group *group = group_find(g, row->group);
    if (group && !group->deleted) return accept(group, row->ns, spec_bytes, r) ? group : NULL;
    refuse_group(g, row->group, NULL, r);
    return NULL;
}

/* The group that is to run it, when it may be queued there. NULL: refused, or a failure was
 * noted. */
static struct group *check(struct engine *g, const struct cmd_submit *s, struct job_row *row,
                           struct reply *r)
{
    const struct namespace *from;
    struct group *group = job_resolve(g, row, s->fallback_given, &from);
    if (!group) {
        refuse_group(g, row->group, from, r);
        return NULL;
    }
    if (!accept(group, row->ns, strlen(s->spec), r)) return NULL;
    return intern_requires(g, s, &row->requires_id, r) ? group : NULL;
}

/* Ids are random enough to be unique nearly always, and the store knows for certain. false: known
 * key, or failure. */
static bool insert(struct engine *g, struct job_row *row, const char *spec, struct reply *r)
{
    for (int tries = 0; tries < 100; tries++) {
        row->id = engine_new_id(g);
        int rc = store_job_insert(g->store, row, spec, &g->err);
        if (rc != ERR_EXISTS) return store_ok(g, rc);
        g->err = (struct err){0};
        if (submit_known(g, row->unique_key, r)) return false;
    }
    engine_broken(g, "no free job id was found");
    return false;
}

/* It falls back at once. */
static bool is_alone(const struct engine *g, const struct job_row *row, const struct group *group)
{
    return group->online == 0 && g->now.mono_ms >= group->expect_until_ms && job_falls_back(row);
}

static void enqueue_new(struct engine *g, struct job_row *row, char *spec, bool encoded,
                        const struct group *group)
{
    text_set(&row->created_by, NULL); /* for people; it is stored */
    struct job *j = job_add(g, row);
    j->spec = spec;
    j->encoded = encoded;
    j->output_known = true;
    job_changed(g, j);
    progress_created(g, job_group(g, j), &j->row);
    bool alone = is_alone(g, &j->row, group);
    int64_t id = j->row.id;
    job_enqueue(g, j);
    if (!alone) return;
    j = job_get(g, id);
    if (j) job_fall_back(g, j);
}

/* ---- jobs of the engine's own making ---- */

int64_t job_create(struct engine *g, struct job_row *row, char *spec)
{
    row->state = JOB_CREATED;
    row->attempt = 1;
    row->created_ms = g->now.wall_ms;
    if (!insert(g, row, spec, NULL)) {
        job_row_fini(row);
        mem_free(spec);
        return 0;
    }
    int64_t id = row->id;
    enqueue_new(g, row, spec, false, group_find(g, row->group));
    return g->rc ? 0 : id;
}

int64_t job_create_ended(struct engine *g, struct job_row *row, const struct job_end *end)
{
    row->state = end->state;
    row->reason = end->reason;
    row->message = mem_strdup(end->message);
    row->attempt = 1;
    row->ended_ms = end->ended_ms;
    if (row->created_ms == 0) row->created_ms = end->ended_ms;
    if (end->state == JOB_SUCCESS && row->started_ms == 0) row->started_ms = end->ended_ms;
    int64_t id = insert(g, row, "{}", NULL) ? row->id : 0;
    job_row_fini(row);
    if (id == 0) return 0;
    if (end->outputs && !store_ok(g, store_job_finish(g->store, id, end, &g->err))) return 0;
    effects_add(g->out, EFFECT_JOB_CHANGED)->u.changed =
        (struct effect_changed){.id = id, .final = true};
    return id;
}

/* For the answer. NULL: a failure was noted. */
static struct reply_job *tell(struct engine *g, const struct job_row *row, const char *spec)
{
    const struct requires_entry *require = NULL;
    struct job_row shown = *row;
    if (row->requires_id && !(require = requires_entry_find(g, row->requires_id))) return NULL;
    struct reply_job *j = mem_alloc(sizeof *j);
    shown.unique_key = NULL;
    j->row = job_row_copy(&shown);
    j->spec = mem_strdup(spec);
    j->require = require ? mem_strdup(require->text) : NULL;
    return j;
}

static void make_new(const struct engine *g, struct job_row *row)
{
    row->state = JOB_CREATED;
    row->reason = REASON_NONE;
    row->attempt = 1;
    row->agent = 0;
    row->created_ms = g->now.wall_ms;
    row->created_by = mem_strdup(g->by);
}

bool submit_new(struct engine *g, const struct cmd_submit *s, struct job_row *row,
                const struct group *group, struct reply *r)
{
    make_new(g, row);
    if (!insert(g, row, s->spec, r)) {
        job_row_fini(row);
        return false;
    }
    bool waits = !is_alone(g, row, group);
    r->id = row->id;
    if (s->tell_job && waits) r->job = tell(g, row, s->spec);
    enqueue_new(g, row, mem_strdup(s->spec), s->encoded, group);
    return waits;
}

/* As submit_new. */
static bool submit(struct engine *g, const struct cmd_submit *s, struct reply *r)
{
    struct job_row row = job_row_copy(&s->job);
    mem_free(row.unique_key);
    row.unique_key = scoped_key(row.submitter, s->job.unique_key);
    const struct group *group = check(g, s, &row, r);
    if (group) return submit_new(g, s, &row, group, r);
    /* It would not be taken today, but perhaps it was: then the answer is that job. */
    if (g->rc == 0) submit_known(g, row.unique_key, r);
    job_row_fini(&row);
    return false;
}

void apply_submit(struct engine *g, const struct command *c, struct reply *r)
{
    (void)submit(g, &c->u.submit, r);
}

/* ---- several at once ---- */

static enum job_state state_of(struct engine *g, int64_t id)
{
    const struct job *j = job_find(g, id);
    struct job_row row;
    if (j) return j->row.state;
    if (!store_ok(g, store_job_get(g->store, id, &row, &g->err))) return JOB_CREATED;
    enum job_state state = row.state;
    job_row_fini(&row);
    return state;
}

/* Takes the reply to the one job. */
static void tell_item(struct engine *g, struct reply *one, bool waits, struct reply_item *out)
{
    if (one->rc) {
        out->refused = mem_alloc(sizeof *out->refused);
        *out->refused = *one;
        return;
    }
    out->id = one->id;
    out->known = one->known;
    out->state = waits || g->rc ? JOB_CREATED : state_of(g, one->id);
    reply_fini(one);
}

static void submit_each(struct engine *g, const struct cmd_submits *a, struct reply_item *out)
{
    for (size_t i = 0; i < a->count && g->rc == 0; i++) {
        const struct cmd_submit *s = &a->items[i];
        struct reply one = {0};
        bool waits = principal_sees(g, s->job.ns, &one) && submit(g, s, &one);
        tell_item(g, &one, waits, &out[i]);
    }
}

/* One of several that are taken together. */
struct checked {
    struct job_row row;
    const struct group *group; /* NULL: the job is known, or not checked */
    bool waits;                /* it will stand in the group's queue */
};

/* Is there place in the queue behind those before it? */
static bool fits_behind(const struct checked *all, size_t i, struct reply *r)
{
    const struct group *group = all[i].group;
    int64_t before = 0;
    if (group->row.max_queued <= 0 || !all[i].waits) return true;
    for (size_t k = 0; k < i; k++)
        before += all[k].group == group && all[k].waits;
    if (group->queued + before < group->row.max_queued) return true;
    refuse_full(group, r);
    return false;
}

/* false: refused, or a failure was noted. */
static bool check_one(struct engine *g, const struct cmd_submit *s, struct checked *all, size_t i,
                      struct reply_item *out, struct reply *r)
{
    struct checked *x = &all[i];
    struct reply known = {0};
    if (!principal_sees(g, s->job.ns, r)) return false;
    x->row = job_row_copy(&s->job);
    mem_free(x->row.unique_key);
    x->row.unique_key = scoped_key(x->row.submitter, s->job.unique_key);
    if (submit_known(g, x->row.unique_key, &known)) {
        tell_item(g, &known, false, out);
        return g->rc == 0;
    }
    x->group = g->rc ? NULL : check(g, s, &x->row, r);
    if (!x->group) return false;
    x->waits = !is_alone(g, &x->row, x->group);
    return fits_behind(all, i, r);
}

/* Nothing is stored before all were checked. */
static void submit_together(struct engine *g, const struct cmd_submits *a, struct reply *r)
{
    struct checked *all = mem_array(a->count, sizeof *all);
    bool good = true;
    for (size_t i = 0; i < a->count && good; i++) {
        good = check_one(g, &a->items[i], all, i, &r->items[i], r);
        if (!good) r->refused_item = i + 1;
    }
    for (size_t i = 0; i < a->count; i++) {
        struct reply one = {0};
        if (good && g->rc == 0 && all[i].group) {
            bool waits = submit_new(g, &a->items[i], &all[i].row, all[i].group, &one);
            tell_item(g, &one, waits, &r->items[i]);
        } else {
            job_row_fini(&all[i].row);
        }
    }
    mem_free(all);
}

/* For the log. */
static void note_made(struct engine *g, struct reply *r)
{
    const struct reply_item *first = NULL, *last = NULL;
    size_t count = 0;
    for (size_t i = 0; i < r->item_count; i++) {
        const struct reply_item *x = &r->items[i];
        if (x->refused || x->known) continue;
        if (!first) first = x;
        last = x;
        count++;
    }
    r->known = count == 0; /* nothing was done */
    if (count == 0) return;
    char from[ID_TEXT_SIZE], to[ID_TEXT_SIZE], text[96];
    id_format(first->id, from);
    id_format(last->id, to);
    (void)str_format(text, sizeof text, "%zu jobs together, from %s to %s", count, from, to);
    audit_about(g, text);
}

void apply_submit_all(struct engine *g, const struct command *c, struct reply *r)
{
    const struct cmd_submits *a = &c->u.submits;
    r->items = mem_array(a->count, sizeof *r->items);
    r->item_count = a->count;
    if (a->atomic)
        submit_together(g, a, r);
    else
        submit_each(g, a, r->items);
    if (g->rc == 0 && r->rc == 0) note_made(g, r);
}

/* ---- cancel ---- */

static void answer_final(const struct job_row *row, struct reply *r)
{
    int state = shown_state(row->kind, row->state, row->exit_code);
    reply_error(r, ERR_CONFLICT, NULL, "what has ended stays as it is",
                "the job has ended already: %s", shown_state_names[state]);
}

/* The job, open. NULL: answered, or a failure was noted. */
static struct job *find_to_cancel(struct engine *g, int64_t id, struct reply *r)
{
    struct job *j = job_find(g, id);
    if (j) return principal_sees(g, j->row.ns, r) ? j : NULL;
    struct job_row row;
    int rc = store_job_find(g->store, id, &row, &g->err);
    if (rc == 0) {
        reply_error(r, ERR_NOT_FOUND, NULL, NULL, "there is no such job");
        return NULL;
    }
    if (!store_ok(g, rc)) return NULL;
    if (principal_sees(g, row.ns, r)) {
        if (row.state == JOB_CREATED) return job_add(g, &row);
        if (job_is_final(row.state))
            answer_final(&row, r);
        else
            engine_broken(g, "an assigned job is not in memory");
    }
    job_row_fini(&row);
    return NULL;
}

void apply_cancel(struct engine *g, const struct command *c, struct reply *r)
{
    struct job *j = find_to_cancel(g, c->u.id, r);
    if (!j) return;
    int64_t id = j->row.id;
    job_cancel(g, j);
    r->id = id;
}
