/* Writing what agents are given. */
#include "coordinator/flow/spec.h"

#include "base/json.h"
#include "base/str.h"

#include <string.h>

const char *const spec_shells[SPEC_SHELLS] = {"sh", "bash", "powershell", "pwsh", "cmd", "python3"};
const char *const retry_type_names[3] = {"constant", "exponential", "random"};

bool spec_env_name_valid(const char *name)
{
    return *name && !strchr(name, '=');
}

/* The piece as a JSON string without its quotes. */
static int add_piece(struct buf *out, const char *s, size_t len)
{
    struct buf piece;
    struct jw w;
    buf_init(&piece, out->max);
    jw_init(&w, &piece);
    jw_strn(&w, NULL, s, len);
    int rc = jw_finish(&w);
    if (rc == 0) rc = buf_add(out, piece.data + 1, piece.len - 2);
    buf_fini(&piece);
    return rc;
}

static int put_text(struct jw *w, const char *key, struct spec_text t)
{
    const char *end = t.s + t.len, *nul = memchr(t.s, '\0', t.len);
    if (!nul) {
        jw_strn(w, key, t.s, t.len);
        return w->rc;
    }
    struct buf text;
    buf_init(&text, w->b->max);
    int rc = buf_addc(&text, '"');
    const char *at = t.s;
    for (; nul && rc == 0; nul = memchr(at, '\0', (size_t)(end - at))) {
        rc = add_piece(&text, at, (size_t)(nul - at));
        if (rc == 0) rc = buf_adds(&text, "\\u0000");
        at = nul + 1;
    }
    if (rc == 0) rc = add_piece(&text, at, (size_t)(end - at));
    if (rc == 0) rc = buf_addc(&text, '"');
    if (rc == 0) jw_raw(w, key, text.data);
    buf_fini(&text);
    return rc ? rc : w->rc;
}

int spec_write(const struct spec *s, struct buf *out)
{
    struct jw w;
    int rc = 0;
    jw_init(&w, out);
    jw_object(&w, NULL);
    if (s->word_count) {
        jw_array(&w, "command");
        for (size_t i = 0; i < s->word_count && rc == 0; i++)
            rc = put_text(&w, NULL, s->words[i]);
        jw_end(&w);
    }
    if (rc == 0 && s->script.s) rc = put_text(&w, "script", s->script);
    if (s->shell) jw_str(&w, "shell", s->shell);
    if (s->env_count) {
        jw_object(&w, "env");
        for (size_t i = 0; i < s->env_count && rc == 0; i++)
            rc = put_text(&w, s->env_names[i], s->env_values[i]);
        jw_end(&w);
    }
    if (rc == 0 && s->workdir.s) rc = put_text(&w, "workdir", s->workdir);
    if (s->stdin_base64) jw_str(&w, "stdin", s->stdin_base64);
    if (s->kill_grace_ms) jw_int(&w, "killGraceMs", s->kill_grace_ms);
    jw_end(&w);
    int end = jw_finish(&w);
    return rc ? rc : end;
}

const char *retry_problem(const struct retry *r, const char **field)
{
    *field = "maxInterval";
    if (r->max_interval_ms && r->max_interval_ms < r->interval_ms)
        return "is shorter than the interval";
    if (r->type == RETRY_RANDOM && !r->max_interval_ms)
        return "is needed: the delay is drawn between interval and maxInterval";
    *field = "maxAttempts";
    if (r->interval_ms == 0 && !r->max_attempts && !r->max_duration_ms)
        return "is needed when there is no interval";
    return NULL;
}
