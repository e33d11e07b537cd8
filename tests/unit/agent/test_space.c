/* agent/space: when a disk counts as nearly full. */
#include "agent/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RESERVE 1000000

/* Stands before the true one (CMakeLists.txt). */
static struct disk_room room;
static int room_rc;
int __wrap_disk_free(const char *path, struct disk_room *out, struct err *e);
int __wrap_disk_free(const char *path, struct disk_room *out, struct err *e)
{
    (void)path;
    (void)e;
    if (room_rc == 0) *out = room;
    return room_rc;
}

static void look(struct space *s, int64_t bytes, int64_t inodes, bool low)
{
    bool before = s->low;
    room = (struct disk_room){bytes, inodes};
    assert_int_equal(space_look(s), before != low);
    assert_int_equal(s->low, low);
}

static void few_bytes_or_few_inodes__are_both_low(void **state)
{
    char text[256];
    struct space s;
    (void)state;
    space_init(&s, "/x", RESERVE);
    look(&s, RESERVE, SPACE_INODES, false);
    look(&s, RESERVE - 1, SPACE_INODES, true);
    space_sentence(&s, text, sizeof text);
    assert_non_null(strstr(text, "left on the disk of /x, and diskReserve is"));
    space_init(&s, "/x", RESERVE);
    look(&s, INT64_MAX, SPACE_INODES - 1, true);
    space_sentence(&s, text, sizeof text);
    assert_string_equal(text, "15 inodes are left on the disk of /x, and 16 are reserved");
    space_init(&s, "/x", RESERVE);
    look(&s, 0, 0, true);
    space_sentence(&s, text, sizeof text);
    assert_non_null(strstr(text, "diskReserve"));
}

static void it_ends__with_a_quarter_more_of_each(void **state)
{
    struct space s;
    (void)state;
    space_init(&s, "/x", RESERVE);
    look(&s, 0, 0, true);
    look(&s, RESERVE * 5 / 4, SPACE_INODES * 5 / 4 - 1, true);
    look(&s, RESERVE * 5 / 4 - 1, SPACE_INODES * 5 / 4, true);
    look(&s, RESERVE * 5 / 4, SPACE_INODES * 5 / 4, false);
}

static void a_file_system_without_inodes__has_enough(void **state)
{
    struct space s;
    (void)state;
    space_init(&s, "/x", RESERVE);
    look(&s, RESERVE, INT64_MAX, false);
}

static void without_a_reserve_or_an_answer__nothing_is_low(void **state)
{
    struct space s;
    (void)state;
    space_init(&s, "/x", 0);
    look(&s, 0, 0, false);
    space_init(&s, "/x", RESERVE);
    room_rc = ERR_IO;
    look(&s, 0, 0, false);
    room_rc = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_bytes_or_few_inodes__are_both_low),
        cmocka_unit_test(it_ends__with_a_quarter_more_of_each),
        cmocka_unit_test(a_file_system_without_inodes__has_enough),
        cmocka_unit_test(without_a_reserve_or_an_answer__nothing_is_low),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
