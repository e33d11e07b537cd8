/* How much a batch takes. A batch costs the disk about the same whatever is in it, so that small
 * ones waste the disk and large ones let everybody wait. From what the last batches weighed and
 * took, both parts are estimated; a batch is to spend on commands PACE_SHARE times what its commit
 * costs anyway. So on a slow disk batches are large, on a fast one they are short. A brief batch,
 * while somebody with little to do waits beside others, costs more for each command. */
#ifndef CADRE_COORDINATOR_PACE_H
#define CADRE_COORDINATOR_PACE_H

#include <stdbool.h>

#define PACE_SHARE 3.0
#define PACE_LEAST 256.0 /* commands, about */
#define PACE_BRIEF_SHARE 1.0
#define PACE_BRIEF_LEAST 64.0
#define PACE_MOST 8192.0

/* Zeroed: nothing is known, PACE_MOST. */
struct pace {
    double count, weight, weight2, took, both; /* sums, the last batches count most */
};

void pace_note(struct pace *p, double weight, double took_us);
double pace_most(const struct pace *p, bool brief);

#endif
