/* Flows, executions and triggers over HTTP: what is answered, and what is refused. */
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

static const char two_tasks[] =
    "id: two\nnamespace: company.team\nlabels: {owner: ops}\n"
    "inputs: [{id: day, type: STRING, defaults: today}]\n"
    "tasks:\n"
    "  - {id: a, command: [echo, '{{ inputs.day }}']}\n"
    "  - {id: b, command: [echo, '{{ outputs.a.k }}', '{{ taskrun.attempt }}']}\n";

/* {"files": [...]} of texts. mem_free */
static char *files_body(const char *const *texts, size_t count, bool check)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 2 * 1024 * 1024);
    jw_init(&w, &b);
    jw_object(&w, NULL);
    jw_array(&w, "files");
    for (size_t i = 0; i < count; i++) {
        char name[32];
        (void)str_format(name, sizeof name, "%zu.yaml", i);
        jw_object(&w, NULL);
        jw_str(&w, "name", name);
        jw_str(&w, "text", texts[i]);
        jw_end(&w);
    }
    jw_end(&w);
    if (check) jw_bool(&w, "checkOnly", true);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    char *text = buf_detach(&b);
    buf_fini(&b);
    return text;
}

static void apply(const char *text, const char *change, int64_t revision)
{
    char *body = files_body(&text, 1, false);
    struct json *j = house_post(&house, "/api/v1/flows", body, 200);
    const struct json *f = json_first(json_get(j, "flows"));
    assert_string_equal(json_get_str(f, "change", ""), change);
    assert_int_equal(json_get_int(f, "revision", 0), revision);
    json_free(j);
    mem_free(body);
}

static void refused(const char *method, const char *path, const char *token, const char *body,
                    int status, const char *code, const char *part)
{
    struct answer a;
    house_call(&house, method, path, token, body, NULL, &a);
    answer_is(&a, status, code, part);
    answer_fini(&a);
}

static char *start(const char *path, const char *body)
{
    struct json *j = house_post(&house, path, body, 201);
    char *id = mem_strdup(json_get_str(j, "id", NULL));
    json_free(j);
    assert_non_null(id);
    return id;
}

/* ---- the agent's part ---- */

/* The next job: its id, and its spec (json_free). */
static int64_t take_job(struct json **spec)
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
    assert_int_equal(json_parse(m.u.job.spec, strlen(m.u.job.spec), spec, NULL), 0);
    msg_fini(&m);
    return job;
}

static void finish_job(int64_t job, int exit_code, const char *output)
{
    peer_started(&agent, ++last_seq, job, 1);
    if (output) peer_output(&agent, ++last_seq, job, 1, 1, 0, output, strlen(output));
    peer_finished(&agent, ++last_seq, job, 1, exit_code);
}

static void wait_for_state(const char *id, const char *state)
{
    char *path = str_dupf("/api/v1/executions/%s", id);
    for (int i = 0; i < 500; i++) {
        struct json *j = house_get(&house, path, 200);
        bool there = str_eq(json_get_str(j, "state", ""), state);
        json_free(j);
        if (there) {
            mem_free(path);
            return;
        }
        house_run_ms(&house, 20);
    }
    fail_msg("the execution did not become %s", state);
}

/* ---- applying ---- */

static void a_file_is_applied_and_shown(void **state)
{
    (void)state;
    apply(two_tasks, "created", 1);
    apply(two_tasks, "unchanged", 1);
    struct json *j = house_get(&house, "/api/v1/flows", 200);
    const struct json *f = json_first(json_get(j, "flows"));
    assert_int_equal(json_count(json_get(j, "flows")), 1);
    assert_string_equal(json_get_str(f, "namespace", ""), "company.team");
    assert_string_equal(json_get_str(f, "id", ""), "two");
    assert_int_equal(json_get_int(f, "triggers", -1), 0);
    assert_int_equal(json_type(json_get(j, "nextCursor")), JSON_NULL);
    json_free(j);
    j = house_get(&house, "/api/v1/flows/company.team/two", 200);
    assert_string_equal(json_get_str(j, "source", ""), two_tasks);
    assert_string_equal(json_get_str(json_get(j, "labels"), "owner", ""), "ops");
    assert_string_equal(json_get_str(json_first(json_get(j, "inputs")), "defaults", ""), "today");
    assert_string_equal(json_str(json_first(json_get(j, "tasks")), ""), "a");
    json_free(j);
}

/* What a form needs to know. */
static void inputs_are_told_as_the_flow_has_them(void **state)
{
    (void)state;
    apply("id: form\nnamespace: a\ninputs:\n"
          "  - {id: s, type: SELECT, values: [x, y]}\n"
          "  - {id: m, type: MULTISELECT, values: [p, q], allowCustomValue: true}\n"
          "  - {id: l, type: ARRAY, itemType: INT}\n"
          "  - {id: n, type: INT, min: -2}\n"
          "  - {id: f, type: FLOAT, max: 0.5}\n"
          "tasks: [{id: t, script: x}]\n",
          "created", 1);
    struct json *j = house_get(&house, "/api/v1/flows/a/form", 200);
    const struct json *in = json_first(json_get(j, "inputs"));
    assert_int_equal(json_count(json_get(in, "values")), 2);
    assert_false(json_bool(json_get(in, "allowCustomValue"), true));
    in = json_next(in);
    assert_string_equal(json_str(json_first(json_get(in, "values")), ""), "p");
    assert_true(json_bool(json_get(in, "allowCustomValue"), false));
    assert_null(json_get(in, "itemType"));
    in = json_next(in);
    assert_string_equal(json_get_str(in, "itemType", ""), "INT");
    assert_null(json_get(in, "values"));
    in = json_next(in);
    assert_int_equal(json_get_int(in, "min", 0), -2);
    assert_null(json_get(in, "max"));
    in = json_next(in);
    assert_null(json_get(in, "min"));
    assert_true(json_num(json_get(in, "max"), 0) > 0.49);
    json_free(j);
}

static void revisions_are_kept(void **state)
{
    (void)state;
    apply(two_tasks, "created", 1);
    apply("id: two\nnamespace: company.team\ntasks: [{id: a, script: x}]\n", "changed", 2);
    struct json *j = house_get(&house, "/api/v1/flows/company.team/two?revision=1", 200);
    assert_string_equal(json_get_str(j, "source", ""), two_tasks);
    json_free(j);
    j = house_get(&house, "/api/v1/flows/company.team/two/revisions", 200);
    assert_int_equal(json_count(json_get(j, "revisions")), 2);
    assert_int_equal(json_get_int(json_first(json_get(j, "revisions")), "revision", 0), 2);
    json_free(j);
    refused("GET", "/api/v1/flows/company.team/two?revision=3", NULL, NULL, 404, "not-found",
            "of this revision");
}

static void all_problems_come_back_and_nothing_is_applied(void **state)
{
    (void)state;
    static const char *const texts[] = {
        two_tasks,
        "id: x\nnamespace: a\ntasks:\n  - {id: t, comand: [x]}\n",
        "id: y\nnamespace: a\ntasks:\n  - {id: t, script: x, workerGroup: {key: nowhere}}\n"
        "  - {id: u, script: x, requires: {gpus: 1}}\n",
        "a: [\n",
    };
    char *body = files_body(texts, 4, false);
    struct answer a;
    house_call(&house, "POST", "/api/v1/flows", NULL, body, NULL, &a);
    answer_is(&a, 422, "invalid-flow", "1.yaml:");
    static const struct {
        const char *file;
        int64_t line;
        const char *part;
    } wanted[] = {{"1.yaml", 4, "unknown key 'comand'"},
                  {"2.yaml", 4, "no worker group 'nowhere'"},
                  {"2.yaml", 5, "gpus"},
                  {"3.yaml", 1, ""}};
    const struct json *problems = json_get(json_get(a.json, "error"), "problems");
    assert_int_equal(json_count(problems), 4);
    for (size_t i = 0; i < 4; i++) {
        bool found = false;
        for (const struct json *p = json_first(problems); p; p = json_next(p))
            found = found || (str_eq(json_get_str(p, "file", ""), wanted[i].file) &&
                              (json_get_int(p, "line", -1) == wanted[i].line || i == 3) &&
                              strstr(json_get_str(p, "message", ""), wanted[i].part));
        if (!found) print_message("%s\n", a.text);
        assert_true(found);
    }
    answer_fini(&a);
    mem_free(body);
    struct json *j = house_get(&house, "/api/v1/flows", 200);
    assert_int_equal(json_count(json_get(j, "flows")), 0);
    json_free(j);
}

static void an_unknown_group_alone_has_its_own_code(void **state)
{
    static const char *const text =
        "id: y\nnamespace: a\ntasks: [{id: t, script: x, workerGroup: {key: nowhere}}]\n";
    (void)state;
    char *body = files_body(&text, 1, false);
    refused("POST", "/api/v1/flows", NULL, body, 422, "unknown-group", "nowhere");
    mem_free(body);
}

static void a_check_changes_nothing(void **state)
{
    static const char *const text = two_tasks;
    (void)state;
    char *body = files_body(&text, 1, true);
    struct json *j = house_post(&house, "/api/v1/flows", body, 200);
    assert_string_equal(json_get_str(json_first(json_get(j, "flows")), "change", ""), "created");
    json_free(j);
    mem_free(body);
    refused("GET", "/api/v1/flows/company.team/two", NULL, NULL, 404, "not-found",
            "there is no flow company.team/two");
}

static void bodies_that_are_none_are_refused(void **state)
{
    (void)state;
    refused("POST", "/api/v1/flows", NULL, "{}", 422, "invalid",
            "files: must have 1 to 1000 files");
    refused("POST", "/api/v1/flows", NULL, "{\"files\":[]}", 422, "invalid", "files");
    refused("POST", "/api/v1/flows", NULL, "{\"files\":[1]}", 422, "invalid", "files[0]: must be");
    refused("POST", "/api/v1/flows", NULL, "{\"files\":[{\"name\":\"a\"}]}", 422, "invalid",
            "files[0].text: is missing");
    refused("POST", "/api/v1/flows", NULL, "{\"files\":[{\"text\":\"a\",\"txt\":1}]}", 422,
            "invalid", "files[0].txt: unknown field, did you mean 'text'?");
    refused("POST", "/api/v1/flows", NULL, "{\"file\":[]}", 422, "invalid", "did you mean 'files'");
    char *large = mem_alloc(300 * 1024 + 1);
    memset(large, '#', 300 * 1024);
    const char *text = large;
    char *body = files_body(&text, 1, false);
    refused("POST", "/api/v1/flows", NULL, body, 422, "invalid",
            "files[0].text: has 307200 bytes, at most 262144 are allowed");
    mem_free(body);
    mem_free(large);
    refused("GET", "/api/v1/flows?cursor=x", NULL, NULL, 422, "invalid", "invalid cursor 'x'");
    refused("GET", "/api/v1/flows?namespace=a..b", NULL, NULL, 422, "invalid",
            "is not a namespace");
    refused("GET", "/api/v1/flows?limit=0", NULL, NULL, 422, "invalid", "limit");
}

static void pages_go_on_behind_the_cursor(void **state)
{
    (void)state;
    char *texts[5];
    for (int i = 0; i < 5; i++)
        texts[i] = str_dupf("id: f%d\nnamespace: a\ntasks: [{id: t, script: x}]\n"
                            "triggers: [{id: t1, script: x, interval: 1h}, {id: t2, script: x, "
                            "interval: 1h}]\ndisabled: true\n",
                            i);
    char *body = files_body((const char *const *)texts, 5, false);
    json_free(house_post(&house, "/api/v1/flows", body, 200));
    mem_free(body);
    for (int i = 0; i < 5; i++)
        mem_free(texts[i]);
    static const char *const lists[] = {"flows", "triggers"};
    static const int totals[] = {5, 10};
    for (int l = 0; l < 2; l++) {
        char *cursor = mem_strdup("");
        int seen = 0, pages = 0;
        while (cursor) {
            char *path = str_dupf("/api/v1/%s?limit=2&cursor=%s", lists[l], cursor);
            struct json *j = house_get(&house, path, 200);
            seen += (int)json_count(json_get(j, lists[l]));
            mem_free(cursor);
            cursor = mem_strdup(json_get_str(j, "nextCursor", NULL));
            json_free(j);
            mem_free(path);
            pages++;
        }
        assert_int_equal(seen, totals[l]);
        assert_int_equal(pages, (totals[l] + 1) / 2);
    }
}

/* ---- tokens ---- */

static void a_token_of_one_namespace_keeps_to_it(void **state)
{
    static const char *const other = "id: o\nnamespace: other\ntasks: [{id: t, script: x}]\n";
    (void)state;
    apply(two_tasks, "created", 1);
    apply(other, "created", 1);
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"company\"}",
                    NULL);
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    char *body = files_body(&other, 1, false);
    refused("POST", "/api/v1/flows", token, body, 403, "namespace", NULL);
    refused("POST", "/api/v1/flows", reader, body, 403, "role", NULL);
    mem_free(body);
    refused("GET", "/api/v1/flows/other/o", token, NULL, 403, "namespace", NULL);
    refused("DELETE", "/api/v1/flows/other/o", token, NULL, 403, "namespace", NULL);
    refused("POST", "/api/v1/flows/other/o/executions", token, "{}", 403, "namespace", NULL);
    refused("GET", "/api/v1/executions?namespace=other", token, NULL, 403, "namespace", NULL);
    refused("GET", "/api/v1/triggers/other/o/t", token, NULL, 403, "namespace", NULL);
    refused("POST", "/api/v1/triggers/other/o/t/run", token, NULL, 403, "namespace", NULL);
    refused("POST", "/api/v1/flows/other/o/executions", reader, "{}", 403, "role", NULL);
    refused("DELETE", "/api/v1/flows/company.team/two", reader, NULL, 403, "role", NULL);
    char *id = start("/api/v1/flows/other/o/executions", "{}");
    char *path = str_dupf("/api/v1/executions/%s", id);
    refused("GET", path, token, NULL, 403, "namespace", NULL);
    static const char *const parts[] = {"logs", "follow"};
    for (size_t i = 0; i < 2; i++) {
        char *part = str_dupf("%s/%s", path, parts[i]);
        refused("GET", part, token, NULL, 403, "namespace", NULL);
        mem_free(part);
    }
    refused("GET", "/api/v1/flows/other/o/revisions", token, NULL, 403, "namespace", NULL);
    refused("GET", "/api/v1/triggers?namespace=other", token, NULL, 403, "namespace", NULL);
    refused("POST", "/api/v1/triggers/other/o/t/enable", token, NULL, 403, "namespace", NULL);
    refused("POST", "/api/v1/triggers/other/o/t/disable", reader, NULL, 403, "role", NULL);
    char *cancel = str_dupf("%s/cancel", path);
    refused("POST", cancel, token, NULL, 403, "namespace", NULL);
    struct answer a;
    house_call(&house, "GET", "/api/v1/flows", token, NULL, NULL, &a);
    assert_int_equal(json_count(json_get(a.json, "flows")), 1);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/executions", token, NULL, NULL, &a);
    assert_int_equal(json_count(json_get(a.json, "executions")), 0);
    answer_fini(&a);
    mem_free(cancel);
    mem_free(path);
    mem_free(id);
    mem_free(token);
    mem_free(reader);
}

/* ---- executions ---- */

static void an_execution_goes_from_task_to_task(void **state)
{
    struct json *spec;
    (void)state;
    apply(two_tasks, "created", 1);
    char *id = start("/api/v1/flows/company.team/two/executions",
                     "{\"inputs\":{\"day\":\"monday\"},\"labels\":{\"why\":\"test\"}}");
    char *path = str_dupf("/api/v1/executions/%s", id);
    int64_t job = take_job(&spec);
    assert_string_equal(json_str(json_next(json_first(json_get(spec, "command"))), ""), "monday");
    assert_string_equal(json_get_str(spec, "execution", ""), id);
    assert_string_equal(json_get_str(spec, "task", ""), "a");
    json_free(spec);
    struct json *j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(j, "state", ""), "RUNNING");
    assert_string_equal(json_get_str(json_get(j, "labels"), "why", ""), "test");
    assert_string_equal(json_get_str(json_get(j, "labels"), "owner", ""), "ops");
    assert_int_equal(json_count(json_get(j, "taskRuns")), 1);
    json_free(j);
    finish_job(job, 0, "one\n");
    wait_for_state(id, "FAILED"); /* no output k was set */
    j = house_get(&house, path, 200);
    assert_true(strstr(json_get_str(j, "message", ""), "outputs.a.k") != NULL);
    assert_int_equal(json_count(json_get(j, "taskRuns")), 2);
    json_free(j);
    char *logs = str_dupf("%s/logs", path);
    struct answer a;
    house_call(&house, "GET", logs, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_true(str_starts(a.text, "one\n"));
    answer_fini(&a);
    char *cancel = str_dupf("%s/cancel", path);
    refused("POST", cancel, NULL, NULL, 409, "conflict", "has ended already");
    mem_free(cancel);
    mem_free(logs);
    mem_free(path);
    mem_free(id);
}

static void the_same_key_is_the_same_execution(void **state)
{
    struct answer a;
    (void)state;
    apply(two_tasks, "created", 1);
    const char *path = "/api/v1/flows/company.team/two/executions";
    house_call(&house, "POST", path, NULL, "{}", "Idempotency-Key: k\r\n", &a);
    assert_int_equal(a.status, 201);
    char *id = mem_strdup(json_get_str(a.json, "id", NULL));
    answer_fini(&a);
    house_call(&house, "POST", path, NULL, "{}", "Idempotency-Key: k\r\nPrefer: return=minimal\r\n",
               &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(json_get_str(a.json, "id", ""), id);
    assert_true(json_get_bool(a.json, "duplicate", false));
    assert_int_equal(json_count(a.json), 2);
    answer_fini(&a);
    mem_free(id);
}

static void executions_that_cannot_start_say_why(void **state)
{
    const char *path = "/api/v1/flows/company.team/two/executions";
    (void)state;
    apply(two_tasks, "created", 1);
    refused("POST", path, NULL, "{\"inputs\":{\"dya\":\"x\"}}", 422, "invalid",
            "there is no input 'dya', did you mean 'day'?");
    refused("POST", path, NULL, "{\"inputs\":[]}", 422, "invalid", "inputs: must be an object");
    refused("POST", path, NULL, "{\"labels\":{\"a\":1}}", 422, "invalid", "labels");
    refused("POST", path, NULL, "{\"labels\":{\"a\":\"x\\u202e\"}}", 422, "invalid",
            "labels: 'a' has a character that is not visible: U+202E");
    refused("POST", path, NULL, "{\"labels\":{\"a\\u200b\":\"x\"}}", 422, "invalid", "U+200B");
    refused("POST", path, NULL, "{\"input\":{}}", 422, "invalid", "did you mean 'inputs'");
    refused("POST", "/api/v1/flows/company.team/tow/executions", NULL, "{}", 404, "not-found",
            "there is no flow 'tow'");
    refused("GET", "/api/v1/executions/nonsense", NULL, NULL, 404, "not-found",
            "is not the id of an execution");
    refused("GET", "/api/v1/executions/0000000000001", NULL, NULL, 404, "not-found",
            "there is no execution");
    refused("GET", "/api/v1/executions?state=DONE", NULL, NULL, 422, "invalid", "is not a state");
    refused("GET", "/api/v1/executions?flow=two", NULL, NULL, 422, "invalid", "namespace");
    refused("GET", "/api/v1/executions?trigger=t", NULL, NULL, 422, "invalid", "trigger");
    refused("GET", "/api/v1/executions/0000000000001/follow?cursor=-1", NULL, NULL, 422, "invalid",
            "cursor");
}

/* Counts them from the execution's answer on, to the end of the list behind it. */
static int count_runs(const char *id, int *pages)
{
    char *path = str_dupf("/api/v1/executions/%s", id), *cursor;
    struct json *j = house_get(&house, path, 200);
    int count = (int)json_count(json_get(j, "taskRuns"));
    cursor = mem_strdup(json_get_str(j, "taskRunsCursor", NULL));
    json_free(j);
    mem_free(path);
    for (*pages = 0; cursor; (*pages)++) {
        path = str_dupf("/api/v1/executions/%s/taskruns?limit=1000&cursor=%s", id, cursor);
        j = house_get(&house, path, 200);
        count += (int)json_count(json_get(j, "taskRuns"));
        mem_free(cursor);
        cursor = mem_strdup(json_get_str(j, "nextCursor", NULL));
        json_free(j);
        mem_free(path);
    }
    return count;
}

static const char big_outputs[] =
    "id: big\nnamespace: a\ninputs: [{id: x, type: STRING}]\ntasks:\n"
    "  - id: e\n    type: io.kestra.plugin.core.flow.ForEach\n    values: '{{ 1..120 }}'\n"
    "    tasks:\n"
    "      - {id: r, type: io.kestra.plugin.core.debug.Return, format: '{{ inputs.x }}'}\n";

/* More than the largest answer that there is, all outputs together. */
static void an_execution_of_large_outputs_is_shown_in_part(void **state)
{
    enum { LEN = 60000 };
    static char body[LEN + 64];
    int pages, count;
    (void)state;
    apply(big_outputs, "created", 1);
    size_t at = (size_t)snprintf(body, sizeof body, "{\"inputs\":{\"x\":\"");
    memset(body + at, 'x', LEN);
    (void)snprintf(body + at + LEN, sizeof body - at - LEN, "\"}}");
    char *id = start("/api/v1/flows/a/big/executions", body);
    for (size_t ended = 0; ended == 0;) {
        struct json *j = house_get(&house, "/api/v1/executions?state=SUCCESS", 200);
        ended = json_count(json_get(j, "executions"));
        json_free(j);
    }
    count = count_runs(id, &pages);
    assert_int_equal(count, 1 + 2 * 120);
    assert_int_equal(pages, 2);
    mem_free(id);
}

static void executions_are_listed_newest_first(void **state)
{
    (void)state;
    apply(two_tasks, "created", 1);
    char *first = start("/api/v1/flows/company.team/two/executions", "{}");
    char *second = start("/api/v1/flows/company.team/two/executions", "{}");
    struct json *j = house_get(&house, "/api/v1/executions?limit=1", 200);
    assert_string_equal(json_get_str(json_first(json_get(j, "executions")), "id", ""), second);
    char *path =
        str_dupf("/api/v1/executions?limit=1&cursor=%s", json_get_str(j, "nextCursor", ""));
    json_free(j);
    j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(json_first(json_get(j, "executions")), "id", ""), first);
    json_free(j);
    mem_free(path);
    j = house_get(&house, "/api/v1/executions?state=SUCCESS,FAILED", 200);
    assert_int_equal(json_count(json_get(j, "executions")), 0);
    json_free(j);
    j = house_get(&house, "/api/v1/executions?namespace=company.team&flow=two&state=RUNNING", 200);
    assert_int_equal(json_count(json_get(j, "executions")), 2);
    json_free(j);
    mem_free(first);
    mem_free(second);
}

static void a_deleted_flow_is_gone(void **state)
{
    (void)state;
    apply(two_tasks, "created", 1);
    struct answer a;
    house_call(&house, "DELETE", "/api/v1/flows/company.team/two", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    refused("DELETE", "/api/v1/flows/company.team/two", NULL, NULL, 404, "not-found", NULL);
    refused("GET", "/api/v1/flows/company.team/two", NULL, NULL, 404, "not-found", NULL);
    apply(two_tasks, "created", 2);
}

/* ---- following ---- */

struct follower {
    struct peer p;
    struct http_parser *http;
    size_t at;
    struct frame_reader frames;
    struct buf
        told; /* "execution STATE", "TASK STATE", "output TEXT": a line each, without repetitions */
    int64_t cursor;
    bool over;
};

static int on_body(const void *data, size_t len, void *user)
{
    struct follower *f = user;
    struct err e;
    return frame_reader_add(&f->frames, data, len, &e);
}

static void follow(struct follower *f, const char *id, int64_t cursor)
{
    struct buf b;
    *f = (struct follower){0};
    buf_init(&f->told, 100000);
    peer_open(&f->p, &house, ALPN_HTTP, NULL, NULL);
    buf_init(&b, 8192);
    buf_addf(&b,
             "GET /api/v1/executions/%s/follow?cursor=%lld HTTP/1.1\r\nHost: x\r\nAuthorization: "
             "Bearer %s\r\n\r\n",
             id, (long long)cursor, house.admin);
    peer_write(&f->p, b.data, b.len);
    buf_fini(&b);
    f->http = http_parser_new(HTTP_CLIENT, 1);
    http_parser_stream(f->http, on_body, f);
    frame_reader_init(&f->frames, LIMIT_FRAME_KNOWN);
}

static void follower_fini(struct follower *f)
{
    peer_fini(&f->p);
    http_parser_free(f->http);
    frame_reader_fini(&f->frames);
    buf_fini(&f->told);
}

static void tell_frame(struct follower *f, const struct frame *frame)
{
    struct err e;
    char *line;
    if (frame->type == FRAME_OUTPUT) {
        struct frame_output o;
        assert_int_equal(frame_output_decode(frame->body, frame->len, &o, &e), 0);
        f->cursor = o.seq;
        line = str_dupf("output %.*s", (int)o.len, (const char *)o.data);
    } else {
        struct json *j;
        assert_int_equal(json_parse((const char *)frame->body, frame->len, &j, NULL), 0);
        bool job = str_eq(json_get_str(j, "event", ""), "state");
        line = str_dupf("%s %s\n", job ? json_get_str(j, "task", "?") : "execution",
                        json_get_str(j, "state", "?"));
        json_free(j);
    }
    if (!strstr(f->told.data, line)) (void)buf_adds(&f->told, line);
    mem_free(line);
}

/* Until what was told contains `part`, or the end. */
static void hear(struct follower *f, const char *part)
{
    while (!f->over && !strstr(f->told.data, part)) {
        struct frame frame;
        struct err e = {0};
        enum http_event event = HTTP_MORE;
        size_t used = 0;
        int rc = frame_reader_next(&f->frames, &frame, &e);
        assert_true(rc >= 0);
        if (rc) {
            tell_frame(f, &frame);
            continue;
        }
        assert_int_equal(http_parse(f->http, f->p.in.data + f->at, f->p.in.len - f->at, &used,
                                    &event, &e),
                         0);
        f->at += used;
        if (event == HTTP_MESSAGE) f->over = true;
        if (event != HTTP_MORE || used) continue;
        assert_false(f->p.closed);
        f->p.changed = false;
        house_run(&house, &f->p.changed);
    }
    /* what lies behind the end of the message's last piece */
    struct frame frame;
    struct err e = {0};
    while (f->over && frame_reader_next(&f->frames, &frame, &e) == 1)
        tell_frame(f, &frame);
}

static const char plain_tasks[] =
    "id: plain\nnamespace: a\ntasks:\n"
    "  - {id: a, command: [x]}\n"
    "  - {id: log, type: io.kestra.plugin.core.log.Log, message: hi}\n"
    "  - {id: b, command: [y]}\n";

static void a_follower_sees_all_task_runs_in_order(void **state)
{
    struct follower f;
    struct json *spec;
    (void)state;
    apply(plain_tasks, "created", 1);
    char *id = start("/api/v1/flows/a/plain/executions", "{}");
    follow(&f, id, 0);
    int64_t job = take_job(&spec);
    json_free(spec);
    hear(&f, "a SUBMITTED\n");
    finish_job(job, 0, "one\n");
    job = take_job(&spec);
    json_free(spec);
    hear(&f, "b SUBMITTED\n");
    finish_job(job, 0, "two\n");
    hear(&f, "never");
    assert_true(f.over);
    const char *told = f.told.data;
    static const char *const order[] = {"execution RUNNING\n", "a SUBMITTED\n", "output one\n",
                                        "a SUCCESS\n",         "output hi\n",   "log SUCCESS\n",
                                        "b SUBMITTED\n",       "output two\n",  "b SUCCESS\n",
                                        "execution SUCCESS\n"};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const char *found = strstr(told, order[i]);
        if (!found) print_message("%s is not where it should be:\n%s\n", order[i], f.told.data);
        assert_non_null(found);
        told = found;
    }
    int64_t cursor = f.cursor;
    follower_fini(&f);
    /* who comes back with a cursor is told no output again */
    follow(&f, id, cursor);
    hear(&f, "never");
    assert_true(f.over);
    assert_null(strstr(f.told.data, "output"));
    assert_non_null(strstr(f.told.data, "execution SUCCESS\n"));
    follower_fini(&f);
    mem_free(id);
}

static void a_follower_of_a_queued_execution_waits_with_it(void **state)
{
    struct follower f;
    struct json *spec;
    (void)state;
    apply("id: one\nnamespace: a\nconcurrency: {limit: 1}\ntasks: [{id: a, command: [x]}]\n",
          "created", 1);
    char *first = start("/api/v1/flows/a/one/executions", "{}");
    char *second = start("/api/v1/flows/a/one/executions", "{}");
    char *path = str_dupf("/api/v1/executions/%s", second);
    struct json *j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(json_get(j, "waiting"), "code", ""), "concurrency");
    json_free(j);
    follow(&f, second, 0);
    hear(&f, "execution QUEUED\n");
    int64_t job = take_job(&spec);
    json_free(spec);
    finish_job(job, 3, NULL);
    wait_for_state(first, "FAILED");
    hear(&f, "execution RUNNING\n");
    char *cancel = str_dupf("%s/cancel", path);
    job = take_job(&spec);
    json_free(spec);
    json_free(house_post(&house, cancel, NULL, 202));
    peer_finished(&agent, ++last_seq, job, 1, 137);
    hear(&f, "never");
    assert_true(f.over);
    assert_non_null(strstr(f.told.data, "execution KILLED\n"));
    follower_fini(&f);
    mem_free(cancel);
    mem_free(path);
    mem_free(first);
    mem_free(second);
}

/* ---- triggers ---- */

static void a_trigger_is_shown_run_and_disabled(void **state)
{
    struct json *spec;
    (void)state;
    apply("id: w\nnamespace: a\ntasks: [{id: t, command: [x]}]\n"
          "triggers: [{id: g, command: [check], interval: 1h}]\n",
          "created", 1);
    int64_t job = take_job(&spec);
    assert_string_equal(json_str(json_first(json_get(spec, "command")), ""), "check");
    json_free(spec);
    /* one at a time: the one under way is the answer */
    struct json *j = house_post(&house, "/api/v1/triggers/a/w/g/run", NULL, 202);
    int64_t same;
    assert_int_equal(id_parse(json_get_str(j, "job", ""), &same), 0);
    assert_true(same == job);
    json_free(j);
    finish_job(job, 1, NULL);
    j = NULL;
    for (int i = 0; i < 500; i++) {
        json_free(j);
        j = house_get(&house, "/api/v1/triggers/a/w/g", 200);
        if (json_get_int(j, "evaluations", 0) == 1) break;
        house_run_ms(&house, 20);
    }
    assert_string_equal(json_get_str(j, "result", ""), "not-fired");
    assert_string_equal(json_get_str(j, "interval", ""), "1h");
    const struct json *v = json_first(json_get(j, "history"));
    assert_int_equal(json_get_int(v, "exitCode", -1), 1);
    assert_int_equal(json_get_int(v, "number", -1), 1);
    json_free(j);
    j = house_post(&house, "/api/v1/triggers/a/w/g/run", NULL, 202);
    assert_non_null(json_get_str(j, "job", NULL));
    json_free(j);
    job = take_job(&spec);
    json_free(spec);
    finish_job(job, 1, NULL);
    j = house_post(&house, "/api/v1/triggers/a/w/g/disable", NULL, 200);
    assert_true(json_get_bool(j, "disabled", false));
    assert_non_null(json_get_str(j, "reason", NULL));
    assert_int_equal(json_type(json_get(j, "nextAt")), JSON_NULL);
    json_free(j);
    j = house_post(&house, "/api/v1/triggers/a/w/g/enable", NULL, 200);
    assert_false(json_get_bool(j, "disabled", true));
    json_free(j);
    refused("GET", "/api/v1/triggers/a/w/nothing", NULL, NULL, 404, "not-found", "a/w/nothing");
    refused("POST", "/api/v1/triggers/a/w/nothing/enable", NULL, NULL, 404, "not-found", NULL);
    refused("GET", "/api/v1/triggers?cursor=a/b", NULL, NULL, 422, "invalid", "invalid cursor");
}

static void the_next_firings_of_a_schedule(void **state)
{
    (void)state;
    apply("id: n\nnamespace: a\ntasks: [{id: t, command: [x]}]\n"
          "triggers: [{id: s, cron: '0 3 1 1 *', timezone: '+02:00', disabled: true},\n"
          "           {id: g, command: [check], interval: 1h}]\n",
          "created", 1);
    struct json *j = house_get(&house, "/api/v1/triggers/a/n/s/next", 200);
    const struct json *firings = json_get(j, "firings"), *first = json_first(firings);
    assert_int_equal(json_count(firings), 10);
    assert_non_null(strstr(json_get_str(first, "planned", ""), "-01-01T03:00:00+02:00"));
    assert_non_null(strstr(json_get_str(first, "plannedAt", ""), "-01-01T01:00:00.000Z"));
    assert_string_equal(json_get_str(j, "timezone", ""), "+02:00");
    assert_true(json_get_bool(j, "disabled", false));
    assert_non_null(json_get_str(j, "reason", NULL));
    assert_int_equal(json_type(json_get(j, "searchedTo")), JSON_NULL);
    json_free(j);
    j = house_get(&house, "/api/v1/triggers/a/n/s/next?count=100", 200);
    assert_int_equal(json_count(json_get(j, "firings")), 100);
    json_free(j);
    static const char *const counts[] = {"0", "101", "-1", "x", "1.5"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char *target = str_dupf("/api/v1/triggers/a/n/s/next?count=%s", counts[i]);
        refused("GET", target, NULL, NULL, 422, "invalid", "count");
        mem_free(target);
    }
    refused("GET", "/api/v1/triggers/a/n/s/next?cuont=1", NULL, NULL, 422, "invalid", "cuont");
    refused("GET", "/api/v1/triggers/a/n/g/next", NULL, NULL, 409, "conflict", "is no schedule");
    refused("GET", "/api/v1/triggers/a/n/nothing/next", NULL, NULL, 404, "not-found", "nothing");
    refused("GET", "/api/v1/triggers/a/none/s/next", NULL, NULL, 404, "not-found", "none");
}

static void a_backfill_of_a_schedule(void **state)
{
    (void)state;
#define BACKFILLS "/api/v1/triggers/a/n/s/backfills"
#define DAYS "\"start\":\"2020-01-01\",\"end\":\"2020-01-03\""
    apply("id: n\nnamespace: a\ntasks: [{id: t, command: [x]}]\n"
          "triggers: [{id: s, cron: '0 3 * * *', disabled: true},\n"
          "           {id: g, command: [check], interval: 1h}]\n",
          "created", 1);
    struct json *j = house_post(&house, BACKFILLS, "{" DAYS ",\"dryRun\":true}", 200);
    assert_int_equal(json_count(json_get(j, "firings")), 3);
    json_free(j);
    j = house_post(&house, BACKFILLS, "{" DAYS "}", 201);
    char *id = mem_strdup(json_get_str(j, "backfill", "?"));
    json_free(j);
    j = house_get(&house, BACKFILLS, 200);
    const struct json *first = json_first(json_get(j, "backfills"));
    assert_string_equal(json_get_str(first, "id", ""), id);
    assert_string_equal(json_get_str(first, "start", ""), "2020-01-01T00:00:00.000Z");
    assert_string_equal(json_get_str(first, "end", ""), "2020-01-03T23:59:59.000Z");
    assert_int_equal(json_get_int(first, "parallel", 0), 1);
    assert_false(json_get_bool(first, "missed", true));
    json_free(j);
    char *cancel = str_dupf(BACKFILLS "/%s/cancel", id);
    json_free(house_post(&house, cancel, NULL, 200));
    refused("POST", cancel, NULL, NULL, 404, "not-found", "no such backfill");
    refused("POST", BACKFILLS "/x/cancel", NULL, NULL, 404, "not-found", "no such backfill");
    mem_free(cancel);
    mem_free(id);
#define MISSED "{\"start\":\"2019-01-01\",\"end\":\"2019-01-03\",\"missed\":true"
    j = house_post(&house, BACKFILLS, MISSED ",\"dryRun\":true}", 200);
    assert_int_equal(json_get_int(j, "count", 0), 3);
    json_free(j);
    json_free(house_post(&house, BACKFILLS, MISSED "}", 201));
    j = house_get(&house, BACKFILLS, 200);
    assert_true(json_get_bool(json_first(json_get(j, "backfills")), "missed", false));
    json_free(j);
    refused("POST", BACKFILLS, NULL, "{\"start\":\"2020-01-01\"}", 422, "invalid", "end");
    refused("POST", BACKFILLS, NULL, "{" DAYS ",\"parallel\":51}", 422, "invalid", "parallel");
    refused("POST", BACKFILLS, NULL, "{" DAYS ",\"inputs\":[]}", 422, "invalid", "inputs");
    refused("POST", BACKFILLS, NULL, "{" DAYS ",\"missed\":1}", 422, "invalid", "missed");
    refused("POST", BACKFILLS, NULL, "{\"start\":\"x\",\"end\":\"2020-01-03\"}", 422, "invalid",
            "start: 'x'");
    refused("POST", "/api/v1/triggers/a/n/g/backfills", NULL, "{" DAYS "}", 409, "conflict",
            "is no schedule");
}

#define IN_HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HOUSE(a_file_is_applied_and_shown),
        IN_HOUSE(inputs_are_told_as_the_flow_has_them),
        IN_HOUSE(revisions_are_kept),
        IN_HOUSE(all_problems_come_back_and_nothing_is_applied),
        IN_HOUSE(an_unknown_group_alone_has_its_own_code),
        IN_HOUSE(a_check_changes_nothing),
        IN_HOUSE(bodies_that_are_none_are_refused),
        IN_HOUSE(pages_go_on_behind_the_cursor),
        IN_HOUSE(a_token_of_one_namespace_keeps_to_it),
        IN_HOUSE(an_execution_goes_from_task_to_task),
        IN_HOUSE(the_same_key_is_the_same_execution),
        IN_HOUSE(executions_that_cannot_start_say_why),
        IN_HOUSE(an_execution_of_large_outputs_is_shown_in_part),
        IN_HOUSE(executions_are_listed_newest_first),
        IN_HOUSE(a_deleted_flow_is_gone),
        IN_HOUSE(a_follower_sees_all_task_runs_in_order),
        IN_HOUSE(a_follower_of_a_queued_execution_waits_with_it),
        IN_HOUSE(a_trigger_is_shown_run_and_disabled),
        IN_HOUSE(the_next_firings_of_a_schedule),
        IN_HOUSE(a_backfill_of_a_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
