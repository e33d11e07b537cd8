/* The agents' state folders: each machine has a disk of its own, and on it the real journal of
 * agent/journal.c. The linker puts the functions below in front of those that would reach for this
 * machine's files. */
#include "tests/sim/sim.h"

#include "base/mem.h"
#include "platform/files.h"
#include "platform/os.h"

#include <string.h>

/* While a journal is being opened: on which disk, and where its id comes from. */
static struct disk *opening;
static struct sim *opener;
/* What the agents' journals are told to lose. */
struct journal_faults journal_faults;

bool __real_file_exists(const char *path);
bool __wrap_file_exists(const char *path);
bool __wrap_file_exists(const char *path)
{
    return opening ? disk_has_file(opening, path) : __real_file_exists(path);
}

int __real_file_write_atomic(const char *path, const void *data, size_t len, enum file_mode mode,
                             struct err *e);
int __wrap_file_write_atomic(const char *path, const void *data, size_t len, enum file_mode mode,
                             struct err *e);
int __wrap_file_write_atomic(const char *path, const void *data, size_t len, enum file_mode mode,
                             struct err *e)
{
    if (!opening) return __real_file_write_atomic(path, data, len, mode, e);
    disk_add_file(opening, path);
    return 0;
}

int __real_file_move(const char *from, const char *to, struct err *e);
int __wrap_file_move(const char *from, const char *to, struct err *e);
int __wrap_file_move(const char *from, const char *to, struct err *e)
{
    if (!opening) return __real_file_move(from, to, e);
    disk_move_file(opening, from, to);
    return 0;
}

uint64_t __real_os_seed(void);
uint64_t __wrap_os_seed(void);
uint64_t __wrap_os_seed(void)
{
    return opener ? rng_next(&opener->rng) : __real_os_seed();
}

int __real_journal_commit(struct journal *j, struct err *e);
int __wrap_journal_commit(struct journal *j, struct err *e);
int __wrap_journal_commit(struct journal *j, struct err *e)
{
    if (journal_faults.full) return err_set(e, ERR_FULL, "the disk is full (simulated)");
    return journal_faults.lose_commits ? 0 : __real_journal_commit(j, e);
}

void state_make(struct agent_model *a, uint64_t seed)
{
    a->disk = disk_begin_aside(seed);
    a->folder = disk_make_folder(a->disk);
}

void state_fini(struct agent_model *a)
{
    journal_close(a->journal);
    mem_free(a->folder);
    disk_end(a->disk);
}

void state_open(struct sim *s, struct agent_model *a)
{
    struct err e = {0};
    bool damaged = false;
    opening = a->disk;
    opener = s;
    disk_enter(a->disk);
    int rc = journal_open(a->folder, a->boot_id, &a->journal, &damaged, &e);
    disk_leave(a->disk);
    opening = NULL;
    opener = NULL;
    if (rc != 0) {
        a->journal = NULL;
        sim_violation(s, "%s: its journal does not open: %s", a->name, err_text(&e));
    } else if (damaged) {
        sim_violation(s, "%s: its journal is damaged", a->name);
    }
}

/* What the journal still holds back when it is closed goes to a folder that nobody sees again. */
void state_die(struct agent_model *a, bool power_loss)
{
    disk_lose_power(a->disk, power_loss);
    char *kept = disk_keep_folder(a->disk, a->folder);
    journal_close(a->journal);
    a->journal = NULL;
    disk_remove_folder(a->disk, a->folder);
    mem_free(a->folder);
    a->folder = kept;
}

void state_close(struct agent_model *a)
{
    journal_close(a->journal);
    a->journal = NULL;
}

void state_forget(struct agent_model *a)
{
    a->knows_more = false;
    disk_remove_folder(a->disk, a->folder);
    mem_free(a->folder);
    a->folder = disk_make_folder(a->disk);
}
