/* URIs of a store: which are taken, what is shown of them, and what is said. No password may show,
 * whatever is wrong with the URI. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store_uri.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void good_uris__are_taken_and_shown_without_passwords(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *shown; /* shown NULL: as it is */
    } cases[] = {
        {"sqlite", NULL},
        {"postgresql://db.example.com/cadre", NULL},
        {"postgres://cadre@db:5433/cadre?sslmode=verify-full", NULL},
        {"postgresql://cadre:s3cret@db/cadre", "postgresql://cadre:***@db/cadre"},
        {"postgresql://cadre:a:b@db/cadre", "postgresql://cadre:***@db/cadre"},
        {"postgresql://cadre:@db/cadre", NULL},
        {"postgresql://:pw@db/cadre", "postgresql://:***@db/cadre"},
        {"postgresql://c%40d:p%40%2F%3Aw@db/cadre", "postgresql://c%40d:***@db/cadre"},
        {"postgresql://db/cadre?password=s3cret&user=u",
         "postgresql://db/cadre?password=***&user=u"},
        {"postgresql://u:one@db/cadre?password=two", "postgresql://u:***@db/cadre?password=***"},
        {"postgresql://db/cadre?p%61ssword=s3cret", "postgresql://db/cadre?p%61ssword=***"},
        {"postgresql://db/cadre?sslkey=k&sslpassword=s3cret",
         "postgresql://db/cadre?sslkey=k&sslpassword=***"},
        {"postgresql://a:5432,b:5433,c/cadre?connect_timeout=3", NULL},
        {"postgresql://u:pw@[::1]:5432,[fe80::1%25eth0]/cadre",
         "postgresql://u:***@[::1]:5432,[fe80::1%25eth0]/cadre"},
        {"postgresql:///cadre?host=/var/run/postgresql", NULL},
        {"postgresql://%2Fvar%2Frun%2Fpostgresql/cadre", NULL},
        {"postgresql://u@?hostaddr=10.0.0.1&dbname=cadre", NULL},
        {"postgresql://u@db/cadre?ssl=true&application_name=queue%20one", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        if (store_uri_check(cases[i].uri, &e) != 0) fail_msg("%s: %s", cases[i].uri, e.msg);
        char *shown = store_uri_masked(cases[i].uri);
        assert_string_equal(shown, cases[i].shown ? cases[i].shown : cases[i].uri);
        mem_free(shown);
        assert_int_equal(store_uri_is_postgresql(cases[i].uri), i > 0);
        assert_int_equal(store_uri_has_password(cases[i].uri),
                         strstr(shown = store_uri_masked(cases[i].uri), "***") != NULL);
        mem_free(shown);
    }
}

static const struct wrong {
    const char *uri, *shown, *why;
} wrong[] = {
    {"", "", "'sqlite', or postgresql://"},
    {"sqlit", "sqlit", "'sqlite', or postgresql://"},
    {"SQLite", "***", "'sqlite', or postgresql://"},
    {"host=db password=SECRET dbname=cadre", "***", "'sqlite', or postgresql://"},
    {"u:SECRET@db/cadre", "***", "'sqlite', or postgresql://"},
    {"mysql://u:SECRET@db/cadre", "mysql://***", "'sqlite', or postgresql://"},
    {"postgress://u:SECRET@db/cadre", "postgress://***", "'sqlite', or postgresql://"},
    {"Postgresql://u:SECRET@db/cadre", "***", "'sqlite', or postgresql://"},
    {"postgresql:/u:SECRET@db/cadre", "***", "'sqlite', or postgresql://"},
    {"SECRET://postgresql://db/cadre", "***", "'sqlite', or postgresql://"},
    {"postgresql://", "postgresql://***", "no host"},
    {"postgresql:///", "postgresql://***", "no host"},
    {"postgresql:///cadre", "postgresql://***", "no host"},
    {"postgresql://u:SECRET@/cadre", "postgresql://***", "no host"},
    {"postgresql://a,,b/cadre", "postgresql://***", "no host"},
    {"postgresql://a,/cadre", "postgresql://***", "no host"},
    {"postgresql://db", "postgresql://***", "no database"},
    {"postgresql://db/", "postgresql://***", "no database"},
    {"postgresql://u:SECRET@db?sslmode=require", "postgresql://***", "no database"},
    {"postgresql://db/cadre?dbname=", "postgresql://***", "no database"},
    {"postgresql://u:SEC@RET@db/cadre", "postgresql://***", "several '@'"},
    {"postgresql://u:SEC/RET@db/cadre", "postgresql://***", "%2F"},
    {"postgresql://u:12/SECRET@db/cadre", "postgresql://***", "%2F and %40"},
    {"postgresql://u:12/SEC/RET", "postgresql://***", "%2F and %40"},
    {"postgresql://u:12/x?SECRET=y@db/cadre", "postgresql://***", "%3F"},
    {"postgresql://u:12/x?user=SECRET@db/cadre", "postgresql://***", "%3F"},
    {"postgresql://u:SEC?RET@db/cadre", "postgresql://***", "%3F"},
    {"postgresql://u:SEC#RET@db/cadre", "postgresql://***", "%23"},
    {"postgresql://u:SEC%RET@db/cadre", "postgresql://***", "%25"},
    {"postgresql://u:SECRET%@db/cadre", "postgresql://***", "%25"},
    {"postgresql://u:SECRET%4@db/cadre", "postgresql://***", "%25"},
    {"postgresql://u:SECRET%00@db/cadre", "postgresql://***", "the password has a control"},
    {"postgresql://u:SECRET@db/cadre%0a", "postgresql://***", "database's name has a control"},
    {"postgresql://u:SECRET@db/cadre\n", "postgresql://***", "a control character"},
    {"postgresql://u:SECRET\x7f@db/cadre", "postgresql://***", "a control character"},
    {"postgresql://u:SECRET @db/cadre", "postgresql://***", "%20"},
    {"postgresql://u:SECRET@db:0/cadre", "postgresql://***", "1 to 65535"},
    {"postgresql://u:SECRET@db:65536/cadre", "postgresql://***", "1 to 65535"},
    {"postgresql://u:SECRET@db:5432x/cadre", "postgresql://***", "1 to 65535"},
    {"postgresql://u:SECRET@a:1,b:-2/cadre", "postgresql://***", "1 to 65535"},
    {"postgresql://db/cadre?port=99999&password=SECRET", "postgresql://***", "1 to 65535"},
    {"postgresql://[::1/cadre", "postgresql://***", "in brackets"},
    {"postgresql://[]/cadre", "postgresql://***", "in brackets"},
    {"postgresql://[::1]5432/cadre", "postgresql://***", "behind the ']'"},
    {"postgresql://::1/cadre", "postgresql://***", "1 to 65535"},
    {"postgresql://u:SECRET@db/cadre?sslmod=require", "postgresql://***", "did you mean 'sslmode'"},
    {"postgresql://u:SECRET@db/cadre?sslmode=verify", "postgresql://***", "verify-full"},
    {"postgresql://u:SECRET@db/cadre?sslmode=", "postgresql://***", "verify-full"},
    {"postgresql://u:SECRET@db/cadre?ssl=false", "postgresql://***", "sslmode says more"},
    {"postgresql://u:SECRET@db/cadre?sslmode", "postgresql://***", "NAME=VALUE"},
    {"postgresql://u:SECRET@db/cadre?=x", "postgresql://***", "no parameter"},
    {"postgresql://u:SECRET@db/cadre??user=x", "postgresql://***", "no parameter"},
    {"postgresql://u:SECRET@db/cadre?service=x", "postgresql://***", "service would have"},
    {"postgresql://u:SECRET@db/cadre?replication=true", "postgresql://***", "replication is for"},
    {"postgresql://u:SECRET@db/cadre?client_encoding=latin1", "postgresql://***", "always UTF8"},
    {"postgresql://u:SECRET@a,b/cadre?target_session_attrs=any", "postgresql://***",
     "set by Cadre"},
};

static void wrong_uris__are_refused_and_show_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct err e = {0};
        if (store_uri_check(wrong[i].uri, &e) != ERR_INVALID) fail_msg("%s", wrong[i].uri);
        if (!strstr(e.msg, wrong[i].why)) fail_msg("%s: %s", wrong[i].uri, e.msg);
        if (strstr(e.msg, "SEC") || strstr(e.msg, "RET")) fail_msg("it shows: %s", e.msg);
        char *shown = store_uri_masked(wrong[i].uri);
        assert_string_equal(shown, wrong[i].shown);
        mem_free(shown);
        assert_false(store_uri_has_password(wrong[i].uri));
    }
}

static void uri_that_is_too_long__is_refused(void **state)
{
    (void)state;
    char uri[STORE_URI_MAX + 64] = "postgresql://db/";
    memset(uri + strlen(uri), 'x', STORE_URI_MAX);
    assert_int_equal(store_uri_check(uri, NULL), ERR_INVALID);
    uri[STORE_URI_MAX] = 0;
    assert_int_equal(store_uri_check(uri, NULL), 0);
}

/* Every cut of a good URI: no piece of the password is shown by its mask or by what is wrong. */
static void cut_uris__show_no_piece_of_a_password(void **state)
{
    (void)state;
    static const char uri[] = "postgresql://cadre:SECRET@db:5432/cadre?password=SECRET&user=x";
    for (size_t len = 0; len < sizeof uri; len++) {
        struct err e = {0};
        char *cut = mem_strndup(uri, len), *shown = store_uri_masked(cut);
        (void)store_uri_check(cut, &e);
        if (strchr(shown, 'S') || strchr(e.msg, 'S')) /* "SQLite" is not said here */
            if (!strstr(e.msg, "USER@HOST") || strchr(shown, 'S')) fail_msg("%s: %s", cut, e.msg);
        mem_free(cut);
        mem_free(shown);
    }
}

static void nothing__is_sqlite(void **state)
{
    (void)state;
    char *shown = store_uri_masked(NULL);
    assert_string_equal(shown, "sqlite");
    mem_free(shown);
    assert_false(store_uri_is_postgresql(NULL));
    assert_false(store_uri_has_password(NULL));
}

/* The letters of the advice that was given. */
struct said {
    char letters[16];
    size_t count;
};

static void note(const char *sentence, void *user)
{
    struct said *s = user;
    assert_null(strstr(sentence, "SECRET"));
    assert_true(s->count + 1 < sizeof s->letters);
    s->letters[s->count++] = strstr(sentence, "verify-full")  ? 'n'
                             : strstr(sentence, "PGPASSFILE") ? 'p'
                                                              : 'l';
}

static void advice__is_given_where_it_is_due(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        int64_t lease_ms;
        const char *said; /* n: network, p: password, l: lease */
    } cases[] = {
        {NULL, 1000, ""},
        {"sqlite", 1000, ""},
        {"postgresql://localhost/cadre", 30000, ""},
        {"postgresql://127.0.0.1/cadre", 300000, ""},
        {"postgresql://[::1]/cadre", 300000, ""},
        {"postgresql:///cadre?host=/var/run/postgresql", 300000, ""},
        {"postgresql:///cadre?host=%2Fvar%2Frun", 300000, ""},
        {"postgresql://db/cadre?sslmode=verify-full", 300000, ""},
        {"postgresql://localhost/cadre", 29999, "l"},
        {"postgresql://db/cadre", 300000, "n"},
        {"postgresql://db/cadre?sslmode=require", 300000, "n"},
        {"postgresql://db/cadre?sslmode=verify-ca", 300000, "n"},
        {"postgresql://db/cadre?sslmode=verify-full&sslmode=disable", 300000, "n"},
        {"postgresql://db/cadre?sslmode=verify-full&ssl=true", 300000, "n"},
        {"postgresql://localhost.example.com/cadre", 300000, "n"},
        {"postgresql://127.example.com/cadre", 300000, "n"},
        {"postgresql://127.0.0.1x/cadre", 300000, "n"},
        {"postgresql://localhost,db/cadre", 300000, "n"},
        {"postgresql://localhost,127.0.0.2,[::1]/cadre", 300000, ""},
        {"postgresql://localhost/cadre?hostaddr=10.0.0.1", 300000, "n"},
        {"postgresql://localhost/cadre?host=db", 300000, "n"},
        {"postgresql://u:SECRET@localhost/cadre", 300000, "p"},
        {"postgresql://localhost/cadre?password=SECRET", 300000, "p"},
        {"postgresql://u:SECRET@a,b/cadre", 1000, "npl"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct said said = {0};
        store_uri_advise(cases[i].uri, cases[i].lease_ms, note, &said);
        if (!str_eq(said.letters, cases[i].said)) fail_msg("%s: %s", cases[i].uri, said.letters);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_uris__are_taken_and_shown_without_passwords),
        cmocka_unit_test(wrong_uris__are_refused_and_show_nothing),
        cmocka_unit_test(uri_that_is_too_long__is_refused),
        cmocka_unit_test(cut_uris__show_no_piece_of_a_password),
        cmocka_unit_test(nothing__is_sqlite),
        cmocka_unit_test(advice__is_given_where_it_is_due),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
