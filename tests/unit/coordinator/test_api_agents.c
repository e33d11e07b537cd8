/* Agents in the API: removed with a reason, and their history. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static void refused(const char *method, const char *path, const char *token, int status,
                    const char *code, const char *part)
{
    struct answer a;
    house_call(&house, method, path, token, NULL, NULL, &a);
    answer_is(&a, status, code, part);
    answer_fini(&a);
}

/* Answered with this status and no error. */
static void done(const char *method, const char *path, int status)
{
    struct answer a;
    house_call(&house, method, path, NULL, NULL, NULL, &a);
    if (a.status != status) fail_msg("%s %s: %d %s", method, path, a.status, a.text);
    answer_fini(&a);
}

static void enrol(const char *name)
{
    struct identity i;
    house_enrol(&house, name, NULL, &i);
    identity_fini(&i);
}

static void says(const struct json *j, const char *member, const char *text)
{
    const char *is = json_get_str(j, member, NULL);
    if (!str_eq(is, text))
        fail_msg("%s is %s, not %s", member, is ? is : "null", text ? text : "null");
}

/* A reason of so many bytes in a path. mem_free */
static char *path_with_reason(const char *agent, size_t bytes)
{
    char *reason = mem_array(bytes + 1, 1);
    memset(reason, 'x', bytes);
    char *path = str_dupf("/api/v1/agents/%s?reason=%s", agent, reason);
    mem_free(reason);
    return path;
}

/* ---- removed with a reason ---- */

static void removed__with_a_reason__is_shown_with_it(void **state)
{
    (void)state;
    enrol("sold");
    struct json *j = house_get(&house, "/api/v1/agents/sold", 200);
    char *by_id = str_dupf("/api/v1/agents/%s", json_get_str(j, "id", ""));
    says(j, "removedAt", NULL);
    says(j, "removedReason", NULL);
    json_free(j);
    done("DELETE", "/api/v1/agents/sold?reason=a%20new%20one%20came", 204);
    const char *paths[] = {"/api/v1/agents/sold", by_id};
    for (size_t i = 0; i < 2; i++) {
        j = house_get(&house, paths[i], 200);
        says(j, "state", "REMOVED");
        says(j, "name", "sold");
        says(j, "removedReason", "a new one came");
        assert_non_null(json_get_str(j, "removedAt", NULL));
        assert_non_null(json_get_str(j, "removedBy", NULL));
        assert_int_equal(json_get_int(j, "freeSlots", -1), 0);
        json_free(j);
    }
    j = house_get(&house, "/api/v1/agents", 200);
    assert_int_equal(json_count(json_get(j, "agents")), 0); /* it is in no list */
    json_free(j);
    refused("DELETE", by_id, NULL, 404, "not-found", "there is no agent");
    refused("POST", "/api/v1/agents/sold/drain", NULL, 404, "not-found", "sold");
    refused("POST", "/api/v1/agents/sold/resume", NULL, 404, "not-found", "sold");
    enrol("sold"); /* another one of that name */
    j = house_get(&house, "/api/v1/agents/sold", 200);
    says(j, "state", "OFFLINE");
    says(j, "removedReason", NULL);
    json_free(j);
    j = house_get(&house, by_id, 200);
    says(j, "state", "REMOVED");
    json_free(j);
    done("DELETE", "/api/v1/agents/sold?force=true&reason=", 204);
    j = house_get(&house, "/api/v1/agents/sold", 200);
    says(j, "state", "REMOVED");
    says(j, "removedReason", NULL); /* the last one of that name: without a reason */
    json_free(j);
    mem_free(by_id);
}

static void removal__with_a_bad_reason__is_refused_and_the_agent_stays(void **state)
{
    (void)state;
    enrol("stays");
    char *long_one = path_with_reason("stays", 513), *longest = path_with_reason("stays", 512);
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    char *submitter = house_token(&house, "{\"type\":\"api\",\"role\":\"submit\"}", NULL);
    refused("DELETE", long_one, NULL, 422, "invalid", "reason: is too long: 512 bytes");
    static const char *const bad[] = {"a%0Ab", "%1B[31m", "a%7F", "a%C2%85b", "a%E2%80%AEb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *path = str_dupf("/api/v1/agents/stays?reason=%s", bad[i]);
        refused("DELETE", path, NULL, 422, "invalid", "reason: has a character");
        mem_free(path);
        path = str_dupf("/api/v1/agents/stays/drain?reason=%s", bad[i]);
        refused("POST", path, NULL, 422, "invalid", "reason: has a character");
        mem_free(path);
    }
    refused("DELETE", "/api/v1/agents/stays?reason=a%00b", NULL, 400, "bad-request", NULL);
    refused("DELETE", "/api/v1/agents/stays?reason=%FF", NULL, 400, "bad-request", NULL);
    refused("DELETE", "/api/v1/agents/stays?raeson=x", NULL, 422, "invalid",
            "did you mean 'reason'?");
    refused("POST", "/api/v1/agents/stays/drain?force=true", NULL, 422, "invalid", "force");
    refused("DELETE", "/api/v1/agents/nobody?reason=x", NULL, 404, "not-found", "nobody");
    refused("DELETE", "/api/v1/agents/stays?reason=x", reader, 403, "role", "'admin' is needed");
    refused("DELETE", "/api/v1/agents/stays?reason=x", submitter, 403, "role", NULL);
    refused("DELETE", "/api/v1/agents/stays?reason=x", "", 401, "token-missing", NULL);
    struct json *j = house_get(&house, "/api/v1/agents/stays", 200);
    says(j, "state", "OFFLINE");
    json_free(j);
    done("DELETE", longest, 204);
    j = house_get(&house, "/api/v1/agents/stays", 200);
    assert_int_equal(strlen(json_get_str(j, "removedReason", "")), 512);
    json_free(j);
    mem_free(long_one);
    mem_free(longest);
    mem_free(reader);
    mem_free(submitter);
}

/* ---- history ---- */

/* What happened to the agent, newest first: "connected disconnected". mem_free */
static char *events_of(const char *path)
{
    struct buf b;
    struct json *j = house_get(&house, path, 200);
    buf_init(&b, 65536);
    for (const struct json *v = json_first(json_get(j, "events")); v; v = json_next(v)) {
        assert_true(json_get_int(v, "number", 0) > 0);
        assert_true(json_get_int(v, "times", 0) > 0);
        assert_non_null(json_get_str(v, "firstAt", NULL));
        assert_non_null(json_get_str(v, "lastAt", NULL));
        (void)buf_addf(&b, "%s%s", b.len ? " " : "", json_get_str(v, "event", "?"));
    }
    char *text = mem_strdup(b.len ? b.data : "");
    buf_fini(&b);
    json_free(j);
    return text;
}

static void events_are(const char *path, const char *expected)
{
    char *is = events_of(path);
    if (!str_eq(is, expected)) fail_msg("%s: '%s' instead of '%s'", path, is, expected);
    mem_free(is);
}

static void history__tells_what_happened_by_whom_and_why(void **state)
{
    struct identity i;
    struct peer p;
    (void)state;
    house_enrol(&house, "told", NULL, &i);
    house_agent(&house, &i, "told", 1, &p);
    json_free(house_post(&house, "/api/v1/agents/told/drain?reason=new%20disk", NULL, 200));
    json_free(house_post(&house, "/api/v1/agents/told/resume?reason=done", NULL, 200));
    struct msg bye = {.type = MSG_BYE};
    bye.u.bye.reason = "a restart";
    peer_send(&p, &bye);
    peer_wait_closed(&p);
    peer_fini(&p);
    char *events;
    while (!str_eq(events = events_of("/api/v1/agents/told/history"),
                   "disconnected resumed drained connected enrolled"))
        mem_free(events); /* the coordinator may hear of the end later */
    mem_free(events);
    struct json *j = house_get(&house, "/api/v1/agents/told/history?limit=3", 200);
    const struct json *v = json_first(json_get(j, "events"));
    says(v, "message", "the agent ended it: a restart");
    says(v, "by", NULL);
    v = json_next(v);
    says(v, "by", "first administrator");
    says(v, "message", "done");
    v = json_next(v);
    says(v, "by", "first administrator");
    says(v, "message", "new disk");
    assert_true(json_get_bool(j, "more", false));
    char *next = str_dupf("/api/v1/agents/told/history?before=%lld",
                          (long long)json_get_int(v, "number", 0));
    json_free(j);
    events_are(next, "connected enrolled");
    done("DELETE", "/api/v1/agents/told?reason=sold", 204);
    events_are("/api/v1/agents/told/history?limit=2", "removed disconnected");
    mem_free(next);
    identity_fini(&i);
}

static void history__of_a_connection_that_broke__has_the_cause(void **state)
{
    struct identity i;
    struct peer p;
    (void)state;
    house_enrol(&house, "broke", NULL, &i);
    house_agent(&house, &i, "broke", 1, &p);
    peer_write(&p, "\0\0\0\1\377", 5); /* no frame */
    peer_wait_closed(&p);
    peer_fini(&p);
    char *events;
    while (!str_starts(events = events_of("/api/v1/agents/broke/history"), "disconnected"))
        mem_free(events);
    mem_free(events);
    struct json *j = house_get(&house, "/api/v1/agents/broke/history?limit=1", 200);
    const char *why = json_get_str(json_first(json_get(j, "events")), "message", "");
    if (!strstr(why, "frame")) fail_msg("why it ended is not told: %s", why);
    json_free(j);
    identity_fini(&i);
}

static void history__of_what_there_is_not__is_refused(void **state)
{
    (void)state;
    enrol("plain");
    char *join = house_token(&house, "{\"type\":\"join\"}", NULL);
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    struct answer a;
    refused("GET", "/api/v1/agents/nobody/history", NULL, 404, "not-found", "nobody");
    refused("GET", "/api/v1/agents/plain/history", "", 401, "token-missing", NULL);
    refused("GET", "/api/v1/agents/plain/history?limit=0", NULL, 422, "invalid", "limit: ");
    refused("GET", "/api/v1/agents/plain/history?limit=501", NULL, 422, "invalid", "limit: ");
    refused("GET", "/api/v1/agents/plain/history?before=x", NULL, 422, "invalid", "cursor");
    refused("GET", "/api/v1/agents/plain/history?before=-1", NULL, 422, "invalid", "cursor");
    refused("GET", "/api/v1/agents/plain/history?cursor=5", NULL, 422, "invalid", "cursor");
    refused("POST", "/api/v1/agents/plain/history", NULL, 405, "method", "GET");
    house_call(&house, "GET", "/api/v1/agents/plain/history", join, NULL, NULL, &a);
    assert_int_equal(a.status, 401); /* it opens nothing of the API */
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/agents/plain/history", reader, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    mem_free(join);
    mem_free(reader);
}

static void coordinators__one_that_is_alone__is_the_owner(void **state)
{
    (void)state;
    struct json *j = house_get(&house, "/api/v1/coordinators", 200);
    const struct json *list = json_get(j, "coordinators"), *c = json_first(list);
    assert_int_equal(json_count(list), 1);
    assert_true(json_get_bool(c, "self", false));
    assert_true(json_get_bool(c, "owner", false));
    assert_true(json_get_bool(c, "alive", false));
    assert_int_equal(strlen(json_get_str(c, "id", "")), ID_TEXT_SIZE - 1);
    assert_true(json_count(json_get(c, "addresses")) > 0);
    assert_non_null(json_get_str(c, "version", NULL));
    char *next = str_dupf("/api/v1/coordinators?cursor=%s", json_get_str(c, "id", ""));
    json_free(j);
    j = house_get(&house, next, 200);
    assert_int_equal(json_count(json_get(j, "coordinators")), 0);
    json_free(j);
    mem_free(next);
    j = house_get(&house, "/api/v1/status", 200);
    assert_null(json_get(j, "coordinators"));
    json_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coordinators__one_that_is_alone__is_the_owner),
        cmocka_unit_test(removed__with_a_reason__is_shown_with_it),
        cmocka_unit_test(removal__with_a_bad_reason__is_refused_and_the_agent_stays),
        cmocka_unit_test(history__tells_what_happened_by_whom_and_why),
        cmocka_unit_test(history__of_a_connection_that_broke__has_the_cause),
        cmocka_unit_test(history__of_what_there_is_not__is_refused),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
