/* Text of any encoding. What is accepted is UTF-8 without NUL and without a mark, and is the same
 * when it is read again; what is refused names the file in UTF-8. */
#include "base/encoding.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text, again;
    struct err e = {0, ""};
    char *copy = mem_dup(data, size);
    buf_init(&text, 2 * size + 1);
    buf_init(&again, 2 * size + 1);
    int rc = encoding_decode("f", copy, size, &text, &e);
    mem_free(copy);
    if (rc != 0) {
        check(rc == ERR_INVALID && str_starts(e.msg, "f") && text.len == 0);
        check(str_utf8_valid(e.msg, strlen(e.msg)));
    } else {
        check(str_utf8_valid(text.data, text.len) && strlen(text.data) == text.len);
        check(encoding_mark(text.data, text.len) == 0);
        check(encoding_decode("f", text.data, text.len, &again, &e) == 0);
        check(again.len == text.len && memcmp(again.data, text.data, text.len) == 0);
    }
    buf_fini(&again);
    buf_fini(&text);
    return 0;
}
