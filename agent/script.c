/* Prepares the files and arguments of a start: see script.h. */
#include "agent/script.h"

#include "agent/shells.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "wire/spec.h"

#include <string.h>

/* ---- environment ---- */

#define ENV_ROOM 32

struct env_list {
    char **items;
    size_t count, cap;
};

/* item: "K=V", with a key of key_len bytes; the list takes it over. A later one takes the place of
 * an earlier one. */
static void env_put(struct env_list *l, char *item, size_t key_len)
{
    for (size_t i = 0; i < l->count; i++) {
        if (strncmp(l->items[i], item, key_len + 1) != 0) continue;
        mem_free(l->items[i]);
        l->items[i] = item;
        return;
    }
    if (l->count + 1 >= l->cap) {
        l->cap = l->cap > 0 ? 2 * l->cap : ENV_ROOM;
        l->items = mem_resize(l->items, l->cap, sizeof *l->items);
    }
    l->items[l->count++] = item;
    l->items[l->count] = NULL;
}

static void env_set(struct env_list *l, const char *key, const char *value)
{
    size_t n = strlen(key), len = strlen(value);
    char *item = mem_alloc(n + len + 2);
    memcpy(item, key, n);
    item[n] = '=';
    memcpy(item + n + 1, value, len + 1);
    env_put(l, item, n);
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void env_identity(struct env_list *l, const struct launch_input *in, const struct spec *s,
                         const char *cwd)
{
    char id[ID_TEXT_SIZE], attempt[16];
    id_format(in->job, id);
    (void)str_format(attempt, sizeof attempt, "%lld", (long long)in->attempt);
    env_set(l, "CADRE_JOB_ID", id);
    env_set(l, "CADRE_ATTEMPT", attempt);
    env_set(l, "CADRE_EXECUTION_ID", or_empty(s->execution));
    env_set(l, "CADRE_NAMESPACE", or_empty(s->ns));
    env_set(l, "CADRE_FLOW", or_empty(s->flow));
    env_set(l, "CADRE_TASK", or_empty(s->task));
    env_set(l, "CADRE_GROUP", s->group ? s->group : STR_DEFAULT_GROUP);
    env_set(l, "CADRE_AGENT", in->agent_name);
    env_set(l, "WORKING_DIR", cwd);
}

/* Behind the job's own environment: whoever sets the variable there means it. */
static void env_trace(struct env_list *l, const struct spec *s)
{
    char trace[TRACE_PARENT_SIZE];
    for (size_t i = 0; i < s->env.count; i++)
        if (str_eq(s->env.names[i], "TRACEPARENT")) return;
    if (trace_parent_read(s->traceparent, trace)) env_set(l, "TRACEPARENT", trace);
}

static void make_env(const struct launch_input *in, const struct spec *s, struct launch *l)
{
    struct env_list list = {0};
    const char *const *base = in->base;
    if (!base) base = (const char *const *)(l->base = process_env_base());
    for (size_t i = 0; base && base[i]; i++) {
        /* Windows has names that begin with '=' (the drives' folders): look for the separator
         * behind them. */
        const char *eq = base[i][0] ? strchr(base[i] + 1, '=') : NULL;
        if (eq) env_put(&list, mem_strdup(base[i]), (size_t)(eq - base[i]));
    }
    for (size_t i = 0; i < in->agent_env->count; i++)
        env_set(&list, in->agent_env->items[i].key, in->agent_env->items[i].value);
    for (size_t i = 0; i < s->env.count; i++)
        env_set(&list, s->env.names[i], s->env.values[i]);
    env_trace(&list, s);
    env_identity(&list, in, s, l->cwd);
    l->env = list.items;
}

/* ---- the command ---- */

static void make_command(const struct spec *s, struct launch *l)
{
    l->argv = mem_array(s->command.count + 1, sizeof *l->argv);
    for (size_t i = 0; i < s->command.count; i++)
        l->argv[i] = mem_strdup(s->command.items[i]);
}

static int write_files(const struct shells_layout *layout, struct launch *l, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < layout->file_count; i++) {
        const struct shells_file *f = &layout->files[i];
        char *path = paths_join(l->work_folder, f->name);
        rc = file_write_plain(path, f->text.data, f->text.len,
                              f->program ? FILE_PROGRAM : FILE_SECRET, e);
        mem_free(path);
    }
    return rc;
}

static int make_script(const struct spec *s, struct launch *l, struct err *e)
{
    struct shells_layout layout;
    int rc = shells_lay_out(s, l->work_folder, &layout, e);
    if (rc != 0) return rc;
    rc = write_files(&layout, l, e);
    l->argv = layout.argv;
    l->named_by = layout.named_by;
    layout.argv = NULL;
    shells_layout_fini(&layout);
    return rc;
}

static int make_stdin(const struct spec *s, struct launch *l, struct err *e)
{
    if (!s->input) return 0;
    size_t size = strlen(s->input), len = 0;
    void *data = mem_alloc(size + 1);
    int rc = str_unbase64(data, size + 1, s->input, &len);
    if (rc != 0) {
        rc = err_set(e, ERR_INVALID, "stdin: is not base64");
    } else {
        l->stdin_path = str_dupf("%s.stdin", l->work_folder);
        rc = file_write_plain(l->stdin_path, data, len, FILE_SECRET, e);
    }
    mem_free(data);
    return rc;
}

static int read_spec(const char *text, struct spec *s, struct err *e)
{
    struct spec_problem problem;
    int rc = spec_decode(text, strlen(text), s, e);
    if (rc != 0 || spec_check(s, &problem)) return rc;
    spec_fini(s);
    return err_set(e, ERR_INVALID, "%s: %s", problem.field, problem.sentence);
}

static int prepare(const struct launch_input *in, const struct spec *s, struct launch *l,
                   struct err *e)
{
    int rc = dir_make(l->work_folder, FILE_SECRET, e);
    l->cwd = mem_strdup(s->workdir ? s->workdir : l->work_folder);
    if (rc != 0) return rc;
    make_env(in, s, l);
    rc = make_stdin(s, l, e);
    if (rc != 0) return rc;
    if (s->script) return make_script(s, l, e);
    make_command(s, l);
    return 0;
}

int launch_prepare(const struct launch_input *in, struct launch *out, struct err *e)
{
    struct launch l = {0};
    struct spec s;
    int rc = read_spec(in->spec, &s, e);
    if (rc != 0) return rc;
    l.work_folder = mem_strdup(in->work_folder);
    rc = prepare(in, &s, &l, e);
    spec_fini(&s);
    if (rc != 0) {
        (void)launch_remove_files(in->work_folder, l.stdin_path != NULL, NULL, NULL, NULL);
        launch_fini(&l);
        return rc;
    }
    *out = l;
    return 0;
}

bool launch_prepare_plain(const struct launch_input *in, struct launch *out)
{
    struct spec s;
    struct err e;
    if (read_spec(in->spec, &s, &e) != 0) return false;
    bool plain = !s.script && !s.input && !s.workdir && s.command.count > 0;
    if (plain) {
        *out = (struct launch){.work_folder = mem_strdup(in->work_folder),
                               .cwd = mem_strdup(in->work_folder)};
        make_env(in, &s, out);
        make_command(&s, out);
    }
    spec_fini(&s);
    return plain;
}

const char *launch_path(const struct launch *l)
{
    const char *path = NULL;
    for (char **v = l->env; *v; v++)
        if (strncmp(*v, "PATH=", 5) == 0 || strncmp(*v, "Path=", 5) == 0) path = *v + 5;
    return path;
}

void launch_look_up(struct launch *l)
{
    const char *path = launch_path(l);
    bool plain = strpbrk(l->argv[0], "/\\") == NULL;
    (void)file_exists(l->cwd);
    char *program = process_find_program(l->argv[0], path);
    if (program) l->at_hand = process_program_is_at_hand(program, plain ? path : NULL);
    if (plain)
        l->program = program;
    else
        mem_free(program);
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        mem_free(list[i]);
    mem_free(list);
}

void launch_fini(struct launch *l)
{
    free_list(l->argv);
    free_list(l->env);
    mem_free(l->cwd);
    mem_free(l->stdin_path);
    mem_free(l->work_folder);
    mem_free(l->program);
    process_env_free(l->base);
    memset(l, 0, sizeof *l);
}

int launch_remove_files(const char *work_folder, bool has_input, bool (*go_on)(void *user),
                        void *user, struct err *e)
{
    struct err why = {0};
    int input_rc = 0;
    if (has_input) {
        char *input = str_dupf("%s.stdin", work_folder);
        input_rc = file_remove(input, &why);
        mem_free(input);
    }
    int rc = dir_remove_tree_while(work_folder, go_on, user, e);
    if (rc != 0 || input_rc == 0) return rc;
    if (e) *e = why;
    return input_rc;
}
