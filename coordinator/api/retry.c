/* Running jobs that have ended again. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/jobs.h"

void jobs_retry(struct request *r)
{
    if (!request_path_id(r, "job", &r->id)) return;
    char *key = request_take_key(r, "");
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
        return;
    }
    struct command *c = command_new(CMD_RETRY);
    c->u.again = (struct cmd_again){.job = r->id, .unique_key = key};
    request_ask(r, c, job_on_made);
}
