/* The parts of the page as they are, each plain and compressed: web/build.sh makes them, and
 * cmake/page.cmake says where they are. coordinator/page/parts.c has their names. */
#ifdef __CET__
#include <cet.h>
#endif

#ifdef _WIN32
    .section .rdata,"dr"
#else
    .section .note.GNU-stack,"",%progbits
    .section .rodata
#endif

#define PART(name, file)                                                                           \
    .globl name;                                                                                   \
    .globl name##_end;                                                                             \
    .balign 16;                                                                                    \
    name:;                                                                                         \
    .incbin file;                                                                                  \
    name##_end:;                                                                                   \
    .byte 0

PART(cadre_page_html, "index.html")
PART(cadre_page_html_gz, "index.html.gz")
PART(cadre_page_js, "app.js")
PART(cadre_page_js_gz, "app.js.gz")
PART(cadre_page_css, "app.css")
PART(cadre_page_css_gz, "app.css.gz")
