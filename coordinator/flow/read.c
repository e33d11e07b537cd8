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

static void add_problem(struct reader *r, int line, const char *sentence)
{
    bool preset = r->defaults_first > 0 && line >= r->defaults_first && line <= r->defaults_last &&
                  str_starts(sentence, "t"); /* task, trigger */
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

void node_fail(const struct node *n, const char *key, const char *fmt, ...)
{
    char text[SENTENCE_SIZE];
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    const struct json *j = json_get(n->j, key);
    read_fail(n->r, j ? j : n->j, "%s%s: %s", n->at, key, text);
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

void node_known(const struct node *n, struct key_list known, const struct refused_key *refused)
{
    for (const struct json *j = json_first(n->j); j; j = json_next(j)) {
        const char *key = json_key(j);
        size_t k = 0;
        while (k < known.count && !str_eq(known.names[k], key))
            k++;
        if (k < known.count) continue;
        if (n->r->problems->count == FLOW_PROBLEMS_MAX) { /* looking for the nearest costs */
            add_problem(n->r, 0, "");
            return;
        }
        const struct refused_key *x = refused;
        while (x && x->name && !str_eq(x->name, key))
            x++;
        char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
        if (x && x->name)
            read_fail(n->r, j, "%s%s: %s", n->at, key, x->sentence);
        else
            node_say(n, j, "unknown key %s%s", str_quote(shown, key),
                     str_suggest_nearest(suggestion, key, known.names, known.count));
    }
}

bool node_has(const struct node *n, const char *key)
{
    return member(n, key) != NULL;
}

/* How a mapping or a list is written. */
static const struct {
    const char *key;
    enum json_type type;
    const char *example;
} examples[] = {
    {"workerGroup", JSON_OBJECT, "{key: linux}"},
    {"retry", JSON_OBJECT, "{maxAttempts: 3, interval: PT10S}"},
    {"env", JSON_OBJECT, "{NAME: value}"},
    {"requires", JSON_OBJECT, "{os: windows}"},
    {"vars", JSON_OBJECT, "{region: eu-west}"},
    {"variables", JSON_OBJECT, "{region: eu-west}"},
    {"labels", JSON_OBJECT, "{team: web}"},
    {"concurrency", JSON_OBJECT, "{limit: 1}"},
    {"taskRunner", JSON_OBJECT, "{type: io.kestra.plugin.core.runner.Process}"},
    {"inputs", JSON_OBJECT, "{day: today}"},
    {"inputs", JSON_ARRAY, "[{id: day, type: STRING}]"},
    {"values", JSON_ARRAY, "[red, green]"},
    {"tasks", JSON_ARRAY, "[{id: hello, command: [echo, hello]}]"},
    {"triggers", JSON_ARRAY, "[{id: ready, interval: PT1M, command: [test, -e, /data/in]}]"},
    {"stopAfter", JSON_ARRAY, "[FAILED]"},
    {"pluginDefaults", JSON_ARRAY,
     "[{type: io.kestra.plugin.scripts, values: {workerGroup: {key: linux}}}]"},
    {"taskDefaults", JSON_ARRAY,
     "[{type: io.kestra.plugin.scripts, values: {workerGroup: {key: linux}}}]"},
    {"command", JSON_ARRAY, "[\"program\", \"argument\"]"},
    {"args", JSON_ARRAY, "[\"one\", \"two\"]"},
    {"commands", JSON_ARRAY, "[echo one, echo two]"},
    {"beforeCommands", JSON_ARRAY, "[echo one, echo two]"},
};

static const char *example_of(const char *key, enum json_type type)
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (examples[i].type == type && str_eq(examples[i].key, key)) return examples[i].example;
    return NULL;
}

const struct json *node_get(const struct node *n, const char *key, enum json_type type,
                            const char *what)
{
    const struct json *j = member(n, key);
    if (!j || json_type(j) == type) return j;
    const char *example = example_of(key, type);
    node_fail(n, key, "must be %s%s%s", what, example ? ", such as " : "", example ? example : "");
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

char *item_text(const struct node *n, const struct json *item, const char *name, size_t max)
{
    const char *text = json_type(item) == JSON_NULL ? NULL : yaml_text(&n->r->doc, item);
    if (!text) {
        fail_at(n, item, name, "must be a string");
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
    if (!j) return fallback;
    if (json_is_int(j) && json_int(j, 0) >= min && json_int(j, 0) <= max) return json_int(j, 0);
    node_fail(n, key, "must be a whole number from %lld to %lld", (long long)min, (long long)max);
    return fallback;
}

double node_num(const struct node *n, const char *key, double min, double max, double fallback)
{
    const struct json *j = member(n, key);
    if (!j) return fallback;
    if (json_type(j) == JSON_NUMBER && json_num(j, 0) >= min && json_num(j, 0) <= max)
        return json_num(j, 0);
    node_fail(n, key, "must be a number from %g to %g", min, max);
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

char *node_id(const struct node *n, bool dots)
{
    char shown[STR_QUOTE_SIZE];
    if (!node_has(n, "id")) {
        node_fail(n, "id", "is missing");
        return NULL;
    }
    char *id = node_text(n, "id", FLOW_FILE_MAX);
    if (!id || id_valid(id, dots)) return id;
    node_fail(
        n, "id",
        "%s is not an id: 1 to %d letters, digits, '_'%s and '-', the first a letter or digit",
        str_quote(shown, id), FLOW_ID_MAX, dots ? ", '.'" : "");
    mem_free(id);
    return NULL;
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

void read_plain(const struct node *n, const struct json *where, const char *name, const char *text)
{
    if (text && expr_has(text)) fail_at(n, where, name, "expressions are not rendered here");
}

bool node_item(const struct node *flow, const struct json *j, const char *what, size_t index,
               struct node *out)
{
    *out = (struct node){.r = flow->r, .j = j};
    (void)str_format(out->at, sizeof out->at, "%ss[%zu].", what, index);
    if (json_type(j) == JSON_OBJECT) return true;
    read_fail(
        flow->r, j,
        "%ss[%zu]: must be a mapping with an id, such as {id: hello, command: [echo, hello]%s}",
        what, index, str_eq(what, "trigger") ? ", interval: PT1M" : "");
    return false;
}
