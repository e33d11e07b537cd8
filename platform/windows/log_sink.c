/* Log lines to the console, or from a service to the Event Log and a file that is rotated. */
#include "platform/log_sink.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/streams.h"
#include "platform/windows/event_log.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <string.h>

#define FILE_MAX_BYTES (10 * 1024 * 1024)
#define FILES_KEPT 5
#define SINK_LINE_MAX_BYTES (128u * 1024)

/* The exception to the rule against file-scope state: there is one log of a process. */
static struct {
    SRWLOCK lock;
    bool console; /* stderr leads somewhere */
    char *path;   /* NULL: no file */
    HANDLE file;
    int64_t size;
} sink = {.lock = SRWLOCK_INIT, .file = INVALID_HANDLE_VALUE};

static int file_open(struct err *e)
{
    wchar_t *wide = wide_path(sink.path);
    sink.file =
        CreateFileW(wide, FILE_APPEND_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    mem_free(wide);
    if (sink.file == INVALID_HANDLE_VALUE)
        return wide_fail(e, GetLastError(), "open the log file", sink.path);
    LARGE_INTEGER size;
    sink.size = GetFileSizeEx(sink.file, &size) ? size.QuadPart : 0;
    return 0;
}

/* agent.log -> agent.log.1 -> ... -> agent.log.5 */
static void file_rotate(void)
{
    CloseHandle(sink.file);
    sink.file = INVALID_HANDLE_VALUE;
    for (int i = FILES_KEPT; i > 0; i--) {
        char *from = i > 1 ? str_dupf("%s.%d", sink.path, i - 1) : mem_strdup(sink.path);
        char *to = str_dupf("%s.%d", sink.path, i);
        wchar_t *a = wide_path(from), *b = wide_path(to);
        MoveFileExW(a, b, MOVEFILE_REPLACE_EXISTING);
        mem_free(a);
        mem_free(b);
        mem_free(from);
        mem_free(to);
    }
    file_open(NULL);
}

static void file_add(const struct buf *text)
{
    DWORD n;
    if (sink.file == INVALID_HANDLE_VALUE && file_open(NULL) != 0) return;
    if (sink.size > 0 && sink.size + (int64_t)text->len > FILE_MAX_BYTES) file_rotate();
    if (sink.file == INVALID_HANDLE_VALUE) return;
    if (WriteFile(sink.file, text->data, (DWORD)text->len, &n, NULL)) sink.size += n;
}

static void sink_line(enum log_level level, const char *line, void *user)
{
    (void)user;
    char time[TIME_TEXT_SIZE];
    struct buf text;
    buf_init(&text, SINK_LINE_MAX_BYTES);
    time_format(os_wall_ms(), time);
    buf_addf(&text, "%s %-5s %s\r\n", time, log_level_name(level), line);
    AcquireSRWLockExclusive(&sink.lock);
    if (sink.console) fd_write_all(2, text.data, text.len, NULL);
    if (sink.path) file_add(&text);
    ReleaseSRWLockExclusive(&sink.lock);
    buf_fini(&text);
    if (!sink.console && level <= LOG_WARN) event_log_write(level == LOG_ERROR, line);
}

/* A service has no standard error; a console or a redirected stream can be written to. */
static bool has_stderr(void)
{
    HANDLE h = GetStdHandle(STD_ERROR_HANDLE);
    if (h == NULL || h == INVALID_HANDLE_VALUE) return false;
    return GetFileType(h) != FILE_TYPE_UNKNOWN;
}

static void make_folder_of(const char *path)
{
    char *folder = paths_dir(path);
    dir_make(folder, FILE_PUBLIC, NULL);
    mem_free(folder);
}

int log_sink_open(const char *file, struct err *e)
{
    log_sink_close();
    sink.console = has_stderr();
    sink.path = file ? mem_strdup(file) : sink.console ? NULL : paths_agent_log();
    int rc = 0;
    if (sink.path) {
        if (!file) make_folder_of(sink.path);
        rc = file_open(e);
        /* a service goes on without its own file: there is the Event Log */
        if (rc != 0 && !file) rc = 0;
    }
    if (rc != 0) {
        log_sink_close();
        return rc;
    }
    log_set_sink(sink_line, NULL);
    return 0;
}

const char *log_sink_error_prefix(void)
{
    return "";
}

void log_sink_set_agent(const char *name)
{
    (void)name;
}

void log_sink_close(void)
{
    log_set_sink(NULL, NULL);
    if (sink.file != INVALID_HANDLE_VALUE) CloseHandle(sink.file);
    mem_free(sink.path);
    sink.file = INVALID_HANDLE_VALUE;
    sink.path = NULL;
}
