/* Who keeps a place at the door: the rules of wire/door.h, in virtual time. */
#include "base/clock.h"
#include "base/mem.h"
#include "wire/door.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PLACES 8
#define ROOM 32
#define GUESTS 200

enum { ALICE = 1, BOB, CAROL, MALLORY, TRENT };

static struct door *door;
static struct door_guest guests[GUESTS];
static unsigned used;
static int64_t now;

static int set_up(void **state)
{
    static const struct door_limits limits = {.places = PLACES,
                                              .waiting = ROOM,
                                              .patience_ms = 10000,
                                              .failures = 30};
    (void)state;
    door = door_new(&limits, 42);
    now = 1000000;
    used = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < used; i++)
        door_leave(door, &guests[i], DOOR_LEFT, now);
    assert_int_equal(door_inside(door) + door_waiting(door), 0);
    door_free(door);
    return 0;
}

static unsigned settle(void)
{
    struct door_guest *g;
    unsigned cut = 0;
    enum door_step step;
    while ((step = door_next(door, now, &g)) != DOOR_NOTHING) {
        assert_int_equal(g->stage, step == DOOR_LET_IN ? DOOR_INSIDE : DOOR_AWAY);
        cut += step == DOOR_CUT;
    }
    assert_true(door_inside(door) <= PLACES);
    assert_true(door_waiting(door) <= ROOM);
    return cut;
}

static struct door_guest *come(uint64_t key)
{
    struct door_guest *g = &guests[used++];
    assert_true(used <= GUESTS);
    door_arrive(door, g, key, now);
    settle();
    return g;
}

static void come_many(uint64_t key, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        come(key);
}

static void wait_ms(int64_t ms)
{
    for (int64_t end = now + ms; now < end;) {
        now += 100;
        settle();
    }
}

/* How long until the guest is inside. */
static int64_t wait_for(const struct door_guest *g)
{
    int64_t from = now;
    while (g->stage == DOOR_WAITING && now - from < 60000)
        wait_ms(100);
    assert_int_equal(g->stage, DOOR_INSIDE);
    return now - from;
}

/* Makes the address known; its guest leaves again. */
static void make_known(uint64_t key)
{
    struct door_guest *g = come(key);
    wait_for(g);
    door_admit(door, g, now);
    assert_int_equal(g->stage, DOOR_KNOWN);
    door_leave(door, g, DOOR_LEFT, now);
    settle();
    assert_true(door_knows(door, key, now));
}

static void door__with_room__lets_everybody_in(void **state)
{
    (void)state;
    come_many(ALICE, PLACES);
    assert_int_equal(door_inside(door), PLACES);
    assert_int_equal(door_waiting(door), 0);
}

static void address_with_most_places__gives_one_up(void **state)
{
    (void)state;
    come(BOB);
    come_many(MALLORY, 30);
    struct door_guest *a = come(ALICE);
    assert_int_equal(a->stage, DOOR_WAITING);
    assert_true(wait_for(a) <= DOOR_LEAST_MS);
    assert_int_equal(guests[0].stage, DOOR_INSIDE); /* Bob has one place only */
    assert_int_equal(guests[1].stage, DOOR_AWAY);   /* Mallory's oldest */
}

static void guest__in_its_first_second__is_not_cut(void **state)
{
    (void)state;
    come_many(MALLORY, 20);
    now += DOOR_LEAST_MS - 1;
    come(ALICE);
    for (unsigned i = 0; i < PLACES; i++)
        assert_int_equal(guests[i].stage, DOOR_INSIDE);
}

static void idle_guest__loses_its_place_at_once(void **state)
{
    (void)state;
    come_many(MALLORY, PLACES);
    door_set_idle(door, &guests[3], true);
    struct door_guest *a = come(ALICE);
    assert_int_equal(a->stage, DOOR_INSIDE);
    assert_int_equal(guests[3].stage, DOOR_AWAY);
}

static void idle_guest__of_its_own_address__makes_room(void **state)
{
    (void)state;
    come_many(MALLORY, PLACES);
    door_set_idle(door, &guests[PLACES - 1], true);
    assert_int_equal(come(MALLORY)->stage, DOOR_INSIDE);
    assert_int_equal(guests[PLACES - 1].stage, DOOR_AWAY);
}

static void guest_no_longer_idle__keeps_its_place(void **state)
{
    (void)state;
    come_many(MALLORY, PLACES);
    door_set_idle(door, &guests[3], true);
    door_set_idle(door, &guests[3], false);
    assert_int_equal(come(ALICE)->stage, DOOR_WAITING);
}

static void equals__take_places_after_a_longer_time(void **state)
{
    (void)state;
    for (uint64_t key = 100; key < 100 + PLACES; key++)
        come(key);
    struct door_guest *a = come(ALICE);
    wait_ms(DOOR_LEAST_MS + 500);
    assert_int_equal(a->stage, DOOR_WAITING);
    assert_true(wait_for(a) <= DOOR_EQUAL_MS);
}

/* A local user who fills the door does not shut out the person beside him for longer than that. */
static void same_address__newest_guest_is_next(void **state)
{
    (void)state;
    come_many(MALLORY, PLACES + 20);
    struct door_guest *person = come(MALLORY);
    assert_true(wait_for(person) <= DOOR_EQUAL_MS);
}

static void besiege_own(const struct door_guest *person)
{
    struct door_guest *g;
    enum door_step step;
    while ((step = door_next(door, now, &g)) != DOOR_NOTHING) {
        bool fails = g >= guests && g < guests + used && (g - guests) % 2 != 0;
        if (step == DOOR_LET_IN && fails) door_leave(door, g, DOOR_FAILED, now);
    }
    now += 20;
    for (unsigned k = 0; k < used; k++)
        if (guests[k].stage == DOOR_AWAY && (k + now / 20) % 5 == 0)
            door_arrive(door, &guests[k], MALLORY, now);
    assert_int_not_equal(person->stage, DOOR_AWAY);
}

/* All places are taken at once, by guests who come again as soon as they are cut, or have failed:
 * every second one does at once. Then persons of the same address come, one after the other. */
static void same_address__besieged__lets_each_person_in_soon(void **state)
{
    static const struct door_limits wide = {.places = 40,
                                            .waiting = 300,
                                            .patience_ms = 10000,
                                            .failures = 30};
    struct door_guest persons[50] = {0};
    (void)state;
    door_set_limits(door, &wide);
    for (used = 0; used < GUESTS; used++)
        door_arrive(door, &guests[used], MALLORY, now);
    for (unsigned i = 0; i < 50; i++) {
        int64_t came = now;
        door_arrive(door, &persons[i], MALLORY, now);
        while (persons[i].stage == DOOR_WAITING && now - came < 60000)
            besiege_own(&persons[i]);
        assert_true(now - came <= 3 * DOOR_EQUAL_MS); /* less than clients wait */
        now += 10 * (i % 3);
        if (i % 2) door_admit(door, &persons[i], now);
        door_leave(door, &persons[i], DOOR_STRANGER, now);
    }
    for (unsigned k = 0; k < used; k++)
        door_leave(door, &guests[k], DOOR_LEFT, now);
}

static void known_address__goes_before_others(void **state)
{
    (void)state;
    make_known(TRENT);
    for (uint64_t key = 100; key < 100 + PLACES; key++)
        come(key);
    for (uint64_t key = 200; key < 210; key++)
        come(key);
    struct door_guest *t = come(TRENT);
    assert_true(wait_for(t) <= DOOR_LEAST_MS);
}

static void known_address__keeps_places(void **state)
{
    (void)state;
    make_known(TRENT);
    struct door_guest *t = come(TRENT);
    for (uint64_t key = 100; key < 150; key++)
        come(key);
    come_many(MALLORY, 30);
    wait_ms(20000);
    assert_int_equal(t->stage, DOOR_INSIDE);
}

static void known_address__takes_what_it_has_beyond_its_share(void **state)
{
    static const struct door_limits wide = {.places = 4 * DOOR_KEPT,
                                            .waiting = ROOM,
                                            .patience_ms = 10000,
                                            .failures = 30};
    (void)state;
    make_known(TRENT);
    door_set_limits(door, &wide);
    struct door_guest *g;
    for (unsigned i = 0; i < 4 * DOOR_KEPT; i++) {
        door_arrive(door, &guests[used++], TRENT, now);
        assert_int_equal(door_next(door, now, &g), DOOR_LET_IN);
    }
    door_arrive(door, &guests[used], ALICE, now);
    struct door_guest *a = &guests[used++];
    now += DOOR_LEAST_MS;
    assert_int_equal(door_next(door, now, &g), DOOR_CUT);
    assert_int_equal(door_next(door, now, &g), DOOR_LET_IN);
    assert_ptr_equal(g, a);
    for (unsigned i = 0; i < used; i++)
        door_leave(door, &guests[i], DOOR_LEFT, now);
}

static void address__is_known_for_an_hour(void **state)
{
    (void)state;
    make_known(TRENT);
    now += DOOR_KNOWN_MS - 1;
    assert_true(door_knows(door, TRENT, now));
    now++;
    assert_false(door_knows(door, TRENT, now));
}

static void address__with_a_known_guest__stays_known(void **state)
{
    (void)state;
    struct door_guest *g = come(TRENT);
    door_admit(door, g, now);
    now += 100 * (int64_t)DOOR_KNOWN_MS;
    assert_true(door_knows(door, TRENT, now));
    assert_int_equal(door_inside(door), 0);
    door_leave(door, g, DOOR_LEFT, now);
    assert_true(door_knows(door, TRENT, now + 1));
}

static void stranger__who_leaves__makes_nothing_known(void **state)
{
    (void)state;
    struct door_guest *g = come(MALLORY);
    door_leave(door, g, DOOR_FAILED, now);
    assert_false(door_knows(door, MALLORY, now));
    door_admit(door, g, now); /* it is away */
    assert_false(door_knows(door, MALLORY, now));
}

static unsigned fail_for_ms(uint64_t key, int64_t ms)
{
    struct door_guest g = {0}, *next;
    unsigned let_in = 0;
    for (int64_t end = now + ms; now < end; now++) {
        if (g.stage == DOOR_AWAY) door_arrive(door, &g, key, now);
        while (door_next(door, now, &next) == DOOR_LET_IN) {
            let_in++;
            door_leave(door, &g, DOOR_FAILED, now);
            door_arrive(door, &g, key, now);
        }
    }
    door_leave(door, &g, DOOR_LEFT, now);
    return let_in;
}

static void address__with_many_failures__is_slowed_not_shut(void **state)
{
    (void)state;
    unsigned let_in = fail_for_ms(MALLORY, 10000);
    assert_in_range(let_in, 9 * DOOR_PACE, 30 + 11 * DOOR_PACE);
    assert_true(wait_for(come(MALLORY)) <= 200);
}

/* A site behind one address: a probe fails all the time, its agents come and go. */
static void address__whose_guests_mostly_prove_themselves__is_not_slowed(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        door_leave(door, come(TRENT), DOOR_FAILED, now);
        struct door_guest *g = come(TRENT);
        assert_int_equal(g->stage, DOOR_INSIDE);
        door_admit(door, g, now);
        door_leave(door, g, DOOR_LEFT, now);
        used = 0;
    }
}

static void waiting_room__full__loses_the_oldest_of_the_most(void **state)
{
    (void)state;
    come_many(MALLORY, PLACES);
    struct door_guest *b = come(BOB);
    come_many(MALLORY, ROOM - 1);
    assert_int_equal(door_waiting(door), ROOM);
    unsigned oldest = PLACES + 1;
    assert_int_equal(guests[oldest].stage, DOOR_WAITING);
    come(MALLORY);
    assert_int_equal(guests[oldest].stage, DOOR_AWAY);
    assert_int_equal(b->stage, DOOR_WAITING);
    come(CAROL);
    assert_int_equal(b->stage, DOOR_WAITING);
}

static void patience__shrinks_as_the_door_fills(void **state)
{
    (void)state;
    assert_int_equal(door_patience_ms(door), 10000);
    come_many(ALICE, PLACES / 2 + 1);
    assert_int_equal(door_patience_ms(door), 5000);
    come_many(BOB, PLACES / 2 - 1);
    assert_int_equal(door_patience_ms(door), 4000);
}

static void report__names_the_worst__once_a_minute(void **state)
{
    struct door_report r;
    (void)state;
    assert_false(door_report(door, now, &r));
    for (int i = 0; i < 5; i++) {
        door_leave(door, come(BOB), DOOR_FAILED, now);
        used = 0;
    }
    assert_false(door_report(door, now, &r));
    fail_for_ms(MALLORY, 5000);
    assert_true(door_report(door, now, &r));
    assert_int_equal(r.worst, MALLORY);
    assert_true(r.worst_failed >= 30);
    assert_true(r.failed >= r.worst_failed);
    fail_for_ms(MALLORY, 5000);
    assert_false(door_report(door, now, &r));
    now += DOOR_REPORT_MS;
    assert_true(door_report(door, now, &r));
    fail_for_ms(CAROL, 5000);
    now += DOOR_REPORT_MS;
    assert_true(door_report(door, now, &r));
    assert_int_equal(r.worst, CAROL);
}

/* ---- at random ---- */

#define CROWD 600 /* hostile guests: they come again as soon as they are away */

struct polite {
    struct door_guest guest;
    uint64_t key;
    int64_t came_ms, inside_ms, longest_ms;
    unsigned served;
};

static void expect_order(struct rng *r, struct door_guest *crowd, struct polite *p, size_t polite)
{
    struct door_guest *g;
    enum door_step step;
    while ((step = door_next(door, now, &g)) != DOOR_NOTHING) {
        if (step == DOOR_LET_IN) {
            for (size_t i = 0; i < polite; i++)
                if (g == &p[i].guest) p[i].inside_ms = now;
        }
        for (size_t i = 0; i < polite; i++)
            assert_false(step == DOOR_CUT && g == &p[i].guest);
        /* some of the crowd is idle, or fails at once */
        if (step == DOOR_LET_IN && g >= crowd && g < crowd + CROWD) {
            if (rng_below(r, 4) == 0) door_set_idle(door, g, true);
            if (rng_below(r, 8) == 0) door_leave(door, g, DOOR_FAILED, now);
        }
    }
    assert_true(door_inside(door) <= 32);
    assert_true(door_waiting(door) <= 128);
}

static void act_politely(struct polite *p, struct rng *r)
{
    switch (p->guest.stage) {
    case DOOR_AWAY:
        if (rng_below(r, 20) > 0) return;
        p->came_ms = now;
        door_arrive(door, &p->guest, p->key, now);
        break;
    case DOOR_INSIDE: /* a handshake over a slow line */
        if (now - p->inside_ms < 400) return;
        if (p->inside_ms - p->came_ms > p->longest_ms) p->longest_ms = p->inside_ms - p->came_ms;
        door_admit(door, &p->guest, now);
        p->served++;
        break;
    case DOOR_KNOWN:
        if (rng_below(r, 50) == 0) door_leave(door, &p->guest, DOOR_LEFT, now);
        break;
    default:
        break;
    }
}

/* Whatever a crowd of so many addresses does, who is polite is never cut and never waits for
 * long; who is known waits least. */
static void besiege(uint64_t seed, uint64_t addresses)
{
    static const struct door_limits limits = {.places = 32,
                                              .waiting = 128,
                                              .patience_ms = 10000,
                                              .failures = 30};
    struct door_guest *crowd = mem_array(CROWD, sizeof *crowd);
    struct polite polite[3] = {{.key = 1}, {.key = 2}, {.key = 3}};
    struct rng r;
    rng_init(&r, seed);
    door_set_limits(door, &limits);
    for (unsigned turn = 0; turn < 800; turn++) {
        for (size_t i = 0; i < CROWD; i++)
            if (crowd[i].stage == DOOR_AWAY && rng_below(&r, 4) == 0)
                door_arrive(door, &crowd[i], 1000 + i % addresses, now);
        for (size_t i = 0; i < 3; i++)
            act_politely(&polite[i], &r);
        expect_order(&r, crowd, polite, 3);
        now += 50;
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(polite[i].served >= 3);
        assert_true(polite[i].longest_ms <= DOOR_EQUAL_MS + 1000);
        door_leave(door, &polite[i].guest, DOOR_LEFT, now);
    }
    for (size_t i = 0; i < CROWD; i++)
        door_leave(door, &crowd[i], DOOR_LEFT, now);
    mem_free(crowd);
}

static void crowd__of_any_number_of_addresses__shuts_nobody_out(void **state)
{
    static const uint64_t addresses[] = {1, 3, 40, 200, 400};
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        for (uint64_t seed = 1; seed <= 2; seed++)
            besiege(seed, addresses[i]);
    }
}

#define DOOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR_TEST(door__with_room__lets_everybody_in),
        DOOR_TEST(address_with_most_places__gives_one_up),
        DOOR_TEST(guest__in_its_first_second__is_not_cut),
        DOOR_TEST(idle_guest__loses_its_place_at_once),
        DOOR_TEST(idle_guest__of_its_own_address__makes_room),
        DOOR_TEST(guest_no_longer_idle__keeps_its_place),
        DOOR_TEST(equals__take_places_after_a_longer_time),
        DOOR_TEST(same_address__newest_guest_is_next),
        DOOR_TEST(same_address__besieged__lets_each_person_in_soon),
        DOOR_TEST(known_address__goes_before_others),
        DOOR_TEST(known_address__keeps_places),
        DOOR_TEST(known_address__takes_what_it_has_beyond_its_share),
        DOOR_TEST(address__is_known_for_an_hour),
        DOOR_TEST(address__with_a_known_guest__stays_known),
        DOOR_TEST(stranger__who_leaves__makes_nothing_known),
        DOOR_TEST(address__with_many_failures__is_slowed_not_shut),
        DOOR_TEST(address__whose_guests_mostly_prove_themselves__is_not_slowed),
        DOOR_TEST(waiting_room__full__loses_the_oldest_of_the_most),
        DOOR_TEST(patience__shrinks_as_the_door_fills),
        DOOR_TEST(report__names_the_worst__once_a_minute),
        DOOR_TEST(crowd__of_any_number_of_addresses__shuts_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
