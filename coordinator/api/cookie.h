/* The cookie of the page's session (RFC 6265), and what a request that brings it has to have.
 * Pure. */
#ifndef CADRE_COORDINATOR_API_COOKIE_H
#define CADRE_COORDINATOR_API_COOKIE_H

#include "base/buf.h"
#include "coordinator/answer.h"
#include "wire/http.h"

#include <stdbool.h>
#include <stdint.h>

#define COOKIE_NAME "__Host-cadre"
#define COOKIE_BYTES 32 /* of the random number */

enum cookie_found {
    COOKIE_NONE, /* other cookies, or none at all */
    COOKIE_GOOD, /* in shape; whose it is nobody has asked yet */
    COOKIE_BAD   /* no number that a browser was given, or more than one */
};
/* Looks at all Cookie headers. Fills number when it is COOKIE_GOOD; mem_wipe it. */
enum cookie_found cookie_read(const struct http_message *m, uint8_t number[COOKIE_BYTES]);

/* Appends a Set-Cookie header with the end of its line. The browser forgets it after life_ms, in
 * whole seconds that have begun. */
void cookie_set(struct buf *headers, const uint8_t number[COOKIE_BYTES], int64_t life_ms);
void cookie_clear(struct buf *headers);

/* Did the coordinator's own page send this, and no other one? A browser sends the cookie along
 * whoever asks, so a request that changes something says so by a header that no other site can set,
 * and by its Origin (RFC 6454), which is to be https:// and the Host. false: fills p. */
bool cookie_from_page(const struct http_message *m, struct problem *p);

#endif
