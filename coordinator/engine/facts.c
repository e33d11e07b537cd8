/* A JSON object of texts. */
#include "coordinator/engine/facts.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#include <string.h>

char *facts_make(struct facts *f)
{
    const struct {
        const char *key, *value;
    } members[] = {{"title", f->title}, {"text", f->text},           {"namespace", f->ns},
                   {"flow", f->flow},   {"execution", f->execution}, {"trigger", f->trigger},
                   {"group", f->group}, {"agent", f->agent}};
    struct json *object = json_new(JSON_OBJECT);
    char number[32];
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (members[i].value) json_put(object, members[i].key, json_new_str(members[i].value));
    (void)str_format(number, sizeof number, "%lld", (long long)f->number);
    if (f->number > 0) json_put(object, "number", json_new_str(number));
    char *text = json_text(object);
    json_free(object);
    facts_free(f);
    return text;
}

void facts_free(struct facts *f)
{
    mem_free(f->title);
    mem_free(f->text);
    f->title = f->text = NULL;
}

int64_t facts_number(const char *facts)
{
    struct json *object = NULL;
    int64_t number = 0;
    if (json_parse(facts, strlen(facts), &object, NULL)) return 0;
    if (str_int64(json_get_str(object, "number", ""), &number)) number = 0;
    json_free(object);
    return number;
}
