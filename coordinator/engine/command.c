/* Commands: made by the loop, freed by the engine. */
#include "coordinator/engine/command.h"

#include "base/mem.h"

struct command *command_new(enum command_type type)
{
    struct command *c = mem_alloc(sizeof *c);
    c->type = type;
    return c;
}

static void enrol_fini(struct cmd_enrol *x)
{
    mem_wipe(x->secret_hash, sizeof x->secret_hash);
    mem_free(x->name);
    mem_free(x->group);
    mem_free(x->host_id);
    mem_free(x->version);
}

static void hello_fini(struct cmd_hello *h)
{
    mem_free(h->version);
    mem_free(h->name);
    mem_free(h->group);
    mem_free(h->boot_id);
    mem_free(h->host_id);
    mem_free(h->journal_id);
    mem_free(h->capabilities);
    mem_free(h->attempts);
}

static void submit_fini(struct cmd_submit *s)
{
    job_fini(&s->job);
    mem_free(s->spec);
    json_free(s->require);
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
        break;
    case CMD_STARTED:
    case CMD_FINISHED:
    case CMD_DECLINED:
        mem_free(c->u.event.message);
        mem_free(c->u.event.outputs);
        break;
    case CMD_OUTPUT:
        mem_free(c->u.output.data);
        break;
    case CMD_SUBMIT:
        submit_fini(&c->u.submit);
        break;
    case CMD_TOKEN_CREATE:
        token_row_fini(&c->u.token);
        break;
    case CMD_GROUP_CREATE:
    case CMD_GROUP_UPDATE:
        group_fini(&c->u.group);
        break;
    case CMD_NS_SET:
        ns_default_fini(&c->u.ns);
        break;
    default:
        break; /* numbers, and text */
    }
    mem_free(c->text);
    mem_free(c);
}
