/* An order is built with a sample event when the configuration is read: what is wrong with a
 * channel is told then. */
#include "coordinator/notify/channel.h"

#include "base/duration.h"
#include "base/mem.h"
#include "base/str.h"
#include "coordinator/flow/expr.h"
#include "coordinator/notify/shape.h"
#include "wire/order.h"

#include <string.h>

const char *const channel_event_keys[] = {"id",        "event", "state",     "title",
                                          "text",      "count", "firstAt",   "lastAt",
                                          "namespace", "flow",  "execution", "trigger",
                                          "group",     "agent", "number",    "coordinator"};
const size_t channel_event_key_count = sizeof channel_event_keys / sizeof *channel_event_keys;

#define RENDERED_MAX ORDER_LINE_MAX

/* ---- what a channel may say ------------------------------------------------------------------ */

/* As in an order, and copied into it. */
static const char *const webhook_keys[] = {"kind",  "timeout", "caFile",
                                           "url",   "urlFile", "headers",
                                           "shape", "body",    "authorizationFile"};
static const char *const mail_keys[] = {"kind", "timeout", "caFile",       "server",
                                        "tls",  "user",    "passwordFile", "from",
                                        "to",   "subject", "text"};
static const char *const command_keys[] = {"kind", "timeout", "command"};

struct keys {
    const char *kind;
    const char *const *names;
    size_t count;
};
#define KEYS(kind, list)                                                                           \
    {                                                                                              \
        kind, list, sizeof list / sizeof *list                                                     \
    }
static const struct keys kinds[] = {KEYS("webhook", webhook_keys), KEYS("mail", mail_keys),
                                    KEYS("command", command_keys)};
#define KINDS (sizeof kinds / sizeof *kinds)

static const struct keys *keys_of(const struct json *channel)
{
    const char *kind = json_get_str(channel, "kind", "");
    for (size_t i = 0; i < KINDS; i++)
        if (str_eq(kinds[i].kind, kind)) return &kinds[i];
    return NULL;
}

static int check_keys(const struct json *channel, const struct json **where, struct err *e)
{
    const struct keys *k = keys_of(channel);
    if (!k) {
        const struct json *kind = json_get(channel, "kind");
        if (kind) *where = kind;
        return err_set(e, ERR_INVALID, "channel '%s': 'kind' is one of webhook, mail, command",
                       json_key(channel));
    }
    for (const struct json *m = json_first(channel); m; m = json_next(m)) {
        char suggestion[STR_SUGGEST_SIZE];
        bool known = false;
        for (size_t i = 0; i < k->count && !known; i++)
            known = str_eq(k->names[i], json_key(m));
        if (known) continue;
        *where = m;
        str_suggest_nearest(suggestion, json_key(m), k->names, k->count);
        return err_set(e, ERR_INVALID, "channel '%s': a %s has no '%s'%s", json_key(channel),
                       k->kind, json_key(m), suggestion);
    }
    return 0;
}

/* ---- templates ------------------------------------------------------------------------------- */

struct check {
    const char *channel;
    struct err *e;
    int rc;
};

static bool on_problem(const char *at, size_t len, const char *sentence, void *user)
{
    struct check *c = user;
    c->rc = err_set(c->e, ERR_INVALID, "channel '%s': '%.*s': %s", c->channel,
                    (int)(len < 80 ? len : 80), at, sentence);
    return false;
}

static int check_text(const char *channel, const char *text, struct err *e)
{
    const struct expr_scope scope = {.roots = 1u << EXPR_EVENT,
                                     .no_clock = true,
                                     .where = "in a channel: an event's members are event.title, "
                                              "event.text and so on",
                                     .event_keys = channel_event_keys,
                                     .event_key_count = channel_event_key_count};
    struct check c = {channel, e, 0};
    expr_check(text, &scope, on_problem, &c, NULL);
    return c.rc;
}

/* Of a template: its texts, at any depth. */
static int check_template(const char *channel, const struct json *node, const struct json **where,
                          struct err *e)
{
    int rc = 0;
    if (json_type(node) == JSON_STRING) {
        rc = check_text(channel, json_str(node, ""), e);
        if (rc) *where = node;
    }
    for (const struct json *n = json_first(node); n && !rc; n = json_next(n))
        rc = check_template(channel, n, where, e);
    return rc;
}

static int check_templates(const struct json *channel, const struct json **where, struct err *e)
{
    static const char *const texts[] = {"subject", "text"};
    const char *name = json_key(channel);
    const struct json *body = json_get(channel, "body");
    enum json_type type = json_type(body);
    if (body && json_get(channel, "shape")) {
        *where = body;
        return err_set(e, ERR_INVALID, "channel '%s': give 'shape' or 'body', not both", name);
    }
    if (body && type != JSON_OBJECT && type != JSON_ARRAY) {
        *where = body;
        return err_set(e, ERR_INVALID, "channel '%s': 'body' is a mapping or a list, sent as JSON",
                       name);
    }
    int rc = check_template(name, body, where, e);
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !rc; i++) {
        const struct json *text = json_get(channel, texts[i]);
        if (!text) continue;
        *where = text;
        rc = json_type(text) == JSON_STRING
                 ? check_text(name, json_str(text, ""), e)
                 : err_set(e, ERR_INVALID, "channel '%s': '%s' must be a text", name, texts[i]);
    }
    return rc;
}

/* Where what happened can be had in a channel of this kind. */
static const char *way_to_event(const struct json *channel)
{
    const char *kind = json_get_str(channel, "kind", "");
    return str_eq(kind, "webhook") ? "'body' does"
           : str_eq(kind, "mail")  ? "'subject' and 'text' do"
                                   : "the program gets the event on its standard input";
}

/* Of all other members: an expression there would be sent as it stands. */
static int check_plain(const struct json *channel, const char *key, const struct json *node,
                       const struct json **where, struct err *e)
{
    if (expr_has(json_str(node, ""))) {
        *where = node;
        return err_set(e, ERR_INVALID, "channel '%s': '%s' takes no expressions; %s",
                       json_key(channel), key, way_to_event(channel));
    }
    int rc = 0;
    for (const struct json *n = json_first(node); n && !rc; n = json_next(n))
        rc = check_plain(channel, key, n, where, e);
    return rc;
}

static int check_plain_members(const struct json *channel, const struct json **where, struct err *e)
{
    static const char *const templates[] = {"body", "subject", "text"};
    int rc = 0;
    for (const struct json *m = json_first(channel); m && !rc; m = json_next(m)) {
        bool plain = true;
        for (size_t i = 0; i < sizeof templates / sizeof *templates; i++)
            if (str_eq(templates[i], json_key(m))) plain = false;
        if (plain) rc = check_plain(channel, json_key(m), m, where, e);
    }
    return rc;
}

/* The event for templates: what does not apply is empty there. */
static struct json *full_event(const struct json *event)
{
    struct json *full = json_copy(event);
    for (size_t i = 0; i < channel_event_key_count; i++)
        if (!json_get(full, channel_event_keys[i]))
            json_put(full, channel_event_keys[i], json_new_str(""));
    return full;
}

/* mem_free; NULL with e. */
static char *render_text(const char *text, const struct json *event, struct err *e)
{
    const struct expr_values values = {.event = event};
    struct buf out;
    char *result = NULL;
    buf_init(&out, RENDERED_MAX);
    if (expr_render(text, &values, &out, e) == 0) result = mem_strndup(out.data, out.len);
    buf_fini(&out);
    return result;
}

/* A copy of the template with its values; NULL with e. */
static struct json *render_tree(const struct json *node, const struct json *event, struct err *e)
{
    if (json_type(node) == JSON_STRING) {
        char *text = render_text(json_str(node, ""), event, e);
        struct json *made = text ? json_new_str(text) : NULL;
        mem_free(text);
        return made;
    }
    bool object = json_type(node) == JSON_OBJECT;
    if (!object && json_type(node) != JSON_ARRAY) return json_copy(node);
    struct json *made = json_new(json_type(node));
    for (const struct json *n = json_first(node); n; n = json_next(n)) {
        struct json *child = render_tree(n, event, e);
        if (!child) {
            json_free(made);
            return NULL;
        }
        if (object)
            json_put(made, json_key(n), child);
        else
            json_push(made, child);
    }
    return made;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static const char default_subject[] = "Cadre: {{ event.title }}";
static const char default_text[] = "{{ event.title }}\n\n{{ event.text }}\n\n"
                                   "Coordinator: {{ event.coordinator }}\n";

/* The body's text; mem_free. NULL with e. */
static char *body_of(const struct json *channel, const struct json *event, struct err *e)
{
    const struct json *template = json_get(channel, "body");
    if (str_eq(json_get_str(channel, "kind", ""), "mail")) {
        struct json *full = full_event(event);
        char *text = render_text(json_get_str(channel, "text", default_text), full, e);
        json_free(full);
        return text;
    }
    if (!template) return shape_body(json_get_str(channel, "shape", "cadre"), event);
    struct json *full = full_event(event), *made = render_tree(template, full, e);
    char *text = made ? json_text(made) : NULL;
    json_free(made);
    json_free(full);
    return text;
}

static bool is_own(const char *key)
{
    static const char *const own[] = {"timeout", "shape", "body", "subject", "text"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (str_eq(own[i], key)) return true;
    return false;
}

static int add_timeout(struct jw *w, const struct json *channel, struct err *e)
{
    const char *text = json_get_str(channel, "timeout", NULL);
    int64_t ms;
    if (!json_get(channel, "timeout")) return 0;
    if (!text || duration_parse(text, &ms, NULL) || ms < 1 || ms > ORDER_TIMEOUT_MS)
        return err_set(e, ERR_INVALID, "'timeout' is a duration of at most 30s, such as 10s");
    jw_int(w, "timeoutMs", ms);
    return 0;
}

static int add_subject(struct jw *w, const struct json *channel, const struct json *event,
                       struct err *e)
{
    if (!str_eq(json_get_str(channel, "kind", ""), "mail")) return 0;
    struct json *full = full_event(event);
    char *subject = render_text(json_get_str(channel, "subject", default_subject), full, e);
    json_free(full);
    if (!subject) return e->code;
    jw_str(w, "subject", subject);
    mem_free(subject);
    return 0;
}

int channel_order(const struct json *channel, const char *id, const struct json *event,
                  struct buf *out, struct err *e)
{
    struct err own = {0};
    struct jw w;
    if (!e) e = &own;
    char *body = body_of(channel, event, e);
    if (!body) return e->code;
    jw_init(&w, out);
    jw_object(&w, NULL);
    jw_str(&w, "id", id);
    jw_str(&w, "body", body);
    mem_free(body);
    for (const struct json *m = json_first(channel); m; m = json_next(m))
        if (!is_own(json_key(m))) jw_tree(&w, json_key(m), m);
    int rc = add_timeout(&w, channel, e);
    if (!rc) rc = add_subject(&w, channel, event, e);
    if (rc) return rc;
    jw_end(&w);
    if (jw_finish(&w) || out->len > ORDER_LINE_MAX)
        return err_set(e, ERR_TOO_LARGE, "the message has more than %u bytes", ORDER_LINE_MAX);
    return 0;
}

/* ---- the check ------------------------------------------------------------------------------- */

/* The member that a sentence about an order begins with: "'url' has ...". */
static const struct json *named(const struct json *channel, const char *sentence)
{
    char key[64] = "";
    size_t len = *sentence == '\'' ? strcspn(sentence + 1, "'") : 0;
    if (len && len < sizeof key) memcpy(key, sentence + 1, len);
    return json_get(channel, key);
}

static int check_order(const struct json *channel, const struct json **where, struct err *e)
{
    struct err why = {0};
    struct order order = {0};
    struct buf line;
    char id[ORDER_ID_SIZE];
    struct json *event = json_new(JSON_OBJECT);
    json_put(event, "title", json_new_str("title"));
    buf_init(&line, (size_t)2 * ORDER_LINE_MAX);
    int rc = channel_order(channel, "1", event, &line, &why);
    if (!rc) rc = order_parse(line.data, line.len, id, &order, &why);
    order_fini(&order);
    buf_fini(&line);
    json_free(event);
    if (!rc) return 0;
    const struct json *member = named(channel, err_text(&why));
    if (member) *where = member;
    return err_set(e, ERR_INVALID, "channel '%s': %s", json_key(channel), err_text(&why));
}

int channel_check(const struct json *channel, const struct json **where, struct err *e)
{
    const char *name = json_key(channel);
    *where = channel;
    if (!str_key_valid(name))
        return err_set(e, ERR_INVALID,
                       "'%s': a channel's name has 1 to 63 letters, digits, '_' and '-' and begins "
                       "with a letter or digit",
                       name);
    if (json_type(channel) != JSON_OBJECT)
        return err_set(e, ERR_INVALID, "channel '%s': must be a mapping with 'kind' and more",
                       name);
    int rc = check_keys(channel, where, e);
    if (!rc) rc = check_templates(channel, where, e);
    if (!rc) rc = check_plain_members(channel, where, e);
    if (rc) return rc;
    *where = channel;
    const struct json *shape = json_get(channel, "shape");
    if (shape && !shape_is_known(json_str(shape, ""))) {
        *where = shape;
        return err_set(e, ERR_INVALID,
                       "channel '%s': 'shape' is one of cadre, slack, mattermost, "
                       "teams",
                       name);
    }
    return check_order(channel, where, e);
}

/* ---- for people ------------------------------------------------------------------------------ */

/* Scheme and host: a path may be the secret of a web hook. */
static char *host_of(const char *url)
{
    const char *host = strstr(url, "://");
    if (!host) return mem_strdup("a web hook");
    host += 3;
    size_t len = strcspn(host, "/?#");
    for (const char *at = memchr(host, '@', len); at; at = memchr(host, '@', len)) {
        len -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    return str_dupf("%.*s%.*s", (int)(strstr(url, "://") + 3 - url), url, (int)len, host);
}

char *channel_reaches(const struct json *channel)
{
    const struct json *to = json_get(channel, "to"), *command = json_get(channel, "command");
    const char *url = json_get_str(channel, "url", NULL);
    if (command) return mem_strdup(json_str(json_first(command), ""));
    if (url) return host_of(url);
    if (!to) return str_dupf("the URL in %s", json_get_str(channel, "urlFile", ""));
    const char *first = json_str(json_first(to), "");
    if (json_count(to) == 1) return mem_strdup(first);
    return str_dupf("%s and %zu more", first, json_count(to) - 1);
}
