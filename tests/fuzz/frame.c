/* Frames. The first byte chooses the cut, the second the limit; the rest is the stream. Every frame
 * that comes out is within the limit, and together with what is left over they are the stream. */
#include "base/mem.h"
#include "wire/frame.h"
#include "wire/limits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

static void check_output(const struct frame *f)
{
    struct frame_output o;
    struct buf b;
    if (f->type != FRAME_OUTPUT || frame_output_decode(f->body, f->len, &o, NULL) != 0) return;
    buf_init(&b, 1u << 20);
    check(frame_output_add(&b, &o) == 0);
    check(b.len == FRAME_HEAD + f->len);
    check(memcmp(b.data + FRAME_HEAD, f->body, f->len) == 0);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    size_t step = data[0] + 1u, max = data[1] * 256u, at = 0, out = 0;
    data += 2;
    size -= 2;
    struct frame_reader r;
    struct frame f;
    struct err e = {0};
    int rc = 0;
    frame_reader_init(&r, max);
    while (at < size && rc == 0) {
        size_t n = size - at < step ? size - at : step;
        rc = frame_reader_add(&r, data + at, n, &e);
        at += n;
        while (rc == 0 && (rc = frame_reader_next(&r, &f, &e)) == 1) {
            check(f.len <= max);
            check(out + FRAME_HEAD + f.len <= at);
            check(memcmp(f.body, data + out + FRAME_HEAD, f.len) == 0);
            out += FRAME_HEAD + f.len;
            check_output(&f);
            rc = 0;
        }
    }
    check(rc == 0 || rc == ERR_TOO_LARGE || rc == ERR_PROTOCOL);
    if (rc != 0) check(e.msg[0] != '\0');
    if (rc == 0) check(r.b.len - r.pos == size - out);
    frame_reader_fini(&r);
    return 0;
}
