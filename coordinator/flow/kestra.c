/* Kestra's task types for scripts and log lines, as tasks of ours. What a property of theirs would
 * change and ours cannot is refused, never left out. */
#include "coordinator/flow/read.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/control.h"
#include "coordinator/flow/kestra_names.h"
#include "coordinator/flow/old_script.h"
#include "coordinator/flow/step.h"
#include "wire/spec.h"

#include <string.h>

#define PREFIX "io.kestra.plugin.scripts."
#define COMMANDS_MAX 1000
#define REFUSED_MAX 80

/* Kestra has `set -e` alone where our own tasks have pipefail, too. On the first line: the script's
 * lines keep their numbers. */
#define BASH_START "set +o pipefail; "

/* Kestra hands text to `pwsh -Command`: the last command tells success or failure (1), `exit` the
 * code (about_Pwsh, -Command). A script is a file that is called in such a text: its end is
 * success, whatever its last program said. Our own tasks end with that program's code. */
#define POWERSHELL_COMMANDS_END "if ($?) { exit 0 } else { exit 1 }\n"
#define POWERSHELL_SCRIPT_END "\nexit 0\n"

enum form { FORM_SCRIPT, FORM_COMMANDS, FORM_LOG };

struct kestra_type {
    const char *name;
    enum form form;
    const char *shell; /* what Kestra runs it with when nothing is said */
};

/* Commands of a language are lines for sh: "node main.js". */
static const struct kestra_type types[] = {
    {PREFIX "shell.Script", FORM_SCRIPT, "sh"},
    {PREFIX "shell.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "powershell.Script", FORM_SCRIPT, "pwsh"},
    {PREFIX "powershell.Commands", FORM_COMMANDS, "pwsh"},
    {PREFIX "python.Script", FORM_SCRIPT, "python3"},
    {PREFIX "python.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "node.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "ruby.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "r.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "julia.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "perl.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "php.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "go.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "lua.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "jbang.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "deno.Commands", FORM_COMMANDS, "sh"},
    {PREFIX "bun.Commands", FORM_COMMANDS, "sh"},
    {"io.kestra.plugin.core.log.Log", FORM_LOG, NULL},
};
#define TYPES (sizeof types / sizeof *types)

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Is `given` the word `meant` with one slip in it? Its first letter is right, and it is not short:
 * "Command" and "Commands", "pyhton" and "python"; not "jython" and "python", nor "go" and "r". */
static bool is_slip(const char *given, const char *meant, size_t len)
{
    size_t n = strlen(given), same = 0, tail = 0;
    if (n < 4 || len < 4 || lower(given[0]) != lower(meant[0])) return false;
    while (same < n && same < len && lower(given[same]) == lower(meant[same]))
        same++;
    while (tail < n - same && tail < len - same &&
           lower(given[n - 1 - tail]) == lower(meant[len - 1 - tail]))
        tail++;
    size_t a = n - same - tail,
           b = len - same - tail; /* what differs, from the first to the last */
    bool swapped =
        a == 2 && b == 2 && given[same] == meant[same + 1] && given[same + 1] == meant[same];
    return (a <= 1 && b <= 1) || swapped;
}

/* Types are names of words with dots between them. One word may have a slip; none is another. */
static bool is_near(const char *given, const char *meant)
{
    bool slip = false;
    for (;;) {
        size_t n = strcspn(given, "."), len = strcspn(meant, ".");
        char *word = mem_strndup(given, n);
        bool same = n == len && memcmp(given, meant, n) == 0;
        bool fine = same || (!slip && is_slip(word, meant, len));
        slip = slip || !same;
        mem_free(word);
        if (!fine || !given[n] != !meant[len]) return false;
        if (!given[n]) return true;
        given += n + 1;
        meant += len + 1;
    }
}

/* Kestra's other scripts and commands: what to write instead. */
static const char *way_out(const char *name)
{
    if (!str_starts(name, PREFIX)) return NULL;
    if (str_ends(name, ".Script"))
        return "has no shell here; write the script's file and run it with Commands";
    if (str_ends(name, ".Commands"))
        return "is not supported; run its lines with " PREFIX "shell.Commands";
    return NULL;
}

/* The same of another form; NULL: there is none. */
static const char *sibling(const struct kestra_type *t)
{
    size_t len = strlen(t->name) - strlen(strrchr(t->name, '.'));
    for (size_t i = 0; i < TYPES; i++)
        if (&types[i] != t && strncmp(types[i].name, t->name, len + 1) == 0) return types[i].name;
    return NULL;
}

static const struct kestra_type *find_type(const struct node *n, const char *name)
{
    char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
    for (size_t i = 0; i < TYPES; i++)
        if (str_eq(types[i].name, name)) return &types[i];
    const char *near = NULL, *step;
    for (size_t i = 0; !near && i < TYPES; i++)
        if (is_near(name, types[i].name)) near = types[i].name;
    for (size_t i = 0; !near && (step = step_type(i)) != NULL; i++)
        if (is_near(name, step)) near = step;
    for (size_t i = 0; !near && (step = control_type_name(i)) != NULL; i++)
        if (is_near(name, step)) near = step;
    if (near) {
        node_fail(n, "type", "there is no %s here%s", str_quote(shown, name),
                  str_suggest(suggestion, near));
        return NULL;
    }
    const char *instead = way_out(name);
    node_fail(n, "type", "%s %s", str_quote(shown, name),
              instead ? instead : "is not supported; docs/from-kestra.md lists what is");
    return NULL;
}

/* ---- what is run ----------------------------------------------------------------------------- */

/* One text of a list, or a text as it is. Appends lines. False: it is a text. */
static bool add_lines(const struct node *n, const char *key, struct buf *out)
{
    const struct json *member = json_get(n->j, key);
    if (json_type(member) == JSON_NULL) return true;
    const char *text = yaml_text(&n->r->doc, member);
    if (text) { /* 1.10 is a text here, too */
        (void)buf_addf(out, "%s\n", text);
        return false;
    }
    const struct json *list = node_list(n, key, COMMANDS_MAX);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char *line = item_text(n, j, key, FLOW_FILE_MAX);
        if (line) (void)buf_addf(out, "%s\n", line);
        mem_free(line);
    }
    return true;
}

/* The same for a script. Where a text is one expression is noted: its value may be a list. */
static void add_commands(const struct node *n, const char *key, struct buf *script,
                         struct flow_work *w)
{
    size_t at = script->len;
    if (add_lines(n, key, script) || script->len == at || !expr_is_whole(script->data + at)) return;
    w->lines[w->line_count++] = (struct flow_lines){key, at, script->len - at};
}

static const char *shell_of_program(const char *path)
{
    const char *name = path;
    for (const char *s = path; *s; s++)
        if (*s == '/' || *s == '\\') name = s + 1;
    char plain[16];
    size_t len = strlen(name);
    if (len > 4 && str_eq(name + len - 4, ".exe")) len -= 4;
    if (len >= sizeof plain) return NULL;
    memcpy(plain, name, len);
    plain[len] = '\0';
    bool python = str_starts(plain, "python");
    if (python && !plain[6]) return "python3";
    if (python && name != path && strspn(plain + 6, ".0123456789") == strlen(plain + 6))
        return "python3"; /* of a version, by its path */
    for (size_t i = 0; i < SPEC_SHELLS; i++)
        if (str_eq(spec_shells[i], plain)) return spec_shells[i];
    return NULL;
}

/* PowerShell's arguments are the same in any case. */
static bool is_among(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *a = word, *b = list[i];
        while (*a && lower(*a) == lower(*b)) {
            a++;
            b++;
        }
        if (!*a && !*b) return true;
    }
    return false;
}

/* Those that change nothing of how a script is started here. */
static bool is_fine_argument(const char *word, const char *shell)
{
    static const char *const of_powershell[] = {"-NonInteractive", "-NoProfile", "-NoLogo",
                                                "-Command",        "-c",         "-File"};
    static const char *const of_cmd[] = {"/c"};
    if (str_eq(shell, "pwsh") || str_eq(shell, "powershell"))
        return is_among(word, of_powershell, sizeof of_powershell / sizeof *of_powershell);
    if (str_eq(shell, "cmd")) return is_among(word, of_cmd, 1);
    return str_eq(word, "-c") || str_eq(word, str_eq(shell, "python3") ? "-u" : "-e");
}

/* With any of these a script runs that is a file of the agent's own. */
static bool is_policy(const char *word, const char *value)
{
    static const char *const names[] = {"-ExecutionPolicy", "-ep", "-ex", "-exec"};
    static const char *const values[] = {"Bypass", "Unrestricted", "RemoteSigned"};
    return is_among(word, names, 4) && is_among(value, values, 3);
}

/* A path is the program itself: it stands in the script's first line, which agents on Linux follow.
 * False: no path, or one that cannot be followed, which is reported. */
static bool read_path(const struct node *n, const char *program, const char *shell,
                      struct buf *script)
{
    char shown[STR_QUOTE_SIZE];
    bool windows = strpbrk(program, "\\:") != NULL;
    bool wrapped = !str_eq(shell, "sh") && !str_eq(shell, "bash") && !str_eq(shell, "python3");
    if (!windows && !strchr(program, '/')) return false;
    if (windows || wrapped || *program != '/' || strpbrk(program, " \t\r\n{}")) {
        node_fail(n, "interpreter",
                  "the path of %s is not supported: write %s, and let PATH lead to it",
                  str_quote(shown, program), shell);
        return false;
    }
    (void)buf_addf(script, "#!%s %s\n", program, str_eq(shell, "python3") ? "-u" : "-e");
    return true;
}

/* ["pwsh", "-NonInteractive", "-Command"]: the shell is ours to start, with its own arguments. */
static const char *read_interpreter(const struct node *n, const char *otherwise,
                                    const char **program_out)
{
    const struct json *member = json_get(n->j, "interpreter");
    const char *shell = otherwise;
    char shown[STR_QUOTE_SIZE];
    if (json_type(member) == JSON_NULL) return shell;
    const struct json *j = json_type(member) == JSON_ARRAY ? json_first(member) : member;
    const char *program = json_str(j, NULL);
    *program_out = program;
    shell = program ? shell_of_program(program) : NULL;
    if (!shell) {
        node_fail(n, "interpreter", "%s is not one of sh, bash, powershell, pwsh, cmd, python3",
                  str_quote(shown, program ? program : "?"));
        *program_out = NULL;
        return otherwise;
    }
    for (j = json_type(member) == JSON_ARRAY ? json_next(j) : NULL; j; j = json_next(j)) {
        bool policy = is_policy(json_str(j, ""), json_str(json_next(j), ""));
        if (policy)
            j = json_next(j);
        else if (!is_fine_argument(json_str(j, ""), shell))
            node_fail(n, "interpreter", "the argument %s is not supported",
                      str_quote(shown, json_str(j, "?")));
    }
    return shell;
}

static void read_task_runner(const struct node *n)
{
    static const char *const process[] = {
        "io.kestra.plugin.core.runner.Process",
        "io.kestra.core.models.tasks.runners.types.Process",
        "io.kestra.core.models.tasks.runners.types.ProcessTaskRunner",
    };
    static const char *const names[] = {"type"};
    struct node runner;
    char shown[STR_QUOTE_SIZE];
    if (!node_object(n, "taskRunner", &runner)) return;
    char *type = node_text(&runner, "type", 1000);
    bool fine = false;
    for (size_t i = 0; type && i < sizeof process / sizeof *process; i++)
        fine = fine || str_eq(process[i], type);
    if (fine)
        node_known(&runner, (struct key_list){names, 1}, NULL);
    else if (type)
        node_fail(&runner, "type",
                  "%s is not supported: use %s, for tasks run on the agent's "
                  "machine, in no container",
                  str_quote(shown, type), process[0]);
    else if (!node_has(&runner, "type"))
        node_fail(&runner, "type", "is missing: %s", process[0]);
    mem_free(type);
}

/* To the process runner an image means nothing; without it, it would be what the task runs in. */
static void read_runner(const struct node *n)
{
    static const char *const of_containers[] = {"containerImage", "docker"};
    char shown[STR_QUOTE_SIZE];
    char *old = node_text(n, "runner", 100);
    bool said = node_has(n, "runner") || node_has(n, "taskRunner");
    if (old && !str_eq(old, "PROCESS"))
        node_fail(n, "runner",
                  "%s is not supported: use PROCESS, for tasks run on the agent's "
                  "machine, in no container",
                  str_quote(shown, old));
    mem_free(old);
    read_task_runner(n);
    for (size_t i = 0; !said && i < 2; i++)
        if (!key_says_nothing(of_containers[i], json_get(n->j, of_containers[i])))
            node_fail(n, of_containers[i],
                      "is not supported: a task runs on the agent's machine, in no container; it "
                      "may stand beside taskRunner: {type: io.kestra.plugin.core.runner.Process}");
}

/* LINUX or WINDOWS: the machine must be one. */
static void read_target(const struct node *n, struct flow_work *w)
{
    static const char *const names[] = {"AUTO", "LINUX", "WINDOWS"};
    int target = node_choice(n, "targetOS", names, 3, 0);
    if (target == 0) return;
    if (node_has(n, "requires")) {
        node_fail(n, "targetOS", "cannot be combined with requires: write os there");
        return;
    }
    w->require = json_new(JSON_OBJECT);
    json_put(w->require, "os", json_new_str(target == 1 ? "linux" : "windows"));
    w->require_line = yaml_line(&n->r->doc, json_get(n->j, "targetOS"));
}

static void read_promises(const struct node *n)
{
    if (!node_bool(n, "failFast", true))
        node_fail(n, "failFast", "false is not supported: scripts end at the first failed command");
    if (node_bool(n, "warningOnStdErr", false))
        node_fail(n, "warningOnStdErr", "true is not supported: the exit code alone decides");
}

static void refuse(const struct node *n, const char *const *keys, size_t count, const char *type)
{
    for (size_t i = 0; i < count; i++)
        if (node_has(n, keys[i])) node_fail(n, keys[i], "is not a property of %s", type);
}

/* `commands` of a Script, or `script` of Commands. */
static void refuse_form(const struct node *n, const char *key, const struct kestra_type *t)
{
    const char *end = str_starts(n->at, "trigger") ? "Trigger" : "";
    const char *of = sibling(t);
    node_fail(n, key, "is not a property of %s%s%s%s%s%s", t->name, end, of ? "; " : "",
              of ? of : "", of ? end : "", of ? " has it" : "");
}

static void read_lines(const struct node *n, const struct kestra_type *t, struct flow_work *w)
{
    static const char *const log_only[] = {"message", "level"};
    const char *main_key = t->form == FORM_SCRIPT ? "script" : "commands";
    const char *other = t->form == FORM_SCRIPT ? "commands" : "script";
    struct buf script;
    buf_init(&script, 2 * FLOW_FILE_MAX);
    w->kind = FLOW_SCRIPT;
    const char *program = NULL;
    w->shell = read_interpreter(n, t->shell, &program);
    const char *shell = w->shell;
    if (program) w->linux_only = read_path(n, program, shell, &script);
    if (w->linux_only) w->shell = NULL; /* the first line says */
    bool mixed = node_has(n, other);
    if (mixed) refuse_form(n, other, t);
    refuse(n, log_only, 2, t->name);
    if (node_has(n, "beforeCommands") && str_eq(shell, "python3"))
        node_fail(n, "beforeCommands",
                  "is not supported for Python: write the script's file and run it with " PREFIX
                  "python.Commands, or name a venv's python3 in interpreter");
    if (str_eq(w->shell, "bash")) (void)buf_adds(&script, BASH_START);
    add_commands(n, "beforeCommands", &script, w);
    size_t before = script.len, problems = n->r->problems->count;
    if (t->form == FORM_SCRIPT) {
        char *text = node_text(n, "script", FLOW_FILE_MAX);
        if (text) (void)buf_adds(&script, text);
        mem_free(text);
    } else {
        add_commands(n, "commands", &script, w);
    }
    bool wrong = mixed || n->r->problems->count > problems;
    if (script.len == before && !wrong)
        node_fail(n, main_key, node_has(n, main_key) ? "is empty" : "is missing");
    if (str_eq(w->shell, "powershell") || str_eq(w->shell, "pwsh"))
        (void)buf_adds(&script,
                       t->form == FORM_SCRIPT ? POWERSHELL_SCRIPT_END : POWERSHELL_COMMANDS_END);
    w->script = buf_detach(&script);
    buf_fini(&script);
    read_no_statements(n, json_get(n->j, main_key), main_key, w->script);
    read_runner(n);
    read_target(n, w);
    read_promises(n);
}

static void read_log(const struct node *n, const struct kestra_type *t, struct flow_work *w)
{
    static const char *const others[] = {
        "script",           "commands",       "beforeCommands", "interpreter",     "failFast",
        "targetOS",         "runner",         "taskRunner",     "warningOnStdErr", "env",
        "workingDirectory", "requires",       "queueTimeout",   "lease",           "killGrace",
        "priority",         "containerImage", "docker"};
    static const char *const levels[] = {"INFO", "TRACE", "DEBUG", "WARN", "ERROR"};
    struct buf message;
    buf_init(&message, 2 * FLOW_FILE_MAX);
    refuse(n, others, sizeof others / sizeof *others, t->name);
    int level = node_choice(n, "level", levels, 5, 0);
    if (level > 0) (void)buf_addf(&message, "[%s] ", levels[level]);
    size_t before = message.len, problems = n->r->problems->count;
    (void)add_lines(n, "message", &message);
    if (message.len <= before + 1 && n->r->problems->count == problems)
        node_fail(n, "message", "is missing");
    w->kind = FLOW_LOG;
    w->script = buf_detach(&message);
    buf_fini(&message);
    read_no_statements(n, json_get(n->j, "message"), "message", w->script);
}

/* Kestra's ScriptTrigger runs what its Script runs. NULL: reported. */
static const struct kestra_type *find_check(const struct node *n, const char *type)
{
    char name[80], shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE] = "";
    for (size_t i = 0; i < TYPES; i++) {
        if (types[i].form == FORM_LOG) continue;
        (void)str_format(name, sizeof name, "%sTrigger", types[i].name);
        if (str_eq(name, type)) return &types[i];
        if (!suggestion[0] && is_near(type, name)) str_suggest(suggestion, name);
    }
    const char *instead = str_ends(type, ".ScriptTrigger")
                              ? "has no shell here; write the script's file and run it with "
                                "CommandsTrigger"
                          : str_ends(type, ".CommandsTrigger")
                              ? "is not supported; run its lines with " PREFIX
                                "shell.CommandsTrigger"
                              : "is not supported; docs/from-kestra.md lists what is";
    if (suggestion[0])
        node_fail(n, "type", "there is no %s here%s", str_quote(shown, type), suggestion);
    else
        node_fail(n, "type", "%s %s", str_quote(shown, type), instead);
    return NULL;
}

/* What is refused of triggers comes first: its sentences tell of them. */
static void check_known(const struct node *n)
{
    const struct refused_key *const lists[] = {trigger_refused, task_refused};
    struct refused_key all[REFUSED_MAX];
    size_t count = 0;
    for (size_t i = 0; i < 2; i++)
        for (const struct refused_key *x = lists[i]; x->name && count < REFUSED_MAX - 1; x++)
            all[count++] = *x;
    all[count] = (struct refused_key){NULL, NULL};
    node_known(n, kestra_check_keys, all);
}

bool read_kestra_check(const struct node *n, const char *type, struct flow_work *w)
{
    const struct kestra_type *t = find_check(n, type);
    if (!t) return false;
    check_known(n);
    read_lines(n, t, w);
    return true;
}

bool read_kestra(const struct node *n, const char *type, struct flow_work *w,
                 const struct expr_scope *scope)
{
    if (read_step(n, kestra_present_name(type), w, scope)) return true;
    if (read_old_script(n, type, w, scope)) return true;
    const struct kestra_type *t = find_type(n, kestra_present_name(type));
    if (!t) return false;
    node_known(n, kestra_keys, task_refused);
    if (t->form == FORM_LOG)
        read_log(n, t, w);
    else
        read_lines(n, t, w);
    const char *key = t->form == FORM_LOG        ? "message"
                      : t->form == FORM_COMMANDS ? "commands"
                                                 : "script";
    read_template(n, json_get(n->j, key), key, w->script, scope);
    return true;
}
