/* On Linux, output is passed on unchanged. */
#include "platform/text.h"

void text_to_utf8(struct text_state *s, const void *data, size_t len, int last, struct buf *out)
{
    (void)s;
    (void)last;
    buf_add(out, data, len);
}

int text_batch_encode(const char *text, size_t len, struct buf *out, bool *needs_utf8)
{
    *needs_utf8 = false;
    return buf_add(out, text, len);
}

bool text_batch_is_program(void)
{
    return false;
}

bool text_has_interpreter_lines(void)
{
    return true;
}

const char *text_default_shell(void)
{
    return "sh";
}
