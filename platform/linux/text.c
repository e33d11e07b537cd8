/* On Linux, output is passed on unchanged. */
#include "platform/text.h"

void text_to_utf8(struct text_state *s, const void *data, size_t len, int last, struct buf *out)
{
    (void)s;
    (void)last;
    buf_add(out, data, len);
}

const char *text_script_newline(const char *shell)
{
    (void)shell;
    return "\n";
}

int text_script_encode(const char *shell, const char *text, size_t len, struct buf *out)
{
    (void)shell;
    return buf_add(out, text, len);
}

const char *text_default_shell(void)
{
    return "sh";
}
