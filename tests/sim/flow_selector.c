/* workerSelector: a group is picked once, by tags. Which tags a group has and which a task wants is
 * known here from a table and from comments in the flows' texts; who is online and how long the
 * queues are, from the connected agents and from the rows of jobs at the moment of the choice. */
#include "tests/sim/flow_sim.h"

#include "base/id.h"
#include "base/str.h"
#include "coordinator/engine/agent.h"
#include "coordinator/engine/member.h"
#include "coordinator/engine/selector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_SEEN 1000 /* jobs of a queue that are counted */

/* Tags as bits: those of a selector, and those of each group. */
enum { TAG_DEFAULT = 1, TAG_ALPHA = 2, TAG_BETA = 4, TAG_GPU = 8, TAG_FAST = 16, TAGS = 5 };
static const char *const tag_names[TAGS] = {"default", "alpha", "beta", "gpu", "fast"};

static unsigned tags_of(const char *group)
{
    if (str_eq(group, "alpha")) return TAG_ALPHA | TAG_GPU;
    if (str_eq(group, "beta")) return TAG_BETA | TAG_GPU | TAG_FAST;
    return str_eq(group, "default") ? TAG_DEFAULT : 0;
}

const char *flow_tags(const char *group)
{
    return str_eq(group, "alpha") ? "[\"gpu\"]" : "[\"gpu\",\"fast\"]";
}

static bool fits(unsigned group, unsigned wanted, bool all)
{
    return all ? (group & wanted) == wanted : (group & wanted) != 0;
}

/* ---- written ---- */

void flow_selector_write(struct flow_sim *s, struct buf *heads, struct buf *out, const char *name)
{
    static const char *const fallbacks[] = {"WAIT", "WAIT", "FAIL", "CANCEL", "IGNORE"};
    static const unsigned sets[] = {TAG_GPU, TAG_GPU, TAG_GPU | TAG_FAST, TAG_DEFAULT | TAG_GPU,
                                    TAG_BETA | TAG_DEFAULT | TAG_ALPHA};
    unsigned set = sets[flow_random(s, 0, 4)];
    bool all = !(set & TAG_DEFAULT) && flow_random(s, 0, 2) > 0;
    const char *fallback = fallbacks[flow_random(s, 0, 4)], *sep = "";
    buf_adds(out, ", workerSelector: {tags: [");
    for (int i = 0; i < TAGS; i++) {
        if (!(set >> i & 1)) continue;
        buf_addf(out, "%s%s", sep, tag_names[i]);
        sep = ", ";
    }
    buf_addf(out, "]%s, fallback: %s}", all ? "" : ", match: ANY", fallback);
    buf_addf(heads, "#select %s %u %d %s\n", name, set, all, fallback);
}

/* ---- the choice ---- */

struct choice {
    const struct group *group;
    bool online;
    size_t queued;
};

static const char *key_of(const struct group *group)
{
    return group->row.key ? group->row.key : "default";
}

static bool has_agent(const struct engine *g, const char *key)
{
    size_t place = 0;
    for (const struct agent *a; (a = map_next(&g->agents, &place)) != NULL;) {
        for (size_t i = 0; a->session && i < a->member_count; i++) {
            if (str_eq(key_of(a->members[i].group), key)) return true;
        }
    }
    return false;
}

static struct choice look(const struct engine *g, const struct group *group)
{
    static int64_t ids[QUEUE_SEEN];
    struct choice c = {.group = group, .online = has_agent(g, key_of(group))};
    (void)store_queue_list(g->store, group->row.key, ids, QUEUE_SEEN, &c.queued, NULL);
    return c;
}

/* Should b have been taken instead of a? With a sabotage: is it taken by a rule without this part?
 */
static bool is_better(const struct choice *b, const struct choice *a, enum flow_sabotage without)
{
    if (a->online != b->online && without != BREAK_ONLINE) return b->online;
    if (a->queued != b->queued && without != BREAK_SHORTEST) return b->queued < a->queued;
    return (strcmp(key_of(b->group), key_of(a->group)) < 0) != (without == BREAK_KEY);
}

static unsigned wanted_of(const char *selector)
{
    unsigned set = 0;
    for (int i = 0; i < TAGS; i++) {
        if (strstr(selector, tag_names[i])) set |= 1u << i;
    }
    return set;
}

/* The group that may be picked at this place of flow_groups; NULL: there is none, or it fits not.
 */
static const struct group *candidate(const struct engine *g, const char *selector, int place)
{
    const struct group *group = group_find(g, flow_groups[place]);
    if (!group || group->deleted) return NULL;
    bool all = str_starts(selector, "all:");
    return fits(tags_of(key_of(group)), wanted_of(selector), all) ? group : NULL;
}

static const struct group *pick_wrongly(const struct engine *g, const char *selector)
{
    struct choice best = {0};
    for (int i = 0; i < SIM_GROUPS; i++) {
        const struct group *group = candidate(g, selector, i);
        if (!group) continue;
        struct choice other = look(g, group);
        if (!best.group || is_better(&other, &best, flow_faults.sabotage)) best = other;
    }
    return best.group;
}

static void check_choice(const struct engine *g, const char *selector, const struct group *picked)
{
    unsigned wanted = wanted_of(selector);
    bool all = str_starts(selector, "all:");
    struct choice of = {0};
    if (picked) of = look(g, picked);
    if (picked && !fits(tags_of(key_of(picked)), wanted, all))
        snprintf(flow_faults.wrong, sizeof flow_faults.wrong,
                 "selector: %s is sent to %s, which has no such tags", selector, key_of(picked));
    for (int i = 0; i < SIM_GROUPS && !*flow_faults.wrong; i++) {
        const struct group *group = candidate(g, selector, i);
        if (!group) continue;
        struct choice other = look(g, group);
        if (!picked || (group != picked && is_better(&other, &of, BREAK_NOTHING)))
            snprintf(flow_faults.wrong, sizeof flow_faults.wrong,
                     "selector: %s is sent to %s (agents: %d, %zu queued), not to %s (agents: %d, "
                     "%zu queued)",
                     selector, picked ? key_of(picked) : "nowhere", of.online, of.queued,
                     key_of(group), other.online, other.queued);
    }
}

const struct group *__real_selector_pick(const struct engine *g, const char *selector,
                                         const char *ns, struct err *e);
const struct group *__wrap_selector_pick(const struct engine *g, const char *selector,
                                         const char *ns, struct err *e);

const struct group *__wrap_selector_pick(const struct engine *g, const char *selector,
                                         const char *ns, struct err *e)
{
    const struct group *picked = __real_selector_pick(g, selector, ns, e);
    enum flow_sabotage rule = flow_faults.sabotage;
    if (picked && (rule == BREAK_ONLINE || rule == BREAK_SHORTEST || rule == BREAK_KEY))
        picked = pick_wrongly(g, selector);
    check_choice(g, selector, picked);
    if (picked && rule == BREAK_MOVED && ++flow_faults.calls % 5 == 0) picked = g->default_group;
    return picked;
}

/* ---- the job ---- */

/* What the work of that name selects in this revision of the flow; false: it does not. */
static bool rule_of(struct flow_sim *s, const struct job_row *row, int64_t revision, unsigned *set,
                    bool *all, bool *ignore)
{
    struct flow_row flow = {0};
    bool found = false;
    if (reader_flow(s->reader, row->ns, row->flow, revision, &flow, NULL)) return false;
    for (const char *line = flow.source; !found && *line == '#'; line = strchr(line, '\n') + 1) {
        static const char mark[] = "#select ";
        char name[8], tags[12], match[4], fallback[8];
        if (!str_starts(line, mark)) continue;
        const char *at = flow_read_word(line + sizeof mark - 1, name, sizeof name);
        at = flow_read_word(at, tags, sizeof tags);
        at = flow_read_word(at, match, sizeof match);
        flow_read_word(at, fallback, sizeof fallback);
        if (!(found = str_eq(name, row->task))) continue;
        *set = (unsigned)strtoul(tags, NULL, 10);
        *all = !str_eq(match, "0");
        *ignore = str_eq(fallback, "IGNORE");
    }
    flow_row_fini(&flow);
    return found;
}

static int64_t revision_of(struct flow_sim *s, const struct job_row *row)
{
    int64_t id;
    struct execution_row x;
    if (!row->execution || id_parse(row->execution, &id)) return 0; /* an evaluation: as it is */
    if (store_execution_get(s->w.store, id, &x, NULL)) return 0;
    int64_t revision = x.revision;
    execution_row_fini(&x);
    return revision;
}

void flow_selector_check(struct flow_sim *s, struct seen_job *j, const struct job_row *row)
{
    char id[ID_TEXT_SIZE];
    const char *group = row->group ? row->group : "default";
    unsigned set = 0;
    bool all = false, ignore = false;
    id_format(row->id, id);
    if (j->checked && !*j->group) return;
    if (!j->checked || !str_eq(j->group, group)) {
        bool known = rule_of(s, row, revision_of(s, row), &set, &all, &ignore);
        /* one that could not be made has the group that it asked for */
        if (!j->checked && (!known || row->reason == REASON_UNKNOWN_GROUP)) {
            j->checked = true;
            return;
        }
        bool gave_way = ignore && str_eq(group, "default");
        if (j->checked && !gave_way)
            flow_violation(s, "selector: job %s goes from %s to %s", id, j->group, group);
        if (!j->checked && !gave_way && !fits(tags_of(group), set, all))
            flow_violation(s, "selector: job %s is in %s, which has not the tags", id, group);
    }
    j->checked = true;
    str_copy(j->group, sizeof j->group, group);
}
