/* Facts and services of Linux that need no state. */
#include "platform/os.h"

#include "base/str.h"
#include "platform/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts;
    if (clock_gettime(id, &ts) != 0) return 0;
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void os_now(struct moment *out)
{
    out->mono_ms = clock_ms(CLOCK_BOOTTIME);
    out->wall_ms = clock_ms(CLOCK_REALTIME);
}

uint64_t os_seed(void)
{
    uint64_t seed = 0;
    ssize_t n = getrandom(&seed, sizeof seed, 0);
    if (n == (ssize_t)sizeof seed) return seed;
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_nsec << 32 ^ (uint64_t)ts.tv_sec ^ (uint64_t)getpid() << 16;
}

int os_hostname(char *out, size_t size)
{
    char name[HOST_NAME_MAX + 1];
    if (gethostname(name, sizeof name) != 0) return ERR_IO;
    name[sizeof name - 1] = '\0';
    if (!name[0] || !str_utf8_valid(name, strlen(name))) return ERR_NOT_FOUND;
    return str_copy(out, size, name);
}

/* The first line of a small file, without surrounding blanks. */
static int read_line(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    char text[256];
    ssize_t n;
    do
        n = read(fd, text, sizeof text - 1);
    while (n < 0 && errno == EINTR);
    close(fd);
    if (n < 0) return ERR_IO;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    char *line = str_trim(text);
    return line[0] ? str_copy(out, size, line) : ERR_NOT_FOUND;
}

int os_boot_id(char *out, size_t size)
{
    return read_line("/proc/sys/kernel/random/boot_id", out, size);
}

int os_host_id(char *out, size_t size)
{
    char id[256], hex[SHA256_HEX_SIZE];
    if (size < sizeof hex) return ERR_TOO_LARGE;
    /* systemd writes "uninitialized" into the file of an image that was never booted */
    bool found = (read_line("/etc/machine-id", id, sizeof id) == 0 && strlen(id) >= 32) ||
                 (read_line("/var/lib/dbus/machine-id", id, sizeof id) == 0 && strlen(id) >= 32);
    if (!found) {
        /* containers often have no machine id: their names distinguish them */
        int rc = os_hostname(id, sizeof id);
        if (rc != 0) return rc;
    }
    sha256_label_hex(found ? "cadre host 1" : "cadre host name 1", id, hex);
    return str_copy(out, size, hex);
}

const char *os_env(const char *name, void *unused)
{
    (void)unused;
    return getenv(name);
}

bool os_is_admin(void)
{
    return geteuid() == 0;
}

int os_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 && n < INT_MAX ? (int)n : 1;
}

void os_protect_self(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    static const char wanted[] = "-500\n";
    ssize_t n = write(fd, wanted, sizeof wanted - 1);
    (void)n; /* needs CAP_SYS_RESOURCE; the unit file sets it too */
    close(fd);
}

void os_thread_leave_signals(void)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
}

bool os_has_modules(void)
{
    return true;
}

void os_raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int os_stop_signals(int out[OS_STOP_SIGNALS_MAX])
{
    static const int all[] = {SIGINT, SIGTERM, SIGHUP};
    int n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct sigaction now;
        /* A shell starts background commands with SIGINT ignored, and 'kill -INT' still means
         * them. */
        bool ignored =
            all[i] != SIGINT && sigaction(all[i], NULL, &now) == 0 && now.sa_handler == SIG_IGN;
        if (!ignored) out[n++] = all[i];
    }
    return n;
}

void os_error_text(int error, char *out, size_t size)
{
    const char *text = strerror(error);
    size_t n = strlen(text) < size ? strlen(text) : size - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}
