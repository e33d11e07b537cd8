/* Durations and sizes as people write them, and times as machines do. */
#ifndef CADRE_BASE_DURATION_H
#define CADRE_BASE_DURATION_H

#include "base/err.h"

#include <stdint.h>

#define DURATION_TEXT_SIZE 40
#define DURATION_MAX_MS (INT64_C(3653) * 24 * 60 * 60 * 1000) /* ten years */
#define TIME_TEXT_SIZE 25                                     /* 2026-01-02T03:04:05.678Z */

/* ISO 8601 (PT30S, PT1H30M, P1DT2H, P2W; no years or months: their length is not fixed) or short
 * (500ms, 30s, 5m, 1h30m, 7d; "0" is zero; a bare number is refused with the advice to add a unit).
 * Fractions only on seconds (PT0.5S, 1.5s). At most 10 years. ERR_INVALID says what is wrong. */
int duration_parse(const char *s, int64_t *ms, struct err *e);
/* Short form, largest units first: 5400000 -> "1h30m"; 0 -> "0s"; 1500 -> "1.5s". Parses back. */
void duration_format(int64_t ms, char out[DURATION_TEXT_SIZE]);

/* Whole numbers only: 123, 64KiB, 64MiB, 1GiB, 1TiB, and kB MB GB TB (powers of 1000);
 * blanks between allowed. A bare K, M, G or T is refused: it could mean either. */
int size_parse(const char *s, int64_t *bytes, struct err *e);
/* In the largest unit that needs no fraction: 67108864 -> "64MiB", 1500 -> "1500". Parses back. */
void size_format(int64_t bytes, char out[DURATION_TEXT_SIZE]);
/* For people to read, about: 512 -> "512B", 1500 -> "1.5KiB", 16793862144 -> "15.6GiB". */
void size_round(int64_t bytes, char out[DURATION_TEXT_SIZE]);

/* RFC 3339 in UTC with milliseconds; years 1970 to 9999 (outside: the nearest end). */
void time_format(int64_t wall_ms, char out[TIME_TEXT_SIZE]);
/* RFC 3339 with any fraction (cut to milliseconds) and offset. ERR_INVALID for days that no month
 * has, leap seconds, and times before 1970. */
int time_parse(const char *s, int64_t *wall_ms);

#endif
