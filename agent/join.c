/* Enrolment: see join.h. */
#include "agent/join.h"

#include "agent/identity.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/yaml.h"
#include "cadre_version.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "platform/state_folder.h"
#include "platform/text_file.h"
#include "wire/frame.h"
#include "wire/limits.h"
#include "wire/link.h"
#include "wire/msg.h"
#include "wire/pki.h"
#include "wire/refusal.h"
#include "wire/token.h"

#include <string.h>
#include <uv.h>

#define JOIN_TIMEOUT_MS 15000
#define JOIN_OWNER_MS 15000 /* for the owner of the queue to be found, where there are several */
#define JOIN_AGAIN_MS 250

/* The request. */
struct enrolment {
    const struct agent_config *config;
    const char *token_text;
    const struct token *token;
    const char *csr, *name;
    const struct agent_groups *groups;
};

/* One attempt to enrol at one address. */
struct talk {
    const struct enrolment *what;
    struct frame_reader reader;
    uv_timer_t timer;
    struct link *link;
    struct msg answer; /* enrolled or refused */
    struct err err;
    bool closed;
};

static void on_open(struct link *l, void *user)
{
    struct talk *t = user;
    char host[128];
    struct msg m = {.type = MSG_ENROL};
    if (os_host_id(host, sizeof host) != 0) host[0] = 0;
    m.u.enrol.token = (char *)(uintptr_t)t->what->token_text;
    m.u.enrol.csr = (char *)(uintptr_t)t->what->csr;
    m.u.enrol.name = (char *)(uintptr_t)t->what->name;
    const struct agent_groups *groups = t->what->groups;
    m.u.enrol.group = groups->count > 0 ? groups->keys[0] : NULL;
    m.u.enrol.groups = groups->list;
    m.u.enrol.host_id = host;
    m.u.enrol.version = CADRE_VERSION;
    m.u.enrol.replace = t->what->config->replace;
    int rc = msg_frame_add(link_out(l), &m);
    if (rc != 0) {
        err_set(&t->err, rc, "the enrolment request is too large");
        link_abort(l, &t->err);
        return;
    }
    link_flush_later(l);
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct talk *t = user;
    struct frame f;
    struct err e = {0};
    if (t->answer.type != MSG_NONE) return;
    int rc = frame_reader_add(&t->reader, data, len, &e);
    if (rc == 0) rc = frame_reader_next(&t->reader, &f, &e);
    if (rc == 0) return;
    if (rc == 1) rc = msg_decode(f.body, f.len, (struct msg_peer){.known = false}, &t->answer, &e);
    if (rc == 0 && t->answer.type != MSG_ENROLLED && t->answer.type != MSG_REFUSED)
        rc = err_set(&e, ERR_PROTOCOL,
                     "the coordinator answered the enrolment with the message '%s'",
                     msg_name(t->answer.type));
    if (rc != 0)
        link_abort(l, &e);
    else
        link_close(l);
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    (void)l;
    struct talk *t = user;
    t->link = NULL;
    t->closed = true;
    if (t->err.code == 0 && e->code != ERR_OK) t->err = *e;
    uv_close((uv_handle_t *)&t->timer, NULL);
}

static void on_timeout(uv_timer_t *timer)
{
    struct talk *t = timer->data;
    if (!t->link) return;
    err_set(&t->err, ERR_TIMEOUT, "no answer for %d s", JOIN_TIMEOUT_MS / 1000);
    link_abort(t->link, &t->err);
}

static const struct link_handler handler = {on_open, on_data, NULL, on_close};

static int check_answer(struct talk *t, struct err *e)
{
    if (t->answer.type == MSG_REFUSED)
        return err_set(e, ERR_DENIED, "the coordinator refused (%s): %s", t->answer.u.refused.code,
                       t->answer.u.refused.message);
    if (t->answer.type == MSG_ENROLLED) return 0;
    if (t->err.code == 0)
        return err_set(e, ERR_CLOSED, "the coordinator closed the connection without an answer");
    if (e) *e = t->err;
    return t->err.code;
}

static int talk_to(struct talk *t, const char *address, struct err *e)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    struct tls_config *tls = NULL;
    struct tls_client_options o = {.alpn = ALPN_CADRE, .pin = t->what->token->pin};
    uv_loop_t loop;
    int rc = address_parse(address, DEFAULT_PORT, host, sizeof host, &port, e);
    if (rc == 0) rc = tls_config_client(&o, &tls, e);
    if (rc != 0) return rc;
    uv_loop_init(&loop);
    uv_timer_init(&loop, &t->timer);
    t->timer.data = t;
    uv_timer_start(&t->timer, on_timeout, JOIN_TIMEOUT_MS, 0);
    frame_reader_init(&t->reader, LIMIT_FRAME_KNOWN);
    t->link = link_connect(&loop, tls, &(struct link_to){host, port, JOIN_TIMEOUT_MS}, &handler, t);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    frame_reader_fini(&t->reader);
    tls_config_unref(tls);
    return check_answer(t, e);
}

/* The way from address to address. */
struct tour {
    const struct enrolment *what;
    struct msg *answer;
    char address[TOKEN_ADDRESS_SIZE]; /* the one that was tried last */
    char *owner;                      /* JSON list, where it was last said to be; NULL: not known */
    bool not_owner;                   /* a coordinator answered that does not own the queue */
    bool over;                        /* there is an answer that counts */
};

static int try_address(struct tour *o, const char *address, struct err *e)
{
    struct talk t = {.what = o->what};
    (void)str_copy(o->address, sizeof o->address, address);
    int rc = talk_to(&t, address, e);
    const struct msg_refused *no = t.answer.type == MSG_REFUSED ? &t.answer.u.refused : NULL;
    if (rc == 0) {
        *o->answer = t.answer;
        o->over = true;
        return 0;
    }
    if (no && str_eq(no->code, refusal_code(REFUSAL_NOT_OWNER))) {
        o->not_owner = true;
        mem_free(o->owner);
        o->owner = mem_strdup(no->addresses);
    } else if (no) {
        o->over = true;
    }
    msg_fini(&t.answer);
    return rc;
}

/* The owner's addresses, as the last answer said. */
static int follow(struct tour *o, int rc, struct err *e)
{
    struct json *list = NULL;
    if (!o->owner || json_parse(o->owner, strlen(o->owner), &list, NULL) != 0) return rc;
    mem_free(o->owner);
    o->owner = NULL;
    size_t tried = 0;
    for (const struct json *j = json_first(list); j && !o->over && tried < TOKEN_ADDRESSES;
         j = json_next(j), tried++) {
        const char *text = json_str(j, "");
        if (address_parse_peer(text, DEFAULT_PORT, (char[TOKEN_ADDRESS_SIZE]){0},
                               TOKEN_ADDRESS_SIZE, &(uint16_t){0}, NULL) == 0)
            rc = try_address(o, text, e);
    }
    json_free(list);
    return rc;
}

/* Tries each address of the token in turn, and those of the owner of the queue. A refusal is an
 * answer and ends the way, but for one that sends to the owner: while there is none, it begins
 * anew. */
static int enrol(struct tour *o, struct err *e)
{
    const struct token *token = o->what->token;
    int64_t until_ms = os_mono_ms() + JOIN_OWNER_MS;
    int rc = ERR_INVALID;
    if (token->address_count == 0)
        return err_set(e, rc, "the token has no address of the coordinator");
    for (;;) {
        o->not_owner = false;
        for (size_t i = 0; i < token->address_count && !o->over; i++) {
            rc = try_address(o, token->address[i], e);
            if (!o->over) rc = follow(o, rc, e);
        }
        if (o->over || !o->not_owner || os_mono_ms() >= until_ms) return rc;
        uv_sleep(JOIN_AGAIN_MS);
    }
}

/* Of several groups the coordinator names the first alone, and none of the default group. A setting
 * that says it in another way goes. */
static void edit_groups(const struct agent_groups *g, const struct msg_enrolled *m,
                        struct config_edit *one, struct config_edit *list)
{
    *one = (struct config_edit){.key = "group", .drop = g->count > 1 || !m->group};
    *list = (struct config_edit){.key = "groups", .drop = g->count <= 1};
    if (g->count > 1) {
        list->values = (const char *const *)g->keys;
        list->count = g->count;
    } else if (m->group) {
        one->values = (const char *const *)&m->group;
        one->count = 1;
    }
}

/* "queue" and "queue:7433" are one. */
static bool same_address(const char *a, const char *b)
{
    char host[TOKEN_ADDRESS_SIZE], other[TOKEN_ADDRESS_SIZE];
    uint16_t port, other_port;
    return address_parse(a, DEFAULT_PORT, host, sizeof host, &port, NULL) == 0 &&
           address_parse(b, DEFAULT_PORT, other, sizeof other, &other_port, NULL) == 0 &&
           port == other_port && str_eq(host, other);
}

/* A list of addresses that stands in the file stays: somebody wrote it for several coordinators, or
 * for several ways to one. An unreadable file has none; the edit tells of it. */
static enum join_addresses look_at_list(const char *path, const struct buf *text,
                                        const struct token *token)
{
    struct yaml_doc doc = {0};
    enum join_addresses found = JOIN_WROTE_ADDRESSES;
    if (text->len > 0 && yaml_parse(path, text->data, text->len, &doc, NULL) == 0) {
        const struct json *list = json_get(doc.root, "coordinator");
        if (json_type(list) == JSON_ARRAY && json_count(list) > 0) found = JOIN_LEFT_OTHER_LIST;
        for (const struct json *j = json_type(list) == JSON_ARRAY ? json_first(list) : NULL; j;
             j = json_next(j))
            for (size_t i = 0; i < token->address_count; i++)
                if (same_address(json_str(j, ""), token->address[i])) found = JOIN_LEFT_LIST;
    }
    yaml_doc_fini(&doc);
    return found;
}

/* What the configuration's file is to say after the join. */
static int edit_config(const struct enrolment *what, const struct msg_enrolled *m,
                       struct buf *after, enum join_addresses *found, struct err *e)
{
    const struct agent_config *c = what->config;
    const struct token *token = what->token;
    struct config_edit group, groups;
    edit_groups(what->groups, m, &group, &groups);
    const char *addresses[TOKEN_ADDRESSES];
    const char *name = m->name, *level = c->log_level;
    char number[24];
    const char *slots = number;
    (void)str_format(number, sizeof number, "%lld", (long long)c->slots);
    for (size_t i = 0; i < token->address_count; i++)
        addresses[i] = token->address[i];
    /* What the command line said of other settings is for the agent that runs, too. */
    bool given = agent_config_given(c, "slots"), labels = agent_config_given(c, "labels");
    struct config_edit edits[] = {
        {.key = "coordinator", .values = addresses, .count = token->address_count},
        group,
        groups,
        {.key = "name", .values = &name, .count = 1},
        {.key = "slots", .values = given ? &slots : NULL, .count = 1, .number = true},
        {.key = "labels", .map = labels ? &c->labels : NULL},
        {.key = "logLevel",
         .values = agent_config_given(c, "logLevel") ? &level : NULL,
         .count = 1},
    };
    const size_t edit_count = sizeof edits / sizeof *edits;
    struct buf before;
    buf_init(&before, YAML_MAX_BYTES);
    int rc = text_file_read(c->config_path, YAML_MAX_BYTES, &before, e);
    if (rc == ERR_NOT_FOUND) rc = 0;
    *found = look_at_list(c->config_path, &before, token);
    /* one that leads nowhere near the token would keep the agent with the coordinator of before */
    if (*found == JOIN_LEFT_OTHER_LIST && c->replace) *found = JOIN_WROTE_ADDRESSES;
    if (*found != JOIN_WROTE_ADDRESSES) edits[0].values = NULL;
    if (rc == 0) rc = config_text_edit(c->config_path, before.data, edits, edit_count, after, e);
    buf_fini(&before);
    return rc;
}

/* Before the token is used. */
static int check_config_text(const struct enrolment *what, struct err *e)
{
    struct msg_enrolled probe = {.name = (char *)(uintptr_t)what->name,
                                 .group = what->groups->keys[0]};
    enum join_addresses found;
    struct buf after;
    buf_init(&after, YAML_MAX_BYTES);
    int rc = edit_config(what, &probe, &after, &found, e);
    buf_fini(&after);
    return rc;
}

static int write_config(const struct enrolment *what, const struct msg_enrolled *m,
                        enum join_addresses *found, struct err *e)
{
    const struct agent_config *c = what->config;
    struct buf after;
    buf_init(&after, YAML_MAX_BYTES);
    int rc = edit_config(what, m, &after, found, e);
    char *folder = paths_dir(c->config_path);
    if (rc == 0) rc = dir_make(folder, FILE_PUBLIC, e);
    if (rc == 0) rc = file_write_atomic(c->config_path, after.data, after.len, FILE_PUBLIC, e);
    mem_free(folder);
    buf_fini(&after);
    return rc;
}

/* The answer came from the pinned coordinator; a mistake of its shall be seen now and not at every
 * start. */
static int check_enrolled(const struct msg_enrolled *m, const struct token *token,
                          const struct pki_key *key, struct err *e)
{
    struct pki_cert_info ca;
    int rc = pki_cert_info(m->ca, &ca, e);
    if (rc != 0) return err_wrap(e, "the CA certificate in the coordinator's answer");
    if (memcmp(ca.spki_hash, token->pin, sizeof ca.spki_hash) != 0)
        return err_set(e, ERR_TLS,
                       "the coordinator's answer has a CA that is not the CA of the token");
    if (!pki_cert_matches_key(m->certificate, key))
        return err_set(e, ERR_PROTOCOL,
                       "the coordinator's answer has a certificate that is not for this key");
    return 0;
}

static int keep(const struct enrolment *what, const char *key_pem, const struct msg_enrolled *m,
                enum join_addresses *found, struct err *e)
{
    struct identity id = {.agent = m->agent,
                          .key_pem = (char *)(uintptr_t)key_pem,
                          .cert_pem = m->certificate,
                          .ca_pem = m->ca};
    int rc = identity_save(what->config->state, &id, e);
    if (rc == 0) rc = write_config(what, m, found, e);
    return rc;
}

/* The configuration may stand where the user says, but not in a coordinator's folder. A trial's
 * folder holds the configurations of its agents. */
static int check_config_place(const char *config_path, struct err *e)
{
    char *folder = paths_dir(config_path);
    enum state_owner owner = state_folder_owner(folder);
    int rc = 0;
    if (owner == STATE_OF_COORDINATOR)
        rc = err_set(e, ERR_DENIED,
                     "%s would stand in a coordinator's folder: choose another one with --config",
                     config_path);
    mem_free(folder);
    return rc;
}

/* Before the token is used. A running agent would go on with the identity that is replaced here,
 * and might write its files again. */
static int enter_folder(const struct agent_config *c, struct file_lock **lock, struct err *e)
{
    struct state_look look;
    int rc = state_folder_look(c->state, STATE_OF_AGENT, &look, e);
    if (rc == 0) rc = check_config_place(c->config_path, e);
    if (rc == 0 && identity_exists(c->state) && !c->replace)
        rc = err_set(e, ERR_EXISTS,
                     "this agent has joined already (%s); to join anew add --replace", c->state);
    if (rc == 0) rc = state_folder_enter(c->state, STATE_OF_AGENT, lock, e);
    return rc == ERR_CONFLICT ? err_wrap(e, "stop the agent first") : rc;
}

/* The key of a join that was cut off is used again, so that the coordinator knows the request (and
 * does not count the token's use twice). */
static int make_key(const char *state, struct pki_key **key, char **pem, struct err *e)
{
    char *path = paths_join(state, "agent.key.new");
    struct buf text;
    buf_init(&text, PKI_PEM_MAX);
    int rc = 0;
    /* Jobs may write here: a link to a key that only root can read would give it to them. */
    if (file_read_no_link(path, PKI_PEM_MAX, &text, NULL) == 0 &&
        pki_key_parse(text.data, key, NULL) == 0) {
        *pem = buf_detach(&text);
    } else {
        rc = pki_key_generate(key, e);
        if (rc == 0) rc = pki_key_format(*key, pem, e);
        if (rc == 0) rc = file_write_atomic(path, *pem, strlen(*pem), FILE_SECRET, e);
    }
    buf_fini(&text);
    mem_free(path);
    return rc;
}

int join_run(const struct agent_config *c, const char *token_text, struct join_result *out,
             struct err *e)
{
    struct token token;
    struct pki_key *key = NULL;
    char *key_pem = NULL, *csr = NULL, *name = agent_config_name(c);
    struct msg answer = {0};
    struct file_lock *lock = NULL;
    enum join_addresses found = JOIN_WROTE_ADDRESSES;
    int rc = token_parse(token_text, &token, e);
    if (rc == 0 && token.kind != TOKEN_JOIN)
        rc = err_set(e, ERR_INVALID,
                     "this is an API token; a join token comes from 'cadre token create join'");
    if (rc == 0) rc = enter_folder(c, &lock, e);
    if (rc == 0) rc = make_key(c->state, &key, &key_pem, e);
    if (rc == 0) rc = pki_csr_make(key, name, &csr, e);
    struct agent_groups groups;
    agent_config_groups(c, &groups);
    const struct enrolment what = {.config = c,
                                   .token_text = token_text,
                                   .token = &token,
                                   .csr = csr,
                                   .name = name,
                                   .groups = &groups};
    if (rc == 0) rc = check_config_text(&what, e);
    struct tour tour = {.what = &what, .answer = &answer};
    if (rc == 0) rc = enrol(&tour, e);
    mem_free(tour.owner);
    if (rc == 0) rc = check_enrolled(&answer.u.enrolled, &token, key, e);
    if (rc == 0) rc = keep(&what, key_pem, &answer.u.enrolled, &found, e);
    if (rc == 0) {
        char *path = paths_join(c->state, "agent.key.new");
        (void)file_remove(path, NULL);
        mem_free(path);
        out->agent = mem_strdup(answer.u.enrolled.agent);
        out->name = mem_strdup(answer.u.enrolled.name);
        out->group = mem_strdup(groups.count > 1 ? groups.names : answer.u.enrolled.group);
        out->address = mem_strdup(tour.address);
        out->addresses = found;
    }
    msg_fini(&answer);
    mem_free_secret(key_pem);
    mem_free(csr);
    mem_free(name);
    agent_groups_fini(&groups);
    pki_key_free(key);
    file_lock_release(lock);
    token_fini(&token);
    return rc;
}

void join_result_fini(struct join_result *r)
{
    mem_free(r->agent);
    mem_free(r->name);
    mem_free(r->group);
    mem_free(r->address);
    memset(r, 0, sizeof *r);
}
