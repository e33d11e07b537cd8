/* Memory for small things. These never return NULL: when the system has no memory left the process
 * ends with one line on stderr and its service manager starts it again (docs/decisions.md).
 * What a peer chooses the size of is checked against its limit before it comes here. */
#ifndef CADRE_BASE_MEM_H
#define CADRE_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t bytes);                        /* zeroed; bytes may be 0 */
void *mem_array(size_t count, size_t size);           /* zeroed; count * size is checked */
void *mem_resize(void *p, size_t count, size_t size); /* not zeroed; count * size is checked */
char *mem_strdup(const char *s);                      /* NULL gives NULL */
char *mem_strndup(const char *s, size_t len);
void *mem_dup(const void *p, size_t len);
void mem_free(void *p);             /* NULL is fine */
void mem_wipe(void *p, size_t len); /* overwrites secrets; never optimised away */
void mem_free_secret(char *s);      /* overwrites a text and frees it; NULL is fine */
/* Ends the process as above: for libraries that report an allocation failure of their own. */
_Noreturn void mem_exhausted(void);

#endif
