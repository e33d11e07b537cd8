/* The base of a job's environment, and the search for programs. */
#include "platform/process.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_FIXED "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define BASE_MAX 9 /* variables and the NULL */

char **process_env_base(void)
{
    char text[4096];
    struct passwd entry, *who = NULL;
    if (getpwuid_r(geteuid(), &entry, text, sizeof text, &who) != 0) who = NULL;
    const char *name = who ? who->pw_name : NULL;
    const char *home = who && !str_empty(who->pw_dir) ? who->pw_dir : "/";
    const char *shell = who && !str_empty(who->pw_shell) ? who->pw_shell : "/bin/sh";
    const char *lang = getenv("LANG"), *tz = getenv("TZ");
    char **env = mem_array(BASE_MAX, sizeof *env);
    size_t n = 0;
    env[n++] = mem_strdup("PATH=" PATH_FIXED);
    env[n++] = str_dupf("HOME=%s", home);
    env[n++] = str_dupf("SHELL=%s", shell);
    env[n++] = mem_strdup("TERM=dumb"); /* nobody looks: no colours, no cursor */
    env[n++] = str_dupf("LANG=%s", str_empty(lang) ? "C.UTF-8" : lang);
    if (name) {
        env[n++] = str_dupf("USER=%s", name);
        env[n++] = str_dupf("LOGNAME=%s", name);
    }
    if (!str_empty(tz)) env[n++] = str_dupf("TZ=%s", tz);
    return env;
}

void process_env_free(char **env)
{
    if (!env) return;
    for (char **v = env; *v; v++)
        mem_free(*v);
    mem_free(env);
}

static bool is_program(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

static bool is_on(const char *path, dev_t device, bool may_be_absent)
{
    struct stat st;
    if (stat(path, &st) != 0) return may_be_absent && (errno == ENOENT || errno == ENOTDIR);
    return st.st_dev == device;
}

bool process_program_is_at_hand(const char *program, const char *path)
{
    struct stat own;
    if (program[0] != '/' || stat("/proc/self/exe", &own) != 0) return false;
    bool near = is_on(program, own.st_dev, false);
    size_t folder = (size_t)(strrchr(program, '/') - program);
    for (const char *at = path ? path : ""; near && *at; at += *at == ':') {
        size_t len = strcspn(at, ":");
        char *entry = str_dupf("%.*s", (int)len, at);
        near = entry[0] != '/' || is_on(entry, own.st_dev, true);
        mem_free(entry);
        if (len == folder && strncmp(at, program, len) == 0) break;
        at += len;
    }
    return near;
}

char *process_find_program(const char *name, const char *path)
{
    if (str_empty(name)) return NULL;
    if (strchr(name, '/')) return is_program(name) ? mem_strdup(name) : NULL;
    for (const char *at = path ? path : ""; *at;) {
        size_t len = strcspn(at, ":");
        /* an empty or relative entry would mean another folder for every job */
        if (at[0] == '/') {
            char *full = str_dupf("%.*s/%s", (int)len, at, name);
            if (is_program(full)) return full;
            mem_free(full);
        }
        at += len;
        if (*at == ':') at++;
    }
    return NULL;
}
