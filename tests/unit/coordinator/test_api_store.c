/* The API over a store that is slow or fails: the store's functions are wrapped in this program. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/reads/reads.h"
#include "coordinator/spine.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/store.h"
#include "platform/os.h"

#include <stdatomic.h>
#include <string.h>

static struct house house;

/* What the wrapped functions do; set by the test's thread. */
static struct {
    atomic_bool full;    /* commits fail: the disk is full */
    atomic_bool bug;     /* commits of what wrote something trip a bug */
    atomic_bool hangs;   /* the next commit that wrote something waits for `go` */
    atomic_bool slow;    /* reader_job waits for `go` */
    atomic_bool no_room; /* so many queries wait already */
    atomic_int reads;    /* of one job */
    atomic_int tokens;   /* read */
    atomic_bool late;    /* the next token that was read waits for `go` before it is handed on */
    const struct spine *spine;
    _Atomic int64_t now_ms; /* of the clock that stands still; 0: it goes */
    uv_sem_t begun, go;
} faults;

int __real_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e);
int __wrap_store_commit(struct store *s, struct err *e)
{
    if (store_dirty(s) && atomic_exchange(&faults.hangs, false)) {
        uv_sem_post(&faults.begun);
        uv_sem_wait(&faults.go);
    }
    bool bug = atomic_load(&faults.bug) && store_dirty(s);
    if (!bug && !atomic_load(&faults.full)) return __real_store_commit(s, e);
    store_rollback(s);
    return bug ? err_set(e, ERR_INTERNAL, "a bug (test)")
               : err_set(e, ERR_FULL, "no space is left on its disk");
}

int __real_reader_job(struct reader *r, int64_t id, struct job_view *out, struct err *e);
int __wrap_reader_job(struct reader *r, int64_t id, struct job_view *out, struct err *e);
int __wrap_reader_job(struct reader *r, int64_t id, struct job_view *out, struct err *e)
{
    atomic_fetch_add(&faults.reads, 1);
    if (atomic_load(&faults.slow)) {
        uv_sem_post(&faults.begun);
        uv_sem_wait(&faults.go);
    }
    return __real_reader_job(r, id, out, e);
}

int __real_reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e);
int __wrap_reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e);
int __wrap_reader_token(struct reader *r, int64_t id, struct token_row *out, struct err *e)
{
    int rc = __real_reader_token(r, id, out, e);
    atomic_fetch_add(&faults.tokens, 1);
    if (atomic_exchange(&faults.late, false)) {
        uv_sem_post(&faults.begun);
        uv_sem_wait(&faults.go);
    }
    return rc;
}

void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __wrap_os_now(struct moment *out)
{
    int64_t mono_ms = atomic_load(&faults.now_ms);
    __real_os_now(out);
    if (mono_ms) out->mono_ms = mono_ms;
}

bool __real_reads_is_full(const struct reads *s);
bool __wrap_reads_is_full(const struct reads *s);
bool __wrap_reads_is_full(const struct reads *s)
{
    return atomic_load(&faults.no_room) || __real_reads_is_full(s);
}

bool __real_spine_takes_requests(const struct spine *s);
bool __wrap_spine_takes_requests(const struct spine *s);
bool __wrap_spine_takes_requests(const struct spine *s)
{
    faults.spine = s;
    return __real_spine_takes_requests(s);
}

static int open_house(void **state)
{
    (void)state;
    assert_int_equal(uv_sem_init(&faults.begun, 0) | uv_sem_init(&faults.go, 0), 0);
    house_open(&house, "", NULL);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    uv_sem_destroy(&faults.begun);
    uv_sem_destroy(&faults.go);
    return 0;
}

static char *submit(void)
{
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    char *path = str_dupf("/api/v1/jobs/%s", json_get_str(j, "id", ""));
    json_free(j);
    return path;
}

static void ask(struct peer *p, const char *path, const char *token)
{
    char *text = str_dupf("GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path,
                          token ? token : house.admin);
    peer_open(p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(p, text, strlen(text));
    mem_free(text);
}

/* Turns the loop until a thread waits in reader_job or store_commit. */
static void run_until_held(void)
{
    while (uv_sem_trywait(&faults.begun))
        uv_run(&house.loop, UV_RUN_NOWAIT);
}

static void wait_for(struct peer *p, const char *part)
{
    while (!p->closed && !strstr(p->in.data, part)) {
        p->changed = false;
        house_run(&house, &p->changed);
    }
    assert_non_null(strstr(p->in.data, part));
}

static void slow_store__holds_up_nobody_else(void **state)
{
    struct peer slow;
    (void)state;
    char *path = submit();
    atomic_store(&faults.slow, true);
    ask(&slow, path, NULL);
    run_until_held();
    /* the loop takes connections, shakes hands and answers */
    for (int i = 0; i < 3; i++)
        json_free(house_get(&house, "/healthz", 200));
    assert_int_equal(slow.in.len, 0);
    atomic_store(&faults.slow, false);
    uv_sem_post(&faults.go);
    wait_for(&slow, "\"spec\"");
    peer_fini(&slow);
    mem_free(path);
}

static void client_that_goes_away__leaves_its_look_up_behind(void **state)
{
    struct peer held, gone;
    (void)state;
    char *path = submit();
    int before = atomic_load(&faults.reads);
    atomic_store(&faults.slow, true);
    ask(&held, path, NULL);
    run_until_held();
    ask(&gone, path, NULL);
    json_free(house_get(&house, "/healthz", 200)); /* by now the loop has its request */
    peer_fini(&gone);
    json_free(house_get(&house, "/healthz", 200));
    atomic_store(&faults.slow, false);
    uv_sem_post(&faults.go);
    wait_for(&held, "\"spec\"");
    peer_fini(&held);
    json_free(house_get(&house, "/api/v1/status", 200)); /* looked up behind it */
    /* the job was read for the one that stayed: once to see that it waits, once to answer */
    assert_int_equal(atomic_load(&faults.reads), before + 2);
    mem_free(path);
}

static void unavailable(const struct answer *a, const char *code, const char *part)
{
    answer_is(a, 503, code, part);
    assert_string_equal(a->retry_after, "1");
}

static void more_questions_than_may_wait__are_put_off(void **state)
{
    struct answer a;
    (void)state;
    char *fresh = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    atomic_store(&faults.no_room, true);
    house_call(&house, "GET", "/api/v1/status", NULL, NULL, NULL, &a);
    unavailable(&a, "unavailable", "wait already");
    answer_fini(&a);
    /* its token cannot be looked up */
    house_call(&house, "GET", "/api/v1/status", fresh, NULL, NULL, &a);
    unavailable(&a, "unavailable", "wait already");
    answer_fini(&a);
    house_call(&house, "POST", "/api/v1/jobs", fresh, "{\"command\":[\"x\"]}", NULL, &a);
    unavailable(&a, "unavailable", "wait already");
    answer_fini(&a);
    mem_free(fresh);
    atomic_store(&faults.no_room, false);
    json_free(house_get(&house, "/api/v1/status", 200));
}

/* At the door; whether it may act is decided by the engine, which knows its tokens. */
static void token__is_looked_up_once_a_second(void **state)
{
    static const struct {
        int64_t later_ms;
        int reads;
    } steps[] = {{0, 1}, {0, 1}, {999, 1}, {1000, 2}, {1500, 2}, {2500, 3}};
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"submit\"}", NULL);
    int64_t from_ms = os_mono_ms();
    int before = atomic_load(&faults.tokens);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct answer a;
        atomic_store(&faults.now_ms, from_ms + steps[i].later_ms);
        house_call(&house, "GET", "/api/v1/version", token, NULL, NULL, &a); /* needs none */
        answer_fini(&a);
        house_call(&house, "POST", "/api/v1/jobs", token, "{\"command\":[\"x\"]}",
                   "Prefer: return=minimal\r\n", &a);
        assert_int_equal(a.status, 201);
        answer_fini(&a);
        assert_int_equal(atomic_load(&faults.tokens) - before, steps[i].reads);
    }
    atomic_store(&faults.now_ms, 0);
    mem_free(token);
}

/* Beside the look at the door: the row may have changed while the question waited. */
static void read__looks_at_the_token_as_it_is_then(void **state)
{
    (void)state;
    atomic_store(&faults.now_ms, os_mono_ms());
    json_free(house_get(&house, "/api/v1/jobs", 200));
    int before = atomic_load(&faults.tokens);
    json_free(house_get(&house, "/api/v1/jobs", 200));
    assert_int_equal(atomic_load(&faults.tokens) - before, 1);
    /* what a command answers with belongs to it: the token is not asked again */
    before = atomic_load(&faults.tokens);
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201));
    assert_int_equal(atomic_load(&faults.tokens), before);
    atomic_store(&faults.now_ms, 0);
}

/* Also what the engine has made of the request: group, fallback, requires. */
static void submit__is_answered_without_a_look_at_the_store(void **state)
{
    static const char body[] =
        "{\"script\":\"echo\",\"shell\":\"bash\",\"namespace\":\"memory.below\","
        "\"requires\":{\"os\":\"linux\"},\"retry\":{\"maxAttempts\":3},\"timeout\":\"90s\"}";
    struct answer a, put;
    (void)state;
    house_call(&house, "PUT", "/api/v1/namespaces/memory", NULL,
               "{\"group\":\"default\",\"fallback\":\"IGNORE\"}", NULL, &put);
    assert_int_equal(put.status, 200);
    answer_fini(&put);
    int before = atomic_load(&faults.reads);
    house_call(&house, "POST", "/api/v1/jobs", NULL, body, "Idempotency-Key: memory\r\n", &a);
    assert_int_equal(a.status, 201);
    assert_int_equal(atomic_load(&faults.reads), before);
    assert_string_equal(json_get_str(a.json, "fallback", ""), "IGNORE");
    assert_string_equal(json_get_str(a.json, "createdBy", ""), "first administrator");
    assert_non_null(strstr(a.text, "\"requires\":{\"os\":\"linux\",\"shell\":\"bash\"}"));
    /* the same bytes as from the store */
    struct answer again;
    house_call(&house, "POST", "/api/v1/jobs", NULL, body, "Idempotency-Key: memory\r\n", &again);
    assert_int_equal(again.status, 200);
    assert_int_equal(atomic_load(&faults.reads), before + 1);
    char *duplicate = strstr(again.text, "\"duplicate\":true");
    assert_non_null(duplicate);
    size_t len = (size_t)(duplicate - again.text);
    assert_true(a.len > len);
    assert_memory_equal(a.text, again.text, len);
    assert_string_equal(a.text + len, "\"duplicate\":false}\n");
    answer_fini(&again);
    answer_fini(&a);
}

/* Its row has gone on by then. */
static void submit_that_falls_back_at_once__shows_what_became_of_it(void **state)
{
    (void)state;
    int before = atomic_load(&faults.reads);
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"lone\"}", 201));
    struct json *j =
        house_post(&house, "/api/v1/jobs",
                   "{\"command\":[\"x\"],\"group\":\"lone\",\"fallback\":\"FAIL\"}", 201);
    assert_string_equal(json_get_str(j, "state", ""), "FAILED");
    assert_string_equal(json_get_str(j, "reason", ""), "no-agent");
    json_free(j);
    j = house_post(&house, "/api/v1/jobs",
                   "{\"command\":[\"x\"],\"group\":\"lone\",\"fallback\":\"IGNORE\"}", 201);
    assert_string_equal(json_get_str(j, "group", ""), "default");
    json_free(j);
    assert_int_equal(atomic_load(&faults.reads), before + 2);
}

/* The row that was read before the revocation comes behind it. */
static void token_revoked_while_it_is_looked_up__is_refused(void **state)
{
    struct peer p;
    struct answer a;
    char id[14];
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    atomic_store(&faults.now_ms, os_mono_ms()); /* the administrator's stays known */
    json_free(house_get(&house, "/api/v1/whoami", 200));
    atomic_store(&faults.late, true);
    ask(&p, "/api/v1/status", token);
    run_until_held();
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    uv_sem_post(&faults.go);
    wait_for(&p, "token-revoked");
    peer_fini(&p);
    atomic_store(&faults.now_ms, 0);
    mem_free(path);
    mem_free(token);
}

static void full_disk__submits_are_put_off_and_reads_go_on(void **state)
{
    struct answer a;
    (void)state;
    char *path = submit();
    atomic_store(&faults.full, true);
    house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"]}", NULL, &a);
    unavailable(&a, "disk-full", NULL);
    assert_string_not_equal(json_get_str(json_get(a.json, "error"), "hint", ""), "");
    answer_fini(&a);
    json_free(house_get(&house, "/api/v1/jobs", 200));
    json_free(house_get(&house, "/api/v1/status", 200));
    atomic_store(&faults.full, false);
    struct json *j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(j, "state", ""), "CREATED");
    json_free(j);
    mem_free(path);
    /* and with room again they are taken, as soon as the store is tried again */
    for (int n = 0, status = 503; status != 201; n++) {
        assert_true(n < 100000);
        house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"]}", NULL, &a);
        status = a.status;
        answer_fini(&a);
    }
}

/* ---- is it ready? ---- */

static void readyz(const char *query, int status, const char *code, const char *part)
{
    struct answer a;
    char *path = str_dupf("/readyz%s", query);
    house_call(&house, "GET", path, "", NULL, NULL, &a);
    if (status == 200) {
        assert_int_equal(a.status, 200);
        assert_string_equal(json_get_str(a.json, "status", ""), "ready");
    } else {
        answer_is(&a, status, code, part);
    }
    if (status == 503) assert_string_equal(a.retry_after, "1");
    answer_fini(&a);
    mem_free(path);
}

/* What was good a moment ago is not asked again. */
static void forget_the_last_probe(int64_t later_ms)
{
    atomic_store(&faults.now_ms, 0);
    atomic_store(&faults.now_ms, os_mono_ms() + later_ms);
}

/* The clock goes back: no coordinator lives through that. */
static int start_anew(void **state)
{
    (void)state;
    house_stop(&house);
    atomic_store(&faults.now_ms, 0);
    house_start(&house, NULL);
    return 0;
}

static void ready__without_a_token__as_owner_too(void **state)
{
    (void)state;
    readyz("", 200, NULL, NULL);
    readyz("?owner", 200, NULL, NULL);
    readyz("?owner=1", 200, NULL, NULL);
    readyz("?onwer", 422, "invalid", "owner");
    readyz("/x", 404, "not-found", NULL);
}

static void full_disk__is_not_ready_until_there_is_room(void **state)
{
    (void)state;
    atomic_store(&faults.full, true);
    forget_the_last_probe(1500);
    readyz("", 503, "disk-full", "nothing can be saved");
    readyz("", 503, "disk-full", NULL);
    json_free(house_get(&house, "/healthz", 200)); /* but alive */
    atomic_store(&faults.full, false);
    forget_the_last_probe(10000); /* and nothing else writes meanwhile */
    readyz("", 200, NULL, NULL);
}

static void commit_that_hangs__is_not_ready_and_alive(void **state)
{
    struct peer p;
    (void)state;
    /* Steps of less than 10 s: what the store thread does behind an answer is not late by them. */
    forget_the_last_probe(8000);
    readyz("", 200, NULL, NULL); /* the start is over */
    forget_the_last_probe(12000);
    atomic_store(&faults.hangs, true);
    ask(&p, "/readyz", NULL);
    run_until_held();
    forget_the_last_probe(12000 + 12500);
    readyz("", 503, "unavailable", "not finished a batch for 12 s");
    json_free(house_get(&house, "/healthz", 200));
    uv_sem_post(&faults.go);
    wait_for(&p, "\"ready\"");
    peer_fini(&p);
    readyz("", 200, NULL, NULL);
}

/* ---- those who watch, while no request is taken ---- */

#define HEAP_JOBS 15
#define HEAP_SCRIPT 500000
#define HEAPS (SPINE_HIGH_BYTES / (HEAP_JOBS * HEAP_SCRIPT) + 1)

/* A request for jobs, some MiB long. */
static void post_heap(struct peer *p)
{
    struct buf b;
    buf_init(&b, 9u << 20);
    char *script = mem_alloc(HEAP_SCRIPT + 1);
    memset(script, 'x', HEAP_SCRIPT);
    for (int i = 0; i < HEAP_JOBS; i++)
        assert_int_equal(buf_addf(&b, "%s{\"script\":\"%s\"}", i ? "," : "[", script), 0);
    assert_int_equal(buf_adds(&b, "]"), 0);
    char *head = str_dupf("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Prefer: return=minimal\r\nContent-Length: %zu\r\n\r\n",
                          house.admin, b.len);
    peer_open(p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(p, head, strlen(head));
    for (size_t at = 0; at < b.len; at += 1u << 20) /* what fits the send queue */
        peer_write(p, b.data + at, b.len - at < 1u << 20 ? b.len - at : 1u << 20);
    mem_free(head);
    mem_free(script);
    buf_fini(&b);
}

static void spine_that_is_full__lets_those_who_watch_through_alone(void **state)
{
    static const char half[] = "{\"command\":[\"x\"],";
    struct peer heaps[HEAPS], read, sent, first;
    struct answer a;
    (void)state;
    readyz("", 200, NULL, NULL);
    forget_the_last_probe(0); /* the clock stands: a batch is not late on a slow machine */
    atomic_store(&faults.hangs, true);
    peer_open(&first, &house, ALPN_HTTP, NULL, NULL);
    char *post = str_dupf("POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
                          "Content-Length: 28\r\n\r\n%s",
                          house.admin, half);
    peer_write(&first, post, strlen(post));
    peer_write(&first, "\"name\":\"a\"}", 11);
    run_until_held();
    for (size_t i = 0; i < HEAPS; i++)
        post_heap(&heaps[i]);
    while (__real_spine_takes_requests(faults.spine))
        uv_run(&house.loop, UV_RUN_ONCE);

    ask(&read, "/api/v1/version", NULL);
    peer_open(&sent, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&sent, post, strlen(post));
    readyz("", 503, "unavailable", "does not keep up");
    json_free(house_get(&house, "/healthz", 200));
    house_call(&house, "GET", "/metrics", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 200);
    answer_fini(&a);
    house_call(&house, "GET", "/api/v1/jobs", "nonsense", NULL, NULL, &a); /* needs no store */
    answer_is(&a, 401, "token-malformed", NULL);
    answer_fini(&a);
    house_run_ms(&house, 100);
    assert_int_equal(read.in.len, 0);
    assert_int_equal(sent.in.len, 0);

    uv_sem_post(&faults.go);
    peer_write(&sent, "\"name\":\"b\"}", 11); /* the rest of its body */
    wait_for(&first, " 201 ");
    for (size_t i = 0; i < HEAPS; i++)
        wait_for(&heaps[i], "HTTP/1.1 20");
    wait_for(&read, "\"version\"");
    wait_for(&sent, " 201 ");
    atomic_store(&faults.now_ms, 0);
    readyz("", 200, NULL, NULL);
    for (size_t i = 0; i < HEAPS; i++)
        peer_fini(&heaps[i]);
    peer_fini(&first);
    peer_fini(&read);
    peer_fini(&sent);
    mem_free(post);
}

static void more_questions_than_may_wait__is_not_ready(void **state)
{
    (void)state;
    atomic_store(&faults.no_room, true);
    readyz("", 503, "unavailable", "questions");
    atomic_store(&faults.no_room, false);
    readyz("", 200, NULL, NULL);
}

static void bug__is_told_with_the_number_of_its_incident(void **state)
{
    struct answer a;
    (void)state;
    atomic_store(&faults.bug, true);
    house_call(&house, "POST", "/api/v1/jobs", NULL, "{\"command\":[\"x\"]}", NULL, &a);
    answer_is(&a, 500, "internal", "incident ");
    answer_fini(&a);
    atomic_store(&faults.bug, false);
    mem_free(submit()); /* the next one is not held up */
    struct json *status = house_get(&house, "/api/v1/status", 200);
    assert_int_equal(json_type(json_get(status, "putOff")), JSON_ARRAY);
    assert_int_equal(json_count(json_get(status, "putOff")), 0);
    json_free(status);
}

static void stop__answers_what_is_being_looked_up(void **state)
{
    struct peer p;
    (void)state;
    char *path = submit();
    char *attempts = str_dupf("%s/attempts", path);
    atomic_store(&faults.slow, true);
    ask(&p, attempts, NULL);
    run_until_held();
    atomic_store(&faults.slow, false);
    uv_sem_post(&faults.go);
    house_stop(&house);
    wait_for(&p, "\"more\":false");
    peer_fini(&p);
    mem_free(attempts);
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slow_store__holds_up_nobody_else),
        cmocka_unit_test(client_that_goes_away__leaves_its_look_up_behind),
        cmocka_unit_test(more_questions_than_may_wait__are_put_off),
        cmocka_unit_test(token__is_looked_up_once_a_second),
        cmocka_unit_test(read__looks_at_the_token_as_it_is_then),
        cmocka_unit_test(submit__is_answered_without_a_look_at_the_store),
        cmocka_unit_test(submit_that_falls_back_at_once__shows_what_became_of_it),
        cmocka_unit_test(token_revoked_while_it_is_looked_up__is_refused),
        cmocka_unit_test(full_disk__submits_are_put_off_and_reads_go_on),
        cmocka_unit_test(ready__without_a_token__as_owner_too),
        cmocka_unit_test_teardown(full_disk__is_not_ready_until_there_is_room, start_anew),
        cmocka_unit_test_teardown(commit_that_hangs__is_not_ready_and_alive, start_anew),
        cmocka_unit_test(spine_that_is_full__lets_those_who_watch_through_alone),
        cmocka_unit_test(more_questions_than_may_wait__is_not_ready),
        cmocka_unit_test(bug__is_told_with_the_number_of_its_incident),
        cmocka_unit_test(stop__answers_what_is_being_looked_up),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
