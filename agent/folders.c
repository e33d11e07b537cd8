/* Work folders: see folders.h. */
#include "agent/folders.h"

#include "agent/recent.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/process.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#define PLAIN_SPEC_MAX 4096 /* bytes; what is read on the loop */
#define NAMES_MAX 1000      /* leftovers that are listed at once */
/* How long the agent waits for removals when it ends; the next start removes the rest. */
#define GOODBYE_MS 5000

struct folders {
    struct file_work *work;
    char *root;
    char life[18]; /* ".HEX", in the name of all that this life makes */
    unsigned count;
    struct spares *spares;
    struct recent recent;
};

static bool goes_on(void *task)
{
    return file_task_goes_on(task);
}

/* ---- removal ---- */

struct removal {
    struct file_task task;
    char *folder;
    bool has_input;
    int rc;
    struct err e;
};

static void removal_run(struct file_task *t)
{
    struct removal *r = (struct removal *)t;
    r->rc = launch_remove_files(r->folder, r->has_input, goes_on, t, &r->e);
}

static void removal_done(struct file_task *t)
{
    struct removal *r = (struct removal *)t;
    if (t->dropped || r->rc == ERR_UNAVAILABLE)
        log_info("folders: %s was not removed; the next start of the agent removes it", r->folder);
    else if (r->rc != 0)
        log_warn("folders: a job's work folder was not removed: %s", err_text(&r->e));
    mem_free(r->folder);
    mem_free(r);
}

void folders_remove_later(struct file_work *w, const char *work_folder, bool has_input)
{
    struct removal *r = mem_alloc(sizeof *r);
    r->task.kind = FILE_WORK_REMOVE;
    r->task.run = removal_run;
    r->task.done = removal_done;
    r->folder = mem_strdup(work_folder);
    r->has_input = has_input;
    file_work_add(w, &r->task);
}

void folders_release(struct folders *f, struct launch *l, struct spare *spare, bool nothing_left)
{
    bool kept = nothing_left && spares_give_back(f->spares, spare);
    if (!kept && l->work_folder)
        folders_remove_later(f->work, l->work_folder, l->stdin_path != NULL);
    mem_free(spare->path);
    spare->path = NULL;
    launch_fini(l);
}

/* ---- folders of earlier lives ---- */

struct cleaning {
    struct file_task task;
    char *root;
    char life[18];
    char *names[NAMES_MAX];
    size_t count;
    struct err e; /* the first; its code is 0 when all went well */
};

static int list_leftover(const char *name, void *user)
{
    struct cleaning *c = user;
    if (strstr(name, c->life)) return 0;
    c->names[c->count++] = mem_strdup(name);
    return c->count == NAMES_MAX;
}

static bool remove_leftover(struct cleaning *c, const char *name)
{
    struct err e = {0};
    char *path = paths_join(c->root, name);
    int rc = dir_remove_tree_while(path, goes_on, &c->task, &e);
    if (rc == ERR_INVALID) rc = file_remove(path, &e);
    mem_free(path);
    if (rc != 0 && rc != ERR_UNAVAILABLE && c->e.code == 0) c->e = e;
    return rc == 0;
}

/* Lists all names first: a folder that cannot be removed gets a new name, which a later listing
 * would find again. */
static void cleaning_run(struct file_task *t)
{
    struct cleaning *c = (struct cleaning *)t;
    size_t listed, removed;
    do {
        removed = 0;
        if (dir_list(c->root, list_leftover, c, &c->e) < 0) return;
        listed = c->count;
        for (size_t i = 0; i < listed; i++) {
            if (file_task_goes_on(t)) removed += remove_leftover(c, c->names[i]);
            mem_free(c->names[i]);
        }
        c->count = 0;
    } while (listed == NAMES_MAX && removed > 0);
}

static void cleaning_done(struct file_task *t)
{
    struct cleaning *c = (struct cleaning *)t;
    if (c->e.code != 0) log_warn("folders: cleaning %s: %s", c->root, err_text(&c->e));
    for (size_t i = 0; i < c->count; i++)
        mem_free(c->names[i]);
    mem_free(c->root);
    mem_free(c);
}

static void clean(struct folders *f)
{
    struct cleaning *c = mem_alloc(sizeof *c);
    c->task.kind = FILE_WORK_REMOVE;
    c->task.run = cleaning_run;
    c->task.done = cleaning_done;
    c->root = mem_strdup(f->root);
    memcpy(c->life, f->life, sizeof c->life);
    file_work_add(f->work, &c->task);
}

/* ---- preparation ---- */

struct preparation {
    struct file_task task;
    struct file_work *work;
    struct folders *folders; /* lives as long as fn is to be called */
    prepared_fn *fn;         /* NULL: abandoned */
    void *user;
    struct launch_input in; /* of copies */
    char *spec;
    struct opt_map env;
    char *agent_name, *folder;
    struct launch launch;
    int rc;
    struct err e;
    atomic_bool looks_up; /* the files are made; what the job named is being looked for */
};

static void copy_env(struct opt_map *to, const struct opt_map *from)
{
    to->items = mem_array(from->count, sizeof *to->items);
    for (to->count = 0; to->count < from->count; to->count++) {
        to->items[to->count].key = mem_strdup(from->items[to->count].key);
        to->items[to->count].value = mem_strdup(from->items[to->count].value);
    }
}

static void preparation_free(struct preparation *p)
{
    for (size_t i = 0; i < p->env.count; i++) {
        mem_free(p->env.items[i].key);
        mem_free(p->env.items[i].value);
    }
    mem_free(p->env.items);
    launch_fini(&p->launch);
    mem_free(p->spec);
    mem_free(p->agent_name);
    mem_free(p->folder);
    mem_free(p);
}

static void preparation_run(struct file_task *t)
{
    struct preparation *p = (struct preparation *)t;
    p->rc = launch_prepare(&p->in, &p->launch, &p->e);
    if (p->rc == 0) {
        atomic_store(&p->looks_up, true);
        launch_look_up(&p->launch);
    } else if (p->rc != ERR_INVALID && p->rc != ERR_TOO_LARGE) {
        /* a folder or a file of the agent's own, which any job needs */
        p->rc = p->e.code = ERR_MACHINE;
    }
}

static void preparation_done(struct file_task *t)
{
    struct preparation *p = (struct preparation *)t;
    struct prepared result = {p->rc, &p->e, &p->launch, t->late};
    if (p->fn && p->rc == 0 && !t->dropped && !t->late)
        recent_take(&p->folders->recent, os_mono_ms(), &p->launch);
    if (p->fn && !t->dropped) p->fn(&result, p->user);
    /* not taken over */
    if (p->launch.work_folder)
        folders_remove_later(p->work, p->launch.work_folder, p->launch.stdin_path != NULL);
    preparation_free(p);
}

char *folders_name(struct folders *f, const char *mark)
{
    char *name = str_dupf("%s%s-%u", mark, f->life, ++f->count);
    char *path = paths_join(f->root, name);
    mem_free(name);
    return path;
}

struct preparation *folders_prepare(struct folders *f, const struct launch_input *in, char *spec,
                                    const char *mark, prepared_fn *fn, void *user)
{
    struct preparation *p = mem_alloc(sizeof *p);
    p->task.kind = FILE_WORK_PREPARE;
    p->task.run = preparation_run;
    p->task.done = preparation_done;
    p->work = f->work;
    p->folders = f;
    p->fn = fn;
    p->user = user;
    p->spec = spec;
    copy_env(&p->env, in->agent_env);
    p->agent_name = mem_strdup(in->agent_name);
    p->folder = folders_name(f, mark);
    p->in = *in;
    p->in.spec = spec;
    p->in.agent_env = &p->env;
    p->in.agent_name = p->agent_name;
    p->in.work_folder = p->folder;
    file_work_add(f->work, &p->task);
    return p;
}

/* A job may have put the program elsewhere since. The search goes as far as it went then: what is
 * behind may lie on a file system that hangs. */
static bool is_still_found(const struct launch *l)
{
    const char *path = launch_path(l);
    if (!l->program || !path || strchr(l->argv[0], '/')) return true;
    size_t folder = (size_t)(strrchr(l->program, '/') - l->program), len = 0;
    const char *at = path;
    for (; *at; at += *at == ':') {
        len = strcspn(at, ":");
        if (len == folder && strncmp(at, l->program, len) == 0) break;
        at += len;
    }
    if (!*at) return false;
    char *near = mem_strndup(path, (size_t)(at - path) + len);
    char *found = process_find_program(l->argv[0], near);
    bool same = str_eq(found, l->program);
    mem_free(found);
    mem_free(near);
    return same;
}

bool folders_prepare_at_once(struct folders *f, const struct launch_input *in, const char *spec,
                             struct launch *out, struct spare *spare)
{
    int64_t now_ms = os_mono_ms();
    struct launch_input full = *in;
    full.spec = spec;
    full.base = recent_base(&f->recent, now_ms);
    if (!full.base || strlen(spec) > PLAIN_SPEC_MAX || !spares_take(f->spares, spare)) return false;
    full.work_folder = spare->path;
    bool plain = launch_prepare_plain(&full, out);
    if (plain && recent_find(&f->recent, now_ms, out) && is_still_found(out)) return true;
    if (plain) launch_fini(out);
    struct launch unused = {.work_folder = mem_strdup(spare->path)};
    folders_release(f, &unused, spare, true);
    return false;
}

void folders_abandon(struct preparation *p)
{
    p->fn = NULL;
    if (file_work_take_back(p->work, &p->task)) preparation_free(p);
}

bool folders_describe(const struct preparation *p, struct err *out)
{
    bool named = atomic_load(&p->looks_up);
    err_set(out, ERR_TIMEOUT,
            named ? "the look for the job's command and working folder takes longer than %d s"
                  : "making the work folder takes longer than %d s: %s",
            FILE_WORK_HUNG_MS / 1000, p->folder);
    return named;
}

/* ---- life ---- */

struct file_work *folders_work(struct folders *f)
{
    return f->work;
}

int folders_new(struct uv_loop_s *loop, const char *state_folder, struct folders **out,
                struct err *e)
{
    struct folders *f = mem_alloc(sizeof *f);
    f->root = paths_join(state_folder, "work");
    (void)str_format(f->life, sizeof f->life, ".%" PRIx64, os_seed());
    int rc = dir_make(f->root, FILE_SECRET, e);
    if (rc == 0) rc = file_work_new(loop, &f->work, e);
    if (rc != 0) {
        mem_free(f->root);
        mem_free(f);
        return rc;
    }
    clean(f);
    f->spares = spares_new(f->work, state_folder, f->root, f->life);
    *out = f;
    return 0;
}

void folders_free(struct folders *f)
{
    if (!f) return;
    spares_free(f->spares);
    recent_fini(&f->recent);
    file_work_free(f->work, GOODBYE_MS);
    mem_free(f->root);
    mem_free(f);
}

void folders_look(struct folders *f, struct file_work_state *out)
{
    file_work_look(f->work, out);
}
