/* Cancelling and retrying by a filter over HTTP: who is found, what is counted, what is refused. */
#include "tests/unit/coordinator/house.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "heartbeat: 10s\n", NULL);
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"g\"}", 201));
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* `count` jobs that wait; their group and namespace may be NULL. id: of the last one, or NULL. */
static void add_to(const char *group, const char *ns, int count, char id[14])
{
    struct buf b;
    struct jw w;
    buf_init(&b, 1u << 20);
    jw_init(&w, &b);
    jw_array(&w, NULL);
    for (int i = 0; i < count; i++) {
        jw_object(&w, NULL);
        jw_array(&w, "command");
        jw_str(&w, NULL, "x");
        jw_end(&w);
        if (group) jw_str(&w, "group", group);
        if (ns) jw_str(&w, "namespace", ns);
        jw_end(&w);
    }
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    struct json *j = house_post(&house, "/api/v1/jobs", b.data, 200);
    const struct json *last = NULL;
    for (const struct json *i = json_first(j); i; i = json_next(i))
        last = i;
    if (id) assert_int_equal(str_copy(id, 14, json_get_str(last, "id", "?")), 0);
    json_free(j);
    buf_fini(&b);
}

static size_t in_state(const char *state)
{
    char *path = str_dupf("/api/v1/jobs?limit=500&state=%s", state);
    struct json *j = house_get(&house, path, 200);
    size_t n = json_count(json_get(j, "jobs"));
    json_free(j);
    mem_free(path);
    return n;
}

static struct json *post(const char *what, const char *query)
{
    char *path = str_dupf("/api/v1/jobs/%s", what);
    char *whole = str_dupf("%s?%s", path, query);
    struct json *j = house_post(&house, whole, NULL, 200);
    mem_free(whole);
    mem_free(path);
    return j;
}

static void has(const struct json *j, const char *key, int64_t n)
{
    if (json_get_int(j, key, -1) == n) return;
    char *text = json_text(j);
    fail_msg("%s is not %lld in %s", key, (long long)n, text);
}

static void refused_as(const char *token, const char *query, int status, const char *code,
                       const char *part)
{
    static const char *const verbs[] = {"cancel", "retry"};
    for (size_t i = 0; i < 2; i++) {
        struct answer a;
        char *path = str_dupf("/api/v1/jobs/%s%s%s", verbs[i], *query ? "?" : "", query);
        house_call(&house, "POST", path, token, NULL, NULL, &a);
        answer_is(&a, status, code, part);
        answer_fini(&a);
        mem_free(path);
    }
}

/* ---- cancel ---- */

static void a_filter_cancels_its_jobs_and_no_other(void **state)
{
    (void)state;
    add_to("g", NULL, 3, NULL);
    add_to(NULL, NULL, 2, NULL);
    struct json *j = post("cancel", "group=g&dryRun=true");
    has(j, "matched", 3);
    assert_null(json_get(j, "cancelled"));
    assert_int_equal(json_type(json_get(j, "nextCursor")), JSON_NULL);
    json_free(j);
    assert_int_equal(in_state("CANCELLED"), 0); /* it was counted alone */
    j = post("cancel", "group=g");
    has(j, "matched", 3);
    has(j, "cancelled", 3);
    has(j, "killing", 0);
    has(j, "ended", 0);
    has(j, "changed", 0);
    json_free(j);
    assert_int_equal(in_state("CANCELLED"), 3);
    assert_int_equal(in_state("CREATED"), 2);
    j = post("cancel", "group=g"); /* there are none any more */
    has(j, "matched", 0);
    has(j, "cancelled", 0);
    json_free(j);
    j = post("cancel", "all=true");
    has(j, "cancelled", 2);
    json_free(j);
}

static void pages_go_on_with_a_cursor(void **state)
{
    (void)state;
    add_to("g", NULL, 25, NULL);
    struct json *j = post("cancel", "group=g&dryRun=true");
    char *cursor = mem_strdup(json_get_str(j, "startCursor", NULL));
    json_free(j);
    add_to("g", NULL, 1, NULL); /* newer than what was counted */
    int64_t cancelled = 0;
    int pages = 0;
    while (cursor) {
        char *query = str_dupf("group=g&limit=10&cursor=%s", cursor);
        j = post("cancel", query);
        cancelled += json_get_int(j, "cancelled", 0);
        mem_free(query);
        mem_free(cursor);
        cursor = mem_strdup(json_get_str(j, "nextCursor", NULL));
        json_free(j);
        assert_true(++pages < 10);
    }
    assert_int_equal(pages, 3);
    assert_int_equal(cancelled, 25);
    assert_int_equal(in_state("CREATED"), 1);
}

static void times_are_told_as_they_were_counted(void **state)
{
    (void)state;
    add_to("g", NULL, 2, NULL);
    struct json *j = post("cancel", "group=g&since=1h&dryRun=true");
    has(j, "matched", 2);
    const char *since = json_get_str(j, "since", "?");
    int64_t ms, now_ms = os_wall_ms();
    assert_int_equal(time_parse(since, &ms), 0);
    assert_in_range(now_ms - ms, 3600000, 3600000 + 60000);
    assert_null(json_get(j, "until"));
    char *query = str_dupf("since=%s&until=2100-01-01T00:00:00%%2B01:00&dryRun=true", since);
    struct json *again = post("cancel", query);
    assert_string_equal(json_get_str(again, "since", "?"), since);
    assert_string_equal(json_get_str(again, "until", "?"), "2099-12-31T23:00:00.000Z");
    mem_free(query);
    json_free(again);
    json_free(j);
}

static void running_jobs_are_told_to_end_once(void **state)
{
    struct identity worker;
    struct peer agent;
    (void)state;
    house_enrol(&house, "w", NULL, &worker);
    house_agent(&house, &worker, "w", 2, &agent);
    add_to(NULL, NULL, 4, NULL);
    struct msg m;
    peer_expect(&agent, MSG_JOB, &m);
    msg_fini(&m);
    peer_expect(&agent, MSG_JOB, &m);
    msg_fini(&m);
    struct json *j = post("cancel", "agent=w");
    has(j, "matched", 2);
    has(j, "killing", 2);
    has(j, "cancelled", 0);
    json_free(j);
    j = post("cancel", "agent=w"); /* they are on their way out, by this or another cancel */
    has(j, "matched", 0);
    json_free(j);
    j = post("cancel", "state=CREATED&group=default");
    has(j, "cancelled", 2);
    json_free(j);
    peer_fini(&agent);
    identity_fini(&worker);
}

/* ---- retry ---- */

static void ends_are_run_again_by_their_state(void **state)
{
    (void)state;
    add_to("g", NULL, 3, NULL);
    add_to(NULL, NULL, 1, NULL);
    json_free(post("cancel", "group=g"));
    struct json *j = post("retry", "group=g"); /* FAILED, of which there are none */
    has(j, "matched", 0);
    has(j, "retried", 0);
    assert_int_equal(json_count(json_get(j, "jobs")), 0);
    json_free(j);
    j = post("retry", "state=CANCELLED&dryRun=true");
    has(j, "matched", 3);
    json_free(j);
    assert_int_equal(in_state("CREATED"), 1);
    j = post("retry", "state=CANCELLED&since=1h");
    has(j, "matched", 3);
    has(j, "retried", 3);
    has(j, "refused", 0);
    const struct json *first = json_first(json_get(j, "jobs"));
    assert_false(json_get_bool(first, "duplicate", true));
    char *path = str_dupf("/api/v1/jobs/%s", json_get_str(first, "id", "?"));
    struct json *made = house_get(&house, path, 200);
    assert_string_equal(json_get_str(made, "retryOf", "?"), json_get_str(first, "retryOf", "!"));
    json_free(made);
    mem_free(path);
    json_free(j);
    assert_int_equal(in_state("CREATED"), 4);
}

static void a_key_runs_each_job_again_once(void **state)
{
    (void)state;
    struct answer a;
    add_to("g", NULL, 3, NULL);
    json_free(post("cancel", "group=g"));
    for (int i = 0; i < 2; i++) {
        house_call(&house, "POST", "/api/v1/jobs/retry?state=CANCELLED", NULL, NULL,
                   "Idempotency-Key: k\r\n", &a);
        assert_int_equal(a.status, 200);
        has(a.json, "retried", 3);
        const struct json *first = json_first(json_get(a.json, "jobs"));
        assert_int_equal(json_get_bool(first, "duplicate", false), i == 1);
        answer_fini(&a);
    }
    assert_int_equal(in_state("CREATED"), 3);
    json_free(post("retry", "state=CANCELLED"));
    assert_int_equal(in_state("CREATED"), 6); /* without one each time */
    char *key = str_dupf("Idempotency-Key: %0187d\r\n", 1);
    house_call(&house, "POST", "/api/v1/jobs/retry?state=CANCELLED", NULL, NULL, key, &a);
    answer_is(&a, 422, "invalid", "1 to 186 bytes");
    answer_fini(&a);
    mem_free(key);
}

static void what_is_refused_is_told_of_each(void **state)
{
    (void)state;
    add_to("g", NULL, 3, NULL);
    json_free(post("cancel", "group=g"));
    struct answer a;
    house_call(&house, "PATCH", "/api/v1/groups/g", NULL, "{\"maxQueued\":2}", NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    struct json *j = post("retry", "state=CANCELLED");
    has(j, "matched", 3);
    has(j, "retried", 2);
    has(j, "refused", 1);
    const struct json *last = NULL;
    for (const struct json *i = json_first(json_get(j, "jobs")); i; i = json_next(i))
        last = i;
    assert_string_equal(json_get_str(json_get(last, "error"), "code", "?"), "queue-full");
    assert_null(json_get(last, "id"));
    assert_int_equal(strlen(json_get_str(last, "retryOf", "")), 13);
    json_free(j);
}

/* A job of half a MB. */
static void add_large(void)
{
    struct buf b;
    buf_init(&b, 1u << 20);
    (void)buf_adds(&b, "{\"command\":[\"x\"],\"group\":\"g\",\"stdin\":\"");
    for (int i = 0; i < 50000; i++)
        (void)buf_adds(&b, "0123456789");
    (void)buf_adds(&b, "\"}");
    (void)buf_add(&b, "", 1);
    json_free(house_post(&house, "/api/v1/jobs", b.data, 201));
    buf_fini(&b);
}

static void a_page_ends_by_the_size_of_its_jobs(void **state)
{
    (void)state;
    for (int i = 0; i < 18; i++)
        add_large();
    json_free(post("cancel", "group=g"));
    struct json *j = post("retry", "state=CANCELLED&dryRun=true");
    has(j, "matched", 18);
    json_free(j);
    j = post("retry", "state=CANCELLED");
    has(j, "matched", 17); /* 8 MiB and the rest of one */
    has(j, "retried", 17);
    char *query = str_dupf("state=CANCELLED&cursor=%s", json_get_str(j, "nextCursor", "?"));
    json_free(j);
    j = post("retry", query);
    has(j, "matched", 1);
    assert_int_equal(json_type(json_get(j, "nextCursor")), JSON_NULL);
    json_free(j);
    mem_free(query);
    assert_int_equal(in_state("CREATED"), 18);
}

/* ---- refused ---- */

static void filters_that_are_none_are_refused(void **state)
{
    (void)state;
    add_to("g", NULL, 2, NULL);
    static const struct {
        const char *query, *part;
    } wrong[] = {
        {"", "there is no filter"},
        {"dryRun=true", "there is no filter"},
        {"limit=10", "there is no filter"},
        {"all=false", "there is no filter"},
        {"all=yes", "all: 'yes' is neither"},
        {"all=true&group=g", "goes with no filter"},
        {"group=", "group: is empty"},
        {"state=", "state: is empty"},
        {"state=&group=g", "state: is empty"},
        {"namespace=", "namespace: is empty"},
        {"name=", "name: is empty"},
        {"agent=", "agent: is empty"},
        {"id=", "id: is empty"},
        {"since=", "since: ''"},
        {"kind=&group=g", "kind: is empty"},
        {"group=h", "there is no worker group 'h'"},
        {"agent=nobody", "nobody"},
        {"group=g&limit=0", "limit: "},
        {"group=g&limit=1001", "limit: "},
        {"group=g&cursor=x", "invalid cursor 'x'"},
        {"group=g&dryRun=maybe", "dryRun: 'maybe'"},
        {"group=g&force=true", "unknown query parameter 'force'"},
        {"group=g&group=h", "the query parameter 'group' is there twice"},
        {"group=g&dryRun=false&dryRun=true", "the query parameter 'dryRun' is there twice"},
        {"state=QUEUED", "'QUEUED' is not a state"},
        {"state=NO", "state: what is NO"},
        {"kind=trigger", "'trigger' is not a kind"},
        {"until=tomorrow", "until: 'tomorrow'"},
        {"namespace=a..b", "is not a namespace"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused_as(NULL, wrong[i].query, 422, "invalid", wrong[i].part);
    assert_int_equal(in_state("CREATED"), 2);
}

static void states_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct answer a;
    static const char *const wrong[] = {
        "cancel?state=FAILED",
        "cancel?state=CREATED,SUCCESS",
        "cancel?state=CANCELLED&group=g",
        "retry?state=CREATED",
        "retry?state=FAILED,RUNNING",
        "retry?state=FIRED",
        "retry?state=NO&group=g",
        "retry?kind=task&state=FAILED",
        "retry?kind=all&state=FAILED",
        "retry?kind=evaluation&group=g",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char *path = str_dupf("/api/v1/jobs/%s", wrong[i]);
        house_call(&house, "POST", path, NULL, NULL, NULL, &a);
        answer_is(&a, 422, "invalid", strstr(wrong[i], "kind") ? "kind: " : "state: what is ");
        answer_fini(&a);
        mem_free(path);
    }
    house_call(&house, "POST", "/api/v1/jobs/cancel?all=true", NULL, "{}", NULL, &a);
    answer_is(&a, 400, "bad-request", "takes no body");
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/jobs/cancel?all=true", NULL, NULL, NULL, &a);
    answer_is(&a, 405, "method", "only POST");
    answer_fini(&a);
}

static void tokens_reach_as_far_as_for_one_job(void **state)
{
    (void)state;
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    char *team =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"a.b\"}", NULL);
    add_to("g", "a.b", 2, NULL);
    add_to("g", "a.c", 3, NULL);
    add_to("g", NULL, 1, NULL);
    refused_as(reader, "group=g", 403, "role", "'submit' is needed");
    refused_as(reader, "group=g&dryRun=true", 403, "role", "'submit' is needed");
    refused_as("", "group=g", 401, "token-missing", NULL);
    refused_as(team, "namespace=a", 403, "namespace", "a.b only");
    refused_as(team, "namespace=a.c", 403, "namespace", "a.b only");
    assert_int_equal(in_state("CREATED"), 6);
    refused_as(team, "", 422, "invalid", "there is no filter"); /* its namespace is not said */
    struct answer a;
    house_call(&house, "POST", "/api/v1/jobs/cancel?group=g&dryRun=true", team, NULL, NULL, &a);
    has(a.json, "matched", 2);
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/jobs/cancel?all=true", team, NULL, NULL, &a);
    has(a.json, "cancelled", 2);
    answer_fini(&a);
    assert_int_equal(in_state("CREATED"), 4);
    house_call(&house, "POST", "/api/v1/jobs/retry?state=CANCELLED", team, NULL, NULL, &a);
    has(a.json, "retried", 2);
    answer_fini(&a);
    mem_free(reader);
    mem_free(team);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(a_filter_cancels_its_jobs_and_no_other),
        IN_HOUSE(pages_go_on_with_a_cursor),
        IN_HOUSE(times_are_told_as_they_were_counted),
        IN_HOUSE(running_jobs_are_told_to_end_once),
        IN_HOUSE(ends_are_run_again_by_their_state),
        IN_HOUSE(a_key_runs_each_job_again_once),
        IN_HOUSE(what_is_refused_is_told_of_each),
        IN_HOUSE(a_page_ends_by_the_size_of_its_jobs),
        IN_HOUSE(filters_that_are_none_are_refused),
        IN_HOUSE(states_that_do_not_fit_are_refused),
        IN_HOUSE(tokens_reach_as_far_as_for_one_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
