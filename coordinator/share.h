/* Who sends much, and who little: the weight of the last commands of each source, halved now and
 * then. Sources share a fixed number of places, so that memory does not grow; two that meet in one
 * count as one. Pure; one thread. */
#ifndef CADRE_COORDINATOR_SHARE_H
#define CADRE_COORDINATOR_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define SHARE_PLACES 1024
#define SHARE_FULL 8192 /* of weight in all: then all is halved */
#define SHARE_BUSY 1024 /* below it nobody is quiet: there is nothing to wait for */
#define SHARE_QUIET 8   /* a quiet source sends this many times less than the average one */

/* Zeroed: nobody sent anything. */
struct share {
    uint32_t weight[SHARE_PLACES], sum;
    uint32_t active; /* places with weight */
};

void share_note(struct share *s, uint64_t source, double weight);
/* Is there much going on, and hardly any of it from this source? */
bool share_is_quiet(const struct share *s, uint64_t source);

#endif
