/* Runs commands through platform/process.h on a loop of its own and keeps what they said. */
#ifndef CADRE_TESTS_PROC_FIXTURE_H
#define CADRE_TESTS_PROC_FIXTURE_H

#include "base/buf.h"
#include "platform/process.h"

#include <stdbool.h>
#include <uv.h>

struct fixture {
    uv_loop_t loop;
    struct process_host *host;
    char *dir; /* a scratch folder, removed at the end */
};

struct run {
    struct process *process;
    struct buf out, err;
    size_t out_bytes;
    bool keep; /* the bytes; else they are only counted */
    bool ended;
    int ends;
    struct process_end end;
    void (*on_output)(struct run *r);
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* "out", "err", "exit" ... in argv; env NULL: PATH and the mark only. */
int run_start(struct fixture *f, struct run *r, const char *const *argv, struct err *e);
int run_start_with(struct fixture *f, struct run *r, const struct process_options *o,
                   struct err *e);
/* Until it ended; fails the test after limit_ms. */
void run_wait(struct fixture *f, struct run *r, int64_t limit_ms);
/* Until its standard output holds `text`. */
void run_wait_output(struct fixture *f, struct run *r, const char *text);
void run_fini(struct run *r);
/* start, wait, for `sh -c script`. */
void run_script(struct fixture *f, struct run *r, const char *script);

/* "JOB-N" becomes "JOBxRUN-N" with a RUN of this program and of the children that it forks: what a
 * test looks for by its mark must not be another test's that runs at the same time. Returns out. */
#define FIXTURE_MARK_SIZE 64
const char *fixture_mark(char out[FIXTURE_MARK_SIZE], const char *mark);

/* The options that run_start uses; to be changed and given to run_start_with. Their mark is that of
 * "06f3k9x2m1c7a-1". */
struct process_options run_options(const char *const *argv);

#endif
