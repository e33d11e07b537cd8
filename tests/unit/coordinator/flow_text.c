#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "flow_text.h"

#include <string.h>

struct flow *flow_text_parse(const char *text)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    if (flow_parse("f.yaml", text, strlen(text), NULL, &p, &f)) {
        for (size_t i = 0; i < p.count; i++)
            print_message("%s:%d: %s\n", p.items[i].file, p.items[i].line, p.items[i].sentence);
        fail();
    }
    flow_problems_fini(&p);
    return f;
}

void flow_text_refuses(const char *text, const char *problems)
{
    struct flow_problems p = {0};
    struct flow *f = NULL;
    struct buf b;
    buf_init(&b, 100000);
    assert_int_equal(flow_parse("f.yaml", text, strlen(text), NULL, &p, &f), ERR_INVALID);
    flow_problems_sort(&p);
    for (size_t i = 0; i < p.count; i++)
        (void)buf_addf(&b, "%s%d: %s", i ? "\n" : "", p.items[i].line, p.items[i].sentence);
    flow_problems_fini(&p);
    char *found = buf_detach(&b);
    if (!str_eq(found, problems)) print_message("---\n%s\n--- gives\n%s\n", text, found);
    assert_string_equal(found, problems);
    mem_free(found);
}
