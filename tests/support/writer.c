/* writer MIB_PER_S: what a job with a loud log runs. It writes lines to standard output at that
 * rate, as far as they are taken, until the reader goes or it is ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STEP_MS 10
#define LINE 128

int main(int argc, char **argv)
{
    static char text[1 << 20];
    double rate = argc == 2 ? strtod(argv[1], NULL) : 0;
    size_t step = (size_t)(rate * (1 << 20) * STEP_MS / 1000);
    const struct timespec pause = {.tv_nsec = STEP_MS * 1000000};
    if (step == 0 || step > sizeof text) return 2;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i % LINE == LINE - 1 ? '\n' : 'a' + (i / LINE + i) % 26);
    for (;;) {
        for (size_t done = 0; done < step;) {
            ssize_t n = write(STDOUT_FILENO, text + done, step - done);
            if (n < 0) return 0;
            done += (size_t)n;
        }
        nanosleep(&pause, NULL);
    }
}
