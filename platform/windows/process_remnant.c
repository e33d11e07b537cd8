/* What a job's processes leave behind: known again by number and creation time. */
#include "platform/process.h"

#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "platform/windows/process_impl.h"
#include "platform/windows/wide.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint64_t process_creation_time(HANDLE process)
{
    FILETIME created, exited, kernel, user;
    if (!GetProcessTimes(process, &created, &exited, &kernel, &user)) return 0;
    return (uint64_t)created.dwHighDateTime << 32 | created.dwLowDateTime;
}

bool process_look_at(DWORD pid, struct process_id *id, char name[PROCESS_NAME_SIZE])
{
    wchar_t path[MAX_PATH];
    DWORD len = MAX_PATH;
    HANDLE h = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    if (!h) return false;
    bool named = QueryFullProcessImageNameW(h, 0, path, &len);
    *id = (struct process_id){pid, process_creation_time(h)};
    CloseHandle(h);
    const wchar_t *last = named ? wcsrchr(path, L'\\') : NULL;
    char *text = wide_to(last ? last + 1 : L"?");
    size_t size = strlen(text);
    if (size >= PROCESS_NAME_SIZE) size = str_utf8_whole(text, PROCESS_NAME_SIZE - 1);
    memcpy(name, text, size);
    name[size] = '\0';
    mem_free(text);
    return true;
}

/* "PID CREATED BOOT", and of a remnant (process_remnant) "PID:CREATED" of what was alive: *more
 * begins there. False: of another boot, or no identity at all. */
static bool identity_parse(const char *identity, DWORD *pid, uint64_t *created, const char **more)
{
    char boot[64];
    char *end;
    unsigned long id = strtoul(identity, &end, 10);
    if (end == identity || *end != ' ' || id == 0) return false;
    const char *at = end + 1;
    unsigned long long time = strtoull(at, &end, 10);
    if (end == at || *end != ' ' || !end[1]) return false;
    *pid = id;
    *created = time;
    if (os_boot_id(boot, sizeof boot) != 0) return false;
    size_t len = strcspn(end + 1, " ");
    *more = end + 1 + len;
    return len == strlen(boot) && memcmp(end + 1, boot, len) == 0;
}

/* The job's handle was the dead agent's, and with it went the job's processes. What is done here is
 * for one that got hold of a handle, or was under way to its end. */
int process_kill_leftover(const char *identity, const char *mark, int *killed, struct err *e)
{
    DWORD pid;
    uint64_t created;
    const char *more;
    *killed = 0;
    if (!identity_parse(identity, &pid, &created, &more)) return 0;
    wchar_t *name = process_job_name(mark);
    HANDLE job = OpenJobObjectW(JOB_OBJECT_TERMINATE | JOB_OBJECT_QUERY, FALSE, name);
    mem_free(name);
    int rc = 0;
    if (job) {
        *killed = process_job_active(job);
        if (!TerminateJobObject(job, EXIT_CODE_KILLED)) {
            rc = wide_fail(e, GetLastError(), "end the processes of", mark);
        }
        CloseHandle(job);
    }
    HANDLE process = OpenProcess(PROCESS_TERMINATE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, pid);
    if (process) {
        DWORD code;
        if (created != 0 && process_creation_time(process) == created &&
            GetExitCodeProcess(process, &code) && code == STILL_ACTIVE &&
            TerminateProcess(process, EXIT_CODE_KILLED) && *killed == 0) {
            *killed = 1;
        }
        CloseHandle(process);
    }
    return rc;
}

/* One process of a remnant: ended if that can be done, told when it is alive. */
static void watch_one(struct process_id id, struct process_list *left)
{
    struct process_id now;
    char name[PROCESS_NAME_SIZE];
    HANDLE h = OpenProcess(PROCESS_TERMINATE | SYNCHRONIZE, FALSE, (DWORD)id.pid);
    if (h && WaitForSingleObject(h, 0) == WAIT_OBJECT_0) {
        CloseHandle(h); /* ended, and somebody holds a handle of it */
        return;
    }
    if (process_look_at((DWORD)id.pid, &now, name) && now.start == id.start) {
        process_list_add(left, id, name, "");
        if (h) TerminateProcess(h, EXIT_CODE_KILLED);
    }
    if (h) CloseHandle(h);
}

/* The Job Object's handle is closed: the numbers tell. */
void process_watch_remnant(struct process_host *h, const char *identity, const char *mark,
                           struct process_list *left)
{
    DWORD pid;
    uint64_t created;
    const char *at;
    (void)h;
    (void)mark;
    memset(left, 0, sizeof *left);
    if (!identity_parse(identity, &pid, &created, &at)) return;
    watch_one((struct process_id){pid, created}, left);
    while (*at == ' ') {
        char *end;
        struct process_id id;
        id.pid = strtol(at + 1, &end, 10);
        if (end == at + 1 || *end != ':') return;
        id.start = strtoull(end + 1, &end, 10);
        watch_one(id, left);
        at = end;
    }
}
