/* See known.h. */
#include "coordinator/reads/known.h"

#include "base/mem.h"
#include "base/str.h"

static const struct {
    const char *field, *what, *list;
} things[] = {
    [NAME_GROUP] = {"group", "worker group", "'cadre group list' shows them"},
    [NAME_AGENT] = {"agent", "agent", "'cadre agent list' shows them"},
    [NAME_FLOW] = {"flow", "flow", "'cadre flow list' shows them"},
    [NAME_TRIGGER] = {"trigger", "trigger", "'cadre trigger list' shows them"},
};

int known_name(struct lookup *l, struct reader *r, const struct name_asked *a, struct err *e)
{
    char *near = NULL, hint[STR_SUGGEST_SIZE];
    int rc = reader_knows(r, a, &near, e);
    if (rc == 0) {
        bool in_ns = a->ns && a->of != NAME_GROUP && a->of != NAME_AGENT;
        (void)problem_field(&l->problem, things[a->of].field, "%s: there is no %s '%.80s'%s%.80s",
                            things[a->of].field, things[a->of].what, a->name,
                            in_ns ? " in the namespace " : "", in_ns ? a->ns : "");
        (void)str_copy(l->problem.hint, sizeof l->problem.hint,
                       near ? str_hint(hint, near) : things[a->of].list);
        rc = ERR_INVALID;
    } else if (rc == 1) {
        rc = 0;
    }
    mem_free(near);
    return rc;
}

int known_agent(struct lookup *l, struct reader *r, const char *id_or_name, int64_t *id,
                struct err *e)
{
    int rc = reader_agent_id(r, id_or_name, id, e);
    if (rc == 1) return 0;
    struct name_asked a = {.of = NAME_AGENT, .name = id_or_name};
    return rc < 0 ? rc : known_name(l, r, &a, e);
}
