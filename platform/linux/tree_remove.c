/* Removes a folder and everything below it, whatever the modes and the depth, but never follows a
 * link and never crosses a mount point (a job of root may have left one in its work folder). */
#include "platform/files.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One descriptor per level; what lies deeper is moved up to the root of the tree and taken from
 * there. */
#define LEVELS_MAX 64

struct removal {
    int root;
    dev_t device;
    unsigned moved;   /* number of folders moved up, for their names */
    bool again;       /* the root has got new entries */
    int error;        /* the first errno; 0: no error */
    char failed[256]; /* the name of the entry */
    bool (*go_on)(void *user);
    void *user;
    bool left_off; /* go_on said no */
};

static bool goes_on(struct removal *r)
{
    if (r->go_on && !r->left_off) r->left_off = !r->go_on(r->user);
    return !r->left_off;
}

static void failed_at(struct removal *r, const char *name)
{
    if (r->error != 0) return;
    r->error = errno;
    snprintf(r->failed, sizeof r->failed, "%s", name);
}

static void remove_entries(struct removal *r, int dir, int level);

/* Opens a folder for listing and deleting in it, giving us the rights that its owner may have taken
 * away. */
static int open_folder(int dir, const char *name)
{
    int probe = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (probe < 0) return -1;
    struct stat st;
    if (fstat(probe, &st) == 0 && (st.st_mode & 0700) != 0700) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", probe);
        chmod(self, (st.st_mode & 07777) | 0700);
    }
    int fd = openat(probe, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = errno;
    close(probe);
    errno = error;
    return fd;
}

static bool is_mount(const struct removal *r, int fd)
{
    struct statx sx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) != 0) {
        struct stat st;
        return fstat(fd, &st) != 0 || st.st_dev != r->device;
    }
    if (sx.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) {
        return (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
    }
    struct stat st;
    return fstat(fd, &st) != 0 || st.st_dev != r->device;
}

static int move_up(struct removal *r, int dir, const char *name)
{
    char up[48];
    for (int tries = 0; tries < 100; tries++) {
        snprintf(up, sizeof up, ".cadre-deep-%u", r->moved++);
        if (renameat2(dir, name, r->root, up, RENAME_NOREPLACE) == 0) {
            r->again = true;
            return 0;
        }
        if (errno != EEXIST) return -1;
    }
    return -1;
}

static void remove_folder(struct removal *r, int dir, const char *name, int level)
{
    if (unlinkat(dir, name, AT_REMOVEDIR) == 0) return;
    if (errno != ENOTEMPTY && errno != EEXIST) {
        failed_at(r, name);
        return;
    }
    int fd = open_folder(dir, name);
    if (fd < 0) {
        failed_at(r, name);
        return;
    }
    if (is_mount(r, fd)) {
        errno = EBUSY;
        failed_at(r, name);
        close(fd);
        return;
    }
    if (level >= LEVELS_MAX) {
        close(fd);
        if (move_up(r, dir, name) != 0) failed_at(r, name);
        return;
    }
    remove_entries(r, fd, level + 1);
    if (r->left_off) return;
    if (unlinkat(dir, name, AT_REMOVEDIR) != 0 && errno != ENOENT) failed_at(r, name);
}

/* Takes fd over. */
static void remove_entries(struct removal *r, int fd, int level)
{
    DIR *dir = fdopendir(fd);
    if (!dir) {
        failed_at(r, ".");
        close(fd);
        return;
    }
    struct dirent *entry;
    while (goes_on(r) && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (str_eq(name, ".") || str_eq(name, "..")) continue;
        if (entry->d_type != DT_DIR && unlinkat(fd, name, 0) == 0) continue;
        bool folder = entry->d_type == DT_DIR ||
                      (entry->d_type == DT_UNKNOWN && (errno == EISDIR || errno == EPERM));
        if (folder) {
            remove_folder(r, fd, name, level);
        } else if (errno != ENOENT) {
            failed_at(r, name);
        }
    }
    closedir(dir);
}

static void remove_root(struct removal *r)
{
    struct stat st;
    r->device = fstat(r->root, &st) == 0 ? st.st_dev : 0;
    do {
        r->again = false;
        int fd = openat(r->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
            failed_at(r, ".");
            return;
        }
        remove_entries(r, fd, 1);
    } while (r->again && !r->left_off);
}

/* The name has to be free for the next job, whatever is stuck in the old folder. */
static int rename_aside(const struct removal *r, const char *path, struct err *e)
{
    char *folder = paths_dir(path);
    char *aside = str_dupf("%s/.old-%" PRIx64, folder, os_seed());
    bool moved = rename(path, aside) == 0;
    int rc = err_set(e, ERR_IO, "cannot remove %s at '%s': %s%s%s", path, r->failed,
                     strerror(r->error), moved ? "; what is left is now " : "", moved ? aside : "");
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
    struct stat st;
    if (rmdir(path) == 0 || errno == ENOENT) return 0; /* it was empty, as most are */
    if (errno == EBUSY) { /* a mount point: what is mounted there is somebody else's */
        failed_at(&r, path);
        return rename_aside(&r, path, e);
    }
    if (lstat(path, &st) != 0) {
        if (errno == ENOENT) return 0;
        return err_set(e, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
    }
    if (!S_ISDIR(st.st_mode)) {
        return err_set(e, ERR_INVALID, "%s is not a folder", path);
    }
    r.root = open_folder(AT_FDCWD, path);
    if (r.root < 0) {
        failed_at(&r, path);
        return rename_aside(&r, path, e);
    }
    remove_root(&r);
    close(r.root);
    if (r.left_off)
        return err_set(e, ERR_UNAVAILABLE, "the removal of %s was stopped before its end", path);
    if (rmdir(path) == 0) return 0;
    failed_at(&r, path);
    return rename_aside(&r, path, e);
}
