/* Cron expressions. What is taken fires within eight years, at moments that it names. */
#include "base/mem.h"
#include "coordinator/schedule/cron.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = mem_strndup((const char *)data, size);
    struct zone *utc = zone_fixed(0);
    for (int form = CRON_FIVE; form <= CRON_FIVE_OR_SIX; form++) {
        struct cron *c = NULL;
        struct err e = {0};
        int64_t t = 951782399, previous;
        if (cron_parse(text, (enum cron_form)form, &c, &e)) {
            check(c == NULL && e.msg[0] != '\0');
            continue;
        }
        for (int n = 0; n < 5; n++) {
            int64_t after = t;
            check(cron_next(c, utc, after, &t) && t > after);
            check(cron_matches(c, utc, t));
            check(cron_previous(c, utc, t + 1, &previous) && previous == t);
        }
        cron_free(c);
    }
    zone_free(utc);
    mem_free(text);
    return 0;
}
