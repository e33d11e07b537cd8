/* A row of counters per route, and one for what is none. */
#include "coordinator/api/traffic.h"

#include "base/mem.h"
#include "coordinator/api/request.h"
#include "coordinator/metrics/scrape.h"

static const short codes[] = {200, 201, 202, 204, 304, 400, 401, 403, 404, 405, 408,
                              409, 413, 414, 422, 429, 431, 500, 501, 503, 505, 0 /* any other */};
#define CODES (sizeof codes / sizeof *codes)

struct traffic {
    const struct route *routes;
    int count;
    uint64_t (*rows)[CODES]; /* of the routes, and of what is none */
};

struct traffic *traffic_new(const struct route *routes, int count)
{
    struct traffic *t = mem_alloc(sizeof *t);
    t->routes = routes;
    t->count = count;
    t->rows = mem_array((size_t)count + 1, sizeof *t->rows);
    return t;
}

void traffic_free(struct traffic *t)
{
    if (!t) return;
    mem_free(t->rows);
    mem_free(t);
}

void traffic_add(struct traffic *t, const struct route *route, int status)
{
    size_t i = 0;
    while (codes[i] && codes[i] != status)
        i++;
    t->rows[route ? route - t->routes : t->count][i]++;
}

void traffic_copy(const struct traffic *t, struct scrape *s)
{
    s->http = mem_array(((size_t)t->count + 1) * CODES, sizeof *s->http);
    s->http_count = 0;
    for (int row = 0; row <= t->count; row++) {
        for (size_t i = 0; i < CODES; i++) {
            if (!t->rows[row][i]) continue;
            const struct route *of = row < t->count ? &t->routes[row] : NULL;
            s->http[s->http_count++] = (struct scrape_http){.method = of ? of->method : NULL,
                                                            .route = of ? of->path : NULL,
                                                            .code = codes[i],
                                                            .count = t->rows[row][i]};
        }
    }
}
