/* The strict half of reading JSON, and the first half of both readers: json.c runs it before cJSON,
 * which would let through what RFC 8259 leaves open (duplicate keys), what a C string cannot hold
 * (U+0000), and more; json_walk.c relies on it. Private to base. */
#ifndef CADRE_BASE_JSON_SCAN_H
#define CADRE_BASE_JSON_SCAN_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 64
#define JSON_NUMBER_CHARS_MAX 63 /* cJSON copies a number into 64 bytes */

struct json_fault {
    size_t offset; /* of the byte that is wrong */
    char reason[128];
};

/* 0 when the text is one value that cJSON will read as it stands, else ERR_INVALID and *fault. */
int json_scan(const char *text, size_t len, struct json_fault *fault);
/* The same. *odd: among the numbers are some that json_number_is_odd. */
int json_scan_numbers(const char *text, size_t len, bool *odd, struct json_fault *fault);
/* Of a number that was scanned: would writing its double give another text? Some that would not are
 * odd, too. */
bool json_number_is_odd(const char *text, size_t len);
/* The same, and notes the members of the outermost object; `object` is left as it is. */
struct json_members; /* base/json_walk.h */
int json_scan_members(const char *text, size_t len, struct json_members *out,
                      struct json_fault *fault);

/* One number and nothing else, which is refused for its size alone? */
bool json_scan_too_large(const char *text, size_t len);

/* "line 2, column 7: REASON", as ERR_INVALID. */
int json_fault_say(const struct json_fault *fault, const char *text, struct err *e);
/* How many bytes at the beginning need no escape and no closer look: ASCII without control
 * characters, quotation mark and backslash. */
size_t json_plain(const char *s, size_t len);
/* Resolves the escapes of what stands between the quotes of a string that was scanned. The result
 * is never longer. Returns its length. */
size_t json_unescape(char *out, const char *in, size_t len);

#endif
