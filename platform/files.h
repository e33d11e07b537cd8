/* Files: atomic, durable and private writes, locks, removals. Twin files. Paths UTF-8, any length.
 * Blocking. */
#ifndef CADRE_PLATFORM_FILES_H
#define CADRE_PLATFORM_FILES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ERR_NOT_FOUND, ERR_TOO_LARGE (over max_bytes), ERR_DENIED, ERR_IO; e names path and reason. On
 * failure `out` has what it had before. ERR_IO is a folder, too, a link to what is not there, and
 * a pipe that nobody writes to, which is not waited for; a pipe with a writer is read to its
 * end. */
int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *e);
/* The same for a file in a folder where another account may have put a link, or an object that is
 * not a file, in its place: such an object is not read (ERR_IO, or an empty result). */
int file_read_no_link(const char *path, size_t max_bytes, struct buf *out, struct err *e);
enum file_mode {
    FILE_PUBLIC, /* 0644 */
    FILE_SECRET, /* 0600; Windows: SYSTEM, Administrators, the owner */
    FILE_PROGRAM /* the same, and may be executed by the owner: 0700 */
};
/* Writes a neighbour file, flushes it to disk, renames it over `path`, flushes the folder: after a
 * crash there is the old or the new content, never a mixture. ERR_FULL: the disk is full. */
int file_write_atomic(const char *path, const void *data, size_t len, enum file_mode mode,
                      struct err *e);
int file_remove(const char *path, struct err *e); /* fine when absent */
/* Creates or replaces the file, neither atomically nor flushed to disk: for files that only a
 * running job needs. */
int file_write_plain(const char *path, const void *data, size_t len, enum file_mode mode,
                     struct err *e);
int file_move(const char *from, const char *to,
              struct err *e); /* replaces `to`; same file system */
bool file_exists(const char *path);
/* May others than its owner (and root / administrators) read or write the file? */
bool file_is_exposed(const char *path);
/* Creates the folder and its missing parents; `mode` FILE_SECRET makes the last one 0700. Fine when
 * present. */
int dir_make(const char *path, enum file_mode mode, struct err *e);
/* Removes a folder with nothing in it; takes no descriptor. Fine when absent. */
int dir_remove_empty(const char *path, struct err *e);
/* Removes a folder and all below it: read-only files, long paths, no following of links. What is
 * mounted below it, or on it, stays whole. When an entry cannot be removed, the folder is renamed
 * (".old-…") where that is possible, so that the name is free again; then ERR_IO with the first
 * reason. */
int dir_remove_tree(const char *path, struct err *e);
/* The same; go_on is called before each entry; when it returns false the rest stays where it is:
 * ERR_UNAVAILABLE. */
int dir_remove_tree_while(const char *path, bool (*go_on)(void *user), void *user, struct err *e);
/* What is free for this user on the file system of `path`. */
struct disk_room {
    int64_t bytes;
    int64_t inodes; /* INT64_MAX: the file system counts none */
};
int disk_free(const char *path, struct disk_room *out, struct err *e);
/* Calls fn for each entry's name (not . and ..); a non-zero return ends the walk. */
int dir_list(const char *path, int (*fn)(const char *name, void *user), void *user, struct err *e);

/* One process at a time: an exclusive lock on a file that is created when missing and stays behind.
 * ERR_CONFLICT: another process holds it (message names its pid when it is known). Linux: a lock
 * that the children of a dead holder still have is waited for, at most 5 s. */
struct file_lock;
int file_lock_take(const char *path, struct file_lock **out, struct err *e);
void file_lock_release(struct file_lock *l); /* NULL is fine */

/* Reads all of standard input, at most max_bytes (ERR_TOO_LARGE), waiting for it. Binary.
 * ERR_CLOSED: the program was started without one. */
int stdin_read(size_t max_bytes, struct buf *out, struct err *e);

#endif
