/* migrate-store: to PostgreSQL, or back. */
#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/command_line.h"
#include "coordinator/migrate.h"
#include "coordinator/store_uri.h"
#include "platform/complain.h"

#include <stdlib.h>

#define MIGRATE "cadre-coordinator migrate-store"

static void say(void *user, const char *line)
{
    (void)user;
    char *text = str_dupf("%s\n", line);
    (void)command_print("migrate-store", text);
    mem_free(text);
}

static int print_next(const struct command_args *a, const struct migrate_done *done)
{
    const struct config *c = a->config;
    char *to = store_uri_masked(c->to);
    struct buf b;
    buf_init(&b, 65536);
    if (done->to_pg)
        buf_addf(&b,
                 "the queue is in %s now\n"
                 "\nNext:\n"
                 "  store: %s   # in the configuration of each coordinator\n"
                 "  start the coordinators: each one's state folder is a copy of %s\n"
                 "The old files stay there, and are refused: %s/moved-to says so.\n",
                 to, to, c->state, c->state);
    else
        buf_addf(&b,
                 "the queue is in the files of %s now\n"
                 "\nNext:\n"
                 "  take store out of the configuration, or write store: sqlite\n"
                 "  start this coordinator, and no other one\n"
                 "The database keeps what it had, and is refused: a row of cadre.moves says so.\n",
                 c->state);
    int code = command_print("migrate-store", b.data);
    buf_fini(&b);
    mem_free(to);
    return code;
}

int command_migrate(const struct command_args *a)
{
    struct err e = {0};
    struct migrate_done done;
    if (!a->config->to) {
        complain_as(MIGRATE, "where to? --to postgresql://USER@HOST/DATABASE, or --to sqlite");
        return EXIT_USAGE;
    }
    int rc = migrate_store(a->config, say, &done, &e);
    if (rc == 0) return print_next(a, &done);
    complain_as(MIGRATE, err_text(&e));
    return rc == ERR_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}
