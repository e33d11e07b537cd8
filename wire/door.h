/* The door: which connections may stay while they have not proved who they are, when there are more
 * than there are places. Pure: no socket and no clock. wire/link_uv_listen.c owns a door and does
 * what the door decides.
 *
 *   AWAY -arrive-> WAITING -LET_IN-> INSIDE -admit-> KNOWN
 *     ^               |                |               |
 *     +---------------+-- CUT, leave --+---- leave ----+
 *
 * A guest is a connection. WAITING costs a socket, INSIDE costs a TLS session, too, and one of the
 * places. A guest that has proved itself (KNOWN) needs no place any more. All guests of one address
 * share the fate of that address:
 *
 * - The next place goes to the address with the fewest places; among equals to one that is known,
 *   then in turns. Within an address the newest guest is first: the others may have given up. But
 *   every second place is for the oldest of those who came within DOOR_FRESH_MS, so that nobody is
 *   passed over by guests who fail and come again.
 * - When all places are taken, the address with most of them gives one up: an idle guest at once,
 *   else the oldest, once it has had DOOR_LEAST_MS. An address that has no fewer places than the
 *   others gets one only from a guest that has had DOOR_EQUAL_MS.
 * - An address is known while a guest of it is, and for DOOR_KNOWN_MS after that. It counts as if
 *   it had DOOR_KEPT places less than it has; those are taken only for guests of its own.
 * - An address with more strangers than limits.failures in a minute, most of whose guests did not
 *   prove themselves, is let in DOOR_PACE times a second, and all such addresses together
 *   DOOR_PACE_ALL times. Nobody is shut out.
 * - When more wait than there is room for, the address with most of them loses the oldest. */
#ifndef CADRE_WIRE_DOOR_H
#define CADRE_WIRE_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#define DOOR_LEAST_MS 1000    /* a guest that is not idle has its place for at least that long */
#define DOOR_EQUAL_MS 3000    /* ... when its address has not more places than that of the next */
#define DOOR_KNOWN_MS 3600000 /* how long an address stays known */
#define DOOR_KEPT 32          /* places that a known address need not share */
#define DOOR_KEPT_WAITING 64  /* the same, of those that wait */
#define DOOR_PACE 100         /* a second, of an address with many strangers */
#define DOOR_PACE_ALL 200     /* a second, of all such addresses together */
#define DOOR_FRESH_MS 5000    /* every second place is for the oldest who waits for less */
#define DOOR_REPORT_MS 60000  /* between two reports */

struct door;
struct door_address;

enum door_stage { DOOR_AWAY, DOOR_WAITING, DOOR_INSIDE, DOOR_KNOWN };

/* Embedded in the owner's connection. All zero: AWAY. Only the door writes it. */
struct door_guest {
    struct door_address *address;
    struct door_guest *prev, *next; /* of this address, in the same stage, oldest first */
    int64_t since_ms;               /* in this stage */
    enum door_stage stage;
    bool idle;
};

struct door_limits {
    unsigned places;     /* INSIDE at once */
    unsigned waiting;    /* WAITING at once */
    int64_t patience_ms; /* for a handshake, while there is room */
    unsigned failures;   /* of one address in a minute: many */
};

/* seed: a secret, against addresses that were chosen to collide. */
struct door *door_new(const struct door_limits *limits, uint64_t seed);
/* Every guest is to have left. NULL is fine. */
void door_free(struct door *d);
void door_set_limits(struct door *d, const struct door_limits *limits);

/* key: the address. Guests with the same key share its places. */
void door_arrive(struct door *d, struct door_guest *g, uint64_t key, int64_t now_ms);
/* The guest has proved who it is. No effect when it is not INSIDE. */
void door_admit(struct door *d, struct door_guest *g, int64_t now_ms);
/* An idle guest was served and asks for nothing at the moment. */
void door_set_idle(struct door *d, struct door_guest *g, bool idle);
enum door_end {
    DOOR_LEFT,     /* it went before it said anything */
    DOOR_STRANGER, /* it said something, and did not prove itself */
    DOOR_FAILED    /* ... and that was nonsense, or it kept silent to the end */
};
/* From any stage; AWAY: no effect. `how` counts for a guest that was INSIDE. */
void door_leave(struct door *d, struct door_guest *g, enum door_end how, int64_t now_ms);

/* What to do next; call it until it says DOOR_NOTHING, after each arrival and each departure, and
 * every 20 ms while somebody waits. */
enum door_step {
    DOOR_NOTHING,
    DOOR_LET_IN, /* *g is INSIDE: start its handshake */
    DOOR_CUT     /* *g was WAITING or INSIDE and is AWAY: end its connection */
};
enum door_step door_next(struct door *d, int64_t now_ms, struct door_guest **g);
/* How long a guest that was let in now may take for its handshake: less while the door is full. */
int64_t door_patience_ms(const struct door *d);

unsigned door_waiting(const struct door *d);
unsigned door_inside(const struct door *d);
bool door_knows(const struct door *d, uint64_t key, int64_t now_ms);

/* What happened since the last report. */
struct door_report {
    uint64_t cut, failed; /* guests that were cut; guests that failed */
    uint64_t worst;       /* the key of the address with most of both */
    unsigned worst_cut, worst_failed;
};
/* true: people should know of it. At most once in DOOR_REPORT_MS. */
bool door_report(struct door *d, int64_t now_ms, struct door_report *out);

#endif
