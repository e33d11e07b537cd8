/* See recent.h. */
#include "agent/recent.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/process.h"

static void program_fini(struct recent_program *p)
{
    mem_free(p->name);
    mem_free(p->path);
    mem_free(p->file);
    *p = (struct recent_program){0};
}

void recent_fini(struct recent *r)
{
    process_env_free(r->base);
    for (size_t i = 0; i < RECENT_PROGRAMS; i++)
        program_fini(&r->programs[i]);
    *r = (struct recent){0};
}

/* NULL: none is known. */
static const struct recent_program *find(const struct recent *r, const struct launch *l)
{
    const char *path = launch_path(l);
    for (size_t i = 0; i < RECENT_PROGRAMS; i++) {
        const struct recent_program *p = &r->programs[i];
        if (p->name && str_eq(p->name, l->argv[0]) && str_eq(p->path, path ? path : "")) return p;
    }
    return NULL;
}

void recent_take(struct recent *r, int64_t now_ms, struct launch *l)
{
    if (l->base) {
        process_env_free(r->base);
        r->base = l->base;
        r->base_ms = now_ms;
        l->base = NULL;
    }
    if (!l->at_hand) return;
    const struct recent_program *known = find(r, l);
    size_t at = known ? (size_t)(known - r->programs) : r->next;
    if (!known) r->next = (r->next + 1) % RECENT_PROGRAMS;
    struct recent_program *p = &r->programs[at];
    const char *path = launch_path(l);
    program_fini(p);
    p->name = mem_strdup(l->argv[0]);
    p->path = mem_strdup(path ? path : "");
    p->file = mem_strdup(l->program);
    p->at_ms = now_ms;
}

const char *const *recent_base(const struct recent *r, int64_t now_ms)
{
    bool fresh = r->base && now_ms - r->base_ms < RECENT_MS;
    return fresh ? (const char *const *)r->base : NULL;
}

bool recent_find(const struct recent *r, int64_t now_ms, struct launch *l)
{
    const struct recent_program *p = find(r, l);
    if (!p || now_ms - p->at_ms >= RECENT_MS) return false;
    l->program = mem_strdup(p->file);
    return true;
}
