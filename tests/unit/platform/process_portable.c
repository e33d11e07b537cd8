/* What platform/process.h promises on every system. The jobs are this program itself, told by its
 * first argument what to be. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/read_budget.h"
#include "platform/service.h"
#include "platform/streams.h"
#include "platform/text.h"
#include "proc_fixture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_MS 30000
#define LONG_LINES 20000

/* ---- as a job ------------------------------------------------------------------------------ */

static void say(int fd, const char *text)
{
    fd_write_all(fd, text, strlen(text), NULL);
}

static int be_args(int argc, char **argv)
{
    for (int i = 2; i < argc; i++) {
        say(1, "<");
        say(1, argv[i]);
        say(1, ">\n");
    }
    return 0;
}

static int be_long(void)
{
    char line[64];
    for (int i = 0; i < LONG_LINES; i++) {
        snprintf(line, sizeof line, "line %09d of a job that talks\n", i);
        say(1, line);
    }
    return 0;
}

/* Writes for ever, as fast as it is read. */
static int be_flood(int fd)
{
    static char block[65536];
    memset(block, 'x', sizeof block);
    while (fd_write_all(fd, block, sizeof block, NULL) == 0) {
    }
    return 0;
}

static void sleep_for_ever(void)
{
    for (;;)
        uv_sleep(1000);
}

static void spawn_self(char *const *args, bool inherit)
{
    uv_loop_t loop;
    uv_process_t child;
    char *self = paths_self();
    uv_stdio_container_t stdio[3] = {{.flags = UV_IGNORE},
                                     {.flags = inherit ? UV_INHERIT_FD : UV_IGNORE, .data.fd = 1},
                                     {.flags = UV_IGNORE}};
    uv_process_options_t o = {.file = self,
                              .args = (char **)args,
                              .flags = UV_PROCESS_DETACHED | UV_PROCESS_WINDOWS_HIDE,
                              .stdio = stdio,
                              .stdio_count = 3};
    uv_loop_init(&loop);
    int rc = uv_spawn(&loop, &child, &o);
    if (rc != 0) {
        say(2, uv_strerror(rc));
        exit(99);
    }
}

/* "tree N": tells its process id, has a child with N-1, and stays. */
static int be_tree(const char *levels)
{
    char text[64];
    int n = (int)strtol(levels, NULL, 10);
    snprintf(text, sizeof text, "pid=%d\n", (int)getpid());
    say(1, text);
    if (n > 1) {
        snprintf(text, sizeof text, "%d", n - 1);
        char *args[] = {"tree", "tree", text, NULL};
        spawn_self(args, true);
    }
    sleep_for_ever();
    return 0;
}

/* Goes at once, and leaves somebody who holds its output open. */
static _Noreturn void be_stray(void)
{
    char *args[] = {"tree", "tree", "1", NULL};
    spawn_self(args, true);
    _Exit(5); /* as it is: what libuv has of the child is not cleaned up */
}

static int be_copy(void)
{
    struct buf b;
    buf_init(&b, 4096);
    if (stdin_read(4096, &b, NULL) != 0) return 1;
    fd_write_all(1, b.data, b.len, NULL);
    buf_fini(&b);
    return 0;
}

static int be_env(const char *name)
{
    const char *value = os_env(name, NULL);
    say(1, value ? value : "(none)");
    return 0;
}

static int be_job(int argc, char **argv)
{
    if (str_eq(argv[1], "args")) return be_args(argc, argv);
    if (str_eq(argv[1], "long")) return be_long();
    if (str_eq(argv[1], "flood")) return be_flood(argc > 2 ? 2 : 1);
    if (str_eq(argv[1], "stray")) be_stray();
    if (str_eq(argv[1], "copy")) return be_copy();
    if (str_eq(argv[1], "tree") && argc > 2) return be_tree(argv[2]);
    if (str_eq(argv[1], "env") && argc > 2) return be_env(argv[2]);
    if (str_eq(argv[1], "exit") && argc > 2) return (int)strtoul(argv[2], NULL, 0);
    if (str_eq(argv[1], "both")) {
        say(1, "to stdout");
        say(2, "to stderr");
        return 0;
    }
    return 98;
}

/* ---- tests --------------------------------------------------------------------------------- */

static bool on_windows(void)
{
    return str_eq(text_default_shell(), "powershell");
}

/* argv[0] is this program, whatever it says. */
static void start_with(struct fixture *f, struct run *r, const char **argv,
                       const char *const *extra_env, const char *stdin_path)
{
    struct err e = {0};
    char *self = paths_self();
    char **base = process_env_base();
    size_t n = 0, m = 0;
    while (base[n])
        n++;
    while (extra_env && extra_env[m])
        m++;
    const char **env = mem_array(n + m + 1, sizeof *env);
    for (size_t i = 0; i < n; i++)
        env[i] = base[i];
    for (size_t i = 0; i < m; i++)
        env[n + i] = extra_env[i];
    if (!argv[0]) argv[0] = self;
    char mark[FIXTURE_MARK_SIZE];
    struct process_options o = {.argv = argv,
                                .env = env,
                                .cwd = f->dir,
                                .stdin_path = stdin_path,
                                .mark = fixture_mark(mark, "06f3k9x2m1c7a-1"),
                                .drain_ms = 300};
    int rc = run_start_with(f, r, &o, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    mem_free(env);
    mem_free(self);
    process_env_free(base);
}

static void run_self(struct fixture *f, struct run *r, const char **argv)
{
    start_with(f, r, argv, NULL, NULL);
    run_wait(f, r, LIMIT_MS);
}

static const char *const awkward[] = {
    "plain",
    "",
    "a b",
    "tab\there",
    "\"",
    "a\"b",
    "\"quoted\"",
    "back\\slash",
    "trailing\\",
    "a b\\",
    "two\\\\",
    "a\\\"b",
    "a\\\\\"b c",
    "\\\\server\\share\\",
    "%PATH%",
    "100%",
    "^",
    "a^b",
    "a&b",
    "a|b",
    "<in",
    ">out",
    "(x)",
    "!x!",
    "'single'",
    "*",
    "?",
    "caf\xc3\xa9",
    "\xe6\x97\xa5\xe6\x9c\xac",
    "\xf0\x9f\x98\x80",
    "; ,=",
    "-x",
    "/c",
};
#define AWKWARD (sizeof awkward / sizeof *awkward)

/* argv[from ...] is what the job said that it was given. */
static void expect_arguments(const struct run *r, const char *const *argv, size_t from)
{
    struct buf wanted;
    buf_init(&wanted, 65536);
    for (size_t i = from; argv[i]; i++)
        buf_addf(&wanted, "<%s>\n", argv[i]);
    assert_string_equal(r->out.data, wanted.data);
    buf_fini(&wanted);
}

static void arguments__arrive_as_they_were_given(void **state)
{
    const char *argv[AWKWARD + 3] = {NULL, "args"};
    struct run r = {0};
    memcpy(argv + 2, awkward, sizeof awkward);
    run_self(*state, &r, argv);
    assert_int_equal(r.end.exit_code, 0);
    expect_arguments(&r, argv, 2);
    run_fini(&r);
}

static void exit_codes__come_through(void **state)
{
    static const char *const codes[] = {"0", "1", "2", "42", "127", "255"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const char *argv[] = {NULL, "exit", codes[i], NULL};
        struct run r = {0};
        run_self(*state, &r, argv);
        assert_int_equal(r.end.exit_code, strtoul(codes[i], NULL, 0));
        assert_int_equal(r.end.signal, 0);
        assert_false(r.end.stray);
        run_fini(&r);
    }
}

static void exit_codes__keep_32_bits__where_the_system_has_them(void **state)
{
    const char *argv[] = {NULL, "exit", "0xC0000005", NULL};
    struct run r = {0};
    run_self(*state, &r, argv);
    assert_int_equal(r.end.exit_code, on_windows() ? 0xC0000005u : 5u);
    run_fini(&r);
}

static void streams__are_told_apart(void **state)
{
    const char *argv[] = {NULL, "both", NULL};
    struct run r = {0};
    run_self(*state, &r, argv);
    assert_string_equal(r.out.data, "to stdout");
    assert_string_equal(r.err.data, "to stderr");
    run_fini(&r);
}

static void output__arrives_whole_before_the_end(void **state)
{
    const char *argv[] = {NULL, "long", NULL};
    char last[64];
    struct run r = {0};
    run_self(*state, &r, argv);
    snprintf(last, sizeof last, "line %09d of a job that talks\n", LONG_LINES - 1);
    assert_int_equal(r.out.len, strlen(last) * LONG_LINES);
    assert_string_equal(r.out.data + r.out.len - strlen(last), last);
    run_fini(&r);
}

static void stdin__is_the_file__byte_for_byte(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "one\r\ntwo\n\x1a three";
    char *path = paths_join(f->dir, "input");
    const char *argv[] = {NULL, "copy", NULL};
    struct run r = {0};
    assert_int_equal(file_write_plain(path, text, sizeof text - 1, FILE_SECRET, NULL), 0);
    start_with(f, &r, argv, NULL, path);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.out.len, sizeof text - 1);
    assert_memory_equal(r.out.data, text, sizeof text - 1);
    run_fini(&r);
    mem_free(path);
}

static void stdin__without_a_file__is_at_its_end(void **state)
{
    const char *argv[] = {NULL, "copy", NULL};
    struct run r = {0};
    run_self(*state, &r, argv);
    assert_int_equal(r.end.exit_code, 0);
    assert_int_equal(r.out.len, 0);
    run_fini(&r);
}

static void environment__is_what_was_given__the_last_of_a_name_counts(void **state)
{
    static const char *const extra[] = {"CADRE_TEST=caf\xc3\xa9 = 1", NULL};
    const char *argv[] = {NULL, "env", "CADRE_TEST", NULL};
    struct run r = {0};
    start_with(*state, &r, argv, extra, NULL);
    run_wait(*state, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "caf\xc3\xa9 = 1");
    run_fini(&r);
    if (!on_windows()) return;
    /* names differ in case only: one variable */
    static const char *const twice[] = {"Cadre_Test=old", "CADRE_TEST=new", NULL};
    const char *again[] = {NULL, "env", "cadre_test", NULL};
    start_with(*state, &r, again, twice, NULL);
    run_wait(*state, &r, LIMIT_MS);
    assert_string_equal(r.out.data, "new");
    run_fini(&r);
}

static void commands_that_are_not_there__are_told_from_folders(void **state)
{
    struct fixture *f = *state;
    static const char *const env[] = {"PATH=", NULL};
    char *self = paths_self(), *gone = paths_join(f->dir, "gone");
    const char *const none[] = {"cadre-no-such-command", NULL}, *const lost[] = {gone, NULL};
    const char *const fine[] = {self, "exit", "0", NULL};
    struct process_options o = {
        .argv = none, .env = env, .cwd = f->dir, .mark = "m-1", .drain_ms = 100};
    struct err e = {0};
    struct run r = {0};
    assert_int_equal(run_start_with(f, &r, &o, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "cadre-no-such-command"));
    o.argv = lost;
    assert_int_equal(run_start_with(f, &r, &o, &e), ERR_NOT_FOUND);
    o.argv = fine;
    o.cwd = gone;
    assert_int_equal(run_start_with(f, &r, &o, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, gone));
    mem_free(self);
    mem_free(gone);
}

static void files_that_are_no_programs__are_denied(void **state)
{
    struct fixture *f = *state;
    char *path = paths_join(f->dir, "notes.txt");
    const char *const argv[] = {path, NULL};
    static const char *const env[] = {"PATH=", NULL};
    struct process_options o = {
        .argv = argv, .env = env, .cwd = f->dir, .mark = "m-1", .drain_ms = 100};
    struct err e = {0};
    struct run r = {0};
    assert_int_equal(file_write_plain(path, "hello", 5, FILE_PUBLIC, NULL), 0);
    assert_int_equal(run_start_with(f, &r, &o, &e), ERR_DENIED);
    mem_free(path);
}

static int count_pids(const char *text, int64_t *pids, int max)
{
    int n = 0;
    for (const char *p = text; n < max && (p = strstr(p, "pid=")); p++) {
        if (strchr(p, '\n')) pids[n++] = strtoll(p + 4, NULL, 10);
    }
    return n;
}

static void wait_gone(int64_t pid)
{
    for (int i = 0; i < LIMIT_MS && process_is_alive(pid); i++)
        uv_sleep(1);
    assert_false(process_is_alive(pid));
}

static void wait_levels(struct fixture *f, struct run *r, int64_t *pids, int levels)
{
    while (!r->ended && count_pids(r->out.data, pids, levels) < levels)
        uv_run(&f->loop, UV_RUN_ONCE);
    assert_int_equal(count_pids(r->out.data, pids, levels), levels);
    for (int i = 0; i < levels; i++)
        assert_true(process_is_alive(pids[i]));
}

static void kill__ends_three_levels(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {NULL, "tree", "3", NULL};
    struct run r = {0};
    int64_t pids[3];
    start_with(f, &r, argv, NULL, NULL);
    wait_levels(f, &r, pids, 3);
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.exit_code, 137);
    for (int i = 0; i < 3; i++)
        wait_gone(pids[i]);
    run_fini(&r);
}

static void giving_a_process_up__ends_its_tree(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {NULL, "tree", "2", NULL};
    struct run r = {0};
    int64_t pids[2];
    start_with(f, &r, argv, NULL, NULL);
    wait_levels(f, &r, pids, 2);
    process_free(r.process);
    for (int i = 0; i < 2; i++)
        wait_gone(pids[i]);
    assert_int_equal(r.ends, 0);
    run_fini(&r);
}

static void a_stray_that_holds_the_pipe__is_waited_for_briefly_and_ended(void **state)
{
    const char *argv[] = {NULL, "stray", NULL};
    struct run r = {0};
    int64_t pid;
    run_self(*state, &r, argv);
    assert_int_equal(r.end.exit_code, 5);
    assert_true(r.end.stray);
    if (count_pids(r.out.data, &pid, 1) == 1) wait_gone(pid);
    run_fini(&r);
}

static void identity__does_not_hit_one_that_has_ended(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {NULL, "tree", "1", NULL};
    char identity[PROCESS_IDENTITY_SIZE];
    struct run r = {0};
    int64_t pid;
    int killed = -1;
    start_with(f, &r, argv, NULL, NULL);
    assert_int_equal(process_identity(r.process, identity), 0);
    wait_levels(f, &r, &pid, 1);
    process_kill(r.process);
    run_wait(f, &r, LIMIT_MS);
    char mark[FIXTURE_MARK_SIZE];
    fixture_mark(mark, "06f3k9x2m1c7a-1");
    assert_int_equal(process_kill_leftover(identity, mark, &killed, NULL), 0);
    assert_int_equal(killed, 0);
    run_fini(&r);
}

static void a_remnant__is_told_of_and_tried_again(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    struct process_list left;
    char remnant[PROCESS_REMNANT_SIZE], mark[FIXTURE_MARK_SIZE];
    const char *argv[] = {NULL, "tree", "1", NULL};
    start_with(f, &r, argv, NULL, NULL);
    run_wait_output(f, &r, "pid=");
    assert_int_equal(process_remnant(r.process, remnant), 0);
    fixture_mark(mark, "06f3k9x2m1c7a-1");
    process_watch_remnant(NULL, "1 1 x 1 1:1", "another-1", &left);
    assert_int_equal(left.count, 0);
    assert_true(process_is_alive(process_pid(r.process)));
    process_watch_remnant(NULL, remnant, mark, &left);
    assert_int_equal(left.count, 1);
    assert_int_equal(left.ids[0].pid, process_pid(r.process));
    run_wait(f, &r, LIMIT_MS);
    process_watch_remnant(NULL, remnant, mark, &left);
    assert_int_equal(left.count, 0);
    run_fini(&r);
}

static void batch_files__get_arguments_and_give_exit_codes(void **state)
{
    struct fixture *f = *state;
    if (!on_windows()) skip();
    char *self = paths_self(), *path = paths_join(f->dir, "a batch.cmd");
    char *text = str_dupf("@\"%s\" args %%*\r\n@exit /b 17\r\n", self);
    const char *argv[AWKWARD + 2] = {path};
    size_t n = 1;
    struct run r = {0};
    assert_int_equal(file_write_plain(path, text, strlen(text), FILE_PUBLIC, NULL), 0);
    /* how quotes come out is up to the program that a batch file hands its arguments to, and Wine's
     * cmd knows less about percent signs than Microsoft's: for these see the next test */
    for (size_t i = 0; i < AWKWARD; i++) {
        if (!strpbrk(awkward[i], "\"%")) argv[n++] = awkward[i];
    }
    run_self(f, &r, argv);
    assert_int_equal(r.end.exit_code, 17);
    expect_arguments(&r, argv, 1);
    run_fini(&r);
    mem_free(text);
    mem_free(path);
    mem_free(self);
}

static void batch_files__cannot_be_made_to_run_what_an_argument_says(void **state)
{
    struct fixture *f = *state;
    if (!on_windows()) skip();
    static const char *const attacks[] = {"\"&exit 66&\"", "x\" & exit 66 & \"",
                                          "%COMSPEC:~0,0%& exit 66", "^\"&exit 66",
                                          "\\\"&exit 66&\\\""};
    char *path = paths_join(f->dir, "quiet.cmd");
    static const char text[] = "@exit /b 17\r\n";
    assert_int_equal(file_write_plain(path, text, strlen(text), FILE_PUBLIC, NULL), 0);
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        const char *argv[] = {path, attacks[i], NULL};
        struct run r = {0};
        run_self(f, &r, argv);
        assert_int_equal(r.end.exit_code, 17);
        run_fini(&r);
    }
    mem_free(path);
}

/* One turn of the loop, and what it read of the floods: of any one, and of all. */
static size_t flood_turn(struct fixture *f, struct run *floods, size_t count, size_t *most)
{
    size_t all = 0;
    for (size_t i = 0; i < count; i++)
        floods[i].out_bytes = 0;
    uv_run(&f->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < count; i++) {
        if (floods[i].out_bytes > *most) *most = floods[i].out_bytes;
        all += floods[i].out_bytes;
    }
    return all;
}

static void one_turn__reads_a_bounded_amount_of_each_and_of_all(void **state)
{
    enum { FLOODS = 10, TURNS = 500 };
    struct fixture *f = *state;
    struct run floods[FLOODS] = {0}, quiet = {0};
    size_t most = 0, total[FLOODS] = {0};
    for (int i = 0; i < FLOODS; i++) {
        const char *argv[] = {NULL, "flood", NULL};
        start_with(f, &floods[i], argv, NULL, NULL);
        floods[i].keep = false;
    }
    /* on a loaded machine the last of them begins late */
    for (int turn = 0, silent = FLOODS; turn < TURNS || silent > 0; turn++) {
        assert_true(flood_turn(f, floods, FLOODS, &most) <= READ_BUDGET_ALL);
        silent = 0;
        for (int i = 0; i < FLOODS; i++) {
            total[i] += floods[i].out_bytes;
            silent += total[i] == 0;
        }
    }
    assert_true(most <= READ_BUDGET_STREAM);
    /* what a quiet one says, and its end, come through among them */
    const char *argv[] = {NULL, "both", NULL};
    start_with(f, &quiet, argv, NULL, NULL);
    run_wait(f, &quiet, LIMIT_MS);
    assert_string_equal(quiet.out.data, "to stdout");
    assert_string_equal(quiet.err.data, "to stderr");
    for (int i = 0; i < FLOODS; i++) {
        process_kill(floods[i].process);
        run_wait(f, &floods[i], LIMIT_MS);
        run_fini(&floods[i]);
    }
    run_fini(&quiet);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static int body(int argc, char **argv, void *user)
{
    (void)user;
    if (argc > 1) return be_job(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(arguments__arrive_as_they_were_given),
        TEST(exit_codes__come_through),
        TEST(exit_codes__keep_32_bits__where_the_system_has_them),
        TEST(streams__are_told_apart),
        TEST(output__arrives_whole_before_the_end),
        TEST(stdin__is_the_file__byte_for_byte),
        TEST(stdin__without_a_file__is_at_its_end),
        TEST(environment__is_what_was_given__the_last_of_a_name_counts),
        TEST(commands_that_are_not_there__are_told_from_folders),
        TEST(files_that_are_no_programs__are_denied),
        TEST(kill__ends_three_levels),
        TEST(giving_a_process_up__ends_its_tree),
        TEST(a_stray_that_holds_the_pipe__is_waited_for_briefly_and_ended),
        TEST(identity__does_not_hit_one_that_has_ended),
        TEST(a_remnant__is_told_of_and_tried_again),
        TEST(batch_files__get_arguments_and_give_exit_codes),
        TEST(batch_files__cannot_be_made_to_run_what_an_argument_says),
        TEST(one_turn__reads_a_bounded_amount_of_each_and_of_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    return service_main("cadre-test", body, argc, argv, NULL);
}
