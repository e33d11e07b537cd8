/* Agents at a coordinator that does not own the queue: each is told so, and where the owner is
 * (PROTOCOL.md section 4.12). Has no engine, no spine and no database. Loop thread. */
#ifndef CADRE_COORDINATOR_SESSIONS_NOT_OWNER_H
#define CADRE_COORDINATOR_SESSIONS_NOT_OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* With no owner known, agents come back as often as this lets all of them together. */
#define NOT_OWNER_A_SECOND 500
#define NOT_OWNER_RETRY_MOST_MS 5000

struct uv_loop_s;
struct link;
struct not_owner;

struct not_owner_options {
    struct uv_loop_s *loop;
    int64_t first_message_ms; /* 0: LIMIT_HANDSHAKE_MS */
};

struct not_owner *not_owner_new(const struct not_owner_options *o);
/* addresses: of the owner, JSON list of "host:port" of at most 4096 bytes; copied. NULL or "[]": no
 * owner is known, as at first. Holds for the answers from now on. What is no list, or a longer
 * one, counts as none. */
void not_owner_set(struct not_owner *n, const char *addresses);
/* Takes over a link whose handshake is done and that speaks cadre/1. Waits for the first message,
 * at most first_message_ms; answers it, and closes in order. A peer with a certificate of an agent
 * is admitted at the door; any other keeps one of the door's places. */
void sessions_refuse_not_owner(struct not_owner *n, struct link *l);
size_t not_owner_count(const struct not_owner *n); /* links that are open */
/* Every link is closed in order (cut: at once), and what comes later is cut. May be called again.
 * For the end of the process: while it lives on as the owner, links that were taken over before get
 * their answer. */
void not_owner_stop(struct not_owner *n, bool cut);
/* After not_owner_stop, when the count is 0. NULL is fine. Its timer closes asynchronously. */
void not_owner_free(struct not_owner *n);

#endif
