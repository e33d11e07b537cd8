/* The options of a measurement: numbers, and where the files go. */
#include "tests/bench/bench.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

static void usage(FILE *to, const char *program, const struct bench_option *o, size_t count)
{
    fprintf(to, "Usage: %s [OPTION]...\n", program);
    for (size_t i = 0; i < count; i++)
        fprintf(to, "  %-16s %s (%.15g)\n", o[i].flag, o[i].help, *o[i].value);
    fputs("  --dir D          where databases and logs go (TMPDIR or /var/tmp)\n"
          "  --results        print RESULT lines, too\n",
          to);
}

static const struct bench_option *find(const struct bench_option *o, size_t count, const char *flag)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(o[i].flag, flag)) return &o[i];
    return NULL;
}

static void set(const char *program, const struct bench_option *o, const char *value)
{
    char *end = NULL;
    double n = value ? strtod(value, &end) : 0;
    if (!value || end == value || *end || !(n >= o->least && n <= o->most)) {
        fprintf(stderr, "%s: %s takes a number from %.15g to %.15g\n", program, o->flag, o->least,
                o->most);
        exit(2);
    }
    *o->value = n;
}

const char *bench_options(int argc, char **argv, const struct bench_option *o, size_t count)
{
    const char *tmp = getenv("TMPDIR"), *dir = tmp && *tmp ? tmp : "/var/tmp";
    for (int i = 1; i < argc; i++) {
        const struct bench_option *option = find(o, count, argv[i]);
        if (option) {
            i++;
            set(argv[0], option, argv[i]);
        } else if (str_eq(argv[i], "--results")) {
            bench_results_on();
        } else if (str_eq(argv[i], "--dir") && i + 1 < argc) {
            dir = argv[++i];
        } else {
            bool help = str_eq(argv[i], "-h") || str_eq(argv[i], "--help");
            if (!help) fprintf(stderr, "%s: '%s' is not understood\n", argv[0], argv[i]);
            usage(help ? stdout : stderr, argv[0], o, count);
            exit(help ? 0 : 2);
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    return dir;
}
