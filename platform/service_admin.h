/* The agent's entry with the service manager, as an installer sees it. Twin files; on Linux units
 * come with the packages, and everything here is ERR_UNSUPPORTED. Blocking. */
#ifndef CADRE_PLATFORM_SERVICE_ADMIN_H
#define CADRE_PLATFORM_SERVICE_ADMIN_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SERVICE_AGENT "cadre-agent"

enum service_state { SERVICE_IS_ABSENT, SERVICE_IS_STOPPED, SERVICE_IS_RUNNING };

/* RUNNING: a process of it is there, be it on its way up or down. Needs no rights. */
int service_admin_state(const char *name, enum service_state *out, struct err *e);

struct service_entry {
    const char *name, *display, *description;
    const char *program;  /* path; is quoted */
    const char *argument; /* the one that makes it a service's start */
    const char *account;  /* NULL: the virtual account "NT SERVICE\NAME" */
    const char *password; /* NULL: none */
    bool automatic;       /* starts with the system, delayed; else by hand */
    int64_t stop_ms;      /* what a shutdown of the machine grants it */
};
/* Makes the entry. One that is there keeps account, start type, recovery and arguments, and gets
 * the program's path alone. An account of people is granted the right to log on as a service. */
int service_admin_register(const struct service_entry *s, bool *created, struct err *e);
/* Fine when absent. It is to be stopped before. */
int service_admin_unregister(const char *name, struct err *e);

/* Makes the folder, and lets in administrators and the service's account (which reads there, or
 * writes) and nobody else: what lies in %ProgramData% is open to all otherwise. After
 * service_admin_register. */
int service_admin_folder(const char *path, bool service_writes, struct err *e);

/* Everybody may make folders in %ProgramData%, and so prepare one for a service that is installed
 * later. ERR_DENIED: what is there belongs to somebody who is no administrator; the message says
 * how to go on. Fine when absent. */
int service_admin_owner(const char *path, struct err *e);

/* Called while waiting; false ends the wait with ERR_CLOSED. */
typedef bool service_wait_fn(void *user);
/* Waits until it is running. ERR_CONFLICT: disabled. ERR_IO: it ended, with its exit code in the
 * message. */
int service_admin_start(const char *name, service_wait_fn *wait, void *user, struct err *e);
/* Waits until its process is gone, for as long as it shows progress. Fine when absent or stopped.
 * ERR_TIMEOUT: it does not answer; the message names the process. */
int service_admin_stop(const char *name, service_wait_fn *wait, void *user, struct err *e);

#endif
