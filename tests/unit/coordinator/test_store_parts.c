/* The files of a store know each other, and what they held. */
#include "store_fixture.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/backup.h"
#include "coordinator/store/parts.h"
#include "coordinator/store/sql_store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOSS "the output of before is gone"

static char *path_in(const struct fixture *f, const char *name)
{
    return str_dupf("%s/%s", f->folder, name);
}

static void shut(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

/* Jobs from to ... with one chunk of output each, started. */
static void fill(struct fixture *f, int from, int to)
{
    begin(f);
    for (int i = from; i <= to; i++) {
        add_plain(f, i, "g");
        char text[40];
        OK(str_format(text, sizeof text, "output of %d\n", i));
        struct chunk c = {
            .job = job_id(i), .attempt = 1, .stream = 1, .data = text, .len = strlen(text)};
        OK(store_output_add(f->store, &c, &e));
    }
    commit(f);
}

static int open_as(struct fixture *f, const char *ca, bool without, bool *began, struct err *e)
{
    struct store_parts p = {.ca = ca, .without_output = without, .now_ms = T0 + 1000000};
    int rc = store_open_parts(f->folder, &p, &f->store, e);
    if (began) *began = p.began_output;
    return rc;
}

static void opens(struct fixture *f)
{
    OK(open_as(f, NULL, false, NULL, &e));
}

static void refuses(struct fixture *f, int code, const char *words)
{
    struct err e = {0};
    int rc = open_as(f, NULL, false, NULL, &e);
    if (rc != code) fail_msg("%d instead of %d: %s", rc, code, e.msg);
    if (!strstr(e.msg, words)) fail_msg("\"%s\" says nothing of \"%s\"", e.msg, words);
    assert_null(f->store);
}

static void copy_from(const struct fixture *source, const char *from, const struct fixture *f,
                      const char *to)
{
    char *a = path_in(source, from), *b = path_in(f, to);
    char buffer[65536];
    FILE *in = fopen(a, "rb"), *out = fopen(b, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        assert_int_equal(fwrite(buffer, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
    mem_free(a);
    mem_free(b);
}

static void copy(const struct fixture *f, const char *from, const char *to)
{
    copy_from(f, from, f, to);
}

static void drop(const struct fixture *f, const char *name)
{
    char *path = path_in(f, name);
    assert_int_equal(unlink(path), 0);
    mem_free(path);
}

static void cut(const struct fixture *f, const char *name)
{
    char *path = path_in(f, name);
    assert_int_equal(truncate(path, 0), 0);
    mem_free(path);
}

static bool there(const struct fixture *f, const char *name)
{
    char *path = path_in(f, name);
    bool found = access(path, F_OK) == 0;
    mem_free(path);
    return found;
}

struct text {
    char all[4000];
    int system;
};

static int append(const struct chunk *c, void *user)
{
    struct text *t = user;
    size_t len = strlen(t->all);
    assert_true(len + c->len < sizeof t->all);
    memcpy(t->all + len, c->data, c->len);
    t->all[len + c->len] = '\0';
    t->system += c->stream == 3;
    return 0;
}

/* All output of a job, read in pages of one chunk. */
static struct text output_of(const struct fixture *f, int job)
{
    struct reader *r;
    struct text t = {.system = 0};
    struct output_filter filter = {.job = job_id(job), .max_bytes = 1};
    OK(reader_open(f->folder, &r, &e));
    for (int64_t next = 0;; filter.cursor = next) {
        OK(reader_output(r, &filter, append, &t, &next, &e));
        if (next == filter.cursor) break;
    }
    reader_close(r);
    return t;
}

static void start_of(struct fixture *f, int job)
{
    char sql[120];
    OK(str_format(sql, sizeof sql, "UPDATE job_states SET first_started_ms = %lld WHERE id = %lld",
                  (long long)T0, (long long)job_id(job)));
    sql_exec(f, "cadre.db", sql);
}

/* ---- only init makes a database -------------------------------------------------------------- */

static void open__file_missing_or_empty__is_refused_and_not_made(void **state)
{
    struct fixture *f = *state;
    static const char *const names[] = {"cadre.db", "output.db"};
    fill(f, 1, 3);
    shut(f);
    for (int i = 0; i < 2; i++) {
        copy(f, names[i], "kept");
        drop(f, names[i]);
        refuses(f, ERR_NOT_FOUND, names[i]);
        refuses(f, ERR_NOT_FOUND, "missing");
        assert_false(there(f, names[i]));
        copy(f, "kept", names[i]);
        cut(f, names[i]);
        refuses(f, ERR_CORRUPT, names[i]);
        refuses(f, ERR_CORRUPT, "empty");
        copy(f, "kept", names[i]);
    }
    opens(f);
    assert_string_equal(output_of(f, 2).all, "output of 2\n");
}

static void open__database_without_tables__is_refused(void **state)
{
    struct fixture *f = *state;
    shut(f);
    drop(f, "cadre.db");
    sql_exec(f, "cadre.db", "PRAGMA user_version=0; CREATE TABLE t(a); DROP TABLE t");
    refuses(f, ERR_CORRUPT, "holds nothing");
}

static void open__both_missing__is_refused(void **state)
{
    struct fixture *f = *state;
    shut(f);
    drop(f, "cadre.db");
    drop(f, "output.db");
    refuses(f, ERR_NOT_FOUND, "cadre.db");
}

/* ---- pairs ----------------------------------------------------------------------------------- */

static void open__output_of_another_store__is_refused(void **state)
{
    struct fixture *f = *state, *other;
    assert_int_equal(fixture_setup((void **)&other), 0);
    fill(other, 1, 9);
    shut(other);
    fill(f, 1, 1);
    shut(f);
    copy_from(other, "output.db", f, "output.db");
    refuses(f, ERR_CONFLICT, "not the one of cadre.db");
    copy_from(other, "cadre.db", f, "cadre.db"); /* the pair of the other */
    opens(f);
    assert_int_equal(fixture_teardown((void **)&other), 0);
}

static void open__output_older_than_the_queue__is_refused(void **state)
{
    struct fixture *f = *state;
    char *path = path_in(f, "b");
    fill(f, 1, 3);
    OK(store_backup(f->folder, path, &e));
    fill(f, 4, 4);
    shut(f);
    copy(f, "output.db", "now");
    copy(f, "b.output", "output.db");
    refuses(f, ERR_CONFLICT, "older");
    copy(f, "now", "output.db");
    opens(f);
    assert_string_equal(output_of(f, 4).all, "output of 4\n");
    shut(f);
    copy(f, "b", "cadre.db"); /* a restored queue beside newer output loses nothing */
    opens(f);
    shut(f);
    copy(f, "b.output", "output.db"); /* the backup whole */
    opens(f);
    assert_string_equal(output_of(f, 3).all, "output of 3\n");
    mem_free(path);
}

/* Not stopped in order: the files as they lie there at one moment. */
static void open__older_output_after_a_crash__is_refused(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 3);
    shut(f);
    copy(f, "output.db", "old");
    opens(f);
    fill(f, 4, 4);
    copy(f, "cadre.db", "c");
    copy(f, "cadre.db-wal", "c-wal");
    shut(f);
    copy(f, "c", "cadre.db");
    copy(f, "c-wal", "cadre.db-wal");
    copy(f, "old", "output.db");
    refuses(f, ERR_CONFLICT, "older");
}

static void open__newest_output_purged_or_rolled_back__goes_on(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 3);
    begin(f);
    struct chunk c = {.job = job_id(3), .attempt = 1, .stream = 2, .data = "lost", .len = 4};
    OK(store_output_add(f->store, &c, &e));
    store_rollback(f->store);
    fill(f, 4, 4);
    begin(f);
    OK(purge_whole_job(f->store, job_id(4), &e));
    commit(f);
    assert_int_equal(sql_int(f, "output.db", "SELECT max(cursor) FROM chunks"), 3);
    shut(f);
    opens(f);
    fill(f, 5, 5);
    /* a cursor is never given twice: who follows a job would miss what comes */
    assert_int_equal(sql_int(f, "output.db", "SELECT max(cursor) FROM chunks"), 5);
    shut(f);
    opens(f);
    assert_string_equal(output_of(f, 5).all, "output of 5\n");
}

static void open__files_of_versions_without_ids__are_introduced(void **state)
{
    struct fixture *f = *state;
    fill(f, 1, 2);
    shut(f);
    sql_exec(f, "cadre.db", "DELETE FROM parts");
    sql_exec(f, "output.db", "DELETE FROM parts");
    opens(f);
    shut(f);
    sql_exec(f, "cadre.db", "DELETE FROM parts"); /* cut off in between */
    opens(f);
    shut(f);
    opens(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM parts"), 1);
    shut(f);
    sql_exec(f, "output.db", "DELETE FROM parts"); /* an old output.db beside a new cadre.db */
    refuses(f, ERR_CONFLICT, "not the one of cadre.db");
    OK(open_as(f, NULL, true, NULL, &e));
}

static void open__database_of_another_ca__is_refused(void **state)
{
    struct fixture *f = *state;
    struct err why = {0};
    shut(f);
    OK(open_as(f, "aa", false, NULL, &e));
    shut(f);
    OK(open_as(f, "aa", false, NULL, &e));
    shut(f);
    assert_int_equal(open_as(f, "bb", true, NULL, &why), ERR_CONFLICT);
    assert_non_null(strstr(why.msg, "another CA"));
    assert_false(there(f, "output.db.aside"));
    OK(open_as(f, "aa", false, NULL, &e));
}

/* ---- without output -------------------------------------------------------------------------- */

static void without_output__fits__is_left_alone(void **state)
{
    struct fixture *f = *state;
    bool began;
    fill(f, 1, 2);
    shut(f);
    OK(open_as(f, NULL, true, &began, &e));
    assert_false(began);
    assert_string_equal(output_of(f, 1).all, "output of 1\n");
}

static void spoil_output(struct fixture *f, int how)
{
    if (how == 0) drop(f, "output.db");
    if (how == 1) cut(f, "output.db");
    if (how == 2) sql_exec(f, "output.db", "UPDATE parts SET id = 'other'");
    if (how == 3) sql_exec(f, "output.db", "DELETE FROM chunks");
    if (how == 4) sql_exec(f, "output.db", "PRAGMA application_id=7");
    if (how == 5) copy(f, "cadre.db", "output.db");
}

static void without_output__unfit__begins_anew_and_says_so_once(void **state)
{
    struct fixture *f = *state;
    for (int how = 0; how < 6; how++) {
        int first = 10 * (how + 1);
        bool began;
        fill(f, first, first + 1);
        shut(f);
        start_of(f, first); /* the other one did not start */
        spoil_output(f, how);
        struct err why = {0};
        assert_int_not_equal(open_as(f, NULL, false, NULL, &why), 0);
        assert_non_null(strstr(why.msg, how == 4 || how == 5 ? "expected" : "--without-output"));
        OK(open_as(f, NULL, true, &began, &e));
        assert_true(began);
        assert_int_equal(there(f, "output.db.aside"), how > 1);
        struct text old = output_of(f, first), not_begun = output_of(f, first + 1);
        assert_int_equal(strncmp(old.all, LOSS, strlen(LOSS)), 0);
        assert_int_equal(old.system, 1); /* one line, however often one asks for more */
        assert_string_equal(not_begun.all, "");
        shut(f);
        OK(open_as(f, NULL, true, &began, &e)); /* the option may stay */
        assert_false(began);
        fill(f, first + 2, first + 2);
        char text[40];
        OK(str_format(text, sizeof text, "output of %d\n", first + 2));
        assert_string_equal(output_of(f, first + 2).all, text);
        shut(f);
        opens(f);
    }
}

/* ---- damaged chunks -------------------------------------------------------------------------- */

static void add(struct fixture *f, int stream, int64_t offset, const char *text)
{
    struct chunk c = {.job = job_id(1),
                      .attempt = 1,
                      .stream = stream,
                      .offset = offset,
                      .at_ms = T0,
                      .data = text,
                      .len = strlen(text)};
    OK(store_output_add(f->store, &c, &e));
}

static void output__damaged_chunk__is_named_and_the_rest_served(void **state)
{
    struct fixture *f = *state;
    static const char *const damage[] = {
        "UPDATE chunks SET data = x'616263' WHERE cursor = 2",
        "UPDATE chunks SET data = substr(data, 1, 3) WHERE cursor = 2",
        "UPDATE chunks SET offset = offset + 1 WHERE cursor = 2",
        "UPDATE chunks SET at_ms = at_ms - 1 WHERE cursor = 2",
        "UPDATE chunks SET stream = 2 WHERE cursor = 2",
        "UPDATE chunks SET sum = sum + 1 WHERE cursor = 2",
    };
    begin(f);
    add_plain(f, 1, "g");
    add(f, 1, 0, "one\n");
    add(f, 1, 4, "two\n");
    add(f, 2, 0, "three\n");
    commit(f);
    shut(f);
    copy(f, "output.db", "good");
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        copy(f, "good", "output.db");
        sql_exec(f, "output.db", damage[i]);
        struct text t = output_of(f, 1);
        if (t.system != 1) fail_msg("not noticed: %s: %s", damage[i], t.all);
        assert_int_equal(strncmp(t.all, "one\ndamaged", 11), 0);
        assert_non_null(strstr(t.all, "(chunk 2 of output.db)\nthree\n"));
    }
    copy(f, "good", "output.db");
    sql_exec(f, "output.db", "UPDATE chunks SET sum = NULL"); /* of a version without */
    assert_string_equal(output_of(f, 1).all, "one\ntwo\nthree\n");
    opens(f);
}

/* ---- check and backup ----------------------------------------------------------------------- */

struct faults {
    char all[8000];
};

static void note_fault(const char *fault, void *user)
{
    struct faults *n = user;
    size_t len = strlen(n->all);
    OK(str_format(n->all + len, sizeof n->all - len, "%s\n", fault));
}

static void check__each_damage__is_found(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *file, *sql;
        int faults, chunks; /* at least so many of one kind, none of the other */
    } damage[] = {
        {"output.db", "UPDATE chunks SET data = x'00' WHERE cursor IN (2, 3)", 0, 2},
        {"output.db", "UPDATE chunks SET job = job + 1 WHERE cursor = 1500", 0, 1},
        {"cadre.db", "UPDATE job_counts SET created = created + 1", 1, 0},
        {"cadre.db", "DELETE FROM jobs WHERE id = (SELECT max(id) FROM jobs)", 1, 0},
        {"cadre.db", "DELETE FROM job_states WHERE id = (SELECT max(id) FROM jobs)", 1, 0},
        {"cadre.db",
         "PRAGMA writable_schema=1; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM"
         " sqlite_schema WHERE name = 'job_bad') WHERE name = 'job_queue'",
         1, 0},
    };
    fill(f, 1, 1600);
    struct store_check c = {.say = NULL};
    OK(store_check(f->folder, &c, &e)); /* beside the store that is open */
    assert_int_equal(c.faults + c.index_faults + c.damaged_chunks, 0);
    assert_int_equal(c.chunks, 1600);
    assert_true(c.pages > 10);
    shut(f);
    copy(f, "cadre.db", "q");
    copy(f, "output.db", "o");
    char *path = path_in(f, "backup");
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        struct faults n = {.all = ""};
        copy(f, "q", "cadre.db");
        copy(f, "o", "output.db");
        sql_exec(f, damage[i].file, damage[i].sql);
        c = (struct store_check){.say = note_fault, .user = &n};
        OK(store_check(f->folder, &c, &e));
        if (damage[i].chunks)
            assert_int_equal(c.damaged_chunks, damage[i].chunks);
        else
            assert_true(c.faults >= damage[i].faults && c.damaged_chunks == 0);
        assert_non_null(strstr(n.all, damage[i].file));
        struct store_check again = {.say = NULL};
        struct err why = {0};
        int rc = store_backup_checked(f->folder, path, &again, &why);
        assert_int_equal(rc, damage[i].chunks ? 0 : ERR_CORRUPT);
        if (damage[i].chunks) assert_int_equal(again.damaged_chunks, damage[i].chunks);
    }
    /* the former one stays */
    assert_true(there(f, "backup") && there(f, "backup.output"));
    mem_free(path);
}

/* The index is made of the jobs: a copy with a wrong one is worth keeping. */
static void backup__of_a_wrong_index_of_jobs__is_written(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[] = {
        "INSERT INTO job_blocks VALUES (9223372036854775800, x'', x'')",
        "DELETE FROM job_blocks",
    };
    fill(f, 1, 3);
    shut(f);
    char *path = path_in(f, "backup"), *output = path_in(f, "backup.output");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct faults n = {.all = ""};
        struct store_check c = {.say = note_fault, .user = &n, .index_faults = 7};
        sql_exec(f, "cadre.db", wrong[i]);
        OK(store_backup_checked(f->folder, path, &c, &e));
        assert_true(c.index_faults > 0 && c.index_faults < 7 && c.faults == 0);
        assert_true(there(f, "backup") && there(f, "backup.output"));
        assert_non_null(strstr(n.all, "the index of jobs"));
        assert_int_equal(remove(path) | remove(output), 0);
    }
    mem_free(output);
    mem_free(path);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown_closed)

/* The counts of raw changes need not be right. */
static int teardown_closed(void **state)
{
    struct fixture *f = *state;
    if (f->store) shut(f);
    return fixture_teardown(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(open__file_missing_or_empty__is_refused_and_not_made),
        CASE(open__database_without_tables__is_refused),
        CASE(open__both_missing__is_refused),
        CASE(open__output_of_another_store__is_refused),
        CASE(open__output_older_than_the_queue__is_refused),
        CASE(open__older_output_after_a_crash__is_refused),
        CASE(open__newest_output_purged_or_rolled_back__goes_on),
        CASE(open__files_of_versions_without_ids__are_introduced),
        CASE(open__database_of_another_ca__is_refused),
        CASE(without_output__fits__is_left_alone),
        CASE(without_output__unfit__begins_anew_and_says_so_once),
        CASE(output__damaged_chunk__is_named_and_the_rest_served),
        CASE(check__each_damage__is_found),
        CASE(backup__of_a_wrong_index_of_jobs__is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
