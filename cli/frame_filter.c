/* See frame_filter.h. */
#include "cli/frame_filter.h"

#include <string.h>

void frame_filter_init(struct frame_filter *f, size_t max_body)
{
    memset(f, 0, sizeof *f);
    f->max_body = max_body;
}

/* The length is whole: is the frame wanted? */
static int begin_frame(struct frame_filter *f, struct frame_reader *to, struct err *e)
{
    const uint8_t *h = f->head;
    f->left = (uint32_t)h[0] << 24 | (uint32_t)h[1] << 16 | (uint32_t)h[2] << 8 | h[3];
    f->head_len = 0;
    f->dropping = f->left > 0 && f->left - 1 > f->max_body;
    if (f->dropping) {
        f->dropped++;
        return 0;
    }
    return frame_reader_add(to, h, FRAME_LENGTH_BYTES, e);
}

int frame_filter_add(struct frame_filter *f, struct frame_reader *to, const void *data, size_t len,
                     size_t *used, struct err *e)
{
    const uint8_t *p = data;
    size_t n;
    if (f->left == 0) {
        n = FRAME_LENGTH_BYTES - f->head_len;
        if (n > len) n = len;
        memcpy(f->head + f->head_len, p, n);
        f->head_len += n;
        *used = n;
        return f->head_len == FRAME_LENGTH_BYTES ? begin_frame(f, to, e) : 0;
    }
    n = f->left < len ? f->left : len;
    *used = n;
    f->left -= (uint32_t)n;
    return f->dropping ? 0 : frame_reader_add(to, p, n, e);
}
