/* Who asks, when a proxy stands between: X-Forwarded-For, believed from the proxies that
 * `web.forwardedFor` names and from nobody else. Loop thread. */
#ifndef CADRE_COORDINATOR_API_FORWARDED_H
#define CADRE_COORDINATOR_API_FORWARDED_H

#include "coordinator/metrics/allow.h"
#include "wire/http.h"

#define FORWARDED_SIZE 80 /* of an address with its end */

/* The client's address as of link_remote, maybe without a port: remote itself, or what the
 * last proxy that is believed says of who asked it. "unknown" when that is no address; it is in no
 * network. */
void forwarded_client(const struct allow_net *proxies, size_t count, const char *remote,
                      const struct http_message *m, char out[FORWARDED_SIZE]);

#endif
