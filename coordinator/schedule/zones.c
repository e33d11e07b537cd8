#include "coordinator/schedule/zones.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/schedule/civil.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    char *name;
    struct zone *zone;
};

struct zones {
    _Atomic size_t shares;
    struct entry *items; /* by name */
    size_t count, cap;
    char *missing;
};

struct zones *zones_new(const char *missing)
{
    struct zones *t = mem_alloc(sizeof *t);
    atomic_init(&t->shares, 1);
    t->missing = mem_strdup(missing);
    return t;
}

struct zones *zones_share(struct zones *t)
{
    atomic_fetch_add(&t->shares, 1);
    return t;
}

void zones_free(struct zones *t)
{
    if (t == NULL || atomic_fetch_sub(&t->shares, 1) != 1) return;
    for (size_t i = 0; i < t->count; i++) {
        mem_free(t->items[i].name);
        zone_free(t->items[i].zone);
    }
    mem_free(t->items);
    mem_free(t->missing);
    mem_free(t);
}

bool zone_name_valid(const char *name)
{
    static const char fits[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-";
    if (strlen(name) > ZONE_NAME_MAX) return false;
    for (;; name++) {
        size_t len = strspn(name, fits);
        name += len;
        if (len == 0 || (*name != '/' && *name != '\0')) return false;
        if (*name == '\0') return true;
    }
}

/* Where the name is, or would be. */
static size_t place_of(const struct zones *t, const char *name, bool *found)
{
    size_t low = 0, high = t->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(t->items[middle].name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void zones_put(struct zones *t, const char *name, struct zone *z)
{
    bool found;
    size_t at = place_of(t, name, &found);
    if (found) {
        zone_free(t->items[at].zone);
        t->items[at].zone = z;
        return;
    }
    if (t->count == t->cap) {
        t->cap = t->cap > 0 ? 2 * t->cap : 64;
        t->items = mem_resize(t->items, t->cap, sizeof *t->items);
    }
    memmove(&t->items[at + 1], &t->items[at], (t->count - at) * sizeof *t->items);
    t->items[at] = (struct entry){mem_strdup(name), z};
    t->count++;
}

void zones_keep(struct zones *t, const struct zones *other)
{
    for (size_t i = 0; i < other->count; i++) {
        bool found;
        (void)place_of(t, other->items[i].name, &found);
        if (!found) zones_put(t, other->items[i].name, zone_share(other->items[i].zone));
    }
}

size_t zones_count(const struct zones *t)
{
    return t->count;
}

static bool two_digits(const char *p, int most, int *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') return false;
    *out = (p[0] - '0') * 10 + p[1] - '0';
    return *out <= most;
}

/* "+02:00", and as java.time.ZoneId has it besides: "+2", "+02", "+0200", "UTC+2", "GMT-03:00". */
static bool read_offset(const char *name, int32_t *out)
{
    static const char *const prefixes[] = {"UTC", "GMT", "UT"};
    const char *p = name;
    char four[5] = "0000"; /* hours and minutes */
    int hours, minutes;
    for (size_t i = 0; i < 3 && p == name; i++)
        if (str_starts(name, prefixes[i])) p += strlen(prefixes[i]);
    char sign = *p;
    size_t len = strlen(p);
    if ((sign != '+' && sign != '-') || len == 4 || len < 2 || len > 6) return false;
    if (len == 6 && p[3] != ':') return false;
    memcpy(four + (len == 2), p + 1, len == 2 ? 1 : 2);
    if (len > 3) memcpy(four + 2, p + len - 2, 2);
    if (!two_digits(four, 18, &hours) || !two_digits(four + 2, 59, &minutes)) return false;
    if (hours == 18 && minutes > 0) return false;
    int32_t offset = hours * CIVIL_HOUR + minutes * CIVIL_MINUTE;
    *out = sign == '-' ? -offset : offset;
    return true;
}

static int unknown(const struct zones *t, const char *name, struct err *e)
{
    char quote[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
    str_quote(quote, name);
    if (t->count == 0)
        return err_set(e, ERR_NOT_FOUND,
                       "time zone %s is not known: only UTC and offsets such as +02:00 are%s%s",
                       quote, t->missing ? ", because " : "", t->missing ? t->missing : "");
    const char **names = mem_array(t->count, sizeof *names);
    for (size_t i = 0; i < t->count; i++)
        names[i] = t->items[i].name;
    str_suggest_nearest(suggestion, name, names, t->count);
    mem_free(names);
    return err_set(e, ERR_NOT_FOUND, "time zone %s is not known%s%s", quote, suggestion,
                   suggestion[0] ? "" : "; write it as Europe/Berlin, UTC or +02:00");
}

int zones_open(const struct zones *t, const char *name, struct zone **out, struct err *e)
{
    bool found;
    size_t at = place_of(t, name, &found);
    int32_t offset = 0;
    if (found)
        *out = zone_share(t->items[at].zone);
    else if (str_eq(name, "UTC") || str_eq(name, "Z") || read_offset(name, &offset))
        *out = zone_fixed(offset);
    else
        return unknown(t, name, e);
    return 0;
}
