/* Memory for many small things that live equally long: pieces are handed out one after the other
 * and given back all at once. Not for use from several threads. */
#ifndef CADRE_BASE_ARENA_H
#define CADRE_BASE_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *first; /* the one that pieces are taken from; NULL: there is none yet */
    size_t used;               /* bytes of it */
};

void arena_init(struct arena *a);
void arena_fini(struct arena *a); /* all pieces are gone */
/* All pieces are gone; memory for as many small ones stays for the next ones. */
void arena_clear(struct arena *a);
/* The pieces of `from` are a's from now on, where they are; `from` is empty. */
void arena_join(struct arena *a, struct arena *from);
/* Zeroed, aligned for any type. Never NULL: without memory the process ends (mem.h). */
void *arena_alloc(struct arena *a, size_t bytes);
char *arena_text(struct arena *a, const char *s); /* a copy; NULL gives NULL */

#endif
