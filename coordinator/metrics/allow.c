/* Networks as bytes and a number of bits. */
#include "coordinator/metrics/allow.h"

#include "base/str.h"

#include <string.h>
#include <uv.h>

#define ADDRESS_SIZE 64

/* text: without brackets, port and zone. */
static bool read_address(const char *text, struct allow_net *out)
{
    *out = (struct allow_net){.v6 = strchr(text, ':') != NULL};
    out->bits = out->v6 ? 128 : 32;
    return uv_inet_pton(out->v6 ? AF_INET6 : AF_INET, text, out->address) == 0;
}

/* Decimal digits alone. */
static bool read_bits(const char *text, unsigned most, unsigned *bits)
{
    size_t len = strspn(text, "0123456789");
    int64_t n;
    if (len == 0 || len > 3 || text[len] || str_int64(text, &n) || n > (int64_t)most) return false;
    *bits = (unsigned)n;
    return true;
}

int allow_parse(const char *text, struct allow_net *out, struct err *e)
{
    struct allow_net net;
    char address[ADDRESS_SIZE];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    bool fine = len > 0 && len < sizeof address;
    if (fine) {
        memcpy(address, text, len);
        address[len] = '\0';
        fine = read_address(address, &net);
    }
    if (fine && slash) fine = read_bits(slash + 1, net.bits, &net.bits);
    if (!fine)
        return err_set(
            e, ERR_INVALID,
            "'%.80s' is neither an address nor a network like 10.0.0.0/8 or 2001:db8::/32", text);
    *out = net;
    return 0;
}

/* The address of a remote end. */
static bool read_remote(const char *remote, struct allow_net *out)
{
    char address[ADDRESS_SIZE];
    bool v6 = remote[0] == '[';
    size_t len = v6 ? strcspn(++remote, "%]") : strcspn(remote, ":");
    if (len == 0 || len >= sizeof address) return false;
    memcpy(address, remote, len);
    address[len] = '\0';
    return read_address(address, out) && out->v6 == v6;
}

static bool is_in(const struct allow_net *net, const struct allow_net *address)
{
    size_t whole = net->bits / 8;
    unsigned rest = net->bits % 8;
    if (net->v6 != address->v6 || memcmp(net->address, address->address, whole) != 0) return false;
    return rest == 0 || (net->address[whole] ^ address->address[whole]) >> (8 - rest) == 0;
}

bool allow_has(const struct allow_net *nets, size_t count, const char *remote)
{
    struct allow_net address;
    if (!read_remote(remote, &address)) return false;
    for (size_t i = 0; i < count; i++)
        if (is_in(&nets[i], &address)) return true;
    return false;
}
