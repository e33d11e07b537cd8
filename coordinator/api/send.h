/* An answer with headers of its own. Loop thread. */
#ifndef CADRE_COORDINATOR_API_SEND_H
#define CADRE_COORDINATOR_API_SEND_H

#include "coordinator/api/request.h"

/* For what anybody may have: it goes out also when the request's token has ended meanwhile.
 * content NULL: there is no body. headers: "A: b\r\n", each with its end. The bytes are copied. */
void request_send_bytes(struct request *r, int status, const struct http_content *content,
                        const char *headers);

#endif
