/* The sd_notify protocol against a real datagram socket, and signals that reach the loop. */
#include "scratch.h"

#include "platform/service.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/* The service manager's side. `abstract`: the name begins with a NUL, written as '@' in the
 * environment. */
static int listen_as_manager(const char *folder, bool abstract)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[sizeof at.sun_path];
    assert_int_equal(str_format(name, sizeof name, "%s%s/notify", abstract ? "@" : "", folder), 0);
    size_t len = strlen(name);
    memcpy(at.sun_path, name, len);
    if (abstract) at.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void check_told(int fd, const char *expected)
{
    char text[1024];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = '\0';
    assert_string_equal(text, expected);
}

static void check_silent(int fd)
{
    char c;
    assert_int_equal(recv(fd, &c, 1, 0), -1);
}

static void notifications__are_one_datagram_each(void **state)
{
    for (int abstract = 0; abstract < 2; abstract++) {
        int fd = listen_as_manager(*state, abstract);
        service_ready("connected to queue:7433");
        check_told(fd, "READY=1\nSTATUS=connected to queue:7433");
        service_ready(NULL);
        check_told(fd, "READY=1\n");
        service_status("2 jobs");
        check_told(fd, "STATUS=2 jobs");
        service_stopping(5000);
        check_told(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=5000000\n");
        service_stopping(0);
        check_told(fd, "STOPPING=1\n");
        service_watchdog();
        check_told(fd, "WATCHDOG=1\n");
        service_reloading(true);
        check_told(fd, "READY=1\n");
        check_silent(fd);
        close(fd);
    }
}

static void reloading__tells_when(void **state)
{
    int fd = listen_as_manager(*state, false);
    char text[256];
    service_reloading(false);
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n > 0);
    text[n] = '\0';
    assert_true(str_starts(text, "RELOADING=1\nMONOTONIC_USEC="));
    assert_true(strtoll(text + strlen("RELOADING=1\nMONOTONIC_USEC="), NULL, 10) > 0);
    close(fd);
}

static void a_status__cannot_smuggle_in_another_message(void **state)
{
    int fd = listen_as_manager(*state, false);
    service_status("all\nMAINPID=1\nwell");
    check_told(fd, "STATUS=all MAINPID=1 well");
    close(fd);
}

static void without_a_manager__nothing_happens(void **state)
{
    (void)state;
    static const char *const nowhere[] = {"", "@", "/", "relative", "/nonexistent/socket"};
    char longer[300];
    for (size_t i = 0; i < 5; i++) {
        setenv("NOTIFY_SOCKET", nowhere[i], 1);
        service_ready("x");
    }
    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    setenv("NOTIFY_SOCKET", longer, 1);
    service_watchdog();
    unsetenv("NOTIFY_SOCKET");
    service_stopping(1);
    service_failed(3, "agent.yaml:3: unknown key");
}

static void watchdog__wants_half_of_its_time(void **state)
{
    (void)state;
    char pid[32];
    static const char *const bad[] = {"", "x", "-5", "0", "30s", "99999999999999999999"};
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(service_watchdog_ms(), 0);
    for (size_t i = 0; i < 6; i++) {
        setenv("WATCHDOG_USEC", bad[i], 1);
        assert_int_equal(service_watchdog_ms(), 0);
    }
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(service_watchdog_ms(), 15000);
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(service_watchdog_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(service_watchdog_ms(), 0);
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", "1", 1);
    assert_int_equal(service_watchdog_ms(), 1);
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
}

struct wishes {
    int stops, again, reloads;
};

static void on_stop(bool again, void *user)
{
    struct wishes *w = user;
    w->stops++;
    w->again += again;
}

static void on_reload(void *user)
{
    ((struct wishes *)user)->reloads++;
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle;
}

/* One signal, and rounds of the loop until it was told. */
static void send_signal(uv_loop_t *loop, int number, const int *counter)
{
    int before = *counter;
    kill(getpid(), number);
    while (*counter == before)
        uv_run(loop, UV_RUN_NOWAIT);
}

static void signals__are_wishes_on_the_loop(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct wishes w = {0, 0, 0};
    struct service_control control = {on_stop, on_reload, &w};
    struct service *s = NULL;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(service_attach(&loop, &control, &s, NULL), 0);
    /* being controllable does not keep the loop; this does */
    assert_false(uv_loop_alive(&loop));
    uv_idle_t work;
    uv_idle_init(&loop, &work);
    uv_idle_start(&work, on_idle);
    send_signal(&loop, SIGHUP, &w.reloads);
    assert_int_equal(w.stops, 0);
    send_signal(&loop, SIGTERM, &w.stops);
    assert_int_equal(w.again, 0);
    send_signal(&loop, SIGINT, &w.stops);
    assert_int_equal(w.stops, 2);
    assert_int_equal(w.again, 1);
    assert_int_equal(w.reloads, 1);
    uv_close((uv_handle_t *)&work, NULL);
    service_detach(s);
    service_detach(NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int body(int argc, char **argv, void *user)
{
    assert_int_equal(argc, 2);
    assert_string_equal(argv[1], "run");
    *(bool *)user = true;
    /* a peer that goes away is an error and no end */
    int fds[2];
    if (pipe(fds) != 0) return 1;
    close(fds[0]);
    assert_int_equal(write(fds[1], "x", 1), -1);
    close(fds[1]);
    return 42;
}

static void main__is_body_and_its_result(void **state)
{
    (void)state;
    char program[] = "cadre-agent", command[] = "run";
    char *argv[] = {program, command, NULL};
    bool called = false;
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(service_main("cadre-agent", body, 2, argv, &called), 42);
    assert_true(called);
}

static int open_one(int argc, char **argv, void *user)
{
    (void)argc;
    (void)argv;
    (void)user;
    char c;
    int fd = open("/", O_RDONLY | O_CLOEXEC);
    bool apart = fd > 2;
    close(fd);
    return apart && read(0, &c, 1) < 0 && write(1, "x", 1) < 0 && write(2, "x", 1) < 0 ? 0 : 1;
}

static void closed_standard_streams__do_not_become_files(void **state)
{
    (void)state;
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (int fd = 0; fd < 3; fd++)
            close(fd);
        _exit(service_main("cadre-agent", open_one, 0, NULL, NULL));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRATCH_CASE(notifications__are_one_datagram_each),
        SCRATCH_CASE(reloading__tells_when),
        SCRATCH_CASE(a_status__cannot_smuggle_in_another_message),
        SCRATCH_CASE(without_a_manager__nothing_happens),
        SCRATCH_CASE(watchdog__wants_half_of_its_time),
        SCRATCH_CASE(signals__are_wishes_on_the_loop),
        SCRATCH_CASE(main__is_body_and_its_result),
        SCRATCH_CASE(closed_standard_streams__do_not_become_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
