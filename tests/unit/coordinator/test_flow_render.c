/* What tasks ask of an agent, the values of inputs, and Kestra's types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/flow.h"
#include "wire/spec.h"

#include <string.h>

#define HEAD "id: f\nnamespace: company.team\n"
#define LIMIT 100000

static struct flow *parse(const char *text)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    if (flow_parse("f.yaml", text, strlen(text), NULL, &p, &f)) {
        for (size_t i = 0; i < p.count; i++)
            print_message("%d: %s\n", p.items[i].line, p.items[i].sentence);
        fail();
    }
    return f;
}

static struct json *tree(const char *text)
{
    struct json *j = NULL;
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    return j;
}

struct rendered {
    struct flow_job made;
    struct err e;
    int rc;
};

static struct rendered render(const struct flow *f, const struct flow_work *w, const char *inputs,
                              const char *outputs)
{
    struct rendered r = {0};
    struct expr_values v = {.execution_id = "x1"};
    struct json *in = inputs ? tree(inputs) : NULL, *out = outputs ? tree(outputs) : NULL;
    flow_values(f, &v);
    v.inputs = in;
    v.outputs = out;
    r.rc = flow_render(f, w, &v, LIMIT, &r.made, &r.e);
    json_free(in);
    json_free(out);
    return r;
}

static void rendered_fini(struct rendered *r)
{
    mem_free(r->made.row.group);
    mem_free(r->made.spec);
}

static void gives_spec(const char *task, const char *spec)
{
    char *text = str_dupf(HEAD "vars: {v: '\"q\"'}\ntasks:\n%s", task);
    struct flow *f = parse(text);
    struct rendered r = render(f, &f->tasks[0].work, NULL, NULL);
    assert_int_equal(r.rc, 0);
    assert_string_equal(r.made.spec, spec);
    rendered_fini(&r);
    flow_free(f);
    mem_free(text);
}

/* ---- rendering ---- */

static void specs_are_what_agents_take(void **state)
{
    (void)state;
    gives_spec("- {id: a, command: [echo, '{{ vars.v }}', 3]}\n",
               "{\"command\":[\"echo\",\"\\\"q\\\"\",\"3\"]}");
    gives_spec("- id: a\n"
               "  script: |\n"
               "    echo {{ execution.id }}\n"
               "    exit 3\n"
               "  shell: bash\n"
               "  env: {A: '{{ flow.namespace }}', B: 1}\n"
               "  workingDirectory: /srv/{{ flow.id }}\n"
               "  killGrace: 3s\n",
               "{\"script\":\"echo x1\\nexit 3\\n\",\"shell\":\"bash\",\"env\":{\"A\":"
               "\"company.team\",\"B\":\"1\"},\"workdir\":\"/srv/f\",\"killGraceMs\":3000}");
    gives_spec("- {id: a, script: x}\n", "{\"script\":\"x\"}");
}

static void an_empty_working_directory_is_a_fresh_one(void **state)
{
    (void)state;
    gives_spec("- {id: a, script: x, workingDirectory: \"{{ trigger.d ?? '' }}\"}\n",
               "{\"script\":\"x\"}");
}

static void how_it_is_queued_is_handed_on(void **state)
{
    (void)state;
    struct flow *f = parse(HEAD "tasks:\n"
                                "- id: a\n"
                                "  script: x\n"
                                "  priority: -3\n"
                                "  timeout: 1m\n"
                                "  queueTimeout: 2m\n"
                                "  lease: 3m\n"
                                "  killGrace: 4s\n"
                                "  retry: {interval: 5s, maxAttempts: 6}\n");
    struct rendered r = render(f, &f->tasks[0].work, NULL, NULL);
    assert_int_equal(r.made.row.priority, -3);
    assert_int_equal(r.made.row.timeout_ms, 60000);
    assert_int_equal(r.made.row.queue_timeout_ms, 120000);
    assert_int_equal(r.made.row.lease_ms, 180000);
    assert_int_equal(r.made.row.kill_grace_ms, 4000);
    assert_int_equal(r.made.row.retry.type, RETRY_CONSTANT);
    assert_int_equal(r.made.row.retry.interval_ms, 5000);
    assert_int_equal(r.made.row.retry.max_attempts, 6);
    assert_null(r.made.row.group);
    rendered_fini(&r);
    flow_free(f);
}

static void the_task_s_group_comes_before_the_flow_s(void **state)
{
    (void)state;
    struct flow *f =
        parse(HEAD "inputs: [{id: g, type: STRING}]\n"
                   "workerGroup: {key: theirs, fallback: CANCEL}\n"
                   "tasks:\n"
                   "- {id: a, script: x, workerGroup: {key: own}}\n"
                   "- {id: b, script: x}\n"
                   "- {id: c, script: x, workerGroup: {key: '{{ inputs.g }}', fallback: FAIL}}\n"
                   "- {id: d, script: x, workerGroup: {fallback: IGNORE}}\n");
    static const struct {
        const char *input, *group;
        bool given;
        enum fallback fallback;
    } cases[] = {{"a", "own", false, FALLBACK_WAIT},
                 {"a", "theirs", true, FALLBACK_CANCEL},
                 {"gpu", "gpu", true, FALLBACK_FAIL},
                 {"a", "theirs", true, FALLBACK_IGNORE},
                 {" gpu\\n", "gpu", true, FALLBACK_FAIL}};
    for (size_t i = 0; i < 5; i++) {
        char *inputs = str_dupf("{\"g\":\"%s\"}", cases[i].input);
        struct rendered r = render(f, &f->tasks[i < 4 ? i : 2].work, inputs, NULL);
        assert_int_equal(r.rc, 0);
        assert_string_equal(r.made.row.group, cases[i].group);
        assert_int_equal(r.made.fallback_given, cases[i].given);
        assert_int_equal(r.made.row.fallback, cases[i].fallback);
        rendered_fini(&r);
        mem_free(inputs);
    }
    struct rendered r = render(f, &f->tasks[2].work, "{\"g\":\" \"}", NULL);
    assert_string_equal(r.made.row.group, "theirs");
    rendered_fini(&r);
    r = render(f, &f->tasks[2].work, "{\"g\":\"a b\"}", NULL);
    assert_int_equal(r.rc, ERR_INVALID);
    assert_string_equal(r.e.msg, "workerGroup.key: 'a b' is not a group's key");
    assert_null(r.made.row.group);
    assert_null(r.made.spec);
    flow_free(f);
}

static void a_missing_value_names_field_and_path(void **state)
{
    (void)state;
    struct flow *f = parse(HEAD "tasks:\n"
                                "- {id: a, script: x}\n"
                                "- {id: b, command: [x, '{{ outputs.a.file }}']}\n"
                                "- {id: c, command: ['{{ outputs.a.file }}']}\n");
    struct rendered r = render(f, &f->tasks[1].work, NULL, "{\"a\":{}}");
    assert_int_equal(r.rc, ERR_NOT_FOUND);
    assert_string_equal(r.e.msg,
                        "command[1]: outputs.a.file has no value: it was not set by the task a");
    r = render(f, &f->tasks[2].work, NULL, "{\"a\":{\"file\":\"\"}}");
    assert_int_equal(r.rc, ERR_INVALID);
    assert_string_equal(r.e.msg, "command: the program's name is empty");
    flow_free(f);
}

static void what_grows_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct flow *f = parse(HEAD "inputs: [{id: t, type: STRING}]\n"
                                "tasks: [{id: a, script: '{{ inputs.t }}{{ inputs.t }}'}]\n");
    struct buf b;
    buf_init(&b, LIMIT);
    (void)buf_adds(&b, "{\"t\":\"");
    for (int i = 0; i < 60000; i++)
        (void)buf_addc(&b, 'x');
    (void)buf_adds(&b, "\"}");
    struct rendered r = render(f, &f->tasks[0].work, b.data, NULL);
    assert_int_equal(r.rc, ERR_TOO_LARGE);
    assert_non_null(strstr(r.e.msg, "script"));
    /* what JSON adds does not count */
    buf_clear(&b);
    (void)buf_adds(&b, "{\"t\":\"");
    for (int i = 0; i < 30000; i++)
        (void)buf_adds(&b, "\\n");
    (void)buf_adds(&b, "\"}");
    r = render(f, &f->tasks[0].work, b.data, NULL);
    assert_int_equal(r.rc, 0);
    rendered_fini(&r);
    buf_fini(&b);
    flow_free(f);
}

/* The stored text as the agent gets it for that attempt. */
static void sends(const char *stored, int64_t attempt, const char *wanted)
{
    struct spec s;
    struct buf b;
    buf_init(&b, LIMIT);
    assert_int_equal(spec_decode_stored(stored, &s, NULL), 0);
    spec_fill_attempt(&s, attempt);
    assert_int_equal(spec_encode(&s, &b), 0);
    assert_string_equal(b.data, wanted);
    spec_fini(&s);
    buf_fini(&b);
}

static void the_attempt_is_put_in_when_it_is_known(void **state)
{
    (void)state;
    struct flow *f =
        parse(HEAD "tasks:\n- id: a\n  command: [x, '{{ taskrun.attempt }}', '\\u0000']\n"
                   "  env: {A: 'a{{ taskrun.attempt }}b{{ taskrun.attempt }}'}\n"
                   "- {id: b, command: ['\\u0000', '\\\\u0000']}\n"
                   "- {id: c, script: '{ {{ taskrun.attempt }}', workingDirectory: "
                   "'/{{ taskrun.attempt }}'}\n"
                   "- {id: d, script: x, args: ['', '-n{{ taskrun.attempt }}', 007]}\n");
    struct rendered r = render(f, &f->tasks[0].work, NULL, NULL);
    assert_int_equal(r.rc, 0);
    sends(r.made.spec, 12, "{\"command\":[\"x\",\"12\",\"\\\\u0000\"],\"env\":{\"A\":\"a12b12\"}}");
    rendered_fini(&r);
    r = render(f, &f->tasks[1].work, NULL, NULL);
    sends(r.made.spec, 12, r.made.spec);
    rendered_fini(&r);
    r = render(f, &f->tasks[2].work, NULL, NULL);
    sends(r.made.spec, 7, "{\"script\":\"{ 7\",\"workdir\":\"/7\"}");
    rendered_fini(&r);
    r = render(f, &f->tasks[3].work, NULL, NULL);
    sends(r.made.spec, 7, "{\"script\":\"x\",\"args\":[\"\",\"-n7\",\"007\"]}");
    assert_int_equal(r.made.needs.minor, SPEC_ARGS_MINOR);
    rendered_fini(&r);
    flow_free(f);
}

static void a_text_like_the_mark_of_the_attempt_is_not_taken_for_it(void **state)
{
    (void)state;
    struct flow *f = parse(
        HEAD "inputs: [{id: i, type: STRING}]\ntasks:\n- id: a\n  command: "
             "[x, '{{ inputs.i }}', '{{ taskrun.attempt }}{{ inputs.i }}{{ taskrun.attempt }}']\n");
    static const char *const like[] = {"{{taskrun.attempt}}", "{{{taskrun.attempt}}",
                                       "{{taskrun.attempt}", "taskrun.attempt}}", "{{{{{{{"};
    for (size_t i = 0; i < sizeof like / sizeof *like; i++) {
        char *inputs = str_dupf("{\"i\":\"%s\"}", like[i]);
        char *wanted = str_dupf("{\"command\":[\"x\",\"%s\",\"3%s3\"]}", like[i], like[i]);
        struct rendered r = render(f, &f->tasks[0].work, inputs, NULL);
        assert_int_equal(r.rc, 0);
        sends(r.made.spec, 3, wanted);
        rendered_fini(&r);
        mem_free(wanted);
        mem_free(inputs);
    }
    flow_free(f);
}

/* ---- commands that are one expression ---- */

#define LINES                                                                                      \
    HEAD "inputs: [{id: i, type: JSON, required: false}]\n"                                        \
         "tasks:\n- id: a\n  type: io.kestra.plugin.scripts.shell.Commands\n"

/* What runs for that value of the input, or what is said against it. */
static void lines_are(const char *keys, const char *value, const char *script, const char *fault)
{
    char *text = str_dupf(LINES "%s", keys), *inputs = str_dupf("{\"i\":%s}", value);
    struct flow *f = parse(text);
    struct rendered r = render(f, &f->tasks[0].work, inputs, NULL);
    struct spec s = {.script = NULL};
    if (r.rc != (fault ? ERR_INVALID : 0)) fail_msg("%s: %d %s", value, r.rc, r.e.msg);
    if (fault) {
        assert_string_equal(r.e.msg, fault);
    } else {
        assert_int_equal(spec_decode(r.made.spec, strlen(r.made.spec), &s, NULL), 0);
        assert_string_equal(s.script, script);
    }
    spec_fini(&s);
    rendered_fini(&r);
    flow_free(f);
    mem_free(inputs);
    mem_free(text);
}

static void commands_of_a_list_are_its_items(void **state)
{
    static const char one[] = "  commands: '{{ inputs.i }}'\n";
    (void)state;
    lines_are(one, "[\"echo a\",\"echo b\"]", "echo a\necho b\n", NULL);
    lines_are(one, "[\"x\\ny\",1.10,true,\"\"]", "x\ny\n1.10\ntrue\n\n", NULL);
    lines_are("  commands: '  {{- inputs.i -}} '\n", "[\"a\"]", "a\n", NULL);
    lines_are("  commands: |\n    {{ inputs.i }}\n", "[\"a\",\"b\"]", "a\nb\n", NULL);
    lines_are("  commands: '{{ inputs.i.deep[0] }}'\n", "{\"deep\":[[\"a\",\"b\"]]}", "a\nb\n",
              NULL);
    /* the text of a list, as a Return has it */
    lines_are(one, "\"[\\\"a\\\", 2]\"", "a\n2\n", NULL);
    /* what stands in a value is no expression */
    lines_are(one, "[\"{{ inputs.i }}\"]", "{{ inputs.i }}\n", NULL);
    lines_are("  beforeCommands: [first]\n  commands: '{{ inputs.i }}'\n", "[\"a\",\"b\"]",
              "first\na\nb\n", NULL);
    lines_are("  beforeCommands: '{{ inputs.i }}'\n  commands: '{{ inputs.i }}'\n", "[\"a\"]",
              "a\na\n", NULL);
    lines_are("  beforeCommands: '{{ inputs.i }}'\n  commands: [last]\n", "[]", "last\n", NULL);
    lines_are("  interpreter: pwsh\n  commands: '{{ inputs.i }}'\n", "[\"a\",\"b\"]",
              "a\nb\nif ($?) { exit 0 } else { exit 1 }\n", NULL);
}

static void commands_of_no_list_are_one_line(void **state)
{
    static const char one[] = "  commands: '{{ inputs.i }}'\n";
    (void)state;
    lines_are(one, "\"echo a\"", "echo a\n", NULL);
    lines_are(one, "\"[ -e x ] && echo [a]\"", "[ -e x ] && echo [a]\n", NULL);
    lines_are(one, "\"[\\\"a\\\"\"", "[\"a\"\n", NULL);
    lines_are(one, "3", "3\n", NULL);
    lines_are(one, "null", "\n", NULL);
    /* more than the expression, or an item of a list */
    lines_are("  commands: 'echo {{ inputs.i }}'\n", "[\"a\"]", "echo [\"a\"]\n", NULL);
    lines_are("  commands: '{{ inputs.i }}{{ inputs.i }}'\n", "[1]", "[1][1]\n", NULL);
    lines_are("  commands: ['{{ inputs.i }}']\n", "[\"a\",\"b\"]", "[\"a\",\"b\"]\n", NULL);
}

static void commands_of_other_values_are_refused(void **state)
{
    static const char one[] = "  commands: '{{ inputs.i }}'\n";
    (void)state;
    lines_are(one, "[]", NULL, "commands: the list is empty: it must have a command");
    lines_are(one, "{\"a\":1}", NULL,
              "commands: is a mapping: it must be a list of texts, or a text");
    lines_are(one, "[\"a\",{\"b\":1}]", NULL,
              "commands[1]: is a mapping: the items of the list must be texts or numbers");
    lines_are(one, "[[\"a\"]]", NULL,
              "commands[0]: is a list: the items of the list must be texts or numbers");
    lines_are(one, "[null]", NULL,
              "commands[0]: is null: the items of the list must be texts or numbers");
    lines_are("  beforeCommands: '{{ inputs.i }}'\n  commands: [x]\n", "{}", NULL,
              "beforeCommands: is a mapping: it must be a list of texts, or a text");
}

static void a_working_directory_that_grew_too_long_is_refused(void **state)
{
    (void)state;
    struct flow *f =
        parse(HEAD "inputs: [{id: i, type: STRING}]\n"
                   "tasks:\n- {id: a, script: x, workingDirectory: '/{{ inputs.i }}'}\n");
    char *path = mem_alloc(SPEC_WORKDIR_MAX + 1);
    for (int more = 0; more < 2; more++) {
        memset(path, 'x', SPEC_WORKDIR_MAX - 1 + (size_t)more);
        char *inputs = str_dupf("{\"i\":\"%s\"}", path);
        struct rendered r = render(f, &f->tasks[0].work, inputs, NULL);
        assert_int_equal(r.rc, more ? ERR_INVALID : 0);
        if (more) assert_non_null(strstr(r.e.msg, "workingDirectory: has 4097 bytes"));
        rendered_fini(&r);
        mem_free(inputs);
    }
    mem_free(path);
    flow_free(f);
}

/* ---- inputs ---- */

static const char inputs_flow[] = HEAD "inputs:\n"
                                       "- {id: s, type: STRING, defaults: 010}\n"
                                       "- {id: i, type: INT, defaults: 3, min: 1, max: 9}\n"
                                       "- {id: f, type: FLOAT, defaults: 1.5}\n"
                                       "- {id: b, type: BOOL, defaults: true}\n"
                                       "- {id: c, type: ENUM, values: [red, 2], defaults: 2}\n"
                                       "- {id: d, type: DATE, required: false}\n"
                                       "- {id: t, type: DATETIME, required: false}\n"
                                       "- {id: h, type: TIME, required: false}\n"
                                       "- {id: p, type: DURATION, required: false}\n"
                                       "- {id: j, type: JSON, defaults: {a: [1]}}\n"
                                       "tasks: [{id: a, script: x}]\n";

static void resolves(const struct flow *f, const char *given, const char *wanted)
{
    struct json *g = given ? tree(given) : NULL, *out = NULL;
    struct err e = {0};
    int rc = flow_resolve_inputs(f, g, &out, &e);
    if (rc) print_message("%s: %s\n", given, e.msg);
    assert_int_equal(rc, 0);
    char *text = json_text(out);
    assert_string_equal(text, wanted);
    mem_free(text);
    json_free(out);
    json_free(g);
}

static void fails_to_resolve(const struct flow *f, const char *given, const char *sentence)
{
    struct json *g = tree(given), *out = NULL;
    struct err e = {0};
    assert_int_equal(flow_resolve_inputs(f, g, &out, &e), ERR_INVALID);
    assert_string_equal(e.msg, sentence);
    assert_null(out);
    json_free(g);
}

static void inputs_are_read_as_their_types(void **state)
{
    (void)state;
    struct flow *f = parse(inputs_flow);
    resolves(f, NULL, "{\"s\":\"010\",\"i\":3,\"f\":1.5,\"b\":true,\"c\":\"2\",\"j\":{\"a\":[1]}}");
    resolves(f,
             "{\"s\":\"\",\"i\":\"7\",\"f\":\"-2e3\",\"b\":\"false\",\"c\":\"red\","
             "\"d\":\"2024-02-29\",\"t\":\"2026-01-31T23:59:59.5+01:00\",\"h\":\"23:59\","
             "\"p\":\"PT1H\",\"j\":\"[1, 2]\"}",
             "{\"s\":\"\",\"i\":7,\"f\":-2e3,\"b\":false,\"c\":\"red\",\"d\":\"2024-02-29\","
             "\"t\":\"2026-01-31T23:59:59.5+01:00\",\"h\":\"23:59\",\"p\":\"PT1H\",\"j\":[1,2]}");
    resolves(f, "{\"i\":4,\"f\":2,\"b\":false,\"j\":null,\"h\":null,\"t\":\"1969-07-20T20:17Z\"}",
             "{\"s\":\"010\",\"i\":4,\"f\":2,\"b\":false,\"c\":\"2\",\"t\":\"1969-07-20T20:17Z\","
             "\"j\":{\"a\":[1]}}");
    f->inputs[1].has_min = f->inputs[1].has_max = false;
    resolves(f, "{\"i\":\"9223372036854775807\",\"f\":\"1.0\",\"j\":\"[1.0,9007199254740993]\"}",
             "{\"s\":\"010\",\"i\":9223372036854775807,\"f\":1.0,\"b\":true,\"c\":\"2\","
             "\"j\":[1.0,9007199254740993]}");
    resolves(f, "{\"i\":2.0,\"f\":1.10,\"j\":{\"v\":1.0}}",
             "{\"s\":\"010\",\"i\":2,\"f\":1.10,\"b\":true,\"c\":\"2\",\"j\":{\"v\":1.0}}");
    flow_free(f);
}

static void inputs_that_do_not_fit_are_named(void **state)
{
    (void)state;
    struct flow *f = parse(inputs_flow);
    static const char *const cases[][2] = {
        {"[]", "inputs: must be an object"},
        {"{\"weekday\":1}", "inputs: there is no input 'weekday'"},
        {"{\"s\":1}", "inputs.s: must be a string"},
        {"{\"i\":\"x\"}", "inputs.i: is not a whole number"},
        {"{\"i\":1.5}", "inputs.i: is not a whole number"},
        {"{\"i\":\"\"}", "inputs.i: is not a whole number"},
        {"{\"i\":\"1.5\"}", "inputs.i: is not a whole number"},
        {"{\"i\":\"1e\"}", "inputs.i: is not a whole number"},
        {"{\"i\":\"-\"}", "inputs.i: is not a whole number"},
        {"{\"i\":\"99999999999999999999\"}", "inputs.i: is beyond 64 bits; make it an "
                                             "input of type STRING"},
        {"{\"i\":\"9223372036854775808\"}",
         "inputs.i: is beyond 64 bits; make it an input of type STRING"},
        {"{\"i\":\"-9223372036854775809\"}",
         "inputs.i: is beyond 64 bits; make it an input of type STRING"},
        {"{\"i\":\"007\"}", "inputs.i: begins with 0; write it without leading zeros"},
        {"{\"i\":\"+00\"}", "inputs.i: begins with 0; write it without leading zeros"},
        {"{\"f\":\"00.5\"}", "inputs.f: begins with 0; write it without leading zeros"},
        {"{\"f\":\"9223372036854775808\"}",
         "inputs.f: is beyond 64 bits; make it an input of type STRING"},
        {"{\"i\":0}", "inputs.i: is less than its min, 1"},
        {"{\"i\":\"10\"}", "inputs.i: is more than its max, 9"},
        {"{\"f\":\"1,5\"}", "inputs.f: is not a number"},
        {"{\"f\":\"nan\"}", "inputs.f: is not a number"},
        {"{\"b\":\"yes\"}", "inputs.b: is neither true nor false"},
        {"{\"b\":1}", "inputs.b: is neither true nor false"},
        {"{\"c\":\"rot\"}", "inputs.c: is not one of the input's values, did you mean 'red'?"},
        {"{\"c\":\"yellow\"}", "inputs.c: is not one of the input's values, such as 'red'"},
        {"{\"d\":\"2023-02-29\"}", "inputs.d: is not a date such as 2026-01-31"},
        {"{\"d\":\"2023-2-1\"}", "inputs.d: is not a date such as 2026-01-31"},
        {"{\"d\":\"2023-01-01x\"}", "inputs.d: is not a date such as 2026-01-31"},
        {"{\"t\":\"2026-01-31T23:59:59\"}",
         "inputs.t: is not a time such as 2026-01-31T23:59:59Z, with Z or an offset"},
        {"{\"t\":\"2026-01-31 23:59:59Z\"}",
         "inputs.t: is not a time such as 2026-01-31T23:59:59Z, with Z or an offset"},
        {"{\"h\":\"24:00\"}", "inputs.h: is not a time such as 23:59 or 23:59:59"},
        {"{\"h\":\"9:00\"}", "inputs.h: is not a time such as 23:59 or 23:59:59"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        fails_to_resolve(f, cases[i][0], cases[i][1]);
    struct json *out = NULL, *g = tree("{\"j\":\"{\"}");
    struct err e = {0};
    assert_int_equal(flow_resolve_inputs(f, g, &out, &e), ERR_INVALID);
    assert_true(str_starts(e.msg, "inputs.j: is not JSON: "));
    json_free(g);
    flow_free(f);
    f = parse(HEAD "inputs: [{id: day, type: STRING}]\ntasks: [{id: a, script: x}]\n");
    fails_to_resolve(f, "{}", "inputs.day: is missing, and it has no default");
    fails_to_resolve(f, "{\"dya\":\"x\"}", "inputs: there is no input 'dya', did you mean 'day'?");
    flow_free(f);
}

static void inputs_have_a_limit_together(void **state)
{
    (void)state;
    struct flow *f = parse(HEAD "inputs: [{id: s, type: STRING}]\ntasks: [{id: a, script: x}]\n");
    struct json *g = json_new(JSON_OBJECT), *out = NULL;
    char *text = mem_alloc(FLOW_VALUES_MAX + 1);
    struct err e = {0};
    memset(text, 'x', FLOW_VALUES_MAX);
    json_put(g, "s", json_new_str(text));
    assert_int_equal(flow_resolve_inputs(f, g, &out, &e), ERR_TOO_LARGE);
    json_free(g);
    mem_free(text);
    flow_free(f);
}

static void triggers_give_inputs_from_their_outputs(void **state)
{
    (void)state;
    struct flow *f = parse(HEAD "vars: {v: x}\n"
                                "inputs:\n"
                                "- {id: day, type: DATE}\n"
                                "- {id: n, type: INT}\n"
                                "- {id: b, type: BOOLEAN}\n"
                                "- {id: s, type: STRING, defaults: d}\n"
                                "tasks: [{id: a, script: x}]\n"
                                "triggers:\n"
                                "- id: t\n"
                                "  script: x\n"
                                "  inputs:\n"
                                "    day: '{{ trigger.day }}'\n"
                                "    n: 3\n"
                                "    b: true\n");
    struct json *t = tree("{\"day\":\"2026-01-31\"}"), *out = NULL;
    struct expr_values v = {.trigger = t};
    struct err e = {0};
    flow_values(f, &v);
    assert_int_equal(flow_trigger_inputs(f, &f->triggers[0], &v, &out, &e), 0);
    char *text = json_text(out);
    assert_string_equal(text, "{\"day\":\"2026-01-31\",\"n\":3,\"b\":true,\"s\":\"d\"}");
    mem_free(text);
    json_free(out);
    json_free(t);
    t = tree("{\"day\":\"someday\"}");
    v.trigger = t;
    assert_int_equal(flow_trigger_inputs(f, &f->triggers[0], &v, &out, &e), ERR_INVALID);
    assert_string_equal(e.msg, "inputs.day: is not a date such as 2026-01-31");
    json_free(t);
    t = tree("{}");
    v.trigger = t;
    assert_int_equal(flow_trigger_inputs(f, &f->triggers[0], &v, &out, &e), ERR_NOT_FOUND);
    assert_string_equal(e.msg, "inputs.day: trigger.day was not set by the trigger's check");
    json_free(t);
    flow_free(f);
}

/* ---- Kestra ---- */

#define SCRIPTS "io.kestra.plugin.scripts."

static void a_flow_of_kestra_applies_unchanged(void **state)
{
    (void)state;
    struct flow *f = parse("id: windows_report\n"
                           "namespace: company.team\n"
                           "labels:\n"
                           "  - key: owner\n"
                           "    value: ops\n"
                           "variables:\n"
                           "  share: '\\\\srv\\out'\n"
                           "inputs:\n"
                           "  - id: day\n"
                           "    type: STRING\n"
                           "    displayName: The day\n"
                           "    defaults: today\n"
                           "tasks:\n"
                           "  - id: hello\n"
                           "    type: io.kestra.plugin.core.log.Log\n"
                           "    message: Hello {{ inputs.day }}\n"
                           "    level: WARN\n"
                           "  - id: export\n"
                           "    type: " SCRIPTS "powershell.Commands\n"
                           "    taskRunner:\n"
                           "      type: io.kestra.plugin.core.runner.Process\n"
                           "    interpreter: [powershell, -NonInteractive, -Command]\n"
                           "    targetOS: WINDOWS\n"
                           "    beforeCommands:\n"
                           "      - $x = 1\n"
                           "    commands:\n"
                           "      - Write-Output '::{\"outputs\":{\"file\":\"a.csv\"}}::'\n"
                           "      - exit 0\n"
                           "    workerGroup:\n"
                           "      key: windows\n"
                           "      fallback: FAIL\n"
                           "    timeout: PT10M\n"
                           "    allowFailure: true\n"
                           "    retry:\n"
                           "      type: random\n"
                           "      minInterval: PT1S\n"
                           "      maxInterval: PT1M\n"
                           "      maxAttempt: 3\n"
                           "      warningOnRetry: false\n"
                           "  - id: load\n"
                           "    type: " SCRIPTS "python.Script\n"
                           "    failFast: true\n"
                           "    warningOnStdErr: false\n"
                           "    env:\n"
                           "      FILE: \"{{ outputs.export.vars.file }}\"\n"
                           "    script: |\n"
                           "      print(1)\n"
                           "  - id: sh\n"
                           "    type: " SCRIPTS "shell.Script\n"
                           "    runner: PROCESS\n"
                           "    script: echo {{ inputs.day }}\n"
                           "  - id: node\n"
                           "    type: " SCRIPTS "node.Commands\n"
                           "    commands: [node main.js]\n");
    assert_string_equal(json_get_str(f->labels, "owner", ""), "ops");
    assert_string_equal(json_get_str(f->vars, "share", ""), "\\\\srv\\out");
    const struct flow_work *w = &f->tasks[0].work;
    assert_int_equal(w->kind, FLOW_LOG);
    struct rendered r = render(f, w, "{\"day\":\"monday\"}", NULL);
    assert_string_equal(r.made.spec, "[WARN] Hello monday\n");
    rendered_fini(&r);

    w = &f->tasks[1].work;
    assert_string_equal(w->shell, "powershell");
    assert_string_equal(w->script, "$x = 1\nWrite-Output '::{\"outputs\":{\"file\":\"a.csv\"}}::'\n"
                                   "exit 0\nif ($?) { exit 0 } else { exit 1 }\n");
    assert_string_equal(json_get_str(w->require, "os", ""), "windows");
    assert_int_equal(w->retry.type, RETRY_RANDOM);
    assert_int_equal(w->retry.interval_ms, 1000);
    assert_int_equal(w->retry.max_attempts, 3);
    assert_true(f->tasks[1].allow_failure);

    w = &f->tasks[2].work;
    r = render(f, w, NULL, "{\"export\":{\"file\":\"a.csv\"}}");
    assert_string_equal(
        r.made.spec,
        "{\"script\":\"print(1)\\n\",\"shell\":\"python3\",\"env\":{\"FILE\":\"a.csv\"}}");
    rendered_fini(&r);
    assert_string_equal(f->tasks[3].work.shell, "sh");
    assert_string_equal(f->tasks[4].work.shell, "sh");
    assert_string_equal(f->tasks[4].work.script, "node main.js\n");
    flow_free(f);
}

static void refuses(const char *task, const char *wanted)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    struct buf b;
    char *text = str_dupf(HEAD "tasks:\n- id: t\n%s", task);
    buf_init(&b, 10000);
    assert_int_equal(flow_parse("f.yaml", text, strlen(text), NULL, &p, &f), ERR_INVALID);
    flow_problems_sort(&p);
    for (size_t i = 0; i < p.count; i++)
        (void)buf_addf(&b, "%s%d: %s", i ? "\n" : "", p.items[i].line, p.items[i].sentence);
    assert_string_equal(b.data, wanted);
    buf_fini(&b);
    flow_problems_fini(&p);
    mem_free(text);
}

#define SHELL "  type: " SCRIPTS "shell.Commands\n  commands: [x]\n"

static void what_is_not_carried_over_is_refused_by_name(void **state)
{
    (void)state;
    refuses("  type: io.kestra.plugin.core.http.Request\n  uri: x\n",
            "5: task t: type: 'io.kestra.plugin.core.http.Request' is not supported; "
            "docs/from-kestra.md lists what is");
    refuses("  type: " SCRIPTS "node.Script\n",
            "5: task t: type: 'io.kestra.plugin.scripts.node.Script' has no shell here; write the "
            "script's file and run it with Commands");
    refuses(
        "  type: " SCRIPTS "shell.Command\n",
        "5: task t: type: there is no 'io.kestra.plugin.scripts.shell.Command' here, did you mean "
        "'io.kestra.plugin.scripts.shell.Commands'?");
    refuses(
        SHELL "  containerImage: ubuntu\n  docker: {image: x}\n",
        "7: task t: containerImage: is not supported: a task runs on the agent's machine, in no "
        "container; it may stand beside taskRunner: {type: io.kestra.plugin.core.runner.Process}\n"
        "8: task t: docker: is not supported: a task runs on the agent's machine, in no container; "
        "it may stand beside taskRunner: {type: io.kestra.plugin.core.runner.Process}");
    refuses(SHELL "  outputFiles: [a]\n  inputFiles: {a: b}\n  namespaceFiles: {enabled: true}\n",
            "7: task t: outputFiles: is not supported; let the script store its files and set an "
            "output\n"
            "8: task t: inputFiles: is not supported; let the script write or fetch its files\n"
            "9: task t: namespaceFiles: is not supported; keep the files on the agent's machine, "
            "or let "
            "the script fetch them");
    refuses(SHELL "  taskRunner:\n    type: io.kestra.plugin.scripts.runner.docker.Docker\n"
                  "    pullPolicy: NEVER\n",
            "8: task t: taskRunner.type: 'io.kestra.plugin.scripts.runner.docker.Docker' is not "
            "supported: use io.kestra.plugin.core.runner.Process, for tasks run on the agent's "
            "machine, in no container");
    refuses(
        SHELL "  runner: DOCKER\n",
        "7: task t: runner: 'DOCKER' is not supported: use PROCESS, for tasks run on the agent's "
        "machine, in no container");
    refuses(SHELL "  failFast: false\n  warningOnStdErr: true\n",
            "7: task t: failFast: false is not supported: scripts end at the first failed command\n"
            "8: task t: warningOnStdErr: true is not supported: the exit code alone decides");
    refuses(SHELL "  interpreter: [/usr/bin/zsh, -c]\n",
            "7: task t: interpreter: '/usr/bin/zsh' is not one of sh, bash, powershell, pwsh, cmd, "
            "python3");
    refuses(SHELL "  interpreter: [/bin/bash, -x]\n",
            "7: task t: interpreter: the argument '-x' is not supported");
    refuses(SHELL "  script: x\n  message: y\n",
            "7: task t: script: is not a property of io.kestra.plugin.scripts.shell.Commands; "
            "io.kestra.plugin.scripts.shell.Script has it\n"
            "8: task t: message: is not a property of io.kestra.plugin.scripts.shell.Commands");
    refuses("  type: " SCRIPTS "shell.Commands\n", "4: task t: commands: is missing");
    refuses(
        "  type: " SCRIPTS
        "shell.Commands\n  commands: ['{% if x %}', '{{ uuid() }} {{ render(vars.a) }}']\n",
        "6: task t: commands: {% is a statement to Kestra, and not supported; the text itself is "
        "written {{ '{%' }}\n"
        "6: task t: commands: '{{ uuid() }}': uuid() is not supported: execution.id and taskrun.id "
        "are unique, or let a script make one\n"
        "6: task t: commands: '{{ render(vars.a) }}': there is no variable 'a'");
    refuses(
        "  type: " SCRIPTS "python.Script\n  script: x\n  beforeCommands: [pip install y]\n"
        "  dependencies: [z]\n",
        "7: task t: beforeCommands: is not supported for Python: write the script's file and run "
        "it "
        "with io.kestra.plugin.scripts.python.Commands, or name a venv's python3 in interpreter\n"
        "8: task t: dependencies: is not supported; install them on the agent's machine, in a venv "
        "whose python3 interpreter names");
    refuses("  type: io.kestra.plugin.core.log.Log\n  env: {a: b}\n",
            "4: task t: message: is missing\n"
            "6: task t: env: is not a property of io.kestra.plugin.core.log.Log");
    refuses(SHELL "  retry: {warningOnRetry: true, behavior: X}\n",
            "7: task t: retry.behavior: 'X' is not one of RETRY_FAILED_TASK, CREATE_NEW_EXECUTION\n"
            "7: task t: retry.warningOnRetry: is not supported: a retried task that succeeds is "
            "SUCCESS");
    refuses(SHELL "  logLevel: INFO\n",
            "7: task t: logLevel: is not supported: all output is kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(specs_are_what_agents_take),
        cmocka_unit_test(an_empty_working_directory_is_a_fresh_one),
        cmocka_unit_test(how_it_is_queued_is_handed_on),
        cmocka_unit_test(the_task_s_group_comes_before_the_flow_s),
        cmocka_unit_test(a_missing_value_names_field_and_path),
        cmocka_unit_test(what_grows_over_the_limit_is_refused),
        cmocka_unit_test(the_attempt_is_put_in_when_it_is_known),
        cmocka_unit_test(a_text_like_the_mark_of_the_attempt_is_not_taken_for_it),
        cmocka_unit_test(commands_of_a_list_are_its_items),
        cmocka_unit_test(commands_of_no_list_are_one_line),
        cmocka_unit_test(commands_of_other_values_are_refused),
        cmocka_unit_test(a_working_directory_that_grew_too_long_is_refused),
        cmocka_unit_test(inputs_are_read_as_their_types),
        cmocka_unit_test(inputs_that_do_not_fit_are_named),
        cmocka_unit_test(inputs_have_a_limit_together),
        cmocka_unit_test(triggers_give_inputs_from_their_outputs),
        cmocka_unit_test(a_flow_of_kestra_applies_unchanged),
        cmocka_unit_test(what_is_not_carried_over_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
