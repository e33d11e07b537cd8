/* A world with rules, and what they told. */
#ifndef CADRE_TESTS_ALARM_WORLD_H
#define CADRE_TESTS_ALARM_WORLD_H

#include "flow_world.h"

#include "coordinator/engine/alarm.h"
#include "coordinator/engine/notice.h"
#include "coordinator/engine/quiet.h"

#define S 1000
#define MIN 60000
#define HOUR (60 * MIN)
#define AFTER (5 * MIN)
#define TELLS_MOST 64

/* ---- what was told ---- */

/* The messages since the last look, all delivered: "STATE TITLE". */
extern char *told[TELLS_MOST];
extern size_t told_count;
extern char last_count[32]; /* what the last message says how often it happened */

/* All of the last message but its id and times, JSON text. */
extern char *last_event;
void last_says(const char *members);

void forget_told(void);
/* As world_live, with a look at each batch. */
void live(struct world *w, int64_t ms);
/* Within ms these are told, and nothing else. */
#define tells(w, ms, ...) tells_these(w, ms, (const char *const[]){__VA_ARGS__, NULL})
void tells_these(struct world *w, int64_t ms, const char *const *expected);
void tells_nothing(struct world *w, int64_t ms);

/* ---- a world with rules ---- */

extern const char *ops[1], *both[2]; /* channels */
extern struct rule rules[4];

/* Starts the coordinator anew with the first `count` of the rules. */
void with_rules(struct world *w, size_t count);
void with_rule(struct world *w, enum rule_event event, int64_t limit, const char *group);
void goes(struct world *w, uint64_t session);

int alarm_teardown(void **state);
#define ALARM_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, alarm_teardown)

#endif
