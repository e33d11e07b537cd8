/* What an agent is sent for one turn of the loop: one record, and one ack. */
#include "tests/unit/wire/link_fixture.h"

#include "coordinator/sessions/sessions.h"
#include "wire/frame.h"
#include "wire/msg.h"

#define MESSAGES_MAX 8

/* The messages that the agent got: their types, and the numbers of the acks. */
struct heard {
    enum msg_type types[MESSAGES_MAX];
    size_t count;
    int64_t acks[MESSAGES_MAX];
    size_t ack_count;
};

static void read_all(const struct end *agent, struct heard *h)
{
    struct frame_reader r;
    struct frame f;
    struct err e = {0};
    *h = (struct heard){.count = 0};
    assert_int_equal(agent->received, agent->text_len); /* the fixture has kept all */
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, agent->text, agent->text_len, &e), 0);
    while (frame_reader_next(&r, &f, &e) == 1) {
        struct msg m;
        assert_true(h->count < MESSAGES_MAX);
        assert_int_equal(msg_decode(f.body, f.len, (struct msg_peer){.known = true}, &m, &e), 0);
        if (m.type == MSG_ACK) h->acks[h->ack_count++] = m.u.ack.seq;
        h->types[h->count++] = m.type;
        msg_fini(&m);
    }
    frame_reader_fini(&r);
}

static struct sessions *session_of(struct world *w, uint64_t *number)
{
    const struct sessions_options o = {.loop = &w->loop,
                                       .lease_ms = 60000,
                                       .heartbeat_ms = 10000,
                                       .output_limit_bytes = 1};
    struct sessions *owner = sessions_new(&o);
    fixture_open_both(w);
    *number = link_serial(w->server.link);
    sessions_accept(owner, w->server.link);
    return owner;
}

static void end_session(struct world *w, struct sessions *owner)
{
    sessions_stop(owner, true);
    while (sessions_count(owner) > 0)
        uv_run(&w->loop, UV_RUN_ONCE);
    sessions_free(owner);
    w->server.link = NULL; /* its end was told to the session */
}

static void acks(struct sessions *owner, uint64_t number, int64_t from, int64_t to)
{
    for (int64_t n = from; n <= to; n++) {
        struct effect ack = {.type = EFFECT_ACK, .session = number, .u.ack.seq = n};
        sessions_on_effect(owner, &ack);
    }
}

static void turn__of_several_batches__is_one_record_with_one_ack(void **state)
{
    struct world *w = *state;
    uint64_t number;
    struct sessions *owner = session_of(w, &number);
    struct effect drain = {.type = EFFECT_DRAIN, .session = number, .u.drain.on = true};
    struct heard h;
    for (int64_t batch = 1; batch <= 3; batch++) {
        sessions_on_effect(owner, &drain);
        acks(owner, number, batch, batch);
    }
    sessions_settle(owner);
    assert_int_equal(link_pending(w->server.link), 0); /* before the loop does anything else */
    sessions_settle(owner);
    fixture_run(w, &w->client.deliveries, 1);
    read_all(&w->client, &h);
    assert_int_equal(h.count, 4);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(h.types[i], MSG_DRAIN);
    assert_int_equal(h.ack_count, 1);
    assert_int_equal(h.acks[0], 3);
    /* the next turn has its own */
    acks(owner, number, 4, 5);
    sessions_settle(owner);
    fixture_run(w, &w->client.deliveries, 2);
    read_all(&w->client, &h);
    assert_int_equal(h.count, 5);
    assert_int_equal(h.acks[1], 5);
    end_session(w, owner);
}

static void ack_that_is_due__goes_before_the_end_of_the_session(void **state)
{
    struct world *w = *state;
    for (int refused = 0; refused < 2; refused++) {
        uint64_t number;
        struct sessions *owner = session_of(w, &number);
        struct effect end = {.type = EFFECT_CLOSE, .session = number};
        char sentence[] = "gone";
        struct heard h;
        if (refused) {
            end.type = EFFECT_REFUSED;
            end.u.refused = (struct effect_refused){.code = "revoked", .sentence = sentence};
        }
        acks(owner, number, 7, 8);
        sessions_on_effect(owner, &end);
        acks(owner, number, 9, 9); /* too late */
        sessions_settle(owner);
        fixture_run(w, &w->client.closed, 1);
        read_all(&w->client, &h);
        assert_int_equal(h.count, refused ? 2 : 1);
        assert_int_equal(h.types[0], MSG_ACK);
        assert_int_equal(h.acks[0], 8);
        if (refused) assert_int_equal(h.types[1], MSG_REFUSED);
        end_session(w, owner);
        fixture_teardown(state);
        fixture_setup(state);
    }
}

/* An agent takes no attempt anew before its end was acknowledged. */
static void ack_that_is_due__goes_before_a_job(void **state)
{
    struct world *w = *state;
    uint64_t number;
    struct sessions *owner = session_of(w, &number);
    char spec[] = "{\"type\":\"process\",\"command\":[\"true\"]}";
    struct effect job = {.type = EFFECT_JOB, .session = number};
    struct heard h;
    job.u.job = (struct effect_job){.job = 1, .attempt = 1, .spec = spec, .lease_ms = 60000};
    acks(owner, number, 1, 2);
    sessions_on_effect(owner, &job);
    acks(owner, number, 3, 3);
    sessions_settle(owner);
    fixture_run(w, &w->client.deliveries, 1);
    read_all(&w->client, &h);
    assert_int_equal(h.count, 3);
    assert_int_equal(h.types[0], MSG_ACK);
    assert_int_equal(h.types[1], MSG_JOB);
    assert_int_equal(h.ack_count, 2);
    assert_int_equal(h.acks[0], 2);
    assert_int_equal(h.acks[1], 3);
    end_session(w, owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(turn__of_several_batches__is_one_record_with_one_ack),
        LINK_TEST(ack_that_is_due__goes_before_the_end_of_the_session),
        LINK_TEST(ack_that_is_due__goes_before_a_job),
    };
    return cmocka_run_group_tests(tests, fixture_setup_group, fixture_teardown_group);
}
