/* Text that people hand in (files, standard input, bodies of requests), as editors and shells write
 * it, made UTF-8. One reader for all of these. Pure. */
#ifndef CADRE_BASE_ENCODING_H
#define CADRE_BASE_ENCODING_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

/* How many bytes of byte order marks (U+FEFF in UTF-8) the text begins with. */
size_t encoding_mark(const char *text, size_t len);
/* Does the text begin with a byte order mark of UTF-16? */
bool encoding_is_utf16(const char *text, size_t len);

/* Appends the text to `out`, as UTF-8 without a mark. Reads UTF-8, with and without a mark; UTF-16
 * with a mark, as PowerShell 5.1 and Notepad write; and UTF-16 without one that begins with two
 * characters below U+0100. Line ends stay as they are.
 * ERR_INVALID: not text, or text of another encoding; e names the line, the byte's place in `data`
 * (from 1) and the way out, after `name`. ERR_TOO_LARGE: over out's max. On failure `out` has what
 * it had before. */
int encoding_decode(const char *name, const char *data, size_t len, struct buf *out, struct err *e);

#endif
