/* The constants of leases and of the ownership of a job's processes, and the inequalities between
 * them (PROTOCOL.md sections 4.5 and 4.6). Constants only: coordinator/engine and coordinator/flow
 * may include this file, too. All in milliseconds.
 *
 * An attempt must be over at its agent before the coordinator may give the job to another agent.
 * Three parties end the attempt. Each has a clock of its own, and each acts later than the one
 * before:
 *
 *   sent   received                                                                  time ->
 *    |        |
 *    |<----- lease ----->| the agent ends the processes, without grace
 *    |<----- lease ----->|<- guard margin ->| the guard marks and ends what the agent did not
 *    |<----- lease ----->|<- guard end ---------->| ... and its processes are gone
 *             |<----- lease ----->|<- grace ->|<- kill slack ->| the coordinator gives up
 *
 * The agent's clock and the guard's start when the last acknowledged heartbeat was sent, the
 * coordinator's when it was received, which is later. So the order holds when the margins below
 * are in order, whatever the lease and the time on the way. */
#ifndef CADRE_WIRE_LEASE_H
#define CADRE_WIRE_LEASE_H

#include <stdint.h>

/* ---- leases and heartbeats ---- */
#define LEASE_MIN_MS 1000 /* of the coordinator's default and of a job */
#define HEARTBEAT_MIN_MS 100
#define LEASE_HEARTBEATS 3 /* a heartbeat is due at least this often within the shortest lease */
/* Heartbeats of many agents come together, at moments of the wall clock that are a hundredth of the
 * interval apart: the coordinator wakes up for a hundred of them at once. */
#define HEARTBEAT_STEPS 100
#define HEARTBEAT_TOGETHER_MS 5000 /* with a shorter interval they do not */
#define HEARTBEAT_SLACK_MS 2 /* a timer that was early by so much is still of its own moment */

/* ---- a silent peer ---- */
#define SILENCE_HEARTBEATS 3 /* after so many intervals and the extra time the connection is cut */
#define SILENCE_EXTRA_MS 5000
/* The engine's clock is never further than this ahead of the loop's last look at its sockets: after
 * the process was stopped or the loop hung, unread messages must not count as silence. */
#define LEASE_DEAF_MS 3000

/* ---- who owns the queue ----
 *
 * One of several coordinators over one database owns the queue: each of its commits changes the
 * owner's row. What needs no commit (to acknowledge a heartbeat, to welcome an agent, to hand out a
 * job after the commit) it does until OWNER_EXPIRY_MS after it sent its last commit that succeeded,
 * by its own clock. Another one takes over when it has not seen the row change for
 * OWNER_TAKEOVER_MS, by its own clock, which it starts when it has read the row:
 *
 *   sent   committed   read by the successor                                           time ->
 *    |         |         |
 *    |<------ expiry ------->| the owner sends nothing more
 *    |         |         |<-------- take-over -------->| the successor raises the epoch
 *
 * The read is later than the sending. So the order holds when the take-over is longer than the
 * expiry by what the two clocks may differ over it: each is wrong by OWNER_DRIFT_MS at most. All
 * clocks are mono, and run on while a machine sleeps. */
#define OWNER_RENEW_MS 1000 /* after a commit, when no other one came: one that says no more */
#define OWNER_LOOK_MS 1000  /* how often the others look at the row */
#define OWNER_EXPIRY_MS 6000
#define OWNER_TAKEOVER_MS 8000
#define OWNER_DRIFT_MS 1000 /* by so much is one clock wrong while one of these timers runs */
/* A shorter lease may be over before its agent is heard by the next owner: users are warned. */
#define OWNER_LEASE_MS 30000

/* ---- coming back ---- */
#define RETRY_HEARTBEATS SILENCE_HEARTBEATS /* the longest wait between two tries to connect */
#define RETRY_LONGEST_MS 30000              /* ... and never longer than this */
#define RETRY_SHORTEST_MS 1000              /* ... which is never made shorter than this */

/* ---- the ends of an attempt ---- */
#define KILL_GRACE_DEFAULT_MS 10000 /* from the soft signal to the hard one */
#define KILL_GRACE_MAX_MS 3600000
#define GUARD_LATE_MS 500 /* the guard's margin: platform/guard_table.h has the same number */
#define GUARD_END_MS                                                                               \
    1000 /* the longest time from the end of the lease to the end of the processes */
#define KILL_SLACK_MS 5000      /* after the grace: to end the process tree and to report the end */
#define BACKSTOP_SLACK_MS 30000 /* beyond an agent's own timeout and grace: a kill is sent */

/* The longest interval of heartbeats under which a lease is renewed in time. */
static inline int64_t lease_heartbeat_ms(int64_t lease_ms)
{
    return lease_ms / LEASE_HEARTBEATS;
}

/* How long an agent waits for its next heartbeat: the interval, less up to a hundredth of it, so
 * that it comes with those of others (or up to HEARTBEAT_SLACK_MS more). A wall clock that is wrong
 * or jumps moves it within these bounds alone. */
static inline int64_t lease_next_heartbeat_ms(int64_t heartbeat_ms, int64_t wall_ms)
{
    if (heartbeat_ms < HEARTBEAT_TOGETHER_MS) return heartbeat_ms;
    int64_t step = heartbeat_ms / HEARTBEAT_STEPS;
    int64_t past = (wall_ms % step + heartbeat_ms % step + step + HEARTBEAT_SLACK_MS) % step;
    return heartbeat_ms + HEARTBEAT_SLACK_MS - past;
}

/* How far into its lease an attempt that waited may still be started: in the last third of the
 * lease the job could hardly begin. */
static inline int64_t lease_start_ms(int64_t lease_ms)
{
    return lease_ms / 3 * 2;
}

/* How long a peer may be silent before its connection is cut. */
static inline int64_t lease_silence_ms(int64_t heartbeat_ms)
{
    return SILENCE_HEARTBEATS * heartbeat_ms + SILENCE_EXTRA_MS;
}

/* The longest that an agent waits between two tries to connect, by the interval of its last
 * welcome; 0: it had none. A coordinator that was started gives agents lease_silence_ms to come
 * back before it says that a group has none. So the wait is over SILENCE_EXTRA_MS before that, or a
 * bit less with the shortest intervals, and the extra time is for the connection itself. */
static inline int64_t lease_retry_ms(int64_t heartbeat_ms)
{
    if (heartbeat_ms <= 0 || heartbeat_ms >= RETRY_LONGEST_MS / RETRY_HEARTBEATS)
        return RETRY_LONGEST_MS;
    int64_t ms = RETRY_HEARTBEATS * heartbeat_ms;
    return ms > RETRY_SHORTEST_MS ? ms : RETRY_SHORTEST_MS;
}

/* From a lease's end until the agent certainly has ended the tree. grace_ms 0: the default. */
static inline int64_t lease_kill_time_ms(int64_t grace_ms)
{
    return (grace_ms > 0 ? grace_ms : KILL_GRACE_DEFAULT_MS) + KILL_SLACK_MS;
}

/* First the agent ends the attempt, then the guard, then the coordinator gives up; the grace may be
 * almost 0. */
_Static_assert(0 < GUARD_LATE_MS, "an agent that is alive ends its attempts before the guard does");
_Static_assert(GUARD_LATE_MS < GUARD_END_MS, "the guard needs time between looking and ending");
_Static_assert(GUARD_END_MS < KILL_SLACK_MS, "the guard has ended before the coordinator gives up");
/* A coordinator that could not read for a while reads the waiting heartbeats before it gives up. */
_Static_assert(LEASE_DEAF_MS < KILL_SLACK_MS, "being deaf is shorter than what a lease can spare");
/* Every allowed lease has an allowed interval that renews it in time. */
_Static_assert(HEARTBEAT_MIN_MS <= LEASE_MIN_MS / LEASE_HEARTBEATS, "the shortest lease is kept");
_Static_assert(LEASE_HEARTBEATS >= 2, "one heartbeat may be lost");
_Static_assert(2 * HEARTBEAT_SLACK_MS < HEARTBEAT_TOGETHER_MS / HEARTBEAT_STEPS,
               "a step is longer than what a timer may be off");
/* An owner sends nothing more when another one takes over, and a few renewals may be lost. */
_Static_assert(OWNER_EXPIRY_MS + 2 * OWNER_DRIFT_MS <= OWNER_TAKEOVER_MS,
               "the owner's time is over before another one's begins");
_Static_assert(3 * OWNER_RENEW_MS <= OWNER_EXPIRY_MS, "two renewals may be lost");
_Static_assert(OWNER_TAKEOVER_MS + OWNER_LOOK_MS < 10000, "a take-over begins within 10 s");
_Static_assert(OWNER_TAKEOVER_MS + OWNER_LOOK_MS < OWNER_LEASE_MS, "such a lease outlives it");
_Static_assert(OWNER_DRIFT_MS < OWNER_EXPIRY_MS - OWNER_RENEW_MS, "a clock is right for the most");
/* The longest wait between two tries, whatever the interval, is below lease_silence_ms, with time
 * for the connection. */
_Static_assert(RETRY_HEARTBEATS <= SILENCE_HEARTBEATS, "an agent is back before it is missed");
_Static_assert(2 * RETRY_SHORTEST_MS <= SILENCE_EXTRA_MS, "... with short intervals, too");
_Static_assert(RETRY_SHORTEST_MS < RETRY_LONGEST_MS, "the wait has its bounds in order");
_Static_assert(KILL_GRACE_DEFAULT_MS <= KILL_GRACE_MAX_MS, "the default grace is allowed");

#endif
