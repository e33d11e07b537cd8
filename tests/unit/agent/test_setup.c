/* agent/setup: the agent.yaml that an installer's properties give. */
#include "agent/setup.c"

#include "agent/config.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The file's text without its comments; NULL, with e filled in, when the properties are refused.
 * mem_free. */
static char *seed(const char *wish_text, struct err *e)
{
    struct json *wish;
    struct buf out;
    assert_int_equal(json_parse(wish_text, strlen(wish_text), &wish, e), 0);
    buf_init(&out, 65536);
    char *text = NULL;
    if (config_text(wish, &out, e) == 0) {
        const char *p = out.data;
        while (p && *p == '#')
            p = strchr(p, '\n') + 1;
        text = mem_strdup(p);
    }
    buf_fini(&out);
    json_free(wish);
    return text;
}

static void expect_text(const char *wish, const char *wanted)
{
    struct err e = {0};
    char *text = seed(wish, &e);
    assert_non_null(text);
    assert_string_equal(text, wanted);
    mem_free(text);
}

static void no_properties_give_a_file_without_settings(void **state)
{
    (void)state;
    expect_text("{}", "");
    expect_text("{\"group\": \"\", \"slots\": \"\", \"labels\": \"\", \"token\": \"secret\"}", "");
}

static void each_property_becomes_its_key(void **state)
{
    (void)state;
    expect_text("{\"coordinator\": \"a:1,b:2\", \"group\": \"windows\", \"name\": \"win 1\","
                " \"slots\": \"4\", \"labels\": \"region=eu-west,zone=dmz\"}",
                "coordinator: [\"a:1\",\"b:2\"]\ngroup: \"windows\"\nname: \"win 1\"\nslots: 4\n"
                "labels:\n  \"region\": \"eu-west\"\n  \"zone\": \"dmz\"\n");
}

/* What is written is read back as it was meant, whatever it looks like in YAML. */
static void values_are_quoted_so_that_yaml_leaves_them_alone(void **state)
{
    (void)state;
    struct err e = {0};
    struct yaml_doc doc = {0};
    char *text =
        seed("{\"name\": \"no: #1 \\\"x\\\" \\\\y\", \"labels\": \"a=true,b={x},c=0x1f,d=\"}", &e);
    assert_non_null(text);
    assert_int_equal(yaml_parse("agent.yaml", text, strlen(text), &doc, &e), 0);
    assert_string_equal(json_get_str(doc.root, "name", ""), "no: #1 \"x\" \\y");
    const struct json *labels = json_get(doc.root, "labels");
    assert_string_equal(json_get_str(labels, "a", ""), "true");
    assert_string_equal(json_get_str(labels, "b", ""), "{x}");
    assert_string_equal(json_get_str(labels, "c", ""), "0x1f");
    assert_string_equal(json_get_str(labels, "d", "absent"), "");
    yaml_doc_fini(&doc);
    mem_free(text);
}

static void expect_refusal(const char *wish, const char *property)
{
    struct err e = {0};
    char *text = seed(wish, &e);
    assert_null(text);
    assert_int_equal(e.code, ERR_INVALID);
    assert_true(str_starts(err_text(&e), property));
}

static void a_value_that_makes_no_sense_is_refused_by_its_property(void **state)
{
    (void)state;
    expect_refusal("{\"slots\": \"many\"}", "SLOTS: ");
    expect_refusal("{\"slots\": \"0\"}", "SLOTS: ");
    expect_refusal("{\"slots\": \"4x\"}", "SLOTS: ");
    expect_refusal("{\"group\": \"my group\"}", "GROUP: ");
    expect_refusal("{\"name\": \"a\\nb\"}", "NAME: ");
    expect_refusal("{\"labels\": \"region\"}", "LABELS: ");
    expect_refusal("{\"coordinator\": \"host:port\"}", "COORDINATOR: ");
}

static void a_line_break_cannot_smuggle_in_a_setting(void **state)
{
    (void)state;
    struct err e = {0};
    struct yaml_doc doc = {0};
    char *text = seed("{\"labels\": \"a=x\\nenv: {PATH: y}\"}", &e);
    if (text) {
        assert_int_equal(yaml_parse("agent.yaml", text, strlen(text), &doc, &e), 0);
        assert_null(json_get(doc.root, "env"));
        yaml_doc_fini(&doc);
        mem_free(text);
    } else {
        assert_int_equal(e.code, ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_properties_give_a_file_without_settings),
        cmocka_unit_test(each_property_becomes_its_key),
        cmocka_unit_test(values_are_quoted_so_that_yaml_leaves_them_alone),
        cmocka_unit_test(a_value_that_makes_no_sense_is_refused_by_its_property),
        cmocka_unit_test(a_line_break_cannot_smuggle_in_a_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
