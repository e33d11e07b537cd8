/* `store` and `storePasswordFile` of a configuration: what they come to, what is shown, and which
 * files are refused. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/config.h"
#include "coordinator/store_password.h"
#include "platform/files.h"
#include "platform/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define FILE_NAME "store-setting.txt"

static char *text_of(const char *s)
{
    return (char *)(uintptr_t)s;
}

/* flag NULL: none. */
static int load(const char *yaml, const char *flag, struct config *c, struct err *e)
{
    static const char path[] = "store-setting.yaml";
    char *argv[] = {text_of("run"),     text_of("--config"), text_of(path),
                    text_of("--store"), text_of(flag),       NULL};
    struct opt_args args;
    assert_int_equal(file_write_plain(path, yaml, strlen(yaml), FILE_PUBLIC, NULL), 0);
    *e = (struct err){0};
    int rc = config_load(c, flag ? 5 : 3, argv, &args, e);
    assert_int_equal(file_remove(path, NULL), 0);
    return rc;
}

static void sqlite__is_the_default_and_may_be_said(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    static const char *const texts[] = {"lease: 5m\n", "store: sqlite\n", "store:\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct buf out;
        buf_init(&out, 65536);
        if (load(texts[i], NULL, &c, &e) != 0) fail_msg("%s: %s", texts[i], e.msg);
        assert_null(c.store);
        opt_print(&c.set, &out);
        assert_non_null(strstr(out.data, "store: sqlite "));
        config_fini(&c);
        buf_fini(&out);
    }
}

static void uri__is_kept_and_shown_without_its_password(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    struct buf out;
    buf_init(&out, 65536);
    assert_int_equal(load("store: postgresql://u:SECRET@db/cadre\n", NULL, &c, &e), 0);
    assert_string_equal(c.store, "postgresql://u:SECRET@db/cadre");
    opt_print(&c.set, &out);
    assert_non_null(strstr(out.data, "postgresql://u:***@db/cadre"));
    assert_null(strstr(out.data, "SECRET"));
    config_fini(&c);
    buf_fini(&out);
}

static void flag__counts_more_than_the_file(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    assert_int_equal(load("store: sqlite\n", "postgresql://db/cadre", &c, &e), 0);
    assert_string_equal(c.store, "postgresql://db/cadre");
    config_fini(&c);
    static const char both[] = "store: postgresql://db/cadre\nstorePasswordFile: /x\n";
    assert_int_equal(load(both, "sqlite", &c, &e), 0);
    assert_null(c.store);
    assert_null(c.store_password_file);
    config_fini(&c);
}

static void wrong_settings__are_refused_without_showing_a_password(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *why;
    } cases[] = {
        {"store: mysql://u:SECRET@db/x\n", "store: 'mysql://***'"},
        {"store: postgresql://u:SE@CRET@db/x\n", "store: 'postgresql://***': there are several"},
        {"store: \"postgresql://u:SECRET@db/x\\u0007\"\n", "a control character"},
        {"store: [postgresql://u:SECRET@db/x]\n", "store"},
        {"store: {a: SECRET}\n", "store"},
        {"store: postgresql://u:SECRET@db/x\nstorePasswordFile: /x\n", "take the one in store out"},
        {"store: postgresql://db/x?password=SECRET\nstorePasswordFile: /x\n", "take the one"},
        {"storePasswordFile: /x\n", "SQLite has no password"},
        {"store: sqlite\nstorePasswordFile: /x\n", "SQLite has no password"},
        {"store: postgresql://db/x\nstorePasswordFile: ''\n", "is empty"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config c;
        struct err e;
        if (load(cases[i].yaml, NULL, &c, &e) == 0) fail_msg("%s", cases[i].yaml);
        if (!strstr(e.msg, cases[i].why)) fail_msg("%s: %s", cases[i].yaml, e.msg);
        if (strstr(e.msg, "SECRET") || strstr(e.msg, "CRET@")) fail_msg("it shows: %s", e.msg);
    }
}

static void put(const char *data, size_t len, enum file_mode mode)
{
    assert_int_equal(file_write_atomic(FILE_NAME, data, len, mode, NULL), 0);
}

static void password__is_the_first_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"s3 cret", "s3 cret\n", "s3 cret\r\nmore\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct err e = {0};
        char *password = NULL;
        put(texts[i], strlen(texts[i]), FILE_SECRET);
        if (store_password_read(FILE_NAME, &password, &e) != 0) fail_msg("%s", e.msg);
        assert_string_equal(password, "s3 cret");
        mem_free_secret(password);
    }
    assert_int_equal(file_remove(FILE_NAME, NULL), 0);
}

static void files_that_are_no_secret__are_refused(void **state)
{
    (void)state;
    char long_line[1100];
    memset(long_line, 'x', sizeof long_line);
    const struct {
        const char *data;
        size_t len;
        enum file_mode mode;
        int code;
        const char *why;
    } cases[] = {
        {"s3cret\n", 7, FILE_PUBLIC, ERR_DENIED, "is open to others"},
        {"", 0, FILE_SECRET, ERR_INVALID, "is empty"},
        {"\ns3cret\n", 8, FILE_SECRET, ERR_INVALID, "is empty"},
        {"\r\ns3cret\n", 9, FILE_SECRET, ERR_INVALID, "is empty"},
        {"s3\0cret\n", 8, FILE_SECRET, ERR_INVALID, "is no text"},
        {"s3\tcret\n", 8, FILE_SECRET, ERR_INVALID, "is no text"},
        {long_line, sizeof long_line, FILE_SECRET, ERR_INVALID, "over 1024 bytes"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e = {0};
        char *password = NULL;
        put(cases[i].data, cases[i].len, cases[i].mode);
        assert_int_equal(store_password_read(FILE_NAME, &password, &e), cases[i].code);
        assert_null(password);
        assert_non_null(strstr(e.msg, "storePasswordFile"));
        if (!strstr(e.msg, cases[i].why)) fail_msg("%s", e.msg);
        assert_null(strstr(e.msg, "cret"));
    }
    assert_int_equal(file_remove(FILE_NAME, NULL), 0);
    struct err e = {0};
    char *password = NULL;
    assert_int_not_equal(store_password_read(FILE_NAME, &password, &e), 0);
    assert_non_null(strstr(e.msg, "storePasswordFile"));
}

static void check__looks_at_the_file_and_the_system(void **state)
{
    (void)state;
    struct config c;
    struct err e;
    assert_int_equal(load("lease: 5m\n", NULL, &c, &e), 0);
    assert_int_equal(store_password_check(&c, &e), 0);
    config_fini(&c);
    assert_int_equal(load("store: postgresql://db/x\n", NULL, &c, &e), 0);
    assert_int_equal(store_password_check(&c, &e), os_has_modules() ? 0 : ERR_INVALID);
    config_fini(&c);
    static const char gone[] = "store: postgresql://db/x\nstorePasswordFile: not-there\n";
    assert_int_equal(load(gone, NULL, &c, &e), 0);
    assert_int_not_equal(store_password_check(&c, &e), 0);
    config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlite__is_the_default_and_may_be_said),
        cmocka_unit_test(uri__is_kept_and_shown_without_its_password),
        cmocka_unit_test(flag__counts_more_than_the_file),
        cmocka_unit_test(wrong_settings__are_refused_without_showing_a_password),
        cmocka_unit_test(password__is_the_first_line),
        cmocka_unit_test(files_that_are_no_secret__are_refused),
        cmocka_unit_test(check__looks_at_the_file_and_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
