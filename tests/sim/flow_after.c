/* Triggers that fire at the end of executions of other flows: an account of its own of who has to
 * start what. What a trigger listens to is read from a comment that stands beside it in the flow's
 * text, so nothing here relies on how the coordinator reads conditions or finds listeners. */
#include "tests/sim/flow_sim.h"

#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/store/reader_trigger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As docs/flows.md says. */
#define DEPTH_MAX 32
#define CIRCLE_OPEN_MAX 50
#define TYPE "io.kestra.plugin.core."

/* "-" and mask 0: any */
struct rule {
    char trigger[8], flow[8], how[8], ns[16];
    unsigned states;
};

/* ---- written ---- */

static void write_states(struct buf *b, unsigned states)
{
    const char *sep = "";
    for (int i = 0; i < EXECUTION_STATES; i++) {
        if (!(states >> i & 1)) continue;
        buf_addf(b, "%s%s", sep, fsm_name(&execution_fsm, i));
        sep = ", ";
    }
}

static void write_own(struct buf *b, const struct rule *r, bool with_ns)
{
    buf_addf(b, "flow: {id: %s", r->flow);
    if (with_ns) buf_addf(b, ", namespace: %s", r->ns);
    if (r->states) {
        buf_adds(b, ", states: [");
        write_states(b, r->states);
        buf_adds(b, "]");
    }
    buf_adds(b, "}");
}

static void write_kestra(struct buf *b, const struct rule *r)
{
    buf_adds(b, "type: " TYPE "trigger.Flow, conditions: [");
    if (*r->flow != '-')
        buf_addf(b, "{type: " TYPE "condition.ExecutionFlow, namespace: %s, flowId: %s}, ", r->ns,
                 r->flow);
    else if (*r->ns != '-')
        buf_addf(b, "{type: " TYPE "condition.ExecutionNamespace, namespace: %s, comparison: %s}, ",
                 r->ns, r->how);
    if (r->states) {
        buf_adds(b, "{type: " TYPE "condition.ExecutionStatus, in: [");
        write_states(b, r->states);
        buf_adds(b, "]}");
    }
    buf_adds(b, "]");
}

void flow_after_write(struct flow_sim *s, struct buf *heads, struct buf *triggers, int flow,
                      int number)
{
    static const char *const beginnings[] = {"a", "a.", "a.b", "a.b.", "ab", "c"};
    static const unsigned sets[] = {0, 1u << EXECUTION_SUCCESS,
                                    1u << EXECUTION_FAILED | 1u << EXECUTION_WARNING,
                                    1u << EXECUTION_KILLED | 1u << EXECUTION_CANCELLED};
    struct rule r = {.flow = "-", .how = "EQUALS", .ns = "-", .states = sets[flow_random(s, 0, 3)]};
    int other = (int)flow_random(s, 0, SIM_FLOWS - 1), kind = (int)flow_random(s, 0, 4);
    str_format(r.trigger, sizeof r.trigger, "a%d", number);
    if (kind < 3) str_copy(r.ns, sizeof r.ns, flow_ns(other));
    if (kind < 2 && other != flow) str_format(r.flow, sizeof r.flow, "f%d", other);
    if (kind == 3) {
        str_copy(r.how, sizeof r.how, "PREFIX");
        str_copy(r.ns, sizeof r.ns, beginnings[flow_random(s, 0, 5)]);
    }
    buf_addf(triggers, "  - {id: %s, ", r.trigger);
    if (kind == 0 && *r.flow != '-')
        write_own(triggers, &r, !str_eq(r.ns, flow_ns(flow)) || flow_random(s, 0, 1));
    else
        write_kestra(triggers, &r);
    if (flow_random(s, 0, 6) == 0) buf_adds(triggers, ", disabled: true");
    buf_adds(triggers, "}\n");
    buf_addf(heads, "#after %s %s %s %s %u\n", r.trigger, r.flow, r.how, r.ns, r.states);
}

/* ---- seen ---- */

void flow_after_list(struct seen_list *l, struct seen_execution *x)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->items = mem_resize(l->items, l->cap, sizeof *l->items);
    }
    l->items[l->count++] = x;
}

void flow_after_born(struct flow_sim *s, struct seen_execution *x, const struct execution_row *row)
{
    struct json *vars = NULL;
    if (row->trigger_vars)
        (void)json_parse(row->trigger_vars, strlen(row->trigger_vars), &vars, NULL);
    (void)id_parse(json_get_str(vars, "executionId", ""), &x->parent);
    json_free(vars);
    x->depth = row->depth;
    flow_after_list(&s->followers, x);
    s->followed++;
    s->deep += x->depth == DEPTH_MAX;
}

static const struct seen_execution *parent_of(struct flow_sim *s, const struct seen_execution *x)
{
    return x->parent ? map_find(&s->executions, (uint64_t)x->parent) : NULL;
}

/* ---- checked ---- */

static bool fits(const struct rule *r, const struct seen_execution *end)
{
    const char *ns = flow_ns(end->flow[1] - '0');
    if (r->states && !(r->states >> end->state & 1)) return false;
    if (*r->flow != '-' && strcmp(r->flow, end->flow) != 0) return false;
    if (*r->ns == '-') return true;
    return str_eq(r->how, "PREFIX") ? strncmp(ns, r->ns, strlen(r->ns)) == 0 : !strcmp(ns, r->ns);
}

/* Is the flow among those whose ends led to this one? */
static bool is_circle(struct flow_sim *s, const char *flow, const struct seen_execution *end)
{
    for (; end; end = parent_of(s, end)) {
        if (str_eq(end->flow, flow)) return true;
    }
    return false;
}

/* Of each trigger: the executions that were open at any time of the batch, those that ended as they
 * came included; and those that were open all the time. */
struct tally {
    int ever, always;
};

static struct tally *tally_of(struct tally all[SIM_FLOWS][2], const char *flow, const char *trigger)
{
    return &all[flow[1] - '0'][trigger[1] - '0'];
}

static void count_open(struct flow_sim *s, struct tally all[SIM_FLOWS][2])
{
    size_t place = 0;
    for (const struct seen_execution *x; (x = map_next(&s->executions, &place)) != NULL;) {
        if (*x->trigger != 'a') continue;
        struct tally *t = tally_of(all, x->flow, x->trigger);
        t->ever += !x->over || x->over == s->batches;
        t->always += !x->over && x->born < s->batches;
    }
}

static bool is_disabled(struct flow_sim *s, const char *flow, const char *trigger)
{
    struct trigger_row t;
    if (reader_trigger(s->reader, flow_ns(flow[1] - '0'), flow, trigger, &t, NULL)) {
        flow_violation(s, "trigger %s of %s is not there", trigger, flow);
        return true;
    }
    bool disabled = t.disabled;
    trigger_row_fini(&t);
    return disabled;
}

/* ever: executions of the trigger that were open at any time of the batch. */
static void check_started(struct flow_sim *s, const char *flow, const struct rule *r,
                          const struct seen_execution *end, int ever)
{
    char id[ID_TEXT_SIZE];
    int count = 0;
    id_format(end->id, id);
    for (size_t i = 0; i < s->followers.count; i++) {
        struct seen_execution *x = s->followers.items[i];
        if (x->parent != end->id || !str_eq(x->flow, flow) || !str_eq(x->trigger, r->trigger))
            continue;
        x->matched = true;
        count++;
    }
    if (count == 1) return;
    if (count > 1)
        flow_violation(s, "after: the end of %s (%s) started %d executions of %s.%s", id, end->flow,
                       count, flow, r->trigger);
    else if (end->depth < DEPTH_MAX && !(ever >= CIRCLE_OPEN_MAX && is_circle(s, flow, end)))
        flow_violation(s, "after: the end of %s (%s, %s) started nothing of %s.%s", id, end->flow,
                       fsm_name(&execution_fsm, (int)end->state), flow, r->trigger);
}

/* "#after TRIGGER FLOW HOW NS STATES"; false: another comment. */
static bool read_rule(const char *line, struct rule *r)
{
    static const char mark[] = "#after ";
    if (!str_starts(line, mark)) return false;
    const char *at = flow_read_word(line + sizeof mark - 1, r->trigger, sizeof r->trigger);
    at = flow_read_word(at, r->flow, sizeof r->flow);
    at = flow_read_word(at, r->how, sizeof r->how);
    at = flow_read_word(at, r->ns, sizeof r->ns);
    r->states = (unsigned)strtoul(at, NULL, 10);
    return true;
}

/* Every trigger of the flow, as it is written now, with every end of the batch: commands come
 * before ends. */
static void check_flow(struct flow_sim *s, const char *flow, struct tally all[SIM_FLOWS][2])
{
    struct flow_row row = {0};
    if (reader_flow(s->reader, flow_ns(flow[1] - '0'), flow, 0, &row, NULL)) return;
    for (const char *line = row.source; line && *line == '#'; line = strchr(line, '\n') + 1) {
        struct rule r;
        if (!read_rule(line, &r)) continue;
        if (is_disabled(s, flow, r.trigger)) continue;
        for (size_t i = 0; i < s->ends.count; i++) {
            const struct seen_execution *end = s->ends.items[i];
            if (!str_eq(end->flow, flow) && fits(&r, end))
                check_started(s, flow, &r, end, tally_of(all, flow, r.trigger)->ever);
        }
    }
    flow_row_fini(&row);
}

/* always: executions of its trigger that were open all the time of the batch. */
static void check_follower(struct flow_sim *s, const struct seen_execution *x, int always)
{
    char id[ID_TEXT_SIZE];
    const struct seen_execution *parent = parent_of(s, x);
    id_format(x->id, id);
    if (!parent || parent->over != s->batches)
        flow_violation(s, "after: %s of %s was started by no end of the batch", id, x->flow);
    else if (!x->matched)
        flow_violation(s, "after: the end of an execution of %s started %s of %s, and should not",
                       parent->flow, id, x->flow);
    else if (x->depth != parent->depth + 1 || x->depth > DEPTH_MAX)
        flow_violation(s, "after: %s has the depth %d, and the one before %d", id, (int)x->depth,
                       (int)parent->depth);
    else if (always >= CIRCLE_OPEN_MAX && is_circle(s, x->flow, parent))
        flow_violation(s, "after: a circle started %s, and has too many open already", id);
}

void flow_after_check(struct flow_sim *s)
{
    struct tally all[SIM_FLOWS][2] = {0};
    if (s->ends.count + s->followers.count == 0) return;
    count_open(s, all);
    for (int i = 0; i < SIM_FLOWS && s->ends.count > 0; i++) {
        char flow[8];
        str_format(flow, sizeof flow, "f%d", i);
        check_flow(s, flow, all);
    }
    for (size_t i = 0; i < s->followers.count; i++) {
        const struct seen_execution *x = s->followers.items[i];
        check_follower(s, x, tally_of(all, x->flow, x->trigger)->always);
    }
}
