/* See stream.h. */
#include "coordinator/api/stream.h"

void stream_begin(struct stream *st, const char *type)
{
    st->begun = true;
    st->r->status = 200;
    http_write_stream_head(link_out(st->r->link), 200, type);
    link_flush_later(st->r->link);
}

void stream_break_off(struct stream *st, const struct err *why)
{
    st->r->to->abort(st->r, why);
}

bool stream_send(struct stream *st, const void *data, size_t len, struct err *e)
{
    int rc = http_write_chunk(link_out(st->r->link), data, len);
    if (rc) {
        err_set(e, rc, "%s", err_sentence(rc));
        return false;
    }
    link_flush_later(st->r->link);
    return true;
}

void stream_end(struct stream *st)
{
    http_write_stream_end(link_out(st->r->link));
    link_flush_later(st->r->link);
}
