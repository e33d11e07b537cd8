/* One answer of /metrics: what the loop thread copies of its counters, what the reader thread finds
 * in the store (coordinator/reads/lookup_metrics.c), and the text of both. */
#ifndef CADRE_COORDINATOR_METRICS_SCRAPE_H
#define CADRE_COORDINATOR_METRICS_SCRAPE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "coordinator/engine/round.h"
#include "coordinator/notify/outbox.h"
#include "coordinator/store/reader_load.h"
#include "wire/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRAPE_BYTES (5u << 20) /* of text */
#define SCRAPE_GROUPS 500       /* have metrics of their own */
#define SCRAPE_OTHER "other"    /* ... the rest together have this label */

/* Requests of one route that were answered with this status. */
struct scrape_http {
    const char *method, *route; /* static; NULL: of no route */
    int code;                   /* 0: any other */
    uint64_t count;
};

/* How a group is doing, or all that have no metrics of their own. */
struct scrape_group {
    char key[64];
    bool paused;
    int64_t jobs[JOB_RETRYING + 1];
    int64_t oldest_ms; /* wall; 0: none is queued */
    struct group_agents agents;
};

struct series;

struct scrape {
    bool open;          /* OpenMetrics */
    int64_t started_ms; /* wall */
    struct scrape_http *http;
    size_t http_count;
    struct series *series; /* of groups that had a job */
    size_t series_count;
    size_t http_connections, agent_connections;
    struct link_listener_counters door;
    struct round_commits commits;
    struct outbox_counters messages;
    int64_t messages_waiting;
    int64_t batch_ms; /* as of spine_busy_ms */
    bool owns;        /* the queue */
    int64_t coordinators_alive, coordinators_gone;
    int64_t database_bytes, output_bytes;
    struct scrape_group *groups; /* room for SCRAPE_GROUPS and one more */
    size_t group_count;
    struct map by_key;
    struct scrape_group *other; /* NULL: every group has its own */
    struct buf text;            /* the result */
};

struct scrape *scrape_new(void);
void scrape_free(struct scrape *s); /* NULL is fine */
/* The group's place, made when it is the first time; that of all others when there is no room. */
struct scrape_group *scrape_group(struct scrape *s, const char *key);
/* Copies the counters. Loop thread, first of all: their groups have metrics of their own. */
void scrape_add_series(struct scrape *s, const struct series *series, size_t count);
/* Fills text. ERR_TOO_LARGE: more than SCRAPE_BYTES. Any thread; looks at the process's files. */
int scrape_write(struct scrape *s, struct err *e);

#endif
