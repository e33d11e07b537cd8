/* cli/log_print: attempts are told apart on standard error, standard output stays the job's bytes
 * unless times or JSON are asked for. */
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/log_print.h"
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct streams {
    struct buf got[3];
    struct out out;
};

static int to_stream(int fd, const void *data, size_t len, void *user, struct err *e)
{
    struct streams *s = user;
    (void)e;
    return buf_add(&s->got[fd], data, len);
}

static int set_up(void **state)
{
    struct streams *s = mem_alloc(sizeof *s);
    buf_init(&s->got[1], 1024 * 1024);
    buf_init(&s->got[2], 1024 * 1024);
    out_init(&s->out);
    s->out.place->one = false; /* whatever the test itself writes to */
    s->out.write = to_stream;
    s->out.user = s;
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct streams *s = *state;
    buf_fini(&s->got[1]);
    buf_fini(&s->got[2]);
    out_fini(&s->out);
    mem_free(s);
    return 0;
}

static void piece(struct log_print *p, int64_t attempt, int stream, const char *text)
{
    const struct log_piece l = {
        .attempt = attempt, .stream = stream, .at = "T", .data = text, .len = strlen(text)};
    assert_int_equal(log_print_piece(p, &l), 0);
}

static void line(struct log_print *p, const char *text)
{
    struct json *j = NULL;
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    assert_int_equal(log_print_line(p, j), 0);
    json_free(j);
}

static void one_attempt_has_no_mark(void **state)
{
    struct streams *s = *state;
    struct log_print p = {.out = &s->out};
    piece(&p, 1, STREAM_STDOUT, "a\n");
    piece(&p, 1, STREAM_STDERR, "b\n");
    piece(&p, 1, STREAM_SYSTEM, "c\n");
    assert_string_equal(s->got[1].data, "a\n");
    assert_string_equal(s->got[2].data, "b\ncadre: c\n");
}

static void marks_go_to_standard_error_where_an_attempt_begins(void **state)
{
    struct streams *s = *state;
    struct json *job = NULL;
    static const char text[] = "{\"attempts\":[{\"attempt\":1,\"agentName\":\"a\\u001b\"}]}";
    assert_int_equal(json_parse(text, strlen(text), &job, NULL), 0);
    struct log_print p = {.out = &s->out, .mark_first = true, .job = job};
    piece(&p, 1, STREAM_STDOUT, "x");
    piece(&p, 1, STREAM_STDOUT, "y\n");
    piece(&p, 2, STREAM_STDOUT, "z\n");
    assert_string_equal(s->got[1].data, "xy\nz\n");
    assert_string_equal(s->got[2].data, "cadre: attempt 1 on a\\x1b\ncadre: attempt 2\n");
    json_free(job);
}

static void an_event_tells_the_agent_of_its_attempt_alone(void **state)
{
    struct streams *s = *state;
    struct json *event = NULL;
    static const char text[] = "{\"attempt\":2,\"agentName\":\"b\"}";
    assert_int_equal(json_parse(text, strlen(text), &event, NULL), 0);
    struct log_print p = {.out = &s->out};
    log_print_event(&p, event);
    piece(&p, 2, STREAM_STDERR, "x\n");
    piece(&p, 3, STREAM_STDOUT, "y\n");
    assert_string_equal(s->got[1].data, "y\n");
    assert_string_equal(s->got[2].data, "cadre: attempt 2 on b\nx\ncadre: attempt 3\n");
    log_print_begin(&p); /* another job */
    piece(&p, 1, STREAM_STDOUT, "z\n");
    assert_null(strstr(s->got[2].data, "attempt 1"));
    log_print_fini(&p);
    json_free(event);
}

static void a_time_stands_before_each_line_however_it_is_cut(void **state)
{
    struct streams *s = *state;
    struct log_print p = {.out = &s->out, .timestamps = true};
    piece(&p, 1, STREAM_STDOUT, "one\ntw");
    piece(&p, 1, STREAM_STDERR, "err");
    piece(&p, 1, STREAM_STDOUT, "o\n\n");
    piece(&p, 1, STREAM_SYSTEM, "r1\nr2");
    piece(&p, 2, STREAM_STDERR, "new\n");
    assert_string_equal(s->got[1].data, "T one\nT two\nT \n");
    assert_string_equal(s->got[2].data,
                        "T err\nT cadre: r1\nT cadre: r2\ncadre: attempt 2\nT new\n");
}

static void lines_of_json_give_their_bytes_back_or_stay_as_they_are(void **state)
{
    struct streams *s = *state;
    struct log_print p = {.out = &s->out};
    line(&p, "{\"attempt\":1,\"stream\":\"stdout\",\"text\":\"a\\u001b\\n\"}");
    line(&p, "{\"attempt\":1,\"stream\":\"stderr\",\"base64\":\"YQBi\"}");
    assert_string_equal(s->got[1].data, "a\x1b\n");
    assert_int_equal(s->got[2].len, 3);
    assert_memory_equal(s->got[2].data, "a\0b", 3);
    buf_clear(&s->got[1]);
    p.json = true;
    line(&p, "{\"attempt\":2,\"stream\":\"stdout\",\"text\":\"a\\u009b\"}");
    assert_string_equal(s->got[1].data,
                        "{\"attempt\":2,\"stream\":\"stdout\",\"text\":\"a\\u009b\"}\n");
    assert_int_equal(s->got[2].len, 3);
}

/* Whatever the job writes, in whatever pieces: its bytes are on its streams, and nothing of Cadre's
 * but whole lines stands beside them. */
static void remarks_stand_on_lines_of_their_own(void **state)
{
    struct streams *s = *state;
    struct rng r;
    rng_init(&r, 22);
    for (int round = 0; round < 300; round++) {
        struct buf out, error, expected;
        struct log_print p = {.out = &s->out};
        static const char *const texts[] = {"a", "b\n", "c\nd", "\n"};
        buf_init(&out, 4096);
        buf_init(&error, 4096);
        buf_init(&expected, 4096);
        buf_clear(&s->got[1]);
        buf_clear(&s->got[2]);
        *s->out.place = (struct out_place){0};
        for (uint64_t i = rng_below(&r, 12); i > 0; i--) {
            const char *text = texts[rng_below(&r, 4)];
            switch (rng_below(&r, 3)) {
            case 0:
                piece(&p, 1, STREAM_STDOUT, text);
                (void)buf_adds(&out, text);
                break;
            case 1:
                piece(&p, 1, STREAM_STDERR, text);
                (void)buf_adds(&error, text);
                (void)buf_adds(&expected, text);
                break;
            default:
                piece(&p, 1, STREAM_SYSTEM, "remark\n");
                if (expected.len > 0 && expected.data[expected.len - 1] != '\n')
                    (void)buf_addc(&expected, '\n');
                (void)buf_adds(&expected, "cadre: remark\n");
            }
        }
        assert_string_equal(s->got[1].data, out.data);
        assert_string_equal(s->got[2].data, expected.data);
        buf_fini(&out);
        buf_fini(&error);
        buf_fini(&expected);
    }
}

/* Both streams are one file: a remark must not be glued to standard output, either. */
static void remarks_on_one_file_stand_behind_whole_lines(void **state)
{
    struct streams *s = *state;
    struct log_print p = {.out = &s->out};
    s->out.place->one = true;
    piece(&p, 1, STREAM_STDOUT, "no end");
    piece(&p, 1, STREAM_SYSTEM, "remark\n");
    piece(&p, 1, STREAM_STDOUT, "end\n");
    out_note(&s->out, "cadre: %s", "another");
    assert_string_equal(s->got[1].data, "no endend\n");
    assert_string_equal(s->got[2].data, "\ncadre: remark\ncadre: another\n");
}

static void a_line_that_is_wrong_is_refused(void **state)
{
    struct streams *s = *state;
    struct log_print p = {.out = &s->out};
    struct json *j = NULL;
    static const char text[] = "{\"attempt\":1,\"base64\":\"no base64!\"}";
    assert_int_equal(json_parse(text, strlen(text), &j, NULL), 0);
    assert_int_equal(log_print_line(&p, j), ERR_PROTOCOL);
    assert_int_equal(s->got[1].len, 0);
    json_free(j);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_attempt_has_no_mark),
        CASE(marks_go_to_standard_error_where_an_attempt_begins),
        CASE(an_event_tells_the_agent_of_its_attempt_alone),
        CASE(a_time_stands_before_each_line_however_it_is_cut),
        CASE(lines_of_json_give_their_bytes_back_or_stay_as_they_are),
        CASE(remarks_stand_on_lines_of_their_own),
        CASE(remarks_on_one_file_stand_behind_whole_lines),
        CASE(a_line_that_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
