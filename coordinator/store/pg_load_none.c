/* Where there is no driver of PostgreSQL. */
#include "coordinator/store/pg_load.h"

int pg_load(const char *folder, const struct pg_module **out, struct err *e)
{
    (void)folder;
    (void)out;
    return err_set(e, ERR_UNSUPPORTED,
                   "a store on PostgreSQL is not there on Windows: leave 'store' out, or have the "
                   "coordinator on Linux");
}
