/* What only the coordinator has that owns the queue: the store, the engine, the spine, and what
 * works with them (sessions, messages to channels, time zones, what is told to the engine). One
 * that is alone has it from its start to its end; one of several may get it and lose it many times.
 *
 *   owning_open -> owning_start -+-> owning_stop (in order) ----------+-> owning_free
 *                                +-> on_lost, owning_lose -> on_gone -+
 *
 * Loop thread, but where it says otherwise. */
#ifndef CADRE_COORDINATOR_OWNING_H
#define CADRE_COORDINATOR_OWNING_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api;
struct authority;
struct courier;
struct link;
struct metrics;
struct owning;
struct scrape;
struct spine;
struct store_opening;
struct tenure;
struct uv_loop_s;
struct waits;
struct web;

/* All are borrowed until owning_free. */
struct owning_options {
    struct uv_loop_s *loop;
    struct authority *authority;
    struct api *api;
    struct metrics *metrics;
    struct waits *waits;
    struct web *const *web;   /* *web NULL: there is no `web:`, or it is closed */
    const char *name;         /* this coordinator's in messages */
    const char *addresses;    /* JSON list, for agents, copied; NULL: none */
    int64_t first_message_ms; /* 0: the product's */
    struct tenure *tenure;    /* of one of several coordinators; NULL: this one is alone */
    /* Of one of several: the queue is another one's. owning_lose is to be called. */
    void (*on_lost)(void *user);
    /* After owning_lose: nothing is under way any more. */
    void (*on_gone)(void *user);
    void *user;
};

/* Reads the time zones, opens the store, loads the engine. Any thread; may take seconds. The
 * configuration of `opening` is borrowed until owning_free, the rest for the call. */
int owning_open(const struct store_opening *opening, struct owning **out, struct err *e);
/* Starts the threads and timers, and takes agents from then on. After a failure: owning_free. */
int owning_start(struct owning *o, const struct owning_options *options, struct err *e);

void owning_accept(struct owning *o, struct link *l); /* that speaks cadre/1 */
/* Agents are told these from their next welcome on; copied. */
void owning_set_addresses(struct owning *o, const char *addresses);
void owning_reload(struct owning *o); /* reads the time zones again */
void owning_gather(struct owning *o, struct scrape *s);
struct spine *owning_spine(const struct owning *o);
struct courier *owning_courier(const struct owning *o);
size_t owning_sessions(const struct owning *o);

/* Agents give no more commands (before api_quiesce). */
void owning_quiesce(struct owning *o);
/* Commits what is queued, gives the row back, ends the threads. Blocks for a commit or two. */
void owning_stop(struct owning *o);
/* Closes the sessions in order (cut: at once). After owning_stop; may be called again. */
void owning_close_sessions(struct owning *o, bool cut);

/* Throws away at once what is queued and what was to be sent, closes all sessions, answers who
 * waits with 503; on_gone comes from the loop. May be called again, or too late. */
void owning_lose(struct owning *o);

/* When there are no sessions any more, or it was never started. NULL is fine. Handles close
 * asynchronously. */
void owning_free(struct owning *o);

#endif
