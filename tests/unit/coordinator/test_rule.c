/* Rules: what a configuration may say, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "coordinator/notify/rule.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)

static struct yaml_doc doc;

static const struct json *parse(const char *yaml)
{
    struct err e = {0};
    yaml_doc_fini(&doc);
    doc = (struct yaml_doc){0};
    if (yaml_parse("test", yaml, strlen(yaml), &doc, &e)) fail_msg("%s: %s", yaml, err_text(&e));
    return doc.root;
}

/* `text` as the rule r. */
static const struct json *rule(const char *text)
{
    char *yaml = str_dupf("r: {%s}", text);
    const struct json *made = json_first(parse(yaml));
    mem_free(yaml);
    return made;
}

static int teardown(void **state)
{
    (void)state;
    yaml_doc_fini(&doc);
    doc = (struct yaml_doc){0};
    return 0;
}

#define RULE_TEST(f) cmocka_unit_test_teardown(f, teardown)

/* ---- refusals -------------------------------------------------------------------------------- */

static void what_is_wrong__is_named_with_its_place(void **state)
{
    static const struct {
        const char *text, *sentence, *where; /* where NULL: the rule itself */
    } cases[] = {
        {"channels: [a]", "'event' is one of agent-offline", NULL},
        {"event: [x], channels: [a]", "'event' is one of agent-offline", "event"},
        {"event: agent-ofline, channels: [a]",
         "there is no event 'agent-ofline', did you mean 'agent-offline'?; there are agent-offline",
         "event"},
        {"event: x, channels: [a]", "there is no event 'x'; there are agent-offline", "event"},
        {"event: agent-offline", "'channels' is a list of 1 to 20", NULL},
        {"event: agent-offline, channels: ops", "'channels' is a list of 1 to 20", "channels"},
        {"event: agent-offline, channels: []", "'channels' is a list of 1 to 20", "channels"},
        {"event: agent-offline, channels: [7]", "a channel is named by a text", NULL},
        {"event: agent-offline, channels: [a, b, a]", "the channel 'a' is named twice", NULL},
        {"event: agent-offline, channels: [a], atfer: 5m",
         "agent-offline takes no 'atfer', did you mean 'after'?", "atfer"},
        {"event: agent-offline, channels: [a], fewer: 5", "agent-offline takes no 'fewer'",
         "fewer"},
        {"event: agent-offline, channels: [a], channel: b", "agent-offline takes no 'channel'",
         "channel"},
        {"event: agent-offline, channels: [a], after: 5",
         "'after' is a duration from 10s to 30d, such as 5m", "after"},
        {"event: agent-offline, channels: [a], after: 9s", "from 10s to 30d", "after"},
        {"event: agent-offline, channels: [a], after: 31d", "from 10s to 30d", "after"},
        {"event: agent-offline, channels: [a], after: soon", "from 10s to 30d", "after"},
        {"event: agent-offline, channels: [a], after: [5m]", "from 10s to 30d", "after"},
        {"event: group-short, channels: [a], after: 5m", "group-short takes no 'after'", "after"},
        {"event: group-short, channels: [a], fewer: 0",
         "'fewer' is a whole number from 1 to 100000, such as 2", "fewer"},
        {"event: group-short, channels: [a], fewer: -2", "from 1 to 100000", "fewer"},
        {"event: group-short, channels: [a], fewer: 1.5", "from 1 to 100000", "fewer"},
        {"event: group-short, channels: [a], fewer: two", "from 1 to 100000", "fewer"},
        {"event: group-short, channels: [a], fewer: 100001", "from 1 to 100000", "fewer"},
        {"event: queue-old, channels: [a], after: 59s", "from 1m to 30d, such as 1h", "after"},
        {"event: queue-old, channels: [a], fewer: 2", "queue-old takes no 'fewer'", "fewer"},
        {"event: group-short, channels: [a], repeat: 14m",
         "'repeat' is a duration from 15m to 30d, such as 4h", "repeat"},
        {"event: disk-low, channels: [a], repeat: 31d", "from 15m to 30d", "repeat"},
        {"event: disk-low, channels: [a], repeat: 900", "from 15m to 30d", "repeat"},
        {"event: disk-low, channels: [a], repeat: often", "from 15m to 30d", "repeat"},
        {"event: disk-low, channels: [a], repeat: 0s", "from 15m to 30d", "repeat"},
        {"event: lease-lost, channels: [a], repeat: 1h", "lease-lost takes no 'repeat'", "repeat"},
        {"event: execution-failed, channels: [a], repeat: 1h", "execution-failed takes no 'repeat'",
         "repeat"},
        {"event: lease-lost, channels: [a], after: 1m", "lease-lost takes no 'after'", "after"},
        {"event: schedule-missed, channels: [a], group: win", "schedule-missed takes no 'group'",
         "group"},
        {"event: agent-offline, channels: [a], namespace: a.b",
         "agent-offline takes no 'namespace'", "namespace"},
        {"event: schedule-missed, channels: [a], namespace: 'a b'",
         "'namespace' is a namespace such as company.team", "namespace"},
        {"event: schedule-missed, channels: [a], namespace: [a]", "'namespace' is a namespace",
         "namespace"},
        {"event: token-ends, channels: [a], within: 59m", "from 1h to 365d, such as 7d", "within"},
        {"event: token-ends, channels: [a], within: 366d", "from 1h to 365d", "within"},
        {"event: token-ends, channels: [a], group: win", "token-ends takes no 'group'", "group"},
        {"event: disk-low, channels: [a], below: 1kB",
         "'below' is a size from 1MiB to 1024TiB, such as 1GiB", "below"},
        {"event: disk-low, channels: [a], below: 10%", "'below' is a size", "below"},
        {"event: disk-low, channels: [a], below: 1e9", "'below' is a size", "below"},
        {"event: disk-low, channels: [a], within: 7d", "disk-low takes no 'within'", "within"},
        {"event: certificate-ends, channels: [a], within: 0", "from 1h to 365d, such as 14d",
         "within"},
        {"event: certificate-ends, channels: [a], below: 1GiB", "certificate-ends takes no 'below'",
         "below"},
        {"event: agent-offline, channels: [a], group: a b", "'group' is a group's key", "group"},
        {"event: agent-offline, channels: [a], group: [a]", "'group' is a group's key", "group"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        const struct json *r = rule(cases[i].text), *where = NULL;
        if (rule_check(r, &where, &e) != ERR_INVALID) fail_msg("taken: %s", cases[i].text);
        if (!strstr(err_text(&e), cases[i].sentence) || !str_starts(err_text(&e), "rule 'r': "))
            fail_msg("%s: %s", cases[i].text, err_text(&e));
        assert_non_null(where);
        if (cases[i].where) assert_string_equal(json_key(where), cases[i].where);
    }
}

static void what_is_no_rule__is_refused(void **state)
{
    static const char *const cases[] = {"r: x",    "r: [a]", "r:",    "r: 7",
                                        "a b: {}", "'': {}", "-a: {}"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        const struct json *where = NULL, *r = json_first(parse(cases[i]));
        if (rule_check(r, &where, &e) != ERR_INVALID) fail_msg("taken: %s", cases[i]);
        assert_ptr_equal(where, r);
    }
}

static void channel_that_there_is_not__is_refused_with_the_nearest(void **state)
{
    const struct json *where = NULL;
    struct err e = {0};
    (void)state;
    const struct json *both = parse("channels: {ops: {}, night: {}}\n"
                                    "r: {channels: [night, osp]}\ns: {channels: [ops]}\n");
    const struct json *channels = json_get(both, "channels"), *r = json_get(both, "r");
    assert_int_equal(rule_check_channels(r, channels, &where, &e), ERR_INVALID);
    assert_string_equal(err_text(&e), "rule 'r': there is no channel 'osp', did you mean 'ops'?");
    assert_string_equal(json_str(where, ""), "osp");
    assert_int_equal(rule_check_channels(json_get(both, "s"), channels, &where, &e), 0);
    assert_int_equal(rule_check_channels(json_get(both, "s"), NULL, &where, &e), ERR_INVALID);
}

/* ---- what is read ---------------------------------------------------------------------------- */

static void rules__have_their_defaults(void **state)
{
    (void)state;
    const struct json *list = parse("a: {event: agent-offline, channels: [x, y]}\n"
                                    "b: {event: agent-offline, after: 1h, group: win,"
                                    " repeat: 15m, channels: [y]}\n");
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const struct json *where;
        struct err e = {0};
        if (rule_check(j, &where, &e)) fail_msg("%s", err_text(&e));
    }
    struct rule *rules = rules_read(list);
    assert_string_equal(rules[0].name, "a");
    assert_true(rules[0].event == RULE_AGENT_OFFLINE && rules[0].limit == 5 * MINUTE_MS);
    assert_null(rules[0].group);
    assert_int_equal(rules[0].channel_count, 2);
    assert_string_equal(rules[0].channels[1], "y");
    assert_true(rules[0].repeat == 0);
    assert_true(rules[1].limit == 60 * MINUTE_MS && rules[1].repeat == 15 * MINUTE_MS);
    assert_string_equal(rules[1].group, "win");
    rules_free(rules, 2);
    rules_free(rules_read(NULL), 0);
    rules_free(NULL, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RULE_TEST(what_is_wrong__is_named_with_its_place),
        RULE_TEST(what_is_no_rule__is_refused),
        RULE_TEST(channel_that_there_is_not__is_refused_with_the_nearest),
        RULE_TEST(rules__have_their_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
