/* See implied.h. */
#include "coordinator/engine/implied.h"

int job_requires(const struct json *object, enum requires_origin origin,
                 const struct spec_needs *needs, struct requires **out, struct err *e)
{
    struct requires *r = NULL;
    int rc = requires_parse(object, origin, &r, e);
    if (rc) return rc;
    if (needs->shell) requires_add_text(&r, "shell", needs->shell);
    if (needs->minor > 0) requires_add_protocol(&r, needs->minor);
    *out = r;
    return 0;
}
