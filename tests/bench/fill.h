/* A long queue without submitting it, and many agents without enrolling them: rows put into the
 * store before a coordinator opens it. */
#ifndef CADRE_TESTS_BENCH_FILL_H
#define CADRE_TESTS_BENCH_FILL_H

#include <stddef.h>

#define FILL_GROUP_SIZE 32

/* Makes groups 0 to count - 1 (fill_group) with so many queued jobs each in FOLDER/server; the jobs
 * of all groups are mixed, as they come from many who submit at once. */
void fill_queues(const char *folder, size_t groups, size_t jobs_each);
const char *fill_group(size_t number, char name[FILL_GROUP_SIZE]);

/* Agents of the default group that have joined, each with a certificate of its own; one key does
 * for all. */
struct fill_agents {
    char *key, *ca; /* PEM */
    char **certificates;
    size_t count;
};
/* Into FOLDER/server, signed with the CA that is there. Their names are those of a fleet without a
 * group. */
void fill_agents(const char *folder, size_t count, struct fill_agents *out);
void fill_agents_free(struct fill_agents *a);

#endif
