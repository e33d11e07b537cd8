/* See run_json.h. */
#include "coordinator/reads/run_json.h"

static void put_place(struct jw *w, int64_t number, int64_t parent, const char *value,
                      int64_t iteration)
{
    jw_int(w, "run", number);
    if (parent)
        jw_int(w, "parent", parent);
    else
        jw_null(w, "parent");
    jw_raw(w, "value", value);
    if (iteration != RUN_NO_ITERATION)
        jw_int(w, "iteration", iteration);
    else
        jw_null(w, "iteration");
}

static int put_job(struct jw *w, struct reader *r, const struct job_view *job, const char *waiting)
{
    struct job_json_parts parts = {.with_waiting = true, .waiting = waiting};
    return job_json(w, r, job, &parts, NULL);
}

/* A run without a job: a control task, one that sleeps, or that was left out. */
static void put_alone(struct jw *w, const struct run_row *row)
{
    jw_null(w, "id");
    jw_str(w, "kind", "task");
    jw_id(w, "execution", row->execution);
    jw_str(w, "task", row->task);
    jw_str(w, "state", run_state_names[row->state]);
    jw_str(w, "reason", reason_name(row->reason));
    jw_str(w, "message", row->message);
    jw_null(w, "exitCode");
    jw_id(w, "child", row->child);
    jw_time(w, "createdAt", row->created_ms);
    jw_time(w, "startedAt", row->started_ms);
    jw_time(w, "endedAt", row->ended_ms);
    jw_time(w, "wakesAt", row->due_ms);
    jw_null(w, "waiting");
    jw_raw(w, "outputs", row->outputs);
}

int run_json(struct jw *w, struct reader *r, const struct run_row *row, const struct job_view *job,
             const char *waiting)
{
    int rc = 0;
    if (job)
        rc = put_job(w, r, job, waiting);
    else
        put_alone(w, row);
    put_place(w, row->number, row->parent, row->value, row->iteration);
    return rc;
}

int old_run_json(struct jw *w, struct reader *r, const struct job_view *job, int64_t number)
{
    int rc = put_job(w, r, job, NULL);
    put_place(w, number, 0, NULL, RUN_NO_ITERATION);
    return rc;
}
