/* What only Windows has about a job's processes; the rest is in process_portable.c. The program is
 * its own job: started again with a role as argument. */
#include "scratch.h"

#include "proc_fixture.h"

#include "platform/windows/wide.h"

#include <windows.h>
#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MS 60000

/* ---- the job's side ------------------------------------------------------------------------ */

static void say(const char *text)
{
    DWORD n;
    WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), text, (DWORD)strlen(text), &n, NULL);
}

static void say_number(unsigned long number)
{
    char text[32];
    snprintf(text, sizeof text, "%lu\n", number);
    say(text);
}

/* Itself again in another role; with its streams, or with none of them. */
static DWORD start_self(const wchar_t *role, bool streams)
{
    wchar_t self[MAX_PATH], line[MAX_PATH + 64];
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION info;
    GetModuleFileNameW(NULL, self, MAX_PATH);
    _snwprintf(line, MAX_PATH + 64, L"\"%ls\" %ls", self, role);
    if (!CreateProcessW(self, line, NULL, NULL, streams, 0, NULL, NULL, &start, &info))
        ExitProcess(90);
    return info.dwProcessId;
}

static void linger(void)
{
    for (;;)
        Sleep(INFINITE);
}

static BOOL WINAPI on_break(DWORD event)
{
    if (event == CTRL_BREAK_EVENT) ExitProcess(33);
    return FALSE;
}

static void tell_handle(const char *value)
{
    HANDLE h = (HANDLE)(uintptr_t)strtoull(value, NULL, 10);
    DWORD flags;
    say(GetHandleInformation(h, &flags) && SetEvent(h) ? "inherited\n" : "not inherited\n");
}

/* What CreateProcess handed over, in UTF-8. */
static void tell_arguments(void)
{
    int count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    for (int i = 2; i < count; i++) {
        char *text = wide_to(wide[i]);
        say("[");
        say(text);
        say("]\n");
        mem_free(text);
    }
}

/* A job that contains its own children, as many build tools do. */
static void make_a_job_within(void)
{
    HANDLE job = CreateJobObjectW(NULL, NULL);
    say(job && AssignProcessToJobObject(job, GetCurrentProcess()) ? "nested\n" : "refused\n");
}

static void live_an_agents_life(void);

static void play(int argc, char **argv)
{
    const char *role = argv[1];
    if (str_eq(role, "arguments")) tell_arguments();
    if (str_eq(role, "nest")) make_a_job_within();
    if (str_eq(role, "handle") && argc > 2) tell_handle(argv[2]);
    if (str_eq(role, "exit") && argc > 2) ExitProcess((UINT)strtoul(argv[2], NULL, 0));
    if (str_eq(role, "priority")) say_number(GetPriorityClass(GetCurrentProcess()));
    if (str_eq(role, "agent")) live_an_agents_life();
    if (str_eq(role, "linger")) linger();
    if (str_eq(role, "tree") || str_eq(role, "branch")) {
        say_number(GetCurrentProcessId());
        start_self(str_eq(role, "tree") ? L"branch" : L"leaf", true);
        linger();
    }
    if (str_eq(role, "leaf")) {
        say_number(GetCurrentProcessId());
        say("up\n");
        linger();
    }
    if (str_eq(role, "stray-holds")) {
        start_self(L"leaf", true);
        say("main ends\n");
    }
    if (str_eq(role, "stray-quiet")) say_number(start_self(L"linger", false));
    if (str_eq(role, "break")) {
        SetConsoleCtrlHandler(on_break, TRUE);
        say("ready\n");
        linger();
    }
    if (str_eq(role, "flood")) {
        static char chunk[65536];
        DWORD m;
        for (int i = 0; i < 80; i++)
            WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), chunk, sizeof chunk, &m, NULL);
    }
    ExitProcess(0);
}

/* ---- the test's side ----------------------------------------------------------------------- */

static struct process_options role_options(const char *const *argv, char **env)
{
    struct process_options o = run_options(argv);
    o.env = (const char *const *)env;
    o.cwd = "C:\\";
    return o;
}

static int start_role(struct fixture *f, struct run *r, const char *const *argv, struct err *e)
{
    char **env = process_env_base();
    struct process_options o = role_options(argv, env);
    int rc = run_start_with(f, r, &o, e);
    process_env_free(env);
    return rc;
}

/* argv[0] is this program, then the role. */
static void run_role(struct fixture *f, struct run *r, const char *role, const char *argument)
{
    char *self = paths_self();
    const char *const argv[] = {self, role, argument, NULL};
    struct err e = {0};
    int rc = start_role(f, r, argv, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    mem_free(self);
}

static void wait_role(struct fixture *f, struct run *r, const char *role, const char *argument)
{
    run_role(f, r, role, argument);
    run_wait(f, r, LIMIT_MS);
}

/* The processes whose numbers the job printed. */
static int alive_of(const struct run *r)
{
    int alive = 0;
    for (const char *line = r->out.data; line && *line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        unsigned long pid = strtoul(line, NULL, 10);
        if (pid > 0 && process_is_alive((int64_t)pid)) alive++;
        if (!*line) break;
    }
    return alive;
}

static void handles__other_than_the_streams_are_not_inherited(void **state)
{
    SECURITY_ATTRIBUTES inherit = {.nLength = sizeof inherit, .bInheritHandle = TRUE};
    HANDLE event = CreateEventW(&inherit, TRUE, FALSE, NULL);
    struct run r = {0};
    char value[32];
    snprintf(value, sizeof value, "%llu", (unsigned long long)(uintptr_t)event);
    wait_role(*state, &r, "handle", value);
    assert_int_equal(WaitForSingleObject(event, 0), WAIT_TIMEOUT);
    assert_string_equal(r.out.data, "not inherited\n");
    CloseHandle(event);
    run_fini(&r);
}

static void arguments__arrive_as_they_were_given(void **state)
{
    static const char *const table[] = {
        "plain",
        "",
        "a b",
        "a\tb",
        "\"",
        "a\"b",
        "\\",
        "end\\",
        "end here\\",
        "two\\\\",
        "\\\"",
        "\\\\\"",
        "%PATH%",
        "^",
        "a^b&c|d<e>",
        "&calc",
        "!x!",
        "C:\\a b\\",
        "*.c",
        "--x=y z",
        "'q'",
        "gr\xc3\xbcn",
        "\xe6\x97\xa5 \xf0\x9f\x98\x80",
    };
    enum { COUNT = sizeof table / sizeof *table };
    struct run r = {0};
    struct buf expected;
    const char *argv[COUNT + 3] = {paths_self(), "arguments"};
    buf_init(&expected, 4096);
    for (size_t i = 0; i < COUNT; i++) {
        argv[i + 2] = table[i];
        buf_addf(&expected, "[%s]\n", table[i]);
    }
    assert_int_equal(start_role(*state, &r, argv, NULL), 0);
    run_wait(*state, &r, LIMIT_MS);
    assert_string_equal(r.out.data, expected.data);
    buf_fini(&expected);
    mem_free((void *)(uintptr_t)argv[0]);
    run_fini(&r);
}

static void a_job__runs_below_normal_priority(void **state)
{
    struct run r = {0};
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    /* Wine does not keep the class that CreateProcess is given */
    if (ntdll && GetProcAddress(ntdll, "wine_get_version")) skip();
    wait_role(*state, &r, "priority", NULL);
    assert_int_equal(strtoul(r.out.data, NULL, 10), BELOW_NORMAL_PRIORITY_CLASS);
    run_fini(&r);
}

static void a_job__may_make_jobs_itself(void **state)
{
    struct run r = {0};
    wait_role(*state, &r, "nest", NULL);
    assert_string_equal(r.out.data, "nested\n");
    run_fini(&r);
}

static void cmd__runs_by_name_with_its_exit_code(void **state)
{
    struct run r = {0};
    static const char *const argv[] = {"cmd", "/c", "echo hello& exit 5", NULL};
    assert_int_equal(start_role(*state, &r, argv, NULL), 0);
    run_wait(*state, &r, LIMIT_MS);
    assert_true(str_starts(r.out.data, "hello"));
    assert_int_equal(r.end.exit_code, 5);
    run_fini(&r);
}

static void strays__are_ended_after_the_job(void **state)
{
    static const char *const roles[] = {"stray-holds", "stray-quiet"};
    for (size_t i = 0; i < 2; i++) {
        struct run r = {0};
        wait_role(*state, &r, roles[i], NULL);
        assert_true(r.end.stray);
        assert_int_equal(r.end.exit_code, 0);
        assert_int_equal(alive_of(&r), 0);
        run_fini(&r);
    }
}

static void terminate__is_a_ctrl_break(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    run_role(f, &r, "break", NULL);
    run_wait_output(f, &r, "ready");
    if (GetConsoleCP() == 0) {
        /* no console here, and Wine has none to visit */
        process_kill(r.process);
        run_wait(f, &r, LIMIT_MS);
        run_fini(&r);
        skip();
    }
    process_terminate(r.process);
    run_wait(f, &r, LIMIT_MS);
    assert_int_equal(r.end.exit_code, 33);
    run_fini(&r);
}

static int pauses;

static void pause_often(struct run *r)
{
    if (r->process && pauses++ % 10 == 0) process_pause(r->process);
}

static void on_idle(uv_idle_t *idle)
{
    struct run *r = idle->data;
    if (r->process) process_resume(r->process);
}

static void five_megabytes__arrive_with_pauses(void **state)
{
    struct fixture *f = *state;
    struct run r = {.on_output = pause_often};
    uv_idle_t idle;
    pauses = 0;
    run_role(f, &r, "flood", NULL);
    uv_idle_init(&f->loop, &idle);
    idle.data = &r;
    uv_idle_start(&idle, on_idle);
    run_wait(f, &r, LIMIT_MS);
    uv_close((uv_handle_t *)&idle, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    assert_int_equal(r.out_bytes, 80 * 65536);
    run_fini(&r);
}

static void many__one_after_the_other_and_at_once(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 30; i++) {
        struct run r = {0};
        wait_role(f, &r, "exit", "3");
        assert_int_equal(r.end.exit_code, 3);
        run_fini(&r);
    }
    struct run many[8];
    memset(many, 0, sizeof many);
    for (int i = 0; i < 8; i++) {
        char code[8], mark[16];
        char *self = paths_self(), **env = process_env_base();
        snprintf(code, sizeof code, "%d", i);
        snprintf(mark, sizeof mark, "many-%d", i);
        const char *const argv[] = {self, "exit", code, NULL};
        struct process_options o = role_options(argv, env);
        o.mark = mark;
        assert_int_equal(run_start_with(f, &many[i], &o, NULL), 0);
        process_env_free(env);
        mem_free(self);
    }
    for (int i = 0; i < 8; i++) {
        run_wait(f, &many[i], LIMIT_MS);
        assert_int_equal(many[i].end.exit_code, (uint32_t)i);
        run_fini(&many[i]);
    }
}

/* ---- after the death of the agent ---------------------------------------------------------- */

/* Starts a tree through a host of its own and tells what it says. */
static void live_an_agents_life(void)
{
    void *state;
    struct run r = {0};
    char identity[PROCESS_IDENTITY_SIZE];
    fixture_setup(&state);
    run_role(state, &r, "tree", NULL);
    run_wait_output(state, &r, "up\n");
    process_identity(r.process, identity);
    say(r.out.data);
    say("identity ");
    say(identity);
    say("\nsettled\n");
    linger();
}

static void the_death_of_the_agent__ends_its_jobs(void **state)
{
    struct fixture *f = *state;
    char *log = paths_join(f->dir, "log"), *self = paths_self();
    const char *const argv[] = {self, "agent", NULL};
    struct run said = {0};
    int64_t pid;
    assert_int_equal(process_start_detached(argv, log, &pid, NULL), 0);
    buf_init(&said.out, 65536);
    buf_init(&said.err, 16);
    while (!strstr(said.out.data, "settled")) {
        assert_true(process_is_alive(pid));
        buf_clear(&said.out);
        file_read(log, 65536, &said.out, NULL);
        Sleep(1);
    }
    assert_int_equal(alive_of(&said), 3);
    assert_int_equal(process_end_detached(pid, true, NULL), 0);
    while (alive_of(&said) > 0)
        Sleep(1);
    assert_int_equal(process_end_detached(pid, true, NULL), ERR_NOT_FOUND);
    mem_free(self);
    mem_free(log);
    run_fini(&said);
}

static void leftovers__are_hit_by_their_identity_only(void **state)
{
    struct fixture *f = *state;
    struct run r = {0};
    char identity[PROCESS_IDENTITY_SIZE], other[PROCESS_IDENTITY_SIZE + 8], boot[64];
    unsigned long pid;
    unsigned long long created;
    int killed = -1;
    run_role(f, &r, "linger", NULL);
    assert_int_equal(process_identity(r.process, identity), 0);
    char *end;
    pid = strtoul(identity, &end, 10);
    created = strtoull(end, &end, 10);
    assert_int_equal(*end, ' ');
    size_t boot_len = strcspn(end + 1, " ");
    assert_in_range(boot_len, 1, sizeof boot - 1);
    memcpy(boot, end + 1, boot_len);
    boot[boot_len] = 0;
    assert_true(created > 0);
    char mark[FIXTURE_MARK_SIZE];
    fixture_mark(mark, "06f3k9x2m1c7a-1");
    snprintf(other, sizeof other, "%lu %llu %s", pid, created - 1, boot);
    assert_int_equal(process_kill_leftover(other, "another-1", &killed, NULL), 0);
    assert_int_equal(killed, 0);
    snprintf(other, sizeof other, "%lu %llu %sx", pid, created, boot);
    assert_int_equal(process_kill_leftover(other, mark, &killed, NULL), 0);
    assert_int_equal(killed, 0);
    assert_int_equal(process_kill_leftover("nonsense", mark, &killed, NULL), 0);
    assert_int_equal(killed, 0);
    assert_true(process_is_alive((int64_t)pid));
    assert_int_equal(process_kill_leftover(identity, mark, &killed, NULL), 0);
    assert_int_equal(killed, 1);
    run_wait(f, &r, LIMIT_MS);
    run_fini(&r);
}

int main(int argc, char **argv)
{
    if (argc > 1) play(argc, argv);
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        CASE(handles__other_than_the_streams_are_not_inherited),
        CASE(arguments__arrive_as_they_were_given),
        CASE(a_job__runs_below_normal_priority),
        CASE(a_job__may_make_jobs_itself),
        CASE(cmd__runs_by_name_with_its_exit_code),
        CASE(strays__are_ended_after_the_job),
        CASE(terminate__is_a_ctrl_break),
        CASE(five_megabytes__arrive_with_pauses),
        CASE(many__one_after_the_other_and_at_once),
        CASE(the_death_of_the_agent__ends_its_jobs),
        CASE(leftovers__are_hit_by_their_identity_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
