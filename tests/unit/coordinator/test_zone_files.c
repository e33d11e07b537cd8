/* coordinator/zone_files: which files of a folder become zones, and what is said of the rest. */
#include "coordinator/zone_files.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A TZif file of version 2 with one type of 0 s, no change, and that rule at its end. */
static void put(const char *folder, const char *name, const char *rule)
{
    static const char block[54] =
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\1\0\0\0\4"
        "\0\0\0\0\0\0UTC";
    struct buf b;
    struct err e = {0};
    buf_init(&b, 4096);
    buf_add(&b, block, sizeof block);
    buf_add(&b, block, sizeof block);
    buf_addf(&b, "\n%s\n", rule);
    char *path = paths_join(folder, name), *parent = paths_dir(path);
    if (dir_make(parent, FILE_PUBLIC, &e) || file_write_plain(path, b.data, b.len, FILE_PUBLIC, &e))
        fail_msg("%s", e.msg);
    mem_free(parent);
    mem_free(path);
    buf_fini(&b);
}

static void put_text(const char *folder, const char *name, const char *text)
{
    char *path = paths_join(folder, name);
    assert_int_equal(file_write_plain(path, text, strlen(text), FILE_PUBLIC, NULL), 0);
    mem_free(path);
}

static int set_up(void **state)
{
    char *folder = mem_strdup("/tmp/cadre-zones-XXXXXX");
    assert_non_null(mkdtemp(folder));
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    (void)dir_remove_tree(*state, NULL);
    mem_free(*state);
    return 0;
}

static int read_zones(char *folder, const char *timezone, struct zones **out, uint64_t *sum,
                      struct err *e)
{
    struct config c = {.zoneinfo = folder, .timezone = (char *)timezone};
    *out = NULL;
    return zone_files_read(&c, out, sum, e);
}

static void folder__of_all_kinds_of_files__gives_its_zones(void **state)
{
    char *folder = *state;
    put(folder, "Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3");
    put(folder, "America/Argentina/Ushuaia", "<-03>3");
    put(folder, "right/Europe/Berlin", "CET-1");
    put(folder, "posix/Europe/Berlin", "CET-1");
    put(folder, "zone.tab", "CET-1"); /* a dot is in no zone's name */
    put(folder, "Bad/Rule", "CET");
    put(folder, "a/b/c/d/Deep", "CET-1");
    put_text(folder, "leapseconds", "# no zone\n");
    put_text(folder, "Cut", "TZif2");
    char *link = paths_join(folder, "Linked");
    assert_int_equal(symlink("Europe/Berlin", link), 0);
    mem_free(link);
    char *loop = paths_join(folder, "Loop");
    assert_int_equal(symlink(".", loop), 0);
    mem_free(loop);

    struct zones *t;
    struct zone *z;
    uint64_t sum;
    struct err e = {0};
    if (read_zones(folder, "Europe/Berlin", &t, &sum, &e)) fail_msg("%s", e.msg);
    static const char *const there[] = {"Europe/Berlin", "America/Argentina/Ushuaia", "Linked"};
    static const char *const absent[] = {
        "right/Europe/Berlin", "posix/Europe/Berlin", "zone.tab", "Bad/Rule",
        "a/b/c/d/Deep",        "leapseconds",         "Cut",      "../x/Europe/Berlin"};
    for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
        assert_int_equal(zones_open(t, there[i], &z, NULL), 0);
        zone_free(z);
    }
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_int_equal(zones_open(t, absent[i], &z, NULL), ERR_NOT_FOUND);
    zones_free(t);
}

static void folder__changed__has_another_sum(void **state)
{
    char *folder = *state;
    struct zones *t;
    uint64_t first, same, other;
    put(folder, "A/One", "CET-1");
    put(folder, "A/Two", "CET-1");
    assert_int_equal(read_zones(folder, "A/One", &t, &first, NULL), 0);
    zones_free(t);
    put(folder, "A/One", "CET-1");
    assert_int_equal(read_zones(folder, "A/One", &t, &same, NULL), 0);
    assert_int_equal(first, same);
    put(folder, "A/One", "CET-2");
    struct zones *later;
    assert_int_equal(read_zones(folder, "A/One", &later, &other, NULL), 0);
    assert_int_not_equal(first, other);
    put(folder, "B", "CET-1");
    zones_free(later);
    assert_int_equal(read_zones(folder, "A/One", &later, &other, NULL), 0);
    zones_keep(later, t); /* what is known stays what it is */
    struct zone *z;
    assert_int_equal(zones_open(later, "A/One", &z, NULL), 0);
    assert_int_equal(zone_offset(z, 0), 7200);
    zone_free(z);
    zones_free(t);
    zones_free(later);
}

static void folder__without_zones_or_without_the_one_wanted__is_refused(void **state)
{
    char *folder = *state, *nowhere = paths_join(folder, "nowhere");
    struct zones *t;
    uint64_t sum;
    struct err e = {0};
    assert_int_equal(read_zones(folder, "UTC", &t, &sum, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "has no zone files"));
    assert_int_equal(read_zones(nowhere, "UTC", &t, &sum, &e), ERR_NOT_FOUND);
    put(folder, "Europe/Berlin", "CET-1");
    assert_int_equal(read_zones(folder, "Europe/Berln", &t, &sum, &e), ERR_NOT_FOUND);
    assert_non_null(strstr(e.msg, "timezone: time zone 'Europe/Berln' is not known, did you mean "
                                  "'Europe/Berlin'?"));
    assert_int_equal(read_zones(folder, "../Europe/Berlin", &t, &sum, &e), ERR_NOT_FOUND);
    assert_int_equal(read_zones(folder, "/etc/localtime", &t, &sum, &e), ERR_NOT_FOUND);
    assert_int_equal(read_zones(folder, "+01:00", &t, &sum, &e), 0);
    zones_free(t);
    mem_free(nowhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folder__of_all_kinds_of_files__gives_its_zones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(folder__changed__has_another_sum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folder__without_zones_or_without_the_one_wanted__is_refused,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
