/* Webhooks over HTTP: who may call, with what, how often, and what of it the flow is told. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

#define KEY "s3cret-key"
#define PATH "/api/v1/webhooks/company.team/hook/" KEY

static struct house house;

static void apply(const char *id, const char *trigger)
{
    char *body = str_dupf("{\"files\":[{\"text\":\"id: %s\\nnamespace: company.team\\ntasks:\\n"
                          "  - {id: t, type: io.kestra.plugin.core.log.Log, message: \\\"%s\\\"}\\n"
                          "triggers:\\n  - {id: call, %s}\\n\"}]}",
                          id, "{{ trigger.body.name ?? trigger.body ?? 'none' }}", trigger);
    json_free(house_post(&house, "/api/v1/flows", body, 200));
    mem_free(body);
}

#define KESTRA "type: io.kestra.plugin.core.trigger.Webhook, key: " KEY

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    apply("hook", KESTRA);
    return 0;
}

static int open_slow_house(void **state)
{
    (void)state;
    house_open(&house, "limits: {webhooks: 1}\n", NULL);
    apply("hook", KESTRA);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static void call(const char *path, const char *body, const char *headers, struct answer *a)
{
    house_call(&house, "POST", path, "", body, headers, a);
}

/* The call has to be taken. *id: of the execution. */
static void taken(const char *path, const char *body, const char *headers, char id[14])
{
    struct answer a;
    call(path, body, headers, &a);
    if (a.status != 200) fail_msg("%s: %d %s", path, a.status, a.text);
    assert_int_equal(str_copy(id, 14, json_get_str(a.json, "id", "")), 0);
    assert_int_equal(strlen(id), 13);
    answer_fini(&a);
}

/* What the task of the execution wrote. mem_free */
static char *log_of(const char *id)
{
    char *path = str_dupf("/api/v1/executions/%s/logs", id);
    struct answer a;
    house_call(&house, "GET", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    char *text = mem_strdup(a.text);
    answer_fini(&a);
    mem_free(path);
    return text;
}

static void says(const char *body, const char *wanted)
{
    char id[14];
    taken(PATH, body, NULL, id);
    char *text = log_of(id);
    assert_string_equal(text, wanted);
    mem_free(text);
}

static void call__with_the_key_needs_no_token(void **state)
{
    static const char *const paths[] = {
        PATH,
        "/api/v1/executions/webhook/company.team/hook/" KEY,
        "/api/v1/main/executions/webhook/company.team/hook/" KEY,
        PATH "?a=1",
        PATH "/",
    };
    static const char *const bare[] = {
        "/api/v1/webhooks/company.team/hook",
        "/api/v1/executions/webhook/company.team/hook",
        "/api/v1/main/executions/webhook/company.team/hook",
    };
    char id[14];
    struct answer a;
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        taken(paths[i], "{}", NULL, id);
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
        taken(bare[i], "{}", "Authorization: Bearer " KEY "\r\n", id);
        call(bare[i], "{}", NULL, &a);
        answer_is(&a, 401, "key-missing", "needs its key");
        answer_fini(&a);
        call(bare[i], "{}", "Authorization: Basic " KEY "\r\n", &a);
        answer_is(&a, 401, "key-missing", "needs its key");
        answer_fini(&a);
    }
    house_call(&house, "GET", PATH, "", NULL, NULL, &a);
    assert_int_equal(a.status, 405);
    answer_fini(&a);
    /* the key opens nothing else, nor does a token open a webhook */
    house_call(&house, "GET", "/api/v1/executions", KEY, NULL, NULL, &a);
    assert_int_equal(a.status, 401);
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/webhooks/company.team/hook", NULL, "{}", NULL, &a);
    answer_is(&a, 404, "not-found", "no such webhook");
    answer_fini(&a);
}

static void unknown__is_one_answer(void **state)
{
    static const char *const paths[] = {
        "/api/v1/webhooks/company.team/hook/other",  "/api/v1/webhooks/company.team/hook/" KEY "x",
        "/api/v1/webhooks/company.team/none/" KEY,   "/api/v1/webhooks/company/hook/" KEY,
        "/api/v1/executions/webhook/a..b/%00x/" KEY, "/api/v1/webhooks/company.team/poll/" KEY,
    };
    char *first = NULL;
    struct answer a;
    (void)state;
    apply("poll", "interval: 1h, command: [x], disabled: true");
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        call(paths[i], i & 1 ? "{}" : NULL, NULL, &a);
        if (i == 4) {
            assert_int_equal(a.status, 400); /* a path that is none */
            answer_fini(&a);
            continue;
        }
        answer_is(&a, 404, "not-found", "no such webhook");
        if (!first) first = mem_strdup(a.text);
        assert_string_equal(a.text, first);
        answer_fini(&a);
    }
    mem_free(first);
}

static void body__is_json_when_it_is_and_else_text(void **state)
{
    (void)state;
    says("{\"name\":\"Ann\"}", "Ann\n");
    says("[1,{\"a\":2}]", "[1,{\"a\":2}]\n");
    says("5", "5\n");
    says("\"quoted\"", "\"quoted\"\n");
    says("a=1&b=2", "a=1&b=2\n");
    says("{\"name\":", "{\"name\":\n");
    says(NULL, "none\n");
    says("\xff\xfe", "//4=\n"); /* base64 */
    says("{{ inputs.x }} $(id)", "{{ inputs.x }} $(id)\n");
}

static void coded_body__is_refused_by_name(void **state)
{
    struct answer a;
    (void)state;
    call(PATH, "\x1f\x8b", "Content-Encoding: gzip\r\n", &a);
    answer_is(&a, 415, "encoding", "'gzip'");
    answer_fini(&a);
    call("/api/v1/webhooks/company.team/hook/wrong", "x", "Content-Encoding: gzip\r\n", &a);
    answer_is(&a, 404, "not-found", "no such webhook");
    answer_fini(&a);
    char id[14];
    taken(PATH, "{}", "Content-Encoding: identity\r\n", id);
}

static void headers_and_parameters__are_lists_without_what_is_secret(void **state)
{
    char id[14];
    (void)state;
    apply("hook", KESTRA ", inputs: {v: '{{ trigger.headers }} {{ trigger.parameters }} "
                         "{{ trigger.headers[\\\"X-Event\\\"][0] }}'}}\\ninputs:\\n  - {id: v, "
                         "type: STRING, defaults: a");
    taken(PATH "?a=1&a=2&b=x%20y", "{}",
          "X-Event: push\r\nx-event: pull\r\nCookie: c00kie\r\nAuthorization: Bearer t0ken\r\n"
          "Referer: https://h/" KEY "\r\n",
          id);
    char *path = str_dupf("/api/v1/executions/%s", id);
    struct answer a;
    house_call(&house, "GET", path, NULL, NULL, NULL, &a);
    const char *v = json_get_str(json_get(a.json, "inputs"), "v", "");
    assert_non_null(strstr(v, "\"x-event\":[\"push\",\"pull\"]"));
    assert_non_null(strstr(v, "{\"a\":[\"1\",\"2\"],\"b\":[\"x y\"]} push"));
    assert_null(strstr(a.text, "c00kie"));
    assert_null(strstr(a.text, "t0ken"));
    assert_null(strstr(a.text, KEY));
    answer_fini(&a);
    mem_free(path);
}

static void idempotency_key__is_the_same_execution(void **state)
{
    char first[14], second[14];
    struct answer a;
    (void)state;
    taken(PATH, "{}", "Idempotency-Key: once\r\n", first);
    taken(PATH, "{}", "Idempotency-Key: once\r\n", second);
    assert_string_equal(first, second);
    taken(PATH, "{}", "Idempotency-Key: twice\r\n", second);
    assert_string_not_equal(first, second);
    call(PATH, "{}", "Idempotency-Key: \r\n", &a);
    assert_int_equal(a.status, 422);
    answer_fini(&a);
}

static void large_body__is_refused_before_it_is_read(void **state)
{
    struct answer a;
    char *body = mem_alloc(LIMIT_HTTP_WEBHOOK + 2), id[14];
    (void)state;
    memset(body, 'x', LIMIT_HTTP_WEBHOOK + 1);
    call(PATH, body, NULL, &a);
    answer_is(&a, 413, "too-large", NULL);
    answer_fini(&a);
    call("/api/v1/webhooks/company.team/hook/other", body, NULL, &a); /* whatever its size */
    answer_is(&a, 404, "not-found", NULL);
    answer_fini(&a);
    body[10000] = '\0';
    taken(PATH, body, NULL, id);
    mem_free(body);
}

/* The body of a stranger is not waited for. */
static void stranger__is_answered_at_the_head_and_cut(void **state)
{
    static const char head[] = "POST /api/v1/webhooks/company.team/hook/other HTTP/1.1\r\n"
                               "Host: c\r\nContent-Length: 100000\r\n\r\n";
    struct peer p;
    (void)state;
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, head, strlen(head));
    peer_wait_closed(&p);
    buf_addc(&p.in, '\0');
    assert_non_null(strstr(p.in.data, " 404 "));
    peer_fini(&p);
}

static void rate__is_limited_for_each_webhook(void **state)
{
    struct answer a;
    char id[14];
    (void)state;
    apply("other", KESTRA);
    taken(PATH, "{}", NULL, id);
    call(PATH, "{}", NULL, &a);
    answer_is(&a, 429, "rate-limited", "too often");
    int64_t seconds = 0;
    assert_int_equal(str_int64(a.retry_after, &seconds), 0);
    assert_true(seconds >= 1 && seconds <= 60);
    answer_fini(&a);
    call("/api/v1/webhooks/company.team/hook/other", "{}", NULL, &a); /* guesses learn nothing */
    answer_is(&a, 404, "not-found", NULL);
    answer_fini(&a);
    taken("/api/v1/webhooks/company.team/other/" KEY, "{}", NULL, id);
}

static void disabled__is_told_to_who_has_the_key(void **state)
{
    struct answer a;
    (void)state;
    json_free(house_post(&house, "/api/v1/triggers/company.team/hook/call/disable", NULL, 200));
    call(PATH, "{}", NULL, &a);
    answer_is(&a, 409, "disabled", "is disabled");
    answer_fini(&a);
    call("/api/v1/webhooks/company.team/hook/other", "{}", NULL, &a);
    answer_is(&a, 404, "not-found", NULL);
    answer_fini(&a);
}

static void own_key__is_made_and_replaced(void **state)
{
    char *paths[2], id[14];
    struct answer a;
    (void)state;
    apply("own", "webhook: {}");
    call("/api/v1/webhooks/company.team/own/x", "{}", NULL, &a);
    answer_is(&a, 404, "not-found", NULL);
    answer_fini(&a);
    for (int i = 0; i < 2; i++) {
        struct json *j =
            house_post(&house, "/api/v1/triggers/company.team/own/call/key", NULL, 201);
        const char *key = json_get_str(j, "key", "");
        assert_int_equal(strlen(key), 32);
        paths[i] = str_dupf("/api/v1/webhooks/company.team/own/%s", key);
        json_free(j);
        taken(paths[i], "{}", NULL, id);
    }
    call(paths[0], "{}", NULL, &a);
    answer_is(&a, 404, "not-found", NULL);
    answer_fini(&a);
    struct json *j = house_get(&house, "/api/v1/triggers/company.team/own/call", 200);
    char *text = json_text(j);
    assert_null(strstr(text, strrchr(paths[1], '/') + 1));
    assert_string_equal(json_get_str(j, "kind", ""), "webhook");
    mem_free(text);
    json_free(j);
    house_call(&house, "POST", "/api/v1/triggers/company.team/hook/call/key", NULL, NULL, NULL, &a);
    answer_is(&a, 409, "conflict", "stands in the flow");
    answer_fini(&a);
    mem_free(paths[0]);
    mem_free(paths[1]);
}

int main(void)
{
#define HOUSE_TEST(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)
    const struct CMUnitTest tests[] = {
        HOUSE_TEST(call__with_the_key_needs_no_token),
        HOUSE_TEST(unknown__is_one_answer),
        HOUSE_TEST(body__is_json_when_it_is_and_else_text),
        HOUSE_TEST(coded_body__is_refused_by_name),
        HOUSE_TEST(headers_and_parameters__are_lists_without_what_is_secret),
        HOUSE_TEST(idempotency_key__is_the_same_execution),
        HOUSE_TEST(large_body__is_refused_before_it_is_read),
        HOUSE_TEST(stranger__is_answered_at_the_head_and_cut),
        cmocka_unit_test_setup_teardown(rate__is_limited_for_each_webhook, open_slow_house,
                                        close_house),
        HOUSE_TEST(disabled__is_told_to_who_has_the_key),
        HOUSE_TEST(own_key__is_made_and_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
