/* Which properties the types of Kestra's have that are known here. */
#ifndef CADRE_COORDINATOR_FLOW_KESTRA_KEYS_H
#define CADRE_COORDINATOR_FLOW_KESTRA_KEYS_H

#include <stdbool.h>

/* Is `key` a property of other types than `type`, supported or refused, and not of this one? Then a
 * default for many types does not mean it. False of a type that is not known, and of a key that no
 * type has. */
bool kestra_key_is_foreign(const char *type, const char *key);

#endif
