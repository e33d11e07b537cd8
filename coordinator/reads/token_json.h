/* Tokens as the API shows them, without their secrets. Any thread. */
#ifndef CADRE_COORDINATOR_READS_TOKEN_JSON_H
#define CADRE_COORDINATOR_READS_TOKEN_JSON_H

#include "base/json.h"
#include "coordinator/store/model.h"

/* Members of an open object. */
void token_json(struct jw *w, const struct token_row *t);
/* The same of whoami: until when is the token's end, or its session's. */
void token_json_who(struct jw *w, const struct token_row *t, int64_t expires_ms);
void token_json_uses(struct jw *w, const char *key, const struct token_row *t);

#endif
