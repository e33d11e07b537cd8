/* Facts and services of the operating system that need no state. Twin files: linux/os.c,
 * windows/os.c. */
#ifndef CADRE_PLATFORM_OS_H
#define CADRE_PLATFORM_OS_H

#include "base/clock.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* CLOCK_BOOTTIME on Linux (counts suspended time: a lease runs on while the machine sleeps),
 * QueryInterruptTime-like on Windows; wall: UTC. Any thread. */
void os_now(struct moment *out);
/* One of the two alone. */
static inline int64_t os_mono_ms(void)
{
    struct moment now;
    os_now(&now);
    return now.mono_ms;
}
static inline int64_t os_wall_ms(void)
{
    struct moment now;
    os_now(&now);
    return now.wall_ms;
}
/* A seed for struct rng from the system's random source. */
uint64_t os_seed(void);
/* The host's name, UTF-8. */
int os_hostname(char *out, size_t size);
/* Differs after every boot (Linux /proc/sys/kernel/random/boot_id; Windows: boot time of day). */
int os_boot_id(char *out, size_t size);
/* The same for the life of an installation: hex SHA-256-like digest of machine-id / MachineGuid
 * under a label of ours, so that the machine-id itself is not disclosed (machine-id(5)). */
int os_host_id(char *out, size_t size);
/* NULL when unset. Any thread, as long as nobody changes the environment. */
const char *os_env(const char *name, void *unused);
/* Root / an elevated administrator? */
bool os_is_admin(void);
int os_cpu_count(void);
/* The process that runs may be killed last / jobs first: oom_score_adj of ourselves (Linux). Best
 * effort. */
void os_protect_self(void);
/* The signals that ask this program to end: SIGINT, SIGTERM, SIGHUP; Windows also SIGBREAK, and
 * SIGHUP is the closing of the console. SIGTERM and SIGHUP that were ignored when the program began
 * (nohup) stay ignored and are left out. Returns how many. */
#define OS_STOP_SIGNALS_MAX 4
int os_stop_signals(int out[OS_STOP_SIGNALS_MAX]);
/* Signals to this program never interrupt the thread that calls this: another one handles them
 * (Linux). Nothing on Windows. */
void os_thread_leave_signals(void);
/* Are there parts of Cadre that a program loads while it runs (Linux)? Not on Windows. */
bool os_has_modules(void);
/* Raises the soft limit of open files to the hard one (Linux); nothing on Windows. */
void os_raise_file_limit(void);

/* The system's sentence for one of its error numbers (errno, GetLastError), without full stop; cut
 * to the size. For libraries that hand such numbers on. */
void os_error_text(int error, char *out, size_t size);

#endif
