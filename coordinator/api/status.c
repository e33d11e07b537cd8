/* The coordinator itself: is it alive, does it serve, which version, how much there is to do. */
#include "base/mem.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"

#include "cadre_version.h"
#include "platform/os.h"
#include "wire/pki.h"

#define PROBE_KEPT_MS 1000  /* a good answer of the store holds for so long */
#define BATCH_LATE_MS 10000 /* a batch that takes longer is stuck */

void status_health(struct request *r)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "status", "ok");
    request_send(r, 200, &a);
}

/* Public: whoever gets it from here compares its fingerprint with 'ca export'. RFC 8555 section
 * 9.1 has the type. */
void status_ca(struct request *r)
{
    struct buf b;
    buf_init(&b, 2 * PKI_PEM_MAX);
    buf_adds(&b, authority_ca(r->api->o.authority));
    request_send_content(r, 200, "application/pem-certificate-chain", &b);
    buf_fini(&b);
}

/* ---- does it serve? ---- */

static void send_ready(struct request *r)
{
    struct json_answer a;
    json_answer_init(&a);
    jw_str(&a.w, "status", "ready");
    request_send(r, 200, &a);
}

/* Whoever asks has no token: the sentence names no path, the log does. */
static void on_probe(struct request *r, struct reply *x)
{
    struct problem p = {0};
    if (x->rc == 0) {
        r->api->probed_ms = os_mono_ms();
        send_ready(r);
        return;
    }
    bool full = x->rc == ERR_FULL;
    problem_set(&p, 503, full ? "disk-full" : "unavailable",
                "the coordinator's log says more; it tries again by itself",
                full ? "the coordinator's disk is full: nothing can be saved, so no job is taken, "
                       "handed out or ended"
                     : "the coordinator's database cannot be written, so no job is taken, handed "
                       "out or ended");
    request_send_problem(r, &p);
}

void status_ready(struct request *r)
{
    static const char *const keys[] = {"owner"};
    struct api *a = r->api;
    struct problem p = {0};
    int64_t busy_ms = a->spine ? spine_busy_ms(a->spine) : 0;
    request_query_known(r, keys, 1);
    if (r->problem.status) {
        request_send_problem(r, &r->problem);
    } else if (!request_is_fit(a, &p)) {
        request_send_problem(r, &p);
    } else if (http_query(&r->target, "owner") && !(api_owns(a) && spine_owns_queue(a->spine))) {
        problem_set(&p, 503, "unavailable", NULL,
                    "this coordinator does not own the queue at present");
        request_send_problem(r, &p);
    } else if (busy_ms > BATCH_LATE_MS) {
        problem_set(&p, 503, "unavailable", "look at the load of the coordinator's disk",
                    "the coordinator's database has not finished a batch for %lld s",
                    (long long)(busy_ms / 1000));
        request_send_problem(r, &p);
    } else if (a->spine && !spine_takes_requests(a->spine)) {
        problem_set(&p, 503, "unavailable", "look at the load of the coordinator's disk",
                    "the coordinator's database does not keep up: no request is taken until it "
                    "has worked off what waits");
        request_send_problem(r, &p);
    } else if (reads_is_full(a->o.reads)) {
        problem_set(&p, 503, "unavailable", "try again a little later",
                    "too many questions wait for the coordinator's database");
        request_send_problem(r, &p);
    } else if (!a->spine) { /* it answers what it can, and passes on the rest */
        send_ready(r);
    } else if (a->probed_ms > 0 && os_mono_ms() - a->probed_ms < PROBE_KEPT_MS) {
        send_ready(r);
    } else {
        request_ask(r, command_new(CMD_PROBE), on_probe);
    }
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
    struct lookup *l = request_lookup(r, lookup_whoami);
    l->id = r->who.token;
    l->number = r->who.expires_ms;
    request_look_up(r, l, request_answer);
}

void status_show(struct request *r)
{
    struct lookup *l = request_lookup(r, lookup_status);
    l->number = r->api->o.started_wall_ms;
    l->waiting = api_owns(r->api) ? mem_strdup(r->api->put_off) : NULL;
    l->why = r->api->o.owner ? r->api->o.owner(r->api->o.user) : NULL;
    l->shared = r->api->o.shared;
    l->owns = api_owns(r->api);
    request_look_up(r, l, request_answer);
}
