/* The statements that PostgreSQL is told in words of its own: number, text. They have the
 * parameters and the columns of those that they stand for. Only files sql_*.c and pg_*.c of this
 * folder include this header.
 *
 * A statement is on one database, whose tables are found by PG_SEARCH_PATH. Both schemas have a
 * table `parts`, which is therefore named with its schema. (A search path of each struct db would
 * not do: PostgreSQL plans a prepared statement anew when the path has changed.) */
#ifndef CADRE_COORDINATOR_STORE_PG_STATEMENTS_H
#define CADRE_COORDINATOR_STORE_PG_STATEMENTS_H

/* The database's clock, in ms: the same for whoever writes a row of `coordinators c` and whoever
 * reads it. */
#define PG_NOW_MS "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
/* It has been seen in the last 10 s. */
#define PG_COORDINATOR_ALIVE "c.seen_ms >= " PG_NOW_MS " - 10000"

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
    X(O_CHUNKS_EXPIRE, "DELETE FROM ONLY chunks WHERE cursor IN (SELECT cursor FROM ONLY chunks"   \
                       " WHERE job = ?1 ORDER BY cursor LIMIT ?2)")                                \
    X(O_FREE_PAGES, "SELECT CAST(0 AS BIGINT)")                                                    \
    X(O_PAGES, "SELECT CAST(1 AS BIGINT)")                                                         \
    X(O_SHRINK, "SELECT 1 WHERE 1 = 0")

/* In place of some of QUEUE_READS. */
#define PG_QUEUE_READS(X)                                                                          \
    X(R_COORDINATORS,                                                                              \
      "SELECT c.id, c.name, c.addresses, c.version, c.started_ms, c.seen_ms,"                      \
      " CASE WHEN " PG_COORDINATOR_ALIVE " THEN 1 ELSE 0 END, CASE WHEN EXISTS"                    \
      " (SELECT 1 FROM owner o WHERE o.part = 0 AND o.holder = c.name || ' ' || c.id)"             \
      " AND " PG_COORDINATOR_ALIVE " THEN 1 ELSE 0 END"                                            \
      " FROM coordinators c WHERE c.id > ?1 ORDER BY c.id")                                        \
    X(R_COORDINATOR_COUNTS,                                                                        \
      "SELECT count(*) FILTER (WHERE " PG_COORDINATOR_ALIVE                                        \
      "), count(*) FILTER (WHERE NOT " PG_COORDINATOR_ALIVE ") FROM coordinators c")

/* In place of some of OUTPUT_READS. */
#define PG_OUTPUT_READS(X)                                                                         \
    X(W_LOST, "SELECT lost_ms, lost_cursor FROM cadre_output.parts WHERE lost_cursor > 0")

#endif
