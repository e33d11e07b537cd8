/* The strict half of reading JSON: json.c runs it before cJSON, which would let through what RFC
 * 8259 leaves open (duplicate keys), what a C string cannot hold (U+0000), and more. Private to
 * base. */
#ifndef CADRE_BASE_JSON_SCAN_H
#define CADRE_BASE_JSON_SCAN_H

#include <stddef.h>

#define JSON_DEPTH_MAX 64
#define JSON_NUMBER_CHARS_MAX 63 /* cJSON copies a number into 64 bytes */

struct json_fault {
    size_t offset; /* of the byte that is wrong */
    char reason[128];
};

/* 0 when the text is one value that cJSON will read as it stands, else ERR_INVALID and *fault. */
int json_scan(const char *text, size_t len, struct json_fault *fault);

#endif
