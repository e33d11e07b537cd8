/* Processes that outlive their attempts: see remnants.h. */
#include "agent/remnants.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"

struct remnant {
    struct remnant *next;
    struct journal_remnant what;
    int64_t due_ms, wait_ms;
    bool silent; /* discarded: no event; the journal has forgotten it */
};

void remnants_init(struct remnants *r, struct journal *journal, struct runner_voice *voice)
{
    *r = (struct remnants){.journal = journal, .voice = voice};
}

void remnants_fini(struct remnants *r)
{
    while (r->first) {
        struct remnant *x = r->first;
        r->first = x->next;
        mem_free(x);
    }
}

static void keep(struct remnants *r, const struct journal_remnant *what, bool silent)
{
    struct remnant *x = mem_alloc(sizeof *x);
    *x = (struct remnant){.next = r->first,
                          .what = *what,
                          .wait_ms = REMNANT_LOOK_MIN_MS,
                          .silent = silent};
    r->first = x;
}

static int load_one(const struct journal_remnant *what, void *user)
{
    keep(user, what, false);
    return 0;
}

int remnants_load(struct remnants *r, struct err *e)
{
    return journal_each_remnant(r->journal, load_one, r, e);
}

int remnants_add(struct remnants *r, const struct journal_remnant *what, bool silent, struct err *e)
{
    keep(r, what, silent);
    return silent ? 0 : journal_put_remnant(r->journal, what, e);
}

static int clear(struct remnants *r, const struct remnant *x, struct err *e)
{
    char id[ID_TEXT_SIZE];
    struct runner_who who = {x->what.job, x->what.attempt};
    id_format(who.job, id);
    log_info("job %s: the last process of attempt %lld is gone", id, (long long)who.attempt);
    if (x->silent) return 0;
    int rc = journal_drop_remnant(r->journal, who.job, who.attempt, e);
    return rc == 0 ? runner_say_cleared(r->voice, who, e) : rc;
}

int remnants_look(struct remnants *r, int64_t now_ms, remnant_look_fn *look, void *user,
                  struct err *e)
{
    struct process_list *left = mem_alloc(sizeof *left);
    int rc = 0;
    for (struct remnant **p = &r->first; *p && rc == 0;) {
        struct remnant *x = *p;
        if (x->due_ms > now_ms) {
            p = &x->next;
            continue;
        }
        *left = (struct process_list){0};
        look(&x->what, left, user);
        if (left->count > 0) {
            x->due_ms = now_ms + x->wait_ms;
            x->wait_ms *= 2;
            if (x->wait_ms > REMNANT_LOOK_MAX_MS) x->wait_ms = REMNANT_LOOK_MAX_MS;
            p = &x->next;
            continue;
        }
        rc = clear(r, x, e);
        *p = x->next;
        mem_free(x);
    }
    mem_free(left);
    return rc;
}

int remnants_discard(struct remnants *r, int64_t job, int64_t attempt, struct err *e)
{
    for (struct remnant *x = r->first; x; x = x->next) {
        if (x->what.job != job || x->what.attempt != attempt || x->silent) continue;
        x->silent = true;
        return journal_drop_remnant(r->journal, job, attempt, e);
    }
    return 0;
}

int64_t remnants_due_ms(const struct remnants *r)
{
    int64_t due_ms = INT64_MAX;
    for (const struct remnant *x = r->first; x; x = x->next)
        if (x->due_ms < due_ms) due_ms = x->due_ms;
    return due_ms;
}

size_t remnants_count(const struct remnants *r)
{
    size_t n = 0;
    for (const struct remnant *x = r->first; x; x = x->next)
        n += !x->silent;
    return n;
}
