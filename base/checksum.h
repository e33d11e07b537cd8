/* A checksum of bytes that lie on a disk: finds flipped, missing and exchanged bytes; no protection
 * against people. The result depends on the bytes alone, not on the machine. */
#ifndef CADRE_BASE_CHECKSUM_H
#define CADRE_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_START UINT64_C(0x6361647265) /* of nothing */

/* `sum` with these bytes behind what it stands for. Two calls are not the same as one call with
 * both parts: the length of each part counts. */
uint64_t checksum_add(uint64_t sum, const void *data, size_t len);
uint64_t checksum_add_int(uint64_t sum, int64_t n);

#endif
