/* See complain.h. */
#include "platform/complain.h"

#include "base/buf.h"
#include "base/escape.h"
#include "platform/log_sink.h"
#include "platform/streams.h"

#include <string.h>

#define LINE_MAX_BYTES (64u * 1024)

void complain_as(const char *program, const char *sentence)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES);
    (void)buf_addf(&line, "%s%s: ", log_sink_error_prefix(), program);
    escape_text(&line, sentence, strlen(sentence));
    (void)buf_addc(&line, '\n');
    (void)fd_write_all(2, line.data, line.len, NULL);
    buf_fini(&line);
}
