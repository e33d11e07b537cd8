/* Expressions: one parser, with two kinds of listeners to the terms that it finds. */
#include "coordinator/flow/expr.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 128
#define SENTENCE_SIZE 300

static const char *const root_names[EXPR_ROOTS] = {"inputs",    "outputs", "vars",    "trigger",
                                                   "execution", "flow",    "taskrun", "event"};

struct step {
    char name[NAME_MAX_BYTES + 1];
    bool is_index;
    int64_t index;
};

enum term_kind { TERM_PATH, TERM_TEXT, TERM_WORD, TERM_NULL };

struct term {
    enum term_kind kind;
    enum expr_root root;
    struct step steps[EXPR_STEPS_MAX]; /* behind the root */
    size_t step_count;
    const char *text; /* TEXT: between the quotes, not unescaped; WORD: number, true, false */
    size_t len;
};

struct parser {
    const char *s; /* what comes next */
    char sentence[SENTENCE_SIZE];
    /* false: stop, the sentence says why */
    bool (*on_term)(struct parser *p, const struct term *t);
    void *user;
};

static bool fail(struct parser *p, const char *fmt, ...) CADRE_PRINTF(2, 3);

static bool fail(struct parser *p, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(p->sentence, sizeof p->sentence, fmt, args);
    va_end(args);
    if (n >= (int)sizeof p->sentence)
        p->sentence[str_utf8_whole(p->sentence, strlen(p->sentence))] = '\0';
    return false;
}

/* ---- parsing --------------------------------------------------------------------------------- */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct parser *p)
{
    while (is_blank(*p->s))
        p->s++;
}

static bool take_name(struct parser *p, char out[NAME_MAX_BYTES + 1])
{
    size_t len = 0;
    while (is_name(p->s[len]))
        len++;
    if (len > 1 && str_starts(p->s + len - 1, "-}}")) len--;
    if (len == 0 || len > NAME_MAX_BYTES)
        return fail(p, len ? "a name has at most %d bytes" : "a name is missing after the '.'",
                    NAME_MAX_BYTES);
    memcpy(out, p->s, len);
    out[len] = '\0';
    p->s += len;
    return true;
}

/* From the quote on; *text and *len: what is between, escapes and all. */
static bool take_quoted(struct parser *p, const char **text, size_t *len)
{
    char quote = *p->s;
    const char *at = p->s + 1;
    for (; *at != quote; at++) {
        if (*at == '\\' && at[1]) at++;
        if (!*at) return fail(p, "the text that begins with %c is never closed", quote);
    }
    *text = p->s + 1;
    *len = (size_t)(at - p->s) - 1;
    p->s = at + 1;
    return true;
}

/* Behind "[". */
static bool take_subscript(struct parser *p, struct step *out)
{
    const char *text;
    size_t len = 0;
    skip_blanks(p);
    if (*p->s == '\'' || *p->s == '"') {
        if (!take_quoted(p, &text, &len)) return false;
        if (len == 0 || len > NAME_MAX_BYTES || memchr(text, '\\', len))
            return fail(p, "a name of 1 to %d bytes must stand between [ and ]", NAME_MAX_BYTES);
        memcpy(out->name, text, len);
        out->name[len] = '\0';
    } else {
        while (p->s[len] >= '0' && p->s[len] <= '9')
            len++;
        if (len == 0 || len > 9)
            return fail(p, "a name in quotes or a number must stand between [ and ]");
        memcpy(out->name, p->s, len);
        out->name[len] = '\0';
        out->is_index = str_int64(out->name, &out->index) == 0;
        p->s += len;
    }
    skip_blanks(p);
    if (*p->s != ']') return fail(p, "a ']' is missing");
    p->s++;
    return true;
}

/* What Kestra has besides, and what to do instead. */
static const struct {
    const char *name;
    bool called;
    const char *sentence;
} ways_out[] = {
    {"secret", true,
     "secret() is not supported: give the value to the job as a variable, with env in the "
     "agent's agent.yaml"},
    {"kv", true, "kv() is not supported: write the value into vars, or give it as an input"},
    {"read", true, "read() is not supported: let the script read its files"},
    {"fileURI", true, "fileURI() is not supported: let the script read its files"},
    {"workingDir", false, "there is no 'workingDir': jobs find it in the variable WORKING_DIR"},
    {"outputDir", false,
     "there is no 'outputDir': let the script store its files where others find them, and set "
     "an output"},
    {"outputFiles", false,
     "there is no 'outputFiles': let the script store its files where others find them, and set "
     "an output"},
    {"namespace", false, "there is no 'namespace': write flow.namespace"},
    {"envs", false, "there is no 'envs': jobs find variables of the agent in their environment"},
    {"globals", false, "there is no 'globals': write the value into vars"},
    {"secrets", false,
     "there is no 'secrets': give the value to the job as a variable, with env in the agent's "
     "agent.yaml"},
    {"labels", false, "there is no 'labels': give the value as an input"},
    {"task", false, "there is no 'task': write its id; jobs find it in CADRE_TASK, too"},
    {"error", false, "there is no 'error': a task that failed ends the execution"},
};

static bool find_root(struct parser *p, const char *name, enum expr_root *out)
{
    for (int i = 0; i < EXPR_ROOTS; i++) {
        if (!str_eq(root_names[i], name)) continue;
        *out = (enum expr_root)i;
        return true;
    }
    skip_blanks(p);
    bool called = *p->s == '(';
    for (size_t i = 0; i < sizeof ways_out / sizeof *ways_out; i++)
        if (ways_out[i].called == called && str_eq(ways_out[i].name, name))
            return fail(p, "%s", ways_out[i].sentence);
    if (called)
        return fail(p, "functions such as %.40s() are not supported: let a script work it out",
                    name);
    char suggestion[STR_SUGGEST_SIZE];
    str_suggest_nearest(suggestion, name, root_names, EXPR_EVENT);
    if (*suggestion) return fail(p, "there is no '%.60s'%s", name, suggestion);
    return fail(p,
                "there is no '%.60s': an expression begins with inputs, outputs, vars, trigger, "
                "execution, flow or taskrun",
                name);
}

static bool take_path(struct parser *p, struct term *t)
{
    char name[NAME_MAX_BYTES + 1];
    if (!take_name(p, name)) return false;
    if (str_eq(name, "true") || str_eq(name, "false")) {
        t->kind = TERM_WORD;
        t->len = strlen(name);
        t->text = p->s - t->len;
        return true;
    }
    t->kind = str_eq(name, "null") ? TERM_NULL : TERM_PATH;
    if (t->kind == TERM_NULL) return true;
    if (!find_root(p, name, &t->root)) return false;
    while (*p->s == '.' || *p->s == '[') {
        bool subscript = *p->s++ == '[';
        if (t->step_count == EXPR_STEPS_MAX - 1)
            return fail(p, "a path has at most %d steps", EXPR_STEPS_MAX);
        struct step *step = &t->steps[t->step_count++];
        step->is_index = false;
        if (subscript ? !take_subscript(p, step) : !take_name(p, step->name)) return false;
    }
    return true;
}

static bool take_number(struct parser *p, struct term *t)
{
    t->kind = TERM_WORD;
    t->text = p->s;
    if (*p->s == '-') p->s++;
    size_t whole = strspn(p->s, "0123456789");
    p->s += whole;
    if (whole && *p->s == '.') {
        size_t part = strspn(p->s + 1, "0123456789");
        if (part == 0) return fail(p, "a digit is missing after the '.'");
        p->s += 1 + part;
    }
    t->len = (size_t)(p->s - t->text);
    return whole > 0 && !is_name(*p->s) ? true : fail(p, "this is no number");
}

static bool take_term(struct parser *p, struct term *t)
{
    skip_blanks(p);
    t->step_count = 0;
    if (*p->s == '\'' || *p->s == '"') {
        t->kind = TERM_TEXT;
        return take_quoted(p, &t->text, &t->len);
    }
    if ((*p->s >= '0' && *p->s <= '9') || *p->s == '-') return take_number(p, t);
    if (is_name(*p->s)) return take_path(p, t);
    if (*p->s == '}' || !*p->s) return fail(p, "an expression is missing");
    return fail(p, "this is not an expression; to write two braces as text use {{ '{{' }}");
}

/* Behind "{{": the '-' that takes blanks away, and not that of a number? */
static bool trims(const char *s)
{
    return s[0] == '-' && (s[1] < '0' || s[1] > '9');
}

/* p->s: behind "{{"; afterwards behind "}}", and with "-}}" behind the blanks, too. false: the
 * sentence says why. */
static bool parse_expression(struct parser *p)
{
    struct term t;
    if (trims(p->s)) p->s++;
    for (;;) {
        if (!take_term(p, &t) || !p->on_term(p, &t)) return false;
        skip_blanks(p);
        if (p->s[0] != '?' || p->s[1] != '?') break;
        p->s += 2;
    }
    if (p->s[0] == '}' && p->s[1] == '}') {
        p->s += 2;
        return true;
    }
    if (p->s[0] == '-' && p->s[1] == '}' && p->s[2] == '}') {
        p->s += 3;
        skip_blanks(p);
        return true;
    }
    if (!*p->s) return fail(p, "it is never closed with '}}'");
    if (*p->s == '|')
        return fail(
            p, "filters (|) are not supported: let a script work it out; for a default write ?? "
               "'text'");
    if (*p->s == '(') return fail(p, "functions are not supported");
    return fail(p, "only paths, texts, numbers and '?\?' are supported: let a script work it out");
}

bool expr_has(const char *text)
{
    return strstr(text, "{{") != NULL;
}

static bool take_any(struct parser *p, const struct term *t)
{
    (void)p;
    (void)t;
    return true;
}

bool expr_is_whole(const char *text)
{
    struct parser p = {.s = text, .on_term = take_any};
    skip_blanks(&p);
    if (!str_starts(p.s, "{{")) return false;
    p.s += 2;
    if (!parse_expression(&p)) return false;
    skip_blanks(&p);
    return !*p.s;
}

/* ---- inputs: their ids may have dots --------------------------------------------------------- */

/* The first `count` steps as an id; false: they are none. */
static bool join_steps(const struct term *t, size_t count, char out[NAME_MAX_BYTES + 1])
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (t->steps[i].is_index) return false;
        if (str_format(out + len, NAME_MAX_BYTES + 1 - len, "%s%s", i ? "." : "", t->steps[i].name))
            return false;
        len += strlen(out + len);
    }
    return count > 0;
}

/* ---- checking -------------------------------------------------------------------------------- */

struct check {
    const struct expr_scope *scope;
    bool uses_attempt;
};

static bool fail_name(struct parser *p, const char *what, const char *name,
                      const char *const *there, size_t count)
{
    char suggestion[STR_SUGGEST_SIZE];
    return fail(p, "there is no %s '%.60s'%s", what, name,
                str_suggest_nearest(suggestion, name, there, count));
}

static size_t find(const char *name, const char *const *list, size_t count)
{
    size_t i = 0;
    while (i < count && !str_eq(list[i], name))
        i++;
    return i;
}

/* What Kestra's script tasks have besides "vars" and "exitCode", and no task has here. */
static bool check_key(struct parser *p, const char *task, enum expr_outputs has, const char *key)
{
    if (has == EXPR_OUTPUTS_WRONG) return true;
    if (str_eq(key, "outputFiles") && has == EXPR_OUTPUTS_FILES) return true;
    if (str_eq(key, "outputFiles"))
        return fail(p,
                    "the task '%.60s' has no 'outputFiles': let the script store its files where "
                    "others find them, and set an output",
                    task);
    if (str_eq(key, "stdOutLineCount") || str_eq(key, "stdErrLineCount"))
        return fail(p,
                    "the task '%.60s' has no '%s': let the script count its lines, and set an "
                    "output",
                    task, key);
    return true;
}

/* Has the task, which stands earlier, outputs here? */
static bool check_sight(struct parser *p, const char *task, const struct expr_seen *seen)
{
    switch (seen->how) {
    case EXPR_HOLDER:
        return fail(p, "the task '%.60s' holds this one, and has no outputs before its end", task);
    case EXPR_OTHER_BRANCH:
        return fail(p, "the task '%.60s' is in another branch of '%.60s': it has not run here",
                    task, seen->by);
    case EXPR_AT_ONCE:
        return fail(p,
                    "the task '%.60s' runs at the same time, in '%.60s': it may have no outputs "
                    "yet",
                    task, seen->by);
    case EXPR_IN_LOOP:
        return fail(p,
                    "the task '%.60s' is within the Loop '%.60s', whose outputs alone are seen "
                    "behind it",
                    task, seen->by);
    default:
        return true;
    }
}

static bool check_output(struct parser *p, const struct expr_scope *s, const struct term *t)
{
    const char *task = t->steps[0].name;
    if (t->step_count < 2) return fail(p, "outputs needs a task and a key: outputs.TASK.KEY");
    size_t at = find(task, s->tasks, s->task_count);
    if (at < s->earlier_count && s->sights && !check_sight(p, task, &s->sights[at])) return false;
    enum expr_outputs has = at < s->earlier_count && s->outputs ? s->outputs[at] : EXPR_OUTPUTS_ANY;
    if (has == EXPR_OUTPUTS_NONE) return fail(p, "the task '%s' never sets an output", task);
    if (has == EXPR_OUTPUTS_VALUE && !str_eq(t->steps[1].name, "value"))
        return fail(p, "the task '%s' has the output 'value' alone", task);
    if (at < s->earlier_count) {
        if (s->named) s->named[at] = true;
        return check_key(p, task, has, t->steps[1].name);
    }
    if (at == s->task_count && find(task, s->inner, s->inner_count) < s->inner_count) return true;
    if (at == s->task_count) return fail_name(p, "earlier task", task, s->tasks, s->earlier_count);
    if (at == s->earlier_count) return fail(p, "the task '%s' cannot use its own outputs", task);
    return fail(p, "the task '%s' comes later", task);
}

static bool check_var(struct parser *p, const struct expr_scope *s, const struct term *t)
{
    const char *name = t->steps[0].name;
    if (json_get(s->vars, name)) return true;
    size_t count = json_count(s->vars), n = 0;
    const char **names = mem_array(count + 1, sizeof *names);
    for (const struct json *v = json_first(s->vars); v; v = json_next(v))
        names[n++] = json_key(v);
    (void)fail_name(p, "variable", name, names, count);
    mem_free(names);
    return false;
}

static bool check_trigger(struct parser *p, const struct expr_scope *s, const struct term *t)
{
    const char *name = t->steps[0].name;
    char all[200] = "";
    size_t count = s->trigger_key_count;
    if (count == 0 || find(name, s->trigger_keys, count) < count) return true;
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(all);
        (void)str_format(all + len, sizeof all - len, "%s%s", i ? ", " : "", s->trigger_keys[i]);
    }
    return fail(p, "there is no '%.60s' in trigger, only %s", name, all);
}

/* Roots whose members are fixed. */
static bool check_fixed(struct parser *p, const struct term *t)
{
    static const char *const flow_keys[] = {"id", "namespace"};
    static const char *const execution_keys[] = {"id"};
    static const char *const taskrun_keys[] = {"attempt"};
    const char *const *keys = t->root == EXPR_FLOW        ? flow_keys
                              : t->root == EXPR_EXECUTION ? execution_keys
                                                          : taskrun_keys;
    size_t count = t->root == EXPR_FLOW ? 2 : 1;
    const char *root = root_names[t->root];
    if (t->step_count == 1 && find(t->steps[0].name, keys, count) < count) return true;
    if (count == 2) return fail(p, "there is %s.%s and %s.%s only", root, keys[0], root, keys[1]);
    return fail(p, "there is %s.%s only", root, keys[0]);
}

static bool check_input(struct parser *p, const struct expr_scope *s, const struct term *t)
{
    char id[NAME_MAX_BYTES + 1];
    for (size_t n = 1; n <= t->step_count; n++)
        if (join_steps(t, n, id) && find(id, s->inputs, s->input_count) < s->input_count)
            return true;
    if (!join_steps(t, t->step_count, id)) (void)str_copy(id, sizeof id, t->steps[0].name);
    return fail_name(p, "input", id, s->inputs, s->input_count);
}

static bool check_term(struct parser *p, const struct term *t)
{
    struct check *c = p->user;
    const struct expr_scope *s = c->scope;
    if (t->kind != TERM_PATH) return true;
    const char *root = root_names[t->root];
    if (!(s->roots & 1u << t->root))
        return fail(p, "there is no '%s' %s", root, s->where ? s->where : "here");
    if (t->step_count == 0) return fail(p, "%s needs a name: %s.NAME", root, root);
    if (s->unread & 1u << t->root) return true;
    switch (t->root) {
    case EXPR_INPUTS:
        return check_input(p, s, t);
    case EXPR_OUTPUTS:
        return check_output(p, s, t);
    case EXPR_VARS:
        return check_var(p, s, t);
    case EXPR_TRIGGER:
        return check_trigger(p, s, t);
    case EXPR_EVENT:
        if (find(t->steps[0].name, s->event_keys, s->event_key_count) < s->event_key_count)
            return true;
        return fail_name(p, "member of an event", t->steps[0].name, s->event_keys,
                         s->event_key_count);
    default:
        if (t->root == EXPR_TASKRUN) c->uses_attempt = true;
        return check_fixed(p, t);
    }
}

/* Behind what could not be read: the expression's end on its line, else the line's end. */
static const char *skip_bad(const char *at)
{
    size_t line = strcspn(at, "\n");
    const char *end = strstr(at, "}}");
    return end && (size_t)(end - at) < line ? end + 2 : at + line;
}

void expr_check(const char *text, const struct expr_scope *scope, expr_problem_fn *on_problem,
                void *user, bool *uses_attempt)
{
    struct check c = {scope, false};
    struct parser p = {.on_term = check_term, .user = &c};
    for (const char *at = strstr(text, "{{"); at; at = strstr(p.s, "{{")) {
        p.s = at + 2;
        if (parse_expression(&p)) continue;
        p.s = skip_bad(at + 2);
        if (!on_problem(at, (size_t)(p.s - at), p.sentence, user)) break;
    }
    if (uses_attempt && c.uses_attempt) *uses_attempt = true;
}

/* ---- rendering ------------------------------------------------------------------------------- */

struct render {
    const struct expr_values *v;
    struct buf *out;
    bool done; /* a term had a value */
    /* the last term without one is null, an input that may be absent, or an empty member of an
     * event */
    bool is_null;
    int rc;
    char missing[200];    /* the first path that had none */
    const char *why;      /* and why */
    const char *why_name; /* what the reason speaks of */
    char why_room[NAME_MAX_BYTES + 1];
};

static int add_text(struct buf *out, const char *text, size_t len)
{
    int rc = 0;
    for (size_t i = 0; i < len && rc == 0; i++) {
        if (text[i] == '\\' && i + 1 < len) i++;
        rc = buf_addc(out, text[i]);
    }
    return rc;
}

static int add_json(struct buf *out, const struct json *j)
{
    if (json_type(j) == JSON_STRING) return buf_adds(out, json_str(j, ""));
    char *text = json_text(j);
    int rc = buf_adds(out, text);
    mem_free(text);
    return rc;
}

static const struct json *go(const struct json *j, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count && j; i++) {
        if (!steps[i].is_index) {
            j = json_type(j) == JSON_OBJECT ? json_get(j, steps[i].name) : NULL;
            continue;
        }
        int64_t left = steps[i].index;
        for (j = json_type(j) == JSON_ARRAY ? json_first(j) : NULL; j && left > 0; left--)
            j = json_next(j);
    }
    return json_type(j) == JSON_NULL ? NULL : j;
}

/* The names of the headers of a call are in lower case, however somebody writes them. */
static const struct json *go_trigger(const struct json *j, const struct term *t)
{
    const struct json *found = go(j, t->steps, t->step_count);
    struct term lower;
    if (found || t->step_count < 2 || !str_eq(t->steps[0].name, "headers")) return found;
    lower = *t;
    for (char *s = lower.steps[1].name; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s | 0x20);
    return go(j, lower.steps, lower.step_count);
}

/* The input that the path begins with, null included; *steps: how many its id takes. NULL: none. */
static const struct json *find_input(const struct json *inputs, const struct term *t, size_t *steps)
{
    char id[NAME_MAX_BYTES + 1];
    for (*steps = 1; *steps <= t->step_count; ++*steps) {
        const struct json *j = join_steps(t, *steps, id) ? json_get(inputs, id) : NULL;
        if (j) return j;
    }
    return NULL;
}

static const struct json *go_input(const struct json *inputs, const struct term *t)
{
    size_t n;
    const struct json *j = find_input(inputs, t, &n);
    return j ? go(j, t->steps + n, t->step_count - n) : NULL;
}

/* Is it an input by itself, and not a part of one? */
static bool is_whole_input(const struct json *inputs, const struct term *t)
{
    size_t n;
    return t->root == EXPR_INPUTS &&
           (t->step_count == 1 || (find_input(inputs, t, &n) && n == t->step_count));
}

static const struct json *find_value(const struct expr_values *v, const struct term *t)
{
    switch (t->root) {
    case EXPR_INPUTS:
        return go_input(v->inputs, t);
    case EXPR_VARS:
        return go(v->vars, t->steps, t->step_count);
    case EXPR_TRIGGER:
        return go_trigger(v->trigger, t);
    case EXPR_EVENT:
        return go(v->event, t->steps, t->step_count);
    case EXPR_OUTPUTS:
        break;
    default:
        return NULL;
    }
    const struct json *found = go(v->outputs, t->steps, t->step_count);
    if (found || t->step_count < 2) return found;
    if (t->step_count == 2 && str_eq(t->steps[1].name, "exitCode"))
        return go(v->exit_codes, t->steps, 1);
    if (!str_eq(t->steps[1].name, "vars")) return NULL;
    return go(go(v->outputs, t->steps, 1), t->steps + 2, t->step_count - 2);
}

static const char *fixed_text(const struct expr_values *v, const struct term *t)
{
    if (t->step_count != 1) return NULL;
    bool id = str_eq(t->steps[0].name, "id");
    if (t->root == EXPR_EXECUTION && id) return v->execution_id;
    if (t->root == EXPR_FLOW && id) return v->flow_id;
    if (t->root == EXPR_FLOW && str_eq(t->steps[0].name, "namespace")) return v->flow_namespace;
    return NULL;
}

static int add_attempt(struct render *r)
{
    if (r->v->attempts_used) ++*r->v->attempts_used;
    return buf_adds(r->out, r->v->attempt);
}

static void path_text(const struct term *t, char *out, size_t size)
{
    (void)str_copy(out, size, root_names[t->root]);
    for (size_t i = 0; i < t->step_count; i++) {
        const struct step *s = &t->steps[i];
        size_t len = strlen(out);
        (void)str_format(out + len, size - len, s->is_index ? "[%s]" : ".%s", s->name);
    }
}

static void note_missing(struct render *r, const struct term *t)
{
    if (r->missing[0]) return;
    path_text(t, r->missing, sizeof r->missing);
    r->why_name = "";
    r->why = "has no value";
    if (t->root == EXPR_INPUTS) r->why = "was not given";
    if (t->root == EXPR_TRIGGER)
        r->why = r->v->trigger ? "was not set by the trigger's check"
                               : "has no value: this execution was not started by a trigger";
    if (t->root != EXPR_OUTPUTS || t->step_count == 0) return;
    (void)str_copy(r->why_room, sizeof r->why_room, t->steps[0].name);
    r->why = "has no value: it was not set by the task ";
    r->why_name = r->why_room;
}

/* Each member of an event is there; one that does not apply is empty. */
static bool is_empty_member(const struct term *t, const struct json *found)
{
    return t->root == EXPR_EVENT && str_eq(json_str(found, "x"), "");
}

static bool render_term(struct parser *p, const struct term *t)
{
    struct render *r = p->user;
    if (r->done) return true;
    r->done = true;
    if (t->kind == TERM_TEXT) {
        r->rc = add_text(r->out, t->text, t->len);
    } else if (t->kind == TERM_WORD) {
        r->rc = buf_add(r->out, t->text, t->len);
    } else if (t->kind == TERM_NULL) {
        r->done = false;
        r->is_null = true;
    } else if (t->root == EXPR_TASKRUN && t->step_count == 1 && r->v->attempt &&
               str_eq(t->steps[0].name, "attempt")) {
        r->rc = add_attempt(r);
    } else {
        const struct json *found = find_value(r->v, t);
        const char *text = fixed_text(r->v, t);
        if (found && !is_empty_member(t, found)) {
            r->rc = add_json(r->out, found);
        } else if (text) {
            r->rc = buf_adds(r->out, text);
        } else {
            r->done = false;
            r->is_null = found || is_whole_input(r->v->inputs, t);
            note_missing(r, t);
        }
    }
    return r->rc == 0;
}

static int too_large(const struct buf *out, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "with its values it is larger than %zu bytes", out->max);
}

int expr_render(const char *text, const struct expr_values *v, struct buf *out, struct err *e)
{
    struct render r = {.v = v, .out = out};
    struct parser p = {.s = text, .on_term = render_term, .user = &r};
    for (const char *at; (at = strstr(p.s, "{{")) != NULL;) {
        size_t before = (size_t)(at - p.s);
        while (trims(at + 2) && before > 0 && is_blank(p.s[before - 1]))
            before--;
        if (buf_add(out, p.s, before)) return too_large(out, e);
        p.s = at + 2;
        r.done = r.is_null = false;
        r.missing[0] = '\0';
        bool good = parse_expression(&p);
        if (r.rc) return too_large(out, e);
        if (!good) return err_set(e, ERR_INVALID, "%s", p.sentence);
        if (!r.done && !r.is_null)
            return err_set(e, ERR_NOT_FOUND, "%s %s%s", r.missing, r.why, r.why_name);
    }
    return buf_adds(out, p.s) ? too_large(out, e) : 0;
}
