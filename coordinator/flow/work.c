/* What tasks and triggers share: what runs, where, and within which limits. */
#include "coordinator/flow/read.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/retry_rules.h"
#include "wire/lease.h"
#include "wire/spec.h"

#define KEY_TEMPLATE_MAX 1000
#define TAGS_MAX 32

/* ---- what runs ------------------------------------------------------------------------------- */

/* `command`, or `args` of a script. */
static void read_words(const struct node *n, const char *key, struct flow_work *w,
                       const struct expr_scope *scope)
{
    char name[40];
    const struct json *list = node_list(n, key, SPEC_COMMAND_MAX);
    if (!list) return;
    w->argv = mem_array(json_count(list) + 1, sizeof *w->argv);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        (void)str_format(name, sizeof name, "%s[%zu]", key, w->argc);
        char *word = item_text(n, j, name, FLOW_FILE_MAX);
        if (!word) word = mem_strdup("?"); /* said; the next one keeps its number */
        read_template(n, j, name, word, scope);
        w->argv[w->argc++] = word;
    }
}

static void read_command(const struct node *n, struct flow_work *w, const struct expr_scope *scope)
{
    const struct json *member = json_get(n->j, "command");
    if (json_type(member) != JSON_ARRAY) {
        node_fail(n, "command",
                  "must be a list, [\"program\", \"argument\"]; a line for a shell is a script");
        return;
    }
    if (json_count(member) == 0) {
        node_fail(n, "command", "is empty");
        return;
    }
    read_words(n, "command", w, scope);
    if (w->argc > 0 && !*w->argv[0]) node_fail(n, "command", "the program's name is empty");
}

static bool is_blank(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
        s++;
    return !*s;
}

static void read_script(const struct node *n, struct flow_work *w, const struct expr_scope *scope)
{
    w->kind = FLOW_SCRIPT;
    w->script = node_text(n, "script", FLOW_FILE_MAX);
    if (w->script && is_blank(w->script)) node_fail(n, "script", "is empty");
    read_template(n, json_get(n->j, "script"), "script", w->script, scope);
    read_words(n, "args", w, scope);
    int shell = node_choice(n, "shell", spec_shells, SPEC_SHELLS, -1);
    if (shell >= 0) w->shell = spec_shells[shell];
}

static void read_what(const struct node *n, struct flow_work *w, const struct expr_scope *scope)
{
    bool command = node_has(n, "command"), script = node_has(n, "script");
    if (command && script) {
        node_fail(n, "command", "there is a script, too: one of the two");
    } else if (command) {
        w->kind = FLOW_COMMAND;
        if (node_has(n, "shell"))
            node_fail(n, "shell", "is for scripts; a command runs without a shell");
        if (node_has(n, "args"))
            node_fail(n, "args", "is for scripts; the arguments of a command are in command");
        read_command(n, w, scope);
    } else if (script) {
        read_script(n, w, scope);
    } else {
        node_fail(n, node_meant(n, "script") ? "script" : "command",
                  "a command or a script is missing");
    }
}

static void read_env(const struct node *n, struct flow_work *w, const struct expr_scope *scope)
{
    struct node env;
    char shown[STR_QUOTE_SIZE], name[160];
    if (!node_object(n, "env", &env)) return;
    if (json_count(env.j) > SPEC_ENV_MAX) {
        node_fail(n, "env", "has %zu variables, at most %d are allowed", json_count(env.j),
                  SPEC_ENV_MAX);
        return;
    }
    w->env = mem_array(json_count(env.j) + 1, sizeof *w->env);
    for (const struct json *j = json_first(env.j); j; j = json_next(j)) {
        if (!spec_env_name_valid(json_key(j))) {
            read_fail(n->r, j, "%senv: %s is not a variable's name", n->at,
                      str_quote(shown, json_key(j)));
            continue;
        }
        if (str_format(name, sizeof name, "env.%s", json_key(j)))
            (void)str_copy(name, sizeof name, "env");
        char *value = item_text(n, j, name, FLOW_FILE_MAX);
        if (!value) continue;
        read_no_statements(n, j, name, value);
        read_template(n, j, name, value, scope);
        w->env[w->env_count++] = (struct flow_env){mem_strdup(json_key(j)), value};
    }
}

/* ---- where ----------------------------------------------------------------------------------- */

static bool good_tag(const char *s)
{
    return expr_has(s) || str_key_valid(s);
}

/* A job's target never changes: but for the value of its iteration there is no taskrun in it. */
static struct expr_scope scope_of_target(const struct expr_scope *scope, const char *where)
{
    struct expr_scope lasting = *scope;
    if (scope->no_value) lasting.roots &= ~(1u << EXPR_TASKRUN);
    lasting.no_attempt = true;
    lasting.where = where;
    return lasting;
}

/* Kestra 2's, into one text: tags have no commas. */
static void read_selector(const struct node *n, struct flow_group_ref *out,
                          const struct expr_scope *scope)
{
    static const char *const matches[] = {"ALL", "ANY"};
    struct node s;
    struct buf text;
    char shown[STR_QUOTE_SIZE];
    const struct expr_scope lasting = scope_of_target(scope, "in a selector's tags");
    if (!node_object(n, "workerSelector", &s)) return;
    if (node_has(n, "workerGroup"))
        node_fail(n, "workerSelector", "there is a workerGroup, too: one of the two");
    size_t problems = n->r->problems->count;
    node_known(&s, selector_keys, NULL);
    const struct json *tags = node_list(&s, "tags", TAGS_MAX);
    int match = node_choice(&s, "match", matches, 2, 0);
    int fallback = node_choice(&s, "fallback", fallback_names, 4, FALLBACK_FAIL);
    if (!json_count(tags) && n->r->problems->count == problems)
        node_fail(&s, "tags", "is missing, such as tags: [gpu]");
    buf_init(&text, FLOW_FILE_MAX);
    (void)buf_adds(&text, match == 0 ? "all:" : "any:");
    for (const struct json *j = json_first(tags); j; j = json_next(j)) {
        char *tag = item_text(&s, j, "tags", KEY_TEMPLATE_MAX);
        if (tag && !good_tag(tag))
            read_fail(n->r, j,
                      "%stags: %s is not a tag: 1 to 63 letters, digits, '_' and '-', the first a "
                      "letter or digit",
                      s.at, str_quote(shown, tag));
        read_no_statements(&s, j, "tags", tag);
        read_template(&s, j, "tags", tag, &lasting);
        if (tag) (void)buf_addf(&text, "%s%s", j == json_first(tags) ? "" : ",", tag);
        mem_free(tag);
    }
    if (n->r->problems->count == problems)
        *out = (struct flow_group_ref){.key = buf_detach(&text),
                                       .selector = true,
                                       .has_fallback = true,
                                       .fallback = (enum fallback)fallback,
                                       .line = yaml_line(&n->r->doc, json_get(s.j, "tags"))};
    buf_fini(&text);
}

void read_group(const struct node *n, struct flow_group_ref *out, const struct expr_scope *scope)
{
    struct node g;
    if (node_has(n, "workerSelector")) {
        read_selector(n, out, scope);
        return;
    }
    char shown[STR_QUOTE_SIZE];
    if (!node_object(n, "workerGroup", &g)) return;
    node_known(&g, group_ref_keys, NULL);
    out->key = node_text(&g, "key", KEY_TEMPLATE_MAX);
    const struct json *at = json_get(g.j, "key");
    out->line = yaml_line(&n->r->doc, at ? at : g.j);
    size_t problems = n->r->problems->count;
    read_no_statements(&g, at, "key", out->key);
    if (n->r->problems->count > problems) {
        mem_free(out->key);
        out->key = NULL;
    } else if (out->key && expr_has(out->key)) {
        const struct expr_scope lasting = scope_of_target(scope, "in a group's key");
        read_template(&g, at, "key", out->key, &lasting);
    } else if (out->key && !str_key_valid(out->key)) {
        node_fail(&g, "key",
                  "%s is not a group's key: 1 to 63 letters, digits, '_' and '-', the first a "
                  "letter or digit",
                  str_quote(shown, out->key));
    }
    int fallback = node_choice(&g, "fallback", fallback_names, 4, -1);
    out->has_fallback = fallback >= 0;
    if (out->has_fallback) out->fallback = (enum fallback)fallback;
}

static void read_require(const struct node *n, struct flow_work *w)
{
    struct err e = {0};
    const struct json *j = node_get(n, "requires", JSON_OBJECT, "a mapping");
    if (!j || json_count(j) == 0) return;
    w->require = json_copy(j);
    w->require_line = yaml_line(&n->r->doc, json_get(n->j, "requires"));
    for (const struct json *c = json_first(j); c; c = json_next(c))
        read_plain(n, c, "requires", json_str(c, NULL));
    if (n->r->checks && n->r->checks->require && n->r->checks->require(j, &e))
        read_fail(n->r, j, "%s%s", n->at, err_text(&e));
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* "maxAttempts" or what Kestra calls it. */
static const char *named(const struct node *n, const char *name, const char *alias)
{
    if (node_has(n, name) && node_has(n, alias))
        node_fail(n, alias, "is the same as %s: one of the two", name);
    return node_has(n, alias) ? alias : name;
}

void read_retry(const struct node *outer, struct retry *t)
{
    struct node n;
    const char *field;
    if (!node_object(outer, "retry", &n)) return;
    size_t before = n.r->problems->count;
    node_known(&n, retry_keys, NULL);
    t->type = (enum retry_type)(RETRY_CONSTANT + node_choice(&n, "type", retry_type_names, 3, 0));
    int64_t least = t->type == RETRY_EXPONENTIAL ? RETRY_LEAST_MS : 0;
    t->interval_ms = node_duration(&n, named(&n, "interval", "minInterval"), least, DURATION_MAX_MS,
                                   RETRY_INTERVAL_MS);
    t->max_interval_ms = node_duration(&n, "maxInterval", 1, DURATION_MAX_MS, 0);
    t->delay_factor = node_num(&n, "delayFactor", 1, RETRY_FACTOR_MAX, 2);
    static const char *const behaviors[] = {"RETRY_FAILED_TASK", "CREATE_NEW_EXECUTION"};
    if (node_choice(&n, "behavior", behaviors, 2, 0) == 1)
        node_fail(
            &n, "behavior",
            "CREATE_NEW_EXECUTION is not supported for tasks: the failed task is tried again");
    t->max_attempts =
        node_int(&n, named(&n, "maxAttempts", "maxAttempt"), 1, RETRY_ATTEMPTS_MAX, 0);
    t->max_duration_ms = node_duration(&n, "maxDuration", 1, DURATION_MAX_MS, 0);
    if (node_bool(&n, "warningOnRetry", false))
        node_fail(&n, "warningOnRetry",
                  "is not supported: a retried task that succeeds is SUCCESS");
    if (n.r->problems->count > before) return; /* the rest may follow from that */
    const char *sentence = retry_problem(t, &field);
    if (sentence) node_fail(&n, field, "%s", sentence);
}

void read_work(const struct node *n, struct flow_work *w, const struct expr_scope *scope,
               bool translated)
{
    if (!translated) read_what(n, w, scope);
    read_env(n, w, scope);
    w->workdir = node_text(n, "workingDirectory", SPEC_WORKDIR_MAX);
    if (w->workdir && !*w->workdir) node_fail(n, "workingDirectory", "is empty");
    read_no_statements(n, json_get(n->j, "workingDirectory"), "workingDirectory", w->workdir);
    read_template(n, json_get(n->j, "workingDirectory"), "workingDirectory", w->workdir, scope);
    read_group(n, &w->group, scope);
    if (!w->require) read_require(n, w);
    const char *os = w->linux_only ? json_get_str(w->require, "os", NULL) : NULL;
    if (os && !str_eq(os, "linux"))
        node_fail(n, "interpreter",
                  "a path is started on Linux alone: write os: linux, or name the shell without a "
                  "path");
    if (w->linux_only && !w->require) w->require = json_new(JSON_OBJECT);
    if (w->linux_only && !json_get(w->require, "os"))
        json_put(w->require, "os", json_new_str("linux"));
    w->timeout_ms = node_duration(n, "timeout", 1, DURATION_MAX_MS, 0);
    w->queue_timeout_ms = node_duration(n, "queueTimeout", 1, DURATION_MAX_MS, 0);
    w->lease_ms = node_duration(n, "lease", LEASE_MIN_MS, DURATION_MAX_MS, 0);
    w->kill_grace_ms = node_duration(n, "killGrace", 1, KILL_GRACE_MAX_MS, 0);
    w->priority = node_int(n, "priority", -PRIORITY_MAX, PRIORITY_MAX, 0);
    read_retry(n, &w->retry);
}
