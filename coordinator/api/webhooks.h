/* The key of a webhook: what is looked at before its request is read. */
#ifndef CADRE_COORDINATOR_API_WEBHOOKS_H
#define CADRE_COORDINATOR_API_WEBHOOKS_H

#include "coordinator/api/request.h"

#define WEBHOOK_HASH_SIZE 65 /* SHA-256, hexadecimal, with its NUL */

void webhook_key_hash(const char *key, char out[WEBHOOK_HASH_SIZE]);
/* Looks the key up: r->checking meanwhile, then r->keyed or r->problem. */
void webhooks_head(struct request *r, const struct http_message *head);

#endif
