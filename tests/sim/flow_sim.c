/* The coordinator's process, operators and users, step by step. */
#include "tests/sim/flow_sim.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/lease.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEPS_AFTER_HEALING 4000
#define WALL_JUMP_MS (3 * 3600 * 1000)

const char *const flow_groups[SIM_GROUPS] = {NULL, "alpha", "beta"};

const char *flow_read_word(const char *at, char *out, size_t size)
{
    size_t len = strcspn(at, " \n"), kept = len < size ? len : size - 1;
    memcpy(out, at, kept);
    out[kept] = '\0';
    return at[len] == ' ' ? at + len + 1 : at + len;
}

const char *flow_ns(int number)
{
    static const char *const all[SIM_FLOWS] = {"a.b", "a.c", "a.b", "ab", "a.b.c"};
    return all[number];
}

int64_t flow_random(struct flow_sim *s, int64_t least, int64_t most)
{
    return least + (int64_t)rng_below(&s->rng, (uint64_t)(most - least) + 1);
}

bool flow_chance(struct flow_sim *s, int one_in)
{
    return one_in > 0 && !s->healed && rng_below(&s->rng, (uint64_t)one_in) == 0;
}

void flow_violation(struct flow_sim *s, const char *fmt, ...)
{
    if (*s->violation) return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->violation, sizeof s->violation, fmt, args);
    va_end(args);
}

void flow_push(struct flow_sim *s, struct command *c)
{
    if (s->down) {
        command_free(c);
        return;
    }
    c->next = NULL;
    *s->queue_end = c;
    s->queue_end = &c->next;
}

/* ---- a flow as somebody may write it ---- */

static void write_group(struct flow_sim *s, struct buf *heads, struct buf *b, const char *name)
{
    static const char *const fallbacks[] = {"WAIT", "WAIT", "FAIL", "CANCEL", "IGNORE"};
    const char *key = flow_groups[flow_random(s, 0, SIM_GROUPS - 1)];
    if (flow_random(s, 0, 2) == 0)
        flow_selector_write(s, heads, b, name);
    else if (key)
        buf_addf(b, ", workerGroup: {key: %s, fallback: %s}", key, fallbacks[flow_random(s, 0, 4)]);
}

void flow_write_leaf(struct flow_sim *s, struct buf *heads, struct buf *b, int number)
{
    char name[8];
    if (flow_random(s, 0, 7) == 0) {
        buf_addf(b, "{id: t%d, type: io.kestra.plugin.core.log.Log, message: hello}", number);
        return;
    }
    buf_addf(b, "{id: t%d, command: [run, \"{{ execution.id }}\"]", number);
    str_format(name, sizeof name, "t%d", number);
    write_group(s, heads, b, name);
    if (flow_random(s, 0, 4) == 0) buf_adds(b, ", allowFailure: true");
    if (flow_random(s, 0, 6) == 0) buf_adds(b, ", disabled: true");
    if (flow_random(s, 0, 4) == 0) buf_adds(b, ", timeout: PT5S");
    if (flow_random(s, 0, 4) == 0)
        buf_adds(b, ", retry: {type: constant, interval: PT2S, maxAttempts: 3}");
    buf_adds(b, "}");
}

static void write_tasks(struct flow_sim *s, struct buf *heads, struct buf *b)
{
    int tasks = (int)flow_random(s, 1, 4);
    buf_adds(b, "tasks:\n");
    for (int i = 0; i < tasks; i++) {
        buf_adds(b, "  - ");
        flow_write_leaf(s, heads, b, i);
        buf_adds(b, "\n");
    }
}

static void write_trigger(struct flow_sim *s, struct buf *heads, struct buf *b, int number)
{
    char name[8];
    str_format(name, sizeof name, "p%d", number);
    buf_addf(b, "  - {id: p%d, interval: PT%dS, timeout: PT20S, lease: PT1M, command: [check]",
             number, (int)flow_random(s, 1, 10));
    write_group(s, heads, b, name);
    if (flow_random(s, 0, 2) == 0) buf_adds(b, ", allowConcurrent: true");
    if (flow_random(s, 0, 4) == 0) buf_adds(b, ", stopAfter: [FAILED]");
    if (flow_random(s, 0, 4) == 0) buf_adds(b, ", failOnTriggerError: true");
    if (flow_random(s, 0, 6) == 0) buf_adds(b, ", disabled: true");
    buf_adds(b, "}\n");
}

static void write_triggers(struct flow_sim *s, struct buf *heads, struct buf *out, int number)
{
    int polling = (int)flow_random(s, 0, 5) % 3, after = flow_random(s, 0, 2) == 0;
    if (after && flow_random(s, 0, 3) == 0) after++; /* a circle of such ones multiplies */
    if (polling + after > 0) buf_adds(out, "triggers:\n");
    for (int i = 0; i < polling; i++)
        write_trigger(s, heads, out, i);
    for (int i = 0; i < after; i++)
        flow_after_write(s, heads, out, number, i);
}

static void apply_flow(struct flow_sim *s, int number)
{
    static const char *const behaviors[] = {"QUEUE", "QUEUE", "CANCEL", "FAIL"};
    struct buf heads, b;
    bool quick =
        flow_random(s, 0, 3) == 0; /* without an agent: a circle of such ones is soon deep */
    buf_init(&heads, 65536);
    buf_init(&b, 65536);
    buf_addf(&b, "id: f%d\nnamespace: %s\n", number, flow_ns(number));
    if (flow_random(s, 0, 2) > 0)
        buf_addf(&b, "concurrency: {limit: %d, behavior: %s}\n", (int)flow_random(s, 1, 3),
                 behaviors[flow_random(s, 0, 3)]);
    if (quick)
        buf_adds(&b, "tasks:\n  - {id: t0, type: io.kestra.plugin.core.log.Log, message: hello}\n");
    else if (flow_random(s, 0, 2) == 0)
        flow_runs_write(s, &heads, &b);
    else
        write_tasks(s, &heads, &b);
    write_triggers(s, &heads, &b, number);
    buf_add(&heads, b.data, b.len);
    buf_fini(&b);
    struct command *c = command_new(CMD_FLOW_APPLY);
    c->request = ++s->w.requests;
    c->u.apply.files = mem_alloc(sizeof *c->u.apply.files);
    c->u.apply.count = 1;
    c->u.apply.files[0].source = buf_detach(&heads);
    flow_push(s, c);
}

/* ---- operators and users ---- */

static void operate_trigger(struct flow_sim *s)
{
    static const enum command_type types[] = {CMD_TRIGGER_ENABLE, CMD_TRIGGER_ENABLE,
                                              CMD_TRIGGER_RUN, CMD_TRIGGER_DISABLE};
    struct command *c = command_new(types[flow_random(s, 0, 3)]);
    c->request = ++s->w.requests;
    int flow = (int)flow_random(s, 0, s->flow_count - 1);
    c->u.place.ns = mem_strdup(flow_ns(flow));
    c->u.place.flow = str_dupf("f%d", flow);
    c->u.place.trigger = str_dupf("%c%d", "ppa"[flow_random(s, 0, 2)], (int)flow_random(s, 0, 1));
    flow_push(s, c);
}

static void delete_flow(struct flow_sim *s, int number)
{
    struct command *c = command_new(CMD_FLOW_DELETE);
    c->request = ++s->w.requests;
    c->u.place.ns = mem_strdup(flow_ns(number));
    c->u.place.flow = str_dupf("f%d", number);
    flow_push(s, c);
}

static void cancel_something(struct flow_sim *s)
{
    size_t place = 0, nth = (size_t)flow_random(s, 0, (int64_t)s->executions.count);
    const struct seen_execution *x = NULL;
    for (size_t i = 0; i <= nth; i++) {
        const struct seen_execution *next = map_next(&s->executions, &place);
        if (!next) break;
        x = next;
    }
    if (!x) return;
    bool job = flow_random(s, 0, 3) == 0 && x->last_run;
    flow_push(s, cmd_id(&s->w, job ? CMD_CANCEL : CMD_EXECUTION_CANCEL, job ? x->last_run : x->id));
}

static struct command *make_group(struct flow_sim *s, const char *key)
{
    struct command *c = cmd_group(&s->w, key, NULL);
    c->u.group.tags = mem_strdup(flow_tags(key));
    return c;
}

static void regroup(struct flow_sim *s)
{
    if (flow_random(s, 0, 1)) {
        struct command *c = cmd_text(&s->w, CMD_GROUP_DELETE, "beta");
        c->flag = true;
        flow_push(s, c);
    } else {
        flow_push(s, make_group(s, "beta"));
    }
}

static void start_again(struct flow_sim *s, struct seen_start *t)
{
    if (t->id || t->over || s->w.now.mono_ms < t->again_ms || s->down) return;
    struct command *c = command_new(CMD_EXECUTION_START);
    c->request = t->request = ++s->w.requests;
    c->u.start.ns = mem_strdup(flow_ns(t->flow));
    c->u.start.flow = str_dupf("f%d", t->flow);
    c->u.start.unique_key = mem_strdup(t->key);
    t->again_ms = s->w.now.mono_ms + 3000;
    flow_push(s, c);
}

static void start_new(struct flow_sim *s)
{
    s->starts = mem_resize(s->starts, (size_t)s->start_count + 1, sizeof *s->starts);
    struct seen_start *t = &s->starts[s->start_count];
    *t = (struct seen_start){.flow = (int)flow_random(s, 0, s->flow_count - 1)};
    snprintf(t->key, sizeof t->key, "start-%d", s->start_count++);
}

static void mischief(struct flow_sim *s)
{
    if (flow_chance(s, 6)) start_new(s);
    if (flow_chance(s, 12)) apply_flow(s, (int)flow_random(s, 0, s->flow_count - 1));
    if (flow_chance(s, 15)) operate_trigger(s);
    if (flow_chance(s, 8)) cancel_something(s);
    if (flow_chance(s, 120)) delete_flow(s, (int)flow_random(s, 0, s->flow_count - 1));
    if (flow_chance(s, 60)) regroup(s);
    if (flow_chance(s, 60)) s->w.now.wall_ms += flow_random(s, -WALL_JUMP_MS, WALL_JUMP_MS);
}

/* ---- the process ---- */

static void drop_queue(struct flow_sim *s)
{
    struct command *next;
    for (struct command *c = s->queue; c; c = next) {
        next = c->next;
        command_free(c);
    }
    s->queue = NULL;
    s->queue_end = &s->queue;
}

static void die(struct flow_sim *s)
{
    s->crashes++;
    reader_close(s->reader);
    s->reader = NULL;
    world_die(&s->w);
    drop_queue(s);
    s->down = true;
    s->rise_ms = s->w.now.mono_ms +
                 (flow_random(s, 0, 5) ? flow_random(s, 10, 3000) : flow_random(s, 10000, 200000));
    for (int i = 0; i < s->agent_count; i++)
        flow_agent_lost(s, &s->agents[i]);
}

static void open_reader(struct flow_sim *s)
{
    struct err e = {0};
    if (reader_open(s->w.folder, &s->reader, &e))
        flow_violation(s, "the store cannot be read: %s", err_text(&e));
}

static void rise(struct flow_sim *s)
{
    world_rise(&s->w);
    s->down = false;
    s->risen_ms = s->w.now.mono_ms;
    open_reader(s);
}

static void on_reply(struct flow_sim *s, const struct effect *x)
{
    for (int i = 0; i < s->start_count; i++) {
        struct seen_start *t = &s->starts[i];
        if (t->request != x->u.reply.request) continue;
        if (x->u.reply.reply.rc == 0) {
            if (t->id && t->id != x->u.reply.reply.id)
                flow_violation(s, "one key, two executions: %s", t->key);
            t->id = x->u.reply.reply.id;
        } else if (x->u.reply.reply.rc == ERR_NOT_FOUND || x->u.reply.reply.rc == ERR_CONFLICT) {
            t->over = true; /* the flow was deleted, or is not there yet */
        }
    }
}

static void carry_out(struct flow_sim *s)
{
    for (const struct effect *x = s->w.effects.first; x; x = x->next) {
        if (x->type == EFFECT_REPLY) on_reply(s, x);
        for (int i = 0; x->session && i < s->agent_count; i++) {
            struct flow_agent *a = &s->agents[i];
            if (a->session == x->session) {
                flow_agent_effect(s, a, x);
                break;
            }
        }
    }
}

/* Everything that has been pushed, as one batch. */
static void batch(struct flow_sim *s)
{
    struct command *c = s->queue, *next;
    s->queue = NULL;
    s->queue_end = &s->queue;
    s->batches++;
    world_begin(&s->w);
    for (; c; c = next) {
        next = c->next;
        c->next = NULL;
        world_apply(&s->w, c);
    }
    if (flow_chance(s, s->crash)) {
        die(s);
        return;
    }
    flow_faults.fail_commit = flow_chance(s, s->fail);
    struct command *kept = NULL;
    int rc = world_commit_or_keep(&s->w, &kept);
    for (; kept; kept = next) { /* and applied again, before all else */
        next = kept->next;
        kept->next = NULL;
        flow_push(s, kept);
    }
    if (rc != 0) { /* memory is made anew, as after a start */
        s->failed++;
        s->risen_ms = s->w.now.mono_ms;
    }
    if (rc == 0) flow_check_batch(s);
    if (flow_chance(s, s->crash)) {
        die(s);
        return;
    }
    carry_out(s);
}

/* ---- the run ---- */

static void begin(struct flow_sim *s)
{
    static const int rare[] = {0, 300, 100, 40};
    s->queue_end = &s->queue;
    rng_init(&s->rng, s->seed);
    s->agent_count = (int)flow_random(s, SIM_GROUPS, SIM_AGENTS);
    s->flow_count = (int)flow_random(s, 1, SIM_FLOWS);
    s->crash = rare[flow_random(s, 0, 3)];
    s->fail = rare[flow_random(s, 0, 3)];
    s->cut = rare[flow_random(s, 0, 3)];
    s->lose = rare[flow_random(s, 0, 3)];
    if (s->sabotage >= BREAK_FORGOTTEN) s->crash = 40;
    s->w.seed = s->seed;
    s->w.base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : NULL;
    s->w.config = (struct engine_config){.lease_ms = 60000,
                                         .heartbeat_ms = 10000,
                                         .output_limit_bytes = 1 << 20,
                                         .payload_limit_bytes = 65536,
                                         .max_agents = 100,
                                         .kill_time_ms = lease_kill_time_ms(0)};
    flow_faults = (struct flow_faults){0};
    world_open(&s->w);
    world_do(&s->w, make_group(s, "alpha"));
    world_do(&s->w, make_group(s, "beta"));
    for (int i = 0; i < s->agent_count; i++) {
        struct flow_agent *a = &s->agents[i];
        char name[24];
        snprintf(name, sizeof name, "agent-%d", i);
        a->group = flow_groups[i % SIM_GROUPS];
        a->id = world_agent(&s->w, name, a->group);
        a->slots = flow_random(s, 1, 8);
    }
    open_reader(s);
    s->risen_ms = s->w.now.mono_ms;
    flow_faults.sabotage = s->sabotage;
    for (int i = 0; i < s->flow_count; i++)
        apply_flow(s, i);
}

static void step(struct flow_sim *s)
{
    int64_t ms = flow_random(s, 1, 1500), next = INT64_MAX;
    if (!s->down) next = engine_next_ms(s->w.engine);
    if (next < s->w.now.mono_ms + ms) ms = next - s->w.now.mono_ms;
    world_pass(&s->w, ms > 0 ? ms : 0);
    if (s->down && s->w.now.mono_ms >= s->rise_ms) rise(s);
    for (int i = 0; i < s->agent_count; i++)
        flow_agent_step(s, &s->agents[i]);
    if (!s->healed && ms > 100) mischief(s);
    for (int i = 0; i < s->start_count; i++)
        start_again(s, &s->starts[i]);
    if (!s->down) batch(s);
}

/* No more faults, and nothing new: everything that was begun has to end. */
static void heal(struct flow_sim *s)
{
    s->healed = true;
    while (s->down && !*s->violation)
        step(s);
    flow_push(s, make_group(s, "beta"));
    for (int i = 0; i < s->flow_count; i++) {
        for (int k = 0; k < 4; k++) {
            struct command *c = command_new(CMD_TRIGGER_DISABLE);
            c->request = ++s->w.requests;
            c->u.place.ns = mem_strdup(flow_ns(i));
            c->u.place.flow = str_dupf("f%d", i);
            c->u.place.trigger = str_dupf("%c%d", "ap"[k / 2], k % 2);
            flow_push(s, c);
        }
    }
}

bool flow_sim_run(struct flow_sim *s, uint64_t seed, enum flow_sabotage sabotage)
{
    *s = (struct flow_sim){.seed = seed, .sabotage = sabotage};
    begin(s);
    int steps = (int)flow_random(s, 200, 900);
    for (int i = 0; i < steps && !*s->violation; i++)
        step(s);
    if (!*s->violation) heal(s);
    for (int i = 0; i < STEPS_AFTER_HEALING && !*s->violation; i++) {
        step(s);
        if (i > 50 && flow_check_over(s)) break;
    }
    if (!*s->violation) flow_check_end(s);
    return !*s->violation;
}

void flow_sim_fini(struct flow_sim *s)
{
    drop_queue(s);
    for (int i = 0; i < s->agent_count; i++)
        flow_agent_fini(&s->agents[i]);
    flow_check_fini(s);
    reader_close(s->reader);
    mem_free(s->starts);
    mem_free(s->ends.items);
    mem_free(s->followers.items);
    flow_faults = (struct flow_faults){0};
    if (s->down) world_rise(&s->w);
    world_close(&s->w);
}
