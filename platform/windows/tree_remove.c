/* Removes a folder and everything below it: read-only files, long paths, and never through a
 * junction or a link. */
#include "platform/files.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <inttypes.h>
#include <string.h>

#define BUSY_TRIES 10
#define BUSY_PAUSE_MS 30

struct removal {
    DWORD error; /* the first error; 0: no error */
    char *failed;
    bool (*go_on)(void *user);
    void *user;
    bool left_off; /* go_on said no */
};

static bool goes_on(struct removal *r)
{
    if (r->go_on && !r->left_off) r->left_off = !r->go_on(r->user);
    return !r->left_off;
}

static void failed_at(struct removal *r, const wchar_t *path, DWORD error)
{
    if (r->error != 0) return;
    r->error = error;
    r->failed = wide_to(path);
}

/* A file or an empty folder; `attributes` of it. A link to a folder is removed like a folder,
 * itself only. */
static void remove_one(struct removal *r, const wchar_t *path, DWORD attributes)
{
    DWORD error = 0;
    if (attributes & FILE_ATTRIBUTE_READONLY) SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
    for (int i = 0; i < BUSY_TRIES; i++) {
        BOOL done =
            attributes & FILE_ATTRIBUTE_DIRECTORY ? RemoveDirectoryW(path) : DeleteFileW(path);
        if (done) return;
        error = GetLastError();
        if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND) return;
        /* a deleted entry stays in its folder until its last handle is closed */
        if (error != ERROR_SHARING_VIOLATION && error != ERROR_DIR_NOT_EMPTY &&
            error != ERROR_ACCESS_DENIED)
            break;
        if (error == ERROR_ACCESS_DENIED && i == 0) SetFileAttributesW(path, FILE_ATTRIBUTE_NORMAL);
        /* trees with many stuck files shall not take minutes */
        if (r->error != 0) break;
        Sleep(BUSY_PAUSE_MS);
    }
    failed_at(r, path, error);
}

static wchar_t *below(const wchar_t *folder, const wchar_t *name)
{
    size_t a = wcslen(folder), b = wcslen(name);
    wchar_t *path = mem_array(a + b + 2, sizeof *path);
    memcpy(path, folder, a * sizeof *path);
    path[a] = L'\\';
    memcpy(path + a + 1, name, (b + 1) * sizeof *path);
    return path;
}

static void remove_below(struct removal *r, const wchar_t *folder)
{
    /* on the heap: a path may have sixteen thousand levels */
    WIN32_FIND_DATAW *found = mem_alloc(sizeof *found);
    wchar_t *pattern = below(folder, L"*");
    HANDLE h = FindFirstFileW(pattern, found);
    mem_free(pattern);
    bool more = h != INVALID_HANDLE_VALUE;
    if (!more && GetLastError() != ERROR_FILE_NOT_FOUND) failed_at(r, folder, GetLastError());
    while (more && goes_on(r)) {
        if (wcscmp(found->cFileName, L".") != 0 && wcscmp(found->cFileName, L"..") != 0) {
            wchar_t *path = below(folder, found->cFileName);
            bool real = (found->dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) &&
                        !(found->dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT);
            if (real) remove_below(r, path);
            if (!r->left_off) remove_one(r, path, found->dwFileAttributes);
            mem_free(path);
        }
        more = FindNextFileW(h, found);
    }
    if (h != INVALID_HANDLE_VALUE) FindClose(h);
    mem_free(found);
}

/* The name has to be free for the next job, whatever is stuck in the old folder. */
static int rename_aside(const struct removal *r, const char *path, const wchar_t *wide,
                        struct err *e)
{
    char *folder = paths_dir(path);
    char *aside = str_dupf("%s\\.old-%" PRIx64, folder, os_seed());
    wchar_t *wide_aside = wide_path(aside);
    bool moved = MoveFileExW(wide, wide_aside, 0);
    char *reason = wide_error(r->error);
    int rc = err_set(e, ERR_IO, "cannot remove %s at '%s': %s%s%s", path, r->failed, reason,
                     moved ? "; what is left is now " : "", moved ? aside : "");
    mem_free(reason);
    mem_free(wide_aside);
    mem_free(aside);
    mem_free(folder);
    return rc;
}

int dir_remove_tree(const char *path, struct err *e)
{
    return dir_remove_tree_while(path, NULL, NULL, e);
}

int dir_remove_tree_while(const char *path, bool (*go_on)(void *user), void *user, struct err *e)
{
    struct removal r = {.go_on = go_on, .user = user};
    wchar_t *wide = wide_path(path);
    DWORD attributes = GetFileAttributesW(wide);
    int rc = 0;
    if (attributes == INVALID_FILE_ATTRIBUTES) {
        DWORD error = GetLastError();
        if (error != ERROR_FILE_NOT_FOUND && error != ERROR_PATH_NOT_FOUND) {
            rc = err_set(e, ERR_IO, "cannot look at %s: error %lu", path, error);
        }
    } else if (!(attributes & FILE_ATTRIBUTE_DIRECTORY)) {
        rc = err_set(e, ERR_INVALID, "%s is not a folder", path);
    } else {
        if (!(attributes & FILE_ATTRIBUTE_REPARSE_POINT)) remove_below(&r, wide);
        if (!r.left_off) remove_one(&r, wide, attributes);
        if (r.left_off) {
            rc = err_set(e, ERR_UNAVAILABLE, "the removal of %s was stopped before its end", path);
        } else if (r.error != 0 && GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES) {
            rc = rename_aside(&r, path, wide, e);
        }
    }
    mem_free(r.failed);
    mem_free(wide);
    return rc;
}
