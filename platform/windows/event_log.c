/* One entry at a time: warnings and errors are rare. */
#include "platform/windows/event_log.h"

#include "base/mem.h"
#include "platform/windows/wide.h"

#include <windows.h>

#define SOURCE_KEY L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\CadreAgent"
#define ENTRY_MAX_CHARS 31000 /* ReportEvent takes 31,839 */

void event_log_write(bool error, const char *text)
{
    HANDLE source = RegisterEventSourceW(NULL, L"CadreAgent");
    if (!source) return;
    wchar_t *wide = wide_from(text);
    if (wcslen(wide) > ENTRY_MAX_CHARS) wide[ENTRY_MAX_CHARS] = L'\0';
    const wchar_t *strings[] = {wide};
    ReportEventW(source, error ? EVENTLOG_ERROR_TYPE : EVENTLOG_WARNING_TYPE, 0, EVENT_ID_TEXT,
                 NULL, 1, 0, strings, NULL);
    mem_free(wide);
    DeregisterEventSource(source);
}

bool event_log_register(const char *program)
{
    HKEY key;
    wchar_t *path = wide_from(program);
    DWORD types = EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE;
    bool done = RegCreateKeyExW(HKEY_LOCAL_MACHINE, SOURCE_KEY, 0, NULL, 0,
                                KEY_SET_VALUE | KEY_WOW64_64KEY, NULL, &key, NULL) == ERROR_SUCCESS;
    if (done) {
        done = RegSetValueExW(key, L"EventMessageFile", 0, REG_SZ, (const BYTE *)path,
                              (DWORD)((wcslen(path) + 1) * sizeof *path)) == ERROR_SUCCESS &&
               RegSetValueExW(key, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types,
                              sizeof types) == ERROR_SUCCESS;
        RegCloseKey(key);
    }
    mem_free(path);
    return done;
}

void event_log_unregister(void)
{
    RegDeleteKeyExW(HKEY_LOCAL_MACHINE, SOURCE_KEY, KEY_WOW64_64KEY, 0);
}
