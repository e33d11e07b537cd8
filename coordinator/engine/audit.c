/* See audit.h. */
#include "coordinator/engine/audit.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define ABOUT_MOST 400 /* bytes */
#define LOOK_BACK 8    /* entries among which the same token's submits are looked for */

struct audit_entry {
    enum command_type type;
    int64_t token;
    char *by, *what;
    int64_t last_id, count; /* of submits and starts */
};

void audit_about(struct engine *g, const char *what)
{
    size_t len = g->about ? strlen(g->about) : 0;
    if (!g->by || len > ABOUT_MOST) return;
    char *text = len == 0                ? mem_strdup(what)
                 : len <= ABOUT_MOST - 4 ? str_dupf("%s, %s", g->about, what)
                                         : str_dupf("%s, ...", g->about);
    text_take(&g->about, &text);
}

void audit_reason(struct engine *g, const char *why)
{
    char *text = str_dupf("reason: %s", why);
    audit_about(g, text);
    mem_free(text);
}

void audit_clear(struct engine *g)
{
    for (size_t i = 0; i < g->audit_count; i++) {
        mem_free(g->audit[i].by);
        mem_free(g->audit[i].what);
    }
    mem_free(g->audit);
    mem_free(g->about);
    g->audit = NULL;
    g->about = NULL;
    g->audit_count = g->audit_cap = 0;
}

/* The command's own words for it; mem_free. NULL: it has none. */
static char *object_of(const struct command *c, const struct reply *r)
{
    char id[ID_TEXT_SIZE];
    switch (c->type) {
    case CMD_GROUP_CREATE:
    case CMD_GROUP_UPDATE:
        return mem_strdup(c->u.group.key);
    case CMD_NS_SET:
        return mem_strdup(c->u.ns.ns);
    case CMD_FLOW_DELETE:
        return str_dupf("%s/%s", c->u.place.ns, c->u.place.flow);
    case CMD_TRIGGER_ENABLE:
    case CMD_TRIGGER_DISABLE:
    case CMD_TRIGGER_RUN:
    case CMD_TRIGGER_KEY:
    case CMD_TRIGGER_BACKFILL:
    case CMD_TRIGGER_BACKFILL_CANCEL:
        return str_dupf("%s/%s/%s", c->u.place.ns, c->u.place.flow, c->u.place.trigger);
    case CMD_FLOW_APPLY:
        return mem_strdup("without a change");
    default:
        if (c->text) return mem_strdup(c->text);
        id_format(r->id, id);
        return r->id ? mem_strdup(id) : NULL;
    }
}

static bool is_made_often(enum command_type type)
{
    return type == CMD_SUBMIT || type == CMD_EXECUTION_START;
}

static bool says_nothing(const struct command *c, const struct reply *r)
{
    return c->by.token == 0 || r->rc != 0 || r->known || c->type == CMD_WHY ||
           c->type == CMD_RESOLVE || c->type == CMD_TRIGGER_NEXT ||
           c->type == CMD_TRIGGER_BACKFILLS ||
           (c->type == CMD_TRIGGER_BACKFILL && c->u.backfill.dry_run) ||
           (c->type == CMD_FLOW_APPLY && c->u.apply.check_only);
}

/* The entry that the submit joins. NULL: there is none. */
static struct audit_entry *same(const struct engine *g, const struct command *c)
{
    for (size_t i = g->audit_count; i > 0 && g->audit_count - i < LOOK_BACK; i--) {
        struct audit_entry *a = &g->audit[i - 1];
        if (a->type == c->type && a->token == c->by.token) return a;
    }
    return NULL;
}

static void add(struct engine *g, const struct command *c, const struct reply *r)
{
    struct audit_entry *a = is_made_often(c->type) ? same(g, c) : NULL;
    if (!a) {
        if (g->audit_count == g->audit_cap) {
            g->audit_cap = g->audit_cap > 0 ? 2 * g->audit_cap : 8;
            g->audit = mem_resize(g->audit, g->audit_cap, sizeof *g->audit);
        }
        a = &g->audit[g->audit_count++];
        *a = (struct audit_entry){.type = c->type,
                                  .token = c->by.token,
                                  .by = mem_strdup(g->by),
                                  .what = g->about ? g->about : object_of(c, r)};
        g->about = NULL;
    }
    a->last_id = r->id;
    a->count++;
}

void audit_note(struct engine *g, const struct command *c, const struct reply *r)
{
    if (g->rc == 0 && !says_nothing(c, r)) add(g, c, r);
    mem_free(g->about);
    g->about = NULL;
}

void audit_write(struct engine *g)
{
    for (size_t i = 0; i < g->audit_count; i++) {
        const struct audit_entry *a = &g->audit[i];
        char token[ID_TEXT_SIZE], last[ID_TEXT_SIZE];
        id_format(a->token, token);
        id_format(a->last_id, last);
        if (a->count > 1)
            log_info("audit: %s %lld times, from %s to %s, by '%s' (token %s)",
                     command_name(a->type), (long long)a->count, a->what, last, a->by, token);
        else
            log_info("audit: %s %s by '%s' (token %s)", command_name(a->type),
                     a->what ? a->what : "", a->by, token);
    }
    audit_clear(g);
}
