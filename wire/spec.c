#include "wire/spec.h"

#include "base/json_walk.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define OLD_MARK "\\u0000" /* of releases up to 0.1 */
#define BRACES_LEAST 2

const char *const spec_shells[SPEC_SHELLS] = {"sh", "bash", "powershell", "pwsh", "cmd", "python3"};

#define FIELD(kind, name, key, a, b, need)                                                         \
    {key, sizeof(key) - 1, FIELD_##kind, offsetof(struct spec, name), a, b, (need) == 1},
static const struct field spec_fields[] = {SPEC_LIST(FIELD)};
#undef FIELD

static const struct fields fields = {"the job's spec", ERR_INVALID, spec_fields,
                                     sizeof spec_fields / sizeof *spec_fields};

int spec_decode(const char *text, size_t len, struct spec *out, struct err *e)
{
    struct json_members v;
    struct spec s = {.kill_grace_ms = 0};
    int rc = json_check_members(text, len, &v, e);
    if (rc != 0) {
        err_wrap(e, "the job's spec");
        return rc;
    }
    if (json_value_type(v.object) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "the job's spec is not an object");
    rc = fields_decode(&fields, &v, &s, e);
    if (rc == 0) *out = s;
    return rc;
}

void spec_fini(struct spec *s)
{
    fields_fini(&fields, s);
}

int spec_encode(const struct spec *s, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_object(&w, NULL);
    bool good = fields_encode(&fields, s, &w);
    jw_end(&w);
    int rc = jw_finish(&w);
    return rc == 0 && !good ? ERR_INVALID : rc;
}

int spec_add_names(const struct spec *names, const char *encoded, struct buf *out)
{
    size_t before = out->len;
    int rc = spec_encode(names, out);
    if (rc != 0 || strcmp(encoded, "{}") == 0) return rc;
    buf_truncate(out, out->len - 1);
    if (out->len > before + 1) rc = buf_addc(out, ',');
    return rc == 0 ? buf_adds(out, encoded + 1) : rc; /* the names are the first fields */
}

static size_t text_bytes(const char *s)
{
    return s != NULL ? strlen(s) : 0;
}

size_t spec_payload_bytes(const struct spec *s)
{
    size_t digits = text_bytes(s->input);
    size_t bytes = text_bytes(s->script) + text_bytes(s->workdir);
    for (size_t i = 0; i < s->command.count; i++)
        bytes += strlen(s->command.items[i]);
    for (size_t i = 0; i < s->args.count; i++)
        bytes += strlen(s->args.items[i]);
    for (size_t i = 0; i < s->env.count; i++)
        bytes += strlen(s->env.names[i]) + strlen(s->env.values[i]);
    while (digits > 0 && s->input[digits - 1] == '=')
        digits--;
    return bytes + digits / 4 * 3 + digits % 4 * 3 / 4;
}

struct spec_glance spec_glance(const char *text)
{
    struct spec_glance glance = {.kill_grace_ms = KILL_GRACE_DEFAULT_MS};
    struct json_members members;
    struct json_walk w;
    struct json_value key, value;
    char trace[TRACE_PARENT_SIZE];
    bool flow = false, execution = false;
    int64_t grace;
    if (json_check_members(text, strlen(text), &members, NULL) != 0) return glance;
    json_walk_members(&w, &members);
    while (json_walk_next(&w, &key, &value)) {
        if (json_value_is(key, "killGraceMs") && json_value_int(value, &grace) && grace > 0 &&
            grace <= KILL_GRACE_MAX_MS)
            glance.kill_grace_ms = grace;
        else if (json_value_is(key, "flow"))
            flow = json_value_type(value) == JSON_STRING;
        else if (json_value_is(key, "execution"))
            execution = json_value_type(value) == JSON_STRING;
        else if (json_value_is(key, "traceparent") && json_value_text(value, trace, sizeof trace))
            (void)trace_parent_read(trace, glance.traceparent);
    }
    glance.evaluation = flow && !execution;
    return glance;
}

/* ---- rules across fields ------------------------------------------------------------------- */

bool spec_env_name_valid(const char *name)
{
    return *name && !strchr(name, '=');
}

static bool problem(struct spec_problem *p, const char *field, const char *fmt, ...)
    CADRE_PRINTF(3, 4);

static bool problem(struct spec_problem *p, const char *field, const char *fmt, ...)
{
    va_list ap;
    p->field = field;
    va_start(ap, fmt);
    int n = vsnprintf(p->sentence, sizeof p->sentence, fmt, ap);
    va_end(ap);
    if (n < 0) p->sentence[0] = '\0';
    return false;
}

static bool check_shell(const struct spec *s, struct spec_problem *p)
{
    if (s->shell == NULL) return true;
    if (s->script == NULL)
        return problem(p, "shell", "is for scripts; a command runs without a shell");
    for (size_t i = 0; i < SPEC_SHELLS; i++) {
        if (strcmp(s->shell, spec_shells[i]) == 0) return true;
    }
    return problem(p, "shell", "'%.40s' is not one of sh, bash, powershell, pwsh, cmd, python3",
                   s->shell);
}

static bool check_texts(const struct spec *s, struct spec_problem *p)
{
    for (size_t i = 0; i < s->env.count; i++) {
        if (!spec_env_name_valid(s->env.names[i]))
            return problem(p, "env", "'%.60s' is not a variable's name", s->env.names[i]);
    }
    if (s->workdir != NULL && s->workdir[0] == '\0')
        return problem(p, "workdir", "must not be empty");
    if (s->input == NULL) return true;
    size_t size = strlen(s->input) + 1, len;
    void *bytes = mem_alloc(size);
    int rc = str_unbase64(bytes, size, s->input, &len);
    mem_free(bytes);
    return rc == 0 || problem(p, "stdin", "is not base64");
}

static bool check_limits(const struct spec *s, struct spec_problem *p)
{
    for (const struct field *f = fields.list; f < fields.list + fields.count; f++) {
        const void *at = (const char *)s + f->at;
        if (f->kind == FIELD_STR) {
            const char *text = *(char *const *)at;
            if (text != NULL && strlen(text) > (size_t)f->a)
                return problem(p, f->key, "has %zu bytes, at most %lld are allowed", strlen(text),
                               (long long)f->a);
        } else if (f->kind == FIELD_PAIRS &&
                   (int64_t)((const struct pair_list *)at)->count > f->b) {
            return problem(p, f->key, "has %zu variables, at most %lld are allowed",
                           ((const struct pair_list *)at)->count, (long long)f->b);
        } else if (f->kind == FIELD_INT) {
            int64_t n = *(const int64_t *)at;
            if (n != 0 && (n < f->a || n > f->b))
                return problem(p, f->key, "must be %lld to %lld", (long long)f->a, (long long)f->b);
        }
    }
    return true;
}

bool spec_check(const struct spec *s, struct spec_problem *p)
{
    if (s->command.count > 0 && s->script != NULL)
        return problem(p, "command", "a job has a command or a script, not both");
    if (s->command.count == 0 && s->script == NULL)
        return problem(p, "command", "a job needs a command or a script");
    if (s->command.count > SPEC_COMMAND_MAX)
        return problem(p, "command", "must have 1 to %d words", SPEC_COMMAND_MAX);
    if (s->command.count > 0 && s->command.items[0][0] == '\0')
        return problem(p, "command", "the program's name is missing");
    if (s->args.count > 0 && s->script == NULL)
        return problem(p, "args", "is for scripts; the arguments of a command are in command");
    if (s->args.count > SPEC_COMMAND_MAX)
        return problem(p, "args", "must have at most %d words", SPEC_COMMAND_MAX);
    return check_limits(s, p) && check_shell(s, p) && check_texts(s, p);
}

struct spec_needs spec_needs_of(const struct spec *s)
{
    struct spec_needs needs = {.shell = NULL};
    for (size_t i = 0; s->shell != NULL && i < SPEC_SHELLS; i++) {
        if (strcmp(s->shell, spec_shells[i]) == 0) needs.shell = spec_shells[i];
    }
    if (s->args.count > 0) needs.minor = SPEC_ARGS_MINOR;
    /* what agents before minor 2 take of stdin */
    if (s->input != NULL && strlen(s->input) > LIMIT_PAYLOAD_MAX && needs.minor < 2)
        needs.minor = 2;
    return needs;
}

/* ---- the attempt --------------------------------------------------------------------------- */

/* The mark begins with braces and ends with others, so that two marks never overlap, and whatever
 * stands in front of a mark cannot be taken for a part of it. */
void spec_mark(size_t braces, struct buf *out)
{
    if (braces < BRACES_LEAST) braces = BRACES_LEAST;
    for (size_t i = 0; i < braces; i++)
        (void)buf_addc(out, '{');
    (void)buf_adds(out, "taskrun.attempt}}");
}

size_t spec_braces(const char *text, size_t len)
{
    size_t longest = 0, run = 0;
    for (size_t i = 0; i < len; i++) {
        run = text[i] == '{' ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

static void fill(char **text, const char *mark, const char *number)
{
    const char *from = *text;
    const char *at = from ? strstr(from, mark) : NULL;
    if (at == NULL) return;
    struct buf b;
    size_t len = strlen(mark);
    buf_init(&b, strlen(from) + 1 + strlen(from) / len * strlen(number));
    for (; at != NULL; at = strstr(from, mark)) {
        (void)buf_add(&b, from, (size_t)(at - from));
        (void)buf_adds(&b, number);
        from = at + len;
    }
    (void)buf_adds(&b, from);
    mem_free(*text);
    *text = buf_detach(&b);
}

void spec_fill_attempt(struct spec *s, int64_t attempt)
{
    char number[24];
    const char *mark = s->attempt_mark;
    if (mark == NULL) return;
    (void)str_format(number, sizeof number, "%lld", (long long)attempt);
    for (size_t i = 0; i < s->command.count && mark[0]; i++)
        fill(&s->command.items[i], mark, number);
    for (size_t i = 0; i < s->args.count && mark[0]; i++)
        fill(&s->args.items[i], mark, number);
    for (size_t i = 0; i < s->env.count && mark[0]; i++)
        fill(&s->env.values[i], mark, number);
    if (mark[0]) {
        fill(&s->script, mark, number);
        fill(&s->workdir, mark, number);
    }
    mem_free(s->attempt_mark);
    s->attempt_mark = NULL;
}

/* ---- specs of older releases ---------------------------------------------------------------- */

/* Older releases stored an escaped NUL for the number of the attempt: replaces it by a mark. False:
 * there is no NUL. */
static bool replace_old_mark(const char *text, const char *mark, struct buf *out)
{
    bool any = false;
    for (const char *s = text; *s; s++) {
        if (*s != '\\') {
            (void)buf_addc(out, *s);
        } else if (strncmp(s, OLD_MARK, strlen(OLD_MARK)) == 0) {
            (void)buf_adds(out, mark);
            s += strlen(OLD_MARK) - 1;
            any = true;
        } else {
            (void)buf_addc(out, *s);
            if (s[1]) (void)buf_addc(out, *++s); /* an escape, or an escaped backslash */
        }
    }
    return any;
}

static int decode_old(const char *text, struct spec *out, struct err *e)
{
    struct buf mark, now;
    size_t len = strlen(text);
    buf_init(&mark, SPEC_MARK_MAX);
    spec_mark(spec_braces(text, len) + 1, &mark);
    buf_init(&now, 4 * len + SPEC_MARK_MAX);
    bool any = replace_old_mark(text, mark.data, &now);
    int rc = spec_decode(now.data, now.len, out, e);
    if (rc == 0 && any) {
        mem_free(out->attempt_mark);
        out->attempt_mark = mem_strdup(mark.data);
    }
    buf_fini(&now);
    buf_fini(&mark);
    return rc;
}

int spec_decode_stored(const char *text, struct spec *out, struct err *e)
{
    if (strstr(text, OLD_MARK) != NULL) return decode_old(text, out, e);
    return spec_decode(text, strlen(text), out, e);
}
