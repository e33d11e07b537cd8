/* What a job is: the list of its fields, what fits together, and the number of the attempt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "wire/spec.h"

#include <string.h>

#define ROOM (8u * 1024 * 1024)

static int decode(const char *text, struct spec *s, struct err *e)
{
    char *copy = mem_dup(text, strlen(text)); /* without a NUL: a read past it is seen */
    *s = (struct spec){.kill_grace_ms = 0};
    int rc = spec_decode(copy, strlen(text), s, e);
    mem_free(copy);
    return rc;
}

static void refused(const char *text, const char *word)
{
    struct spec s, zero = {.kill_grace_ms = 0};
    struct err e = {0};
    if (decode(text, &s, &e) != ERR_INVALID) fail_msg("taken: %.80s", text);
    if (!strstr(e.msg, word)) fail_msg("'%s' does not say '%s'", e.msg, word);
    assert_memory_equal(&s, &zero, sizeof s);
}

static void reads_back(const char *text)
{
    struct spec s;
    struct err e = {0};
    struct buf b;
    if (decode(text, &s, &e)) fail_msg("%s: %s", text, e.msg);
    buf_init(&b, ROOM);
    assert_int_equal(spec_encode(&s, &b), 0);
    assert_string_equal(b.data, text);
    buf_fini(&b);
    spec_fini(&s);
}

/* ---- reading and writing --------------------------------------------------------------------- */

static void every_field__reads_back(void **state)
{
    (void)state;
    reads_back("{}");
    reads_back("{\"command\":[\"a\",\"\",\"\\\"\\n\xc3\xa4\"]}");
    reads_back("{\"script\":\"\"}");
    reads_back(
        "{\"namespace\":\"a.b\",\"name\":\"n\",\"group\":\"g\",\"flow\":\"f\",\"task\":\"t\","
        "\"execution\":\"x\",\"command\":[\"a\"],\"script\":\"s\",\"shell\":\"sh\","
        "\"env\":{\"A\":\"1\",\"B\":\"\"},\"workdir\":\"/w\",\"stdin\":\"eA==\","
        "\"traceparent\":\"t\",\"killGraceMs\":3000,\"attemptMark\":\"m\"}");
}

static void unknown_and_null_fields__count_as_absent(void **state)
{
    (void)state;
    struct spec s;
    assert_int_equal(decode(" {\"new\":{\"a\":[]},\"group\":null,\"env\":null,\"script\":\"x\"} ",
                            &s, NULL),
                     0);
    assert_string_equal(s.script, "x");
    assert_null(s.group);
    assert_int_equal(s.env.count, 0);
    spec_fini(&s);
}

static void what_is_no_spec__is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"", "spec"},
        {"[]", "not an object"},
        {"null", "not an object"},
        {"{\"script\":\"x\"", "spec"},
        {"{\"script\":\"x\"}x", "spec"},
        {"{\"script\":\"a\\u0000b\"}", "U+0000"},
        {"{\"script\":\"x\",\"script\":\"y\"}", "duplicate"},
        {"{\"script\":1}", "'script' is not a string"},
        {"{\"shell\":[]}", "'shell' is not a string"},
        {"{\"command\":\"x\"}", "'command' is not a list"},
        {"{\"command\":{}}", "'command' is not a list"},
        {"{\"command\":[\"x\",1]}", "'command' has no string in place 2"},
        {"{\"command\":[\"x\",null]}", "'command' has no string in place 2"},
        {"{\"command\":[[\"x\"]]}", "'command' has no string in place 1"},
        {"{\"env\":[]}", "'env' is not an object"},
        {"{\"env\":\"A=1\"}", "'env' is not an object"},
        {"{\"env\":{\"A\":\"1\",\"B\":2}}", "'env' has no string as value of 'B'"},
        {"{\"env\":{\"A\":null}}", "'env' has no string as value of 'A'"},
        {"{\"workdir\":{}}", "'workdir' is not a string"},
        {"{\"stdin\":false}", "'stdin' is not a string"},
        {"{\"killGraceMs\":0}", "'killGraceMs' is out of range: 1 to 3600000"},
        {"{\"killGraceMs\":-1}", "'killGraceMs' is out of range"},
        {"{\"killGraceMs\":3600001}", "'killGraceMs' is out of range"},
        {"{\"killGraceMs\":1e300}", "'killGraceMs' is not a whole number"},
        {"{\"killGraceMs\":1.5}", "'killGraceMs' is not a whole number"},
        {"{\"killGraceMs\":\"1\"}", "'killGraceMs' is not a whole number"},
        {"{\"namespace\":1}", "'namespace' is not a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(cases[i].text, cases[i].word);
}

/* ---- limits ---------------------------------------------------------------------------------- */

struct entry {
    enum field_kind kind;
    const char *key;
    int64_t a, b;
};

#define ENTRY(kind, name, key, a, b, need) {FIELD_##kind, key, a, b},
static const struct entry entries[] = {SPEC_LIST(ENTRY)};

static void at_its_limit(const struct entry *f, int64_t more, struct buf *b)
{
    buf_clear(b);
    buf_addf(b, "{\"%s\":", f->key);
    if (f->kind == FIELD_STR) {
        buf_addc(b, '"');
        for (int64_t i = 0; i < f->a + more; i++)
            buf_addc(b, 'x');
        buf_addc(b, '"');
    } else if (f->kind == FIELD_INT) {
        buf_addf(b, "%lld", (long long)(f->b + more));
    } else if (f->kind == FIELD_WORDS) {
        buf_adds(b, "[\"x\"");
        for (int64_t i = 1; i < f->b + more; i++)
            buf_adds(b, ",\"\"");
        buf_addc(b, ']');
    } else {
        buf_adds(b, "{\"x\":\"\"");
        for (int64_t i = 1; i < f->b + more; i++)
            buf_addf(b, ",\"%lld\":\"\"", (long long)i);
        buf_addc(b, '}');
    }
    buf_addc(b, '}');
}

static void every_field__is_taken_to_its_limit_and_no_further(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, ROOM);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        at_its_limit(&entries[i], 0, &b);
        reads_back(b.data);
        at_its_limit(&entries[i], 1, &b);
        refused(b.data, entries[i].key);
    }
    buf_fini(&b);
}

static void what_the_reader_would_refuse__is_not_written(void **state)
{
    (void)state;
    struct buf b;
    char *words[SPEC_COMMAND_MAX + 1], *name = mem_alloc(LIMIT_GROUP_KEY + 2);
    for (size_t i = 0; i <= SPEC_COMMAND_MAX; i++)
        words[i] = name;
    memset(name, 'x', LIMIT_GROUP_KEY + 1);
    struct spec bad[] = {{.group = name},
                         {.kill_grace_ms = -1},
                         {.kill_grace_ms = KILL_GRACE_MAX_MS + 1},
                         {.command = {words, SPEC_COMMAND_MAX + 1}},
                         {.env = {words, words, SPEC_ENV_MAX + 1}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buf_init(&b, ROOM);
        assert_int_equal(spec_encode(&bad[i], &b), ERR_INVALID);
        buf_fini(&b);
    }
    struct spec good = {.script = name};
    buf_init(&b, 10);
    assert_int_equal(spec_encode(&good, &b), ERR_TOO_LARGE);
    buf_fini(&b);
    mem_free(name);
}

/* ---- what fits together ---------------------------------------------------------------------- */

static void checked(const char *text, const char *field, const char *word)
{
    struct spec s;
    struct spec_problem p = {NULL, ""};
    assert_int_equal(decode(text, &s, NULL), 0);
    bool good = spec_check(&s, &p);
    spec_fini(&s);
    if (good != (field == NULL)) fail_msg("%s: %s", text, good ? "taken" : p.sentence);
    if (good) return;
    assert_string_equal(p.field, field);
    if (!strstr(p.sentence, word)) fail_msg("%s: '%s' does not say '%s'", text, p.sentence, word);
}

static void what_does_not_fit_together__is_told_by_field(void **state)
{
    (void)state;
    checked("{\"command\":[\"x\"]}", NULL, NULL);
    checked("{\"script\":\"\"}", NULL, NULL);
    checked("{\"script\":\"x\",\"shell\":\"python3\",\"env\":{\"A\":\"=\"},\"stdin\":\"\"}", NULL,
            NULL);
    checked("{}", "command", "needs a command or a script");
    checked("{\"command\":[]}", "command", "needs a command or a script");
    checked("{\"command\":[\"x\"],\"script\":\"x\"}", "command", "not both");
    checked("{\"command\":[\"\",\"x\"]}", "command", "program's name");
    checked("{\"command\":[\"x\"],\"shell\":\"sh\"}", "shell", "is for scripts");
    checked("{\"script\":\"x\",\"args\":[\"\",\"a b\"]}", NULL, NULL);
    checked("{\"command\":[\"x\"],\"args\":[\"a\"]}", "args", "is for scripts");
    checked("{\"script\":\"x\",\"shell\":\"fish\"}", "shell", "'fish' is not one of");
    checked("{\"script\":\"x\",\"shell\":\"\"}", "shell", "is not one of");
    checked("{\"script\":\"x\",\"env\":{\"\":\"1\"}}", "env", "not a variable's name");
    checked("{\"script\":\"x\",\"env\":{\"A=\":\"1\"}}", "env", "'A=' is not a variable's name");
    checked("{\"script\":\"x\",\"workdir\":\"\"}", "workdir", "must not be empty");
    checked("{\"script\":\"x\",\"stdin\":\"*\"}", "stdin", "is not base64");
}

static void limits__are_told_before_anything_is_written(void **state)
{
    (void)state;
    struct spec_problem p;
    char path[SPEC_WORKDIR_MAX + 2] = "", script[] = "x";
    memset(path, 'x', SPEC_WORKDIR_MAX + 1);
    struct spec s = {.script = script, .workdir = path};
    assert_false(spec_check(&s, &p));
    assert_string_equal(p.field, "workdir");
    assert_string_equal(p.sentence, "has 4097 bytes, at most 4096 are allowed");
    s = (struct spec){.script = script, .kill_grace_ms = 3600001};
    assert_false(spec_check(&s, &p));
    assert_string_equal(p.field, "killGraceMs");
    char *words[SPEC_COMMAND_MAX + 1];
    for (size_t i = 0; i <= SPEC_COMMAND_MAX; i++)
        words[i] = script;
    s = (struct spec){.script = script, .args = {words, SPEC_COMMAND_MAX}};
    assert_true(spec_check(&s, &p));
    s.args.count++;
    assert_false(spec_check(&s, &p));
    assert_string_equal(p.field, "args");
    assert_string_equal(p.sentence, "must have at most 4096 words");
}

/* ---- what is needed of an agent -------------------------------------------------------------- */

static void needs__the_shell_that_is_named_and_no_other(void **state)
{
    (void)state;
    struct spec s;
    assert_int_equal(decode("{\"script\":\"x\",\"shell\":\"bash\"}", &s, NULL), 0);
    struct spec_needs needs = spec_needs_of(&s);
    spec_fini(&s); /* the name stays */
    assert_string_equal(needs.shell, "bash");
    assert_int_equal(needs.minor, 0);
    assert_int_equal(decode("{\"script\":\"x\"}", &s, NULL), 0);
    assert_null(spec_needs_of(&s).shell);
    spec_fini(&s);
    assert_int_equal(decode("{\"command\":[\"bash\"]}", &s, NULL), 0);
    assert_null(spec_needs_of(&s).shell);
    spec_fini(&s);
}

static void needs__a_newer_agent_for_arguments_of_a_script(void **state)
{
    (void)state;
    struct spec s;
    assert_int_equal(decode("{\"script\":\"x\",\"args\":[\"\"]}", &s, NULL), 0);
    assert_int_equal(spec_needs_of(&s).minor, 2);
    spec_fini(&s);
    assert_int_equal(decode("{\"script\":\"x\",\"args\":[]}", &s, NULL), 0);
    assert_int_equal(spec_needs_of(&s).minor, 0);
    spec_fini(&s);
    assert_int_equal(decode("{\"script\":\"x\",\"args\":\"a\"}", &s, NULL), ERR_INVALID);
    assert_int_equal(decode("{\"script\":\"x\",\"args\":[1]}", &s, NULL), ERR_INVALID);
}

/* ---- sizes ---- */

static char *base64_of(size_t bytes)
{
    char *data = mem_alloc(bytes), *text = mem_alloc(bytes * 4 / 3 + 8);
    str_base64(text, data, bytes);
    mem_free(data);
    return text;
}

static void payload__is_what_the_user_gave(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        size_t bytes;
    } cases[] = {
        {"{\"command\":[\"ab\",\"\",\"c\"]}", 3},
        {"{\"script\":\"\\n\\u001b\\\"\"}", 3},
        {"{\"script\":\"x\",\"args\":[\"ab\",\"\",\"c\"]}", 4},
        {"{\"script\":\"\xc3\xa4\",\"shell\":\"bash\",\"workdir\":\"/w\"}", 4},
        {"{\"command\":[\"x\"],\"env\":{\"AB\":\"c\",\"D\":\"\"}}", 5},
        {"{\"command\":[\"x\"],\"stdin\":\"\"}", 1},
        {"{\"command\":[\"x\"],\"stdin\":\"eA==\"}", 2},
        {"{\"command\":[\"x\"],\"stdin\":\"eHg=\"}", 3},
        {"{\"command\":[\"x\"],\"stdin\":\"eHh4\"}", 4},
        {"{\"command\":[\"x\"],\"stdin\":\"eHh4eA==\"}", 5},
        {"{}", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spec s;
        assert_int_equal(decode(cases[i].spec, &s, NULL), 0);
        assert_int_equal(spec_payload_bytes(&s), cases[i].bytes);
        spec_fini(&s);
    }
    for (size_t n = 0; n < 100; n++) {
        char *text = base64_of(n);
        struct spec s = {.input = text};
        assert_int_equal(spec_payload_bytes(&s), n);
        mem_free(text);
    }
}

static void the_greatest_stdin__fits_into_a_stored_spec(void **state)
{
    (void)state;
    char word[] = "x", *words[] = {word};
    struct spec_problem p;
    struct buf b;
    char *text = base64_of(LIMIT_PAYLOAD_MAX);
    struct spec s = {.command = {words, 1}, .input = text};
    buf_init(&b, SPEC_STORED_MAX);
    assert_int_equal(strlen(text), LIMIT_STDIN_TEXT);
    assert_true(spec_check(&s, &p));
    assert_int_equal(spec_encode(&s, &b), 0);
    buf_fini(&b);
    mem_free(text);
    text = base64_of(LIMIT_PAYLOAD_MAX + 3);
    s.input = text;
    assert_false(spec_check(&s, &p));
    assert_string_equal(p.field, "stdin");
    mem_free(text);
}

static void stdin_that_older_agents_refuse__needs_minor_2(void **state)
{
    (void)state;
    char *text = base64_of(LIMIT_PAYLOAD_MAX / 4 * 3);
    struct spec s = {.input = text};
    assert_int_equal(spec_needs_of(&s).minor, 0);
    mem_free(text);
    text = base64_of(LIMIT_PAYLOAD_MAX / 4 * 3 + 1);
    s.input = text;
    assert_int_equal(spec_needs_of(&s).minor, 2);
    mem_free(text);
}

/* ---- the attempt ----------------------------------------------------------------------------- */

static void sends(const char *stored, const char *wanted)
{
    struct spec s;
    struct buf b;
    struct err e = {0};
    if (spec_decode_stored(stored, &s, &e)) fail_msg("%s: %s", stored, e.msg);
    spec_fill_attempt(&s, 12);
    buf_init(&b, ROOM);
    assert_int_equal(spec_encode(&s, &b), 0);
    assert_string_equal(b.data, wanted);
    buf_fini(&b);
    spec_fini(&s);
}

static void mark__becomes_the_number_of_the_attempt(void **state)
{
    (void)state;
    sends("{\"command\":[\"{{taskrun.attempt}}\",\"a{{{taskrun.attempt}}}}b\"],"
          "\"env\":{\"{{taskrun.attempt}}\":\"{{taskrun.attempt}}{{taskrun.attempt}}\"},"
          "\"workdir\":\"/{{taskrun.attempt}}\",\"attemptMark\":\"{{taskrun.attempt}}\"}",
          "{\"command\":[\"12\",\"a{12}}b\"],\"env\":{\"{{taskrun.attempt}}\":\"1212\"},"
          "\"workdir\":\"/12\"}");
    sends("{\"script\":\"x\",\"args\":[\"{{taskrun.attempt}}\",\"-n{{taskrun.attempt}}\"],"
          "\"attemptMark\":\"{{taskrun.attempt}}\"}",
          "{\"script\":\"x\",\"args\":[\"12\",\"-n12\"]}");
    sends("{\"script\":\"{{taskrun.attempt}}\"}", "{\"script\":\"{{taskrun.attempt}}\"}");
    sends("{\"script\":\"x\",\"attemptMark\":\"\"}", "{\"script\":\"x\"}");
}

static void spec_of_release_0_1__is_read_with_its_escaped_nul(void **state)
{
    (void)state;
    sends("{\"command\":[\"x\",\"\\u0000\",\"\\\\u0000\"],\"env\":{\"A\":\"a\\u0000b\\u0000\"}}",
          "{\"command\":[\"x\",\"12\",\"\\\\u0000\"],\"env\":{\"A\":\"a12b12\"}}");
    sends("{\"script\":\"{{taskrun.attempt}}\\u0000{{{\"}",
          "{\"script\":\"{{taskrun.attempt}}12{{{\"}");
    /* what only looks like it leaves a mark of today as it is */
    sends("{\"script\":\"\\\\u0000{{taskrun.attempt}}\",\"attemptMark\":\"{{taskrun.attempt}}\"}",
          "{\"script\":\"\\\\u000012\"}");
    struct spec s;
    assert_int_equal(spec_decode_stored("{\"script\":\"\\u0000\"", &s, NULL), ERR_INVALID);
    assert_int_equal(spec_decode_stored("\\u0000", &s, NULL), ERR_INVALID);
    assert_int_equal(spec_decode_stored("\\", &s, NULL), ERR_INVALID);
}

/* Whatever names and fields there are: as if all had been written at once. */
static void names__added_to_a_text__give_what_is_written_at_once(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"command\":[\"a\",\"}\"]}",
        "{\"script\":\"x\",\"shell\":\"sh\",\"env\":{\"K\":\"V\"},\"killGraceMs\":5}",
    };
    static char ns[] = "a.b", name[] = "say \"hi\"", group[] = "g", execution[] = "e";
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        for (unsigned bits = 0; bits < 16; bits++) {
            struct spec s, names = {0}, all;
            struct buf parts, once;
            struct err e = {0};
            assert_int_equal(spec_decode(texts[i], strlen(texts[i]), &s, &e), 0);
            names.ns = bits & 1 ? ns : NULL;
            names.name = bits & 2 ? name : NULL;
            names.group = bits & 4 ? group : NULL;
            names.execution = bits & 8 ? execution : NULL;
            all = s;
            all.ns = names.ns;
            all.name = names.name;
            all.group = names.group;
            all.execution = names.execution;
            buf_init(&parts, 4096);
            buf_init(&once, 4096);
            assert_int_equal(spec_add_names(&names, texts[i], &parts), 0);
            assert_int_equal(spec_encode(&all, &once), 0);
            assert_string_equal(parts.data, once.data);
            buf_fini(&parts);
            buf_fini(&once);
            spec_fini(&s);
        }
    }
}

static void kill_grace__is_the_default_unless_it_counts(void **state)
{
    (void)state;
    static const char *const defaults[] = {"",
                                           "{",
                                           "[]",
                                           "{}",
                                           "{\"killGraceMs\":0}",
                                           "{\"killGraceMs\":-1}",
                                           "{\"killGraceMs\":3600001}",
                                           "{\"killGraceMs\":\"1\"}",
                                           "{\"killGraceMs\":1.5}",
                                           "{\"killGraceMs\":null}"};
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        assert_int_equal(spec_glance(defaults[i]).kill_grace_ms, KILL_GRACE_DEFAULT_MS);
    assert_int_equal(spec_glance("{\"killGraceMs\":1}").kill_grace_ms, 1);
    assert_int_equal(spec_glance("{\"script\":\"x\",\"killGraceMs\":3600000}").kill_grace_ms,
                     3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field__reads_back),
        cmocka_unit_test(unknown_and_null_fields__count_as_absent),
        cmocka_unit_test(what_is_no_spec__is_refused),
        cmocka_unit_test(every_field__is_taken_to_its_limit_and_no_further),
        cmocka_unit_test(what_the_reader_would_refuse__is_not_written),
        cmocka_unit_test(what_does_not_fit_together__is_told_by_field),
        cmocka_unit_test(needs__the_shell_that_is_named_and_no_other),
        cmocka_unit_test(payload__is_what_the_user_gave),
        cmocka_unit_test(the_greatest_stdin__fits_into_a_stored_spec),
        cmocka_unit_test(stdin_that_older_agents_refuse__needs_minor_2),
        cmocka_unit_test(needs__a_newer_agent_for_arguments_of_a_script),
        cmocka_unit_test(limits__are_told_before_anything_is_written),
        cmocka_unit_test(mark__becomes_the_number_of_the_attempt),
        cmocka_unit_test(spec_of_release_0_1__is_read_with_its_escaped_nul),
        cmocka_unit_test(names__added_to_a_text__give_what_is_written_at_once),
        cmocka_unit_test(kill_grace__is_the_default_unless_it_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
