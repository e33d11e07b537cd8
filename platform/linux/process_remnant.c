/* Trees of which something could not be ended: a process of another account (and no cgroup to end
 * it by), or one that hangs in the kernel. For its owner such a tree has ended; its host keeps the
 * tree in view, so that nobody takes its processes for those of another job, and looks when it is
 * asked to. */
#include "platform/linux/process_impl.h"

#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <string.h>

void process_unlink(struct process *p)
{
    *p->link = p->next;
    if (p->next) p->next->link = p->link;
    if (p->oom_tag >= 0) p->host->oom_used[p->oom_tag] = 0;
    p->remnant = false;
}

void process_release(struct process *p)
{
    if (p->open_handles > 0 || !p->freed || p->remnant) return;
    mem_free(p->mark);
    mem_free(p->folder);
    mem_free(p->cgroup);
    mem_free(p->strays);
    mem_free(p->alive);
    mem_free(p->remnant_text);
    mem_free(p);
}

void process_keep(struct process *p)
{
    p->remnant = true;
}

int process_identity(const struct process *p, char out[PROCESS_IDENTITY_SIZE])
{
    uint64_t start = p->start;
    struct proc now;
    if (!p->start_read && !p->reaped && proc_read(p->pid, &now) == 0) start = now.start;
    int oom = p->oom_tag >= 0 ? p->host->oom_base + p->oom_tag : 0;
    return str_format(out, PROCESS_IDENTITY_SIZE, "%d %" PRIu64 " %s %d", (int)p->pid, start,
                      p->host->boot_id, oom);
}

int process_remnant(const struct process *p, char out[PROCESS_REMNANT_SIZE])
{
    char identity[PROCESS_IDENTITY_SIZE];
    int rc = process_identity(p, identity);
    if (rc == 0) rc = str_copy(out, PROCESS_REMNANT_SIZE, identity);
    /* what finds no room is found by session, score and mark, or not at all */
    if (rc == 0 && p->alive) process_list_write_ids(p->alive, out, PROCESS_REMNANT_SIZE);
    return rc;
}

void process_watch_remnant(struct process_host *h, const char *identity, const char *mark,
                           struct process_list *left)
{
    memset(left, 0, sizeof *left);
    for (struct process *p = h ? h->processes : NULL; p; p = p->next) {
        if (!p->remnant || !str_eq(p->mark, mark)) continue;
        process_tree_kill(p);
        if (!p->reaped || !process_tree_is_clean(p)) process_tree_list(p, true, left);
        *p->alive = *left;
        if (left->count > 0) return;
        process_unlink(p);
        process_release(p);
        return;
    }
    process_tree_leftover(identity, mark, left);
}
