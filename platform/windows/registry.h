/* Values below HKEY_LOCAL_MACHINE, of the 64-bit view. */
#ifndef CADRE_PLATFORM_WINDOWS_REGISTRY_H
#define CADRE_PLATFORM_WINDOWS_REGISTRY_H

#include <stdint.h>
#include <wchar.h>

/* A text, UTF-8; NULL when there is none; mem_free. */
char *registry_text(const wchar_t *key, const wchar_t *name);
/* A number of 4 or 8 bytes (also stored as binary); `fallback` when there is none. */
int64_t registry_number(const wchar_t *key, const wchar_t *name, int64_t fallback);

#endif
