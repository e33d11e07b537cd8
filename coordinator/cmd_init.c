/* init: makes a new state folder, and prints the next steps. */
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/command_line.h"
#include "coordinator/coordinator.h"
#include "coordinator/host_zone.h"
#include "coordinator/trust/admin_token.h"
#include "platform/complain.h"
#include "platform/log_sink.h"
#include "platform/paths.h"

#include <stdlib.h>

/* The flags of `init` that `run` needs again, because they are not in a file. */
static char *flags_again(const struct config *c)
{
    struct buf b;
    buf_init(&b, 64 * 1024);
    for (size_t i = 0; i < c->set.count; i++) {
        const struct opt *o = &c->set.table[i];
        if (c->set.sources[i] != OPT_FROM_FLAG) continue;
        if (str_eq(o->flag, "config")) buf_addf(&b, " --config %s", c->config_path);
        if (str_eq(o->flag, "state")) buf_addf(&b, " --state %s", c->state);
        if (str_eq(o->flag, "listen")) buf_addf(&b, " --listen %s", c->listen);
    }
    return buf_detach(&b);
}

static int print_freeing(char *text)
{
    int code = command_print("init", text);
    mem_free(text);
    return code;
}

/* Under a service manager, which starts `run` next. The words end up in the log. */
static int print_service_steps(const struct config *c, char *advice)
{
    char *text =
        str_dupf("coordinator initialised in %s: CA, certificate, database, administrator's token\n"
                 "next: 'cadre status', and 'cadre token create join', which prints what to paste "
                 "on a machine that is to run jobs\n"
                 "keep a copy of %s/ca.key and ca.pem in a safe place: all agents trust them\n"
                 "%s%s",
                 c->state, c->state, advice ? advice : "", advice ? "\n" : "");
    mem_free(advice);
    return print_freeing(text);
}

int command_init(const struct command_args *a)
{
    const struct config *c = a->config;
    struct err e = {0};
    bool done = false;
    int rc = c->once ? coordinator_is_initialised(c, &done, &e) : 0;
    if (!rc && done) return EXIT_SUCCESS;
    if (!rc) rc = coordinator_init(c, &e);
    if (rc) {
        complain_as("cadre-coordinator init", err_text(&e));
        return EXIT_FAILURE;
    }
    char *advice = host_zone_write(c);
    if (c->once) return print_service_steps(c, advice);
    char *flags = flags_again(c);
    char *token = paths_join(c->state, ADMIN_TOKEN_FILE);
    int code = print_freeing(str_dupf(
        "coordinator initialised in %s\n"
        "\n"
        "Next:\n"
        "  cadre-coordinator run%s\n"
        "  export CADRE_TOKEN_FILE=%s        # the administrator's token, for the command line\n"
        "  cadre status\n"
        "  cadre token create join           # prints what to paste on a machine that is to run "
        "jobs\n"
        "\n"
        "Keep a copy of %s and ca.pem in a safe place: all agents trust them.\n"
        "%s%s",
        c->state, flags, token, "ca.key", advice ? advice : "", advice ? "\n" : ""));
    mem_free(advice);
    mem_free(token);
    mem_free(flags);
    return code;
}
