/* The finder of COMMIT: what libpq sends, in pieces of any size, and what is no COMMIT. */
#include "tests/support/pg_commit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MOST 4096
#define START "\0\0\0\x0f\0\3\0\0user\0u\0"
#define ASK_TLS "\0\0\0\x08\x04\xd2\x16\x2f"

struct stream {
    char data[MOST];
    size_t len;
};

static void add(struct stream *s, const void *data, size_t len)
{
    assert_true(s->len + len <= sizeof s->data);
    memcpy(s->data + s->len, data, len);
    s->len += len;
}

/* Type, length, body. */
static size_t put(struct stream *s, char type, const char *body, size_t len)
{
    size_t at = s->len;
    char head[] = {type, 0, 0, (char)((len + 4) >> 8), (char)(len + 4)};
    add(s, head, sizeof head);
    add(s, body, len);
    return at;
}

#define PUT(s, type, body) put(s, type, body, sizeof(body) - 1)

static void begin(struct stream *s)
{
    s->len = 0;
    add(s, ASK_TLS, sizeof ASK_TLS - 1);
    add(s, START, sizeof START - 1);
}

static void prepare(struct stream *s)
{
    PUT(s, 'P', "s1\0BEGIN\0\0\0");
    PUT(s, 'P', "s2\0COMMIT\0\0\0");
    PUT(s, 'S', "");
}

/* Whole, and in pieces of each size: a piece in which it ends has its place, or 0 where it began
 * before. at == s->len: there is none. */
static void finds(const struct stream *s, size_t at, size_t end)
{
    for (size_t size = 1; size <= s->len; size++) {
        struct pg_commit f = {0};
        bool any = false;
        for (size_t from = 0; from < s->len; from += size) {
            size_t len = s->len - from < size ? s->len - from : size;
            size_t found = pg_commit_find(&f, s->data + from, len);
            bool here = at < s->len && end > from && end <= from + len;
            if (here)
                assert_int_equal(found, at > from ? at - from : 0);
            else
                assert_int_equal(found, len);
            any = any || here;
        }
        assert_int_equal(any, at < s->len);
    }
}

static void use_of_a_prepared_commit_is_found(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    prepare(&s);
    PUT(&s, 'B', "\0s1\0\0\0\0\0\0\0");
    PUT(&s, 'E', "\0\0\0\0\0");
    size_t at = PUT(&s, 'B', "\0s2\0\0\0\0\0\0\0");
    size_t end = s.len;
    PUT(&s, 'D', "P\0");
    PUT(&s, 'E', "\0\0\0\0\0");
    PUT(&s, 'S', "");
    finds(&s, at, end);
}

static void each_of_several_is_found(void **state)
{
    struct stream s;
    (void)state;
    for (int n = 0; n < 3; n++) {
        begin(&s);
        prepare(&s);
        PUT(&s, 'P', "other\0COMMIT\0\0\0");
        PUT(&s, 'P', "\0COMMIT\0\0\0");
        size_t at = n == 0   ? PUT(&s, 'B', "\0other\0\0\0\0")
                    : n == 1 ? PUT(&s, 'B', "\0s2\0\0\0\0")
                             : PUT(&s, 'B', "\0\0\0\0\0\0");
        finds(&s, at, s.len);
    }
}

static void text_is_found(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    size_t at = PUT(&s, 'Q', "COMMIT\0");
    finds(&s, at, s.len);
}

static void long_message_before_it_is_passed_over(void **state)
{
    struct stream s;
    char body[300];
    (void)state;
    begin(&s);
    prepare(&s);
    memset(body, 'B', sizeof body);
    memcpy(body, "\0s3\0", 4);
    put(&s, 'B', body, sizeof body);
    size_t at = PUT(&s, 'B', "\0s2\0\0\0\0\0\0\0");
    finds(&s, at, s.len);
}

static void what_is_no_commit_is_not_found(void **state)
{
    struct stream s;
    (void)state;
    begin(&s);
    prepare(&s);
    PUT(&s, 'B', "\0s1\0\0\0\0\0\0\0");
    PUT(&s, 'B', "\0s22\0\0\0\0\0\0\0");
    PUT(&s, 'B', "\0s\0s2\0\0");
    PUT(&s, 'B', "s2\0");
    PUT(&s, 'B', "");
    PUT(&s, 'P', "s3\0SELECT 'COMMIT'\0\0\0");
    PUT(&s, 'Q', "SELECT 'COMMIT'\0");
    PUT(&s, 'C', "Ss2\0");
    PUT(&s, 'P', "s2\0BEGIN\0\0\0"); /* the name is another statement's from here on */
    PUT(&s, 'B', "\0s2\0\0\0\0\0\0\0");
    finds(&s, s.len, 0);
}

static void nothing_is_found_before_the_start(void **state)
{
    struct stream s = {.len = 0};
    (void)state;
    add(&s, ASK_TLS, sizeof ASK_TLS - 1);
    add(&s,
        "\0\0\0\x0b"
        "COMMIT\0",
        11);
    finds(&s, s.len, 0);
}

static void what_is_not_postgresql_is_passed_over(void **state)
{
    struct stream s = {.len = 0};
    (void)state;
    add(&s, "\0\0\0\3", 4);
    add(&s, START, sizeof START - 1);
    PUT(&s, 'Q', "COMMIT\0");
    finds(&s, s.len, 0);
    s.len = 0;
    add(&s, "\x16\3\1\2\0\1\0\1\xfc\3\3", 11);
    PUT(&s, 'Q', "COMMIT\0");
    finds(&s, s.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(use_of_a_prepared_commit_is_found),
        cmocka_unit_test(each_of_several_is_found),
        cmocka_unit_test(text_is_found),
        cmocka_unit_test(long_message_before_it_is_passed_over),
        cmocka_unit_test(what_is_no_commit_is_not_found),
        cmocka_unit_test(nothing_is_found_before_the_start),
        cmocka_unit_test(what_is_not_postgresql_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
