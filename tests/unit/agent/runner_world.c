/* A runner to test: see runner_world.h. */
#include "tests/unit/agent/runner_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LIMIT_MS 60000
#define SLOTS 64

static void on_change(void *user)
{
    (void)user;
}

static void on_fatal(const struct err *e, void *user)
{
    (void)user;
    fail_msg("%s", e->msg);
}

void begin_life(struct world *w)
{
    static const char *const trial[] = {"/bin/sh", "-c", "exit 0", NULL};
    struct err e = {0};
    struct runner_options o = {.trial = w->trial ? w->trial : trial,
                               .loop = &w->loop,
                               .journal = w->journal,
                               .state_folder = w->folder,
                               .agent_name = "a",
                               .env = &w->env,
                               .on_change = on_change,
                               .on_fatal = on_fatal};
    if (runner_new(&o, &w->runner, &e) != 0) fail_msg("%s", e.msg);
    w->logic = runner_logic_of(w->runner);
    runner_logic_renew(w->logic, os_mono_ms());
}

void end_life(struct world *w)
{
    runner_free(w->runner);
    w->runner = NULL;
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

int world_up(void **state)
{
    struct world *w = mem_alloc(sizeof *w);
    struct err e = {0};
    bool damaged;
    w->output_limit = 65536;
    assert_int_equal(str_copy(w->folder, sizeof w->folder, "runner-XXXXXX"), 0);
    assert_non_null(mkdtemp(w->folder));
    assert_int_equal(uv_loop_init(&w->loop), 0);
    if (journal_open(w->folder, "boot-1", &w->journal, &damaged, &e) != 0) fail_msg("%s", e.msg);
    begin_life(w);
    *state = w;
    return 0;
}

int world_down(void **state)
{
    struct world *w = *state;
    end_life(w);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    journal_close(w->journal);
    dir_remove_tree(w->folder, NULL);
    mem_free(w);
    return 0;
}

void turn(struct world *w)
{
    struct timespec pause = {.tv_nsec = 2000000};
    struct err e;
    assert_int_equal(runner_logic_turn(w->logic, os_mono_ms(), &e), 0);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    nanosleep(&pause, NULL);
}

void take_job(struct world *w, int64_t job, const char *script)
{
    struct msg_job m = {.job = job,
                        .attempt = 1,
                        .lease_ms = LEASE_MS,
                        .output_limit = w->output_limit};
    m.spec = str_dupf("{\"command\":[\"sh\",\"-c\",\"%s\"]}", script);
    runner_logic_accept(w->logic, &m, SLOTS);
    mem_free(m.spec);
}

struct search {
    const char *text;
    int times;
};

static int look(int64_t seq, const void *frame, size_t len, void *user)
{
    struct search *s = user;
    (void)seq;
    s->times += memmem(frame, len, s->text, strlen(s->text)) != NULL;
    return 0;
}

int times_said(struct world *w, const char *text)
{
    struct search s = {.text = text};
    struct err e;
    assert_int_equal(journal_each_event(w->journal, 0, look, &s, &e), 0);
    return s.times;
}

bool said(struct world *w, const char *text)
{
    return times_said(w, text) > 0;
}

void until_said(struct world *w, const char *text)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do {
        turn(w);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!said(w, text) && (now.tv_sec - from.tv_sec) * 1000 < LIMIT_MS);
    if (!said(w, text)) fail_msg("no event says %s", text);
}
