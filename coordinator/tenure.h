/* The time in which this coordinator owns the queue: the machine of ownership.h and the row, shared
 * by the thread that writes and the loop, which sends. Any thread, but where it says otherwise. */
#ifndef CADRE_COORDINATOR_TENURE_H
#define CADRE_COORDINATOR_TENURE_H

#include "coordinator/ownership.h"

struct store;
struct tenure;

/* o: of a take-over that was committed, and made the row *mine. Both are copied, the place is
 * borrowed until tenure_free. */
struct tenure *tenure_new(const struct owner_place *place, const struct ownership *o,
                          const struct owner_row *mine);
void tenure_free(struct tenure *t); /* NULL is fine */

/* As it was taken; before anybody renews. */
struct owner_row tenure_row(const struct tenure *t);

/* ---- the thread that writes: the one that watches, then the store's ---- */
/* Renews by the place, while there is no store yet. As store_renew. */
int tenure_renew(struct tenure *t, struct err *e);
/* From here on the store's commits are what renews. */
void tenure_give(struct tenure *t, struct store *s);
/* In order: nobody holds the row. After the last commit; nothing may be sent any more, also when
 * this fails. Blocks. */
int tenure_release(struct tenure *t, struct err *e);

/* ---- any thread ---- */
bool tenure_may_send(struct tenure *t);
bool tenure_wants_renewal(struct tenure *t);
int64_t tenure_next_ms(struct tenure *t); /* as ownership_next_ms */
/* The row is another one's, or the time is over: everything is to be thrown away. */
bool tenure_is_lost(struct tenure *t);
void tenure_lose(struct tenure *t); /* for another reason */

#endif
