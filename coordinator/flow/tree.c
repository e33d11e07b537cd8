/* Where each task of a flow stands, and what it sees of the others. */
#include "coordinator/flow/tree.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/control.h"

#include <string.h>

#define INNER_IDS_MAX 10000

/* ---- laying out ------------------------------------------------------------------------------ */

struct lay {
    struct reader *r;
    bool too_many, too_deep; /* reported */
};

/* A list of tasks that is laid, and who holds it. */
struct lay_list {
    const struct json *list;
    const char *key; /* "tasks", or "cases.red" */
    size_t parent;   /* as in struct flow_task */
    enum flow_branch branch;
    size_t case_index;
    size_t depth; /* of its tasks; 1: of the flow */
};

/* What another task holds is refused with that task: an expression that names it is no further
 * fault. */
static void collect_inner_ids(struct reader *r, const struct json *inside)
{
    for (const struct json *j = json_first(inside); j; j = json_next(j)) {
        const char *id = json_get(j, "type") ? json_get_str(j, "id", NULL) : NULL;
        if (id && r->inner_count < INNER_IDS_MAX) {
            r->inner_ids = mem_resize(r->inner_ids, r->inner_count + 1, sizeof *r->inner_ids);
            r->inner_ids[r->inner_count++] = id;
        }
        collect_inner_ids(r, j);
    }
}

/* Room for one more task at the end. */
static struct flow_task *add_task(struct reader *r, const struct json *j, const struct lay_list *l,
                                  size_t position)
{
    struct flow *f = r->flow;
    size_t n = f->task_count;
    f->tasks = mem_resize(f->tasks, n + 1, sizeof *f->tasks);
    r->places = mem_resize(r->places, n + 1, sizeof *r->places);
    r->task_ids = mem_resize(r->task_ids, n + 1, sizeof *r->task_ids);
    r->task_outputs = mem_resize(r->task_outputs, n + 1, sizeof *r->task_outputs);
    f->tasks[n] = (struct flow_task){.parent = l->parent,
                                     .end = n + 1,
                                     .branch = l->branch,
                                     .case_index = l->case_index,
                                     .line = yaml_line(&r->doc, j)};
    (void)str_copy(r->places[n].list, sizeof r->places[n].list, l->key);
    r->places[n].j = j;
    r->places[n].position = position;
    r->task_ids[n] = json_get_str(j, "id", "");
    r->task_outputs[n] = EXPR_OUTPUTS_WRONG; /* until its type is known */
    f->task_count++;
    return &f->tasks[n];
}

static void lay_inside(struct lay *l, const struct json *j, const struct control_type *type,
                       size_t index, size_t depth);

static void lay_list(struct lay *l, const struct lay_list *what)
{
    struct flow *f = l->r->flow;
    size_t position = 0;
    for (const struct json *j = json_first(what->list); j; j = json_next(j)) {
        if (f->task_count == FLOW_TASKS_MAX) {
            if (!l->too_many)
                read_fail(l->r, j,
                          "tasks: with this one there are more than %d, those within others "
                          "included",
                          FLOW_TASKS_MAX);
            l->too_many = true;
            return;
        }
        size_t index = f->task_count;
        const struct control_type *type = control_find(json_get_str(j, "type", ""));
        struct flow_task *t = add_task(l->r, j, what, position++);
        if (type) {
            t->work.kind = type->kind;
            lay_inside(l, j, type, index, what->depth);
        } else {
            collect_inner_ids(l->r, j);
        }
        f->tasks[index].end = f->task_count;
    }
}

/* One list of a task or of the flow. A list of tasks has at least one, unless it may be left out
 * as a whole: exports have `errors: []`. */
static void lay_key(struct lay *l, const struct node *n, const char *key, struct lay_list what,
                    bool optional)
{
    const struct json *member = json_get(n->j, key);
    bool section = json_type(member) == JSON_ARRAY || json_type(member) == JSON_OBJECT;
    if (section && json_count(member) == 0) {
        if (!optional) node_fail(n, key, "is empty");
        return;
    }
    what.list = node_list(n, key, FLOW_TASKS_MAX);
    what.key = key;
    if (what.list) lay_list(l, &what);
}

/* {red: [...], blue: [...]} */
static void lay_cases(struct lay *l, const struct node *n, struct lay_list what)
{
    struct node cases;
    char key[TREE_LIST_MAX];
    if (!node_object(n, "cases", &cases)) return;
    if (json_count(cases.j) > CONTROL_CASES_MAX) {
        node_fail(n, "cases", "there are %zu, at most %d are allowed", json_count(cases.j),
                  CONTROL_CASES_MAX);
        return;
    }
    for (const struct json *j = json_first(cases.j); j; j = json_next(j), what.case_index++) {
        (void)str_format(key, sizeof key, "cases.%s", json_key(j));
        what.list = json_type(j) == JSON_ARRAY ? j : NULL;
        what.key = key;
        if (what.list && json_count(what.list) > 0)
            lay_list(l, &what);
        else
            node_fail(&cases, json_key(j), what.list ? "is empty" : "must be a list of tasks");
    }
}

static void lay_inside(struct lay *l, const struct json *j, const struct control_type *type,
                       size_t index, size_t depth)
{
    struct node n = {.r = l->r, .j = j};
    const char *id = json_get_str(j, "id", NULL);
    if (id)
        (void)str_format(n.at, sizeof n.at, "task %.*s: ", FLOW_ID_MAX, id);
    else
        tree_place(l->r, index, n.at, sizeof n.at);
    if (depth == FLOW_DEPTH_MAX) {
        if (!l->too_deep)
            node_say(&n, j, "tasks are at most %d levels deep within others", FLOW_DEPTH_MAX);
        l->too_deep = true;
        return;
    }
    for (const struct control_list *x = type->lists; x->key; x++) {
        struct lay_list what = {.parent = index + 1, .branch = x->branch, .depth = depth + 1};
        bool optional = x->branch == FLOW_ERRORS || x->branch == FLOW_FINALLY;
        if (x->branch == FLOW_CASE)
            lay_cases(l, &n, what);
        else
            lay_key(l, &n, x->key, what, optional);
        if (x->required && !node_has(&n, x->key)) node_fail(&n, x->key, "is missing");
    }
}

void tree_lay(const struct node *flow)
{
    struct reader *r = flow->r;
    struct lay l = {.r = r};
    const struct json *list = node_list(flow, "tasks", FLOW_TASKS_MAX);
    if (!list || json_count(list) == 0) {
        if (list || !node_has(flow, "tasks"))
            node_fail(flow, "tasks",
                      list ? "is empty" : "is missing: a flow has at least one task");
        r->unread |= ROOT(OUTPUTS);
        return;
    }
    lay_list(&l, &(struct lay_list){.list = list, .key = "tasks", .depth = 1});
    lay_key(&l, flow, "errors", (struct lay_list){.branch = FLOW_ERRORS, .depth = 1}, true);
    lay_key(&l, flow, "finally", (struct lay_list){.branch = FLOW_FINALLY, .depth = 1}, true);
    if (l.too_many || l.too_deep) r->unread |= ROOT(OUTPUTS);
    r->sights = mem_array(r->flow->task_count + 1, sizeof *r->sights);
    r->iterated = mem_array(r->flow->task_count + 1, sizeof *r->iterated);
}

void tree_place(const struct reader *r, size_t index, char *out, size_t size)
{
    const struct task_place *p = &r->places[index];
    size_t parent = r->flow->tasks[index].parent;
    const char *holder = parent ? r->task_ids[parent - 1] : "";
    if (*holder)
        (void)str_format(out, size, "task %.*s: %s[%zu].", FLOW_ID_MAX, holder, p->list,
                         p->position);
    else
        (void)str_format(out, size, "%s[%zu].", p->list, p->position);
}

/* ---- who sees whom --------------------------------------------------------------------------- */

bool flow_iterates(enum flow_kind kind, enum flow_branch branch)
{
    return (kind == FLOW_FOREACH && branch == FLOW_TASKS) ||
           (kind == FLOW_LOOP && branch != FLOW_FINALLY);
}

static bool has_value(const struct flow *f, const struct flow_task *t)
{
    while (t->parent && !flow_iterates(f->tasks[t->parent - 1].work.kind, t->branch))
        t = &f->tasks[t->parent - 1];
    return t->parent > 0;
}

static bool is_on_errors(const struct flow *f, const struct flow_task *t)
{
    while (t->parent && t->branch != FLOW_ERRORS)
        t = &f->tasks[t->parent - 1];
    return t->branch == FLOW_ERRORS;
}

/* On the way up from `own`, the one that the task `holder` holds itself; NULL: it does not hold
 * own. */
static const struct flow_task *below(const struct flow *f, const struct flow_task *own,
                                     size_t holder)
{
    while (own && own->parent != holder + 1)
        own = own->parent ? &f->tasks[own->parent - 1] : NULL;
    return own;
}

/* Of a task that holds both, in `a` or `b` and in none other that it holds as well: what parts
 * them? */
static enum expr_sight parted(enum flow_kind kind, const struct flow_task *a,
                              const struct flow_task *b)
{
    bool late = a->branch == FLOW_ERRORS || a->branch == FLOW_FINALLY || b->branch == FLOW_ERRORS ||
                b->branch == FLOW_FINALLY;
    if (kind == FLOW_LOOP && a->branch != FLOW_FINALLY && b->branch == FLOW_FINALLY)
        return EXPR_IN_LOOP;
    if (late) return EXPR_SEEN;
    if (kind == FLOW_PARALLEL) return EXPR_AT_ONCE;
    bool same = a->branch == b->branch && a->case_index == b->case_index;
    return (kind == FLOW_IF || kind == FLOW_SWITCH) && !same ? EXPR_OTHER_BRANCH : EXPR_SEEN;
}

/* What `own`, or the flow itself (NULL), sees of the task `other`, which comes earlier. */
static struct expr_seen look(const struct reader *r, const struct flow_task *own, size_t other)
{
    const struct flow *f = r->flow;
    if (below(f, own, other)) return (struct expr_seen){EXPR_HOLDER, r->task_ids[other]};
    const struct flow_task *a = &f->tasks[other];
    while (a->parent) {
        size_t holder = a->parent - 1;
        enum flow_kind kind = f->tasks[holder].work.kind;
        const struct flow_task *b = below(f, own, holder);
        if (b) return (struct expr_seen){parted(kind, a, b), r->task_ids[holder]};
        if (flow_iterates(kind, a->branch) && kind == FLOW_LOOP)
            return (struct expr_seen){EXPR_IN_LOOP, r->task_ids[holder]};
        a = &f->tasks[holder];
    }
    return (struct expr_seen){EXPR_SEEN, NULL};
}

size_t flow_loops(const struct flow *f, size_t task, size_t *loop)
{
    size_t count = 0;
    const struct flow_task *t = &f->tasks[task];
    *loop = SIZE_MAX;
    for (; t->parent; t = &f->tasks[t->parent - 1]) {
        enum flow_kind kind = f->tasks[t->parent - 1].work.kind;
        if (!flow_iterates(kind, t->branch)) continue;
        if (kind == FLOW_FOREACH) {
            count++;
        } else {
            *loop = t->parent - 1;
            break;
        }
    }
    return count;
}

static struct expr_scope scope_of(struct reader *r, const struct flow_task *own, size_t earlier)
{
    struct flow *f = r->flow;
    for (size_t i = 0; i < earlier; i++) {
        r->sights[i] = look(r, own, i);
        size_t loop;
        r->iterated[i] = (unsigned char)flow_loops(f, i, &loop);
    }
    return (struct expr_scope){.roots = EXPR_FLOW_ROOTS,
                               .unread = r->unread,
                               .vars = f->vars,
                               .inputs = r->input_ids,
                               .input_count = f->input_count,
                               .named = own ? own->reads : f->output_reads,
                               .named_all = own ? own->reads_all : NULL,
                               .tasks = r->task_ids,
                               .task_count = f->task_count,
                               .earlier_count = earlier,
                               .sights = r->sights,
                               .iterated = r->iterated,
                               .no_value = !own || !has_value(f, own),
                               .on_errors = own && is_on_errors(f, own),
                               .outputs = r->task_outputs,
                               .checks = r->checks,
                               .trigger_keys = r->trigger_keys,
                               .trigger_key_count = r->trigger_key_count,
                               .inner = r->inner_ids,
                               .inner_count = r->inner_count};
}

struct expr_scope tree_scope(struct reader *r, size_t index)
{
    struct flow *f = r->flow;
    struct flow_task *own = index < f->task_count ? &f->tasks[index] : NULL;
    struct expr_scope scope = scope_of(r, own, index);
    scope.error_logs = own ? &own->reads_failed : NULL;
    return scope;
}

struct expr_scope tree_scope_at_end(struct reader *r, size_t index)
{
    struct flow *f = r->flow;
    const struct flow_task last = {.parent = index + 1,
                                   .branch = FLOW_ERRORS,
                                   .reads = f->tasks[index].reads,
                                   .reads_all = f->tasks[index].reads_all};
    struct expr_scope scope = scope_of(r, &last, f->tasks[index].end);
    scope.on_errors = false;
    scope.no_own = true;
    return scope;
}
