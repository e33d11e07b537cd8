/* See output_account.h. */
#include "wire/output_account.h"

#include "wire/frame.h"
#include "wire/limits.h"

bool output_account_add(struct output_account *a, int64_t limit_bytes, int stream, size_t len)
{
    bool remark = stream == STREAM_SYSTEM;
    int64_t *sum = remark ? &a->remarks : &a->written;
    int64_t limit = remark ? LIMIT_OUTPUT_REMARKS : limit_bytes > 0 ? limit_bytes : INT64_MAX;
    if ((uint64_t)len > (uint64_t)(limit > *sum ? limit - *sum : 0)) return false;
    *sum += (int64_t)len;
    return true;
}
