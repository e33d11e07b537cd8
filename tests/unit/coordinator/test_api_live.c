/* GET /api/v1/events: what is told, how much of it, to whom, and when it ends. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/live.h"

#include <signal.h>
#include <string.h>

static struct house house;

/* The client takes nothing more, as the coordinator sees it. */
static bool clogged;

size_t __real_link_pending(const struct link *l);
size_t __wrap_link_pending(const struct link *l);

size_t __wrap_link_pending(const struct link *l)
{
    return clogged ? LIVE_PENDING_BYTES + 1 : __real_link_pending(l);
}

static int open_house(void **state)
{
    (void)state;
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_IGN); /* as every program of Cadre does */
#endif
    house_open(&house, "", NULL);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* token NULL: the administrator's. */
static void ask(struct peer *p, const char *method, const char *query, const char *token,
                const char *accept)
{
    char *text = str_dupf("%s /api/v1/events%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "%s%s%s\r\n",
                          method, query, token ? token : house.admin, accept ? "Accept: " : "",
                          accept ? accept : "", accept ? "\r\n" : "");
    peer_open(p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(p, text, strlen(text));
    mem_free(text);
}

/* All that has come; it lives until more comes. */
static const char *text_of(struct peer *p)
{
    assert_int_equal(buf_addc(&p->in, '\0'), 0);
    buf_truncate(&p->in, p->in.len - 1);
    return p->in.data;
}

static void await(struct peer *p, const char *part)
{
    while (!strstr(text_of(p), part)) {
        if (p->closed) fail_msg("the stream ended without '%s': %s", part, p->in.data);
        p->changed = false;
        house_run(&house, &p->changed);
    }
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *s = text; (s = strstr(s, part)) != NULL; s += strlen(part))
        count++;
    return count;
}

/* The id is the caller's: mem_free. */
static char *submit(void)
{
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"true\"]}", 201);
    char *id = mem_strdup(json_get_str(j, "id", "-"));
    json_free(j);
    return id;
}

static void make_group(const char *key)
{
    char *body = str_dupf("{\"key\":\"%s\"}", key);
    json_free(house_post(&house, "/api/v1/groups", body, 201));
    mem_free(body);
}

static void first__is_what_will_be_told(void **state)
{
    (void)state;
    struct peer p;
    ask(&p, "GET", "", NULL, NULL);
    await(&p, "}\n\n");
    const char *text = text_of(&p);
    assert_int_equal(strncmp(text, "HTTP/1.1 200 ", 13), 0);
    assert_non_null(strstr(text, "text/event-stream\r\n"));
    assert_non_null(strstr(text, "retry: 1000\n\nevent: open\ndata: {\"event\":\"open\",\"topics\":"
                                 "[\"jobs\",\"executions\",\"agents\",\"groups\",\"flows\","
                                 "\"triggers\"]}\n\n"));
    peer_fini(&p);
}

static void job__is_told_by_its_id__where_it_was_asked_for(void **state)
{
    (void)state;
    struct peer all, groups;
    ask(&all, "GET", "", NULL, "text/event-stream");
    ask(&groups, "GET", "?topic=groups,flows", NULL, NULL);
    await(&all, "\"triggers\"]}\n\n");
    await(&groups, "\"topics\":[\"groups\",\"flows\"]}\n\n");
    char *id = submit();
    char *event = str_dupf("event: jobs\ndata: {\"event\":\"jobs\",\"ids\":[\"%s\"],\"more\":false}"
                           "\n\n",
                           id);
    await(&all, event);
    make_group("told");
    await(&groups, "event: groups\ndata: {\"event\":\"groups\"}\n\n");
    await(&all, "event: groups\n");
    assert_null(strstr(text_of(&groups), "jobs"));
    mem_free(event);
    mem_free(id);
    peer_fini(&all);
    peer_fini(&groups);
}

static void agent__comes_and_goes__is_told(void **state)
{
    (void)state;
    struct peer p, agent;
    struct identity i;
    house_enrol(&house, "a", NULL, &i);
    ask(&p, "GET", "?topic=agents", NULL, NULL);
    await(&p, "[\"agents\"]}\n\n");
    house_agent(&house, &i, "a", 1, &agent);
    await(&p, "event: agents\ndata: {\"event\":\"agents\"}\n\n");
    size_t seen = times(text_of(&p), "event: agents\n");
    peer_fini(&agent);
    while (times(text_of(&p), "event: agents\n") == seen) {
        p.changed = false;
        house_run(&house, &p.changed);
    }
    identity_fini(&i);
    peer_fini(&p);
}

static void many_changes__are_one_event_with_at_most_a_hundred_ids(void **state)
{
    (void)state;
    struct peer p;
    struct buf b;
    ask(&p, "GET", "?topic=jobs", NULL, NULL);
    await(&p, "[\"jobs\"]}\n\n");
    buf_init(&b, 1 << 16);
    for (int i = 0; i < LIVE_IDS + 20; i++)
        buf_addf(&b, "%s{\"command\":[\"true\"]}", i ? "," : "[");
    buf_addc(&b, ']');
    json_free(house_post(&house, "/api/v1/jobs", b.data, 200));
    buf_fini(&b);
    await(&p, "\"more\":true}\n\n");
    assert_int_equal(times(text_of(&p), "event: jobs\n"), 1);
    const char *ids = strstr(text_of(&p), "\"ids\":[");
    assert_int_equal(times(ids, "\",\""), LIVE_IDS - 1); /* between two of them */
    char *id = submit();                                 /* what follows is told anew */
    char *event = str_dupf("\"ids\":[\"%s\"],\"more\":false}", id);
    await(&p, event);
    mem_free(event);
    mem_free(id);
    peer_fini(&p);
}

static void changes_without_end__are_some_four_events_a_second(void **state)
{
    (void)state;
    struct peer p;
    ask(&p, "GET", "?topic=jobs", NULL, NULL);
    await(&p, "[\"jobs\"]}\n\n");
    uint64_t from = uv_now(&house.loop);
    while (uv_now(&house.loop) - from < 1200)
        mem_free(submit());
    size_t most = (size_t)(uv_now(&house.loop) - from) / 250 + 1;
    assert_in_range(times(text_of(&p), "event: jobs\n"), 2, most);
    peer_fini(&p);
}

static void lines__are_json_alone(void **state)
{
    (void)state;
    struct peer p, q;
    ask(&p, "GET", "?topic=jobs", NULL, "application/x-ndjson");
    ask(&q, "GET", "?topic=jobs&format=json", NULL, "text/event-stream");
    await(&p, "[\"jobs\"]}\n");
    await(&q, "[\"jobs\"]}\n");
    assert_non_null(strstr(text_of(&p), "application/x-ndjson\r\n"));
    mem_free(submit());
    await(&p, "\n{\"event\":\"jobs\",\"ids\":[\"");
    await(&q, "\n{\"event\":\"jobs\",\"ids\":[\"");
    assert_null(strstr(text_of(&p), "data:"));
    peer_fini(&p);
    peer_fini(&q);
}

static void token_of_a_namespace__is_told_no_ids(void **state)
{
    (void)state;
    struct peer p;
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"a.b\"}", NULL);
    ask(&p, "GET", "?topic=jobs", token, NULL);
    await(&p, "[\"jobs\"]}\n\n");
    char *id = submit();
    await(&p, "event: jobs\ndata: {\"event\":\"jobs\",\"ids\":[],\"more\":true}\n\n");
    assert_null(strstr(text_of(&p), id));
    mem_free(id);
    mem_free(token);
    peer_fini(&p);
}

static void client_that_does_not_read__is_told_to_load_anew(void **state)
{
    (void)state;
    struct peer p;
    ask(&p, "GET", "?topic=groups,jobs", NULL, NULL);
    await(&p, "\"groups\"]}\n\n");
    clogged = true; /* too much for events, and not for other requests */
    make_group("behind");
    house_run_ms(&house, 600);
    clogged = false;
    await(&p, "event: reload\ndata: {\"event\":\"reload\"}\n\n");
    assert_null(strstr(text_of(&p), "event: groups\n"));
    make_group("again");
    await(&p, "event: groups\n");
    assert_int_equal(times(text_of(&p), "event: reload\n"), 1);
    peer_fini(&p);
}

static void revoked_token__ends_its_stream_at_once(void **state)
{
    (void)state;
    struct peer p, other;
    char id[14];
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    ask(&p, "GET", "", token, NULL);
    ask(&other, "GET", "", NULL, NULL);
    await(&p, "event: open\n");
    await(&other, "event: open\n");
    char *path = str_dupf("/api/v1/tokens/%s", id);
    struct answer a;
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    peer_wait_closed(&p);
    assert_null(strstr(text_of(&p), "\r\n0\r\n")); /* it broke off: no last chunk */
    assert_false(other.closed);
    mem_free(path);
    mem_free(token);
    peer_fini(&p);
    peer_fini(&other);
}

static void clients_that_leave__are_forgotten(void **state)
{
    (void)state;
    struct peer p[8];
    for (size_t i = 0; i < 8; i++) {
        ask(&p[i], "GET", "?topic=groups", NULL, NULL);
        await(&p[i], "[\"groups\"]}\n\n");
    }
    for (size_t i = 0; i < 8; i += 2)
        peer_fini(&p[i]);
    make_group("eight");
    for (size_t i = 1; i < 8; i += 2)
        await(&p[i], "event: groups\n");
    for (size_t i = 1; i < 8; i += 2)
        peer_fini(&p[i]);
    make_group("none");
}

static void token__has_its_share_of_the_places(void **state)
{
    (void)state;
    static struct peer p[LIVE_OF_TOKEN], other;
    struct answer a;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    for (size_t i = 0; i < LIVE_OF_TOKEN; i++) {
        ask(&p[i], "GET", "?topic=groups", token, NULL);
        await(&p[i], "[\"groups\"]}\n\n");
    }
    house_call(&house, "GET", "/api/v1/events", token, NULL, NULL, &a);
    answer_is(&a, 503, "unavailable", "100 clients with this token");
    answer_fini(&a);
    ask(&other, "GET", "?topic=groups", NULL, NULL);
    await(&other, "[\"groups\"]}\n\n");
    for (size_t i = 0; i < LIVE_OF_TOKEN; i++)
        peer_fini(&p[i]);
    make_group("share"); /* who has left is forgotten when something is sent */
    await(&other, "event: groups\n");
    ask(&p[0], "GET", "?topic=groups", token, NULL);
    await(&p[0], "[\"groups\"]}\n\n");
    peer_fini(&p[0]);
    peer_fini(&other);
    mem_free(token);
}

static void head__is_the_head_alone(void **state)
{
    (void)state;
    struct peer p;
    ask(&p, "HEAD", "", NULL, NULL);
    await(&p, "\r\n\r\n");
    assert_non_null(strstr(text_of(&p), "text/event-stream\r\n"));
    house_run_ms(&house, 300);
    assert_null(strstr(text_of(&p), "open"));
    peer_fini(&p);
}

static void what_is_wrong__is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *query, *headers;
        int status;
        const char *code, *part;
    } wrong[] = {
        {"GET", "?topic=jobs,job", NULL, 422, "invalid", "topic: 'job' is not a topic"},
        {"GET", "?topic=,", NULL, 422, "invalid", "topic: '' is not a topic"},
        {"GET", "?topics=jobs", NULL, 422, "invalid", "topics"},
        {"GET", "?format=xml", NULL, 422, "invalid", "format: 'xml' is not json"},
        {"POST", "", NULL, 405, "method", "no method POST"},
    };
    struct answer a;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *path = str_dupf("/api/v1/events%s", wrong[i].query);
        house_call(&house, wrong[i].method, path, NULL, NULL, NULL, &a);
        answer_is(&a, wrong[i].status, wrong[i].code, wrong[i].part);
        answer_fini(&a);
        mem_free(path);
    }
    house_call(&house, "GET", "/api/v1/events", "", NULL, NULL, &a);
    answer_is(&a, 401, "token-missing", NULL);
    answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first__is_what_will_be_told),
        cmocka_unit_test(job__is_told_by_its_id__where_it_was_asked_for),
        cmocka_unit_test(agent__comes_and_goes__is_told),
        cmocka_unit_test(many_changes__are_one_event_with_at_most_a_hundred_ids),
        cmocka_unit_test(changes_without_end__are_some_four_events_a_second),
        cmocka_unit_test(lines__are_json_alone),
        cmocka_unit_test(token_of_a_namespace__is_told_no_ids),
        cmocka_unit_test(client_that_does_not_read__is_told_to_load_anew),
        cmocka_unit_test(revoked_token__ends_its_stream_at_once),
        cmocka_unit_test(clients_that_leave__are_forgotten),
        cmocka_unit_test(token__has_its_share_of_the_places),
        cmocka_unit_test(head__is_the_head_alone),
        cmocka_unit_test(what_is_wrong__is_refused),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
