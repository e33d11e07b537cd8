/* Reading the registry. */
#include "platform/windows/registry.h"

#include "base/mem.h"
#include "platform/windows/wide.h"

#include <windows.h>
#include <string.h>

#define TEXT_MAX_BYTES 65536

char *registry_text(const wchar_t *key, const wchar_t *name)
{
    DWORD size = 0;
    const DWORD want = RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND | RRF_SUBKEY_WOW6464KEY;
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, name, want, NULL, NULL, &size) != ERROR_SUCCESS)
        return NULL;
    if (size == 0 || size > TEXT_MAX_BYTES) return NULL;
    wchar_t *wide = mem_alloc((size_t)size + sizeof *wide);
    char *text = NULL;
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, name, want, NULL, wide, &size) == ERROR_SUCCESS) {
        text = wide_to(wide);
    }
    mem_free(wide);
    return text;
}

int64_t registry_number(const wchar_t *key, const wchar_t *name, int64_t fallback)
{
    unsigned char bytes[8] = {0};
    DWORD size = sizeof bytes;
    const DWORD want =
        RRF_RT_REG_DWORD | RRF_RT_REG_QWORD | RRF_RT_REG_BINARY | RRF_SUBKEY_WOW6464KEY;
    if (RegGetValueW(HKEY_LOCAL_MACHINE, key, name, want, NULL, bytes, &size) != ERROR_SUCCESS) {
        return fallback;
    }
    uint64_t n = 0;
    for (DWORD i = 0; i < size && i < sizeof bytes; i++)
        n |= (uint64_t)bytes[i] << (8 * i);
    return n <= INT64_MAX ? (int64_t)n : fallback;
}
