/* Messages to channels, as they are listed. Reader thread. */
#ifndef CADRE_COORDINATOR_STORE_READER_NOTICE_H
#define CADRE_COORDINATOR_STORE_READER_NOTICE_H

#include "coordinator/store/model_notice.h"
#include "coordinator/store/reader.h"

/* Newest first: those below f->after, 0: all. */
int reader_notices(struct reader *r, const struct id_filter *f,
                   int (*fn)(const struct notice_row *n, void *user), void *user, bool *more,
                   struct err *e);
/* How many are to be sent, now or later. */
int reader_notices_due(struct reader *r, int64_t *count, struct err *e);

#endif
