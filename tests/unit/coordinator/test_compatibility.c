/* Databases and agents of releases before: jobs that wait or run go on after an upgrade, and an
 * agent of 0.1 is served as the coordinator of 0.1 served it. fixtures/ holds what those releases
 * wrote and said. */
#include "flow_world.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/core.h"
#include "coordinator/sessions/session.h"
#include "wire/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#define TEXT_MAX (1u << 20)
#define HOUR_MS INT64_C(3600000)

/* ---- a world that begins with an older database ---- */

static char *read_fixture(const char *name)
{
    char *path = str_dupf("%s/tests/unit/coordinator/fixtures/%s", CADRE_SOURCE_DIR, name);
    char *text = mem_alloc(TEXT_MAX);
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("%s is not there", path);
    size_t len = fread(text, 1, TEXT_MAX - 1, in);
    assert_true(len > 0 && len < TEXT_MAX - 1);
    fclose(in);
    mem_free(path);
    return text;
}

static void load(const char *folder, const char *file, const char *fixture)
{
    char *path = str_dupf("%s/%s", folder, file);
    char *text = read_fixture(fixture);
    char *why = NULL;
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", fixture, why);
    sqlite3_close(db);
    mem_free(text);
    mem_free(path);
}

/* user: "v2": v2.sql becomes cadre.db, v2-output.sql output.db. */
static char *make_older_folder(void *user)
{
    const char *base = getenv("TMPDIR");
    char *folder = str_dupf("%s/cadre-older-XXXXXX", base && *base ? base : "/tmp");
    char *queue = str_dupf("%s.sql", (const char *)user);
    char *output = str_dupf("%s-output.sql", (const char *)user);
    assert_non_null(mkdtemp(folder));
    load(folder, "cadre.db", queue);
    load(folder, "output.db", output);
    mem_free(queue);
    mem_free(output);
    return folder;
}

static struct world older_world(const char *version, int64_t wall_ms)
{
    struct world w = {.disk = {.user = (void *)(uintptr_t)version,
                               .make_folder = make_older_folder},
                      .now = {.mono_ms = 1000000, .wall_ms = wall_ms}};
    world_open(&w);
    return w;
}

static int64_t job_of(const char *id)
{
    int64_t n = 0;
    assert_int_equal(id_parse(id, &n), 0);
    return n;
}

static int64_t output_bytes(struct world *w, int64_t job)
{
    struct err e = {0};
    int64_t remarks, n = 0;
    assert_int_equal(store_output_bytes(w->store, job, 1, &n, &remarks, &e), 0);
    return n;
}

/* ---- version 1 ---- */

#define V1_JOB(n) (INT64_C(889876958417002223) + INT64_C(4202223) * ((n)-1))
#define V1_AGENT 501

/* again: the state in the end of a job of the default group whose attempt failed. */
static void go_on(struct world w, const char *group, enum job_state again)
{
    struct command *hello = cmd_hello(&w, 1, V1_AGENT, group, 4);
    mem_free(hello->u.hello.capabilities);
    mem_free(hello->u.hello.host_id);
    hello->u.hello.capabilities = mem_strdup("{\"os\":\"windows\"}");
    hello->u.hello.host_id = mem_strdup("h");
    hello->u.hello.seq = 17;
    cmd_hello_attempt(hello, V1_JOB(4), 1, false);
    assert_int_equal(world_do(&w, hello), 0);
    assert_non_null(world_effect(&w, EFFECT_WELCOME));
    assert_int_equal(world_do(&w, cmd_ready(1)), 0);
    /* what waited for the agent's group is handed out, what waits for another is not */
    assert_non_null(world_effect_for(&w, EFFECT_JOB, V1_JOB(1)));
    assert_non_null(world_effect_for(&w, EFFECT_JOB, V1_JOB(3)));
    assert_int_equal(world_state(&w, V1_JOB(2)), JOB_CREATED);
    /* what ran ends */
    assert_int_equal(world_state(&w, V1_JOB(4)), JOB_RUNNING);
    assert_int_equal(world_do(&w, cmd_finished(1, 18, V1_JOB(4), 1, JOB_SUCCESS, REASON_NONE)), 0);
    assert_int_equal(world_state(&w, V1_JOB(4)), JOB_SUCCESS);
    /* what was to be tried again is */
    assert_int_equal(world_state(&w, V1_JOB(6)), JOB_RETRYING);
    world_live(&w, 2000);
    assert_int_equal(world_state(&w, V1_JOB(6)), again);
    assert_int_equal(world_state(&w, V1_JOB(5)), JOB_SUCCESS);
    assert_int_equal(output_bytes(&w, V1_JOB(5)), 15);
    world_close(&w);
}

static void version_1__after_the_upgrade__goes_on_with_what_waits_and_runs(void **state)
{
    (void)state;
    go_on(older_world("v1", INT64_C(1790000000200)), "windows", JOB_CREATED);
}

/* The key was not reserved then. */
static char *make_folder_with_group_default(void *user)
{
    char *folder = make_older_folder(user);
    char *path = str_dupf("%s/cadre.db", folder);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "UPDATE groups SET key = 'default';"
                     "UPDATE namespaces SET group_key = 'default';"
                     "UPDATE agents SET group_key = 'default' WHERE group_key = 'windows';"
                     "UPDATE job_states SET group_key = 'default' WHERE group_key = 'windows';"
                     "UPDATE job_counts SET group_key = 'default' WHERE group_key = 'windows';",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    mem_free(path);
    return folder;
}

static void version_1__with_a_group_called_default__makes_it_the_default_group(void **state)
{
    (void)state;
    static const char *const groups[] = {"default", NULL};
    for (size_t i = 0; i < 2; i++) {
        struct world w = {.disk = {.user = (void *)(uintptr_t) "v1",
                                   .make_folder = make_folder_with_group_default},
                          .now = {.mono_ms = 1000000, .wall_ms = INT64_C(1790000000200)}};
        world_open(&w);
        go_on(w, groups[i], JOB_SUBMITTED);
    }
}

/* ---- version 2, and the agent of 0.1 that was connected to it ---- */

#define V2_AT INT64_C(1795838742000) /* when its coordinator was started again */
#define FIRST "0sc3vd0s112cd"        /* jobs: a task of an execution, */
#define RUNNING "0sc3vd0v8w9dg"      /* one that runs on, */
#define NEXT "0sc3vd10g8crq"         /* one that waits for a slot, */
#define AGAIN "0sc3vd0g5yyvz"        /* one that waits for its second attempt, */
#define WINDOWS "0sc3vd133cwdm"      /* and one that waits for a Windows machine. */
#define EXECUTION "0sc3vd0s111e6"
#define V2_EVALUATION INT64_C(914366411670220184)

struct replay {
    struct world w;
    struct session_facts facts;
    struct json *sent; /* array: what the coordinator said and the recording has not yet expected */
    int64_t acked;     /* the highest number acknowledged */
    struct {
        char name[16], id[ID_TEXT_SIZE]; /* "@second" */
    } names[4];
    size_t name_count;
};

static int64_t agent_of(struct world *w, const char *name)
{
    struct agent_row a = {0};
    struct err e = {0};
    assert_int_equal(store_agent_find_name(w->store, name, &a, &e), 1);
    int64_t id = a.id;
    agent_row_fini(&a);
    return id;
}

/* The messages of the last batch to the session, as the connection would carry them; beat: the
 * heartbeat that is acknowledged, or 0. */
static void take_sent(struct replay *r, int64_t beat)
{
    const struct session_terms terms = {.lease_ms = r->w.config.lease_ms,
                                        .heartbeat_ms = r->w.config.heartbeat_ms,
                                        .output_limit_bytes = r->w.config.output_limit_bytes,
                                        .wall_ms = r->w.now.wall_ms};
    struct frame_reader reader;
    struct frame f;
    struct buf out;
    struct err e = {0};
    buf_init(&out, TEXT_MAX);
    frame_reader_init(&reader, TEXT_MAX);
    for (const struct effect *x = r->w.effects.first; x; x = x->next) {
        if (x->session != r->facts.number) continue;
        if (session_send(&r->facts, &terms, x, &out, &e) != 0) fail_msg("%s", err_text(&e));
    }
    if (beat) assert_int_equal(session_send_beat(&r->facts, beat, &out, &e), 0);
    assert_int_equal(frame_reader_add(&reader, out.data, out.len, &e), 0);
    while (frame_reader_next(&reader, &f, &e) == 1) {
        struct json *message = NULL;
        assert_int_equal(f.type, FRAME_JSON);
        assert_int_equal(json_parse((const char *)f.body, f.len, &message, &e), 0);
        json_push(r->sent, message);
    }
    frame_reader_fini(&reader);
    buf_fini(&out);
}

static void do_command_and_beat(struct replay *r, struct command *c, int64_t beat)
{
    world_pass(&r->w, 10);
    assert_int_equal(world_do(&r->w, c), 0);
    take_sent(r, beat);
}

static void do_command(struct replay *r, struct command *c)
{
    do_command_and_beat(r, c, 0);
}

/* ---- what the agent says ---- */

/* With the ids of jobs that have names in the recording. */
static char *with_ids(const struct replay *r, const char *text)
{
    char *out = mem_strdup(text);
    for (size_t i = 0; i < r->name_count; i++) {
        char *at = strstr(out, r->names[i].name);
        if (!at) continue;
        char *next = str_dupf("%.*s%s%s", (int)(at - out), out, r->names[i].id,
                              at + strlen(r->names[i].name));
        mem_free(out);
        out = next;
    }
    return out;
}

static void hear(struct replay *r, const struct frame *f, const char *text)
{
    struct session_heard h;
    session_receive(&r->facts, f, &h);
    if (h.action == SESSION_BYE) {
        do_command(r, cmd_gone(r->facts.number));
        return;
    }
    if (h.action == SESSION_BEAT) {
        do_command_and_beat(r, cmd_heard(r->facts.agent), h.beat);
        return;
    }
    if (h.action != SESSION_COMMAND) fail_msg("refused: %s: %s", err_text(&h.why), text);
    do_command(r, h.command);
}

static void agent_says(struct replay *r, const struct json *message)
{
    char *recorded = json_text(message);
    char *text = with_ids(r, recorded);
    struct frame f = {.type = FRAME_JSON, .body = (const uint8_t *)text, .len = strlen(text)};
    hear(r, &f, text);
    mem_free(text);
    mem_free(recorded);
}

static void agent_sends_output(struct replay *r, const struct json *output)
{
    char *id = with_ids(r, json_get_str(output, "job", NULL));
    const char *text = json_get_str(output, "text", NULL);
    const struct frame_output o = {.seq = json_get_int(output, "seq", 0),
                                   .job = job_of(id),
                                   .attempt = (int32_t)json_get_int(output, "attempt", 0),
                                   .stream = (uint8_t)json_get_int(output, "stream", 0),
                                   .offset = json_get_int(output, "offset", -1),
                                   .data = (const uint8_t *)text,
                                   .len = strlen(text)};
    struct buf frame;
    buf_init(&frame, TEXT_MAX);
    assert_int_equal(frame_output_add(&frame, &o), 0);
    struct frame f = {.type = FRAME_OUTPUT,
                      .body = (const uint8_t *)frame.data + FRAME_HEAD,
                      .len = frame.len - FRAME_HEAD};
    hear(r, &f, text);
    buf_fini(&frame);
    mem_free(id);
}

/* ---- what it was answered ---- */

/* Does `got` say all that `want` says? An old agent ignores what was added since. */
static bool says(const struct replay *r, const struct json *got, const struct json *want)
{
    if (json_type(got) != json_type(want)) return false;
    switch (json_type(want)) {
    case JSON_OBJECT:
        for (const struct json *v = json_first(want); v; v = json_next(v))
            if (!says(r, json_get(got, json_key(v)), v)) return false;
        return true;
    case JSON_ARRAY:
        if (json_count(got) != json_count(want)) return false;
        for (const struct json *v = json_first(want), *g = json_first(got); v;
             v = json_next(v), g = json_next(g))
            if (!says(r, g, v)) return false;
        return true;
    default:
        break;
    }
    const char *key = json_key(want);
    if (str_eq(key, "wallMs") || str_eq(key, "version")) return true;
    char *a = json_text(got), *b = json_text(want);
    char *named = with_ids(r, b);
    bool same = str_eq(a, named);
    mem_free(a);
    mem_free(b);
    mem_free(named);
    return same;
}

/* The first message that is a `want`; binds a name to the id of the task's job. */
static const struct json *find_sent(struct replay *r, const struct json *want)
{
    const char *name = json_get_str(want, "job", "");
    const char *task = json_get_str(json_get(want, "spec"), "task", NULL);
    for (const struct json *m = json_first(r->sent); m; m = json_next(m)) {
        if (!str_eq(json_get_str(m, "type", ""), json_get_str(want, "type", "?"))) continue;
        bool is_job = str_eq(json_get_str(m, "type", ""), "job");
        const char *id = json_get_str(m, "job", NULL);
        if (is_job && name[0] == '@' &&
            str_eq(json_get_str(json_get(m, "spec"), "task", NULL), task)) {
            assert_true(r->name_count < 4);
            assert_int_equal(str_copy(r->names[r->name_count].name, 16, name), 0);
            assert_int_equal(str_copy(r->names[r->name_count++].id, ID_TEXT_SIZE, id), 0);
        }
        if (says(r, m, want)) return m;
    }
    return NULL;
}

/* Acknowledgements count: how many there are of them is the coordinator's affair. */
static void take_acks(struct replay *r, int64_t *heartbeat)
{
    for (const struct json *m = json_first(r->sent); m; m = json_next(m)) {
        if (!str_eq(json_get_str(m, "type", ""), "ack")) continue;
        int64_t seq = json_get_int(m, "seq", 0), n = json_get_int(m, "heartbeat", 0);
        if (seq > r->acked) r->acked = seq;
        if (n > *heartbeat) *heartbeat = n;
    }
}

static void coordinator_said(struct replay *r, const struct json *want)
{
    if (str_eq(json_get_str(want, "type", ""), "ack")) {
        int64_t heartbeat = 0;
        take_acks(r, &heartbeat);
        assert_true(r->acked >= json_get_int(want, "seq", 0));
        assert_true(heartbeat >= json_get_int(want, "heartbeat", 0));
        return;
    }
    if (find_sent(r, want)) return;
    char *text = json_text(want), *all = json_text(r->sent);
    fail_msg("the coordinator did not say %s but %s", text, all);
}

static void replay_line(struct replay *r, const struct json *line)
{
    const char *from = json_get_str(line, "from", "");
    if (json_get(line, "about")) return;
    if (str_eq(from, "user")) {
        struct command *c =
            cmd_id(&r->w, CMD_AGENT_DRAIN, agent_of(&r->w, json_get_str(line, "drain", "")));
        do_command(r, c);
    } else if (str_eq(from, "coordinator")) {
        coordinator_said(r, json_get(line, "message"));
    } else if (json_get(line, "output")) {
        agent_sends_output(r, json_get(line, "output"));
    } else {
        assert_string_equal(from, "agent");
        agent_says(r, json_get(line, "message"));
    }
}

static size_t replay_file(struct replay *r, const char *fixture)
{
    char *text = read_fixture(fixture);
    size_t lines = 0;
    for (char *at = text; *at; lines++) {
        char *end = strchr(at, '\n');
        struct json *line = NULL;
        struct err e = {0};
        assert_non_null(end);
        if (json_parse(at, (size_t)(end - at), &line, &e) != 0)
            fail_msg("%s:%zu: %s", fixture, lines + 1, err_text(&e));
        replay_line(r, line);
        json_free(line);
        at = end + 1;
    }
    mem_free(text);
    return lines;
}

static void version_2__with_an_agent_of_0_1__goes_on_as_recorded(void **state)
{
    (void)state;
    struct replay r = {.w = older_world("v2", V2_AT), .sent = json_new(JSON_ARRAY)};
    struct world *w = &r.w;
    struct execution_row x = {0};
    struct err e = {0};
    r.facts = (struct session_facts){.number = ++w->sessions, .agent = agent_of(w, "build-01")};
    assert_int_equal(replay_file(&r, "agent-0.1.jsonl"), 38);
    assert_int_equal(r.name_count, 2);
    /* what ran, what waited, and the execution's rest */
    assert_int_equal(world_state(w, job_of(FIRST)), JOB_SUCCESS);
    assert_int_equal(world_state(w, job_of(RUNNING)), JOB_FAILED);
    assert_int_equal(world_reason(w, job_of(RUNNING)), REASON_EXIT_CODE);
    assert_int_equal(output_bytes(w, job_of(RUNNING)), (int64_t)strlen("begun\nended\n"));
    assert_int_equal(world_state(w, job_of(NEXT)), JOB_SUCCESS);
    assert_int_equal(world_state(w, job_of(r.names[0].id)), JOB_WARNING);
    assert_int_equal(world_state(w, job_of(r.names[1].id)), JOB_SUCCESS);
    assert_int_equal(store_execution_get(w->store, job_of(EXECUTION), &x, &e), 0);
    assert_int_equal(x.state, EXECUTION_WARNING);
    execution_row_fini(&x);
    /* and its deadlines */
    assert_int_equal(world_state(w, job_of(AGAIN)), JOB_RETRYING);
    assert_int_equal(world_state(w, job_of(WINDOWS)), JOB_CREATED);
    world_live(w, HOUR_MS);
    assert_int_equal(world_state(w, job_of(AGAIN)), JOB_CREATED);
    assert_int_equal(world_state(w, job_of(WINDOWS)), JOB_CREATED);
    world_live(w, HOUR_MS);
    assert_int_equal(world_state(w, job_of(WINDOWS)), JOB_FAILED);
    assert_int_equal(world_reason(w, job_of(WINDOWS)), REASON_QUEUE_TIMEOUT);
    session_facts_fini(&r.facts);
    json_free(r.sent);
    world_close(w);
}

static void version_2__whose_agent_stays_away__gives_its_jobs_up_after_the_lease(void **state)
{
    (void)state;
    struct world w = older_world("v2", V2_AT);
    /* an evaluation that said no was a failure then */
    assert_int_equal(world_state(&w, V2_EVALUATION), JOB_SUCCESS);
    assert_int_equal(world_reason(&w, V2_EVALUATION), REASON_NONE);
    assert_int_equal(world_state(&w, job_of(RUNNING)), JOB_RUNNING);
    world_live(&w, 4 * HOUR_MS / 60);
    assert_int_equal(world_state(&w, job_of(RUNNING)), JOB_RUNNING);
    world_live(&w, 60000);
    assert_int_equal(world_state(&w, job_of(RUNNING)), JOB_FAILED);
    assert_int_equal(world_reason(&w, job_of(RUNNING)), REASON_LOST);
    world_close(&w);
}

/* ---- version 18 ---- */

#define V18_AT INT64_C(1795924090000) /* 2026-11-29T03:48:10Z */
#define V18_TRIGGERS 2

static struct command *backfill(struct world *w, const char *start, const char *end, bool missed)
{
    struct command *c = command_new(CMD_TRIGGER_BACKFILL);
    c->request = ++w->requests;
    c->u.place.ns = mem_strdup("company.team");
    c->u.place.flow = mem_strdup("nightly");
    c->u.place.trigger = mem_strdup("at-three");
    c->u.backfill.parallel = 1;
    c->u.backfill.missed = missed;
    c->u.backfill.start = mem_strdup(start);
    c->u.backfill.end = mem_strdup(end);
    return c;
}

/* What fired before was not kept: it is not started again as if it had been missed. */
static void version_18__of_moments_before_it_is_not_known_whether_they_fired(void **state)
{
    (void)state;
    struct world w = older_world("v18", V18_AT);
    struct fired_range f = {1, 1};
    for (int64_t n = 1; n <= V18_TRIGGERS; n++) {
        assert_int_equal(store_fired_find(w.store, n, 1, &f, NULL), 1);
        assert_int_equal(f.first_ms, 0);
        assert_in_range(f.last_ms, V18_AT - 20000, V18_AT);
    }
    world_live(&w, 1000);
    assert_int_equal(world_do(&w, backfill(&w, "2026-11-20", "2026-11-28", true)), 0);
    assert_int_equal(world_reply(&w)->rc, ERR_INVALID);
    assert_non_null(strstr(err_text(&world_reply(&w)->err), "not known up to 2026-11-29T03:48:0"));
    assert_int_equal(world_do(&w, backfill(&w, "2026-11-20", "2026-11-28", false)), 0);
    assert_int_equal(world_reply(&w)->rc, 0);
    world_close(&w);
}

/* ---- version 21, and the agent of 0.2 that served two groups of it ---- */

#define V21_AT INT64_C(1795929625059) /* when its coordinator was started again */
#define V21_RUNNING "0scep0xdg6g26"   /* jobs: one of group a that runs on, */
#define V21_FIRST "0scep0xk7j9a6"     /* one of group b that ended meanwhile, */
#define V21_WINDOWS "0scep0ysq7wvk"   /* and one of group b that waits for a Windows machine. */

static void version_21__with_an_agent_of_two_groups__serves_both_as_recorded(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        enum job_state state;
    } waited[] = {{"0scep0y4vya1d", JOB_SUCCESS},
                  {"0scep0yae56fh", JOB_FAILED},
                  {"0scep0yf58gte", JOB_SUCCESS},
                  {"0scep0yjt85h3", JOB_SUCCESS},
                  {"0scep0yp9p8be", JOB_SUCCESS}};
    struct replay r = {.w = older_world("v21", V21_AT), .sent = json_new(JSON_ARRAY)};
    struct world *w = &r.w;
    struct agent_row a = {0};
    struct err e = {0};
    r.facts = (struct session_facts){.number = ++w->sessions, .agent = agent_of(w, "build-01")};
    /* With one slot free, that a job is there when it is expected is the order of the groups. */
    assert_int_equal(replay_file(&r, "agent-0.2.jsonl"), 47);
    for (size_t i = 0; i < sizeof waited / sizeof *waited; i++)
        assert_int_equal(world_state(w, job_of(waited[i].id)), waited[i].state);
    assert_int_equal(world_state(w, job_of(V21_FIRST)), JOB_SUCCESS);
    assert_int_equal(world_state(w, job_of(V21_RUNNING)), JOB_FAILED);
    assert_int_equal(world_reason(w, job_of(V21_RUNNING)), REASON_EXIT_CODE);
    assert_int_equal(output_bytes(w, job_of(V21_RUNNING)), (int64_t)strlen("begun\nended\n"));
    assert_int_equal(world_state(w, job_of(V21_WINDOWS)), JOB_CREATED);
    assert_int_equal(store_agent_find_name(w->store, "build-01", &a, &e), 1);
    assert_string_equal(a.group, "a");
    assert_string_equal(a.groups, "[\"a\",\"b\"]");
    agent_row_fini(&a);
    session_facts_fini(&r.facts);
    json_free(r.sent);
    world_close(w);
}

/* ---- version 21 with tags ---- */

#define TAGS_AT INT64_C(1795939150000)
#define TAGS_AGENT INT64_C(914787537305337571) /* of the group gpu-1 */
#define TAGS_TRAIN "0scftdk7xevyp"  /* jobs: one that runs in gpu-1, the execution's first task, */
#define TAGS_TRAINS "0scftdk7xev1q" /* its execution, */
#define TAGS_NEXT "0scftdrmqd5y8"   /* one that waits there, */
#define TAGS_KEEP "0scftdkn22tx1"   /* one that waits in attic, */
#define TAGS_CHECK "0scftdjk7yhgy"  /* and an evaluation that does. */

static void assert_group(struct world *w, int64_t job, const char *group)
{
    struct job_row row = world_job(w, job);
    assert_string_equal(row.group, group);
    job_row_fini(&row);
}

static uint64_t agent_comes(struct world *w, const char *name, const char *group)
{
    return world_connect_caps(w, world_agent(w, name, group), group, 4,
                              "{\"os\":\"linux\",\"shell\":[\"sh\"]}");
}

static void recorded_agent_comes_back(struct world *w, uint64_t session)
{
    struct command *hello = cmd_hello(w, session, TAGS_AGENT, "gpu-1", 1);
    text_set(&hello->u.hello.capabilities, "{\"os\":\"linux\",\"shell\":[\"sh\"]}");
    text_set(&hello->u.hello.host_id, "a-host");
    hello->u.hello.seq = 1;
    cmd_hello_attempt(hello, job_of(TAGS_TRAIN), 1, false);
    assert_int_equal(world_do(w, hello), 0);
    assert_non_null(world_effect(w, EFFECT_WELCOME));
    assert_int_equal(world_do(w, cmd_ready(session)), 0);
}

static void version_21__with_tags__jobs_keep_their_groups_and_selectors_pick_new_ones(void **state)
{
    (void)state;
    struct world w = older_world("v21-tags", TAGS_AT);
    const struct effect *x;
    /* a group that would be picked now takes nothing of what was picked for another */
    agent_comes(&w, "build-02", "gpu-2");
    assert_int_equal(world_effects(&w, EFFECT_JOB), 0);
    assert_group(&w, job_of(TAGS_NEXT), "gpu-1");
    /* but what is created now */
    int64_t now = world_execution_job(&w, world_start(&w, "picks", NULL));
    assert_group(&w, now, "gpu-2");
    assert_non_null(world_effect_for(&w, EFFECT_JOB, now));
    /* what ran ends, and what waited behind it is next */
    uint64_t session = ++w.sessions;
    recorded_agent_comes_back(&w, session);
    assert_int_equal(world_state(&w, job_of(TAGS_TRAIN)), JOB_RUNNING);
    assert_int_equal(output_bytes(&w, job_of(TAGS_TRAIN)), (int64_t)strlen("begun\n"));
    assert_int_equal(world_do(&w, cmd_finished(session, 2, job_of(TAGS_TRAIN), 1, JOB_SUCCESS,
                                               REASON_NONE)),
                     0);
    assert_int_equal(world_state(&w, job_of(TAGS_TRAIN)), JOB_SUCCESS);
    x = world_effect_for(&w, EFFECT_JOB, job_of(TAGS_NEXT));
    assert_non_null(x);
    assert_int_equal(x->session, session);
    /* the task after it is for gpu or archive: gpu-2, where no job waits and an agent is online */
    assert_group(&w, world_execution_job(&w, job_of(TAGS_TRAINS)), "gpu-2");
    /* and the group without an agent gets its own */
    agent_comes(&w, "build-03", "attic");
    assert_non_null(world_effect_for(&w, EFFECT_JOB, job_of(TAGS_KEEP)));
    assert_non_null(world_effect_for(&w, EFFECT_JOB, job_of(TAGS_CHECK)));
    assert_int_equal(world_effects(&w, EFFECT_JOB), 2);
    world_close(&w);
}

/* ---- version 22: before browsers signed in ---- */

#define V22_AT INT64_C(1795968400000)          /* 2026-11-29T16:06:40Z */
#define V22_VIEWER INT64_C(914910166982625915) /* tokens: one that reads, */
#define V22_TEAM INT64_C(914910167261590000)   /* one that was revoked, */
#define V22_JOIN INT64_C(914910167451828579)   /* and one for machines */

static void sign_in(struct world *w, int64_t token, const char *code)
{
    struct command *c = command_new(CMD_SIGN_IN);
    c->request = ++w->requests;
    c->by = (struct principal){.token = token};
    c->u.page_session.ends_ms = V22_AT + 3600000;
    assert_int_equal(world_do(w, c), 0);
    const struct reply *r = world_reply(w);
    if (!str_eq(r->code, code)) fail_msg("%s: %s", r->code ? r->code : "done", r->err.msg);
}

static void version_22__with_its_tokens__signs_in_whom_it_knows(void **state)
{
    (void)state;
    struct world w = older_world("v22", V22_AT);
    sign_in(&w, V22_TEAM, "token-revoked");
    sign_in(&w, V22_JOIN, "token-unknown");
    sign_in(&w, V22_VIEWER, NULL);
    int64_t session = world_reply(&w)->id;
    world_restart(&w);
    struct page_session_row p;
    assert_int_equal(store_page_session_find(w.store, session, &p, NULL), 1);
    assert_int_equal(p.token, V22_VIEWER);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1__after_the_upgrade__goes_on_with_what_waits_and_runs),
        cmocka_unit_test(version_1__with_a_group_called_default__makes_it_the_default_group),
        cmocka_unit_test(version_2__with_an_agent_of_0_1__goes_on_as_recorded),
        cmocka_unit_test(version_2__whose_agent_stays_away__gives_its_jobs_up_after_the_lease),
        cmocka_unit_test(version_18__of_moments_before_it_is_not_known_whether_they_fired),
        cmocka_unit_test(version_21__with_an_agent_of_two_groups__serves_both_as_recorded),
        cmocka_unit_test(version_21__with_tags__jobs_keep_their_groups_and_selectors_pick_new_ones),
        cmocka_unit_test(version_22__with_its_tokens__signs_in_whom_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
