/* The agent tries itself: it makes a folder in the work folder, a file that is flushed to the disk
 * and one beside the folder, starts a process of its own in it as it starts jobs (the same pipes
 * and cgroup), waits for its end, and removes everything. Files are made and removed on the threads
 * of file_work.h. On the loop's thread; the callback never runs inside the call that caused it. */
#ifndef CADRE_AGENT_TRIAL_H
#define CADRE_AGENT_TRIAL_H

#include "agent/folders.h"
#include "base/err.h"
#include "platform/process.h"

#include <stdbool.h>

struct trial;

struct trial_options {
    struct folders *folders;
    struct process_host *host;
    /* NULL-terminated; ends with 0 at once. Lives as long as the trial. */
    const char *const *command;
    bool (*may_start)(void *user); /* Can a process be guarded now? */
    /* Once, unless the trial was abandoned. why NULL: all went well; frees the trial. */
    void (*done)(const struct err *why, void *user);
    void *user;
};

struct trial *trial_begin(const struct trial_options *o);
/* Ends the process, if any, and removes the files in the background; `done` is not called. NULL is
 * fine. Before folders_free. */
void trial_abandon(struct trial *t);
/* What takes too long, in words. */
void trial_describe(const struct trial *t, struct err *out);

#endif
