/* Sessions with agents: cadre/1 links in, commands to the spine out; effects from the spine in,
 * messages out (wire/PROTOCOL.md). Owns no job state. Loop thread.
 *
 * The state of one session is in session.h.
 *
 * A FRESH session ends after LIMIT_HANDSHAKE_MS, even when bytes arrive; a session in another state
 * ends when no byte arrived for three heartbeats and five seconds. */
#ifndef CADRE_COORDINATOR_SESSIONS_SESSIONS_H
#define CADRE_COORDINATOR_SESSIONS_SESSIONS_H

#include "base/err.h"
#include "coordinator/engine/effect.h"
#include "coordinator/spine.h"
#include "coordinator/trust/authority.h"

#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct link;
struct sessions;

struct sessions_options {
    struct uv_loop_s *loop;
    struct spine *spine;
    const struct authority *authority;
    int64_t lease_ms, heartbeat_ms, output_limit_bytes;
    const char *addresses;    /* JSON list, for agents, copied; NULL: none */
    int64_t first_message_ms; /* LIMIT_HANDSHAKE_MS */
};

struct sessions *sessions_new(const struct sessions_options *o);
/* What agents are told from their next welcome on; copied. NULL: none. */
void sessions_set_addresses(struct sessions *s, const char *addresses);
/* Takes over a link whose handshake is done and that speaks cadre/1. */
void sessions_accept(struct sessions *s, struct link *l);
/* Any effect that has a session. */
void sessions_on_effect(struct sessions *s, struct effect *x);
/* The last effect of the turn was given: sends the acks, one to each session, and hands all to the
 * kernel, so that no agent waits for the other work of the turn. To be called before the loop goes
 * on. */
void sessions_settle(struct sessions *s);
/* The spine's queue has room again. */
void sessions_on_relief(struct sessions *s);
size_t sessions_count(const struct sessions *s);
/* Makes no more commands; effects still go out (before spine_stop). */
void sessions_quiesce(struct sessions *s);
/* No more commands; every link is closed in order (cut: at once). May be called again. */
void sessions_stop(struct sessions *s, bool cut);
/* After sessions_stop, when sessions_count is 0. NULL is fine. Its timer closes asynchronously. */
void sessions_free(struct sessions *s);
/* As sessions_stop, but each agent is told that this coordinator does not own the queue (any more),
 * and where the owner is: JSON list, NULL: not known. They look for it at once. */
void sessions_turn_away(struct sessions *s, const char *addresses);

#endif
