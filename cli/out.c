/* See out.h. */
#include "cli/out.h"

#include "base/escape.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/streams.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define COLLECT_BYTES (64u * 1024)
#define PREFIX "cadre: "
#define LINE_MAX_BYTES (16u * 1024 * 1024)

void out_init(struct out *o)
{
    memset(o, 0, sizeof *o);
    buf_init(&o->text, COLLECT_BYTES);
    o->place = mem_alloc(sizeof *o->place);
    *o->place = (struct out_place){.one = fd_are_one()};
}

void out_fini(struct out *o)
{
    buf_fini_secret(&o->text); /* a token may have been printed */
    mem_free(o->place);
}

static int write_to(struct out *o, int fd, const void *data, size_t len, struct err *e)
{
    if (len > 0 && (fd == 2 || o->place->one))
        o->place->in_line = ((const char *)data)[len - 1] != '\n';
    return o->write ? o->write(fd, data, len, o->user, e) : fd_write_all(fd, data, len, e);
}

const char *out_break(const struct out *o)
{
    bool in_line = o->place->in_line;
    o->place->in_line = false;
    return in_line ? "\n" : "";
}

int out_flush(struct out *o)
{
    if (o->lost.code == 0 && o->text.len > 0)
        (void)write_to(o, 1, o->text.data, o->text.len, &o->lost);
    buf_clear(&o->text);
    return o->lost.code;
}

void out_reader_left(struct out *o)
{
    if (o->lost.code == 0)
        err_set(&o->lost, ERR_CLOSED, "standard output: its reader has closed it");
}

void out_drop(struct out *o)
{
    buf_clear(&o->text);
    o->lost = (struct err){0};
}

void out_bytes(struct out *o, const void *data, size_t len)
{
    if (buf_add(&o->text, data, len) == 0) return;
    if (out_flush(o) != 0 || buf_add(&o->text, data, len) == 0) return;
    (void)write_to(o, 1, data, len, &o->lost);
}

void out_text(struct out *o, const char *text)
{
    out_bytes(o, text, strlen(text));
}

void out_format_line(struct buf *line, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0) {
        char *text = mem_alloc((size_t)n + 1);
        vsnprintf(text, (size_t)n + 1, fmt, again);
        escape_text(line, text, (size_t)n);
        mem_free_secret(text);
    }
    va_end(again);
}

void out_format_note(struct buf *line, bool json, const char *fmt, va_list args)
{
    struct buf text, object;
    struct jw w;
    if (!json) {
        out_format_line(line, fmt, args);
        return;
    }
    buf_init(&text, LINE_MAX_BYTES);
    buf_init(&object, LINE_MAX_BYTES);
    out_format_line(&text, fmt, args);
    jw_init(&w, &object);
    jw_object(&w, NULL);
    jw_str(&w, "note", text.data + (str_starts(text.data, PREFIX) ? strlen(PREFIX) : 0));
    jw_end(&w);
    (void)jw_finish(&w);
    out_format_json(line, object.data);
    buf_fini(&object);
    buf_fini(&text);
}

void out_line(struct out *o, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    buf_init(&line, LINE_MAX_BYTES);
    va_start(args, fmt);
    out_format_line(&line, fmt, args);
    va_end(args);
    (void)buf_addc(&line, '\n');
    out_bytes(o, line.data, line.len);
    buf_fini_secret(&line);
}

void out_block(struct out *o, const char *text)
{
    struct buf shown;
    buf_init(&shown, LINE_MAX_BYTES);
    while (*text) {
        size_t n = strcspn(text, "\n\t");
        escape_text(&shown, text, n);
        text += n;
        if (*text) (void)buf_addc(&shown, *text++);
    }
    if (shown.len > 0 && shown.data[shown.len - 1] != '\n') (void)buf_addc(&shown, '\n');
    out_bytes(o, shown.data, shown.len);
    buf_fini(&shown);
}

/* The only characters of JSON text that have to be escaped are inside of strings. */
static size_t add_json_escape(struct buf *b, const char *s, size_t len)
{
    uint32_t c = (unsigned char)*s;
    size_t n = escape_character(s, len, &c);
    if (c > 0xffff) { /* as a pair of surrogates (RFC 8259, section 7) */
        (void)buf_addf(b, "\\u%04x", 0xd800u + (unsigned)((c - 0x10000) >> 10));
        c = 0xdc00 + ((c - 0x10000) & 0x3ff);
    }
    (void)buf_addf(b, "\\u%04x", (unsigned)c);
    return n > 0 ? n : 1;
}

void out_format_json(struct buf *out, const char *text)
{
    size_t len = strlen(text), n;
    while (len > 0) {
        size_t plain = 0;
        while ((n = escape_printable(text + plain, len - plain)) > 0)
            plain += n;
        (void)buf_add(out, text, plain);
        text += plain;
        len -= plain;
        if (len == 0) break;
        n = add_json_escape(out, text, len);
        text += n;
        len -= n;
    }
}

void out_json(struct out *o, const struct json *j)
{
    char *text = json_text(j);
    struct buf shown;
    buf_init(&shown, SIZE_MAX);
    out_format_json(&shown, text);
    (void)buf_addc(&shown, '\n');
    out_bytes(o, shown.data, shown.len);
    buf_fini_secret(&shown);
    mem_free_secret(text);
}

void out_error_bytes(struct out *o, const void *data, size_t len)
{
    (void)out_flush(o);
    (void)write_to(o, 2, data, len, NULL);
}

void out_note(struct out *o, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    buf_init(&line, LINE_MAX_BYTES);
    (void)out_flush(o);
    (void)buf_adds(&line, out_break(o));
    va_start(args, fmt);
    out_format_note(&line, o->json, fmt, args);
    va_end(args);
    (void)buf_addc(&line, '\n');
    out_error_bytes(o, line.data, line.len);
    buf_fini(&line);
}
