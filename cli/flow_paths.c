/* The files that arguments stand for. */
#include "cli/flow_paths.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/file_facts.h"
#include "platform/files.h"
#include "platform/paths.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 16 /* of folders */

static void add_path(struct flow_paths *p, char *path)
{
    p->items = mem_resize(p->items, p->count + 1, sizeof *p->items);
    p->items[p->count++] = path;
}

void flow_paths_fini(struct flow_paths *p)
{
    for (size_t i = 0; i < p->count; i++)
        mem_free(p->items[i]);
    mem_free(p->items);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int on_entry(const char *name, void *user)
{
    if (name[0] != '.') add_path(user, mem_strdup(name));
    return 0;
}

struct above {
    const struct above *up;
    struct file_facts facts;
};

static bool is_above(const struct above *here)
{
    for (const struct above *a = here->up; a; a = a->up)
        if (file_is_same(&a->facts, &here->facts)) return true;
    return false;
}

static int depth_of(const struct above *here)
{
    int depth = 0;
    for (; here->up; here = here->up)
        depth++;
    return depth;
}

static int collect(const char *path, const struct above *up, bool asked, struct flow_paths *out,
                   struct err *e);

/* All YAML files of a folder and of the folders below it, in order. A link to a folder above has
 * nothing new. */
static int collect_folder(const char *path, const struct above *here, struct flow_paths *out,
                          struct err *e)
{
    struct flow_paths names = {0};
    if (is_above(here)) return 0;
    if (depth_of(here) > DEPTH_MAX)
        return err_set(e, ERR_TOO_LARGE, "%s is more than %d folders deep: name it by itself", path,
                       DEPTH_MAX);
    int rc = dir_list(path, on_entry, &names, e);
    if (names.count > 0) qsort(names.items, names.count, sizeof *names.items, by_name);
    for (size_t i = 0; rc == 0 && i < names.count; i++) {
        char *below = paths_join(path, names.items[i]);
        rc = collect(below, here, false, out, e);
        mem_free(below);
    }
    flow_paths_fini(&names);
    return rc;
}

/* Also TEAM.YAML, as Windows has it. */
static bool is_flow_file(const char *path)
{
    static const char *const ends[] = {".yaml", ".yml"};
    size_t len = strlen(path);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        size_t n = strlen(ends[i]), k = 0;
        while (len >= n && k < n && (path[len - n + k] | 0x20) == (ends[i][k] | 0x20))
            k++;
        if (k == n) return true;
    }
    return false;
}

/* asked: also a file of another name, and one that is not there: who reads it tells. */
static int collect(const char *path, const struct above *up, bool asked, struct flow_paths *out,
                   struct err *e)
{
    struct above here = {.up = up};
    if (file_look(path, &here.facts, NULL) == 0 && here.facts.kind == FILE_IS_FOLDER)
        return collect_folder(path, &here, out, e);
    if (asked || is_flow_file(path)) add_path(out, mem_strdup(path));
    return 0;
}

int flow_paths_collect(const struct opt_args *args, struct flow_paths *out, struct err *e)
{
    for (int i = 0; i < args->argc; i++) {
        size_t before = out->count;
        int rc = collect(args->argv[i], NULL, true, out, e);
        if (rc != 0) return rc;
        if (out->count == before)
            return err_set(e, ERR_NOT_FOUND, "%s has no .yaml or .yml file", args->argv[i]);
    }
    return 0;
}
