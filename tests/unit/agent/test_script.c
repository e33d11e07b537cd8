/* agent/script: from spec to argument list, environment and files. */
#include "agent/script.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct opt_pair agent_pairs[] = {{(char *)(uintptr_t) "HTTP_PROXY", (char *)(uintptr_t) "p"},
                                        {(char *)(uintptr_t) "SAME", (char *)(uintptr_t) "agent"}};
static const struct opt_map agent_env = {agent_pairs, 2};

static int prepare(const char *text, struct launch *out, struct err *e)
{
    struct launch_input in = {.job = 12345,
                              .attempt = 2,
                              .spec = text,
                              .agent_env = &agent_env,
                              .agent_name = "box",
                              .work_folder = "work/mark-2"};
    int rc = launch_prepare(&in, out, e);
    return rc;
}

static const char *env_of(const struct launch *l, const char *key)
{
    size_t n = strlen(key);
    const char *found = NULL;
    for (char **p = l->env; *p; p++) {
        if (strncmp(*p, key, n) != 0 || (*p)[n] != '=') continue;
        assert_null(found); /* never twice */
        found = *p + n + 1;
    }
    return found;
}

static int clean(void **state)
{
    (void)state;
    return dir_remove_tree("work", NULL);
}

static void a_command_goes_as_it_is(void **state)
{
    (void)state;
    struct launch l;
    struct err e = {0};
    assert_int_equal(prepare("{\"command\":[\"a b\",\"\",\"c\\\"d\"]}", &l, &e), 0);
    assert_string_equal(l.argv[0], "a b");
    assert_string_equal(l.argv[1], "");
    assert_string_equal(l.argv[2], "c\"d");
    assert_null(l.argv[3]);
    assert_null(l.stdin_path);
    assert_string_equal(l.cwd, l.work_folder);
    launch_fini(&l);
}

static void environment_is_account_then_agent_then_job_then_cadre(void **state)
{
    (void)state;
    struct launch l;
    struct err e = {0};
    setenv("SECRET_OF_THE_AGENT", "x", 1);
    assert_int_equal(
        prepare("{\"command\":[\"x\"],\"env\":{\"SAME\":\"job\",\"CADRE_JOB_ID\":\"fake\"},"
                "\"namespace\":\"a.b\",\"group\":\"win\"}",
                &l, &e),
        0);
    assert_string_equal(env_of(&l, "HTTP_PROXY"), "p");
    assert_string_equal(env_of(&l, "SAME"), "job");
    assert_string_not_equal(env_of(&l, "CADRE_JOB_ID"), "fake");
    assert_string_equal(env_of(&l, "CADRE_ATTEMPT"), "2");
    assert_string_equal(env_of(&l, "CADRE_NAMESPACE"), "a.b");
    assert_string_equal(env_of(&l, "CADRE_GROUP"), "win");
    assert_string_equal(env_of(&l, "CADRE_AGENT"), "box");
    assert_string_equal(env_of(&l, "WORKING_DIR"), l.cwd);
    assert_non_null(env_of(&l, "PATH"));
    assert_null(env_of(&l, "SECRET_OF_THE_AGENT"));
    launch_fini(&l);
}

static void traceparent__is_a_variable_when_it_is_valid_and_the_job_has_none(void **state)
{
    static const char trace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    static const struct {
        const char *more, *value;
    } rows[] = {
        {",\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"", trace},
        {",\"traceparent\":\"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\","
         "\"env\":{\"TRACEPARENT\":\"mine\"}",
         "mine"},
        {",\"traceparent\":\"x\"", NULL},
        {",\"traceparent\":\"\"", NULL},
        {"", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct launch l;
        struct err e = {0};
        char *spec = str_dupf("{\"command\":[\"x\"]%s}", rows[i].more);
        assert_int_equal(prepare(spec, &l, &e), 0);
        const char *value = env_of(&l, "TRACEPARENT");
        if (rows[i].value)
            assert_string_equal(value, rows[i].value);
        else
            assert_null(value);
        launch_fini(&l);
        mem_free(spec);
    }
}

static void group__that_is_not_named__is_the_default_group(void **state)
{
    (void)state;
    struct launch l;
    struct err e = {0};
    assert_int_equal(prepare("{\"command\":[\"x\"]}", &l, &e), 0);
    assert_string_equal(env_of(&l, "CADRE_GROUP"), "default");
    launch_fini(&l);
}

static void expect_script(const char *shell, const char *first, const char *ending)
{
    struct launch l;
    struct err e = {0};
    char *text = str_dupf("{\"script\":\"echo one\\necho two\",\"shell\":\"%s\"}", shell);
    assert_int_equal(prepare(text, &l, &e), 0);
    mem_free(text);
    size_t n = 0;
    while (l.argv[n])
        n++;
    assert_string_equal(l.argv[0], first);
    assert_true(str_ends(l.argv[n - 1], ending));
    struct buf file;
    buf_init(&file, 65536);
    assert_int_equal(file_read(l.argv[n - 1], 65536, &file, &e), 0);
    assert_non_null(strstr(file.data, "echo one"));
    assert_non_null(strstr(file.data, "echo two"));
    buf_fini(&file);
    launch_fini(&l);
}

static void a_script_that_is_called__has_its_start_beside_it(void **state)
{
    (void)state;
    struct launch l;
    struct err e = {0};
    struct buf file;
    buf_init(&file, 65536);
    assert_int_equal(prepare("{\"script\":\"param($a)\",\"shell\":\"pwsh\"}", &l, &e), 0);
    assert_int_equal(file_read("work/mark-2/cadre-script.ps1", 100, &file, &e), 0);
    assert_string_equal(file.data, "param($a)");
    assert_int_equal(file_read("work/mark-2/cadre-start.ps1", 1000, &file, &e), 0);
    assert_non_null(strstr(file.data, "cadre-script.ps1"));
    buf_fini(&file);
    launch_fini(&l);
}

static void a_script_becomes_a_file_for_its_shell(void **state)
{
    (void)state;
    expect_script("sh", "sh", ".sh");
    expect_script("bash", "bash", ".sh");
    expect_script("python3", "python3", ".py");
}

static void standard_input_is_written_byte_for_byte(void **state)
{
    (void)state;
    struct launch l;
    struct err e = {0};
    struct buf file;
    buf_init(&file, 100);
    assert_int_equal(prepare("{\"command\":[\"x\"],\"stdin\":\"AAECAw==\"}", &l, &e), 0);
    assert_int_equal(file_read(l.stdin_path, 100, &file, &e), 0);
    assert_int_equal(file.len, 4);
    assert_memory_equal(file.data, "\0\1\2\3", 4);
    buf_fini(&file);
    assert_int_equal(launch_remove_files("work/mark-2", true, NULL, NULL, &e), 0);
    assert_false(file_exists(l.stdin_path));
    assert_false(file_exists(l.work_folder));
    launch_fini(&l);
}

static void bad_specs_are_refused_by_field(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        {"{\"command\":[]}", "command"},
        {"{\"command\":\"x\"}", "command"},
        {"{\"command\":[1]}", "command"},
        {"{\"command\":[\"x\",null]}", "command"},
        {"{\"script\":\"x\",\"shell\":\"fish\"}", "fish"},
        {"{\"command\":[\"x\"],\"env\":{\"A=B\":\"c\"}}", "A=B"},
        {"{\"command\":[\"x\"],\"env\":{\"\":\"c\"}}", "env"},
        {"{\"command\":[\"x\"],\"env\":{\"A\":1}}", "env"},
        {"{\"command\":[\"x\"],\"stdin\":\"***\"}", "stdin"},
        {"{\"command\":[\"\"]}", "command"},
        {"{\"command\":[\"x\"],\"script\":\"x\"}", "command"},
        {"{\"command\":[\"x\"],\"workdir\":\"\"}", "workdir"},
        {"{\"command\":[\"x\"],\"workdir\":1}", "workdir"},
        {"{\"script\":[]}", "script"},
        {"{\"script\":\"\\u0000\"}", "spec"},
        {"{}", "command"},
        {"[]", "spec"},
        {"{", "spec"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct launch l;
        struct err e = {0};
        assert_int_equal(prepare(cases[i].text, &l, &e), ERR_INVALID);
        if (!strstr(e.msg, cases[i].wanted)) fail_msg("'%s' not in: %s", cases[i].wanted, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_command_goes_as_it_is, clean),
        cmocka_unit_test_teardown(environment_is_account_then_agent_then_job_then_cadre, clean),
        cmocka_unit_test_teardown(traceparent__is_a_variable_when_it_is_valid_and_the_job_has_none,
                                  clean),
        cmocka_unit_test_teardown(group__that_is_not_named__is_the_default_group, clean),
        cmocka_unit_test_teardown(a_script_becomes_a_file_for_its_shell, clean),
        cmocka_unit_test_teardown(a_script_that_is_called__has_its_start_beside_it, clean),
        cmocka_unit_test_teardown(standard_input_is_written_byte_for_byte, clean),
        cmocka_unit_test_teardown(bad_specs_are_refused_by_field, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
