/* Who did it, as the API tells it: each thing names the token that made, changed or ended it, also
 * when that token is gone. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct house house;
static char *ann, *bob, ann_id[14];

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    ann = house_token(&house, "{\"type\":\"api\",\"role\":\"admin\",\"name\":\"ann\"}", ann_id);
    bob = house_token(&house, "{\"type\":\"api\",\"role\":\"admin\",\"name\":\"bob\"}", NULL);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    mem_free(ann);
    mem_free(bob);
    house_close(&house);
    return 0;
}

/* token NULL: the first administrator's. The answer: json_free. */
static struct json *call(const char *token, const char *method, const char *path, const char *body)
{
    struct answer a;
    house_call(&house, method, path, token, body, NULL, &a);
    if (a.status < 200 || a.status > 299) fail_msg("%s %s: %d %s", method, path, a.status, a.text);
    struct json *j = a.json;
    a.json = NULL;
    answer_fini(&a);
    return j;
}

static void done(const char *token, const char *method, const char *path, const char *body)
{
    json_free(call(token, method, path, body));
}

static void says(const struct json *j, const char *key, const char *name)
{
    if (!json_get(j, key)) fail_msg("there is no %s", key);
    if (!str_eq(json_get_str(j, key, NULL), name))
        fail_msg("%s: %s instead of %s", key, json_get_str(j, key, "null"), name ? name : "null");
}

/* What GET answers has these two members. */
static void shows(const char *path, const char *key, const char *name, const char *key2,
                  const char *name2)
{
    struct json *j = call(NULL, "GET", path, NULL);
    says(j, key, name);
    says(j, key2, name2);
    json_free(j);
}

/* The row of a list with this value. */
static void lists(const char *path, const char *list, const char *id, const char *value,
                  const char *key, const char *name)
{
    struct json *j = call(NULL, "GET", path, NULL);
    const struct json *row = json_first(json_get(j, list));
    while (row && !str_eq(json_get_str(row, id, NULL), value))
        row = json_next(row);
    assert_non_null(row);
    says(row, key, name);
    json_free(j);
}

static char *make_job(const char *token)
{
    struct json *j = call(token, "POST", "/api/v1/jobs", "{\"command\":[\"x\"]}");
    char *path = str_dupf("/api/v1/jobs/%s", json_get_str(j, "id", ""));
    json_free(j);
    return path;
}

static void job__names_who_submitted_and_cancelled_it(void **state)
{
    (void)state;
    char *path = make_job(ann), *cancel = str_dupf("%s/cancel", path);
    shows(path, "createdBy", "ann", "cancelledBy", NULL);
    done(bob, "POST", cancel, NULL);
    shows(path, "createdBy", "ann", "cancelledBy", "bob");
    lists("/api/v1/jobs", "jobs", "id", path + strlen("/api/v1/jobs/"), "createdBy", "ann");
    mem_free(path);
    mem_free(cancel);
}

static void group_and_namespace__name_who_changed_them(void **state)
{
    (void)state;
    done(ann, "POST", "/api/v1/groups", "{\"key\":\"g\"}");
    shows("/api/v1/groups/g", "createdBy", "ann", "updatedBy", NULL);
    done(bob, "PATCH", "/api/v1/groups/g", "{\"maxQueued\":3}");
    done(ann, "POST", "/api/v1/groups/g/pause", NULL);
    shows("/api/v1/groups/g", "updatedBy", "bob", "pausedBy", "ann");
    done(bob, "POST", "/api/v1/groups/g/resume", NULL);
    shows("/api/v1/groups/g", "createdBy", "ann", "pausedBy", NULL);
    done(bob, "PUT", "/api/v1/namespaces/x", "{\"group\":\"g\"}");
    lists("/api/v1/namespaces", "namespaces", "namespace", "x", "updatedBy", "bob");
    shows("/api/v1/namespaces/x.y", "updatedBy", "bob", "group", "g");
    done(ann, "POST", "/api/v1/groups/default/pause", NULL);
    shows("/api/v1/groups/default", "createdBy", NULL, "pausedBy", "ann");
    done(ann, "POST", "/api/v1/groups/default/resume", NULL);
}

static void agent__names_its_join_token_and_who_drained_it(void **state)
{
    struct identity i;
    (void)state;
    house_enrol(&house, "a", NULL, &i);
    struct json *j = call(NULL, "GET", "/api/v1/agents/a", NULL);
    assert_non_null(json_get_str(j, "createdBy", NULL)); /* the token has no name, but an id */
    says(j, "drainedBy", NULL);
    json_free(j);
    done(ann, "POST", "/api/v1/agents/a/drain?reason=upgrade", NULL);
    shows("/api/v1/agents/a", "drainReason", "upgrade", "drainedBy", "ann");
    done(bob, "POST", "/api/v1/agents/a/resume", NULL);
    shows("/api/v1/agents/a", "drainReason", NULL, "drainedBy", NULL);
    identity_fini(&i);
}

static void flow__and_what_it_makes__name_who_wanted_it(void **state)
{
    static const char first[] = "{\"files\":[{\"text\":\"id: f\\nnamespace: x\\ntasks:\\n"
                                "  - {id: t, command: [x]}\\ntriggers:\\n"
                                "  - {id: p, interval: PT1H, command: [x]}\\n\"}]}";
    static const char second[] = "{\"files\":[{\"text\":\"id: f\\nnamespace: x\\ntasks:\\n"
                                 "  - {id: t2, command: [x]}\\ntriggers:\\n"
                                 "  - {id: p, interval: PT1H, command: [x]}\\n\"}]}";
    (void)state;
    done(ann, "POST", "/api/v1/flows", first);
    done(bob, "POST", "/api/v1/flows", second);
    shows("/api/v1/flows/x/f", "updatedBy", "bob", "namespace", "x");
    shows("/api/v1/flows/x/f?revision=1", "updatedBy", "ann", "namespace", "x");
    lists("/api/v1/flows", "flows", "id", "f", "updatedBy", "bob");
    struct json *j = call(ann, "POST", "/api/v1/flows/x/f/executions", "{}");
    char *path = str_dupf("/api/v1/executions/%s", json_get_str(j, "id", ""));
    char *cancel = str_dupf("%s/cancel", path);
    says(j, "createdBy", "ann");
    json_free(j);
    j = call(NULL, "GET", path, NULL);
    says(json_first(json_get(j, "taskRuns")), "createdBy", "flow x/f");
    json_free(j);
    done(bob, "POST", cancel, NULL);
    shows(path, "createdBy", "ann", "cancelledBy", "bob");
    done(ann, "POST", "/api/v1/triggers/x/f/p/disable", NULL);
    shows("/api/v1/triggers/x/f/p", "disabledBy", "ann", "reason", "disabled by an operator");
    done(ann, "POST", "/api/v1/triggers/x/f/p/enable", NULL);
    shows("/api/v1/triggers/x/f/p", "disabledBy", NULL, "reason", NULL);
    mem_free(path);
    mem_free(cancel);
}

/* Last: ann is no more. */
static void token__names_who_made_and_revoked_it__and_its_name_stays(void **state)
{
    (void)state;
    char *path = make_job(ann), *revoke = str_dupf("/api/v1/tokens/%s", ann_id);
    lists("/api/v1/tokens", "tokens", "id", ann_id, "createdBy", "first administrator");
    struct json *made = call(bob, "POST", "/api/v1/tokens", "{\"type\":\"api\",\"role\":\"read\"}");
    says(made, "createdBy", "bob");
    json_free(made);
    lists("/api/v1/tokens", "tokens", "id", ann_id, "revokedBy", NULL);
    done(bob, "DELETE", revoke, NULL);
    lists("/api/v1/tokens", "tokens", "id", ann_id, "revokedBy", "bob");
    shows(path, "createdBy", "ann", "cancelledBy", NULL);
    mem_free(path);
    mem_free(revoke);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(job__names_who_submitted_and_cancelled_it),
        cmocka_unit_test(group_and_namespace__name_who_changed_them),
        cmocka_unit_test(agent__names_its_join_token_and_who_drained_it),
        cmocka_unit_test(flow__and_what_it_makes__name_who_wanted_it),
        cmocka_unit_test(token__names_who_made_and_revoked_it__and_its_name_stays),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
