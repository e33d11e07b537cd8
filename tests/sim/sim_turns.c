/* Whose turn a slot was, by an account of its own: what each session was given, what waited, and
 * what is written of groups. */
#include "tests/sim/sim_turns.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/agent.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_placement.h"

#include <string.h>

/* ---- what is broken on purpose ---- */

int64_t __real_member_turn(const struct member *m);
int64_t __wrap_member_turn(const struct member *m);

int64_t __wrap_member_turn(const struct member *m)
{
    return store_faults.forget_turns ? 0 : __real_member_turn(m);
}

void turns_hear(struct sim *s, struct command *c)
{
    if (s->sabotage != SABOTAGE_ALL_GROUPS || c->type != CMD_HELLO) return;
    mem_free(c->u.hello.group);
    mem_free(c->u.hello.groups);
    c->u.hello.group = mem_strdup("alpha");
    c->u.hello.groups = mem_strdup("[\"alpha\",\"default\",\"gamma\"]");
}

/* ---- its groups ---- */

static const char *key_of(int group)
{
    return group_keys[group] ? group_keys[group] : STR_DEFAULT_GROUP;
}

void turns_choose_groups(struct sim *s, struct agent_model *a)
{
    struct buf text;
    a->serves[a->group] = true;
    if (sim_random(s, 0, 2) > 0) return;
    buf_init(&text, sizeof a->groups);
    buf_addf(&text, "[\"%s\"", key_of(a->group));
    for (int i = 0; i < GROUPS; i++) {
        if (a->serves[i] || sim_random(s, 0, 1)) continue;
        a->serves[i] = true;
        buf_addf(&text, ",\"%s\"", key_of(i));
    }
    buf_addc(&text, ']');
    if (strchr(text.data, ',')) (void)str_copy(a->groups, sizeof a->groups, text.data);
    buf_fini(&text);
}

const char *turns_groups(const struct agent_model *a)
{
    return *a->groups ? a->groups : NULL;
}

/* ---- groups as they are written ---- */

struct group_search {
    const char *key;
    bool found, paused, wants_eu;
};

static int find_group(const struct group_row *row, void *user)
{
    struct group_search *f = user;
    if (!str_eq(row->key, f->key)) return 0;
    f->found = true;
    f->paused = row->paused;
    f->wants_eu = row->require && strstr(row->require, "eu-") != NULL;
    return 0;
}

static struct group_search look_up(struct sim *s, int group)
{
    struct group_search f = {.key = key_of(group), .found = group == GROUP_DEFAULT};
    bool forget_pause = store_faults.forget_pause;
    store_faults.forget_pause = false;
    store_each_group(s->world.store, find_group, &f, NULL);
    store_faults.forget_pause = forget_pause;
    return f;
}

void turns_check_groups(struct sim *s, const struct agent_model *a, const struct job_model *j)
{
    char id[ID_TEXT_SIZE];
    id_format(j->row.id, id);
    if (!a->serves[j->group])
        sim_violation(s, "group: %s gets job %s of %s, which it does not serve", a->name, id,
                      key_of(j->group));
    for (int i = 0; i < GROUPS; i++) {
        if (!a->serves[i]) continue;
        struct group_search f = look_up(s, i);
        if (!f.found)
            sim_violation(s, "group: %s gets job %s, but %s is deleted", a->name, id, f.key);
        if (f.paused && i == j->group)
            sim_violation(s, "group: job %s is handed out in %s, which is paused", id, f.key);
        if (f.wants_eu && !a->eu)
            sim_violation(s, "group: %s gets job %s, but does not meet what %s requires", a->name,
                          id, f.key);
    }
}

/* ---- turns ---- */

static bool waits(const struct job_model *k, const struct job_model *j)
{
    return k->known && k != j && (k->state == JOB_CREATED || k->handed > j->handed);
}

/* A job of the group that could have had the slot of the agent that got j. NULL: there was none. */
static const struct job_model *could_have(struct sim *s, const struct agent_model *a,
                                          const struct agent_model *said, int group,
                                          const struct job_model *j)
{
    if (look_up(s, group).paused) return NULL;
    for (int i = 0; i < s->job_count; i++) {
        const struct job_model *k = &s->jobs[i];
        if (k->group == group && waits(k, j) && agent_meets(said, k->requires) &&
            !placement_tried(s, k->row.id, a->id))
            return k;
    }
    return NULL;
}

/* A job that failed before may go where it has not, out of turn. */
static bool is_retrying(const struct sim *s, const struct job_model *j)
{
    for (int i = 0; i < s->job_count; i++) {
        const struct job_model *k = &s->jobs[i];
        if (k->group == j->group && k->attempt > 1 && (k == j || waits(k, j))) return true;
    }
    return false;
}

static int64_t turn_of(const struct turns *t, int group)
{
    return t->at[group] > t->now ? t->at[group] : t->now;
}

void turns_check_hand_out(struct sim *s, const struct effect *x, struct link *l)
{
    char id[ID_TEXT_SIZE], other[ID_TEXT_SIZE];
    const struct job_model *j = map_find(&s->by_id, (uint64_t)x->u.job.job);
    const struct agent_model *a = l->agent;
    struct turns *t = &l->turns;
    if (!j || !turns_groups(a)) return;
    if (t->load != s->loads) *t = (struct turns){.load = s->loads};
    struct agent_model said = check_what_it_said(s, a);
    for (int i = 0; i < GROUPS; i++) {
        if (!a->serves[i] || i == j->group || turn_of(t, i) >= turn_of(t, j->group)) continue;
        const struct job_model *k = could_have(s, a, &said, i, j);
        if (!k || is_retrying(s, j)) continue;
        id_format(j->row.id, id);
        id_format(k->row.id, other);
        sim_violation(s, "turn: %s gets job %s of %s, while it is the turn of %s with job %s",
                      a->name, id, key_of(j->group), key_of(i), other);
    }
    t->now = turn_of(t, j->group);
    t->at[j->group] = t->now + 1;
}
