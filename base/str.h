/* Strings: bounded copies, tests on names, encodings. UTF-8 throughout. */
#ifndef CADRE_BASE_STR_H
#define CADRE_BASE_STR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
bool str_empty(const char *s); /* NULL or "" */
/* Copies with NUL; ERR_TOO_LARGE (and dst untouched) when it does not fit: never truncates. */
int str_copy(char *dst, size_t dst_size, const char *src);
/* Formats into dst; ERR_TOO_LARGE (dst = "") when it does not fit. */
int str_format(char *dst, size_t dst_size, const char *fmt, ...) CADRE_PRINTF(3, 4);
char *str_dupf(const char *fmt, ...) CADRE_PRINTF(1, 2); /* mem_free */
char *str_trim(char *s);                                 /* in place; returns the first non-blank */

/* Decimal; the whole string must be the number. ERR_INVALID otherwise or out of range. */
int str_int64(const char *s, int64_t *out);

/* Valid UTF-8 (RFC 3629)? */
bool str_utf8_valid(const char *s, size_t len);
/* The index of the first byte that begins no valid character; len: there is none. */
size_t str_utf8_bad(const char *s, size_t len);
/* The greatest n <= len such that s[0..n) does not end inside a character (incomplete tail cut off;
 * bytes that are not UTF-8 anyway count as characters of their own). */
size_t str_utf8_whole(const char *s, size_t len);

/* Worker group key: [a-zA-Z0-9][a-zA-Z0-9_-]{0,62} (design 4). Also job and agent names? No: those
 * are free text up to 128 bytes, every character of which is visible: see str_name_valid. */
bool str_key_valid(const char *s);
/* The key of the default group, reserved. Is it this one? NULL (no group is named) counts, too. */
#define STR_DEFAULT_GROUP "default"
bool str_is_default_group(const char *key);
bool str_name_valid(const char *s);
/* ERR_INVALID: why it is no name, without a subject: "is longer than 128 bytes". */
int str_name_check(const char *s, struct err *e);
/* Dotted namespace: [a-z0-9A-Z_-]+ joined by '.', at most 255 bytes. */
bool str_namespace_valid(const char *s);
/* True when `ns` is `prefix` or below it ("a.b" covers "a.b" and "a.b.c", not "a.bc"). */
bool str_namespace_covers(const char *prefix, const char *ns);
/* Shell-like glob with * and ? (one character) only; case-sensitive; at most |pattern| * |s|
 * steps. */
bool str_glob(const char *pattern, const char *s);
/* The candidate nearest to `s` by edit distance, NULL when none is near enough to be a likely
 * misspelling (distance > a third of the length, at least 2). Points into candidates. */
const char *str_nearest(const char *s, const char *const *candidates, size_t count);
/* ", did you mean 'NEAR'?", to be put after the name that was not found; "" when near is NULL; the
 * second one looks for the nearest of the candidates. Both return out. */
#define STR_SUGGEST_SIZE 160
const char *str_suggest(char out[STR_SUGGEST_SIZE], const char *near);
const char *str_suggest_nearest(char out[STR_SUGGEST_SIZE], const char *s,
                                const char *const *candidates, size_t count);
/* "did you mean 'NEAR'?" as a sentence of its own; NULL when near is NULL. */
const char *str_hint(char out[STR_SUGGEST_SIZE], const char *near);

/* 'text' in single quotes for a message: cut at a character near 60 bytes ('abc...'), control
 * characters and what is not UTF-8 replaced by ?. Returns out. */
#define STR_QUOTE_SIZE 84
const char *str_quote(char out[STR_QUOTE_SIZE], const char *text);

/* RFC 4648: hex lower case; base64 with padding; base64url without. dst gets a NUL.
 * Encoded sizes: 2n+1, 4*((n+2)/3)+1. Decoding is strict (no blanks, no stray bits). */
void str_hex(char *dst, const void *src, size_t len);
void str_base64(char *dst, const void *src, size_t len);
int str_unbase64(void *dst, size_t dst_size, const char *src, size_t *len);
void str_base64url(char *dst, const void *src, size_t len);
int str_unbase64url(void *dst, size_t dst_size, const char *src, size_t *len);

/* Constant-time comparison of secrets of equal length. */
bool str_secret_eq(const void *a, const void *b, size_t len);

#endif
