/* The frame around every lookup. */
#include "coordinator/reads/lookup.h"

#include "base/mem.h"
#include "base/str.h"

static void run(struct query *q, struct reader *r)
{
    struct lookup *l = (struct lookup *)q;
    struct err e = {0};
    json_answer_init(&l->answer);
    int rc = l->read(l, r, &e);
    if (!rc && !l->problem.status) rc = json_answer_end(&l->answer, &e);
    if (rc) problem_from(&l->problem, rc, &e);
    q->result_bytes = sizeof *l + l->answer.b.len;
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

void lookup_free(struct lookup *l)
{
    if (!l) return;
    mem_free(l->only_ns);
    mem_free(l->ns);
    mem_free(l->flow);
    mem_free(l->name);
    mem_free(l->group);
    mem_free(l->waiting);
    list_fini(&l->list);
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
