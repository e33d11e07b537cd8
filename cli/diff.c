/* The longest common lines of two texts, by the table that textbooks have. */
#include "cli/diff.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define EXACT_MAX 2000
#define CONTEXT 3

struct line {
    const char *at;
    size_t len; /* with its end */
};
struct lines {
    struct line *items;
    size_t count;
};

/* A line of the result; of what both have: a's. */
struct edit {
    char kind; /* ' ', '-', '+' */
    struct line line;
};
struct edits {
    struct edit *items;
    size_t count;
};

static struct lines split(const char *text)
{
    struct lines l = {NULL, 0};
    size_t cap = 0;
    while (*text) {
        size_t len = strcspn(text, "\n");
        if (text[len]) len++;
        if (l.count == cap) {
            cap = cap ? 2 * cap : 64;
            l.items = mem_resize(l.items, cap, sizeof *l.items);
        }
        l.items[l.count++] = (struct line){text, len};
        text += len;
    }
    return l;
}

static bool is_same(const struct line *a, const struct line *b)
{
    return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

static void add(struct edits *e, char kind, struct line line)
{
    e->items[e->count++] = (struct edit){kind, line};
}

/* lengths[i * (m + 1) + j]: of the longest common lines of a from i and b from j. */
static void add_middle(struct edits *e, const struct line *a, size_t n, const struct line *b,
                       size_t m)
{
    size_t i = 0, j = 0, width = m + 1;
    uint16_t *lengths = mem_array((n + 1) * width, sizeof *lengths);
    for (size_t x = n; x-- > 0;) {
        for (size_t y = m; y-- > 0;) {
            uint16_t down = lengths[(x + 1) * width + y], right = lengths[x * width + y + 1];
            lengths[x * width + y] = is_same(&a[x], &b[y])
                                         ? (uint16_t)(lengths[(x + 1) * width + y + 1] + 1)
                                     : down > right ? down
                                                    : right;
        }
    }
    while (i < n && j < m) {
        if (is_same(&a[i], &b[j])) {
            add(e, ' ', a[i++]);
            j++;
        } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) {
            add(e, '-', a[i++]);
        } else {
            add(e, '+', b[j++]);
        }
    }
    while (i < n)
        add(e, '-', a[i++]);
    while (j < m)
        add(e, '+', b[j++]);
    mem_free(lengths);
}

static void compare(const struct lines *a, const struct lines *b, struct edits *e)
{
    size_t head = 0, tail = 0, n = a->count, m = b->count;
    while (head < n && head < m && is_same(&a->items[head], &b->items[head]))
        head++;
    while (tail < n - head && tail < m - head &&
           is_same(&a->items[n - 1 - tail], &b->items[m - 1 - tail]))
        tail++;
    for (size_t i = 0; i < head; i++)
        add(e, ' ', a->items[i]);
    n -= head + tail;
    m -= head + tail;
    if (n <= EXACT_MAX && m <= EXACT_MAX) {
        add_middle(e, a->items + head, n, b->items + head, m);
    } else {
        for (size_t i = 0; i < n; i++)
            add(e, '-', a->items[head + i]);
        for (size_t i = 0; i < m; i++)
            add(e, '+', b->items[head + i]);
    }
    for (size_t i = 0; i < tail; i++)
        add(e, ' ', a->items[head + n + i]);
}

/* Where the hunk ends that begins at `from`: no change comes within its context. */
static size_t hunk_end(const struct edits *e, size_t from)
{
    size_t last = from, i = from;
    for (; i < e->count && i <= last + 2 * CONTEXT + 1; i++)
        if (e->items[i].kind != ' ') last = i;
    return last + 1 + CONTEXT < e->count ? last + 1 + CONTEXT : e->count;
}

/* "12,3", "12" for one line, "11,0" for none. */
static void add_range(struct buf *out, char sign, size_t before, size_t count)
{
    (void)buf_addf(out, "%c%zu", sign, count ? before + 1 : before);
    if (count != 1) (void)buf_addf(out, ",%zu", count);
}

static void write_hunk(const struct edits *e, size_t from, size_t to, struct buf *out)
{
    size_t before[2] = {0, 0}, count[2] = {0, 0}; /* lines of a and of b */
    for (size_t i = 0; i < to; i++) {
        size_t *n = i < from ? before : count;
        n[0] += e->items[i].kind != '+';
        n[1] += e->items[i].kind != '-';
    }
    (void)buf_adds(out, "@@ ");
    add_range(out, '-', before[0], count[0]);
    (void)buf_addc(out, ' ');
    add_range(out, '+', before[1], count[1]);
    (void)buf_adds(out, " @@\n");
    for (size_t i = from; i < to; i++) {
        const struct line *l = &e->items[i].line;
        (void)buf_addc(out, e->items[i].kind);
        (void)buf_add(out, l->at, l->len);
        if (l->at[l->len - 1] != '\n') (void)buf_adds(out, "\n\\ No newline at end of file\n");
    }
}

int diff_unified(const struct diff_text *from, const struct diff_text *to, struct buf *out)
{
    if (str_eq(from->text, to->text)) return 0;
    struct lines a = split(from->text), b = split(to->text);
    struct edits e = {mem_array(a.count + b.count + 1, sizeof *e.items), 0};
    compare(&a, &b, &e);
    int rc = buf_addf(out, "--- %s\n+++ %s\n", from->name, to->name);
    for (size_t i = 0; i < e.count; i++) {
        if (e.items[i].kind == ' ') continue;
        size_t end = hunk_end(&e, i);
        write_hunk(&e, i > CONTEXT ? i - CONTEXT : 0, end, out);
        i = end - 1;
    }
    mem_free(e.items);
    mem_free(a.items);
    mem_free(b.items);
    return rc;
}
