/* Ids: 63-bit numbers that sort by time of birth: 41 bits of milliseconds since 2020-01-01 UTC, 22
 * random bits. The store refuses a duplicate and the maker tries again, so several processes may
 * make them. As text: 13 characters of Crockford's base32, lower case ("06f3k9x2m1c7a"); reading
 * accepts upper case. */
#ifndef CADRE_BASE_ID_H
#define CADRE_BASE_ID_H

#include <stdint.h>

#define ID_TEXT_SIZE 14 /* with the NUL */

int64_t id_make(int64_t wall_ms, uint32_t random);
void id_format(int64_t id, char out[ID_TEXT_SIZE]);
/* 0, or ERR_INVALID: wrong length or character, or beyond 63 bits. 0 itself is no id. */
int id_parse(const char *s, int64_t *id);
/* The first and the last id whose texts begin with this, 1 to 13 characters. ERR_INVALID as
 * above. */
int id_range(const char *prefix, int64_t *first, int64_t *last);
/* The smallest id that could be made at wall_ms: for "older than" ranges. */
int64_t id_floor(int64_t wall_ms);

#endif
