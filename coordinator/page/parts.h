/* The page that is built into the program (web/build.sh): its parts, from memory. Any thread. */
#ifndef CADRE_COORDINATOR_PAGE_PARTS_H
#define CADRE_COORDINATOR_PAGE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

struct page_bytes {
    const unsigned char *data; /* of the program: never freed */
    size_t len;
};

struct page_part {
    const char *path; /* "": the page itself; "app.js", "app.css" */
    const char *type; /* for Content-Type */
    struct page_bytes plain, gzip;
};

#define PAGE_PARTS 3

/* PAGE_PARTS of them, the page first. */
void page_parts(struct page_part out[PAGE_PARTS]);
/* The part of this path. NULL: the page has none of the name, or was built without it. */
const struct page_part *page_part_find(const struct page_part parts[PAGE_PARTS], const char *path);

#endif
