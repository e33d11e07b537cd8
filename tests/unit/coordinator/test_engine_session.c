/* Agents come, say what they hold, are ready, are gone. */
#include "engine_world.h"

#include "base/mem.h"
#include "base/str.h"
#include "tests/support/hidden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static const struct effect *refusal(struct world *w, struct command *hello, const char *code)
{
    uint64_t session = hello->session;
    assert_int_equal(world_do(w, hello), 0);
    const struct effect *x = world_effect(w, EFFECT_REFUSED);
    if (!x) fail_msg("it was not refused");
    assert_string_equal(x->u.refused.code, code);
    assert_int_equal(x->session, session);
    assert_true(strlen(x->u.refused.sentence) > 10);
    assert_null(world_effect(w, EFFECT_WELCOME));
    return x;
}

static void set(char **field, const char *value)
{
    mem_free(*field);
    *field = mem_strdup(value);
}

/* ---- hello ---- */

static void hello__welcome_then_jobs_only_after_ready(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_hello(w, 50, a, NULL, 1));
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->session, 50);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 0);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_ready(50));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, id);
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, a, &row, NULL), 1);
    assert_true(row.online);
    assert_int_equal(row.slots, 1);
    assert_string_equal(row.capabilities, "{\"os\":\"linux\"}");
    assert_string_equal(row.boot_id, "boot-1");
    assert_string_equal(row.version, "1.0.0");
    agent_row_fini(&row);
}

static void hello__hello_and_ready_in_one_batch__jobs_come_behind_welcome(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_submit(w, NULL, NULL);
    world_begin(w);
    world_apply(w, cmd_hello(w, 50, a, NULL, 1));
    world_apply(w, cmd_ready(50));
    world_commit(w);
    const struct effect *x = w->effects.first;
    while (x && x->session != 50)
        x = x->next;
    assert_non_null(x);
    assert_int_equal(x->type, EFFECT_WELCOME);
    assert_non_null(world_effect(w, EFFECT_JOB));
}

static void hello__unknown_agent__refused_for_good(void **state)
{
    struct world *w = *state;
    assert_int_equal(
        refusal(w, cmd_hello(w, 50, 4711, NULL, 1), "unknown-agent")->u.refused.retry_ms, 0);
    world_do(w, cmd_ready(50));
    assert_int_equal(w->effects.count, 0);
}

static void hello__name_that_cannot_be_seen__is_refused(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    for (size_t i = 0; i < HIDDEN_CHARACTERS; i++) {
        struct command *c = cmd_hello(w, ++w->sessions, a, NULL, 1);
        mem_free(c->u.hello.name);
        c->u.hello.name = str_dupf("a%s", hidden_characters[i].text);
        const struct effect *x = refusal(w, c, "protocol");
        assert_true(x->u.refused.retry_ms > 0);
        assert_non_null(strstr(x->u.refused.sentence, "not visible: U+"));
    }
}

/* Its name was taken before such characters were refused. */
static void hello__name_that_the_row_has__is_let_in(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a\xe2\x80\x8b", NULL);
    struct command *c = cmd_hello(w, ++w->sessions, a, NULL, 1);
    mem_free(c->u.hello.name);
    c->u.hello.name = mem_strdup("a\xe2\x80\x8b");
    assert_int_equal(world_do(w, c), 0);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
}

static void hello__removed_agent__revoked(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_do(w, cmd_id(w, CMD_AGENT_REMOVE, a));
    assert_int_equal(world_reply(w)->rc, 0);
    assert_int_equal(refusal(w, cmd_hello(w, 50, a, NULL, 1), "revoked")->u.refused.retry_ms, 0);
}

static void hello__unknown_group__comes_back_and_creating_it_heals(void **state)
{
    struct world *w = *state;
    world_group(w, "gpu", NULL);
    int64_t a = world_agent(w, "a", "gpu");
    assert_true(refusal(w, cmd_hello(w, 50, a, "cpu", 1), "unknown-group")->u.refused.retry_ms > 0);
    world_group(w, "cpu", NULL);
    world_connect(w, a, "cpu", 1);
}

/* Within seconds when few wait for their group; many together do not storm the coordinator. */
static void hello__unknown_group__the_more_wait_the_slower(void **state)
{
    struct world *w = *state;
    int64_t ids[400], last = 0;
    world_group(w, "gpu", NULL);
    for (int i = 0; i < 400; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        ids[i] = world_agent(w, name, "gpu");
        struct command *c = cmd_hello(w, ++w->sessions, ids[i], "cpu", 1);
        last = refusal(w, c, "unknown-group")->u.refused.retry_ms;
        if (i == 0) assert_int_equal(last, 4000);
    }
    assert_int_equal(last, 400 * 20);
    /* those that gave up count no more */
    world_pass(w, 600000);
    struct command *c = cmd_hello(w, ++w->sessions, ids[0], "cpu", 1);
    assert_int_equal(refusal(w, c, "unknown-group")->u.refused.retry_ms, 4000);
}

static void hello__group_requires_not_met__names_clause_and_value(void **state)
{
    struct world *w = *state;
    world_group(w, "win", "{\"os\":\"windows\",\"cpus\":\">= 2\"}");
    int64_t a = world_agent(w, "a", "win");
    const struct effect *x = refusal(w, cmd_hello(w, 50, a, "win", 1), "requires-not-met");
    assert_true(x->u.refused.retry_ms > 0);
    assert_non_null(strstr(x->u.refused.sentence, "cpus >= 2"));
    assert_non_null(strstr(x->u.refused.sentence, "unknown"));
    struct command *c = cmd_hello(w, 51, a, "win", 1);
    set(&c->u.hello.capabilities, "{\"os\":\"linux\",\"cpus\":4}");
    x = refusal(w, c, "requires-not-met");
    assert_non_null(strstr(x->u.refused.sentence, "group win requires os = windows"));
    assert_non_null(strstr(x->u.refused.sentence, "linux"));
    world_connect_caps(w, a, "win", 1, "{\"os\":\"windows\",\"cpus\":4}");
}

static void hello__other_group_than_the_tokens__refused(void **state)
{
    struct world *w = *state;
    world_group(w, "a", NULL);
    world_group(w, "b", NULL);
    struct command *c = command_new(CMD_TOKEN_CREATE);
    c->request = 999;
    c->u.token.role = ROLE_JOIN;
    c->u.token.uses_left = 1;
    c->u.token.group = mem_strdup("a");
    memset(c->u.token.secret_hash, 7, 32);
    world_do(w, c);
    world_do(w, cmd_enrol(w, world_reply(w)->id, "x", NULL, "key"));
    int64_t agent = world_effect(w, EFFECT_ENROLLED)->u.enrolled.agent;
    assert_string_equal(world_effect(w, EFFECT_ENROLLED)->u.enrolled.group, "a");
    refusal(w, cmd_hello(w, 50, agent, "b", 1), "wrong-group");
    refusal(w, cmd_hello(w, 51, agent, NULL, 1), "wrong-group");
    world_connect(w, agent, "a", 1);
}

static void hello__new_name__is_taken_when_free(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_agent(w, "b", NULL);
    struct command *c = cmd_hello(w, 50, a, NULL, 1);
    set(&c->u.hello.name, "b");
    world_do(w, c);
    struct agent_row row;
    store_agent_find(w->store, a, &row, NULL);
    assert_string_equal(row.name, "a");
    agent_row_fini(&row);
    c = cmd_hello(w, 51, a, NULL, 1);
    set(&c->u.hello.name, "c");
    world_do(w, c);
    store_agent_find(w->store, a, &row, NULL);
    assert_string_equal(row.name, "c");
    agent_row_fini(&row);
}

static void hello__capabilities_are_garbage__an_agent_that_knows_nothing(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_connect_caps(w, a, NULL, 1, "{}");
    world_submit(w, NULL, "{\"os\":\"linux\"}");
    assert_null(world_effect(w, EFFECT_JOB));
}

/* ---- second sessions ---- */

static void second_session__same_machine__replaces_the_first(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t first = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, first, NULL, 1);
    struct command *c = cmd_hello(w, 90, a, NULL, 1);
    cmd_hello_attempt(c, id, 1, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, first);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->session, 90);
    world_do(w, cmd_finished(first, 2, id, 1, JOB_SUCCESS,
                             REASON_NONE)); /* what the old one still said */
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    world_do(w, cmd_gone(first));
    assert_int_equal(w->effects.count, 0);
    world_do(w, cmd_finished(90, 2, id, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, id), JOB_SUCCESS);
}

static void second_session__of_a_connection_opened_before__is_closed(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t late =
        ++w->sessions; /* opened, given up by its agent, and its hello still on its way */
    uint64_t session = world_connect(w, a, NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_hello(w, late, a, NULL, 1));
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, late);
    assert_null(world_effect(w, EFFECT_WELCOME));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    world_do(w, cmd_gone(late));
    world_do(w, cmd_gone(session)); /* and no more when the newer one has ended meanwhile */
    world_do(w, cmd_hello(w, late, a, NULL, 1));
    assert_null(world_effect(w, EFFECT_WELCOME));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
}

static void second_session__another_machine__is_refused_until_the_first_is_gone(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t first = world_connect(w, a, NULL, 1);
    struct command *c = cmd_hello(w, 90, a, NULL, 1);
    set(&c->u.hello.host_id, "clone");
    assert_true(refusal(w, c, "duplicate")->u.refused.retry_ms > 0);
    assert_null(world_effect(w, EFFECT_CLOSE));
    c = cmd_hello(w, 91, a, NULL, 1);
    set(&c->u.hello.boot_id, "boot-2");
    refusal(w, c, "duplicate");
    world_running(w, first, NULL, 1); /* the first is as it was */
    world_do(w, cmd_gone(90));
    world_do(w, cmd_gone(first));
    c = cmd_hello(w, 92, a, NULL, 1);
    set(&c->u.hello.host_id, "clone");
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
}

static void second_session__another_folder_of_the_machine__is_refused(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    struct command *c = cmd_hello(w, 90, a, NULL, 1);
    set(&c->u.hello.folder_id, "1-2");
    world_do(w, c);
    c = cmd_hello(w, 91, a, NULL, 1);
    set(&c->u.hello.folder_id, "1-3");
    const struct effect *x = refusal(w, c, "duplicate");
    assert_true(x->u.refused.retry_ms > 0);
    assert_non_null(strstr(x->u.refused.sentence, "under another name"));
    assert_null(world_effect(w, EFFECT_CLOSE));
    c = cmd_hello(w, 92, a, NULL, 1); /* the same folder: it came back */
    set(&c->u.hello.folder_id, "1-2");
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_CLOSE)->session, 90);
    world_do(w, cmd_hello(w, 93, a, NULL, 1)); /* one that does not know it */
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->session, 93);
    world_do(w, cmd_gone(93));
    c = cmd_hello(w, 94, a, NULL, 1); /* the folder was moved meanwhile */
    set(&c->u.hello.folder_id, "1-3");
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->session, 94);
}

/* ---- reconciliation ---- */

struct parted {
    struct world *w;
    int64_t agent, job;
    uint64_t session;
};

/* An agent with one job, parted from the coordinator. */
static struct parted part(struct world *w, bool started, struct retry retry)
{
    struct parted p = {.w = w, .agent = world_agent(w, "a", NULL)};
    p.session = world_connect(w, p.agent, NULL, 1);
    struct command *c = cmd_submit(w, NULL, NULL);
    c->u.submit.job.retry = retry;
    world_do(w, c);
    p.job = world_reply(w)->id;
    if (started) world_do(w, cmd_started(p.session, 1, p.job, 1));
    world_do(w, cmd_gone(p.session));
    return p;
}

static void listed_running__kept_and_its_lease_begins_afresh(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    world_live(w, 310000);
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 1);
    assert_null(world_effect(w, EFFECT_DISCARD));
    world_live(w, 314000);
    assert_int_equal(world_state(w, p.job), JOB_RUNNING);
    world_do(w, cmd_ready(90));
    world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB)); /* its slot is taken */
}

static void listed_killing__kill_is_sent_again(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    world_do(w, cmd_id(w, CMD_CANCEL, p.job));
    assert_null(world_effect(w, EFFECT_KILL)); /* nobody is there to hear it */
    assert_int_equal(world_state(w, p.job), JOB_KILLING);
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    const struct effect *x = world_effect(w, EFFECT_KILL);
    assert_int_equal(x->session, 90);
    assert_int_equal(x->u.kill.job, p.job);
    assert_string_equal(x->u.kill.reason, "cancelled");
}

static void listed_of_old__each_is_discarded(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    uint64_t b = world_connect(w, world_agent(w, "b", NULL), NULL, 1);
    int64_t others = world_submit(w, NULL, NULL);
    assert_int_equal(world_effect(w, EFFECT_JOB)->session, b);
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    cmd_hello_attempt(c, 4711, 1, false);   /* never heard of */
    cmd_hello_attempt(c, p.job, 1, false);  /* its own */
    cmd_hello_attempt(c, p.job, 2, true);   /* another attempt */
    cmd_hello_attempt(c, others, 1, false); /* another agent's */
    world_do(w, c);
    assert_int_equal(world_effects(w, EFFECT_DISCARD), 3);
    assert_int_equal(world_effect_for(w, EFFECT_DISCARD, p.job)->u.discard.attempt, 2);
    assert_non_null(world_effect_for(w, EFFECT_DISCARD, others));
    assert_non_null(world_effect_for(w, EFFECT_DISCARD, 4711));
    assert_int_equal(world_state(w, p.job), JOB_RUNNING);
    assert_int_equal(world_state(w, others), JOB_SUBMITTED);
}

static void listed_but_final__is_discarded(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    world_live(w, 320000);
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.job, p.job);
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
}

static void not_listed_same_journal__never_began_and_goes_back(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    world_do(w, cmd_hello(w, 90, p.agent, NULL, 1));
    assert_int_equal(world_state(w, p.job), JOB_CREATED);
    world_do(w, cmd_ready(90));
    const struct effect *x = world_effect(w, EFFECT_JOB);
    assert_int_equal(x->u.job.job, p.job);
    assert_int_equal(x->u.job.attempt, 1);
}

static void not_listed_same_journal_after_a_crash_of_the_coordinator__goes_back(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    world_crash(w);
    world_do(w, cmd_hello(w, 90, p.agent, NULL, 1));
    assert_int_equal(world_state(w, p.job), JOB_CREATED);
}

static void not_listed_though_started__interrupted(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    world_do(w, cmd_hello(w, 90, p.agent, NULL, 1));
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
    assert_int_equal(world_reason(w, p.job), REASON_INTERRUPTED);
}

static void not_listed_after_a_reboot__interrupted(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    set(&c->u.hello.boot_id, "boot-2");
    world_do(w, c);
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
    assert_int_equal(world_reason(w, p.job), REASON_INTERRUPTED);
}

static void not_listed_and_another_journal__interrupted_or_retried(void **state)
{
    struct world *w = *state;
    struct parted p =
        part(w, false,
             (struct retry){.type = RETRY_CONSTANT, .interval_ms = 1000, .max_attempts = 2});
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    set(&c->u.hello.journal_id, "journal-2");
    world_do(w, c);
    assert_int_equal(world_state(w, p.job), JOB_RETRYING);
    struct job_row j = world_job(w, p.job);
    assert_int_equal(j.attempt, 2);
    job_row_fini(&j);
}

static void not_listed_and_cancelled_meanwhile__killed(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    world_do(w, cmd_id(w, CMD_CANCEL, p.job));
    world_do(w, cmd_hello(w, 90, p.agent, NULL, 1));
    assert_int_equal(world_state(w, p.job), JOB_KILLED);
    assert_int_equal(world_reason(w, p.job), REASON_CANCELLED);
}

static void not_listed_though_listed_before__interrupted(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    assert_int_equal(world_state(w, p.job), JOB_SUBMITTED);
    world_do(w, cmd_gone(90));
    world_do(w, cmd_hello(w, 91, p.agent, NULL, 1)); /* so it had got it */
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
    assert_int_equal(world_reason(w, p.job), REASON_INTERRUPTED);
}

static void result_of_before_the_cut__arrives_after_it(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    world_crash(w);
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    c->u.hello.seq = 3;
    cmd_hello_attempt(c, p.job, 1, true);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 1);
    world_do(w, cmd_output(90, 2, p.job, 1, 0, "x"));
    assert_int_equal(world_state(w, p.job), JOB_RUNNING);
    world_do(w, cmd_finished(90, 3, p.job, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, p.job), JOB_SUCCESS);
}

/* The agent declined, was given the same attempt again, and never heard of that. */
static void listed_as_ended_by_a_decline_of_before__goes_back(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_declined(s, 1, id, 1));
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
    world_do(w, cmd_gone(s));
    struct command *c = cmd_hello(w, 90, a, NULL, 1);
    c->u.hello.seq = 1;
    cmd_hello_attempt(c, id, 1, true);
    world_do(w, c);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    world_do(w, cmd_ready(90));
    assert_non_null(world_effect_for(w, EFFECT_JOB, id));
}

/* The same, but the machine went down meanwhile: its journal may have lost that it ran. */
static void listed_as_ended_by_a_decline_but_rebooted__may_have_run(void **state)
{
    static const char *const lives[][2] = {{"boot-2", "journal-1"}, {"boot-1", "journal-2"}};
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        char name[8] = {(char)('a' + i), '\0'};
        int64_t a = world_agent(w, name, NULL);
        uint64_t s = world_connect(w, a, NULL, 1);
        int64_t id = world_submit(w, NULL, NULL);
        world_do(w, cmd_declined(s, 1, id, 1));
        assert_non_null(world_effect_for(w, EFFECT_JOB, id));
        world_do(w, cmd_gone(s));
        struct command *c = cmd_hello(w, 90 + (uint64_t)i, a, NULL, 1);
        set(&c->u.hello.boot_id, lives[i][0]);
        set(&c->u.hello.journal_id, lives[i][1]);
        c->u.hello.seq = 1;
        cmd_hello_attempt(c, id, 1, true);
        world_do(w, c);
        assert_int_equal(world_state(w, id), JOB_FAILED);
        assert_int_equal(world_reason(w, id), REASON_INTERRUPTED);
        world_do(w, cmd_gone(90 + (uint64_t)i));
    }
}

static void listed_as_ended_and_other_events_follow__goes_back_when_they_are_through(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    int64_t other = world_running(w, s, NULL, 1);
    int64_t id = world_submit(w, NULL, NULL);
    world_do(w, cmd_declined(s, 2, id, 1));
    world_do(w, cmd_gone(s));
    struct command *c = cmd_hello(w, 90, a, NULL, 2);
    c->u.hello.seq = 4;
    cmd_hello_attempt(c, id, 1, true);
    cmd_hello_attempt(c, other, 1, false);
    world_do(w, c);
    world_do(w, cmd_ready(90));
    world_do(w, cmd_output(90, 3, other, 1, 0, "x"));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_output(90, 4, other, 1, 1, "y"));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_non_null(world_effect_for(w, EFFECT_JOB, id)); /* given back, and handed out anew */
}

static void listed_as_ended_but_no_end_comes__is_not_kept_alive_by_heartbeats(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    c->u.hello.seq = 3;
    cmd_hello_attempt(c, p.job, 1, true);
    world_do(w, c);
    for (int64_t n = 1; n <= 31; n++) {
        world_live(w, 10000);
        world_do(w, cmd_heard_on(w, 90));
    }
    assert_int_equal(world_state(w, p.job), JOB_RUNNING);
    world_live(w, 10000);
    assert_int_equal(world_state(w, p.job), JOB_FAILED);
    assert_int_equal(world_reason(w, p.job), REASON_LOST);
}

static void another_machine_while_the_first_is_away__its_word_is_not_taken(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){.type = RETRY_CONSTANT, .max_attempts = 2});
    world_live(w, 100000);
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 2);
    set(&c->u.hello.host_id, "clone");
    c->u.hello.seq = 2;
    cmd_hello_attempt(c, p.job, 1, true);
    world_do(w, c);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    assert_int_equal(world_effect(w, EFFECT_DISCARD)->u.discard.job, p.job);
    world_do(w, cmd_finished(90, 2, p.job, 1, JOB_FAILED, REASON_INTERRUPTED));
    assert_int_equal(world_state(w, p.job), JOB_RUNNING);
    world_do(w, cmd_ready(90));
    for (int64_t n = 1; n <= 21; n++) {
        world_live(w, 10000);
        world_do(w, cmd_heard_on(w, 90));
    }
    assert_int_equal(world_state(w, p.job), JOB_RUNNING);
    world_live(w, 5000); /* the first one's lease and kill time */
    assert_null(world_effect(w, EFFECT_CLOSE));
    assert_int_equal(world_effect_for(w, EFFECT_JOB, p.job)->u.job.attempt, 2);
    assert_int_equal(world_effect_for(w, EFFECT_JOB, p.job)->session, 90);
}

static void another_machine_not_listing_it__does_not_give_it_back_either(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, false, (struct retry){0});
    for (uint64_t i = 0; i < 3; i++) {
        struct command *c = cmd_hello(w, 90 + i, p.agent, NULL, 1);
        set(&c->u.hello.host_id, "clone");
        world_do(w, c);
        assert_int_equal(world_state(w, p.job), JOB_SUBMITTED);
        if (i == 0) world_do(w, cmd_gone(90));
        if (i == 1) world_crash(w); /* it is not forgotten whose the job is */
    }
    world_live(w, 315000);
    assert_int_equal(world_reason(w, p.job), REASON_LOST);
}

static void first_machine_comes_back_in_time__all_is_as_before(void **state)
{
    struct world *w = *state;
    struct parted p = part(w, true, (struct retry){0});
    struct command *c = cmd_hello(w, 90, p.agent, NULL, 1);
    set(&c->u.hello.host_id, "clone");
    world_do(w, c);
    world_do(w, cmd_ready(90));
    world_live(w, 100000);
    c = cmd_hello(w, 91, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    refusal(w, c, "duplicate");
    world_do(w, cmd_gone(90));
    c = cmd_hello(w, 92, p.agent, NULL, 1);
    cmd_hello_attempt(c, p.job, 1, false);
    world_do(w, c);
    assert_null(world_effect(w, EFFECT_DISCARD));
    world_live(w, 300000);
    world_do(w, cmd_finished(92, 2, p.job, 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_state(w, p.job), JOB_SUCCESS);
}

/* ---- sequence numbers and acknowledgements ---- */

static void acknowledgement__one_per_agent_and_batch(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 4);
    int64_t first = world_running(w, s, NULL, 1), second = world_running(w, s, NULL, 2);
    world_begin(w);
    world_apply(w, cmd_output(s, 3, first, 1, 0, "x"));
    world_apply(w, cmd_finished(s, 4, first, 1, JOB_SUCCESS, REASON_NONE));
    world_apply(w, cmd_finished(s, 5, second, 1, JOB_SUCCESS, REASON_NONE));
    world_commit(w);
    assert_int_equal(world_effects(w, EFFECT_ACK), 1);
    assert_int_equal(world_effect(w, EFFECT_ACK)->u.ack.seq, 5);
}

static void who_was_heard__writes_nothing_and_answers_nobody(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 4);
    world_begin(w);
    world_apply(w, cmd_heard_on(w, s));
    assert_false(store_dirty(w->store));
    world_commit(w);
    assert_null(w->effects.first);
}

static int64_t last_seen(struct world *w, int64_t agent)
{
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, agent, &row, NULL), 1);
    int64_t ms = row.last_seen_ms;
    agent_row_fini(&row);
    return ms;
}

static void last_seen__is_fresh_to_a_minute_with_one_write_for_all(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL), b = world_agent(w, "b", NULL);
    uint64_t s = world_connect(w, a, NULL, 1), t = world_connect(w, b, NULL, 1);
    int64_t writes = 0;
    for (int i = 0; i < 30; i++) { /* five minutes */
        world_pass(w, 10000);
        world_begin(w);
        world_apply(w, cmd_heard_on(w, s));
        if (i < 15) world_apply(w, cmd_heard_on(w, t));
        writes += store_dirty(w->store);
        world_commit(w);
        assert_true(w->now.wall_ms - last_seen(w, a) <= 70000);
    }
    assert_in_range(writes, 4, 5);
    int64_t silent =
        w->now.wall_ms - last_seen(w, b); /* says when it was heard, not when that was written */
    assert_in_range(silent, 150000, 220000);
    world_do(w, cmd_gone(s));
    assert_int_equal(last_seen(w, a), w->now.wall_ms);
}

static void sequence__survives_crashes_and_reconnects(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 41);
    world_crash(w);
    struct command *c = cmd_hello(w, 90, a, NULL, 1);
    cmd_hello_attempt(c, id, 1, false);
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 41);
    /* events and the end of the session in one batch, and the next session in the same */
    world_begin(w);
    world_apply(w, cmd_output(90, 42, id, 1, 0, "x"));
    world_apply(w, cmd_gone(90));
    c = cmd_hello(w, 91, a, NULL, 1);
    cmd_hello_attempt(c, id, 1, false);
    world_apply(w, c);
    world_commit(w);
    assert_int_equal(world_effect(w, EFFECT_WELCOME)->u.welcome.seq, 42);
    assert_int_equal(world_effects(w, EFFECT_ACK), 0);
    struct agent_row row;
    store_agent_find(w->store, a, &row, NULL);
    assert_int_equal(row.last_seq, 42);
    agent_row_fini(&row);
}

/* ---- ready, drain, gone ---- */

static void ready__draining_with_a_reason__is_kept_until_it_says_otherwise(void **state)
{
    struct world *w = *state;
    int64_t agent = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, agent, NULL, 1);
    struct command *c = cmd_ready(s);
    c->u.ready.draining = true;
    c->u.ready.reason = mem_strdup("1MiB are left");
    world_do(w, c);
    int64_t id = world_submit(w, NULL, NULL);
    assert_int_equal(world_state(w, id), JOB_CREATED);
    struct agent_row row;
    assert_int_equal(store_agent_find(w->store, agent, &row, NULL), 1);
    assert_true(row.draining);
    assert_string_equal(row.drain_reason, "1MiB are left");
    agent_row_fini(&row);
    world_do(w, cmd_ready(s));
    assert_int_equal(world_state(w, id), JOB_SUBMITTED);
    assert_int_equal(store_agent_find(w->store, agent, &row, NULL), 1);
    assert_null(row.drain_reason);
    agent_row_fini(&row);
}

static void ready__more_slots__more_jobs(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 1);
    for (int i = 0; i < 5; i++)
        world_submit(w, NULL, NULL);
    struct command *c = cmd_ready(s);
    c->u.ready.slots = 3;
    world_do(w, c);
    assert_int_equal(world_effects(w, EFFECT_JOB), 2);
}

static void ready__fewer_slots_than_jobs__no_more_until_it_fits(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 3);
    int64_t ids[4];
    for (int i = 0; i < 4; i++)
        ids[i] = world_submit(w, NULL, NULL);
    struct command *c = cmd_ready(s);
    c->u.ready.slots = 1;
    world_do(w, c);
    world_do(w, cmd_finished(s, 1, ids[0], 1, JOB_SUCCESS, REASON_NONE));
    world_do(w, cmd_finished(s, 2, ids[1], 1, JOB_SUCCESS, REASON_NONE));
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_finished(s, 3, ids[2], 1, JOB_SUCCESS, REASON_NONE));
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, ids[3]);
}

static void ready__new_capabilities__jobs_that_fit_now(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_submit(w, NULL, "{\"gpu.count\":\">= 1\"}");
    assert_null(world_effect(w, EFFECT_JOB));
    struct command *c = cmd_ready(s);
    c->u.ready.capabilities = mem_strdup("{\"os\":\"linux\",\"gpu\":{\"count\":1}}");
    world_do(w, c);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, id);
    c = cmd_ready(s);
    c->u.ready.capabilities = mem_strdup("{\"os\":\"linux\"}");
    world_do(w, c);
    world_submit(w, NULL, "{\"gpu.count\":\">= 1\"}");
    assert_null(world_effect(w, EFFECT_JOB));
}

static void draining__gets_nothing_and_what_runs_ends(void **state)
{
    struct world *w = *state;
    uint64_t s = world_connect(w, world_agent(w, "a", NULL), NULL, 2);
    int64_t id = world_running(w, s, NULL, 1);
    struct command *c = cmd_ready(s);
    c->u.ready.draining = true;
    world_do(w, c);
    int64_t waits = world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_finished(s, 2, id, 1, JOB_FAILED, REASON_DRAIN));
    assert_int_equal(world_reason(w, id), REASON_DRAIN);
    assert_int_equal(world_state(w, waits), JOB_CREATED);
    world_do(w, cmd_ready(s)); /* changed its mind */
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, waits);
}

static void held_by_an_operator__gets_nothing_until_resumed_and_is_told(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 2);
    struct command *c = cmd_id(w, CMD_AGENT_DRAIN, a);
    c->text = mem_strdup("new disk");
    world_do(w, c);
    assert_int_equal(world_reply(w)->id, a);
    const struct effect *x = world_effect(w, EFFECT_DRAIN);
    assert_true(x->u.drain.on);
    assert_int_equal(x->session, s);
    assert_string_equal(x->u.drain.reason, "new disk");
    int64_t id = world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB));
    world_crash(w); /* it is remembered, also for the next session */
    s = world_connect(w, a, NULL, 2);
    assert_null(world_effect(w, EFFECT_JOB));
    world_do(w, cmd_id(w, CMD_AGENT_RESUME, a));
    assert_false(world_effect(w, EFFECT_DRAIN)->u.drain.on);
    assert_int_equal(world_effect(w, EFFECT_JOB)->u.job.job, id);
}

static void held_while_away__is_told_at_its_welcome(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_do(w, cmd_id(w, CMD_AGENT_DRAIN, a));
    assert_null(world_effect(w, EFFECT_DRAIN));
    world_do(w, cmd_hello(w, 90, a, NULL, 1));
    assert_non_null(world_effect(w, EFFECT_DRAIN));
}

static void gone__agent_is_offline_and_jobs_stay(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    uint64_t s = world_connect(w, a, NULL, 1);
    int64_t id = world_running(w, s, NULL, 1);
    world_pass(w, 5000);
    world_do(w, cmd_gone(s));
    assert_int_equal(world_state(w, id), JOB_RUNNING);
    struct agent_row row;
    store_agent_find(w->store, a, &row, NULL);
    assert_false(row.online);
    assert_int_equal(row.last_seen_ms, w->now.wall_ms);
    agent_row_fini(&row);
    world_submit(w, NULL, NULL);
    assert_null(world_effect(w, EFFECT_JOB));
}

static void start__nobody_is_online(void **state)
{
    struct world *w = *state;
    int64_t a = world_agent(w, "a", NULL);
    world_connect(w, a, NULL, 1);
    world_crash(w);
    world_tick(w);
    struct agent_row row;
    store_agent_find(w->store, a, &row, NULL);
    assert_false(row.online);
    agent_row_fini(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(hello__welcome_then_jobs_only_after_ready),
        WORLD_TEST(hello__hello_and_ready_in_one_batch__jobs_come_behind_welcome),
        WORLD_TEST(hello__unknown_agent__refused_for_good),
        WORLD_TEST(hello__name_that_cannot_be_seen__is_refused),
        WORLD_TEST(hello__name_that_the_row_has__is_let_in),
        WORLD_TEST(hello__removed_agent__revoked),
        WORLD_TEST(hello__unknown_group__comes_back_and_creating_it_heals),
        WORLD_TEST(hello__unknown_group__the_more_wait_the_slower),
        WORLD_TEST(hello__group_requires_not_met__names_clause_and_value),
        WORLD_TEST(hello__other_group_than_the_tokens__refused),
        WORLD_TEST(hello__new_name__is_taken_when_free),
        WORLD_TEST(hello__capabilities_are_garbage__an_agent_that_knows_nothing),
        WORLD_TEST(second_session__same_machine__replaces_the_first),
        WORLD_TEST(second_session__of_a_connection_opened_before__is_closed),
        WORLD_TEST(second_session__another_machine__is_refused_until_the_first_is_gone),
        WORLD_TEST(second_session__another_folder_of_the_machine__is_refused),
        WORLD_TEST(listed_running__kept_and_its_lease_begins_afresh),
        WORLD_TEST(listed_killing__kill_is_sent_again),
        WORLD_TEST(listed_of_old__each_is_discarded),
        WORLD_TEST(listed_but_final__is_discarded),
        WORLD_TEST(not_listed_same_journal__never_began_and_goes_back),
        WORLD_TEST(not_listed_same_journal_after_a_crash_of_the_coordinator__goes_back),
        WORLD_TEST(not_listed_though_started__interrupted),
        WORLD_TEST(not_listed_after_a_reboot__interrupted),
        WORLD_TEST(not_listed_and_another_journal__interrupted_or_retried),
        WORLD_TEST(not_listed_and_cancelled_meanwhile__killed),
        WORLD_TEST(not_listed_though_listed_before__interrupted),
        WORLD_TEST(result_of_before_the_cut__arrives_after_it),
        WORLD_TEST(listed_as_ended_by_a_decline_of_before__goes_back),
        WORLD_TEST(listed_as_ended_by_a_decline_but_rebooted__may_have_run),
        WORLD_TEST(listed_as_ended_and_other_events_follow__goes_back_when_they_are_through),
        WORLD_TEST(listed_as_ended_but_no_end_comes__is_not_kept_alive_by_heartbeats),
        WORLD_TEST(another_machine_while_the_first_is_away__its_word_is_not_taken),
        WORLD_TEST(another_machine_not_listing_it__does_not_give_it_back_either),
        WORLD_TEST(first_machine_comes_back_in_time__all_is_as_before),
        WORLD_TEST(acknowledgement__one_per_agent_and_batch),
        WORLD_TEST(who_was_heard__writes_nothing_and_answers_nobody),
        WORLD_TEST(last_seen__is_fresh_to_a_minute_with_one_write_for_all),
        WORLD_TEST(sequence__survives_crashes_and_reconnects),
        WORLD_TEST(ready__draining_with_a_reason__is_kept_until_it_says_otherwise),
        WORLD_TEST(ready__more_slots__more_jobs),
        WORLD_TEST(ready__fewer_slots_than_jobs__no_more_until_it_fits),
        WORLD_TEST(ready__new_capabilities__jobs_that_fit_now),
        WORLD_TEST(draining__gets_nothing_and_what_runs_ends),
        WORLD_TEST(held_by_an_operator__gets_nothing_until_resumed_and_is_told),
        WORLD_TEST(held_while_away__is_told_at_its_welcome),
        WORLD_TEST(gone__agent_is_offline_and_jobs_stay),
        WORLD_TEST(start__nobody_is_online),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
