/* What the measurements share: a clock, samples, processes that are started, looked at and ended by
 * pid. A benchmark that cannot go on says so and exits: bench_die() ends what was started,
 * first. */
#ifndef CADRE_TESTS_BENCH_BENCH_H
#define CADRE_TESTS_BENCH_BENCH_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t bench_now_ns(void); /* monotonic */
_Noreturn void bench_die(const char *fmt, ...) CADRE_PRINTF(1, 2);
void bench_must(int rc, const struct err *e, const char *doing);

/* Durations in ns. */
struct samples {
    int64_t *v;
    size_t count, cap;
};
void samples_add(struct samples *s, int64_t ns);
double samples_ms(struct samples *s, double quantile); /* sorts; 0 when there are none */
void samples_fini(struct samples *s);

/* Figures for a table: after bench_results_on() each is printed as well as a line of its own,
 *   RESULT NAME=VALUE UNIT
 * NAME is made of a-z 0-9 . and - and says what was measured, as "latency.idle.p50"; UNIT is one
 * word: /s ms us s MiB MiB/s calls % x. One NAME is printed once; rounds are made by who calls the
 * program (run.sh), and programs.txt has the program's line. Without bench_results_on() nothing is
 * printed. */
void bench_results_on(void);
void bench_result(double value, const char *unit, const char *name, ...) CADRE_PRINTF(3, 4);

/* An option with a number; *value is its default before and what was given after. */
struct bench_option {
    const char *flag;
    double *value, least, most;
    const char *help;
};
/* Reads these, and --dir D, --results and --help. The folder for databases is returned. A wrong
 * option ends the program with 2. */
const char *bench_options(int argc, char **argv, const struct bench_option *o, size_t count);

/* The program ends after `seconds`, whatever it waits for. Then, and on SIGINT, SIGTERM and SIGHUP,
 * its processes are ended and its folder is removed. */
void bench_bound(unsigned seconds);
/* A folder of our own below `parent` (which is made), removed at the end unless `keep`. */
const char *bench_folder(const char *parent, int keep);
/* Median time in ms of a write of 512 bytes with fdatasync in that folder: what the disk allows. */
double bench_sync_ms(const char *folder);

#define CHILD_NONE (-1)
/* Output goes to FOLDER/NAME.log, or standard output to *out when that is given. argv ends with
 * NULL. Each process leads a process group, so that Ctrl-C reaches us alone. */
int bench_spawn(const char *folder, const char *name, char *const argv[], int *out);
void bench_run(const char *folder, const char *name, char *const argv[]); /* waits; must succeed */
bool bench_has_ended(int pid);
/* SIGTERM, and SIGKILL after 20 s; waits. What it leaves of its process group is killed. */
void bench_end(int pid);
/* By SIGINT instead, whenever this one is ended: the last one that was named so. */
void bench_end_by_int(int pid);
/* Waits until it ends by itself; its exit status (128 + N after signal N). *cpu_s: what it and its
 * children took. */
int bench_wait(int pid, double *cpu_s);

struct usage {
    double cpu_s;           /* of the whole process */
    double children_cpu_s;  /* of those that it waited for */
    double thread_cpu_s[8]; /* of its first threads: main, then in order of birth */
    int threads;
    long rss_kib, anon_kib;
    long switches; /* of all threads, of their own will: wake-ups */
};
void bench_usage(int pid, struct usage *out);
double bench_own_cpu_s(void);
double bench_group_cpu_s(int pid); /* of all processes of the group that pid leads */

#endif
