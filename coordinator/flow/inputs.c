/* Inputs: their declaration, and the values that an execution gets. */
#include "coordinator/flow/read.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define VALUES_MAX 1000 /* of a SELECT */

/* ---- values ---------------------------------------------------------------------------------- */

/* `width` digits as a number in low..high; -1: not there. */
static int digits(const char **s, int width, int low, int high)
{
    int n = 0;
    for (int i = 0; i < width; i++) {
        char c = (*s)[i];
        if (c < '0' || c > '9') return -1;
        n = 10 * n + (c - '0');
    }
    if (n < low || n > high) return -1;
    *s += width;
    return n;
}

static bool take(const char **s, char c)
{
    if (**s != c) return false;
    (*s)++;
    return true;
}

static bool take_date(const char **s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = digits(s, 4, 0, 9999);
    if (year < 0 || !take(s, '-')) return false;
    int month = digits(s, 2, 1, 12);
    if (month < 0 || !take(s, '-')) return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return digits(s, 2, 1, month == 2 && leap ? 29 : days[month - 1]) > 0;
}

/* Seconds and their fraction may be left out. */
static bool take_time(const char **s)
{
    if (digits(s, 2, 0, 23) < 0 || !take(s, ':') || digits(s, 2, 0, 59) < 0) return false;
    if (!take(s, ':')) return true;
    if (digits(s, 2, 0, 59) < 0) return false;
    if (!take(s, '.')) return true;
    size_t n = strspn(*s, "0123456789");
    *s += n;
    return n > 0 && n <= 9;
}

static bool take_offset(const char **s)
{
    if (take(s, 'Z')) return true;
    if (!take(s, '+') && !take(s, '-')) return false;
    return digits(s, 2, 0, 23) >= 0 && take(s, ':') && digits(s, 2, 0, 59) >= 0;
}

static int check_choice(const struct flow_input *in, const char *s, struct err *e)
{
    char suggestion[STR_SUGGEST_SIZE];
    for (size_t i = 0; i < in->value_count; i++)
        if (str_eq(in->values[i], s)) return 0;
    str_suggest_nearest(suggestion, s, (const char *const *)in->values, in->value_count);
    if (*suggestion)
        return err_set(e, ERR_INVALID, "is not one of the input's values%s", suggestion);
    return err_set(e, ERR_INVALID, "is not one of the input's values, such as '%s'", in->values[0]);
}

static bool has_only(const char *s, const char *others)
{
    for (; *s; s++) {
        bool plain =
            (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9');
        if (!plain && !strchr(others, *s)) return false;
    }
    return true;
}

/* scheme ":" something, of the characters of RFC 3986; with "//" also something behind. */
static bool is_uri(const char *s)
{
    const char *colon = strchr(s, ':');
    bool letter = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
    if (!colon || !letter || strcspn(s, "/?#") < (size_t)(colon - s)) return false;
    const char *rest = colon + 1;
    if (rest[0] == '/' && rest[1] == '/') rest += 2;
    return *rest && has_only(s, "-._~:/?#[]@!$&'()*+,;=%");
}

/* LOCAL@DOMAIN, as people have them: the dot-atom of RFC 5322 on both sides. */
static bool is_email(const char *s)
{
    const char *at = strchr(s, '@');
    if (!at || at == s || !at[1] || strchr(at + 1, '@')) return false;
    const char *dot = strchr(at + 1, '.');
    if (!dot || dot == at + 1 || !dot[1] || s[0] == '.' || at[-1] == '.' || strstr(s, ".."))
        return false;
    return has_only(at + 1, "-.") && has_only(s, "!#$%&'*+-/=?^_`{|}~.@");
}

static int text_value(const struct flow_input *in, const char *s, struct err *e)
{
    const char *at = s;
    switch (in->type) {
    case INPUT_DATE:
        if (take_date(&at) && !*at) return 0;
        return err_set(e, ERR_INVALID, "is not a date such as 2026-01-31");
    case INPUT_TIME:
        if (take_time(&at) && !*at) return 0;
        return err_set(e, ERR_INVALID, "is not a time such as 23:59 or 23:59:59");
    case INPUT_DATETIME:
        if (take_date(&at) && take(&at, 'T') && take_time(&at) && take_offset(&at) && !*at)
            return 0;
        return err_set(e, ERR_INVALID,
                       "is not a time such as 2026-01-31T23:59:59Z, with Z or an offset");
    case INPUT_DURATION: {
        int64_t ms;
        if (duration_parse(s, &ms, NULL) == 0) return 0;
        return err_set(e, ERR_INVALID, "is not a duration such as 30s, 1h30m or PT1H30M");
    }
    case INPUT_URI:
        if (is_uri(s)) return 0;
        return err_set(e, ERR_INVALID, "is not a URI such as https://example.com/a");
    case INPUT_EMAIL:
        if (is_email(s)) return 0;
        return err_set(e, ERR_INVALID, "is not an address such as ops@example.com");
    case INPUT_SELECT:
        return in->custom ? 0 : check_choice(in, s, e);
    default:
        return 0;
    }
}

/* What is wrong with a text that is to be a number and is none. */
static const char *number_problem(const char *s, bool is_int)
{
    const char *digits = *s == '+' || *s == '-' ? s + 1 : s;
    size_t count = strspn(digits, "0123456789");
    bool whole = count > 0 && !digits[count];
    if (count > 1 && digits[0] == '0' && (whole || digits[count] == '.'))
        return "begins with 0; write it without leading zeros";
    if (whole) return "is beyond 64 bits; make it an input of type STRING";
    return is_int ? "is not a whole number" : "is not a number";
}

static int number_value(const struct flow_input *in, const struct json *given, struct json **out,
                        struct err *e)
{
    bool is_int = in->type == INPUT_INT;
    const char *s = json_str(given, NULL);
    struct json *value = s ? json_new_num_text(*s == '+' ? s + 1 : s) : json_copy(given);
    int rc = 0;
    if (!value) return err_set(e, ERR_INVALID, "%s", number_problem(s, is_int));
    double n = json_num(value, 0);
    if (is_int ? !json_is_int(value) : json_type(value) != JSON_NUMBER)
        rc = err_set(e, ERR_INVALID, is_int ? "is not a whole number" : "is not a number");
    else if (in->has_min && n < in->min)
        rc = err_set(e, ERR_INVALID, "is less than its min, %.15g", in->min);
    else if (in->has_max && n > in->max)
        rc = err_set(e, ERR_INVALID, "is more than its max, %.15g", in->max);
    else
        *out = is_int ? json_new_int(json_int(value, 0)) : json_copy(value);
    json_free(value);
    return rc;
}

/* A list, or its text as JSON. */
static int list_value(const struct flow_input *in, const struct json *given, struct json **out,
                      struct err *e)
{
    const char *s = json_str(given, NULL);
    struct json *read = NULL;
    struct flow_input item = {.type = in->item, .item = INPUT_JSON, .custom = true};
    int rc = 0;
    if (s && json_parse(s, strlen(s), &read, NULL) == 0) given = read;
    if (json_type(given) != JSON_ARRAY) {
        json_free(read);
        return err_set(e, ERR_INVALID, "is not a list such as [\"a\", \"b\"]");
    }
    struct json *all = json_new(JSON_ARRAY);
    size_t n = 0;
    for (const struct json *j = json_first(given); j && rc == 0; j = json_next(j), n++) {
        struct json *value = NULL;
        struct err why = {0};
        rc = input_value(&item, j, &value, &why);
        if (rc == 0 && in->type == INPUT_MULTISELECT && !in->custom)
            rc = check_choice(in, json_str(value, ""), &why);
        if (rc) rc = err_set(e, rc, "[%zu] %s", n, err_text(&why));
        if (value) json_push(all, value);
    }
    json_free(read);
    if (rc == 0)
        *out = all;
    else
        json_free(all);
    return rc;
}

/* What is no text is taken as it is. */
static int yaml_value(const struct json *given, struct json **out, struct err *e)
{
    const char *s = json_str(given, NULL);
    struct yaml_doc doc = {.root = NULL};
    struct err why = {0};
    if (!s) {
        *out = json_copy(given);
        return 0;
    }
    if (yaml_parse("line", s, strlen(s), &doc, &why)) { /* "line:3: sentence", "line: sentence" */
        const char *at = strchr(err_text(&why), ':') + 1;
        return err_set(e, ERR_INVALID, "is not YAML: %s%s", *at == ' ' ? "" : "line ",
                       at + (*at == ' '));
    }
    /* An empty document is an empty object to yaml_parse; here it is no value. */
    bool empty = json_type(doc.root) == JSON_OBJECT && !json_first(doc.root) && !strchr(s, '{');
    *out = empty ? json_new(JSON_NULL) : json_copy(doc.root);
    yaml_doc_fini(&doc);
    return 0;
}

int input_value(const struct flow_input *in, const struct json *given, struct json **out,
                struct err *e)
{
    const char *s = json_str(given, NULL);
    int rc;
    switch (in->type) {
    case INPUT_INT:
    case INPUT_FLOAT:
        return number_value(in, given, out, e);
    case INPUT_BOOLEAN:
        if (json_type(given) != JSON_BOOL && !str_eq(s, "true") && !str_eq(s, "false"))
            return err_set(e, ERR_INVALID, "is neither true nor false");
        *out = json_new_bool(s ? str_eq(s, "true") : json_bool(given, false));
        return 0;
    case INPUT_ARRAY:
    case INPUT_MULTISELECT:
        return list_value(in, given, out, e);
    case INPUT_JSON:
        if (!s) {
            *out = json_copy(given);
            return 0;
        }
        rc = json_parse(s, strlen(s), out, e);
        return rc ? err_wrap(e, "is not JSON") : 0;
    case INPUT_YAML:
        return yaml_value(given, out, e);
    default:
        if (!s) return err_set(e, ERR_INVALID, "must be a string");
        rc = text_value(in, s, e);
        if (rc == 0) *out = json_new_str(s);
        return rc;
    }
}

/* ---- of an execution ------------------------------------------------------------------------- */

static bool is_input(const struct flow_input *inputs, size_t count, const char *id)
{
    size_t i = 0;
    while (i < count && !str_eq(inputs[i].id, id))
        i++;
    return i < count;
}

static int check_names(const struct flow_input *inputs, size_t count, const struct json *given,
                       struct err *e)
{
    char shown[STR_QUOTE_SIZE], suggestion[STR_SUGGEST_SIZE];
    for (const struct json *j = json_first(given); j; j = json_next(j)) {
        if (is_input(inputs, count, json_key(j))) continue;
        const char **ids = mem_array(count + 1, sizeof *ids);
        for (size_t i = 0; i < count; i++)
            ids[i] = inputs[i].id;
        str_suggest_nearest(suggestion, json_key(j), ids, count);
        mem_free(ids);
        return err_set(e, ERR_INVALID, "inputs: there is no input %s%s",
                       str_quote(shown, json_key(j)), suggestion);
    }
    return 0;
}

int values_done(int rc, const char *what, struct json *all, struct json **out, struct err *e)
{
    char *text = json_text(all);
    if (rc == 0 && strlen(text) > FLOW_VALUES_MAX)
        rc = err_set(e, ERR_TOO_LARGE, "%s: together %zu bytes, at most %u are allowed", what,
                     strlen(text), FLOW_VALUES_MAX);
    mem_free(text);
    if (rc == 0)
        *out = all;
    else
        json_free(all);
    return rc;
}

static int resolve(const struct flow_input *inputs, size_t count, const struct json *given,
                   struct json **out, struct err *e)
{
    if (json_type(given) != JSON_NULL && json_type(given) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "inputs: must be an object");
    int rc = check_names(inputs, count, given, e);
    if (rc) return rc;
    struct json *all = json_new(JSON_OBJECT);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct flow_input *in = &inputs[i];
        const struct json *j = json_get(given, in->id);
        struct json *value = NULL;
        struct err why = {0};
        if (json_type(j) != JSON_NULL) {
            rc = input_value(in, j, &value, &why);
            if (rc) rc = err_set(e, rc, "inputs.%s: %s", in->id, err_text(&why));
        } else if (in->defaults) {
            value = json_copy(in->defaults);
        } else if (in->required) {
            rc = err_set(e, ERR_INVALID, "inputs.%s: is missing, and it has no default", in->id);
        }
        /* a path with dots tells by this that the input is there, and may be absent */
        if (!value && rc == 0 && strchr(in->id, '.')) value = json_new(JSON_NULL);
        if (value) json_put(all, in->id, value);
    }
    return values_done(rc, "inputs", all, out, e);
}

int flow_resolve_inputs(const struct flow *f, const struct json *given, struct json **out,
                        struct err *e)
{
    return resolve(f->inputs, f->input_count, given, out, e);
}

int flow_resume_inputs(const struct flow_task *t, const struct json *given, struct json **out,
                       struct err *e)
{
    return resolve(t->control->resume, t->control->resume_count, given, out, e);
}

int flow_trigger_inputs(const struct flow *f, const struct flow_trigger *t,
                        const struct expr_values *v, struct json **out, struct err *e)
{
    struct json *given = json_new(JSON_OBJECT);
    struct err room;
    int rc = 0;
    if (!e) e = &room;
    for (const struct json *j = json_first(t->inputs); j && rc == 0; j = json_next(j)) {
        struct buf text;
        if (json_type(j) != JSON_STRING) {
            json_put(given, json_key(j), json_copy(j));
            continue;
        }
        buf_init(&text, FLOW_VALUES_MAX);
        rc = expr_render(json_str(j, ""), v, &text, e);
        if (rc == 0)
            json_put(given, json_key(j), json_new_str(text.data));
        else
            rc = err_wrap(e, "inputs.%s", json_key(j));
        buf_fini(&text);
    }
    if (rc == 0) rc = flow_resolve_inputs(f, given, out, e);
    json_free(given);
    return rc;
}

/* ---- declared -------------------------------------------------------------------------------- */

int input_type_find(const char *name)
{
    static const char *const aliases[2][2] = {{"ENUM", "SELECT"}, {"BOOL", "BOOLEAN"}};
    for (size_t i = 0; i < 2; i++)
        if (str_eq(aliases[i][0], name)) name = aliases[i][1];
    for (int i = 0; i < INPUT_TYPES; i++)
        if (str_eq(flow_input_type_names[i], name)) return i;
    return -1;
}

const char *input_type_refused(const char *name)
{
    static const char *const refused[][2] = {
        {"FILE", "is not supported: make it a STRING, the path or URI of a file that the task's "
                 "machine reaches"},
        {"SECRET", "is not supported: keep secrets on the agent's machine, such as in its env"},
    };
    for (size_t i = 0; i < 2; i++)
        if (str_eq(refused[i][0], name)) return refused[i][1];
    return NULL;
}

/* The type that a key names; -1: reported. */
static int read_type(const struct node *n, const char *key)
{
    char *type = node_text(n, key, 1000);
    char shown[STR_QUOTE_SIZE];
    if (!type) {
        if (!node_has(n, key)) node_fail(n, key, "is missing");
        return -1;
    }
    int found = input_type_find(type);
    const char *why = found < 0 ? input_type_refused(type) : NULL;
    if (why)
        node_fail(n, key, "%s %s", str_quote(shown, type), why);
    else if (found < 0)
        node_fail(n, key,
                  "%s is not one of STRING, INT, FLOAT, BOOLEAN, SELECT, DATE, DATETIME, TIME, "
                  "DURATION, JSON, YAML, URI, EMAIL, ARRAY, MULTISELECT",
                  str_quote(shown, type));
    mem_free(type);
    return found;
}

static bool is_list(const struct flow_input *in)
{
    return in->type == INPUT_ARRAY || in->type == INPUT_MULTISELECT;
}

static void read_item(const struct node *n, struct flow_input *in)
{
    in->item = INPUT_STRING;
    if (!node_has(n, "itemType")) {
        if (in->type == INPUT_ARRAY) node_fail(n, "itemType", "is missing: the type of each value");
        return;
    }
    int item = read_type(n, "itemType");
    if (!is_list(in))
        node_fail(n, "itemType", "is for the types ARRAY and MULTISELECT");
    else if (item == INPUT_ARRAY || item == INPUT_MULTISELECT || item == INPUT_SELECT ||
             (in->type == INPUT_MULTISELECT && item >= 0 && item != INPUT_STRING))
        node_fail(n, "itemType",
                  in->type == INPUT_ARRAY ? "cannot be a list or a selection" : "must be STRING");
    else if (item >= 0)
        in->item = (enum flow_input_type)item;
}

static void read_values(const struct node *n, struct flow_input *in)
{
    bool select = in->type == INPUT_SELECT || in->type == INPUT_MULTISELECT;
    const char *key = node_has(n, "options") ? "options" : "values";
    if (node_has(n, "options") && node_has(n, "values"))
        node_fail(n, "options", "is the same as values: one of the two");
    const struct json *list = node_list(n, key, VALUES_MAX);
    if (node_has(n, key) != select) {
        node_fail(n, key,
                  select ? "is missing: what may be chosen"
                         : "is for the types SELECT and MULTISELECT");
        return;
    }
    in->custom = node_bool(n, "allowCustomValue", false);
    if (node_has(n, "allowCustomValue") && !select)
        node_fail(n, "allowCustomValue", "is for the types SELECT and MULTISELECT");
    if (!list) return;
    if (json_count(list) == 0) node_fail(n, key, "is empty");
    in->values = mem_array(json_count(list) + 1, sizeof *in->values);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        char *value = item_text(n, j, key, FLOW_VALUES_MAX);
        if (value) in->values[in->value_count++] = value;
    }
}

static void read_limits(const struct node *n, struct flow_input *in)
{
    static const double most = 9223372036854775807.0; /* rounded to 2^63 */
    bool number = in->type == INPUT_INT || in->type == INPUT_FLOAT;
    in->has_min = node_has(n, "min");
    in->has_max = node_has(n, "max");
    if (!number && (in->has_min || in->has_max)) {
        node_fail(n, in->has_min ? "min" : "max", "is for the types INT and FLOAT");
        return;
    }
    in->min = node_num(n, "min", -most, most, 0);
    in->max = node_num(n, "max", -most, most, 0);
    if (in->has_min && in->has_max && in->max < in->min) node_fail(n, "max", "is less than min");
}

static bool is_typed(enum flow_input_type type)
{
    return type == INPUT_JSON || type == INPUT_YAML || type == INPUT_BOOLEAN || type == INPUT_INT ||
           type == INPUT_FLOAT;
}

/* A list's values, each as it is written; json_free. */
static struct json *written_list(const struct node *n, const struct json *list,
                                 const struct flow_input *in)
{
    struct json *all = json_new(JSON_ARRAY);
    for (const struct json *j = json_first(list); j; j = json_next(j)) {
        const char *text = yaml_text(&n->r->doc, j);
        read_plain_tree(n, j, "defaults");
        json_push(all, text && !is_typed(in->item) ? json_new_str(text) : json_copy(j));
    }
    return all;
}

/* Texts as they are written: 010 of a STRING stays 010. */
static void read_defaults(const struct node *n, struct flow_input *in)
{
    const struct json *j = json_get(n->j, "defaults");
    struct err e = {0};
    if (json_type(j) == JSON_NULL) return;
    const char *text = yaml_text(&n->r->doc, j);
    read_plain_tree(n, j, "defaults");
    bool as_text = text && !is_typed(in->type);
    bool listed = is_list(in) && json_type(j) == JSON_ARRAY;
    struct json *given = as_text  ? json_new_str(text)
                         : listed ? written_list(n, j, in)
                                  : json_copy(j);
    bool select = in->type == INPUT_SELECT || in->type == INPUT_MULTISELECT;
    if (select && in->value_count == 0) {
        json_free(given);
        return; /* said already */
    }
    if (input_value(in, given, &in->defaults, &e)) {
        char shown[STR_QUOTE_SIZE];
        node_fail(n, "defaults", "%s %s", text ? str_quote(shown, text) : "the value",
                  err_text(&e));
    }
    json_free(given);
}

/* Words with dots between them, as Kestra nests its inputs. */
static char *read_id(const struct node *n, const char *key)
{
    char *id = node_id_of(n, key, true);
    if (!id || (!strstr(id, "..") && !str_ends(id, "."))) return id;
    node_fail(n, key, "a word is missing between its dots, or behind the last");
    mem_free(id);
    return NULL;
}

/* inputs.a.b would be the input a.b, and a member of the input a. */
static void check_nested(const struct node *n, const struct json *at,
                         const struct flow_input *inputs, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        const char *other = inputs[i].id;
        if (!other || str_eq(other, id)) continue;
        if (str_namespace_covers(other, id) || str_namespace_covers(id, other))
            read_fail(n->r, at,
                      "%sinput %s: %s is an input, too: with both, inputs.%s is not clear", n->at,
                      id, other, strlen(id) > strlen(other) ? id : other);
    }
}

static void read_input(const struct node *holder, const char *key, const struct json *j,
                       size_t index, struct flow_input *in)
{
    struct node n = {.r = holder->r, .j = j};
    (void)str_format(n.at, sizeof n.at, "%s%s[%zu].", holder->at, key, index);
    in->line = yaml_line(&n.r->doc, j);
    if (json_type(j) != JSON_OBJECT) {
        node_say(&n, j, "must be a mapping with id and type, such as {id: day, type: STRING}");
        return;
    }
    bool old = node_has(&n, "name") && !node_has(&n, "id"); /* what Kestra called it before 0.14 */
    if (node_has(&n, "name") && !old) node_fail(&n, "name", "is the same as id: one of the two");
    in->id = read_id(&n, old ? "name" : "id");
    if (in->id) (void)str_format(n.at, sizeof n.at, "%sinput %s: ", holder->at, in->id);
    node_known(&n, input_keys, input_refused);
    in->description = node_text(&n, "description", FLOW_VALUES_MAX);
    mem_free(node_text(&n, "displayName", FLOW_VALUES_MAX));
    int type = read_type(&n, "type");
    bool has_default = node_has(&n, "defaults");
    in->required = node_bool(&n, "required", !has_default) && !has_default;
    if (type < 0) return;
    in->type = (enum flow_input_type)type;
    read_item(&n, in);
    read_values(&n, in);
    read_limits(&n, in);
    read_defaults(&n, in);
}

size_t read_input_list(const struct node *n, const char *key, struct flow_input **out, bool *bad)
{
    const struct json *list = node_list(n, key, FLOW_INPUTS_MAX);
    size_t count = 0;
    if (!list) return 0;
    struct flow_input *all = mem_array(json_count(list) + 1, sizeof *all);
    for (const struct json *j = json_first(list); j; j = json_next(j), count++) {
        struct flow_input *in = &all[count];
        size_t problems = n->r->problems->count;
        read_input(n, key, j, count, in);
        if (bad) bad[count] = n->r->problems->count > problems;
        for (size_t i = 0; in->id && i < count; i++)
            if (str_eq(all[i].id, in->id))
                read_fail(n->r, j, "%sinput %s: the id is used in line %d already", n->at, in->id,
                          all[i].line);
        if (in->id) check_nested(n, j, all, count, in->id);
    }
    *out = all;
    return count;
}

void read_inputs(const struct node *n)
{
    size_t room = json_count(json_get(n->j, "inputs")) + 1;
    struct flow *f = n->r->flow;
    n->r->input_ids = mem_array(room, sizeof *n->r->input_ids);
    n->r->bad_inputs = mem_array(room, sizeof *n->r->bad_inputs);
    f->input_count = read_input_list(n, "inputs", &f->inputs, n->r->bad_inputs);
    if (!f->inputs && node_has(n, "inputs")) n->r->unread |= 1u << EXPR_INPUTS;
    for (size_t i = 0; i < f->input_count; i++) {
        if (!f->inputs[i].id) n->r->unread |= 1u << EXPR_INPUTS;
        n->r->input_ids[i] = f->inputs[i].id ? f->inputs[i].id : "";
    }
}
