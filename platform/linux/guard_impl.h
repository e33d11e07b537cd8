/* What the two sides of the guard agree on: what its standard streams are. */
#ifndef CADRE_PLATFORM_LINUX_GUARD_IMPL_H
#define CADRE_PLATFORM_LINUX_GUARD_IMPL_H

#define GUARD_LINE_FD 0 /* a pipe: a byte wakes it, the end is the agent's end */
#define GUARD_MEMORY_FD 1
#define GUARD_LOG_FD 2

#endif
