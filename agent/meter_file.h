/* The agent's metrics in a file, for the textfile collector of node_exporter or windows_exporter:
 * written whole beside it and renamed, every 15 s, and after a change at most once a second. The
 * file is removed when the agent ends in order. Loop thread; the file is written on another one, so
 * that a slow disk holds up nothing. */
#ifndef CADRE_AGENT_METER_FILE_H
#define CADRE_AGENT_METER_FILE_H

#include "agent/meter.h"

struct uv_loop_s;
struct meter_file;

#define METER_EVERY_MS 15000
#define METER_CHANGE_MS 1000

struct meter_file_options {
    struct uv_loop_s *loop;
    const char *path;         /* copied */
    const char *state_folder; /* whose journal's size is told; copied */
    /* Fills all but has_usage, usage and journal_bytes. The texts may go with the next turn. */
    void (*read)(struct meter_reading *out, void *user);
    void *user;
};

struct meter_file *meter_file_start(const struct meter_file_options *o);
/* Something has changed. */
void meter_file_note(struct meter_file *m);
/* Ends it; its handles close and the file goes asynchronously: run the loop until it is empty. read
 * is not called any more. NULL is fine. */
void meter_file_stop(struct meter_file *m);

#endif
