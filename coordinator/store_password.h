/* The file of `storePasswordFile`. Blocking; any thread. */
#ifndef CADRE_COORDINATOR_STORE_PASSWORD_H
#define CADRE_COORDINATOR_STORE_PASSWORD_H

#include "base/err.h"
#include "coordinator/config.h"

/* Its first line, without the end of the line. ERR_DENIED: others may read or write the file;
 * ERR_INVALID: the line is empty, longer than 1 KiB or no text; else what the system says of the
 * file. Each sentence names the setting. *out: mem_free_secret. */
int store_password_read(const char *path, char **out, struct err *e);
/* Can PostgreSQL be used as the configuration says, as far as this host knows? ERR_INVALID: not on
 * this system; else as above. SQLite: 0. */
int store_password_check(const struct config *c, struct err *e);

#endif
