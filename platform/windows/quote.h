/* The one string that a Windows process gets instead of arguments. UTF-8 in and out, no system
 * call. */
#ifndef CADRE_PLATFORM_WINDOWS_QUOTE_H
#define CADRE_PLATFORM_WINDOWS_QUOTE_H

#include "base/buf.h"
#include "base/err.h"

/* argv as CommandLineToArgvW and the C library's start-up code take it apart again ("Parsing C
 * command-line arguments" in Microsoft's C reference). */
void quote_command_line(const char *const *argv, struct buf *out);

/* For a batch file: `cmd /d /e:on /v:off /s /c ""FILE" "ARG" ..."`. cmd has rules of its own, in
 * which an argument could otherwise become a command: everything is quoted, and a percent sign
 * cannot name a variable. ERR_INVALID: a line break or NUL cannot be handed over. */
int quote_batch_line(const char *cmd, const char *file, const char *const *args, struct buf *out,
                     struct err *e);

#endif
