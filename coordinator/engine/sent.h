/* Messages on their way. They are known in memory alone, so that after a start each is sent again;
 * but a reload after a batch that failed does not forget them: who delivers them knows nothing of
 * the batch, and its answers come later. What a batch begins and ends counts when it is
 * committed. */
#ifndef CADRE_COORDINATOR_ENGINE_SENT_H
#define CADRE_COORDINATOR_ENGINE_SENT_H

#include "coordinator/engine/core.h"

struct sent {
    int64_t count;               /* of notice_row.count, that the message has */
    bool over;                   /* it says that it is over */
    uint64_t begun_in, ended_in; /* batches; 0: before, not yet */
};

/* The message of a notice leaves with this batch. None of it is on its way. */
void sent_begin(struct engine *g, int64_t notice, int64_t count, bool over);
bool sent_is_on_its_way(const struct engine *g, int64_t notice);
/* Its answer came in this batch, where the next message may not leave yet. */
bool sent_has_just_ended(const struct engine *g, int64_t notice);
/* The answer. NULL: none is on its way. Valid until the batch ends. */
const struct sent *sent_end(struct engine *g, int64_t notice);
/* The batch was committed, or failed. */
void sent_settle(struct engine *g, bool committed);
void sent_free(struct engine *g); /* all */

#endif
