/* Writing to the standard streams, on Windows. */
#include "platform/streams.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <io.h>

#define WRITE_STEP_BYTES (64u * 1024)

static const char *name_of(int fd)
{
    return fd == 2 ? "standard error" : "standard output";
}

static int fail(struct err *e, int fd, DWORD error)
{
    if (error == ERROR_BROKEN_PIPE || error == ERROR_NO_DATA || error == ERROR_PIPE_NOT_CONNECTED)
        return err_set(e, ERR_CLOSED, "%s: its reader has closed it", name_of(fd));
    if (error == ERROR_INVALID_HANDLE)
        return err_set(e, ERR_CLOSED, "%s: it is closed", name_of(fd));
    int code = wide_error_code(error);
    if (code == ERR_FULL) return err_set(e, ERR_FULL, "%s: no space left on device", name_of(fd));
    char *reason = wide_error(error);
    err_set(e, ERR_IO, "%s: %s", name_of(fd), reason);
    mem_free(reason);
    return ERR_IO;
}

static HANDLE handle_of(int fd)
{
    HANDLE h = fd == 1 || fd == 2 ? GetStdHandle(fd == 2 ? STD_ERROR_HANDLE : STD_OUTPUT_HANDLE)
                                  : (HANDLE)_get_osfhandle(fd);
    return h == INVALID_HANDLE_VALUE ? NULL : h;
}

int fd_check_open(int fd, struct err *e)
{
    HANDLE h = handle_of(fd);
    SetLastError(NO_ERROR);
    if (h && (GetFileType(h) != FILE_TYPE_UNKNOWN || GetLastError() == NO_ERROR)) return 0;
    return err_set(e, ERR_CLOSED, "%s: it is closed", name_of(fd));
}

/* A console converts bytes by its code page, but shows wide text correctly. */
static bool write_console(HANDLE h, const char *data, size_t len)
{
    DWORD mode, n;
    if (!GetConsoleMode(h, &mode) || !str_utf8_valid(data, len)) return false;
    while (len > 0) {
        size_t step = len < 8192 ? len : str_utf8_whole(data, 8192);
        wchar_t wide[8193];
        int count = MultiByteToWideChar(CP_UTF8, 0, data, (int)step, wide, 8192);
        if (count <= 0 || !WriteConsoleW(h, wide, (DWORD)count, &n, NULL)) return false;
        data += step;
        len -= step;
    }
    return true;
}

int64_t fd_write_some(int fd, const void *data, size_t len, struct err *e)
{
    HANDLE h = handle_of(fd);
    if (!h) return fd_check_open(fd, e);
    if (write_console(h, data, len)) return (int64_t)len;
    DWORD n = 0, step = len < WRITE_STEP_BYTES ? (DWORD)len : WRITE_STEP_BYTES;
    if (!WriteFile(h, data, step, &n, NULL)) return fail(e, fd, GetLastError());
    return n;
}

int fd_write_all(int fd, const void *data, size_t len, struct err *e)
{
    const char *p = data;
    while (len > 0) {
        int64_t n = fd_write_some(fd, p, len, e);
        if (n < 0) return (int)n;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

void fd_wait_writable(int fd, int loop_fd, int timeout_ms)
{
    (void)fd;
    (void)loop_fd;
    (void)timeout_ms;
}

/* A write of no bytes would tell, but its reader takes that for the end. */
bool fd_reader_gone(int fd)
{
    (void)fd;
    return false;
}

bool fd_is_terminal(int fd)
{
    DWORD mode;
    return GetConsoleMode(handle_of(fd), &mode);
}

bool fd_are_one(void)
{
    return fd_is_terminal(1) && fd_is_terminal(2);
}
