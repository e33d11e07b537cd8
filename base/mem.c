/* Allocation that does not fail. */
#include "base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void mem_exhausted(void)
{
    fputs("out of memory\n", stderr);
    abort();
}

static size_t product(size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) mem_exhausted();
    return count * size;
}

void *mem_alloc(size_t bytes)
{
    void *p = calloc(1, bytes > 0 ? bytes : 1);
    if (!p) mem_exhausted();
    return p;
}

void *mem_array(size_t count, size_t size)
{
    return mem_alloc(product(count, size));
}

void *mem_resize(void *p, size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *q = realloc(p, bytes > 0 ? bytes : 1);
    if (!q) mem_exhausted();
    return q;
}

char *mem_strdup(const char *s)
{
    return s ? mem_dup(s, strlen(s) + 1) : NULL;
}

char *mem_strndup(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n])
        n++;
    char *copy = mem_resize(NULL, n + 1, 1);
    memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

void *mem_dup(const void *p, size_t len)
{
    void *copy = mem_resize(NULL, len, 1);
    if (len > 0) memcpy(copy, p, len);
    return copy;
}

void mem_free(void *p)
{
    free(p);
}

void mem_wipe(void *p, size_t len)
{
    /* The pointer is volatile, so the compiler cannot leave out the call. */
    static void *(*const volatile set)(void *, int, size_t) = memset;
    if (len > 0) set(p, 0, len);
}

void mem_free_secret(char *s)
{
    if (s) mem_wipe(s, strlen(s));
    mem_free(s);
}
