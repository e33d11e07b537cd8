#include "wire/fields.h"

#include "base/escape.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define KEY_SHOWN 40 /* bytes of a peer's word that an error repeats */

/* ---- reading ------------------------------------------------------------------------------- */

struct reader {
    const struct fields *of;
    const struct field *field; /* the present field */
    struct err *e;
};

static int fault(const struct reader *r, const char *fmt, ...) CADRE_PRINTF(2, 3);

static int fault(const struct reader *r, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (n < 0) what[0] = '\0';
    return err_set(r->e, r->of->code, "%s: '%s' %s", r->of->what, r->field->key, what);
}

static int read_str(const struct reader *r, struct json_value v, char **out)
{
    if (json_value_type(v) != JSON_STRING) return fault(r, "is not a string");
    if (v.len - 2 > (size_t)r->field->a && json_value_str_size(v) > (size_t)r->field->a)
        return fault(r, "is longer than %lld bytes", (long long)r->field->a);
    *out = json_value_str(v);
    return 0;
}

static int read_int(const struct reader *r, struct json_value v, int64_t *out)
{
    int64_t n;
    if (!json_value_int(v, &n)) return fault(r, "is not a whole number");
    if (n < r->field->a || n > r->field->b)
        return fault(r, "is out of range: %lld to %lld", (long long)r->field->a,
                     (long long)r->field->b);
    *out = n;
    return 0;
}

static bool read_id_text(struct json_value v, int64_t *out)
{
    char text[ID_TEXT_SIZE];
    return json_value_text(v, text, sizeof text) && id_parse(text, out) == 0;
}

static int read_id(const struct reader *r, struct json_value v, int64_t *out)
{
    return read_id_text(v, out) ? 0 : fault(r, "is not an id");
}

static int read_bool(const struct reader *r, struct json_value v, bool *out)
{
    if (json_value_type(v) != JSON_BOOL) return fault(r, "is not true or false");
    *out = json_value_true(v);
    return 0;
}

/* An object or a list within its limit. Blanks between its parts do not count. */
static int check_text(const struct reader *r, struct json_value v, enum json_type type)
{
    if (json_value_type(v) != type)
        return fault(r, type == JSON_OBJECT ? "is not an object" : "is not a list");
    if (v.len > (size_t)r->field->a && json_value_compact_size(v) > (size_t)r->field->a)
        return fault(r, "is longer than %lld bytes", (long long)r->field->a);
    return 0;
}

static int read_text(const struct reader *r, struct json_value v, enum json_type type, char **out)
{
    int rc = check_text(r, v, type);
    if (rc == 0) *out = json_value_compact(v);
    return rc;
}

/* A label is a name: people see key and value, and tell labels apart by what they see. */
static int check_label(const struct reader *r, struct json_value key, struct json_value value)
{
    char *texts[] = {json_value_str(key), json_value_str(value)};
    struct err why;
    int rc = 0;
    for (size_t i = 0; i < 2; i++) {
        if (rc == 0 && texts[i] && escape_check(texts[i], &why) != 0)
            rc = fault(r, "has a label '%.*s' that %s", KEY_SHOWN, texts[0], err_text(&why));
    }
    mem_free(texts[0]);
    mem_free(texts[1]);
    return rc;
}

static int check_labels(const struct reader *r, struct json_value capabilities)
{
    struct json_walk w;
    struct json_value key, value;
    int rc = 0;
    json_walk_init(&w, capabilities);
    while (rc == 0 && json_walk_next(&w, &key, &value))
        if (json_value_starts(key, "label.")) rc = check_label(r, key, value);
    return rc;
}

static int64_t labels_of(struct json_value capabilities)
{
    struct json_walk w;
    struct json_value key, value;
    int64_t n = 0;
    json_walk_init(&w, capabilities);
    while (json_walk_next(&w, &key, &value))
        n += json_value_starts(key, "label.");
    return n;
}

static int read_caps(const struct reader *r, struct json_value v, char **out)
{
    int rc = check_text(r, v, JSON_OBJECT);
    if (rc == 0) rc = check_labels(r, v);
    if (rc != 0) return rc;
    int64_t labels = labels_of(v);
    if (labels > r->field->b)
        return fault(r, "has %lld labels, at most %lld are allowed", (long long)labels,
                     (long long)r->field->b);
    *out = json_value_compact(v);
    return 0;
}

static int check_count(const struct reader *r, struct json_value v, size_t *count)
{
    *count = json_value_count(v);
    if ((int64_t)*count <= r->field->b) return 0;
    return fault(r, "has %zu entries, at most %lld are allowed", *count, (long long)r->field->b);
}

static bool read_attempt(struct json_value v, struct msg_attempt *out)
{
    struct json_value state = json_value_get(v, "state");
    out->ended = json_value_is(state, "ended");
    return read_id_text(json_value_get(v, "job"), &out->job) &&
           json_value_int(json_value_get(v, "attempt"), &out->attempt) && out->attempt >= 1 &&
           out->attempt <= ATTEMPT_MAX && (out->ended || json_value_is(state, "running"));
}

static int read_attempts(const struct reader *r, struct json_value v, struct msg_attempts *out)
{
    struct json_walk w;
    struct json_value key, value;
    size_t count;
    int rc = check_text(r, v, JSON_ARRAY);
    if (rc == 0) rc = check_count(r, v, &count);
    if (rc != 0) return rc;
    out->items = mem_array(count, sizeof *out->items);
    json_walk_init(&w, v);
    while (json_walk_next(&w, &key, &value)) {
        if (!read_attempt(value, &out->items[out->count]))
            return fault(r, "has no {job, attempt, state} in place %zu", out->count + 1);
        out->count++;
    }
    return 0;
}

static int read_words(const struct reader *r, struct json_value v, struct text_list *out)
{
    struct json_walk w;
    struct json_value key, value;
    size_t count;
    if (json_value_type(v) != JSON_ARRAY) return fault(r, "is not a list");
    int rc = check_count(r, v, &count);
    if (rc != 0) return rc;
    out->items = mem_array(count + 1, sizeof *out->items);
    json_walk_init(&w, v);
    while (json_walk_next(&w, &key, &value)) {
        char *s = json_value_str(value);
        if (s == NULL) return fault(r, "has no string in place %zu", out->count + 1);
        out->items[out->count++] = s;
    }
    return 0;
}

static int read_pairs(const struct reader *r, struct json_value v, struct pair_list *out)
{
    struct json_walk w;
    struct json_value key, value;
    size_t count;
    if (json_value_type(v) != JSON_OBJECT) return fault(r, "is not an object");
    int rc = check_count(r, v, &count);
    if (rc != 0) return rc;
    out->names = mem_array(count + 1, sizeof *out->names);
    out->values = mem_array(count + 1, sizeof *out->values);
    json_walk_init(&w, v);
    while (json_walk_next(&w, &key, &value)) {
        size_t i = out->count++;
        out->names[i] = json_value_str(key);
        out->values[i] = json_value_str(value);
        if (out->values[i] == NULL)
            return fault(r, "has no string as value of '%.*s'", KEY_SHOWN, out->names[i]);
    }
    return 0;
}

static int read_field(const struct reader *r, struct json_value v, void *at)
{
    switch (r->field->kind) {
    case FIELD_STR:
        return read_str(r, v, at);
    case FIELD_INT:
        return read_int(r, v, at);
    case FIELD_ID:
        return read_id(r, v, at);
    case FIELD_BOOL:
        return read_bool(r, v, at);
    case FIELD_OBJ:
        return read_text(r, v, JSON_OBJECT, at);
    case FIELD_ARR:
        return read_text(r, v, JSON_ARRAY, at);
    case FIELD_CAPS:
        return read_caps(r, v, at);
    case FIELD_ATTEMPTS:
        return read_attempts(r, v, at);
    case FIELD_WORDS:
        return read_words(r, v, at);
    case FIELD_PAIRS:
        return read_pairs(r, v, at);
    }
    return ERR_INTERNAL;
}

static bool has_key(const struct field *f, struct json_value key, bool escaped)
{
    if (escaped) return json_value_is(key, f->key);
    return key.len - 2 == f->key_len && memcmp(key.text + 1, f->key, f->key_len) == 0;
}

/* Members come mostly in the order of the list: the search begins at `from`. f->count: none. */
static size_t find(const struct fields *f, size_t from, struct json_value key)
{
    bool escaped = json_value_escaped(key);
    for (size_t n = 0; n < f->count; n++) {
        size_t i = from + n < f->count ? from + n : from + n - f->count;
        if (has_key(&f->list[i], key, escaped)) return i;
    }
    return f->count;
}

static int read_members(struct reader *r, const struct json_members *object, char *out,
                        uint64_t *seen)
{
    const struct fields *f = r->of;
    struct json_walk w;
    struct json_value key, value;
    size_t from = 0;
    json_walk_members(&w, object);
    while (json_walk_next(&w, &key, &value)) {
        size_t i = find(f, from, key);
        if (i == f->count) continue;
        from = i + 1;
        if (json_value_type(value) == JSON_NULL) continue;
        r->field = &f->list[i];
        int rc = read_field(r, value, out + r->field->at);
        if (rc != 0) return rc;
        *seen |= UINT64_C(1) << i;
    }
    return 0;
}

int fields_decode(const struct fields *f, const struct json_members *object, void *out,
                  struct err *e)
{
    struct reader r = {.of = f, .e = e};
    uint64_t seen = 0;
    assert(f->count <= FIELDS_MAX);
    int rc = read_members(&r, object, out, &seen);
    for (size_t i = 0; i < f->count && rc == 0; i++) {
        if (!f->list[i].need || (seen >> i & 1) != 0) continue;
        r.field = &f->list[i];
        rc = fault(&r, "is missing");
    }
    if (rc != 0) fields_fini(f, out);
    return rc;
}

/* ---- freeing ------------------------------------------------------------------------------- */

static void text_list_fini(struct text_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        mem_free(l->items[i]);
    mem_free(l->items);
    *l = (struct text_list){NULL, 0};
}

static void pair_list_fini(struct pair_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        mem_free(l->names[i]);
        mem_free(l->values[i]);
    }
    mem_free(l->names);
    mem_free(l->values);
    *l = (struct pair_list){NULL, NULL, 0};
}

static void drop_text(char **s)
{
    mem_free(*s);
    *s = NULL;
}

static void drop_attempts(struct msg_attempts *a)
{
    mem_free(a->items);
    *a = (struct msg_attempts){NULL, 0};
}

static void drop_field(enum field_kind kind, void *at)
{
    switch (kind) {
    case FIELD_STR:
    case FIELD_OBJ:
    case FIELD_ARR:
    case FIELD_CAPS:
        drop_text(at);
        break;
    case FIELD_ATTEMPTS:
        drop_attempts(at);
        break;
    case FIELD_WORDS:
        text_list_fini(at);
        break;
    case FIELD_PAIRS:
        pair_list_fini(at);
        break;
    case FIELD_INT:
    case FIELD_ID:
        *(int64_t *)at = 0;
        break;
    case FIELD_BOOL:
        *(bool *)at = false;
        break;
    }
}

void fields_fini(const struct fields *f, void *in)
{
    for (size_t i = 0; i < f->count; i++)
        drop_field(f->list[i].kind, (char *)in + f->list[i].at);
}

/* ---- writing ------------------------------------------------------------------------------- */

static bool write_str(const struct field *f, const char *s, struct jw *w)
{
    if (s == NULL) return !f->need;
    jw_str(w, f->key, s);
    return strlen(s) <= (size_t)f->a;
}

static bool write_int(const struct field *f, int64_t n, struct jw *w)
{
    if (n == 0 && !f->need) return true;
    jw_int(w, f->key, n);
    return n >= f->a && n <= f->b;
}

static bool write_id(const struct field *f, int64_t id, struct jw *w)
{
    if (id > 0) jw_id(w, f->key, id);
    return id >= 0 && (id > 0 || !f->need);
}

static bool write_bool(const struct field *f, bool b, struct jw *w)
{
    if (b || f->need) jw_bool(w, f->key, b);
    return true;
}

static bool write_text(const struct field *f, const char *text, char opens, struct jw *w)
{
    if (text == NULL) return !f->need;
    jw_raw(w, f->key, text);
    return text[0] == opens && strlen(text) <= (size_t)f->a;
}

static bool write_caps(const struct field *f, const char *text, struct jw *w)
{
    struct json_value v;
    if (!write_text(f, text, '{', w)) return false;
    if (text == NULL) return true;
    return json_check(text, strlen(text), &v, NULL) == 0 && labels_of(v) <= f->b;
}

static bool write_attempts(const struct field *f, const struct msg_attempts *a, struct jw *w)
{
    size_t before = w->b->len;
    bool good = (int64_t)a->count <= f->b;
    jw_array(w, f->key);
    for (size_t i = 0; i < a->count; i++) {
        const struct msg_attempt *t = &a->items[i];
        jw_object(w, NULL);
        jw_id(w, "job", t->job);
        jw_int(w, "attempt", t->attempt);
        jw_str(w, "state", t->ended ? "ended" : "running");
        jw_end(w);
        if (t->job <= 0 || t->attempt < 1 || t->attempt > ATTEMPT_MAX) good = false;
    }
    jw_end(w);
    return good && w->b->len - before <= (size_t)f->a;
}

static bool write_words(const struct field *f, const struct text_list *l, struct jw *w)
{
    if (l->count == 0 && !f->need) return true;
    jw_array(w, f->key);
    for (size_t i = 0; i < l->count; i++)
        jw_str(w, NULL, l->items[i]);
    jw_end(w);
    return (int64_t)l->count <= f->b;
}

static bool write_pairs(const struct field *f, const struct pair_list *l, struct jw *w)
{
    if (l->count == 0 && !f->need) return true;
    jw_object(w, f->key);
    for (size_t i = 0; i < l->count; i++)
        jw_str(w, l->names[i], l->values[i]);
    jw_end(w);
    return (int64_t)l->count <= f->b;
}

static bool write_field(const struct field *f, const void *at, struct jw *w)
{
    switch (f->kind) {
    case FIELD_STR:
        return write_str(f, *(char *const *)at, w);
    case FIELD_INT:
        return write_int(f, *(const int64_t *)at, w);
    case FIELD_ID:
        return write_id(f, *(const int64_t *)at, w);
    case FIELD_BOOL:
        return write_bool(f, *(const bool *)at, w);
    case FIELD_OBJ:
        return write_text(f, *(char *const *)at, '{', w);
    case FIELD_ARR:
        return write_text(f, *(char *const *)at, '[', w);
    case FIELD_CAPS:
        return write_caps(f, *(char *const *)at, w);
    case FIELD_ATTEMPTS:
        return write_attempts(f, at, w);
    case FIELD_WORDS:
        return write_words(f, at, w);
    case FIELD_PAIRS:
        return write_pairs(f, at, w);
    }
    return false;
}

bool fields_encode(const struct fields *f, const void *in, struct jw *w)
{
    bool good = true;
    for (size_t i = 0; i < f->count; i++) {
        if (!write_field(&f->list[i], (const char *)in + f->list[i].at, w)) good = false;
    }
    return good;
}
