/* Every reader of small files and pipes, with everything that may lie where one is expected. */
#include "scratch.h"

#include "base/opt.h"
#include "platform/config_file.h"
#include "platform/text_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT 4096
#define HANG_SECONDS 120 /* a reader that waits for nobody is ended, and the test fails */
#define WHAT "a word"

/* ---- what lies there ---- */

static void put(const char *path, const char *data, size_t len)
{
    assert_int_equal(file_write_plain(path, data, len, FILE_PUBLIC, NULL), 0);
}

static void make_nothing(const char *path)
{
    put(path, "", 0);
}

static void make_line_break(const char *path)
{
    put(path, "\n", 1);
}

static void make_blanks(const char *path)
{
    put(path, "  \r\n\r\n ", 7);
}

static void make_mark(const char *path)
{
    put(path, "\xef\xbb\xbf", 3);
}

static void make_mark_and_break(const char *path)
{
    put(path, "\xef\xbb\xbf\r\n", 5);
}

static void make_nul(const char *path)
{
    put(path, "key: a\0b\n", 9);
}

static void make_lone_nul(const char *path)
{
    put(path, "", 1);
}

static void make_latin(const char *path)
{
    put(path, "key: gr\xfcn\n", 10);
}

static void make_word(const char *path)
{
    put(path, "key: word", 9);
}

static void make_word_in_crlf(const char *path)
{
    put(path, "\r\nkey: word\r\n", 13);
}

static void make_word_in_utf16(const char *path)
{
    put(path, "\xff\xfek\0e\0y\0:\0 \0w\0o\0r\0d\0\r\0\n\0", 24);
}

static void make_marked_word(const char *path)
{
    put(path, "\xef\xbb\xbfkey: word\n", 13);
}

static void make_huge(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    char *line = mem_alloc(1024 * 1024);
    memset(line, 'a', 1024 * 1024);
    for (int i = 0; i < 11; i++)
        assert_int_equal(write(fd, line, 1024 * 1024), 1024 * 1024);
    mem_free(line);
    close(fd);
}

static void make_endless(const char *path)
{
    assert_int_equal(symlink("/dev/zero", path), 0);
}

static void make_device_without_bytes(const char *path)
{
    assert_int_equal(symlink("/dev/null", path), 0);
}

static void make_folder(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_link_to_folder(const char *path)
{
    assert_int_equal(symlink("/", path), 0);
}

static void make_dangling(const char *path)
{
    assert_int_equal(symlink("nowhere", path), 0);
}

static void make_loop(const char *path)
{
    assert_int_equal(symlink(path, path), 0);
}

static void make_pipe_without_writer(const char *path)
{
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void make_link_to_such_a_pipe(const char *path)
{
    char *pipe = str_dupf("%s.pipe", path);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(symlink(pipe, path), 0);
    mem_free(pipe);
}

static void make_socket(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(str_copy(at.sun_path, sizeof at.sun_path, path), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    close(fd);
}

static void make_forbidden(const char *path)
{
    put(path, "key: word", 9);
    assert_int_equal(chmod(path, 0), 0);
}

static void make_absent(const char *path)
{
    (void)path;
}

/* ---- who reads ---- */

enum as { AS_BYTES, AS_TEXT, AS_WORD, AS_CONFIG, AS_COUNT };

static int read_config(const char *path, struct buf *out, struct err *e)
{
    struct values {
        char *key;
    } values = {0};
    static const struct opt options[] = {
        {.key = "key", .type = OPT_STRING, .offset = offsetof(struct values, key), .help = "h"}};
    struct opt_set set;
    opt_init(&set, options, 1, &values);
    int rc = config_file_load(&set, path, true, e);
    if (rc == 0 && values.key) (void)buf_addf(out, "key: %s", values.key);
    opt_fini(&set);
    return rc;
}

static int read_as(enum as as, const char *path, struct buf *out, struct err *e)
{
    switch (as) {
    case AS_BYTES:
        return str_eq(path, "-") ? stdin_read(LIMIT, out, e) : file_read(path, LIMIT, out, e);
    case AS_TEXT:
        return text_input_read(path, LIMIT, out, e);
    case AS_WORD:
        return text_word_read(path, WHAT, LIMIT, out, e);
    default:
        return read_config(path, out, e);
    }
}

/* ---- the table ---- */

struct input {
    const char *name;
    void (*make)(const char *path);
    int rc[AS_COUNT];
    const char *says[AS_COUNT]; /* a part of the message; NULL: nothing is said */
    bool no_stdin;              /* a shell cannot open it either, or waits itself */
};

#define ALL(code)                                                                                  \
    {                                                                                              \
        code, code, code, code                                                                     \
    }
#define SAY(text)                                                                                  \
    {                                                                                              \
        text, text, text, text                                                                     \
    }
#define LARGE ALL(ERR_TOO_LARGE), SAY("larger than")
#define EMPTY_WORD "is empty; a word is expected there"
#define BLANK                                                                                      \
    {0, 0, ERR_INVALID, 0},                                                                        \
    {                                                                                              \
        NULL, NULL, EMPTY_WORD, NULL                                                               \
    }
#define NO_TEXT(text)                                                                              \
    {0, ERR_INVALID, ERR_INVALID, ERR_INVALID},                                                    \
    {                                                                                              \
        NULL, text, text, text                                                                     \
    }
#define FINE                                                                                       \
    ALL(0),                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL, NULL                                                                     \
    }

static const struct input inputs[] = {
    {"empty", make_nothing, BLANK, false},
    {"a lone line break", make_line_break, BLANK, false},
    {"blanks", make_blanks, BLANK, false},
    {"a lone mark", make_mark, BLANK, false},
    {"a mark and a line break", make_mark_and_break, BLANK, false},
    {"/dev/null", make_device_without_bytes, BLANK, false},
    {"a NUL", make_nul, NO_TEXT("line 1: a NUL"), false},
    {"nothing but a NUL", make_lone_nul, NO_TEXT("line 1: a NUL"), false},
    {"another encoding", make_latin, NO_TEXT("not UTF-8"), false},
    {"a word", make_word, FINE, false},
    {"CRLF", make_word_in_crlf, FINE, false},
    {"UTF-16", make_word_in_utf16, FINE, false},
    {"a mark", make_marked_word, FINE, false},
    {"11 MB", make_huge, LARGE, false},
    {"/dev/zero", make_endless, LARGE, false},
    {"a folder", make_folder, ALL(ERR_IO), SAY("is a folder; a file is expected"), true},
    {"a link to one", make_link_to_folder, ALL(ERR_IO), SAY("is a folder"), true},
    {"a dangling link", make_dangling, ALL(ERR_IO), SAY("a link to nowhere, which is not"), true},
    {"a loop of links", make_loop, ALL(ERR_IO), SAY("cannot open"), true},
    {"a pipe without a writer", make_pipe_without_writer, ALL(ERR_IO), SAY("nobody writes to"),
     true},
    {"a link to one", make_link_to_such_a_pipe, ALL(ERR_IO), SAY("nobody writes to"), true},
    {"a socket", make_socket, ALL(ERR_IO), SAY("is a socket"), true},
    {"no permission", make_forbidden, ALL(ERR_DENIED), SAY("Permission denied"), true},
    {"nothing", make_absent, ALL(ERR_NOT_FOUND), SAY("No such file"), true},
};

/* What was read is checked for the word alone; `name` has to be in what is said. */
static void check(const struct input *in, enum as as, const char *path, const char *name)
{
    struct buf out;
    struct err e = {0};
    buf_init(&out, 64 * 1024);
    (void)buf_adds(&out, "before|");
    (void)alarm(HANG_SECONDS);
    int rc = read_as(as, path, &out, &e);
    (void)alarm(0);
    if (rc != in->rc[as]) print_error("%s (%d): %d, %s\n", in->name, as, rc, e.msg);
    assert_int_equal(rc, in->rc[as]);
    if (rc != 0) {
        assert_string_equal(out.data, "before|");
        if (!strstr(e.msg, in->says[as])) print_error("%s (%d): %s\n", in->name, as, e.msg);
        assert_non_null(strstr(e.msg, in->says[as]));
        assert_non_null(strstr(e.msg, name));
    } else if (in->rc[AS_WORD] == 0 && (as == AS_WORD || as == AS_CONFIG)) {
        assert_string_equal(out.data, "before|key: word");
    }
    buf_fini(&out);
}

/* Root may read everything. */
static void check_as_somebody(const struct input *in, enum as as, const char *path)
{
    bool root = geteuid() == 0 && in->rc[as] == ERR_DENIED;
    if (root) assert_int_equal(seteuid(65534), 0);
    check(in, as, path, path);
    if (root) assert_int_equal(seteuid(0), 0);
}

static void every_input__is_read_or_told_with_its_name(void **state)
{
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        char *name = str_dupf("%zu", i);
        char *path = paths_join(*state, name);
        inputs[i].make(path);
        for (enum as as = 0; as < AS_COUNT; as++)
            check_as_somebody(&inputs[i], as, path);
        mem_free(path);
        mem_free(name);
    }
}

/* Replaces standard input, for as long as a case takes. */
static int stdin_swap(int fd)
{
    int old = fcntl(0, F_DUPFD_CLOEXEC, 3);
    assert_int_equal(dup2(fd, 0), 0);
    close(fd);
    return old;
}

static void stdin_back(int old)
{
    assert_int_equal(dup2(old, 0), 0);
    close(old);
}

static void every_input__as_standard_input__is_read_or_told(void **state)
{
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        if (inputs[i].no_stdin) continue;
        char *name = str_dupf("%zu", i);
        char *path = paths_join(*state, name);
        inputs[i].make(path);
        for (enum as as = 0; as < AS_CONFIG; as++) {
            int old = stdin_swap(open(path, O_RDONLY | O_CLOEXEC));
            check(&inputs[i], as, "-", "standard input");
            stdin_back(old);
        }
        mem_free(path);
        mem_free(name);
    }
}

static void standard_input__that_is_a_folder_or_closed__is_told(void **state)
{
    struct err e = {0};
    struct buf out;
    buf_init(&out, 64);
    int old = stdin_swap(open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    assert_int_equal(text_word_read("-", WHAT, 64, &out, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "standard input"));
    close(0);
    assert_int_equal(text_word_read("-", WHAT, 64, &out, &e), ERR_CLOSED);
    assert_string_equal(e.msg, "standard input is closed");
    /* as platform/service.h holds the place of a closed one */
    assert_int_equal(open("/dev/null", O_WRONLY), 0);
    assert_int_equal(text_word_read("-", WHAT, 64, &out, &e), ERR_CLOSED);
    stdin_back(old);
    buf_fini(&out);
}

/* ---- pipes with a writer ---- */

static bool is_asleep(pid_t pid)
{
    char line[256] = {0};
    char *path = str_dupf("/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f) (void)fclose(f);
    mem_free(path);
    const char *end = n > 0 ? strrchr(line, ')') : NULL;
    return end && end[1] == ' ' && end[2] == 'S';
}

/* Writes when the reader waits, or else a little later. */
static pid_t start_writer(int fd, const char *text)
{
    pid_t reader = getpid(), child = fork();
    if (child != 0) return child;
    for (int i = 0; i < 1000 && !is_asleep(reader); i++)
        (void)usleep(1000);
    ssize_t n = write(fd, text, strlen(text));
    _exit(n == (ssize_t)strlen(text) ? 0 : 1);
}

static void a_pipe_with_a_writer__is_read_to_its_end(void **state)
{
    static const char *const texts[] = {"word\n", "w"};
    char *path = paths_join(*state, "pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf out;
        struct err e = {0};
        int status = 0;
        buf_init(&out, 64);
        /* holds what was written, should the writer be done before the pipe is opened */
        int holder = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        pid_t child = start_writer(fd, texts[i]);
        close(fd);
        (void)alarm(HANG_SECONDS);
        assert_int_equal(file_read(path, 64, &out, &e), 0);
        (void)alarm(0);
        assert_string_equal(out.data, texts[i]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        close(holder);
        buf_fini(&out);
    }
    mem_free(path);
}

/* As a shell's <(command) gives it. */
static void an_anonymous_pipe__is_read_by_its_path(void **state)
{
    (void)state;
    int ends[2];
    static const char *const texts[] = {"word", ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf out;
        buf_init(&out, 64);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        size_t len = strlen(texts[i]);
        assert_int_equal(write(ends[1], texts[i], len), (int)len);
        close(ends[1]);
        char *path = str_dupf("/dev/fd/%d", ends[0]);
        assert_int_equal(file_read(path, 64, &out, NULL), 0);
        assert_string_equal(out.data, texts[i]);
        mem_free(path);
        close(ends[0]);
        buf_fini(&out);
    }
}

static void a_limit__holds_to_the_byte(void **state)
{
    char *path = paths_join(*state, "file");
    char *data = mem_alloc(LIMIT + 1);
    memset(data, 'a', LIMIT + 1);
    for (size_t more = 0; more < 2; more++) {
        put(path, data, LIMIT + more);
        for (enum as as = 0; as < AS_CONFIG; as++) {
            struct buf out;
            struct err e = {0};
            buf_init(&out, 64 * 1024);
            assert_int_equal(read_as(as, path, &out, &e), more ? ERR_TOO_LARGE : 0);
            assert_int_equal(out.len, more ? 0 : LIMIT);
            if (more) assert_non_null(strstr(e.msg, "larger than 4096 bytes"));
            buf_fini(&out);
        }
    }
    mem_free(data);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(every_input__is_read_or_told_with_its_name),
        SCRATCH_CASE(every_input__as_standard_input__is_read_or_told),
        SCRATCH_CASE(standard_input__that_is_a_folder_or_closed__is_told),
        SCRATCH_CASE(a_pipe_with_a_writer__is_read_to_its_end),
        SCRATCH_CASE(an_anonymous_pipe__is_read_by_its_path),
        SCRATCH_CASE(a_limit__holds_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
