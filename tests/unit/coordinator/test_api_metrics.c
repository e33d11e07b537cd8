/* GET /metrics as a scraper meets it: who may, in which format, with how many groups. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/families.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/metrics/page.h"
#include "coordinator/metrics/scrape.h"
#include "platform/usage.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    return 0;
}

static int open_allowing(void **state)
{
    (void)state;
    house_open(&house, "metrics: {allow: [10.0.0.0/8, 127.0.0.0/8]}\n", NULL);
    return 0;
}

static int open_allowing_others(void **state)
{
    (void)state;
    house_open(&house, "metrics: {allow: [10.0.0.0/8, \"::/0\"]}\n", NULL);
    return 0;
}

static int open_behind_proxy(void **state)
{
    (void)state;
    house_open(&house, "metrics: {allow: [192.0.2.0/24]}\nweb: {forwardedFor: [127.0.0.1]}\n",
               NULL);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* mem_free */
static char *scrape(const char *accept)
{
    struct answer a;
    char *header = accept ? str_dupf("Accept: %s\r\n", accept) : NULL;
    house_call(&house, "GET", "/metrics", NULL, NULL, header, &a);
    assert_int_equal(a.status, 200);
    char *text = mem_strdup(a.text);
    assert_int_equal(strlen(text), a.len);
    answer_fini(&a);
    mem_free(header);
    return text;
}

static void has_line(const char *text, const char *line)
{
    char *whole = str_dupf("\n%s\n", line);
    if (!strstr(text, whole))
        fail_msg("'%s' is not in:\n%s", line, strstr(text, "# TYPE cadre_agents "));
    mem_free(whole);
}

static void refused(const char *method, const char *path, const char *token, const char *body,
                    int status, const char *code)
{
    struct answer a;
    house_call(&house, method, path, token, body, NULL, &a);
    answer_is(&a, status, code, NULL);
    answer_fini(&a);
}

static void scrape__without_a_valid_token__is_refused(void **state)
{
    (void)state;
    char id[14];
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    refused("GET", "/metrics", "", NULL, 401, "token-missing");
    refused("GET", "/metrics", "nonsense", NULL, 401, "token-malformed");
    refused("POST", "/metrics", NULL, "{}", 405, "method");
    refused("GET", "/metrics", NULL, "{}", 400, "bad-request");
    refused("GET", "/metrics/x", NULL, NULL, 404, "not-found");
    struct answer a;
    house_call(&house, "GET", "/metrics", token, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    refused("GET", "/metrics", token, NULL, 401, "token-revoked");
    mem_free(path);
    mem_free(token);
}

static void scrape__tells_what_there_is(void **state)
{
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"gpu\"}", 201));
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"],\"group\":\"gpu\"}", 201));
    json_free(house_post(&house, "/api/v1/jobs",
                         "{\"command\":[\"x\"],\"group\":\"gpu\",\"priority\":9}", 201));
    refused("GET", "/nothing", NULL, NULL, 404, "not-found");
    char *text = scrape(NULL);
    has_line(text, "cadre_jobs{group=\"default\",state=\"CREATED\"} 0");
    has_line(text, "cadre_jobs{group=\"gpu\",state=\"CREATED\"} 2");
    has_line(text, "cadre_agents{group=\"gpu\",state=\"ONLINE\"} 0");
    has_line(text, "cadre_group_paused{group=\"gpu\"} 0");
    has_line(text, "cadre_http_requests_total{method=\"POST\",route=\"/api/v1/jobs\","
                   "code=\"201\"} 2");
    has_line(text, "cadre_http_requests_total{method=\"none\",route=\"none\",code=\"404\"} 1");
    has_line(text, "cadre_http_connections 1");
    has_line(text, "cadre_commits_failed_total 0");
    assert_null(strstr(text, "\ncadre_commit_seconds_count 0\n"));
    assert_null(strstr(text, "\ncadre_commit_seconds_sum 0.0\n"));
    assert_null(strstr(text, "\ncadre_commit_commands_sum 0.0\n"));
    has_line(text, "# TYPE cadre_http_requests_total counter");
    assert_null(strstr(text, "# EOF"));
    mem_free(text);
    struct identity who;
    struct peer p;
    struct answer a;
    house_call(&house, "POST", "/api/v1/groups/gpu/pause", NULL, NULL, NULL, &a);
    answer_fini(&a);
    house_enrol(&house, "b", NULL, &who);
    house_agent(&house, &who, "b", 3, &p);
    text = scrape("application/openmetrics-text");
    for (int n = 0; n < 1000 && !strstr(text, "state=\"ONLINE\"} 1\n"); n++) {
        mem_free(text); /* its READY is on its way */
        text = scrape("application/openmetrics-text");
    }
    has_line(text, "cadre_agents{group=\"default\",state=\"ONLINE\"} 1");
    has_line(text, "cadre_slots{group=\"default\"} 3");
    has_line(text, "cadre_free_slots{group=\"default\"} 3");
    has_line(text, "cadre_group_paused{group=\"gpu\"} 1");
    has_line(text, "cadre_agent_connections 1");
    has_line(text, "# TYPE cadre_http_requests counter");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
    mem_free(text);
    peer_fini(&p);
    identity_fini(&who);
}

/* Also of a group whose name is that of the rest. */
static void groups_above_the_limit__are_one(void **state)
{
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"other\"}", 201));
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"],\"group\":\"other\"}", 201));
    for (int i = 0; i < SCRAPE_GROUPS + 20; i++) {
        char *body = str_dupf("{\"key\":\"g%d\"}", i);
        json_free(house_post(&house, "/api/v1/groups", body, 201));
        mem_free(body);
    }
    /* the last one by its key has metrics of its own for its job's sake, the one before has none */
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"],\"group\":\"g99\"}", 201));
    char *text = scrape(NULL);
    size_t groups = 0;
    for (const char *at = text; (at = strstr(at, "\ncadre_slots{")) != NULL; at++)
        groups++;
    assert_int_equal(groups, SCRAPE_GROUPS + 1);
    has_line(text, "cadre_jobs{group=\"other\",state=\"CREATED\"} 1");
    has_line(text, "cadre_jobs_created_total{group=\"other\"} 1");
    has_line(text, "cadre_jobs{group=\"g99\",state=\"CREATED\"} 1");
    has_line(text, "cadre_jobs_created_total{group=\"g99\"} 1");
    assert_null(strstr(text, "group=\"g98\""));
    assert_non_null(strstr(text, "group=\"g1\""));
    mem_free(text);
}

/* ---- without a token ---- */

static void allowed_address__needs_no_token_for_metrics_alone(void **state)
{
    struct answer a;
    (void)state;
    house_call(&house, "GET", "/metrics", "", NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    refused("GET", "/api/v1/status", "", NULL, 401, "token-missing");
    /* a token that is sent has to be right */
    refused("GET", "/metrics", "nonsense", NULL, 401, "token-malformed");
    refused("GET", "/metrics", "", "{}", 400, "bad-request");
}

static void other_address__needs_a_token(void **state)
{
    (void)state;
    refused("GET", "/metrics", "", NULL, 401, "token-missing");
}

static void scrape__has_every_family(void **state)
{
    (void)state;
    struct os_usage usage;
    char *text = scrape("application/openmetrics-text");
    assert_int_equal(os_usage(&usage), 0);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_family *f = &metric_families[m];
        if (m == M_MAX_FDS && usage.most_files == 0) continue; /* there is no limit to tell */
        char *head = str_dupf("# TYPE %s %s", f->name, metric_type_names[f->type]);
        has_line(text, head);
        mem_free(head);
    }
    assert_null(strstr(text, "\nprocess_resident_memory_bytes 0\n"));
    if (usage.open_files > 0) assert_null(strstr(text, "\nprocess_open_fds 0\n")); /* not in Wine */
    mem_free(text);
}

static void progress__adds_up_under_its_names__and_above_the_limit_in_one(void **state)
{
    (void)state;
    struct effect_progress p = {
        .group = "g", .created = 1, .handed_out = 2, .retried = 3, .lost = 4};
    struct err e = {0};
    p.ended[JOB_FAILED - JOB_SUCCESS] = 5;
    p.evaluations[SHOWN_FIRED - JOB_SUCCESS] = 6;
    p.waits.counts[0] = 7;
    p.runs.counts[0] = 8;
    struct metrics *m = metrics_new();
    metrics_on_progress(m, &p);
    metrics_on_progress(m, &p);
    for (int i = 0; i < METRICS_GROUPS + 1; i++) { /* there is no room for the last two */
        struct effect_progress one = {.created = 1};
        (void)str_format(one.group, sizeof one.group, "g%d", i);
        metrics_on_progress(m, &one);
    }
    struct scrape *s = scrape_new();
    scrape_add_series(s, m->items, m->count);
    s->messages = (struct outbox_counters){.delivered = 3, .failed = 5, .dropped = 7};
    s->messages_waiting = 9;
    assert_int_equal(scrape_write(s, &e), 0);
    has_line(s->text.data, "cadre_messages_total{result=\"delivered\"} 3");
    has_line(s->text.data, "cadre_messages_total{result=\"failed\"} 5");
    has_line(s->text.data, "cadre_messages_total{result=\"dropped\"} 7");
    has_line(s->text.data, "cadre_messages_waiting 9");
    has_line(s->text.data, "cadre_jobs_created_total{group=\"g\"} 2");
    has_line(s->text.data, "cadre_jobs_handed_out_total{group=\"g\"} 4");
    has_line(s->text.data, "cadre_job_retries_total{group=\"g\"} 6");
    has_line(s->text.data, "cadre_leases_lost_total{group=\"g\"} 8");
    has_line(s->text.data, "cadre_jobs_ended_total{group=\"g\",state=\"FAILED\"} 10");
    has_line(s->text.data, "cadre_evaluations_ended_total{group=\"g\",state=\"FIRED\"} 12");
    has_line(s->text.data, "cadre_job_wait_seconds_count{group=\"g\"} 14");
    has_line(s->text.data, "cadre_job_run_seconds_count{group=\"g\"} 16");
    has_line(s->text.data, "cadre_jobs_created_total{group=\"other\"} 2");
    scrape_free(s);
    metrics_free(m);
}

static void forwarded(const char *header, int status)
{
    struct answer a;
    house_call(&house, "GET", "/metrics", "", NULL, header, &a);
    if (a.status != status) fail_msg("%s: %d and not %d", header, a.status, status);
    answer_fini(&a);
}

static void forwarded_address__of_a_proxy_that_is_believed__counts(void **state)
{
    (void)state;
    forwarded("", 401); /* the proxy itself */
    forwarded("X-Forwarded-For: 192.0.2.5\r\n", 200);
    forwarded("X-Forwarded-For: 198.51.100.1, 192.0.2.5\r\n", 200);
    forwarded("X-Forwarded-For: 192.0.2.5, 198.51.100.1\r\n", 401);
    forwarded("X-Forwarded-For: 192.0.2.5\r\nX-Forwarded-For: nobody\r\n", 401);
}

static void forwarded_address__of_anybody_else__is_not_looked_at(void **state)
{
    (void)state;
    forwarded("X-Forwarded-For: 10.0.0.1\r\n", 401);
    forwarded("Forwarded: for=10.0.0.1\r\n", 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(scrape__without_a_valid_token__is_refused, open_house,
                                        close_house),
        cmocka_unit_test_setup_teardown(scrape__tells_what_there_is, open_house, close_house),
        cmocka_unit_test_setup_teardown(scrape__has_every_family, open_house, close_house),
        cmocka_unit_test(progress__adds_up_under_its_names__and_above_the_limit_in_one),
        cmocka_unit_test_setup_teardown(groups_above_the_limit__are_one, open_house, close_house),
        cmocka_unit_test_setup_teardown(allowed_address__needs_no_token_for_metrics_alone,
                                        open_allowing, close_house),
        cmocka_unit_test_setup_teardown(other_address__needs_a_token, open_allowing_others,
                                        close_house),
        cmocka_unit_test_setup_teardown(forwarded_address__of_a_proxy_that_is_believed__counts,
                                        open_behind_proxy, close_house),
        cmocka_unit_test_setup_teardown(forwarded_address__of_anybody_else__is_not_looked_at,
                                        open_allowing_others, close_house),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
