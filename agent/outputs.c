/* Values set by a job: see outputs.h. */
#include "agent/outputs.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/os.h"
#include "wire/limits.h"

#include <string.h>

#define HEADS 1024
#define PRIME 2147483647u /* 2^31 - 1 */

struct outputs_member {
    struct outputs_member *next;
    const struct json *value; /* in the tree, with its key */
    size_t bytes;             /* "key":value */
};

void outputs_init(struct outputs *o)
{
    memset(o, 0, sizeof *o);
}

void outputs_fini(struct outputs *o)
{
    for (size_t i = 0; o->heads && i < HEADS; i++) {
        for (struct outputs_member *m = o->heads[i], *next; m; m = next) {
            next = m->next;
            mem_free(m);
        }
    }
    mem_free(o->heads);
    json_free(o->tree);
    memset(o, 0, sizeof *o);
}

static void begin(struct outputs *o)
{
    if (o->tree) return;
    uint64_t random = os_seed();
    o->tree = json_new(JSON_OBJECT);
    o->heads = mem_array(HEADS, sizeof *o->heads);
    o->seed[0] = 1 + (uint32_t)(random % (PRIME - 1));
    o->seed[1] = 1 + (uint32_t)((random >> 32) % (PRIME - 1));
    o->seed[2] = (uint32_t)(os_seed() % PRIME);
}

static uint64_t modulo(uint64_t n)
{
    n = (n & PRIME) + (n >> 31);
    n = (n & PRIME) + (n >> 31);
    return n >= PRIME ? n - PRIME : n;
}

/* A polynomial at a secret point (Carter and Wegman): whatever the keys are, two of them meet in a
 * head by chance alone. */
static struct outputs_member **head_of(struct outputs *o, const char *key)
{
    uint64_t h = 0;
    for (const char *p = key; *p; p++)
        h = modulo(h * o->seed[0] + (unsigned char)*p);
    return &o->heads[modulo(h * o->seed[1] + o->seed[2]) % HEADS];
}

/* Where the member is linked in; the end of the list when it is absent. */
static struct outputs_member **place_of(struct outputs *o, const char *key)
{
    struct outputs_member **p = head_of(o, key);
    while (*p) {
        o->compared++;
        if (str_eq(json_key((*p)->value), key)) break;
        p = &(*p)->next;
    }
    return p;
}

static void drop(struct outputs *o, const char *key)
{
    struct outputs_member **p = place_of(o, key), *m = *p;
    if (!m) return;
    *p = m->next;
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

/* Moves the first member of `values` here. */
static void take_first(struct outputs *o, struct json *values, size_t bytes)
{
    const struct json *v = json_first(values);
    char *key = mem_strdup(json_key(v));
    drop(o, key);
    struct outputs_member *m = mem_alloc(sizeof *m);
    struct json *value = json_detach(values, v);
    json_put(o->tree, key, value);
    m->value = value;
    m->bytes = bytes;
    struct outputs_member **head = head_of(o, key);
    m->next = *head;
    *head = m;
    o->count++;
    o->bytes += bytes;
    mem_free(key);
}

int outputs_merge(struct outputs *o, struct json *values)
{
    begin(o);
    size_t fresh = json_count(values), i = 0;
    size_t count = o->count + fresh, bytes = o->bytes;
    size_t *sizes = mem_array(fresh, sizeof *sizes);
    struct buf text;
    buf_init(&text, SIZE_MAX);
    for (const struct json *v = json_first(values); v; v = json_next(v)) {
        const struct outputs_member *old = *place_of(o, json_key(v));
        bytes += sizes[i++] = measure(o, v, &text);
        if (!old) continue;
        bytes -= old->bytes;
        count--;
    }
    buf_fini(&text);
    bool fits = count == 0 || bytes + count - 1 + 2 <= LIMIT_OUTPUTS;
    for (i = 0; fits && i < fresh; i++)
        take_first(o, values, sizes[i]);
    for (const struct json *v = json_first(values); v; v = json_next(v))
        drop(o, json_key(v));
    mem_free(sizes);
    return fits ? 0 : ERR_TOO_LARGE;
}
