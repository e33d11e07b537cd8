/* Sessions of the page: rows that come, are found by hash and by id, and go when they end. */
#include "store_fixture.h"

#include "coordinator/store/reader_page_session.h"

#include <string.h>

/* Session n of a token, which ends n ms after T0. */
static struct page_session_row session(int64_t n, int64_t token)
{
    struct page_session_row p = {.id = n, .token = token, .created_ms = T0, .ends_ms = T0 + n};
    memset(p.hash, (int)n, sizeof p.hash);
    return p;
}

static void add(struct fixture *f, int64_t n, int64_t token)
{
    struct page_session_row p = session(n, token);
    OK(store_page_session_insert(f->store, &p, &e));
}

static void is_session(const struct page_session_row *p, int64_t n, int64_t token)
{
    struct page_session_row wanted = session(n, token);
    assert_int_equal(p->id, wanted.id);
    assert_int_equal(p->token, wanted.token);
    assert_int_equal(p->created_ms, wanted.created_ms);
    assert_int_equal(p->ends_ms, wanted.ends_ms);
    assert_memory_equal(p->hash, wanted.hash, sizeof wanted.hash);
}

static void session_is_found_by_its_id_and_by_its_hash(void **state)
{
    struct fixture *f = *state;
    struct page_session_row p;
    struct reader *r;
    begin(f);
    add(f, 1, 7);
    add(f, 2, 8);
    assert_int_equal(store_page_session_find(f->store, 2, &p, NULL), 1);
    is_session(&p, 2, 8);
    assert_int_equal(store_page_session_find(f->store, 3, &p, NULL), 0);
    commit(f);
    r = open_reader(f);
    struct page_session_row asked = session(1, 7), other = session(3, 7);
    OK(reader_page_session(r, asked.hash, 0, &p, &e));
    is_session(&p, 1, 7);
    OK(reader_page_session(r, NULL, 2, &p, &e));
    is_session(&p, 2, 8);
    FAILS(ERR_NOT_FOUND, reader_page_session(r, other.hash, 1, &p, &e));
    FAILS(ERR_NOT_FOUND, reader_page_session(r, NULL, 3, &p, &e));
    begin(f);
    OK(store_page_session_delete(f->store, 1, &e));
    FAILS(ERR_NOT_FOUND, store_page_session_delete(f->store, 1, &e));
    commit(f);
    FAILS(ERR_NOT_FOUND, reader_page_session(r, asked.hash, 0, &p, &e));
    reader_close(r);
}

static void session_of_a_hash_that_is_there_is_refused(void **state)
{
    struct fixture *f = *state;
    struct page_session_row p = session(1, 7);
    begin(f);
    add(f, 1, 7);
    FAILS(ERR_EXISTS, store_page_session_insert(f->store, &p, &e));
    p.id = 2;
    FAILS(ERR_EXISTS, store_page_session_insert(f->store, &p, &e));
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM page_sessions"), 1);
}

static void sessions_behind_the_newest_are_those_of_the_token(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;
    begin(f);
    for (int64_t n = 1; n <= 6; n++)
        add(f, n, n % 2);
    assert_int_equal(store_page_session_behind(f->store, 1, 0, &id, NULL), 1);
    assert_int_equal(id, 5);
    assert_int_equal(store_page_session_behind(f->store, 1, 2, &id, NULL), 1);
    assert_int_equal(id, 1);
    assert_int_equal(store_page_session_behind(f->store, 1, 3, &id, NULL), 0);
    assert_int_equal(store_page_session_behind(f->store, 2, 0, &id, NULL), 0);
    commit(f);
}

static void sessions_that_have_ended_go_and_no_others(void **state)
{
    struct fixture *f = *state;
    bool more = false;
    begin(f);
    for (int64_t n = 6; n >= 1; n--)
        add(f, n, 7);
    OK(store_page_sessions_purge(f->store, T0 + 5, 3, &more, &e));
    assert_true(more);
    assert_int_equal(store_page_session_behind(f->store, 7, 2, &(int64_t){0}, NULL), 1);
    OK(store_page_sessions_purge(f->store, T0 + 5, 3, &more, &e));
    assert_false(more);
    commit(f);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT count(*) FROM page_sessions"), 1);
    assert_int_equal(sql_int(f, "cadre.db", "SELECT id FROM page_sessions"), 6);
    begin(f);
    OK(store_page_sessions_purge(f->store, T0 + 5, 3, &more, &e));
    assert_false(store_dirty(f->store)); /* nothing to do costs no commit */
    commit(f);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(session_is_found_by_its_id_and_by_its_hash),
        CASE(session_of_a_hash_that_is_there_is_refused),
        CASE(sessions_behind_the_newest_are_those_of_the_token),
        CASE(sessions_that_have_ended_go_and_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
