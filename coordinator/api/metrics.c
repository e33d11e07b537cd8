/* GET /metrics: the counters are copied here, the rest is read and written by the reader thread. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/request.h"
#include "coordinator/api/traffic.h"
#include "coordinator/metrics/page.h"
#include "coordinator/metrics/scrape.h"

static void on_scraped(struct request *r, struct lookup *l)
{
    if (l->problem.status)
        request_answer(r, l);
    else
        request_send_content(r, 200, l->scrape->open ? PAGE_TYPE_OPEN : PAGE_TYPE_PLAIN,
                             &l->scrape->text);
}

void metrics_show(struct request *r)
{
    const struct api *a = r->api;
    struct scrape *s = scrape_new();
    struct lookup *l = request_lookup(r, lookup_metrics);
    s->open = page_wants_open(http_header(r->message, "accept"));
    s->started_ms = a->o.started_wall_ms;
    s->http_connections = a->count;
    traffic_copy(a->traffic, s);
    if (a->o.gather) a->o.gather(s, a->o.user);
    l->scrape = s;
    request_look_up(r, l, on_scraped);
}
