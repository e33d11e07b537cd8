/* What a state folder is. Both programs keep one, and CADRE_STATE may name one folder to both. So
 * each command looks before its first write, and writes only into what is its own. Blocking. */
#ifndef CADRE_PLATFORM_STATE_FOLDER_H
#define CADRE_PLATFORM_STATE_FOLDER_H

#include "base/err.h"
#include "platform/files.h"

#include <stdbool.h>

/* Its first line says whose the folder is: "coordinator", "agent", "dev". */
#define STATE_MARKER "cadre-folder"

enum state_owner { STATE_OF_COORDINATOR, STATE_OF_AGENT, STATE_OF_DEV, STATE_OWNERS };

struct state_look {
    bool known;  /* the owner's: it has the marker, or files that only this program makes */
    bool marked; /* it has the marker */
    bool done;   /* state_folder_finish was called once */
};

/* May the program write here? Changes nothing. 0: the folder is its own, or empty, or not there.
 * Folders of versions without a marker are told by their files. ERR_DENIED: it is another
 * program's, or holds what is not Cadre's, or cannot be looked at; e says which, and the way out.
 * ERR_CORRUPT: the marker cannot be understood. */
int state_folder_look(const char *path, enum state_owner owner, struct state_look *out,
                      struct err *e);
/* Refuses keys and tokens (files in the folder, each may be absent) that others can read or write,
 * and a folder that others can write in: ERR_DENIED, with the command that mends it. */
int state_folder_check_access(const char *path, const char *const *secrets, size_t count,
                              struct err *e);
/* Looks, makes the folder when it is missing (0700; one that was empty is closed to others, too),
 * takes its lock, and leaves the marker. ERR_CONFLICT: another process has the lock. */
int state_folder_enter(const char *path, enum state_owner owner, struct file_lock **lock,
                       struct err *e);
/* All that the folder is to hold was made: from now on a missing part is a loss. */
int state_folder_finish(const char *path, enum state_owner owner, struct err *e);
/* Whose is it? For folders that may be anybody's: STATE_OWNERS when it is nobody's, which a folder
 * of backups is, too. */
enum state_owner state_folder_owner(const char *path);

#endif
