/* A connection to PostgreSQL in libpq's pipeline mode: what was sent and not answered yet, and what
 * the answers mean. Part of the module; only files of the module include this header. */
#ifndef CADRE_COORDINATOR_STORE_PG_LINK_H
#define CADRE_COORDINATOR_STORE_PG_LINK_H

#include "base/err.h"
#include "base/map.h"
#include "coordinator/store/pg_module.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PG_COMMIT_MS 5000 /* without an answer by then it is not known; longer than lock_timeout */
/* Longer than the server's own limits on a statement (pg_connect.c). */
#define PG_WRITE_MS 17000
#define PG_READ_MS 32000
#define PG_EXEC_MS 60000
#define PG_AGAIN_MS 500      /* a reader connects again so often at most */
#define PG_PENDING_MOST 4096 /* executions that are sent without an answer */

enum pg_state {
    PG_IDLE,   /* no transaction */
    PG_OPEN,   /* one that the store began */
    PG_FAILED, /* the same, with an error or a lost connection: only a rollback is taken */
};

enum pg_what {
    PG_SENT_NOTHING,
    PG_SENT_PREPARE,
    PG_SENT_RUN,
    PG_SENT_AHEAD,       /* its answer is kept (pg_ahead.c) */
    PG_SENT_AHEAD_ALONE, /* the same, of no transaction: an error of it ends nothing */
    PG_SENT_SYNC,
};

struct pg_stmt;
struct pg_ahead;

struct pg_sent {
    enum pg_what what;
    struct pg_stmt *stmt;   /* NULL: a text of the driver's own */
    struct pg_ahead *ahead; /* who waits for the answer; NULL: nobody */
};

struct pg_conn {
    PGconn *pg; /* NULL: lost */
    int users;  /* structs db */
    enum pg_use use;
    char *uri, *password; /* to connect again */
    char *name;           /* for messages */
    enum pg_state state;
    struct err error;    /* why it is lost or has failed */
    struct err fenced;   /* .code not 0: for good */
    uint32_t generation; /* counts connections: what was prepared on another is not there */
    int64_t tried_ms;    /* the last try to connect again */
    void (*unprepared)(struct pg_stmt *q); /* it was sent to be prepared, and was not */
    bool in_doubt;                         /* the last COMMIT failed, and may have been done */
    bool unconfirmed; /* somebody ended the wait of a commit for its synchronous standby */
    /* ring of what was sent */
    struct pg_sent *sent;
    size_t first, count, cap;
    uint64_t trips; /* how often answers were waited for */
    /* questions that were asked ahead, and the statements that ask them */
    struct map ahead;      /* by number: struct pg_ahead, chained */
    struct map ahead_rows; /* those of one row, by it; the same */
    struct pg_stmt *asked;
    uint32_t asked_round; /* counts what changes them */
    /* names of prepared statements: those that the server has, and those that a statement has */
    bool *names, *used;
    size_t name_count;
    /* of a reader: lists that are being read, in a transaction of the driver's own */
    int cursors;
    bool reading;
    uint32_t reads;    /* counts those transactions */
    struct stmt *spec; /* of db_spec; NULL: it was not asked for */
};

/* What pg_collect found. */
struct pg_answer {
    PGresult *result;      /* of the last execution; PQclear. NULL: there was none, or an error */
    bool failed;           /* an execution failed, c->error says how */
    struct pg_stmt *which; /* the first that failed; NULL: one of the driver's own */
    bool taken;            /* ... because a row is taken */
    bool last;             /* ... and nothing was sent after it */
};

int64_t pg_now_ms(void);

/* Connects, and sets what a session of ours needs. */
int pg_connect(struct pg_conn *c, const struct pg_place *p, struct err *e);
/* Connects again when the connection is lost; fails when that does, or did a moment ago, and always
 * with PG_MOVE. Not within a transaction. */
int pg_ready(struct pg_conn *c, struct err *e);
/* Closes a connection that is of no use any more, with c->error as it was set. */
void pg_drop(struct pg_conn *c);
void pg_free(struct pg_conn *c);

/* A text of the driver's own, without parameters. */
int pg_send_text(struct pg_conn *c, const char *sql, struct err *e);
/* Notes what was sent by a function of libpq that returned `done`. */
int pg_sent(struct pg_conn *c, enum pg_what what, struct pg_stmt *q, int done, struct err *e);
/* Has the server answer all that was sent, and sends it; does not wait. */
int pg_push(struct pg_conn *c, struct err *e);
/* pg_push, and takes all answers. Negative: the connection is lost. Errors of statements are in a
 * and c->error. */
int pg_collect(struct pg_conn *c, int64_t wait_ms, struct pg_answer *a, struct err *e);
/* Several statements in one text; waits. */
int pg_exec_all(struct pg_conn *c, const char *sql, struct err *e);

/* pg_ahead.c: an answer that came ahead; takes the rows. */
void pg_ahead_answered(struct pg_ahead *x, PGresult *rows);
/* Nothing is kept any more, and what is still to be answered is not. */
void pg_ahead_forget(struct pg_conn *c);

/* pg_error.c: fills *e, returns the code. */
int pg_error_of(const struct pg_conn *c, const PGresult *r, const struct pg_stmt *q, struct err *e);
int pg_error_lost(const struct pg_conn *c, const char *what, struct err *e);

#endif
