/* From a task as it is written, and values, to what a job needs. */
#include "coordinator/flow/flow.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/step.h"
#include "wire/spec.h"

#include <string.h>

/* One buffer takes all rendered texts; where they begin is noted as offsets, since it may move. */
struct rendering {
    const struct expr_values *v;
    struct buf texts;
    struct err *e;
};

struct place {
    size_t at, len;
};

static int render_text(struct rendering *r, const char *field, const char *template,
                       struct place *out)
{
    size_t at = r->texts.len;
    int rc = expr_render(template, r->v, &r->texts, r->e);
    if (rc) return err_wrap(r->e, "%s", field);
    *out = (struct place){at, r->texts.len - at};
    return 0;
}

static char *text_at(const struct rendering *r, struct place p)
{
    return mem_strndup(r->texts.data + p.at, p.len);
}

static int render_words(struct rendering *r, const struct flow_work *w, struct place *words)
{
    char field[32];
    for (size_t i = 0; i < w->argc; i++) {
        (void)str_format(field, sizeof field, "%s[%zu]",
                         w->kind == FLOW_SCRIPT ? "args" : "command", i);
        int rc = render_text(r, field, w->argv[i], &words[i]);
        if (rc) return rc;
        if (i == 0 && words[0].len == 0 && w->kind == FLOW_COMMAND)
            return err_set(r->e, ERR_INVALID, "command: the program's name is empty");
    }
    return 0;
}

static int render_env(struct rendering *r, const struct flow_work *w, struct place *values)
{
    char field[160];
    for (size_t i = 0; i < w->env_count; i++) {
        if (str_format(field, sizeof field, "env.%s", w->env[i].name))
            (void)str_copy(field, sizeof field, "env");
        int rc = render_text(r, field, w->env[i].value, &values[i]);
        if (rc) return rc;
    }
    return 0;
}

/* The places of a spec's texts, and what stands for the attempt in them. */
struct places {
    struct place *words, *values, script, workdir;
    struct buf mark;
    size_t marks; /* how often it was inserted */
};

static void build_spec(const struct rendering *r, const struct flow_work *w, const struct places *p,
                       struct spec *s)
{
    struct text_list *words = w->kind == FLOW_SCRIPT ? &s->args : &s->command;
    words->items = mem_array(w->argc + 1, sizeof *words->items);
    for (; words->count < w->argc; words->count++)
        words->items[words->count] = text_at(r, p->words[words->count]);
    s->env.names = mem_array(w->env_count + 1, sizeof *s->env.names);
    s->env.values = mem_array(w->env_count + 1, sizeof *s->env.values);
    for (; s->env.count < w->env_count; s->env.count++) {
        s->env.names[s->env.count] = mem_strdup(w->env[s->env.count].name);
        s->env.values[s->env.count] = text_at(r, p->values[s->env.count]);
    }
    if (w->kind == FLOW_SCRIPT) s->script = text_at(r, p->script);
    if (p->workdir.len) s->workdir = text_at(r, p->workdir);
    if (p->marks) s->attempt_mark = mem_strdup(p->mark.data);
    s->shell = mem_strdup(w->shell);
    s->kill_grace_ms = w->kill_grace_ms;
}

static int write_spec(struct rendering *r, const struct flow_work *w, const struct places *p,
                      size_t max_bytes, struct flow_job *out)
{
    struct spec s = {.kill_grace_ms = 0};
    struct spec_problem problem;
    struct buf text;
    int rc = 0;
    build_spec(r, w, p, &s);
    s.traceparent = mem_strdup(out->trace);
    size_t bytes = spec_payload_bytes(&s);
    buf_init(&text, SPEC_STORED_MAX);
    if (bytes > max_bytes)
        rc = err_set(r->e, ERR_TOO_LARGE,
                     "with its values the job has %zu bytes, at most %zu are taken", bytes,
                     max_bytes);
    else if (!spec_check(&s, &problem))
        rc = err_set(r->e, ERR_INVALID, "%s: %s",
                     str_eq(problem.field, "workdir") ? "workingDirectory" : problem.field,
                     problem.sentence);
    else if (spec_encode(&s, &text))
        rc = err_set(r->e, ERR_TOO_LARGE,
                     "with its values the job is larger than %u bytes as JSON text",
                     SPEC_STORED_MAX);
    else
        out->spec = buf_detach(&text);
    if (rc == 0) out->needs = spec_needs_of(&s);
    buf_fini(&text);
    spec_fini(&s);
    return rc;
}

static const char *name_of(enum json_type type)
{
    static const char *const names[] = {"null",   "true or false", "a number",
                                        "a text", "a list",        "a mapping"};
    return names[type];
}

/* Puts the items of a list in the place of its JSON text, each on a line. */
static int put_items(struct rendering *r, const struct flow_lines *l, const struct json *list,
                     size_t at)
{
    size_t index = 0;
    buf_truncate(&r->texts, at);
    for (const struct json *j = json_first(list); j; j = json_next(j), index++) {
        enum json_type type = json_type(j);
        char *text = type == JSON_STRING ? mem_strdup(json_str(j, "")) : json_text(j);
        bool fine = type == JSON_STRING || type == JSON_NUMBER || type == JSON_BOOL;
        int rc = fine ? buf_addf(&r->texts, "%s\n", text) : 0;
        mem_free(text);
        if (!fine)
            return err_set(r->e, ERR_INVALID,
                           "%s[%zu]: is %s: the items of the list must be texts or numbers", l->key,
                           index, name_of(type));
        if (rc)
            return err_set(r->e, ERR_TOO_LARGE, "%s: with its values it is larger than %zu bytes",
                           l->key, r->texts.max);
    }
    if (index == 0 && str_eq(l->key, "commands"))
        return err_set(r->e, ERR_INVALID, "commands: the list is empty: it must have a command");
    return 0;
}

/* A list becomes its items, any other value stays as it is. */
static int render_lines(struct rendering *r, const struct flow_lines *l, const char *template)
{
    struct place p;
    struct json *value = NULL;
    int rc = render_text(r, l->key, template, &p);
    if (rc) return rc;
    if (p.len == 0 || json_parse(r->texts.data + p.at, p.len, &value, NULL)) return 0;
    if (json_type(value) == JSON_ARRAY)
        rc = put_items(r, l, value, p.at);
    else if (json_type(value) == JSON_OBJECT)
        rc = err_set(r->e, ERR_INVALID, "%s: is a mapping: it must be a list of texts, or a text",
                     l->key);
    json_free(value);
    return rc;
}

/* Piece by piece: lines that are one expression, and what stands around them. */
static int render_script(struct rendering *r, const struct flow_work *w, struct place *out)
{
    size_t from = r->texts.len, done = 0;
    struct place p;
    int rc = 0;
    for (size_t i = 0; i < w->line_count && rc == 0; i++) {
        const struct flow_lines *l = &w->lines[i];
        char *before = mem_strndup(w->script + done, l->at - done);
        char *lines = mem_strndup(w->script + l->at, l->len);
        rc = render_text(r, "script", before, &p);
        if (rc == 0) rc = render_lines(r, l, lines);
        done = l->at + l->len;
        mem_free(before);
        mem_free(lines);
    }
    if (rc == 0) rc = render_text(r, "script", w->script + done, &p);
    if (rc == 0) *out = (struct place){from, r->texts.len - from};
    return rc;
}

static int render_texts(struct rendering *r, const struct flow_work *w, struct places *p)
{
    int rc = render_words(r, w, p->words);
    if (rc == 0) rc = render_env(r, w, p->values);
    if (rc == 0 && w->kind == FLOW_SCRIPT) rc = render_script(r, w, &p->script);
    if (rc == 0 && w->workdir) rc = render_text(r, "workingDirectory", w->workdir, &p->workdir);
    return rc;
}

static size_t count_of(const char *mark, const char *text)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, mark)) != NULL; at += strlen(mark))
        n++;
    return n;
}

/* The number of the attempt is not known yet: a mark stands for it. Should the texts hold the same
 * by themselves, they are rendered once more with a mark that has more braces than all of them. */
static int render_marked(struct rendering *r, const struct flow_work *w, struct places *p)
{
    struct expr_values v = *r->v;
    const struct expr_values *given = r->v;
    size_t from = r->texts.len, braces = 0;
    int rc;
    r->v = &v;
    v.attempts_used = &p->marks;
    do {
        buf_clear(&p->mark);
        spec_mark(braces, &p->mark);
        buf_truncate(&r->texts, from);
        p->marks = 0;
        v.attempt = p->mark.data;
        rc = render_texts(r, w, p);
        braces = spec_braces(r->texts.data + from, r->texts.len - from) + 1;
    } while (rc == 0 && p->marks && count_of(p->mark.data, r->texts.data + from) != p->marks);
    r->v = given;
    return rc;
}

static int render_spec(struct rendering *r, const struct flow_work *w, size_t max_bytes,
                       struct flow_job *out)
{
    struct places p = {.words = mem_array(w->argc + 1, sizeof *p.words),
                       .values = mem_array(w->env_count + 1, sizeof *p.values)};
    buf_init(&p.mark, SPEC_MARK_MAX);
    int rc = render_marked(r, w, &p);
    if (rc == 0) rc = write_spec(r, w, &p, max_bytes, out);
    buf_fini(&p.mark);
    mem_free(p.words);
    mem_free(p.values);
    return rc;
}

/* *key NULL: it says nothing. */
static int render_key(struct rendering *r, const struct flow_group_ref *ref, char **key)
{
    struct place p = {0, 0};
    *key = NULL;
    if (!ref->key) return 0;
    int rc = render_text(r, "workerGroup.key", ref->key, &p);
    if (rc) return rc;
    char *text = mem_strndup(r->texts.data + p.at, p.len);
    const char *trimmed = str_trim(text);
    if (*trimmed && !ref->selector && !str_key_valid(trimmed)) {
        char shown[STR_QUOTE_SIZE];
        rc = err_set(r->e, ERR_INVALID, "workerGroup.key: %s is not a group's key",
                     str_quote(shown, trimmed));
    } else if (*trimmed) {
        *key = mem_strdup(trimmed);
    }
    mem_free(text);
    return rc;
}

int flow_render(const struct flow *f, const struct flow_work *w, const struct expr_values *v,
                size_t max_bytes, struct flow_job *out, struct err *e)
{
    struct job_row *j = &out->row;
    struct rendering r = {.v = v, .e = e};
    struct err unread;
    if (!e) r.e = &unread;
    char *key = NULL;
    const struct flow_group_ref *said = &w->group;
    buf_init(&r.texts, max_bytes);
    int rc = render_key(&r, &w->group, &key);
    if (rc == 0 && !key) {
        rc = render_key(&r, &f->group, &key);
        if (!said->has_fallback) said = &f->group;
    }
    if (rc == 0)
        rc = w->kind >= FLOW_LOG ? step_render(w, v, max_bytes, out, r.e)
                                 : render_spec(&r, w, max_bytes, out);
    buf_fini(&r.texts);
    if (rc) {
        mem_free(key);
        return rc;
    }
    j->group = key;
    j->fallback = said->has_fallback ? said->fallback : FALLBACK_WAIT;
    out->fallback_given = said->has_fallback;
    j->priority = w->priority;
    j->timeout_ms = w->timeout_ms;
    j->queue_timeout_ms = w->queue_timeout_ms;
    j->lease_ms = w->lease_ms;
    j->kill_grace_ms = w->kill_grace_ms;
    j->retry = w->retry;
    return 0;
}
