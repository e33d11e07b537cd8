/* Flows and their expressions. What a file says wrong is told in UTF-8 with a line of the file;
 * what is accepted can be rendered, and gives specs that are JSON. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/flow.h"
#include "wire/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define RENDERED_MAX 100000

static void check(int holds)
{
    if (!holds) abort();
}

static int count_lines(const char *text, size_t len)
{
    int lines = 1;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n' || text[i] == '\r';
    return lines + 2; /* libyaml knows further line ends, and places behind the last */
}

static void check_problems(const struct flow_problems *p, const char *text, size_t len)
{
    check(p->count > 0 && p->count <= FLOW_PROBLEMS_MAX);
    int lines = count_lines(text, len);
    for (size_t i = 0; i < p->count; i++) {
        const struct flow_problem *x = &p->items[i];
        check(str_eq(x->file, "f"));
        check(x->sentence[0] && str_utf8_valid(x->sentence, strlen(x->sentence)));
        check(x->line >= 0 && (x->line <= lines || strstr(text, "\xc2\x85") ||
                               strstr(text, "\xe2\x80\xa8") || strstr(text, "\xe2\x80\xa9")));
    }
}

static void check_rendering(const struct flow *f, const struct flow_work *w,
                            const struct expr_values *v)
{
    struct flow_job job = {0};
    struct err e = {0, ""};
    int rc = flow_render(f, w, v, RENDERED_MAX, &job, &e);
    if (rc) {
        check(!job.spec && !job.row.group && e.msg[0] && str_utf8_valid(e.msg, strlen(e.msg)));
        check(rc == ERR_NOT_FOUND || rc == ERR_TOO_LARGE || rc == ERR_INVALID);
        return;
    }
    bool selector = w->group.selector || f->group.selector;
    check(!job.row.group || selector || str_key_valid(job.row.group));
    if (w->kind < FLOW_LOG) { /* of the others the text is no spec */
        struct spec s;
        struct spec_problem problem;
        check(strlen(job.spec) <= RENDERED_MAX);
        check(spec_decode_stored(job.spec, &s, &e) == 0);
        spec_fill_attempt(&s, 3);
        check(spec_check(&s, &problem));
        spec_fini(&s);
    }
    mem_free(job.spec);
    mem_free(job.row.group);
}

/* A text of a task that has no job. */
static void check_template(const char *text, const struct expr_values *v)
{
    struct err e = {0, ""};
    struct buf out;
    if (!text) return;
    buf_init(&out, RENDERED_MAX);
    int rc = expr_render(text, v, &out, &e);
    check(rc == 0 || rc == ERR_NOT_FOUND || rc == ERR_TOO_LARGE || rc == ERR_INVALID);
    buf_fini(&out);
}

static void check_control(const struct flow_task *t, const struct expr_values *v)
{
    struct json *out = NULL;
    struct err e = {0, ""};
    check(t->control != NULL);
    check_template(t->control->value, v);
    check_template(t->control->ns, v);
    check_template(t->control->flow, v);
    check(t->work.kind != FLOW_IF || t->control->value);
    check(t->work.kind != FLOW_LOOP || t->control->values);
    if (t->work.kind == FLOW_LOOP && flow_loop_outputs(t, v, &out, &e) == 0) json_free(out);
    if (t->work.kind == FLOW_PAUSE && flow_resume_inputs(t, NULL, &out, &e) == 0) json_free(out);
}

/* A task stands behind the one that holds it, and within it. */
static void check_place(const struct flow *f, size_t i)
{
    const struct flow_task *t = &f->tasks[i];
    check(t->end > i && t->end <= f->task_count);
    check(t->end == i + 1 || t->work.kind >= FLOW_CONTROL);
    check((t->control != NULL) == (t->work.kind >= FLOW_CONTROL));
    if (!t->parent) return;
    const struct flow_task *holder = &f->tasks[t->parent - 1];
    check(t->parent <= i && holder->end >= t->end && holder->control);
    check(t->branch != FLOW_CASE || t->case_index < holder->control->case_count);
}

static void check_flow(const struct flow *f, struct json *outputs)
{
    struct json *inputs = NULL, *given = NULL;
    struct expr_values v = {.outputs = outputs, .execution_id = "x"};
    struct err e = {0, ""};
    check(f->task_count > 0 && f->id && f->ns);
    if (flow_resolve_inputs(f, NULL, &inputs, &e)) check(e.msg[0] != '\0');
    flow_values(f, &v);
    for (size_t i = 0; i < f->trigger_count; i++) {
        check_rendering(f, &f->triggers[i].work, &v);
        v.trigger = outputs;
        if (flow_trigger_inputs(f, &f->triggers[i], &v, &given, &e) == 0) json_free(given);
        v.trigger = NULL;
    }
    v.inputs = inputs;
    for (size_t i = 0; i < f->task_count; i++) {
        check(flow_find_task(f, f->tasks[i].id) == &f->tasks[i]);
        check_place(f, i);
        check_template(f->tasks[i].run_if, &v);
        if (f->tasks[i].work.kind < FLOW_CONTROL)
            check_rendering(f, &f->tasks[i].work, &v);
        else
            check_control(&f->tasks[i], &v);
    }
    json_free(inputs);
}

struct bad {
    const char *text;
    int count;
};

static bool on_problem(const char *at, size_t len, const char *sentence, void *user)
{
    struct bad *b = user;
    size_t whole = strlen(b->text);
    b->count++;
    check(at >= b->text && (size_t)(at - b->text) + len <= whole);
    check(sentence[0] != '\0');
    return true;
}

/* The input as a text with expressions. */
static void check_text(const char *text, struct json *tree)
{
    static const char *const names[] = {"a", "b", "c"};
    struct expr_scope scope = {.roots = (1u << EXPR_ROOTS) - 1,
                               .vars = tree,
                               .inputs = names,
                               .input_count = 3,
                               .tasks = names,
                               .task_count = 3,
                               .earlier_count = 2};
    struct expr_values v = {.inputs = tree, .outputs = tree, .vars = tree, .attempt = "7"};
    struct bad b = {text, 0};
    struct err e = {0, ""};
    struct buf out;
    expr_check(text, &scope, on_problem, &b, NULL);
    buf_init(&out, RENDERED_MAX);
    int rc = expr_render(text, &v, &out, &e);
    check(rc == 0 || rc == ERR_NOT_FOUND || rc == ERR_TOO_LARGE || rc == ERR_INVALID);
    if (rc == 0 && !expr_has(text)) check(str_eq(out.data, text));
    buf_fini(&out);
}

/* As it is read when it was applied, with kinds of tasks that are not run yet. */
static void check_stored(const char *text, size_t size, struct json *tree)
{
    struct flow_problems p = {NULL, 0, 0};
    struct flow *f = NULL;
    if (flow_parse("f", text, size, &flow_stored, &p, &f) == 0) check_flow(f, tree);
    flow_free(f);
    flow_problems_fini(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char tree_text[] =
        "{\"a\":{\"x\":\"1\",\"vars\":{\"y\":2}},\"b\":[1,\"{{ inputs.a }}\",null],\"c\":\"\"}";
    struct flow_problems p = {NULL, 0, 0};
    struct json *tree = NULL;
    struct flow *f = NULL;
    char *text = mem_strndup((const char *)data, size);
    check(json_parse(tree_text, strlen(tree_text), &tree, NULL) == 0);
    check_text(text, tree);
    char *copy = mem_dup(data, size);
    check_stored(copy, size, tree);
    if (flow_parse("f", copy, size, NULL, &p, &f) == 0) {
        check(p.count == 0);
        check_flow(f, tree);
        flow_free(f);
    } else {
        flow_problems_sort(&p);
        check_problems(&p, text, strlen(text));
    }
    flow_problems_fini(&p);
    json_free(tree);
    mem_free(copy);
    mem_free(text);
    return 0;
}
