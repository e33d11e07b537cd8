/* Looks at what clients, agents and a test wrote down while real programs ran, and says what of it
 * may not be.
 *
 * A history is lines, in an order that may have been: who asks writes first and asks then, who was
 * answered writes afterwards. One file to which all append with one write a line is such an order.
 * A job is known by a KEY that its client chose (its name) and has an ID once it is acknowledged.
 * Words are apart by blanks; "#" begins a comment.
 *
 *   asked KEY [retry=N] [group=G] [priority=N]   a client is about to submit it; retry: how often
 *                              it may be tried again (0); group: the default one is "default"
 *   acknowledged KEY ID        and was told so
 *   refused KEY                and was told that it was not taken; neither: nobody knows
 *   cancel KEY, cancelled KEY  the same of a cancel
 *   start KEY ID ATTEMPT AGENT [met]   the job's process is there; met: so is another one of its
 *   wrote KEY ATTEMPT WORD     it is about to write this line
 *   end KEY ATTEMPT CODE       and to exit
 *   seen KEY ID STATE ATTEMPT [exit=N] [reason=R]   what a client was told; of one job by one
 *                              client after the other, at whatever coordinator
 *   read KEY ATTEMPT [WORD...] the output that a client was given
 *   missing KEY                the queue does not know it
 *   serial GROUP               one agent with one slot has this group, and nobody else
 *   lost-commits               the database went back: what was acknowledged may be missing, with
 *                              output before it, and what had ended may run again. What runs may
 *                              not
 *   last                       nothing comes any more: what was acknowledged has ended
 */
#ifndef CADRE_TESTS_HISTORY_CHECK_H
#define CADRE_TESTS_HISTORY_CHECK_H

#include <stddef.h>

struct history;

struct history *history_new(void);
void history_free(struct history *h);
/* The next line, without its newline; it is changed. */
void history_line(struct history *h, char *line);
/* What can be told of the whole alone. Once, after the last line. */
void history_end(struct history *h);

/* "LINE: RULE: what is wrong", as many as there are; the rules are in history_check.c. */
size_t history_fault_count(const struct history *h);
const char *history_fault(const struct history *h, size_t i);
/* How many jobs were acknowledged, attempts started, and ends seen. */
void history_counts(const struct history *h, size_t *jobs, size_t *starts, size_t *ends);

#endif
