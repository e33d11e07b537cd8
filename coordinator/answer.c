/* Problems, and JSON objects as answers. */
#include "coordinator/answer.h"

#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool set(struct problem *p, int status, const char *code, const char *fmt, va_list args)
{
    struct err text;
    if (p->status) return false;
    int n = vsnprintf(p->message, sizeof p->message, fmt, args);
    /* a cut message is cut at a character: err_set knows how */
    if (n >= (int)sizeof p->message) {
        err_set(&text, ERR_INVALID, "%s", p->message);
        (void)str_copy(p->message, sizeof p->message, text.msg);
        p->message[str_utf8_whole(p->message, strlen(p->message))] = '\0';
    }
    p->status = status;
    p->code = code;
    return true;
}

bool problem_set(struct problem *p, int status, const char *code, const char *hint, const char *fmt,
                 ...)
{
    va_list args;
    va_start(args, fmt);
    bool first = set(p, status, code, fmt, args);
    va_end(args);
    if (first && hint && str_copy(p->hint, sizeof p->hint, hint)) p->hint[0] = '\0';
    return first;
}

bool problem_field(struct problem *p, const char *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bool first = set(p, 422, "invalid", fmt, args);
    va_end(args);
    if (first && str_copy(p->field, sizeof p->field, field)) p->field[0] = '\0';
    return first;
}

/* HTTP status and API code of each enum err_code. */
static const struct {
    int rc, status;
    const char *code;
} faces[] = {
    {ERR_INVALID, 422, "invalid"},         {ERR_NOT_FOUND, 404, "not-found"},
    {ERR_EXISTS, 409, "conflict"},         {ERR_CONFLICT, 409, "conflict"},
    {ERR_TOO_LARGE, 413, "too-large"},     {ERR_DENIED, 403, "denied"},
    {ERR_FULL, 503, "disk-full"},          {ERR_UNAVAILABLE, 503, "unavailable"},
    {ERR_IO, 503, "unavailable"},          {ERR_CORRUPT, 503, "unavailable"},
    {ERR_UNSUPPORTED, 422, "unsupported"},
};

static const char *usual_hint(int rc)
{
    if (rc == ERR_FULL)
        return "free space on the coordinator's disk; nothing that was acknowledged is lost";
    if (rc == ERR_IO || rc == ERR_UNAVAILABLE)
        return "try again; the coordinator's log has the details";
    return NULL;
}

void problem_face(int rc, int *status, const char **code, const char **hint)
{
    *status = 500;
    *code = "internal";
    *hint = usual_hint(rc);
    for (size_t i = 0; i < sizeof faces / sizeof *faces; i++) {
        if (faces[i].rc != rc) continue;
        *status = faces[i].status;
        *code = faces[i].code;
    }
}

void problem_from(struct problem *p, int rc, const struct err *e)
{
    int status;
    const char *code, *hint;
    problem_face(rc, &status, &code, &hint);
    problem_set(p, status, code, hint, "%s", e ? err_text(e) : err_sentence(rc));
}

void problem_json(struct jw *w, const struct problem *p)
{
    jw_str(w, "code", p->code);
    jw_str(w, "message", p->message);
    jw_str(w, "hint", p->status == 405 ? "" : p->hint); /* it holds the methods then */
    if (p->field[0]) jw_str(w, "field", p->field);
}

void json_answer_init(struct json_answer *a)
{
    buf_init(&a->b, ANSWER_BYTES);
    jw_init(&a->w, &a->b);
    jw_object(&a->w, NULL);
}

void json_answer_fini(struct json_answer *a)
{
    buf_fini(&a->b);
}

int json_answer_end(struct json_answer *a, struct err *e)
{
    jw_end(&a->w);
    int rc = jw_finish(&a->w);
    if (!rc) rc = buf_addc(&a->b, '\n');
    if (!rc) return 0;
    return err_set(e, rc == ERR_TOO_LARGE ? ERR_INTERNAL : rc,
                   "the answer could not be written: %s", err_sentence(rc));
}
