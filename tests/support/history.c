/* history FILE...: judges histories by history_check.h, one after the other. Prints
 * "FILE:LINE: RULE: what is wrong" for each fault, and for each file how much was in it. Ends with
 * 0 when nothing is wrong, with 1 when something is, with 2 when a file cannot be read. */
#include "tests/support/history_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int judge(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return 2;
    }
    struct history *h = history_new();
    char *line = NULL;
    size_t cap = 0, jobs, starts, ends;
    while (getline(&line, &cap, f) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        history_line(h, line);
    }
    history_end(h);
    free(line);
    fclose(f);
    size_t faults = history_fault_count(h);
    for (size_t i = 0; i < faults; i++)
        printf("%s:%s\n", path, history_fault(h, i));
    history_counts(h, &jobs, &starts, &ends);
    printf("%s: %zu jobs, %zu attempts, %zu ends, %zu faults\n", path, jobs, starts, ends, faults);
    history_free(h);
    return faults > 0;
}

int main(int argc, char **argv)
{
    int worst = argc < 2 ? 2 : 0;
    if (argc < 2) fprintf(stderr, "usage: history FILE...\n");
    for (int i = 1; i < argc; i++) {
        int rc = judge(argv[i]);
        if (rc > worst) worst = rc;
    }
    return worst;
}
