/* Lines for a shell, as the present Commands types have them, with other words around them. */
#include "coordinator/flow/old_script.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define OLD "io.kestra.core.tasks.scripts."
#define COMMANDS_MAX 1000
#define BASH_START "set +o pipefail; " /* Kestra has `set -e` alone */

static const char *const names[] = {
    "id",
    "type",
    "description",
    "disabled",
    "allowFailure",
    "allowWarning",
    "runIf",
    "when",
    "retry",
    "commands",
    "env",
    "interpreter",
    "interpreterArgs",
    "runner",
    "exitOnFailed",
    "warningOnStdErr",
    "timeout",
    "workerGroup",
    "requires",
    "queueTimeout",
    "lease",
    "killGrace",
    "priority",
    "args",
    "workingDirectory",
    "virtualEnv",
    "workerSelector",
};

#define FILES "is not supported; let the script write, fetch and store its files"
#define CONTAINER "is not supported: a task runs on the agent's machine, in no container"
#define PACKAGES "is not supported; install them on the agent's machine"

static const struct refused_key refused[] = {
    {"inputFiles", FILES},
    {"outputFiles", FILES},
    {"outputsFiles", FILES},
    {"outputDirs", FILES},
    {"files", FILES},
    {"dockerOptions", CONTAINER},
    {"requirements", PACKAGES},
    {"pythonPath", "is for a virtual environment, which is not supported; name it in commands"},
    {"logLevel", "is not supported: all output is kept"},
    {NULL, NULL},
};

/* Where every Linux has its shells; another path is another program. */
static const char *plain_name(const char *path)
{
    return str_starts(path, "/usr/bin/") ? path + 9 : str_starts(path, "/bin/") ? path + 5 : path;
}

static const char *read_interpreter(const struct node *n)
{
    char *path = node_text(n, "interpreter", 1000);
    const char *shell = "sh";
    const struct json *args = node_list(n, "interpreterArgs", COMMANDS_MAX);
    for (const struct json *j = json_first(args); j; j = json_next(j))
        if (!str_eq(json_str(j, NULL), "-c"))
            node_say(n, j, "interpreterArgs: is not supported but for -c");
    if (path && str_eq(plain_name(path), "bash"))
        shell = "bash";
    else if (path && !str_eq(plain_name(path), "sh"))
        node_fail(n, "interpreter",
                  "must be sh or bash; other shells have types of their own, and "
                  "io.kestra.plugin.scripts.shell.Commands takes a path");
    mem_free(path);
    return shell;
}

/* " a b", what Kestra puts behind each command. mem_free */
static char *read_args(const struct node *n)
{
    struct buf out;
    const struct json *list = node_list(n, "args", COMMANDS_MAX);
    buf_init(&out, 2 * FLOW_FILE_MAX);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char *word = item_text(n, j, "args", FLOW_FILE_MAX);
        if (word) (void)buf_addf(&out, " %s", word);
        mem_free(word);
    }
    char *text = out.len ? buf_detach(&out) : mem_strdup("");
    buf_fini(&out);
    return text;
}

static char *read_commands(const struct node *n, bool python, bool shell_is_bash)
{
    struct buf out;
    char *args = python ? read_args(n) : mem_strdup("");
    const struct json *list = node_list(n, "commands", COMMANDS_MAX);
    buf_init(&out, 4 * FLOW_FILE_MAX);
    if (shell_is_bash) (void)buf_adds(&out, BASH_START);
    if (!node_has(n, "commands"))
        node_fail(n, "commands",
                  python ? "is missing: inputFiles with main.py are not supported" : "is missing");
    else if (list && json_count(list) == 0)
        node_fail(n, "commands", "is empty");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char *line = item_text(n, j, "commands", FLOW_FILE_MAX);
        if (line && python && str_starts(line, "./bin/"))
            node_say(n, j,
                     "commands: there is no virtual environment: write python3 for "
                     "./bin/python");
        if (line && buf_addf(&out, "%s%s\n", line, args))
            node_fail(n, "commands", "with args they have more than %u bytes", 4 * FLOW_FILE_MAX);
        mem_free(line);
    }
    char *text = out.len ? buf_detach(&out) : mem_strdup("");
    buf_fini(&out);
    mem_free(args);
    return text;
}

static void read_promises(const struct node *n, bool python)
{
    char *runner = node_text(n, "runner", 100);
    char shown[STR_QUOTE_SIZE];
    if (runner && !str_eq(runner, "PROCESS"))
        node_fail(n, "runner", "%s is not supported: use PROCESS", str_quote(shown, runner));
    mem_free(runner);
    if (!node_bool(n, "exitOnFailed", true))
        node_fail(n, "exitOnFailed",
                  "false is not supported: scripts end at the first failed command");
    if (node_bool(n, "warningOnStdErr", false))
        node_fail(n, "warningOnStdErr", "true is not supported: the exit code alone decides");
    if (node_bool(n, "virtualEnv", false))
        node_fail(n, "virtualEnv", "true is not supported: the agent's machine has its Python");
    static const char *const of_python[] = {"args", "virtualEnv"};
    for (size_t i = 0; i < 2; i++)
        if (!python && node_has(n, of_python[i]))
            node_fail(n, of_python[i], "is not a property of %sBash", OLD);
}

bool read_old_script(const struct node *n, const char *type, struct flow_work *w,
                     const struct expr_scope *scope)
{
    bool python = str_eq(type, OLD "Python");
    if (!python && !str_eq(type, OLD "Bash")) return false;
    node_known(n, (struct key_list){names, sizeof names / sizeof *names}, refused);
    w->kind = FLOW_SCRIPT;
    w->shell = read_interpreter(n);
    w->script = read_commands(n, python, str_eq(w->shell, "bash"));
    read_promises(n, python);
    read_no_statements(n, json_get(n->j, "commands"), "commands", w->script);
    read_template(n, json_get(n->j, "commands"), "commands", w->script, scope);
    return true;
}
