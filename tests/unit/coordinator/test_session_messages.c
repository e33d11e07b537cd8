/* What frames and effects mean for a session, without a connection: which may come when, what they
 * become, and that nothing is half done when one is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/support/hidden.h"
#include "coordinator/sessions/session.h"
#include "wire/pki.h"
#include "wire/token.h"

#include <string.h>

#define AGENT 77
#define EVENT "\"seq\":1,\"job\":\"0000000000003\",\"attempt\":1"
#define HELLO_WITH(minor, min, attempts)                                                           \
    "{\"type\":\"hello\",\"protocol\":" minor ",\"protocolMin\":" min ",\"version\":\"9\","        \
    "\"name\":\"a\",\"slots\":2,\"capabilities\":{},\"bootId\":\"b\",\"hostId\":\"h\","            \
    "\"journalId\":\"j\",\"seq\":4,\"attempts\":" attempts "}"
#define HELLO HELLO_WITH("1", "1", "[]")

static struct session_facts facts_in(enum session_state state, int64_t agent)
{
    return (struct session_facts){.number = 5, .agent = agent, .state = state};
}

static void hear(struct session_facts *s, const char *json, struct session_heard *out)
{
    struct frame f = {.type = FRAME_JSON, .body = (const uint8_t *)json, .len = strlen(json)};
    session_receive(s, &f, out);
}

/* ---- receive ---- */

static void command_is_made(const char *json, enum session_state state, enum command_type type)
{
    struct session_facts s = facts_in(state, AGENT);
    struct session_heard h;
    hear(&s, json, &h);
    if (h.action != SESSION_COMMAND) fail_msg("%s: %s", json, err_text(&h.why));
    assert_int_equal(h.command->type, type);
    assert_int_equal(h.command->session, 5);
    command_free(h.command);
}

static void is_refused(const char *json, enum session_state state, int64_t agent, enum refusal want)
{
    struct session_facts s = facts_in(state, agent);
    struct session_heard h;
    hear(&s, json, &h);
    if (h.action != SESSION_REFUSE || h.refusal != want)
        fail_msg("in state %d: action %d, refusal %s (%s): %s", state, h.action,
                 refusal_code(h.refusal), err_text(&h.why), json);
    assert_null(h.command);
    assert_null(s.csr);
    assert_true(h.why.msg[0]);
    assert_int_equal(s.state, state);
    assert_false(s.greeted);
    assert_int_equal(s.protocol, 0);
}

static const struct {
    const char *json;
    enum command_type type;
} live[] = {
    {"{\"type\":\"ready\",\"freeSlots\":1,\"slots\":2}", CMD_READY},
    {"{\"type\":\"started\"," EVENT "}", CMD_STARTED},
    {"{\"type\":\"finished\"," EVENT ",\"state\":\"SUCCESS\"}", CMD_FINISHED},
    {"{\"type\":\"declined\"," EVENT ",\"reason\":\"no-slot\"}", CMD_DECLINED},
};

static void receive__in_order__makes_the_command(void **state)
{
    (void)state;
    command_is_made(HELLO, SESSION_FRESH, CMD_HELLO);
    for (size_t i = 0; i < sizeof live / sizeof *live; i++)
        command_is_made(live[i].json, SESSION_LIVE, live[i].type);
}

#define BEAT "{\"type\":\"heartbeat\",\"n\":9}"

static void heartbeat__is_answered_with_what_was_acknowledged_before(void **state)
{
    (void)state;
    struct session_facts s = facts_in(SESSION_LIVE, AGENT);
    struct session_terms terms = {.lease_ms = 60000, .heartbeat_ms = 10000};
    struct effect ack = {.type = EFFECT_ACK, .u.ack.seq = 12};
    struct session_heard h;
    struct buf out;
    struct err e;
    buf_init(&out, 4096);
    hear(&s, BEAT, &h);
    assert_int_equal(h.action, SESSION_BEAT);
    assert_int_equal(h.beat, 9);
    assert_null(h.command);
    assert_int_equal(session_send(&s, &terms, &ack, &out, &e), 0);
    buf_clear(&out);
    assert_int_equal(session_send_beat(&s, h.beat, &out, &e), 0);
    struct msg m;
    assert_int_equal(msg_decode((const uint8_t *)out.data + FRAME_HEAD, out.len - FRAME_HEAD,
                                (struct msg_peer){.known = true}, &m, &e),
                     0);
    assert_int_equal(m.type, MSG_ACK);
    assert_int_equal(m.u.ack.seq, 12);
    assert_int_equal(m.u.ack.heartbeat, 9);
    msg_fini(&m);
    buf_fini(&out);
}

static void heartbeat__says_whether_its_answer_may_wait(void **state)
{
    static const struct {
        const char *json;
        bool later;
    } rows[] = {{BEAT, false},
                {"{\"type\":\"heartbeat\",\"n\":9,\"ackLater\":false}", false},
                {"{\"type\":\"heartbeat\",\"n\":9,\"ackLater\":null}", false},
                {"{\"type\":\"heartbeat\",\"n\":9,\"idle\":true}", false},
                {"{\"type\":\"heartbeat\",\"n\":9,\"ackLater\":true}", true}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct session_facts s = facts_in(SESSION_LIVE, AGENT);
        struct session_heard h = {.ack_later = !rows[i].later};
        hear(&s, rows[i].json, &h);
        assert_int_equal(h.action, SESSION_BEAT);
        assert_int_equal(h.beat, 9);
        assert_int_equal(h.ack_later, rows[i].later);
        assert_int_equal(s.kept_beat, 0);
    }
}

/* The numbers of an ack; seq -1: nothing was sent. */
static void ack_is(struct buf *out, int64_t seq, int64_t heartbeat)
{
    struct msg m;
    struct err e;
    if (seq < 0) {
        assert_int_equal(out->len, 0);
        return;
    }
    assert_true(out->len > FRAME_HEAD);
    assert_int_equal(msg_decode((const uint8_t *)out->data + FRAME_HEAD, out->len - FRAME_HEAD,
                                (struct msg_peer){.known = true}, &m, &e),
                     0);
    assert_int_equal(m.type, MSG_ACK);
    assert_int_equal(m.u.ack.seq, seq);
    assert_int_equal(m.u.ack.heartbeat, heartbeat);
    msg_fini(&m);
    buf_clear(out);
}

static void heartbeat_that_is_kept__is_in_the_next_ack_and_in_one_alone(void **state)
{
    struct session_facts s = facts_in(SESSION_LIVE, AGENT);
    struct session_terms terms = {.lease_ms = 60000, .heartbeat_ms = 10000};
    struct effect ack = {.type = EFFECT_ACK, .u.ack.seq = 12};
    struct effect drain = {.type = EFFECT_DRAIN, .u.drain.on = true};
    struct buf out;
    struct err e;
    (void)state;
    buf_init(&out, 4096);
    assert_int_equal(session_send_kept_beat(&s, &out, &e), 0);
    ack_is(&out, -1, 0);
    session_keep_beat(&s, 7);
    assert_int_equal(session_send(&s, &terms, &drain, &out, &e), 0);
    buf_clear(&out); /* another message leaves it where it is */
    assert_int_equal(session_send(&s, &terms, &ack, &out, &e), 0);
    ack_is(&out, 12, 7);
    assert_int_equal(session_send_kept_beat(&s, &out, &e), 0);
    ack_is(&out, -1, 0);
    ack.u.ack.seq = 13;
    assert_int_equal(session_send(&s, &terms, &ack, &out, &e), 0);
    ack_is(&out, 13, 0);
    session_keep_beat(&s, 8);
    session_keep_beat(&s, 9);
    assert_int_equal(session_send_kept_beat(&s, &out, &e), 0); /* before a job */
    ack_is(&out, 13, 9);
    assert_int_equal(session_send_kept_beat(&s, &out, &e), 0);
    ack_is(&out, -1, 0);
    session_keep_beat(&s, 10);
    assert_int_equal(session_send_beat(&s, 11, &out, &e), 0);
    ack_is(&out, 13, 11);
    assert_int_equal(session_send(&s, &terms, &ack, &out, &e), 0);
    ack_is(&out, 13, 0); /* not the older one behind the newer */
    buf_fini(&out);
}

static void welcome__says_where_acknowledgements_begin(void **state)
{
    (void)state;
    struct session_facts s = facts_in(SESSION_GREETED, AGENT);
    s.protocol = 1;
    struct session_terms terms = {.lease_ms = 60000, .heartbeat_ms = 10000};
    struct effect welcome = {.type = EFFECT_WELCOME, .u.welcome.seq = 5};
    struct buf out;
    struct err e;
    buf_init(&out, 4096);
    assert_int_equal(session_send(&s, &terms, &welcome, &out, &e), 0);
    assert_int_equal(s.acked_seq, 5);
    buf_fini(&out);
}

static void receive__before_welcome__is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof live / sizeof *live; i++) {
        is_refused(live[i].json, SESSION_FRESH, AGENT, REFUSAL_PROTOCOL);
        is_refused(live[i].json, SESSION_GREETED, AGENT, REFUSAL_PROTOCOL);
        is_refused(live[i].json, SESSION_ENROLLING, 0, REFUSAL_CERTIFICATE_REQUIRED);
        is_refused(live[i].json, SESSION_FRESH, 0, REFUSAL_CERTIFICATE_REQUIRED);
    }
    is_refused(BEAT, SESSION_FRESH, AGENT, REFUSAL_PROTOCOL);
    is_refused(BEAT, SESSION_GREETED, AGENT, REFUSAL_PROTOCOL);
    is_refused(BEAT, SESSION_FRESH, 0, REFUSAL_CERTIFICATE_REQUIRED);
    is_refused(HELLO, SESSION_GREETED, AGENT, REFUSAL_PROTOCOL);
    is_refused(HELLO, SESSION_LIVE, AGENT, REFUSAL_PROTOCOL);
    is_refused(HELLO, SESSION_FRESH, 0, REFUSAL_CERTIFICATE_REQUIRED);
}

static void receive__nonsense__is_refused(void **state)
{
    static const char *const nonsense[] = {"",
                                           "{",
                                           "[]",
                                           "{}",
                                           "{\"type\":\"what\"}",
                                           "{\"type\":\"heartbeat\"}",
                                           "{\"type\":\"heartbeat\",\"ackLater\":true}",
                                           "{\"type\":\"heartbeat\",\"n\":1,\"ackLater\":1}",
                                           "{\"type\":\"heartbeat\",\"n\":1,\"ackLater\":\"no\"}",
                                           "{\"type\":\"welcome\",\"protocol\":1}",
                                           "{\"type\":\"finished\"," EVENT
                                           ",\"state\":\"RUNNING\"}",
                                           "{\"type\":\"finished\"," EVENT
                                           ",\"state\":\"FAILED\",\"reason\":\"because\"}"};
    (void)state;
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        is_refused(nonsense[i], SESSION_LIVE, AGENT, REFUSAL_PROTOCOL);
    is_refused("{\"type\":\"ack\",\"seq\":1}", SESSION_LIVE, AGENT, REFUSAL_PROTOCOL);
}

static void receive__hello_with_bad_attempts__is_refused_whole(void **state)
{
    static const char *const bad[] = {
        HELLO_WITH("1", "1", "[{}]"),
        HELLO_WITH("1", "1", "[{\"job\":\"0000000000003\",\"attempt\":0,\"state\":\"running\"}]"),
        HELLO_WITH("1", "1", "[{\"job\":\"0000000000003\",\"attempt\":1,\"state\":\"here\"}]"),
        HELLO_WITH("1", "1", "[{\"job\":\"-\",\"attempt\":1,\"state\":\"ended\"}]")};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        is_refused(bad[i], SESSION_FRESH, AGENT, REFUSAL_PROTOCOL);
}

static void receive__no_common_minor__is_refused(void **state)
{
    (void)state;
    is_refused(HELLO_WITH("1000", "999", "[]"), SESSION_FRESH, AGENT, REFUSAL_PROTOCOL_VERSION);
    is_refused(HELLO_WITH("1", "2", "[]"), SESSION_FRESH, AGENT, REFUSAL_PROTOCOL_VERSION);
}

static void receive__hello__agrees_on_the_lower_minor(void **state)
{
    struct session_facts s = facts_in(SESSION_FRESH, AGENT);
    struct session_heard h;
    (void)state;
    hear(&s,
         HELLO_WITH("1000", "1", "[{\"job\":\"0000000000003\",\"attempt\":2,\"state\":\"ended\"}]"),
         &h);
    assert_int_equal(h.action, SESSION_COMMAND);
    assert_int_equal(s.protocol, PROTOCOL_MINOR);
    assert_int_equal(s.state, SESSION_GREETED);
    assert_true(s.greeted);
    assert_int_equal(h.command->u.hello.agent, AGENT);
    assert_int_equal(h.command->u.hello.protocol, PROTOCOL_MINOR);
    assert_int_equal(h.command->u.hello.attempt_count, 1);
    assert_true(h.command->u.hello.attempts[0].ended);
    command_free(h.command);
}

#define SEVERAL(minor, group, groups) HELLO_WITH(minor, "1", "[]," group "\"groups\":" groups)

static void receive__hello_with_groups(void **state)
{
    static const struct {
        const char *json, *group, *groups;
    } cases[] = {
        {SEVERAL("3", "\"group\":\"a\",", "[\"a\",\"b\"]"), "a", "[\"a\",\"b\"]"},
        {SEVERAL("3", "\"group\":\"a\",", "[\"a\", \"default\"]"), "a", "[\"a\",\"default\"]"},
        {SEVERAL("3", "", "[\"default\",\"b\"]"), NULL, "[\"default\",\"b\"]"},
        {SEVERAL("9", "", "[\"default\",\"b\"]"), NULL, "[\"default\",\"b\"]"},
        {SEVERAL("3", "\"group\":\"a\",", "[\"a\"]"), "a", NULL},
        {SEVERAL("3", "\"group\":\"a\",", "null"), "a", NULL},
        {SEVERAL("2", "\"group\":\"a\",", "[\"a\",\"b\"]"), "a", NULL}, /* no such field then */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct session_facts s = facts_in(SESSION_FRESH, AGENT);
        struct session_heard h;
        hear(&s, cases[i].json, &h);
        if (h.action != SESSION_COMMAND) fail_msg("%s: %s", cases[i].json, err_text(&h.why));
        const struct cmd_hello *hello = &h.command->u.hello;
        assert_true(str_eq(hello->group, cases[i].group));
        assert_true(str_eq(hello->groups, cases[i].groups));
        command_free(h.command);
    }
}

static void receive__bad_groups__are_refused(void **state)
{
    static const char *const bad[] = {
        SEVERAL("3", "\"group\":\"a\",", "[]"),
        SEVERAL("3", "\"group\":\"a\",", "\"a\""),
        SEVERAL("3", "\"group\":\"a\",", "{\"a\":1}"),
        SEVERAL("3", "\"group\":\"a\",", "[\"b\",\"a\"]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"default\",\"a\"]"),
        SEVERAL("3", "", "[\"a\",\"b\"]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",\"b\",\"a\"]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",\"a\"]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",\"\"]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",\"b c\"]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",7]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",null]"),
        SEVERAL("3", "\"group\":\"a\",", "[\"a\",[\"b\"]]"),
        SEVERAL(
            "3", "\"group\":\"a\",",
            "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\",\"l\",\"m\",\"n\","
            "\"o\",\"p\",\"q\"]"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        is_refused(bad[i], SESSION_FRESH, AGENT, REFUSAL_PROTOCOL);
}

static void receive__bye__closes(void **state)
{
    struct session_heard h;
    (void)state;
    struct session_facts s = facts_in(SESSION_GREETED, AGENT);
    hear(&s, "{\"type\":\"bye\"}", &h);
    assert_int_equal(h.action, SESSION_BYE);
    is_refused("{\"type\":\"bye\"}", SESSION_FRESH, AGENT, REFUSAL_PROTOCOL);
}

static void receive__output__only_when_live(void **state)
{
    struct buf b;
    struct frame_output o = {
        .seq = 1, .job = 3, .attempt = 1, .stream = 1, .data = (const uint8_t *)"hi", .len = 2};
    struct session_heard h;
    (void)state;
    buf_init(&b, 1024);
    assert_int_equal(frame_output_add(&b, &o), 0);
    struct frame f = {.type = FRAME_OUTPUT,
                      .body = (const uint8_t *)b.data + FRAME_HEAD,
                      .len = b.len - FRAME_HEAD};
    struct session_facts s = facts_in(SESSION_LIVE, AGENT);
    session_receive(&s, &f, &h);
    assert_int_equal(h.action, SESSION_COMMAND);
    assert_int_equal(h.command->u.output.len, 2);
    command_free(h.command);
    s.state = SESSION_GREETED;
    session_receive(&s, &f, &h);
    assert_int_equal(h.action, SESSION_REFUSE);
    s.state = SESSION_LIVE;
    f.len = FRAME_OUTPUT_HEAD;
    session_receive(&s, &f, &h);
    assert_int_equal(h.action, SESSION_REFUSE);
    buf_fini(&b);
}

/* ---- enrolment ---- */

static char *enrol_json(const char *token, const char *name, const char *csr)
{
    struct buf b;
    struct msg m = {.type = MSG_ENROL};
    m.u.enrol = (struct msg_enrol){.token = (char *)(uintptr_t)token,
                                   .name = (char *)(uintptr_t)name,
                                   .csr = (char *)(uintptr_t)csr};
    buf_init(&b, LIMIT_FRAME_KNOWN);
    assert_int_equal(msg_frame_add(&b, &m), 0);
    char *text = mem_strndup(b.data + FRAME_HEAD, b.len - FRAME_HEAD);
    buf_fini(&b);
    return text;
}

static char *request_of_machine(void)
{
    struct pki_key *key;
    char *csr;
    struct err e;
    assert_int_equal(pki_key_generate(&key, &e), 0);
    assert_int_equal(pki_csr_make(key, "m", &csr, &e), 0);
    pki_key_free(key);
    return csr;
}

static char *token_text(enum token_kind kind)
{
    struct token t = {.kind = kind, .address_count = 1, .id = 9};
    char text[TOKEN_TEXT_SIZE];
    str_copy(t.address[0], sizeof t.address[0], "host:7433");
    assert_int_equal(token_format(&t, text, sizeof text), 0);
    return mem_strdup(text);
}

static void enrol_is_refused(const char *token, const char *name, const char *csr,
                             enum session_state state, enum refusal want)
{
    char *json = enrol_json(token, name, csr);
    is_refused(json, state, state == SESSION_LIVE ? AGENT : 0, want);
    mem_free(json);
}

static void enrol__what_does_not_prove_itself__is_refused(void **state)
{
    char *csr = request_of_machine();
    char *join = token_text(TOKEN_JOIN);
    char *api = token_text(TOKEN_API);
    (void)state;
    enrol_is_refused("cadre-nonsense", "m", csr, SESSION_FRESH, REFUSAL_TOKEN_MALFORMED);
    enrol_is_refused(api, "m", csr, SESSION_FRESH, REFUSAL_TOKEN_MALFORMED);
    enrol_is_refused(join, NULL, csr, SESSION_FRESH, REFUSAL_PROTOCOL);
    for (size_t i = 0; i < HIDDEN_CHARACTERS; i++)
        enrol_is_refused(join, hidden_characters[i].text, csr, SESSION_FRESH, REFUSAL_PROTOCOL);
    enrol_is_refused(join, "m", "no request", SESSION_FRESH, REFUSAL_REQUEST_BAD);
    enrol_is_refused(NULL, "m", csr, SESSION_FRESH, REFUSAL_PROTOCOL);
    enrol_is_refused(NULL, NULL, "no request", SESSION_LIVE, REFUSAL_PROTOCOL);
    enrol_is_refused(join, "m", csr, SESSION_LIVE, REFUSAL_PROTOCOL);
    enrol_is_refused(join, "m", csr, SESSION_ENROLLING, REFUSAL_PROTOCOL);
    mem_free(api);
    mem_free(join);
    mem_free(csr);
}

static void enrol__good_token_and_request__makes_the_command(void **state)
{
    char *csr = request_of_machine();
    char *join = token_text(TOKEN_JOIN);
    char *json = enrol_json(join, "m", csr);
    struct session_facts s = facts_in(SESSION_FRESH, 0);
    struct session_heard h;
    (void)state;
    hear(&s, json, &h);
    assert_int_equal(h.action, SESSION_COMMAND);
    assert_int_equal(h.command->type, CMD_ENROL);
    assert_int_equal(h.command->u.enrol.token_id, 9);
    assert_int_equal(s.state, SESSION_ENROLLING);
    assert_string_equal(s.csr, csr);
    command_free(h.command);
    session_facts_fini(&s);
    mem_free(json);
    json = enrol_json(NULL, NULL, csr);
    s = facts_in(SESSION_LIVE, AGENT);
    hear(&s, json, &h);
    assert_int_equal(h.action, SESSION_RENEW);
    assert_string_equal(h.csr, csr);
    assert_null(s.csr);
    mem_free(h.csr);
    mem_free(json);
    mem_free(join);
    mem_free(csr);
}

/* ---- send ---- */

static const struct session_terms terms = {.lease_ms = 30000,
                                           .heartbeat_ms = 10000,
                                           .output_limit_bytes = 5,
                                           .wall_ms = 6};

/* The one frame that the effect leaves. */
static void told(struct session_facts *s, const struct effect *x, struct msg *m)
{
    struct buf b;
    struct err e = {0};
    buf_init(&b, LIMIT_FRAME_KNOWN);
    assert_int_equal(session_send(s, &terms, x, &b, &e), 0);
    struct frame_reader r;
    struct frame f;
    frame_reader_init(&r, LIMIT_FRAME_KNOWN);
    assert_int_equal(frame_reader_add(&r, b.data, b.len, &e), 0);
    assert_int_equal(frame_reader_next(&r, &f, &e), 1);
    if (msg_decode(f.body, f.len, (struct msg_peer){.known = true}, m, &e)) fail_msg("%s", e.msg);
    assert_int_equal(frame_reader_next(&r, &f, &e), 0);
    frame_reader_fini(&r);
    buf_fini(&b);
}

static void send__welcome__makes_the_session_live(void **state)
{
    struct session_facts s = facts_in(SESSION_GREETED, AGENT);
    struct effect x = {.type = EFFECT_WELCOME, .u.welcome.seq = 41};
    struct msg m;
    (void)state;
    s.protocol = 1;
    told(&s, &x, &m);
    assert_int_equal(s.state, SESSION_LIVE);
    assert_int_equal(m.type, MSG_WELCOME);
    assert_int_equal(m.u.welcome.seq, 41);
    assert_int_equal(m.u.welcome.lease_ms, 30000);
    assert_int_equal(m.u.welcome.wall_ms, 6);
    msg_fini(&m);
}

static void send__job__carries_the_spec_as_stored(void **state)
{
    struct session_facts s = facts_in(SESSION_LIVE, AGENT);
    char spec[] = "{\"command\":[\"true\"]}";
    struct effect x = {
        .type = EFFECT_JOB,
        .u.job = {.job = 3, .attempt = 2, .spec = spec, .lease_ms = 30000, .output_limit = 7}};
    struct msg m;
    (void)state;
    told(&s, &x, &m);
    assert_int_equal(m.type, MSG_JOB);
    assert_int_equal(m.u.job.attempt, 2);
    assert_int_equal(m.u.job.output_limit, 7);
    assert_string_equal(m.u.job.spec, spec);
    msg_fini(&m);
}

static void send__refused__closes_and_fits(void **state)
{
    struct session_facts s = facts_in(SESSION_GREETED, AGENT);
    char code[80], sentence[] = "no";
    struct effect x = {.type = EFFECT_REFUSED,
                       .u.refused = {.code = code, .sentence = sentence, .retry_ms = 60000}};
    struct msg m;
    (void)state;
    memset(code, 'c', sizeof code - 1);
    code[sizeof code - 1] = 0;
    told(&s, &x, &m);
    assert_int_equal(s.state, SESSION_CLOSING);
    assert_string_equal(m.u.refused.code, "refused");
    assert_string_equal(m.u.refused.message, "no");
    assert_int_equal(m.u.refused.retry_ms, 60000);
    msg_fini(&m);
}

static void send__no_room__says_what_could_not_be_sent(void **state)
{
    struct session_facts s = facts_in(SESSION_LIVE, AGENT);
    struct effect x = {.type = EFFECT_ACK, .u.ack.seq = 1};
    struct buf b;
    struct err e = {0};
    (void)state;
    buf_init(&b, 4);
    assert_int_equal(session_send(&s, &terms, &x, &b, &e), ERR_TOO_LARGE);
    assert_non_null(strstr(e.msg, "'ack'"));
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static void send__close__leaves_no_frame(void **state)
{
    struct session_facts s = facts_in(SESSION_LIVE, AGENT);
    struct effect x = {.type = EFFECT_CLOSE};
    struct buf b;
    struct err e = {0};
    (void)state;
    buf_init(&b, 64);
    assert_int_equal(session_send(&s, &terms, &x, &b, &e), 0);
    assert_int_equal(s.state, SESSION_CLOSING);
    assert_int_equal(b.len, 0);
    buf_fini(&b);
}

static int setup(void **state)
{
    struct err e;
    (void)state;
    return pki_init(&e);
}

static int teardown(void **state)
{
    (void)state;
    pki_fini();
    return 0;
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(receive__in_order__makes_the_command),
        cmocka_unit_test(heartbeat__is_answered_with_what_was_acknowledged_before),
        cmocka_unit_test(heartbeat__says_whether_its_answer_may_wait),
        cmocka_unit_test(heartbeat_that_is_kept__is_in_the_next_ack_and_in_one_alone),
        cmocka_unit_test(welcome__says_where_acknowledgements_begin),
        cmocka_unit_test(receive__before_welcome__is_refused),
        cmocka_unit_test(receive__nonsense__is_refused),
        cmocka_unit_test(receive__hello_with_bad_attempts__is_refused_whole),
        cmocka_unit_test(receive__no_common_minor__is_refused),
        cmocka_unit_test(receive__hello__agrees_on_the_lower_minor),
        cmocka_unit_test(receive__hello_with_groups),
        cmocka_unit_test(receive__bad_groups__are_refused),
        cmocka_unit_test(receive__bye__closes),
        cmocka_unit_test(receive__output__only_when_live),
        cmocka_unit_test(enrol__what_does_not_prove_itself__is_refused),
        cmocka_unit_test(enrol__good_token_and_request__makes_the_command),
        cmocka_unit_test(send__welcome__makes_the_session_live),
        cmocka_unit_test(send__job__carries_the_spec_as_stored),
        cmocka_unit_test(send__refused__closes_and_fits),
        cmocka_unit_test(send__no_room__says_what_could_not_be_sent),
        cmocka_unit_test(send__close__leaves_no_frame),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
