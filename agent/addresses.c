/* See addresses.h. */
#include "agent/addresses.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"
#include "wire/limits.h"

#include <string.h>

#define FILE_NAME "addresses.json"
#define FILE_MAX 8192

/* "queue" and "queue:7433" are one. */
static bool is_known(const struct addresses *a, const char *host, uint16_t port)
{
    for (size_t i = 0; i < addresses_count(a); i++) {
        char other[TOKEN_ADDRESS_SIZE];
        uint16_t other_port;
        if (address_parse(addresses_at(a, i), DEFAULT_PORT, other, sizeof other, &other_port,
                          NULL) == 0 &&
            port == other_port && str_eq(host, other))
            return true;
    }
    return false;
}

static void take(struct addresses *a, const struct json *list)
{
    a->learnt_count = 0;
    if (json_type(list) != JSON_ARRAY) return;
    for (const struct json *j = json_first(list); j && a->learnt_count < TOKEN_ADDRESSES;
         j = json_next(j)) {
        const char *text = json_str(j, NULL);
        char host[TOKEN_ADDRESS_SIZE];
        uint16_t port;
        if (!text || address_parse(text, DEFAULT_PORT, host, sizeof host, &port, NULL) != 0 ||
            port == 0 || is_known(a, host, port))
            continue;
        if (str_copy(a->learnt[a->learnt_count], TOKEN_ADDRESS_SIZE, text) == 0) a->learnt_count++;
    }
}

void addresses_load(struct addresses *a, const struct opt_list *own, const char *state_folder)
{
    *a = (struct addresses){.own = own};
    struct buf text;
    struct json *root = NULL;
    struct err e;
    char *path = paths_join(state_folder, FILE_NAME);
    buf_init(&text, FILE_MAX);
    int rc = file_read(path, FILE_MAX, &text, &e);
    if (rc == 0) rc = json_parse(text.data, text.len, &root, &e);
    if (rc == 0)
        take(a, json_get(root, "addresses"));
    else if (rc != ERR_NOT_FOUND)
        log_warn("agent: %s: %s: the coordinator tells its addresses again", path, err_text(&e));
    json_free(root);
    buf_fini(&text);
    mem_free(path);
}

static int save(const struct addresses *a, const char *state_folder, struct err *e)
{
    struct buf text;
    struct jw w;
    buf_init(&text, FILE_MAX);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    jw_array(&w, "addresses");
    for (size_t i = 0; i < a->learnt_count; i++)
        jw_str(&w, NULL, a->learnt[i]);
    jw_end(&w);
    jw_end(&w);
    char *path = paths_join(state_folder, FILE_NAME);
    int rc = jw_finish(&w);
    if (rc == 0) rc = file_write_atomic(path, text.data, text.len, FILE_PUBLIC, e);
    mem_free(path);
    buf_fini(&text);
    return rc;
}

int addresses_learn(struct addresses *a, const char *state_folder, const char *json, bool *changed,
                    struct err *e)
{
    *changed = false;
    if (!json) return 0;
    struct json *list = NULL;
    struct addresses fresh = {.own = a->own};
    int rc = json_parse(json, strlen(json), &list, e);
    if (rc != 0) return rc;
    take(&fresh, list);
    json_free(list);
    bool same = fresh.learnt_count == a->learnt_count;
    for (size_t i = 0; same && i < a->learnt_count; i++)
        same = str_eq(fresh.learnt[i], a->learnt[i]);
    if (same) return 0;
    *a = fresh;
    *changed = true;
    return save(a, state_folder, e);
}

size_t addresses_count(const struct addresses *a)
{
    return a->own->count + a->learnt_count;
}

const char *addresses_at(const struct addresses *a, size_t n)
{
    return n < a->own->count ? a->own->items[n] : a->learnt[n - a->own->count];
}
