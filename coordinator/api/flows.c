/* Flows: applying files, listing, showing and deleting what they made. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/flow.h"
#include "wire/lease.h"

#include <string.h>

#define FILES_MAX 1000
#define FILE_NAME_MAX 1024

/* ---- apply ---- */

struct short_lease {
    const char *what, *id; /* of the first */
    int line;
    size_t count;
};

static void note_lease(struct short_lease *s, const char *what, const char *id, int line,
                       int64_t lease_ms)
{
    if (lease_ms <= 0 || lease_ms >= OWNER_LEASE_MS) return;
    if (s->count++ == 0) *s = (struct short_lease){what, id, line, 1};
}

/* One sentence of a file at most; mem_free. NULL: nothing is to be said. */
static char *lease_warning(const char *file, const struct flow *f)
{
    struct short_lease s = {0};
    char more[32] = "";
    for (size_t i = 0; i < f->task_count; i++)
        note_lease(&s, "task", f->tasks[i].id, f->tasks[i].line, f->tasks[i].work.lease_ms);
    for (size_t i = 0; i < f->trigger_count; i++)
        note_lease(&s, "trigger", f->triggers[i].id, f->triggers[i].line,
                   f->triggers[i].work.lease_ms);
    if (s.count == 0) return NULL;
    if (s.count > 1) (void)str_format(more, sizeof more, " (and %zu more)", s.count - 1);
    return str_dupf("%s:%d: %s %s%s: lease: under %ds, it does not outlive the take-over by "
                    "another coordinator, and the job is given up: use %ds or more",
                    file, s.line, s.what, s.id, more, OWNER_LEASE_MS / 1000, OWNER_LEASE_MS / 1000);
}

static void write_warnings(struct json_answer *a, const struct request *r)
{
    if (r->text_count == 0) return;
    jw_array(&a->w, "warnings");
    for (size_t i = 0; i < r->text_count; i++)
        jw_str(&a->w, NULL, r->texts[i]);
    jw_end(&a->w);
}

static void on_applied(struct request *r, struct reply *x)
{
    struct problem p = {0};
    if (x->rc && x->json) {
        problem_set(&p, 422, x->code ? x->code : "invalid-flow", NULL, "%s", err_text(&x->err));
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
    write_warnings(&a, r);
    request_send(r, 200, &a);
}

/* The namespace of a file that can be parsed is checked against the token. The engine reports the
 * faults of the other files, together with those it finds itself. */
static void read_file(struct request *r, const struct json *j, size_t n, struct flow_file *out)
{
    static const char *const keys[] = {"name", "text"};
    struct flow_problems problems = {0};
    char at[40];
    (void)str_format(at, sizeof at, "files[%zu].", n);
    struct body b = {.object = j, .p = &r->problem, .at = at};
    if (json_type(j) != JSON_OBJECT) {
        problem_field(&r->problem, "files", "files[%zu]: must be an object with name and text", n);
        return;
    }
    body_known(&b, keys, 2);
    const char *name = body_str(&b, "name", FILE_NAME_MAX);
    const char *text = body_str(&b, "text", FLOW_FILE_MAX);
    if (!text) body_fail(&b, "text", "is missing");
    if (r->problem.status) return;
    out->name = name ? mem_strdup(name) : str_dupf("files[%zu]", n);
    out->source = mem_strdup(text);
    if (flow_parse(out->name, text, strlen(text), NULL, &problems, &out->flow) == 0) {
        (void)auth_namespace(&r->who, out->flow->ns, &r->problem);
        char *warning = r->api->o.shared ? lease_warning(out->name, out->flow) : NULL;
        if (warning) r->texts[r->text_count++] = warning;
    }
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
        body_fail(&b, "files", "must have 1 to %d files", FILES_MAX);
    if (!r->problem.status) {
        a->files = mem_array(json_count(files), sizeof *a->files);
        r->texts = mem_array(json_count(files), sizeof *r->texts);
    }
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

/* ---- list and show ---- */

void flows_list(struct request *r)
{
    static const char *const keys[] = {"namespace"};
    struct lookup *l = request_list(r, LIST_FLOWS, lookup_flows, keys, 1);
    l->ns = mem_strdup(request_query_namespace(r));
    request_send_list(r, l);
}

static void name_flow(const struct request *r, struct lookup *l)
{
    l->ns = mem_strdup(request_segment(r, 3));
    l->flow = mem_strdup(request_segment(r, 4));
}

void flows_show(struct request *r)
{
    static const char *const keys[] = {"revision"};
    request_query_known(r, keys, 1);
    struct lookup *l = request_lookup(r, lookup_flow);
    l->number = request_query_int(r, "revision", 1, INT64_C(1000000000), 0);
    name_flow(r, l);
    request_send_list(r, l);
}

void flows_revisions(struct request *r)
{
    struct lookup *l = request_list(r, LIST_REVISIONS, lookup_revisions, NULL, 0);
    name_flow(r, l);
    request_send_list(r, l);
}

/* ---- delete ---- */

static void on_deleted(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        request_send_empty(r, 204);
}

void flows_delete(struct request *r)
{
    struct command *c = command_new(CMD_FLOW_DELETE);
    c->u.place.ns = mem_strdup(request_segment(r, 3));
    c->u.place.flow = mem_strdup(request_segment(r, 4));
    request_ask(r, c, on_deleted);
}
