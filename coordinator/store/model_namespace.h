/* The settings of namespaces. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_NAMESPACE_H
#define CADRE_COORDINATOR_STORE_MODEL_NAMESPACE_H

#include <stdbool.h>

struct namespace_row { /* the settings of a namespace, for itself and its children */
    char *ns;
    char *group;    /* its key; "default" says so explicitly */
    int fallback;   /* enum fallback, -1: says nothing */
    bool groupless; /* it says nothing of group and fallback: what its parents say holds */
    /* JSON array text of {"channel", "events"}, whom its flows tell of what; "[]": nobody. NULL: it
     * says nothing, and what its parents say holds. */
    char *notify;
    char *updated_by;
};
void namespace_row_fini(struct namespace_row *n);

#endif
