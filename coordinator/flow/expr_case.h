/* Characters of UTF-8, and their upper and lower case: of the Latin, Greek and Cyrillic letters
 * that Unicode has up to U+04FF; others stay as they are. Pure. Inside of expr*.c. */
#ifndef CADRE_COORDINATOR_FLOW_EXPR_CASE_H
#define CADRE_COORDINATOR_FLOW_EXPR_CASE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

uint32_t case_next(const char **s); /* takes the next character of valid UTF-8 */
/* true: out is full. */
bool case_add(uint32_t c, struct buf *out);
/* `all`: of a text that becomes upper case as a whole, in which a sharp s becomes SS. */
bool case_add_upper(uint32_t c, bool all, struct buf *out);
uint32_t case_lower(uint32_t c);

#endif
