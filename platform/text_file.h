/* Text files that people hand in, read as base/encoding.h says: UTF-8 without a mark, whatever the
 * editor or the shell wrote. Blocking. */
#ifndef CADRE_PLATFORM_TEXT_FILE_H
#define CADRE_PLATFORM_TEXT_FILE_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the text. ERR_INVALID: not text (names path, line and byte). ERR_TOO_LARGE: over max
 * bytes of UTF-8 or over out's max. Else as file_read and stdin_read. The bytes that were read are
 * wiped. */
int text_file_read(const char *path, size_t max, struct buf *out, struct err *e);
/* "-" is standard input, whatever else is a path. */
int text_input_read(const char *path_or_dash, size_t max, struct buf *out, struct err *e);
/* The same for a text without the blanks and line breaks around it, like a token. `what` says in a
 * message what is expected. ERR_INVALID: nothing else is there. */
int text_word_read(const char *path_or_dash, const char *what, size_t max, struct buf *out,
                   struct err *e);

#endif
