/* More connections than the door has places for, none of which proves who it is: they give way. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define PLACES 8
#define CROWD 20

static struct house house;
static struct peer crowd[CROWD];

static int open_house(void **state)
{
    /* Nobody is cut for being slow. */
    static const struct coordinator_timeouts timeouts = {.handshake_ms = 600000,
                                                         .first_message_ms = 600000,
                                                         .head_ms = 600000,
                                                         .body_ms = 600000,
                                                         .idle_ms = 600000,
                                                         .places = PLACES};
    (void)state;
    house_open(&house, "", &timeouts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static void gather(const char *alpn, const char *text)
{
    for (size_t i = 0; i < CROWD; i++) {
        peer_open(&crowd[i], &house, alpn, NULL, NULL);
        peer_write(&crowd[i], text, strlen(text));
        while (text[0] && strstr(text, "\r\n\r\n") && !crowd[i].in.len && !crowd[i].closed) {
            crowd[i].changed = false;
            house_run(&house, &crowd[i].changed);
        }
    }
}

static size_t count_closed(void)
{
    size_t closed = 0;
    for (size_t i = 0; i < CROWD; i++)
        closed += crowd[i].closed;
    return closed;
}

static void disperse(void)
{
    for (size_t i = 0; i < CROWD; i++)
        if (crowd[i].link) link_abort(crowd[i].link, NULL);
    for (size_t i = 0; i < CROWD; i++)
        peer_fini(&crowd[i]);
}

static void status_is_served(void)
{
    struct answer a;
    house_call(&house, "GET", "/api/v1/status", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
}

static void strangers__who_were_served_and_stay__give_way(void **state)
{
    (void)state;
    gather(ALPN_HTTP, "GET /healthz HTTP/1.1\r\nHost: cadre\r\n\r\n");
    assert_true(count_closed() >=
                CROWD - PLACES - 2); /* who came before is closed, but for two at most */
    for (size_t i = 0; i < CROWD; i++)
        assert_non_null(strstr(crowd[i].in.data, "200 OK"));
    status_is_served();
    disperse();
}

static void strangers__who_stop_in_a_request__give_way_and_are_told(void **state)
{
    size_t told = 0;
    (void)state;
    gather(ALPN_HTTP, "GET /healthz HTTP/1.1\r\nHo");
    status_is_served();
    for (size_t i = 0; i < CROWD; i++)
        told += crowd[i].in.len && strstr(crowd[i].in.data, "503 ") &&
                strstr(crowd[i].in.data, "too many connections");
    assert_true(told >= CROWD - PLACES - 2);
    disperse();
}

static void strangers__who_say_nothing_to_the_agents_side__give_way_and_are_told(void **state)
{
    struct identity i;
    size_t told = 0;
    (void)state;
    gather(ALPN_CADRE, "");
    house_enrol(&house, "newcomer", NULL, &i);
    for (size_t k = 0; k < CROWD; k++) {
        struct frame f;
        struct err e;
        if (frame_reader_next(&crowd[k].frames, &f, &e) <= 0) continue;
        struct msg m;
        assert_int_equal(msg_decode(f.body, f.len, house_coordinator, &m, &e), 0);
        assert_int_equal(m.type, MSG_REFUSED);
        assert_string_equal(m.u.refused.code, "busy");
        assert_true(m.u.refused.retry_ms > 0);
        msg_fini(&m);
        told++;
    }
    assert_true(told >= CROWD - PLACES - 2);
    identity_fini(&i);
    disperse();
}

/* Who has proved who he is keeps the connection, idle or not, whatever comes. */
static void known_peers__stay(void **state)
{
    struct peer agent, person;
    struct identity i;
    (void)state;
    house_enrol(&house, "resident", NULL, &i);
    house_agent(&house, &i, "resident", 1, &agent);
    peer_open(&person, &house, ALPN_HTTP, NULL, NULL);
    char *text = str_dupf("GET /api/v1/whoami HTTP/1.1\r\nHost: cadre\r\n"
                          "Authorization: Bearer %s\r\n\r\n",
                          house.admin);
    peer_write(&person, text, strlen(text));
    while (!person.in.len && !person.closed) {
        person.changed = false;
        house_run(&house, &person.changed);
    }
    assert_non_null(strstr(person.in.data, "200 OK"));
    gather(ALPN_HTTP, "GET /healthz HTTP/1.1\r\nHost: cadre\r\n\r\n");
    assert_true(count_closed() >= CROWD - PLACES - 2);
    assert_false(agent.closed);
    assert_false(person.closed);
    mem_free(text);
    peer_fini(&person);
    peer_fini(&agent);
    identity_fini(&i);
    disperse();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers__who_were_served_and_stay__give_way),
        cmocka_unit_test(strangers__who_stop_in_a_request__give_way_and_are_told),
        cmocka_unit_test(strangers__who_say_nothing_to_the_agents_side__give_way_and_are_told),
        cmocka_unit_test(known_peers__stay),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
