/* Channels of the configuration: what there is, and whether a message gets through. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/notify/channel.h"
#include "coordinator/notify/courier.h"
#include "platform/os.h"

#define LIST_MOST 1000

static void put_channel(struct jw *w, const struct json *c)
{
    char *reaches = channel_reaches(c);
    jw_object(w, NULL);
    jw_str(w, "name", json_key(c));
    jw_str(w, "kind", json_get_str(c, "kind", ""));
    jw_str(w, "reaches", reaches);
    jw_end(w);
    mem_free(reaches);
}

/* In the order of the file; a cursor is the name of the last one of the page before. */
void channels_list(struct request *r)
{
    static const char *const keys[] = {"limit", "cursor"};
    const struct json *c = json_first(r->api->o.config->channels), *last = NULL;
    const char *cursor = http_query(&r->target, "cursor");
    struct json_answer a;
    request_query_known(r, keys, 2);
    int64_t left = request_query_int(r, "limit", 1, LIST_MOST, CHANNELS_MAX);
    if (!str_empty(cursor)) {
        c = json_get(r->api->o.config->channels, cursor);
        if (c)
            c = json_next(c);
        else
            problem_field(&r->problem, "cursor", "invalid cursor '%.40s'", cursor);
    }
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    json_answer_init(&a);
    jw_array(&a.w, "channels");
    for (; c && left > 0; c = json_next(c), left--)
        put_channel(&a.w, last = c);
    jw_end(&a.w);
    jw_str(&a.w, "nextCursor", c ? json_key(last) : NULL);
    request_send(r, 200, &a);
}

void notices_list(struct request *r)
{
    request_send_list(r, request_list(r, LIST_NOTICES, lookup_notices, NULL, 0));
}

/* ---- test ---- */

/* Who waits is found by a number, as for a command: the client may be gone. */
struct test {
    struct api *api;
    uint64_t request;
};

static void on_end(bool delivered, const char *reason, void *user)
{
    struct test *t = user;
    struct reply x = {0};
    if (!delivered) x.rc = err_set(&x.err, ERR_IO, "%s", reason);
    request_reply(t->api, t->request, &x);
    mem_free(t);
}

static void on_tested(struct request *r, struct reply *x)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_bool(&a.w, "delivered", x->rc == 0);
    if (x->rc) jw_str(&a.w, "reason", err_text(&x->err));
    request_send(r, 200, &a);
}

/* What every message has, so that a template and a program see here what they see later. */
static void put_common(struct json *event, const char *id, const char *name)
{
    char now[TIME_TEXT_SIZE];
    time_format(os_wall_ms(), now);
    json_put(event, "id", json_new_str(id));
    json_put(event, "count", json_new_str("1"));
    json_put(event, "firstAt", json_new_str(now));
    json_put(event, "lastAt", json_new_str(now));
    json_put(event, "coordinator", json_new_str(name));
}

static struct json *test_event(const char *channel, const char *id, const char *name)
{
    struct json *event = json_new(JSON_OBJECT);
    char *title = str_dupf("test of the channel '%s'", channel);
    json_put(event, "event", json_new_str("test"));
    json_put(event, "state", json_new_str("test"));
    json_put(event, "title", json_new_str(title));
    json_put(event, "text",
             json_new_str("Somebody wants to see whether messages arrive. Nothing "
                          "is wrong."));
    put_common(event, id, name);
    mem_free(title);
    return event;
}

static void refuse_unknown(struct request *r, const char *name)
{
    struct problem p = {0};
    problem_set(&p, 404, "not-found", "'cadre notify channels' shows those of coordinator.yaml",
                "there is no channel '%.80s'", name);
    request_send_problem(r, &p);
}

/* Beside the messages of the channel, which may be many that wait: its fault is looked for. */
static void lane_of_tests(const struct json *channel, char lane[COURIER_LANE_SIZE])
{
    (void)str_format(lane, COURIER_LANE_SIZE, "test %s", json_key(channel));
}

/* As many tests of it as have places are under way. */
static bool is_tried(const struct request *r, const struct json *channel)
{
    char lane[COURIER_LANE_SIZE];
    lane_of_tests(channel, lane);
    return courier_waiting(r->api->courier, lane) >= COURIER_OF_LANE;
}

static void send_test(struct request *r, const struct json *channel)
{
    struct api *a = r->api;
    struct err e = {0};
    struct buf line;
    char id[COURIER_ID_SIZE], lane[COURIER_LANE_SIZE];
    buf_init(&line, ANSWER_BYTES);
    courier_id(a->courier, id);
    struct json *event = test_event(json_key(channel), id, a->o.name ? a->o.name : "");
    int rc = channel_order(channel, id, event, &line, &e);
    json_free(event);
    if (rc) {
        request_fail(r, rc, &e);
    } else {
        struct test *t = mem_alloc(sizeof *t);
        *t = (struct test){a, request_wait(r, on_tested)};
        lane_of_tests(channel, lane);
        courier_send(a->courier, lane, &line, on_end, t);
    }
    buf_fini(&line);
}

void channels_test(struct request *r)
{
    const char *name = request_segment(r, 3);
    const struct json *channel = json_get(r->api->o.config->channels, name);
    if (!channel)
        refuse_unknown(r, name);
    else if (!r->api->courier)
        request_fail(r, ERR_UNAVAILABLE,
                     &(struct err){ERR_UNAVAILABLE, "this coordinator does not own the queue"});
    else if (is_tried(r, channel))
        request_fail(r, ERR_UNAVAILABLE,
                     &(struct err){ERR_UNAVAILABLE,
                                   "other tests of this channel are on their way; try again"});
    else if (r->api->stopped)
        request_fail(r, ERR_UNAVAILABLE, &(struct err){ERR_UNAVAILABLE, "the coordinator stops"});
    else
        send_test(r, channel);
}
