/* See again.h. */
#include "cli/again.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define INPUT_SHOWN 2000 /* digits of base64 */

/* ---- words for a shell ---- */

/* A line break is not printed as it is: what follows would look like a line of our own. */
#define LINE_BREAK "\"$nl\""
#define LINE_BREAK_SET "nl=$(printf '\\n.'); nl=${nl%.}; "

static bool is_plain(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789_-+./:,@%=";
    return *word && word[strspn(word, plain)] == '\0';
}

/* What may stand between single quotes, and be shown. */
static size_t quotable(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n] != '\'') {
        size_t one = escape_printable(s + n, len - n);
        if (one == 0) break;
        n += one;
    }
    return n;
}

/* What a terminal obeys is written by printf. A line break, which the shell would take away at the
 * end, is never among these bytes. */
static size_t add_octal(struct buf *out, const char *s, size_t len)
{
    size_t n = 0;
    (void)buf_adds(out, "\"$(printf '");
    while (n < len && s[n] != '\n' && escape_printable(s + n, len - n) == 0)
        (void)buf_addf(out, "\\%03o", (unsigned)(unsigned char)s[n++]);
    (void)buf_adds(out, "')\"");
    return n;
}

static void add_word(struct buf *out, const char *word)
{
    size_t len = strlen(word);
    if (is_plain(word)) {
        (void)buf_adds(out, word);
        return;
    }
    if (len == 0) (void)buf_adds(out, "''");
    while (len > 0) {
        size_t n = quotable(word, len);
        if (n > 0) {
            (void)buf_addc(out, '\'');
            (void)buf_add(out, word, n);
            (void)buf_addc(out, '\'');
        } else if (*word == '\'' || *word == '\n') {
            (void)buf_adds(out, *word == '\n' ? LINE_BREAK : "\\'");
            n = 1;
        } else {
            n = add_octal(out, word, len);
        }
        word += n;
        len -= n;
    }
}

/* The text as the format of printf, which has escapes for all. */
static void add_format(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    (void)buf_adds(out, "printf '");
    for (const char *s = text; *s;) {
        size_t n = escape_printable(s, len - (size_t)(s - text));
        if (*s == '\n')
            (void)buf_adds(out, "\\n");
        else if (*s == '\\' || *s == '%')
            (void)buf_addf(out, "%c%c", *s, *s);
        else if (n == 0 || *s == '\'' || (*s == '-' && s == text))
            (void)buf_addf(out, "\\%03o", (unsigned)(unsigned char)*s);
        else
            (void)buf_add(out, s, n);
        s += n > 0 ? n : 1;
    }
    (void)buf_adds(out, "'");
}

static void add_option(struct buf *out, const char *flag, const char *value)
{
    if (!value) return;
    (void)buf_addf(out, " --%s%c", flag, *value == '-' ? '=' : ' ');
    add_word(out, value);
}

static void add_pair(struct buf *out, const char *flag, const char *key, const char *value)
{
    char *pair = str_dupf("%s=%s", key, value);
    add_option(out, flag, pair);
    mem_free(pair);
}

/* ---- what there is no option for ---- */

/* A comment is one line, whatever is in it. */
static void add_comment(struct buf *out, const char *what, const struct json *value)
{
    char *text = value ? json_text(value) : NULL;
    (void)buf_addf(out, "# not in this line: %s", what);
    if (text) (void)buf_adds(out, ": ");
    if (text) escape_text(out, text, strlen(text));
    (void)buf_addc(out, '\n');
    mem_free(text);
}

static bool is_simple_retry(const struct json *retry)
{
    return str_eq(json_get_str(retry, "type", ""), "constant") &&
           str_eq(json_get_str(retry, "interval", ""), "1s") &&
           !json_get_str(retry, "maxInterval", NULL) && !json_get_str(retry, "maxDuration", NULL) &&
           json_get_int(retry, "maxAttempts", 0) > 1;
}

/* The text that stands behind --require KEY=; NULL: there is no such text, or (*own) the job's
 * shell requires it anyway. */
static const char *expression(const struct json *r, const char *shell, bool *own)
{
    const struct json *all = json_get(r, "all");
    const char *text = json_str(r, NULL);
    *own = false;
    if (!str_eq(json_key(r), "shell") || !shell) return text;
    if (str_eq(text, shell)) {
        *own = true;
        return NULL;
    }
    if (json_count(all) != 2) return text;
    const struct json *first = json_first(all), *second = json_next(first);
    if (str_eq(json_str(first, NULL), shell)) return json_str(second, NULL);
    return str_eq(json_str(second, NULL), shell) ? json_str(first, NULL) : text;
}

/* ---- the parts of the line ---- */

static void add_requires(struct buf *out, struct buf *comments, const struct json *job,
                         const struct json *spec)
{
    const struct json *requires = json_get(job, "requires");
    for (const struct json *r = json_first(requires); r; r = json_next(r)) {
        bool own;
        const char *text = expression(r, json_get_str(spec, "shell", NULL), &own);
        if (own) continue;
        if (text && json_key(r)[strcspn(json_key(r), "=<>!")] == '\0') {
            add_pair(out, "require", json_key(r), text);
        } else {
            char *what = str_dupf("requires %s", json_key(r));
            add_comment(comments, what, r);
            mem_free(what);
        }
    }
}

static void add_retry(struct buf *out, struct buf *comments, const struct json *job)
{
    const struct json *retry = json_get(job, "retry");
    if (json_type(retry) != JSON_OBJECT) return;
    if (is_simple_retry(retry))
        (void)buf_addf(out, " --retry %lld", (long long)json_get_int(retry, "maxAttempts", 0) - 1);
    else
        add_comment(comments, "retry", retry);
}

static void add_options(struct buf *out, struct buf *comments, const struct json *job,
                        const struct json *spec)
{
    static const char *const texts[][2] = {{"namespace", "namespace"},
                                           {"name", "name"},
                                           {"timeout", "timeout"},
                                           {"queue-timeout", "queueTimeout"},
                                           {"lease", "lease"}};
    const char *group = json_get_str(job, "group", "default");
    const char *fallback = json_get_str(job, "fallback", "WAIT");
    /* a namespace may have settings of its own */
    bool in_namespace = json_get_str(job, "namespace", NULL) != NULL;
    if (in_namespace || !str_eq(group, "default")) add_option(out, "group", group);
    if (in_namespace || !str_eq(fallback, "WAIT")) add_option(out, "fallback", fallback);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_option(out, texts[i][0], json_get_str(job, texts[i][1], NULL));
    int64_t priority = json_get_int(job, "priority", 0);
    if (priority != 0) (void)buf_addf(out, " --priority=%lld", (long long)priority);
    add_retry(out, comments, job);
    add_requires(out, comments, job, spec);
    for (const struct json *v = json_first(json_get(spec, "env")); v; v = json_next(v))
        add_pair(out, "env", json_key(v), json_str(v, ""));
    add_option(out, "workdir", json_get_str(spec, "workdir", NULL));
    add_option(out, "shell", json_get_str(spec, "shell", NULL));
    if (json_get_str(job, "killGrace", NULL))
        add_comment(comments, "killGrace", json_get(job, "killGrace"));
    if (json_get_str(spec, "attemptMark", NULL))
        add_comment(comments, "the number of the attempt, which stands in it as",
                    json_get(spec, "attemptMark"));
}

/* What is written into the command's standard input: `source | `. */
static void add_source(struct buf *out, struct buf *comments, const struct json *spec, bool whole)
{
    const char *script = json_get_str(spec, "script", NULL);
    const char *input = json_get_str(spec, "stdin", NULL);
    char what[64];
    if (input && (script || (!whole && strlen(input) > INPUT_SHOWN))) {
        (void)str_format(what, sizeof what, "its standard input, %zu bytes of base64",
                         strlen(input));
        add_comment(comments, what, NULL);
        input = NULL;
    }
    if (!script && !input) return;
    if (script) {
        /* the first mark of the byte order is not the script's */
        char *text =
            str_dupf("%s%s", str_starts(script, "\xef\xbb\xbf") ? "\xef\xbb\xbf" : "", script);
        add_format(out, text);
        mem_free(text);
    } else {
        add_format(out, input);
        (void)buf_adds(out, " | base64 -d");
    }
    (void)buf_adds(out, " | ");
}

void again_line(const struct json *job, bool whole, struct buf *out)
{
    const struct json *spec = json_get(job, "spec");
    struct buf line, comments;
    buf_init(&line, out->max);
    buf_init(&comments, out->max);
    add_source(&line, &comments, spec, whole);
    bool script = json_get_str(spec, "script", NULL) != NULL;
    bool input = !script && line.len > 0;
    (void)buf_adds(&line, "cadre run");
    add_options(&line, &comments, job, spec);
    if (script) (void)buf_adds(&line, " --script -");
    if (input) (void)buf_adds(&line, " --stdin -");
    const struct json *words = json_get(spec, script ? "args" : "command");
    if (json_count(words) > 0) (void)buf_adds(&line, " --");
    for (const struct json *w = json_first(words); w; w = json_next(w)) {
        (void)buf_addc(&line, ' ');
        add_word(&line, json_str(w, ""));
    }
    if (comments.len > 0) (void)buf_add(out, comments.data, comments.len);
    if (strstr(line.data, LINE_BREAK)) (void)buf_adds(out, LINE_BREAK_SET);
    (void)buf_add(out, line.data, line.len);
    (void)buf_addc(out, '\n');
    buf_fini(&comments);
    buf_fini(&line);
}
