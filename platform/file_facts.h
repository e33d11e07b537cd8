/* What a path leads to, and who may write there. Twin files. Paths UTF-8. Blocking. */
#ifndef CADRE_PLATFORM_FILE_FACTS_H
#define CADRE_PLATFORM_FILE_FACTS_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum file_kind { FILE_IS_ABSENT, FILE_IS_REGULAR, FILE_IS_FOLDER, FILE_IS_OTHER };

/* Through links. Two paths with the same volume and number lead to one file: Linux has them from
 * stat(2), Windows from GetFileInformationByHandle. */
struct file_facts {
    enum file_kind kind; /* FILE_IS_ABSENT: the rest is 0 */
    uint64_t volume, number;
};

/* A file that is not there, and a link that leads nowhere, are no errors (FILE_IS_ABSENT).
 * ERR_DENIED: a folder on the way must not be entered; e names path and reason. */
int file_look(const char *path, struct file_facts *out, struct err *e);
/* One file, under two names perhaps. False when one of them is absent. */
bool file_is_same(const struct file_facts *a, const struct file_facts *b);
/* Is the path itself a link? */
bool file_is_link(const char *path);

/* What the file system keeps of a folder. Whatever is done to the folder or its entries (made,
 * removed, renamed, listed, given rights or attributes) changes one of these, once the clock that
 * marks files has gone on since the last change: by 10 ms, on the systems that we know. */
struct dir_stamp {
    uint64_t volume, number;
    int64_t changed_ns, modified_ns, read_ns; /* by the wall clock */
    uint32_t mode, owner, group;
};
/* Of the path itself. ERR_NOT_FOUND: there is no folder (but nothing, a link, a file).
 * ERR_UNSUPPORTED: this system, or this file system, keeps no times that are fine enough. */
int dir_stamp(const char *path, struct dir_stamp *out);
bool dir_stamp_is_same(const struct dir_stamp *a, const struct dir_stamp *b);

/* The path without links, "." and ".."; mem_free. NULL with e: it is not there, or cannot be
 * looked at. */
char *file_real_path(const char *path, struct err *e);

/* May others than the owner (and root or administrators) write in the folder? */
bool dir_is_open(const char *path);
/* Closes the folder to others, as dir_make does with FILE_SECRET. */
int dir_protect(const char *path, struct err *e);
/* The command with which an administrator closes a file or a folder to others; mem_free. */
char *file_protect_command(const char *path, bool folder);

#endif
