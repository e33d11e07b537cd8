/* cadre coordinator list */
#include "cli/commands.h"

#include "cli/resource.h"

const struct command cmd_coordinator_list = {
    .name = "coordinator list",
    .arguments = "",
    .summary = "list the coordinators that share the store, and which of them owns the queue",
    .details =
        "Each writes every two seconds that it is alive; one that was not seen for ten is "
        "gone, and after a day, or when it was started again, not listed any more. With SQLite "
        "there is one.",
    .example = "cadre coordinator list",
    .config_size = sizeof(struct list_config),
    .resource = &resource_coordinator,
    .run = resource_list,
};
