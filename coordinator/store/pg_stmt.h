/* A statement on PostgreSQL, and the values that go in and out of it. Part of the module; only
 * files of the module include this header. */
#ifndef CADRE_COORDINATOR_STORE_PG_STMT_H
#define CADRE_COORDINATOR_STORE_PG_STMT_H

#include "coordinator/store/pg_link.h"

#define PG_FIRST_BLOCK 64 /* rows of a list that are fetched at first, and then */
#define PG_NEXT_BLOCK 512

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
    size_t name;         /* its place in c->names */
    size_t cursor;       /* number of a list's cursor */
    uint32_t generation; /* of the connection that it was prepared on; 0: on none */
    int count;           /* of parameters */
    struct pg_value *values;
    const char **data;
    int *lengths, *formats;
    PGresult *rows; /* NULL: it is not being read */
    int row;
    bool open;      /* its cursor is there, in the transaction number ... */
    uint32_t reads; /* ... of the connection */
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
