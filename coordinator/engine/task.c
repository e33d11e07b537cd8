/* From what a flow says to jobs: texts rendered, group and requires resolved. */
#include "coordinator/engine/task.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/implied.h"
#include "coordinator/engine/outcome.h"
#include "coordinator/engine/selector.h"
#include "coordinator/engine/taskrun.h"

#include <string.h>

#define PAYLOAD_DEFAULT_BYTES (512 * 1024)

/* Of a log message with its values; with the end of its line it is one chunk of output. Messages
 * are written in the transaction that starts an execution, hundreds of them when the flow says so,
 * and some bytes of a template can bring 64 KiB each time. */
#define LOG_BYTES_MAX (64 * 1024 - 1)

static bool flawed(struct flaw *flaw, enum reason reason)
{
    flaw->reason = reason;
    return false;
}

static bool find_group(struct engine *g, struct job_row *row, bool fallback_given,
                       struct flaw *flaw)
{
    const struct namespace *from;
    if (selector_is(row->group)) {
        const struct group *picked = selector_pick(g, row->group, row->ns, &flaw->err);
        if (!picked)
            return flawed(flaw,
                          flaw->err.code == ERR_DENIED ? REASON_NOT_STARTED : REASON_UNKNOWN_GROUP);
        text_set(&row->group, picked->row.key ? picked->row.key : STR_DEFAULT_GROUP);
    }
    const struct group *group = job_resolve(g, row, fallback_given, &from);
    char name[96];
    if (!group) {
        char suggestion[STR_SUGGEST_SIZE];
        const char *near = group_nearest_key(g, row->group);
        err_set(&flaw->err, ERR_INVALID, "there is no worker group '%s'%s%s%s%s", row->group,
                from ? ", to which the namespace " : "", from ? from->row.ns : "",
                from ? " sends its jobs" : "", str_suggest(suggestion, near));
        return flawed(flaw, REASON_UNKNOWN_GROUP);
    }
    if (!group_allows(group, row->ns)) {
        err_set(&flaw->err, ERR_DENIED, "%s does not take jobs of namespace %s",
                group_name(group, name), row->ns);
        return flawed(flaw, REASON_NOT_STARTED);
    }
    return true;
}

bool work_render(struct engine *g, const struct flow *f, const struct flow_work *w,
                 const struct expr_values *v, struct flow_job *job, struct flaw *flaw)
{
    struct requires *r = NULL;
    size_t limit = g->config.payload_limit_bytes > 0 ? (size_t)g->config.payload_limit_bytes
                                                     : PAYLOAD_DEFAULT_BYTES;
    if (w->kind >= FLOW_LOG && limit > LOG_BYTES_MAX) limit = LOG_BYTES_MAX;
    flaw->err = (struct err){0};
    int rc = flow_render(f, w, v, limit, job, &flaw->err);
    if (rc)
        return flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
    job->row.requires_id = 0;
    if (w->kind >= FLOW_LOG && selector_is(job->row.group)) text_set(&job->row.group, NULL);
    bool good = w->kind >= FLOW_LOG || find_group(g, &job->row, job->fallback_given, flaw);
    if (good && job_requires(w->require, REQUIRES_KEPT, &job->needs, &r, &flaw->err))
        good = flawed(flaw, REASON_NOT_STARTED);
    if (good && r) good = store_ok(g, requires_entry_intern(g, r, &job->row.requires_id));
    if (good) return true;
    mem_free(job->spec);
    job->spec = NULL;
    return false;
}

/* ---- what tasks can speak of ---- */

static struct json *parse_object(const char *text)
{
    struct json *tree = NULL;
    if (text) (void)json_parse(text, strlen(text), &tree, NULL);
    return tree;
}

static void put_time(struct json *to, const char *key, int64_t ms)
{
    char text[TIME_TEXT_SIZE];
    time_format(ms, text);
    json_put(to, key, json_new_str(text));
}

bool task_context_need(struct engine *g, int64_t id, struct task_context *x)
{
    if (x->loaded) return true;
    if (!store_ok(g, store_execution_get(g->store, id, &x->row, &g->err))) return false;
    id_format(id, x->id);
    x->inputs = parse_object(x->row.inputs);
    x->trigger = parse_object(x->row.trigger_vars);
    x->outputs = json_new(JSON_OBJECT);
    x->exit_codes = json_new(JSON_OBJECT);
    x->execution = json_new(JSON_OBJECT);
    put_time(x->execution, "startDate", x->row.started_ms);
    json_put(x->execution, "state", json_new_str(fsm_name(&execution_fsm, (int)x->row.state)));
    x->loaded = true;
    return true;
}

/* Brings in what the texts name: an execution of many tasks reads what it uses, and no more. */
static bool read_outputs(struct engine *g, struct execution *x, const struct run *r,
                         struct task_context *c, struct flaw *flaw)
{
    const struct flow *f = x->revision->parsed;
    const struct flow_task *t = r ? &f->tasks[r->task] : NULL;
    const bool *reads = t ? t->reads : f->output_reads;
    for (size_t i = 0; i < f->task_count; i++) {
        struct outcome_query q = {x, r, i, !t || t->reads_all[i]};
        if (reads[i] && !outcome_read(g, &q, c, flaw)) return false;
    }
    return true;
}

void task_context_free(struct task_context *x)
{
    execution_row_fini(&x->row);
    json_free(x->inputs);
    json_free(x->trigger);
    json_free(x->outputs);
    json_free(x->exit_codes);
    json_free(x->execution);
    json_free(x->taskrun);
    json_free(x->failed);
}

static struct expr_values context_values(const struct engine *g, const struct task_context *x,
                                         const struct flow *f)
{
    struct expr_values v = {.inputs = x->inputs,
                            .outputs = x->outputs,
                            .exit_codes = x->exit_codes,
                            .trigger = x->trigger,
                            .execution_id = x->id,
                            .execution = x->execution,
                            .taskrun = x->taskrun,
                            .error_logs = x->failed,
                            .now_ms = g->now.wall_ms,
                            .zones = g->zones};
    flow_values(f, &v);
    return v;
}

/* ---- one task run ---- */

static const struct flow_task *task_of(const struct run *r)
{
    return &r->x->revision->parsed->tasks[r->task];
}

static struct job_row task_row(const struct run *r)
{
    const struct execution *x = r->x;
    const struct flow_task *t = task_of(r);
    char id[ID_TEXT_SIZE];
    id_format(x->row.id, id);
    return (struct job_row){.kind = JOB_TASK,
                            .ns = mem_strdup(x->row.ns),
                            .flow = mem_strdup(x->row.flow),
                            .execution = mem_strdup(id),
                            .task = mem_strdup(t->id),
                            .created_by = str_dupf("flow %s/%s", x->row.ns, x->row.flow),
                            .allow_failure = t->allow_failure,
                            .submitter = x->row.submitter};
}

/* The message of a Log task is its output, as is that of a Fail task. */
static void write_log(struct engine *g, int64_t job, const char *text)
{
    struct chunk chunk = {.job = job,
                          .attempt = 1,
                          .stream = 1,
                          .at_ms = g->now.wall_ms,
                          .data = text,
                          .len = strlen(text)};
    if (store_ok(g, store_output_add(g->store, &chunk, &g->err)))
        effects_add(g->out, EFFECT_OUTPUT)->u.output.job = job;
}

/* A run that is over as it comes: a step of the coordinator's own, or one that could not be made.
 * flaw: why it failed. The end is in *end. */
static void make_ended(struct engine *g, struct run *r, struct job_row *row,
                       const struct flaw *flaw, struct job_end *end)
{
    const struct flow_task *t = task_of(r);
    end->state = JOB_SUCCESS;
    end->ended_ms = g->now.wall_ms;
    if (flaw) {
        end->state = t->allow_failure ? JOB_WARNING : JOB_FAILED;
        end->reason = flaw->reason;
        end->message = err_text(&flaw->err);
    }
    int64_t id = job_create_ended(g, row, end);
    end->outputs = NULL;
    row->id = r->row.job = id;
}

/* Puts what a Labels task says over the labels of the execution. */
static bool set_labels(struct execution *x, struct task_context *c, const char *text,
                       struct flaw *flaw)
{
    struct json *said = parse_object(text), *all = parse_object(c->row.labels);
    if (!all) all = json_new(JSON_OBJECT);
    for (const struct json *l = json_first(said); l; l = json_next(l)) {
        json_remove(all, json_key(l));
        json_put(all, json_key(l), json_copy(l));
    }
    size_t count = json_count(all);
    bool good = count <= FLOW_LABELS_MAX;
    if (good) {
        mem_free(c->row.labels);
        c->row.labels = json_text(all);
        text_set(&x->row.labels, c->row.labels);
    } else {
        err_set(&flaw->err, ERR_TOO_LARGE,
                "with these the execution has %zu labels, at most %d are "
                "allowed",
                count, FLOW_LABELS_MAX);
        flaw->reason = REASON_NOT_STARTED;
    }
    json_free(said);
    json_free(all);
    return good;
}

static bool fail(struct flaw *flaw, const char *message)
{
    size_t len = strlen(message);
    while (len > 0 && message[len - 1] == '\n')
        len--;
    err_set(&flaw->err, ERR_INVALID, "%.*s", len < ERR_MSG_MAX ? (int)len : ERR_MSG_MAX, message);
    flaw->reason = REASON_FAIL;
    return false;
}

/* A step that can be rendered, but for Sleep. */
static void do_step(struct engine *g, struct run *r, struct task_context *c, struct flow_job *job,
                    struct flaw *flaw, struct job_end *end)
{
    const struct flow_task *t = task_of(r);
    bool good = true;
    char *line = NULL;
    if (t->work.kind == FLOW_LOG) line = mem_strdup(job->spec);
    if (t->work.kind == FLOW_RETURN) end->outputs = job->spec;
    if (t->work.kind == FLOW_LABELS) good = set_labels(r->x, c, job->spec, flaw);
    if (t->work.kind == FLOW_ABORT && job->spec) {
        good = fail(flaw, job->spec);
        line = str_dupf("[ERROR] %s\n", job->spec);
    }
    make_ended(g, r, &job->row, good ? NULL : flaw, end);
    if (job->row.id && line) write_log(g, job->row.id, line);
    mem_free(line);
}

bool task_flow_outputs(struct engine *g, struct execution *x, struct task_context *c,
                       struct flaw *flaw)
{
    const struct flow *f = x->revision->parsed;
    struct json *all = NULL;
    json_free(c->taskrun);
    c->taskrun = NULL;
    json_free(c->failed);
    c->failed = NULL;
    if (!read_outputs(g, x, NULL, c, flaw)) return false;
    struct expr_values v = context_values(g, c, f);
    int rc = flow_render_outputs(f, &v, &all, &flaw->err);
    if (rc)
        return flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
    mem_free(x->row.outputs);
    x->row.outputs = json_text(all);
    json_free(all);
    return true;
}

/* ---- sleeping ---- */

static void fall_asleep(const struct engine *g, struct run *r, int64_t ms)
{
    int64_t limit = task_of(r)->work.timeout_ms;
    r->row.started_ms = g->now.wall_ms;
    r->row.due_ms = g->now.wall_ms + (limit > 0 && limit < ms ? limit : ms);
}

/* The job of the task that slept, without its end. */
static struct job_row slept(const struct run *r)
{
    struct job_row row = task_row(r);
    row.created_ms = row.started_ms = r->row.started_ms;
    return row;
}

static void wake(struct engine *g, struct run *r, struct flaw *flaw, struct job_end *end)
{
    int64_t limit = task_of(r)->work.timeout_ms;
    bool late = limit > 0 && r->row.due_ms - r->row.started_ms >= limit;
    struct job_row row = slept(r);
    flaw->reason = REASON_TIMEOUT;
    if (late) err_set(&flaw->err, ERR_TIMEOUT, "it was to sleep longer than its timeout");
    make_ended(g, r, &row, late ? flaw : NULL, end);
}

void task_interrupt(struct engine *g, struct run *r)
{
    struct job_row row = slept(r);
    struct job_end end = {.state = JOB_KILLED,
                          .reason = REASON_CANCELLED,
                          .ended_ms = g->now.wall_ms};
    row.cancelled_by = mem_strdup(r->x->row.cancelled_by);
    r->row.job = job_create_ended(g, &row, &end);
}

/* What the texts of the task can use. false: flaw tells why, or a failure was noted. */
static bool values_of(struct engine *g, struct run *r, struct task_context *c,
                      struct expr_values *v, struct flaw *flaw)
{
    struct execution *x = r->x;
    flaw->err = (struct err){0};
    if (!task_context_need(g, x->row.id, c) || !read_outputs(g, x, r, c, flaw)) return false;
    json_free(c->taskrun);
    c->taskrun = run_taskrun(r);
    json_free(c->failed);
    c->failed = NULL;
    if (task_of(r)->reads_failed && !outcome_read_failed(g, x, &c->failed)) return false;
    *v = context_values(g, c, x->revision->parsed);
    v->task_id = task_of(r)->id;
    return true;
}

enum task_made task_run(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw,
                        struct job_end *end)
{
    const struct flow *f = r->x->revision->parsed;
    const struct flow_task *t = task_of(r);
    struct expr_values v;
    *end = (struct job_end){.state = JOB_SUCCESS};
    if (r->row.due_ms > 0) {
        wake(g, r, flaw, end);
        return TASK_OVER;
    }
    bool good = values_of(g, r, c, &v, flaw);
    struct flow_job job = {.row = task_row(r), .trace = c->row.trace};
    if (good) good = work_render(g, f, &t->work, &v, &job, flaw);
    if (g->rc) {
        job_row_fini(&job.row);
        return TASK_OVER;
    }
    if (good && t->work.kind < FLOW_LOG) {
        r->row.job = job_create(g, &job.row, job.spec);
        return TASK_OPEN;
    }
    if (good && job.sleep_ms > 0) {
        fall_asleep(g, r, job.sleep_ms);
        job_row_fini(&job.row);
        mem_free(job.spec);
        return TASK_ASLEEP;
    }
    if (good)
        do_step(g, r, c, &job, flaw, end);
    else
        make_ended(g, r, &job.row, flaw, end);
    mem_free(job.spec);
    return TASK_OVER;
}

/* ---- what control tasks ask ---- */

char *task_text(struct engine *g, struct run *r, const char *text, struct task_context *c,
                struct flaw *flaw)
{
    struct expr_values v;
    struct buf b;
    if (!values_of(g, r, c, &v, flaw)) return NULL;
    buf_init(&b, FLOW_VALUES_MAX);
    int rc = expr_render(text, &v, &b, &flaw->err);
    if (rc == 0) return buf_detach(&b);
    buf_fini(&b);
    (void)flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
    return NULL;
}

struct json *task_value(struct engine *g, struct run *r, const struct json *tree,
                        struct task_context *c, struct flaw *flaw)
{
    const char *text = json_str(tree, NULL);
    struct json *value = NULL;
    struct expr_values v;
    if (!values_of(g, r, c, &v, flaw)) return NULL;
    int rc = text ? expr_value(text, &v, &value, &flaw->err)
                  : flow_render_tree(tree, &v, &value, &flaw->err);
    if (rc == 0) return value;
    if (!text) json_free(value);
    (void)flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
    return NULL;
}

/* {item: {value, iteration, key}, outputs: {...}} */
bool task_loop_outputs(struct engine *g, struct run *r, struct task_context *c, struct flaw *flaw)
{
    struct expr_values v;
    struct json *all = NULL;
    if (!values_of(g, r, c, &v, flaw)) return false;
    int rc = flow_loop_outputs(task_of(r), &v, &all, &flaw->err);
    if (rc)
        return flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
    struct json *left = json_new(JSON_OBJECT), *item = json_new(JSON_OBJECT), *own = NULL;
    (void)json_parse(r->row.value, strlen(r->row.value), &own, NULL);
    const struct json *key = json_get(own, "key");
    json_put(item, "value", json_copy(json_get(v.taskrun, "value")));
    json_put(item, "iteration", json_new_int(r->row.iteration));
    if (key) json_put(item, "key", json_copy(key));
    json_put(left, "item", item);
    json_put(left, "outputs", all);
    text_set(&r->row.outputs, NULL);
    r->row.outputs = json_text(left);
    json_free(left);
    json_free(own);
    return true;
}

bool task_truth(struct engine *g, struct run *r, const char *text, struct task_context *c,
                bool *out, struct flaw *flaw)
{
    struct expr_values v;
    if (!values_of(g, r, c, &v, flaw)) return false;
    int rc = expr_truth(text, &v, out, &flaw->err);
    if (rc == 0) return true;
    return flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
}
