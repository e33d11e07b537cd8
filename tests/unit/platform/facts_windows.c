/* What only Windows has of text, paths and facts: code pages and UTF-16, capabilities from the
 * registry, access lists. */
#include "scratch.h"

#include "base/json.h"
#include "base/log.h"
#include "platform/capabilities.h"
#include "platform/log_sink.h"
#include "platform/text.h"
#include "platform/windows/acl.h"
#include "platform/windows/event_log.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <string.h>

/* ---- output -------------------------------------------------------------------------------- */

/* data in pieces of `step` bytes, through the converter. */
static void convert(const void *data, size_t len, size_t step, struct buf *out)
{
    struct text_state s = {.mode = 0};
    buf_init(out, 4096);
    for (size_t i = 0; i < len; i += step) {
        text_to_utf8(&s, (const char *)data + i, i + step <= len ? step : len - i, 0, out);
        assert_true(str_utf8_valid(out->data, out->len));
    }
    text_to_utf8(&s, "", 0, 1, out);
    assert_true(str_utf8_valid(out->data, out->len));
}

static void check(const void *data, size_t len, const char *expected, size_t from_step)
{
    for (size_t step = from_step; step <= len; step++) {
        struct buf out;
        convert(data, len, step, &out);
        assert_string_equal(out.data, expected);
        buf_fini(&out);
    }
}

static void utf16__with_a_mark__becomes_utf8_however_it_is_cut(void **state)
{
    (void)state;
    static const wchar_t text[] = L"\xfeffgr\xfcn \xd83d\xde00 \x65e5\r\n";
    check(text, sizeof text - sizeof *text, "gr\xc3\xbcn \xf0\x9f\x98\x80 \xe6\x97\xa5\r\n", 1);
}

static void utf16__without_a_mark__is_known_by_its_beginning(void **state)
{
    (void)state;
    static const wchar_t text[] = L"gr\xfcn \xd83d\xde00\r\n";
    /* who writes it writes whole units */
    check(text, sizeof text - sizeof *text, "gr\xc3\xbcn \xf0\x9f\x98\x80\r\n", 2);
    check(L"a", 2, "a", 2);
}

static void bytes__that_are_no_utf16__stay_bytes(void **state)
{
    (void)state;
    struct buf out;
    convert("a\0\x80\0", 4, 4, &out);
    assert_int_equal(out.data[0], 'a');
    assert_true(out.len > 3);
    buf_fini(&out);
    struct text_state s = {.mode = 0};
    buf_init(&out, 64);
    /* a lone first character is not held back: a program that shows its progress by dots */
    text_to_utf8(&s, ".", 1, 0, &out);
    assert_string_equal(out.data, ".");
    buf_fini(&out);
}

static void code_page__becomes_utf8_and_is_never_split(void **state)
{
    (void)state;
    /* what the system itself makes of these bytes is the truth here, whatever its code page */
    static const char bytes[] = "gr\x81n \x82\x83\x84 end\n";
    wchar_t wide[64];
    int n = MultiByteToWideChar(CP_OEMCP, 0, bytes, sizeof bytes - 1, wide, 63);
    assert_true(n > 0);
    wide[n] = 0;
    char *expected = wide_to(wide);
    check(bytes, sizeof bytes - 1, expected, 1);
    mem_free(expected);
}

static void arguments__keep_halves_of_characters(void **state)
{
    (void)state;
    static const struct {
        const wchar_t *wide;
        const char *text;
    } cases[] = {
        {L"", ""},
        {L"gr\x00fcn \xd83d\xde00", "gr\xc3\xbcn \xf0\x9f\x98\x80"},
        {L"a\xd83d", "a\xed\xa0\xbd"},
        {L"\xde00z", "\xed\xb8\x80z"},
        {L"\xd83d\xd83d\xde00", "\xed\xa0\xbd\xf0\x9f\x98\x80"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text = wide_to_exact(cases[i].wide);
        assert_string_equal(text, cases[i].text);
        mem_free(text);
    }
}

static void batch_files__are_written_as_cmd_reads_them(void **state)
{
    (void)state;
    static const char text[] = "echo gr\xc3\xbcn\r\n", beyond[] = "echo \xe6\x97\xa5\r\n";
    struct buf out, back;
    buf_init(&out, 256);
    buf_init(&back, 256);
    bool needs_utf8 = true;
    assert_int_equal(text_batch_encode(text, sizeof text - 1, &out, &needs_utf8), 0);
    assert_false(needs_utf8);
    struct text_state s = {.mode = 0};
    text_to_utf8(&s, out.data, out.len, 1, &back);
    assert_string_equal(back.data, text);
    buf_clear(&out);
    assert_int_equal(text_batch_encode(beyond, sizeof beyond - 1, &out, &needs_utf8), 0);
    assert_true(needs_utf8);
    assert_string_equal(out.data, beyond);
    buf_clear(&out);
    assert_int_equal(text_batch_encode("", 0, &out, &needs_utf8), 0);
    assert_false(needs_utf8);
    assert_int_equal(out.len, 0);
    buf_fini(&back);
    buf_fini(&out);
}

/* ---- capabilities -------------------------------------------------------------------------- */

static bool lists(const struct json *list, const char *name)
{
    for (const struct json *v = json_first(list); v; v = json_next(v)) {
        if (str_eq(json_str(v, ""), name)) return true;
    }
    return false;
}

static void capabilities__tell_what_this_machine_is(void **state)
{
    struct buf text;
    struct jw w;
    struct json *root;
    struct err e;
    buf_init(&text, 65536);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    capabilities_write(&w, *state, NULL);
    jw_end(&w);
    assert_int_equal(jw_finish(&w), 0);
    assert_int_equal(json_parse(text.data, text.len, &root, &e), 0);
    assert_string_equal(json_get_str(root, "os", ""), "windows");
    assert_string_equal(json_get_str(root, "arch", ""), "x86_64");
    const char *version = json_get_str(root, "osVersion", "");
    const char *kernel = json_get_str(root, "kernel", "");
    assert_true(str_starts(version, "10.0."));
    assert_true(str_starts(version, kernel));
    assert_true(strlen(json_get_str(root, "osName", "")) > 0);
    assert_true(strlen(json_get_str(root, "hostname", "")) > 0);
    assert_true(json_get_int(root, "cpus", 0) >= 1);
    assert_true(json_get_int(root, "memory", 0) > INT64_C(64) << 20);
    assert_true(json_get_int(root, "disk", -1) >= 0);
    assert_true(lists(json_get(root, "shell"), "cmd"));
    assert_int_equal(json_get_int(json_get(root, "gpu"), "count", -1) >= 0,
                     json_get(root, "gpu") != NULL);
    json_free(root);
    buf_fini(&text);
}

/* ---- secrets ------------------------------------------------------------------------------- */

static void a_secret__is_for_system_administrators_and_its_owner(void **state)
{
    char *path = paths_join(*state, "secret"), *open = paths_join(*state, "open");
    assert_int_equal(file_write_atomic(path, "x", 1, FILE_SECRET, NULL), 0);
    assert_int_equal(file_write_atomic(open, "x", 1, FILE_PUBLIC, NULL), 0);
    assert_false(file_is_exposed(path));
    wchar_t *wide = wide_path(open);
    SECURITY_DESCRIPTOR everybody;
    InitializeSecurityDescriptor(&everybody, SECURITY_DESCRIPTOR_REVISION);
    SetSecurityDescriptorDacl(&everybody, TRUE, NULL, FALSE);
    SetFileSecurityW(wide, DACL_SECURITY_INFORMATION, &everybody);
    assert_true(file_is_exposed(open));
    assert_true(acl_protect(wide, false));
    assert_false(file_is_exposed(open));
    mem_free(wide);
    mem_free(open);
    mem_free(path);
}

/* ---- paths --------------------------------------------------------------------------------- */

static void long_paths__are_made_read_and_removed(void **state)
{
    char *path = mem_strdup(*state);
    for (int i = 0; i < 8; i++) {
        char *next =
            paths_join(path, "a-folder-with-a-name-of-some-sixty-characters-so-that-it-adds-up");
        mem_free(path);
        path = next;
    }
    struct buf text;
    struct err e = {0};
    buf_init(&text, 16);
    assert_true(strlen(path) > 500);
    assert_int_equal(dir_make(path, FILE_PUBLIC, &e), 0);
    char *file = paths_join(path, "file.txt");
    assert_int_equal(file_write_plain(file, "deep", 4, FILE_PUBLIC, &e), 0);
    assert_int_equal(file_read(file, 16, &text, &e), 0);
    assert_string_equal(text.data, "deep");
    wchar_t *wide = wide_path(file);
    assert_true(SetFileAttributesW(wide, FILE_ATTRIBUTE_READONLY));
    mem_free(wide);
    char *top =
        paths_join(*state, "a-folder-with-a-name-of-some-sixty-characters-so-that-it-adds-up");
    assert_int_equal(dir_remove_tree(top, &e), 0);
    assert_false(file_exists(top));
    mem_free(top);
    mem_free(file);
    mem_free(path);
    buf_fini(&text);
}

/* ---- logs ---------------------------------------------------------------------------------- */

/* Else the Event Viewer has no description for what we write. */
static void event_log__texts_are_in_the_program(void **state)
{
    (void)state;
    wchar_t *program = wide_path(CADRE_BIN_DIR "/cadre-agent.exe"), text[128];
    HMODULE image = LoadLibraryExW(program, NULL, LOAD_LIBRARY_AS_DATAFILE);
    assert_non_null(image);
    DWORD_PTR insert[] = {(DWORD_PTR)L"agent.yaml:3: unknown key"};
    DWORD n = FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, image,
                             EVENT_ID_TEXT, 0, text, 128, (va_list *)(void *)insert);
    assert_true(n > 0);
    assert_int_equal(wcsncmp(text, L"agent.yaml:3: unknown key", 25), 0);
    FreeLibrary(image);
    mem_free(program);
}

static void log_file__is_rotated_and_five_old_ones_are_kept(void **state)
{
    char *path = paths_join(*state, "agent.log"), line[8192];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    HANDLE before = GetStdHandle(STD_ERROR_HANDLE);
    SetStdHandle(STD_ERROR_HANDLE, NULL);
    assert_int_equal(log_sink_open(path, NULL), 0);
    for (int i = 0; i < 7 * 10 * 1024 * 1024 / (int)sizeof line; i++)
        log_info("%s", line);
    log_sink_close();
    SetStdHandle(STD_ERROR_HANDLE, before);
    for (int i = 1; i <= 6; i++) {
        char *old = str_dupf("%s.%d", path, i);
        assert_int_equal(file_exists(old), i <= 5);
        mem_free(old);
    }
    assert_true(file_exists(path));
    mem_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utf16__with_a_mark__becomes_utf8_however_it_is_cut),
        cmocka_unit_test(utf16__without_a_mark__is_known_by_its_beginning),
        cmocka_unit_test(bytes__that_are_no_utf16__stay_bytes),
        cmocka_unit_test(code_page__becomes_utf8_and_is_never_split),
        cmocka_unit_test(arguments__keep_halves_of_characters),
        cmocka_unit_test(batch_files__are_written_as_cmd_reads_them),
        SCRATCH_CASE(capabilities__tell_what_this_machine_is),
        SCRATCH_CASE(a_secret__is_for_system_administrators_and_its_owner),
        cmocka_unit_test(event_log__texts_are_in_the_program),
        SCRATCH_CASE(log_file__is_rotated_and_five_old_ones_are_kept),
        SCRATCH_CASE(long_paths__are_made_read_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
