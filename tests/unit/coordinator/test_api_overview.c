/* What an overview is made of: the waits of all groups, the history of one, failures by cause with
 * the lists behind them, and the next schedules. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/store.h"
#include "platform/os.h"

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

static void refused(const char *path, const char *token, int status, const char *code,
                    const char *part)
{
    struct answer a;
    house_call(&house, "GET", path, token, NULL, NULL, &a);
    answer_is(&a, status, code, part);
    answer_fini(&a);
}

static void submit(const char *body)
{
    json_free(house_post(&house, "/api/v1/jobs", body, 201));
}

/* ---- waits ---- */

/* Waits until so many jobs were handed out to the agents of the group. */
static struct json *waits_of(const char *group, int64_t jobs)
{
    char *path = str_dupf("/api/v1/waits?group=%s", group);
    for (int i = 0; i < 500; i++) {
        struct json *j = house_get(&house, path, 200);
        const struct json *first = json_first(json_get(j, "groups"));
        if (json_get_int(json_get(first, "day"), "jobs", 0) == jobs) {
            mem_free(path);
            return j;
        }
        json_free(j);
        house_run_ms(&house, 20);
    }
    fail_msg("the group %s had no %lld jobs", group, (long long)jobs);
    return NULL;
}

static void waits__are_of_the_groups_that_had_a_job(void **state)
{
    struct identity who;
    struct peer agent;
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"idle\"}", 201));
    struct json *j = house_get(&house, "/api/v1/waits", 200);
    assert_int_equal(json_count(json_get(j, "groups")), 0);
    assert_non_null(json_get_str(j, "since", NULL));
    json_free(j);
    house_enrol(&house, "w", NULL, &who);
    house_agent(&house, &who, "w", 4, &agent);
    submit("{\"command\":[\"x\"]}");
    submit("{\"command\":[\"x\"],\"group\":\"idle\"}"); /* waits still */
    j = waits_of("default", 1);
    const struct json *row = json_first(json_get(j, "groups"));
    assert_int_equal(json_count(json_get(j, "groups")), 1);
    assert_string_equal(json_get_str(row, "group", ""), "default");
    assert_int_equal(json_get_int(json_get(row, "hour"), "jobs", 0), 1);
    assert_non_null(json_get_str(json_get(row, "hour"), "p99", NULL));
    json_free(j);
    j = house_get(&house, "/api/v1/waits", 200);
    assert_int_equal(json_count(json_get(j, "groups")), 1);
    json_free(j);
    j = house_get(&house, "/api/v1/waits?group=idle", 200);
    assert_int_equal(json_count(json_get(j, "groups")), 0);
    json_free(j);
    peer_fini(&agent);
    identity_fini(&who);
    /* nothing is known of before a start */
    house_stop(&house);
    house_start(&house, NULL);
    j = house_get(&house, "/api/v1/waits", 200);
    assert_int_equal(json_count(json_get(j, "groups")), 0);
    json_free(j);
}

static void waits__of_what_there_is_not__are_refused(void **state)
{
    (void)state;
    refused("/api/v1/waits?group=nosuch", NULL, 422, "invalid", "no worker group 'nosuch'");
    refused("/api/v1/waits?group=%25", NULL, 422, "invalid", "is not a group's key");
    refused("/api/v1/waits?grup=default", NULL, 422, "invalid", "did you mean 'group'?");
    refused("/api/v1/waits", "", 401, "token-missing", NULL);
    refused("/api/v1/waits/default", NULL, 404, "not-found", NULL);
}

/* ---- the busiest groups ---- */

/* Changes made beside the coordinator, which stands still meanwhile. */
static struct store *begin_beside(void)
{
    struct store *store;
    struct err e;
    house_stop(&house);
    char *state = str_dupf("%s/state", house.folder);
    assert_int_equal(store_open(state, &store, &e), 0);
    mem_free(state);
    assert_int_equal(store_begin(store, &e), 0);
    return store;
}

static void commit_beside(struct store *store)
{
    struct err e;
    assert_int_equal(store_commit(store, &e), 0);
    store_close(store);
    house_start(&house, NULL);
}

/* m000, m001 and so on. */
static void add_groups(int count)
{
    struct err e;
    struct store *store = begin_beside();
    for (int n = 0; n < count; n++) {
        struct group_row g = {.key = str_dupf("m%03d", n), .created_ms = 1};
        assert_int_equal(store_group_put(store, &g, &e), 0);
        mem_free(g.key);
    }
    commit_beside(store);
}

static void groups__by_order_busy__are_not_those_of_the_first_page(void **state)
{
    (void)state;
    add_groups(501);
    submit("{\"command\":[\"x\"],\"group\":\"m500\"}");
    submit("{\"command\":[\"x\"],\"group\":\"m500\"}");
    submit("{\"command\":[\"x\"],\"group\":\"m250\"}");
    struct json *j = house_get(&house, "/api/v1/groups?order=busy&limit=2", 200);
    const struct json *first = json_first(json_get(j, "groups"));
    assert_int_equal(json_count(json_get(j, "groups")), 2);
    assert_string_equal(json_get_str(first, "key", ""), "m500");
    assert_int_equal(json_get_int(first, "queued", 0), 2);
    assert_string_equal(json_get_str(json_next(first), "key", ""), "m250");
    assert_int_equal(json_type(json_get(j, "nextCursor")), JSON_NULL);
    assert_true(json_get_bool(j, "more", false));
    assert_true(json_get_bool(j, "complete", false));
    json_free(j);
    j = house_get(&house, "/api/v1/groups?order=busy", 200);
    assert_int_equal(json_count(json_get(j, "groups")), 100);
    json_free(j);
    j = house_get(&house, "/api/v1/groups?order=busy&limit=500", 200);
    assert_int_equal(json_count(json_get(j, "groups")), 500);
    json_free(j);
    refused("/api/v1/groups?order=queued", NULL, 422, "invalid",
            "order: 'queued' is not an order; there are busy");
    refused("/api/v1/groups?order=busy&limit=501", NULL, 422, "invalid", "limit: ");
    refused("/api/v1/groups?order=busy&cursor=m001", NULL, 422, "invalid",
            "cursor: the busiest groups are one page");
    refused("/api/v1/groups?ordre=busy", NULL, 422, "invalid", "'order'?");
    refused("/api/v1/groups?order=busy", "", 401, "token-missing", NULL);
}

/* Of the agents of a group no more than 5,000 names are looked at: the page says how it goes on. */
static void agents__far_apart__are_found_by_going_on(void **state)
{
    struct err e;
    (void)state;
    struct store *store = begin_beside();
    for (int n = 1; n <= 5002; n++) {
        struct agent_row a = {.id = n, .name = str_dupf("a%05d", n), .group = n > 5000 ? "" : "g"};
        assert_int_equal(store_agent_insert(store, &a, &e), 0);
        mem_free(a.name);
    }
    commit_beside(store);
    struct json *j = house_get(&house, "/api/v1/agents?group=default", 200);
    assert_int_equal(json_count(json_get(j, "agents")), 0);
    assert_string_equal(json_get_str(j, "nextCursor", ""), "a05000");
    json_free(j);
    j = house_get(&house, "/api/v1/agents?group=default&cursor=a05000", 200);
    assert_int_equal(json_count(json_get(j, "agents")), 2);
    assert_null(json_get_str(j, "nextCursor", NULL));
    json_free(j);
}

/* ---- the history of a group ---- */

static int open_sampling(void **state)
{
    static const struct coordinator_timeouts often = {.sample_ms = 20};
    (void)state;
    house_open(&house, "", &often);
    return 0;
}

/* The last point, when it has so many queued jobs. json_free the answer. */
static struct json *history_with(const char *path, int64_t queued)
{
    for (int i = 0; i < 500; i++) {
        struct json *j = house_get(&house, path, 200);
        const struct json *last = NULL;
        for (const struct json *p = json_first(json_get(j, "points")); p; p = json_next(p))
            last = p;
        if (last && json_get_int(last, "queued", -1) == queued) return j;
        json_free(j);
        house_run_ms(&house, 20);
    }
    fail_msg("%s: no point has %lld queued jobs", path, (long long)queued);
    return NULL;
}

static void history__goes_on__and_is_forgotten_at_a_restart(void **state)
{
    (void)state;
    struct json *j = history_with("/api/v1/groups/default/history", 0);
    assert_string_equal(json_get_str(j, "step", ""), "1m");
    assert_false(json_get_bool(j, "shared", true));
    assert_non_null(json_get_str(j, "since", NULL));
    json_free(j);
    submit("{\"command\":[\"x\"]}");
    submit("{\"command\":[\"x\"]}");
    json_free(history_with("/api/v1/groups/default/history", 2));
    j = history_with("/api/v1/groups/default/history?span=day", 2);
    assert_string_equal(json_get_str(j, "step", ""), "5m");
    json_free(j);
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"new\"}", 201));
    json_free(history_with("/api/v1/groups/new/history", 0));
    house_stop(&house);
    house_start(&house, NULL); /* one point a minute, the first now */
    j = history_with("/api/v1/groups/default/history", 2);
    assert_int_equal(json_count(json_get(j, "points")), 1);
    json_free(j);
}

static void history__of_what_there_is_not__is_refused(void **state)
{
    (void)state;
    refused("/api/v1/groups/nosuch/history", NULL, 404, "not-found", "no worker group 'nosuch'");
    refused("/api/v1/groups/default/history?span=week", NULL, 422, "invalid", "'week' is not a");
    refused("/api/v1/groups/default/history?span=hour,day", NULL, 422, "invalid", "not several");
    refused("/api/v1/groups/default/history?spam=day", NULL, 422, "invalid", "'span'?");
    refused("/api/v1/groups/default/history", "", 401, "token-missing", NULL);
}

/* ---- failures ---- */

static struct identity worker;
static struct peer agent;
static int64_t last_seq;

static int open_with_agent(void **state)
{
    (void)state;
    last_seq = 0;
    house_open(&house, "", NULL);
    house_enrol(&house, "w", NULL, &worker);
    house_agent(&house, &worker, "w", 4, &agent);
    return 0;
}

static int close_with_agent(void **state)
{
    (void)state;
    peer_fini(&agent);
    identity_fini(&worker);
    house_close(&house);
    return 0;
}

static int64_t take_job(void)
{
    struct msg m = {0};
    do {
        msg_fini(&m);
        struct frame f;
        struct err e;
        assert_true(peer_frame(&agent, &f));
        assert_int_equal(msg_decode(f.body, f.len, house_coordinator, &m, &e), 0);
    } while (m.type != MSG_JOB);
    int64_t job = m.u.job.job;
    msg_fini(&m);
    return job;
}

static void run_and_fail(const char *body, int exit_code)
{
    char id[ID_TEXT_SIZE];
    submit(body);
    int64_t job = take_job();
    peer_started(&agent, ++last_seq, job, 1);
    peer_finished(&agent, ++last_seq, job, 1, exit_code);
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s", id);
    for (int i = 0; i < 500; i++) {
        struct json *j = house_get(&house, path, 200);
        bool ended = json_get_str(j, "endedAt", NULL) != NULL;
        json_free(j);
        if (ended) break;
        house_run_ms(&house, 20);
    }
    mem_free(path);
}

/* How many jobs the list has for the query. */
static size_t listed(const struct json *query)
{
    struct buf b;
    buf_init(&b, 4096);
    (void)buf_adds(&b, "/api/v1/jobs?limit=500");
    for (const struct json *v = json_first(query); v; v = json_next(v)) {
        (void)buf_addf(&b, "&%s=", json_key(v));
        for (const char *s = json_str(v, ""); *s; s++) /* of a time, and of names of this test */
            (void)buf_addf(&b, *s == ':' ? "%%3A" : "%c", *s);
    }
    struct json *j = house_get(&house, b.data, 200);
    size_t count = json_count(json_get(j, "jobs"));
    json_free(j);
    buf_fini(&b);
    return count;
}

/* "COUNT STATE/REASON/CODE/WHERE ...", and that the list of each has as many. */
static void failures_are(const char *query, const char *expected)
{
    struct buf b;
    char *path = str_dupf("/api/v1/failures%s", query);
    struct json *j = house_get(&house, path, 200);
    buf_init(&b, 4096);
    for (const struct json *c = json_first(json_get(j, "causes")); c; c = json_next(c)) {
        const char *group = json_get_str(c, "group", NULL), *name = json_get_str(c, "name", NULL);
        int64_t count = json_get_int(c, "count", 0);
        (void)buf_addf(&b, "%s%lld %s/%s/%lld/%s", b.len ? " " : "", (long long)count,
                       json_get_str(c, "state", "?"), json_get_str(c, "reason", "?"),
                       (long long)json_get_int(c, "exitCode", -1),
                       group  ? group
                       : name ? name
                              : json_get_str(c, "task", "-"));
        assert_int_equal(listed(json_get(c, "query")), count);
        assert_non_null(json_get_str(c, "example", NULL));
        assert_non_null(json_get_str(c, "lastAt", NULL));
    }
    assert_string_equal(b.len ? b.data : "", expected);
    assert_true(json_get_bool(j, "complete", false));
    buf_fini(&b);
    json_free(j);
    mem_free(path);
}

static void failures__are_grouped_by_cause__and_the_list_has_as_many(void **state)
{
    (void)state;
    failures_are("", "");
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"empty\"}", 201));
    for (int i = 0; i < 3; i++)
        run_and_fail("{\"command\":[\"x\"],\"name\":\"nightly\",\"namespace\":\"a\"}", 3);
    run_and_fail("{\"command\":[\"x\"],\"name\":\"nightly\"}", 4);
    run_and_fail("{\"command\":[\"x\"]}", 3);
    run_and_fail("{\"command\":[\"y\"]}", 3);
    run_and_fail("{\"command\":[\"y\"]}", 0);
    const char *nobody = "{\"command\":[\"x\"],\"group\":\"empty\",\"fallback\":\"FAIL\","
                         "\"name\":\"nightly\"}";
    submit(nobody);
    const char *all = "3 FAILED/exit-code/3/nightly 2 FAILED/exit-code/3/- "
                      "1 FAILED/no-agent/-1/empty 1 FAILED/exit-code/4/nightly";
    failures_are("", all);
    failures_are("?since=1h", all);
    failures_are("?namespace=a", "3 FAILED/exit-code/3/nightly");
    failures_are("?namespace=b", "");
    failures_are("?since=2100-01-01T00:00:00Z", "");
    struct json *j = house_get(&house, "/api/v1/failures?limit=1", 200);
    assert_int_equal(json_count(json_get(j, "causes")), 1);
    assert_int_equal(json_get_int(j, "causeCount", 0), 4);
    assert_int_equal(json_get_int(j, "looked", 0), 7);
    json_free(j);
}

static void failures__of_a_flow__are_those_of_its_tasks(void **state)
{
    (void)state;
    json_free(house_post(&house, "/api/v1/flows",
                         "{\"files\":[{\"text\":\"id: f\\nnamespace: a.b\\ntasks:\\n"
                         "  - {id: t, command: [x]}\\n\"}]}",
                         200));
    for (int i = 0; i < 2; i++) {
        json_free(house_post(&house, "/api/v1/flows/a.b/f/executions",
                             "{\"labels\":{\"owner\":\"ops\"}}", 201));
        int64_t job = take_job();
        peer_started(&agent, ++last_seq, job, 1);
        peer_finished(&agent, ++last_seq, job, 1, 9);
    }
    run_and_fail("{\"command\":[\"x\"]}", 3); /* the others have ended by then */
    failures_are("", "2 FAILED/exit-code/9/t 1 FAILED/exit-code/3/-");
    failures_are("?namespace=a", "2 FAILED/exit-code/9/t");
    struct json *j = house_get(&house, "/api/v1/jobs?label=owner=ops", 200);
    assert_int_equal(json_count(json_get(j, "jobs")), 2);
    json_free(j);
    j = house_get(&house, "/api/v1/jobs?label=owner=dev", 200);
    assert_int_equal(json_count(json_get(j, "jobs")), 0);
    json_free(j);
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"z\"}", NULL);
    struct answer a;
    house_call(&house, "GET", "/api/v1/failures", token, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_count(json_get(a.json, "causes")), 0);
    answer_fini(&a);
    refused("/api/v1/failures?namespace=a.b", token, 403, "namespace", NULL);
    mem_free(token);
}

/* A job without a name that failed. */
static void add_failed(struct store *store, int64_t created_ms, int64_t ended_ms, int64_t exit_code)
{
    struct err e;
    struct job_row j = {.id = id_floor(created_ms) + 1,
                        .group = "",
                        .state = JOB_FAILED,
                        .reason = REASON_EXIT_CODE,
                        .exited = true,
                        .exit_code = exit_code,
                        .attempt = 1,
                        .created_ms = created_ms,
                        .ended_ms = ended_ms};
    assert_int_equal(store_job_insert(store, &j, "{\"command\":[\"x\"]}", &e), 0);
}

static void failures__are_of_those_that_ended__whenever_they_were_created(void **state)
{
    const int64_t hour = 3600000, now = os_wall_ms();
    (void)state;
    struct store *store = begin_beside();
    add_failed(store, now - 48 * hour, now - hour, 3); /* failed an hour ago */
    add_failed(store, now - 47 * hour, now - hour + 1, 3);
    add_failed(store, now - 50 * hour, now - 48 * hour, 3); /* two days ago */
    add_failed(store, now - 49 * hour, now - 48 * hour, 4);
    commit_beside(store);
    failures_are("", "2 FAILED/exit-code/3/-");
    failures_are("?since=3d", "3 FAILED/exit-code/3/- 1 FAILED/exit-code/4/-");
    failures_are("?since=30m", "");
    static const struct {
        const char *query;
        size_t count;
    } lists[] = {{"", 4},
                 {"endedSince=24h", 2},
                 {"endedUntil=24h", 2},
                 {"since=24h", 0},
                 {"endedSince=24h&until=24h", 2},
                 {"endedSince=24h&endedUntil=2h", 0},
                 {"endedSince=24h&exitCode=4", 0}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char *path = str_dupf("/api/v1/jobs?%s", lists[i].query);
        struct json *j = house_get(&house, path, 200);
        assert_int_equal(json_count(json_get(j, "jobs")), lists[i].count);
        json_free(j);
        mem_free(path);
    }
    struct json *j = house_post(&house, "/api/v1/jobs/retry?endedSince=24h&dryRun=true", NULL, 200);
    assert_int_equal(json_get_int(j, "matched", 0), 2);
    assert_non_null(json_get_str(j, "endedSince", NULL));
    json_free(j);
    j = house_post(&house, "/api/v1/jobs/cancel?endedSince=24h", NULL, 200);
    assert_int_equal(json_get_int(j, "matched", -1), 0);
    json_free(j);
    j = house_post(&house, "/api/v1/jobs/retry?endedUntil=24h&exitCode=4", NULL, 200);
    assert_int_equal(json_get_int(j, "retried", 0), 1);
    json_free(j);
    refused("/api/v1/jobs?endedSince=noon", NULL, 422, "invalid", "endedSince: 'noon' is neither");
    refused("/api/v1/jobs?endedUntil=", NULL, 422, "invalid", "endedUntil: '' is neither");
    refused("/api/v1/executions?endedSince=1h", NULL, 422, "invalid", "unknown query parameter");
}

static void failures__of_wrong_parameters__are_refused(void **state)
{
    (void)state;
    refused("/api/v1/failures?since=yesterday", NULL, 422, "invalid", "since: 'yesterday'");
    refused("/api/v1/failures?limit=0", NULL, 422, "invalid", "limit: ");
    refused("/api/v1/failures?limit=501", NULL, 422, "invalid", "limit: ");
    refused("/api/v1/failures?namespace=a%20b", NULL, 422, "invalid", "namespace: ");
    refused("/api/v1/failures?cause=x", NULL, 422, "invalid", "unknown query parameter 'cause'");
    refused("/api/v1/failures", "", 401, "token-missing", NULL);
}

/* ---- the filters behind the numbers ---- */

static void filters_of_jobs__that_say_nothing__are_refused(void **state)
{
    static const struct {
        const char *query, *part;
    } cases[] = {
        {"label=", "label: '' is not KEY=VALUE"},
        {"label", "label: '' is not KEY=VALUE"},
        {"label=a", "label: 'a' is not KEY=VALUE"},
        {"label==b", "label: '=b' is not KEY=VALUE"},
        {"label=a=1&label=a=2", "label: 'a' is there twice"},
        {"reason=exit", "reason: 'exit' is not a reason; there are none, exit-code"},
        {"exitCode=x", "exitCode: 'x' is not a whole number"},
        {"exitCode=", "exitCode: '' is not a whole number"},
        {"exitCode=4294967296", "exitCode: "},
        {"flow=f", "flow: the namespace of the flow is needed"},
        {"flow=f&namespace=a", "flow: there is no flow 'f' in the namespace a"},
        {"named=true", "named: 'true' is not false"},
        {"named=", "named: '' is not false"},
        {"named=false&name=x", "named: a job with that name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = str_dupf("/api/v1/jobs?%s", cases[i].query);
        refused(path, NULL, 422, "invalid", cases[i].part);
        mem_free(path);
    }
    refused("/api/v1/executions?label=", NULL, 422, "invalid", "label: '' is not KEY=VALUE");
    struct answer a;
    house_call(&house, "POST", "/api/v1/jobs/cancel?label=&dryRun=true", NULL, NULL, NULL, &a);
    answer_is(&a, 422, "invalid", "label: ");
    answer_fini(&a);
}

/* ---- the next schedules ---- */

static void triggers__by_their_next_moment(void **state)
{
    (void)state;
    json_free(house_post(
        &house, "/api/v1/flows",
        "{\"files\":[{\"text\":\"id: f\\nnamespace: a\\ntasks:\\n  - {id: t, command: [x]}\\n"
        "triggers:\\n  - {id: year, cron: 0 0 1 1 *, timezone: UTC}\\n"
        "  - {id: soon, cron: 0 * * * *, timezone: UTC}\\n"
        "  - {id: off, cron: 0 * * * *, disabled: true}\\n"
        "  - {id: poll, interval: PT1H, command: [x], disabled: true}\\n\"}]}",
        200));
    struct json *j = house_get(&house, "/api/v1/triggers?order=next&limit=1", 200);
    const struct json *first = json_first(json_get(j, "triggers"));
    assert_int_equal(json_count(json_get(j, "triggers")), 1);
    assert_string_equal(json_get_str(first, "id", ""), "soon");
    assert_non_null(json_get_str(first, "nextAt", NULL));
    char *path = str_dupf("/api/v1/triggers?order=next&limit=1&cursor=%s",
                          json_get_str(j, "nextCursor", ""));
    json_free(j);
    j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(json_first(json_get(j, "triggers")), "id", ""), "year");
    assert_null(json_get_str(j, "nextCursor", NULL));
    json_free(j);
    mem_free(path);
    j = house_get(&house, "/api/v1/triggers?order=next&namespace=b", 200);
    assert_int_equal(json_count(json_get(j, "triggers")), 0);
    json_free(j);
    refused("/api/v1/triggers?order=last", NULL, 422, "invalid", "order: 'last' is not an order");
    refused("/api/v1/triggers?order=next&cursor=a/b", NULL, 422, "invalid", "cursor");
    refused("/api/v1/triggers?order=next&cursor=1", NULL, 422, "invalid", "cursor");
    refused("/api/v1/triggers?order=next&flow=g", NULL, 422, "invalid", "no flow 'g'");
}

int main(void)
{
#define IN_HOUSE(f) cmocka_unit_test_setup_teardown(f, open_house, close_house)
#define WITH_AGENT(f) cmocka_unit_test_setup_teardown(f, open_with_agent, close_with_agent)
    const struct CMUnitTest tests[] = {
        IN_HOUSE(waits__are_of_the_groups_that_had_a_job),
        IN_HOUSE(waits__of_what_there_is_not__are_refused),
        IN_HOUSE(groups__by_order_busy__are_not_those_of_the_first_page),
        IN_HOUSE(agents__far_apart__are_found_by_going_on),
        cmocka_unit_test_setup_teardown(history__goes_on__and_is_forgotten_at_a_restart,
                                        open_sampling, close_house),
        IN_HOUSE(history__of_what_there_is_not__is_refused),
        WITH_AGENT(failures__are_grouped_by_cause__and_the_list_has_as_many),
        WITH_AGENT(failures__of_a_flow__are_those_of_its_tasks),
        IN_HOUSE(failures__are_of_those_that_ended__whenever_they_were_created),
        IN_HOUSE(failures__of_wrong_parameters__are_refused),
        IN_HOUSE(filters_of_jobs__that_say_nothing__are_refused),
        IN_HOUSE(triggers__by_their_next_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
