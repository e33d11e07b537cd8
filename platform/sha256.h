/* SHA-256 (FIPS 180-4), for names that must not disclose what they are made of. Not for secrets on
 * the wire: those are wire/'s. */
#ifndef CADRE_PLATFORM_SHA256_H
#define CADRE_PLATFORM_SHA256_H

#include <stddef.h>

#define SHA256_HEX_SIZE 65 /* with the NUL */

/* Lower-case hex digest of `label`, a NUL byte, and `text`. */
void sha256_label_hex(const char *label, const char *text, char out[SHA256_HEX_SIZE]);

#endif
