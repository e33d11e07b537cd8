/* How many calls of one thing are taken in a minute: each thing has a bucket of that many calls,
 * which fills evenly. Loop thread. */
#ifndef CADRE_COORDINATOR_API_RATE_H
#define CADRE_COORDINATOR_API_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_THINGS_MAX 4096 /* known at a time; above this number those begin anew that are full */

struct rate;

struct rate *rate_new(int64_t per_minute); /* at least 1 */
void rate_free(struct rate *r);            /* NULL is fine */
/* Takes one call of the thing with this number (not 0) from its bucket. false: the bucket is empty,
 * and has a call again after *wait_ms. now_ms: mono. */
bool rate_take(struct rate *r, uint64_t thing, int64_t now_ms, int64_t *wait_ms);

#endif
