/* A pass: of each event, what lasts by each rule is found and compared with the notices that are
 * open; then those that nothing holds are over. */
#include "coordinator/engine/alarm.h"

#include "base/buf.h"
#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/absence.h"
#include "coordinator/engine/facts.h"
#include "coordinator/engine/group.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/rule_groups.h"
#include "coordinator/engine/tried.h"
#include "coordinator/store/model_token.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define NAMED 5 /* of those that share a notice */
#define WAITING_SIZE 48
#define QUEUES_MOST 1000 /* of a group, that are looked at for its oldest job */

/* Something that lasts, or of which it is not known yet whether it does: `keep`. */
struct subject {
    const char *name;
    const void *of; /* the struct of the event */
    bool keep;
};

struct pass {
    struct engine *g;
    const struct rule *rule;
    struct subject *items;
    size_t count, cap;
};

/* Of a message that no rule holds any more. It is told only when it is over by the limit that it
 * was told with: a rule may ask for less since, and nothing else have changed. */
enum over { OVER_NOT, OVER_QUIETLY, OVER_TOLD };

static void add(struct pass *p, const char *name, const void *of, bool keep)
{
    if (p->count == p->cap) {
        p->cap = p->cap > 0 ? 2 * p->cap : 64;
        p->items = mem_resize(p->items, p->cap, sizeof *p->items);
    }
    p->items[p->count++] = (struct subject){name, of, keep};
}

/* How long it lasted, whole seconds. */
static void format_lasted(const struct engine *g, const struct notice_row *row,
                          char out[DURATION_TEXT_SIZE])
{
    int64_t since_ms = facts_since_ms(row->facts);
    int64_t ms = g->now.wall_ms - (since_ms > 0 ? since_ms : row->first_ms);
    if (ms < 0) ms = 0; /* the clock was set back */
    duration_format(ms - ms % 1000, out);
}

/* ---- agents ---------------------------------------------------------------------------------- */

static bool is_in_group(const struct absence *a, const char *key)
{
    struct group_keys keys;
    bool found = !key;
    if (found) return true;
    group_keys_read(&keys, a->group, a->groups);
    for (size_t i = 0; i < keys.count && !found; i++)
        found = str_eq(keys.items[i], key);
    group_keys_fini(&keys);
    return found;
}

static void find_offline(struct pass *p)
{
    size_t place = 0;
    for (const struct absence *a; (a = absence_next(p->g, &place)) != NULL;) {
        bool young = p->g->now.mono_ms - a->since_ms < p->rule->limit;
        /* one that came for a moment may be among those that were told together */
        if (young && !a->from_start && a->stayed_ms >= p->rule->limit) continue;
        if (is_in_group(a, p->rule->group)) add(p, a->name, a, young);
    }
}

static void say_offline(const struct pass *p, const struct subject *s, struct facts *f)
{
    const struct absence *a = s->of;
    char lasted[DURATION_TEXT_SIZE];
    int64_t ms = p->g->now.mono_ms - a->since_ms;
    duration_format(ms - ms % 1000, lasted);
    f->title = str_dupf("agent %s is offline", a->name);
    f->text = str_dupf("for %s%s", lasted,
                       a->from_start ? ", counted from the start of the coordinator" : "");
    f->group = a->group;
    f->agent = a->name;
    f->since_ms = p->g->now.wall_ms - ms;
}

static enum over say_online(struct engine *g, const struct notice_row *row, struct facts *f)
{
    struct agent_row agent;
    char lasted[DURATION_TEXT_SIZE];
    int rc = store_agent_find_name(g->store, row->subject, &agent, &g->err);
    if (!store_ok(g, rc) || rc == 0) return OVER_QUIETLY;
    /* away again, or the rule asks for more now */
    bool back = !absence_find(g, agent.id);
    f->title = str_dupf("agent %s is online", row->subject);
    format_lasted(g, row, lasted);
    f->text = str_dupf("it was away for %s", lasted);
    f->group = f->kept = mem_strdup(agent.group);
    f->agent = row->subject;
    agent_row_fini(&agent);
    return back ? OVER_TOLD : OVER_NOT;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* The next group that the rule is about. */
static struct group *next_group(const struct pass *p, struct group *at, size_t *place)
{
    do {
        at = at && at->next_same ? at->next_same : map_next(&p->g->groups, place);
    } while (at && (at->deleted || (p->rule->group && !str_eq(p->rule->group, at->row.key))));
    return at;
}

/* For the time that an agent has to come back from when the group was found to be short: one that
 * comes and goes without end does not hold up the others' loss. */
static int64_t short_from_ms(const struct pass *p, const struct group *group, int64_t key)
{
    const struct watched *w = watch_find(&p->g->short_from, key);
    if (!w) watch_put(&p->g->short_from, key, group->missed_until_ms);
    return w ? w->at_ms : group->missed_until_ms;
}

/* Its agents may be on their way back. */
static bool is_expecting(const struct pass *p, const struct group *group, int64_t key)
{
    int64_t now_ms = p->g->now.mono_ms;
    return now_ms < p->g->alarms_from_ms || now_ms < group->expect_until_ms ||
           now_ms < short_from_ms(p, group, key);
}

/* Of the rule and the group. */
static int64_t short_key(const struct pass *p, const struct group *group)
{
    char text[400];
    (void)str_format(text, sizeof text, "%s %s", p->rule->name, group->row.key);
    return (int64_t)map_text_key(text);
}

/* A group that the rule names and that does not exist has no agents. */
static void find_short(struct pass *p)
{
    const char *named = p->rule->group;
    size_t place = 0;
    const struct watched *first;
    while ((first = watch_first(&p->g->short_from)) != NULL && /* of groups that are gone */
           first->at_ms + NOTICE_FORGET_MS < p->g->now.mono_ms)
        watch_remove(&p->g->short_from, first->id);
    for (struct group *group = NULL; (group = next_group(p, group, &place)) != NULL;) {
        int64_t key = short_key(p, group);
        if (group->online < p->rule->limit)
            add(p, group->row.key, group, is_expecting(p, group, key));
        else
            watch_remove(&p->g->short_from, key);
    }
    if (named && !rules_group_is_there(p->g, named))
        add(p, named, NULL, p->g->now.mono_ms < p->g->alarms_from_ms);
}

static const char *take(int64_t agents)
{
    return agents == 1 ? "takes" : "take";
}

static void say_short(const struct pass *p, const struct subject *s, struct facts *f)
{
    const struct group *group = s->of;
    f->title = str_dupf("group %s has too few agents", s->name);
    f->text = group ? str_dupf("%lld of at least %lld %s jobs", (long long)group->online,
                               (long long)p->rule->limit, take(group->online))
                    : mem_strdup("there is no such group");
    f->group = s->name;
}

static enum over say_enough(struct engine *g, const struct notice_row *row, struct facts *f)
{
    const struct group *group = group_find(g, row->subject);
    char lasted[DURATION_TEXT_SIZE];
    int64_t online = group ? group->online : 0;
    format_lasted(g, row, lasted);
    f->title = str_dupf("group %s has enough agents again", row->subject);
    f->text =
        str_dupf("%lld %s jobs; it had too few for %s", (long long)online, take(online), lasted);
    f->group = row->subject;
    bool enough = group && !group->deleted && group->online >= facts_limit(row->facts);
    return enough ? OVER_TOLD : OVER_QUIETLY;
}

/* ---- queues ---------------------------------------------------------------------------------- */

/* 0: it is empty, or a failure was noted. */
static int64_t find_oldest(struct engine *g, const struct group *group)
{
    int64_t oldest = 0;
    size_t most = group->pending_count < QUEUES_MOST ? group->pending_count : QUEUES_MOST;
    for (const struct tried *t = group->aside.first; t; t = t->next)
        if (oldest == 0 || t->head.id < oldest) oldest = t->head.id;
    for (size_t i = 0; i < most; i++) {
        struct queue_key key = {group->row.key, group->pending[i]->requires_id};
        int64_t id;
        if (!store_ok(g, store_queue_oldest(g->store, &key, &id, &g->err))) return 0;
        if (id && (oldest == 0 || id < oldest)) oldest = id;
    }
    return oldest;
}

/* Once a pass, whatever rules ask for it: a group may have many queues. */
static int64_t oldest_of(struct engine *g, struct group *group)
{
    if (group->oldest_pass != g->alarm_pass) {
        group->oldest = group->queued > 0 ? find_oldest(g, group) : 0;
        group->oldest_pass = g->alarm_pass;
    }
    return group->oldest;
}

/* limit 0: no message said so. */
static bool is_old(const struct engine *g, int64_t job, int64_t limit)
{
    return limit > 0 && job < id_floor(g->now.wall_ms - limit);
}

/* Somebody paused a group on purpose: it is left as it was. */
static void find_old(struct pass *p)
{
    size_t place = 0;
    for (struct group *group = NULL; (group = next_group(p, group, &place)) != NULL;) {
        if (p->g->rc) return;
        int64_t oldest = group->row.paused ? 0 : oldest_of(p->g, group);
        if (group->row.paused || (oldest && is_old(p->g, oldest, p->rule->limit)))
            add(p, group->row.key, group, group->row.paused);
    }
}

/* group NULL: it is gone. */
static void format_waiting(const struct group *group, char out[WAITING_SIZE])
{
    int64_t count = group ? group->queued : 0;
    if (count == 0)
        (void)str_format(out, WAITING_SIZE, "none waits");
    else
        (void)str_format(out, WAITING_SIZE, "%lld job%s", (long long)count,
                         count == 1 ? " waits" : "s wait");
}

static void say_old(const struct pass *p, const struct subject *s, struct facts *f)
{
    struct group *group = group_find(p->g, s->name);
    char limit[DURATION_TEXT_SIZE], id[ID_TEXT_SIZE], waiting[WAITING_SIZE];
    duration_format(p->rule->limit, limit);
    id_format(oldest_of(p->g, group), id);
    f->title = str_dupf("a job of group %s has waited longer than %s", group->row.key, limit);
    format_waiting(group, waiting);
    f->text = str_dupf("%s, %s %s; 'cadre job why %s' says for what", waiting,
                       group->queued == 1 ? "it is" : "the oldest is", id, id);
    f->group = group->row.key;
}

static enum over say_young(struct engine *g, const struct notice_row *row, struct facts *f)
{
    struct group *group = group_find(g, row->subject);
    char lasted[DURATION_TEXT_SIZE], waiting[WAITING_SIZE];
    format_lasted(g, row, lasted);
    format_waiting(group, waiting);
    f->title = str_dupf("no job of group %s has waited for long any more", row->subject);
    f->text = str_dupf("%s; it lasted for %s", waiting, lasted);
    f->group = row->subject;
    if (!group || group->deleted) return OVER_QUIETLY;
    int64_t oldest = oldest_of(g, group);
    return oldest && is_old(g, oldest, facts_limit(row->facts)) ? OVER_QUIETLY : OVER_TOLD;
}

/* ---- tokens ---------------------------------------------------------------------------------- */

struct ending {
    char id[ID_TEXT_SIZE], what[160];
    int64_t expires_ms;
};

/* The end of one that was made for less is no surprise. */
static int add_ending(const struct token_row *t, void *user)
{
    struct pass *p = user;
    if (t->expires_ms - t->created_ms <= p->rule->limit) return 0;
    struct ending *x = mem_alloc(sizeof *x);
    id_format(t->id, x->id);
    (void)str_format(x->what, sizeof x->what, "%s (%s)", t->name ? t->name : x->id,
                     role_names[t->role]);
    x->expires_ms = t->expires_ms;
    add(p, x->id, x, false);
    return 0;
}

static void find_ending(struct pass *p)
{
    struct engine *g = p->g;
    int64_t now_ms = g->now.wall_ms;
    (void)store_ok(g, store_each_token_ending(g->store, now_ms, now_ms + p->rule->limit, add_ending,
                                              p, &g->err));
}

static void free_endings(struct pass *p)
{
    for (size_t i = 0; i < p->count; i++)
        mem_free((void *)(uintptr_t)p->items[i].of);
}

static void say_ending(const struct pass *p, const struct subject *s, struct facts *f)
{
    const struct ending *x = s->of;
    char at[TIME_TEXT_SIZE];
    (void)p;
    time_format(x->expires_ms, at);
    f->title = str_dupf("token %s ends soon", x->what);
    f->text = str_dupf("at %s; make another and revoke %s", at, x->id);
}

/* Revoked, or at its end. Of one that lasts longer than the rules ask for, nobody is told. */
static enum over say_ended(struct engine *g, const struct notice_row *row, struct facts *f)
{
    struct token_row t;
    int64_t id;
    int rc = id_parse(row->subject, &id) ? 0 : store_token_find(g->store, id, &t, &g->err);
    if (!store_ok(g, rc) || rc == 0) return OVER_QUIETLY;
    bool over = t.revoked_ms > 0 || t.expires_ms <= g->now.wall_ms;
    f->title = str_dupf("token %s %s", t.name ? t.name : row->subject,
                        t.revoked_ms > 0 ? "was revoked" : "has ended");
    f->text = str_dupf("it is %s", row->subject);
    token_row_fini(&t);
    return over ? OVER_TOLD : OVER_QUIETLY;
}

/* ---- the coordinator's disk ------------------------------------------------------------------ */

void apply_standing(struct engine *g, const struct command *c)
{
    g->standing = c->u.standing;
    text_set(&g->standing_of, c->text ? c->text : "");
}

/* Over with a tenth more, so that it does not come and go. */
static bool is_low(int64_t room, int64_t limit)
{
    return room < limit + limit / 10;
}

static void find_low(struct pass *p)
{
    int64_t room = p->g->standing.disk_free, limit = p->rule->limit;
    if (room < 0 || is_low(room, limit)) add(p, p->g->standing_of, NULL, room < 0 || room >= limit);
}

static void say_low(const struct pass *p, const struct subject *s, struct facts *f)
{
    char room[DURATION_TEXT_SIZE], limit[DURATION_TEXT_SIZE];
    size_round(p->g->standing.disk_free, room);
    size_format(p->rule->limit, limit);
    f->title = str_dupf("the coordinator's disk has %s left", room);
    f->text = str_dupf("less than %s in %s; when it is full, no job is taken", limit, s->name);
}

static enum over say_roomy(struct engine *g, const struct notice_row *row, struct facts *f)
{
    char room[DURATION_TEXT_SIZE], lasted[DURATION_TEXT_SIZE];
    size_round(g->standing.disk_free, room);
    format_lasted(g, row, lasted);
    f->title = str_dupf("the coordinator's disk has %s left again", room);
    f->text = str_dupf("in %s; it had too little for %s", row->subject, lasted);
    bool roomy = !is_low(g->standing.disk_free, facts_limit(row->facts));
    return roomy && str_eq(row->subject, g->standing_of) ? OVER_TOLD : OVER_QUIETLY;
}

/* ---- certificates ---------------------------------------------------------------------------- */

#define CERT_CA "CA"
#define CERT_SERVER "server"
#define CERT_WEB "web"

/* One that is renewed in time, after two thirds of its life, never comes so far. */
static bool is_ending(const struct engine *g, const struct span *s, int64_t limit)
{
    int64_t quarter = (s->until_ms - s->from_ms) / 4;
    return s->until_ms - g->now.wall_ms < (quarter < limit ? quarter : limit);
}

/* The certificates, by their subjects. */
static const struct certificate {
    const char *name;
    size_t life; /* place of the struct span in struct standing */
    const char *rest;
} certificates[] = {
    {CERT_CA, offsetof(struct standing, ca), "agents have to join again when it has ended"},
    {CERT_SERVER, offsetof(struct standing, server),
     "it is renewed by itself, unless the log says why not"},
    {CERT_WEB, offsetof(struct standing, web),
     "it is yours: web.certificate and web.key are read again when they change"},
};
#define CERTIFICATES (sizeof certificates / sizeof *certificates)

static const struct span *life_of(const struct engine *g, const struct certificate *c)
{
    return (const struct span *)((const char *)&g->standing + c->life);
}

static void find_certificates(struct pass *p)
{
    for (size_t i = 0; i < CERTIFICATES; i++) {
        const struct span *life = life_of(p->g, &certificates[i]);
        if (life->until_ms && is_ending(p->g, life, p->rule->limit))
            add(p, certificates[i].name, &certificates[i], false);
    }
}

static void say_certificate(const struct pass *p, const struct subject *s, struct facts *f)
{
    const struct certificate *c = s->of;
    const struct span *life = life_of(p->g, c);
    char at[TIME_TEXT_SIZE];
    bool over = life->until_ms <= p->g->now.wall_ms;
    time_format(life->until_ms, at);
    f->title =
        str_dupf("the coordinator's %s certificate %s", s->name, over ? "has ended" : "ends soon");
    f->text = str_dupf("at %s; %s", at, c->rest);
}

/* `web:` may be gone from the configuration. */
static enum over say_renewed(struct engine *g, const struct notice_row *row, struct facts *f)
{
    const struct certificate *c = certificates;
    char at[TIME_TEXT_SIZE];
    while (c < certificates + CERTIFICATES && !str_eq(c->name, row->subject))
        c++;
    const struct span *life = c < certificates + CERTIFICATES ? life_of(g, c) : NULL;
    if (!life || !life->until_ms) return OVER_QUIETLY;
    time_format(life->until_ms, at);
    f->title = str_dupf("the coordinator's %s certificate was renewed", row->subject);
    f->text = str_dupf("it ends at %s", at);
    return is_ending(g, life, facts_limit(row->facts)) ? OVER_QUIETLY : OVER_TOLD;
}

/* ---- events ---------------------------------------------------------------------------------- */

static const struct event {
    void (*find)(struct pass *p);
    void (*say)(const struct pass *p, const struct subject *s, struct facts *f);
    enum over (*say_over)(struct engine *g, const struct notice_row *row, struct facts *f);
    const char *one, *many; /* "one more AGENT IS OFFLINE", "37 AGENTS ARE OFFLINE" */
    const char *rest, *all; /* it is over of these beside others, and of all */
    unsigned every;         /* passes: what costs more than memory; 0: each */
    void (*done)(struct pass *p);
    bool waits; /* until the host told how it is */
} events[RULE_LAST_LASTING + 1] = {
    [RULE_AGENT_OFFLINE] = {find_offline, say_offline, say_online, "agent is offline",
                            "agents are offline", "the other agents are online",
                            "all of them are online", 0, NULL, false},
    [RULE_GROUP_SHORT] = {find_short, say_short, say_enough, "group has too few agents",
                          "groups have too few agents", "the other groups have enough agents again",
                          "all of them have enough agents again", 0, NULL, false},
    [RULE_QUEUE_OLD] = {find_old, say_old, say_young, "group has jobs that have waited for long",
                        "groups have jobs that have waited for long",
                        "no job of the other groups has waited for long any more",
                        "no job of them has waited for long any more", 6, NULL, false},
    [RULE_TOKEN_ENDS] = {find_ending, say_ending, say_ended, "token ends soon", "tokens end soon",
                         "the other tokens were revoked or have ended",
                         "all of them were revoked or have ended", 12, free_endings, false},
    [RULE_CERTIFICATE_ENDS] = {find_certificates, say_certificate, say_renewed,
                               "certificate ends soon", "certificates end soon",
                               "the others were renewed", "all of them were renewed", 0, NULL,
                               true},
    [RULE_DISK_LOW] = {find_low, say_low, say_roomy, "disk is full", "disks are full",
                       "the others are not", "none of them is", 0, NULL, true},
};

static int compare(const void *a, const void *b)
{
    return strcmp(((const struct subject *)a)->name, ((const struct subject *)b)->name);
}

/* ---- one channel of a rule ------------------------------------------------------------------- */

static void name_shared(const struct rule *rule, char out[96])
{
    (void)str_format(out, 96, RULE_SHARED "%s)", rule->name);
}

/* Of a state that was told before and lasts. Since when is kept: after a restart an agent counts
 * anew. */
static void say_again(const struct pass *p, const struct notice_row *row, struct facts *f)
{
    char lasted[DURATION_TEXT_SIZE];
    int64_t since_ms = facts_since_ms(row->facts);
    char *text = f->since_ms > 0 ? NULL : f->text; /* which says the same */
    format_lasted(p->g, row, lasted);
    char *again =
        str_dupf("%s%sit has lasted for %s and was told %lld time%s before", text ? text : "",
                 text ? "; " : "", lasted, (long long)row->messages, row->messages == 1 ? "" : "s");
    mem_free(f->text);
    f->text = again;
    if (f->since_ms > 0 && since_ms > 0) f->since_ms = since_ms;
}

/* The first message, or one more of a notice that is open. */
static void raise_own(struct pass *p, const char *channel, const struct subject *s,
                      struct notice *again)
{
    const char *event = rule_event_names[p->rule->event];
    struct facts f = {0};
    events[p->rule->event].say(p, s, &f);
    f.limit = p->rule->limit;
    if (again) say_again(p, notice_row(again), &f);
    char *facts = facts_make(&f);
    if (again)
        notice_repeat(p->g, again, facts);
    else
        notice_raise(p->g, channel, event, s->name, facts);
    mem_free(facts);
    struct notice *n = notice_open(p->g, channel, event, s->name);
    if (n) notice_mark(n, p->g->alarm_pass);
}

static bool is_due_again(const struct pass *p, const struct notice *n)
{
    return p->rule->repeat > 0 && notice_may_repeat(p->g, n, p->rule->repeat);
}

static bool is_alone(const struct pass *p, const char *channel, const struct subject *s)
{
    return notice_open(p->g, channel, rule_event_names[p->rule->event], s->name) != NULL;
}

/* Those without a notice of their own, by name. */
static char *name_some(const struct pass *p, const char *channel, size_t count)
{
    struct buf b;
    size_t named = 0;
    buf_init(&b, 64 * 1024);
    for (size_t i = 0; i < p->count && named < NAMED; i++) {
        const struct subject *s = &p->items[i];
        if (s->keep || is_alone(p, channel, s)) continue;
        buf_addf(&b, "%s%s", named++ > 0 ? ", " : "", s->name);
    }
    if (count > named) buf_addf(&b, " and %zu more", count - named);
    char *text = mem_strndup(b.data, b.len);
    buf_fini(&b);
    return text;
}

static void raise_shared(struct pass *p, const char *channel, size_t count, bool beside,
                         struct notice *again)
{
    char subject[96];
    const char *more = beside ? " more" : "";
    struct facts f = {.title = count == 1
                                   ? str_dupf("one%s %s", more, events[p->rule->event].one)
                                   : str_dupf("%zu%s %s", count, more, events[p->rule->event].many),
                      .text = name_some(p, channel, count),
                      .group = p->rule->group,
                      .number = (int64_t)count};
    if (again) say_again(p, notice_row(again), &f);
    char *facts = facts_make(&f);
    name_shared(p->rule, subject);
    if (again)
        notice_repeat(p->g, again, facts);
    else
        notice_raise(p->g, channel, rule_event_names[p->rule->event], subject, facts);
    mem_free(facts);
}

static void end_shared(struct pass *p, struct notice *n, bool beside)
{
    const char *title = beside ? events[p->rule->event].rest : events[p->rule->event].all;
    char lasted[DURATION_TEXT_SIZE];
    format_lasted(p->g, notice_row(n), lasted);
    struct facts f = {.title = mem_strdup(title),
                      .text = str_dupf("it lasted for %s", lasted),
                      .group = p->rule->group};
    char *facts = facts_make(&f);
    notice_end(p->g, n, facts);
    mem_free(facts);
}

static void settle(struct pass *p, const char *channel)
{
    const char *event = rule_event_names[p->rule->event];
    char subject[96];
    size_t own = 0, rest = 0, unsure = 0;
    for (size_t i = 0; i < p->count; i++) {
        struct notice *n = notice_open(p->g, channel, event, p->items[i].name);
        if (n) notice_mark(n, p->g->alarm_pass);
        if (n && !p->items[i].keep && is_due_again(p, n) && p->g->rc == 0)
            raise_own(p, channel, &p->items[i], n);
        *(n ? &own : p->items[i].keep ? &unsure : &rest) += 1;
    }
    if (rest > 0) qsort(p->items, p->count, sizeof *p->items, compare);
    name_shared(p->rule, subject);
    struct notice *shared = notice_open(p->g, channel, event, subject);
    if (!shared && (rest == 0 || own + rest <= ALARM_OWN)) {
        for (size_t i = 0; i < p->count && rest > 0 && p->g->rc == 0; i++)
            if (!p->items[i].keep && !is_alone(p, channel, &p->items[i]))
                raise_own(p, channel, &p->items[i], NULL);
        return;
    }
    if (!shared || (int64_t)rest > facts_number(notice_row(shared)->facts))
        raise_shared(p, channel, rest, own > 0, NULL);
    else if (rest + unsure == 0)
        end_shared(p, shared, own > 0);
    else if (rest > 0 && is_due_again(p, shared))
        raise_shared(p, channel, rest, own > 0, shared);
    shared = notice_open(p->g, channel, event, subject);
    if (shared) notice_mark(shared, p->g->alarm_pass);
}

static void look(struct engine *g, const struct rule *rule)
{
    struct pass p = {.g = g, .rule = rule};
    events[rule->event].find(&p);
    for (size_t i = 0; i < rule->channel_count && g->rc == 0; i++)
        settle(&p, rule->channels[i]);
    if (events[rule->event].done) events[rule->event].done(&p);
    mem_free(p.items);
}

/* ---- what nothing holds any more ------------------------------------------------------------- */

static bool is_asked_for(const struct engine *g, const struct notice_row *row)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule *r = &g->config.rules[i];
        if (!str_eq(rule_event_names[r->event], row->event)) continue;
        for (size_t k = 0; k < r->channel_count; k++)
            if (str_eq(r->channels[k], row->channel)) return true;
    }
    return false;
}

static void end_one(struct engine *g, struct notice *n, enum rule_event event)
{
    const struct notice_row *row = notice_row(n);
    struct facts f = {0};
    bool asked = !str_starts(row->subject, RULE_SHARED) && is_asked_for(g, row);
    enum over over = asked ? events[event].say_over(g, row, &f) : OVER_QUIETLY;
    char *facts = facts_make(&f);
    if (g->rc == 0 && over == OVER_TOLD) notice_end(g, n, facts);
    if (g->rc == 0 && over == OVER_QUIETLY) notice_drop(g, n);
    mem_free(facts);
}

static void end_rest(struct engine *g, enum rule_event event)
{
    for (struct notice *n = notice_next_lasting(g, NULL), *next; n && g->rc == 0; n = next) {
        const struct notice_row *row = notice_row(n);
        next = notice_next_lasting(g, n);
        if (row->state == NOTICE_OPEN && str_eq(row->event, rule_event_names[event]) &&
            !notice_is_marked(n, g->alarm_pass))
            end_one(g, n, event);
    }
}

/* ---- when ------------------------------------------------------------------------------------ */

void alarms_on_timer(struct engine *g)
{
    g->alarm_pass++;
    for (int e = 0; e <= RULE_LAST_LASTING && g->rc == 0; e++) {
        if (events[e].waits && !g->standing_of) continue;
        if (events[e].every && (g->alarm_pass - 1) % events[e].every) continue;
        for (size_t i = 0; i < g->config.rule_count && g->rc == 0; i++)
            if ((int)g->config.rules[i].event == e) look(g, &g->config.rules[i]);
        if (g->rc == 0) end_rest(g, (enum rule_event)e);
    }
    alarms_load(g);
}

void alarms_load(struct engine *g)
{
    if (g->config.rule_count > 0 || notice_next_lasting(g, NULL))
        timer_set(g, &g->alarm, g->now.mono_ms + ALARM_EVERY_MS);
}
