/* The coordinator itself: alive, which version, how it goes. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "cadre_version.h"

void status_health(struct request *r)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "status", "ok");
    request_send(r, 200, &a);
}

void status_version(struct request *r)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "version", CADRE_VERSION);
    request_send(r, 200, &a);
}

void status_whoami(struct request *r)
{
    struct token_row t;
    struct err e = {0};
    int rc = reader_token(r->api->o.reader, r->who.token, &t, &e);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_id(&a.w, "id", t.id);
    jw_str(&a.w, "role", role_names[t.role]);
    jw_str(&a.w, "namespace", t.ns);
    jw_str(&a.w, "name", t.name);
    jw_time(&a.w, "expiresAt", t.expires_ms);
    token_row_fini(&t);
    request_send(r, 200, &a);
}

void status_show(struct request *r)
{
    struct store_stats s;
    struct err e = {0};
    int rc = reader_stats(r->api->o.reader, &s, &e);
    if (rc) {
        request_fail(r, rc, &e);
        return;
    }
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "version", CADRE_VERSION);
    jw_time(&a.w, "startedAt", r->api->o.started_wall_ms);
    jw_object(&a.w, "agents");
    jw_int(&a.w, "online", s.agents_online);
    jw_int(&a.w, "offline", s.agents_offline);
    jw_int(&a.w, "draining", s.agents_draining);
    jw_end(&a.w);
    jw_object(&a.w, "jobs");
    for (int i = JOB_CREATED; i <= JOB_RETRYING; i++)
        jw_int(&a.w, fsm_name(&job_fsm, i), s.jobs[i]);
    jw_end(&a.w);
    jw_object(&a.w, "slots");
    jw_int(&a.w, "total", s.slots);
    jw_int(&a.w, "free", s.slots > s.busy ? s.slots - s.busy : 0);
    jw_end(&a.w);
    jw_object(&a.w, "database");
    jw_int(&a.w, "bytes", s.database_bytes);
    jw_int(&a.w, "outputBytes", s.output_bytes);
    jw_end(&a.w);
    request_send(r, 200, &a);
}
