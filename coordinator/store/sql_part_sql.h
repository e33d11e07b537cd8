/* The statements on what the two files know of each other (sqlite_parts.c). */
#ifndef CADRE_COORDINATOR_STORE_SQL_PART_SQL_H
#define CADRE_COORDINATOR_STORE_SQL_PART_SQL_H

#define QUEUE_PART "SELECT id, ca, output_mark FROM parts"
#define OUTPUT_PART "SELECT id, NULL, output_mark FROM parts"
#define PART_NEW "INSERT INTO parts (id, output_mark) VALUES (?1, ?2)"
#define PART_CA "UPDATE parts SET ca = ?1"
/* The newest cursor that output.db ever had. */
#define OUTPUT_HIGH                                                                                \
    "SELECT coalesce(max(n), 0) FROM (SELECT max(cursor) AS n FROM chunks"                         \
    " UNION ALL SELECT output_mark FROM parts) x"

#endif
