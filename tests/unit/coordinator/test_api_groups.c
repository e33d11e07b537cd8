/* Groups and namespaces in the API: made, changed, cleared and deleted. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    (void)state;
    house_open(&house,
               "channels:\n  ops: {kind: command, command: [/bin/true]}\n"
               "  night: {kind: command, command: [/bin/true]}\n",
               NULL);
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

static void submit(const char *body)
{
    json_free(house_post(&house, "/api/v1/jobs", body, 201));
}

/* The answer's member as text. mem_free */
static char *member_after(const char *method, const char *path, const char *body,
                          const char *member)
{
    struct answer a;
    house_call(&house, method, path, NULL, body, NULL, &a);
    if (a.status != 200) fail_msg("%s %s %s: %d %s", method, path, body, a.status, a.text);
    char *text = json_text(json_get(a.json, member));
    answer_fini(&a);
    return text;
}

static void groups__life__from_creation_to_deletion(void **state)
{
    struct answer a;
    (void)state;
    struct json *j =
        house_post(&house, "/api/v1/groups",
                   "{\"key\":\"gpu\",\"description\":\"d\",\"requires\":{\"os\":\"linux\"},"
                   "\"allowedNamespaces\":[\"a.b\"],\"maxQueued\":5}",
                   201);
    assert_string_equal(json_get_str(j, "key", ""), "gpu");
    assert_int_equal(json_get_int(j, "maxQueued", 0), 5);
    assert_int_equal(json_count(json_get(j, "allowedNamespaces")), 1);
    json_free(j);
    refused("POST", "/api/v1/groups", NULL, "{\"key\":\"gpu\"}", 409, "conflict", "gpu");
    refused("POST", "/api/v1/jobs", NULL,
            "{\"command\":[\"x\"],\"group\":\"gpu\",\"namespace\":\"c\"}", 403,
            "namespace-not-allowed", NULL);
    house_call(&house, "PATCH", "/api/v1/groups/gpu", NULL,
               "{\"maxQueued\":1,\"allowedNamespaces\":[]}", NULL, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_get_int(a.json, "maxQueued", 0), 1);
    assert_string_equal(json_get_str(a.json, "description", ""), "d"); /* not named: not changed */
    answer_fini(&a);
    j = house_get(&house, "/api/v1/groups/gpu", 200);
    assert_int_equal(json_type(json_get(j, "why")), JSON_NULL);
    json_free(j);
    submit("{\"command\":[\"x\"],\"group\":\"gpu\"}");
    j = house_get(&house, "/api/v1/groups/gpu", 200);
    const struct json *why = json_get(j, "why");
    assert_string_equal(json_get_str(why, "code", ""), "no-agent-online");
    assert_string_equal(json_get_str(why, "message", ""), "group gpu has no agent online");
    assert_int_equal(strlen(json_get_str(why, "job", "")), 13);
    json_free(j);
    refused("POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"],\"group\":\"gpu\"}", 429,
            "queue-full", NULL);
    j = house_post(&house, "/api/v1/groups/gpu/pause", NULL, 200);
    assert_true(json_get_bool(j, "paused", false));
    assert_string_equal(json_get_str(json_get(j, "why"), "code", ""), "group-paused");
    json_free(j);
    j = house_post(&house, "/api/v1/groups/gpu/resume", NULL, 200);
    assert_false(json_get_bool(j, "paused", true));
    json_free(j);
    refused("DELETE", "/api/v1/groups/gpu", NULL, NULL, 409, "conflict", NULL);
    refused("DELETE", "/api/v1/groups/gpu?force=maybe", NULL, NULL, 422, "invalid", "force");
    house_call(&house, "DELETE", "/api/v1/groups/gpu?force=true", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    refused("GET", "/api/v1/groups/gpu", NULL, NULL, 404, "not-found", NULL);
}

static void groups__default__is_the_first_and_has_its_key_everywhere(void **state)
{
    struct answer a;
    char *id;
    (void)state;
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    id = mem_strdup(json_get_str(j, "id", ""));
    json_free(j);
    j = house_get(&house, "/api/v1/groups?limit=1", 200);
    const struct json *first = json_first(json_get(j, "groups"));
    assert_string_equal(json_get_str(first, "key", ""), "default");
    assert_true(json_get_int(first, "queued", 0) > 0);
    json_free(j);
    const char *paths[] = {"/api/v1/jobs/", "/api/v1/namespaces/a.b"};
    for (size_t i = 0; i < 2; i++) {
        char *path = str_dupf("%s%s", paths[i], i ? "" : id);
        j = house_get(&house, path, 200);
        assert_string_equal(json_get_str(j, "group", "-"), "default");
        json_free(j);
        mem_free(path);
    }
    const char *filters[] = {"/api/v1/jobs?group=default", "/api/v1/jobs?group="};
    for (size_t i = 0; i < 2; i++) {
        j = house_get(&house, filters[i], 200);
        assert_true(json_count(json_get(j, "jobs")) > 0);
        for (first = json_first(json_get(j, "jobs")); first; first = json_next(first))
            assert_string_equal(json_get_str(first, "group", "-"), "default");
        json_free(j);
    }
    house_call(&house, "PATCH", "/api/v1/groups/default", NULL, "{\"maxQueued\":1}", NULL, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_get_int(a.json, "maxQueued", 0), 1);
    answer_fini(&a);
    refused("POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"],\"group\":null}", 429, "queue-full",
            "default group");
    json_free(house_post(&house, "/api/v1/groups/default/pause", NULL, 200));
    char *why = str_dupf("/api/v1/jobs/%s/why", id);
    j = house_get(&house, why, 200);
    assert_string_equal(json_get_str(json_get(j, "waiting"), "code", ""), "group-paused");
    json_free(j);
    mem_free(why);
    mem_free(id);
    json_free(house_post(&house, "/api/v1/groups/default/resume", NULL, 200));
    refused("DELETE", "/api/v1/groups/default?force=true", NULL, NULL, 422, "invalid",
            "cannot be deleted");
    /* chosen explicitly it counts although the namespace has another */
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"gpu\"}", 201));
    house_call(&house, "PUT", "/api/v1/namespaces/a", NULL, "{\"group\":\"gpu\"}", NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    refused("POST", "/api/v1/jobs", NULL,
            "{\"command\":[\"x\"],\"namespace\":\"a\",\"group\":\"default\"}", 429, "queue-full",
            NULL);
    j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"],\"namespace\":\"a\"}", 201);
    assert_string_equal(json_get_str(j, "group", ""), "gpu");
    json_free(j);
    house_call(&house, "PATCH", "/api/v1/groups/default", NULL, "{\"maxQueued\":0}", NULL, &a);
    answer_fini(&a);
    house_call(&house, "DELETE", "/api/v1/namespaces/a", NULL, NULL, NULL, &a);
    answer_fini(&a);
    house_call(&house, "DELETE", "/api/v1/groups/gpu?force=true", NULL, NULL, NULL, &a);
    answer_fini(&a);
}

static void groups__wrong_fields__are_named(void **state)
{
    static const char *const bodies[] = {"{}",
                                         "{\"key\":\"\"}",
                                         "{\"key\":\"a b\"}",
                                         "{\"key\":\"x\",\"maxQueued\":-1}",
                                         "{\"key\":\"x\",\"requires\":[]}",
                                         "{\"key\":\"x\",\"requires\":{\"oss\":\"x\"}}",
                                         "{\"key\":\"x\",\"allowedNamespaces\":[\"a b\"]}",
                                         "{\"key\":\"x\",\"allowedNamespaces\":\"a\"}",
                                         "{\"key\":\"x\",\"paused\":\"yes\"}",
                                         "{\"key\":\"x\",\"descripton\":\"d\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        refused("POST", "/api/v1/groups", NULL, bodies[i], 422, "invalid", NULL);
}

static void namespaces__default_group__is_inherited(void **state)
{
    struct answer a;
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"team\"}", 201));
    house_call(&house, "PUT", "/api/v1/namespaces/acme", NULL,
               "{\"group\":\"team\",\"fallback\":\"FAIL\"}", NULL, &a);
    if (a.status != 200) fail_msg("%s", a.text);
    answer_fini(&a);
    struct json *j = house_get(&house, "/api/v1/namespaces/acme.web", 200);
    assert_string_equal(json_get_str(j, "group", ""), "team");
    assert_string_equal(json_get_str(j, "namespace", ""), "acme.web");
    json_free(j);
    refused("PUT", "/api/v1/namespaces/acme", NULL, "{\"group\":\"teem\"}", 422, "unknown-group",
            NULL);
    refused("PUT", "/api/v1/namespaces/acme", NULL, "{}", 422, "invalid", "group");
    refused("PUT", "/api/v1/namespaces/a%20b", NULL, "{\"group\":null}", 422, "invalid", NULL);
    refused("PUT", "/api/v1/namespaces/acme", NULL, "{\"group\":null,\"fallback\":\"X\"}", 422,
            "invalid", "fallback");
    house_call(&house, "DELETE", "/api/v1/namespaces/acme", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    j = house_get(&house, "/api/v1/namespaces", 200);
    assert_int_equal(json_count(json_get(j, "namespaces")), 0);
    json_free(j);
}

/* What a token of one namespace is told of. */
static void namespaces__of_others__are_not_listed(void **state)
{
    static const char *const all[] = {"own", "own.a", "own-er", "own/", "owner", "ow", "p"};
    char names[200] = "";
    (void)state;
    char *token =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"own\"}", NULL);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct answer a;
        char *path = str_dupf("/api/v1/namespaces/%s", all[i]);
        house_call(&house, "PUT", path, NULL, "{\"notify\":[\"ops\"]}", NULL, &a);
        answer_fini(&a);
        mem_free(path);
    }
    struct answer a;
    for (const char *at = "?limit=1"; at;) {
        char *path = str_dupf("/api/v1/namespaces%s", at);
        house_call(&house, "GET", path, token, NULL, NULL, &a);
        assert_int_equal(a.status, 200);
        for (const struct json *n = json_first(json_get(a.json, "namespaces")); n; n = json_next(n))
            (void)str_format(names + strlen(names), sizeof names - strlen(names), "%s ",
                             json_get_str(n, "namespace", ""));
        at = json_get_str(a.json, "nextCursor", NULL) ? "?limit=5&cursor=own" : NULL;
        answer_fini(&a);
        mem_free(path);
    }
    assert_string_equal(names, "own own.a ");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char *path = str_dupf("/api/v1/namespaces/%s", all[i]);
        house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
        answer_fini(&a);
        mem_free(path);
    }
    mem_free(token);
}

static void put_is(const char *body, const char *member, const char *expected)
{
    char *text = member_after("PUT", "/api/v1/namespaces/tell", body, member);
    assert_string_equal(text, expected);
    mem_free(text);
}

static void namespaces__channels__are_named_and_taken_away(void **state)
{
    const char *all =
        "[{\"channel\":\"ops\",\"events\":[\"schedule-missed\",\"execution-failed\"]}]";
    struct answer a;
    (void)state;
    put_is("{\"notify\":[\"ops\"]}", "notify", all);
    put_is("{\"group\":null}", "notify", all);
    put_is("{\"notify\":[{\"channel\":\"ops\",\"events\":null}]}", "notify", all);
    put_is("{\"notify\":[{\"channel\":\"night\",\"events\":[\"execution-failed\"]},\"ops\"]}",
           "notifyFrom", "\"namespace tell\"");
    struct json *j = house_get(&house, "/api/v1/namespaces", 200);
    const struct json *n = json_first(json_get(j, "namespaces"));
    assert_int_equal(json_count(json_get(n, "notify")), 2);
    assert_string_equal(json_get_str(n, "group", ""), "default");
    json_free(j);
    put_is("{\"notify\":[]}", "notify", "[]");
    put_is("{\"notify\":null}", "notify", "null");
    house_call(&house, "DELETE", "/api/v1/namespaces/tell", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    put_is("{\"notify\":[\"ops\"]}", "from", "\"default\"");
    j = house_get(&house, "/api/v1/namespaces", 200);
    n = json_first(json_get(j, "namespaces"));
    assert_true(json_type(json_get(n, "group")) == JSON_NULL);
    json_free(j);
    put_is("{\"notify\":null}", "notify", "null");
    j = house_get(&house, "/api/v1/namespaces", 200);
    assert_int_equal(json_count(json_get(j, "namespaces")), 0);
    json_free(j);
}

static void namespaces__channels_that_are_wrong__are_refused(void **state)
{
    static const struct {
        const char *body, *code, *part;
    } cases[] = {
        {"{\"notify\":\"ops\"}", "invalid", "notify"},
        {"{\"notify\":[1]}", "invalid", "notify"},
        {"{\"notify\":[null]}", "invalid", "notify"},
        {"{\"notify\":[\"osp\"]}", "unknown-channel", "there is no channel 'osp'"},
        {"{\"notify\":[\"o p\"]}", "invalid", "is no name of a channel"},
        {"{\"notify\":[\"\"]}", "invalid", "is no name of a channel"},
        {"{\"notify\":[\"ops\",\"night\",\"ops\"]}", "invalid",
         "notify[2].channel: 'ops' is named"},
        {"{\"notify\":[\"ops\",{\"channel\":\"ops\"}]}", "invalid", "named twice"},
        {"{\"notify\":[{}]}", "invalid", "notify[0].channel: is missing"},
        {"{\"notify\":[{\"channel\":1}]}", "invalid", "notify[0].channel"},
        {"{\"notify\":[{\"chanel\":\"ops\"}]}", "invalid", "did you mean 'channel'"},
        {"{\"notify\":[{\"channel\":\"ops\",\"events\":[]}]}", "invalid", "names no event"},
        {"{\"notify\":[{\"channel\":\"ops\",\"events\":\"x\"}]}", "invalid", "events"},
        {"{\"notify\":[{\"channel\":\"ops\",\"events\":[1]}]}", "invalid", "is no event"},
        {"{\"notify\":[{\"channel\":\"ops\",\"events\":[\"execution-faild\"]}]}", "invalid",
         "did you mean 'execution-failed'"},
        {"{\"notify\":[{\"channel\":\"ops\",\"events\":[\"lease-lost\"]}]}", "invalid",
         "'lease-lost' is no event of namespaces"},
        {"{\"notify\":[\"ops\"],\"fallback\":\"FAIL\"}", "invalid", "goes with 'group'"},
        {"{\"fallback\":\"FAIL\"}", "invalid", "group"},
        {"{\"notify\":[\"ops\"],\"channels\":1}", "invalid", "channels"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused("PUT", "/api/v1/namespaces/tell", NULL, cases[i].body, 422, cases[i].code,
                cases[i].part);
    struct json *j = house_get(&house, "/api/v1/namespaces", 200);
    assert_int_equal(json_count(json_get(j, "namespaces")), 0);
    json_free(j);
}

/* Every field that can be set can be cleared, by null and by an empty value. */
static void update__each_field__is_set_and_cleared(void **state)
{
    static const struct {
        const char *method, *path, *member, *set, *value, *clear[2], *cleared;
    } rows[] = {
        {"PATCH",
         "groups/walk",
         "description",
         "{\"description\":\"d\"}",
         "\"d\"",
         {"{\"description\":null}", "{\"description\":\"\"}"},
         "null"},
        {"PATCH",
         "groups/walk",
         "requires",
         "{\"requires\":{\"os\":\"linux\"}}",
         "{\"os\":\"linux\"}",
         {"{\"requires\":null}", "{\"requires\":{}}"},
         "null"},
        {"PATCH",
         "groups/walk",
         "allowedNamespaces",
         "{\"allowedNamespaces\":[\"a\"]}",
         "[\"a\"]",
         {"{\"allowedNamespaces\":null}", "{\"allowedNamespaces\":[]}"},
         "[]"},
        {"PATCH",
         "groups/walk",
         "maxQueued",
         "{\"maxQueued\":3}",
         "3",
         {"{\"maxQueued\":null}", "{\"maxQueued\":0}"},
         "0"},
        {"PUT",
         "namespaces/walk",
         "fallback",
         "{\"group\":\"walk\",\"fallback\":\"FAIL\"}",
         "\"FAIL\"",
         {"{\"group\":\"walk\",\"fallback\":null}", "{\"group\":\"walk\"}"},
         "\"WAIT\""},
        {"PUT",
         "namespaces/walk",
         "group",
         "{\"group\":\"walk\"}",
         "\"walk\"",
         {"{\"group\":null}", "{\"group\":\"default\"}"},
         "\"default\""},
    };
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"walk\"}", 201));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = str_dupf("/api/v1/%s", rows[i].path);
        for (int k = 0; k < 2; k++) {
            char *set = member_after(rows[i].method, path, rows[i].set, rows[i].member);
            char *cleared = member_after(rows[i].method, path, rows[i].clear[k], rows[i].member);
            assert_string_equal(set, rows[i].value);
            assert_string_equal(cleared, rows[i].cleared);
            mem_free(set);
            mem_free(cleared);
        }
        /* an update of nothing is refused, and what was not named stays */
        refused(rows[i].method, path, NULL, "{}", 422, "invalid",
                i < 4 ? "nothing is to be changed" : "group: is missing");
        mem_free(path);
    }
    mem_free(member_after("PATCH", "/api/v1/groups/walk", "{\"maxQueued\":3}", "maxQueued"));
    char *stays =
        member_after("PATCH", "/api/v1/groups/walk", "{\"description\":\"x\"}", "maxQueued");
    assert_string_equal(stays, "3");
    mem_free(stays);
    refused("PATCH", "/api/v1/groups/walk", NULL, "{\"paused\":true}", 422, "invalid", "paused");
}

static void drain__reason__is_kept_changed_and_cleared(void **state)
{
    static const struct {
        const char *tail, *reason;
    } steps[] = {{"drain", "null"},           {"drain?reason=new%20driver", "\"new driver\""},
                 {"drain", "\"new driver\""}, {"drain?reason=disk", "\"disk\""},
                 {"drain?reason=", "null"},   {"drain?reason=again", "\"again\""},
                 {"resume", "null"},          {"drain", "null"}};
    struct identity agent;
    (void)state;
    house_enrol(&house, "held", NULL, &agent);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char *path = str_dupf("/api/v1/agents/held/%s", steps[i].tail);
        char *reason = member_after("POST", path, NULL, "drainReason");
        if (!str_eq(reason, steps[i].reason)) fail_msg("%s: %s", path, reason);
        mem_free(reason);
        mem_free(path);
    }
    identity_fini(&agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups__life__from_creation_to_deletion),
        cmocka_unit_test(groups__default__is_the_first_and_has_its_key_everywhere),
        cmocka_unit_test(groups__wrong_fields__are_named),
        cmocka_unit_test(namespaces__default_group__is_inherited),
        cmocka_unit_test(namespaces__of_others__are_not_listed),
        cmocka_unit_test(namespaces__channels__are_named_and_taken_away),
        cmocka_unit_test(namespaces__channels_that_are_wrong__are_refused),
        cmocka_unit_test(update__each_field__is_set_and_cleared),
        cmocka_unit_test(drain__reason__is_kept_changed_and_cleared),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
