/* Channels: what a configuration may say, and the orders that come of it. Each order is read as
 * cadre-notify reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "coordinator/notify/channel.h"
#include "wire/order.h"

#include <stdio.h>
#include <string.h>

#define HOOK "kind: webhook, url: 'https://h.example.com/secret'"
#define MAIL "kind: mail, server: 'mail:587', from: a@example.com, to: [b@example.com]"

static struct yaml_doc doc;

/* `text` as the channel c. */
static const struct json *channel(const char *text)
{
    struct err e = {0};
    char *yaml = str_dupf("c: {%s}", text);
    yaml_doc_fini(&doc);
    doc = (struct yaml_doc){0};
    if (yaml_parse("test", yaml, strlen(yaml), &doc, &e)) fail_msg("%s: %s", yaml, err_text(&e));
    mem_free(yaml);
    return json_first(doc.root);
}

static int teardown(void **state)
{
    (void)state;
    yaml_doc_fini(&doc);
    doc = (struct yaml_doc){0};
    return 0;
}

static struct json *event(const char *title, const char *text)
{
    struct json *made = json_new(JSON_OBJECT);
    json_put(made, "event", json_new_str("execution-failed"));
    json_put(made, "title", json_new_str(title));
    json_put(made, "text", json_new_str(text));
    return made;
}

static struct json *event_from(const char *coordinator, const char *title, const char *text)
{
    struct json *made = event(title, text);
    json_put(made, "coordinator", json_new_str(coordinator));
    return made;
}

/* ---- refusals ---- */

static void what_is_wrong__is_named_with_its_place(void **state)
{
    static const struct {
        const char *text, *sentence, *where; /* where NULL: the channel itself */
    } cases[] = {
        {"url: 'https://h/'", "'kind' is one of", NULL},
        {"kind: sms", "'kind' is one of webhook, mail, command", "kind"},
        {"kind: 7", "'kind' is one of", "kind"},
        {HOOK ", hedaers: {}", "a webhook has no 'hedaers', did you mean 'headers'", "hedaers"},
        {HOOK ", id: x", "a webhook has no 'id'", "id"},
        {HOOK ", timeoutMs: 5", "did you mean 'timeout'", "timeoutMs"},
        {HOOK ", to: [a@example.com]", "a webhook has no 'to'", "to"},
        {"kind: webhook", "one of 'url' and 'urlFile' is needed", NULL},
        {"kind: webhook, url: ''", "'url' is empty", "url"},
        {"kind: webhook, url: 7", "'url' must be a text", "url"},
        {"kind: webhook, url: 'ftp://x/'", "'url' does not begin with https://HOST", "url"},
        {"kind: webhook, url: 'https://'", "'url' does not begin with", "url"},
        {"kind: webhook, url: 'hooks.example.com/x'", "'url' does not begin with", "url"},
        {"kind: webhook, url: 'http://x y/'", "'url' has a blank", "url"},
        {"kind: webhook, url: 'https://h:0/'", "'url' has what is no port", "url"},
        {"kind: mail, server: 'localhost:', from: a@b, to: [a@b]", "'server' has what is no port",
         "server"},
        {"kind: mail, server: 'm:99999', from: a@b, to: [a@b]", "'server' has what is no port",
         "server"},
        {"kind: webhook, urlFile: relative", "'urlFile' must be an absolute path", "urlFile"},
        {HOOK ", urlFile: /a", "one of 'url' and 'urlFile'", NULL},
        {HOOK ", headers: {'a b': c}", "'headers' has a name", "headers"},
        {HOOK ", authorizationFile: /a, headers: {authorization: b}",
         "'headers' has Authorization beside 'authorizationFile'", "headers"},
        {HOOK ", headers: [a]", "'headers' must be an object", "headers"},
        {HOOK ", shape: discord", "'shape' is one of", "shape"},
        {HOOK ", shape: {}", "'shape' is one of", "shape"},
        {HOOK ", shape: slack, body: {a: b}", "not both", "body"},
        {HOOK ", body: 'a text'", "'body' is a mapping or a list", "body"},
        {HOOK ", timeout: 31s", "'timeout' is a duration of at most 30s", "timeout"},
        {HOOK ", timeout: 0s", "'timeout' is a duration", "timeout"},
        {HOOK ", timeout: 10", "'timeout' is a duration", "timeout"},
        {MAIL ", subject: [a]", "'subject' must be a text", "subject"},
        {MAIL ", text: 7", "'text' must be a text", "text"},
        {MAIL ", tls: none", "'tls' may be none for a server on this host alone", "tls"},
        {MAIL ", user: me", "'user' and 'passwordFile' are given together", "user"},
        {"kind: mail, server: m, from: x, to: [b@example.com]", "'from' is no address", "from"},
        {"kind: mail, server: m, from: a@b, to: []", "'to' must be a list", "to"},
        {"kind: mail, server: m, from: a@b, to: ['x <y@z>']", "'to' has what is no address", "to"},
        {"kind: command, command: /bin/true", "'command' must be a list", "command"},
        {"kind: command, command: [true]", "'command' must be a list of texts", "command"},
        {"kind: command, command: [page]", "begins with the absolute path", "command"},
        {"kind: command, command: [/bin/true], env: {A: b}", "a command has no 'env'", "env"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        const struct json *c = channel(cases[i].text), *where;
        if (channel_check(c, &where, &e) != ERR_INVALID) fail_msg("taken: %s", cases[i].text);
        if (!strstr(err_text(&e), cases[i].sentence) || !strstr(err_text(&e), "channel 'c': "))
            fail_msg("%s: %s", cases[i].text, err_text(&e));
        const struct json *wanted = cases[i].where ? json_get(c, cases[i].where) : c;
        if (where != wanted) fail_msg("%s: another place", cases[i].text);
    }
}

static void names__are_keys(void **state)
{
    static const char *const bad[] = {"'': {kind: x}", "-a: {kind: x}", "'a b': {kind: x}",
                                      "a/b: {kind: x}", "ü: {kind: x}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {0};
        const struct json *where;
        struct yaml_doc d;
        assert_int_equal(yaml_parse("t", bad[i], strlen(bad[i]), &d, NULL), 0);
        assert_int_equal(channel_check(json_first(d.root), &where, &e), ERR_INVALID);
        assert_non_null(strstr(err_text(&e), "a channel's name has 1 to 63"));
        yaml_doc_fini(&d);
    }
}

static void what_is_no_mapping__is_refused(void **state)
{
    struct err e = {0};
    const struct json *where;
    struct yaml_doc d;
    (void)state;
    assert_int_equal(yaml_parse("t", "a: [1]", 6, &d, NULL), 0);
    assert_int_equal(channel_check(json_first(d.root), &where, &e), ERR_INVALID);
    assert_non_null(strstr(err_text(&e), "must be a mapping"));
    yaml_doc_fini(&d);
}

static void templates__are_checked_at_any_depth(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {HOOK ", body: {a: [{b: '{{ event.nothing }}'}]}", "no member of an event 'nothing'"},
        {HOOK ", body: {a: '{{ inputs.x }}'}", "there is no 'inputs' in a channel"},
        {HOOK ", body: {a: '{{ now() }}'}", "there is no now() in a channel"},
        {HOOK ", body: {a: '{{ event }}'}", "event needs a name"},
        {HOOK ", body: {a: '{{ event.title | uper }}'}", "did you mean 'upper'"},
        {MAIL ", subject: '{{ event.titel }}'", "did you mean 'title'"},
        {MAIL ", text: '{{ secret(\"x\") }}'", "secret"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        const struct json *where, *c = channel(cases[i].text);
        assert_int_equal(channel_check(c, &where, &e), ERR_INVALID);
        if (!strstr(err_text(&e), cases[i].sentence))
            fail_msg("%s: %s", cases[i].text, err_text(&e));
        assert_ptr_not_equal(where, c);
    }
}

static void expressions__stand_in_templates_alone(void **state)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {HOOK ", headers: {X-A: '{{ event.id }}'}", "'headers' takes no expressions; 'body' does"},
        {"kind: webhook, url: 'https://h/{{event.id}}'", "'url' takes no expressions"},
        {"kind: webhook, urlFile: '/a/{{ event.group }}'", "'urlFile' takes no expressions"},
        {"kind: mail, server: m, from: a@b, to: ['{{event.group}}@b']",
         "'to' takes no expressions; 'subject' and 'text' do"},
        {"kind: command, command: [/bin/page, '{{ event.title }}']",
         "'command' takes no expressions; the program gets the event on its standard input"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        const struct json *where, *c = channel(cases[i].text);
        if (channel_check(c, &where, &e) != ERR_INVALID) fail_msg("taken: %s", cases[i].text);
        if (!strstr(err_text(&e), cases[i].sentence))
            fail_msg("%s: %s", cases[i].text, err_text(&e));
        assert_non_null(strstr(json_str(where, ""), "{{"));
    }
}

/* ---- orders ---- */

static struct order order_of(const char *text, struct json *of)
{
    struct err e = {0};
    struct order o;
    struct buf line;
    char id[ORDER_ID_SIZE];
    const struct json *where, *c = channel(text);
    buf_init(&line, (size_t)2 * ORDER_LINE_MAX);
    if (channel_check(c, &where, &e)) fail_msg("%s", err_text(&e));
    if (channel_order(c, "17", of, &line, &e)) fail_msg("%s", err_text(&e));
    if (order_parse(line.data, line.len, id, &o, &e)) fail_msg("%s", err_text(&e));
    assert_string_equal(id, "17");
    assert_null(memchr(line.data, '\n', line.len));
    buf_fini(&line);
    json_free(of);
    return o;
}

static void webhook__gets_the_event(void **state)
{
    (void)state;
    struct order o = order_of(HOOK ", timeout: 5s, headers: {X-A: b}", event("t", "x"));
    assert_int_equal(o.kind, ORDER_WEBHOOK);
    assert_string_equal(o.url, "https://h.example.com/secret");
    assert_int_equal(o.timeout_ms, 5000);
    assert_string_equal(json_get_str(o.headers, "X-A", ""), "b");
    assert_string_equal(o.body, "{\"event\":\"execution-failed\",\"title\":\"t\",\"text\":\"x\"}");
    order_fini(&o);
}

static void body__is_json_whatever_the_event_says(void **state)
{
    (void)state;
    struct order o = order_of(HOOK ", body: {a: 'x {{ event.title }} {{ event.agent }}y', n: 1.50, "
                                   "l: [true, null, '{{ event.text }}']}",
                              event("\"},{\"", "{{ event.title }}"));
    assert_string_equal(o.body, "{\"a\":\"x \\\"},{\\\" y\",\"n\":1.50,\"l\":[true,null,"
                                "\"{{ event.title }}\"]}");
    order_fini(&o);
}

static void default__stands_for_a_member_that_is_empty(void **state)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"{{ event.group ?? 'no group' }}", "no group"},
        {"{{ event.title ?? 'no title' }}", "t"},
        {"{{ event.text ?? 'no text' }}", "no text"}, /* it is there and empty */
        {"{{ event.group ?? event.agent ?? event.title }}", "t"},
        {"{{ event.group ?? event.agent }}", ""},
        {"{{ event.group ?? '' }}", ""},
        {"{{ event.group }}", ""},
        {"a{{ event.group ?? 7 }}b{{ event.agent }}c", "a7bc"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *hook = str_dupf(HOOK ", body: {a: \"%s\"}", cases[i].text);
        char *mail = str_dupf(MAIL ", subject: \"%s\", text: \"%s\"", cases[i].text, cases[i].text);
        char *body = str_dupf("{\"a\":\"%s\"}", cases[i].said);
        struct order o = order_of(hook, event("t", ""));
        assert_string_equal(o.body, body);
        order_fini(&o);
        o = order_of(mail, event("t", ""));
        assert_string_equal(o.subject, cases[i].said);
        assert_string_equal(o.body, cases[i].said);
        order_fini(&o);
        mem_free(hook);
        mem_free(mail);
        mem_free(body);
    }
}

static void mail__has_subject_and_text(void **state)
{
    (void)state;
    struct order o = order_of(MAIL, event_from("here:1", "the title", "line\nline"));
    assert_int_equal(o.kind, ORDER_MAIL);
    assert_string_equal(o.subject, "Cadre: the title");
    assert_string_equal(o.body, "the title\n\nline\nline\n\nCoordinator: here:1\n");
    order_fini(&o);
    o = order_of(MAIL ", subject: '[{{ event.event }}]', text: '{{ event.text }}!'",
                 event("t", "x"));
    assert_string_equal(o.subject, "[execution-failed]");
    assert_string_equal(o.body, "x!");
    order_fini(&o);
}

static void command__gets_the_event(void **state)
{
    (void)state;
    struct order o =
        order_of("kind: command, command: [/bin/page, '{ event.title }']", event("t", "x"));
    assert_string_equal(json_str(json_next(json_first(o.command)), ""), "{ event.title }");
    assert_non_null(strstr(o.body, "\"title\":\"t\""));
    order_fini(&o);
}

static void order_that_is_too_large__is_told(void **state)
{
    struct err e = {0};
    struct buf line;
    (void)state;
    char *text = mem_alloc(ORDER_LINE_MAX + 1);
    memset(text, 'x', ORDER_LINE_MAX);
    struct json *of = event("t", text);
    const struct json *c = channel(HOOK);
    buf_init(&line, (size_t)4 * ORDER_LINE_MAX);
    assert_int_equal(channel_order(c, "1", of, &line, &e), ERR_TOO_LARGE);
    buf_clear(&line);
    c = channel(HOOK ", body: {a: '{{ event.text }}{{ event.text }}'}");
    assert_int_equal(channel_order(c, "1", of, &line, &e), ERR_TOO_LARGE);
    buf_fini(&line);
    json_free(of);
    mem_free(text);
}

/* ---- shapes ---- */

static char *body_in(const char *shape, const char *title, const char *text)
{
    char *of = str_dupf(HOOK ", shape: %s", shape);
    struct order o = order_of(of, event(title, text));
    char *body = mem_strdup(o.body);
    order_fini(&o);
    mem_free(of);
    return body;
}

static void slack__mentions_nobody(void **state)
{
    (void)state;
    char *body = body_in("slack", "a <!channel> & <@U1>", "<https://evil|good>");
    assert_string_equal(body, "{\"text\":\"*a &lt;!channel&gt; &amp; &lt;@U1&gt;*\\n"
                              "&lt;https://evil|good&gt;\"}");
    mem_free(body);
}

static void mattermost__mentions_nobody_and_hides_no_link(void **state)
{
    (void)state;
    char *body = body_in("mattermost", "@all", "[good](https://evil) `x`");
    assert_string_equal(body, "{\"text\":\"**@\xe2\x80\x8b"
                              "all**\\n"
                              "\\\\[good\\\\]\\\\(https://evil\\\\) \\\\`x\\\\`\"}");
    mem_free(body);
}

static void teams__gets_a_card(void **state)
{
    struct json *card;
    (void)state;
    char *body = body_in("teams", "t", "");
    assert_int_equal(json_parse(body, strlen(body), &card, NULL), 0);
    const struct json *a = json_first(json_get(card, "attachments"));
    const struct json *content = json_get(a, "content");
    assert_string_equal(json_get_str(content, "type", ""), "AdaptiveCard");
    assert_int_equal(json_count(json_get(content, "body")), 1);
    assert_string_equal(json_get_str(json_first(json_get(content, "body")), "text", ""), "t");
    json_free(card);
    mem_free(body);
}

static void shapes__say_who_says_so(void **state)
{
    static const struct {
        const char *shape, *end;
    } cases[] = {
        {"slack", "*t*\\nx\\nCoordinator: a&amp;b:1\"}"},
        {"mattermost", "**t**\\nx\\nCoordinator: a&b:1\"}"},
        {"teams", "\"text\":\"Coordinator: a&b:1\",\"wrap\":true}]}}]}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *of = str_dupf(HOOK ", shape: %s", cases[i].shape);
        struct order o = order_of(of, event_from("a&b:1", "t", "x"));
        if (!str_ends(o.body, cases[i].end)) fail_msg("%s", o.body);
        order_fini(&o);
        mem_free(of);
    }
}

static void long_text__is_cut_between_characters(void **state)
{
    struct json *slack;
    (void)state;
    struct buf b;
    buf_init(&b, 10000);
    (void)buf_addc(&b, 'x');
    while (b.len < 8000)
        (void)buf_adds(&b, "ü");
    char *body = body_in("slack", "t", b.data);
    assert_int_equal(json_parse(body, strlen(body), &slack, NULL), 0);
    assert_int_equal(strlen(json_get_str(slack, "text", "")), strlen("*t*\n") + 2999);
    json_free(slack);
    mem_free(body);
    buf_fini(&b);
}

/* ---- for people ---- */

static void reach__tells_no_secret(void **state)
{
    static const struct {
        const char *text, *reach;
    } cases[] = {
        {HOOK, "https://h.example.com"},
        {"kind: webhook, url: 'https://me:pass@h.example.com:8443?token=x'",
         "https://h.example.com:8443"},
        {"kind: webhook, url: 'h.example.com/secret'", "a web hook"},
        {"kind: webhook, urlFile: /etc/hook", "the URL in /etc/hook"},
        {MAIL, "b@example.com"},
        {"kind: mail, server: m, from: a@b, to: [c@d, e@f, g@h]", "c@d and 2 more"},
        {"kind: command, command: [/bin/page, --key=secret]", "/bin/page"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *reach = channel_reaches(channel(cases[i].text));
        assert_string_equal(reach, cases[i].reach);
        mem_free(reach);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_wrong__is_named_with_its_place, teardown),
        cmocka_unit_test(names__are_keys),
        cmocka_unit_test(what_is_no_mapping__is_refused),
        cmocka_unit_test_teardown(templates__are_checked_at_any_depth, teardown),
        cmocka_unit_test_teardown(expressions__stand_in_templates_alone, teardown),
        cmocka_unit_test_teardown(webhook__gets_the_event, teardown),
        cmocka_unit_test_teardown(body__is_json_whatever_the_event_says, teardown),
        cmocka_unit_test_teardown(default__stands_for_a_member_that_is_empty, teardown),
        cmocka_unit_test_teardown(mail__has_subject_and_text, teardown),
        cmocka_unit_test_teardown(command__gets_the_event, teardown),
        cmocka_unit_test_teardown(order_that_is_too_large__is_told, teardown),
        cmocka_unit_test_teardown(slack__mentions_nobody, teardown),
        cmocka_unit_test_teardown(mattermost__mentions_nobody_and_hides_no_link, teardown),
        cmocka_unit_test_teardown(teams__gets_a_card, teardown),
        cmocka_unit_test_teardown(shapes__say_who_says_so, teardown),
        cmocka_unit_test_teardown(long_text__is_cut_between_characters, teardown),
        cmocka_unit_test_teardown(reach__tells_no_secret, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
