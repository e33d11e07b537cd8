/* Time and randomness as inputs. Code that decides anything takes these as arguments, so that a
 * test can replay a day in a second. The owners of loops read the real clock and random source
 * (platform/os.h). */
#ifndef CADRE_BASE_CLOCK_H
#define CADRE_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct moment {
    int64_t mono_ms; /* never goes back; every deadline, lease and delay counts in it */
    int64_t wall_ms; /* milliseconds since 1970 UTC; only for what people read and for ids */
};

/* xoshiro256** (public domain algorithm by Blackman and Vigna); not for secrets. */
struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed); /* splitmix64 over the seed */
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* 0 <= x < bound, unbiased; bound > 0 */

#endif
