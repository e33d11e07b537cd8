/* The files that arguments stand for. */
#include "cli/flow_paths.h"

#include "base/mem.h"
#include "base/str.h"
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

/* All YAML files of a folder and of the folders below it, in order. false: the path is not a
 * folder. */
static bool collect_folder(const char *path, int depth, struct flow_paths *out)
{
    struct flow_paths names = {0};
    if (depth > DEPTH_MAX || dir_list(path, on_entry, &names, NULL) != 0) {
        flow_paths_fini(&names);
        return false;
    }
    if (names.count > 0) qsort(names.items, names.count, sizeof *names.items, by_name);
    for (size_t i = 0; i < names.count; i++) {
        char *below = paths_join(path, names.items[i]);
        bool yaml = str_ends(below, ".yaml") || str_ends(below, ".yml");
        if (!collect_folder(below, depth + 1, out) && yaml)
            add_path(out, below);
        else
            mem_free(below);
    }
    flow_paths_fini(&names);
    return true;
}

int flow_paths_collect(const struct opt_args *args, struct flow_paths *out, struct err *e)
{
    for (int i = 0; i < args->argc; i++) {
        size_t before = out->count;
        if (!collect_folder(args->argv[i], 0, out))
            add_path(out, mem_strdup(args->argv[i]));
        else if (out->count == before)
            return err_set(e, ERR_NOT_FOUND, "%s has no .yaml or .yml file", args->argv[i]);
    }
    return 0;
}
