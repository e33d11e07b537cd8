/* The log of a writing connection: what a transaction appends to it goes to the file by one write.
 * Only files sqlite_*.c of this folder include this header.
 *
 * SQLite writes each page of a transaction with two calls, the frame's head and the page: some
 * forty calls for a batch of a few jobs. Here they gather in memory until the transaction's last
 * frame is complete. Nothing that SQLite relies on changes (sqlite3WalFrames in wal.c of 3.40):
 *
 * - Frames count for others when the wal-index tells of them (walIndexWriteHdr), or when their log
 *   is recovered, and both not before the last frame of the transaction was written. That frame is
 *   known by its head, and all is in the file before its write returns, so in particular before the
 *   sync that follows.
 * - Until then only the connection itself reads them, those that it spilled, through the same file
 *   handle, and a read of what is still in memory writes it first.
 * - A write that fails does so at a later call of the same transaction, and then every further
 *   write of it fails, too, the last one at the latest: SQLite rolls it back.
 * - A crash before the sync may leave any part of the frames in the file, as before: each frame has
 *   a checksum over all frames before, and none counts without the last one.
 * - Writes keep their order: what does not continue what is in memory has that written first. */
#ifndef CADRE_COORDINATOR_STORE_SQLITE_WAL_H
#define CADRE_COORDINATOR_STORE_SQLITE_WAL_H

#include <sqlite3.h>

/* At most so much is in memory of each log, and a larger transaction takes several writes. SQLite's
 * VFS for Unix writes less than 128 KiB at once (seekAndWriteFd in os_unix.c); of more, it says
 * that the disk is full. */
#define WAL_GATHER_BYTES (124 * 1024)

struct wal_vfs;

/* sqlite3_open_v2, by a VFS that is the default one of this moment but for its logs. *out: wal_free
 * when the connection is closed, also after an error. ATTACH and VACUUM, which look a VFS up by its
 * name, do not work on such a connection. */
int wal_open(const char *path, int flags, sqlite3 **handle, struct wal_vfs **out);
void wal_free(struct wal_vfs *v);

#endif
