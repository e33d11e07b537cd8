/* Zone files. What is taken answers every question: each moment lies in its stretch, stretches
 * follow each other, and each moment is one of those of the civil time that it shows. */
#include "coordinator/schedule/cron.h"
#include "coordinator/schedule/zone.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

static void ask(const struct zone *z, int64_t t)
{
    int64_t at[2] = {0, 0};
    struct zone_span s = zone_span(z, t);
    check(s.begins_s <= t && t < s.ends_s);
    check(zone_offset(z, t) == s.offset_s);
    int found = zone_moments(z, t + s.offset_s, at);
    check(found == 1 ? at[0] == t : found == 2 && at[0] <= t && t <= at[1]);
    if (s.ends_s < INT64_MAX) check(zone_span(z, s.ends_s).begins_s <= s.ends_s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t moments[] = {
        INT64_C(-5000000000), -1,         0,          86399,       951782400,
        1774746000,           2147483648, 4102444799, 99999999999,
    };
    struct zone *z = NULL;
    struct err e = {0};
    if (zone_parse(data, size, &z, &e)) {
        check(z == NULL && e.msg[0] != '\0');
        return 0;
    }
    struct cron *c = NULL;
    check(cron_parse("30 2 * * *", CRON_FIVE, &c, &e) == 0);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        int64_t next, previous;
        ask(z, moments[i]);
        if (!cron_next(c, z, moments[i], &next)) continue;
        check(next > moments[i]);
        if (cron_previous(c, z, next + 1, &previous)) check(previous == next);
    }
    cron_free(c);
    zone_free(z);
    return 0;
}
