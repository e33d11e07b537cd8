/* Foreign text on a terminal or in a log: what a terminal obeys is shown as "\xNN". Pure. */
#ifndef CADRE_BASE_ESCAPE_H
#define CADRE_BASE_ESCAPE_H

#include "base/buf.h"

#include <stddef.h>

/* The length of the printable character at s (its end is s + len), 0 when its first byte has to be
 * escaped: the control characters C0, DEL and C1, the separators U+2028 and U+2029, the characters
 * that change the direction of writing (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to
 * U+2069), and what is not UTF-8. */
size_t escape_printable(const char *s, size_t len);
/* Appends the text, every byte of those characters as "\xNN". A backslash stays as it is. */
void escape_text(struct buf *out, const char *s, size_t len);

#endif
