/* Frames in any cut, and what a reader refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "wire/frame.h"
#include "wire/limits.h"
#include "wire/msg_list.h"

#include <string.h>

#define MAX 1000

static const struct frame_output sample = {.seq = 1,
                                           .job = 2,
                                           .attempt = 3,
                                           .stream = STREAM_STDERR,
                                           .offset = 4,
                                           .data = (const uint8_t *)"bytes",
                                           .len = 5};

/* ---- reader -------------------------------------------------------------------------------- */

static void frames__come_out_whole_whatever_the_cut(void **state)
{
    (void)state;
    struct rng random;
    struct buf stream;
    rng_init(&random, 1);
    buf_init(&stream, 1u << 24);
    uint8_t body[MAX];
    memset(body, 'x', sizeof body);
    size_t lens[200];
    for (int i = 0; i < 200; i++) {
        lens[i] = (size_t)rng_below(&random, i % 10 == 0 ? MAX + 1 : 10);
        assert_int_equal(frame_add(&stream, i % 2 ? FRAME_JSON : FRAME_OUTPUT, body, lens[i]), 0);
    }
    for (size_t step = 1; step < 3000; step += step < 40 ? 1 : 371) {
        struct frame_reader r;
        struct frame f;
        int seen = 0, rc = 0;
        frame_reader_init(&r, MAX);
        for (size_t at = 0; at < stream.len; at += step) {
            size_t n = stream.len - at < step ? stream.len - at : step;
            void *piece = mem_dup(stream.data + at, n);
            assert_int_equal(frame_reader_add(&r, piece, n, NULL), 0);
            mem_free(piece);
            while ((rc = frame_reader_next(&r, &f, NULL)) == 1) {
                assert_int_equal(f.type, seen % 2 ? FRAME_JSON : FRAME_OUTPUT);
                assert_int_equal(f.len, lens[seen]);
                assert_memory_equal(f.body, body, f.len);
                seen++;
            }
            assert_int_equal(rc, 0);
        }
        assert_int_equal(seen, 200);
        frame_reader_fini(&r);
    }
    buf_fini(&stream);
}

static void frame_without_body__is_given_out(void **state)
{
    (void)state;
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, MAX);
    assert_int_equal(frame_reader_add(&r, "\0\0\0\1\1", 5, NULL), 0);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 1);
    assert_int_equal(f.len, 0);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 0);
    frame_reader_fini(&r);
}

/* Gives the bytes one by one until the reader objects; tells after how many it did (0: never). */
static size_t refused_after(const void *bytes, size_t len, size_t max, int rc, struct err *e)
{
    struct frame_reader r;
    struct frame f;
    size_t at;
    frame_reader_init(&r, max);
    for (at = 0; at < len; at++) {
        int got = frame_reader_add(&r, (const char *)bytes + at, 1, e);
        if (got == 0) got = frame_reader_next(&r, &f, e);
        if (got < 0) {
            assert_int_equal(got, rc);
            break;
        }
    }
    frame_reader_fini(&r);
    return at < len ? at + 1 : 0;
}

static void length_0__is_refused_with_its_last_byte(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(refused_after("\0\0\0\0\1", 5, MAX, ERR_PROTOCOL, &e), 4);
    assert_non_null(strstr(e.msg, "length 0"));
}

static void length_over_the_limit__is_refused_with_its_last_byte(void **state)
{
    (void)state;
    struct err e;
    /* 1001 bytes of body and the type */
    assert_int_equal(refused_after("\0\0\x03\xea\1", 5, MAX, ERR_TOO_LARGE, &e), 4);
    assert_non_null(strstr(e.msg, "1001"));
    assert_non_null(strstr(e.msg, "1000"));
    assert_int_equal(refused_after("\0\0\x03\xe9\1", 5, MAX, ERR_TOO_LARGE, &e), 0);
    assert_int_equal(refused_after("\xff\xff\xff\xff\1", 5, LIMIT_FRAME_KNOWN, ERR_TOO_LARGE, &e),
                     4);
    assert_int_equal(refused_after("\x80\0\0\0\1", 5, LIMIT_FRAME_KNOWN, ERR_TOO_LARGE, &e), 4);
    assert_int_equal(refused_after("GET / HTTP/1.1", 14, LIMIT_FRAME_KNOWN, ERR_TOO_LARGE, &e), 4);
}

static void unknown_type__is_refused_before_its_body(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(refused_after("\0\0\0\5\0body", 9, MAX, ERR_PROTOCOL, &e), 5);
    assert_int_equal(refused_after("\0\0\0\5\3body", 9, MAX, ERR_PROTOCOL, &e), 5);
    assert_int_equal(refused_after("\0\0\0\5\377body", 9, MAX, ERR_PROTOCOL, &e), 5);
    assert_non_null(strstr(e.msg, "255"));
}

static void frame_over_the_limit__takes_no_memory(void **state)
{
    (void)state;
    struct frame_reader r;
    char *much = mem_alloc(LIMIT_FRAME_KNOWN);
    frame_reader_init(&r, LIMIT_FRAME_UNKNOWN);
    memcpy(much, "\0\x0f\xff\xff", 4);
    assert_int_equal(frame_reader_add(&r, much, LIMIT_FRAME_KNOWN, NULL), ERR_TOO_LARGE);
    assert_int_equal(r.b.cap, 0);
    assert_int_equal(frame_reader_add(&r, much, 3, NULL), 0);
    size_t cap = r.b.cap;
    assert_int_equal(frame_reader_add(&r, much + 3, LIMIT_FRAME_KNOWN - 3, NULL), ERR_TOO_LARGE);
    assert_int_equal(r.b.cap, cap);
    frame_reader_fini(&r);
    mem_free(much);
}

static void memory__follows_what_arrived_not_what_was_announced(void **state)
{
    (void)state;
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, "\0\x10\0\0\1", 5, NULL), 0);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 0);
    assert_true(r.b.cap < 1000);
    frame_reader_fini(&r);
}

static void large_buffer__is_given_back_when_it_is_empty(void **state)
{
    (void)state;
    struct frame_reader r;
    struct frame f;
    struct buf b;
    char *much = mem_alloc(LIMIT_FRAME_KNOWN);
    buf_init(&b, 2 * LIMIT_FRAME_KNOWN);
    frame_add(&b, FRAME_JSON, much, LIMIT_FRAME_KNOWN);
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, b.data, b.len, NULL), 0);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 1);
    assert_true(r.b.cap >= LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, "\0", 1, NULL), 0);
    assert_true(r.b.cap < 1000);
    frame_reader_fini(&r);
    buf_fini(&b);
    mem_free(much);
}

static void reader_that_nobody_empties__has_an_end(void **state)
{
    (void)state;
    struct frame_reader r;
    struct buf b;
    char *much = mem_alloc(LIMIT_FRAME_KNOWN);
    int rc = 0, added = 0;
    buf_init(&b, 2 * LIMIT_FRAME_KNOWN);
    frame_add(&b, FRAME_JSON, much, LIMIT_FRAME_KNOWN);
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    while (rc == 0 && added++ < 100)
        rc = frame_reader_add(&r, b.data, b.len, NULL);
    assert_int_equal(rc, ERR_TOO_LARGE);
    assert_true(r.b.len <= FRAME_READER_MAX);
    frame_reader_fini(&r);
    buf_fini(&b);
    mem_free(much);
}

static void limit__can_be_raised_between_frames(void **state)
{
    (void)state;
    struct frame_reader r;
    struct frame f;
    struct buf b;
    uint8_t body[20] = {0};
    buf_init(&b, 1000);
    frame_add(&b, FRAME_JSON, body, 10);
    frame_add(&b, FRAME_JSON, body, 20);
    frame_reader_init(&r, 10);
    assert_int_equal(frame_reader_add(&r, b.data, b.len, NULL), 0);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 1);
    assert_int_equal(frame_reader_next(&r, &f, NULL), ERR_TOO_LARGE);
    frame_reader_set_max(&r, 20);
    assert_int_equal(frame_reader_next(&r, &f, NULL), 1);
    frame_reader_fini(&r);
    buf_fini(&b);
}

static void random_bytes__never_upset_the_reader(void **state)
{
    (void)state;
    struct rng random;
    rng_init(&random, 2);
    for (int i = 0; i < 20000; i++) {
        struct frame_reader r;
        struct frame f;
        int rc = 0;
        frame_reader_init(&r, 100);
        for (int k = 0; k < 10 && rc >= 0; k++) {
            uint8_t bytes[16];
            size_t n = (size_t)rng_below(&random, sizeof bytes);
            /* small lengths often, else nothing gets past the first check */
            for (size_t j = 0; j < n; j++)
                bytes[j] = (uint8_t)rng_below(&random, rng_below(&random, 3) ? 3 : 256);
            rc = frame_reader_add(&r, bytes, n, NULL);
            while (rc == 0 && (rc = frame_reader_next(&r, &f, NULL)) == 1) {
                struct frame_output o;
                assert_true(f.len <= 100);
                frame_output_decode(f.body, f.len, &o, NULL);
                rc = 0;
            }
        }
        assert_true(rc == 0 || rc == ERR_TOO_LARGE || rc == ERR_PROTOCOL);
        frame_reader_fini(&r);
    }
}

/* ---- writing ------------------------------------------------------------------------------- */

static void frame__has_the_documented_bytes(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    assert_int_equal(frame_add(&b, FRAME_JSON, "{}", 2), 0);
    assert_int_equal(b.len, 7);
    assert_memory_equal(b.data, "\0\0\0\3\1{}", 7);
    buf_fini(&b);
}

static void frame_written_in_place__equals_frame_added(void **state)
{
    (void)state;
    struct buf a, b;
    size_t mark;
    buf_init(&a, 100);
    buf_init(&b, 100);
    frame_add(&a, FRAME_JSON, "first", 5);
    frame_add(&a, FRAME_OUTPUT, "second", 6);
    assert_int_equal(frame_start(&b, FRAME_JSON, &mark), 0);
    buf_adds(&b, "first");
    frame_end(&b, mark);
    assert_int_equal(frame_start(&b, FRAME_OUTPUT, &mark), 0);
    buf_adds(&b, "second");
    frame_end(&b, mark);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    buf_fini(&a);
    buf_fini(&b);
}

static void full_buffer__takes_all_or_nothing(void **state)
{
    (void)state;
    for (size_t max = 0; max < 60; max++) {
        struct buf b;
        size_t mark = 77;
        buf_init(&b, max);
        int rc = frame_add(&b, FRAME_JSON, "12345", 5);
        assert_int_equal(rc, max >= 10 ? 0 : ERR_TOO_LARGE);
        assert_int_equal(b.len, max >= 10 ? 10 : 0);
        buf_clear(&b);
        rc = frame_output_add(&b, &sample);
        assert_int_equal(rc, max >= 43 ? 0 : ERR_TOO_LARGE);
        assert_int_equal(b.len, max >= 43 ? 43 : 0);
        buf_clear(&b);
        rc = frame_start(&b, FRAME_JSON, &mark);
        assert_int_equal(mark, rc == 0 ? 0 : 77);
        buf_fini(&b);
    }
}

/* ---- output -------------------------------------------------------------------------------- */

static void output__has_the_documented_bytes(void **state)
{
    (void)state;
    struct frame_output o = sample;
    struct buf b;
    o.seq = 0x0012030405060708;
    o.job = 0x1112131415161718;
    o.attempt = 0x000f1234;
    o.offset = 0x0012232425262728;
    buf_init(&b, 100);
    assert_int_equal(frame_output_add(&b, &o), 0);
    assert_int_equal(b.len, 43);
    assert_memory_equal(b.data,
                        "\0\0\0\x27\2"
                        "\x00\x12\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"
                        "\x00\x0f\x12\x34\x02\x00\x12\x23\x24\x25\x26\x27\x28\0\0\0\0bytes",
                        43);
    buf_fini(&b);
}

static void output__reads_back(void **state)
{
    (void)state;
    struct frame_output o = sample, got;
    struct buf b;
    uint8_t *chunk = mem_alloc(LIMIT_OUTPUT_CHUNK);
    o.seq = INT53;
    o.job = INT64_MAX;
    o.attempt = 1000000;
    o.stream = STREAM_SYSTEM;
    o.data = chunk;
    o.len = LIMIT_OUTPUT_CHUNK;
    o.offset = INT53 - LIMIT_OUTPUT_CHUNK;
    buf_init(&b, 1u << 20);
    assert_int_equal(frame_output_add(&b, &o), 0);
    const uint8_t *body = (const uint8_t *)b.data + FRAME_HEAD;
    assert_int_equal(frame_output_decode(body, b.len - FRAME_HEAD, &got, NULL), 0);
    assert_true(got.seq == o.seq && got.job == o.job && got.attempt == o.attempt);
    assert_true(got.stream == o.stream && got.offset == o.offset && got.len == o.len);
    assert_ptr_equal(got.data, body + FRAME_OUTPUT_HEAD);
    buf_fini(&b);
    mem_free(chunk);
}

static void output_that_would_be_refused__is_not_written(void **state)
{
    (void)state;
    struct buf b;
    struct frame_output bad[] = {sample, sample, sample, sample, sample, sample, sample,
                                 sample, sample, sample, sample, sample, sample};
    bad[0].seq = -1;
    bad[1].job = 0;
    bad[2].job = -1;
    bad[3].attempt = 0;
    bad[4].attempt = 1000001;
    bad[5].stream = 0;
    bad[6].stream = 4;
    bad[7].len = 0;
    bad[8].len = LIMIT_OUTPUT_CHUNK + 1;
    bad[9].offset = INT64_MAX;
    bad[10].seq = INT53 + 1;
    bad[11].offset = INT53 - (int64_t)sample.len + 1;
    bad[12].offset = -1;
    buf_init(&b, 1u << 20);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(frame_output_add(&b, &bad[i]), ERR_INVALID);
        assert_int_equal(b.len, 0);
    }
    buf_fini(&b);
}

static void short_output__is_refused(void **state)
{
    (void)state;
    struct buf b;
    struct frame_output got = {.seq = 77};
    struct err e;
    buf_init(&b, 100);
    frame_output_add(&b, &sample);
    /* the head and no byte behind it is one of them */
    for (size_t len = 0; len <= FRAME_OUTPUT_HEAD; len++) {
        uint8_t *body = mem_dup(b.data + FRAME_HEAD, len);
        assert_int_equal(frame_output_decode(body, len, &got, &e), ERR_PROTOCOL);
        mem_free(body);
    }
    assert_int_equal(got.seq, 77);
    buf_fini(&b);
}

static void output_with_bad_values__is_refused(void **state)
{
    (void)state;
    /* place in the body, what is put there */
    static const struct {
        int at;
        uint8_t byte;
    } cases[] = {
        {0, 0x80},                          /* seq negative */
        {8, 0x80},                          /* job negative */
        {15, 0},                            /* job 0 */
        {16, 0x80},                         /* attempt negative */
        {16, 0x01},                         /* attempt large */
        {19, 0},                            /* attempt 0 */
        {20, 0},                            /* streams */
        {20, 4},    {20, 0xff}, {21, 0x80}, /* offset negative */
        {29, 1},                            /* reserved */
        {32, 1},
    };
    struct buf b;
    struct frame_output got;
    struct err e;
    buf_init(&b, 100);
    frame_output_add(&b, &sample);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t body[38];
        memcpy(body, b.data + FRAME_HEAD, sizeof body);
        assert_int_equal(frame_output_decode(body, sizeof body, &got, &e), 0);
        body[cases[i].at] = cases[i].byte;
        e.msg[0] = '\0';
        if (frame_output_decode(body, sizeof body, &got, &e) != ERR_PROTOCOL)
            fail_msg("case %zu was taken", i);
        assert_true(e.msg[0] != '\0');
    }
    buf_fini(&b);
}

/* The field's number in the body, whatever was there. */
static void put(uint8_t *body, unsigned at, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++)
        body[at + i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static int decoded_with(unsigned at, unsigned bytes, uint64_t v)
{
    uint8_t body[FRAME_OUTPUT_HEAD + 1];
    struct frame_output got;
    struct buf b;
    struct frame_output one = sample;
    one.offset = 0;
    one.len = 1;
    buf_init(&b, 100);
    frame_output_add(&b, &one);
    memcpy(body, b.data + FRAME_HEAD, sizeof body);
    buf_fini(&b);
    put(body, at, bytes, v);
    return frame_output_decode(body, sizeof body, &got, NULL);
}

static void numbers_of_an_output_head__are_taken_within_their_limits_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned at, bytes;
        uint64_t min, max;
    } fields[] = {
#define FIELD(field, at, bytes, min, max) {#field, at, bytes, min, max},
        OUTPUT_HEAD_LIST(FIELD)
#undef FIELD
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        unsigned at = fields[i].at, bytes = fields[i].bytes;
        /* the offset's limit is that of the last byte, and one byte follows */
        uint64_t max = fields[i].max - (strcmp(fields[i].name, "offset") == 0);
        uint64_t largest = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
        if (decoded_with(at, bytes, fields[i].min) != 0) fail_msg("%s: least", fields[i].name);
        if (decoded_with(at, bytes, max) != 0) fail_msg("%s: most", fields[i].name);
        if (decoded_with(at, bytes, max + 1) != ERR_PROTOCOL)
            fail_msg("%s: beyond the limit", fields[i].name);
        if (decoded_with(at, bytes, largest) != ERR_PROTOCOL)
            fail_msg("%s: largest", fields[i].name);
        if (fields[i].min > 0 && decoded_with(at, bytes, fields[i].min - 1) != ERR_PROTOCOL)
            fail_msg("%s: below the limit", fields[i].name);
    }
}

static void output_over_the_chunk_limit__is_refused(void **state)
{
    (void)state;
    size_t len = FRAME_OUTPUT_HEAD + LIMIT_OUTPUT_CHUNK + 1;
    uint8_t *body = mem_alloc(len);
    struct frame_output got;
    body[15] = body[19] = body[20] = 1;
    assert_int_equal(frame_output_decode(body, len - 1, &got, NULL), 0);
    assert_int_equal(frame_output_decode(body, len, &got, NULL), ERR_PROTOCOL);
    mem_free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames__come_out_whole_whatever_the_cut),
        cmocka_unit_test(frame_without_body__is_given_out),
        cmocka_unit_test(length_0__is_refused_with_its_last_byte),
        cmocka_unit_test(length_over_the_limit__is_refused_with_its_last_byte),
        cmocka_unit_test(unknown_type__is_refused_before_its_body),
        cmocka_unit_test(frame_over_the_limit__takes_no_memory),
        cmocka_unit_test(memory__follows_what_arrived_not_what_was_announced),
        cmocka_unit_test(large_buffer__is_given_back_when_it_is_empty),
        cmocka_unit_test(reader_that_nobody_empties__has_an_end),
        cmocka_unit_test(limit__can_be_raised_between_frames),
        cmocka_unit_test(random_bytes__never_upset_the_reader),
        cmocka_unit_test(frame__has_the_documented_bytes),
        cmocka_unit_test(frame_written_in_place__equals_frame_added),
        cmocka_unit_test(full_buffer__takes_all_or_nothing),
        cmocka_unit_test(output__has_the_documented_bytes),
        cmocka_unit_test(output__reads_back),
        cmocka_unit_test(output_that_would_be_refused__is_not_written),
        cmocka_unit_test(short_output__is_refused),
        cmocka_unit_test(output_with_bad_values__is_refused),
        cmocka_unit_test(numbers_of_an_output_head__are_taken_within_their_limits_alone),
        cmocka_unit_test(output_over_the_chunk_limit__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
