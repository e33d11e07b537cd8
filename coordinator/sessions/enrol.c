/* How a machine asks to become an agent, and an agent for a new certificate. */
#include "coordinator/sessions/session.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

/* Strings change hands: the message's become the command's. */
static char *take(char **s)
{
    char *taken = *s;
    *s = NULL;
    return taken;
}

static void refuse(struct session_heard *out, enum refusal r, const struct err *why)
{
    out->action = SESSION_REFUSE;
    out->refusal = r;
    out->why = *why;
}

static int token_of_enrol(const char *text, struct token *t, struct err *why)
{
    int rc = token_parse(text, t, why);
    return rc ? rc : token_expect(t, TOKEN_JOIN, why);
}

static bool is_in(const struct json *list, const struct json *before, const char *key)
{
    const struct json *j = json_first(list);
    while (j && j != before && !str_eq(json_str(j, ""), key))
        j = json_next(j);
    return j && j != before;
}

int session_check_groups(const char *message, const char *group, char **groups, struct err *e)
{
    struct json *list = NULL;
    int rc = 0;
    if (!*groups) return 0;
    rc = json_parse(*groups, strlen(*groups), &list, e);
    size_t count = json_count(list);
    if (rc == 0 && (count < 1 || count > LIMIT_GROUPS))
        rc = err_set(e, ERR_PROTOCOL, "%s: groups: %zu are named, 1 to %d may be", message, count,
                     LIMIT_GROUPS);
    for (const struct json *j = json_first(list); j && rc == 0; j = json_next(j)) {
        const char *key = json_str(j, "");
        if (!str_key_valid(key))
            rc = err_set(e, ERR_PROTOCOL, "%s: groups: '%.80s' is not a worker group's key",
                         message, key);
        else if (is_in(list, j, key))
            rc = err_set(e, ERR_PROTOCOL, "%s: groups: '%s' is named twice", message, key);
        else if (j == json_first(list) && !str_eq(key, group ? group : STR_DEFAULT_GROUP))
            rc = err_set(e, ERR_PROTOCOL, "%s: the first of groups is '%s', and group is '%.80s'",
                         message, key, group ? group : STR_DEFAULT_GROUP);
    }
    json_free(list);
    if (rc == 0 && count > 1) return 0;
    mem_free(*groups);
    *groups = NULL;
    return rc;
}

void session_enrol(struct session_facts *s, struct msg_enrol *m, struct session_heard *out)
{
    struct token t = {0};
    uint8_t spki[PKI_HASH_BYTES];
    struct err why = {0};
    if (token_of_enrol(m->token, &t, &why)) {
        refuse(out, REFUSAL_TOKEN_MALFORMED, &why);
    } else if (str_name_check(m->name, &why) != 0) {
        err_wrap(&why, "enrol: the name");
        refuse(out, REFUSAL_PROTOCOL, &why);
    } else if (session_check_groups("enrol", m->group, &m->groups, &why) != 0) {
        refuse(out, REFUSAL_PROTOCOL, &why);
    } else if (pki_csr_check(m->csr, spki, &why)) {
        refuse(out, REFUSAL_REQUEST_BAD, &why);
    } else {
        struct command *c = command_new(CMD_ENROL);
        c->session = s->number;
        c->u.enrol.token_id = t.id;
        pki_sha256(t.secret, sizeof t.secret, c->u.enrol.secret_hash);
        str_hex(c->u.enrol.spki, spki, sizeof spki);
        c->u.enrol.name = take(&m->name);
        c->u.enrol.group = take(&m->group);
        c->u.enrol.groups = take(&m->groups);
        c->u.enrol.host_id = take(&m->host_id);
        c->u.enrol.version = take(&m->version);
        c->u.enrol.replace = m->replace;
        s->csr = take(&m->csr);
        s->state = SESSION_ENROLLING;
        out->action = SESSION_COMMAND;
        out->command = c;
    }
    token_fini(&t);
}

void session_renew(struct msg_enrol *m, struct session_heard *out)
{
    uint8_t spki[PKI_HASH_BYTES];
    struct err why = {0};
    struct err told = {0};
    if (pki_csr_check(m->csr, spki, &why)) {
        err_set(&told, ERR_PROTOCOL, "enrol: %s", err_text(&why));
        refuse(out, REFUSAL_PROTOCOL, &told);
        return;
    }
    out->action = SESSION_RENEW;
    out->csr = take(&m->csr);
}
