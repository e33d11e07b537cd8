/* The bodies that chat services want for a message. What people and jobs wrote stands in them as
 * text: it mentions nobody, and no link in it hides where it goes. Pure. */
#ifndef CADRE_COORDINATOR_NOTIFY_SHAPE_H
#define CADRE_COORDINATOR_NOTIFY_SHAPE_H

#include "base/json.h"

#include <stdbool.h>

/* cadre, slack, mattermost, teams */
bool shape_is_known(const char *shape);
/* JSON text of the event in this shape; mem_free. */
char *shape_body(const char *shape, const struct json *event);

#endif
