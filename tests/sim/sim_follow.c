/* Users who follow the output of jobs at coordinators that need not own the queue: they read what
 * was committed, page by page behind their cursor, and must not miss a byte. */
#include "tests/sim/sim_houses.h"

#include "base/id.h"
#include "base/mem.h"
#include "coordinator/store/reader.h"

#define PAGE_BYTES 4096
#define LOOK_MOST_MS 2000

struct follower {
    struct sim *sim;
    const struct job_model *job;
    int64_t cursor, attempt, bytes;
};

struct followers {
    struct reader *reader;
    int64_t told; /* the newest cursor of a transaction under way, for a sabotage */
    struct follower *all;
};

static int take_chunk(const struct chunk *c, void *user)
{
    struct follower *f = user;
    char id[ID_TEXT_SIZE];
    if (c->stream != 1 || c->attempt < f->attempt) return 0;
    if (c->attempt > f->attempt) {
        f->attempt = c->attempt;
        f->bytes = 0;
    }
    id_format(c->job, id);
    bool forgiven = f->job->output_gone && c->offset > f->bytes;
    if (c->offset != f->bytes && !forgiven)
        sim_violation(f->sim, "a follower of job %s has read %lld bytes, and then comes %lld", id,
                      (long long)f->bytes, (long long)c->offset);
    f->bytes = c->offset + (int64_t)c->len;
    return 0;
}

/* To the end of what is there. */
static void follow(struct followers *all, struct follower *f)
{
    struct err e = {0};
    int64_t next = f->cursor;
    do {
        f->cursor = next;
        struct output_filter filter = {.job = f->job->id,
                                       .cursor = f->cursor,
                                       .max_bytes = PAGE_BYTES};
        if (reader_output(all->reader, &filter, take_chunk, f, &next, &e) != 0) {
            sim_violation(f->sim, "a follower cannot read: %s", err_text(&e));
            return;
        }
    } while (next != f->cursor);
    if (f->sim->sabotage == SABOTAGE_LATE_ROW && all->told > f->cursor) f->cursor = all->told;
}

static void on_follow(struct sim *s, void *object, uint64_t number)
{
    struct followers *all = object;
    for (int i = 0; i < s->job_count; i++) {
        struct follower *f = &all->all[i];
        bool looks = f->job->id && sim_random(s, 0, 3) == 0;
        if (looks && (!job_is_final(f->job->state) || f->bytes == 0)) follow(all, f);
    }
    sim_at(s, sim_random(s, 1, LOOK_MOST_MS), on_follow, all, number);
}

void followers_begin(struct sim *s)
{
    struct err e = {0};
    if (!s->houses) return;
    struct followers *all = s->houses->followers = mem_alloc(sizeof *all);
    all->all = mem_array((size_t)s->job_count, sizeof *all->all);
    for (int i = 0; i < s->job_count; i++)
        all->all[i] = (struct follower){.sim = s, .job = &s->jobs[i]};
    if (reader_open(s->world.folder, &all->reader, &e) != 0)
        sim_violation(s, "the reader: %s", err_text(&e));
    else
        sim_at(s, 0, on_follow, all, 0);
}

void followers_hear(struct sim *s, int64_t cursor)
{
    if (s->houses->followers) s->houses->followers->told = cursor;
}

/* Numbers of output that was read may be given to other output: who reads on behind them would miss
 * it, which is no promise. */
void followers_begin_anew(struct sim *s)
{
    struct followers *all = s->houses->followers;
    if (!all) return;
    all->told = 0;
    for (int i = 0; i < s->job_count; i++)
        all->all[i] = (struct follower){.sim = s, .job = &s->jobs[i]};
}

void followers_check(struct sim *s, const struct job_model *j, int64_t bytes)
{
    char id[ID_TEXT_SIZE];
    if (!s->houses) return;
    struct follower *f = &s->houses->followers->all[j - s->jobs];
    follow(s->houses->followers, f);
    id_format(j->id, id);
    if (f->bytes != bytes && !j->output_gone)
        sim_violation(s, "a follower of job %s has read %lld bytes of %lld", id,
                      (long long)f->bytes, (long long)bytes);
}

void followers_fini(struct sim *s)
{
    struct followers *all = s->houses->followers;
    if (!all) return;
    reader_close(all->reader);
    mem_free(all->all);
    mem_free(all);
}
