/* One row per command; each lives in the cmd_*.c that its first word names. */
#ifndef CADRE_CLI_COMMANDS_H
#define CADRE_CLI_COMMANDS_H

#include "cli/cli.h"

extern const struct command command_run;
extern const struct command command_job_list, command_job_show, command_job_logs,
    command_job_cancel, command_job_why;
extern const struct command command_flow_apply, command_flow_list, command_flow_show,
    command_flow_delete, command_flow_run;
extern const struct command command_execution_list, command_execution_show, command_execution_logs,
    command_execution_cancel;
extern const struct command command_trigger_list, command_trigger_show, command_trigger_enable,
    command_trigger_disable, command_trigger_run;
extern const struct command command_group_list, command_group_show, command_group_create,
    command_group_update, command_group_delete, command_group_pause, command_group_resume;
extern const struct command command_agent_list, command_agent_show, command_agent_drain,
    command_agent_resume, command_agent_remove;
extern const struct command command_namespace_list, command_namespace_show, command_namespace_set,
    command_namespace_unset;
extern const struct command command_token_create, command_token_list, command_token_revoke;
extern const struct command command_status, command_login, command_version;

#endif
