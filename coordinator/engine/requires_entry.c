/* Requires by number. */
#include "coordinator/engine/requires_entry.h"

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

static struct requires_entry *entry_add(struct engine *g, int64_t id, char *text,
                                        struct requires *compiled)
{
    struct requires_entry *r = mem_alloc(sizeof *r);
    r->id = id;
    r->text = text;
    r->compiled = compiled;
    r->slot = g->requires_slots++;
    map_put(&g->requires_entries, (uint64_t)id, r);
    /* Only the first of texts with the same key is found by text: the store tells apart the
     * others. */
    uint64_t key = map_text_key(text);
    if (!map_find(&g->requires_texts, key)) map_put(&g->requires_texts, key, r);
    return r;
}

struct requires_entry *requires_entry_find(struct engine *g, int64_t id)
{
    struct requires_entry *r = map_find(&g->requires_entries, (uint64_t)id);
    if (r) return r;
    char *text = NULL;
    struct json *tree = NULL;
    struct requires *compiled = NULL;
    struct err e = {0};
    if (!store_ok(g, store_requires_text(g->store, id, &text, &g->err))) return NULL;
    int rc = json_parse(text, strlen(text), &tree, &e);
    if (rc == 0) rc = requires_parse(tree, REQUIRES_KEPT, &compiled, &e);
    json_free(tree);
    r = entry_add(g, id, text, compiled);
    if (rc) {
        log_error("requires %s: cannot be read, so no agent meets it: %s", text, err_text(&e));
        r->never = true;
    }
    return r;
}

int requires_entry_intern(struct engine *g, struct requires *compiled, int64_t *id)
{
    char *text = requires_text(compiled);
    const struct requires_entry *known = map_find(&g->requires_texts, map_text_key(text));
    if (known && str_eq(known->text, text)) {
        *id = known->id;
        mem_free(text);
        requires_free(compiled);
        return 0;
    }
    int rc = store_requires_intern(g->store, text, id, &g->err);
    if (rc == 0 && !map_find(&g->requires_entries, (uint64_t)*id)) {
        entry_add(g, *id, text, compiled);
        return 0;
    }
    mem_free(text);
    requires_free(compiled);
    return rc;
}

static void entry_free(struct requires_entry *r)
{
    requires_free(r->compiled);
    mem_free(r->text);
    mem_free(r);
}

void requires_entry_forget(struct engine *g, int64_t id)
{
    struct requires_entry *r = map_remove(&g->requires_entries, (uint64_t)id);
    if (!r) return;
    uint64_t key = map_text_key(r->text);
    if (map_find(&g->requires_texts, key) == r) map_remove(&g->requires_texts, key);
    entry_free(r);
}

void requires_entries_free(struct map *entries)
{
    size_t place = 0;
    for (struct requires_entry *r; (r = map_next(entries, &place)) != NULL;)
        entry_free(r);
    map_fini(entries);
}
