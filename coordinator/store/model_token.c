/* See model_token.h. */
#include "coordinator/store/model_token.h"

const struct token_refusal *token_refusal(const struct token_row *t, int64_t now_ms)
{
    static const struct token_refusal unknown = {
        "token-unknown", "this token is not known here",
        "the token may be of another coordinator; make a new one with 'cadre token create api'"};
    static const struct token_refusal revoked = {"token-revoked", "this token was revoked",
                                                 "ask an administrator for a new one"};
    static const struct token_refusal expired = {"token-expired", "this token has expired",
                                                 "ask an administrator for a new one"};
    if (!t || t->role == ROLE_JOIN) return &unknown;
    if (t->revoked_ms > 0) return &revoked;
    return t->expires_ms > 0 && now_ms >= t->expires_ms ? &expired : NULL;
}

const struct token_refusal *page_session_refusal(const struct page_session_row *p, int64_t now_ms)
{
    static const struct token_refusal ended = {"session-ended", "this session has ended",
                                               "sign in again"};
    return p && now_ms < p->ends_ms ? NULL : &ended;
}

bool token_covers(enum token_role have, enum token_role need)
{
    return have >= need; /* in the order of the enum: join < read < submit < admin */
}
