/* Foreign text on a terminal or in a log: what a terminal obeys and what it does not show is
 * written as "\xNN". Pure. */
#ifndef CADRE_BASE_ESCAPE_H
#define CADRE_BASE_ESCAPE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Reads the character at s (its end is s + len) and returns its length; 0: that is not UTF-8, or
 * there is none. */
size_t escape_character(const char *s, size_t len, uint32_t *c);
/* The length of the printable character at s, 0 when its first byte has to be escaped: the control
 * characters C0, DEL and C1, the separators U+2028 and U+2029, the characters that change the
 * direction of writing, those that are not visible (of no width, fillers, variation selectors,
 * tags), and what is not UTF-8. */
size_t escape_printable(const char *s, size_t len);
/* Appends the text, every byte of those characters as "\xNN". A backslash stays as it is. */
void escape_text(struct buf *out, const char *s, size_t len);
/* ERR_INVALID: the text has such a character. The sentence has no subject: "has a character that is
 * not visible: U+202E (byte 3)". */
int escape_check(const char *s, struct err *e);

#endif
