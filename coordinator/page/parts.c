/* The names of what coordinator/page/bytes.S holds. */
#include "coordinator/page/parts.h"

#include "base/str.h"

extern const unsigned char cadre_page_html[], cadre_page_html_end[];
extern const unsigned char cadre_page_html_gz[], cadre_page_html_gz_end[];
extern const unsigned char cadre_page_js[], cadre_page_js_end[];
extern const unsigned char cadre_page_js_gz[], cadre_page_js_gz_end[];
extern const unsigned char cadre_page_css[], cadre_page_css_end[];
extern const unsigned char cadre_page_css_gz[], cadre_page_css_gz_end[];

static struct page_bytes between(const unsigned char *from, const unsigned char *to)
{
    return (struct page_bytes){.data = from, .len = (size_t)(to - from)};
}

void page_parts(struct page_part out[PAGE_PARTS])
{
    out[0] = (struct page_part){.path = "",
                                .type = "text/html; charset=utf-8",
                                .plain = between(cadre_page_html, cadre_page_html_end),
                                .gzip = between(cadre_page_html_gz, cadre_page_html_gz_end)};
    out[1] = (struct page_part){.path = "app.js",
                                .type = "text/javascript; charset=utf-8",
                                .plain = between(cadre_page_js, cadre_page_js_end),
                                .gzip = between(cadre_page_js_gz, cadre_page_js_gz_end)};
    out[2] = (struct page_part){.path = "app.css",
                                .type = "text/css; charset=utf-8",
                                .plain = between(cadre_page_css, cadre_page_css_end),
                                .gzip = between(cadre_page_css_gz, cadre_page_css_gz_end)};
}

const struct page_part *page_part_find(const struct page_part parts[PAGE_PARTS], const char *path)
{
    for (size_t i = 0; i < PAGE_PARTS; i++)
        if (str_eq(parts[i].path, path) && parts[i].plain.len) return &parts[i];
    return NULL;
}
