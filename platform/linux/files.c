/* Files with promises, on Linux. The removal of trees is in tree_remove.c. */
#include "platform/files.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/linux/proc_table.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define READ_STEP_BYTES (64u * 1024)
#define LOCK_WAIT_MS 5000 /* for a lock whose holder has ended */
#define LOCK_PAUSE_MS 20

static int code_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    case EEXIST:
        return ERR_EXISTS;
    default:
        return ERR_IO;
    }
}

static int fail(struct err *e, const char *verb, const char *path)
{
    int error = errno;
    return err_set(e, code_of(error), "cannot %s %s: %s", verb, path, strerror(error));
}

/* Another program may have made standard input non-blocking. */
static int wait_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, -1) >= 0 || errno == EINTR ? 0 : -1;
}

/* Everything up to the end of fd. */
static int read_all(int fd, const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    char chunk[READ_STEP_BYTES];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN && wait_readable(fd) == 0) continue;
        if (n < 0) return fail(e, "read", path);
        if (n == 0) return 0;
        total += (size_t)n;
        if (total > max_bytes || buf_add(out, chunk, (size_t)n) != 0) {
            return err_set(e, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max_bytes);
        }
    }
}

static int fail_to_open(const char *path, struct err *e)
{
    struct stat st;
    char target[256];
    int error = errno;
    ssize_t n = error == ENOENT ? readlink(path, target, sizeof target) : -1;
    if (n > 0)
        return err_set(e, ERR_IO, "%s is a link to %.*s, which is not there", path, (int)n, target);
    if (error == ENXIO && stat(path, &st) == 0 && S_ISSOCK(st.st_mode))
        return err_set(e, ERR_IO, "%s is a socket; a file is expected", path);
    errno = error;
    return fail(e, "open", path);
}

/* A pipe that nobody writes to would be waited for without an end: poll tells neither bytes nor an
 * end of it, and a read that does not wait tells an end. The byte that may come between these two
 * goes to `out`. */
static int check_pipe(int fd, const char *path, struct buf *out, struct err *e)
{
    char byte;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 0) != 0) return 0;
    ssize_t n = read(fd, &byte, 1);
    if (n > 0) return buf_add(out, &byte, 1);
    if (n < 0) return 0; /* the reads that follow wait, or tell the error */
    return err_set(e, ERR_IO, "%s is a pipe that nobody writes to; start its writer first", path);
}

static int check_kind(int fd, const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return fail(e, "open", path);
    if (S_ISDIR(st.st_mode)) return err_set(e, ERR_IO, "%s is a folder; a file is expected", path);
    int rc = S_ISFIFO(st.st_mode) ? check_pipe(fd, path, out, e) : 0;
    int flags = fcntl(fd, F_GETFL);
    if (rc == 0 && (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) != 0))
        rc = fail(e, "open", path);
    return rc;
}

int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    size_t before = out->len;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return fail_to_open(path, e);
    int rc = check_kind(fd, path, out, e);
    if (rc == 0) rc = read_all(fd, path, max_bytes - (out->len - before), out, e);
    close(fd);
    if (rc != 0) buf_truncate(out, before);
    return rc;
}

int file_read_no_link(const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    struct stat st;
    size_t before = out->len;
    /* a pipe would have its opener wait for a writer */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return fail(e, "open", path);
    int rc = fstat(fd, &st) == 0 && S_ISREG(st.st_mode)
                 ? read_all(fd, path, max_bytes, out, e)
                 : err_set(e, ERR_IO, "%s is not a regular file", path);
    close(fd);
    if (rc != 0) buf_truncate(out, before);
    return rc;
}

/* Files that root makes in the folder of another account belong to that account, so that the
 * service can read the files of `sudo cadre-agent join`. Existing files keep their owner. */
static void give_to_owner(int fd, const char *path, const char *folder)
{
    struct stat st;
    if (geteuid() != 0) return;
    if (lstat(path, &st) != 0 && stat(folder, &st) != 0) return;
    if (st.st_uid == 0 && st.st_gid == 0) return;
    int rc = fchown(fd, st.st_uid, st.st_gid);
    (void)rc; /* some file systems have no owners */
}

static int write_all(int fd, const char *path, const void *data, size_t len, struct err *e)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail(e, "write", path);
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

static int write_synced(int fd, const char *path, const void *data, size_t len, struct err *e)
{
    int rc = write_all(fd, path, data, len, e);
    if (rc != 0) return rc;
    return fsync(fd) == 0 ? 0 : fail(e, "flush", path);
}

static int sync_folder(const char *folder, struct err *e)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(e, "open", folder);
    /* file systems that cannot do it for folders say EINVAL: they have no better promise to give */
    int rc = fsync(fd) == 0 || errno == EINVAL ? 0 : fail(e, "flush", folder);
    close(fd);
    return rc;
}

static mode_t mode_bits(enum file_mode mode)
{
    return mode == FILE_PUBLIC ? 0644 : mode == FILE_SECRET ? 0600 : 0700;
}

/* The content of a file, and who may read it. */
struct content {
    const void *data;
    size_t len;
    enum file_mode mode;
};

static int write_neighbour(const char *temp, const char *path, const char *folder,
                           const struct content *c, struct err *e)
{
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(e, "create", temp);
    give_to_owner(fd, path, folder);
    int rc = fchmod(fd, mode_bits(c->mode)) == 0 ? 0 : fail(e, "protect", temp);
    if (rc == 0) rc = write_synced(fd, temp, c->data, c->len, e);
    if (close(fd) != 0 && rc == 0) rc = fail(e, "write", temp);
    if (rc == 0 && rename(temp, path) != 0) rc = fail(e, "replace", path);
    if (rc != 0) unlink(temp);
    return rc;
}

int file_write_atomic(const char *path, const void *data, size_t len, enum file_mode mode,
                      struct err *e)
{
    char *folder = paths_dir(path);
    char *temp = str_dupf("%s/.cadre-%" PRIx64 ".tmp", folder, os_seed());
    struct content content = {data, len, mode};
    int rc = write_neighbour(temp, path, folder, &content, e);
    if (rc == 0) rc = sync_folder(folder, e);
    mem_free(temp);
    mem_free(folder);
    return rc;
}

int file_write_plain(const char *path, const void *data, size_t len, enum file_mode mode,
                     struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode_bits(mode));
    if (fd < 0) return fail(e, "create", path);
    struct stat st;
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    int rc = write_all(fd, path, data, len, e);
    if (close(fd) != 0 && rc == 0) rc = fail(e, "write", path);
    /* an incomplete file is removed; a device is not */
    if (rc != 0 && regular) unlink(path);
    return rc;
}

int file_move(const char *from, const char *to, struct err *e)
{
    return rename(from, to) == 0 ? 0 : fail(e, "rename", from);
}

int file_remove(const char *path, struct err *e)
{
    if (unlink(path) == 0 || errno == ENOENT) return 0;
    return fail(e, "remove", path);
}

int dir_remove_empty(const char *path, struct err *e)
{
    if (rmdir(path) == 0 || errno == ENOENT) return 0;
    return fail(e, "remove", path);
}

bool file_exists(const char *path)
{
    return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0;
}

bool file_is_exposed(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & 077) != 0;
}

/* Makes one level; 0 also when the folder exists already. */
static int make_one(const char *path, mode_t mode, struct err *e)
{
    struct stat st;
    if (mkdir(path, mode) == 0) {
        if (geteuid() != 0) return 0;
        char *parent = paths_dir(path);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            give_to_owner(fd, parent, parent);
            close(fd);
        }
        mem_free(parent);
        return 0;
    }
    int error = errno;
    if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return 0;
    errno = error;
    return fail(e, "make the folder", path);
}

int dir_make(const char *path, enum file_mode mode, struct err *e)
{
    char *part = mem_strdup(path);
    size_t len = strlen(part);
    while (len > 1 && part[len - 1] == '/')
        part[--len] = '\0';
    mode_t bits = mode == FILE_SECRET ? 0700 : 0755;
    /* mostly the parents are there */
    int rc = make_one(part, bits, e);
    if (rc == ERR_NOT_FOUND) {
        rc = 0;
        for (size_t i = 1; i < len && rc == 0; i++) {
            if (part[i] != '/') continue;
            part[i] = '\0';
            rc = make_one(part, 0755, e);
            part[i] = '/';
        }
        if (rc == 0) rc = make_one(part, bits, e);
    }
    mem_free(part);
    return rc;
}

int disk_free(const char *path, struct disk_room *out, struct err *e)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0) return fail(e, "look at the disk of", path);
    out->bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    out->inodes = fs.f_files > 0 ? (int64_t)fs.f_favail : INT64_MAX;
    return 0;
}

int dir_list(const char *path, int (*fn)(const char *name, void *user), void *user, struct err *e)
{
    DIR *dir = opendir(path);
    if (!dir) return fail(e, "list", path);
    int rc = 0;
    struct dirent *entry;
    for (errno = 0; rc == 0 && (entry = readdir(dir)); errno = 0) {
        if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, "..")) continue;
        rc = fn(entry->d_name, user);
    }
    if (rc == 0 && errno != 0) rc = fail(e, "list", path);
    closedir(dir);
    return rc;
}

struct file_lock {
    int fd;
};

/* *holder: the process that the file names; 0: none. */
static int lock_conflict(int fd, const char *path, int64_t *holder, struct err *e)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    if (str_int64(str_trim(text), holder) != 0) {
        *holder = 0;
        return err_set(e, ERR_CONFLICT, "%s is in use by another process", path);
    }
    return err_set(e, ERR_CONFLICT, "%s is in use by process %" PRId64, path, *holder);
}

static int lock_once(const char *path, struct file_lock **out, int64_t *holder, struct err *e)
{
    /* Root takes locks in folders of other accounts, so links are not followed. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
    if (fd < 0) return fail(e, "open", path);
    char *folder = paths_dir(path);
    give_to_owner(fd, folder, folder);
    mem_free(folder);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int rc = errno == EWOULDBLOCK ? lock_conflict(fd, path, holder, e) : fail(e, "lock", path);
        close(fd);
        return rc;
    }
    /* the pid is only for messages; the lock works without it, so a full disk does not matter */
    if (ftruncate(fd, 0) == 0) dprintf(fd, "%d\n", (int)getpid());
    struct file_lock *l = mem_alloc(sizeof *l);
    l->fd = fd;
    *out = l;
    return 0;
}

static bool has_ended(int64_t pid)
{
    struct proc p;
    if (pid <= 0 || pid > INT32_MAX) return false;
    return proc_read((pid_t)pid, &p) == ERR_NOT_FOUND || p.dead;
}

/* A holder that was killed while it started a process: the child holds the lock until it has become
 * the other program. */
int file_lock_take(const char *path, struct file_lock **out, struct err *e)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    int rc = ERR_CONFLICT;
    for (int ms = 0; rc == ERR_CONFLICT && ms < LOCK_WAIT_MS; ms += LOCK_PAUSE_MS) {
        int64_t holder = 0;
        rc = lock_once(path, out, &holder, e);
        if (rc != ERR_CONFLICT || !has_ended(holder)) break;
        (void)nanosleep(&pause, NULL);
    }
    return rc;
}

void file_lock_release(struct file_lock *l)
{
    if (!l) return;
    close(l->fd);
    mem_free(l);
}

int stdin_read(size_t max_bytes, struct buf *out, struct err *e)
{
    size_t before = out->len;
    if (fcntl(0, F_GETFD) < 0 || (fcntl(0, F_GETFL) & O_ACCMODE) == O_WRONLY)
        return err_set(e, ERR_CLOSED, "standard input is closed");
    int rc = read_all(0, "standard input", max_bytes, out, e);
    if (rc != 0) buf_truncate(out, before);
    return rc;
}
