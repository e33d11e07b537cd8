/* Writing to standard output and standard error. Twin files. */
#ifndef CADRE_PLATFORM_STREAMS_H
#define CADRE_PLATFORM_STREAMS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Errors of all functions that write: ERR_CLOSED: the reader has closed the stream, or the stream
 * was closed when the program began; ERR_FULL: the disk is full; else ERR_IO. The sentence names
 * the stream: "standard output: no space left on device". */

/* Writes all bytes to fd 1 or 2, binary; continues after EINTR and EAGAIN. */
int fd_write_all(int fd, const void *data, size_t len, struct err *e);
/* Writes as many bytes as the stream takes without waiting; returns how many (0: none now) or a
 * negative code. Windows: waits, and writes a part. */
int64_t fd_write_some(int fd, const void *data, size_t len, struct err *e);
/* Waits until the stream takes bytes, loop_fd can be read (uv_backend_fd; negative: none), a signal
 * came or timeout_ms are over (negative: no limit). Windows: returns at once. */
void fd_wait_writable(int fd, int loop_fd, int timeout_ms);

/* Are standard output and standard error one file, so that what is written to one stands behind
 * what was written to the other? Windows: known of consoles alone. */
bool fd_are_one(void);
/* Does a person see what is written to this stream? */
bool fd_is_terminal(int fd);
/* Can the program write to this stream at all? Nothing is written. */
int fd_check_open(int fd, struct err *e);
/* Has the reader of this pipe or socket gone? false where this cannot be told without writing
 * (files, terminals, Windows). */
bool fd_reader_gone(int fd);

#endif
