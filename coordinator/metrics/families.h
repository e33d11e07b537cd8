/* Every metric that the coordinator tells at /metrics, one row each. docs/metrics.md lists the same
 * (tests/unit/coordinator/test_metrics.c compares). Names are in base units; of a counter the row
 * has the name without "_total". */
#ifndef CADRE_COORDINATOR_METRICS_FAMILIES_H
#define CADRE_COORDINATOR_METRICS_FAMILIES_H

#include <stddef.h>

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

/* number, name, type, labels, what it tells */
#define METRIC_FAMILIES(X)                                                                         \
    X(M_BUILD, "cadre_build_info", GAUGE, "version", "Always 1; the label is the version.")        \
    X(M_OWNER, "cadre_owner", GAUGE, "",                                                           \
      "1 while this coordinator owns the queue, else 0; one that is alone always does.")           \
    X(M_COORDINATORS, "cadre_coordinators", GAUGE, "state",                                        \
      "Coordinators that share the store: alive are those that were seen in the last 10 s.")       \
    X(M_JOBS, "cadre_jobs", GAUGE, "group, state",                                                 \
      "Jobs and evaluations that are not over; those in CREATED are the queue.")                   \
    X(M_OLDEST, "cadre_queue_oldest_seconds", GAUGE, "group",                                      \
      "Age of the oldest job in the queue, from its submit; 0 when none waits.")                   \
    X(M_AGENTS, "cadre_agents", GAUGE, "group, state", "Agents by what they are doing.")           \
    X(M_PAUSED, "cadre_group_paused", GAUGE, "group", "1 while the group is paused, else 0.")      \
    X(M_SLOTS, "cadre_slots", GAUGE, "group", "Slots of connected agents.")                        \
    X(M_FREE_SLOTS, "cadre_free_slots", GAUGE, "group", "Slots that a job could get now.")         \
    X(M_CREATED, "cadre_jobs_created", COUNTER, "group", "Jobs that came into the queue.")         \
    X(M_HANDED_OUT, "cadre_jobs_handed_out", COUNTER, "group", "Attempts that agents were given.") \
    X(M_ENDED, "cadre_jobs_ended", COUNTER, "group, state", "Jobs that ended.")                    \
    X(M_EVALUATIONS, "cadre_evaluations_ended", COUNTER, "group, state",                           \
      "Evaluations of polling triggers that ended.")                                               \
    X(M_RETRIES, "cadre_job_retries", COUNTER, "group",                                            \
      "Attempts that failed and are followed by another.")                                         \
    X(M_LOST, "cadre_leases_lost", COUNTER, "group",                                               \
      "Attempts that were given up, since their agent was not heard.")                             \
    X(M_WAIT, "cadre_job_wait_seconds", HISTOGRAM, "group",                                        \
      "From the submit of a job until its first attempt was handed out.")                          \
    X(M_RUN, "cadre_job_run_seconds", HISTOGRAM, "group",                                          \
      "From the start of an attempt until its end.")                                               \
    X(M_COMMIT, "cadre_commit_seconds", HISTOGRAM, "",                                             \
      "Time of a commit of the database that changed something.")                                  \
    X(M_BATCH, "cadre_commit_commands", HISTOGRAM, "", "Commands that were committed together.")   \
    X(M_ROLLED_BACK, "cadre_commits_failed", COUNTER, "",                                          \
      "Commits that failed, so that nothing of them happened.")                                    \
    X(M_BATCH_AGE, "cadre_batch_age_seconds", GAUGE, "",                                           \
      "For how long the batch that is under way has been, its commit included; 0 when none is.")   \
    X(M_DATABASE, "cadre_database_bytes", GAUGE, "file", "Size of a database file.")               \
    X(M_HTTP, "cadre_http_requests", COUNTER, "method, route, code",                               \
      "Requests that were answered.")                                                              \
    X(M_HTTP_CONNECTIONS, "cadre_http_connections", GAUGE, "", "Connections of API clients.")      \
    X(M_AGENT_CONNECTIONS, "cadre_agent_connections", GAUGE, "", "Connections of agents.")         \
    X(M_HANDSHAKES, "cadre_tls_handshakes", COUNTER, "result",                                     \
      "TLS handshakes by what came of them.")                                                      \
    X(M_CONNECTIONS, "cadre_connections", COUNTER, "result",                                       \
      "TCP connections: accepted, of these cut for others at the door, and refused for lack of "   \
      "descriptors.")                                                                              \
    X(M_MESSAGES, "cadre_messages", COUNTER, "result",                                             \
      "Tries to deliver a message to a channel, and messages that were dropped for others.")       \
    X(M_MESSAGES_WAITING, "cadre_messages_waiting", GAUGE, "",                                     \
      "Messages to channels that are to be delivered, now or at the end of a pause.")              \
    X(M_CPU, "process_cpu_seconds", COUNTER, "", "Processor time of the process.")                 \
    X(M_MEMORY, "process_resident_memory_bytes", GAUGE, "",                                        \
      "Memory of the process that is resident.")                                                   \
    X(M_OPEN_FDS, "process_open_fds", GAUGE, "", "Open file descriptors.")                         \
    X(M_MAX_FDS, "process_max_fds", GAUGE, "", "The most file descriptors that it may have open.") \
    X(M_START, "process_start_time_seconds", GAUGE, "", "When the process started, since 1970.")

#define X(number, name, type, labels, help) number,
enum metric { METRIC_FAMILIES(X) METRIC_COUNT };
#undef X

struct metric_family {
    const char *name;
    enum metric_type type;
    const char *labels; /* "group, state"; "": none */
    const char *help;   /* a sentence */
};
extern const struct metric_family metric_families[METRIC_COUNT];
extern const char *const metric_type_names[]; /* "gauge" ... */

#endif
