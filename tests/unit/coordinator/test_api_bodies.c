/* Bodies: whose are read, and how much of them at once. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/context.h"
#include "coordinator/api/route.h"
#include "wire/limits.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    /* Nobody is cut for being slow: what is awaited here comes at once. */
    static const struct coordinator_timeouts timeouts = {.head_ms = 600000,
                                                         .body_ms = 600000,
                                                         .idle_ms = 600000};
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

static void await(struct peer *p, const char *text)
{
    while (!p->closed && (!p->in.len || !strstr(p->in.data, text))) {
        p->changed = false;
        house_run(&house, &p->changed);
    }
    if (!p->in.len || !strstr(p->in.data, text))
        fail_msg("'%s' was expected, not: %s", text, p->in.len ? p->in.data : "");
}

/* The head alone must be answered with this, and the connection ends. length NULL: chunked. */
static void head_is_refused(const char *line, const char *token, const char *length,
                            const char *answer)
{
    struct peer p;
    char *text =
        str_dupf("%s HTTP/1.1\r\nHost: c\r\n%s%s%s%s%s\r\n\r\n", line,
                 token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "",
                 length ? "Content-Length: " : "Transfer-Encoding: chunked", length ? length : "");
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, text, strlen(text));
    await(&p, answer);
    peer_wait_closed(&p);
    peer_fini(&p);
    mem_free(text);
}

static void body__of_a_stranger__is_refused_at_the_head(void **state)
{
    static const char *const lengths[] = {"1048576", "01048576", "0000000000001", "7", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        head_is_refused("POST /api/v1/jobs", NULL, lengths[i], "401 ");
        head_is_refused("POST /api/v1/tokens", "nonsense", lengths[i], "401 ");
        head_is_refused("GET /healthz", NULL, lengths[i], "takes no body");
        head_is_refused("HEAD /healthz", NULL, lengths[i], "400 ");
        head_is_refused("GET /nowhere", NULL, lengths[i], "404 ");
        head_is_refused("DELETE /healthz", NULL, lengths[i], "405 ");
        head_is_refused("POST /%zz", NULL, lengths[i], "400 ");
    }
}

/* Whatever is wrong with it, and however little of it has arrived. */
static void head__that_cannot_be_read__is_answered_without_a_body(void **state)
{
    static const char *const heads[] = {"HEAD /x y", "HEAD /healthz HTTP/9.9\r\n\r\n",
                                        "HEAD /healthz HTTP/1.1\r\nBad Header\r\n",
                                        "HEAD /healthz HTTP/1.1\r\n\r\n"};
    (void)state;
    for (size_t i = 0; i <= sizeof heads / sizeof *heads; i++) {
        struct peer p;
        char *line = i > 0 ? mem_strdup(heads[i - 1]) : str_dupf("HEAD /%*s", 20000, "x");
        for (char *at = line + 6; i == 0 && *at; at++)
            *at = 'x';
        peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
        peer_write(&p, line, strlen(line));
        await(&p, "\r\n\r\n");
        peer_wait_closed(&p);
        if (!str_starts(p.in.data, "HTTP/1.1 4") && !str_starts(p.in.data, "HTTP/1.1 505"))
            fail_msg("%.40s: %s", line, p.in.data);
        assert_string_equal(strstr(p.in.data, "\r\n\r\n"), "\r\n\r\n");
        peer_fini(&p);
        mem_free(line);
    }
}

static void body__of_a_token_that_is_not_known__is_refused_at_the_head(void **state)
{
    struct house *h = &house;
    char id[14];
    struct answer a;
    (void)state;
    char *token = house_token(h, "{\"type\":\"api\",\"role\":\"admin\"}", id);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    house_call(h, "DELETE", path, NULL, NULL, NULL, &a);
    answer_fini(&a);
    head_is_refused("POST /api/v1/jobs", token, "01048576", "401 ");
    mem_free(path);
    mem_free(token);
}

static void every_route__that_takes_no_body__refuses_one(void **state)
{
    size_t count, seen = 0;
    const struct route *t = route_table(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        /* strangers have no budget, but a webhook's key and a sign-in's token are read */
        if (t[i].role == ROLE_JOIN && t[i].body)
            assert_true(t[i].body == BODY_WEBHOOK || t[i].body == BODY_SIGN_IN);
        if (t[i].body) continue;
        char *line = str_dupf("%s /%s", t[i].method, t[i].path);
        for (char *s = line; *s; s++)
            if (*s == ':') *s = 'x';
        head_is_refused(line, house.admin, "2", "takes no body");
        mem_free(line);
        seen++;
    }
    assert_true(seen > 30);
}

static void empty_body__is_no_body(void **state)
{
    static const char text[] = "GET /healthz HTTP/1.1\r\nHost: c\r\nContent-Length: 00\r\n\r\n";
    struct peer p;
    (void)state;
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, text, sizeof text - 1);
    await(&p, "200 OK");
    assert_false(p.closed);
    peer_fini(&p);
}

/* ---- the budget ---- */

#define UPLOADS (API_BODIES_BYTES / LIMIT_HTTP_BODY)

static char *upload_head(const char *length)
{
    return str_dupf("POST /api/v1/jobs HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer %s\r\n"
                    "Expect: 100-continue\r\n%s\r\n\r\n",
                    house.admin, length);
}

/* Every second body states its length; the others count with the most that they may have. */
static void bodies__over_the_budget__are_refused_until_others_are_through(void **state)
{
    static const char job[] = "11\r\n{\"command\":[\"x\"]}\r\n0\r\n\r\n";
    struct peer *p = mem_array(UPLOADS, sizeof *p);
    char *stated = upload_head("Content-Length: 1048576");
    char *chunked = upload_head("Transfer-Encoding: chunked");
    (void)state;
    for (size_t i = 0; i < UPLOADS; i++) {
        const char *head = i % 2 ? chunked : stated;
        peer_open(&p[i], &house, ALPN_HTTP, NULL, NULL);
        peer_write(&p[i], head, strlen(head));
        await(&p[i], "100 Continue");
    }
    head_is_refused("POST /api/v1/jobs", house.admin, "1048576", "503 ");
    head_is_refused("POST /api/v1/jobs", house.admin, "1", "503 ");
    peer_write(&p[1], job, sizeof job - 1); /* one is through */
    await(&p[1], "201 Created");
    json_free(house_post(&house, "/api/v1/jobs", "{\"command\":[\"x\"]}", 201));
    link_abort(p[0].link, NULL); /* one gives up */
    peer_wait_closed(&p[0]);
    for (int i = 0; i < 3; i++) /* what is refused or done gives its part back */
        json_free(house_post(&house, "/api/v1/jobs", "[]", 400));
    /* one that does not state its length pays as it grows */
    char *chunk = mem_alloc(4 * LIMIT_HTTP_BODY);
    memset(chunk, ' ', 4 * LIMIT_HTTP_BODY);
    peer_write(&p[3], "400000\r\n", 8);
    peer_write(&p[3], chunk, 4 * LIMIT_HTTP_BODY);
    await(&p[3], "503 ");
    mem_free(chunk);
    for (size_t i = 0; i < UPLOADS; i++)
        peer_fini(&p[i]);
    mem_free(stated);
    mem_free(chunked);
    mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(body__of_a_stranger__is_refused_at_the_head),
        cmocka_unit_test(body__of_a_token_that_is_not_known__is_refused_at_the_head),
        cmocka_unit_test(every_route__that_takes_no_body__refuses_one),
        cmocka_unit_test(head__that_cannot_be_read__is_answered_without_a_body),
        cmocka_unit_test(empty_body__is_no_body),
        cmocka_unit_test(bodies__over_the_budget__are_refused_until_others_are_through),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
