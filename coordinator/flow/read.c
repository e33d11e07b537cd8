/* Members of mappings, with problems instead of a first error. */
#include "coordinator/flow/read.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SENTENCE_SIZE 400

/* What is said behind the place, "task export: ". */
static const char *behind_place(const char *sentence)
{
    const char *s = strstr(sentence, ": ");
    return s ? s + 2 : sentence;
}

/* A default of many tasks is wrong once. */
static bool is_told(const struct reader *r, int line, const char *sentence)
{
    const char *said = behind_place(sentence);
    for (size_t i = 0; i < r->problems->count; i++) {
        const struct flow_problem *p = &r->problems->items[i];
        if (p->line == line && str_eq(p->file, r->file) &&
            str_starts(behind_place(p->sentence), said))
            return true;
    }
    return false;
}

static bool is_in_defaults(const struct reader *r, int line)
{
    return r->defaults_first > 0 && line >= r->defaults_first && line <= r->defaults_last;
}

static void add_problem(struct reader *r, int line, const char *sentence)
{
    bool preset = is_in_defaults(r, line) && str_starts(sentence, "t"); /* task, trigger */
    r->failed = true;
    if (preset && is_told(r, line, sentence)) return;
    flow_problems_add(r->problems, r->file, line, "%s%s", sentence,
                      preset ? " (from the flow's defaults)" : "");
}

static void format(char out[SENTENCE_SIZE], const char *fmt, va_list args)
{
    int n = vsnprintf(out, SENTENCE_SIZE, fmt, args);
    if (n >= SENTENCE_SIZE) out[str_utf8_whole(out, strlen(out))] = '\0';
}

void read_fail(struct reader *r, const struct json *where, const char *fmt, ...)
{
    char text[SENTENCE_SIZE];
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    add_problem(r, yaml_line(&r->doc, where), text);
}

static void fail_at(const struct node *n, const struct json *where, const char *name,
                    const char *fmt, ...) CADRE_PRINTF(4, 5);

static void fail_at(const struct node *n, const struct json *where, const char *name,
                    const char *fmt, ...)
{
    char text[SENTENCE_SIZE];
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    read_fail(n->r, where, "%s%s: %s", n->at, name, text);
}

static const struct json *member(const struct node *n, const char *key)
{
    const struct json *j = json_get(n->j, key);
    return json_type(j) == JSON_NULL ? NULL : j;
}

static void note_key(struct noted_key **list, size_t *count, const struct noted_key *k)
{
    *list = mem_resize(*list, *count + 1, sizeof **list);
    (*list)[(*count)++] = *k;
}

bool node_meant(const struct node *n, const char *key)
{
    for (size_t i = 0; i < n->r->meant_count; i++)
        if (n->r->meant[i].in == n->j && str_eq(n->r->meant[i].key, key)) return true;
    return false;
}

void read_drop_missed(struct reader *r)
{
    for (size_t i = r->missed_count; i-- > 0;) {
        const struct noted_key *k = &r->missed[i];
        const struct node n = {.r = r, .j = k->in};
        if (node_meant(&n, k->key)) flow_problems_remove(r->problems, k->problem);
    }
}

void node_fail(const struct node *n, const char *key, const char *fmt, ...)
{
    char text[SENTENCE_SIZE];
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    const struct json *j = json_get(n->j, key);
    struct reader *r = n->r;
    const struct noted_key missed = {n->j, key, r->problems->count};
    read_fail(r, j ? j : n->j, "%s%s: %s", n->at, key, text);
    if (!j && r->problems->count > missed.problem) note_key(&r->missed, &r->missed_count, &missed);
}

void node_say(const struct node *n, const struct json *j, const char *fmt, ...)
{
    char text[SENTENCE_SIZE];
    size_t len = strlen(n->at);
    bool nested = len > 0 && n->at[len - 1] == '.';
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    read_fail(n->r, j, "%.*s%s%s", (int)(nested ? len - 1 : len), n->at, nested ? ": " : "", text);
}

/* A default of many types names a group: those that run nowhere have no use for it. */
static bool is_idle_group(const struct node *n, const char *key, const struct json *j)
{
    return is_in_defaults(n->r, yaml_line(&n->r->doc, j)) &&
           (str_eq(key, "workerGroup") || str_eq(key, "workerSelector"));
}

bool node_is_default(const struct node *n, const char *key)
{
    return node_has(n, key) && is_in_defaults(n->r, yaml_line(&n->r->doc, json_get(n->j, key)));
}

static const char *find_name(struct key_list known, const char *name)
{
    size_t i = 0;
    while (i < known.count && !str_eq(known.names[i], name))
        i++;
    return i < known.count ? known.names[i] : NULL;
}

/* Other programs' words for what runs: a list is a command, a text a script. NULL: it is none. */
static const char *meant_to_run(const struct json *j, struct key_list known)
{
    const char *key = json_key(j);
    if (!str_eq(key, "cmd") && !str_eq(key, "run") && !str_eq(key, "exec")) return NULL;
    if (json_type(j) != JSON_ARRAY) return find_name(known, "script");
    const char *command = find_name(known, "command");
    return command ? command : find_name(known, "commands");
}

static const char *meant(const struct json *j, struct key_list known)
{
    const char *word = meant_to_run(j, known);
    return word ? word : str_nearest(json_key(j), known.names, known.count);
}

static void fail_unknown(const struct node *n, const struct json *j, const char *near)
{
    char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
    const struct noted_key meant = {n->j, near, n->r->problems->count};
    node_say(n, j, "unknown key %s%s", str_quote(shown, json_key(j)),
             str_suggest(suggestion, near));
    if (near) note_key(&n->r->meant, &n->r->meant_count, &meant);
}

void node_known(const struct node *n, struct key_list known, const struct refused_key *refused)
{
    for (const struct json *j = json_first(n->j); j; j = json_next(j)) {
        const char *key = json_key(j);
        if (find_name(known, key)) continue;
        const struct refused_key *x = refused;
        while (x && x->name && !str_eq(x->name, key))
            x++;
        if (x && x->name && (key_says_nothing(key, j) || is_idle_group(n, key, j))) continue;
        if (n->r->problems->count == FLOW_PROBLEMS_MAX) { /* looking for the nearest costs */
            add_problem(n->r, 0, "");
            return;
        }
        if (x && x->name)
            read_fail(n->r, j, "%s%s: %s", n->at, key, x->sentence);
        else
            fail_unknown(n, j, meant(j, known));
    }
}

bool node_has(const struct node *n, const char *key)
{
    return member(n, key) != NULL;
}

/* How a mapping or a list is written; %s: what was written instead, or else `sample`. NULL: it is
 * shown as it stands. */
struct shape {
    const char *key;
    enum json_type type;
    const char *format, *sample;
};

static const struct shape shapes[] = {
    {"workerGroup", JSON_OBJECT, "{key: %s}", "linux"},
    {"workerSelector", JSON_OBJECT, "{tags: [%s]}", "gpu"},
    {"retry", JSON_OBJECT, "{maxAttempts: %s, interval: PT10S}", "3"},
    {"env", JSON_OBJECT, "{%s}", "NAME: value"},
    {"requires", JSON_OBJECT, "{os: %s}", "windows"},
    {"vars", JSON_OBJECT, "{region: %s}", "eu-west"},
    {"variables", JSON_OBJECT, "{region: %s}", "eu-west"},
    {"labels", JSON_OBJECT, "{team: %s}", "web"},
    {"concurrency", JSON_OBJECT, "{limit: %s}", "1"},
    {"taskRunner", JSON_OBJECT, "{type: %s}", "io.kestra.plugin.core.runner.Process"},
    {"inputs", JSON_OBJECT, "{day: %s}", "today"},
    {"inputs", JSON_ARRAY, "[{id: %s, type: STRING}]", "day"},
    {"values", JSON_ARRAY, "[%s]", "red, green"},
    {"options", JSON_ARRAY, "[%s]", "red, green"},
    {"outputs", JSON_ARRAY, "[{id: %s, value: \"{{ outputs.export.file }}\"}]", "file"},
    {"tasks", JSON_ARRAY, "[{id: %s, command: [echo, hello]}]", "hello"},
    {"errors", JSON_ARRAY, "[{id: %s, command: [echo, hello]}]", "hello"},
    {"finally", JSON_ARRAY, "[{id: %s, command: [echo, hello]}]", "hello"},
    {"then", JSON_ARRAY, "[{id: %s, command: [echo, hello]}]", "hello"},
    {"else", JSON_ARRAY, "[{id: %s, command: [echo, hello]}]", "hello"},
    {"defaults", JSON_ARRAY, "[{id: %s, command: [echo, hello]}]", "hello"},
    {"cases", JSON_OBJECT, "{%s: [{id: hello, command: [echo, hello]}]}", "red"},
    {"triggers", JSON_ARRAY, "[{id: %s, interval: PT1M, command: [test, -e, /data/in]}]", "ready"},
    {"stopAfter", JSON_ARRAY, "[%s]", "FAILED"},
    {"tags", JSON_ARRAY, "[%s]", "gpu, linux"},
    {"pluginDefaults", JSON_ARRAY, "[{type: %s, values: {workerGroup: {key: linux}}}]",
     "io.kestra.plugin.scripts"},
    {"taskDefaults", JSON_ARRAY, "[{type: %s, values: {workerGroup: {key: linux}}}]",
     "io.kestra.plugin.scripts"},
    {"command", JSON_ARRAY, "[%s]", "\"program\", \"argument\""},
    {"args", JSON_ARRAY, "[%s]", "\"one\", \"two\""},
    {"commands", JSON_ARRAY, "[%s]", "echo one, echo two"},
    {"beforeCommands", JSON_ARRAY, "[%s]", "echo one, echo two"},
    {"notAt", JSON_ARRAY, "[\"* 12-13 * * *\"]", NULL},
    {"when", JSON_ARRAY, "[{dayOfWeek: MONDAY}]", NULL},
    {"not", JSON_ARRAY, "[{weekend: true}]", NULL},
    {"or", JSON_ARRAY, "[{weekend: true}]", NULL},
    {"day", JSON_OBJECT, "{dayOfWeek: MONDAY, inMonth: FIRST}", NULL},
    {"timeBetween", JSON_OBJECT, "{after: \"08:00\", before: \"18:00\"}", NULL},
    {"dateTimeBetween", JSON_OBJECT, "{after: \"2026-12-24\", before: \"2027-01-02\"}", NULL},
    {"webhook", JSON_OBJECT, "{}", NULL},
    {"flow", JSON_OBJECT, "{id: %s}", "extract"},
    {"states", JSON_ARRAY, "[%s]", "SUCCESS"},
    {"in", JSON_ARRAY, "[%s]", "SUCCESS"},
    {"notIn", JSON_ARRAY, "[%s]", "FAILED"},
    {"preconditions", JSON_OBJECT, "{flows: [{flowId: extract}]}", NULL},
    {"flows", JSON_ARRAY, "[{namespace: company.team, flowId: extract}]", NULL},
    {"dependsOn", JSON_ARRAY, "[{namespace: company.team, flowId: extract}]", NULL},
};

static const struct shape *shape_of(const char *key, enum json_type type)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].type == type && str_eq(shapes[i].key, key)) return &shapes[i];
    return NULL;
}

static bool is_short_word(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 0 && n <= 40 && !s[n];
}

/* What was written, as it may stand in the shape: a word; the first key of a mapping; NAME=value of
 * an environment. */
static const char *word_for_shape(const struct node *n, const struct json *j,
                                  const struct shape *shape, char out[100])
{
    const char *text =
        json_type(j) == JSON_OBJECT ? json_key(json_first(j)) : yaml_text(&n->r->doc, j);
    if (str_eq(shape->key, "env")) {
        text = json_type(j) == JSON_ARRAY ? json_str(json_first(j), NULL) : text;
        const char *sign = text ? strchr(text, '=') : NULL;
        if (!sign || str_format(out, 100, "%.*s: %s", (int)(sign - text), text, sign + 1))
            return shape->sample;
        out[sign - text] = '\0';
        bool fine = is_short_word(out) && is_short_word(sign + 1);
        out[sign - text] = ':';
        return fine ? out : shape->sample;
    }
    bool number = str_eq(shape->key, "retry") || str_eq(shape->key, "concurrency");
    if (number && (!json_is_int(j) || json_int(j, 0) < 1)) return shape->sample;
    if (str_eq(shape->key, "taskRunner") || str_ends(shape->key, "Defaults") ||
        (str_eq(shape->key, "requires") && text && !str_eq(text, "linux") &&
         !str_eq(text, "windows")))
        return shape->sample;
    return text && is_short_word(text) ? text : shape->sample;
}

static void fail_shape(const struct node *n, const char *key, const struct json *j,
                       const struct shape *shape, const char *what)
{
    char word[100], shown[240];
    if (!shape->sample) {
        node_fail(n, key, "must be %s, such as %s: %s", what, key, shape->format);
        return;
    }
    const char *said = word_for_shape(n, j, shape, word);
    const char *rest = strstr(shape->format, "%s") + 2;
    (void)str_format(shown, sizeof shown, "%.*s%s%s", (int)(rest - 2 - shape->format),
                     shape->format, said, rest);
    node_fail(n, key, "must be %s, such as %s: %s", what, key, shown);
}

static bool is_empty_section(const struct json *j)
{
    return (json_type(j) == JSON_ARRAY || json_type(j) == JSON_OBJECT) && json_count(j) == 0;
}

const struct json *node_get(const struct node *n, const char *key, enum json_type type,
                            const char *what)
{
    const struct json *j = member(n, key);
    if (!j || json_type(j) == type) return j;
    bool section = type == JSON_ARRAY || type == JSON_OBJECT;
    if (section && is_empty_section(j)) return NULL; /* {} where [] belongs says as little */
    const struct shape *shape = shape_of(key, type);
    if (shape)
        fail_shape(n, key, j, shape, what);
    else
        node_fail(n, key, "must be %s", what);
    return NULL;
}

bool node_object(const struct node *n, const char *key, struct node *out)
{
    const struct json *j = node_get(n, key, JSON_OBJECT, "a mapping");
    if (!j) return false;
    struct node below = {.r = n->r, .j = j};
    if (str_format(below.at, sizeof below.at, "%s%s.", n->at, key)) below.at[0] = '\0';
    *out = below;
    return true;
}

const struct json *node_list(const struct node *n, const char *key, size_t max)
{
    const struct json *j = node_get(n, key, JSON_ARRAY, "a list");
    if (!j || json_count(j) <= max) return j;
    node_fail(n, key, "has %zu items, at most %zu are allowed", json_count(j), max);
    return NULL;
}

/* - echo "a: b" is a mapping to YAML. */
static void fail_no_text(const struct node *n, const struct json *item, const char *name)
{
    const struct json *value = json_first(item);
    bool lines = str_eq(name, "script") || str_eq(name, "message");
    bool line = lines || !json_key(item); /* no member of a mapping that wants texts */
    if (line && json_type(item) == JSON_OBJECT && json_count(item) == 1 &&
        json_type(value) != JSON_OBJECT && json_type(value) != JSON_ARRAY)
        fail_at(n, item, name,
                "must be a string, and the ': ' in this line makes a mapping of it: put the whole "
                "line in quotes, or write it behind '|'");
    else if (json_type(item) == JSON_ARRAY && lines)
        fail_at(n, item, name, "must be a string, not a list: write the lines behind '|'");
    else
        fail_at(n, item, name, "must be a string");
}

char *item_text(const struct node *n, const struct json *item, const char *name, size_t max)
{
    const char *text = json_type(item) == JSON_NULL ? NULL : yaml_text(&n->r->doc, item);
    if (!text) {
        fail_no_text(n, item, name);
        return NULL;
    }
    if (strlen(text) <= max) return mem_strdup(text);
    fail_at(n, item, name, "has %zu bytes, at most %zu are allowed", strlen(text), max);
    return NULL;
}

char *node_text(const struct node *n, const char *key, size_t max)
{
    const struct json *j = member(n, key);
    return j ? item_text(n, j, key, max) : NULL;
}

int64_t node_int(const struct node *n, const char *key, int64_t min, int64_t max, int64_t fallback)
{
    const struct json *j = member(n, key);
    const char *quoted = json_str(j, NULL);
    int64_t number = json_int(j, 0);
    if (!j) return fallback;
    bool whole = quoted ? str_int64(quoted, &number) == 0 : json_is_int(j);
    if (whole && number >= min && number <= max) return number;
    node_fail(n, key, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
    return fallback;
}

double node_num(const struct node *n, const char *key, double min, double max, double fallback)
{
    const struct json *j = member(n, key);
    if (!j) return fallback;
    struct json *quoted = json_str(j, NULL) ? json_new_num_text(json_str(j, "")) : NULL;
    bool number = quoted || json_type(j) == JSON_NUMBER;
    double value = json_num(quoted ? quoted : j, 0);
    json_free(quoted);
    if (number && value >= min && value <= max) return value;
    if (max < 1e15)
        node_fail(n, key, "must be a number from %g to %g", min, max);
    else
        node_fail(n, key, "must be a number, of at most 64 bits");
    return fallback;
}

bool node_bool(const struct node *n, const char *key, bool fallback)
{
    return json_bool(node_get(n, key, JSON_BOOL, "true or false"), fallback);
}

int64_t node_duration(const struct node *n, const char *key, int64_t min_ms, int64_t max_ms,
                      int64_t fallback)
{
    char *s = node_text(n, key, 100);
    struct err e = {0};
    int64_t ms;
    if (!s) return fallback;
    int rc = duration_parse(s, &ms, &e);
    mem_free(s);
    if (rc) {
        node_fail(n, key, "%s", err_text(&e));
        return fallback;
    }
    if (ms >= min_ms && ms <= max_ms) return ms;
    char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
    duration_format(min_ms, least);
    duration_format(max_ms, most);
    node_fail(n, key, "must be from %s to %s", least, most);
    return fallback;
}

int node_choice(const struct node *n, const char *key, const char *const *names, size_t count,
                int fallback)
{
    char *s = node_text(n, key, 1000);
    char all[200] = "", shown[STR_QUOTE_SIZE];
    if (!s) return fallback;
    for (size_t i = 0; i < count; i++) {
        if (str_eq(names[i], s)) {
            mem_free(s);
            return (int)i;
        }
        size_t len = strlen(all);
        (void)str_format(all + len, sizeof all - len, "%s%s", i ? ", " : "", names[i]);
    }
    node_fail(n, key, "%s is not one of %s", str_quote(shown, s), all);
    mem_free(s);
    return fallback;
}

static bool id_valid(const char *s, bool dots)
{
    size_t n = 0;
    for (; s[n]; n++) {
        bool plain = (s[n] >= 'a' && s[n] <= 'z') || (s[n] >= 'A' && s[n] <= 'Z') ||
                     (s[n] >= '0' && s[n] <= '9');
        bool inner = n > 0 && (s[n] == '_' || s[n] == '-' || (dots && s[n] == '.'));
        if (!plain && !inner) return false;
    }
    return n > 0 && n <= FLOW_ID_MAX;
}

char *node_id_of(const struct node *n, const char *key, bool dots)
{
    char shown[STR_QUOTE_SIZE];
    if (!node_has(n, key)) {
        node_fail(n, key, "is missing");
        return NULL;
    }
    char *id = node_text(n, key, FLOW_FILE_MAX);
    if (!id || id_valid(id, dots)) return id;
    node_fail(
        n, key,
        "%s is not an id: 1 to %d letters, digits, '_'%s and '-', the first a letter or digit",
        str_quote(shown, id), FLOW_ID_MAX, dots ? ", '.'" : "");
    mem_free(id);
    return NULL;
}

char *node_id(const struct node *n, bool dots)
{
    return node_id_of(n, "id", dots);
}

/* ---- expressions ----------------------------------------------------------------------------- */

struct template_place {
    const struct node *n;
    const char *name;
    int line; /* of the key */
    const char
        *from; /* in the source, where to look for the next expression; NULL: not to be found */
};

static const char *line_start(const struct reader *r, int line)
{
    const char *at = r->text;
    for (; line > 1 && at; line--) {
        at = strchr(at, '\n');
        if (at) at++;
    }
    return at;
}

static bool on_bad_expression(const char *at, size_t len, const char *sentence, void *user)
{
    struct template_place *p = user;
    struct reader *r = p->n->r;
    char shown[STR_QUOTE_SIZE], text[SENTENCE_SIZE + 400];
    if (r->problems->count == FLOW_PROBLEMS_MAX) { /* looking for lines costs */
        add_problem(r, p->line, sentence);
        return false;
    }
    char *expression = mem_strndup(at, len);
    int line = p->line;
    const char *found = p->from ? strstr(p->from, expression) : NULL;
    if (found) {
        for (const char *s = line_start(r, p->line); s < found; s++)
            line += *s == '\n';
        p->from = found + len;
    }
    (void)str_quote(shown, expression);
    (void)snprintf(text, sizeof text, "%s%s: %s: %s", p->n->at, p->name, shown, sentence);
    text[str_utf8_whole(text, strlen(text))] = '\0';
    add_problem(r, line, text);
    mem_free(expression);
    return true;
}

void read_template(const struct node *n, const struct json *where, const char *name,
                   const char *text, const struct expr_scope *scope)
{
    if (!text || !expr_has(text)) return;
    int line = yaml_line(&n->r->doc, where);
    struct template_place p = {n, name, line, line_start(n->r, line)};
    expr_check(text, scope, on_bad_expression, &p, NULL);
}

/* "{%" or "{#" outside of expressions; NULL: there is none. */
static const char *find_statement(const char *text)
{
    for (const char *at = text; (at = strchr(at, '{')) != NULL; at++) {
        if (at[1] == '%' || at[1] == '#') return at;
        const char *end = at[1] == '{' ? strstr(at, "}}") : NULL;
        if (end) at = end + 1;
    }
    return NULL;
}

static void fail_statement(const struct node *n, const struct json *where, const char *name,
                           const char *text, bool rendered)
{
    const char *found = text ? find_statement(text) : NULL;
    if (!found) return;
    int line = yaml_line(&n->r->doc, where);
    const char *from = line_start(n->r, line);
    const char sign[3] = {found[0], found[1], '\0'};
    const char *there = from ? strstr(from, sign) : NULL;
    for (const char *s = from; there && s < there; s++)
        line += *s == '\n';
    char sentence[SENTENCE_SIZE], way_out[60] = "";
    if (rendered)
        (void)str_format(way_out, sizeof way_out, "; the text itself is written {{ '%s' }}", sign);
    (void)snprintf(sentence, sizeof sentence,
                   "%s%s: %s is a statement to Kestra, and not supported%s", n->at, name, sign,
                   way_out);
    add_problem(n->r, line, sentence);
}

void read_no_statements(const struct node *n, const struct json *where, const char *name,
                        const char *text)
{
    fail_statement(n, where, name, text, true);
}

void read_template_tree(const struct node *n, const struct json *j, const char *name,
                        const struct expr_scope *scope)
{
    const char *text = json_str(j, NULL);
    read_no_statements(n, j, name, text);
    read_template(n, j, name, text, scope);
    for (const struct json *c = json_first(j); c; c = json_next(c))
        read_template_tree(n, c, name, scope);
}

void read_plain(const struct node *n, const struct json *where, const char *name, const char *text)
{
    fail_statement(n, where, name, text, false);
    if (text && expr_has(text)) fail_at(n, where, name, "expressions are not rendered here");
}

void read_plain_tree(const struct node *n, const struct json *j, const char *name)
{
    read_plain(n, j, name, json_str(j, NULL));
    for (const struct json *c = json_first(j); c; c = json_next(c))
        read_plain_tree(n, c, name);
}

bool node_is_item(const struct node *n, const char *what)
{
    if (json_type(n->j) == JSON_OBJECT) return true;
    node_say(n, n->j, "must be a mapping with an id, such as {id: hello, command: [echo, hello]%s}",
             str_eq(what, "trigger") ? ", interval: PT1M" : "");
    return false;
}

bool node_item(const struct node *flow, const struct json *j, const char *what, size_t index,
               struct node *out)
{
    *out = (struct node){.r = flow->r, .j = j};
    (void)str_format(out->at, sizeof out->at, "%ss[%zu].", what, index);
    return node_is_item(out, what);
}
