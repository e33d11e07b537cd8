/* Where settings come from: defaults, the environment, the file. Flags are in opt_args.c. */
#include "base/opt_value.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* One string; for lists and maps several, separated by commas. */
static int put_joined(const struct opt *o, void *field, const char *text, const char *label,
                      struct err *e)
{
    if (o->type != OPT_LIST && o->type != OPT_MAP) return opt_put(o, field, text, label, e);
    char *copy = mem_strdup(text), *item = copy;
    int rc = 0;
    while (item && rc == 0) {
        char *comma = strchr(item, ',');
        if (comma) *comma = '\0';
        rc = opt_put(o, field, str_trim(item), label, e);
        item = comma ? comma + 1 : NULL;
    }
    mem_free(copy);
    return rc;
}

static void zero(const struct opt *o, void *field)
{
    switch (o->type) {
    case OPT_STRING:
        *(char **)field = NULL;
        break;
    case OPT_BOOL:
        *(bool *)field = false;
        break;
    case OPT_INT:
    case OPT_DURATION:
    case OPT_SIZE:
        *(int64_t *)field = o->absent;
        break;
    case OPT_LIST:
        *(struct opt_list *)field = (struct opt_list){NULL, 0};
        break;
    case OPT_MAP:
        *(struct opt_map *)field = (struct opt_map){NULL, 0};
        break;
    case OPT_TREE:
        *(struct json **)field = NULL;
        break;
    }
}

void opt_init(struct opt_set *s, const struct opt *table, size_t count, void *config)
{
    *s = (struct opt_set){.table = table, .count = count, .config = config};
    s->sources = mem_array(count, sizeof *s->sources);
    for (size_t row = 0; row < count; row++) {
        const struct opt *o = &table[row];
        zero(o, opt_field(s, row));
        if (!o->fallback) continue;
        int rc = put_joined(o, opt_field(s, row), o->fallback, "default", NULL);
        assert(rc == 0); /* the table is wrong */
        (void)rc;
    }
}

bool opt_goes_on(const struct opt_set *s, const struct err *e)
{
    return s->problems && buf_addf(s->problems, "%s\n", err_text(e)) == 0;
}

/* 0, or what is returned when something was collected. */
static int collected(const struct opt_set *s, size_t before)
{
    return s->problems && s->problems->len > before ? ERR_INVALID : 0;
}

int opt_parse_env(struct opt_set *s, const char *(*get)(const char *name, void *user), void *user,
                  struct err *e)
{
    size_t before = s->problems ? s->problems->len : 0;
    for (size_t row = 0; row < s->count; row++) {
        const struct opt *o = &s->table[row];
        const char *text = o->env ? get(o->env, user) : NULL;
        if (str_empty(text)) continue;
        void *field = opt_take(s, row, OPT_FROM_ENV) ? opt_field(s, row) : NULL;
        int rc = put_joined(o, field, text, o->env, e);
        if (rc != 0 && !opt_goes_on(s, e)) return rc;
    }
    return collected(s, before);
}

/* ---- the file -------------------------------------------------------------------------------- */

#define PATH_SIZE 256 /* of a dotted key; longer ones are in no table */
#define LABEL_SIZE 400
#define NAMES_MAX 128 /* rows that are looked at for the nearest key */

struct file {
    struct opt_set *s;
    const char *path;
    const struct yaml_doc *doc;
    struct err *e;
};

static void make_label(const struct file *f, const struct json *node, const char *key,
                       char out[LABEL_SIZE])
{
    int line = yaml_line(f->doc, node);
    int n = line > 0 ? snprintf(out, LABEL_SIZE, "%s:%d: %s", f->path, line, key)
                     : snprintf(out, LABEL_SIZE, "%s: %s", f->path, key);
    if (n >= LABEL_SIZE) out[str_utf8_whole(out, LABEL_SIZE - 1)] = '\0';
}

static const char *wanted(enum opt_type type)
{
    switch (type) {
    case OPT_INT:
        return "a number";
    case OPT_BOOL:
        return "true or false";
    case OPT_DURATION:
        return "a duration such as 30s";
    case OPT_SIZE:
        return "a size such as 64MiB";
    case OPT_LIST:
        return "a list of strings, such as [one, two]";
    case OPT_MAP:
    case OPT_TREE:
        return "a mapping (key: value)";
    case OPT_STRING:
        break;
    }
    return "a string";
}

static const char *kind(const struct json *node)
{
    switch (json_type(node)) {
    case JSON_ARRAY:
        return "a list";
    case JSON_OBJECT:
        return "a mapping";
    case JSON_NULL:
        return "nothing";
    default:
        return "a single value";
    }
}

static bool is_scalar(const struct json *node)
{
    enum json_type type = json_type(node);
    return type == JSON_BOOL || type == JSON_NUMBER || type == JSON_STRING;
}

static const char *scalar_text(const struct file *f, const struct json *node)
{
    if (json_type(node) == JSON_BOOL) return json_bool(node, false) ? "true" : "false";
    const char *text = yaml_text(f->doc, node);
    return text ? text : "";
}

static int wrong_kind(const struct file *f, const struct opt *o, const struct json *node)
{
    char label[LABEL_SIZE];
    make_label(f, node, o->key, label);
    return opt_complain(f->e, label, "must be %s, not %s", wanted(o->type), kind(node));
}

static int put_list(const struct file *f, const struct opt *o, void *field, const struct json *node)
{
    char label[LABEL_SIZE];
    for (const struct json *item = json_first(node); item; item = json_next(item)) {
        make_label(f, item, o->key, label);
        int rc = is_scalar(item)
                     ? opt_put(o, field, scalar_text(f, item), label, f->e)
                     : opt_complain(f->e, label, "an item must be a string, not %s", kind(item));
        if (rc != 0 && !opt_goes_on(f->s, f->e)) return rc;
    }
    return 0;
}

static int put_map(const struct file *f, const struct opt *o, void *field, const struct json *node)
{
    char label[LABEL_SIZE], shown[STR_QUOTE_SIZE];
    for (const struct json *m = json_first(node); m; m = json_next(m)) {
        make_label(f, m, o->key, label);
        str_quote(shown, json_key(m));
        int rc;
        if (json_type(m) == JSON_NULL)
            rc = opt_complain(f->e, label, "the value of %s is missing (\"\" is the empty string)",
                              shown);
        else if (!is_scalar(m))
            rc = opt_complain(f->e, label, "the value of %s must be a string, not %s", shown,
                              kind(m));
        else
            rc = opt_put_pair(o, field, json_key(m), scalar_text(f, m), label, f->e);
        if (rc != 0 && !opt_goes_on(f->s, f->e)) return rc;
    }
    return 0;
}

static int put_tree(const struct file *f, const struct opt *o, struct json **field,
                    const struct json *node)
{
    struct json *taken = json_new(JSON_OBJECT);
    for (const struct json *m = json_first(node); m; m = json_next(m)) {
        struct err why = {0};
        char label[LABEL_SIZE];
        const struct json *where = m;
        if (o->check_member(m, &where, &why) == 0) {
            json_put(taken, json_key(m), json_copy(m));
            continue;
        }
        make_label(f, where, o->key, label);
        opt_complain(f->e, label, "%s", err_text(&why));
        if (opt_goes_on(f->s, f->e)) continue;
        json_free(taken);
        return ERR_INVALID;
    }
    if (field)
        *field = taken;
    else
        json_free(taken);
    return 0;
}

static int put_node(const struct file *f, size_t row, const struct json *node)
{
    const struct opt *o = &f->s->table[row];
    enum json_type type = json_type(node);
    if (type == JSON_NULL) return 0;
    bool fits = is_scalar(node);
    if (o->type == OPT_LIST) fits = fits || type == JSON_ARRAY;
    if (o->type == OPT_MAP || o->type == OPT_TREE) fits = type == JSON_OBJECT;
    if (!fits) return wrong_kind(f, o, node);
    void *field = opt_take(f->s, row, OPT_FROM_FILE) ? opt_field(f->s, row) : NULL;
    if (type == JSON_ARRAY) return put_list(f, o, field, node);
    if (o->type == OPT_TREE) return put_tree(f, o, field, node);
    if (type == JSON_OBJECT) return put_map(f, o, field, node);
    char label[LABEL_SIZE];
    make_label(f, node, o->key, label);
    return opt_put(o, field, scalar_text(f, node), label, f->e);
}

/* ---- unknown keys ---------------------------------------------------------------------------- */

/* Is `key` below the section `prefix` ("" is the top, else it ends with a dot)? Its next segment
 * then. */
static const char *below(const char *key, const char *prefix, size_t *len)
{
    if (!key || !str_starts(key, prefix)) return NULL;
    const char *segment = key + strlen(prefix);
    *len = strcspn(segment, ".");
    return segment;
}

static const char *last_segment(const char *key)
{
    const char *dot = strrchr(key, '.');
    return dot ? dot + 1 : key;
}

/* The nearest name in this section; mem_free. NULL: no name is near. */
static char *nearest_here(const struct opt_set *s, const char *prefix, const char *name)
{
    char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t row = 0; row < s->count && count < NAMES_MAX; row++) {
        size_t len;
        const char *segment = below(s->table[row].key, prefix, &len);
        if (segment) names[count++] = mem_strndup(segment, len);
    }
    const char *near = str_nearest(name, (const char *const *)names, count);
    char *full = near ? str_dupf("%s%s", prefix, near) : NULL;
    while (count > 0)
        mem_free(names[--count]);
    return full;
}

static bool is_dash(char c)
{
    return c == '-' || c == '_';
}

/* "worker-group", "worker_group", "workerGroup": the name of one flag. */
static bool names_flag(const char *name, const char *flag)
{
    if (!flag) return false;
    while (*name && *flag) {
        name += is_dash(*name);
        flag += is_dash(*flag);
        if ((*name++ | 0x20) != (*flag++ | 0x20)) return false;
    }
    return !*name && !*flag;
}

/* The key that the user probably meant instead of an unknown key; mem_free. NULL: not known. */
static char *guess_key(const struct opt_set *s, const char *prefix, const char *name)
{
    for (size_t row = 0; row < s->count; row++) {
        const struct opt *o = &s->table[row];
        /* the flag's name, or the right name in another section */
        if (o->key && (names_flag(name, o->flag) || str_eq(last_segment(o->key), name))) {
            return mem_strdup(o->key);
        }
    }
    return nearest_here(s, prefix, name);
}

/* "a, b, c": the names of this section. */
static void list_names(const struct opt_set *s, const char *prefix, struct buf *out)
{
    size_t len, before_len;
    for (size_t row = 0; row < s->count; row++) {
        const char *segment = below(s->table[row].key, prefix, &len);
        bool seen = !segment;
        for (size_t i = 0; i < row && !seen; i++) {
            const char *before = below(s->table[i].key, prefix, &before_len);
            seen = before && before_len == len && memcmp(before, segment, len) == 0;
        }
        if (seen) continue;
        if (out->len > 0) buf_adds(out, ", ");
        buf_add(out, segment, len);
    }
}

static int unknown_key(const struct file *f, const char *prefix, const struct json *member)
{
    const char *name = json_key(member);
    char label[LABEL_SIZE], path[STR_QUOTE_SIZE];
    char *full = str_dupf("%s%s", prefix, name);
    str_quote(path, full);
    char *text = str_dupf("unknown key %s", path);
    make_label(f, member, text, label);
    mem_free(text);
    mem_free(full);
    for (size_t row = 0; !*prefix && row < f->s->count; row++) {
        if (!str_eq(f->s->table[row].key, name)) continue;
        return err_set(f->e, ERR_INVALID, "%s, write '%s' indented below '%.*s:'", label,
                       last_segment(name), (int)strcspn(name, "."), name);
    }
    char *guess = guess_key(f->s, prefix, name);
    if (guess) {
        char suggestion[STR_SUGGEST_SIZE];
        int rc = err_set(f->e, ERR_INVALID, "%s%s", label, str_suggest(suggestion, guess));
        mem_free(guess);
        return rc;
    }
    struct buf names;
    buf_init(&names, ERR_MSG_MAX);
    list_names(f->s, prefix, &names);
    int rc = err_set(f->e, ERR_INVALID, "%s, known here: %s", label, names.data);
    buf_fini(&names);
    return rc;
}

static int section(const struct file *f, const char *prefix, const struct json *object);

static int member(const struct file *f, const char *prefix, const struct json *m)
{
    const char *name = json_key(m);
    char path[PATH_SIZE];
    if (strchr(name, '.') || str_format(path, sizeof path - 1, "%s%s", prefix, name) != 0) {
        return unknown_key(f, prefix, m);
    }
    for (size_t row = 0; row < f->s->count; row++) {
        if (str_eq(f->s->table[row].key, path)) return put_node(f, row, m);
    }
    size_t end = strlen(path);
    path[end] = '.';
    path[end + 1] = '\0';
    bool is_section = false;
    for (size_t row = 0; row < f->s->count && !is_section; row++) {
        is_section = f->s->table[row].key && str_starts(f->s->table[row].key, path);
    }
    if (!is_section) return unknown_key(f, prefix, m);
    if (json_type(m) == JSON_OBJECT) return section(f, path, m);
    if (json_type(m) == JSON_NULL) return 0;
    path[end] = '\0';
    char label[LABEL_SIZE];
    make_label(f, m, path, label);
    return opt_complain(f->e, label, "must be a mapping (key: value), not %s", kind(m));
}

static int section(const struct file *f, const char *prefix, const struct json *object)
{
    for (const struct json *m = json_first(object); m; m = json_next(m)) {
        int rc = member(f, prefix, m);
        if (rc != 0 && !opt_goes_on(f->s, f->e)) return rc;
    }
    return 0;
}

/* Of a tree at the top of the file: what was right by itself, beside the other settings. */
static int beside(const struct file *f, const struct opt *o)
{
    const struct json *tree = json_get(f->doc->root, o->key);
    for (const struct json *m = json_first(tree); m; m = json_next(m)) {
        struct err why = {0};
        char label[LABEL_SIZE];
        const struct json *where = m;
        if (o->check_member(m, &where, &why) != 0) continue; /* was told */
        where = m;
        if (o->check_beside(m, f->s->config, &where, &why) == 0) continue;
        make_label(f, where, o->key, label);
        opt_complain(f->e, label, "%s", err_text(&why));
        if (!opt_goes_on(f->s, f->e)) return ERR_INVALID;
    }
    return 0;
}

static int beside_all(const struct file *f)
{
    int rc = 0;
    for (size_t row = 0; row < f->s->count && rc == 0; row++) {
        const struct opt *o = &f->s->table[row];
        if (o->type == OPT_TREE && o->check_beside) rc = beside(f, o);
    }
    return rc;
}

int opt_parse_file(struct opt_set *s, const char *path, const struct yaml_doc *doc, struct err *e)
{
    struct file f = {s, path, doc, e};
    size_t before = s->problems ? s->problems->len : 0;
    if (json_type(doc->root) == JSON_NULL) return 0;
    if (json_type(doc->root) != JSON_OBJECT) {
        return err_set(e, ERR_INVALID, "%s:%d: settings must be written as 'key: value', not as %s",
                       path, yaml_line(doc, doc->root), kind(doc->root));
    }
    int rc = section(&f, "", doc->root);
    if (rc == 0 && collected(s, before) == 0) rc = beside_all(&f);
    return rc != 0 ? rc : collected(s, before);
}
