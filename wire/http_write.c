/* Writes HTTP/1.1 messages. Each writer appends a whole message, or nothing. */
#include "wire/http.h"

#include "base/str.h"

#include <string.h>

#define HEAD_BYTES 192 /* about what the head of an answer has */

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (statuses[i].status == status) return statuses[i].text;
    }
    return "Unknown";
}

/* 1xx, 204 and 304 have no body and say nothing of its length (RFC 9110 section 8.6). */
static bool has_length(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static int finish(struct buf *b, size_t before, int rc)
{
    if (rc != 0) buf_truncate(b, before);
    return rc;
}

static int add_all(struct buf *b, const char *const texts[], size_t count)
{
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = buf_adds(b, texts[i]);
    return rc;
}

/* In decimal digits; returns the first of them. */
static const char *number(size_t n, char digits[24])
{
    char *at = digits + 23;
    *at = '\0';
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return at;
}

static int add_content(struct buf *b, const struct http_content *content)
{
    char digits[24];
    const char *const texts[] = {"Content-Type: ", content ? content->type : "",
                                 content ? "\r\nContent-Length: " : "Content-Length: ",
                                 number(content ? content->len : 0, digits), "\r\n"};
    size_t first = content ? 0 : 2;
    return add_all(b, texts + first, sizeof texts / sizeof *texts - first);
}

static int add_status(struct buf *b, int status)
{
    char digits[24];
    const char *const texts[] = {"HTTP/1.1 ", number((size_t)status, digits), " ",
                                 http_status_text(status), "\r\n"};
    return add_all(b, texts, sizeof texts / sizeof *texts);
}

static int end_head(struct buf *b, const char *extra_headers)
{
    int rc = extra_headers != NULL ? buf_adds(b, extra_headers) : 0;
    if (rc == 0) rc = buf_adds(b, "\r\n");
    return rc;
}

int http_write_response(struct buf *b, int status, const struct http_content *content,
                        const char *extra_headers, bool keep_alive)
{
    size_t before = b->len;
    (void)buf_reserve(b, HEAD_BYTES + (content && content->data ? content->len : 0));
    int rc = add_status(b, status);
    if (rc == 0 && has_length(status)) rc = add_content(b, content);
    if (rc == 0 && !keep_alive) rc = buf_adds(b, "Connection: close\r\n");
    if (rc == 0) rc = end_head(b, extra_headers);
    if (rc == 0 && has_length(status) && content && content->data)
        rc = buf_add(b, content->data, content->len);
    return finish(b, before, rc);
}

int http_write_stream_head(struct buf *b, int status, const char *content_type)
{
    return buf_addf(b,
                    "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n"
                    "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n",
                    status, http_status_text(status), content_type);
}

int http_write_chunk(struct buf *b, const void *data, size_t len)
{
    size_t before = b->len;
    if (len == 0) return 0; /* a chunk of length 0 would end the stream */
    int rc = buf_addf(b, "%zx\r\n", len);
    if (rc == 0) rc = buf_add(b, data, len);
    if (rc == 0) rc = buf_adds(b, "\r\n");
    return finish(b, before, rc);
}

int http_write_stream_end(struct buf *b)
{
    return buf_adds(b, "0\r\n\r\n");
}

/* Checks a word of a request line or header that comes from a user: no character may end the word
 * early. */
static bool is_word(const char *s)
{
    for (const char *c = s; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f) return false;
    }
    return *s != '\0';
}

int http_write_request(struct buf *b, const struct http_to *to, const struct http_content *content,
                       const char *extra_headers)
{
    size_t before = b->len;
    if (!is_word(to->method) || !is_word(to->target) || !is_word(to->host)) return ERR_INVALID;
    int rc = buf_addf(b, "%s %s HTTP/1.1\r\nHost: %s\r\n", to->method, to->target, to->host);
    if (rc == 0 && content) rc = add_content(b, content);
    if (rc == 0) rc = end_head(b, extra_headers);
    if (rc == 0 && content) rc = buf_add(b, content->data, content->len);
    return finish(b, before, rc);
}
