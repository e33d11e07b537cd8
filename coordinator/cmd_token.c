/* token create: an administrator's token on the coordinator's host, where none is left. */
#include "base/buf.h"
#include "base/id.h"
#include "base/mem.h"
#include "coordinator/command_line.h"
#include "coordinator/coordinator.h"
#include "coordinator/trust/admin_token.h"
#include "platform/complain.h"
#include "platform/paths.h"

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
    struct buf text;
    buf_init(&text, 64 * 1024);
    buf_addf(&text, "a new administrator's token (%s) is in %s\n", id, path);
    if (before[0])
        buf_addf(
            &text,
            "The one that was there still holds, if it was not revoked: cadre token revoke %s\n",
            before);
    buf_addf(&text,
             "\nNext:\n"
             "  start the coordinator again\n"
             "  export CADRE_TOKEN_FILE=%s   # not needed for root on this host\n"
             "  cadre token list              # revoke the ones that were lost\n",
             path);
    int code = command_print("token create", text.data);
    buf_fini(&text);
    mem_free(path);
    return code;
}
