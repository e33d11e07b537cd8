/* UTF-8 and UTF-16, paths and the system's error messages. */
#include "platform/windows/wide.h"

#include "base/mem.h"
#include "base/str.h"

#include <windows.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* winerror.h has them, MinGW's has not */
#ifndef ERROR_ELEVATION_REQUIRED
#define ERROR_ELEVATION_REQUIRED 740
#endif
#ifndef ERROR_DISK_QUOTA_EXCEEDED
#define ERROR_DISK_QUOTA_EXCEEDED 1295
#endif

#define PLAIN_MAX 248 /* the longest path of a folder without the prefix */

wchar_t *wide_from(const char *utf8)
{
    if (!utf8) return NULL;
    int n = MultiByteToWideChar(CP_UTF8, 0, utf8, -1, NULL, 0);
    wchar_t *wide = mem_array((size_t)(n > 0 ? n : 1), sizeof *wide);
    if (n > 0) MultiByteToWideChar(CP_UTF8, 0, utf8, -1, wide, n);
    return wide;
}

char *wide_to_n(const wchar_t *wide, size_t len)
{
    if (len == 0) return mem_strdup("");
    int n = WideCharToMultiByte(CP_UTF8, 0, wide, (int)len, NULL, 0, NULL, NULL);
    char *utf8 = mem_alloc((size_t)(n > 0 ? n : 0) + 1);
    if (n > 0) WideCharToMultiByte(CP_UTF8, 0, wide, (int)len, utf8, n, NULL, NULL);
    return utf8;
}

char *wide_to(const wchar_t *wide)
{
    return wide ? wide_to_n(wide, wcslen(wide)) : NULL;
}

static bool is_pair(const wchar_t *at)
{
    return at[0] >= 0xD800 && at[0] <= 0xDBFF && at[1] >= 0xDC00 && at[1] <= 0xDFFF;
}

static bool is_half(const wchar_t *at)
{
    return at[0] >= 0xD800 && at[0] <= 0xDFFF && !is_pair(at);
}

char *wide_to_exact(const wchar_t *wide)
{
    char *out = mem_alloc(3 * wcslen(wide) + 1);
    size_t n = 0;
    while (*wide) {
        size_t whole = 0;
        while (wide[whole] && !is_half(wide + whole))
            whole += is_pair(wide + whole) ? 2 : 1;
        char *text = wide_to_n(wide, whole);
        size_t len = strlen(text);
        memcpy(out + n, text, len);
        mem_free(text);
        n += len;
        wide += whole;
        if (!*wide) break;
        out[n++] = (char)0xED;
        out[n++] = (char)(0x80 | (*wide >> 6 & 0x3F));
        out[n++] = (char)(0x80 | (*wide & 0x3F));
        wide++;
    }
    return out;
}

/* GetFullPathName, which also turns slashes and takes out "." and "..". */
static wchar_t *absolute(const char *path)
{
    wchar_t *wide = wide_from(path);
    DWORD size = GetFullPathNameW(wide, 0, NULL, NULL);
    if (size == 0) return wide;
    wchar_t *full = mem_array((size_t)size + 1, sizeof *full);
    DWORD n = GetFullPathNameW(wide, size + 1, full, NULL);
    if (n == 0 || n > size) {
        mem_free(full);
        return wide;
    }
    mem_free(wide);
    return full;
}

static wchar_t *joined(const wchar_t *prefix, const wchar_t *rest)
{
    size_t a = wcslen(prefix), b = wcslen(rest);
    wchar_t *text = mem_array(a + b + 1, sizeof *text);
    memcpy(text, prefix, a * sizeof *text);
    memcpy(text + a, rest, (b + 1) * sizeof *text);
    return text;
}

wchar_t *wide_path(const char *path)
{
    wchar_t *full = absolute(path), *out;
    if (wcsncmp(full, L"\\\\?\\", 4) == 0 || wcsncmp(full, L"\\\\.\\", 4) == 0) return full;
    if (full[0] == L'\\' && full[1] == L'\\') {
        out = joined(L"\\\\?\\UNC\\", full + 2);
    } else if (full[0] && full[1] == L':') {
        out = joined(L"\\\\?\\", full);
    } else {
        return full;
    }
    mem_free(full);
    return out;
}

wchar_t *wide_plain_path(const char *path)
{
    wchar_t *full = absolute(path);
    if (wcslen(full) < PLAIN_MAX) return full;
    wchar_t *prefixed = wide_path(path);
    DWORD size = GetShortPathNameW(prefixed, NULL, 0);
    wchar_t *brief = mem_array((size_t)size + 1, sizeof *brief);
    DWORD n = size > 0 ? GetShortPathNameW(prefixed, brief, size) : 0;
    mem_free(prefixed);
    if (n == 0 || n >= size || wcsncmp(brief, L"\\\\?\\", 4) != 0 || brief[5] != L':') {
        mem_free(brief);
        return full;
    }
    mem_free(full);
    wchar_t *out = joined(L"", brief + 4);
    mem_free(brief);
    return out;
}

char *wide_error(unsigned long error)
{
    wchar_t *text = NULL;
    DWORD n = FormatMessageW(FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM |
                                 FORMAT_MESSAGE_IGNORE_INSERTS,
                             NULL, error, 0, (wchar_t *)(void *)&text, 0, NULL);
    while (n > 0 && (text[n - 1] <= L' ' || text[n - 1] == L'.'))
        n--;
    char *out = n > 0 ? wide_to_n(text, n) : str_dupf("error %lu", error);
    LocalFree(text);
    return out;
}

int wide_error_code(unsigned long error)
{
    switch (error) {
    case ERROR_FILE_NOT_FOUND:
    case ERROR_PATH_NOT_FOUND:
    case ERROR_INVALID_DRIVE:
    case ERROR_BAD_NETPATH:
    case ERROR_BAD_NET_NAME:
    case ERROR_INVALID_NAME:
    case ERROR_DIRECTORY:
        return ERR_NOT_FOUND;
    case ERROR_ACCESS_DENIED:
    case ERROR_WRITE_PROTECT:
    case ERROR_PRIVILEGE_NOT_HELD:
    case ERROR_ELEVATION_REQUIRED:
        return ERR_DENIED;
    case ERROR_DISK_FULL:
    case ERROR_HANDLE_DISK_FULL:
    case ERROR_DISK_QUOTA_EXCEEDED:
        return ERR_FULL;
    case ERROR_FILE_EXISTS:
    case ERROR_ALREADY_EXISTS:
        return ERR_EXISTS;
    default:
        return ERR_IO;
    }
}

int wide_fail(struct err *e, unsigned long error, const char *verb, const char *what)
{
    char *reason = wide_error(error);
    int rc = err_set(e, wide_error_code(error), "cannot %s %s: %s", verb, what, reason);
    mem_free(reason);
    return rc;
}
