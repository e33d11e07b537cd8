/* `web:`, a second port for the page and the API, with a certificate of one's own: its files are
 * read when the coordinator starts, and again when they change. Loop thread. */
#ifndef CADRE_COORDINATOR_WEB_H
#define CADRE_COORDINATOR_WEB_H

#include "base/err.h"
#include "coordinator/config.h"
#include "coordinator/engine/standing.h"
#include "wire/link.h"

#define WEB_PORT 443                 /* where web.listen names none */
#define WEB_FILES_EVERY_MS 20000     /* how often the files are looked at */
#define WEB_FILE_BYTES PKI_CHAIN_MAX /* of one of them */

struct web;

/* Can both files be read, and do they belong together? Without web.listen there is nothing to
 * check. The sentence names key and file. ERR_INVALID, ERR_NOT_FOUND, ERR_DENIED ... Needs
 * pki_init. */
int web_check(const struct config *c, struct err *e);

/* Listens. o: as of the other port, but for tls, address and port, which are of `web:`. *out NULL:
 * there is no web.listen. */
int web_open(const struct config *c, const struct link_listen_options *o, struct web **out,
             struct err *e);
/* "0.0.0.0:443": what is listened on. NULL: nothing. */
const char *web_address(const struct web *w);
/* Reads the files now, on a thread of libuv's. What is broken changes nothing, and the log says
 * so. */
void web_again(struct web *w);
/* The life of the certificate in use; all 0: nothing is listened on. */
void web_life(const struct web *w, struct span *out);
/* Adds to what the other port's door has counted. */
void web_count(const struct web *w, struct link_listener_counters *sum);
/* Stops listening; links that are open live on. The memory goes when the loop has run. NULL is fine
 * in all of these. */
void web_close(struct web *w);

#endif
