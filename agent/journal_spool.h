/* Large events (output) that wait for their acknowledgement, beside the journal's database: there,
 * each would be written twice and read back, and the agent's loop would wait for the disk now and
 * then. Here they are appended to one of two files (STATE/journal.db.output1 and 2), which take
 * turns: when all events of one are acknowledged, it begins anew.
 *
 *   record:  seq | job | attempt | acknowledged | before | length | checksum | frame
 *
 * What was committed survives the death of the agent. After a power loss, records may be missing or
 * torn; the checksum tells, and the records behind are left out. Each record names the checksum of
 * the one before it, so that what older records left behind the newest one is not believed; and the
 * checksum counts in the journal's id, so that records of an earlier journal are none. An event
 * that the spool does not take, for want of room or of a disk, goes into the database.
 *
 * Part of the journal: only journal.c uses it. The files are opened by SQLite's VFS, which knows
 * the paths and disks of each system. */
#ifndef CADRE_AGENT_JOURNAL_SPOOL_H
#define CADRE_AGENT_JOURNAL_SPOOL_H

#include "agent/journal.h"

#define SPOOL_LEAST_BYTES 2048      /* a smaller event lies better in the database */
#define SPOOL_PART_BYTES (4 << 20)  /* a file of this length gives way to the other */
#define SPOOL_MOST_BYTES (40 << 20) /* unless the other is in use: then up to this */

struct spool;

/* `path` is the journal's. Reads what is there. NULL: there can be none, so the database takes
 * all. */
struct spool *spool_open(const char *path, const char *journal_id);
void spool_close(struct spool *s); /* what was not committed is lost; NULL is fine */

int64_t spool_seq(const struct spool *s);   /* the highest seq that it has seen */
int64_t spool_bytes(const struct spool *s); /* of frames that wait */

/* Takes the event until the next commit. seq ascends. false: the database has to take it. */
bool spool_add(struct spool *s, const struct journal_event *event);
/* Writes what was added since the last commit. false: it could not be written; then
 * spool_take_back gives these events back. */
bool spool_commit(struct spool *s);
int spool_take_back(struct spool *s, int (*fn)(const struct journal_event *e, void *user),
                    void *user);

void spool_ack(struct spool *s, int64_t seq); /* forgets up to seq */
/* Forgets the attempt's events up to seq. */
void spool_drop(struct spool *s, int64_t job, int64_t attempt, int64_t seq);

/* The first event behind `after`. 1: found; 0: there is none; negative: it cannot be read. The
 * frame is valid until the next call. */
int spool_next(struct spool *s, int64_t after, struct journal_event *out);

#endif
