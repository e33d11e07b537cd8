/* The base of a job's environment, and the search for programs. */
#include "platform/process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/paths.h"
#include "platform/windows/wide.h"

#include <string.h>
#include <userenv.h>

/* The variables of a double-NUL block. */
static char **env_list(const wchar_t *block)
{
    size_t count = 0, i = 0;
    for (const wchar_t *at = block; at && *at; at += wcslen(at) + 1)
        count++;
    char **env = mem_array(count + 1, sizeof *env);
    for (const wchar_t *at = block; at && *at; at += wcslen(at) + 1)
        env[i++] = wide_to(at);
    return env;
}

/* From the account's present profile and the machine's present variables, so that programs that
 * were installed after our own start are found. */
char **process_env_base(void)
{
    HANDLE token;
    void *block = NULL;
    if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY | TOKEN_DUPLICATE, &token)) {
        if (!CreateEnvironmentBlock(&block, token, FALSE)) block = NULL;
        CloseHandle(token);
    }
    char **env;
    if (block) {
        env = env_list(block);
        DestroyEnvironmentBlock(block);
    } else {
        /* without SystemRoot few programs start at all */
        wchar_t root[MAX_PATH];
        UINT n = GetSystemWindowsDirectoryW(root, MAX_PATH);
        char *folder = n > 0 && n < MAX_PATH ? wide_to(root) : mem_strdup("C:\\Windows");
        env = mem_array(3, sizeof *env);
        env[0] = str_dupf("SystemRoot=%s", folder);
        env[1] = str_dupf("PATH=%s\\System32;%s", folder, folder);
        mem_free(folder);
    }
    return env;
}

void process_env_free(char **env)
{
    if (!env) return;
    for (char **v = env; *v; v++)
        mem_free(*v);
    mem_free(env);
}

/* A file that is not empty: the empty files in WindowsApps only open the Store. */
static bool is_program(const char *path)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    wchar_t *wide = wide_path(path);
    BOOL there = GetFileAttributesExW(wide, GetFileExInfoStandard, &data);
    mem_free(wide);
    return there && !(data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) &&
           (data.nFileSizeHigh || data.nFileSizeLow);
}

/* path, or path with one of the extensions of programs. */
static char *with_extension(const char *path)
{
    static const char *const extensions[] = {".com", ".exe", ".bat", ".cmd"};
    const char *dot = strrchr(path, '.');
    if (dot && !strpbrk(dot, "\\/") && is_program(path)) return mem_strdup(path);
    for (size_t i = 0; i < 4; i++) {
        char *full = str_dupf("%s%s", path, extensions[i]);
        if (is_program(full)) return full;
        mem_free(full);
    }
    return NULL;
}

static char *find_in(const char *name, const char *path)
{
    for (const char *at = path ? path : ""; *at;) {
        size_t len = strcspn(at, ";");
        const char *begin = at;
        size_t n = len;
        if (n >= 2 && begin[0] == '"' && begin[n - 1] == '"') {
            begin++;
            n -= 2;
        }
        /* an empty or relative entry would mean another folder for every job */
        if (n >= 2 && (begin[1] == ':' || begin[0] == '\\')) {
            char *folder = mem_strndup(begin, n);
            char *file = paths_join(folder, name);
            char *found = with_extension(file);
            mem_free(file);
            mem_free(folder);
            if (found) return found;
        }
        at += len;
        if (*at == ';') at++;
    }
    return NULL;
}

bool process_program_is_at_hand(const char *program, const char *path)
{
    (void)program;
    (void)path;
    return false;
}

char *process_find_program(const char *name, const char *path)
{
    if (str_empty(name)) return NULL;
    if (strpbrk(name, "\\/:")) return with_extension(name);
    char *found = find_in(name, path);
    /* on Windows Python's installer knows no "python3" */
    if (!found && str_eq(name, "python3")) found = find_in("python", path);
    return found;
}
