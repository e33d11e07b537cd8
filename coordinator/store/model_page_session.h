/* Sessions of the page: a browser that has signed in with a token. The word alone belongs to the
 * sessions of agents. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_PAGE_SESSION_H
#define CADRE_COORDINATOR_STORE_MODEL_PAGE_SESSION_H

#include <stdint.h>

#define PAGE_SESSION_LIFE_MS (INT64_C(12) * 3600 * 1000) /* less when its token ends before */
#define PAGE_SESSIONS_MOST 50 /* of one token; then the oldest makes room */

/* Times: wall, ms. */
struct page_session_row {
    int64_t id;
    uint8_t hash[32]; /* SHA-256 of the cookie's 32 random bytes, which are kept nowhere */
    int64_t token;
    int64_t created_ms, ends_ms; /* it holds before ends_ms, while its token does */
};

#endif
