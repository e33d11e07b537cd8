/* The index of jobs against the jobs, both by id. */
#include "coordinator/store/sqlite_check.h"

#include "coordinator/store/sql_block_jobs.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#define REMEDY ". To make the index anew, " STORE_INDEX_REMEDY

struct blocks_check {
    struct store_check *c;
    struct db *d;
    struct block_jobs jobs;
    struct stmt *starts;
    struct block block;
    bool inside;    /* block is one */
    bool has_next;  /* another one stands in the row of `starts` */
    size_t jobs_in; /* jobs of the block so far */
    /* the job that is looked at, and the bit of its part */
    int64_t job;
    uint32_t part;
};

static void tell_of_job(struct blocks_check *x, int64_t job, const char *what)
{
    char id[ID_TEXT_SIZE];
    id_format(job, id);
    char *fault = str_dupf("the index of jobs lacks the %s of job %s: lists with a filter may "
                           "leave it out" REMEDY,
                           what, id);
    check_tell_index(x->c, x->d, fault);
    mem_free(fault);
}

static void tell_of_block(struct blocks_check *x, const char *what)
{
    char start[ID_TEXT_SIZE];
    id_format(x->block.start, start);
    char *fault = str_dupf("block %s of the index of jobs %s" REMEDY, start, what);
    check_tell_index(x->c, x->d, fault);
    mem_free(fault);
}

/* 1: a row; 0: none; negative: it cannot be read on. */
static int step(struct blocks_check *x, bool *row)
{
    int rc = db_step(x->d, x->starts, NULL);
    *row = rc == 1;
    return rc < 0 ? -1 : 0;
}

static void leave_block(struct blocks_check *x)
{
    if (x->inside && x->jobs_in == 0) tell_of_block(x, "has no job: no list is wrong");
    x->jobs_in = 0;
}

/* Goes to the block that covers the id: the last one that begins there or before. */
static int go_to(struct blocks_check *x, int64_t id)
{
    int rc = 0;
    while (rc == 0 && x->has_next && column_int(x->starts, 0) <= id) {
        leave_block(x);
        if (!block_read(&x->block, x->starts, INT64_MAX))
            tell_of_block(x, "is damaged: lists look at all of its jobs");
        x->inside = true;
        rc = step(x, &x->has_next);
    }
    return rc;
}

static void check_subject(void *user, enum block_kind kind, uint32_t subject)
{
    struct blocks_check *x = user;
    if (!x->inside || !(block_mask(&x->block, kind, subject) & x->part))
        tell_of_job(x, x->job, block_kind_names[kind]);
}

static int check_job(struct blocks_check *x, const struct block_job *job)
{
    int rc = go_to(x, job->id);
    if (rc != 0) return rc;
    x->jobs_in++;
    x->job = job->id;
    x->part = x->inside ? block_part(&x->block, job->id) : 0;
    block_subjects(job, check_subject, x);
    return 0;
}

static int check_all(struct blocks_check *x)
{
    struct block_job job;
    int rc = step(x, &x->has_next), more = 1;
    while (rc == 0 && (more = block_jobs_next(&x->jobs, &job, NULL)) == 1)
        rc = check_job(x, &job);
    if (more < 0) return more;
    if (rc == 0) rc = go_to(x, INT64_MAX);
    if (rc == 0) leave_block(x);
    return rc;
}

int check_blocks(struct store_check *c, struct db *d, struct err *e)
{
    static const char blocks[] = "SELECT " BLOCK_COLUMNS " FROM job_blocks ORDER BY start";
    struct blocks_check x = {.c = c, .d = d};
    bool ready =
        block_jobs_open(&x.jobs, d, NULL) == 0 && db_prepare_one(d, blocks, &x.starts, NULL) == 0;
    int rc = ready && check_all(&x) == 0 ? 0 : check_failed(c, d, e);
    block_jobs_close(&x.jobs);
    stmt_finish(x.starts);
    block_fini(&x.block);
    return rc;
}
