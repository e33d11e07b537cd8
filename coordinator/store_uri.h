/* The setting `store`: where the queue is kept. Pure: nothing is opened, nothing is looked up. What
 * is said of a URI here never holds a password. Any thread. */
#ifndef CADRE_COORDINATOR_STORE_URI_H
#define CADRE_COORDINATOR_STORE_URI_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define STORE_SQLITE "sqlite" /* files in the state folder; the default */
#define STORE_URI_MAX 4096    /* bytes of a URI */

/* Is it one of PostgreSQL's, by its scheme? NULL: SQLite. */
bool store_uri_is_postgresql(const char *store);
/* "sqlite", or a URI of libpq's syntax with host and database: ERR_INVALID with a sentence that
 * shows neither a password nor what may be one, and names the way out. */
int store_uri_check(const char *store, struct err *e);
/* For people: each password is `***`; of a text that store_uri_check refuses, where a password may
 * stand anywhere, all is but the scheme. NULL: "sqlite". mem_free. */
char *store_uri_masked(const char *store);
/* Does it hold a password? Of one that store_uri_check took; else false. */
bool store_uri_has_password(const char *store);

typedef void store_advice_fn(const char *sentence, void *user);
/* What `check-config` says of a good URI: one call for each thing that works and is not wise.
 * lease_ms: of the configuration. Of SQLite: nothing. */
void store_uri_advise(const char *store, int64_t lease_ms, store_advice_fn *say, void *user);

#endif
