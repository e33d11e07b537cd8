/* What the agent tells of itself to those who watch, as text for Prometheus (0.0.4). Every sample
 * has the label `agent`, so that the files of several agents on one machine can be read together;
 * for the same reason nothing is called as metrics of processes are everywhere. Pure. */
#ifndef CADRE_AGENT_METER_H
#define CADRE_AGENT_METER_H

#include "base/buf.h"
#include "platform/usage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METER_BYTES 16384 /* of text */

/* number, name, type, further label, what it tells. docs/metrics.md lists the same. */
#define METER_FAMILIES(X)                                                                          \
    X(A_INFO, "cadre_agent_info", "gauge", "version", "Always 1; the label is the version.")       \
    X(A_CONNECTED, "cadre_agent_connected", "gauge", "",                                           \
      "1 while the coordinator has welcomed it, else 0.")                                          \
    X(A_ACKNOWLEDGED, "cadre_agent_heartbeat_acknowledged_timestamp_seconds", "gauge", "",         \
      "When the coordinator last acknowledged a heartbeat, since 1970; 0 before the first.")       \
    X(A_TAKES, "cadre_agent_takes_jobs", "gauge", "",                                              \
      "1 while it would start a job; 0 while it stops, is unwell or lacks disk space.")            \
    X(A_SLOTS, "cadre_agent_slots", "gauge", "", "Jobs that may run at a time.")                   \
    X(A_TAKEN, "cadre_agent_slots_taken", "gauge", "",                                             \
      "Slots of jobs, and of what they left running.")                                             \
    X(A_JOBS, "cadre_agent_jobs", "gauge", "", "Jobs that it has, not over.")                      \
    X(A_ENDED, "cadre_agent_jobs_ended_total", "counter", "state",                                 \
      "Attempts that ended here since the agent started.")                                         \
    X(A_RESULTS, "cadre_agent_unacknowledged_results", "gauge", "",                                \
      "Attempts whose end the coordinator has not acknowledged yet.")                              \
    X(A_PENDING, "cadre_agent_unacknowledged_bytes", "gauge", "",                                  \
      "Bytes of events and output that the coordinator has not acknowledged yet.")                 \
    X(A_JOURNAL, "cadre_agent_journal_bytes", "gauge", "", "Size of the journal's files.")         \
    X(A_CPU, "cadre_agent_cpu_seconds_total", "counter", "",                                       \
      "Processor time of the agent, without its jobs.")                                            \
    X(A_MEMORY, "cadre_agent_resident_memory_bytes", "gauge", "",                                  \
      "Memory of the agent that is resident, without its jobs.")                                   \
    X(A_FILES, "cadre_agent_open_fds", "gauge", "", "Open file descriptors of the agent.")         \
    X(A_START, "cadre_agent_start_time_seconds", "gauge", "", "When the agent started, since 1970.")

#define X(number, name, type, label, help) number,
enum meter { METER_FAMILIES(X) METER_COUNT };
#undef X

struct meter_family {
    const char *name, *type, *label, *help; /* label "": none besides `agent` */
};
extern const struct meter_family meter_families[METER_COUNT];

/* How attempts end at an agent. */
enum meter_end { METER_SUCCESS, METER_FAILED, METER_KILLED, METER_ENDS };

struct meter_reading {
    const char *agent; /* its name */
    bool connected, takes_jobs;
    int64_t acknowledged_ms, started_ms; /* wall */
    int64_t slots;
    size_t slots_taken, jobs, results;
    uint64_t ended[METER_ENDS];
    int64_t pending_bytes, journal_bytes;
    bool has_usage;
    struct os_usage usage;
};

/* Appends the text. ERR_TOO_LARGE: b is smaller than METER_BYTES. */
int meter_write(const struct meter_reading *r, struct buf *b);

#endif
