/* See live.h. What changed is kept once for all clients. */
#include "coordinator/api/live.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/handlers.h"
#include "platform/os.h"

#define PING_MS 15000
#define EVENT_BYTES 4096 /* more than the longest event has */

enum topic {
    TOPIC_JOBS,
    TOPIC_EXECUTIONS,
    TOPIC_NEWS
}; /* those behind are TOPIC_NEWS + enum news */
static const char *const topic_names[] = {"jobs",   "executions", "agents",
                                          "groups", "flows",      "triggers"};
#define TOPICS (sizeof topic_names / sizeof *topic_names)
#define ALL_TOPICS ((UINT32_C(1) << TOPICS) - 1)

struct ids {
    int64_t of[LIVE_IDS];
    size_t count;
    bool more; /* than have room */
};

struct viewer {
    struct stream base;
    struct live *live;
    struct viewer *prev, *next;
    uint32_t topics;
    bool lines;  /* of JSON, not server-sent events */
    bool blind;  /* its token is of one namespace: it is told no ids */
    bool behind; /* it missed something */
    int64_t sent_ms;
};

struct live {
    struct viewer *first;
    size_t count;
    uint32_t changed; /* topics, since the last sweep */
    struct ids ids[TOPIC_NEWS];
};

struct live *live_new(void)
{
    return mem_alloc(sizeof(struct live));
}

void live_free(struct live *l)
{
    mem_free(l);
}

/* ---- what changed ---- */

static void note_id(struct live *l, enum topic topic, int64_t id)
{
    struct ids *ids = &l->ids[topic];
    l->changed |= UINT32_C(1) << topic;
    if (ids->more) return;
    for (size_t i = ids->count; i-- > 0;)
        if (ids->of[i] == id) return;
    if (ids->count == LIVE_IDS)
        ids->more = true;
    else
        ids->of[ids->count++] = id;
}

void live_on_effect(struct live *l, const struct effect *x)
{
    if (!l->first) return;
    if (x->type == EFFECT_JOB_CHANGED) note_id(l, TOPIC_JOBS, x->u.changed.id);
    if (x->type == EFFECT_EXECUTION_CHANGED) note_id(l, TOPIC_EXECUTIONS, x->u.changed.id);
    if (x->type == EFFECT_NEWS) l->changed |= x->u.news << TOPIC_NEWS;
}

static void forget_changes(struct live *l)
{
    l->changed = 0;
    for (int i = 0; i < TOPIC_NEWS; i++) {
        l->ids[i].count = 0;
        l->ids[i].more = false;
    }
}

/* ---- sending ---- */

static void begin_event(const struct viewer *v, struct buf *b, const char *name)
{
    if (!v->lines) buf_addf(b, "event: %s\ndata: ", name);
    buf_addf(b, "{\"event\":\"%s\"", name);
}

static void end_event(const struct viewer *v, struct buf *b)
{
    buf_adds(b, v->lines ? "}\n" : "}\n\n");
}

static void add_ids(struct buf *b, const struct ids *ids, bool blind)
{
    buf_adds(b, ",\"ids\":[");
    for (size_t i = 0; i < ids->count && !blind; i++) {
        char id[ID_TEXT_SIZE];
        id_format(ids->of[i], id);
        buf_addf(b, "%s\"%s\"", i ? "," : "", id);
    }
    buf_addf(b, "],\"more\":%s", blind || ids->more ? "true" : "false");
}

static void add_topic(const struct viewer *v, struct buf *b, size_t topic)
{
    begin_event(v, b, topic_names[topic]);
    if (topic < TOPIC_NEWS) add_ids(b, &v->live->ids[topic], v->blind);
    end_event(v, b);
}

static void send(struct viewer *v, const struct buf *b)
{
    struct err e;
    if (!stream_send(&v->base, b->data, b->len, &e)) stream_break_off(&v->base, &e);
    v->sent_ms = os_mono_ms();
}

static void send_plain(struct viewer *v, const char *name)
{
    struct buf b;
    buf_init(&b, EVENT_BYTES);
    begin_event(v, &b, name);
    end_event(v, &b);
    send(v, &b);
    buf_fini(&b);
}

static void tell(struct viewer *v)
{
    struct buf b;
    uint32_t news = v->live->changed & v->topics;
    if (!v->base.begun || (!news && !v->behind)) return;
    if (link_pending(v->base.r->link) > LIVE_PENDING_BYTES) {
        v->behind = true;
        return;
    }
    if (v->behind) {
        v->behind = false;
        send_plain(v, "reload");
        return;
    }
    buf_init(&b, TOPICS * EVENT_BYTES);
    for (size_t i = 0; i < TOPICS; i++)
        if (news & UINT32_C(1) << i) add_topic(v, &b, i);
    send(v, &b);
    buf_fini(&b);
}

void live_tell(struct live *l)
{
    struct viewer *next;
    for (struct viewer *v = l->first; v; v = next) {
        next = v->next;
        tell(v);
    }
    forget_changes(l);
}

/* ---- a client's stream ---- */

/* The first event has the topics; whatever the client shows is older than the stream. */
static void send_open(struct viewer *v)
{
    struct buf b;
    const char *comma = "";
    buf_init(&b, EVENT_BYTES);
    if (!v->lines) buf_adds(&b, "retry: 1000\n\n");
    begin_event(v, &b, "open");
    buf_adds(&b, ",\"topics\":[");
    for (size_t i = 0; i < TOPICS; i++) {
        if (!(v->topics & UINT32_C(1) << i)) continue;
        buf_addf(&b, "%s\"%s\"", comma, topic_names[i]);
        comma = ",";
    }
    buf_addc(&b, ']');
    end_event(v, &b);
    send(v, &b);
    buf_fini(&b);
}

static const char *type_of(const struct viewer *v)
{
    return v->lines ? FORM_LINES_TYPE : FORM_SSE_TYPE;
}

static bool pump(struct stream *st)
{
    struct viewer *v = (struct viewer *)st;
    if (st->begun) return false;
    stream_begin(st, type_of(v));
    send_open(v);
    return false;
}

static void sweep(struct stream *st, int64_t now_ms)
{
    struct viewer *v = (struct viewer *)st;
    if (st->begun && now_ms - v->sent_ms >= PING_MS && !link_pending(st->r->link))
        send_plain(v, "ping");
}

static void free_viewer(struct stream *st)
{
    struct viewer *v = (struct viewer *)st;
    struct live *l = v->live;
    if (v->prev)
        v->prev->next = v->next;
    else
        l->first = v->next;
    if (v->next) v->next->prev = v->prev;
    if (--l->count == 0) forget_changes(l);
    mem_free(v);
}

static const struct stream_kind kind = {.pump = pump, .sweep = sweep, .free = free_viewer};

static size_t count_of(const struct live *l, int64_t token)
{
    size_t count = 0;
    for (const struct viewer *v = l->first; v; v = v->next)
        if (v->base.r->who.token == token) count++;
    return count;
}

static void read_query(struct request *r, struct viewer *v)
{
    static const char *const keys[] = {"topic", "format"};
    const char *format = http_query(&r->target, "format");
    request_query_known(r, keys, 2);
    v->topics = request_query_words(r, "topic", topic_names, TOPICS);
    if (!v->topics) v->topics = ALL_TOPICS;
    v->lines = format ? str_eq(format, "json") : r->form == FORM_LINES;
    if (format && !v->lines)
        problem_field(&r->problem, "format", "format: '%.40s' is not json", format);
    v->blind = r->who.ns != NULL;
    if (!r->problem.status && r->api->live->count >= LIVE_MOST)
        problem_set(&r->problem, 503, "unavailable", "try again a little later",
                    "%d clients read events already", LIVE_MOST);
    if (!r->problem.status && count_of(r->api->live, r->who.token) >= LIVE_OF_TOKEN)
        problem_set(&r->problem, 503, "unavailable", "make another token for other clients",
                    "%d clients with this token read events already", LIVE_OF_TOKEN);
}

void live_open(struct request *r)
{
    if (!request_has_engine(r)) return;
    struct viewer *v = mem_alloc(sizeof *v);
    struct live *l = r->api->live;
    read_query(r, v);
    if (r->problem.status || r->head_only) {
        if (r->problem.status)
            request_send_problem(r, &r->problem);
        else
            request_send_stream_head(r, type_of(v));
        mem_free(v);
        return;
    }
    v->base = (struct stream){.kind = &kind, .r = r};
    v->live = l;
    v->next = l->first;
    if (v->next) v->next->prev = v;
    l->first = v;
    l->count++;
    r->stream = &v->base;
    r->to->turn(r);
}
