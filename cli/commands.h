/* The table of commands, from which all help comes: one row per command; each lives in the cmd_*.c
 * that its first word names. */
#ifndef CADRE_CLI_COMMANDS_H
#define CADRE_CLI_COMMANDS_H

#include "base/help.h"
#include "cli/cli.h"

extern const struct command cmd_run;
extern const struct command cmd_job_list, cmd_job_show, cmd_job_logs, cmd_job_cancel, cmd_job_why,
    cmd_job_retry, cmd_job_run;
extern const struct command cmd_flow_apply, cmd_flow_list, cmd_flow_show, cmd_flow_delete,
    cmd_flow_run, cmd_flow_validate, cmd_flow_diff, cmd_flow_export;
extern const struct command cmd_execution_list, cmd_execution_show, cmd_execution_logs,
    cmd_execution_cancel;
extern const struct command cmd_trigger_list, cmd_trigger_show, cmd_trigger_enable,
    cmd_trigger_disable, cmd_trigger_run, cmd_trigger_key, cmd_trigger_next, cmd_trigger_backfill,
    cmd_trigger_backfills;
extern const struct command cmd_group_list, cmd_group_show, cmd_group_create, cmd_group_update,
    cmd_group_delete, cmd_group_pause, cmd_group_resume;
extern const struct command cmd_agent_list, cmd_agent_show, cmd_agent_history, cmd_agent_drain,
    cmd_agent_resume, cmd_agent_remove;
extern const struct command cmd_namespace_list, cmd_namespace_show, cmd_namespace_set,
    cmd_namespace_unset;
extern const struct command cmd_coordinator_list;
extern const struct command cmd_token_create_join, cmd_token_create_api, cmd_token_list,
    cmd_token_revoke;
extern const struct command cmd_notify_list, cmd_notify_channels, cmd_notify_test;
extern const struct command cmd_status, cmd_failures, cmd_waits, cmd_login, cmd_version;

extern const struct command *const commands[]; /* NULL-terminated, in the order of the help */
/* Options that stand anywhere in front of "--"; their offsets are into struct cli. */
extern const struct opt global_options[];
extern const size_t global_option_count;

/* The table as base/help.h wants it: row i is commands[i]. */
void commands_help_init(struct help_program *p);
void commands_help_fini(struct help_program *p);

#endif
