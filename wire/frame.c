/* Frames: reading frames from a stream of bytes, and writing frames. */
#include "wire/frame.h"

#include "wire/limits.h"
#include "wire/msg_list.h"

#include <string.h>

#define LENGTH_BYTES 4
/* An emptied reader gives back a buffer above this, so that one large job does not stay for the
 * life of the connection. */
#define KEEP_BYTES (32u * 1024)

static void put_number(uint8_t *p, unsigned bytes, uint64_t v)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get_number(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static void put_u32(uint8_t *p, uint32_t v)
{
    put_number(p, 4, v);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)get_number(p, 4);
}

/* ---- reader -------------------------------------------------------------------------------- */

void frame_reader_init(struct frame_reader *r, size_t max_body)
{
    buf_init(&r->b, FRAME_READER_MAX);
    r->pos = 0;
    r->max_body = max_body;
}

void frame_reader_fini(struct frame_reader *r)
{
    buf_fini(&r->b);
    r->pos = 0;
}

void frame_reader_set_max(struct frame_reader *r, size_t max_body)
{
    r->max_body = max_body;
}

static int check_length(const struct frame_reader *r, uint32_t length, struct err *e)
{
    if (length == 0) return err_set(e, ERR_PROTOCOL, "a frame of length 0");
    if (length - 1 > r->max_body)
        return err_set(e, ERR_TOO_LARGE, "a frame of %lu bytes is over the limit of %lu",
                       (unsigned long)(length - 1), (unsigned long)r->max_body);
    return 0;
}

/* Do the kept bytes and the new bytes hold a length, and is the length within the limit? */
static int check_first(const struct frame_reader *r, const uint8_t *data, size_t len, struct err *e)
{
    size_t kept = r->b.len - r->pos;
    uint8_t head[LENGTH_BYTES];
    if (kept + len < LENGTH_BYTES) return 0;
    size_t old = kept < LENGTH_BYTES ? kept : LENGTH_BYTES;
    memcpy(head, r->b.data + r->pos, old);
    memcpy(head + old, data, LENGTH_BYTES - old);
    return check_length(r, get_u32(head), e);
}

static void drop_given_out(struct frame_reader *r)
{
    if (r->pos == r->b.len) {
        if (r->b.cap > KEEP_BYTES)
            buf_fini(&r->b);
        else
            buf_clear(&r->b);
    } else {
        buf_consume(&r->b, r->pos);
    }
    r->pos = 0;
}

int frame_reader_add(struct frame_reader *r, const void *data, size_t len, struct err *e)
{
    if (len == 0) return 0;
    int rc = check_first(r, data, len, e);
    if (rc != 0) return rc;
    drop_given_out(r);
    if (buf_add(&r->b, data, len) != 0)
        return err_set(e, ERR_TOO_LARGE, "more than %lu bytes of frames wait to be read",
                       (unsigned long)r->b.max);
    return 0;
}

int frame_reader_next(struct frame_reader *r, struct frame *out, struct err *e)
{
    const uint8_t *p = (const uint8_t *)r->b.data + r->pos;
    size_t have = r->b.len - r->pos;
    if (have < LENGTH_BYTES) return 0;
    uint32_t length = get_u32(p);
    int rc = check_length(r, length, e);
    if (rc != 0) return rc;
    if (have < FRAME_HEAD) return 0;
    uint8_t type = p[LENGTH_BYTES];
    if (type != FRAME_JSON && type != FRAME_OUTPUT)
        return err_set(e, ERR_PROTOCOL, "a frame of unknown type %d", (int)type);
    if (have - LENGTH_BYTES < length) return 0;
    out->type = type;
    out->body = p + FRAME_HEAD;
    out->len = length - 1;
    r->pos += LENGTH_BYTES + (size_t)length;
    return 1;
}

/* ---- writing ------------------------------------------------------------------------------- */

int frame_add(struct buf *b, uint8_t type, const void *body, size_t len)
{
    if (len > UINT32_MAX - 1) return ERR_TOO_LARGE;
    char *room = buf_reserve(b, FRAME_HEAD + len);
    if (room == NULL) return ERR_TOO_LARGE;
    put_u32((uint8_t *)room, (uint32_t)len + 1);
    room[LENGTH_BYTES] = (char)type;
    if (len > 0) memcpy(room + FRAME_HEAD, body, len);
    buf_commit(b, FRAME_HEAD + len);
    return 0;
}

int frame_start(struct buf *b, uint8_t type, size_t *mark)
{
    size_t at = b->len;
    int rc = frame_add(b, type, NULL, 0);
    if (rc == 0) *mark = at;
    return rc;
}

void frame_end(struct buf *b, size_t mark)
{
    put_u32((uint8_t *)b->data + mark, (uint32_t)(b->len - mark - LENGTH_BYTES));
}

/* ---- output -------------------------------------------------------------------------------- */

/* The head's numbers as they are on the wire, by the list's order. */
enum {
#define FIELD(field, at, bytes, min, max) HEAD_##field,
    OUTPUT_HEAD_LIST(FIELD)
#undef FIELD
        HEAD_FIELDS
};

static const struct head_field {
    const char *name;
    unsigned at, bytes;
    uint64_t min, max;
} head_fields[HEAD_FIELDS] = {
#define FIELD(field, at, bytes, min, max) {#field, at, bytes, min, max},
    OUTPUT_HEAD_LIST(FIELD)
#undef FIELD
};

/* *e says what is wrong; NULL is fine. */
static int check_output(const uint64_t head[HEAD_FIELDS], size_t len, struct err *e)
{
    for (size_t i = 0; i < HEAD_FIELDS; i++) {
        const struct head_field *f = &head_fields[i];
        if (head[i] < f->min || head[i] > f->max)
            return err_set(e, ERR_PROTOCOL, "an output frame: '%s' is out of range", f->name);
    }
    if (len == 0) return err_set(e, ERR_PROTOCOL, "an output frame without bytes");
    if (len > LIMIT_OUTPUT_CHUNK)
        return err_set(e, ERR_PROTOCOL, "an output frame with %zu bytes, at most %u are allowed",
                       len, LIMIT_OUTPUT_CHUNK);
    if (head[HEAD_offset] > head_fields[HEAD_offset].max - len)
        return err_set(e, ERR_PROTOCOL, "an output frame: 'offset' is out of range");
    return 0;
}

int frame_output_add(struct buf *b, const struct frame_output *o)
{
    /* a negative number becomes a number that is too large */
    const uint64_t head[HEAD_FIELDS] = {[HEAD_seq] = (uint64_t)o->seq,
                                        [HEAD_job] = (uint64_t)o->job,
                                        [HEAD_attempt] = (uint64_t)o->attempt,
                                        [HEAD_stream] = o->stream,
                                        [HEAD_offset] = (uint64_t)o->offset};
    if (check_output(head, o->len, NULL) != 0) return ERR_INVALID;
    size_t body = FRAME_OUTPUT_HEAD + o->len;
    uint8_t *p = (uint8_t *)buf_reserve(b, FRAME_HEAD + body);
    if (p == NULL) return ERR_TOO_LARGE;
    put_u32(p, (uint32_t)body + 1);
    p[LENGTH_BYTES] = FRAME_OUTPUT;
    p += FRAME_HEAD;
    for (size_t i = 0; i < HEAD_FIELDS; i++)
        put_number(p + head_fields[i].at, head_fields[i].bytes, head[i]);
    memcpy(p + FRAME_OUTPUT_HEAD, o->data, o->len);
    buf_commit(b, FRAME_HEAD + body);
    return 0;
}

int frame_output_decode(const uint8_t *body, size_t len, struct frame_output *out, struct err *e)
{
    uint64_t head[HEAD_FIELDS];
    if (len < FRAME_OUTPUT_HEAD)
        return err_set(e, ERR_PROTOCOL, "an output frame of %zu bytes is too short for its head",
                       len);
    for (size_t i = 0; i < HEAD_FIELDS; i++)
        head[i] = get_number(body + head_fields[i].at, head_fields[i].bytes);
    int rc = check_output(head, len - FRAME_OUTPUT_HEAD, e);
    if (rc != 0) return rc;
    *out = (struct frame_output){.seq = (int64_t)head[HEAD_seq],
                                 .job = (int64_t)head[HEAD_job],
                                 .attempt = (int32_t)head[HEAD_attempt],
                                 .stream = (uint8_t)head[HEAD_stream],
                                 .offset = (int64_t)head[HEAD_offset],
                                 .data = body + FRAME_OUTPUT_HEAD,
                                 .len = len - FRAME_OUTPUT_HEAD};
    return 0;
}
