/* The edge between our UTF-8 and the system's UTF-16. Nothing else in the house sees wide text. */
#ifndef CADRE_PLATFORM_WINDOWS_WIDE_H
#define CADRE_PLATFORM_WINDOWS_WIDE_H

#include "base/err.h"

#include <stddef.h>
#include <wchar.h>

/* Bytes that are no UTF-8 become U+FFFD; NULL gives NULL; mem_free. */
wchar_t *wide_from(const char *utf8);
char *wide_to(const wchar_t *wide);
char *wide_to_n(const wchar_t *wide, size_t len);
/* The same for what a user wrote: half of a pair of surrogates is kept as three bytes, which are
 * not UTF-8 and are refused as such, where wide_to has U+FFFD. mem_free. */
char *wide_to_exact(const wchar_t *wide);
/* A path for the file functions: absolute, with backslashes and the prefix that lifts the limit of
 * 260 characters; device names ("NUL") stay what they are. mem_free. */
wchar_t *wide_path(const char *path);
/* As wide_path, for what does not take the prefix (a process's folder): the short name when it is
 * too long. */
wchar_t *wide_plain_path(const char *path);

/* The system's sentence for an error of GetLastError, without full stop; mem_free. */
char *wide_error(unsigned long error);
/* "cannot VERB WHAT: the system's sentence", with the ERR_ code that fits. */
int wide_fail(struct err *e, unsigned long error, const char *verb, const char *what);
int wide_error_code(unsigned long error);

#endif
