/* The agent's threads for file work: what hangs holds up nothing else, and is seen. Operations hang
 * at gates that the test opens; the clock is the test's. */
#include "agent/file_work.h"
#include "base/clock.h"
#include "base/mem.h"
#include "platform/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include <cmocka.h>

#define TIMEOUT_MS 60000

static _Atomic int64_t shift_ms;
void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __wrap_os_now(struct moment *out)
{
    __real_os_now(out);
    out->mono_ms += shift_ms;
}

static _Atomic int left_signals; /* threads that did */
void __wrap_os_thread_leave_signals(void);
void __wrap_os_thread_leave_signals(void)
{
    left_signals++;
}

struct world {
    uv_loop_t loop;
    struct file_work *work;
    uv_mutex_t lock;
    uv_cond_t wake;
    int open;   /* operations that may pass the gate */
    int inside; /* that are at the gate */
    int ran;    /* began */
    int done, late, dropped, looked_up;
};

/* Hangs until the gate lets it pass. */
struct op {
    struct file_task task;
    struct world *w;
    bool hangs;
    bool lives;    /* gives signs of life while it is at the gate */
    bool left_off; /* was told to leave off */
};

static void op_run(struct file_task *t)
{
    struct op *o = (struct op *)t;
    struct world *w = o->w;
    uv_mutex_lock(&w->lock);
    w->ran++;
    if (o->hangs) {
        w->inside++;
        while (w->open == 0 && !o->left_off) {
            if (o->lives) o->left_off = !file_task_goes_on(t);
            uv_cond_timedwait(&w->wake, &w->lock, 1000000);
        }
        w->inside--;
        if (w->open > 0) w->open--;
    }
    uv_mutex_unlock(&w->lock);
}

static void op_done(struct file_task *t)
{
    struct op *o = (struct op *)t;
    o->w->done++;
    o->w->late += t->late;
    o->w->dropped += t->dropped;
    mem_free(o);
}

static struct op *add(struct world *w, enum file_work_kind kind, bool hangs)
{
    struct op *o = mem_alloc(sizeof *o);
    o->task.kind = kind;
    o->task.run = op_run;
    o->task.done = op_done;
    o->w = w;
    o->hangs = hangs;
    file_work_add(w->work, &o->task);
    return o;
}

static void let_pass(struct world *w, int count)
{
    uv_mutex_lock(&w->lock);
    w->open += count;
    uv_cond_broadcast(&w->wake);
    uv_mutex_unlock(&w->lock);
}

/* Turns the loop until *count, which the test or a thread counts, is `wanted`. */
static void until(struct world *w, const int *count, int wanted)
{
    int now = 0;
    for (int ms = 0; ms < TIMEOUT_MS; ms++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        uv_mutex_lock(&w->lock);
        now = *count;
        uv_mutex_unlock(&w->lock);
        if (now == wanted) return;
        uv_sleep(1);
    }
    fail_msg("%d instead of %d", now, wanted);
}

static struct file_work_state look(struct world *w)
{
    struct file_work_state s;
    file_work_look(w->work, &s);
    return s;
}

static int world_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    struct err e = {0};
    shift_ms = 0;
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(uv_mutex_init(&w->lock), 0);
    assert_int_equal(uv_cond_init(&w->wake), 0);
    if (file_work_new(&w->loop, &w->work, &e) != 0) fail_msg("%s", e.msg);
    *state = w;
    return 0;
}

static void end(struct world *w, int64_t goodbye_ms)
{
    file_work_free(w->work, goodbye_ms);
    w->work = NULL;
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

static int world_down(void **state)
{
    struct world *w = *state;
    if (w->work) {
        let_pass(w, 1000);
        end(w, TIMEOUT_MS);
    }
    uv_cond_destroy(&w->wake);
    uv_mutex_destroy(&w->lock);
    mem_free(w);
    return 0;
}

static void an_operation_that_hangs__keeps_no_other_from_going_on(void **state)
{
    struct world *w = *state;
    add(w, FILE_WORK_PREPARE, true);
    add(w, FILE_WORK_REMOVE, true);
    for (int i = 0; i < 50; i++)
        add(w, i % 2 ? FILE_WORK_PREPARE : FILE_WORK_REMOVE, false);
    until(w, &w->done, 50);
    until(w, &w->inside, 2);
    assert_int_equal(look(w).under_way, 2);
    assert_int_equal(w->late, 0);
}

static void one_after_the_other__takes_one_thread(void **state)
{
    struct world *w = *state;
    for (int i = 1; i <= 50; i++) {
        add(w, i % 2 ? FILE_WORK_PREPARE : FILE_WORK_REMOVE, false);
        until(w, &w->done, i);
    }
    /* a thread that is about to wait again is not seen as idle yet */
    assert_true(look(w).threads <= 3);
}

static void threads__leave_signals_to_the_loop(void **state)
{
    struct world *w = *state;
    left_signals = 0;
    add(w, FILE_WORK_PREPARE, false);
    until(w, &w->done, 1);
    assert_int_equal(left_signals, 1);
}

static void eight_that_hang__and_nothing_more_is_tried_until_one_returns(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < FILE_WORK_THREADS; i++)
        add(w, FILE_WORK_PREPARE, true);
    until(w, &w->inside, FILE_WORK_THREADS);
    add(w, FILE_WORK_PREPARE, false);
    add(w, FILE_WORK_REMOVE, false);
    shift_ms += FILE_WORK_HUNG_MS;
    for (int i = 0; i < 20; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
    struct file_work_state s = look(w);
    assert_int_equal(s.under_way, FILE_WORK_THREADS);
    assert_int_equal(s.hung, FILE_WORK_THREADS);
    assert_int_equal(s.threads, FILE_WORK_THREADS);
    assert_int_equal(s.waiting, 2);
    assert_int_equal(w->ran, FILE_WORK_THREADS);
    let_pass(w, 1);
    until(w, &w->done, 3);
    assert_int_equal(look(w).waiting, 0);
}

static void look_up(uv_work_t *req)
{
    (void)req;
}

static void looked_up(uv_work_t *req, int status)
{
    struct world *w = req->data;
    assert_int_equal(status, 0);
    w->looked_up++;
}

static void eight_that_hang__leave_libuvs_pool_to_name_look_ups(void **state)
{
    struct world *w = *state;
    uv_work_t req[8];
    for (int i = 0; i < FILE_WORK_THREADS; i++)
        add(w, FILE_WORK_PREPARE, true);
    until(w, &w->inside, FILE_WORK_THREADS);
    for (int i = 0; i < 8; i++) {
        req[i].data = w;
        assert_int_equal(uv_queue_work(&w->loop, &req[i], look_up, looked_up), 0);
    }
    until(w, &w->looked_up, 8);
}

static void removals_that_hang__keep_no_job_from_starting(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 10; i++)
        add(w, FILE_WORK_REMOVE, true);
    until(w, &w->inside, FILE_WORK_REMOVERS);
    for (int i = 0; i < 30; i++)
        add(w, FILE_WORK_PREPARE, false);
    until(w, &w->done, 30);
    struct file_work_state s = look(w);
    assert_int_equal(s.under_way, FILE_WORK_REMOVERS);
    assert_int_equal(s.waiting, 10 - FILE_WORK_REMOVERS);
    let_pass(w, 10);
    until(w, &w->done, 40);
}

static void preparations__go_before_removals(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < FILE_WORK_THREADS; i++)
        add(w, FILE_WORK_PREPARE, true);
    until(w, &w->inside, FILE_WORK_THREADS);
    add(w, FILE_WORK_REMOVE, true);
    add(w, FILE_WORK_PREPARE, false);
    let_pass(w, 1);
    until(w, &w->done, 2);
    until(w, &w->inside, FILE_WORK_THREADS);
}

static void a_result_that_comes_late__is_told_as_late(void **state)
{
    struct world *w = *state;
    add(w, FILE_WORK_PREPARE, true);
    until(w, &w->inside, 1);
    shift_ms += FILE_WORK_HUNG_MS - 1000;
    assert_int_equal(look(w).hung, 0);
    assert_true(look(w).idle_ms >= FILE_WORK_HUNG_MS - 1000);
    let_pass(w, 1);
    until(w, &w->done, 1);
    assert_int_equal(w->late, 0);
    add(w, FILE_WORK_PREPARE, true);
    until(w, &w->inside, 1);
    shift_ms += FILE_WORK_HUNG_MS;
    assert_int_equal(look(w).hung, 1);
    let_pass(w, 1);
    until(w, &w->done, 2);
    assert_int_equal(w->late, 1);
    assert_int_equal(look(w).hung, 0);
}

static void one_that_gives_signs_of_life__does_not_hang(void **state)
{
    struct world *w = *state;
    struct op *o = add(w, FILE_WORK_REMOVE, true);
    until(w, &w->inside, 1);
    shift_ms += FILE_WORK_HUNG_MS;
    assert_int_equal(look(w).hung, 1);
    uv_mutex_lock(&w->lock);
    o->lives = true;
    uv_mutex_unlock(&w->lock);
    for (int ms = 0; look(w).hung == 1 && ms < TIMEOUT_MS; ms++)
        uv_sleep(1);
    assert_int_equal(look(w).hung, 0);
    assert_int_equal(look(w).under_way, 1);
}

static void what_is_taken_back__never_runs_or_is_told_to_leave_off(void **state)
{
    struct world *w = *state;
    struct op *all[FILE_WORK_THREADS + 1];
    for (int i = 0; i < FILE_WORK_THREADS; i++) {
        all[i] = add(w, FILE_WORK_PREPARE, true);
        uv_mutex_lock(&w->lock);
        all[i]->lives = true;
        uv_mutex_unlock(&w->lock);
    }
    until(w, &w->inside, FILE_WORK_THREADS);
    all[FILE_WORK_THREADS] = add(w, FILE_WORK_PREPARE, false);
    assert_true(file_work_take_back(w->work, &all[FILE_WORK_THREADS]->task));
    mem_free(all[FILE_WORK_THREADS]);
    assert_int_equal(look(w).waiting, 0);
    assert_false(file_work_take_back(w->work, &all[0]->task));
    until(w, &w->done, 1);
    assert_int_equal(w->ran, FILE_WORK_THREADS);
    assert_int_equal(w->dropped, 0);
}

static void at_the_end__removals_are_made_and_preparations_dropped(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < FILE_WORK_THREADS; i++)
        add(w, FILE_WORK_PREPARE, true);
    until(w, &w->inside, FILE_WORK_THREADS);
    for (int i = 0; i < 5; i++) {
        add(w, FILE_WORK_PREPARE, false);
        add(w, FILE_WORK_REMOVE, false);
    }
    let_pass(w, FILE_WORK_THREADS);
    end(w, TIMEOUT_MS);
    assert_int_equal(w->done, FILE_WORK_THREADS + 10);
    assert_true(w->dropped <= 5);
    assert_int_equal(w->ran, w->done - w->dropped);
    assert_true(w->ran >= FILE_WORK_THREADS + 5);
}

static void at_the_end__what_goes_on_for_too_long_is_told_to_leave_off(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < FILE_WORK_REMOVERS + 3; i++) {
        struct op *o = add(w, FILE_WORK_REMOVE, true);
        uv_mutex_lock(&w->lock);
        o->lives = true;
        uv_mutex_unlock(&w->lock);
    }
    until(w, &w->inside, FILE_WORK_REMOVERS);
    end(w, 1);
    assert_int_equal(w->done, FILE_WORK_REMOVERS + 3);
    assert_true(w->dropped >= 1);
    assert_int_equal(w->ran, w->done - w->dropped);
}

static void at_the_end__what_hangs_is_left_behind(void **state)
{
    struct world *w = *state;
    struct op *hung[2] = {add(w, FILE_WORK_REMOVE, true), add(w, FILE_WORK_PREPARE, true)};
    until(w, &w->inside, 2);
    add(w, FILE_WORK_REMOVE, false);
    end(w, 1);
    assert_int_equal(w->done, 1);
    /* its threads come home after all */
    let_pass(w, 2);
    for (int ms = 0; ms < TIMEOUT_MS; ms++) {
        uv_mutex_lock(&w->lock);
        int inside = w->inside;
        uv_mutex_unlock(&w->lock);
        if (inside == 0) break;
        uv_sleep(1);
    }
    assert_int_equal(w->done, 1);
    mem_free(hung[0]);
    mem_free(hung[1]);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)
    const struct CMUnitTest tests[] = {
        CASE(an_operation_that_hangs__keeps_no_other_from_going_on),
        CASE(one_after_the_other__takes_one_thread),
        CASE(threads__leave_signals_to_the_loop),
        CASE(eight_that_hang__and_nothing_more_is_tried_until_one_returns),
        CASE(eight_that_hang__leave_libuvs_pool_to_name_look_ups),
        CASE(removals_that_hang__keep_no_job_from_starting),
        CASE(preparations__go_before_removals),
        CASE(a_result_that_comes_late__is_told_as_late),
        CASE(one_that_gives_signs_of_life__does_not_hang),
        CASE(what_is_taken_back__never_runs_or_is_told_to_leave_off),
        CASE(at_the_end__removals_are_made_and_preparations_dropped),
        CASE(at_the_end__what_goes_on_for_too_long_is_told_to_leave_off),
        CASE(at_the_end__what_hangs_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
