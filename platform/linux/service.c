/* Being a systemd service: the sd_notify(3) datagrams, and signals on the program's loop. */
#include "platform/service.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define SIGNALS 3

extern char **environ;

struct service {
    struct service_control control;
    uv_signal_t signals[SIGNALS];
    int open;
    bool asked; /* to stop, once */
};

/* A closed standard stream would be the next file that is opened, and messages would be written
 * into that file. These descriptors refuse writes as a closed stream does. */
static void hold_standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0) (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
    }
}

int service_main(const char *name, int (*body)(int argc, char **argv, void *user), int argc,
                 char **argv, void *user)
{
    (void)name;
    hold_standard_streams();
    /* a peer that went away is an error of write(), not our end */
    signal(SIGPIPE, SIG_IGN);
    return body(argc, argv, user);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct service *s = handle->data;
    if (number == SIGHUP) {
        if (s->control.reload) s->control.reload(s->control.user);
        return;
    }
    bool again = s->asked;
    s->asked = true;
    if (s->control.stop) s->control.stop(again, s->control.user);
}

static void on_closed(uv_handle_t *handle)
{
    struct service *s = handle->data;
    if (--s->open == 0) mem_free(s);
}

int service_attach(struct uv_loop_s *loop, const struct service_control *c, struct service **out,
                   struct err *e)
{
    static const int numbers[SIGNALS] = {SIGTERM, SIGINT, SIGHUP};
    struct service *s = mem_alloc(sizeof *s);
    s->control = *c;
    int rc = 0;
    for (int i = 0; i < SIGNALS && rc == 0; i++) {
        rc = uv_signal_init(loop, &s->signals[i]);
        if (rc != 0) break;
        s->signals[i].data = s;
        s->open++;
        rc = uv_signal_start(&s->signals[i], on_signal, numbers[i]);
        /* being controllable is no reason for the loop to go on */
        uv_unref((uv_handle_t *)&s->signals[i]);
    }
    if (rc == 0) {
        *out = s;
        return 0;
    }
    if (s->open == 0) {
        mem_free(s);
    } else {
        service_detach(s);
    }
    return err_set(e, ERR_IO, "cannot watch for signals: %s", uv_strerror(rc));
}

void service_detach(struct service *s)
{
    if (!s) return;
    int open = s->open;
    for (int i = 0; i < open; i++)
        uv_close((uv_handle_t *)&s->signals[i], on_closed);
}

/* Sends one datagram to the service manager, if there is one. */
static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || !path[1]) return;
    size_t len = strlen(path);
    if (len >= sizeof to.sun_path) return;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') to.sun_path[0] = '\0'; /* abstract namespace, unix(7) */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    ssize_t n;
    do
        n = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    while (n < 0 && errno == EINTR);
    close(fd);
}

/* "PREFIX" and "STATUS=...", in which a line break would start another assignment. */
static void notify_status(const char *prefix, const char *status)
{
    char *text = str_dupf("%s%s%s", prefix, status ? "STATUS=" : "", status ? status : "");
    for (char *p = text + strlen(prefix); *p; p++) {
        if (*p == '\n') *p = ' ';
    }
    notify(text);
    mem_free(text);
}

void service_ready(const char *status)
{
    notify_status("READY=1\n", status);
}

void service_status(const char *status)
{
    notify_status("", status);
}

void service_stop_limit(int64_t limit_ms)
{
    (void)limit_ms;
}

void service_stopping(int64_t wait_ms)
{
    char *text = str_dupf("STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64 "\n", wait_ms * 1000);
    notify(wait_ms > 0 ? text : "STOPPING=1\n");
    mem_free(text);
}

void service_reloading(bool done)
{
    if (done) {
        notify("READY=1\n");
        return;
    }
    /* Type=notify-reload wants to know when; Type=notify does not mind */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    char *text = str_dupf("RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\n", us);
    notify(text);
    mem_free(text);
}

int64_t service_watchdog_ms(void)
{
    int64_t us, pid;
    const char *interval = getenv("WATCHDOG_USEC");
    const char *whose = getenv("WATCHDOG_PID");
    if (!interval || str_int64(interval, &us) != 0 || us <= 0) return 0;
    if (whose && (str_int64(whose, &pid) != 0 || pid != getpid())) return 0;
    return us / 2000 > 0 ? us / 2000 : 1;
}

void service_watchdog(void)
{
    notify("WATCHDOG=1\n");
}

/* Where units of the administrator and of packages are (systemd.unit(5)). */
static bool unit_installed(const char *unit)
{
    static const char *const folders[] = {"/etc/systemd/system", "/run/systemd/system",
                                          "/usr/local/lib/systemd/system", "/lib/systemd/system",
                                          "/usr/lib/systemd/system"};
    bool found = false;
    for (size_t i = 0; i < sizeof folders / sizeof *folders && !found; i++) {
        char *path = str_dupf("%s/%s", folders[i], unit);
        found = access(path, F_OK) == 0;
        mem_free(path);
    }
    return found;
}

int service_start_installed(const char *name, struct err *e)
{
    char *unit = str_dupf("%s.service", name);
    char *argv[] = {"systemctl", "--quiet", "--no-ask-password", "start", unit, NULL};
    pid_t pid;
    int status = 0, rc = 0;
    /* sd_booted(3) */
    if (geteuid() == 0 && access("/run/systemd/system", F_OK) == 0 && unit_installed(unit)) {
        rc = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) == 0 ? 1 : 0;
        while (rc == 1 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        if (rc == 1 && status != 0)
            rc = err_set(e, ERR_IO,
                         "%s was not started: see 'systemctl status %s' and 'journalctl -u %s'",
                         unit, name, name);
    }
    mem_free(unit);
    return rc;
}

void service_failed(int code, const char *message)
{
    (void)code;
    (void)message;
}
