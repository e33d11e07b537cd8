/* Every state that a client's connection can be in ends by itself: a client that says no more, or
 * takes no more, is cut, with a token or without. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"

#include <signal.h>
#include <string.h>

#define TURNS 6000 /* of 20 ms: hanging for two minutes is a failure */

static struct house house;

static int open_house(void **state)
{
    static const struct coordinator_timeouts timeouts = {.head_ms = 400,
                                                         .body_ms = 600,
                                                         .idle_ms = 900,
                                                         .stall_ms = 700};
    (void)state;
#ifdef SIGPIPE
    signal(SIGPIPE, SIG_IGN); /* as every program of Cadre does */
#endif
    house_open(&house, "", &timeouts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* "@" in a text stands for the administrator's Authorization header. mem_free */
static char *request_text(const char *text)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (const char *s = text; *s; s++) {
        if (*s == '@')
            buf_addf(&b, "Authorization: Bearer %s\r\n", house.admin);
        else
            buf_addc(&b, *s);
    }
    return buf_detach(&b);
}

/* ---- clients that read and say no more ---- */

static void ends(const char *what, const char *text, int status)
{
    struct peer p;
    char *bytes = request_text(text), begin[16] = "";
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, bytes, strlen(bytes));
    for (int i = 0; i < TURNS && !p.closed; i++)
        house_run_ms(&house, 20);
    if (!p.closed) fail_msg("%s: the connection was not closed", what);
    if (status) (void)str_format(begin, sizeof begin, "HTTP/1.1 %d ", status);
    if (status && (!p.in.len || !str_starts(p.in.data, begin)))
        fail_msg("%s: %d was expected, not: %s", what, status, p.in.len ? p.in.data : "");
    if (!status && p.in.len) fail_msg("%s: there was an answer: %s", what, p.in.data);
    mem_free(bytes);
    peer_fini(&p);
}

static void client__that_says_no_more__is_cut_in_every_state(void **state)
{
    (void)state;
    ends("no byte", "", 0);
    ends("half a line", "GET /hea", 408);
    ends("empty lines", "\r\n\r\n\r\n", 408);
    ends("half a head", "GET /healthz HTTP/1.1\r\nHost: c\r\nAcc", 408);
    ends("no byte of a body", "POST /api/v1/jobs HTTP/1.1\r\nHost: c\r\n@Content-Length: 9\r\n\r\n",
         408);
    ends("half a body", "POST /api/v1/jobs HTTP/1.1\r\nHost: c\r\n@Content-Length: 9\r\n\r\n{\"c",
         408);
    ends("half a chunk",
         "POST /api/v1/jobs HTTP/1.1\r\nHost: c\r\n@Transfer-Encoding: chunked\r\n\r\n5\r\n{\"c",
         408);
    ends("after an answer", "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n", 200);
    ends("after an answer to a token", "GET /api/v1/whoami HTTP/1.1\r\nHost: c\r\n@\r\n", 200);
    ends("half a head after an answer", "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\nGET /", 200);
    ends("after the last answer", "GET /healthz HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n",
         200);
    ends("after a refusal", "GET /api/v1/status HTTP/1.1\r\nHost: c\r\n\r\n", 401);
}

/* ---- clients that do not read ---- */

/* The client notices its end only by what it writes: so it goes on writing. */
static void writes_until_cut(const char *what, const char *first, const char *again)
{
    struct peer p;
    char *bytes = request_text(first), *more = request_text(again);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    link_pause(p.link);
    peer_write(&p, bytes, strlen(bytes));
    for (int i = 0; i < TURNS && !p.closed; i++) {
        for (int k = 0; k < 500 && p.link && link_pending(p.link) < 64 << 10; k++)
            peer_write(&p, more, strlen(more));
        house_run_ms(&house, 20);
    }
    if (!p.closed) fail_msg("%s: the connection was not cut", what);
    mem_free(bytes);
    mem_free(more);
    peer_fini(&p);
}

static void client__that_takes_no_answers__is_cut(void **state)
{
    (void)state;
    writes_until_cut("a stranger", "", "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n");
    writes_until_cut("a stranger's mistakes", "", "GET /nowhere HTTP/1.1\r\nHost: c\r\n\r\n");
    writes_until_cut("a client with a token", "",
                     "GET /api/v1/groups HTTP/1.1\r\nHost: c\r\n@\r\n");
    writes_until_cut("after the last answer",
                     "GET /healthz HTTP/1.1\r\nHost: c\r\nConnection: close\r\n\r\n",
                     "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n");
    writes_until_cut("after nonsense", "nonsense\r\n\r\n", "more of it\r\n");
}

/* Much output, which the client asks for and does not take. */
static void stream__that_is_not_taken__is_cut(void **state)
{
    enum { CHUNK = 60000, CHUNKS = 200 };
    struct identity i;
    struct peer agent;
    struct msg m;
    int64_t job;
    (void)state;
    house_enrol(&house, "loud", NULL, &i);
    house_agent(&house, &i, "loud", 1, &agent);
    struct json *j = house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201);
    char *path = str_dupf("GET /api/v1/jobs/%s/logs HTTP/1.1\r\nHost: c\r\n@\r\n",
                          json_get_str(j, "id", ""));
    json_free(j);
    peer_expect(&agent, MSG_JOB, &m);
    job = m.u.job.job;
    msg_fini(&m);
    peer_started(&agent, 1, job, 1);
    char *chunk = mem_alloc(CHUNK);
    memset(chunk, 'x', CHUNK);
    for (int k = 0; k < CHUNKS; k++) {
        peer_output(&agent, 2 + k, job, 1, 1, (int64_t)k * CHUNK, chunk, CHUNK);
        house_run_ms(&house, 1);
    }
    peer_finished(&agent, 2 + CHUNKS, job, 1, 0);
    peer_expect(&agent, MSG_ACK, &m);
    while (m.u.ack.seq < 2 + CHUNKS) {
        msg_fini(&m);
        peer_expect(&agent, MSG_ACK, &m);
    }
    msg_fini(&m);
    writes_until_cut("a stream", path, "GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n");
    mem_free(chunk);
    mem_free(path);
    peer_fini(&agent);
    identity_fini(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client__that_says_no_more__is_cut_in_every_state),
        cmocka_unit_test(client__that_takes_no_answers__is_cut),
        cmocka_unit_test(stream__that_is_not_taken__is_cut),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
