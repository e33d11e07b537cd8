/* The statements that PostgreSQL is told in words of its own: number, text. They have the
 * parameters and the columns of those that they stand for. Only files sql_*.c and pg_*.c of this
 * folder include this header.
 *
 * A statement is on one database, whose tables are found by PG_SEARCH_PATH. Both schemas have a
 * table `parts`, which is therefore named with its schema. (A search path of each struct db would
 * not do: PostgreSQL plans a prepared statement anew when the path has changed.) */
#ifndef CADRE_COORDINATOR_STORE_PG_STATEMENTS_H
#define CADRE_COORDINATOR_STORE_PG_STATEMENTS_H

/* In place of some of QUEUE_STATEMENTS. */
#define PG_QUEUE_STATEMENTS(X)                                                                     \
    X(Q_MARK, "UPDATE cadre.parts SET output_mark = ?1")                                           \
    X(Q_PROBE, "INSERT INTO cadre.parts (id, output_mark) VALUES ('probe', 0)")                    \
    X(Q_PROBE_END, "DELETE FROM cadre.parts WHERE id = 'probe'")

/* In place of some of OUTPUT_STATEMENTS. Space of deleted rows is the work of PostgreSQL's vacuum:
 * no page is ever free. */
#define PG_OUTPUT_STATEMENTS(X)                                                                    \
    X(O_MARK, "UPDATE cadre_output.parts SET output_mark = ?1")                                    \
    X(O_PROBE, "INSERT INTO cadre_output.parts (id, output_mark) VALUES ('probe', 0)")             \
    X(O_PROBE_END, "DELETE FROM cadre_output.parts WHERE id = 'probe'")                            \
    X(O_FREE_PAGES, "SELECT CAST(0 AS BIGINT)")                                                    \
    X(O_PAGES, "SELECT CAST(1 AS BIGINT)")                                                         \
    X(O_SHRINK, "SELECT 1 WHERE 1 = 0")

/* In place of some of OUTPUT_READS. */
#define PG_OUTPUT_READS(X)                                                                         \
    X(W_LOST, "SELECT lost_ms, lost_cursor FROM cadre_output.parts WHERE lost_cursor > 0")

#endif
