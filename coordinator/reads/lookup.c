/* The frame around every lookup. */
#include "coordinator/reads/lookup.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/metrics/scrape.h"
#include "coordinator/store/model_token.h"
#include "coordinator/store/reader.h"
#include "coordinator/store/reader_page_session.h"
#include "platform/os.h"

static int check_session(struct lookup *l, struct reader *r, struct err *e)
{
    struct page_session_row p;
    int rc = reader_page_session(r, NULL, l->by.session, &p, e);
    if (rc != 0 && rc != ERR_NOT_FOUND) return rc;
    const struct token_refusal *no = page_session_refusal(rc == 0 ? &p : NULL, os_wall_ms());
    if (no) problem_set(&l->problem, 401, no->code, no->hint, "%s", no->sentence);
    return 0;
}

/* The token as it is now, when the look is taken. Fills l->problem, or fails. */
static int check_token(struct lookup *l, struct reader *r, struct err *e)
{
    struct token_row t = {0};
    if (l->by.token == 0) return 0;
    int rc = reader_token(r, l->by.token, &t, e);
    if (rc != 0 && rc != ERR_NOT_FOUND) return rc;
    const struct token_refusal *no = token_refusal(rc == 0 ? &t : NULL, os_wall_ms());
    if (no)
        problem_set(&l->problem, 401, no->code, no->hint, "%s", no->sentence);
    else if (!token_covers(t.role, l->by.role))
        problem_set(&l->problem, 403, "role", NULL,
                    "this token has the role '%s', but '%s' is needed", role_names[t.role],
                    role_names[l->by.role]);
    token_row_fini(&t);
    return l->by.session && !no ? check_session(l, r, e) : 0;
}

static void run(struct query *q, struct reader *r)
{
    struct lookup *l = (struct lookup *)q;
    struct err e = {0};
    json_answer_init(&l->answer);
    int rc = check_token(l, r, &e);
    if (!rc && !l->problem.status) rc = l->read(l, r, &e);
    if (!rc && !l->problem.status) rc = json_answer_end(&l->answer, &e);
    if (rc) problem_from(&l->problem, rc, &e);
    q->result_bytes = sizeof *l + l->answer.b.len + (l->scrape ? l->scrape->text.len : 0) +
                      l->id_count * sizeof *l->ids;
}

struct lookup *lookup_new(lookup_fn *read)
{
    struct lookup *l = mem_alloc(sizeof *l);
    l->query.run = run;
    l->read = read;
    l->status = 200;
    l->duplicate = -1;
    return l;
}

int64_t lookup_before(const struct lookup *l)
{
    int64_t place = l->list.place, end = l->before_id;
    return place && (!end || place < end) ? place : end;
}

void lookup_free(struct lookup *l)
{
    if (!l) return;
    mem_free(l->only_ns);
    mem_free(l->ns);
    mem_free(l->flow);
    mem_free(l->task);
    mem_free(l->name);
    mem_free(l->group);
    mem_free(l->agent);
    json_free(l->labels);
    mem_free(l->ids);
    mem_free(l->waiting);
    mem_free(l->why);
    list_fini(&l->list);
    scrape_free(l->scrape);
    token_row_fini(&l->token);
    json_answer_fini(&l->answer);
    mem_free(l);
}

bool lookup_may_see(const char *only_ns, const char *ns, struct problem *p)
{
    if (!only_ns || (ns && str_namespace_covers(only_ns, ns))) return true;
    problem_set(p, 403, "namespace", NULL,
                "this token is for the namespace %s only, but the request is about %s%s", only_ns,
                ns ? "the namespace " : "no namespace", ns ? ns : "");
    return false;
}
