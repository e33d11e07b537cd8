/* A few processes by name and number, for people: what outlived a job's main process, what could
 * not be ended. */
#ifndef CADRE_PLATFORM_PROCESS_LIST_H
#define CADRE_PLATFORM_PROCESS_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESS_LIST_NAMED 4  /* the others are only counted... */
#define PROCESS_LIST_KNOWN 64 /* ...each once, as far as so many */
#define PROCESS_NAME_SIZE 64
#define PROCESS_LIST_TEXT_SIZE 640

struct process_id {
    int64_t pid;
    uint64_t start; /* with the pid it is one process, until the machine's next start */
};

struct process_list {
    int count, named;
    struct process_id ids[PROCESS_LIST_KNOWN];
    char names[PROCESS_LIST_NAMED][PROCESS_NAME_SIZE];
    char users[PROCESS_LIST_NAMED][PROCESS_NAME_SIZE]; /* "": not known */
};

bool process_list_has(const struct process_list *l, struct process_id id);
/* A process that is in the list already is not added again. What is no UTF-8 or a control character
 * in a text becomes '?'; long texts are cut. */
void process_list_add(struct process_list *l, struct process_id id, const char *name,
                      const char *user);
/* Takes out what is in both. */
void process_list_subtract(struct process_list *l, const struct process_list *other);
/* Adds " PID:START" of each to a text, as far as there is room. */
void process_list_write_ids(const struct process_list *l, char *text, size_t size);
/* "sleep (4711), nginx (4712) and 3 more"; with_user: "sleep (4711, root)". Returns out. */
const char *process_list_format(const struct process_list *l, bool with_user,
                                char out[PROCESS_LIST_TEXT_SIZE]);

#endif
