/* Prints what coordinator/schedule/zone says of files: for each a line "FILE", and a line
 * "BEGINS ENDS OFFSET" for each stretch of time with one offset from 1970 to 2099, in seconds.
 *
 *   support_zone_spans FILE... */
#include "base/buf.h"
#include "coordinator/schedule/zone.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define UNTIL_S INT64_C(4102444800) /* 2100-01-01 */

static int print_file(const char *path)
{
    static char bytes[ZONE_BYTES_MAX + 1];
    struct zone *z = NULL;
    struct err e = {0};
    FILE *f = fopen(path, "rb");
    size_t len = f ? fread(bytes, 1, sizeof bytes, f) : 0;
    if (f) fclose(f);
    if (zone_parse(bytes, len, &z, &e)) {
        fprintf(stderr, "%s: %s\n", path, err_text(&e));
        return EXIT_FAILURE;
    }
    printf("%s\n", path);
    for (int64_t t = 0; t < UNTIL_S;) {
        struct zone_span s = zone_span(z, t);
        int64_t ends = s.ends_s < UNTIL_S ? s.ends_s : UNTIL_S;
        printf("%" PRId64 " %" PRId64 " %d\n", t, ends, s.offset_s);
        t = ends;
    }
    zone_free(z);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int code = EXIT_SUCCESS;
    for (int i = 1; i < argc; i++)
        if (print_file(argv[i]) != EXIT_SUCCESS) code = EXIT_FAILURE;
    return code;
}
