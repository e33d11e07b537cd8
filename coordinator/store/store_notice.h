/* Messages to channels: a part of store.h. */
#ifndef CADRE_COORDINATOR_STORE_STORE_NOTICE_H
#define CADRE_COORDINATOR_STORE_STORE_NOTICE_H

#include "base/err.h"
#include "coordinator/store/model_notice.h"

#define NOTICE_HISTORY 1000 /* of those that are DONE, the newest */

struct store;

int store_notice_insert(struct store *s, const struct notice_row *n, struct err *e);
/* All but its id, channel, event, subject and first_ms. One that is DONE makes room in the
 * history. That there is none may be told by the commit. */
int store_notice_update(struct store *s, const struct notice_row *n, struct err *e);
int store_notice_delete(struct store *s, int64_t id, struct err *e);
/* Those that are not DONE, oldest first. */
int store_each_notice(struct store *s, int (*fn)(const struct notice_row *n, void *user),
                      void *user, struct err *e);

#endif
