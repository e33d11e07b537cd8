/* The table of all routes, walked: each keeps to its role, its namespace, and what it answers
 * with; and every list comes in pages. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/route.h"

#include <string.h>

#define OTHER "other.team" /* a namespace that the bound token may not see */

static struct house house;
static char *reader_token, *bound_token; /* roles read, and submit within `mine` */
static char job[14], execution[14];      /* of OTHER */

static void apply(const char *ns, const char *id)
{
    char *body = str_dupf("{\"files\":[{\"text\":\"id: %s\\nnamespace: %s\\ntasks:\\n"
                          "  - {id: t, command: [x]}\\ntriggers:\\n"
                          "  - {id: p, interval: PT1H, command: [x], disabled: true}\\n"
                          "  - {id: s, cron: 0 3 1 1 *, disabled: true}\\n\"}]}",
                          id, ns);
    json_free(house_post(&house, "/api/v1/flows", body, 200));
    mem_free(body);
}

static void start(const char *ns, const char *flow, char id[14])
{
    char *path = str_dupf("/api/v1/flows/%s/%s/executions", ns, flow);
    struct json *j = house_post(&house, path, "{}", 201);
    if (id) assert_int_equal(str_copy(id, 14, json_get_str(j, "id", "")), 0);
    json_free(j);
    mem_free(path);
}

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    reader_token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    bound_token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"mine\"}", NULL);
    struct json *j = house_post(&house, "/api/v1/jobs",
                                "{\"command\":[\"x\"],\"namespace\":\"" OTHER "\"}", 201);
    assert_int_equal(str_copy(job, sizeof job, json_get_str(j, "id", "")), 0);
    json_free(j);
    apply(OTHER, "flow");
    start(OTHER, "flow", execution);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    mem_free(reader_token);
    mem_free(bound_token);
    house_close(&house);
    return 0;
}

/* The route's path, with what the tests put in the place of each ":". mem_free */
static char *path_of(const struct route *t)
{
    struct buf b;
    bool flows = strstr(t->path, "/flows/") || strstr(t->path, "/triggers/");
    const char *first = strstr(t->path, "/jobs/")          ? job
                        : strstr(t->path, "/executions/:") ? execution
                                                           : OTHER;
    int count = 0;
    bool schedule = strstr(t->path, "/next") || strstr(t->path, "/backfills");
    buf_init(&b, 1024);
    buf_addc(&b, '/');
    for (const char *s = t->path; *s; s++) {
        if (*s == ':')
            buf_adds(&b, count++ == 0 ? (flows ? OTHER : first)
                         : count == 2 ? "flow"
                         : schedule   ? "s"
                                      : "p");
        else
            buf_addc(&b, *s);
    }
    return buf_detach(&b);
}

static void call(const struct route *t, const char *token, const char *query, const char *body,
                 struct answer *a)
{
    char *path = path_of(t), *target = str_dupf("%s%s", path, query);
    house_call(&house, t->method, target, token, body ? body : t->body ? "{}" : NULL, NULL, a);
    mem_free(path);
    mem_free(target);
}

static void must_be(const struct route *t, const char *token, const char *query, const char *body,
                    int status, const char *code)
{
    struct answer a;
    call(t, token, query, body, &a);
    if (a.status != status || !str_eq(json_get_str(json_get(a.json, "error"), "code", NULL), code))
        fail_msg("%s %s: %d %s was expected, not %d: %s", t->method, t->path, status, code,
                 a.status, a.text);
    answer_fini(&a);
}

static void every_route__without_its_role__is_refused(void **state)
{
    size_t count;
    const struct route *t = route_table(&count);
    (void)state;
    assert_true(count > 40);
    for (size_t i = 0; i < count; i++) {
        if (t[i].role == ROLE_JOIN) continue;
        must_be(&t[i], "", "", NULL, 401, "token-missing");
        must_be(&t[i], "nonsense", "", NULL, 401, "token-malformed");
        if (t[i].role > ROLE_READ) must_be(&t[i], reader_token, "", NULL, 403, "role");
        if (t[i].role > ROLE_SUBMIT) must_be(&t[i], bound_token, "", NULL, 403, "role");
        /* who only looks may change nothing, but sign out */
        if (t[i].role == ROLE_READ && t[i].handle != page_sessions_end)
            assert_string_equal(t[i].method, "GET");
    }
}

static void every_route__of_another_namespace__is_refused(void **state)
{
    static const char flow[] = "{\"files\":[{\"text\":\"id: f\\nnamespace: " OTHER
                               "\\ntasks:\\n  - {id: t, command: [x]}\\n\"}]}";
    static const char submit[] = "{\"command\":[\"x\"],\"namespace\":\"" OTHER "\"}";
    size_t count, seen[NS_ROW + 1] = {0};
    const struct route *t = route_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        if (t[i].role == ROLE_JOIN || t[i].role > ROLE_SUBMIT) continue;
        seen[t[i].ns]++;
        switch (t[i].ns) {
        case NS_NONE: /* of no namespace: for those who look only, or sign out */
            if (t[i].handle != page_sessions_end) assert_string_equal(t[i].method, "GET");
            break;
        case NS_QUERY:
            must_be(&t[i], bound_token, "?namespace=" OTHER, NULL, 403, "namespace");
            break;
        case NS_BODY:
            must_be(&t[i], bound_token, "", strstr(t[i].path, "flows") ? flow : submit, 403,
                    "namespace");
            break;
        case NS_PATH:
        case NS_ROW:
            must_be(&t[i], bound_token, "", NULL, 403, "namespace");
            break;
        }
    }
    for (size_t i = 0; i <= NS_ROW; i++)
        assert_true(seen[i] >= 2);
}

static void every_route__answers_with_what_the_table_says(void **state)
{
    size_t count;
    const struct route *t = route_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct answer a;
        const char *tail = strrchr(t[i].path, '/');
        assert_int_equal(t[i].stream == STREAM_EVENTS,
                         str_eq(tail, "/follow") || str_eq(tail, "/events"));
        assert_int_equal(t[i].stream == STREAM_OUTPUT, str_eq(tail, "/logs"));
        if (t[i].body == BODY_WEBHOOK) { /* any body, with a key */
            must_be(&t[i], "", "", "x", strstr(t[i].path, "/:/:/:") ? 404 : 401,
                    strstr(t[i].path, "/:/:/:") ? "not-found" : "key-missing");
            continue;
        }
        if (t[i].body == BODY_SIGN_IN) { /* the page's alone */
            must_be(&t[i], NULL, "", "{}", 403, "origin");
            continue;
        }
        if (t[i].body) {
            must_be(&t[i], NULL, "", "", 400, "bad-request");
            must_be(&t[i], NULL, "", "[]", 400, "bad-request");
            continue;
        }
        if (!str_eq(t[i].method, "GET") || t[i].stream == STREAM_EVENTS) continue;
        if (t[i].handle == page_show) continue; /* test_api_page */
        call(&t[i], NULL, "", NULL, &a);
        /* of agents and groups there are none of that name */
        if (a.status != 200) answer_is(&a, 404, "not-found", OTHER);
        assert_int_equal(a.json == NULL,
                         t[i].stream == STREAM_OUTPUT || t[i].stream == STREAM_TEXT);
        answer_fini(&a);
    }
}

/* ---- HEAD ---- */

/* What comes for HEAD of the route, and then for another request of the same connection: a body
 * would be taken for the beginning of the next answer. mem_free */
static char *head_of(const struct route *t)
{
    struct peer p;
    char *path = path_of(t);
    char *text = str_dupf("HEAD %s HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer %s\r\n\r\n"
                          "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n",
                          path, house.admin);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, text, strlen(text));
    while (!p.closed && (!p.in.len || !strstr(p.in.data, "\"ok\""))) {
        p.changed = false;
        house_run(&house, &p.changed);
    }
    char *got = mem_strndup(p.in.data, p.in.len);
    char *end = strstr(got, "\r\n\r\n");
    if (!end || !str_starts(end + 4, "HTTP/1.1 200 OK\r\n"))
        fail_msg("HEAD %s: its answer has a body, or there is no other: %s", path, got);
    end[2] = '\0';
    peer_fini(&p);
    mem_free(text);
    mem_free(path);
    return got;
}

/* Has the path a GET? */
static bool has_get(const char *path)
{
    size_t count;
    const struct route *t = route_table(&count);
    for (size_t i = 0; i < count; i++)
        if (str_eq(t[i].path, path) && route_serves(&t[i], "HEAD")) return true;
    return false;
}

static void every_get__has_a_head__and_others_say_what_they_have(void **state)
{
    size_t count, gets = 0;
    const struct route *t = route_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        char *head = head_of(&t[i]);
        bool get = str_eq(t[i].method, "GET");
        assert_int_equal(route_serves(&t[i], "HEAD"), get);
        gets += get;
        if (get) {
            if (!str_starts(head, "HTTP/1.1 200 ") && !str_starts(head, "HTTP/1.1 404 "))
                fail_msg("HEAD %s: %s", t[i].path, head);
            assert_int_equal(strstr(head, "Content-Length: ") == NULL,
                             t[i].stream == STREAM_OUTPUT || t[i].stream == STREAM_EVENTS);
            assert_null(strstr(head, "Content-Length: 0\r\n"));
        } else if (!has_get(t[i].path)) {
            const char *allow = strstr(head, "Allow: ");
            if (!str_starts(head, "HTTP/1.1 405 ") || !allow || !strstr(allow, t[i].method))
                fail_msg("HEAD %s: %s", t[i].path, head);
        }
        mem_free(head);
    }
    assert_true(gets > 20);
}

static void head__has_the_length_of_get(void **state)
{
    static const struct route version = {.method = "HEAD", .path = "api/v1/version"};
    struct answer a;
    (void)state;
    house_call(&house, "GET", "/api/v1/version", "", NULL, NULL, &a);
    char *head = head_of(&version), *length = str_dupf("Content-Length: %zu\r\n", a.len);
    assert_non_null(strstr(head, length));
    mem_free(head);
    mem_free(length);
    answer_fini(&a);
    house_call(&house, "POST", "/healthz", "", NULL, NULL, &a);
    answer_is(&a, 405, "method", "GET, HEAD");
    assert_string_equal(a.allow, "GET, HEAD");
    answer_fini(&a);
}

/* ---- lists ---- */

/* What tells a row from all others. mem_free */
static char *name_of(const struct json *row)
{
    static const char *const keys[] = {"namespace", "flow", "id", "key", "name", "revision"};
    struct buf b;
    buf_init(&b, 1024);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char *text = json_get(row, keys[i]) ? json_text(json_get(row, keys[i])) : NULL;
        if (text) buf_addf(&b, "%s ", text);
        mem_free(text);
    }
    buf_addc(&b, '\n');
    return buf_detach(&b);
}

static void add_names(struct buf *all, const struct json *list)
{
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char *name = name_of(j);
        buf_adds(all, name);
        mem_free(name);
    }
}

/* The rows of the whole list, and those of its pages of one row. */
static void pages_are_the_list(const char *path, const char *name, size_t least)
{
    struct buf whole, paged;
    buf_init(&whole, 1u << 20);
    buf_init(&paged, 1u << 20);
    struct json *j = house_get(&house, path, 200);
    assert_true(json_count(json_get(j, name)) >= least);
    assert_int_equal(json_type(json_get(j, "nextCursor")), JSON_NULL);
    add_names(&whole, json_get(j, name));
    json_free(j);
    char *cursor = mem_strdup("");
    while (cursor) {
        char *target = str_dupf("%s?limit=1&cursor=%s", path, cursor);
        j = house_get(&house, target, 200);
        assert_true(json_count(json_get(j, name)) <= 1);
        add_names(&paged, json_get(j, name));
        mem_free(target);
        mem_free(cursor);
        cursor = mem_strdup(json_get_str(j, "nextCursor", NULL));
        json_free(j);
    }
    assert_string_equal(paged.data, whole.data);
    buf_fini(&whole);
    buf_fini(&paged);
}

static void refused(const char *path, const char *query, const char *part)
{
    struct answer a;
    char *target = str_dupf("%s?%s", path, query);
    house_call(&house, "GET", target, NULL, NULL, NULL, &a);
    answer_is(&a, 422, "invalid", part);
    answer_fini(&a);
    mem_free(target);
}

static void every_list__comes_in_pages(void **state)
{
    static const char *const lists[] = {"jobs",   "executions", "flows",      "triggers",
                                        "groups", "agents",     "namespaces", "tokens"};
    struct identity agents[3];
    (void)state;
    for (int i = 0; i < 3; i++) {
        char *group = str_dupf("{\"key\":\"g%d\"}", 2 - i), *name = str_dupf("agent-%d", 2 - i);
        char *ns = str_dupf("/api/v1/namespaces/n%d", i), *flow = str_dupf("f%d", i);
        struct answer a;
        json_free(house_post(&house, "/api/v1/groups", group, 201));
        json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201));
        house_enrol(&house, name, NULL, &agents[i]); /* with a token of its own */
        house_call(&house, "PUT", ns, NULL, "{\"group\":null}", NULL, &a);
        assert_int_equal(a.status, 200);
        answer_fini(&a);
        apply("a.b", flow);
        start("a.b", flow, NULL);
        identity_fini(&agents[i]);
        mem_free(group);
        mem_free(name);
        mem_free(ns);
        mem_free(flow);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        char *path = str_dupf("/api/v1/%s", lists[i]);
        pages_are_the_list(path, lists[i], 3);
        refused(path, "limit=0", "limit: ");
        refused(path, "limit=1001", "limit: ");
        refused(path, "limt=1", "did you mean 'limit'?");
        mem_free(path);
    }
    refused("/api/v1/jobs", "cursor=x", "invalid cursor 'x'");
    refused("/api/v1/tokens", "cursor=a/b", "invalid cursor 'a/b'");
    refused("/api/v1/flows", "cursor=a", "invalid cursor 'a'");
    refused("/api/v1/triggers", "cursor=a/b", "invalid cursor 'a/b'");
}

/* ---- filters ---- */

static void every_filter_of_every_list__names_something_or_is_refused(void **state)
{
    static const char *const filters[] = {"state=NOSUCH", "kind=nosuch",     "group=nosuch",
                                          "agent=nosuch", "flow=nosuch",     "trigger=nosuch",
                                          "name=",        "execution=nosuch"};
    static const char *const lists[] = {"jobs",   "executions", "flows",      "triggers",
                                        "groups", "agents",     "namespaces", "tokens"};
    size_t known = 0;
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (size_t k = 0; k < sizeof filters / sizeof *filters; k++) {
            struct answer a;
            /* a flow is named within its namespace, a trigger within its flow */
            char *path = str_dupf("/api/v1/%s?%s%s%s", lists[i], filters[k],
                                  str_eq(lists[i], "executions") ? "&namespace=" OTHER : "",
                                  str_eq(lists[i], "executions") && k > 4 ? "&flow=flow" : "");
            house_call(&house, "GET", path, NULL, NULL, NULL, &a);
            bool asked = strstr(filters[k], "nosuch") != NULL;
            if (a.status != 422 && (asked || a.status != 200))
                fail_msg("%s: %d %s", path, a.status, a.text);
            known += strstr(a.text, "unknown query parameter") == NULL;
            mem_free(path);
            answer_fini(&a);
        }
    }
    assert_true(known >= 8);
}

static void filter__that_names_nothing__is_told_the_nearest(void **state)
{
    static const struct {
        const char *path, *query, *part;
    } cases[] = {
        {"/api/v1/jobs", "group=windws", "there is no worker group 'windws'"},
        {"/api/v1/jobs", "group=defaul", "did you mean 'default'?"},
        {"/api/v1/jobs", "group=%25", "is not a group's key"},
        {"/api/v1/jobs", "agent=builder-8", "did you mean 'builder-7'?"},
        {"/api/v1/jobs", "agent=0123456789abc", "there is no agent '0123456789abc'"},
        {"/api/v1/executions", "namespace=" OTHER "&flow=flaw", "did you mean 'flow'?"},
        {"/api/v1/executions", "namespace=other&flow=flow",
         "there is no flow 'flow' in the namespace"},
        {"/api/v1/executions", "namespace=" OTHER "&flow=flow&trigger=q",
         "there is no trigger 'q'"},
        {"/api/v1/triggers", "flow=flaw", "did you mean 'flow'?"},
        {"/api/v1/triggers", "namespace=othe&flow=flow", "there is no flow 'flow'"},
    };
    struct identity agent;
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"windows\"}", 201));
    house_enrol(&house, "builder-7", NULL, &agent);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer a;
        char *target = str_dupf("%s?%s", cases[i].path, cases[i].query);
        house_call(&house, "GET", target, NULL, NULL, NULL, &a);
        if (a.status != 422 || !strstr(a.text, cases[i].part))
            fail_msg("%s: %d %s", target, a.status, a.text);
        mem_free(target);
        answer_fini(&a);
    }
    char *by_id = str_dupf("/api/v1/jobs?agent=%s", agent.id);
    json_free(house_get(&house, by_id, 200));
    mem_free(by_id);
    json_free(house_get(&house, "/api/v1/jobs?agent=builder-7&group=windows", 200));
    json_free(house_get(&house, "/api/v1/triggers?namespace=other&flow=flow", 200));
    json_free(house_get(&house, "/api/v1/executions?namespace=" OTHER "&flow=flow&trigger=p", 200));
    identity_fini(&agent);
}

/* What is gone is still named by what is kept. */
static void filter__of_what_was_removed__finds_its_jobs(void **state)
{
    struct answer a;
    struct identity agent;
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"old\"}", 201));
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"],\"group\":\"old\"}", 201));
    house_enrol(&house, "left", NULL, &agent);
    apply("gone", "ended");
    start("gone", "ended", NULL);
    const char *deleted[] = {"/api/v1/groups/old?force=true", "/api/v1/agents/left",
                             "/api/v1/flows/gone/ended"};
    for (size_t i = 0; i < 3; i++) {
        house_call(&house, "DELETE", deleted[i], NULL, NULL, NULL, &a);
        if (a.status != 204 && a.status != 200) fail_msg("%s: %d %s", deleted[i], a.status, a.text);
        answer_fini(&a);
    }
    struct json *j = house_get(&house, "/api/v1/jobs?group=old", 200);
    assert_int_equal(json_count(json_get(j, "jobs")), 1);
    json_free(j);
    json_free(house_get(&house, "/api/v1/jobs?agent=left", 200));
    j = house_get(&house, "/api/v1/executions?namespace=gone&flow=ended", 200);
    assert_int_equal(json_count(json_get(j, "executions")), 1);
    json_free(j);
    json_free(house_get(&house, "/api/v1/flows/gone/ended/revisions", 200));
    identity_fini(&agent);
}

static void attempt__that_there_is_not__is_not_found(void **state)
{
    static const char *const tails[] = {"logs?attempt=2", "follow?attempt=9",
                                        "logs?attempt=1000000"};
    struct answer a;
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char *path = str_dupf("/api/v1/jobs/%s/%s", job, tails[i]);
        house_call(&house, "GET", path, NULL, NULL, NULL, &a);
        answer_is(&a, 404, "not-found", "the last one is number 1");
        answer_fini(&a);
        mem_free(path);
    }
    char *path = str_dupf("/api/v1/jobs/%s/logs?attempt=1", job);
    house_call(&house, "GET", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    mem_free(path);
    house_call(&house, "GET", "/api/v1/flows/" OTHER "/none/revisions", NULL, NULL, NULL, &a);
    answer_is(&a, 404, "not-found", "there is no flow");
    answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route__without_its_role__is_refused),
        cmocka_unit_test(every_route__of_another_namespace__is_refused),
        cmocka_unit_test(every_route__answers_with_what_the_table_says),
        cmocka_unit_test(every_get__has_a_head__and_others_say_what_they_have),
        cmocka_unit_test(head__has_the_length_of_get),
        cmocka_unit_test(every_list__comes_in_pages),
        cmocka_unit_test(every_filter_of_every_list__names_something_or_is_refused),
        cmocka_unit_test(filter__that_names_nothing__is_told_the_nearest),
        cmocka_unit_test(filter__of_what_was_removed__finds_its_jobs),
        cmocka_unit_test(attempt__that_there_is_not__is_not_found),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
