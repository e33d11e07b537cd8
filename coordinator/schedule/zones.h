/* All time zones that are known, by name: what the engine is handed, as the clock is. UTC and fixed
 * offsets are known always. A table is filled by one thread and read by any number of them
 * afterwards: tables and zones are shared by counting. Pure; who reads the files is
 * coordinator/zone_files.h. */
#ifndef CADRE_COORDINATOR_SCHEDULE_ZONES_H
#define CADRE_COORDINATOR_SCHEDULE_ZONES_H

#include "coordinator/schedule/zone.h"

#include <stdbool.h>
#include <stddef.h>

#define ZONE_NAME_MAX 64 /* bytes; the longest of the database has 38 */

struct zones;

/* `missing` completes "only UTC and offsets such as +02:00 are known, because ..." in messages, for
 * a table that stays empty; NULL: there was nobody to ask. */
struct zones *zones_new(const char *missing);
struct zones *zones_share(struct zones *t);
void zones_free(struct zones *t); /* a share; NULL is fine */

/* Parts of letters, digits, '_', '+' and '-' joined by '/', none of them empty: no name leads out
 * of the folder. */
bool zone_name_valid(const char *name);
/* Puts a zone of a valid name into a table that nobody else has yet; the zone is the table's. A
 * name that is there already is replaced. */
void zones_put(struct zones *t, const char *name, struct zone *z);
/* Puts a share of each zone of `other` that t has not. */
void zones_keep(struct zones *t, const struct zones *other);
size_t zones_count(const struct zones *t);

/* A share of the zone, for zone_free(): one of the table, "UTC", "Z", or an offset from -18:00 to
 * +18:00. ERR_NOT_FOUND: "time zone 'Europe/Berln' is not known, did you mean 'Europe/Berlin'?" */
int zones_open(const struct zones *t, const char *name, struct zone **out, struct err *e);

#endif
