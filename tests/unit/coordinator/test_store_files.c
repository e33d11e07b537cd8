/* The files: modes, versions, damage, a full disk, crashes, backup. */
#include "store_fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/backup.h"
#include "coordinator/store/sql_store.h"
#include "coordinator/store/sqlite_schema.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *path_in(const struct fixture *f, const char *name)
{
    return str_dupf("%s/%s", f->folder, name);
}

static void shut(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

static void reopen(struct fixture *f)
{
    shut(f);
    OK(store_open(f->folder, &f->store, &e));
}

/* Opens, expecting the failure; the sentence must contain `words`. */
static void refuses_to_open(struct fixture *f, int code, const char *words)
{
    struct err e = {0};
    struct store *s = NULL;
    assert_int_equal(store_open(f->folder, &s, &e), code);
    assert_null(s);
    if (!strstr(e.msg, words)) fail_msg("\"%s\" says nothing of \"%s\"", e.msg, words);
}

static void fill(struct fixture *f, int from, int to)
{
    begin(f);
    for (int i = from; i <= to; i++) {
        add_plain(f, i, "g");
        struct chunk c = {
            .job = job_id(i), .attempt = 1, .stream = 1, .data = "some output", .len = 11};
        OK(store_output_add(f->store, &c, &e));
    }
    commit(f);
}

/* The fixture's teardown counts in an open store only: here, the file is no good for it. */
static int teardown_damaged(void **state)
{
    struct fixture *f = *state;
    if (f->store) shut(f);
    return fixture_teardown(state);
}

/* ---- opening --------------------------------------------------------------------------------- */

static void files_can_be_read_by_their_owner_alone(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 1);
    static const char *const names[] = {"cadre.db",  "cadre.db-wal",  "cadre.db-shm",
                                        "output.db", "output.db-wal", "output.db-shm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = path_in(f, names[i]);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        mem_free(path);
    }
}

static void what_was_committed_is_there_after_reopening(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 10);
    begin(f);
    add_plain(f, 11, "g");
    reopen(f); /* without a commit */
    assert_int_equal(head_of(f, "g", 0), job_id(1));
    struct job_row k;
    FAILS(ERR_NOT_FOUND, store_job_get(f->store, job_id(11), &k, &e));
    int64_t remarks, bytes;
    OK(store_output_bytes(f->store, job_id(10), 1, &bytes, &remarks, &e));
    assert_int_equal(bytes, 11);
}

static void writers_are_durable_and_do_not_block_readers(void **state)
{
    struct fixture *f = *state;
    struct db *files[] = {&f->store->queue, &f->store->output};
    for (int i = 0; i < 2; i++) {
        int64_t n;
        OK(db_int(files[i], "PRAGMA synchronous", &n, &e));
        assert_int_equal(n, 2); /* FULL */
        OK(db_int(files[i], "SELECT journal_mode = 'wal' FROM pragma_journal_mode", &n, &e));
        assert_int_equal(n, 1);
    }
    assert_int_equal(sql_int(f, "output.db", "PRAGMA auto_vacuum"), 2); /* INCREMENTAL */
}

static void missing_folder_is_named(void **state)
{
    struct fixture *f = *state;
    struct store *s = NULL;
    struct err e = {0};
    char *folder = path_in(f, "nowhere");
    assert_int_equal(store_open(folder, &s, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "nowhere"));
    mem_free(folder);
}

/* ---- versions -------------------------------------------------------------------------------- */

static void newer_version_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    static const char *const files[] = {"cadre.db", "output.db"};
    for (int i = 0; i < 2; i++) {
        int64_t ours = sql_int(f, files[i], "PRAGMA user_version");
        shut(f);
        sql_exec(f, files[i], "PRAGMA user_version=99");
        refuses_to_open(f, ERR_UNSUPPORTED, "newer Cadre");
        assert_int_equal(sql_int(f, files[i], "PRAGMA user_version"), 99);
        struct reader *r;
        FAILS(ERR_UNSUPPORTED, reader_open(f->folder, &r, &e));
        char back[40];
        OK(str_format(back, sizeof back, "PRAGMA user_version=%d", (int)ours));
        sql_exec(f, files[i], back);
        OK(store_open(f->folder, &f->store, &e));
    }
}

static void older_version__a_reader_says_what_upgrades_it(void **state)
{
    struct fixture *f = *state;
    struct reader *r = NULL;
    struct err e = {0};
    shut(f);
    sql_exec(f, "cadre.db", "PRAGMA user_version=29");
    assert_int_equal(reader_open(f->folder, &r, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.msg, "cadre.db was written by an older Cadre (its version is 29,"));
    assert_non_null(strstr(e.msg, "upgrades it when it starts"));
}

static void foreign_database_is_refused(void **state)
{
    struct fixture *f = *state;
    shut(f);
    sql_exec(f, "cadre.db", "PRAGMA application_id=7");
    refuses_to_open(f, ERR_CORRUPT, "not the expected database");
}

static void exchanged_files_are_refused(void **state)
{
    struct fixture *f = *state;
    shut(f);
    char *queue = path_in(f, "cadre.db"), *output = path_in(f, "output.db"), *t = path_in(f, "t");
    assert_int_equal(rename(queue, t) | rename(output, queue) | rename(t, output), 0);
    refuses_to_open(f, ERR_CORRUPT, "exchanged");
    /* and left alone */
    assert_int_equal(rename(queue, t) | rename(output, queue) | rename(t, output), 0);
    OK(store_open(f->folder, &f->store, &e));
    mem_free(queue);
    mem_free(output);
    mem_free(t);
}

static void load_sql(struct fixture *f, const char *file, const char *fixture)
{
    char *path = str_dupf("%s/tests/unit/coordinator/fixtures/%s", CADRE_SOURCE_DIR, fixture);
    FILE *in = fopen(path, "rb");
    assert_non_null(in);
    static const size_t most = 1 << 20;
    char *text = mem_alloc(most);
    size_t len = fread(text, 1, most - 1, in);
    assert_true(len > 0 && len < most - 1);
    fclose(in);
    sql_exec(f, file, text);
    mem_free(text);
    mem_free(path);
}

static int64_t schema_of(struct fixture *f, const char *file, char *text, size_t size)
{
    int64_t n = 0;
    sqlite3 *db;
    sqlite3_stmt *q;
    char *path = path_in(f, file);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    mem_free(path);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT group_concat(sql, ';'), count(*) FROM (SELECT sql"
                                        " FROM sqlite_schema WHERE sql NOT NULL ORDER BY name)",
                                        -1, &q, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(q), SQLITE_ROW);
    OK(str_copy(text, size, (const char *)sqlite3_column_text(q, 0)));
    n = sqlite3_column_int64(q, 1);
    sqlite3_finalize(q);
    sqlite3_close(db);
    return n;
}

/* The files of an older release, opened by this one. */
static void upgrade(struct fixture *f, const char *queue, const char *output)
{
    static char fresh[2][20000], upgraded[20000];
    static const char *const files[] = {"cadre.db", "output.db"};
    shut(f);
    for (int i = 0; i < 2; i++) {
        assert_true(schema_of(f, files[i], fresh[i], sizeof fresh[i]) > 0);
        char *path = path_in(f, files[i]);
        unlink(path);
        mem_free(path);
    }
    load_sql(f, "cadre.db", queue);
    load_sql(f, "output.db", output);
    OK(store_open(f->folder, &f->store, &e));
    for (int i = 0; i < 2; i++) {
        schema_of(f, files[i], upgraded, sizeof upgraded);
        assert_string_equal(upgraded, fresh[i]);
    }
    assert_int_equal(sql_int(f, "cadre.db", "PRAGMA user_version"), schema_version(SCHEMA_QUEUE));
    assert_int_equal(sql_int(f, "output.db", "PRAGMA user_version"), schema_version(SCHEMA_OUTPUT));
}

/* test_compatibility.c goes on with its jobs. */
static void version_2_is_upgraded_to_what_a_new_file_has(void **state)
{
    struct fixture *f = *state;
    upgrade(f, "v2.sql", "v2-output.sql");
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 7);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM executions"), 1);
    assert_int_equal(sql_int(f, "output.db", "SELECT sum(bytes) FROM streams"), 21);
}

static void version_22_is_upgraded_to_what_a_new_file_has(void **state)
{
    struct fixture *f = *state;
    upgrade(f, "v22.sql", "v22-output.sql");
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM tokens"), 4);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM page_sessions"), 0);
}

static void version_1_is_upgraded_to_what_a_new_file_has(void **state)
{
    struct fixture *f = *state;
    upgrade(f, "v1.sql", "v1-output.sql");
    assert_int_equal(head_of(f, "windows", 0), job_id(3));
    assert_int_equal(head_of(f, NULL, 1), job_id(2));
    assert_int_equal(state_of(f, job_id(4)), JOB_RUNNING);
    assert_int_equal(state_of(f, job_id(5)), JOB_SUCCESS);
    assert_int_equal(state_of(f, job_id(6)), JOB_RETRYING);
    int64_t remarks, n;
    assert_int_equal(store_job_find_key(f->store, "7:key", &n, NULL), 1);
    assert_int_equal(n, job_id(3));
    OK(store_output_bytes(f->store, job_id(5), 1, &n, &remarks, &e));
    assert_int_equal(n, 15);
    struct agent_row a;
    assert_int_equal(store_agent_find_name(f->store, "build-07", &a, NULL), 1);
    assert_int_equal(a.last_seq, 17);
    agent_row_fini(&a);
    /* and what came later can be used */
    begin(f);
    struct flow_row flow = {.ns = "a.b", .id = "f", .revision = 1, .source = "id: f\n"};
    struct trigger_row t = {.ns = "a.b", .flow = "f", .name = "t"};
    struct execution_row x = {.id = job_id(9), .ns = "a.b", .flow = "f", .revision = 1};
    OK(store_flow_put(f->store, &flow, &e));
    OK(store_trigger_insert(f->store, &t, &t.id, &e));
    OK(store_execution_insert(f->store, &x, &e));
    commit(f);
}

static void table_and_model_agree_on_the_states(void **state)
{
    struct fixture *f = *state;
    char *check = str_dupf("state INTEGER NOT NULL CHECK (state BETWEEN 0 AND %d)", JOB_STATES - 1);
    static char schema[20000];
    schema_of(f, "cadre.db", schema, sizeof schema);
    assert_non_null(strstr(schema, check));
    mem_free(check);
    struct job_row j = plain_job(1, "g");
    j.state = JOB_STATES;
    begin(f);
    OK(store_job_insert(f->store, &j, "{}", &e));
    FAILS(ERR_INTERNAL, store_commit(f->store, &e));
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void overwrite(const struct fixture *f, const char *file, long from, size_t len)
{
    char *path = path_in(f, file);
    FILE *out = fopen(path, "r+b");
    assert_non_null(out);
    assert_int_equal(fseek(out, from, SEEK_SET), 0);
    for (size_t i = 0; i < len; i++)
        fputc(0xa5, out);
    fclose(out);
    mem_free(path);
}

/* What a crash leaves: a log. */
static void cut_off(const struct fixture *f, const char *file)
{
    char *path = str_dupf("%s/%s-wal", f->folder, file);
    FILE *out = fopen(path, "wb");
    assert_non_null(out);
    fputs("a log that was cut off before its first line was complete", out);
    fclose(out);
    mem_free(path);
}

static void file_of_garbage_is_refused_with_the_way_to_a_backup(void **state)
{
    struct fixture *f = *state;
    shut(f);
    overwrite(f, "cadre.db", 0, 8192);
    refuses_to_open(f, ERR_CORRUPT, "backup");
    struct reader *r;
    FAILS(ERR_CORRUPT, reader_open(f->folder, &r, &e));
    char *copy = path_in(f, "copy");
    FAILS(ERR_CORRUPT, store_backup(f->folder, copy, &e));
    mem_free(copy);
}

static void damaged_page_is_found_at_the_start(void **state)
{
    static const char *const files[] = {"cadre.db", "output.db"};
    for (int i = 0; i < 4; i++) { /* after a shutdown in order, and after a crash */
        struct fixture *f;
        fixture_setup((void **)&f);
        fill(f, 1, 3000);
        shut(f);
        overwrite(f, files[i % 2], 20 * 4096, 4096);
        if (i >= 2) cut_off(f, files[i % 2]);
        refuses_to_open(f, ERR_CORRUPT, "backup");
        fixture_teardown((void **)&f);
    }
    (void)state;
}

static void damaged_page_is_reported_when_it_is_met(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 3000);
    reopen(f);
    overwrite(f, "cadre.db", 80 * 4096, 60 * 4096); /* behind the pages of the schema */
    struct reader *r; /* what the writer has looked at already it keeps in memory */
    OK(reader_open(f->folder, &r, &e));
    int corrupt = 0;
    for (int i = 1; i <= 3000; i++) {
        struct job_view k;
        struct err e = {0};
        int rc = reader_job(r, job_id(i), &k, &e);
        if (rc == 0) job_view_fini(&k);
        if (rc == ERR_CORRUPT) assert_non_null(strstr(e.msg, "backup"));
        corrupt += rc == ERR_CORRUPT;
    }
    assert_true(corrupt > 0);
    reader_close(r);
}

/* ---- full disk ------------------------------------------------------------------------------- */

/* Commits jobs until the disk is full; returns how many are acknowledged. */
static int fill_disk(struct fixture *f)
{
    static char spec[20000];
    memset(spec, 'x', sizeof spec - 1);
    for (int i = 1; i < 1000; i++) {
        struct job_row j = plain_job(i, "g");
        struct err e = {0};
        begin(f);
        int rc = store_job_insert(f->store, &j, spec, &e);
        if (rc == 0) rc = store_commit(f->store, &e);
        if (rc == 0) continue;
        assert_int_equal(rc, ERR_FULL);
        assert_non_null(strstr(e.msg, "no space"));
        store_rollback(f->store);
        return i - 1;
    }
    fail_msg("the disk never filled");
    return 0;
}

static void on_full_disk(struct fixture *f, const char *ballast)
{
    OK(store_open(f->folder, &f->store, &e));
    int kept = fill_disk(f);
    assert_true(kept > 5);
    /* what was acknowledged is there, and reading goes on */
    for (int i = 1; i <= kept; i++)
        assert_int_equal(state_of(f, job_id(i)), JOB_CREATED);
    struct job_row k;
    FAILS(ERR_NOT_FOUND, store_job_get(f->store, job_id(kept + 1), &k, &e));
    assert_int_equal(head_of(f, "g", 0), job_id(1));
    /* with room again, so does writing */
    unlink(ballast);
    fill(f, kept + 1, kept + 20);
    reopen(f);
    assert_int_equal(state_of(f, job_id(kept + 20)), JOB_CREATED);
    shut(f);
    check_counts(f);
}

/* What a probe writes is what was there; that it was written, another connection sees. */
static void probe_writes_to_both_files_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 3);
    static const char *const files[] = {"cadre.db", "output.db"};
    struct db other[2] = {{0}};
    int64_t mark[2], version[2], now = 0;
    FAILS(ERR_INTERNAL, store_probe(f->store, &e)); /* outside of store_begin */
    for (int i = 0; i < 2; i++) {
        char *path = path_in(f, files[i]);
        OK(db_open(&other[i], path, DB_READER, &e));
        mem_free(path);
        OK(db_int(&other[i], "SELECT output_mark FROM parts", &mark[i], &e));
        OK(db_int(&other[i], "PRAGMA data_version", &version[i], &e));
    }
    begin(f);
    OK(store_probe(f->store, &e));
    OK(store_probe(f->store, &e));
    assert_true(store_dirty(f->store));
    commit(f);
    for (int i = 0; i < 2; i++) {
        OK(db_int(&other[i], "PRAGMA data_version", &now, &e));
        assert_int_not_equal(now, version[i]);
        OK(db_int(&other[i], "SELECT output_mark FROM parts", &now, &e));
        assert_int_equal(now, mark[i]);
        db_close(&other[i]);
    }
}

static void full_disk_loses_nothing_acknowledged(void **state)
{
    struct fixture *f = *state;
    shut(f);
    char *folder = path_in(f, "small"), *ballast = path_in(f, "small/ballast");
    assert_int_equal(mkdir(folder, 0700), 0);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=4m") != 0) {
        printf("no small disk can be mounted here (not root)\n");
        rmdir(folder);
        mem_free(folder);
        mem_free(ballast);
        skip();
    }
    FILE *out = fopen(ballast, "wb");
    for (int i = 0; out && i < 2 << 20; i++)
        fputc(0, out);
    if (out) fclose(out);
    struct fixture small = {0};
    OK(str_copy(small.folder, sizeof small.folder, folder));
    on_full_disk(&small, ballast);
    assert_int_equal(umount(folder), 0);
    rmdir(folder);
    mem_free(folder);
    mem_free(ballast);
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* Writes jobs and their output for ever; tells each committed number to the parent. */
static void write_until_killed(const char *folder, int from, int to_parent)
{
    struct fixture f = {0};
    if (str_copy(f.folder, sizeof f.folder, folder) != 0) _exit(1);
    if (store_open(folder, &f.store, NULL) != 0) _exit(2);
    for (int i = from;; i += 3) {
        begin(&f);
        for (int n = 0; n < 3; n++) {
            add_plain(&f, i + n, "g");
            struct chunk c = {
                .job = job_id(i + n), .attempt = 1, .stream = 1, .data = "output", .len = 6};
            if (store_output_add(f.store, &c, NULL) != 0) _exit(3);
        }
        struct job_end end = {.state = JOB_SUCCESS, .ended_ms = T0};
        if (store_job_submitted(f.store, job_id(i), 1, 1, T0, NULL) != 0) _exit(4);
        if (store_job_finish(f.store, job_id(i), &end, NULL) != 0) _exit(5);
        if (store_commit(f.store, NULL) != 0) _exit(6);
        if (write(to_parent, &i, sizeof i) != sizeof i) _exit(7);
    }
}

/* The last number that the child told before it was killed. */
static int crash_after(struct fixture *f, int from, uint64_t timeout_us)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        write_until_killed(f->folder, from, ends[1]);
    }
    close(ends[1]);
    int last = 0, told;
    struct timespec start, now;
    uint64_t waited_us;
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        struct pollfd p = {.fd = ends[0], .events = POLLIN};
        if (poll(&p, 1, 1) == 1) {
            assert_int_equal(read(ends[0], &told, sizeof told), sizeof told);
            last = told;
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        waited_us = (uint64_t)(now.tv_sec - start.tv_sec) * 1000000 +
                    (uint64_t)(now.tv_nsec / 1000) - (uint64_t)(start.tv_nsec / 1000);
    } while (last == 0 || waited_us < timeout_us);
    kill(child, SIGKILL);
    while (read(ends[0], &told, sizeof told) == sizeof told)
        last = told;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    close(ends[0]);
    return last;
}

static void what_was_acknowledged_survives_a_kill_at_any_moment(void **state)
{
    struct fixture *f = *state;
    const char *given = getenv("CADRE_SEED");
    int64_t seed = time(NULL);
    if (given) OK(str_int64(given, &seed));
    printf("seed %lld\n", (long long)seed);
    struct rng r;
    rng_init(&r, (uint64_t)seed);
    shut(f);
    int from = 1;
    for (int round = 0; round < 12; round++) {
        int last = crash_after(f, from, rng_below(&r, 60000));
        OK(store_open(f->folder, &f->store, &e));
        for (int i = from; i < last + 3; i++) {
            assert_int_equal(state_of(f, job_id(i)),
                             (i - from) % 3 == 0 ? JOB_SUCCESS : JOB_CREATED);
            int64_t remarks, bytes;
            OK(store_output_bytes(f->store, job_id(i), 1, &bytes, &remarks, &e));
            assert_int_equal(bytes, 6);
        }
        /* a batch is there as a whole or not at all; and never a result without its output */
        assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) % 3 FROM jobs"), 0);
        assert_true(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs") <=
                    sql_int(f, "output.db", "SELECT count(*) FROM streams"));
        check_counts(f);
        shut(f);
        from = 10000 * (round + 1);
    }
}

/* ---- backup ---------------------------------------------------------------------------------- */

static void backup_of_a_running_store_can_be_put_back(void **state)
{
    struct fixture *f = *state;
    char *copy = path_in(f, "copy"), *output = path_in(f, "copy.output");
    fill(f, 1, 500);
    begin(f);
    add_plain(f, 1000, "g"); /* under way: not part of it, and no obstacle */
    OK(store_backup(f->folder, copy, &e));
    commit(f);
    fill(f, 501, 600);
    struct stat st;
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(output, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    shut(f);

    char *queue = path_in(f, "cadre.db"), *old_output = path_in(f, "output.db");
    assert_int_equal(rename(copy, queue) | rename(output, old_output), 0);
    OK(store_open(f->folder, &f->store, &e));
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM jobs"), 500);
    assert_int_equal(sql_int(f, "output.db", "SELECT count(*) FROM chunks"), 500);
    fill(f, 501, 502);
    mem_free(copy);
    mem_free(output);
    mem_free(queue);
    mem_free(old_output);
}

static void backup_replaces_an_older_one_and_leaves_no_draft(void **state)
{
    struct fixture *f = *state;
    char *copy = path_in(f, "copy");
    fill(f, 1, 1);
    OK(store_backup(f->folder, copy, &e));
    fill(f, 2, 2);
    OK(store_backup(f->folder, copy, &e));
    assert_int_equal(sql_int(f, "copy", "SELECT count(*) FROM jobs"), 2);
    static const char *const drafts[] = {"copy.part", "copy.output.part"};
    for (int i = 0; i < 2; i++) {
        char *draft = path_in(f, drafts[i]);
        assert_int_not_equal(access(draft, F_OK), 0);
        mem_free(draft);
    }
    mem_free(copy);
}

static void backup_that_cannot_be_made_says_so(void **state)
{
    struct fixture *f = *state;
    char *copy = path_in(f, "nowhere/copy"), *empty = path_in(f, "empty");
    FAILS(ERR_IO, store_backup(f->folder, copy, &e));
    assert_int_equal(mkdir(empty, 0700), 0);
    FAILS(ERR_NOT_FOUND, store_backup(empty, copy, &e));
    rmdir(empty);
    mem_free(empty);
    mem_free(copy);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(files_can_be_read_by_their_owner_alone),
        CASE(what_was_committed_is_there_after_reopening),
        CASE(writers_are_durable_and_do_not_block_readers),
        CASE(missing_folder_is_named),
        CASE(newer_version_is_refused_and_left_alone),
        CASE(older_version__a_reader_says_what_upgrades_it),
        CASE(foreign_database_is_refused),
        CASE(exchanged_files_are_refused),
        CASE(version_1_is_upgraded_to_what_a_new_file_has),
        CASE(version_2_is_upgraded_to_what_a_new_file_has),
        CASE(version_22_is_upgraded_to_what_a_new_file_has),
        CASE(table_and_model_agree_on_the_states),
        CASE(file_of_garbage_is_refused_with_the_way_to_a_backup),
        CASE(damaged_page_is_found_at_the_start),
        cmocka_unit_test_setup_teardown(damaged_page_is_reported_when_it_is_met, fixture_setup,
                                        teardown_damaged),
        CASE(probe_writes_to_both_files_and_changes_nothing),
        CASE(full_disk_loses_nothing_acknowledged),
        CASE(what_was_acknowledged_survives_a_kill_at_any_moment),
        CASE(backup_of_a_running_store_can_be_put_back),
        CASE(backup_replaces_an_older_one_and_leaves_no_draft),
        CASE(backup_that_cannot_be_made_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
