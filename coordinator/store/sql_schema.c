/* The steps of the tables behind SCHEMA_BASE. One that was released is never changed. */
#include "coordinator/store/sql_schema.h"

#include <stddef.h>

/* Task runs of executions. Those of one stand side by side; `due` are few: those that sleep. */
#define RUNS_DUE(schema)                                                                           \
    "CREATE INDEX run_due ON " schema "task_runs (execution, due_ms) WHERE due_ms > 0;"
static const char runs_sqlite[] = "CREATE TABLE task_runs ("
                                  "  execution INTEGER NOT NULL,"
                                  "  run INTEGER NOT NULL,"
                                  "  parent INTEGER NOT NULL,"
                                  "  state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 7),"
                                  "  iteration INTEGER NOT NULL,"
                                  "  chosen INTEGER NOT NULL,"
                                  "  job INTEGER NOT NULL,"
                                  "  child INTEGER NOT NULL,"
                                  "  reason INTEGER NOT NULL,"
                                  "  created_ms INTEGER NOT NULL,"
                                  "  started_ms INTEGER NOT NULL,"
                                  "  ended_ms INTEGER NOT NULL,"
                                  "  due_ms INTEGER NOT NULL,"
                                  "  task TEXT NOT NULL,"
                                  "  value TEXT,"
                                  "  message TEXT,"
                                  "  outputs TEXT,"
                                  "  PRIMARY KEY (execution, run)"
                                  ") STRICT, WITHOUT ROWID;" RUNS_DUE("");
static const char runs_pg[] =
    "CREATE TABLE cadre.task_runs ("
    " execution bigint NOT NULL, run bigint NOT NULL, parent bigint NOT NULL,"
    " state bigint NOT NULL CHECK (state BETWEEN 0 AND 7), iteration bigint NOT NULL,"
    " chosen bigint NOT NULL, job bigint NOT NULL, child bigint NOT NULL,"
    " reason bigint NOT NULL, created_ms bigint NOT NULL, started_ms bigint NOT NULL,"
    " ended_ms bigint NOT NULL, due_ms bigint NOT NULL, task text COLLATE \"C\" NOT NULL,"
    " value text COLLATE \"C\", message text COLLATE \"C\", outputs text COLLATE \"C\","
    " PRIMARY KEY (execution, run)) WITH (fillfactor = 70);" RUNS_DUE("cadre.");

/* From version SCHEMA_BASE on, in order; the last one is empty. */
static const struct schema_step steps[] = {
    {runs_sqlite, runs_pg}, /* 30 */
    /* Output on PostgreSQL: tables by day (pg_days.h). What there is becomes day 0 as it is. */
    {"SELECT 1;", "CREATE TABLE cadre_output.days ("
                  " day bigint PRIMARY KEY, since_ms bigint NOT NULL, emptied bigint NOT NULL);"
                  "INSERT INTO cadre_output.days VALUES (0, 0, 0);"},
    {NULL, NULL},
};

#define STEPS ((int)(sizeof steps / sizeof *steps) - 1)

int schema_newest(void)
{
    return SCHEMA_BASE + STEPS;
}

const struct schema_step *schema_step_from(int version)
{
    int n = version - SCHEMA_BASE;
    return n >= 0 && n < STEPS ? &steps[n] : NULL;
}
