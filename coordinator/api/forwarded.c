/* Each proxy adds the address that it was asked from behind those that it was told, so the header
 * is read from its end: as long as an address is that of a proxy that is believed, the one before
 * it is what that proxy saw. Everything before that, anybody may have written. */
#include "coordinator/api/forwarded.h"

#include "base/str.h"

#include <string.h>

#define UNKNOWN "unknown"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Nothing, or a colon and digits. */
static bool is_port(const char *s)
{
    if (!*s) return true;
    size_t len = strspn(s + 1, "0123456789");
    return *s == ':' && len > 0 && len <= 5 && !s[1 + len];
}

/* Behind the "::ffff:" of an IPv4 address that came to a socket of IPv6. */
static char *without_mapping(char *address)
{
    bool mapped = strncmp(address, "::ffff:", 7) == 0 || strncmp(address, "::FFFF:", 7) == 0;
    return mapped && strchr(address, '.') ? address + 7 : address;
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". The address in
 * it, which is cut; NULL: there is none. */
static const char *read_element(char *text, struct allow_net *out)
{
    bool brackets = *text == '[';
    char *address = text + brackets;
    char *end = strchr(address, brackets ? ']' : ':');
    if (brackets && !end) return NULL;
    if (!brackets && end && strchr(end + 1, ':')) end = NULL; /* IPv6 */
    if (end && !is_port(end + brackets)) return NULL;
    if (end) *end = '\0';
    if (brackets && !strchr(address, ':')) return NULL;
    address = without_mapping(address);
    return !strchr(address, '/') && allow_parse(address, out, NULL) == 0 ? address : NULL;
}

/* An element of the list as of link_remote: an IPv6 address gets its brackets. */
static void take(const char *from, const char *end, char out[FORWARDED_SIZE])
{
    struct allow_net net;
    char text[FORWARDED_SIZE - 2];
    while (from < end && is_blank(*from))
        from++;
    while (from < end && is_blank(end[-1]))
        end--;
    size_t len = (size_t)(end - from);
    (void)str_copy(out, FORWARDED_SIZE, UNKNOWN);
    if (len == 0 || len >= sizeof text) return;
    memcpy(text, from, len);
    text[len] = '\0';
    const char *address = read_element(text, &net);
    if (address) (void)str_format(out, FORWARDED_SIZE, net.v6 ? "[%s]" : "%s", address);
}

void forwarded_client(const struct allow_net *proxies, size_t count, const char *remote,
                      const struct http_message *m, char out[FORWARDED_SIZE])
{
    if (str_copy(out, FORWARDED_SIZE, remote)) (void)str_copy(out, FORWARDED_SIZE, UNKNOWN);
    for (size_t i = m->header_count; i > 0; i--) {
        const struct http_header *h = &m->headers[i - 1];
        if (!str_eq(h->name, "x-forwarded-for")) continue;
        const char *end = h->value + strlen(h->value);
        while (end >= h->value) {
            if (!allow_has(proxies, count, out)) return;
            const char *from = end;
            while (from > h->value && from[-1] != ',')
                from--;
            take(from, end, out);
            if (from == h->value) break;
            end = from - 1;
        }
    }
}
