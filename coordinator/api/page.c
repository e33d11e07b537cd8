/* GET /, /app.js, /app.css: the page from memory, for anybody. It does what it does by the API. */
#include "coordinator/api/page.h"
#include "coordinator/api/handlers.h"
#include "coordinator/api/send.h"
#include "coordinator/page/parts.h"

#include "base/mem.h"
#include "base/str.h"
#include "wire/pki.h"

#include <string.h>

#define TAG_BYTES 16 /* of a SHA-256 */

struct page {
    struct page_part parts[PAGE_PARTS];
    /* Of the plain bytes, in quotes; the tag of the compressed ones has "-gzip" at its end. */
    char tags[PAGE_PARTS][2 * TAG_BYTES + 1];
};

struct page *page_new(void)
{
    struct page *p = mem_alloc(sizeof *p);
    page_parts(p->parts);
    for (size_t i = 0; i < PAGE_PARTS; i++) {
        uint8_t hash[PKI_HASH_BYTES];
        pki_sha256(p->parts[i].plain.data, p->parts[i].plain.len, hash);
        str_hex(p->tags[i], hash, TAG_BYTES);
    }
    return p;
}

void page_free(struct page *p)
{
    mem_free(p);
}

/* ---- what the client takes ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Is the text up to `end` this word, in any case, with blanks around it? */
static bool is_word(const char *text, const char *end, const char *word)
{
    while (text < end && is_blank(*text))
        text++;
    while (text < end && is_blank(end[-1]))
        end--;
    size_t len = strlen(word);
    if ((size_t)(end - text) != len) return false;
    for (size_t i = 0; i < len; i++)
        if (lower(text[i]) != word[i]) return false;
    return true;
}

/* A weight of 0 says that it is not taken (RFC 9110 section 12.4.2): ";q=0", ";q=0.000". */
static bool is_refused(const char *weight, const char *end)
{
    while (weight < end && (is_blank(*weight) || *weight == ';'))
        weight++;
    if (end - weight < 3 || lower(weight[0]) != 'q' || weight[1] != '=') return false;
    for (weight += 2; weight < end; weight++)
        if (*weight != '0' && *weight != '.' && !is_blank(*weight)) return false;
    return true;
}

bool page_takes_gzip(const char *accept)
{
    bool any = false;
    while (accept && *accept) {
        const char *end = accept + strcspn(accept, ",");
        const char *name_end = accept + strcspn(accept, ",;");
        bool taken = !is_refused(name_end, end);
        if (is_word(accept, name_end, "gzip") || is_word(accept, name_end, "x-gzip")) return taken;
        if (is_word(accept, name_end, "*")) any = taken;
        accept = *end ? end + 1 : end;
    }
    return any;
}

/* A list of tags in quotes, each maybe with W/ before it, or "*" (RFC 9110 section 13.1.2). */
bool page_tag_listed(const char *list, const char *tag)
{
    size_t len = strlen(tag);
    while (list && *list) {
        if (is_blank(*list) || *list == ',') {
            list++;
            continue;
        }
        if (*list == '*') return true;
        if (list[0] == 'W' && list[1] == '/') list += 2;
        if (*list != '"') return false;
        const char *end = strchr(list + 1, '"');
        if (!end) return false;
        if ((size_t)(end - list) + 1 == len && memcmp(list, tag, len) == 0) return true;
        list = end + 1;
    }
    return false;
}

/* ---- answering ---- */

#define HEADERS                                                                                    \
    "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n"                                         \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "              \
    "frame-ancestors 'none'\r\n"                                                                   \
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"

static void send_part(struct request *r, const struct page_part *part, const char *hash)
{
    const struct http_message *m = r->message;
    bool gzip = page_takes_gzip(http_header(m, "accept-encoding"));
    const struct page_bytes *bytes = gzip ? &part->gzip : &part->plain;
    const struct http_content content = {part->type, bytes->data, bytes->len};
    char tag[2 * TAG_BYTES + 16], headers[1024];
    (void)str_format(tag, sizeof tag, "\"%s%s\"", hash, gzip ? "-gzip" : "");
    bool known = page_tag_listed(http_header(m, "if-none-match"), tag);
    (void)str_format(headers, sizeof headers, "ETag: %s\r\n%s%s", tag,
                     gzip && !known ? "Content-Encoding: gzip\r\n" : "", HEADERS);
    request_send_bytes(r, known ? 304 : 200, known ? NULL : &content, headers);
}

void page_show(struct request *r)
{
    const struct page *p = r->api->page;
    const struct page_part *part = page_part_find(p->parts, r->route->path);
    if (part) {
        send_part(r, part, p->tags[part - p->parts]);
        return;
    }
    struct problem no = {0};
    problem_set(&no, 404, "not-found", "run 'sh installer/deps.sh page' and build it again",
                "this program was built without its page");
    request_send_problem(r, &no);
}
