/* The API as a client meets it, above all with what it must refuse. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/support/hidden.h"

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

static void refused(const char *method, const char *path, const char *token, const char *body,
                    int status, const char *code, const char *part)
{
    struct answer a;
    house_call(&house, method, path, token, body, NULL, &a);
    answer_is(&a, status, code, part);
    answer_fini(&a);
}

static int64_t submit(const char *body)
{
    struct json *j = house_post(&house, "/api/v1/jobs", body, 201);
    int64_t id;
    assert_int_equal(id_parse(json_get_str(j, "id", ""), &id), 0);
    json_free(j);
    return id;
}

static char *path_of(int64_t job, const char *tail)
{
    char id[ID_TEXT_SIZE];
    id_format(job, id);
    return str_dupf("/api/v1/jobs/%s%s", id, tail);
}

/* ---- who is there ---- */

static void health_and_version__without_token__answer(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "GET", "/ca.pem", "", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(str_trim(a.text), house.ca_pem);
    answer_fini(&a);
    house_call(&house, "GET", "/healthz", "", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(json_get_str(a.json, "status", ""), "ok");
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/version", "", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_non_null(json_get_str(a.json, "version", NULL));
    answer_fini(&a);
}

static void admin_token__whoami__says_admin(void **state)
{
    (void)state;
    struct json *j = house_get(&house, "/api/v1/whoami", 200);
    assert_string_equal(json_get_str(j, "role", ""), "admin");
    json_free(j);
    j = house_get(&house, "/api/v1/status", 200);
    assert_int_equal(json_get_int(json_get(j, "jobs"), "RUNNING", -1), 0);
    json_free(j);
}

static void tokens__bad_ones__are_refused_each_in_its_way(void **state)
{
    static const struct {
        const char *token, *code;
    } bad[] = {
        {"", "token-missing"},
        {"nonsense", "token-malformed"},
        {"cadre-api-", "token-malformed"},
        {"cadre-api-AQ", "token-malformed"},
        {"cadre-api-!!!!", "token-malformed"},
        {"cadre-api-AAAA", "token-malformed"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused("GET", "/api/v1/whoami", bad[i].token, NULL, 401, bad[i].code, NULL);
    char *join = house_token(&house, "{\"type\":\"join\"}", NULL);
    refused("GET", "/api/v1/whoami", join, NULL, 401, "token-malformed", "join token");
    mem_free(join);
    char *cut = mem_strdup(house.admin);
    cut[strlen(cut) - 5] = '\0';
    refused("GET", "/api/v1/whoami", cut, NULL, 401, "token-malformed", NULL);
    mem_free(cut);
}

static void tokens__other_scheme__is_refused(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "GET", "/api/v1/whoami", "", NULL, "Authorization: Basic Zm9vOmJhcg==\r\n",
               &a);
    answer_is(&a, 401, "token-malformed", "Bearer");
    answer_fini(&a);
}

static void headers__there_twice__are_refused(void **state)
{
    static const char *const twice[] = {"Authorization: Bearer a\r\nauthorization: Bearer b\r\n",
                                        "Idempotency-Key: a\r\nIdempotency-Key: a\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        struct answer a;
        house_call(&house, "POST", "/api/v1/jobs", "", "{\"command\":[\"true\"]}", twice[i], &a);
        answer_is(&a, 400, "bad-request", i ? "Idempotency-Key is there twice" : "Authorization");
        answer_fini(&a);
    }
}

static void submit__coded_body__is_refused_by_name(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "POST", "/api/v1/jobs", NULL, "\x1f\x8b", "Content-Encoding: gzip\r\n", &a);
    answer_is(&a, 415, "encoding", "'gzip'");
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"true\"]}",
               "Content-Encoding: identity\r\n", &a);
    assert_int_equal(a.status, 201);
    answer_fini(&a);
}

static char *changed_token(bool other_id)
{
    struct token t;
    char text[TOKEN_TEXT_SIZE];
    assert_int_equal(token_parse(house.admin, &t, NULL), 0);
    if (other_id)
        t.id++;
    else
        t.secret[3] ^= 1;
    assert_int_equal(token_format(&t, text, sizeof text), 0);
    return mem_strdup(text);
}

static void tokens__unknown_id_or_wrong_secret__look_the_same(void **state)
{
    struct answer a, b;
    (void)state;
    char *id = changed_token(true), *secret = changed_token(false);
    house_call(&house, "GET", "/api/v1/whoami", id, NULL, NULL, &a);
    house_call(&house, "GET", "/api/v1/whoami", secret, NULL, NULL, &b);
    answer_is(&a, 401, "token-unknown", NULL);
    answer_is(&b, 401, "token-unknown", NULL);
    assert_string_equal(a.text, b.text);
    answer_fini(&a);
    answer_fini(&b);
    mem_free(id);
    mem_free(secret);
}

static void tokens__revoked__end_at_once(void **state)
{
    char id[14];
    struct answer a;
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    house_call(&house, "GET", "/api/v1/whoami", token, NULL, NULL, &a); /* now it is remembered */
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    refused("GET", "/api/v1/whoami", token, NULL, 401, "token-revoked", NULL);
    mem_free(path);
    mem_free(token);
}

static void wait_for_text(struct peer *p, const char *text)
{
    while (!strstr(p->in.data, text)) {
        if (p->closed) fail_msg("closed before '%s'", text);
        p->changed = false;
        house_run(&house, &p->changed);
    }
}

static void tokens__revoked_in_the_middle_of_a_connection__end_at_once(void **state)
{
    struct peer p;
    struct answer a;
    char id[14];
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    char *request = str_dupf("GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                             "%s\r\n\r\n",
                             token);
    char *other = str_dupf("GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                           "%sx\r\n\r\n",
                           token);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, request, strlen(request));
    wait_for_text(&p, "\"role\":\"read\"");
    peer_write(&p, other, strlen(other)); /* what was proved holds for those words only */
    wait_for_text(&p, "token-malformed");
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    peer_write(&p, request, strlen(request));
    wait_for_text(&p, "token-revoked");
    peer_fini(&p);
    mem_free(token);
    mem_free(request);
    mem_free(other);
    mem_free(path);
}

static void tokens__revoked_while_a_body_arrives__do_nothing(void **state)
{
    struct peer p;
    struct answer a;
    char id[14];
    (void)state;
    const char *body = "{\"command\":[\"true\"]}";
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"submit\"}", id);
    char *head = str_dupf("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Expect: 100-continue\r\nContent-Length: %zu\r\n\r\n",
                          token, strlen(body));
    char *path = str_dupf("/api/v1/tokens/%s", id);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, head, strlen(head));
    wait_for_text(&p, "100 Continue"); /* the token was found good */
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    peer_write(&p, body, strlen(body));
    wait_for_text(&p, "token-revoked");
    peer_fini(&p);
    mem_free(token);
    mem_free(head);
    mem_free(path);
}

static void tokens__expired__are_refused(void **state)
{
    (void)state;
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"read\",\"expires\":\"1ms\"}", NULL);
    house_run_ms(&house, 5);
    refused("GET", "/api/v1/whoami", token, NULL, 401, "token-expired", NULL);
    mem_free(token);
}

static void roles__read_and_submit__stay_in_their_bounds(void **state)
{
    struct answer a;
    (void)state;
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    char *submitter = house_token(&house, "{\"type\":\"api\",\"role\":\"submit\"}", NULL);
    const char *job = "{\"command\":[\"true\"]}";
    refused("POST", "/api/v1/jobs", reader, job, 403, "role", "'submit' is needed");
    refused("POST", "/api/v1/tokens", reader, "{}", 403, "role", NULL);
    refused("GET", "/api/v1/tokens", submitter, NULL, 403, "role", "'admin' is needed");
    refused("POST", "/api/v1/groups", submitter, "{\"key\":\"x\"}", 403, "role", NULL);
    refused("DELETE", "/api/v1/agents/x", submitter, NULL, 403, "role", NULL);
    refused("PUT", "/api/v1/namespaces/a", submitter, "{\"group\":null}", 403, "role", NULL);
    house_call(&house, "POST", "/api/v1/jobs", submitter, job, NULL, &a);
    assert_int_equal(a.status, 201);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/jobs", reader, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    mem_free(reader);
    mem_free(submitter);
}

static void roles__token_of_a_namespace__keeps_to_its_subtree(void **state)
{
    struct answer a;
    (void)state;
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"acme.web\"}",
                    NULL);
    refused("POST", "/api/v1/jobs", token, "{\"command\":[\"x\"],\"namespace\":\"acme\"}", 403,
            "namespace", NULL);
    refused("POST", "/api/v1/jobs", token, "{\"command\":[\"x\"],\"namespace\":\"acme.webx\"}", 403,
            "namespace", NULL);
    house_call(&house, "POST", "/api/v1/jobs", token,
               "{\"command\":[\"x\"],\"namespace\":\"acme.web.shop\"}", NULL, &a);
    assert_int_equal(a.status, 201);
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/jobs", token, "{\"command\":[\"x\"]}", NULL, &a);
    assert_string_equal(json_get_str(a.json, "namespace", ""), "acme.web");
    answer_fini(&a);
    /* others' jobs are none of its business */
    int64_t foreign = submit("{\"command\":[\"x\"],\"namespace\":\"other\"}");
    static const char *const tails[] = {"", "/logs", "/follow", "/why"};
    for (size_t i = 0; i < 4; i++) {
        char *path = path_of(foreign, tails[i]);
        refused("GET", path, token, NULL, 403, "namespace", NULL);
        mem_free(path);
    }
    char *path = path_of(foreign, "/cancel");
    refused("POST", path, token, NULL, 403, "namespace", NULL);
    mem_free(path);
    house_call(&house, "GET", "/api/v1/jobs", token, NULL, NULL, &a);
    assert_int_equal(json_count(json_get(a.json, "jobs")), 2);
    answer_fini(&a);
    refused("GET", "/api/v1/jobs?namespace=other", token, NULL, 403, "namespace", NULL);
    mem_free(token);
}

/* ---- what is asked for ---- */

static void routes__unknown__are_404(void **state)
{
    static const char *const paths[] = {"/x",          "/api",
                                        "/api/v1",     "/api/v2/jobs",
                                        "/api/v1/job", "/api/v1/jobs/a/b/c",
                                        "/healthz/x",  "/api/v1/%6aobs/x/y"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        refused("GET", paths[i], NULL, NULL, 404, "not-found", NULL);
}

static void routes__wrong_method__is_405_and_says_which(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "DELETE", "/api/v1/jobs", NULL, NULL, NULL, &a);
    answer_is(&a, 405, "method", "DELETE");
    assert_non_null(strstr(a.allow, "POST"));
    assert_non_null(strstr(a.allow, "GET"));
    answer_fini(&a);
    refused("POST", "/healthz", "", NULL, 405, "method", NULL);
    refused("PUT", "/api/v1/jobs/x/why", NULL, NULL, 405, "method", NULL);
}

static void routes__bad_target__is_400(void **state)
{
    static const char *const paths[] = {"/api/v1/jobs?x=%zz", "/api//v1", "/api/v1/jobs/%00",
                                        "/api/v1/jobs/%ff"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        refused("GET", paths[i], NULL, NULL, 400, "bad-request", NULL);
}

static void list__bad_query__names_the_parameter(void **state)
{
    static const struct {
        const char *query, *part;
    } bad[] = {
        {"limit=0", "limit"},
        {"limit=501", "limit"},
        {"limit=x", "limit"},
        {"limit=-1", "limit"},
        {"cursor=!", "cursor"},
        {"cursor=zzzzzzzzzzzzzzzz", "cursor"},
        {"state=created", "state"},
        {"state=RUNNING,", NULL},
        {"state=RUNNING,FOO", "FOO"},
        {"group=a%20b", "group"},
        {"namespace=..", "namespace"},
        {"agent=nobody", "nobody"},
        {"limt=5", "did you mean 'limit'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (!bad[i].part) continue;
        char *path = str_dupf("/api/v1/jobs?%s", bad[i].query);
        refused("GET", path, NULL, NULL, 422, "invalid", bad[i].part);
        mem_free(path);
    }
}

static void list__by_pages__shows_each_job_once(void **state)
{
    int64_t ids[7];
    size_t seen = 0;
    (void)state;
    for (size_t i = 0; i < 7; i++)
        ids[i] = submit("{\"command\":[\"true\"],\"namespace\":\"pages\"}");
    char *path = mem_strdup("/api/v1/jobs?namespace=pages&limit=3");
    while (path) {
        struct json *j = house_get(&house, path, 200);
        for (const struct json *job = json_first(json_get(j, "jobs")); job; job = json_next(job)) {
            int64_t id;
            assert_int_equal(id_parse(json_get_str(job, "id", ""), &id), 0);
            assert_true(seen < 7);
            assert_int_equal(id, ids[6 - seen]); /* newest first */
            seen++;
        }
        const char *next = json_get_str(j, "nextCursor", NULL);
        mem_free(path);
        path = next ? str_dupf("/api/v1/jobs?namespace=pages&limit=3&cursor=%s", next) : NULL;
        json_free(j);
    }
    assert_int_equal(seen, 7);
}

static void job__unknown_or_no_id__is_404(void **state)
{
    static const char *const ids[] = {
        "x", "0000000000000", "06f3k9x2m1c7a", "06f3k9x2m1c7aa", "uuuuuuuuuuuuu", "%2e%2e"};
    static const char *const tails[] = {"", "/logs", "/follow", "/why"};
    (void)state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char *path = str_dupf("/api/v1/jobs/%s%s", ids[i], tails[i % 4]);
        refused("GET", path, NULL, NULL, 404, "not-found", NULL);
        mem_free(path);
    }
    refused("POST", "/api/v1/jobs/06f3k9x2m1c7a/cancel", NULL, NULL, 404, "not-found", NULL);
    refused("GET", "/api/v1/agents/nobody", NULL, NULL, 404, "not-found", "nobody");
    refused("POST", "/api/v1/agents/nobody/drain", NULL, NULL, 404, "not-found", NULL);
    refused("DELETE", "/api/v1/tokens/06f3k9x2m1c7a", NULL, NULL, 404, "not-found", NULL);
    refused("DELETE", "/api/v1/tokens/x", NULL, NULL, 404, "not-found", NULL);
    refused("GET", "/api/v1/groups/none", NULL, NULL, 404, "not-found", "none");
    refused("DELETE", "/api/v1/groups/none", NULL, NULL, 404, "not-found", NULL);
}

/* ---- submitting ---- */

static void submit__not_json__is_400(void **state)
{
    static const char *const bodies[] = {"{",
                                         "{\"command\":[\"x\"]} x",
                                         "[]",
                                         "null",
                                         "\"x\"",
                                         "{\"command\":[\"x\",]}",
                                         "{'command':1}",
                                         "{\"a\":1,\"a\":2}",
                                         "\xff",
                                         "{\"command\":[\"\\u0000\"]}",
                                         "{\"command\":[\"\xc3\x28\"]}",
                                         "12345678901234567890"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        refused("POST", "/api/v1/jobs", NULL, bodies[i], 400, "bad-request", NULL);
    refused("POST", "/api/v1/jobs", NULL, NULL, 400, "bad-request", "JSON object");
}

static void submit__body_with_a_mark__is_read_and_utf16_is_named(void **state)
{
    (void)state;
    const char *path = "/api/v1/jobs", *broken[] = {"\xef\xbb\xbf", "\xef\xbb{}", "{\xef\xbb\xbf}"};
    json_free(house_post(&house, path, "\xef\xbb\xbf{\"command\":[\"true\"]}", 201));
    refused("POST", path, NULL, "\xff\xfe{", 400, "bad-request", "UTF-16");
    for (int i = 0; i < 3; i++)
        refused("POST", path, NULL, broken[i], 400, "bad-request", "not JSON");
}

static void submit__wrong_fields__are_named(void **state)
{
    static const struct {
        const char *body, *field;
    } bad[] = {
        {"{}", "command"},
        {"{\"command\":[]}", "command"},
        {"{\"command\":[\"\"]}", "command"},
        {"{\"command\":[1]}", "command"},
        {"{\"command\":\"ls\"}", "command"},
        {"{\"command\":[\"x\"],\"script\":\"y\"}", "command"},
        {"{\"command\":[\"x\"],\"shell\":\"sh\"}", "shell"},
        {"{\"script\":\"x\",\"shell\":\"fish\"}", "shell"},
        {"{\"script\":5}", "script"},
        {"{\"script\":\"x\",\"args\":\"a\"}", "args"},
        {"{\"script\":\"x\",\"args\":[1]}", "args"},
        {"{\"command\":[\"x\"],\"args\":[\"a\"]}", "args"},
        {"{\"args\":[\"a\"]}", "command"},
        {"{\"command\":[\"x\"],\"env\":[]}", "env"},
        {"{\"command\":[\"x\"],\"env\":{\"A\":1}}", "env"},
        {"{\"command\":[\"x\"],\"env\":{\"A=B\":\"\"}}", "env"},
        {"{\"command\":[\"x\"],\"env\":{\"\":\"\"}}", "env"},
        {"{\"command\":[\"x\"],\"workdir\":\"\"}", "workdir"},
        {"{\"command\":[\"x\"],\"stdin\":\"?\"}", "stdin"},
        {"{\"command\":[\"x\"],\"timeout\":\"12\"}", "timeout"},
        {"{\"command\":[\"x\"],\"timeout\":12}", "timeout"},
        {"{\"command\":[\"x\"],\"timeout\":\"0s\"}", "timeout"},
        {"{\"command\":[\"x\"],\"timeout\":\"-5s\"}", "timeout"},
        {"{\"command\":[\"x\"],\"queueTimeout\":\"soon\"}", "queueTimeout"},
        {"{\"command\":[\"x\"],\"lease\":\"10ms\"}", "lease"},
        {"{\"command\":[\"x\"],\"killGrace\":\"2h\"}", "killGrace"},
        {"{\"command\":[\"x\"],\"priority\":1.5}", "priority"},
        {"{\"command\":[\"x\"],\"priority\":\"1\"}", "priority"},
        {"{\"command\":[\"x\"],\"priority\":99999999}", "priority"},
        {"{\"command\":[\"x\"],\"fallback\":\"wait\"}", "fallback"},
        {"{\"command\":[\"x\"],\"namespace\":\"a..b\"}", "namespace"},
        {"{\"command\":[\"x\"],\"namespace\":\"a b\"}", "namespace"},
        {"{\"command\":[\"x\"],\"group\":\"-x\"}", "group"},
        {"{\"command\":[\"x\"],\"group\":7}", "group"},
        {"{\"command\":[\"x\"],\"name\":\"a\\u0007b\"}", "name"},
        {"{\"command\":[\"x\"],\"requires\":[]}", "requires"},
        {"{\"command\":[\"x\"],\"retry\":3}", "retry"},
        {"{\"command\":[\"x\"],\"retry\":{\"type\":\"linear\"}}", "retry.type"},
        {"{\"command\":[\"x\"],\"retry\":{\"maxAttempts\":0}}", "retry.maxAttempts"},
        {"{\"command\":[\"x\"],\"retry\":{\"type\":\"exponential\",\"interval\":\"0s\"}}",
         "retry.interval"},
        {"{\"command\":[\"x\"],\"retry\":{\"type\":\"random\"}}", "retry.maxInterval"},
        {"{\"command\":[\"x\"],\"retry\":{\"interval\":\"9s\",\"maxInterval\":\"1s\"}}",
         "retry.maxInterval"},
        {"{\"command\":[\"x\"],\"retry\":{\"interval\":\"0s\"}}", "retry.maxAttempts"},
        {"{\"command\":[\"x\"],\"retry\":{\"delayFactor\":0.1}}", "retry.delayFactor"},
        {"{\"command\":[\"x\"],\"retry\":{\"attempts\":3}}", "retry.attempts"},
        {"{\"command\":[\"x\"],\"unknown\":null}", "unknown"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct answer a;
        house_call(&house, "POST", "/api/v1/jobs", NULL, bad[i].body, NULL, &a);
        answer_is(&a, 422, "invalid", NULL);
        const char *field = json_get_str(json_get(a.json, "error"), "field", "");
        if (!str_eq(field, bad[i].field)) fail_msg("%s: field '%s'", bad[i].body, field);
        answer_fini(&a);
    }
}

static void submit__name__is_told_what_is_wrong_with_it(void **state)
{
    const char *empty = "name: is empty", *ctrl = "name: has a character that is not visible: U+00";
    const char *jobs = "/api/v1/jobs", *tokens = "/api/v1/tokens";
    (void)state;
    refused("POST", jobs, NULL, "{\"command\":[\"x\"],\"name\":\"\"}", 422, "invalid", empty);
    refused("POST", jobs, NULL, "{\"command\":[\"x\"],\"name\":\"\\t\"}", 422, "invalid", ctrl);
    refused("POST", tokens, NULL, "{\"type\":\"join\",\"name\":\"\"}", 422, "invalid", empty);
    refused("POST", tokens, NULL, "{\"type\":\"join\",\"name\":\"\\n\"}", 422, "invalid", ctrl);
    for (size_t i = 0; i < HIDDEN_CHARACTERS; i++) {
        if (hidden_characters[i].code < ' ') continue; /* JSON has these as escapes alone */
        char job[128], token[128], code[16];
        (void)str_format(job, sizeof job, "{\"command\":[\"x\"],\"name\":\"a%sb\"}",
                         hidden_characters[i].text);
        (void)str_format(token, sizeof token, "{\"type\":\"join\",\"name\":\"a%sb\"}",
                         hidden_characters[i].text);
        (void)str_format(code, sizeof code, "U+%04X (byte 2)", hidden_characters[i].code);
        refused("POST", jobs, NULL, job, 422, "invalid", code);
        refused("POST", tokens, NULL, token, 422, "invalid", code);
    }
}

static void submit__misspelt_key__is_told_the_nearest(void **state)
{
    (void)state;
    refused("POST", "/api/v1/jobs", NULL, "{\"comand\":[\"x\"]}", 422, "invalid",
            "did you mean 'command'");
    refused("POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"],\"timeOut\":\"1s\"}", 422,
            "invalid", "did you mean 'timeout'");
    refused("POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"],\"retry\":{\"maxattempts\":1}}",
            422, "invalid", "retry.maxattempts");
}

static void submit__unknown_group__is_refused_with_the_nearest(void **state)
{
    struct answer a;
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"windows\"}", 201));
    house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"],\"group\":\"windws\"}",
               NULL, &a);
    answer_is(&a, 422, "unknown-group", "windws");
    assert_non_null(strstr(a.text, "windows"));
    answer_fini(&a);
    refused("POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"],\"requires\":{\"oss\":\"linux\"}}",
            422, "invalid", "oss");
}

static void submit__same_key__is_the_same_job(void **state)
{
    struct answer a, b, c;
    (void)state;
    const char *key = "Idempotency-Key: deploy-42\r\n", *body = "{\"command\":[\"true\"]}";
    house_call(&house, "POST", "/api/v1/jobs", NULL, body, key, &a);
    house_call(&house, "POST", "/api/v1/jobs", NULL, body, key, &b);
    assert_int_equal(a.status, 201);
    assert_int_equal(b.status, 200);
    assert_false(json_get_bool(a.json, "duplicate", true));
    assert_true(json_get_bool(b.json, "duplicate", false));
    assert_string_equal(json_get_str(a.json, "id", "a"), json_get_str(b.json, "id", "b"));
    /* keys are the submitter's own */
    char *other = house_token(&house, "{\"type\":\"api\",\"role\":\"submit\"}", NULL);
    house_call(&house, "POST", "/api/v1/jobs", other, body, key, &c);
    assert_int_equal(c.status, 201);
    answer_fini(&a);
    answer_fini(&b);
    answer_fini(&c);
    mem_free(other);
    char *longer = str_dupf("Idempotency-Key: %0300d\r\n", 1);
    house_call(&house, "POST", "/api/v1/jobs", NULL, body, longer, &a);
    answer_is(&a, 422, "invalid", "Idempotency-Key");
    answer_fini(&a);
    mem_free(longer);
}

static void submit__prefer_minimal__answers_with_the_id_alone(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"true\"]}",
               "Prefer: return=minimal\r\n", &a);
    assert_int_equal(a.status, 201);
    assert_int_equal(json_count(a.json), 2);
    assert_int_equal(strlen(json_get_str(a.json, "id", "")), 13);
    answer_fini(&a);
}

static void submit__all_fields__come_back(void **state)
{
    (void)state;
    struct json *j =
        house_post(&house, "/api/v1/jobs",
                   "{\"script\":\"echo "
                   "hi\",\"shell\":\"bash\",\"namespace\":\"a.b\",\"name\":\"n\",\"priority\":5,"
                   "\"env\":{\"K\":\"V\"},\"stdin\":\"aGk=\",\"timeout\":\"PT90S\","
                   "\"queueTimeout\":\"1h\",\"lease\":\"1m\","
                   "\"killGrace\":\"5s\",\"fallback\":\"WAIT\",\"requires\":{\"os\":\"linux\"},"
                   "\"retry\":{\"type\":\"exponential\",\"interval\":\"2s\",\"maxAttempts\":3}}",
                   201);
    static const char *const pairs[][2] = {{"namespace", "a.b"}, {"name", "n"},
                                           {"timeout", "1m30s"}, {"queueTimeout", "1h"},
                                           {"lease", "1m"},      {"killGrace", "5s"},
                                           {"fallback", "WAIT"}, {"state", "CREATED"},
                                           {"kind", "job"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(json_get_str(j, pairs[i][0], ""), pairs[i][1]);
    assert_int_equal(json_get_int(j, "priority", 0), 5);
    const struct json *retry = json_get(j, "retry"), *spec = json_get(j, "spec");
    assert_string_equal(json_get_str(retry, "type", ""), "exponential");
    assert_string_equal(json_get_str(retry, "interval", ""), "2s");
    assert_int_equal(json_get_int(retry, "maxAttempts", 0), 3);
    assert_string_equal(json_get_str(spec, "script", ""), "echo hi");
    assert_string_equal(json_get_str(spec, "shell", ""), "bash");
    assert_string_equal(json_get_str(spec, "stdin", ""), "aGk=");
    assert_int_equal(json_get_int(spec, "killGraceMs", 0), 5000);
    assert_string_equal(json_get_str(json_get(spec, "env"), "K", ""), "V");
    const struct json *requires = json_get(j, "requires"); /* the shell is required, too */
    assert_int_equal(json_count(requires), 2);
    assert_string_equal(json_get_str(requires, "os", ""), "linux");
    assert_string_equal(json_get_str(requires, "shell", ""), "bash");
    json_free(j);
}

/* What the engine wants of an agent's protocol is nobody's to ask for, and is not shown. */
static void submit__with_arguments__requires_nothing_that_a_user_sees(void **state)
{
    (void)state;
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"script\":\"x\",\"args\":[\"a\"]}", 201);
    assert_int_equal(json_type(json_get(j, "requires")), JSON_NULL);
    json_free(j);
    j = house_post(&house, "/api/v1/jobs",
                   "{\"script\":\"x\",\"args\":[\"a\"],\"shell\":\"sh\","
                   "\"requires\":{\"shell\":\"pwsh\"}}",
                   201);
    assert_int_equal(json_count(json_get(j, "requires")), 1);
    const struct json *all = json_get(json_get(json_get(j, "requires"), "shell"), "all");
    assert_int_equal(json_count(all), 2);
    assert_string_equal(json_str(json_first(all), ""), "pwsh");
    json_free(j);
}

/* ---- jobs that wait, and their end ---- */

static void waiting_job__show_and_why__say_what_it_waits_for(void **state)
{
    (void)state;
    int64_t id = submit("{\"command\":[\"true\"]}");
    char *show = path_of(id, ""), *why = path_of(id, "/why");
    struct json *j = house_get(&house, show, 200);
    assert_string_equal(json_get_str(json_get(j, "waiting"), "code", ""), "no-agent-online");
    json_free(j);
    j = house_get(&house, why, 200);
    assert_string_equal(json_get_str(j, "state", ""), "CREATED");
    assert_string_equal(json_get_str(json_get(j, "waiting"), "code", ""), "no-agent-online");
    json_free(j);
    mem_free(show);
    mem_free(why);
}

static void cancel__twice__is_a_conflict(void **state)
{
    (void)state;
    int64_t id = submit("{\"command\":[\"true\"]}");
    char *path = path_of(id, "/cancel");
    struct json *j = house_post(&house, path, NULL, 202);
    assert_string_equal(json_get_str(j, "state", ""), "CANCELLED");
    assert_string_equal(json_get_str(j, "reason", ""), "cancelled");
    json_free(j);
    refused("POST", path, NULL, NULL, 409, "conflict", NULL);
    mem_free(path);
}

static void retry__of_what_ended__is_a_new_job(void **state)
{
    (void)state;
    struct answer a;
    int64_t id = submit("{\"command\":[\"true\"],\"name\":\"again\"}");
    char *cancel = path_of(id, "/cancel"), *path = path_of(id, "/retry"), text[ID_TEXT_SIZE];
    id_format(id, text);
    refused("POST", path, NULL, NULL, 409, "conflict", "it is CREATED");
    json_free(house_post(&house, cancel, NULL, 202));
    struct json *first = house_post(&house, path, NULL, 201);
    assert_string_equal(json_get_str(first, "retryOf", ""), text);
    assert_string_equal(json_get_str(first, "name", ""), "again");
    assert_string_equal(json_get_str(first, "state", ""), "CREATED");
    assert_string_not_equal(json_get_str(first, "id", ""), text);
    json_free(first);
    for (int i = 0; i < 2; i++) {
        house_call(&house, "POST", path, NULL, NULL, "Idempotency-Key: retry-1\r\n", &a);
        assert_int_equal(a.status, i ? 200 : 201);
        assert_int_equal(json_get_bool(a.json, "duplicate", false), i);
        answer_fini(&a);
    }
    house_call(&house, "POST", path, NULL, NULL, "Idempotency-Key: \r\n", &a);
    assert_int_equal(a.status, 422);
    answer_fini(&a);
    int64_t plain = submit("{\"command\":[\"true\"]}"); /* a key of another job is no answer */
    char *end = path_of(plain, "/cancel"), *other = path_of(plain, "/retry");
    json_free(house_post(&house, end, NULL, 202));
    house_call(&house, "POST", other, NULL, NULL, "Idempotency-Key: retry-1\r\n", &a);
    answer_is(&a, 409, "conflict", "which is no retry of");
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/jobs/06f3k9x2m1c7a/retry", NULL, NULL,
               "Idempotency-Key: retry-1\r\n", &a);
    answer_is(&a, 409, "conflict", "no retry of 06f3k9x2m1c7a");
    answer_fini(&a);
    mem_free(end);
    mem_free(other);
    refused("POST", path, NULL, "{}", 400, "bad-request", "takes no body");
    refused("POST", "/api/v1/jobs/x/retry", NULL, NULL, 404, "not-found", NULL);
    refused("POST", "/api/v1/jobs/06f3k9x2m1c7a/retry", NULL, NULL, 404, "not-found",
            "there is no job 06f3k9x2m1c7a");
    mem_free(cancel);
    mem_free(path);
}

static void logs__bad_query__is_refused(void **state)
{
    (void)state;
    int64_t id = submit("{\"command\":[\"true\"]}");
    static const char *const queries[] = {
        "/logs?stream=out",  "/logs?attempt=0",  "/logs?attempt=x",  "/logs?steam=stdout",
        "/follow?cursor=-1", "/follow?cursor=x", "/follow?cursr=1",  "/logs?tail=0",
        "/logs?tail=-1",     "/logs?tail=x",     "/logs?since=soon", "/logs?since=-1s",
        "/logs?since=2026",  "/logs?format=xml", "/logs?format=",    "/follow?tail=1.5"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char *path = path_of(id, queries[i]);
        refused("GET", path, NULL, NULL, 422, "invalid", NULL);
        mem_free(path);
    }
}

/* ---- tokens ---- */

static void tokens__wrong_wishes__are_named(void **state)
{
    static const char *const bodies[] = {"{}",
                                         "{\"type\":\"x\"}",
                                         "{\"type\":\"api\"}",
                                         "{\"type\":\"api\",\"role\":\"root\"}",
                                         "{\"type\":\"join\",\"role\":\"read\"}",
                                         "{\"type\":\"api\",\"role\":\"read\",\"group\":\"x\"}",
                                         "{\"type\":\"api\",\"role\":\"read\",\"uses\":2}",
                                         "{\"type\":\"api\",\"role\":\"read\",\"namespace\":\"x\"}",
                                         "{\"type\":\"join\",\"uses\":0}",
                                         "{\"type\":\"join\",\"expires\":\"1\"}",
                                         "{\"type\":\"join\",\"expires\":3600}",
                                         "{\"type\":\"join\",\"grup\":\"x\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        refused("POST", "/api/v1/tokens", NULL, bodies[i], 422, "invalid", NULL);
    refused("POST", "/api/v1/tokens", NULL, "{\"type\":\"join\",\"group\":\"nowhere\"}", 422,
            "unknown-group", NULL);
}

static void tokens__join__carries_commands_and_limits(void **state)
{
    (void)state;
    struct json *j =
        house_post(&house, "/api/v1/tokens", "{\"type\":\"join\",\"name\":\"rack 4\"}", 201);
    const char *token = json_get_str(j, "token", "");
    struct token t;
    assert_int_equal(token_parse(token, &t, NULL), 0);
    assert_string_equal(t.address[0], house.address);
    assert_int_equal(json_get_int(j, "uses", 0), 1);
    assert_non_null(json_get_str(j, "expiresAt", NULL));
    const struct json *commands = json_get(j, "commands");
    static const char *const kinds[] = {"deb", "msi", "shell"};
    for (size_t i = 0; i < 3; i++)
        assert_non_null(strstr(json_get_str(commands, kinds[i], ""), token));
    /* in the list there is no secret */
    struct answer a;
    house_call(&house, "GET", "/api/v1/tokens", NULL, NULL, NULL, &a);
    assert_null(strstr(a.text, token));
    assert_null(strstr(a.text, "cadre-join-"));
    assert_non_null(strstr(a.text, "rack 4"));
    answer_fini(&a);
    json_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(health_and_version__without_token__answer),
        cmocka_unit_test(admin_token__whoami__says_admin),
        cmocka_unit_test(tokens__bad_ones__are_refused_each_in_its_way),
        cmocka_unit_test(tokens__other_scheme__is_refused),
        cmocka_unit_test(headers__there_twice__are_refused),
        cmocka_unit_test(submit__coded_body__is_refused_by_name),
        cmocka_unit_test(tokens__unknown_id_or_wrong_secret__look_the_same),
        cmocka_unit_test(tokens__revoked__end_at_once),
        cmocka_unit_test(tokens__revoked_in_the_middle_of_a_connection__end_at_once),
        cmocka_unit_test(tokens__revoked_while_a_body_arrives__do_nothing),
        cmocka_unit_test(tokens__expired__are_refused),
        cmocka_unit_test(roles__read_and_submit__stay_in_their_bounds),
        cmocka_unit_test(roles__token_of_a_namespace__keeps_to_its_subtree),
        cmocka_unit_test(routes__unknown__are_404),
        cmocka_unit_test(routes__wrong_method__is_405_and_says_which),
        cmocka_unit_test(routes__bad_target__is_400),
        cmocka_unit_test(list__bad_query__names_the_parameter),
        cmocka_unit_test(list__by_pages__shows_each_job_once),
        cmocka_unit_test(job__unknown_or_no_id__is_404),
        cmocka_unit_test(submit__not_json__is_400),
        cmocka_unit_test(submit__body_with_a_mark__is_read_and_utf16_is_named),
        cmocka_unit_test(submit__wrong_fields__are_named),
        cmocka_unit_test(submit__name__is_told_what_is_wrong_with_it),
        cmocka_unit_test(submit__misspelt_key__is_told_the_nearest),
        cmocka_unit_test(submit__unknown_group__is_refused_with_the_nearest),
        cmocka_unit_test(submit__same_key__is_the_same_job),
        cmocka_unit_test(submit__prefer_minimal__answers_with_the_id_alone),
        cmocka_unit_test(submit__all_fields__come_back),
        cmocka_unit_test(submit__with_arguments__requires_nothing_that_a_user_sees),
        cmocka_unit_test(waiting_job__show_and_why__say_what_it_waits_for),
        cmocka_unit_test(cancel__twice__is_a_conflict),
        cmocka_unit_test(retry__of_what_ended__is_a_new_job),
        cmocka_unit_test(logs__bad_query__is_refused),
        cmocka_unit_test(tokens__wrong_wishes__are_named),
        cmocka_unit_test(tokens__join__carries_commands_and_limits),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
