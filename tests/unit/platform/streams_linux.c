/* Writing to the standard streams: full disks, readers that left, readers that are slow. */
#include "scratch.h"
#include "platform/streams.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void writing_to_nobody__is_closed_and_no_signal(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    close(fds[0]);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(fd_write_all(fds[1], "x", 1, NULL), ERR_CLOSED);
    assert_int_equal(fd_write_all(fds[1], "", 0, NULL), 0);
    close(fds[1]);
}

static void writing_to_a_slow_reader__ends_when_all_is_written(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    size_t len = 300000;
    pid_t pid = fork();
    if (pid == 0) {
        size_t total = 0;
        char chunk[4096];
        close(fds[1]);
        for (;;) {
            struct pollfd p = {.fd = fds[0], .events = POLLIN};
            poll(&p, 1, -1);
            ssize_t n = read(fds[0], chunk, sizeof chunk);
            if (n == 0) _exit(total == len ? 0 : 1);
            if (n > 0) total += (size_t)n;
        }
    }
    close(fds[0]);
    char *data = mem_alloc(len);
    assert_int_equal(fd_write_all(fds[1], data, len, NULL), 0);
    close(fds[1]);
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    mem_free(data);
}

static void a_full_disk__is_told_as_such(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_int_equal(fd_write_all(fd, "x", 1, &e), ERR_FULL);
    assert_string_equal(e.msg, "standard output: no space left on device");
    assert_int_equal(fd_write_some(fd, "x", 1, &e), ERR_FULL);
    close(fd);
}

static void what_a_pipe_takes_without_waiting__is_written_and_no_more(void **state)
{
    (void)state;
    int fds[2];
    char block[10000] = {0};
    int64_t n, total = 0;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    while ((n = fd_write_some(fds[1], block, sizeof block, NULL)) > 0)
        total += n;
    assert_int_equal(n, 0);
    assert_int_equal(total, fcntl(fds[1], F_GETPIPE_SZ));
    /* Neither waits for the pipe: a byte at the other end is enough. */
    int other[2];
    assert_int_equal(pipe2(other, O_CLOEXEC), 0);
    assert_int_equal(write(other[1], "x", 1), 1);
    fd_wait_writable(fds[1], other[0], -1);
    assert_int_equal(read(fds[0], block, sizeof block), sizeof block);
    fd_wait_writable(fds[1], -1, -1);
    assert_true(fd_write_some(fds[1], block, sizeof block, NULL) > 0);
    close(fds[0]);
    assert_int_equal(fd_write_some(fds[1], "x", 1, NULL), ERR_CLOSED);
    close(fds[1]);
    close(other[0]);
    close(other[1]);
}

static void a_reader_that_left__is_seen_without_writing(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_false(fd_reader_gone(fds[1]));
    close(fds[0]);
    assert_true(fd_reader_gone(fds[1]));
    close(fds[1]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_false(fd_reader_gone(fds[1]));
    close(fds[0]);
    assert_true(fd_reader_gone(fds[1]));
    close(fds[1]);
    int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    assert_false(fd_reader_gone(fd));
    close(fd);
}

static void a_stream_that_cannot_be_written__is_seen_before_anything_is_done(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fd_check_open(fd, &e), ERR_CLOSED);
    assert_string_equal(e.msg, "standard output: it is closed");
    close(fd);
    assert_int_equal(fd_check_open(fd, NULL), ERR_CLOSED);
    fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    assert_int_equal(fd_check_open(fd, NULL), 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writing_to_nobody__is_closed_and_no_signal),
        cmocka_unit_test(writing_to_a_slow_reader__ends_when_all_is_written),
        cmocka_unit_test(a_full_disk__is_told_as_such),
        cmocka_unit_test(what_a_pipe_takes_without_waiting__is_written_and_no_more),
        cmocka_unit_test(a_reader_that_left__is_seen_without_writing),
        cmocka_unit_test(a_stream_that_cannot_be_written__is_seen_before_anything_is_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
