/* Why a job waits. */
#include "engine_world.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* Asks, and wants this code; the answer is the caller's (json_free). */
static struct json *why(struct world *w, int64_t id, const char *code)
{
    struct json *tree = NULL;
    assert_int_equal(world_do(w, cmd_id(w, CMD_WHY, id)), 0);
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, 0);
    assert_int_equal(json_parse(x->json, strlen(x->json), &tree, NULL), 0);
    if (!code) {
        assert_int_equal(json_type(tree), JSON_NULL);
        return tree;
    }
    assert_string_equal(json_get_str(tree, "code", "(none)"), code);
    assert_true(strlen(json_get_str(tree, "message", "")) > 5);
    return tree;
}

static void assert_message(const struct json *answer, const char *text)
{
    assert_string_equal(json_get_str(answer, "message", ""), text);
}

static void no_agent_online(void **state)
{
    struct world *w = *state;
    world_group(w, "windows", NULL);
    struct json *j = why(w, world_submit(w, "windows", NULL), "no-agent-online");
    assert_message(j, "group windows has no agent online");
    json_free(j);
    j = why(w, world_submit(w, NULL, NULL), "no-agent-online");
    assert_message(j, "the default group has no agent online");
    json_free(j);
    uint64_t s = world_connect(w, world_agent(w, "a", "windows"), "windows", 1);
    struct command *c = cmd_ready(s);
    c->u.ready.draining = true;
    world_do(w, c);
    j = why(w, world_submit(w, "windows", NULL), "no-agent-online");
    assert_non_null(strstr(json_get_str(j, "message", ""), "1 of 1 are draining"));
    assert_int_equal(json_get_int(j, "draining", -1), 1);
    json_free(j);
}

static void all_busy_then_queued_with_position(void **state)
{
    struct world *w = *state;
    world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    world_connect_caps(w, world_agent(w, "b", NULL), NULL, 1, "{\"os\":\"windows\"}");
    for (int i = 0; i < 3; i++)
        world_submit(w, NULL, NULL);
    int64_t first = world_submit(w, NULL, NULL), second = world_submit(w, NULL, NULL);
    struct json *j = why(w, first, "all-busy");
    assert_message(j, "all 2 fitting agents in the default group are busy (3 of 3 slots)");
    assert_int_equal(json_get_int(j, "position", 0), 1);
    assert_int_equal(json_get_int(j, "agents", 0), 2);
    assert_int_equal(json_get_int(j, "slots", 0), 3);
    assert_int_equal(json_get_int(j, "busy", 0), 3);
    json_free(j);
    j = why(w, second, "queued");
    assert_message(j, "number 2 in the queue of the default group");
    assert_int_equal(json_get_int(j, "position", 0), 2);
    json_free(j);
    world_submit(w, NULL, NULL);
    struct command *c = cmd_submit(w, NULL, "{\"os\":\"linux\"}");
    c->u.submit.job.priority = 3;
    world_do(w, c);
    j = why(w, world_reply(w)->id, "all-busy");
    assert_int_equal(json_get_int(j, "agents", 0), 1);
    json_free(j);
    json_free(why(w, second, "queued"));
}

/* Of a group: wants this job; 0: none. */
static struct json *why_of(struct world *w, const char *group, int64_t job, const char *code)
{
    struct json *tree = NULL;
    char id[ID_TEXT_SIZE];
    assert_int_equal(world_do(w, cmd_text(w, CMD_WHY, group)), 0);
    const struct reply *x = world_reply(w);
    assert_int_equal(x->rc, 0);
    assert_int_equal(json_parse(x->json, strlen(x->json), &tree, NULL), 0);
    if (!job) {
        assert_int_equal(json_type(tree), JSON_NULL);
        return tree;
    }
    id_format(job, id);
    assert_string_equal(json_get_str(tree, "job", "(none)"), id);
    assert_string_equal(json_get_str(tree, "code", "(none)"), code);
    assert_true(strlen(json_get_str(tree, "message", "")) > 5);
    return tree;
}

static int64_t submit_of(struct world *w, const char *requires, int priority)
{
    struct command *c = cmd_submit(w, "g", requires);
    c->u.submit.job.priority = priority;
    world_do(w, c);
    return world_reply(w)->id;
}

static void group__tells_of_its_first_job(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    json_free(why_of(w, "g", 0, NULL));
    json_free(why_of(w, "default", 0, NULL));
    int64_t old = submit_of(w, NULL, 0);
    submit_of(w, NULL, 0);
    json_free(why_of(w, "g", old, "no-agent-online"));
    json_free(why_of(w, "default", 0, NULL));
    /* the best of what requires different things */
    int64_t best = submit_of(w, "{\"os\":\"windows\"}", 7);
    int64_t second = submit_of(w, "{\"os\":\"plan9\"}", 5);
    json_free(why_of(w, "g", best, "no-agent-online"));
    world_connect_caps(w, world_agent(w, "a", "g"), "g", 1, "{\"os\":\"linux\"}");
    struct json *j = why_of(w, "g", best, "none-satisfies");
    assert_message(j, "0 of 1 agents in group g meet os = windows: a has linux");
    json_free(j);
    world_do(w, cmd_text(w, CMD_GROUP_PAUSE, "g"));
    json_free(why_of(w, "g", best, "group-paused"));
    world_do(w, cmd_id(w, CMD_CANCEL, best));
    json_free(why_of(w, "g", second, "group-paused"));
    world_restart(w); /* the queues' first jobs are in the store alone */
    json_free(why_of(w, "g", second, "group-paused"));
}

static void group__that_there_is_not__is_said(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_text(w, CMD_WHY, "none"));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
    world_group(w, "g", NULL);
    world_do(w, cmd_text(w, CMD_GROUP_DELETE, "g"));
    world_do(w, cmd_text(w, CMD_WHY, "g"));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
}

static void none_satisfies__names_clause_and_agents(void **state)
{
    struct world *w = *state;
    world_group(w, "gpu", NULL);
    char name[24];
    for (int i = 1; i <= 5; i++) {
        char caps[64];
        snprintf(name, sizeof name, "build-%02d", i);
        snprintf(caps, sizeof caps, "{\"os\":\"linux\",\"gpu\":{\"count\":%d}}", i % 2);
        world_connect_caps(w, world_agent(w, name, "gpu"), "gpu", 1,
                           i == 5 ? "{\"os\":\"linux\"}" : caps);
    }
    int64_t id = world_submit(w, "gpu", "{\"gpu.count\":\">= 2\",\"os\":\"linux\"}");
    struct json *j = why(w, id, "none-satisfies");
    const char *message = json_get_str(j, "message", "");
    assert_true(str_starts(message, "0 of 5 agents in group gpu meet gpu.count >= 2: build-0"));
    assert_non_null(strstr(message, " has unknown"));
    assert_non_null(strstr(message, "…"));
    assert_string_equal(json_get_str(j, "clause", ""), "gpu.count >= 2");
    assert_int_equal(json_get_int(j, "agents", 0), 5);
    assert_int_equal(json_get_int(j, "failing", 0), 5);
    json_free(j);
}

static void none_satisfies__no_single_clause_is_to_blame(void **state)
{
    struct world *w = *state;
    world_connect_caps(w, world_agent(w, "a", NULL), NULL, 1, "{\"os\":\"linux\",\"cpus\":2}");
    world_connect_caps(w, world_agent(w, "b", NULL), NULL, 1, "{\"os\":\"windows\",\"cpus\":8}");
    struct json *j =
        why(w, world_submit(w, NULL, "{\"os\":\"linux\",\"cpus\":\">= 4\"}"), "none-satisfies");
    assert_message(j, "1 of 2 agents in the default group meet cpus >= 4: a has 2; none meets all "
                      "that is required");
    json_free(j);
}

static void group_paused(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    world_connect(w, world_agent(w, "a", "g"), "g", 1);
    world_do(w, cmd_text(w, CMD_GROUP_PAUSE, "g"));
    struct json *j = why(w, world_submit(w, "g", NULL), "group-paused");
    assert_message(j, "group g is paused");
    json_free(j);
}

static void retry_at(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 60000, .max_attempts = 3};
    world_do(w, c);
    int64_t id = world_reply(w)->id;
    world_do(w, cmd_finished(s, 1, id, 1, JOB_FAILED, REASON_EXIT_CODE));
    struct json *j = why(w, id, "retry-at");
    assert_int_equal(json_get_int(j, "attempt", 0), 2);
    assert_string_equal(json_get_str(j, "at", ""), "2026-09-21T14:14:20.000Z");
    assert_message(j, "attempt 2 is due at 2026-09-21T14:14:20Z");
    json_free(j);
    world_pass(w, 60000); /* nobody had a look yet */
    world_begin(w);
    world_apply(w, cmd_id(w, CMD_WHY, id));
    assert_non_null(strstr(world_reply(w)->json, "\"attempt 2 is due now\""));
    world_commit(w);
}

static void does_not_wait__null(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    json_free(why(w, id, NULL));
    world_do(w, cmd_started(s, 1, id, 1));
    json_free(why(w, id, NULL));
    world_do(w, cmd_id(w, CMD_CANCEL, id));
    json_free(why(w, id, NULL));
    world_do(w, cmd_finished(s, 2, id, 1, JOB_KILLED, REASON_CANCELLED));
    json_free(why(w, id, NULL));
}

static void no_such_job(void **state)
{
    struct world *w = *state;
    world_do(w, cmd_id(w, CMD_WHY, 5));
    assert_int_equal(world_reply(w)->rc, ERR_NOT_FOUND);
}

static void asking__changes_nothing(void **state)
{
    struct world *w = *state;
    int64_t id = world_submit(w, NULL, "{\"os\":\"linux\"}");
    world_crash(w); /* not at hand any more */
    world_tick(w);
    world_begin(w);
    world_apply(w, cmd_id(w, CMD_WHY, id));
    assert_false(store_dirty(w->store));
    world_commit(w);
    assert_int_equal(w->effects.count, 1);
}

/* It runs on until its job ends, but is none of the group's any more: that is not draining. */
static void no_agent__names_those_that_do_not_meet_the_group(void **state)
{
    struct world *w = *state;
    world_group(w, "g", NULL);
    uint64_t s = world_connect_caps(w, world_agent(w, "a", "g"), "g", 1, "{\"os\":\"linux\"}");
    world_running(w, s, "g", 1);
    int64_t id = world_submit(w, "g", NULL);
    struct command *c = command_new(CMD_GROUP_UPDATE);
    c->request = ++w->requests;
    c->u.group.key = mem_strdup("g");
    c->u.group.require = mem_strdup("{\"os\":\"windows\"}");
    c->mask = 2;
    world_do(w, c);
    assert_int_equal(world_reply(w)->rc, 0);
    struct json *j = why(w, id, "no-agent-online");
    assert_string_equal(
        json_get_str(j, "message", ""),
        "group g has no agent online: 1 of 1 do not meet what it requires any more");
    assert_int_equal(json_get_int(j, "draining", -1), 0);
    json_free(j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(no_agent__names_those_that_do_not_meet_the_group),
        WORLD_TEST(no_agent_online),
        WORLD_TEST(all_busy_then_queued_with_position),
        WORLD_TEST(group__tells_of_its_first_job),
        WORLD_TEST(group__that_there_is_not__is_said),
        WORLD_TEST(none_satisfies__names_clause_and_agents),
        WORLD_TEST(none_satisfies__no_single_clause_is_to_blame),
        WORLD_TEST(group_paused),
        WORLD_TEST(retry_at),
        WORLD_TEST(does_not_wait__null),
        WORLD_TEST(no_such_job),
        WORLD_TEST(asking__changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
