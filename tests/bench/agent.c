/* A real agent of the coordinator under load. */
#include "tests/bench/load.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define ONLINE_S 20

struct json *target_ask_json(struct target *t, const char *method, const char *path,
                             const char *body)
{
    struct json *j;
    struct err e = {0};
    char *text = target_ask(t, method, path, body);
    bench_must(json_parse(text, strlen(text), &j, &e), &e, path);
    mem_free(text);
    return j;
}

int target_agent(struct target *t, int slots, const char *group)
{
    char program[600], join[] = "join", run[] = "run", name[] = "bench";
    char state_flag[] = "--state", config_flag[] = "--config", name_flag[] = "--name";
    char slots_flag[] = "--slots", slots_text[16], state[600], config[600];
    char group_flag[] = "--worker-group", group_text[64];
    target_program("cadre-agent", program, sizeof program);
    struct json *j = target_ask_json(t, "POST", "/api/v1/tokens", "{\"type\":\"join\"}");
    char *token = mem_strdup(json_get_str(j, "token", ""));
    snprintf(slots_text, sizeof slots_text, "%d", slots);
    snprintf(state, sizeof state, "%s/agent", t->folder);
    snprintf(config, sizeof config, "%s/agent.yaml", t->folder);
    snprintf(group_text, sizeof group_text, "%s", group);
    char *join_argv[] = {program, join,      token, state_flag, state,      config_flag,
                         config,  name_flag, name,  group_flag, group_text, NULL};
    char *run_argv[] = {program, run,        state_flag, state, config_flag,
                        config,  slots_flag, slots_text, NULL};
    bench_run(t->folder, "join", join_argv);
    int pid = bench_spawn(t->folder, "agent", run_argv, NULL);
    json_free(j);
    mem_free(token);
    return pid;
}

void target_await_agent(struct target *t)
{
    int64_t end = bench_now_ns() + (int64_t)ONLINE_S * 1000000000;
    for (int64_t online = 0; online == 0;) {
        struct json *status = target_ask_json(t, "GET", "/api/v1/status", NULL);
        online = json_get_int(json_get(status, "agents"), "online", 0);
        json_free(status);
        if (bench_now_ns() > end) bench_die("the agent did not come");
    }
}
