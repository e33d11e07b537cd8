/* Loads the driver of PostgreSQL. */
#include "coordinator/store/pg_load.h"

#include "base/mem.h"
#include "base/str.h"
#include "cadre_version.h"

#include <dlfcn.h>
#include <stdio.h>

#define PACKAGE "cadre-coordinator-postgresql"
#define FILE_NAME PACKAGE ".so"

static bool is_there(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f) fclose(f);
    return f != NULL;
}

static char *find_file(const char *folder)
{
    char *path = str_dupf("%s/" FILE_NAME, folder);
    if (is_there(path)) return path;
    mem_free(path);
    path = str_dupf("%s/../lib/cadre/" FILE_NAME, folder);
    if (is_there(path)) return path;
    mem_free(path);
    return NULL;
}

static int check(const struct pg_module *m, const char *path, struct err *e)
{
    if (!m) return err_set(e, ERR_UNSUPPORTED, "%s is not a module of Cadre", path);
    if (m->interface == PG_MODULE_INTERFACE && str_eq(m->version, CADRE_VERSION)) return 0;
    return err_set(e, ERR_UNSUPPORTED,
                   "%s is not of this version of the coordinator, " CADRE_VERSION
                   ": install the package " PACKAGE " of the same version",
                   path);
}

int pg_load(const char *folder, const struct pg_module **out, struct err *e)
{
    char *path = find_file(folder);
    if (!path)
        return err_set(e, ERR_NOT_FOUND,
                       FILE_NAME " is missing: a store on PostgreSQL needs the package " PACKAGE);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    int rc;
    if (!library) {
        const char *why = dlerror();
        rc = err_set(e, ERR_UNSUPPORTED, "%s cannot be loaded: %s", path, why ? why : "no reason");
    } else {
        const struct pg_module *m = dlsym(library, PG_MODULE_SYMBOL);
        rc = check(m, path, e);
        if (rc == 0)
            *out = m;
        else
            dlclose(library);
    }
    mem_free(path);
    return rc;
}
