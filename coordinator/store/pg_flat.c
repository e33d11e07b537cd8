/* What libpq says, as part of a sentence of ours. */
#include "coordinator/store/pg_flat.h"

#include "base/str.h"

void pg_flat(char *out, size_t size, const char *message)
{
    size_t n = 0;
    for (const char *c = message ? message : ""; *c && n + 1 < size; c++) {
        bool blank = *c == '\n' || *c == '\r' || *c == '\t' || *c == ' ';
        if (blank && (n == 0 || out[n - 1] == ' ')) continue;
        out[n++] = blank ? ' ' : *c;
    }
    while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == '.'))
        n--;
    out[str_utf8_whole(out, n)] = '\0';
}
