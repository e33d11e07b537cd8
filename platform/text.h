/* Text at the edge. Twin files. */
#ifndef CADRE_PLATFORM_TEXT_H
#define CADRE_PLATFORM_TEXT_H

#include "base/buf.h"

#include <stddef.h>

/* Job output as bytes -> UTF-8, appended to out. Linux: copied as it is, byte for byte. Windows:
 * kept when it is valid UTF-8, converted from the OEM code page otherwise; *state (start with 0)
 * carries an incomplete character over to the next call; `last` flushes it. */
struct text_state {
    unsigned char pending[8];
    size_t pending_len;
    int mode; /* 0 undecided, else platform's own */
};
void text_to_utf8(struct text_state *s, const void *data, size_t len, int last, struct buf *out);
/* "\n" or "\r\n": what a script file's lines end with for this shell here. */
const char *text_script_newline(const char *shell);
/* A script's text (UTF-8) as this shell reads files here, appended to out. Linux: as it is.
 * Windows: PowerShell takes a file without a mark for ANSI, cmd for the OEM code page.
 * ERR_TOO_LARGE as buf has it. */
int text_script_encode(const char *shell, const char *text, size_t len, struct buf *out);
/* The shell of a script that names none: "sh", "powershell". */
const char *text_default_shell(void);

#endif
