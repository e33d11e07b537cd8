/* Facts of the system, text at its edge, and the quoting of Windows command lines (which needs no
 * Windows). */
#include "scratch.h"

#include "platform/sha256.h"
#include "platform/text.h"
#include "platform/windows/quote.h"

#include <string.h>

static void time__goes_on(void **state)
{
    (void)state;
    struct moment a, b;
    os_now(&a);
    do
        os_now(&b);
    while (b.mono_ms == a.mono_ms);
    assert_true(b.mono_ms > a.mono_ms);
    assert_true(a.wall_ms > INT64_C(1700000000000));
    assert_true(a.wall_ms < INT64_C(4102444800000));
}

static void seeds__differ(void **state)
{
    (void)state;
    uint64_t a = os_seed(), b = os_seed(), c = os_seed();
    assert_true(a != b && b != c && a != c);
}

static void ids__are_stable_and_hide_their_source(void **state)
{
    (void)state;
    char a[128], b[128], boot[64], boot2[64];
    assert_int_equal(os_host_id(a, sizeof a), 0);
    assert_int_equal(os_host_id(b, sizeof b), 0);
    assert_string_equal(a, b);
    assert_int_equal(strlen(a), 64);
    assert_int_equal(strspn(a, "0123456789abcdef"), 64);
    struct buf id;
    buf_init(&id, 256);
    if (file_read("/etc/machine-id", 256, &id, NULL) == 0 && id.len >= 32) {
        id.data[32] = '\0';
        assert_null(strstr(a, id.data));
    }
    buf_fini(&id);
    assert_int_equal(os_boot_id(boot, sizeof boot), 0);
    assert_int_equal(os_boot_id(boot2, sizeof boot2), 0);
    assert_string_equal(boot, boot2);
    assert_true(strlen(boot) > 8);
    assert_int_equal(os_host_id(a, 64), ERR_TOO_LARGE);
    assert_int_equal(os_boot_id(a, 4), ERR_TOO_LARGE);
    assert_int_equal(os_hostname(a, 1), ERR_TOO_LARGE);
}

static void facts__are_plausible(void **state)
{
    (void)state;
    char host[256];
    assert_int_equal(os_hostname(host, sizeof host), 0);
    assert_true(strlen(host) > 0);
    assert_true(os_cpu_count() >= 1);
    assert_null(os_env("CADRE_NO_SUCH_VARIABLE", NULL));
    assert_non_null(os_env("PATH", NULL));
}

static void sha256__of_known_texts(void **state)
{
    (void)state;
    char hex[SHA256_HEX_SIZE];
    /* the label's NUL is part of it: these are digests of "\0", "abc\0def", and of 100 x and 64 x
     * with a NUL between */
    sha256_label_hex("", "", hex);
    assert_string_equal(hex, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    sha256_label_hex("abc", "def", hex);
    assert_string_equal(hex, "516a5e926ce20c5f4d80f00e1a01abdf14986def6588d6abeed9fce090bc660c");
    char x[101];
    memset(x, 'x', 100);
    x[100] = '\0';
    sha256_label_hex(x, x + 36, hex);
    assert_string_equal(hex, "48fdfbf3b288fb14d263bf490fd45a54029ace2657942dddf949315179abac51");
}

/* From the rules of CommandLineToArgvW, which `takes_apart` follows. */
static const char *const arguments[] = {
    "plain",
    "",
    "with space",
    "tab\there",
    "quote\"inside",
    "\"",
    "\"\"",
    "back\\slash",
    "end\\",
    "end space\\",
    "two\\\\",
    "two space\\\\",
    "\\\"",
    "\\\\\"",
    "a\\\"b c\\",
    "%PATH%",
    "^caret",
    "a&b|c<d>e",
    "(x)",
    "!bang!",
    "gr\xc3\xb6\xc3\x9f"
    "e",
    "\xe6\x97\xa5 \xe6\x9c\xac",
    "C:\\Program Files\\x\\",
    "--flag=va lue",
    "'single'",
    "line\nbreak",
    "trailing\"\\",
    "\\\\server\\share\\",
    "*.c",
    "a\"b\"c d\\\\\"e",
};
#define ARGUMENTS (sizeof arguments / sizeof *arguments)

/* The documented parsing: 2n backslashes and a quote are n backslashes and the end (or begin) of a
 * quoted part, 2n+1 are n backslashes and a quote. */
static const char *take_apart(const char *line, struct buf *out)
{
    bool quoted = false;
    buf_clear(out);
    while (*line == ' ')
        line++;
    if (!*line) return NULL;
    for (; *line && (quoted || (*line != ' ' && *line != '\t')); line++) {
        size_t slashes = strspn(line, "\\");
        if (line[slashes] != '"') {
            if (slashes > 0) {
                buf_add(out, line, slashes);
                line += slashes - 1;
            } else {
                buf_addc(out, *line);
            }
            continue;
        }
        buf_add(out, line, slashes / 2);
        line += slashes;
        if (slashes % 2) {
            buf_addc(out, '"');
        } else {
            quoted = !quoted;
        }
    }
    return line;
}

static void quoting__comes_apart_as_it_was(void **state)
{
    (void)state;
    struct buf line, word;
    const char *argv[ARGUMENTS + 2] = {"prog.exe"};
    buf_init(&line, 65536);
    buf_init(&word, 65536);
    memcpy(argv + 1, arguments, sizeof arguments);
    quote_command_line(argv, &line);
    const char *at = take_apart(line.data, &word);
    assert_string_equal(word.data, "prog.exe");
    for (size_t i = 0; i < ARGUMENTS; i++) {
        at = take_apart(at, &word);
        assert_non_null(at);
        assert_string_equal(word.data, arguments[i]);
    }
    assert_null(take_apart(at, &word));
    buf_fini(&word);
    buf_fini(&line);
}

static void quoting__leaves_plain_words_alone(void **state)
{
    (void)state;
    static const struct {
        const char *argv[4];
        const char *line;
    } table[] = {
        {{"a", "b", "c"}, "a b c"},
        {{"a", ""}, "a \"\""},
        {{"C:\\Program Files\\a.exe", "x"}, "\"C:\\Program Files\\a.exe\" x"},
        {{"a", "b c"}, "a \"b c\""},
        {{"a", "b\\"}, "a b\\"},
        {{"a", "b c\\"}, "a \"b c\\\\\""},
        {{"a", "\""}, "a \"\\\"\""},
        {{"a", "\\\""}, "a \"\\\\\\\"\""},
        {{"a", "%PATH%&^"}, "a %PATH%&^"},
        {{""}, "\"\""},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct buf line;
        buf_init(&line, 1024);
        quote_command_line(table[i].argv, &line);
        assert_string_equal(line.data, table[i].line);
        buf_fini(&line);
    }
}

static void batch_arguments__cannot_become_commands(void **state)
{
    (void)state;
    struct buf line;
    struct err e = {0};
    static const char *const evil[] = {"\"&calc.exe", "%PATH%", "a\\\"b", NULL};
    static const char *const broken[] = {"ok", "line\nbreak", NULL};
    static const char *const none[] = {NULL};
    buf_init(&line, 4096);
    assert_int_equal(quote_batch_line("C:\\cmd.exe", "C:\\x y.bat", evil, &line, &e), 0);
    assert_string_equal(line.data, "\"C:\\cmd.exe\" /d /e:on /v:off /s /c \"\"C:\\x y.bat\""
                                   " \"\"\"&calc.exe\" \"%%cd:~,%PATH%%cd:~,%\" \"a\\\\\"\"b\"\"");
    buf_clear(&line);
    assert_int_equal(quote_batch_line("C:\\cmd.exe", "C:\\x.bat", broken, &line, &e), ERR_INVALID);
    assert_non_null(strstr(e.msg, "2"));
    assert_int_equal(line.len, 0);
    static const char *const names[] = {"a\"b.bat", "a\nb.bat", "%TEMP%.bat"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(quote_batch_line("C:\\cmd.exe", names[i], none, &line, &e), ERR_INVALID);
    }
    buf_fini(&line);
}

/* Pieces of every size: a character is never split, nothing is lost. */
static void utf8_output__is_kept_however_it_is_cut(void **state)
{
    (void)state;
    static const char text[] = "plain \xc3\xa4\xe6\x97\xa5\xf0\x9f\x98\x80 end\n";
    size_t len = sizeof text - 1;
    for (size_t step = 1; step <= len; step++) {
        struct text_state s = {.mode = 0};
        struct buf out;
        buf_init(&out, 1024);
        for (size_t i = 0; i < len; i += step) {
            text_to_utf8(&s, text + i, i + step <= len ? step : len - i, 0, &out);
        }
        text_to_utf8(&s, "", 0, 1, &out);
        assert_string_equal(out.data, text);
        buf_fini(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time__goes_on),
        cmocka_unit_test(seeds__differ),
        cmocka_unit_test(ids__are_stable_and_hide_their_source),
        cmocka_unit_test(facts__are_plausible),
        cmocka_unit_test(sha256__of_known_texts),
        cmocka_unit_test(quoting__comes_apart_as_it_was),
        cmocka_unit_test(quoting__leaves_plain_words_alone),
        cmocka_unit_test(batch_arguments__cannot_become_commands),
        cmocka_unit_test(utf8_output__is_kept_however_it_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
