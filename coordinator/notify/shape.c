/* Sources: Slack, "Formatting text for app surfaces" (escaping &, <, >); Mattermost, "Incoming
 * webhooks" (Markdown, mentions); Microsoft Teams, "Create an Incoming Webhook" (cards). */
#include "coordinator/notify/shape.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define TEXT_MAX 3000 /* bytes of one message that the services show */
#define ZERO_WIDTH "\xe2\x80\x8b"

static const char *const shapes[] = {"cadre", "slack", "mattermost", "teams"};

bool shape_is_known(const char *shape)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (str_eq(shapes[i], shape)) return true;
    return false;
}

static void add_slack(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *as = s[i] == '&' ? "&amp;" : s[i] == '<' ? "&lt;" : s[i] == '>' ? "&gt;" : NULL;
        if (as)
            (void)buf_adds(b, as);
        else
            (void)buf_addc(b, s[i]);
    }
}

/* A backslash before each character that Markdown reads (CommonMark 0.31, 2.4), and something
 * without width behind what mentions people. */
static void add_markdown(struct buf *b, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] && strchr("\\`*_{}[]()<>#+-!|~", s[i])) (void)buf_addc(b, '\\');
        (void)buf_addc(b, s[i]);
        if (s[i] == '@') (void)buf_adds(b, ZERO_WIDTH);
    }
}

static size_t shown(const char *s)
{
    size_t len = strlen(s);
    return len <= TEXT_MAX ? len : str_utf8_whole(s, TEXT_MAX);
}

typedef void add_fn(struct buf *b, const char *s, size_t len);

static void add_line(struct buf *b, add_fn *add, const char *text)
{
    if (!*text) return;
    (void)buf_addc(b, '\n');
    add(b, text, shown(text));
}

/* The last line, mem_free; "" where the event has none. */
static char *sender(const struct json *event)
{
    const char *name = json_get_str(event, "coordinator", "");
    return *name ? str_dupf("Coordinator: %s", name) : mem_strdup("");
}

/* {"text": title, text and sender}; bold: the mark around a title. */
static char *one_text(const struct json *event, add_fn *add, const char *bold)
{
    const char *title = json_get_str(event, "title", ""), *text = json_get_str(event, "text", "");
    char *from = sender(event);
    struct buf b, out;
    struct jw w;
    buf_init(&b, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    (void)buf_adds(&b, bold);
    add(&b, title, shown(title));
    (void)buf_adds(&b, bold);
    add_line(&b, add, text);
    add_line(&b, add, from);
    mem_free(from);
    jw_init(&w, &out);
    jw_object(&w, NULL);
    jw_strn(&w, "text", b.data, b.len);
    jw_end(&w);
    (void)jw_finish(&w);
    buf_fini(&b);
    char *result = mem_strndup(out.data, out.len);
    buf_fini(&out);
    return result;
}

/* Adaptive Cards read a part of Markdown in a TextBlock. */
static void add_block(struct jw *w, const char *text, bool title)
{
    struct buf b;
    if (!*text) return;
    buf_init(&b, SIZE_MAX);
    add_markdown(&b, text, shown(text));
    jw_object(w, NULL);
    jw_str(w, "type", "TextBlock");
    jw_strn(w, "text", b.data, b.len);
    jw_bool(w, "wrap", true);
    if (title) jw_str(w, "weight", "Bolder");
    jw_end(w);
    buf_fini(&b);
}

static char *teams(const struct json *event)
{
    char *from = sender(event);
    struct buf out;
    struct jw w;
    buf_init(&out, SIZE_MAX);
    jw_init(&w, &out);
    jw_object(&w, NULL);
    jw_str(&w, "type", "message");
    jw_array(&w, "attachments");
    jw_object(&w, NULL);
    jw_str(&w, "contentType", "application/vnd.microsoft.card.adaptive");
    jw_object(&w, "content");
    jw_str(&w, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
    jw_str(&w, "type", "AdaptiveCard");
    jw_str(&w, "version", "1.4");
    jw_array(&w, "body");
    add_block(&w, json_get_str(event, "title", ""), true);
    add_block(&w, json_get_str(event, "text", ""), false);
    add_block(&w, from, false);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    jw_end(&w);
    (void)jw_finish(&w);
    mem_free(from);
    char *result = mem_strndup(out.data, out.len);
    buf_fini(&out);
    return result;
}

char *shape_body(const char *shape, const struct json *event)
{
    if (str_eq(shape, "slack")) return one_text(event, add_slack, "*");
    if (str_eq(shape, "mattermost")) return one_text(event, add_markdown, "**");
    if (str_eq(shape, "teams")) return teams(event);
    return json_text(event);
}
