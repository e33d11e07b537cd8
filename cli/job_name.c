/* See job_name.h. */
#include "cli/job_name.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/mem.h"

#define TOLD_MOST 10 /* jobs of one name in a message */

static void tell_several(const struct cli *cli, const char *name, const struct json *jobs)
{
    struct err e = {0};
    char age[DURATION_TEXT_SIZE + 64];
    size_t told = 0;
    err_set(&e, ERR_CONFLICT, "several jobs are named '%s'; name one by its id:", name);
    (void)cli_fail(cli, EXIT_ERROR, &e);
    for (const struct json *j = json_first(jobs); j; j = json_next(j)) {
        if (told++ == TOLD_MOST) {
            cli_note(cli, "  ... and older ones: 'cadre job list --kind all --name' shows them");
            break;
        }
        text_age(json_get_str(j, "createdAt", NULL), age);
        cli_note(cli, "  %s %s, %s old", json_get_str(j, "id", "?"), json_get_str(j, "state", "?"),
                 age);
    }
}

/* mem_free; NULL: printed. */
static char *pick(const struct cli *cli, const char *name, const struct json *jobs)
{
    struct err e = {0};
    size_t count = json_count(jobs);
    if (count == 1) return mem_strdup(json_get_str(json_first(jobs), "id", NULL));
    if (count > 1) {
        tell_several(cli, name, jobs);
        return NULL;
    }
    err_set(&e, ERR_NOT_FOUND,
            "there is no job named '%s', and it is no id; 'cadre job list' shows the jobs", name);
    (void)cli_fail(cli, EXIT_ERROR, &e);
    return NULL;
}

char *job_id_of(struct cli *cli, const char *word)
{
    int64_t id;
    struct response r;
    struct buf target;
    if (id_parse(word, &id) == 0) return mem_strdup(word);
    buf_init(&target, 65536);
    (void)buf_addf(&target, "/api/v1/jobs?kind=all&limit=%d", TOLD_MOST + 1);
    cli_query(&target, "name", word);
    const struct json *body = cli_call(cli, "GET", target.data, NULL, &r);
    buf_fini(&target);
    if (!body) return NULL;
    char *found = pick(cli, word, json_get(body, "jobs"));
    response_fini(&r);
    return found;
}
