/* See range.h. */
#include "coordinator/api/range.h"

#include "base/duration.h"
#include "base/id.h"
#include "base/str.h"
#include "platform/os.h"

int64_t range_time(struct request *r, const char *key)
{
    const char *text = http_query(&r->target, key);
    int64_t ms;
    if (!text) return 0;
    if (time_parse(text, &ms) == 0) return ms ? ms : 1;
    if (duration_parse(text, &ms, NULL) == 0) {
        int64_t now = os_wall_ms();
        return ms < now ? now - ms : 1;
    }
    problem_field(&r->problem, key,
                  "%s: '%.40s' is neither a time like 2026-01-31T08:00:00Z nor a duration", key,
                  text);
    return 0;
}

void range_ids(struct request *r, struct lookup *l)
{
    const char *prefix = http_query(&r->target, "id");
    int64_t first = 0, last = 0;
    bool begins = !str_empty(prefix);
    if (begins && id_range(prefix, &first, &last) != 0)
        problem_field(&r->problem, "id",
                      "id: '%.40s' is not the beginning of an id, which has 13 letters and digits",
                      prefix);
    l->since_ms = range_time(r, "since");
    l->until_ms = range_time(r, "until");
    int64_t start = l->since_ms ? id_floor(l->since_ms) : 0;
    int64_t end = l->until_ms ? id_floor(l->until_ms) : 0;
    l->from_id = start > first ? start : first;
    if (last < INT64_MAX) last++;
    l->before_id = begins && (!end || last < end) ? last : end;
}
