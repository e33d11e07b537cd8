/* See start_fault.h. */
#include "platform/linux/start_fault.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Can the name of a file be the cause? Everything else (no memory, no processes, a disk that fails,
 * and what is not known) happens to whatever is started on this machine. */
static bool is_about_name(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case EACCES:
    case EPERM:
    case ENAMETOOLONG:
    case ELOOP:
    case EINVAL:
    case ENOEXEC:
    case ELIBBAD:
    case E2BIG:
    case ETXTBSY:
        return true;
    default:
        return false;
    }
}

static bool is_within(const char *path, const char *folder)
{
    size_t len = folder ? strlen(folder) : 0;
    return len > 0 && strncmp(path, folder, len) == 0 && (!path[len] || path[len] == '/');
}

static const char *env_get(const char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; *env; env++) {
        if (strncmp(*env, name, len) == 0 && (*env)[len] == '=') return *env + len + 1;
    }
    return NULL;
}

/* A folder of the path that cannot be read may have the command. 0: there is none. */
static int unreadable_entry(const char *name, const char *path, char **entry)
{
    for (const char *at = path ? path : ""; *at; at += *at == ':') {
        size_t len = strcspn(at, ":");
        char *full = str_dupf("%.*s/%s", (int)len, at, name);
        struct stat st;
        int error = at[0] == '/' && stat(full, &st) != 0 ? errno : 0;
        if (error != 0 && !is_about_name(error)) {
            *entry = full;
            return error;
        }
        mem_free(full);
        at += len;
    }
    return 0;
}

int start_find_command(const struct process_options *o, char **out, struct err *e)
{
    const char *name = o->argv[0];
    if (str_empty(name)) return err_set(e, ERR_NOT_FOUND, "the command is empty");
    if (o->program || strchr(name, '/')) {
        *out = mem_strdup(o->program ? o->program : name);
        return 0;
    }
    const char *path = env_get(o->env, "PATH");
    *out = process_find_program(name, path);
    if (*out) return 0;
    char *entry = NULL;
    int error = unreadable_entry(name, path, &entry);
    int rc = error != 0 ? err_set(e, ERR_MACHINE, "cannot look for the command at %s: %s", entry,
                                  strerror(error))
                        : err_set(e, ERR_NOT_FOUND, "command not found: %s (PATH is %s)", name,
                                  path ? path : "not set");
    mem_free(entry);
    return rc;
}

static int exec_failed(const struct spawn *s, const char *own_folder, struct err *e)
{
    const char *reason = strerror(s->error);
    char *full =
        s->path[0] == '/' || !s->cwd ? mem_strdup(s->path) : str_dupf("%s/%s", s->cwd, s->path);
    struct stat st;
    bool there = stat(full, &st) == 0;
    bool own = is_within(full, own_folder);
    mem_free(full);
    bool refused = s->error == EACCES || s->error == EPERM;
    if (!is_about_name(s->error) || (own && (!there || refused)))
        return err_set(e, ERR_MACHINE, "cannot execute %s: %s", s->path, reason);
    switch (s->error) {
    case ENOENT:
    case ENOTDIR:
        if (!there) return err_set(e, ERR_NOT_FOUND, "command not found: %s", s->path);
        return err_set(e, ERR_NOT_FOUND, "the interpreter that %s names is not there", s->path);
    case EACCES:
    case EPERM:
        if (there && S_ISDIR(st.st_mode)) return err_set(e, ERR_DENIED, "%s is a folder", s->path);
        return err_set(e, ERR_DENIED, "%s cannot be executed: %s", s->path, reason);
    case ENOEXEC:
        return err_set(e, ERR_DENIED, "%s is not a program and has no #! line", s->path);
    case E2BIG:
        return err_set(e, ERR_IO, "the arguments and environment of %s are too long", s->path);
    default:
        return err_set(e, ERR_IO, "cannot execute %s: %s", s->path, reason);
    }
}

static int cwd_failed(const struct spawn *s, const char *own_folder, struct err *e)
{
    int code = s->error == ENOENT || s->error == ENOTDIR ? ERR_NOT_FOUND
               : s->error == EACCES                      ? ERR_DENIED
                                                         : ERR_IO;
    if (!is_about_name(s->error) || is_within(s->cwd, own_folder)) code = ERR_MACHINE;
    return err_set(e, code, "cannot enter the folder %s: %s", s->cwd, strerror(s->error));
}

int start_failed(const struct spawn *s, const char *own_folder, struct err *e)
{
    switch (s->step) {
    case SPAWN_EXEC:
        return exec_failed(s, own_folder, e);
    case SPAWN_CWD:
        return cwd_failed(s, own_folder, e);
    case SPAWN_REVOKED:
        return err_set(e, ERR_TIMEOUT, "the job's lease ended before the job started");
    case SPAWN_CLONE:
    case SPAWN_SETUP:
        break;
    }
    return err_set(e, ERR_MACHINE, "cannot start a process: %s", strerror(s->error));
}
