/* An outcome is found by its task, by its scope, and by its path: the values of the ForEach around
 * it, the outermost first. The scope is the iteration of a Loop that it stands in: each has outputs
 * of its own, which nobody sees from elsewhere. What a task asks for by the values at hand is one
 * look-up, however many iterations there are. */
#include "coordinator/engine/outcome.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/taskrun.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES (1u << 20)
#define TRIES_MOST 64 /* of look-ups for one text; beyond, all are read */

/* The runs of one task in one scope. */
struct outcome_list {
    size_t task; /* of iterations of a Loop: that one's, and behind all tasks */
    int64_t scope;
    struct outcome *first, *last;
    size_t count;
    struct outcome_list *same; /* another one with this number in the map */
};

struct outcome {
    const struct outcome_list *list;
    char *path; /* JSON text of a list of texts */
    int64_t run, job;
    struct outcome *next, *same;
};

struct outcomes {
    struct map lists, paths;
};

/* ---- keeping them ---- */

static uint64_t list_key(size_t task, int64_t scope)
{
    char text[64];
    (void)str_format(text, sizeof text, "%zu/%lld", task, (long long)scope);
    return map_text_key(text);
}

static uint64_t path_key(const struct outcome_list *l, const char *path)
{
    char *text = str_dupf("%zu/%lld/%s", l->task, (long long)l->scope, path);
    uint64_t key = map_text_key(text);
    mem_free(text);
    return key;
}

static struct outcome_list *find_list(const struct outcomes *o, size_t task, int64_t scope)
{
    struct outcome_list *l = map_find(&o->lists, list_key(task, scope));
    while (l && !(l->task == task && l->scope == scope))
        l = l->same;
    return l;
}

static struct outcome_list *get_list(struct outcomes *o, size_t task, int64_t scope)
{
    struct outcome_list *l = find_list(o, task, scope);
    if (l) return l;
    uint64_t key = list_key(task, scope);
    l = mem_alloc(sizeof *l);
    l->task = task;
    l->scope = scope;
    l->same = map_find(&o->lists, key);
    map_put(&o->lists, key, l);
    return l;
}

static struct outcome *find_path(const struct outcomes *o, const struct outcome_list *l,
                                 const char *path)
{
    struct outcome *x = map_find(&o->paths, path_key(l, path));
    while (x && !(x->list == l && str_eq(x->path, path)))
        x = x->same;
    return x;
}

/* Takes path. */
static void add(struct outcomes *o, struct outcome_list *l, char *path, const struct run_row *row)
{
    struct outcome *x = find_path(o, l, path);
    if (x) {
        mem_free(path);
        x->run = row->number;
        x->job = row->job;
        return;
    }
    uint64_t key = path_key(l, path);
    x = mem_alloc(sizeof *x);
    *x = (struct outcome){.list = l,
                          .path = path,
                          .run = row->number,
                          .job = row->job,
                          .same = map_find(&o->paths, key)};
    map_put(&o->paths, key, x);
    if (l->last)
        l->last->next = x;
    else
        l->first = x;
    l->last = x;
    l->count++;
}

void outcomes_free(struct execution *x)
{
    struct outcomes *o = x->outcomes;
    size_t place = 0;
    struct outcome_list *same;
    if (!o) return;
    for (struct outcome_list *l; (l = map_next(&o->lists, &place)) != NULL;) {
        for (; l; l = same) {
            struct outcome *next;
            for (struct outcome *i = l->first; i; i = next) {
                next = i->next;
                mem_free(i->path);
                mem_free(i);
            }
            same = l->same;
            mem_free(l);
        }
    }
    map_fini(&o->lists);
    map_fini(&o->paths);
    mem_free(o);
    x->outcomes = NULL;
}

/* ---- where one belongs ---- */

/* What is known of a run and of those around it. */
struct spot {
    size_t task; /* RUN_NO_TASK: the flow has no such task */
    int64_t number, parent, iteration;
    const char *value; /* JSON text */
    char *own;         /* of the same, when it has to be freed */
};

typedef const struct spot *up_fn(const struct spot *s, void *user); /* NULL: it is the flow */

/* The path of a run with these runs around it. mem_free. */
static char *path_of(const struct flow *f, const struct spot *s, up_fn *up, void *user,
                     int64_t *scope)
{
    const char *values[RUN_DEPTH_MOST + 1];
    size_t count = 0;
    struct buf b;
    *scope = 0;
    for (s = up(s, user); s && count <= RUN_DEPTH_MOST; s = up(s, user)) {
        if (s->iteration == RUN_NO_ITERATION || s->task == RUN_NO_TASK) continue;
        if (f->tasks[s->task].work.kind == FLOW_LOOP) {
            *scope = s->number;
            break;
        }
        values[count++] = s->value;
    }
    buf_init(&b, PATH_MAX_BYTES);
    buf_adds(&b, "[");
    for (size_t i = count; i > 0; i--)
        buf_addf(&b, "%s%s", i == count ? "" : ",", values[i - 1]);
    buf_adds(&b, "]");
    return buf_detach(&b);
}

static void add_spot(struct outcomes *o, const struct flow *f, const struct spot *s,
                     const struct run_row *row, up_fn *up, void *user)
{
    int64_t scope;
    if (s->task == RUN_NO_TASK) return;
    enum flow_kind kind = f->tasks[s->task].work.kind;
    if (s->iteration != RUN_NO_ITERATION) {
        if (kind == FLOW_LOOP)
            add(o, get_list(o, f->task_count + s->task, s->parent),
                str_dupf("%lld", (long long)s->number), row);
        return;
    }
    bool leaves = kind < FLOW_CONTROL
                      ? row->job != 0
                      : kind == FLOW_LOOP || kind == FLOW_SUBFLOW || kind == FLOW_PAUSE;
    if (!leaves) return;
    char *path = path_of(f, s, up, user, &scope);
    add(o, get_list(o, s->task, scope), path, row);
}

/* ---- of runs in memory ---- */

struct climb {
    const struct run *at;
    struct spot spot;
};

static struct spot spot_of(const struct run *r)
{
    return (struct spot){.task = r->task,
                         .number = r->row.number,
                         .parent = r->row.parent,
                         .iteration = r->row.iteration,
                         .value = r->row.value};
}

static const struct spot *climb_up(const struct spot *s, void *user)
{
    struct climb *c = user;
    (void)s;
    c->at = c->at->up;
    if (!c->at || !c->at->up) return NULL;
    c->spot = spot_of(c->at);
    return &c->spot;
}

void outcome_note(const struct run *r)
{
    struct execution *x = r->x;
    const struct flow *f = x->revision->parsed;
    struct climb c = {.at = r};
    const struct spot s = spot_of(r);
    if (x->outcomes && f) add_spot(x->outcomes, f, &s, &r->row, climb_up, &c);
}

/* ---- of the store's rows ---- */

struct rows {
    const struct flow *f;
    struct outcomes *o;
    struct spot *spots; /* by number */
    size_t count;
};

static const struct spot *row_up(const struct spot *s, void *user)
{
    const struct rows *all = user;
    size_t parent = (size_t)s->parent;
    return s->parent > 0 && parent < all->count ? &all->spots[parent] : NULL;
}

static int on_row(const struct run_row *row, void *user)
{
    struct rows *all = user;
    size_t number = (size_t)row->number, before = all->count;
    const struct flow_task *t = flow_find_task(all->f, row->task);
    if (row->number < 1 || row->number > RUNS_NUMBER_MOST) return 0;
    if (number >= all->count) {
        all->count = number < 64 ? 128 : 2 * number;
        all->spots = mem_resize(all->spots, all->count, sizeof *all->spots);
        for (size_t i = before; i < all->count; i++)
            all->spots[i] = (struct spot){.task = RUN_NO_TASK, .iteration = RUN_NO_ITERATION};
    }
    struct spot *s = &all->spots[number];
    *s = (struct spot){.task = t ? (size_t)(t - all->f->tasks) : RUN_NO_TASK,
                       .number = row->number,
                       .parent = row->parent,
                       .iteration = row->iteration};
    if (row->iteration != RUN_NO_ITERATION)
        s->value = s->own = mem_strdup(row->value ? row->value : "null");
    if (run_is_final(row->state)) add_spot(all->o, all->f, s, row, row_up, all);
    return 0;
}

static bool know(struct engine *g, struct execution *x)
{
    if (x->outcomes) return true;
    struct rows all = {.f = x->revision->parsed, .o = mem_alloc(sizeof *all.o)};
    map_init(&all.o->lists);
    map_init(&all.o->paths);
    x->outcomes = all.o;
    bool good = store_ok(g, store_each_run(g->store, x->row.id, on_row, &all, &g->err));
    for (size_t i = 0; i < all.count; i++)
        mem_free(all.spots[i].own);
    mem_free(all.spots);
    return good;
}

/* ---- reading ---- */

static struct json *parse(const char *text)
{
    struct json *tree = NULL;
    if (text) (void)json_parse(text, strlen(text), &tree, NULL);
    return tree;
}

/* Sets `to`'s member at the end of the path; takes value. */
static void put_at(struct json *to, const char *task, const char *path, struct json *value)
{
    struct json *steps = parse(path);
    const char *key = task;
    for (const struct json *s = json_first(steps); s; s = json_next(s)) {
        struct json *below = (struct json *)json_get(to, key);
        if (json_type(below) != JSON_OBJECT) {
            below = json_new(JSON_OBJECT);
            json_put(to, key, below);
        }
        to = below;
        key = json_str(s, "");
    }
    json_remove(to, key);
    json_put(to, key, value);
    json_free(steps);
}

struct reading {
    const struct flow_task *task;
    struct task_context *c;
    struct flaw *flaw;
    size_t bytes;
};

static bool read_one(struct engine *g, int64_t execution, const struct outcome *o,
                     struct reading *in)
{
    struct job_left left = {NULL};
    int rc = o->job ? store_job_outputs(g->store, o->job, &left, &g->err)
                    : store_run_outputs(g->store, execution, o->run, &left.outputs, &g->err);
    if (!store_ok(g, rc)) return false;
    in->bytes += left.outputs ? strlen(left.outputs) : 0;
    struct json *tree = parse(left.outputs);
    mem_free(left.outputs);
    put_at(in->c->outputs, in->task->id, o->path, tree ? tree : json_new(JSON_OBJECT));
    if (left.exited) put_at(in->c->exit_codes, in->task->id, o->path, json_new_int(left.exit_code));
    if (in->bytes <= OUTCOME_BYTES_MAX) return true;
    in->flaw->reason = REASON_PAYLOAD_TOO_LARGE;
    err_set(&in->flaw->err, ERR_TOO_LARGE,
            "the outputs of the task %s have more than %d MiB in all iterations", in->task->id,
            OUTCOME_BYTES_MAX >> 20);
    return false;
}

static bool read_all(struct engine *g, const struct execution *x, const struct outcome_list *l,
                     struct reading *in)
{
    bool good = true;
    for (const struct outcome *o = l->first; o && good; o = o->next)
        good = read_one(g, x->row.id, o, in);
    return good;
}

/* The values of all loops around r, as JSON texts: what a path may be made of. */
static size_t values_at_hand(const struct run *r, const char *out[RUN_DEPTH_MOST + 1])
{
    size_t count = 0;
    for (; r && r->up && count <= RUN_DEPTH_MOST; r = r->up)
        if (run_is_iteration(r)) out[count++] = r->row.value;
    return count;
}

static size_t power(size_t base, size_t to)
{
    size_t n = 1;
    while (to-- > 0 && n <= TRIES_MOST)
        n *= base;
    return n;
}

/* What stands at the values at hand, whichever of them is meant. */
static bool read_at_hand(struct engine *g, const struct run *r, const struct outcome_list *l,
                         size_t loops, struct reading *in)
{
    const char *values[RUN_DEPTH_MOST + 1];
    size_t count = values_at_hand(r, values), tries = power(count, loops);
    if (tries > TRIES_MOST) return read_all(g, r->x, l, in);
    for (size_t i = 0; i < tries; i++) {
        struct buf path;
        buf_init(&path, PATH_MAX_BYTES);
        buf_adds(&path, "[");
        for (size_t k = 0, left = i; k < loops; k++, left /= count)
            buf_addf(&path, "%s%s", k ? "," : "", values[left % count]);
        buf_adds(&path, "]");
        const struct outcome *o = find_path(r->x->outcomes, l, path.data);
        buf_fini(&path);
        if (o && !read_one(g, r->x->row.id, o, in)) return false;
    }
    return true;
}

/* The iteration of the Loop that r stands in; 0: in none, so that nothing is seen. */
static int64_t scope_at(const struct run *r, size_t loop)
{
    for (; r && r->up; r = r->up)
        if (run_is_iteration(r) && r->task == loop) return r->row.number;
    return 0;
}

bool outcome_read(struct engine *g, const struct outcome_query *q, struct task_context *c,
                  struct flaw *flaw)
{
    struct execution *x = q->x;
    const struct run *r = q->r;
    size_t task = q->task;
    const struct flow *f = x->revision->parsed;
    size_t loop, loops = flow_loops(f, task, &loop);
    struct reading in = {.task = &f->tasks[task], .c = c, .flaw = flaw};
    bool once = loops == 0 && loop == SIZE_MAX;
    if (once && json_get(c->outputs, in.task->id)) return true;
    json_remove(c->outputs, in.task->id); /* of another iteration */
    json_remove(c->exit_codes, in.task->id);
    if (!know(g, x)) return false;
    int64_t scope = loop == SIZE_MAX ? 0 : scope_at(r, loop);
    const struct outcome_list *l = find_list(x->outcomes, task, scope);
    if (!l || (scope == 0 && loop != SIZE_MAX)) return true;
    return q->all || loops == 0 || !r ? read_all(g, x, l, &in) : read_at_hand(g, r, l, loops, &in);
}

/* ---- ahead ---- */

/* Asks for what stands in no loop; in loops it depends on the values. true: it may be wanted. */
static bool ask_outputs(struct engine *g, const struct execution *x, const bool *reads)
{
    const struct flow *f = x->revision->parsed;
    bool any = false;
    for (size_t i = 0; reads && i < f->task_count && g->rc == 0; i++) {
        if (!reads[i]) continue;
        any = true;
        const struct outcome_list *l = x->outcomes ? find_list(x->outcomes, i, 0) : NULL;
        if (l && l->count == 1 && l->first->job)
            store_ok(g, store_ask_job_outputs(g->store, l->first->job, &g->err));
    }
    return any;
}

/* What the next task names, with what it holds first; behind the last one the flow's outputs. */
static bool ask_behind(struct engine *g, const struct run *r)
{
    const struct flow *f = r->x->revision->parsed;
    size_t i = f->tasks[r->task].end;
    bool any = false;
    while (i < f->task_count && f->tasks[i].branch == FLOW_ERRORS)
        i = f->tasks[i].end;
    for (; i < f->task_count; i++) {
        any = ask_outputs(g, r->x, f->tasks[i].reads) || any;
        if (f->tasks[i].work.kind < FLOW_CONTROL) return any;
    }
    return ask_outputs(g, r->x, f->output_reads) || any;
}

/* The run that the command may end, of a flow that is at hand; NULL: none. */
static const struct run *run_ending(const struct engine *g, const struct command *c)
{
    const struct run *r = c->type == CMD_FINISHED ? run_of_job(g, c->u.event.job) : NULL;
    return r && r->task != RUN_NO_TASK && r->x->revision->parsed ? r : NULL;
}

void outcomes_ask(struct engine *g, const struct command *first)
{
    if (!store_is_far(g->store)) return;
    for (const struct command *c = first; c && g->rc == 0; c = c->next) {
        const struct run *r = run_ending(g, c);
        if (r && ask_behind(g, r) && !r->x->outcomes)
            store_ok(g, store_ask_runs(g->store, r->x->row.id, &g->err));
    }
}

void outcomes_ahead(struct engine *g, const struct command *first)
{
    if (!store_is_far(g->store)) return;
    for (const struct command *c = first; c && g->rc == 0; c = c->next) {
        const struct run *r = run_ending(g, c);
        if (r && !r->x->outcomes && ask_behind(g, r) && know(g, r->x)) (void)ask_behind(g, r);
    }
}

/* ---- of all iterations, and of what failed ---- */

static int by_iteration(const void *a, const void *b)
{
    const struct json *const *x = a, *const *y = b;
    int64_t i = json_get_int(json_get(*x, "item"), "iteration", 0);
    int64_t k = json_get_int(json_get(*y, "item"), "iteration", 0);
    return (i > k) - (i < k);
}

bool outcome_read_iterations(struct engine *g, const struct run *loop, struct json *list)
{
    struct execution *x = loop->x;
    if (!know(g, x)) return false;
    const struct outcome_list *l =
        find_list(x->outcomes, x->revision->parsed->task_count + loop->task, loop->row.number);
    if (!l) return true;
    struct json **all = mem_array(l->count, sizeof *all);
    size_t count = 0;
    for (const struct outcome *o = l->first; o && g->rc == 0; o = o->next) {
        char *text = NULL;
        if (!store_ok(g, store_run_outputs(g->store, x->row.id, o->run, &text, &g->err))) break;
        struct json *tree = parse(text);
        if (tree) all[count++] = tree;
        mem_free(text);
    }
    qsort(all, count, sizeof *all, by_iteration);
    for (size_t i = 0; i < count; i++)
        json_push(list, all[i]);
    mem_free(all);
    return g->rc == 0;
}

/* ---- what failed ---- */

struct failures {
    bool *hold; /* by number: a run in it failed */
    struct json *list;
    size_t count;
    bool named; /* the second pass: hold is known */
};

static void add_failure(struct json *list, const struct run_row *row)
{
    char at[TIME_TEXT_SIZE];
    struct json *one = json_new(JSON_OBJECT);
    time_format(row->ended_ms, at);
    json_put(one, "taskId", json_new_str(row->task));
    json_put(one, "timestamp", json_new_str(at));
    json_put(one, "level", json_new_str("ERROR"));
    json_put(one, "message", json_new_str(row->message ? row->message : reason_name(row->reason)));
    json_push(list, one);
}

static int on_failure(const struct run_row *row, void *user)
{
    struct failures *all = user;
    const int64_t most = RUNS_NUMBER_MOST;
    bool failed = row->state == RUN_FAILED || row->state == RUN_WARNING;
    if (!failed || row->number < 1 || row->number > most || row->parent > most) return 0;
    if (!all->named)
        all->hold[row->parent] = true;
    else if (!all->hold[row->number] && all->count++ < OUTCOME_FAILED_MOST)
        add_failure(all->list, row);
    return 0;
}

bool outcome_read_failed(struct engine *g, const struct execution *x, struct json **list)
{
    struct failures all = {.hold = mem_array(RUNS_NUMBER_MOST + 1, sizeof *all.hold),
                           .list = json_new(JSON_ARRAY)};
    *list = all.list;
    bool good = store_ok(g, store_each_run(g->store, x->row.id, on_failure, &all, &g->err));
    all.named = true;
    if (good) good = store_ok(g, store_each_run(g->store, x->row.id, on_failure, &all, &g->err));
    mem_free(all.hold);
    return good;
}
