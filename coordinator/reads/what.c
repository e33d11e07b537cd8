/* See what.h. */
#include "coordinator/reads/what.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

/* ---- a JSON string whose end may be missing ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The number of \uXXXX at s; -1: it is cut off. */
static int32_t code_unit(const char *s)
{
    int32_t n = 0;
    if (s[0] != '\\' || s[1] != 'u') return -1;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(s[i]);
        if (digit < 0) return -1;
        n = n * 16 + digit;
    }
    return n;
}

static void add_utf8(struct buf *out, uint32_t c)
{
    char text[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char heads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        text[i] = (char)(0x80 | (c & 0x3f));
    text[0] = (char)(heads[n] | c);
    (void)buf_add(out, text, n);
}

/* Behind a \uXXXX, or the two of a pair; NULL: cut off. */
static const char *add_unicode(struct buf *out, const char *s)
{
    int32_t first = code_unit(s);
    if (first < 0) return NULL;
    s += 6;
    if (first < 0xd800 || first > 0xdfff) {
        add_utf8(out, (uint32_t)first);
        return s;
    }
    int32_t second = code_unit(s);
    if (second < 0xdc00 || second > 0xdfff) return NULL;
    add_utf8(out, 0x10000 + (((uint32_t)first & 0x3ff) << 10) + ((uint32_t)second & 0x3ff));
    return s + 6;
}

/* Appends the string that begins behind its quote, until there are more than `most` bytes. Returns
 * what stands behind it; NULL: its end was not reached. */
static const char *add_string(struct buf *out, const char *s, size_t most)
{
    static const char names[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
    while (out->len <= most) {
        size_t plain = 0, room = most - out->len;
        while (s[plain] && s[plain] != '"' && s[plain] != '\\' && plain <= room)
            plain++;
        (void)buf_add(out, s, plain);
        s += plain;
        if (*s == '"') return s + 1;
        if (*s != '\\') return NULL;
        const char *name = s[1] != '\0' ? strchr(names, s[1]) : NULL;
        if (name) {
            (void)buf_addc(out, chars[name - names]);
            s += 2;
        } else if (!(s = add_unicode(out, s))) {
            return NULL;
        }
    }
    return NULL;
}

/* ---- command and script ---- */

static void add_words(struct buf *out, const char *s)
{
    while (s && *s == '"' && out->len <= WHAT_BYTES) {
        if (out->len > 0) (void)buf_addc(out, ' ');
        s = add_string(out, s + 1, WHAT_BYTES);
        if (s && *s == ',') s++;
    }
}

static bool does_something(const char *line, size_t len)
{
    static const char *const prologue[] = {"#", "::", "@echo off", "rem ", "REM ", "set -"};
    if (len == 0) return false;
    for (size_t i = 0; i < sizeof prologue / sizeof *prologue; i++) {
        size_t n = strlen(prologue[i]);
        if (len >= n && memcmp(line, prologue[i], n) == 0) return false;
    }
    return true;
}

/* The first line that does something; else the first one that is not empty. */
static void keep_line(struct buf *text)
{
    const char *s = text->data, *found = NULL;
    size_t found_len = 0;
    while (*s) {
        size_t len = strcspn(s, "\r\n");
        const char *line = s;
        s += len;
        s += strspn(s, "\r\n");
        while (len > 0 && (*line == ' ' || *line == '\t')) {
            line++;
            len--;
        }
        if (len > 0 && !found) {
            found = line;
            found_len = len;
        }
        if (!does_something(line, len)) continue;
        found = line;
        found_len = len;
        break;
    }
    char *kept = mem_strndup(found ? found : "", found_len);
    buf_clear(text);
    (void)buf_adds(text, kept);
    mem_free(kept);
}

/* One line of at most WHAT_BYTES; a character is not cut. */
static char *shorten(struct buf *text)
{
    for (size_t i = 0; i < text->len; i++)
        if ((unsigned char)text->data[i] < 0x20) text->data[i] = ' ';
    if (text->len <= WHAT_BYTES) return text->len > 0 ? buf_detach(text) : NULL;
    size_t len = WHAT_BYTES;
    while (len > 0 && ((unsigned char)text->data[len] & 0xc0) == 0x80)
        len--;
    buf_truncate(text, len);
    (void)buf_adds(text, "…");
    return buf_detach(text);
}

char *what_text(const struct job_row *j, const char *spec)
{
    static const char command[] = "{\"command\":[", script[] = "{\"script\":\"";
    if (j->name) return mem_strdup(j->name);
    if (j->flow && j->task) return str_dupf("%s/%s", j->flow, j->task);
    if (!spec) return NULL;
    struct buf text;
    buf_init(&text, 2 * strlen(spec) + 16);
    (void)buf_reserve(&text, str_starts(spec, command) ? 2 * (size_t)WHAT_BYTES : strlen(spec));
    if (str_starts(spec, command)) {
        add_words(&text, spec + strlen(command));
    } else if (str_starts(spec, script)) {
        (void)add_string(&text, spec + strlen(script), strlen(spec));
        keep_line(&text);
    }
    char *what = shorten(&text);
    buf_fini(&text);
    return what;
}
