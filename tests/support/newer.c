/*
 * cadre-coordinator of a later version, for the system tests: its tables have further steps behind
 * the last one. CADRE_TEST_STEPS says how many (1). Linked with the coordinator's own sources;
 * the names below replace those of coordinator/store/sql_schema.c.
 */
#include "base/str.h"
#include "coordinator/store/sql_schema.h"

#include <stddef.h>
#include <stdlib.h>

int __real_schema_newest(void);
int __wrap_schema_newest(void);
const struct schema_step *__real_schema_step_from(int version);
const struct schema_step *__wrap_schema_step_from(int version);

/* Each is seen from outside, and no two can be done twice. */
static const struct schema_step steps[] = {
    {.sqlite = "CREATE TABLE later_one (n INTEGER NOT NULL);",
     .pg = "CREATE TABLE cadre.later_one (n bigint NOT NULL);"},
    {.sqlite = "ALTER TABLE later_one RENAME TO later_two;",
     .pg = "ALTER TABLE cadre.later_one RENAME TO later_two;"},
};
#define STEPS ((int)(sizeof steps / sizeof *steps))

static int further(void)
{
    int64_t n;
    const char *text = getenv("CADRE_TEST_STEPS");
    if (!text || str_int64(text, &n) != 0 || n < 0 || n > STEPS) return 1;
    return (int)n;
}

int __wrap_schema_newest(void)
{
    return __real_schema_newest() + further();
}

const struct schema_step *__wrap_schema_step_from(int version)
{
    int n = version - __real_schema_newest();
    return n >= 0 && n < further() ? &steps[n] : __real_schema_step_from(version);
}
