/* What a path leads to, on Linux. */
#include "platform/file_facts.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int fail(struct err *e, const char *verb, const char *path)
{
    int error = errno;
    int code = error == EACCES || error == EPERM     ? ERR_DENIED
               : error == ENOENT || error == ENOTDIR ? ERR_NOT_FOUND
                                                     : ERR_IO;
    return err_set(e, code, "cannot %s %s: %s", verb, path, strerror(error));
}

int file_look(const char *path, struct file_facts *out, struct err *e)
{
    struct stat st;
    struct file_facts facts = {FILE_IS_ABSENT, 0, 0};
    if (stat(path, &st) != 0) {
        if (errno != ENOENT) return fail(e, "look at", path);
        *out = facts;
        return 0;
    }
    facts.kind = S_ISREG(st.st_mode)   ? FILE_IS_REGULAR
                 : S_ISDIR(st.st_mode) ? FILE_IS_FOLDER
                                       : FILE_IS_OTHER;
    facts.volume = (uint64_t)st.st_dev;
    facts.number = (uint64_t)st.st_ino;
    *out = facts;
    return 0;
}

bool file_is_same(const struct file_facts *a, const struct file_facts *b)
{
    return a->kind != FILE_IS_ABSENT && b->kind != FILE_IS_ABSENT && a->volume == b->volume &&
           a->number == b->number;
}

bool file_is_link(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static int64_t nanoseconds(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

int dir_stamp(const char *path, struct dir_stamp *out)
{
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode)) return ERR_NOT_FOUND;
    /* whole milliseconds come about by chance once in a million times */
    if (st.st_ctim.tv_nsec % 1000000 == 0) return ERR_UNSUPPORTED;
    *out = (struct dir_stamp){.volume = st.st_dev,
                              .number = st.st_ino,
                              .changed_ns = nanoseconds(&st.st_ctim),
                              .modified_ns = nanoseconds(&st.st_mtim),
                              .read_ns = nanoseconds(&st.st_atim),
                              .mode = st.st_mode,
                              .owner = st.st_uid,
                              .group = st.st_gid};
    return 0;
}

bool dir_stamp_is_same(const struct dir_stamp *a, const struct dir_stamp *b)
{
    return a->volume == b->volume && a->number == b->number && a->changed_ns == b->changed_ns &&
           a->modified_ns == b->modified_ns && a->read_ns == b->read_ns && a->mode == b->mode &&
           a->owner == b->owner && a->group == b->group;
}

char *file_real_path(const char *path, struct err *e)
{
    char *found = realpath(path, NULL);
    if (!found) {
        (void)fail(e, "look at", path);
        return NULL;
    }
    char *out = mem_strdup(found);
    free(found);
    return out;
}

bool dir_is_open(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & 022) != 0;
}

int dir_protect(const char *path, struct err *e)
{
    return chmod(path, 0700) == 0 ? 0 : fail(e, "protect", path);
}

char *file_protect_command(const char *path, bool folder)
{
    return str_dupf("chmod %s '%s'", folder ? "700" : "600", path);
}
