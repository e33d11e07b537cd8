/* The reader thread and what passes between it and the loop. */
#include "base/mem.h"
#include "coordinator/reads/reads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <uv.h>

struct rig {
    uv_loop_t loop;
    struct reads *reads;
    uv_thread_t loop_thread;
    uv_sem_t begun, go; /* of a query that holds the thread up */
    size_t done, ran;
    int last;
    atomic_int untaken, most_untaken;
    bool stopped;
};

struct probe {
    struct query query;
    struct rig *rig;
    int number;
    size_t bytes;
    bool holds, again;
};

static void run(struct query *q, struct reader *r)
{
    struct probe *p = (struct probe *)q;
    uv_thread_t self = uv_thread_self();
    assert_null(r);
    assert_false(uv_thread_equal(&self, &p->rig->loop_thread));
    if (p->holds) {
        uv_sem_post(&p->rig->begun);
        uv_sem_wait(&p->rig->go);
    }
    q->result_bytes = p->bytes;
    int untaken = atomic_fetch_add(&p->rig->untaken, 1) + 1;
    if (untaken > atomic_load(&p->rig->most_untaken)) atomic_store(&p->rig->most_untaken, untaken);
}

static void push(struct rig *r, const struct probe *like);

static void done(struct query *q)
{
    struct probe *p = (struct probe *)q;
    struct rig *r = p->rig;
    uv_thread_t self = uv_thread_self();
    assert_true(uv_thread_equal(&self, &r->loop_thread));
    assert_int_equal(p->number, r->last + 1); /* in the order in which they were pushed */
    r->last = p->number;
    r->done++;
    r->ran += q->ran;
    if (q->ran) atomic_fetch_sub(&r->untaken, 1);
    if (p->again) push(r, &(struct probe){.number = p->number + 1});
    mem_free(p);
}

static struct query *add(struct rig *r, const struct probe *like)
{
    struct probe *p = mem_alloc(sizeof *p);
    *p = *like;
    p->rig = r;
    p->query.run = run;
    p->query.done = done;
    reads_push(r->reads, &p->query);
    return &p->query;
}

static void push(struct rig *r, const struct probe *like)
{
    (void)add(r, like);
}

static void turn_until(struct rig *r, size_t count)
{
    while (r->done < count)
        uv_run(&r->loop, UV_RUN_ONCE);
}

static int setup(void **state)
{
    struct rig *r = mem_alloc(sizeof *r);
    struct err e = {0};
    r->loop_thread = uv_thread_self();
    assert_int_equal(uv_sem_init(&r->begun, 0) | uv_sem_init(&r->go, 0), 0);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    if (reads_start(&r->loop, NULL, &r->reads, &e)) fail_msg("%s", e.msg);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    if (!r->stopped) reads_stop(r->reads);
    reads_free(r->reads);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    uv_sem_destroy(&r->begun);
    uv_sem_destroy(&r->go);
    mem_free(r);
    return 0;
}

static void queries_run_on_the_thread_and_are_done_on_the_loop_in_order(void **state)
{
    struct rig *r = *state;
    for (int i = 1; i <= 1000; i++)
        push(r, &(struct probe){.number = i});
    turn_until(r, 1000);
    assert_int_equal(r->ran, 1000);
}

static void query_that_was_cancelled_does_not_run(void **state)
{
    struct rig *r = *state;
    push(r, &(struct probe){.number = 1, .holds = true});
    uv_sem_wait(&r->begun);
    struct query *q = add(r, &(struct probe){.number = 2});
    push(r, &(struct probe){.number = 3});
    reads_cancel(r->reads, q);
    uv_sem_post(&r->go);
    turn_until(r, 3);
    assert_int_equal(r->ran, 2);
}

static void many_waiting_queries_are_full(void **state)
{
    struct rig *r = *state;
    push(r, &(struct probe){.number = 1, .holds = true});
    uv_sem_wait(&r->begun);
    for (int i = 2; i < READS_WAITING_MAX; i++)
        push(r, &(struct probe){.number = i});
    assert_false(reads_is_full(r->reads));
    push(r, &(struct probe){.number = READS_WAITING_MAX});
    assert_true(reads_is_full(r->reads));
    uv_sem_post(&r->go);
    turn_until(r, READS_WAITING_MAX);
    assert_false(reads_is_full(r->reads));
}

static void large_results_wait_for_the_loop_one_by_one(void **state)
{
    struct rig *r = *state;
    for (int i = 1; i <= 100; i++)
        push(r, &(struct probe){.number = i, .bytes = READS_RESULT_BYTES + 1});
    turn_until(r, 100);
    /* one may be ready while the one before is being taken */
    assert_true(atomic_load(&r->most_untaken) <= 2);
}

static void stop_delivers_what_was_pushed_and_runs_nothing_more(void **state)
{
    struct rig *r = *state;
    for (int i = 1; i <= 10; i++)
        push(r, &(struct probe){.number = i, .bytes = READS_RESULT_BYTES + 1, .again = i == 10});
    reads_stop(r->reads);
    r->stopped = true;
    assert_int_equal(r->done, 11); /* the last one pushed another */
    assert_int_equal(r->ran, 10);
    push(r, &(struct probe){.number = 12});
    turn_until(r, 12);
    assert_int_equal(r->ran, 10);
    push(r, &(struct probe){.number = 13}); /* teardown's reads_free is done with it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queries_run_on_the_thread_and_are_done_on_the_loop_in_order,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(query_that_was_cancelled_does_not_run, setup, teardown),
        cmocka_unit_test_setup_teardown(many_waiting_queries_are_full, setup, teardown),
        cmocka_unit_test_setup_teardown(large_results_wait_for_the_loop_one_by_one, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stop_delivers_what_was_pushed_and_runs_nothing_more, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
