/* "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": version, trace, parent, flags. */
#include "wire/trace.h"

#include <stddef.h>
#include <string.h>

/* Where the parts are. */
#define TRACE_AT 3
#define TRACE_LEN 32
#define PARENT_AT 36
#define PARENT_LEN 16
#define FLAGS_AT 53

/* Lower-case digits alone. */
static bool is_hex(const char *s, size_t len)
{
    return strspn(s, "0123456789abcdef") >= len;
}

static bool is_zero(const char *s, size_t len)
{
    return strspn(s, "0") >= len;
}

static bool is_valid(const char *s, size_t len)
{
    bool first = strncmp(s, "00", 2) == 0;
    if (len < TRACE_PARENT_LEN || !is_hex(s, 2) || strncmp(s, "ff", 2) == 0) return false;
    if (first ? len > TRACE_PARENT_LEN : len > TRACE_PARENT_LEN && s[TRACE_PARENT_LEN] != '-')
        return false;
    if (s[TRACE_AT - 1] != '-' || s[PARENT_AT - 1] != '-' || s[FLAGS_AT - 1] != '-') return false;
    return is_hex(s + TRACE_AT, TRACE_LEN) && !is_zero(s + TRACE_AT, TRACE_LEN) &&
           is_hex(s + PARENT_AT, PARENT_LEN) && !is_zero(s + PARENT_AT, PARENT_LEN) &&
           is_hex(s + FLAGS_AT, 2);
}

bool trace_parent_read(const char *value, char out[TRACE_PARENT_SIZE])
{
    if (!value) return false;
    value += strspn(value, " \t");
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (!is_valid(value, len)) return false;
    memcpy(out, value, TRACE_PARENT_LEN);
    out[TRACE_PARENT_LEN] = '\0';
    if (strncmp(out, "00", 2) == 0) return true;
    memcpy(out, "00", 2);
    /* of the flags, version 00 knows "sampled" alone */
    out[FLAGS_AT] = '0';
    out[FLAGS_AT + 1] = strchr("13579bdf", value[FLAGS_AT + 1]) ? '1' : '0';
    return true;
}
