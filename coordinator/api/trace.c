/* Traces of those who ask. */
#include "coordinator/api/trace.h"

#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/trace.h"

void trace_take(struct request *r)
{
    static const char name[] = "traceparent";
    if (http_header_count(r->message, name) != 1 ||
        !trace_parent_read(http_header(r->message, name), r->trace))
        r->trace[0] = '\0';
}

void trace_log(const struct request *r, const char *what, int64_t id)
{
    char text[ID_TEXT_SIZE];
    if (!r->trace[0]) return;
    id_format(id, text);
    log_info("%s %s: submitted with traceparent=%s", what, text, r->trace);
}

char *trace_copy(const struct request *r)
{
    return r->trace[0] ? mem_strdup(r->trace) : NULL;
}
