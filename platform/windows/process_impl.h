/* What process.c, process_start.c and process_detached.c share. */
#ifndef CADRE_PLATFORM_WINDOWS_PROCESS_IMPL_H
#define CADRE_PLATFORM_WINDOWS_PROCESS_IMPL_H

#include "platform/guard.h"
#include "platform/process.h"

#include <uv.h>
#include <windows.h>

#define EXIT_CODE_KILLED 137 /* as a shell has it, on both systems */

/* What CreateProcess made. */
struct started {
    HANDLE process;
    HANDLE job;
    DWORD pid;
    int ours[2]; /* C descriptors of our ends of the two pipes */
    bool guarded;
    struct guard_hold hold;
};

/* Starts o's command inside a new Job Object, under the guard if there is one (NULL: none); nothing
 * but its three streams is inherited. */
int process_create(const struct process_options *o, struct guard *guard, struct started *out,
                   struct err *e);
/* L"Local\\cadre-job-MARK"; mem_free. */
wchar_t *process_job_name(const char *mark);
/* With the number it is one process for ever; 0: not known. */
uint64_t process_creation_time(HANDLE process);
/* What can be known of a process for people, in UTF-8, and its identity. False: it is gone. */
bool process_look_at(DWORD pid, struct process_id *id, char name[PROCESS_NAME_SIZE]);
/* Processes alive in the Job Object. */
int process_job_active(HANDLE job);
/* CTRL_BREAK to a process group of a console that is ours or that we visit for it. */
bool process_send_break(DWORD pid);
/* The environment block of a "K=V" list; mem_free. */
wchar_t *process_env_block(const char *const *env);
/* Does this process have a console to share? */
bool process_has_console(void);

#endif
