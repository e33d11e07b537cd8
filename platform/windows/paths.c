/* Where things are by default on Windows. */
#include "platform/paths.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <initguid.h>
#include <knownfolders.h>
#include <shlobj.h>
#include <string.h>

#define PATH_MAX_CHARS 32768

static char *known_folder(const KNOWNFOLDERID *id, const wchar_t *variable)
{
    wchar_t *path = NULL;
    if (SHGetKnownFolderPath(id, KF_FLAG_DONT_VERIFY, NULL, &path) == S_OK) {
        char *out = wide_to(path);
        CoTaskMemFree(path);
        return out;
    }
    CoTaskMemFree(path);
    wchar_t value[MAX_PATH];
    DWORD n = GetEnvironmentVariableW(variable, value, MAX_PATH);
    return n > 0 && n < MAX_PATH ? wide_to(value) : NULL;
}

/* %ProgramData%\Cadre\NAME */
static char *program_data(const char *name)
{
    char *folder = known_folder(&FOLDERID_ProgramData, L"ProgramData");
    char *path = str_dupf("%s\\Cadre\\%s", folder ? folder : "C:\\ProgramData", name);
    mem_free(folder);
    return path;
}

char *paths_agent_config(void)
{
    return program_data("agent.yaml");
}

char *paths_agent_state(void)
{
    return program_data("agent");
}

char *paths_coordinator_config(void)
{
    return program_data("coordinator.yaml");
}

char *paths_zoneinfo(void)
{
    return NULL;
}

char *paths_coordinator_state(void)
{
    return program_data("coordinator");
}

char *paths_user_config(void)
{
    char *folder = known_folder(&FOLDERID_RoamingAppData, L"APPDATA");
    if (!folder) return NULL;
    char *path = str_dupf("%s\\Cadre\\config.yaml", folder);
    mem_free(folder);
    return path;
}

char *paths_agent_log(void)
{
    return program_data("logs\\agent.log");
}

char *paths_self(void)
{
    wchar_t *wide = mem_array(PATH_MAX_CHARS, sizeof *wide);
    DWORD n = GetModuleFileNameW(NULL, wide, PATH_MAX_CHARS);
    char *path = wide_to_n(wide, n < PATH_MAX_CHARS ? n : 0);
    mem_free(wide);
    return path;
}

char *paths_self_to_start(void)
{
    return paths_self();
}

char *paths_temp(void)
{
    wchar_t wide[MAX_PATH + 2];
    DWORD n = GetTempPathW(MAX_PATH + 1, wide);
    if (n == 0 || n > MAX_PATH) return mem_strdup("C:\\Windows\\Temp");
    while (n > 3 && (wide[n - 1] == L'\\' || wide[n - 1] == L'/'))
        n--;
    return wide_to_n(wide, n);
}

static bool is_separator(char c)
{
    return c == '\\' || c == '/';
}

char *paths_join(const char *folder, const char *name)
{
    size_t len = strlen(folder);
    while (len > 0 && is_separator(folder[len - 1]))
        len--;
    if (len == 0 && !is_separator(folder[0])) return mem_strdup(name);
    return str_dupf("%.*s\\%s", (int)len, folder, name);
}

/* How much of a path is its root: "C:\" 3, "C:" 2, "\" 1. */
static size_t root_len(const char *path)
{
    if (path[0] && path[1] == ':') return is_separator(path[2]) ? 3 : 2;
    return is_separator(path[0]) ? 1 : 0;
}

char *paths_dir(const char *path)
{
    size_t root = root_len(path), len = strlen(path);
    while (len > root && is_separator(path[len - 1]))
        len--;
    while (len > root && !is_separator(path[len - 1]))
        len--;
    while (len > root && is_separator(path[len - 1]))
        len--;
    return len == 0 ? mem_strdup(".") : mem_strndup(path, len);
}
