#include "coordinator/store/pg_rewrite.h"

#include "base/buf.h"

#include <stdbool.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_of_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

static const char *word_end(const char *s)
{
    while (is_of_word(*s))
        s++;
    return s;
}

static const char *skip_spaces(const char *s)
{
    while (*s == ' ' || *s == '\n' || *s == '\t')
        s++;
    return s;
}

/* Behind the word, when s begins with it; else NULL. */
static const char *skip_word(const char *s, const char *word)
{
    size_t len = strlen(word);
    return strncmp(s, word, len) == 0 && !is_of_word(s[len]) ? s + len : NULL;
}

/* The same of two words. */
static const char *skip_words(const char *s, const char *first, const char *second)
{
    const char *end = skip_word(s, first);
    return end ? skip_word(skip_spaces(end), second) : NULL;
}

/* Behind the quotes. One that is doubled within ends a part that another follows at once. */
static const char *quoted_end(const char *s)
{
    const char *end = strchr(s + 1, *s);
    return end ? end + 1 : s + strlen(s);
}

/* Behind INDEXED BY and the name; NULL when this is something else. */
static const char *skip_hint(const char *s)
{
    const char *name = skip_words(s, "INDEXED", "BY");
    if (!name) return NULL;
    name = skip_spaces(name);
    const char *end = word_end(name);
    return end > name ? skip_spaces(end) : NULL;
}

/* A word, and what belongs to it, in the words of PostgreSQL; what is behind it. */
static const char *rewrite_word(struct buf *out, const char *s)
{
    const char *end = skip_hint(s);
    if (end) return end;
    end = skip_words(s, "CROSS", "JOIN");
    if (end) {
        buf_adds(out, "JOIN");
        return end;
    }
    end = skip_words(s, "BEGIN", "IMMEDIATE");
    if (end) {
        buf_adds(out, "BEGIN");
        return end;
    }
    end = word_end(s);
    buf_add(out, s, (size_t)(end - s));
    return end;
}

char *pg_rewrite(const char *sql)
{
    struct buf out;
    buf_init(&out, strlen(sql)); /* it never gets longer */
    while (*sql) {
        const char *end = sql + 1;
        if (*sql == '\'' || *sql == '"') {
            end = quoted_end(sql);
            buf_add(&out, sql, (size_t)(end - sql));
        } else if (is_of_word(*sql)) {
            end = rewrite_word(&out, sql);
        } else {
            buf_addc(&out, *sql == '?' && is_digit(sql[1]) ? '$' : *sql);
        }
        sql = end;
    }
    return buf_detach(&out);
}
