/* See house.h. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/os.h"
#include "platform/paths.h"
#include "wire/pki.h"

#include <stdio.h>
#include <string.h>

/* ---- the coordinator ---- */

static void read_all(const char *folder, const char *name, char **out)
{
    struct buf b;
    struct err e = {0};
    char *path = paths_join(folder, name);
    buf_init(&b, 64 * 1024);
    if (file_read(path, 64 * 1024, &b, &e)) fail_msg("%s", e.msg);
    *out = mem_strdup(str_trim(b.data));
    buf_fini(&b);
    mem_free(path);
}

void house_start(struct house *h, const struct coordinator_timeouts *timeouts)
{
    struct err e = {0};
    h->stopped = false;
    if (coordinator_start(&h->loop, &h->config, timeouts, &h->coordinator, &e))
        fail_msg("%s", e.msg);
    h->port = coordinator_port(h->coordinator);
    assert_int_equal(str_format(h->address, sizeof h->address, "127.0.0.1:%u", (unsigned)h->port),
                     0);
    char *text;
    read_all(h->config.state, "admin.token", &text);
    assert_int_equal(str_copy(h->admin, sizeof h->admin, text), 0);
    mem_free(text);
}

void house_open(struct house *h, const char *yaml, const struct coordinator_timeouts *timeouts)
{
    *h = (struct house){0};
    struct err e = {0};
    struct opt_args args;
    char *temp = paths_temp();
    assert_int_equal(str_format(h->folder, sizeof h->folder, "%s/cadre-house-%016llx", temp,
                                (unsigned long long)os_seed()),
                     0);
    mem_free(temp);
    char *config = str_dupf("%s/c.yaml", h->folder), *state = str_dupf("%s/state", h->folder);
    assert_int_equal(dir_make(h->folder, FILE_SECRET, &e), 0);
    assert_int_equal(file_write_plain(config, yaml, strlen(yaml), FILE_PUBLIC, &e), 0);
    char *argv[] = {
        (char[]){"test"},     (char[]){"--config"},    config, (char[]){"--state"}, state,
        (char[]){"--listen"}, (char[]){"127.0.0.1:0"}, NULL};
    if (pki_init(&e) || config_load(&h->config, 7, argv, &args, &e)) fail_msg("%s", e.msg);
    if (coordinator_init(&h->config, &e)) fail_msg("%s", e.msg);
    assert_int_equal(uv_loop_init(&h->loop), 0);
    house_start(h, timeouts);
    read_all(h->config.state, "ca.pem", &h->ca_pem);
    read_all(h->config.state, "ca.key", &h->ca_key_pem);
    mem_free(config);
    mem_free(state);
}

static void on_stopped(void *user)
{
    struct house *h = user;
    h->stopped = true;
    coordinator_free(h->coordinator);
    h->coordinator = NULL;
}

void house_stop(struct house *h)
{
    coordinator_stop(h->coordinator, on_stopped, h);
    house_run(h, &h->stopped);
}

void house_close(struct house *h)
{
    struct err e = {0};
    if (h->coordinator) house_stop(h);
    for (int i = 0; i < 1000 && uv_loop_alive(&h->loop); i++)
        uv_run(&h->loop, UV_RUN_ONCE);
    assert_int_equal(uv_loop_close(&h->loop), 0); /* nothing was left open */
    config_fini(&h->config);
    mem_free(h->ca_pem);
    mem_free(h->ca_key_pem);
    assert_int_equal(dir_remove_tree(h->folder, &e), 0);
    pki_fini();
}

static void on_late(uv_timer_t *t)
{
    *(bool *)t->data = true;
}

static void on_timer_closed(uv_handle_t *t)
{
    *(bool *)t->data = false;
}

static void run_until(struct house *h, const bool *flag, uint64_t ms, bool may_end)
{
    uv_timer_t timer;
    bool late = false;
    uv_timer_init(&h->loop, &timer);
    timer.data = &late;
    uv_timer_start(&timer, on_late, ms, 0);
    while (!late && !(flag && *flag))
        uv_run(&h->loop, UV_RUN_ONCE);
    bool hung = late && !may_end;
    late = true;
    uv_close((uv_handle_t *)&timer, on_timer_closed);
    while (late)
        uv_run(&h->loop, UV_RUN_NOWAIT);
    if (hung) fail_msg("nothing happened for %llu ms", (unsigned long long)ms);
}

void house_run(struct house *h, const bool *flag)
{
    run_until(h, flag, HOUSE_TIMEOUT_MS, false);
}

void house_run_ms(struct house *h, uint64_t ms)
{
    run_until(h, NULL, ms, true);
}

/* ---- bare links ---- */

static void on_open(struct link *l, void *user)
{
    struct peer *p = user;
    (void)l;
    p->open = p->changed = true;
}

static void on_data(struct link *l, const void *data, size_t len, void *user)
{
    struct peer *p = user;
    struct err e;
    (void)l;
    p->changed = true;
    if (p->framed)
        assert_int_equal(frame_reader_add(&p->frames, data, len, &e), 0);
    else
        assert_int_equal(buf_add(&p->in, data, len), 0);
}

static void on_close(struct link *l, const struct err *e, void *user)
{
    struct peer *p = user;
    (void)l;
    p->err = *e;
    p->link = NULL;
    p->closed = p->changed = true;
}

static const struct link_handler handler = {.on_open = on_open,
                                            .on_data = on_data,
                                            .on_close = on_close};

void peer_open(struct peer *p, struct house *h, const char *alpn, const char *cert_pem,
               const char *key_pem)
{
    *p = (struct peer){.house = h};
    struct err e = {0};
    struct tls_client_options o = {.alpn = alpn,
                                   .cert_pem = cert_pem,
                                   .key_pem = key_pem,
                                   .ca_pem = h->ca_pem};
    buf_init(&p->in, 64u << 20);
    p->framed = str_eq(alpn, ALPN_CADRE);
    frame_reader_init(&p->frames, LIMIT_FRAME_KNOWN);
    if (tls_config_client(&o, &p->tls, &e)) fail_msg("%s", e.msg);
    p->link = link_connect(&h->loop, p->tls,
                           &(struct link_to){"127.0.0.1", h->port, HOUSE_TIMEOUT_MS}, &handler, p);
    while (!p->open && !p->closed) {
        p->changed = false;
        house_run(h, &p->changed);
    }
    if (p->closed) fail_msg("no connection: %s", p->err.msg);
}

void peer_write(struct peer *p, const void *data, size_t len)
{
    if (p->link) (void)link_write(p->link, data, len);
}

void peer_send(struct peer *p, const struct msg *m)
{
    struct buf b;
    buf_init(&b, 2 * LIMIT_FRAME_KNOWN);
    assert_int_equal(msg_frame_add(&b, m), 0);
    peer_write(p, b.data, b.len);
    buf_fini(&b);
}

bool peer_frame(struct peer *p, struct frame *f)
{
    for (;;) {
        struct err e = {0};
        int rc = frame_reader_next(&p->frames, f, &e);
        assert_true(rc >= 0);
        if (rc) return true;
        if (p->closed) return false;
        p->changed = false;
        house_run(p->house, &p->changed);
    }
}

void peer_expect(struct peer *p, enum msg_type type, struct msg *m)
{
    struct frame f;
    struct err e = {0};
    if (!peer_frame(p, &f)) fail_msg("the link ended before '%s': %s", msg_name(type), p->err.msg);
    assert_int_equal(f.type, FRAME_JSON);
    if (msg_decode(f.body, f.len, house_coordinator, m, &e)) fail_msg("%s", e.msg);
    if (m->type != type)
        fail_msg("'%s' was expected, not %.*s", msg_name(type), (int)f.len, (const char *)f.body);
}

void peer_refused(struct peer *p, const char *code, int64_t *retry_ms)
{
    struct msg m;
    struct frame f;
    peer_expect(p, MSG_REFUSED, &m);
    assert_string_equal(m.u.refused.code, code);
    assert_true(strlen(m.u.refused.message) > 5);
    if (retry_ms) *retry_ms = m.u.refused.retry_ms;
    msg_fini(&m);
    assert_false(peer_frame(p, &f));
}

void peer_wait_closed(struct peer *p)
{
    if (!p->closed) house_run(p->house, &p->closed);
}

void peer_fini(struct peer *p)
{
    if (p->link) link_close(p->link);
    peer_wait_closed(p);
    tls_config_unref(p->tls);
    frame_reader_fini(&p->frames);
    buf_fini(&p->in);
}

/* ---- HTTP ---- */

/* Parses what has come so far; true when the first message is whole. */
static bool parse_answer(struct peer *p, struct answer *out)
{
    struct http_parser *parser = http_parser_new(HTTP_CLIENT, 64u << 20);
    enum http_event event = HTTP_MORE;
    struct err e = {0};
    size_t at = 0, used;
    bool whole = false;
    do {
        if (http_parse(parser, p->in.data + at, p->in.len - at, &used, &event, &e))
            fail_msg("%s", e.msg);
        at += used;
    } while (event == HTTP_HEAD);
    if (event == HTTP_MESSAGE) {
        struct http_message *m = http_parser_message(parser);
        const char *allow = http_header(m, "allow"), *retry = http_header(m, "retry-after");
        const char *cookie = http_header(m, "set-cookie");
        whole = true;
        out->status = m->status;
        out->text = mem_strndup(m->body.data, m->body.len);
        out->len = m->body.len;
        if (allow) (void)str_copy(out->allow, sizeof out->allow, allow);
        if (retry) (void)str_copy(out->retry_after, sizeof out->retry_after, retry);
        if (cookie) (void)str_copy(out->set_cookie, sizeof out->set_cookie, cookie);
        if (json_parse(out->text, out->len, &out->json, NULL)) out->json = NULL;
    }
    http_parser_free(parser);
    return whole;
}

void house_call(struct house *h, const char *method, const char *path, const char *token,
                const char *body, const char *headers, struct answer *out)
{
    struct peer p;
    struct buf b;
    *out = (struct answer){0};
    peer_open(&p, h, ALPN_HTTP, NULL, NULL);
    if (!token) token = h->admin;
    char *extra = str_dupf("%s%s%s%s", *token ? "Authorization: Bearer " : "", token,
                           *token ? "\r\n" : "", headers ? headers : "");
    buf_init(&b, 64u << 20);
    assert_int_equal(http_write_request(&b, &(struct http_to){method, path, "cadre"},
                                        body ? &(struct http_content){"application/json", body,
                                                                      strlen(body)}
                                             : NULL,
                                        extra),
                     0);
    for (size_t at = 0; at < b.len; at += 1u << 20) /* what fits the send queue */
        peer_write(&p, b.data + at, b.len - at < 1u << 20 ? b.len - at : 1u << 20);
    while (!parse_answer(&p, out)) {
        if (p.closed) fail_msg("no answer to %s %s: %s", method, path, p.err.msg);
        p.changed = false;
        house_run(h, &p.changed);
    }
    buf_fini(&b);
    mem_free(extra);
    peer_fini(&p);
}

void answer_fini(struct answer *a)
{
    mem_free(a->text);
    json_free(a->json);
}

void answer_is(const struct answer *a, int status, const char *code, const char *message_part)
{
    const struct json *error = json_get(a->json, "error");
    const char *message = json_get_str(error, "message", "");
    if (a->status != status || !str_eq(json_get_str(error, "code", NULL), code))
        fail_msg("%d %s was expected, not %d: %s", status, code, a->status, a->text);
    if (!*message || !json_get_str(error, "hint", NULL))
        fail_msg("no message or hint: %s", a->text);
    if (message_part && !strstr(message, message_part))
        fail_msg("'%s' is not in: %s", message_part, message);
}

static struct json *call_for(struct house *h, const char *method, const char *path,
                             const char *body, int status)
{
    struct answer a;
    house_call(h, method, path, NULL, body, NULL, &a);
    if (a.status != status)
        fail_msg("%s %s: %d, not %d: %s", method, path, a.status, status, a.text);
    struct json *j = a.json;
    a.json = NULL;
    answer_fini(&a);
    return j;
}

struct json *house_get(struct house *h, const char *path, int status)
{
    return call_for(h, "GET", path, NULL, status);
}

struct json *house_post(struct house *h, const char *path, const char *body, int status)
{
    return call_for(h, "POST", path, body, status);
}

char *house_sign_in(struct house *h, const char *token)
{
    struct answer a;
    char *body = str_dupf("{\"token\":\"%s\"}", token);
    house_call(h, "POST", "/api/v1/session", "", body, HOUSE_PAGE, &a);
    if (a.status != 200) fail_msg("signing in: %d %s", a.status, a.text);
    char *pair = mem_strndup(a.set_cookie, strcspn(a.set_cookie, ";"));
    answer_fini(&a);
    mem_free(body);
    return pair;
}

char *house_token(struct house *h, const char *body, char id[14])
{
    struct json *j = house_post(h, "/api/v1/tokens", body, 201);
    char *text = mem_strdup(json_get_str(j, "token", NULL));
    assert_non_null(text);
    if (id) assert_int_equal(str_copy(id, 14, json_get_str(j, "id", "")), 0);
    json_free(j);
    return text;
}

/* ---- agents ---- */

static void new_key(struct identity *i)
{
    struct err e = {0};
    assert_int_equal(pki_key_generate(&i->pair, &e), 0);
    assert_int_equal(pki_key_format(i->pair, &i->key, &e), 0);
}

void house_enrol(struct house *h, const char *name, const char *group, struct identity *out)
{
    struct peer p;
    struct err e = {0};
    struct msg m = {.type = MSG_ENROL}, answer;
    char host[] = "host-1", version[] = "1.2.3";
    *out = (struct identity){0};
    new_key(out);
    m.u.enrol.token = house_token(h, "{\"type\":\"join\"}", NULL);
    assert_int_equal(pki_csr_make(out->pair, name, &m.u.enrol.csr, &e), 0);
    m.u.enrol.name = mem_strdup(name);
    m.u.enrol.group = mem_strdup(group);
    m.u.enrol.host_id = host;
    m.u.enrol.version = version;
    peer_open(&p, h, ALPN_CADRE, NULL, NULL);
    peer_send(&p, &m);
    peer_expect(&p, MSG_ENROLLED, &answer);
    out->cert = mem_strdup(answer.u.enrolled.certificate);
    out->id = mem_strdup(answer.u.enrolled.agent);
    assert_string_equal(answer.u.enrolled.name, name);
    msg_fini(&answer);
    peer_wait_closed(&p);
    peer_fini(&p);
    mem_free(m.u.enrol.token);
    mem_free(m.u.enrol.csr);
    mem_free(m.u.enrol.name);
    mem_free(m.u.enrol.group);
}

void house_certify(struct house *h, const char *common_name, int64_t from_ms, int64_t until_ms,
                   enum pki_usage usage, struct identity *out)
{
    struct pki_key *ca;
    struct err e = {0};
    struct pki_issue what = {.usage = usage,
                             .common_name = common_name,
                             .not_before_ms = from_ms,
                             .not_after_ms = until_ms};
    const char *names[] = {"localhost"};
    if (usage == PKI_SERVER) {
        what.names = names;
        what.name_count = 1;
    }
    *out = (struct identity){.id = mem_strdup(common_name)};
    new_key(out);
    assert_int_equal(pki_key_parse(h->ca_key_pem, &ca, &e), 0);
    if (pki_issue(&what, &(struct pki_issuer){ca, h->ca_pem}, out->pair, NULL, &out->cert, &e))
        fail_msg("%s", e.msg);
    pki_key_free(ca);
}

void identity_fini(struct identity *i)
{
    mem_free(i->cert);
    mem_free(i->key);
    mem_free(i->id);
    pki_key_free(i->pair);
}

void peer_hello(struct peer *p, const char *name, const char *boot_id, int64_t slots)
{
    struct msg m = {.type = MSG_HELLO};
    char version[] = "1.2.3", host[] = "host-1", journal[] = "journal-1";
    char capabilities[] = "{\"os\":\"linux\",\"label.region\":\"eu\"}";
    m.u.hello = (struct msg_hello){.protocol = PROTOCOL_MINOR,
                                   .protocol_min = PROTOCOL_MINOR_MIN,
                                   .version = version,
                                   .name = mem_strdup(name),
                                   .slots = slots,
                                   .capabilities = capabilities,
                                   .boot_id = mem_strdup(boot_id),
                                   .host_id = host,
                                   .journal_id = journal};
    peer_send(p, &m);
    mem_free(m.u.hello.name);
    mem_free(m.u.hello.boot_id);
}

void house_agent(struct house *h, const struct identity *i, const char *name, int64_t slots,
                 struct peer *p)
{
    struct msg m;
    peer_open(p, h, ALPN_CADRE, i->cert, i->key);
    peer_hello(p, name, "boot-1", slots);
    peer_expect(p, MSG_WELCOME, &m);
    msg_fini(&m);
    m = (struct msg){.type = MSG_READY};
    m.u.ready.free_slots = slots;
    m.u.ready.slots = slots;
    peer_send(p, &m);
}

void peer_started(struct peer *p, int64_t seq, int64_t job, int64_t attempt)
{
    struct msg m = {.type = MSG_STARTED};
    m.u.started = (struct msg_started){.seq = seq, .job = job, .attempt = attempt, .pid = 42};
    peer_send(p, &m);
}

void peer_output(struct peer *p, int64_t seq, int64_t job, int64_t attempt, int stream,
                 int64_t offset, const void *data, size_t len)
{
    struct buf b;
    struct frame_output o = {.seq = seq,
                             .job = job,
                             .attempt = (int32_t)attempt,
                             .stream = (uint8_t)stream,
                             .offset = offset,
                             .data = data,
                             .len = len};
    buf_init(&b, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_output_add(&b, &o), 0);
    peer_write(p, b.data, b.len);
    buf_fini(&b);
}

void peer_finished(struct peer *p, int64_t seq, int64_t job, int64_t attempt, int exit_code)
{
    char success[] = "SUCCESS", failed[] = "FAILED", reason[] = "exit-code";
    struct msg m = {.type = MSG_FINISHED};
    m.u.finished = (struct msg_finished){.seq = seq,
                                         .job = job,
                                         .attempt = attempt,
                                         .state = exit_code ? failed : success,
                                         .reason = exit_code ? reason : NULL,
                                         .exited = true,
                                         .exit_code = exit_code};
    peer_send(p, &m);
}
