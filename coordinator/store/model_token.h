/* May a token act? One answer for the door (api/auth.c), the reader thread (reads/lookup.c) and the
 * engine (engine/principal.c). */
#ifndef CADRE_COORDINATOR_STORE_MODEL_TOKEN_H
#define CADRE_COORDINATOR_STORE_MODEL_TOKEN_H

#include "coordinator/store/model.h"
#include "coordinator/store/model_page_session.h"

struct token_refusal {
    const char *code, *sentence, *hint; /* static; hint NULL: none */
};

/* NULL: the token holds at that moment (wall). A row that is absent (NULL), and a join token, are
 * told alike: the API does not know the token. */
const struct token_refusal *token_refusal(const struct token_row *t, int64_t now_ms);
/* The same of a session of the page; its token is asked for by itself. NULL: there is none. */
const struct token_refusal *page_session_refusal(const struct page_session_row *p, int64_t now_ms);
/* May a token of the first role do what needs the second one? */
bool token_covers(enum token_role have, enum token_role need);

#endif
