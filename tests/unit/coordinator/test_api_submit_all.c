/* An array of jobs in one request: what is taken, and above all what is not. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

#define GOOD "{\"command\":[\"true\"]}"
#define LOST "{\"command\":[\"true\"],\"group\":\"nowhere\"}"

static struct house house;

static int open_house(void **state)
{
    /* Nobody is cut for being slow. */
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

static void post(const char *query, const char *token, const char *body, const char *headers,
                 struct answer *a)
{
    char *path = str_dupf("/api/v1/jobs%s", query);
    house_call(&house, "POST", path, token, body, headers, a);
    mem_free(path);
}

/* The item of an answer that is one. */
static const struct json *item(const struct answer *a, size_t n)
{
    const struct json *j = json_first(a->json);
    assert_int_equal(json_type(a->json), JSON_ARRAY);
    while (n-- && j)
        j = json_next(j);
    assert_non_null(j);
    return j;
}

static const char *id_of(const struct answer *a, size_t n)
{
    const char *id = json_get_str(item(a, n), "id", NULL);
    if (!id) fail_msg("no job: %s", a->text);
    return id;
}

static void is_refused(const struct answer *a, size_t n, const char *code, const char *field,
                       const char *part)
{
    const struct json *e = json_get(item(a, n), "error");
    const char *message = json_get_str(e, "message", "");
    assert_null(json_get(item(a, n), "id"));
    assert_string_equal(json_get_str(e, "code", ""), code);
    assert_string_equal(json_get_str(e, "field", ""), field);
    if (!str_starts(message, field) || !strstr(message, part)) fail_msg("%s", message);
}

static void refused_whole(const char *query, const char *body, const char *headers, int status,
                          const char *code, const char *part)
{
    struct answer a;
    post(query, NULL, body, headers, &a);
    answer_is(&a, status, code, part);
    answer_fini(&a);
}

static size_t count_jobs(void)
{
    struct json *j = house_get(&house, "/api/v1/status", 200);
    size_t n = (size_t)json_get_int(json_get(j, "jobs"), "CREATED", -1);
    json_free(j);
    return n;
}

/* An array of so many of the text. mem_free */
static char *array_of(const char *text, size_t count)
{
    struct buf b;
    buf_init(&b, 16u << 20);
    for (size_t i = 0; i < count; i++)
        buf_addf(&b, "%s%s", i ? "," : "[", text);
    buf_addc(&b, ']');
    char *all = buf_detach(&b);
    return all;
}

/* ---- what is taken ---- */

static void array__of_good_jobs__is_answered_in_its_order(void **state)
{
    struct answer a;
    (void)state;
    size_t before = count_jobs();
    post("", NULL, " [" GOOD ",\n{\"command\":[\"x\"],\"name\":\"second\"}]\n", NULL, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_count(a.json), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(json_get_str(item(&a, i), "state", ""), "CREATED");
        assert_int_equal(json_count(item(&a, i)), 2);
    }
    char *path = str_dupf("/api/v1/jobs/%s", id_of(&a, 1));
    struct json *j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(j, "name", ""), "second");
    json_free(j);
    mem_free(path);
    answer_fini(&a);
    assert_int_equal(count_jobs(), before + 2);
}

static void array__of_as_many_as_may_be__is_taken(void **state)
{
    struct answer a;
    (void)state;
    size_t before = count_jobs();
    char *all = array_of(GOOD, LIMIT_JOBS);
    post("?atomic=true", NULL, all, NULL, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_count(a.json), LIMIT_JOBS);
    answer_fini(&a);
    mem_free(all);
    assert_int_equal(count_jobs(), before + LIMIT_JOBS);
}

static void array__with_bad_ones__tells_of_each(void **state)
{
    struct answer a;
    (void)state;
    size_t before = count_jobs();
    post("?atomic=false", NULL,
         "[" LOST "," GOOD ",17,null,[" GOOD "],{},{\"comand\":[\"x\"]},{\"command\":[]},"
         "{\"command\":[\"x\"],\"retry\":{\"interval\":\"soon\"}}," GOOD ",\"text\","
         "{\"command\":[\"x\"],\"requires\":{\"oss\":\"linux\"}}]",
         NULL, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(json_count(a.json), 12);
    is_refused(&a, 0, "unknown-group", "[0].group", "nowhere");
    (void)id_of(&a, 1);
    is_refused(&a, 2, "invalid", "[2]", "object");
    is_refused(&a, 3, "invalid", "[3]", "object");
    is_refused(&a, 4, "invalid", "[4]", "object");
    is_refused(&a, 5, "invalid", "[5].command", "");
    is_refused(&a, 6, "invalid", "[6].comand", "unknown field");
    is_refused(&a, 7, "invalid", "[7].command", "words");
    is_refused(&a, 8, "invalid", "[8].retry.interval", "soon");
    (void)id_of(&a, 9);
    is_refused(&a, 10, "invalid", "[10]", "object");
    is_refused(&a, 11, "invalid", "[11].requires.oss", "capability");
    answer_fini(&a);
    assert_int_equal(count_jobs(), before + 2);
}

static void array__of_bad_ones_alone__is_answered_as_any(void **state)
{
    struct answer a;
    (void)state;
    post("", NULL, "[1,2]", NULL, &a);
    assert_int_equal(a.status, 200);
    is_refused(&a, 0, "invalid", "[0]", "object");
    is_refused(&a, 1, "invalid", "[1]", "object");
    answer_fini(&a);
}

/* ---- all or none ---- */

static void atomic__with_a_bad_one__stores_nothing(void **state)
{
    static const struct {
        const char *body, *code, *field;
        int status;
    } bad[] = {
        {"[" GOOD "," GOOD "," LOST "]", "unknown-group", "[2].group", 422},
        {"[" LOST "," GOOD "]", "unknown-group", "[0].group", 422},
        {"[" GOOD ",{\"command\":[]}]", "invalid", "[1].command", 422},
        {"[" LOST ",{\"command\":[]}]", "invalid", "[1].command", 422},
        {"[" GOOD ",7]", "invalid", "[1]", 422},
        {"[" GOOD ",{\"command\":[\"x\"],\"requires\":{\"oss\":\"a\"}}]", "invalid",
         "[1].requires.oss", 422},
    };
    (void)state;
    size_t before = count_jobs();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct answer a;
        post("?atomic=true", NULL, bad[i].body, "Idempotency-Key: atomic\r\n", &a);
        answer_is(&a, bad[i].status, bad[i].code, bad[i].field);
        assert_string_equal(json_get_str(json_get(a.json, "error"), "field", ""), bad[i].field);
        answer_fini(&a);
        assert_int_equal(count_jobs(), before);
    }
}

static void atomic__into_a_full_queue__stores_nothing(void **state)
{
    struct answer a;
    (void)state;
    json_free(house_post(&house, "/api/v1/groups", "{\"key\":\"small\",\"maxQueued\":2}", 201));
    char *all = array_of("{\"command\":[\"x\"],\"group\":\"small\"}", 3);
    size_t before = count_jobs();
    post("?atomic=true", NULL, all, NULL, &a);
    answer_is(&a, 429, "queue-full", "[2]: ");
    answer_fini(&a);
    assert_int_equal(count_jobs(), before);
    post("", NULL, all, NULL, &a);
    assert_int_equal(a.status, 200);
    is_refused(&a, 2, "queue-full", "[2]", "small");
    answer_fini(&a);
    mem_free(all);
    assert_int_equal(count_jobs(), before + 2);
}

/* ---- again ---- */

static void array__again_with_its_key__is_the_same_jobs(void **state)
{
    static const char key[] = "Idempotency-Key: again\r\n";
    struct answer a, b, one;
    (void)state;
    post("", NULL, "[" GOOD ",7," GOOD "]", key, &a);
    house_stop(&house);
    house_start(&house, NULL);
    size_t before = count_jobs();
    post("?atomic=true", NULL, "[" GOOD "," GOOD "," GOOD "]", key, &b);
    assert_int_equal(b.status, 200);
    for (size_t i = 0; i < 3; i += 2) {
        assert_string_equal(id_of(&a, i), id_of(&b, i));
        assert_null(json_get(item(&a, i), "duplicate"));
        assert_true(json_get_bool(item(&b, i), "duplicate", false));
    }
    assert_null(json_get(item(&b, 1), "duplicate")); /* it was none the first time */
    assert_int_equal(count_jobs(), before + 1);
    /* the key of an item is a key like any other */
    post("", NULL, GOOD, "Idempotency-Key: again/2\r\n", &one);
    assert_int_equal(one.status, 200);
    assert_string_equal(json_get_str(one.json, "id", ""), id_of(&a, 2));
    answer_fini(&one);
    answer_fini(&b);
    answer_fini(&a);
}

static void array__with_a_key_too_long_for_its_last_item__is_refused(void **state)
{
    (void)state;
    char *most = str_dupf("Idempotency-Key: %0198d\r\n", 1);
    char *more = str_dupf("Idempotency-Key: %0199d\r\n", 1);
    char *eleven = array_of(GOOD, 11);
    struct answer a;
    size_t before = count_jobs();
    refused_whole("", "[" GOOD "]", more, 422, "invalid", "1 to 198 bytes");
    refused_whole("", eleven, most, 422, "invalid", "1 to 197 bytes");
    refused_whole("", "[" GOOD "]", "Idempotency-Key: \r\n", 422, "invalid", "Idempotency-Key");
    refused_whole("", "[" GOOD "]", "Idempotency-Key: \xff\r\n", 422, "invalid", "Idempotency-Key");
    assert_int_equal(count_jobs(), before);
    post("", NULL, "[" GOOD "]", most, &a);
    assert_int_equal(a.status, 200);
    (void)id_of(&a, 0);
    answer_fini(&a);
    mem_free(most);
    mem_free(more);
    mem_free(eleven);
}

/* ---- what is no array of jobs ---- */

static void body__that_is_no_array_of_jobs__is_refused_whole(void **state)
{
    static const char *const bodies[] = {
        "[" GOOD ",",
        "[" GOOD "",
        "[" GOOD " " GOOD "]",
        "[" GOOD "],",
        "[" GOOD "]" GOOD,
        "[" GOOD ",{\"command\":[\"x\"],\"command\":[\"y\"]}]",
        "[,]",
        "[" GOOD ",]",
        "[" GOOD ",{\"name\":\"\xff\"}]",
        "[",
        "]",
        "[{\"name\":\"\\u0000\"}]",
    };
    (void)state;
    size_t before = count_jobs();
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        refused_whole("", bodies[i], NULL, 400, "bad-request", "JSON");
        refused_whole("?atomic=true", bodies[i], NULL, 400, "bad-request", "JSON");
    }
    refused_whole("", "[]", NULL, 400, "bad-request", "1 to 1000");
    refused_whole("", "[ ]", NULL, 400, "bad-request", "1 to 1000");
    char *many = array_of(GOOD, LIMIT_JOBS + 1);
    refused_whole("", many, NULL, 413, "too-large", "1001");
    refused_whole("?atomic=true", many, NULL, 413, "too-large", "1001");
    mem_free(many);
    char *deep = array_of("[", 70);
    refused_whole("", deep, NULL, 400, "bad-request", NULL);
    mem_free(deep);
    assert_int_equal(count_jobs(), before);
}

static void atomic__other_than_true_or_false__is_refused(void **state)
{
    (void)state;
    size_t before = count_jobs();
    refused_whole("?atomic=yes", "[" GOOD "]", NULL, 422, "invalid", "atomic");
    refused_whole("?atomic=TRUE", "[" GOOD "]", NULL, 422, "invalid", "atomic");
    refused_whole("?atomic=1", GOOD, NULL, 422, "invalid", "atomic");
    refused_whole("?atomc=true", "[" GOOD "]", NULL, 422, "invalid", "atomc");
    assert_int_equal(count_jobs(), before);
}

/* An array is of jobs, nowhere else. */
static void array__for_another_route__is_refused(void **state)
{
    static const char *const paths[] = {"/api/v1/groups", "/api/v1/flows", "/api/v1/tokens"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer a;
        house_call(&house, "POST", paths[i], NULL, "[{}]", NULL, &a);
        answer_is(&a, 400, "bad-request", "object");
        answer_fini(&a);
    }
}

/* ---- whose ---- */

static void token__holds_for_each_job(void **state)
{
    struct answer a;
    (void)state;
    char *bound =
        house_token(&house, "{\"type\":\"api\",\"role\":\"submit\",\"namespace\":\"mine\"}", NULL);
    char *reader = house_token(&house, "{\"type\":\"api\",\"role\":\"read\"}", NULL);
    const char *body = "[" GOOD ",{\"command\":[\"x\"],\"namespace\":\"mine.below\"},"
                       "{\"command\":[\"x\"],\"namespace\":\"yours\"}]";
    size_t before = count_jobs();
    post("?atomic=true", bound, body, NULL, &a);
    answer_is(&a, 403, "namespace", "[2]: ");
    answer_fini(&a);
    post("", reader, body, NULL, &a);
    answer_is(&a, 403, "role", NULL);
    answer_fini(&a);
    post("", "", body, NULL, &a);
    answer_is(&a, 401, "token-missing", NULL);
    answer_fini(&a);
    assert_int_equal(count_jobs(), before);
    post("", bound, body, NULL, &a);
    assert_int_equal(a.status, 200);
    is_refused(&a, 2, "namespace", "[2]", "yours");
    char *path = str_dupf("/api/v1/jobs/%s", id_of(&a, 0));
    struct json *j = house_get(&house, path, 200);
    assert_string_equal(json_get_str(j, "namespace", ""), "mine"); /* the token's own */
    json_free(j);
    mem_free(path);
    answer_fini(&a);
    mem_free(bound);
    mem_free(reader);
}

/* ---- how large ---- */

/* A job with so many bytes of name, which is too long a name. */
static void add_large(struct buf *b, size_t bytes)
{
    char *filler = mem_alloc(bytes + 1);
    memset(filler, 'x', bytes);
    buf_addf(b, "{\"command\":[\"x\"],\"name\":\"%s\"}", filler);
    mem_free(filler);
}

static void item__over_the_limit_of_one_job__is_refused_alone(void **state)
{
    struct buf b;
    struct answer a;
    (void)state;
    buf_init(&b, 16u << 20);
    buf_adds(&b, "[" GOOD ",");
    add_large(&b, LIMIT_HTTP_BODY);
    buf_adds(&b, ",{\"script\":\"");
    for (size_t i = 0; i < LIMIT_PAYLOAD + 1; i++)
        buf_addc(&b, 'y');
    buf_adds(&b, "\"}," GOOD "]");
    post("", NULL, b.data, NULL, &a);
    assert_int_equal(a.status, 200);
    (void)id_of(&a, 0);
    is_refused(&a, 1, "too-large", "[1]", "1048576");
    is_refused(&a, 2, "payload-too-large", "[2]", "");
    (void)id_of(&a, 3);
    answer_fini(&a);
    post("?atomic=true", NULL, b.data, NULL, &a);
    answer_is(&a, 413, "too-large", "[1]: ");
    answer_fini(&a);
    buf_fini(&b);
}

static void is_answered(struct peer *p, const char *answer)
{
    while (!p->closed && (!p->in.len || !strstr(p->in.data, "\r\n\r\n"))) {
        p->changed = false;
        house_run(&house, &p->changed);
    }
    if (!p->in.len || !str_starts(p->in.data, answer))
        fail_msg("%s was expected, not %s", answer, p->in.len ? p->in.data : p->err.msg);
    peer_fini(p);
}

/* A client has no more than this on the way. */
static void write_piece(struct peer *p, const char *data, size_t len)
{
    peer_write(p, data, len);
    while (p->link && link_pending(p->link))
        uv_run(&house.loop, UV_RUN_ONCE);
}

#define PIECE ((size_t)512 * 1024)

/* `len` bytes of body in all: blanks, and `last`. length: what the head states; NULL: chunked. */
static void send_body(const char *path, size_t len, const char *length, const char *last,
                      const char *answer)
{
    struct peer p;
    size_t blanks = len - strlen(last);
    char *head =
        str_dupf("POST %s HTTP/1.1\r\nHost: c\r\nAuthorization: Bearer %s\r\n%s%s\r\n\r\n", path,
                 house.admin, length ? "Content-Length: " : "Transfer-Encoding: chunked",
                 length ? length : "");
    char *piece = mem_alloc(PIECE);
    memset(piece, ' ', PIECE);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    write_piece(&p, head, strlen(head));
    while (blanks && !p.closed && !p.in.len) {
        char size[24];
        size_t n = blanks < PIECE ? blanks : PIECE;
        assert_int_equal(str_format(size, sizeof size, "%zx\r\n", n), 0);
        if (!length) write_piece(&p, size, strlen(size));
        write_piece(&p, piece, n);
        if (!length) write_piece(&p, "\r\n", 2);
        blanks -= n;
    }
    char *end = length ? mem_strdup(last) : str_dupf("%zx\r\n%s\r\n0\r\n\r\n", strlen(last), last);
    write_piece(&p, end, strlen(end));
    is_answered(&p, answer);
    mem_free(head);
    mem_free(piece);
    mem_free(end);
}

/* The head is enough when it states the length. A body of one job keeps to its own limit. */
static void body__over_its_limit__is_413(void **state)
{
    (void)state;
    send_body("/api/v1/jobs", LIMIT_HTTP_BODY, "1048576", GOOD, "HTTP/1.1 201 ");
    send_body("/api/v1/jobs", LIMIT_HTTP_BODY + 1, "1048577", GOOD, "HTTP/1.1 413 ");
    send_body("/api/v1/jobs", LIMIT_HTTP_BODY + 1, "1048577", "[" GOOD "]", "HTTP/1.1 200 ");
    send_body("/api/v1/jobs", LIMIT_HTTP_JOBS, "8388608", "[" GOOD "]", "HTTP/1.1 200 ");
    send_body("/api/v1/jobs", 0, "8388609", "", "HTTP/1.1 413 ");
    send_body("/api/v1/groups", 0, "1048577", "", "HTTP/1.1 413 ");
    send_body("/api/v1/jobs", 0, "99999999999", "", "HTTP/1.1 413 ");
}

/* The body comes in chunks that do not say how much is to come. */
static void body__in_chunks__keeps_to_the_same_limits(void **state)
{
    (void)state;
    send_body("/api/v1/jobs", LIMIT_HTTP_BODY, NULL, GOOD, "HTTP/1.1 201 ");
    send_body("/api/v1/jobs", LIMIT_HTTP_BODY + 1, NULL, GOOD, "HTTP/1.1 413 ");
    send_body("/api/v1/jobs", LIMIT_HTTP_JOBS, NULL, "[" GOOD "]", "HTTP/1.1 200 ");
    send_body("/api/v1/jobs", LIMIT_HTTP_JOBS + 1, NULL, "[" GOOD "]", "HTTP/1.1 413 ");
    send_body("/api/v1/groups", LIMIT_HTTP_BODY, NULL, "{\"key\":\"in-chunks\"}", "HTTP/1.1 201 ");
    send_body("/api/v1/groups", LIMIT_HTTP_BODY + 1, NULL, "{\"key\":\"no\"}", "HTTP/1.1 413 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(array__of_good_jobs__is_answered_in_its_order),
        cmocka_unit_test(array__of_as_many_as_may_be__is_taken),
        cmocka_unit_test(array__with_bad_ones__tells_of_each),
        cmocka_unit_test(array__of_bad_ones_alone__is_answered_as_any),
        cmocka_unit_test(atomic__with_a_bad_one__stores_nothing),
        cmocka_unit_test(atomic__into_a_full_queue__stores_nothing),
        cmocka_unit_test(array__again_with_its_key__is_the_same_jobs),
        cmocka_unit_test(array__with_a_key_too_long_for_its_last_item__is_refused),
        cmocka_unit_test(body__that_is_no_array_of_jobs__is_refused_whole),
        cmocka_unit_test(atomic__other_than_true_or_false__is_refused),
        cmocka_unit_test(array__for_another_route__is_refused),
        cmocka_unit_test(token__holds_for_each_job),
        cmocka_unit_test(item__over_the_limit_of_one_job__is_refused_alone),
        cmocka_unit_test(body__over_its_limit__is_413),
        cmocka_unit_test(body__in_chunks__keeps_to_the_same_limits),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
