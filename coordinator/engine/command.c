/* Commands: made by the loop, freed by the engine. */
#include "coordinator/engine/command.h"

#include "base/mem.h"
#include "coordinator/flow/flow.h"
#include "coordinator/schedule/zones.h"

#include <stddef.h>

const char *command_name(enum command_type type)
{
    static const char *const names[COMMAND_TYPES] = {
        [CMD_ENROL] = "enrol",
        [CMD_HELLO] = "hello",
        [CMD_READY] = "ready",
        [CMD_STARTED] = "started",
        [CMD_OUTPUT] = "output",
        [CMD_FINISHED] = "finished",
        [CMD_DECLINED] = "declined",
        [CMD_CLEARED] = "cleared",
        [CMD_REFUSED] = "refused",
        [CMD_HEARD] = "heard",
        [CMD_GONE] = "gone",
        [CMD_SUBMIT] = "submit",
        [CMD_SUBMIT_ALL] = "submit",
        [CMD_CANCEL] = "cancel",
        [CMD_RETRY] = "retry",
        [CMD_CANCEL_ALL] = "cancel",
        [CMD_RETRY_ALL] = "retry",
        [CMD_WHY] = "why",
        [CMD_TOKEN_CREATE] = "token create",
        [CMD_TOKEN_REVOKE] = "token revoke",
        [CMD_TOKEN_USED] = "token used",
        [CMD_SIGN_IN] = "sign in",
        [CMD_SIGN_OUT] = "sign out",
        [CMD_AGENT_DRAIN] = "agent drain",
        [CMD_AGENT_RESUME] = "agent resume",
        [CMD_AGENT_REMOVE] = "agent remove",
        [CMD_GROUP_CREATE] = "group create",
        [CMD_GROUP_UPDATE] = "group update",
        [CMD_GROUP_DELETE] = "group delete",
        [CMD_GROUP_PAUSE] = "group pause",
        [CMD_GROUP_RESUME] = "group resume",
        [CMD_NS_SET] = "namespace set",
        [CMD_NS_UNSET] = "namespace unset",
        [CMD_RESOLVE] = "resolve",
        [CMD_FLOW_APPLY] = "flow apply",
        [CMD_FLOW_DELETE] = "flow delete",
        [CMD_EXECUTION_START] = "execution start",
        [CMD_EXECUTION_CANCEL] = "execution cancel",
        [CMD_TRIGGER_ENABLE] = "trigger enable",
        [CMD_TRIGGER_DISABLE] = "trigger disable",
        [CMD_TRIGGER_RUN] = "trigger run",
        [CMD_TRIGGER_KEY] = "trigger key",
        [CMD_TRIGGER_NEXT] = "trigger next",
        [CMD_TRIGGER_BACKFILL] = "trigger backfill",
        [CMD_TRIGGER_BACKFILLS] = "trigger backfills",
        [CMD_TRIGGER_BACKFILL_CANCEL] = "trigger backfill cancel",
        [CMD_WEBHOOK] = "webhook",
        [CMD_PROBE] = "probe",
        [CMD_TICK] = "tick",
        [CMD_ZONES] = "zones",
        [CMD_NOTICED] = "noticed",
        [CMD_STANDING] = "standing",
        [CMD_AWAKE] = "awake",
    };
    return names[type];
}

static size_t size_of(enum command_type type)
{
    const size_t head = offsetof(struct command, u);
    switch (type) {
    case CMD_STARTED:
    case CMD_FINISHED:
    case CMD_DECLINED:
    case CMD_CLEARED:
        return head + sizeof(struct cmd_event);
    case CMD_OUTPUT:
        return head + sizeof(struct cmd_output);
    case CMD_HEARD:
        return head + sizeof(struct cmd_heard);
    default:
        return sizeof(struct command);
    }
}

struct command *command_new(enum command_type type)
{
    struct command *c = mem_alloc(size_of(type));
    c->type = type;
    return c;
}

static void enrol_fini(struct cmd_enrol *x)
{
    mem_wipe(x->secret_hash, sizeof x->secret_hash);
    mem_free(x->name);
    mem_free(x->group);
    mem_free(x->groups);
    mem_free(x->host_id);
    mem_free(x->version);
}

static void hello_fini(struct cmd_hello *h)
{
    mem_free(h->version);
    mem_free(h->name);
    mem_free(h->group);
    mem_free(h->groups);
    mem_free(h->boot_id);
    mem_free(h->host_id);
    mem_free(h->journal_id);
    mem_free(h->folder_id);
    mem_free(h->capabilities);
    mem_free(h->unwell);
    mem_free(h->attempts);
}

void cmd_submit_fini(struct cmd_submit *s)
{
    job_row_fini(&s->job);
    mem_free(s->spec);
    json_free(s->require);
    *s = (struct cmd_submit){0};
}

static void submits_fini(struct cmd_submits *a)
{
    for (size_t i = 0; i < a->count; i++)
        cmd_submit_fini(&a->items[i]);
    mem_free(a->items);
}

static void apply_fini(struct cmd_apply *a)
{
    for (size_t i = 0; i < a->count; i++) {
        mem_free(a->files[i].name);
        mem_free(a->files[i].source);
        flow_free(a->files[i].flow);
    }
    mem_free(a->files);
}

static void start_fini(struct cmd_start *s)
{
    mem_free(s->ns);
    mem_free(s->flow);
    json_free(s->inputs);
    json_free(s->labels);
    mem_free(s->unique_key);
    mem_free(s->trace);
}

static void place_fini(struct cmd_place *p)
{
    mem_free(p->ns);
    mem_free(p->flow);
    mem_free(p->trigger);
}

static void webhook_fini(struct cmd_webhook *w)
{
    mem_free(w->ns);
    mem_free(w->flow);
    json_free(w->vars);
    mem_free(w->unique_key);
    mem_free(w->trace);
}

static void backfill_fini(struct cmd_backfill *b)
{
    place_fini(&b->place);
    mem_free(b->start);
    mem_free(b->end);
    json_free(b->inputs);
}

void command_free(struct command *c)
{
    if (!c) return;
    switch (c->type) {
    case CMD_ENROL:
        enrol_fini(&c->u.enrol);
        break;
    case CMD_HELLO:
        hello_fini(&c->u.hello);
        break;
    case CMD_READY:
        mem_free(c->u.ready.capabilities);
        mem_free(c->u.ready.reason);
        mem_free(c->u.ready.unwell);
        break;
    case CMD_STARTED:
    case CMD_FINISHED:
    case CMD_DECLINED:
    case CMD_CLEARED:
        mem_free(c->u.event.message);
        mem_free(c->u.event.alive);
        mem_free(c->u.event.decline);
        mem_free(c->u.event.outputs);
        break;
    case CMD_OUTPUT:
        mem_free(c->u.output.data);
        break;
    case CMD_REFUSED:
        mem_free(c->u.refused.code);
        mem_free(c->u.refused.message);
        break;
    case CMD_HEARD:
        mem_free(c->u.heard.agents);
        break;
    case CMD_SUBMIT:
        cmd_submit_fini(&c->u.submit);
        break;
    case CMD_SUBMIT_ALL:
        submits_fini(&c->u.submits);
        break;
    case CMD_RETRY:
        mem_free(c->u.again.unique_key);
        break;
    case CMD_CANCEL_ALL:
    case CMD_RETRY_ALL:
        mem_free(c->u.several.jobs);
        mem_free(c->u.several.group);
        mem_free(c->u.several.unique_key);
        break;
    case CMD_TOKEN_CREATE:
        token_row_fini(&c->u.token);
        break;
    case CMD_GROUP_CREATE:
    case CMD_GROUP_UPDATE:
        group_row_fini(&c->u.group);
        break;
    case CMD_NS_SET:
        namespace_row_fini(&c->u.ns);
        break;
    case CMD_FLOW_APPLY:
        apply_fini(&c->u.apply);
        break;
    case CMD_EXECUTION_START:
        start_fini(&c->u.start);
        break;
    case CMD_FLOW_DELETE:
    case CMD_TRIGGER_ENABLE:
    case CMD_TRIGGER_DISABLE:
    case CMD_TRIGGER_RUN:
    case CMD_TRIGGER_KEY:
    case CMD_TRIGGER_NEXT:
    case CMD_TRIGGER_BACKFILLS:
    case CMD_TRIGGER_BACKFILL_CANCEL:
        place_fini(&c->u.place);
        break;
    case CMD_TRIGGER_BACKFILL:
        backfill_fini(&c->u.backfill);
        break;
    case CMD_ZONES:
        zones_free(c->u.zones);
        break;
    case CMD_WEBHOOK:
        webhook_fini(&c->u.webhook);
        break;
    default:
        break; /* numbers, and text */
    }
    mem_free(c->text);
    mem_free(c);
}
