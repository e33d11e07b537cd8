/* The settings of namespaces. */
#ifndef CADRE_COORDINATOR_STORE_MODEL_NAMESPACE_H
#define CADRE_COORDINATOR_STORE_MODEL_NAMESPACE_H

struct namespace_row { /* the settings of a namespace, for itself and its children */
    char *ns;
    char *group;    /* its key; "default" says so explicitly */
    int fallback;   /* enum fallback, -1: says nothing */
    char *updated_by;
};
void namespace_row_fini(struct namespace_row *n);

#endif
