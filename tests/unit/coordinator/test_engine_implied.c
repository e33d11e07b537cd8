/* What the spec of a job requires of an agent: a shell that the job names, and an agent that knows
 * all fields of the spec. */
#include "flow_world.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/caps.h"
#include "coordinator/engine/implied.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#define LINUX "{\"os\":\"linux\",\"shell\":[\"sh\",\"bash\",\"python3\"]}"
#define WINDOWS "{\"os\":\"windows\",\"shell\":[\"cmd\",\"powershell\"]}"
#define SILENT "{\"os\":\"linux\"}"

/* ---- the requires that are kept ---- */

static struct requires *combine(const char *asked, const char *shell, int64_t minor)
{
    struct json *tree = NULL;
    struct requires *r = NULL;
    struct err e = {0};
    struct spec_needs needs = {.shell = shell, .minor = minor};
    if (asked) assert_int_equal(json_parse(asked, strlen(asked), &tree, NULL), 0);
    if (job_requires(tree, REQUIRES_ASKED, &needs, &r, &e)) fail_msg("%s", err_text(&e));
    json_free(tree);
    return r;
}

/* Reads back what is kept. */
static struct requires *kept(const char *text)
{
    struct json *tree = NULL;
    struct requires *r = NULL;
    struct err e = {0};
    assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
    if (requires_parse(tree, REQUIRES_KEPT, &r, &e)) fail_msg("%s: %s", text, err_text(&e));
    json_free(tree);
    return r;
}

static void kept_text__table(void **state)
{
    (void)state;
    static const struct {
        const char *asked, *shell;
        int64_t minor;
        const char *text;
    } rows[] = {
        {NULL, "bash", 0, "{\"shell\":\"bash\"}"},
        {"{}", "cmd", 0, "{\"shell\":\"cmd\"}"},
        {"{\"os\":\"linux\"}", "sh", 0, "{\"os\":\"linux\",\"shell\":\"sh\"}"},
        {"{\"shell\":\"bash\"}", "bash", 0, "{\"shell\":\"bash\"}"},
        {"{\"shell\":[\"pwsh\",\"bash\"]}", "bash", 0, "{\"shell\":\"bash\"}"},
        {"{\"shell\":\"ba*\"}", "bash", 0, "{\"shell\":\"bash\"}"},
        {"{\"shell\":\"pwsh\"}", "bash", 0, "{\"shell\":{\"all\":[\"bash\",\"pwsh\"]}}"},
        {"{\"shell\":[\"sh\",\"pwsh\"]}", "bash", 0,
         "{\"shell\":{\"all\":[\"bash\",[\"pwsh\",\"sh\"]]}}"},
        {"{\"shell\":\"!= cmd\"}", "bash", 0, "{\"shell\":{\"all\":[\"bash\",\"!= cmd\"]}}"},
        {"{\"shell\":\"!= bash\"}", "bash", 0, "{\"shell\":{\"all\":[\"bash\",\"!= bash\"]}}"},
        {"{\"label.shell\":\"bash\"}", "bash", 0, "{\"label.shell\":\"bash\",\"shell\":\"bash\"}"},
        {NULL, NULL, 2, "{\".protocol\":\">= 2\"}"},
        {"{\"cpus\":4}", "sh", 2, "{\".protocol\":\">= 2\",\"cpus\":\"4\",\"shell\":\"sh\"}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct requires *r = combine(rows[i].asked, rows[i].shell, rows[i].minor);
        char *text = requires_text(r);
        assert_string_equal(text, rows[i].text);
        requires_free(r);
        r = kept(text);
        char *again = requires_text(r);
        assert_string_equal(again, text);
        requires_free(r);
        mem_free(text);
        mem_free(again);
    }
    assert_null(combine(NULL, NULL, 0));
}

static void kept_text__as_many_clauses_as_a_user_may_ask_for_and_those_implied(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    for (int i = 0; i < REQUIRES_MAX_CLAUSES; i++)
        buf_addf(&b, "%s\"label.l%d\":1", i == 0 ? "{" : ",", i);
    buf_addc(&b, '}');
    struct requires *r = combine(b.data, "bash", 2);
    char *text = requires_text(r);
    requires_free(r);
    r = kept(text);
    assert_int_equal(requires_count(r), REQUIRES_MAX_CLAUSES + REQUIRES_MAX_IMPLIED);
    requires_free(r);
    mem_free(text);
    buf_fini(&b);
}

static void assert_met(const char *asked, const char *caps, bool met)
{
    struct requires *r = combine(asked, "bash", 0);
    struct caps *c = caps_parse(caps, NULL);
    if (requires_met(r, c) != met) fail_msg("%s of %s", asked ? asked : "nothing", caps);
    caps_free(c);
    requires_free(r);
}

static void met__by_agents_that_have_the_shell_and_all_that_was_asked_for(void **state)
{
    (void)state;
    assert_met(NULL, LINUX, true);
    assert_met("{\"shell\":\"sh\"}", LINUX, true);
    assert_met("{\"shell\":[\"pwsh\",\"bash\"]}", LINUX, true);
    assert_met("{\"shell\":\"!= cmd\"}", LINUX, true);
    assert_met(NULL, WINDOWS, false);
    assert_met(NULL, SILENT, false);
    assert_met(NULL, "{}", false);
    assert_met(NULL, "{\"shell\":[]}", false);
    assert_met(NULL, "{\"shell\":[\"bash.exe\",\"BASH\"]}", false);
    assert_met("{\"shell\":\"pwsh\"}", LINUX, false);
    assert_met("{\"shell\":\"!= bash\"}", LINUX, false);
    assert_met("{\"shell\":[\"cmd\",\"bash\"]}", WINDOWS, false);
    assert_met("{\"os\":\"windows\"}", LINUX, false);
}

static void own_words_of_the_engine__nobody_can_ask_for_or_offer_them(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\".protocol\":\">= 2\"}",
                                       "{\"shell\":{\"all\":[\"bash\"]}}", "{\".protocol\":2}",
                                       "{\".shell\":\"bash\"}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct json *tree = NULL;
        struct requires *r = NULL;
        struct err e;
        assert_int_equal(json_parse(rows[i], strlen(rows[i]), &tree, NULL), 0);
        assert_int_equal(requires_parse(tree, REQUIRES_ASKED, &r, &e), ERR_INVALID);
        json_free(tree);
    }
    struct caps *c = caps_parse("{\".protocol\":9,\"\":{\".protocol\":9}}", NULL);
    assert_null(caps_find(c, CAP_PROTOCOL));
    caps_set_protocol(c, 1);
    struct requires *r = combine(NULL, NULL, 2);
    assert_false(requires_met(r, c));
    requires_free(r);
    caps_free(c);
}

/* ---- who gets the job ---- */

static int64_t submit(struct world *w, const char *group, const char *requires, const char *shell,
                      int64_t minor)
{
    struct command *c = cmd_submit(w, group, requires);
    c->u.submit.needs = (struct spec_needs){.shell = shell, .minor = minor};
    assert_int_equal(world_do(w, c), 0);
    if (world_reply(w)->rc) fail_msg("submit: %s", err_text(&world_reply(w)->err));
    return world_reply(w)->id;
}

/* The session that the job went to in the last batch; 0: to none. */
static uint64_t given_to(const struct world *w, int64_t job)
{
    const struct effect *x = world_effect_for(w, EFFECT_JOB, job);
    return x ? x->session : 0;
}

static void assert_why(struct world *w, int64_t job, const char *message)
{
    assert_int_equal(world_do(w, cmd_id(w, CMD_WHY, job)), 0);
    struct json *tree = NULL;
    const char *text = world_reply(w)->json;
    assert_int_equal(json_parse(text, strlen(text), &tree, NULL), 0);
    assert_string_equal(json_get_str(tree, "code", ""), "none-satisfies");
    assert_string_equal(json_get_str(tree, "message", ""), message);
    json_free(tree);
}

static void shell__the_agent_that_has_it_gets_the_job(void **state)
{
    struct world *w = *state;
    world_connect_caps(w, world_agent(w, "win", NULL), NULL, 2, WINDOWS);
    world_connect_caps(w, world_agent(w, "dumb", NULL), NULL, 9, SILENT);
    uint64_t lin = world_connect_caps(w, world_agent(w, "lin", NULL), NULL, 1, LINUX);
    int64_t job = submit(w, NULL, NULL, "bash", 0);
    assert_int_equal(given_to(w, job), lin);
    job = submit(w, NULL, NULL, "bash", 0);
    assert_int_equal(given_to(w, job), 0); /* the one agent is busy; no other will do */
    assert_int_not_equal(given_to(w, submit(w, NULL, NULL, NULL, 0)), 0);
    assert_int_equal(world_state(w, job), JOB_CREATED);
}

static void shell__nobody_has_it__why_says_so(void **state)
{
    struct world *w = *state;
    world_group(w, "mix", NULL);
    world_connect_caps(w, world_agent(w, "win", "mix"), "mix", 2, WINDOWS);
    int64_t job = submit(w, "mix", NULL, "bash", 0);
    assert_why(w, job, "0 of 1 agents in group mix meet shell = bash: win has cmd, powershell");
    world_connect_caps(w, world_agent(w, "dumb", "mix"), "mix", 2, SILENT);
    assert_int_equal(world_state(w, job), JOB_CREATED);
    assert_why(w, job,
               "0 of 2 agents in group mix meet shell = bash: dumb has unknown, win has cmd, "
               "powershell");
}

static void shell__an_agent_learns_it__and_gets_the_job(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect_caps(w, world_agent(w, "a", NULL), NULL, 1, SILENT);
    int64_t job = submit(w, NULL, "{\"os\":\"linux\"}", "bash", 0);
    assert_int_equal(world_state(w, job), JOB_CREATED);
    struct command *c = cmd_ready(s);
    c->u.ready.capabilities = mem_strdup(LINUX);
    world_do(w, c);
    assert_int_equal(given_to(w, job), s);
}

static void shell__holds_for_every_attempt_and_after_a_restart(void **state)
{
    struct world *w = *state;
    int64_t win = world_agent(w, "win", NULL), lin = world_agent(w, "lin", NULL);
    world_connect_caps(w, win, NULL, 8, WINDOWS);
    uint64_t s = world_connect_caps(w, lin, NULL, 1, LINUX);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.needs.shell = "bash";
    c->u.submit.job.retry =
        (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 3};
    world_do(w, c);
    int64_t job = world_reply(w)->id;
    assert_int_equal(given_to(w, job), s);
    world_do(w, cmd_finished(s, 1, job, 1, JOB_FAILED, REASON_EXIT_CODE));
    world_do(w, cmd_gone(s));
    world_restart(w);
    world_connect_caps(w, win, NULL, 8, WINDOWS);
    world_live(w, 5000);
    assert_int_equal(world_state(w, job), JOB_CREATED);
    s = world_connect_caps(w, lin, NULL, 1, LINUX);
    assert_int_equal(given_to(w, job), s);
}

static void shell__goes_with_the_job_into_the_default_group(void **state)
{
    struct world *w = *state;
    world_group(w, "empty", NULL);
    world_connect_caps(w, world_agent(w, "win", NULL), NULL, 2, WINDOWS);
    world_pass(w, 3600000);
    struct command *c = cmd_submit(w, "empty", NULL);
    c->u.submit.needs.shell = "bash";
    c->u.submit.fallback_given = true;
    c->u.submit.job.fallback = FALLBACK_IGNORE;
    world_do(w, c);
    int64_t job = world_reply(w)->id;
    assert_why(w, job,
               "0 of 1 agents in the default group meet shell = bash: win has cmd, powershell");
}

static void a_job_of_before__keeps_what_it_has(void **state)
{
    struct world *w = *state;
    struct command *c =
        cmd_submit(w, NULL, NULL); /* its spec names a shell, its row requires none */
    mem_free(c->u.submit.spec);
    c->u.submit.spec = mem_strdup("{\"script\":\"true\",\"shell\":\"bash\"}");
    world_do(w, c);
    int64_t job = world_reply(w)->id;
    world_restart(w);
    uint64_t s = world_connect_caps(w, world_agent(w, "win", NULL), NULL, 2, WINDOWS);
    assert_int_equal(given_to(w, job), s);
}

/* ---- fields that older agents do not know ---- */

static uint64_t connect_minor(struct world *w, int64_t agent, int64_t minor)
{
    uint64_t session = ++w->sessions;
    struct command *c = cmd_hello(w, session, agent, NULL, 4);
    c->u.hello.protocol = minor;
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    world_do(w, cmd_ready(session));
    return session;
}

static void minor__only_agents_that_speak_it_get_the_job(void **state)
{
    struct world *w = *state;
    connect_minor(w, world_agent(w, "old", NULL), 1);
    int64_t job = submit(w, NULL, NULL, NULL, 2);
    assert_int_equal(given_to(w, job), 0);
    assert_why(
        w, job,
        "the job needs an agent of version 0.2 or later: 0 of 1 in the default group are: old "
        "has 1.0.0");
    assert_int_not_equal(given_to(w, submit(w, NULL, NULL, NULL, 0)), 0);
    uint64_t s = connect_minor(w, world_agent(w, "new", NULL), 2);
    assert_int_equal(given_to(w, job), s);
    uint64_t newer = connect_minor(w, world_agent(w, "newer", NULL), 3);
    world_do(w, cmd_gone(s));
    assert_int_equal(given_to(w, submit(w, NULL, NULL, NULL, 2)), newer);
}

static void minor__is_that_of_the_session_at_hand(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    uint64_t s = connect_minor(w, agent, 2);
    world_do(w, cmd_gone(s));
    s = connect_minor(w, agent, 1); /* an older release was installed */
    int64_t job = submit(w, NULL, NULL, NULL, 2);
    assert_int_equal(given_to(w, job), 0);
    world_do(w, cmd_gone(s));
    s = connect_minor(w, agent, 2);
    assert_int_equal(given_to(w, job), s);
}

/* ---- flows ---- */

static int64_t run_task(struct world *w, const char *task)
{
    char *source = str_dupf("id: f\nnamespace: a.b\ntasks:\n  - id: one\n%s", task);
    world_apply_flow(w, source);
    mem_free(source);
    return world_execution_job(w, world_start(w, "f", NULL));
}

static void flow__a_shell_that_is_named_or_of_the_type(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *task, *shell;
    } rows[] = {
        {"    shell: bash\n    script: echo\n", "bash"},
        {"    type: io.kestra.plugin.scripts.powershell.Script\n    script: echo\n", "pwsh"},
        {"    type: io.kestra.plugin.scripts.powershell.Commands\n    commands: [echo]\n"
         "    interpreter: [powershell, -Command]\n",
         "powershell"},
        {"    type: io.kestra.plugin.scripts.shell.Commands\n    commands: [echo]\n", "sh"},
        {"    type: io.kestra.plugin.scripts.python.Script\n    script: print()\n", "python3"},
        {"    type: io.kestra.plugin.scripts.node.Commands\n    commands: [node x.js]\n", "sh"},
    };
    world_connect_caps(w, world_agent(w, "other", NULL), NULL, 99,
                       "{\"os\":\"linux\",\"shell\":\"zsh\"}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *says = str_dupf("0 of 1 agents in the default group meet shell = %s: other has zsh",
                              rows[i].shell);
        assert_why(w, run_task(w, rows[i].task), says);
        mem_free(says);
    }
    assert_int_equal(world_state(w, run_task(w, "    script: echo\n")), JOB_SUBMITTED);
    assert_int_equal(world_state(w, run_task(w, "    command: [bash]\n")), JOB_SUBMITTED);
}

static void flow__the_shell_joins_what_the_task_requires(void **state)
{
    struct world *w = *state;
    world_connect_caps(w, world_agent(w, "a", NULL), NULL, 9, LINUX);
    int64_t job = run_task(w, "    shell: bash\n    script: echo\n    requires: {os: windows}\n");
    assert_why(w, job, "0 of 1 agents in the default group meet os = windows: a has linux");
    job = run_task(w, "    shell: bash\n    script: echo\n    requires: {shell: sh}\n");
    assert_int_equal(world_state(w, job), JOB_SUBMITTED);
}

/* A flow of a release that took sizes without a unit: they were bytes, and stay bytes. */
static void flow_of_before__a_size_without_unit_is_bytes(void **state)
{
    struct world *w = *state;
    char ns[] = "a.b", id[] = "f",
         source[] = "id: f\nnamespace: a.b\ntasks:\n"
                    "  - {id: one, command: [x], requires: {memory: '>= 16'}}\n";
    struct flow_row f = {.ns = ns, .id = id, .revision = 1, .source = source};
    assert_int_equal(store_begin(w->store, NULL), 0);
    assert_int_equal(store_flow_put(w->store, &f, NULL), 0);
    assert_int_equal(store_commit(w->store, NULL), 0);
    world_restart(w);
    world_connect_caps(w, world_agent(w, "a", NULL), NULL, 9, "{\"memory\":1073741824}");
    int64_t job = world_execution_job(w, world_start(w, "f", NULL));
    assert_int_equal(world_state(w, job), JOB_SUBMITTED);
    world_do(w, cmd_apply(w, source)); /* applied again, it is new */
    assert_int_equal(world_reply(w)->rc, ERR_INVALID);
    assert_non_null(strstr(err_text(&world_reply(w)->err), "'16' has no unit"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_text__table),
        cmocka_unit_test(kept_text__as_many_clauses_as_a_user_may_ask_for_and_those_implied),
        cmocka_unit_test(met__by_agents_that_have_the_shell_and_all_that_was_asked_for),
        cmocka_unit_test(own_words_of_the_engine__nobody_can_ask_for_or_offer_them),
        WORLD_TEST(shell__the_agent_that_has_it_gets_the_job),
        WORLD_TEST(shell__nobody_has_it__why_says_so),
        WORLD_TEST(shell__an_agent_learns_it__and_gets_the_job),
        WORLD_TEST(shell__holds_for_every_attempt_and_after_a_restart),
        WORLD_TEST(shell__goes_with_the_job_into_the_default_group),
        WORLD_TEST(a_job_of_before__keeps_what_it_has),
        WORLD_TEST(minor__only_agents_that_speak_it_get_the_job),
        WORLD_TEST(minor__is_that_of_the_session_at_hand),
        WORLD_TEST(flow__a_shell_that_is_named_or_of_the_type),
        WORLD_TEST(flow__the_shell_joins_what_the_task_requires),
        WORLD_TEST(flow_of_before__a_size_without_unit_is_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
