/* Where things are by default on Linux. */
#include "platform/paths.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *paths_agent_config(void)
{
    return mem_strdup("/etc/cadre/agent.yaml");
}

char *paths_agent_state(void)
{
    return mem_strdup("/var/lib/cadre/agent");
}

char *paths_coordinator_config(void)
{
    return mem_strdup("/etc/cadre/coordinator.yaml");
}

char *paths_zoneinfo(void)
{
    return mem_strdup("/usr/share/zoneinfo");
}

char *paths_coordinator_state(void)
{
    return mem_strdup("/var/lib/cadre/coordinator");
}

/* $HOME, else the account's; NULL when there is neither. */
static char *home(void)
{
    const char *env = getenv("HOME");
    if (env && env[0] == '/') return mem_strdup(env);
    char text[4096];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &found) != 0 || !found) return NULL;
    return str_empty(found->pw_dir) ? NULL : mem_strdup(found->pw_dir);
}

char *paths_user_config(void)
{
    /* the base directory specification says that relative paths are ignored */
    const char *xdg = getenv("XDG_CONFIG_HOME");
    if (xdg && xdg[0] == '/') return paths_join(xdg, "cadre/config.yaml");
    char *folder = home();
    if (!folder) return NULL;
    char *path = paths_join(folder, ".config/cadre/config.yaml");
    mem_free(folder);
    return path;
}

char *paths_agent_log(void)
{
    return NULL;
}

char *paths_self(void)
{
    for (size_t size = 256;; size *= 2) {
        char *path = mem_alloc(size);
        ssize_t n = readlink("/proc/self/exe", path, size);
        if (n > 0 && (size_t)n < size) {
            path[n] = '\0';
            return path;
        }
        mem_free(path);
        if (n <= 0) return mem_strdup(program_invocation_name);
    }
}

char *paths_self_to_start(void)
{
    return mem_strdup("/proc/self/exe");
}

char *paths_temp(void)
{
    const char *env = getenv("TMPDIR");
    return mem_strdup(env && env[0] == '/' ? env : "/tmp");
}

char *paths_join(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    while (len > 0 && folder[len - 1] == '/')
        len--;
    if (len == 0 && folder[0] != '/') return mem_strdup(name);
    return str_dupf("%.*s/%s", (int)len, folder, name);
}

char *paths_dir(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    while (len > 0 && path[len - 1] != '/')
        len--;
    if (len == 0) return mem_strdup(".");
    while (len > 1 && path[len - 1] == '/')
        len--;
    return mem_strndup(path, len);
}
