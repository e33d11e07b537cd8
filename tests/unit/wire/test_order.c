/* Orders: what is taken, and what is refused with which word. */
#include "wire/order.h"

#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void takes(const char *line, struct order *o)
{
    char id[ORDER_ID_SIZE];
    struct err e = {0};
    if (order_parse(line, strlen(line), id, o, &e)) fail_msg("%s: %s", line, err_text(&e));
    assert_string_equal(id, o->id);
}

static void refuses_of(const char *line, const char *id, const char *why)
{
    char said[ORDER_ID_SIZE];
    struct order o = {0};
    struct err e = {0};
    if (order_parse(line, strlen(line), said, &o, &e) == 0) fail_msg("taken: %s", line);
    if (!strstr(err_text(&e), why)) fail_msg("%s: '%s', not '%s'", line, err_text(&e), why);
    assert_string_equal(said, id);
    assert_null(o.root);
}

static void refuses(const char *line, const char *why)
{
    refuses_of(line, "7", why);
}

#define HOOK "{\"id\":\"7\",\"kind\":\"webhook\",\"url\":\"https://a/b\""
#define MAIL                                                                                       \
    "{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"mx.example.com\",\"from\":\"a@b.c\","            \
    "\"to\":[\"d@e.f\"]"

static void a_web_hook_has_defaults(void **state)
{
    (void)state;
    struct order o;
    takes(HOOK "}", &o);
    assert_int_equal(o.kind, ORDER_WEBHOOK);
    assert_int_equal(o.timeout_ms, ORDER_TIMEOUT_MS);
    assert_string_equal(o.content_type, "application/json");
    assert_string_equal(o.body, "");
    assert_null(o.url_file);
    assert_null(o.headers);
    order_fini(&o);
    takes(HOOK ",\"headers\":{\"X-A\":\"b\",\"X-Empty\":\"\"},\"timeoutMs\":5,\"body\":\"{}\","
               "\"caFile\":null}",
          &o);
    assert_int_equal(o.timeout_ms, 5);
    assert_int_equal(json_count(o.headers), 2);
    assert_null(o.ca_file);
    order_fini(&o);
}

static void a_web_hook_is_refused(void **state)
{
    (void)state;
    refuses("{\"id\":\"7\",\"kind\":\"webhook\"}", "one of 'url' and 'urlFile'");
    refuses(HOOK ",\"urlFile\":\"/f\"}", "one of 'url' and 'urlFile'");
    refuses("{\"id\":\"7\",\"kind\":\"webhook\",\"url\":7}", "'url' must be a text");
    refuses(HOOK ",\"timeoutMs\":\"5\"}", "'timeoutMs' is 1 to");
    refuses("{\"id\":\"7\",\"kind\":\"webhook\",\"url\":\"\"}", "'url' is empty");
    char *most = mem_alloc(ORDER_URL_MAX + 1);
    memset(most, 'a', ORDER_URL_MAX);
    char *longer = str_dupf("{\"id\":\"7\",\"kind\":\"webhook\",\"url\":\"https://%s\"}", most);
    refuses(longer, "'url' has more than 8000 bytes");
    mem_free(longer);
    mem_free(most);
    refuses("{\"id\":\"7\",\"kind\":\"webhook\",\"url\":\"https://a\\nb\"}", "control character");
    refuses(HOOK ",\"headers\":[]}", "'headers' must be an object");
    refuses(HOOK ",\"headers\":{\"X A\":\"b\"}}", "none of HTTP's");
    refuses(HOOK ",\"headers\":{\"\":\"b\"}}", "none of HTTP's");
    refuses(HOOK ",\"headers\":{\"X:A\":\"b\"}}", "none of HTTP's");
    refuses(HOOK ",\"headers\":{\"X-A\":\"b\\r\\nX-B: c\"}}", "'X-A' must be a text of one line");
    refuses(HOOK ",\"headers\":{\"X-A\":5}}", "'X-A' must be a text");
    refuses(HOOK ",\"contentType\":\"a\\r\\nb\"}", "control character");
    refuses(HOOK ",\"authorizationFile\":\"\"}", "'authorizationFile' is empty");
    refuses(HOOK ",\"authorizationFile\":\"/f\",\"headers\":{\"authorizatioN\":\"b\"}}",
            "'headers' has Authorization beside 'authorizationFile'");
    refuses(HOOK ",\"authorizationFile\":\"f\"}", "'authorizationFile' must be an absolute path");
    refuses(HOOK ",\"caFile\":\"f\"}", "'caFile' must be an absolute path");
    refuses("{\"id\":\"7\",\"kind\":\"webhook\",\"urlFile\":\"f\"}", "absolute path");
    refuses(HOOK ",\"timeoutMs\":0}", "'timeoutMs' is 1 to");
    refuses(HOOK ",\"timeoutMs\":30001}", "'timeoutMs' is 1 to");
    refuses(HOOK ",\"body\":{}}", "'body' must be a text");
}

static void addresses_of_web_hooks(void **state)
{
    static const char *const good[] = {"https://hooks.example.com/x",
                                       "http://127.0.0.1:1/",
                                       "https://[::1]:8443",
                                       "https://[fe80::1]/x",
                                       "https://h",
                                       "https://h:65535?a=b:c@d",
                                       "https://h#f",
                                       "https://user:p@ss@h:443/x",
                                       "https://b\u00fccher.example/x",
                                       "https://a_b-c.d./x"};
    static const struct {
        const char *url, *why;
    } bad[] = {
        {"ftp://x/", "'url' does not begin with https://HOST or http://HOST"},
        {"https://", "does not begin with"},
        {"https:///x", "does not begin with"},
        {"https:/x", "does not begin with"},
        {"https://?x", "does not begin with"},
        {"hooks.example.com/x", "does not begin with"},
        {" https://h/", "does not begin with"},
        {"file:///etc/passwd", "does not begin with"},
        {"http://x y/", "'url' has a blank or a control character"},
        {"http://x/a b", "has a blank"},
        {"https://h:/x", "'url' has what is no port, which is 1 to 65535"},
        {"https://h:0/", "is no port"},
        {"https://h:65536/", "is no port"},
        {"https://h:99999999999999999999/", "is no port"},
        {"https://h:+1/", "is no port"},
        {"https://h:44x/", "is no port"},
        {"https://h:1:2/", "is no port"},
        {"https://user@/x", "'url' is no HOST or HOST:PORT"},
        {"https://:443/", "is no HOST"},
        {"https://-h/", "is no HOST"},
        {"https://.h/", "is no HOST"},
        {"https://a,b/", "is no HOST"},
        {"https://a\\\\b/", "is no HOST"},
        {"https://::1/", "is no HOST"},
        {"https://[::1/", "is no HOST"},
        {"https://[]/", "is no HOST"},
        {"https://[::1]x/", "is no HOST"},
        {"https://[h]/", "is no HOST"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct order o;
        char *line = str_dupf("{\"id\":\"7\",\"kind\":\"webhook\",\"url\":\"%s\"}", good[i]);
        takes(line, &o);
        order_fini(&o);
        mem_free(line);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *line = str_dupf("{\"id\":\"7\",\"kind\":\"webhook\",\"url\":\"%s\"}", bad[i].url);
        refuses(line, bad[i].why);
        mem_free(line);
    }
}

static void addresses_of_mail_servers(void **state)
{
    static const char *const good[] = {"localhost", "mx.example.com:587", "10.0.0.1",
                                       "[::1]",     "[2001:db8::1]:465",  "a_b:1"};
    static const struct {
        const char *server, *why;
    } bad[] = {
        {"localhost:", "'server' has what is no port, which is 1 to 65535"},
        {"localhost:99999", "is no port"},
        {"localhost:0", "is no port"},
        {"localhost:smtp", "is no port"},
        {"localhost:25:25", "is no port"},
        {":25", "'server' is no HOST or HOST:PORT, such as smtp.example.com:587"},
        {"::1", "is no HOST"},
        {"[::1", "is no HOST"},
        {"smtp://mx", "is no port"},
        {"a b", "is no HOST"},
        {"a@b", "is no HOST"},
        {"-", "is no HOST"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct order o;
        char *line = str_dupf("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"%s\","
                              "\"from\":\"a@b\",\"to\":[\"c@d\"]}",
                              good[i]);
        takes(line, &o);
        assert_string_equal(o.server, good[i]);
        order_fini(&o);
        mem_free(line);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *line = str_dupf("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"%s\","
                              "\"from\":\"a@b\",\"to\":[\"c@d\"]}",
                              bad[i].server);
        refuses(line, bad[i].why);
        mem_free(line);
    }
}

static void mail_is_taken(void **state)
{
    (void)state;
    struct order o;
    takes(MAIL "}", &o);
    assert_int_equal(o.kind, ORDER_MAIL);
    assert_int_equal(o.tls, ORDER_STARTTLS);
    assert_null(o.user);
    order_fini(&o);
    takes(MAIL ",\"user\":\"u\",\"passwordFile\":\"/p\",\"tls\":\"implicit\"}", &o);
    assert_int_equal(o.tls, ORDER_IMPLICIT);
    order_fini(&o);
    static const char *const local[] = {"localhost", "localhost:25", "127.0.0.1:2525", "[::1]:25"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        char line[256];
        snprintf(line, sizeof line,
                 "{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"%s\",\"from\":\"a@b\",\"to\":"
                 "[\"c@d\"],\"tls\":\"none\"}",
                 local[i]);
        takes(line, &o);
        assert_int_equal(o.tls, ORDER_PLAIN);
        order_fini(&o);
    }
}

static void mail_is_refused(void **state)
{
    (void)state;
    refuses("{\"id\":\"7\",\"kind\":\"mail\"}", "'server' is missing");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a/b\"}", "'server' is no HOST");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"u:p@a\"}", "'server' has what");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\"}", "'from' is missing");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a\"}",
            "'from' is no address");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"A <a@b>\"}",
            "'from' is no address");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a@b\"}", "'to' must be");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a@b\",\"to\":[]}",
            "'to' must be");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a@b\",\"to\":\"a@b\"}",
            "'to' must be");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a@b\",\"to\":[7]}",
            "no address");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"a\",\"from\":\"a@b\",\"to\":[\"a@b>\"]}",
            "no address");
    refuses(MAIL ",\"tls\":\"maybe\"}", "'tls' is one of");
    refuses(MAIL ",\"tls\":\"none\"}", "on this host alone");
    refuses("{\"id\":\"7\",\"kind\":\"mail\",\"server\":\"localhost.example.com\",\"from\":\"a@b\","
            "\"to\":[\"c@d\"],\"tls\":\"none\"}",
            "on this host alone");
    refuses(MAIL ",\"user\":\"u\"}", "given together");
    refuses(MAIL ",\"passwordFile\":\"/p\"}", "given together");
}

static void commands_are_taken_and_refused(void **state)
{
    (void)state;
    struct order o;
    takes("{\"id\":\"7\",\"kind\":\"command\",\"command\":[\"/bin/true\",\"a b\",\"\"]}", &o);
    assert_int_equal(json_count(o.command), 3);
    order_fini(&o);
    refuses("{\"id\":\"7\",\"kind\":\"command\"}", "'command' must be a list");
    refuses("{\"id\":\"7\",\"kind\":\"command\",\"command\":\"/bin/true\"}", "must be a list");
    refuses("{\"id\":\"7\",\"kind\":\"command\",\"command\":[]}", "must be a list");
    refuses("{\"id\":\"7\",\"kind\":\"command\",\"command\":[\"/bin/true\",7]}", "list of texts");
    refuses("{\"id\":\"7\",\"kind\":\"command\",\"command\":[\"true\"]}", "absolute path");
}

static void what_is_no_order_is_refused(void **state)
{
    (void)state;
    refuses_of("", "", "");
    refuses_of("[]", "", "no JSON object");
    refuses_of("{", "", "");
    refuses_of("{}", "", "'id' must be");
    refuses_of("{\"id\":7}", "", "'id' must be");
    refuses_of("{\"id\":\"a\\nb\"}", "", "'id' must be");
    refuses_of("{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123456\"}",
               "", "'id' must be");
    refuses("{\"id\":\"7\"}", "'kind' is one of");
    refuses("{\"id\":\"7\",\"kind\":\"pager\"}", "'kind' is one of");
    char *large = mem_alloc(ORDER_LINE_MAX + 2);
    memset(large, ' ', ORDER_LINE_MAX + 1);
    refuses_of(large, "", "more than");
    mem_free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_web_hook_has_defaults),
        cmocka_unit_test(a_web_hook_is_refused),
        cmocka_unit_test(addresses_of_web_hooks),
        cmocka_unit_test(addresses_of_mail_servers),
        cmocka_unit_test(mail_is_taken),
        cmocka_unit_test(mail_is_refused),
        cmocka_unit_test(commands_are_taken_and_refused),
        cmocka_unit_test(what_is_no_order_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
