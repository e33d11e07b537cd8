/* Work folders that hang, as the runner lives through them: what is told, and that others go on.
 * Making and removing folders stands behind gates that the test closes and opens. */
#include "agent/file_work.h"
#include "agent/spares.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/file_facts.h"
#include "platform/files.h"
#include "platform/guard.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/process.h"
#include "tests/unit/agent/runner_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static _Atomic int64_t shift_ms;
static _Atomic int64_t stands_at_ms; /* 0: the clock goes on */
void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __wrap_os_now(struct moment *out)
{
    __real_os_now(out);
    if (stands_at_ms != 0) out->mono_ms = stands_at_ms;
    out->mono_ms += shift_ms;
    out->wall_ms += shift_ms;
}

/* Paths with that text in them do not get through; NULL: all do. */
struct gate {
    uv_mutex_t lock;
    uv_cond_t wake;
    const char *closed_for;
    const char *full_for; /* these fail at once */
    int inside;
};
static struct gate making, removing;

static bool is_full(struct gate *g, const char *path)
{
    uv_mutex_lock(&g->lock);
    bool full = g->full_for && strstr(path, g->full_for);
    uv_mutex_unlock(&g->lock);
    return full;
}

static void fill(struct gate *g, const char *full_for)
{
    uv_mutex_lock(&g->lock);
    g->full_for = full_for;
    uv_mutex_unlock(&g->lock);
}

/* Spare folders are no job's. */
static bool is_spare(const char *path)
{
    return strstr(path, "/job.") != NULL;
}

static void pass(struct gate *g, const char *path)
{
    if (is_spare(path)) return;
    uv_mutex_lock(&g->lock);
    g->inside++;
    while (g->closed_for && strstr(path, g->closed_for))
        uv_cond_wait(&g->wake, &g->lock);
    g->inside--;
    uv_mutex_unlock(&g->lock);
}

static void set_gate(struct gate *g, const char *closed_for)
{
    uv_mutex_lock(&g->lock);
    g->closed_for = closed_for;
    uv_cond_broadcast(&g->wake);
    uv_mutex_unlock(&g->lock);
}

int __real_dir_make(const char *path, enum file_mode mode, struct err *e);
int __wrap_dir_make(const char *path, enum file_mode mode, struct err *e);
int __wrap_dir_make(const char *path, enum file_mode mode, struct err *e)
{
    pass(&making, path);
    if (is_full(&making, path))
        return err_set(e, ERR_FULL, "cannot make the folder %s: No space left on device", path);
    return __real_dir_make(path, mode, e);
}

int __real_dir_remove_tree_while(const char *path, bool (*go_on)(void *), void *user,
                                 struct err *e);
int __wrap_dir_remove_tree_while(const char *path, bool (*go_on)(void *), void *user,
                                 struct err *e);
int __wrap_dir_remove_tree_while(const char *path, bool (*go_on)(void *), void *user, struct err *e)
{
    pass(&removing, path);
    return __real_dir_remove_tree_while(path, go_on, user, e);
}

static int gates_up(void **state)
{
    shift_ms = stands_at_ms = 0;
    for (int i = 0; i < 2; i++) {
        struct gate *g = i == 0 ? &making : &removing;
        *g = (struct gate){.closed_for = NULL};
        assert_int_equal(uv_mutex_init(&g->lock), 0);
        assert_int_equal(uv_cond_init(&g->wake), 0);
    }
    return world_up(state);
}

static int gates_down(void **state)
{
    shift_ms = 0;
    set_gate(&making, NULL);
    set_gate(&removing, NULL);
    int rc = world_down(state);
    for (int i = 0; i < 2; i++) {
        struct gate *g = i == 0 ? &making : &removing;
        uv_cond_destroy(&g->wake);
        uv_mutex_destroy(&g->lock);
    }
    return rc;
}

/* Spare folders aside. */
static int count_one(const char *name, void *user)
{
    *(int *)user += !str_starts(name, "job.");
    return 0;
}

/* Turns the loop until so many operations stand before the gate. */
static void until_inside(struct world *w, struct gate *g, int wanted)
{
    int inside = 0;
    for (int i = 0; i < 20000 && inside < wanted; i++) {
        turn(w);
        uv_mutex_lock(&g->lock);
        inside = g->inside;
        uv_mutex_unlock(&g->lock);
    }
    assert_int_equal(inside, wanted);
}

/* Time passes without waiting: the loop's timers do not know of it. */
static void pass_time(struct world *w, int64_t ms)
{
    shift_ms += ms;
    runner_logic_renew(w->logic, os_mono_ms());
    runner_logic_wake(w->logic, os_mono_ms());
}

static void until_well(struct world *w)
{
    for (int i = 0; i < 20000 && runner_logic_unwell(w->logic); i++)
        turn(w);
    assert_null(runner_logic_unwell(w->logic));
}

static int work_entries(const struct world *w)
{
    int n = 0;
    char *work = paths_join(w->folder, "work");
    assert_int_equal(dir_list(work, count_one, &n, NULL), 0);
    mem_free(work);
    return n;
}

static void until_entries(struct world *w, int wanted)
{
    int n = work_entries(w);
    for (int i = 0; i < 20000 && n != wanted; i++) {
        turn(w);
        n = work_entries(w);
    }
    assert_int_equal(n, wanted); /* a thread may go on: another look may see something else */
}

/* "0000000000001-1": what the folders of the first attempt of a job begin with. */
#define FOLDER_OF_1 "0000000000001-1"

static void a_folder_that_hangs__delays_no_other_job(void **state)
{
    struct world *w = *state;
    set_gate(&making, FOLDER_OF_1);
    take_job(w, 1, "exit 3");
    for (int i = 2; i < 20; i++)
        take_job(w, i, "exit 0");
    for (int i = 0; i < 20000 && times_said(w, "SUCCESS") < 18; i++)
        turn(w);
    assert_int_equal(times_said(w, "SUCCESS"), 18);
    assert_int_equal(times_said(w, "\"started\""), 18);
    assert_int_equal(runner_logic_count(w->logic), 1);
    assert_int_equal(runner_logic_running_lease(w->logic), INT64_MAX);
    set_gate(&making, NULL);
    until_said(w, "exit-code");
    until_entries(w, 0);
}

static void a_cancel__does_not_wait_for_a_folder_that_hangs(void **state)
{
    struct world *w = *state;
    set_gate(&making, FOLDER_OF_1);
    take_job(w, 1, "exit 3");
    until_inside(w, &making, 1);
    struct msg_kill kill = {.job = 1,
                            .attempt = 1,
                            .reason = (char[]){"cancelled"},
                            .grace_ms = 1000};
    runner_logic_kill(w->logic, os_mono_ms(), &kill);
    assert_int_equal(times_said(w, "KILLED"), 1);
    assert_int_equal(runner_logic_count(w->logic), 0);
    set_gate(&making, NULL);
    until_entries(w, 0);
    assert_false(said(w, "\"started\""));
}

/* The first job's program is found on a thread. Then jobs of its kind begin in spare folders. */
static void a_job_like_the_one_before__begins_at_once_in_a_spare_folder(void **state)
{
    struct world *w = *state;
    take_job(w, 1, "pwd");
    until_said(w, "SUCCESS");
    assert_false(said(w, "/work/job."));
    assert_true(said(w, FOLDER_OF_1));
    stands_at_ms = os_mono_ms();
    pass_time(w, SPARES_RIPE_MS + 1);
    /* the first ones may come before the spare folders are made */
    for (int i = 2; i < 1000 && !said(w, "/work/job."); i++) {
        take_job(w, i, "pwd");
        for (int k = 0; k < 20000 && times_said(w, "SUCCESS") < i; k++)
            turn(w);
        assert_int_equal(times_said(w, "SUCCESS"), i);
    }
    assert_int_equal(times_said(w, "/work/job."), 1);
}

static void take_tool(struct world *w, int64_t job, const char *root)
{
    struct msg_job m = {.job = job, .attempt = 1, .lease_ms = LEASE_MS};
    m.spec = str_dupf("{\"command\":[\"tool\"],\"env\":{\"PATH\":\"%s/a:%s/b\"}}", root, root);
    runner_logic_accept(w->logic, &m, 64);
    mem_free(m.spec);
}

/* Where a program is may change from one job to the next. */
static void a_program_that_was_installed__is_found_by_the_next_job(void **state)
{
    struct world *w = *state;
    char *root = file_real_path(w->folder, NULL);
    char *first = paths_join(root, "a/tool"), *second = paths_join(root, "b/tool");
    char *a = paths_dir(first), *b = paths_dir(second);
    assert_int_equal(dir_make(a, FILE_PUBLIC, NULL) | dir_make(b, FILE_PUBLIC, NULL), 0);
    assert_int_equal(symlink("/bin/true", second), 0);
    for (int i = 1; i <= 20; i++) { /* the last ones begin in spare folders */
        take_tool(w, i, root);
        for (int k = 0; k < 20000 && times_said(w, "SUCCESS") < i; k++)
            turn(w);
        assert_int_equal(times_said(w, "SUCCESS"), i);
        if (i == 1) stands_at_ms = os_mono_ms();
    }
    assert_int_equal(symlink("/bin/false", first), 0);
    take_tool(w, 21, root);
    until_said(w, "exit-code");
    assert_int_equal(unlink(second), 0);
    take_tool(w, 22, root);
    for (int k = 0; k < 20000 && times_said(w, "exit-code") < 2; k++)
        turn(w);
    assert_int_equal(times_said(w, "exit-code"), 2);
    assert_false(said(w, "not-started"));
    mem_free(a);
    mem_free(b);
    mem_free(first);
    mem_free(second);
    mem_free(root);
}

static void nothing_of_a_job__is_seen_by_the_next(void **state)
{
    struct world *w = *state;
    take_job(w, 1, "true");
    until_said(w, "SUCCESS");
    for (int i = 2; i < 12; i++) {
        pass_time(w, SPARES_RIPE_MS + 1 - shift_ms);
        take_job(w, i, "echo $(ls -A | wc -l) entries; touch left; mkdir sub; chmod 755 .");
        for (int k = 0; k < 20000 && times_said(w, "SUCCESS") < i; k++)
            turn(w);
        assert_int_equal(times_said(w, "0 entries"), i - 1);
    }
}

static void a_folder_that_hangs_for_ten_seconds__gives_the_job_back(void **state)
{
    struct world *w = *state;
    set_gate(&making, FOLDER_OF_1);
    take_job(w, 1, "exit 3");
    until_inside(w, &making, 1);
    pass_time(w, FILE_WORK_HUNG_MS);
    assert_int_equal(times_said(w, "unwell"), 1);
    assert_true(said(w, "making the work folder takes longer than 10 s"));
    take_job(w, 2, "exit 0"); /* for a machine that is not well */
    assert_int_equal(times_said(w, "unwell"), 2);
    until_well(w);
    take_job(w, 2, "exit 0");
    until_said(w, "SUCCESS");
    /* the same job comes again, and its former folder comes late */
    set_gate(&making, NULL);
    take_job(w, 1, "exit 4");
    until_said(w, "exit-code");
    assert_int_equal(times_said(w, "\"started\""), 2);
    until_entries(w, 0);
}

static void a_result_within_the_turn_that_is_late__starts_nothing(void **state)
{
    struct world *w = *state;
    set_gate(&making, FOLDER_OF_1);
    take_job(w, 1, "exit 3");
    until_inside(w, &making, 1);
    shift_ms += FILE_WORK_HUNG_MS;
    set_gate(&making, NULL);
    until_said(w, "could-not-start");
    assert_false(said(w, "\"started\""));
    assert_null(runner_logic_unwell(w->logic));
    until_entries(w, 0);
}

static void a_work_folder_that_hangs__takes_eight_threads_and_no_more(void **state)
{
    struct world *w = *state;
    set_gate(&making, "/work/");
    take_job(w, 1, "exit 3");
    until_inside(w, &making, 1);
    pass_time(w, FILE_WORK_HUNG_MS);
    assert_non_null(runner_logic_unwell(w->logic));
    for (int i = 2; i <= FILE_WORK_THREADS; i++) { /* a trial each */
        pass_time(w, 60000);
        until_inside(w, &making, i);
        pass_time(w, FILE_WORK_HUNG_MS);
    }
    assert_non_null(strstr(runner_logic_unwell(w->logic), "making files takes longer than 10 s"));
    for (int i = 0; i < 3; i++) { /* waits for a thread */
        pass_time(w, 60000);
        until_inside(w, &making, FILE_WORK_THREADS);
        pass_time(w, FILE_WORK_HUNG_MS);
    }
    set_gate(&making, NULL);
    pass_time(w, 60000);
    until_well(w);
    assert_false(said(w, "\"started\""));
    take_job(w, 1, "exit 3");
    until_said(w, "exit-code");
    until_entries(w, 0);
}

static void a_full_disk__is_no_jobs_fault_and_the_agent_comes_back_by_itself(void **state)
{
    struct world *w = *state;
    fill(&making, "/work/");
    take_job(w, 1, "exit 3");
    take_job(w, 2, "exit 3");
    until_said(w, "unwell");
    assert_int_equal(times_said(w, "unwell"), 2);
    const char *why = runner_logic_unwell(w->logic);
    assert_non_null(strstr(why, "cannot make a folder in "));
    assert_non_null(strstr(why, "/work: No space left on device"));
    assert_false(said(w, "FAILED"));
    fill(&making, NULL);
    until_well(w); /* in a second: the loop's own timer */
    take_job(w, 1, "exit 3");
    until_said(w, "exit-code");
    until_entries(w, 0);
}

static void one_folder_that_cannot_be_made__is_told_as_that(void **state)
{
    struct world *w = *state;
    fill(&making, FOLDER_OF_1);
    take_job(w, 1, "exit 3");
    take_job(w, 2, "exit 0");
    until_said(w, "could-not-start");
    assert_null(runner_logic_unwell(w->logic));
    assert_true(said(w, "No space left on device"));
    until_said(w, "SUCCESS");
    assert_false(said(w, "unwell"));
    until_entries(w, 0);
}

/* What the agent's own file work cannot see: the machine starts no process. */
static void a_process_that_cannot_be_made__makes_the_agent_unwell(void **state)
{
    static const char *const bad[] = {"/bin/sh", "-c", "exit 127", NULL};
    struct world *w = *state;
    struct rlimit before, none;
    end_life(w);
    w->trial = bad;
    begin_life(w);
    take_job(w, 1, "sleep 1000");
    until_said(w, "\"started\"");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 4;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    take_job(w, 2, "exit 0");
    until_said(w, "unwell");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_non_null(strstr(runner_logic_unwell(w->logic), strerror(EMFILE)));
    pass_time(w, 1000);
    for (int i = 0; i < 20000 && !strstr(runner_logic_unwell(w->logic), "ended with 127"); i++)
        turn(w);
    assert_non_null(strstr(runner_logic_unwell(w->logic), "ended with 127"));
    assert_int_equal(runner_logic_count(w->logic), 1); /* what runs, runs on */
}

static void an_agent_that_ends__takes_its_trial_with_it(void **state)
{
    static const char *const slow[] = {"/bin/sh", "-c", "exec sleep 1000", NULL};
    struct world *w = *state;
    end_life(w);
    w->trial = slow;
    begin_life(w);
    fill(&making, FOLDER_OF_1);
    take_job(w, 1, "exit 3");
    until_entries(w, 2); /* the trial's, with its process */
    end_life(w);
    begin_life(w);
    until_entries(w, 0);
}

static void a_removal_that_hangs__holds_neither_event_nor_slot(void **state)
{
    struct world *w = *state;
    set_gate(&removing, "work");
    for (int i = 1; i <= 12; i++)
        take_job(w, i, "exit 0");
    for (int i = 0; i < 20000 && times_said(w, "SUCCESS") < 12; i++)
        turn(w);
    assert_int_equal(times_said(w, "SUCCESS"), 12);
    assert_int_equal(runner_logic_count(w->logic), 0);
    assert_int_equal(work_entries(w), 12);
    set_gate(&removing, NULL);
    until_entries(w, 0);
}

static void what_an_earlier_life_left__is_removed_behind_the_start(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    char *old = str_dupf("%s/work/0000000000001-1.0f-1/deep", w->folder);
    char *input = str_dupf("%s/work/0000000000001-1.0f-1.stdin", w->folder);
    until_entries(w, 0);
    end_life(w);
    assert_int_equal(dir_make(old, FILE_SECRET, &e), 0);
    assert_int_equal(file_write_plain(input, "x", 1, FILE_SECRET, &e), 0);
    set_gate(&removing, "0f-1");
    begin_life(w);
    take_job(w, 1, "[ -d $WORKING_DIR ]");
    until_said(w, "SUCCESS");
    assert_true(file_exists(old));
    set_gate(&removing, NULL);
    until_entries(w, 0);
    mem_free(input);
    mem_free(old);
}

/* How many processes were started. */
static int starts;

int __real_process_start(struct process_host *h, const struct process_options *o,
                         const struct process_handler *handler, void *user, struct process **out,
                         struct err *e);
int __wrap_process_start(struct process_host *h, const struct process_options *o,
                         const struct process_handler *handler, void *user, struct process **out,
                         struct err *e);
int __wrap_process_start(struct process_host *h, const struct process_options *o,
                         const struct process_handler *handler, void *user, struct process **out,
                         struct err *e)
{
    starts++;
    return __real_process_start(h, o, handler, user, out, e);
}

static void one_turn__starts_a_bounded_number_of_processes(void **state)
{
    struct world *w = *state;
    struct err e;
    starts = 0;
    for (int i = 1; i <= 3 * RUNNER_TURN_STARTS; i++)
        take_job(w, i, "exit 0");
    assert_int_equal(journal_commit(w->journal, &e), 0);
    for (int i = 0, before = 0; i < 20000 && before < 3 * RUNNER_TURN_STARTS; i++) {
        turn(w);
        assert_true(starts - before <= RUNNER_TURN_STARTS);
        before = starts;
    }
    for (int i = 0; i < 20000 && times_said(w, "SUCCESS") < 3 * RUNNER_TURN_STARTS; i++)
        turn(w);
    assert_int_equal(times_said(w, "SUCCESS"), 3 * RUNNER_TURN_STARTS);
}

int main(int argc, char **argv)
{
    if (guard_is_asked_for(argc, argv)) return guard_main(argc, argv);
#define CASE(name) cmocka_unit_test_setup_teardown(name, gates_up, gates_down)
    const struct CMUnitTest tests[] = {
        CASE(a_folder_that_hangs__delays_no_other_job),
        CASE(a_cancel__does_not_wait_for_a_folder_that_hangs),
        CASE(a_job_like_the_one_before__begins_at_once_in_a_spare_folder),
        CASE(a_program_that_was_installed__is_found_by_the_next_job),
        CASE(nothing_of_a_job__is_seen_by_the_next),
        CASE(a_folder_that_hangs_for_ten_seconds__gives_the_job_back),
        CASE(a_result_within_the_turn_that_is_late__starts_nothing),
        CASE(a_work_folder_that_hangs__takes_eight_threads_and_no_more),
        CASE(a_full_disk__is_no_jobs_fault_and_the_agent_comes_back_by_itself),
        CASE(one_folder_that_cannot_be_made__is_told_as_that),
        CASE(a_process_that_cannot_be_made__makes_the_agent_unwell),
        CASE(an_agent_that_ends__takes_its_trial_with_it),
        CASE(a_removal_that_hangs__holds_neither_event_nor_slot),
        CASE(what_an_earlier_life_left__is_removed_behind_the_start),
        CASE(one_turn__starts_a_bounded_number_of_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
