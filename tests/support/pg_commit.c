/* Of each message the head and the first bytes of the body are kept. */
#include "tests/support/pg_commit.h"

#include "base/str.h"

#include <string.h>

#define PROTOCOL_3 UINT32_C(196608)

static uint32_t number(const void *at)
{
    const unsigned char *b = at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* The text behind the first one of the body; NULL: it is not there, or not whole. */
static const char *second_text(const struct pg_commit *f)
{
    const char *end = memchr(f->body, '\0', f->body_len);
    if (!end) return NULL;
    size_t at = (size_t)(end - f->body) + 1;
    return memchr(f->body + at, '\0', f->body_len - at) ? f->body + at : NULL;
}

/* Where it is kept; NULL: it is not a COMMIT's. "": a free place. */
static char *find_name(struct pg_commit *f, const char *name)
{
    for (size_t i = 0; i < PG_COMMIT_NAMES; i++)
        if (str_eq(f->names[i], name)) return f->names[i];
    return NULL;
}

static const char *shown(const char *name)
{
    return name[0] ? name : "-";
}

static void note_prepared(struct pg_commit *f)
{
    const char *sql = second_text(f);
    if (!sql) return;
    const char *name = shown(f->body);
    char *place = find_name(f, name);
    if (place) place[0] = '\0';
    if (!str_starts(sql, "COMMIT")) return;
    place = find_name(f, "");
    if (!place || str_copy(place, PG_COMMIT_NAME_SIZE, name) != 0) f->lost = true;
}

/* The message is whole. */
static bool commits(struct pg_commit *f)
{
    if (!f->begun) {
        f->begun = f->body_len >= 4 && number(f->body) == PROTOCOL_3;
        return false;
    }
    const char *name = second_text(f);
    switch (f->head[0]) {
    case 'P':
        note_prepared(f);
        return false;
    case 'B':
        return name && find_name(f, shown(name));
    case 'Q':
        return f->body_len > 6 && memcmp(f->body, "COMMIT", 6) == 0;
    default:
        return false;
    }
}

/* true: with this byte the message is whole. */
static bool take(struct pg_commit *f, char byte)
{
    size_t need = f->begun ? 5 : 4;
    if (f->head_len < need) {
        f->head[f->head_len++] = (unsigned char)byte;
        if (f->head_len < need) return false;
        uint32_t length = number(f->head + need - 4);
        f->lost = length < 4;
        f->left = f->lost ? 0 : length - 4;
        f->body_len = 0;
    } else {
        if (f->body_len < sizeof f->body) f->body[f->body_len++] = byte;
        f->left--;
    }
    return f->left == 0;
}

size_t pg_commit_find(struct pg_commit *f, const char *data, size_t len)
{
    size_t found = len, begin = 0;
    for (size_t i = 0; i < len && !f->lost; i++) {
        if (f->head_len == 0) begin = i;
        if (!take(f, data[i])) continue;
        if (commits(f) && found == len) found = begin;
        f->head_len = 0;
    }
    return found;
}
