/* CreateProcess with a Job Object and exactly three handles. */
#include "platform/windows/process_impl.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/guard_table.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/windows/quote.h"
#include "platform/windows/wide.h"

#include <io.h>
#include <stdlib.h>
#include <string.h>

/* ERROR_VIRUS_INFECTED and ERROR_VIRUS_DELETED, which MinGW's headers lack */
#define VIRUS_INFECTED 225
#define VIRUS_DELETED 226

#define COMMAND_LINE_MAX 32766 /* characters that CreateProcess takes */

/* Not in every header set (processthreadsapi.h): ProcThreadAttributeValue(13, FALSE, TRUE,
 * FALSE). */
#ifndef PROC_THREAD_ATTRIBUTE_JOB_LIST
#define PROC_THREAD_ATTRIBUTE_JOB_LIST 0x0002000D
#endif

bool process_has_console(void)
{
    return GetConsoleCP() != 0;
}

wchar_t *process_job_name(const char *mark)
{
    char *name = str_dupf("Local\\cadre-job-%s", mark);
    wchar_t *wide = wide_from(name);
    mem_free(name);
    return wide;
}

int process_job_active(HANDLE job)
{
    JOBOBJECT_BASIC_ACCOUNTING_INFORMATION info;
    if (!QueryInformationJobObject(job, JobObjectBasicAccountingInformation, &info, sizeof info,
                                   NULL)) {
        return 0;
    }
    return (int)info.ActiveProcesses;
}

/* NULL, too, when there is one of that name: whoever has it shall not have our processes in his
 * hands. */
static HANDLE make_new_job(const wchar_t *name)
{
    HANDLE job = CreateJobObjectW(NULL, name);
    if (!job || GetLastError() != ERROR_ALREADY_EXISTS) return job;
    CloseHandle(job);
    SetLastError(ERROR_ALREADY_EXISTS);
    return NULL;
}

/* Ends with its last handle, which is ours: so also when we die. name: what the guard finds it by;
 * mem_free. */
static HANDLE make_job(const char *mark, char **name)
{
    wchar_t *wide = process_job_name(mark);
    HANDLE job = make_new_job(wide);
    if (!job) {
        char *other = str_dupf("%s-%llx", mark, (unsigned long long)os_seed());
        mem_free(wide);
        wide = process_job_name(other);
        mem_free(other);
        job = make_new_job(wide);
    }
    *name = wide_to(wide);
    mem_free(wide);
    if (!job) return NULL;
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
    if (SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits))
        return job;
    DWORD error = GetLastError();
    CloseHandle(job);
    SetLastError(error);
    return NULL;
}

/* ---- environment --------------------------------------------------------------------------- */

struct variable {
    wchar_t *text;
    size_t index;
};

/* What stands before the first '=' that is not the first character: the drives' folders are called
 * "=C:". */
static int name_len(const wchar_t *text)
{
    return (int)(*text ? 1 + wcscspn(text + 1, L"=") : 0);
}

static int compare_names(const wchar_t *a, const wchar_t *b)
{
    return CompareStringOrdinal(a, name_len(a), b, name_len(b), TRUE) - CSTR_EQUAL;
}

static int by_name(const void *a, const void *b)
{
    const struct variable *x = a, *y = b;
    int order = compare_names(x->text, y->text);
    return order != 0 ? order : x->index < y->index ? -1 : 1;
}

static const char *env_get(const char *const *env, const char *name)
{
    size_t len = strlen(name);
    const char *value = NULL;
    for (; *env; env++) {
        if (_strnicmp(*env, name, len) == 0 && (*env)[len] == '=') value = *env + len + 1;
    }
    return value;
}

/* Without SystemRoot few programs start at all. */
static wchar_t *system_root(void)
{
    wchar_t folder[MAX_PATH];
    UINT n = GetSystemWindowsDirectoryW(folder, MAX_PATH);
    char *root = n > 0 && n < MAX_PATH ? wide_to(folder) : mem_strdup("C:\\Windows");
    char *text = str_dupf("SystemRoot=%s", root);
    wchar_t *wide = wide_from(text);
    mem_free(text);
    mem_free(root);
    return wide;
}

wchar_t *process_env_block(const char *const *env)
{
    size_t count = 0, chars = 1;
    while (env[count])
        count++;
    struct variable *list = mem_array(count + 1, sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = (struct variable){wide_from(env[i]), i};
    if (!env_get(env, "SystemRoot")) {
        list[count] = (struct variable){system_root(), count};
        count++;
    }
    for (size_t i = 0; i < count; i++)
        chars += wcslen(list[i].text) + 1;
    qsort(list, count, sizeof *list, by_name);
    wchar_t *block = mem_array(chars + 1, sizeof *block), *at = block;
    for (size_t i = 0; i < count; i++) {
        /* "Path" and "PATH" are the same variable: the last value counts */
        bool overruled = i + 1 < count && compare_names(list[i].text, list[i + 1].text) == 0;
        size_t len = wcslen(list[i].text);
        if (!overruled && len > 0) {
            memcpy(at, list[i].text, (len + 1) * sizeof *at);
            at += len + 1;
        }
        mem_free(list[i].text);
    }
    mem_free(list);
    return block;
}

/* ---- the command --------------------------------------------------------------------------- */

static bool has_separator(const char *name)
{
    return strpbrk(name, "\\/:") != NULL;
}

static bool is_absolute(const char *path)
{
    return (path[0] && path[1] == ':') || path[0] == '\\' || path[0] == '/';
}

static int find_command(const struct process_options *o, char **out, struct err *e)
{
    const char *name = o->argv[0];
    if (str_empty(name)) return err_set(e, ERR_NOT_FOUND, "the command is empty");
    if (o->program) {
        *out = mem_strdup(o->program);
        return 0;
    }
    if (!has_separator(name)) {
        const char *path = env_get(o->env, "PATH");
        *out = process_find_program(name, path);
        if (*out) return 0;
        return err_set(e, ERR_NOT_FOUND, "command not found: %s (PATH is %s)", name,
                       path ? path : "not set");
    }
    char *full = is_absolute(name) ? mem_strdup(name) : paths_join(o->cwd ? o->cwd : ".", name);
    *out = process_find_program(full, NULL);
    mem_free(full);
    return *out ? 0 : err_set(e, ERR_NOT_FOUND, "command not found: %s", name);
}

static bool is_batch(const char *file)
{
    size_t n = strlen(file);
    return n > 4 && (_stricmp(file + n - 4, ".bat") == 0 || _stricmp(file + n - 4, ".cmd") == 0);
}

/* The program's file and the command line, both for CreateProcess. */
struct command {
    wchar_t *file, *line;
};

static int make_command(const struct process_options *o, struct command *c, struct err *e)
{
    char *file;
    int rc = find_command(o, &file, e);
    if (rc != 0) return rc;
    struct buf line;
    buf_init(&line, 4 * COMMAND_LINE_MAX);
    if (is_batch(file)) {
        wchar_t folder[MAX_PATH];
        UINT n = GetSystemDirectoryW(folder, MAX_PATH);
        char *system = wide_to_n(folder, n < MAX_PATH ? n : 0);
        char *cmd = paths_join(system, "cmd.exe");
        rc = quote_batch_line(cmd, file, o->argv + 1, &line, e);
        c->file = wide_from(cmd);
        mem_free(cmd);
        mem_free(system);
    } else {
        quote_command_line(o->argv, &line);
        c->file = wide_plain_path(file);
    }
    c->line = wide_from(line.data);
    if (rc == 0 && wcslen(c->line) > COMMAND_LINE_MAX) {
        rc = err_set(e, ERR_IO, "the arguments of %s are too long", o->argv[0]);
    }
    buf_fini(&line);
    mem_free(file);
    return rc;
}

static void command_fini(struct command *c)
{
    mem_free(c->file);
    mem_free(c->line);
}

/* ---- streams ------------------------------------------------------------------------------- */

struct streams {
    HANDLE child[3];
    int ours[2];
};

static void streams_fini(struct streams *s)
{
    for (int i = 0; i < 3; i++) {
        if (s->child[i] && s->child[i] != INVALID_HANDLE_VALUE) CloseHandle(s->child[i]);
    }
    for (int i = 0; i < 2; i++) {
        if (s->ours[i] >= 0) _close(s->ours[i]);
    }
}

static HANDLE open_input(const char *path)
{
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
    wchar_t *wide = path ? wide_path(path) : wide_from("NUL");
    HANDLE h = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit,
                           OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    mem_free(wide);
    return h;
}

/* Our end overlapped for the loop, the job's end plain and inheritable. */
static bool open_output(int *ours, HANDLE *child)
{
    uv_file pair[2];
    if (uv_pipe(pair, UV_NONBLOCK_PIPE, 0) != 0) return false;
    HANDLE self = GetCurrentProcess();
    BOOL done = DuplicateHandle(self, (HANDLE)_get_osfhandle(pair[1]), self, child, 0, TRUE,
                                DUPLICATE_SAME_ACCESS);
    _close(pair[1]);
    if (!done) {
        _close(pair[0]);
        return false;
    }
    *ours = pair[0];
    return true;
}

static int streams_open(struct streams *s, const char *stdin_path, struct err *e)
{
    *s = (struct streams){{NULL, NULL, NULL}, {-1, -1}};
    s->child[0] = open_input(stdin_path);
    if (s->child[0] == INVALID_HANDLE_VALUE) {
        wide_fail(e, GetLastError(), "open for standard input", stdin_path ? stdin_path : "NUL");
        return e ? (e->code = ERR_MACHINE) : ERR_MACHINE;
    }
    for (int i = 0; i < 2; i++) {
        if (open_output(&s->ours[i], &s->child[i + 1])) continue;
        streams_fini(s);
        return err_set(e, ERR_MACHINE, "cannot make a pipe");
    }
    return 0;
}

/* ---- start --------------------------------------------------------------------------------- */

static int create_failed(DWORD error, const struct process_options *o, struct err *e)
{
    char *reason = wide_error(error);
    int rc;
    switch (error) {
    case ERROR_DIRECTORY:
        rc = err_set(e, ERR_NOT_FOUND, "cannot enter the folder %s: %s", o->cwd, reason);
        break;
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
        rc = err_set(e, ERR_NOT_FOUND, "command not found: %s", o->argv[0]);
        break;
    case ERROR_BAD_EXE_FORMAT:
    case ERROR_EXE_MACHINE_TYPE_MISMATCH:
        rc = err_set(e, ERR_DENIED, "%s cannot be executed: %s", o->argv[0], reason);
        break;
    case ERROR_INVALID_NAME:
    case ERROR_BAD_PATHNAME:
    case ERROR_FILENAME_EXCED_RANGE:
    case ERROR_INVALID_PARAMETER:
    case ERROR_SHARING_VIOLATION:
    case VIRUS_INFECTED:
    case VIRUS_DELETED:
        rc = err_set(e, ERR_IO, "%s cannot be executed: %s", o->argv[0], reason);
        break;
    default: /* no memory, no quota, a disk that fails: it happens to whatever is started here */
        rc = wide_error_code(error) == ERR_DENIED ? ERR_DENIED : ERR_MACHINE;
        rc = err_set(e, rc, "%s cannot be executed: %s", o->argv[0], reason);
    }
    mem_free(reason);
    return rc;
}

/* 0 or the error of CreateProcess. */
static DWORD create_in_job(const struct command *c, const wchar_t *cwd, wchar_t *env,
                           HANDLE *handles, HANDLE job, PROCESS_INFORMATION *info)
{
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 2, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST list = mem_alloc(size);
    DWORD error = 0;
    if (!InitializeProcThreadAttributeList(list, 2, 0, &size)) {
        error = GetLastError();
        mem_free(list);
        return error;
    }
    STARTUPINFOEXW start;
    memset(&start, 0, sizeof start);
    start.StartupInfo.cb = sizeof start;
    start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    start.StartupInfo.hStdInput = handles[0];
    start.StartupInfo.hStdOutput = handles[1];
    start.StartupInfo.hStdError = handles[2];
    start.lpAttributeList = list;
    DWORD flags = CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT |
                  CREATE_NEW_PROCESS_GROUP | BELOW_NORMAL_PRIORITY_CLASS | CREATE_SUSPENDED;
    /* one console for both, where there is one: only so a CTRL_BREAK reaches the job without a
     * visit */
    if (!process_has_console()) flags |= CREATE_NO_WINDOW;
    if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                   3 * sizeof *handles, NULL, NULL) ||
        !UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, &job, sizeof job, NULL,
                                   NULL) ||
        !CreateProcessW(c->file, c->line, NULL, NULL, TRUE, flags, env, cwd, &start.StartupInfo,
                        info)) {
        error = GetLastError();
    }
    DeleteProcThreadAttributeList(list);
    mem_free(list);
    return error;
}

/* The error of CreateProcess for a missing folder differs between versions of Windows. */
static bool is_folder(const char *path)
{
    wchar_t *wide = wide_path(path);
    DWORD attributes = GetFileAttributesW(wide);
    mem_free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

static bool is_within(const char *path, const char *folder)
{
    size_t len = folder ? strlen(folder) : 0;
    return len > 0 && strncmp(path, folder, len) == 0 &&
           (!path[len] || path[len] == '\\' || path[len] == '/');
}

/* From here on the guard knows the attempt. */
static int take_slot(const struct process_options *o, struct guard *guard, const char *name,
                     struct started *out, struct err *e)
{
    out->guarded = false;
    if (!guard || o->lease_ms <= 0) return 0;
    struct guard_claim claim = {.mark = o->mark ? o->mark : "",
                                .container = name,
                                .lease_ms = o->lease_ms};
    int rc = guard_hold(guard, &claim, &out->hold, e);
    out->guarded = rc == 0;
    return rc;
}

/* Its first instruction, unless the guard found its lease over meanwhile: we may have been stopped.
 * Should that come after this look, the process is in the Job Object that the guard ends. */
static int let_run(const PROCESS_INFORMATION *info, struct guard *guard, const struct started *s,
                   struct err *e)
{
    bool permitted =
        !s->guarded ||
        atomic_load(&guard_table_of(guard)->slots[s->hold.slot].state) == s->hold.permitted;
    if (permitted && ResumeThread(info->hThread) != (DWORD)-1) return 0;
    int rc = permitted ? err_set(e, ERR_MACHINE, "the process of the job cannot be resumed")
                       : err_set(e, ERR_TIMEOUT, "the job's lease ended before the job started");
    TerminateProcess(info->hProcess, EXIT_CODE_KILLED);
    CloseHandle(info->hProcess);
    CloseHandle(info->hThread);
    return rc;
}

int process_create(const struct process_options *o, struct guard *guard, struct started *out,
                   struct err *e)
{
    struct command c = {NULL, NULL};
    struct streams s;
    PROCESS_INFORMATION info;
    char *name = NULL;
    struct started made = {.guarded = false};
    if (o->cwd && !is_folder(o->cwd)) {
        int code = is_within(o->cwd, o->own_folder) ? ERR_MACHINE : ERR_NOT_FOUND;
        return err_set(e, code, "cannot enter the folder %s: it is not there", o->cwd);
    }
    int rc = make_command(o, &c, e);
    if (rc == 0) rc = streams_open(&s, o->stdin_path, e);
    if (rc != 0) {
        command_fini(&c);
        return rc;
    }
    HANDLE job = make_job(o->mark ? o->mark : "", &name);
    if (job) rc = take_slot(o, guard, name, &made, e);
    if (job && rc == 0) {
        wchar_t *cwd = o->cwd ? wide_plain_path(o->cwd) : NULL, *env = process_env_block(o->env);
        DWORD error = create_in_job(&c, cwd, env, s.child, job, &info);
        if (error != 0) rc = create_failed(error, o, e);
        mem_free(env);
        mem_free(cwd);
        if (rc == 0) rc = let_run(&info, guard, &made, e);
    } else if (!job) {
        (void)wide_fail(e, GetLastError(), "make a Job Object for", o->argv[0]);
        rc = e ? (e->code = ERR_MACHINE) : ERR_MACHINE;
    }
    if (rc == 0) {
        CloseHandle(info.hThread);
        made.process = info.hProcess;
        made.job = job;
        made.pid = info.dwProcessId;
        memcpy(made.ours, s.ours, sizeof made.ours);
        *out = made;
        s.ours[0] = s.ours[1] = -1;
    } else {
        if (made.guarded) guard_release(guard, &made.hold);
        if (job) CloseHandle(job);
    }
    mem_free(name);
    streams_fini(&s);
    command_fini(&c);
    return rc;
}
