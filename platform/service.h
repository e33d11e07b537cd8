/* Being a service. Linux: sd_notify(3) protocol on NOTIFY_SOCKET, done here without libsystemd;
 * Windows: the service control manager. Twin files. */
#ifndef CADRE_PLATFORM_SERVICE_H
#define CADRE_PLATFORM_SERVICE_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct service_control {
    /* From any thread: asks the program to stop (again = the second time: at once). */
    void (*stop)(bool again, void *user);
    /* SIGHUP / paramchange: read the configuration again. */
    void (*reload)(void *user);
    void *user;
};

/* Runs `body` as a service when the service manager started this process (Windows), else as what it
 * is: a console program (Windows: Ctrl-C, Ctrl-Break, close) or a daemon (Linux: just calls it;
 * signals are the loop's, see below). Returns what body returns, which is the process's exit code.
 * No file is opened under the number of a standard stream. */
int service_main(const char *name, int (*body)(int argc, char **argv, void *user), int argc,
                 char **argv, void *user);
/* To be called by body once it can be controlled. Windows: connects the SCM's or the console's
 * events to `c`. Linux: SIGTERM, SIGINT, SIGHUP handled by a thread-free self-pipe on the given
 * loop. */
struct uv_loop_s;
struct service;
int service_attach(struct uv_loop_s *loop, const struct service_control *c, struct service **out,
                   struct err *e);
void service_detach(struct service *s); /* handles close asynchronously */

/* READY=1 / SERVICE_RUNNING; STATUS= text; STOPPING=1 / STOP_PENDING with a checkpoint (call again
 * while it lasts). */
void service_ready(const char *status);
void service_status(const char *status);
void service_stopping(int64_t wait_ms);
/* The program will have ended within so long; a later call counts anew. Windows: a program that has
 * not ended by then is ended, and the log says so. Linux: TimeoutStopSec sees to that. */
void service_stop_limit(int64_t limit_ms);
void service_reloading(bool done);
/* WATCHDOG_USEC / 2, 0: no watchdog wanted. service_watchdog feeds it. */
int64_t service_watchdog_ms(void);
void service_watchdog(void);
/* Asks the service manager to start the installed service `name`, and waits until it did. 1: it
 * runs; 0: no such service is installed, no service manager runs here, or this account may not
 * start services; ERR_IO: it is installed and did not start (e says where to look). Windows: always
 * 0, the installer starts it. */
int service_start_installed(const char *name, struct err *e);
/* A start that failed for good (bad config). Windows: the service-specific code that it ends with;
 * a message that nobody has logged yet (else NULL) goes to log file and Event Log, once. Linux:
 * nothing. */
void service_failed(int code, const char *message);

#endif
