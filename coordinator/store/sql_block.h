/* One block of the index of jobs, job_blocks: which groups, agents, namespaces and so on the jobs
 * of a range of ids have. sql_blocks.c says how it is kept. Only files sql_*.c and sqlite_*.c of
 * this folder include this header. */
#ifndef CADRE_COORDINATOR_STORE_SQL_BLOCK_H
#define CADRE_COORDINATOR_STORE_SQL_BLOCK_H

#include "base/json.h"
#include "base/map.h"
#include "coordinator/store/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stmt; /* db.h */

/* A block has so many parts, and a part is closed when it has so many jobs. Jobs that come late,
 * with ids from before, are in none too many. */
#define BLOCK_PARTS 16
#define PART_JOBS 32
/* A block has so many subjects at most; labels, which may be another one for each execution, take
 * half of the room. What finds no room is marked as any subject of its kind. */
#define BLOCK_SUBJECTS_MOST 2048

#define BLOCK_COLUMNS "start, parts, subjects"
#define BLOCK_PUT                                                                                  \
    "INSERT INTO job_blocks (" BLOCK_COLUMNS ") VALUES (?1, ?2, ?3) ON CONFLICT (start)"           \
    " DO UPDATE SET parts = excluded.parts, subjects = excluded.subjects"

/* A subject is what jobs are found by. Their kinds stand in the file: append only. */
enum block_kind {
    BLOCK_GROUP, /* as it is stored, "" the default group */
    BLOCK_AGENT,
    BLOCK_NAMESPACE, /* the job's, and each above it */
    BLOCK_FLOW,      /* namespace and flow */
    BLOCK_TASK,
    BLOCK_LABEL,  /* of the job's execution: key and value */
    BLOCK_STATE,  /* a final one */
    BLOCK_REASON, /* but REASON_NONE */
    BLOCK_KINDS
};
extern const char *const block_kind_names[BLOCK_KINDS]; /* "group" ... */

/* The number of a subject, as it stands in the file. Two may have the same number, which costs a
 * look at jobs that are not wanted. more: NULL: none. */
uint32_t block_text(enum block_kind kind, const char *text, const char *more);
uint32_t block_number(enum block_kind kind, int64_t n);

/* What a job is found by, or what a change adds to that. Borrowed. */
struct block_job {
    int64_t id;
    const char *group, *ns, *flow, *task; /* NULL: none */
    const struct json *labels;            /* NULL: none */
    int64_t agent;                        /* 0: none */
    enum job_state state;                 /* only a final one counts */
    enum reason reason;
};
/* Calls fn for each subject of the job. */
typedef void block_subject_fn(void *user, enum block_kind kind, uint32_t subject);
void block_subjects(const struct block_job *j, block_subject_fn *fn, void *user);

struct block {
    int64_t start, end;         /* ids from start on, before end */
    int64_t parts[BLOCK_PARTS]; /* where each begins; the first at start */
    size_t part_count;
    unsigned char *subjects; /* SUBJECT_BYTES each: the number, and a bit for each part */
    size_t subject_count, subject_cap;
    struct map index; /* place + 1 by number; only for noting */
    bool all;         /* a row that cannot be read: it may have any subject */
    bool dirty;       /* the row is another one */
};

/* One part, no subject. The block is zeroed, or was one before: its memory is used again. */
void block_begin(struct block *b, int64_t start, int64_t end);
void block_fini(struct block *b);
/* A job of the block has the subjects from now on. */
void block_note(struct block *b, const struct block_job *j);
/* A bit for each part that may have jobs of the subject. */
uint32_t block_mask(const struct block *b, enum block_kind kind, uint32_t subject);
/* The bit of the part that has the id. */
uint32_t block_part(const struct block *b, int64_t id);

/* Takes a row, BLOCK_COLUMNS from column 0 on. False: it is damaged, and stands for all. */
bool block_read(struct block *b, struct stmt *q, int64_t end);
/* Binds BLOCK_COLUMNS as ?1 to ?3; borrowed until the statement ran, parts even from `scratch`. */
void block_bind(const struct block *b, struct stmt *q, unsigned char scratch[8 * BLOCK_PARTS]);

#endif
