/* The steps of the tables behind SCHEMA_BASE. One that was released is never changed. */
#include "coordinator/store/sql_schema.h"

#include <stddef.h>

/* From version SCHEMA_BASE on, in order; the last one is empty. */
static const struct schema_step steps[] = {
    {NULL, NULL},
};

#define STEPS ((int)(sizeof steps / sizeof *steps) - 1)

int schema_newest(void)
{
    return SCHEMA_BASE + STEPS;
}

const struct schema_step *schema_step_from(int version)
{
    int n = version - SCHEMA_BASE;
    return n >= 0 && n < STEPS ? &steps[n] : NULL;
}
