/* Pages of lists. */
#include "coordinator/reads/list.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CURSOR_BYTES 1024 /* three names of the longest kind */

static const struct list_traits kinds[LIST_KINDS] = {
    [LIST_JOBS] = {"jobs", LIST_BY_ID, 1, 50, 500},
    [LIST_MATCHES] = {"jobs", LIST_BY_ID, 1, LIMIT_JOBS, LIMIT_JOBS},
    [LIST_EXECUTIONS] = {"executions", LIST_BY_ID, 1, 50, 500},
    [LIST_RUNS] = {"taskRuns", LIST_BY_TEXT, 1, 100, 1000},
    [LIST_COORDINATORS] = {"coordinators", LIST_BY_ID, 1, 1000, 1000},
    [LIST_TOKENS] = {"tokens", LIST_BY_ID, 1, 1000, 1000},
    [LIST_NOTICES] = {"notices", LIST_BY_ID, 1, 50, 500},
    [LIST_FLOWS] = {"flows", LIST_BY_TEXT, 2, 100, 500},
    [LIST_TRIGGERS] = {"triggers", LIST_BY_TEXT, 3, 100, 500},
    [LIST_UPCOMING] = {"triggers", LIST_BY_TEXT, 2, 100, 500},
    [LIST_AGENTS] = {"agents", LIST_BY_TEXT, 1, 1000, 1000},
    [LIST_GROUPS] = {"groups", LIST_BY_TEXT, 1, 1000, 1000},
    [LIST_BUSY] = {"groups", LIST_BY_TEXT, 1, 100, 500},
    [LIST_NAMESPACES] = {"namespaces", LIST_BY_TEXT, 1, 1000, 1000},
    [LIST_REVISIONS] = {"revisions", LIST_BY_NUMBER, 1, 100, 500},
    [LIST_ATTEMPTS] = {"attempts", LIST_BY_NUMBER, 1, 100, 500},
    [LIST_AGENT_EVENTS] = {"events", LIST_BY_NUMBER, 1, 100, 500},
};

const struct list_traits *list_traits(enum list_kind kind)
{
    return &kinds[kind];
}

void list_init(struct list *l, enum list_kind kind)
{
    *l = (struct list){.traits = &kinds[kind], .limit = kinds[kind].limit};
}

void list_fini(struct list *l)
{
    mem_free(l->text);
    mem_free(l->last);
    *l = (struct list){0};
}

/* Exactly `count` parts, joined by slashes; a text of one part may hold slashes itself. */
static bool split(char *at, size_t count, char **parts)
{
    for (size_t i = 0; i + 1 < count; i++) {
        char *slash = strchr(at, '/');
        if (!slash) return false;
        *slash = '\0';
        parts[i] = at;
        at = slash + 1;
    }
    parts[count - 1] = at;
    return count == 1 || !strchr(at, '/');
}

bool list_set_cursor(struct list *l, const char *text)
{
    char *parts[LIST_PARTS] = {NULL};
    int64_t place;
    if (l->traits->cursor != LIST_BY_TEXT) {
        bool id = l->traits->cursor == LIST_BY_ID;
        if ((id ? id_parse(text, &place) : str_int64(text, &place)) || place <= 0) return false;
        l->place = place;
        return true;
    }
    char *copy = mem_strdup(text);
    if (!split(copy, l->traits->parts, parts)) {
        mem_free(copy);
        return false;
    }
    mem_free(l->text);
    l->text = copy;
    memcpy(l->after, parts, sizeof parts);
    return true;
}

void list_begin(struct list *l, struct json_answer *a)
{
    l->answer = a;
    jw_array(&a->w, l->traits->name);
}

bool list_row(struct list *l)
{
    if (l->answer->b.len > LIST_BYTES) {
        l->cut = true;
        return false;
    }
    jw_object(&l->answer->w, NULL);
    return true;
}

static void set_last(struct list *l, const char *fmt, va_list args)
{
    char text[CURSOR_BYTES];
    (void)vsnprintf(text, sizeof text, fmt, args);
    mem_free(l->last);
    l->last = mem_strdup(text);
}

void list_row_end(struct list *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_last(l, fmt, args);
    va_end(args);
    jw_end(&l->answer->w);
}

void list_skip(struct list *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_last(l, fmt, args);
    va_end(args);
}

void list_passed(struct list *l, char *passed)
{
    if (passed) list_skip(l, "%s", passed);
    mem_free(passed);
}

void list_row_end_id(struct list *l, int64_t id)
{
    char text[ID_TEXT_SIZE];
    id_format(id, text);
    list_row_end(l, "%s", text);
}

void list_end(struct list *l, bool more)
{
    more = (more || l->cut) && l->last;
    jw_end(&l->answer->w);
    if (l->traits->cursor == LIST_BY_NUMBER)
        jw_bool(&l->answer->w, "more", more);
    else
        jw_str(&l->answer->w, "nextCursor", more ? l->last : NULL);
}

void list_end_id(struct list *l, int64_t id)
{
    if (l->cut) {
        list_end(l, true);
        return;
    }
    jw_end(&l->answer->w);
    jw_id(&l->answer->w, "nextCursor", id);
}
