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
