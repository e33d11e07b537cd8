/* The seam to cJSON: a struct json is a cJSON node seen through our own names. */
#include "base/json.h"

#include "base/json_scan.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#define INT_MAX_EXACT 9007199254740992.0 /* 2^53 */

static const cJSON *node(const struct json *j)
{
    return (const cJSON *)j;
}

static cJSON *mutable_node(struct json *j)
{
    return (cJSON *)j;
}

/* The functions of cJSON that make nodes fail here only when memory is exhausted. */
static struct json *made(cJSON *c)
{
    if (!c) mem_exhausted();
    return (struct json *)c;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* cJSON reads numbers as doubles and uses the text of strings alone: that of a number is kept
 * there, copied and freed with its node. */
static void keep_text(cJSON *number, const char *text, size_t len)
{
    number->valuestring = cJSON_malloc(len + 1);
    if (!number->valuestring) mem_exhausted();
    memcpy(number->valuestring, text, len);
    number->valuestring[len] = '\0';
}

/* The next number of a text that was scanned, outside of its strings. */
static const char *find_number(const char *at)
{
    for (; *at != '-' && (*at < '0' || *at > '9'); at++) {
        if (*at != '"') continue;
        for (at++; *at != '"'; at++)
            at += *at == '\\';
    }
    return at;
}

/* Numbers stand in the text in the order in which they stand in the tree. Returns what follows. */
static const char *keep_texts(cJSON *c, const char *at)
{
    for (cJSON *child = c->child; child; child = child->next)
        at = keep_texts(child, at);
    if ((c->type & 0xff) != cJSON_Number) return at;
    at = find_number(at);
    size_t len = strspn(at, "+-.0123456789eE");
    if (json_number_is_odd(at, len)) keep_text(c, at, len);
    return at + len;
}

int json_parse(const char *text, size_t len, struct json **out, struct err *e)
{
    struct json_fault fault;
    bool odd;
    if (json_scan_numbers(text, len, &odd, &fault) != 0) return json_fault_say(&fault, text, e);
    cJSON *root = cJSON_ParseWithLength(text, len);
    if (root && odd) {
        char *closed = mem_strndup(text, len); /* strspn and others want an end */
        (void)keep_texts(root, closed);
        mem_free(closed);
    }
    *out = made(root);
    return 0;
}

bool json_is_too_large(const char *text, size_t len)
{
    return json_scan_too_large(text, len);
}

void json_free(struct json *root)
{
    cJSON_Delete(mutable_node(root));
}

static void wipe(cJSON *c)
{
    for (; c; c = c->next) {
        if (c->valuestring) mem_wipe(c->valuestring, strlen(c->valuestring));
        wipe(c->child);
    }
}

void json_free_secret(struct json *root)
{
    wipe(mutable_node(root));
    json_free(root);
}

enum json_type json_type(const struct json *j)
{
    if (!j) return JSON_NULL;
    switch (node(j)->type & 0xff) {
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOL;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

const char *json_key(const struct json *j)
{
    return j ? node(j)->string : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
    if (json_type(object) != JSON_OBJECT) return NULL;
    for (const cJSON *c = node(object)->child; c; c = c->next) {
        if (strcmp(c->string, key) == 0) return (const struct json *)c;
    }
    return NULL;
}

const struct json *json_first(const struct json *j)
{
    enum json_type type = json_type(j);
    if (type != JSON_ARRAY && type != JSON_OBJECT) return NULL;
    return (const struct json *)node(j)->child;
}

const struct json *json_next(const struct json *child)
{
    return child ? (const struct json *)node(child)->next : NULL;
}

size_t json_count(const struct json *j)
{
    size_t count = 0;
    for (const struct json *c = json_first(j); c; c = json_next(c))
        count++;
    return count;
}

const char *json_str(const struct json *j, const char *fallback)
{
    return json_type(j) == JSON_STRING ? node(j)->valuestring : fallback;
}

static bool read_int(const struct json *j, int64_t *out)
{
    if (json_type(j) != JSON_NUMBER) return false;
    if (node(j)->valuestring && str_int64(node(j)->valuestring, out) == 0) return true;
    double n = node(j)->valuedouble;
    if (!(fabs(n) <= INT_MAX_EXACT) || n != floor(n)) return false;
    *out = (int64_t)n;
    return true;
}

bool json_is_int(const struct json *j)
{
    int64_t n;
    return read_int(j, &n);
}

int64_t json_int(const struct json *j, int64_t fallback)
{
    int64_t n;
    return read_int(j, &n) ? n : fallback;
}

const char *json_num_text(const struct json *j)
{
    return json_type(j) == JSON_NUMBER ? node(j)->valuestring : NULL;
}

double json_num(const struct json *j, double fallback)
{
    return json_type(j) == JSON_NUMBER ? node(j)->valuedouble : fallback;
}

bool json_bool(const struct json *j, bool fallback)
{
    return json_type(j) == JSON_BOOL ? (node(j)->type & 0xff) == cJSON_True : fallback;
}

const char *json_get_str(const struct json *object, const char *key, const char *fallback)
{
    return json_str(json_get(object, key), fallback);
}

int64_t json_get_int(const struct json *object, const char *key, int64_t fallback)
{
    return json_int(json_get(object, key), fallback);
}

bool json_get_bool(const struct json *object, const char *key, bool fallback)
{
    return json_bool(json_get(object, key), fallback);
}

/* ---- building -------------------------------------------------------------------------------- */

struct json *json_new(enum json_type type)
{
    switch (type) {
    case JSON_BOOL:
        return made(cJSON_CreateFalse());
    case JSON_NUMBER:
        return made(cJSON_CreateNumber(0));
    case JSON_STRING:
        return made(cJSON_CreateString(""));
    case JSON_ARRAY:
        return made(cJSON_CreateArray());
    case JSON_OBJECT:
        return made(cJSON_CreateObject());
    case JSON_NULL:
        break;
    }
    return made(cJSON_CreateNull());
}

struct json *json_new_str(const char *s)
{
    return s ? made(cJSON_CreateString(s)) : json_new(JSON_NULL);
}

struct json *json_new_num(double n)
{
    return made(cJSON_CreateNumber(n));
}

struct json *json_new_int(int64_t n)
{
    char text[24];
    (void)str_format(text, sizeof text, "%lld", (long long)n);
    return json_new_num_text(text);
}

struct json *json_new_num_text(const char *text)
{
    struct json *j;
    if (!((*text >= '0' && *text <= '9') || *text == '-')) return NULL;
    return json_parse(text, strlen(text), &j, NULL) == 0 ? j : NULL;
}

struct json *json_new_bool(bool b)
{
    return made(cJSON_CreateBool(b));
}

void json_put(struct json *object, const char *key, struct json *child)
{
    assert(json_type(object) == JSON_OBJECT && child);
    if (!cJSON_AddItemToObject(mutable_node(object), key, mutable_node(child))) mem_exhausted();
}

int json_add(struct json *object, const char *key, struct json *child)
{
    if (json_get(object, key)) return ERR_EXISTS;
    json_put(object, key, child);
    return 0;
}

void json_push(struct json *array, struct json *child)
{
    assert(json_type(array) == JSON_ARRAY && child);
    cJSON_AddItemToArray(mutable_node(array), mutable_node(child));
}

struct json *json_copy(const struct json *j)
{
    if (!j) return json_new(JSON_NULL);
    cJSON *copy = cJSON_Duplicate(node(j), true);
    if (!copy) mem_exhausted();
    /* the copy is not a member of a tree yet */
    cJSON_free(copy->string);
    copy->string = NULL;
    return (struct json *)copy;
}

void json_remove(struct json *object, const char *key)
{
    if (json_type(object) != JSON_OBJECT) return;
    cJSON_DeleteItemFromObjectCaseSensitive(mutable_node(object), key);
}

struct json *json_detach(struct json *parent, const struct json *child)
{
    cJSON *c = cJSON_DetachItemViaPointer(mutable_node(parent), (cJSON *)child);
    assert(c);
    cJSON_free(c->string);
    c->string = NULL;
    return (struct json *)c;
}

char *json_texts(const char *list)
{
    struct json *all = NULL;
    struct buf text;
    if (json_parse(list, strlen(list), &all, NULL) != 0 || json_type(all) != JSON_ARRAY ||
        !json_first(all)) {
        json_free(all);
        return mem_strdup(list);
    }
    buf_init(&text, strlen(list) + 3);
    for (const struct json *j = json_first(all); j; j = json_next(j))
        (void)buf_addf(&text, "%s%s", j == json_first(all) ? "" : ", ", json_str(j, "?"));
    char *out = buf_detach(&text);
    buf_fini(&text);
    json_free(all);
    return out;
}
