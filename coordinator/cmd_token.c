/* token create: an administrator's token on the coordinator's host, where none is left. */
#include "base/id.h"
#include "base/mem.h"
#include "coordinator/command_line.h"
#include "coordinator/coordinator.h"
#include "coordinator/trust/admin_token.h"
#include "platform/complain.h"
#include "platform/paths.h"

#include <stdio.h>
#include <stdlib.h>

int command_token(const struct command_args *a)
{
    struct err e = {0};
    char id[ID_TEXT_SIZE], before[ID_TEXT_SIZE];
    if (coordinator_make_token(a->config, id, before, &e)) {
        complain_as("cadre-coordinator token create", err_text(&e));
        return EXIT_FAILURE;
    }
    char *path = paths_join(a->config->state, ADMIN_TOKEN_FILE);
    printf("a new administrator's token (%s) is in %s\n", id, path);
    if (before[0])
        printf("The one that was there still holds, if it was not revoked: cadre token revoke %s\n",
               before);
    printf("\nNext:\n"
           "  start the coordinator again\n"
           "  export CADRE_TOKEN_FILE=%s   # not needed for root on this host\n"
           "  cadre token list              # revoke the ones that were lost\n",
           path);
    mem_free(path);
    return EXIT_SUCCESS;
}
