/* See proc_fixture.h. */
#include "proc_fixture.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT_MAX (64u * 1024 * 1024)
#define LIMIT_MS 30000
#define TEARDOWN_MS 10000
#define RUN_VARIABLE "CADRE_TEST_RUN"

/* Noted in the environment, which forked children have as well. */
static void note_run(char out[32])
{
    size_t size = 32;
    if (uv_os_getenv(RUN_VARIABLE, out, &size) == 0) return;
    snprintf(out, 32, "%d", (int)uv_os_getpid());
    uv_os_setenv(RUN_VARIABLE, out);
}

const char *fixture_mark(char out[FIXTURE_MARK_SIZE], const char *mark)
{
    char run[32];
    const char *dash = strrchr(mark, '-');
    note_run(run);
    assert_int_equal(str_format(out, FIXTURE_MARK_SIZE, "%.*sx%s%s", (int)(dash - mark), mark, run,
                                dash),
                     0);
    return out;
}

int fixture_setup(void **state)
{
    char run[32];
    note_run(run);
    struct fixture *f = mem_alloc(sizeof *f);
    struct err e = {0};
    char *temp = paths_temp();
    char *name = str_dupf("cadre-test-%" PRIx64, os_seed());
    f->dir = paths_join(temp, name);
    mem_free(name);
    mem_free(temp);
    assert_int_equal(dir_make(f->dir, FILE_SECRET, &e), 0);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    int rc = process_host_new(&f->loop, &f->host, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    *state = f;
    return 0;
}

static void on_limit(uv_timer_t *t)
{
    *(bool *)t->data = true;
    uv_stop(t->loop);
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    uv_timer_t limit;
    bool over = false;
    process_host_free(f->host);
    /* a test that failed has left processes: that shall be told, not hang */
    uv_timer_init(&f->loop, &limit);
    limit.data = &over;
    uv_timer_start(&limit, on_limit, TEARDOWN_MS, 0);
    uv_unref((uv_handle_t *)&limit);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&limit, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    if (over) print_error("the loop still has handles after %d ms\n", TEARDOWN_MS);
    /* every handle is closed: nothing of a process was forgotten */
    assert_int_equal(uv_loop_close(&f->loop), 0);
    dir_remove_tree(f->dir, NULL);
    mem_free(f->dir);
    mem_free(f);
    return 0;
}

static void on_output(struct process *p, enum process_stream stream, const void *data, size_t len,
                      void *user)
{
    struct run *r = user;
    (void)p;
    if (stream == PROCESS_STDOUT) r->out_bytes += len;
    if (r->keep) buf_add(stream == PROCESS_STDOUT ? &r->out : &r->err, data, len);
    if (r->on_output) r->on_output(r);
}

static void on_end(struct process *p, const struct process_end *end, void *user)
{
    struct run *r = user;
    r->ended = true;
    r->ends++;
    r->end = *end;
    process_free(p);
    r->process = NULL;
}

struct process_options run_options(const char *const *argv)
{
    static char mark[FIXTURE_MARK_SIZE], job[FIXTURE_MARK_SIZE + 16];
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", job, "CADRE_ATTEMPT=1",
                                      NULL};
    fixture_mark(mark, "06f3k9x2m1c7a-1");
    snprintf(job, sizeof job, "CADRE_JOB_ID=%.*s", (int)strcspn(mark, "-"), mark);
    return (struct process_options){
        .argv = argv, .env = env, .cwd = "/", .mark = mark, .drain_ms = 200};
}

int run_start_with(struct fixture *f, struct run *r, const struct process_options *o, struct err *e)
{
    static const struct process_handler handler = {on_output, on_end};
    buf_init(&r->out, OUTPUT_MAX);
    buf_init(&r->err, OUTPUT_MAX);
    r->keep = true;
    return process_start(f->host, o, &handler, r, &r->process, e);
}

int run_start(struct fixture *f, struct run *r, const char *const *argv, struct err *e)
{
    struct process_options o = run_options(argv);
    return run_start_with(f, r, &o, e);
}

static void wait_for(struct fixture *f, struct run *r, const char *text, int64_t limit_ms)
{
    uv_timer_t limit;
    bool over = false;
    uv_timer_init(&f->loop, &limit);
    limit.data = &over;
    uv_timer_start(&limit, on_limit, (uint64_t)limit_ms, 0);
    while (!over && !r->ended && !(text && strstr(r->out.data, text)))
        uv_run(&f->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&limit, NULL);
    uv_run(&f->loop, UV_RUN_NOWAIT);
    if (over) {
        /* the failure shall not hang in the teardown */
        print_error("output so far: %s\n", r->out.data);
        process_free(r->process);
    }
    assert_false(over);
    if (text) assert_non_null(strstr(r->out.data, text));
}

void run_wait(struct fixture *f, struct run *r, int64_t limit_ms)
{
    wait_for(f, r, NULL, limit_ms);
    assert_int_equal(r->ends, 1);
}

void run_wait_output(struct fixture *f, struct run *r, const char *text)
{
    wait_for(f, r, text, LIMIT_MS);
}

void run_fini(struct run *r)
{
    buf_fini(&r->out);
    buf_fini(&r->err);
    *r = (struct run){.process = NULL};
}

void run_script(struct fixture *f, struct run *r, const char *script)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct err e = {0};
    int rc = run_start(f, r, argv, &e);
    if (rc != 0) print_error("%s\n", e.msg);
    assert_int_equal(rc, 0);
    run_wait(f, r, LIMIT_MS);
}
