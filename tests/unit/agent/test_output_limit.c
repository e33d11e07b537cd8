/* agent/output beyond the limit: which bytes are kept, what is said of the others, what memory that
 * takes. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/agent/output_sink.h"
#include "wire/frame.h"
#include "wire/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)

/* Text in which each place can be told from the others: the byte at an offset of a stream. */
static char byte_at(int stream, int64_t offset)
{
    uint64_t n = (uint64_t)(offset / 7) * 2654435761u + (uint64_t)stream * 40503u;
    return (char)('a' + (n >> 16) % 26);
}

/* The stream goes on for `len` bytes. */
static void write_on(struct output *o, int stream, int64_t len)
{
    char block[4096];
    int64_t at = o->side[stream - 1].written;
    while (len > 0) {
        size_t n = len < (int64_t)sizeof block ? (size_t)len : sizeof block;
        for (size_t i = 0; i < n; i++)
            block[i] = byte_at(stream, at + (int64_t)i);
        output_add(o, stream, block, n);
        at += (int64_t)n;
        len -= (int64_t)n;
    }
}

/* What came of the stream is what was written there, at the offsets that were given. */
static void expect_true_bytes(const struct sink *s, int stream)
{
    for (size_t i = 0; i < s->text[stream].len; i++) {
        int64_t skipped = (int64_t)i >= s->gap_begin[stream] ? s->left_out[stream] : 0;
        assert_int_equal(s->text[stream].data[i], byte_at(stream, (int64_t)i + skipped));
    }
}

static int64_t kept(const struct sink *s)
{
    return (int64_t)(s->text[1].len + s->text[2].len);
}

/* Bytes that came behind the gap. */
static int64_t end_of(const struct sink *s, int stream)
{
    return s->left_out[stream] > 0 ? (int64_t)s->text[stream].len - s->gap_begin[stream] : 0;
}

static int notes(const struct sink *s)
{
    int n = 0;
    for (size_t i = 0; i < s->text[3].len; i++)
        n += s->text[3].data[i] == '\n';
    return n;
}

static void much_of_one_stream__keeps_its_beginning_and_its_end(void **state)
{
    (void)state;
    for (int stream = 1; stream <= 2; stream++) {
        WITH_OUTPUT(8 * MIB);
        write_on(&o, stream, 20 * MIB);
        sink_finish(&o);
        assert_true(o.truncated);
        assert_int_equal(kept(&s), 8 * MIB);
        expect_true_bytes(&s, stream);
        assert_int_equal(s.left_out[stream], 12 * MIB);
        assert_true(end_of(&s, stream) >= 8 * MIB / 16);
        assert_true(s.gap_begin[stream] >= 8 * MIB / 2);
        assert_string_equal(s.text[3].data,
                            stream == 1 ? "… 12,582,912 bytes left out here (of stdout; the "
                                          "output limit is 8MiB) …\n"
                                        : "… 12,582,912 bytes left out here (of stderr; the "
                                          "output limit is 8MiB) …\n");
        assert_int_equal(o.side[stream - 1].written, 20 * MIB);
        DONE();
    }
}

/* head -c 70000000 /dev/zero; echo why it failed >&2; exit 5 */
static void much_of_stdout__leaves_room_for_the_reason_on_stderr(void **state)
{
    (void)state;
    static const char reason[] = "why it failed\n";
    WITH_OUTPUT(64 * MIB);
    write_on(&o, 1, 70000000);
    output_add(&o, 2, reason, sizeof reason - 1);
    write_on(&o, 1, 70000000);
    sink_finish(&o);
    assert_string_equal(s.text[2].data, reason);
    expect_true_bytes(&s, 1);
    assert_true(end_of(&s, 1) >= 4 * MIB);
    assert_true(kept(&s) <= 64 * MIB);
    assert_int_equal(notes(&s), 1);
    DONE();
}

static void an_eighth_of_the_limit__is_for_stderr_behind_the_loudest_stdout(void **state)
{
    (void)state;
    WITH_OUTPUT(8 * MIB);
    write_on(&o, 1, 100 * MIB);
    write_on(&o, 2, MIB);
    write_on(&o, 1, 100 * MIB);
    sink_finish(&o);
    assert_int_equal(s.text[2].len, MIB);
    assert_int_equal(s.left_out[2], 0);
    assert_int_equal(kept(&s), 8 * MIB);
    assert_true(end_of(&s, 1) >= 8 * MIB / 16);
    expect_true_bytes(&s, 1);
    expect_true_bytes(&s, 2);
    DONE();
}

static void both_streams_over_their_parts__keep_both_ends(void **state)
{
    (void)state;
    WITH_OUTPUT(8 * MIB);
    for (int i = 0; i < 100; i++) {
        write_on(&o, 2, 300 * KIB);
        write_on(&o, 1, 301 * KIB);
    }
    sink_finish(&o);
    assert_true(kept(&s) <= 8 * MIB);
    for (int stream = 1; stream <= 2; stream++) {
        expect_true_bytes(&s, stream);
        assert_true(end_of(&s, stream) >= 8 * MIB / 16 / 2);
        assert_int_equal(s.left_out[stream] + (int64_t)s.text[stream].len,
                         100 * (302 - stream) * KIB);
    }
    char wanted[128];
    char one[64], two[64];
    assert_int_equal(notes(&s), 1);
    assert_non_null(strstr(s.text[3].data, " bytes left out here ("));
    assert_int_equal(str_format(one, sizeof one, "%lld", (long long)s.left_out[1]), 0);
    assert_int_equal(str_format(two, sizeof two, "%lld", (long long)s.left_out[2]), 0);
    assert_int_equal(strlen(one), 8);
    assert_int_equal(strlen(two), 8);
    assert_int_equal(str_format(wanted, sizeof wanted,
                                "(%.2s,%.3s,%s of stdout and %.2s,%.3s,%s of stderr; ", one,
                                one + 2, one + 5, two, two + 2, two + 5),
                     0);
    assert_non_null(strstr(s.text[3].data, wanted));
    DONE();
}

static void output_up_to_the_limit__is_whole(void **state)
{
    (void)state;
    static const int64_t limits[] = {1, 2, 5, 8, 100, 300 * KIB, MIB, 8 * MIB};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        for (int eighths = 0; eighths <= 8; eighths++) {
            int64_t limit = limits[i], out = limit * eighths / 8;
            WITH_OUTPUT(limit);
            write_on(&o, 1, out / 2);
            write_on(&o, 2, limit - out);
            write_on(&o, 1, out - out / 2);
            sink_finish(&o);
            assert_false(o.truncated);
            assert_int_equal(kept(&s), limit);
            assert_int_equal(s.left_out[1] + s.left_out[2], 0);
            assert_int_equal(s.text[3].len, 0);
            expect_true_bytes(&s, 1);
            expect_true_bytes(&s, 2);
            DONE();
        }
    }
}

static void one_byte_more__costs_one_byte(void **state)
{
    (void)state;
    static const int64_t limits[] = {1, 2, 5, 8, 100, 300 * KIB, MIB};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        WITH_OUTPUT(limits[i]);
        write_on(&o, 1, limits[i] + 1);
        sink_finish(&o);
        assert_true(o.truncated);
        assert_int_equal(kept(&s), limits[i]);
        expect_true_bytes(&s, 1);
        assert_int_equal(strncmp(s.text[3].data, "… 1 bytes left out here (of stdout; ",
                                 strlen("… 1 bytes")),
                         0);
        assert_int_equal(o.side[0].written, limits[i] + 1);
        DONE();
    }
}

static void no_limit__leaves_nothing_out(void **state)
{
    (void)state;
    WITH_OUTPUT(0);
    write_on(&o, 1, 9 * MIB);
    sink_finish(&o);
    assert_int_equal(kept(&s), 9 * MIB);
    assert_false(o.truncated);
    DONE();
}

static int64_t next(uint32_t *seed, int64_t below)
{
    *seed = *seed * 1103515245u + 12345u;
    return (int64_t)(*seed >> 8) % below;
}

/* Every limit, every order of writes: what is kept, what is left out and what is said agree. */
static void any_mix_of_writes__keeps_to_the_limit_and_says_the_rest(void **state)
{
    (void)state;
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        int64_t limit = 1 + next(&seed, round % 3 == 0 ? 20 : 3000);
        WITH_OUTPUT(limit);
        for (int64_t i = next(&seed, 30); i >= 0; i--) {
            int stream = 1 + (int)next(&seed, 2);
            write_on(&o, stream, next(&seed, 400));
            if (next(&seed, 3) == 0) output_flush(&o);
        }
        int64_t written = o.side[0].written + o.side[1].written;
        output_end(&o);
        while (output_pass_end(&o, (size_t)(1 + next(&seed, 100))))
            ;
        assert_int_equal(kept(&s), written < limit ? written : limit);
        assert_int_equal(kept(&s) + s.left_out[1] + s.left_out[2] <= written, 1);
        assert_int_equal(o.truncated, written > limit);
        assert_int_equal(notes(&s), o.truncated ? 1 : 0);
        expect_true_bytes(&s, 1);
        expect_true_bytes(&s, 2);
        DONE();
    }
}

static void characters__are_whole_on_both_sides_of_the_gap(void **state)
{
    (void)state;
    for (int64_t limit = 100; limit < 120; limit++) {
        WITH_OUTPUT(limit);
        for (int i = 0; i < 200; i++)
            output_add(&o, 1, "\xe2\x82\xac\xc3\xa9\xf0\x9f\x98\x80", 9);
        sink_finish(&o);
        assert_false(s.split_character);
        assert_true(str_utf8_valid(s.text[1].data, s.text[1].len));
        assert_in_range(kept(&s), limit - 6, limit);
        assert_int_equal(kept(&s) + s.left_out[1], 1800);
        DONE();
    }
}

static void bytes_that_are_no_text__are_kept_as_they_are(void **state)
{
    (void)state;
    WITH_OUTPUT(600);
    static char bytes[2000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + (i >> 8)); /* all values, in no order of UTF-8 */
    struct text_state whole = {.mode = 0};
    struct buf all;
    buf_init(&all, 100000);
    text_to_utf8(&whole, bytes, sizeof bytes, 1, &all);
    output_add(&o, 1, bytes, sizeof bytes);
    sink_finish(&o);
    size_t before = (size_t)s.gap_begin[1];
    size_t behind = s.text[1].len - before;
    assert_memory_equal(s.text[1].data, all.data, before);
    assert_memory_equal(s.text[1].data + before, all.data + all.len - behind, behind);
    assert_true(behind >= 290);
    buf_fini(&all);
    DONE();
}

static void outputs_lines_in_what_is_left_out__count(void **state)
{
    (void)state;
    WITH_OUTPUT(100);
    static const char line[] = "\n::{\"outputs\":{\"a\":1}}::\n";
    write_on(&o, 1, 200);
    output_add(&o, 1, line, sizeof line - 1);
    write_on(&o, 1, 200);
    output_end(&o);
    assert_non_null(o.lines.outputs.tree);
    output_drop_end(&o);
    DONE();
}

/* The note about the line flushes what is there: that must count, too. */
static void wrong_outputs_lines__do_not_lift_the_limit(void **state)
{
    (void)state;
    WITH_OUTPUT(100);
    for (int i = 0; i < 40; i++)
        output_add(&o, 1, "::{x}::\n", 8);
    sink_finish(&o);
    assert_int_equal(kept(&s), 100);
    assert_int_equal(s.left_out[1], 220);
    DONE();
}

static void a_note__stands_behind_what_was_written_before_it(void **state)
{
    (void)state;
    WITH_OUTPUT(100);
    output_add(&o, 1, "one", 3);
    output_note(&o, "a note\n");
    assert_int_equal(s.text[1].len, 3);
    assert_string_equal(s.text[3].data, "a note\n");
    write_on(&o, 2, 100);
    output_note(&o, "another\n"); /* however much was written */
    output_note(&o, "and one\n");
    assert_string_equal(s.text[3].data, "a note\nanother\nand one\n");
    sink_finish(&o);
    assert_int_equal(kept(&s), 100);
    DONE();
}

static void the_end__is_passed_on_in_pieces_as_large_as_asked_for(void **state)
{
    (void)state;
    WITH_OUTPUT(8 * MIB);
    write_on(&o, 1, 30 * MIB);
    output_end(&o);
    assert_true(output_has_end(&o));
    bool more = true;
    while (more) {
        int64_t before = kept(&s);
        more = output_pass_end(&o, 100000);
        assert_true(kept(&s) - before <= 100000);
    }
    assert_false(output_has_end(&o));
    assert_int_equal(kept(&s), 8 * MIB);
    assert_true(s.largest <= LIMIT_OUTPUT_CHUNK);
    DONE();
}

static void an_end_that_is_dropped__counts_as_left_out(void **state)
{
    (void)state;
    WITH_OUTPUT(100);
    write_on(&o, 1, 1000);
    output_end(&o);
    output_drop_end(&o);
    assert_true(o.truncated);
    assert_int_equal(s.text[1].len, 38); /* without end and stderr's part */
    assert_int_equal(notes(&s), 1);
    assert_non_null(strstr(s.text[3].data, "… 962 bytes left out here"));
    assert_false(output_pass_end(&o, 100));
    DONE();
}

static void an_end_that_is_dropped_on_its_way__is_told_as_well(void **state)
{
    (void)state;
    WITH_OUTPUT(100);
    write_on(&o, 1, 1000);
    output_end(&o);
    assert_true(output_pass_end(&o, 10));
    output_drop_end(&o);
    assert_int_equal(s.text[1].len, 48);
    assert_int_equal(notes(&s), 2);
    assert_non_null(strstr(s.text[3].data, "… 900 bytes left out here"));
    assert_non_null(strstr(s.text[3].data, "… 52 bytes left out here"));
    DONE();
}

static void an_end_that_fits__is_dropped_with_a_word(void **state)
{
    (void)state;
    WITH_OUTPUT(100);
    write_on(&o, 1, 100);
    output_end(&o);
    assert_true(output_has_end(&o));
    output_drop_end(&o);
    assert_true(o.truncated);
    assert_non_null(strstr(s.text[3].data, "… 62 bytes left out here"));
    DONE();
}

/* The other jobs took its memory: the line says how much is missing. */
static void an_end_that_others_took__is_told_with_its_size(void **state)
{
    (void)state;
    WITH_OUTPUT(MIB);
    static char data[OUTPUT_BLOCK_BYTES];
    struct output_tail other;
    s.pool.max_blocks = 6;
    write_on(&o, 1, 2 * MIB);
    output_tail_init(&other, &s.pool);
    for (int i = 0; i < 20; i++)
        output_tail_add(&other, 0, data, sizeof data);
    sink_finish(&o);
    assert_in_range(end_of(&s, 1), 2 * OUTPUT_BLOCK_BYTES, 3 * OUTPUT_BLOCK_BYTES);
    assert_int_equal(kept(&s) + s.left_out[1], 2 * MIB);
    expect_true_bytes(&s, 1);
    assert_int_equal(notes(&s), 1);
    output_tail_fini(&other);
    DONE();
}

/* ---- the account ---- */

/* The coordinator's side: counts what comes by the same rule. */
struct counter {
    struct sink *sink;
    struct output_account account;
    int64_t limit_bytes, written;
};

static void count_emit(int stream, int64_t offset, const void *data, size_t len, void *user)
{
    struct counter *c = user;
    assert_true(output_account_add(&c->account, c->limit_bytes, stream, len));
    if (stream != STREAM_SYSTEM) c->written += (int64_t)len;
    sink_emit(stream, offset, data, len, c->sink);
}

static void write_any(struct output *o, struct rng *r)
{
    static const char *const wrong[] = {"::{\"outputs\":{x}}::\n", "::{x}::\n",
                                        "::{\"outputs\":[]}::\n",
                                        "::{\"outputs\":{\"n\":1e999}}::\n"};
    switch (rng_below(r, 6)) {
    case 0:
        write_on(o, STREAM_STDERR, (int64_t)rng_below(r, 90000));
        break;
    case 1:
        output_note(o, "a remark of the agent\n");
        break;
    case 2:
        output_flush(o);
        break;
    case 3:
        for (uint64_t i = rng_below(r, 300); i > 0; i--) {
            const char *line = wrong[rng_below(r, 4)];
            output_add(o, STREAM_STDOUT, line, strlen(line));
        }
        break;
    default:
        write_on(o, STREAM_STDOUT, (int64_t)rng_below(r, 200000));
    }
}

static void any_sequence__fits_the_account_and_is_truncated_only_by_the_limit(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 13);
    for (int round = 0; round < 60; round++) {
        struct counter c = {.limit_bytes = (int64_t)rng_below(&r, 2 * (uint64_t)MIB)};
        WITH_OUTPUT(c.limit_bytes);
        c.sink = &s;
        o.emit = count_emit;
        o.user = &c;
        for (uint64_t i = rng_below(&r, 30); i > 0; i--)
            write_any(&o, &r);
        sink_finish(&o);
        int64_t written = o.side[0].written + o.side[1].written;
        assert_true(c.limit_bytes == 0 || c.written <= c.limit_bytes);
        assert_int_equal(o.truncated, c.written < written);
        assert_int_equal(o.truncated, c.limit_bytes > 0 && written > c.limit_bytes);
        assert_int_equal(o.account.written, c.account.written);
        assert_int_equal(o.account.remarks, c.account.remarks);
        DONE();
    }
}

static void remarks__take_nothing_of_the_jobs_limit(void **state)
{
    (void)state;
    WITH_OUTPUT(MIB);
    while (o.side[0].written < MIB - 8)
        output_add(&o, STREAM_STDOUT, "::{x}::\n", 8);
    output_add(&o, STREAM_STDOUT, "the end\n", 8);
    sink_finish(&o);
    assert_false(o.truncated);
    assert_int_equal(s.text[1].len, MIB);
    assert_string_equal(s.text[1].data + MIB - 8, "the end\n");
    DONE();
}

/* Not the agent's own doing: notes are few. */
static void remarks__beyond_their_own_limit__are_left_out(void **state)
{
    (void)state;
    char line[1025];
    memset(line, 'r', sizeof line - 1);
    line[sizeof line - 1] = 0;
    WITH_OUTPUT(MIB);
    for (int i = 0; i < 70; i++)
        output_note(&o, line);
    output_add(&o, STREAM_STDOUT, "job", 3);
    sink_finish(&o);
    assert_int_equal(s.text[3].len, LIMIT_OUTPUT_REMARKS);
    assert_string_equal(s.text[1].data, "job");
    DONE();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(much_of_one_stream__keeps_its_beginning_and_its_end),
        cmocka_unit_test(much_of_stdout__leaves_room_for_the_reason_on_stderr),
        cmocka_unit_test(an_eighth_of_the_limit__is_for_stderr_behind_the_loudest_stdout),
        cmocka_unit_test(both_streams_over_their_parts__keep_both_ends),
        cmocka_unit_test(output_up_to_the_limit__is_whole),
        cmocka_unit_test(one_byte_more__costs_one_byte),
        cmocka_unit_test(no_limit__leaves_nothing_out),
        cmocka_unit_test(any_mix_of_writes__keeps_to_the_limit_and_says_the_rest),
        cmocka_unit_test(characters__are_whole_on_both_sides_of_the_gap),
        cmocka_unit_test(bytes_that_are_no_text__are_kept_as_they_are),
        cmocka_unit_test(outputs_lines_in_what_is_left_out__count),
        cmocka_unit_test(wrong_outputs_lines__do_not_lift_the_limit),
        cmocka_unit_test(a_note__stands_behind_what_was_written_before_it),
        cmocka_unit_test(the_end__is_passed_on_in_pieces_as_large_as_asked_for),
        cmocka_unit_test(any_sequence__fits_the_account_and_is_truncated_only_by_the_limit),
        cmocka_unit_test(remarks__take_nothing_of_the_jobs_limit),
        cmocka_unit_test(remarks__beyond_their_own_limit__are_left_out),
        cmocka_unit_test(an_end_that_is_dropped__counts_as_left_out),
        cmocka_unit_test(an_end_that_is_dropped_on_its_way__is_told_as_well),
        cmocka_unit_test(an_end_that_fits__is_dropped_with_a_word),
        cmocka_unit_test(an_end_that_others_took__is_told_with_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
