/* From a task as it is written, and values, to what a job needs. */
#include "coordinator/flow/flow.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/spec.h"

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

static struct spec_text text_at(const struct rendering *r, struct place p)
{
    return (struct spec_text){r->texts.data + p.at, p.len};
}

static int render_words(struct rendering *r, const struct flow_work *w, struct place *words)
{
    char field[32];
    for (size_t i = 0; i < w->argc; i++) {
        (void)str_format(field, sizeof field, "command[%zu]", i);
        int rc = render_text(r, field, w->argv[i], &words[i]);
        if (rc) return rc;
        if (i == 0 && words[0].len == 0)
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

static int write_spec(struct rendering *r, const struct flow_work *w, struct spec *s,
                      const struct place *places, size_t max_bytes, char **out)
{
    struct spec_text *texts = mem_array(w->argc + w->env_count + 1, sizeof *texts);
    const char **names = mem_array(w->env_count + 1, sizeof *names);
    for (size_t i = 0; i < w->argc + w->env_count; i++)
        texts[i] = text_at(r, places[i]);
    for (size_t i = 0; i < w->env_count; i++)
        names[i] = w->env[i].name;
    s->words = texts;
    s->word_count = w->argc;
    s->env_values = texts + w->argc;
    s->env_names = names;
    s->env_count = w->env_count;
    struct buf spec;
    buf_init(&spec, max_bytes);
    int rc = spec_write(s, &spec);
    if (rc == 0)
        *out = buf_detach(&spec);
    else
        rc = err_set(r->e, rc, "with its values the job is larger than %zu bytes", max_bytes);
    buf_fini(&spec);
    mem_free(names);
    mem_free(texts);
    return rc;
}

static int render_spec(struct rendering *r, const struct flow_work *w, size_t max_bytes, char **out)
{
    struct place *places = mem_array(w->argc + w->env_count + 1, sizeof *places);
    struct place script = {0, 0}, workdir = {0, 0};
    int rc = render_words(r, w, places);
    if (rc == 0) rc = render_env(r, w, places + w->argc);
    if (rc == 0 && w->kind == FLOW_SCRIPT) rc = render_text(r, "script", w->script, &script);
    if (rc == 0 && w->workdir) rc = render_text(r, "workingDirectory", w->workdir, &workdir);
    if (rc == 0) {
        struct spec s = {.shell = w->shell, .kill_grace_ms = w->kill_grace_ms};
        if (w->kind == FLOW_SCRIPT) s.script = text_at(r, script);
        if (workdir.len) s.workdir = text_at(r, workdir);
        rc = write_spec(r, w, &s, places, max_bytes, out);
    }
    mem_free(places);
    return rc;
}

static int render_message(struct rendering *r, const struct flow_work *w, char **out)
{
    struct place p = {0, 0};
    int rc = render_text(r, "message", w->script, &p);
    if (rc) return rc;
    /* a log line has no attempts */
    char *message = mem_strndup(r->texts.data + p.at, p.len);
    size_t len = strlen(message);
    if (len == 0 || message[len - 1] != '\n') {
        char *line = str_dupf("%s\n", message);
        mem_free(message);
        message = line;
    }
    *out = message;
    return 0;
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
    if (*trimmed && !str_key_valid(trimmed)) {
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
                size_t max_bytes, struct job_row *j, bool *fallback_given, char **spec,
                struct err *e)
{
    struct rendering r = {.v = v, .e = e};
    struct err unread;
    if (!e) r.e = &unread;
    char *key = NULL, *text = NULL;
    const struct flow_group_ref *said = &w->group;
    buf_init(&r.texts, max_bytes);
    int rc = render_key(&r, &w->group, &key);
    if (rc == 0 && !key) {
        rc = render_key(&r, &f->group, &key);
        if (!said->has_fallback) said = &f->group;
    }
    if (rc == 0)
        rc = w->kind == FLOW_LOG ? render_message(&r, w, &text)
                                 : render_spec(&r, w, max_bytes, &text);
    buf_fini(&r.texts);
    if (rc) {
        mem_free(key);
        return rc;
    }
    j->group = key;
    j->fallback = said->has_fallback ? said->fallback : FALLBACK_WAIT;
    *fallback_given = said->has_fallback;
    j->priority = w->priority;
    j->timeout_ms = w->timeout_ms;
    j->queue_timeout_ms = w->queue_timeout_ms;
    j->lease_ms = w->lease_ms;
    j->kill_grace_ms = w->kill_grace_ms;
    j->retry = w->retry;
    *spec = text;
    return 0;
}

char *flow_spec_for_attempt(const char *spec, int64_t attempt)
{
    if (!strstr(spec, "\\u0000")) return NULL;
    struct buf out;
    buf_init(&out, 4 * strlen(spec) + 64);
    for (const char *s = spec; *s; s++) {
        if (*s != '\\') {
            (void)buf_addc(&out, *s);
        } else if (strncmp(s, "\\u0000", 6) == 0) {
            (void)buf_addf(&out, "%lld", (long long)attempt);
            s += 5;
        } else {
            (void)buf_add(&out, s, 2); /* an escape, or an escaped backslash */
            s++;
        }
    }
    return buf_detach(&out);
}
