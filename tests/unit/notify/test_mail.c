/* Messages: headers that nobody can forge, bodies that come out as they went in. */
#include "notify/mail.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SAMPLE_MS INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z, a Friday */

static void write_mail(const char *subject, const char *body, struct buf *out)
{
    struct buf line;
    struct jw w;
    char id[ORDER_ID_SIZE];
    struct order o;
    struct err e = {0};
    buf_init(&line, ORDER_LINE_MAX);
    jw_init(&w, &line);
    jw_object(&w, NULL);
    jw_str(&w, "id", "o1");
    jw_str(&w, "kind", "mail");
    jw_str(&w, "server", "mx");
    jw_str(&w, "from", "cadre@example.com");
    jw_array(&w, "to");
    jw_str(&w, NULL, "a@example.com");
    jw_str(&w, NULL, "b@example.com");
    jw_end(&w);
    jw_str(&w, "subject", subject);
    jw_str(&w, "body", body);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_int_equal(order_parse(line.data, line.len, id, &o, &e), 0);
    buf_init(out, SIZE_MAX);
    assert_int_equal(mail_write(&o, SAMPLE_MS, out), 0);
    order_fini(&o);
    buf_fini(&line);
}

/* Every line ends with CRLF, is short, and no line break stands alone. */
static void lines_are_right(const struct buf *m)
{
    size_t at = 0;
    while (at < m->len) {
        const char *stop = memchr(m->data + at, '\n', m->len - at);
        assert_non_null(stop);
        size_t len = (size_t)(stop - (m->data + at));
        assert_true(len >= 1 && len <= 998 && stop[-1] == '\r');
        assert_null(memchr(m->data + at, '\r', len - 1));
        at += len + 1;
    }
}

static size_t headers_of(const struct buf *m)
{
    const char *blank = strstr(m->data, "\r\n\r\n");
    assert_non_null(blank);
    return (size_t)(blank - m->data) + 4;
}

static void the_headers_are_those_of_rfc_5322(void **state)
{
    (void)state;
    struct buf m;
    write_mail("flow a failed", "x", &m);
    lines_are_right(&m);
    assert_non_null(strstr(m.data, "From: Cadre <cadre@example.com>\r\n"));
    assert_non_null(strstr(m.data, "To: <a@example.com>,\r\n <b@example.com>\r\n"));
    assert_non_null(strstr(m.data, "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n"));
    assert_non_null(strstr(m.data, "Message-ID: <cadre.6f31@example.com>\r\n"));
    assert_non_null(strstr(m.data, "\r\nSubject: flow a failed\r\n"));
    buf_fini(&m);
}

static void a_subject_begins_no_header(void **state)
{
    (void)state;
    static const char *const subjects[] = {"a\r\nBcc: x@y", "a\nBcc: x@y",
                                           "=?utf-8?q?a?=", "\xc3\xa4\xc3\xb6 Z\xc3\xbcrich",
                                           "\x7f"};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        struct buf m;
        write_mail(subjects[i], "x", &m);
        lines_are_right(&m);
        assert_null(strstr(m.data, "Bcc"));
        assert_non_null(strstr(m.data, "\r\nSubject: =?utf-8?B?"));
        buf_fini(&m);
    }
}

/* The words of a subject, decoded, each a whole text. */
static void long_subjects_are_cut_between_characters(void **state)
{
    (void)state;
    struct buf m, all;
    char subject[401];
    for (size_t i = 0; i < 400; i += 2)
        memcpy(subject + i, "\xc3\xa4", 3);
    write_mail(subject, "x", &m);
    lines_are_right(&m);
    buf_init(&all, 1000);
    const char *s = strstr(m.data, "Subject: ");
    while ((s = strstr(s, "=?utf-8?B?")) != NULL) {
        char word[80], text[80];
        size_t n = strcspn(s + 10, "?"), len;
        assert_true(n + 12 <= 75);
        memcpy(word, s + 10, n);
        word[n] = '\0';
        assert_int_equal(str_unbase64(text, sizeof text, word, &len), 0);
        assert_true(str_utf8_valid(text, len));
        buf_add(&all, text, len);
        s += n;
    }
    assert_string_equal(all.data, subject);
    buf_fini(&all);
    buf_fini(&m);
}

static void bodies_come_out_as_they_went_in(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "x", ".\r\n.\r\n", "two\nlines\n\n",
        "0123456789012345678901234567890123456789012345678901234567"
        "89 and more than a line \xe2\x82\xac"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct buf m, all;
        write_mail("s", bodies[i], &m);
        lines_are_right(&m);
        buf_init(&all, 10000);
        const char *s = m.data + headers_of(&m);
        while (*s) {
            char line[80], text[80];
            size_t n = strcspn(s, "\r"), len;
            assert_true(n <= 76);
            memcpy(line, s, n);
            line[n] = '\0';
            assert_int_equal(str_unbase64(text, sizeof text, line, &len), 0);
            buf_add(&all, text, len);
            s += n + 2;
        }
        assert_string_equal(all.data, bodies[i]);
        buf_fini(&all);
        buf_fini(&m);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct buf m;
    char id[ORDER_ID_SIZE];
    struct order o;
    struct err e = {0};
    const char *line = "{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a@b\",\"to\":"
                       "[\"c@d\"],\"body\":\"some text\"}";
    assert_int_equal(order_parse(line, strlen(line), id, &o, &e), 0);
    buf_init(&m, 200);
    assert_int_equal(mail_write(&o, SAMPLE_MS, &m), ERR_TOO_LARGE);
    buf_fini(&m);
    order_fini(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_headers_are_those_of_rfc_5322),
        cmocka_unit_test(a_subject_begins_no_header),
        cmocka_unit_test(long_subjects_are_cut_between_characters),
        cmocka_unit_test(bodies_come_out_as_they_went_in),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
