/*
 * Linked into every test program: what it printed before a crash is in the log, in the order in
 * which it was printed on stdout and stderr.
 */
#include <stdio.h>

__attribute__((constructor)) static void unbuffer_stdout(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
}
