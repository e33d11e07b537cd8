/* The agent's memory: which attempts it took, and every event that the coordinator has not
 * acknowledged yet. One SQLite file (STATE/journal.db, WAL, synchronous=NORMAL), and beside it two
 * files for large output (journal_spool.h), so that an agent that was killed knows at its next
 * start what it did. After a power loss the newest entries may be missing; the boot id tells the
 * coordinator so (PROTOCOL.md section 4).
 *
 * Writes of one turn of the loop are one transaction: journal_commit() ends it. No event is sent
 * and no process is started before the entries behind it are committed. Two things may wait for the
 * commit of a later turn: that a job was accepted (without the row it was never begun), and that
 * events were acknowledged (they are sent again, and change nothing). One thread, and one program
 * at a time. Only journal*.c sees SQLite. */
#ifndef CADRE_AGENT_JOURNAL_H
#define CADRE_AGENT_JOURNAL_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNAL_DROP_ROWS 64 /* events of dropped attempts that one transaction forgets */

enum journal_state {
    JOURNAL_ACCEPTED = 0, /* received, its files are being made; nothing was started */
    JOURNAL_STARTING = 1, /* its process may exist from here on */
    JOURNAL_RUNNING = 2,  /* identity tells which process */
    JOURNAL_ENDED = 3,    /* its finished or declined event is in the journal */
};

struct journal_attempt {
    int64_t job, attempt;
    enum journal_state state;
    char mark[64];      /* names cgroup / Job Object and work folder */
    char identity[160]; /* process_identity(), "" before RUNNING */
};

struct journal;

/* Creates the file (0600) when missing. boot_id: of the machine's present start; "": not known.
 * Where the journal was last open under another one, the machine may have lost its newest entries,
 * and an attempt that is ACCEPTED there may have been started: it becomes STARTING. ERR_CORRUPT:
 * moved aside as journal.db.damaged and a new one is begun, with a new id: *damaged tells (the
 * coordinator then treats what it handed out as interrupted). */
int journal_open(const char *state_folder, const char *boot_id, struct journal **out, bool *damaged,
                 struct err *e);
void journal_close(struct journal *j); /* commits; NULL is fine */

const char *journal_id(const struct journal *j); /* random hex, made with the file */
int64_t journal_seq(const struct journal *j);    /* highest sequence number given so far */
/* The coordinator knows of `seq`: continue behind it. */
int journal_raise_seq(struct journal *j, int64_t seq, struct err *e);

int journal_put_attempt(struct journal *j, const struct journal_attempt *a,
                        struct err *e); /* inserts or replaces the row */
/* Forgets the attempt and its events: JOURNAL_DROP_ROWS events in one transaction, the others in
 * the next transactions. Until then the events may still be sent, and the journal keeps them when
 * the agent ends. */
int journal_drop_attempt(struct journal *j, int64_t job, int64_t attempt, struct err *e);
bool journal_drops(
    const struct journal *j); /* events remain to be dropped: commit again in another turn */
int journal_each_attempt(struct journal *j, int (*fn)(const struct journal_attempt *a, void *user),
                         void *user, struct err *e);

/* ---- what could not be ended ---- */
/* Processes of an attempt that has ended. Independent of the rows above. */
struct journal_remnant {
    int64_t job, attempt;
    char mark[64];
    char identity[320]; /* for process_watch_remnant */
};
int journal_put_remnant(struct journal *j, const struct journal_remnant *r, struct err *e);
int journal_drop_remnant(struct journal *j, int64_t job, int64_t attempt, struct err *e);
int journal_each_remnant(struct journal *j, int (*fn)(const struct journal_remnant *r, void *user),
                         void *user, struct err *e);

/* Takes the next sequence number. The caller encodes the event with it and adds the whole frame.
 * `ends`: this is the attempt's last event (finished, declined). */
int64_t journal_next_seq(struct journal *j);
struct journal_event {
    int64_t seq, job, attempt;
    bool ends;
    const void *frame;
    size_t len;
};
int journal_add_event(struct journal *j, const struct journal_event *event, struct err *e);
/* Forgets events up to seq, and attempts whose last event is among them. */
int journal_ack(struct journal *j, int64_t seq, struct err *e);
/* The highest seq of an acknowledged event that was a message (and no output), or less, when the
 * agent was killed since. 0: none is known. */
int64_t journal_acked(const struct journal *j);
/* Frames with seq > after in order, until fn returns non-zero. */
int journal_each_event(struct journal *j, int64_t after,
                       int (*fn)(int64_t seq, const void *frame, size_t len, void *user),
                       void *user, struct err *e);
/* Bytes of frames that wait for an acknowledgement. */
int64_t journal_pending_bytes(const struct journal *j);

/* Reserves some MiB of the disk within the journal's files, unless the files have the space
 * already: the results of running jobs still fit when other programs have filled the disk. Between
 * commits only. ERR_FULL: the disk has not enough space now. */
int journal_reserve(struct journal *j, struct err *e);

/* Commits what was written; 0 at once when there is nothing, or only what may wait. ERR_FULL: the
 * disk */
int journal_commit(struct journal *j, struct err *e);
/* Is something written and not committed? Also what may wait. */
bool journal_waits(const struct journal *j);
/* The next journal_commit takes what may wait, too. */
void journal_hurry(struct journal *j);
int64_t journal_commits(const struct journal *j); /* since it was opened */

#endif
