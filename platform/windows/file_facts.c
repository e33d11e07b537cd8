/* What a path leads to, on Windows. */
#include "platform/file_facts.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/windows/acl.h"
#include "platform/windows/wide.h"

#include <windows.h>

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

/* Opens without any right but to look; folders, too. */
static HANDLE open_to_look(const char *path)
{
    wchar_t *wide = wide_path(path);
    HANDLE h =
        CreateFileW(wide, 0, SHARE_ALL, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    DWORD error = GetLastError();
    mem_free(wide);
    SetLastError(error);
    return h;
}

int file_look(const char *path, struct file_facts *out, struct err *e)
{
    struct file_facts facts = {FILE_IS_ABSENT, 0, 0};
    HANDLE h = open_to_look(path);
    if (h == INVALID_HANDLE_VALUE) {
        DWORD error = GetLastError();
        if (error != ERROR_FILE_NOT_FOUND && error != ERROR_PATH_NOT_FOUND)
            return wide_fail(e, error, "look at", path);
        *out = facts;
        return 0;
    }
    BY_HANDLE_FILE_INFORMATION info;
    facts.kind = FILE_IS_OTHER;
    if (GetFileType(h) == FILE_TYPE_DISK && GetFileInformationByHandle(h, &info)) {
        bool folder = (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
        facts.kind = folder ? FILE_IS_FOLDER : FILE_IS_REGULAR;
        facts.volume = info.dwVolumeSerialNumber;
        facts.number = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
    }
    CloseHandle(h);
    *out = facts;
    return 0;
}

bool file_is_same(const struct file_facts *a, const struct file_facts *b)
{
    bool files = (a->kind == FILE_IS_REGULAR || a->kind == FILE_IS_FOLDER) && a->kind == b->kind;
    return files && a->volume == b->volume && a->number == b->number;
}

bool file_is_link(const char *path)
{
    wchar_t *wide = wide_path(path);
    DWORD attributes = GetFileAttributesW(wide);
    mem_free(wide);
    return attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_REPARSE_POINT);
}

int dir_stamp(const char *path, struct dir_stamp *out)
{
    /* NTFS may write the time of the last access an hour late, or not at all */
    (void)path;
    (void)out;
    return ERR_UNSUPPORTED;
}

bool dir_stamp_is_same(const struct dir_stamp *a, const struct dir_stamp *b)
{
    (void)a;
    (void)b;
    return false;
}

char *file_real_path(const char *path, struct err *e)
{
    HANDLE h = open_to_look(path);
    if (h == INVALID_HANDLE_VALUE) {
        (void)wide_fail(e, GetLastError(), "look at", path);
        return NULL;
    }
    char *out = NULL;
    DWORD size = GetFinalPathNameByHandleW(h, NULL, 0, FILE_NAME_NORMALIZED);
    wchar_t *wide = mem_array((size_t)size + 1, sizeof *wide);
    if (size > 0 && GetFinalPathNameByHandleW(h, wide, size + 1, FILE_NAME_NORMALIZED) <= size)
        out = wide_to(wide);
    else
        (void)wide_fail(e, GetLastError(), "look at", path);
    mem_free(wide);
    CloseHandle(h);
    return out;
}

bool dir_is_open(const char *path)
{
    wchar_t *wide = wide_path(path);
    bool open = acl_is_writable(wide);
    mem_free(wide);
    return open;
}

int dir_protect(const char *path, struct err *e)
{
    wchar_t *wide = wide_path(path);
    int rc = acl_protect(wide, true) ? 0 : wide_fail(e, GetLastError(), "protect", path);
    mem_free(wide);
    return rc;
}

/* SYSTEM, Administrators, and who enters the command. */
char *file_protect_command(const char *path, bool folder)
{
    const char *rights = folder ? "(OI)(CI)F" : "F";
    return str_dupf("icacls \"%s\" /inheritance:r /grant:r *S-1-5-18:%s *S-1-5-32-544:%s "
                    "\"%%USERNAME%%:%s\"",
                    path, rights, rights, rights);
}
