/* The coordinator as one object: everything it owns, started in order and stopped in reverse.
 * Loop thread. */
#ifndef CADRE_COORDINATOR_COORDINATOR_H
#define CADRE_COORDINATOR_COORDINATOR_H

#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/store/owner_place.h"

#include <stdbool.h>
#include <stdint.h>

struct uv_loop_s;
struct coordinator;

/* How long a client may take, and how many that are not authenticated have a place, and
 * more that is for tests to shorten; 0: the
 * product's own (wire/limits.h, api/context.h). */
struct coordinator_timeouts {
    int64_t handshake_ms;
    int64_t first_message_ms;          /* of an agent */
    int64_t head_ms, body_ms, idle_ms; /* of an HTTP client */
    int64_t stall_ms;                  /* of any peer that does not read */
    unsigned places;
    int64_t sample_ms; /* between two points of a group's history; of sampling.h */
    /* Where the owner's row is, for one of several coordinators; NULL: what `store:` says, and with
     * SQLite nowhere: this one is alone. Borrowed until coordinator_free. */
    const struct owner_place *place;
};

/* Makes what `run` needs and is not there yet: CA, server certificate, databases, admin token.
 * ERR_EXISTS: all of it is there, nothing was changed. ERR_CONFLICT: a coordinator runs on this
 * folder. ERR_CORRUPT: a part is missing that cannot be made anew without losing what depends on
 * it. Needs pki_init. */
int coordinator_init(const struct config *c, struct err *e);

struct authority;
struct shared;
struct store;
/* Which store is opened, and how. All are borrowed for the call. */
struct store_opening {
    const struct config *config;
    const struct authority *authority; /* of the CA's coordinator */
    bool make;                         /* for `init`: makes what is missing */
    const struct shared *shared;       /* in that database; NULL: in files of the state folder */
    const struct owner_row *own;       /* there: the row that was taken; NULL: for `init` */
};
/* The caller has the folder's lock. */
int coordinator_open_store(const struct store_opening *o, struct store **out, struct err *e);

/* Makes an administrator's token in a coordinator that does not run, for when none is left, and
 * leaves it in STATE/admin.token. id, before: ids as text (ID_TEXT_SIZE) of the token and of the
 * one that the file had ("": none that can be read). ERR_CONFLICT: it runs; the database has one
 * writer. */
int coordinator_make_token(const struct config *c, char *id, char *before, struct err *e);

/* Was it made before, to its end? Then what is missing now is missing on purpose (admin.token), or
 * is for people to look at. */
int coordinator_is_initialised(const struct config *c, bool *out, struct err *e);

/* Opens the state folder, listens, writes STATE/port. The config is borrowed until
 * coordinator_free. Needs pki_init. ERR_NOT_FOUND: not initialised. ERR_CONFLICT: another
 * process has the folder. */
int coordinator_start(struct uv_loop_s *loop, const struct config *config,
                      const struct coordinator_timeouts *timeouts, struct coordinator **out,
                      struct err *e);
uint16_t coordinator_port(const struct coordinator *c);
const char *coordinator_address(
    const struct coordinator *c); /* "0.0.0.0:7433": what is listened on */
/* The same of the second port; NULL: there is none. */
const char *coordinator_web_address(const struct coordinator *c);
/* Does it own the queue? One that is alone always does. */
bool coordinator_owns(const struct coordinator *c);
/* SIGHUP: reads again what may change while it runs: the time zones, and the certificate of the
 * second port. */
void coordinator_reload(struct coordinator *c);
/* Stops accepting, commits what is queued, closes all links in order; then on_stopped, from the
 * loop. A second call cuts what is still open. */
void coordinator_stop(struct coordinator *c, void (*on_stopped)(void *user), void *user);
/* After on_stopped. NULL is fine. Handles close asynchronously: run the loop until it is empty. */
void coordinator_free(struct coordinator *c);

#endif
