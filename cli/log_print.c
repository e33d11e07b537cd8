/* See log_print.h. */
#include "cli/log_print.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/frame.h"

#include <string.h>

void log_print_fini(struct log_print *p)
{
    mem_free(p->agent);
    p->agent = NULL;
}

void log_print_begin(struct log_print *p)
{
    mem_free(p->agent);
    p->agent = NULL;
    p->attempt = p->agent_attempt = 0;
    memset(p->in_line, 0, sizeof p->in_line);
}

void log_print_event(struct log_print *p, const struct json *event)
{
    const char *agent = json_get_str(event, "agentName", NULL);
    if (!agent) return;
    p->agent_attempt = json_get_int(event, "attempt", 0);
    if (str_eq(agent, p->agent)) return;
    mem_free(p->agent);
    p->agent = mem_strdup(agent);
}

static const char *agent_of(const struct log_print *p, int64_t attempt)
{
    if (p->agent && p->agent_attempt == attempt) return p->agent;
    const struct json *a = json_first(json_get(p->job, "attempts"));
    for (; a; a = json_next(a))
        if (json_get_int(a, "attempt", 0) == attempt) return json_get_str(a, "agentName", NULL);
    return NULL;
}

/* "cadre: attempt 2 on build-07" where another attempt begins. */
static void mark(struct log_print *p, int64_t attempt)
{
    bool wanted = p->attempt > 0 || p->mark_first || attempt > 1;
    if (attempt == p->attempt) return;
    p->attempt = attempt;
    memset(p->in_line, 0, sizeof p->in_line);
    if (!wanted || p->json) return;
    const char *agent = agent_of(p, attempt);
    out_note(p->out, "cadre: attempt %lld%s%s", (long long)attempt, agent ? " on " : "",
             agent ? agent : "");
}

static void put(struct log_print *p, int stream, const char *data, size_t len)
{
    if (stream == STREAM_STDERR)
        out_error_bytes(p->out, data, len);
    else
        out_bytes(p->out, data, len);
}

/* Cadre's remarks are whole lines. */
static void put_remarks(struct log_print *p, const char *at, const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        size_t n = end ? (size_t)(end - text) : len;
        out_note(p->out, "%s%scadre: %.*s", at ? at : "", at ? " " : "", (int)n, text);
        if (end) n++;
        text += n;
        len -= n;
    }
}

static void put_lines(struct log_print *p, const struct log_piece *piece)
{
    const char *data = piece->data;
    size_t len = piece->len;
    bool *in_line = &p->in_line[piece->stream & 3];
    struct buf text;
    buf_init(&text, 64u * 1024 * 1024);
    while (len > 0) {
        const char *end = memchr(data, '\n', len);
        size_t n = end ? (size_t)(end - data) + 1 : len;
        if (!*in_line) (void)buf_addf(&text, "%s ", piece->at ? piece->at : "-");
        (void)buf_add(&text, data, n);
        *in_line = !end;
        data += n;
        len -= n;
    }
    put(p, piece->stream, text.data, text.len);
    buf_fini(&text);
}

int log_print_piece(struct log_print *p, const struct log_piece *piece)
{
    mark(p, piece->attempt);
    if (piece->stream == STREAM_SYSTEM)
        put_remarks(p, p->timestamps ? piece->at : NULL, piece->data, piece->len);
    else if (p->timestamps)
        put_lines(p, piece);
    else
        put(p, piece->stream, piece->data, piece->len);
    return out_flush(p->out);
}

static int stream_of(const char *name)
{
    if (str_eq(name, "stderr")) return STREAM_STDERR;
    return str_eq(name, "system") ? STREAM_SYSTEM : STREAM_STDOUT;
}

int log_print_line(struct log_print *p, const struct json *line)
{
    struct log_piece piece = {.attempt = json_get_int(line, "attempt", 1),
                              .stream = stream_of(json_get_str(line, "stream", "")),
                              .at = json_get_str(line, "at", NULL),
                              .data = json_get_str(line, "text", NULL)};
    const char *base64 = json_get_str(line, "base64", "");
    if (p->json) {
        out_json(p->out, line);
        return out_flush(p->out);
    }
    if (piece.data) {
        piece.len = strlen(piece.data);
        return log_print_piece(p, &piece);
    }
    size_t room = strlen(base64) / 4 * 3 + 4;
    char *bytes = mem_alloc(room);
    int rc = str_unbase64(bytes, room, base64, &piece.len) == 0 ? 0 : ERR_PROTOCOL;
    piece.data = bytes;
    if (rc == 0) rc = log_print_piece(p, &piece);
    mem_free(bytes);
    return rc;
}
