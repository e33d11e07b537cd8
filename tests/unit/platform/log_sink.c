/* Lines on standard error and in a file, as the journal or a person wants them. */
#include "scratch.h"

#include "platform/log_sink.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is written to standard error meanwhile goes to a file of the scratch folder. */
struct capture {
    char *path;
    int saved, fd;
};

static void capture_begin(struct capture *c, const char *folder)
{
    c->path = paths_join(folder, "stderr");
    c->fd = open(c->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    c->saved = dup(2);
    dup2(c->fd, 2);
}

static void capture_end(struct capture *c, struct buf *out)
{
    dup2(c->saved, 2);
    close(c->saved);
    close(c->fd);
    buf_init(out, 4 * 1024 * 1024);
    assert_int_equal(file_read(c->path, 4 * 1024 * 1024, out, NULL), 0);
    mem_free(c->path);
}

static void the_journal__gets_priorities(void **state)
{
    struct capture c;
    struct buf out;
    struct stat st;
    char stream[64];
    capture_begin(&c, *state);
    fstat(2, &st);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_sink_open(NULL, NULL);
    log_set_level(LOG_DEBUG);
    log_error("broken");
    log_warn("odd");
    log_info("fine key=%d", 5);
    log_debug("detail");
    log_sink_close();
    log_info("after the end");
    log_set_level(LOG_INFO);
    capture_end(&c, &out);
    assert_string_equal(out.data, "<3>broken\n<4>odd\n<6>fine key=5\n<7>detail\n");
    buf_fini(&out);
    unsetenv("JOURNAL_STREAM");
}

static void check_stamped(const char *line, const char *rest)
{
    /* 2026-01-02T03:04:05.678Z */
    assert_int_equal(line[4], '-');
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    assert_true(str_starts(line + 24, rest));
}

static void a_person__gets_the_time(void **state)
{
    static const char *const streams[] = {NULL,  "",  "nonsense",
                                          "1:1", "1", "99999999999999999999:1"};
    for (size_t i = 0; i < 6; i++) {
        struct capture c;
        struct buf out;
        /* a stream that is not ours: somebody redirected standard error */
        if (streams[i]) {
            setenv("JOURNAL_STREAM", streams[i], 1);
        } else {
            unsetenv("JOURNAL_STREAM");
        }
        capture_begin(&c, *state);
        log_sink_open(NULL, NULL);
        log_warn("a line\nand \x1b[31mno other");
        log_sink_close();
        capture_end(&c, &out);
        check_stamped(out.data, " warn  a line\\x0aand \\x1b[31mno other\n");
        buf_fini(&out);
    }
    unsetenv("JOURNAL_STREAM");
}

static void a_file__is_written_too_and_appended_to(void **state)
{
    struct capture c;
    struct buf out, file;
    char *path = paths_join(*state, "agent.log");
    assert_int_equal(file_write_plain(path, "before\n", 7, FILE_PUBLIC, NULL), 0);
    capture_begin(&c, *state);
    assert_int_equal(log_sink_open(path, NULL), 0);
    log_error("both");
    log_sink_close();
    capture_end(&c, &out);
    buf_init(&file, 65536);
    assert_int_equal(file_read(path, 65536, &file, NULL), 0);
    assert_true(str_starts(file.data, "before\n"));
    assert_string_equal(file.data + 7, out.data);
    check_stamped(out.data, " error both\n");
    buf_fini(&file);
    buf_fini(&out);
    mem_free(path);
}

static void a_file_that_cannot_be_opened__is_an_error(void **state)
{
    struct err e = {0};
    char *folder = paths_join(*state, "missing");
    char *path = paths_join(folder, "agent.log");
    assert_int_equal(log_sink_open(path, &e), ERR_IO);
    assert_non_null(strstr(e.msg, path));
    assert_false(log_enabled(LOG_ERROR));
    mem_free(path);
    mem_free(folder);
}

static void a_large_file__is_rotated_and_five_are_kept(void **state)
{
    struct capture c;
    struct buf out;
    char *path = paths_join(*state, "agent.log");
    capture_begin(&c, *state);
    for (int round = 0; round < 8; round++) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        assert_int_equal(ftruncate(fd, 10 * 1024 * 1024), 0);
        close(fd);
        assert_int_equal(log_sink_open(path, NULL), 0);
        log_info("round %d", round);
        log_sink_close();
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size < 200);
    }
    capture_end(&c, &out);
    buf_fini(&out);
    for (int i = 1; i <= 6; i++) {
        char *old = str_dupf("%s.%d", path, i);
        assert_int_equal(file_exists(old), i <= 5);
        mem_free(old);
    }
    mem_free(path);
}

static void *write_many(void *user)
{
    for (int i = 0; i < 200; i++)
        log_info("thread %d line %d of many that shall stay whole", *(int *)user, i);
    return NULL;
}

static void threads__do_not_mix_their_lines(void **state)
{
    struct capture c;
    struct buf out;
    pthread_t threads[4];
    int numbers[4] = {0, 1, 2, 3}, lines = 0;
    capture_begin(&c, *state);
    log_sink_open(NULL, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, &numbers[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    log_sink_close();
    capture_end(&c, &out);
    for (char *line = out.data, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        assert_true(str_ends(line, " of many that shall stay whole"));
        check_stamped(line, " info  thread ");
        lines++;
    }
    assert_int_equal(lines, 800);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(the_journal__gets_priorities),
        SCRATCH_CASE(a_person__gets_the_time),
        SCRATCH_CASE(a_file__is_written_too_and_appended_to),
        SCRATCH_CASE(a_file_that_cannot_be_opened__is_an_error),
        SCRATCH_CASE(a_large_file__is_rotated_and_five_are_kept),
        SCRATCH_CASE(threads__do_not_mix_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
