/* Looking up what went wrong of late, by its cause.
 *
 * What a job did itself (its exit code, its time) is put down to where the job comes from: the task
 * of its flow, its name, or that it has none. What befell it (no agent, a lost one) is put down to
 * its worker group, whatever the jobs were. A cause is made of what the list of jobs can be
 * filtered by, so that the list has just the jobs that were counted. */
#include "coordinator/reads/lookup.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_failures.h"

#include <stdlib.h>

#define KEY_BYTES 8192

struct cause {
    char *key; /* all that jobs of the cause have in common */
    enum job_state state;
    enum reason reason;
    bool exited;
    int64_t exit_code;
    bool befell; /* of a group; else of where it comes from */
    enum shown_kind kind;
    char *ns, *flow, *task, *name, *group;
    /* of the job that ended last */
    char *message;
    int64_t example;
    int64_t last_ms; /* its end */
    int64_t count;
    struct cause *next; /* of the same number */
};

struct causes {
    struct map by_number; /* of the key: map_text_key */
    struct cause **items;
    size_t count, cap;
};

static void causes_fini(struct causes *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct cause *c = all->items[i];
        mem_free(c->key);
        mem_free(c->ns);
        mem_free(c->flow);
        mem_free(c->task);
        mem_free(c->name);
        mem_free(c->group);
        mem_free(c->message);
        mem_free(c);
    }
    mem_free(all->items);
    map_fini(&all->by_number);
}

/* Did it come over the job, whatever the job was? */
static bool befalls(enum reason r)
{
    return r == REASON_QUEUE_TIMEOUT || r == REASON_LOST || r == REASON_INTERRUPTED ||
           r == REASON_NO_AGENT || r == REASON_UNKNOWN_GROUP || r == REASON_GROUP_DELETED ||
           r == REASON_DRAIN;
}

/* Texts have no line ends, or they would not be names. mem_free */
static char *key_of(const struct failure_row *row)
{
    const char *code = row->reason == REASON_EXIT_CODE && row->exited ? "exit" : "";
    struct buf b;
    buf_init(&b, KEY_BYTES);
    (void)buf_addf(&b, "%d\n%d\n%s%lld\n", (int)row->state, (int)row->reason, code,
                   *code ? (long long)row->exit_code : 0);
    if (befalls(row->reason))
        (void)buf_adds(&b, row->group);
    else if (row->flow)
        (void)buf_addf(&b, "%d\n%s\n%s\n%s", (int)row->kind, row->ns ? row->ns : "", row->flow,
                       row->task ? row->task : "");
    else
        (void)buf_addf(&b, "%d\n%s%s", (int)row->kind, row->name ? "=" : "",
                       row->name ? row->name : "");
    char *text = mem_strdup(b.len ? b.data : "");
    buf_fini(&b);
    return text;
}

/* Takes the key. */
static struct cause *add_cause(struct causes *all, const struct failure_row *row, char *key)
{
    struct cause *c = mem_alloc(sizeof *c);
    *c = (struct cause){.key = key,
                        .state = row->state,
                        .reason = row->reason,
                        .exited = row->reason == REASON_EXIT_CODE && row->exited,
                        .exit_code = row->exit_code,
                        .befell = befalls(row->reason),
                        .kind = row->kind,
                        .last_ms = INT64_MIN};
    if (c->befell) {
        c->group = mem_strdup(row->group);
    } else if (row->flow) {
        c->ns = mem_strdup(row->ns);
        c->flow = mem_strdup(row->flow);
        c->task = mem_strdup(row->task);
    } else {
        c->name = mem_strdup(row->name);
    }
    if (all->count == all->cap) {
        all->cap = all->cap > 0 ? 2 * all->cap : 16;
        all->items = mem_resize(all->items, all->cap, sizeof(struct cause *));
    }
    all->items[all->count++] = c;
    return c;
}

static int on_failure(const struct failure_row *row, void *user)
{
    struct causes *all = user;
    char *key = key_of(row);
    uint64_t number = map_text_key(key);
    struct cause *first = map_find(&all->by_number, number), *c = first;
    while (c && !str_eq(c->key, key))
        c = c->next;
    if (c) {
        mem_free(key);
    } else {
        c = add_cause(all, row, key);
        c->next = first;
        map_put(&all->by_number, number, c);
    }
    c->count++;
    if (row->ended_ms > c->last_ms) {
        c->last_ms = row->ended_ms;
        c->example = row->id;
        mem_free(c->message);
        c->message = mem_strdup(row->message);
    }
    return 0;
}

/* The most frequent first, and of these the last. */
static int by_count(const void *a, const void *b)
{
    const struct cause *x = *(struct cause *const *)a, *y = *(struct cause *const *)b;
    if (x->count != y->count) return x->count < y->count ? 1 : -1;
    if (x->last_ms != y->last_ms) return x->last_ms < y->last_ms ? 1 : -1;
    return x->example < y->example ? 1 : -1;
}

static void put_query(struct jw *w, const struct cause *c, const struct lookup *l)
{
    char code[32];
    const char *reason = reason_name(c->reason), *ns = c->flow ? c->ns : l->ns;
    (void)str_format(code, sizeof code, "%lld", (long long)c->exit_code);
    jw_object(w, "query");
    jw_str(w, "state", shown_state_names[c->state]);
    jw_str(w, "reason", reason ? reason : "none");
    if (c->exited) jw_str(w, "exitCode", code);
    jw_str(w, "kind", c->befell ? "all" : shown_kind_names[c->kind]);
    if (ns) jw_str(w, "namespace", ns);
    if (c->flow) jw_str(w, "flow", c->flow);
    if (c->task) jw_str(w, "task", c->task);
    if (c->name) jw_str(w, "name", c->name);
    if (c->group) jw_str(w, "group", c->group);
    if (!c->befell && !c->flow && !c->name) jw_str(w, "named", "false");
    jw_time(w, "endedSince", l->number);
    jw_end(w);
}

static void put_cause(struct jw *w, const struct cause *c, const struct lookup *l)
{
    jw_object(w, NULL);
    jw_str(w, "state", shown_state_names[c->state]);
    jw_str(w, "reason", reason_name(c->reason));
    if (c->exited)
        jw_int(w, "exitCode", c->exit_code);
    else
        jw_null(w, "exitCode");
    jw_str(w, "kind", c->befell ? NULL : shown_kind_names[c->kind]);
    jw_str(w, "namespace", c->ns);
    jw_str(w, "flow", c->flow);
    jw_str(w, "task", c->task);
    jw_str(w, "name", c->name);
    jw_str(w, "group", c->group);
    jw_str(w, "message", c->message);
    jw_int(w, "count", c->count);
    jw_time(w, "lastAt", c->last_ms);
    jw_id(w, "example", c->example);
    put_query(w, c, l);
    jw_end(w);
}

int lookup_failures(struct lookup *l, struct reader *r, struct err *e)
{
    struct failure_filter f = {.ns = l->ns, .since_ms = l->number};
    struct causes all = {0};
    struct jw *w = &l->answer.w;
    struct failures_seen seen = {0};
    map_init(&all.by_number);
    int rc = reader_failures(r, &f, on_failure, &all, &seen, e);
    if (rc == 0) {
        size_t shown = all.count < l->list.limit ? all.count : l->list.limit;
        if (all.count > 0) qsort(all.items, all.count, sizeof(struct cause *), by_count);
        jw_time(w, "since", l->number);
        jw_int(w, "looked", (int64_t)seen.looked);
        jw_bool(w, "complete", seen.complete);
        jw_int(w, "causeCount", (int64_t)all.count);
        jw_array(w, "causes");
        for (size_t i = 0; i < shown; i++)
            put_cause(w, all.items[i], l);
        jw_end(w);
    }
    causes_fini(&all);
    return rc;
}
