/* expr_table.txt: expressions with what they come to, before anything runs and when they do. And
 * docs/expressions.md, which has the functions of the code, and examples that hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr.h"
#include "coordinator/flow/expr_eval.h"
#include "coordinator/schedule/zones.h"

#include <stdio.h>
#include <string.h>

#define TABLE CADRE_SOURCE_DIR "/tests/unit/coordinator/expr_table.txt"
#define DOCS CADRE_SOURCE_DIR "/docs/expressions.md"
#define LINE_SIZE 1000

/* 2026-03-28T23:30:15.250Z, half an hour after midnight in Berlin */
#define NOW_MS INT64_C(1774740615250)

static const char values_text[] =
    "{\"inputs\":{\"day\":\"monday\",\"n\":3,\"x\":1.5,\"on\":true,\"list\":[1,{\"a\":\"b\"}],"
    "\"none\":null,\"map\":{\"x\":7},\"db.host\":\"h\",\"key\":\"day\",\"task\":\"export\","
    "\"field\":\"file\",\"which\":\"env\",\"lines\":\"one\\ntwo\\n\",\"text\":\"{\\\"k\\\":"
    "\\\"v\\\"}\","
    "\"tpl\":\"{{ inputs.day }}\"},"
    "\"outputs\":{\"export\":{\"file\":\"a.csv\",\"none\":null},\"my-task\":{\"z\":\"zed\",\"n\":5}"
    ","
    "\"each\":{\"a\":{\"file\":\"a.csv\"},\"b\":{\"file\":\"b.csv\"}},"
    "\"inner\":{\"outer\":{\"a\":{\"n\":1},\"b\":{\"n\":2}}}},"
    "\"exit_codes\":{\"export\":0,\"each\":{\"a\":0,\"b\":4}},"
    "\"vars\":{\"env\":\"prod\",\"hosts\":[\"a\",\"b\"],\"file\":\"out/{{ inputs.day }}.csv\","
    "\"nested\":\"[{{ render(vars.file) }}]\",\"list\":[\"{{ inputs.day }}\",\"{{ inputs.n }}\"],"
    "\"bad\":\"{{ inputs.dya }}\",\"loop\":\"{{ render(vars.loop) }}\","
    "\"tried\":\"try {{ taskrun.attempt }}\"},"
    "\"trigger\":{\"date\":\"2026-03-29T02:30:00+02:00\",\"headers\":{\"x-event\":[\"push\"]},"
    "\"body\":{\"items\":[{\"id\":11},{\"id\":12}]}},"
    "\"taskrun\":{\"value\":\"b\",\"iteration\":1,\"parent\":{\"taskrun\":{\"value\":\"outer\"}},"
    "\"parents\":[{\"taskrun\":{\"value\":\"outer\"}}]},"
    "\"execution\":{\"startDate\":\"2026-03-01T10:00:00.123Z\"},"
    "\"error_logs\":[{\"message\":\"it failed\"}]}";

struct world {
    struct json *tree;
    struct zones *zones;
    struct expr_values v;
    struct expr_scope scope;
};

static const char *const inputs[] = {"day",   "n",     "x",       "on",   "list",
                                     "none",  "map",   "db.host", "key",  "task",
                                     "field", "which", "lines",   "text", "tpl"};
static const char *const tasks[] = {"export", "my-task", "each", "inner", "self", "later"};
static const unsigned char iterated[] = {0, 0, 1, 1, 0, 0};

static int set_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    struct zone *berlin;
    assert_int_equal(json_parse(values_text, strlen(values_text), &w->tree, NULL), 0);
    assert_int_equal(zone_parse_rule("CET-1CEST,M3.5.0,M10.5.0/3", &berlin, NULL), 0);
    w->zones = zones_new(NULL);
    zones_put(w->zones, "Europe/Berlin", berlin);
    w->v = (struct expr_values){.inputs = json_get(w->tree, "inputs"),
                                .outputs = json_get(w->tree, "outputs"),
                                .exit_codes = json_get(w->tree, "exit_codes"),
                                .vars = json_get(w->tree, "vars"),
                                .trigger = json_get(w->tree, "trigger"),
                                .taskrun = json_get(w->tree, "taskrun"),
                                .execution = json_get(w->tree, "execution"),
                                .error_logs = json_get(w->tree, "error_logs"),
                                .execution_id = "06f3k9x2m1c7a",
                                .flow_id = "nightly",
                                .flow_namespace = "company.team",
                                .task_id = "self",
                                .attempt = "2",
                                .now_ms = NOW_MS,
                                .zones = w->zones};
    w->scope = (struct expr_scope){.roots = EXPR_FLOW_ROOTS,
                                   .vars = w->v.vars,
                                   .inputs = inputs,
                                   .input_count = sizeof inputs / sizeof *inputs,
                                   .tasks = tasks,
                                   .task_count = 6,
                                   .on_errors = true,
                                   .earlier_count = 4,
                                   .iterated = iterated};
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    json_free(w->tree);
    zones_free(w->zones);
    mem_free(w);
    return 0;
}

static bool on_problem(const char *at, size_t len, const char *sentence, void *user)
{
    (void)at;
    (void)len;
    (void)str_copy(user, LINE_SIZE, sentence);
    return false;
}

/* ⏎ becomes a line end, in place. */
static void put_line_ends(char *s)
{
    for (char *at; (at = strstr(s, "\xe2\x8f\x8e")) != NULL; s = at) {
        *at = '\n';
        memmove(at + 1, at + 3, strlen(at + 3) + 1);
    }
}

/* What it comes to, in the table's words. */
static void outcome_of(struct world *w, const char *text, char out[LINE_SIZE])
{
    char problem[LINE_SIZE] = "";
    struct err e = {0};
    struct buf made;
    expr_check(text, &w->scope, on_problem, problem, NULL);
    if (*problem) {
        (void)str_format(out, LINE_SIZE, "?%s", problem);
        return;
    }
    buf_init(&made, 4096);
    if (expr_render(text, &w->v, &made, &e))
        (void)str_format(out, LINE_SIZE, "!%s", err_text(&e));
    else
        (void)str_copy(out, LINE_SIZE, made.data);
    buf_fini(&made);
}

static bool is_as_wanted(const char *found, const char *wanted)
{
    if (str_eq(wanted, "\xe2\x88\x85")) return !*found; /* ∅ */
    if (*wanted != '?' && *wanted != '!') return str_eq(found, wanted);
    return *found == *wanted && strstr(found + 1, wanted + 1);
}

static void every_line_of_the_table_holds(void **state)
{
    struct world *w = *state;
    char line[LINE_SIZE], found[LINE_SIZE];
    int count = 0, wrong = 0;
    FILE *f = fopen(TABLE, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        char *mark = strstr(line, " => ");
        if (*line == '#' || !*line) continue;
        assert_non_null(mark);
        *mark = '\0';
        put_line_ends(line);
        put_line_ends(mark + 4);
        outcome_of(w, line, found);
        count++;
        if (is_as_wanted(found, mark + 4)) continue;
        wrong++;
        print_message("%s\n  gives  %s\n  wanted %s\n", line, found, mark + 4);
    }
    (void)fclose(f);
    assert_int_equal(wrong, 0);
    assert_true(count >= 300);
}

/* ---- docs/expressions.md ---- */

/* The row of a function: | `name(a, b)` | filter | ... */
static void row_of(const struct expr_function *f, char out[LINE_SIZE])
{
    const char *kind = f->kinds & EXPR_IS_FILTER     ? "filter"
                       : f->kinds & EXPR_IS_FUNCTION ? "function"
                                                     : "test";
    struct buf b;
    buf_init(&b, LINE_SIZE - 1);
    (void)buf_addf(&b, "| `%s%s", f->name, f->params ? "(" : f->takes_many ? "(...)" : "");
    for (const char *p = f->params ? f->params : ""; *p; p++)
        (void)buf_adds(&b, *p == ' ' ? ", " : (const char[2]){*p, '\0'});
    (void)buf_addf(&b, "%s` | %s |", f->params ? ")" : "", kind);
    (void)str_copy(out, LINE_SIZE, b.data);
    buf_fini(&b);
}

static bool is_row_of_kind(const char *line)
{
    const char *at = strstr(line, "` | ");
    return str_starts(line, "| `") && at &&
           (str_starts(at + 4, "filter |") || str_starts(at + 4, "function |") ||
            str_starts(at + 4, "test |"));
}

/* A line for each function, in the order of the code, and none besides. */
static void the_docs_have_all_functions_and_no_other(void **state)
{
    char line[4 * LINE_SIZE], wanted[LINE_SIZE];
    size_t at = 0;
    FILE *f = fopen(DOCS, "r");
    (void)state;
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (!is_row_of_kind(line)) continue;
        const struct expr_function *function = expr_function_at(at++);
        if (!function) fail_msg("docs/expressions.md has a row too many: %s", line);
        row_of(function, wanted);
        if (!str_starts(line, wanted))
            fail_msg("docs/expressions.md: %s, and not %s", wanted, line);
    }
    (void)fclose(f);
    if (expr_function_at(at)) fail_msg("docs/expressions.md lacks %s", expr_function_at(at)->name);
}

/* "\|" in a table is "|". In place. */
static void take_escapes_away(char *s)
{
    for (char *at; (at = strstr(s, "\\|")) != NULL; s = at + 1)
        memmove(at, at + 1, strlen(at));
}

/* `{{ EXPRESSION }}` gives `RESULT`; at: behind the first backtick. */
static void check_example(struct world *w, char *at, char *gives)
{
    char found[LINE_SIZE], *result = gives + strlen("` gives `");
    *gives = '\0';
    result[strcspn(result, "`")] = '\0';
    take_escapes_away(at);
    outcome_of(w, at, found);
    if (!str_eq(found, result)) fail_msg("docs/expressions.md: %s gives %s", at, found);
}

static void the_examples_of_the_docs_give_what_they_say(void **state)
{
    char line[4 * LINE_SIZE];
    int count = 0;
    FILE *f = fopen(DOCS, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        char *s = line, *at, *gives;
        while ((at = strstr(s, "`{{ ")) != NULL && (gives = strstr(at, "}}` gives `")) != NULL) {
            for (char *next; (next = strstr(at + 1, "`{{ ")) != NULL && next < gives;)
                at = next; /* one that gives nothing stands in front */
            s = gives + strlen("}}` gives `");
            s += strcspn(s, "`") + 1;
            check_example(*state, at + 1, gives + 2);
            count++;
        }
    }
    (void)fclose(f);
    assert_true(count >= 25);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_line_of_the_table_holds, set_up, tear_down),
        cmocka_unit_test(the_docs_have_all_functions_and_no_other),
        cmocka_unit_test_setup_teardown(the_examples_of_the_docs_give_what_they_say, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
