/* A JSON object of texts. */
#include "coordinator/engine/facts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define LIMIT "limit"
#define SINCE "since"

void facts_put_number(struct json *object, const char *key, int64_t n)
{
    char text[32];
    (void)str_format(text, sizeof text, "%lld", (long long)n);
    json_put(object, key, json_new_str(text));
}

char *facts_make(struct facts *f)
{
    const struct {
        const char *key, *value;
    } members[] = {{"title", f->title}, {"text", f->text},           {"namespace", f->ns},
                   {"flow", f->flow},   {"execution", f->execution}, {"trigger", f->trigger},
                   {"group", f->group}, {"agent", f->agent}};
    struct json *object = json_new(JSON_OBJECT);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].value) json_put(object, members[i].key, json_new_str(members[i].value));
    if (f->number > 0) facts_put_number(object, "number", f->number);
    if (f->limit > 0) facts_put_number(object, LIMIT, f->limit);
    if (f->since_ms > 0) facts_put_number(object, SINCE, f->since_ms);
    char *text = json_text(object);
    json_free(object);
    facts_free(f);
    return text;
}

void facts_free(struct facts *f)
{
    mem_free(f->title);
    mem_free(f->text);
    mem_free(f->kept);
    f->title = f->text = f->kept = NULL;
}

static int64_t member(const char *facts, const char *key)
{
    struct json *object = NULL;
    int64_t number = 0;
    if (json_parse(facts, strlen(facts), &object, NULL)) return 0;
    if (str_int64(json_get_str(object, key, ""), &number)) number = 0;
    json_free(object);
    return number;
}

void facts_hide(struct json *object)
{
    json_remove(object, LIMIT);
    json_remove(object, SINCE);
}

char *facts_told(const char *facts)
{
    struct json *object = NULL;
    if (json_parse(facts, strlen(facts), &object, NULL)) object = json_new(JSON_OBJECT);
    facts_hide(object);
    char *text = json_text(object);
    json_free(object);
    return text;
}

int64_t facts_number(const char *facts)
{
    return member(facts, "number");
}

int64_t facts_limit(const char *facts)
{
    return member(facts, LIMIT);
}

int64_t facts_since_ms(const char *facts)
{
    return member(facts, SINCE);
}
