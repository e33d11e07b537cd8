/* What a message says, in the words of docs/notify.md. */
#ifndef CADRE_COORDINATOR_ENGINE_FACTS_H
#define CADRE_COORDINATOR_ENGINE_FACTS_H

#include <stdint.h>

/* The texts that are NULL do not apply. title is one line. */
struct facts {
    char *title, *text; /* mem_alloc */
    const char *ns, *flow, *execution, *trigger, *group, *agent;
    int64_t number; /* of many subjects; 0: it is one */
};

/* JSON object text; mem_free. Frees title and text. */
char *facts_make(struct facts *f);
void facts_free(struct facts *f); /* title and text */
/* The number in such a text. */
int64_t facts_number(const char *facts);

#endif
