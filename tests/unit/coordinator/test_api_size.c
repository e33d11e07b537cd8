/* How large a job may be that comes over the API. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"

#include <string.h>

static struct house house;

static int open_house(void **state)
{
    static const struct coordinator_timeouts timeouts = {.head_ms = 400, .idle_ms = 900};
    (void)state;
    house_open(&house, "limits: {payload: 64KiB}\n", &timeouts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* 413 */
static void refused(const char *body, const char *code, const char *part)
{
    struct answer a;
    house_call(&house, "POST", "/api/v1/jobs", NULL, body, NULL, &a);
    answer_is(&a, 413, code, part);
    answer_fini(&a);
}

static void submit__over_the_payload_limit__is_413(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 1 << 20);
    buf_adds(&b, "{\"script\":\"");
    for (int i = 0; i < 66000; i++)
        buf_addc(&b, 'x');
    buf_adds(&b, "\"}");
    refused(b.data, "payload-too-large", "64KiB");
    buf_fini(&b);
}

/* A body of a job: FIELD holds `count` times the piece. */
static char *job_of(const char *field, const char *piece, size_t count, const char *end)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_addf(&b, "{%s\"%s\":\"", strcmp(field, "stdin") == 0 ? "\"command\":[\"x\"]," : "", field);
    for (size_t i = 0; i < count; i++)
        buf_adds(&b, piece);
    buf_addf(&b, "%s\"}", end);
    char *text = buf_detach(&b);
    buf_fini(&b);
    return text;
}

/* 64 KiB: neither base64 nor what JSON escapes counts. */
static void submit__up_to_the_payload_limit__counts_the_user_s_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *field, *piece;
        size_t count;
        const char *end;
    } fit[] = {{"stdin", "eHh4", 21845, ""},
               {"script", "\\n", 65536, ""},
               {"script", "\\u001b", 65536, ""},
               {"script", "\xc3\xa4", 32768, ""}},
      over[] = {{"stdin", "eHh4", 21845, "eA=="},
                {"script", "\\n", 65537, ""},
                {"script", "\xc3\xa4", 32768, "x"}};
    for (size_t i = 0; i < sizeof fit / sizeof *fit; i++) {
        char *body = job_of(fit[i].field, fit[i].piece, fit[i].count, fit[i].end);
        json_free(house_post(&house, "/api/v1/jobs", body, 201));
        mem_free(body);
    }
    for (size_t i = 0; i < sizeof over / sizeof *over; i++) {
        char *body = job_of(over[i].field, over[i].piece, over[i].count, over[i].end);
        refused(body, "payload-too-large", "have 65537 bytes together, at most 64KiB are taken");
        mem_free(body);
    }
}

static void submit__of_5_mb__is_413_and_harms_nobody(void **state)
{
    struct buf b;
    struct answer a;
    (void)state;
    buf_init(&b, 8 << 20);
    buf_adds(&b, "{\"script\":\"");
    char *filler = buf_reserve(&b, 5000000);
    memset(filler, 'x', 5000000);
    buf_commit(&b, 5000000);
    buf_adds(&b, "\"}");
    refused(b.data, "too-large", NULL);
    house_call(&house, "POST", "/api/v1/jobs", "", b.data, NULL, &a);
    answer_is(&a, 401, "token-missing", NULL); /* a stranger's is not even looked at */
    answer_fini(&a);
    buf_fini(&b);
    json_free(house_get(&house, "/api/v1/whoami", 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submit__over_the_payload_limit__is_413),
        cmocka_unit_test(submit__up_to_the_payload_limit__counts_the_user_s_bytes),
        cmocka_unit_test(submit__of_5_mb__is_413_and_harms_nobody),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
