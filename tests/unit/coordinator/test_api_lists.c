/* Lists of jobs over HTTP: kinds of jobs, and what evaluations end in; and triggers and executions
 * that wait. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct house house;
static struct identity worker;
static struct peer agent;
static int64_t last_seq;

static int open_house(void **state)
{
    (void)state;
    last_seq = 0;
    house_open(&house, "heartbeat: 10s\n", NULL);
    house_enrol(&house, "w", NULL, &worker);
    house_agent(&house, &worker, "w", 4, &agent);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    peer_fini(&agent);
    identity_fini(&worker);
    house_close(&house);
    return 0;
}

static void apply(const char *flow)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 65536);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_array(&w, "files");
    jw_object(&w, NULL);
    jw_str(&w, "name", "f.yaml");
    jw_str(&w, "text", flow);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    json_free(house_post(&house, "/api/v1/flows", b.data, 200));
    buf_fini(&b);
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

static struct json *get_job(int64_t job, const char *rest)
{
    char id[ID_TEXT_SIZE];
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s%s", id, rest);
    struct json *j = house_get(&house, path, 200);
    mem_free(path);
    return j;
}

/* Runs the job to its end and waits for the state that the API shows then. */
static void end_job(int64_t job, int exit_code, const char *state)
{
    peer_started(&agent, ++last_seq, job, 1);
    peer_finished(&agent, ++last_seq, job, 1, exit_code);
    for (int i = 0; i < 500; i++) {
        struct json *j = get_job(job, "");
        bool there = str_eq(json_get_str(j, "state", ""), state);
        json_free(j);
        if (there) return;
        house_run_ms(&house, 20);
    }
    fail_msg("the job did not become %s", state);
}

/* "KIND STATE, ...", newest first. */
static void lists(const char *query, const char *expected)
{
    struct buf b;
    char *path = str_dupf("/api/v1/jobs%s", query);
    struct json *j = house_get(&house, path, 200);
    buf_init(&b, 4096);
    for (const struct json *i = json_first(json_get(j, "jobs")); i; i = json_next(i))
        (void)buf_addf(&b, "%s%s %s", b.len ? ", " : "", json_get_str(i, "kind", "?"),
                       json_get_str(i, "state", "?"));
    if (!str_eq(b.len ? b.data : "", expected))
        fail_msg("%s lists '%s', not '%s'", query, b.data, expected);
    buf_fini(&b);
    json_free(j);
    mem_free(path);
}

/* What each is, newest first. */
static void have(const char *query, const char *expected)
{
    struct buf b;
    char *path = str_dupf("/api/v1/jobs%s", query);
    struct json *j = house_get(&house, path, 200);
    buf_init(&b, 4096);
    for (const struct json *i = json_first(json_get(j, "jobs")); i; i = json_next(i))
        (void)buf_addf(&b, "%s%s", b.len ? ", " : "", json_get_str(i, "what", "?"));
    assert_string_equal(b.len ? b.data : "", expected);
    buf_fini(&b);
    json_free(j);
    mem_free(path);
}

static void is_refused(const char *path, const char *part)
{
    struct answer a;
    house_call(&house, "GET", path, NULL, NULL, NULL, &a);
    answer_is(&a, 422, "invalid", part);
    answer_fini(&a);
}

#define FLOW(id, check)                                                                            \
    "id: " id "\nnamespace: a\ntasks: [{id: t, command: [x]}]\n"                                   \
    "triggers: [{id: g, command: [" check "], interval: 1h}]\n"

/* One of each kind: an ad-hoc job that failed, evaluations that said no, fired, and went wrong,
 * and the task of the execution that was fired. */
static void make_all(int64_t evaluations[3])
{
    static const int codes[] = {1, 0, 2};
    static const char *const flows[] = {FLOW("no", "n"), FLOW("yes", "y"), FLOW("bad", "b")};
    static const char *const ends[] = {"NO", "FIRED", "FAILED"};
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"false\"]}", 201));
    end_job(take_job(), 1, "FAILED");
    for (int i = 0; i < 3; i++) {
        apply(flows[i]);
        evaluations[i] = take_job();
        end_job(evaluations[i], codes[i], ends[i]);
        if (codes[i] == 0) end_job(take_job(), 0, "SUCCESS");
    }
}

static void evaluations_are_listed_only_when_asked_for(void **state)
{
    int64_t evaluations[3];
    (void)state;
    make_all(evaluations);
    lists("", "task SUCCESS, job FAILED");
    lists("?kind=", "task SUCCESS, job FAILED");
    lists("?kind=evaluation", "evaluation FAILED, evaluation FIRED, evaluation NO");
    lists("?kind=evaluation&limit=1", "evaluation FAILED");
    lists("?kind=all", "evaluation FAILED, task SUCCESS, evaluation FIRED, evaluation NO, "
                       "job FAILED");
    lists("?kind=task", "task SUCCESS");
    lists("?kind=job", "job FAILED");
    lists("?kind=job,evaluation", "evaluation FAILED, evaluation FIRED, evaluation NO, job FAILED");
    lists("?kind=evaluation&namespace=b", "");
    lists("?kind=evaluation&namespace=a&agent=w",
          "evaluation FAILED, evaluation FIRED, evaluation NO");
}

static void a_check_that_says_no_has_not_failed(void **state)
{
    int64_t evaluations[3];
    (void)state;
    make_all(evaluations);
    lists("?state=FAILED", "job FAILED");
    lists("?state=FAILED&kind=all", "evaluation FAILED, job FAILED");
    lists("?state=SUCCESS&kind=all", "task SUCCESS");
    lists("?state=NO", "evaluation NO");
    lists("?state=NO,FIRED", "evaluation FIRED, evaluation NO");
    lists("?state=NO,FAILED&kind=evaluation", "evaluation FAILED, evaluation NO");
    lists("?state=NO&kind=job", "");
}

static void shown_evaluations_have_the_words_of_the_list(void **state)
{
    int64_t evaluations[3];
    (void)state;
    make_all(evaluations);
    struct json *j = get_job(evaluations[0], "");
    assert_string_equal(json_get_str(j, "kind", ""), "evaluation");
    assert_null(json_get_str(j, "reason", NULL));
    assert_null(json_get_str(j, "message", NULL));
    assert_int_equal(json_get_int(j, "exitCode", -1), 1);
    assert_string_equal(json_get_str(json_first(json_get(j, "attempts")), "state", ""), "NO");
    json_free(j);
    j = get_job(evaluations[1], "/attempts");
    assert_string_equal(json_get_str(json_first(json_get(j, "attempts")), "state", ""), "FIRED");
    json_free(j);
    j = get_job(evaluations[1], "/why");
    assert_string_equal(json_get_str(j, "state", ""), "FIRED");
    json_free(j);
    j = get_job(evaluations[2], "");
    assert_string_equal(json_get_str(j, "reason", ""), "exit-code");
    json_free(j);
    char id[ID_TEXT_SIZE];
    id_format(evaluations[0], id);
    char *path = str_dupf("/api/v1/jobs/%s/cancel", id);
    struct answer a;
    house_call(&house, "POST", path, NULL, NULL, NULL, &a);
    answer_is(&a, 409, "conflict", "NO");
    answer_fini(&a);
    mem_free(path);
}

static void names_find_jobs_and_lists_say_what_ran(void **state)
{
    struct buf body;
    (void)state;
    json_free(house_post(&house, "/api/v1/jobs", "{\"name\":\"n 1\",\"command\":[\"a\"]}", 201));
    json_free(house_post(&house, "/api/v1/jobs", "{\"name\":\"n\",\"command\":[\"a\"]}", 201));
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"say\",\"hi\"]}", 201));
    json_free(house_post(&house, "/api/v1/jobs", "{\"name\":\"n\",\"command\":[\"b\"]}", 201));
    apply(FLOW("f", "c"));
    buf_init(&body, 300000); /* far longer than what a list reads of it */
    (void)buf_adds(&body, "{\"script\":\"make it");
    for (int i = 0; i < 20000; i++)
        (void)buf_adds(&body, "\\nagain");
    (void)buf_adds(&body, "\"}");
    json_free(house_post(&house, "/api/v1/jobs", body.data, 201));
    buf_fini(&body);
    have("?kind=all", "make it, f/g, n, say hi, n, n 1");
    have("?name=n", "n, n");
    have("?name=n&limit=1", "n");
    have("?name=n%201", "n 1");
    have("?name=nn", "");
    have("?name=n&kind=evaluation", "");
    have("?name=n&namespace=x", "");
    have("?name=n&state=FAILED", "");
}

static void unknown_kinds_and_states_are_refused(void **state)
{
    (void)state;
    is_refused("/api/v1/jobs?kind=trigger", "there are job, task, evaluation, all");
    is_refused("/api/v1/jobs?kind=,job", "''");
    is_refused("/api/v1/jobs?kind=Job", "'Job'");
    is_refused("/api/v1/jobs?state=no", "FIRED, NO");
    is_refused("/api/v1/executions?state=NO", "'NO'");
}

/* The query with a value, "%s". */
static void have_with(const char *form, const char *value, const char *expected)
{
    struct buf b;
    buf_init(&b, 4096);
    const char *at = strstr(form, "%s");
    (void)buf_addf(&b, "%.*s%s%s", (int)(at - form), form, value, at + 2);
    have(b.data, expected);
    buf_fini(&b);
}

static void times_and_beginnings_of_ids_find_jobs(void **state)
{
    (void)state;
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"old\"]}", 201);
    char *old = mem_strdup(json_get_str(j, "id", ""));
    json_free(j);
    house_run_ms(&house, 5);
    j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"new\"]}", 201);
    char *new = mem_strdup(json_get_str(j, "id", ""));
    char *at = mem_strdup(json_get_str(j, "createdAt", ""));
    json_free(j);
    have("?since=1h", "new, old");
    have("?until=1h", "");
    have("?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z", "");
    have("?since=2050-01-01T00:00:00Z", "");
    have("?until=2050-01-01T00:00:00Z", "new, old");
    have("?since=1h&until=2h", "");
    have_with("?since=%s", at, "new");
    have_with("?until=%s", at, "old");
    have_with("?since=%s&limit=1", at, "new");
    have_with("?id=%s", old, "old");
    have_with("?id=%s&name=none", old, "");
    have_with("?id=%s&since=1h", new, "new");
    have_with("?id=%s&until=1h", new, "");
    old[6] = '\0';
    have_with("?id=%s", old, "new, old");
    have("?id=", "new, old");
    have("?id=7zz", "");
    have("?id=0000000000000", "");
    have("?until=1970-01-01T00:00:00Z", "");
    have("?since=1970-01-01T00:00:00Z", "new, old");
    mem_free(old);
    mem_free(new);
    mem_free(at);
}

static void wrong_times_and_ids_are_refused(void **state)
{
    (void)state;
    static const char *const lists[] = {"jobs", "executions"};
    static const struct {
        const char *query, *part;
    } wrong[] = {
        {"since=yesterday", "'yesterday' is neither a time"},
        {"since=", "since: ''"},
        {"until=12", "until: '12'"},
        {"until=2026-01-31", "until: "},
        {"since=-1h", "since: "},
        {"id=8", "id: '8'"},
        {"id=06f3k9x2m1c7ab", "13 letters and digits"},
        {"id=06f%25", "id: '06f%'"},
        {"from=1h", "unknown query parameter 'from'"},
        {"namespace=a&namespace=b", "the query parameter 'namespace' is there twice"},
    };
    for (size_t i = 0; i < 2 * (sizeof wrong / sizeof *wrong); i++) {
        char *path = str_dupf("/api/v1/%s?%s", lists[i % 2], wrong[i / 2].query);
        is_refused(path, wrong[i / 2].part);
        mem_free(path);
    }
    is_refused("/api/v1/jobs?label=a", "'a' is not KEY=VALUE");
    is_refused("/api/v1/jobs?label=", "'' is not KEY=VALUE");
    is_refused("/api/v1/executions?label=a", "'a' is not KEY=VALUE");
    is_refused("/api/v1/executions?label==a", "'=a' is not KEY=VALUE");
    is_refused("/api/v1/executions?label=a=b&label=a=c", "is there twice");
}

static void executions_have(const char *query, size_t count)
{
    char *path = str_dupf("/api/v1/executions%s", query);
    struct json *j = house_get(&house, path, 200);
    assert_int_equal(json_count(json_get(j, "executions")), count);
    json_free(j);
    mem_free(path);
}

static void labels_and_times_find_executions(void **state)
{
    (void)state;
    static const char start[] = "/api/v1/flows/a/f/executions";
    apply("id: f\nnamespace: a\ntasks: [{id: t, command: [x]}]\n");
    json_free(house_post(&house, start, "{\"labels\":{\"k\":\"v\",\"x\":\"a=b\"}}", 201));
    json_free(house_post(&house, start, "{\"labels\":{\"k\":\"v\"}}", 201));
    json_free(house_post(&house, start, "{}", 201));
    executions_have("?label=k=v", 2);
    executions_have("?label=k=v&label=x=a=b", 1);
    executions_have("?label=k=v&limit=1", 1);
    executions_have("?label=k=", 0);
    executions_have("?label=k=V", 0);
    executions_have("?label=v=k", 0);
    executions_have("?label=k=v&flow=f&namespace=a&since=1h", 2);
    executions_have("?label=k=v&until=1h", 0);
    executions_have("?since=1h", 3);
    executions_have("?since=1h&state=QUEUED,RUNNING", 3);
    executions_have("?until=1h&flow=f&namespace=a", 0);
    executions_have("?id=7", 0);
    executions_have("?id=0", 3);
}

static void the_status_counts_evaluations_apart(void **state)
{
    (void)state;
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201));
    (void)take_job();
    apply(FLOW("f", "c"));
    (void)take_job();
    struct json *j = house_get(&house, "/api/v1/status", 200);
    assert_int_equal(json_get_int(json_get(j, "jobs"), "SUBMITTED", -1), 1);
    assert_int_equal(json_get_int(json_get(j, "evaluations"), "SUBMITTED", -1), 1);
    assert_int_equal(json_get_int(json_get(j, "evaluations"), "RUNNING", -1), 0);
    assert_int_equal(json_get_int(json_get(j, "slots"), "free", -1), 2);
    json_free(j);
}

/* ---- what waits ---- */

static void waits_for(const struct json *j, const char *code, const char *part)
{
    const struct json *waiting = json_get(j, "waiting");
    assert_string_equal(json_get_str(waiting, "code", ""), code);
    if (!strstr(json_get_str(waiting, "message", ""), part))
        fail_msg("'%s' is not in '%s'", part, json_get_str(waiting, "message", ""));
}

static void a_trigger_tells_what_its_evaluation_waits_for(void **state)
{
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"empty\"}", 201));
    apply("id: f\nnamespace: a\nworkerGroup: {key: empty}\ntasks: [{id: t, command: [x]}]\n"
          "triggers: [{id: g, command: [c], interval: 1h}]\n");
    struct json *j = house_get(&house, "/api/v1/triggers/a/f/g", 200);
    waits_for(j, "no-agent-online", "group empty has no agent online");
    assert_non_null(json_get_str(j, "job", NULL));
    assert_int_equal(json_type(json_get(j, "nextAt")), JSON_NULL);
    json_free(j);
    json_free(house_post(&house, "/api/v1/groups/empty/pause", NULL, 200));
    j = house_get(&house, "/api/v1/triggers/a/f/g", 200);
    waits_for(j, "group-paused", "empty");
    json_free(j);
    j = house_get(&house, "/api/v1/triggers?namespace=a", 200);
    assert_int_equal(json_type(json_get(json_first(json_get(j, "triggers")), "nextAt")), JSON_NULL);
    json_free(j);
    j = house_post(&house, "/api/v1/triggers/a/f/g/disable", NULL, 200);
    assert_int_equal(json_type(json_get(j, "waiting")), JSON_NULL);
    json_free(j);
}

static void a_trigger_tells_which_execution_holds_it_back(void **state)
{
    (void)state;
    apply(FLOW("f", "c"));
    end_job(take_job(), 0, "FIRED");
    int64_t task = take_job();
    struct json *j = house_get(&house, "/api/v1/triggers/a/f/g", 200);
    waits_for(j, "execution", json_get_str(j, "execution", "?"));
    assert_int_equal(json_type(json_get(j, "nextAt")), JSON_NULL);
    json_free(j);
    end_job(task, 0, "SUCCESS");
    j = house_get(&house, "/api/v1/triggers/a/f/g", 200);
    assert_int_equal(json_type(json_get(j, "waiting")), JSON_NULL);
    assert_int_equal(json_type(json_get(j, "nextAt")), JSON_STRING);
    json_free(j);
}

static void an_execution_tells_what_its_task_waits_for(void **state)
{
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"empty\"}", 201));
    apply("id: f\nnamespace: a\ntasks:\n  - {id: a, command: [x]}\n"
          "  - {id: b, command: [x], workerGroup: {key: empty}}\n");
    struct json *j = house_post(&house, "/api/v1/flows/a/f/executions", "{}", 201);
    char *path = str_dupf("/api/v1/executions/%s", json_get_str(j, "id", "?"));
    json_free(j);
    end_job(take_job(), 0, "SUCCESS");
    j = house_get(&house, path, 200);
    const struct json *first = json_first(json_get(j, "taskRuns"));
    assert_int_equal(json_type(json_get(first, "waiting")), JSON_NULL);
    waits_for(json_next(first), "no-agent-online", "group empty");
    waits_for(j, "no-agent-online", "group empty");
    json_free(j);
    mem_free(path);
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(evaluations_are_listed_only_when_asked_for),
        IN_HOUSE(a_check_that_says_no_has_not_failed),
        IN_HOUSE(shown_evaluations_have_the_words_of_the_list),
        IN_HOUSE(names_find_jobs_and_lists_say_what_ran),
        IN_HOUSE(unknown_kinds_and_states_are_refused),
        IN_HOUSE(times_and_beginnings_of_ids_find_jobs),
        IN_HOUSE(wrong_times_and_ids_are_refused),
        IN_HOUSE(labels_and_times_find_executions),
        IN_HOUSE(a_trigger_tells_what_its_evaluation_waits_for),
        IN_HOUSE(a_trigger_tells_which_execution_holds_it_back),
        IN_HOUSE(an_execution_tells_what_its_task_waits_for),
        IN_HOUSE(the_status_counts_evaluations_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
