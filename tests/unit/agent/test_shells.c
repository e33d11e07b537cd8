/* agent/shells: a script's text stays as it is, and what is started with it gives its exit code. */
#include "agent/shells.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MARK "\xef\xbb\xbf"

static const char start_ps1[] = "$ErrorActionPreference = 'Stop'\n"
                                "$global:LASTEXITCODE = 0\n"
                                "& \"$PSScriptRoot/cadre-script.ps1\" @args\n"
                                "exit $global:LASTEXITCODE\n";

static struct shells_layout lay_out(const char *shell, const char *script)
{
    struct shells_layout l;
    struct err e = {0, ""};
    struct spec s = {.shell = (char *)(uintptr_t)shell, .script = (char *)(uintptr_t)script};
    if (shells_lay_out(&s, "work", &l, &e) != 0) fail_msg("%s", e.msg);
    return l;
}

static void has_file(const struct shells_layout *l, size_t i, const char *name, const char *text)
{
    assert_true(i < l->file_count);
    assert_string_equal(l->files[i].name, name);
    assert_string_equal(l->files[i].text.data, text);
}

/* The words before the file that is started, and that file. */
static void has_command(const struct shells_layout *l, const char *words, const char *file)
{
    struct buf joined;
    size_t n = 0;
    buf_init(&joined, 1000);
    for (; l->argv[n + 1]; n++)
        (void)buf_addf(&joined, "%s%s", n > 0 ? " " : "", l->argv[n]);
    assert_string_equal(joined.data, words);
    assert_true(str_starts(l->argv[n], "work"));
    assert_true(str_ends(l->argv[n], file));
    buf_fini(&joined);
}

static void powershell__calls_the_script_as_it_is(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "",
        "param([string]$Day = \"monday\")\nWrite-Output $Day\n",
        "#requires -Version 5\r\nusing namespace System.IO\r\nexit 3",
        "[CmdletBinding()]\nparam()\nthrow 'x'\n",
        "@'\nline\r\nother\n'@\n",
        "# gr\xc3\xbcn \xe2\x82\xac",
        "#!/usr/bin/env pwsh\n1",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        char *marked = str_dupf(MARK "%s", scripts[i]);
        struct shells_layout core = lay_out("pwsh", scripts[i]);
        struct shells_layout old = lay_out("powershell", scripts[i]);
        assert_int_equal(core.file_count, 2);
        has_file(&core, 0, "cadre-script.ps1", scripts[i]);
        has_file(&core, 1, "cadre-start.ps1", start_ps1);
        has_command(&core, "pwsh -NoLogo -NoProfile -NonInteractive -File", "cadre-start.ps1");
        has_file(&old, 0, "cadre-script.ps1", marked);
        has_file(&old, 1, "cadre-start.ps1", start_ps1);
        has_command(&old,
                    "powershell -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -File",
                    "cadre-start.ps1");
        shells_layout_fini(&old);
        shells_layout_fini(&core);
        mem_free(marked);
    }
}

static void a_mark_in_front__is_not_the_scripts(void **state)
{
    (void)state;
    static const char *const shells[] = {"sh", "bash", "pwsh", "cmd", "python3"};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        struct shells_layout l = lay_out(shells[i], MARK MARK "x");
        assert_string_equal(l.files[0].text.data, "x");
        shells_layout_fini(&l);
    }
    struct shells_layout l = lay_out("powershell", MARK "x" MARK);
    has_file(&l, 0, "cadre-script.ps1", MARK "x" MARK);
    shells_layout_fini(&l);
    l = lay_out("python3", "x" MARK);
    has_file(&l, 0, "cadre-script.py", "x" MARK);
    shells_layout_fini(&l);
}

static void powershell__that_speaks_of_input__gets_standard_input_there(void **state)
{
    (void)state;
    static const char *const reads[] = {
        "$input",       "$input | sort", "foreach ($i in $Input) {}",
        "\"${INPUT}\"", "$x=$input;",    "$inputs; $input"};
    static const char *const leaves[] = {"",        "$inputs",  "input",         "$in",
                                         "$input1", "$input_x", "[Console]::In", "${inputs}"};
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        struct shells_layout l = lay_out("pwsh", reads[i]);
        if (!strstr(l.files[1].text.data, "\n$input | & \"$PSScriptRoot")) fail_msg("%s", reads[i]);
        shells_layout_fini(&l);
    }
    for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
        struct shells_layout l = lay_out("pwsh", leaves[i]);
        if (!str_eq(l.files[1].text.data, start_ps1)) fail_msg("%s", leaves[i]);
        shells_layout_fini(&l);
    }
}

static void sh_and_bash__get_lines_that_they_can_read(void **state)
{
    (void)state;
    struct shells_layout l = lay_out("sh", "echo one\r\necho two\n\recho\r");
    assert_int_equal(l.file_count, 1);
    has_file(&l, 0, "cadre-script.sh", "echo one\necho two\n\recho\r");
    has_command(&l, "sh -e", "cadre-script.sh");
    shells_layout_fini(&l);
    l = lay_out("bash", "a\r\n\r\n");
    has_file(&l, 0, "cadre-script.sh", "a\n\n");
    has_command(&l, "bash --noprofile --norc -e -o pipefail", "cadre-script.sh");
    shells_layout_fini(&l);
}

static void python__keeps_its_lines(void **state)
{
    (void)state;
    struct shells_layout l = lay_out("python3", "x = '''a\r\nb\n'''\r\n");
    assert_int_equal(l.file_count, 1);
    has_file(&l, 0, "cadre-script.py", "x = '''a\r\nb\n'''\r\n");
    has_command(&l, "python3 -u", "cadre-script.py");
    shells_layout_fini(&l);
}

static void cmd__gets_its_lines_and_a_start_that_turns_echo_off(void **state)
{
    (void)state;
    struct shells_layout l = lay_out("cmd", "echo one\n:label\r\nexit /b 3");
    assert_int_equal(l.file_count, 2);
    has_file(&l, 0, "cadre-script.cmd", "echo one\r\n:label\r\nexit /b 3");
    has_file(&l, 1, "cadre-start.cmd", "@echo off\r\n\"%~dp0cadre-script.cmd\" %*\r\n");
    has_command(&l, text_batch_is_program() ? "" : "cmd /D /E:ON /V:OFF /C", "cadre-start.cmd");
    shells_layout_fini(&l);
}

/* The words of the command, with ">" in front of each. */
static char *words_of(const struct shells_layout *l)
{
    struct buf joined;
    buf_init(&joined, 1000);
    for (size_t i = 0; l->argv[i]; i++)
        (void)buf_addf(&joined, ">%s", l->argv[i]);
    return buf_detach(&joined);
}

static void a_first_line_with_an_interpreter__is_honoured_without_a_shell(void **state)
{
    (void)state;
    static const struct {
        const char *script, *words;
    } cases[] = {
        {"#!/bin/bash\n", ">/bin/bash>"},
        {"#!/bin/bash", ">/bin/bash>"},
        {"#! \t/bin/sh \t-eu \t\nx", ">/bin/sh>-eu>"},
        {"#!/usr/bin/env python3\n", ">/usr/bin/env>python3>"},
        {"#!/usr/bin/env -S python3 -u  -X dev\n", ">/usr/bin/env>-S python3 -u  -X dev>"},
        {"#!/opt/with\xc3\xbc/tool\n", ">/opt/with\xc3\xbc/tool>"},
        {"#!/bin/bash\r\necho\r\n", ">/bin/bash>"},
        {"#!/bin/sh -e\r\n", ">/bin/sh>-e>"},
        {MARK "#!/bin/cat\n", ">/bin/cat>"},
        {"#!perl\n", ">perl>"},
    };
    if (!text_has_interpreter_lines()) skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shells_layout l = lay_out(NULL, cases[i].script);
        char *words = words_of(&l), *wanted = str_dupf("%swork/cadre-script", cases[i].words);
        assert_string_equal(words, wanted);
        assert_int_equal(l.file_count, 1);
        assert_string_equal(l.files[0].name, "cadre-script");
        assert_true(l.files[0].program);
        assert_non_null(l.named_by);
        mem_free(wanted);
        mem_free(words);
        shells_layout_fini(&l);
    }
}

static void an_interpreters_script__keeps_its_lines_unless_the_first_has_crlf(void **state)
{
    (void)state;
    static const struct {
        const char *script, *text;
    } cases[] = {
        {"#!/bin/sh\necho a\r\n", "#!/bin/sh\necho a\r\n"},
        {"#!/bin/sh\r\necho a\r\n\rb\n", "#!/bin/sh\necho a\n\rb\n"},
        {"#!/bin/sh\r", "#!/bin/sh\r"},
        {MARK "#!/bin/sh\n", "#!/bin/sh\n"},
    };
    if (!text_has_interpreter_lines()) skip();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct shells_layout l = lay_out(NULL, cases[i].script);
        assert_string_equal(l.files[0].text.data, cases[i].text);
        shells_layout_fini(&l);
    }
}

static void a_script_without_an_interpreters_line__is_for_the_default_shell(void **state)
{
    (void)state;
    static const char *const scripts[] = {"",     "#",          "# !/bin/sh\n", "#!",
                                          "#!\n", "#! \t\r\nx", " #!/bin/sh",   "\n#!/bin/sh\n"};
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct shells_layout l = lay_out(NULL, scripts[i]);
        assert_string_equal(l.argv[0], text_default_shell());
        assert_false(l.files[0].program);
        assert_null(l.named_by);
        shells_layout_fini(&l);
    }
}

static void a_shell_that_is_named__wins_over_the_first_line(void **state)
{
    (void)state;
    static const char *const shells[] = {"sh", "bash", "pwsh", "python3"};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        struct shells_layout l = lay_out(shells[i], "#!/bin/none\n");
        assert_string_equal(l.argv[0], shells[i]);
        assert_string_equal(l.files[0].text.data, "#!/bin/none\n");
        shells_layout_fini(&l);
    }
}

static void arguments__follow_the_file_that_is_started(void **state)
{
    (void)state;
    static const char *const shells[] = {"sh",  "bash",    "powershell", "pwsh",
                                         "cmd", "python3", NULL};
    char *words[] = {(char *)(uintptr_t) "", (char *)(uintptr_t) "a \"b\" $c",
                     (char *)(uintptr_t) "-File"};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        struct shells_layout l;
        struct err e = {0, ""};
        struct spec s = {.shell = (char *)(uintptr_t)shells[i],
                         .script = (char *)(uintptr_t) "#!/bin/cat -n\n",
                         .args = {words, 3}};
        assert_int_equal(shells_lay_out(&s, "work", &l, &e), 0);
        size_t n = 0;
        while (l.argv[n])
            n++;
        assert_true(n >= 4 && strstr(l.argv[n - 4], "cadre-s") != NULL);
        for (size_t k = 0; k < 3; k++)
            assert_string_equal(l.argv[n - 3 + k], words[k]);
        shells_layout_fini(&l);
    }
}

static void an_unknown_shell__is_refused(void **state)
{
    (void)state;
    static const char *const shells[] = {"", "fish", "SH", "sh ", "powershell.exe"};
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        struct shells_layout l = {.file_count = 0};
        struct err e = {0, ""};
        struct spec s = {.shell = (char *)(uintptr_t)shells[i], .script = (char *)(uintptr_t) "x"};
        assert_int_equal(shells_lay_out(&s, "work", &l, &e), ERR_INVALID);
        assert_non_null(strstr(e.msg, "not a known shell"));
        assert_null(l.argv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powershell__calls_the_script_as_it_is),
        cmocka_unit_test(a_mark_in_front__is_not_the_scripts),
        cmocka_unit_test(powershell__that_speaks_of_input__gets_standard_input_there),
        cmocka_unit_test(sh_and_bash__get_lines_that_they_can_read),
        cmocka_unit_test(python__keeps_its_lines),
        cmocka_unit_test(cmd__gets_its_lines_and_a_start_that_turns_echo_off),
        cmocka_unit_test(a_first_line_with_an_interpreter__is_honoured_without_a_shell),
        cmocka_unit_test(an_interpreters_script__keeps_its_lines_unless_the_first_has_crlf),
        cmocka_unit_test(a_script_without_an_interpreters_line__is_for_the_default_shell),
        cmocka_unit_test(a_shell_that_is_named__wins_over_the_first_line),
        cmocka_unit_test(arguments__follow_the_file_that_is_started),
        cmocka_unit_test(an_unknown_shell__is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
