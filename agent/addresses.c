/* See addresses.h. */
#include "agent/addresses.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/files.h"
#include "platform/paths.h"

#include <string.h>

#define FILE_NAME "addresses.json"
#define FILE_MAX 32768

/* "queue" and "queue:7433" are one. */
static bool is_same(const char *address, const char *host, uint16_t port)
{
    char other[TOKEN_ADDRESS_SIZE];
    uint16_t other_port;
    return address_parse(address, DEFAULT_PORT, other, sizeof other, &other_port, NULL) == 0 &&
           port == other_port && str_eq(host, other);
}

/* addresses_count: no such address. */
static size_t find(const struct addresses *a, const char *host, uint16_t port)
{
    size_t i = 0;
    while (i < addresses_count(a) && !is_same(addresses_at(a, i), host, port))
        i++;
    return i;
}

static size_t find_text(const struct addresses *a, const char *address)
{
    char host[TOKEN_ADDRESS_SIZE];
    uint16_t port;
    if (address_parse(address, DEFAULT_PORT, host, sizeof host, &port, NULL) != 0)
        return addresses_count(a);
    return find(a, host, port);
}

/* What is in the list already, and what nobody can connect to, is left out. a: the addresses whose
 * last list this is; NULL: the list stands by itself. */
static void take(struct address_list *list, const struct addresses *a, const struct json *from)
{
    list->count = 0;
    if (json_type(from) != JSON_ARRAY) return;
    for (const struct json *j = json_first(from); j && list->count < TOKEN_ADDRESSES;
         j = json_next(j)) {
        const char *text = json_str(j, NULL);
        char host[TOKEN_ADDRESS_SIZE];
        uint16_t port;
        if (!text || address_parse(text, DEFAULT_PORT, host, sizeof host, &port, NULL) != 0 ||
            port == 0)
            continue;
        bool known = a && find(a, host, port) < addresses_count(a);
        for (size_t i = 0; !a && i < list->count; i++)
            known = known || is_same(list->at[i], host, port);
        if (!known && str_copy(list->at[list->count], TOKEN_ADDRESS_SIZE, text) == 0) list->count++;
    }
}

static bool same_lists(const struct address_list *a, const struct address_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = str_eq(a->at[i], b->at[i]);
    return same;
}

/* ---- the file ---- */

static bool is_own(const struct opt_list *own, const struct json *list)
{
    const struct json *j = json_first(list);
    for (size_t i = 0; i < own->count; i++, j = json_next(j)) {
        if (!j || !str_eq(json_str(j, ""), own->items[i])) return false;
    }
    return json_type(list) == JSON_ARRAY && !j;
}

static void take_file(struct addresses *a, const struct json *root)
{
    take(&a->learnt, a, json_get(root, "addresses"));
    if (!is_own(a->own, json_get(root, "coordinator"))) return;
    take(&a->owners, a, json_get(root, "owners"));
    const char *good = json_str(json_get(root, "good"), "");
    size_t at = find_text(a, good);
    if (at > 0 && at < addresses_count(a))
        (void)str_copy(a->good, sizeof a->good, addresses_at(a, at));
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
        take_file(a, root);
    else if (rc != ERR_NOT_FOUND)
        log_warn("agent: %s: %s: the coordinator tells its addresses again", path, err_text(&e));
    json_free(root);
    buf_fini(&text);
    mem_free(path);
}

static void write_list(struct jw *w, const char *key, const struct address_list *list)
{
    jw_array(w, key);
    for (size_t i = 0; i < list->count; i++)
        jw_str(w, NULL, list->at[i]);
    jw_end(w);
}

static int save(const struct addresses *a, const char *state_folder, struct err *e)
{
    struct buf text;
    struct jw w;
    buf_init(&text, FILE_MAX);
    jw_init(&w, &text);
    jw_object(&w, NULL);
    write_list(&w, "addresses", &a->learnt);
    if (a->owners.count > 0 || a->good[0]) {
        write_list(&w, "owners", &a->owners);
        if (a->good[0]) jw_str(&w, "good", a->good);
        jw_array(&w, "coordinator");
        for (size_t i = 0; i < a->own->count; i++)
            jw_str(&w, NULL, a->own->items[i]);
        jw_end(&w);
    }
    jw_end(&w);
    char *path = paths_join(state_folder, FILE_NAME);
    int rc = jw_finish(&w);
    if (rc == 0) rc = file_write_atomic(path, text.data, text.len, FILE_PUBLIC, e);
    mem_free(path);
    buf_fini(&text);
    return rc;
}

/* ---- what is learnt ---- */

static void add_owner(struct addresses *a, const char *address)
{
    struct address_list *o = &a->owners;
    if (find_text(a, address) < addresses_count(a)) return;
    if (o->count < TOKEN_ADDRESSES) o->count++;
    memmove(o->at[1], o->at[0], (o->count - 1) * TOKEN_ADDRESS_SIZE);
    (void)str_copy(o->at[0], TOKEN_ADDRESS_SIZE, address);
}

/* An owner that is in one of the other lists now needs no place of its own. */
static void keep_owners(struct addresses *a, const struct address_list *owners)
{
    a->owners.count = 0;
    for (size_t i = owners->count; i > 0; i--)
        add_owner(a, owners->at[i - 1]);
    if (a->good[0] && find_text(a, a->good) == addresses_count(a)) a->good[0] = 0;
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
    take(&fresh.learnt, &fresh, list);
    json_free(list);
    if (same_lists(&fresh.learnt, &a->learnt)) return 0;
    struct address_list owners = a->owners;
    a->learnt = fresh.learnt;
    keep_owners(a, &owners);
    *changed = true;
    return save(a, state_folder, e);
}

size_t addresses_count(const struct addresses *a)
{
    return a->own->count + a->learnt.count + a->owners.count;
}

const char *addresses_at(const struct addresses *a, size_t n)
{
    if (n < a->own->count) return a->own->items[n];
    n -= a->own->count;
    return n < a->learnt.count ? a->learnt.at[n] : a->owners.at[n - a->learnt.count];
}

/* ---- which is tried ---- */

bool addresses_told(struct addresses *a, const char *json, int64_t now_ms)
{
    struct json *list = NULL;
    struct address_list told = {.count = 0};
    if (a->turn == 0) a->turn = 1; /* who says so was the good one */
    if (json && json_parse(json, strlen(json), &list, NULL) == 0) take(&told, NULL, list);
    json_free(list);
    if (same_lists(&told, &a->told) && now_ms - a->told_ms < ADDRESSES_AGAIN_MS) return false;
    a->told = told;
    a->told_ms = now_ms;
    a->next = 0;
    return told.count > 0;
}

const char *addresses_next(struct addresses *a, unsigned *round)
{
    size_t count = addresses_count(a);
    *round = (unsigned)(a->turn / count);
    if (a->next < a->told.count) return a->told.at[a->next++];
    size_t good = a->good[0] ? find_text(a, a->good) : 0;
    return addresses_at(a, (good + a->turn++) % count);
}

void addresses_silent(struct addresses *a)
{
    if (a->turn == 0 && addresses_count(a) > 1) a->turn = 1;
}

int addresses_good(struct addresses *a, const char *state_folder, const char *address,
                   struct err *e)
{
    struct address_list before = a->owners;
    add_owner(a, address);
    a->told.count = a->next = a->turn = 0;
    const char *good = find_text(a, address) == 0 ? "" : address;
    if (str_eq(good, a->good) && same_lists(&before, &a->owners)) return 0;
    (void)str_copy(a->good, sizeof a->good, good);
    return save(a, state_folder, e);
}
