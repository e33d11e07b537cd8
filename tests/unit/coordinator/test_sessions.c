/* Agents at the coordinator: who gets in, who is told why not, and what becomes of a job. */
#include "tests/unit/coordinator/house.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/pki.h"

#include <string.h>

#define HOUR_MS INT64_C(3600000)

static struct house house;

static int open_house(void **state)
{
    static const struct coordinator_timeouts timeouts = {.first_message_ms = 500};
    (void)state;
    house_open(&house, "heartbeat: 100ms\nlease: 30s\ncertificateLife: 1h\n", &timeouts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

static int64_t submit(const char *body)
{
    struct json *j = house_post(&house, "/api/v1/jobs", body, 201);
    int64_t id;
    assert_int_equal(id_parse(json_get_str(j, "id", ""), &id), 0);
    json_free(j);
    return id;
}

static struct json *show(int64_t job)
{
    char id[ID_TEXT_SIZE];
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s", id);
    struct json *j = house_get(&house, path, 200);
    mem_free(path);
    return j;
}

static void state_is(int64_t job, const char *want)
{
    struct json *j = show(job);
    assert_string_equal(json_get_str(j, "state", ""), want);
    json_free(j);
}

/* Skips messages of other types. */
static void wait_for(struct peer *p, enum msg_type type, struct msg *m)
{
    struct frame f;
    struct err e = {0};
    for (;;) {
        if (!peer_frame(p, &f))
            fail_msg("the link ended before '%s': %s", msg_name(type), p->err.msg);
        if (msg_decode(f.body, f.len, house_coordinator, m, &e)) fail_msg("%s", e.msg);
        if (m->type == type) return;
        msg_fini(m);
    }
}

static void wait_for_ack(struct peer *p, int64_t seq)
{
    for (;;) {
        struct msg m;
        wait_for(p, MSG_ACK, &m);
        if (m.u.ack.seq >= seq) return;
    }
}

/* ---- refusals ---- */

static void refused_with_certificate(const struct identity *i, const char *code, int64_t want_retry)
{
    struct peer p;
    int64_t retry_ms = -1;
    peer_open(&p, &house, ALPN_CADRE, i->cert, i->key);
    peer_hello(&p, "x", "boot-1", 1);
    peer_refused(&p, code, &retry_ms);
    assert_int_equal(retry_ms, want_retry);
    peer_fini(&p);
}

static void hello__without_certificate__is_refused(void **state)
{
    struct peer p;
    int64_t retry_ms;
    (void)state;
    peer_open(&p, &house, ALPN_CADRE, NULL, NULL);
    peer_hello(&p, "x", "boot-1", 1);
    peer_refused(&p, "certificate-required", &retry_ms);
    assert_int_equal(retry_ms, 0);
    peer_fini(&p);
}

static void hello__certificate_of_a_foreign_ca__is_refused(void **state)
{
    struct pki_key *ca = NULL, *key = NULL;
    struct identity i = {0};
    char *ca_pem = NULL;
    struct err e;
    (void)state;
    struct pki_issue what = {.usage = PKI_CA,
                             .common_name = "Cadre CA",
                             .not_before_ms = os_wall_ms() - HOUR_MS,
                             .not_after_ms = os_wall_ms() + HOUR_MS};
    assert_int_equal(pki_key_generate(&ca, &e), 0);
    assert_int_equal(pki_key_generate(&key, &e), 0);
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){ca, NULL}, ca, NULL, &ca_pem, &e), 0);
    what.usage = PKI_CLIENT;
    what.common_name = "06f3k9x2m1c7a";
    assert_int_equal(pki_issue(&what, &(struct pki_issuer){ca, ca_pem}, key, NULL, &i.cert, &e), 0);
    assert_int_equal(pki_key_format(key, &i.key, &e), 0);
    refused_with_certificate(&i, "certificate-unknown-ca", 0);
    i.pair = key;
    identity_fini(&i);
    mem_free(ca_pem);
    pki_key_free(ca);
}

static void hello__expired_certificate__is_refused(void **state)
{
    struct identity i;
    (void)state;
    house_certify(&house, "06f3k9x2m1c7a", os_wall_ms() - 2 * HOUR_MS, os_wall_ms() - HOUR_MS,
                  PKI_CLIENT, &i);
    refused_with_certificate(&i, "certificate-expired", 0);
    identity_fini(&i);
}

static void hello__certificate_of_the_future__is_refused_for_a_while(void **state)
{
    struct identity i;
    (void)state;
    house_certify(&house, "06f3k9x2m1c7a", os_wall_ms() + HOUR_MS, os_wall_ms() + 2 * HOUR_MS,
                  PKI_CLIENT, &i);
    refused_with_certificate(&i, "certificate-not-yet-valid", 60000);
    identity_fini(&i);
}

static void hello__certificate_that_is_no_agents__is_refused(void **state)
{
    static const char *const names[] = {"Cadre coordinator", "x", "06f3k9x2m1c7", "06f3k9x2m1c7aa"};
    (void)state;
    for (size_t n = 0; n < 4; n++) {
        struct identity i;
        house_certify(&house, names[n], os_wall_ms() - HOUR_MS, os_wall_ms() + HOUR_MS, PKI_CLIENT,
                      &i);
        refused_with_certificate(&i, "certificate-bad", 0);
        identity_fini(&i);
    }
}

static void hello__unknown_agent__is_refused(void **state)
{
    struct identity i;
    (void)state;
    house_certify(&house, "06f3k9x2m1c7a", os_wall_ms() - HOUR_MS, os_wall_ms() + HOUR_MS,
                  PKI_CLIENT, &i);
    refused_with_certificate(&i, "unknown-agent", 0);
    identity_fini(&i);
}

static void hello__no_version_in_common__is_refused(void **state)
{
    struct identity i;
    struct peer p;
    (void)state;
    house_enrol(&house, "old", NULL, &i);
    const char *hello =
        "{\"type\":\"hello\",\"protocol\":900,\"protocolMin\":900,\"version\":\"9\",\"name\":"
        "\"old\","
        "\"slots\":1,\"capabilities\":{},\"bootId\":\"b\",\"hostId\":\"h\",\"journalId\":\"j\","
        "\"seq\":0,\"attempts\":[]}";
    struct buf b;
    buf_init(&b, 4096);
    assert_int_equal(frame_add(&b, FRAME_JSON, hello, strlen(hello)), 0);
    peer_open(&p, &house, ALPN_CADRE, i.cert, i.key);
    peer_write(&p, b.data, b.len);
    peer_refused(&p, "protocol-version", NULL);
    peer_fini(&p);
    buf_fini(&b);
    identity_fini(&i);
}

static void enrol__bad_tokens__are_refused_each_in_its_way(void **state)
{
    struct pki_key *key;
    struct err e;
    char *csr, id[14];
    struct token t;
    char text[TOKEN_TEXT_SIZE];
    (void)state;
    assert_int_equal(pki_key_generate(&key, &e), 0);
    assert_int_equal(pki_csr_make(key, "n", &csr, &e), 0);
    char *good = house_token(&house, "{\"type\":\"join\"}", NULL);
    char *expired = house_token(&house, "{\"type\":\"join\",\"expires\":\"1ms\"}", NULL);
    char *revoked = house_token(&house, "{\"type\":\"join\"}", id);
    char *path = str_dupf("/api/v1/tokens/%s", id);
    struct answer a;
    house_call(&house, "DELETE", path, NULL, NULL, NULL, &a);
    answer_fini(&a);
    assert_int_equal(token_parse(good, &t, NULL), 0);
    t.secret[0] ^= 1;
    assert_int_equal(token_format(&t, text, sizeof text), 0);
    const struct {
        const char *token, *csr, *code;
    } bad[] = {
        {"x", csr, "token-malformed"},   {house.admin, csr, "token-malformed"},
        {text, csr, "unknown-token"},    {expired, csr, "token-expired"},
        {revoked, csr, "token-revoked"}, {good, "not a csr", "request-bad"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct peer p;
        struct msg m = {.type = MSG_ENROL};
        char name[] = "n";
        m.u.enrol = (struct msg_enrol){.token = mem_strdup(bad[i].token),
                                       .csr = mem_strdup(bad[i].csr),
                                       .name = name};
        peer_open(&p, &house, ALPN_CADRE, NULL, NULL);
        peer_send(&p, &m);
        peer_refused(&p, bad[i].code, NULL);
        peer_fini(&p);
        mem_free(m.u.enrol.token);
        mem_free(m.u.enrol.csr);
    }
    mem_free(good);
    mem_free(expired);
    mem_free(revoked);
    mem_free(path);
    mem_free(csr);
    pki_key_free(key);
}

static void enrol__same_token_and_key_again__is_the_same_agent(void **state)
{
    struct pki_key *key, *other;
    struct err e;
    char first[14] = "";
    (void)state;
    assert_int_equal(pki_key_generate(&key, &e), 0);
    assert_int_equal(pki_key_generate(&other, &e), 0);
    char *token = house_token(&house, "{\"type\":\"join\"}", NULL);
    for (int i = 0; i < 3; i++) {
        struct peer p;
        char name[] = "again";
        struct msg m = {.type = MSG_ENROL}, answer;
        m.u.enrol.token = token;
        m.u.enrol.name = name;
        assert_int_equal(pki_csr_make(i < 2 ? key : other, "again", &m.u.enrol.csr, &e), 0);
        peer_open(&p, &house, ALPN_CADRE, NULL, NULL);
        peer_send(&p, &m);
        if (i == 2) {
            peer_refused(&p, "token-used-up", NULL);
        } else {
            peer_expect(&p, MSG_ENROLLED, &answer);
            if (i == 0) assert_int_equal(str_copy(first, sizeof first, answer.u.enrolled.agent), 0);
            assert_string_equal(answer.u.enrolled.agent, first);
            assert_true(str_starts(answer.u.enrolled.ca, house.ca_pem));
            msg_fini(&answer);
        }
        peer_fini(&p);
        mem_free(m.u.enrol.csr);
    }
    mem_free(token);
    pki_key_free(key);
    pki_key_free(other);
}

static void enrol__with_a_certificate__is_a_violation(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m = {.type = MSG_ENROL};
    struct err e;
    char name[] = "n";
    (void)state;
    house_enrol(&house, "twice", NULL, &i);
    m.u.enrol.name = name;
    m.u.enrol.token = house_token(&house, "{\"type\":\"join\"}", NULL);
    assert_int_equal(pki_csr_make(i.pair, "n", &m.u.enrol.csr, &e), 0);
    peer_open(&p, &house, ALPN_CADRE, i.cert, i.key);
    peer_send(&p, &m);
    peer_refused(&p, "protocol", NULL);
    peer_fini(&p);
    mem_free(m.u.enrol.token);
    mem_free(m.u.enrol.csr);
    identity_fini(&i);
}

/* ---- frames that must not be ---- */

static void bytes_are_refused(const struct identity *i, const void *bytes, size_t len,
                              const char *code)
{
    struct peer p;
    peer_open(&p, &house, ALPN_CADRE, i ? i->cert : NULL, i ? i->key : NULL);
    peer_write(&p, bytes, len);
    peer_refused(&p, code, NULL);
    peer_fini(&p);
}

static void frames__over_the_limit__are_refused_before_they_are_read(void **state)
{
    struct identity i;
    /* lengths count the type byte; only the heads are sent */
    static const uint8_t unknown[] = {0, 0, 0x40, 2, 1}, known[] = {0, 0x10, 0, 2, 1},
                         huge[] = {0xff, 0xff, 0xff, 0xff, 1};
    (void)state;
    house_enrol(&house, "big", NULL, &i);
    bytes_are_refused(NULL, unknown, sizeof unknown, "too-large");
    bytes_are_refused(NULL, huge, sizeof huge, "too-large");
    bytes_are_refused(&i, known, sizeof known, "too-large");
    bytes_are_refused(&i, huge, sizeof huge, "too-large");
    identity_fini(&i);
}

static void frames__garbage__is_refused(void **state)
{
    static const uint8_t empty[] = {0, 0, 0, 0}, type[] = {0, 0, 0, 2, 9, 0},
                         output[] = {0, 0, 0, 2, 2, 0};
    static const char *const messages[] = {"",
                                           "x",
                                           "{}",
                                           "{\"type\":\"nothing\"}",
                                           "{\"type\":\"welcome\"}",
                                           "{\"type\":5}",
                                           "[]",
                                           "{\"type\":\"heartbeat\",\"n\":1}"};
    struct identity i;
    (void)state;
    house_enrol(&house, "garbage", NULL, &i);
    bytes_are_refused(&i, empty, sizeof empty, "protocol");
    bytes_are_refused(&i, type, sizeof type, "protocol");
    bytes_are_refused(&i, output, sizeof output, "protocol");
    bytes_are_refused(NULL, empty, sizeof empty, "protocol");
    for (size_t n = 0; n < sizeof messages / sizeof *messages; n++) {
        struct buf b;
        buf_init(&b, 4096);
        assert_int_equal(frame_add(&b, FRAME_JSON, messages[n], strlen(messages[n])), 0);
        bytes_are_refused(&i, b.data, b.len, "protocol");
        buf_fini(&b);
    }
    identity_fini(&i);
}

static void frames__of_a_known_peer_without_certificate__are_refused(void **state)
{
    const char *beat = "{\"type\":\"heartbeat\",\"n\":1}";
    struct buf b;
    (void)state;
    buf_init(&b, 4096);
    assert_int_equal(frame_add(&b, FRAME_JSON, beat, strlen(beat)), 0);
    bytes_are_refused(NULL, b.data, b.len, "certificate-required");
    buf_fini(&b);
}

static void silence__after_the_handshake__is_cut(void **state)
{
    struct peer p;
    (void)state;
    peer_open(&p, &house, ALPN_CADRE, NULL, NULL);
    peer_wait_closed(&p);
    peer_fini(&p);
}

/* More than one sweep looks at. */
static void silence__of_many__is_cut_for_each(void **state)
{
    enum { MANY = 70 };
    struct peer *p = mem_array(MANY, sizeof *p);
    (void)state;
    for (int i = 0; i < MANY; i++)
        peer_open(&p[i], &house, ALPN_CADRE, NULL, NULL);
    for (int i = 0; i < MANY; i++) {
        peer_wait_closed(&p[i]);
        peer_fini(&p[i]);
    }
    mem_free(p);
}

static void trickle__of_a_first_message__is_cut_in_time(void **state)
{
    static const uint8_t head[] = {0, 0, 0x20, 0, 1};
    struct peer p;
    (void)state;
    peer_open(&p, &house, ALPN_CADRE, NULL, NULL);
    for (size_t n = 0; n < 200 && !p.closed; n++) {
        peer_write(&p, n < sizeof head ? &head[n] : (const uint8_t *)"x", 1);
        house_run_ms(&house, 50);
    }
    assert_true(p.closed);
    peer_fini(&p);
}

static void silence__in_a_session__is_cut(void **state)
{
    struct identity i;
    struct peer p;
    struct frame f;
    (void)state;
    house_enrol(&house, "silent", NULL, &i);
    house_agent(&house, &i, "silent", 1, &p);
    while (peer_frame(&p, &f)) { /* 3 heartbeats and 5 s */
    }
    assert_true(p.closed);
    peer_fini(&p);
    identity_fini(&i);
}

/* ---- sessions ---- */

static void duplicate__of_another_boot__is_refused_and_the_first_stays(void **state)
{
    struct identity i;
    struct peer first, second;
    struct msg m;
    (void)state;
    house_enrol(&house, "clone", NULL, &i);
    house_agent(&house, &i, "clone", 1, &first);
    peer_open(&second, &house, ALPN_CADRE, i.cert, i.key);
    peer_hello(&second, "clone", "boot-2", 1);
    peer_refused(&second, "duplicate", NULL);
    peer_fini(&second);
    assert_false(first.closed);
    /* the same machine coming back takes over */
    peer_open(&second, &house, ALPN_CADRE, i.cert, i.key);
    peer_hello(&second, "clone", "boot-1", 1);
    peer_expect(&second, MSG_WELCOME, &m);
    msg_fini(&m);
    peer_wait_closed(&first);
    peer_fini(&first);
    peer_fini(&second);
    identity_fini(&i);
}

static void certificate__asked_for_in_a_session__is_renewed(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m = {.type = MSG_ENROL};
    struct pki_cert_info info;
    struct err e;
    (void)state;
    house_enrol(&house, "renew", NULL, &i);
    house_agent(&house, &i, "renew", 1, &p);
    assert_int_equal(pki_csr_make(i.pair, "renew", &m.u.enrol.csr, &e), 0);
    peer_send(&p, &m);
    mem_free(m.u.enrol.csr);
    wait_for(&p, MSG_CERTIFICATE, &m);
    assert_int_equal(pki_cert_info(m.u.certificate.certificate, &info, &e), 0);
    assert_string_equal(info.subject_cn, i.id);
    assert_true(info.not_after_ms > os_wall_ms());
    peer_fini(&p);
    /* and it serves */
    mem_free(i.cert);
    i.cert = mem_strdup(m.u.certificate.certificate);
    msg_fini(&m);
    house_agent(&house, &i, "renew", 1, &p);
    peer_fini(&p);
    identity_fini(&i);
}

static void removed_agent__loses_its_session_and_stays_out(void **state)
{
    struct identity i;
    struct peer p;
    struct answer a;
    (void)state;
    house_enrol(&house, "gone", NULL, &i);
    house_agent(&house, &i, "gone", 1, &p);
    house_call(&house, "DELETE", "/api/v1/agents/gone", NULL, NULL, NULL, &a);
    assert_int_equal(a.status, 204);
    answer_fini(&a);
    peer_wait_closed(&p);
    peer_fini(&p);
    refused_with_certificate(&i, "revoked", 0);
    identity_fini(&i);
}

static void agent__in_the_api__shows_labels_apart(void **state)
{
    struct identity i;
    struct peer p;
    (void)state;
    house_enrol(&house, "shown", NULL, &i);
    house_agent(&house, &i, "shown", 3, &p);
    struct json *j = house_get(&house, "/api/v1/agents/shown", 200);
    assert_string_equal(json_get_str(j, "state", ""), "ONLINE");
    assert_int_equal(json_get_int(j, "slots", 0), 3);
    assert_string_equal(json_get_str(json_get(j, "labels"), "region", ""), "eu");
    assert_null(json_get(json_get(j, "capabilities"), "label.region"));
    json_free(j);
    j = house_post(&house, "/api/v1/agents/shown/drain?reason=disk", NULL, 200);
    assert_string_equal(json_get_str(j, "state", ""), "DRAINING");
    assert_string_equal(json_get_str(j, "drainReason", ""), "disk");
    json_free(j);
    j = house_post(&house, "/api/v1/agents/shown/resume", NULL, 200);
    assert_string_equal(json_get_str(j, "state", ""), "ONLINE");
    json_free(j);
    peer_fini(&p);
    identity_fini(&i);
}

static void agent__unwell__is_shown_with_reason_and_time(void **state)
{
    struct identity i;
    struct peer p;
    (void)state;
    house_enrol(&house, "ill", NULL, &i);
    house_agent(&house, &i, "ill", 3, &p);
    struct msg m = {.type = MSG_READY};
    m.u.ready.slots = 3;
    m.u.ready.unwell = "cannot make a folder: No space left on device";
    peer_send(&p, &m);
    struct json *j = NULL;
    for (int n = 0; n < 1000; n++) {
        json_free(j);
        j = house_get(&house, "/api/v1/agents/ill", 200);
        if (str_eq(json_get_str(j, "state", ""), "UNWELL")) break;
    }
    assert_string_equal(json_get_str(j, "state", ""), "UNWELL");
    assert_string_equal(json_get_str(j, "unwellReason", ""),
                        "cannot make a folder: No space left on device");
    assert_non_null(json_get_str(j, "unwellSince", NULL));
    assert_int_equal(json_get_int(j, "freeSlots", -1), 0);
    json_free(j);
    j = house_post(&house, "/api/v1/agents/ill/drain?reason=disk", NULL, 200);
    assert_string_equal(json_get_str(j, "state", ""), "UNWELL");
    assert_true(json_get_bool(j, "held", false));
    json_free(j);
    j = house_get(&house, "/api/v1/status", 200);
    assert_int_equal(json_get_int(json_get(j, "agents"), "unwell", -1), 1);
    assert_int_equal(json_get_int(json_get(j, "agents"), "draining", -1), 0);
    json_free(j);
    peer_fini(&p);
    j = NULL;
    for (int n = 0; n < 1000; n++) {
        json_free(j);
        j = house_get(&house, "/api/v1/agents/ill", 200);
        if (str_eq(json_get_str(j, "state", ""), "OFFLINE")) break;
    }
    assert_string_equal(json_get_str(j, "state", ""), "OFFLINE");
    json_free(j);
    identity_fini(&i);
}

static void agent_that_does_not_read__is_cut(void **state)
{
    struct identity i;
    struct peer p;
    struct json *j;
    char *text = mem_alloc(400001);
    memset(text, 'x', 400000);
    char *body = str_dupf("{\"command\":[\"true\"],\"lease\":\"1s\",\"killGrace\":\"1s\","
                          "\"env\":{\"X\":\"%s\"}}",
                          text);
    (void)state;
    house_enrol(&house, "deaf", NULL, &i);
    house_agent(&house, &i, "deaf", 64, &p);
    link_pause(p.link);
    for (int n = 0; n < 64; n++) /* 25 MB: more than LIMIT_SEND_QUEUE and the kernel hold */
        submit(body);
    bool online = true;
    for (int64_t n = 1; online; n++) {
        struct msg alive = {.type = MSG_HEARTBEAT, .u.heartbeat = {.n = n}};
        peer_send(&p, &alive); /* it is not silent */
        house_run_ms(&house, 20);
        j = house_get(&house, "/api/v1/agents/deaf", 200);
        online = str_eq(json_get_str(j, "state", ""), "ONLINE");
        json_free(j);
    }
    j = house_get(&house, "/api/v1/status", 200);
    assert_int_equal(json_get_int(json_get(j, "agents"), "online", -1), 0);
    json_free(j);
    link_resume(p.link);
    peer_wait_closed(&p);
    peer_fini(&p);
    identity_fini(&i);
    mem_free(body);
    mem_free(text);
}

/* ---- heartbeats ---- */

static void beat(struct peer *p, int64_t n, bool ack_later)
{
    struct msg m = {.type = MSG_HEARTBEAT, .u.heartbeat = {.n = n, .ack_later = ack_later}};
    peer_send(p, &m);
}

/* The next message, whatever it is. */
static void ack_comes(struct peer *p, int64_t seq, int64_t heartbeat)
{
    struct msg m;
    peer_expect(p, MSG_ACK, &m);
    assert_int_equal(m.u.ack.seq, seq);
    assert_int_equal(m.u.ack.heartbeat, heartbeat);
    msg_fini(&m);
}

static void heartbeat__whose_answer_may_wait__is_answered_with_the_next(void **state)
{
    struct identity i;
    struct peer p;
    (void)state;
    house_enrol(&house, "idle", NULL, &i);
    house_agent(&house, &i, "idle", 1, &p);
    for (int64_t n = 1; n < 8; n += 2) {
        beat(&p, n, true);
        house_run_ms(&house, 20);
        beat(&p, n + 1, false);
        ack_comes(&p, 0, n + 1); /* and none before */
    }
    beat(&p, 9, false); /* in one piece: the first wants its answer now */
    beat(&p, 10, true);
    ack_comes(&p, 0, 10);
    peer_fini(&p);
    identity_fini(&i);
}

static void heartbeat__whose_answer_waits__is_answered_before_a_job(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m;
    (void)state;
    house_enrol(&house, "before", NULL, &i);
    house_agent(&house, &i, "before", 2, &p);
    beat(&p, 1, true);
    house_run_ms(&house, 20);
    int64_t job = submit("{\"command\":[\"true\"]}");
    ack_comes(&p, 0, 1);
    peer_expect(&p, MSG_JOB, &m);
    assert_int_equal(m.u.job.job, job);
    msg_fini(&m);
    beat(&p, 2, true); /* it crossed the job: the next ack tells of it */
    house_run_ms(&house, 20);
    peer_started(&p, 1, job, 1);
    ack_comes(&p, 1, 2);
    beat(&p, 3, true);
    beat(&p, 4, true);
    peer_finished(&p, 2, job, 1, 0);
    ack_comes(&p, 2, 4);
    job = submit("{\"command\":[\"true\"]}"); /* nothing waits, nothing is said */
    peer_expect(&p, MSG_JOB, &m);
    msg_fini(&m);
    peer_fini(&p);
    identity_fini(&i);
}

/* ---- a job's life ---- */

static void job__from_submit_to_result__is_told_all_along(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m;
    (void)state;
    house_enrol(&house, "life", NULL, &i);
    house_agent(&house, &i, "life", 1, &p);
    int64_t job = submit("{\"command\":[\"echo\",\"x\"],\"name\":\"n\",\"timeout\":\"1m\"}");
    wait_for(&p, MSG_JOB, &m);
    assert_int_equal(m.u.job.job, job);
    assert_int_equal(m.u.job.attempt, 1);
    assert_int_equal(m.u.job.timeout_ms, 60000);
    assert_non_null(strstr(m.u.job.spec, "\"name\":\"n\""));
    msg_fini(&m);
    state_is(job, "SUBMITTED");
    peer_started(&p, 1, job, 1);
    wait_for_ack(&p, 1);
    state_is(job, "RUNNING");
    peer_output(&p, 2, job, 1, STREAM_STDOUT, 0, "out\n", 4);
    peer_output(&p, 3, job, 1, STREAM_STDERR, 0, "err\n", 4);
    peer_output(&p, 4, job, 1, STREAM_SYSTEM, 0, "a remark\n", 9);
    peer_finished(&p, 5, job, 1, 7);
    wait_for_ack(&p, 5);
    struct json *j = show(job);
    assert_string_equal(json_get_str(j, "state", ""), "FAILED");
    assert_string_equal(json_get_str(j, "reason", ""), "exit-code");
    assert_int_equal(json_get_int(j, "exitCode", 0), 7);
    assert_string_equal(json_get_str(j, "agentName", ""), "life");
    assert_int_equal(json_count(json_get(j, "attempts")), 1);
    json_free(j);
    static const struct {
        const char *query, *text;
    } logs[] = {{"", "out\nerr\n"},
                {"?stream=stdout", "out\n"},
                {"?stream=stderr&attempt=1", "err\n"},
                {"?stream=system", "a remark\n"},
                {"?tail=1", "err\n"},
                {"?tail=1&stream=stdout", "out\n"},
                {"?tail=9&since=1h", "out\nerr\n"},
                {"?since=2999-01-01T00:00:00Z", ""},
                {"?since=2026-01-01T00:00:00%2B01:00&tail=1", "err\n"}};
    for (size_t n = 0; n < sizeof logs / sizeof *logs; n++) {
        struct answer a;
        char id[ID_TEXT_SIZE];
        id_format(job, id);
        char *path = str_dupf("/api/v1/jobs/%s/logs%s", id, logs[n].query);
        house_call(&house, "GET", path, NULL, NULL, NULL, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.text, logs[n].text);
        answer_fini(&a);
        mem_free(path);
    }
    peer_fini(&p);
    identity_fini(&i);
}

/* How often the text is in the answer to a GET with this header. */
static int times_told(int64_t job, const char *tail, const char *header, const char *part)
{
    struct answer a;
    char id[ID_TEXT_SIZE];
    int n = 0;
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s/%s", id, tail);
    house_call(&house, "GET", path, NULL, NULL, header, &a);
    assert_int_equal(a.status, 200);
    for (const char *at = a.text; (at = strstr(at, part)) != NULL; at++)
        n++;
    answer_fini(&a);
    mem_free(path);
    return n;
}

static void follow__in_the_form_that_is_accepted(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m;
    (void)state;
    house_enrol(&house, "forms", NULL, &i);
    house_agent(&house, &i, "forms", 1, &p);
    int64_t job = submit("{\"command\":[\"x\"]}");
    wait_for(&p, MSG_JOB, &m);
    msg_fini(&m);
    peer_started(&p, 1, job, 1);
    peer_output(&p, 2, job, 1, STREAM_STDOUT, 0, "one\n", 4);
    peer_output(&p, 3, job, 1, STREAM_STDERR, 0, "two\n", 4);
    peer_output(&p, 4, job, 1, STREAM_SYSTEM, 0, "three\n", 6);
    peer_finished(&p, 5, job, 1, 0);
    wait_for_ack(&p, 5);
    const char *lines = "Accept: application/x-ndjson\r\n";
    const char *sse = "Accept: text/event-stream\r\n";
    const char *both = "Accept: text/html, application/x-ndjson;q=1, text/event-stream\r\n";
    assert_int_equal(times_told(job, "follow", lines, "\"stream\":\"stdout\""), 1);
    assert_int_equal(times_told(job, "follow", lines, "\"stream\":\"stderr\""), 1);
    assert_int_equal(times_told(job, "follow", lines, "\"stream\":\"system\""), 1);
    assert_int_equal(times_told(job, "follow", lines, "{\"event\":\"state\""), 1);
    assert_int_equal(times_told(job, "follow", both, "event: "), 0);
    assert_int_equal(times_told(job, "logs", lines, "\"text\":\"three\\n\""), 1);
    assert_int_equal(times_told(job, "follow", sse, "event: output\nid: "), 3);
    assert_int_equal(times_told(job, "follow", sse, "\"}\n\n"), 3);
    assert_int_equal(times_told(job, "follow", sse, "event: state\ndata: {\"event\":\"state\""), 1);
    assert_int_equal(times_told(job, "follow?format=json", sse, "event: "), 0);
    /* the client comes back */
    const char *again = "Accept: text/event-stream\r\nLast-Event-ID: 9007199254740991\r\n";
    assert_int_equal(times_told(job, "follow", again, "event: output"), 0);
    assert_int_equal(times_told(job, "follow", again, "event: state"), 1);
    const char *nonsense = "Accept: text/event-stream\r\nLast-Event-ID: -x\r\n";
    assert_int_equal(times_told(job, "follow", nonsense, "event: output"), 3);
    peer_fini(&p);
    identity_fini(&i);
}

static void job__cancelled_while_it_runs__is_killed(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m;
    char id[ID_TEXT_SIZE];
    (void)state;
    house_enrol(&house, "kill", NULL, &i);
    house_agent(&house, &i, "kill", 1, &p);
    int64_t job = submit("{\"command\":[\"sleep\",\"9\"],\"killGrace\":\"3s\"}");
    wait_for(&p, MSG_JOB, &m);
    msg_fini(&m);
    peer_started(&p, 1, job, 1);
    wait_for_ack(&p, 1);
    id_format(job, id);
    char *path = str_dupf("/api/v1/jobs/%s/cancel", id);
    struct json *j = house_post(&house, path, NULL, 202);
    assert_string_equal(json_get_str(j, "state", ""), "KILLING");
    json_free(j);
    wait_for(&p, MSG_KILL, &m);
    assert_int_equal(m.u.kill.job, job);
    assert_int_equal(m.u.kill.grace_ms, 3000);
    assert_string_equal(m.u.kill.reason, "cancelled");
    msg_fini(&m);
    mem_free(path);
    peer_fini(&p);
    identity_fini(&i);
}

static void result__sent_twice__counts_once(void **state)
{
    struct identity i;
    struct peer p;
    struct msg m;
    (void)state;
    house_enrol(&house, "once", NULL, &i);
    house_agent(&house, &i, "once", 1, &p);
    int64_t job = submit("{\"command\":[\"true\"]}");
    wait_for(&p, MSG_JOB, &m);
    msg_fini(&m);
    peer_finished(&p, 1, job, 1, 0);
    peer_finished(&p, 1, job, 1, 5);
    wait_for_ack(&p, 1);
    struct json *j = show(job);
    assert_string_equal(json_get_str(j, "state", ""), "SUCCESS");
    assert_int_equal(json_get_int(j, "exitCode", -1), 0);
    json_free(j);
    peer_fini(&p);
    identity_fini(&i);
}

/* What was acknowledged outlives the coordinator; what it had handed out comes back to it. */
static void restart__with_an_assigned_job__goes_on(void **state)
{
    static const struct coordinator_timeouts timeouts = {.first_message_ms = 500};
    struct identity i;
    struct peer p;
    struct msg m;
    (void)state;
    house_enrol(&house, "restart", NULL, &i);
    house_agent(&house, &i, "restart", 1, &p);
    int64_t job = submit("{\"command\":[\"true\"]}");
    wait_for(&p, MSG_JOB, &m);
    msg_fini(&m);
    house_stop(&house);
    peer_wait_closed(&p);
    assert_int_equal(p.err.code, ERR_OK); /* an orderly goodbye */
    peer_fini(&p);
    house_start(&house, &timeouts);
    state_is(job, "SUBMITTED");
    /* it never got there: hello without it, same journal and boot -> the same attempt comes
     * again */
    house_agent(&house, &i, "restart", 1, &p);
    wait_for(&p, MSG_JOB, &m);
    assert_int_equal(m.u.job.job, job);
    assert_int_equal(m.u.job.attempt, 1);
    msg_fini(&m);
    peer_finished(&p, 1, job, 1, 0);
    wait_for_ack(&p, 1);
    state_is(job, "SUCCESS");
    peer_fini(&p);
    identity_fini(&i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello__without_certificate__is_refused),
        cmocka_unit_test(hello__certificate_of_a_foreign_ca__is_refused),
        cmocka_unit_test(hello__expired_certificate__is_refused),
        cmocka_unit_test(hello__certificate_of_the_future__is_refused_for_a_while),
        cmocka_unit_test(hello__certificate_that_is_no_agents__is_refused),
        cmocka_unit_test(hello__unknown_agent__is_refused),
        cmocka_unit_test(hello__no_version_in_common__is_refused),
        cmocka_unit_test(enrol__bad_tokens__are_refused_each_in_its_way),
        cmocka_unit_test(enrol__same_token_and_key_again__is_the_same_agent),
        cmocka_unit_test(enrol__with_a_certificate__is_a_violation),
        cmocka_unit_test(frames__over_the_limit__are_refused_before_they_are_read),
        cmocka_unit_test(frames__garbage__is_refused),
        cmocka_unit_test(frames__of_a_known_peer_without_certificate__are_refused),
        cmocka_unit_test(silence__after_the_handshake__is_cut),
        cmocka_unit_test(silence__of_many__is_cut_for_each),
        cmocka_unit_test(trickle__of_a_first_message__is_cut_in_time),
        cmocka_unit_test(silence__in_a_session__is_cut),
        cmocka_unit_test(duplicate__of_another_boot__is_refused_and_the_first_stays),
        cmocka_unit_test(certificate__asked_for_in_a_session__is_renewed),
        cmocka_unit_test(removed_agent__loses_its_session_and_stays_out),
        cmocka_unit_test(agent__in_the_api__shows_labels_apart),
        cmocka_unit_test(agent__unwell__is_shown_with_reason_and_time),
        cmocka_unit_test(heartbeat__whose_answer_waits__is_answered_before_a_job),
        cmocka_unit_test(heartbeat__whose_answer_may_wait__is_answered_with_the_next),
        cmocka_unit_test(job__from_submit_to_result__is_told_all_along),
        cmocka_unit_test(follow__in_the_form_that_is_accepted),
        cmocka_unit_test(job__cancelled_while_it_runs__is_killed),
        cmocka_unit_test(result__sent_twice__counts_once),
        cmocka_unit_test(restart__with_an_assigned_job__goes_on),
        /* last: what it was given stays assigned until its lease is over */
        cmocka_unit_test(agent_that_does_not_read__is_cut),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
