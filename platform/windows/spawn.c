/* CreateProcess with a job list and a handle list. */
#include "platform/windows/spawn.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/quote.h"
#include "platform/windows/wide.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_CHARS 32767
#define LINE_MAX_BYTES (4u * LINE_MAX_CHARS)
#define CMD_LINE_MAX_CHARS 8191 /* cmd.exe cuts off what is longer */

#ifndef PROC_THREAD_ATTRIBUTE_JOB_LIST /* Windows 10; MinGW's headers are older */
#define PROC_THREAD_ATTRIBUTE_JOB_LIST ProcThreadAttributeValue(13, FALSE, TRUE, FALSE)
#endif

/* ---- environment --------------------------------------------------------------------------- */

/* The name's length; the names of the drives' folders begin with "=". */
static size_t name_len(const wchar_t *item)
{
    const wchar_t *eq = item[0] ? wcschr(item + 1, L'=') : NULL;
    return eq ? (size_t)(eq - item) : wcslen(item);
}

struct variable {
    wchar_t *text;
    size_t index;
};

static int by_name(const wchar_t *a, const wchar_t *b)
{
    return CompareStringOrdinal(a, (int)name_len(a), b, (int)name_len(b), TRUE) - CSTR_EQUAL;
}

static int by_name_then_index(const void *a, const void *b)
{
    const struct variable *x = a, *y = b;
    int order = by_name(x->text, y->text);
    return order != 0 ? order : x->index < y->index ? -1 : 1;
}

const char *spawn_env_get(const char *const *env, const char *name)
{
    size_t len = strlen(name);
    for (; env && *env; env++) {
        if (_strnicmp(*env, name, len) == 0 && (*env)[len] == '=') return *env + len + 1;
    }
    return NULL;
}

/* The block that CreateProcess wants: sorted, each name once, whatever its case (the last one counts). */
static wchar_t *environment_block(const char *const *env)
{
    size_t count = 0, chars = 1, used = 0;
    while (env[count]) count++;
    struct variable *list = mem_array(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++) list[i] = (struct variable){wide_from(env[i]), i};
    /* without it not even sockets work */
    if (!spawn_env_get(env, "SystemRoot")) {
        const wchar_t *root = _wgetenv(L"SystemRoot");
        char *utf8 = wide_to(root ? root : L"C:\\Windows"), *item = str_dupf("SystemRoot=%s", utf8);
        list[count] = (struct variable){wide_from(item), count};
        count++;
        mem_free(item);
        mem_free(utf8);
    }
    for (size_t i = 0; i < count; i++) chars += wcslen(list[i].text) + 1;
    qsort(list, count, sizeof *list, by_name_then_index);
    wchar_t *block = mem_array(chars + 1, sizeof *block);
    for (size_t i = 0; i < count; i++) {
        bool overruled = i + 1 < count && by_name(list[i].text, list[i + 1].text) == 0;
        size_t len = wcslen(list[i].text);
        if (!overruled && len > 0) {
            memcpy(block + used, list[i].text, (len + 1) * sizeof *block);
            used += len + 1;
        }
        mem_free(list[i].text);
    }
    mem_free(list);
    return block;
}

/* ---- command line -------------------------------------------------------------------------- */

static bool is_batch(const char *file)
{
    size_t len = strlen(file);
    return len > 4 && (_stricmp(file + len - 4, ".bat") == 0 || _stricmp(file + len - 4, ".cmd") == 0);
}

static char *cmd_path(void)
{
    wchar_t folder[MAX_PATH];
    UINT n = GetSystemDirectoryW(folder, MAX_PATH);
    char *utf8 = n > 0 && n < MAX_PATH ? wide_to(folder) : mem_strdup("C:\\Windows\\System32");
    char *path = str_dupf("%s\\cmd.exe", utf8);
    mem_free(utf8);
    return path;
}

/* *program and *line: mem_free. */
static int make_line(const struct spawn *s, wchar_t **program, wchar_t **line, struct err *e)
{
    struct buf text;
    size_t max = LINE_MAX_CHARS;
    int rc = 0;
    buf_init(&text, LINE_MAX_BYTES);
    char *file = NULL;
    if (is_batch(s->file)) {
        file = cmd_path();
        max = CMD_LINE_MAX_CHARS;
        rc = quote_batch_line(file, s->file, s->argv + 1, &text, e);
    } else {
        file = mem_strdup(s->file);
        quote_command_line(s->argv, &text);
    }
    wchar_t *wide = wide_from(text.data);
    if (rc == 0 && (text.len >= LINE_MAX_BYTES - 4 || wcslen(wide) >= max)) {
        rc = err_set(e, ERR_IO, "the arguments of %s are too long: Windows takes %zu characters", s->argv[0], max);
    }
    buf_fini(&text);
    if (rc == 0) {
        *program = wide_plain_path(file);
        *line = wide;
    } else {
        mem_free(wide);
    }
    mem_free(file);
    return rc;
}

/* ---- start --------------------------------------------------------------------------------- */

static bool is_folder(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

static int start_failed(const struct spawn *s, DWORD error, struct err *e)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND: return err_set(e, ERR_NOT_FOUND, "command not found: %s", s->file);
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
        return err_set(e, ERR_DENIED, "%s is no program for this machine", s->file);
    case ERROR_FILENAME_EXCED_RANGE:
        return err_set(e, ERR_IO, "the arguments of %s are too long", s->file);
    case ERROR_DIRECTORY:
        return err_set(e, ERR_NOT_FOUND, "cannot enter the folder %s", s->cwd ? s->cwd : ".");
    default: break;
    }
    int code = wide_error_code(error);
    char *reason = wide_error(error);
    code = err_set(e, code == ERR_DENIED ? code : ERR_IO, "%s cannot be executed: %s", s->file, reason);
    mem_free(reason);
    return code;
}

/* Each stream once: the list must not name a handle twice. */
static DWORD distinct(const HANDLE *from, HANDLE *to)
{
    DWORD n = 0;
    for (int i = 0; i < 3; i++) {
        bool known = !from[i];
        for (DWORD k = 0; k < n && !known; k++) known = to[k] == from[i];
        if (!known) to[n++] = from[i];
    }
    return n;
}

static BOOL create(const struct spawn *s, const wchar_t *program, wchar_t *line, wchar_t *block,
                   const wchar_t *cwd, PROCESS_INFORMATION *info)
{
    SIZE_T size = 0;
    HANDLE inherited[3], jobs[1] = {s->job};
    DWORD count = distinct(s->stdio, inherited);
    InitializeProcThreadAttributeList(NULL, 2, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = mem_alloc(size);
    if (!InitializeProcThreadAttributeList(list, 2, 0, &size)) {
        mem_free(list);
        return FALSE;
    }
    STARTUPINFOEXW start = {.StartupInfo = {.cb = sizeof start, .dwFlags = STARTF_USESTDHANDLES},
                            .lpAttributeList = list};
    start.StartupInfo.hStdInput = s->stdio[0];
    start.StartupInfo.hStdOutput = s->stdio[1];
    start.StartupInfo.hStdError = s->stdio[2];
    BOOL done = UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, inherited,
                                          count * sizeof *inherited, NULL, NULL);
    if (done && s->job) {
        done = UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, jobs, sizeof jobs, NULL, NULL);
    }
    if (done) {
        done = CreateProcessW(program, line, NULL, NULL, TRUE,
                              s->flags | EXTENDED_STARTUPINFO_PRESENT | CREATE_UNICODE_ENVIRONMENT, block, cwd,
                              &start.StartupInfo, info);
    }
    DWORD error = GetLastError();
    DeleteProcThreadAttributeList(list);
    mem_free(list);
    SetLastError(error);
    return done;
}

int spawn_process(const struct spawn *s, HANDLE *process, DWORD *pid, struct err *e)
{
    wchar_t *program = NULL, *line = NULL;
    wchar_t *cwd = s->cwd ? wide_plain_path(s->cwd) : NULL;
    if (cwd && !is_folder(cwd)) {
        mem_free(cwd);
        return err_set(e, ERR_NOT_FOUND, "cannot enter the folder %s: there is no such folder", s->cwd);
    }
    int rc = make_line(s, &program, &line, e);
    if (rc != 0) {
        mem_free(cwd);
        return rc;
    }
    wchar_t *block = s->env ? environment_block(s->env) : NULL;
    PROCESS_INFORMATION info;
    if (is_folder(program)) {
        rc = err_set(e, ERR_DENIED, "%s is a folder", s->file);
    } else if (!create(s, program, line, block, cwd, &info)) {
        rc = start_failed(s, GetLastError(), e);
    } else {
        CloseHandle(info.hThread);
        *process = info.hProcess;
        *pid = info.dwProcessId;
    }
    mem_free(program);
    mem_free(line);
    mem_free(block);
    mem_free(cwd);
    return rc;
}
