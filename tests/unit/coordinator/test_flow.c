/* Flows as files: what is read, and every sentence about what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/flow.h"

#include <string.h>

#define HEAD "id: f\nnamespace: company.team\n"
#define TASK "tasks:\n  - {id: a, command: [\"true\"]}\n"

static int check_require(const struct json *object, struct err *e)
{
    if (json_get(object, "os") || json_get(object, "label.x")) return 0;
    return err_set(e, ERR_INVALID, "requires.%s: no such capability", json_key(json_first(object)));
}

static const struct flow_checks checks = {.require = check_require};

static struct flow *parse(const char *text)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    if (flow_parse("f.yaml", text, strlen(text), &checks, &p, &f)) {
        for (size_t i = 0; i < p.count; i++)
            print_message("%s:%d: %s\n", p.items[i].file, p.items[i].line, p.items[i].sentence);
        fail();
    }
    assert_int_equal(p.count, 0);
    flow_problems_fini(&p);
    return f;
}

/* "LINE: sentence" each on a line. mem_free */
static char *problems_of(const char *text)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    struct buf b;
    buf_init(&b, 100000);
    int rc = flow_parse("f.yaml", text, strlen(text), &checks, &p, &f);
    assert_int_equal(rc, ERR_INVALID);
    assert_null(f);
    assert_true(p.count > 0);
    flow_problems_sort(&p);
    for (size_t i = 0; i < p.count; i++) {
        assert_string_equal(p.items[i].file, "f.yaml");
        (void)buf_addf(&b, "%s%d: %s", i ? "\n" : "", p.items[i].line, p.items[i].sentence);
    }
    flow_problems_fini(&p);
    return buf_detach(&b);
}

static void refuses(const char *text, const char *wanted)
{
    char *found = problems_of(text);
    if (!str_eq(found, wanted)) print_message("---\n%s\n--- gives\n%s\n", text, found);
    assert_string_equal(found, wanted);
    mem_free(found);
}

/* ---- what is read ---- */

static const char design_flow[] =
    "id: nightly-report\n"
    "namespace: company.team\n"
    "workerGroup: {key: windows}\n"
    "labels: {owner: !!str ops, version: !!str 1.10}\n"
    "vars: {out: '/srv/out', n: 3}\n"
    "inputs:\n"
    "  - {id: day, type: STRING, defaults: today}\n"
    "tasks:\n"
    "  - id: export\n"
    "    shell: powershell\n"
    "    script: |\n"
    "      ./export.ps1 -Day \"{{ inputs.day }}\"\n"
    "      Write-Output '::{\"outputs\":{\"file\":\"C:\\\\out\\\\a.csv\"}}::'\n"
    "    timeout: PT10M\n"
    "    retry: {type: exponential, interval: PT10S, maxAttempts: 3}\n"
    "  - id: load\n"
    "    command: [\"load-csv\", \"{{ outputs.export.file }}\", 7]\n"
    "    env: {PORT: 8080, ON: true, V: 010}\n"
    "    workingDirectory: /srv/{{ vars.out }}\n"
    "    workerGroup: {key: linux-db, fallback: FAIL}\n"
    "    requires: {os: linux}\n"
    "    queueTimeout: 1h\n"
    "    lease: 10s\n"
    "    killGrace: 3s\n"
    "    priority: 5\n"
    "    allowFailure: true\n"
    "    disabled: true\n"
    "triggers:\n"
    "  - id: new-file\n"
    "    interval: PT30S\n"
    "    command: [\"test\", \"-e\", \"/data/in/ready\"]\n"
    "    workerGroup: {key: linux-db}\n"
    "    timeout: PT20S\n"
    "    stopAfter: [FAILED, KILLED]\n"
    "    allowConcurrent: true\n"
    "    failOnTriggerError: true\n"
    "    inputs: {day: '{{ trigger.day }}'}\n"
    "concurrency: {limit: 2, behavior: CANCEL}\n";

static void the_design_s_flow_is_read(void **state)
{
    (void)state;
    struct flow *f = parse(design_flow);
    assert_string_equal(f->id, "nightly-report");
    assert_string_equal(f->ns, "company.team");
    assert_string_equal(f->group.key, "windows");
    assert_false(f->group.has_fallback);
    assert_string_equal(json_get_str(f->labels, "version", ""), "1.10");
    assert_int_equal(json_get_int(f->vars, "n", 0), 3);
    assert_int_equal(f->concurrency_limit, 2);
    assert_int_equal(f->concurrency_behavior, FLOW_CANCEL);
    assert_int_equal(f->input_count, 1);
    assert_false(f->inputs[0].required);
    assert_int_equal(f->task_count, 2);
    const struct flow_task *t = flow_find_task(f, "export");
    assert_int_equal(t->line, 9);
    assert_int_equal(t->work.kind, FLOW_SCRIPT);
    assert_string_equal(t->work.shell, "powershell");
    assert_int_equal(t->work.timeout_ms, 600000);
    assert_int_equal(t->work.retry.type, RETRY_EXPONENTIAL);
    assert_int_equal(t->work.retry.interval_ms, 10000);
    assert_int_equal(t->work.retry.max_attempts, 3);
    t = flow_find_task(f, "load");
    assert_int_equal(t->work.kind, FLOW_COMMAND);
    assert_int_equal(t->work.argc, 3);
    assert_string_equal(t->work.argv[2], "7");
    assert_string_equal(t->work.env[0].value, "8080");
    assert_string_equal(t->work.env[2].value, "010");
    assert_int_equal(t->work.group.fallback, FALLBACK_FAIL);
    assert_int_equal(t->work.group.line, 20);
    assert_int_equal(t->work.queue_timeout_ms, 3600000);
    assert_int_equal(t->work.priority, 5);
    assert_true(t->allow_failure && t->disabled);
    const struct flow_trigger *g = flow_find_trigger(f, "new-file");
    assert_int_equal(g->interval_ms, 30000);
    assert_int_equal(g->work.timeout_ms, 20000);
    assert_int_equal(g->stop_after, 1u << JOB_FAILED | 1u << JOB_KILLED);
    assert_true(g->allow_concurrent && g->fail_on_trigger_error && !g->disabled);
    assert_null(flow_find_task(f, "new-file"));
    assert_null(flow_find_trigger(f, "export"));
    assert_null(flow_find_input(f, "export"));
    flow_free(f);
    flow_free(NULL);
}

static void defaults_are_those_of_the_documents(void **state)
{
    (void)state;
    struct flow *f = parse(HEAD TASK "triggers:\n  - {id: t, script: exit 1}\n");
    assert_int_equal(f->tasks[0].work.timeout_ms, 0);
    assert_int_equal(f->tasks[0].work.retry.type, RETRY_NONE);
    assert_null(f->group.key);
    assert_int_equal(f->triggers[0].interval_ms, 60000);
    assert_int_equal(f->triggers[0].work.timeout_ms, 600000);
    assert_null(f->triggers[0].work.shell);
    assert_int_equal(f->triggers[0].stop_after, 0);
    assert_int_equal(json_type(f->vars), JSON_OBJECT);
    assert_int_equal(json_type(f->labels), JSON_OBJECT);
    flow_free(f);
}

struct groups {
    int count;
    char text[400];
};

static void on_group(const struct flow_group_ref *ref, const char *place, void *user)
{
    struct groups *g = user;
    size_t len = strlen(g->text);
    g->count++;
    assert_int_equal(str_format(g->text + len, sizeof g->text - len, "%d %s %s\n", ref->line, place,
                                ref->key),
                     0);
}

static void plain_group_keys_can_be_gone_through(void **state)
{
    (void)state;
    struct groups g = {0};
    struct flow *f = parse(HEAD "inputs: [{id: g, type: STRING}]\n"
                                "workerGroup: {key: one}\ntasks:\n"
                                "  - {id: a, script: x, workerGroup: {key: two}}\n"
                                "  - {id: b, script: x, workerGroup: {key: '{{ inputs.g }}'}}\n"
                                "  - {id: c, script: x, workerGroup: {fallback: FAIL}}\n");
    flow_each_group(f, on_group, &g);
    assert_string_equal(g.text, "4 workerGroup one\n6 task a: workerGroup two\n");
    flow_free(f);
}

/* ---- what is refused ---- */

static void all_problems_are_reported_with_their_lines(void **state)
{
    (void)state;
    refuses("id: f\n"
            "namspace: a\n"
            "tasks:\n"
            "  - id: one\n"
            "    comand: [x]\n"
            "  - id: one\n"
            "    script: echo {{ inputs.x }}\n"
            "    timeout: 30\n"
            "    retry: {type: linear}\n",
            "2: unknown key 'namspace', did you mean 'namespace'?\n"
            "5: task one: unknown key 'comand', did you mean 'command'?\n"
            "6: task one: the id is used in line 4 already\n"
            "7: task one: script: '{{ inputs.x }}': there is no input 'x'\n"
            "8: task one: timeout: '30' has no unit: write it like 30s, 5m, 1h30m or PT1H30M\n"
            "9: task one: retry.type: 'linear' is not one of constant, exponential, random");
}

static void the_line_of_an_expression_in_a_script_is_its_own(void **state)
{
    (void)state;
    refuses(HEAD "vars: {a: 1}\n"
                 "tasks:\n"
                 "  - id: t\n"
                 "    script: |\n"
                 "      echo {{ vars.a }}\n"
                 "      echo {{ vars.b }}\n"
                 "      echo fine\n"
                 "      echo {{ vars.b }} {{ nothing() }}\n",
            "8: task t: script: '{{ vars.b }}': there is no variable 'b'\n"
            "10: task t: script: '{{ vars.b }}': there is no variable 'b'\n"
            "10: task t: script: '{{ nothing() }}': there is no function 'nothing': let a script "
            "work it "
            "out");
}

static void yaml_that_is_none_is_one_problem(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "id: f\n\tnamespace: x\n",
        "a: &x [1]\nb: [*x, *x]\n",
        "id: 'open\n",
        "---\nid: a\n---\nid: b\n",
        "{{{{",
        "id: \"a\\0b\"\n",
        "\xff\xfe\xff",
        "!!python/object:x {}",
        "id: 99999999999999999999\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = problems_of(bad[i]);
        assert_null(strchr(text, '\n'));
        mem_free(text);
    }
    refuses("id: f\nid: g\nnamespace: n\ntasks:\n- {id: t, command: [a], timeout: 1s, timeout: "
            "2s}\nlabels: 5\nnamespace: m\n",
            "2: duplicate key 'id' (the first is in line 1)\n"
            "5: duplicate key 'timeout' (the first is in line 5)\n"
            "6: labels: must be a mapping, such as labels: {team: 5}\n"
            "7: duplicate key 'namespace' (the first is in line 3)");
}

static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 20u * 1024 * 1024);
    for (int i = 0; i < 70; i++)
        (void)buf_addc(&b, '[');
    char *text = problems_of(b.data);
    assert_true(strstr(text, "nested deeper than 64 levels") != NULL);
    mem_free(text);

    buf_clear(&b);
    for (int i = 0; i < 10 * 1024; i++)
        (void)buf_addf(&b, "# %01021d\n", i);
    text = problems_of(b.data);
    assert_string_equal(text, "0: the file has 10485760 bytes, at most 262144 are allowed");
    mem_free(text);

    buf_clear(&b);
    (void)buf_adds(&b, HEAD "tasks:\n");
    for (int i = 0; i < 501; i++)
        (void)buf_addf(&b, "- {id: t%d, script: x}\n", i);
    text = problems_of(b.data);
    assert_string_equal(text, "3: tasks: has 501 items, at most 500 are allowed");
    mem_free(text);

    buf_clear(&b);
    (void)buf_adds(&b, HEAD TASK "triggers:\n");
    for (int i = 0; i < 101; i++)
        (void)buf_addf(&b, "- {id: t%d, script: x}\n", i);
    text = problems_of(b.data);
    assert_string_equal(text, "5: triggers: has 101 items, at most 100 are allowed");
    mem_free(text);

    buf_clear(&b);
    (void)buf_adds(&b, HEAD TASK "vars:\n");
    for (int i = 0; i < 257; i++)
        (void)buf_addf(&b, "  v%d: x\n", i);
    text = problems_of(b.data);
    assert_string_equal(text, "5: vars: there are 257, at most 256 are allowed");
    mem_free(text);
    buf_fini(&b);
}

static void a_hundred_problems_are_kept(void **state)
{
    (void)state;
    struct flow_problems p = {0};
    struct flow *f = NULL;
    struct buf b;
    buf_init(&b, FLOW_FILE_MAX);
    (void)buf_adds(&b, HEAD "tasks:\n- id: a\n  script: '");
    for (int i = 0; i < 40000; i++)
        (void)buf_adds(&b, "{{x}} ");
    (void)buf_adds(&b, "'\n");
    assert_int_equal(flow_parse("f", b.data, b.len, NULL, &p, &f), ERR_INVALID);
    assert_int_equal(p.count, 100);
    assert_true(p.more > 0);
    flow_problems_fini(&p);
    buf_fini(&b);
}

#define FLOW_SHAPE                                                                                 \
    "1: a flow is a mapping with id, namespace and tasks, such as {id: hello, namespace: "         \
    "company.team, tasks: [...]}"

static void shapes_that_are_wrong_are_named(void **state)
{
    (void)state;
    refuses("", "1: id: is missing\n1: namespace: is missing\n"
                "1: tasks: is missing: a flow has at least one task");
    refuses("[1, 2]", FLOW_SHAPE);
    refuses("text", FLOW_SHAPE);
    refuses(HEAD "tasks: []\n", "3: tasks: is empty");
    refuses(HEAD "tasks: {a: 1}\n",
            "3: tasks: must be a list, such as tasks: [{id: a, command: [echo, hello]}]");
    refuses(
        HEAD "tasks: [1]\n",
        "3: tasks[0]: must be a mapping with an id, such as {id: hello, command: [echo, hello]}");
    refuses(HEAD "tasks:\n  - script: x\n", "4: tasks[0].id: is missing");
    refuses(HEAD "tasks:\n  - {id: '-a', script: x}\n",
            "4: tasks[0].id: '-a' is not an id: 1 to 100 letters, digits, '_' and '-', the first a "
            "letter or digit");
    refuses("id: a b\nnamespace: a..b\n" TASK,
            "1: id: 'a b' is not an id: 1 to 100 letters, digits, '_', '.' and '-', the first a "
            "letter or digit\n"
            "2: namespace: 'a..b' is not a namespace: words of letters, digits, '_' and '-' joined "
            "by dots");
    refuses(HEAD TASK "disabled: 1\n", "5: disabled: must be true or false");
    refuses(HEAD TASK "description: [a]\n", "5: description: must be a string");
    refuses(HEAD TASK "labels: {a: [b], '': c}\n",
            "5: labels.a: must be a string\n5: labels: a key has 1 to 256 bytes");
    refuses(HEAD TASK "labels: {a: \"x\\u202e\", b: \"\\U000E0041\"}\n",
            "5: labels: 'a' has a character that is not visible: U+202E (byte 2)\n"
            "5: labels: 'b' has a character that is not visible: U+E0041 (byte 1)");
    refuses(HEAD TASK "concurrency: {behavior: DROP}\n",
            "5: concurrency.limit: is missing\n"
            "5: concurrency.behavior: 'DROP' is not one of QUEUE, CANCEL, FAIL");
    refuses(HEAD TASK "concurrency: {limit: 0}\n",
            "5: concurrency.limit: must be a whole number from 1 to 1000000");
    refuses(HEAD TASK "workerGroup: windows\n",
            "5: workerGroup: must be a mapping, such as workerGroup: {key: windows}");
    refuses(HEAD TASK "workerGroup: {key: 'a b', falback: FAIL}\n",
            "5: workerGroup: unknown key 'falback', did you mean 'fallback'?\n"
            "5: workerGroup.key: 'a b' is not a group's key: 1 to 63 letters, digits, '_' and '-', "
            "the first a letter or digit");
    refuses(HEAD TASK "workerGroup: {key: a, fallback: wait}\n",
            "5: workerGroup.fallback: 'wait' is not one of WAIT, FAIL, CANCEL, IGNORE");
}

/* What follows from a fault is not told beside it. */
static void a_fault_is_told_once(void **state)
{
    (void)state;
    refuses(HEAD "inputs: x\ntasks:\n  - {id: t, command: ['{{ inputs.a }}']}\n",
            "3: inputs: must be a list, such as inputs: [{id: x, type: STRING}]");
    refuses(HEAD "inputs: [{id: 'a b', type: STRING}]\n"
                 "tasks: [{id: t, command: ['{{ inputs.a }}']}]\n"
                 "triggers: [{id: u, interval: 1m, command: [x], inputs: {a: 1}}]\n",
            "3: inputs[0].id: 'a b' is not an id: 1 to 100 letters, digits, '_', '.' and '-', the "
            "first a letter or digit");
    refuses(HEAD "vars: [a]\ntasks: [{id: t, command: ['{{ vars.a }}']}]\n",
            "3: vars: must be a mapping, such as vars: {region: eu-west}");
    refuses(HEAD "tasks:\n  - {command: [x]}\n  - {id: t, command: ['{{ outputs.s.a }}']}\n",
            "4: tasks[0].id: is missing");
    refuses(HEAD "tasks: [{id: t, command: [x], retry: {type: random, maxInterval: x}}]\n",
            "3: task t: retry.maxInterval: 'x' is not a duration: write it like 30s, 5m, 1h30m or "
            "PT1H30M");
    refuses(HEAD "workerGroup: {key: '{{ inputs.a }}'}\n" TASK
                 "triggers: [{id: u, interval: 1m, command: [x]}]\n",
            "3: workerGroup.key: '{{ inputs.a }}': there is no input 'a'");
    refuses(
        HEAD "tasks: [{id: t, command: [x], retry: 3}, {id: u, command: [x], env: X=1}]\n",
        "3: task t: retry: must be a mapping, such as retry: {maxAttempts: 3, interval: PT10S}\n"
        "3: task u: env: must be a mapping, such as env: {X: 1}");
}

/* A slip in a key that is needed is told, and not that the key is missing. */
static void a_slip_in_a_needed_key_is_one_problem(void **state)
{
    (void)state;
    refuses("ide: a\nnamespac: b\ntask: [{id: t, command: [x]}]\n",
            "1: unknown key 'ide', did you mean 'id'?\n"
            "2: unknown key 'namespac', did you mean 'namespace'?\n"
            "3: unknown key 'task', did you mean 'tasks'?");
    refuses("id: a\nnamespace: b\ntask: [{id: t, command: [x]}]\npluginDefaults: []\n",
            "3: unknown key 'task', did you mean 'tasks'?");
    refuses(HEAD "pluginDefaults: [{type: x, values: {retry: 1}}]\ntask: []\n",
            "4: unknown key 'task', did you mean 'tasks'?");
    refuses(HEAD "tasks:\n  - id: t\n    comand: [x]\n",
            "5: task t: unknown key 'comand', did you mean 'command'?");
    refuses(HEAD "tasks:\n  - id: t\n    cmd: [x]\n",
            "5: task t: unknown key 'cmd', did you mean 'command'?");
    refuses(HEAD "tasks:\n  - id: t\n    run: echo x\n",
            "5: task t: unknown key 'run', did you mean 'script'?");
    refuses(HEAD "tasks:\n  - id: t\n    type: io.kestra.plugin.scripts.shell.Commands\n"
                 "    run: [x]\n",
            "6: task t: unknown key 'run', did you mean 'commands'?");
    refuses(HEAD "tasks:\n  - id: t\n    scrip: x\n",
            "5: task t: unknown key 'scrip', did you mean 'script'?");
    refuses(HEAD "tasks:\n  - {Id: t, script: x}\n",
            "4: tasks[0]: unknown key 'Id', did you mean 'id'?");
    refuses(HEAD "tasks:\n  - id: t\n    type: io.kestra.plugin.scripts.shell.Commands\n"
                 "    comands: [x]\n",
            "6: task t: unknown key 'comands', did you mean 'commands'?");
    refuses(HEAD "tasks:\n  - id: t\n    type: io.kestra.plugin.core.flow.Sleep\n"
                 "    duraton: PT1S\n",
            "6: task t: unknown key 'duraton', did you mean 'duration'?");
    refuses(HEAD "input: [{id: a, type: STRING}]\nvar: {b: c}\n"
                 "tasks: [{id: t, command: ['{{ inputs.a }}{{ vars.b }}']}]\n",
            "3: unknown key 'input', did you mean 'inputs'?\n"
            "4: unknown key 'var', did you mean 'vars'?");
    refuses(HEAD "inputs: [{id: a, typ: STRING}]\n" TASK,
            "3: input a: unknown key 'typ', did you mean 'type'?");
    refuses(HEAD TASK "concurrency: {limits: 1}\n",
            "5: concurrency: unknown key 'limits', did you mean 'limit'?");
    refuses(HEAD "inputs: [{id: a, type: STRING}]\n" TASK
                 "triggers: [{id: u, cron: '0 3 * * *', input: {a: b}}]\n",
            "6: trigger u: unknown key 'input', did you mean 'inputs'?");
    refuses(HEAD TASK "triggers: [{id: u, corn: '0 3 * * *'}]\n",
            "5: trigger u: unknown key 'corn', did you mean 'cron'?");
    refuses(HEAD TASK "triggers: [{id: u, webhok: {}}]\n",
            "5: trigger u: unknown key 'webhok', did you mean 'webhook'?");
    /* what is missing besides is told */
    refuses(HEAD "tasks:\n  - {type: io.kestra.plugin.scripts.shell.Commands, comands: [x]}\n",
            "4: tasks[0].id: is missing\n"
            "4: tasks[0]: unknown key 'comands', did you mean 'commands'?");
    refuses(HEAD "tasks:\n  - {id: t, scrip: x}\n  - {id: u}\n",
            "4: task t: unknown key 'scrip', did you mean 'script'?\n"
            "5: task u: command: a command or a script is missing");
    refuses(HEAD "tasks:\n  - {id: t, enviroment: {A: b}}\n",
            "4: task t: unknown key 'enviroment'\n"
            "4: task t: command: a command or a script is missing");
    refuses(HEAD TASK "triggers: [{id: u, corn: '* * * * *', interval: 1m}]\n",
            "5: trigger u: unknown key 'corn'\n"
            "5: trigger u: command: a command or a script is missing");
}

/* As Kestra takes them. */
static void numbers_in_quotes_are_numbers(void **state)
{
    (void)state;
    struct flow *f =
        parse(HEAD "tasks:\n  - {id: t, script: x, priority: '-3', retry: {maxAttempts: "
                   "\"2\", type: exponential, delayFactor: '1.5'}}\n"
                   "concurrency: {limit: '4'}\n");
    assert_int_equal(f->tasks[0].work.retry.max_attempts, 2);
    assert_true(f->tasks[0].work.retry.delay_factor > 1.4);
    assert_true(f->tasks[0].work.retry.delay_factor < 1.6);
    assert_int_equal(f->tasks[0].work.priority, -3);
    assert_int_equal(f->concurrency_limit, 4);
    flow_free(f);
    static const char *const bad[] = {
        "''", "'2x'", "' 2'", "'1.5'", "'0'", "two", "'99999999999999999999'"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = str_dupf(HEAD TASK "retry: {maxAttempts: %s}\n", bad[i]);
        refuses(text, "5: retry.maxAttempts: must be a whole number from 1 to 1000000");
        mem_free(text);
    }
    refuses(HEAD TASK "retry: {maxAttempts: 2, delayFactor: '2x'}\n",
            "5: retry.delayFactor: must be a number from 1 to 1000");
}

#define IN_TASK(lines) HEAD "tasks:\n  - id: t\n" lines

static void tasks_are_checked_field_by_field(void **state)
{
    (void)state;
    refuses(
        IN_TASK("    command: ls -l\n"),
        "5: task t: command: must be a list, [\"program\", \"argument\"]; a line for a shell is "
        "a script");
    refuses(IN_TASK("    command: []\n"), "5: task t: command: is empty");
    refuses(IN_TASK("    command: [a, [b]]\n"), "5: task t: command[1]: must be a string");
    refuses(IN_TASK("    command: ['']\n"), "5: task t: command: the program's name is empty");
    refuses(IN_TASK("    command: [a]\n    script: b\n"),
            "5: task t: command: there is a script, too: one of the two");
    refuses(IN_TASK("    command: [a]\n    shell: sh\n"),
            "6: task t: shell: is for scripts; a command runs without a shell");
    refuses(IN_TASK("    command: [a]\n    args: [b]\n"),
            "6: task t: args: is for scripts; the arguments of a command are in command");
    refuses(IN_TASK("    script: x\n    args: a b\n"),
            "6: task t: args: must be a list, such as args: [\"one\", \"two\"]");
    refuses(
        IN_TASK("    script: x\n    args: [a, {b: c}]\n"),
        "6: task t: args[1]: must be a string, and the ': ' in this line makes a mapping of it: "
        "put the whole line in quotes, or write it behind '|'");
    refuses(IN_TASK("    script: x\n    args: ['{{ nothing }}']\n"),
            "6: task t: args[0]: '{{ nothing }}': there is no 'nothing': an expression begins with "
            "inputs, outputs, vars, trigger, execution, flow or taskrun; a text stands in quotes");
    refuses(IN_TASK("    script: ' '\n"), "5: task t: script: is empty");
    refuses(IN_TASK("    script: x\n    shell: zsh\n"),
            "6: task t: shell: 'zsh' is not one of sh, bash, powershell, pwsh, cmd, python3");
    refuses(IN_TASK("    script: x\n    env: {'A=B': c, D: [e]}\n"),
            "6: task t: env: 'A=B' is not a variable's name\n6: task t: env.D: must be a string");
    refuses(IN_TASK("    script: x\n    requires: {gpus: 1}\n"),
            "6: task t: requires.gpus: no such capability");
    refuses(IN_TASK("    script: x\n    requires: {os: '{{ vars.os }}'}\n"),
            "6: task t: requires: expressions are not rendered here");
    refuses(IN_TASK("    script: x\n    timeout: P1M\n    lease: 5ms\n    killGrace: 2h\n"),
            "6: task t: timeout: 'P1M': years and months differ in length, use days (minutes come "
            "after a T: PT5M)\n"
            "7: task t: lease: must be from 1s to 3653d\n"
            "8: task t: killGrace: must be from 1ms to 1h");
    refuses(IN_TASK("    script: x\n    priority: 1.5\n"),
            "6: task t: priority: must be a whole number from -1000000 to 1000000");
    refuses(IN_TASK("    script: x\n    retry: {interval: 0, delayFactor: 0.5, maxAttempt: 0}\n"),
            "6: task t: retry.delayFactor: must be a number from 1 to 1000\n"
            "6: task t: retry.maxAttempt: must be a whole number from 1 to 1000000");
    refuses(IN_TASK("    script: x\n    retry: {interval: 0s}\n"),
            "6: task t: retry.maxAttempts: is needed when there is no interval");
    refuses(IN_TASK("    script: x\n    retry: {type: random, interval: 1s}\n"),
            "6: task t: retry.maxInterval: is needed: the delay is drawn between interval and "
            "maxInterval");
    refuses(IN_TASK("    script: x\n    retry: {maxAttempts: 2, maxAttempt: 2}\n"),
            "6: task t: retry.maxAttempt: is the same as maxAttempts: one of the two");
    refuses(
        IN_TASK("    script: x\n    workerGroup: {key: 'g{{ taskrun.attempt }}'}\n"),
        "6: task t: workerGroup.key: '{{ taskrun.attempt }}': there is no 'taskrun' in a group's "
        "key");
    refuses(IN_TASK("    script: x\n    tasks: [a]\n    conditions: [b]\n"),
            "6: task t: tasks: is for tasks that hold others, such as "
            "io.kestra.plugin.core.flow.Parallel\n"
            "7: task t: conditions: is not supported; runIf tells whether a task runs");
}

static void expressions_see_what_comes_before_them(void **state)
{
    (void)state;
    refuses(HEAD "tasks:\n"
                 "  - {id: a, script: '{{ outputs.b.x }}'}\n"
                 "  - {id: b, script: '{{ outputs.a.x }} {{ outputs.b.x }}'}\n",
            "4: task a: script: '{{ outputs.b.x }}': the task 'b' comes later\n"
            "5: task b: script: '{{ outputs.b.x }}': the task 'b' cannot use its own outputs");
    refuses(HEAD TASK "vars: {a: '{{ flow.id }}', b: [x, '{{']}\nlabels: {x: '{{ flow.id }}'}\n",
            "5: vars: '{{': an expression is missing\n"
            "6: labels.x: expressions are not rendered here");
    refuses(HEAD TASK "workerGroup: {key: '{{ outputs.a.g }}'}\n",
            "5: workerGroup.key: '{{ outputs.a.g }}': there is no 'outputs' in a group's key");
}

#define CHECK HEAD TASK "triggers:\n  - id: t\n    type: io.kestra.plugin.scripts."

static void kestra_s_checks_are_read(void **state)
{
    (void)state;
    struct flow *f = parse(CHECK "shell.ScriptTrigger\n"
                                 "    exitCondition: ' Exit  7 '\n"
                                 "    beforeCommands: [cd /]\n"
                                 "    interpreter: [bash, -c]\n"
                                 "    env: {A: '{{ flow.id }}'}\n"
                                 "    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n"
                                 "    script: test -e {{ vars.x ?? '/x' }}\nvars: {x: 1}\n");
    const struct flow_trigger *t = &f->triggers[0];
    assert_true(t->by_code && t->edge);
    assert_int_equal(t->fire_code, 7);
    assert_int_equal(t->interval_ms, 60000);
    assert_int_equal(t->work.timeout_ms, 600000);
    assert_string_equal(t->work.shell, "bash");
    assert_string_equal(t->work.script, "set +o pipefail; cd /\ntest -e {{ vars.x ?? '/x' }}");
    assert_string_equal(t->work.env[0].name, "A");
    flow_free(f);
    f = parse(CHECK "powershell.CommandsTrigger\n    exitCondition: exit 0\n    edge: false\n"
                    "    interval: PT10S\n    commands: [exit 1]\n");
    t = &f->triggers[0];
    assert_true(t->by_code && !t->edge);
    assert_int_equal(t->fire_code, 0);
    assert_string_equal(t->work.shell, "pwsh");
    assert_int_equal(t->interval_ms, 10000);
    flow_free(f);
    f = parse(CHECK "python.ScriptTrigger\n    exitCondition: exit 4294967295\n    script: x\n");
    assert_string_equal(f->triggers[0].work.shell, "python3");
    assert_int_equal(f->triggers[0].fire_code, 4294967295);
    flow_free(f);
    f = parse(HEAD TASK "triggers: [{id: t, command: [x], exitCondition: exit 3}]\n");
    assert_true(f->triggers[0].by_code && !f->triggers[0].edge);
    flow_free(f);
    f = parse(HEAD TASK "triggers: [{id: t, command: [x], edge: true}]\n");
    assert_true(!f->triggers[0].by_code && f->triggers[0].edge);
    flow_free(f);
}

static void kestra_s_checks_are_refused_by_name(void **state)
{
    (void)state;
    refuses(CHECK "shell.ScriptTrigger\n    script: x\n",
            "6: trigger t: exitCondition: is missing, such as \"exit 0\"");
    refuses(CHECK "shell.ScriptTriger\n    script: x\n",
            "7: trigger t: type: there is no 'io.kestra.plugin.scripts.shell.ScriptTriger' here, "
            "did you mean 'io.kestra.plugin.scripts.shell.ScriptTrigger'?");
    refuses(CHECK "node.ScriptTrigger\n    script: x\n",
            "7: trigger t: type: 'io.kestra.plugin.scripts.node.ScriptTrigger' has no shell here; "
            "write the script's file and run it with CommandsTrigger");
    refuses(CHECK "groovy.CommandsTrigger\n    commands: [x]\n",
            "7: trigger t: type: 'io.kestra.plugin.scripts.groovy.CommandsTrigger' is not "
            "supported; run its lines with io.kestra.plugin.scripts.shell.CommandsTrigger");
    refuses(
        HEAD TASK "triggers: [{id: t, type: io.kestra.plugin.mqtt.Trigger}]\n",
        "5: trigger t: type: 'io.kestra.plugin.mqtt.Trigger' is not supported: a trigger "
        "has a cron expression, a webhook, another flow, or an interval and a command or script; "
        "docs/from-kestra.md lists the types");
    static const char *const conditions[] = {
        "exit",    "exit x",   "exit 1 2",
        "exit -1", "exit1",    "exit 4294967296",
        "ready.*", "return 1", "exit 99999999999999999999",
        "xit 1",
    };
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++) {
        char *text = str_dupf(CHECK "shell.ScriptTrigger\n    script: x\n    exitCondition: '%s'\n",
                              conditions[i]);
        char *wanted = str_dupf("9: trigger t: exitCondition: '%s' is not supported: write \"exit "
                                "N\", and let the check end with that code",
                                conditions[i]);
        refuses(text, wanted);
        mem_free(text);
        mem_free(wanted);
    }
    refuses(CHECK "python.CommandsTrigger\n    exitCondition: exit 1\n    commands: [x]\n"
                  "    containerImage: ubuntu\n    conditions: [x]\n    script: y\n    retry: "
                  "{maxAttempts: 2}\n"
                  "    cmmands: [y]\n    edge: 3\n",
            "10: trigger t: containerImage: is not supported: a task runs on the agent's machine, "
            "in no container; it may stand beside taskRunner: {type: "
            "io.kestra.plugin.core.runner.Process}\n"
            "11: trigger t: conditions: is not supported; let the command or script check\n"
            "12: trigger t: script: is not a property of "
            "io.kestra.plugin.scripts.python.CommandsTrigger; "
            "io.kestra.plugin.scripts.python.ScriptTrigger has it\n"
            "13: trigger t: retry: is not supported: the next evaluation follows after the "
            "interval\n"
            "14: trigger t: unknown key 'cmmands', did you mean 'commands'?\n"
            "15: trigger t: edge: must be true or false");
    refuses(CHECK "shell.ScriptTrigger\n    exitCondition: exit 1\n    script: '{{ inputs.x }}'\n",
            "9: trigger t: script: '{{ inputs.x }}': there is no 'inputs' before an execution has "
            "begun");
}

static void webhooks_are_read_and_refused_by_name(void **state)
{
    (void)state;
    struct flow *f = parse(
        HEAD TASK "triggers:\n"
                  "  - {id: a, type: io.kestra.plugin.core.trigger.Webhook, key: k-1, wait: "
                  "false, fetchType: FETCH}\n"
                  "  - {id: b, type: io.kestra.core.models.triggers.types.Webhook, key: k2}\n"
                  "  - {id: c, webhook: {}, stopAfter: [FAILED], failOnTriggerError: true}\n");
    assert_int_equal(f->triggers[0].kind, TRIGGER_WEBHOOK);
    assert_string_equal(f->triggers[0].key, "k-1");
    assert_true(f->triggers[1].allow_concurrent);
    assert_null(f->triggers[2].key);
    assert_true(f->triggers[2].fail_on_trigger_error);
    flow_free(f);
#define HOOK "triggers:\n  - {id: a, type: io.kestra.plugin.core.trigger.Webhook"
    refuses(HEAD TASK HOOK "}\n",
            "6: trigger a: key: is missing: the secret at the end of the webhook's address");
    refuses(HEAD TASK HOOK ", key: ''}\n",
            "6: trigger a: key: must be a text without blanks and slashes");
    refuses(HEAD TASK HOOK ", key: a/b}\n",
            "6: trigger a: key: must be a text without blanks and slashes");
    refuses(
        HEAD TASK HOOK ", key: \"{{secret('X')}}\"}\n",
        "6: trigger a: key: expressions are not rendered here; a trigger with webhook: {} has a "
        "key that stands in no file: cadre trigger key makes it");
    refuses(HEAD TASK HOOK
            ", key: k}\n  - {id: b, type: io.kestra.plugin.core.trigger.Webhook, key: k}\n",
            "7: trigger b: key: is that of the trigger a, too");
    refuses(
        HEAD TASK HOOK
        ", key: k, conditions: [x], when: x, wait: true, fetchType: STORE, workerGroup: {key: g}, "
        "command: [x], allowConcurrent: false}\n",
        "6: trigger a: conditions: is not supported; let the flow look at {{ trigger.body }}\n"
        "6: trigger a: when: is not supported; let the flow look at {{ trigger.body }}\n"
        "6: trigger a: workerGroup: is not for this kind of trigger: it needs no agent\n"
        "6: trigger a: unknown key 'command'\n"
        "6: trigger a: wait: true is not supported: the answer comes at once, with the "
        "execution's id\n"
        "6: trigger a: fetchType: 'STORE' is not one of FETCH\n"
        "6: trigger a: allowConcurrent: false is not for webhooks: concurrency of the flow "
        "limits its executions");
    refuses(HEAD TASK "triggers: [{id: a, webhook: {key: x}}]\n",
            "5: trigger a: webhook: unknown key 'key'");
    refuses(HEAD TASK "triggers: [{id: a, webhook: true}]\n",
            "5: trigger a: webhook: must be a mapping, such as webhook: {}");
}

#define NAMESPACE(keys) "{type: io.kestra.plugin.core.condition.ExecutionNamespace, " keys "}"

static void has_namespace(const char *conditions, const char *ns, bool prefix)
{
    char *text = str_dupf("%striggers:\n  - {id: a, type: io.kestra.plugin.core.trigger.Flow, "
                          "conditions: [%s]}\n",
                          HEAD TASK, conditions);
    struct flow *f = parse(text);
    assert_string_equal(f->triggers[0].after.ns, ns);
    assert_int_equal(f->triggers[0].after.prefix, prefix);
    flow_free(f);
    mem_free(text);
}

/* PREFIX is the beginning of the text, as in Kestra; of several conditions the narrowest stays. */
static void flow_trigger_prefixes(void)
{
    has_namespace(NAMESPACE("namespace: comp, comparison: PREFIX"), "comp", true);
    has_namespace(NAMESPACE("namespace: company., prefix: true"), "company.", true);
    has_namespace(NAMESPACE("namespace: company, prefix: true, comparison: EQUALS"), "company",
                  false);
    has_namespace(NAMESPACE("namespace: comp, prefix: true") ", " NAMESPACE("namespace: company"),
                  "company", false);
    has_namespace(NAMESPACE("namespace: company") ", " NAMESPACE(
                      "namespace: company, prefix: true"),
                  "company", false);
    has_namespace(NAMESPACE("namespace: a, prefix: true") ", " NAMESPACE("namespace: ab, prefix: "
                                                                         "true"),
                  "ab", true);
    static const char *const bad[][2] = {
        {NAMESPACE("namespace: 'a..b', prefix: true"),
         "'a..b' is not the beginning of a namespace: words of letters, digits, '_' and '-' joined "
         "by dots"},
        {NAMESPACE("namespace: '', prefix: true"),
         "'' is not the beginning of a namespace: words of letters, digits, '_' and '-' joined by "
         "dots"},
        {NAMESPACE("namespace: company."),
         "'company.' is not a namespace: words of letters, digits, '_' and '-' joined by dots"},
        {NAMESPACE("namespace: ab, prefix: true") ", " NAMESPACE("namespace: ac"),
         "'ab' is named before: they are never both"},
        {NAMESPACE("namespace: a") ", " NAMESPACE("namespace: ab, prefix: true"),
         "'a' is named before: they are never both"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = str_dupf("%striggers:\n  - {id: a, type: io.kestra.plugin.core.trigger.Flow, "
                              "conditions: [%s]}\n",
                              HEAD TASK, bad[i][0]);
        char *wanted = str_dupf("6: trigger a: conditions[%d].namespace: %s", i > 2, bad[i][1]);
        refuses(text, wanted);
        mem_free(wanted);
        mem_free(text);
    }
}

static void flow_triggers_are_read_and_refused_by_name(void **state)
{
    (void)state;
    struct flow *f =
        parse(HEAD TASK "triggers:\n"
                        "  - {id: a, flow: {id: g}}\n"
                        "  - {id: b, flow: {namespace: x.y, id: g, states: [FAILED, KILLED]}}\n"
                        "  - {id: c, type: io.kestra.core.models.triggers.types.Flow}\n");
    const struct flow_after *a = &f->triggers[0].after;
    assert_int_equal(f->triggers[0].kind, TRIGGER_FLOW);
    assert_string_equal(a->ns, "company.team");
    assert_string_equal(a->flow, "g");
    assert_true(a->states >> EXECUTION_SUCCESS & a->states >> EXECUTION_CANCELLED & 1);
    a = &f->triggers[1].after;
    assert_string_equal(a->ns, "x.y");
    assert_int_equal(a->states, 1u << EXECUTION_FAILED | 1u << EXECUTION_KILLED);
    assert_null(f->triggers[2].after.flow);
    flow_free(f);
    flow_trigger_prefixes();
#define FLOW_TRIGGER "triggers:\n  - {id: a, type: io.kestra.plugin.core.trigger.Flow"
    refuses(HEAD TASK "triggers: [{id: a, flow: {id: f}}]\n",
            "5: trigger a: flow: is the flow itself: a flow is not started by the end of its own "
            "executions");
    refuses(HEAD TASK "triggers: [{id: a, flow: {namespace: x}}]\n",
            "5: trigger a: flow.id: is missing");
    refuses(HEAD TASK FLOW_TRIGGER ", states: [RUNNING]}\n",
            "6: trigger a: states: 'RUNNING' is not one of SUCCESS, WARNING, FAILED, KILLED, "
            "CANCELLED: a trigger fires when an execution has ended");
    refuses(
        HEAD TASK FLOW_TRIGGER
        ", conditions: [{type: io.kestra.plugin.core.condition.ExecutionLabels}]}\n",
        "6: trigger a: conditions[0].type: 'io.kestra.plugin.core.condition.ExecutionLabels' is "
        "not supported here: ExecutionFlow, ExecutionNamespace and ExecutionStatus are");
    refuses(
        HEAD TASK FLOW_TRIGGER
        ", preconditions: {id: p, flows: [{flowId: a}, {flowId: b}], timeWindow: {a: b}}}\n",
        "6: trigger a: preconditions.timeWindow: is not supported: a trigger fires after one "
        "flow, when that ends\n"
        "6: trigger a: preconditions.flows: has 2 flows, one is supported: a trigger fires after "
        "one flow; write a trigger for each when any of them is to fire");
    refuses(HEAD TASK FLOW_TRIGGER ", dependsOn: [a]}\n",
            "6: trigger a: dependsOn[0]: must be a mapping, such as {namespace: company.team, "
            "flowId: extract}");
    refuses(
        HEAD TASK FLOW_TRIGGER
        ", conditions: [{type: io.kestra.plugin.core.condition.ExecutionStatus, in: [FAILED]}], "
        "states: [SUCCESS]}\n",
        "6: trigger a: type: there is no state that all of the conditions allow");
    refuses(HEAD TASK FLOW_TRIGGER ", dependsOn: [{flowId: a, labels: {x: y}}], when: x}\n",
            "6: trigger a: when: is not supported; let the flow look at {{ trigger }}\n"
            "6: trigger a: dependsOn[0].labels: is not supported: let the flow look at {{ "
            "trigger.executionLabels }}");
}

static void triggers_are_checked(void **state)
{
    (void)state;
    refuses(
        HEAD TASK "triggers:\n"
                  "  - id: t\n"
                  "    script: '{{ inputs.day }} {{ execution.id }} {{ trigger.x }}'\n"
                  "    interval: 10ms\n"
                  "    retry: {maxAttempts: 3}\n"
                  "    stopAfter: [RUNNING, FAILED]\n",
        "7: trigger t: script: '{{ inputs.day }}': there is no 'inputs' before an execution has "
        "begun\n"
        "7: trigger t: script: '{{ execution.id }}': there is no 'execution' before an execution "
        "has begun\n"
        "7: trigger t: script: '{{ trigger.x }}': there is no 'trigger' before an execution has "
        "begun\n"
        "8: trigger t: interval: must be from 1s to 3653d\n"
        "9: trigger t: retry: is not supported: the next evaluation follows after the interval\n"
        "10: trigger t: stopAfter: 'RUNNING' is not one of SUCCESS, WARNING, FAILED, KILLED, "
        "CANCELLED");
    refuses(HEAD TASK "triggers:\n  - {id: a, script: x}\n  - {id: a, script: y}\n",
            "7: trigger a: the id is used in line 6 already");
    refuses(
        HEAD TASK "triggers:\n  - {id: s, type: io.kestra.plugin.core.trigger.ScheduleOnDates}\n",
        "6: trigger s: type: 'io.kestra.plugin.core.trigger.ScheduleOnDates' is not supported: a "
        "trigger has a cron expression, a webhook, another flow, or an interval and a command or "
        "script; "
        "docs/from-kestra.md lists the types");
    refuses(
        HEAD TASK "inputs:\n"
                  "  - {id: day, type: DATE}\n"
                  "  - {id: n, type: INT, defaults: 1}\n"
                  "triggers:\n"
                  "  - {id: a, script: x}\n"
                  "  - {id: b, script: x, inputs: {day: monday, m: 1}}\n"
                  "  - {id: c, script: x, inputs: {day: '{{ inputs.n }}', n: many}}\n",
        "9: trigger a: inputs: the input day has no default, and the trigger does not give it\n"
        "10: trigger b: inputs.day: is not a date such as 2026-01-31\n"
        "10: trigger b: inputs: there is no input 'm'\n"
        "11: trigger c: inputs.day: '{{ inputs.n }}': there is no 'inputs' in the inputs that a "
        "trigger gives\n"
        "11: trigger c: inputs.n: is not a whole number");
    refuses(HEAD TASK "inputs: [{id: g, type: STRING, defaults: x}]\n"
                      "workerGroup: {key: '{{ inputs.g }}'}\n"
                      "triggers: [{id: a, script: x}]\n",
            "6: trigger a: names no workerGroup: the flow's key: '{{ inputs.g }}': there is no "
            "'inputs' before an execution has begun");
}

static void inputs_are_checked(void **state)
{
    (void)state;
    refuses(
        HEAD TASK "inputs:\n"
                  "  - {id: a, type: FILE}\n"
                  "  - {id: b}\n"
                  "  - {id: c, type: SELECT}\n"
                  "  - {id: d, type: STRING, values: [x]}\n"
                  "  - {id: e, type: SELECT, values: [red, green], defaults: gren}\n"
                  "  - {id: f, type: INT, defaults: x, min: 3, max: 2}\n"
                  "  - {id: g, type: STRING, min: 1}\n"
                  "  - {id: g, type: STRING, validator: x}\n"
                  "  - {id: h, type: STRING, defaults: '{{ flow.id }}'}\n"
                  "  - {id: i/j, type: STRING}\n",
        "6: input a: type: 'FILE' is not supported: make it a STRING, the path or URI of a file "
        "that the task's machine reaches\n"
        "7: input b: type: is missing\n"
        "8: input c: values: is missing: what may be chosen\n"
        "9: input d: values: is for the types SELECT and MULTISELECT\n"
        "10: input e: defaults: 'gren' is not one of the input's values, did you mean 'green'?\n"
        "11: input f: max: is less than min\n"
        "11: input f: defaults: 'x' is not a whole number\n"
        "12: input g: min: is for the types INT and FLOAT\n"
        "13: input g: validator: is not supported; let the task check the text\n"
        "13: input g: the id is used in line 12 already\n"
        "14: input h: defaults: expressions are not rendered here\n"
        "15: inputs[9].id: 'i/j' is not an id: 1 to 100 letters, digits, '_', '.' and '-', the "
        "first "
        "a letter or digit");
}

static void what_flows_of_kestra_have_besides_is_refused_by_name(void **state)
{
    (void)state;
    refuses(HEAD TASK "afterExecution: [a]\nsla: [a]\n",
            "5: afterExecution: is not supported by Cadre; docs/from-kestra.md tells what is\n"
            "6: sla: is not supported; give the tasks a timeout");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_design_s_flow_is_read),
        cmocka_unit_test(defaults_are_those_of_the_documents),
        cmocka_unit_test(plain_group_keys_can_be_gone_through),
        cmocka_unit_test(all_problems_are_reported_with_their_lines),
        cmocka_unit_test(the_line_of_an_expression_in_a_script_is_its_own),
        cmocka_unit_test(yaml_that_is_none_is_one_problem),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_hundred_problems_are_kept),
        cmocka_unit_test(shapes_that_are_wrong_are_named),
        cmocka_unit_test(a_fault_is_told_once),
        cmocka_unit_test(a_slip_in_a_needed_key_is_one_problem),
        cmocka_unit_test(numbers_in_quotes_are_numbers),
        cmocka_unit_test(tasks_are_checked_field_by_field),
        cmocka_unit_test(expressions_see_what_comes_before_them),
        cmocka_unit_test(kestra_s_checks_are_read),
        cmocka_unit_test(kestra_s_checks_are_refused_by_name),
        cmocka_unit_test(webhooks_are_read_and_refused_by_name),
        cmocka_unit_test(flow_triggers_are_read_and_refused_by_name),
        cmocka_unit_test(triggers_are_checked),
        cmocka_unit_test(inputs_are_checked),
        cmocka_unit_test(what_flows_of_kestra_have_besides_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
