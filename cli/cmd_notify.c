/* cadre notify list | channels | test */
#include "cli/commands.h"

#include "base/mem.h"
#include "cli/resource.h"

static const struct opt list_options[] = {LIST_LIMIT};

const struct command cmd_notify_list = {
    .name = "notify list",
    .arguments = "",
    .summary = "list the messages to channels: what was delivered, what failed and why",
    .details = "Newest first. A message stays open while what it is about goes on, or may happen "
               "again; TIMES says how often it did. Needs an administrator's token. The channels "
               "themselves "
               "are listed by 'cadre notify channels'.",
    .example = "cadre notify list",
    .options = list_options,
    .option_count = 1,
    .config_size = sizeof(struct list_config),
    .resource = &resource_notice,
    .run = resource_list,
};

const struct command cmd_notify_channels = {
    .name = "notify channels",
    .arguments = "",
    .summary = "list the channels of the coordinator's configuration, and whom each reaches",
    .example = "cadre notify channels",
    .config_size = sizeof(struct list_config),
    .resource = &resource_channel,
    .run = resource_list,
};

/* A message that did not get through is no failure of the request, but of the command. */
static int print_result(struct cli *cli, const char *name, const struct json *answer)
{
    struct err e = {0};
    bool delivered = json_get_bool(answer, "delivered", false);
    if (cli_json(cli))
        out_json(&cli->out, answer);
    else if (delivered)
        out_line(&cli->out, "%s: delivered", name);
    if (out_flush(&cli->out) != 0) return EXIT_ERROR;
    if (delivered) return EXIT_OK;
    err_set(&e, ERR_IO, "%s: not delivered: %s", name, json_get_str(answer, "reason", "?"));
    return cli_fail(cli, EXIT_ERROR, &e);
}

static int run_test(struct cli *cli, void *config, const struct opt_args *args)
{
    struct err e = {0};
    struct response r = {0};
    (void)config;
    char *path = resource_path(cli, args, "test");
    if (!path) return EXIT_USAGE;
    int code = EXIT_ERROR;
    if (cli_client(cli)) {
        const struct request request = {.method = "POST", .target = path};
        int rc = client_call(cli->client, &request, &r, &e);
        if (rc == 0 && !r.body)
            rc = err_set(&e, ERR_PROTOCOL, "the coordinator's answer is not JSON");
        code = rc ? cli_fail(cli, EXIT_ERROR, &e) : print_result(cli, args->argv[0], r.body);
    }
    response_fini(&r);
    mem_free(path);
    return code;
}

const struct command cmd_notify_test = {
    .name = "notify test",
    .arguments = "CHANNEL",
    .summary = "send a test message to a channel, and say whether it got through",
    .details = "Waits until the message is delivered or has failed, at most some 45 seconds. The "
               "exit code is 1 when it was not delivered. Needs an administrator's token.",
    .example = "cadre notify test ops",
    .resource = &resource_channel,
    .run = run_test,
};
