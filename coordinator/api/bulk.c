/* POST /api/v1/jobs/cancel and /retry: the jobs that a filter finds, a page at a time. The page is
 * looked up first; what becomes of each of its jobs the engine decides, in one command. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/jobs.h"
#include "coordinator/api/range.h"

#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"
#include "wire/limits.h"

#include <string.h>

static const char *const filter_keys[] = {JOBS_FILTERS};
#define FILTERS (sizeof filter_keys / sizeof *filter_keys)

#define BIT(state) (UINT32_C(1) << (state))
#define OPEN (BIT(JOB_RETRYING + 1) - 1)
#define ENDED ((BIT(JOB_STATES) - 1) & ~OPEN)

/* Of a page of jobs that run again: each spec is read and written, in one transaction. */
#define PAGE_SPEC_BYTES (8u * 1024 * 1024)

/* What chooses everything has to be said: a filter that is empty may be a slip. */
static void check_filter(struct request *r)
{
    size_t given = 0;
    for (size_t i = 0; i < FILTERS; i++) {
        const char *value = http_query(&r->target, filter_keys[i]);
        given += value && !str_eq(filter_keys[i], "kind"); /* which all jobs have */
        if (value && !*value)
            problem_field(&r->problem, filter_keys[i],
                          "%s: is empty: leave it out, or say all=true", filter_keys[i]);
    }
    bool all = request_query_bool(r, "all");
    if (all && given)
        problem_field(&r->problem, "all", "all: goes with no filter, which would be ignored");
    if (!all && !given)
        problem_field(&r->problem, "all",
                      "all: there is no filter: name one, as of the list of jobs, or say all=true");
}

/* The states of the query; those that are wanted without it, when there are none. */
static uint32_t query_states(struct request *r, uint32_t may, uint32_t usual, const char *why_not)
{
    uint32_t states = request_query_words(r, "state", shown_state_names, SHOWN_STATES);
    for (int i = 0; i < SHOWN_STATES; i++)
        if (states & ~may & BIT(i))
            problem_field(&r->problem, "state", "state: what is %s %s", shown_state_names[i],
                          why_not);
    return states ? states : usual;
}

/* Looks up the page; on_found goes on with it. A dry run is answered with the number. */
static void look_up(struct request *r, struct lookup *l,
                    void (*on_found)(struct request *r, struct lookup *l))
{
    bool dry = request_query_bool(r, "dryRun");
    jobs_query_filter(r, l);
    check_filter(r);
    if (dry) {
        l->list.limit = SIZE_MAX; /* as many as are looked at */
        l->specs_most = 0;
    }
    if (!r->problem.status) {
        request_look_up(r, l, dry ? request_answer : on_found);
        return;
    }
    lookup_free(l);
    request_send_problem(r, &r->problem);
}

static struct lookup *page_of(struct request *r)
{
    const char *keys[FILTERS + 2] = {"all", "dryRun"};
    memcpy(keys + 2, filter_keys, sizeof filter_keys);
    return request_list(r, LIST_MATCHES, lookup_job_ids, keys, FILTERS + 2);
}

/* Asks for what is to become of the page's jobs. NULL: answered, because of a problem or since
 * there are none. */
static struct command *command_for(struct request *r, struct lookup *l, enum command_type type,
                                   void (*on_reply)(struct request *r, struct reply *x))
{
    struct reply nothing = {0};
    r->id = l->next;
    if (l->problem.status) {
        request_answer(r, l);
        return NULL;
    }
    if (!l->id_count) {
        on_reply(r, &nothing);
        return NULL;
    }
    struct command *c = command_new(type);
    c->u.several = (struct cmd_several){.jobs = l->ids, .count = l->id_count};
    l->ids = NULL;
    return c;
}

static size_t count_states(const struct reply *x, uint32_t states, bool passed_over)
{
    size_t n = 0;
    for (size_t i = 0; i < x->item_count; i++)
        n += x->items[i].known == passed_over && (BIT(x->items[i].state) & states) != 0;
    return n;
}

/* ---- cancel ---- */

static void on_cancelled(struct request *r, struct reply *x)
{
    struct json_answer a;
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    json_answer_init(&a);
    jw_int(&a.w, "matched", (int64_t)x->item_count);
    jw_int(&a.w, "cancelled", (int64_t)count_states(x, BIT(JOB_CANCELLED), false));
    jw_int(&a.w, "killing", (int64_t)count_states(x, BIT(JOB_KILLING), false));
    jw_int(&a.w, "ended", (int64_t)count_states(x, ENDED, true));
    jw_int(&a.w, "changed", (int64_t)count_states(x, OPEN, true));
    jw_id(&a.w, "nextCursor", r->id);
    request_send(r, 200, &a);
}

static void on_to_cancel(struct request *r, struct lookup *l)
{
    struct command *c = command_for(r, l, CMD_CANCEL_ALL, on_cancelled);
    if (!c) return;
    c->u.several.states = l->states;
    c->u.several.group = mem_strdup(l->group);
    c->u.several.agent = l->found;
    request_ask(r, c, on_cancelled);
}

void jobs_cancel_all(struct request *r)
{
    struct lookup *l = page_of(r);
    l->kinds = jobs_query_kinds(r, 0);
    l->states = query_states(r, OPEN, OPEN, "has ended: it cannot be cancelled");
    l->uncancelled = true;
    look_up(r, l, on_to_cancel);
}

/* ---- retry ---- */

static void put_retried(struct jw *w, const struct reply_item *x)
{
    struct problem p = {0};
    jw_object(w, NULL);
    jw_id(w, "retryOf", x->of);
    if (x->refused) {
        request_problem(x->refused, &p);
        jw_object(w, "error");
        problem_json(w, &p);
        jw_end(w);
    } else {
        jw_id(w, "id", x->id);
        jw_bool(w, "duplicate", x->known);
    }
    jw_end(w);
}

static void on_retried(struct request *r, struct reply *x)
{
    struct json_answer a;
    size_t refused = 0;
    if (x->rc) {
        request_fail_reply(r, x);
        return;
    }
    for (size_t i = 0; i < x->item_count; i++)
        refused += x->items[i].refused != NULL;
    json_answer_init(&a);
    jw_int(&a.w, "matched", (int64_t)x->item_count);
    jw_int(&a.w, "retried", (int64_t)(x->item_count - refused));
    jw_int(&a.w, "refused", (int64_t)refused);
    jw_array(&a.w, "jobs");
    for (size_t i = 0; i < x->item_count; i++)
        put_retried(&a.w, &x->items[i]);
    jw_end(&a.w);
    jw_id(&a.w, "nextCursor", r->id);
    request_send(r, 200, &a);
}

static void on_to_retry(struct request *r, struct lookup *l)
{
    struct command *c = command_for(r, l, CMD_RETRY_ALL, on_retried);
    if (!c) return;
    c->u.several.bytes = l->spec_bytes;
    c->u.several.unique_key = r->text;
    r->text = NULL;
    request_ask(r, c, on_retried);
}

void jobs_retry_all(struct request *r)
{
    static const char *const kinds[] = {"job"};
    struct lookup *l = page_of(r);
    (void)request_query_words(r, "kind", kinds, 1);
    l->kinds = BIT(SHOWN_JOB);
    l->specs_most = PAGE_SPEC_BYTES;
    l->states = query_states(r, ENDED, BIT(JOB_FAILED),
                             "cannot be run again: it has not ended, or "
                             "is an evaluation of a trigger");
    r->text = request_take_key(r, "/0000000000000");
    look_up(r, l, on_to_retry);
}
