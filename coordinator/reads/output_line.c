/* See output_line.h. */
#include "coordinator/reads/output_line.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* Text: UTF-8 without NUL whose escapes take less room than base64 would, about. */
static bool is_text(const char *data, size_t len)
{
    size_t escapes = 0;
    if (!str_utf8_valid(data, len) || memchr(data, 0, len)) return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '"' || c == '\\' || c == '\n' || c == '\t' || c == '\r')
            escapes++;
        else if (c < 0x20)
            escapes += 5;
    }
    return escapes <= len;
}

int output_line_add(struct buf *out, const struct chunk *c)
{
    static const char *const streams[] = {"", "stdout", "stderr", "system"};
    struct jw w;
    jw_init(&w, out);
    jw_object(&w, NULL);
    jw_int(&w, "cursor", c->cursor);
    jw_id(&w, "job", c->job);
    jw_int(&w, "attempt", c->attempt);
    jw_str(&w, "stream", c->stream >= 1 && c->stream <= 3 ? streams[c->stream] : "");
    jw_int(&w, "offset", c->offset);
    jw_time(&w, "at", c->at_ms);
    if (is_text(c->data, c->len)) {
        jw_strn(&w, "text", c->data, c->len);
    } else {
        char *text = mem_alloc(4 * ((c->len + 2) / 3) + 1);
        str_base64(text, c->data, c->len);
        jw_str(&w, "base64", text);
        mem_free(text);
    }
    jw_end(&w);
    int rc = jw_finish(&w);
    return rc ? rc : buf_addc(out, '\n');
}
