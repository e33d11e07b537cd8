/* How often a batch asks the store for what it hands out. */
#include "engine_world.h"

#include "base/mem.h"
#include "coordinator/engine/job.h"
#include "coordinator/engine/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#define QUEUED 1000
#define SLOTS 10

static struct {
    int one_job, one_spec, heads, jobs, windows;
} asked;

int __real_store_job_get(struct store *s, int64_t id, struct job_row *out, struct err *e);
int __wrap_store_job_get(struct store *s, int64_t id, struct job_row *out, struct err *e);
int __real_store_job_spec(struct store *s, int64_t id, char **spec, struct err *e);
int __wrap_store_job_spec(struct store *s, int64_t id, char **spec, struct err *e);
int __real_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e);
int __wrap_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e);
int __real_store_jobs_read(struct store *s, const int64_t *ids, size_t count,
                           int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                           struct err *e);
int __wrap_store_jobs_read(struct store *s, const int64_t *ids, size_t count,
                           int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                           struct err *e);
int __real_store_queue_read(struct store *s, const struct queue_part *p,
                            int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                            struct err *e);
int __wrap_store_queue_read(struct store *s, const struct queue_part *p,
                            int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                            struct err *e);

int __wrap_store_job_get(struct store *s, int64_t id, struct job_row *out, struct err *e)
{
    asked.one_job++;
    return __real_store_job_get(s, id, out, e);
}

int __wrap_store_job_spec(struct store *s, int64_t id, char **spec, struct err *e)
{
    asked.one_spec++;
    return __real_store_job_spec(s, id, spec, e);
}

int __wrap_store_queue_heads(struct store *s, const struct queue_key *k, struct queue_head *out,
                             size_t most, size_t *count, struct err *e)
{
    asked.heads++;
    return __real_store_queue_heads(s, k, out, most, count, e);
}

int __wrap_store_jobs_read(struct store *s, const int64_t *ids, size_t count,
                           int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                           struct err *e)
{
    asked.jobs++;
    return __real_store_jobs_read(s, ids, count, fn, user, e);
}

int __wrap_store_queue_read(struct store *s, const struct queue_part *p,
                            int (*fn)(struct job_row *j, const char *spec, void *user), void *user,
                            struct err *e)
{
    asked.windows++;
    return __real_store_queue_read(s, p, fn, user, e);
}

static int asked_for_anything(void)
{
    return asked.one_job + asked.one_spec + asked.heads + asked.jobs + asked.windows;
}

static void queue_up_in(struct world *w, const char *group, int count)
{
    world_begin(w);
    for (int i = 0; i < count; i++)
        world_apply(w, cmd_submit(w, group, NULL));
    assert_int_equal(world_commit(w), 0);
}

static void queue_up(struct world *w, int count)
{
    queue_up_in(w, NULL, count);
}

/* One batch in which all that runs ends; looked up as the rounds of the store thread do. false:
 * nothing runs. */
static bool end_all(struct world *w, uint64_t session, int64_t *seq)
{
    struct command *first = NULL, **last = &first, *next;
    for (const struct effect *x = w->effects.first; x; x = x->next) {
        if (x->type != EFFECT_JOB) continue;
        *last = cmd_finished(session, ++*seq, x->u.job.job, 1, JOB_SUCCESS, REASON_NONE);
        last = &(*last)->next;
    }
    if (!first) return false;
    world_begin(w);
    engine_look_up(w->engine, first);
    for (struct command *c = first; c; c = next) {
        next = c->next;
        world_apply(w, c);
    }
    assert_int_equal(world_commit(w), 0);
    return true;
}

static void queue_in_the_store__is_read_together_and_ahead(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL), seq = 0;
    queue_up(w, QUEUED);
    world_restart(w); /* none of them is in memory */
    uint64_t s = world_connect(w, agent, NULL, SLOTS);
    memset(&asked, 0, sizeof asked);
    int batches = 0;
    while (end_all(w, s, &seq))
        batches++;
    assert_int_equal(seq, QUEUED);
    assert_int_equal(batches, QUEUED / SLOTS);
    assert_int_equal(asked.one_job, 0);
    assert_int_equal(asked.one_spec, 0);
    assert_int_equal(asked.heads + asked.jobs, 0);
    assert_in_range(asked.windows, QUEUED / WINDOW_READ, batches / 3);
}

static void queues_of_an_agent_of_several_groups__are_read_ahead(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t agent = world_agent(w, "a", NULL), seq = 0;
    queue_up_in(w, "g", QUEUED);
    world_restart(w);
    struct command *c = cmd_hello(w, ++w->sessions, agent, NULL, SLOTS);
    uint64_t s = c->session;
    c->u.hello.groups = mem_strdup("[\"default\",\"g\"]");
    world_do(w, c);
    world_do(w, cmd_ready(s));
    memset(&asked, 0, sizeof asked);
    while (end_all(w, s, &seq)) {
    }
    assert_int_equal(seq, QUEUED);
    assert_int_equal(asked.one_job + asked.one_spec + asked.heads + asked.jobs, 0);
}

static void queue_in_memory__asks_for_nothing(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL), seq = 0;
    queue_up(w, QUEUED);
    uint64_t s = world_connect(w, agent, NULL, SLOTS);
    memset(&asked, 0, sizeof asked);
    while (end_all(w, s, &seq)) {
    }
    assert_int_equal(seq, QUEUED);
    assert_int_equal(asked_for_anything(), 0);
}

/* The order in which they go is that of priority and age, across what is read at once; a job that
 * comes meanwhile goes where its priority says. */
static void what_is_read__goes_in_its_order(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL), seq = 0, last = 0, last_priority = 9;
    world_begin(w);
    for (int i = 0; i < QUEUED; i++) {
        struct command *c = cmd_submit(w, NULL, NULL);
        c->u.submit.job.priority = i * 7 % 5;
        world_apply(w, c);
    }
    assert_int_equal(world_commit(w), 0);
    world_restart(w);
    uint64_t s = world_connect(w, agent, NULL, 1);
    do {
        const struct effect *x = world_effect(w, EFFECT_JOB);
        if (!x) break;
        struct job *j = job_find(w->engine, x->u.job.job);
        assert_true(j->row.priority < last_priority ||
                    (j->row.priority == last_priority && j->row.id > last));
        last = j->row.id;
        last_priority = j->row.priority;
    } while (end_all(w, s, &seq));
    assert_int_equal(seq, QUEUED);
    assert_int_equal(last_priority, 0);
}

/* With memory for no more heads in all windows together, each holds a few, and every job is handed
 * out all the same. */
static void no_memory_for_windows__each_holds_a_few(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL), seq = 0;
    queue_up(w, QUEUED);
    world_restart(w);
    w->engine->heads = HEADS_MOST;
    uint64_t s = world_connect(w, agent, NULL, SLOTS);
    do
        assert_in_range(w->engine->heads, HEADS_MOST, HEADS_MOST + WINDOW_LEAST);
    while (end_all(w, s, &seq));
    assert_int_equal(seq, QUEUED);
    assert_int_equal(w->engine->heads, HEADS_MOST);
}

/* Nothing is read ahead for slots that cannot be filled. */
static void paused_group__is_not_read(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    int64_t agent = world_agent(w, "a", "g");
    world_begin(w);
    for (int i = 0; i < QUEUED; i++)
        world_apply(w, cmd_submit(w, "g", NULL));
    assert_int_equal(world_commit(w), 0);
    world_restart(w);
    uint64_t s = world_connect(w, agent, "g", 1);
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_non_null(x);
    int64_t id = x->u.job.job;
    world_do(w, cmd_text(w, CMD_GROUP_PAUSE, "g"));
    memset(&asked, 0, sizeof asked);
    world_do(w, cmd_finished(s, 1, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(asked_for_anything(), 0);
    assert_null(world_effect(w, EFFECT_JOB));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(queue_in_the_store__is_read_together_and_ahead),
        WORLD_TEST(queues_of_an_agent_of_several_groups__are_read_ahead),
        WORLD_TEST(queue_in_memory__asks_for_nothing),
        WORLD_TEST(what_is_read__goes_in_its_order),
        WORLD_TEST(no_memory_for_windows__each_holds_a_few),
        WORLD_TEST(paused_group__is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
