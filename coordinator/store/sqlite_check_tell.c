/* How a check tells what it finds. */
#include "coordinator/store/sqlite_check.h"

#include "base/mem.h"
#include "base/str.h"

static void tell(struct store_check *c, const struct db *d, int64_t *count, const char *fault)
{
    if ((*count)++ >= STORE_CHECK_TOLD || !c->say) return;
    char *sentence = str_dupf("%s: %s", d->path, fault);
    c->say(sentence, c->user);
    mem_free(sentence);
}

void check_tell(struct store_check *c, const struct db *d, const char *fault)
{
    tell(c, d, &c->faults, fault);
}

void check_tell_index(struct store_check *c, const struct db *d, const char *fault)
{
    tell(c, d, &c->index_faults, fault);
}

int check_failed(struct store_check *c, struct db *d, struct err *e)
{
    int code = sqlite3_extended_errcode(sqlite_handle(d)) & 0xff;
    if (code != SQLITE_CORRUPT && code != SQLITE_NOTADB) return db_fail(d, e);
    check_tell(c, d, sqlite3_errmsg(sqlite_handle(d)));
    return 0;
}
