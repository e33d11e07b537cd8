/* Expressions: what they insert, and what is refused before anything runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr.h"

#include <string.h>

static const char values_text[] =
    "{\"inputs\":{\"day\":\"monday\",\"n\":3,\"x\":1.5,\"on\":true,\"list\":[1,{\"a\":\"b\"}],"
    "\"none\":null,\"tpl\":\"{{ inputs.day }}\"},"
    "\"outputs\":{\"export\":{\"file\":\"C:\\\\out\\\\a.csv\",\"deep\":{\"k\":\"v\"}},"
    "\"my-task\":{\"vars\":{\"y\":\"own\"},\"z\":\"zed\"}},"
    "\"vars\":{\"env\":\"prod\"}}";

struct world {
    struct json *tree;
    struct expr_values v;
    struct buf out;
    struct err e;
};

static int set_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    assert_int_equal(json_parse(values_text, strlen(values_text), &w->tree, NULL), 0);
    w->v = (struct expr_values){.inputs = json_get(w->tree, "inputs"),
                                .outputs = json_get(w->tree, "outputs"),
                                .vars = json_get(w->tree, "vars"),
                                .execution_id = "06f3k9x2m1c7a",
                                .flow_id = "nightly",
                                .flow_namespace = "company.team",
                                .attempt = "2"};
    buf_init(&w->out, 4096);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    json_free(w->tree);
    buf_fini(&w->out);
    mem_free(w);
    return 0;
}

static void renders(struct world *w, const char *text, const char *wanted)
{
    buf_clear(&w->out);
    w->e = (struct err){0};
    int rc = expr_render(text, &w->v, &w->out, &w->e);
    if (rc) print_message("%s: %s\n", text, w->e.msg);
    assert_int_equal(rc, 0);
    assert_string_equal(w->out.data, wanted);
}

static void misses(struct world *w, const char *text, const char *sentence)
{
    buf_clear(&w->out);
    assert_int_equal(expr_render(text, &w->v, &w->out, &w->e), ERR_NOT_FOUND);
    assert_string_equal(w->e.msg, sentence);
}

static void values_are_inserted_as_text(void **state)
{
    struct world *w = *state;
    renders(w, "no expression } here", "no expression } here");
    renders(w, "", "");
    renders(w, "a {{ inputs.day }} b{{inputs.n}}", "a monday b3");
    renders(w, "{{ inputs.x }} {{ inputs.on }}", "1.5 true");
    renders(w, "{{ inputs.list }}", "[1,{\"a\":\"b\"}]");
    renders(w, "{{ inputs.list[1].a }} {{ inputs['day'] }} {{ inputs[\"day\"] }}",
            "b monday monday");
    renders(w, "{{ outputs.export.file }}", "C:\\out\\a.csv");
    renders(w, "{{\n  outputs.export.deep.k\n}}", "v");
    renders(w, "{{ vars.env }} {{ execution.id }} {{ flow.id }} {{ flow.namespace }}",
            "prod 06f3k9x2m1c7a nightly company.team");
    renders(w, "try {{ taskrun.attempt }}", "try 2");
}

static void the_first_term_that_has_a_value_counts(void **state)
{
    struct world *w = *state;
    renders(w, "{{ inputs.gone ?? 'default' }}", "default");
    renders(w, "{{ inputs.none ?? \"it's\" }}", "it's");
    renders(w, "{{ inputs.day ?? 'default' }}", "monday");
    renders(w, "{{ inputs.gone ?? outputs.export.gone ?? vars.env ?? 'x' }}", "prod");
    renders(w, "{{ inputs.gone ?? 7 }}{{ inputs.gone ?? -1.5 }}{{ inputs.gone ?? false }}",
            "7-1.5false");
    renders(w, "{{ inputs.gone ?? 'a\\'b\\\\c' }}", "a'b\\c");
    renders(w, "{{ inputs.gone ?? '}}' }}", "}}");
}

static void kestras_vars_of_outputs_are_the_outputs(void **state)
{
    struct world *w = *state;
    renders(w, "{{ outputs.export.vars.file }}", "C:\\out\\a.csv");
    renders(w, "{{ outputs['my-task'].vars.z }} {{ outputs.my-task.z }}", "zed zed");
    renders(w, "{{ outputs.my-task.vars.y }}", "own");
}

static void what_was_inserted_is_not_looked_at_again(void **state)
{
    struct world *w = *state;
    renders(w, "{{ inputs.tpl }}", "{{ inputs.day }}");
    renders(w, "{{ '{{' }} .Names }}", "{{ .Names }}");
}

static void a_missing_value_is_an_error_that_names_it(void **state)
{
    struct world *w = *state;
    misses(w, "{{ inputs.gone.k }}", "inputs.gone.k was not given");
    misses(w, "{{ inputs.gone ?? vars.gone }}", "inputs.gone was not given");
    misses(w, "{{ outputs.export.gone }}",
           "outputs.export.gone has no value: it was not set by the task export");
    misses(w, "{{ inputs.list[2] ?? vars.gone }}", "inputs.list[2] was not given");
    misses(w, "{{ trigger.file }}",
           "trigger.file has no value: this execution was not started by a trigger");
    misses(w, "{{ inputs.day.length }}", "inputs.day.length was not given");
}

static void an_input_that_may_be_absent_is_null(void **state)
{
    struct world *w = *state;
    renders(w, "[{{ inputs.gone }}]", "[]");
    renders(w, "[{{ inputs.none }}]{{ inputs.gone ?? inputs.none }}", "[]");
    renders(w, "{{ vars.gone ?? inputs.gone }}", "");
    renders(w, "{{ inputs.gone ?? inputs.day }}", "monday");
}

static void null_inserts_nothing(void **state)
{
    struct world *w = *state;
    renders(w, "[{{ vars.gone ?? null }}]{{null}}", "[]");
    renders(w, "{{ inputs.day ?? null }} {{ null ?? inputs.day }}", "monday monday");
    renders(w, "{{ vars.gone ?? null ?? 'none' }}", "none");
    misses(w, "{{ null ?? vars.gone }}", "vars.gone has no value");
}

static void blanks_are_taken_away_where_it_says_so(void **state)
{
    struct world *w = *state;
    renders(w, "[ {{- inputs.day -}} ]", "[monday]");
    renders(w, "a \n\t{{- inputs.day }} b", "amonday b");
    renders(w, "a {{ inputs.day -}} \n b", "a mondayb");
    renders(w, "{{inputs.day-}} x {{-'y'}}", "mondayxy");
    renders(w, "{{ 'a ' }}{{- ' b' }}", "a  b"); /* what was inserted stays */
    renders(w, "x {{-7}} {{ -7}} {{- 7 -}} ", "x -7 -77");
    renders(w, "{{ outputs['my-task'].z -}}  .", "zed.");
}

static void an_exit_code_is_an_output(void **state)
{
    struct world *w = *state;
    struct json *codes = NULL;
    assert_int_equal(json_parse("{\"export\":3,\"my-task\":0}", 24, &codes, NULL), 0);
    w->v.exit_codes = codes;
    renders(w, "{{ outputs.export.exitCode }} {{ outputs['my-task'].exitCode }}", "3 0");
    renders(w, "{{ outputs.export.vars }}",
            "{\"file\":\"C:\\\\out\\\\a.csv\",\"deep\":{\"k\":\"v\"}}");
    renders(w, "{{ outputs.gone.exitCode ?? 'none' }}", "none");
    misses(w, "{{ outputs.export.vars.exitCode }}",
           "outputs.export.vars.exitCode has no value: it was not set by the task export");
    json_free(codes);
}

static void what_stands_for_the_attempt_is_inserted_and_counted(void **state)
{
    struct world *w = *state;
    size_t used = 0;
    w->v.attempts_used = &used;
    w->v.attempt = "<mark>";
    renders(w, "a{{ taskrun.attempt }}b{{taskrun.attempt ?? 'x'}}", "a<mark>b<mark>");
    assert_int_equal(used, 2);
    renders(w, "{{ inputs.day }}<mark>", "monday<mark>");
    assert_int_equal(used, 2);
    w->v.attempt = NULL;
    misses(w, "{{ taskrun.attempt }}", "taskrun.attempt has no value");
    assert_int_equal(used, 2);
}

static void the_result_has_a_limit(void **state)
{
    struct world *w = *state;
    struct buf small;
    buf_init(&small, 10);
    assert_int_equal(expr_render("12345{{ inputs.day }}", &w->v, &small, &w->e), ERR_TOO_LARGE);
    buf_clear(&small);
    assert_int_equal(expr_render("1234{{ inputs.day }}", &w->v, &small, &w->e), 0);
    buf_fini(&small);
}

/* ---- checking ---- */

struct found {
    int count;
    char at[100], sentence[400];
};

static bool on_problem(const char *at, size_t len, const char *sentence, void *user)
{
    struct found *f = user;
    if (f->count++) return true;
    assert_true(len < sizeof f->at);
    memcpy(f->at, at, len);
    f->at[len] = '\0';
    assert_int_equal(str_copy(f->sentence, sizeof f->sentence, sentence), 0);
    return true;
}

static struct found check(struct world *w, const char *text, unsigned roots, bool *attempt)
{
    static const char *const inputs[] = {"day", "count"};
    static const char *const tasks[] = {"fetch", "export", "load", "report"};
    struct expr_scope s = {.roots = roots,
                           .vars = w->v.vars,
                           .inputs = inputs,
                           .input_count = 2,
                           .tasks = tasks,
                           .task_count = 4,
                           .earlier_count = 2};
    struct found f = {0};
    expr_check(text, &s, on_problem, &f, attempt);
    return f;
}

static void refuses(struct world *w, const char *text, const char *at, const char *sentence)
{
    struct found f = check(w, text, ~0u, NULL);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.at, at);
    assert_string_equal(f.sentence, sentence);
}

static void what_is_declared_passes(void **state)
{
    struct world *w = *state;
    bool attempt = false;
    struct found f =
        check(w,
              "{{ inputs.day }} {{ outputs.fetch.file ?? 'x' }} {{ outputs['export'].a.b }}"
              "{{ vars.env }} {{ trigger.anything }} {{ execution.id }} {{ flow.id }}"
              "{{ flow.namespace }} {{ 'text' }} }} { {",
              ~0u, &attempt);
    assert_int_equal(f.count, 0);
    assert_false(attempt);
    f = check(w, "{{ inputs.day ?? taskrun.attempt }}", ~0u, &attempt);
    assert_int_equal(f.count, 0);
    assert_true(attempt);
}

static void names_that_are_not_there_are_refused_with_the_nearest(void **state)
{
    struct world *w = *state;
    refuses(w, "a {{ inputs.dya }} b", "{{ inputs.dya }}",
            "there is no input 'dya', did you mean 'day'?");
    refuses(w, "{{ inputs.dya ?? 'x' }}", "{{ inputs.dya ?? 'x' }}",
            "there is no input 'dya', did you mean 'day'?");
    refuses(w, "{{ input.day }}", "{{ input.day }}", "there is no 'input', did you mean 'inputs'?");
    refuses(w, "{{ vars.evn }}", "{{ vars.evn }}",
            "there is no variable 'evn', did you mean 'env'?");
    refuses(w, "{{ outputs.exprot.file }}", "{{ outputs.exprot.file }}",
            "there is no earlier task 'exprot', did you mean 'export'?");
    refuses(w, "{{ outputs.report.file }}", "{{ outputs.report.file }}",
            "the task 'report' comes later");
    refuses(w, "{{ outputs.load.file }}", "{{ outputs.load.file }}",
            "the task 'load' cannot use its own outputs");
    refuses(w, "{{ outputs.export.outputFiles['a.csv'] }}",
            "{{ outputs.export.outputFiles['a.csv'] }}",
            "the task 'export' has no 'outputFiles': let the script store its files where others "
            "find them, and set an output");
    refuses(w, "{{ outputs.export.stdOutLineCount }}", "{{ outputs.export.stdOutLineCount }}",
            "the task 'export' has no 'stdOutLineCount': let the script count its lines, and set "
            "an output");
    refuses(w, "{{ outputs.export }}", "{{ outputs.export }}",
            "outputs needs a task and a key: outputs.TASK.KEY");
    refuses(w, "{{ taskrun.state }}", "{{ taskrun.state }}",
            "there is taskrun.attempt, taskrun.value, taskrun.iteration, taskrun.id, "
            "taskrun.startDate and taskrun.parentId only");
    refuses(w, "{{ execution.tenant }}", "{{ execution.tenant }}",
            "there is execution.id, execution.startDate, execution.originalId and execution.state "
            "only");
    refuses(w, "{{ flow.revision }}", "{{ flow.revision }}",
            "there is flow.id and flow.namespace only");
    refuses(w, "{{ workingDir }}/x", "{{ workingDir }}",
            "there is no 'workingDir': jobs find it in the variable WORKING_DIR");
    refuses(w, "{{ outputDir }}/x", "{{ outputDir }}",
            "there is no 'outputDir': let the script store its files where others find them, and "
            "set an output");
    refuses(w, "{{ secret('A') }}", "{{ secret('A') }}",
            "secret() is not supported: give the value to the job as a variable, with env in the "
            "agent's agent.yaml");
    refuses(w, "{{ kv('A') }}", "{{ kv('A') }}",
            "kv() is not supported: write the value into vars, or give it as an input");
    refuses(w, "{{ inputs }}", "{{ inputs }}", "inputs needs a name: inputs.NAME");
}

static void what_is_no_expression_is_refused(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"{{ nothing() }}",
                                      "{{ inputs.day | uper }}",
                                      "{{ inputs.day is defind }}",
                                      "{{ inputs.day = 'x' }}",
                                      "{{ inputs.day && 'x' }}",
                                      "{{ secret('A') }}",
                                      "{{ .Names }}",
                                      "{{ }}",
                                      "{{}}",
                                      "{{ inputs.day",
                                      "{{ inputs.day }",
                                      "{{ inputs.day ?? }}",
                                      "{{ 'open }}",
                                      "{{ inputs. }}",
                                      "{{ inputs..day }}",
                                      "{{ inputs[day] }}",
                                      "{{ inputs[true] }}",
                                      "{{ inputs['day' }}",
                                      "{{ inputs[''] }}",
                                      "{{ 1.x }}",
                                      "{{ - }}",
                                      "{{-}}",
                                      "{{- -}}",
                                      "{{ inputs.day - }}",
                                      "{{ inputs.day ? 1 }}",
                                      "{{ (inputs.day }}",
                                      "{{ inputs.day) }}",
                                      "{{ not }}",
                                      "{{ inputs.day is }}",
                                      "{{ inputs.day | }}",
                                      "{{ inputs.day not }}",
                                      "{{ inputs.day.length() }}",
                                      "{{ [1, 2 }}",
                                      "{{ {'a' 1} }}",
                                      "{{ {'a': } }}",
                                      "{{ 'a'.b }}",
                                      "{{ 'a' 'b' }}",
                                      "{{ \"a #{1} b\" }}",
                                      "{{ 99999999999999999999 }}",
                                      "{{ 007 }}",
                                      "{{ join(',') }}",
                                      "{{ inputs.day | now }}",
                                      "{{ inputs.day | default }}",
                                      "{{ inputs.day | default(1, 2) }}",
                                      "{{ inputs.day | default(wrong=1) }}",
                                      "{{ inputs.day | default(1, default=1) }}",
                                      "{{ inputs.day | upper(1) }}",
                                      "{{ inputs.day | split('a|b') }}",
                                      "{{ inputs.day | replace({'a': 'b'}, regexp=true) }}",
                                      "{{ inputs.day | number('WHOLE') }}",
                                      "{{ null.x }}",
                                      "{{ inputs.null ?? nil }}",
                                      "{{{ inputs.day }}}",
                                      "{{ \xff }}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct found f = check(w, bad[i], ~0u, NULL);
        if (f.count != 1) print_message("%s: %d problems\n", bad[i], f.count);
        assert_int_equal(f.count, 1);
        assert_true(f.sentence[0] != '\0');
        buf_clear(&w->out);
        assert_true(expr_render(bad[i], &w->v, &w->out, &w->e) != 0);
    }
}

static void every_bad_expression_of_a_text_is_reported(void **state)
{
    struct world *w = *state;
    struct found f =
        check(w, "{{ a }}\n{{ inputs.day }} {{ b(\n{{ c.d }} {{ vars.env }}", ~0u, NULL);
    assert_int_equal(f.count, 3);
}

static void roots_that_are_not_there_are_refused(void **state)
{
    struct world *w = *state;
    struct found f = check(w, "{{ inputs.day }}", 1u << EXPR_VARS, NULL);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.sentence, "there is no 'inputs' here");
}

static void a_path_has_a_limit_of_steps(void **state)
{
    struct world *w = *state;
    struct found f = check(w, "{{ inputs.day.b.c.d.e.f.g.h.i.j.k.l.m.n.o }}", ~0u, NULL);
    assert_int_equal(f.count, 0);
    f = check(w, "{{ inputs.day.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p }}", ~0u, NULL);
    assert_int_equal(f.count, 1);
    assert_string_equal(f.sentence, "a path has at most 16 steps");
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(values_are_inserted_as_text),
        WITH_WORLD(the_first_term_that_has_a_value_counts),
        WITH_WORLD(kestras_vars_of_outputs_are_the_outputs),
        WITH_WORLD(what_was_inserted_is_not_looked_at_again),
        WITH_WORLD(a_missing_value_is_an_error_that_names_it),
        WITH_WORLD(an_input_that_may_be_absent_is_null),
        WITH_WORLD(null_inserts_nothing),
        WITH_WORLD(blanks_are_taken_away_where_it_says_so),
        WITH_WORLD(an_exit_code_is_an_output),
        WITH_WORLD(what_stands_for_the_attempt_is_inserted_and_counted),
        WITH_WORLD(the_result_has_a_limit),
        WITH_WORLD(what_is_declared_passes),
        WITH_WORLD(names_that_are_not_there_are_refused_with_the_nearest),
        WITH_WORLD(what_is_no_expression_is_refused),
        WITH_WORLD(every_bad_expression_of_a_text_is_reported),
        WITH_WORLD(roots_that_are_not_there_are_refused),
        WITH_WORLD(a_path_has_a_limit_of_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
