/* Addresses that may read the metrics without a token: networks like 10.0.0.0/8 or 2001:db8::/32,
 * and single addresses. Any thread. */
#ifndef CADRE_COORDINATOR_METRICS_ALLOW_H
#define CADRE_COORDINATOR_METRICS_ALLOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct allow_net {
    unsigned char address[16]; /* IPv4: the first four bytes */
    bool v6;
    unsigned bits; /* that count, from the first */
};

/* Bits behind the prefix may be set; they do not count. ERR_INVALID: neither an address nor a
 * network. */
int allow_parse(const char *text, struct allow_net *out, struct err *e);
/* remote: as of link_remote, "192.0.2.7:41234" or "[2001:db8::1]:41234"; anything else is in
 * none. */
bool allow_has(const struct allow_net *nets, size_t count, const char *remote);

#endif
