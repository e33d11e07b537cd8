/* Spare work folders: see spares.h. */
#include "agent/spares.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

struct spares {
    struct file_work *work;
    char *root, *life;
    struct spare items[SPARES_MOST];
    size_t count;
    size_t coming; /* are being made */
    unsigned made;
    bool off;    /* this file system does not serve */
    bool closed; /* spares_free was called; the last task frees the memory */
};

struct making {
    struct file_task task;
    struct spares *spares;
    struct spare spare;
    int rc;
};

static bool may_serve(const char *state, const char *root)
{
    struct dir_stamp a, b;
    return dir_stamp(state, &a) == 0 && dir_stamp(root, &b) == 0 && a.volume == b.volume;
}

static void release(struct spares *s)
{
    if (!s->closed || s->coming > 0) return;
    mem_free(s->root);
    mem_free(s->life);
    mem_free(s);
}

static void making_run(struct file_task *t)
{
    struct making *m = (struct making *)t;
    struct err e;
    m->rc = dir_make(m->spare.path, FILE_SECRET, &e);
    if (m->rc == 0) m->rc = dir_stamp(m->spare.path, &m->spare.stamp);
    if (m->rc != 0) (void)dir_remove_empty(m->spare.path, &e);
}

static void making_done(struct file_task *t)
{
    struct making *m = (struct making *)t;
    struct spares *s = m->spares;
    s->coming--;
    if (!t->dropped && m->rc == 0 && !s->closed && s->count < SPARES_MOST) {
        s->items[s->count++] = m->spare;
    } else {
        if (!t->dropped && m->rc == 0) (void)dir_remove_empty(m->spare.path, NULL);
        if (m->rc == ERR_UNSUPPORTED) s->off = true;
        mem_free(m->spare.path);
    }
    mem_free(m);
    release(s);
}

static void make_more(struct spares *s)
{
    while (!s->off && s->count + s->coming < SPARES_LEAST) {
        struct making *m = mem_alloc(sizeof *m);
        char *name = str_dupf("job%s-%u", s->life, ++s->made);
        m->spare.path = paths_join(s->root, name);
        mem_free(name);
        m->spares = s;
        /* behind the preparations, and never on all threads */
        m->task.kind = FILE_WORK_REMOVE;
        m->task.run = making_run;
        m->task.done = making_done;
        s->coming++;
        file_work_add(s->work, &m->task);
    }
}

struct spares *spares_new(struct file_work *w, const char *state, const char *root,
                          const char *life)
{
    struct spares *s = mem_alloc(sizeof *s);
    s->work = w;
    s->root = mem_strdup(root);
    s->life = mem_strdup(life);
    s->off = !may_serve(state, root);
    make_more(s);
    return s;
}

void spares_free(struct spares *s)
{
    if (!s) return;
    for (size_t i = 0; i < s->count; i++) {
        (void)dir_remove_empty(s->items[i].path, NULL);
        mem_free(s->items[i].path);
    }
    s->count = 0;
    s->closed = true;
    release(s);
}

/* As it was when it was made, and no link to another one. */
static bool is_untouched(const struct spare *spare)
{
    struct dir_stamp now;
    return dir_stamp(spare->path, &now) == 0 && dir_stamp_is_same(&now, &spare->stamp);
}

bool spares_take(struct spares *s, struct spare *out)
{
    struct moment now;
    bool found = false;
    while (!found && s->count > 0) {
        *out = s->items[--s->count];
        found = is_untouched(out);
        if (found) break;
        /* changed by others: with something in it, it stays until the next life of the agent */
        (void)dir_remove_empty(out->path, NULL);
        mem_free(out->path);
    }
    make_more(s);
    if (!found) {
        *out = (struct spare){0}; /* the last one that was looked at is gone */
        return false;
    }
    os_now(&now);
    out->ripe = now.wall_ms - out->stamp.changed_ns / 1000000 >= SPARES_RIPE_MS;
    return true;
}

bool spares_give_back(struct spares *s, struct spare *spare)
{
    if (!spare->path || !spare->ripe || s->count == SPARES_MOST || !is_untouched(spare))
        return false;
    s->items[s->count++] = *spare;
    spare->path = NULL;
    return true;
}

size_t spares_count(const struct spares *s)
{
    return s->count;
}
