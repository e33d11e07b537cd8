/* See output_sink.h. */
#include "tests/unit/agent/output_sink.h"

#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void sink_emit(int stream, int64_t offset, const void *data, size_t len, void *sink)
{
    struct sink *s = sink;
    int64_t expected = (int64_t)s->text[stream].len + s->left_out[stream];
    assert_true(len > 0);
    assert_true(offset >= expected);
    if (offset > expected) {
        assert_int_equal(s->left_out[stream], 0); /* one gap at most */
        s->left_out[stream] = offset - expected;
        s->gap_begin[stream] = (int64_t)s->text[stream].len;
    }
    assert_int_equal(buf_add(&s->text[stream], data, len), 0);
    s->chunks++;
    if (len > s->largest) s->largest = len;
    if (str_utf8_whole(data, len) != len) s->split_character = true;
}

void sink_init(struct sink *s)
{
    memset(s, 0, sizeof *s);
    output_pool_init(&s->pool, OUTPUT_POOL_BLOCKS);
    for (int i = 0; i < 4; i++)
        buf_init(&s->text[i], SIZE_MAX / 2);
}

void sink_fini(struct sink *s)
{
    assert_int_equal(s->pool.blocks, 0);
    assert_null(s->pool.first);
    for (int i = 0; i < 4; i++)
        buf_fini(&s->text[i]);
}

void sink_finish(struct output *o)
{
    output_end(o);
    while (output_pass_end(o, OUTPUT_BLOCK_BYTES))
        ;
}
