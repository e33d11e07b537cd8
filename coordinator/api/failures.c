/* What went wrong of late. */
#include "coordinator/api/handlers.h"
#include "coordinator/api/range.h"
#include "coordinator/api/request.h"

#include "base/mem.h"
#include "platform/os.h"

#define DAY_MS INT64_C(86400000)
#define CAUSES_MOST 500
#define CAUSES_USUAL 100

void failures_list(struct request *r)
{
    static const char *const keys[] = {"namespace", "since", "limit"};
    request_query_known(r, keys, sizeof keys / sizeof *keys);
    struct lookup *l = request_lookup(r, lookup_failures);
    l->number = range_time(r, "since");
    if (l->number == 0) l->number = os_wall_ms() - DAY_MS;
    l->list.limit = (size_t)request_query_int(r, "limit", 1, CAUSES_MOST, CAUSES_USUAL);
    l->ns = mem_strdup(request_query_namespace(r));
    request_send_list(r, l);
}
