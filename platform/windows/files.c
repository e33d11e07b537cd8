/* Files with promises, on Windows. The removal of trees is in tree_remove.c. */
#include "platform/files.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/windows/acl.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <inttypes.h>
#include <io.h>
#include <stdio.h>
#include <string.h>

#define READ_STEP_BYTES (64u * 1024)
#define WRITE_STEP_BYTES (64u * 1024)
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define BUSY_TRIES 20
#define BUSY_PAUSE_MS 50
#define LOCK_OFFSET_HIGH 0x40000000 /* far after the content, which other processes may read */

static int fail(struct err *e, const char *verb, const char *path)
{
    return wide_fail(e, GetLastError(), verb, path);
}

/* A virus scanner or an indexer has the file open for a moment. */
static bool is_busy(void)
{
    DWORD error = GetLastError();
    return error == ERROR_SHARING_VIOLATION || error == ERROR_LOCK_VIOLATION ||
           error == ERROR_ACCESS_DENIED;
}

static int read_all(HANDLE h, const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    char *chunk = mem_alloc(READ_STEP_BYTES);
    size_t total = 0;
    int rc = 0;
    for (;;) {
        DWORD n = 0;
        if (!ReadFile(h, chunk, READ_STEP_BYTES, &n, NULL)) {
            DWORD error = GetLastError();
            if (error != ERROR_BROKEN_PIPE && error != ERROR_HANDLE_EOF)
                rc = wide_fail(e, error, "read", path);
            break;
        }
        if (n == 0) break;
        total += n;
        if (total > max_bytes || buf_add(out, chunk, n) != 0) {
            rc = err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max_bytes);
            break;
        }
    }
    mem_free(chunk);
    return rc;
}

static int read_file(const char *path, DWORD flags, size_t max_bytes, struct buf *out,
                     struct err *e)
{
    wchar_t *wide = wide_path(path);
    HANDLE h = CreateFileW(wide, GENERIC_READ, SHARE_ALL, NULL, OPEN_EXISTING, flags, NULL);
    DWORD error = GetLastError();
    DWORD attributes = h == INVALID_HANDLE_VALUE ? GetFileAttributesW(wide) : FILE_ATTRIBUTE_NORMAL;
    mem_free(wide);
    if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY))
        return err_set(e, ERR_IO, "%s is a folder; a file is expected", path);
    if (h == INVALID_HANDLE_VALUE) return wide_fail(e, error, "open", path);
    size_t before = out->len;
    int rc = read_all(h, path, max_bytes, out, e);
    CloseHandle(h);
    if (rc != 0) {
        out->len = before;
        if (out->cap > 0) out->data[before] = '\0';
    }
    return rc;
}

int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    return read_file(path, FILE_ATTRIBUTE_NORMAL, max_bytes, out, e);
}

int file_read_no_link(const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    /* opens the link itself, which has no content */
    return read_file(path, FILE_ATTRIBUTE_NORMAL | FILE_FLAG_OPEN_REPARSE_POINT, max_bytes, out, e);
}

static int write_handle(HANDLE h, const char *path, const void *data, size_t len, struct err *e)
{
    const char *p = data;
    while (len > 0) {
        DWORD n = 0, step = len < WRITE_STEP_BYTES ? (DWORD)len : WRITE_STEP_BYTES;
        if (!WriteFile(h, p, step, &n, NULL)) return fail(e, "write", path);
        p += n;
        len -= n;
    }
    return 0;
}

/* A new file, private from its birth on when `mode` says so. */
static HANDLE create(const wchar_t *path, enum file_mode mode, DWORD disposition)
{
    SECURITY_ATTRIBUTES sa = {.nLength = sizeof sa};
    if (mode != FILE_PUBLIC) sa.lpSecurityDescriptor = acl_secret(false);
    HANDLE h = INVALID_HANDLE_VALUE;
    for (int i = 0; i < BUSY_TRIES && h == INVALID_HANDLE_VALUE; i++) {
        h = CreateFileW(path, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_DELETE, &sa, disposition,
                        FILE_ATTRIBUTE_NORMAL, NULL);
        if (h != INVALID_HANDLE_VALUE || GetLastError() != ERROR_SHARING_VIOLATION) break;
        Sleep(BUSY_PAUSE_MS);
    }
    DWORD error = GetLastError();
    acl_free(sa.lpSecurityDescriptor);
    SetLastError(error);
    return h;
}

static bool replace(const wchar_t *from, const wchar_t *to)
{
    for (int i = 0; i < BUSY_TRIES; i++) {
        if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) return true;
        if (!is_busy()) return false;
        DWORD error = GetLastError();
        Sleep(BUSY_PAUSE_MS);
        SetLastError(error);
    }
    return false;
}

/* The content of a file, and who may read it. */
struct content {
    const void *data;
    size_t len;
    enum file_mode mode;
};

static int write_neighbour(const wchar_t *temp, const wchar_t *to, const char *path,
                           const struct content *c, struct err *e)
{
    HANDLE h = create(temp, c->mode, CREATE_NEW);
    if (h == INVALID_HANDLE_VALUE) return fail(e, "create a file beside", path);
    int rc = write_handle(h, path, c->data, c->len, e);
    if (rc == 0 && !FlushFileBuffers(h)) rc = fail(e, "flush", path);
    CloseHandle(h);
    if (rc == 0 && !replace(temp, to)) rc = fail(e, "replace", path);
    if (rc != 0) DeleteFileW(temp);
    return rc;
}

int file_write_atomic(const char *path, const void *data, size_t len, enum file_mode mode,
                      struct err *e)
{
    char *folder = paths_dir(path);
    char *neighbour = str_dupf("%s\\.cadre-%" PRIx64 ".tmp", folder, os_seed());
    wchar_t *temp = wide_path(neighbour), *to = wide_path(path);
    struct content content = {data, len, mode};
    int rc = write_neighbour(temp, to, path, &content, e);
    mem_free(to);
    mem_free(temp);
    mem_free(neighbour);
    mem_free(folder);
    return rc;
}

int file_write_plain(const char *path, const void *data, size_t len, enum file_mode mode,
                     struct err *e)
{
    wchar_t *wide = wide_path(path);
    HANDLE h = create(wide, mode, CREATE_ALWAYS);
    int rc = h == INVALID_HANDLE_VALUE ? fail(e, "create", path) : 0;
    if (rc == 0) {
        /* a replaced file keeps its access list */
        if (mode != FILE_PUBLIC) acl_protect(wide, false);
        rc = write_handle(h, path, data, len, e);
        CloseHandle(h);
        if (rc != 0) DeleteFileW(wide);
    }
    mem_free(wide);
    return rc;
}

int file_move(const char *from, const char *to, struct err *e)
{
    wchar_t *a = wide_path(from), *b = wide_path(to);
    int rc = replace(a, b) ? 0 : fail(e, "rename", from);
    mem_free(a);
    mem_free(b);
    return rc;
}

int file_remove(const char *path, struct err *e)
{
    wchar_t *wide = wide_path(path);
    int rc = 0;
    for (int i = 0;; i++) {
        if (DeleteFileW(wide)) break;
        DWORD error = GetLastError();
        if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) break;
        if (!is_busy() || i >= BUSY_TRIES) {
            rc = wide_fail(e, error, "remove", path);
            break;
        }
        /* read-only files are refused like busy ones */
        SetFileAttributesW(wide, FILE_ATTRIBUTE_NORMAL);
        Sleep(i == 0 ? 0 : BUSY_PAUSE_MS);
    }
    mem_free(wide);
    return rc;
}

int dir_remove_empty(const char *path, struct err *e)
{
    wchar_t *wide = wide_path(path);
    DWORD error = RemoveDirectoryW(wide) ? 0 : GetLastError();
    mem_free(wide);
    if (error == 0 || error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) return 0;
    return wide_fail(e, error, "remove", path);
}

bool file_exists(const char *path)
{
    wchar_t *wide = wide_path(path);
    bool there = GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;
    mem_free(wide);
    return there;
}

bool file_is_exposed(const char *path)
{
    wchar_t *wide = wide_path(path);
    bool exposed = acl_is_exposed(wide);
    mem_free(wide);
    return exposed;
}

static bool is_folder(const wchar_t *path)
{
    DWORD attributes = GetFileAttributesW(path);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY);
}

static int make_one(const char *path, enum file_mode mode, struct err *e)
{
    wchar_t *wide = wide_path(path);
    SECURITY_ATTRIBUTES sa = {.nLength = sizeof sa};
    if (mode == FILE_SECRET) sa.lpSecurityDescriptor = acl_secret(true);
    int rc = 0;
    if (!CreateDirectoryW(wide, &sa)) {
        DWORD error = GetLastError();
        if (!is_folder(wide)) rc = wide_fail(e, error, "make the folder", path);
    }
    acl_free(sa.lpSecurityDescriptor);
    mem_free(wide);
    return rc;
}

int dir_make(const char *path, enum file_mode mode, struct err *e)
{
    wchar_t *wide = wide_path(path);
    bool there = is_folder(wide);
    mem_free(wide);
    if (there) return 0;
    char *parent = paths_dir(path);
    int rc = 0;
    if (strlen(parent) < strlen(path) && !str_eq(parent, ".")) {
        wide = wide_path(parent);
        if (!is_folder(wide)) rc = dir_make(parent, FILE_PUBLIC, e);
        mem_free(wide);
    }
    mem_free(parent);
    return rc != 0 ? rc : make_one(path, mode, e);
}

int disk_free(const char *path, struct disk_room *out, struct err *e)
{
    wchar_t *wide = wide_path(path);
    ULARGE_INTEGER available;
    BOOL known = GetDiskFreeSpaceExW(wide, &available, NULL, NULL);
    int rc = known ? 0 : fail(e, "look at the disk of", path);
    mem_free(wide);
    if (rc == 0) *out = (struct disk_room){(int64_t)available.QuadPart, INT64_MAX};
    return rc;
}

int dir_list(const char *path, int (*fn)(const char *name, void *user), void *user, struct err *e)
{
    WIN32_FIND_DATAW found;
    char *pattern = paths_join(path, "*");
    wchar_t *wide = wide_path(pattern);
    HANDLE h = FindFirstFileW(wide, &found);
    mem_free(wide);
    mem_free(pattern);
    if (h == INVALID_HANDLE_VALUE) {
        /* an empty root folder has not even a "." */
        if (GetLastError() == ERROR_FILE_NOT_FOUND) return 0;
        return fail(e, "list", path);
    }
    int rc = 0;
    do {
        char *name = wide_to(found.cFileName);
        if (!str_eq(name, ".") && !str_eq(name, "..")) rc = fn(name, user);
        mem_free(name);
    } while (rc == 0 && FindNextFileW(h, &found));
    if (rc == 0 && GetLastError() != ERROR_NO_MORE_FILES) rc = fail(e, "list", path);
    FindClose(h);
    return rc;
}

struct file_lock {
    HANDLE handle;
};

static int lock_conflict(HANDLE h, const char *path, struct err *e)
{
    char text[32];
    DWORD n = 0;
    int64_t pid;
    OVERLAPPED start = {.Offset = 0};
    if (!ReadFile(h, text, sizeof text - 1, &n, &start)) n = 0;
    text[n] = '\0';
    if (str_int64(str_trim(text), &pid) != 0) {
        return err_set(e, ERR_CONFLICT, "%s is in use by another process", path);
    }
    return err_set(e, ERR_CONFLICT, "%s is in use by process %" PRId64, path, pid);
}

int file_lock_take(const char *path, struct file_lock **out, struct err *e)
{
    wchar_t *wide = wide_path(path);
    HANDLE h = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, SHARE_ALL, NULL, OPEN_ALWAYS,
                           FILE_ATTRIBUTE_NORMAL, NULL);
    mem_free(wide);
    if (h == INVALID_HANDLE_VALUE) return fail(e, "open", path);
    OVERLAPPED place = {.OffsetHigh = LOCK_OFFSET_HIGH};
    if (!LockFileEx(h, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &place)) {
        DWORD error = GetLastError();
        int rc = error == ERROR_LOCK_VIOLATION || error == ERROR_IO_PENDING
                     ? lock_conflict(h, path, e)
                     : wide_fail(e, error, "lock", path);
        CloseHandle(h);
        return rc;
    }
    /* the pid is only for messages; the lock works without it */
    char text[32];
    DWORD n = 0;
    int len = snprintf(text, sizeof text, "%lu\r\n", GetCurrentProcessId());
    SetEndOfFile(h);
    WriteFile(h, text, (DWORD)len, &n, NULL);
    struct file_lock *l = mem_alloc(sizeof *l);
    l->handle = h;
    *out = l;
    return 0;
}

void file_lock_release(struct file_lock *l)
{
    if (!l) return;
    CloseHandle(l->handle);
    mem_free(l);
}

int stdin_read(size_t max_bytes, struct buf *out, struct err *e)
{
    HANDLE h = GetStdHandle(STD_INPUT_HANDLE);
    size_t before = out->len;
    if (h == NULL || h == INVALID_HANDLE_VALUE)
        return err_set(e, ERR_CLOSED, "standard input is closed");
    int rc = read_all(h, "standard input", max_bytes, out, e);
    if (rc != 0) buf_truncate(out, before);
    return rc;
}
