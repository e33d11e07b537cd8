/* See text_file.h. */
#include "platform/text_file.h"

#include "base/encoding.h"
#include "base/str.h"
#include "platform/files.h"

#include <string.h>

#define STDIN_NAME "standard input"

/* path NULL: standard input. UTF-16 has two bytes for a character that UTF-8 has in one. */
static int read_text(const char *path, size_t max, struct buf *out, struct err *e)
{
    struct buf raw;
    size_t before = out->len, raw_max = 2 * max + 2;
    const char *name = path ? path : STDIN_NAME;
    buf_init(&raw, raw_max);
    int rc = path ? file_read(path, raw_max, &raw, e) : stdin_read(raw_max, &raw, e);
    if (rc == 0) rc = encoding_decode(name, raw.data, raw.len, out, e);
    bool large = rc == ERR_TOO_LARGE || (rc == 0 && out->len - before > max);
    if (large) {
        buf_truncate(out, before);
        rc = err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", name, max);
    }
    buf_fini_secret(&raw);
    return rc;
}

int text_file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    return read_text(path, max, out, e);
}

int text_input_read(const char *path_or_dash, size_t max, struct buf *out, struct err *e)
{
    return read_text(str_eq(path_or_dash, "-") ? NULL : path_or_dash, max, out, e);
}

int text_word_read(const char *path_or_dash, const char *what, size_t max, struct buf *out,
                   struct err *e)
{
    static const char blanks[] = " \t\r\n\v\f";
    struct buf text;
    buf_init(&text, max);
    int rc = text_input_read(path_or_dash, max, &text, e);
    const char *word = text.data + strspn(text.data, blanks);
    size_t len = strlen(word);
    while (len > 0 && strchr(blanks, word[len - 1]))
        len--;
    if (rc == 0 && len == 0)
        rc = err_set(e, ERR_INVALID, "%s is empty; %s is expected there",
                     str_eq(path_or_dash, "-") ? STDIN_NAME : path_or_dash, what);
    if (rc == 0) rc = buf_add(out, word, len);
    buf_fini_secret(&text);
    return rc;
}
