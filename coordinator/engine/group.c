/* Groups in memory, and the classes of jobs that wait in them. */
#include "coordinator/engine/internal.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <string.h>

#define SWEEP 500 /* jobs of a deleted group ended per batch */
#define REQUIRES_KEPT 4096
#define QUEUES_KEPT 256 /* empty ones per group */

/* ---- groups ---- */

struct group *group_find(const struct engine *g, const char *key)
{
    if (!key) return g->default_group;
    struct group *group = map_find(&g->groups, map_text_key(key));
    while (group && !str_eq(group->row.key, key))
        group = group->next_same;
    return group;
}

struct group *group_add(struct engine *g, struct group_row *row)
{
    struct group *group = row->key ? group_find(g, row->key) : NULL;
    if (group) {
        group_row_fini(&group->row);
        group->deleted = false;
    } else {
        uint64_t key = map_text_key(row->key);
        group = mem_alloc(sizeof *group);
        group->next_same = map_find(&g->groups, key);
        map_put(&g->groups, key, group);
        timer_init(&group->timer, TIMER_GROUP, group);
    }
    group->row = *row;
    *row = (struct group_row){0};
    return group;
}

void group_free(struct engine *g, struct group *group)
{
    size_t place = 0;
    for (struct queue *c; (c = map_next(&group->queues, &place)) != NULL;)
        mem_free(c);
    map_fini(&group->queues);
    timer_clear(g, &group->timer);
    requires_free(group->requires);
    json_free(group->allowed);
    mem_free(group->pending);
    mem_free(group->heap);
    group_row_fini(&group->row);
    mem_free(group);
}

struct group *group_of_job(struct engine *g, const struct job_row *row)
{
    struct group *group = group_find(g, row->group);
    if (group) return group;
    struct group_row gone = {.key = mem_strdup(row->group)};
    group = group_add(g, &gone);
    group->deleted = true;
    return group;
}

int group_read_rules(struct group *group, struct err *e)
{
    struct json *tree = NULL, *allowed = NULL;
    struct requires *r = NULL;
    int rc = 0;
    if (group->row.require)
        rc = json_parse(group->row.require, strlen(group->row.require), &tree, e);
    if (rc == 0) rc = requires_parse(tree, &r, e);
    json_free(tree);
    if (rc == 0 && group->row.allowed_namespaces)
        rc = json_parse(group->row.allowed_namespaces, strlen(group->row.allowed_namespaces),
                        &allowed, e);
    if (rc) {
        requires_free(r);
        return rc;
    }
    requires_free(group->requires);
    json_free(group->allowed);
    group->requires = r;
    group->allowed = allowed;
    return 0;
}

const char *group_name(const struct group *group, char out[96])
{
    if (group->row.key)
        str_format(out, 96, "group %s", group->row.key);
    else
        str_copy(out, 96, "the default group");
    return out;
}

void group_set_dirty(struct engine *g, struct group *group)
{
    if (group->dirty) return;
    group->dirty = true;
    group->next_dirty = g->dirty;
    g->dirty = group;
}

void group_watch(struct engine *g, struct group *group)
{
    if (group->deleted) {
        timer_set(g, &group->timer, group->queued > 0 ? g->now.mono_ms : NEVER);
    } else if (group->fallback_queued == 0 || group->online > 0) {
        timer_clear(g, &group->timer);
    } else if (!deadline_is_set(&group->timer.deadline)) {
        int64_t at = g->now.mono_ms + g->fallback_grace_ms;
        timer_set(g, &group->timer, at > group->expect_until_ms ? at : group->expect_until_ms);
    }
}

/* Ends what waits in a deleted group, a bounded number at a time. */
static void sweep(struct engine *g, struct group *group)
{
    int64_t ids[SWEEP];
    size_t count = 0;
    if (!store_ok(g, store_queue_list(g->store, group->row.key, 0, ids, SWEEP, &count, &g->err)))
        return;
    struct job_end end = {.state = JOB_FAILED,
                          .reason = REASON_GROUP_DELETED,
                          .message = "its worker group was deleted",
                          .ended_ms = g->now.wall_ms};
    for (size_t i = 0; i < count && g->rc == 0; i++) {
        struct job *j = job_get(g, ids[i]);
        if (j) job_end(g, j, &end, "group deleted");
    }
    if (count == SWEEP) timer_set(g, &group->timer, g->now.mono_ms + 1);
}

static void fall_back(struct engine *g, struct group *group)
{
    int64_t *ids = mem_array((size_t)group->fallback_queued, sizeof *ids);
    size_t count = 0, place = 0;
    for (struct job *j; (j = map_next(&g->jobs, &place)) != NULL;) {
        if (j->row.state != JOB_CREATED || !job_falls_back(&j->row) ||
            !str_eq(j->row.group, group->row.key))
            continue;
        assert(count < (size_t)group->fallback_queued);
        ids[count++] = j->row.id;
    }
    for (size_t i = 0; i < count && g->rc == 0; i++)
        job_fall_back(g, job_find(g, ids[i]));
    mem_free(ids);
}

void group_on_timer(struct engine *g, struct group *group)
{
    if (group->deleted) {
        sweep(g, group);
    } else if (group->online == 0 && group->fallback_queued > 0) {
        fall_back(g, group);
    }
}

/* ---- classes ---- */

struct queue *queue_get(struct engine *g, struct group *group, int64_t requires_id)
{
    (void)g;
    struct queue *c = map_find(&group->queues, (uint64_t)requires_id);
    if (c) return c;
    c = mem_alloc(sizeof *c);
    c->group = group;
    c->requires_id = requires_id;
    c->whole = true;
    map_put(&group->queues, (uint64_t)requires_id, c);
    return c;
}

static bool stands_before(const struct queue_head *a, const struct queue_head *b)
{
    return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

static void window_insert(struct queue *c, const struct queue_head *head)
{
    size_t at = c->window_count;
    while (at > 0 && stands_before(head, &c->window[at - 1]))
        at--;
    if (at == c->window_count && !c->whole)
        return; /* behind the window: not known whether next to it */
    if (at == WINDOW) {
        c->whole = false;
        return;
    }
    if (c->window_count == WINDOW) {
        c->window_count--;
        c->whole = false;
    }
    memmove(&c->window[at + 1], &c->window[at], (c->window_count - at) * sizeof *c->window);
    c->window[at] = *head;
    c->window_count++;
}

static void window_remove(struct queue *c, int64_t id)
{
    for (size_t i = 0; i < c->window_count; i++) {
        if (c->window[i].id != id) continue;
        c->window_count--;
        memmove(&c->window[i], &c->window[i + 1], (c->window_count - i) * sizeof *c->window);
        return;
    }
}

static void pending_add(struct queue *c)
{
    struct group *group = c->group;
    if (group->pending_count == group->pending_cap) {
        group->pending_cap = group->pending_cap > 0 ? 2 * group->pending_cap : 8;
        group->pending = mem_resize(group->pending, group->pending_cap, sizeof *group->pending);
    }
    group->pending[group->pending_count++] = c;
    c->place = group->pending_count;
    c->blocked = false;
}

static void pending_remove(struct queue *c)
{
    struct group *group = c->group;
    struct queue *last = group->pending[--group->pending_count];
    group->pending[c->place - 1] = last;
    last->place = c->place;
    c->place = 0;
    c->whole = true;
    c->window_count = 0;
    if (group->queues.count <= QUEUES_KEPT) return;
    map_remove(&group->queues, (uint64_t)c->requires_id);
    mem_free(c);
}

void queue_add(struct engine *g, struct queue *c, const struct queue_head *head)
{
    c->count++;
    c->group->queued++;
    if (head) window_insert(c, head);
    if (c->place == 0) pending_add(c);
    if (!c->blocked) group_set_dirty(g, c->group);
}

void queue_remove(struct engine *g, struct queue *c, int64_t id)
{
    if (c->count <= 0) {
        engine_broken(g, "a class of queued jobs has fewer than none");
        return;
    }
    c->count--;
    c->group->queued--;
    window_remove(c, id);
    assert(c->count >= (int64_t)c->window_count);
    if (c->count == 0) pending_remove(c);
}

const struct queue_head *queue_best(struct engine *g, struct queue *c)
{
    if (c->window_count == 0) {
        int rc = store_queue_heads(g->store, c->group->row.key, c->requires_id, c->window, WINDOW,
                                   &c->window_count, &g->err);
        if (!store_ok(g, rc)) return NULL;
        c->whole = (int64_t)c->window_count == c->count;
    }
    if (c->window_count == 0) {
        engine_broken(g, "the queue is shorter than its count");
        return NULL;
    }
    return &c->window[0];
}

/* ---- requires_entries ---- */

static struct requires_entry *requirement_add(struct engine *g, int64_t id, char *text,
                                              struct requires *compiled)
{
    struct requires_entry *r = mem_alloc(sizeof *r);
    r->id = id;
    r->text = text;
    r->compiled = compiled;
    r->slot = g->requires_slots++;
    map_put(&g->requires_entries, (uint64_t)id, r);
    /* Only the first of texts with the same key is found by text: the store tells apart the
     * others. */
    uint64_t key = map_text_key(text);
    if (!map_find(&g->requires_texts, key)) map_put(&g->requires_texts, key, r);
    return r;
}

struct requires_entry *requires_entry_find(struct engine *g, int64_t id)
{
    struct requires_entry *r = map_find(&g->requires_entries, (uint64_t)id);
    if (r) return r;
    char *text = NULL;
    struct json *tree = NULL;
    struct requires *compiled = NULL;
    struct err e = {0};
    if (!store_ok(g, store_requires_text(g->store, id, &text, &g->err))) return NULL;
    int rc = json_parse(text, strlen(text), &tree, &e);
    if (rc == 0) rc = requires_parse(tree, &compiled, &e);
    json_free(tree);
    r = requirement_add(g, id, text, compiled);
    if (rc) {
        log_error("requires %s: nobody meets what cannot be read: %s", text, err_text(&e));
        r->never = true;
    }
    return r;
}

int requires_entry_intern(struct engine *g, struct requires *compiled, int64_t *id)
{
    char *text = requires_text(compiled);
    const struct requires_entry *known = map_find(&g->requires_texts, map_text_key(text));
    if (known && str_eq(known->text, text)) {
        *id = known->id;
        mem_free(text);
        requires_free(compiled);
        return 0;
    }
    int rc = store_requires_intern(g->store, text, id, &g->err);
    if (rc == 0 && !map_find(&g->requires_entries, (uint64_t)*id)) {
        requirement_add(g, *id, text, compiled);
        return 0;
    }
    mem_free(text);
    requires_free(compiled);
    return rc;
}

static void drop_empty_classes(struct group *group)
{
    size_t count = 0, place = 0;
    struct queue **empty = mem_array(group->queues.count, sizeof *empty);
    for (struct queue *c; (c = map_next(&group->queues, &place)) != NULL;) {
        if (c->place == 0) empty[count++] = c;
    }
    for (size_t i = 0; i < count; i++) {
        map_remove(&group->queues, (uint64_t)empty[i]->requires_id);
        mem_free(empty[i]);
    }
    mem_free(empty);
}

/* Moves what queued jobs require from `from` to g->requires_entries. */
static void keep_requirements(struct engine *g, struct map *from, const struct group *group)
{
    for (size_t i = 0; i < group->pending_count; i++) {
        struct queue *c = group->pending[i];
        struct requires_entry *r = map_remove(from, (uint64_t)c->requires_id);
        if (!r) continue;
        r->slot = g->requires_slots++;
        map_put(&g->requires_entries, (uint64_t)r->id, r);
        map_put(&g->requires_texts, map_text_key(r->text), r);
    }
}

void requires_entries_trim(struct engine *g)
{
    if (g->requires_entries.count <= REQUIRES_KEPT) return;
    struct map all = g->requires_entries;
    size_t place = 0;
    map_init(&g->requires_entries);
    map_fini(&g->requires_texts);
    g->requires_slots = 0;
    for (struct group *group; (group = map_next(&g->groups, &place)) != NULL;) {
        for (; group; group = group->next_same) {
            drop_empty_classes(group);
            keep_requirements(g, &all, group);
        }
    }
    place = 0;
    for (struct requires_entry *r; (r = map_next(&all, &place)) != NULL;) {
        requires_free(r->compiled);
        mem_free(r->text);
        mem_free(r);
    }
    map_fini(&all);
    place = 0;
    for (struct agent *a; (a = map_next(&g->agents, &place)) != NULL;) {
        mem_free(a->fits);
        a->fits = NULL;
        a->fits_cap = 0;
    }
}
