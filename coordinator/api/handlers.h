/* The handlers of the routes, a file per resource. A handler answers by api/request.h, at once or
 * later. */
#ifndef CADRE_COORDINATOR_API_HANDLERS_H
#define CADRE_COORDINATOR_API_HANDLERS_H

struct http_message;
struct request;

void jobs_submit(struct request *r);
void jobs_list(struct request *r);
void jobs_show(struct request *r);
void jobs_cancel(struct request *r);
void jobs_retry(struct request *r);
void jobs_cancel_all(struct request *r);
void jobs_retry_all(struct request *r);
void jobs_attempts(struct request *r);
void jobs_why(struct request *r);
void failures_list(struct request *r);
void flows_apply(struct request *r);
void flows_list(struct request *r);
void flows_show(struct request *r);
void flows_revisions(struct request *r);
void flows_delete(struct request *r);
void flows_run(struct request *r);
void executions_list(struct request *r);
void executions_show(struct request *r);
void executions_runs(struct request *r);
void executions_cancel(struct request *r);
void triggers_list(struct request *r);
void triggers_show(struct request *r);
void triggers_next(struct request *r);
void triggers_enable(struct request *r);
void triggers_disable(struct request *r);
void triggers_run(struct request *r);
void triggers_backfill(struct request *r);
void triggers_backfills(struct request *r);
void triggers_backfill_cancel(struct request *r);
void webhooks_call(struct request *r);
void webhooks_set_key(struct request *r);
void agents_list(struct request *r);
void agents_show(struct request *r);
void agents_history(struct request *r);
void agents_drain(struct request *r);
void agents_resume(struct request *r);
void agents_remove(struct request *r);
void groups_list(struct request *r);
void groups_show(struct request *r);
void groups_create(struct request *r);
void groups_update(struct request *r);
void groups_delete(struct request *r);
void groups_pause(struct request *r);
void groups_resume(struct request *r);
void groups_history(struct request *r);
void groups_waits(struct request *r);
void namespaces_list(struct request *r);
void namespaces_show(struct request *r);
void namespaces_set(struct request *r);
void namespaces_unset(struct request *r);
void coordinators_list(struct request *r);
void tokens_list(struct request *r);
void tokens_create(struct request *r);
void tokens_revoke(struct request *r);
/* Judges the head of a sign-in: fills the problem when the page did not send it. */
void page_sessions_head(struct request *r, const struct http_message *m);
void page_sessions_create(struct request *r);
void page_sessions_end(struct request *r);
void notices_list(struct request *r);
void channels_list(struct request *r);
void channels_test(struct request *r);
void metrics_show(struct request *r);
void page_show(struct request *r);
void status_ca(struct request *r);
void status_health(struct request *r);
void status_ready(struct request *r);
void status_version(struct request *r);
void status_whoami(struct request *r);
void status_show(struct request *r);

#endif
