/* Tokens as people paste them, and addresses as they write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/token.h"

#include <stdio.h>
#include <string.h>

static struct token sample(enum token_kind kind)
{
    struct token t;
    memset(&t, 0, sizeof t);
    t.kind = kind;
    t.address_count = 2;
    str_copy(t.address[0], sizeof t.address[0], "queue.example.com:7433");
    str_copy(t.address[1], sizeof t.address[1], "[2001:db8::1]:7433");
    for (int i = 0; i < TOKEN_PIN_BYTES; i++)
        t.pin[i] = (uint8_t)(i * 7);
    for (int i = 0; i < TOKEN_SECRET_BYTES; i++)
        t.secret[i] = (uint8_t)(255 - i);
    t.id = 0x0123456789abcdef;
    return t;
}

static void format_sample(enum token_kind kind, char out[TOKEN_TEXT_SIZE])
{
    struct token t = sample(kind);
    assert_int_equal(token_format(&t, out, TOKEN_TEXT_SIZE), 0);
}

/* The sentence of the refusal; a token that is taken fails the test. Nothing of the secret is in
 * it. */
static struct err refusal(const char *s)
{
    struct token t;
    struct err e = {0};
    memset(&t, 0xee, sizeof t);
    struct token before = t;
    if (token_parse(s, &t, &e) != ERR_INVALID) fail_msg("'%s' was taken", s);
    assert_memory_equal(&t, &before, sizeof t);
    assert_true(e.msg[0] != '\0');
    if (strlen(s) > 60) assert_null(strstr(e.msg, s + 40));
    return e;
}

static void expect(const char *s, const char *word)
{
    struct err e = refusal(s);
    if (strstr(e.msg, word) == NULL) fail_msg("'%s' does not say '%s'", e.msg, word);
}

static void token__reads_back(void **state)
{
    (void)state;
    for (int kind = TOKEN_JOIN; kind <= TOKEN_API; kind++) {
        char text[TOKEN_TEXT_SIZE];
        struct token t = sample((enum token_kind)kind), got;
        assert_int_equal(token_format(&t, text, sizeof text), 0);
        assert_true(str_starts(text, kind == TOKEN_JOIN ? "cadre-join-" : "cadre-api-"));
        assert_int_equal(token_parse(text, &got, NULL), 0);
        assert_memory_equal(&t, &got, sizeof t);
    }
}

static void token_without_addresses_and_with_the_most__read_back(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    struct token t = sample(TOKEN_API), got;
    memset(t.address, 0, sizeof t.address);
    t.address_count = 0;
    assert_int_equal(token_format(&t, text, sizeof text), 0);
    assert_int_equal(token_parse(text, &got, NULL), 0);
    assert_memory_equal(&t, &got, sizeof t);
    t.address_count = TOKEN_ADDRESSES;
    for (int i = 0; i < TOKEN_ADDRESSES; i++) {
        memset(t.address[i], 'a' + i, TOKEN_ADDRESS_SIZE - 6);
        str_copy(t.address[i] + TOKEN_ADDRESS_SIZE - 6, 6, ":7433");
    }
    assert_int_equal(token_format(&t, text, sizeof text), 0);
    assert_int_equal(token_parse(text, &got, NULL), 0);
    assert_memory_equal(&t, &got, sizeof t);
}

static void blanks_and_line_ends_around__are_forgiven(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    struct token got;
    format_sample(TOKEN_JOIN, text);
    char *padded = str_dupf("\r\n \t%s \r\n\t ", text);
    assert_int_equal(token_parse(padded, &got, NULL), 0);
    mem_free(padded);
}

static void blanks_inside__are_named(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    format_sample(TOKEN_JOIN, text);
    static const char *const blanks[] = {" ", "\n", "\r\n", "\t"};
    for (size_t i = 0; i < 4; i++) {
        char *broken = str_dupf("%.50s%s%s", text, blanks[i], text + 50);
        expect(broken, "one piece");
        mem_free(broken);
    }
}

static void token_cut_off_anywhere__is_refused(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    format_sample(TOKEN_JOIN, text);
    size_t len = strlen(text);
    while (len-- > 0) {
        text[len] = '\0';
        struct err e = refusal(text);
        if (len >= strlen("cadre-join-") && strstr(e.msg, "cut off") == NULL)
            fail_msg("%zu bytes: '%s'", len, e.msg);
    }
}

static void token_with_something_behind__is_refused(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE];
    static const char *const tails[] = {"A", "AAAA", "=", "==", ".", "\"", "AAAAAAAAAAAA"};
    format_sample(TOKEN_JOIN, text);
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char *longer = str_dupf("%s%s", text, tails[i]);
        refusal(longer);
        mem_free(longer);
    }
    char *twice = str_dupf("%s%s", text, text);
    refusal(twice);
    mem_free(twice);
}

static void what_is_no_token__is_refused(void **state)
{
    (void)state;
    expect("", "empty");
    expect(" \n", "empty");
    expect("hello", "not a token");
    expect("cadre-", "not a token");
    expect("cadre-Join-AQ", "not a token");
    expect("CADRE-JOIN-AQ", "not a token");
    expect("\"cadre-join-AQ\"", "not a token");
    expect("cadre-join-", "cut off");
    expect("cadre-join-***", "damaged");
    expect("cadre-join-AQ/+", "damaged");
    expect("cadre-api-\xc3\xa4", "damaged");
}

static void endless_text__is_refused(void **state)
{
    (void)state;
    char *text = mem_alloc(100000);
    memset(text, 'A', 99999);
    memcpy(text, "cadre-join-", 11);
    expect(text, "too long");
    mem_free(text);
}

/* Bytes behind a prefix, encoded. */
static void expect_bytes(const uint8_t *bytes, size_t len, const char *word)
{
    char text[TOKEN_TEXT_SIZE] = "cadre-join-";
    str_base64url(text + 11, bytes, len);
    expect(text, word);
}

static void bad_bytes__are_refused(void **state)
{
    (void)state;
    uint8_t bytes[2 + 1 + 9 + 56] = {1, 0};
    size_t len = 2 + 56; /* no address */
    bytes[2 + 32 + 7] = 1;
    char text[TOKEN_TEXT_SIZE] = "cadre-join-";
    struct token t;
    str_base64url(text + 11, bytes, len);
    assert_int_equal(token_parse(text, &t, NULL),
                     0); /* the others differ from this one in one thing */

    bytes[0] = 2;
    expect_bytes(bytes, len, "version 2");
    bytes[0] = 0;
    expect_bytes(bytes, len, "version 0");
    bytes[0] = 1;
    bytes[1] = TOKEN_ADDRESSES + 1;
    expect_bytes(bytes, len, "damaged");
    bytes[1] = 0;
    bytes[2 + 32 + 7] = 0;
    expect_bytes(bytes, len, "damaged"); /* id 0 */
    bytes[2 + 32] = 0x80;
    expect_bytes(bytes, len, "damaged"); /* id beyond 63 bits */
}

static void bad_addresses_inside__are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {{"", 0},        {"a\0b:7433", 8}, {"a b:7433", 8},
                 {"a:99999", 7}, {"a:7433\n", 7},  {"\xff:7433", 6}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[100] = {1, 1, (uint8_t)cases[i].len};
        memcpy(bytes + 3, cases[i].bytes, cases[i].len);
        bytes[3 + cases[i].len + 32 + 7] = 1;
        expect_bytes(bytes, 3 + cases[i].len + 56, "damaged");
    }
    uint8_t endless[100] = {1, 1, 255};
    expect_bytes(endless, sizeof endless, "cut off");
}

static void random_changes__never_upset_the_parser(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 3);
    for (int i = 0; i < 20000; i++) {
        char text[TOKEN_TEXT_SIZE];
        struct token t;
        format_sample(TOKEN_JOIN, text);
        size_t len = strlen(text);
        for (uint64_t n = 1 + rng_below(&r, 3); n > 0; n--)
            text[rng_below(&r, len)] = (char)(1 + rng_below(&r, 255));
        int rc = token_parse(text, &t, NULL);
        assert_true(rc == 0 || rc == ERR_INVALID);
    }
}

static void other_kind__is_told_apart(void **state)
{
    (void)state;
    struct token join = sample(TOKEN_JOIN), api = sample(TOKEN_API);
    struct err e = {0};
    assert_int_equal(token_expect(&join, TOKEN_JOIN, &e), 0);
    assert_int_equal(token_expect(&api, TOKEN_API, &e), 0);
    assert_int_equal(token_expect(&api, TOKEN_JOIN, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "this is an API token"));
    assert_int_equal(token_expect(&join, TOKEN_API, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "this is a join token"));
}

static void token_that_would_be_refused__is_not_written(void **state)
{
    (void)state;
    char text[TOKEN_TEXT_SIZE] = "before";
    struct token bad[5];
    for (int i = 0; i < 5; i++)
        bad[i] = sample(TOKEN_JOIN);
    bad[0].id = 0;
    bad[1].id = -1;
    bad[2].address[0][0] = '\0';
    str_copy(bad[3].address[1], sizeof bad[3].address[1], "no address");
    bad[4].address_count = TOKEN_ADDRESSES + 1;
    for (int i = 0; i < 5; i++)
        assert_int_equal(token_format(&bad[i], text, sizeof text), ERR_INVALID);
    struct token good = sample(TOKEN_JOIN);
    assert_int_equal(token_format(&good, text, 20), ERR_TOO_LARGE);
    assert_string_equal(text, "before");
}

/* ---- addresses ----------------------------------------------------------------------------- */

static void addresses__are_split(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host;
        int port;
    } cases[] = {
        {"queue.example.com:7434", "queue.example.com", 7434},
        {"queue", "queue", 7433},
        {"127.0.0.1:0", "127.0.0.1", 0},
        {"[::1]:65535", "::1", 65535},
        {"[fe80::1%eth0]", "fe80::1%eth0", 7433},
        {"a_b-c:1", "a_b-c", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char host[64];
        uint16_t port;
        assert_int_equal(address_parse(cases[i].text, DEFAULT_PORT, host, sizeof host, &port, NULL),
                         0);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void bad_addresses__are_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        ":7433",
        "a:",
        "a:x",
        "a:-1",
        "a:+1",
        "a: 1",
        "a:65536",
        "a:1 ",
        "a:1:2",
        "::1",
        "[::1",
        "[]:1",
        "[a]:1",
        "[::1]x",
        "[::1]7433",
        "a b:1",
        " a:1",
        "a/b:1",
        "a\nb:1",
        "https://a:7433",
        "\xc3\xa4:1",
        "[::1 ]:1",
        "[::1/]:1",
        "a:99999999999999999999",
        "7433",
        "7433:7433",
        "0:1",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char host[64] = "before";
        uint16_t port = 1;
        struct err e = {0};
        if (address_parse(cases[i], DEFAULT_PORT, host, sizeof host, &port, &e) != ERR_INVALID)
            fail_msg("'%s' was taken", cases[i]);
        assert_true(e.msg[0] != '\0');
        assert_string_equal(host, "before");
        assert_int_equal(port, 1);
    }
}

static void address_to_connect_to__has_a_port(void **state)
{
    (void)state;
    static const char *const bad[] = {"localhost:0", "[::1]:00", "a:x", ""};
    char host[64] = "before";
    uint16_t port = 1;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct err e = {0};
        assert_int_equal(address_parse_peer(bad[i], DEFAULT_PORT, host, sizeof host, &port, &e),
                         ERR_INVALID);
        assert_true(i > 1 || strstr(e.msg, "nothing listens on port 0"));
        assert_string_equal(host, "before");
        assert_int_equal(port, 1);
    }
    assert_int_equal(address_parse_peer("[::1]:9", DEFAULT_PORT, host, sizeof host, &port, NULL),
                     0);
    assert_string_equal(host, "::1");
    assert_int_equal(port, 9);
    assert_int_equal(address_parse_peer("abcd", DEFAULT_PORT, host, 4, &port, NULL), ERR_INVALID);
}

static void host_that_does_not_fit__is_refused_and_not_cut(void **state)
{
    (void)state;
    char host[4];
    uint16_t port;
    assert_int_equal(address_parse("abc:1", DEFAULT_PORT, host, sizeof host, &port, NULL), 0);
    assert_int_equal(address_parse("abcd:1", DEFAULT_PORT, host, sizeof host, &port, NULL),
                     ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(token__reads_back),
        cmocka_unit_test(token_without_addresses_and_with_the_most__read_back),
        cmocka_unit_test(blanks_and_line_ends_around__are_forgiven),
        cmocka_unit_test(blanks_inside__are_named),
        cmocka_unit_test(token_cut_off_anywhere__is_refused),
        cmocka_unit_test(token_with_something_behind__is_refused),
        cmocka_unit_test(what_is_no_token__is_refused),
        cmocka_unit_test(endless_text__is_refused),
        cmocka_unit_test(bad_bytes__are_refused),
        cmocka_unit_test(bad_addresses_inside__are_refused),
        cmocka_unit_test(random_changes__never_upset_the_parser),
        cmocka_unit_test(other_kind__is_told_apart),
        cmocka_unit_test(token_that_would_be_refused__is_not_written),
        cmocka_unit_test(addresses__are_split),
        cmocka_unit_test(bad_addresses__are_refused),
        cmocka_unit_test(address_to_connect_to__has_a_port),
        cmocka_unit_test(host_that_does_not_fit__is_refused_and_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
