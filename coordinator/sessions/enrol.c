/* How a machine becomes an agent, and how its certificate stays young. */
#include "coordinator/sessions/session.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/token.h"

#include <string.h>

/* What the sender cannot put right by coming back is told with retry 0. */
static int refuse(struct session *s, const char *code, const char *sentence)
{
    session_refuse(s, code, sentence, 0);
    return 0;
}

int session_enrol(struct session *s, struct msg_enrol *m, struct err *e)
{
    struct token t;
    uint8_t spki[PKI_HASH_BYTES];
    struct err why = {0};
    if (token_parse(m->token, &t, &why) || token_expect(&t, TOKEN_JOIN, &why))
        return refuse(s, "token-malformed", err_text(&why));
    if (!str_name_valid(m->name)) {
        mem_wipe(&t, sizeof t);
        return err_set(e, ERR_PROTOCOL, "enrol: a name of 1 to %d bytes is needed", LIMIT_NAME);
    }
    if (pki_csr_check(m->csr, spki, &why)) {
        mem_wipe(&t, sizeof t);
        return refuse(s, "request-bad", err_text(&why));
    }
    struct command *c = command_new(CMD_ENROL);
    c->session = s->number;
    c->u.enrol.token_id = t.id;
    pki_sha256(t.secret, sizeof t.secret, c->u.enrol.secret_hash);
    mem_wipe(&t, sizeof t);
    str_hex(c->u.enrol.spki, spki, sizeof spki);
    c->u.enrol.name = m->name;
    c->u.enrol.group = m->group;
    c->u.enrol.host_id = m->host_id;
    c->u.enrol.version = m->version;
    c->u.enrol.replace = m->replace;
    s->csr = m->csr;
    m->name = m->group = m->host_id = m->version = m->csr = NULL;
    s->state = SESSION_ENROLLING;
    spine_push(s->owner->o.spine, c);
    return 0;
}

void session_enrolled(struct session *s, const struct effect *x)
{
    char id[ID_TEXT_SIZE];
    char *pem;
    struct err e = {0};
    if (!s->csr) return;
    if (authority_sign(s->owner->o.authority, s->csr, x->id, os_wall_ms(), &pem, &e)) {
        log_error("agent %s: its certificate could not be made: %s", x->text, err_text(&e));
        session_refuse(s, "internal", "the certificate could not be made", 5000);
        return;
    }
    id_format(x->id, id);
    struct msg m = {.type = MSG_ENROLLED};
    m.u.enrolled =
        (struct msg_enrolled){.agent = id,
                              .name = x->text,
                              .group = x->text2,
                              .certificate = pem,
                              .ca = (char *)(uintptr_t)authority_ca(s->owner->o.authority)};
    session_send(s, &m);
    mem_free(pem);
    log_info("agent %s: enrolled as '%s' from %s", id, x->text, link_remote(s->link));
    session_close(s);
}

int session_renew(struct session *s, const struct msg_enrol *m, struct err *e)
{
    uint8_t spki[PKI_HASH_BYTES];
    char *pem;
    struct err why = {0};
    if (pki_csr_check(m->csr, spki, &why))
        return err_set(e, ERR_PROTOCOL, "enrol: %s", err_text(&why));
    if (authority_sign(s->owner->o.authority, m->csr, s->agent, os_wall_ms(), &pem, &why)) {
        log_error("session %llu: a certificate could not be renewed: %s",
                  (unsigned long long)s->number, err_text(&why));
        return 0; /* the agent asks again */
    }
    struct msg answer = {.type = MSG_CERTIFICATE};
    answer.u.certificate.certificate = pem;
    session_send(s, &answer);
    mem_free(pem);
    return 0;
}
