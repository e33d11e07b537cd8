/* coordinator/zone_files: which files of a folder become zones, and what is said of the rest. */
#include "coordinator/zone_files.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/command.h"
#include "coordinator/spine.h"
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
#include <uv.h>

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

/* ---- the timer: an hour takes a millisecond, and what is pushed is kept ---- */

static uint64_t asked_ms, repeat_ms;
static struct zones *pushed;
static int pushes;

int __real_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    asked_ms = timeout;
    repeat_ms = repeat;
    return __real_uv_timer_start(t, cb, 1, 1);
}

void __wrap_spine_push(struct spine *s, struct command *c);

void __wrap_spine_push(struct spine *s, struct command *c)
{
    (void)s;
    assert_int_equal(c->type, CMD_ZONES);
    zones_free(pushed);
    pushed = zones_share(c->u.zones);
    pushes++;
    command_free(c);
}

static int64_t offset_of(const struct zones *t, const char *name)
{
    struct zone *z;
    assert_int_equal(zones_open(t, name, &z, NULL), 0);
    int64_t offset = zone_offset(z, 0);
    zone_free(z);
    return offset;
}

/* Puts the file there at once: the folder is read meanwhile. */
static void replace(const char *folder, const char *name, const char *rule)
{
    char *aside = str_dupf("%s.new", folder), *from = paths_join(aside, name),
         *to = paths_join(folder, name);
    put(aside, name, rule);
    assert_int_equal(rename(from, to), 0);
    (void)dir_remove_tree(aside, NULL);
    mem_free(aside);
    mem_free(from);
    mem_free(to);
}

static void timer__lets_an_hour_go__hands_over_what_changed_and_only_that(void **state)
{
    char *folder = *state;
    struct config c = {.zoneinfo = folder, .timezone = "UTC"};
    struct zones *first;
    uint64_t sum;
    uv_loop_t loop;
    int spine; /* nobody looks at it */
    put(folder, "A/One", "CET-1");
    assert_int_equal(zone_files_read(&c, &first, &sum, NULL), 0);
    assert_int_equal(uv_loop_init(&loop), 0);
    struct zone_files *f = zone_files_start(&loop, &c, (struct spine *)&spine, first, sum);
    assert_int_equal(asked_ms, 3600000);
    assert_int_equal(repeat_ms, 3600000);
    for (int i = 0; i < 20; i++) /* nothing changed: nothing is handed over */
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(pushes, 0);
    replace(folder, "A/One", "CET-2");
    while (pushes == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(offset_of(pushed, "A/One"), 7200);
    assert_int_equal(offset_of(first, "A/One"), 3600);
    for (int i = 0; i < 20; i++)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(pushes, 1);
    zone_files_stop(f);
    replace(folder, "A/One", "CET-3");
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(pushes, 1);
    assert_int_equal(uv_loop_close(&loop), 0);
    zones_free(pushed);
    zones_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(folder__of_all_kinds_of_files__gives_its_zones, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(folder__changed__has_another_sum, set_up, tear_down),
        cmocka_unit_test_setup_teardown(folder__without_zones_or_without_the_one_wanted__is_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            timer__lets_an_hour_go__hands_over_what_changed_and_only_that, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
