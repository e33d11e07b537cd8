/* One entry at a time: warnings and errors are rare. */
#include "platform/windows/event_log.h"

#include "base/mem.h"
#include "platform/windows/wide.h"

#include <windows.h>

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
