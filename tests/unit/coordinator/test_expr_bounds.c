/* What an expression may take, the values of whole expressions, and what a check notes. */
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
    "{\"inputs\":{\"list\":[1,2],\"none\":null,\"empty\":[],\"zero\":0,\"no\":\" false \"},"
    "\"vars\":{\"loop\":\"{{ render(vars.loop) }}\",\"twice\":\"{{ vars.loop }}{{ vars.loop }}\"}}";

struct world {
    struct json *tree;
    struct expr_values v;
    struct err e;
};

static int set_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    assert_int_equal(json_parse(values_text, strlen(values_text), &w->tree, NULL), 0);
    w->v = (struct expr_values){.inputs = json_get(w->tree, "inputs"),
                                .vars = json_get(w->tree, "vars")};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    json_free(w->tree);
    mem_free(w);
    return 0;
}

/* `part` so many times, between the two others. mem_free */
static char *repeat(const char *before, const char *part, size_t times, const char *after)
{
    struct buf b;
    buf_init(&b, 10000000);
    assert_int_equal(buf_adds(&b, before), 0);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(buf_adds(&b, part), 0);
    assert_int_equal(buf_adds(&b, after), 0);
    return buf_detach(&b);
}

static int render(struct world *w, const char *text)
{
    struct buf out;
    w->e = (struct err){0};
    buf_init(&out, 1000000);
    int rc = expr_render(text, &w->v, &out, &w->e);
    buf_fini(&out);
    return rc;
}

static void refuses(struct world *w, const char *text, int code, const char *sentence)
{
    int rc = render(w, text);
    if (rc != code || !strstr(w->e.msg, sentence))
        fail_msg("%.100s: %d %s", text, rc, rc ? w->e.msg : "");
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void work_is_bounded__and_the_expression_named(void **state)
{
    struct world *w = *state;
    refuses(w, "{{ range(1, 1000000000000) }}", ERR_INVALID,
            "'{{ range(1, 1000000000000) }}': it takes more than 10000 steps");
    refuses(w, "a {{ 1..99999 | length }}", ERR_INVALID,
            "'{{ 1..99999 | length }}': it takes more than 10000 steps");
    refuses(w, "{{ range(-9223372036854775807, 9223372036854775807, 1000000000000000) }}",
            ERR_INVALID, "more than 10000 steps");
    assert_int_equal(render(w, "{{ range(9223372036854775806, 9223372036854775807) }}"), 0);
    assert_int_equal(render(w, "{{ range(1, 4000) | last }}"), 0);
    refuses(w, "{{ (1..3000) + (1..3000) + (1..3000) }}", ERR_INVALID, "more than 10000 steps");
    refuses(w, "{{ ((1..2000) | chunk(1)) ~ ((1..2000) | chunk(1)) }}", ERR_INVALID,
            "more than 10000 steps");
    refuses(w, "{{ (1..4000) == (1..4000) }}", ERR_INVALID, "more than 10000 steps");
    refuses(w, "{{ (1..2000) contains (1900..2000) }}", ERR_INVALID, "more than 10000 steps");
    refuses(w, "{{ (1..3000) | jq('.[] | . | . | .') }}", ERR_INVALID, "more than 10000 steps");
}

static void all_expressions_of_a_text_have_a_bound_together(void **state)
{
    struct world *w = *state;
    char *few = repeat("", "{{ range(1, 4000) | length }} ", 20, "");
    char *many = repeat("", "{{ range(1, 4000) | length }} ", 30, "");
    char *plain = repeat("", "{{ inputs.zero }}\n", 14000, "");
    assert_int_equal(render(w, few), 0);
    refuses(w, many, ERR_INVALID, "its expressions take more than 100000 steps");
    assert_int_equal(render(w, plain), 0);
    mem_free(few);
    mem_free(many);
    mem_free(plain);
}

static void what_grows_is_bounded(void **state)
{
    struct world *w = *state;
    static const char grown[] = "it comes to more than 65536 bytes";
    char *text = repeat("{{ 'aaaaaaaaaaaaaaaa'", " | replace({'a': 'aaaaaaaaaa'})", 5, " }}");
    refuses(w, text, ERR_TOO_LARGE, grown);
    mem_free(text);
    text = repeat("{{ 'a'", " | replace({'': 'aaaa'})", 12, " }}");
    refuses(w, text, ERR_TOO_LARGE, grown);
    mem_free(text);
    text = repeat("{{ (1..2000) | join('", "0123456789", 10, "') }}");
    refuses(w, text, ERR_TOO_LARGE, grown);
    mem_free(text);
    text = repeat("{{ 'a", "0123456789", 3000, "' ~ 'b");
    char *both = repeat(text, "0123456789", 4000, "' }}");
    refuses(w, both, ERR_TOO_LARGE, grown);
    mem_free(both);
    mem_free(text);
    text = repeat("{{ 'a", "&", 30000, "' | urlencode }}");
    refuses(w, text, ERR_TOO_LARGE, grown);
    mem_free(text);
    text = repeat("{{ 'a", "\n", 3000, "' | indent(900) }}");
    refuses(w, text, ERR_TOO_LARGE, grown);
    mem_free(text);
    refuses(w, "{{ 'a' | indent(1001) }}", ERR_INVALID, "amount is an integer from 0 to 1000");
    text = repeat("{{ ['a", "0123456789", 4000, "', 'b");
    both = repeat(text, "0123456789", 4000, "'] | length }}");
    refuses(w, both, ERR_TOO_LARGE, grown);
    mem_free(both);
    mem_free(text);
}

/* One step for each 1,024 bytes: 200 texts of 60,000 bytes, one after the other. */
static void bytes_that_are_made_take_steps(void **state)
{
    struct world *w = *state;
    char *text = repeat("", "a", 60000, ""), *all;
    struct json *big = json_new(JSON_OBJECT);
    json_put(big, "text", json_new_str(text));
    w->v.outputs = big;
    all = repeat("{{ ['' == ''", ", outputs.text | upper == ''", 200, "] | length }}");
    refuses(w, all, ERR_INVALID, "it takes more than 10000 steps");
    mem_free(all);
    all = repeat("{{ ['' == ''", ", outputs.text | upper == ''", 100, "] | length }}");
    assert_int_equal(render(w, all), 0);
    mem_free(all);
    json_free(big);
    mem_free(text);
}

static void what_was_given_is_not_bounded_by_what_is_made(void **state)
{
    struct world *w = *state;
    char *text = repeat("", "0123456789", 20000, "");
    struct json *big = json_new(JSON_OBJECT);
    json_put(big, "text", json_new_str(text));
    w->v.outputs = big;
    assert_int_equal(render(w, "{{ outputs.text }}{{ outputs.text | length }}"), 0);
    refuses(w, "{{ outputs.text | upper }}", ERR_TOO_LARGE, "more than 65536 bytes");
    refuses(w, "{{ outputs.text ~ '' }}", ERR_TOO_LARGE, "more than 65536 bytes");
    refuses(w, "{{ [outputs.text] }}", ERR_TOO_LARGE, "more than 65536 bytes");
    refuses(w, "{{ outputs | toJson }}", ERR_TOO_LARGE, "more than 65536 bytes");
    json_free(big);
    mem_free(text);
}

static void depth_is_bounded(void **state)
{
    static const struct {
        const char *before, *part, *middle, *end, *after;
    } cases[] = {
        {"{{ ", "(", "1", ")", " }}"},         {"{{ ", "[", "1", "]", " }}"},
        {"{{ ", "{'a': ", "1", "}", " }}"},    {"{{ ", "not ", "true", "", " }}"},
        {"{{ ", "- ", "x", "", " }}"},         {"{{ 1", " ~ 1", "", "", " }}"},
        {"{{ 1", " + 1", "", "", " }}"},       {"{{ 'a'", " | upper", "", "", " }}"},
        {"{{ ", "inputs[", "'a'", "]", " }}"}, {"{{ ", "true ? 1 : ", "2", "", " }}"},
        {"{{ ", "min(", "1", ")", " }}"},      {"{{ null", " ?? null", "", "", " }}"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *begin = repeat(cases[i].before, cases[i].part, 100000, cases[i].middle);
        char *text = repeat(begin, cases[i].end, 100000, cases[i].after);
        refuses(w, text, ERR_INVALID, "its parts stand more than 64 deep within each other");
        mem_free(text);
        mem_free(begin);
    }
    char *fine = repeat("{{ 1", " + 1", 60, " }}");
    assert_int_equal(render(w, fine), 0);
    mem_free(fine);
}

static void texts_within_texts_are_bounded(void **state)
{
    struct world *w = *state;
    refuses(w, "{{ render(vars.loop) }}", ERR_INVALID,
            "more than 8 texts are rendered within each other");
    struct json *vars = json_new(JSON_OBJECT);
    json_put(vars, "a",
             json_new_str("{{ render(vars.b) }}{{ render(vars.b) }}{{ render(vars.b) }}"));
    json_put(vars, "b",
             json_new_str("{{ render(vars.c) }}{{ render(vars.c) }}{{ render(vars.c) }}"));
    json_put(vars, "c",
             json_new_str("{{ render(vars.d) }}{{ render(vars.d) }}{{ render(vars.d) }}"));
    json_put(vars, "d", json_new_str("{{ 1..300 }}{{ 1..300 }}{{ 1..300 }}"));
    w->v.vars = vars;
    refuses(w, "{{ render(vars.a) }}", ERR_INVALID, "it takes more than 10000 steps");
    json_free(vars);
}

static void a_list_is_no_deeper_than_json_is(void **state)
{
    struct world *w = *state;
    struct buf b;
    buf_init(&b, 10000);
    for (int i = 0; i < 40; i++)
        assert_int_equal(buf_adds(&b, "["), 0);
    assert_int_equal(buf_adds(&b, "1"), 0);
    for (int i = 0; i < 40; i++)
        assert_int_equal(buf_adds(&b, "]"), 0);
    char *text = str_dupf("{{ fromJson('%s') }}", b.data);
    assert_int_equal(render(w, text), 0);
    mem_free(text);
    char *chunks = repeat(" | chunk(1) | chunk(1)", " | chunk(1)", 28, " }}");
    text = str_dupf("{{ fromJson('%s')%s", b.data, chunks);
    refuses(w, text, ERR_INVALID, "the value is more than 64 deep");
    mem_free(text);
    mem_free(chunks);
    buf_fini(&b);
}

/* ---- values and truth ------------------------------------------------------------------------ */

static void has_value(struct world *w, const char *text, const char *wanted)
{
    struct json *value = NULL;
    int rc = expr_value(text, &w->v, &value, &w->e);
    if (rc) fail_msg("%s: %s", text, w->e.msg);
    char *found = json_text(value);
    assert_string_equal(found, wanted);
    mem_free(found);
    json_free(value);
}

static void the_value_of_a_text_that_is_one_expression_keeps_its_type(void **state)
{
    struct world *w = *state;
    has_value(w, "{{ inputs.list }}", "[1,2]");
    has_value(w, " {{ inputs.list }}\n", "[1,2]");
    has_value(w, "{{ inputs.list[0] }}", "1");
    has_value(w, "{{ inputs.none }}", "null");
    has_value(w, "{{ 1.50 }}", "1.50");
    has_value(w, "{{ 1 == 1 }}", "true");
    has_value(w, "{{ ['a', 'b'] | first }}", "\"a\"");
    has_value(w, "{{ inputs.list }}{{ inputs.list }}", "\"[1,2][1,2]\"");
    has_value(w, "x{{ inputs.zero }}", "\"x0\"");
    has_value(w, "plain", "\"plain\"");
    has_value(w, "", "\"\"");
    struct json *value = NULL;
    assert_int_equal(expr_value("{{ vars.gone }}", &w->v, &value, &w->e), ERR_NOT_FOUND);
    assert_string_equal(w->e.msg, "vars.gone has no value");
    assert_int_equal(expr_value("{{ 1 + }}", &w->v, &value, &w->e), ERR_INVALID);
    assert_int_equal(expr_value("{{ 1 / 0 }}", &w->v, &value, &w->e), ERR_INVALID);
    assert_string_equal(w->e.msg, "'{{ 1 / 0 }}': a number is divided by 0");
    assert_null(value);
}

static void truth_is_kestra_s(void **state)
{
    static const struct {
        const char *text;
        bool holds;
    } cases[] = {{"{{ true }}", true},
                 {"{{ false }}", false},
                 {"{{ inputs.none }}", false},
                 {"{{ inputs.empty }}", false},
                 {"{{ {} }}", false},
                 {"{{ inputs.list }}", true},
                 {"{{ inputs.zero }}", false},
                 {"{{ 0.0 }}", false},
                 {"{{ -1 }}", true},
                 {"{{ inputs.no }}", false},
                 {"{{ 'false' }}", false},
                 {"{{ 'no' }}", true},
                 {"{{ '' }}", false},
                 {"{{ '0' }}", false},
                 {"{{ '-0' }}", false},
                 {"{{ '0.0' }}", true},
                 {"true", true},
                 {"false", false},
                 {" \n", false},
                 {"", false},
                 {"{{ inputs.zero }}{{ inputs.zero }}", true},
                 {"{{ inputs.none }}{{ inputs.none }}", false},
                 {"{{ inputs.zero == 0 and inputs.list is not empty }}", true}};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool holds = !cases[i].holds;
        assert_int_equal(expr_truth(cases[i].text, &w->v, &holds, &w->e), 0);
        if (holds != cases[i].holds) fail_msg("%s", cases[i].text);
    }
    bool untouched = true;
    assert_int_equal(expr_truth("{{ vars.gone }}", &w->v, &untouched, &w->e), ERR_NOT_FOUND);
    assert_true(untouched);
}

/* ---- what a check notes ---------------------------------------------------------------------- */

static bool no_problem(const char *at, size_t len, const char *sentence, void *user)
{
    (void)user;
    fail_msg("%.*s: %s", (int)len, at, sentence);
    return false;
}

static void named_are_the_tasks_whose_outputs_may_be_read(void **state)
{
    static const char *const tasks[] = {"a", "b", "c", "d"};
    static const struct {
        const char *text;
        bool a, b, c, logs;
    } cases[] = {
        {"{{ outputs.a.x ?? outputs.c.x }}", true, false, true, false},
        {"{{ true ? 1 : outputs.b.x }}", false, true, false, false},
        {"{{ [outputs.a.x] | join(outputs.b.x) }}", true, true, false, false},
        {"{{ inputs[outputs.c.x] }}", false, false, true, false},
        {"{{ outputs[inputs.x].y }}", true, true, true, false},
        {"{{ render(vars.text) }}", false, true, false, false},
        {"{{ render(inputs.x) }}", true, true, true, true},
        {"{{ render('x') }}", true, true, true, true},
        {"{{ inputs.x }}", false, false, false, false},
    };
    static const char *const inputs[] = {"x"};
    (void)state;
    struct json *vars = json_new(JSON_OBJECT);
    json_put(vars, "text", json_new_str("{{ outputs.b.x }}"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool named[4] = {false}, logs = false;
        const struct expr_scope s = {.roots = EXPR_FLOW_ROOTS,
                                     .vars = vars,
                                     .inputs = inputs,
                                     .input_count = 1,
                                     .tasks = tasks,
                                     .task_count = 4,
                                     .earlier_count = 3,
                                     .named = named,
                                     .error_logs = &logs};
        expr_check(cases[i].text, &s, no_problem, NULL, NULL);
        if (named[0] != cases[i].a || named[1] != cases[i].b || named[2] != cases[i].c)
            fail_msg("%s", cases[i].text);
        assert_false(named[3]);
        assert_int_equal(logs, cases[i].logs);
    }
    json_free(vars);
}

static void error_logs_are_noted(void **state)
{
    bool logs = false;
    const struct expr_scope s = {.roots = EXPR_FLOW_ROOTS, .on_errors = true, .error_logs = &logs};
    (void)state;
    expr_check("{{ errorLogs() }}", &s, no_problem, NULL, NULL);
    assert_true(logs);
}

struct found {
    int count, lines[8];
    const char *text;
};

static bool note_line(const char *at, size_t len, const char *sentence, void *user)
{
    struct found *f = user;
    int line = 1;
    assert_true(len > 0 && sentence[0]);
    for (const char *s = f->text; s < at; s++)
        line += *s == '\n';
    assert_true(f->count < 8);
    f->lines[f->count++] = line;
    return true;
}

static void each_bad_expression_is_told_where_it_stands(void **state)
{
    static const char text[] = "{{ vars.a }}\n"
                               "{{ 'two\nlines' }} {{ vars.gone }}\n"
                               "{{ {'a': {'b': vars.gone}} }} {{ vars.a | uper -}}  \n"
                               "{{ vars.a | split('|') }} {{ 1 +\n"
                               "{{ vars.gone }}\n";
    struct json *vars = json_new(JSON_OBJECT);
    const struct expr_scope s = {.roots = EXPR_FLOW_ROOTS, .vars = vars};
    struct found f = {.text = text};
    (void)state;
    json_put(vars, "a", json_new_str("x"));
    expr_check(text, &s, note_line, &f, NULL);
    static const int wanted[] = {3, 4, 4, 5, 5, 6};
    assert_int_equal(f.count, 6);
    assert_memory_equal(f.lines, wanted, sizeof wanted);
    json_free(vars);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WORLD(work_is_bounded__and_the_expression_named),
        WITH_WORLD(all_expressions_of_a_text_have_a_bound_together),
        WITH_WORLD(what_grows_is_bounded),
        WITH_WORLD(bytes_that_are_made_take_steps),
        WITH_WORLD(what_was_given_is_not_bounded_by_what_is_made),
        WITH_WORLD(depth_is_bounded),
        WITH_WORLD(texts_within_texts_are_bounded),
        WITH_WORLD(a_list_is_no_deeper_than_json_is),
        WITH_WORLD(the_value_of_a_text_that_is_one_expression_keeps_its_type),
        WITH_WORLD(truth_is_kestra_s),
        cmocka_unit_test(named_are_the_tasks_whose_outputs_may_be_read),
        cmocka_unit_test(error_logs_are_noted),
        cmocka_unit_test(each_bad_expression_is_told_where_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
