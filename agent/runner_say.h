/* What an attempt has to say to the coordinator: each becomes an event in the journal, a whole
 * frame with the next sequence number. Pure but for the journal. All return 0 or what the journal
 * says; nothing that is asked for here is too long for its message. */
#ifndef CADRE_AGENT_RUNNER_SAY_H
#define CADRE_AGENT_RUNNER_SAY_H

#include "agent/journal.h"
#include "agent/meter.h"
#include "agent/output.h"
#include "agent/runner_end.h"
#include "base/buf.h"
#include "base/err.h"
#include "platform/process.h"
#include "wire/frame.h"

#include <stdint.h>

struct runner_voice {
    struct journal *journal;
    struct buf frame;           /* scratch */
    uint64_t ended[METER_ENDS]; /* attempts that finished */
};

void runner_voice_init(struct runner_voice *v, struct journal *journal);
void runner_voice_fini(struct runner_voice *v);

struct runner_who {
    int64_t job, attempt;
};

int runner_say_started(struct runner_voice *v, struct runner_who who, int64_t pid, struct err *e);
/* stream, offset, data and len are given; the rest is filled in. */
int runner_say_output(struct runner_voice *v, struct runner_who who, struct frame_output chunk,
                      struct err *e);

/* ---- the last word of an attempt ---- */
/* message: a sentence; NULL: none. */
int runner_say_declined(struct runner_voice *v, struct runner_who who, const char *reason,
                        const char *message, struct err *e);
/* It was cancelled before it had a process. */
int runner_say_cancelled(struct runner_voice *v, struct runner_who who, struct err *e);
/* rc, why: as process_start and launch_prepare have them. */
int runner_say_not_started(struct runner_voice *v, struct runner_who who, int rc,
                           const struct err *why, struct err *e);
/* *state: what it ended as, for the log. */
int runner_say_finished(struct runner_voice *v, struct runner_who who, const struct runner_end *end,
                        const char **state, struct err *e);
/* An earlier life of the agent had started it. alive: what of it could not be ended; NULL:
 * nothing. */
int runner_say_interrupted(struct runner_voice *v, struct runner_who who,
                           const struct process_list *alive, struct err *e);

/* After the last word, which named processes that were alive: they are gone. */
int runner_say_cleared(struct runner_voice *v, struct runner_who who, struct err *e);

#endif
