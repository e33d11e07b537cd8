/* Facts and services of Windows that need no state. */
#include "platform/os.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/sha256.h"
#include "platform/windows/registry.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <inttypes.h>
#include <io.h>
#include <ntsecapi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <winternl.h>

#define FILETIME_PER_MS 10000
#define FILETIME_1970 INT64_C(116444736000000000)
#define SYSTEM_TIME_OF_DAY ((SYSTEM_INFORMATION_CLASS)3)

void os_now(struct moment *out)
{
    FILETIME now;
    GetSystemTimePreciseAsFileTime(&now);
    int64_t ticks = (int64_t)now.dwHighDateTime << 32 | now.dwLowDateTime;
    /* counts on while the machine sleeps */
    out->mono_ms = (int64_t)GetTickCount64();
    out->wall_ms = (ticks - FILETIME_1970) / FILETIME_PER_MS;
}

uint64_t os_seed(void)
{
    uint64_t seed;
    if (RtlGenRandom(&seed, sizeof seed)) return seed;
    LARGE_INTEGER counter;
    QueryPerformanceCounter(&counter);
    return (uint64_t)counter.QuadPart ^ (uint64_t)GetCurrentProcessId() << 40;
}

int os_hostname(char *out, size_t size)
{
    wchar_t name[256];
    DWORD len = 256;
    if (!GetComputerNameExW(ComputerNameDnsHostname, name, &len) || len == 0) {
        len = 256;
        if (!GetComputerNameW(name, &len) || len == 0) return ERR_NOT_FOUND;
    }
    char *utf8 = wide_to(name);
    int rc = str_copy(out, size, utf8);
    mem_free(utf8);
    return rc;
}

/* The documented part of the structure is opaque; its first fields have been these since NT 4. */
struct time_of_day {
    LARGE_INTEGER boot, current, zone_bias;
    ULONG zone_id, reserved;
    ULONGLONG boot_bias, sleep_bias;
};

int os_boot_id(char *out, size_t size)
{
    struct time_of_day t;
    memset(&t, 0, sizeof t);
    if (NtQuerySystemInformation(SYSTEM_TIME_OF_DAY, &t, sizeof t, NULL) < 0 ||
        t.boot.QuadPart == 0) {
        return ERR_NOT_FOUND;
    }
    /* when somebody sets the clock, the time of boot is moved with it, and the bias tells by how
     * much */
    int64_t boot = t.boot.QuadPart - (int64_t)t.boot_bias;
    return str_format(out, size, "boot-%" PRIx64, (uint64_t)boot);
}

int os_host_id(char *out, size_t size)
{
    char hex[SHA256_HEX_SIZE], name[256];
    if (size < sizeof hex) return ERR_TOO_LARGE;
    char *guid = registry_text(L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid");
    if (guid) {
        sha256_label_hex("cadre host 1", guid, hex);
        mem_free(guid);
    } else {
        int rc = os_hostname(name, sizeof name);
        if (rc != 0) return rc;
        sha256_label_hex("cadre host name 1", name, hex);
    }
    return str_copy(out, size, hex);
}

const char *os_env(const char *name, void *unused)
{
    (void)unused;
    wchar_t *wide_name = wide_from(name);
    DWORD size = GetEnvironmentVariableW(wide_name, NULL, 0);
    char *value = NULL;
    if (size > 0) {
        wchar_t *wide = mem_array(size, sizeof *wide);
        GetEnvironmentVariableW(wide_name, wide, size);
        value = wide_to_exact(wide);
        mem_free(wide);
    }
    mem_free(wide_name);
    /* like getenv's, the text lives as long as the process: this is asked a few times at the
     * start */
    return value;
}

bool os_is_admin(void)
{
    BYTE sid[SECURITY_MAX_SID_SIZE];
    DWORD size = sizeof sid;
    BOOL member = FALSE;
    if (!CreateWellKnownSid(WinBuiltinAdministratorsSid, NULL, sid, &size)) return false;
    return CheckTokenMembership(NULL, sid, &member) && member;
}

int os_cpu_count(void)
{
    DWORD n = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    return n > 0 ? (int)n : 1;
}

void os_protect_self(void)
{
    /* jobs run below normal, see process.c; nothing is to be done for ourselves */
}

void os_thread_leave_signals(void)
{
}

bool os_has_modules(void)
{
    return false;
}

void os_raise_file_limit(void)
{
}

int os_stop_signals(int out[OS_STOP_SIGNALS_MAX])
{
    out[0] = SIGINT;
    out[1] = SIGBREAK;
    out[2] = SIGHUP;
    return 3;
}

void os_error_text(int error, char *out, size_t size)
{
    char *text = wide_error((unsigned long)error);
    size_t n = strlen(text) < size ? strlen(text) : str_utf8_whole(text, size - 1);
    memcpy(out, text, n);
    out[n] = '\0';
    mem_free(text);
}
