/* Text at the edge. Twin files. */
#ifndef CADRE_PLATFORM_TEXT_H
#define CADRE_PLATFORM_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
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
/* A batch file's text (UTF-8) as cmd reads files here, appended to out. Linux: as it is. Windows:
 * in the OEM code page; where that lacks a character, in UTF-8, and *needs_utf8: cmd must be told
 * first ("chcp 65001"). ERR_TOO_LARGE as buf has it. */
int text_batch_encode(const char *text, size_t len, struct buf *out, bool *needs_utf8);
/* Is a batch file started like a program here (process.h quotes its arguments), or by "cmd /C"? */
bool text_batch_is_program(void);
/* Does the first line of a script ("#!/bin/sh") name the program that reads it here? */
bool text_has_interpreter_lines(void);
/* The shell of a script that names none: "sh", "powershell". */
const char *text_default_shell(void);

#endif
