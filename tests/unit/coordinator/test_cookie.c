/* The cookie of the page's session: what is one, and which requests may bring it. */
#include "coordinator/api/cookie.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

/* 32 bytes 0x00 to 0x1f in base64url */
#define GOOD "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define OURS COOKIE_NAME "=" GOOD

/* A message of these headers: name, value ... NULL. The texts are not changed. */
static struct http_message message(const char *const *headers)
{
    struct http_message m = {.request = true};
    for (size_t i = 0; headers[i]; i += 2)
        m.headers[m.header_count++] =
            (struct http_header){(char *)(uintptr_t)headers[i], (char *)(uintptr_t)headers[i + 1]};
    return m;
}

static enum cookie_found found(const char *value, uint8_t number[COOKIE_BYTES])
{
    const char *const headers[] = {"host", "x", "cookie", value, NULL};
    struct http_message m = message(headers);
    memset(number, 0xee, COOKIE_BYTES);
    return cookie_read(&m, number);
}

static void is_number(const uint8_t number[COOKIE_BYTES])
{
    for (int i = 0; i < COOKIE_BYTES; i++)
        assert_int_equal(number[i], i);
}

static void cookie__among_others__is_read(void **state)
{
    static const char *const values[] = {
        OURS,
        "a=b; " OURS,
        OURS "; a=b",
        "a=b; " OURS "; c=d",
        "a=b;" OURS ";c=d",
        "  " OURS "\t",
        ";;" OURS ";;",
        "a; " OURS "; =b; ; c==d",
        /* others of nearly that name */
        "__Host-cadre2=x; " OURS,
        "__host-cadre=x; " OURS,
        "x__Host-cadre=x; " OURS "; __Host-cadr=x",
        "a=\"" COOKIE_NAME "\"; " OURS,
    };
    uint8_t number[COOKIE_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (found(values[i], number) != COOKIE_GOOD) fail_msg("not read: %s", values[i]);
        is_number(number);
    }
}

static void cookies__without_ours__are_none(void **state)
{
    static const char *const values[] = {
        "",
        " ",
        ";",
        "; ; ;",
        "a=b",
        GOOD,
        "__Host-cadre2=" GOOD,
        "__host-cadre=" GOOD,
        "__HOST-CADRE=" GOOD,
        "__Secure-cadre=" GOOD,
        "cadre=" GOOD,
        "a=" OURS,         /* the value of another */
        "a=b, " OURS,      /* no separator of cookies */
        "\"" OURS "\"",    /* nor are quotes around a pair */
        "__Host-cadre =x", /* a blank belongs to the name */
    };
    uint8_t number[COOKIE_BYTES];
    const char *const none[] = {"host", "x", "cookies", OURS, NULL};
    struct http_message m = message(none);
    (void)state;
    assert_int_equal(cookie_read(&m, number), COOKIE_NONE);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (found(values[i], number) != COOKIE_NONE) fail_msg("found in: %s", values[i]);
}

static void cookie__that_is_malformed__is_bad(void **state)
{
    static const char *const values[] = {
        COOKIE_NAME,
        COOKIE_NAME "=",
        COOKIE_NAME "= ",
        COOKIE_NAME ";",
        COOKIE_NAME "; " OURS,
        COOKIE_NAME "=; " OURS,
        COOKIE_NAME "==" GOOD,
        COOKIE_NAME "= " GOOD,
        COOKIE_NAME "=\"" GOOD "\"",
        COOKIE_NAME "=" GOOD "=",
        COOKIE_NAME "=" GOOD "A",
        COOKIE_NAME "=" GOOD " A",
        COOKIE_NAME "=" GOOD GOOD,
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",  /* 31 bytes */
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", /* stray bits */
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+", /* base64 */
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH/8",
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh%",
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0OD\x01"
                    "AREhMUFRYXGBkaGxwdHh8",
        COOKIE_NAME "=AAECAwQFBgcICQoLDA0OD\xc3\xa4REhMUFRYXGBkaGxwdHh8",
        COOKIE_NAME "=" GOOD "," OURS,
        /* two: whose is it? */
        OURS "; " OURS,
        OURS "; a=b; " OURS,
        OURS "; " COOKIE_NAME "=x",
        OURS "; " COOKIE_NAME,
        OURS "; " OURS "; " OURS,
    };
    uint8_t number[COOKIE_BYTES];
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (found(values[i], number) != COOKIE_BAD) fail_msg("not refused: %s", values[i]);
}

static void cookie__in_one_of_several_headers__is_read_and_two_are_bad(void **state)
{
    const char *const one[] = {"cookie", "a=b", "host", "x", "cookie", OURS, "cookie", "c", NULL};
    const char *const two[] = {"cookie", OURS, "cookie", "a=b; " OURS, NULL};
    uint8_t number[COOKIE_BYTES];
    struct http_message m = message(one);
    (void)state;
    assert_int_equal(cookie_read(&m, number), COOKIE_GOOD);
    is_number(number);
    m = message(two);
    assert_int_equal(cookie_read(&m, number), COOKIE_BAD);
}

static void cookie__that_is_written__is_read_back_with_all_its_flags(void **state)
{
    uint8_t number[COOKIE_BYTES], back[COOKIE_BYTES];
    struct buf b;
    (void)state;
    for (int i = 0; i < COOKIE_BYTES; i++)
        number[i] = (uint8_t)(255 - 7 * i);
    buf_init(&b, 1024);
    cookie_set(&b, number, 43199001);
    const char *value = strchr(b.data, ' ') + 1, *end = strchr(b.data, ';');
    assert_true(str_starts(b.data, "Set-Cookie: " COOKIE_NAME "="));
    assert_string_equal(end, "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200\r\n");
    char *pair = mem_strndup(value, (size_t)(end - value));
    assert_int_equal(found(pair, back), COOKIE_GOOD);
    assert_memory_equal(number, back, sizeof back);
    buf_clear(&b);
    cookie_set(&b, number, -5);
    assert_non_null(strstr(b.data, "Max-Age=0\r\n"));
    buf_clear(&b);
    cookie_clear(&b);
    assert_string_equal(b.data, "Set-Cookie: " COOKIE_NAME "=; Path=/; Secure; HttpOnly; "
                                "SameSite=Strict; Max-Age=0\r\n");
    mem_free(pair);
    buf_fini(&b);
}

/* ---- whose page? ---- */

static bool from_page(const char *host, const char *origin, const char *page)
{
    const char *headers[8] = {NULL};
    size_t n = 0;
    struct problem p = {0};
    if (host) headers[n++] = "host", headers[n++] = host;
    if (origin) headers[n++] = "origin", headers[n++] = origin;
    if (page) headers[n++] = "x-cadre-page", headers[n++] = page;
    struct http_message m = message(headers);
    bool own = cookie_from_page(&m, &p);
    assert_int_equal(p.status, own ? 0 : 403);
    if (!own) assert_string_equal(p.code, "origin");
    return own;
}

static void request__of_our_own_page__may_change(void **state)
{
    static const char *const hosts[][2] = {
        {"queue.example.com:7433", "https://queue.example.com:7433"},
        {"queue.example.com", "https://queue.example.com"},
        {"queue.example.com:443", "https://queue.example.com"},
        {"queue.example.com", "https://queue.example.com:443"},
        {"queue.example.com:443", "https://queue.example.com:443"},
        {"127.0.0.1:7433", "https://127.0.0.1:7433"},
        {"[::1]:7433", "https://[::1]:7433"},
        {"[::1]", "https://[::1]:443"},
        {"a:1443", "https://a:1443"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (!from_page(hosts[i][0], hosts[i][1], "1"))
            fail_msg("refused: %s at %s", hosts[i][1], hosts[i][0]);
}

static void request__of_another_origin__may_not(void **state)
{
    static const char *const hosts[][2] = {
        {"a:7433", NULL},
        {"a:7433", ""},
        {"a:7433", "null"},
        {"a:7433", "*"},
        {"a:7433", "a:7433"},
        {"a:7433", "//a:7433"},
        {"a:7433", "http://a:7433"},
        {"a:7433", "HTTPS://a:7433"},
        {"a:7433", "https:/a:7433"},
        {"a:7433", "https://"},
        {"a:7433", "https://a"},
        {"a:7433", "https://a:443"},
        {"a:7433", "https://a:74330"},
        {"a:7433", "https://a:743"},
        {"a:7433", "https://a:7433/"},
        {"a:7433", "https://a:7433/x"},
        {"a:7433", "https://a:7433 "},
        {"a:7433", "https://a:7433, https://a:7433"},
        {"a:7433", "https://a:7433 https://evil"},
        {"a:7433", "https://evil https://a:7433"},
        {"a:7433", "https://A:7433"},
        {"a:7433", "https://a.:7433"},
        {"a:7433", "https://evil-a:7433"},
        {"a:7433", "https://a.evil:7433"},
        {"a:7433", "https://a:7433.evil"},
        {"a:7433", "https://x@a:7433"},
        {"a:7433", "https://a:7433@evil"},
        {"a:7433", "https://evil"},
        {"a:7433", "https://a:07433"},
        {"a:80", "https://a"},
        {"a", "https://a:80"},
        {"a", "https://a:443:443"},
        {"a", "https://a:"},
        {"a:", "https://a"},
        {"a:4430", "https://a"},
        {"a", "https://a:1443"},
        {"[::1]:7433", "https://::1:7433"},
        {"[::1]:7433", "https://[::2]:7433"},
        {"", "https://"},
        {NULL, "https://"},
        {NULL, "https://a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (from_page(hosts[i][0], hosts[i][1], "1"))
            fail_msg("taken: %s at %s", hosts[i][1], hosts[i][0]);
}

static void request__without_the_page_s_header__may_not(void **state)
{
    static const char *const values[] = {NULL, "", "0", "2", "1 ", " 1", "11", "1, 1", "true"};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (from_page("a", "https://a", values[i])) fail_msg("taken: '%s'", values[i]);
}

/* A proxy or a trick may have added one. */
static void request__with_a_header_twice__may_not(void **state)
{
    const char *const good[] = {"host", "a", "origin", "https://a", "x-cadre-page", "1", NULL};
    const char *const twice[][9] = {
        {"host", "a", "origin", "https://a", "origin", "https://a", "x-cadre-page", "1", NULL},
        {"host", "a", "origin", "https://a", "origin", "null", "x-cadre-page", "1", NULL},
        {"host", "a", "origin", "https://a", "x-cadre-page", "1", "x-cadre-page", "1", NULL}};
    struct http_message m = message(good);
    struct problem p = {0};
    (void)state;
    assert_true(cookie_from_page(&m, &p));
    for (size_t i = 0; i < 3; i++) {
        p = (struct problem){0};
        m = message(twice[i]);
        assert_false(cookie_from_page(&m, &p));
        assert_int_equal(p.status, 403);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cookie__among_others__is_read),
        cmocka_unit_test(cookies__without_ours__are_none),
        cmocka_unit_test(cookie__that_is_malformed__is_bad),
        cmocka_unit_test(cookie__in_one_of_several_headers__is_read_and_two_are_bad),
        cmocka_unit_test(cookie__that_is_written__is_read_back_with_all_its_flags),
        cmocka_unit_test(request__of_our_own_page__may_change),
        cmocka_unit_test(request__of_another_origin__may_not),
        cmocka_unit_test(request__without_the_page_s_header__may_not),
        cmocka_unit_test(request__with_a_header_twice__may_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
