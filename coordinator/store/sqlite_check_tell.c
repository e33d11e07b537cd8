/* How a check tells what it finds. */
#include "coordinator/store/sqlite_check.h"

#include "base/mem.h"
#include "base/str.h"

void check_tell(struct store_check *c, const struct db *d, const char *fault)
{
    if (c->faults++ >= STORE_CHECK_TOLD || !c->say) return;
    char *sentence = str_dupf("%s: %s", d->path, fault);
    c->say(sentence, c->user);
    mem_free(sentence);
}

int check_failed(struct store_check *c, struct db *d, struct err *e)
{
    int code = sqlite3_extended_errcode(d->handle) & 0xff;
    if (code != SQLITE_CORRUPT && code != SQLITE_NOTADB) return db_fail(d, e);
    check_tell(c, d, sqlite3_errmsg(d->handle));
    return 0;
}
