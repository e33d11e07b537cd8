/* Triggers. */
#include "coordinator/api/body.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"
#include "coordinator/api/waiting.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/engine/backfill.h"
#include "coordinator/engine/upcoming.h"

#include <string.h>

void triggers_list(struct request *r)
{
    static const char *const keys[] = {"namespace", "flow", "order"};
    static const char *const orders[] = {"next"};
    bool next = request_query_words(r, "order", orders, 1) != 0;
    struct lookup *l = request_list(r, next ? LIST_UPCOMING : LIST_TRIGGERS,
                                    next ? lookup_upcoming : lookup_triggers, keys, 3);
    l->ns = mem_strdup(request_query_namespace(r));
    l->flow = request_query_copy(r, "flow");
    request_send_list(r, l);
}

static struct lookup *look_up(const struct request *r)
{
    struct lookup *l = request_lookup(r, lookup_trigger);
    l->ns = mem_strdup(request_segment(r, 3));
    l->flow = mem_strdup(request_segment(r, 4));
    l->name = mem_strdup(request_segment(r, 5));
    return l;
}

static void on_why(struct request *r, struct reply *x)
{
    struct lookup *l = look_up(r);
    l->waiting = waiting_of(x);
    request_look_up(r, l, request_answer);
}

static void on_shown(struct request *r, struct lookup *l)
{
    waiting_ask(r, l, on_why);
}

void triggers_show(struct request *r)
{
    struct lookup *l = look_up(r);
    l->may_wait = true;
    request_look_up(r, l, on_shown);
}

/* ---- enable, disable, run ---- */

static void on_changed(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        triggers_show(r);
}

static void on_run(struct request *r, struct reply *x)
{
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "job", x->id);
    request_send(r, 202, &a);
}

static struct command *of_place(const struct request *r, enum command_type type)
{
    struct command *c = command_new(type);
    c->u.place.ns = mem_strdup(request_segment(r, 3));
    c->u.place.flow = mem_strdup(request_segment(r, 4));
    c->u.place.trigger = mem_strdup(request_segment(r, 5));
    return c;
}

static void ask(struct request *r, enum command_type type,
                void (*on_reply)(struct request *r, struct reply *x))
{
    request_ask(r, of_place(r, type), on_reply);
}

void triggers_enable(struct request *r)
{
    ask(r, CMD_TRIGGER_ENABLE, on_changed);
}

void triggers_disable(struct request *r)
{
    ask(r, CMD_TRIGGER_DISABLE, on_changed);
}

void triggers_run(struct request *r)
{
    ask(r, CMD_TRIGGER_RUN, on_run);
}

/* ---- what the engine tells ---- */

static void on_told(struct request *r, struct reply *x)
{
    struct json *said = NULL;
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    if (x->json) (void)json_parse(x->json, strlen(x->json), &said, NULL);
    struct json_answer a;
    json_answer_init(&a);
    for (const struct json *j = json_first(said); j; j = json_next(j))
        jw_tree(&a.w, json_key(j), j);
    json_free(said);
    request_send(r, 200, &a);
}

void triggers_next(struct request *r)
{
    static const char *const keys[] = {"count"};
    request_query_known(r, keys, 1);
    int64_t count = request_query_int(r, "count", 1, UPCOMING_MOST, 10);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    struct command *c = of_place(r, CMD_TRIGGER_NEXT);
    c->u.place.count = count;
    request_ask(r, c, on_told);
}

/* ---- backfills ---- */

static void send_backfill(struct request *r, int status, const struct reply *x)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "backfill", x->id);
    request_send(r, status, &a);
}

static void on_begun(struct request *r, struct reply *x)
{
    if (x->rc || x->json)
        on_told(r, x); /* of a dry run */
    else
        send_backfill(r, 201, x);
}

static const char *needed(struct body *b, const char *key)
{
    const char *text = body_str(b, key, 64);
    if (!text) body_fail(b, key, "is missing: a date such as 2026-01-31, or a time");
    return text;
}

void triggers_backfill(struct request *r)
{
    static const char *const keys[] = {"start", "end", "inputs", "parallel", "missed", "dryRun"};
    struct body b = {.object = r->body, .p = &r->problem, .at = ""};
    struct command *c = of_place(r, CMD_TRIGGER_BACKFILL);
    struct cmd_backfill *x = &c->u.backfill;
    body_known(&b, keys, sizeof keys / sizeof *keys);
    x->start = mem_strdup(needed(&b, "start"));
    x->end = mem_strdup(needed(&b, "end"));
    const struct json *inputs = body_object(&b, "inputs");
    char *text = json_text(b.object);
    x->bytes = strlen(text);
    mem_free(text);
    if (inputs) x->inputs = json_copy(inputs);
    x->parallel = body_int(&b, "parallel", 1, BACKFILL_PARALLEL, 1);
    x->missed = body_bool(&b, "missed", false);
    x->dry_run = body_bool(&b, "dryRun", false);
    if (r->problem.status) {
        command_free(c);
        request_send_problem(r, &r->problem);
        return;
    }
    request_ask(r, c, on_begun);
}

void triggers_backfills(struct request *r)
{
    ask(r, CMD_TRIGGER_BACKFILLS, on_told);
}

static void on_backfill_cancelled(struct request *r, struct reply *x)
{
    if (x->rc)
        request_fail_reply(r, x);
    else
        send_backfill(r, 200, x);
}

void triggers_backfill_cancel(struct request *r)
{
    struct command *c = of_place(r, CMD_TRIGGER_BACKFILL_CANCEL);
    /* what is no id is none that there is */
    if (id_parse(request_segment(r, 7), &c->u.place.backfill)) c->u.place.backfill = 0;
    request_ask(r, c, on_backfill_cancelled);
}
