/* A store in a folder of its own, and short ways to fill it. */
#ifndef CADRE_TESTS_STORE_FIXTURE_H
#define CADRE_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"

#include <sqlite3.h>

#define T0 INT64_C(1790000000000)

struct fixture {
    char folder[200];
    struct store *store;
};

/* With CADRE_TEST_STORE=postgresql in the environment the store is on PostgreSQL: a server of the
 * test program's own, and a database that is empty at first. Tests that look into SQLite's files
 * begin with SQLITE_ALONE. */
bool fixture_is_pg(void);
#define SQLITE_ALONE                                                                               \
    do {                                                                                           \
        if (fixture_is_pg()) skip();                                                               \
    } while (0)

/* cmocka setup and teardown; teardown also checks that the counts kept are those that are there. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Fails the test with the error's sentence. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        int rc_ = (call);                                                                          \
        if (rc_ != 0) fail_msg("%s: %d: %s", #call, rc_, e.msg);                                   \
    } while (0)
/* The call uses &e. */
#define FAILS(wanted, call)                                                                        \
    do {                                                                                           \
        struct err e = {0};                                                                        \
        assert_int_equal((call), wanted);                                                          \
        assert_int_equal(e.code, wanted);                                                          \
        assert_string_not_equal(e.msg, "");                                                        \
    } while (0)

/* Of the store's database; reader_close. */
struct reader *open_reader(struct fixture *f);
/* Opens the store again after store_close. */
void open_again(struct fixture *f);

void begin(struct fixture *f);
void commit(struct fixture *f);

/* Id number n of millisecond T0 + n: later is greater. */
int64_t job_id(int n);
/* A plain job: CREATED, attempt 1. Borrows what it is given. */
struct job_row plain_job(int n, const char *group);
void add_job(struct fixture *f, const struct job_row *j); /* spec {"command":["true"]} */
void add_plain(struct fixture *f, int n, const char *group);
enum job_state state_of(struct fixture *f, int64_t id);
/* The head's id; 0: none. */
int64_t head_of(struct fixture *f, const char *group, int64_t requires_id);

/* Straight from the file, or the database with its tables: the first column of the first row. */
int64_t sql_int(const struct fixture *f, const char *file, const char *sql);
void sql_exec(const struct fixture *f, const char *file, const char *sql);
/* Fails the test when job_counts differs from the jobs. */
void check_counts(const struct fixture *f);

#endif
