/* An order of the coordinator to cadre-notify: one message for one channel, as it goes in a line of
 * JSON (notify/ORDERS.md). Pure. */
#ifndef CADRE_WIRE_ORDER_H
#define CADRE_WIRE_ORDER_H

#include "base/err.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

#define ORDER_LINE_MAX (256u * 1024) /* bytes of a line */
#define ORDER_ID_SIZE 65
#define ORDER_TIMEOUT_MS 30000 /* also the most that an order may ask for */
#define ORDER_AT_ONCE 8        /* web hooks and mail that cadre-notify delivers at once */
#define ORDER_URL_MAX 8000     /* bytes */
#define ORDER_LIST_MAX 64      /* headers, recipients, arguments */

enum order_kind { ORDER_WEBHOOK, ORDER_MAIL, ORDER_COMMAND };
enum order_tls { ORDER_STARTTLS, ORDER_IMPLICIT, ORDER_PLAIN };

struct order {
    const struct json *root; /* has all texts below */
    struct json *owned;      /* the same, or NULL: it is the caller's */
    const char *id;
    enum order_kind kind;
    int64_t timeout_ms;
    const char *body;
    const char *ca_file;              /* NULL: the system's authorities */
    const char *url, *url_file;       /* webhook: one of them */
    const char *content_type;         /* webhook */
    const char *authorization_file;   /* webhook; NULL: none */
    const struct json *headers;       /* webhook: object of texts, or NULL */
    const char *server;               /* mail: "host" or "host:port", "[::1]:25" */
    enum order_tls tls;               /* mail */
    const char *user, *password_file; /* mail: both or none */
    const char *from, *subject;       /* mail */
    const struct json *to;            /* mail: array of addresses */
    const struct json *command;       /* command: array of arguments, the first an absolute path */
};

/* id: what the line says it is, "" when it cannot be told; filled in also on failure, since the
 * answer names it. *out: order_fini. ERR_INVALID names the member and what would be right, and
 * never a value that may be a secret. */
int order_parse(const char *line, size_t len, char id[ORDER_ID_SIZE], struct order *out,
                struct err *e);
void order_fini(struct order *o);
/* Of a web hook's headers, the one of this name in whatever case; NULL: there is none. */
const struct json *order_header(const struct json *headers, const char *name);
/* https://HOST or http://HOST, with a port, a path and so on as may be? `name`: what the URL is
 * called in the sentence of ERR_INVALID, which has nothing of the URL. */
int order_check_url(const char *url, const char *name, struct err *e);

#endif
