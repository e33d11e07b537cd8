/* cli/frame_filter: what follows a job reads on behind a frame that is too large. */
#include "base/str.h"
#include "cli/frame_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 100

struct read {
    char text[256]; /* the bodies that came through, joined by "|" */
    size_t dropped;
    int rc;
};

static void take_frames(struct frame_reader *reader, struct read *out)
{
    struct frame frame;
    struct err e = {0};
    int rc;
    while ((rc = frame_reader_next(reader, &frame, &e)) == 1) {
        size_t at = strlen(out->text);
        assert_true(at + frame.len + 2 < sizeof out->text);
        memcpy(out->text + at, frame.body, frame.len);
        memcpy(out->text + at + frame.len, "|", 2);
    }
    if (rc < 0) out->rc = rc;
}

/* The stream, cut into pieces of `step` bytes. */
static void read_in_steps(const struct buf *stream, size_t step, struct read *out)
{
    struct frame_filter filter;
    struct frame_reader reader;
    struct err e = {0};
    memset(out, 0, sizeof *out);
    frame_filter_init(&filter, LIMIT);
    frame_reader_init(&reader, LIMIT);
    for (size_t at = 0; at < stream->len && out->rc == 0;) {
        size_t used = 0, n = stream->len - at < step ? stream->len - at : step;
        out->rc = frame_filter_add(&filter, &reader, stream->data + at, n, &used, &e);
        assert_true(used > 0 && used <= n);
        at += used;
        if (out->rc == 0) take_frames(&reader, out);
    }
    out->dropped = filter.dropped;
    frame_reader_fini(&reader);
}

static void add(struct buf *b, const char *text, size_t times)
{
    struct buf body;
    buf_init(&body, 1 << 20);
    for (size_t i = 0; i < times; i++)
        (void)buf_adds(&body, text);
    assert_int_equal(frame_add(b, FRAME_JSON, body.data, body.len), 0);
    buf_fini(&body);
}

static void frames_within_the_limit_pass_however_they_are_cut(void **state)
{
    (void)state;
    struct buf b;
    struct read r;
    buf_init(&b, 1 << 20);
    add(&b, "one", 1);
    add(&b, "x", LIMIT);
    add(&b, "three", 1);
    for (size_t step = 1; step <= b.len; step++) {
        read_in_steps(&b, step, &r);
        assert_int_equal(r.rc, 0);
        assert_int_equal(r.dropped, 0);
        assert_true(str_starts(r.text, "one|xxx"));
        assert_true(str_ends(r.text, "x|three|"));
        assert_int_equal(strlen(r.text), 3 + LIMIT + 5 + 3);
    }
    buf_fini(&b);
}

static void a_frame_over_the_limit_is_left_out_and_the_next_one_is_read(void **state)
{
    (void)state;
    struct buf b;
    struct read r;
    buf_init(&b, 1 << 20);
    add(&b, "one", 1);
    add(&b, "x", LIMIT + 1);
    add(&b, "y", 5000);
    add(&b, "four", 1);
    for (size_t step = 1; step <= 64; step++) {
        read_in_steps(&b, step, &r);
        assert_int_equal(r.rc, 0);
        assert_int_equal(r.dropped, 2);
        assert_string_equal(r.text, "one|four|");
    }
    buf_fini(&b);
}

static void what_is_no_frame_is_still_an_error(void **state)
{
    (void)state;
    static const char empty[] = {0, 0, 0, 0, 1}, unknown[] = {0, 0, 0, 2, 9, 9};
    struct buf b;
    struct read r;
    buf_init(&b, 64);
    (void)buf_add(&b, empty, sizeof empty);
    read_in_steps(&b, 1, &r);
    assert_int_equal(r.rc, ERR_PROTOCOL);
    buf_clear(&b);
    (void)buf_add(&b, unknown, sizeof unknown);
    read_in_steps(&b, sizeof unknown, &r);
    assert_int_equal(r.rc, ERR_PROTOCOL);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_within_the_limit_pass_however_they_are_cut),
        cmocka_unit_test(a_frame_over_the_limit_is_left_out_and_the_next_one_is_read),
        cmocka_unit_test(what_is_no_frame_is_still_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
