/* The thread that folds the logs of the store into its files (store/fold.h), beside the store
 * thread. All functions are for the loop thread. */
#ifndef CADRE_COORDINATOR_FOLDING_H
#define CADRE_COORDINATOR_FOLDING_H

#include "base/err.h"

struct folding;
struct store;

/* Before the store thread is started. */
int folding_start(const char *state_folder, struct store *store, struct folding **out,
                  struct err *e);
/* After the store thread has ended; waits for the run that is under way. NULL is fine. */
void folding_stop(struct folding *f);

#endif
