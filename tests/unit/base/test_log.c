/* The log line and its sink. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/str.h"

#include <string.h>

struct heard {
    int lines;
    enum log_level level;
    char line[100000];
};

static void hear(enum log_level level, const char *line, void *user)
{
    struct heard *h = user;
    h->lines++;
    h->level = level;
    assert_int_equal(str_copy(h->line, sizeof h->line, line), 0);
}

static struct heard *listen_at(enum log_level level)
{
    static struct heard h;
    h.lines = 0;
    h.line[0] = '\0';
    log_set_sink(hear, &h);
    log_set_level(level);
    return &h;
}

static void levels__have_names_that_read_back(void **state)
{
    (void)state;
    enum log_level level = LOG_INFO;
    struct err e = {0};
    for (enum log_level l = LOG_ERROR; l <= LOG_DEBUG; l++) {
        assert_int_equal(log_level_parse(log_level_name(l), &level, &e), 0);
        assert_int_equal(level, l);
    }
    level = LOG_WARN;
    static const char *const bad[] = {"", "Error", "warning", "info ", "4", "trace"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(log_level_parse(bad[i], &level, &e), ERR_INVALID);
        assert_int_equal(log_level_check(bad[i], NULL), ERR_INVALID);
        assert_int_equal(level, LOG_WARN);
    }
    assert_string_equal(err_text(&e), "'trace' is not one of error, warn, info, debug");
}

static void without_a_sink__nothing_happens(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    log_set_level(LOG_DEBUG);
    assert_false(log_enabled(LOG_ERROR));
    log_error("nobody hears this");
}

static void lines_below_the_level__are_not_written(void **state)
{
    (void)state;
    struct heard *h = listen_at(LOG_WARN);
    log_info("no");
    log_debug("no");
    assert_int_equal(h->lines, 0);
    log_warn("yes %d", 1);
    assert_int_equal(h->lines, 1);
    assert_int_equal(h->level, LOG_WARN);
    assert_string_equal(h->line, "yes 1");
    log_error("also");
    assert_int_equal(h->lines, 2);
}

static void control_characters__are_escaped(void **state)
{
    (void)state;
    struct heard *h = listen_at(LOG_INFO);
    log_info("job x: name=%s", "a\nERROR: forged\r\t\x1b[31m\x7f");
    assert_string_equal(h->line, "job x: name=a\\x0aERROR: forged\\x0d\\x09\\x1b[31m\\x7f");
    assert_int_equal(h->lines, 1);
}

static void other_characters__are_kept_and_broken_ones_escaped(void **state)
{
    (void)state;
    struct heard *h = listen_at(LOG_INFO);
    log_info("%s", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    assert_string_equal(h->line, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    log_info("%s", "a\xff\xc3");
    assert_string_equal(h->line, "a\\xff\\xc3");
    log_info("%s", "\xc2\x9b"
                   "2J"); /* a terminal obeys U+009B as it does ESC [ */
    assert_string_equal(h->line, "\\xc2\\x9b2J");
}

static void long_lines__are_whole_up_to_a_limit(void **state)
{
    (void)state;
    static char text[60000];
    struct heard *h = listen_at(LOG_INFO);
    memset(text, 'x', 5000);
    text[5000] = '\0';
    log_info("%s", text);
    assert_string_equal(h->line, text);
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    text[sizeof text - 1] = '\0';
    log_info("%s", text);
    size_t len = strlen(h->line);
    assert_in_range(len, 16000, 17000);
    assert_true(str_utf8_valid(h->line, len));
    assert_null(strchr(h->line, '\\'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels__have_names_that_read_back),
        cmocka_unit_test(without_a_sink__nothing_happens),
        cmocka_unit_test(lines_below_the_level__are_not_written),
        cmocka_unit_test(control_characters__are_escaped),
        cmocka_unit_test(other_characters__are_kept_and_broken_ones_escaped),
        cmocka_unit_test(long_lines__are_whole_up_to_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
