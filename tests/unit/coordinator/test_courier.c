/* The courier with children that are scripts: what answers, what dies, lies, says nothing, or is
 * not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/notify/courier.h"
#include "platform/files.h"
#include "platform/paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MOST 64

struct scene {
    uv_loop_t loop;
    struct courier *courier;
    char *program;
    size_t ended, delivered, sent;
    char reasons[MOST][512];
    size_t again; /* orders that the end of one sends */
};

static void send_one(struct scene *s);

static void on_end(bool delivered, const char *reason, void *user)
{
    struct scene *s = user;
    assert_true(s->ended < MOST);
    (void)str_copy(s->reasons[s->ended++], sizeof *s->reasons, reason);
    if (delivered) s->delivered++;
    if (s->again) {
        s->again--;
        send_one(s);
    }
}

static void send_in(struct scene *s, const char *lane)
{
    struct buf line;
    char id[COURIER_ID_SIZE];
    size_t before = s->ended;
    buf_init(&line, 1000);
    courier_id(s->courier, id);
    (void)buf_addf(&line, "{\"id\":\"%s\",\"lane\":\"%s\"}", id, lane);
    courier_send(s->courier, lane, &line, on_end, s);
    buf_fini(&line);
    assert_int_equal(s->ended, before); /* never from inside */
}

static void send_one(struct scene *s)
{
    send_in(s, "ops");
}

/* take NAME: reads an order, its id into the variable, its lane into $lane; yes ID: it is
 * delivered. */
#define FUNCTIONS                                                                                  \
    "take() { read -r line && lane=${line##*:\\\"} && lane=${lane%%%%\\\"*} &&\n"                  \
    "line=${line#*:\\\"} && eval \"$1=${line%%%%\\\"*}\"; }\n"                                     \
    "yes() { printf '{\"id\":\"%%s\",\"delivered\":true}\\n' \"$1\"; }\n"

static const struct courier_times brief = {.wait_ms = 300, .idle_ms = 100, .end_ms = 200};
/* A child that ends by itself, however busy the machine is. */
static const struct courier_times brief_but_for_the_end = {.wait_ms = 30000,
                                                           .idle_ms = 100,
                                                           .end_ms = 30000};

static struct scene *scene_with(const char *script, const struct courier_times *times)
{
    struct scene *s = mem_alloc(sizeof *s);
    struct err e = {0};
    char *temp = paths_temp();
    s->program = paths_join(temp, "notify");
    mem_free(temp);
    (void)file_remove(s->program, NULL);
    if (script) {
        char *text = str_dupf("#!/bin/sh\n" FUNCTIONS "%s\n", script);
        if (file_write_atomic(s->program, text, strlen(text), FILE_PROGRAM, &e))
            fail_msg("%s", err_text(&e));
        mem_free(text);
    }
    uv_loop_init(&s->loop);
    s->courier = courier_new(&s->loop, s->program, times);
    return s;
}

static struct scene *scene_of(const char *script)
{
    return scene_with(script, NULL);
}

static void scene_wait(struct scene *s, size_t ended)
{
    while (s->ended < ended)
        uv_run(&s->loop, UV_RUN_ONCE);
}

static void scene_end(struct scene *s)
{
    courier_stop(s->courier);
    courier_free(s->courier);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    (void)file_remove(s->program, NULL);
    mem_free(s->program);
    mem_free(s);
}

/* Answers each line at once. */
#define YES "while take a; do yes \"$a\"; done"

static void each_order__has_its_answer(void **state)
{
    (void)state;
    struct scene *s = scene_of(YES);
    for (int i = 0; i < 40; i++)
        send_one(s);
    assert_int_equal(courier_waiting(s->courier, "ops"), 40);
    assert_int_equal(courier_waiting(s->courier, "op"), 0);
    scene_wait(s, 40);
    assert_int_equal(s->delivered, 40);
    assert_int_equal(courier_waiting(s->courier, "ops"), 0);
    scene_end(s);
}

static void order__that_is_taken_back__is_not_sent(void **state)
{
    (void)state;
    struct scene *s = scene_of("take a; take b; yes \"$a\"; take c; yes \"$b\"; yes \"$c\"");
    assert_false(courier_take_back(s->courier, s));
    send_one(s);
    assert_false(courier_take_back(s->courier, &s->ended)); /* of another user */
    assert_true(courier_take_back(s->courier, s));
    assert_false(courier_take_back(s->courier, s));
    assert_int_equal(courier_waiting(s->courier, "ops"), 0);
    assert_int_equal(s->ended, 0);
    for (int i = 0; i < 3; i++)
        send_one(s);
    scene_wait(s, 1);
    assert_false(courier_take_back(s->courier, s)); /* the child has the next one */
    scene_wait(s, 3);
    assert_int_equal(s->delivered, 3);
    scene_end(s);
}

static void answers_in_another_order__find_theirs(void **state)
{
    (void)state;
    struct scene *s = scene_of(
        "take a; take b\n"
        "printf '{\"id\":\"%s\",\"delivered\":false,\"reason\":\"two\"}\\n{\"id\"' \"$b\"\n"
        "printf ':\"%s\",\"delivered\":true}\\n' \"$a\"; cat >/dev/null");
    send_one(s);
    send_one(s);
    scene_wait(s, 2);
    assert_string_equal(s->reasons[0], "two");
    assert_int_equal(s->delivered, 1);
    scene_end(s);
}

static void end_of_an_order__may_send_the_next(void **state)
{
    (void)state;
    struct scene *s = scene_of(YES);
    s->again = 5;
    send_one(s);
    scene_wait(s, 6);
    assert_int_equal(s->delivered, 6);
    scene_end(s);
}

static void lane_that_hangs__leaves_places(void **state)
{
    (void)state;
    struct scene *s = scene_of("while take a; do [ $lane != ops ] || yes \"$a\"; done");
    for (int i = 0; i < 20; i++)
        send_in(s, "dead");
    for (int i = 0; i < 20; i++)
        send_in(s, "lame");
    for (int i = 0; i < 20; i++)
        send_in(s, "ops");
    scene_wait(s, 20);
    assert_int_equal(s->delivered, 20);
    assert_int_equal(courier_waiting(s->courier, "ops"), 0);
    assert_int_equal(courier_waiting(s->courier, "dead"), 20);
    scene_end(s);
}

static void environment__is_fixed(void **state)
{
    (void)state;
    assert_int_equal(setenv("CADRE_TOKEN", "secret", 1), 0);
    assert_int_equal(setenv("https_proxy", "proxy:1", 1), 0);
    struct scene *s =
        scene_of("while take a; do printf '{\"id\":\"%s\",\"reason\":\"%s\"}\n' "
                 "\"$a\" \"$HOME $LANG ${CADRE_TOKEN-no} ${https_proxy-none}\"; done");
    send_one(s);
    scene_wait(s, 1);
    assert_string_equal(s->reasons[0], "/ C.UTF-8 no none");
    scene_end(s);
    assert_int_equal(unsetenv("CADRE_TOKEN"), 0);
    assert_int_equal(unsetenv("https_proxy"), 0);
}

static void child_that_dies__costs_what_it_had(void **state)
{
    (void)state;
    struct scene *s = scene_of("read -r line; exit 3");
    for (int i = 0; i < COURIER_AT_ONCE + 2; i++)
        send_one(s);
    /* the second child has the two that the first had not */
    scene_wait(s, COURIER_AT_ONCE + 2);
    assert_int_equal(s->delivered, 0);
    assert_string_equal(s->reasons[0], "cadre-notify ended with exit code 3");
    scene_end(s);
}

static void child_that_answers_and_dies__has_answered(void **state)
{
    (void)state;
    struct scene *s = scene_of("take a; yes \"$a\"; kill -9 $$");
    send_one(s);
    scene_wait(s, 1);
    assert_int_equal(s->delivered, 1);
    scene_end(s);
}

static void child_that_lies__is_ended(void **state)
{
    static const char *const lies[] = {"echo what",
                                       "echo '{\"id\":7}'",
                                       "echo '[]'",
                                       "echo",
                                       "yes x",
                                       "yes 1",
                                       "yes 0000000000000000-1",
                                       "head -c 100000 /dev/zero"};
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        char *script = str_dupf("read -r line; %s; exec cat >/dev/null", lies[i]);
        struct scene *s = scene_of(script);
        send_one(s);
        scene_wait(s, 1);
        assert_string_equal(s->reasons[0], "cadre-notify's answer cannot be read");
        scene_end(s);
        mem_free(script);
    }
}

static void answer_to_nobody__is_passed_over(void **state)
{
    (void)state;
    struct scene *s = scene_of("take a; yes \"${a%-*}-9\"; yes \"$a\"; cat >/dev/null");
    send_one(s);
    scene_wait(s, 1);
    assert_int_equal(s->delivered, 1);
    scene_end(s);
}

static void ids__are_of_one_life_alone(void **state)
{
    char a[COURIER_ID_SIZE], b[COURIER_ID_SIZE];
    (void)state;
    struct scene *s = scene_of(NULL), *t = scene_of(NULL);
    courier_id(s->courier, a);
    courier_id(t->courier, b);
    assert_string_not_equal(a, b);
    send_one(s);
    courier_id(s->courier, b);
    assert_string_not_equal(a, b);
    scene_wait(s, 1);
    scene_end(s);
    scene_end(t);
}

static void program_that_is_not_there__is_told(void **state)
{
    (void)state;
    struct scene *s = scene_of(NULL);
    send_one(s);
    send_one(s);
    scene_wait(s, 2);
    assert_non_null(strstr(s->reasons[0], "cannot be started"));
    assert_non_null(strstr(s->reasons[1], "the package cadre-notify"));
    scene_end(s);
}

static void child_that_says_nothing__may_end_its_commands_first(void **state)
{
    (void)state;
    struct scene *s = scene_with("cat >/dev/null; exit 5", &brief);
    send_one(s);
    send_one(s);
    scene_wait(s, 2);
    assert_string_equal(s->reasons[0], "cadre-notify gave no answer in time and was ended");
    assert_string_equal(s->reasons[1], s->reasons[0]);
    scene_end(s);
}

#define STREAM 40 /* orders, 20 ms apart: longer than wait_ms and end_ms together */

static void on_next(uv_timer_t *t)
{
    struct scene *s = t->data;
    if (s->sent++ < STREAM) send_one(s);
}

static void child_that_hangs__is_killed_whatever_comes(void **state)
{
    (void)state;
    struct scene *s = scene_with("take a; exec sleep 1000", &brief);
    uv_timer_t timer;
    uv_timer_init(&s->loop, &timer);
    timer.data = s;
    uv_timer_start(&timer, on_next, 0, 20);
    scene_wait(s, 1);
    assert_in_range(s->sent, 1, STREAM - 1);
    assert_string_equal(s->reasons[0], "cadre-notify gave no answer in time and was ended");
    uv_close((uv_handle_t *)&timer, NULL);
    scene_end(s);
}

/* The script tells its end by a file. */
static void child_without_an_order__is_let_go_and_comes_again(void **state)
{
    (void)state;
    struct scene *s =
        scene_with("take a; yes \"$a\"; cat >/dev/null; : >\"$0.over\"", &brief_but_for_the_end);
    char *over = str_dupf("%s.over", s->program);
    (void)file_remove(over, NULL);
    for (int life = 1; life <= 2; life++) {
        send_one(s);
        scene_wait(s, (size_t)life);
        while (!file_exists(over))
            uv_run(&s->loop, UV_RUN_ONCE);
        uv_run(&s->loop, UV_RUN_NOWAIT);
        (void)file_remove(over, NULL);
    }
    assert_int_equal(s->delivered, 2);
    mem_free(over);
    scene_end(s);
}

static void stop__ends_a_child_that_does_not_end_by_itself(void **state)
{
    (void)state;
    struct scene *s = scene_with("exec sleep 1000", &brief);
    send_one(s);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    scene_end(s);
}

static void stop__tells_all(void **state)
{
    (void)state;
    struct scene *s = scene_of("exec cat >/dev/null");
    for (int i = 0; i < COURIER_AT_ONCE + 1; i++)
        send_one(s);
    uv_run(&s->loop, UV_RUN_NOWAIT);
    courier_stop(s->courier);
    assert_int_equal(s->ended, COURIER_AT_ONCE + 1);
    assert_string_equal(s->reasons[0], "the coordinator stops");
    scene_end(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_order__has_its_answer),
        cmocka_unit_test(order__that_is_taken_back__is_not_sent),
        cmocka_unit_test(answers_in_another_order__find_theirs),
        cmocka_unit_test(end_of_an_order__may_send_the_next),
        cmocka_unit_test(lane_that_hangs__leaves_places),
        cmocka_unit_test(environment__is_fixed),
        cmocka_unit_test(child_that_dies__costs_what_it_had),
        cmocka_unit_test(child_that_answers_and_dies__has_answered),
        cmocka_unit_test(child_that_lies__is_ended),
        cmocka_unit_test(answer_to_nobody__is_passed_over),
        cmocka_unit_test(ids__are_of_one_life_alone),
        cmocka_unit_test(program_that_is_not_there__is_told),
        cmocka_unit_test(stop__tells_all),
        cmocka_unit_test(child_that_says_nothing__may_end_its_commands_first),
        cmocka_unit_test(child_that_hangs__is_killed_whatever_comes),
        cmocka_unit_test(child_without_an_order__is_let_go_and_comes_again),
        cmocka_unit_test(stop__ends_a_child_that_does_not_end_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
