/* Job specs. What is taken can be written, and what was written is taken and says the same, before
 * and after the number of the attempt was put in; also what release 0.1 stored. */
#include "base/mem.h"
#include "wire/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ROOM (16u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds) abort();
}

static void check_round(const struct spec *s)
{
    struct spec again;
    struct spec_problem p, q;
    struct buf b, c;
    struct err e = {0};
    buf_init(&b, ROOM);
    buf_init(&c, ROOM);
    check(spec_encode(s, &b) == 0);
    check(spec_decode(b.data, b.len, &again, &e) == 0);
    check(spec_check(s, &p) == spec_check(&again, &q));
    check(spec_encode(&again, &c) == 0);
    check(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
    spec_fini(&again);
    buf_fini(&b);
    buf_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct spec s = {.kill_grace_ms = 0};
    struct err e = {0};
    char *text = mem_strndup((const char *)data, size);
    if (spec_decode((const char *)data, size, &s, &e) == 0) {
        check_round(&s);
        spec_fini(&s);
    } else {
        check(e.msg[0] != '\0' && s.command.items == NULL && s.script == NULL);
    }
    if (spec_decode_stored(text, &s, &e) == 0) {
        check_round(&s);
        spec_fill_attempt(&s, 1000000);
        check(s.attempt_mark == NULL);
        spec_fini(&s);
    }
    check(spec_glance(text).kill_grace_ms >= 1);
    mem_free(text);
    return 0;
}
