/* coordinator/api/forwarded: whose address counts behind proxies. */
#include "coordinator/api/forwarded.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct allow_net proxies[3];

static int set_up(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.0.0/8", "127.0.0.1", "2001:db8::/32"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(allow_parse(texts[i], &proxies[i], NULL), 0);
    return 0;
}

/* Of a request from `remote` with these headers, each "name: value" and NULL at the end. */
static void is_from(const char *wanted, const char *remote, size_t count, const char *first,
                    const char *second)
{
    static char host[] = "host", address[] = "10.0.0.1", forwarded[] = "x-forwarded-for";
    struct http_message m = {.request = true};
    const char *const values[] = {first, second};
    char got[FORWARDED_SIZE];
    m.headers[m.header_count++] = (struct http_header){host, address};
    for (size_t i = 0; i < 2; i++)
        if (values[i])
            m.headers[m.header_count++] = (struct http_header){forwarded, mem_strdup(values[i])};
    forwarded_client(proxies, count, remote, &m, got);
    if (!str_eq(got, wanted))
        fail_msg("%s, %s, %s: %s and not %s", remote, first ? first : "", second ? second : "", got,
                 wanted);
    for (size_t i = 1; i < m.header_count; i++)
        mem_free(m.headers[i].value);
}

static void client__without_proxies__is_the_other_end(void **state)
{
    (void)state;
    is_from("192.0.2.7:41234", "192.0.2.7:41234", 0, NULL, NULL);
    is_from("192.0.2.7:41234", "192.0.2.7:41234", 0, "10.1.1.1", NULL);
    is_from("127.0.0.1:5", "127.0.0.1:5", 0, "192.0.2.1", NULL);
}

static void client__behind_a_stranger__is_the_stranger(void **state)
{
    (void)state;
    is_from("192.0.2.7:1", "192.0.2.7:1", 3, "127.0.0.1", NULL);
    is_from("[2001:db9::1]:1", "[2001:db9::1]:1", 3, "127.0.0.1", "127.0.0.1");
}

static void client__behind_a_proxy__is_what_it_says(void **state)
{
    (void)state;
    is_from("127.0.0.1:1", "127.0.0.1:1", 3, NULL, NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, "192.0.2.1", NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, " 192.0.2.1:99 ", NULL);
    is_from("[2001:db9::1]", "127.0.0.1:1", 3, "2001:db9::1", NULL);
    is_from("[2001:db9::1]", "127.0.0.1:1", 3, "[2001:db9::1]:7", NULL);
    is_from("192.0.2.1", "[2001:db8::5]:1", 3, "192.0.2.1, 10.0.0.9", NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, "192.0.2.1, ::ffff:10.0.0.9", NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, "::FFFF:192.0.2.1", NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, "[::ffff:192.0.2.1]", NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, "[::ffff:192.0.2.1]:80, [::ffff:10.0.0.9]:99", NULL);
    is_from("192.0.2.1", "10.0.0.1:1", 3, "192.0.2.1", "10.0.0.9,2001:db8::1");
    /* all of them proxies: the first of them asks */
    is_from("10.0.0.5", "10.0.0.1:1", 3, "10.0.0.5, 10.0.0.6", NULL);
}

/* What stands before an address that is no proxy's is anybody's invention. */
static void client__that_writes_the_header_itself__is_not_believed(void **state)
{
    (void)state;
    is_from("192.0.2.1", "127.0.0.1:1", 3, "127.0.0.1, 192.0.2.1", NULL);
    is_from("192.0.2.1", "127.0.0.1:1", 3, "127.0.0.1", "192.0.2.1");
    is_from("192.0.2.1", "127.0.0.1:1", 3, "10.0.0.1, 192.0.2.1, 10.0.0.2", NULL);
}

static void client__that_is_no_address__is_in_no_network(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "unknown",
                                      "_hidden",
                                      "10.0.0.1, ",
                                      "10.0.0.0/8",
                                      ",",
                                      "10.0.0",
                                      "[::1",
                                      "10.0.0.1;x",
                                      "127.0.0.1, nobody",
                                      "192.0.2.1:x",
                                      "192.0.2.1:",
                                      "[192.0.2.1]",
                                      "[::1]x",
                                      "::1]",
                                      "192.0.2.1:123456",
                                      "192.0.2.1%0",
                                      "[]",
                                      ":80"};
    struct allow_net all[2];
    assert_int_equal(allow_parse("0.0.0.0/0", &all[0], NULL), 0);
    assert_int_equal(allow_parse("::/0", &all[1], NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_message m = {.request = true, .header_count = 1};
        char got[FORWARDED_SIZE], value[64], name[] = "x-forwarded-for";
        (void)str_copy(value, sizeof value, bad[i]);
        m.headers[0] = (struct http_header){name, value};
        forwarded_client(proxies, 3, "127.0.0.1:1", &m, got);
        if (allow_has(all, 2, got)) fail_msg("'%s' became %s", bad[i], got);
    }
}

static void client__with_a_long_element__is_unknown(void **state)
{
    (void)state;
    char value[300];
    memset(value, '1', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    is_from("unknown", "127.0.0.1:1", 3, value, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(client__without_proxies__is_the_other_end),
        cmocka_unit_test(client__behind_a_stranger__is_the_stranger),
        cmocka_unit_test(client__behind_a_proxy__is_what_it_says),
        cmocka_unit_test(client__that_writes_the_header_itself__is_not_believed),
        cmocka_unit_test(client__that_is_no_address__is_in_no_network),
        cmocka_unit_test(client__with_a_long_element__is_unknown),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
