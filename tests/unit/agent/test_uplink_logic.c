/* agent/uplink_logic: what is said to the coordinator and when, whatever it answers. */
#include "tests/unit/agent/logic_world.h"

#include "base/log.h"
#include "base/str.h"
#include "wire/lease.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HEARTBEAT_MS 10000 /* as logic_world.c's welcome says */

static void ack(struct world *w, int64_t seq, int64_t heartbeat)
{
    hear(w, (struct msg){.type = MSG_ACK, .u.ack = {.seq = seq, .heartbeat = heartbeat}});
}

static void refuse(struct world *w, const char *code, int64_t retry_ms)
{
    char text[32], sentence[] = "no";
    assert_int_equal(str_copy(text, sizeof text, code), 0);
    hear(w, (struct msg){.type = MSG_REFUSED,
                         .u.refused = {.code = text, .message = sentence, .retry_ms = retry_ms}});
}

static void wake(struct world *w)
{
    assert_true(w->uplink_wake_ms < INT64_MAX);
    if (w->uplink_wake_ms > w->now.mono_ms) world_pass(w, w->uplink_wake_ms - w->now.mono_ms);
    w->uplink_wake_ms = INT64_MAX;
    uplink_logic_wake(w->uplink, &w->now);
}

/* ---- connecting ---- */

/* By which the coordinator finds that its database has lost commits. */
static void hello__says_what_was_acknowledged(void **state)
{
    struct world *w = *state;
    static const char frame[] = "head\1m";
    struct journal_event event = {journal_next_seq(w->journal), 7, 1, false, frame, strlen(frame)};
    assert_int_equal(journal_add_event(w->journal, &event, NULL), 0);
    assert_int_equal(journal_ack(w->journal, event.seq, NULL), 0);
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    did(w, "connect, hello seq 1, 0 attempts");
    assert_int_equal(w->hello_acked, 1);
}

static void the_first_words__are_hello_and_after_the_welcome_ready(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    did(w, "connect");
    assert_false(uplink_logic_is_live(w->uplink));
    uplink_logic_opened(w->uplink, &w->now);
    did(w, "hello seq 0, 0 attempts");
    world_turn(w);
    did(w, "");
    welcome(w, 0);
    did(w, "renew 1000000, ready 4/4");
    assert_true(uplink_logic_is_live(w->uplink));
    assert_int_equal(w->uplink_wake_ms, w->now.mono_ms + HEARTBEAT_MS);
}

static void note_warning(enum log_level level, const char *line, void *user)
{
    char *out = user;
    if (level == LOG_WARN) (void)str_copy(out, 512, line);
}

static void several_groups__are_said__and_that_an_older_coordinator_takes_the_first(void **state)
{
    struct world *w = *state;
    char warning[512];
    log_set_sink(note_warning, warning);
    for (int minor = 1; minor <= 3; minor++) {
        warning[0] = '\0';
        w->group = "a";
        w->groups = "[\"a\",\"default\"]";
        w->minor = minor;
        world_again(w);
        uplink_logic_start(w->uplink, &w->now);
        did(w, "connect");
        uplink_logic_opened(w->uplink, &w->now);
        did(w, "hello of a[\"a\",\"default\"] seq 0, 0 attempts");
        welcome(w, 0);
        assert_true(uplink_logic_is_live(w->uplink));
        w->did[0] = '\0';
        if (minor == 3)
            assert_string_equal(warning, "");
        else
            assert_non_null(strstr(warning, "this one serves a alone, the first of [\"a\",\"def"));
    }
    log_set_sink(NULL, NULL);
}

static void each_failure__tries_again_later_and_later(void **state)
{
    struct world *w = *state;
    int64_t most = 500;
    uplink_logic_start(w->uplink, &w->now);
    did(w, "connect");
    for (int i = 1; i < 12; i++) {
        lose_link(w);
        did(w, "");
        int64_t wait = w->uplink_wake_ms - w->now.mono_ms;
        assert_in_range(wait, most / 2, most);
        wake(w);
        did(w, "connect");
        most = 2 * most < 30000 ? 2 * most : 30000;
    }
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 0);
    lose_link(w);
    assert_in_range(w->uplink_wake_ms - w->now.mono_ms, 250, 500); /* begins anew */
    w->did[0] = '\0';
    wake(w);
    did(w, "connect");
}

static int64_t longest_wait(struct world *w)
{
    int64_t longest = 0;
    for (int i = 0; i < 20; i++) {
        lose_link(w);
        int64_t wait = w->uplink_wake_ms - w->now.mono_ms;
        if (wait > longest) longest = wait;
        wake(w);
        w->did[0] = '\0';
    }
    return longest;
}

static void waits__are_no_longer_than_the_time_to_come_back(void **state)
{
    struct world *w = *state;
    static const struct {
        int64_t heartbeat_ms, most_ms;
    } cases[] = {{1000, 3000},  {100, 1000},    {333, 1000},    {334, 1002},
                 {5000, 15000}, {10000, 30000}, {60000, 30000}, {INT64_C(1) << 52, 30000},
                 {1000, 3000}};
    uplink_logic_start(w->uplink, &w->now);
    assert_in_range(longest_wait(w), 15001, 30000);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        w->heartbeat_ms = cases[i].heartbeat_ms;
        uplink_logic_opened(w->uplink, &w->now);
        welcome(w, 0);
        int64_t longest = longest_wait(w);
        assert_in_range(longest, cases[i].most_ms / 2, cases[i].most_ms);
        if (w->heartbeat_ms <= 10000)
            assert_true(longest + 2000 < lease_silence_ms(w->heartbeat_ms));
        w->did[0] = '\0';
    }
}

static void a_refusal__waits_as_it_says_after_a_welcome_of_short_intervals(void **state)
{
    struct world *w = *state;
    w->heartbeat_ms = 1000;
    be_live(w);
    lose_link(w);
    wake(w);
    uplink_logic_opened(w->uplink, &w->now);
    refuse(w, "unknown-group", 60000);
    lose_link(w);
    assert_in_range(w->uplink_wake_ms - w->now.mono_ms, 60000, 75000);
    w->did[0] = '\0';
}

static void addresses_of_a_welcome__are_passed_on(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    w->did[0] = '\0';
    char version[] = "9.9.9", list[] = "[\"new:7433\"]";
    struct msg m = {.type = MSG_WELCOME};
    m.u.welcome = (struct msg_welcome){.protocol = 1,
                                       .version = version,
                                       .lease_ms = WORLD_LEASE_MS,
                                       .heartbeat_ms = 10000,
                                       .addresses = list};
    hear(w, m);
    did(w, "renew 1000000, addresses [\"new:7433\"], ready 4/4");
}

static void a_refusal__waits_as_it_says_and_when_it_says_nothing_for_long(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    refuse(w, "unknown-group", 60000);
    did(w, "connect, hello seq 0, 0 attempts, close");
    welcome(w, 0); /* what comes behind it is not looked at */
    did(w, "");
    lose_link(w);
    assert_in_range(w->uplink_wake_ms - w->now.mono_ms, 60000, 75000);
    wake(w);
    uplink_logic_opened(w->uplink, &w->now);
    refuse(w, "protocol-version", 0);
    lose_link(w);
    assert_in_range(w->uplink_wake_ms - w->now.mono_ms, 300000, 375000);
    did(w, "connect, hello seq 0, 0 attempts, close");
}

static void what_is_no_welcome__ends_the_connection(void **state)
{
    static const enum msg_type types[] = {MSG_ACK, MSG_DRAIN, MSG_KILL};
    char timeout[] = "timeout";
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct msg m = {.type = types[i]};
        if (types[i] == MSG_KILL)
            m.u.kill = (struct msg_kill){.job = 1, .attempt = 1, .reason = timeout};
        uplink_logic_opened(w->uplink, &w->now);
        w->did[0] = '\0';
        hear(w, m);
        did(w, "abort");
        lose_link(w);
        wake(w);
    }
}

static void bytes_that_are_no_frames__end_the_connection(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"\xff\xff\xff\xff\x01", 5},   /* too long */
        {"\x00\x00\x00\x00", 4},       /* no type */
        {"\x00\x00\x00\x03\x09{}", 7}, /* an unknown type */
        {"\x00\x00\x00\x03\x02{}", 7}, /* output comes from agents only */
        {"\x00\x00\x00\x03\x01{}", 7}, /* no message */
        {"\x00\x00\x00\x12\x01{\"type\":\"hello\"} ", 22},
        {"\x00\x00\x00\x10\x01{\"type\":\"what\"}", 20},
    };
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uplink_logic_opened(w->uplink, &w->now);
        welcome(w, 0);
        w->did[0] = '\0';
        uplink_logic_received(w->uplink, &w->now, rows[i].bytes, rows[i].len);
        did(w, "abort");
        ack(w, 5, 0); /* not looked at any more */
        did(w, "");
        lose_link(w);
        wake(w);
    }
}

static void events_of_a_link_that_is_not_there__change_nothing(void **state)
{
    struct world *w = *state;
    lose_link(w);
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 0);
    uplink_logic_announce(w->uplink, 9);
    uplink_logic_ask_certificate(w->uplink, "csr");
    world_turn(w);
    did(w, "");
    be_live(w);
    uplink_logic_opened(w->uplink, &w->now); /* a second time */
    did(w, "");
}

static void a_frame_in_single_bytes__is_a_frame(void **state)
{
    struct world *w = *state;
    struct msg m = {.type = MSG_CERTIFICATE, .u.certificate.certificate = (char[]){"PEM"}};
    struct buf b;
    be_live(w);
    buf_init(&b, 1000);
    assert_int_equal(msg_frame_add(&b, &m), 0);
    for (size_t i = 0; i < b.len; i++) {
        did(w, "");
        uplink_logic_received(w->uplink, &w->now, b.data + i, 1);
    }
    did(w, "certificate PEM");
    buf_fini(&b);
}

/* ---- heartbeats and leases ---- */

static void leases_count_from_the_sending_of_what_was_acknowledged(void **state)
{
    struct world *w = *state;
    be_live(w);
    wake(w);
    did(w, "heartbeat 1 later");
    wake(w);
    did(w, "heartbeat 2");
    world_pass(w, 500);
    ack(w, 0, 1);
    did(w, "renew 1010000");
    ack(w, 0, 1); /* again */
    did(w, "");
    ack(w, 0, 2);
    did(w, "renew 1020000");
    ack(w, 0, 1); /* late */
    ack(w, 0, 3); /* was never sent */
    ack(w, 0, 9000000);
    did(w, "");
}

static void an_acknowledgement_of_long_ago__renews_nothing(void **state)
{
    struct world *w = *state;
    be_live(w);
    for (int i = 0; i < 17; i++) {
        wake(w);
        ack(w, 0, 0); /* it is there, but acknowledges none */
    }
    w->did[0] = '\0';
    ack(w, 0, 1);
    did(w, "");
    ack(w, 0, 2);
    did(w, "renew 1020000");
}

static void hello_counts_as_the_first_heartbeat__but_not_before_the_welcome(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    world_pass(w, 7000);
    did(w, "connect, hello seq 0, 0 attempts");
    welcome(w, 0);
    did(w, "renew 1000000, ready 4/4");
}

static void a_shorter_lease__hurries_the_heartbeat(void **state)
{
    struct world *w = *state;
    struct msg_job m = {.job = 1, .attempt = 1, .lease_ms = 6000};
    be_live(w);
    take_job_of(w, &m);
    world_turn(w);
    did(w, "prepare 1-1, heartbeat 1");
    assert_int_equal(w->uplink_wake_ms, w->now.mono_ms + lease_heartbeat_ms(6000));
    world_turn(w);
    did(w, "");
}

/* ---- answers that may wait ---- */

static void idle__asks_for_each_second_answer(void **state)
{
    struct world *w = *state;
    be_live(w);
    for (int n = 1; n <= 40; n += 2) {
        char expected[64];
        wake(w);
        (void)str_format(expected, sizeof expected, "heartbeat %d later", n);
        did(w, expected);
        world_turn(w);
        did(w, "");
        wake(w);
        (void)str_format(expected, sizeof expected, "heartbeat %d", n + 1);
        did(w, expected);
        world_pass(w, 20);
        int64_t sent_ms = w->now.mono_ms - 20;
        ack(w, 0, n + 1);
        (void)str_format(expected, sizeof expected, "renew %d", (int)sent_ms);
        did(w, expected);
    }
}

/* As of a coordinator that does not know of it. */
static void idle__answered_all_the_same__goes_on_so(void **state)
{
    struct world *w = *state;
    be_live(w);
    for (int n = 1; n <= 20; n++) {
        char expected[32];
        wake(w);
        (void)str_format(expected, sizeof expected, "heartbeat %d later", n);
        did(w, expected);
        ack(w, 0, n);
        w->did[0] = '\0';
    }
}

static void idle__answered_out_of_turn__waits_for_the_newest(void **state)
{
    struct world *w = *state;
    be_live(w);
    wake(w);
    wake(w);
    did(w, "heartbeat 1 later, heartbeat 2");
    ack(w, 0, 1); /* an old one, and such that were never sent */
    ack(w, 0, 3);
    ack(w, 0, INT64_C(1) << 52);
    ack(w, 0, 0);
    w->did[0] = '\0';
    wake(w);
    did(w, "heartbeat 3");
    ack(w, 0, 3);
    did(w, "renew 1030000");
    ack(w, 0, 2);
    wake(w);
    did(w, "heartbeat 4 later");
}

static void with_an_attempt__each_answer_is_wanted(void **state)
{
    struct world *w = *state;
    be_live(w);
    running(w, 1);
    world_turn(w);
    ack(w, 1, 0);
    for (int n = 1; n <= 3; n++) {
        char expected[32];
        w->did[0] = '\0';
        wake(w);
        (void)str_format(expected, sizeof expected, "heartbeat %d", n);
        did(w, expected);
        ack(w, 1, n);
    }
    ended(w, 1, 0);
    world_turn(w);
    w->did[0] = '\0';
    wake(w);
    did(w, "heartbeat 4"); /* its end is not acknowledged */
    ack(w, 2, 4);
    w->did[0] = '\0';
    wake(w);
    did(w, "heartbeat 5 later");
}

static void job_that_follows_the_answer__hurries_nothing(void **state)
{
    struct world *w = *state;
    be_live(w);
    wake(w);
    did(w, "heartbeat 1 later");
    world_pass(w, 4000);
    ack(w, 0, 1);
    did(w, "renew 1010000");
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "prepare 1-1");
}

static void job_that_crossed_a_heartbeat__is_followed_by_another(void **state)
{
    struct world *w = *state;
    be_live(w);
    wake(w);
    did(w, "heartbeat 1 later");
    world_pass(w, 40);
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "prepare 1-1, heartbeat 2");
    world_turn(w); /* once */
    did(w, "");
    world_pass(w, 40);
    ack(w, 0, 1);
    ack(w, 0, 2);
    did(w, "renew 1010000, renew 1010040");
}

static void answer_that_is_lost_with_its_link__is_not_waited_for(void **state)
{
    struct world *w = *state;
    be_live(w);
    wake(w);
    did(w, "heartbeat 1 later");
    lose_link(w);
    wake(w);
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 0);
    w->did[0] = '\0';
    take_job(w, 1, 1);
    world_turn(w);
    did(w, "prepare 1-1");
    runner_logic_give_back(w->runner, "disk-full");
    world_turn(w);
    ack(w, 1, 0);
    w->did[0] = '\0';
    wake(w);
    did(w, "heartbeat 2 later");
}

/* Every second answer keeps a connection; none does not keep it longer than before. */
static void idle_and_not_answered__ends_the_connection_as_ever(void **state)
{
    struct world *w = *state;
    be_live(w);
    wake(w);
    wake(w);
    ack(w, 0, 2);
    int64_t heard = w->now.mono_ms;
    w->did[0] = '\0';
    for (int i = 0; i < 3; i++)
        wake(w);
    did(w, "heartbeat 3 later, heartbeat 4, heartbeat 5");
    wake(w);
    did(w, "abort");
    assert_int_equal(w->now.mono_ms - heard, 4 * HEARTBEAT_MS);
}

/* ---- moments of heartbeats ---- */

/* How long from now to the next heartbeat. */
static int64_t wait_ms(const struct world *w)
{
    return w->uplink_wake_ms - w->now.mono_ms;
}

static void heartbeats__come_at_steps_of_the_wall_clock(void **state)
{
    struct world *w = *state;
    w->now.wall_ms += 37;
    be_live(w);
    assert_int_equal(wait_ms(w), HEARTBEAT_MS - 37);
    wake(w);
    assert_int_equal(w->now.wall_ms % 100, 0);
    assert_int_equal(wait_ms(w), HEARTBEAT_MS);
    static const int off[] = {0, 1, 7, 50, 97, -1, -2};
    for (size_t i = 0; i < sizeof off / sizeof *off; i++) { /* the timer is late, or early */
        w->now.mono_ms = w->uplink_wake_ms;
        w->now.wall_ms += HEARTBEAT_MS + off[i];
        uplink_logic_wake(w->uplink, &w->now);
        assert_int_equal(wait_ms(w), HEARTBEAT_MS - off[i]);
        ack(w, 0, 0);
        w->now.wall_ms -= off[i];
    }
    w->now.mono_ms = w->uplink_wake_ms;
    w->now.wall_ms += HEARTBEAT_MS - 3; /* so early that it is of the step before */
    uplink_logic_wake(w->uplink, &w->now);
    assert_int_equal(wait_ms(w), HEARTBEAT_MS + 3 - 100);
}

static void a_wall_clock_that_jumps__moves_no_heartbeat_by_more_than_a_step(void **state)
{
    static const int64_t walls[] = {0, 1, 99, -1, -99, -100, INT64_MIN, INT64_MAX, 1700000000098};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof walls / sizeof *walls; i++) {
        be_live(w);
        w->now.mono_ms = w->uplink_wake_ms;
        w->now.wall_ms = walls[i];
        uplink_logic_wake(w->uplink, &w->now);
        assert_in_range(wait_ms(w), HEARTBEAT_MS - 99, HEARTBEAT_MS + HEARTBEAT_SLACK_MS);
        lose_link(w);
        world_again(w);
    }
}

static void a_short_interval__does_not_heed_the_wall_clock(void **state)
{
    struct world *w = *state;
    struct msg_job m = {.job = 1, .attempt = 1, .lease_ms = 12000};
    w->now.wall_ms += 37;
    be_live(w);
    take_job_of(w, &m);
    world_turn(w);
    assert_int_equal(wait_ms(w), lease_heartbeat_ms(12000));
}

static void silence__ends_the_connection(void **state)
{
    struct world *w = *state;
    be_live(w);
    int64_t heard = w->now.mono_ms;
    while (w->now.mono_ms - heard <= lease_silence_ms(HEARTBEAT_MS)) {
        assert_null(strstr(w->did, "abort"));
        wake(w);
    }
    assert_non_null(strstr(w->did, "abort"));
    w->did[0] = '\0';
    world_turn(w); /* nothing is said on it any more */
    did(w, "");
}

static void the_lease_of_what_runs__is_minded_without_a_connection(void **state)
{
    struct world *w = *state;
    be_live(w);
    running(w, 1);
    world_turn(w);
    lose_link(w);
    int64_t over = 1000000 + WORLD_LEASE_MS;
    while (w->now.mono_ms < over) {
        assert_null(strstr(w->did, "kill"));
        assert_true(w->uplink_wake_ms <= over);
        wake(w);
        if (w->linked) lose_link(w);
    }
    assert_non_null(strstr(w->did, "kill 1-1"));
}

/* A connection that is told to close goes on for a while, and so does what was prepared. */
static void the_lease_of_what_starts_while_a_connection_closes__is_minded(void **state)
{
    struct world *w = *state;
    be_live(w);
    take_job(w, 1, 1);
    world_turn(w);
    refuse(w, "busy", 2 * WORLD_LEASE_MS);
    prepared(w, 1, 0);
    world_turn(w);
    assert_non_null(strstr(w->did, "close, start 1-1"));
    lose_link(w);
    assert_int_equal(w->uplink_wake_ms, 1000000 + WORLD_LEASE_MS);
    wake(w);
    assert_non_null(strstr(w->did, "kill 1-1"));
}

static void a_lost_connection__gives_back_what_did_not_start(void **state)
{
    struct world *w = *state;
    be_live(w);
    running(w, 1);
    take_job(w, 2, 1);
    world_turn(w);
    lose_link(w);
    said(w, "declined 2-1 never-started");
    assert_int_equal(runner_logic_count(w->runner), 1);
}

/* ---- events ---- */

static void events__are_sent_once_and_again_after_a_loss(void **state)
{
    struct world *w = *state;
    be_live(w);
    running(w, 1); /* its started was sent, with number 1 */
    world_turn(w);
    did(w, "");
    ended(w, 1, 0);
    world_turn(w);
    did(w, "forget 1-1, finished 1-1 SUCCESS -");
    ack(w, 1, 0);
    world_turn(w);
    did(w, "");
    lose_link(w);
    wake(w);
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 1); /* finished did not arrive */
    w->did[0] = '\0';
    world_turn(w);
    did(w, "finished 1-1 SUCCESS -");
    ack(w, 2, 0);
    assert_int_equal(journal_pending_bytes(w->journal), 0);
    ack(w, 1, 0); /* late */
    world_turn(w);
    did(w, "");
}

static void a_coordinator_that_knows_more__is_believed(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    welcome(w, 70);
    assert_int_equal(journal_seq(w->journal), 70);
    w->did[0] = '\0';
    take_job(w, 1, 1);
    runner_logic_give_back(w->runner, "disk-full");
    world_turn(w);
    did(w, "forget 1-1, declined 1-1 disk-full");
    assert_int_equal(journal_seq(w->journal), 71);
}

static void a_link_that_is_full__gets_no_more(void **state)
{
    struct world *w = *state;
    struct err e;
    be_live(w);
    take_job(w, 1, 1);
    runner_logic_give_back(w->runner, "disk-full");
    assert_int_equal(runner_logic_turn(w->runner, w->now.mono_ms, &e), 0);
    did(w, "forget 1-1");
    uplink_logic_pump(w->uplink, &w->now, 64 << 20);
    did(w, "");
    uplink_logic_pump(w->uplink, &w->now, 0);
    did(w, "declined 1-1 disk-full");
}

static void what_one_turn_sends__is_bounded(void **state)
{
    static char line[60000];
    const size_t most = 1 << 20, one = sizeof line + 100;
    struct world *w = *state;
    struct err e;
    be_live(w);
    running(w, 1);
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 50; i++) {
        runner_logic_output(w->runner, w->attempts[1], PROCESS_STDOUT, line, sizeof line);
        assert_int_equal(runner_logic_turn(w->runner, w->now.mono_ms, &e), 0);
    }
    w->sent_bytes = 0;
    uplink_logic_pump(w->uplink, &w->now, 0);
    assert_in_range(w->sent_bytes, most, most + one);
}

static void events_that_are_not_acknowledged__are_bounded(void **state)
{
    static char line[60000];
    const size_t most = 4 << 20, one = sizeof line + 100;
    struct world *w = *state;
    be_live(w);
    running(w, 1);
    w->sent_bytes = 0;
    memset(line, 'x', sizeof line);
    for (int i = 0; i < 100; i++) {
        runner_logic_output(w->runner, w->attempts[1], PROCESS_STDOUT, line, sizeof line);
        world_turn(w);
        w->did[0] = '\0';
    }
    assert_in_range(w->sent_bytes, most, most + one);
    ack(w, 11, 0); /* ten outputs make room for as many more */
    world_turn(w);
    assert_in_range(w->sent_bytes, most + 9 * one, most + 11 * one);
}

/* ---- the agent's own wishes ---- */

static void what_the_agent_says_of_itself(void **state)
{
    struct world *w = *state;
    be_live(w);
    uplink_logic_announce(w->uplink, 9);
    did(w, "ready 9/9");
    uplink_logic_rest(w->uplink, "the disk is full");
    did(w, "ready 9/9 draining: the disk is full");
    uplink_logic_rest(w->uplink, NULL);
    did(w, "ready 9/9");
    uplink_logic_set_capabilities(w->uplink, "{}"); /* as they were */
    did(w, "");
    uplink_logic_set_capabilities(w->uplink, "{\"os\":\"linux\"}");
    did(w, "ready 9/9 can {\"os\":\"linux\"}");
    runner_logic_drain(w->runner, w->now.mono_ms, 1000);
    uplink_logic_announce(w->uplink, 9);
    did(w, "ready 9/9 draining");
}

static void what_it_can__that_changes_behind_the_hello__is_said_after_the_welcome(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_opened(w->uplink, &w->now);
    uplink_logic_set_capabilities(w->uplink, "{\"gpu\":1}");
    w->did[0] = '\0';
    welcome(w, 0);
    did(w, "renew 1000000, ready 4/4 can {\"gpu\":1}");
    uplink_logic_announce(w->uplink, 9);
    did(w, "ready 9/9");
    lose_link(w);
    uplink_logic_set_capabilities(w->uplink, "{\"gpu\":0}"); /* the next hello has it */
    wake(w);
    uplink_logic_opened(w->uplink, &w->now);
    w->did[0] = '\0';
    welcome(w, 0);
    assert_non_null(strstr(w->did, "ready 9/9"));
    assert_null(strstr(w->did, "can"));
    w->did[0] = '\0';
}

static void why_it_rests__is_said_again_when_an_operator_lets_it_go(void **state)
{
    struct world *w = *state;
    be_live(w);
    uplink_logic_rest(w->uplink, "the disk is full");
    did(w, "ready 4/4 draining: the disk is full");
    hear(w, (struct msg){.type = MSG_DRAIN, .u.drain = {.on = true}});
    did(w, "");
    hear(w, (struct msg){.type = MSG_DRAIN});
    did(w, "ready 4/4 draining: the disk is full");
    uplink_logic_rest(w->uplink, NULL);
    did(w, "ready 4/4");
    hear(w, (struct msg){.type = MSG_DRAIN, .u.drain = {.on = true}});
    hear(w, (struct msg){.type = MSG_DRAIN});
    did(w, "");
}

static void a_stop__says_bye_and_comes_back_no_more(void **state)
{
    struct world *w = *state;
    be_live(w);
    uplink_logic_stop(w->uplink, "stopped");
    did(w, "bye, close");
    uplink_logic_stop(w->uplink, "stopped");
    did(w, "");
    lose_link(w);
    assert_int_equal(w->uplink_wake_ms, INT64_MAX);
}

static void a_stop_before_the_welcome__says_nothing(void **state)
{
    struct world *w = *state;
    uplink_logic_start(w->uplink, &w->now);
    uplink_logic_stop(w->uplink, "stopped");
    did(w, "connect, close");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_CASE(hello__says_what_was_acknowledged),
        WORLD_CASE(the_first_words__are_hello_and_after_the_welcome_ready),
        WORLD_CASE(several_groups__are_said__and_that_an_older_coordinator_takes_the_first),
        WORLD_CASE(each_failure__tries_again_later_and_later),
        WORLD_CASE(waits__are_no_longer_than_the_time_to_come_back),
        WORLD_CASE(a_refusal__waits_as_it_says_after_a_welcome_of_short_intervals),
        WORLD_CASE(addresses_of_a_welcome__are_passed_on),
        WORLD_CASE(a_refusal__waits_as_it_says_and_when_it_says_nothing_for_long),
        WORLD_CASE(what_is_no_welcome__ends_the_connection),
        WORLD_CASE(bytes_that_are_no_frames__end_the_connection),
        WORLD_CASE(events_of_a_link_that_is_not_there__change_nothing),
        WORLD_CASE(a_frame_in_single_bytes__is_a_frame),
        WORLD_CASE(leases_count_from_the_sending_of_what_was_acknowledged),
        WORLD_CASE(an_acknowledgement_of_long_ago__renews_nothing),
        WORLD_CASE(hello_counts_as_the_first_heartbeat__but_not_before_the_welcome),
        WORLD_CASE(a_shorter_lease__hurries_the_heartbeat),
        WORLD_CASE(idle__asks_for_each_second_answer),
        WORLD_CASE(idle__answered_all_the_same__goes_on_so),
        WORLD_CASE(idle__answered_out_of_turn__waits_for_the_newest),
        WORLD_CASE(with_an_attempt__each_answer_is_wanted),
        WORLD_CASE(job_that_follows_the_answer__hurries_nothing),
        WORLD_CASE(job_that_crossed_a_heartbeat__is_followed_by_another),
        WORLD_CASE(answer_that_is_lost_with_its_link__is_not_waited_for),
        WORLD_CASE(idle_and_not_answered__ends_the_connection_as_ever),
        WORLD_CASE(heartbeats__come_at_steps_of_the_wall_clock),
        WORLD_CASE(a_wall_clock_that_jumps__moves_no_heartbeat_by_more_than_a_step),
        WORLD_CASE(a_short_interval__does_not_heed_the_wall_clock),
        WORLD_CASE(silence__ends_the_connection),
        WORLD_CASE(the_lease_of_what_runs__is_minded_without_a_connection),
        WORLD_CASE(the_lease_of_what_starts_while_a_connection_closes__is_minded),
        WORLD_CASE(a_lost_connection__gives_back_what_did_not_start),
        WORLD_CASE(events__are_sent_once_and_again_after_a_loss),
        WORLD_CASE(a_coordinator_that_knows_more__is_believed),
        WORLD_CASE(a_link_that_is_full__gets_no_more),
        WORLD_CASE(what_one_turn_sends__is_bounded),
        WORLD_CASE(events_that_are_not_acknowledged__are_bounded),
        WORLD_CASE(what_the_agent_says_of_itself),
        WORLD_CASE(what_it_can__that_changes_behind_the_hello__is_said_after_the_welcome),
        WORLD_CASE(why_it_rests__is_said_again_when_an_operator_lets_it_go),
        WORLD_CASE(a_stop__says_bye_and_comes_back_no_more),
        WORLD_CASE(a_stop_before_the_welcome__says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
