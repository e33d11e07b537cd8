/* What is required, what is offered, and whether the one meets the other. */
#include "coordinator/engine/requires.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static const char build_01[] =
    "{\"os\":\"linux\",\"osName\":\"Debian GNU/Linux "
    "12\",\"osVersion\":\"12.5\",\"kernel\":\"6.1.0\",\"arch\":\"x86_64\","
    "\"hostname\":\"build-01\",\"cpus\":8,\"cpuModel\":\"AMD "
    "EPYC\",\"memory\":17179869184,\"disk\":107374182400,"
    "\"shell\":[\"sh\",\"bash\",\"python3\"],\"feature\":[\"systemd\",\"docker\"],"
    "\"gpu\":{\"count\":2,\"model\":[\"NVIDIA A100\",\"NVIDIA "
    "T4\"],\"memory\":42949672960,\"driver\":\"550.54.15\"},"
    "\"cuda\":\"12.4\",\"timezone\":\"Europe/"
    "Berlin\",\"label.region\":\"eu-west\",\"label.tier\":\"3\","
    "\"label.flag\":true,\"label.release\":\"1.10.2\",\"label.quota\":\"10GiB\"}";
static const char windows[] =
    "{\"os\":\"windows\",\"osVersion\":\"10.0.17763.5329\",\"shell\":[\"powershell\",\"cmd\"]}";

static struct requires *parse_as(const char *text, enum requires_origin origin, struct err *e)
{
    struct json *tree = NULL;
    struct requires *r = NULL;
    struct err bad;
    if (json_parse(text, strlen(text), &tree, &bad) != 0) fail_msg("%s: %s", text, err_text(&bad));
    *e = (struct err){0};
    if (requires_parse(tree, origin, &r, e) != 0) assert_null(r);
    json_free(tree);
    return r;
}

static struct requires *parse(const char *text, struct err *e)
{
    return parse_as(text, REQUIRES_ASKED, e);
}

static bool meets(const char *requires, const char *caps)
{
    struct err e;
    struct requires *r = parse(requires, &e);
    if (e.code) fail_msg("%s: %s", requires, err_text(&e));
    struct caps *c = caps_parse(caps, "1.2.3");
    bool met = requires_met(r, c);
    caps_free(c);
    requires_free(r);
    return met;
}

static void met__table(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}",
        "{\"os\":\"linux\"}",
        "{\"os\":\"= linux\"}",
        "{\"os\":\"==linux\"}",
        "{\"os\":\"  linux \"}",
        "{\"os\":[\"windows\",\"linux\"]}",
        "{\"os\":\"!= windows\"}",
        "{\"os\":\"lin*\"}",
        "{\"osName\":\"Debian*12\"}",
        "{\"osVersion\":\">= 12\"}",
        "{\"osVersion\":\">= 12.5.0\"}",
        "{\"osVersion\":\"12.5\"}",
        "{\"osVersion\":\"12.5.0\"}",
        "{\"osVersion\":\"12.*\"}",
        "{\"osVersion\":12.5}",
        "{\"kernel\":\"< 6.10\"}",
        "{\"cpus\":8}",
        "{\"cpus\":\">= 4\"}",
        "{\"cpus\":\"<9\"}",
        "{\"cpus\":\"> 7.5\"}",
        "{\"cpus\":[2,8]}",
        "{\"memory\":\">= 16GiB\"}",
        "{\"memory\":\"16GiB\"}",
        "{\"memory\":\"17179869184B\"}",
        "{\"memory\":\">=16 GiB\"}",
        "{\"disk\":\"> 100GB\"}",
        "{\"shell\":\"bash\"}",
        "{\"shell\":[\"pwsh\",\"bash\"]}",
        "{\"shell\":\"py*\"}",
        "{\"shell\":\"!= pwsh\"}",
        "{\"feature\":\"docker\"}",
        "{\"gpu.count\":\">= 2\"}",
        "{\"gpu.model\":\"*A100*\"}",
        "{\"gpu.model\":\"NVIDIA T4\"}",
        "{\"gpu.memory\":\">= 40GiB\"}",
        "{\"gpu.driver\":\">= 535.104\"}",
        "{\"cuda\":\">= 12\"}",
        "{\"cuda\":\"< 12.10\"}",
        "{\"timezone\":\"Europe/*\"}",
        "{\"agentVersion\":\">= 1.2\"}",
        "{\"label.region\":\"eu-*\"}",
        "{\"label.region\":\"eu-????\"}",
        "{\"label.tier\":3}",
        "{\"label.tier\":\">= 2\"}",
        "{\"label.flag\":true}",
        "{\"label.flag\":\"true\"}",
        "{\"label.release\":\">= 1.9\"}",
        "{\"label.quota\":\">= 5GiB\"}",
        "{\"os\":\"linux\",\"cpus\":\">= 2\",\"label.region\":\"eu-west\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!meets(rows[i], build_01)) fail_msg("%s is not met", rows[i]);
    }
    assert_true(meets("{\"osVersion\":\">= 10.0.17763\"}", windows));
    assert_true(meets("{\"osVersion\":\"10.0.17763.*\"}", windows));
    static const char debian[] = "{\"kernel\":\"6.1.0-18-amd64\"}";
    assert_true(meets("{\"kernel\":\">= 6.1\"}", debian));
    assert_true(meets("{\"kernel\":\"<= 6.1.0\"}", debian));
    assert_false(meets("{\"kernel\":\"> 6.1.0\"}", debian));
    assert_false(meets("{\"kernel\":\"6.1.0\"}", debian));
    assert_true(meets("{\"kernel\":\"6.1.0-*\"}", debian));
}

static void not_met__table(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"os\":\"windows\"}",
        "{\"os\":\"Linux\"}",
        "{\"os\":\"linu\"}",
        "{\"os\":\"!= linux\"}",
        "{\"os\":[\"windows\",\"darwin\"]}",
        "{\"os\":\"?inu\"}",
        "{\"osVersion\":\">= 12.6\"}",
        "{\"osVersion\":\"> 12.5.0\"}",
        "{\"osVersion\":\"12\"}",
        "{\"osVersion\":\"1*.6\"}",
        "{\"kernel\":\"> 6.10\"}",
        "{\"cpus\":\"8.5\"}",
        "{\"cpus\":\"> 8\"}",
        "{\"cpus\":\"!= 8\"}",
        "{\"memory\":\"> 16GiB\"}",
        "{\"memory\":\">= 16.1GiB\"}",
        "{\"shell\":\"pwsh\"}",
        "{\"shell\":\"!= bash\"}",
        "{\"shell\":\"ba\"}",
        "{\"gpu.count\":3}",
        "{\"gpu.model\":\"A100\"}",
        "{\"cuda\":\">= 12.10\"}",
        "{\"agentVersion\":\"< 1.2.3\"}",
        "{\"label.region\":\"eu\"}",
        "{\"label.region\":\"> 5\"}",
        "{\"label.region\":\"us-*\"}",
        "{\"label.absent\":\"x\"}",
        "{\"label.absent\":\"*\"}",
        "{\"label.absent\":\"!= x\"}",
        "{\"label.release\":\">= 1.11\"}",
        "{\"label.tier\":\"< 3\"}",
        "{\"os\":\"linux\",\"cpus\":9}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e;
        struct requires *r = parse(rows[i], &e);
        if (!r) continue; /* refused rows are another table's */
        requires_free(r);
        if (meets(rows[i], build_01)) fail_msg("%s is met", rows[i]);
    }
    assert_false(meets("{\"gpu.count\":\">= 0\"}", windows)); /* what is not known meets nothing */
    assert_false(meets("{\"osVersion\":\">= 10.0.17764\"}", windows));
}

static void refused__table(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"[]", "an object"},
        {"\"os\"", "an object"},
        {"{\"oss\":\"linux\"}", "did you mean 'os'"},
        {"{\"gpu.cout\":1}",
         "requires.gpu.cout: there is no such capability, did you mean 'gpu.count'?"},
        {"{\"gpu\":1}", "no such capability"},
        {"{\"Memory\":\"1GiB\"}", "did you mean 'memory'"},
        {"{\"label\":\"x\"}", "no such capability"},
        {"{\"label.\":\"x\"}", "no such capability"},
        {"{\"colour\":\"red\"}", "label.NAME"},
        {"{\"\":\"x\"}", "no such capability"},
        {"{\"os\":null}", "a string, a number or a list"},
        {"{\"os\":{}}", "a string, a number or a list"},
        {"{\"os\":[]}", "empty"},
        {"{\"os\":[\"linux\",null]}", "a string, a number or a list"},
        {"{\"os\":[[\"linux\"]]}", "a string, a number or a list"},
        {"{\"os\":\"\"}", "no value"},
        {"{\"os\":\"   \"}", "no value"},
        {"{\"os\":\">=\"}", "no value"},
        {"{\"os\":\">= 5\"}", "is a text"},
        {"{\"shell\":\"< bash\"}", "is a text"},
        {"{\"gpu.model\":\"> A100\"}", "is a text"},
        {"{\"hostname\":\"<= a\"}", "is a text"},
        {"{\"cpus\":\"many\"}", "not a number"},
        {"{\"cpus\":\">= \"}", "no value"},
        {"{\"cpus\":\">= 4 cores\"}", "not a number"},
        {"{\"cpus\":\"8*\"}", "not a number"},
        {"{\"cpus\":\"0x10\"}", "not a number"},
        {"{\"cpus\":\"inf\"}", "not a number"},
        {"{\"cpus\":true}", "not a number"},
        {"{\"memory\":\">= 16\"}",
         "requires.memory: '16' has no unit: write >= 16GiB, or >= 16B for bytes"},
        {"{\"memory\":16}", "'16' has no unit: write = 16GiB"},
        {"{\"memory\":17179869184}", "has no unit: write = 16GiB, or = 17179869184B for bytes"},
        {"{\"memory\":\"> 1500000001\"}", "'1500000001' has no unit: write > 1500000001B"},
        {"{\"memory\":\">= 16.5\"}", "'16.5' has no unit: write >= 16896MiB"},
        {"{\"disk\":0.5}", "'0.5' has no unit: write = 512MiB"},
        {"{\"disk\":0.0001}", "has no unit: write = 16GiB"},
        {"{\"disk\":\"< 1e9\"}", "'1e9' has no unit: write < 1GB"},
        {"{\"disk\":\">= -1\"}", "'-1' has no unit: write >= 16GiB"},
        {"{\"disk\":1e300}", "has no unit: write = 16GiB"},
        {"{\"gpu.memory\":\">= 40\"}", "requires.gpu.memory: '40' has no unit: write >= 40GiB"},
        {"{\"memory\":[\"64GiB\",\"< 8\"]}", "'8' has no unit"},
        {"{\"memory\":\">= 16B\"}", NULL}, /* whoever says bytes gets bytes */
        {"{\"gpu.memory\":\"> 0\"}", NULL},
        {"{\"label.ram\":\">= 16\"}", NULL}, /* a number to people who made the label */
        {"{\"cpus\":\">= 16\"}", NULL},
        {"{\"memory\":\">= 16 gigs\"}", "not a size"},
        {"{\"memory\":\">= 16G\"}", "not a size"},
        {"{\"memory\":\">=> 16GiB\"}", "not a size"},
        {"{\"osVersion\":\">= bookworm\"}", "not a dotted version"},
        {"{\"osVersion\":\">= 10..1\"}", "not a dotted version"},
        {"{\"osVersion\":\">= v1.2\"}", "not a dotted version"},
        {"{\"osVersion\":\"> 10.*\"}", "not a dotted version"},
        {"{\"cuda\":\"< new\"}", "not a dotted version"},
        {"{\"label.region\":\">= eu-west\"}", "has no order"},
        {"{\"label.x\":\"< a.b\"}", "has no order"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e;
        struct requires *r = parse(rows[i].text, &e);
        requires_free(r);
        if (!rows[i].says) {
            assert_int_equal(e.code, 0);
            continue;
        }
        if (e.code != ERR_INVALID) fail_msg("%s is accepted", rows[i].text);
        if (!strstr(e.msg, rows[i].says))
            fail_msg("%s: '%s' does not say '%s'", rows[i].text, e.msg, rows[i].says);
        assert_true(str_starts(e.msg, "requires"));
    }
}

static void kept__sizes_without_a_unit_stay_bytes(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"memory\":\">= 16\"}", "{\"memory\":17179869184}",
                                       "{\"disk\":[\"> 1000\",\"1e9\"]}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e;
        struct requires *r = parse_as(rows[i], REQUIRES_KEPT, &e);
        if (!r) fail_msg("%s: %s", rows[i], err_text(&e));
        struct caps *c = caps_parse(build_01, "1.2.3");
        assert_true(requires_met(r, c));
        caps_free(c);
        requires_free(r);
    }
}

static void too_much__is_refused(void **state)
{
    (void)state;
    struct err e;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_adds(&b, "{\"os\":\"");
    for (int i = 0; i <= REQUIRES_MAX_TEXT; i++)
        buf_addc(&b, 'x');
    buf_adds(&b, "\"}");
    assert_null(parse(b.data, &e));
    assert_int_equal(e.code, ERR_INVALID);
    buf_clear(&b);
    buf_adds(&b, "{\"os\":[\"a\"");
    for (int i = 0; i < REQUIRES_MAX_CHOICES; i++)
        buf_addf(&b, ",\"a%d\"", i);
    buf_adds(&b, "]}");
    assert_null(parse(b.data, &e));
    assert_int_equal(e.code, ERR_INVALID);
    buf_clear(&b);
    buf_adds(&b, "{\"os\":\"a\"");
    for (int i = 0; i < REQUIRES_MAX_CLAUSES; i++)
        buf_addf(&b, ",\"label.l%d\":1", i);
    buf_adds(&b, "}");
    assert_null(parse(b.data, &e));
    assert_int_equal(e.code, ERR_INVALID);
    buf_fini(&b);
}

static void nothing_required__no_object(void **state)
{
    (void)state;
    struct err e;
    struct requires *r = (struct requires *)&e;
    assert_int_equal(requires_parse(NULL, REQUIRES_ASKED, &r, &e), 0);
    assert_null(r);
    assert_null(parse("{}", &e));
    assert_int_equal(e.code, 0);
    assert_true(requires_met(NULL, NULL));
}

static void assert_canonical(const char *text, const char *canonical)
{
    struct err e;
    struct requires *r = parse(text, &e);
    assert_non_null(r);
    char *got = requires_text(r);
    assert_string_equal(got, canonical);
    requires_free(r);
    r = parse_as(got, REQUIRES_KEPT, &e); /* reads back as the same */
    char *again = requires_text(r);
    assert_string_equal(again, canonical);
    mem_free(again);
    mem_free(got);
    requires_free(r);
}

static void canonical__equal_demands_give_equal_texts(void **state)
{
    (void)state;
    assert_canonical("{\"os\":\" linux\"}", "{\"os\":\"linux\"}");
    assert_canonical("{\"os\":\"==linux\"}", "{\"os\":\"linux\"}");
    assert_canonical("{\"os\":[\"linux\"]}", "{\"os\":\"linux\"}");
    assert_canonical("{\"os\":[\"linux\",\"= linux\"]}", "{\"os\":\"linux\"}");
    assert_canonical("{\"os\":[\"windows\",\"linux\"]}", "{\"os\":[\"linux\",\"windows\"]}");
    assert_canonical("{\"os\":\"linux\",\"arch\":\"x86_64\"}",
                     "{\"arch\":\"x86_64\",\"os\":\"linux\"}");
    assert_canonical("{\"cpus\":4}", "{\"cpus\":\"4\"}");
    assert_canonical("{\"cpus\":\">=4\"}", "{\"cpus\":\">= 4\"}");
    assert_canonical("{\"memory\":\">=   16GiB\"}", "{\"memory\":\">= 16GiB\"}");
}

static void clause__prints_as_people_write_it(void **state)
{
    (void)state;
    struct err e;
    struct buf b;
    buf_init(&b, 1000);
    struct requires *r = parse("{\"gpu.count\":\">=2\",\"shell\":[\"pwsh\",\"bash\"]}", &e);
    assert_int_equal(requires_count(r), 2);
    requires_clause_print(r, 0, &b);
    assert_string_equal(b.data, "gpu.count >= 2");
    buf_clear(&b);
    requires_clause_print(r, 1, &b);
    assert_string_equal(b.data, "shell = bash or = pwsh");
    requires_free(r);
    buf_fini(&b);
}

static void assert_caps(const char *caps, const char *name, const char *printed)
{
    struct buf b;
    struct caps *c = caps_parse(caps, "1.0.0");
    buf_init(&b, 1000);
    caps_print(c, name, &b);
    assert_string_equal(b.data, printed);
    buf_fini(&b);
    caps_free(c);
}

static void capabilities__print(void **state)
{
    (void)state;
    assert_caps(build_01, "gpu.count", "2");
    assert_caps(build_01, "memory", "16GiB");
    assert_caps(build_01, "shell", "sh, bash, python3");
    assert_caps(build_01, "label.flag", "true");
    assert_caps(build_01, "label.none", "unknown");
    assert_caps(windows, "gpu.count", "unknown");
    assert_caps("{}", "agentVersion", "1.0.0");
    assert_caps("{\"agentVersion\":\"2.0\"}", "agentVersion", "2.0");
}

static void capabilities__garbage__an_agent_that_knows_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",   "null",        "[1,2]",         "{\"os\":",      "{\"os\":null}", "{\"os\":{}}",
        "\"", "{\"os\":[]}", "{\"os\":[{}]}", "{\"os\":[[1]]}"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(meets("{\"os\":\"*\"}", rows[i]));
        assert_false(meets("{\"os\":\"!= x\"}", rows[i]));
    }
    struct caps *c = caps_parse(NULL, NULL);
    assert_true(requires_met(NULL, c));
    caps_free(c);
    caps_free(NULL);
    requires_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(met__table),
        cmocka_unit_test(not_met__table),
        cmocka_unit_test(refused__table),
        cmocka_unit_test(kept__sizes_without_a_unit_stay_bytes),
        cmocka_unit_test(too_much__is_refused),
        cmocka_unit_test(nothing_required__no_object),
        cmocka_unit_test(canonical__equal_demands_give_equal_texts),
        cmocka_unit_test(clause__prints_as_people_write_it),
        cmocka_unit_test(capabilities__print),
        cmocka_unit_test(capabilities__garbage__an_agent_that_knows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
