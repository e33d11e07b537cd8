/* What a message says, in the words of docs/notify.md. */
#ifndef CADRE_COORDINATOR_ENGINE_FACTS_H
#define CADRE_COORDINATOR_ENGINE_FACTS_H

#include <stdint.h>

struct json;

/* The texts that are NULL do not apply. title is one line. */
struct facts {
    char *title, *text; /* mem_alloc */
    const char *ns, *flow, *execution, *trigger, *group, *agent;
    int64_t number; /* of many subjects; 0: it is one */
    /* Kept for the end, and told to nobody: */
    int64_t limit;    /* of the rule that asked; 0: none */
    int64_t since_ms; /* wall: when the state began, before it was told; 0: when it was told */
    char *kept;       /* mem_alloc: a text that others point to; NULL: none */
};

/* JSON object text; mem_free. Frees title, text and kept. */
char *facts_make(struct facts *f);
void facts_free(struct facts *f); /* title, text and kept */
/* What of it people are told: JSON object text; mem_free. */
char *facts_told(const char *facts);
void facts_put_number(struct json *object, const char *key, int64_t n); /* as a text */
void facts_hide(struct json *object); /* removes what nobody is told */
/* The number, the limit and since_ms in such a text; 0: there is none. */
int64_t facts_number(const char *facts);
int64_t facts_limit(const char *facts);
int64_t facts_since_ms(const char *facts);

#endif
