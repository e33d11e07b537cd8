/* A statement on PostgreSQL, and the values that go in and out of it. Part of the module; only
 * files of the module include this header. */
#ifndef CADRE_COORDINATOR_STORE_PG_STMT_H
#define CADRE_COORDINATOR_STORE_PG_STMT_H

#include "coordinator/store/pg_link.h"

#define PG_FIRST_BLOCK 64 /* rows of a list that are fetched at first, and then */
#define PG_NEXT_BLOCK 512
#define PG_TOUCHED 8

enum pg_kind {
    PG_BEGIN,
    PG_COMMIT,
    PG_ROLLBACK,
    PG_ROWS, /* SELECT, or WITH */
    PG_CHANGE,
};

/* What is bound. Borrowed, but for numbers and what had to be mended. */
struct pg_value {
    char number[32];
    char *mended; /* NULL: nothing was wrong with the text */
};

struct pg_stmt {
    struct stmt stmt; /* first */
    struct pg_conn *c;
    char *sql; /* as PostgreSQL has it; "DECLARE ..." of a list */
    enum pg_kind kind;
    bool fence;          /* takes the owner's row: 22012 says that it is another's */
    bool alters;         /* 22012 says that no row was changed */
    bool list;           /* read in blocks */
    bool changes;        /* rows of ... */
    char table[32];      /* ... this table; "": of any */
    size_t name;         /* its place in c->names */
    size_t cursor;       /* number of a list's cursor */
    uint32_t generation; /* of the connection that it was prepared on; 0: on none */
    int count;           /* of parameters */
    struct pg_value *values;
    const char **data;
    int *lengths, *formats;
    PGresult *rows;         /* NULL: it is not being read */
    struct pg_ahead *ahead; /* whose the rows are; NULL: its own */
    int row;
    bool open;      /* its cursor is there, in the transaction number ... */
    uint32_t reads; /* ... of the connection */
    /* pg_ahead.c */
    bool asked; /* answers of it are kept, but are ... */
    bool stale; /* ... not true any more */
    struct pg_stmt *next_asked;
    bool of_one;                         /* all rows are of the first value */
    uint32_t looked_round;               /* of the connection, when it looked last, for ... */
    struct pg_stmt *touched[PG_TOUCHED]; /* ... those whose rows of one it changes */
    size_t touched_count;
};

static inline struct pg_stmt *pg_stmt_of(struct stmt *q)
{
    return (struct pg_stmt *)q;
}

struct pg_stmt *pg_stmt_new(struct pg_conn *c, const char *sql);
void pg_stmt_free(struct pg_stmt *q);
/* From now on it fails where it changes no row. */
void pg_stmt_alters(struct pg_stmt *q);
/* Sends it to be prepared, where the connection has it not. */
int pg_stmt_prepare(struct pg_stmt *q, struct err *e);
/* Sends one execution with what is bound. */
int pg_stmt_send(struct pg_stmt *q, struct err *e);
/* The same with a question whose answer is kept; one that is kept already is not sent again. */
int pg_stmt_ask(struct pg_stmt *q, struct err *e);

/* pg_ahead.c: what is bound will be asked. NULL: it is already, or is not to be kept. */
struct pg_ahead *pg_ahead_add(struct pg_stmt *q);
/* The answer to what is bound; it may have to be collected yet. NULL: it was not asked. */
struct pg_ahead *pg_ahead_find(const struct pg_stmt *q);
/* q->rows are the answer's. false: it did not come, or is being read. */
bool pg_ahead_lend(struct pg_ahead *x, struct pg_stmt *q);
/* Lets go of q->rows, whoever has them. */
void pg_rows_end(struct pg_stmt *q);
/* Before a statement is sent that changes rows. */
void pg_ahead_changed(struct pg_stmt *q);
/* Looks for the table that a new statement changes. */
void pg_ahead_find_table(struct pg_stmt *q);

/* The driver's functions on values. */
void pg_bind_int(struct stmt *q, int at, int64_t n);
void pg_bind_real(struct stmt *q, int at, double n);
void pg_bind_text(struct stmt *q, int at, const char *s);
void pg_bind_blob(struct stmt *q, int at, const void *data, size_t len);
void pg_bind_null(struct stmt *q, int at);
int64_t pg_column_int(struct stmt *q, int at);
double pg_column_real(struct stmt *q, int at);
const char *pg_column_str(struct stmt *q, int at);
const void *pg_column_blob(struct stmt *q, int at);
size_t pg_column_bytes(struct stmt *q, int at);
bool pg_column_is_null(struct stmt *q, int at);

#endif
