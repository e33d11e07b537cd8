/* The linker puts these in front of the store's functions (--wrap), so that a commit can fail and a
 * write can be lost in the simulation alone. */
#include "tests/sim/sim.h"

#include "coordinator/store/store.h"

struct store_faults store_faults;

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __real_store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt,
                               int64_t now_ms, struct err *e);
int __wrap_store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt,
                               int64_t now_ms, struct err *e);
int __real_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
int __wrap_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e);
int __real_store_each_group(struct store *s, int (*fn)(const struct group_row *g, void *user),
                            void *user, struct err *e);
int __wrap_store_each_group(struct store *s, int (*fn)(const struct group_row *g, void *user),
                            void *user, struct err *e);
int __real_store_output_add(struct store *s, const struct chunk *c, struct err *e);
int __wrap_store_output_add(struct store *s, const struct chunk *c, struct err *e);
int __real_store_each_open_job(struct store *s, int (*fn)(const struct job_row *j, void *user),
                               void *user, struct err *e);
int __wrap_store_each_open_job(struct store *s, int (*fn)(const struct job_row *j, void *user),
                               void *user, struct err *e);

int __wrap_store_commit(struct store *s, struct err *e)
{
    if (store_faults.fail_commit) {
        store_faults.fail_commit = false;
        store_rollback(s);
        return err_set(e, ERR_FULL, "the disk is full (simulated)");
    }
    if (store_faults.lose_commit) {
        store_faults.lose_commit = false;
        store_rollback(s);
        return 0;
    }
    return __real_store_commit(s, e);
}

int __wrap_store_job_submitted(struct store *s, int64_t id, int64_t agent, int64_t attempt,
                               int64_t now_ms, struct err *e)
{
    if (store_faults.lose_hand_out) {
        store_faults.lose_hand_out = false;
        return 0;
    }
    return __real_store_job_submitted(s, id, agent, attempt, now_ms, e);
}

int __wrap_store_output_add(struct store *s, const struct chunk *c, struct err *e)
{
    if (store_faults.lose_output) return 0;
    return __real_store_output_add(s, c, e);
}

int __wrap_store_job_finish(struct store *s, int64_t id, const struct job_end *end, struct err *e)
{
    if (store_faults.lose_result && end->state == JOB_SUCCESS) {
        store_faults.lose_result = false;
        return 0;
    }
    return __real_store_job_finish(s, id, end, e);
}

struct group_filter {
    int (*fn)(const struct group_row *g, void *user);
    void *user;
};

static int forget_pause(const struct group_row *g, void *user)
{
    const struct group_filter *f = user;
    struct group_row copy = *g;
    copy.paused = false;
    return f->fn(&copy, f->user);
}

int __wrap_store_each_group(struct store *s, int (*fn)(const struct group_row *g, void *user),
                            void *user, struct err *e)
{
    struct group_filter f = {fn, user};
    if (store_faults.forget_pause) return __real_store_each_group(s, forget_pause, &f, e);
    return __real_store_each_group(s, fn, user, e);
}

struct filter {
    int (*fn)(const struct job_row *j, void *user);
    void *user;
};

static int skip_assigned(const struct job_row *j, void *user)
{
    const struct filter *f = user;
    return job_is_assigned(j->state) ? 0 : f->fn(j, f->user);
}

int __wrap_store_each_open_job(struct store *s, int (*fn)(const struct job_row *j, void *user),
                               void *user, struct err *e)
{
    struct filter f = {fn, user};
    if (store_faults.overlook_jobs) return __real_store_each_open_job(s, skip_assigned, &f, e);
    return __real_store_each_open_job(s, fn, user, e);
}
