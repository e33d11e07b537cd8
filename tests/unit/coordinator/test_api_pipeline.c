/* Many requests on one connection, sent without waiting: answered in order, worked on together, and
 * bounded. The store's commits and the way to it are in the test's hands. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/context.h"
#include "coordinator/api/route.h"
#include "coordinator/store/store.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define JOB "{\"command\":[\"true\"]}"

static struct house house;

static struct {
    atomic_bool hold; /* commits of what wrote something wait for `go` */
    atomic_int commits;
    uv_sem_t held, go;
    /* loop thread */
    int submits;        /* pushed */
    int requests, most; /* in this turn of the loop; in any */
} hands;

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (store_dirty(s)) {
        atomic_fetch_add(&hands.commits, 1);
        if (atomic_load(&hands.hold)) {
            uv_sem_post(&hands.held);
            uv_sem_wait(&hands.go);
        }
    }
    return __real_store_commit(s, e);
}

void __real_spine_push(struct spine *s, struct command *c);
void __wrap_spine_push(struct spine *s, struct command *c);
void __wrap_spine_push(struct spine *s, struct command *c)
{
    hands.submits += c->type == CMD_SUBMIT;
    __real_spine_push(s, c);
}

void __real_route_message(struct request *r, const struct http_message *m);
void __wrap_route_message(struct request *r, const struct http_message *m);
void __wrap_route_message(struct request *r, const struct http_message *m)
{
    if (++hands.requests > hands.most) hands.most = hands.requests;
    __real_route_message(r, m);
}

static int open_house(void **state)
{
    /* Nobody is cut for being slow. */
    static const struct coordinator_timeouts timeouts = {.head_ms = 600000,
                                                         .body_ms = 600000,
                                                         .idle_ms = 600000};
    (void)state;
    assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR); /* as the coordinator does */
    assert_int_equal(uv_sem_init(&hands.held, 0) | uv_sem_init(&hands.go, 0), 0);
    house_open(&house, "", &timeouts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    uv_sem_destroy(&hands.held);
    uv_sem_destroy(&hands.go);
    return 0;
}

/* ---- a client that does not wait ---- */

/* body NULL: none. extra: headers or "". */
static void add(struct buf *b, const char *method, const char *path, const char *body,
                const char *extra)
{
    char *headers = str_dupf("Authorization: Bearer %s\r\n%s", house.admin, extra);
    struct http_content content = {"application/json", body, body ? strlen(body) : 0};
    assert_int_equal(http_write_request(b, &(struct http_to){method, path, "c"},
                                        body ? &content : NULL, headers),
                     0);
    mem_free(headers);
}

static void send_all(struct peer *p, struct buf *b)
{
    peer_open(p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(p, b->data, b->len);
    buf_fini(b);
}

/* NULL: there is none. */
static const char *next_answer(const char *text)
{
    const char *s = text ? strstr(text, "HTTP/1.1 ") : NULL;
    while (s && !(s[9] >= '1' && s[9] <= '5'))
        s = strstr(s + 1, "HTTP/1.1 ");
    return s;
}

static size_t answers(const struct peer *p)
{
    size_t n = 0;
    for (const char *s = next_answer(p->in.data); s; s = next_answer(s + 1))
        n++;
    return n;
}

static void await_answers(struct peer *p, size_t count)
{
    while (!p->closed && answers(p) < count) {
        p->changed = false;
        house_run(&house, &p->changed);
    }
    if (answers(p) < count) fail_msg("%zu answers of %zu: %s", answers(p), count, p->err.msg);
}

/* The n-th answer, from its status on; mem_free */
static char *answer(const struct peer *p, size_t n)
{
    const char *s = next_answer(p->in.data);
    while (n-- && s)
        s = next_answer(s + 1);
    assert_non_null(s);
    const char *end = next_answer(s + 1);
    return mem_strndup(s + 9, end ? (size_t)(end - s - 9) : strlen(s + 9));
}

static void answer_begins(const struct peer *p, size_t n, const char *status)
{
    char *text = answer(p, n);
    if (!str_starts(text, status)) fail_msg("answer %zu should be %s: %s", n, status, text);
    mem_free(text);
}

static size_t jobs_named(const char *name)
{
    char *path = str_dupf("/api/v1/jobs?name=%s&limit=500", name);
    struct json *j = house_get(&house, path, 200);
    size_t n = json_count(json_get(j, "jobs"));
    json_free(j);
    mem_free(path);
    return n;
}

static char *named(const char *name)
{
    return str_dupf("{\"command\":[\"true\"],\"name\":\"%s\"}", name);
}

/* ---- order ---- */

static void requests_of_all_kinds__are_answered_in_their_order(void **state)
{
    static const struct {
        const char *method, *path, *body, *status;
    } kinds[] = {
        {"POST", "/api/v1/jobs", JOB, "201 "},
        {"GET", "/api/v1/jobs?limit=1", NULL, "200 "},
        {"POST", "/api/v1/jobs", "[" JOB "," JOB "]", "200 "},
        {"GET", "/healthz", NULL, "200 "},
        {"POST", "/api/v1/jobs", "{}", "422 "},
        {"HEAD", "/api/v1/status", NULL, "200 "},
        {"GET", "/nowhere", NULL, "404 "},
        {"POST", "/api/v1/jobs", "[]", "400 "},
        {"DELETE", "/api/v1/jobs", NULL, "405 "},
        {"POST", "/api/v1/jobs", "no JSON", "400 "},
        {"HEAD", "/healthz", NULL, "200 "},
        {"GET", "/readyz", NULL, "200 "},
        {"HEAD", "/readyz", NULL, "200 "},
        {"GET", "/metrics", NULL, "200 "},
        {"HEAD", "/metrics", NULL, "200 "},
    };
    const size_t count = sizeof kinds / sizeof *kinds, all = 20 * count;
    struct peer p;
    struct buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < all; i++)
        add(&b, kinds[i % count].method, kinds[i % count].path, kinds[i % count].body, "");
    send_all(&p, &b);
    await_answers(&p, all);
    for (size_t i = 0; i < all; i++) {
        answer_begins(&p, i, kinds[i % count].status);
        if (!str_eq(kinds[i % count].method, "HEAD")) continue;
        char *text = answer(&p, i);
        assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
        mem_free(text);
    }
    peer_fini(&p);
}

static void submits__are_answered_each_with_its_own_job(void **state)
{
    struct peer p;
    struct buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < 200; i++) {
        char *body = str_dupf("{\"command\":[\"true\"],\"name\":\"own-%zu\"}", i);
        add(&b, "POST", "/api/v1/jobs", body, "");
        mem_free(body);
    }
    send_all(&p, &b);
    await_answers(&p, 200);
    for (size_t i = 0; i < 200; i++) {
        char *text = answer(&p, i), *name = str_dupf("\"name\":\"own-%zu\"", i);
        assert_non_null(strstr(text, name));
        mem_free(name);
        mem_free(text);
    }
    peer_fini(&p);
}

/* A read sees what a request before it did. */
static void read_behind_a_submit__sees_its_job(void **state)
{
    struct peer p;
    struct buf b;
    (void)state;
    char *body = named("seen");
    buf_init(&b, 1 << 20);
    add(&b, "POST", "/api/v1/jobs", body, "");
    send_all(&p, &b);
    await_answers(&p, 1);
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 3; i++)
        add(&b, "GET", "/api/v1/jobs?name=seen", NULL, "");
    peer_write(&p, b.data, b.len);
    await_answers(&p, 4);
    for (size_t i = 1; i < 4; i++) {
        char *text = answer(&p, i);
        assert_non_null(strstr(text, "\"seen\""));
        mem_free(text);
    }
    buf_fini(&b);
    mem_free(body);
    peer_fini(&p);
}

static void body_that_waits_to_be_asked_for__is_asked_for_behind_the_answers_before_it(void **state)
{
    struct peer p;
    struct buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    add(&b, "POST", "/api/v1/jobs", JOB, "");
    add(&b, "GET", "/api/v1/jobs?limit=1", NULL, "");
    buf_addf(&b,
             "POST /api/v1/jobs HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer %s\r\n"
             "Content-Length: %zu\r\nExpect: 100-continue\r\n\r\n",
             house.admin, strlen(JOB));
    send_all(&p, &b);
    await_answers(&p, 3);
    answer_begins(&p, 0, "201 ");
    answer_begins(&p, 1, "200 ");
    answer_begins(&p, 2, "100 ");
    peer_write(&p, JOB, strlen(JOB));
    await_answers(&p, 4);
    answer_begins(&p, 3, "201 ");
    peer_fini(&p);
}

/* ---- the end in the middle ---- */

/* `last` comes between other requests: it is answered with this status, what stands before it is
 * answered, and what stands behind it is not looked at. last NULL: `text` as it stands. */
static void ends_the_connection(const char *name, const char *text, const char *status)
{
    struct peer p;
    struct buf b;
    char *body = named(name);
    buf_init(&b, 4 << 20);
    for (int i = 0; i < 5; i++)
        add(&b, "POST", "/api/v1/jobs", body, "");
    buf_adds(&b, text);
    for (int i = 0; i < 5; i++)
        add(&b, "POST", "/api/v1/jobs", body, "");
    send_all(&p, &b);
    peer_wait_closed(&p);
    assert_int_equal(answers(&p), 6);
    for (size_t i = 0; i < 5; i++)
        answer_begins(&p, i, "201 ");
    answer_begins(&p, 5, status);
    char *end = answer(&p, 5);
    assert_non_null(strstr(end, "Connection: close\r\n"));
    mem_free(end);
    mem_free(body);
    peer_fini(&p);
    assert_int_equal(jobs_named(name), 5);
}

static void malformed_request__ends_the_connection_behind_the_answers_before_it(void **state)
{
    (void)state;
    ends_the_connection("garbage", "no request at all\r\n\r\n", "400 ");
    ends_the_connection("two-hosts", "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 ");
    ends_the_connection("version", "GET /healthz HTTP/2.0\r\nHost: a\r\n\r\n", "505 ");
    ends_the_connection("smuggled",
                        "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n",
                        "400 ");
}

static void body_that_is_refused__ends_the_connection_behind_the_answers_before_it(void **state)
{
    (void)state;
    ends_the_connection("no-token",
                        "POST /api/v1/jobs HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n"
                        "Content-Length: 4\r\n\r\nbody",
                        "401 ");
    ends_the_connection("unasked",
                        "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
                        "400 ");
    char *large = str_dupf("POST /api/v1/groups HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n"
                           "Content-Length: 1048577\r\n\r\n",
                           house.admin);
    ends_the_connection("large", large, "413 ");
    mem_free(large);
}

static void connection_close__ends_it_behind_its_answer(void **state)
{
    (void)state;
    ends_the_connection("close", "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                        "200 ");
}

static void client_that_leaves__leaves_nothing_behind(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct peer p;
        struct buf b;
        buf_init(&b, 1 << 20);
        for (int i = 0; i < 200; i++) {
            add(&b, "POST", "/api/v1/jobs", JOB, "");
            add(&b, "GET", "/api/v1/jobs", NULL, "");
        }
        send_all(&p, &b);
        if (round) await_answers(&p, (size_t)round);
        link_abort(p.link, NULL);
        peer_wait_closed(&p);
        peer_fini(&p);
        json_free(house_get(&house, "/api/v1/status", 200));
    }
}

/* ---- together ---- */

static void submits__share_commits(void **state)
{
    struct peer p;
    struct buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < API_PIPELINE_MAX; i++)
        add(&b, "POST", "/api/v1/jobs", JOB, "");
    int before = atomic_load(&hands.commits);
    send_all(&p, &b);
    await_answers(&p, API_PIPELINE_MAX);
    assert_in_range(atomic_load(&hands.commits) - before, 1, API_PIPELINE_MAX / 2);
    peer_fini(&p);
}

/* While the store does not answer: how many submits of these get through to it? */
static void pile_up(const char *body, int count, int most)
{
    struct peer first, p;
    struct buf b;
    atomic_store(&hands.hold, true);
    buf_init(&b, 1 << 20);
    add(&b, "POST", "/api/v1/jobs", JOB, "");
    send_all(&first, &b);
    while (uv_sem_trywait(&hands.held))
        uv_run(&house.loop, UV_RUN_NOWAIT);
    hands.submits = 0;
    buf_init(&b, 8 << 20);
    for (int i = 0; i < count; i++)
        add(&b, "POST", "/api/v1/jobs", body, "");
    send_all(&p, &b);
    while (hands.submits < most)
        uv_run(&house.loop, UV_RUN_NOWAIT);
    for (int i = 0; i < 1000; i++)
        uv_run(&house.loop, UV_RUN_NOWAIT);
    assert_int_equal(hands.submits, most);
    assert_int_equal(answers(&p), 0);
    atomic_store(&hands.hold, false);
    uv_sem_post(&hands.go);
    await_answers(&p, (size_t)count);
    assert_int_equal(hands.submits, count);
    peer_fini(&first);
    peer_fini(&p);
}

static void requests_under_way__are_bounded_in_number_and_bytes(void **state)
{
    (void)state;
    pile_up(JOB, 3 * API_PIPELINE_MAX, API_PIPELINE_MAX);
    char *large = str_dupf("{\"script\":\"%0300000d\"}", 1);
    pile_up(large, 12, (int)(API_HELD_BYTES / strlen(large)) + 1);
    mem_free(large);
}

/* ---- shares ---- */

static void on_turn_end(uv_check_t *check)
{
    (void)check;
    hands.requests = 0;
}

/* What is answered at once does not fill the pipeline: its share alone lets others through. */
static void connection_that_sends_much__has_a_share_of_each_turn(void **state)
{
    const size_t many = 2000;
    const int share = API_SHARE_BYTES / API_REQUEST_BYTES;
    uv_check_t check;
    struct peer p;
    struct buf b;
    (void)state;
    uv_check_init(&house.loop, &check);
    uv_check_start(&check, on_turn_end);
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < many; i++)
        buf_adds(&b, "GET /nowhere HTTP/1.1\r\nHost: c\r\n\r\n");
    hands.most = 0;
    send_all(&p, &b);
    await_answers(&p, many);
    assert_int_equal(hands.most, share);
    peer_fini(&p);
    /* a request with a large body takes more of it */
    char *large = str_dupf("{\"script\":\"%0100000d\"}", 1);
    buf_init(&b, 8 << 20);
    for (int i = 0; i < 40; i++)
        add(&b, "POST", "/api/v1/jobs", large, "");
    hands.most = 0;
    send_all(&p, &b);
    await_answers(&p, 40);
    assert_in_range(hands.most, 1, API_SHARE_BYTES / strlen(large) + 1);
    peer_fini(&p);
    mem_free(large);
    uv_close((uv_handle_t *)&check, NULL);
    uv_run(&house.loop, UV_RUN_NOWAIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_all_kinds__are_answered_in_their_order),
        cmocka_unit_test(submits__are_answered_each_with_its_own_job),
        cmocka_unit_test(read_behind_a_submit__sees_its_job),
        cmocka_unit_test(
            body_that_waits_to_be_asked_for__is_asked_for_behind_the_answers_before_it),
        cmocka_unit_test(malformed_request__ends_the_connection_behind_the_answers_before_it),
        cmocka_unit_test(body_that_is_refused__ends_the_connection_behind_the_answers_before_it),
        cmocka_unit_test(connection_close__ends_it_behind_its_answer),
        cmocka_unit_test(client_that_leaves__leaves_nothing_behind),
        cmocka_unit_test(submits__share_commits),
        cmocka_unit_test(requests_under_way__are_bounded_in_number_and_bytes),
        cmocka_unit_test(connection_that_sends_much__has_a_share_of_each_turn),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
