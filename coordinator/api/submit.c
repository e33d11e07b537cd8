/* POST /api/v1/jobs: one job, or several at once. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/job_body.h"
#include "coordinator/api/jobs.h"
#include "coordinator/api/request.h"
#include "coordinator/api/trace.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/reads/job_json.h"
#include "wire/limits.h"

#include <string.h>

/* ---- one ---- */

/* The job as it was committed. */
static void send_new(struct request *r, const struct reply_job *j)
{
    const struct job_view v = {.job = j->row, .spec = j->spec, .require = j->require};
    struct json_answer a;
    json_answer_init(&a);
    (void)buf_reserve(&a.b, JOB_JSON_BYTES + strlen(j->spec));
    job_json_new(&a.w, &v);
    jw_bool(&a.w, "duplicate", false);
    request_send(r, 201, &a);
}

void job_on_made(struct request *r, struct reply *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    if (!x->known) trace_log(r, "job", x->id);
    if (x->job) {
        send_new(r, x->job);
        return;
    }
    int status = x->known ? 200 : 201;
    if (!r->minimal) {
        job_send(r, status, x->id, x->known);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "id", x->id);
    jw_bool(&a.w, "duplicate", x->known);
    request_send(r, status, &a);
}

static size_t payload_limit(const struct request *r)
{
    return (size_t)r->api->o.config->payload_limit_bytes;
}

static void submit_one(struct request *r)
{
    struct command *c = command_new(CMD_SUBMIT);
    struct cmd_submit *s = &c->u.submit;
    job_body_read(r->body, &r->who, payload_limit(r), r->trace, s, &r->problem);
    s->job.unique_key = request_take_key(r, "");
    (void)request_query_bool(r, "atomic"); /* one is all */
    s->tell_job = !r->minimal;
    if (r->problem.status) {
        command_free(c);
        request_send_problem(r, &r->problem);
        return;
    }
    request_ask(r, c, job_on_made);
}

/* ---- several ---- */

/* An error of a job tells which one: "[3].group: ...". */
static void name_item(struct problem *p, size_t item)
{
    const size_t most = sizeof p->message - 1;
    char text[sizeof p->message + 32], field[sizeof p->field];
    bool names_field = p->field[0] && str_starts(p->message, p->field);
    (void)str_format(text, sizeof text, "[%zu]%s%s", item, names_field ? "." : ": ", p->message);
    if (strlen(text) > most) text[str_utf8_whole(text, most)] = '\0';
    (void)str_copy(p->message, sizeof p->message, text);
    (void)str_format(field, sizeof field, "[%zu]%s%s", item, p->field[0] ? "." : "", p->field);
    (void)str_copy(p->field, sizeof p->field, field);
}

static void put_error(struct jw *w, const char *key, const struct problem *p)
{
    jw_object(w, key);
    problem_json(w, p);
    jw_end(w);
}

/* mem_free */
static char *error_text(const struct problem *p)
{
    struct buf b;
    struct jw w;
    buf_init(&b, ANSWER_BYTES);
    jw_init(&w, &b);
    put_error(&w, NULL, p);
    (void)jw_finish(&w);
    return buf_detach(&b);
}

/* One item of the array; its faults go to p. */
static void read_item(struct request *r, struct json_value item, struct cmd_submit *out,
                      struct problem *p)
{
    struct json *object = NULL;
    struct err e = {0};
    if (json_value_type(item) != JSON_OBJECT)
        problem_field(p, "", "must be an object");
    else if (item.len > LIMIT_HTTP_BODY)
        problem_set(p, 413, "too-large", BODY_HINT, "a job may have %u bytes",
                    (unsigned)LIMIT_HTTP_BODY);
    else if (json_parse(item.text, item.len, &object, &e))
        problem_set(p, 400, "bad-request", NULL, "%s", err_text(&e));
    else
        job_body_read(object, &r->who, payload_limit(r), r->trace, out, p);
    json_free(object);
}

/* The good jobs of the array go to c, the errors of the others to r->texts. With `atomic` the first
 * fault of all is r->problem, and the end. */
static void read_items(struct request *r, const char *key, bool atomic, struct cmd_submits *out)
{
    struct json_walk walk;
    struct json_value unused, item;
    json_walk_init(&walk, r->array);
    for (size_t i = 0; json_walk_next(&walk, &unused, &item) && !r->problem.status; i++) {
        struct cmd_submit *s = &out->items[out->count];
        struct problem p = {0};
        read_item(r, item, s, &p);
        if (!p.status) {
            if (key) s->job.unique_key = str_dupf("%s/%zu", key, i);
            out->count++;
            continue;
        }
        cmd_submit_fini(s);
        name_item(&p, i);
        if (atomic)
            r->problem = p;
        else
            r->texts[i] = error_text(&p);
    }
}

static void put_item(const struct request *r, struct jw *w, const struct reply_item *x, size_t item)
{
    if (x->refused) {
        struct problem p = {0};
        request_problem(x->refused, &p);
        name_item(&p, item);
        put_error(w, "error", &p);
        return;
    }
    if (!x->known) trace_log(r, "job", x->id);
    jw_id(w, "id", x->id);
    jw_str(w, "state", shown_state_names[x->state]);
    if (x->known) jw_bool(w, "duplicate", true);
}

/* In the order of the request; `items`: of those that were no errors from the beginning. */
static void send_items(struct request *r, const struct reply_item *items)
{
    struct buf b;
    struct jw w;
    buf_init(&b, ANSWER_BYTES);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (size_t i = 0; i < r->text_count; i++) {
        jw_object(&w, NULL);
        if (r->texts[i])
            jw_raw(&w, "error", r->texts[i]);
        else
            put_item(r, &w, items++, i);
        jw_end(&w);
    }
    jw_end(&w);
    (void)jw_finish(&w);
    (void)buf_addc(&b, '\n');
    request_send_text(r, 200, &b);
    buf_fini(&b);
}

static void on_all_submitted(struct request *r, struct reply *x)
{
    struct problem p = {0};
    if (!x->rc) {
        send_items(r, x->items);
        return;
    }
    request_problem(x, &p);
    if (x->refused_item) name_item(&p, x->refused_item - 1);
    request_send_problem(r, &p);
}

/* How many jobs there are, and how they are to be taken. */
static bool check_array(struct request *r, size_t *count)
{
    static const char *const known[] = {"atomic"};
    *count = json_value_count(r->array);
    request_query_known(r, known, 1);
    if (*count == 0)
        problem_set(&r->problem, 400, "bad-request", NULL,
                    "the body must be a JSON object, or an array of 1 to %d of them", LIMIT_JOBS);
    else if (*count > LIMIT_JOBS)
        problem_set(&r->problem, 413, "too-large", "send several arrays",
                    "the array has %zu jobs, at most %d are taken", *count, LIMIT_JOBS);
    return request_query_bool(r, "atomic");
}

static void submit_all(struct request *r)
{
    size_t count;
    bool atomic = check_array(r, &count);
    char suffix[24], *key = NULL;
    struct command *c = command_new(CMD_SUBMIT_ALL);
    if (!r->problem.status) {
        (void)str_format(suffix, sizeof suffix, "/%zu", count - 1);
        key = request_take_key(r, suffix);
        r->texts = mem_array(count, sizeof *r->texts);
        r->text_count = count;
        c->u.submits.items = mem_array(count, sizeof *c->u.submits.items);
        c->u.submits.atomic = atomic;
        read_items(r, key, atomic, &c->u.submits);
        mem_free(key);
    }
    if (!r->problem.status && c->u.submits.count) {
        request_ask(r, c, on_all_submitted);
        return;
    }
    command_free(c);
    if (r->problem.status)
        request_send_problem(r, &r->problem);
    else
        send_items(r, NULL);
}

void jobs_submit(struct request *r)
{
    trace_take(r);
    if (r->array.text)
        submit_all(r);
    else
        submit_one(r);
}
