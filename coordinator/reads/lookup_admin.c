/* Looking up what administrators keep: groups, namespaces, tokens, and how the coordinator does. */
#include "coordinator/reads/lookup.h"

#include "base/duration.h"
#include "base/json.h"
#include "base/str.h"
#include "cadre_version.h"
#include "coordinator/reads/known.h"
#include "coordinator/reads/token_json.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_coordinator.h"
#include "coordinator/store/reader_groups.h"
#include "coordinator/store/reader_load.h"
#include "coordinator/store/reader_page_session.h"
#include "coordinator/store/standby.h"

#include <string.h>

/* ---- groups ---- */

/* The key is the first of them. */
static void put_tags(struct jw *w, const struct group_row *g)
{
    struct json *more = NULL;
    jw_array(w, "tags");
    jw_str(w, NULL, g->key ? g->key : STR_DEFAULT_GROUP);
    if (g->tags) (void)json_parse(g->tags, strlen(g->tags), &more, NULL);
    for (const struct json *j = json_first(more); j; j = json_next(j))
        jw_str(w, NULL, json_str(j, ""));
    json_free(more);
    jw_end(w);
}

static void put_group(struct jw *w, const struct group_row *g, const struct group_counts *n)
{
    jw_str(w, "key", g->key);
    jw_str(w, "description", g->description);
    jw_raw(w, "requires", g->require);
    jw_raw(w, "allowedNamespaces", g->allowed_namespaces ? g->allowed_namespaces : "[]");
    put_tags(w, g);
    jw_bool(w, "paused", g->paused);
    jw_int(w, "maxQueued", g->max_queued);
    jw_int(w, "agents", n->agents);
    jw_int(w, "online", n->online);
    jw_int(w, "unwell", n->unwell);
    jw_int(w, "queued", n->queued);
    jw_int(w, "running", n->running);
    jw_time(w, "createdAt", g->created_ms);
    jw_str(w, "createdBy", g->created_by);
    jw_str(w, "updatedBy", g->updated_by);
    jw_str(w, "pausedBy", g->paused_by);
}

static int find_group(struct lookup *l, struct reader *r, struct group_row *g,
                      struct group_counts *n, struct err *e)
{
    int rc = reader_group(r, l->name, g, n, e);
    if (rc == ERR_NOT_FOUND)
        problem_set(&l->problem, 404, "not-found", "'cadre group list' shows them",
                    "there is no worker group '%.80s'", l->name);
    return rc;
}

int lookup_group(struct lookup *l, struct reader *r, struct err *e)
{
    struct group_row g;
    struct group_counts n;
    int rc = find_group(l, r, &g, &n, e);
    if (rc) return rc;
    l->waits = n.queued > 0;
    if (!l->waits || !l->may_wait) {
        put_group(&l->answer.w, &g, &n);
        if (l->waiting) jw_raw(&l->answer.w, "waits", l->waiting);
        jw_raw(&l->answer.w, "why", l->why);
    }
    group_row_fini(&g);
    return 0;
}

int lookup_group_history(struct lookup *l, struct reader *r, struct err *e)
{
    struct group_row g;
    struct group_counts n;
    char step[DURATION_TEXT_SIZE];
    int rc = find_group(l, r, &g, &n, e);
    if (rc) return rc;
    duration_format(l->id, step);
    jw_time(&l->answer.w, "since", l->number);
    jw_str(&l->answer.w, "step", step);
    jw_bool(&l->answer.w, "shared", l->shared);
    jw_raw(&l->answer.w, "points", l->waiting ? l->waiting : "[]");
    group_row_fini(&g);
    return 0;
}

static int on_group(const struct group_row *g, const struct group_counts *n, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    put_group(&l->answer.w, g, n);
    list_row_end(&l->list, "%s", g->key);
    return 0;
}

int lookup_groups(struct lookup *l, struct reader *r, struct err *e)
{
    struct name_filter f = {.after = l->list.after[0], .limit = l->list.limit};
    bool more = false;
    list_begin(&l->list, &l->answer);
    int rc = reader_groups(r, &f, on_group, l, &more, e);
    list_end(&l->list, more);
    return rc;
}

int lookup_busy(struct lookup *l, struct reader *r, struct err *e)
{
    struct busy_seen seen = {0};
    list_begin(&l->list, &l->answer);
    int rc = reader_groups_busy(r, l->list.limit, on_group, l, &seen, e);
    struct jw *w = &l->answer.w;
    jw_end(w);
    jw_null(w, "nextCursor");
    jw_bool(w, "more", seen.more);
    jw_bool(w, "complete", seen.complete);
    return rc;
}

int lookup_waits(struct lookup *l, struct reader *r, struct err *e)
{
    struct name_asked group = {.of = NAME_GROUP, .name = l->group};
    int rc = l->group ? known_name(l, r, &group, e) : 0;
    if (rc) return rc;
    jw_time(&l->answer.w, "since", l->number);
    jw_raw(&l->answer.w, "groups", l->waiting ? l->waiting : "[]");
    return 0;
}

/* ---- namespaces ---- */

static int on_namespace(const struct namespace_row *n, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    struct jw *w = &l->answer.w;
    jw_str(w, "namespace", n->ns);
    jw_str(w, "group", n->groupless ? NULL : n->group);
    jw_str(w, "fallback", n->fallback >= 0 && n->fallback < 4 ? fallback_names[n->fallback] : NULL);
    jw_raw(w, "notify", n->notify ? n->notify : "null");
    jw_str(w, "updatedBy", n->updated_by);
    list_row_end(&l->list, "%s", n->ns);
    return 0;
}

int lookup_namespaces(struct lookup *l, struct reader *r, struct err *e)
{
    struct name_filter f = {.after = l->list.after[0], .ns = l->only_ns, .limit = l->list.limit};
    bool more = false;
    list_begin(&l->list, &l->answer);
    int rc = reader_namespaces(r, &f, on_namespace, l, &more, e);
    list_end(&l->list, more);
    return rc;
}

/* ---- tokens ---- */

static int on_token(const struct token_row *t, void *user)
{
    struct lookup *l = user;
    if (!list_row(&l->list)) return 1;
    struct jw *w = &l->answer.w;
    token_json(w, t);
    token_json_uses(w, "usesLeft", t);
    jw_time(w, "revokedAt", t->revoked_ms);
    jw_str(w, "revokedBy", t->revoked_by);
    jw_time(w, "lastUsedAt", t->last_used_ms);
    list_row_end_id(&l->list, t->id);
    return 0;
}

int lookup_tokens(struct lookup *l, struct reader *r, struct err *e)
{
    struct id_filter f = {.after = l->list.place, .limit = l->list.limit};
    bool more = false;
    list_begin(&l->list, &l->answer);
    int rc = reader_tokens(r, &f, on_token, l, &more, e);
    list_end(&l->list, more);
    return rc;
}

int lookup_token(struct lookup *l, struct reader *r, struct err *e)
{
    int rc = reader_token(r, l->id, &l->token, e);
    if (rc != ERR_NOT_FOUND) return rc;
    l->token = (struct token_row){.role = ROLE_JOIN};
    return 0;
}

int lookup_page_session(struct lookup *l, struct reader *r, struct err *e)
{
    struct page_session_row found;
    int rc = reader_page_session(r, l->page_session.hash, 0, &found, e);
    l->token = (struct token_row){.role = ROLE_JOIN};
    if (rc == ERR_NOT_FOUND) return 0;
    if (rc) return rc;
    l->page_session = found;
    l->id = found.token;
    return lookup_token(l, r, e);
}

int lookup_whoami(struct lookup *l, struct reader *r, struct err *e)
{
    int rc = reader_token(r, l->id, &l->token, e);
    if (rc) return rc;
    token_json_who(&l->answer.w, &l->token, l->number);
    return 0;
}

/* ---- the coordinator ---- */

/* Evaluations apart from all others, as lists have them. */
static void put_counts(struct jw *w, const struct store_stats *s)
{
    jw_object(w, "jobs");
    for (int i = JOB_CREATED; i <= JOB_RETRYING; i++)
        jw_int(w, fsm_name(&job_fsm, i), s->jobs[i] - s->evaluations[i]);
    jw_end(w);
    jw_object(w, "evaluations");
    for (int i = JOB_CREATED; i <= JOB_RETRYING; i++)
        jw_int(w, fsm_name(&job_fsm, i), s->evaluations[i]);
    jw_end(w);
}

int lookup_status(struct lookup *l, struct reader *r, struct err *e)
{
    struct store_stats s;
    int64_t alive, gone;
    enum standby standby = STANDBY_ALONE;
    int rc = reader_stats(r, &s, e);
    if (!rc) rc = reader_coordinator_counts(r, &alive, &gone, e);
    if (!rc) rc = reader_standby(r, &standby, e);
    if (rc) return rc;
    struct jw *w = &l->answer.w;
    jw_str(w, "version", CADRE_VERSION);
    jw_time(w, "startedAt", l->number);
    jw_object(w, "agents");
    jw_int(w, "online", s.agents_online);
    jw_int(w, "offline", s.agents_offline);
    jw_int(w, "draining", s.agents_draining);
    jw_int(w, "unwell", s.agents_unwell);
    jw_end(w);
    put_counts(w, &s);
    jw_object(w, "slots");
    jw_int(w, "total", s.slots);
    jw_int(w, "free", s.free_slots);
    jw_end(w);
    jw_object(w, "database");
    jw_int(w, "bytes", s.database_bytes);
    jw_int(w, "outputBytes", s.output_bytes);
    jw_end(w);
    jw_raw(w, "putOff", l->waiting ? l->waiting : "[]");
    jw_str(w, "store", l->shared ? "postgresql" : "sqlite");
    if (l->shared) {
        jw_str(w, "standby", standby_names[standby]);
        jw_raw(w, "owner", l->why);
        jw_bool(w, "owns", l->owns);
        jw_object(w, "coordinators");
        jw_int(w, "alive", alive);
        jw_int(w, "gone", gone);
        jw_end(w);
    }
    return 0;
}
