/* Values set by a job: see outputs.h. */
#include "agent/outputs.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/limits.h"

#include <string.h>

#define PRIME 2147483647u /* 2^31 - 1 */

struct member {
    struct member *next;      /* whose key has the same hash */
    const struct json *value; /* in the tree, with its key */
    size_t bytes;             /* "key":value */
};

void outputs_init(struct outputs *o)
{
    memset(o, 0, sizeof *o);
    map_init(&o->members);
}

void outputs_fini(struct outputs *o)
{
    size_t place = 0;
    for (struct member *m; (m = map_next(&o->members, &place));) {
        for (struct member *next; m; m = next) {
            next = m->next;
            mem_free(m);
        }
    }
    map_fini(&o->members);
    json_free(o->tree);
    outputs_init(o);
}

static void begin(struct outputs *o)
{
    if (o->tree) return;
    o->tree = json_new(JSON_OBJECT);
    o->point = 1 + os_seed() % (PRIME - 1);
}

static uint64_t modulo(uint64_t n)
{
    n = (n & PRIME) + (n >> 31);
    n = (n & PRIME) + (n >> 31);
    return n >= PRIME ? n - PRIME : n;
}

/* A polynomial at a secret point (Carter and Wegman): whatever the keys are, two of them have the
 * same hash by chance alone. */
static uint64_t hash(const struct outputs *o, const char *key)
{
    uint64_t h = 1;
    for (const char *p = key; *p; p++)
        h = modulo(h * o->point + (unsigned char)*p);
    return h;
}

static struct member *find(struct outputs *o, const char *key)
{
    struct member *m = map_find(&o->members, hash(o, key));
    for (; m; m = m->next) {
        o->compared++;
        if (str_eq(json_key(m->value), key)) break;
    }
    return m;
}

static void add(struct outputs *o, struct member *m)
{
    uint64_t at = hash(o, json_key(m->value));
    m->next = map_find(&o->members, at);
    map_put(&o->members, at, m);
    o->count++;
    o->bytes += m->bytes;
}

static void drop(struct outputs *o, const char *key)
{
    struct member *m = find(o, key);
    if (!m) return;
    uint64_t at = hash(o, key);
    struct member *first = map_find(&o->members, at), **p = &first;
    while (*p != m)
        p = &(*p)->next;
    *p = m->next;
    if (first)
        map_put(&o->members, at, first);
    else
        map_remove(&o->members, at);
    o->count--;
    o->bytes -= m->bytes;
    json_free(json_detach(o->tree, m->value));
    mem_free(m);
}

/* Bytes of `"key":value`. */
static size_t measure(struct outputs *o, const struct json *v, struct buf *text)
{
    struct jw w;
    buf_clear(text);
    jw_init(&w, text);
    jw_object(&w, NULL);
    jw_tree(&w, json_key(v), v);
    jw_end(&w);
    o->written += text->len;
    return text->len - 2;
}

/* Moves a member of `values` here. */
static void take(struct outputs *o, struct json *values, const struct json *v, size_t bytes)
{
    char *key = mem_strdup(json_key(v));
    drop(o, key);
    struct json *value = json_detach(values, v);
    json_put(o->tree, key, value);
    struct member *m = mem_alloc(sizeof *m);
    *m = (struct member){.value = value, .bytes = bytes};
    add(o, m);
    mem_free(key);
}

int outputs_merge(struct outputs *o, struct json *values)
{
    struct buf text;
    const struct json *next;
    int rc = 0;
    begin(o);
    buf_init(&text, SIZE_MAX);
    for (const struct json *v = json_first(values); v; v = next) {
        const struct member *old = find(o, json_key(v));
        size_t bytes = measure(o, v, &text);
        size_t members = o->bytes + bytes - (old ? old->bytes : 0);
        size_t commas = o->count + !old - 1;
        next = json_next(v);
        if (members + commas + 2 <= LIMIT_OUTPUTS)
            take(o, values, v, bytes);
        else
            rc = ERR_TOO_LARGE;
    }
    buf_fini(&text);
    return rc;
}
