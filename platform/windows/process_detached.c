/* Programs that live on after the program that started them. */
#include "platform/process.h"

#include "base/buf.h"
#include "base/mem.h"
#include "platform/windows/process_impl.h"
#include "platform/windows/quote.h"
#include "platform/windows/wide.h"

#include <string.h>

#define COMMAND_LINE_MAX_BYTES (128u * 1024)

static HANDLE open_for_child(const char *path, DWORD access, DWORD disposition)
{
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
    wchar_t *wide = wide_path(path);
    HANDLE h = CreateFileW(wide, access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                           &inherit, disposition, FILE_ATTRIBUTE_NORMAL, NULL);
    mem_free(wide);
    return h;
}

/* 0 or the system's error. */
static DWORD start_with(wchar_t *file, wchar_t *line, HANDLE input, HANDLE output, DWORD *pid)
{
    HANDLE handles[] = {input, output};
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = mem_alloc(size);
    STARTUPINFOEXW start;
    PROCESS_INFORMATION info;
    DWORD error = 0;
    memset(&start, 0, sizeof start);
    start.StartupInfo.cb = sizeof start;
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    start.StartupInfo.hStdInput = input;
    start.StartupInfo.hStdOutput = start.StartupInfo.hStdError = output;
    start.lpAttributeList = list;
    DWORD flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_NEW_PROCESS_GROUP;
    if (!process_has_console()) flags |= CREATE_NO_WINDOW;
    if (!InitializeProcThreadAttributeList(list, 1, 0, &size)) {
        error = GetLastError();
        mem_free(list);
        return error;
    }
    if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                   sizeof handles, NULL, NULL) ||
        !CreateProcessW(file, line, NULL, NULL, TRUE, flags, NULL, NULL, &start.StartupInfo,
                        &info)) {
        error = GetLastError();
    }
    DeleteProcThreadAttributeList(list);
    mem_free(list);
    if (error != 0) return error;
    *pid = info.dwProcessId;
    CloseHandle(info.hThread);
    CloseHandle(info.hProcess);
    return 0;
}

static char *own_path_variable(void)
{
    DWORD size = GetEnvironmentVariableW(L"PATH", NULL, 0);
    wchar_t *wide = mem_array((size_t)size + 1, sizeof *wide);
    GetEnvironmentVariableW(L"PATH", wide, size);
    char *path = wide_to(wide);
    mem_free(wide);
    return path;
}

int process_start_detached(const char *const *argv, const char *log_path, int64_t *pid,
                           struct err *e)
{
    char *path = own_path_variable();
    char *file = process_find_program(argv[0], path);
    mem_free(path);
    if (!file) return err_set(e, ERR_NOT_FOUND, "command not found: %s", argv[0]);
    struct buf line;
    buf_init(&line, COMMAND_LINE_MAX_BYTES);
    quote_command_line(argv, &line);
    wchar_t *wide_file = wide_plain_path(file), *wide_line = wide_from(line.data);
    HANDLE input = open_for_child("NUL", GENERIC_READ, OPEN_EXISTING);
    HANDLE output = open_for_child(log_path, FILE_APPEND_DATA | SYNCHRONIZE, OPEN_ALWAYS);
    DWORD id = 0;
    int rc = 0;
    if (input == INVALID_HANDLE_VALUE || output == INVALID_HANDLE_VALUE) {
        rc = wide_fail(e, GetLastError(), "open", log_path);
    } else {
        DWORD error = start_with(wide_file, wide_line, input, output, &id);
        if (error != 0) rc = wide_fail(e, error, "start", file);
    }
    if (input != INVALID_HANDLE_VALUE) CloseHandle(input);
    if (output != INVALID_HANDLE_VALUE) CloseHandle(output);
    if (rc == 0) *pid = (int64_t)id;
    mem_free(wide_file);
    mem_free(wide_line);
    buf_fini(&line);
    mem_free(file);
    return rc;
}

bool process_is_alive(int64_t pid)
{
    if (pid <= 0 || pid > UINT32_MAX) return false;
    HANDLE h = OpenProcess(SYNCHRONIZE, FALSE, (DWORD)pid);
    if (!h) return GetLastError() == ERROR_ACCESS_DENIED;
    bool alive = WaitForSingleObject(h, 0) == WAIT_TIMEOUT;
    CloseHandle(h);
    return alive;
}

int process_end_detached(int64_t pid, bool force, struct err *e)
{
    if (pid <= 0 || pid > UINT32_MAX) return err_set(e, ERR_INVALID, "there is no such process");
    if (!process_is_alive(pid))
        return err_set(e, ERR_NOT_FOUND, "there is no process %d", (int)pid);
    if (!force && process_send_break((DWORD)pid)) return 0;
    HANDLE h = OpenProcess(PROCESS_TERMINATE, FALSE, (DWORD)pid);
    BOOL done = h && TerminateProcess(h, EXIT_CODE_KILLED);
    DWORD error = GetLastError();
    if (h) CloseHandle(h);
    return done ? 0 : wide_fail(e, error, "end", "the process");
}
