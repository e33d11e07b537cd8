/* Messages to channels: what is told, when, and how often (docs/notify.md).
 *
 * Of one channel, event and subject there is one notice. The first message goes at once; what
 * happens again after it is told at most every NOTICE_PAUSE_MS with its count, and once more when
 * it is over. What begins anew within NOTICE_PAUSE_MS after that was told waits for the end of that
 * time, and is not told when it is over by then: a state that comes and goes is no flood. That is
 * known in memory alone. What is no state that lasts (rule.h) and happens no more is over after
 * NOTICE_QUIET_MS, which is told, unless something else tells its end (quiet.h); then it is
 * forgotten after NOTICE_FORGET_MS. A message is due in a row of the store, leaves as EFFECT_NOTICE
 * after the commit, and is due until CMD_NOTICED says that it was delivered: so it is sent at least
 * once. */
#ifndef CADRE_COORDINATOR_ENGINE_NOTICE_H
#define CADRE_COORDINATOR_ENGINE_NOTICE_H

#include "coordinator/engine/core.h"

#define NOTICE_PAUSE_MS (15 * 60000)
#define NOTICE_FORGET_MS (24 * 3600000)
#define NOTICE_RETRY_FIRST_MS 10000
#define NOTICE_RETRY_MOST_MS (15 * 60000)
/* A message that failed so often is given up: after about a day, later when many wait for a channel
 * that hangs. Not of a state that still lasts,
 * since nobody else would tell of it when the channel works again. */
#define NOTICE_TRIES 100
/* Then the oldest that has nothing to tell makes room for a new one; when each has, the oldest
 * does, which is counted as dropped. Never a state that lasts: the rules have a bound of their
 * own. */
#define NOTICES_MOST 10000

struct notice;

/* It happened. facts: JSON object text with title, text and more of docs/notify.md. */
void notice_raise(struct engine *g, const char *channel, const char *event, const char *subject,
                  const char *facts);
/* ... so often. */
void notice_raise_times(struct engine *g, const char *channel, const char *event,
                        const char *subject, const char *facts, int64_t times);
/* It is over, on all channels; nothing happens when there is no notice of it. */
void notice_over(struct engine *g, const char *event, const char *subject, const char *facts);
/* Is there anything that could be over? */
bool notice_any(const struct engine *g, const char *event, const char *subject);

/* ---- states that last (alarm.c) ---- */

/* NULL: there is none, or that it is over is told already. */
struct notice *notice_open(const struct engine *g, const char *channel, const char *event,
                           const char *subject);
/* Those of states, oldest first; NULL: the first, and no more. Open or not. */
struct notice *notice_next_lasting(const struct engine *g, const struct notice *after);
const struct notice_row *notice_row(const struct notice *n);
/* Is it so long since the last message about it was delivered, and none due? */
bool notice_may_repeat(const struct engine *g, const struct notice *n, int64_t repeat_ms);
/* It lasts, and is told once more; what the message counts is how often it was told. */
void notice_repeat(struct engine *g, struct notice *n, const char *facts);
void notice_end(struct engine *g, struct notice *n, const char *facts); /* this one is over */
void notice_drop(struct engine *g, struct notice *n); /* the same, and nobody is told */
/* What a pass found to last is marked with the pass. */
void notice_mark(struct notice *n, uint64_t pass);
bool notice_is_marked(const struct notice *n, uint64_t pass);

void notice_on_timer(struct engine *g, struct notice *n);
const char *notice_name(const struct notice *n); /* "OPS execution-failed" for the log */
int64_t notice_id(const struct notice *n);
void apply_noticed(struct engine *g, const struct command *c);

int notices_load(struct engine *g, struct err *e);
void notices_clear(struct engine *g); /* in memory alone */

#endif
