/* The capabilities of a Windows machine, from the registry and system calls. */
#include "platform/capabilities.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/gpu.h"
#include "platform/os.h"
#include "platform/process.h"
#include "platform/windows/registry.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <stdio.h>
#include <string.h>

#define DISK_STEP_BYTES ((int64_t)64 * 1024 * 1024)
#define CURRENT_VERSION L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
#define BUILD_WINDOWS_11 22000

typedef LONG(WINAPI *version_fn)(OSVERSIONINFOEXW *);

static FARPROC from_ntdll(const char *name)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    return ntdll ? GetProcAddress(ntdll, name) : NULL;
}

static void write_known(struct jw *w, const char *key, const char *value)
{
    if (!str_empty(value)) jw_str(w, key, value);
}

/* RtlGetVersion gives the true version also to programs without a manifest for the newest
 * system. */
static bool read_version(OSVERSIONINFOEXW *v)
{
    FARPROC found = from_ntdll("RtlGetVersion");
    version_fn get;
    if (!found) return false;
    memcpy(&get, &found, sizeof get);
    memset(v, 0, sizeof *v);
    v->dwOSVersionInfoSize = sizeof *v;
    return get(v) == 0;
}

static void write_os(struct jw *w)
{
    OSVERSIONINFOEXW v;
    char version[64];
    bool known = read_version(&v);
    jw_str(w, "os", "windows");
    char *name = registry_text(CURRENT_VERSION, L"ProductName");
    if (name && known && v.wProductType == VER_NT_WORKSTATION &&
        v.dwBuildNumber >= BUILD_WINDOWS_11 && str_starts(name, "Windows 10")) {
        /* the registry of Windows 11 still says 10 */
        name[strlen("Windows 1")] = '1';
    }
    write_known(w, "osName", name);
    mem_free(name);
    if (!known) return;
    int64_t revision = registry_number(CURRENT_VERSION, L"UBR", -1);
    snprintf(version, sizeof version, "%lu.%lu.%lu", v.dwMajorVersion, v.dwMinorVersion,
             v.dwBuildNumber);
    jw_str(w, "kernel", version);
    if (revision >= 0) {
        snprintf(version, sizeof version, "%lu.%lu.%lu.%lld", v.dwMajorVersion, v.dwMinorVersion,
                 v.dwBuildNumber, (long long)revision);
    }
    jw_str(w, "osVersion", version);
}

static void write_cpu(struct jw *w)
{
    SYSTEM_INFO info;
    GetNativeSystemInfo(&info);
    if (info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64) jw_str(w, "arch", "x86_64");
    if (info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64) jw_str(w, "arch", "aarch64");
    if (info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_INTEL) jw_str(w, "arch", "x86");
    jw_int(w, "cpus", os_cpu_count());
    char *model = registry_text(L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
                                L"ProcessorNameString");
    write_known(w, "cpuModel", model ? str_trim(model) : NULL);
    mem_free(model);
}

static void write_memory(struct jw *w)
{
    MEMORYSTATUSEX status = {.dwLength = sizeof status};
    if (GlobalMemoryStatusEx(&status)) jw_int(w, "memory", (int64_t)status.ullTotalPhys);
}

static void write_disk(struct jw *w, const char *work_folder)
{
    struct disk_room room;
    if (!work_folder || disk_free(work_folder, &room, NULL) != 0) return;
    jw_int(w, "disk", room.bytes / DISK_STEP_BYTES * DISK_STEP_BYTES);
}

/* In the PATH that a job gets, which may be newer than ours. */
static char *job_path(void)
{
    char **env = process_env_base(), *path = NULL;
    for (char **v = env; *v && !path; v++) {
        if (_strnicmp(*v, "PATH=", 5) == 0) path = mem_strdup(*v + 5);
    }
    process_env_free(env);
    return path;
}

static void write_found(struct jw *w, const char *path, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *program = process_find_program(names[i], path);
        if (program) jw_str(w, NULL, names[i]);
        mem_free(program);
    }
}

static void write_programs(struct jw *w, const char *given)
{
    static const char *const shells[] = {"cmd", "powershell", "pwsh", "python3", "bash", "sh"};
    static const char *const features[] = {"docker", "podman", "git",  "make",
                                           "gcc",    "java",   "node", "kubectl"};
    char *path = given ? mem_strdup(given) : job_path();
    jw_array(w, "shell");
    write_found(w, path, shells, sizeof shells / sizeof *shells);
    jw_end(w);
    jw_array(w, "feature");
    if (from_ntdll("wine_get_version")) jw_str(w, NULL, "wine");
    write_found(w, path, features, sizeof features / sizeof *features);
    jw_end(w);
    mem_free(path);
}

static void write_gpus(struct jw *w)
{
    struct gpus g = {.count = 0};
    gpus_gather("", &g);
    gpus_write(&g, w);
    gpus_fini(&g);
}

char *capabilities_timezone(void)
{
    return NULL;
}

static void write_timezone(struct jw *w)
{
    DYNAMIC_TIME_ZONE_INFORMATION zone;
    if (GetDynamicTimeZoneInformation(&zone) == TIME_ZONE_ID_INVALID) return;
    char *name = wide_to(zone.TimeZoneKeyName);
    write_known(w, "timezone", name);
    mem_free(name);
}

void capabilities_write(struct jw *w, const char *work_folder, const char *path)
{
    char host[256];
    write_os(w);
    if (os_hostname(host, sizeof host) == 0) jw_str(w, "hostname", host);
    write_cpu(w);
    write_memory(w);
    write_disk(w, work_folder);
    write_programs(w, path);
    write_gpus(w);
    write_timezone(w);
}
