/* stamp PIPE: what a job that bench_lone measures runs. It says when it began, as 8 bytes of the
 * monotonic clock, and ends. */
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    int fd = argc == 2 ? open(argv[1], O_WRONLY | O_CLOEXEC) : -1;
    return fd >= 0 && write(fd, &ns, sizeof ns) == sizeof ns ? 0 : 1;
}
