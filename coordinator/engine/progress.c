/* Counting what becomes of jobs. */
#include "coordinator/engine/progress.h"

#include "base/str.h"

/* Of the group in this batch. */
static struct effect_progress *of_group(struct engine *g, struct group *group)
{
    if (group->progress_in != g->batch) {
        group->progress_in = g->batch;
        group->progress = &effects_add(g->out, EFFECT_PROGRESS)->u.progress;
        (void)str_copy(group->progress->group, sizeof group->progress->group,
                       group->row.key ? group->row.key : STR_DEFAULT_GROUP);
    }
    return group->progress;
}

static void add(struct effect_times *t, int64_t ms)
{
    if (ms < 0) ms = 0; /* a clock was set back */
    t->counts[histogram_step(ms)]++;
    t->sum_ms += ms;
}

void progress_created(struct engine *g, struct group *group, const struct job_row *row)
{
    if (row->kind != JOB_TRIGGER) of_group(g, group)->created++;
}

void progress_handed_out(struct engine *g, struct group *group, const struct job_row *row)
{
    if (row->kind == JOB_TRIGGER) return;
    struct effect_progress *p = of_group(g, group);
    p->handed_out++;
    if (row->attempt == 1) add(&p->waits, g->now.wall_ms - row->created_ms);
}

void progress_ran(struct engine *g, struct group *group, const struct job_row *row,
                  int64_t ended_ms)
{
    if (row->kind != JOB_TRIGGER && row->started_ms > 0)
        add(&of_group(g, group)->runs, ended_ms - row->started_ms);
}

void progress_retried(struct engine *g, struct group *group)
{
    of_group(g, group)->retried++;
}

void progress_ended(struct engine *g, struct group *group, const struct job_row *row,
                    int64_t exit_code)
{
    struct effect_progress *p = of_group(g, group);
    int state = shown_state(row->kind, row->state, exit_code);
    (row->kind == JOB_TRIGGER ? p->evaluations : p->ended)[state - JOB_SUCCESS]++;
}

void progress_lost(struct engine *g, struct group *group)
{
    of_group(g, group)->lost++;
}
