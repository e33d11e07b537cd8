/* Frames: finding them in a stream of bytes, and writing them. */
#include "wire/frame.h"

#include "wire/limits.h"

#include <string.h>

#define LENGTH_BYTES 4
/* An emptied reader gives back a buffer above this, so that one large job does not stay for the
 * life of the connection. */
#define KEEP_BYTES (32u * 1024)
#define ATTEMPT_MAX 1000000

static void put_u32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)(v >> 32));
    put_u32(p + 4, (uint32_t)v);
}

static uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) << 32 | get_u32(p + 4);
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

/* Is there a length among what is kept and what has just come, and is it within the limit? */
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

/* Places within the body. */
enum { AT_SEQ = 0, AT_JOB = 8, AT_ATTEMPT = 16, AT_STREAM = 20, AT_OFFSET = 21, AT_RESERVED = 29 };

/* What is wrong with it; NULL: nothing. */
static const char *output_fault(const struct frame_output *o)
{
    if (o->seq < 0) return "a negative sequence number";
    if (o->job <= 0) return "a job id that is none";
    if (o->attempt < 1 || o->attempt > ATTEMPT_MAX) return "an attempt out of range";
    if (o->stream < STREAM_STDOUT || o->stream > STREAM_SYSTEM) return "an unknown stream";
    if (o->len == 0) return "no bytes";
    if (o->len > LIMIT_OUTPUT_CHUNK) return "more bytes than one chunk may have";
    if (o->offset < 0 || o->offset > INT64_MAX - (int64_t)o->len) return "an offset out of range";
    return NULL;
}

int frame_output_add(struct buf *b, const struct frame_output *o)
{
    if (output_fault(o) != NULL) return ERR_INVALID;
    size_t body = FRAME_OUTPUT_HEAD + o->len;
    uint8_t *p = (uint8_t *)buf_reserve(b, FRAME_HEAD + body);
    if (p == NULL) return ERR_TOO_LARGE;
    put_u32(p, (uint32_t)body + 1);
    p[LENGTH_BYTES] = FRAME_OUTPUT;
    p += FRAME_HEAD;
    put_u64(p + AT_SEQ, (uint64_t)o->seq);
    put_u64(p + AT_JOB, (uint64_t)o->job);
    put_u32(p + AT_ATTEMPT, (uint32_t)o->attempt);
    p[AT_STREAM] = o->stream;
    put_u64(p + AT_OFFSET, (uint64_t)o->offset);
    put_u32(p + AT_RESERVED, 0);
    memcpy(p + FRAME_OUTPUT_HEAD, o->data, o->len);
    buf_commit(b, FRAME_HEAD + body);
    return 0;
}

int frame_output_decode(const uint8_t *body, size_t len, struct frame_output *out, struct err *e)
{
    if (len < FRAME_OUTPUT_HEAD)
        return err_set(e, ERR_PROTOCOL, "an output frame of %lu bytes is too short for its head",
                       (unsigned long)len);
    /* A value beyond the signed range turns negative here, and is refused for that. */
    struct frame_output o = {
        .seq = (int64_t)get_u64(body + AT_SEQ),
        .job = (int64_t)get_u64(body + AT_JOB),
        .attempt = (int32_t)get_u32(body + AT_ATTEMPT),
        .stream = body[AT_STREAM],
        .offset = (int64_t)get_u64(body + AT_OFFSET),
        .data = body + FRAME_OUTPUT_HEAD,
        .len = len - FRAME_OUTPUT_HEAD,
    };
    const char *fault = output_fault(&o);
    if (fault == NULL && get_u32(body + AT_RESERVED) != 0) fault = "a reserved field that is not 0";
    if (fault != NULL) return err_set(e, ERR_PROTOCOL, "an output frame with %s", fault);
    *out = o;
    return 0;
}
