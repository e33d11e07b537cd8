/* agent/spares: which folders are used again. */
#include "agent/spares.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

/* A clock that can be moved, in this program alone. */
static int64_t shift_ms;

void __real_os_now(struct moment *out);
void __wrap_os_now(struct moment *out);
void __wrap_os_now(struct moment *out)
{
    __real_os_now(out);
    out->wall_ms += shift_ms;
}

struct house {
    uv_loop_t loop;
    char folder[64];
    char *root;
    struct file_work *work;
    struct spares *spares;
};

static int house_up(void **state)
{
    struct house *h = mem_alloc(sizeof *h);
    shift_ms = 0;
    assert_int_equal(str_copy(h->folder, sizeof h->folder, "spares-XXXXXX"), 0);
    assert_non_null(mkdtemp(h->folder));
    h->root = paths_join(h->folder, "work");
    assert_int_equal(dir_make(h->root, FILE_SECRET, NULL), 0);
    assert_int_equal(uv_loop_init(&h->loop), 0);
    assert_int_equal(file_work_new(&h->loop, &h->work, NULL), 0);
    h->spares = spares_new(h->work, h->folder, h->root, ".life");
    *state = h;
    return 0;
}

static int house_down(void **state)
{
    struct house *h = *state;
    spares_free(h->spares);
    file_work_free(h->work, 1000);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&h->loop), 0);
    (void)umount(h->root);
    int rc = dir_remove_tree(h->folder, NULL);
    mem_free(h->root);
    mem_free(h);
    return rc;
}

/* Where the file system of the tests keeps no fine times there is nothing to test. */
static void until_ready(struct house *h)
{
    struct dir_stamp stamp;
    if (dir_stamp(h->root, &stamp) != 0) {
        printf("this file system keeps no times that are fine enough\n");
        skip();
    }
    for (int i = 0; i < 60000 && spares_count(h->spares) < SPARES_LEAST; i++) {
        uv_run(&h->loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
    assert_int_equal(spares_count(h->spares), SPARES_LEAST);
}

/* The clock that marks files has gone on: what is done from now on is seen. */
static void until_marks_differ(const struct house *h, const struct spare *spare)
{
    struct dir_stamp now;
    char *other = paths_join(h->folder, "other");
    do {
        assert_int_equal(dir_make(other, FILE_SECRET, NULL), 0);
        assert_int_equal(dir_stamp(other, &now), 0);
        assert_int_equal(dir_remove_empty(other, NULL), 0);
    } while (now.changed_ns == spare->stamp.changed_ns);
    mem_free(other);
}

static struct spare take(struct house *h)
{
    struct spare spare = {0};
    until_ready(h);
    shift_ms = SPARES_RIPE_MS + 1;
    assert_true(spares_take(h->spares, &spare));
    until_marks_differ(h, &spare);
    return spare;
}

static void spare_folders__are_private_and_one_jobs_alone(void **state)
{
    struct house *h = *state;
    struct stat st;
    struct spare one = take(h), two = take(h);
    assert_string_not_equal(one.path, two.path);
    assert_int_equal(stat(one.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(st.st_uid, geteuid());
    until_ready(h); /* and more are made */
    mem_free(one.path);
    mem_free(two.path);
}

static void an_untouched_folder__is_used_again(void **state)
{
    struct house *h = *state;
    struct spare one = take(h), again = {0};
    char *path = mem_strdup(one.path);
    assert_true(spares_give_back(h->spares, &one));
    assert_null(one.path);
    assert_true(spares_take(h->spares, &again));
    assert_string_equal(again.path, path);
    mem_free(again.path);
    mem_free(path);
}

static void a_folder_made_just_before_its_job__is_not_used_again(void **state)
{
    struct house *h = *state;
    struct spare one = {0};
    until_ready(h);
    shift_ms = -1000; /* the clock was put back */
    assert_true(spares_take(h->spares, &one));
    assert_false(one.ripe);
    assert_false(spares_give_back(h->spares, &one));
    mem_free(one.path);
}

/* ---- what jobs do to their folders ---- */

static void leave_file(const char *path)
{
    char *file = paths_join(path, "left");
    assert_int_equal(file_write_plain(file, "x", 1, FILE_SECRET, NULL), 0);
    mem_free(file);
}

static void use_file(const char *path)
{
    char *file = paths_join(path, "used");
    assert_int_equal(file_write_plain(file, "x", 1, FILE_SECRET, NULL), 0);
    assert_int_equal(file_remove(file, NULL), 0);
    mem_free(file);
}

static void use_folder(const char *path)
{
    char *folder = paths_join(path, "used");
    assert_int_equal(dir_make(folder, FILE_SECRET, NULL), 0);
    assert_int_equal(dir_remove_empty(folder, NULL), 0);
    mem_free(folder);
}

static void change_mode_and_back(const char *path)
{
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static void leave_mode(const char *path)
{
    assert_int_equal(chmod(path, 0755), 0);
}

static void set_times(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    use_file(path);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void leave_attribute(const char *path)
{
    if (setxattr(path, "user.left", "x", 1, 0) != 0) leave_mode(path); /* it knows none */
}

static void move_away_and_back(const char *path)
{
    char *aside = str_dupf("%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(rename(aside, path), 0);
    mem_free(aside);
}

static void put_link(const char *path)
{
    char *aside = str_dupf("%s.aside", path);
    char *name = strrchr(aside, '/') + 1;
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(symlink(name, path), 0);
    mem_free(aside);
}

static void put_another(const char *path)
{
    char *aside = str_dupf("%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(dir_make(path, FILE_SECRET, NULL), 0);
    mem_free(aside);
}

static void take_away(const char *path)
{
    assert_int_equal(dir_remove_empty(path, NULL), 0);
}

static void a_touched_folder__is_not_used_again(void **state)
{
    static void (*const deeds[])(
        const char *path) = {leave_file, use_file,    use_folder,      change_mode_and_back,
                             leave_mode, set_times,   leave_attribute, move_away_and_back,
                             put_link,   put_another, take_away};
    struct house *h = *state;
    for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
        struct spare one = take(h);
        deeds[i](one.path);
        if (spares_give_back(h->spares, &one)) fail_msg("deed %zu was not seen", i);
        assert_non_null(one.path);
        mem_free(one.path);
    }
}

static void a_folder_touched_while_it_waits__is_not_handed_out(void **state)
{
    struct house *h = *state;
    struct spare one = take(h), next = {0};
    char *path = mem_strdup(one.path);
    assert_true(spares_give_back(h->spares, &one));
    leave_file(path);
    assert_true(spares_take(h->spares, &next));
    assert_string_not_equal(next.path, path);
    mem_free(next.path);
    mem_free(path);
}

static int touch_one(const char *name, void *user)
{
    struct house *h = user;
    char *path = paths_join(h->root, name);
    assert_int_equal(chmod(path, 0500), 0);
    mem_free(path);
    return 0;
}

/* What others did to all of them leaves nothing in the hands of who asked. */
static void all_folders_touched__give_an_empty_answer(void **state)
{
    struct house *h = *state;
    struct spare spare = {.path = (char *)(uintptr_t) "not empty"};
    until_ready(h);
    assert_int_equal(dir_list(h->root, touch_one, h, NULL), 0);
    assert_false(spares_take(h->spares, &spare));
    assert_null(spare.path);
    assert_int_equal(spares_count(h->spares), 0);
}

static void no_more_than_the_limit__are_kept(void **state)
{
    struct house *h = *state;
    enum { MANY = SPARES_MOST + 8 };
    struct spare all[MANY];
    for (int i = 0; i < MANY; i++)
        all[i] = take(h);
    until_ready(h);
    int kept = 0;
    for (int i = 0; i < MANY; i++) {
        if (spares_give_back(h->spares, &all[i])) kept++;
        mem_free(all[i].path);
    }
    assert_int_equal(kept, SPARES_MOST - SPARES_LEAST);
    assert_int_equal(spares_count(h->spares), SPARES_MOST);
}

static void work_folders_on_another_disk__are_never_spare(void **state)
{
    struct house *h = *state;
    struct spare one = {0};
    until_ready(h);
    if (mount("tmpfs", h->root, "tmpfs", 0, "size=1m") != 0) {
        printf("no disk can be mounted here (not root)\n");
        skip();
    }
    struct spares *other = spares_new(h->work, h->folder, h->root, ".other");
    for (int i = 0; i < 10; i++)
        uv_run(&h->loop, UV_RUN_NOWAIT);
    assert_false(spares_take(other, &one));
    spares_free(other);
}

static int count_one(const char *name, void *user)
{
    (void)name;
    ++*(int *)user;
    return 0;
}

static void the_end__removes_what_is_spare(void **state)
{
    struct house *h = *state;
    int left = 0;
    until_ready(h);
    spares_free(h->spares);
    h->spares = NULL;
    assert_int_equal(dir_list(h->root, count_one, &left, NULL), 0);
    assert_int_equal(left, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, house_up, house_down)
    const struct CMUnitTest tests[] = {
        CASE(spare_folders__are_private_and_one_jobs_alone),
        CASE(an_untouched_folder__is_used_again),
        CASE(a_folder_made_just_before_its_job__is_not_used_again),
        CASE(a_touched_folder__is_not_used_again),
        CASE(a_folder_touched_while_it_waits__is_not_handed_out),
        CASE(all_folders_touched__give_an_empty_answer),
        CASE(no_more_than_the_limit__are_kept),
        CASE(work_folders_on_another_disk__are_never_spare),
        CASE(the_end__removes_what_is_spare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
