/* Flows: applying files, listing, showing and deleting what they made. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/flow.h"

#include <string.h>

#define LIST_LIMIT 100
#define LIST_LIMIT_MAX 500
#define FILES_MAX 1000
#define FILE_NAME_MAX 1024

/* ---- apply ---- */

static void on_applied(struct request *r, struct effect *x)
{
    struct problem p = {0};
    if (x->rc && x->json) {
        problem_set(&p, 422, x->code ? x->code : "invalid-flow", NULL, NULL, "%s",
                    err_text(&x->err));
        request_send_problems(r, &p, x->json);
        return;
    }
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_raw(&a.w, "flows", x->json);
    request_send(r, 200, &a);
}

/* A file that can be read tells its namespace, which the token may have to do with or not. Of the
 * others the engine reports what is wrong, together with what it finds in those. */
static void read_file(struct request *r, const struct json *j, size_t n, struct flow_file *out)
{
    static const char *const keys[] = {"name", "text"};
    struct flow_problems problems = {0};
    char at[40];
    (void)str_format(at, sizeof at, "files[%zu].", n);
    struct body b = {.object = j, .p = &r->problem, .at = at};
    if (json_type(j) != JSON_OBJECT) {
        problem_set(&r->problem, 422, "invalid", NULL, "files",
                    "files[%zu]: must be an object with name and text", n);
        return;
    }
    body_known(&b, keys, 2);
    const char *name = body_str(&b, "name", FILE_NAME_MAX);
    const char *text = body_str(&b, "text", FLOW_FILE_MAX);
    if (!text) body_fail(&b, "text", "is missing");
    if (r->problem.status) return;
    out->name = name ? mem_strdup(name) : str_dupf("files[%zu]", n);
    out->source = mem_strdup(text);
    if (flow_parse(out->name, text, strlen(text), NULL, &problems, &out->flow) == 0)
        (void)auth_namespace(&r->who, out->flow->ns, &r->problem);
    flow_problems_fini(&problems);
}

void flows_apply(struct request *r)
{
    static const char *const keys[] = {"files", "checkOnly"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = command_new(CMD_FLOW_APPLY);
    struct cmd_apply *a = &c->u.apply;
    body_known(&b, keys, 2);
    a->check_only = body_bool(&b, "checkOnly", false);
    const struct json *files = body_array(&b, "files");
    if (json_count(files) == 0 || json_count(files) > FILES_MAX)
        body_fail(&b, "files", "1 to %d files are wanted", FILES_MAX);
    if (!r->problem.status) a->files = mem_array(json_count(files), sizeof *a->files);
    for (const struct json *j = json_first(files); j && !r->problem.status; j = json_next(j)) {
        read_file(r, j, a->count, &a->files[a->count]);
        a->count++;
    }
    if (r->problem.status) {
        command_free(c);
        request_send_problem(r, &r->problem);
        return;
    }
    request_ask(r, c, on_applied);
}

/* ---- list ---- */

static void put_row(struct jw *w, const struct flow_row *row)
{
    jw_str(w, "namespace", row->ns);
    jw_str(w, "id", row->id);
    jw_int(w, "revision", row->revision);
    jw_time(w, "createdAt", row->created_ms);
    jw_time(w, "updatedAt", row->updated_ms);
}

struct page {
    struct json_answer a;
    char *last; /* "NAMESPACE/ID" */
    bool cut;
};

static int on_flow(const struct flow_row *row, int64_t triggers, void *user)
{
    struct page *p = user;
    if (p->a.b.len > API_LIST_BYTES) {
        p->cut = true;
        return 1;
    }
    jw_object(&p->a.w, NULL);
    put_row(&p->a.w, row);
    jw_int(&p->a.w, "triggers", triggers);
    jw_end(&p->a.w);
    mem_free(p->last);
    p->last = str_dupf("%s/%s", row->ns, row->id);
    return 0;
}

void flows_list(struct request *r)
{
    static const char *const keys[] = {"limit", "cursor", "namespace"};
    struct flow_filter f = {0};
    struct page p = {0};
    struct err e = {0};
    char *parts[2] = {NULL, NULL};
    bool more = false;
    request_query_known(r, keys, 3);
    f.limit = (size_t)request_query_int(r, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT);
    f.ns = request_query_namespace(r);
    char *cursor = request_query_place(r, parts, 2);
    f.after_ns = parts[0];
    f.after_id = parts[1];
    if (r->problem.status) {
        mem_free(cursor);
        request_send_problem(r, &r->problem);
        return;
    }
    json_answer_init(&p.a);
    jw_array(&p.a.w, "flows");
    int rc = reader_flows(r->api->o.reader, &f, on_flow, &p, &more, &e);
    if (p.cut) {
        rc = 0;
        more = true;
    }
    mem_free(cursor);
    if (rc) {
        json_answer_fini(&p.a);
        request_fail(r, rc, &e);
    } else {
        jw_end(&p.a.w);
        jw_str(&p.a.w, "nextCursor", more ? p.last : NULL);
        request_send(r, 200, &p.a);
    }
    mem_free(p.last);
}

/* ---- show ---- */

static void put_input(struct jw *w, const struct flow_input *in)
{
    jw_object(w, NULL);
    jw_str(w, "id", in->id);
    jw_str(w, "type", flow_input_type_names[in->type]);
    jw_bool(w, "required", in->required);
    jw_tree(w, "defaults", in->defaults);
    jw_str(w, "description", in->description);
    if (in->type == INPUT_SELECT) {
        jw_array(w, "values");
        for (size_t i = 0; i < in->value_count; i++)
            jw_str(w, NULL, in->values[i]);
        jw_end(w);
    }
    jw_end(w);
}

static void put_flow(struct jw *w, const struct flow *f)
{
    jw_str(w, "description", f->description);
    jw_bool(w, "disabled", f->disabled);
    jw_tree(w, "labels", f->labels);
    jw_array(w, "inputs");
    for (size_t i = 0; i < f->input_count; i++)
        put_input(w, &f->inputs[i]);
    jw_end(w);
    jw_array(w, "tasks");
    for (size_t i = 0; i < f->task_count; i++)
        jw_str(w, NULL, f->tasks[i].id);
    jw_end(w);
    jw_array(w, "triggers");
    for (size_t i = 0; i < f->trigger_count; i++)
        jw_str(w, NULL, f->triggers[i].id);
    jw_end(w);
}

static void fail_unknown(struct request *r, int rc, const struct err *e)
{
    struct problem p = {0};
    if (rc == ERR_NOT_FOUND)
        problem_set(&p, 404, "not-found", "'cadre flow list' shows them", NULL,
                    "there is no flow %.200s/%.100s%s", request_segment(r, 3),
                    request_segment(r, 4),
                    http_query(&r->target, "revision") ? " of this revision" : "");
    else
        problem_from(&p, rc, e);
    request_send_problem(r, &p);
}

void flows_show(struct request *r)
{
    static const char *const keys[] = {"revision"};
    struct flow_row row;
    struct err e = {0};
    struct flow_problems problems = {0};
    struct flow *f = NULL;
    request_query_known(r, keys, 1);
    int64_t revision = request_query_int(r, "revision", 1, INT64_C(1000000000), 0);
    (void)auth_namespace(&r->who, request_segment(r, 3), &r->problem);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    int rc = reader_flow(r->api->o.reader, request_segment(r, 3), request_segment(r, 4), revision,
                         &row, &e);
    if (rc) {
        fail_unknown(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    put_row(&a.w, &row);
    /* what an older version took may be refused by now: the source is there all the same */
    if (flow_parse("flow", row.source, strlen(row.source), NULL, &problems, &f) == 0) {
        put_flow(&a.w, f);
        flow_free(f);
    }
    flow_problems_fini(&problems);
    jw_str(&a.w, "source", row.source);
    flow_row_fini(&row);
    request_send(r, 200, &a);
}

static int on_revision(const struct flow_row *row, void *user)
{
    struct json_answer *a = user;
    jw_object(&a->w, NULL);
    jw_int(&a->w, "revision", row->revision);
    jw_time(&a->w, "createdAt", row->updated_ms);
    jw_end(&a->w);
    return 0;
}

void flows_revisions(struct request *r)
{
    static const char *const keys[] = {"limit", "before"};
    struct err e = {0};
    bool more = false;
    request_query_known(r, keys, 2);
    size_t limit = (size_t)request_query_int(r, "limit", 1, LIST_LIMIT_MAX, LIST_LIMIT);
    int64_t before = request_query_int(r, "before", 1, INT64_C(1000000000), 0);
    (void)auth_namespace(&r->who, request_segment(r, 3), &r->problem);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_array(&a.w, "revisions");
    struct revision_filter f = {request_segment(r, 3), request_segment(r, 4), before, limit};
    int rc = reader_flow_revisions(r->api->o.reader, &f, on_revision, &a, &more, &e);
    if (rc) {
        json_answer_fini(&a);
        fail_unknown(r, rc, &e);
        return;
    }
    jw_end(&a.w);
    jw_bool(&a.w, "more", more);
    request_send(r, 200, &a);
}

/* ---- delete ---- */

static void on_deleted(struct request *r, struct effect *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        request_send_empty(r, 204);
}

void flows_delete(struct request *r)
{
    struct problem p = {0};
    if (!auth_namespace(&r->who, request_segment(r, 3), &p)) {
        request_send_problem(r, &p);
        return;
    }
    struct command *c = command_new(CMD_FLOW_DELETE);
    c->u.place.ns = mem_strdup(request_segment(r, 3));
    c->u.place.flow = mem_strdup(request_segment(r, 4));
    request_ask(r, c, on_deleted);
}
