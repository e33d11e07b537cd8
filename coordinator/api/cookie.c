/* See cookie.h. */
#include "coordinator/api/cookie.h"

#include "base/mem.h"
#include "base/str.h"

#include <string.h>

#define TEXT_SIZE 44 /* of the number in base64url, with the NUL */
#define BLANKS " \t"
#define FLAGS "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age="
#define HTTPS "https://"
#define HTTPS_PORT ":443"

/* ---- reading ---- */

static bool read_number(const char *value, size_t len, uint8_t number[COOKIE_BYTES])
{
    char text[TEXT_SIZE];
    uint8_t bytes[COOKIE_BYTES];
    size_t n = 0;
    if (len != TEXT_SIZE - 1) return false;
    memcpy(text, value, len);
    text[len] = '\0';
    bool good = str_unbase64url(bytes, sizeof bytes, text, &n) == 0 && n == sizeof bytes;
    if (good) memcpy(number, bytes, sizeof bytes);
    mem_wipe(text, sizeof text);
    mem_wipe(bytes, sizeof bytes);
    return good;
}

/* One "name=value" of the list; blanks around it do not count. */
static void read_pair(const char *pair, size_t len, enum cookie_found *found,
                      uint8_t number[COOKIE_BYTES])
{
    const size_t name = strlen(COOKIE_NAME);
    while (len && strchr(BLANKS, *pair)) {
        pair++;
        len--;
    }
    while (len && strchr(BLANKS, pair[len - 1]))
        len--;
    if (len < name || memcmp(pair, COOKIE_NAME, name) != 0) return;
    if (len > name && pair[name] != '=') return; /* of a longer name */
    bool good =
        *found == COOKIE_NONE && len > name && read_number(pair + name + 1, len - name - 1, number);
    *found = good ? COOKIE_GOOD : COOKIE_BAD;
}

enum cookie_found cookie_read(const struct http_message *m, uint8_t number[COOKIE_BYTES])
{
    enum cookie_found found = COOKIE_NONE;
    for (size_t i = 0; i < m->header_count; i++) {
        const char *s = m->headers[i].value;
        if (!str_eq(m->headers[i].name, "cookie")) continue;
        for (;;) {
            size_t len = strcspn(s, ";");
            read_pair(s, len, &found, number);
            if (!s[len]) break;
            s += len + 1;
        }
    }
    return found;
}

/* ---- writing ---- */

void cookie_set(struct buf *headers, const uint8_t number[COOKIE_BYTES], int64_t life_ms)
{
    char text[TEXT_SIZE];
    str_base64url(text, number, COOKIE_BYTES);
    buf_addf(headers, "Set-Cookie: " COOKIE_NAME "=%s" FLAGS "%lld\r\n", text,
             (long long)(life_ms > 0 ? (life_ms + 999) / 1000 : 0));
    mem_wipe(text, sizeof text);
}

void cookie_clear(struct buf *headers)
{
    buf_adds(headers, "Set-Cookie: " COOKIE_NAME "=" FLAGS "0\r\n");
}

/* ---- whose page? ---- */

/* Without the port that https has when none is named (RFC 6454 section 6.1 leaves it out). */
static size_t authority_length(const char *s)
{
    size_t len = strlen(s), port = strlen(HTTPS_PORT);
    return len > port && str_ends(s, HTTPS_PORT) ? len - port : len;
}

static bool is_own(const char *origin, const char *host)
{
    if (!origin || !host || !*host || !str_starts(origin, HTTPS)) return false;
    origin += strlen(HTTPS);
    size_t len = authority_length(host);
    return authority_length(origin) == len && memcmp(origin, host, len) == 0;
}

bool cookie_from_page(const struct http_message *m, struct problem *p)
{
    static const char hint[] = "a program sends 'Authorization: Bearer cadre-api-…' instead of a "
                               "cookie; a proxy has to pass Host on as it came";
    if (http_header_count(m, "x-cadre-page") != 1 || !str_eq(http_header(m, "x-cadre-page"), "1"))
        problem_set(p, 403, "origin", hint,
                    "a change in a session of the page needs the header 'X-Cadre-Page: 1'");
    else if (http_header_count(m, "origin") != 1 ||
             !is_own(http_header(m, "origin"), http_header(m, "host")))
        problem_set(p, 403, "origin", hint,
                    "this request came from another page: its Origin is not https:// and the Host");
    return p->status == 0;
}
