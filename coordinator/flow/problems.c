/* What is wrong with files, collected. */
#include "coordinator/flow/flow.h"

#include "base/mem.h"
#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void flow_problems_add(struct flow_problems *p, const char *file, int line, const char *fmt, ...)
{
    char text[ERR_MSG_MAX];
    if (p->count == FLOW_PROBLEMS_MAX) {
        p->more++;
        return;
    }
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text) text[str_utf8_whole(text, strlen(text))] = '\0';
    p->items = mem_resize(p->items, p->count + 1, sizeof *p->items);
    p->items[p->count++] = (struct flow_problem){mem_strdup(file), line, mem_strdup(text)};
}

void flow_problems_remove(struct flow_problems *p, size_t index)
{
    mem_free(p->items[index].file);
    mem_free(p->items[index].sentence);
    p->count--;
    memmove(&p->items[index], &p->items[index + 1], (p->count - index) * sizeof *p->items);
}

/* Files keep the order in which they came: the first of a file tells. */
static size_t file_place(const struct flow_problems *p, const char *file)
{
    size_t i = 0;
    while (i < p->count && !str_eq(p->items[i].file, file))
        i++;
    return i;
}

struct ranked {
    struct flow_problem problem;
    size_t file, place;
};

static int by_place(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->file != y->file) return x->file < y->file ? -1 : 1;
    if (x->problem.line != y->problem.line) return x->problem.line < y->problem.line ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

void flow_problems_sort(struct flow_problems *p)
{
    if (p->count < 2) return;
    struct ranked *all = mem_array(p->count, sizeof *all);
    for (size_t i = 0; i < p->count; i++)
        all[i] = (struct ranked){p->items[i], file_place(p, p->items[i].file), i};
    qsort(all, p->count, sizeof *all, by_place);
    for (size_t i = 0; i < p->count; i++)
        p->items[i] = all[i].problem;
    mem_free(all);
}

void flow_problems_fini(struct flow_problems *p)
{
    for (size_t i = 0; i < p->count; i++) {
        mem_free(p->items[i].file);
        mem_free(p->items[i].sentence);
    }
    mem_free(p->items);
    *p = (struct flow_problems){0};
}
