/* From what a flow says to jobs: texts rendered, group and requires resolved. */
#include "coordinator/engine/task.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/implied.h"
#include "coordinator/engine/selector.h"

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

static int note_task_job(const char *task, int64_t job, void *user)
{
    const struct execution *x = user;
    const struct flow *f = x->revision->parsed;
    for (size_t i = 0; i < f->task_count; i++) {
        if (str_eq(f->tasks[i].id, task)) x->task_jobs[i] = job;
    }
    return 0;
}

/* Which job was the run of which task: read once, and then kept up to date (execution.c). */
static bool know_task_jobs(struct engine *g, struct execution *x)
{
    if (x->task_jobs) return true;
    x->task_jobs = mem_array(x->revision->parsed->task_count, sizeof *x->task_jobs);
    return store_ok(g, store_each_task_run(g->store, x->row.id, note_task_job, x, &g->err));
}

/* Brings in what the task names: an execution of many tasks reads what it uses, and no more. */
static bool read_outputs(struct engine *g, struct execution *x, const bool *reads,
                         struct task_context *c)
{
    const struct flow *f = x->revision->parsed;
    for (size_t i = 0; i < f->task_count; i++) {
        const char *id = f->tasks[i].id;
        struct job_left left;
        if (!reads[i] || json_get(c->outputs, id)) continue;
        if (!know_task_jobs(g, x)) return false;
        if (x->task_jobs[i] == 0) continue;
        if (!store_ok(g, store_job_outputs(g->store, x->task_jobs[i], &left, &g->err)))
            return false;
        struct json *tree = parse_object(left.outputs);
        json_put(c->outputs, id, tree ? tree : json_new(JSON_OBJECT));
        if (left.exited) json_put(c->exit_codes, id, json_new_int(left.exit_code));
        mem_free(left.outputs);
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
    if (id && r->x->task_jobs) r->x->task_jobs[r->task] = id;
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
    if (!read_outputs(g, x, f->output_reads, c)) return false;
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

static bool is_iteration(const struct run *r)
{
    return r->row.iteration != RUN_NO_ITERATION;
}

static void put_value(struct json *to, const struct run *iteration)
{
    struct json *value = NULL;
    const char *text = iteration->row.value;
    if (text && json_parse(text, strlen(text), &value, NULL) == 0) json_put(to, "value", value);
}

/* As Kestra has it: a value belongs to what stands right in an iteration. */
static struct json *parents_of(const struct run *r)
{
    struct json *all = json_new(JSON_ARRAY);
    for (const struct run *p = r->up; p && p->up; p = p->up) {
        if (is_iteration(p) || !is_iteration(p->up)) continue;
        struct json *parent = json_new(JSON_OBJECT), *taskrun = json_new(JSON_OBJECT);
        put_value(taskrun, p->up);
        json_put(parent, "taskrun", taskrun);
        json_push(all, parent);
    }
    return all;
}

/* What texts know as taskrun; with the value of the nearest iteration, however deep in it. */
static struct json *taskrun_of(const struct run *r)
{
    char number[24];
    struct json *x = json_new(JSON_OBJECT), *parents = parents_of(r);
    const struct run *each = r;
    while (each && !is_iteration(each))
        each = each->up;
    (void)str_format(number, sizeof number, "%lld", (long long)r->row.number);
    json_put(x, "id", json_new_str(number));
    put_time(x, "startDate", r->row.started_ms);
    (void)str_format(number, sizeof number, "%lld", (long long)r->row.parent);
    if (r->row.parent) json_put(x, "parentId", json_new_str(number));
    if (each) json_put(x, "iteration", json_new_int(each->row.iteration));
    if (each) put_value(x, each);
    if (json_count(parents) > 0) json_put(x, "parent", json_copy(json_first(parents)));
    json_put(x, "parents", parents);
    return x;
}

/* What the texts of the task can use. false: a failure was noted. */
static bool values_of(struct engine *g, struct run *r, struct task_context *c,
                      struct expr_values *v)
{
    struct execution *x = r->x;
    if (!task_context_need(g, x->row.id, c) || !read_outputs(g, x, task_of(r)->reads, c))
        return false;
    json_free(c->taskrun);
    c->taskrun = taskrun_of(r);
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
    if (!values_of(g, r, c, &v)) return TASK_OVER;
    struct flow_job job = {.row = task_row(r), .trace = c->row.trace};
    bool good = work_render(g, f, &t->work, &v, &job, flaw);
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
    flaw->err = (struct err){0};
    if (!values_of(g, r, c, &v)) return NULL;
    buf_init(&b, FLOW_VALUES_MAX);
    int rc = expr_render(text, &v, &b, &flaw->err);
    if (rc == 0) return buf_detach(&b);
    buf_fini(&b);
    (void)flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
    return NULL;
}

bool task_truth(struct engine *g, struct run *r, const char *text, struct task_context *c,
                bool *out, struct flaw *flaw)
{
    struct expr_values v;
    flaw->err = (struct err){0};
    if (!values_of(g, r, c, &v)) return false;
    int rc = expr_truth(text, &v, out, &flaw->err);
    if (rc == 0) return true;
    return flawed(flaw, rc == ERR_TOO_LARGE ? REASON_PAYLOAD_TOO_LARGE : REASON_NOT_STARTED);
}
