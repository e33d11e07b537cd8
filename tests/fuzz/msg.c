/* Messages. What is taken can be sent, and what was sent is taken and says the same. */
#include "base/mem.h"
#include "wire/frame.h"
#include "wire/msg.h"

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
    struct msg m = {.type = MSG_NONE}, again;
    struct err e = {0};
    struct buf b, c;
    struct msg_peer from = {.agent = true, .known = true};
    int rc = msg_decode(data, size, from, &m, &e);
    if (rc != 0) {
        check(e.msg[0] != '\0' && m.type == MSG_NONE);
        from.agent = false;
        rc = msg_decode(data, size, from, &m, &e);
    }
    if (rc != 0) {
        check(rc == ERR_PROTOCOL && e.msg[0] != '\0' && m.type == MSG_NONE);
        return 0;
    }
    buf_init(&b, 2 * LIMIT_FRAME_KNOWN);
    buf_init(&c, 2 * LIMIT_FRAME_KNOWN);
    check(m.type > MSG_NONE && m.type < MSG_TYPES);
    check(msg_frame_add(&b, &m) == 0);
    check(msg_decode(b.data + FRAME_HEAD, b.len - FRAME_HEAD, from, &again, &e) == 0);
    check(msg_frame_add(&c, &again) == 0);
    check(b.len == c.len && memcmp(b.data, c.data, b.len) == 0);
    buf_fini(&b);
    buf_fini(&c);
    msg_fini(&m);
    msg_fini(&again);
    return 0;
}
