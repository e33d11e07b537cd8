/* The time, for the files of the API. */
#include "coordinator/api/context.h"

#include "platform/os.h"

int64_t api_mono_ms(void)
{
    struct moment now;
    os_now(&now);
    return now.mono_ms;
}

int64_t api_wall_ms(void)
{
    struct moment now;
    os_now(&now);
    return now.wall_ms;
}
