/* The page that is served from memory, and what its clients' headers say. */
#ifndef CADRE_COORDINATOR_API_PAGE_H
#define CADRE_COORDINATOR_API_PAGE_H

#include <stdbool.h>

struct page;

struct page *page_new(void);
void page_free(struct page *p); /* NULL is fine */

/* Accept-Encoding; NULL: there is none. Does it take gzip? */
bool page_takes_gzip(const char *accept);
/* If-None-Match; NULL: there is none. Does it list this tag, which is in quotes? What is no list
 * of tags lists none from there on. */
bool page_tag_listed(const char *list, const char *tag);

#endif
