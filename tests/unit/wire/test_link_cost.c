/* What a turn of a link costs: writes, records, memory. Counted, not timed. */
#include "base/mem.h"
#include "tests/unit/wire/link_fixture.h"
#include "wire/turn.h"

#include <string.h>

#define MESSAGES 100
#define MESSAGE_BYTES 10
#define TRIPS 50

/* All of the program's calls since they were last set to 0. */
static unsigned writes, memories;

int __wrap_uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count);
int __real_uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count);
int __wrap_uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count)
{
    writes++;
    return __real_uv_try_write(stream, bufs, count);
}

void *__wrap_mem_resize(void *p, size_t count, size_t size);
void *__real_mem_resize(void *p, size_t count, size_t size);
void *__wrap_mem_resize(void *p, size_t count, size_t size)
{
    memories++;
    return __real_mem_resize(p, count, size);
}

/* Steps of handshakes, each of which takes 5 ms by this clock. */
#define STEP_NS 5000000
static unsigned steps, steps_of_turn, most_steps;
static uint64_t clock_ns;

uint64_t __wrap_uv_hrtime(void);
uint64_t __wrap_uv_hrtime(void)
{
    return clock_ns += STEP_NS;
}

void __wrap_turn_stepped(struct turn *t, int64_t now_ns);
void __real_turn_stepped(struct turn *t, int64_t now_ns);
void __wrap_turn_stepped(struct turn *t, int64_t now_ns)
{
    static const struct turn *last;
    if (t != last) steps_of_turn = 0;
    last = t;
    steps++;
    if (++steps_of_turn > most_steps) most_steps = steps_of_turn;
    __real_turn_stepped(t, now_ns);
}

static void on_check(uv_check_t *check)
{
    (void)check;
    steps_of_turn = 0;
}

static void say(struct end *x, size_t messages)
{
    for (size_t i = 0; i < messages; i++) {
        assert_int_equal(buf_adds(link_out(x->link), "message..\n"), 0);
        link_flush_later(x->link);
    }
}

static void turn__many_messages__are_one_record_and_one_write(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    say(&w->client, 1);
    fixture_run64(w, &w->server.received, MESSAGE_BYTES);
    writes = 0;
    w->server.deliveries = 0;
    say(&w->client, MESSAGES);
    fixture_run64(w, &w->server.received, (MESSAGES + 1) * MESSAGE_BYTES);
    assert_int_equal(writes, 1);
    assert_int_equal(w->server.deliveries, 1);
}

static void turn__answers_to_all_of_a_read__are_one_record_and_one_write(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    say(&w->client, 1);
    fixture_run64(w, &w->server.received, MESSAGE_BYTES);
    w->server.echo = true;
    writes = 0;
    say(&w->client, MESSAGES);
    fixture_run64(w, &w->client.received, MESSAGES * MESSAGE_BYTES);
    assert_int_equal(writes, 2); /* one of each end */
    assert_int_equal(w->client.deliveries, 1);
}

static void turn__many_bytes__fill_their_records(void **state)
{
    static const char page[3 * 16384 + 1];
    struct world *w = *state;
    fixture_open_both(w);
    writes = 0;
    assert_int_equal(link_write(w->client.link, page, sizeof page), 0);
    fixture_run64(w, &w->server.received, sizeof page);
    assert_int_equal(w->server.deliveries, 4);
    assert_int_equal(writes, 1);
}

/* The memory for a turn's bytes is that of the turn before. */
static void turn__like_the_one_before__takes_no_memory(void **state)
{
    struct world *w = *state;
    fixture_open_both(w);
    w->server.echo = true;
    for (uint64_t i = 1; i <= 2 * TRIPS; i++) {
        if (i == TRIPS) memories = 0;
        say(&w->client, MESSAGES);
        fixture_run64(w, &w->client.received, i * MESSAGES * MESSAGE_BYTES);
    }
    assert_int_equal(memories, 0);
}

/* All of them say hello at once; between two steps the loop looks at its other links. */
static void crowd__of_handshakes__takes_one_step_a_turn(void **state)
{
    enum { CROWD = 24 };
    struct world *w = *state;
    struct end crowd[CROWD] = {0};
    uv_check_t check;
    fixture_listen(w, "127.0.0.1", fixture_server(&w->pki, NULL));
    w->more = mem_array(CROWD, sizeof *w->more);
    w->more_count = CROWD;
    uv_check_init(&w->loop, &check);
    uv_check_start(&check, on_check);
    steps = most_steps = 0;
    for (int i = 0; i < CROWD; i++) {
        struct tls_config *tls = fixture_client(&w->pki, &w->pki.client, ALPN_CADRE);
        struct link_to to = {"127.0.0.1", link_listener_port(w->listener), TIMEOUT_MS};
        crowd[i].world = w;
        crowd[i].link = link_connect(&w->loop, tls, &to, &fixture_handler, &crowd[i]);
        tls_config_unref(tls);
    }
    fixture_run(w, &w->accepted, CROWD);
    unsigned most = most_steps, all = steps;
    for (int i = 0; i < CROWD; i++)
        fixture_abort(&crowd[i], NULL);
    for (int i = 0; i < CROWD; i++) {
        fixture_run(w, &crowd[i].closed, 1);
        fixture_run(w, &w->more[i].closed, 1);
    }
    uv_close((uv_handle_t *)&check, NULL);
    mem_free(w->more);
    w->more = NULL;
    assert_int_equal(most, 1);
    assert_true(all >= 2 * CROWD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(turn__many_messages__are_one_record_and_one_write),
        LINK_TEST(turn__answers_to_all_of_a_read__are_one_record_and_one_write),
        LINK_TEST(turn__many_bytes__fill_their_records),
        LINK_TEST(turn__like_the_one_before__takes_no_memory),
        LINK_TEST(crowd__of_handshakes__takes_one_step_a_turn),
    };
    return cmocka_run_group_tests(tests, fixture_setup_group, fixture_teardown_group);
}
