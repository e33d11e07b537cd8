/* See gpu.h. */
#include "platform/gpu.h"

#include "base/mem.h"
#include "base/str.h"

void gpus_fini(struct gpus *g)
{
    mem_free(g->model);
    mem_free(g->driver);
    mem_free(g->cuda);
    *g = (struct gpus){.count = 0};
}

void gpus_write(const struct gpus *g, struct jw *w)
{
    if (!g->known) return;
    jw_object(w, "gpu");
    jw_int(w, "count", g->count);
    if (!str_empty(g->model)) jw_str(w, "model", g->model);
    if (g->memory_bytes > 0) jw_int(w, "memory", g->memory_bytes);
    if (!str_empty(g->driver)) jw_str(w, "driver", g->driver);
    jw_end(w);
    if (!str_empty(g->cuda)) jw_str(w, "cuda", g->cuda);
}
