/* Flows as Kestra's users bring them: which apply, and what is said of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#include <string.h>

#define SCRIPTS "io.kestra.plugin.scripts."
#define LOG "io.kestra.plugin.core.log.Log"
#define PROCESS "taskRunner: {type: io.kestra.plugin.core.runner.Process}"
#define TASK(lines) FLOW_HEAD "tasks:\n  - id: t\n" lines
#define SHELL "    type: " SCRIPTS "shell.Commands\n    commands: [x]\n"
#define CONTAINER                                                                                  \
    "is not supported: a task runs on the agent's machine, in no container; it may stand beside "  \
    "taskRunner: {type: io.kestra.plugin.core.runner.Process}"

static void applies(const char *text)
{
    flow_free(flow_text_parse(text));
}

static void is_script(const char *text, const char *shell, const char *script)
{
    struct flow *f = flow_text_parse(text);
    assert_string_equal(f->tasks[0].work.shell, shell);
    assert_string_equal(f->tasks[0].work.script, script);
    flow_free(f);
}

/* ---- what runs ------------------------------------------------------------------------------- */

static void bash_has_no_pipefail_of_its_own(void **state)
{
    (void)state;
    is_script(TASK("    type: " SCRIPTS "shell.Commands\n"
                   "    interpreter: [bash, -c]\n"
                   "    beforeCommands: [a]\n"
                   "    commands: [seq 9 | head -n 1, echo after]\n"),
              "bash", "set +o pipefail; a\nseq 9 | head -n 1\necho after\n");
    is_script(TASK("    type: " SCRIPTS "shell.Script\n"
                   "    interpreter: bash\n"
                   "    script: |\n      a | b\n"),
              "bash", "set +o pipefail; a | b\n");
    is_script(TASK("    type: " SCRIPTS "shell.Commands\n    commands: [a | b]\n"), "sh",
              "a | b\n");
    is_script(TASK("    shell: bash\n    script: a | b\n"), "bash", "a | b");
}

static void powershell_ends_as_kestra_s_does(void **state)
{
    (void)state;
    is_script(TASK("    type: " SCRIPTS "powershell.Commands\n    commands: [a, b]\n"), "pwsh",
              "a\nb\nif ($?) { exit 0 } else { exit 1 }\n");
    is_script(
        TASK("    type: " SCRIPTS "powershell.Script\n    script: a\n"
             "    interpreter: [powershell, -NoProfile, -ExecutionPolicy, Bypass, -Command]\n"),
        "powershell", "a\nexit 0\n");
    is_script(TASK("    shell: pwsh\n    script: a\n"), "pwsh", "a");
}

static void usual_arguments_of_an_interpreter_are_taken(void **state)
{
    (void)state;
    static const char *const fine[] = {
        "[powershell, -NoProfile, -ExecutionPolicy, Bypass, -Command]",
        "[pwsh, -executionpolicy, unrestricted, -file]",
        "[powershell, -ep, RemoteSigned]",
        "[pwsh, -nologo, -NONINTERACTIVE]",
        "[cmd, /c]",
        "[cmd, /C]",
    };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
        char *text = str_dupf(TASK("    type: " SCRIPTS "powershell.Script\n    script: x\n"
                                   "    interpreter: %s\n"),
                              fine[i]);
        applies(text);
        mem_free(text);
    }
    flow_text_refuses(TASK("    type: " SCRIPTS "powershell.Script\n    script: x\n"
                           "    interpreter: [pwsh, -ExecutionPolicy, AllSigned, -Command]\n"),
                      "7: task t: interpreter: the argument '-ExecutionPolicy' is not supported\n"
                      "7: task t: interpreter: the argument 'AllSigned' is not supported");
    flow_text_refuses(TASK("    type: " SCRIPTS "powershell.Script\n    script: x\n"
                           "    interpreter: [pwsh, -ExecutionPolicy]\n"),
                      "7: task t: interpreter: the argument '-ExecutionPolicy' is not supported");
}

static void runs(const char *interpreter, const char *script, bool path)
{
    char *text = str_dupf(TASK("    type: " SCRIPTS "shell.Commands\n    commands: [x]\n"
                               "    interpreter: %s\n    requires: {memory: '>= 1GiB'}\n"),
                          interpreter);
    struct flow *f = flow_text_parse(text);
    const struct flow_work *w = &f->tasks[0].work;
    assert_string_equal(w->script, script);
    assert_int_equal(w->shell == NULL, path);
    assert_int_equal(json_get_str(w->require, "os", NULL) != NULL, path);
    assert_non_null(json_get(w->require, "memory"));
    flow_free(f);
    mem_free(text);
}

static void a_path_is_the_program_itself(void **state)
{
    (void)state;
    runs("[/opt/venv/bin/python3]", "#!/opt/venv/bin/python3 -u\nx\n", true);
    runs("/opt/python3.11/bin/python3.11", "#!/opt/python3.11/bin/python3.11 -u\nx\n", true);
    runs("[/bin/bash, -c]", "#!/bin/bash -e\nx\n", true);
    runs("[/bin/sh, -c]", "#!/bin/sh -e\nx\n", true);
    runs("[python, -u]", "x\n", false);
    static const char *const refused[][2] = {{"C:\\Python\\python.exe", "python3"},
                                             {"venv/bin/python3", "python3"},
                                             {"/usr/bin/pwsh", "pwsh"},
                                             {"/opt/my tools/bash", "bash"},
                                             {"/opt/{{ vars.x }}/bash", "bash"},
                                             {"c:/bash.exe", "bash"}};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        char *text = str_dupf(TASK(SHELL "    interpreter: ['%s']\n"), refused[i][0]);
        char *wanted = str_dupf("7: task t: interpreter: the path of '%s' is not supported: write "
                                "%s, and let PATH lead to it",
                                refused[i][0], refused[i][1]);
        flow_text_refuses(text, wanted);
        mem_free(text);
        mem_free(wanted);
    }
}

/* ---- what means nothing here, and may stand -------------------------------------------------- */

static void what_changes_nothing_is_taken(void **state)
{
    (void)state;
    applies(TASK("    type: " LOG "\n    message: hello\n"
                 "    retry: {type: constant, interval: PT1S, maxAttempts: 2}\n"));
    applies(TASK(SHELL "    " PROCESS "\n    containerImage: ubuntu\n"));
    applies(TASK(SHELL "    runner: PROCESS\n    docker: {image: ubuntu}\n"));
    applies(TASK(SHELL "    taskRunner:\n      type: "
                       "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner\n"));
    applies(TASK(SHELL "    retry: {type: constant, interval: PT1S, maxAttempts: 2, behavior: "
                       "RETRY_FAILED_TASK}\n"));
    flow_text_refuses(TASK(SHELL "    containerImage: ubuntu\n"),
                      "7: task t: containerImage: " CONTAINER);
    flow_text_refuses(TASK(SHELL "    retry: {maxAttempts: 2, behavior: CREATE_NEW_EXECUTION}\n"),
                      "7: task t: retry.behavior: CREATE_NEW_EXECUTION is not supported for tasks: "
                      "the failed task is tried again");
}

static void a_number_is_a_text_where_texts_are_lines(void **state)
{
    (void)state;
    applies(TASK("    type: " LOG "\n    message: 1.10\n"));
    applies(TASK("    type: " SCRIPTS "shell.Commands\n    commands: [true, 1.10]\n"));
}

static void a_task_without_its_type_is_told_once(void **state)
{
    (void)state;
    flow_text_refuses(TASK("    message: hello\n"),
                      "5: task t: message: is a property of io.kestra.plugin.core.log.Log: a type "
                      "is missing");
    flow_text_refuses(TASK("    commands: [x]\n    runner: y\n"),
                      "5: task t: commands: is a property of "
                      "io.kestra.plugin.scripts.shell.Commands: a type is missing");
    flow_text_refuses(TASK("    Type: " LOG "\n    message: hello\n"),
                      "5: task t: unknown key 'Type', did you mean 'type'?");
    flow_text_refuses(TASK("    type: " SCRIPTS "shell.Script\n    commands: [x]\n"),
                      "6: task t: commands: is not a property of " SCRIPTS "shell.Script; " SCRIPTS
                      "shell.Commands has it");
    flow_text_refuses(TASK("    script: x\n    commands: [x]\n"),
                      "6: task t: unknown key 'commands', did you mean 'command'?");
}

static void an_export_s_empty_sections_say_nothing(void **state)
{
    (void)state;
    applies(FLOW_HEAD
            "revision: 3\ndeleted: false\nlabels: {}\ninputs: []\nvariables: {}\n"
            "errors: []\nfinally: null\nlisteners: []\ntriggers: null\noutputs: []\n"
            "pluginDefaults: []\ntaskDefaults: []\nsla: []\nchecks: []\ntenantId:\nconcurrency:\n"
            "tasks:\n  - id: t\n" SHELL
            "    dependencies: []\n    inputFiles: {}\n    outputFiles: []\n    env: {}\n"
            "    namespaceFiles: {enabled: false}\n    logToFile: false\n"
            "    allowWarning: false\n    runIf:\n    retry: null\n    timeout:\n"
            "    docker: {}\n    containerImage:\n    conditions: []\n");
    applies(TASK(SHELL "    runIf: 'true'\n    outputDirectory: false\n"));
    applies(FLOW_HEAD "labels: []\ninputs: {}\ntriggers: {}\nvariables: []\n"
                      "tasks:\n  - id: t\n" SHELL "    env: []\n");
    applies(FLOW_HEAD "tasks:\n  - id: t\n" SHELL
                      "triggers:\n  - {id: u, command: [x], conditions: [], labels: {}}\n");
    flow_text_refuses(
        FLOW_HEAD "deleted: true\nrevision: x\nerrors: {a: b}\n"
                  "tasks:\n  - id: t\n" SHELL
                  "    namespaceFiles: {}\n    outputFiles: [a]\n    logToFile: true\n",
        "3: deleted: true is not supported; cadre flow delete removes a flow\n"
        "4: revision: is a number, and not looked at: Cadre counts revisions\n"
        "5: errors: must be a list, such as errors: [{id: a, command: [echo, hello]}]\n"
        "10: task t: namespaceFiles: is not supported; keep the files on the agent's "
        "machine, or let the script fetch them\n"
        "11: task t: outputFiles: is not supported; let the script store its files "
        "and set an output\n"
        "12: task t: logToFile: is not supported; cadre execution logs prints the "
        "output");
}

/* ---- what is refused, and how ---------------------------------------------------------------- */

static void names_of_other_types_are_no_slips(void **state)
{
    (void)state;
    static const char *const others[][2] = {
        {SCRIPTS "groovy.Commands",
         "is not supported; run its lines with " SCRIPTS "shell.Commands"},
        {SCRIPTS "dotnet.Commands",
         "is not supported; run its lines with " SCRIPTS "shell.Commands"},
        {SCRIPTS "jython.Commands",
         "is not supported; run its lines with " SCRIPTS "shell.Commands"},
        {SCRIPTS "rust.Commands", "is not supported; run its lines with " SCRIPTS "shell.Commands"},
        {"io.kestra.plugin.core.flow.LoopUntil",
         "is not supported; docs/from-kestra.md lists what is"},
        {"io.kestra.plugin.core.flow.ForEachItem",
         "is not supported; docs/from-kestra.md lists what is"},
        {"io.kestra.plugin.core.flow.Template",
         "is not supported; docs/from-kestra.md lists what is"},
        {SCRIPTS "nashorn.Eval", "is not supported; docs/from-kestra.md lists what is"},
        {SCRIPTS "jython.Eval", "is not supported; docs/from-kestra.md lists what is"},
        {SCRIPTS "node.Script",
         "has no shell here; write the script's file and run it with Commands"},
        {"io.kestra.plugin.core.log.Fetch", "is not supported; docs/from-kestra.md lists what is"},
        {"io.kestra.plugin.core.log.PurgeLogs",
         "is not supported; docs/from-kestra.md lists what is"},
        {"io.kestra.plugin.core.log.Logs.Log",
         "is not supported; docs/from-kestra.md lists what is"},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char *text = str_dupf(TASK("    type: %s\n    commands: [x]\n"), others[i][0]);
        char *wanted = str_dupf("5: task t: type: '%s' %s", others[i][0], others[i][1]);
        flow_text_refuses(text, wanted);
        mem_free(text);
        mem_free(wanted);
    }
}

static void slips_in_a_type_are_told(void **state)
{
    (void)state;
    static const char *const slips[][2] = {
        {SCRIPTS "shell.Command", SCRIPTS "shell.Commands"},
        {SCRIPTS "Shell.Commands", SCRIPTS "shell.Commands"},
        {SCRIPTS "pyhton.Script", SCRIPTS "python.Script"},
        {SCRIPTS "powershel.Script", SCRIPTS "powershell.Script"},
        {"io.kestra.plugin.script.python.Commands", SCRIPTS "python.Commands"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        char *text = str_dupf(TASK("    type: %s\n    commands: [x]\n"), slips[i][0]);
        char *wanted = str_dupf("5: task t: type: there is no '%s' here, did you mean '%s'?",
                                slips[i][0], slips[i][1]);
        flow_text_refuses(text, wanted);
        mem_free(text);
        mem_free(wanted);
    }
}

#define PERCENT ": {% is a statement to Kestra, and not supported"
#define HASH ": {# is a statement to Kestra, and not supported"
#define PERCENT_WAY PERCENT "; the text itself is written {{ '{%' }}"
#define HASH_WAY HASH "; the text itself is written {{ '{#' }}"

static void statements_are_refused_wherever_they_stand(void **state)
{
    (void)state;
    flow_text_refuses(
        FLOW_HEAD "labels: {a: '{# x #}'}\n"
                  "vars: {a: '{% x %}'}\n"
                  "inputs: [{id: i, type: STRING, defaults: '{% x %}'}, {id: j, type: STRING}]\n"
                  "workerGroup: {key: '{% if x %}a{% endif %}'}\n"
                  "tasks:\n"
                  "  - id: t\n"
                  "    type: " SCRIPTS "shell.Commands\n"
                  "    commands:\n"
                  "      - echo one\n"
                  "      - echo ${#list}\n"
                  "    env:\n"
                  "      TARGET: \"{% if inputs.i == 'prod' %}live{% endif %}\"\n"
                  "      NOTE: \"x{# nothing #}y\"\n"
                  "    workingDirectory: '/tmp/{% x %}'\n"
                  "    requires: {label.x: '{% x %}'}\n"
                  "  - {id: u, type: " LOG ", message: 'a {% x %}'}\n"
                  "triggers:\n"
                  "  - {id: v, command: [x], inputs: {j: '{# x #}'}, env: {A: '{% x %}'}}\n",
        "3: labels.a" HASH "\n"
        "4: vars" PERCENT "\n"
        "5: input i: defaults" PERCENT "\n"
        "6: workerGroup.key" PERCENT_WAY "\n"
        "12: task t: commands" HASH_WAY "\n"
        "14: task t: env.TARGET" PERCENT_WAY "\n"
        "15: task t: env.NOTE" HASH_WAY "\n"
        "16: task t: workingDirectory" PERCENT_WAY "\n"
        "17: task t: requires" PERCENT "\n"
        "18: task u: message" PERCENT_WAY "\n"
        "20: trigger v: inputs.j" HASH_WAY "\n"
        "20: trigger v: env.A" PERCENT_WAY);
    applies(TASK("    script: echo ${#list} {% x %}\n")); /* no text of Kestra's */
    applies(TASK("    type: " LOG "\n    message: \"{{ '{%' }} x {{ '{#' }} {a} %}\"\n"));
}

static void the_trap_of_yaml_is_told_as_what_it_is(void **state)
{
    (void)state;
    static const char trap[] =
        "must be a string, and the ': ' in this line makes a mapping of it: put the whole line in "
        "quotes, or write it behind '|'";
    char *wanted = str_dupf("6: task t: commands: %s", trap);
    flow_text_refuses(TASK("    type: " SCRIPTS
                           "shell.Commands\n    commands: [\"x\", echo a: b]\n"),
                      wanted);
    mem_free(wanted);
    wanted = str_dupf("7: task t: commands: %s", trap);
    flow_text_refuses(TASK("    type: " SCRIPTS "shell.Commands\n    commands:\n"
                           "      - echo \"a: b\"\n"),
                      wanted);
    mem_free(wanted);
    wanted = str_dupf("5: task t: command[1]: %s", trap);
    flow_text_refuses(TASK("    command: [echo, a: b]\n"), wanted);
    mem_free(wanted);
    flow_text_refuses(
        TASK("    script: [a, b]\n"),
        "5: task t: script: must be a string, not a list: write the lines behind '|'");
}

static void a_shape_is_shown_with_what_was_written(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD
                      "workerGroup: gpu-1\n"
                      "concurrency: 2\n"
                      "labels: a b\n"
                      "inputs: {stage: STRING}\n"
                      "tasks:\n"
                      "  - id: t\n" SHELL "    retry: 5\n"
                      "    env: [A=b]\n"
                      "    taskRunner: Process\n"
                      "    requires: linux\n"
                      "  - {id: u, command: [x], env: A=b, retry: constant, requires: x}\n"
                      "triggers:\n"
                      "  - {id: v, command: [x], stopAfter: FAILED, workerGroup: gpu}\n",
                      "3: workerGroup: must be a mapping, such as workerGroup: {key: gpu-1}\n"
                      "4: concurrency: must be a mapping, such as concurrency: {limit: 2}\n"
                      "5: labels: must be a mapping, such as labels: {team: web}\n"
                      "6: inputs: must be a list, such as inputs: [{id: stage, type: STRING}]\n"
                      "11: task t: retry: must be a mapping, such as retry: {maxAttempts: 5, "
                      "interval: PT10S}\n"
                      "12: task t: env: must be a mapping, such as env: {A: b}\n"
                      "13: task t: taskRunner: must be a mapping, such as taskRunner: {type: "
                      "io.kestra.plugin.core.runner.Process}\n"
                      "14: task t: requires: must be a mapping, such as requires: {os: linux}\n"
                      "15: task u: env: must be a mapping, such as env: {A: b}\n"
                      "15: task u: requires: must be a mapping, such as requires: {os: windows}\n"
                      "15: task u: retry: must be a mapping, such as retry: {maxAttempts: 3, "
                      "interval: PT10S}\n"
                      "17: trigger v: stopAfter: must be a list, such as stopAfter: [FAILED]\n"
                      "17: trigger v: workerGroup: must be a mapping, such as workerGroup: {key: "
                      "gpu}");
}

static void shapes_of_triggers_are_shown(void **state)
{
    (void)state;
    flow_text_refuses(
        FLOW_HEAD
        "workerSelector: [gpu]\n"
        "tasks: [{id: t, command: [x]}]\n"
        "triggers:\n"
        "  - {id: a, cron: '@daily', notAt: '* 12 * * *', when: MONDAY}\n"
        "  - id: b\n"
        "    cron: '@daily'\n"
        "    when: {day: MONDAY, timeBetween: x, dateTimeBetween: y, not: z, or: z}\n"
        "  - {id: c, webhook: now}\n"
        "  - {id: d, flow: extract}\n"
        "  - {id: e, flow: {id: x, states: SUCCESS}}\n"
        "  - id: f\n"
        "    type: io.kestra.plugin.core.trigger.Flow\n"
        "    preconditions: x\n"
        "    dependsOn: x\n"
        "  - {id: g, type: io.kestra.plugin.core.trigger.Flow, preconditions: {flows: x}}\n",
        "3: workerSelector: must be a mapping, such as workerSelector: {tags: [gpu]}\n"
        "6: trigger a: notAt: must be a list, such as notAt: [\"* 12-13 * * *\"]\n"
        "6: trigger a: when: must be a list, such as when: [{dayOfWeek: MONDAY}]\n"
        "9: trigger b: when.timeBetween: must be a mapping, such as timeBetween: {after: "
        "\"08:00\", before: \"18:00\"}\n"
        "9: trigger b: when.dateTimeBetween: must be a mapping, such as dateTimeBetween: {after: "
        "\"2026-12-24\", before: \"2027-01-02\"}\n"
        "9: trigger b: when.day: must be a mapping, such as day: {dayOfWeek: MONDAY, inMonth: "
        "FIRST}\n"
        "9: trigger b: when.not: must be a list, such as not: [{weekend: true}]\n"
        "9: trigger b: when.or: must be a list, such as or: [{weekend: true}]\n"
        "10: trigger c: webhook: must be a mapping, such as webhook: {}\n"
        "11: trigger d: flow: must be a mapping, such as flow: {id: extract}\n"
        "12: trigger e: flow.states: must be a list, such as states: [SUCCESS]\n"
        "15: trigger f: preconditions: must be a mapping, such as preconditions: {flows: "
        "[{flowId: extract}]}\n"
        "16: trigger f: dependsOn: must be a list, such as dependsOn: [{namespace: company.team, "
        "flowId: extract}]\n"
        "17: trigger g: preconditions.flows: must be a list, such as flows: [{namespace: "
        "company.team, flowId: extract}]");
}

static void what_follows_from_a_refusal_is_not_told(void **state)
{
    (void)state;
    static const char unsupported[] = "is not supported; docs/from-kestra.md lists what is";
    char *wanted = str_dupf("5: task t: type: 'io.kestra.plugin.core.flow.Dag' %s", unsupported);
    flow_text_refuses(TASK("    type: io.kestra.plugin.core.flow.Dag\n"
                           "    tasks:\n"
                           "      - {id: left, type: " SCRIPTS "shell.Script, script: x}\n"
                           "      - id: deep\n"
                           "        type: io.kestra.plugin.core.flow.Sequential\n"
                           "        tasks: [{id: inner, type: " LOG ", message: x}]\n"
                           "  - {id: u, type: " LOG ", message: '{{ outputs.left.vars.n }} "
                           "{{ outputs.inner.x }} {{ outputs.deep.y }} {{ outputs.t.z }}'}\n"),
                      wanted);
    mem_free(wanted);
    flow_text_refuses(FLOW_HEAD "inputs:\n"
                                "  - {id: i, type: FILE}\n"
                                "  - {id: k, type: INT, defaults: x}\n"
                                "tasks: [{id: t, command: ['{{ inputs.i }}', '{{ inputs.k }}']}]\n"
                                "triggers:\n"
                                "  - {id: v, command: [x], inputs: {k: y}}\n"
                                "  - {id: w, command: [x], inputs: [a]}\n",
                      "4: input i: type: 'FILE' is not supported: make it a STRING, the path or "
                      "URI of a file that the task's machine reaches\n"
                      "5: input k: defaults: 'x' is not a whole number\n"
                      "9: trigger w: inputs: must be a mapping, such as inputs: {day: today}");
    flow_text_refuses(TASK(SHELL "    taskRunner: {type: x.Docker, image: y}\n"
                                 "    containerImage: z\n    docker: {image: a}\n"),
                      "7: task t: taskRunner.type: 'x.Docker' is not supported: use "
                      "io.kestra.plugin.core.runner.Process, for tasks run on the agent's machine, "
                      "in no container");
    flow_text_refuses(FLOW_HEAD "tasks: [x, {id: t, command: ['{{ outputs.a.b }}']}]\n",
                      "3: tasks[0]: must be a mapping with an id, such as {id: hello, command: "
                      "[echo, hello]}");
    /* what is no consequence stays */
    flow_text_refuses(
        TASK("    type: io.kestra.plugin.core.flow.Dag\n"
             "    tasks: [{id: left, type: " LOG ", message: x}]\n"
             "  - {id: u, type: " LOG ", message: '{{ outputs.lfet.n }}'}\n"),
        "5: task t: type: 'io.kestra.plugin.core.flow.Dag' is not supported; "
        "docs/from-kestra.md lists what is\n"
        "7: task u: message: '{{ outputs.lfet.n }}': there is no earlier task 'lfet'");
}

static void outputs_of_what_is_refused_are_not_told(void **state)
{
    (void)state;
    flow_text_refuses(TASK("    type: io.kestra.plugin.core.http.Download\n"
                           "    uri: x\n"
                           "  - {id: u, type: " LOG ", message: '{{ outputs.t.outputFiles.a }}'}\n"
                           "outputs: [{id: o, type: STRING, value: '{{ outputs.t.outputFiles.a "
                           "}} {{ outputs.t.stdOutLineCount }}'}]\n"),
                      "5: task t: type: 'io.kestra.plugin.core.http.Download' is not supported; "
                      "docs/from-kestra.md lists what is");
    flow_text_refuses(TASK("    commands: [ls]\n"
                           "  - {id: u, type: " LOG
                           ", message: '{{ outputs.t.outputFiles.a }}'}\n"),
                      "5: task t: commands: is a property of " SCRIPTS
                      "shell.Commands: a type is missing");
    static const char *const files[][2] = {
        {"    type: " SCRIPTS "shell.Script\n    script: x\n    outputFiles: [a]\n",
         "7: task t: outputFiles: is not supported; let the script store its files and set an "
         "output"},
        {"    command: [x]\n    outputFiles: [a]\n",
         "6: task t: outputFiles: is not supported; let the script store its files and set an "
         "output"},
        {"    type: io.kestra.core.tasks.scripts.Bash\n    commands: [x]\n"
         "    outputsFiles: [a]\n",
         "7: task t: outputsFiles: is not supported; let the script write, fetch and store its "
         "files"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *text = str_dupf("%s%s  - {id: u, type: %s, message: '%s'}\n"
                              "outputs: [{id: o, type: STRING, value: '%s'}]\n",
                              FLOW_HEAD "tasks:\n  - id: t\n", files[i][0], LOG,
                              "{{ outputs.t.outputFiles[0] }}", "{{ outputs.t.outputFiles.a }}");
        flow_text_refuses(text, files[i][1]);
        mem_free(text);
    }
    /* what is no consequence stays */
    flow_text_refuses(TASK(SHELL "    outputFiles: []\n"
                                 "  - {id: u, type: " LOG
                                 ", message: '{{ outputs.t.outputFiles.a }}'}\n"),
                      "8: task u: message: '{{ outputs.t.outputFiles.a }}': the task 't' has no "
                      "'outputFiles': let the script store its files where others find them, and "
                      "set an output");
    flow_text_refuses(TASK(SHELL "    outputFiles: [a]\n"
                                 "  - {id: u, type: " LOG
                                 ", message: '{{ outputs.t.stdErrLineCount }}'}\n"),
                      "7: task t: outputFiles: is not supported; let the script store its files "
                      "and set an output\n"
                      "8: task u: message: '{{ outputs.t.stdErrLineCount }}': the task 't' has no "
                      "'stdErrLineCount': let the script count its lines, and set an output");
}

static void ways_out_are_named(void **state)
{
    (void)state;
    flow_text_refuses(
        TASK(SHELL "    env: {A: \"{{ secret('API_TOKEN') }}\", B: \"{{ kv('x') }}\"}\n"
                   "    workingDirectory: '{{ outputDir }}'\n"),
        "7: task t: env.A: '{{ secret('API_TOKEN') }}': secret() is not supported: give the value "
        "to the job as a variable, with env in the agent's agent.yaml\n"
        "7: task t: env.B: '{{ kv('x') }}': kv() is not supported: write the value into vars, or "
        "give it as an input\n"
        "8: task t: workingDirectory: '{{ outputDir }}': there is no 'outputDir': let the script "
        "store its files where others find them, and set an output");
    flow_text_refuses(TASK("    type: " SCRIPTS "python.Script\n    script: x\n"
                           "    beforeCommands: [pip install y]\n    dependencies: [z]\n"
                           "    inputFiles: {a: b}\n    outputDir: x\n"),
                      "7: task t: beforeCommands: is not supported for Python: write the script's "
                      "file and run it with " SCRIPTS "python.Commands, or name a venv's python3 "
                      "in interpreter\n"
                      "8: task t: dependencies: is not supported; install them on the agent's "
                      "machine, in a venv whose python3 interpreter names\n"
                      "9: task t: inputFiles: is not supported; let the script write or fetch its "
                      "files\n"
                      "10: task t: outputDir: is not supported; let the script store its files "
                      "where others find them, and set an output");
    flow_text_refuses(FLOW_HEAD "labels: {system.readOnly: true, a: b}\ntasks:\n  - id: t\n" SHELL,
                      "3: labels: 'system.readOnly' is an instruction to Kestra, and not "
                      "supported: leave it out");
}

static void selectors_are_read(void **state)
{
    (void)state;
    struct flow *f =
        flow_text_parse(FLOW_HEAD "workerSelector: {tags: [gpu, linux]}\n"
                                  "tasks:\n  - id: t\n" SHELL
                                  "    workerSelector: {tags: [a], match: ANY, fallback: WAIT}\n");
    assert_string_equal(f->group.key, "all:gpu,linux");
    assert_int_equal(f->group.fallback, FALLBACK_FAIL);
    assert_string_equal(f->tasks[0].work.group.key, "any:a");
    assert_int_equal(f->tasks[0].work.group.fallback, FALLBACK_WAIT);
    flow_free(f);
    flow_text_refuses(TASK(SHELL "    workerGroup: {key: a}\n    workerSelector: {tags: [a]}\n"),
                      "8: task t: workerSelector: there is a workerGroup, too: one of the two");
    flow_text_refuses(TASK(SHELL "    workerSelector: {tags: gpu}\n"),
                      "7: task t: workerSelector.tags: must be a list, such as tags: [gpu]");
    flow_text_refuses(TASK(SHELL "    workerSelector: {match: SOME, tag: [a]}\n"),
                      "7: task t: workerSelector: unknown key 'tag', did you mean 'tags'?\n"
                      "7: task t: workerSelector.match: 'SOME' is not one of ALL, ANY");
    flow_text_refuses(TASK(SHELL "    workerSelector: {tags: []}\n"),
                      "7: task t: workerSelector.tags: is missing, such as tags: [gpu]");
    flow_text_refuses(TASK(SHELL "    workerSelector: {tags: ['a,b', '{{ taskrun.attempt }}']}\n"),
                      "7: task t: workerSelector.tags: 'a,b' is not a tag: 1 to 63 letters, "
                      "digits, '_' and '-', the first a letter or digit\n"
                      "7: task t: workerSelector.tags: '{{ taskrun.attempt }}': there is no "
                      "'taskrun' in a selector's tags");
}

/* ---- outputs --------------------------------------------------------------------------------- */

static void outputs_that_can_never_be_are_refused(void **state)
{
    (void)state;
    applies(TASK(SHELL "  - {id: u, type: " LOG ", message: '{{ outputs.t.exitCode }} "
                       "{{ outputs.t.vars }} {{ outputs.t.vars.a }}'}\n"));
    flow_text_refuses(TASK("    type: " LOG "\n    message: x\n"
                           "  - {id: u, type: " LOG ", message: '{{ outputs.t.exitCode }}'}\n"),
                      "7: task u: message: '{{ outputs.t.exitCode }}': the task 't' never sets "
                      "an output");
}

#define COMMANDS(more) TASK("    type: " SCRIPTS "shell.Commands\n    commands: [x]\n" more)
#define OLD_BASH(more) TASK("    type: io.kestra.core.tasks.scripts.Bash\n    commands: [x]\n" more)

static void an_interpreter_is_started_as_it_is_written_or_refused(void **state)
{
    (void)state;
    flow_text_refuses(COMMANDS("    interpreter: [bash, -u, -c]\n"),
                      "7: task t: interpreter: the argument '-u' is not supported");
    flow_text_refuses(COMMANDS("    interpreter: [sh, /c]\n"),
                      "7: task t: interpreter: the argument '/c' is not supported");
    flow_text_refuses(COMMANDS("    interpreter: [python3, -E]\n"),
                      "7: task t: interpreter: the argument '-E' is not supported");
    applies(COMMANDS("    interpreter: [python3, -u]\n"));
    applies(COMMANDS("    interpreter: [pwsh, -noprofile, -Command]\n"));
    flow_text_refuses(COMMANDS("    interpreter: [/bin/bash, -c]\n    targetOS: WINDOWS\n"),
                      "7: task t: interpreter: a path is started on Linux alone: write os: linux, "
                      "or name the shell without a path");
    applies(COMMANDS("    interpreter: [/bin/bash, -c]\n    targetOS: LINUX\n"));
    flow_text_refuses(OLD_BASH("    interpreter: /opt/no-such/bash\n"),
                      "7: task t: interpreter: must be sh or bash; other shells have types of "
                      "their own, and io.kestra.plugin.scripts.shell.Commands takes a path");
    applies(OLD_BASH("    interpreter: /bin/bash\n"));
}

static void outputs_of_the_flow_are_checked_as_tasks_are(void **state)
{
    (void)state;
    flow_text_refuses(
        TASK("    type: " LOG "\n    message: x\n"
             "outputs:\n  - {id: o, value: '{{ outputs.t.x }}'}\n"
             "  - {id: p, value: '{% if a %}'}\n"),
        "8: output o: value: '{{ outputs.t.x }}': the task 't' never sets an output\n"
        "9: output p: value: {% is a statement to Kestra, and not supported; the text "
        "itself is written {{ '{%' }}");
    flow_text_refuses(TASK("    type: io.kestra.plugin.core.flow.Dag\n    tasks:\n"
                           "      - {id: left, type: " LOG ", message: x}\n"
                           "outputs:\n  - {id: o, value: '{{ outputs.left.vars.n }}'}\n"),
                      "5: task t: type: 'io.kestra.plugin.core.flow.Dag' is not supported; "
                      "docs/from-kestra.md lists what is");
    flow_text_refuses(FLOW_HEAD "outputs:\n  - {id: o, value: '{{ outputs.t.x }}'}\n",
                      "1: tasks: is missing: a flow has at least one task");
}

static void no_expression_stays_a_text_in_silence(void **state)
{
    (void)state;
    flow_text_refuses(FLOW_HEAD
                      "inputs:\n"
                      "  - {id: l, type: ARRAY, itemType: STRING}\n"
                      "  - {id: j, type: JSON, defaults: {a: ['{{ now() }}']}}\n"
                      "tasks:\n  - {id: t, command: [x]}\n"
                      "triggers:\n"
                      "  - {id: s, cron: '@daily', inputs: {l: ['{{ trigger.date }}']}}\n",
                      "5: input j: defaults: expressions are not rendered here\n"
                      "9: trigger s: inputs.l: expressions are not rendered here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bash_has_no_pipefail_of_its_own),
        cmocka_unit_test(powershell_ends_as_kestra_s_does),
        cmocka_unit_test(usual_arguments_of_an_interpreter_are_taken),
        cmocka_unit_test(a_path_is_the_program_itself),
        cmocka_unit_test(what_changes_nothing_is_taken),
        cmocka_unit_test(a_number_is_a_text_where_texts_are_lines),
        cmocka_unit_test(a_task_without_its_type_is_told_once),
        cmocka_unit_test(an_export_s_empty_sections_say_nothing),
        cmocka_unit_test(names_of_other_types_are_no_slips),
        cmocka_unit_test(slips_in_a_type_are_told),
        cmocka_unit_test(statements_are_refused_wherever_they_stand),
        cmocka_unit_test(the_trap_of_yaml_is_told_as_what_it_is),
        cmocka_unit_test(a_shape_is_shown_with_what_was_written),
        cmocka_unit_test(shapes_of_triggers_are_shown),
        cmocka_unit_test(what_follows_from_a_refusal_is_not_told),
        cmocka_unit_test(outputs_of_what_is_refused_are_not_told),
        cmocka_unit_test(ways_out_are_named),
        cmocka_unit_test(selectors_are_read),
        cmocka_unit_test(outputs_that_can_never_be_are_refused),
        cmocka_unit_test(an_interpreter_is_started_as_it_is_written_or_refused),
        cmocka_unit_test(outputs_of_the_flow_are_checked_as_tasks_are),
        cmocka_unit_test(no_expression_stays_a_text_in_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
