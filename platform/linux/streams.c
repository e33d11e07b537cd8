/* Writing to the standard streams, on Linux. */
#include "platform/streams.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *name_of(int fd)
{
    return fd == 2 ? "standard error" : "standard output";
}

static int fail(struct err *e, int fd, int error)
{
    struct stat st;
    if (error == EPIPE || error == ECONNRESET)
        return err_set(e, ERR_CLOSED, "%s: its reader has closed it", name_of(fd));
    if (error == EIO && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode))
        return err_set(e, ERR_CLOSED, "%s: its terminal is gone", name_of(fd));
    if (error == EBADF) return err_set(e, ERR_CLOSED, "%s: it is closed", name_of(fd));
    char reason[128];
    const char *text = strerror(error);
    size_t len = strlen(text);
    if (len >= sizeof reason) len = sizeof reason - 1;
    memcpy(reason, text, len);
    reason[len] = '\0';
    /* "No space ...", but "RPC ..." */
    if (len > 1 && islower((unsigned char)reason[1]))
        reason[0] = (char)tolower((unsigned char)reason[0]);
    return err_set(e, error == ENOSPC || error == EDQUOT || error == EFBIG ? ERR_FULL : ERR_IO,
                   "%s: %s", name_of(fd), reason);
}

/* A reader that went away must come back as EPIPE, also in a program that left SIGPIPE alone. */
static ssize_t write_quietly(int fd, const void *data, size_t len)
{
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ssize_t n = write(fd, data, len);
    int error = errno;
    if (n < 0 && error == EPIPE && !sigismember(&pending, SIGPIPE)) {
        struct timespec now = {0};
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
            continue;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

int fd_write_all(int fd, const void *data, size_t len, struct err *e)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = write_quietly(fd, p, len);
        if (n >= 0) {
            p += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            /* a terminal or pipe that somebody else made non-blocking */
            fd_wait_writable(fd, -1, -1);
        } else if (errno != EINTR) {
            return fail(e, fd, errno);
        }
    }
    return 0;
}

int64_t fd_write_some(int fd, const void *data, size_t len, struct err *e)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    struct stat st;
    if (poll(&p, 1, 0) == 0) return 0;
    /* A pipe that can be written has room for PIPE_BUF bytes (pipe(7)); more would wait. */
    bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!file && len > PIPE_BUF) len = PIPE_BUF;
    ssize_t n = write_quietly(fd, data, len);
    if (n >= 0) return n;
    return errno == EAGAIN || errno == EINTR ? 0 : fail(e, fd, errno);
}

void fd_wait_writable(int fd, int loop_fd, int timeout_ms)
{
    struct pollfd both[] = {{.fd = fd, .events = POLLOUT}, {.fd = loop_fd, .events = POLLIN}};
    (void)poll(both, loop_fd < 0 ? 1 : 2, timeout_ms);
}

int fd_check_open(int fd, struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) return 0;
    return fail(e, fd, EBADF);
}

bool fd_reader_gone(int fd)
{
    struct pollfd p = {.fd = fd};
    struct stat st;
    if (fstat(fd, &st) != 0 || !(S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) return false;
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

bool fd_are_one(void)
{
    struct stat out, error;
    return fstat(1, &out) == 0 && fstat(2, &error) == 0 && out.st_dev == error.st_dev &&
           out.st_ino == error.st_ino;
}

bool fd_is_terminal(int fd)
{
    return isatty(fd) == 1;
}
