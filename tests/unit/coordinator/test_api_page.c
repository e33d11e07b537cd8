/* The page as a browser gets it: headers, compressed or not, and not again when it is known. */
#include "tests/unit/coordinator/house.h"

#include "base/mem.h"
#include "base/str.h"
#include "coordinator/api/page.h"
#include "coordinator/page/parts.h"

#include <string.h>

static struct house house;
static struct page_part parts[PAGE_PARTS];

static int open_house(void **state)
{
    (void)state;
    house_open(&house, "", NULL);
    page_parts(parts);
    return 0;
}

static int close_house(void **state)
{
    (void)state;
    house_close(&house);
    return 0;
}

/* The head, and the body behind it. */
struct got {
    struct buf text;
    const char *body;
    size_t len;
};

static void get(const char *method, const char *path, const char *headers, struct got *out)
{
    struct peer p;
    char *text =
        str_dupf("%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method, path, headers);
    peer_open(&p, &house, ALPN_HTTP, NULL, NULL);
    peer_write(&p, text, strlen(text));
    peer_wait_closed(&p);
    buf_init(&out->text, 1u << 24);
    buf_add(&out->text, p.in.data, p.in.len);
    char *end = strstr(out->text.data, "\r\n\r\n");
    assert_non_null(end);
    end[2] = '\0';
    out->body = end + 4;
    out->len = out->text.len - (size_t)(out->body - out->text.data);
    peer_fini(&p);
    mem_free(text);
}

static void got_fini(struct got *g)
{
    buf_fini(&g->text);
}

static bool has(const struct got *g, const char *line)
{
    char *whole = str_dupf("\r\n%s\r\n", line);
    bool found = strstr(g->text.data, whole) != NULL;
    mem_free(whole);
    return found;
}

static void must_have(const struct got *g, const char *line)
{
    if (!has(g, line)) fail_msg("'%s' is not in:\n%s", line, g->text.data);
}

static void must_be(const struct got *g, int status)
{
    char *start = str_dupf("HTTP/1.1 %d ", status);
    if (!str_starts(g->text.data, start)) fail_msg("%d was expected: %s", status, g->text.data);
    mem_free(start);
}

/* A copy of the tag; mem_free. */
static char *tag_of(const struct got *g)
{
    const char *line = strstr(g->text.data, "\r\nETag: ");
    assert_non_null(line);
    line += 8;
    return mem_strndup(line, strcspn(line, "\r"));
}

static void must_be_bytes(const struct got *g, const struct page_bytes *bytes)
{
    assert_int_equal(g->len, bytes->len);
    assert_memory_equal(g->body, bytes->data, bytes->len);
}

static void page__for_anybody__comes_with_its_headers(void **state)
{
    (void)state;
    struct got g;
    get("GET", "/", "", &g);
    must_be(&g, 200);
    must_have(&g, "Content-Type: text/html; charset=utf-8");
    must_have(&g, "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src "
                  "'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action "
                  "'none'; frame-ancestors 'none'");
    must_have(&g, "X-Content-Type-Options: nosniff");
    must_have(&g, "Referrer-Policy: no-referrer");
    must_have(&g, "Cache-Control: no-cache");
    must_have(&g, "Vary: Accept-Encoding");
    assert_null(strstr(g.text.data, "Content-Encoding"));
    must_be_bytes(&g, &parts[0].plain);
    got_fini(&g);
    get("GET", "/?from=elsewhere", "", &g);
    must_be(&g, 200);
    got_fini(&g);
}

static void page__of_its_parts__has_those_that_were_built(void **state)
{
    (void)state;
    static const char *const types[] = {"Content-Type: text/html; charset=utf-8",
                                        "Content-Type: text/javascript; charset=utf-8",
                                        "Content-Type: text/css; charset=utf-8"};
    for (size_t i = 0; i < PAGE_PARTS; i++) {
        struct got g;
        char *path = str_dupf("/%s", parts[i].path);
        get("GET", path, "", &g);
        if (!page_part_find(parts, "app.js") && i > 0) {
            must_be(&g, 404);
        } else {
            must_be(&g, 200);
            must_have(&g, types[i]);
            must_be_bytes(&g, &parts[i].plain);
        }
        got_fini(&g);
        mem_free(path);
    }
    assert_true(parts[0].plain.len > 0);
}

static void page__for_a_client_that_takes_gzip__is_compressed(void **state)
{
    (void)state;
    struct got g;
    get("GET", "/", "Accept-Encoding: deflate, gzip;q=0.5, br\r\n", &g);
    must_be(&g, 200);
    must_have(&g, "Content-Encoding: gzip");
    must_have(&g, "Vary: Accept-Encoding");
    must_be_bytes(&g, &parts[0].gzip);
    assert_memory_equal(g.body, "\x1f\x8b", 2);
    got_fini(&g);
}

static void page__head__has_the_length_and_no_body(void **state)
{
    (void)state;
    struct got g;
    get("HEAD", "/", "Accept-Encoding: gzip\r\n", &g);
    must_be(&g, 200);
    char *length = str_dupf("Content-Length: %zu", parts[0].gzip.len);
    must_have(&g, length);
    assert_int_equal(g.len, 0);
    mem_free(length);
    got_fini(&g);
}

static void page__that_is_known__is_not_sent_again(void **state)
{
    (void)state;
    struct got g;
    get("GET", "/", "", &g);
    char *tag = tag_of(&g);
    got_fini(&g);
    get("GET", "/", "Accept-Encoding: gzip\r\n", &g);
    char *gzip_tag = tag_of(&g);
    got_fini(&g);
    assert_string_not_equal(tag, gzip_tag);

    char *known = str_dupf("If-None-Match: \"other\", W/%s\r\n", tag);
    get("GET", "/", known, &g);
    must_be(&g, 304);
    assert_int_equal(g.len, 0);
    assert_null(strstr(g.text.data, "Content-Length"));
    assert_null(strstr(g.text.data, "Content-Encoding"));
    char *line = str_dupf("ETag: %s", tag);
    must_have(&g, line);
    must_have(&g, "Cache-Control: no-cache");
    got_fini(&g);
    get("HEAD", "/", known, &g);
    must_be(&g, 304);
    got_fini(&g);

    /* what one encoding has says nothing of the other */
    char *both = str_dupf("Accept-Encoding: gzip\r\n%s", known);
    get("GET", "/", both, &g);
    must_be(&g, 200);
    got_fini(&g);
    get("GET", "/", "If-None-Match: \"older\"\r\n", &g);
    must_be(&g, 200);
    got_fini(&g);
    mem_free(both);
    mem_free(line);
    mem_free(known);
    mem_free(gzip_tag);
    mem_free(tag);
}

static void page__another_method_or_path__is_refused(void **state)
{
    (void)state;
    static const char *const none[] = {"/index.html", "/app.jsx", "/app", "/app.js/x",
                                       "/APP.JS",     "/a",       "/web", "/app.js.gz"};
    struct got g;
    get("POST", "/", "Content-Length: 0\r\n", &g);
    must_be(&g, 405);
    must_have(&g, "Allow: GET, HEAD");
    got_fini(&g);
    get("GET", "/", "Content-Length: 5\r\n", &g); /* its body is not waited for */
    must_be(&g, 400);
    got_fini(&g);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        get("GET", none[i], "", &g);
        must_be(&g, 404);
        got_fini(&g);
    }
}

static void gzip__of_accept_encoding__is_taken_by_its_weight(void **state)
{
    (void)state;
    static const char *const yes[] = {"gzip",
                                      "GZIP",
                                      "x-gzip",
                                      " br , gzip",
                                      "gzip;q=1.0",
                                      "gzip ; q=0.001",
                                      "*",
                                      "br;q=0, *",
                                      "identity;q=0,gzip",
                                      "*;q=0, gzip",
                                      "gzip;q=0.1,*;q=0"};
    static const char *const no[] = {"",         "identity",      "br, deflate", "gzipped",
                                     "gzip;q=0", "gzip; q=0.000", "gzip;Q=0",    "gzip;q=0, *",
                                     "*;q=0",    "not-gzip",      ",,",          ";q=1"};
    assert_false(page_takes_gzip(NULL));
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!page_takes_gzip(yes[i])) fail_msg("'%s' takes gzip", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (page_takes_gzip(no[i])) fail_msg("'%s' takes no gzip", no[i]);
}

static void tag__in_a_list__is_found_whole(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "\"t\"", "*", "W/\"t\"", "\"a\", \"t\"", "\"a\",W/\"t\",\"b\"", " \"t\" "};
    static const char *const no[] = {"",       "t",       "\"T\"",    "\"tt\"", "\"a\"",
                                     "\"t",    "w/\"t\"", "a, \"t\"", "\"\"",   "\"a\" t \"t\"",
                                     "\"a,\"t"};
    assert_false(page_tag_listed(NULL, "\"t\""));
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!page_tag_listed(yes[i], "\"t\"")) fail_msg("%s lists it", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (page_tag_listed(no[i], "\"t\"")) fail_msg("%s does not list it", no[i]);
}

/* What is of the moment is kept nowhere; what is the same for all may be. */
static void json__is_not_to_be_stored(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        int status;
        bool stored;
    } cases[] = {{"GET", "/api/v1/version", 200, false},
                 {"HEAD", "/api/v1/version", 200, false},
                 {"GET", "/api/v1/jobs", 401, false},
                 {"GET", "/api/v1/none", 404, false},
                 {"PUT", "/api/v1/jobs", 405, false},
                 {"GET", "/healthz", 200, false},
                 {"GET", "/", 200, true},
                 {"GET", "/ca.pem", 200, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct got g;
        get(cases[i].method, cases[i].path, "", &g);
        must_be(&g, cases[i].status);
        if (has(&g, "Cache-Control: no-store") == cases[i].stored)
            fail_msg("%s %s:\n%s", cases[i].method, cases[i].path, g.text.data);
        got_fini(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page__for_anybody__comes_with_its_headers),
        cmocka_unit_test(json__is_not_to_be_stored),
        cmocka_unit_test(page__of_its_parts__has_those_that_were_built),
        cmocka_unit_test(page__for_a_client_that_takes_gzip__is_compressed),
        cmocka_unit_test(page__head__has_the_length_and_no_body),
        cmocka_unit_test(page__that_is_known__is_not_sent_again),
        cmocka_unit_test(page__another_method_or_path__is_refused),
        cmocka_unit_test(gzip__of_accept_encoding__is_taken_by_its_weight),
        cmocka_unit_test(tag__in_a_list__is_found_whole),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
