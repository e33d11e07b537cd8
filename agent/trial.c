/* See trial.h.
 *
 *   MAKING (on a thread) -> RUNNING (a process) -> REMOVING (on a thread) -> done
 */
#include "agent/trial.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"

#include <string.h>

#define FILE_BYTES (64u * 1024)
#define DRAIN_MS 2000

enum trial_step { TRIAL_MAKING, TRIAL_RUNNING, TRIAL_REMOVING };

struct trial {
    struct file_task task;
    struct trial_options o;
    struct file_work *work;
    enum trial_step step;
    bool abandoned;
    char *folder, *input; /* the folder, and the file beside it */
    char **env;
    struct process *process;
    struct err why; /* the first failure; its code is 0 when there is none */
};

static void trial_free(struct trial *t)
{
    process_env_free(t->env);
    mem_free(t->input);
    mem_free(t->folder);
    mem_free(t);
}

static void finish(struct trial *t)
{
    struct trial_options o = t->o;
    struct err why = t->why;
    bool tells = !t->abandoned && !t->task.dropped;
    trial_free(t);
    if (tells) o.done(why.code != 0 ? &why : NULL, o.user);
}

/* The name of the folder differs from trial to trial, and what is said of it should not. */
static void forget_name(struct trial *t)
{
    char *at = strstr(t->why.msg, t->folder);
    if (!at) return;
    char *root = paths_dir(t->folder), *rest = mem_strdup(at + strlen(t->folder));
    *at = '\0';
    err_set(&t->why, t->why.code, "%s%s/trial%s", t->why.msg, root, rest);
    mem_free(rest);
    mem_free(root);
}

/* ---- the end: remove the files ---- */

/* Also without a descriptor left: a machine that is unwell for long must not fill up with this. */
static int remove_files(struct trial *t, struct err *e)
{
    char *file = paths_join(t->folder, "file");
    (void)file_remove(t->input, NULL);
    (void)file_remove(file, NULL);
    mem_free(file);
    if (dir_remove_empty(t->folder, NULL) == 0) return 0;
    return launch_remove_files(t->folder, false, NULL, NULL, e);
}

static void remove_run(struct file_task *task)
{
    struct trial *t = (struct trial *)task;
    struct err e = {0};
    int rc = remove_files(t, &e);
    if (rc == 0 || t->why.code != 0) return;
    t->why = e;
    forget_name(t);
}

static void remove_done(struct file_task *task)
{
    struct trial *t = (struct trial *)task;
    if (task->dropped) folders_remove_later(t->work, t->folder, true);
    finish(t);
}

static void begin_removal(struct trial *t)
{
    t->step = TRIAL_REMOVING;
    t->task.run = remove_run;
    t->task.done = remove_done;
    file_work_add(t->work, &t->task);
}

/* ---- the process ---- */

static void on_end(struct process *p, const struct process_end *end, void *user)
{
    struct trial *t = user;
    if (end->exit_code != 0 && t->why.code == 0)
        err_set(&t->why, ERR_MACHINE,
                "a process that the agent started to try itself ended with %u",
                (unsigned)end->exit_code);
    t->process = NULL;
    process_free(p);
    begin_removal(t);
}

static void start(struct trial *t)
{
    static const struct process_handler handler = {NULL, on_end};
    static const char *const none[] = {NULL};
    const char *mark = strrchr(t->folder, '-');
    char *name = str_dupf("trial%s", mark ? mark : "");
    struct process_options po = {.argv = t->o.command,
                                 .env = t->env ? (const char *const *)t->env : none,
                                 .cwd = t->folder,
                                 .own_folder = t->folder,
                                 .stdin_path = t->input,
                                 .mark = name,
                                 .drain_ms = DRAIN_MS};
    int rc = 0;
    t->step = TRIAL_RUNNING;
    if (!t->o.may_start(t->o.user))
        rc = err_set(&t->why, ERR_MACHINE, "the agent's guard does not run and cannot be started");
    if (rc == 0) rc = process_start(t->o.host, &po, &handler, t, &t->process, &t->why);
    mem_free(name);
    if (rc == 0) return;
    forget_name(t);
    begin_removal(t);
}

/* ---- the beginning: make the files ---- */

static int make_files(struct trial *t, const char **what, struct err *e)
{
    char *file = paths_join(t->folder, "file");
    void *data = mem_alloc(FILE_BYTES);
    *what = "make a folder";
    int rc = dir_make(t->folder, FILE_SECRET, e);
    if (rc == 0) {
        *what = "write a file";
        rc = file_write_atomic(file, data, FILE_BYTES, FILE_SECRET, e);
    }
    if (rc == 0) rc = file_write_plain(t->input, data, FILE_BYTES, FILE_SECRET, e);
    mem_free(data);
    mem_free(file);
    return rc;
}

static void make_run(struct file_task *task)
{
    struct trial *t = (struct trial *)task;
    const char *what;
    struct err e = {0};
    t->env = process_env_base();
    int rc = make_files(t, &what, &e);
    if (rc == 0) return;
    /* without the names that this trial chose, so that the next one says the same */
    char *root = paths_dir(t->folder);
    const char *words = strrchr(err_text(&e), ':');
    err_set(&t->why, ERR_MACHINE, "cannot %s in %s%s", what, root, words ? words : "");
    mem_free(root);
    (void)remove_files(t, NULL);
}

static void make_done(struct file_task *task)
{
    struct trial *t = (struct trial *)task;
    if (t->abandoned || task->dropped) folders_remove_later(t->work, t->folder, true);
    if (t->abandoned || task->dropped || t->why.code != 0)
        finish(t);
    else
        start(t);
}

struct trial *trial_begin(const struct trial_options *o)
{
    struct trial *t = mem_alloc(sizeof *t);
    *t = (struct trial){.o = *o, .work = folders_work(o->folders), .step = TRIAL_MAKING};
    t->folder = folders_name(o->folders, "trial");
    t->input = str_dupf("%s.stdin", t->folder);
    t->task.kind = FILE_WORK_PREPARE;
    t->task.run = make_run;
    t->task.done = make_done;
    file_work_add(t->work, &t->task);
    return t;
}

void trial_abandon(struct trial *t)
{
    if (!t) return;
    t->abandoned = true;
    if (t->step == TRIAL_RUNNING) {
        process_free(t->process);
        folders_remove_later(t->work, t->folder, true);
        trial_free(t);
    } else if (file_work_take_back(t->work, &t->task)) {
        if (t->step == TRIAL_REMOVING) folders_remove_later(t->work, t->folder, true);
        trial_free(t);
    }
}

void trial_describe(const struct trial *t, struct err *out)
{
    char *folder = paths_dir(t->folder);
    switch (t->step) {
    case TRIAL_MAKING:
        err_set(out, ERR_TIMEOUT, "making files takes longer than %d s: %s",
                FILE_WORK_HUNG_MS / 1000, folder);
        break;
    case TRIAL_RUNNING:
        err_set(out, ERR_TIMEOUT, "a process of the agent's own does not end within %d s",
                FILE_WORK_HUNG_MS / 1000);
        break;
    case TRIAL_REMOVING:
        err_set(out, ERR_TIMEOUT, "removing files takes longer than %d s: %s",
                FILE_WORK_HUNG_MS / 1000, folder);
        break;
    }
    mem_free(folder);
}
