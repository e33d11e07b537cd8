/* Following a job: states and output as they come, back-pressure, resuming, and the end. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define CHUNK 32768
#define CHUNKS 400 /* 12.5 MiB: more than a send queue holds */

static struct house house;
static struct identity worker;
static struct peer agent;
static int64_t last_seq, attempts_told;

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "heartbeat: 100s\n", NULL); /* this agent sends none */
    house_enrol(&house, "w", NULL, &worker);
    house_agent(&house, &worker, "w", 4, &agent);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    peer_fini(&agent);
    identity_fini(&worker);
    house_close(&house);
    return 0;
}

static int64_t submit(const char *body)
{
    struct json *j = house_post(&house, "/api/v1/jobs", body, 201);
    int64_t id;
    assert_int_equal(id_parse(json_get_str(j, "id", ""), &id), 0);
    json_free(j);
    return id;
}

static void take_job(int64_t job)
{
    struct msg m = {0};
    do {
        msg_fini(&m);
        struct frame f;
        struct err e;
        assert_true(peer_frame(&agent, &f));
        assert_int_equal(msg_decode(f.body, f.len, house_coordinator, &m, &e), 0);
    } while (m.type != MSG_JOB);
    assert_int_equal(m.u.job.job, job);
    msg_fini(&m);
}

/* ---- a follower: an HTTP client that reads frames out of the chunks ---- */

struct follower {
    struct peer p;
    struct http_parser *http;
    size_t at; /* parsed bytes of p.in */
    struct frame_reader frames;
    bool over; /* the stream said that it is whole */
};

static int on_body(const void *data, size_t len, void *user)
{
    struct follower *f = user;
    struct err e;
    return frame_reader_add(&f->frames, data, len, &e);
}

static void follow(struct follower *f, int64_t job, int64_t cursor, const char *token)
{
    char id[ID_TEXT_SIZE];
    struct buf b;
    *f = (struct follower){0};
    id_format(job, id);
    peer_open(&f->p, &house, ALPN_HTTP, NULL, NULL);
    buf_init(&b, 8192);
    buf_addf(&b,
             "GET /api/v1/jobs/%s/follow?cursor=%lld HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
             "%s\r\n\r\n",
             id, (long long)cursor, token ? token : house.admin);
    peer_write(&f->p, b.data, b.len);
    buf_fini(&b);
    f->http = http_parser_new(HTTP_CLIENT, 1);
    http_parser_stream(f->http, on_body, f);
    frame_reader_init(&f->frames, LIMIT_FRAME_KNOWN);
}

static void follower_fini(struct follower *f)
{
    peer_fini(&f->p);
    http_parser_free(f->http);
    frame_reader_fini(&f->frames);
}

/* The next frame; false: the stream ended, well (f->over) or broken. */
static bool next_frame(struct follower *f, struct frame *out)
{
    for (;;) {
        struct err e = {0};
        int rc = frame_reader_next(&f->frames, out, &e);
        assert_true(rc >= 0);
        if (rc) return true;
        if (f->over) return false;
        enum http_event event = HTTP_MORE;
        size_t used = 0, len = f->p.in.len - f->at;
        /* in pieces, so that the frame reader never holds much */
        if (len > CHUNK) len = CHUNK;
        assert_int_equal(http_parse(f->http, f->p.in.data + f->at, len, &used, &event, &e), 0);
        f->at += used;
        if (event == HTTP_HEAD) assert_int_equal(http_parser_message(f->http)->status, 200);
        if (event == HTTP_MESSAGE) f->over = true;
        if (event != HTTP_MORE || used) continue;
        if (f->p.closed) return false;
        f->p.changed = false;
        house_run(&house, &f->p.changed);
    }
}

/* The next state event: its state. Output on the way is added to `out`. */
static void next_state(struct follower *f, const char *want, struct buf *out)
{
    struct frame frame;
    for (;;) {
        if (!next_frame(f, &frame)) fail_msg("the stream ended before %s", want);
        if (frame.type == FRAME_OUTPUT) {
            struct frame_output o;
            struct err e;
            assert_int_equal(frame_output_decode(frame.body, frame.len, &o, &e), 0);
            if (out) assert_int_equal(buf_add(out, o.data, o.len), 0);
            continue;
        }
        struct json *j;
        assert_int_equal(json_parse((const char *)frame.body, frame.len, &j, NULL), 0);
        bool same = str_eq(json_get_str(j, "state", NULL), want);
        if (str_eq(json_get_str(j, "event", NULL), "state")) {
            assert_null(json_get(j, "spec"));
            /* the last one alone: an event must fit a frame, however often the job is tried */
            assert_true(json_get(j, "attempts") && json_count(json_get(j, "attempts")) <= 1);
            attempts_told = json_get_int(j, "attemptCount", -1);
        }
        json_free(j);
        if (same) return;
    }
}

/* ---- cases ---- */

static void follow__from_the_start__sees_states_output_and_end(void **state)
{
    struct follower f;
    struct frame frame;
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    follow(&f, job, 0, NULL);
    next_state(&f, "SUBMITTED", NULL);
    peer_started(&agent, ++last_seq, job, 1);
    next_state(&f, "RUNNING", NULL);
    peer_output(&agent, ++last_seq, job, 1, STREAM_STDOUT, 0, "one ", 4);
    peer_output(&agent, ++last_seq, job, 1, STREAM_STDERR, 0, "two", 3);
    peer_finished(&agent, ++last_seq, job, 1, 0);
    next_state(&f, "SUCCESS", &out);
    assert_string_equal(out.data, "one two"); /* all of it before the end */
    assert_false(next_frame(&f, &frame));
    assert_true(f.over);
    follower_fini(&f);
    buf_fini(&out);
}

static void follow__a_final_job__gives_all_and_ends(void **state)
{
    struct follower f;
    struct frame frame;
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    peer_output(&agent, ++last_seq, job, 1, STREAM_STDOUT, 0, "x", 1);
    peer_finished(&agent, ++last_seq, job, 1, 0);
    follow(&f, job, 0, NULL);
    next_state(&f, "SUCCESS", &out);
    assert_string_equal(out.data, "x");
    assert_false(next_frame(&f, &frame));
    assert_true(f.over);
    follower_fini(&f);
    buf_fini(&out);
}

static void follow__cursor__resumes_behind_it(void **state)
{
    struct follower f;
    struct frame frame;
    struct frame_output o;
    struct err e;
    (void)state;
    int64_t job = submit("{\"command\":[\"true\"]}"), cursor = 0;
    take_job(job);
    for (int i = 0; i < 5; i++)
        peer_output(&agent, ++last_seq, job, 1, STREAM_STDOUT, i, "abcde" + i, 1);
    follow(&f, job, 0, NULL);
    for (int seen = 0; seen < 3;) {
        assert_true(next_frame(&f, &frame));
        if (frame.type != FRAME_OUTPUT) continue;
        assert_int_equal(frame_output_decode(frame.body, frame.len, &o, &e), 0);
        assert_int_equal(o.data[0], "abcde"[seen]);
        assert_int_equal(o.offset, seen);
        cursor = o.seq;
        seen++;
    }
    follower_fini(&f);
    peer_finished(&agent, ++last_seq, job, 1, 0);
    struct buf out;
    buf_init(&out, 64);
    follow(&f, job, cursor, NULL);
    next_state(&f, "SUCCESS", &out);
    assert_string_equal(out.data, "de");
    follower_fini(&f);
    buf_fini(&out);
}

static void follow__waiting_job__says_why(void **state)
{
    struct follower f;
    struct frame frame;
    const char *code = NULL;
    struct json *j = NULL;
    char id[ID_TEXT_SIZE];
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"empty\"}", 201));
    int64_t job = submit("{\"command\":[\"true\"],\"group\":\"empty\"}");
    follow(&f, job, 0, NULL);
    while (!code) {
        json_free(j);
        assert_true(next_frame(&f, &frame));
        assert_int_equal(json_parse((const char *)frame.body, frame.len, &j, NULL), 0);
        assert_string_equal(json_get_str(j, "state", ""), "CREATED");
        code = json_get_str(json_get(j, "waiting"), "code", NULL);
    }
    assert_string_equal(code, "no-agent-online");
    json_free(j);
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s/cancel", id);
    json_free(house_post(&house, path, NULL, 202));
    next_state(&f, "CANCELLED", NULL);
    mem_free(path);
    follower_fini(&f);
}

static void follow__slow_reader_of_much_output__gets_every_byte(void **state)
{
    struct follower slow;
    struct frame frame;
    static char chunk[CHUNK];
    uint64_t got = 0, sum = 0, want_sum = 0;
    (void)state;
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    follow(&slow, job, 0, NULL);
    next_state(&slow, "SUBMITTED", NULL);
    link_pause(slow.p.link); /* reads nothing while all of it arrives at the coordinator */
    for (int i = 0; i < CHUNKS; i++) {
        memset(chunk, 'a' + i % 26, sizeof chunk);
        want_sum += (uint64_t)('a' + i % 26) * sizeof chunk;
        peer_output(&agent, ++last_seq, job, 1, STREAM_STDOUT, (int64_t)i * CHUNK, chunk,
                    sizeof chunk);
        while (link_pending(agent.link) > 8 * sizeof chunk) /* as an agent that waits for room */
            house_run_ms(&house, 1);
    }
    peer_finished(&agent, ++last_seq, job, 1, 0);
    struct answer a;
    char id[ID_TEXT_SIZE];
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s/logs", id);
    do { /* until the result is there; others are served meanwhile */
        assert_false(agent.closed);
        char *show = str_dupf("/api/v1/jobs/%s", id);
        house_call(&house, "GET", show, NULL, NULL, NULL, &a);
        mem_free(show);
        if (str_eq(json_get_str(a.json, "state", ""), "SUCCESS")) break;
        answer_fini(&a);
    } while (true);
    answer_fini(&a);
    assert_false(slow.p.closed);
    assert_true(slow.p.in.len < (size_t)CHUNKS * CHUNK / 2); /* it really did not read */
    link_resume(slow.p.link);
    while (next_frame(&slow, &frame)) {
        struct frame_output o;
        struct err e;
        if (frame.type != FRAME_OUTPUT) continue;
        assert_int_equal(frame_output_decode(frame.body, frame.len, &o, &e), 0);
        assert_int_equal(o.offset, got);
        got += o.len;
        for (size_t i = 0; i < o.len; i++)
            sum += o.data[i];
    }
    assert_true(slow.over);
    assert_int_equal(got, (uint64_t)CHUNKS * CHUNK);
    assert_int_equal(sum, want_sum);
    follower_fini(&slow);
    /* the same bytes as a download */
    house_call(&house, "GET", path, NULL, NULL, NULL, &a);
    assert_int_equal(a.len, (size_t)CHUNKS * CHUNK);
    answer_fini(&a);
    mem_free(path);
}

/* The attempts of a page are numbered from `first` to `last`, in steps of one. */
static void attempts_are(const char *path, const char *tail, int64_t first, int64_t last)
{
    char *target = str_dupf("%s%s", path, tail);
    struct json *j = house_get(&house, target, 200);
    int64_t step = first < last ? 1 : -1, want = first;
    for (const struct json *a = json_first(json_get(j, "attempts")); a; a = json_next(a)) {
        assert_int_equal(json_get_int(a, "attempt", 0), want);
        want += step;
    }
    assert_int_equal(want, last + step);
    if (json_get(j, "more")) assert_int_equal(json_get_bool(j, "more", false), last > 1);
    json_free(j);
    mem_free(target);
}

static void follow__of_a_job_tried_often__tells_the_last_attempt(void **state)
{
    const int tries = 25;
    struct follower f;
    char id[ID_TEXT_SIZE];
    (void)state;
    int64_t job = submit("{\"command\":[\"false\"],\"retry\":{\"type\":\"constant\",\"interval\":"
                         "\"0s\",\"maxAttempts\":25}}");
    follow(&f, job, 0, NULL);
    for (int i = 1; i <= tries; i++) {
        take_job(job);
        peer_started(&agent, ++last_seq, job, i);
        peer_finished(&agent, ++last_seq, job, i, 1);
    }
    next_state(&f, "FAILED", NULL);
    assert_int_equal(attempts_told, tries);
    follower_fini(&f);
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s", id);
    attempts_are(path, "", 6, tries); /* the last 20, oldest first */
    attempts_are(path, "/attempts", tries, 1);
    attempts_are(path, "/attempts?limit=10", tries, 16);
    attempts_are(path, "/attempts?limit=1&before=16", 15, 15);
    attempts_are(path, "/attempts?before=6", 5, 1);
    struct json *j = house_get(&house, path, 200);
    assert_int_equal(json_get_int(j, "attemptCount", 0), tries);
    json_free(j);
    mem_free(path);
}

static void follow__revoked_token__is_cut(void **state)
{
    struct follower f;
    struct frame frame;
    struct answer a;
    char id[14];
    (void)state;
    char *token = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", id);
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    follow(&f, job, 0, token);
    next_state(&f, "SUBMITTED", NULL);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    answer_fini(&a);
    while (next_frame(&f, &frame)) {
    }
    assert_false(f.over);
    peer_finished(&agent, ++last_seq, job, 1, 0);
    mem_free(path);
    mem_free(token);
    follower_fini(&f);
}

static void follow__many_of_one_job__all_see_its_end(void **state)
{
    enum { MANY = 12 };
    static struct follower f[MANY];
    (void)state;
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    for (int i = 0; i < MANY; i++)
        follow(&f[i], job, 0, NULL);
    for (int i = 0; i < MANY; i++)
        next_state(&f[i], "SUBMITTED", NULL);
    for (int i = 0; i < MANY; i += 3)
        follower_fini(&f[i]); /* some leave */
    peer_finished(&agent, ++last_seq, job, 1, 0);
    for (int i = 0; i < MANY; i++) {
        if (i % 3 == 0) continue;
        next_state(&f[i], "SUCCESS", NULL);
        follower_fini(&f[i]);
    }
}

/* ---- orders to an agent that runs a job ---- */

static void remove__of_an_agent_that_runs_a_job__has_to_be_forced(void **state)
{
    struct identity i;
    struct peer busy;
    struct answer a;
    struct msg m;
    (void)state;
    house_enrol(&house, "busy", NULL, &i);
    house_agent(&house, &i, "busy", 99, &busy); /* the one with the most free slots */
    int64_t job = submit("{\"command\":[\"true\"]}");
    peer_expect(&busy, MSG_JOB, &m);
    assert_int_equal(m.u.job.job, job);
    msg_fini(&m);
    house_call(&house, "DELETE", "/api/v1/agents/busy", NULL, NULL, NULL, &a);
    answer_is(&a, 409, "agent-busy", "the agent 'busy' runs 1 job: ");
    answer_fini(&a);
    house_call(&house, "DELETE", "/api/v1/agents/busy?force=perhaps", NULL, NULL, NULL, &a);
    answer_is(&a, 422, "invalid", "force");
    answer_fini(&a);
    house_call(&house, "DELETE", "/api/v1/agents/busy?force=true", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    peer_expect(&busy, MSG_KILL, &m);
    assert_int_equal(m.u.kill.job, job);
    msg_fini(&m);
    peer_finished(&busy, 1, job, 1, 0);
    peer_wait_closed(&busy);
    peer_fini(&busy);
    identity_fini(&i);
}

static void finish_alive(int64_t job, const char *processes)
{
    char success[] = "SUCCESS";
    struct msg m = {.type = MSG_FINISHED};
    m.u.finished = (struct msg_finished){.seq = ++last_seq,
                                         .job = job,
                                         .attempt = 1,
                                         .state = success,
                                         .exited = true,
                                         .alive = (char *)(uintptr_t)processes};
    peer_send(&agent, &m);
}

static void show__an_agent_whose_slot_a_process_keeps(void **state)
{
    struct follower f;
    struct msg m = {.type = MSG_CLEARED};
    (void)state;
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    follow(&f, job, 0, NULL);
    finish_alive(job, "sleep (4711, root)");
    next_state(&f, "SUCCESS", NULL);
    follower_fini(&f);
    struct json *j = house_get(&house, "/api/v1/agents/w", 200);
    assert_int_equal(json_get_int(j, "busySlots", -1), 1);
    assert_int_equal(json_get_int(j, "freeSlots", -1), 3);
    const struct json *r = json_first(json_get(j, "remnants"));
    assert_string_equal(json_get_str(r, "processes", ""), "sleep (4711, root)");
    assert_int_equal(json_get_int(r, "attempt", 0), 1);
    assert_int_equal(strlen(json_get_str(r, "job", "")), 13);
    assert_non_null(json_get_str(r, "since", NULL));
    assert_null(json_next(r));
    json_free(j);
    m.u.cleared = (struct msg_cleared){.seq = ++last_seq, .job = job, .attempt = 1};
    peer_send(&agent, &m);
    do {
        msg_fini(&m);
        struct frame frame;
        struct err e;
        assert_true(peer_frame(&agent, &frame));
        assert_int_equal(msg_decode(frame.body, frame.len, house_coordinator, &m, &e), 0);
    } while (m.type != MSG_ACK || m.u.ack.seq < last_seq);
    msg_fini(&m);
    j = house_get(&house, "/api/v1/agents/w", 200);
    assert_int_equal(json_get_int(j, "freeSlots", -1), 4);
    assert_int_equal(json_count(json_get(j, "remnants")), 0);
    json_free(j);
}

/* A stream that the coordinator's end breaks off is not whole, so that its reader comes back. */
static void follow__coordinator_stops__breaks_off_without_the_end(void **state)
{
    struct follower f;
    struct frame frame;
    struct msg m;
    (void)state;
    int64_t job = submit("{\"command\":[\"true\"]}");
    take_job(job);
    follow(&f, job, 0, NULL);
    next_state(&f, "SUBMITTED", NULL);
    house_stop(&house);
    while (next_frame(&f, &frame)) {
    }
    assert_false(f.over);
    follower_fini(&f);
    peer_wait_closed(&agent);
    peer_fini(&agent);
    house_start(&house, NULL);
    peer_open(&agent, &house, ALPN_CADRE, worker.cert, worker.key);
    peer_hello(&agent, "w", "boot-1", 4);
    peer_expect(&agent, MSG_WELCOME, &m);
    assert_int_equal(m.u.welcome.seq, last_seq); /* durable, and never numbered again */
    msg_fini(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follow__from_the_start__sees_states_output_and_end),
        cmocka_unit_test(follow__a_final_job__gives_all_and_ends),
        cmocka_unit_test(follow__cursor__resumes_behind_it),
        cmocka_unit_test(follow__waiting_job__says_why),
        cmocka_unit_test(follow__slow_reader_of_much_output__gets_every_byte),
        cmocka_unit_test(follow__of_a_job_tried_often__tells_the_last_attempt),
        cmocka_unit_test(follow__revoked_token__is_cut),
        cmocka_unit_test(follow__many_of_one_job__all_see_its_end),
        cmocka_unit_test(remove__of_an_agent_that_runs_a_job__has_to_be_forced),
        cmocka_unit_test(show__an_agent_whose_slot_a_process_keeps),
        cmocka_unit_test(follow__coordinator_stops__breaks_off_without_the_end),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
