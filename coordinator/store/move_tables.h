/* The tables that migrate-store copies, and copying one: rows in the order of their key, so that
 * the greatest key in the target tells how far it came. One thread. */
#ifndef CADRE_COORDINATOR_STORE_MOVE_TABLES_H
#define CADRE_COORDINATOR_STORE_MOVE_TABLES_H

#include "coordinator/store/db.h"

#define MOVE_COLUMNS_MOST 64
#define MOVE_KEY_MOST 4

enum move_type { MOVE_INTEGER, MOVE_REAL, MOVE_TEXT, MOVE_BLOB };

struct move_table {
    bool output; /* of output.db, and of cadre_output */
    char *name;
    char *columns[MOVE_COLUMNS_MOST];
    enum move_type types[MOVE_COLUMNS_MOST];
    int count;
    const char *only;       /* a condition on PostgreSQL's rows; NULL: all are copied. Borrowed */
    int key[MOVE_KEY_MOST]; /* places in columns */
    int key_count;
};

struct move_tables {
    struct move_table *items;
    size_t count;
};

/* Of both files, but `parts`, by their names. */
int move_tables_list(struct db *queue, struct db *output, struct move_tables *out, struct err *e);
void move_tables_fini(struct move_tables *t);

/* Copies what is behind the target's greatest key, in transactions of their own. from: of
 * PostgreSQL, a reader's. *rows: how many were copied. */
int move_table_copy(const struct move_table *t, struct db *from, struct db *to, int64_t *rows,
                    struct err *e);
int move_table_count(const struct move_table *t, struct db *d, int64_t *rows, struct err *e);
/* Has it a row? */
int move_table_any(const struct move_table *t, struct db *d, bool *any, struct err *e);
/* Within the caller's transaction. */
int move_table_clear(const struct move_table *t, struct db *d, struct err *e);

#endif
