/* See token_json.h. */
#include "coordinator/reads/token_json.h"

void token_json_uses(struct jw *w, const char *key, const struct token_row *t)
{
    if (t->role == ROLE_JOIN && t->uses_left >= 0)
        jw_int(w, key, t->uses_left);
    else
        jw_null(w, key);
}

void token_json_who(struct jw *w, const struct token_row *t, int64_t expires_ms)
{
    jw_id(w, "id", t->id);
    jw_str(w, "role", role_names[t->role]);
    jw_str(w, "namespace", t->ns);
    jw_str(w, "name", t->name);
    jw_time(w, "expiresAt", expires_ms);
}

void token_json(struct jw *w, const struct token_row *t)
{
    jw_id(w, "id", t->id);
    jw_str(w, "type", t->role == ROLE_JOIN ? "join" : "api");
    jw_str(w, "role", t->role == ROLE_JOIN ? NULL : role_names[t->role]);
    jw_str(w, "group", t->group);
    jw_str(w, "namespace", t->ns);
    jw_str(w, "name", t->name);
    jw_time(w, "createdAt", t->created_ms);
    jw_str(w, "createdBy", t->created_by);
    jw_time(w, "expiresAt", t->expires_ms);
}
