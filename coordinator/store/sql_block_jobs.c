/* All jobs by id, as the index of jobs has them. */
#include "coordinator/store/sql_block_jobs.h"

#include "base/id.h"

#include <string.h>

int block_jobs_open(struct block_jobs *x, struct db *d, struct err *e)
{
    *x = (struct block_jobs){.d = d};
    int rc = db_prepare_one(d, BLOCK_JOBS, &x->jobs, e);
    return rc ? rc : db_prepare_one(d, BLOCK_LABELS, &x->labels, e);
}

void block_jobs_close(struct block_jobs *x)
{
    stmt_finish(x->jobs);
    stmt_finish(x->labels);
    json_free(x->parsed);
    *x = (struct block_jobs){0};
}

/* Those of the job before are mostly the same. */
static int find_labels(struct block_jobs *x, const char *execution, struct err *e)
{
    int64_t id;
    if (!execution || id_parse(execution, &id) != 0) id = 0;
    if (id == x->execution) return 0;
    json_free(x->parsed);
    x->parsed = NULL;
    x->execution = id;
    if (id == 0) return 0;
    bind_int(x->labels, 1, id);
    int rc = db_step(x->d, x->labels, e);
    if (rc != 1) return rc;
    const char *text = column_str(x->labels, 0);
    if (text) (void)json_parse(text, strlen(text), &x->parsed, NULL); /* a damaged one has none */
    db_reset(x->labels);
    return 0;
}

int block_jobs_next(struct block_jobs *x, struct block_job *job, struct err *e)
{
    struct stmt *q = x->jobs;
    int rc = db_step(x->d, q, e);
    if (rc != 1) return rc;
    rc = find_labels(x, column_str(q, 8), e);
    if (rc != 0) return rc;
    *job = (struct block_job){
        .id = column_int(q, 0),
        .group = column_str(q, 1),
        .agent = column_int(q, 2),
        .state = (enum job_state)column_int(q, 3),
        .reason = (enum reason)column_int(q, 4),
        .ns = column_str(q, 5),
        .flow = column_str(q, 6),
        .task = column_str(q, 7),
        .labels = x->parsed,
    };
    return 1;
}
