/* Job output: see output.h. */
#include "agent/output.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"
#include "wire/limits.h"

#include <string.h>

/* The remark waits until the bytes that are being looked at have their place. */
static void on_remark(const char *line, void *user)
{
    struct output *o = user;
    (void)buf_adds(&o->side[STREAM_SYSTEM - 1].chunk, line);
}

void output_init(struct output *o, int64_t limit_bytes, struct output_pool *pool,
                 output_emit_fn *emit, void *user)
{
    memset(o, 0, sizeof *o);
    /* Room for a chunk and for what one conversion may add to it. */
    for (int i = 0; i < 3; i++)
        buf_init(&o->side[i].chunk, (size_t)LIMIT_OUTPUT_CHUNK * 8);
    outputs_reader_init(&o->lines, on_remark, o);
    output_tail_init(&o->end, pool);
    o->limit_bytes = limit_bytes;
    o->emit = emit;
    o->user = user;
}

void output_fini(struct output *o)
{
    for (int i = 0; i < 3; i++)
        buf_fini(&o->side[i].chunk);
    outputs_reader_fini(&o->lines);
    output_tail_fini(&o->end);
}

/* Sends what the side holds: whole characters only, unless `all`. */
static void side_flush(struct output *o, int stream, bool all)
{
    struct output_side *s = &o->side[stream - 1];
    size_t whole = all ? s->chunk.len : str_utf8_whole(s->chunk.data, s->chunk.len);
    size_t done = 0;
    while (done < whole) {
        size_t n = whole - done;
        if (n > LIMIT_OUTPUT_CHUNK) {
            n = str_utf8_whole(s->chunk.data + done, LIMIT_OUTPUT_CHUNK);
            if (n == 0) n = LIMIT_OUTPUT_CHUNK;
        }
        /* Beginning and end are cut to the limit before, and the remarks are few: all fits. */
        if (output_account_add(&o->account, o->limit_bytes, stream, n))
            o->emit(stream, s->offset, s->chunk.data + done, n, o->user);
        else
            o->truncated = true;
        s->offset += (int64_t)n;
        done += n;
    }
    buf_consume(&s->chunk, done);
}

static void flush_notes(struct output *o)
{
    if (o->side[STREAM_SYSTEM - 1].chunk.len == 0) return;
    side_flush(o, STREAM_STDOUT, false);
    side_flush(o, STREAM_STDERR, false);
    side_flush(o, STREAM_SYSTEM, true);
}

void output_note(struct output *o, const char *line)
{
    (void)buf_adds(&o->side[STREAM_SYSTEM - 1].chunk, line);
    flush_notes(o);
}

/* ---- the limit ---- */

static int64_t end_share(int64_t limit)
{
    int64_t share = limit / OUTPUT_END_PART;
    if (share < OUTPUT_END_MIN) share = OUTPUT_END_MIN;
    return share < limit / 2 ? share : limit / 2;
}

/* How many bytes of the beginning the stream may still keep. */
static int64_t room(const struct output *o, int stream)
{
    if (o->limit_bytes <= 0) return INT64_MAX;
    int64_t out = o->side[STREAM_STDOUT - 1].kept, err = o->side[STREAM_STDERR - 1].kept;
    int64_t share = o->limit_bytes / OUTPUT_STDERR_PART;
    if (stream == STREAM_STDOUT && err < share) err = share;
    int64_t left = o->limit_bytes - end_share(o->limit_bytes) - out - err;
    return left > 0 ? left : 0;
}

/* The beginning that is kept of the stream ends within its chunk: passes it on, and hands the rest
 * over to the end. */
static void fill(struct output *o, int stream, size_t added)
{
    struct output_side *s = &o->side[stream - 1];
    size_t before = s->chunk.len - added;
    size_t cut = str_utf8_whole(s->chunk.data, before + (size_t)room(o, stream));
    size_t rest = s->chunk.len - cut;
    s->kept += (int64_t)cut - (int64_t)before;
    output_tail_add(&o->end, stream - 1, s->chunk.data + cut, rest);
    s->chunk.len = cut;
    side_flush(o, stream, true);
    s->full = true;
}

/* `added` bytes came to the stream's chunk. */
static void keep(struct output *o, int stream, size_t added)
{
    struct output_side *s = &o->side[stream - 1];
    s->written += (int64_t)added;
    if (s->full) {
        output_tail_add(&o->end, stream - 1, s->chunk.data, s->chunk.len);
        buf_clear(&s->chunk);
    } else if ((int64_t)added > room(o, stream)) {
        fill(o, stream, added);
    } else {
        s->kept += (int64_t)added;
        if (s->chunk.len >= LIMIT_OUTPUT_CHUNK) side_flush(o, stream, false);
    }
    int64_t kept = o->side[STREAM_STDOUT - 1].kept + o->side[STREAM_STDERR - 1].kept;
    if (o->limit_bytes > 0) output_tail_trim(&o->end, o->limit_bytes - kept);
}

static void side_add(struct output *o, int stream, const char *data, size_t len, bool last)
{
    struct output_side *s = &o->side[stream - 1];
    size_t before = s->chunk.len;
    text_to_utf8(&s->text, data, len, last, &s->chunk);
    size_t added = s->chunk.len - before;
    if (stream == STREAM_STDOUT) outputs_reader_add(&o->lines, s->chunk.data + before, added);
    if (added > 0) keep(o, stream, added);
    flush_notes(o);
}

void output_add(struct output *o, int stream, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        size_t n = len < LIMIT_OUTPUT_CHUNK ? len : LIMIT_OUTPUT_CHUNK;
        side_add(o, stream, p, n, false);
        p += n;
        len -= n;
    }
}

void output_flush(struct output *o)
{
    side_flush(o, STREAM_STDOUT, false);
    side_flush(o, STREAM_STDERR, false);
}

void output_end(struct output *o)
{
    side_add(o, STREAM_STDOUT, "", 0, true);
    side_add(o, STREAM_STDERR, "", 0, true);
    side_flush(o, STREAM_STDOUT, true);
    side_flush(o, STREAM_STDERR, true);
    outputs_reader_end(&o->lines);
    flush_notes(o);
}

/* ---- the end ---- */

static int64_t left_out(const struct output *o, int side)
{
    const struct output_side *s = &o->side[side];
    return s->written - s->kept - o->end.side[side].bytes;
}

/* The end begins with a whole character. */
static void skip_broken_character(struct output *o, int side)
{
    const char *data;
    for (int i = 0; i < 3 && left_out(o, side) > 0; i++) {
        if (output_tail_peek(&o->end, side, &data) == 0 || ((unsigned char)*data & 0xC0) != 0x80)
            return;
        output_tail_consume(&o->end, side, 1);
    }
}

/* "4,194,304" */
static const char *with_commas(int64_t n, char out[32])
{
    char *p = out + 31;
    *p = 0;
    for (int digits = 0; n > 0 || digits == 0; n /= 10) {
        if (digits > 0 && digits % 3 == 0) *--p = ',';
        *--p = (char)('0' + n % 10);
        digits++;
    }
    return p;
}

/* So many bytes of stdout and stderr are missing here. */
static void say_left_out(struct output *o, int64_t out, int64_t err)
{
    char all[32], one[32], two[32], limit[DURATION_TEXT_SIZE], of[96], line[256];
    if (out + err == 0) return;
    o->truncated = true;
    size_format(o->limit_bytes, limit);
    if (out > 0 && err > 0)
        (void)str_format(of, sizeof of, "%s of stdout and %s of stderr", with_commas(out, one),
                         with_commas(err, two));
    else
        (void)str_format(of, sizeof of, "of %s", out > 0 ? "stdout" : "stderr");
    (void)str_format(line, sizeof line, "… %s bytes left out here (%s; the output limit is %s) …\n",
                     with_commas(out + err, all), of, limit);
    output_note(o, line);
}

/* Between the beginning and the end. */
static void tell_gap(struct output *o)
{
    if (o->told) return;
    o->told = true;
    output_tail_seal(&o->end);
    skip_broken_character(o, STREAM_STDOUT - 1);
    skip_broken_character(o, STREAM_STDERR - 1);
    say_left_out(o, left_out(o, STREAM_STDOUT - 1), left_out(o, STREAM_STDERR - 1));
}

/* Moves up to `most` bytes of the end's side through the chunk; returns how many. */
static size_t pass_side(struct output *o, int side, size_t most)
{
    struct output_side *s = &o->side[side];
    size_t done = 0, n;
    const char *data;
    s->offset = s->written - o->end.side[side].bytes - (int64_t)s->chunk.len;
    while (done < most && (n = output_tail_peek(&o->end, side, &data)) > 0) {
        if (n > LIMIT_OUTPUT_CHUNK - s->chunk.len) n = LIMIT_OUTPUT_CHUNK - s->chunk.len;
        if (n > most - done) n = most - done;
        (void)buf_add(&s->chunk, data, n);
        output_tail_consume(&o->end, side, n);
        side_flush(o, side + 1, false);
        done += n;
    }
    if (o->end.side[side].bytes == 0) side_flush(o, side + 1, true);
    return done;
}

bool output_has_end(const struct output *o)
{
    return !o->told && (o->side[STREAM_STDOUT - 1].full || o->side[STREAM_STDERR - 1].full);
}

bool output_pass_end(struct output *o, size_t most)
{
    tell_gap(o);
    for (int side = 0; side < 2; side++)
        if (o->side[side].full) most -= pass_side(o, side, most);
    return output_tail_bytes(&o->end) > 0;
}

void output_drop_end(struct output *o)
{
    int64_t out = o->end.side[STREAM_STDOUT - 1].bytes, err = o->end.side[STREAM_STDERR - 1].bytes;
    bool begun = o->told;
    output_tail_trim(&o->end, 0);
    tell_gap(o);
    if (begun) say_left_out(o, out, err);
}
